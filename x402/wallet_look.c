/* Looking after transactions: which are mined, which hang, what a reorganisation took. */
#include "base/assert.h"
#include "base/log.h"
#include "x402/wallet_internal.h"

enum {
    LOOKS_MAX = 10, /* for the receipt of a nonce that is mined */
    LOOK_MS = 1000,
    REFRESH_MS = 15000, /* balance and fees, when nothing is sent */
    BEHIND_MS = 2000,   /* so long a count must be below ours before it is believed */
};

/* --- the beginning ---------------------------------------------------------------------------- */

static void pending_answered(struct evm_rpc_call *call)
{
    struct x402_wallet *wallet = call->owner;
    if (wallet_failed(wallet)) {
        return;
    }
    uint64_t room = wallet->base + WALLET_SLOTS;
    wallet->next = call->count > wallet->base ? call->count : wallet->base;
    wallet->next = wallet->next < room ? wallet->next : room;
    for (uint64_t nonce = wallet->base; nonce < wallet->next; nonce++) {
        *wallet_slot(wallet, nonce) = (struct wallet_slot){.use = WALLET_FOREIGN, .nonce = nonce};
    }
    if (wallet->next > wallet->base) {
        lucid_log(LUCID_LOG_INFO, "wallet.begin",
                  "%s: %llu transactions of an earlier run are on their way",
                  wallet->options.network->caip2,
                  (unsigned long long)(wallet->next - wallet->base));
    }
    wallet->progress_ms = wallet_now(wallet);
    wallet->opened = true;
    wallet_send(wallet);
}

static void ask_count(struct x402_wallet *wallet, bool pending,
                      void (*done)(struct evm_rpc_call *call))
{
    struct evm_rpc_call *call = wallet_question(wallet, EVM_RPC_COUNT);
    call->to = wallet->options.key->address;
    call->pending = pending;
    wallet_ask(wallet, done);
}

static void first_answered(struct evm_rpc_call *call)
{
    struct x402_wallet *wallet = call->owner;
    if (wallet_failed(wallet)) {
        return;
    }
    wallet->base = wallet->count = call->count;
    ask_count(wallet, true, pending_answered);
}

void wallet_begin(struct x402_wallet *wallet)
{
    ask_count(wallet, false, first_answered);
}

/* --- what else is asked now and then ---------------------------------------------------------- */

static void judge_balance(struct x402_wallet *wallet)
{
    const struct x402_network *network = wallet->options.network;
    uint64_t fee = network->max_fee_wei;
    uint64_t want;
    bool was_low = wallet->low;
    if (wallet->has_fees && !__builtin_mul_overflow(wallet->base_fee, UINT64_C(2), &want) &&
        !__builtin_add_overflow(want, wallet->tip, &want) && want < fee) {
        fee = want;
    }
    if (__builtin_mul_overflow(fee, network->gas_limit, &want)) {
        want = UINT64_MAX;
    }
    struct evm_u256 least = evm_u256_of(want);
    wallet->low = evm_u256_compare(&wallet->balance, &least) < 0;
    if (wallet->low != was_low) {
        char address[EVM_ADDRESS_TEXT_BYTES + 1];
        evm_address_text(&wallet->options.key->address, address);
        lucid_log(wallet->low ? LUCID_LOG_ERROR : LUCID_LOG_INFO, "wallet.funds",
                  wallet->low ? "%s: the gas account %s has too little for one transaction"
                              : "%s: the gas account %s has enough again",
                  network->caip2, address);
    }
}

static void balance_answered(struct evm_rpc_call *call)
{
    struct x402_wallet *wallet = call->owner;
    if (wallet_failed(wallet)) {
        return;
    }
    wallet->balance = call->balance;
    wallet->has_balance = true;
    wallet->balance_ms = wallet_now(wallet);
    judge_balance(wallet);
    wallet_tick_end(wallet);
}

static void ask_balance(struct x402_wallet *wallet)
{
    wallet_question(wallet, EVM_RPC_BALANCE)->to = wallet->options.key->address;
    wallet_ask(wallet, balance_answered);
}

static void refresh(struct x402_wallet *wallet)
{
    uint64_t now = wallet_now(wallet);
    if (wallet->has_balance && now - wallet->balance_ms < REFRESH_MS) {
        wallet_tick_end(wallet);
    } else if (!wallet->has_fees || now - wallet->fees_ms >= REFRESH_MS) {
        wallet_fees_ask(wallet, ask_balance);
    } else {
        ask_balance(wallet);
    }
}

/* --- what is stuck ---------------------------------------------------------------------------- */

static void fill(struct x402_wallet *wallet, struct wallet_slot *slot)
{
    *slot = (struct wallet_slot){.use = WALLET_FILLER, .nonce = slot->nonce};
    wallet->hurry = true;
}

/* The lowest nonce holds up all others. */
static void unstick(struct x402_wallet *wallet)
{
    uint64_t now = wallet_now(wallet);
    uint64_t stuck_ms = (uint64_t)wallet->options.network->stuck_seconds * 1000;
    struct wallet_slot *slot = wallet_slot(wallet, wallet->base);
    uint64_t since = slot->sent_ms > wallet->progress_ms ? slot->sent_ms : wallet->progress_ms;
    switch (slot->use) {
    case WALLET_FREE:
        fill(wallet, slot);
        break;
    case WALLET_FOREIGN:
        if (now - wallet->progress_ms >= stuck_ms) {
            lucid_log(LUCID_LOG_WARN, "wallet.stuck",
                      "%s: a transaction of an earlier run hangs: it is replaced",
                      wallet->options.network->caip2);
            fill(wallet, slot);
        }
        break;
    case WALLET_ORDER:
    case WALLET_FILLER:
        if (slot->taken && now - since >= stuck_ms) {
            if (slot->version_count == 1) {
                lucid_log(LUCID_LOG_INFO, "wallet.stuck",
                          "%s: a transaction hangs: it is sent again for more",
                          wallet->options.network->caip2);
            }
            slot->taken = false;
            slot->bump = true;
            slot->wait_ms = 0;
            wallet->hurry = true;
        }
        break;
    case WALLET_DONE:
        break;
    }
}

static void look_at_stuck(struct x402_wallet *wallet)
{
    while (wallet->next > wallet->base &&
           wallet_slot(wallet, wallet->next - 1)->use == WALLET_FREE) {
        wallet->next--;
    }
    if (wallet->next > wallet->base && wallet->base >= wallet->count) {
        unstick(wallet);
    }
    refresh(wallet);
}

/* --- what is mined ---------------------------------------------------------------------------- */

static void look_at_mined(struct x402_wallet *wallet);

/* Somebody else used that nonce: none of the order's transactions can be mined. */
static void nonce_lost(struct x402_wallet *wallet, struct wallet_slot *slot)
{
    lucid_assert(slot->use == WALLET_ORDER && slot->order != NULL);
    lucid_log(LUCID_LOG_WARN, "wallet.nonce",
              "%s: nonce %llu of the gas key was used by somebody else",
              wallet->options.network->caip2, (unsigned long long)slot->nonce);
    slot->order->slot = NULL;
    slot->order = NULL;
    slot->use = WALLET_DONE;
    wallet->hurry = true;
}

/* The next older version that a node may have, below `below`; false: none. */
static bool version_below(const struct wallet_slot *slot, size_t below, size_t *ret)
{
    for (size_t i = below; i > 0; i--) {
        if (slot->versions[i - 1].out) {
            *ret = i - 1;
            return true;
        }
    }
    return false;
}

static void ask_receipt(struct x402_wallet *wallet, size_t below);

static void receipt_answered(struct evm_rpc_call *call)
{
    struct x402_wallet *wallet = call->owner;
    struct wallet_slot *slot = wallet->at;
    if (wallet_failed(wallet)) {
        return;
    }
    if (call->error != LUCID_OK) {
        ask_receipt(wallet, wallet->at_version);
        return;
    }
    struct wallet_order *order = slot->order;
    struct evm_hash hash = slot->versions[wallet->at_version].hash;
    slot->use = WALLET_DONE;
    wallet_order_end(order, X402_WALLET_MINED, &hash, "");
    look_at_mined(wallet);
}

static void ask_receipt(struct x402_wallet *wallet, size_t below)
{
    struct wallet_slot *slot = wallet->at;
    if (version_below(slot, below, &wallet->at_version)) {
        wallet_question(wallet, EVM_RPC_RECEIPT)->hash = slot->versions[wallet->at_version].hash;
        wallet_ask(wallet, receipt_answered);
        return;
    }
    if (below == slot->version_count || ++slot->looks >= LOOKS_MAX) {
        nonce_lost(wallet, slot);
    } else {
        slot->wait_ms = wallet_now(wallet) + LOOK_MS;
    }
    look_at_mined(wallet);
}

/* Below the chain's count everything is mined; authorizations want their receipt. */
static void look_at_mined(struct x402_wallet *wallet)
{
    uint64_t now = wallet_now(wallet);
    for (uint64_t nonce = wallet->base; nonce < wallet->next && nonce < wallet->count; nonce++) {
        struct wallet_slot *slot = wallet_slot(wallet, nonce);
        if (slot->use != WALLET_ORDER) {
            slot->use = WALLET_DONE;
        } else if (now >= slot->wait_ms || slot->taken) {
            slot->taken = false; /* wait_ms counts from now on */
            wallet->at = slot;
            ask_receipt(wallet, slot->version_count);
            return;
        }
    }
    uint64_t was = wallet->base;
    while (wallet->base < wallet->next && wallet->base < wallet->count &&
           wallet_slot(wallet, wallet->base)->use == WALLET_DONE) {
        wallet->base++;
    }
    if (wallet->base == wallet->next && wallet->base < wallet->count) {
        wallet->base = wallet->next = wallet->count; /* others use the key too */
    }
    if (wallet->base > was) {
        wallet->progress_ms = now;
        wallet->interval_ms = WALLET_INTERVAL_MS;
    }
    look_at_stuck(wallet);
}

/* A reorganisation took transactions that were mined. Most go back to the nodes' pools by
 * themselves; those that did not would hold up all later ones. */
static void reopen(struct x402_wallet *wallet)
{
    uint64_t oldest = wallet->next > WALLET_SLOTS ? wallet->next - WALLET_SLOTS : 0;
    uint64_t from = wallet->count > oldest ? wallet->count : oldest;
    lucid_log(LUCID_LOG_WARN, "wallet.reorganised",
              "%s: a reorganisation took %llu transactions of the gas key; they are sent again",
              wallet->options.network->caip2, (unsigned long long)(wallet->base - from));
    for (uint64_t nonce = from; nonce < wallet->base; nonce++) {
        struct wallet_slot *slot = wallet_slot(wallet, nonce);
        bool known = slot->use == WALLET_DONE && slot->nonce == nonce && slot->version_count > 0;
        if (!known || slot->order == NULL || !slot->order->ended) {
            *slot = (struct wallet_slot){.use = WALLET_FILLER, .nonce = nonce};
            continue;
        }
        slot->use = WALLET_ORDER;
        slot->taken = false;
        slot->looks = slot->refusals = 0;
        slot->wait_ms = 0;
        slot->order->ended = false;
        slot->order->slot = slot;
        slot->order->state = X402_WALLET_SENT;
    }
    wallet->base = from;
    wallet->progress_ms = wallet_now(wallet);
    wallet->hurry = true;
}

static void counted(struct evm_rpc_call *call)
{
    struct x402_wallet *wallet = call->owner;
    if (wallet_failed(wallet)) {
        return;
    }
    wallet->count = call->count;
    wallet->recount = false;
    if (wallet->count >= wallet->base) {
        wallet->behind_ms = 0;
    } else if (wallet->behind_ms == 0) { /* a reorganisation, or a node that lags */
        wallet->behind_ms = wallet_now(wallet);
    } else if (wallet_now(wallet) - wallet->behind_ms >= BEHIND_MS) {
        wallet->behind_ms = 0;
        reopen(wallet);
    }
    look_at_mined(wallet);
}

void wallet_look(struct x402_wallet *wallet)
{
    ask_count(wallet, false, counted);
}

/* Giving transactions to nodes: nonces, fees, answers. */
#include "base/log.h"
#include "x402/fees.h"
#include "x402/wallet_internal.h"

enum {
    FEES_MS = 2000, /* how long an answer about fees is good for sending */
    RESEND_MS = 1000,
    LOW_NONCE_MS = 300,
    REFUSALS_MAX = 3,
};

/* --- fees ------------------------------------------------------------------------------------- */

static void tip_answered(struct evm_rpc_call *call)
{
    struct x402_wallet *wallet = call->owner;
    bool unadvised = call->why.code != NULL && strcmp(call->why.code, "RPC_ERROR") == 0;
    if (!(call->error == LUCID_RETRY_IO && unadvised) && wallet_failed(wallet)) {
        return;
    }
    const struct x402_network *network = wallet->options.network;
    bool was_dear = wallet->dear;
    wallet->tip = call->error == LUCID_OK ? call->tip : X402_TIP_DEFAULT_WEI;
    wallet->has_fees = true;
    wallet->fees_ms = wallet_now(wallet);
    const struct x402_fees fees = {.base_fee = wallet->base_fee, .tip = wallet->tip};
    wallet->dear = x402_fees_least(&fees) > network->max_fee_wei;
    if (wallet->dear != was_dear) {
        lucid_log(wallet->dear ? LUCID_LOG_WARN : LUCID_LOG_INFO, "wallet.fees",
                  wallet->dear ? "%s: fees of %llu wei are above max_fee_gwei: settlements wait"
                               : "%s: fees of %llu wei are below max_fee_gwei again",
                  network->caip2, (unsigned long long)x402_fees_least(&fees));
    }
    wallet->then(wallet);
}

static void base_fee_answered(struct evm_rpc_call *call)
{
    struct x402_wallet *wallet = call->owner;
    if (wallet_failed(wallet)) {
        return;
    }
    bool known = call->error == LUCID_OK && call->block.has_base_fee;
    wallet->base_fee = known ? call->block.base_fee : 0;
    (void)wallet_question(wallet, EVM_RPC_TIP);
    wallet_ask(wallet, tip_answered);
}

void wallet_fees_ask(struct x402_wallet *wallet, wallet_step_fn *then)
{
    wallet->then = then;
    wallet_question(wallet, EVM_RPC_BLOCK)->tag = EVM_RPC_LATEST;
    wallet_ask(wallet, base_fee_answered);
}

/* The fees of the slot's next version. False: not possible under the cap. */
static bool fees_of(const struct x402_wallet *wallet, const struct wallet_slot *slot,
                    struct wallet_version *ret)
{
    const struct x402_fees fees = {.base_fee = wallet->base_fee, .tip = wallet->tip};
    struct x402_fee_pair pair = {0};
    bool again = slot->version_count > 0;
    if (again) {
        const struct wallet_version *last = &slot->versions[slot->version_count - 1];
        pair = (struct x402_fee_pair){.tip = last->tip, .max_fee = last->max_fee};
    }
    if (!x402_fees_next(&fees, wallet->options.network->max_fee_wei, again ? &pair : NULL, &pair)) {
        return false;
    }
    ret->tip = pair.tip;
    ret->max_fee = pair.max_fee;
    return true;
}

/* --- versions --------------------------------------------------------------------------------- */

static bool has_out(const struct wallet_slot *slot)
{
    for (size_t i = 0; i < slot->version_count; i++) {
        if (slot->versions[i].out) {
            return true;
        }
    }
    return false;
}

/* No dearer one is possible: what is out must do, and is sent once more in case it was dropped. */
static bool version_keep(struct x402_wallet *wallet, struct wallet_slot *slot)
{
    uint64_t stuck_ms = (uint64_t)wallet->options.network->stuck_seconds * 1000;
    uint64_t wait_ms = slot->bump ? stuck_ms : FEES_MS;
    slot->bump = false;
    while (slot->version_count > 0 && !slot->versions[slot->version_count - 1].out) {
        slot->version_count--;
    }
    if (slot->version_count == 0) {
        slot->wait_ms = wallet_now(wallet) + wait_ms;
        return false;
    }
    return true;
}

/* Makes the version that is to be sent. False: not now. */
static bool version_make(struct x402_wallet *wallet, struct wallet_slot *slot)
{
    struct wallet_version version = {0};
    if (slot->version_count > 0 && !slot->bump) {
        return true;
    }
    bool last_out = slot->version_count > 0 && slot->versions[slot->version_count - 1].out;
    if (!fees_of(wallet, slot, &version) ||
        (last_out && slot->version_count == X402_WALLET_VERSIONS_MAX)) {
        return version_keep(wallet, slot);
    }
    if (slot->version_count == 0 || last_out) {
        slot->version_count++;
    }
    slot->versions[slot->version_count - 1] = version;
    slot->bump = false;
    return true;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void order_push(struct wallet_order *order, const struct evm_hash *hash)
{
    for (size_t i = 0; i < order->count; i++) {
        if (memcmp(order->transactions[i].bytes, hash->bytes, EVM_HASH_BYTES) == 0) {
            return;
        }
    }
    if (order->count == X402_WALLET_VERSIONS_MAX) {
        memmove(&order->transactions[0], &order->transactions[1],
                (X402_WALLET_VERSIONS_MAX - 1) * sizeof(order->transactions[0]));
        order->count--;
    }
    order->transactions[order->count++] = *hash;
}

static void order_pop(struct wallet_order *order, const struct evm_hash *hash)
{
    if (order->count > 0 &&
        memcmp(order->transactions[order->count - 1].bytes, hash->bytes, EVM_HASH_BYTES) == 0) {
        order->count--;
    }
}

/* Nobody has any version: the nonce is free again, the authorization ended. */
static void give_up(struct x402_wallet *wallet, struct wallet_slot *slot,
                    enum x402_wallet_state state, const char *text)
{
    if (slot->use != WALLET_ORDER) {
        slot->wait_ms =
            wallet_now(wallet) + (uint64_t)wallet->options.network->stuck_seconds * 1000;
        return;
    }
    struct wallet_order *order = slot->order;
    slot->use = WALLET_FREE;
    slot->order = NULL;
    slot->version_count = 0;
    wallet_order_end(order, state, NULL, text);
}

/* A node has it, or may have it. */
static void now_out(struct x402_wallet *wallet, struct wallet_slot *slot,
                    struct wallet_version *version)
{
    if (!version->out) {
        version->out = true;
        if (slot->version_count > 1) {
            wallet->replaced++;
        } else {
            wallet->sent++;
        }
    }
    if (slot->use == WALLET_ORDER) {
        wallet_order_tell(slot->order, X402_WALLET_SENT, &version->hash, "");
    }
}

static void stays(struct x402_wallet *wallet, struct wallet_slot *slot)
{
    slot->taken = true;
    slot->bump = false;
    slot->sent_ms = wallet_now(wallet);
}

/* Refused at once by every node that answered. */
static void refused(struct x402_wallet *wallet, struct wallet_slot *slot, const char *text)
{
    if (has_out(slot)) {
        stays(wallet, slot);
    } else if (++slot->refusals >= REFUSALS_MAX) {
        lucid_log(LUCID_LOG_WARN, "wallet.refused", "%s: a transaction is not taken: %s",
                  wallet->options.network->caip2, text);
        give_up(wallet, slot, X402_WALLET_REFUSED, text);
    } else {
        slot->wait_ms = wallet_now(wallet) + RESEND_MS;
    }
}

static void no_funds(struct x402_wallet *wallet, struct wallet_slot *slot)
{
    char address[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_text(&wallet->options.key->address, address);
    lucid_log(LUCID_LOG_ERROR, "wallet.funds",
              "%s: the gas account %s cannot pay for a transaction", wallet->options.network->caip2,
              address);
    wallet->has_balance = false; /* soon asked again */
    if (has_out(slot)) {
        stays(wallet, slot);
    } else {
        give_up(wallet, slot, X402_WALLET_NO_FUNDS, "the gas account cannot pay for it");
    }
}

static void sent(struct evm_rpc_call *call)
{
    struct x402_wallet *wallet = call->owner;
    struct wallet_slot *slot = wallet->at;
    struct wallet_version *version = &slot->versions[slot->version_count - 1];
    if (lucid_category(call->error) == LUCID_CATEGORY_RETRY) {
        slot->wait_ms = wallet_now(wallet) + RESEND_MS;
        now_out(wallet, slot, version); /* it may have arrived */
        (void)wallet_failed(wallet);
        return;
    }
    if (call->send == EVM_SEND_TAKEN) {
        slot->refusals = 0;
        stays(wallet, slot);
        now_out(wallet, slot, version);
        wallet_send(wallet);
        return;
    }
    if (!version->out && slot->use == WALLET_ORDER) {
        order_pop(slot->order, &version->hash);
    }
    switch (call->send) {
    case EVM_SEND_TAKEN:
        break;
    case EVM_SEND_NONCE_LOW:
        wallet->recount = true;
        slot->wait_ms = wallet_now(wallet) + LOW_NONCE_MS;
        break;
    case EVM_SEND_UNDERPRICED:
        if (version->out) {
            stays(wallet, slot);
        } else {
            slot->bump = true;
        }
        break;
    case EVM_SEND_NO_FUNDS:
        no_funds(wallet, slot);
        break;
    case EVM_SEND_REFUSED:
        refused(wallet, slot, call->why.text);
        break;
    }
    wallet_send(wallet);
}

/* --- sending ---------------------------------------------------------------------------------- */

static void hand_out(struct x402_wallet *wallet, struct wallet_slot *slot)
{
    const struct x402_network *network = wallet->options.network;
    struct wallet_version *version = &slot->versions[slot->version_count - 1];
    struct evm_transaction transaction = {.chain_id = network->chain_id,
                                          .nonce = slot->nonce,
                                          .tip_wei = version->tip,
                                          .max_fee_wei = version->max_fee,
                                          .gas_limit = network->gas_limit,
                                          .to = wallet->options.key->address};
    if (slot->use == WALLET_ORDER) {
        evm_call_transfer_with_authorization(&slot->order->authorization, &slot->order->signature,
                                             &wallet->calldata);
        transaction.to = network->token;
        transaction.data = evm_calldata_span(&wallet->calldata);
    }
    lucid_buf_clear(&wallet->raw);
    if (evm_transaction_sign(wallet->options.key, &transaction, &wallet->raw, &version->hash) !=
        LUCID_OK) {
        slot->wait_ms = wallet_now(wallet) + RESEND_MS;
        wallet_look(wallet);
        return;
    }
    if (slot->use == WALLET_ORDER) {
        order_push(slot->order, &version->hash);
    }
    wallet->at = slot;
    wallet_question(wallet, EVM_RPC_SEND)->data = lucid_buf_span(&wallet->raw);
    wallet_ask(wallet, sent);
}

static void slot_begin(struct x402_wallet *wallet, uint64_t nonce, struct wallet_order *order)
{
    struct wallet_slot *slot = wallet_slot(wallet, nonce);
    *slot = (struct wallet_slot){.use = WALLET_ORDER, .nonce = nonce, .order = order};
    order->slot = slot;
}

/* Gives the next order a nonce: the lowest that is free. */
static bool assign(struct x402_wallet *wallet)
{
    uint64_t nonce = wallet->base > wallet->count ? wallet->base : wallet->count;
    struct wallet_order *order = wallet_order_next(wallet);
    if (order == NULL || wallet->count > wallet->next) {
        return false;
    }
    struct evm_u256 now = evm_u256_of(lucid_wall_ms(&wallet->options.loop->clock) / 1000);
    if (evm_u256_compare(&now, &order->authorization.valid_before) >= 0) {
        wallet_order_end(order, order->count > 0 ? X402_WALLET_SENT : X402_WALLET_REFUSED, NULL,
                         "the authorization expired before it could be sent");
        return true;
    }
    while (nonce < wallet->next && wallet_slot(wallet, nonce)->use != WALLET_FREE) {
        nonce++;
    }
    if (nonce >= wallet->next) {
        nonce = wallet->next;
        if (wallet->next - wallet->base >= WALLET_SLOTS) {
            return false;
        }
        wallet->next++;
    }
    slot_begin(wallet, nonce, order);
    return true;
}

static struct wallet_slot *slot_due(struct x402_wallet *wallet)
{
    uint64_t now = wallet_now(wallet);
    for (uint64_t nonce = wallet->base; nonce < wallet->next; nonce++) {
        struct wallet_slot *slot = wallet_slot(wallet, nonce);
        bool ours = slot->use == WALLET_ORDER || slot->use == WALLET_FILLER;
        if (ours && nonce >= wallet->count && !slot->taken && now >= slot->wait_ms) {
            return slot;
        }
    }
    return NULL;
}

void wallet_send(struct x402_wallet *wallet)
{
    while (!wallet->recount) {
        struct wallet_slot *slot = slot_due(wallet);
        if (slot == NULL) {
            if (!assign(wallet)) {
                break;
            }
            continue;
        }
        bool new_version = slot->version_count == 0 || slot->bump;
        if (new_version && (!wallet->has_fees || wallet_now(wallet) - wallet->fees_ms > FEES_MS)) {
            wallet_fees_ask(wallet, wallet_send);
            return;
        }
        if (version_make(wallet, slot)) {
            hand_out(wallet, slot);
            return;
        }
    }
    wallet_look(wallet);
}

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "x402/wallet_internal.h"

enum {
    IDLE_MS = 15000,
    RESTLESS_MS = 3000, /* a reorganisation may still take what was mined */
    REST_MS = 120000,
    INTERVAL_MS_MAX = 2000,
};

/* --- the tick --------------------------------------------------------------------------------- */

struct evm_rpc_call *wallet_question(struct x402_wallet *wallet, enum evm_rpc_kind kind)
{
    evm_rpc_call_fini(&wallet->call);
    wallet->call = (struct evm_rpc_call){.kind = kind, .owner = wallet};
    return &wallet->call;
}

void wallet_ask(struct x402_wallet *wallet, void (*done)(struct evm_rpc_call *call))
{
    wallet->call.done = done;
    evm_rpc_ask(wallet->options.rpc, &wallet->call);
}

static void tick_set(struct x402_wallet *wallet, uint64_t after_ms)
{
    if (lucid_timer_set(wallet->options.loop, &wallet->timer, after_ms) != LUCID_OK) {
        lucid_log(LUCID_LOG_ERROR, "wallet.timer", "out of memory: %s is not looked after",
                  wallet->options.network->caip2);
    }
}

bool wallet_failed(struct x402_wallet *wallet)
{
    if (lucid_category(wallet->call.error) != LUCID_CATEGORY_RETRY) {
        return false;
    }
    wallet->busy = false;
    wallet->hurry = false;
    tick_set(wallet, INTERVAL_MS_MAX);
    return true;
}

static void wallet_soon(struct x402_wallet *wallet)
{
    wallet->interval_ms = WALLET_INTERVAL_MS;
    if (wallet->busy) {
        wallet->hurry = true;
    } else {
        tick_set(wallet, 0);
    }
}

static size_t order_count(const struct x402_wallet *wallet)
{
    size_t count = 0;
    for (size_t i = 0; i < WALLET_ORDERS; i++) {
        count += wallet->orders[i].is_used && !wallet->orders[i].ended;
    }
    return count;
}

void wallet_tick_end(struct x402_wallet *wallet)
{
    bool idle = wallet->base == wallet->next && order_count(wallet) == 0 && wallet->behind_ms == 0;
    bool rests = wallet_now(wallet) - wallet->progress_ms >= REST_MS;
    uint64_t after_ms = !idle ? wallet->interval_ms : rests ? IDLE_MS : RESTLESS_MS;
    after_ms = wallet->hurry ? 0 : after_ms;
    wallet->interval_ms += wallet->interval_ms / 2;
    if (wallet->interval_ms > INTERVAL_MS_MAX) {
        wallet->interval_ms = INTERVAL_MS_MAX;
    }
    wallet->busy = false;
    wallet->hurry = false;
    tick_set(wallet, after_ms);
}

static void tick(struct lucid_timer *timer)
{
    struct x402_wallet *wallet = lucid_owner(timer, struct x402_wallet, timer);
    wallet->busy = true;
    if (wallet->opened) {
        wallet_send(wallet);
    } else {
        wallet_begin(wallet);
    }
}

/* --- orders ----------------------------------------------------------------------------------- */

static struct wallet_order *order_find(struct x402_wallet *wallet, const struct evm_address *from,
                                       const struct evm_hash *nonce)
{
    for (size_t i = 0; i < WALLET_ORDERS; i++) {
        struct wallet_order *order = &wallet->orders[i];
        if (order->is_used &&
            memcmp(order->authorization.from.bytes, from->bytes, EVM_ADDRESS_BYTES) == 0 &&
            memcmp(order->authorization.nonce.bytes, nonce->bytes, EVM_HASH_BYTES) == 0) {
            return order;
        }
    }
    return NULL;
}

/* An unused entry, or that of the oldest that is only remembered. */
static struct wallet_order *order_place(struct x402_wallet *wallet)
{
    struct wallet_order *oldest = NULL;
    for (size_t i = 0; i < WALLET_ORDERS; i++) {
        struct wallet_order *order = &wallet->orders[i];
        if (!order->is_used) {
            return order;
        }
        if (order->ended && (oldest == NULL || order->sequence < oldest->sequence)) {
            oldest = order;
        }
    }
    lucid_assert(oldest != NULL);
    oldest->count = 0;
    return oldest;
}

void wallet_order_tell(struct wallet_order *order, enum x402_wallet_state state,
                       const struct evm_hash *newest, const char *text)
{
    struct x402_wallet_watch *watch = order->watch;
    order->state = state;
    if (watch == NULL) {
        return;
    }
    watch->state = state;
    if (newest != NULL) {
        watch->newest = *newest;
    }
    (void)snprintf(watch->text, sizeof(watch->text), "%s", text);
    if (order->ended) {
        order->watch = NULL;
        watch->impl = NULL;
    }
    watch->news(watch);
}

void wallet_order_end(struct wallet_order *order, enum x402_wallet_state state,
                      const struct evm_hash *newest, const char *text)
{
    order->ended = true;
    order->slot = NULL;
    wallet_order_tell(order, state, newest, text);
}

static bool has_foreign(struct x402_wallet *wallet)
{
    for (uint64_t nonce = wallet->base; nonce < wallet->next; nonce++) {
        if (wallet_slot(wallet, nonce)->use == WALLET_FOREIGN) {
            return true;
        }
    }
    return false;
}

struct wallet_order *wallet_order_next(struct x402_wallet *wallet)
{
    struct wallet_order *first = NULL;
    for (size_t i = 0; i < WALLET_ORDERS; i++) {
        struct wallet_order *order = &wallet->orders[i];
        if (order->is_used && !order->ended && order->slot == NULL &&
            (first == NULL || order->sequence < first->sequence)) {
            first = order;
        }
    }
    return first;
}

/* Transactions of an earlier try stay known (count): one of them may be mined all the same. */
static void order_begin(struct x402_wallet *wallet, struct wallet_order *order,
                        const struct evm_authorization *authorization,
                        const struct evm_signature *signature)
{
    for (size_t i = 0; i < WALLET_SLOTS; i++) {
        if (wallet->slots[i].order == order) {
            wallet->slots[i].order = NULL;
        }
    }
    order->is_used = true;
    order->ended = false;
    order->sequence = ++wallet->sequence;
    order->authorization = *authorization;
    order->signature = *signature;
    order->state = X402_WALLET_WAITING;
    order->slot = NULL;
    order->watch = NULL;
}

/* --- the interface ---------------------------------------------------------------------------- */

enum lucid_error x402_wallet_send(struct x402_wallet *wallet,
                                  const struct evm_authorization *authorization,
                                  const struct evm_signature *signature, bool again,
                                  struct x402_wallet_watch *watch)
{
    struct wallet_order *order = order_find(wallet, &authorization->from, &authorization->nonce);
    if (order == NULL || order->ended) {
        if (order_count(wallet) >= X402_WALLET_ORDERS_MAX ||
            (again && (!wallet->opened || has_foreign(wallet)))) {
            return LUCID_RETRY_BUSY;
        }
        order = order != NULL ? order : order_place(wallet);
        order_begin(wallet, order, authorization, signature);
    } else if (order->watch != NULL && watch != NULL) {
        return LUCID_RETRY_BUSY;
    }
    if (watch != NULL) {
        order->watch = watch;
        watch->impl = order;
        watch->state = order->state;
        if (order->count > 0) {
            watch->newest = order->transactions[order->count - 1];
        }
    }
    wallet_soon(wallet);
    return LUCID_OK;
}

bool x402_wallet_unwatch(struct x402_wallet *wallet, struct x402_wallet_watch *watch, bool withdraw)
{
    struct wallet_order *order = watch->impl;
    if (order == NULL) {
        return false;
    }
    order->watch = NULL;
    watch->impl = NULL;
    if (!withdraw || order->count > 0) {
        return false;
    }
    if (order->slot != NULL) {
        order->slot->use = WALLET_FREE;
        order->slot->order = NULL;
        wallet_soon(wallet);
    }
    order->is_used = false;
    order->slot = NULL;
    return true;
}

void x402_wallet_wake(struct x402_wallet *wallet)
{
    wallet_soon(wallet);
}

bool x402_wallet_recall(struct x402_wallet *wallet, const struct evm_address *from,
                        const struct evm_hash *nonce, struct x402_wallet_memory *ret)
{
    const struct wallet_order *order = order_find(wallet, from, nonce);
    if (order == NULL) {
        return false;
    }
    ret->state = order->state;
    ret->count = order->count;
    for (size_t i = 0; i < order->count; i++) {
        ret->transactions[i] = order->transactions[order->count - 1 - i];
    }
    return true;
}

bool x402_wallet_is_ready(const struct x402_wallet *wallet, const char **ret_text)
{
    const char *text = NULL;
    if (wallet->low) {
        text = "the gas account has too little to pay for a transaction";
    } else if (wallet->dear) {
        text = "the network's fees are above max_fee_gwei";
    } else if (order_count(wallet) >= X402_WALLET_ORDERS_MAX) {
        text = "too many settlements are under way";
    } else {
        return true;
    }
    *ret_text = text;
    return false;
}

const struct evm_address *x402_wallet_address(const struct x402_wallet *wallet)
{
    return &wallet->options.key->address;
}

void x402_wallet_status(const struct x402_wallet *wallet, struct x402_facilitator_status *ret)
{
    uint64_t wei;
    ret->gas_balance_wei_high = evm_u256_u64(&wallet->balance, &wei) ? wei : UINT64_MAX;
    ret->sent = wallet->sent;
    ret->replaced = wallet->replaced;
}

enum lucid_error x402_wallet_open(const struct x402_wallet_options *options,
                                  struct x402_wallet **ret)
{
    struct x402_wallet *wallet = calloc(1, sizeof(*wallet));
    if (wallet == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    wallet->options = *options;
    wallet->timer.fire = tick;
    wallet->interval_ms = WALLET_INTERVAL_MS;
    enum lucid_error error = lucid_timer_set(options->loop, &wallet->timer, 0);
    if (error != LUCID_OK) {
        free(wallet);
        return error;
    }
    *ret = wallet;
    return LUCID_OK;
}

void x402_wallet_close(struct x402_wallet *wallet)
{
    if (wallet == NULL) {
        return;
    }
    lucid_timer_clear(wallet->options.loop, &wallet->timer);
    evm_rpc_cancel(wallet->options.rpc, &wallet->call);
    evm_rpc_call_fini(&wallet->call);
    lucid_buf_fini(&wallet->raw);
    free(wallet);
}

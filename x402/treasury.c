/* The treasury: its networks, the tick, refunds that are asked for. */
#include "x402/treasury_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"

void treasury_at(const struct treasury_net *net, const char *state)
{
    const struct x402_treasury_options *options = &net->treasury->options;
    if (options->at != NULL) {
        options->at(options->context, state);
    }
}

/* --- the tick --------------------------------------------------------------------------------- */

static void tick_set(struct treasury_net *net, uint64_t after_ms)
{
    if (lucid_timer_set(net->treasury->options.loop, &net->timer, after_ms) != LUCID_OK) {
        lucid_log(LUCID_LOG_ERROR, "treasury.timer", "out of memory: %s is not looked after",
                  net->network->caip2);
    }
}

struct evm_rpc_call *treasury_question(struct treasury_net *net, enum evm_rpc_kind kind)
{
    evm_rpc_call_fini(&net->call);
    net->call = (struct evm_rpc_call){.kind = kind, .owner = net};
    return &net->call;
}

void treasury_ask(struct treasury_net *net, void (*done)(struct evm_rpc_call *call))
{
    net->call.done = done;
    evm_rpc_ask(net->rpc, &net->call);
}

static void tick_over(struct treasury_net *net, uint64_t after_ms)
{
    net->busy = false;
    net->hurry = false;
    tick_set(net, after_ms);
}

bool treasury_failed(struct treasury_net *net)
{
    if (lucid_category(net->call.error) != LUCID_CATEGORY_RETRY) {
        net->reachable = true;
        return false;
    }
    if (net->reachable) {
        lucid_log(LUCID_LOG_WARN, "treasury.nodes", "%s: %s", net->network->caip2,
                  net->call.why.text);
    }
    net->reachable = false;
    treasury_refunds_refuse(net, "the nodes cannot be asked");
    tick_over(net, TREASURY_BUSY_MS_MAX);
    return true;
}

static bool has_orders(const struct treasury_net *net)
{
    for (size_t i = 0; i < X402_TREASURY_WINDOW; i++) {
        if (net->orders[i].is_used) {
            return true;
        }
    }
    return false;
}

void treasury_tick_end(struct treasury_net *net)
{
    bool active = has_orders(net) || net->due || net->refunds != NULL;
    uint64_t after_ms = net->hurry ? 0 : active ? net->interval_ms : TREASURY_IDLE_MS;
    net->interval_ms += net->interval_ms / 2;
    if (net->interval_ms > TREASURY_BUSY_MS_MAX) {
        net->interval_ms = TREASURY_BUSY_MS_MAX;
    }
    tick_over(net, after_ms);
}

bool treasury_submit(struct treasury_net *net, struct ledger_command *command,
                     x402_written_fn *written)
{
    const struct x402_treasury_options *options = &net->treasury->options;
    if (options->submit(options->context, command, written, net) != LUCID_OK) {
        treasury_tick_end(net);
        return false;
    }
    net->writing = true;
    return true;
}

bool treasury_written(struct treasury_net *net, struct ledger_command *command, const char *what)
{
    net->writing = false;
    if (command->error == LUCID_OK) {
        return true;
    }
    lucid_log(LUCID_LOG_ERROR, "treasury.log", "%s: %s: %s", net->network->caip2, what,
              command->why.text[0] != '\0' ? command->why.text : lucid_error_name(command->error));
    treasury_tick_end(net);
    return false;
}

void treasury_wait(struct treasury_net *net, const char *format, ...)
{
    char text[sizeof(net->waiting)];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (strcmp(text, net->waiting) != 0 && text[0] != '\0') {
        lucid_log(LUCID_LOG_WARN, "treasury.wait", "%s: %s", net->network->caip2, text);
    }
    memcpy(net->waiting, text, sizeof(text));
}

/* --- the walk over the orders ----------------------------------------------------------------- */

static void walk(struct treasury_net *net)
{
    for (; net->at < X402_TREASURY_WINDOW; net->at++) {
        struct treasury_order *order = &net->orders[net->at];
        if (!order->is_used) {
            continue;
        }
        if (order->outflow.nonce < net->count) {
            treasury_look(net);
        } else {
            order->mined = false; /* a reorganisation took it, or it was never */
            order->gone_block = 0;
            order->looks = 0;
            treasury_send(net);
        }
        return;
    }
    treasury_begin(net);
}

void treasury_walk_next(struct treasury_net *net)
{
    net->at++;
    walk(net);
}

static void count_answered(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    if (treasury_failed(net)) {
        return;
    }
    if (call->count > net->count) {
        net->progress_ms = treasury_now(net);
        net->interval_ms = TREASURY_BUSY_MS;
    }
    net->count = call->count;
    net->at = 0;
    walk(net);
}

static void count_ask(struct treasury_net *net)
{
    treasury_question(net, EVM_RPC_COUNT)->to = net->key->address;
    treasury_ask(net, count_answered);
}

static void final_answered(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    if (treasury_failed(net)) {
        return;
    }
    net->has_final = call->error == LUCID_OK; /* a young chain may have none */
    net->final = net->has_final ? call->block.number : 0;
    count_ask(net);
}

static void head_answered(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    const struct x402_depth *depth = &net->network->final_depth;
    if (treasury_failed(net)) {
        return;
    }
    net->head = call->error == LUCID_OK ? call->block.number : 0;
    net->fees.base_fee =
        call->error == LUCID_OK && call->block.has_base_fee ? call->block.base_fee : 0;
    if (depth->by != X402_BY_DEPTH) {
        treasury_question(net, EVM_RPC_BLOCK)->tag =
            depth->by == X402_BY_SAFE ? EVM_RPC_SAFE : EVM_RPC_FINALIZED;
        treasury_ask(net, final_answered);
        return;
    }
    uint64_t below = depth->blocks > 1 ? depth->blocks - 1 : 0;
    net->has_final = net->head >= below;
    net->final = net->has_final ? net->head - below : 0;
    count_ask(net);
}

static void tick(struct lucid_timer *timer)
{
    struct treasury_net *net = lucid_owner(timer, struct treasury_net, timer);
    net->busy = true;
    if (!treasury_log_look(net)) {
        return;
    }
    bool fresh = net->balance_ms != 0 && treasury_now(net) - net->balance_ms < TREASURY_REFRESH_MS;
    if (!has_orders(net) && !net->due && net->refunds == NULL && fresh) {
        treasury_wait(net, "%s", "");
        treasury_tick_end(net);
        return;
    }
    if (net->treasury->stopping) {
        net->busy = false;
        return;
    }
    treasury_question(net, EVM_RPC_BLOCK)->tag = EVM_RPC_LATEST;
    treasury_ask(net, head_answered);
}

/* --- refunds ---------------------------------------------------------------------------------- */

static void refund_refused(struct lucid_timer *timer)
{
    struct x402_treasury_refund *refund = lucid_owner(timer, struct x402_treasury_refund, timer);
    refund->done(refund);
}

static struct treasury_net *net_find(const struct x402_treasury *treasury, const char *caip2)
{
    for (size_t i = 0; treasury != NULL && i < treasury->count; i++) {
        if (strcmp(treasury->nets[i]->network->caip2, caip2) == 0) {
            return treasury->nets[i];
        }
    }
    return NULL;
}

void x402_treasury_refund(struct x402_treasury *treasury, struct x402_treasury_refund *refund)
{
    struct treasury_net *net = net_find(treasury, refund->outflow.network);
    bool full = net != NULL && net->refund_count >= X402_TREASURY_REFUNDS_MAX;
    refund->next = NULL;
    if (net == NULL || full || treasury->stopping) {
        refund->error = lucid_refuse(
            &refund->why, LUCID_RETRY_BUSY, "TREASURY_UNAVAILABLE", NULL, "%s",
            net == NULL ? "this network has no treasury_key_file" : "too many refunds are waiting");
        refund->timer = (struct lucid_timer){.fire = refund_refused};
        if (lucid_timer_set(treasury->options.loop, &refund->timer, 0) != LUCID_OK) {
            refund->done(refund);
        }
        return;
    }
    struct x402_treasury_refund **at = &net->refunds;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = refund;
    net->refund_count++;
    if (net->busy) {
        net->hurry = true;
    } else {
        tick_set(net, 0);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static void net_close(struct treasury_net *net)
{
    if (net == NULL) {
        return;
    }
    lucid_timer_clear(net->treasury->options.loop, &net->timer);
    evm_rpc_close(net->rpc);
    evm_rpc_call_fini(&net->call);
    lucid_buf_fini(&net->raw);
    free(net->run);
    free(net);
}

static enum lucid_error net_open(struct x402_treasury *treasury, const struct x402_network *network,
                                 const struct evm_key *key)
{
    const char *urls[EVM_RPC_ENDPOINTS_MAX];
    struct treasury_net *net = calloc(1, sizeof(*net));
    if (net == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    treasury->nets[treasury->count++] = net;
    net->treasury = treasury;
    net->network = network;
    net->key = key;
    net->interval_ms = TREASURY_BUSY_MS;
    net->timer.fire = tick;
    net->reachable = true;
    lucid_buf_init(&net->raw, 4096);
    net->run = calloc(1, sizeof(*net->run));
    for (size_t i = 0; i < network->rpc_count; i++) {
        urls[i] = network->rpc[i];
    }
    const struct evm_rpc_options options = {
        .loop = treasury->options.loop,
        .outgoing = treasury->options.outgoing,
        .urls = urls,
        .url_count = network->rpc_count,
        .quorum = network->rpc_quorum,
        .chain_id = network->chain_id,
        .timeout_ms = network->rpc_timeout_ms,
    };
    enum lucid_error error =
        net->run == NULL ? LUCID_RETRY_MEMORY : evm_rpc_open(&options, &net->rpc);
    return error == LUCID_OK ? lucid_timer_set(treasury->options.loop, &net->timer, 0) : error;
}

enum lucid_error x402_treasury_open(const struct x402_treasury_options *options,
                                    struct x402_treasury **ret)
{
    struct x402_treasury *treasury = calloc(1, sizeof(*treasury));
    if (treasury == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    treasury->options = *options;
    enum lucid_error error = ledger_view_open(options->ledger, &treasury->view);
    for (size_t i = 0; error == LUCID_OK && i < options->networks->count; i++) {
        if (options->keys[i] != NULL) {
            error = net_open(treasury, &options->networks->items[i], options->keys[i]);
        }
    }
    if (error != LUCID_OK) {
        x402_treasury_close(treasury);
        return error;
    }
    *ret = treasury;
    return LUCID_OK;
}

void x402_treasury_close(struct x402_treasury *treasury)
{
    if (treasury == NULL) {
        return;
    }
    for (size_t i = 0; i < treasury->count; i++) {
        net_close(treasury->nets[i]);
    }
    ledger_view_close(treasury->view);
    free(treasury);
}

void x402_treasury_stop(struct x402_treasury *treasury)
{
    if (treasury != NULL) {
        treasury->stopping = true;
    }
}

bool x402_treasury_is_idle(const struct x402_treasury *treasury)
{
    for (size_t i = 0; treasury != NULL && i < treasury->count; i++) {
        if (treasury->nets[i]->busy) {
            return false;
        }
    }
    return true;
}

static uint64_t narrow(const struct evm_u256 *value)
{
    uint64_t ret;
    return evm_u256_u64(value, &ret) ? ret : UINT64_MAX;
}

bool x402_treasury_status(const struct x402_treasury *treasury, const struct x402_network *network,
                          struct x402_treasury_status *ret)
{
    struct treasury_net *net = net_find(treasury, network->caip2);
    uint64_t now = net == NULL ? 0 : lucid_wall_ms(&treasury->options.loop->clock);
    if (net == NULL) {
        return false;
    }
    *ret = (struct x402_treasury_status){
        .reachable = net->reachable,
        .token_balance = narrow(&net->token_balance),
        .gas_balance_wei = narrow(&net->gas_balance),
        .sent = net->sent,
        .replaced = net->replaced,
        .recorded = net->recorded,
        .failed = net->failed,
        .budget_left = treasury_budget_left(net),
    };
    for (size_t i = 0; i < X402_TREASURY_WINDOW; i++) {
        const struct treasury_order *order = &net->orders[i];
        uint64_t age =
            order->is_used && now > order->outflow.time_ms ? now - order->outflow.time_ms : 0;
        ret->orders_open += order->is_used;
        ret->oldest_ms = age > ret->oldest_ms ? age : ret->oldest_ms;
    }
    /* Two minutes, and the time in which a hanging transaction is replaced thrice. */
    uint64_t late_ms = UINT64_C(120000) + (uint64_t)network->stuck_seconds * 3000;
    ret->stuck = ret->oldest_ms > late_ms || net->waiting[0] != '\0';
    memcpy(ret->waiting, net->waiting, sizeof(ret->waiting));
    return true;
}

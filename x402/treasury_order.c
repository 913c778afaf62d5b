/* What is due becomes an order: balances, the day's budget, then payout.started and outflow.ordered
 * in the log. Nothing is broadcast from here. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"
#include "x402/treasury_internal.h"

/* --- refunds that wait ------------------------------------------------------------------------ */

static void refund_end(struct treasury_net *net, enum lucid_error error,
                       const struct lucid_why *why)
{
    struct x402_treasury_refund *refund = net->refunds;
    net->refunds = refund->next;
    net->refund_count--;
    refund->error = error;
    if (why != NULL) {
        refund->why = *why;
    }
    net->hurry = true;
    refund->done(refund);
}

void treasury_refunds_refuse(struct treasury_net *net, const char *text)
{
    while (net->refunds != NULL) {
        struct lucid_why why = {0};
        enum lucid_error error =
            lucid_refuse(&why, LUCID_RETRY_BUSY, "TREASURY_UNAVAILABLE", NULL, "%s", text);
        refund_end(net, error, &why);
    }
}

/* Something hinders what is to be ordered: a line waits, a refund is refused. */
static void hindered(struct treasury_net *net, const char *text)
{
    bool refund = net->refunds != NULL;
    treasury_refunds_refuse(net, text);
    if (!refund) {
        treasury_wait(net, "%s", text);
    }
    treasury_tick_end(net);
}

/* Asked for again: the order that stands is the answer, whatever has become of it but that it was
 * dropped. True: it has been given, or the tick has ended. */
static bool refund_known(struct treasury_net *net)
{
    struct x402_treasury_refund *refund = net->refunds;
    struct x402_outflow standing = {.state = X402_OUTFLOW_DROPPED}; /* none stands */
    char purpose[X402_PURPOSE_BYTES_MAX + 1];
    struct ledger_view *view = net->treasury->view;
    x402_purpose_refund(refund->outflow.payment, refund->outflow.external_id, purpose);
    enum lucid_error error = ledger_view_begin(view);
    if (error == LUCID_OK) {
        error = x402_outflow_read(view, lucid_span_str(purpose), &standing);
        ledger_view_end(view);
    }
    bool same = error == LUCID_OK && standing.state != X402_OUTFLOW_DROPPED &&
                standing.amount == refund->outflow.amount;
    if (!same && (error == LUCID_OK || error == LUCID_NOTE_ABSENT)) {
        return false;
    }
    if (same) {
        refund->outflow = standing;
        refund->ret_known = true;
    }
    refund_end(net, error, NULL);
    treasury_tick_end(net);
    return true;
}

/* --- the order -------------------------------------------------------------------------------- */

static void ordered_written(void *owner, struct ledger_command *command)
{
    struct treasury_net *net = owner;
    struct x402_outflow *outflow = &net->outflow.outflow;
    bool taken = command->error != LUCID_OK && command->why.code != NULL &&
                 strcmp(command->why.code, "NONCE_TAKEN") == 0;
    net->writing = false;
    if (taken) {
        net->next_nonce = outflow->nonce + 1;
        net->hurry = true;
        treasury_tick_end(net);
        return;
    }
    if (command->error == LUCID_OK && !net->outflow.ret_known) {
        net->next_nonce = outflow->nonce + 1;
        treasury_budget_take(net, outflow->time_ms, outflow->amount);
        treasury_at(net, "treasury_ordered");
        treasury_wait(net, "%s", "");
    }
    net->hurry = command->error == LUCID_OK;
    if (outflow->refund && net->refunds != NULL) {
        net->refunds->outflow = *outflow;
        net->refunds->ret_known = net->outflow.ret_known;
        refund_end(net, command->error, &command->why);
    } else if (command->error != LUCID_OK) {
        lucid_log(LUCID_LOG_ERROR, "treasury.order", "%s: payout %" PRIu64 " cannot be ordered: %s",
                  net->network->caip2, outflow->payout, command->why.text);
    }
    treasury_tick_end(net);
}

/* Of the first refund, or of the line: what was found affordable. */
static void order_submit(struct treasury_net *net, bool refund)
{
    struct x402_outflow *outflow = &net->outflow.outflow;
    if (refund) {
        const struct x402_outflow asked = net->refunds->outflow;
        x402_outflow_prepare(&net->outflow, X402_OUTFLOW_ORDER);
        *outflow = asked;
        outflow->refund = true;
    } else {
        x402_outflow_prepare(&net->outflow, X402_OUTFLOW_ORDER);
        outflow->payout = net->line.payout;
        outflow->token = net->line_run.token;
        outflow->to = net->line.address;
        outflow->amount = net->line.amount;
    }
    memcpy(outflow->network, net->network->caip2, sizeof(outflow->network));
    outflow->from = net->key->address;
    outflow->nonce = net->next_nonce > net->count ? net->next_nonce : net->count;
    /* Not the height: after a reorganisation it may be mined below that, never below what is final.
     */
    outflow->from_block = net->final;
    (void)treasury_submit(net, &net->outflow.command, ordered_written);
}

/* --- the payout ------------------------------------------------------------------------------- */

static void failed_written(void *owner, struct ledger_command *command)
{
    struct treasury_net *net = owner;
    if (treasury_written(net, command, "a line that failed cannot be recorded")) {
        net->failed++;
        net->hurry = true;
        treasury_tick_end(net);
    }
}

static void started_written(void *owner, struct ledger_command *command)
{
    struct treasury_net *net = owner;
    net->writing = false;
    if (command->error == LUCID_OK) {
        treasury_at(net, "treasury_started");
        net->line.payout = net->payout.payout.number;
        order_submit(net, false); /* a refund that came meanwhile was not looked at */
        return;
    }
    if (lucid_category(command->error) != LUCID_CATEGORY_REFUSE) {
        treasury_tick_end(net);
        return;
    }
    lucid_log(LUCID_LOG_ERROR, "treasury.failed", "run %" PRIu64 ": %s cannot be paid: %s",
              net->line.run, net->line.payee, command->why.text);
    x402_run_line_fail_prepare(net->run, net->line.run, net->line.line, command->why.text);
    (void)treasury_submit(net, &net->run->command, failed_written);
}

static void start_submit(struct treasury_net *net)
{
    struct gas_payout payout = {
        .unit = net->line_run.unit,
        .settlement = net->line_run.settlement,
        .amount = net->line.amount,
        .facilitator = X402_RUN_FACILITATOR,
    };
    struct lucid_why why = {0};
    x402_run_external_id(net->line.run, net->line.line, payout.external_id);
    memcpy(payout.payee, net->line.payee, sizeof(payout.payee));
    enum lucid_error error = gas_payout_start_prepare(&net->payout, &payout, &why);
    lucid_assert(error == LUCID_OK);
    (void)treasury_submit(net, &net->payout.command, started_written);
}

/* A run was cancelled after one of its lines had a payout, and before that had an order. */
static void withdraw_submit(struct treasury_net *net)
{
    struct lucid_why why = {0};
    enum lucid_error error =
        gas_payout_fail_prepare(&net->payout, net->line.payout, "the run was cancelled", &why);
    lucid_assert(error == LUCID_OK);
    (void)treasury_submit(net, &net->payout.command, failed_written);
}

/* --- whether it can be paid ------------------------------------------------------------------- */

/* What the orders that are not mined yet will take. */
static void outstanding(const struct treasury_net *net, uint64_t *ret_amount, uint64_t *ret_count)
{
    *ret_amount = *ret_count = 0;
    for (size_t i = 0; i < X402_TREASURY_WINDOW; i++) {
        const struct treasury_order *order = &net->orders[i];
        if (order->is_used && !order->mined &&
            __builtin_add_overflow(*ret_amount, order->outflow.amount, ret_amount)) {
            *ret_amount = UINT64_MAX;
        }
        *ret_count += order->is_used && !order->mined;
    }
}

static bool gas_suffices(const struct treasury_net *net, uint64_t count)
{
    struct x402_fee_pair fees;
    uint64_t wei;
    if (!x402_fees_next(&net->fees, net->network->max_fee_wei, NULL, &fees)) {
        fees.max_fee = net->network->max_fee_wei;
    }
    if (__builtin_mul_overflow(fees.max_fee, net->network->gas_limit, &wei) ||
        __builtin_mul_overflow(wei, count, &wei)) {
        wei = UINT64_MAX;
    }
    const struct evm_u256 least = evm_u256_of(wei);
    return evm_u256_compare(&net->gas_balance, &least) >= 0;
}

/* False: text says what hinders. */
static bool affordable(struct treasury_net *net, uint64_t amount, char text[96])
{
    uint64_t taken;
    uint64_t count;
    uint64_t left = treasury_budget_left(net);
    outstanding(net, &taken, &count);
    uint64_t needed;
    if (__builtin_add_overflow(amount, taken, &needed)) {
        needed = UINT64_MAX;
    }
    const struct evm_u256 least = evm_u256_of(needed);
    if (evm_u256_compare(&net->token_balance, &least) < 0) {
        (void)snprintf(text, 96, "the treasury has less than the %" PRIu64 " base units needed",
                       needed);
        return false;
    }
    if (!gas_suffices(net, count + 1)) {
        (void)snprintf(text, 96, "the treasury cannot pay the gas of one more transaction");
        return false;
    }
    if (amount > left) {
        (void)snprintf(text, 96,
                       "treasury_day_max: %" PRIu64 " base units are left today, not %" PRIu64,
                       left, amount);
        return false;
    }
    return true;
}

/* --- the tick's last part --------------------------------------------------------------------- */

static void decide(struct treasury_net *net)
{
    char text[96];
    if (net->refunds != NULL && refund_known(net)) {
        return;
    }
    uint64_t amount = net->refunds != NULL ? net->refunds->outflow.amount : net->line.amount;
    if (net->refunds == NULL && net->line.state == X402_RUN_STARTED &&
        net->line_run.state == X402_RUN_CANCELLED) {
        withdraw_submit(net);
    } else if (!affordable(net, amount, text)) {
        hindered(net, text);
    } else if (net->refunds != NULL || net->line.state == X402_RUN_STARTED) {
        order_submit(net, net->refunds != NULL);
    } else {
        start_submit(net);
    }
}

static void gas_answered(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    if (treasury_failed(net)) {
        return;
    }
    net->gas_balance = call->balance;
    net->balance_ms = treasury_now(net);
    size_t open = 0;
    for (size_t i = 0; i < X402_TREASURY_WINDOW; i++) {
        open += net->orders[i].is_used;
    }
    bool wanted = net->due || net->refunds != NULL;
    if (open == X402_TREASURY_WINDOW || net->treasury->stopping) {
        treasury_refunds_refuse(net, "too many transfers are under way");
    }
    if (!wanted || open == X402_TREASURY_WINDOW || net->treasury->stopping) {
        if (net->dear) {
            treasury_wait(net, "fees are above max_fee_gwei");
        } else if (!wanted) {
            treasury_wait(net, "%s", "");
        }
        treasury_tick_end(net);
    } else {
        decide(net);
    }
}

static void tokens_answered(struct evm_rpc_call *call)
{
    struct treasury_net *net = call->owner;
    if (treasury_failed(net)) {
        return;
    }
    if (call->error != LUCID_OK || !evm_result_u256(call->result, &net->token_balance)) {
        hindered(net, "the token does not say what the treasury has");
        return;
    }
    treasury_question(net, EVM_RPC_BALANCE)->to = net->key->address;
    treasury_ask(net, gas_answered);
}

void treasury_begin(struct treasury_net *net)
{
    bool fresh = net->balance_ms != 0 && treasury_now(net) - net->balance_ms < TREASURY_REFRESH_MS;
    if (fresh && ((!net->due && net->refunds == NULL) || net->treasury->stopping)) {
        if (!net->dear) {
            treasury_wait(net, "%s", "");
        }
        treasury_tick_end(net);
        return;
    }
    evm_call_balance_of(&net->key->address, &net->calldata);
    struct evm_rpc_call *call = treasury_question(net, EVM_RPC_CALL);
    call->to = net->network->token;
    call->data = evm_calldata_span(&net->calldata);
    treasury_ask(net, tokens_answered);
}

/* The treasury and the log: what is open, what is due, what went out today. */
#include "base/assert.h"
#include "base/log.h"
#include "x402/treasury_internal.h"

#define DAY_MS UINT64_C(86400000)

/* --- the day's budget ------------------------------------------------------------------------- */

static void day_move(struct treasury_net *net, uint64_t day)
{
    if (day > net->day) {
        net->day = day;
        net->day_spent = 0;
    }
}

void treasury_budget_take(struct treasury_net *net, uint64_t time_ms, uint64_t amount)
{
    /* An earlier day than the clock has shown is of a clock that went back: counted all the same.
     */
    day_move(net, time_ms / DAY_MS);
    net->day_spent += amount < UINT64_MAX - net->day_spent ? amount : UINT64_MAX - net->day_spent;
}

uint64_t treasury_budget_left(struct treasury_net *net)
{
    uint64_t max = net->network->treasury_day_max;
    day_move(net, lucid_wall_ms(&net->treasury->options.loop->clock) / DAY_MS);
    return max > net->day_spent ? max - net->day_spent : 0;
}

/* --- the first look: every nonce of ours, and today's orders ---------------------------------- */

static bool is_ours(const struct treasury_net *net, const struct x402_outflow *outflow)
{
    return outflow->ordered && strcmp(outflow->network, net->network->caip2) == 0 &&
           memcmp(outflow->from.bytes, net->key->address.bytes, EVM_ADDRESS_BYTES) == 0;
}

static enum lucid_error scan(struct treasury_net *net, struct ledger_view *view)
{
    struct x402_outflow outflow;
    uint64_t after = 0;
    enum lucid_error error;
    day_move(net, lucid_wall_ms(&net->treasury->options.loop->clock) / DAY_MS);
    while ((error = x402_outflow_next(view, after, 0, &outflow)) == LUCID_OK) {
        after = outflow.first_sequence;
        if (!is_ours(net, &outflow)) {
            continue;
        }
        net->next_nonce = outflow.nonce >= net->next_nonce ? outflow.nonce + 1 : net->next_nonce;
        /* Its newest event is not before its order. */
        struct store_event event;
        if (outflow.time_ms / DAY_MS >= net->day) {
            error = ledger_view_event(view, outflow.ordered_sequence, &event);
            if (error != LUCID_OK) {
                return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
            }
            if (event.time_ms / DAY_MS >= net->day) {
                treasury_budget_take(net, event.time_ms, outflow.amount);
            }
        }
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* --- what is open ----------------------------------------------------------------------------- */

static struct treasury_order *order_find(struct treasury_net *net, const char *purpose)
{
    for (size_t i = 0; i < X402_TREASURY_WINDOW; i++) {
        struct treasury_order *order = &net->orders[i];
        if (order->is_used && strcmp(order->outflow.purpose, purpose) == 0) {
            return order;
        }
    }
    return NULL;
}

static void order_list(struct treasury_net *net, const struct x402_outflow *outflow)
{
    struct treasury_order *order = order_find(net, outflow->purpose);
    for (size_t i = 0; order == NULL && i < X402_TREASURY_WINDOW; i++) {
        if (!net->orders[i].is_used) {
            order = &net->orders[i];
            *order = (struct treasury_order){.is_used = true, .outflow = *outflow};
        }
    }
    if (order != NULL && order->outflow.nonce != outflow->nonce) { /* dropped, and ordered again */
        *order = (struct treasury_order){.is_used = true, .outflow = *outflow};
    }
    if (order != NULL) { /* else a later look takes it: the window is full */
        order->is_listed = true;
    }
}

static enum lucid_error orders_read(struct treasury_net *net, struct ledger_view *view)
{
    struct x402_outflow outflow;
    uint64_t after = 0;
    enum lucid_error error;
    for (size_t i = 0; i < X402_TREASURY_WINDOW; i++) {
        net->orders[i].is_listed = false;
    }
    while ((error = x402_outflow_next(view, after, X402_OUTFLOW_ORDERED, &outflow)) == LUCID_OK) {
        after = outflow.first_sequence;
        if (is_ours(net, &outflow)) {
            order_list(net, &outflow);
        }
    }
    for (size_t i = 0; error == LUCID_NOTE_ABSENT && i < X402_TREASURY_WINDOW; i++) {
        net->orders[i].is_used = net->orders[i].is_used && net->orders[i].is_listed;
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* --- what is due ------------------------------------------------------------------------------ */

/* The first line of this network that waits, or is started and has no order. */
static enum lucid_error due_read(struct treasury_net *net, struct ledger_view *view)
{
    struct x402_run_line line = {.run = 0};
    struct x402_run run = {.number = 0};
    enum lucid_error error;
    net->due = false;
    while ((error = x402_run_due_next(view, line.run, line.line, &line)) == LUCID_OK) {
        if (line.state == X402_RUN_ORDERED) {
            continue;
        }
        if (run.number != line.run) {
            error = x402_run_read(view, line.run, &run);
            if (error != LUCID_OK) {
                return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
            }
        }
        if (strcmp(run.network, net->network->caip2) == 0) {
            net->due = true;
            net->line = line;
            net->line_run = run;
            return LUCID_OK;
        }
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

bool treasury_log_look(struct treasury_net *net)
{
    struct ledger_view *view = net->treasury->view;
    enum lucid_error error = ledger_view_begin(view);
    if (error == LUCID_OK) {
        if (!net->scanned) {
            error = scan(net, view);
            net->scanned = error == LUCID_OK;
        }
        if (error == LUCID_OK) {
            error = orders_read(net, view);
        }
        if (error == LUCID_OK) {
            error = due_read(net, view);
        }
        ledger_view_end(view);
    }
    if (error == LUCID_OK) {
        return true;
    }
    lucid_log(LUCID_LOG_ERROR, "treasury.log", "%s: the log cannot be read: %s",
              net->network->caip2, lucid_error_name(error));
    treasury_tick_end(net);
    return false;
}

/* Payout runs: requests, what the writer decides, and the guard over their payouts. Their payloads
 * and folds are in treasury_run_fold.c, rows in treasury_run_row.c. */
#include "x402/treasury_run.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "x402/outflow.h"
#include "x402/treasury_run_internal.h"

const char run_type_proposed[] = "run.proposed";
const char run_type_approved[] = "run.approved";
const char run_type_cancelled[] = "run.cancelled";
const char run_type_line_failed[] = "run.line_failed";

enum { PAYLOAD_BYTES_MAX = STORE_PAYLOAD_BYTES_MAX };

const char *x402_run_line_state_name(enum x402_run_line_state state)
{
    static const char *const names[] = {
        [X402_RUN_WAITING] = "waiting", [X402_RUN_STARTED] = "started",
        [X402_RUN_ORDERED] = "ordered", [X402_RUN_PAID] = "paid",
        [X402_RUN_FAILED] = "failed",   [X402_RUN_WITHDRAWN] = "cancelled",
    };
    lucid_assert(state >= X402_RUN_WAITING && state <= X402_RUN_WITHDRAWN);
    return names[state];
}

const char *x402_run_status(const struct x402_run *run)
{
    uint32_t going = run->counts[X402_RUN_WAITING] + run->counts[X402_RUN_STARTED] +
                     run->counts[X402_RUN_ORDERED];
    switch (run->state) {
    case X402_RUN_PROPOSED:
        return "proposed";
    case X402_RUN_CANCELLED:
        return "cancelled";
    case X402_RUN_APPROVED:
        break;
    }
    return going == 0 ? "done" : "approved";
}

void x402_run_external_id(uint64_t run, uint32_t line, char ret[GAS_NAME_BYTES_MAX + 1])
{
    (void)snprintf(ret, GAS_NAME_BYTES_MAX + 1, X402_RUN_PURPOSE_START "%" PRIu64 ":%" PRIu32, run,
                   line);
}

static bool number_take(struct lucid_span *rest, char end, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    size_t i = 0;
    for (; i < rest->len && rest->data[i] >= '0' && rest->data[i] <= '9'; i++) {
        value = value * 10 + (uint64_t)(rest->data[i] - '0');
        if (i >= 18 || value > max) {
            return false;
        }
    }
    bool ended = end == '\0' ? i == rest->len : i < rest->len && rest->data[i] == (uint8_t)end;
    if (i == 0 || !ended || rest->data[0] == '0') {
        return false;
    }
    *rest = lucid_span(rest->data + i + (end != '\0'), rest->len - i - (end != '\0'));
    *ret = value;
    return true;
}

bool run_external_id_parse(struct lucid_span text, uint64_t *ret_run, uint32_t *ret_line)
{
    static const char start[] = X402_RUN_PURPOSE_START;
    size_t len = sizeof(start) - 1;
    uint64_t line;
    if (text.len <= len || memcmp(text.data, start, len) != 0) {
        return false;
    }
    struct lucid_span rest = lucid_span(text.data + len, text.len - len);
    if (!number_take(&rest, ':', INT64_MAX, ret_run) ||
        !number_take(&rest, '\0', UINT32_MAX, &line)) {
        return false;
    }
    *ret_line = (uint32_t)line;
    return true;
}

/* --- prepare ---------------------------------------------------------------------------------- */

static void command_init(struct x402_run_command *command, enum x402_run_verb verb, const char *by)
{
    memset(command, 0, sizeof(*command));
    command->command = (struct ledger_command){.kind = &x402_treasury_run_kind, .verb = verb};
    (void)snprintf(command->by, sizeof(command->by), "%s", by);
}

static enum lucid_error invalid(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RUN", param, "%s", text);
}

/* Whether a run that is not over has that payee's line already. */
static enum lucid_error in_run(struct ledger_view *view, const struct x402_run *run,
                               const char *payee, bool *ret)
{
    enum lucid_error error = run_open_find(view, run->unit, run->settlement, payee);
    *ret = error == LUCID_OK;
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* Why a line with something open cannot be in the run: NULL, it can. */
static enum lucid_error line_reason(struct ledger_view *view, const struct x402_run *run,
                                    const struct x402_network *network,
                                    const struct gas_settlement_line *line,
                                    struct evm_address *ret_address, const char **ret)
{
    struct x402_payee_address address;
    const char *ours = NULL;
    bool taken = false;
    *ret = NULL;
    enum lucid_error error =
        x402_payee_read(view, lucid_span_str(line->payee), lucid_span_str(run->network), &address);
    if (error == LUCID_NOTE_ABSENT) {
        *ret = "no_address";
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        *ret_address = address.address;
        error = x402_payee_address_ours(view, network, &address.address, &ours);
    }
    if (error == LUCID_OK) {
        error = in_run(view, run, line->payee, &taken);
    }
    if (error == LUCID_OK) {
        *ret = ours != NULL ? "address_ours" : taken ? "in_run" : NULL;
    }
    return error;
}

static enum lucid_error line_take(struct x402_run_command *command, struct ledger_view *view,
                                  const struct x402_network *network,
                                  const struct gas_settlement_line *line)
{
    struct x402_run *run = &command->run;
    uint64_t open = line->amount - line->paid - line->pending;
    const char *reason = NULL;
    struct evm_address address = {{0}};
    if (open == 0) {
        return LUCID_OK;
    }
    enum lucid_error error = line_reason(view, run, network, line, &address, &reason);
    if (error != LUCID_OK) {
        return error;
    }
    bool fits = run->lines < X402_RUN_LINES_MAX && open <= GAS_AMOUNT_MAX - run->total;
    reason = reason == NULL && !fits ? "run_full" : reason;
    if (reason == NULL) {
        struct x402_run_line *at = &command->lines[run->lines++];
        at->line = run->lines;
        at->state = X402_RUN_WAITING;
        at->address = address;
        at->amount = open;
        memcpy(at->payee, line->payee, sizeof(at->payee));
        run->total += open;
    } else if (command->skipped_count < X402_RUN_SKIPPED_MAX) {
        struct x402_run_skipped *at = &command->skipped[command->skipped_count++];
        memcpy(at->payee, line->payee, sizeof(at->payee));
        at->open = open;
        at->reason = reason;
    }
    return LUCID_OK;
}

static enum lucid_error lines_take(struct x402_run_command *command, struct ledger_view *view,
                                   const struct x402_network *network, struct lucid_why *why)
{
    const struct x402_run *run = &command->run;
    struct gas_settlement_line line = {.payee = ""};
    enum lucid_error error;
    do {
        char last[GAS_NAME_BYTES_MAX + 1];
        memcpy(last, line.payee, sizeof(last));
        error =
            gas_settlement_line_next(view, run->unit, run->settlement, lucid_span_str(last), &line);
        if (error == LUCID_OK) {
            error = line_take(command, view, network, &line);
        }
    } while (error == LUCID_OK);
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    if (run->lines > 0) {
        return LUCID_OK;
    }
    const struct x402_run_skipped *first = &command->skipped[0];
    return command->skipped_count == 0
               ? lucid_refuse(why, LUCID_REFUSE_CONFLICT, "RUN_CONFLICT", NULL,
                              "no line of this statement is open")
               : lucid_refuse(why, LUCID_REFUSE_CONFLICT, "RUN_CONFLICT", NULL,
                              "no line can be paid; %.128s: %s", first->payee, first->reason);
}

enum lucid_error x402_run_propose_prepare(struct x402_run_command *command,
                                          struct ledger_view *view,
                                          const struct x402_networks *networks, enum gas_unit unit,
                                          uint64_t settlement, struct lucid_span network,
                                          const char *by, struct lucid_why *why)
{
    struct gas_settlement statement;
    command_init(command, X402_RUN_PROPOSE, by);
    if (unit != GAS_USDC) {
        return invalid(why, "settlement", "only statements in USDC can be paid on a chain");
    }
    enum lucid_error error = gas_settlement_read(view, unit, settlement, &statement);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? invalid(why, "settlement", "there is no such statement")
                                          : error;
    }
    const struct x402_network *at = networks == NULL ? NULL : x402_network_find(networks, network);
    if (at == NULL) {
        return invalid(why, "network", "the network is none of this service's file");
    }
    if (at->treasury_key_file[0] == '\0' || !at->has_treasury) {
        return invalid(why, "network",
                       "the network has no treasury_key_file: nothing is sent there");
    }
    command->run.unit = unit;
    command->run.settlement = settlement;
    command->run.token = at->token;
    command->run.state = X402_RUN_PROPOSED;
    memcpy(command->run.network, at->caip2, sizeof(command->run.network));
    memcpy(command->run.proposed_by, command->by, sizeof(command->by));
    return lines_take(command, view, at, why);
}

void x402_run_approve_prepare(struct x402_run_command *command, uint64_t number, uint64_t total,
                              const char *by)
{
    command_init(command, X402_RUN_APPROVE, by);
    command->run.number = number;
    command->run.total = total;
}

void x402_run_cancel_prepare(struct x402_run_command *command, uint64_t number, const char *by)
{
    command_init(command, X402_RUN_CANCEL, by);
    command->run.number = number;
}

void x402_run_line_fail_prepare(struct x402_run_command *command, uint64_t number, uint32_t line,
                                const char *reason)
{
    command_init(command, X402_RUN_LINE_FAIL, "");
    command->run.number = number;
    command->lines[0].line = line;
    (void)snprintf(command->lines[0].reason, sizeof(command->lines[0].reason), "%s",
                   payload_name_ok(reason, GAS_PAYOUT_REASON_BYTES_MAX) ? reason
                                                                        : "it was refused");
}

/* --- decide ----------------------------------------------------------------------------------- */

static enum lucid_error conflict(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "RUN_CONFLICT", param, "%s", text);
}

static void lines_put(const struct x402_run_command *command, struct lucid_buf *out)
{
    lucid_json_member(out, "lines");
    lucid_buf_char(out, '[');
    for (uint32_t i = 0; i < command->run.lines; i++) {
        const struct x402_run_line *line = &command->lines[i];
        char address[EVM_ADDRESS_TEXT_BYTES + 1];
        evm_address_text(&line->address, address);
        lucid_buf_str(out, i == 0 ? "{" : ",{");
        lucid_json_member_cstr(out, "address", address);
        gas_amount_member(out, "amount", line->amount);
        lucid_json_member_cstr(out, "payee", line->payee);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
}

static enum lucid_error proposed_draft(struct ledger_txn *txn, struct x402_run_command *command)
{
    const struct x402_run *run = &command->run;
    struct lucid_buf text;
    char token[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_text(&run->token, token);
    lucid_buf_init(&text, PAYLOAD_BYTES_MAX);
    lucid_buf_char(&text, '{');
    lucid_json_member_cstr(&text, "by", command->by);
    lines_put(command, &text);
    lucid_json_member_cstr(&text, "network", run->network);
    lucid_json_member_u64(&text, "run", run->number);
    lucid_json_member_u64(&text, "settlement", run->settlement);
    lucid_json_member_cstr(&text, "token", token);
    gas_amount_member(&text, "total", run->total);
    lucid_json_member_cstr(&text, "unit", gas_unit_name(run->unit));
    lucid_buf_char(&text, '}');
    return payload_draft(txn, run_type_proposed, &text, &command->draft);
}

/* Lines and addresses are as they were when the view was read. */
static enum lucid_error lines_check(struct ledger_txn *txn, const struct x402_run_command *command,
                                    struct lucid_why *why)
{
    const struct x402_run *run = &command->run;
    for (uint32_t i = 0; i < run->lines; i++) {
        uint8_t key[RUN_KEY_BYTES_MAX];
        struct lucid_span value;
        struct x402_payee_address address;
        const struct x402_run_line *line = &command->lines[i];
        enum lucid_error error =
            ledger_txn_get(txn, RUN_TABLE_LINES,
                           run_open_key(run->unit, run->settlement, line->payee, key), &value);
        if (error == LUCID_OK) {
            return conflict(why, NULL, "another run has a line of it; propose it again");
        }
        if (error == LUCID_NOTE_ABSENT) {
            error = x402_payee_peek(txn, lucid_span_str(line->payee), lucid_span_str(run->network),
                                    &address);
        }
        bool same = error == LUCID_OK &&
                    memcmp(address.address.bytes, line->address.bytes, EVM_ADDRESS_BYTES) == 0;
        if (!same && (error == LUCID_OK || error == LUCID_NOTE_ABSENT)) {
            return conflict(why, NULL, "an address has changed; propose it again");
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

static enum lucid_error propose_decide(struct ledger_txn *txn, struct x402_run_command *command,
                                       struct lucid_why *why)
{
    enum lucid_error error = lines_check(txn, command, why);
    if (error == LUCID_OK) {
        error = run_newest(txn, &command->run.number);
    }
    if (error != LUCID_OK) {
        return error;
    }
    command->run.number++;
    return proposed_draft(txn, command);
}

static enum lucid_error short_draft(struct ledger_txn *txn, struct x402_run_command *command,
                                    const char *type, bool with_total)
{
    struct lucid_buf text;
    lucid_buf_init(&text, PAYLOAD_BYTES_MAX);
    lucid_buf_char(&text, '{');
    lucid_json_member_cstr(&text, "by", command->by);
    lucid_json_member_u64(&text, "run", command->run.number);
    if (with_total) {
        gas_amount_member(&text, "total", command->run.total);
    }
    lucid_buf_char(&text, '}');
    return payload_draft(txn, type, &text, &command->draft);
}

static enum lucid_error approve_decide(struct ledger_txn *txn, struct x402_run_command *command,
                                       const struct x402_run *run, struct lucid_why *why)
{
    const struct x402_treasury_run_config *config = ledger_txn_config(txn);
    bool two = config != NULL && config->two_admins;
    if (run->state == X402_RUN_CANCELLED) {
        return conflict(why, NULL, "the run was cancelled");
    }
    if (command->run.total != run->total) {
        return conflict(why, "total", "the run's total is another");
    }
    if (two && (command->by[0] == '\0' || strcmp(command->by, run->proposed_by) == 0)) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "RUN_TWO_ADMINS", NULL,
                            "another admin than the one who proposed it must approve the run");
    }
    if (run->state == X402_RUN_APPROVED) {
        command->ret_known = true;
        return LUCID_OK;
    }
    return short_draft(txn, command, run_type_approved, true);
}

static enum lucid_error cancel_decide(struct ledger_txn *txn, struct x402_run_command *command,
                                      const struct x402_run *run, struct lucid_why *why)
{
    if (run->state == X402_RUN_CANCELLED) {
        command->ret_known = true;
        return LUCID_OK;
    }
    if (run->counts[X402_RUN_WAITING] + run->counts[X402_RUN_STARTED] == 0) {
        return conflict(why, NULL, "every line of the run has been ordered or has ended");
    }
    return short_draft(txn, command, run_type_cancelled, false);
}

static enum lucid_error fail_decide(struct ledger_txn *txn, struct x402_run_command *command,
                                    struct lucid_why *why)
{
    struct x402_run_line line;
    struct lucid_buf text;
    enum lucid_error error = run_line_get(txn, command->run.number, command->lines[0].line, &line);
    if (error != LUCID_OK) {
        return error;
    }
    if (line.state != X402_RUN_WAITING) {
        return conflict(why, NULL, "the line does not wait");
    }
    lucid_buf_init(&text, PAYLOAD_BYTES_MAX);
    lucid_buf_char(&text, '{');
    lucid_json_member_u64(&text, "line", line.line);
    lucid_json_member_cstr(&text, "reason", command->lines[0].reason);
    lucid_json_member_u64(&text, "run", line.run);
    lucid_buf_char(&text, '}');
    return payload_draft(txn, run_type_line_failed, &text, &command->draft);
}

static enum lucid_error run_decide(struct ledger_txn *txn, struct ledger_command *base,
                                   struct lucid_why *why)
{
    struct x402_run_command *command = (struct x402_run_command *)base; /* first member */
    struct x402_run run;
    command->ret_known = false;
    command->draft = NULL;
    if (base->verb == X402_RUN_PROPOSE) {
        return propose_decide(txn, command, why);
    }
    enum lucid_error error = run_get(txn, command->run.number, &run);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, error, "NOT_FOUND", "run", "there is no such run");
    }
    if (error != LUCID_OK) {
        return error;
    }
    switch ((enum x402_run_verb)base->verb) {
    case X402_RUN_APPROVE:
        return approve_decide(txn, command, &run, why);
    case X402_RUN_CANCEL:
        return cancel_decide(txn, command, &run, why);
    case X402_RUN_LINE_FAIL:
        return fail_decide(txn, command, why);
    case X402_RUN_PROPOSE:
        break;
    }
    lucid_assert(false);
    return LUCID_REFUSE_INVALID;
}

static void run_conclude(struct ledger_txn *txn, struct ledger_command *base)
{
    struct x402_run_command *command = (struct x402_run_command *)base;
    base->error = run_get(txn, command->run.number, &command->run);
    lucid_assert(base->error != LUCID_NOTE_ABSENT);
}

/* --- the guard over payouts ------------------------------------------------------------------- */

static enum lucid_error guard_start(struct ledger_txn *txn,
                                    const struct gas_payout_command *command, struct lucid_why *why)
{
    const struct gas_payout *payout = &command->payout;
    struct x402_run run;
    struct x402_run_line line;
    uint64_t number;
    uint32_t at;
    if (!run_external_id_parse(lucid_span_str(payout->external_id), &number, &at)) {
        return LUCID_OK;
    }
    enum lucid_error error = run_get(txn, number, &run);
    if (error == LUCID_OK) {
        error = run_line_get(txn, number, at, &line);
    }
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    bool fits = error == LUCID_OK && command->command.verb == GAS_PAYOUT_START &&
                run.state == X402_RUN_APPROVED && line.state == X402_RUN_WAITING &&
                line.amount == payout->amount && strcmp(line.payee, payout->payee) == 0 &&
                run.unit == payout->unit && run.settlement == payout->settlement &&
                strcmp(payout->facilitator, X402_RUN_FACILITATOR) == 0;
    return fits ? LUCID_OK
                : lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", "external_id",
                               "ids of this form are those of payout runs");
}

static enum lucid_error guard_end(struct ledger_txn *txn, const struct gas_payout_command *command,
                                  struct lucid_why *why)
{
    struct x402_run_line line;
    enum lucid_error error = run_line_of_payout(txn, command->payout.number, &line);
    const struct ledger_command *next = command->command.next_part;
    bool fail = command->command.verb == GAS_PAYOUT_FAIL;
    if (error == LUCID_NOTE_ABSENT ||
        (error == LUCID_OK && next != NULL && next->kind == &x402_outflow_kind)) {
        return LUCID_OK;
    }
    if (error != LUCID_OK || (fail && line.state == X402_RUN_STARTED)) {
        return error;
    }
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", NULL,
                        "the treasury is paying this payout, and ends it itself");
}

/* A line is ordered as it was approved, and not once its run was cancelled. */
static enum lucid_error guard_order(struct ledger_txn *txn, const struct x402_outflow *order,
                                    struct lucid_why *why)
{
    struct x402_run run;
    struct x402_run_line line;
    if (order->refund) {
        return LUCID_OK;
    }
    enum lucid_error error = run_line_of_payout(txn, order->payout, &line);
    if (error == LUCID_NOTE_ABSENT) {
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        error = run_get(txn, line.run, &run);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    if (run.state != X402_RUN_APPROVED || line.state != X402_RUN_STARTED) {
        return conflict(why, NULL, "the run was cancelled, or the line has ended");
    }
    bool same = strcmp(order->network, run.network) == 0 && order->amount == line.amount &&
                memcmp(order->token.bytes, run.token.bytes, EVM_ADDRESS_BYTES) == 0 &&
                memcmp(order->to.bytes, line.address.bytes, EVM_ADDRESS_BYTES) == 0;
    return same ? LUCID_OK : conflict(why, NULL, "this is not what was approved");
}

static enum lucid_error run_guard(struct ledger_txn *txn, const struct ledger_command *base,
                                  struct lucid_why *why)
{
    if (base->kind == &x402_outflow_kind && base->verb == X402_OUTFLOW_ORDER) {
        return guard_order(txn, &((const struct x402_outflow_command *)base)->outflow, why);
    }
    if (base->kind != &gas_settlement_kind) {
        return LUCID_OK;
    }
    const struct gas_payout_command *command = (const struct gas_payout_command *)base;
    bool start = base->verb == GAS_PAYOUT_START || base->verb == GAS_PAYOUT_RECORD;
    return start ? guard_start(txn, command, why) : guard_end(txn, command, why);
}

static const struct ledger_event_type types[] = {{.name = run_type_proposed, .version = 1},
                                                 {.name = run_type_approved, .version = 1},
                                                 {.name = run_type_cancelled, .version = 1},
                                                 {.name = run_type_line_failed, .version = 1},
                                                 {.name = NULL}};
static const char *const tables[] = {"treasury_runs", "treasury_lines", NULL};
static const char *const listens[] = {"payout.started", "payout.completed", "payout.failed",
                                      "outflow.ordered", NULL};

const struct ledger_kind x402_treasury_run_kind = {
    .name = "treasury_run",
    .fold_version = 1,
    .types = types,
    .tables = tables,
    .listens = listens,
    .guards = "*",
    .decide = run_decide,
    .guard = run_guard,
    .apply = run_apply,
    .conclude = run_conclude,
};

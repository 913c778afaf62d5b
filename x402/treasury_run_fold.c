/* Payout runs: what their events and those of their payouts and outflows fold into. */
#include <stdio.h>

#include "base/assert.h"
#include "x402/payload_read.h"
#include "x402/treasury_run_internal.h"

/* --- writing rows ----------------------------------------------------------------------------- */

static enum lucid_error run_put(struct ledger_txn *txn, const struct x402_run *run)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    uint8_t value[RUN_ROW_BYTES_MAX];
    size_t len = run_row_write(run, value);
    return ledger_txn_put(txn, RUN_TABLE_RUNS, run_key(run->number, key), lucid_span(value, len));
}

static enum lucid_error line_put(struct ledger_txn *txn, const struct x402_run_line *line)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    uint8_t value[RUN_LINE_BYTES_MAX];
    size_t len = run_line_write(line, value);
    return ledger_txn_put(txn, RUN_TABLE_LINES, run_line_key('l', line->run, line->line, key),
                          lucid_span(value, len));
}

static enum lucid_error place_put(struct ledger_txn *txn, struct lucid_span key,
                                  const struct x402_run_line *line)
{
    uint8_t place[RUN_PLACE_BYTES];
    lucid_put_be64(place, line->run);
    lucid_put_be32(place + 8, line->line);
    return ledger_txn_put(txn, RUN_TABLE_LINES, key, lucid_span(place, sizeof(place)));
}

static enum lucid_error key_drop(struct ledger_txn *txn, struct lucid_span key)
{
    enum lucid_error error = ledger_txn_del(txn, RUN_TABLE_LINES, key);
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

static bool has_ended(enum x402_run_line_state state)
{
    return state == X402_RUN_PAID || state == X402_RUN_FAILED || state == X402_RUN_WITHDRAWN;
}

/* The line in another state, with its indices and the run's counts; the run is the caller's to put.
 */
static enum lucid_error line_move(struct ledger_txn *txn, struct x402_run *run,
                                  struct x402_run_line *line, enum x402_run_line_state state)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    if (run->counts[line->state] == 0) {
        return LUCID_FATAL_CORRUPT;
    }
    run->counts[line->state]--;
    run->counts[state]++;
    line->state = state;
    enum lucid_error error = line_put(txn, line);
    if (error == LUCID_OK && has_ended(state)) {
        error = key_drop(txn, run_line_key('d', line->run, line->line, key));
    }
    if (error == LUCID_OK && has_ended(state)) {
        error = key_drop(txn, run_open_key(run->unit, run->settlement, line->payee, key));
    }
    return error;
}

/* Moves one line of a run, and puts both. */
static enum lucid_error line_step(struct ledger_txn *txn, const struct ledger_event *event,
                                  struct x402_run_line *line, enum x402_run_line_state state)
{
    struct x402_run run;
    enum lucid_error error = run_get(txn, line->run, &run);
    if (error == LUCID_OK) {
        bool withdrawn = state == X402_RUN_FAILED && run.state == X402_RUN_CANCELLED &&
                         line->state == X402_RUN_STARTED;
        error = line_move(txn, &run, line, withdrawn ? X402_RUN_WITHDRAWN : state);
    }
    if (error == LUCID_OK) {
        run.changed_ms = event->time_ms;
        error = run_put(txn, &run);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* --- run.proposed ----------------------------------------------------------------------------- */

static enum lucid_error proposed_line(struct ledger_txn *txn, struct x402_run *run,
                                      const struct jcs_value *value)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    struct x402_run_line line = {
        .run = run->number, .line = run->lines + 1, .state = X402_RUN_WAITING};
    enum lucid_error error = payload_read_address(value, "address", &line.address);
    if (error == LUCID_OK) {
        error = payload_read_amount(value, "amount", &line.amount);
    }
    if (error == LUCID_OK) {
        error = payload_read_text(value, "payee", line.payee, sizeof(line.payee));
    }
    if (error == LUCID_OK) {
        error = line_put(txn, &line);
    }
    if (error == LUCID_OK) {
        error = place_put(txn, run_open_key(run->unit, run->settlement, line.payee, key), &line);
    }
    run->lines++;
    return error;
}

static enum lucid_error unit_read(const struct jcs_value *root, enum gas_unit *ret)
{
    struct lucid_span text;
    enum lucid_error error = payload_text(root, "unit", &text);
    return error != LUCID_OK ? error : gas_unit_parse(text, ret) ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

static enum lucid_error proposed_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                       const struct jcs_value *root)
{
    struct x402_run run = {.state = X402_RUN_PROPOSED,
                           .sequence = event->sequence,
                           .time_ms = event->time_ms,
                           .changed_ms = event->time_ms};
    const struct jcs_value *lines = jcs_member(root, "lines");
    enum lucid_error error = payload_uint(root, "run", &run.number);
    if (error == LUCID_OK) {
        error = payload_uint(root, "settlement", &run.settlement);
    }
    if (error == LUCID_OK) {
        error = unit_read(root, &run.unit);
    }
    if (error == LUCID_OK) {
        error = payload_read_text(root, "network", run.network, sizeof(run.network));
    }
    if (error == LUCID_OK) {
        error = payload_read_text(root, "by", run.proposed_by, sizeof(run.proposed_by));
    }
    if (error == LUCID_OK) {
        error = payload_read_address(root, "token", &run.token);
    }
    if (error == LUCID_OK) {
        error = payload_read_amount(root, "total", &run.total);
    }
    if (error == LUCID_OK && (lines == NULL || jcs_type(lines) != JCS_ARRAY)) {
        error = LUCID_FATAL_CORRUPT;
    }
    for (const struct jcs_value *at = error == LUCID_OK ? jcs_next(lines, NULL) : NULL;
         error == LUCID_OK && at != NULL; at = jcs_next(lines, at)) {
        error = proposed_line(txn, &run, at);
    }
    run.counts[X402_RUN_WAITING] = run.lines;
    return error == LUCID_OK ? run_put(txn, &run) : error;
}

/* --- the run's other events ------------------------------------------------------------------- */

/* Of each waiting line: due (approved), or withdrawn (cancelled). */
static enum lucid_error waiting_each(struct ledger_txn *txn, struct x402_run *run, bool due)
{
    enum lucid_error error = LUCID_OK;
    for (uint32_t at = 1; error == LUCID_OK && at <= run->lines; at++) {
        uint8_t key[RUN_KEY_BYTES_MAX];
        struct x402_run_line line;
        error = run_line_get(txn, run->number, at, &line);
        if (error != LUCID_OK || line.state != X402_RUN_WAITING) {
            continue;
        }
        error = due ? ledger_txn_put(txn, RUN_TABLE_LINES, run_line_key('d', run->number, at, key),
                                     lucid_span("", 0))
                    : line_move(txn, run, &line, X402_RUN_WITHDRAWN);
    }
    return error;
}

static enum lucid_error changed_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                      const struct jcs_value *root)
{
    struct x402_run run;
    uint64_t number = 0;
    bool approved = lucid_span_is(event->type, run_type_approved);
    enum lucid_error error = payload_uint(root, "run", &number);
    if (error == LUCID_OK) {
        error = run_get(txn, number, &run);
    }
    if (error == LUCID_OK && approved) {
        error = payload_read_text(root, "by", run.approved_by, sizeof(run.approved_by));
    }
    if (error == LUCID_OK) {
        error = waiting_each(txn, &run, approved);
    }
    if (error == LUCID_OK) {
        run.state = approved ? X402_RUN_APPROVED : X402_RUN_CANCELLED;
        run.changed_ms = event->time_ms;
        error = run_put(txn, &run);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

static enum lucid_error failed_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                     const struct jcs_value *root)
{
    struct x402_run_line line;
    uint64_t number = 0;
    uint64_t at = 0;
    enum lucid_error error = payload_uint(root, "run", &number);
    if (error == LUCID_OK) {
        error = payload_uint(root, "line", &at);
    }
    if (error == LUCID_OK) {
        error =
            at > UINT32_MAX ? LUCID_FATAL_CORRUPT : run_line_get(txn, number, (uint32_t)at, &line);
    }
    if (error == LUCID_OK) {
        error = payload_read_text(root, "reason", line.reason, sizeof(line.reason));
    }
    if (error == LUCID_OK) {
        error = line_step(txn, event, &line, X402_RUN_FAILED);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* --- events of payouts and outflows ----------------------------------------------------------- */

/* A payout of another id, or one that was before the run, is none of ours. */
static enum lucid_error started_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                      const struct jcs_value *root)
{
    uint8_t key[RUN_KEY_BYTES_MAX];
    struct lucid_span id;
    struct x402_run_line line;
    uint64_t run;
    uint32_t at;
    enum lucid_error error = payload_text(root, "external_id", &id);
    if (error != LUCID_OK || !run_external_id_parse(id, &run, &at)) {
        return error;
    }
    error = run_line_get(txn, run, at, &line);
    if (error != LUCID_OK || line.state != X402_RUN_WAITING) {
        return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    }
    error = payload_uint(root, "payout", &line.payout);
    if (error == LUCID_OK) {
        error = place_put(txn, run_payout_key(line.payout, key), &line);
    }
    return error == LUCID_OK ? line_step(txn, event, &line, X402_RUN_STARTED) : error;
}

static enum lucid_error ended_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                    const struct jcs_value *root)
{
    struct x402_run_line line;
    uint64_t payout = 0;
    bool failed = lucid_span_is(event->type, "payout.failed");
    enum lucid_error error = payload_uint(root, "payout", &payout);
    if (error == LUCID_OK) {
        error = run_line_of_payout(txn, payout, &line);
    }
    if (error == LUCID_OK && failed) {
        error = payload_read_text(root, "reason", line.reason, sizeof(line.reason));
    }
    if (error == LUCID_OK) {
        error = line_step(txn, event, &line, failed ? X402_RUN_FAILED : X402_RUN_PAID);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

static enum lucid_error ordered_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                      const struct jcs_value *root)
{
    struct x402_run_line line;
    uint64_t payout = 0;
    if (jcs_member(root, "payout") == NULL) {
        return LUCID_OK; /* a refund's */
    }
    enum lucid_error error = payload_uint(root, "payout", &payout);
    if (error == LUCID_OK) {
        error = run_line_of_payout(txn, payout, &line);
    }
    if (error == LUCID_OK && line.state == X402_RUN_STARTED) {
        error = line_step(txn, event, &line, X402_RUN_ORDERED);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

typedef enum lucid_error fold_fn(struct ledger_txn *txn, const struct ledger_event *event,
                                 const struct jcs_value *root);

enum lucid_error run_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    static const struct {
        const char *type;
        fold_fn *fold;
    } folds[] = {
        {run_type_proposed, proposed_apply}, {run_type_approved, changed_apply},
        {run_type_cancelled, changed_apply}, {run_type_line_failed, failed_apply},
        {"payout.started", started_apply},   {"payout.completed", ended_apply},
        {"payout.failed", ended_apply},      {"outflow.ordered", ordered_apply},
    };
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, RUN_ARENA_BYTES);
    /* More values than other payloads have (ledger/payload.h): four of each line. */
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 16384};
    enum lucid_error error = jcs_parse(event->payload, &limits, &arena, &root, NULL);
    if (error != LUCID_OK && error != LUCID_RETRY_MEMORY) {
        error = LUCID_FATAL_CORRUPT;
    }
    for (size_t i = 0; error == LUCID_OK && i < sizeof(folds) / sizeof(folds[0]); i++) {
        if (lucid_span_is(event->type, folds[i].type)) {
            error = folds[i].fold(txn, event, root);
            break;
        }
    }
    lucid_arena_fini(&arena);
    return error;
}

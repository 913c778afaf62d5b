/* Statements at an epoch's end: drafting them from `earnings`, and folding the event.
 *
 * The fold takes the statement at its word: what it says is what the service signed. That it says
 * what the postings come to is for auditors, who have both. */
#include "base/assert.h"
#include "gas/settlement_internal.h"
#include "ledger/payload.h"

enum {
    EPOCH_ARENA_BYTES = 16384,
    ORIGIN_EVENT = 1,
    /* What is left for all but the lines: origin, sums, hashes. */
    LINES_BYTES_MAX = 60000,
};

/* The statement that is being made, and the lines of its parts. */
struct issue {
    struct gas_statement statement; /* of the next part; the period's sums in the first only */
    struct settlement_period period;
    bool moved; /* the unit has a period row */
    struct {
        struct gas_statement_line *lines;
        size_t count;
        size_t bytes;
    } part[GAS_SETTLEMENT_PARTS_MAX];
    uint32_t part_count;
    bool part_ends; /* what comes next belongs before the lines that are there: into a new part */
};

/* --- what is due ------------------------------------------------------------------------------ */

/* Puts a line into the last part or a new one. LUCID_NOTE_END: no part is left. */
static enum lucid_error line_place(struct lucid_arena *arena, struct issue *issue,
                                   const struct gas_statement_line *line)
{
    size_t bytes = gas_statement_line_bytes(line);
    uint32_t at = issue->part_count - 1;
    if (issue->part_count == 0 || issue->part_ends ||
        issue->part[at].count == GAS_STATEMENT_LINES_MAX ||
        issue->part[at].bytes + bytes > LINES_BYTES_MAX) {
        if (issue->part_count == GAS_SETTLEMENT_PARTS_MAX) {
            return LUCID_NOTE_END;
        }
        at = issue->part_count;
        issue->part[at].lines = lucid_arena_alloc(arena, GAS_STATEMENT_LINES_MAX * sizeof(*line));
        if (issue->part[at].lines == NULL) {
            return LUCID_RETRY_MEMORY;
        }
        issue->part_count++;
        issue->part_ends = false;
    }
    issue->part[at].lines[issue->part[at].count++] = *line;
    issue->part[at].bytes += bytes;
    return LUCID_OK;
}

static bool payee_is_after(struct lucid_span payee, struct lucid_span other)
{
    size_t len = payee.len < other.len ? payee.len : other.len;
    int order = memcmp(payee.data, other.data, len);
    return order > 0 || (order == 0 && payee.len > other.len);
}

/* The payees whose rows lie after one payee's (len 0: from the first) and not after another's (len
 * 0: to the last). The rows of a unit lie after its period's row, by payee. LUCID_NOTE_END: no part
 * is left. */
static enum lucid_error rows_collect(struct ledger_txn *txn, enum gas_unit unit,
                                     struct lucid_span after, struct lucid_span last,
                                     struct issue *issue)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span key = settlement_earning_key(unit, after, bytes);
    for (;;) {
        struct lucid_span value;
        struct settlement_earning earning;
        struct gas_statement_line line;
        enum lucid_error error =
            ledger_txn_seek(txn, SETTLEMENT_EARNINGS, STORE_SEEK_GT, key, &key, &value);
        if (error == LUCID_NOTE_ABSENT || (error == LUCID_OK && key.data[0] != (uint8_t)unit)) {
            return LUCID_OK;
        }
        if (error == LUCID_OK) {
            error = settlement_earning_parse(value, &earning);
        }
        /* Nothing is written before the statements are drafted: the key stays where it is. */
        struct lucid_span payee = lucid_span(key.data + 1, key.len - 1);
        if (error == LUCID_OK && last.len > 0 && payee_is_after(payee, last)) {
            return LUCID_OK;
        }
        if (error == LUCID_OK && settlement_earning_is_news(&earning)) {
            settlement_earning_line(&earning, payee, &line);
            error = line_place(ledger_txn_arena(txn), issue, &line);
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
}

/* Whom the newest statement, which had all parts that there are, told last; else nobody (""). */
static enum lucid_error told_last(struct ledger_txn *txn, const struct gas_settlement *newest,
                                  char ret[GAS_NAME_BYTES_MAX + 1])
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span key = settlement_key(newest->unit, newest->number + 1, bytes);
    struct lucid_span value;
    struct gas_settlement_line line;
    ret[0] = '\0';
    if (newest->parts < GAS_SETTLEMENT_PARTS_MAX || newest->part < newest->parts) {
        return LUCID_OK;
    }
    enum lucid_error error =
        ledger_txn_seek(txn, SETTLEMENT_LINES, STORE_SEEK_LT, key, &key, &value);
    if (error == LUCID_OK) {
        error = settlement_line_parse(key, value, &line);
    }
    if (error == LUCID_OK && line.unit == newest->unit && line.number == newest->number) {
        memcpy(ret, line.payee, sizeof(line.payee));
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* The lines that are due. After an epoch whose parts did not suffice, it is first the turn of those
 * who had to wait: else they would wait for as long as all before them keep earning. */
static enum lucid_error lines_collect(struct ledger_txn *txn, enum gas_unit unit,
                                      const struct gas_settlement *newest, struct issue *issue)
{
    char told[GAS_NAME_BYTES_MAX + 1] = "";
    struct lucid_span none = {NULL, 0};
    enum lucid_error error = newest == NULL ? LUCID_OK : told_last(txn, newest, told);
    if (error == LUCID_OK) {
        error = rows_collect(txn, unit, lucid_span_str(told), none, issue);
    }
    if (error == LUCID_OK && told[0] != '\0') {
        issue->part_ends = true;
        error = rows_collect(txn, unit, none, lucid_span_str(told), issue);
    }
    return error == LUCID_NOTE_END ? LUCID_OK : error;
}

static enum lucid_error period_read(struct ledger_txn *txn, enum gas_unit unit, struct issue *issue)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span value;
    enum lucid_error error = ledger_txn_get(
        txn, SETTLEMENT_EARNINGS, settlement_earning_key(unit, lucid_span(NULL, 0), bytes), &value);
    if (error == LUCID_OK) {
        issue->moved = true;
        error = settlement_period_parse(value, &issue->period);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* --- drafting --------------------------------------------------------------------------------- */

static enum lucid_error origin_read(struct ledger_txn *txn, struct lucid_span *ret)
{
    struct store_event event;
    struct lucid_span origin;
    const struct jcs_value *root;
    enum lucid_error error = store_event_read(ledger_txn_view(txn), ORIGIN_EVENT, &event);
    if (error == LUCID_OK) {
        error = payload_parse(event.payload, ledger_txn_arena(txn), &root);
    }
    if (error == LUCID_OK) {
        error = payload_text(root, "origin", &origin);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    *ret = lucid_arena_copy(ledger_txn_arena(txn), origin);
    return ret->data == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
}

/* What the epoch's end says: all statements of it share it. */
static enum lucid_error epoch_read(struct ledger_txn *txn, const struct ledger_event *event,
                                   struct gas_statement *ret)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    struct lucid_buf time;
    lucid_arena_init(&arena, EPOCH_ARENA_BYTES);
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = payload_uint(root, "epoch", &ret->epoch);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "end_leaf", &ret->tree_size);
    }
    if (error == LUCID_OK) {
        error = payload_hex(root, "root", ret->root, sizeof(ret->root));
    }
    lucid_arena_fini(&arena);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_init(&time, sizeof(ret->issued_at));
    lucid_buf_time(&time, ledger_txn_now_ms(txn));
    error = lucid_buf_ok(&time) && time.len == GAS_STATEMENT_TIME_BYTES
                ? payload_copy(lucid_buf_span(&time), ret->issued_at, sizeof(ret->issued_at))
                : LUCID_RETRY_MEMORY;
    lucid_buf_fini(&time);
    ret->period_last = event->sequence;
    return error;
}

/* Sets what differs from part to part. */
static void part_fill(const struct issue *issue, uint32_t at, struct gas_statement *statement)
{
    static const struct settlement_period none = {.payments = 0};
    const struct settlement_period *period = at == 0 ? &issue->period : &none;
    statement->part = at + 1;
    statement->parts = issue->part_count > 0 ? issue->part_count : 1;
    statement->payments = period->payments;
    statement->protocol = period->protocol;
    statement->suspense_compute = period->suspense_compute;
    statement->suspense_model = period->suspense_model;
    statement->reversed_protocol = period->reversed_protocol;
    statement->reversed_compute = period->reversed_compute;
    statement->reversed_model = period->reversed_model;
    statement->gross = period->protocol + period->suspense_compute + period->suspense_model;
    statement->total = 0;
    statement->lines = issue->part[at].lines;
    statement->line_count = issue->part[at].count;
    for (size_t i = 0; i < statement->line_count; i++) {
        const struct gas_statement_line *line = &statement->lines[i];
        statement->gross += (unsigned __int128)line->compute + line->model;
        statement->total += line->amount;
    }
}

/* Signs and drafts the statement, which becomes the one before the next. */
static enum lucid_error statement_draft(struct ledger_txn *txn, struct gas_statement *statement)
{
    const struct gas_settlement_config *config = ledger_txn_config(txn);
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    struct lucid_buf jcs;
    struct lucid_buf document;
    struct lucid_span payload = {NULL, 0};
    lucid_buf_init(&jcs, 0);
    lucid_buf_init(&document, 0);
    gas_statement_write(statement, &jcs);
    if (lucid_buf_ok(&jcs)) {
        gas_statement_hash(lucid_buf_span(&jcs), statement->previous);
        gas_statement_sign(config->key, statement->previous, signature);
        gas_statement_document(signature, lucid_buf_span(&jcs), &document);
    }
    if (lucid_buf_ok(&jcs) && lucid_buf_ok(&document)) {
        lucid_assert(document.len <= GAS_STATEMENT_BYTES_MAX);
        payload = lucid_arena_copy(ledger_txn_arena(txn), lucid_buf_span(&document));
    }
    lucid_buf_fini(&jcs);
    lucid_buf_fini(&document);
    if (payload.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    statement->has_previous = true;
    statement->number++;
    struct ledger_draft draft = {.type = settlement_type_issued, .payload = payload};
    return ledger_txn_draft(txn, &draft, NULL);
}

/* Drafts the unit's statement, in as many parts as it takes, if money moved since the last. */
static enum lucid_error unit_issue(struct ledger_txn *txn, enum gas_unit unit,
                                   const struct ledger_event *event)
{
    struct gas_settlement newest;
    struct issue issue = {.statement = {.unit = unit, .period_first = 1}};
    struct gas_statement *statement = &issue.statement;
    enum lucid_error error = period_read(txn, unit, &issue);
    if (error == LUCID_OK) {
        error = settlement_newest(txn, unit, &newest);
    }
    bool first = error == LUCID_NOTE_ABSENT;
    if (error == LUCID_OK || first) {
        error = lines_collect(txn, unit, first ? NULL : &newest, &issue);
    }
    if (error != LUCID_OK || (!issue.moved && issue.part_count == 0)) {
        return error;
    }
    error = epoch_read(txn, event, statement);
    if (!first) {
        statement->number = newest.number + 1;
        statement->period_first = newest.period_last + 1;
        statement->has_previous = true;
        memcpy(statement->previous, newest.hash, sizeof(newest.hash));
    }
    if (error == LUCID_OK) {
        error = origin_read(txn, &statement->origin);
    }
    for (uint32_t at = 0; error == LUCID_OK && (at == 0 || at < issue.part_count); at++) {
        part_fill(&issue, at, statement);
        error = statement_draft(txn, statement);
    }
    return error;
}

enum lucid_error settlement_epoch_react(struct ledger_txn *txn, const struct ledger_event *event)
{
    const struct gas_settlement_config *config = ledger_txn_config(txn);
    if (config == NULL || config->key == NULL) {
        return LUCID_OK;
    }
    enum lucid_error error = LUCID_OK;
    for (int unit = GAS_LUCID; error == LUCID_OK && unit < GAS_LUCID + GAS_UNITS; unit++) {
        error = unit_issue(txn, (enum gas_unit)unit, event);
    }
    return error;
}

/* --- folding ---------------------------------------------------------------------------------- */

/* What the payee has earned is told; what it owes stays. */
static enum lucid_error earning_clear(struct ledger_txn *txn, enum gas_unit unit,
                                      const struct gas_statement_line *line)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    uint8_t value[SETTLEMENT_EARNING_BYTES];
    struct lucid_span key = settlement_earning_key(unit, line->payee, bytes);
    if (line->carried == 0) {
        enum lucid_error error = ledger_txn_del(txn, SETTLEMENT_EARNINGS, key);
        return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    }
    struct settlement_earning earning = {.brought = line->carried};
    settlement_earning_encode(&earning, value);
    return ledger_txn_put(txn, SETTLEMENT_EARNINGS, key, lucid_span(value, sizeof(value)));
}

static enum lucid_error line_fold(struct ledger_txn *txn, const struct gas_statement *statement,
                                  const struct gas_statement_line *line)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    uint8_t epoch[8];
    struct gas_settlement_line row = {
        .unit = statement->unit,
        .number = statement->number,
        .amount = line->amount,
        .compute = line->compute,
        .model = line->model,
        .released = line->released,
        .reversed = line->reversed,
        .brought = line->brought,
        .carried = line->carried,
        .payments = line->payments,
    };
    memcpy(row.payee, line->payee.data, line->payee.len);
    enum lucid_error error = settlement_line_put(txn, &row);
    if (error == LUCID_OK) {
        lucid_put_be64(epoch, statement->epoch);
        error = ledger_txn_put(
            txn, SETTLEMENT_PAYEE_LINES,
            settlement_payee_key(statement->unit, line->payee, statement->number, bytes),
            lucid_span(epoch, sizeof(epoch)));
    }
    return error == LUCID_OK ? earning_clear(txn, statement->unit, line) : error;
}

/* It is the unit's next one. */
static enum lucid_error order_check(struct ledger_txn *txn, const struct gas_statement *statement)
{
    struct gas_settlement newest;
    enum lucid_error error = settlement_newest(txn, statement->unit, &newest);
    if (error == LUCID_NOTE_ABSENT) {
        return statement->number == 0 ? LUCID_OK : LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK) {
        return error;
    }
    return statement->number == newest.number + 1 && statement->has_previous &&
                   memcmp(statement->previous, newest.hash, sizeof(newest.hash)) == 0
               ? LUCID_OK
               : LUCID_FATAL_CORRUPT;
}

static enum lucid_error statement_fold(struct ledger_txn *txn, const struct ledger_event *event,
                                       const struct gas_statement_read *read)
{
    const struct gas_statement *statement = &read->statement;
    struct gas_settlement row = {
        .unit = statement->unit,
        .number = statement->number,
        .epoch = statement->epoch,
        .part = statement->part,
        .parts = statement->parts,
        .period_first = statement->period_first,
        .period_last = statement->period_last,
        .sequence = event->sequence,
        .issued_ms = event->time_ms,
        .line_count = (uint32_t)statement->line_count,
        .total = statement->total,
    };
    memcpy(row.hash, read->hash, sizeof(row.hash));
    memcpy(row.signature, read->signature, sizeof(row.signature));
    enum lucid_error error = order_check(txn, statement);
    for (size_t i = 0; error == LUCID_OK && i < statement->line_count; i++) {
        row.lines_open += statement->lines[i].amount > 0;
        error = line_fold(txn, statement, &statement->lines[i]);
    }
    if (error == LUCID_OK && statement->part == 1) {
        uint8_t bytes[SETTLEMENT_KEY_BYTES];
        error = ledger_txn_del(txn, SETTLEMENT_EARNINGS,
                               settlement_earning_key(statement->unit, lucid_span(NULL, 0), bytes));
        error = error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    }
    if (row.lines_open == 0) {
        row.closed_sequence = event->sequence;
        row.closed_ms = event->time_ms;
    }
    return error == LUCID_OK ? settlement_put(txn, &row) : error;
}

enum lucid_error settlement_issued_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    struct gas_statement_read read;
    lucid_arena_init(&arena, GAS_STATEMENT_ARENA_BYTES);
    enum lucid_error error = gas_statement_parse(event->payload, &arena, &read, NULL);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        error = statement_fold(txn, event, &read);
    }
    lucid_arena_fini(&arena);
    return error;
}

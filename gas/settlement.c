/* The settlement kind: what it listens to, who folds what, and its rows within the writer. */
#include "gas/settlement.h"

#include "gas/payment_types.h"
#include "gas/settlement_internal.h"

const char settlement_type_issued[] = "settlement.issued";
const char settlement_type_started[] = "payout.started";
const char settlement_type_completed[] = "payout.completed";
const char settlement_type_failed[] = "payout.failed";

static const char type_epoch_closed[] = "epoch.closed";

static const struct ledger_event_type types[] = {
    {.name = settlement_type_issued, .version = 1},
    {.name = settlement_type_started, .version = 1},
    {.name = settlement_type_completed, .version = 1},
    {.name = settlement_type_failed, .version = 1},
    {.name = NULL},
};

static const char *const tables[] = {
    [SETTLEMENT_EARNINGS] = "earnings",         [SETTLEMENT_ISSUED] = "settlements",
    [SETTLEMENT_LINES] = "settlement_lines",    [SETTLEMENT_PAYEE_LINES] = "payee_lines",
    [SETTLEMENT_PAYOUTS] = "payouts",           [SETTLEMENT_PAYOUT_KEYS] = "payout_keys",
    [SETTLEMENT_PAYOUT_LINES] = "payout_lines", NULL,
};

/* The events whose postings carry payments, their release and their reversal: what earns. Then the
 * one that makes statements due. */
static const char *const listens[] = {
    GAS_PAYMENT_TYPES,
    type_epoch_closed,
    NULL,
};

static enum lucid_error settlement_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    if (lucid_span_is(event->type, type_epoch_closed)) {
        return LUCID_OK;
    }
    if (lucid_span_is(event->type, settlement_type_issued)) {
        return settlement_issued_apply(txn, event);
    }
    for (const struct ledger_event_type *type = types; type->name != NULL; type++) {
        if (lucid_span_is(event->type, type->name)) {
            return settlement_payout_apply(txn, event);
        }
    }
    return settlement_money_apply(txn, event);
}

static enum lucid_error settlement_react(struct ledger_txn *txn, const struct ledger_event *event)
{
    return lucid_span_is(event->type, type_epoch_closed) ? settlement_epoch_react(txn, event)
                                                         : LUCID_OK;
}

const struct ledger_kind gas_settlement_kind = {
    .name = "settlement",
    .fold_version = 2,
    .types = types,
    .tables = tables,
    .listens = listens,
    .decide = settlement_payout_decide,
    .apply = settlement_apply,
    .react = settlement_react,
    .conclude = settlement_payout_conclude,
};

const char *gas_settlement_status(const struct gas_settlement *settlement)
{
    return settlement->closed_sequence == 0 ? "open" : "closed";
}

/* --- rows ------------------------------------------------------------------------------------- */

enum lucid_error settlement_newest(struct ledger_txn *txn, enum gas_unit unit,
                                   struct gas_settlement *ret)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span key = settlement_key(unit, UINT64_MAX, bytes);
    struct lucid_span value;
    enum lucid_error error =
        ledger_txn_seek(txn, SETTLEMENT_ISSUED, STORE_SEEK_LE, key, &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    struct gas_settlement row;
    error = settlement_parse(key, value, &row);
    if (error == LUCID_OK && row.unit != unit) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        *ret = row;
    }
    return error;
}

enum lucid_error settlement_get(struct ledger_txn *txn, enum gas_unit unit, uint64_t number,
                                struct gas_settlement *ret)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span key = settlement_key(unit, number, bytes);
    struct lucid_span value;
    enum lucid_error error = ledger_txn_get(txn, SETTLEMENT_ISSUED, key, &value);
    return error == LUCID_OK ? settlement_parse(key, value, ret) : error;
}

enum lucid_error settlement_put(struct ledger_txn *txn, const struct gas_settlement *settlement)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    uint8_t row[SETTLEMENT_ROW_BYTES];
    settlement_encode(settlement, row);
    return ledger_txn_put(txn, SETTLEMENT_ISSUED,
                          settlement_key(settlement->unit, settlement->number, bytes),
                          lucid_span(row, sizeof(row)));
}

enum lucid_error settlement_line_get(struct ledger_txn *txn, enum gas_unit unit, uint64_t number,
                                     struct lucid_span payee, struct gas_settlement_line *ret)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span key = settlement_line_key(unit, number, payee, bytes);
    struct lucid_span value;
    enum lucid_error error = ledger_txn_get(txn, SETTLEMENT_LINES, key, &value);
    return error == LUCID_OK ? settlement_line_parse(key, value, ret) : error;
}

enum lucid_error settlement_line_put(struct ledger_txn *txn, const struct gas_settlement_line *line)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    uint8_t row[SETTLEMENT_LINE_BYTES];
    settlement_line_encode(line, row);
    return ledger_txn_put(
        txn, SETTLEMENT_LINES,
        settlement_line_key(line->unit, line->number, lucid_span_str(line->payee), bytes),
        lucid_span(row, sizeof(row)));
}

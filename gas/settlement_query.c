/* Settlement: reading, within a view. */
#include "base/sha256.h"
#include "gas/settlement_internal.h"
#include "ledger/row.h"

static uint32_t table_of(struct ledger_view *view, enum settlement_table table)
{
    return ledger_view_table(view, &gas_settlement_kind, table);
}

static enum lucid_error view_seek(struct ledger_view *view, enum settlement_table table,
                                  enum store_seek how, struct lucid_span key,
                                  struct lucid_span *ret_key, struct lucid_span *ret_value)
{
    return row_seek(ledger_view_store(view), table_of(view, table), how, key, ret_key, ret_value);
}

static enum lucid_error view_get(struct ledger_view *view, enum settlement_table table,
                                 struct lucid_span key, struct lucid_span *ret_value)
{
    return row_get(ledger_view_store(view), table_of(view, table), key, ret_value);
}

/* --- statements ------------------------------------------------------------------------------- */

enum lucid_error gas_settlement_read(struct ledger_view *view, enum gas_unit unit, uint64_t number,
                                     struct gas_settlement *ret)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span key = settlement_key(unit, number, bytes);
    struct lucid_span value;
    struct gas_settlement row;
    enum lucid_error error = view_get(view, SETTLEMENT_ISSUED, key, &value);
    if (error == LUCID_OK) {
        error = settlement_parse(key, value, &row);
    }
    if (error == LUCID_OK) {
        *ret = row;
    }
    return error;
}

enum lucid_error gas_settlement_count(struct ledger_view *view, enum gas_unit unit, uint64_t *ret)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span key = settlement_key(unit, UINT64_MAX, bytes);
    struct lucid_span value;
    struct gas_settlement row;
    enum lucid_error error = view_seek(view, SETTLEMENT_ISSUED, STORE_SEEK_LE, key, &key, &value);
    if (error == LUCID_OK) {
        error = settlement_parse(key, value, &row);
    }
    if (error == LUCID_NOTE_ABSENT || (error == LUCID_OK && row.unit != unit)) {
        *ret = 0;
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        *ret = row.number + 1;
    }
    return error;
}

/* {"signature":"<128>","statement":…}: where the statement begins is fixed. */
static bool document_holds(struct lucid_span document, const struct gas_settlement *settlement)
{
    static const char before[] = "{\"signature\":\"";
    static const char between[] = "\",\"statement\":";
    enum { DIGITS = 2 * LEDGER_ED25519_SIGNATURE_BYTES };
    enum { BEFORE = sizeof(before) - 1, BETWEEN = sizeof(between) - 1 };
    enum { HEAD = BEFORE + DIGITS + BETWEEN };
    char digits[DIGITS];
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_hex_encode(settlement->signature, sizeof(settlement->signature), digits);
    if (document.len <= HEAD || memcmp(document.data, before, BEFORE) != 0 ||
        memcmp(document.data + BEFORE, digits, DIGITS) != 0 ||
        memcmp(document.data + BEFORE + DIGITS, between, BETWEEN) != 0 ||
        document.data[document.len - 1] != '}') {
        return false;
    }
    gas_statement_hash(lucid_span(document.data + HEAD, document.len - HEAD - 1), hash);
    return memcmp(hash, settlement->hash, sizeof(hash)) == 0;
}

enum lucid_error gas_settlement_document(struct ledger_view *view,
                                         const struct gas_settlement *settlement,
                                         struct lucid_span *ret)
{
    struct store_event event;
    enum lucid_error error =
        store_event_read(ledger_view_store(view), settlement->sequence, &event);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    if (!document_holds(event.payload, settlement)) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = event.payload;
    return LUCID_OK;
}

/* --- lines ------------------------------------------------------------------------------------ */

enum lucid_error gas_settlement_line_read(struct ledger_view *view, enum gas_unit unit,
                                          uint64_t number, struct lucid_span payee,
                                          struct gas_settlement_line *ret)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span value;
    struct gas_settlement_line line;
    if (!gas_name_ok(payee, GAS_NAME_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    struct lucid_span key = settlement_line_key(unit, number, payee, bytes);
    enum lucid_error error = view_get(view, SETTLEMENT_LINES, key, &value);
    if (error == LUCID_OK) {
        error = settlement_line_parse(key, value, &line);
    }
    if (error == LUCID_OK) {
        *ret = line;
    }
    return error;
}

enum lucid_error gas_settlement_line_next(struct ledger_view *view, enum gas_unit unit,
                                          uint64_t number, struct lucid_span after,
                                          struct gas_settlement_line *ret)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span value;
    struct gas_settlement_line line;
    if (after.len > GAS_NAME_BYTES_MAX) {
        return LUCID_NOTE_ABSENT;
    }
    struct lucid_span key = settlement_line_key(unit, number, after, bytes);
    enum lucid_error error = view_seek(view, SETTLEMENT_LINES, STORE_SEEK_GT, key, &key, &value);
    if (error == LUCID_OK) {
        error = settlement_line_parse(key, value, &line);
    }
    if (error == LUCID_OK && (line.unit != unit || line.number != number)) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        *ret = line;
    }
    return error;
}

enum lucid_error gas_payee_line_next(struct ledger_view *view, enum gas_unit unit,
                                     struct lucid_span payee, uint64_t from,
                                     struct gas_settlement_line *ret)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span found;
    struct lucid_span value;
    if (!gas_name_ok(payee, GAS_NAME_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    struct lucid_span key = settlement_payee_key(unit, payee, from, bytes);
    enum lucid_error error =
        view_seek(view, SETTLEMENT_PAYEE_LINES, STORE_SEEK_GE, key, &found, &value);
    if (error != LUCID_OK) {
        return error;
    }
    size_t prefix = key.len - sizeof(from);
    if (found.len != key.len || memcmp(found.data, key.data, prefix) != 0) {
        return LUCID_NOTE_ABSENT;
    }
    error = gas_settlement_line_read(view, unit, lucid_get_be64(found.data + prefix), payee, ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error gas_earning_next(struct ledger_view *view, enum gas_unit unit,
                                  struct lucid_span after, struct gas_settlement_line *ret)
{
    uint8_t bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span value;
    struct settlement_earning earning;
    struct gas_statement_line line;
    if (after.len > GAS_NAME_BYTES_MAX) {
        return LUCID_NOTE_ABSENT;
    }
    /* With no name: after the period's row. */
    struct lucid_span key = settlement_earning_key(unit, after, bytes);
    enum lucid_error error = view_seek(view, SETTLEMENT_EARNINGS, STORE_SEEK_GT, key, &key, &value);
    if (error == LUCID_OK && (key.len < 2 || key.data[0] != (uint8_t)unit)) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        error = settlement_earning_parse(value, &earning);
    }
    if (error == LUCID_OK && key.len - 1 > GAS_NAME_BYTES_MAX) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK) {
        return error;
    }
    settlement_earning_line(&earning, lucid_span(key.data + 1, key.len - 1), &line);
    *ret = (struct gas_settlement_line){
        .unit = unit,
        .amount = line.amount,
        .compute = line.compute,
        .model = line.model,
        .released = line.released,
        .reversed = line.reversed,
        .brought = line.brought,
        .carried = line.carried,
        .payments = line.payments,
    };
    memcpy(ret->payee, line.payee.data, line.payee.len);
    return LUCID_OK;
}

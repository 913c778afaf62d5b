/* Payouts: their rows, their folds, and reading them. */
#include "base/checked.h"
#include "gas/payout.h"
#include "gas/settlement_internal.h"
#include "ledger/payload.h"
#include "ledger/row.h"

enum { PAYLOAD_ARENA_BYTES = 1 << 20, ROW_FIXED_BYTES = 50, NUMBER_BYTES = 8 };

/* --- rows ------------------------------------------------------------------------------------- */

/* The texts of a payout, in the order of its row. */
struct text {
    char *at;
    size_t size;
};
enum { TEXTS = 8 };

static void texts_of(struct gas_payout *payout, struct text ret[TEXTS])
{
    ret[0] = (struct text){payout->external_id, sizeof(payout->external_id)};
    ret[1] = (struct text){payout->payee, sizeof(payout->payee)};
    ret[2] = (struct text){payout->facilitator, sizeof(payout->facilitator)};
    ret[3] = (struct text){payout->note, sizeof(payout->note)};
    ret[4] = (struct text){payout->reference, sizeof(payout->reference)};
    ret[5] = (struct text){payout->network, sizeof(payout->network)};
    ret[6] = (struct text){payout->transaction, sizeof(payout->transaction)};
    ret[7] = (struct text){payout->reason, sizeof(payout->reason)};
}

/* Two bytes of length for each text are fewer than the struct has to spare for its numbers. */
#define ROW_BYTES_MAX (ROW_FIXED_BYTES + 2 * TEXTS + sizeof(struct gas_payout))

static struct lucid_span row_encode(struct gas_payout *payout, uint8_t bytes[ROW_BYTES_MAX])
{
    struct text texts[TEXTS];
    bytes[0] = (uint8_t)payout->unit;
    bytes[1] = (uint8_t)payout->state;
    lucid_put_be64(bytes + 2, payout->settlement);
    lucid_put_be64(bytes + 10, payout->amount);
    lucid_put_be64(bytes + 18, payout->started_sequence);
    lucid_put_be64(bytes + 26, payout->started_ms);
    lucid_put_be64(bytes + 34, payout->ended_sequence);
    lucid_put_be64(bytes + 42, payout->ended_ms);
    uint8_t *at = bytes + ROW_FIXED_BYTES;
    texts_of(payout, texts);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t len = strlen(texts[i].at);
        lucid_put_be16(at, (uint16_t)len);
        memcpy(at + 2, texts[i].at, len);
        at += 2 + len;
    }
    return lucid_span(bytes, (size_t)(at - bytes));
}

static enum lucid_error row_parse(uint64_t number, struct lucid_span value, struct gas_payout *ret)
{
    struct text texts[TEXTS];
    struct gas_payout row = {.number = number};
    if (value.len < ROW_FIXED_BYTES || value.data[0] < GAS_LUCID ||
        value.data[0] >= GAS_LUCID + GAS_UNITS || value.data[1] < GAS_PAYOUT_STARTED ||
        value.data[1] > GAS_PAYOUT_FAILED) {
        return LUCID_FATAL_CORRUPT;
    }
    row.unit = (enum gas_unit)value.data[0];
    row.state = (enum gas_payout_state)value.data[1];
    row.settlement = lucid_get_be64(value.data + 2);
    row.amount = lucid_get_be64(value.data + 10);
    row.started_sequence = lucid_get_be64(value.data + 18);
    row.started_ms = lucid_get_be64(value.data + 26);
    row.ended_sequence = lucid_get_be64(value.data + 34);
    row.ended_ms = lucid_get_be64(value.data + 42);
    size_t at = ROW_FIXED_BYTES;
    texts_of(&row, texts);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t len = value.len - at >= 2 ? lucid_get_be16(value.data + at) : SIZE_MAX;
        if (len > value.len - at - 2 || payload_copy(lucid_span(value.data + at + 2, len),
                                                     texts[i].at, texts[i].size) != LUCID_OK) {
            return LUCID_FATAL_CORRUPT;
        }
        at += 2 + len;
    }
    *ret = row;
    return LUCID_OK;
}

static struct lucid_span number_key(uint64_t number, uint8_t bytes[NUMBER_BYTES])
{
    lucid_put_be64(bytes, number);
    return lucid_span(bytes, NUMBER_BYTES);
}

static enum lucid_error number_parse(struct lucid_span bytes, uint64_t *ret)
{
    if (bytes.len != NUMBER_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = lucid_get_be64(bytes.data);
    return LUCID_OK;
}

/* --- within the writer ------------------------------------------------------------------------ */

enum lucid_error settlement_payout_get(struct ledger_txn *txn, uint64_t number,
                                       struct gas_payout *ret)
{
    uint8_t bytes[NUMBER_BYTES];
    struct lucid_span value;
    enum lucid_error error =
        ledger_txn_get(txn, SETTLEMENT_PAYOUTS, number_key(number, bytes), &value);
    return error == LUCID_OK ? row_parse(number, value, ret) : error;
}

enum lucid_error gas_payout_peek(struct ledger_txn *txn, uint64_t number, struct gas_payout *ret)
{
    uint8_t bytes[NUMBER_BYTES];
    struct lucid_span value;
    enum lucid_error error = ledger_txn_peek(txn, &gas_settlement_kind, SETTLEMENT_PAYOUTS,
                                             number_key(number, bytes), &value);
    return error == LUCID_OK ? row_parse(number, value, ret) : error;
}

enum lucid_error settlement_payout_by_id(struct ledger_txn *txn, const char *external_id,
                                         struct gas_payout *ret)
{
    struct lucid_span value;
    uint64_t number = 0;
    enum lucid_error error =
        ledger_txn_get(txn, SETTLEMENT_PAYOUT_KEYS, lucid_span_str(external_id), &value);
    if (error != LUCID_OK) {
        return error;
    }
    error = number_parse(value, &number);
    if (error == LUCID_OK) {
        error = settlement_payout_get(txn, number, ret);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error settlement_payout_newest(struct ledger_txn *txn, uint64_t *ret)
{
    uint8_t bytes[NUMBER_BYTES];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error = ledger_txn_seek(txn, SETTLEMENT_PAYOUTS, STORE_SEEK_LE,
                                             number_key(UINT64_MAX, bytes), &key, &value);
    if (error == LUCID_NOTE_ABSENT) {
        *ret = 0;
        return LUCID_OK;
    }
    return error == LUCID_OK ? number_parse(key, ret) : error;
}

/* --- folds ------------------------------------------------------------------------------------ */

static enum lucid_error payout_put(struct ledger_txn *txn, struct gas_payout *payout)
{
    uint8_t key[NUMBER_BYTES];
    uint8_t bytes[ROW_BYTES_MAX];
    return ledger_txn_put(txn, SETTLEMENT_PAYOUTS, number_key(payout->number, key),
                          row_encode(payout, bytes));
}

static enum lucid_error text_read(const struct jcs_value *root, const char *name, bool required,
                                  char *out, size_t size)
{
    struct lucid_span text;
    if (!required && jcs_member(root, name) == NULL) {
        out[0] = '\0';
        return LUCID_OK;
    }
    enum lucid_error error = payload_text(root, name, &text);
    return error == LUCID_OK ? payload_copy(text, out, size) : error;
}

static enum lucid_error started_read(const struct jcs_value *root, struct gas_payout *ret)
{
    struct lucid_span amount = {NULL, 0};
    struct lucid_span unit = {NULL, 0};
    enum lucid_error error =
        text_read(root, "external_id", true, ret->external_id, sizeof(ret->external_id));
    if (error == LUCID_OK) {
        error = text_read(root, "facilitator", true, ret->facilitator, sizeof(ret->facilitator));
    }
    if (error == LUCID_OK) {
        error = text_read(root, "note", false, ret->note, sizeof(ret->note));
    }
    if (error == LUCID_OK) {
        error = text_read(root, "payee", true, ret->payee, sizeof(ret->payee));
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "settlement", &ret->settlement);
    }
    if (error == LUCID_OK) {
        error = payload_text(root, "amount", &amount);
    }
    if (error == LUCID_OK) {
        error = payload_text(root, "unit", &unit);
    }
    if (error == LUCID_OK &&
        (!gas_amount_parse(amount, &ret->amount) || !gas_unit_parse(unit, &ret->unit) ||
         !gas_name_ok(lucid_span_str(ret->external_id), GAS_NAME_BYTES_MAX) ||
         !gas_name_ok(lucid_span_str(ret->payee), GAS_NAME_BYTES_MAX))) {
        error = LUCID_FATAL_CORRUPT;
    }
    return error;
}

/* Moves an amount between what is open, pending and paid of the payout's line. */
static enum lucid_error line_move(struct ledger_txn *txn, const struct gas_payout *payout,
                                  struct gas_settlement_line *ret)
{
    enum lucid_error error = settlement_line_get(txn, payout->unit, payout->settlement,
                                                 lucid_span_str(payout->payee), ret);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    uint64_t amount = payout->amount;
    bool ok = payout->state == GAS_PAYOUT_STARTED
                  ? lucid_add_u64(ret->pending, amount, &ret->pending)
                  : lucid_sub_u64(ret->pending, amount, &ret->pending);
    if (ok && payout->state == GAS_PAYOUT_COMPLETED) {
        ok = lucid_add_u64(ret->paid, amount, &ret->paid);
    }
    if (!ok || ret->paid > ret->amount || ret->pending > ret->amount - ret->paid) {
        return LUCID_FATAL_CORRUPT;
    }
    return settlement_line_put(txn, ret);
}

static enum lucid_error started_fold(struct ledger_txn *txn, struct gas_payout *payout)
{
    uint8_t key[SETTLEMENT_KEY_BYTES];
    uint8_t number[NUMBER_BYTES];
    uint64_t newest = 0;
    struct gas_settlement_line line;
    struct lucid_span value = number_key(payout->number, number);
    enum lucid_error error = settlement_payout_newest(txn, &newest);
    if (error == LUCID_OK && payout->number != newest + 1) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        error = line_move(txn, payout, &line);
    }
    if (error == LUCID_OK) {
        error =
            ledger_txn_put(txn, SETTLEMENT_PAYOUT_KEYS, lucid_span_str(payout->external_id), value);
    }
    if (error == LUCID_OK) {
        error = ledger_txn_put(txn, SETTLEMENT_PAYOUT_LINES,
                               settlement_payout_line_key(payout, key), value);
    }
    return error == LUCID_OK ? payout_put(txn, payout) : error;
}

/* What a completed payout does to its statement: the last one closes it. */
static enum lucid_error settlement_pay(struct ledger_txn *txn, const struct gas_payout *payout,
                                       const struct gas_settlement_line *line)
{
    struct gas_settlement settlement;
    enum lucid_error error = settlement_get(txn, payout->unit, payout->settlement, &settlement);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    settlement.paid += payout->amount;
    if (line->paid == line->amount) {
        if (settlement.lines_open == 0) {
            return LUCID_FATAL_CORRUPT;
        }
        settlement.lines_open--;
    }
    if (settlement.lines_open == 0) {
        settlement.closed_sequence = payout->ended_sequence;
        settlement.closed_ms = payout->ended_ms;
    }
    return settlement_put(txn, &settlement);
}

static enum lucid_error ended_fold(struct ledger_txn *txn, const struct jcs_value *root,
                                   struct gas_payout *payout)
{
    struct gas_settlement_line line;
    enum lucid_error error = LUCID_OK;
    if (payout->state == GAS_PAYOUT_FAILED) {
        error = text_read(root, "reason", true, payout->reason, sizeof(payout->reason));
    } else {
        error = text_read(root, "reference", true, payout->reference, sizeof(payout->reference));
        if (error == LUCID_OK) {
            error = text_read(root, "network", false, payout->network, sizeof(payout->network));
        }
        if (error == LUCID_OK) {
            error = text_read(root, "transaction", false, payout->transaction,
                              sizeof(payout->transaction));
        }
    }
    if (error == LUCID_OK) {
        error = line_move(txn, payout, &line);
    }
    if (error == LUCID_OK && payout->state == GAS_PAYOUT_COMPLETED) {
        error = settlement_pay(txn, payout, &line);
    }
    return error == LUCID_OK ? payout_put(txn, payout) : error;
}

static enum lucid_error event_fold(struct ledger_txn *txn, const struct ledger_event *event,
                                   const struct jcs_value *root)
{
    uint64_t number = 0;
    struct gas_payout payout = {.state = GAS_PAYOUT_STARTED};
    enum lucid_error error = payload_uint(root, "payout", &number);
    if (error == LUCID_OK && lucid_span_is(event->type, settlement_type_started)) {
        payout.number = number;
        payout.started_sequence = event->sequence;
        payout.started_ms = event->time_ms;
        error = started_read(root, &payout);
        return error == LUCID_OK ? started_fold(txn, &payout) : error;
    }
    if (error == LUCID_OK) {
        error = settlement_payout_get(txn, number, &payout);
    }
    if (error != LUCID_OK || payout.state != GAS_PAYOUT_STARTED) {
        return error == LUCID_OK || error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    payout.state = lucid_span_is(event->type, settlement_type_failed) ? GAS_PAYOUT_FAILED
                                                                      : GAS_PAYOUT_COMPLETED;
    payout.ended_sequence = event->sequence;
    payout.ended_ms = event->time_ms;
    return ended_fold(txn, root, &payout);
}

enum lucid_error settlement_payout_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = event_fold(txn, event, root);
    }
    lucid_arena_fini(&arena);
    return error;
}

/* --- reading ---------------------------------------------------------------------------------- */

static uint32_t table_of(struct ledger_view *view, enum settlement_table table)
{
    return ledger_view_table(view, &gas_settlement_kind, table);
}

enum lucid_error gas_payout_read(struct ledger_view *view, uint64_t number, struct gas_payout *ret)
{
    uint8_t bytes[NUMBER_BYTES];
    struct lucid_span value;
    enum lucid_error error = row_get(ledger_view_store(view), table_of(view, SETTLEMENT_PAYOUTS),
                                     number_key(number, bytes), &value);
    return error == LUCID_OK ? row_parse(number, value, ret) : error;
}

enum lucid_error gas_payout_find(struct ledger_view *view, struct lucid_span external_id,
                                 struct gas_payout *ret)
{
    struct lucid_span value;
    uint64_t number = 0;
    if (!gas_name_ok(external_id, GAS_NAME_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error = row_get(ledger_view_store(view),
                                     table_of(view, SETTLEMENT_PAYOUT_KEYS), external_id, &value);
    if (error != LUCID_OK) {
        return error;
    }
    error = number_parse(value, &number);
    if (error == LUCID_OK) {
        error = gas_payout_read(view, number, ret);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error gas_payout_count(struct ledger_view *view, uint64_t *ret)
{
    uint8_t bytes[NUMBER_BYTES];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error = row_seek(ledger_view_store(view), table_of(view, SETTLEMENT_PAYOUTS),
                                      STORE_SEEK_LE, number_key(UINT64_MAX, bytes), &key, &value);
    if (error == LUCID_NOTE_ABSENT) {
        *ret = 0;
        return LUCID_OK;
    }
    return error == LUCID_OK ? number_parse(key, ret) : error;
}

enum lucid_error gas_payout_of_line_next(struct ledger_view *view, enum gas_unit unit,
                                         uint64_t settlement, struct lucid_span payee,
                                         uint64_t after, struct gas_payout *ret)
{
    uint8_t from_bytes[SETTLEMENT_KEY_BYTES];
    uint8_t prefix_bytes[SETTLEMENT_KEY_BYTES];
    struct lucid_span key;
    struct lucid_span value;
    struct gas_payout at = {.unit = unit, .settlement = settlement, .number = after};
    if (payee.len > GAS_NAME_BYTES_MAX) {
        return LUCID_NOTE_ABSENT;
    }
    /* The keys that count begin so: with the payee's name and the 0 after it, if one is given. */
    struct lucid_span prefix = settlement_line_key(unit, settlement, payee, prefix_bytes);
    struct lucid_span from = prefix;
    if (payee.len > 0) {
        prefix_bytes[prefix.len++] = 0;
        memcpy(at.payee, payee.data, payee.len);
        from = settlement_payout_line_key(&at, from_bytes);
    } else if (after > 0) {
        enum lucid_error error = gas_payout_read(view, after, &at);
        if (error != LUCID_OK || at.unit != unit || at.settlement != settlement) {
            return error == LUCID_OK ? LUCID_NOTE_ABSENT : error;
        }
        from = settlement_payout_line_key(&at, from_bytes);
    }
    enum lucid_error error =
        row_seek(ledger_view_store(view), table_of(view, SETTLEMENT_PAYOUT_LINES), STORE_SEEK_GT,
                 from, &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.len < prefix.len || memcmp(key.data, prefix.data, prefix.len) != 0) {
        return LUCID_NOTE_ABSENT;
    }
    uint64_t number = 0;
    error = number_parse(value, &number);
    if (error == LUCID_OK) {
        error = gas_payout_read(view, number, ret);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

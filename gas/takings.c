/* Table `revenue_by`: asset ("": all together) ‖ 0 ‖ unit u8 ‖ dimension u8 ‖ key → payments u64 ‖
 * gross u128 ‖ reversals u64 ‖ reversed u128 ‖ refunds u64 ‖ refunded u128 ‖ last sequence u64. */
#include "gas/takings.h"

#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "gas/revenue_internal.h"
#include "ledger/row.h"

enum {
    ROW_BYTES = 4 * 8 + 3 * 16,
    PREFIX_BYTES_MAX = GAS_NAME_BYTES_MAX + 3,
    KEY_BYTES_MAX = PREFIX_BYTES_MAX + GAS_PAYER_BYTES_MAX,
    DAY_BYTES = 10,
};

static const char *const dimension_names[] = {
    [GAS_BY_DAY] = "day",
    [GAS_BY_FACILITATOR] = "facilitator",
    [GAS_BY_PAYER] = "payer",
    [GAS_BY_ASSET] = "asset",
};

const char *gas_dimension_name(enum gas_dimension dimension)
{
    lucid_assert(dimension >= GAS_BY_DAY && dimension <= GAS_BY_ASSET);
    return dimension_names[dimension];
}

bool gas_dimension_parse(struct lucid_span name, enum gas_dimension *ret)
{
    for (unsigned i = GAS_BY_DAY; i <= GAS_BY_ASSET; i++) {
        if (lucid_span_is(name, dimension_names[i])) {
            *ret = (enum gas_dimension)i;
            return true;
        }
    }
    return false;
}

/* --- rows ------------------------------------------------------------------------------------- */

static unsigned __int128 sum_get(const uint8_t *bytes)
{
    return (unsigned __int128)lucid_get_be64(bytes) << 64 | lucid_get_be64(bytes + 8);
}

static void sum_put(uint8_t *bytes, unsigned __int128 sum)
{
    lucid_put_be64(bytes, (uint64_t)(sum >> 64));
    lucid_put_be64(bytes + 8, (uint64_t)sum);
}

static void row_read(const uint8_t row[ROW_BYTES], struct gas_takings *ret)
{
    ret->payments = lucid_get_be64(row);
    ret->gross = sum_get(row + 8);
    ret->reversals = lucid_get_be64(row + 24);
    ret->reversed = sum_get(row + 32);
    ret->refunds = lucid_get_be64(row + 48);
    ret->refunded = sum_get(row + 56);
    ret->last_sequence = lucid_get_be64(row + 72);
}

static void row_write(const struct gas_takings *takings, uint8_t row[ROW_BYTES])
{
    lucid_put_be64(row, takings->payments);
    sum_put(row + 8, takings->gross);
    lucid_put_be64(row + 24, takings->reversals);
    sum_put(row + 32, takings->reversed);
    lucid_put_be64(row + 48, takings->refunds);
    sum_put(row + 56, takings->refunded);
    lucid_put_be64(row + 72, takings->last_sequence);
}

static size_t prefix_make(struct lucid_span asset, enum gas_unit unit, enum gas_dimension dimension,
                          uint8_t key[KEY_BYTES_MAX])
{
    lucid_assert(asset.len <= GAS_NAME_BYTES_MAX);
    if (asset.len > 0) {
        memcpy(key, asset.data, asset.len);
    }
    key[asset.len] = 0;
    key[asset.len + 1] = (uint8_t)unit;
    key[asset.len + 2] = (uint8_t)dimension;
    return asset.len + 3;
}

/* --- folding ---------------------------------------------------------------------------------- */

static enum lucid_error row_note(struct ledger_txn *txn, struct lucid_span asset,
                                 const struct revenue_taking *taking, enum gas_dimension dimension,
                                 struct lucid_span text)
{
    uint8_t key[KEY_BYTES_MAX];
    uint8_t *row;
    struct gas_takings takings;
    size_t len = prefix_make(asset, taking->payment->unit, dimension, key);
    lucid_assert(text.len <= GAS_PAYER_BYTES_MAX);
    if (text.len > 0) {
        memcpy(key + len, text.data, text.len);
    }
    enum lucid_error error =
        ledger_txn_row(txn, REVENUE_BY, lucid_span(key, len + text.len), ROW_BYTES, true, &row);
    if (error != LUCID_OK) {
        return error;
    }
    row_read(row, &takings);
    switch (taking->what) {
    case REVENUE_PAID:
        takings.payments++;
        takings.gross += taking->amount;
        break;
    case REVENUE_REVERSED:
        takings.reversals++;
        takings.reversed += taking->amount;
        break;
    case REVENUE_REFUNDED:
        takings.refunds++;
        takings.refunded += taking->amount;
        break;
    }
    takings.last_sequence = taking->sequence;
    row_write(&takings, row);
    return LUCID_OK;
}

static void day_text(uint64_t time_ms, char ret[DAY_BYTES + 1])
{
    /* The log's times are far from where a year has five digits. */
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm tm;
    memcpy(ret, "9999-12-31", DAY_BYTES + 1);
    if (time_ms / 1000 < 253402300800U && gmtime_r(&seconds, &tm) != NULL) {
        size_t len = strftime(ret, DAY_BYTES + 1, "%Y-%m-%d", &tm);
        lucid_assert(len == DAY_BYTES);
    }
}

enum lucid_error revenue_takings_note(struct ledger_txn *txn, const struct revenue_taking *taking)
{
    const struct gas_payment *payment = taking->payment;
    char day[DAY_BYTES + 1];
    day_text(taking->time_ms, day);
    const struct {
        const char *text;
        enum gas_dimension dimension;
        bool of_asset;
    } rows[] = {
        {day, GAS_BY_DAY, true},
        {payment->facilitator, GAS_BY_FACILITATOR, true},
        {payment->payer, GAS_BY_PAYER, true},
        {day, GAS_BY_DAY, false},
        {payment->facilitator, GAS_BY_FACILITATOR, false},
        {payment->payer, GAS_BY_PAYER, false},
        {payment->asset, GAS_BY_ASSET, false},
    };
    enum lucid_error error = LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lucid_span asset = lucid_span_str(rows[i].of_asset ? payment->asset : "");
        error = row_note(txn, asset, taking, rows[i].dimension, lucid_span_str(rows[i].text));
    }
    return error;
}

/* --- queries ---------------------------------------------------------------------------------- */

enum lucid_error gas_takings_next(struct ledger_view *view, struct lucid_span asset,
                                  enum gas_unit unit, enum gas_dimension dimension,
                                  const struct gas_takings_at *after, struct gas_takings *ret)
{
    uint8_t from[KEY_BYTES_MAX + 1];
    struct lucid_span key;
    struct lucid_span value;
    size_t prefix = prefix_make(asset, unit, dimension, from);
    size_t len = prefix;
    if (after->set) {
        size_t text = strlen(after->key);
        memcpy(from + len, after->key, text);
        len += text;
        from[len++] = 0; /* the next possible key */
    }
    enum lucid_error error =
        row_seek(ledger_view_store(view), ledger_view_table(view, &gas_revenue_kind, REVENUE_BY),
                 STORE_SEEK_GE, lucid_span(from, len), &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.len < prefix || memcmp(key.data, from, prefix) != 0) {
        return LUCID_NOTE_ABSENT;
    }
    if (key.len - prefix > GAS_PAYER_BYTES_MAX || value.len != ROW_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = (struct gas_takings){.unit = unit, .dimension = dimension};
    memcpy(ret->key, key.data + prefix, key.len - prefix);
    row_read(value.data, ret);
    return LUCID_OK;
}

/* What readers ask about payments and revenue. */
#include "base/assert.h"
#include "gas/revenue_internal.h"
#include "ledger/row.h"

/* Above every sequence, below every key that begins with an asset. */
#define SEQUENCE_KEYS_END ((uint64_t)1 << 56)

static uint32_t table_of(struct ledger_view *view, unsigned table)
{
    return ledger_view_table(view, &gas_revenue_kind, table);
}

enum lucid_error gas_payment_read(struct ledger_view *view, uint64_t sequence,
                                  struct gas_payment *ret)
{
    uint8_t key[8];
    struct lucid_span value;
    lucid_put_be64(key, sequence);
    enum lucid_error error = row_get(ledger_view_store(view), table_of(view, REVENUE_PAYMENTS),
                                     lucid_span(key, sizeof(key)), &value);
    return error == LUCID_OK ? revenue_payment_row(sequence, value, ret) : error;
}

enum lucid_error gas_payment_find(struct ledger_view *view, struct lucid_span external_id,
                                  struct gas_payment *ret)
{
    uint8_t key[LUCID_SHA256_BYTES];
    struct lucid_span value;
    lucid_sha256(external_id, key);
    enum lucid_error error = row_get(ledger_view_store(view), table_of(view, REVENUE_KEYS),
                                     lucid_span(key, sizeof(key)), &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (value.len != REVENUE_KEY_ROW_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    error = gas_payment_read(view, lucid_get_be64(value.data), ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* The next payment of all on that side of a sequence. */
static enum lucid_error sequence_seek(struct ledger_view *view, enum store_seek how, uint64_t from,
                                      struct gas_payment *ret)
{
    uint8_t bytes[8];
    struct lucid_span key;
    struct lucid_span value;
    lucid_put_be64(bytes, from < SEQUENCE_KEYS_END ? from : SEQUENCE_KEYS_END);
    enum lucid_error error = row_seek(ledger_view_store(view), table_of(view, REVENUE_PAYMENTS),
                                      how, lucid_span(bytes, sizeof(bytes)), &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.data[0] != 0) {
        return LUCID_NOTE_ABSENT;
    }
    return key.len == 8 ? revenue_payment_row(lucid_get_be64(key.data), value, ret)
                        : LUCID_FATAL_CORRUPT;
}

/* The same among those of one asset. */
static enum lucid_error asset_seek(struct ledger_view *view, enum store_seek how,
                                   struct lucid_span asset, uint64_t from, struct gas_payment *ret)
{
    uint8_t bytes[REVENUE_ASSET_KEY_BYTES_MAX];
    struct lucid_span key;
    struct lucid_span value;
    if (!gas_name_ok(asset, GAS_NAME_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    struct lucid_span at = revenue_payment_key(asset, from, bytes);
    enum lucid_error error =
        row_seek(ledger_view_store(view), table_of(view, REVENUE_PAYMENTS), how, at, &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.len != at.len || memcmp(key.data, at.data, at.len - 8) != 0) {
        return LUCID_NOTE_ABSENT;
    }
    error = gas_payment_read(view, lucid_get_be64(key.data + key.len - 8), ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error gas_payment_next(struct ledger_view *view, struct lucid_span asset,
                                  uint64_t after_sequence, struct gas_payment *ret)
{
    return asset.len == 0 ? sequence_seek(view, STORE_SEEK_GT, after_sequence, ret)
                          : asset_seek(view, STORE_SEEK_GT, asset, after_sequence, ret);
}

enum lucid_error gas_payment_previous(struct ledger_view *view, struct lucid_span asset,
                                      uint64_t before_sequence, struct gas_payment *ret)
{
    return asset.len == 0 ? sequence_seek(view, STORE_SEEK_LT, before_sequence, ret)
                          : asset_seek(view, STORE_SEEK_LT, asset, before_sequence, ret);
}

enum lucid_error gas_asset_revenue_read(struct ledger_view *view, struct lucid_span asset,
                                        enum gas_unit unit, struct gas_asset_revenue *ret)
{
    uint8_t bytes[REVENUE_ASSET_KEY_BYTES_MAX];
    struct lucid_span value;
    if (!gas_name_ok(asset, GAS_NAME_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    struct lucid_span key = revenue_asset_key(asset, unit, bytes);
    enum lucid_error error =
        row_get(ledger_view_store(view), table_of(view, REVENUE_ASSETS), key, &value);
    return error == LUCID_OK ? revenue_asset_row(key, value, ret) : error;
}

enum lucid_error gas_revenue_total(struct ledger_view *view, const struct gas_price *price,
                                   uint64_t *ret)
{
    uint8_t key[LUCID_SHA256_BYTES];
    struct lucid_span value = {NULL, 0};
    enum lucid_error error =
        revenue_split_key(price->asset, price->unit, &price->weights, price->payees, key);
    if (error == LUCID_OK) {
        error = row_get(ledger_view_store(view), table_of(view, REVENUE_SPLITS),
                        lucid_span(key, sizeof(key)), &value);
        return revenue_split_row(error, value, ret);
    }
    return error;
}

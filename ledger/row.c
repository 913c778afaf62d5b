#include "ledger/row.h"
#include "base/sha256.h"

void row_sum(const char *table, struct lucid_span key, struct lucid_span value,
             uint8_t ret[ROW_SUM_BYTES])
{
    uint8_t key_len[2];
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_put_be16(key_len, (uint16_t)key.len);
    const struct lucid_span parts[] = {lucid_span(table, strlen(table) + 1),
                                       lucid_span(key_len, sizeof(key_len)), key, value};
    lucid_sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), hash);
    memcpy(ret, hash, ROW_SUM_BYTES);
}

enum lucid_error row_open(const char *table, struct lucid_span key, struct lucid_span stored,
                          struct lucid_span *ret_value)
{
    uint8_t sum[ROW_SUM_BYTES];
    if (table == NULL || stored.len < ROW_SUM_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    struct lucid_span value = lucid_span(stored.data, stored.len - ROW_SUM_BYTES);
    row_sum(table, key, value, sum);
    if (memcmp(sum, stored.data + value.len, sizeof(sum)) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret_value = value;
    return LUCID_OK;
}

enum lucid_error row_get(struct store_view *view, uint32_t table, struct lucid_span key,
                         struct lucid_span *ret_value)
{
    struct lucid_span stored;
    enum lucid_error error = store_get(view, table, key, &stored);
    return error == LUCID_OK ? row_open(store_view_table_name(view, table), key, stored, ret_value)
                             : error;
}

enum lucid_error row_seek(struct store_view *view, uint32_t table, enum store_seek how,
                          struct lucid_span key, struct lucid_span *ret_key,
                          struct lucid_span *ret_value)
{
    struct lucid_span found;
    struct lucid_span stored;
    struct lucid_span value;
    enum lucid_error error = store_seek(view, table, how, key, &found, &stored);
    if (error == LUCID_OK) {
        error = row_open(store_view_table_name(view, table), found, stored, &value);
    }
    if (error == LUCID_OK) {
        *ret_key = found;
        *ret_value = value;
    }
    return error;
}

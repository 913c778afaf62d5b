/* Rows of kind `attestation`, as snapshots have them: for this plugin and others. */
#include "base/assert.h"
#include "plugins/verifier/appraisal.h"
#include "plugins/verifier/module/kind_internal.h"

struct lucid_plugin_bytes kind_item_key(uint8_t out[ITEM_KEY_BYTES], enum kind_item item,
                                        const uint8_t id[HASH_BYTES])
{
    out[0] = (uint8_t)item;
    memcpy(out + 1, id, HASH_BYTES);
    return (struct lucid_plugin_bytes){out, ITEM_KEY_BYTES};
}

struct lucid_plugin_bytes kind_order_key(uint8_t out[ORDER_KEY_BYTES], enum kind_item item,
                                         uint64_t sequence)
{
    out[0] = (uint8_t)item;
    lucid_put_be64(out + 1, sequence);
    return (struct lucid_plugin_bytes){out, ORDER_KEY_BYTES};
}

void kind_asked(const uint8_t policy[HASH_BYTES], struct lucid_span runtime_data,
                const struct lucid_span *evidences, size_t count, uint8_t ret[HASH_BYTES])
{
    uint8_t digests[ASKED_FIRST + APPRAISAL_EVIDENCES_MAX][HASH_BYTES];
    lucid_assert(count <= APPRAISAL_EVIDENCES_MAX);
    memcpy(digests[0], policy, HASH_BYTES);
    lucid_sha256(runtime_data, digests[1]);
    for (size_t i = 0; i < count; i++) {
        lucid_sha256(evidences[i], digests[ASKED_FIRST + i]);
    }
    lucid_sha256(lucid_span(digests, (ASKED_FIRST + count) * HASH_BYTES), ret);
}

enum lucid_error kind_find(const struct lucid_plugin_host *host, struct lucid_plugin_view *view,
                           enum kind_item item, const uint8_t id[HASH_BYTES], struct kind_row *ret)
{
    uint8_t key[ITEM_KEY_BYTES];
    struct lucid_plugin_bytes row;
    enum lucid_plugin_result result =
        host->view_get(view, KIND_NAME, KIND_ITEMS, kind_item_key(key, item, id), &row);
    if (result != LUCID_PLUGIN_OK) {
        return kit_error(result);
    }
    if (row.len < ROW_HEAD_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    memcpy(ret->id, id, HASH_BYTES);
    ret->sequence = lucid_get_be64(row.data);
    ret->leaf = lucid_get_be64(row.data + 8);
    ret->time_ms = lucid_get_be64(row.data + 16);
    ret->summary = lucid_span(row.data + ROW_HEAD_BYTES, row.len - ROW_HEAD_BYTES);
    return LUCID_OK;
}

enum lucid_error kind_step(const struct lucid_plugin_host *host, struct lucid_plugin_view *view,
                           enum kind_item item, uint64_t from, bool newest_first,
                           struct kind_row *ret)
{
    enum lucid_plugin_seek how;
    uint8_t key[ORDER_KEY_BYTES];
    uint8_t id[HASH_BYTES];
    struct lucid_plugin_bytes found;
    struct lucid_plugin_bytes row;
    uint64_t at = kit_walk(from, newest_first, &how);
    enum lucid_plugin_result result = host->view_seek(view, KIND_NAME, KIND_ORDER, how,
                                                      kind_order_key(key, item, at), &found, &row);
    if (result == LUCID_PLUGIN_ABSENT) {
        return LUCID_NOTE_END;
    }
    if (result != LUCID_PLUGIN_OK) {
        return kit_error(result);
    }
    if (found.len != ORDER_KEY_BYTES || row.len != HASH_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    if (found.data[0] != (uint8_t)item) {
        return LUCID_NOTE_END;
    }
    memcpy(id, row.data, HASH_BYTES);
    enum lucid_error error = kind_find(host, view, item, id, ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error kind_nonce(const struct lucid_plugin_host *host, struct lucid_plugin_view *view,
                            const uint8_t nonce[HASH_BYTES], uint8_t ret_id[HASH_BYTES],
                            uint8_t ret_asked[HASH_BYTES])
{
    struct lucid_plugin_bytes row;
    enum lucid_plugin_result result = host->view_get(
        view, KIND_NAME, KIND_NONCES, (struct lucid_plugin_bytes){nonce, HASH_BYTES}, &row);
    if (result != LUCID_PLUGIN_OK) {
        return kit_error(result);
    }
    if (row.len != NONCE_ROW_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    memcpy(ret_id, row.data, HASH_BYTES);
    memcpy(ret_asked, row.data + HASH_BYTES, HASH_BYTES);
    return LUCID_OK;
}

enum lucid_error kind_collateral(const struct lucid_plugin_host *host,
                                 struct lucid_plugin_view *view, struct lucid_span key,
                                 struct kind_import *ret)
{
    struct lucid_plugin_bytes row;
    enum lucid_plugin_result result =
        host->view_get(view, KIND_NAME, KIND_COLLATERAL, kit_bytes(key), &row);
    if (result != LUCID_PLUGIN_OK) {
        return kit_error(result);
    }
    if (row.len != COLLATERAL_ROW_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    ret->key = key;
    memcpy(ret->sha256, row.data, HASH_BYTES);
    ret->imported_s = lucid_get_be64(row.data + HASH_BYTES);
    ret->sequence = lucid_get_be64(row.data + HASH_BYTES + 8);
    return LUCID_OK;
}

enum lucid_error kind_import_step(const struct lucid_plugin_host *host,
                                  struct lucid_plugin_view *view, uint64_t from, bool newest_first,
                                  struct kind_import *ret)
{
    enum lucid_plugin_seek how;
    uint8_t at[8];
    struct lucid_plugin_bytes key;
    struct lucid_plugin_bytes row;
    lucid_put_be64(at, kit_walk(from, newest_first, &how));
    enum lucid_plugin_result result =
        host->view_seek(view, KIND_NAME, KIND_IMPORTS, how,
                        (struct lucid_plugin_bytes){at, sizeof(at)}, &key, &row);
    if (result != LUCID_PLUGIN_OK) {
        return result == LUCID_PLUGIN_ABSENT ? LUCID_NOTE_END : kit_error(result);
    }
    if (key.len != 8 || row.len <= IMPORT_HEAD_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    memcpy(ret->sha256, row.data, HASH_BYTES);
    ret->imported_s = lucid_get_be64(row.data + HASH_BYTES);
    ret->key = lucid_span(row.data + IMPORT_HEAD_BYTES, row.len - IMPORT_HEAD_BYTES);
    ret->sequence = lucid_get_be64(key.data);
    return LUCID_OK;
}

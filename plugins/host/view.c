/* Snapshots as plugins read them: rows of plugins' kinds, events, bodies, blobs, and where a leaf
 * lies. Nothing here changes anything, and rows of built-in kinds are nobody's business. */
#include "ledger/head.h"
#include "ledger/leaf.h"
#include "ledger/receipt.h"
#include "ledger/row.h"
#include "plugins/host/kind_internal.h"
#include "plugins/host/record.h"

static enum lucid_plugin_result result_of(enum lucid_error error)
{
    switch (lucid_category(error)) {
    case LUCID_CATEGORY_OK:
        return LUCID_PLUGIN_OK;
    case LUCID_CATEGORY_NOTE:
        return error == LUCID_NOTE_ERASED ? LUCID_PLUGIN_ERASED : LUCID_PLUGIN_ABSENT;
    case LUCID_CATEGORY_REFUSE:
    case LUCID_CATEGORY_RETRY:
        return LUCID_PLUGIN_BUSY;
    case LUCID_CATEGORY_FATAL:
        break;
    }
    return LUCID_PLUGIN_CORRUPT;
}

/* The store's handle of a plugin kind's table. ABSENT: no plugin that is loaded has it. */
static enum lucid_plugin_result table_find(struct lucid_plugin_view *view, const char *kind,
                                           unsigned table, uint32_t *ret)
{
    const struct ledger_kind *found = ledger_kind_find(ledger_view_ledger(view->view), kind);
    const struct plugin_kind *owner = found == NULL ? NULL : plugin_kind_of(found);
    if (owner == NULL || table >= owner->table_count) {
        return LUCID_PLUGIN_ABSENT;
    }
    *ret = ledger_view_table(view->view, found, table);
    return LUCID_PLUGIN_OK;
}

static enum lucid_plugin_result view_get(struct lucid_plugin_view *view, const char *kind,
                                         unsigned table, struct lucid_plugin_bytes key,
                                         struct lucid_plugin_bytes *ret)
{
    uint32_t handle = 0;
    struct lucid_span value;
    enum lucid_plugin_result result = table_find(view, kind, table, &handle);
    if (result != LUCID_PLUGIN_OK || key.len == 0 || key.len > LUCID_PLUGIN_KEY_BYTES_MAX) {
        return LUCID_PLUGIN_ABSENT;
    }
    result = result_of(row_get(ledger_view_store(view->view), handle, plugin_span(key), &value));
    if (result == LUCID_PLUGIN_OK) {
        *ret = plugin_bytes(value);
    }
    return result;
}

static enum lucid_plugin_result view_seek(struct lucid_plugin_view *view, const char *kind,
                                          unsigned table, enum lucid_plugin_seek how,
                                          struct lucid_plugin_bytes key,
                                          struct lucid_plugin_bytes *ret_key,
                                          struct lucid_plugin_bytes *ret_value)
{
    uint32_t handle = 0;
    struct lucid_span found;
    struct lucid_span value;
    struct lucid_span from;
    enum store_seek seek;
    enum lucid_plugin_result result = table_find(view, kind, table, &handle);
    if (result != LUCID_PLUGIN_OK || !plugin_seek_how(how, key, &seek, &from)) {
        return LUCID_PLUGIN_ABSENT;
    }
    result = result_of(row_seek(ledger_view_store(view->view), handle, seek, from, &found, &value));
    if (result == LUCID_PLUGIN_OK) {
        *ret_key = plugin_bytes(found);
        *ret_value = plugin_bytes(value);
    }
    return result;
}

/* The leaf of an event with an entry, which events do not say. */
static enum lucid_error leaf_of(struct ledger_view *view, const struct store_event *event,
                                uint64_t *ret)
{
    enum lucid_error error = ledger_leaf_of(view, event->sequence, ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

static enum lucid_plugin_result view_event(struct lucid_plugin_view *view, uint64_t sequence,
                                           struct lucid_plugin_event *ret)
{
    struct store_event event;
    uint64_t leaf = 0;
    enum lucid_error error = ledger_view_event(view->view, sequence, &event);
    if (error == LUCID_OK && event.entry != NULL) {
        error = leaf_of(view->view, &event, &leaf);
    }
    if (error == LUCID_OK) {
        *ret = (struct lucid_plugin_event){
            .sequence = event.sequence,
            .time_ms = event.time_ms,
            .type = plugin_bytes(event.type),
            .version = event.version,
            .payload = plugin_bytes(event.payload),
            .entry = event.entry,
            .leaf = leaf,
        };
    }
    return result_of(error);
}

static enum lucid_plugin_result view_body(struct lucid_plugin_view *view, uint64_t sequence,
                                          struct lucid_plugin_bytes *ret)
{
    struct lucid_span body;
    enum lucid_error error = store_body_read(ledger_view_store(view->view), sequence, &body);
    if (error == LUCID_OK) {
        *ret = plugin_bytes(body);
    }
    return result_of(error);
}

static enum lucid_plugin_result view_blob(struct lucid_plugin_view *view,
                                          const uint8_t hash[LUCID_PLUGIN_HASH_BYTES],
                                          struct lucid_plugin_bytes *ret)
{
    struct lucid_span bytes;
    enum lucid_error error = ledger_blob_read(view->view, hash, view->arena, &bytes);
    if (error == LUCID_OK) {
        /* A blob of one part is the view's; what a plugin gets lives as long as its request. */
        bytes = bytes.len > BLOB_PART_BYTES ? bytes : lucid_arena_copy(view->arena, bytes);
        error = bytes.data == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
    }
    if (error == LUCID_OK) {
        *ret = plugin_bytes(bytes);
    }
    return result_of(error);
}

static enum lucid_plugin_result view_place(struct lucid_plugin_view *view, uint64_t leaf,
                                           struct lucid_plugin_out *out)
{
    struct receipt_placement placement;
    enum lucid_error error = receipt_place(view->view, leaf, &placement);
    if (error == LUCID_OK) {
        lucid_buf_char(&out->buf, '{');
        receipt_placement_write(&placement, &out->buf);
        lucid_buf_char(&out->buf, '}');
    }
    return result_of(error);
}

static enum lucid_plugin_result view_proof(struct lucid_plugin_view *view, uint64_t leaf,
                                           struct lucid_plugin_out *out)
{
    struct ledger_leaf_proof proof;
    enum lucid_error error = ledger_leaf_prove_newest(view->view, leaf, &proof);
    if (error == LUCID_OK) {
        ledger_leaf_proof_write(&proof, &out->buf);
    }
    return result_of(error);
}

static enum lucid_plugin_result view_key_of(struct lucid_plugin_view *view, const char *plugin,
                                            size_t index, uint8_t ret[LUCID_PLUGIN_KEY_BYTES],
                                            uint64_t *ret_since_ms, uint64_t *ret_until_ms)
{
    struct plugin_key_row row;
    enum lucid_error error = plugin_key_read(view->view, plugin, index, &row);
    if (error == LUCID_OK) {
        memcpy(ret, row.key, sizeof(row.key));
        *ret_since_ms = row.since_ms;
        *ret_until_ms = row.until_ms;
    }
    return result_of(error);
}

static enum lucid_plugin_result view_key(struct lucid_plugin_view *view, size_t index,
                                         uint8_t ret[LUCID_PLUGIN_KEY_BYTES],
                                         uint64_t *ret_since_ms, uint64_t *ret_until_ms)
{
    return view_key_of(view, view->plugin->module->name, index, ret, ret_since_ms, ret_until_ms);
}

static enum lucid_plugin_result view_head(struct lucid_plugin_view *view, uint64_t *ret_size,
                                          struct lucid_plugin_bytes *ret_checkpoint)
{
    struct ledger_head head;
    enum lucid_error error = ledger_head_newest(view->view, &head);
    if (error == LUCID_OK) {
        *ret_size = head.size;
        *ret_checkpoint = plugin_bytes(head.checkpoint);
    }
    return result_of(error);
}

void plugin_host_view_init(struct lucid_plugin_host *host)
{
    host->view_get = view_get;
    host->view_seek = view_seek;
    host->view_event = view_event;
    host->view_body = view_body;
    host->view_blob = view_blob;
    host->view_place = view_place;
    host->view_proof = view_proof;
    host->view_key = view_key;
    host->view_key_of = view_key_of;
    host->view_head = view_head;
}

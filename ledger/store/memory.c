/* Everything lies in one persistent map. A key begins with a class byte:
 *
 *   0 + u64 sequence          struct memory_event, then type, payload, hash, entry
 *   1 + u64 sequence          u8 erased, then the body
 *   2 + u64 leaf              packed row, then its nodes
 *   3 + u8 table + key        value */
#include "ledger/store/memory.h"

#include <stdlib.h>

#include "base/assert.h"
#include "ledger/store/memory_internal.h"
#include "ledger/store/store_internal.h"

enum memory_class {
    CLASS_EVENT,
    CLASS_BODY,
    CLASS_LEAF,
    CLASS_TABLE,
};

#define ROW_KEY_BYTES      9u
#define TABLE_PREFIX_BYTES 2u

/* Lengths of what follows; copied in and out, since cells are not aligned. */
struct memory_event {
    uint64_t time_ms;
    uint32_t payload_len;
    uint16_t version;
    uint8_t type_len;
    bool entry;
};

struct memory_state {
    struct store_map_node *root;
    struct store_counts counts;
};

struct memory_view {
    struct store_view base;
    struct memory_state state;
    uint64_t commit; /* number of the commit that it sees */
    struct memory_view *next;
};

struct memory_batch {
    struct store_batch base;
    struct memory_view view;
};

struct memory_store {
    struct store base;
    struct store_map_pool pool;
    struct memory_state state;
    uint64_t commit;
    struct memory_view *views; /* open handles */
    char table[STORE_TABLES_MAX][STORE_NAME_BYTES_MAX + 1];
    uint32_t tables;        /* of the last commit */
    uint32_t tables_staged; /* with those of the open batch */
    struct memory_batch batch;
};

static struct memory_store *memory_of(struct store *store)
{
    return (struct memory_store *)(void *)store;
}

static struct memory_view *view_of(struct store_view *view)
{
    return (struct memory_view *)(void *)view;
}

static struct memory_batch *batch_of(struct store_batch *batch)
{
    return (struct memory_batch *)(void *)batch;
}

static struct lucid_span row_key(enum memory_class class, uint64_t number,
                                 uint8_t out[ROW_KEY_BYTES])
{
    out[0] = (uint8_t) class;
    lucid_put_be64(out + 1, number);
    return lucid_span(out, ROW_KEY_BYTES);
}

/* --- open, stats --------------------------------------------------------------------------------
 */

static void memory_close(struct store *store)
{
    struct memory_store *memory = memory_of(store);
    store_map_unref(&memory->pool, memory->state.root);
    store_map_pool_fini(&memory->pool);
    lucid_assert(memory->pool.bytes == 0);
    free(memory);
}

static void memory_stats_read(struct store *store, struct store_stats *ret)
{
    struct memory_store *memory = memory_of(store);
    uint32_t readers = 0;
    uint64_t lag = 0;
    for (const struct memory_view *view = memory->views; view != NULL; view = view->next) {
        if (view->base.begun) {
            readers++;
            lag = memory->commit - view->commit > lag ? memory->commit - view->commit : lag;
        }
    }
    *ret = (struct store_stats){
        .bytes_used = memory->pool.bytes, .readers = readers, .oldest_view_lag = lag};
}

static unsigned memory_readers_check(struct store *store)
{
    (void)store;
    return 0;
}

/* --- views --------------------------------------------------------------------------------------
 */

static enum lucid_error memory_view_open(struct store *store, struct store_view **ret)
{
    struct memory_store *memory = memory_of(store);
    struct memory_view *view = calloc(1, sizeof(*view));
    if (view == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    store_view_init(&view->base, store);
    view->next = memory->views;
    memory->views = view;
    *ret = &view->base;
    return LUCID_OK;
}

static void memory_view_close(struct store_view *base)
{
    struct memory_store *memory = memory_of(base->store);
    struct memory_view *view = view_of(base);
    struct memory_view **link = &memory->views;
    while (*link != view) {
        lucid_assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = view->next;
    free(view);
}

static enum lucid_error memory_view_begin(struct store_view *base)
{
    struct memory_store *memory = memory_of(base->store);
    struct memory_view *view = view_of(base);
    view->state = memory->state;
    view->commit = memory->commit;
    (void)store_map_ref(view->state.root);
    return LUCID_OK;
}

static void memory_view_end(struct store_view *base)
{
    struct memory_view *view = view_of(base);
    store_map_unref(&memory_of(base->store)->pool, view->state.root);
    view->state.root = NULL;
}

/* --- log rows -----------------------------------------------------------------------------------
 */

static const struct store_map_cell *row_find(const struct memory_view *view,
                                             enum memory_class class, uint64_t number)
{
    uint8_t bytes[ROW_KEY_BYTES];
    struct lucid_span key = row_key(class, number, bytes);
    const struct store_map_cell *cell = store_map_after(view->state.root, key, true);
    return cell != NULL && lucid_span_equal(store_map_key(cell), key) ? cell : NULL;
}

static void memory_counts_read(struct store_view *view, struct store_counts *ret)
{
    *ret = view_of(view)->state.counts;
}

static enum lucid_error memory_event_read(struct store_view *view, uint64_t sequence,
                                          struct store_event *ret)
{
    const struct store_map_cell *cell = row_find(view_of(view), CLASS_EVENT, sequence);
    if (cell == NULL) {
        return LUCID_NOTE_ABSENT;
    }
    struct memory_event head;
    const uint8_t *in = store_map_value(cell).data;
    memcpy(&head, in, sizeof(head));
    in += sizeof(head);
    const uint8_t *payload = in + head.type_len;
    const uint8_t *hash = payload + head.payload_len;
    *ret = (struct store_event){
        .sequence = sequence,
        .time_ms = head.time_ms,
        .type = lucid_span(in, head.type_len),
        .version = head.version,
        .payload = lucid_span(payload, head.payload_len),
        .hash = hash,
        .entry = head.entry ? hash + STORE_HASH_BYTES : NULL,
    };
    return LUCID_OK;
}

static enum lucid_error memory_body_read(struct store_view *view, uint64_t sequence,
                                         struct lucid_span *ret)
{
    const struct store_map_cell *cell = row_find(view_of(view), CLASS_BODY, sequence);
    if (cell == NULL) {
        return LUCID_NOTE_ABSENT;
    }
    struct lucid_span value = store_map_value(cell);
    if (value.data[0] != 0) {
        return LUCID_NOTE_ERASED;
    }
    *ret = lucid_span(value.data + 1, value.len - 1);
    return LUCID_OK;
}

static struct store_leaf_run leaf_run(uint64_t leaf, const struct store_map_cell *cell)
{
    struct lucid_span value = store_map_value(cell);
    return (struct store_leaf_run){
        .first = leaf,
        .count = 1,
        .rows = lucid_span(value.data, STORE_LEAF_ROW_BYTES),
        .nodes = lucid_span(value.data + STORE_LEAF_ROW_BYTES, value.len - STORE_LEAF_ROW_BYTES),
    };
}

static enum lucid_error memory_leaf_read(struct store_view *view, uint64_t leaf,
                                         struct store_leaf *ret)
{
    const struct store_map_cell *cell = row_find(view_of(view), CLASS_LEAF, leaf);
    if (cell == NULL) {
        return LUCID_NOTE_ABSENT;
    }
    struct store_leaf_run run = leaf_run(leaf, cell);
    *ret = store_leaf_at(&run, 0);
    return LUCID_OK;
}

static enum lucid_error memory_event_scan(struct store_view *view, uint64_t from,
                                          store_event_fn *fn, void *context)
{
    uint64_t last = view_of(view)->state.counts.events;
    enum lucid_error error = LUCID_OK;
    for (uint64_t sequence = from; error == LUCID_OK && sequence <= last; sequence++) {
        struct store_event event;
        error = memory_event_read(view, sequence, &event);
        lucid_assert(error == LUCID_OK);
        error = fn(context, &event);
    }
    return error;
}

static enum lucid_error memory_leaf_scan(struct store_view *view, uint64_t from, store_leaf_fn *fn,
                                         void *context)
{
    uint64_t end = view_of(view)->state.counts.leaves;
    enum lucid_error error = LUCID_OK;
    for (uint64_t leaf = from; error == LUCID_OK && leaf < end; leaf++) {
        const struct store_map_cell *cell = row_find(view_of(view), CLASS_LEAF, leaf);
        lucid_assert(cell != NULL);
        struct store_leaf_run run = leaf_run(leaf, cell);
        error = fn(context, &run);
    }
    return error;
}

/* --- tables: reading ----------------------------------------------------------------------------
 */

static enum lucid_error memory_table_find(struct store *store, const char *name,
                                          uint32_t *ret_table)
{
    struct memory_store *memory = memory_of(store);
    for (uint32_t i = 0; i < memory->tables_staged; i++) {
        if (strcmp(memory->table[i], name) == 0) {
            *ret_table = i;
            return LUCID_OK;
        }
    }
    return LUCID_NOTE_ABSENT;
}

static const char *memory_table_name(struct store *store, uint32_t table)
{
    struct memory_store *memory = memory_of(store);
    return table < memory->tables_staged ? memory->table[table] : NULL;
}

static struct lucid_span table_key(uint32_t table, struct lucid_span key,
                                   uint8_t out[TABLE_PREFIX_BYTES + STORE_KEY_BYTES_MAX])
{
    out[0] = CLASS_TABLE;
    out[1] = (uint8_t)table;
    if (key.len > 0) {
        memcpy(out + TABLE_PREFIX_BYTES, key.data, key.len);
    }
    return lucid_span(out, TABLE_PREFIX_BYTES + key.len);
}

static enum lucid_error memory_get(struct store_view *view, uint32_t table, struct lucid_span key,
                                   struct lucid_span *ret_value)
{
    uint8_t bytes[TABLE_PREFIX_BYTES + STORE_KEY_BYTES_MAX];
    struct lucid_span full = table_key(table, key, bytes);
    const struct store_map_cell *cell = store_map_after(view_of(view)->state.root, full, true);
    if (cell == NULL || !lucid_span_equal(store_map_key(cell), full)) {
        return LUCID_NOTE_ABSENT;
    }
    *ret_value = store_map_value(cell);
    return LUCID_OK;
}

static const struct store_map_cell *table_seek(const struct store_map_node *root, uint32_t table,
                                               enum store_seek how, struct lucid_span key)
{
    uint8_t bytes[TABLE_PREFIX_BYTES + STORE_KEY_BYTES_MAX];
    struct lucid_span full = table_key(table, key, bytes);
    switch (how) {
    case STORE_SEEK_GE:
        return store_map_after(root, full, true);
    case STORE_SEEK_GT:
        return store_map_after(root, full, false);
    case STORE_SEEK_LE:
        return store_map_before(root, full, true);
    case STORE_SEEK_LT:
        if (key.len == 0) {
            full = table_key(table + 1, key, bytes);
        }
        return store_map_before(root, full, false);
    }
    lucid_assert(false);
    return NULL;
}

static enum lucid_error memory_seek(struct store_view *view, uint32_t table, enum store_seek how,
                                    struct lucid_span key, struct lucid_span *ret_key,
                                    struct lucid_span *ret_value)
{
    const struct store_map_cell *cell = table_seek(view_of(view)->state.root, table, how, key);
    struct lucid_span found = cell != NULL ? store_map_key(cell) : lucid_span(NULL, 0);
    if (found.len <= TABLE_PREFIX_BYTES || found.data[0] != CLASS_TABLE || found.data[1] != table) {
        return LUCID_NOTE_ABSENT;
    }
    *ret_key = lucid_span(found.data + TABLE_PREFIX_BYTES, found.len - TABLE_PREFIX_BYTES);
    *ret_value = store_map_value(cell);
    return LUCID_OK;
}

/* --- batches ------------------------------------------------------------------------------------
 */

static enum lucid_error memory_batch_begin(struct store *store, struct store_batch **ret)
{
    struct memory_store *memory = memory_of(store);
    struct memory_batch *batch = &memory->batch;
    batch->view = (struct memory_view){.state = memory->state};
    (void)store_map_ref(batch->view.state.root);
    store_view_init(&batch->view.base, store);
    store_batch_init(&batch->base, store, &batch->view.base);
    *ret = &batch->base;
    return LUCID_OK;
}

static enum lucid_error memory_batch_commit(struct store_batch *base)
{
    struct memory_store *memory = memory_of(base->store);
    struct memory_batch *batch = batch_of(base);
    store_map_unref(&memory->pool, memory->state.root);
    memory->state = batch->view.state;
    memory->tables = memory->tables_staged;
    memory->commit++;
    return LUCID_OK;
}

static void memory_batch_abort(struct store_batch *base)
{
    struct memory_store *memory = memory_of(base->store);
    store_map_unref(&memory->pool, batch_of(base)->view.state.root);
    memory->tables_staged = memory->tables;
}

/* Adds a cell to the batch's tree; ret_value, of value_len bytes, must be filled by the caller. */
static enum lucid_error cell_add(struct memory_batch *batch, struct lucid_span key,
                                 size_t value_len, uint8_t **ret_value)
{
    struct store_map_pool *pool = &memory_of(batch->base.store)->pool;
    uint8_t *value;
    struct store_map_cell *cell = store_map_cell_new(pool, key, value_len, &value);
    if (cell == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *ret_value = value;
    return store_map_put(pool, &batch->view.state.root, cell);
}

static uint8_t *bytes_put(uint8_t *out, const void *data, size_t len)
{
    if (len > 0) {
        memcpy(out, data, len);
    }
    return out + len;
}

static enum lucid_error memory_event_append(struct store_batch *base,
                                            const struct store_event *event, struct lucid_span body)
{
    struct memory_batch *batch = batch_of(base);
    struct memory_event head;
    memset(&head, 0, sizeof(head));
    head.time_ms = event->time_ms;
    head.payload_len = (uint32_t)event->payload.len;
    head.version = event->version;
    head.type_len = (uint8_t)event->type.len;
    head.entry = event->entry != NULL;
    size_t entry_len = head.entry ? STORE_ENTRY_BYTES : 0;
    uint8_t key[ROW_KEY_BYTES];
    uint8_t *out = NULL;
    enum lucid_error error = cell_add(
        batch, row_key(CLASS_EVENT, event->sequence, key),
        sizeof(head) + event->type.len + event->payload.len + STORE_HASH_BYTES + entry_len, &out);
    if (error != LUCID_OK) {
        return error;
    }
    out = bytes_put(out, &head, sizeof(head));
    out = bytes_put(out, event->type.data, event->type.len);
    out = bytes_put(out, event->payload.data, event->payload.len);
    out = bytes_put(out, event->hash, STORE_HASH_BYTES);
    bytes_put(out, event->entry, entry_len);
    if (body.data != NULL) {
        error = cell_add(batch, row_key(CLASS_BODY, event->sequence, key), 1 + body.len, &out);
        if (error != LUCID_OK) {
            return error;
        }
        out[0] = body.data == store_body_erased.data;
        bytes_put(out + 1, body.data, body.len);
    }
    batch->view.state.counts.events++;
    return LUCID_OK;
}

static enum lucid_error memory_body_erase(struct store_batch *base, uint64_t sequence)
{
    struct memory_batch *batch = batch_of(base);
    struct lucid_span body;
    enum lucid_error error = memory_body_read(&batch->view.base, sequence, &body);
    if (error != LUCID_OK) {
        return error;
    }
    uint8_t key[ROW_KEY_BYTES];
    uint8_t *out = NULL;
    error = cell_add(batch, row_key(CLASS_BODY, sequence, key), 1, &out);
    if (error == LUCID_OK) {
        out[0] = 1;
    }
    return error;
}

static enum lucid_error memory_leaf_append(struct store_batch *base, uint64_t index,
                                           const struct store_leaf *leaf, const uint8_t *nodes,
                                           size_t node_count)
{
    struct memory_batch *batch = batch_of(base);
    uint8_t key[ROW_KEY_BYTES];
    uint8_t *out = NULL;
    enum lucid_error error = cell_add(batch, row_key(CLASS_LEAF, index, key),
                                      STORE_LEAF_ROW_BYTES + node_count * STORE_HASH_BYTES, &out);
    if (error != LUCID_OK) {
        return error;
    }
    store_leaf_pack(leaf, out);
    bytes_put(out + STORE_LEAF_ROW_BYTES, nodes, node_count * STORE_HASH_BYTES);
    batch->view.state.counts.leaves++;
    return LUCID_OK;
}

/* Removes every key that begins with the prefix. */
static enum lucid_error prefix_clear(struct memory_batch *batch, struct lucid_span prefix)
{
    struct store_map_pool *pool = &memory_of(batch->base.store)->pool;
    for (;;) {
        const struct store_map_cell *cell = store_map_after(batch->view.state.root, prefix, true);
        if (cell == NULL) {
            return LUCID_OK;
        }
        struct lucid_span key = store_map_key(cell);
        if (key.len < prefix.len || memcmp(key.data, prefix.data, prefix.len) != 0) {
            return LUCID_OK;
        }
        enum lucid_error error = store_map_del(pool, &batch->view.state.root, key);
        if (error != LUCID_OK) {
            return error;
        }
    }
}

static enum lucid_error memory_leaves_clear(struct store_batch *base)
{
    struct memory_batch *batch = batch_of(base);
    static const uint8_t class = CLASS_LEAF;
    enum lucid_error error = prefix_clear(batch, lucid_span(&class, 1));
    if (error == LUCID_OK) {
        batch->view.state.counts.leaves = 0;
    }
    return error;
}

static enum lucid_error memory_table_create(struct store_batch *base, const char *name,
                                            uint32_t *ret_table)
{
    struct memory_store *memory = memory_of(base->store);
    if (memory_table_find(base->store, name, ret_table) == LUCID_OK) {
        return LUCID_OK;
    }
    if (memory->tables_staged == STORE_TABLES_MAX) {
        return LUCID_REFUSE_TOO_LARGE;
    }
    char *out = memory->table[memory->tables_staged];
    size_t len = strlen(name);
    lucid_assert(len <= STORE_NAME_BYTES_MAX);
    memcpy(out, name, len + 1);
    *ret_table = memory->tables_staged++;
    return LUCID_OK;
}

static void table_check(const struct memory_batch *batch, uint32_t table)
{
    lucid_assert(table < memory_of(batch->base.store)->tables_staged);
}

static enum lucid_error memory_table_clear(struct store_batch *base, uint32_t table)
{
    struct memory_batch *batch = batch_of(base);
    table_check(batch, table);
    uint8_t bytes[TABLE_PREFIX_BYTES + STORE_KEY_BYTES_MAX];
    return prefix_clear(batch, table_key(table, lucid_span(NULL, 0), bytes));
}

static enum lucid_error memory_put(struct store_batch *base, uint32_t table, struct lucid_span key,
                                   struct lucid_span value)
{
    struct memory_batch *batch = batch_of(base);
    table_check(batch, table);
    uint8_t bytes[TABLE_PREFIX_BYTES + STORE_KEY_BYTES_MAX];
    struct store_map_pool *pool = &memory_of(base->store)->pool;
    uint8_t *out;
    /* Filled before the old cell goes: the value may lie in it. */
    struct store_map_cell *cell =
        store_map_cell_new(pool, table_key(table, key, bytes), value.len, &out);
    if (cell == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    bytes_put(out, value.data, value.len);
    return store_map_put(pool, &batch->view.state.root, cell);
}

static enum lucid_error memory_del(struct store_batch *base, uint32_t table, struct lucid_span key)
{
    struct memory_batch *batch = batch_of(base);
    table_check(batch, table);
    uint8_t bytes[TABLE_PREFIX_BYTES + STORE_KEY_BYTES_MAX];
    return store_map_del(&memory_of(base->store)->pool, &batch->view.state.root,
                         table_key(table, key, bytes));
}

static const struct store_ops memory_ops = {
    .close = memory_close,
    .stats_read = memory_stats_read,
    .readers_check = memory_readers_check,
    .view_open = memory_view_open,
    .view_close = memory_view_close,
    .view_begin = memory_view_begin,
    .view_end = memory_view_end,
    .counts_read = memory_counts_read,
    .event_read = memory_event_read,
    .body_read = memory_body_read,
    .leaf_read = memory_leaf_read,
    .event_scan = memory_event_scan,
    .leaf_scan = memory_leaf_scan,
    .table_find = memory_table_find,
    .table_name = memory_table_name,
    .get = memory_get,
    .seek = memory_seek,
    .batch_begin = memory_batch_begin,
    .batch_commit = memory_batch_commit,
    .batch_abort = memory_batch_abort,
    .event_append = memory_event_append,
    .body_erase = memory_body_erase,
    .leaf_append = memory_leaf_append,
    .leaves_clear = memory_leaves_clear,
    .table_create = memory_table_create,
    .table_clear = memory_table_clear,
    .put = memory_put,
    .del = memory_del,
};

enum lucid_error store_memory_open(struct store **ret)
{
    struct memory_store *memory = calloc(1, sizeof(*memory));
    if (memory == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    store_init(&memory->base, &memory_ops);
    *ret = &memory->base;
    return LUCID_OK;
}

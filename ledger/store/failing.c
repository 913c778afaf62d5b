#include "ledger/store/failing.h"

#include <stdlib.h>

#include "base/assert.h"
#include "ledger/store/store_internal.h"

struct failing_view {
    struct store_view base;
    struct store_view *inner;
};

struct failing_batch {
    struct store_batch base;
    struct failing_view view;
    struct store_batch *inner;
};

struct failing_store {
    struct store base;
    struct store *inner;
    store_fault_fn *fn;
    void *context;
    uint64_t calls;
    bool dead; /* said LUCID_FATAL_STORE: nothing goes through any more */
    struct failing_batch batch;
};

static struct failing_store *failing_of(struct store *store)
{
    return (struct failing_store *)(void *)store;
}

static struct failing_view *view_of(struct store_view *view)
{
    return (struct failing_view *)(void *)view;
}

static struct failing_batch *batch_of(struct store_batch *batch)
{
    return (struct failing_batch *)(void *)batch;
}

static bool is_dead(struct store_view *view)
{
    return failing_of(view->store)->dead;
}

static enum store_fault fault_next(struct failing_store *failing, bool is_commit)
{
    enum store_fault fault = failing->fn(failing->context, failing->calls++, is_commit);
    if (!is_commit && fault != STORE_FAULT_FULL) {
        return STORE_FAULT_NONE;
    }
    return fault;
}

/* Asks about a write call that is not a commit: LUCID_OK lets it through. */
static enum lucid_error write_ask(struct store *store)
{
    struct failing_store *failing = failing_of(store);
    if (failing->dead) {
        return LUCID_FATAL_STORE;
    }
    return fault_next(failing, false) == STORE_FAULT_FULL ? LUCID_RETRY_FULL : LUCID_OK;
}

/* --- store and views ----------------------------------------------------------------------------
 */

static void failing_close(struct store *store)
{
    store_close(failing_of(store)->inner);
    free(store);
}

static void failing_stats_read(struct store *store, struct store_stats *ret)
{
    store_stats_read(failing_of(store)->inner, ret);
}

static unsigned failing_readers_check(struct store *store)
{
    return store_readers_check(failing_of(store)->inner);
}

static enum lucid_error failing_view_open(struct store *store, struct store_view **ret)
{
    struct failing_store *failing = failing_of(store);
    if (failing->dead) {
        return LUCID_FATAL_STORE;
    }
    struct failing_view *view = calloc(1, sizeof(*view));
    if (view == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    store_view_init(&view->base, store);
    enum lucid_error error = store_view_open(failing->inner, &view->inner);
    if (error != LUCID_OK) {
        free(view);
        return error;
    }
    *ret = &view->base;
    return LUCID_OK;
}

static void failing_view_close(struct store_view *view)
{
    store_view_close(view_of(view)->inner);
    free(view);
}

static enum lucid_error failing_view_begin(struct store_view *view)
{
    return is_dead(view) ? LUCID_FATAL_STORE : store_view_begin(view_of(view)->inner);
}

static void failing_view_end(struct store_view *view)
{
    store_view_end(view_of(view)->inner);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static void failing_counts_read(struct store_view *view, struct store_counts *ret)
{
    store_counts_read(view_of(view)->inner, ret);
}

static enum lucid_error failing_event_read(struct store_view *view, uint64_t sequence,
                                           struct store_event *ret)
{
    return is_dead(view) ? LUCID_FATAL_STORE
                         : store_event_read(view_of(view)->inner, sequence, ret);
}

static enum lucid_error failing_body_read(struct store_view *view, uint64_t sequence,
                                          struct lucid_span *ret)
{
    return is_dead(view) ? LUCID_FATAL_STORE : store_body_read(view_of(view)->inner, sequence, ret);
}

static enum lucid_error failing_leaf_read(struct store_view *view, uint64_t leaf,
                                          struct store_leaf *ret)
{
    return is_dead(view) ? LUCID_FATAL_STORE : store_leaf_read(view_of(view)->inner, leaf, ret);
}

static enum lucid_error failing_event_scan(struct store_view *view, uint64_t from,
                                           store_event_fn *fn, void *context)
{
    return is_dead(view) ? LUCID_FATAL_STORE
                         : store_event_scan(view_of(view)->inner, from, fn, context);
}

static enum lucid_error failing_leaf_scan(struct store_view *view, uint64_t from, store_leaf_fn *fn,
                                          void *context)
{
    return is_dead(view) ? LUCID_FATAL_STORE
                         : store_leaf_scan_raw(view_of(view)->inner, from, fn, context);
}

static enum lucid_error failing_table_find(struct store *store, const char *name,
                                           uint32_t *ret_table)
{
    struct failing_store *failing = failing_of(store);
    return failing->dead ? LUCID_FATAL_STORE : store_table_find(failing->inner, name, ret_table);
}

static const char *failing_table_name(struct store *store, uint32_t table)
{
    return store_table_name(failing_of(store)->inner, table);
}

static enum lucid_error failing_get(struct store_view *view, uint32_t table, struct lucid_span key,
                                    struct lucid_span *ret_value)
{
    return is_dead(view) ? LUCID_FATAL_STORE
                         : store_get(view_of(view)->inner, table, key, ret_value);
}

static enum lucid_error failing_seek(struct store_view *view, uint32_t table, enum store_seek how,
                                     struct lucid_span key, struct lucid_span *ret_key,
                                     struct lucid_span *ret_value)
{
    return is_dead(view) ? LUCID_FATAL_STORE
                         : store_seek(view_of(view)->inner, table, how, key, ret_key, ret_value);
}

/* --- writing ------------------------------------------------------------------------------------
 */

static enum lucid_error failing_batch_begin(struct store *store, struct store_batch **ret)
{
    struct failing_store *failing = failing_of(store);
    struct failing_batch *batch = &failing->batch;
    enum lucid_error error = write_ask(store);
    if (error == LUCID_OK) {
        error = store_batch_begin(failing->inner, &batch->inner);
    }
    if (error != LUCID_OK) {
        return error;
    }
    store_view_init(&batch->view.base, store);
    store_batch_init(&batch->base, store, &batch->view.base);
    batch->view.inner = store_batch_view(batch->inner);
    *ret = &batch->base;
    return LUCID_OK;
}

static enum lucid_error failing_batch_commit(struct store_batch *base)
{
    struct failing_store *failing = failing_of(base->store);
    struct store_batch *inner = batch_of(base)->inner;
    lucid_assert(!failing->dead);
    enum lucid_error error = LUCID_FATAL_STORE;
    switch (fault_next(failing, true)) {
    case STORE_FAULT_NONE:
        error = store_batch_commit(inner);
        break;
    case STORE_FAULT_FULL:
        store_batch_abort(inner);
        error = LUCID_RETRY_FULL;
        break;
    case STORE_FAULT_COMMIT_LOST:
        store_batch_abort(inner);
        break;
    case STORE_FAULT_COMMIT_UNTOLD:
        /* Whatever it answers, the caller hears that it is unknown. */
        (void)!store_batch_commit(inner);
        break;
    }
    failing->dead = lucid_category(error) == LUCID_CATEGORY_FATAL;
    return error;
}

static void failing_batch_abort(struct store_batch *batch)
{
    store_batch_abort(batch_of(batch)->inner);
}

static enum lucid_error failing_event_append(struct store_batch *batch,
                                             const struct store_event *event,
                                             struct lucid_span body)
{
    enum lucid_error error = write_ask(batch->store);
    return error != LUCID_OK ? error : store_event_append(batch_of(batch)->inner, event, body);
}

static enum lucid_error failing_body_erase(struct store_batch *batch, uint64_t sequence)
{
    enum lucid_error error = write_ask(batch->store);
    return error != LUCID_OK ? error : store_body_erase(batch_of(batch)->inner, sequence);
}

static enum lucid_error failing_leaf_append(struct store_batch *batch, uint64_t index,
                                            const struct store_leaf *leaf, const uint8_t *nodes,
                                            size_t node_count)
{
    (void)index;
    enum lucid_error error = write_ask(batch->store);
    return error != LUCID_OK ? error
                             : store_leaf_append(batch_of(batch)->inner, leaf, nodes, node_count);
}

static enum lucid_error failing_leaves_clear(struct store_batch *batch)
{
    enum lucid_error error = write_ask(batch->store);
    return error != LUCID_OK ? error : store_leaves_clear(batch_of(batch)->inner);
}

static enum lucid_error failing_table_create(struct store_batch *batch, const char *name,
                                             uint32_t *ret_table)
{
    enum lucid_error error = write_ask(batch->store);
    return error != LUCID_OK ? error : store_table_create(batch_of(batch)->inner, name, ret_table);
}

static enum lucid_error failing_table_clear(struct store_batch *batch, uint32_t table)
{
    enum lucid_error error = write_ask(batch->store);
    return error != LUCID_OK ? error : store_table_clear(batch_of(batch)->inner, table);
}

static enum lucid_error failing_put(struct store_batch *batch, uint32_t table,
                                    struct lucid_span key, struct lucid_span value)
{
    enum lucid_error error = write_ask(batch->store);
    return error != LUCID_OK ? error : store_put(batch_of(batch)->inner, table, key, value);
}

static enum lucid_error failing_del(struct store_batch *batch, uint32_t table,
                                    struct lucid_span key)
{
    enum lucid_error error = write_ask(batch->store);
    return error != LUCID_OK ? error : store_del(batch_of(batch)->inner, table, key);
}

static const struct store_ops failing_ops = {
    .close = failing_close,
    .stats_read = failing_stats_read,
    .readers_check = failing_readers_check,
    .view_open = failing_view_open,
    .view_close = failing_view_close,
    .view_begin = failing_view_begin,
    .view_end = failing_view_end,
    .counts_read = failing_counts_read,
    .event_read = failing_event_read,
    .body_read = failing_body_read,
    .leaf_read = failing_leaf_read,
    .event_scan = failing_event_scan,
    .leaf_scan = failing_leaf_scan,
    .table_find = failing_table_find,
    .table_name = failing_table_name,
    .get = failing_get,
    .seek = failing_seek,
    .batch_begin = failing_batch_begin,
    .batch_commit = failing_batch_commit,
    .batch_abort = failing_batch_abort,
    .event_append = failing_event_append,
    .body_erase = failing_body_erase,
    .leaf_append = failing_leaf_append,
    .leaves_clear = failing_leaves_clear,
    .table_create = failing_table_create,
    .table_clear = failing_table_clear,
    .put = failing_put,
    .del = failing_del,
};

enum lucid_error store_failing_open(struct store *inner, store_fault_fn *fn, void *context,
                                    struct store **ret)
{
    lucid_assert(inner != NULL && fn != NULL && ret != NULL);
    struct failing_store *failing = calloc(1, sizeof(*failing));
    if (failing == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    store_init(&failing->base, &failing_ops);
    failing->inner = inner;
    failing->fn = fn;
    failing->context = context;
    *ret = &failing->base;
    return LUCID_OK;
}

struct store *store_failing_release(struct store *store)
{
    lucid_assert(store != NULL && store->magic == STORE_MAGIC && store->ops == &failing_ops);
    lucid_assert(store->batch == NULL && atomic_load(&store->views) == 0);
    struct store *inner = failing_of(store)->inner;
    store->magic = 0;
    free(store);
    return inner;
}

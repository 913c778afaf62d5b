/* What a batch appends waits here as borrowed spans and is packed straight into LMDB's pages at the
 * commit. */
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/store/lmdb_internal.h"

#define STAGE_ROWS_MIN ((size_t)256)

/* Makes room for one more row of `size` bytes; false without memory. */
static bool stage_grow(void **rows, size_t *cap, size_t count, size_t size)
{
    if (count < *cap) {
        return true;
    }
    size_t more = *cap == 0 ? STAGE_ROWS_MIN : *cap * 2;
    void *moved = reallocarray(*rows, more, size);
    if (moved == NULL) {
        return false;
    }
    *rows = moved;
    *cap = more;
    return true;
}

enum lucid_error store_lmdb_event_append(struct store_batch *base, const struct store_event *event,
                                         struct lucid_span body)
{
    struct store_lmdb_batch *batch = store_lmdb_batch_of(base);
    void *rows = batch->events;
    if (!stage_grow(&rows, &batch->events_cap, batch->events_count, sizeof(batch->events[0]))) {
        return LUCID_RETRY_MEMORY;
    }
    batch->events = rows;
    batch->events[batch->events_count++] =
        (struct store_staged_event){.event = *event, .body = body};
    return LUCID_OK;
}

/* Writes the whole run again under its key. LMDB puts it on other pages, unless this transaction
 * has already written it; those that are freed keep the old bytes until they are used again. */
enum lucid_error store_lmdb_body_erase(struct store_batch *base, uint64_t sequence)
{
    struct store_lmdb_batch *batch = store_lmdb_batch_of(base);
    struct store_lmdb_view *view = &batch->view;
    struct lucid_span body;
    struct store_run run;
    enum lucid_error error = store_lmdb_body_read(&view->base, sequence, &body);
    if (error != LUCID_OK) {
        return error;
    }
    if (sequence > view->counts.events) {
        batch->events[sequence - view->counts.events - 1].body = store_body_erased;
        return LUCID_OK;
    }
    error = store_lmdb_bodies_find(view, sequence, &run);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_clear(&batch->scratch);
    uint8_t *copy = lucid_buf_extend(&batch->scratch, run.bytes.len);
    if (copy == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    memcpy(copy, run.bytes.data, run.bytes.len);
    error = store_run_body_erase(&run, copy, sequence);
    if (error != LUCID_OK) {
        return error;
    }
    uint8_t number[8];
    lucid_put_be64(number, run.first);
    MDB_val key = {.mv_size = sizeof(number), .mv_data = number};
    MDB_val value = {.mv_size = run.bytes.len, .mv_data = copy};
    return store_lmdb_error(mdb_put(view->txn, view->lmdb->log[STORE_LOG_BODIES], &key, &value, 0));
}

enum lucid_error store_lmdb_leaf_append(struct store_batch *base, uint64_t index,
                                        const struct store_leaf *leaf, const uint8_t *nodes,
                                        size_t node_count)
{
    struct store_lmdb_batch *batch = store_lmdb_batch_of(base);
    lucid_assert(index == batch->view.counts.leaves + batch->leaves_count);
    void *rows = batch->leaves;
    if (!stage_grow(&rows, &batch->leaves_cap, batch->leaves_count, sizeof(batch->leaves[0]))) {
        return LUCID_RETRY_MEMORY;
    }
    batch->leaves = rows;
    batch->leaves[batch->leaves_count++] = (struct store_staged_leaf){
        .leaf = *leaf,
        .nodes = nodes,
        .node_count = (uint32_t)node_count,
    };
    return LUCID_OK;
}

enum lucid_error store_lmdb_leaves_clear(struct store_batch *base)
{
    struct store_lmdb_batch *batch = store_lmdb_batch_of(base);
    struct store_lmdb_view *view = &batch->view;
    int result = mdb_drop(view->txn, view->lmdb->log[STORE_LOG_LEAVES], 0);
    if (result != MDB_SUCCESS) {
        return store_lmdb_error(result);
    }
    view->counts.leaves = 0;
    batch->leaves_count = 0;
    return LUCID_OK;
}

/* Room for a run in LMDB's own page; the caller fills it before anything else happens. */
static enum lucid_error run_reserve(struct store_lmdb_view *view, enum store_log log,
                                    uint64_t first, size_t bytes, uint8_t **ret)
{
    uint8_t number[8];
    lucid_put_be64(number, first);
    MDB_val key = {.mv_size = sizeof(number), .mv_data = number};
    MDB_val value = {.mv_size = bytes};
    enum lucid_error error = store_lmdb_error(
        mdb_put(view->txn, view->lmdb->log[log], &key, &value, MDB_APPEND | MDB_RESERVE));
    if (error == LUCID_OK) {
        lucid_assert(value.mv_size == bytes && value.mv_data != NULL);
        *ret = value.mv_data;
    }
    return error;
}

static enum lucid_error events_write(struct store_lmdb_batch *batch)
{
    for (size_t at = 0; at < batch->events_count;) {
        const struct store_staged_event *row = batch->events + at;
        size_t rows;
        size_t bytes;
        store_run_events_fit(row, batch->events_count - at, &rows, &bytes);
        uint8_t *out = NULL;
        enum lucid_error error =
            run_reserve(&batch->view, STORE_LOG_EVENTS, row->event.sequence, bytes, &out);
        if (error != LUCID_OK) {
            return error;
        }
        store_run_events_pack(row, rows, out, bytes);
        at += rows;
    }
    return LUCID_OK;
}

static enum lucid_error bodies_write(struct store_lmdb_batch *batch)
{
    for (size_t at = 0; at < batch->events_count;) {
        const struct store_staged_event *row = batch->events + at;
        size_t rows;
        size_t bytes;
        uint64_t first = 0;
        store_run_bodies_fit(row, batch->events_count - at, &rows, &bytes, &first);
        if (bytes > 0) {
            uint8_t *out = NULL;
            enum lucid_error error =
                run_reserve(&batch->view, STORE_LOG_BODIES, first, bytes, &out);
            if (error != LUCID_OK) {
                return error;
            }
            store_run_bodies_pack(row, rows, first, out, bytes);
        }
        at += rows;
    }
    return LUCID_OK;
}

/* The first run with a sum raises the format of an older store, in the transaction that has it. */
static enum lucid_error format_raise(struct store_lmdb_batch *batch)
{
    struct store_lmdb *lmdb = batch->view.lmdb;
    if (batch->leaves_count == 0 || lmdb->format == STORE_LMDB_FORMAT) {
        return LUCID_OK;
    }
    return store_lmdb_format_write(lmdb, batch->view.txn);
}

static enum lucid_error leaves_write(struct store_lmdb_batch *batch)
{
    for (size_t at = 0; at < batch->leaves_count;) {
        const struct store_staged_leaf *row = batch->leaves + at;
        size_t rows;
        size_t bytes;
        store_run_leaves_fit(row, batch->leaves_count - at, &rows, &bytes);
        uint8_t *out = NULL;
        enum lucid_error error = run_reserve(&batch->view, STORE_LOG_LEAVES,
                                             batch->view.counts.leaves + at, bytes, &out);
        if (error != LUCID_OK) {
            return error;
        }
        store_run_leaves_pack(row, rows, batch->view.counts.leaves + at, out, bytes);
        at += rows;
    }
    return LUCID_OK;
}

enum lucid_error store_lmdb_stage_write(struct store_lmdb_batch *batch)
{
    enum lucid_error error = events_write(batch);
    if (error == LUCID_OK) {
        error = bodies_write(batch);
    }
    if (error == LUCID_OK) {
        error = format_raise(batch);
    }
    if (error == LUCID_OK) {
        error = leaves_write(batch);
    }
    return error;
}

void store_lmdb_stage_reset(struct store_lmdb_batch *batch)
{
    batch->events_count = 0;
    batch->leaves_count = 0;
}

void store_lmdb_stage_fini(struct store_lmdb_batch *batch)
{
    free(batch->events);
    free(batch->leaves);
    lucid_buf_fini(&batch->scratch);
    lucid_buf_fini(&batch->packed);
}

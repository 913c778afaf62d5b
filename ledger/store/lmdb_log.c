#include "base/assert.h"
#include "ledger/store/lmdb_internal.h"

enum lucid_error store_lmdb_cursor_get(struct store_lmdb_view *view,
                                       struct store_lmdb_cursor *cached, MDB_dbi dbi,
                                       MDB_cursor **ret)
{
    int result = MDB_SUCCESS;
    if (cached->cursor == NULL) {
        result = mdb_cursor_open(view->txn, dbi, &cached->cursor);
    } else if (cached->begin != view->begin) {
        result = mdb_cursor_renew(view->txn, cached->cursor);
    }
    if (result != MDB_SUCCESS) {
        return store_lmdb_error(result);
    }
    cached->begin = view->begin;
    *ret = cached->cursor;
    return LUCID_OK;
}

/* --- finding runs -------------------------------------------------------------------------------
 */

/* Moves to a run and checks its key and header. */
static enum lucid_error run_get(MDB_cursor *cursor, enum store_log log, MDB_val *key,
                                MDB_cursor_op op, struct store_run *ret)
{
    MDB_val value;
    int result = mdb_cursor_get(cursor, key, &value, op);
    if (result != MDB_SUCCESS) {
        return store_lmdb_error(result);
    }
    if (key->mv_size != 8) {
        return LUCID_FATAL_CORRUPT;
    }
    return store_run_open(log, lucid_get_be64(key->mv_data), store_lmdb_span(&value), ret);
}

/* The last run that begins at or before the row: the next one's predecessor, unless it begins
 * exactly there. */
static enum lucid_error run_seek(MDB_cursor *cursor, enum store_log log, uint64_t row,
                                 struct store_run *ret)
{
    uint8_t bytes[8];
    lucid_put_be64(bytes, row);
    MDB_val key = {.mv_size = sizeof(bytes), .mv_data = bytes};
    MDB_val value;
    int result = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (result != MDB_SUCCESS && result != MDB_NOTFOUND) {
        return store_lmdb_error(result);
    }
    if (result == MDB_NOTFOUND) {
        return run_get(cursor, log, &key, MDB_LAST, ret);
    }
    if (key.mv_size == 8 && lucid_get_be64(key.mv_data) == row) {
        return store_run_open(log, row, store_lmdb_span(&value), ret);
    }
    return run_get(cursor, log, &key, MDB_PREV, ret);
}

/* The run that has the row, which the counts say is there. */
static enum lucid_error run_find(MDB_cursor *cursor, enum store_log log, uint64_t row,
                                 struct store_run *ret)
{
    enum lucid_error error = run_seek(cursor, log, row, ret);
    if (error == LUCID_NOTE_ABSENT ||
        (error == LUCID_OK && (row < ret->first || row - ret->first >= ret->count))) {
        return LUCID_FATAL_CORRUPT;
    }
    return error;
}

static enum lucid_error view_run_find(struct store_lmdb_view *view, enum store_log log,
                                      uint64_t row, struct store_run *ret)
{
    MDB_cursor *cursor = NULL;
    enum lucid_error error =
        store_lmdb_cursor_get(view, &view->log[log], view->lmdb->log[log], &cursor);
    if (error != LUCID_OK) {
        return error;
    }
    return run_find(cursor, log, row, ret);
}

/* --- counts -------------------------------------------------------------------------------------
 */

/* Number after the log's last row. */
static enum lucid_error log_end(struct store_lmdb_view *view, enum store_log log, uint64_t *ret)
{
    MDB_cursor *cursor = NULL;
    enum lucid_error error =
        store_lmdb_cursor_get(view, &view->log[log], view->lmdb->log[log], &cursor);
    if (error != LUCID_OK) {
        return error;
    }
    MDB_val key;
    struct store_run run;
    error = run_get(cursor, log, &key, MDB_LAST, &run);
    if (error == LUCID_OK) {
        *ret = run.first + run.count;
    }
    return error;
}

enum lucid_error store_lmdb_counts_load(struct store_lmdb_view *view)
{
    uint64_t events_end = 1;
    uint64_t leaves_end = 0;
    enum lucid_error error = log_end(view, STORE_LOG_EVENTS, &events_end);
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        error = log_end(view, STORE_LOG_LEAVES, &leaves_end);
    }
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    view->counts = (struct store_counts){.events = events_end - 1, .leaves = leaves_end};
    view->counted_txn = mdb_txn_id(view->txn);
    return LUCID_OK;
}

void store_lmdb_counts_read(struct store_view *base, struct store_counts *ret)
{
    struct store_lmdb_view *view = store_lmdb_view_of(base);
    *ret = view->counts;
    if (view->batch != NULL) {
        ret->events += view->batch->events_count;
        ret->leaves += view->batch->leaves_count;
    }
}

/* --- single rows --------------------------------------------------------------------------------
 */

/* The staged row of that sequence, or NULL. */
static const struct store_staged_event *staged_event(const struct store_lmdb_view *view,
                                                     uint64_t sequence)
{
    if (view->batch == NULL || sequence <= view->counts.events ||
        sequence - view->counts.events > view->batch->events_count) {
        return NULL;
    }
    return &view->batch->events[sequence - view->counts.events - 1];
}

enum lucid_error store_lmdb_event_read(struct store_view *base, uint64_t sequence,
                                       struct store_event *ret)
{
    struct store_lmdb_view *view = store_lmdb_view_of(base);
    const struct store_staged_event *staged = staged_event(view, sequence);
    if (staged != NULL) {
        *ret = staged->event;
        return LUCID_OK;
    }
    if (sequence == 0 || sequence > view->counts.events) {
        return LUCID_NOTE_ABSENT;
    }
    struct store_run run;
    enum lucid_error error = view_run_find(view, STORE_LOG_EVENTS, sequence, &run);
    if (error != LUCID_OK) {
        return error;
    }
    return store_run_event(&run, (uint32_t)(sequence - run.first), ret);
}

enum lucid_error store_lmdb_bodies_find(struct store_lmdb_view *view, uint64_t sequence,
                                        struct store_run *ret)
{
    MDB_cursor *cursor = NULL;
    enum lucid_error error = store_lmdb_cursor_get(view, &view->log[STORE_LOG_BODIES],
                                                   view->lmdb->log[STORE_LOG_BODIES], &cursor);
    struct store_run run;
    if (error == LUCID_OK) {
        error = run_seek(cursor, STORE_LOG_BODIES, sequence, &run);
    }
    if (error != LUCID_OK) {
        return error;
    }
    /* PREV and LAST cannot give a later key, unless the tree's order is damaged. */
    if (run.first > sequence) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = run;
    return LUCID_OK;
}

enum lucid_error store_lmdb_body_read(struct store_view *base, uint64_t sequence,
                                      struct lucid_span *ret)
{
    struct store_lmdb_view *view = store_lmdb_view_of(base);
    const struct store_staged_event *staged = staged_event(view, sequence);
    if (staged != NULL) {
        if (staged->body.data == NULL) {
            return LUCID_NOTE_ABSENT;
        }
        if (staged->body.data == store_body_erased.data) {
            return LUCID_NOTE_ERASED;
        }
        *ret = staged->body;
        return LUCID_OK;
    }
    if (sequence == 0 || sequence > view->counts.events) {
        return LUCID_NOTE_ABSENT;
    }
    struct store_run run;
    enum lucid_error error = store_lmdb_bodies_find(view, sequence, &run);
    return error == LUCID_OK ? store_run_body(&run, sequence, ret) : error;
}

enum lucid_error store_lmdb_leaf_read(struct store_view *base, uint64_t leaf,
                                      struct store_leaf *ret)
{
    struct store_lmdb_view *view = store_lmdb_view_of(base);
    if (leaf >= view->counts.leaves) {
        uint64_t i = leaf - view->counts.leaves;
        if (view->batch == NULL || i >= view->batch->leaves_count) {
            return LUCID_NOTE_ABSENT;
        }
        *ret = view->batch->leaves[i].leaf;
        return LUCID_OK;
    }
    struct store_run run;
    enum lucid_error error = view_run_find(view, STORE_LOG_LEAVES, leaf, &run);
    if (error != LUCID_OK) {
        return error;
    }
    struct store_leaf_run rows = store_run_leaves(&run, leaf);
    *ret = store_leaf_at(&rows, 0);
    return LUCID_OK;
}

/* --- scans --------------------------------------------------------------------------------------
 */

/* A walk over consecutive runs, with a cursor of its own: the callback may read the same view. */
struct walk {
    MDB_cursor *cursor;
    enum store_log log;
    uint64_t next; /* row that the next step begins at */
    uint64_t end;  /* number after the last row in the map */
    bool inside;   /* the cursor stands on a run */
};

static enum lucid_error walk_open(struct walk *walk, struct store_lmdb_view *view,
                                  enum store_log log, uint64_t from, uint64_t end)
{
    *walk = (struct walk){.log = log, .next = from, .end = end};
    if (from >= end) {
        return LUCID_OK;
    }
    return store_lmdb_error(mdb_cursor_open(view->txn, view->lmdb->log[log], &walk->cursor));
}

static void walk_close(struct walk *walk)
{
    if (walk->cursor != NULL) {
        mdb_cursor_close(walk->cursor);
    }
}

/* The run that holds walk->next; LUCID_NOTE_END after the last. */
static enum lucid_error walk_step(struct walk *walk, struct store_run *ret, uint64_t *ret_from)
{
    if (walk->next >= walk->end) {
        return LUCID_NOTE_END;
    }
    enum lucid_error error;
    if (walk->inside) {
        MDB_val key;
        error = run_get(walk->cursor, walk->log, &key, MDB_NEXT, ret);
        if (error == LUCID_NOTE_ABSENT || (error == LUCID_OK && ret->first != walk->next)) {
            error = LUCID_FATAL_CORRUPT;
        }
    } else {
        error = run_find(walk->cursor, walk->log, walk->next, ret);
    }
    if (error != LUCID_OK) {
        return error;
    }
    walk->inside = true;
    *ret_from = walk->next;
    walk->next = ret->first + ret->count;
    return walk->next <= walk->end ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

static enum lucid_error event_scan_map(struct walk *walk, store_event_fn *fn, void *context)
{
    for (;;) {
        struct store_run run;
        uint64_t sequence = 0;
        enum lucid_error error = walk_step(walk, &run, &sequence);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_END ? LUCID_OK : error;
        }
        for (uint64_t i = sequence - run.first; i < run.count; i++) {
            struct store_event event = {0};
            error = store_run_event(&run, (uint32_t)i, &event);
            if (error == LUCID_OK) {
                error = fn(context, &event);
            }
            if (error != LUCID_OK) {
                return error;
            }
        }
    }
}

enum lucid_error store_lmdb_event_scan(struct store_view *base, uint64_t from, store_event_fn *fn,
                                       void *context)
{
    struct store_lmdb_view *view = store_lmdb_view_of(base);
    struct walk walk;
    enum lucid_error error =
        walk_open(&walk, view, STORE_LOG_EVENTS, from, view->counts.events + 1);
    if (error == LUCID_OK) {
        error = event_scan_map(&walk, fn, context);
    }
    walk_close(&walk);
    if (error != LUCID_OK || view->batch == NULL) {
        return error;
    }
    /* By number: the callback may append, which moves the array. */
    uint64_t last = view->counts.events + view->batch->events_count;
    uint64_t first = from > view->counts.events ? from : view->counts.events + 1;
    for (uint64_t sequence = first; error == LUCID_OK && sequence <= last; sequence++) {
        const struct store_staged_event *staged = staged_event(view, sequence);
        lucid_assert(staged != NULL);
        struct store_event event = staged->event;
        error = fn(context, &event);
    }
    return error;
}

static enum lucid_error leaf_scan_map(struct walk *walk, store_leaf_fn *fn, void *context)
{
    for (;;) {
        struct store_run run;
        uint64_t leaf = 0;
        enum lucid_error error = walk_step(walk, &run, &leaf);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_END ? LUCID_OK : error;
        }
        struct store_leaf_run rows = store_run_leaves(&run, leaf);
        error = fn(context, &rows);
        if (error != LUCID_OK) {
            return error;
        }
    }
}

/* Staged leaves are packed as their commit would, into memory of the batch. */
static enum lucid_error leaf_scan_staged(struct store_lmdb_batch *batch, uint64_t from,
                                         store_leaf_fn *fn, void *context)
{
    uint64_t base = batch->view.counts.leaves;
    size_t at = from > base ? (size_t)(from - base) : 0;
    while (at < batch->leaves_count) {
        size_t rows;
        size_t bytes;
        store_run_leaves_fit(batch->leaves + at, batch->leaves_count - at, &rows, &bytes);
        lucid_buf_clear(&batch->packed);
        uint8_t *out = lucid_buf_extend(&batch->packed, bytes);
        if (out == NULL) {
            return LUCID_RETRY_MEMORY;
        }
        store_run_leaves_pack(batch->leaves + at, rows, base + at, out, bytes);
        struct store_run run;
        enum lucid_error error =
            store_run_open(STORE_LOG_LEAVES, base + at, lucid_span(out, bytes), &run);
        lucid_assert(error == LUCID_OK);
        struct store_leaf_run leaves = store_run_leaves(&run, base + at);
        error = fn(context, &leaves);
        if (error != LUCID_OK) {
            return error;
        }
        at += rows;
    }
    return LUCID_OK;
}

enum lucid_error store_lmdb_leaf_scan(struct store_view *base, uint64_t from, store_leaf_fn *fn,
                                      void *context)
{
    struct store_lmdb_view *view = store_lmdb_view_of(base);
    struct walk walk;
    enum lucid_error error = walk_open(&walk, view, STORE_LOG_LEAVES, from, view->counts.leaves);
    if (error == LUCID_OK) {
        error = leaf_scan_map(&walk, fn, context);
    }
    walk_close(&walk);
    if (error != LUCID_OK || view->batch == NULL) {
        return error;
    }
    return leaf_scan_staged(view->batch, from, fn, context);
}

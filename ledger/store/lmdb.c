/* DIR/data.mdb and DIR/lock.mdb are LMDB's, DIR/writer.lock is ours. Named databases:
 *
 *   store    key "format": u32 big-endian; a store without it was never finished
 *   events   packed runs (lmdb_run.c), keys u64 big-endian: number of the run's first row
 *   bodies   the same, of those events that have a body
 *   leaves   the same
 *   t.NAME   the table NAME
 *
 * What a commit carries is appended: at most one B-tree path in each of the three logs is touched,
 * and the rows themselves go to fresh pages in one piece. Every commit is synced in full: NOSYNC,
 * NOMETASYNC and WRITEMAP lose or damage what was acknowledged. Read-ahead stays on, because
 * restart reads the logs from end to end and is worth more than cold single reads. */
#include "ledger/store/lmdb.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "ledger/store/lmdb_internal.h"

static const struct store_ops lmdb_ops;

static struct store_lmdb *lmdb_of(struct store *store)
{
    return (struct store_lmdb *)(void *)store;
}

enum lucid_error store_lmdb_error(int result)
{
    switch (result) {
    case MDB_SUCCESS:
        return LUCID_OK;
    case MDB_NOTFOUND:
        return LUCID_NOTE_ABSENT;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
        return LUCID_RETRY_FULL;
    case MDB_READERS_FULL:
        return LUCID_RETRY_BUSY;
    case ENOMEM:
        return LUCID_RETRY_MEMORY;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_CURSOR_FULL:
    case MDB_INCOMPATIBLE:
    case MDB_KEYEXIST: /* MDB_APPEND: the last key is not what the counts say */
        return LUCID_FATAL_CORRUPT;
    case MDB_VERSION_MISMATCH:
        return LUCID_FATAL_NEWER;
    default:
        return LUCID_FATAL_STORE;
    }
}

/* Only a full map or transaction is found out before the first page is written. */
static enum lucid_error commit_error(int result)
{
    if (result == MDB_SUCCESS) {
        return LUCID_OK;
    }
    return result == MDB_MAP_FULL || result == MDB_TXN_FULL ? LUCID_RETRY_FULL : LUCID_FATAL_STORE;
}

/* --- open and close -----------------------------------------------------------------------------
 */

static void lmdb_close(struct store *store)
{
    struct store_lmdb *lmdb = lmdb_of(store);
    if (lmdb->env != NULL) {
        mdb_env_close(lmdb->env);
    }
    if (lmdb->lock_fd >= 0) {
        close(lmdb->lock_fd);
    }
    store_lmdb_stage_fini(&lmdb->batch);
    free(lmdb);
}

enum lucid_error store_lmdb_open(const char *path, const struct store_lmdb_options *options,
                                 struct store **ret, struct lucid_why *why)
{
    lucid_assert(path != NULL && options != NULL && ret != NULL);
    struct store_lmdb *lmdb = calloc(1, sizeof(*lmdb));
    if (lmdb == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    store_init(&lmdb->base, &lmdb_ops);
    lmdb->lock_fd = -1;
    enum lucid_error error = store_lmdb_env_open(lmdb, path, options, why);
    if (error != LUCID_OK) {
        lmdb_close(&lmdb->base);
        return error;
    }
    *ret = &lmdb->base;
    return LUCID_OK;
}

/* --- stats --------------------------------------------------------------------------------------
 */

struct reader_count {
    uint32_t readers;
    uint64_t oldest; /* transaction of the oldest snapshot */
};

/* A line of mdb_reader_list: pid, thread in hex, then the transaction or "-". The heading has no
 * number in front. It is the only way to see the readers of all processes. */
static int reader_line(const char *line, void *context)
{
    struct reader_count *count = context;
    char *end;
    if (strtoull(line, &end, 10) == 0) {
        return 0;
    }
    line = end;
    (void)strtoull(line, &end, 16);
    if (end == line) {
        return 0;
    }
    line = end;
    uint64_t txn = strtoull(line, &end, 10);
    if (end != line) {
        count->readers++;
        count->oldest = txn < count->oldest ? txn : count->oldest;
    }
    return 0;
}

static void lmdb_stats_read(struct store *store, struct store_stats *ret)
{
    struct store_lmdb *lmdb = lmdb_of(store);
    MDB_envinfo info = {0};
    MDB_stat stat = {0};
    (void)mdb_env_info(lmdb->env, &info);
    (void)mdb_env_stat(lmdb->env, &stat);
    struct reader_count count = {.oldest = UINT64_MAX};
    (void)mdb_reader_list(lmdb->env, reader_line, &count);
    uint64_t newest = info.me_last_txnid;
    *ret = (struct store_stats){
        .bytes_used = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize,
        .bytes_max = info.me_mapsize,
        .readers = count.readers,
        .oldest_view_lag = count.readers > 0 && count.oldest < newest ? newest - count.oldest : 0,
    };
}

static unsigned lmdb_readers_check(struct store *store)
{
    int dead = 0;
    (void)mdb_reader_check(lmdb_of(store)->env, &dead);
    return dead > 0 ? (unsigned)dead : 0;
}

/* --- views --------------------------------------------------------------------------------------
 */

/* The transaction begun and reset here holds the view's reader slot, so that begin is cheap. */
static enum lucid_error lmdb_view_open(struct store *store, struct store_view **ret)
{
    struct store_lmdb *lmdb = lmdb_of(store);
    struct store_lmdb_view *view = calloc(1, sizeof(*view));
    if (view == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    store_view_init(&view->base, store);
    view->lmdb = lmdb;
    int result = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &view->txn);
    if (result != MDB_SUCCESS) {
        free(view);
        return store_lmdb_error(result);
    }
    mdb_txn_reset(view->txn);
    *ret = &view->base;
    return LUCID_OK;
}

static void view_cursors_close(struct store_lmdb_view *view)
{
    for (size_t i = 0; i < STORE_LOG_COUNT; i++) {
        if (view->log[i].cursor != NULL) {
            mdb_cursor_close(view->log[i].cursor);
            view->log[i].cursor = NULL;
        }
    }
    for (size_t i = 0; i < STORE_TABLES_MAX; i++) {
        if (view->table[i].cursor != NULL) {
            mdb_cursor_close(view->table[i].cursor);
            view->table[i].cursor = NULL;
        }
    }
}

static void lmdb_view_close(struct store_view *base)
{
    struct store_lmdb_view *view = store_lmdb_view_of(base);
    view_cursors_close(view);
    mdb_txn_abort(view->txn);
    free(view);
}

static enum lucid_error lmdb_view_begin(struct store_view *base)
{
    struct store_lmdb_view *view = store_lmdb_view_of(base);
    /* Before the snapshot, so that every table counted is in it. */
    uint32_t tables = atomic_load_explicit(&view->lmdb->tables, memory_order_acquire);
    int result = mdb_txn_renew(view->txn);
    if (result != MDB_SUCCESS) {
        return store_lmdb_error(result);
    }
    view->begin++;
    view->tables_seen = tables;
    if (mdb_txn_id(view->txn) != view->counted_txn) {
        enum lucid_error error = store_lmdb_counts_load(view);
        if (error != LUCID_OK) {
            mdb_txn_reset(view->txn);
            return error;
        }
    }
    return LUCID_OK;
}

static void lmdb_view_end(struct store_view *base)
{
    mdb_txn_reset(store_lmdb_view_of(base)->txn);
}

/* --- batches ------------------------------------------------------------------------------------
 */

static void batch_end(struct store_lmdb_batch *batch, bool kept)
{
    struct store_lmdb *lmdb = batch->view.lmdb;
    batch->view.txn = NULL;
    store_lmdb_stage_reset(batch);
    uint32_t tables = atomic_load_explicit(&lmdb->tables, memory_order_relaxed);
    if (!kept) {
        lmdb->tables_staged = tables;
    } else if (lmdb->tables_staged != tables) {
        atomic_store_explicit(&lmdb->tables, lmdb->tables_staged, memory_order_release);
    }
    atomic_store_explicit(&lmdb->writer, 0, memory_order_relaxed);
}

static enum lucid_error lmdb_batch_begin(struct store *store, struct store_batch **ret)
{
    struct store_lmdb *lmdb = lmdb_of(store);
    struct store_lmdb_batch *batch = &lmdb->batch;
    lucid_assert(lmdb->lock_fd >= 0);
    lucid_assert(batch->events_count == 0 && batch->leaves_count == 0);
    MDB_txn *txn;
    int result = mdb_txn_begin(lmdb->env, NULL, 0, &txn);
    if (result != MDB_SUCCESS) {
        return store_lmdb_error(result);
    }
    batch->view = (struct store_lmdb_view){.lmdb = lmdb, .txn = txn, .batch = batch};
    store_view_init(&batch->view.base, store);
    store_batch_init(&batch->base, store, &batch->view.base);
    batch->view.tables_seen = lmdb->tables_staged;
    enum lucid_error error = store_lmdb_counts_load(&batch->view);
    if (error != LUCID_OK) {
        view_cursors_close(&batch->view);
        mdb_txn_abort(txn);
        return error;
    }
    atomic_store_explicit(&lmdb->writer, (uintptr_t)pthread_self(), memory_order_relaxed);
    *ret = &batch->base;
    return LUCID_OK;
}

static void lmdb_batch_abort(struct store_batch *base)
{
    struct store_lmdb_batch *batch = store_lmdb_batch_of(base);
    view_cursors_close(&batch->view);
    mdb_txn_abort(batch->view.txn);
    batch_end(batch, false);
}

static enum lucid_error lmdb_batch_commit(struct store_batch *base)
{
    struct store_lmdb_batch *batch = store_lmdb_batch_of(base);
    view_cursors_close(&batch->view);
    bool leaves = batch->leaves_count > 0;
    enum lucid_error error = store_lmdb_stage_write(batch);
    if (error == LUCID_OK) {
        error = commit_error(mdb_txn_commit(batch->view.txn));
    } else {
        mdb_txn_abort(batch->view.txn);
    }
    if (error == LUCID_OK && leaves) {
        batch->view.lmdb->format = STORE_LMDB_FORMAT;
    }
    batch_end(batch, error == LUCID_OK);
    return error;
}

static const struct store_ops lmdb_ops = {
    .close = lmdb_close,
    .stats_read = lmdb_stats_read,
    .readers_check = lmdb_readers_check,
    .view_open = lmdb_view_open,
    .view_close = lmdb_view_close,
    .view_begin = lmdb_view_begin,
    .view_end = lmdb_view_end,
    .counts_read = store_lmdb_counts_read,
    .event_read = store_lmdb_event_read,
    .body_read = store_lmdb_body_read,
    .leaf_read = store_lmdb_leaf_read,
    .event_scan = store_lmdb_event_scan,
    .leaf_scan = store_lmdb_leaf_scan,
    .table_find = store_lmdb_table_find,
    .table_name = store_lmdb_table_name,
    .get = store_lmdb_get,
    .seek = store_lmdb_seek,
    .batch_begin = lmdb_batch_begin,
    .batch_commit = lmdb_batch_commit,
    .batch_abort = lmdb_batch_abort,
    .event_append = store_lmdb_event_append,
    .body_erase = store_lmdb_body_erase,
    .leaf_append = store_lmdb_leaf_append,
    .leaves_clear = store_lmdb_leaves_clear,
    .table_create = store_lmdb_table_create,
    .table_clear = store_lmdb_table_clear,
    .put = store_lmdb_put,
    .del = store_lmdb_del,
};

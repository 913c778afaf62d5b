/* The LMDB back end's own parts, shared by the lmdb*.c files. */
#ifndef LUCID_LEDGER_STORE_LMDB_INTERNAL_H
#define LUCID_LEDGER_STORE_LMDB_INTERNAL_H

#include <lmdb.h>
#include <pthread.h>

#include "base/buf.h"
#include "ledger/store/lmdb.h"
#include "ledger/store/store_internal.h"

/* --- packed runs (lmdb_run.c): the bytes on disk, no LMDB in it --------------------------------
 */

#define STORE_RUN_BYTES_MAX ((size_t)1 << 20)

enum store_log {
    STORE_LOG_EVENTS,
    STORE_LOG_BODIES,
    STORE_LOG_LEAVES,
    STORE_LOG_COUNT,
};

struct store_staged_event {
    struct store_event event;
    struct lucid_span body;
};

struct store_staged_leaf {
    struct store_leaf leaf;
    const uint8_t *nodes;
    uint32_t node_count;
};

/* A run as read, its header and length checked. */
struct store_run {
    uint64_t first; /* the key */
    uint32_t count;
    struct lucid_span bytes;
};

/* How many of the rows go into the next run (at least one), and the bytes that it takes. For
 * bodies, rows without a body are passed over and counted in *ret_rows; 0 bytes: no run. */
void store_run_events_fit(const struct store_staged_event *rows, size_t count, size_t *ret_rows,
                          size_t *ret_bytes);
void store_run_bodies_fit(const struct store_staged_event *rows, size_t count, size_t *ret_rows,
                          size_t *ret_bytes, uint64_t *ret_first);
void store_run_leaves_fit(const struct store_staged_leaf *rows, size_t count, size_t *ret_rows,
                          size_t *ret_bytes);

/* Write exactly the bytes that fit has told. */
void store_run_events_pack(const struct store_staged_event *rows, size_t count, uint8_t *out,
                           size_t len);
void store_run_bodies_pack(const struct store_staged_event *rows, size_t count, uint64_t first,
                           uint8_t *out, size_t len);
void store_run_leaves_pack(const struct store_staged_leaf *rows, size_t count, uint64_t first,
                           uint8_t *out, size_t len);

/* Reading trusts nothing: every offset is checked against bytes.len.
 * Errors: LUCID_FATAL_CORRUPT. */
enum lucid_error store_run_open(enum store_log log, uint64_t first, struct lucid_span bytes,
                                struct store_run *ret);
enum lucid_error store_run_event(const struct store_run *run, uint32_t i, struct store_event *ret);
/* LUCID_NOTE_ABSENT when the run has no body of that sequence, LUCID_NOTE_ERASED when it had. */
enum lucid_error store_run_body(const struct store_run *run, uint64_t sequence,
                                struct lucid_span *ret);
/* Overwrites the body of that sequence in a bodies run of `bytes`, which is opened in run, and
 * marks it erased. Errors as store_run_body. */
enum lucid_error store_run_body_erase(const struct store_run *run, uint8_t *bytes,
                                      uint64_t sequence);
/* The rows of a leaves run from index `from` on. */
struct store_leaf_run store_run_leaves(const struct store_run *run, uint64_t from);

/* --- handles ------------------------------------------------------------------------------------
 */

struct store_lmdb;

struct store_lmdb_table {
    char name[STORE_NAME_BYTES_MAX + 1];
    MDB_dbi dbi;
};

/* Cursors are opened once and renewed on first use after each begin. */
struct store_lmdb_cursor {
    MDB_cursor *cursor;
    uint64_t begin; /* the view's begin that it was renewed for */
};

struct store_lmdb_view {
    struct store_view base;
    struct store_lmdb *lmdb;
    MDB_txn *txn;
    struct store_lmdb_batch *batch; /* NULL for a plain view */
    struct store_lmdb_cursor log[STORE_LOG_COUNT];
    struct store_lmdb_cursor table[STORE_TABLES_MAX];
    uint64_t begin;             /* running number of store_view_begin */
    uint32_t tables_seen;       /* handles below are in this snapshot */
    size_t counted_txn;         /* transaction that counts was read in; 0 = none */
    struct store_counts counts; /* rows in the map; a batch's staged rows come after */
};

struct store_lmdb_batch {
    struct store_batch base;
    struct store_lmdb_view view;
    struct store_staged_event *events;
    size_t events_count;
    size_t events_cap;
    struct store_staged_leaf *leaves;
    size_t leaves_count;
    size_t leaves_cap;
    struct lucid_buf scratch; /* a value being put */
    struct lucid_buf packed;  /* staged leaves as a run, for a scan */
};

struct store_lmdb {
    struct store base;
    MDB_env *env;
    int lock_fd; /* writer.lock, held; −1 in a reader */
    MDB_dbi log[STORE_LOG_COUNT];
    MDB_dbi dbi;     /* STORE_LMDB_DB_STORE */
    uint32_t format; /* the writer's: as committed */
    struct store_lmdb_table table[STORE_TABLES_MAX];
    _Atomic uint32_t tables;       /* published: committed, readable by every thread */
    uint32_t tables_staged;        /* the writer's: with those of its open batch */
    _Atomic uintptr_t writer;      /* pthread_self of the open batch's thread; 0 = none */
    struct store_lmdb_batch batch; /* reused, so that the writer allocates nothing */
};

/* --- shared between the files -------------------------------------------------------------------
 */

/* 1: leaves runs have no sum, form 1. 2: those written since have one, form 2. */
#define STORE_LMDB_FORMAT       2
#define STORE_LMDB_FORMAT_MIN   1
#define STORE_LMDB_DB_STORE     "store"
#define STORE_LMDB_KEY_FORMAT   "format"
#define STORE_LMDB_TABLE_PREFIX "t."

extern const char *const store_lmdb_log_name[STORE_LOG_COUNT];

/* What a result of LMDB means to the caller of a read or of a write before the commit. */
enum lucid_error store_lmdb_error(int result);

static inline struct lucid_span store_lmdb_span(const MDB_val *value)
{
    return lucid_span(value->mv_data, value->mv_size);
}

/* LMDB's type has no const; it does not write through what it is only given to read. */
static inline MDB_val store_lmdb_val(struct lucid_span span)
{
    return (MDB_val){.mv_size = span.len, .mv_data = (void *)(uintptr_t)span.data};
}

static inline struct store_lmdb_view *store_lmdb_view_of(struct store_view *view)
{
    return (struct store_lmdb_view *)(void *)view;
}

static inline struct store_lmdb_batch *store_lmdb_batch_of(struct store_batch *batch)
{
    return (struct store_lmdb_batch *)(void *)batch;
}

/* lmdb_open.c: opens or makes everything under path in lmdb, which is zeroed. On failure the caller
 * closes what is open. */
enum lucid_error store_lmdb_env_open(struct store_lmdb *lmdb, const char *path,
                                     const struct store_lmdb_options *options,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;
/* Whether a program that knows the formats up to `known` may open a store of this one. */
enum lucid_error store_lmdb_format_check(uint32_t format, uint32_t known,
                                         struct lucid_why *why) LUCID_WARN_UNUSED;
/* Writes STORE_LMDB_FORMAT into the transaction. */
enum lucid_error store_lmdb_format_write(struct store_lmdb *lmdb, MDB_txn *txn) LUCID_WARN_UNUSED;

/* lmdb_log.c */
enum lucid_error store_lmdb_cursor_get(struct store_lmdb_view *view,
                                       struct store_lmdb_cursor *cached, MDB_dbi dbi,
                                       MDB_cursor **ret) LUCID_WARN_UNUSED;
/* Reads how many rows the map has: at begin, so that a damaged tail shows there. */
enum lucid_error store_lmdb_counts_load(struct store_lmdb_view *view) LUCID_WARN_UNUSED;
/* The bodies run that has a row of this sequence, if any has. LUCID_NOTE_ABSENT: none begins at or
 * before it. */
enum lucid_error store_lmdb_bodies_find(struct store_lmdb_view *view, uint64_t sequence,
                                        struct store_run *ret) LUCID_WARN_UNUSED;
void store_lmdb_counts_read(struct store_view *view, struct store_counts *ret);
enum lucid_error store_lmdb_event_read(struct store_view *view, uint64_t sequence,
                                       struct store_event *ret);
enum lucid_error store_lmdb_body_read(struct store_view *view, uint64_t sequence,
                                      struct lucid_span *ret);
enum lucid_error store_lmdb_leaf_read(struct store_view *view, uint64_t leaf,
                                      struct store_leaf *ret);
enum lucid_error store_lmdb_event_scan(struct store_view *view, uint64_t from, store_event_fn *fn,
                                       void *context);
enum lucid_error store_lmdb_leaf_scan(struct store_view *view, uint64_t from, store_leaf_fn *fn,
                                      void *context);

/* lmdb_stage.c */
enum lucid_error store_lmdb_event_append(struct store_batch *batch, const struct store_event *event,
                                         struct lucid_span body);
enum lucid_error store_lmdb_body_erase(struct store_batch *batch, uint64_t sequence);
enum lucid_error store_lmdb_leaf_append(struct store_batch *batch, uint64_t index,
                                        const struct store_leaf *leaf, const uint8_t *nodes,
                                        size_t node_count);
enum lucid_error store_lmdb_leaves_clear(struct store_batch *batch);
/* Writes the staged rows into the transaction. */
enum lucid_error store_lmdb_stage_write(struct store_lmdb_batch *batch) LUCID_WARN_UNUSED;
/* Forgets the staged rows, keeps the memory. */
void store_lmdb_stage_reset(struct store_lmdb_batch *batch);
void store_lmdb_stage_fini(struct store_lmdb_batch *batch);

/* lmdb_table.c */
enum lucid_error store_lmdb_tables_load(struct store_lmdb *lmdb, MDB_txn *txn) LUCID_WARN_UNUSED;
enum lucid_error store_lmdb_table_find(struct store *store, const char *name, uint32_t *ret_table);
const char *store_lmdb_table_name(struct store *store, uint32_t table);
enum lucid_error store_lmdb_get(struct store_view *view, uint32_t table, struct lucid_span key,
                                struct lucid_span *ret_value);
enum lucid_error store_lmdb_seek(struct store_view *view, uint32_t table, enum store_seek how,
                                 struct lucid_span key, struct lucid_span *ret_key,
                                 struct lucid_span *ret_value);
enum lucid_error store_lmdb_table_create(struct store_batch *batch, const char *name,
                                         uint32_t *ret_table);
enum lucid_error store_lmdb_table_clear(struct store_batch *batch, uint32_t table);
enum lucid_error store_lmdb_put(struct store_batch *batch, uint32_t table, struct lucid_span key,
                                struct lucid_span value);
enum lucid_error store_lmdb_del(struct store_batch *batch, uint32_t table, struct lucid_span key);

#endif

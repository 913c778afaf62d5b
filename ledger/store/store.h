/* The log-shaped store: events, leaves with their tree nodes, bodies, and the small tables that
 * kinds of events fold into. One interface, several back ends (LMDB for real, memory for the
 * simulation, failing for tests); tests/unit/store holds one conformance suite for all of them.
 *
 *   log rows   append only, addressed by number; everything of one batch is committed as packed
 *              runs, so that a commit carries no randomly keyed index (docs/FORMAT.md)
 *     event    sequence 1, 2, 3 …
 *     body     by the sequence of its event; the only log row that may be erased later; folding
 *              and replay never read it
 *     leaf     leaf index 0, 1, 2 … with the MMR nodes that appending it made
 *   tables     named, sorted by key bytes (memcmp), each written by exactly one kind
 *
 * Rules that every caller keeps:
 *   - one batch at a time, all of its calls from one thread (the writer);
 *   - any number of views, each used by one thread at a time and for one request at most: an open
 *     view keeps every page alive that it can see, and the file grows meanwhile;
 *   - spans handed out by a view are good until store_view_end, by a batch until the next write,
 *     commit or abort. They are bytes as read: whoever serves them checks their hashes, because the
 *     back end has no checksums;
 *   - after LUCID_FATAL_* from any call: stop, close, open again. */
#ifndef LUCID_LEDGER_STORE_STORE_H
#define LUCID_LEDGER_STORE_STORE_H

#include "base/bytes.h"

#define STORE_HASH_BYTES        32
#define STORE_ENTRY_BYTES       128
#define STORE_TYPE_BYTES_MAX    32
#define STORE_KEY_BYTES_MAX     255
#define STORE_NAME_BYTES_MAX    31
#define STORE_TABLES_MAX        128
#define STORE_VALUE_BYTES_MAX   ((size_t)1 << 24)
#define STORE_BODY_BYTES_MAX    65535
#define STORE_PAYLOAD_BYTES_MAX 65535
/* Nodes that one leaf can add: itself and a parent per level. */
#define STORE_NODES_PER_LEAF_MAX 49

struct store;
struct store_view;
struct store_batch;

struct store_event {
    uint64_t sequence;         /* from 1, without gaps */
    uint64_t time_ms;          /* Unix milliseconds, never decreasing */
    struct lucid_span type;    /* ASCII, 1 … STORE_TYPE_BYTES_MAX */
    uint16_t version;          /* of the payload's form, from 1 */
    struct lucid_span payload; /* at most STORE_PAYLOAD_BYTES_MAX */
    const uint8_t *entry;      /* STORE_ENTRY_BYTES, or NULL when the event logs no leaf */
    const uint8_t *hash;       /* STORE_HASH_BYTES: the event hash of CONTRACT 2 */
};

/* A leaf's row: what the maps in memory are rebuilt from at start. */
struct store_leaf {
    uint64_t sequence; /* of the event that carries its entry */
    uint64_t tags[2];  /* two 64-bit tags for the caller's maps; 0 = none */
};

struct store_counts {
    uint64_t events; /* sequence of the newest event; 0 = empty log */
    uint64_t leaves;
};

struct store_stats {
    uint64_t bytes_used;      /* of the map or of memory */
    uint64_t bytes_max;       /* the map's size; 0 = no bound */
    uint32_t readers;         /* views open now */
    uint64_t oldest_view_lag; /* commits since the oldest open view began */
};

/* --- open and close ---------------------------------------------------------------------------
 * Back ends have their own open functions: lmdb.h, memory.h, failing.h. */

/* Closes everything. No view or batch may be open. NULL is allowed. */
void store_close(struct store *store);

/* Thread: any. */
void store_stats_read(struct store *store, struct store_stats *ret);

/* Frees reader slots of processes that died. Thread: the writer. Returns how many. */
unsigned store_readers_check(struct store *store);

/* --- views: consistent snapshots for reading ---------------------------------------------------
 */

/* A view handle; begins nothing. Close it before the store. */
enum lucid_error store_view_open(struct store *store, struct store_view **ret) LUCID_WARN_UNUSED;
void store_view_close(struct store_view *view);

/* Takes a snapshot of the last commit; release it with store_view_end as soon as possible. The pair
 * may be repeated on one handle and costs well under a microsecond. */
enum lucid_error store_view_begin(struct store_view *view) LUCID_WARN_UNUSED;
void store_view_end(struct store_view *view);

/* A view that sees the batch's own writes, log rows included. Owned by the batch; neither end nor
 * close it. */
struct store_view *store_batch_view(struct store_batch *batch);

/* --- log rows: reading ------------------------------------------------------------------------ */

/* How many rows the view sees; read once, when it begins. */
void store_counts_read(struct store_view *view, struct store_counts *ret);

/* LUCID_NOTE_ABSENT beyond the newest. */
enum lucid_error store_event_read(struct store_view *view, uint64_t sequence,
                                  struct store_event *ret) LUCID_WARN_UNUSED;

/* LUCID_NOTE_ABSENT when the event has no body, LUCID_NOTE_ERASED when it had one. */
enum lucid_error store_body_read(struct store_view *view, uint64_t sequence,
                                 struct lucid_span *ret) LUCID_WARN_UNUSED;

/* LUCID_NOTE_ABSENT beyond the newest. Looks at no sum, which is one over thousands of rows: the
 * caller holds the sequence against that event's entry, and takes no tag from here unchecked. */
enum lucid_error store_leaf_read(struct store_view *view, uint64_t leaf,
                                 struct store_leaf *ret) LUCID_WARN_UNUSED;

/* Calls back for each event from `from` on in order (0 is read as 1). A callback that returns
 * LUCID_NOTE_END stops the scan, which then returns LUCID_OK; any other error is passed on. In the
 * view of a batch the callback may read, and put to tables: its event stays good till it returns.
 */
typedef enum lucid_error store_event_fn(void *context, const struct store_event *event);
enum lucid_error store_event_scan(struct store_view *view, uint64_t from, store_event_fn *fn,
                                  void *context) LUCID_WARN_UNUSED;

/* Calls back with runs of consecutive leaves from `from` on: their rows and the nodes they added,
 * 32 bytes each, the first with index mmr_node_count(first). Rows may be unaligned in the back
 * end's memory, therefore they come through the accessor store_leaf_at. */
struct store_leaf_run {
    uint64_t first; /* leaf index of the run's first row */
    uint32_t count;
    struct lucid_span rows;  /* packed; read with store_leaf_at */
    struct lucid_span nodes; /* 32 bytes each */
    /* The whole run as stored, of which the above may be the later part, with the sum at its end;
     * empty when it has none. */
    struct lucid_span summed;
    uint64_t number; /* leaf index of its first row */
};
struct store_leaf store_leaf_at(const struct store_leaf_run *run, uint32_t i);

/* Whether the run's bytes are those that were written, by their sum; true without one. */
bool store_leaf_run_holds(const struct store_leaf_run *run);

/* A run whose sum does not hold ends the scan with LUCID_FATAL_CORRUPT. */
typedef enum lucid_error store_leaf_fn(void *context, const struct store_leaf_run *run);
enum lucid_error store_leaf_scan(struct store_view *view, uint64_t from, store_leaf_fn *fn,
                                 void *context) LUCID_WARN_UNUSED;
/* The same, but looks at no sum: for those who tell what exactly is damaged. */
enum lucid_error store_leaf_scan_raw(struct store_view *view, uint64_t from, store_leaf_fn *fn,
                                     void *context) LUCID_WARN_UNUSED;

/* --- tables: reading -------------------------------------------------------------------------- */

/* The handle of a table that a migration created. LUCID_NOTE_ABSENT if there is none. Thread: any,
 * after the creating batch has committed, or the writer within it. */
enum lucid_error store_table_find(struct store *store, const char *name,
                                  uint32_t *ret_table) LUCID_WARN_UNUSED;

/* Lists table names by handle 0 … n−1; NULL beyond. Static for the store's life. */
const char *store_table_name(struct store *store, uint32_t table);
/* The same through a view. */
const char *store_view_table_name(struct store_view *view, uint32_t table);

/* The value of a key; LUCID_NOTE_ABSENT when there is none. */
enum lucid_error store_get(struct store_view *view, uint32_t table, struct lucid_span key,
                           struct lucid_span *ret_value) LUCID_WARN_UNUSED;

enum store_seek {
    STORE_SEEK_GE, /* the first key at or after */
    STORE_SEEK_GT, /* the first key after */
    STORE_SEEK_LE, /* the last key at or before */
    STORE_SEEK_LT, /* the last key before; with an empty key: the last of all */
};

/* LUCID_NOTE_ABSENT when no key is on that side. */
enum lucid_error store_seek(struct store_view *view, uint32_t table, enum store_seek how,
                            struct lucid_span key, struct lucid_span *ret_key,
                            struct lucid_span *ret_value) LUCID_WARN_UNUSED;

/* --- batches: writing -------------------------------------------------------------------------
 * A write that fails with LUCID_RETRY_* or LUCID_FATAL_* decides its batch: every later write, and
 * the commit, returns the same and keeps nothing. So code in the middle may leave results to the
 * commit. A LUCID_FATAL_* from a commit poisons the store: every later view or batch begin returns
 * LUCID_FATAL_STORE. */

/* Begins the one write transaction. LUCID_RETRY_FULL when the map has no room left. */
enum lucid_error store_batch_begin(struct store *store, struct store_batch **ret) LUCID_WARN_UNUSED;

/* Makes everything of the batch durable (full sync) and visible, or nothing. The batch is gone in
 * any case.
 * Errors: LUCID_RETRY_FULL: nothing was kept, the store is as before, a smaller or later batch may
 * succeed. LUCID_FATAL_STORE: unknown whether it was kept. */
enum lucid_error store_batch_commit(struct store_batch *batch) LUCID_WARN_UNUSED;

/* Drops everything of the batch. NULL is allowed. */
void store_batch_abort(struct store_batch *batch);

/* A body that is not here any more: what store_event_append takes when an event is copied whose
 * body was erased where it comes from. Compared by address. */
extern const struct lucid_span store_body_erased;

/* Appends one event; asserts that the sequence is the next one. Its spans (and body) are borrowed
 * until commit or abort. body.data NULL: no body; store_body_erased: reads as LUCID_NOTE_ERASED. */
enum lucid_error store_event_append(struct store_batch *batch, const struct store_event *event,
                                    struct lucid_span body) LUCID_WARN_UNUSED;

/* Overwrites the body of an event with zero bytes and marks it erased, in this batch's transaction;
 * no other row changes. Copies that an open view, or a page that is free now, still holds go as
 * they are reused (docs/FORMAT.md). The caller has checked the body's hash: a row that rotted could
 * point into another body. Also for an event of this batch.
 * LUCID_NOTE_ABSENT when the event has no body, LUCID_NOTE_ERASED when it was erased before. */
enum lucid_error store_body_erase(struct store_batch *batch, uint64_t sequence) LUCID_WARN_UNUSED;

/* Appends the next leaf and its nodes (count times 32 bytes, borrowed until commit or abort);
 * asserts that the count is that of its index: one, and one per trailing zero bit of index + 1. */
enum lucid_error store_leaf_append(struct store_batch *batch, const struct store_leaf *leaf,
                                   const uint8_t *nodes, size_t node_count) LUCID_WARN_UNUSED;

/* Removes every leaf row, to fold them again from the events. */
enum lucid_error store_leaves_clear(struct store_batch *batch) LUCID_WARN_UNUSED;

/* Creates a table; LUCID_OK if it is there already. LUCID_REFUSE_TOO_LARGE beyond STORE_TABLES_MAX.
 * Handles are good until the store is closed; they may differ after it is opened again. */
enum lucid_error store_table_create(struct store_batch *batch, const char *name,
                                    uint32_t *ret_table) LUCID_WARN_UNUSED;

/* Removes every row. */
enum lucid_error store_table_clear(struct store_batch *batch, uint32_t table) LUCID_WARN_UNUSED;

/* Key 1 … STORE_KEY_BYTES_MAX bytes, value at most STORE_VALUE_BYTES_MAX; both are copied, and may
 * come from this batch's own view. */
enum lucid_error store_put(struct store_batch *batch, uint32_t table, struct lucid_span key,
                           struct lucid_span value) LUCID_WARN_UNUSED;

/* LUCID_NOTE_ABSENT when there was no such key. */
enum lucid_error store_del(struct store_batch *batch, uint32_t table,
                           struct lucid_span key) LUCID_WARN_UNUSED;

#endif

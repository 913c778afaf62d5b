/* The LMDB back end: DIR/data.mdb and DIR/lock.mdb, full sync on every commit. Its byte format is
 * in docs/FORMAT.md and at the heads of lmdb.c and lmdb_run.c. */
#ifndef LUCID_LEDGER_STORE_LMDB_H
#define LUCID_LEDGER_STORE_LMDB_H

#include "ledger/store/store.h"

struct store_lmdb_options {
    uint64_t bytes_max;   /* address space reserved for the map; sparse on disk */
    uint32_t readers_max; /* reader slots over all processes */
    bool create;          /* make the store; otherwise it must be there */
    bool writable;        /* false: views only (a second process may read a served store) */
};

#define STORE_LMDB_BYTES_MAX_DEFAULT   ((uint64_t)1 << 40)
#define STORE_LMDB_READERS_MAX_DEFAULT 256

/* Opens the store in directory path. Writable opens take an exclusive lock on DIR/writer.lock for
 * as long as the store is open: a second writer is refused with LUCID_RETRY_BUSY. Remote file
 * systems are refused. One open per process and directory (LMDB's rule).
 * Errors (why->text says which file): LUCID_REFUSE_INVALID, LUCID_NOTE_ABSENT (no store there and
 * not create), LUCID_REFUSE_CONFLICT (create, but there is one), LUCID_RETRY_BUSY, LUCID_RETRY_IO,
 * LUCID_RETRY_MEMORY, LUCID_FATAL_CORRUPT, LUCID_FATAL_NEWER.
 * A read-only store knows the tables that were there when it was opened. */
enum lucid_error store_lmdb_open(const char *path, const struct store_lmdb_options *options,
                                 struct store **ret, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Copies the last commit as the bytes of a data.mdb without free pages, in pieces, to fn, whose
 * error ends the copy and is passed on. Also of a store that another process writes to; pages that
 * are freed meanwhile are not used again before the end. SIGPIPE must be ignored. The snapshot is
 * one of the reader slots. Errors: those of fn, LUCID_RETRY_IO, LUCID_RETRY_MEMORY,
 * LUCID_FATAL_CORRUPT. Thread: any. */
typedef enum lucid_error store_copy_fn(void *context, struct lucid_span piece);
enum lucid_error store_lmdb_copy(struct store *store, store_copy_fn *fn, void *context,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

/* The work of `lucid log fsck`, done in a child process: LMDB has no page checksums, and a broken
 * page may kill whoever reads it. That death is a finding too. */
#ifndef LUCID_TOOLS_FSCK_H
#define LUCID_TOOLS_FSCK_H

#include <stdatomic.h>

#include "base/buf.h"
#include "ledger/note.h"
#include "lucidd/plugins.h"

#define FSCK_THREADS_MAX 64

struct fsck_options {
    const char *store;              /* the store's directory */
    const struct ledger_vkey *vkey; /* NULL: the log's own word is taken for its key */
    unsigned threads;
    bool quick;
    const struct plugins *plugins; /* whose kinds are checked too; NULL: none */
};

/* What the parent sees of the child while it runs: memory that both share. */
struct fsck_progress {
    _Atomic uint64_t events; /* to check; 0: not known yet */
    _Atomic uint64_t done;
    _Atomic uint64_t folded;
    _Atomic uint64_t at[FSCK_THREADS_MAX]; /* first event of the range that a thread works on */
};

enum fsck_end {
    FSCK_OK,
    FSCK_DAMAGED,
    FSCK_UNDECIDED,
    FSCK_UNREADABLE,
};

/* Checks the whole store. ret_json: the report as one JSON object; of a store that could not be
 * opened {"code":…,"message":…}. Starts threads and ends them. */
enum fsck_end fsck_check(const struct fsck_options *options, struct fsck_progress *progress,
                         struct lucid_buf *ret_json);

#endif

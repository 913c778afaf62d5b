/* Rebuilding a store from its events, and digests by which two stores are compared. */
#ifndef LUCID_TOOLS_REPLAY_H
#define LUCID_TOOLS_REPLAY_H

#include "base/buf.h"
#include "ledger/ledger.h"

#define REPLAY_DIGESTS_MAX (4 + STORE_TABLES_MAX)

/* One part of a store: d_n = SHA-256(d_(n-1) ‖ row n), d_0 = 32 zero bytes, rows in order. */
struct replay_digest {
    char name[STORE_NAME_BYTES_MAX + 8]; /* "events", "bodies", "leaves", "nodes", "table NAME" */
    uint64_t rows;
    uint8_t hash[32];
    bool missing; /* the store has no such table: no kind of it is known */
    bool rests;   /* the store says that this table has to be folded anew before it is good */
};
struct replay_digests {
    struct replay_digest part[REPLAY_DIGESTS_MAX];
    size_t count;
};

struct replay_options {
    struct store *from;
    struct ledger *to; /* over an empty, migrated store */
    bool bodies;       /* copy and compare them too */
    /* Called now and then; may be NULL. */
    void (*progress)(void *context, uint64_t done, uint64_t all);
    void *context;
};

/* Replays every event of `from` into `to` and takes the digests of both, as of the same event. The
 * tables meta and folds are left out: they are about the program, not the log.
 * Errors: those of ledger_batch_replay (why says at which event) and of the stores. */
enum lucid_error replay_run(const struct replay_options *options, struct replay_digests *ret_from,
                            struct replay_digests *ret_to, struct lucid_why *why) LUCID_WARN_UNUSED;

/* What the table of folds says of the kinds whose tables a store has. */
struct replay_folds {
    struct lucid_buf unknown; /* names of those that are none of the ones given: "a, b" */
    struct lucid_buf resting; /* and of those whose tables wait to be folded anew, as a plugin's do
                                 after the service has run without it */
};

/* Reads it, and marks in `digests` (of that store) the tables that rest. The caller frees both
 * texts, also after an error. */
enum lucid_error replay_folds_read(struct store *store, const struct ledger_use *uses, size_t count,
                                   struct replay_digests *digests,
                                   struct replay_folds *ret) LUCID_WARN_UNUSED;

#endif

/* The engine of `lucid log mirror`: one pass brings the copy up to date, or says why it may not.
 *
 *   published head → of the copy's root where the copy is that large → the copy's newest event is
 * told again, the same → what follows, verified event by event (ledger/replica.h) and committed at
 * heads → the published head is of the copy's root, and not smaller than the one seen before,
 * unless it is cosigned: the newest head with a quorum may be older than one that was published
 * without
 *
 * Whatever contradicts the copy ends the pass before anything of it is changed. */
#ifndef LUCID_TOOLS_MIRROR_H
#define LUCID_TOOLS_MIRROR_H

#include "ledger/replica.h"
#include "lucidd/datadir.h"
#include "lucidd/kinds.h"
#include "tools/lucid/plugins.h"

/* A head as it was published: the note, and what it says. size UINT64_MAX: none. */
struct mirror_head {
    struct lucid_buf note;
    uint64_t size;
    struct mmr_hash root;
    bool cosigned; /* it bears lines of others beside the log's own */
};

/* What contradicts the copy, or does not verify. */
enum mirror_fault {
    MIRROR_FORK,     /* an event or a head other than the copy's */
    MIRROR_ROLLBACK, /* the log is smaller than it was */
    MIRROR_WITHHELD, /* a published head of leaves that are not told */
    MIRROR_UNPROVEN, /* an event that does not verify */
    MIRROR_FOREIGN,  /* a head that the pinned key has not signed */
};

struct mirror {
    struct cli *cli;
    struct datadir dir;
    struct plugins plugins;
    struct kinds kinds;
    struct store *store;
    struct ledger *ledger;
    struct ledger_view *view;
    struct ledger_replica replica;

    /* The copy as it is committed. */
    uint64_t events;
    uint64_t leaves;
    uint8_t hash[STORE_HASH_BYTES]; /* of its newest event */
    bool newest_has_entry;

    /* The pass. */
    struct mirror_head published;
    struct mirror_head seen; /* DIR/checkpoint */
    bool overlap;            /* the copy's newest event is still to be told again */
    struct lucid_arena scratch;
    struct lucid_arena kept;           /* what the queue points to */
    struct ledger_event_record *queue; /* events since the newest head */
    size_t queue_count;
    bool queue_has_entry;
    bool in_batch;
    size_t batch_events;
    size_t batch_bytes;
    uint64_t taken; /* events committed by this pass */

    bool faulty;
    enum mirror_fault fault;
    struct lucid_why why;  /* what is wrong */
    struct lucid_buf line; /* the event as it was told */
};

/* Opens the copy, or makes one, with the plugins that the options name. vkey: the pinned key's
 * text, NULL: the one pinned before. Prints errors. mirror_close in any case. */
enum cli_exit mirror_open(struct mirror *mirror, struct cli *cli, const char *path,
                          const char *vkey) LUCID_WARN_UNUSED;
void mirror_close(struct mirror *mirror);

/* One pass. CLI_OK: up to date. CLI_UNREACHABLE: worth another try. CLI_REFUSED: a fault, reported
 * and saved as evidence, or an error of ours. Prints errors. */
enum cli_exit mirror_pass(struct mirror *mirror) LUCID_WARN_UNUSED;

/* Reports a fault loudly and saves both sides of it in DIR/evidence. Returns CLI_REFUSED. */
enum cli_exit mirror_report(struct mirror *mirror);

#endif

/* What a kind of event is: the verbs prepare, decide, apply, react (docs/ARCHITECTURE.md 1). All
 * kinds, built-in or not, are registered through this one header.
 *
 *   prepare   request bytes → checked, typed command; any thread; reads a view; keeps no state.
 *             It is the kind's own function and not in the table below: nobody else calls it.
 *   decide    the writer, inside the transaction: refuse, or draft events. Writes nothing.
 *   guard     another kind's veto over a decided command, before anything is appended.
 *   apply     folds one event into the tables its kind owns. Runs live and in replay, so it may not
 *             refuse, read clock or configuration, sign, or call out. An error is fatal.
 *   react     after apply, live only: drafts follow-up events in the same transaction, at most
 *             LEDGER_REACT_DEPTH_MAX deep. Writes nothing.
 *   conclude  after the command's events are applied: fill its results. May set command->error to a
 *             FATAL value when the tables cannot be read; refuses nothing.
 *
 * Thread: all of them run on the writer. */
#ifndef LUCID_LEDGER_KIND_H
#define LUCID_LEDGER_KIND_H

#include "base/arena.h"
#include "ledger/store/store.h"
#include "mmr/mmr.h"

#define LEDGER_REACT_DEPTH_MAX  8
#define LEDGER_MEMORY_BYTES_MAX 256
#define LEDGER_KINDS_MAX        32 /* built-in ones and those of plugins */
#define LEDGER_TYPES_MAX        256
#define LEDGER_TREE_FOLD        "tree" /* the leaf rows' name among the folds; no kind's */
#define LEDGER_TABLES_PER_KIND  12
/* A payment, what it pays for, and the blobs of that. */
#define LEDGER_PARTS_MAX 160

struct ledger_kind;
struct ledger_txn;

/* A write request on its way through the writer. The kind's own struct embeds it as first member.
 */
struct ledger_command {
    const struct ledger_kind *kind;
    unsigned verb; /* the kind's own numbering */

    /* Further parts that commit together with this one: every part decides before any is applied.
     * A refused part refuses all, except parts marked commit_alone, which then are applied without
     * the others. NULL for most commands. */
    struct ledger_command *next_part;
    bool commit_alone;

    /* The outcome, set by the writer before the command is given back. */
    enum lucid_error error;
    struct lucid_why why;
};

/* An event that decide or react wants appended. Spans are borrowed until the batch ends: point into
 * the command, or into ledger_txn_arena. */
struct ledger_draft {
    const char *type; /* one of the kind's own event types */
    uint16_t version; /* 0: the type's current version */
    struct lucid_span payload;
    const uint8_t *entry;   /* STORE_ENTRY_BYTES to log a leaf, or NULL */
    struct lucid_span body; /* kept beside the event, never folded; data NULL = none */

    /* Set by the core when the event is appended. */
    uint64_t sequence;
    uint64_t time_ms;
    uint64_t leaf; /* only with entry */
};

enum { LEDGER_TAG_HASH = 0, LEDGER_TAG_RUN_ID = 1 };

/* An event as apply and react see it: upcast to the current version of its type. */
struct ledger_event {
    uint64_t sequence;
    uint64_t time_ms;
    struct lucid_span type;
    uint16_t version;
    struct lucid_span payload;
    const uint8_t *entry; /* or NULL */
    uint64_t leaf;        /* only with entry */
};

struct ledger_event_type {
    const char *name;
    uint16_t version; /* current */
    /* Rewrites a payload of version from to version from + 1, in the arena. Pure. NULL while there
     * is only version 1. */
    enum lucid_error (*upcast)(const struct ledger_event_type *type, uint16_t from,
                               struct lucid_span payload, struct lucid_arena *arena,
                               struct lucid_span *ret_payload);
    const void *context; /* the kind's own: what upcast finds itself by */
};

struct ledger_kind {
    const char *name;
    /* Raise it when apply writes something else than before: the kind's tables are then dropped and
     * folded again from the log at the next start. */
    uint32_t fold_version;
    const struct ledger_event_type *types; /* ends with name NULL */
    const char *const *tables;             /* owned; created by a migration; ends with NULL */
    const char *const *listens;            /* event types of other kinds that apply and react also
                                              get; "*" = every event; ends with NULL; may be NULL */
    const char *guards;                    /* name of the kind whose commands guard sees; "*": those
                                              of every other kind; or NULL */

    /* A small block of fold state that the core stages per batch, adopts on commit and drops on
     * abort; set from the tables by load at start. A fold from the first event on starts with zero
     * bytes, so load must give these for empty tables. At most LEDGER_MEMORY_BYTES_MAX. */
    size_t memory_bytes;
    enum lucid_error (*load)(struct ledger_txn *txn);

    enum lucid_error (*decide)(struct ledger_txn *txn, struct ledger_command *command,
                               struct lucid_why *why);
    enum lucid_error (*guard)(struct ledger_txn *txn, const struct ledger_command *command,
                              struct lucid_why *why);
    enum lucid_error (*apply)(struct ledger_txn *txn, const struct ledger_event *event);
    enum lucid_error (*react)(struct ledger_txn *txn, const struct ledger_event *event);
    void (*conclude)(struct ledger_txn *txn, struct ledger_command *command);

    /* The LEDGER_TAG_RUN_ID tag under which an event with an entry is found, 0 = none; a pure
     * function of its payload (current version). NULL: never any. The LEDGER_TAG_HASH tag is always
     * that of the entry's first 32 bytes. */
    uint64_t (*id_tag)(struct lucid_span payload);

    /* Whether a body is the one that the event (current version) was logged with: asked when a copy
     * of another log is made, and by the check. NULL: its events have no bodies. */
    bool (*body_fits)(const struct ledger_kind *kind, const struct ledger_event *event,
                      struct lucid_span body);
};

/* --- what a verb may do; each asserts that it is called from a verb that may -------------------
 */

/* The running kind, as it was registered. Any verb. */
const struct ledger_kind *ledger_txn_kind(const struct ledger_txn *txn);

/* The store as the batch sees it. Any verb. */
struct store_view *ledger_txn_view(struct ledger_txn *txn);

/* The running kind's memory block (staged). Any verb; written only by load and apply. */
void *ledger_txn_memory(struct ledger_txn *txn);

/* The configuration registered with the running kind. decide, guard, react, conclude. */
const void *ledger_txn_config(struct ledger_txn *txn);

/* The batch's time: Unix ms, never below the newest event's. decide, guard, react. */
uint64_t ledger_txn_now_ms(struct ledger_txn *txn);

/* Memory that lives until the batch ends. Any verb. */
struct lucid_arena *ledger_txn_arena(struct ledger_txn *txn);

/* Leaves in the tree, this batch's included (in apply: up to the event's). Not in load. Their
 * nodes: any verb but apply, because a fold of old events runs without them. */
uint64_t ledger_txn_leaves(struct ledger_txn *txn);
struct mmr_nodes ledger_txn_nodes(struct ledger_txn *txn);

/* Drafts one event; it is appended after decide (and the guards) or react returned. *ret, if not
 * NULL, is the core's copy with its numbers once appended; good until the batch ends.
 * decide and react. */
enum lucid_error ledger_txn_draft(struct ledger_txn *txn, const struct ledger_draft *draft,
                                  const struct ledger_draft **ret) LUCID_WARN_UNUSED;

/* Candidates among all leaves, this batch's included, that may carry the tag, in no order; asserts
 * that max was enough (16 is: more would be a 64-bit collision of that many). Of leaves without a
 * run_id tag only the first few of one hash are among them. Confirm each against the log. decide
 * and guard. */
size_t ledger_txn_find(struct ledger_txn *txn, unsigned which, uint64_t tag, uint64_t *ret_leaves,
                       size_t max);

/* Table writes, in tables that the running kind owns. apply only. table is the index in
 * kind->tables. The stored row gets a sum, which reading takes off again: a kind's queries on views
 * read with row_get and row_seek (row.h), never with store_get and store_seek. */
enum lucid_error ledger_txn_put(struct ledger_txn *txn, unsigned table, struct lucid_span key,
                                struct lucid_span value) LUCID_WARN_UNUSED;
enum lucid_error ledger_txn_del(struct ledger_txn *txn, unsigned table,
                                struct lucid_span key) LUCID_WARN_UNUSED;
/* A row of fixed length in a table of the running kind, held in the batch's memory and written once
 * before the commit: for what nearly every event changes. *ret_row may be written until the batch
 * ends; a created row begins with zero bytes. Such a row is never put or deleted in the same batch.
 * LUCID_NOTE_ABSENT when there is none and create is false. apply only. */
enum lucid_error ledger_txn_row(struct ledger_txn *txn, unsigned table, struct lucid_span key,
                                size_t bytes, bool create, uint8_t **ret_row) LUCID_WARN_UNUSED;
/* Overwrites the body of an event, whose hash decide has checked; one that is absent (a replay
 * without bodies) or erased already is fine. apply only; the body is no input of any fold. */
enum lucid_error ledger_txn_body_erase(struct ledger_txn *txn, uint64_t sequence) LUCID_WARN_UNUSED;
/* Reads from the running kind's own tables. Any verb. A seek in a table of which rows are held in
 * memory writes them: spans got before are then stale. */
enum lucid_error ledger_txn_get(struct ledger_txn *txn, unsigned table, struct lucid_span key,
                                struct lucid_span *ret_value) LUCID_WARN_UNUSED;
enum lucid_error ledger_txn_seek(struct ledger_txn *txn, unsigned table, enum store_seek how,
                                 struct lucid_span key, struct lucid_span *ret_key,
                                 struct lucid_span *ret_value) LUCID_WARN_UNUSED;
/* Leaves that the guarded command wants logged. guard only. */
uint64_t ledger_txn_guarded_leaves(const struct ledger_txn *txn);
/* The registered kind of that name, or NULL. decide, guard, react, conclude. */
const struct ledger_kind *ledger_txn_kind_find(struct ledger_txn *txn, const char *name);
/* How deep a reaction runs: 0 for a command's own events. What it drafts at
 * LEDGER_REACT_DEPTH_MAX is an assertion. react only. */
unsigned ledger_txn_depth(const struct ledger_txn *txn);
/* Whether tables are folded that a check compares with the store's, perhaps beside the writer. */
bool ledger_txn_is_check(const struct ledger_txn *txn);
/* Reads a row of another registered kind, as this batch has it; LUCID_NOTE_ABSENT. decide, guard,
 * react, conclude. */
enum lucid_error ledger_txn_peek(struct ledger_txn *txn, const struct ledger_kind *kind,
                                 unsigned table, struct lucid_span key,
                                 struct lucid_span *ret_value) LUCID_WARN_UNUSED;

#endif

/* The ledger: an append-only log of events, the one Merkle tree over their entries, and what kinds
 * of events make of them.
 *
 * Writing (one thread, "the writer"):  ledger_batch_begin → ledger_batch_run per command →
 * ledger_batch_commit. Nothing is visible or answered before the commit returned; memory state is
 * staged and adopted only then.
 * Reading (any thread): a struct ledger_view per thread, begun and ended per request. */
#ifndef LUCID_LEDGER_LEDGER_H
#define LUCID_LEDGER_LEDGER_H

#include "base/clock.h"
#include "ledger/kind.h"

struct ledger;
struct ledger_view;

#define LEDGER_ORIGIN_BYTES_MAX     255
#define LEDGER_CHECKPOINT_BYTES_MAX 1024

/* A kind and what it is configured with (the kind's own struct, or NULL). */
struct ledger_use {
    const struct ledger_kind *kind;
    const void *config;
};

struct ledger_options {
    const struct ledger_use *uses; /* every kind, in the order their verbs run; borrowed */
    size_t use_count;
    uint64_t leaves_max; /* address space to reserve; 0 = LEDGER_LEAVES_MAX_DEFAULT */
};

#define LEDGER_LEAVES_MAX_DEFAULT ((uint64_t)1 << 32)

/* What log.init fixed for ever. */
struct ledger_identity {
    char origin[LEDGER_ORIGIN_BYTES_MAX + 1];
    char vkey[LEDGER_ORIGIN_BYTES_MAX + 64]; /* C2SP form */
    uint8_t log_key[32];
    uint8_t service_key[32];
    uint64_t created_ms;
    bool test; /* made by `lucid log init --test` */
};

/* Opens the ledger over a migrated store: folds what a raised fold version asks for, checks the
 * newest event hashes and that the peaks bag to the newest head's root, and rebuilds maps and nodes
 * in memory. The store stays the caller's and must outlive the ledger.
 * A store without log.init opens too: ledger_identity is false, and a batch takes no other first
 * event. Errors: LUCID_FATAL_CORRUPT, LUCID_FATAL_NEWER (folded by a newer program),
 * LUCID_RETRY_MEMORY; those of a store that cannot be written when there is something to fold. */
enum lucid_error ledger_open(struct store *store, const struct ledger_options *options,
                             struct ledger **ret, struct lucid_why *why) LUCID_WARN_UNUSED;
void ledger_close(struct ledger *ledger);

/* Whether log.init is there, and what it says (const once it is). Thread: any. */
bool ledger_identity(const struct ledger *ledger, const struct ledger_identity **ret);

/* The store that the ledger was opened over. Thread: any. */
struct store *ledger_store(const struct ledger *ledger);

/* The registered kind of that name, or NULL. Thread: any. */
const struct ledger_kind *ledger_kind_find(const struct ledger *ledger, const char *name);

/* --- writing ---------------------------------------------------------------------------------- */

/* Begins a batch at that wall time. Errors: LUCID_RETRY_FULL, LUCID_FATAL_STORE. */
enum lucid_error ledger_batch_begin(struct ledger *ledger, uint64_t now_ms) LUCID_WARN_UNUSED;

/* Decides, appends, applies and reacts one command (with its parts). The command's own outcome is
 * in command->error; the returned error is about the batch: not LUCID_OK means that the whole batch
 * must be aborted. The command's memory must live until commit or abort. */
enum lucid_error ledger_batch_run(struct ledger *ledger,
                                  struct ledger_command *command) LUCID_WARN_UNUSED;

/* Events appended so far in this batch. */
size_t ledger_batch_events(const struct ledger *ledger);

/* Commits with full sync, then publishes to readers. Errors as store_batch_commit; nothing was
 * adopted then, and the batch is gone. */
enum lucid_error ledger_batch_commit(struct ledger *ledger) LUCID_WARN_UNUSED;
void ledger_batch_abort(struct ledger *ledger);

/* The time of the newest event, Unix ms; 0 in an empty log. Thread: writer. */
uint64_t ledger_time_ms(const struct ledger *ledger);

/* Appends an event of another log as it is with its body (data NULL: none here; store_body_erased),
 * checks that it gets the same event hash and, where its kind can tell, that the body is the one it
 * was logged with, and applies it without reacting: rebuilding a store from its events. An event of
 * a type that is not known here is kept and its entry logged, but only kinds that listen to
 * everything fold it; its own kind folds it when a program knows it. Inside a batch, which must be
 * aborted unless the answer is LUCID_OK.
 * Errors: LUCID_REFUSE_INVALID (not the next event, or malformed), LUCID_REFUSE_UNKNOWN_KEY (a
 * newer version of a known type), LUCID_FATAL_CORRUPT (another hash, another body, or not
 * foldable), and those of the store. */
enum lucid_error ledger_batch_replay(struct ledger *ledger, const struct store_event *event,
                                     struct lucid_span body) LUCID_WARN_UNUSED;

/* The tree as the open batch has it: leaves, and the root of its first `size` ones. */
uint64_t ledger_batch_leaves(const struct ledger *ledger);
enum lucid_error ledger_batch_root(struct ledger *ledger, uint64_t size,
                                   struct mmr_hash *ret) LUCID_WARN_UNUSED;

/* --- reading ---------------------------------------------------------------------------------- */

/* A view handle; begins nothing. Open to close, and begin to end, belong to one thread at a time;
 * a begun view is one request long at most. begin: LUCID_RETRY_BUSY when the writer does not
 * publish a commit in time. */
enum lucid_error ledger_view_open(struct ledger *ledger,
                                  struct ledger_view **ret) LUCID_WARN_UNUSED;
void ledger_view_close(struct ledger_view *view);
enum lucid_error ledger_view_begin(struct ledger_view *view) LUCID_WARN_UNUSED;
void ledger_view_end(struct ledger_view *view);

/* The store's snapshot below the view, for kinds' own queries. */
struct store_view *ledger_view_store(struct ledger_view *view);
/* A kind's table handle in the store. Asserts that kind and table exist. */
uint32_t ledger_view_table(struct ledger_view *view, const struct ledger_kind *kind,
                           unsigned table);
struct ledger *ledger_view_ledger(struct ledger_view *view);

/* Leaves that this view may speak of, and their nodes (from memory). */
uint64_t ledger_view_leaves(struct ledger_view *view);
struct mmr_nodes ledger_view_nodes(struct ledger_view *view);

/* Candidates for a tag among the view's leaves, as ledger_txn_find. */
size_t ledger_view_find(struct ledger_view *view, unsigned which, uint64_t tag,
                        uint64_t *ret_leaves, size_t max);

/* An event, checked against the hash chain. Errors: LUCID_NOTE_ABSENT, LUCID_FATAL_CORRUPT. */
enum lucid_error ledger_view_event(struct ledger_view *view, uint64_t sequence,
                                   struct store_event *ret) LUCID_WARN_UNUSED;

/* The event that logged a leaf, checked against the hash chain, and its entry against the leaf hash
 * in the tree.
 * Errors: LUCID_NOTE_ABSENT, LUCID_FATAL_CORRUPT. */
enum lucid_error ledger_view_leaf_event(struct ledger_view *view, uint64_t leaf,
                                        struct store_event *ret) LUCID_WARN_UNUSED;

/* The tag under which a receipt hash or run_id is found: the first 8 bytes of the hash, of the
 * run_id's SHA-256; never 0. */
uint64_t ledger_tag_hash(const uint8_t hash[32]);
uint64_t ledger_tag_run_id(struct lucid_span run_id);

/* Bytes held by maps and nodes. Thread: any. */
uint64_t ledger_memory_bytes(const struct ledger *ledger);

#endif

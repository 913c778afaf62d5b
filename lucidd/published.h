/* Protection against going back: what this log is known to have published, held against the store
 * before the service starts.
 *
 * A store restored from a backup lacks the newest leaves. Would it go on, other leaves took their
 * places and the next head contradicted one that the world has seen: the log would have forked, for
 * ever. So the newest published head is kept beside the store, in a file that no backup of ours
 * holds (DIR/published.head, or wherever published_head_file says: another disk is better), and
 * witnesses are asked as well (lucidd/cosigner.h). A store that is behind, or whose tree has
 * another root at that size, is refused.
 *
 * The file holds the signed checkpoint's exact bytes. `lucid log init` makes it; the service renews
 * it every second while heads are published and once more when it stops; it is written after a head
 * was published, so after a kill it may be a second old: that only makes the check weaker by what a
 * backup made in that very second lacks. A log that should have the file and has not is refused:
 * `lucid log accept-head` is the operator's word that nothing newer was published. */
#ifndef LUCID_LUCIDD_PUBLISHED_H
#define LUCID_LUCIDD_PUBLISHED_H

#include "ledger/ledger.h"

/* Stores of this migration or a later one have a published head beside them. */
#define PUBLISHED_SINCE_MIGRATION 2

/* Holds a signed checkpoint of this log against the view. where names its source in the texts.
 * Errors: LUCID_REFUSE_CONFLICT: the store is behind it (code STORE_BEHIND), or has another tree
 * (code STORE_FORKED); LUCID_REFUSE_INVALID, LUCID_REFUSE_UNKNOWN_KEY: not a checkpoint signed by
 * this log's key; those of the view. */
enum lucid_error published_judge(struct ledger_view *view, struct lucid_span checkpoint,
                                 const char *where, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Reads the file and judges it. Errors: LUCID_NOTE_ABSENT, those of published_judge and of
 * datadir_file_read. Thread: any; opens a view of its own. */
enum lucid_error published_check(struct ledger *ledger, const char *path,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

/* Writes the newest head of the ledger to the file, whole and durable. Errors: LUCID_NOTE_ABSENT (a
 * log without any head), LUCID_RETRY_IO, those of the view. */
enum lucid_error published_write(struct ledger *ledger, const char *path,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

/* For a store of an older program, before it is migrated: writes its newest head to the file,
 * unless there is a file. So a stop between migration and first start leaves no log that should
 * have the file and has not. Thread: any; opens a view of its own. Errors: LUCID_RETRY_IO, those of
 * the view.
 */
enum lucid_error published_seed(struct store *store, const char *path,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* What the service runs every second; borrows ledger and path for its life. */
struct published_keeper {
    struct ledger *ledger;
    const char *path;
    uint64_t written_size; /* of the head in the file */
    bool written;          /* at least once by this keeper */
    bool failing;          /* the last write failed: told once */
};

/* Writes the file if a newer head was published since the last time. Returns milliseconds until it
 * wants to run again. context is the keeper. Thread: one at a time. */
uint64_t published_keep(void *context, uint64_t now_ms);

#endif

/* Whether a store holds together, without a ledger over it: what a copy must pass before it is
 * called a backup, or restored. Needs no tables, so stores of older programs pass as well.
 *
 *   event hashes from the origin on; every node of the tree, derived again from the entries; each
 *   head's signature, size and root; each receipt's body against its hash, erasures against events
 *
 * Signatures of receipts and the tables are fsck's (ledger/check.h). */
#ifndef LUCID_LEDGER_AUDIT_H
#define LUCID_LEDGER_AUDIT_H

#include "ledger/ledger.h"

/* What the log is, and what was looked at. */
struct audit_facts {
    struct ledger_identity identity;
    uint64_t events;
    uint64_t leaves;
    uint64_t bodies;
    uint64_t erased;
    uint64_t heads;
    uint64_t head_size; /* of the newest head */
    uint8_t head_root[32];
    uint8_t checkpoint[LEDGER_CHECKPOINT_BYTES_MAX]; /* the newest head, signed */
    size_t checkpoint_len;
    uint8_t event_hash[STORE_HASH_BYTES]; /* of the newest event */
};

/* Called now and then with the events done and their number; false stops the audit. May be NULL. */
typedef bool audit_progress_fn(void *context, uint64_t done, uint64_t events);

/* Reads everything in one view. Errors: LUCID_FATAL_CORRUPT (why says where), LUCID_NOTE_ABSENT (no
 * log in the store), LUCID_RETRY_BUSY (stopped), those of the view. Thread: any. */
enum lucid_error ledger_audit(struct store *store, audit_progress_fn *progress, void *context,
                              struct audit_facts *ret, struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

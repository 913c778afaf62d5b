/* A copy of another log that trusts nothing but that log's verifier key: takes its events one by
 * one, and only those that verify.
 *
 *   event 1    log.init names exactly the pinned key and its origin
 *   events     follow by the hash chain, their times never decrease, and fold into the tables
 *   entries    get the leaf index that was said; receipts: the entry is of the signer named, signed
 *              by it, and the body hashes to it (or was erased)
 *   heads      signed by the pinned key, of exactly the copy's size and root
 *   epochs     follow one another without gaps, end at the newest leaf, their root is the copy's
 *
 * Only heads are signed: what they cover is entries. Events without an entry are bound to one
 * another by the chain, so that a copy notices when another version of them is told later.
 *
 * Thread: the ledger's writer. */
#ifndef LUCID_LEDGER_REPLICA_H
#define LUCID_LEDGER_REPLICA_H

#include "ledger/event_json.h"
#include "ledger/ledger.h"
#include "ledger/note.h"

struct ledger_replica {
    struct ledger *ledger;
    struct ledger_vkey vkey; /* pinned */
    char vkey_text[LEDGER_VKEY_BYTES_MAX + 1];
    bool covered; /* the newest event taken left no leaf that a head does not cover */
    /* What was verified, for telling. */
    uint64_t signatures;
    uint64_t heads;
    uint64_t bodies;
    uint64_t erased;
    uint64_t unknown; /* events of types that this program does not know: kept, not folded */
};

/* vkey: the text form. Errors: those of ledger_vkey_parse. */
enum lucid_error ledger_replica_init(struct ledger_replica *replica, struct ledger *ledger,
                                     struct lucid_span vkey,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* Whether the log in the ledger is the pinned one (an empty ledger is).
 * LUCID_REFUSE_CONFLICT if not. */
enum lucid_error ledger_replica_check(const struct ledger_replica *replica,
                                      struct lucid_why *why) LUCID_WARN_UNUSED;

/* Verifies the event and appends it inside of a batch (ledger_batch_begin), which must be aborted
 * unless the answer is LUCID_OK. Errors: LUCID_REFUSE_INVALID (it does not verify; why says how,
 * why->param which part), LUCID_REFUSE_UNKNOWN_KEY (a newer version of a known type: this program
 * is too old), those of the store. */
enum lucid_error ledger_replica_take(struct ledger_replica *replica,
                                     const struct ledger_event_record *record,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

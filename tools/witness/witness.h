/* A witness (C2SP tlog-witness v1.0): it cosigns the heads of the logs that it knows, and never two
 * that are not consistent with one another.
 *
 *   state   what it last cosigned of each log, in one file that is written whole, and durable
 *           before a cosignature leaves
 *   rules   witness_add judges a request body against log keys and state
 *
 * One thread owns all of it. */
#ifndef LUCID_TOOLS_WITNESS_H
#define LUCID_TOOLS_WITNESS_H

#include "base/buf.h"
#include "ledger/cosignature.h"

#define WITNESS_LOGS_MAX        1000
#define WITNESS_KEYS_MAX        4
#define WITNESS_STATE_BYTES_MAX ((size_t)64 << 20)

/* A log that may be witnessed: keys and what was last cosigned. */
struct witness_log {
    struct ledger_vkey keys[WITNESS_KEYS_MAX]; /* all named by the origin */
    size_t key_count;
    uint64_t size; /* of the last head cosigned; 0: none, or the empty tree */
    struct mmr_hash root;
    struct lucid_buf note; /* that head with its signatures and our line; empty: none yet */
};

struct witness {
    const struct ledger_skey *key; /* the cosigner's; locked memory of the caller */
    const char *state_path;
    int state_lock; /* descriptor that holds the lock on the state, −1 before */
    struct witness_log logs[WITNESS_LOGS_MAX];
    size_t log_count;
};

/* --- logs ------------------------------------------------------------------------------------- */

/* Trusts a log's key (C2SP vkey text). Several keys of one origin belong to one log. Errors:
 * LUCID_REFUSE_INVALID, LUCID_REFUSE_UNKNOWN_KEY (not an Ed25519 note key), LUCID_REFUSE_CONFLICT
 * (given twice), LUCID_REFUSE_TOO_LARGE. */
enum lucid_error witness_trust(struct witness *witness, struct lucid_span vkey,
                               struct lucid_why *why) LUCID_WARN_UNUSED;

/* The log of that origin, or NULL. */
struct witness_log *witness_find(struct witness *witness, struct lucid_span origin);
/* The log whose origin has that SHA-256, or NULL. */
const struct witness_log *witness_find_hash(const struct witness *witness,
                                            const uint8_t hash[LUCID_SHA256_BYTES]);

/* --- state ------------------------------------------------------------------------------------ */

/* Makes an empty state file; refuses to replace one. Errors: LUCID_REFUSE_CONFLICT,
 * LUCID_RETRY_IO. */
enum lucid_error witness_state_make(const char *path, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Locks the state against a second witness and reads it. Heads in it must verify under the logs'
 * keys and carry our cosignature; those of logs that are no longer trusted are refused as well,
 * because writing the state would lose them.
 * Errors: LUCID_NOTE_ABSENT, LUCID_RETRY_BUSY (another witness has it), LUCID_REFUSE_INVALID,
 * LUCID_REFUSE_UNKNOWN_KEY, LUCID_RETRY_IO, LUCID_RETRY_MEMORY. */
enum lucid_error witness_state_open(struct witness *witness,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

/* Writes it, whole and durable, with `note` in place of what `log` has. LUCID_RETRY_IO,
 * LUCID_RETRY_MEMORY: the old file stands. */
enum lucid_error witness_state_write(const struct witness *witness, const struct witness_log *log,
                                     struct lucid_span note,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* Gives back lock and memory. */
void witness_close(struct witness *witness);

/* --- rules ------------------------------------------------------------------------------------ */

/* Answers of add-checkpoint: the statuses of the specification, and 503 when the state cannot be
 * written. */
enum witness_status {
    WITNESS_OK = 200,        /* body: our signature line */
    WITNESS_MALFORMED = 400, /* also old size over the new one */
    WITNESS_UNTRUSTED = 403, /* no signature by a trusted key, or a bad one */
    WITNESS_UNKNOWN = 404,   /* origin */
    WITNESS_OTHER = 409,     /* old size is not ours; body: ours */
    WITNESS_INCONSISTENT = 422,
    WITNESS_UNAVAILABLE = 503,
};

/* Judges a request at that time (Unix seconds), and when all is well makes the state durable and
 * appends the answer's body to out. For the statuses 400 and above out holds a sentence, but for
 * 409 (the size and LF). *ret_fork is set when the log signed a head that contradicts the one we
 * cosigned: two notes that convict it. */
enum witness_status witness_add(struct witness *witness, struct lucid_span body, uint64_t now_s,
                                struct lucid_buf *out, bool *ret_fork);

#endif

/* C2SP transparency log proofs (c2sp.org/tlog-proof@v1): one text file that proves, offline, that
 * an entry is in a log whose head was signed and perhaps witnessed.
 *
 *   c2sp.org/tlog-proof@v1
 *   extra BASE64            optional; never trusted
 *   index N                 decimal, from 0
 *   BASE64                  one line per hash of the audit path, from the leaf's sibling up
 *                           an empty line
 *   …                       the checkpoint verbatim, with cosignatures if there are any
 *
 * The entry itself is not in it: for this log it is made from the receipt. Size and root are the
 * checkpoint's. Thread: pure functions. */
#ifndef LUCID_LEDGER_PROOF_TLOG_H
#define LUCID_LEDGER_PROOF_TLOG_H

#include "base/buf.h"
#include "ledger/note.h"
#include "mmr/mmr.h"

#define LEDGER_TLOG_VERSION_LINE    "c2sp.org/tlog-proof@v1"
#define LEDGER_TLOG_EXTRA_BYTES_MAX 4096
/* The checkpoint, and 16 KiB for what stands before it. */
#define LEDGER_TLOG_BYTES_MAX ((size_t)LEDGER_NOTE_BYTES_MAX + 16 * 1024)

struct ledger_tlog_proof {
    struct lucid_span extra; /* writing: the raw bytes; read: their base64 text; {NULL, 0}: none */
    uint64_t leaf_index;
    struct mmr_path path;
    struct lucid_span checkpoint;
};

/* Appends the proof's text. Asserts that extra and path keep their limits and that there is a
 * checkpoint. Failure to grow is buf's sticky error. */
void ledger_tlog_write(struct lucid_buf *buf, const struct ledger_tlog_proof *proof);

/* Takes the text apart; the spans point into it. Nothing is repaired: LF line ends, no leading
 * zeros, padded base64 of exactly 32 bytes a hash, at most MMR_PATH_MAX of them. The checkpoint is
 * not judged: ledger_checkpoint_open does that.
 * Errors: LUCID_REFUSE_TOO_LARGE over LEDGER_TLOG_BYTES_MAX; LUCID_REFUSE_INVALID; both with code
 * PROOF_MALFORMED. */
enum lucid_error ledger_tlog_read(struct lucid_span text, struct ledger_tlog_proof *ret_proof,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

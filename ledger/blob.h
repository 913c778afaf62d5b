/* Blobs: bytes that events name by their SHA-256 (evidence, collateral, documents), kept once,
 * whoever names them.
 *
 * Event blob.stored, one per part: payload = JCS {"sha256","bytes","part","parts"}; the part's
 * bytes are the event's body, at most BLOB_PART_BYTES, which folding never reads. So backups,
 * copies, the check and erasure treat a blob as they treat receipts' bodies. Table `blobs`: key =
 * SHA-256 ‖ part u16, value = sequence of the part's event.
 *
 * Preparing: any thread. Writing: the writer. Reading: any thread, within a view. */
#ifndef LUCID_LEDGER_BLOB_H
#define LUCID_LEDGER_BLOB_H

#include "base/sha256.h"
#include "ledger/ledger.h"

extern const struct ledger_kind ledger_blob_kind;

#define BLOB_PART_BYTES ((size_t)STORE_BODY_BYTES_MAX)
#define BLOB_BYTES_MAX  ((size_t)4 << 20)

struct ledger_blob_command {
    struct ledger_command command;
    uint8_t sha256[LUCID_SHA256_BYTES];
    struct lucid_span bytes; /* borrowed until the command is back */
    bool ret_known;          /* it was there, whole: nothing was stored */
};

/* Hashes the bytes: 1 … BLOB_BYTES_MAX (BLOB_TOO_LARGE). Usually a further part of a command that
 * names them (command.next_part). One of which parts were erased is stored again. */
enum lucid_error ledger_blob_prepare(struct ledger_blob_command *command, struct lucid_span bytes,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* The bytes, checked against the hash; in the arena where there is more than one part, else they
 * are the view's. LUCID_NOTE_ABSENT, LUCID_NOTE_ERASED (a part is gone), LUCID_FATAL_CORRUPT. */
enum lucid_error ledger_blob_read(struct ledger_view *view,
                                  const uint8_t sha256[LUCID_SHA256_BYTES],
                                  struct lucid_arena *arena,
                                  struct lucid_span *ret) LUCID_WARN_UNUSED;

#endif

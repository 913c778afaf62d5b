/* Blobs: bytes that events name by their SHA-256 (evidence, collateral, documents), kept once,
 * whoever names them.
 *
 * Event blob.stored, one per part: payload = JCS {"bytes","part","part_sha256","parts","sha256"};
 * the part's bytes are the event's body, at most BLOB_PART_BYTES, which folding never reads. So
 * backups, copies, the check and erasure treat a blob as they treat receipts' bodies, and a part
 * can be told from its event alone. Event blob.erased: {"parts","reason","sha256"}.
 * Table `blobs`: key = SHA-256 ‖ part u16; value = sequence of the part's event u64 ‖ bytes of the
 * blob u32 ‖ parts u16 ‖ 1 when erased, else 0.
 *
 * Preparing: any thread. Writing: the writer. Reading: any thread, within a view. */
#ifndef LUCID_LEDGER_BLOB_H
#define LUCID_LEDGER_BLOB_H

#include "base/sha256.h"
#include "ledger/ledger.h"

extern const struct ledger_kind ledger_blob_kind;

#define BLOB_PART_BYTES       ((size_t)STORE_BODY_BYTES_MAX)
#define BLOB_BYTES_MAX        ((size_t)4 << 20)
#define BLOB_PARTS_MAX        ((BLOB_BYTES_MAX + BLOB_PART_BYTES - 1) / BLOB_PART_BYTES)
#define BLOB_REASON_BYTES_MAX 256

enum blob_verb { BLOB_STORE, BLOB_ERASE };

struct ledger_blob_command {
    struct ledger_command command;
    uint8_t sha256[LUCID_SHA256_BYTES];
    struct lucid_span bytes; /* borrowed until the command is back */
    /* It was there, whole: nothing was stored. Or it was erased before. */
    bool ret_known;
    char reason[BLOB_REASON_BYTES_MAX + 1]; /* of erasing */
};

/* Hashes the bytes: 1 … BLOB_BYTES_MAX (BLOB_TOO_LARGE). Usually a further part of a command that
 * names them (command.next_part); the same bytes must not be two parts of one command. Parts that
 * were erased, or that a replay without bodies left out, are stored again. */
enum lucid_error ledger_blob_prepare(struct ledger_blob_command *command, struct lucid_span bytes,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* Makes the command that overwrites a blob's bytes; what names it stays. Refusals:
 * INVALID_PARAMETER (reason). decide refuses: NOT_FOUND, and with LUCID_RETRY_IO a part that is
 * damaged: it cannot be told from its neighbours. */
enum lucid_error ledger_blob_erase_prepare(struct ledger_blob_command *command,
                                           const uint8_t sha256[LUCID_SHA256_BYTES],
                                           struct lucid_span reason,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;

/* The bytes, checked against the hash; in the arena where there is more than one part, else they
 * are the view's. LUCID_NOTE_ABSENT (also: this copy of the log has no bodies), LUCID_NOTE_ERASED
 * (a part is gone), LUCID_FATAL_CORRUPT, LUCID_RETRY_MEMORY. */
enum lucid_error ledger_blob_read(struct ledger_view *view,
                                  const uint8_t sha256[LUCID_SHA256_BYTES],
                                  struct lucid_arena *arena,
                                  struct lucid_span *ret) LUCID_WARN_UNUSED;

/* Bodies that an event of this kind says were erased: the parts in a blob.erased; else 0. */
uint64_t ledger_blob_erased_parts(struct lucid_span type, struct lucid_span payload);

#endif

/* Erasing a receipt's body by policy. Event `receipt.erased`: the body's bytes are overwritten in
 * the transaction that carries it; entry, leaf, proofs, run_id and the hash chain stay as they are.
 */
#ifndef LUCID_LEDGER_ERASURE_H
#define LUCID_LEDGER_ERASURE_H

#include "base/buf.h"
#include "ledger/ledger.h"

#define ERASURE_REASON_BYTES_MAX 256

extern const struct ledger_kind ledger_erasure_kind;

struct ledger_erasure {
    uint64_t leaf;
    uint8_t receipt_hash[32];
    uint64_t erased_ms;
    uint64_t sequence;                         /* of the event receipt.erased */
    char reason[ERASURE_REASON_BYTES_MAX + 1]; /* UTF-8 without control characters; may be empty */
};

struct ledger_erasure_command {
    struct ledger_command command;
    struct ledger_erasure erasure; /* after success: as it now stands */
    bool ret_known;                /* it was erased before, nothing was logged */
    struct lucid_buf payload;      /* of the event; freed by ledger_erasure_command_fini */
};

/* Makes the command for the receipt at a leaf, whose hash decide compares, ready for the writer.
 * Refusals: INVALID_PARAMETER (reason). decide refuses: NOT_FOUND (no such receipt), and with
 * LUCID_RETRY_IO a body that is damaged: it cannot be told from its neighbours. */
enum lucid_error ledger_erasure_prepare(struct ledger_erasure_command *command, uint64_t leaf,
                                        const uint8_t receipt_hash[32], struct lucid_span reason,
                                        struct lucid_why *why) LUCID_WARN_UNUSED;
void ledger_erasure_command_fini(struct ledger_erasure_command *command);

/* The erasure of the receipt at a leaf. LUCID_NOTE_ABSENT when its body was not erased. */
enum lucid_error ledger_erasure_read(struct ledger_view *view, uint64_t leaf,
                                     struct ledger_erasure *ret) LUCID_WARN_UNUSED;

#endif

/* C2SP cosignatures (tlog-cosignature v1.0, "cosignature/v1", Ed25519, key type 0x04) and the
 * request by which a log asks for one (tlog-witness v1.0, add-checkpoint).
 *
 *   key id       first 4 bytes of SHA-256(NAME ‖ LF ‖ 0x04 ‖ public key)
 *   vkey, skey   the forms of ledger/note.h with type 0x04; ledger_vkey_format, ledger_skey_format
 *                and ledger_skey_wipe serve both types
 *   signature    POSIX seconds u64 ‖ Ed25519 signature over the message
 *   message      "cosignature/v1" LF "time SECONDS" LF and the note's text, with its last LF
 *   line         "— NAME BASE64(key id ‖ signature)" LF
 *   request      "old SIZE" LF, 0 … 63 lines of base64 of 32 bytes, an empty line, a checkpoint
 *
 * A cosigner's key says: at that time this was the largest head consistent with all that I saw of
 * this log. It must not be shared by two cosigners: the message does not hold the name.
 *
 * Bytes from outside are refused rather than repaired. Thread: pure functions. */
#ifndef LUCID_LEDGER_COSIGNATURE_H
#define LUCID_LEDGER_COSIGNATURE_H

#include "ledger/note.h"

#define LEDGER_COSIGNATURE_BYTES (8 + LEDGER_ED25519_SIGNATURE_BYTES)
/* Dash, name, space, base64 of 76 bytes, LF. */
#define LEDGER_COSIGNATURE_LINE_BYTES_MAX (4 + LEDGER_NAME_BYTES_MAX + 1 + 104 + 1)
#define LEDGER_COSIGNATURE_TIME_MAX       (((uint64_t)1 << 63) - 1)

#define LEDGER_WITNESS_PROOF_MAX 63
/* "old " and 20 digits and LF, the hash lines, the empty line, the note. */
#define LEDGER_WITNESS_REQUEST_BYTES_MAX                                                           \
    (25 + LEDGER_WITNESS_PROOF_MAX * 45 + 1 + LEDGER_NOTE_BYTES_MAX)
/* The content type and the largest body of an answer 409: a size and LF. */
#define LEDGER_TLOG_SIZE_TYPE      "text/x.tlog.size"
#define LEDGER_TLOG_SIZE_BYTES_MAX 21

/* --- keys ------------------------------------------------------------------------------------- */

/* Names the cosigner's key pair of a seed. Errors as ledger_skey_init. */
enum lucid_error ledger_cosigner_skey_init(struct lucid_span name,
                                           const uint8_t seed[LEDGER_ED25519_SEED_BYTES],
                                           struct ledger_skey *ret_skey,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;

/* As ledger_skey_parse, for type 0x04. why never carries any of the text. */
enum lucid_error ledger_cosigner_skey_parse(struct lucid_span text, struct ledger_skey *ret_skey,
                                            struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- lines ------------------------------------------------------------------------------------ */

/* Appends to out the cosigner's line, with LF, for a note's text (with its last LF). Failure to
 * grow is out's sticky error. Asserts a cosigner's key. Errors: LUCID_REFUSE_INVALID (text may not
 * stand in a note, or time_s over LEDGER_COSIGNATURE_TIME_MAX); LUCID_REFUSE_TOO_LARGE (text over
 * LEDGER_NOTE_BYTES_MAX); LUCID_RETRY_MEMORY. */
enum lucid_error ledger_cosignature_sign(const struct ledger_skey *cosigner, uint64_t time_s,
                                         struct lucid_span text, struct lucid_buf *out,
                                         struct lucid_why *why) LUCID_WARN_UNUSED;

/* Verifies one line (without its LF) over a note's text. Whether the time can be is for the caller
 * to judge. Errors: LUCID_REFUSE_INVALID (malformed: code COSIGNATURE_MALFORMED; not the key's
 * signature: SIGNATURE_INVALID); LUCID_REFUSE_UNKNOWN_KEY (a well-formed line by another key);
 * LUCID_RETRY_MEMORY. */
enum lucid_error ledger_cosignature_verify(struct lucid_span line, struct lucid_span text,
                                           const struct ledger_vkey *cosigner, uint64_t *ret_time_s,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- add-checkpoint --------------------------------------------------------------------------- */

struct ledger_witness_request {
    uint64_t old_size;
    struct mmr_hash proof[LEDGER_WITNESS_PROOF_MAX];
    size_t proof_count;
    struct lucid_span checkpoint; /* the note; points into the body that was read */
};

/* Appends the body to out; its sticky error says when it could not. Asserts proof_count. */
void ledger_witness_request_write(const struct ledger_witness_request *request,
                                  struct lucid_buf *out);

/* Reads a body. The checkpoint is not looked at, only found not empty; whether the hashes are a
 * proof (from size 0: none) is mmr_verify_consistency's to say. Errors: LUCID_REFUSE_TOO_LARGE over
 * LEDGER_WITNESS_REQUEST_BYTES_MAX; LUCID_REFUSE_INVALID, code REQUEST_MALFORMED. */
enum lucid_error ledger_witness_request_parse(struct lucid_span body,
                                              struct ledger_witness_request *ret_request,
                                              struct lucid_why *why) LUCID_WARN_UNUSED;

/* Reads the body of an answer 409: decimal digits and LF. False on anything else. */
bool ledger_tlog_size_parse(struct lucid_span body, uint64_t *ret_size) LUCID_WARN_UNUSED;

#endif

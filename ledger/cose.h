/* RFC 9942 COSE receipts of the one tree, verifiable data structure 1 (RFC9162_SHA256): the proof
 * of inclusion of an entry, and of consistency between two sizes, as COSE_Sign1 signed by
 * service.key.
 *
 *   18([ << { 1: -8, 4: kid, 15: { 1: issuer, ? 2: subject }, 395: 1 } >>,
 *        { 396: { -1: [ << [tree size, leaf index, [* hash]] >> ] }       inclusion
 *       or 396: { -2: [ << [from, to, [* hash]] >> ] },                   consistency
 *          ? "lucid-checkpoint": bstr },
 *        nil (inclusion: the root is detached)  or  the newer root (consistency),
 *        Ed25519 over the Sig_structure ["Signature1", protected, h'', root] ])
 *
 *   kid       SHA-256(public key)
 *   issuer    the log's origin
 *   subject   of an inclusion receipt: the receipt hash, 64 hex digits
 *   "lucid-checkpoint"  the head's own bytes, so that both signatures can be judged
 *
 * service.key signs many things, each with its own prefix; here it is the Sig_structure's beginning
 * (0x84 0x6a "Signature1"). Signing is deterministic, so the same proof has the same bytes for
 * ever.
 *
 * RFC 9942's CDDL wants at least one hash in a path. A tree of one leaf, and consistency from 0 or
 * between equal sizes, have none: the empty array is written and read.
 *
 * Thread: pure functions. */
#ifndef LUCID_LEDGER_COSE_H
#define LUCID_LEDGER_COSE_H

#include "base/buf.h"
#include "ledger/ed25519.h"
#include "ledger/note.h"
#include "mmr/mmr.h"

#define LEDGER_COSE_KID_BYTES         LUCID_SHA256_BYTES
#define LEDGER_COSE_SUBJECT_BYTES_MAX 255
/* The checkpoint, and 8 KiB for everything else. */
#define LEDGER_COSE_BYTES_MAX        ((size_t)LEDGER_NOTE_BYTES_MAX + 8 * 1024)
#define LEDGER_COSE_CHECKPOINT_LABEL "lucid-checkpoint"

enum ledger_cose_kind {
    LEDGER_COSE_INCLUSION,
    LEDGER_COSE_CONSISTENCY,
};

struct ledger_cose {
    enum ledger_cose_kind kind;
    struct lucid_span issuer;     /* satisfies ledger_name_ok */
    struct lucid_span subject;    /* printable ASCII; {NULL, 0}: none */
    uint64_t first;               /* inclusion: leaf index; consistency: the older size */
    uint64_t size;                /* inclusion: tree size; consistency: the newer size */
    struct mmr_hash root;         /* of the tree of that size; read from inclusion: zeros */
    struct mmr_path path;         /* RFC 9162 2.1.3.1 or 2.1.4.1 */
    struct lucid_span checkpoint; /* signed note; {NULL, 0}: none. Not covered by the signature */
    /* Set by reading; writing looks at neither. */
    struct lucid_span protected_header; /* its encoded bytes, as signed */
    uint8_t kid[LEDGER_COSE_KID_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
};

/* Signs and appends a receipt in deterministic CBOR (RFC 8949 4.2.1). The caller answers for root
 * being that of a published head: nothing else may be signed. Asserts the limits above. Failure to
 * grow is buf's sticky error. */
void ledger_cose_write(struct lucid_buf *buf, const struct ledger_ed25519_key *key,
                       const struct ledger_cose *receipt);

/* Reads exactly what ledger_cose_write writes (subject and checkpoint may be absent): anything
 * not deterministic, any other label, tag or length, and trailing bytes are refused. The spans
 * point into data. Judges neither signature nor path. Errors: LUCID_REFUSE_TOO_LARGE over
 * LEDGER_COSE_BYTES_MAX; LUCID_REFUSE_INVALID, offset says where; both with code PROOF_MALFORMED.
 */
enum lucid_error ledger_cose_read(struct lucid_span data, struct ledger_cose *ret_receipt,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

/* The key id of a public key. */
void ledger_cose_kid(const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                     uint8_t ret_kid[LEDGER_COSE_KID_BYTES]);

/* Whether the receipt's signature is this key's over this root. The key id is not looked at.
 * Errors: LUCID_RETRY_MEMORY. */
enum lucid_error ledger_cose_verify(const struct ledger_cose *receipt,
                                    const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                                    const struct mmr_hash *root, bool *ret_good) LUCID_WARN_UNUSED;

#endif

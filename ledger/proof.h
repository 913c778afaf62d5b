/* Proofs on the wire, and the verifier that anyone can run without the service: it needs a receipt
 * as submitted (the envelope), the proof that GET /v1/receipts/{id}/proof gave in any of its forms,
 * and the log's vkey (for COSE its service key too).
 *
 *   proof        {"leaf_index","tree_size","entry","leaf_hash","root","path":[…],"checkpoint"}
 *   consistency  {"from","to","root_from","root_to","path":[…]}
 *   entry        receipt hash ‖ SHA-256(signer public key) ‖ receipt signature, 128 bytes
 *
 * Size and root are taken from the signed checkpoint only. Copies beside the path are compared
 * with it and otherwise unused: a path does not bind the size (RFC 9162 2.1.3.2 takes it as given).
 *
 * Thread: pure functions. */
#ifndef LUCID_LEDGER_PROOF_H
#define LUCID_LEDGER_PROOF_H

#include "base/buf.h"
#include "ledger/note.h"
#include "ledger/report.h"
#include "mmr/mmr.h"

#define LEDGER_ENTRY_BYTES 128
/* Larger inputs are refused unread. */
#define LEDGER_RECEIPT_JSON_BYTES_MAX ((size_t)512 * 1024)
#define LEDGER_PROOF_JSON_BYTES_MAX   ((size_t)512 * 1024)
/* Of the RFC 8785 form of a receipt's body. */
#define LEDGER_BODY_BYTES_MAX 65535
#define LEDGER_BODY_DEPTH_MAX 16

/* The forms of a proof: our JSON, C2SP tlog-proof (ledger/proof_tlog.h), RFC 9942 COSE receipt
 * (ledger/cose.h). Consistency has no tlog-proof. */
enum ledger_form {
    LEDGER_FORM_JSON,
    LEDGER_FORM_TLOG,
    LEDGER_FORM_COSE,
};

/* Tells the forms apart by how they begin; what begins like neither of the others is JSON. */
enum ledger_form ledger_form_detect(struct lucid_span proof);

/* What the verifier goes by. */
struct ledger_trust {
    struct lucid_span vkey;        /* the log's verifier key, text form; {NULL, 0}: none */
    struct lucid_span service_key; /* public half of service.key, 64 hex digits; {NULL, 0}: none */
};

/* The steps of ledger_proof_verify, in this order. */
enum ledger_proof_step {
    LEDGER_STEP_FORM,              /* "form": both documents are well formed */
    LEDGER_STEP_RECEIPT_HASH,      /* "receipt_hash": the stated hash, if any, is the body's */
    LEDGER_STEP_RECEIPT_SIGNATURE, /* "receipt_signature" over the body's hash */
    LEDGER_STEP_ENTRY,             /* "entry": commits to hash, signer and signature */
    LEDGER_STEP_LEAF_HASH,         /* "leaf_hash": that of the entry */
    LEDGER_STEP_CHECKPOINT,        /* "checkpoint": signed by vkey, origin = key name */
    LEDGER_STEP_HEAD,              /* "head": tree_size and root are the checkpoint's */
    LEDGER_STEP_INCLUSION,         /* "inclusion": the path leads from the leaf to the head */
    LEDGER_PROOF_STEPS,
    LEDGER_STEP_SERVICE = LEDGER_PROOF_STEPS, /* COSE, "service_signature": over the path's root */
    LEDGER_PROOF_COSE_STEPS,
};

/* The steps of ledger_consistency_verify, in this order. */
enum ledger_consistency_step {
    LEDGER_STEP_ANSWER,          /* "form" */
    LEDGER_STEP_CHECKPOINT_FROM, /* "checkpoint_from" */
    LEDGER_STEP_CHECKPOINT_TO,   /* "checkpoint_to" */
    LEDGER_STEP_HEADS,           /* "heads": from, to and the roots are the checkpoints' */
    LEDGER_STEP_CONSISTENCY,     /* "consistency": the path joins both heads */
    LEDGER_CONSISTENCY_STEPS,
    LEDGER_STEP_CONSISTENCY_SERVICE = LEDGER_CONSISTENCY_STEPS, /* COSE, "service_signature" */
    LEDGER_CONSISTENCY_COSE_STEPS,
};

/* Judges a receipt and its proof. In place of the receipt may stand a record that a plugin logged:
 * {"record": …, "key": 64 hex, "entry": 256 hex}, whose entry is h ‖ SHA-256(key) ‖ signature over
 * "lucid/entry/v1\n" ‖ h, h = SHA-256 of the record's canonical form; whether the key is the
 * plugin's (plugin.started events, the JWK Set) is the caller's to know. All steps that can be
 * judged are, whatever failed before them.
 *
 * tlog-proof and COSE carry no entry: it is made from the receipt. Cosignatures by keys other than
 * vkey's are passed over; ledger_report_add takes the step of whoever judges them.
 *
 * No checkpoint, one that vkey's key has not signed, a vkey or service key that is missing, of an
 * unknown type or malformed, and a key id of another service key leave the verdict undecided (when
 * nothing else fails).
 * Errors: LUCID_RETRY_MEMORY only; what is wrong with the input is the report's matter. */
enum lucid_error ledger_proof_verify(struct lucid_span receipt, enum ledger_form form,
                                     struct lucid_span proof, const struct ledger_trust *trust,
                                     struct ledger_report *ret_report) LUCID_WARN_UNUSED;

/* Judges an answer of GET /v1/consistency (JSON or COSE; asserted) against the two checkpoints that
 * it should join (signed notes, by the same key). checkpoint_to of {NULL, 0}: the one that a COSE
 * receipt carries. Errors as ledger_proof_verify. */
enum lucid_error ledger_consistency_verify(struct lucid_span answer, enum ledger_form form,
                                           struct lucid_span checkpoint_from,
                                           struct lucid_span checkpoint_to,
                                           const struct ledger_trust *trust,
                                           struct ledger_report *ret_report) LUCID_WARN_UNUSED;

/* Builds an entry. */
void ledger_entry_make(const uint8_t receipt_hash[LUCID_SHA256_BYTES],
                       const uint8_t signer[LEDGER_ED25519_PUBLIC_BYTES],
                       const uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES],
                       uint8_t ret_entry[LEDGER_ENTRY_BYTES]);

/* What a proof says, for writing it. Borrowed for the call. */
struct ledger_proof {
    uint64_t leaf_index;
    uint64_t tree_size;
    const uint8_t *entry; /* LEDGER_ENTRY_BYTES */
    const struct mmr_hash *leaf_hash;
    const struct mmr_hash *root;
    const struct mmr_path *path;
    struct lucid_span checkpoint; /* the head's own bytes (UTF-8); data NULL: null */
};

/* Appends the proof's JSON to buf. Failure to grow is buf's sticky error. */
void ledger_proof_write_json(struct lucid_buf *buf, const struct ledger_proof *proof);

/* Appends a consistency answer's JSON to buf. Failure to grow is buf's sticky error. */
void ledger_consistency_write_json(struct lucid_buf *buf, uint64_t from, uint64_t to,
                                   const struct mmr_hash *root_from, const struct mmr_hash *root_to,
                                   const struct mmr_path *path);

#endif

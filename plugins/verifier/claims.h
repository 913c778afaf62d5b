/* Claims of software auditors: signed documents that say what an auditor saw of an artifact, a
 * request, an execution or a response, and what it would do about it.
 *
 *   {"type":"lucid.attestation.claims/v1","schemaVersion":"1.0",
 *    "auditor":{"id","digest"?},"phase":"artifact"|"request"|"execution"|"response",
 *    "decision":"proceed"|"warn"|"redact"|"deny","issuedAt":time,
 *    "claims":[{"name","type","value","timestamp","confidence"?,"complianceFramework"?,
 *               "controlId"?}…],
 *    "subject"?:{"receiptHash"?,"traceId"?,"requestHash"?,"responseHash"?},
 *    "nonce"?,"sessionId"?,"signature":{"algorithm":"Ed25519","publicKey","value"}}
 *
 * Signed as policies are (policy.h). A value is a string, true or false, a whole number within
 * ±(2^53 − 1), or an object, which no rule looks into. A fraction is written as a string ("0.95"),
 * so that nothing that decides is a floating-point number; so is the confidence, or as a whole
 * number per mille.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_PLUGINS_VERIFIER_CLAIMS_H
#define LUCID_PLUGINS_VERIFIER_CLAIMS_H

#include "plugins/verifier/policy.h"

#define CLAIMS_TYPE_NAME        "lucid.attestation.claims/v1"
#define CLAIMS_BYTES_MAX        DOCUMENT_BYTES_MAX
#define CLAIMS_VALUE_DEPTH_MAX  10
#define CLAIMS_MAX              256 /* of one document, and of all that are appraised together */
#define CLAIMS_NAME_BYTES_MAX   128
#define CLAIMS_STRING_BYTES_MAX 8192
#define CLAIMS_ID_BYTES_MAX     64
#define CLAIMS_CONFIDENCE_ONE   1000000 /* parts of a million */

enum claims_phase {
    CLAIMS_ARTIFACT,
    CLAIMS_REQUEST,
    CLAIMS_EXECUTION,
    CLAIMS_RESPONSE,
    CLAIMS_PHASES
};
/* "artifact" …; static storage. */
const char *claims_phase_name(enum claims_phase phase);

enum claims_decision { CLAIMS_PROCEED, CLAIMS_WARN, CLAIMS_REDACT, CLAIMS_DENY, CLAIMS_DECISIONS };
/* "proceed" …; static storage. */
const char *claims_decision_name(enum claims_decision decision);

enum claims_value_type { CLAIMS_BOOL, CLAIMS_INTEGER, CLAIMS_STRING, CLAIMS_OBJECT };
struct claims_value {
    enum claims_value_type type;
    bool flag;
    int64_t number;
    struct lucid_span text;         /* of a string; of an object its canonical bytes */
    const struct jcs_value *object; /* of an object */
};
/* The same type and value. */
bool claims_value_equal(const struct claims_value *a, const struct claims_value *b);

struct claims_claim {
    struct lucid_span name;
    const char *type; /* "category"; one of the words of the schema */
    struct claims_value value;
    uint64_t timestamp_ms;
    uint32_t confidence; /* 0 … CLAIMS_CONFIDENCE_ONE */
};

struct claims_document {
    struct lucid_span auditor; /* its id */
    bool has_digest;           /* of the auditor's image */
    uint8_t digest[LUCID_SHA256_BYTES];
    enum claims_phase phase;
    enum claims_decision decision;
    uint64_t issued_ms;
    struct claims_claim *claims;
    size_t claim_count;
    struct lucid_span trace_id;   /* of the subject; len 0: not said */
    struct lucid_span session_id; /* len 0: not said */
    struct lucid_span nonce;      /* as text; len 0: not said */
    struct lucid_span hashes[3];  /* receiptHash, requestHash, responseHash: raw; len 0: not said */
    uint8_t key[DOCUMENT_KEY_BYTES];
    uint8_t signature[DOCUMENT_SIGNATURE_BYTES];
    struct lucid_span canonical;    /* of the whole document */
    struct lucid_span message;      /* what the signature is over */
    uint8_t id[LUCID_SHA256_BYTES]; /* of canonical */
};

/* Reads a claims document; a signature is read, not checked (rules_appraise does). INVALID_CLAIMS
 * with the dotted param, INVALID_JSON, BODY_TOO_LARGE. *ret lives in the arena. */
enum lucid_error claims_parse(struct lucid_span text, struct lucid_arena *arena,
                              struct claims_document *ret, struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

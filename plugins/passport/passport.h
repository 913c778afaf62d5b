/* The AI Passport: a signed JSON document that says what an application runs in, by whose word.
 *
 * Form: the published schema https://lucid.ai/schemas/passport/v1 ($schema, passportId, appName,
 * version, issuedAt, expiresAt, tee, auditors, container, slsa, signature) and additions, all
 * optional, of plugins/passport/schemas/passport.schema.json. Members that are not known are
 * allowed and signed. Signed are the RFC 8785 bytes of the whole object without signature.value.
 *
 *   "tee": {"type","measurementHash": digest,"attestationQuote"?: base64,"runtimeData"?: base64,
 *           "measurement"?: {"alg","value": hex of the raw register(s)},
 *           "appraisal"?: {"id": hex,"appraisedAt": date,"status"?,"earDigest"?: digest,
 *                          "policyId"?: digest,"collateralDigest"?: digest}}
 *   "auditors": [{"id","name","status","lastCheck"?: date,"source"?,"digest"?: digest,
 *                 "claims"?: hex}…]
 *   "container"?: {"digest","registry"?,"source"?}
 *   "slsa"?: {"level","provenanceUri"?,"track"?,"provenanceDigest"?: digest,"concludedBy"?: issuer}
 *   "signature": {"algorithm":"Ed25519","publicKey": base64,"kid"?,"value": base64}
 *   "appraisals"?: [hex…]      the first is tee.appraisal.id
 *   "endpoints"?: [origin…]    "application"?: its name of the configuration
 *   "issuer"?: origin of the log; whose status list speaks of it
 *   "status"?: {"uri": https URL, or a path on the issuer,"idx"?}
 *   "renewAfter"?: date        "supersedes"?: passportId
 *   "model"?: {"name"?,"digest"?: digest,"source"?}    "workload"?, "display"?: objects
 *   "routing"?: {"interactions"?: [{"id": hex,"issuedAt","decision","chainHash","auditors"}…]}
 *   "omitted"?: {name: digest} "is_mock"?, "test"?: true or false
 *
 *   digest = "sha256:" and 64 hex digits; hex of an appraisal: its id, 64 digits; base64: standard,
 *   padded; date: RFC 3339, whole seconds, Z
 *
 * A passport that was read is of the right form (checks `parse`, `schema`, `algorithm` of
 * verify.h); nothing about it is believed yet.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_PLUGINS_PASSPORT_PASSPORT_H
#define LUCID_PLUGINS_PASSPORT_PASSPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/jcs/jcs.h"
#include "base/sha256.h"

#define PASSPORT_SCHEMA             "https://lucid.ai/schemas/passport/v1"
#define PASSPORT_MEDIA_TYPE         "application/lucid-passport+json"
#define PASSPORT_BYTES_MAX          ((size_t)256 * 1024)
#define PASSPORT_DEPTH_MAX          16
#define PASSPORT_NAME_CHARS_MAX     200 /* appName, version, names: characters, not bytes */
#define PASSPORT_ID_BYTES_MAX       69  /* "pass-" and 12 … 64 of [a-z0-9] */
#define PASSPORT_ID_BYTES           37  /* of those issued here: "pass-" and 32 of base32 */
#define PASSPORT_AUDITORS_MAX       64
#define PASSPORT_ENDPOINTS_MAX      16
#define PASSPORT_ENDPOINT_BYTES_MAX 267 /* "https://" host ":" port */
#define PASSPORT_REGISTRY_CHARS_MAX 255
#define PASSPORT_ISSUER_CHARS_MAX   255
#define PASSPORT_URI_BYTES_MAX      2048
#define PASSPORT_APPRAISALS_MAX     16
#define PASSPORT_OMITTED_MAX        8
#define PASSPORT_VALIDITY_DAYS_MAX  398
#define PASSPORT_KEY_BYTES          32
#define PASSPORT_SIGNATURE_BYTES    64

/* By whose word a container or auditor stands there. */
enum passport_source {
    PASSPORT_BOUND,     /* in the workload that the evidence binds */
    PASSPORT_REFERENCE, /* in a reference set that the appraisal used */
    PASSPORT_DECLARED,  /* the operator's word alone: never shown green */
};
const char *passport_source_name(enum passport_source source); /* "bound" … */

enum passport_auditor_status { PASSPORT_ACTIVE, PASSPORT_INACTIVE, PASSPORT_FAILED };
/* "active" … */
const char *passport_auditor_status_name(enum passport_auditor_status status);

/* The six evidence switches of spec.passport.evidence, in this order. */
enum passport_evidence {
    PASSPORT_TEE_ATTESTATION,
    PASSPORT_AUDITOR_CLAIMS,
    PASSPORT_ROUTING_PROOFS,
    PASSPORT_CONTAINER_INFO,
    PASSPORT_SLSA_PROVENANCE,
    PASSPORT_MODEL_FINGERPRINT,
    PASSPORT_EVIDENCES
};
const char *passport_evidence_name(enum passport_evidence evidence); /* "teeAttestation" … */

/* Spans of len 0 and data NULL: not there. Text is as the document has it, decoded. */
struct passport_auditor {
    struct lucid_span id;
    struct lucid_span name;
    enum passport_auditor_status status;
    uint64_t last_check_s; /* 0: not there */
    bool has_source;
    enum passport_source source;
    bool has_digest;
    uint8_t digest[LUCID_SHA256_BYTES];
    bool has_claims;
    uint8_t claims[LUCID_SHA256_BYTES]; /* id of the appraisal of its claims */
};

struct passport_container {
    bool present;
    uint8_t digest[LUCID_SHA256_BYTES];
    struct lucid_span registry;
    bool has_source; /* a document of others need not say it: then it is declared */
    enum passport_source source;
};

struct passport_slsa {
    bool present;
    unsigned level; /* 0 … 4 */
    struct lucid_span provenance_uri;
    struct lucid_span track; /* "SLSA_BUILD_LEVEL_3" */
    bool has_provenance;
    uint8_t provenance[LUCID_SHA256_BYTES]; /* digest of the envelope (the first one) */
};

/* A part that an evidence switch left out: "sha256:" of salt ‖ canonical value (issue.h). */
struct passport_omitted {
    struct lucid_span name; /* "tee.attestationQuote" */
    uint8_t digest[LUCID_SHA256_BYTES];
};

struct passport {
    const struct jcs_value *root;
    struct lucid_span id;
    struct lucid_span app_name;
    struct lucid_span version;
    uint64_t issued_s;
    uint64_t expires_s;
    uint64_t renew_after_s; /* 0: not there */
    struct {
        struct lucid_span type;  /* canonical: AMD_SEV_SNP, INTEL_TDX, INTEL_SGX, AWS_NITRO, MOCK,
                                    also where the document says SEV-SNP, TDX, SGX, Nitro */
        struct lucid_span quote; /* decoded */
        struct lucid_span runtime_data; /* decoded */
        uint8_t measurement_hash[LUCID_SHA256_BYTES];
        struct lucid_span measurement_alg;
        struct lucid_span measurement; /* raw register(s), decoded */
        bool has_appraisal;
        uint8_t appraisal[LUCID_SHA256_BYTES]; /* tee.appraisal.id */
        uint64_t appraised_s;
    } tee;
    uint8_t appraisals[PASSPORT_APPRAISALS_MAX][LUCID_SHA256_BYTES]; /* all; [0] is tee.appraisal */
    size_t appraisal_count;
    struct passport_auditor auditors[PASSPORT_AUDITORS_MAX];
    size_t auditor_count;
    struct passport_container container;
    struct passport_slsa slsa;
    struct lucid_span endpoints[PASSPORT_ENDPOINTS_MAX];
    size_t endpoint_count;
    struct passport_omitted omitted[PASSPORT_OMITTED_MAX];
    size_t omitted_count;
    struct lucid_span application; /* name of its configuration */
    struct lucid_span issuer;
    struct lucid_span status_uri;
    struct lucid_span supersedes;
    bool is_mock; /* said by the document, or tee.type is MOCK */
    bool test;
    uint8_t public_key[PASSPORT_KEY_BYTES];
    struct lucid_span kid;
    bool has_signature_value;
    uint8_t signature[PASSPORT_SIGNATURE_BYTES];
};

/* What was wrong with a document, for the check that says so. */
enum passport_fault { PASSPORT_FAULT_PARSE, PASSPORT_FAULT_SCHEMA, PASSPORT_FAULT_ALGORITHM };

/* Reads a document; everything that *ret points to lives in the arena. A URL is https: (that of the
 * status list also http: on a loopback host, or a path), without user, in visible ASCII; dates are
 * RFC 3339 UTC, whole seconds, expiresAt after issuedAt by at most 398 days. The canonical form has
 * at most PASSPORT_BYTES_MAX as well. LUCID_REFUSE_INVALID,
 * LUCID_REFUSE_TOO_LARGE (INVALID_PASSPORT, INVALID_JSON, BODY_TOO_LARGE; param: the dotted member)
 * with *ret_fault; LUCID_RETRY_MEMORY. */
enum lucid_error passport_read(struct lucid_span text, struct lucid_arena *arena,
                               struct passport *ret, enum passport_fault *ret_fault,
                               struct lucid_why *why) LUCID_WARN_UNUSED;

/* The same of a passport that is still to be signed: signature.value may be missing. */
enum lucid_error passport_draft_read(struct lucid_span text, struct lucid_arena *arena,
                                     struct passport *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
/* A draft with its signature, canonical, in the arena. LUCID_RETRY_MEMORY. */
enum lucid_error passport_signed_write(const struct passport *draft,
                                       const uint8_t signature[PASSPORT_SIGNATURE_BYTES],
                                       struct lucid_arena *arena,
                                       struct lucid_span *ret) LUCID_WARN_UNUSED;

/* The bytes that are signed: RFC 8785 of the document without signature.value. *ret lives in the
 * arena. LUCID_RETRY_MEMORY. */
enum lucid_error passport_signing_input(const struct passport *passport, struct lucid_arena *arena,
                                        struct lucid_span *ret) LUCID_WARN_UNUSED;
/* RFC 8785 of the whole document: what its digest (and the ETag) is of. */
enum lucid_error passport_canonical(const struct passport *passport, struct lucid_arena *arena,
                                    struct lucid_span *ret) LUCID_WARN_UNUSED;

/* --- forms that others need ------------------------------------------------------------------- */

/* "pass-" and lower-case base32 (RFC 4648, no padding) of the first 20 bytes of SHA-256 over the
 * application's name, LF, the appraisals' ids in order, and issuedAt as u64 big-endian. */
void passport_id_make(struct lucid_span application,
                      const uint8_t (*appraisals)[LUCID_SHA256_BYTES], size_t count,
                      uint64_t issued_s, char ret[PASSPORT_ID_BYTES + 1]);
bool passport_id_is_good(struct lucid_span text);
/* An origin: scheme, host in lower case, port if not the scheme's own; no path. https, or http on
 * localhost, 127.0.0.1, [::1]. */
bool passport_endpoint_is_good(struct lucid_span text);
/* A URL that may be shown as a link: https, a host name or address, no user, visible ASCII without
 * quotes, brackets, backslash. */
bool passport_uri_is_good(struct lucid_span text);
/* Appends a member that is a date: RFC 3339 in whole seconds. */
void passport_date_write(struct lucid_buf *out, const char *name, uint64_t unix_s);

#endif

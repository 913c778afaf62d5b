/* The record of an appraisal, what it was made from, and doing it again.
 *
 * Record: canonical JSON; the payload of the event attestation.appraisal, whose SHA-256 is the
 * appraisal's id and the hash of its entry in the log:
 *
 *   {"type":"attestation.appraisal","version":1,"rulesVersion","time","received","issuer",
 *    "verifier":{"developer","build"},
 *    "session":{"sessionId","nonce","audience","issuedAt","expiresAt"},"runtimeData":digest,
 *    "evidences":[{"name","type","evidence":digest,"endorsements":[digest…],"eventLog"?:digest}…],
 *    "collateral":[{"key","digest","importedAt"}…],"policy":digest,"references":[digest…],
 *    "allowMock","mock","test","testBoundData"?,"lifetime","status",
 *    "submods":{name:{"status","vector":{…},"steps":[…]}},"claims":digest,"ear":digest}
 *
 *   digest = "sha256:" and 64 hex digits; times are integers, Unix seconds
 *
 * The record of an appraisal of auditors' claims, payload of attestation.claims, is described in
 * rules.h; its bundle and its replay are the same.
 *
 * Bundle: {"type":"lucid.attestation.bundle/v1","record","blobs":{digest: base64 …},"ear": JWS,
 * "keys":{"keys":[JWK…]},"proof"?,"checkpoint"?…}: everything that the record names by digest, so
 * that it is checked, and appraised again, without asking anybody.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_BUNDLE_H
#define LUCID_PLUGINS_VERIFIER_BUNDLE_H

#include "plugins/verifier/appraisal.h"
#include "plugins/verifier/policy.h"

#define BUNDLE_BYTES_MAX  ((size_t)8 << 20)
#define BUNDLE_REST_BYTES ((size_t)256 * 1024) /* of them for all but blobs */
#define RECORD_BYTES_MAX  ((size_t)60 * 1024)
#define RECORD_VERSION    1
#define RECORD_KEYS_MAX   256 /* keys that a bundle may bring, or a caller may trust */

/* Writes the record. ear: the token as it is served. */
enum lucid_error record_write(const struct appraisal_input *input,
                              const struct appraisal *appraisal, struct lucid_span ear,
                              struct lucid_arena *arena, struct lucid_span *ret) LUCID_WARN_UNUSED;

/* A record that was read, and how its blobs are got: LUCID_NOTE_ABSENT: it is not there. */
typedef enum lucid_error record_blob_fn(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                                        struct lucid_span *ret);

/* Makes the input of an appraisal from its record again; every blob's digest is checked. Reference
 * sets are those that the policy names, lifetime and times what it and the store allow.
 * LUCID_REFUSE_INVALID (INVALID_RECORD): no such record; (INCOMPLETE_BUNDLE, param the digest): a
 * blob is missing or is not what the digest says. */
enum lucid_error record_input(struct lucid_span record, record_blob_fn *blob, void *context,
                              struct lucid_arena *arena, struct appraisal_input *ret,
                              struct lucid_why *why) LUCID_WARN_UNUSED;

/* The digests that a record names, in order, without repetition: what a bundle holds. */
enum lucid_error record_digests(struct lucid_span record, struct lucid_arena *arena,
                                uint8_t (**ret)[LUCID_SHA256_BYTES], size_t *ret_count,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* What a blob of that length takes of BUNDLE_BYTES_MAX, at most. */
size_t bundle_blob_bytes(size_t len);

/* Writes the bundle of a record. keys: a JWK set (`{"keys":[…]}`); members: further members as JSON
 * text, `"proof":…,"checkpoint":…`, or empty. Errors: as record_digests and blob;
 * LUCID_REFUSE_TOO_LARGE over BUNDLE_BYTES_MAX; out's sticky error is LUCID_RETRY_MEMORY. */
enum lucid_error bundle_write(struct lucid_span record, struct lucid_span ear,
                              struct lucid_span keys, struct lucid_span members,
                              record_blob_fn *blob, void *context, struct lucid_arena *arena,
                              struct lucid_buf *out, struct lucid_why *why) LUCID_WARN_UNUSED;

enum replay_outcome {
    REPLAY_SAME,           /* the same claims bytes, and the token is signed over them */
    REPLAY_DIFFERS_CLAIMS, /* other claims by the same rules: the diff says where */
    REPLAY_DIFFERS_RULES,  /* the record was made by another rules version */
    REPLAY_DIFFERS_TOKEN,  /* the token does not hold those claims, or is not signed by the key */
    REPLAY_UNKNOWN_KEY,    /* the same claims; but the key that signed is not among those trusted */
};
const char *replay_outcome_name(enum replay_outcome outcome); /* "same", "claims", "rules" … */

/* Which keys are believed, and the rule by which signatures are verified (host->verify, or
 * ledger_ed25519_verify). */
struct replay_trust {
    const uint8_t (*keys)[DOCUMENT_KEY_BYTES];
    size_t key_count; /* at most RECORD_KEYS_MAX */
    document_verify_fn *verify;
    void *context;
};

struct rules_appraisal;
struct replay {
    enum replay_outcome outcome;
    struct appraisal appraisal;          /* of claims: only appraised, status and is_mock */
    const struct rules_appraisal *rules; /* of claims (rules.h); NULL: of evidence */
    struct lucid_span claims;            /* made now; empty: nothing was appraised this time */
    struct lucid_span recorded;          /* of the token, draft-04 spelling; empty: it holds none */
    struct lucid_span record;            /* as it was given, canonical */
    struct lucid_span remade;            /* the record that the replay makes; empty as claims */
    struct lucid_span proof;             /* JSON, as a bundle brought it, unchecked; empty: none */
    uint64_t rules_version;              /* of the record */
    bool test; /* the record is of a test store, whose results prove nothing */
    uint8_t record_id[LUCID_SHA256_BYTES];
    bool has_key;
    uint8_t key[DOCUMENT_KEY_BYTES]; /* that signed */
};

/* Appraises again what a bundle holds. Keys of the bundle that are not trusted show that the token
 * is signed, and the answer says REPLAY_UNKNOWN_KEY. Refusals as of record_input, and
 * INVALID_BUNDLE.
 */
enum lucid_error replay_bundle(struct lucid_span bundle, const struct replay_trust *trust,
                               struct lucid_arena *arena, struct replay *ret,
                               struct lucid_why *why) LUCID_WARN_UNUSED;
/* The same of one that was parsed; how long it may be is then the caller's to say. */
enum lucid_error replay_bundle_value(const struct jcs_value *bundle,
                                     const struct replay_trust *trust, struct lucid_arena *arena,
                                     struct replay *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
/* The same of a record with its token, blobs got from the store. */
enum lucid_error replay_record(struct lucid_span record, struct lucid_span ear,
                               record_blob_fn *blob, void *context,
                               const struct replay_trust *trust, struct lucid_arena *arena,
                               struct replay *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
/* {"outcome","differs"?,"recordId","rulesVersion",…,"mock","test",
 * "differences":[{"pointer","recorded","replayed"}…]} with JSON pointers (RFC 6901). */
void replay_write(const struct replay *replay, struct lucid_buf *out);

#endif

/* The record of an appraisal, what it was made from, and doing it again.
 *
 * Record: canonical JSON; the payload of the event attestation.appraisal, whose SHA-256 is the
 * appraisal's id and the hash of its entry in the log:
 *
 *   {"type":"attestation.appraisal","version":1,"rulesVersion","time","issuer",
 *    "verifier":{"developer","build"},
 *    "session":{"sessionId","nonce","audience","issuedAt","expiresAt"},"runtimeData":digest,
 *    "evidences":[{"name","type","evidence":digest,"endorsements":[digest…],"eventLog"?:digest}…],
 *    "collateral":[{"key","digest","importedAt"}…],"policy":digest,"references":[digest…],
 *    "allowMock","mock","test","testBoundData"?,"lifetime","status",
 *    "submods":{name:{"status","vector":{…},"steps":[…]}},"claims":digest,"ear":digest}
 *
 *   digest = "sha256:" and 64 hex digits; times are integers, Unix seconds
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

#define BUNDLE_BYTES_MAX ((size_t)8 << 20)
#define RECORD_BYTES_MAX ((size_t)60 * 1024)

/* Writes the record. ear: the token as it is served. */
enum lucid_error record_write(const struct appraisal_input *input,
                              const struct appraisal *appraisal, struct lucid_span ear,
                              struct lucid_arena *arena, struct lucid_span *ret) LUCID_WARN_UNUSED;

/* A record that was read, and how its blobs are got: LUCID_NOTE_ABSENT: it is not there. */
typedef enum lucid_error record_blob_fn(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                                        struct lucid_span *ret);

/* Makes the input of an appraisal from its record again; every blob's digest is checked.
 * LUCID_REFUSE_INVALID (INVALID_RECORD): no such record; (INCOMPLETE_BUNDLE, param the digest): a
 * blob is missing or is not what the digest says. */
enum lucid_error record_input(struct lucid_span record, record_blob_fn *blob, void *context,
                              struct lucid_arena *arena, struct appraisal_input *ret,
                              struct lucid_why *why) LUCID_WARN_UNUSED;

/* The digests that a record names, in order, without repetition: what a bundle holds. */
enum lucid_error record_digests(struct lucid_span record, struct lucid_arena *arena,
                                uint8_t (**ret)[LUCID_SHA256_BYTES], size_t *ret_count,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

enum replay_outcome {
    REPLAY_SAME,           /* the same claims bytes, and the token is signed over them */
    REPLAY_DIFFERS_CLAIMS, /* other claims by the same rules: the diff says where */
    REPLAY_DIFFERS_RULES,  /* the record was made by another rules version */
    REPLAY_DIFFERS_TOKEN,  /* the token does not hold those claims, or is not signed by the key */
    REPLAY_UNKNOWN_KEY,    /* the same claims; but the key that signed is not among those trusted */
};
const char *replay_outcome_name(enum replay_outcome outcome); /* "same", "claims", "rules" … */

struct replay {
    enum replay_outcome outcome;
    struct appraisal appraisal;
    struct lucid_span claims;   /* made now */
    struct lucid_span recorded; /* of the token */
    uint8_t record_id[LUCID_SHA256_BYTES];
    uint8_t key[32]; /* that signed */
};

/* Appraises again what a bundle holds. trusted: the keys that are believed; with count 0 those of
 * the bundle are, and the answer says REPLAY_UNKNOWN_KEY. Refusals as of record_input. */
enum lucid_error replay_bundle(struct lucid_span bundle, const uint8_t (*trusted)[32],
                               size_t trusted_count, struct lucid_arena *arena, struct replay *ret,
                               struct lucid_why *why) LUCID_WARN_UNUSED;
/* The same of a record with its token, blobs got from the store. */
enum lucid_error replay_record(struct lucid_span record, struct lucid_span ear,
                               record_blob_fn *blob, void *context, const uint8_t (*trusted)[32],
                               size_t trusted_count, struct lucid_arena *arena, struct replay *ret,
                               struct lucid_why *why) LUCID_WARN_UNUSED;
/* {"outcome","recordId","rulesVersion",…,"differences":[{"pointer","recorded","replayed"}…]} with
 * JSON pointers (RFC 6901). */
void replay_write(const struct replay *replay, struct lucid_buf *out);

#endif

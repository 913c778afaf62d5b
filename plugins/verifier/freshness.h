/* The runtime data that evidence binds, and whether it is fresh.
 *
 *   {"nonce": base64url of 32 bytes, "publicKey": JWK, "audience": text,
 *    "workload"?: {"container"?: {"digest": "sha256:…", "registry"?}, "auditors"?:
 * [{"id","digest"}]}}
 *
 * A strict JSON object, whose bytes as they came are hashed (they need not be canonical): the hash,
 * left-aligned and padded with zeros to the field, is what the attester put into its evidence. So
 * the nonce, the key, the audience and the workload are all bound by one comparison.
 *
 * publicKey: Ed25519 (OKP), P-256 or P-384 (EC), without a private part.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_FRESHNESS_H
#define LUCID_PLUGINS_VERIFIER_FRESHNESS_H

#include "plugins/verifier/scheme.h"

#define FRESHNESS_SKEW_S             5 /* between the clocks of two instances of the service */
#define FRESHNESS_AUDIENCE_BYTES_MAX 255
#define FRESHNESS_AUDITORS_MAX       64
#define FRESHNESS_SPKI_BYTES_MAX     120

struct freshness_runtime {
    const struct jcs_value *root;
    const struct jcs_value *public_key; /* JWK */
    const struct jcs_value *workload;   /* NULL: none */
    struct lucid_span audience;
    uint8_t nonce[APPRAISAL_NONCE_BYTES];
    uint8_t spki[FRESHNESS_SPKI_BYTES_MAX]; /* public_key as SubjectPublicKeyInfo, DER */
    size_t spki_len;
    uint8_t sha256[32]; /* of the bytes */
    uint8_t sha384[48];
    uint8_t sha512[64];
};

/* Whether an audience may be called that: 1 … 255 bytes without control characters. */
bool freshness_audience_ok(struct lucid_span text);

/* Reads runtime data. *ret points into text and the arena. LUCID_REFUSE_INVALID:
 * INVALID_RUNTIME_DATA with param "runtimeData.…"; LUCID_REFUSE_TOO_LARGE; LUCID_RETRY_MEMORY. */
enum lucid_error freshness_read(struct lucid_span text, struct lucid_arena *arena,
                                struct freshness_runtime *ret,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* The step: nonce and audience are the challenge's, it was answered in time, and the evidence binds
 * the runtime data (or, on a test store, the data that stand for them). *ret_bound: it binds the
 * runtime data. */
void freshness_check(const struct scheme_job *job, const struct scheme *scheme,
                     const struct freshness_runtime *runtime, struct appraisal_result *ret,
                     bool *ret_bound);

#endif

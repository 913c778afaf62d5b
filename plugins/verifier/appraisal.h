/* The appraisal of evidence (RATS, RFC 9334): a pure function of what it is given.
 *
 * No network, clock, locale, configuration or floating point inside: time, challenge, collateral,
 * anchors, reference values and policy are members of struct appraisal_input, and the same input
 * gives the same bytes for ever: that is what replay relies on. The rules themselves have a
 * version, APPRAISAL_RULES_VERSION: whoever changes a verdict or a byte of the claims raises it.
 *
 * One fixed order of steps for each evidence, each of which leaves a record, also when it is
 * skipped. The scheme (scheme.h) parses and judges what is its own; the core compares the bound
 * data, the measurements and the identity, never the scheme.
 *
 *   parse → chain → signature → freshness → revocation → tcb → configuration → measurement →
 * identity
 *
 * After a failure of one of the first four nothing is appraised (`appraised` false): the rest is
 * recorded as skipped. After any other failure the rest goes on.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_PLUGINS_VERIFIER_APPRAISAL_H
#define LUCID_PLUGINS_VERIFIER_APPRAISAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/sha256.h"
#include "plugins/verifier/policy.h"

#define APPRAISAL_RULES_VERSION 2

#define APPRAISAL_EVIDENCE_BYTES_MAX   ((size_t)64 * 1024)
#define APPRAISAL_EVENT_LOG_BYTES_MAX  ((size_t)1024 * 1024)
#define APPRAISAL_COLLATERAL_BYTES_MAX ((size_t)1024 * 1024) /* one item: a CRL */
#define APPRAISAL_EVIDENCES_MAX        16
#define APPRAISAL_CHAIN_MAX            8 /* certificates that come with one evidence */
#define APPRAISAL_COLLATERAL_MAX       64
#define APPRAISAL_RUNTIME_BYTES_MAX    ((size_t)16 * 1024)
#define APPRAISAL_BOUND_BYTES_MAX      64
#define APPRAISAL_MEASUREMENTS_MAX     32
#define APPRAISAL_NAME_BYTES_MAX       31
#define APPRAISAL_CODE_BYTES_MAX       47
#define APPRAISAL_NONCE_BYTES          32

enum appraisal_step {
    APPRAISAL_PARSE,
    APPRAISAL_CHAIN,
    APPRAISAL_SIGNATURE,
    APPRAISAL_FRESHNESS,
    APPRAISAL_REVOCATION,
    APPRAISAL_TCB,
    APPRAISAL_CONFIGURATION,
    APPRAISAL_MEASUREMENT,
    APPRAISAL_IDENTITY,
    APPRAISAL_STEPS
};
const char *appraisal_step_name(enum appraisal_step step); /* "parse" … */

enum appraisal_outcome {
    APPRAISAL_SKIPPED = 0, /* not looked at: an input is missing, or an earlier step ended it */
    APPRAISAL_PASS,
    APPRAISAL_FAIL,
    APPRAISAL_NOT_APPLICABLE, /* "n/a": the scheme has no such thing */
};
const char *appraisal_outcome_name(enum appraisal_outcome outcome);

/* What a step says. code: lower-case words with points, "tcb.below_floor", static storage, listed
 * in explain.c with a sentence for people. */
struct appraisal_result {
    enum appraisal_outcome outcome;
    const char *code;
    char detail[128]; /* facts, no sentence: "snp 5 < 8"; "" = none; deterministic */
};

/* AR4SI trustworthiness vector (draft-ietf-rats-ar4si): the eight categories in order. */
enum appraisal_category {
    APPRAISAL_INSTANCE_IDENTITY,
    APPRAISAL_CONFIGURATION_CLAIM,
    APPRAISAL_EXECUTABLES,
    APPRAISAL_FILE_SYSTEM,
    APPRAISAL_HARDWARE,
    APPRAISAL_RUNTIME_OPAQUE,
    APPRAISAL_STORAGE_OPAQUE,
    APPRAISAL_SOURCED_DATA,
    APPRAISAL_CATEGORIES
};
const char *appraisal_category_name(enum appraisal_category category); /* "instance-identity" … */

enum appraisal_tier { /* EAR status */
                      APPRAISAL_NONE = 0,
                      APPRAISAL_AFFIRMING = 2,
                      APPRAISAL_WARNING = 32,
                      APPRAISAL_CONTRAINDICATED = 96,
};
const char *appraisal_tier_name(enum appraisal_tier tier); /* "none" … */
/* The tier of one claim (AR4SI 2.3.2: −1 … 1 none, 2 … 31 affirming, 32 … 95 warning, 96 … 127
 * contraindicated; negative ones mirror). */
enum appraisal_tier appraisal_claim_tier(int8_t claim);

/* --- input ------------------------------------------------------------------------------------ */

struct appraisal_evidence {
    char name[APPRAISAL_NAME_BYTES_MAX + 1];             /* of its submod: "cpu0" */
    struct lucid_span type;                              /* "snp", "mock" */
    struct lucid_span bytes;                             /* as the attester sent it */
    struct lucid_span endorsements[APPRAISAL_CHAIN_MAX]; /* certificates, DER or PEM */
    size_t endorsement_count;
    struct lucid_span event_log; /* len 0: none */
};

/* Something imported beside the appraisal: a certificate, CRL, TCB info; or a trust anchor that the
 * operator configured. */
struct appraisal_collateral {
    struct lucid_span key;   /* "snp/crl/Milan", "snp/vcek/Milan/<chip id>/<tcb>", "mock/root" */
    struct lucid_span bytes; /* DER or PEM */
    uint64_t imported_s;     /* Unix seconds */
};

/* The challenge that was answered, as the service issued it (challenge.h). */
struct appraisal_challenge {
    uint8_t nonce[APPRAISAL_NONCE_BYTES];
    struct lucid_span session_id;
    struct lucid_span audience;
    uint64_t issued_s;
    uint64_t expires_s;
};

struct appraisal_input {
    uint64_t time_s; /* of verification, Unix seconds; test_time on a test store */
    /* When the evidence came, by the log's clock: the challenge's age is measured with it, and it
     * is the result's iat. 0: the same as time_s; only a test store's test_time makes them two. */
    uint64_t received_s;
    struct appraisal_challenge challenge;
    /* {nonce, publicKey, audience, workload?} (freshness.h), exactly the bytes that were hashed. */
    struct lucid_span runtime_data;
    struct appraisal_evidence evidences[APPRAISAL_EVIDENCES_MAX];
    size_t evidence_count;
    const struct appraisal_collateral *collateral;
    size_t collateral_count;
    const struct policy *policy; /* parsed from policy_bytes */
    struct lucid_span policy_bytes;
    const struct reference_set *references; /* parsed from their bytes */
    const struct lucid_span *reference_bytes;
    size_t reference_count;
    bool allow_mock;
    bool test;                /* a test store: said in every result */
    bool has_test_bound_data; /* only with test: what the evidence binds instead */
    uint8_t test_bound_data[APPRAISAL_BOUND_BYTES_MAX];
    size_t test_bound_len;
    struct lucid_span developer; /* ear_verifier_id */
    struct lucid_span build;
    struct lucid_span issuer; /* origin of the log */
    uint64_t lifetime_s;      /* of the attestation result: exp = iat + lifetime */
};

/* --- result ----------------------------------------------------------------------------------- */

struct freshness_runtime;
struct scheme;
struct scheme_job;

struct appraisal_submod {
    const struct appraisal_evidence *evidence;
    char name[APPRAISAL_NAME_BYTES_MAX +
              1];                 /* the evidence's, or "cpu0", "cpu1" … where it has none */
    const struct scheme *scheme;  /* NULL: an unknown type */
    const struct scheme_job *job; /* what the scheme read; NULL with scheme */
    struct appraisal_result steps[APPRAISAL_STEPS];
    int8_t vector[APPRAISAL_CATEGORIES];
    enum appraisal_tier status;
    bool bound; /* its bound data is that of the challenge's runtime data */
};

struct appraisal {
    struct appraisal_submod submods[APPRAISAL_EVIDENCES_MAX];
    size_t submod_count;
    enum appraisal_tier status; /* the worst of them */
    bool appraised;             /* every evidence passed parse, chain, signature and freshness */
    bool is_mock;               /* any of them is */
    const struct freshness_runtime *runtime; /* what the runtime data say, and their hashes */
    /* The claims of the attestation result (EAR, draft-ietf-rats-ear-04) as canonical JSON: what
     * replay compares. Empty unless appraised. */
    struct lucid_span claims;
    /* Why nothing was appraised: the first failing step, and of which evidence. */
    enum appraisal_step failed_step;
    size_t failed_evidence;
};

/* No status is better than the worst member of its vector: the worst tier of those that say
 * something; NONE where none does. */
enum appraisal_tier appraisal_vector_tier(const int8_t vector[APPRAISAL_CATEGORIES]);

/* Appraises. Everything in *ret lives in the arena or in the input.
 * LUCID_OK also for the worst verdict. LUCID_REFUSE_INVALID: the input itself is no good (why: code
 * INVALID_RUNTIME_DATA, INVALID_EVIDENCE …, param), LUCID_REFUSE_TOO_LARGE, LUCID_RETRY_MEMORY. */
enum lucid_error appraisal_run(const struct appraisal_input *input, struct lucid_arena *arena,
                               struct appraisal *ret, struct lucid_why *why) LUCID_WARN_UNUSED;

/* `[{"evidence","type","step","outcome","code","detail"?}, …]` of all evidences, in order. */
void appraisal_steps_write(const struct appraisal *appraisal, struct lucid_buf *out);
/* The same of one, without "evidence" and "type", as it stands in records. */
void appraisal_submod_steps_write(const struct appraisal_submod *submod, struct lucid_buf *out);
/* A trustworthiness vector as an object, all members of it. */
void appraisal_vector_write(const int8_t vector[APPRAISAL_CATEGORIES], struct lucid_buf *out);

#endif

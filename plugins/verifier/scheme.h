/* A kind of evidence: how its bytes are read and what of it only its maker's rules can judge.
 * Shaped for SEV-SNP and the mock, and for SGX and TDX (collateral, advisories), Nitro (PCRs,
 * COSE), TPM (an event log that explains PCRs, an AK endorsed by another evidence) and GPUs (SPDM).
 *
 * A scheme fills struct scheme_job in parse; what it must say there is checked by scheme_ok: one
 * without bound data cannot be registered, because the core, never the scheme, compares it.
 *
 * Thread: pure functions; no clock, no network, no floating point, no allocation but the arena's
 * (OpenSSL's own objects are freed before a function returns; what certificates decode to is
 * remembered for the next time, which no result shows: x509_memo.c). */
#ifndef LUCID_PLUGINS_VERIFIER_SCHEME_H
#define LUCID_PLUGINS_VERIFIER_SCHEME_H

#include "plugins/verifier/appraisal.h"

struct scheme_measurement {
    const char *name;        /* "launch", "host_data", "rtmr1", "pcr4": static storage */
    const char *alg;         /* "sha384" … ; "raw" for what is no digest */
    struct lucid_span value; /* raw bytes */
    bool required;           /* it must be in a reference set (where one is asked for) */
};

#define SCHEME_NEEDS_MAX     8
#define SCHEME_KEY_BYTES_MAX 255

struct scheme_job {
    /* Given. */
    const struct appraisal_input *input;
    const struct appraisal_evidence *evidence;
    struct lucid_arena *arena;

    /* Set by parse. */
    void *claims;            /* the scheme's own */
    struct lucid_span bound; /* the field that the attester could fill: report data, nonce … */
    const char *product;     /* "Milan"; static storage; "" = not told */
    struct scheme_measurement measurements[APPRAISAL_MEASUREMENTS_MAX];
    size_t measurement_count;
    /* Raw bytes that name this very machine; len 0: masked or none. Also set by chain, where only
     * the certificate of the key tells it. */
    struct lucid_span instance;
    uint64_t svn; /* of the guest image, for references with min_svn */
    bool debug;   /* what it says of itself */

    /* Set by the steps. */
    int8_t hardware;       /* AR4SI claims: by tcb (and chain, revocation) */
    int8_t configuration;  /* by configuration */
    int8_t runtime_opaque; /* by configuration */

    /* Set by any of the scheme's functions: it ran out of memory, so what it said is no verdict.
     * The core ends with LUCID_RETRY_MEMORY. */
    bool no_memory;
};

struct scheme {
    const char *type;       /* as in requests, policies and records: "snp" */
    const char *also;       /* what else it is called in requests: "sev-snp"; NULL: nothing */
    const char *media_type; /* "application/vnd.amd.sev.snp.report" … for ear_raw_evidence */
    const char *tee;        /* as in passports: "AMD_SEV_SNP", "MOCK" */
    bool is_mock;
    size_t evidence_bytes_max;
    size_t bound_bytes; /* length of its bound data: 64, or 32 … */
    enum {
        SCHEME_BINDS_SHA384,
        SCHEME_BINDS_SHA256,
        SCHEME_BINDS_SHA512
    } binding; /* of runtime data */

    /* Reads the bytes. PASS, or FAIL with a code "parse.…". */
    void (*parse)(struct scheme_job *job, struct appraisal_result *ret);
    /* Which collateral it would use, as keys: what the service looks up before the appraisal. After
     * parse. Returns how many. */
    size_t (*needs)(const struct scheme_job *job,
                    char ret[SCHEME_NEEDS_MAX][SCHEME_KEY_BYTES_MAX + 1]);
    /* Certificates up to a pinned root at input->time_s; that the leaf speaks of this very machine
     * and TCB. "chain.…". */
    void (*chain)(struct scheme_job *job, struct appraisal_result *ret);
    void (*signature)(struct scheme_job *job, struct appraisal_result *ret);
    void (*revocation)(struct scheme_job *job, struct appraisal_result *ret);
    void (*tcb)(struct scheme_job *job, struct appraisal_result *ret);
    void (*configuration)(struct scheme_job *job, struct appraisal_result *ret);
    /* Its claims as the members of one JSON object (braces included), for ear_attester_claims:
     * canonical member order is not asked for, hex in lower case, numbers below 2^53. */
    void (*claims_write)(const struct scheme_job *job, struct lucid_buf *out);
};

/* The schemes that are built in (schemes.c); NULL: unknown type. */
const struct scheme *scheme_find(struct lucid_span type);
/* The same by any of its names, type, also or tee, in capitals or not, with _ or -: for requests;
 * what is kept has the type. */
const struct scheme *scheme_named(struct lucid_span name);
extern const struct scheme *const schemes[]; /* ends with NULL */

/* Whether a scheme may be used: it has a type, a parser, a chain, a signature, and bound data that
 * hold its hash. */
bool scheme_ok(const struct scheme *scheme);

extern const struct scheme scheme_snp;
extern const struct scheme scheme_mock;

/* The item of that key among the input's collateral, or NULL. */
const struct appraisal_collateral *scheme_collateral(const struct scheme_job *job, const char *key);

/* Sets a result in one statement; detail as by printf, cut to fit, other than printable ASCII shown
 * as `?`; format NULL: none. Codes: "step.word", in the table of explain_codes.c. */
void scheme_say(struct appraisal_result *ret, enum appraisal_outcome outcome, const char *code,
                const char *format, ...) LUCID_PRINTF(4, 5);

#endif

/* What the files snp*.c share: what the scheme keeps of one evidence from step to step. */
#ifndef LUCID_PLUGINS_VERIFIER_SCHEMES_SNP_INTERNAL_H
#define LUCID_PLUGINS_VERIFIER_SCHEMES_SNP_INTERNAL_H

#include "plugins/verifier/crypto/x509.h"
#include "plugins/verifier/scheme.h"
#include "plugins/verifier/schemes/snp_report.h"
#include "plugins/verifier/schemes/snp_roots.h"

/* What AMD writes into a VCEK or VLEK beside its key (AMD 57230, VCEK Certificate and KDS Interface
 * Specification). The spans live as long as the certificate. */
struct snp_leaf {
    enum snp_product product;
    struct snp_tcb tcb;
    struct lucid_span hwid; /* raw; len 0: none */
    struct lucid_span csp;  /* len 0: none */
};

/* Whether it is one of that kind, by its subject. */
bool snp_leaf_is(const struct x509_cert *cert, enum snp_signing_key kind);

/* Reads the extensions. NULL, or which of them is missing or malformed ("tcb", "hwid" …). */
const char *snp_leaf_read(const struct x509_cert *cert, struct snp_leaf *ret);

/* NULL, or what a certificate of that kind should not say, or should and does not: a VCEK names its
 * chip, a VLEK the operator whom AMD gave it to. */
const char *snp_leaf_kind_wrong(const struct snp_leaf *leaf, enum snp_signing_key kind);

/* --- trust (snp_trust.c) ---------------------------------------------------------------------- */

struct snp_trust {
    enum snp_product product;
    enum snp_signing_key kind;
    struct lucid_span test_roots; /* PEM of roots for tests; len 0: none */
    uint64_t time_s;
    struct lucid_arena *arena; /* of the path; NULL: nobody asks for it */
};

struct snp_path { /* DER, in the arena */
    bool test_root;
    struct lucid_span leaf;
    struct lucid_span issuer;
    struct lucid_span root; /* whose CRL counts */
};

/* Whether AMD issued that VCEK or VLEK; if AMD's roots do not know it, whether a root for tests
 * did. Good at the time. *ret is then set. */
enum x509_status snp_trust_leaf(const struct x509_cert *leaf, const struct snp_trust *trust,
                                struct snp_path *ret) LUCID_WARN_UNUSED;

/* The same of a revocation list: by AMD, by one of the roots for tests. */
enum x509_status snp_trust_list(const struct x509_crl *crl, enum snp_product product,
                                uint64_t time_s) LUCID_WARN_UNUSED;
enum x509_status snp_trust_test_list(const struct x509_crl *crl, struct lucid_span test_roots,
                                     uint64_t time_s) LUCID_WARN_UNUSED;

/* --- the scheme ------------------------------------------------------------------------------- */

struct snp_claims {
    struct lucid_span bytes;   /* of the report */
    struct lucid_span brought; /* the certificate that the agent gave with it; len 0: none */
    struct snp_report report;
    enum snp_product product; /* by CPUID; for version 2 by the certificate, once there is one */

    /* Set by chain. */
    struct snp_path path;
    struct lucid_span csp; /* of a VLEK: whom AMD gave it to */
    struct snp_tcb reported;
    struct snp_tcb committed;
    struct snp_tcb current;
    struct snp_tcb launch;
};

static inline struct snp_claims *snp_claims_of(const struct scheme_job *job)
{
    return job->claims;
}

/* The steps of the scheme that stand in files of their own. */
void snp_chain(struct scheme_job *job, struct appraisal_result *ret);
void snp_signature(struct scheme_job *job, struct appraisal_result *ret);
void snp_revocation(struct scheme_job *job, struct appraisal_result *ret);
void snp_tcb_judge(struct scheme_job *job, struct appraisal_result *ret);
void snp_configuration_judge(struct scheme_job *job, struct appraisal_result *ret);
void snp_claims_write(const struct scheme_job *job, struct lucid_buf *out);

/* The keys of collateral, for one product. */
void snp_key_leaf(const struct snp_report *report, enum snp_product product,
                  char ret[SCHEME_KEY_BYTES_MAX + 1]);
void snp_key(const char *kind, enum snp_product product, char ret[SCHEME_KEY_BYTES_MAX + 1]);

#endif

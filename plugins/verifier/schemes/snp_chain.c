/* The steps chain, signature and revocation of AMD SEV-SNP. */
#include "base/assert.h"
#include "plugins/verifier/schemes/scheme_x509.h"
#include "plugins/verifier/schemes/snp_internal.h"

static void say_status(struct scheme_job *job, enum x509_status status, const char *what,
                       struct appraisal_result *ret)
{
    job->no_memory = job->no_memory || status == X509_IS_NO_MEMORY;
    scheme_say(ret, APPRAISAL_FAIL, scheme_chain_code(status), "%s", what);
}

/* --- the leaf --------------------------------------------------------------------------------- */

/* The first certificate of the wanted kind among those that came with the evidence. */
static struct x509_cert *leaf_among(const struct x509_certs *certs, enum snp_signing_key kind)
{
    for (size_t i = 0; i < certs->count; i++) {
        if (snp_leaf_is(certs->items[i], kind)) {
            return certs->items[i];
        }
    }
    return NULL;
}

/* What was imported under the leaf's key; for a report that does not name its product, under any.
 */
static enum x509_status collateral_read(const struct scheme_job *job, struct x509_certs *certs)
{
    const struct snp_claims *claims = snp_claims_of(job);
    for (unsigned i = SNP_MILAN; i < SNP_PRODUCTS; i++) {
        char key[SCHEME_KEY_BYTES_MAX + 1];
        if (claims->product != SNP_UNKNOWN && claims->product != (enum snp_product)i) {
            continue;
        }
        snp_key_leaf(&claims->report, (enum snp_product)i, key);
        const struct appraisal_collateral *item = scheme_collateral(job, key);
        if (item != NULL) {
            return x509_certs_read(item->bytes, certs);
        }
    }
    return X509_IS_OK;
}

/* VCEK or VLEK: of the evidence's endorsements, else the one inside of it, else of the imported
 * collateral. *certs owns it. */
static struct x509_cert *leaf_find(struct scheme_job *job, struct x509_certs *certs,
                                   struct appraisal_result *ret)
{
    const struct appraisal_evidence *evidence = job->evidence;
    enum snp_signing_key kind = snp_claims_of(job)->report.signing_key;
    struct lucid_span brought = snp_claims_of(job)->brought;
    enum x509_status status = X509_IS_OK;
    for (size_t i = 0; i < evidence->endorsement_count && status == X509_IS_OK; i++) {
        status = x509_certs_read(evidence->endorsements[i], certs);
    }
    if (status == X509_IS_OK && evidence->endorsement_count == 0 && brought.len > 0) {
        status = x509_certs_read(brought, certs);
    }
    if (status != X509_IS_OK) {
        say_status(job, status, "endorsements", ret);
        return NULL;
    }
    struct x509_cert *leaf = leaf_among(certs, kind);
    if (leaf != NULL) {
        return leaf;
    }
    bool other = leaf_among(certs, kind == SNP_VCEK ? SNP_VLEK : SNP_VCEK) != NULL;
    x509_certs_fini(certs);
    status = collateral_read(job, certs);
    if (status != X509_IS_OK) {
        say_status(job, status, "collateral", ret);
        return NULL;
    }
    leaf = leaf_among(certs, kind);
    if (leaf == NULL) {
        scheme_say(ret, APPRAISAL_FAIL, other ? "chain.wrong_kind" : "chain.no_certificate",
                   kind == SNP_VLEK ? "VLEK" : "VCEK");
    }
    return leaf;
}

/* --- the chain -------------------------------------------------------------------------------- */

/* On a test store there may be a root for tests, which AMD's roots go before. */
static enum x509_status leaf_verify(struct scheme_job *job, const struct x509_cert *leaf)
{
    struct snp_claims *claims = snp_claims_of(job);
    struct snp_trust trust = {.product = claims->product,
                              .kind = claims->report.signing_key,
                              .time_s = job->input->time_s,
                              .arena = job->arena};
    char key[SCHEME_KEY_BYTES_MAX + 1];
    snp_key("test-root", claims->product, key);
    const struct appraisal_collateral *item = job->input->test ? scheme_collateral(job, key) : NULL;
    if (item != NULL) {
        trust.test_roots = item->bytes;
    }
    return snp_trust_leaf(leaf, &trust, &claims->path);
}

/* --- what the leaf says of the machine -------------------------------------------------------- */

/* Fills the report's TCB versions, which can be read once the product is known. */
static bool tcbs_read(struct snp_claims *claims)
{
    const struct snp_report *report = &claims->report;
    return snp_tcb_read(report->reported_tcb, claims->product, &claims->reported) &&
           snp_tcb_read(report->committed_tcb, claims->product, &claims->committed) &&
           snp_tcb_read(report->current_tcb, claims->product, &claims->current) &&
           snp_tcb_read(report->launch_tcb, claims->product, &claims->launch);
}

/* A Turin certificate has the first 8 bytes of a chip id whose rest is zero. */
static bool hwid_is(const struct snp_leaf *leaf, struct lucid_span chip_id)
{
    uint8_t padded[SNP_CHIP_ID_BYTES] = {0};
    memcpy(padded, leaf->hwid.data, leaf->hwid.len);
    return (leaf->hwid.len == SNP_CHIP_ID_BYTES || leaf->product == SNP_TURIN) &&
           memcmp(padded, chip_id.data, sizeof(padded)) == 0;
}

static bool binding_check(const struct snp_claims *claims, const struct snp_leaf *leaf,
                          struct appraisal_result *ret)
{
    const struct snp_report *report = &claims->report;
    for (unsigned i = 0; i < SNP_COMPONENTS; i++) {
        if (leaf->tcb.parts[i] != claims->reported.parts[i]) {
            scheme_say(ret, APPRAISAL_FAIL, "chain.tcb_mismatch", "%s %u != %u",
                       snp_component_name((enum snp_component)i), (unsigned)leaf->tcb.parts[i],
                       (unsigned)claims->reported.parts[i]);
            return false;
        }
    }
    const char *wrong = snp_leaf_kind_wrong(leaf, report->signing_key);
    if (wrong != NULL) {
        scheme_say(ret, APPRAISAL_FAIL, "chain.bad_leaf", "%s", wrong);
        return false;
    }
    if (report->signing_key == SNP_VCEK && !report->chip_masked &&
        !hwid_is(leaf, report->chip_id)) {
        scheme_say(ret, APPRAISAL_FAIL, "chain.chip_mismatch", NULL);
        return false;
    }
    return true;
}

/* A chip that masks its id in reports is still named by its VCEK, which no other chip has. */
static void instance_tell(struct scheme_job *job, const struct snp_leaf *leaf)
{
    const struct snp_report *report = &snp_claims_of(job)->report;
    if (!report->chip_masked || report->signing_key != SNP_VCEK) {
        return;
    }
    uint8_t *chip = lucid_arena_zalloc(job->arena, SNP_CHIP_ID_BYTES);
    job->no_memory = job->no_memory || chip == NULL;
    if (chip != NULL) {
        memcpy(chip, leaf->hwid.data, leaf->hwid.len);
        job->instance = lucid_span(chip, SNP_CHIP_ID_BYTES);
    }
}

/* The extensions of a leaf whose chain is good. */
static bool leaf_check(struct scheme_job *job, const struct snp_leaf *leaf,
                       struct appraisal_result *ret)
{
    struct snp_claims *claims = snp_claims_of(job);
    if (leaf->product != claims->product) {
        scheme_say(ret, APPRAISAL_FAIL, "chain.product_mismatch", "%s != %s",
                   snp_product_name(leaf->product), snp_product_name(claims->product));
        return false;
    }
    if (!tcbs_read(claims)) {
        scheme_say(ret, APPRAISAL_FAIL, "chain.tcb_reserved", NULL);
        return false;
    }
    if (!binding_check(claims, leaf, ret)) {
        return false;
    }
    instance_tell(job, leaf);
    if (leaf->csp.len != 0) {
        claims->csp = lucid_arena_copy(job->arena, leaf->csp);
        job->no_memory = job->no_memory || claims->csp.data == NULL;
    }
    return true;
}

static void chain_with(struct scheme_job *job, const struct x509_cert *cert,
                       struct appraisal_result *ret)
{
    struct snp_claims *claims = snp_claims_of(job);
    struct snp_leaf leaf = {.product = SNP_UNKNOWN};
    const char *wrong = snp_leaf_read(cert, &leaf);
    /* A hint, not trusted: it chooses the root that must then have issued the certificate. */
    if (claims->product == SNP_UNKNOWN && !claims->report.has_cpuid) {
        claims->product = leaf.product;
    }
    if (claims->product == SNP_UNKNOWN) {
        scheme_say(ret, APPRAISAL_FAIL, "chain.unknown_product", "family %u model %u",
                   (unsigned)claims->report.cpuid_family, (unsigned)claims->report.cpuid_model);
        return;
    }
    job->product = snp_product_name(claims->product);
    enum x509_status status = leaf_verify(job, cert);
    if (status != X509_IS_OK) {
        say_status(job, status, claims->report.signing_key == SNP_VLEK ? "VLEK" : "VCEK", ret);
        return;
    }
    if (wrong != NULL) {
        scheme_say(ret, APPRAISAL_FAIL, "chain.bad_leaf", "%s", wrong);
    } else if (leaf_check(job, &leaf, ret)) {
        scheme_say(ret, APPRAISAL_PASS, claims->path.test_root ? "chain.test_root" : "chain.ok",
                   "%s %s", job->product, claims->report.signing_key == SNP_VLEK ? "VLEK" : "VCEK");
    }
}

void snp_chain(struct scheme_job *job, struct appraisal_result *ret)
{
    struct x509_certs certs = {.count = 0};
    const struct x509_cert *leaf = leaf_find(job, &certs, ret);
    if (leaf != NULL) {
        chain_with(job, leaf, ret);
    }
    x509_certs_fini(&certs);
}

/* --- signature -------------------------------------------------------------------------------- */

void snp_signature(struct scheme_job *job, struct appraisal_result *ret)
{
    struct snp_claims *claims = snp_claims_of(job);
    struct x509_certs leaf = {.count = 0};
    enum x509_status status = x509_certs_read(claims->path.leaf, &leaf);
    if (status == X509_IS_OK) {
        status = x509_cert_ecdsa_verify(
            leaf.items[0], X509_P384, X509_SHA384, lucid_span(claims->bytes.data, SNP_SIGNED_BYTES),
            lucid_span(claims->report.signature, sizeof(claims->report.signature)), true);
    }
    x509_certs_fini(&leaf);
    job->no_memory = job->no_memory || status == X509_IS_NO_MEMORY;
    if (status == X509_IS_OK) {
        scheme_say(ret, APPRAISAL_PASS, "signature.ok", NULL);
    } else {
        scheme_say(ret, APPRAISAL_FAIL, "signature.bad", NULL);
    }
}

/* --- revocation ------------------------------------------------------------------------------- */

/* Whether a good list has one of the chain's certificates. */
static const char *revoked_code(const struct x509_crl *crl, const struct x509_certs *chain)
{
    static const char *const codes[] = {"revocation.leaf_revoked", "revocation.issuer_revoked",
                                        "revocation.root_revoked"};
    lucid_assert(chain->count == sizeof(codes) / sizeof(codes[0]));
    for (size_t i = 0; i < chain->count; i++) {
        if (x509_crl_revokes(crl, chain->items[i])) {
            return codes[i];
        }
    }
    return NULL;
}

static void crl_judge(struct scheme_job *job, const struct x509_crl *crl,
                      const struct x509_certs *chain, struct appraisal_result *ret)
{
    enum x509_status status =
        x509_crl_verify(crl, chain->items[2], job->input->time_s, X509_RSA_PSS_SHA384);
    const char *code = status == X509_IS_OK ? revoked_code(crl, chain) : scheme_crl_code(status);
    if (code != NULL) {
        scheme_say(ret, APPRAISAL_FAIL, code, "%s", x509_status_name(status));
    } else {
        scheme_say(ret, APPRAISAL_PASS, "revocation.ok", "until %llu",
                   (unsigned long long)x509_crl_next_update(crl));
    }
}

void snp_revocation(struct scheme_job *job, struct appraisal_result *ret)
{
    const struct snp_claims *claims = snp_claims_of(job);
    char key[SCHEME_KEY_BYTES_MAX + 1];
    snp_key("crl", claims->product, key);
    const struct appraisal_collateral *item = scheme_collateral(job, key);
    if (item == NULL) {
        bool required = job->input->policy->require_crl;
        scheme_say(ret, required ? APPRAISAL_FAIL : APPRAISAL_SKIPPED, "revocation.no_crl", "%s",
                   job->product);
        job->hardware = required ? 96 : job->hardware;
        return;
    }
    struct x509_certs chain = {.count = 0};
    struct x509_crl *crl = NULL;
    enum x509_status status = x509_certs_read(claims->path.leaf, &chain);
    status = status == X509_IS_OK ? x509_certs_read(claims->path.issuer, &chain) : status;
    status = status == X509_IS_OK ? x509_certs_read(claims->path.root, &chain) : status;
    status = status == X509_IS_OK ? x509_crl_read(item->bytes, &crl) : status;
    job->no_memory = job->no_memory || status == X509_IS_NO_MEMORY;
    if (status != X509_IS_OK) {
        scheme_say(ret, APPRAISAL_FAIL, "revocation.crl_malformed", "%s", x509_status_name(status));
    } else {
        crl_judge(job, crl, &chain, ret);
    }
    job->hardware = ret->outcome == APPRAISAL_FAIL ? 96 : job->hardware;
    x509_crl_free(crl);
    x509_certs_fini(&chain);
}

/* The steps chain, signature and revocation of AMD SEV-SNP. */
#include <openssl/crypto.h>

#include "base/assert.h"
#include "plugins/verifier/scheme_x509.h"
#include "plugins/verifier/snp_internal.h"

/* Certificates of one attempt. */
struct roots {
    struct x509_certs anchors;
    struct x509_certs between;
    /* Pinned: the ARK, above an anchor that it is known to have issued. NULL: the anchors are roots
     * themselves. */
    const struct x509_cert *above;
};

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

/* --- roots ------------------------------------------------------------------------------------ */

static struct {
    CRYPTO_ONCE once;
    struct x509_certs certs[SNP_PRODUCTS]; /* ARK, ASK, ASVK; empty: there was no memory */
} pinned = {.once = CRYPTO_ONCE_STATIC_INIT};

/* Whether the ARK issued all three; they are constants, so once is as good as each time. */
static bool ark_issued(const struct x509_certs *certs)
{
    bool all = true;
    for (size_t i = 0; i < certs->count; i++) {
        all = all && x509_cert_issued_by(certs->items[i], certs->items[0]);
    }
    return all;
}

static void pinned_read(void)
{
    for (unsigned i = SNP_MILAN; i < SNP_PRODUCTS; i++) {
        const struct snp_roots *roots = snp_roots_of((enum snp_product)i);
        struct x509_certs *certs = &pinned.certs[i];
        if (x509_certs_read(roots->ark, certs) != X509_IS_OK ||
            x509_certs_read(roots->ask, certs) != X509_IS_OK ||
            x509_certs_read(roots->asvk, certs) != X509_IS_OK || !ark_issued(certs)) {
            x509_certs_fini(certs);
        }
    }
}

/* The module may be unloaded: what it kept goes with it. */
static __attribute__((destructor)) void pinned_free(void)
{
    for (unsigned i = SNP_MILAN; i < SNP_PRODUCTS; i++) {
        x509_certs_fini(&pinned.certs[i]);
    }
}

/* AMD's own, borrowed. They are constants: they are read, and their signatures checked, once, and
 * only looked at afterwards, from any thread. What time says of them is asked each time. */
static enum x509_status pinned_get(enum snp_product product, enum snp_signing_key kind,
                                   struct roots *ret)
{
    if (CRYPTO_THREAD_run_once(&pinned.once, pinned_read) != 1 ||
        pinned.certs[product].count != 3) {
        return X509_IS_NO_MEMORY;
    }
    struct x509_cert *const *items = pinned.certs[product].items;
    ret->anchors = (struct x509_certs){.items = {items[kind == SNP_VLEK ? 2 : 1]}, .count = 1};
    ret->above = items[0];
    return X509_IS_OK;
}

/* A root for tests: PEM of its ARK, ASK and ASVK in any order, told apart as AMD's: the root is its
 * own issuer, and who issues VLEKs is called SEV-VLEK-… */
static enum x509_status test_read(const struct appraisal_collateral *item,
                                  enum snp_signing_key kind, struct roots *ret)
{
    struct x509_certs all = {.count = 0};
    enum x509_status status = x509_certs_read(item->bytes, &all);
    for (size_t i = 0; i < all.count && status == X509_IS_OK; i++) {
        char name[X509_NAME_BYTES_MAX + 1] = "";
        struct lucid_span der = x509_cert_der(all.items[i]);
        bool root = x509_cert_issued_by(all.items[i], all.items[i]);
        bool named = x509_cert_subject(all.items[i], name);
        bool vlek = named && strncmp(name, "SEV-VLEK-", strlen("SEV-VLEK-")) == 0;
        if (root) {
            status = x509_certs_read(der, &ret->anchors);
        } else if (vlek == (kind == SNP_VLEK)) {
            status = x509_certs_read(der, &ret->between);
        }
    }
    x509_certs_fini(&all);
    return status;
}

/* --- the chain -------------------------------------------------------------------------------- */

static bool keep(struct scheme_job *job, const struct x509_cert *cert, struct lucid_span *ret)
{
    *ret = lucid_arena_copy(job->arena, x509_cert_der(cert));
    job->no_memory = job->no_memory || ret->data == NULL;
    return ret->data != NULL;
}

/* Keeps what later steps need of a good chain. */
static bool chain_keep(struct scheme_job *job, const struct x509_cert *leaf,
                       const struct roots *roots, size_t anchor)
{
    struct snp_claims *claims = snp_claims_of(job);
    const struct x509_cert *end = roots->anchors.items[anchor];
    if (!keep(job, leaf, &claims->leaf) ||
        !keep(job, roots->above != NULL ? roots->above : end, &claims->root)) {
        return false;
    }
    if (roots->above != NULL) {
        return keep(job, end, &claims->issuer);
    }
    for (size_t i = 0; i < roots->between.count; i++) {
        if (x509_cert_names_issuer(leaf, roots->between.items[i])) {
            return keep(job, roots->between.items[i], &claims->issuer);
        }
    }
    return false; /* issued by the root itself: AMD's never are */
}

static enum x509_status roots_verify(struct scheme_job *job, const struct x509_cert *leaf,
                                     const struct roots *roots)
{
    const struct x509_rules rules = {.algorithms = X509_RSA_PSS_SHA384,
                                     .leaf_keys = X509_P384,
                                     .any_anchor = roots->above != NULL};
    uint64_t time_s = job->input->time_s;
    size_t anchor = 0;
    enum x509_status status =
        x509_chain_verify(leaf, &roots->between, &roots->anchors, time_s, &rules, &anchor);
    if (status == X509_IS_OK && roots->above != NULL) {
        status = x509_cert_time_check(roots->above, time_s);
    }
    if (status == X509_IS_OK && !chain_keep(job, leaf, roots, anchor)) {
        return job->no_memory ? X509_IS_NO_MEMORY : X509_IS_NO_ISSUER;
    }
    return status;
}

/* By AMD's roots; and where those do not know the leaf, on a test store, by a root for tests. */
static enum x509_status leaf_verify(struct scheme_job *job, const struct x509_cert *leaf)
{
    struct snp_claims *claims = snp_claims_of(job);
    enum snp_signing_key kind = claims->report.signing_key;
    struct roots roots = {.anchors = {.count = 0}};
    enum x509_status status = pinned_get(claims->product, kind, &roots);
    if (status == X509_IS_OK) {
        status = roots_verify(job, leaf, &roots);
    }
    roots = (struct roots){.anchors = {.count = 0}};
    char key[SCHEME_KEY_BYTES_MAX + 1];
    snp_key("test-root", claims->product, key);
    const struct appraisal_collateral *item =
        job->input->test && status == X509_IS_NO_ISSUER ? scheme_collateral(job, key) : NULL;
    if (item != NULL) {
        status = test_read(item, kind, &roots);
        if (status == X509_IS_OK) {
            status = roots_verify(job, leaf, &roots);
        }
        claims->test_root = status == X509_IS_OK;
        x509_certs_fini(&roots.anchors);
        x509_certs_fini(&roots.between);
    }
    return status;
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
    bool is_vlek = report->signing_key == SNP_VLEK;
    for (unsigned i = 0; i < SNP_COMPONENTS; i++) {
        if (leaf->tcb.parts[i] != claims->reported.parts[i]) {
            scheme_say(ret, APPRAISAL_FAIL, "chain.tcb_mismatch", "%s %u != %u",
                       snp_component_name((enum snp_component)i), (unsigned)leaf->tcb.parts[i],
                       (unsigned)claims->reported.parts[i]);
            return false;
        }
    }
    if (is_vlek ? leaf->hwid.len != 0 || leaf->csp.len == 0
                : leaf->hwid.len == 0 || leaf->csp.len != 0) {
        scheme_say(ret, APPRAISAL_FAIL, "chain.bad_leaf", "%s",
                   is_vlek ? "a VLEK names its operator and no chip" : "a VCEK names its chip");
        return false;
    }
    if (!is_vlek && !report->chip_masked && !hwid_is(leaf, report->chip_id)) {
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
        scheme_say(ret, APPRAISAL_PASS, claims->test_root ? "chain.test_root" : "chain.ok", "%s %s",
                   job->product, claims->report.signing_key == SNP_VLEK ? "VLEK" : "VCEK");
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
    enum x509_status status = x509_certs_read(claims->leaf, &leaf);
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
    enum x509_status status = x509_certs_read(claims->leaf, &chain);
    status = status == X509_IS_OK ? x509_certs_read(claims->issuer, &chain) : status;
    status = status == X509_IS_OK ? x509_certs_read(claims->root, &chain) : status;
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

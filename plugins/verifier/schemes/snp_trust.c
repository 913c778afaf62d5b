/* Who may issue what AMD SEV-SNP's evidence needs: AMD's own certificates, which are built in, and
 * roots for tests. */
#include <openssl/crypto.h>

#include "plugins/verifier/schemes/snp_internal.h"

/* --- AMD's ------------------------------------------------------------------------------------ */

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

/* ARK, ASK, ASVK, borrowed. They are constants: they are read, and their signatures checked, once,
 * and only looked at afterwards, from any thread. What time says of them is asked each time.
 * NULL: no memory. */
static struct x509_cert *const *pinned_get(enum snp_product product)
{
    return CRYPTO_THREAD_run_once(&pinned.once, pinned_read) == 1 &&
                   pinned.certs[product].count == 3
               ? pinned.certs[product].items
               : NULL;
}

/* --- roots for tests -------------------------------------------------------------------------- */

/* PEM of ARK, ASK and ASVK in any order, told apart as AMD's: a root is its own issuer, and who
 * issues VLEKs is called SEV-VLEK-… */
static enum x509_status test_read(struct lucid_span pem, enum snp_signing_key kind,
                                  struct x509_certs *ret_roots, struct x509_certs *ret_between)
{
    struct x509_certs all = {.count = 0};
    enum x509_status status = x509_certs_read(pem, &all);
    for (size_t i = 0; i < all.count && status == X509_IS_OK; i++) {
        char name[X509_NAME_BYTES_MAX + 1] = "";
        struct lucid_span der = x509_cert_der(all.items[i]);
        bool root = x509_cert_issued_by(all.items[i], all.items[i]);
        bool named = x509_cert_subject(all.items[i], name);
        bool vlek = named && strncmp(name, "SEV-VLEK-", strlen("SEV-VLEK-")) == 0;
        if (root) {
            status = x509_certs_read(der, ret_roots);
        } else if (vlek == (kind == SNP_VLEK)) {
            status = x509_certs_read(der, ret_between);
        }
    }
    x509_certs_fini(&all);
    return status;
}

/* --- leaves ----------------------------------------------------------------------------------- */

static struct x509_rules rules_of(bool any_anchor)
{
    return (struct x509_rules){
        .algorithms = X509_RSA_PSS_SHA384, .leaf_keys = X509_P384, .any_anchor = any_anchor};
}

static bool keep(const struct snp_trust *trust, const struct x509_cert *cert,
                 struct lucid_span *ret)
{
    *ret = lucid_arena_copy(trust->arena, x509_cert_der(cert));
    return ret->data != NULL;
}

static enum x509_status path_keep(const struct snp_trust *trust, const struct x509_cert *leaf,
                                  const struct x509_cert *issuer, const struct x509_cert *root,
                                  struct snp_path *ret)
{
    return trust->arena == NULL ||
                   (keep(trust, leaf, &ret->leaf) && keep(trust, issuer, &ret->issuer) &&
                    keep(trust, root, &ret->root))
               ? X509_IS_OK
               : X509_IS_NO_MEMORY;
}

static enum x509_status pinned_verify(const struct x509_cert *leaf, const struct snp_trust *trust,
                                      struct snp_path *ret)
{
    struct x509_cert *const *items = pinned_get(trust->product);
    const struct x509_rules rules = rules_of(true); /* the path ends below the ARK */
    if (items == NULL) {
        return X509_IS_NO_MEMORY;
    }
    struct x509_cert *issuer = items[trust->kind == SNP_VLEK ? 2 : 1];
    const struct x509_certs anchors = {.items = {issuer}, .count = 1};
    enum x509_status status = x509_chain_verify(leaf, NULL, &anchors, trust->time_s, &rules, NULL);
    if (status == X509_IS_OK) {
        status = x509_cert_time_check(items[0], trust->time_s);
    }
    return status == X509_IS_OK ? path_keep(trust, leaf, issuer, items[0], ret) : status;
}

static enum x509_status test_verify(const struct x509_cert *leaf, const struct snp_trust *trust,
                                    struct snp_path *ret)
{
    struct x509_certs roots = {.count = 0};
    struct x509_certs between = {.count = 0};
    const struct x509_rules rules = rules_of(false);
    size_t root = 0;
    enum x509_status status = test_read(trust->test_roots, trust->kind, &roots, &between);
    if (status == X509_IS_OK) {
        status = x509_chain_verify(leaf, &between, &roots, trust->time_s, &rules, &root);
    }
    const struct x509_cert *issuer = NULL;
    for (size_t i = 0; status == X509_IS_OK && issuer == NULL && i < between.count; i++) {
        issuer = x509_cert_names_issuer(leaf, between.items[i]) ? between.items[i] : NULL;
    }
    if (status == X509_IS_OK) { /* by the root itself: AMD's never are */
        status = issuer == NULL ? X509_IS_NO_ISSUER
                                : path_keep(trust, leaf, issuer, roots.items[root], ret);
    }
    ret->test_root = status == X509_IS_OK;
    x509_certs_fini(&roots);
    x509_certs_fini(&between);
    return status;
}

enum x509_status snp_trust_leaf(const struct x509_cert *leaf, const struct snp_trust *trust,
                                struct snp_path *ret)
{
    *ret = (struct snp_path){.test_root = false};
    enum x509_status status = pinned_verify(leaf, trust, ret);
    return status == X509_IS_NO_ISSUER && trust->test_roots.len > 0 ? test_verify(leaf, trust, ret)
                                                                    : status;
}

/* --- lists ------------------------------------------------------------------------------------ */

enum x509_status snp_trust_list(const struct x509_crl *crl, enum snp_product product,
                                uint64_t time_s)
{
    struct x509_cert *const *items = pinned_get(product);
    return items == NULL ? X509_IS_NO_MEMORY
                         : x509_crl_verify(crl, items[0], time_s, X509_RSA_PSS_SHA384);
}

enum x509_status snp_trust_test_list(const struct x509_crl *crl, struct lucid_span test_roots,
                                     uint64_t time_s)
{
    struct x509_certs roots = {.count = 0};
    struct x509_certs between = {.count = 0};
    enum x509_status status = test_read(test_roots, SNP_VCEK, &roots, &between);
    size_t i = 0;
    for (status = status == X509_IS_OK ? X509_IS_NO_ISSUER : status;
         status == X509_IS_NO_ISSUER && i < roots.count; i++) {
        status = x509_crl_verify(crl, roots.items[i], time_s, X509_RSA_PSS_SHA384);
    }
    x509_certs_fini(&roots);
    x509_certs_fini(&between);
    return status;
}

/* Certificates and revocation lists of AMD, told apart and checked before they are kept. */
#include "plugins/verifier/schemes/collateral_internal.h"
#include "plugins/verifier/schemes/snp_internal.h"

/* --- certificates ----------------------------------------------------------------------------- */

/* The eight bytes of a report that say the same as the certificate. */
static void tcb_write(const struct snp_leaf *leaf, uint8_t ret[8])
{
    const uint8_t *parts = leaf->tcb.parts;
    memset(ret, 0, 8);
    if (leaf->product == SNP_TURIN) {
        ret[0] = parts[SNP_FMC];
        ret[1] = parts[SNP_BOOT_LOADER];
        ret[2] = parts[SNP_TEE];
        ret[3] = parts[SNP_SNP];
    } else {
        ret[0] = parts[SNP_BOOT_LOADER];
        ret[1] = parts[SNP_TEE];
        ret[6] = parts[SNP_SNP];
    }
    ret[7] = parts[SNP_MICROCODE];
}

/* The key under which an appraisal will look for it: made as for a report of that chip. */
static void leaf_key(const struct snp_leaf *leaf, bool is_vlek, char ret[SCHEME_KEY_BYTES_MAX + 1])
{
    uint8_t chip[SNP_CHIP_ID_BYTES] = {0};
    uint8_t tcb[8];
    tcb_write(leaf, tcb);
    memcpy(chip, leaf->hwid.len > 0 ? leaf->hwid.data : chip, leaf->hwid.len);
    const struct snp_report report = {
        .signing_key = is_vlek ? SNP_VLEK : SNP_VCEK,
        .chip_id = lucid_span(chip, sizeof(chip)),
        .reported_tcb = lucid_span(tcb, sizeof(tcb)),
    };
    snp_key_leaf(&report, leaf->product, ret);
}

static bool product_fits(enum snp_product product, struct lucid_span wanted)
{
    return wanted.len == 0 || lucid_span_is(wanted, snp_product_name(product));
}

static enum lucid_error leaf_take(const struct x509_cert *cert, struct lucid_span product,
                                  struct lucid_span test_roots, uint64_t time_s,
                                  struct collateral_item *ret, struct lucid_why *why)
{
    struct snp_leaf leaf = {.product = SNP_UNKNOWN};
    bool is_vcek = snp_leaf_is(cert, SNP_VCEK);
    bool is_vlek = snp_leaf_is(cert, SNP_VLEK);
    const char *what = is_vlek ? "the VLEK" : "the VCEK";
    if (!is_vcek && !is_vlek) {
        return collateral_refuse(why, "the certificate", "it is neither a VCEK nor a VLEK");
    }
    const char *wrong = snp_leaf_read(cert, &leaf);
    if (wrong != NULL || leaf.product == SNP_UNKNOWN) {
        return collateral_refuse(why, what, wrong != NULL ? wrong : "its product is not known");
    }
    if (!product_fits(leaf.product, product)) {
        return collateral_refuse(why, what, "it is of another product");
    }
    const struct snp_trust trust = {.product = leaf.product,
                                    .kind = is_vlek ? SNP_VLEK : SNP_VCEK,
                                    .test_roots = test_roots,
                                    .time_s = time_s};
    struct snp_path path;
    wrong = snp_leaf_kind_wrong(&leaf, trust.kind);
    if (wrong != NULL) {
        return collateral_refuse(why, what, wrong);
    }
    enum x509_status status = snp_trust_leaf(cert, &trust, &path);
    ret->test_root = path.test_root;
    if (status != X509_IS_OK) {
        return collateral_refuse_status(why, what, status);
    }
    leaf_key(&leaf, is_vlek, ret->key);
    ret->what = is_vlek ? "vlek" : "vcek";
    ret->valid_from_s = x509_cert_not_before(cert);
    ret->valid_to_s = x509_cert_not_after(cert);
    return LUCID_OK;
}

/* --- revocation lists ------------------------------------------------------------------------- */

static enum lucid_error crl_take(const struct x509_crl *crl, struct lucid_span product,
                                 struct lucid_span test_roots, uint64_t time_s,
                                 struct collateral_item *ret, struct lucid_why *why)
{
    enum x509_status status = X509_IS_NO_ISSUER;
    enum snp_product found = SNP_UNKNOWN;
    for (unsigned i = SNP_MILAN; i < SNP_PRODUCTS && status == X509_IS_NO_ISSUER; i++) {
        if (product_fits((enum snp_product)i, product)) {
            status = snp_trust_list(crl, (enum snp_product)i, time_s);
            found = (enum snp_product)i;
        }
    }
    ret->test_root = status == X509_IS_NO_ISSUER && test_roots.len > 0;
    if (ret->test_root) {
        found = snp_product_find(product);
        if (found == SNP_UNKNOWN) {
            return collateral_refuse(why, "the revocation list",
                                     "of a test root, product must be given");
        }
        status = snp_trust_test_list(crl, test_roots, time_s);
    }
    if (status != X509_IS_OK) {
        return collateral_refuse_status(why, "the revocation list", status);
    }
    snp_key("crl", found, ret->key);
    collateral_crl_tell(crl, ret);
    return LUCID_OK;
}

enum lucid_error collateral_snp(struct lucid_span bytes, struct lucid_span product,
                                struct lucid_span test_roots, uint64_t time_s,
                                struct collateral_item *ret, struct lucid_why *why)
{
    struct collateral_item item = {.what = NULL};
    struct x509_certs certs = {.count = 0};
    struct x509_crl *crl = NULL;
    enum lucid_error error;
    if (product.len > 0 && snp_product_find(product) == SNP_UNKNOWN) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "COLLATERAL_REFUSED", "product",
                            "this product is not known: Milan, Genoa, Turin");
    }
    if (x509_certs_read(bytes, &certs) == X509_IS_OK) {
        error = certs.count == 1
                    ? leaf_take(certs.items[0], product, test_roots, time_s, &item, why)
                    : collateral_refuse(why, "this", "one certificate at a time");
    } else {
        enum x509_status status = x509_crl_read(bytes, &crl);
        error = status == X509_IS_OK
                    ? crl_take(crl, product, test_roots, time_s, &item, why)
                    : collateral_refuse_status(
                          why, "what is neither certificate nor revocation list", status);
    }
    x509_certs_fini(&certs);
    x509_crl_free(crl);
    if (error == LUCID_OK) {
        *ret = item;
    }
    return error;
}

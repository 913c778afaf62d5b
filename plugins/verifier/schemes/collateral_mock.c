/* Revocation lists of the mock's roots, checked before they are kept. */
#include "plugins/verifier/schemes/collateral_internal.h"
#include "plugins/verifier/schemes/mock.h"

/* By any of the roots; of several with one name another might have signed it. */
static enum x509_status list_verify(const struct x509_crl *crl, struct lucid_span roots,
                                    uint64_t time_s)
{
    struct x509_certs anchors = {.count = 0};
    enum x509_status status = X509_IS_NO_ISSUER;
    enum x509_status read = roots.len > 0 ? x509_certs_read(roots, &anchors) : X509_IS_OK;
    for (size_t i = 0; i < anchors.count; i++) {
        enum x509_status one =
            x509_crl_verify(crl, anchors.items[i], time_s, MOCK_CERTIFICATE_ALGORITHMS);
        status = one == X509_IS_NO_ISSUER ? status : one;
        if (one != X509_IS_NO_ISSUER && one != X509_IS_BAD_SIGNATURE) {
            break;
        }
    }
    x509_certs_fini(&anchors);
    return read == X509_IS_OK ? status : read;
}

enum lucid_error collateral_mock(struct lucid_span bytes, struct lucid_span product,
                                 struct lucid_span roots, uint64_t time_s,
                                 struct collateral_item *ret, struct lucid_why *why)
{
    static const char what[] = "the revocation list";
    struct collateral_item item = {.key = MOCK_CRL_KEY};
    struct x509_crl *crl = NULL;
    if (product.len > 0 && !lucid_span_is(product, MOCK_PRODUCT)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "COLLATERAL_REFUSED", "product",
                            "this product is not known: there is one, " MOCK_PRODUCT);
    }
    enum x509_status status = x509_crl_read(bytes, &crl);
    if (status == X509_IS_OK) {
        status = list_verify(crl, roots, time_s);
    }
    if (status == X509_IS_OK) {
        collateral_crl_tell(crl, &item);
    }
    x509_crl_free(crl);
    if (status != X509_IS_OK) {
        return collateral_refuse_status(why, what, status);
    }
    *ret = item;
    return LUCID_OK;
}

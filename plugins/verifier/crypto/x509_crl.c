/* Revocation lists. */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "plugins/verifier/crypto/x509_internal.h"

struct x509_crl {
    X509_CRL *list;
};

static enum x509_status der_read(struct lucid_span der, struct x509_crl **ret)
{
    if (!x509_form_ok(der)) {
        return X509_IS_MALFORMED;
    }
    struct x509_crl *crl = calloc(1, sizeof(*crl));
    if (crl == NULL) {
        return X509_IS_NO_MEMORY;
    }
    const unsigned char *at = der.data;
    crl->list = d2i_X509_CRL(NULL, &at, (long)der.len);
    ERR_clear_error();
    if (crl->list == NULL || at != der.data + der.len) {
        x509_crl_free(crl);
        return X509_IS_MALFORMED;
    }
    *ret = crl;
    return X509_IS_OK;
}

enum x509_status x509_crl_read(struct lucid_span bytes, struct x509_crl **ret)
{
    if (bytes.len > X509_CRL_BYTES_MAX) {
        return X509_IS_TOO_LARGE;
    }
    if (bytes.len > 0 && bytes.data[0] == 0x30) {
        return der_read(bytes, ret);
    }
    struct lucid_buf der;
    lucid_buf_init(&der, 2 * X509_CRL_BYTES_MAX);
    bool end = false;
    enum x509_status status = x509_pem_next(&bytes, "X509 CRL", &der, &end);
    for (size_t i = 0; i < bytes.len && status == X509_IS_OK; i++) {
        if (strchr(" \t\r\n", bytes.data[i]) == NULL || bytes.data[i] == '\0') {
            status = X509_IS_MALFORMED;
        }
    }
    if (status == X509_IS_OK) {
        status = end ? X509_IS_MALFORMED : der_read(lucid_buf_span(&der), ret);
    }
    lucid_buf_fini(&der);
    return status;
}

void x509_crl_free(struct x509_crl *crl)
{
    if (crl != NULL) {
        X509_CRL_free(crl->list);
        free(crl);
    }
}

/* A distribution point that takes nothing away from what the list covers. */
static bool covers_all(const X509_CRL *list)
{
    int critical = 0;
    ISSUING_DIST_POINT *point =
        X509_CRL_get_ext_d2i(list, NID_issuing_distribution_point, &critical, NULL);
    if (point == NULL) {
        return critical == -1; /* none; else twice, or not to be read */
    }
    bool all = point->onlyuser <= 0 && point->onlyCA <= 0 && point->onlyattr <= 0 &&
               point->onlysomereasons == NULL;
    ISSUING_DIST_POINT_free(point);
    return all;
}

/* No critical extension that nobody here looks at, in the list or in an entry of it, and of the
 * list's none twice. */
static bool extensions_known(X509_CRL *list)
{
    for (int i = 0; i < X509_CRL_get_ext_count(list); i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(list, i);
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);
        int nid = OBJ_obj2nid(object);
        if (nid == NID_delta_crl || X509_CRL_get_ext_by_OBJ(list, object, i) >= 0 ||
            (X509_EXTENSION_get_critical(extension) && nid != NID_issuing_distribution_point)) {
            return false;
        }
    }
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(list);
    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
        for (int k = 0; k < X509_REVOKED_get_ext_count(entry); k++) {
            X509_EXTENSION *extension = X509_REVOKED_get_ext(entry, k);
            if (X509_EXTENSION_get_critical(extension) &&
                OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_certificate_issuer) {
                return false;
            }
        }
    }
    return true;
}

static enum x509_status crl_check(const struct x509_crl *crl, const struct x509_cert *issuer,
                                  uint64_t time_s, unsigned algorithms)
{
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl->list), X509_get_subject_name(issuer->x)) != 0) {
        return X509_IS_NO_ISSUER;
    }
    if ((X509_get_extension_flags(issuer->x) & EXFLAG_KUSAGE) != 0 &&
        (X509_get_key_usage(issuer->x) & KU_CRL_SIGN) == 0) {
        return X509_IS_BAD_CA;
    }
    const X509_ALGOR *algorithm = NULL;
    X509_CRL_get0_signature(crl->list, NULL, &algorithm);
    if ((x509_algorithm_of(algorithm) & algorithms) == 0) {
        return X509_IS_BAD_ALGORITHM;
    }
    EVP_PKEY *key = X509_get0_pubkey(issuer->x);
    if (key == NULL || X509_CRL_verify(crl->list, key) != 1) {
        return X509_IS_BAD_SIGNATURE;
    }
    if (!covers_all(crl->list) || !extensions_known(crl->list)) {
        return X509_IS_BAD_EXTENSION;
    }
    if (time_s < x509_crl_this_update(crl)) {
        return X509_IS_NOT_YET_VALID;
    }
    return time_s > x509_crl_next_update(crl) ? X509_IS_EXPIRED : X509_IS_OK;
}

enum x509_status x509_crl_verify(const struct x509_crl *crl, const struct x509_cert *issuer,
                                 uint64_t time_s, unsigned algorithms)
{
    enum x509_status status = crl_check(crl, issuer, time_s, algorithms);
    ERR_clear_error();
    return status;
}

uint64_t x509_crl_this_update(const struct x509_crl *crl)
{
    uint64_t time_s = 0;
    return x509_time_s(X509_CRL_get0_lastUpdate(crl->list), &time_s) ? time_s : UINT64_MAX;
}

uint64_t x509_crl_next_update(const struct x509_crl *crl)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl->list);
    uint64_t time_s = 0;
    return next != NULL && x509_time_s(next, &time_s) ? time_s : 0;
}

/* NULL: none, or none that can be read. */
static ASN1_INTEGER *number_of(const struct x509_crl *crl)
{
    return X509_CRL_get_ext_d2i(crl->list, NID_crl_number, NULL, NULL);
}

bool x509_crl_is_older(const struct x509_crl *crl, const struct x509_crl *than)
{
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl->list), X509_CRL_get_issuer(than->list)) != 0) {
        return false;
    }
    ASN1_INTEGER *number = number_of(crl);
    ASN1_INTEGER *other = number_of(than);
    int order = number != NULL && other != NULL ? ASN1_INTEGER_cmp(number, other) : 0;
    ASN1_INTEGER_free(number);
    ASN1_INTEGER_free(other);
    ERR_clear_error();
    return order != 0 ? order < 0 : x509_crl_this_update(crl) < x509_crl_this_update(than);
}

bool x509_crl_revokes(const struct x509_crl *crl, const struct x509_cert *cert)
{
    X509_REVOKED *entry = NULL;
    /* Not 0: also one with removeFromCRL, which has no meaning but in a delta. */
    bool revoked = X509_CRL_get0_by_cert(crl->list, &entry, cert->x) != 0;
    ERR_clear_error();
    return revoked;
}

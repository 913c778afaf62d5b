/* ECDSA on NIST curves with raw numbers, as hardware and JWS write them. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "plugins/verifier/crypto/x509_internal.h"

static size_t curve_bytes(enum x509_curve curve)
{
    return curve == X509_P256 ? 32 : 48;
}

static const char *curve_name(enum x509_curve curve)
{
    return curve == X509_P256 ? "prime256v1" : "secp384r1";
}

static bool key_is(const EVP_PKEY *key, enum x509_curve curve)
{
    char name[32] = "";
    size_t len = 0;
    return key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, name, sizeof(name), &len) == 1 &&
           strcmp(name, curve_name(curve)) == 0;
}

/* r or s as a DER INTEGER: a zero octet before a first bit that is set, no other leading zeros.
 * Returns how many bytes were written. */
static size_t integer_write(const uint8_t *number, size_t len, bool little, uint8_t *out)
{
    uint8_t big[48] = {0};
    for (size_t i = 0; i < len; i++) {
        big[i] = number[little ? len - 1 - i : i];
    }
    size_t skip = 0;
    while (skip < len - 1 && big[skip] == 0) {
        skip++;
    }
    size_t pad = big[skip] >= 0x80 ? 1 : 0;
    out[0] = 0x02;
    out[1] = (uint8_t)(len - skip + pad);
    out[2] = 0;
    memcpy(out + 2 + pad, big + skip, len - skip);
    return 2 + pad + len - skip;
}

static enum x509_status key_verify(EVP_PKEY *key, enum x509_curve curve, enum x509_hash hash,
                                   struct lucid_span message, struct lucid_span signature,
                                   bool little)
{
    size_t len = curve_bytes(curve);
    if (signature.len != 2 * len) {
        return X509_IS_BAD_SIGNATURE;
    }
    uint8_t der[2 + 2 * (2 + 1 + 48)];
    size_t used = 2;
    used += integer_write(signature.data, len, little, der + used);
    used += integer_write(signature.data + len, len, little, der + used);
    der[0] = 0x30;
    der[1] = (uint8_t)(used - 2); /* at most 102: the short form */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    enum x509_status status = X509_IS_NO_MEMORY;
    if (context != NULL &&
        EVP_DigestVerifyInit(context, NULL, hash == X509_SHA256 ? EVP_sha256() : EVP_sha384(), NULL,
                             key) == 1) {
        status = EVP_DigestVerify(context, der, used, message.data, message.len) == 1
                     ? X509_IS_OK
                     : X509_IS_BAD_SIGNATURE;
    }
    EVP_MD_CTX_free(context);
    return status;
}

enum x509_status x509_cert_ecdsa_verify(const struct x509_cert *cert, enum x509_curve curve,
                                        enum x509_hash hash, struct lucid_span message,
                                        struct lucid_span signature, bool little)
{
    EVP_PKEY *key = X509_get0_pubkey(cert->x);
    enum x509_status status = key_is(key, curve)
                                  ? key_verify(key, curve, hash, message, signature, little)
                                  : X509_IS_BAD_KEY;
    ERR_clear_error();
    return status;
}

/* The key of a point; NULL: no point of the curve. */
static EVP_PKEY *point_key(struct lucid_span point, enum x509_curve curve)
{
    uint8_t encoded[1 + X509_POINT_BYTES_MAX] = {0x04};
    memcpy(encoded + 1, point.data, point.len);
    char name[sizeof("prime256v1")];
    memcpy(name, curve_name(curve), strlen(curve_name(curve)) + 1);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded, 1 + point.len),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

enum x509_status x509_point_ecdsa_verify(struct lucid_span point, enum x509_curve curve,
                                         enum x509_hash hash, struct lucid_span message,
                                         struct lucid_span signature, bool little)
{
    if (point.len != 2 * curve_bytes(curve)) {
        return X509_IS_BAD_KEY;
    }
    EVP_PKEY *key = point_key(point, curve);
    enum x509_status status =
        key == NULL ? X509_IS_BAD_KEY : key_verify(key, curve, hash, message, signature, little);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return status;
}

enum x509_status x509_cert_point(const struct x509_cert *cert, enum x509_curve curve,
                                 uint8_t ret[X509_POINT_BYTES_MAX], size_t *ret_len)
{
    EVP_PKEY *key = X509_get0_pubkey(cert->x);
    int len = (int)curve_bytes(curve);
    BIGNUM *x = NULL;
    BIGNUM *y = NULL;
    enum x509_status status = X509_IS_BAD_KEY;
    uint8_t point[X509_POINT_BYTES_MAX];
    if (key_is(key, curve) && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
        BN_bn2binpad(x, point, len) == len && BN_bn2binpad(y, point + len, len) == len) {
        memcpy(ret, point, 2 * (size_t)len);
        *ret_len = 2 * (size_t)len;
        status = X509_IS_OK;
    }
    BN_free(x);
    BN_free(y);
    ERR_clear_error();
    return status;
}

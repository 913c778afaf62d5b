/* Keys, certificates and the list of those revoked, by OpenSSL. */
#include "tools/mock_agent/keys_internal.h"

#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define HOUR_S         3600
#define DAY_S          86400
#define LIFE_S         ((uint64_t)3652 * DAY_S)
#define SERIAL_BYTES   16
#define SIGNATURE_HALF 32

EVP_PKEY *keys_make(void)
{
    return EVP_EC_gen("P-256");
}

bool keys_is_p256(const EVP_PKEY *key)
{
    char name[32] = "";
    size_t len = 0;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, name, sizeof(name), &len) == 1 &&
           strcmp(name, "prime256v1") == 0;
}

/* --- certificates ----------------------------------------------------------------------------- */

static bool extension_add(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool name_set(X509_NAME *name, const char *common)
{
    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"Lucid mock",
                                      -1, -1, 0) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common, -1,
                                      -1, 0) == 1;
}

static bool serial_set(X509 *certificate)
{
    uint8_t bytes[SERIAL_BYTES];
    lucid_random(bytes, sizeof(bytes));
    bytes[0] = (bytes[0] & 0x3f) | 0x40; /* positive, of one length */
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool ok =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return ok;
}

X509 *keys_certify(const char *common, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                   uint64_t now_s)
{
    bool is_root = issuer == NULL;
    X509 *certificate = X509_new();
    bool ok = certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
              serial_set(certificate) && name_set(X509_get_subject_name(certificate), common) &&
              X509_set_issuer_name(certificate,
                                   X509_get_subject_name(is_root ? certificate : issuer)) == 1 &&
              ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(now_s - HOUR_S)) != NULL &&
              ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(now_s + LIFE_S)) != NULL &&
              X509_set_pubkey(certificate, key) == 1;
    X509 *by = is_root ? certificate : issuer;
    ok = ok &&
         extension_add(certificate, by, NID_basic_constraints,
                       is_root ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
         extension_add(certificate, by, NID_key_usage,
                       is_root ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
         extension_add(certificate, by, NID_subject_key_identifier, "hash") &&
         extension_add(certificate, by, NID_authority_key_identifier, "keyid:always") &&
         X509_sign(certificate, is_root ? key : issuer_key, EVP_sha256()) > 0;
    if (!ok) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

/* --- forms ------------------------------------------------------------------------------------ */

static bool bio_take(BIO *bio, struct lucid_buf *out)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    if (len > 0) {
        lucid_buf_put(out, data, (size_t)len);
    }
    return len > 0 && lucid_buf_ok(out);
}

bool keys_key_pem(EVP_PKEY *key, struct lucid_buf *out)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    bool ok = bio != NULL &&
              PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
              bio_take(bio, out);
    BIO_free(bio);
    return ok;
}

bool keys_certificate_pem(X509 *certificate, struct lucid_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL && PEM_write_bio_X509(bio, certificate) == 1 && bio_take(bio, out);
    BIO_free(bio);
    return ok;
}

/* An encrypted one would have OpenSSL ask at the terminal. */
static int no_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

EVP_PKEY *keys_key_read(struct lucid_span pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    return key;
}

X509 *keys_certificate_read(struct lucid_span pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, no_password, NULL);
    BIO_free(bio);
    return certificate;
}

bool keys_certificate_base64(X509 *certificate, struct lucid_buf *out)
{
    uint8_t *der = NULL;
    int len = i2d_X509(certificate, &der);
    if (len > 0) {
        lucid_buf_base64(out, der, (size_t)len);
    }
    OPENSSL_free(der);
    return len > 0 && lucid_buf_ok(out);
}

/* --- signatures ------------------------------------------------------------------------------- */

/* RFC 7518 3.4: r ‖ s, of DER's two numbers. */
static bool raw_of(const uint8_t *der, size_t len, uint8_t ret[KEYS_SIGNATURE_BYTES])
{
    const uint8_t *at = der;
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &at, (long)len);
    bool ok = numbers != NULL &&
              BN_bn2binpad(ECDSA_SIG_get0_r(numbers), ret, SIGNATURE_HALF) == SIGNATURE_HALF &&
              BN_bn2binpad(ECDSA_SIG_get0_s(numbers), ret + SIGNATURE_HALF, SIGNATURE_HALF) ==
                  SIGNATURE_HALF;
    ECDSA_SIG_free(numbers);
    return ok;
}

bool keys_sign(EVP_PKEY *key, struct lucid_span message, uint8_t ret[KEYS_SIGNATURE_BYTES])
{
    uint8_t der[2 + 2 * (2 + 1 + SIGNATURE_HALF)];
    size_t len = sizeof(der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(context, der, &len, message.data, message.len) == 1 &&
              raw_of(der, len, ret);
    EVP_MD_CTX_free(context);
    return ok;
}

/* --- revocation ------------------------------------------------------------------------------- */

static bool entry_add(X509_CRL *crl, const X509 *certificate, const ASN1_TIME *time)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    bool ok = entry != NULL &&
              X509_REVOKED_set_serialNumber(
                  entry, (ASN1_INTEGER *)(uintptr_t)X509_get0_serialNumber(certificate)) == 1 &&
              X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)(uintptr_t)time) == 1 &&
              X509_CRL_add0_revoked(crl, entry) == 1;
    if (!ok) {
        X509_REVOKED_free(entry);
    }
    return ok;
}

bool keys_crl_write(X509 *root, EVP_PKEY *root_key, const X509 *revoked, uint64_t now_s,
                    struct lucid_buf *out)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)now_s);
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)(now_s + DAY_S));
    uint8_t *der = NULL;
    bool ok = crl != NULL && from != NULL && until != NULL &&
              X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl, X509_get_subject_name(root)) == 1 &&
              X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, until) == 1;
    ok = ok && (revoked == NULL || entry_add(crl, revoked, from)) && X509_CRL_sort(crl) == 1 &&
         X509_CRL_sign(crl, root_key, EVP_sha256()) > 0;
    int len = ok ? i2d_X509_CRL(crl, &der) : 0;
    if (len > 0) {
        lucid_buf_put(out, der, (size_t)len);
    }
    OPENSSL_free(der);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_CRL_free(crl);
    return len > 0 && lucid_buf_ok(out);
}

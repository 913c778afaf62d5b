/* plugins/verifier/crypto/x509.h on the certificates of real hardware
 * (tests/vectors/attestation). */
#include "files.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "plugins/verifier/crypto/x509.h"

#define TIME_S UINT64_C(1740000000) /* 2025-02-19: every certificate here is valid */

static const struct x509_rules rules = {.algorithms = X509_RSA_PSS_SHA384, .leaf_keys = X509_P384};
static const char *const products[] = {"milan", "genoa", "turin"};

static void certs_add(struct x509_certs *certs, const char *name)
{
    struct lucid_buf file = file_read(name);
    assert_int_equal(x509_certs_read(lucid_buf_span(&file), certs), X509_IS_OK);
    lucid_buf_fini(&file);
}

static struct x509_certs certs_of(const char *name)
{
    struct x509_certs certs = {.count = 0};
    certs_add(&certs, name);
    return certs;
}

/* ASK, ARK, ASVK of a product, as between and anchors. */
static void roots_of(const char *product, struct x509_certs *between, struct x509_certs *anchors)
{
    char name[64];
    snprintf(name, sizeof(name), "snp/%s_ask_ark_asvk.pem", product);
    struct x509_certs all = certs_of(name);
    assert_int_equal(all.count, 3);
    *between = (struct x509_certs){.items = {all.items[0], all.items[2]}, .count = 2};
    *anchors = (struct x509_certs){.items = {all.items[1]}, .count = 1};
}

static enum x509_status verify(const char *leaf_name, const char *product, uint64_t time_s)
{
    struct x509_certs between;
    struct x509_certs anchors;
    roots_of(product, &between, &anchors);
    struct x509_certs leaf = certs_of(leaf_name);
    size_t anchor = 99;
    enum x509_status status =
        x509_chain_verify(leaf.items[0], &between, &anchors, time_s, &rules, &anchor);
    assert_int_equal(anchor, status == X509_IS_OK ? 0 : 99);
    assert_int_equal(ERR_peek_error(), 0);
    x509_certs_fini(&leaf);
    x509_certs_fini(&between);
    x509_certs_fini(&anchors);
    return status;
}

static const struct {
    const char *file;
    const char *product;
} leaves[] = {
    {"snp/milan-v2-vcek.vcek.der", "milan"},    {"snp/gosev-milan.vcek.der", "milan"},
    {"snp/v3-vlek.vlek.der", "milan"},          {"snp/virtee-turin.vcek.der", "turin"},
    {"snp-azure-vtpm/vcek-genoa.pem", "genoa"},
};

static void test_chains(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        for (size_t k = 0; k < 3; k++) {
            enum x509_status status = verify(leaves[i].file, products[k], TIME_S);
            if (strcmp(products[k], leaves[i].product) == 0) {
                assert_int_equal(status, X509_IS_OK);
            } else {
                assert_int_equal(status, X509_IS_NO_ISSUER);
            }
        }
    }
    assert_int_equal(verify("snp/neg-vcek-invalid-new.der", "milan", TIME_S),
                     X509_IS_BAD_SIGNATURE);
}

/* The second before the first and after the last of a leaf's life. */
static void test_clock(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        struct x509_certs leaf = certs_of(leaves[i].file);
        uint64_t from = x509_cert_not_before(leaf.items[0]);
        uint64_t to = x509_cert_not_after(leaf.items[0]);
        const char *file = leaves[i].file;
        const char *product = leaves[i].product;
        assert_int_equal(verify(file, product, from - 1), X509_IS_NOT_YET_VALID);
        assert_int_equal(verify(file, product, from), X509_IS_OK);
        assert_int_equal(verify(file, product, to), X509_IS_OK);
        assert_int_equal(verify(file, product, to + 1), X509_IS_EXPIRED);
        assert_int_equal(verify(file, product, UINT64_MAX), X509_IS_EXPIRED);
        x509_certs_fini(&leaf);
    }
    struct x509_certs vlek = certs_of("snp/v3-vlek.vlek.der");
    assert_int_equal(x509_cert_not_before(vlek.items[0]), 1733868861); /* 2024-12-10T22:14:21Z */
    assert_int_equal(x509_cert_not_after(vlek.items[0]), 1765404861);  /* 2025-12-10T22:14:21Z */
    x509_certs_fini(&vlek);
}

static void test_rules(void **state)
{
    (void)state;
    struct x509_certs between;
    struct x509_certs anchors;
    roots_of("milan", &between, &anchors);
    struct x509_certs leaf = certs_of("snp/gosev-milan.vcek.der");
    const struct x509_cert *vcek = leaf.items[0];
    struct x509_rules other = {.algorithms = X509_ECDSA_SHA256 | X509_ECDSA_SHA384,
                               .leaf_keys = X509_P384};
    assert_int_equal(x509_chain_verify(vcek, &between, &anchors, TIME_S, &other, NULL),
                     X509_IS_BAD_ALGORITHM);
    other = (struct x509_rules){.algorithms = X509_RSA_PSS_SHA384, .leaf_keys = X509_P256};
    assert_int_equal(x509_chain_verify(vcek, &between, &anchors, TIME_S, &other, NULL),
                     X509_IS_BAD_KEY);
    /* A CA is no leaf, what is not listed is no anchor, a leaf is no issuer. */
    assert_int_equal(x509_chain_verify(between.items[0], NULL, &anchors, TIME_S, &rules, NULL),
                     X509_IS_BAD_LEAF);
    assert_int_equal(x509_chain_verify(vcek, &between, &leaf, TIME_S, &rules, NULL),
                     X509_IS_NO_ISSUER);
    assert_int_equal(x509_chain_verify(vcek, NULL, &anchors, TIME_S, &rules, NULL),
                     X509_IS_NO_ISSUER);
    struct x509_certs none = {.count = 0};
    struct x509_certs all = {.items = {between.items[0], anchors.items[0]}, .count = 2};
    assert_int_equal(x509_chain_verify(vcek, &all, &none, TIME_S, &rules, NULL), X509_IS_NO_ISSUER);
    assert_true(x509_cert_issued_by(vcek, between.items[0]));
    assert_false(x509_cert_issued_by(vcek, between.items[1]));
    assert_false(x509_cert_issued_by(vcek, anchors.items[0]));
    x509_certs_fini(&leaf);
    x509_certs_fini(&between);
    x509_certs_fini(&anchors);
}

/* A path that ends in an anchor which is no root, where the caller says so. */
static void test_any_anchor(void **state)
{
    (void)state;
    struct x509_certs between;
    struct x509_certs anchors;
    roots_of("milan", &between, &anchors);
    struct x509_certs leaf = certs_of("snp/gosev-milan.vcek.der");
    struct x509_certs flipped = {.count = 0};
    uint8_t der[2048];
    struct lucid_span bytes = x509_cert_der(leaf.items[0]);
    assert_in_range(bytes.len, 1, sizeof(der));
    memcpy(der, bytes.data, bytes.len);
    der[bytes.len - 1] ^= 1;
    assert_int_equal(x509_certs_read(lucid_span(der, bytes.len), &flipped), X509_IS_OK);
    struct x509_rules any = rules;
    any.any_anchor = true;
    uint64_t end = x509_cert_not_after(leaf.items[0]) + 1;
    size_t at = 99;
    const struct x509_cert *vcek = leaf.items[0];
    assert_int_equal(x509_chain_verify(vcek, NULL, &between, TIME_S, &rules, NULL),
                     X509_IS_NO_ISSUER);
    assert_int_equal(x509_chain_verify(vcek, NULL, &between, TIME_S, &any, &at), X509_IS_OK);
    assert_int_equal(at, 0); /* the ASK; the other is the ASVK */
    assert_int_equal(x509_chain_verify(vcek, NULL, &between, end, &any, NULL), X509_IS_EXPIRED);
    assert_int_equal(x509_chain_verify(vcek, &between, &anchors, TIME_S, &any, NULL), X509_IS_OK);
    assert_int_equal(x509_chain_verify(vcek, NULL, &anchors, TIME_S, &any, NULL),
                     X509_IS_NO_ISSUER);
    assert_int_equal(x509_chain_verify(flipped.items[0], NULL, &between, TIME_S, &any, NULL),
                     X509_IS_BAD_SIGNATURE);
    const struct x509_cert *ark = anchors.items[0];
    assert_int_equal(x509_cert_time_check(ark, TIME_S), X509_IS_OK);
    assert_int_equal(x509_cert_time_check(ark, x509_cert_not_before(ark) - 1),
                     X509_IS_NOT_YET_VALID);
    assert_int_equal(x509_cert_time_check(ark, x509_cert_not_after(ark)), X509_IS_OK);
    assert_int_equal(x509_cert_time_check(ark, x509_cert_not_after(ark) + 1), X509_IS_EXPIRED);
    x509_certs_fini(&flipped);
    x509_certs_fini(&leaf);
    x509_certs_fini(&between);
    x509_certs_fini(&anchors);
}

static void test_access(void **state)
{
    (void)state;
    struct x509_certs vlek = certs_of("snp/v3-vlek.vlek.der");
    char name[X509_NAME_BYTES_MAX + 1];
    assert_true(x509_cert_subject(vlek.items[0], name));
    assert_string_equal(name, "SEV-VLEK");
    assert_true(x509_cert_issuer(vlek.items[0], name));
    assert_string_equal(name, "SEV-VLEK-Milan");
    static const uint8_t microcode[] = {0x2b, 6, 1, 4, 1, 0x9c, 0x78, 1, 3, 8};
    static const uint8_t hwid[] = {0x2b, 6, 1, 4, 1, 0x9c, 0x78, 1, 4};
    struct lucid_span value = {.data = NULL};
    assert_int_equal(
        x509_cert_extension(vlek.items[0], lucid_span(microcode, sizeof(microcode)), &value),
        X509_IS_OK);
    assert_int_equal(value.len, 4);
    assert_memory_equal(value.data, "\x02\x02\x00\xd9", 4);
    assert_int_equal(x509_cert_extension(vlek.items[0], lucid_span(hwid, sizeof(hwid)), &value),
                     X509_IS_OK);
    assert_null(value.data);
    uint8_t point[X509_POINT_BYTES_MAX];
    size_t len = 0;
    assert_int_equal(x509_cert_point(vlek.items[0], X509_P384, point, &len), X509_IS_OK);
    assert_int_equal(len, 96);
    assert_int_equal(x509_cert_point(vlek.items[0], X509_P256, point, &len), X509_IS_BAD_KEY);
    x509_certs_fini(&vlek);
}

/* The report's own signature, little endian, by the certificate and by its bare point. */
static void test_ecdsa(void **state)
{
    (void)state;
    struct x509_certs vcek = certs_of("snp/gosev-milan.vcek.der");
    struct lucid_buf report = file_read("snp/gosev-milan.report.bin");
    uint8_t raw[96];
    memcpy(raw, report.data + 0x2a0, 48);
    memcpy(raw + 48, report.data + 0x2a0 + 72, 48);
    struct lucid_span signature = lucid_span(raw, sizeof(raw));
    struct lucid_span message = lucid_span(report.data, 0x2a0);
    const struct x509_cert *cert = vcek.items[0];
    assert_int_equal(x509_cert_ecdsa_verify(cert, X509_P384, X509_SHA384, message, signature, true),
                     X509_IS_OK);
    assert_int_equal(
        x509_cert_ecdsa_verify(cert, X509_P384, X509_SHA384, message, signature, false),
        X509_IS_BAD_SIGNATURE);
    assert_int_equal(x509_cert_ecdsa_verify(cert, X509_P384, X509_SHA256, message, signature, true),
                     X509_IS_BAD_SIGNATURE);
    assert_int_equal(x509_cert_ecdsa_verify(cert, X509_P256, X509_SHA384, message, signature, true),
                     X509_IS_BAD_KEY);
    assert_int_equal(
        x509_cert_ecdsa_verify(cert, X509_P384, X509_SHA384, message, lucid_span(raw, 95), true),
        X509_IS_BAD_SIGNATURE);
    uint8_t point[X509_POINT_BYTES_MAX];
    size_t len = 0;
    assert_int_equal(x509_cert_point(cert, X509_P384, point, &len), X509_IS_OK);
    struct lucid_span key = lucid_span(point, len);
    assert_int_equal(x509_point_ecdsa_verify(key, X509_P384, X509_SHA384, message, signature, true),
                     X509_IS_OK);
    /* Reversed by hand it verifies as big endian. */
    uint8_t big[96];
    for (size_t i = 0; i < 48; i++) {
        big[i] = raw[47 - i];
        big[48 + i] = raw[95 - i];
    }
    assert_int_equal(
        x509_point_ecdsa_verify(key, X509_P384, X509_SHA384, message, lucid_span(big, 96), false),
        X509_IS_OK);
    point[95] ^= 1; /* no point of the curve any more */
    assert_int_equal(x509_point_ecdsa_verify(key, X509_P384, X509_SHA384, message, signature, true),
                     X509_IS_BAD_KEY);
    assert_int_equal(x509_point_ecdsa_verify(lucid_span(point, 64), X509_P384, X509_SHA384, message,
                                             signature, true),
                     X509_IS_BAD_KEY);
    memset(raw, 0, sizeof(raw));
    assert_int_equal(x509_cert_ecdsa_verify(cert, X509_P384, X509_SHA384, message, signature, true),
                     X509_IS_BAD_SIGNATURE);
    memset(raw, 0xff, sizeof(raw));
    assert_int_equal(x509_cert_ecdsa_verify(cert, X509_P384, X509_SHA384, message, signature, true),
                     X509_IS_BAD_SIGNATURE);
    assert_int_equal(ERR_peek_error(), 0);
    lucid_buf_fini(&report);
    x509_certs_fini(&vcek);
}

static enum x509_status read_status(struct lucid_span bytes)
{
    struct x509_certs certs = {.count = 0};
    enum x509_status status = x509_certs_read(bytes, &certs);
    assert_int_equal(certs.count != 0, status == X509_IS_OK);
    x509_certs_fini(&certs);
    return status;
}

static void test_reading(void **state)
{
    (void)state;
    struct lucid_buf der = file_read("snp/gosev-milan.vcek.der");
    for (size_t len = 0; len < der.len; len++) {
        assert_int_equal(read_status(lucid_span(der.data, len)), X509_IS_MALFORMED);
    }
    assert_int_equal(read_status(lucid_buf_span(&der)), X509_IS_OK);
    lucid_buf_char(&der, '\0');
    assert_int_equal(read_status(lucid_buf_span(&der)), X509_IS_MALFORMED);
    lucid_buf_fini(&der);

    struct lucid_buf pem = file_read("snp/milan_ask_ark_asvk.pem");
    assert_int_equal(read_status(lucid_buf_span(&pem)), X509_IS_OK);
    lucid_buf_str(&pem, " \r\n\t");
    assert_int_equal(read_status(lucid_buf_span(&pem)), X509_IS_OK);
    lucid_buf_str(&pem, "x");
    assert_int_equal(read_status(lucid_buf_span(&pem)), X509_IS_MALFORMED);
    pem.data[40] = '*';
    assert_int_equal(read_status(lucid_buf_span(&pem)), X509_IS_MALFORMED);
    lucid_buf_fini(&pem);
    assert_int_equal(read_status(lucid_span_str("   ")), X509_IS_MALFORMED);
    assert_int_equal(
        read_status(lucid_span_str("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")),
        X509_IS_MALFORMED);
    assert_int_equal(
        read_status(lucid_span_str("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")),
        X509_IS_MALFORMED);

    /* More than the list takes: nothing of it is kept, what was there is. */
    struct lucid_buf many;
    lucid_buf_init(&many, 0);
    struct lucid_buf one = file_read("snp/virtee-milan-ark.pem");
    for (size_t i = 0; i < X509_CERTS_MAX; i++) {
        lucid_buf_span_put(&many, lucid_buf_span(&one));
    }
    struct x509_certs certs = certs_of("snp/gosev-milan.vcek.der");
    assert_int_equal(x509_certs_read(lucid_buf_span(&many), &certs), X509_IS_TOO_LARGE);
    assert_int_equal(certs.count, 1);
    x509_certs_fini(&certs);
    assert_int_equal(x509_certs_read(lucid_buf_span(&many), &certs), X509_IS_OK);
    assert_int_equal(certs.count, X509_CERTS_MAX);
    assert_true(x509_cert_equal(certs.items[0], certs.items[X509_CERTS_MAX - 1]));
    x509_certs_fini(&certs);
    lucid_buf_fini(&one);
    lucid_buf_fini(&many);
}

/* The same certificate or list with the length of its outermost element in one octet more than it
 * needs, with a constructed element of unknown length around it, with a signature of a bit less. */
static void not_der(struct lucid_span der, enum x509_status (*status)(struct lucid_span))
{
    uint8_t other[4096];
    assert_in_range(der.len, 4, sizeof(other) - 8);
    assert_memory_equal(der.data, "\x30\x82", 2);
    assert_int_equal(status(der), X509_IS_OK);
    memcpy(other, "\x30\x83\x00", 3);
    memcpy(other + 3, der.data + 2, der.len - 2);
    assert_int_equal(status(lucid_span(other, der.len + 1)), X509_IS_MALFORMED);
    memcpy(other, "\x30\x80", 2);
    memcpy(other + 2, der.data + 4, der.len - 4);
    memset(other + der.len - 2, 0, 2);
    assert_int_equal(status(lucid_span(other, der.len)), X509_IS_MALFORMED);
    memcpy(other, der.data, der.len);
    other[der.len - 513] = 1; /* unused bits of an RSA-4096 signature */
    assert_int_equal(status(lucid_span(other, der.len)), X509_IS_MALFORMED);
}

static enum x509_status list_status(struct lucid_span bytes)
{
    struct x509_crl *crl = NULL;
    enum x509_status status = x509_crl_read(bytes, &crl);
    assert_int_equal(crl != NULL, status == X509_IS_OK);
    assert_int_equal(ERR_peek_error(), 0);
    x509_crl_free(crl);
    return status;
}

static void test_not_der(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum x509_status (*status)(struct lucid_span);
    } files[] = {{"snp/gosev-milan.vcek.der", read_status},
                 {"snp/v3-vlek.vlek.der", read_status},
                 {"synthetic/crl-good.der", list_status}};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct lucid_buf der = file_read(files[i].file);
        not_der(lucid_buf_span(&der), files[i].status);
        lucid_buf_fini(&der);
    }
}

/* --- which list is older ---------------------------------------------------------------------- */

/* A list as its issuer would sign it; number < 0: none. */
static struct x509_crl *list_of(const char *issuer, long number, long this_update_s)
{
    X509_CRL *made = X509_CRL_new();
    X509_NAME *name = X509_NAME_new();
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)this_update_s);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    unsigned char *der = NULL;
    struct x509_crl *ret = NULL;
    assert_true(made != NULL && name != NULL && time != NULL && key != NULL);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)issuer, -1, -1, 0),
                     1);
    assert_int_equal(X509_CRL_set_version(made, X509_CRL_VERSION_2), 1);
    assert_int_equal(X509_CRL_set_issuer_name(made, name), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(made, time), 1);
    if (number >= 0) {
        ASN1_INTEGER *value = ASN1_INTEGER_new();
        assert_int_equal(ASN1_INTEGER_set(value, number), 1);
        assert_int_equal(X509_CRL_add1_ext_i2d(made, NID_crl_number, value, 0, 0), 1);
        ASN1_INTEGER_free(value);
    }
    assert_true(X509_CRL_sign(made, key, EVP_sha256()) > 0);
    int len = i2d_X509_CRL(made, &der);
    assert_true(len > 0);
    assert_int_equal(x509_crl_read(lucid_span(der, (size_t)len), &ret), X509_IS_OK);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    ASN1_TIME_free(time);
    X509_NAME_free(name);
    X509_CRL_free(made);
    return ret;
}

static void test_older(void **state)
{
    static const struct {
        long number, than_number, time_s, than_time_s;
        const char *than_issuer;
        bool older;
    } cases[] = {
        {1, 2, 100, 100, "A", true},    {2, 1, 100, 100, "A", false},
        {1, 2, 200, 100, "A", true},    {2, 1, 100, 200, "A", false}, /* the number decides */
        {9, 10, 100, 100, "A", true},   {255, 256, 100, 100, "A", true},
        {3, 3, 100, 101, "A", true},    {3, 3, 101, 100, "A", false},
        {3, 3, 100, 100, "A", false},   {-1, -1, 100, 101, "A", true},
        {-1, -1, 101, 100, "A", false}, {-1, 7, 100, 101, "A", true},
        {7, -1, 101, 100, "A", false},  {1, 2, 100, 200, "B", false}, /* not of one issuer */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct x509_crl *list = list_of("A", cases[i].number, cases[i].time_s);
        struct x509_crl *than =
            list_of(cases[i].than_issuer, cases[i].than_number, cases[i].than_time_s);
        assert_int_equal(x509_crl_is_older(list, than), cases[i].older);
        assert_int_equal(ERR_peek_error(), 0);
        x509_crl_free(list);
        x509_crl_free(than);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),  cmocka_unit_test(test_clock),
        cmocka_unit_test(test_rules),   cmocka_unit_test(test_any_anchor),
        cmocka_unit_test(test_access),  cmocka_unit_test(test_ecdsa),
        cmocka_unit_test(test_reading), cmocka_unit_test(test_not_der),
        cmocka_unit_test(test_older),
    };
    return cmocka_run_group_tests_name("verifier x509", tests, NULL, NULL);
}

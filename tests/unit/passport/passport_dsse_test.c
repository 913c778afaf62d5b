/* plugins/passport/slsa/slsa.h: builders' keys, envelopes and their signatures; the protocol's own
 * vector and a bundle of sigstore. */
#include "tests/unit/passport/arena_kit.h"
#include "tests/unit/passport/slsa_kit.h"
#include "tests/unit/verifier/files.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/x509.h>

/* --- keys ------------------------------------------------------------------------------------- */

static void keys_are_read(void **state)
{
    (void)state;
    static const enum jose_alg algs[] = {JOSE_EDDSA, JOSE_ES256};
    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = kit_key_new(algs[i]);
        struct jose_key read = kit_public(key);
        assert_int_equal(read.alg, algs[i]);
        struct lucid_buf pem = {0};
        struct jose_key again = {.alg = JOSE_ES384};
        lucid_buf_str(&pem, " \r\n\t");
        kit_pem(key, &pem);
        lucid_buf_str(&pem, "\n\n");
        for (size_t at = 0; at < pem.len; at++) { /* another system's ends of lines */
            pem.data[at] = pem.data[at] == '\n' ? '\r' : pem.data[at];
        }
        assert_int_equal(slsa_key_read(lucid_buf_span(&pem), &again, NULL), LUCID_OK);
        assert_memory_equal(&again, &read, sizeof(read));
        lucid_buf_fini(&pem);
        EVP_PKEY_free(key);
    }
    /* RFC 8032 7.1 test 1, as raw bytes. */
    struct jose_key raw;
    assert_int_equal(
        slsa_key_read(lucid_span_str("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), &raw, NULL),
        LUCID_OK);
    assert_int_equal(raw.alg, JOSE_EDDSA);
    assert_int_equal(raw.x[0], 0xd7);
    assert_int_equal(raw.x[31], 0x1a);
    struct jose_key other;
    assert_int_equal(
        slsa_key_read(lucid_span_str("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), &other, NULL),
        LUCID_OK);
    assert_memory_equal(&raw, &other, sizeof(raw));
}

static void key_refused(struct lucid_span text, const char *says)
{
    struct jose_key key = {.alg = JOSE_ES384};
    struct lucid_why why = {.code = NULL};
    assert_int_equal(slsa_key_read(text, &key, &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_KEY");
    if (strstr(why.text, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why.text, says);
    }
    assert_int_equal(key.alg, JOSE_ES384); /* untouched */
}

static void keys_of_others_are_refused(void **state)
{
    (void)state;
    struct lucid_buf pem = {0};
    EVP_PKEY *p384 = kit_key_new(JOSE_ES384);
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    EVP_PKEY *p256 = kit_key_new(JOSE_ES256);
    kit_pem(p384, &pem);
    key_refused(lucid_buf_span(&pem), "P-256");
    lucid_buf_clear(&pem);
    kit_pem(rsa, &pem);
    key_refused(lucid_buf_span(&pem), "P-256");
    lucid_buf_clear(&pem);
    kit_pem(p256, &pem);
    size_t one = pem.len;
    kit_pem(p256, &pem);
    key_refused(lucid_buf_span(&pem), "P-256"); /* two blocks */
    key_refused(lucid_span(pem.data, one - 10), "PUBLIC KEY");
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    assert_int_equal(PEM_write_bio_PrivateKey(bio, p256, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &text);
    key_refused(lucid_span(text, (size_t)len), "private");
    BIO_free(bio);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    lucid_buf_fini(&pem);
    key_refused(lucid_span_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
                "certificate");
    key_refused(lucid_span_str(""), "PEM");
    key_refused(lucid_span_str("\n"), "PEM");
    key_refused(lucid_span_str("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ=="), "32 bytes");
    key_refused(lucid_span_str("ssh-ed25519 AAAA"), "PEM");
    char long_text[5000];
    memset(long_text, 'A', sizeof(long_text));
    key_refused(lucid_span(long_text, sizeof(long_text)), "PEM");
}

/* Each byte of a key's DER changed: refused, or another key, and never a point off the curve. */
static void every_change_of_a_key_is_seen(void **state)
{
    (void)state;
    EVP_PKEY *key = kit_key_new(JOSE_ES256);
    struct jose_key good = kit_public(key);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    assert_int_equal(len, 91);
    size_t refused = 0;
    for (size_t i = 0; i < (size_t)len; i++) {
        struct lucid_buf pem = {0};
        struct jose_key read;
        der[i] ^= 1;
        lucid_buf_str(&pem, "-----BEGIN PUBLIC KEY-----\n");
        lucid_buf_base64(&pem, der, (size_t)len);
        lucid_buf_str(&pem, "\n-----END PUBLIC KEY-----\n");
        if (slsa_key_read(lucid_buf_span(&pem), &read, NULL) == LUCID_OK) {
            assert_memory_not_equal(&read, &good, sizeof(read));
            assert_true(i >= 27); /* within x or y */
        } else {
            refused++;
        }
        der[i] ^= 1;
        lucid_buf_fini(&pem);
    }
    assert_true(refused >=
                27 + 32); /* another y of the same x is on the curve only as the mirror */
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

/* --- the protocol's vector ---------------------------------------------------------------------
 */

static struct lucid_buf vector_read(const char *name, const char *sha256)
{
    uint8_t digest[LUCID_SHA256_BYTES];
    char hex[2 * LUCID_SHA256_BYTES + 1] = "";
    struct lucid_buf file = file_read(name);
    lucid_sha256(lucid_buf_span(&file), digest);
    lucid_hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex, sha256);
    return file;
}

static void decimal_read(const struct jcs_value *value, uint8_t ret[32])
{
    char text[128] = "";
    struct lucid_span digits = jcs_string(value);
    assert_true(digits.len < sizeof(text));
    memcpy(text, digits.data, digits.len);
    BIGNUM *number = NULL;
    assert_int_equal(BN_dec2bn(&number, text), (int)digits.len);
    assert_int_equal(BN_bn2binpad(number, ret, 32), 32);
    BN_free(number);
}

static void vector_check(const char *name, const char *sha256, bool signed_well)
{
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 64};
    struct lucid_buf file = vector_read(name, sha256);
    const struct jcs_value *root = NULL;
    assert_int_equal(jcs_parse(lucid_buf_span(&file), &limits, &arena, &root, NULL), LUCID_OK);
    struct jose_key key = {.alg = JOSE_ES256};
    decimal_read(jcs_member(root, "x"), key.x);
    decimal_read(jcs_member(root, "y"), key.y);
    struct lucid_buf text = {0};
    jcs_write(jcs_member(root, "envelope"), &text);
    struct slsa_envelope envelope;
    assert_int_equal(slsa_envelope_read(lucid_buf_span(&text), &arena, &envelope, NULL), LUCID_OK);
    struct lucid_buf pae = {0};
    slsa_pae_write(envelope.payload_type, envelope.payload, &pae);
    assert_true(lucid_span_equal(lucid_buf_span(&pae), jcs_string(jcs_member(root, "pae"))));
    assert_int_equal(slsa_envelope_signed(&envelope, lucid_buf_span(&pae), &key, NULL, NULL),
                     signed_well);
    /* It is no statement, so it shows nothing of any container. */
    struct lucid_span given = lucid_buf_span(&text);
    const struct slsa_builders none = {.count = 0};
    const uint8_t digest[LUCID_SHA256_BYTES] = {0};
    struct slsa_result result;
    struct lucid_why why = {.code = NULL};
    assert_int_equal(
        slsa_appraise(&given, 1, digest, &none, &arena, kit_ed25519, NULL, &result, &why),
        LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_PROVENANCE");
    assert_string_equal(why.param, "provenance[0].payloadType");
    lucid_buf_fini(&pae);
    lucid_buf_fini(&text);
    lucid_buf_fini(&file);
}

static void the_protocols_vector(void **state)
{
    (void)state;
    vector_check("slsa/dsse-vector.json",
                 "7e7846d29f1d03d7eab339f6b8799dcad319cfe2e34c5110ea165f1137b9d325", true);
    vector_check("slsa/neg-dsse-payload-changed.json",
                 "dc634b536f1d9272f25f02913de04b56f505ce3cdb90415e6adadc382b998d56", false);
}

/* Lengths are of bytes, and the parts of one cannot be those of another. */
static void what_is_signed(void **state)
{
    (void)state;
    struct lucid_buf pae = {0};
    slsa_pae_write(lucid_span_str("a b"), lucid_span_str("\xc3\xbc"), &pae);
    assert_true(lucid_span_is(lucid_buf_span(&pae), "DSSEv1 3 a b 2 \xc3\xbc"));
    lucid_buf_clear(&pae);
    slsa_pae_write(lucid_span_str(""), lucid_span_str(""), &pae);
    assert_true(lucid_span_is(lucid_buf_span(&pae), "DSSEv1 0  0 "));
    lucid_buf_fini(&pae);
}

/* --- a bundle of sigstore -----------------------------------------------------------------------
 */

#define BUNDLE        "slsa/slsa-v1-container-based.sigstore.json"
#define BUNDLE_SHA256 "f86b44166d31c3041dbb194172ae9a9d339676fc81a0110509cf4ba628d11fad"
#define BUNDLE_BUILDER                                                                             \
    "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/"                   \
    "builder_container-based_slsa3.yml@refs/tags/v2.0.0"
#define BUNDLE_SOURCE "git+https://github.com/slsa-framework/example-package@refs/tags/v14.2"
#define BUNDLE_TYPE   "https://slsa.dev/container-based-build/v0.1?draft"

/* The key of the bundle's own certificate, which nothing in the product looks at. */
static struct jose_key bundle_key(struct lucid_span bundle)
{
    static const struct jcs_limits limits = {.depth_max = 32, .values_max = 4096};
    const struct jcs_value *root = NULL;
    assert_int_equal(jcs_parse(bundle, &limits, &arena, &root, NULL), LUCID_OK);
    const struct jcs_value *chain =
        jcs_member(jcs_member(root, "verificationMaterial"), "x509CertificateChain");
    const struct jcs_value *first = jcs_next(jcs_member(chain, "certificates"), NULL);
    struct lucid_span text = jcs_string(jcs_member(first, "rawBytes"));
    uint8_t der[4096];
    size_t len = 0;
    assert_true(lucid_base64_decode(text, der, sizeof(der), &len));
    const uint8_t *at = der;
    X509 *certificate = d2i_X509(NULL, &at, (long)len);
    assert_non_null(certificate);
    struct jose_key key = kit_public(X509_get0_pubkey(certificate));
    X509_free(certificate);
    return key;
}

static struct slsa_result bundle_level(struct lucid_span bundle, const struct slsa_builder *builder,
                                       const char *digest)
{
    uint8_t container[LUCID_SHA256_BYTES];
    struct slsa_builder copy = *builder;
    const struct slsa_builders builders = {.items = &copy, .count = 1};
    struct slsa_result result = {.level = 99};
    struct lucid_why why = {.code = NULL};
    assert_true(lucid_hex_decode(lucid_span_str(digest), container, sizeof(container)));
    if (slsa_appraise(&bundle, 1, container, &builders, &arena, kit_ed25519, NULL, &result, &why) !=
        LUCID_OK) {
        fail_msg("%s: %s", why.param, why.text);
    }
    return result;
}

static void a_real_bundle(void **state)
{
    (void)state;
    static const char subject[] =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    struct lucid_buf file = vector_read(BUNDLE, BUNDLE_SHA256);
    struct lucid_span bundle = lucid_buf_span(&file);
    struct slsa_builder builder = {
        .id = lucid_span_str(BUNDLE_BUILDER),
        .keys = {bundle_key(bundle)},
        .key_count = 1,
        .isolated = true,
        .sources = {lucid_span_str("git+https://github.com/slsa-framework/example-package@"
                                   "refs/tags/*")},
        .source_count = 1,
        .build_types = {lucid_span_str(BUNDLE_TYPE)},
        .build_type_count = 1,
    };
    struct slsa_envelope envelope;
    struct slsa_provenance provenance;
    assert_int_equal(slsa_envelope_read(bundle, &arena, &envelope, NULL), LUCID_OK);
    assert_int_equal(slsa_statement_read(envelope.payload, &arena, &provenance, NULL), LUCID_OK);
    assert_true(lucid_span_is(provenance.statement_type, "https://in-toto.io/Statement/v0.1"));
    assert_true(lucid_span_is(provenance.predicate_type, "https://slsa.dev/provenance/v1"));
    assert_true(lucid_span_is(provenance.builder, BUNDLE_BUILDER));
    assert_true(lucid_span_is(provenance.build_type, BUNDLE_TYPE));
    assert_true(lucid_span_is(provenance.source, BUNDLE_SOURCE));
    assert_int_equal(provenance.subject_count, 1);

    struct slsa_result result = bundle_level(bundle, &builder, subject);
    assert_int_equal(result.level, 3);
    assert_string_equal(result.code, "slsa.one_builder");
    assert_string_equal(result.track, "SLSA_BUILD_LEVEL_3");
    assert_true(lucid_span_is(result.builder, BUNDLE_BUILDER));
    uint8_t digest[LUCID_SHA256_BYTES];
    lucid_sha256(bundle, digest);
    assert_true(result.has_provenance);
    assert_memory_equal(result.provenance, digest, sizeof(digest));

    assert_int_equal(bundle_level(bundle, &builder, KIT_DIGEST).level, 0);
    builder.isolated = false;
    assert_int_equal(bundle_level(bundle, &builder, subject).level, 2);
    builder.isolated = true;
    builder.sources[0] = lucid_span_str("git+https://github.com/slsa-framework/other@*");
    assert_string_equal(bundle_level(bundle, &builder, subject).code, "slsa.source_unexpected");
    builder.keys[0].x[0] ^= 1;
    assert_string_equal(bundle_level(bundle, &builder, subject).code, "slsa.signature_unknown");
    builder.id = lucid_span_str("https://example.com/another");
    assert_string_equal(bundle_level(bundle, &builder, subject).code, "slsa.builder_unknown");
    lucid_buf_fini(&file);
}

/* --- envelopes -------------------------------------------------------------------------------- */

static bool is_signed(struct lucid_span text, const struct jose_key *key)
{
    struct slsa_envelope envelope;
    struct lucid_buf pae = {0};
    if (slsa_envelope_read(text, &arena, &envelope, NULL) != LUCID_OK) {
        return false;
    }
    slsa_pae_write(envelope.payload_type, envelope.payload, &pae);
    bool good = slsa_envelope_signed(&envelope, lucid_buf_span(&pae), key, kit_ed25519, NULL);
    lucid_buf_fini(&pae);
    return good;
}

static void signatures_of_each_kind(void **state)
{
    (void)state;
    EVP_PKEY *ed = kit_key_new(JOSE_EDDSA);
    EVP_PKEY *ec = kit_key_new(JOSE_ES256);
    EVP_PKEY *other = kit_key_new(JOSE_ES256);
    struct jose_key keys[] = {kit_public(ed), kit_public(ec), kit_public(other)};
    const struct {
        struct kit_envelope form;
        bool by[3];
    } cases[] = {
        {{.keys = {ed}}, {true, false, false}},
        {{.keys = {ec}}, {false, true, false}},
        {{.keys = {ec}, .raw = true}, {false, true, false}},
        {{.keys = {ed, ec}}, {true, true, false}},
        {{.keys = {other, ec}, .raw = true}, {false, true, true}},
        {{.keys = {ec}, .keyid = "says another"}, {false, true, false}},
        {{.keys = {ed}, .said_type = "text/plain"}, {false, false, false}},
        {{.keys = {ec}, .type = "text/plain", .said_type = SLSA_STATEMENT_TYPE},
         {false, false, false}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_buf text = {0};
        kit_envelope_write("{}", &cases[i].form, &text);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(is_signed(lucid_buf_span(&text), &keys[k]), cases[i].by[k]);
        }
        lucid_buf_fini(&text);
    }
    EVP_PKEY_free(ed);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(other);
}

/* A short signature of 64 bytes in DER is one too: its numbers have 29 bytes. */
static void every_length_of_der(void **state)
{
    (void)state;
    EVP_PKEY *key = kit_key_new(JOSE_ES256);
    struct jose_key public = kit_public(key);
    struct lucid_buf pae = {0};
    struct lucid_span body = lucid_span_str("x");
    size_t lengths = 0;
    slsa_pae_write(lucid_span_str("t"), body, &pae);
    for (size_t i = 0; i < 300; i++) {
        struct lucid_buf der = {0};
        kit_dsse_sign(key, lucid_buf_span(&pae), &der);
        struct slsa_envelope envelope = {.signature_count = 1};
        envelope.signatures[0].sig = lucid_buf_span(&der);
        lengths |= (size_t)1 << (der.len - 64 < 63 ? der.len - 64 : 63);
        assert_true(slsa_envelope_signed(&envelope, lucid_buf_span(&pae), &public, NULL, NULL));
        /* One byte more, one less, or a number in a longer form: none. */
        lucid_buf_char(&der, '\0');
        envelope.signatures[0].sig = lucid_buf_span(&der);
        assert_false(slsa_envelope_signed(&envelope, lucid_buf_span(&pae), &public, NULL, NULL));
        envelope.signatures[0].sig = lucid_span(der.data, der.len - 2);
        assert_false(slsa_envelope_signed(&envelope, lucid_buf_span(&pae), &public, NULL, NULL));
        lucid_buf_fini(&der);
    }
    assert_true(lengths != 0 && (lengths & (lengths - 1)) != 0); /* more than one */
    static const uint8_t zero[64] = {0};
    static const uint8_t small[] = {0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00};
    struct slsa_envelope envelope = {.signature_count = 1};
    envelope.signatures[0].sig = lucid_span(zero, sizeof(zero));
    assert_false(slsa_envelope_signed(&envelope, lucid_buf_span(&pae), &public, NULL, NULL));
    envelope.signatures[0].sig = lucid_span(small, sizeof(small));
    assert_false(slsa_envelope_signed(&envelope, lucid_buf_span(&pae), &public, NULL, NULL));
    lucid_buf_fini(&pae);
    EVP_PKEY_free(key);
}

static void envelopes_are_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        /* "~~~?>", whose digits differ between the alphabets; members that are not known */
        "{\"payload\":\"fn5+Pz4=\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AQ==\"}]}",
        "{\"payload\":\"fn5-Pz4\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AQ\"}],\"x\":1}",
        "{\"payload\":\"fn5-Pz4=\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AQ\","
        "\"cert\":\"-\"}]}",
        "{\"payload\":\"fn5+Pz4\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AQ==\","
        "\"keyid\":\"k\"}]}",
        "{\"mediaType\":\"m\",\"verificationMaterial\":{\"n\":[1.5,null]},\"dsseEnvelope\":{"
        "\"payload\":\"fn5+Pz4=\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AQ==\"}]}}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct slsa_envelope envelope;
        struct lucid_why why = {.code = NULL};
        if (slsa_envelope_read(lucid_span_str(texts[i]), &arena, &envelope, &why) != LUCID_OK) {
            fail_msg("%zu: %s: %s", i, why.param, why.text);
        }
        assert_true(lucid_span_is(envelope.payload, "~~~?>"));
        assert_true(lucid_span_is(envelope.payload_type, "t"));
        assert_int_equal(envelope.signature_count, 1);
        assert_int_equal(envelope.signatures[0].sig.len, 1);
        assert_int_equal(envelope.signatures[0].sig.data[0], 1);
    }
}

static void envelopes_are_refused(void **state)
{
    (void)state;
#define PAYLOAD    "\"payload\":\"AAAA\","
#define TYPE       "\"payloadType\":\"t\","
#define SIGNATURES "\"signatures\":[{\"sig\":\"AQ==\"}]"
    static const struct {
        const char *text;
        const char *param;
    } cases[] = {
        {"", ""},
        {"[]", ""},
        {"{" PAYLOAD TYPE SIGNATURES "} x", ""},
        {"{" TYPE SIGNATURES "}", "payload"},
        {"{" PAYLOAD SIGNATURES "}", "payloadType"},
        {"{" PAYLOAD "\"payloadType\":\"t\"}", "signatures"},
        {"{" PAYLOAD PAYLOAD TYPE SIGNATURES "}", "payload"},
        {"{" PAYLOAD "\"payloadType\":\"\"," SIGNATURES "}", "payloadType"},
        {"{" PAYLOAD "\"payloadType\":1," SIGNATURES "}", "payloadType"},
        {"{\"payload\":1," TYPE SIGNATURES "}", "payload"},
        {"{\"payload\":\"AAA*\"," TYPE SIGNATURES "}", "payload"},
        {"{\"payload\":\"A\"," TYPE SIGNATURES "}", "payload"},
        {"{\"payload\":\"A===\"," TYPE SIGNATURES "}", "payload"},
        {"{\"payload\":\"AA=\"," TYPE SIGNATURES "}", "payload"},
        {"{\"payload\":\"AAAA====\"," TYPE SIGNATURES "}", "payload"},
        {"{\"payload\":\"AB==\"," TYPE SIGNATURES "}", "payload"}, /* bits after the last byte */
        {"{\"payload\":\"AA ==\"," TYPE SIGNATURES "}", "payload"},
        {"{\"payload\":\"+A-A\"," TYPE SIGNATURES "}", "payload"}, /* both alphabets */
        {"{" PAYLOAD TYPE "\"signatures\":[]}", "signatures"},
        {"{" PAYLOAD TYPE "\"signatures\":{}}", "signatures"},
        {"{" PAYLOAD TYPE "\"signatures\":[1]}", "signatures[0]"},
        {"{" PAYLOAD TYPE "\"signatures\":[{}]}", "signatures[0].sig"},
        {"{" PAYLOAD TYPE "\"signatures\":[{\"sig\":\"\"}]}", "signatures[0].sig"},
        {"{" PAYLOAD TYPE "\"signatures\":[{\"sig\":\"AQ==\",\"keyid\":1}]}",
         "signatures[0].keyid"},
        {"{\"dsseEnvelope\":1}", "dsseEnvelope"},
        {"{\"dsseEnvelope\":{}}", "dsseEnvelope.payloadType"},
        {"{" PAYLOAD TYPE SIGNATURES ",\"dsseEnvelope\":{" PAYLOAD TYPE SIGNATURES "}}",
         "dsseEnvelope"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slsa_envelope envelope = {.signature_count = 77};
        struct lucid_why why = {.code = NULL};
        assert_int_equal(slsa_envelope_read(lucid_span_str(cases[i].text), &arena, &envelope, &why),
                         LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "INVALID_PROVENANCE");
        assert_string_equal(why.param, cases[i].param);
        assert_true(why.text[0] != '\0');
        assert_int_equal(envelope.signature_count, 77); /* untouched */
    }
}

static void envelopes_are_bounded(void **state)
{
    (void)state;
    struct slsa_envelope envelope;
    struct lucid_why why = {.code = NULL};
    struct lucid_buf text = {0};
    lucid_buf_str(&text, "{" PAYLOAD TYPE "\"signatures\":[");
    for (size_t i = 0; i < SLSA_SIGNATURES_MAX; i++) {
        lucid_buf_str(&text, i == 0 ? "{\"sig\":\"AQ==\"}" : ",{\"sig\":\"AQ==\"}");
    }
    size_t len = text.len;
    lucid_buf_str(&text, "]}");
    assert_int_equal(slsa_envelope_read(lucid_buf_span(&text), &arena, &envelope, &why), LUCID_OK);
    assert_int_equal(envelope.signature_count, SLSA_SIGNATURES_MAX);
    text.len = len;
    lucid_buf_str(&text, ",{\"sig\":\"AQ==\"}]}");
    assert_int_equal(slsa_envelope_read(lucid_buf_span(&text), &arena, &envelope, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "signatures");

    lucid_buf_clear(&text); /* deep */
    lucid_buf_str(&text, "{" PAYLOAD TYPE SIGNATURES ",\"x\":");
    for (size_t i = 0; i < 10000; i++) {
        lucid_buf_char(&text, '[');
    }
    assert_int_equal(slsa_envelope_read(lucid_buf_span(&text), &arena, &envelope, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_PROVENANCE");

    lucid_buf_clear(&text); /* large */
    lucid_buf_str(&text, "{" TYPE SIGNATURES ",\"payload\":\"");
    size_t digits = (SLSA_ENVELOPE_BYTES_MAX - text.len - 2) / 4 * 4;
    memset(lucid_buf_extend(&text, digits), 'A', digits);
    lucid_buf_str(&text, "\"}");
    assert_int_equal(slsa_envelope_read(lucid_buf_span(&text), &arena, &envelope, &why), LUCID_OK);
    assert_int_equal(envelope.payload.len, digits / 4 * 3);
    memset(lucid_buf_extend(&text, 8), ' ', 8);
    assert_int_equal(slsa_envelope_read(lucid_buf_span(&text), &arena, &envelope, &why),
                     LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(why.code, "INVALID_PROVENANCE");
    lucid_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_read, start, stop),
        cmocka_unit_test_setup_teardown(keys_of_others_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(every_change_of_a_key_is_seen, start, stop),
        cmocka_unit_test_setup_teardown(the_protocols_vector, start, stop),
        cmocka_unit_test_setup_teardown(what_is_signed, start, stop),
        cmocka_unit_test_setup_teardown(a_real_bundle, start, stop),
        cmocka_unit_test_setup_teardown(signatures_of_each_kind, start, stop),
        cmocka_unit_test_setup_teardown(every_length_of_der, start, stop),
        cmocka_unit_test_setup_teardown(envelopes_are_read, start, stop),
        cmocka_unit_test_setup_teardown(envelopes_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(envelopes_are_bounded, start, stop),
    };
    return cmocka_run_group_tests_name("passport_dsse", tests, NULL, NULL);
}

/* Requests for a passport: what is read, what is refused, who signed. */
#include "tests/unit/verifier/claims_kit.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/base64url.h"
#include "plugins/passport/issue.h"
#include "plugins/verifier/canonical.h"

#define OTHER "2222222222222222222222222222222222222222222222222222222222222222"
#define SIGNATURE                                                                                  \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

static const char form[] =
    "{'type':'lucid.passport.request/v1','application':'my-app','appraisals':['" H32 "','" OTHER
    "'],'time':1800000000,'version':'1.0.0','provenance':[{'payload':'e30=','payloadType':'t',"
    "'signatures':[]}],'interactions':['" OTHER "'],"
    "'signature':{'algorithm':'Ed25519','value':'" SIGNATURE "'}}";

static enum lucid_error parse(struct lucid_span text, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct issue_request *request = lucid_arena_zalloc(arena, sizeof(*request));
    assert_non_null(request);
    return issue_request_read(text, arena, request, why);
}

static void test_faults(void **state)
{
    (void)state;
    static const struct kit_fault faults[] = {
        {"'type'", "'type'", NULL, ""},
        {",'version':'1.0.0'", "", NULL, ""},
        {",'provenance':[{'payload':'e30=','payloadType':'t','signatures':[]}]", "", NULL, ""},
        {",'interactions':['" OTHER "']", "", NULL, ""},
        {"'interactions':['" OTHER "']", "'interactions':[]", NULL, ""},
        {"1800000000", "1.8e9", NULL, ""},
        {"{'type'", "['type'", "INVALID_JSON", ""},
        {"'time'", "'more':1,'time'", "INVALID_REQUEST", "more"},
        {"'time'", "'application':'b','time'", "INVALID_JSON", "application"},
        {"'type':'lucid.passport.request/v1',", "", "INVALID_REQUEST", "type"},
        {"request/v1", "request/v2", "INVALID_REQUEST", "type"},
        {"'application':'my-app',", "", "INVALID_REQUEST", "application"},
        {"'my-app'", "''", "INVALID_REQUEST", "application"},
        {"'my-app'", "7", "INVALID_REQUEST", "application"},
        {"'my-app'", "'" H32 "'", "INVALID_REQUEST", "application"},
        {"'appraisals':['" H32 "','" OTHER "'],", "", "INVALID_REQUEST", "appraisals"},
        {"['" H32 "','" OTHER "']", "[]", "INVALID_REQUEST", "appraisals"},
        {"['" H32 "','" OTHER "']", "'" H32 "'", "INVALID_REQUEST", "appraisals"},
        {"'" H32 "'", "'sha256:" H32 "'", "INVALID_REQUEST", "appraisals[0]"},
        {"'" H32 "','" OTHER "'", "'" H32 "','" H32 "'", "INVALID_REQUEST", "appraisals[1]"},
        {"'" H32 "'", "null", "INVALID_REQUEST", "appraisals[0]"},
        {"'time':1800000000,", "", "INVALID_REQUEST", "time"},
        {"1800000000", "'1800000000'", "INVALID_REQUEST", "time"},
        {"1800000000", "-1", "INVALID_REQUEST", "time"},
        {"1800000000", "1.5", "INVALID_REQUEST", "time"},
        {"1800000000", "253402300800", "INVALID_REQUEST", "time"},
        {"'1.0.0'", "''", "INVALID_REQUEST", "version"},
        {"'1.0.0'", "1", "INVALID_REQUEST", "version"},
        {"'1.0.0'", "'a\\u0000'", "INVALID_REQUEST", "version"},
        {"'1.0.0'", "'1\\u202e0'", "INVALID_REQUEST", "version"},
        {"'1.0.0'", "'1\\u0085'", "INVALID_REQUEST", "version"},
        {"'provenance':[", "'provenance':['x',", "INVALID_REQUEST", "provenance[0]"},
        {"'provenance':[", "'provenance':[{},{},{},{},", "INVALID_REQUEST", "provenance"},
        {"'interactions':['" OTHER "']", "'interactions':{}", "INVALID_REQUEST", "interactions"},
        {"'interactions':['" OTHER "']", "'interactions':['x']", "INVALID_REQUEST",
         "interactions[0]"},
        {",'signature':{'algorithm':'Ed25519','value':'" SIGNATURE "'}", "", "INVALID_REQUEST",
         "signature"},
        {"'algorithm':'Ed25519',", "", "INVALID_REQUEST", "signature.algorithm"},
        {"'Ed25519'", "'none'", "INVALID_REQUEST", "signature.algorithm"},
        {"'Ed25519'", "'EdDSA'", "INVALID_REQUEST", "signature.algorithm"},
        {"'Ed25519'", "'ES384'", "INVALID_REQUEST", "signature.value"},
        {",'value':'" SIGNATURE "'", "", "INVALID_REQUEST", "signature.value"},
        {"'" SIGNATURE "'", "'AAAA'", "INVALID_REQUEST", "signature.value"},
        {"'algorithm'", "'publicKey':'x','algorithm'", "INVALID_REQUEST", "signature.publicKey"},
    };
    kit_faults(form, faults, sizeof(faults) / sizeof(faults[0]), parse);
}

static void test_limits(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_why why = {.code = NULL};
    struct issue_request request;
    lucid_arena_init(&arena, (size_t)64 << 20);
    uint8_t *more = NULL;
    kit_text(form, NULL, NULL, &text);
    size_t fill = ISSUE_REQUEST_BYTES - text.len;
    more = lucid_buf_extend(&text, fill);
    memset(more, ' ', fill);
    assert_int_equal(issue_request_read(lucid_buf_span(&text), &arena, &request, &why), LUCID_OK);
    lucid_buf_char(&text, ' ');
    assert_int_equal(issue_request_read(lucid_buf_span(&text), &arena, &request, &why),
                     LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(why.code, "BODY_TOO_LARGE");
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

/* What is read is what was written, and its digest does not see how it was spelt or signed. */
static void test_members(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct issue_request request;
    struct issue_request other;
    lucid_arena_init(&arena, (size_t)16 << 20);
    assert_int_equal(issue_request_read(kit_text(form, NULL, NULL, &text), &arena, &request, NULL),
                     LUCID_OK);
    assert_true(lucid_span_is(request.application, "my-app"));
    assert_true(lucid_span_is(request.version, "1.0.0"));
    assert_int_equal(request.appraisal_count, 2);
    assert_int_equal(request.appraisals[0][0], 0x11);
    assert_int_equal(request.appraisals[1][31], 0x22);
    assert_int_equal(request.time_s, 1800000000);
    assert_int_equal(request.interaction_count, 1);
    assert_int_equal(request.provenance_count, 1);
    assert_true(lucid_span_is(request.provenance[0],
                              "{\"payload\":\"e30=\",\"payloadType\":\"t\",\"signatures\":[]}"));
    assert_int_equal(request.alg, JOSE_EDDSA);
    assert_null(memmem(request.signing_input.data, request.signing_input.len, "value", 5));
    static const struct {
        const char *from;
        const char *to;
        bool same;
    } cases[] = {
        {"'time':1800000000", "  'time' : 18e8", true},
        {"'value':'AAAA", "'value':'BAAA", true},
        {"'time':1800000000", "'time':1800000001", false},
        {"'Ed25519'", "'ES256'", false},
        {"'e30='", "'e31='", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(issue_request_read(kit_text(form, cases[i].from, cases[i].to, &text),
                                            &arena, &other, NULL),
                         LUCID_OK);
        assert_int_equal(memcmp(request.digest, other.digest, sizeof(other.digest)) == 0,
                         cases[i].same);
    }
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

static bool ed25519_sign(struct lucid_span message, uint8_t ret[64], void *context)
{
    ledger_ed25519_sign(context, message, ret);
    return true;
}

static void test_ed25519(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf out = {.bytes_max = 0};
    struct ledger_ed25519_key key = kit_key(3);
    struct issue_request request = {.application = lucid_span_str("my-app"),
                                    .appraisal_count = 1,
                                    .time_s = 1800000000,
                                    .alg = JOSE_EDDSA};
    struct issue_request read;
    struct jose_key jwk = {.alg = JOSE_EDDSA};
    struct lucid_span again;
    lucid_arena_init(&arena, (size_t)16 << 20);
    memcpy(jwk.x, key.public_key, sizeof(key.public_key));
    assert_true(issue_request_write(&request, ed25519_sign, &key, &out));
    assert_int_equal(issue_request_read(lucid_buf_span(&out), &arena, &read, NULL), LUCID_OK);
    assert_true(issue_request_signed(&read, &jwk, kit_verify, NULL));
    assert_int_equal(canonical_form(lucid_buf_span(&out), &arena, &again, NULL), LUCID_OK);
    assert_true(lucid_span_equal(again, lucid_buf_span(&out)));
    jwk.x[0] ^= 1;
    assert_false(issue_request_signed(&read, &jwk, kit_verify, NULL));
    jwk.x[0] ^= 1;
    jwk.alg = JOSE_ES256;
    assert_false(issue_request_signed(&read, &jwk, kit_verify, NULL));
    lucid_buf_fini(&out);
    lucid_arena_fini(&arena);
}

/* --- keys of the other kinds ------------------------------------------------------------------ */

struct ec {
    EVP_PKEY *key;
    enum jose_alg alg;
};

static size_t ec_sign(const struct ec *ec, struct lucid_span message, uint8_t *ret)
{
    uint8_t der[160];
    size_t len = sizeof(der);
    size_t half = jose_coordinate_bytes(ec->alg);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL,
                                        ec->alg == JOSE_ES256 ? EVP_sha256() : EVP_sha384(), NULL,
                                        ec->key),
                     1);
    assert_int_equal(EVP_DigestSign(context, der, &len, message.data, message.len), 1);
    EVP_MD_CTX_free(context);
    const uint8_t *at = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
    assert_non_null(sig);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, (int)half), half);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + half, (int)half), half);
    ECDSA_SIG_free(sig);
    return 2 * half;
}

static struct jose_key ec_public(const struct ec *ec)
{
    struct jose_key jwk = {.alg = ec->alg};
    uint8_t point[1 + 2 * JOSE_COORDINATE_BYTES_MAX];
    size_t len = 0;
    size_t half = jose_coordinate_bytes(ec->alg);
    assert_int_equal(EVP_PKEY_get_octet_string_param(ec->key, "pub", point, sizeof(point), &len),
                     1);
    assert_int_equal(len, 1 + 2 * half);
    memcpy(jwk.x, point + 1, half);
    memcpy(jwk.y, point + 1 + half, half);
    return jwk;
}

/* s becomes n - s: the other signature of the same request, which nobody needs the key for. */
static void ec_mirror(const struct ec *ec, uint8_t *signature)
{
    size_t half = jose_coordinate_bytes(ec->alg);
    BIGNUM *order = NULL;
    BIGNUM *number = BN_bin2bn(signature + half, (int)half, NULL);
    assert_int_equal(EVP_PKEY_get_bn_param(ec->key, "order", &order), 1);
    assert_int_equal(BN_sub(number, order, number), 1);
    assert_int_equal(BN_bn2binpad(number, signature + half, (int)half), half);
    BN_free(order);
    BN_free(number);
}

/* What makes a repetition the same is not changed by another signature, nor by none that is good.
 */
static void mirror_check(const struct ec *ec, const struct jose_key *jwk, struct lucid_span text,
                         const struct issue_request *request, struct lucid_arena *arena)
{
    struct issue_request other;
    uint8_t raw[JOSE_SIGNATURE_BYTES_MAX];
    size_t len = 2 * jose_coordinate_bytes(ec->alg);
    struct lucid_buf from = {.bytes_max = 0};
    struct lucid_buf to = {.bytes_max = 0};
    memcpy(raw, request->signature, len);
    lucid_buf_base64(&from, raw, len);
    ec_mirror(ec, raw);
    lucid_buf_base64(&to, raw, len);
    uint8_t *copy = lucid_arena_alloc(arena, text.len);
    assert_true(copy != NULL && from.len == to.len);
    memcpy(copy, text.data, text.len);
    uint8_t *at = memmem(copy, text.len, from.data, from.len);
    assert_non_null(at);
    memcpy(at, to.data, to.len);
    assert_int_equal(issue_request_read(lucid_span(copy, text.len), arena, &other, NULL), LUCID_OK);
    assert_true(issue_request_signed(&other, jwk, kit_verify, NULL));
    assert_memory_not_equal(other.signature, request->signature, len);
    assert_memory_equal(other.digest, request->digest, sizeof(other.digest));
    lucid_buf_fini(&from);
    lucid_buf_fini(&to);
}

/* As a signer of its own would do it: the canonical form without value, and the value put in. */
static void test_ecdsa(void **state)
{
    (void)state;
    static const enum jose_alg algs[] = {JOSE_ES256, JOSE_ES384};
    for (size_t i = 0; i < 2; i++) {
        struct lucid_arena arena;
        struct lucid_buf text = {.bytes_max = 0};
        struct lucid_buf value = {.bytes_max = 0};
        struct issue_request request;
        const char *name = i == 0 ? "ES256" : "ES384";
        struct ec ec = {EVP_EC_gen(i == 0 ? "P-256" : "P-384"), algs[i]};
        struct ec stranger = {EVP_EC_gen(i == 0 ? "P-256" : "P-384"), algs[i]};
        uint8_t signature[JOSE_SIGNATURE_BYTES_MAX];
        lucid_arena_init(&arena, (size_t)16 << 20);
        lucid_buf_printf(&text,
                         "{\"application\":\"my-app\",\"appraisals\":[\"" H32
                         "\"],\"signature\":{\"algorithm\":\"%s\"},\"time\":1800000000,"
                         "\"type\":\"lucid.passport.request/v1\"}",
                         name);
        size_t len = ec_sign(&ec, lucid_buf_span(&text), signature);
        lucid_buf_base64(&value, signature, len);
        lucid_buf_clear(&text);
        lucid_buf_printf(&text,
                         "{\"application\":\"my-app\",\"appraisals\":[\"" H32
                         "\"],\"signature\":{\"algorithm\":\"%s\",\"value\":\"%.*s\"},"
                         "\"time\":1800000000,\"type\":\"lucid.passport.request/v1\"}",
                         name, (int)value.len, (const char *)value.data);
        assert_int_equal(issue_request_read(lucid_buf_span(&text), &arena, &request, NULL),
                         LUCID_OK);
        struct jose_key jwk = ec_public(&ec);
        struct jose_key other = ec_public(&stranger);
        assert_true(issue_request_signed(&request, &jwk, kit_verify, NULL));
        assert_false(issue_request_signed(&request, &other, kit_verify, NULL));
        mirror_check(&ec, &jwk, lucid_buf_span(&text), &request, &arena);
        request.signature[len - 1] ^= 1;
        assert_false(issue_request_signed(&request, &jwk, kit_verify, NULL));
        EVP_PKEY_free(ec.key);
        EVP_PKEY_free(stranger.key);
        lucid_buf_fini(&text);
        lucid_buf_fini(&value);
        lucid_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_members), cmocka_unit_test(test_ed25519),
        cmocka_unit_test(test_ecdsa),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* plugins/verifier/crypto/jose.h: the RFCs' own examples, a token of another implementation, and
 * everything that is refused. */
#include "files.h"

#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "base/base64url.h"
#include "ledger/ed25519.h"
#include "plugins/verifier/crypto/jose.h"

/* RFC 7515 A.3. */
static const char es256_token[] =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
#define P256_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define P256_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
static const char es256_jwk[] =
    "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"}";

/* RFC 8037 A.2 to A.4. */
static const char eddsa_token[] =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
#define ED25519_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
static const char eddsa_jwk[] = "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" ED25519_X "\"}";
static const char eddsa_seed[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

#define ALL (JOSE_ES256 | JOSE_ES384 | JOSE_EDDSA)

static struct lucid_arena arena;

static bool ed25519(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                    const uint8_t signature[64], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

static enum lucid_error key_read(const char *text, struct jose_key *ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = 4, .values_max = JOSE_KEY_VALUES_MAX};
    const struct jcs_value *root = NULL;
    assert_int_equal(jcs_parse(lucid_span_str(text), &limits, &arena, &root, why), LUCID_OK);
    return jose_key_read(root, ret, why);
}

static struct jose_key key_of(const char *text)
{
    struct jose_key key = {.alg = JOSE_EDDSA};
    struct lucid_why why = {.code = NULL};
    if (key_read(text, &key, &why) != LUCID_OK) {
        fail_msg("%s: %s", text, why.text);
    }
    return key;
}

static bool token_ok(struct lucid_span text, unsigned algs, const struct jose_key *key)
{
    struct jose_token token;
    struct lucid_why why = {.code = NULL};
    enum lucid_error e = jose_read(text, algs, &arena, &token, &why);
    if (e != LUCID_OK) {
        assert_string_equal(why.code, "INVALID_TOKEN");
        assert_true(why.text[0] != '\0');
        return false;
    }
    return jose_verify(&token, key, ed25519, NULL);
}

static void examples(void **state)
{
    (void)state;
    struct jose_key es256 = key_of(es256_jwk);
    struct jose_key eddsa = key_of(eddsa_jwk);
    struct lucid_span first = lucid_span_str(es256_token);
    struct lucid_span second = lucid_span_str(eddsa_token);
    assert_true(token_ok(first, ALL, &es256));
    assert_true(token_ok(first, JOSE_ES256, &es256));
    assert_false(token_ok(first, JOSE_ES384 | JOSE_EDDSA, &es256));
    assert_false(token_ok(first, ALL, &eddsa)); /* a key of another curve */
    assert_true(token_ok(second, JOSE_EDDSA, &eddsa));
    assert_false(token_ok(second, JOSE_ES256, &eddsa));
    assert_false(token_ok(second, ALL, &es256));
    struct jose_token token;
    assert_int_equal(jose_read(second, ALL, &arena, &token, NULL), LUCID_OK);
    assert_true(lucid_span_is(token.jws.payload, "Example of Ed25519 signing"));
    assert_true(token.kid.data == NULL && token.typ.data == NULL && token.x5c_count == 0);
    assert_false(jose_verify(&token, &eddsa, NULL, NULL));
}

/* A result of veraison/c-ear, by the key that stands beside it. */
static void anothers_token(void **state)
{
    (void)state;
    struct lucid_buf file = file_read("mock/veraison-cear.ear.jwt");
    struct jose_key key =
        key_of("{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"use\":\"sig\","
               "\"x\":\"usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8\","
               "\"y\":\"IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4\"}");
    while (file.len > 0 && file.data[file.len - 1] == '\n') {
        file.len--;
    }
    assert_true(token_ok(lucid_buf_span(&file), JOSE_ES256, &key));
    file.data[file.len / 2] ^= 1;
    assert_false(token_ok(lucid_buf_span(&file), JOSE_ES256, &key));
    lucid_buf_fini(&file);
}

static void every_change_is_seen(void **state)
{
    (void)state;
    struct jose_key es256 = key_of(es256_jwk);
    struct jose_key eddsa = key_of(eddsa_jwk);
    const char *const texts[] = {es256_token, eddsa_token};
    const struct jose_key *const keys[] = {&es256, &eddsa};
    for (size_t i = 0; i < 2; i++) {
        char text[512];
        size_t len = strlen(texts[i]);
        memcpy(text, texts[i], len);
        for (size_t bit = 0; bit < len * 8; bit++) {
            text[bit / 8] = (char)((uint8_t)text[bit / 8] ^ 1U << bit % 8);
            assert_false(token_ok(lucid_span(text, len), ALL, keys[i]));
            text[bit / 8] = (char)((uint8_t)text[bit / 8] ^ 1U << bit % 8);
            lucid_arena_reset(&arena);
        }
        for (size_t cut = 0; cut < len; cut++) {
            assert_false(token_ok(lucid_span(text, cut), ALL, keys[i]));
        }
        assert_true(token_ok(lucid_span(text, len), ALL, keys[i]));
    }
}

/* --- headers ---------------------------------------------------------------------------------- */

struct signer {
    struct ledger_ed25519_key key;
    bool fails;
};

static bool sign(struct lucid_span message, uint8_t ret[64], void *context)
{
    const struct signer *signer = context;
    if (!signer->fails) {
        ledger_ed25519_sign(&signer->key, message, ret);
    }
    return !signer->fails;
}

static struct signer signer_of(const char *seed_hex)
{
    struct signer signer = {.fails = false};
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    assert_true(lucid_hex_decode(lucid_span_str(seed_hex), seed, sizeof(seed)));
    ledger_ed25519_key_init(seed, &signer.key);
    return signer;
}

static void written(void **state)
{
    (void)state;
    struct signer signer = signer_of(eddsa_seed);
    struct lucid_buf out = {0};
    lucid_buf_str(&out, "before ");
    assert_true(jose_write(lucid_span_str("{\"alg\":\"EdDSA\"}"),
                           lucid_span_str("Example of Ed25519 signing"), sign, &signer, &out));
    assert_true(
        lucid_span_is(lucid_span(out.data + 7, out.len - 7), eddsa_token)); /* deterministic */
    signer.fails = true;
    assert_false(jose_write(lucid_span_str("{\"alg\":\"EdDSA\"}"), lucid_span_str("x"), sign,
                            &signer, &out));
    lucid_buf_fini(&out);
}

static bool header_ok(const char *header, struct jose_token *ret)
{
    struct signer signer = signer_of(eddsa_seed);
    struct lucid_buf out = {0};
    assert_true(jose_write(lucid_span_str(header), lucid_span_str("{}"), sign, &signer, &out));
    struct lucid_span text = lucid_arena_copy(&arena, lucid_buf_span(&out));
    lucid_buf_fini(&out);
    return jose_read(text, JOSE_EDDSA, &arena, ret, NULL) == LUCID_OK;
}

static void headers(void **state)
{
    (void)state;
    struct jose_token token;
    assert_true(
        header_ok("{\"alg\":\"EdDSA\",\"kid\":\"k\",\"typ\":\"t\",\"x5c\":[\"AAE=\",\"/w==\"],"
                  "\"jku\":\"https://example\"}",
                  &token));
    assert_true(lucid_span_is(token.kid, "k") && lucid_span_is(token.typ, "t"));
    assert_int_equal(token.x5c_count, 2);
    assert_true(lucid_span_equal(token.x5c[0], lucid_span("\x00\x01", 2)));
    assert_true(lucid_span_equal(token.x5c[1], lucid_span("\xff", 1)));
    assert_true(header_ok("{\"alg\":\"Ed25519\"}", &token)); /* RFC 9864 */
    static const char *const bad[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"eddsa\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":[\"EdDSA\"]}",
        "{\"kid\":\"k\"}",
        "{\"alg\":\"EdDSA\",\"crit\":[]}",
        "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}",
        "{\"alg\":\"EdDSA\",\"\\u0061lg\":\"EdDSA\"}",
        "{\"alg\":\"EdDSA\",\"kid\":1}",
        "{\"alg\":\"EdDSA\",\"typ\":null}",
        "{\"alg\":\"EdDSA\",\"x5c\":\"AAE=\"}",
        "{\"alg\":\"EdDSA\",\"x5c\":[]}",
        "{\"alg\":\"EdDSA\",\"x5c\":[\"\"]}",
        "{\"alg\":\"EdDSA\",\"x5c\":[1]}",
        "{\"alg\":\"EdDSA\",\"x5c\":[\"AAE\"]}", /* base64, not base64url */
        "{\"alg\":\"EdDSA\",\"x5c\":[\"_w==\"]}",
        "{\"alg\":\"EdDSA\",\"x5c\":[\"AA==\",\"AA==\",\"AA==\",\"AA==\",\"AA==\",\"AA==\",\"AA=="
        "\","
        "\"AA==\",\"AA==\"]}",
        "{\"alg\":\"EdDSA\",\"a\":[[[[1]]]]}",
        "{\"alg\":\"EdDSA\"} {}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (header_ok(bad[i], &token)) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void too_large(void **state)
{
    (void)state;
    struct lucid_buf text = {0};
    struct jose_token token;
    lucid_buf_str(&text, "eyJhbGciOiJFZERTQSJ9.");
    while (text.len <= JOSE_TOKEN_BYTES_MAX) {
        lucid_buf_char(&text, 'A');
    }
    assert_int_equal(jose_read(lucid_buf_span(&text), ALL, &arena, &token, NULL),
                     LUCID_REFUSE_TOO_LARGE);
    /* One certificate over its limit. */
    lucid_buf_clear(&text);
    lucid_buf_str(&text, "{\"alg\":\"EdDSA\",\"x5c\":[\"");
    for (size_t i = 0; i < lucid_base64_len(JOSE_CERTIFICATE_BYTES_MAX) + 4; i++) {
        lucid_buf_char(&text, 'A');
    }
    lucid_buf_str(&text, "\"]}");
    lucid_buf_char(&text, '\0');
    assert_false(header_ok((const char *)text.data, &token));
    lucid_buf_fini(&text);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void thumbprints(void **state)
{
    (void)state;
    /* RFC 8037 A.3; members beside the required ones do not count. */
    struct jose_key key = key_of("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X
                                 "\",\"kid\":\"other\",\"alg\":\"EdDSA\",\"use\":\"sig\"}");
    uint8_t hash[LUCID_SHA256_BYTES];
    struct lucid_buf out = {0};
    assert_true(jose_key_thumbprint(&key, hash));
    lucid_base64url_write(&out, lucid_span(hash, sizeof(hash)));
    assert_true(lucid_span_is(lucid_buf_span(&out), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
    lucid_buf_clear(&out);
    jose_key_write(&key, &out);
    assert_true(lucid_span_is(lucid_buf_span(&out), eddsa_jwk));
    lucid_buf_clear(&out);
    key = key_of(es256_jwk);
    jose_key_write(&key, &out);
    assert_true(lucid_span_is(lucid_buf_span(&out), es256_jwk));
    lucid_buf_fini(&out);
}

static void keys_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"[]", ""},
        {"\"key\"", ""},
        {"{}", "crv"},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "crv"},
        {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", "crv"},
        {"{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X "\"}", "crv"},
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" ED25519_X "\"}", "crv"},
        {"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"}", "crv"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X "\",\"d\":\"" ED25519_X "\"}",
         "d"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X "\",\"d\":null}", "d"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", "x"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qY\"}", "x"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X "=\"}", "x"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":7}", "x"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X "\",\"alg\":\"ES256\"}", "alg"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED25519_X "\",\"use\":\"enc\"}", "use"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\"}", "y"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\",\"y\":\"" P256_X "\"}", "y"},
        {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"}", "x"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct jose_key key;
        struct lucid_why why = {.code = NULL};
        assert_int_equal(key_read(bad[i][0], &key, &why), LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "INVALID_KEY");
        assert_string_equal(why.param, bad[i][1]);
    }
    struct jose_key key;
    assert_int_equal(jose_key_read(NULL, &key, NULL), LUCID_REFUSE_INVALID);
}

/* --- ES384 ------------------------------------------------------------------------------------ */

static struct jose_key public_of(EVP_PKEY *pair)
{
    struct jose_key key = {.alg = JOSE_ES384};
    uint8_t point[1 + 2 * 48];
    size_t len = 0;
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(pair, "encoded-pub-key", point, sizeof(point), &len), 1);
    assert_int_equal(len, sizeof(point));
    memcpy(key.x, point + 1, 48);
    memcpy(key.y, point + 49, 48);
    return key;
}

static void es384_signature(EVP_PKEY *pair, struct lucid_span message, uint8_t ret[96])
{
    uint8_t der[128];
    size_t len = sizeof(der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha384(), NULL, pair), 1);
    assert_int_equal(EVP_DigestSign(context, der, &len, message.data, message.len), 1);
    const uint8_t *at = der;
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &at, (long)len);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(numbers), ret, 48), 48);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(numbers), ret + 48, 48), 48);
    ECDSA_SIG_free(numbers);
    EVP_MD_CTX_free(context);
}

static void es384(void **state)
{
    (void)state;
    EVP_PKEY *pair = EVP_EC_gen("P-384");
    struct lucid_buf token = {0};
    struct lucid_buf jwk = {0};
    uint8_t signature[96];
    assert_non_null(pair);
    struct jose_key made = public_of(pair);
    jose_key_write(&made, &jwk);
    lucid_buf_char(&jwk, '\0');
    struct jose_key key = key_of((const char *)jwk.data);
    struct lucid_span input = jcs_jws_input_write(lucid_span_str("{\"alg\":\"ES384\"}"),
                                                  lucid_span_str("payload"), &token);
    es384_signature(pair, input, signature);
    size_t cut = token.len;
    jcs_jws_signature_write(lucid_span(signature, 96), &token);
    assert_true(token_ok(lucid_buf_span(&token), JOSE_ES384, &key));
    assert_false(token_ok(lucid_buf_span(&token), JOSE_ES256, &key));
    token.len = cut; /* the same, a byte short */
    jcs_jws_signature_write(lucid_span(signature, 95), &token);
    assert_false(token_ok(lucid_buf_span(&token), JOSE_ES384, &key));
    lucid_buf_fini(&jwk);
    lucid_buf_fini(&token);
    EVP_PKEY_free(pair);
}

static int arena_open(void **state)
{
    (void)state;
    lucid_arena_init(&arena, (size_t)16 << 20);
    return 0;
}

static int arena_close(void **state)
{
    (void)state;
    lucid_arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples),    cmocka_unit_test(anothers_token),
        cmocka_unit_test(written),     cmocka_unit_test(every_change_is_seen),
        cmocka_unit_test(headers),     cmocka_unit_test(too_large),
        cmocka_unit_test(thumbprints), cmocka_unit_test(keys_refused),
        cmocka_unit_test(es384),
    };
    return cmocka_run_group_tests(tests, arena_open, arena_close);
}

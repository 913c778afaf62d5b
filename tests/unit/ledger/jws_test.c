/* Compact JWS: RFC 8037 appendix A.4, the tokens that the facilitators' own packages made, and
 * everything that is refused. */
#include "ledger/jws.h"

#include "tests/unit/mmr/vectors.h"

/* RFC 8037 A.1, A.4. */
static const char rfc_seed[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
static const char rfc_public[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char rfc_token[] =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

static struct ledger_ed25519_key key_of(const char *seed_hex)
{
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    struct ledger_ed25519_key key;
    assert_true(lucid_hex_decode(lucid_span_str(seed_hex), seed, sizeof(seed)));
    ledger_ed25519_key_init(seed, &key);
    return key;
}

static void rfc_example(void **state)
{
    (void)state;
    struct ledger_ed25519_key key = key_of(rfc_seed);
    struct lucid_buf out = {0};
    ledger_jws_write(lucid_span_str("{\"alg\":\"EdDSA\"}"),
                     lucid_span_str("Example of Ed25519 signing"), &key, &out);
    assert_true(lucid_span_is(lucid_buf_span(&out), rfc_token));
    struct lucid_buf header = {0};
    struct lucid_buf payload = {0};
    uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES];
    assert_true(lucid_hex_decode(lucid_span_str(rfc_public), public_key, sizeof(public_key)));
    assert_int_equal(ledger_jws_verify(lucid_buf_span(&out), public_key, &header, &payload, NULL),
                     LUCID_OK);
    assert_true(lucid_span_is(lucid_buf_span(&header), "{\"alg\":\"EdDSA\"}"));
    assert_true(lucid_span_is(lucid_buf_span(&payload), "Example of Ed25519 signing"));
    assert_int_equal(ledger_jws_verify(lucid_buf_span(&out), public_key, NULL, NULL, NULL),
                     LUCID_OK);
    lucid_buf_fini(&header);
    lucid_buf_fini(&payload);
    lucid_buf_fini(&out);
}

/* Each byte of a good token changed, and each shorter one: refused. */
static void every_change_is_seen(void **state)
{
    (void)state;
    struct ledger_ed25519_key key = key_of(rfc_seed);
    size_t len = strlen(rfc_token);
    char text[sizeof(rfc_token)];
    for (size_t i = 0; i < len; i++) {
        memcpy(text, rfc_token, sizeof(text));
        text[i] = text[i] == 'A' ? 'B' : 'A';
        assert_int_not_equal(
            ledger_jws_verify(lucid_span(text, len), key.public_key, NULL, NULL, NULL), LUCID_OK);
        assert_int_not_equal(
            ledger_jws_verify(lucid_span(rfc_token, i), key.public_key, NULL, NULL, NULL),
            LUCID_OK);
    }
}

static enum lucid_error verdict(const char *header, const struct ledger_ed25519_key *key)
{
    struct lucid_buf out = {0};
    struct lucid_buf read = {0};
    struct lucid_why why = {.code = NULL};
    ledger_jws_write(lucid_span_str(header), lucid_span_str("{}"), key, &out);
    enum lucid_error e =
        ledger_jws_verify(lucid_buf_span(&out), key->public_key, &read, NULL, &why);
    assert_true(e == LUCID_OK || (why.text[0] != '\0' && read.len == 0));
    lucid_buf_fini(&read);
    lucid_buf_fini(&out);
    return e;
}

static void headers_refused(void **state)
{
    (void)state;
    struct ledger_ed25519_key key = key_of(rfc_seed);
    assert_int_equal(verdict("{\"typ\":\"JWT\",\"alg\":\"EdDSA\"}", &key), LUCID_OK);
    static const char *const bad[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"eddsa\"}",
        "{\"alg\":[\"EdDSA\"]}",
        "{\"typ\":\"JWT\"}",
        "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}",
        "{\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"EdDSA\"",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(verdict(bad[i], &key), LUCID_REFUSE_INVALID);
    }
    /* Another's signature; more or fewer parts; more than the limit. */
    struct ledger_ed25519_key other;
    struct lucid_buf text = {0};
    ledger_ed25519_key_generate(&other);
    assert_int_equal(
        ledger_jws_verify(lucid_span_str(rfc_token), other.public_key, NULL, NULL, NULL),
        LUCID_REFUSE_FORBIDDEN);
    lucid_buf_str(&text, rfc_token);
    lucid_buf_str(&text, ".");
    assert_int_equal(ledger_jws_verify(lucid_buf_span(&text), key.public_key, NULL, NULL, NULL),
                     LUCID_REFUSE_INVALID);
    for (size_t i = text.len; i <= LEDGER_JWS_BYTES_MAX; i++) {
        lucid_buf_char(&text, 'A');
    }
    assert_int_equal(ledger_jws_verify(lucid_buf_span(&text), key.public_key, NULL, NULL, NULL),
                     LUCID_REFUSE_TOO_LARGE);
    assert_int_equal(ledger_jws_verify(lucid_span(NULL, 0), key.public_key, NULL, NULL, NULL),
                     LUCID_REFUSE_INVALID);
    lucid_buf_fini(&text);
}

static struct lucid_span signing_part(const json_t *item, const char *name, struct lucid_buf *out)
{
    char *json = json_dumps(vectors_get(item, name), JSON_COMPACT | JSON_PRESERVE_ORDER);
    assert_non_null(json);
    lucid_buf_clear(out);
    lucid_buf_str(out, json);
    free(json);
    return lucid_buf_span(out);
}

static void token_case(const json_t *item, const struct ledger_ed25519_key *key)
{
    struct lucid_buf header = {0};
    struct lucid_buf claims = {0};
    struct lucid_buf out = {0};
    struct lucid_span head = signing_part(item, "header", &header);
    struct lucid_span body = signing_part(item, "claims", &claims);
    ledger_jws_write(head, body, key, &out);
    assert_true(lucid_span_equal(lucid_buf_span(&out), vectors_text(vectors_get(item, "token"))));
    lucid_buf_clear(&header);
    assert_int_equal(ledger_jws_verify(lucid_buf_span(&out), key->public_key, &header, NULL, NULL),
                     LUCID_OK);
    lucid_buf_fini(&header);
    lucid_buf_fini(&claims);
    lucid_buf_fini(&out);
}

/* The facilitators' packages' tokens, byte for byte from their headers and claims. */
static void facilitator_tokens(void **state)
{
    (void)state;
    json_t *file = vectors_load("x402/facilitator-jwt.json");
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    struct ledger_ed25519_key key;
    vectors_bytes(vectors_get(file, "ed25519_seed_hex"), seed, sizeof(seed));
    ledger_ed25519_key_init(seed, &key);
    const json_t *cdp = vectors_get(file, "cdp");
    const json_t *items = vectors_get(cdp, "eddsa");
    assert_int_equal(json_array_size(items), 2);
    for (size_t i = 0; i < json_array_size(items); i++) {
        token_case(json_array_get(items, i), &key);
    }
    token_case(vectors_get(vectors_get(file, "payai"), "eddsa"), &key);
    assert_int_equal(
        ledger_jws_verify(vectors_text(vectors_get(vectors_get(cdp, "es256"), "token")),
                          key.public_key, NULL, NULL, NULL),
        LUCID_REFUSE_INVALID);
    json_decref(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_example),
        cmocka_unit_test(every_change_is_seen),
        cmocka_unit_test(headers_refused),
        cmocka_unit_test(facilitator_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

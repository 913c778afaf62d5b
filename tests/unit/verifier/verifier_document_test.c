/* Signed documents: what is signed, what is checked, and that nothing else passes. */
#include "ledger/ed25519.h"
#include "plugins/verifier/policy.h"
#include "tests/unit/verifier/document_kit.h"

static const char form[] = "{'b':[1,{'signature':'inner'}],'a':'\\u00e9','type':'x'}";

static struct ledger_ed25519_key key_of(uint8_t byte)
{
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    struct ledger_ed25519_key key;
    memset(seed, byte, sizeof(seed));
    ledger_ed25519_key_init(seed, &key);
    return key;
}

static bool verify(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                   const uint8_t signature[DOCUMENT_SIGNATURE_BYTES], void *context)
{
    if (context != NULL) {
        *(struct lucid_span *)context = message;
    }
    return ledger_ed25519_verify(key, message, signature);
}

static struct lucid_span sign(struct lucid_span text, const struct ledger_ed25519_key *key,
                              struct lucid_arena *arena)
{
    struct lucid_span input;
    struct lucid_span ret;
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    assert_int_equal(document_signing_input(text, key->public_key, arena, &input, NULL), LUCID_OK);
    ledger_ed25519_sign(key, input, signature);
    assert_int_equal(document_signed(text, key->public_key, signature, arena, &ret, NULL),
                     LUCID_OK);
    return ret;
}

static void test_form(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct ledger_ed25519_key key = key_of(1);
    struct ledger_ed25519_key other = key_of(2);
    struct lucid_span input;
    struct lucid_span seen;
    struct lucid_span canonical;
    uint8_t found[DOCUMENT_KEY_BYTES];
    uint8_t id[LUCID_SHA256_BYTES];
    uint8_t hash[LUCID_SHA256_BYTES];
    char expected[256];
    char key_text[45] = "";
    lucid_arena_init(&arena, 1U << 20);
    kit_text(form, NULL, NULL, &text);
    lucid_base64_encode(key.public_key, DOCUMENT_KEY_BYTES, key_text);
    int len = snprintf(expected, sizeof(expected),
                       "{\"a\":\"\xc3\xa9\",\"b\":[1,{\"signature\":\"inner\"}],\"signature\":"
                       "{\"algorithm\":\"Ed25519\",\"publicKey\":\"%s\"},\"type\":\"x\"}",
                       key_text);
    assert_int_equal(
        document_signing_input(lucid_buf_span(&text), key.public_key, &arena, &input, NULL),
        LUCID_OK);
    assert_int_equal(input.len, len);
    assert_memory_equal(input.data, expected, input.len);

    struct lucid_span signed_text = sign(lucid_buf_span(&text), &key, &arena);
    assert_int_equal(
        document_check(signed_text, verify, &seen, &arena, &canonical, found, id, NULL), LUCID_OK);
    assert_true(lucid_span_equal(seen, input));
    assert_true(lucid_span_equal(canonical, signed_text));
    assert_memory_equal(found, key.public_key, sizeof(found));
    lucid_sha256(canonical, hash);
    assert_memory_equal(id, hash, sizeof(id));
    /* Signed again by another: the old signature is gone. */
    struct lucid_span again = sign(signed_text, &other, &arena);
    assert_int_equal(again.len, signed_text.len);
    assert_int_equal(document_check(again, verify, NULL, &arena, &canonical, found, id, NULL),
                     LUCID_OK);
    assert_memory_equal(found, other.public_key, sizeof(found));
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

/* Every bit of a signed document flipped once: refused, or the same canonical document. */
static void test_flips(void **state)
{
    (void)state;
    struct lucid_buf text = {.bytes_max = 0};
    struct ledger_ed25519_key key = key_of(1);
    struct lucid_arena keep;
    lucid_arena_init(&keep, 1U << 20);
    kit_text(form, NULL, NULL, &text);
    struct lucid_span good = sign(lucid_buf_span(&text), &key, &keep);
    uint8_t *copy = malloc(good.len);
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        struct lucid_arena arena;
        struct lucid_span canonical = {.data = NULL};
        uint8_t found[DOCUMENT_KEY_BYTES];
        uint8_t id[LUCID_SHA256_BYTES];
        struct lucid_why why = {.code = NULL};
        lucid_arena_init(&arena, 1U << 20);
        memcpy(copy, good.data, good.len);
        copy[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        enum lucid_error error = document_check(lucid_span(copy, good.len), verify, NULL, &arena,
                                                &canonical, found, id, &why);
        assert_int_not_equal(error, LUCID_OK);
        assert_int_equal(lucid_category(error), LUCID_CATEGORY_REFUSE);
        assert_non_null(why.code);
        assert_null(canonical.data);
        refused++;
        lucid_arena_fini(&arena);
    }
    assert_int_equal(refused, 8 * good.len);
    free(copy);
    lucid_buf_fini(&text);
    lucid_arena_fini(&keep);
}

static enum lucid_error check(struct lucid_span text, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct lucid_span canonical;
    uint8_t found[DOCUMENT_KEY_BYTES];
    uint8_t id[LUCID_SHA256_BYTES];
    return document_check(text, verify, NULL, arena, &canonical, found, id, why);
}

static void test_refusals(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct ledger_ed25519_key key = key_of(1);
    char key_text[64] = "";
    char other[64];
    lucid_arena_init(&arena, 1U << 20);
    kit_text(form, NULL, NULL, &text);
    struct lucid_span good = sign(lucid_buf_span(&text), &key, &arena);
    char *whole = strndup((const char *)good.data, good.len);
    lucid_base64_encode(key.public_key, DOCUMENT_KEY_BYTES, key_text);
    memcpy(other, key_text, sizeof(other));
    other[43] = '\0'; /* without padding */
    char *value = strstr(whole, "\"value\":\"");
    char value_text[128];
    assert_non_null(value);
    memcpy(value_text, value, 8 + 90);
    value_text[8 + 90] = '\0';
    const char *d = "INVALID_DOCUMENT";
    const struct kit_fault faults[] = {
        {"\"a\":", "\"c\":", "SIGNATURE_INVALID", "signature.value"},
        {"[1,", "[2,", "SIGNATURE_INVALID", "signature.value"},
        {"[1,", " [1.0, ", NULL, ""},
        {"\"type\":\"x\"", "\"type\":\"x\",\"y\":1", "SIGNATURE_INVALID", "signature.value"},
        {"Ed25519", "EdDSA", d, "signature.algorithm"},
        {"\"algorithm\":\"Ed25519\",", "", d, "signature.algorithm"},
        {"\"algorithm\"", "\"hash\":1,\"algorithm\"", d, "signature.hash"},
        {key_text, other, d, "signature.publicKey"},
        {"\"publicKey\"", "\"key\"", d, "signature.key"},
        {value_text, "\"value\":7", d, "signature.value"},
        {value_text, "\"value\":\"\"", d, "signature.value"},
        {value_text, "\"algorithm\":\"Ed25519\"", "INVALID_JSON", "signature.algorithm"},
        {"\"signature\":{", "\"signatur\":{", d, "signature"},
        {"{\"a\"", "{{\"a\"", "INVALID_JSON", ""},
    };
    kit_faults(whole, faults, sizeof(faults) / sizeof(faults[0]), check);
    const struct kit_fault whole_faults[] = {{"[]", "[]", d, ""},
                                             {"[]", "{\"signature\":[]}", d, "signature"},
                                             {"[]", "{\"signature\":null}", d, "signature"},
                                             {"[]", "{}", d, "signature"}};
    kit_faults("[]", whole_faults, 4, check);
    free(whole);
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

/* What grows when it is written canonically is bounded too. */
static void test_canonical_size(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_why why = {.code = NULL};
    struct ledger_ed25519_key key = key_of(1);
    struct lucid_span signed_text;
    uint8_t zero[DOCUMENT_SIGNATURE_BYTES] = {0};
    lucid_arena_init(&arena, 8U << 20);
    lucid_buf_str(&text, "{\"a\":[1e20");
    for (unsigned i = 0; i < 4000; i++) {
        lucid_buf_str(&text, ",1e20");
    }
    lucid_buf_str(&text, "]");
    struct lucid_buf whole = {.bytes_max = 0};
    lucid_buf_span_put(&whole, lucid_buf_span(&text));
    lucid_buf_str(&whole, "}");
    assert_int_equal(
        document_signed(lucid_buf_span(&whole), key.public_key, zero, &arena, &signed_text, NULL),
        LUCID_OK);
    assert_true(signed_text.len > POLICY_BYTES_MAX);
    const char *tail = strstr((const char *)signed_text.data, "\"signature\"");
    assert_non_null(tail);
    lucid_buf_str(&text, ",");
    lucid_buf_str(&text, tail);
    assert_true(text.len < POLICY_BYTES_MAX);
    assert_int_equal(check(lucid_buf_span(&text), &arena, &why), LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(why.code, "BODY_TOO_LARGE");
    lucid_buf_fini(&whole);
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_canonical_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Published Ed25519 vectors: RFC 8032, the classic sign.input, Wycheproof. */
#include "ledger/ed25519.h"

#include "tests/unit/mmr/vectors.h"

enum { MESSAGE_MAX = 4096 };

static struct lucid_span read_message(const json_t *value, uint8_t message[MESSAGE_MAX])
{
    struct lucid_span text = vectors_text(value);
    assert_true(text.len % 2 == 0 && text.len / 2 <= MESSAGE_MAX);
    assert_true(lucid_hex_decode(text, message, text.len / 2));
    return lucid_span(message, text.len / 2);
}

static void check_row(const json_t *row)
{
    static uint8_t buffer[MESSAGE_MAX];
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES];
    uint8_t want[LEDGER_ED25519_SIGNATURE_BYTES];
    uint8_t got[LEDGER_ED25519_SIGNATURE_BYTES];
    struct ledger_ed25519_key key;
    struct lucid_span message = read_message(vectors_get(row, "message"), buffer);
    vectors_bytes(vectors_get(row, "seed"), seed, sizeof(seed));
    vectors_bytes(vectors_get(row, "public"), public_key, sizeof(public_key));
    vectors_bytes(vectors_get(row, "signature"), want, sizeof(want));
    ledger_ed25519_key_init(seed, &key);
    assert_memory_equal(key.public_key, public_key, sizeof(public_key));
    ledger_ed25519_sign(&key, message, got);
    assert_memory_equal(got, want, sizeof(want));
    assert_true(ledger_ed25519_verify(public_key, message, want));
    want[message.len % 64] ^= (uint8_t)(1U << message.len % 8);
    assert_false(ledger_ed25519_verify(public_key, message, want));
    if (message.len > 0) {
        buffer[message.len / 2] ^= 0x01;
        assert_false(ledger_ed25519_verify(public_key, message, got));
    }
}

static void check_file(const char *name, size_t count)
{
    json_t *file = vectors_load(name);
    const json_t *cases = vectors_get(file, "cases");
    assert_int_equal(json_array_size(cases), count);
    for (size_t i = 0; i < count; i++) {
        check_row(json_array_get(cases, i));
    }
    json_decref(file);
}

static void test_rfc8032(void **state)
{
    (void)state;
    check_file("ed25519/rfc8032.json", 5);
}

static void test_sign_input(void **state)
{
    (void)state;
    check_file("ed25519/sign_input_1024.json", 1024);
}

static bool wycheproof_verdict(const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                               const json_t *test)
{
    static uint8_t buffer[MESSAGE_MAX];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    struct lucid_span message = read_message(vectors_get(test, "msg"), buffer);
    struct lucid_span text = vectors_text(vectors_get(test, "sig"));
    /* A signature of any other length does not fit the interface; callers refuse it. */
    if (!lucid_hex_decode(text, signature, sizeof(signature))) {
        return false;
    }
    return ledger_ed25519_verify(public_key, message, signature);
}

static void test_wycheproof(void **state)
{
    (void)state;
    json_t *file = vectors_load("ed25519/wycheproof_ed25519_test.json");
    const json_t *groups = vectors_get(file, "testGroups");
    size_t accepted = 0;
    size_t refused = 0;
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *group = json_array_get(groups, i);
        uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES];
        vectors_bytes(vectors_get(vectors_get(group, "publicKey"), "pk"), public_key,
                      sizeof(public_key));
        const json_t *tests = vectors_get(group, "tests");
        for (size_t j = 0; j < json_array_size(tests); j++) {
            const json_t *test = json_array_get(tests, j);
            bool want = lucid_span_is(vectors_text(vectors_get(test, "result")), "valid");
            if (wycheproof_verdict(public_key, test) != want) {
                fail_msg("tcId %d", (int)vectors_u64(vectors_get(test, "tcId")));
            }
            accepted += want;
            refused += !want;
        }
    }
    assert_int_equal(accepted, 88);
    assert_int_equal(refused, 63);
    json_decref(file);
}

static void test_generate_and_wipe(void **state)
{
    (void)state;
    struct ledger_ed25519_key a;
    struct ledger_ed25519_key b;
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    ledger_ed25519_key_generate(&a);
    ledger_ed25519_key_generate(&b);
    assert_memory_not_equal(a.seed, b.seed, sizeof(a.seed));
    ledger_ed25519_sign(&a, lucid_span_str("message"), signature);
    assert_true(ledger_ed25519_verify(a.public_key, lucid_span_str("message"), signature));
    assert_false(ledger_ed25519_verify(b.public_key, lucid_span_str("message"), signature));
    static const struct ledger_ed25519_key zero;
    ledger_ed25519_key_wipe(&a);
    assert_memory_equal(&a, &zero, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc8032),
        cmocka_unit_test(test_sign_input),
        cmocka_unit_test(test_wycheproof),
        cmocka_unit_test(test_generate_and_wipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

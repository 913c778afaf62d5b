/* x402/evm/evm.h: Keccak-256, addresses, 256-bit numbers. */
#include "tests/unit/x402/evm_vectors.h"

static void assert_keccak(struct lucid_span data, const json_t *row, const char *name)
{
    struct evm_hash want = evm_vectors_hash(row, name);
    struct evm_hash hash = evm_keccak256(data);
    assert_memory_equal(hash.bytes, want.bytes, sizeof(hash.bytes));
}

/* Wherever the data is cut in two or three, the hash is the same. */
static void assert_cuts(struct lucid_span data)
{
    struct evm_hash want = evm_keccak256(data);
    for (size_t cut = 0; cut <= data.len; cut++) {
        size_t second = (data.len - cut) / 2;
        struct lucid_span parts[] = {
            lucid_span(data.data, cut),
            lucid_span(data.data + cut, second),
            lucid_span(data.data + cut + second, data.len - cut - second),
        };
        struct evm_hash hash = evm_keccak256_parts(parts, 3);
        assert_memory_equal(hash.bytes, want.bytes, sizeof(hash.bytes));
    }
}

static void test_keccak_bytes(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/keccak256.json");
    size_t i;
    json_t *row;
    json_array_foreach(vectors_get(root, "bytes"), i, row)
    {
        uint8_t data[1000];
        size_t len = (size_t)vectors_u64(vectors_get(row, "length"));
        assert_true(len <= sizeof(data));
        for (size_t k = 0; k < len; k++) {
            data[k] = (uint8_t)(k % 251);
        }
        assert_keccak(lucid_span(data, len), row, "keccak256");
        assert_cuts(lucid_span(data, len));
    }
    assert_true(i >= 10);
    json_array_foreach(vectors_get(root, "text"), i, row)
    {
        assert_keccak(vectors_text(vectors_get(row, "text")), row, "keccak256");
    }
    json_array_foreach(vectors_get(root, "topics"), i, row)
    {
        assert_keccak(vectors_text(vectors_get(row, "signature")), row, "topic0");
    }
    json_array_foreach(vectors_get(root, "typehashes"), i, row)
    {
        assert_keccak(vectors_text(vectors_get(row, "type")), row, "typehash");
    }
    json_decref(root);
}

static void test_addresses(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/keccak256.json");
    size_t i;
    json_t *row;
    json_array_foreach(vectors_get(root, "checksums"), i, row)
    {
        struct evm_address address = evm_vectors_address(row, "lowercase");
        struct evm_address mixed = evm_vectors_address(row, "eip55");
        char text[EVM_ADDRESS_TEXT_BYTES + 1];
        assert_memory_equal(address.bytes, mixed.bytes, sizeof(mixed.bytes));
        evm_address_text(&mixed, text);
        assert_string_equal(text, json_string_value(vectors_get(row, "lowercase")));
        evm_address_eip55(&mixed, text);
        assert_string_equal(text, json_string_value(vectors_get(row, "eip55")));
    }
    assert_true(i >= 2);
    json_decref(root);
}

static void test_texts_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "0x",
        "036cbd53842c5426634e7929541ec2318f3dcf7e",
        "0x036cbd53842c5426634e7929541ec2318f3dcf7",
        "0x036cbd53842c5426634e7929541ec2318f3dcf7e0",
        "0X036cbd53842c5426634e7929541ec2318f3dcf7e",
        "0x036cbd53842c5426634e7929541ec2318f3dcf7g",
        " 0x36cbd53842c5426634e7929541ec2318f3dcf7e",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct evm_address address = {.bytes = {7}};
        struct evm_hash hash = {.bytes = {7}};
        assert_false(evm_address_parse(lucid_span_str(bad[i]), &address));
        assert_false(evm_hash_parse(lucid_span_str(bad[i]), &hash));
        assert_int_equal(address.bytes[0], 7);
        assert_int_equal(hash.bytes[0], 7);
    }
}

#define MAX "115792089237316195423570985008687907853269984665640564039457584007913129639935"

static void test_decimal(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",
        "1",
        "9",
        "10",
        "255",
        "256",
        "9999999999999999999",
        "10000000000000000000",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999999999999999",
        "100000000000000000000000000000000000000",
        "340282366920938463463374607431768211455",
        "340282366920938463463374607431768211456",
        "6277101735386680763835789423207666416102355444464034512896",
        "100000000000000000000000000000000000000000000000000000000000000000000000000000",
        MAX,
    };
    struct evm_u256 last = {.be = {0}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct evm_u256 value;
        char text[EVM_U256_DIGITS_MAX + 1];
        assert_true(evm_u256_parse_decimal(lucid_span_str(good[i]), &value));
        evm_u256_decimal(&value, text);
        assert_string_equal(text, good[i]);
        assert_int_equal(evm_u256_compare(&value, &last), i == 0 ? 0 : 1);
        assert_int_equal(evm_u256_compare(&last, &value), i == 0 ? 0 : -1);
        last = value;
    }
    for (size_t i = 0; i < sizeof(last.be); i++) {
        assert_int_equal(last.be[i], 0xff);
    }
    static const char *const bad[] = {
        "",
        "00",
        "01",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x1",
        "115792089237316195423570985008687907853269984665640564039457584007913129639936",
        "999999999999999999999999999999999999999999999999999999999999999999999999999999",
        "1157920892373161954235709850086879078532699846656405640394575840079131296399350",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct evm_u256 value = last;
        assert_false(evm_u256_parse_decimal(lucid_span_str(bad[i]), &value));
        assert_int_equal(evm_u256_compare(&value, &last), 0);
    }
}

static void test_quantity(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *decimal;
    } good[] = {
        {"0x0", "0"},
        {"0x9", "9"},
        {"0xa", "10"},
        {"0x10", "16"},
        {"0xDeF", "3567"},
        {"0xffffffffffffffff", "18446744073709551615"},
        {"0x10000000000000000", "18446744073709551616"},
        {"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", MAX},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct evm_u256 value;
        char text[EVM_U256_DIGITS_MAX + 1];
        assert_true(evm_u256_parse_quantity(lucid_span_str(good[i].text), &value));
        evm_u256_decimal(&value, text);
        assert_string_equal(text, good[i].decimal);
    }
    static const char *const bad[] = {
        "",
        "0x",
        "0",
        "1",
        "0x00",
        "0x01",
        "0X1",
        "0xg",
        "0x1 ",
        "x1",
        "0x10000000000000000000000000000000000000000000000000000000000000000",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct evm_u256 value = evm_u256_of(7);
        struct evm_u256 seven = evm_u256_of(7);
        assert_false(evm_u256_parse_quantity(lucid_span_str(bad[i]), &value));
        assert_int_equal(evm_u256_compare(&value, &seven), 0);
    }
}

static void test_u64(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 255, 256, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct evm_u256 wide = evm_u256_of(values[i]);
        uint64_t back = 7;
        assert_true(evm_u256_u64(&wide, &back));
        assert_true(back == values[i]);
        for (size_t k = 0; k < 24; k++) {
            struct evm_u256 larger = wide;
            larger.be[k] = 1;
            assert_false(evm_u256_u64(&larger, &back));
            assert_int_equal(evm_u256_compare(&larger, &wide), 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keccak_bytes),  cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_texts_refused), cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_quantity),      cmocka_unit_test(test_u64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

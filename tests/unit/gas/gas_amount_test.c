/* gas/amount.h: amounts as base units and as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gas/amount.h"

static const struct {
    const char *text;
    enum gas_unit unit;
    uint64_t amount;
} good[] = {
    {"0", GAS_LUCID, 0},
    {"0.0", GAS_LUCID, 0},
    {"1", GAS_LUCID, 1000000000},
    {"1", GAS_USDC, 1000000},
    {"12.5", GAS_LUCID, 12500000000},
    {"12.500000000", GAS_LUCID, 12500000000},
    {"0.000000001", GAS_LUCID, 1},
    {"0.000001", GAS_USDC, 1},
    {"0.1", GAS_USDC, 100000},
    {"100", GAS_USDC, 100000000},
    {"9223372036.854775807", GAS_LUCID, GAS_AMOUNT_MAX},
    {"9223372036854.775807", GAS_USDC, GAS_AMOUNT_MAX},
};

static const struct {
    const char *text;
    enum gas_unit unit;
    enum lucid_error error;
} bad[] = {
    {"", GAS_LUCID, LUCID_REFUSE_INVALID},
    {".", GAS_LUCID, LUCID_REFUSE_INVALID},
    {".5", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"5.", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"1.2.3", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"01", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"00.5", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"-1", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"+1", GAS_LUCID, LUCID_REFUSE_INVALID},
    {" 1", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"1 ", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"1e3", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"0x10", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"1,5", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"1_000", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"inf", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"1.0000000000", GAS_LUCID, LUCID_REFUSE_INVALID},
    {"1.0000001", GAS_USDC, LUCID_REFUSE_INVALID},
    {"9223372036.854775808", GAS_LUCID, LUCID_REFUSE_TOO_LARGE},
    {"9223372036854.775808", GAS_USDC, LUCID_REFUSE_TOO_LARGE},
    {"18446744073.709551616", GAS_LUCID, LUCID_REFUSE_TOO_LARGE},
    {"18446744073709551616", GAS_LUCID, LUCID_REFUSE_TOO_LARGE},
    {"99999999999999999999999999999999999999", GAS_USDC, LUCID_REFUSE_TOO_LARGE},
};

static void test_decimal_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t amount = 77;
        assert_int_equal(
            gas_amount_parse_decimal(lucid_span_str(good[i].text), good[i].unit, &amount, NULL),
            LUCID_OK);
        assert_true(amount == good[i].amount);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t amount = 77;
        struct lucid_why why = {0};
        assert_int_equal(
            gas_amount_parse_decimal(lucid_span_str(bad[i].text), bad[i].unit, &amount, &why),
            bad[i].error);
        assert_true(amount == 77);
        assert_true(why.text[0] != '\0' && why.code == NULL);
    }
    uint64_t amount = 77;
    assert_int_equal(gas_amount_parse_decimal(lucid_span("1\0", 2), GAS_USDC, &amount, NULL),
                     LUCID_REFUSE_INVALID);
    assert_int_equal(gas_amount_parse_decimal((struct lucid_span){0}, GAS_USDC, &amount, NULL),
                     LUCID_REFUSE_INVALID);
}

static uint64_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return *state >> 1;
}

/* What is written is read back, with and without the zeros at the end. */
static void test_decimal_round(void **state)
{
    (void)state;
    uint64_t seed = 20261122;
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t amount = random_next(&seed) >> (random_next(&seed) % 63);
        enum gas_unit unit = (i & 1) != 0 ? GAS_LUCID : GAS_USDC;
        char text[GAS_AMOUNT_TEXT_BYTES];
        gas_amount_format(amount, unit, text);
        size_t len = strlen(text);
        uint64_t got = amount + 1;
        assert_int_equal(gas_amount_parse_decimal(lucid_span(text, len), unit, &got, NULL),
                         LUCID_OK);
        assert_true(got == amount);
        while (text[len - 1] == '0' && text[len - 2] != '.') {
            len--;
        }
        got = amount + 1;
        assert_int_equal(gas_amount_parse_decimal(lucid_span(text, len), unit, &got, NULL),
                         LUCID_OK);
        assert_true(got == amount);
    }
}

static void test_base_units(void **state)
{
    (void)state;
    static const char *const refused[] = {"",    "-1",
                                          "+1",  "01",
                                          "00",  "1.",
                                          " 1",  "1 ",
                                          "1e1", "9223372036854775808",
                                          "x",   "18446744073709551617"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        uint64_t amount = 77;
        assert_false(gas_amount_parse(lucid_span_str(refused[i]), &amount));
        assert_true(amount == 77);
    }
    uint64_t amount = 77;
    assert_true(gas_amount_parse(lucid_span_str("9223372036854775807"), &amount));
    assert_true(amount == GAS_AMOUNT_MAX);
    assert_true(gas_amount_parse(lucid_span_str("0"), &amount));
    assert_true(amount == 0);
    uint64_t seed = 7;
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t want = random_next(&seed) >> (i % 63);
        char text[24];
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)want);
        assert_true(gas_amount_parse(lucid_span_str(text), &amount));
        assert_true(amount == want);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_true(gas_name_ok(lucid_span_str("model:llama-3.1_70B"), 128));
    assert_true(gas_name_ok(lucid_span_str("a"), 1));
    assert_false(gas_name_ok(lucid_span_str("ab"), 1));
    assert_false(gas_name_ok(lucid_span_str(""), 128));
    for (unsigned c = 0; c < 256; c++) {
        uint8_t byte = (uint8_t)c;
        bool want = c != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789._:-",
                                     (int)c) != NULL;
        assert_int_equal(gas_name_ok(lucid_span(&byte, 1), 128), want);
    }
}

static void test_units(void **state)
{
    (void)state;
    enum gas_unit unit = GAS_USDC;
    assert_true(gas_unit_parse(lucid_span_str("LUCID"), &unit));
    assert_int_equal(unit, GAS_LUCID);
    assert_false(gas_unit_parse(lucid_span_str("lucid"), &unit));
    assert_string_equal(gas_unit_name(GAS_USDC), "USDC");
    assert_int_equal(gas_unit_decimals(GAS_LUCID), 9);
    assert_int_equal(gas_unit_decimals(GAS_USDC), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimal_table), cmocka_unit_test(test_decimal_round),
        cmocka_unit_test(test_base_units),    cmocka_unit_test(test_names),
        cmocka_unit_test(test_units),
    };
    return cmocka_run_group_tests_name("gas amount", tests, NULL, NULL);
}

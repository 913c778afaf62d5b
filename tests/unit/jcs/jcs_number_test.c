/* Reading and formatting numbers, against the C library and by property. */
#include "jcs_test_internal.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct lucid_arena arena;

static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

static double double_of(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

/* Reads text as a document; it must be one number. */
static double number_of(const char *text)
{
    const struct jcs_value *root = NULL;
    lucid_arena_reset(&arena);
    enum lucid_error error = jcs_parse(lucid_span_str(text), &test_limits, &arena, &root, NULL);
    if (error != LUCID_OK) {
        fail_msg("refused: %s", text);
    }
    return jcs_number(root);
}

static void read_check(const char *text)
{
    double want = strtod(text, NULL);
    double got = number_of(text);
    if (bits_of(got) != bits_of(want)) {
        print_error("%s: %.17g, not %.17g\n", text, got, want);
    }
    assert_int_equal(bits_of(got), bits_of(want));
}

static void test_read_edges(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0.0e5",
        "0e999999999999",
        "0E-99999999999999999999",
        "1e0",
        "1E+0",
        "1.5",
        "-1.5e1",
        "123e-2",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "9007199254740991",
        "9007199254740991e22",
        "9007199254740993.0",
        "9007199254740992.9999",
        "0.1",
        "0.30000000000000004",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "4.9e-324",
        "5e-324",
        "2.5e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.4703282292062329e-324",
        "1e-400",
        "-1e-99999999999999999999",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "17976931348623157e292",
        "1.797693134862315807e308",
        "0.00000000000000000000000000000000000000000000000000000001e60",
        "100000000000000000000000000000000000000000000000000000000000000000000000e-60",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        read_check(texts[i]);
    }
}

/* A number exactly half-way between two doubles, then 1 at the n-th digit behind it: however far
 * out that digit is, it decides. */
static void test_read_long(void **state)
{
    (void)state;
    static const char half[] = "1.00000000000000011102230246251565404236316680908203125";
    for (size_t zeros = 0; zeros < 3000; zeros += 37) {
        char text[4096];
        size_t len = sizeof(half) - 1;
        memcpy(text, half, len);
        memset(text + len, '0', zeros);
        text[len + zeros] = '\0';
        assert_int_equal(bits_of(number_of(text)), bits_of(1.0));
        memcpy(text + len + zeros, "1", 2);
        assert_int_equal(bits_of(number_of(text)), bits_of(1.0 + 0x1p-52));
    }
    /* As an integer with a compensating exponent, and small with leading zeros. */
    char text[4096];
    memset(text, '0', sizeof(text));
    text[0] = '1';
    memcpy(text + 3000, "e-3001", 7);
    assert_int_equal(bits_of(number_of(text)), bits_of(0.01));
    memset(text, '0', sizeof(text));
    text[1] = '.';
    memcpy(text + 3000, "125e3000", 9);
    assert_int_equal(bits_of(number_of(text)), bits_of(12.5));
}

static void test_read_random(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned i = 0; i < 100000; i++) {
        char text[64];
        uint64_t mantissa = test_random(&seed) >> (test_random(&seed) % 64);
        int exponent = (int)(test_random(&seed) % 60) - 30;
        if (i % 4 == 0) {
            exponent = (int)(test_random(&seed) % 610) - 320;
        }
        uint64_t whole = test_random(&seed) % 1000;
        snprintf(text, sizeof(text), "%s%llu.%llue%d", i % 2 ? "-" : "", (unsigned long long)whole,
                 (unsigned long long)mantissa, exponent > 300 ? 300 : exponent);
        read_check(text);
    }
}

/* A locale with a decimal comma changes nothing. */
static void test_read_locale(void **state)
{
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "C.UTF-8"};
    for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++) {
        if (setlocale(LC_ALL, locales[i]) != NULL) {
            break;
        }
    }
    assert_int_equal(bits_of(number_of("0.10000000000000000000000000")), bits_of(0.1));
    assert_int_equal(bits_of(number_of("1234.5e-30")), bits_of(1234.5e-30));
    char out[JCS_NUMBER_BYTES_MAX];
    assert_int_equal(jcs_number_format(0.25, out), 4);
    assert_memory_equal(out, "0.25", 4);
    assert_non_null(setlocale(LC_ALL, "C"));
}

static void test_integer_rule(void **state)
{
    (void)state;
    static const char *const kept[][2] = {
        {"-0", "0"},
        {"9007199254740991", "9007199254740991"},
        {"-9007199254740991", "-9007199254740991"},
        {"9007199254740992", "9007199254740992"},
        {"-9007199254740992", "-9007199254740992"},
        {"9007199254740994", "9007199254740994"},
        {"100000000000000000000", "100000000000000000000"},
        {"-295147905179352830000", "-295147905179352830000"},
        {"9007199254740993.0", "9007199254740992"}, /* not an integer literal */
        {"9007199254740993e0", "9007199254740992"},
        {"1e21", "1e+21"},
        {"295147905179352825856e0", "295147905179352830000"},
        {"1.0", "1"},
        {"1e3", "1000"},
        {"-0.0", "0"},
        {"-1e-7", "-1e-7"},
        {"0.000001", "0.000001"},
        {"1e-400", "0"},
    };
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        lucid_arena_reset(&arena);
        assert_string_equal(test_canonical(&arena, kept[i][0], strlen(kept[i][0])), kept[i][1]);
    }
}

struct sample_number {
    double number;
    const char *text;
};

/* ECMA-262 6.1.6.1.20 case by case, and RFC 8785 appendix B. */
static void test_format_cases(void **state)
{
    (void)state;
    static const struct sample_number samples[] = {
        {0.0, "0"},
        {-0.0, "0"},
        {1.0, "1"},
        {-1.0, "-1"},
        {10.0, "10"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {123456789012345680000.0, "123456789012345680000"},
        {1234567890123456800000.0, "1.2345678901234568e+21"},
        {0.5, "0.5"},
        {1234.5, "1234.5"},
        {0.000001, "0.000001"},
        {0.0000012, "0.0000012"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {5e-324, "5e-324"},
        {-5e-324, "-5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {9007199254740992.0, "9007199254740992"},
        {-9007199254740992.0, "-9007199254740992"},
        {295147905179352830000.0, "295147905179352830000"},
        {9.999999999999997e22, "9.999999999999997e+22"},
        {1e23, "1e+23"},
        {1.0000000000000001e23, "1.0000000000000001e+23"},
        {999999999999999700000.0, "999999999999999700000"},
        {999999999999999900000.0, "999999999999999900000"},
        {9.999999999999997e-7, "9.999999999999997e-7"},
        {333333333.3333332, "333333333.3333332"},
        {333333333.33333325, "333333333.33333325"},
        {-0.0000033333333333333333, "-0.0000033333333333333333"},
        {1424953923781206.2, "1424953923781206.2"},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        char out[JCS_NUMBER_BYTES_MAX];
        size_t len = jcs_number_format(samples[i].number, out);
        assert_int_equal(len, strlen(samples[i].text));
        assert_memory_equal(out, samples[i].text, len);
    }
}

/* Significant digits of a formatted number. */
static size_t digits_count(const char *text, size_t len)
{
    size_t count = 0;
    size_t zeros = 0;
    for (size_t i = 0; i < len && text[i] != 'e'; i++) {
        if (text[i] == '0') {
            zeros += count > 0;
        } else if (text[i] != '.' && text[i] != '-') {
            count += zeros + 1;
            zeros = 0;
        }
    }
    return count;
}

/* Reads back to the same bits, has as few digits as any %.{n}e that reads back, and is that one
 * when its last digit is: glibc rounds correctly, so the closest of that length. */
static void format_check(double number)
{
    char text[JCS_NUMBER_BYTES_MAX + 1];
    size_t len = jcs_number_format(number, text);
    assert_in_range(len, 1, JCS_NUMBER_BYTES_MAX);
    text[len] = '\0';
    assert_int_equal(bits_of(strtod(text, NULL)), bits_of(number));
    size_t digits = digits_count(text, len);
    assert_in_range(digits, 1, 17);
    char other[64];
    if (digits > 1) {
        snprintf(other, sizeof(other), "%.*e", (int)digits - 2, number);
        assert_int_not_equal(bits_of(strtod(other, NULL)), bits_of(number));
    }
    snprintf(other, sizeof(other), "%.*e", (int)digits - 1, number);
    if (bits_of(strtod(other, NULL)) == bits_of(number)) {
        /* The same decimal: equal when both are read with more precision than a double has. */
        assert_true(fabsl(strtold(other, NULL) / strtold(text, NULL) - 1.0L) < 1e-18L);
    }
}

static void test_format_random(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (unsigned i = 0; i < 50000; i++) {
        double number = double_of(test_random(&seed));
        if (isfinite(number) && fpclassify(number) != FP_ZERO) {
            format_check(number);
        }
        /* Short decimals, as prices and times are. */
        format_check((double)(1 + test_random(&seed) % 10000000) / 1000.0);
        /* Subnormals of every length. */
        uint64_t bits = test_random(&seed) >> (12 + test_random(&seed) % 52);
        format_check(double_of(bits | 1));
    }
}

static void test_format_integers(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t integer = test_random(&seed) >> (11 + test_random(&seed) % 53);
        char want[32];
        int len = snprintf(want, sizeof(want), "%llu", (unsigned long long)integer);
        char out[JCS_NUMBER_BYTES_MAX];
        assert_int_equal(jcs_number_format((double)integer, out), len);
        assert_memory_equal(out, want, (size_t)len);
    }
}

static void test_uint(void **state)
{
    (void)state;
    static const char *const no[] = {
        "-1", "0.5", "9007199254740992", "1e300", "-0.5", "\"1\"", "true", "null", "[]"};
    uint64_t value = 77;
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        const struct jcs_value *root = NULL;
        lucid_arena_reset(&arena);
        assert_int_equal(jcs_parse(lucid_span_str(no[i]), &test_limits, &arena, &root, NULL),
                         LUCID_OK);
        assert_false(jcs_uint(root, &value));
        assert_int_equal(value, 77);
    }
    assert_false(jcs_uint(NULL, &value));
    static const struct {
        const char *text;
        uint64_t value;
    } yes[] = {
        {"0", 0}, {"-0", 0}, {"1e3", 1000}, {"1.0", 1}, {"9007199254740991", 9007199254740991}};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        const struct jcs_value *root = NULL;
        lucid_arena_reset(&arena);
        assert_int_equal(jcs_parse(lucid_span_str(yes[i].text), &test_limits, &arena, &root, NULL),
                         LUCID_OK);
        assert_true(jcs_uint(root, &value));
        assert_int_equal(value, yes[i].value);
    }
}

static int setup(void **state)
{
    (void)state;
    lucid_arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lucid_arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_edges),    cmocka_unit_test(test_read_long),
        cmocka_unit_test(test_read_random),   cmocka_unit_test(test_read_locale),
        cmocka_unit_test(test_integer_rule),  cmocka_unit_test(test_format_cases),
        cmocka_unit_test(test_format_random), cmocka_unit_test(test_format_integers),
        cmocka_unit_test(test_uint),
    };
    return cmocka_run_group_tests_name("jcs number", tests, setup, teardown);
}

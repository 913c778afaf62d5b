/* base/bytes.h: spans, big-endian numbers, hex, base64, secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <string.h>

#include "base/bytes.h"

static void test_spans(void **state)
{
    (void)state;
    assert_true(lucid_span_equal(lucid_span(NULL, 0), lucid_span("x", 0)));
    assert_true(lucid_span_equal(lucid_span("ab", 2), lucid_span("abc", 2)));
    assert_false(lucid_span_equal(lucid_span("ab", 2), lucid_span("abc", 3)));
    assert_false(lucid_span_equal(lucid_span("ab", 2), lucid_span("ac", 2)));
    assert_true(lucid_span_is(lucid_span_str("name"), "name"));
    assert_false(lucid_span_is(lucid_span("name\0", 5), "name"));
    assert_false(lucid_span_is(lucid_span("nam", 3), "name"));
}

static void test_big_endian(void **state)
{
    (void)state;
    uint8_t bytes[9] = {0};
    lucid_put_be16(bytes + 1, 0x8182);
    assert_memory_equal(bytes, "\x00\x81\x82\x00", 4);
    assert_int_equal(lucid_get_be16(bytes + 1), 0x8182);
    lucid_put_be32(bytes + 1, 0x81828384);
    assert_memory_equal(bytes, "\x00\x81\x82\x83\x84\x00", 6);
    assert_int_equal(lucid_get_be32(bytes + 1), 0x81828384);
    lucid_put_be64(bytes + 1, 0x8182838485868788);
    assert_memory_equal(bytes, "\x00\x81\x82\x83\x84\x85\x86\x87\x88", 9);
    assert_int_equal(lucid_get_be64(bytes + 1), 0x8182838485868788);
}

static void test_hex(void **state)
{
    (void)state;
    char text[513] = {0};
    uint8_t bytes[256];
    uint8_t back[256];
    for (unsigned i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    char want[513];
    sodium_bin2hex(want, sizeof(want), bytes, sizeof(bytes));
    lucid_hex_encode(bytes, sizeof(bytes), text);
    assert_string_equal(text, want);
    assert_true(lucid_hex_decode(lucid_span(text, 512), back, 256));
    assert_memory_equal(back, bytes, 256);
    assert_true(lucid_hex_decode(lucid_span(text, 0), back, 0));
}

static void test_hex_refused(void **state)
{
    (void)state;
    uint8_t out[2] = {0x55, 0x55};
    static const char *const bad[] = {"",       "0",    "00",   "000",  "00000",
                                      "000000", "00AB", "0x00", "00 0", "000g",
                                      "g000",   "000:", "000`", "000/", "000@"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(lucid_hex_decode(lucid_span_str(bad[i]), out, 2));
        assert_false(lucid_is_hex(lucid_span_str(bad[i]), 4));
        assert_memory_equal(out, "\x55\x55", 2);
    }
    assert_false(lucid_hex_decode(lucid_span("00\0\0", 4), out, 2));
    assert_false(lucid_is_hex(lucid_span_str("0aF9"), 4));
    assert_true(lucid_is_hex(lucid_span_str("0af9"), 4));
}

/* RFC 4648 section 10. */
static void test_base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char text[16] = {0};
        size_t len = strlen(pairs[i][0]);
        lucid_base64_encode(pairs[i][0], len, text);
        assert_string_equal(text, pairs[i][1]);
        assert_int_equal(lucid_base64_len(len), strlen(text));
        uint8_t back[16];
        size_t back_len = 99;
        assert_true(lucid_base64_decode(lucid_span_str(text), back, len, &back_len));
        assert_int_equal(back_len, len);
        assert_memory_equal(back, pairs[i][0], len);
        if (len > 0) {
            back_len = 99;
            assert_false(lucid_base64_decode(lucid_span_str(text), back, len - 1, &back_len));
            assert_int_equal(back_len, 99);
        }
    }
}

static void test_base64_random(void **state)
{
    (void)state;
    for (size_t len = 0; len < 200; len++) {
        uint8_t data[200];
        lucid_random(data, len);
        char text[300] = {0};
        char want[300];
        lucid_base64_encode(data, len, text);
        sodium_bin2base64(want, sizeof(want), data, len, sodium_base64_VARIANT_ORIGINAL);
        assert_string_equal(text, want);
        uint8_t back[200];
        size_t back_len = 0;
        assert_true(lucid_base64_decode(lucid_span_str(text), back, sizeof(back), &back_len));
        assert_int_equal(back_len, len);
        assert_memory_equal(back, data, len);
    }
}

/* Every byte in every place of each kind of last group, against libsodium (which takes bytes from
 * 0x80 on for digits). */
static void test_base64_every_byte(void **state)
{
    (void)state;
    static const char *const forms[] = {"AAAA", "AAA=", "AA==", "AAAAAAAA", "AAAAAAA=", "AAAAAA=="};
    for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
        size_t text_len = strlen(forms[form]);
        for (size_t at = 0; at < text_len; at++) {
            for (unsigned c = 0; c < 256; c++) {
                char text[9];
                uint8_t got[6] = {0};
                uint8_t want[6] = {0};
                size_t got_len = 0;
                size_t want_len = 0;
                memcpy(text, forms[form], text_len + 1);
                text[at] = (char)c;
                bool good = c < 0x80 &&
                            sodium_base642bin(want, sizeof(want), text, text_len, NULL, &want_len,
                                              NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
                assert_true(good == lucid_base64_decode(lucid_span(text, text_len), got,
                                                        sizeof(got), &got_len));
                if (good) {
                    assert_int_equal(got_len, want_len);
                    assert_memory_equal(got, want, want_len);
                }
            }
        }
    }
}

static void test_base64_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Zg",    "Zg=",  "Zg===",    "Zh==",     "Zm9=",         "Zm8",
        "Z",     "====", "=Zg=",     "Zg==Zg==", "Zm9v\n",       "Zm 9v",
        "Zm9v ", "Zm-_", "Zm9vY===", "\x80m9v",  "Zg==\n\n\n\n",
    };
    uint8_t out[16];
    size_t len = 99;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (lucid_base64_decode(lucid_span_str(bad[i]), out, sizeof(out), &len)) {
            fail_msg("accepted bad[%zu]", i);
        }
        assert_int_equal(len, 99);
    }
    assert_false(lucid_base64_decode(lucid_span("Zm9v\0\0\0\0", 8), out, sizeof(out), &len));
}

static void test_secrets(void **state)
{
    (void)state;
    uint8_t a[32];
    uint8_t b[32];
    lucid_random(a, sizeof(a));
    memcpy(b, a, sizeof(b));
    assert_true(lucid_secret_equal(a, b, sizeof(a)));
    for (size_t bit = 0; bit < 256; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(lucid_secret_equal(a, b, sizeof(a)));
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    lucid_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    static const uint8_t zeros[32];
    lucid_wipe(a, sizeof(a));
    assert_memory_equal(a, zeros, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_big_endian),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_hex_refused),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_random),
        cmocka_unit_test(test_base64_every_byte),
        cmocka_unit_test(test_base64_refused),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests_name("base bytes", tests, NULL, NULL);
}

/* base/buf.h: growth, limits, the sticky error, and JSON text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <limits.h>
#include <string.h>

#include "base/buf.h"

static void text_check(const struct lucid_buf *buf, const char *want)
{
    assert_true(lucid_buf_ok(buf));
    assert_int_equal(buf->len, strlen(want));
    assert_memory_equal(buf->data, want, buf->len);
}

static void test_growth(void **state)
{
    (void)state;
    struct lucid_buf buf;
    lucid_buf_init(&buf, 0);
    assert_null(buf.data);
    for (unsigned i = 0; i < 100000; i++) {
        lucid_buf_char(&buf, (char)('a' + i % 26));
    }
    assert_true(lucid_buf_ok(&buf));
    assert_int_equal(buf.len, 100000);
    for (unsigned i = 0; i < 100000; i++) {
        assert_int_equal(buf.data[i], 'a' + i % 26);
    }
    lucid_buf_clear(&buf);
    assert_int_equal(lucid_buf_span(&buf).len, 0);
    lucid_buf_put(&buf, NULL, 0);
    lucid_buf_str(&buf, "again");
    lucid_buf_span_put(&buf, lucid_span_str("!"));
    text_check(&buf, "again!");
    lucid_buf_fini(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.cap, 0);
}

/* Exactly bytes_max fit, not one more, wherever the buffer's own capacity happens to end. */
static void test_limit(void **state)
{
    (void)state;
    for (size_t max = 1; max < 1200; max += max < 20 ? 1 : 59) {
        struct lucid_buf buf;
        lucid_buf_init(&buf, max);
        for (size_t i = 0; i < max; i++) {
            lucid_buf_char(&buf, 'x');
        }
        assert_true(lucid_buf_ok(&buf));
        lucid_buf_char(&buf, 'x');
        assert_false(lucid_buf_ok(&buf));
        assert_int_equal(buf.len, max);
        lucid_buf_fini(&buf);

        lucid_buf_init(&buf, max);
        uint8_t *all = lucid_buf_extend(&buf, max);
        assert_non_null(all);
        memset(all, 'y', max);
        assert_null(lucid_buf_extend(&buf, 1));
        lucid_buf_fini(&buf);
    }
}

static void test_error_is_sticky(void **state)
{
    (void)state;
    struct lucid_buf buf;
    lucid_buf_init(&buf, 10);
    lucid_buf_str(&buf, "12345");
    lucid_buf_str(&buf, "a text that does not fit");
    assert_false(lucid_buf_ok(&buf));
    lucid_buf_char(&buf, '6'); /* would fit, but the text would have a hole */
    lucid_buf_u64(&buf, 7);
    lucid_buf_hex(&buf, "8", 1);
    lucid_buf_base64(&buf, "9", 1);
    lucid_buf_printf(&buf, "%d", 1);
    lucid_json_string(&buf, lucid_span_str("s"));
    assert_null(lucid_buf_extend(&buf, 1));
    assert_int_equal(buf.len, 5);
    assert_false(lucid_buf_ok(&buf));
    lucid_buf_clear(&buf);
    lucid_buf_str(&buf, "fresh");
    text_check(&buf, "fresh");
    assert_null(lucid_buf_extend(&buf, SIZE_MAX));
    assert_false(lucid_buf_ok(&buf));
    lucid_buf_fini(&buf);

    lucid_buf_init(&buf, 0);
    lucid_buf_char(&buf, 'x');
    assert_null(lucid_buf_extend(&buf, SIZE_MAX - 1));
    assert_null(lucid_buf_extend(&buf, 1));
    lucid_buf_fini(&buf);
}

static void test_numbers(void **state)
{
    (void)state;
    struct lucid_buf buf = {.data = NULL};
    lucid_buf_u64(&buf, 0);
    lucid_buf_char(&buf, ' ');
    lucid_buf_u64(&buf, UINT64_MAX);
    lucid_buf_char(&buf, ' ');
    lucid_buf_hex(&buf, "\x00\xab\xff", 3);
    lucid_buf_char(&buf, ' ');
    lucid_buf_base64(&buf, "fooba", 5);
    lucid_buf_printf(&buf, " %s-%03d", "p", 7);
    text_check(&buf, "0 18446744073709551615 00abff "
                     "Zm9vYmE= p-007");
    lucid_buf_fini(&buf);
}

static void test_time(void **state)
{
    (void)state;
    static const struct {
        uint64_t unix_ms;
        const char *text;
    } times[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {999, "1970-01-01T00:00:00.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1795255200123, "2026-11-21T10:00:00.123Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct lucid_buf buf = {.data = NULL};
        lucid_buf_time(&buf, times[i].unix_ms);
        text_check(&buf, times[i].text);
        lucid_buf_fini(&buf);
    }
}

/* Each byte that stands alone in UTF-8, through a reader of others. */
static void test_json_string(void **state)
{
    (void)state;
    struct lucid_buf buf = {.data = NULL};
    lucid_json_string(&buf, lucid_span("a\"b\\c/\b\f\n\r\t\0\x1f\x7f\xc3\xa9", 16));
    text_check(&buf, "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\xc3\xa9\"");
    lucid_buf_clear(&buf);
    lucid_json_string(&buf, lucid_span(NULL, 0));
    text_check(&buf, "\"\"");
    for (unsigned c = 0; c < 128; c++) {
        char text[3] = {'x', (char)c, 'y'};
        lucid_buf_clear(&buf);
        lucid_json_string(&buf, lucid_span(text, 3));
        json_t *json =
            json_loadb((const char *)buf.data, buf.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(json);
        assert_int_equal(json_string_length(json), 3);
        assert_memory_equal(json_string_value(json), text, 3);
        json_decref(json);
    }
    lucid_buf_fini(&buf);
}

static void test_json_members(void **state)
{
    (void)state;
    struct lucid_buf buf = {.data = NULL};
    lucid_buf_char(&buf, '{');
    lucid_json_member_str(&buf, "a", lucid_span_str("{"));
    lucid_json_member_cstr(&buf, "b", "\n");
    lucid_json_member_u64(&buf, "c", 18446744073709551615u);
    lucid_json_member_bool(&buf, "d", true);
    lucid_json_member_bool(&buf, "e", false);
    lucid_json_member_null(&buf, "f");
    lucid_json_member_hex(&buf, "g", "\x01\xfe", 2);
    lucid_json_member_time(&buf, "h", 0);
    lucid_json_member(&buf, "i");
    lucid_buf_char(&buf, '{');
    lucid_json_member_null(&buf, "j");
    lucid_buf_str(&buf, "}}");
    text_check(&buf, "{\"a\":\"{\",\"b\":\"\\n\",\"c\":18446744073709551615,\"d\":true,\"e\":false,"
                     "\"f\":null,\"g\":\"01fe\",\"h\":\"1970-01-01T00:00:00.000Z\",\"i\":{\"j\":"
                     "null}}");
    lucid_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_error_is_sticky),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_json_string),
        cmocka_unit_test(test_json_members),
    };
    return cmocka_run_group_tests_name("base buf", tests, NULL, NULL);
}

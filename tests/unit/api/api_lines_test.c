/* Cutting NDJSON into lines: what comes out, however the bytes came in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/api/lines_internal.h"

enum { MAX = 8 }; /* of a line in most tests */

/* One word for all that comes out: T:text, E (empty), L (too long), each followed by a comma. */
static void take_all(struct api_lines *lines, struct lucid_buf *out)
{
    struct lucid_span text;
    for (;;) {
        enum api_line kind = api_lines_next(lines, &text);
        switch (kind) {
        case API_LINE_NONE:
            assert_false(api_lines_ready(lines));
            return;
        case API_LINE_TEXT:
            lucid_buf_str(out, "T:");
            lucid_buf_span_put(out, text);
            break;
        case API_LINE_EMPTY:
            lucid_buf_char(out, 'E');
            break;
        case API_LINE_TOO_LONG:
            lucid_buf_char(out, 'L');
            break;
        }
        lucid_buf_char(out, ',');
    }
}

static void piece_put(struct api_lines *lines, const char *text, size_t len, bool last)
{
    assert_true(api_lines_put(lines, lucid_span(text, len), last));
}

/* In two pieces cut at first, then byte by byte if slow; taking lines after each. */
static void expect_cut(const char *text, size_t first, bool slow, const char *want)
{
    struct api_lines lines;
    struct lucid_buf out;
    size_t len = strlen(text);
    api_lines_init(&lines, MAX);
    lucid_buf_init(&out, 0);
    piece_put(&lines, text, first, false);
    take_all(&lines, &out);
    for (size_t at = first; slow && at < len; at++) {
        piece_put(&lines, text + at, 1, false);
        take_all(&lines, &out);
        assert_true(api_lines_left(&lines) <= MAX + 2);
    }
    piece_put(&lines, slow ? "" : text + first, slow ? 0 : len - first, true);
    take_all(&lines, &out);
    assert_int_equal(api_lines_left(&lines), 0);
    lucid_buf_char(&out, '\0');
    assert_true(lucid_buf_ok(&out));
    assert_string_equal((const char *)out.data, want);
    lucid_buf_fini(&out);
    api_lines_fini(&lines);
}

static void test_cuts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"a", "T:a,"},
        {"a\n", "T:a,"},
        {"a\r\n", "T:a,"},
        {"a\nb", "T:a,T:b,"},
        {"a\r\nb\r\n", "T:a,T:b,"},
        {"a\n\nb\n", "T:a,E,T:b,"},
        {"\n\r\na", "E,E,T:a,"},
        {"\n\n\r\n", ""},
        {"a\n\n\r\n\n", "T:a,"},
        {"\r", ""},
        {"a\rb\n", "T:a\rb,"},
        {"a\r\r\n", "T:a\r,"},
        {" \n", "T: ,"},
        {"12345678\n", "T:12345678,"},
        {"12345678\r\n", "T:12345678,"},
        {"12345678", "T:12345678,"},
        {"123456789\n", "L,"},
        {"123456789\r\na\n", "L,T:a,"},
        {"123456789", "L,"},
        {"12345678\r\r\na", "L,T:a,"},
        {"1234567890abcdefghijklmnopq\na\n", "L,T:a,"},
        {"1234567890abcdefghijklmnopq\n\na\n", "L,E,T:a,"},
        {"\n1234567890abcdefghijklmnopq\n\n", "E,L,"},
        {"1234567890abcdefghijklmnopq", "L,"},
        {"1234567890abc\n1234567890abc\nb", "L,L,T:b,"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t first = 0; first <= strlen(cases[i].text); first++) {
            expect_cut(cases[i].text, first, false, cases[i].want);
            expect_cut(cases[i].text, first, true, cases[i].want);
        }
    }
}

/* The middle of a line that is too long is not kept, whatever its length. */
static void test_long_line_is_not_held(void **state)
{
    (void)state;
    static const char piece[4096];
    struct api_lines lines;
    struct lucid_span text;
    api_lines_init(&lines, MAX);
    piece_put(&lines, piece, sizeof(piece), false);
    assert_int_equal(api_lines_next(&lines, &text), API_LINE_TOO_LONG);
    for (int i = 0; i < 1000; i++) {
        piece_put(&lines, piece, sizeof(piece), false);
        assert_int_equal(api_lines_left(&lines), 0);
        assert_int_equal(api_lines_next(&lines, &text), API_LINE_NONE);
    }
    assert_true(lines.input.cap <= 2 * sizeof(piece));
    piece_put(&lines, "\nb", 2, true);
    assert_int_equal(api_lines_next(&lines, &text), API_LINE_TEXT);
    assert_true(lucid_span_is(text, "b"));
    api_lines_fini(&lines);
}

/* A megabyte of lines that are always a few behind: the room in front is used again. */
static void test_room_is_reused(void **state)
{
    (void)state;
    struct api_lines lines;
    struct lucid_span text;
    char line[1025];
    api_lines_init(&lines, 2048);
    memset(line, 'x', sizeof(line));
    line[1024] = '\n';
    for (size_t i = 0; i < 1100; i++) {
        line[0] = (char)('a' + i % 26);
        piece_put(&lines, line, sizeof(line), false);
        if (i >= 100) {
            assert_int_equal(api_lines_next(&lines, &text), API_LINE_TEXT);
            assert_int_equal(text.len, 1024);
            assert_int_equal(text.data[0], 'a' + (i - 100) % 26);
            assert_int_equal(api_lines_left(&lines), 100 * sizeof(line));
        }
    }
    assert_true(lines.input.cap <= (size_t)512 * 1024);
    api_lines_fini(&lines);
}

static void test_stop(void **state)
{
    (void)state;
    struct api_lines lines;
    struct lucid_span text;
    api_lines_init(&lines, MAX);
    piece_put(&lines, "a\n\n\nb\n1234567890abcdef", 22, false);
    assert_int_equal(api_lines_next(&lines, &text), API_LINE_TEXT);
    assert_int_equal(api_lines_next(&lines, &text), API_LINE_EMPTY);
    api_lines_stop(&lines);
    assert_true(lines.ended);
    assert_false(api_lines_ready(&lines));
    assert_int_equal(api_lines_next(&lines, &text), API_LINE_NONE);
    assert_int_equal(api_lines_left(&lines), 0);
    api_lines_fini(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_long_line_is_not_held),
        cmocka_unit_test(test_room_is_reused),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests_name("api lines", tests, NULL, NULL);
}

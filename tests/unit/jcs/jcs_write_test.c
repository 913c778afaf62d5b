/* The canonical form: order, escapes, round trips; and the accessors. */
#include "jcs_test_internal.h"

#include <stdio.h>

#include "base/jcs/jcs_internal.h"

static struct lucid_arena arena;

static void canonical_check(const char *text, const char *want)
{
    lucid_arena_reset(&arena);
    assert_string_equal(test_canonical(&arena, text, strlen(text)), want);
}

static void test_forms(void **state)
{
    (void)state;
    canonical_check(" \t\r\n null \t\r\n ", "null");
    canonical_check("[ ]", "[]");
    canonical_check("{ }", "{}");
    canonical_check("[ [ ] , { } , [ { } ] ]", "[[],{},[{}]]");
    canonical_check("{\"b\":{\"d\":[],\"c\":{}},\"a\":[true,false,null,\"\"]}",
                    "{\"a\":[true,false,null,\"\"],\"b\":{\"c\":{},\"d\":[]}}");
    canonical_check("\"\\/\\u002f\\u007F\\u00DF\"", "\"//\x7f\xc3\x9f\"");
    canonical_check("{\"\\n\":\"\\u000a\",\"\\\"\":\"\\u0022\"}",
                    "{\"\\n\":\"\\n\",\"\\\"\":\"\\\"\"}");
    canonical_check("\"\\u0000\\u0001\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u001F\\\\\"",
                    "\"\\u0000\\u0001\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u001f\\\\\"");
    canonical_check("\"\\ud83d\\ude00\\uD834\\uDD1E\\u20ac\\uffff\\udbff\\udfff\"",
                    "\"\xf0\x9f\x98\x80\xf0\x9d\x84\x9e\xe2\x82\xac\xef\xbf\xbf\xf4\x8f\xbf\xbf\"");
    /* No normalisation, and noncharacters are characters here. */
    canonical_check("\"e\xcc\x81\xc3\xa9\xef\xb7\x90\"", "\"e\xcc\x81\xc3\xa9\xef\xb7\x90\"");
}

static void test_order(void **state)
{
    (void)state;
    canonical_check("{\"b\":1,\"a\":2,\"\":3,\"aa\":4,\"B\":5,\"a\\u0000\":6}",
                    "{\"\":3,\"B\":5,\"a\":2,\"a\\u0000\":6,\"aa\":4,\"b\":1}");
    /* U+1F600 is D83D DE00 in UTF-16: before U+FB33 and U+E000, after U+D7FF. */
    canonical_check("{\"\xef\xac\xb3\":1,\"\xf0\x9f\x98\x80\":2}",
                    "{\"\xf0\x9f\x98\x80\":2,\"\xef\xac\xb3\":1}");
    canonical_check("{\"\\ufb33\":1,\"\\ud83d\\ude00\":2,\"\\ud7ff\":3,\"\\ue000\":4,\"z\":5}",
                    "{\"z\":5,\"\xed\x9f\xbf\":3,\"\xf0\x9f\x98\x80\":2,\"\xee\x80\x80\":4,"
                    "\"\xef\xac\xb3\":1}");
    /* The same behind eight equal bytes, where the comparison goes on without its key. */
    canonical_check("{\"12345678\xef\xbf\xbf\":1,\"12345678\xf4\x8f\xbf\xbf\":2,\"12345678\":3}",
                    "{\"12345678\":3,\"12345678\xf4\x8f\xbf\xbf\":2,\"12345678\xef\xbf\xbf\":1}");
    /* And across the eighth byte. */
    canonical_check("{\"1234567\xef\xbf\xbf\":1,\"1234567\xf0\x90\x80\x80\":2}",
                    "{\"1234567\xf0\x90\x80\x80\":2,\"1234567\xef\xbf\xbf\":1}");
}

/* Encodes a code point in UTF-8, independent of the code under test. */
static size_t utf8(uint32_t point, uint8_t *out)
{
    static const uint8_t leads[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (uint8_t)(leads[len] | point);
    return len;
}

struct name_pair {
    uint8_t text[64];
    uint16_t units[32];
    size_t len;
    size_t units_len;
};

static void name_random(uint64_t *seed, struct name_pair *name)
{
    static const uint32_t points[] = {0x0,    0x20,   0x61,   0x7f,   0x80,    0x7ff,   0x800,
                                      0xd7ff, 0xe000, 0xfb33, 0xffff, 0x10000, 0x1f600, 0x10ffff};
    *name = (struct name_pair){.len = 0};
    size_t count = test_random(seed) % 13;
    for (size_t i = 0; i < count; i++) {
        uint64_t random = test_random(seed);
        uint32_t point = random % 3 == 0 ? 'a' : points[(random >> 8) % 14];
        name->len += utf8(point, name->text + name->len);
        if (point >= 0x10000) {
            name->units[name->units_len++] = (uint16_t)(0xd800 + ((point - 0x10000) >> 10));
            name->units[name->units_len++] = (uint16_t)(0xdc00 + (point & 0x3ff));
        } else {
            name->units[name->units_len++] = (uint16_t)point;
        }
    }
}

static int units_compare(const struct name_pair *a, const struct name_pair *b)
{
    for (size_t i = 0; i < a->units_len && i < b->units_len; i++) {
        if (a->units[i] != b->units[i]) {
            return a->units[i] < b->units[i] ? -1 : 1;
        }
    }
    return (a->units_len > b->units_len) - (a->units_len < b->units_len);
}

/* The order of bytes with its one correction, against UTF-16 spelled out. */
static void test_order_random(void **state)
{
    (void)state;
    uint64_t seed = 4;
    unsigned equal = 0;
    for (unsigned i = 0; i < 200000; i++) {
        struct name_pair names[2];
        struct jcs_value values[2] = {{.next = NULL}, {.next = NULL}};
        for (unsigned j = 0; j < 2; j++) {
            name_random(&seed, &names[j]);
            values[j].name = names[j].text;
            values[j].name_len = (uint32_t)names[j].len;
            const uint8_t *tight = names[j].text + names[j].len;
            const uint8_t *loose = names[j].text + sizeof(names[j].text);
            jcs_order_key(&values[j], i % 2 == 0 ? tight : loose);
        }
        int want = units_compare(&names[0], &names[1]);
        equal += want == 0;
        assert_int_equal(jcs_order_compare(&values[0], &values[1]), want);
    }
    assert_true(equal > 100);
}

/* Objects of many sizes around the length of a sorted run, in shuffled order. */
static void test_order_sizes(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (unsigned count = 0; count < 1200; count += count < 140 ? 1 : 97) {
        unsigned order[1200];
        for (unsigned i = 0; i < count; i++) {
            unsigned j = (unsigned)(test_random(&seed) % (i + 1));
            order[i] = order[j];
            order[j] = i;
        }
        struct lucid_buf text = {.bytes_max = 0};
        struct lucid_buf want = {.bytes_max = 0};
        for (unsigned i = 0; i < count; i++) {
            lucid_buf_printf(&text, "%c\"name_%04u\":%u", i == 0 ? '{' : ',', order[i], order[i]);
            lucid_buf_printf(&want, "%c\"name_%04u\":%u", i == 0 ? '{' : ',', i, i);
        }
        lucid_buf_str(&text, count == 0 ? "{}" : "}");
        lucid_buf_put(&want, count == 0 ? "{}" : "}", count == 0 ? 3 : 2);
        lucid_arena_reset(&arena);
        assert_string_equal(test_canonical(&arena, (const char *)text.data, text.len),
                            (const char *)want.data);
        lucid_buf_fini(&text);
        lucid_buf_fini(&want);
    }
}

/* --- random documents --- */

static void space_random(uint64_t *seed, struct lucid_buf *out)
{
    static const char *const spaces[] = {"", "", "", " ", "\n\t", "\r  "};
    lucid_buf_str(out, spaces[test_random(seed) % 6]);
}

static void string_random(uint64_t *seed, struct lucid_buf *out, unsigned unique)
{
    static const char *const parts[] = {
        "a",
        "plain text of some length",
        "\\u0000",
        "\\n",
        "\\\\",
        "\\\"",
        "\\/",
        "\xc3\xa9",
        "\\ud83d\\ude00",
        "\xf0\x9f\x98\x80",
        "\xef\xbf\xbf",
        "\\uE000",
        "\x7f",
        "\\u007f",
        "\\b\\f",
    };
    lucid_buf_char(out, '"');
    for (uint64_t i = test_random(seed) % 5; i > 0; i--) {
        lucid_buf_str(out, parts[test_random(seed) % 15]);
    }
    if (unique != 0) {
        lucid_buf_u64(out, unique);
    }
    lucid_buf_char(out, '"');
}

static void scalar_random(uint64_t *seed, struct lucid_buf *out)
{
    static const char *const words[] = {"null", "true", "false"};
    uint64_t random = test_random(seed);
    switch (random % 4) {
    case 0:
        lucid_buf_str(out, words[random / 4 % 3]);
        break;
    case 1:
        lucid_buf_printf(out, "%s%u.%03ue%d", random & 16 ? "-" : "", (unsigned)(random >> 40),
                         (unsigned)(random >> 20) % 1000, (int)(random >> 8) % 300);
        break;
    case 2:
        lucid_buf_printf(out, "%lld", (long long)((int64_t)random >> 12));
        break;
    default:
        string_random(seed, out, 0);
    }
}

/* One document: a walk that opens, fills and closes containers up to depth 8. */
static void document_random(uint64_t *seed, struct lucid_buf *out)
{
    char open[8];
    size_t depth = 0;
    bool first = true;
    for (unsigned step = 1; step < 60; step++) {
        if (depth > 0 && test_random(seed) % 4 == 0) {
            space_random(seed, out);
            lucid_buf_char(out, open[--depth]);
            first = false;
            if (depth == 0) {
                return;
            }
            continue;
        }
        if (!first) {
            lucid_buf_char(out, ',');
        }
        space_random(seed, out);
        if (depth > 0 && open[depth - 1] == '}') {
            string_random(seed, out, step);
            space_random(seed, out);
            lucid_buf_char(out, ':');
            space_random(seed, out);
        }
        first = depth == 0 || (depth < 8 && test_random(seed) % 3 == 0);
        if (first) {
            open[depth] = test_random(seed) % 2 == 0 ? '}' : ']';
            lucid_buf_char(out, open[depth++] == '}' ? '{' : '[');
        } else {
            scalar_random(seed, out);
        }
    }
    while (depth > 0) {
        lucid_buf_char(out, open[--depth]);
    }
}

static void write_again(struct lucid_span text, struct lucid_buf *out)
{
    const struct jcs_value *root = NULL;
    lucid_arena_reset(&arena);
    struct lucid_why why = {.code = NULL};
    if (jcs_parse(text, &test_limits, &arena, &root, &why) != LUCID_OK) {
        fail_msg("%s at %zu: %.*s", why.text, why.offset, (int)text.len, (const char *)text.data);
    }
    jcs_write(root, out);
    assert_true(lucid_buf_ok(out));
}

static void test_round_trip(void **state)
{
    (void)state;
    uint64_t seed = 6;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_buf once = {.bytes_max = 0};
    struct lucid_buf twice = {.bytes_max = 0};
    size_t bytes = 0;
    for (unsigned i = 0; i < 20000; i++) {
        lucid_buf_clear(&text);
        lucid_buf_clear(&once);
        lucid_buf_clear(&twice);
        document_random(&seed, &text);
        write_again(lucid_buf_span(&text), &once);
        write_again(lucid_buf_span(&once), &twice);
        assert_true(lucid_span_equal(lucid_buf_span(&once), lucid_buf_span(&twice)));
        bytes += once.len;
    }
    assert_true(bytes > 1000000);
    lucid_buf_fini(&text);
    lucid_buf_fini(&once);
    lucid_buf_fini(&twice);
}

static void test_accessors(void **state)
{
    (void)state;
    const char *text = "{\"z\":[1,\"two\",null],\"\\u0061\":{\"t\":true,\"f\":false},\"\":\"\"}";
    const struct jcs_value *root = NULL;
    lucid_arena_reset(&arena);
    assert_int_equal(jcs_parse(lucid_span_str(text), &test_limits, &arena, &root, NULL), LUCID_OK);
    assert_int_equal(jcs_type(root), JCS_OBJECT);
    assert_int_equal(jcs_count(root), 3);
    assert_null(jcs_name(root).data);

    /* Document order, although written in another. */
    const struct jcs_value *at = jcs_next(root, NULL);
    assert_true(lucid_span_is(jcs_name(at), "z"));
    at = jcs_next(root, at);
    assert_true(lucid_span_is(jcs_name(at), "a"));
    at = jcs_next(root, at);
    assert_true(lucid_span_is(jcs_name(at), ""));
    assert_non_null(jcs_name(at).data);
    assert_int_equal(jcs_string(at).len, 0);
    assert_null(jcs_next(root, at));

    const struct jcs_value *list = jcs_member(root, "z");
    assert_int_equal(jcs_type(list), JCS_ARRAY);
    assert_int_equal(jcs_count(list), 3);
    at = jcs_next(list, NULL);
    assert_true(jcs_number(at) > 0.9 && jcs_number(at) < 1.1);
    assert_null(jcs_name(at).data);
    assert_int_equal(jcs_name(at).len, 0);
    assert_int_equal(jcs_count(at), 0);
    assert_null(jcs_next(at, NULL));
    at = jcs_next(list, at);
    assert_true(lucid_span_is(jcs_string(at), "two"));
    assert_int_equal(jcs_type(jcs_next(list, at)), JCS_NULL);

    assert_int_equal(jcs_type(jcs_member(jcs_member(root, "a"), "t")), JCS_TRUE);
    assert_int_equal(jcs_type(jcs_member(jcs_member(root, "a"), "f")), JCS_FALSE);
    assert_null(jcs_member(root, "b"));
    assert_null(jcs_member(root, "zz"));
    assert_null(jcs_member(list, "z"));
    assert_null(jcs_member(NULL, "z"));
    assert_null(jcs_next(NULL, NULL));
    assert_int_equal(jcs_count(NULL), 0);

    /* A part of a document is written without its name and without what follows it. */
    struct lucid_buf out = {.bytes_max = 0};
    jcs_write(jcs_member(root, "a"), &out);
    assert_true(lucid_span_is(lucid_buf_span(&out), "{\"f\":false,\"t\":true}"));
    jcs_write(list, &out);
    jcs_write(jcs_next(list, NULL), &out);
    assert_true(lucid_span_is(lucid_buf_span(&out), "{\"f\":false,\"t\":true}[1,\"two\",null]1"));
    lucid_buf_fini(&out);
}

/* A buffer that may not grow says so instead of holding a part. */
static void test_buffer_limit(void **state)
{
    (void)state;
    lucid_arena_reset(&arena);
    const struct jcs_value *root = NULL;
    struct lucid_buf text = {.bytes_max = 0};
    lucid_buf_char(&text, '[');
    for (unsigned i = 0; i < 500; i++) {
        lucid_buf_str(&text, i == 0 ? "\"x\"" : ",\"x\"");
    }
    lucid_buf_char(&text, ']');
    assert_int_equal(jcs_parse(lucid_buf_span(&text), &test_limits, &arena, &root, NULL), LUCID_OK);
    struct lucid_buf out;
    lucid_buf_init(&out, text.len);
    jcs_write(root, &out);
    assert_true(lucid_buf_ok(&out));
    assert_true(lucid_span_equal(lucid_buf_span(&out), lucid_buf_span(&text)));
    lucid_buf_fini(&out);
    lucid_buf_init(&out, text.len - 1);
    jcs_write(root, &out);
    assert_false(lucid_buf_ok(&out));
    lucid_buf_fini(&out);
    lucid_buf_fini(&text);
}

static int setup(void **state)
{
    (void)state;
    lucid_arena_init(&arena, 4 << 20);
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
        cmocka_unit_test(test_forms),        cmocka_unit_test(test_order),
        cmocka_unit_test(test_order_random), cmocka_unit_test(test_order_sizes),
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_accessors),
        cmocka_unit_test(test_buffer_limit),
    };
    return cmocka_run_group_tests_name("jcs write", tests, setup, teardown);
}

/* What the reader refuses, where it says the fault lies, and its limits. */
#include "jcs_test_internal.h"

#include <stdio.h>

struct refusal {
    const char *text;
    size_t len; /* 0: as strlen */
    size_t offset;
    const char *param;
};

static void refusal_check(const struct refusal *refusal, enum lucid_error want)
{
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    struct lucid_why why = {.code = NULL};
    const struct jcs_value *root = (const struct jcs_value *)(uintptr_t)16;
    size_t len = refusal->len == 0 ? strlen(refusal->text) : refusal->len;
    enum lucid_error error = test_parse(&arena, refusal->text, len, &test_limits, &root, &why);
    if (error != want || why.offset != refusal->offset || strcmp(why.param, refusal->param) != 0) {
        print_error("%s: error %x, offset %zu, param '%s'\n", refusal->text, (unsigned)error,
                    why.offset, why.param);
    }
    assert_int_equal(error, want);
    assert_string_equal(why.code, "INVALID_JSON");
    assert_int_equal(why.offset, refusal->offset);
    assert_string_equal(why.param, refusal->param);
    assert_int_not_equal(why.text[0], '\0');
    assert_ptr_equal(root, (const struct jcs_value *)(uintptr_t)16);
    /* Without a why the answer is the same. */
    assert_int_equal(test_parse(&arena, refusal->text, len, &test_limits, &root, NULL), want);
    lucid_arena_fini(&arena);
}

static void refusals_check(const struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        refusal_check(&refusals[i], LUCID_REFUSE_INVALID);
    }
}

#define REFUSALS_CHECK(table) refusals_check(table, sizeof(table) / sizeof((table)[0]))

static void test_structure(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {" ", 0, 1, ""},
        {"\xef\xbb\xbf{}", 0, 0, ""},
        {"{} x", 0, 3, ""},
        {"{}{}", 0, 2, ""},
        {"1,", 0, 1, ""},
        {"{}\0", 3, 2, ""},
        {"nul", 0, 0, ""},
        {"True", 0, 0, ""},
        {"truex", 0, 4, ""},
        {"[true,fals]", 0, 6, "[1]"},
        {"[1,]", 0, 3, "[1]"},
        {"[,1]", 0, 1, "[0]"},
        {"[1 2]", 0, 3, ""},
        {"[1}", 0, 2, ""},
        {"[", 0, 1, "[0]"},
        {"{]", 0, 1, ""},
        {"{,}", 0, 1, ""},
        {"{\"a\"}", 0, 4, "a"},
        {"{\"a\":}", 0, 5, "a"},
        {"{\"a\" 1}", 0, 5, "a"},
        {"{\"a\":1,}", 0, 7, ""},
        {"{\"a\":1 \"b\":2}", 0, 7, ""},
        {"{\"a\":1]", 0, 6, ""},
        {"{a:1}", 0, 1, ""},
        {"{'a':1}", 0, 1, ""},
        {"{1:1}", 0, 1, ""},
        {"//c\n1", 0, 0, ""},
        {"[1]/**/", 0, 3, ""},
        {"\f1", 0, 0, ""},
        {"\xc2\xa0"
         "1",
         0, 0, ""},
    };
    REFUSALS_CHECK(refusals);
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    const struct jcs_value *root = NULL;
    assert_int_equal(jcs_parse(lucid_span(NULL, 0), &test_limits, &arena, &root, NULL),
                     LUCID_REFUSE_INVALID);
    lucid_arena_fini(&arena);
}

static void test_strings(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"\"abc", 0, 4, ""},
        {"\"abcdefghijklmnop\\", 0, 17, ""},
        {"\"a\nb\"", 0, 2, ""},
        {"\"abcdefghi\x1f\"", 0, 10, ""},
        {"\"a\0b\"", 5, 2, ""},
        {"\"\\x41\"", 0, 1, ""},
        {"\"\\", 0, 1, ""},
        {"\"\\\0\"", 4, 1, ""},
        {"\"\\U0041\"", 0, 1, ""},
        {"\"\\u004\"", 0, 1, ""},
        {"\"\\u00g0\"", 0, 1, ""},
        {"\"\\u 041\"", 0, 1, ""},
        {"\"\\u+041\"", 0, 1, ""},
        {"\"\\ud800\"", 0, 1, ""},
        {"\"\\uDBFFx\"", 0, 1, ""},
        {"\"\\ud83d\\n\"", 0, 1, ""},
        {"\"\\ud83d\\ud83d\\ude00\"", 0, 1, ""},
        {"\"\\ud83d\\u0041\"", 0, 1, ""},
        {"\"\\ude00\"", 0, 1, ""},
        {"\"x\\udfff\"", 0, 2, ""},
        {"\"\\ude00\\ud83d\"", 0, 1, ""},
        {"\"\\ud83d\\ude0\"", 0, 1, ""},
        {"{\"k\\ud800\":1}", 0, 3, ""},
        {"{\"a\":{\"k\n\":1}}", 0, 8, "a"},
        {"{\"a\":[0,\"\\q\"]}", 0, 9, "a[1]"},
    };
    REFUSALS_CHECK(refusals);
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"\"\x80\"", 0, 1, ""},
        {"\"\xbf\"", 0, 1, ""},
        {"\"\xc0\x80\"", 0, 1, ""},         /* overlong NUL */
        {"\"\xc1\xbf\"", 0, 1, ""},         /* overlong U+007F */
        {"\"\xc3\"", 0, 1, ""},             /* cut */
        {"\"\xc3\x28\"", 0, 1, ""},         /* no continuation */
        {"\"\xe0\x9f\xbf\"", 0, 1, ""},     /* overlong U+07FF */
        {"\"\xe2\x82\"", 0, 1, ""},         /* cut */
        {"\"\xe2\x28\xa1\"", 0, 1, ""},     /* no continuation */
        {"\"\xe2\x82\x28\"", 0, 1, ""},     /* no continuation */
        {"\"\xed\xa0\x80\"", 0, 1, ""},     /* U+D800 */
        {"\"\xed\xbf\xbf\"", 0, 1, ""},     /* U+DFFF */
        {"\"\xf0\x8f\xbf\xbf\"", 0, 1, ""}, /* overlong U+FFFF */
        {"\"\xf0\x9f\x98\"", 0, 1, ""},     /* cut */
        {"\"\xf0\x28\x98\x80\"", 0, 1, ""},
        {"\"\xf0\x9f\x28\x80\"", 0, 1, ""},
        {"\"\xf0\x9f\x98\x28\"", 0, 1, ""},
        {"\"\xf4\x90\x80\x80\"", 0, 1, ""}, /* U+110000 */
        {"\"\xf5\x80\x80\x80\"", 0, 1, ""},
        {"\"\xff\"", 0, 1, ""},
        {"\"a\\n\xff\"", 0, 4, ""}, /* behind an escape */
        {"\"\\n\xe2\x82", 0, 3, ""},
        {"{\"a\":{\"\xc3\":1}}", 0, 7, "a"},
    };
    REFUSALS_CHECK(refusals);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"-", 0, 1, ""},
        {"+1", 0, 0, ""},
        {"01", 0, 0, ""},
        {"-01", 0, 1, ""},
        {"00", 0, 0, ""},
        {"1.", 0, 2, ""},
        {".5", 0, 0, ""},
        {"-.5", 0, 1, ""},
        {"1.e5", 0, 2, ""},
        {"1e", 0, 2, ""},
        {"1e+", 0, 3, ""},
        {"1e-", 0, 3, ""},
        {"1E+-1", 0, 3, ""},
        {"1e1.5", 0, 3, ""},
        {"0x10", 0, 1, ""},
        {"1_000", 0, 1, ""},
        {"NaN", 0, 0, ""},
        {"Infinity", 0, 0, ""},
        {"-Infinity", 0, 1, ""},
        {"1e309", 0, 0, ""},
        {"-1e309", 0, 0, ""},
        {"1.7976931348623159e308", 0, 0, ""},
        /* Exactly half-way between the largest double and 2^1024. */
        {"17976931348623158079372897140530341507993413271003782693617377898044496829276475094664"
         "90179775872070963302864166928879109465555478519404026306574886715058206819089020007083"
         "83676273854845817711531764475730270069855571366959622842914819860834936475292719074168"
         "444365510704342711559699508093042880177904174497792e0",
         0, 0, ""},
        {"1e99999999999999999999", 0, 0, ""},
        {"9007199254740993", 0, 0, ""},
        {"-9007199254740993", 0, 0, ""},
        {"9007199254740995", 0, 0, ""},
        {"18446744073709551615", 0, 0, ""},
        {"18446744073709551617", 0, 0, ""}, /* 1 modulo 2^64 */
        {"10000000000000000000001", 0, 0, ""},
        {"1000000000000000000000", 0, 0, ""}, /* 1e21: canonical is "1e+21" */
        {"123456789012345678901234567890", 0, 0, ""},
        {"{\"body\":{\"metrics\":{\"ttft_ms\":9007199254740993}}}", 0, 30, "body.metrics.ttft_ms"},
        {"{\"a\":[1,2,{\"b\":[[],[1,1e400]]}]}", 0, 22, "a[2].b[1][1]"},
    };
    REFUSALS_CHECK(refusals);
}

static void test_duplicates(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"{\"a\":1,\"a\":1}", 0, 7, "a"},
        {"{\"a\":1,\"\\u0061\":2}", 0, 7, "a"},
        {"{\"\\u0061\":1,\"b\":3,\"a\":2}", 0, 18, "a"},
        {"{\"\":1,\"\":2}", 0, 6, ""},
        {"{\"x\":{\"b\":1,\"a\":2,\"b\":3}}", 0, 18, "x.b"},
        {"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", 0, 18, "\xf0\x9f\x98\x80"},
        {"{\"a\\/b\":1,\"a/b\":2}", 0, 10, "a/b"},
        {"{\"a\":1,\"b\":1,\"c\":1,\"b\":2,\"a\":2}", 0, 19, "b"},
        {"{\"abcdefghij\":1,\"abcdefghii\":1,\"abcdefghij\":1}", 0, 31, "abcdefghij"},
        {"{\"a\\u0000\":1,\"a\\u0000\":1}", 0, 13, "a?"},
    };
    REFUSALS_CHECK(refusals);
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    /* Not the same name: length, case, normalisation, U+0000. */
    const char *fine =
        "{\"a\":1,\"A\":1,\"aa\":1,\"a\\u0000\":1,\"\":1,\"\xc3\xa9\":1,\"e\xcc\x81\":1}";
    assert_non_null(test_canonical(&arena, fine, strlen(fine)));
    lucid_arena_fini(&arena);
}

/* Large objects take another path (several sorted runs): each member in turn is the repeated one.
 */
static void test_duplicates_many(void **state)
{
    (void)state;
    enum { MEMBERS = 300 };
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 22);
    struct lucid_buf text;
    lucid_buf_init(&text, 0);
    for (unsigned twice = 0; twice <= MEMBERS; twice++) {
        lucid_buf_clear(&text);
        lucid_buf_char(&text, '{');
        for (unsigned i = 0; i < MEMBERS; i++) {
            lucid_buf_printf(&text, "\"member_%u\":%u,", (i * 7919) % MEMBERS, i);
        }
        size_t offset = text.len;
        lucid_buf_printf(&text, "\"\\u006dember_%u\":0}", twice);
        struct lucid_why why = {.code = NULL};
        const struct jcs_value *root = NULL;
        lucid_arena_reset(&arena);
        enum lucid_error error =
            jcs_parse(lucid_buf_span(&text), &test_limits, &arena, &root, &why);
        assert_int_equal(error, twice == MEMBERS ? LUCID_OK : LUCID_REFUSE_INVALID);
        assert_int_equal(why.offset, twice == MEMBERS ? 0 : offset);
    }
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

static void test_depth(void **state)
{
    (void)state;
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    const struct jcs_value *root = NULL;
    struct lucid_why why = {.code = NULL};
    const char *deep = "[{\"a\":[[1]]},{\"b\":[[[]]]}]";
    struct jcs_limits limits = {.depth_max = 5, .values_max = 100};
    assert_int_equal(test_parse(&arena, deep, strlen(deep), &limits, &root, &why), LUCID_OK);
    limits.depth_max = 4;
    assert_int_equal(test_parse(&arena, deep, strlen(deep), &limits, &root, &why),
                     LUCID_REFUSE_INVALID);
    assert_int_equal(why.offset, 20);
    assert_string_equal(why.param, "[1].b[0][0]");
    limits.depth_max = 1;
    assert_int_equal(test_parse(&arena, "[]", 2, &limits, &root, &why), LUCID_OK);
    assert_int_equal(test_parse(&arena, "[{}]", 4, &limits, &root, &why), LUCID_REFUSE_INVALID);
    limits.depth_max = 0;
    assert_int_equal(test_parse(&arena, "1", 1, &limits, &root, &why), LUCID_OK);
    assert_int_equal(test_parse(&arena, "{}", 2, &limits, &root, &why), LUCID_REFUSE_INVALID);

    /* No stack grows with the nesting. */
    enum { DEEP = 200000 };
    char *text = test_malloc(2 * (size_t)DEEP);
    memset(text, '[', DEEP);
    memset(text + DEEP, ']', DEEP);
    limits = (struct jcs_limits){.depth_max = DEEP, .values_max = DEEP};
    struct lucid_arena large;
    lucid_arena_init(&large, 64 << 20);
    assert_int_equal(jcs_parse(lucid_span(text, 2 * (size_t)DEEP), &limits, &large, &root, &why),
                     LUCID_OK);
    struct lucid_buf out;
    lucid_buf_init(&out, 0);
    jcs_write(root, &out);
    assert_int_equal(out.len, 2 * (size_t)DEEP);
    assert_memory_equal(out.data, text, out.len);
    lucid_buf_fini(&out);
    lucid_arena_reset(&large);
    limits.depth_max--;
    assert_int_equal(jcs_parse(lucid_span(text, 2 * (size_t)DEEP), &limits, &large, &root, &why),
                     LUCID_REFUSE_INVALID);
    assert_int_equal(why.offset, DEEP - 1);
    assert_string_equal(why.param + strlen(why.param) - 6, "[0]...");
    lucid_arena_fini(&large);
    test_free(text);
    lucid_arena_fini(&arena);
}

static void test_values_max(void **state)
{
    (void)state;
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    struct lucid_buf text;
    lucid_buf_init(&text, 0);
    /* 1 + 1 + 40 values; names are not counted. */
    lucid_buf_str(&text, "{\"list\":[0");
    for (unsigned i = 1; i < 40; i++) {
        lucid_buf_str(&text, ",0");
    }
    lucid_buf_str(&text, "]}");
    const struct jcs_value *root = NULL;
    struct lucid_why why = {.code = NULL};
    struct jcs_limits limits = {.depth_max = 2, .values_max = 42};
    assert_int_equal(jcs_parse(lucid_buf_span(&text), &limits, &arena, &root, &why), LUCID_OK);
    for (limits.values_max = 0; limits.values_max < 42; limits.values_max++) {
        lucid_arena_reset(&arena);
        assert_int_equal(jcs_parse(lucid_buf_span(&text), &limits, &arena, &root, &why),
                         LUCID_REFUSE_TOO_LARGE);
        assert_string_equal(why.code, "INVALID_JSON");
    }
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

static void test_memory(void **state)
{
    (void)state;
    const char *text = "{\"list\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20],"
                       "\"text\":\"\\u0061\\u0062\"}";
    size_t bytes = 0;
    enum lucid_error error = LUCID_RETRY_MEMORY;
    while (error == LUCID_RETRY_MEMORY && bytes < 1 << 16) {
        const struct jcs_value *root = NULL;
        struct lucid_arena arena;
        lucid_arena_init(&arena, bytes);
        error = jcs_parse(lucid_span_str(text), &test_limits, &arena, &root, NULL);
        lucid_arena_fini(&arena);
        bytes += 16;
    }
    assert_int_equal(error, LUCID_OK);
    assert_true(bytes > 24 * sizeof(void *));
}

static const char sample[] =
    "{ \"body\" : {\"n\":-12.5e-3,\"s\":\"a\\u00e9\\ud83d\\ude00\xe2\x82\xac\\n\","
    "\"t\":true,\"f\":false,\"z\":null,\"l\":[1,[],{},\"\"]} }";

/* Every beginning of a document is refused, at an offset within it. */
static void test_truncated(void **state)
{
    (void)state;
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    const struct jcs_value *root = NULL;
    size_t len = strlen(sample);
    assert_int_equal(test_parse(&arena, sample, len, &test_limits, &root, NULL), LUCID_OK);
    for (size_t cut = 0; cut < len; cut++) {
        struct lucid_why why = {.code = NULL};
        assert_int_equal(test_parse(&arena, sample, cut, &test_limits, &root, &why),
                         LUCID_REFUSE_INVALID);
        assert_true(why.offset <= cut);
        assert_string_equal(why.code, "INVALID_JSON");
    }
    lucid_arena_fini(&arena);
}

/* Any single byte put anywhere: no crash, and what is accepted is stable. */
static void test_damaged(void **state)
{
    (void)state;
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    char text[sizeof(sample)];
    unsigned refused = 0;
    for (size_t at = 0; at + 1 < sizeof(sample); at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(text, sample, sizeof(sample));
            text[at] = (char)byte;
            const struct jcs_value *root = NULL;
            struct lucid_why why = {.code = NULL};
            lucid_arena_reset(&arena);
            enum lucid_error error =
                jcs_parse(lucid_span(text, sizeof(sample) - 1), &test_limits, &arena, &root, &why);
            if (error != LUCID_OK) {
                assert_int_equal(error, LUCID_REFUSE_INVALID);
                assert_true(why.offset < sizeof(sample));
                refused++;
            }
        }
    }
    assert_in_range(refused, 20000, 256 * sizeof(sample));
    lucid_arena_fini(&arena);
}

/* The path is cut at a character, ends in dots then, and holds no control characters. */
static void test_param_bounds(void **state)
{
    (void)state;
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    const struct jcs_value *root = NULL;
    for (size_t fill = 80; fill < 100; fill++) {
        char name[101];
        memset(name, 'n', fill);
        name[fill] = '\0';
        char text[256];
        snprintf(text, sizeof(text), "{\"%s\xe2\x82\xac\xe2\x82\xac\":x}", name);
        struct lucid_why why = {.code = NULL};
        assert_int_equal(test_parse(&arena, text, strlen(text), &test_limits, &root, &why),
                         LUCID_REFUSE_INVALID);
        /* 96 bytes with three kept for dots and one for the NUL. */
        size_t kept = fill > 92 ? 92 : fill;
        size_t euros = (92 - kept) / 3 > 2 ? 2 : (92 - kept) / 3;
        char want[101];
        snprintf(want, sizeof(want), "%.*s%.*s%s", (int)kept, name, (int)(3 * euros),
                 "\xe2\x82\xac\xe2\x82\xac", euros == 2 ? "" : "...");
        assert_string_equal(why.param, want);
    }
    static const struct refusal refusals[] = {
        {"{\"a\\u0000\\u001b[31m\":x}", 0, 21, "a??[31m"},
        {"{\"a\\u007f\\u0085\\u202e\\u2028\\u2066\\u200f\":x}", 0, 41, "a??????"},
        {"{\"\\u00a0\\u2030\\u2065\":x}", 0, 22, "\xc2\xa0\xe2\x80\xb0\xe2\x81\xa5"},
        {"{\"%s%n\":x}", 0, 8, "%s%n"},
    };
    REFUSALS_CHECK(refusals);
    lucid_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),  cmocka_unit_test(test_strings),
        cmocka_unit_test(test_utf8),       cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_duplicates), cmocka_unit_test(test_duplicates_many),
        cmocka_unit_test(test_depth),      cmocka_unit_test(test_values_max),
        cmocka_unit_test(test_memory),     cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_param_bounds),
    };
    return cmocka_run_group_tests_name("jcs refuse", tests, NULL, NULL);
}

/* The members of a receipt's body: every row of CONTRACT 1's table, present, absent and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/receipt.h"
#include "tests/unit/ledger/ledger_receipt_forms.h"

struct outcome {
    enum lucid_error error;
    struct receipt_facts facts;
    char run_id[RECEIPT_RUN_ID_BYTES_MAX + 1];
    struct lucid_why why;
};

static void text_check(struct lucid_span text, struct outcome *out)
{
    static const struct jcs_limits limits = {.depth_max = 16, .values_max = 10000};
    struct lucid_arena arena;
    const struct jcs_value *body = NULL;
    *out = (struct outcome){.facts = {.timestamp = 4711}};
    lucid_arena_init(&arena, 1 << 20);
    enum lucid_error parsed = jcs_parse(text, &limits, &arena, &body, &out->why);
    if (parsed != LUCID_OK) {
        fail_msg("the test's own body is no JSON: %.*s", (int)text.len, (const char *)text.data);
    }
    out->error = receipt_body_check(body, NOW + 300, &out->facts, &out->why);
    if (out->error == LUCID_OK) {
        memcpy(out->run_id, out->facts.run_id.data, out->facts.run_id.len);
    }
    lucid_arena_fini(&arena);
}

static void form_check(const struct member *members, bool full, const struct change *change,
                       struct outcome *out)
{
    struct lucid_buf text;
    lucid_buf_init(&text, 0);
    object_write(&text, members, NULL, full, change);
    assert_true(lucid_buf_ok(&text));
    text_check(lucid_buf_span(&text), out);
    lucid_buf_fini(&text);
}

static void expect_refused(const struct outcome *out, const char *inside, const char *name,
                           const char *tail, const char *what)
{
    char param[128];
    snprintf(param, sizeof(param), "body.%s%s%s%s", inside == NULL ? "" : inside,
             inside == NULL ? "" : ".", name, tail);
    if (out->error != LUCID_REFUSE_INVALID) {
        fail_msg("%s = %s was not refused: %s", param, what, lucid_error_name(out->error));
    }
    assert_string_equal(out->why.code, "INVALID_RECEIPT");
    if (strcmp(out->why.param, param) != 0) {
        fail_msg("%s = %s: refused for %s (%s)", param, what, out->why.param, out->why.text);
    }
    assert_int_equal(strncmp(out->why.text, param, strlen(param)), 0);
    assert_int_equal(out->facts.timestamp, 4711);
}

/* --- values by kind --- */

static char *string_of(size_t len)
{
    char *text = malloc(len + 3);
    assert_non_null(text);
    memset(text, 'x', len + 2);
    text[0] = '"';
    text[len + 1] = '"';
    text[len + 2] = '\0';
    return text;
}

static char *string_1024;
static char *string_1025;

enum { VALUES_MAX = 24 };

static size_t values_bad(char kind, const char **ret)
{
    static const char *const not_string[] = {"5", "true", "{}", "[]", "[\"x\"]"};
    static const char *const not_hex[] = {
        "\"\"",
        "\"" H0 "0\"",
        "\"sha256:" H0 "\"",
        "\"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\"",
        "\"g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
        "\"123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
    };
    static const char *const not_number[] = {"\"1\"", "null", "false", "{}", "[1]", "-1", "-0.001"};
    static const char *const not_digest[] = {
        "\"" H0 "\"", "\"sha256:\"", "\"sha256:" H0 "0\"", "\"SHA256:" H0 "\"", "\"sha512:" H0 "\"",
    };
    size_t n = 0;
    if (strchr("shHSdwtrv", kind) != NULL) {
        for (size_t i = 0; i < 5; i++) {
            ret[n++] = not_string[i];
        }
        if (strchr("HSd", kind) == NULL) {
            ret[n++] = "null";
        }
    }
    if (strchr("sS", kind) != NULL) {
        ret[n++] = "\"\"";
        ret[n++] = string_1025;
    }
    for (size_t i = 0; strchr("hH", kind) != NULL && i < 6; i++) {
        ret[n++] = not_hex[i];
    }
    for (size_t i = 0; kind == 'd' && i < 5; i++) {
        ret[n++] = not_digest[i];
    }
    for (size_t i = 0; strchr("inc", kind) != NULL && i < 7; i++) {
        ret[n++] = not_number[i];
    }
    if (strchr("ic", kind) != NULL) {
        ret[n++] = "1.5";
        ret[n++] = "9007199254740992";
        ret[n++] = "1e300";
        ret[n++] = "5e-324";
    }
    if (kind == 'w') {
        ret[n++] = "\"\"";
        ret[n++] = "\"Query\"";
        ret[n++] = "\"quer\"";
        ret[n++] = "\"query \"";
        ret[n++] = "\"queryquery\"";
    }
    if (kind == 'v') {
        ret[n++] = "\"1\"";
        ret[n++] = "1.0";
        ret[n++] = "\"1.1\"";
        ret[n++] = "\"1.0 \"";
    }
    if (kind == 'b') {
        ret[n++] = "0";
        ret[n++] = "null";
        ret[n++] = "\"true\"";
        ret[n++] = "{}";
    }
    if (strchr("olL", kind) != NULL) {
        ret[n++] = "null";
        ret[n++] = "\"x\"";
        ret[n++] = "0";
        ret[n++] = "true";
        ret[n++] = kind == 'o' ? "[]" : "{}";
    }
    assert_in_range(n, 1, VALUES_MAX);
    return n;
}

static size_t values_good(char kind, const char **ret)
{
    size_t n = 0;
    if (strchr("sStS", kind) != NULL) {
        ret[n++] = "\"x\"";
        ret[n++] = "\"\\u0000\"";
        ret[n++] = string_1024;
    }
    if (kind == 't') {
        ret[n++] = "\"\"";
        ret[n++] = string_1025;
    }
    if (strchr("hH", kind) != NULL) {
        ret[n++] = "\"" H0 "\"";
        ret[n++] = "\"" H1 "\"";
    }
    if (strchr("HSd", kind) != NULL) {
        ret[n++] = "null";
    }
    if (kind == 'd') {
        ret[n++] = "\"sha256:" H0 "\"";
    }
    if (strchr("in", kind) != NULL) {
        ret[n++] = "0";
        ret[n++] = "-0";
        ret[n++] = "1e2";
        ret[n++] = "100.0";
    }
    if (kind == 'n') {
        ret[n++] = "1e308";
        ret[n++] = "5e-324";
        ret[n++] = "9007199254740993.5";
    }
    if (kind == 'b') {
        ret[n++] = "true";
        ret[n++] = "false";
    }
    if (kind == 'l') {
        ret[n++] = "[]";
        ret[n++] = "[\"x\"]";
    }
    return n;
}

/* --- tests --- */

static void test_every_form_minimal_and_full(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i++) {
        for (int full = 0; full < 2; full++) {
            struct outcome out;
            form_check(forms[i].members, full != 0, NULL, &out);
            if (out.error != LUCID_OK) {
                fail_msg("form %zu: %s", i, out.why.text);
            }
            assert_int_equal(out.facts.type, forms[i].type);
            assert_string_equal(out.run_id, "run_0123456789");
            assert_int_equal(out.facts.timestamp, NOW);
        }
    }
}

static void test_required_members_are_missed(void **state)
{
    (void)state;
    size_t dropped = 0;
    for (size_t i = 0; i < FORMS; i++) {
        for (const struct member *m = forms[i].members; m->name != NULL; m++) {
            for (int full = 0; full < 2; full++) {
                struct change change = {.member = {m}};
                struct outcome out;
                form_check(forms[i].members, full != 0, &change, &out);
                if (!m->required) {
                    assert_int_equal(out.error, LUCID_OK);
                } else if (m->kind == 'L') {
                    /* Without it the body is read as one memory. */
                    expect_refused(&out, NULL, "memory_id", "", "absent");
                } else {
                    expect_refused(&out, m->inside, m->name, "", "absent");
                    assert_non_null(strstr(out.why.text, "is missing"));
                    dropped++;
                }
            }
        }
    }
    assert_int_equal(dropped, 2 * (12 + 12 + 9 + 11 + 8 + 10 + 8));
}

static void test_wrong_values_are_refused(void **state)
{
    (void)state;
    const char *values[VALUES_MAX];
    for (size_t i = 0; i < FORMS; i++) {
        for (const struct member *m = forms[i].members; m->name != NULL; m++) {
            size_t count = values_bad(m->kind, values);
            for (size_t v = 0; v < count; v++) {
                struct change change = {.member = {m}, .value = {values[v]}};
                struct outcome out;
                form_check(forms[i].members, v % 2 == 0, &change, &out);
                expect_refused(&out, m->inside, m->name, "", values[v]);
            }
        }
    }
}

static void test_good_values_are_taken(void **state)
{
    (void)state;
    const char *values[VALUES_MAX];
    for (size_t i = 0; i < FORMS; i++) {
        for (const struct member *m = forms[i].members; m->name != NULL; m++) {
            size_t count = values_good(m->kind, values);
            for (size_t v = 0; v < count; v++) {
                struct change change = {.member = {m}, .value = {values[v]}};
                struct outcome out;
                form_check(forms[i].members, v % 2 == 0, &change, &out);
                if (out.error != LUCID_OK) {
                    fail_msg("%s = %s: %s", m->name, values[v], out.why.text);
                }
            }
        }
    }
}

static const struct member *member_of(const struct member *members, const char *name)
{
    for (; members->name != NULL; members++) {
        if (strcmp(members->name, name) == 0) {
            return members;
        }
    }
    fail_msg("no member %s", name);
    return NULL;
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const struct member *members;
        const char *name;
        const char *values[4];
    } cases[] = {
        {compute,
         "execution_mode",
         {"\"byo_runtime\"", "\"managed_endpoint\"", "\"runpod_serverless\""}},
        {dataset, "access_type", {"\"download\"", "\"query\"", "\"stream\""}},
    };
    for (size_t i = 0; i < 2; i++) {
        for (size_t v = 0; cases[i].values[v] != NULL; v++) {
            struct change change = {.member = {member_of(cases[i].members, cases[i].name)},
                                    .value = {cases[i].values[v]}};
            struct outcome out;
            form_check(cases[i].members, true, &change, &out);
            assert_int_equal(out.error, LUCID_OK);
        }
    }
}

/* Two faults in one body: the one that stands first in the contract answers. */
static void test_first_fault_answers(void **state)
{
    (void)state;
    const char *values[VALUES_MAX];
    for (size_t i = 0; i < FORMS; i++) {
        for (const struct member *a = forms[i].members; a->name != NULL; a++) {
            for (const struct member *b = a + 1; b->name != NULL; b++) {
                struct change change = {.member = {a, b}};
                (void)values_bad(a->kind, values);
                change.value[0] = values[0];
                (void)values_bad(b->kind, values);
                change.value[1] = values[0];
                struct outcome out;
                form_check(forms[i].members, true, &change, &out);
                expect_refused(&out, a->inside, a->name, "", b->name);
            }
        }
    }
}

static void test_list_elements(void **state)
{
    (void)state;
    static const struct {
        const struct member *members;
        const char *name;
        const char *value;
        const char *tail;
    } cases[] = {
        {agent, "sub_receipt_ids", "[5]", "[0]"},
        {agent, "sub_receipt_ids", "[\"a\",\"b\",\"\"]", "[2]"},
        {agent, "sub_receipt_ids", "[\"a\",null,7]", "[1]"},
        {agent, "sub_receipt_ids", "[\"a\",[\"b\"]]", "[1]"},
        {memory_batched, "entry_hashes", "[\"" H0 "\",\"x\"]", "[1]"},
        {memory_batched, "entry_hashes", "[null,null]", "[0]"},
        {memory_batched, "entry_hashes",
         "[\"" H0 "\",\"" H0 "\",\"" H0 "\",\"" H0 "\",\"" H0 "\",\"" H0 "\",\"" H0 "\",\"" H0
         "\",\"" H0 "\",\"" H0 "\",\"" H0 "\",12]",
         "[11]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct change change = {.member = {member_of(cases[i].members, cases[i].name)},
                                .value = {cases[i].value}};
        struct outcome out;
        form_check(cases[i].members, false, &change, &out);
        expect_refused(&out, NULL, cases[i].name, cases[i].tail, cases[i].value);
    }
}

static void test_entry_count_is_their_number(void **state)
{
    (void)state;
    static const struct {
        const char *hashes;
        const char *count;
        bool fits;
    } cases[] = {
        {"[]", "0", true},
        {"[]", "1", false},
        {"[\"" H0 "\"]", "1", true},
        {"[\"" H0 "\"]", "1.0", true},
        {"[\"" H0 "\"]", "0", false},
        {"[\"" H0 "\",\"" H0 "\"]", "2", true},
        {"[\"" H0 "\",\"" H0 "\"]", "3", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct change change = {.member = {member_of(memory_batched, "entry_hashes"),
                                           member_of(memory_batched, "entry_count")},
                                .value = {cases[i].hashes, cases[i].count}};
        struct outcome out;
        form_check(memory_batched, false, &change, &out);
        if (cases[i].fits) {
            assert_int_equal(out.error, LUCID_OK);
        } else {
            expect_refused(&out, NULL, "entry_count", "", cases[i].count);
        }
    }
}

/* Listed members of the form that is not used are checked when they are there. */
static void test_memory_forms_mixed(void **state)
{
    (void)state;
    struct outcome out;
    text_check(lucid_span_str("{\"schema_version\":\"1.0\",\"receipt_type\":\"memory\",\"run_id\":"
                              "\"run_0123456789\",\"timestamp\":1,\"agent_passport_id\":\"a\","
                              "\"namespace\":\"n\",\"session_id\":\"s\",\"entry_hashes\":[],"
                              "\"entry_count\":0,\"memory_id\":\"m\",\"prev_hash\":null}"),
               &out);
    assert_int_equal(out.error, LUCID_OK);
    text_check(lucid_span_str("{\"schema_version\":\"1.0\",\"receipt_type\":\"memory\",\"run_id\":"
                              "\"run_0123456789\",\"timestamp\":1,\"agent_passport_id\":\"a\","
                              "\"namespace\":\"n\",\"session_id\":\"s\",\"entry_hashes\":[],"
                              "\"entry_count\":0,\"prev_hash\":\"x\"}"),
               &out);
    expect_refused(&out, NULL, "prev_hash", "", "\"x\"");
}

static void test_unlisted_members_are_free(void **state)
{
    (void)state;
    struct outcome out;
    text_check(lucid_span_str("{\"x\":[{\"ttft_ms\":-1}],\"schema_version\":\"1.0\","
                              "\"receipt_type\":\"tool\",\"run_id\":\"run_0123456789\","
                              "\"timestamp\":1,\"tool_passport_id\":\"t\",\"input_hash\":\"" H0
                              "\",\"output_hash\":\"" H0 "\",\"latency_ms\":0,\"success\":true,"
                              "\"metrics\":5,\"policy_hash\":null,\"access_type\":\"none\"}"),
               &out);
    assert_int_equal(out.error, LUCID_OK);
    assert_int_equal(out.facts.type, RECEIPT_TOOL);
}

static void test_body_is_an_object(void **state)
{
    (void)state;
    static const char *const bodies[] = {"[]", "null", "\"x\"", "5", "true"};
    for (size_t i = 0; i < 5; i++) {
        struct outcome out;
        text_check(lucid_span_str(bodies[i]), &out);
        assert_int_equal(out.error, LUCID_REFUSE_INVALID);
        assert_string_equal(out.why.code, "INVALID_RECEIPT");
        assert_string_equal(out.why.param, "body");
    }
}

static void test_timestamp_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool fits;
    } cases[] = {
        {"0", true},
        {"1732190300", true},
        {"1732190301", false},
        {"1732190300.5", false},
        {"1732190000000", false},
        {"\"1732190000\"", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct change change = {.member = {member_of(tool, "timestamp")},
                                .value = {cases[i].value}};
        struct outcome out;
        form_check(tool, true, &change, &out);
        if (cases[i].fits) {
            assert_int_equal(out.error, LUCID_OK);
            assert_int_equal(out.facts.timestamp, strtoull(cases[i].value, NULL, 10));
        } else {
            expect_refused(&out, NULL, "timestamp", "", cases[i].value);
        }
    }
}

static void test_run_id_form(void **state)
{
    (void)state;
    char longest[RECEIPT_RUN_ID_BYTES_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    static const struct {
        const char *run_id;
        bool fits;
    } cases[] = {
        {"", false},
        {"run_12345", false},
        {"run_123456", true},
        {"AZaz09._:-", true},
        {"run_12345 ", false},
        {"run/123456", false},
        {"run_12345\xc3\xa9", false},
        {"run_12345\n", false},
        {H0, false},
        {H1, false},
        {"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF", true},
        {H0 "0", true},
        {"123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", true},
        {"-123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (receipt_run_id_ok(lucid_span_str(cases[i].run_id)) != cases[i].fits) {
            fail_msg("run_id %s", cases[i].run_id);
        }
    }
    assert_true(receipt_run_id_ok(lucid_span(longest, RECEIPT_RUN_ID_BYTES_MAX)));
    assert_false(receipt_run_id_ok(lucid_span(longest, RECEIPT_RUN_ID_BYTES_MAX + 1)));
    assert_false(receipt_run_id_ok(lucid_span("run_\0"
                                              "123456",
                                              11)));
    struct change change = {.member = {member_of(tool, "run_id")}, .value = {"\"" H0 "\""}};
    struct outcome out;
    form_check(tool, true, &change, &out);
    expect_refused(&out, NULL, "run_id", "", H0);
}

static void test_unknown_types_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"\"Inference\"", "\"infer\"", "\"passport\"", "\"\"",
                                        "\"tool\\u0000\""};
    for (size_t i = 0; i < 5; i++) {
        struct change change = {.member = {member_of(tool, "receipt_type")}, .value = {names[i]}};
        struct outcome out;
        form_check(tool, true, &change, &out);
        expect_refused(&out, NULL, "receipt_type", "", names[i]);
    }
}

static void test_type_names(void **state)
{
    (void)state;
    static const char *const names[] = {"inference", "compute", "tool",
                                        "agent",     "dataset", "memory"};
    for (int type = RECEIPT_INFERENCE; type <= RECEIPT_MEMORY; type++) {
        assert_string_equal(receipt_type_name((enum receipt_type)type), names[type - 1]);
    }
}

static int values_setup(void **state)
{
    (void)state;
    string_1024 = string_of(1024);
    string_1025 = string_of(1025);
    return 0;
}

static int values_teardown(void **state)
{
    (void)state;
    free(string_1024);
    free(string_1025);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_minimal_and_full),
        cmocka_unit_test(test_required_members_are_missed),
        cmocka_unit_test(test_wrong_values_are_refused),
        cmocka_unit_test(test_good_values_are_taken),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_first_fault_answers),
        cmocka_unit_test(test_list_elements),
        cmocka_unit_test(test_entry_count_is_their_number),
        cmocka_unit_test(test_memory_forms_mixed),
        cmocka_unit_test(test_unlisted_members_are_free),
        cmocka_unit_test(test_body_is_an_object),
        cmocka_unit_test(test_timestamp_bounds),
        cmocka_unit_test(test_run_id_form),
        cmocka_unit_test(test_unknown_types_are_refused),
        cmocka_unit_test(test_type_names),
    };
    return cmocka_run_group_tests(tests, values_setup, values_teardown);
}

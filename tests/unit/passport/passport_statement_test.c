/* plugins/passport/slsa/slsa.h: statements, and the sources that are expected. */
#include "tests/unit/passport/arena_kit.h"
#include "tests/unit/passport/slsa_kit.h"

#include <string.h>

/* --- statements ------------------------------------------------------------------------------- */

static void statements_of_both_versions(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct kit_statement form = kit_plain;
        struct lucid_buf text = {0};
        struct slsa_provenance read;
        struct lucid_why why = {.code = NULL};
        form.old_statement = (i & 1) != 0;
        form.old_predicate = (i & 2) != 0;
        kit_statement_write(&form, &text);
        if (slsa_statement_read(lucid_buf_span(&text), &arena, &read, &why) != LUCID_OK) {
            fail_msg("%s: %s", why.param, why.text);
        }
        assert_true(lucid_span_is(read.statement_type, form.old_statement
                                                           ? "https://in-toto.io/Statement/v0.1"
                                                           : "https://in-toto.io/Statement/v1"));
        assert_true(lucid_span_is(read.predicate_type, form.old_predicate
                                                           ? "https://slsa.dev/provenance/v0.2"
                                                           : "https://slsa.dev/provenance/v1"));
        assert_true(lucid_span_is(read.builder, KIT_BUILDER));
        assert_true(lucid_span_is(read.build_type, KIT_TYPE));
        assert_true(lucid_span_is(read.source, KIT_SOURCE));
        assert_int_equal(read.subject_count, 1);
        lucid_buf_fini(&text);
    }
}

static void sources_of_each_form(void **state)
{
    (void)state;
    static const struct {
        const char *parameters;
        const char *source;
    } cases[] = {
        {"{\"source\":\"git+https://h/o/a\"}", "git+https://h/o/a"},
        {"{\"source\":{\"uri\":\"git+https://h/o/a\",\"digest\":{}}}", "git+https://h/o/a"},
        {"{\"workflow\":{\"repository\":\"https://h/o/a\",\"ref\":\"refs/heads/main\","
         "\"path\":\"p\"}}",
         "git+https://h/o/a@refs/heads/main"},
        {"{\"workflow\":{\"repository\":\"https://h/o/a\"}}", "git+https://h/o/a"},
        {"{\"configSource\":{\"uri\":\"https://h/o/a.git#main\"}}", "https://h/o/a.git#main"},
        /* the first there is, also where it says nothing */
        {"{\"source\":\"one\",\"workflow\":{\"repository\":\"two\"}}", "one"},
        {"{\"source\":1,\"workflow\":{\"repository\":\"two\"}}", ""},
        {"{\"source\":{\"uri\":null},\"workflow\":{\"repository\":\"two\"}}", ""},
        {"{\"workflow\":{\"repository\":\"https://h/o/a@x\",\"ref\":\"y\"}}", ""},
        {"{\"workflow\":{\"ref\":\"refs/heads/main\"}}", ""},
        {"{\"workflow\":\"https://h/o/a\"}", ""},
        {"{\"inputs\":{\"source\":\"git+https://h/o/a\"}}", ""},
        {"{}", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kit_statement form = kit_plain;
        struct lucid_buf text = {0};
        struct slsa_provenance read;
        form.parameters = cases[i].parameters;
        kit_statement_write(&form, &text);
        assert_int_equal(slsa_statement_read(lucid_buf_span(&text), &arena, &read, NULL), LUCID_OK);
        if (!lucid_span_is(read.source, cases[i].source)) {
            fail_msg("%s: %.*s", cases[i].parameters, (int)read.source.len,
                     (const char *)read.source.data);
        }
        lucid_buf_fini(&text);
    }
}

#define HEAD                                                                                       \
    "\"_type\":\"https://in-toto.io/Statement/v1\","                                               \
    "\"predicateType\":\"https://slsa.dev/provenance/v1\","
#define HEAD02                                                                                     \
    "\"_type\":\"https://in-toto.io/Statement/v0.1\","                                             \
    "\"predicateType\":\"https://slsa.dev/provenance/v0.2\","
#define SUBJECT    "\"subject\":[{\"digest\":{\"sha256\":\"" KIT_DIGEST "\"}}],"
#define DETAILS    "\"runDetails\":{\"builder\":{\"id\":\"b\"}}"
#define DEFINITION "\"buildDefinition\":{\"buildType\":\"t\",\"externalParameters\":{}}"
#define PREDICATE  "\"predicate\":{" DETAILS "," DEFINITION "}"
static const struct {
    const char *text;
    const char *param; /* NULL: it is good */
} refused[] = {
    {"{" HEAD SUBJECT PREDICATE "}", NULL},
    {"", ""},
    {"null", ""},
    {"{" HEAD SUBJECT PREDICATE "}{}", ""},
    {"{\"predicateType\":\"https://slsa.dev/provenance/v1\"," SUBJECT PREDICATE "}", "_type"},
    {"{\"_type\":\"https://in-toto.io/Statement/v1\"," SUBJECT PREDICATE "}", "predicateType"},
    {"{\"_type\":\"https://in-toto.io/Statement/v2\","
     "\"predicateType\":\"https://slsa.dev/provenance/v1\"," SUBJECT PREDICATE "}",
     "_type"},
    {"{\"_type\":\"https://in-toto.io/Statement/v1\","
     "\"predicateType\":\"https://slsa.dev/verification_summary/v1\"," SUBJECT PREDICATE "}",
     "predicateType"},
    {"{\"_type\":\"https://in-toto.io/Statement/v1\","
     "\"predicateType\":\"https://slsa.dev/provenance/v1/\"," SUBJECT PREDICATE "}",
     "predicateType"},
    {"{\"_type\":1,\"predicateType\":\"https://slsa.dev/provenance/v1\"," SUBJECT PREDICATE "}",
     "_type"},
    {"{" HEAD HEAD SUBJECT PREDICATE "}", "_type"},
    {"{" HEAD PREDICATE "}", "subject"},
    {"{" HEAD "\"subject\":[]," PREDICATE "}", "subject"},
    {"{" HEAD "\"subject\":{}," PREDICATE "}", "subject"},
    {"{" HEAD "\"subject\":[1]," PREDICATE "}", "subject[0]"},
    {"{" HEAD "\"subject\":[{\"digest\":\"x\"}]," PREDICATE "}", "subject[0].digest"},
    {"{" HEAD "\"subject\":[{\"digest\":{\"sha256\":\"00\"}}]," PREDICATE "}",
     "subject[0].digest.sha256"},
    {"{" HEAD "\"subject\":[{\"digest\":{\"sha256\":\"" KIT_DIGEST "\",\"sha256\":\"" KIT_OTHER
     "\"}}]," PREDICATE "}",
     "subject[0].digest.sha256"},
    {"{" HEAD "\"subject\":[{\"digest\":{\"sha256\":"
     "\"5C9A5B3B2C1D0E0F101112131415161718191A1B1C1D1E1F2021222324252627\"}}]," PREDICATE "}",
     "subject[0].digest.sha256"},
    {"{" HEAD SUBJECT "\"predicate\":[]}", "predicate"},
    {"{" HEAD "\"subject\":[{\"digest\":{\"sha256\":\"" KIT_DIGEST "\"}}]}", "predicate"},
    {"{" HEAD SUBJECT "\"predicate\":{" DETAILS "}}", "predicate.buildDefinition"},
    {"{" HEAD SUBJECT "\"predicate\":{" DEFINITION "}}", "predicate.runDetails"},
    {"{" HEAD SUBJECT "\"predicate\":{" DEFINITION ",\"runDetails\":{}}}",
     "predicate.runDetails.builder"},
    {"{" HEAD SUBJECT "\"predicate\":{" DEFINITION ",\"runDetails\":{\"builder\":{}}}}",
     "predicate.runDetails.builder.id"},
    {"{" HEAD SUBJECT "\"predicate\":{" DEFINITION ",\"runDetails\":{\"builder\":{\"id\":\"\"}}}}",
     "predicate.runDetails.builder.id"},
    {"{" HEAD SUBJECT "\"predicate\":{" DETAILS
     ",\"buildDefinition\":{\"externalParameters\":{}}}}",
     "predicate.buildDefinition.buildType"},
    {"{" HEAD SUBJECT "\"predicate\":{" DETAILS
     ",\"buildDefinition\":{\"buildType\":7,\"externalParameters\":{}}}}",
     "predicate.buildDefinition.buildType"},
    {"{" HEAD SUBJECT "\"predicate\":{" DETAILS ",\"buildDefinition\":{\"buildType\":\"t\"}}}",
     "predicate.buildDefinition.externalParameters"},
    /* each predicate by its own form */
    {"{" HEAD02 SUBJECT PREDICATE "}", "predicate.builder"},
    {"{" HEAD02 SUBJECT "\"predicate\":{\"builder\":{\"id\":\"b\"}}}", "predicate.buildType"},
    {"{" HEAD02 SUBJECT "\"predicate\":{\"builder\":{\"id\":\"b\"},\"buildType\":\"t\"}}", NULL},
};

static void statements_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct slsa_provenance read = {.subject_count = 77};
        struct lucid_why why = {.code = NULL};
        enum lucid_error e =
            slsa_statement_read(lucid_span_str(refused[i].text), &arena, &read, &why);
        if (refused[i].param == NULL) {
            assert_int_equal(e, LUCID_OK);
            continue;
        }
        assert_int_equal(e, LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "INVALID_PROVENANCE");
        assert_string_equal(why.param, refused[i].param);
        assert_int_equal(read.subject_count, 77); /* untouched */
    }
}

static void statements_are_bounded(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        struct lucid_buf text = {0};
        struct slsa_provenance read;
        struct lucid_why why = {.code = NULL};
        lucid_buf_str(&text, "{" HEAD "\"subject\":[");
        for (size_t i = 0; i < SLSA_SUBJECTS_MAX + extra; i++) {
            lucid_buf_str(&text, i == 0 ? "" : ",");
            lucid_buf_str(&text, "{\"digest\":{\"sha256\":\"" KIT_DIGEST "\"}}");
        }
        lucid_buf_str(&text, "]," PREDICATE "}");
        enum lucid_error e = slsa_statement_read(lucid_buf_span(&text), &arena, &read, &why);
        if (extra == 0) {
            assert_int_equal(e, LUCID_OK);
            assert_int_equal(read.subject_count, SLSA_SUBJECTS_MAX);
        } else {
            assert_int_equal(e, LUCID_REFUSE_INVALID);
            assert_string_equal(why.param, "subject");
        }
        lucid_buf_fini(&text);
    }
    /* Parameters may be as long as a builder makes them: what is too long is no source. */
    struct lucid_buf text = {0};
    struct slsa_provenance read;
    lucid_buf_str(&text, "{" HEAD SUBJECT "\"predicate\":{" DETAILS ",\"buildDefinition\":{"
                         "\"buildType\":\"t\",\"externalParameters\":{\"source\":\"");
    memset(lucid_buf_extend(&text, SLSA_TEXT_BYTES_MAX + 1), 'x', SLSA_TEXT_BYTES_MAX + 1);
    lucid_buf_str(&text, "\"}}}}");
    assert_int_equal(slsa_statement_read(lucid_buf_span(&text), &arena, &read, NULL), LUCID_OK);
    assert_int_equal(read.source.len, 0);
    lucid_buf_fini(&text);
}

/* --- sources that are expected -----------------------------------------------------------------
 */

static void patterns(void **state)
{
    (void)state;
    static const char *const good[] = {
        "git+https://h/org/*", "git+https://h/*",    "git+https://h/org/app@*", "x",
        "pkg:github/org/*",    "git@h:org/*",        "git@h:org/app@*",         "git+https://h/o",
        "git+https://h:8/o/*", "file:///srv/work/*",
    };
    static const char *const bad[] = {
        "",    "*",           "/*",           "@*",
        "a*",  "https://*",   "https:/*",     "git+https://h/org*",
        "**",  "https://h@*", "https://h*",   "git+https://h/*/app",
        "a@*", "https:///*",  "https://h/@*", "git+https://h/o/*/*",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!slsa_source_pattern_is_good(lucid_span_str(good[i]))) {
            fail_msg("%s", good[i]);
        }
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (slsa_source_pattern_is_good(lucid_span_str(bad[i])) ||
            slsa_source_matches(lucid_span_str(bad[i]), lucid_span_str(bad[i]))) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void sources_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *source;
        bool matches;
    } cases[] = {
        {"git+https://h/org/*", "git+https://h/org/app", true},
        {"git+https://h/org/*", "git+https://h/org/app@refs/heads/main", true},
        {"git+https://h/org/*", "git+https://h/org/deep/er/app", true},
        {"git+https://h/org/*", "git+https://h/org/app.git#main", true},
        {"git+https://h/org/*", "git+https://h/org/..app", true},
        {"git+https://h/org/*", "git+https://h/org-evil/app", false},
        {"git+https://h/org/*", "git+https://h/org", false},
        {"git+https://h/org/*", "git+https://h/org/", false},
        {"git+https://h/org/*", "git+https://h/org//app", false},
        {"git+https://h/org/*", "git+https://h/org/app/", false},
        {"git+https://h/org/*", "git+https://h/org/../evil/app", false},
        {"git+https://h/org/*", "git+https://h/org/a/../../evil/app", false},
        {"git+https://h/org/*", "git+https://h/org/..", false},
        {"git+https://h/org/*", "git+https://h/org/./app", false},
        {"git+https://h/org/*", "git+https://h/org/%2e%2e/evil/app", false},
        {"git+https://h/org/*", "git+https://h/org/a\\..\\evil", false},
        {"git+https://h/org/*", "git+https://h/org/a b", false},
        {"git+https://h/org/*", "git+https://h/org/a\n", false},
        {"git+https://h/org/*", "git+https://h/org/\xc3\xa4", false},
        {"git+https://h/org/*", "git+https://H/org/app", false},
        {"git+https://h/org/*", "git+https://h/Org/app", false},
        {"git+https://h/org/*", "https://h/org/app", false},
        {"git+https://h/org/*", "git+https://h/org/*", false},
        {"git+https://h/org/*", "", false},
        {"git+https://h/org/app@*", "git+https://h/org/app@refs/tags/v1", true},
        {"git+https://h/org/app@*", "git+https://h/org/app2@refs/tags/v1", false},
        {"git+https://h/org/app@*", "git+https://h/org/app", false},
        {"git+https://h/org/app@*", "git+https://h/org/app@", false},
        {"git+https://h/org/app@refs/tags/*", "git+https://h/org/app@refs/heads/main", false},
        {"git+https://h/org/app", "git+https://h/org/app", true},
        {"git+https://h/org/app", "git+https://h/org/app/", false},
        {"git+https://h/org/app", "git+https://h/org/app@refs/tags/v1", false},
        {"git+https://h/org/app", "git+https://h/org/App", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (slsa_source_matches(lucid_span_str(cases[i].pattern),
                                lucid_span_str(cases[i].source)) != cases[i].matches) {
            fail_msg("%s %s", cases[i].pattern, cases[i].source);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(statements_of_both_versions, start, stop),
        cmocka_unit_test_setup_teardown(sources_of_each_form, start, stop),
        cmocka_unit_test_setup_teardown(statements_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(statements_are_bounded, start, stop),
        cmocka_unit_test_setup_teardown(patterns, start, stop),
        cmocka_unit_test_setup_teardown(sources_match, start, stop),
    };
    return cmocka_run_group_tests_name("passport_statement", tests, NULL, NULL);
}

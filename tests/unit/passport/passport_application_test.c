/* Files of applications: every member read, every refusal with its dotted name and line, nothing
 * shared, nothing that is read in two ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "plugins/passport/application.h"

#define H32 "1111111111111111111111111111111111111111111111111111111111111111"
#define KEY "GX9rI+FshTLGq8g4+s1epd1XmUB8y1t4Ri5/GZRzHbM="

static enum lucid_error read_text(const char *text, struct lucid_arena *arena,
                                  struct applications *ret, struct lucid_why *why)
{
    lucid_arena_init(arena, 16U << 20);
    return applications_read(lucid_span_str(text), arena, ret, why);
}

/* Refused at that place with a sentence that has these words. */
static void refused(const char *text, const char *param, const char *words)
{
    struct lucid_arena arena;
    struct applications read = {.count = 77};
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = read_text(text, &arena, &read, &why);
    if (error != LUCID_REFUSE_INVALID || strcmp(why.param, param) != 0 ||
        strstr(why.text, words) == NULL) {
        fail_msg("%s\nis %d at `%s`: %s\nand not at `%s`: %s", text, (int)error, why.param,
                 why.text, param, words);
    }
    assert_string_equal(why.code, "INVALID_APPLICATION");
    assert_int_equal(read.count, 77);
    lucid_arena_fini(&arena);
}

#define HEAD "metadata: {name: a}\nspec:\n  passport:\n    appName: A\n"

/* One more member of spec.passport, on line 5. */
static void refused_member(const char *member, const char *param, const char *words)
{
    struct lucid_buf text = {.bytes_max = 0};
    char whole[160];
    lucid_buf_printf(&text, HEAD "    %s\n", member);
    lucid_buf_char(&text, '\0');
    (void)snprintf(whole, sizeof(whole), "applications[0].spec.passport%s%s", *param ? "." : "",
                   param);
    refused((const char *)text.data, whole, words);
    lucid_buf_fini(&text);
}

static void accepted_member(const char *member)
{
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_arena arena;
    struct applications read;
    struct lucid_why why = {.code = NULL};
    lucid_buf_printf(&text, HEAD "    %s\n", member);
    lucid_buf_char(&text, '\0');
    if (read_text((const char *)text.data, &arena, &read, &why) != LUCID_OK) {
        fail_msg("%s: %s: %s", member, why.param, why.text);
    }
    assert_int_equal(read.count, 1);
    lucid_arena_fini(&arena);
    lucid_buf_fini(&text);
}

static void span_is(struct lucid_span span, const char *text)
{
    assert_int_equal(span.len, strlen(text));
    assert_memory_equal(span.data, text, span.len);
}

/* --- what is read ----------------------------------------------------------------------------- */

static const char full[] =
    "%YAML 1.2\n"
    "---\n"
    "apiVersion: lucid.io/v1alpha1\n"
    "kind: LucidEnvironment\n"
    "metadata:\n"
    "  name: my-app\n"
    "  labels: {app.kubernetes.io/name: x, \"1\": 2}\n"
    "spec:\n"
    "  infrastructure: {provider: gcp}\n"
    "  passport:\n"
    "    appName: \"My <AI> Application \\u00e9\"\n"
    "    version: '1.0'\n"
    "    endpoints: [https://app.example, \"https://app.example:8443\"]\n"
    "    validityDays: 398\n"
    "    minSlsaLevel: 4\n"
    "    policy: sha256:" H32 "\n"
    "    maxAppraisalAgeSeconds: 3600\n"
    "    tokens: [\"0123456789abcdef\"]\n"
    "    audience: on\n"
    "    evidence:\n"
    "      teeAttestation: false\n"
    "      modelFingerprint: True\n"
    "    container: {digest: sha256:" H32 ", registry: registry.example/app}\n"
    "    auditors:\n"
    "      - {id: pii, name: PII filter, digest: sha256:" H32 "}\n"
    "      - {id: bias, name: Bias}\n"
    "    model: {name: llama, digest: sha256:" H32 "}\n"
    "    provenanceUri: https://example.com/p\n"
    "    builders:\n"
    "      - id: https://builder.example\n"
    "        keys: [" KEY "]\n"
    "        isolated: true\n"
    "        sources: [git+https://example.com/*]\n"
    "        buildTypes: [https://example.com/type]\n"
    "    display:\n"
    "      mode: floating\n"
    "      position: top-left\n"
    "      theme: dark\n"
    "      collapsedDefault: true\n"
    "      customCssUrl: /style.css?v=1\n"
    "      passportPageLogoUrl: https://app.example/logo.svg\n"
    "      enableBrowserExtensionPrompt: true\n"
    "---\n"
    "metadata: {name: \"0\"}\n"
    "spec: {passport: {appName: Other}}\n"
    "---\n"
    "# nothing\n";

static void test_everything_is_read(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct applications read;
    struct lucid_buf out = {.bytes_max = 0};
    assert_int_equal(read_text(full, &arena, &read, NULL), LUCID_OK);
    assert_int_equal(read.count, 2);
    const struct application *a = &read.items[0];
    span_is(a->name, "my-app");
    span_is(a->app_name, "My <AI> Application \xc3\xa9");
    span_is(a->version, "1.0");
    assert_int_equal(a->endpoint_count, 2);
    span_is(a->endpoints[1], "https://app.example:8443");
    assert_int_equal(a->validity_days, 398);
    assert_int_equal(a->slsa_level_min, 4);
    assert_true(a->has_policy && a->policy[31] == 0x11);
    assert_int_equal(a->appraisal_age_s_max, 3600);
    span_is(a->audience, "on");
    assert_int_equal(a->token_count, 1);
    assert_true(application_allows(a, "0123456789abcdef"));
    assert_false(application_allows(a, "0123456789abcdee") || application_allows(a, ""));
    assert_false(a->evidence[PASSPORT_TEE_ATTESTATION]);
    assert_true(a->evidence[PASSPORT_AUDITOR_CLAIMS] && a->evidence[PASSPORT_MODEL_FINGERPRINT]);
    assert_true(a->container.present && a->container.digest[0] == 0x11);
    span_is(a->container.registry, "registry.example/app");
    assert_int_equal(a->auditor_count, 2);
    span_is(a->auditors[0].id, "pii");
    assert_true(a->auditors[0].has_digest && !a->auditors[1].has_digest);
    span_is(a->auditors[1].name, "Bias");
    assert_true(a->model.present && a->model.has_digest);
    span_is(a->provenance_uri, "https://example.com/p");
    assert_int_equal(a->builders.count, 1);
    assert_int_equal(a->builders.items[0].key_count, 1);
    assert_true(a->builders.items[0].isolated);
    span_is(a->builders.items[0].sources[0], "git+https://example.com/*");
    span_is(a->builders.items[0].build_types[0], "https://example.com/type");
    application_display_write(a, &out);
    span_is(lucid_buf_span(&out),
            "{\"mode\":\"floating\",\"position\":\"top-left\",\"theme\":\"dark\","
            "\"collapsedDefault\":true,\"enableBrowserExtensionPrompt\":true,"
            "\"customCssUrl\":\"/style.css?v=1\","
            "\"passportPageLogoUrl\":\"https://app.example/logo.svg\"}");
    lucid_buf_fini(&out);
    lucid_arena_fini(&arena);
}

static void test_defaults(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct applications read;
    struct lucid_buf out = {.bytes_max = 0};
    assert_int_equal(read_text(full, &arena, &read, NULL), LUCID_OK);
    const struct application *a = &read.items[1];
    span_is(a->name, "0");
    assert_int_equal(a->validity_days, 30);
    assert_int_equal(a->slsa_level_min, 0);
    assert_int_equal(a->version.len + a->endpoint_count + a->auditor_count + a->token_count, 0);
    assert_false(a->has_policy || a->container.present || a->model.present);
    assert_int_equal(a->appraisal_age_s_max, 0);
    for (size_t i = 0; i < PASSPORT_EVIDENCES; i++) {
        assert_int_equal(a->evidence[i], i != PASSPORT_MODEL_FINGERPRINT);
    }
    assert_true(application_allows(a, "0123456789abcdee") && application_allows(a, ""));
    application_display_write(a, &out);
    span_is(lucid_buf_span(&out),
            "{\"mode\":\"banner\",\"position\":\"top\",\"theme\":\"auto\","
            "\"collapsedDefault\":false,\"enableBrowserExtensionPrompt\":false}");
    lucid_buf_fini(&out);
    lucid_arena_fini(&arena);
}

static const char *example; /* its path */

static void test_example(void **state)
{
    (void)state;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_arena arena;
    struct applications read;
    FILE *file = fopen(example, "rb");
    assert_non_null(file);
    uint8_t *bytes = lucid_buf_extend(&text, 8192);
    text.len = fread(bytes, 1, 8192, file);
    assert_int_equal(fclose(file), 0);
    lucid_arena_init(&arena, 16U << 20);
    assert_int_equal(applications_read(lucid_buf_span(&text), &arena, &read, NULL), LUCID_OK);
    lucid_buf_fini(&text); /* what was read does not point there */
    assert_int_equal(read.count, 1);
    span_is(read.items[0].name, "my-app");
    assert_int_equal(read.items[0].endpoint_count, 2);
    assert_int_equal(read.items[0].display.position, APPLICATION_BOTTOM);
    lucid_arena_fini(&arena);
}

static void test_lookup(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct applications read;
    static const char text[] =
        "metadata: {name: a}\nspec: {passport: {appName: A, endpoints: [https://a.example]}}\n---\n"
        "metadata: {name: b}\nspec: {passport: {appName: B, endpoints: "
        "[\"https://a.example:8443\", \"http://[::1]:8402\", \"http://localhost\"]}}\n";
    static const struct {
        const char *host;
        size_t index; /* 2: none */
    } hosts[] = {
        {"a.example", 0},      {"A.Example", 0},      {"a.example:443", 0},     {"a.example:80", 2},
        {"a.example:8443", 1}, {"a.example:8444", 2}, {"[::1]:8402", 1},        {"[::1]", 2},
        {"localhost", 1},      {"localhost:80", 1},   {"localhost:443", 2},     {"", 2},
        {"b.a.example", 2},    {"a.example.", 2},     {"https://a.example", 2},
    };
    assert_int_equal(read_text(text, &arena, &read, NULL), LUCID_OK);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        const struct application *found =
            applications_find_host(&read, lucid_span_str(hosts[i].host));
        assert_ptr_equal(found, hosts[i].index == 2 ? NULL : &read.items[hosts[i].index]);
    }
    assert_ptr_equal(applications_find(&read, lucid_span_str("b")), &read.items[1]);
    assert_null(applications_find(&read, lucid_span_str("B")));
    lucid_arena_fini(&arena);
}

/* --- what is refused -------------------------------------------------------------------------- */

static void test_members(void **state)
{
    (void)state;
    refused_member("teeAttestaton: true", "teeAttestaton", "line 5: no such member");
    refused_member("evidence: {teeAttestaton: true}", "evidence.teeAttestaton", "line 5: ");
    refused_member("evidence: {auditorClaims: yes}", "evidence.auditorClaims", "true or false");
    refused_member("evidence: {auditorClaims: \"true\"}", "evidence.auditorClaims",
                   "true or false");
    refused_member("evidence:", "evidence", "object");
    refused_member("version: 1.0", "version", "quotes");
    refused_member("version: ~", "version", "quotes");
    refused_member("version: [a]", "version", "must be text");
    refused_member("version: ''", "version", "1 to");
    refused_member("version: \"a\\tb\"", "version", "control");
    refused_member("version: \"a\\u202Eb\"", "version", "direction of writing");
    refused_member("version: \"\\u2066a\"", "version", "direction of writing");
    refused_member("version: \"a\\x9Bb\"", "version", "control");
    refused_member("model: {name: \"m\\u200F\"}", "model.name", "direction of writing");
    refused_member("container: {digest: sha256:" H32 ", registry: \"r\\u202D\"}",
                   "container.registry", "direction of writing");
    refused_member("auditors: [{id: a, name: \"\\u2069\"}]", "auditors[0].name",
                   "direction of writing");
    refused_member("validityDays: 0", "validityDays", "1 to 398");
    refused_member("validityDays: 399", "validityDays", "1 to 398");
    refused_member("validityDays: 1.5", "validityDays", "1 to 398");
    refused_member("validityDays: \"30\"", "validityDays", "1 to 398");
    refused_member("minSlsaLevel: 5", "minSlsaLevel", "0 to 4");
    refused_member("minSlsaLevel: -1", "minSlsaLevel", "0 to 4");
    refused_member("maxAppraisalAgeSeconds: 0", "maxAppraisalAgeSeconds", "1 to");
    refused_member("policy: " H32, "policy", "");
    refused_member("tokens: []", "tokens", "1 to 16");
    refused_member("tokens: [tok_1]", "tokens[0]", "token");
    refused_member("tokens: [0123456789abcdef, 0123456789abcdef]", "tokens[1]", "already");
    refused_member("endpoints: https://a.example", "endpoints", "list");
    refused_member("endpoints: [https://a.example, https://A.example]", "endpoints[1]", "origin");
    refused_member("endpoints: [https://a.example/]", "endpoints[0]", "origin");
    refused_member("endpoints: [http://a.example]", "endpoints[0]", "origin");
    refused_member("endpoints: [https://a.example, https://a.example]", "endpoints[1]", "already");
    refused_member("container: {registry: x}", "container.digest", "missing");
    refused_member("container: {digest: sha256:ab}", "container.digest", "sha256:");
    refused_member("container: {}", "container.digest", "missing");
    refused_member("auditors: [{id: a}]", "auditors[0].name", "missing");
    refused_member("auditors: [{id: a, name: A, status: active}]", "auditors[0].status", "known");
    refused_member("auditors: [{id: a, name: A}, {id: a, name: B}]", "auditors[1]", "already");
    refused_member("auditors: [{id: \"a b\", name: A}]", "auditors[0].id", "letters");
    refused_member("model: {digest: sha256:" H32 "}", "model.name", "missing");
    refused_member("provenanceUri: javascript:alert(1)", "provenanceUri", "https");
    refused_member("builders: [{id: a}]", "builders[0].keys", "missing");
    refused_member("builders: [{id: a, keys: [x]}]", "builders[0].keys[0]", "");
    refused_member("builders: [{id: a, keys: [1]}]", "builders[0].keys[0]", "quotes");
    refused_member("builders: [{id: a, keys: []}]", "builders[0].keys", "1 to 4");
    refused_member("builders: [{id: a, keys: [" KEY "]}, {id: a, keys: [" KEY "]}]",
                   "builders[1].id", "another");
    refused_member("builders: [{id: a, keys: [" KEY "]}, {id: b, keys: [" KEY "]}]",
                   "builders[1].keys", "another");
    refused_member("builders: [{id: a, keys: [" KEY "], sources: [x, 'git+https://h/org*']}]",
                   "builders[0].sources[1]", "line 5: a source");
    refused_member("builders: [{id: a, keys: [" KEY "], buildTypes: ['https://t/*']}]",
                   "builders[0].buildTypes[0]", "build type");
}

static void test_display(void **state)
{
    (void)state;
    refused_member("display: {mode: popup}", "display.mode", "page_only");
    refused_member("display: {position: top-left}", "display.position", "banner has top");
    refused_member("display: {mode: floating, position: top}", "display.position", "corners");
    refused_member("display: {mode: page_only, position: top}", "display.position", "only");
    refused_member("display: {bannerPosition: top}", "display.bannerPosition", "called position");
    refused_member("display: {mode: floating, floatingPosition: top-left}",
                   "display.floatingPosition", "called position");
    refused_member("display: {theme: blue}", "display.theme", "dark");
    refused_member("display: {collapsedDefault: 0}", "display.collapsedDefault", "true");
    static const char *const bad[] = {
        "//evil.example/x", "/../x",      "/a/..",        "/a/..?b", "a.css",  "http://a.example/x",
        "javascript:x",     "/a b",       "/%2e%2e/x",    "'/a\"b'", "'/<b>'", "data:text/css,x",
        "'/a\\b'",          "https:/a/b", "'https://a b'"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[96];
        (void)snprintf(text, sizeof(text), "display: {customCssUrl: \"%s\"}", bad[i]);
        if (bad[i][0] == '\'') {
            (void)snprintf(text, sizeof(text), "display: {customCssUrl: %s}", bad[i]);
        }
        refused_member(text, "display.customCssUrl", "https");
    }
    accepted_member("display: {customCssUrl: /a/..b/c.css?x#y, passportPageLogoUrl: /}");
    accepted_member("display: {mode: headers_only}");
    accepted_member("display: {mode: browser_extension, theme: light}");
    accepted_member("display: {}");
}

static void test_documents(void **state)
{
    (void)state;
    refused("", "applications", "no application");
    refused("---\n---\n", "applications", "no application");
    refused("- a\n", "applications[0]", "line 1: ");
    refused("text\n", "applications[0]", "mapping");
    refused("metadata: {name: a}\n", "applications[0].spec", "line 1: this member is missing");
    refused("spec: {passport: {appName: A}}\n", "applications[0].metadata", "missing");
    refused("metadata: {}\nspec: {passport: {appName: A}}\n", "applications[0].metadata.name",
            "missing");
    refused("metadata: {name: a}\nspec: {passprot: {appName: A}}\n",
            "applications[0].spec.passport", "line 2: this member is missing");
    refused("metadata: {name: a}\nspec: {passport: {}}\n", "applications[0].spec.passport.appName",
            "missing");
    refused("metadata: {name: a}\nspecs: {}\n", "applications[0].specs", "line 2: no such");
    refused("metadata: {name: A}\nspec: {passport: {appName: A}}\n",
            "applications[0].metadata.name", "a-z");
    refused("metadata: {name: -a}\nspec: {passport: {appName: A}}\n",
            "applications[0].metadata.name", "a-z");
    refused("metadata: {name: 12}\nspec: {passport: {appName: A}}\n",
            "applications[0].metadata.name", "quotes");
    refused("metadata: {name: a, name: b}\nspec: {passport: {appName: A}}\n",
            "applications[0].metadata.name", "line 1: the object has this member name twice");
    refused("metadata: {name: a}\nspec:\n  passport:\n    appName: A\n    appName: B\n",
            "applications[0].spec.passport.appName", "line 5: ");
    refused("\"metadata\": {name: a}\nspec: {passport: {appName: A}}\nmetadata: {name: a}\n",
            "applications[0].metadata", "line 3: the object has this member name twice");
}

static void test_shared(void **state)
{
    (void)state;
#define TWO(name_b, app_name_b, endpoint_b)                                                        \
    "metadata: {name: a}\nspec: {passport: {appName: The App, endpoints: [https://a.example]}}\n"  \
    "---\nmetadata: {name: " name_b "}\nspec: {passport: {appName: " app_name_b                    \
    ", endpoints: [https://b.example, \"" endpoint_b "\"]}}\n"
    refused(TWO("a", "B", "https://c.example"), "applications[1].metadata.name", "line 4: ");
    refused(TWO("b", "THE app", "https://c.example"), "applications[1].spec.passport.appName",
            "line 5: the application a has this appName");
    refused(TWO("b", "B", "https://a.example"), "applications[1].spec.passport.endpoints[1]",
            "line 5: the application a has an endpoint of this host");
    struct lucid_arena arena;
    struct applications read;
    assert_int_equal(read_text(TWO("b", "B", "https://a.example:444"), &arena, &read, NULL),
                     LUCID_OK);
    lucid_arena_fini(&arena);
    refused("metadata: {name: a}\nspec: {passport: {appName: A, endpoints: [http://localhost]}}\n"
            "---\nmetadata: {name: b}\nspec: {passport: {appName: B, endpoints: "
            "[https://localhost]}}\n",
            "applications[1].spec.passport.endpoints[0]", "of this host");
}

/* --- YAML ------------------------------------------------------------------------------------- */

static void test_yaml(void **state)
{
    (void)state;
    refused("a: &x 1\n", "", "line 1: anchors");
    refused("a: &x [1]\n", "", "anchors");
    refused("a: &x {}\n", "", "anchors");
    refused("b: 1\na: *x\n", "", "line 2: aliases");
    refused("a: !!str 1\n", "", "tags");
    refused("a: ! 1\n", "", "tags");
    refused("a: !x {}\n", "", "tags");
    refused("a: !!seq []\n", "", "tags");
    refused("<<: {a: 1}\n", "", "merge keys");
    refused("[a]: 1\n", "", "a key is to be text");
    refused("{a: 1}: 1\n", "", "a key is to be text");
    refused("1: 1\n", "", "a key is to be text");
    refused("~: 1\n", "", "a key is to be text");
    refused("true: 1\n", "", "a key is to be text");
    refused("a: 0x1f\n", "", "decimal");
    refused("a: 007\n", "", "decimal");
    refused("a: 0o7\n", "", "decimal");
    refused("a: +1\n", "", "decimal");
    refused("a: .inf\n", "", "decimal");
    refused("a: -.INF\n", "", "decimal");
    refused("a: 1.\n", "", "decimal");
    refused("a: .5\n", "", "decimal");
    refused("a: [\n", "", "no YAML");
    refused("a: b: c\n", "", "line 1: no YAML");
    refused("a:\n\t- b\n", "", "no YAML");
    refused("a: \xff\n", "", "no YAML");
    refused("a: \"\\ud800\"\n", "", "no YAML");
    refused("%YAML 3.0\n---\na: 1\n", "", "no YAML");
    refused("\xff\xfe"
            "a: 1\n",
            "", "no YAML");
}

/* What ends a line for one reader only could hide a member behind what looks like a comment. */
static void test_yaml_lines(void **state)
{
    (void)state;
    static const char plain[] = "spec: {passport: {appName: A}}\nmetadata: {name: a}\n";
    static const char *const breaks[] = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9", "\r"};
    struct applications read;
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    char text[160];
    for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
        (void)snprintf(text, sizeof(text), "%s# new%skind: Hidden\n", plain, breaks[i]);
        refused(text, "", "line 3: a line ends");
        (void)snprintf(text, sizeof(text), "%skind: \"a%sb\"\n", plain, breaks[i]);
        refused(text, "", "line 3: a line ends");
    }
    /* What they stand for can be written. */
    (void)snprintf(text, sizeof(text), "%skind: \"a\\N\\L\\Pb\"\n", plain);
    assert_int_equal(read_text(text, &arena, &read, &why), LUCID_OK);
    lucid_arena_fini(&arena);
    /* As editors of one system end lines, and begin files. */
    (void)snprintf(text, sizeof(text), "\xef\xbb\xbf%s",
                   "spec: {passport: {appName: A}}\r\nmetadata:\r\n  name: a\r\n");
    assert_int_equal(read_text(text, &arena, &read, &why), LUCID_OK);
    assert_int_equal(read.count, 1);
    lucid_arena_fini(&arena);
    (void)snprintf(text, sizeof(text), "%s---\n\xef\xbb\xbf%s", plain, plain);
    refused(text, "", "no YAML");
}

static void test_scalars(void **state)
{
    (void)state;
    /* Read over, so that only their reading is judged. */
    static const char *const good[] = {
        "0",
        "-0",
        "12",
        "1.5",
        "-1.5e3",
        "1e3",
        "null",
        "~",
        "",
        "NULL",
        "true",
        "FALSE",
        "yes",
        "off",
        "1:30",
        "1_000",
        "0xzz",
        "0b1",
        "2026-01-02",
        "1.2.3",
        "-",
        "+",
        ".",
        "1e",
        "e3",
        "'007'",
        "\"0x1f\"",
        "|\n    two\n    lines",
        ">-\n    folded",
        "[a, [b, {c: d}]]",
        "1.0.0",
        "..",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct lucid_buf text = {.bytes_max = 0};
        struct lucid_arena arena;
        struct applications read;
        struct lucid_why why = {.code = NULL};
        lucid_buf_printf(&text, "spec: {passport: {appName: A}}\nmetadata:\n  name: a\n  x: %s\n",
                         good[i]);
        lucid_buf_char(&text, '\0');
        if (strcmp(good[i], "-") == 0) {
            refused((const char *)text.data, "", "no YAML");
        } else if (read_text((const char *)text.data, &arena, &read, &why) != LUCID_OK) {
            fail_msg("%s: %s %s", good[i], why.param, why.text);
        } else {
            lucid_arena_fini(&arena);
        }
        lucid_buf_fini(&text);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_arena arena;
    struct applications read;
    struct lucid_why why = {.code = NULL};
    /* As many applications as there may be, and one more. */
    for (unsigned i = 0; i <= APPLICATIONS_MAX; i++) {
        lucid_arena_init(&arena, 16U << 20);
        if (i == APPLICATIONS_MAX) {
            assert_int_equal(applications_read(lucid_buf_span(&text), &arena, &read, &why),
                             LUCID_OK);
            assert_int_equal(read.count, APPLICATIONS_MAX);
        }
        lucid_arena_fini(&arena);
        lucid_buf_printf(&text,
                         "---\nmetadata: {name: a%u}\nspec: {passport: {appName: A%u, endpoints: "
                         "[https://a%u.example], evidence: {teeAttestation: true}, display: {mode: "
                         "banner, theme: auto}}}\n",
                         i, i, i);
    }
    lucid_arena_init(&arena, 16U << 20);
    assert_int_equal(applications_read(lucid_buf_span(&text), &arena, &read, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "applications");
    lucid_buf_clear(&text);
    /* Values, depth, bytes. */
    lucid_buf_str(&text, "a: [");
    for (unsigned i = 0; i < 16001; i++) {
        lucid_buf_str(&text, "1,");
    }
    lucid_buf_str(&text, "]\n");
    assert_int_equal(applications_read(lucid_buf_span(&text), &arena, &read, &why),
                     LUCID_REFUSE_TOO_LARGE);
    lucid_buf_clear(&text);
    lucid_buf_str(&text, "a: ");
    for (unsigned i = 0; i < 100000; i++) {
        lucid_buf_char(&text, '[');
    }
    assert_int_equal(applications_read(lucid_buf_span(&text), &arena, &read, &why),
                     LUCID_REFUSE_INVALID);
    assert_non_null(strstr(why.text, "too deep"));
    lucid_buf_clear(&text);
    memset(lucid_buf_extend(&text, APPLICATION_BYTES_MAX + 1), '#', APPLICATION_BYTES_MAX + 1);
    assert_int_equal(applications_read(lucid_buf_span(&text), &arena, &read, &why),
                     LUCID_REFUSE_TOO_LARGE);
    /* An arena that is too small says so, and gives nothing. */
    lucid_arena_fini(&arena);
    lucid_arena_init(&arena, 1024);
    read.count = 77;
    assert_int_equal(applications_read(lucid_span_str(full), &arena, &read, NULL),
                     LUCID_RETRY_MEMORY);
    assert_int_equal(read.count, 77);
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        const char *param;
        size_t max;
        const char *unit; /* what is repeated */
    } rows[] = {
        {"version: \"%s\"", "version", PASSPORT_NAME_CHARS_MAX, "\xc3\xa9"},
        {"audience: \"%s\"", "audience", 255, "a"},
        {"model: {name: \"%s\"}", "model.name", PASSPORT_NAME_CHARS_MAX, "a"},
        {"auditors: [{id: a, name: \"%s\"}]", "auditors[0].name", PASSPORT_NAME_CHARS_MAX, "<"},
        {"auditors: [{id: \"%s\", name: a}]", "auditors[0].id", 64, "a"},
        {"container: {digest: sha256:" H32 ", registry: \"%s\"}", "container.registry", 255, "r"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t over = 0; over < 2; over++) {
            struct lucid_buf value = {.bytes_max = 0};
            struct lucid_buf member = {.bytes_max = 0};
            for (size_t k = 0; k < rows[i].max + over; k++) {
                lucid_buf_str(&value, rows[i].unit);
            }
            const char *hole = strstr(rows[i].member, "%s");
            lucid_buf_put(&member, rows[i].member, (size_t)(hole - rows[i].member));
            lucid_buf_span_put(&member, lucid_buf_span(&value));
            lucid_buf_str(&member, hole + 2);
            lucid_buf_char(&member, '\0');
            if (over == 1) {
                refused_member((const char *)member.data, rows[i].param, "must have");
            } else {
                accepted_member((const char *)member.data);
            }
            lucid_buf_fini(&value);
            lucid_buf_fini(&member);
        }
    }
}

int main(int argc, char **argv)
{
    example = argc > 1 ? argv[1] : "examples/passport/application.yaml";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_read),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_display),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_yaml_lines),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

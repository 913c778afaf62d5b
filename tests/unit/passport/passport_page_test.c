/* The page of a passport: what it says, that no text of a passport becomes more than text, that
 * nothing on it is good before a browser has looked, and its policy. */
#include "plugins/passport/discovery.h"
#include "plugins/passport/page/page.h"
#include "tests/unit/passport/passport_kit.h"

static struct lucid_arena arena;
static struct passport passport;
static struct application application;
static struct lucid_buf html;

static int setup(void **state)
{
    (void)state;
    lucid_arena_init(&arena, 64U << 20);
    application = (struct application){.display.theme = APPLICATION_AUTO};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lucid_arena_fini(&arena);
    lucid_buf_fini(&html);
    return 0;
}

static struct page page_of(const char *from, const char *to)
{
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_why why = {.code = NULL};
    enum passport_fault fault;
    if (passport_read(kit_text(kit_form, from, to, &text), &arena, &passport, &fault, &why) !=
        LUCID_OK) {
        fail_msg("%s: %s", why.param, why.text);
    }
    lucid_buf_fini(&text);
    return (struct page){.passport = &passport,
                         .application = &application,
                         .origin = lucid_span_str(KIT_ISSUER),
                         .now_s = KIT_ISSUED_S + 60};
}

static const char *written(const struct page *page)
{
    lucid_buf_clear(&html);
    html.bytes_max = PAGE_BYTES_MAX;
    page_write(page, &html);
    lucid_buf_char(&html, '\0');
    assert_true(lucid_buf_ok(&html));
    return (const char *)html.data;
}

static void says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("does not say: %s", part);
    }
}

static void says_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("says: %s", part);
    }
}

static size_t count(const char *text, char c)
{
    size_t sum = 0;
    for (; *text != '\0'; text++) {
        sum += *text == c;
    }
    return sum;
}

static void test_good(void **state)
{
    (void)state;
    struct page page = page_of(NULL, NULL);
    const char *text = written(&page);
    static const char *const parts[] = {
        "<title>AI passport: My app \xc3\xa9\xe2\x82\xac</title>",
        "<link rel=\"ai-passport\"",
        "<meta name=\"lucid-passport\"",
        "data-id=\"" KIT_ID "\"",
        "<h1><bdi data-is=\"/appName\">My app",
        "<time datetime=\"2026-09-21T14:13:20Z\" data-is=\"/issuedAt\">21 September 2026, "
        "14:13:20 UTC</time>",
        "<time datetime=\"2026-10-21T14:13:20Z\" data-is=\"/expiresAt\">",
        "<a rel=\"noreferrer noopener nofollow\" href=\"https://app.example:8443\">",
        "AMD SEV-SNP: a virtual machine",
        "<code data-is=\"/tee/measurementHash\">" KIT_DIGEST "</code>",
        "Published: 3 bytes",
        "data-is=\"/container/source\" data-value=\"bound\">Bound:",
        "Level 3 of 4",
        "works isolated",
        "SLSA_BUILD_LEVEL_3",
        "<bdi data-is=\"/auditors/0/name\">PII filter</bdi>",
        "<bdi data-is=\"/auditors/0/status\">active</bdi>",
        "data-is=\"/auditors/0/lastCheck\">21 September 2026, 14:00:00 UTC",
        "<li><code><bdi>license</bdi></code></li>",
        "The issuer says: <strong>valid</strong>, as of <time",
        "come from <bdi>" KIT_ISSUER "</bdi>, the same party that issued the passport",
        "Not checked by your browser yet",
        "lucid passport verify --key KEY --vkey VKEY passport.json",
        "../v1/passports/status",
        "../.well-known/jwks.json",
        "data-check=\"supply_chain\"",
        "data-check=\"log\"",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        says(text, parts[i]);
    }
    says_not(text, "data-theme");
    says_not(text, "class=\"banner");
    says_not(text, "style=\"");
    says_not(text, "onclick");
}

/* Words that turn the direction of writing are alone in theirs, and what turns it is seen. */
static void test_unseen(void **state)
{
    (void)state;
    struct page page = page_of("'PII filter'", "'PII \xe2\x80\xae"
                                               "retlif\xc2\x9b<\xe2\x81\xa6'");
    says(written(&page),
         "<bdi data-is=\"/auditors/0/name\">PII [U+202E]retlif[U+009B]&lt;[U+2066]</bdi>");
    page = page_of("'My app ", "'My \xe2\x80\xaf\xe2\x80\x8f ");
    says(written(&page), "<title>AI passport: My \xe2\x80\xaf[U+200F] ");
    says(written(&page), "<h1><bdi data-is=\"/appName\">My \xe2\x80\xaf[U+200F] ");
}

/* Whatever the service found: before a script has looked, nothing is shown as good. */
static void test_nothing_good(void **state)
{
    (void)state;
    struct page page = page_of(NULL, NULL);
    static struct verify verify;
    for (int i = 0; i < VERIFY_CHECKS; i++) {
        verify.checks[i] = (struct verify_result){VERIFY_PASS, "times.valid", "a<b"};
    }
    page.verify = &verify;
    const char *text = written(&page);
    says(text, "The issuer's service says: <b>pass</b>");
    says(text, "a&lt;b");
    says_not(text, "data-outcome=\"pass\"");
    says_not(text, "a<b");
    size_t none = 0;
    for (const char *at = text; (at = strstr(at, "data-outcome=\"")) != NULL; at++) {
        assert_memory_equal(at, "data-outcome=\"none\"", strlen("data-outcome=\"none\""));
        none++;
    }
    assert_int_equal(none, VERIFY_CHECKS + 2);
}

static void test_states(void **state)
{
    (void)state;
    struct page page = page_of(NULL, NULL);
    page.status = (struct status_entry){
        .kind = STATUS_REVOKED, .reason = STATUS_TEE_REVOKED, .at_s = KIT_ISSUED_S};
    const char *text = written(&page);
    says(text, "<div class=\"banner bad\"><strong>Revoked.</strong>");
    says(text, "revoked by its maker (<code>teeRevoked</code>)");
    says(text, "The issuer says: <strong>revoked</strong>");
    page.status = (struct status_entry){.kind = STATUS_EXPIRED};
    says(written(&page), "<strong>Expired.</strong>");
    page.status = (struct status_entry){.kind = STATUS_SUPERSEDED,
                                        .at_s = KIT_ISSUED_S,
                                        .by = lucid_span_str("pass-successor1234")};
    says(written(&page), "<a href=\"pass-successor1234\">pass-successor1234</a>");
    page.status.kind = STATUS_VALID;
    text = written(&page);
    says(text, "There is a newer one.");
    says_not(text, "banner bad");
    page.status.by = lucid_span(NULL, 0);
    for (int reason = 0; reason < STATUS_REASONS; reason++) {
        page.status.kind = STATUS_REVOKED;
        page.status.reason = (enum status_reason)reason;
        says(written(&page), status_reason_name((enum status_reason)reason));
    }
    page.status.kind = STATUS_VALID;
    page.passport = &passport;
    passport.is_mock = true;
    passport.test = true;
    text = written(&page);
    says(text, "<div class=\"banner warn\"><strong>Mock: proves nothing about hardware.</strong>");
    says(text, "<div class=\"banner warn\"><strong>Test: proves nothing about now.</strong>");
}

static void test_declared(void **state)
{
    (void)state;
    struct page page = page_of("'registry':'registry.example/app','source':'bound'",
                               "'registry':'registry.example/app'");
    const char *text = written(&page);
    says(text, "<span class=\"source warn\" data-is=\"/container/source\" "
               "data-value=\"declared\">Declared: the operator's word alone");
    page = page_of("'status':'active'", "'status':'failed'");
    says(written(&page), "<span class=\"source warn\"><bdi data-is=\"/auditors/0/status\">failed");
    page = page_of("'level':3", "'level':0");
    says(written(&page), "nothing was shown about how it was built");
}

#define EVIL "<i a=b>&amp;</i>"

/* Text members: markup in one neither ends a tag or quote nor begins one. */
static void test_markup(void **state)
{
    (void)state;
    static const struct kit_fault members[] = {
        {"'appName':'My app \xc3\xa9\xe2\x82\xac'", "'appName':'%s'", NULL, NULL},
        {"'version':'1.0.0'", "'version':'%s'", NULL, NULL},
        {"'id':'pii'", "'id':'%s'", NULL, NULL},
        {"'name':'PII filter'", "'name':'%s'", NULL, NULL},
        {"'registry':'registry.example/app'", "'registry':'%s'", NULL, NULL},
        {"'track':'SLSA_BUILD_LEVEL_3'", "'track':'%s'", NULL, NULL},
        {"'status':'affirming'", "'status':'%s'", NULL, NULL},
        {"'name':'m'", "'name':'%s'", NULL, NULL},
        {"'alg':'sha384'", "'alg':'%s'", NULL, NULL},
        {"'issuer':'" KIT_ISSUER "'", "'issuer':'%s'", NULL, NULL},
        {"'omitted':{'license'", "'omitted':{'%s'", NULL, NULL},
    };
    static const char *const evil[] = {EVIL, "</bdi><script>", "\\\"><img src=x>", "--></title>"};
    size_t taken = 0;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        for (size_t j = 0; j < sizeof(evil) / sizeof(evil[0]); j++) {
            struct lucid_buf to = {.bytes_max = 0};
            struct lucid_buf form = {.bytes_max = 0};
            struct lucid_why why = {.code = NULL};
            enum passport_fault fault;
            const char *at = strstr(members[i].to, "%s");
            lucid_buf_put(&to, members[i].to, (size_t)(at - members[i].to));
            lucid_buf_str(&to, evil[j]);
            lucid_buf_str(&to, at + 2);
            lucid_buf_char(&to, '\0');
            struct page page = page_of(NULL, NULL);
            size_t opened = count(written(&page), '<');
            size_t quoted = count(written(&page), '"');
            kit_text(kit_form, members[i].from, (const char *)to.data, &form);
            if (passport_read(lucid_buf_span(&form), &arena, &passport, &fault, &why) ==
                LUCID_OK) { /* else it is refused, which is as well */
                const char *text = written(&page);
                assert_int_equal(count(text, '<'), opened);
                assert_int_equal(count(text, '"'), quoted);
                taken++;
            }
            lucid_buf_fini(&to);
            lucid_buf_fini(&form);
        }
    }
    assert_true(taken >= 24);
}

/* What does not come from a document is escaped as well. */
static void test_markup_around(void **state)
{
    (void)state;
    struct page page = page_of(NULL, NULL);
    size_t opened = count(written(&page), '<');
    page.origin = lucid_span_str(EVIL);
    assert_int_equal(count(written(&page), '<'), opened);
    page.base_url = lucid_span_str("https://\"" EVIL);
    const char *text = written(&page);
    says(text, "curl -o passport.json 'https://&quot;&lt;i");
    says_not(text, "<i a");
    page.status.by = lucid_span_str("\"" EVIL);
    says_not(written(&page), "<i a");
}

static void test_links(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "javascript:alert(1)",   "data:text/html,x",     "http://app.example/", "//app.example/",
        "https://u:p@a.example", "https://a.example/ x", "ftp://a.example/",    "vbscript:x",
    };
    struct page page = page_of(NULL, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        passport.slsa.provenance_uri = lucid_span_str(bad[i]);
        passport.endpoints[0] = lucid_span_str(bad[i]);
        application.display.css_url = lucid_span_str(bad[i]);
        application.display.logo_url = lucid_span_str(bad[i]);
        const char *text = written(&page);
        struct lucid_buf link = {.bytes_max = 0};
        lucid_buf_printf(&link, "=\"%s", bad[i]);
        lucid_buf_char(&link, '\0');
        says_not(text, (const char *)link.data);
        lucid_buf_fini(&link);
        says_not(text, "<img");
    }
}

static void policy(const char *css, const char *logo, const char *css_source,
                   const char *logo_source)
{
    struct lucid_buf is = {.bytes_max = 0};
    struct lucid_buf wanted = {.bytes_max = 0};
    application.display.css_url = lucid_span_str(css);
    application.display.logo_url = lucid_span_str(logo);
    page_policy_write(&application, &is);
    lucid_buf_char(&is, '\0');
    lucid_buf_printf(&wanted,
                     "default-src 'none'; script-src 'self'; connect-src 'self'; style-src "
                     "'self'%s; img-src 'self'%s; base-uri 'none'; form-action 'none'; "
                     "frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types "
                     "'none'",
                     css_source, logo_source);
    lucid_buf_char(&wanted, '\0');
    assert_string_equal((const char *)is.data, (const char *)wanted.data);
    assert_true(is.len < PAGE_POLICY_BYTES_MAX);
    lucid_buf_fini(&is);
    lucid_buf_fini(&wanted);
}

static void test_policy(void **state)
{
    (void)state;
    policy("", "", "", "");
    policy("https://s.example/a.css?x#y", "https://l.example:8443/l.png", " https://s.example",
           " https://l.example:8443");
    policy("https://s.example?x", "https://l.example#y", " https://s.example",
           " https://l.example");
    policy("https://s.example;script-src *", "https://*/x", "", "");
    policy("https://s.example,x/a", "https://a b/x", "", "");
    policy("javascript:x", "data:image/png,x", "", "");
    policy("/own.css", "/own.svg", "", ""); /* of no endpoint */
    application.endpoints[0] = lucid_span_str("https://app.example:444");
    application.endpoint_count = 1;
    policy("/own.css", "//other.example/x", " https://app.example:444", "");
    struct page page = page_of(NULL, NULL);
    application.display.logo_url = lucid_span_str("/logo.svg?a&b");
    application.display.theme = APPLICATION_DARK;
    const char *text = written(&page);
    says(text, "<html lang=\"en\" data-theme=\"dark\">");
    says(text, "<link rel=\"stylesheet\" href=\"https://app.example:444/own.css\">");
    says(text, "src=\"https://app.example:444/logo.svg?a&amp;b\">");
}

/* The largest passport: as many of everything as may be, each as long and as bad as may be. */
static void test_bounds(void **state)
{
    (void)state;
    static char name[PASSPORT_NAME_CHARS_MAX + 1];
    static char uri[PASSPORT_URI_BYTES_MAX + 1];
    struct page page = page_of(NULL, NULL);
    memset(name, '"', sizeof(name) - 1);
    memset(uri, '&', sizeof(uri) - 1);
    memcpy(uri, "https://a.example/", strlen("https://a.example/"));
    passport.app_name = lucid_span_str(name);
    passport.auditor_count = PASSPORT_AUDITORS_MAX;
    for (size_t i = 0; i < PASSPORT_AUDITORS_MAX; i++) {
        passport.auditors[i] = passport.auditors[0];
        passport.auditors[i].name = lucid_span_str(name);
        passport.auditors[i].id = lucid_span_str(name);
    }
    passport.endpoint_count = PASSPORT_ENDPOINTS_MAX;
    for (size_t i = 0; i < PASSPORT_ENDPOINTS_MAX; i++) {
        passport.endpoints[i] = lucid_span_str(uri);
    }
    says(written(&page), "data-is=\"/auditors/63/name\">&quot;");
    assert_true(html.len < PAGE_BYTES_MAX / 4);
    struct lucid_buf small = {.bytes_max = 4096}; /* an output that is too small says so */
    page_write(&page, &small);
    assert_false(lucid_buf_ok(&small));
    lucid_buf_fini(&small);
}

static void test_assets(void **state)
{
    (void)state;
    static const char *const names[] = {"icon.svg", "style.css", "verify.js"};
    struct page page = page_of(NULL, NULL);
    const char *text = written(&page);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct page_asset *asset = page_asset_find(lucid_span_str(names[i]));
        struct lucid_buf link = {.bytes_max = 0};
        assert_non_null(asset);
        assert_true(*asset->len > 100 && asset->type != NULL);
        assert_int_equal(strlen(asset->digest), 16);
        lucid_buf_printf(&link, "\"assets/%s?v=%s\"", names[i], asset->digest);
        lucid_buf_char(&link, '\0');
        says(text, (const char *)link.data);
        lucid_buf_fini(&link);
    }
    assert_null(page_asset_find(lucid_span_str("")));
    assert_null(page_asset_find(lucid_span_str("../page.c")));
    assert_null(page_asset_find(lucid_span_str("verify.jsx")));
    lucid_buf_clear(&html);
    page_absent_write(&html);
    lucid_buf_char(&html, '\0');
    says((const char *)html.data, "No such passport");
    says_not((const char *)html.data, "<script");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unseen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_states, setup, teardown),
        cmocka_unit_test_setup_teardown(test_declared, setup, teardown),
        cmocka_unit_test_setup_teardown(test_markup, setup, teardown),
        cmocka_unit_test_setup_teardown(test_markup_around, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links, setup, teardown),
        cmocka_unit_test_setup_teardown(test_policy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_assets, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

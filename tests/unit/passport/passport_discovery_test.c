/* The forms of discovery: exactly as documented, and harmless whatever the passport says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugins/passport/discovery.h"

#define DIGEST_HEX    "abababababababababababababababababababababababababababababababab"
#define DIGEST_BASE64 "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="

typedef void write_fn(const struct discovery *discovery, struct lucid_buf *out);

static void written(write_fn *write, const struct discovery *discovery, const char *expected)
{
    struct lucid_buf out = {.bytes_max = 0};
    write(discovery, &out);
    assert_true(lucid_buf_ok(&out));
    lucid_buf_char(&out, '\0');
    assert_string_equal((const char *)out.data, expected);
    lucid_buf_fini(&out);
}

static struct passport passport;
static struct application application;

static struct discovery discovery_make(const char *url)
{
    passport.id = lucid_span_str("pass-abcdefghijkl");
    passport.app_name = lucid_span_str("My App");
    passport.tee.type = lucid_span_str("MOCK");
    passport.is_mock = true;
    passport.expires_s = 1767323045;
    passport.auditor_count = 2;
    passport.auditors[0].name = lucid_span_str("PII");
    passport.auditors[1].name = lucid_span_str("Bias");
    struct discovery discovery = {.passport = &passport, .url = lucid_span_str(url)};
    memset(discovery.digest, 0xab, sizeof(discovery.digest));
    return discovery;
}

static void test_forms(void **state)
{
    (void)state;
    struct discovery discovery = discovery_make("https://app.example/.lucid/passport?a=1&b=2");
    written(discovery_header_write, &discovery,
            "url=\"https://app.example/.lucid/passport?a=1&b=2\", id=\"pass-abcdefghijkl\", "
            "digest=:" DIGEST_BASE64 ":");
    written(discovery_meta_write, &discovery,
            "<meta name=\"lucid-passport\" "
            "content=\"https://app.example/.lucid/passport?a=1&amp;b=2\">");
    written(discovery_link_write, &discovery,
            "<link rel=\"ai-passport\" type=\"application/lucid-passport+json\" "
            "href=\"https://app.example/.lucid/passport?a=1&amp;b=2\">");
    written(discovery_script_write, &discovery,
            "<script type=\"application/lucid-passport+json\">{\"passportId\":"
            "\"pass-abcdefghijkl\",\"digest\":\"sha256:" DIGEST_HEX "\",\"url\":"
            "\"https://app.example/.lucid/passport?a=1\\u0026b=2\",\"appName\":\"My App\","
            "\"teeType\":\"MOCK\",\"isMock\":true,\"expiresAt\":\"2026-01-02T03:04:05Z\","
            "\"auditors\":[\"PII\",\"Bias\"]}</script>");
    written(discovery_nginx_write, &discovery,
            "# For `include` in a server or location. A location that has an add_header of its own "
            "needs it\n# again; pages that an upstream compresses stay as they are "
            "(proxy_set_header Accept-Encoding \"\").\n"
            "add_header X-Lucid-Passport 'url=\"https://app.example/.lucid/passport?a=1&b=2\", "
            "id=\"pass-abcdefghijkl\", digest=:" DIGEST_BASE64 ":' always;\n"
            "sub_filter '</head>' '<link rel=\"ai-passport\" "
            "type=\"application/lucid-passport+json\" "
            "href=\"https://app.example/.lucid/passport?a=1&amp;b=2\">"
            "<meta name=\"lucid-passport\" "
            "content=\"https://app.example/.lucid/passport?a=1&amp;b=2\"></head>';\n");
}

static void test_display(void **state)
{
    (void)state;
    struct discovery discovery = discovery_make("/.lucid/passport");
    application.display.mode = APPLICATION_FLOATING;
    application.display.position = APPLICATION_BOTTOM_RIGHT;
    application.display.css_url = lucid_span_str("/a.css?x&y");
    discovery.application = &application;
    passport.auditor_count = 0;
    written(discovery_script_write, &discovery,
            "<script type=\"application/lucid-passport+json\">{\"passportId\":"
            "\"pass-abcdefghijkl\",\"digest\":\"sha256:" DIGEST_HEX "\",\"url\":"
            "\"/.lucid/passport\",\"appName\":\"My App\",\"teeType\":\"MOCK\",\"isMock\":true,"
            "\"expiresAt\":\"2026-01-02T03:04:05Z\",\"auditors\":[],\"display\":{\"mode\":"
            "\"floating\",\"position\":\"bottom-right\",\"theme\":\"auto\",\"collapsedDefault\":"
            "false,\"enableBrowserExtensionPrompt\":false,\"customCssUrl\":\"/a.css?x\\u0026y\"}}"
            "</script>");
    passport.auditor_count = 2;
}

/* Everything that a name or URL can do. */
static void test_hostile(void **state)
{
    (void)state;
    struct discovery discovery =
        discovery_make("https://a.example/\"'<>\\ `{|}^$x%20\xc3\xa9\x01\x7f&\r\n");
    static const char url[] = "https://a.example/%22%27%3C%3E%5C%20%60%7B%7C%7D%5E%24x%20%C3%A9"
                              "%01%7F";
    struct lucid_buf expected = {.bytes_max = 0};
    lucid_buf_printf(&expected, "<meta name=\"lucid-passport\" content=\"%s&amp;%%0D%%0A\">", url);
    lucid_buf_char(&expected, '\0');
    written(discovery_meta_write, &discovery, (const char *)expected.data);
    lucid_buf_clear(&expected);
    lucid_buf_printf(&expected,
                     "url=\"%s&%%0D%%0A\", id=\"pass-abcdefghijkl\", digest=:" DIGEST_BASE64 ":",
                     url);
    lucid_buf_char(&expected, '\0');
    written(discovery_header_write, &discovery, (const char *)expected.data);
    lucid_buf_fini(&expected);

    discovery.url = lucid_span_str("/p");
    passport.app_name = lucid_span_str("</script><!--\"\\&'\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa");
    passport.auditors[0].name = lucid_span_str("<script>");
    passport.auditor_count = 1;
    written(discovery_script_write, &discovery,
            "<script type=\"application/lucid-passport+json\">{\"passportId\":"
            "\"pass-abcdefghijkl\",\"digest\":\"sha256:" DIGEST_HEX "\",\"url\":\"/p\","
            "\"appName\":\"\\u003c/script\\u003e\\u003c!--\\\"\\\\\\u0026'\\u2028\\u2029"
            "\xe2\x80\xaa\",\"teeType\":\"MOCK\",\"isMock\":true,\"expiresAt\":"
            "\"2026-01-02T03:04:05Z\",\"auditors\":[\"\\u003cscript\\u003e\"]}</script>");
    struct lucid_buf out = {.bytes_max = 0};
    discovery_html_write(&out, lucid_span_str("<a href='x'>\"&amp;\""));
    lucid_buf_char(&out, '\0');
    assert_string_equal((const char *)out.data, "&lt;a href=&#39;x&#39;&gt;&quot;&amp;amp;&quot;");
    lucid_buf_fini(&out);
}

static void test_bounds(void **state)
{
    (void)state;
    char url[PASSPORT_URI_BYTES_MAX + 1];
    memset(url, 'a', sizeof(url));
    url[0] = '/';
    url[PASSPORT_URI_BYTES_MAX] = '\0';
    struct discovery discovery = discovery_make(url);
    struct lucid_buf out = {.bytes_max = 0};
    discovery_header_write(&discovery, &out);
    assert_true(out.len <= DISCOVERY_HEADER_BYTES_MAX);
    lucid_buf_fini(&out);
    /* What does not fit is said to. */
    write_fn *const forms[] = {discovery_header_write, discovery_meta_write, discovery_link_write,
                               discovery_script_write, discovery_nginx_write};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        lucid_buf_init(&out, 200);
        forms[i](&discovery, &out);
        assert_false(lucid_buf_ok(&out));
        lucid_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_display),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

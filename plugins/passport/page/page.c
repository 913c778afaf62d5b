/* The page's frame: head, what is bad at once, verdict, who is speaking. */
#include <inttypes.h>
#include <time.h>

#include "base/visible.h"
#include "plugins/passport/discovery.h"
#include "plugins/passport/page/page_internal.h"

/* --- pieces ----------------------------------------------------------------------------------- */

void page_visible(struct lucid_buf *out, struct lucid_span text)
{
    size_t begin = 0;
    for (size_t i = 0; i < text.len;) {
        uint32_t point;
        size_t len = lucid_unseen(lucid_span(text.data + i, text.len - i), &point);
        if (len > 0) {
            discovery_html_write(out, lucid_span(text.data + begin, i - begin));
            lucid_buf_printf(out, "[U+%04" PRIX32 "]", point);
            begin = i + len;
        }
        i += len > 0 ? len : 1;
    }
    discovery_html_write(out, lucid_span(text.data + begin, text.len - begin));
}

void page_text(struct lucid_buf *out, struct lucid_span text)
{
    lucid_buf_str(out, "<bdi>");
    page_visible(out, text);
    lucid_buf_str(out, "</bdi>");
}

void page_member(struct lucid_buf *out, const char *pointer, struct lucid_span text)
{
    lucid_buf_printf(out, "<bdi data-is=\"%s\">", pointer);
    page_visible(out, text);
    lucid_buf_str(out, "</bdi>");
}

void page_digest(struct lucid_buf *out, const char *pointer,
                 const uint8_t digest[LUCID_SHA256_BYTES])
{
    lucid_buf_str(out, "<code");
    if (pointer != NULL) {
        lucid_buf_printf(out, " data-is=\"%s\"", pointer);
    }
    lucid_buf_str(out, ">sha256:");
    lucid_buf_hex(out, digest, LUCID_SHA256_BYTES);
    lucid_buf_str(out, "</code>");
}

void page_time(struct lucid_buf *out, const char *pointer, uint64_t unix_s)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    struct tm tm = {0};
    time_t time = (time_t)unix_s;
    if (gmtime_r(&time, &tm) == NULL) {
        lucid_buf_u64(out, unix_s);
        return;
    }
    lucid_buf_printf(out, "<time datetime=\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", tm.tm_year + 1900,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (pointer != NULL) {
        lucid_buf_printf(out, " data-is=\"%s\"", pointer);
    }
    lucid_buf_printf(out, ">%d %s %d, %02d:%02d:%02d UTC</time>", tm.tm_mday, months[tm.tm_mon],
                     tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void page_fact_begin(struct lucid_buf *out, const char *label)
{
    lucid_buf_printf(out, "<div class=\"fact\"><dt>%s</dt><dd>", label);
}

void page_fact_end(struct lucid_buf *out)
{
    lucid_buf_str(out, "</dd></div>\n");
}

void page_uri(struct lucid_buf *out, const char *pointer, struct lucid_span uri)
{
    bool good = passport_uri_is_good(uri);
    if (good) {
        lucid_buf_str(out, "<a rel=\"noreferrer noopener nofollow\" href=\"");
        discovery_html_write(out, uri);
        lucid_buf_str(out, "\">");
    }
    page_member(out, pointer, uri);
    if (good) {
        lucid_buf_str(out, "</a>");
    }
}

struct lucid_span page_find_text(const struct jcs_value *object, const char *name)
{
    const struct jcs_value *value =
        object != NULL && jcs_type(object) == JCS_OBJECT ? jcs_member(object, name) : NULL;
    return value != NULL && jcs_type(value) == JCS_STRING ? jcs_string(value) : lucid_span(NULL, 0);
}

/* --- what the application's display settings ask for -------------------------------------------
 */

/* The address of its style sheet or logo: its own, or a path at its first endpoint. False: none. */
static bool display_url(const struct application *application, struct lucid_span url,
                        struct lucid_buf *out)
{
    if (url.len == 0) {
        return false;
    }
    bool path = url.data[0] == '/' && (url.len == 1 || url.data[1] != '/');
    if (path && application->endpoint_count > 0) {
        lucid_buf_span_put(out, application->endpoints[0]);
    }
    if (!path || application->endpoint_count > 0) {
        lucid_buf_span_put(out, url);
    }
    return lucid_buf_ok(out) && out->len > 0 && passport_uri_is_good(lucid_buf_span(out));
}

/* Its origin, as a policy may name it: nothing that would end a source or a directive. */
static bool display_origin(struct lucid_span url, struct lucid_span *ret)
{
    size_t slashes = 0;
    size_t len = 0;
    for (; len < url.len && slashes < 3; len++) {
        uint8_t c = url.data[len];
        slashes += c == '/';
        if (slashes == 3 || c == '?' || c == '#') {
            break;
        }
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-' || c == ':' || c == '/' || c == '[' || c == ']';
        if (!plain) {
            return false;
        }
    }
    *ret = lucid_span(url.data, len);
    return slashes >= 2 && len > strlen("https://");
}

static void policy_source(const struct application *application, struct lucid_span url,
                          struct lucid_buf *out)
{
    struct lucid_buf full = {0};
    struct lucid_span origin;
    if (display_url(application, url, &full) && display_origin(lucid_buf_span(&full), &origin)) {
        lucid_buf_char(out, ' ');
        lucid_buf_span_put(out, origin);
    }
    lucid_buf_fini(&full);
}

void page_policy_write(const struct application *application, struct lucid_buf *out)
{
    lucid_buf_str(out, "default-src 'none'; script-src 'self'; connect-src 'self'; "
                       "style-src 'self'");
    if (application != NULL) {
        policy_source(application, application->display.css_url, out);
    }
    lucid_buf_str(out, "; img-src 'self'");
    if (application != NULL) {
        policy_source(application, application->display.logo_url, out);
    }
    lucid_buf_str(out, "; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
                       "require-trusted-types-for 'script'; trusted-types 'none'");
}

/* --- head ------------------------------------------------------------------------------------- */

static void asset_link(struct lucid_buf *out, const char *before, const char *name,
                       const char *after)
{
    const struct page_asset *asset = page_asset_find(lucid_span_str(name));
    lucid_buf_printf(out, "%sassets/%s?v=%s%s", before, name, asset->digest, after);
}

static void head_begin(struct lucid_buf *out, const char *theme)
{
    lucid_buf_str(out, "<!doctype html>\n<html lang=\"en\"");
    if (theme != NULL) {
        lucid_buf_printf(out, " data-theme=\"%s\"", theme);
    }
    lucid_buf_str(out,
                  ">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
                  "content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" "
                  "content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n");
    asset_link(out, "<link rel=\"icon\" type=\"image/svg+xml\" href=\"", "icon.svg", "\">\n");
    asset_link(out, "<link rel=\"stylesheet\" href=\"", "style.css", "\">\n");
}

/* The address of the document, as the header X-Lucid-Passport has it. */
static void announce(const struct page *page, struct lucid_buf *out)
{
    struct lucid_buf url = {0};
    lucid_buf_span_put(&url, page->base_url);
    lucid_buf_str(&url, "/v1/passports/");
    lucid_buf_span_put(&url, page->passport->id);
    lucid_buf_str(&url, "?document=1");
    struct discovery discovery = {
        .passport = page->passport, .url = lucid_buf_span(&url), .application = page->application};
    memcpy(discovery.digest, page->digest, sizeof(discovery.digest));
    discovery_link_write(&discovery, out);
    lucid_buf_char(out, '\n');
    discovery_meta_write(&discovery, out);
    lucid_buf_char(out, '\n');
    lucid_buf_fini(&url);
}

static void head_write(const struct page *page, struct lucid_buf *out)
{
    const struct application *application = page->application;
    bool themed = application != NULL && application->display.theme != APPLICATION_AUTO;
    head_begin(out, themed ? application_theme_name(application->display.theme) : NULL);
    struct lucid_buf css = {0};
    if (application != NULL && display_url(application, application->display.css_url, &css)) {
        lucid_buf_str(out, "<link rel=\"stylesheet\" href=\"");
        discovery_html_write(out, lucid_buf_span(&css));
        lucid_buf_str(out, "\">\n");
    }
    lucid_buf_fini(&css);
    if (!page->disallowed) {
        announce(page, out);
    }
    lucid_buf_str(out, "<title>AI passport: ");
    page_visible(out, page->passport->app_name);
    lucid_buf_str(out, "</title>\n");
    asset_link(out, "<script defer src=\"", "verify.js", "\"></script>\n</head>\n");
}

/* --- what is bad at once -----------------------------------------------------------------------
 */

static const char *reason_text(enum status_reason reason)
{
    switch (reason) {
    case STATUS_KEY_COMPROMISE:
        return "a key that it rests on may be in other hands";
    case STATUS_TEE_REVOKED:
        return "the hardware, or a certificate of it, was revoked by its maker";
    case STATUS_TCB_BELOW_POLICY:
        return "the hardware's firmware is older than the policy allows now";
    case STATUS_MEASUREMENT_DENIED:
        return "the software that was measured is not accepted any more";
    case STATUS_AUDITOR_INACTIVE:
        return "an auditor is not active any more";
    case STATUS_REASON_SUPERSEDED:
        return "another passport takes its place";
    case STATUS_OPERATOR_REQUEST:
    case STATUS_REASONS:
        break;
    }
    return "the operator asked for it";
}

static void page_link(struct lucid_buf *out, struct lucid_span id)
{
    lucid_buf_str(out, "<a href=\"");
    discovery_html_write(out, id);
    lucid_buf_str(out, "\">");
    discovery_html_write(out, id);
    lucid_buf_str(out, "</a>");
}

static void status_banner(const struct page *page, struct lucid_buf *out)
{
    const struct status_entry *status = &page->status;
    switch (status->kind) {
    case STATUS_REVOKED:
        lucid_buf_str(out, "<div class=\"banner bad\"><strong>Revoked.</strong> <p>The issuer took "
                           "this passport back on ");
        page_time(out, NULL, status->at_s);
        lucid_buf_printf(out, ": %s (<code>%s</code>). Do not rely on it.</p></div>\n",
                         reason_text(status->reason), status_reason_name(status->reason));
        return;
    case STATUS_EXPIRED:
        lucid_buf_str(out, "<div class=\"banner bad\"><strong>Expired.</strong> <p>It was valid "
                           "until ");
        page_time(out, NULL, page->passport->expires_s);
        lucid_buf_str(out, ". It says nothing about now.</p></div>\n");
        return;
    case STATUS_SUPERSEDED:
        lucid_buf_str(out, "<div class=\"banner bad\"><strong>Superseded.</strong> <p>Since ");
        page_time(out, NULL, status->at_s);
        lucid_buf_str(out, " another passport takes its place: ");
        page_link(out, status->by);
        lucid_buf_str(out, ".</p></div>\n");
        return;
    case STATUS_VALID:
        break;
    }
    if (status->by.len > 0) {
        lucid_buf_str(out, "<div class=\"banner note\"><strong>There is a newer one.</strong> <p>");
        page_link(out, status->by);
        lucid_buf_str(out, " will take this passport's place soon.</p></div>\n");
    }
}

static void banners(const struct page *page, struct lucid_buf *out)
{
    status_banner(page, out);
    if (page->disallowed) {
        lucid_buf_str(out,
                      "<div class=\"banner bad\"><strong>Mock is no longer taken here.</strong> "
                      "<p>It was issued when this service took mock evidence. Do not rely on "
                      "it.</p></div>\n");
    }
    if (page->passport->is_mock) {
        lucid_buf_str(out,
                      "<div class=\"banner warn\"><strong>Mock: proves nothing about "
                      "hardware.</strong> <p>The evidence came from a program that stands in for "
                      "trusted hardware, for development and tests. Nothing below says where the "
                      "application runs.</p></div>\n");
    }
    if (page->passport->test) {
        lucid_buf_str(out, "<div class=\"banner warn\"><strong>Test: proves nothing about "
                           "now.</strong> <p>It was issued on a test store, which takes recorded "
                           "evidence and a time that the operator chooses.</p></div>\n");
    }
}

/* --- body ------------------------------------------------------------------------------------- */

static void title_write(const struct page *page, struct lucid_buf *out)
{
    const struct application *application = page->application;
    struct lucid_buf logo = {0};
    lucid_buf_str(out, "<header class=\"title\">\n");
    if (application != NULL && display_url(application, application->display.logo_url, &logo)) {
        lucid_buf_str(out, "<img class=\"logo\" alt=\"\" src=\"");
        discovery_html_write(out, lucid_buf_span(&logo));
        lucid_buf_str(out, "\">\n");
    }
    lucid_buf_fini(&logo);
    lucid_buf_str(out, "<div><p class=\"kicker\">AI passport</p>\n<h1>");
    page_member(out, "/appName", page->passport->app_name);
    lucid_buf_str(out, "</h1>\n<p class=\"version\">Version ");
    page_member(out, "/version", page->passport->version);
    lucid_buf_str(out, ", issued by ");
    page_text(out, page->origin);
    lucid_buf_str(out, "</p></div>\n</header>\n");
}

/* What stands there until the script has checked; for good where no check can help. */
static void headline_write(const struct page *page, struct lucid_buf *out)
{
    lucid_buf_printf(out,
                     "<section class=\"verdict\" id=\"verdict\" data-outcome=\"%s\" "
                     "aria-labelledby=\"verdict-title\">\n"
                     "<div role=\"status\" aria-live=\"polite\">\n",
                     page->disallowed ? "fail" : "none");
    if (page->disallowed) {
        lucid_buf_str(out, "<h2 id=\"verdict-title\">This service no longer takes mock</h2>\n"
                           "<p id=\"verdict-text\">Do not rely on this passport: its evidence "
                           "came from a program that stands in for trusted hardware.</p>\n");
        return;
    }
    lucid_buf_str(out, "<h2 id=\"verdict-title\">Not checked by your browser yet</h2>\n"
                       "<p id=\"verdict-text\">What stands below is what the issuer says. A small "
                       "script of this page repeats the checks in your browser; until it has, take "
                       "nothing here as verified.</p>\n");
}

static void verdict_write(const struct page *page, struct lucid_buf *out)
{
    headline_write(page, out);
    lucid_buf_str(out,
                  "</div>\n<noscript><p>Scripts are switched off: this page stays "
                  "unchecked. <a href=\"#yourself\">How to check it yourself</a>.</p></noscript>\n"
                  "<p class=\"status\">The issuer says: <strong>");
    lucid_buf_str(out, status_kind_name(page->status.kind));
    lucid_buf_str(out, page->disallowed ? ", but not taken any more" : "");
    lucid_buf_str(out, "</strong>, as of ");
    page_time(out, NULL, page->now_s);
    lucid_buf_str(out, ".</p>\n<p><button type=\"button\" id=\"again\" hidden>Check again</button> "
                       "<span id=\"when\" class=\"quiet\"></span></p>\n</section>\n");
}

static void speaker_write(const struct page *page, struct lucid_buf *out)
{
    lucid_buf_str(out, "<aside class=\"speaker\" aria-labelledby=\"speaker-title\">\n"
                       "<h2 id=\"speaker-title\">Who is speaking here</h2>\n<p>This page, its "
                       "script and the keys it uses come from ");
    page_text(out, page->origin);
    lucid_buf_str(
        out, ", the same party that issued the passport. A dishonest issuer could show a page "
             "that looks checked. What your browser finds here protects you from mistakes and "
             "from others, not from the issuer. For that, <a href=\"#pins\">pin a key</a> that "
             "you got some other way, or <a href=\"#yourself\">check it yourself</a> with a "
             "program that does not come from here.</p>\n</aside>\n");
}

/* Where the script finds what it needs; relative, so that a proxy may put the service anywhere. */
static void body_begin(const struct page *page, struct lucid_buf *out)
{
    lucid_buf_str(out, "<body data-id=\"");
    discovery_html_write(out, page->passport->id);
    lucid_buf_str(out, "\" data-digest=\"sha256:");
    lucid_buf_hex(out, page->digest, sizeof(page->digest));
    lucid_buf_str(out, "\" data-bundle=\"../v1/passports/");
    discovery_html_write(out, page->passport->id);
    lucid_buf_str(out, "?bundle=1\"");
    lucid_buf_str(out, page->disallowed ? " data-disallowed=\"mock\"" : "");
    lucid_buf_str(out, " data-status=\"../v1/passports/status\" "
                       "data-keys=\"../.well-known/jwks.json\" data-log=\"../v1/log\">\n"
                       "<a class=\"skip\" href=\"#main\">Skip to the content</a>\n"
                       "<main id=\"main\" tabindex=\"-1\">\n");
}

void page_write(const struct page *page, struct lucid_buf *out)
{
    head_write(page, out);
    body_begin(page, out);
    title_write(page, out);
    banners(page, out);
    verdict_write(page, out);
    speaker_write(page, out);
    page_facts_write(page, out);
    page_checks_write(page, out);
    page_yourself_write(page, out);
    lucid_buf_str(out, "</main>\n</body>\n</html>\n");
}

void page_absent_write(struct lucid_buf *out)
{
    head_begin(out, NULL);
    lucid_buf_str(
        out, "<title>AI passport: not found</title>\n</head>\n<body>\n<main id=\"main\">\n"
             "<header class=\"title\"><div><p class=\"kicker\">AI passport</p>\n"
             "<h1>No such passport</h1></div></header>\n<div class=\"banner bad\"><strong>This "
             "service has issued no passport of that id.</strong> <p>Whoever sent you here "
             "showed something that this log does not know. Treat the application as one "
             "without a passport.</p></div>\n</main>\n</body>\n</html>\n");
}

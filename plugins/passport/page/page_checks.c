/* The page: what was checked and by whom, keys that the reader pins, how to check it oneself. */
#include "plugins/passport/discovery.h"
#include "plugins/passport/page/page_internal.h"

/* --- what the issuer's verifier did -------------------------------------------------------------
 */

static void appraisal_write(const struct page *page, struct lucid_buf *out)
{
    const struct passport *passport = page->passport;
    const struct jcs_value *tee = passport->root != NULL ? jcs_member(passport->root, "tee") : NULL;
    const struct jcs_value *appraisal =
        tee != NULL && jcs_type(tee) == JCS_OBJECT ? jcs_member(tee, "appraisal") : NULL;
    if (!passport->tee.has_appraisal || appraisal == NULL) {
        lucid_buf_str(out, "<p>The passport does not name the appraisal that it rests on.</p>\n");
        return;
    }
    lucid_buf_str(out,
                  "<p>The issuer's verifier appraised the hardware evidence and wrote the "
                  "result into its log. The evidence is of that moment, not of now.</p>\n<dl>");
    page_fact_begin(out, "Appraised");
    page_time(out, "/tee/appraisal/appraisedAt", passport->tee.appraised_s);
    page_fact_end(out);
    page_fact_begin(out, "Result");
    page_member(out, "/tee/appraisal/status", page_find_text(appraisal, "status"));
    page_fact_end(out);
    page_fact_begin(out, "Under the policy");
    lucid_buf_str(out, "<code>");
    page_member(out, "/tee/appraisal/policyId", page_find_text(appraisal, "policyId"));
    lucid_buf_str(out, "</code>");
    page_fact_end(out);
    page_fact_begin(out, "Appraisal");
    lucid_buf_str(out, "<code>");
    page_member(out, "/tee/appraisal/id", page_find_text(appraisal, "id"));
    lucid_buf_str(out, "</code>");
    page_fact_end(out);
    lucid_buf_str(out, "</dl>\n");
}

/* --- the checks ---------------------------------------------------------------------------------
 */

static const char *check_title(enum verify_check check)
{
    switch (check) {
    case VERIFY_PARSE:
        return "The document can be read";
    case VERIFY_SCHEMA:
        return "It has the form of a passport";
    case VERIFY_ALGORITHM:
        return "It is signed in the one allowed way";
    case VERIFY_KEY:
        return "The key is the issuer's";
    case VERIFY_SIGNATURE:
        return "The signature fits every word of it";
    case VERIFY_TIMES:
        return "It is valid at this time";
    case VERIFY_ORIGIN:
        return "It is for this address";
    case VERIFY_EVIDENCE:
        return "The hardware evidence holds";
    case VERIFY_SUPPLY_CHAIN:
        return "Container and build are confirmed";
    case VERIFY_AUDITORS:
        return "The auditors are confirmed";
    case VERIFY_STATUS:
        return "It was not taken back";
    case VERIFY_LOG:
    case VERIFY_CHECKS:
        break;
    }
    return "It stands in the public log";
}

static void check_begin(struct lucid_buf *out, const char *name, const char *title)
{
    lucid_buf_printf(out,
                     "<li class=\"check\" data-check=\"%s\" data-outcome=\"none\"><h3>%s</h3>"
                     "<p><span class=\"outcome\">not checked by your browser yet</span> "
                     "<span class=\"said\"></span></p>",
                     name, title);
}

static void check_write(const struct page *page, enum verify_check check, struct lucid_buf *out)
{
    check_begin(out, verify_check_name(check), check_title(check));
    if (page->verify != NULL) {
        const struct verify_result *result = &page->verify->checks[check];
        const char *text = result->code != NULL ? verify_code_text(result->code) : NULL;
        lucid_buf_printf(out, "<p class=\"quiet\">The issuer's service says: <b>%s</b>",
                         verify_outcome_name(result->outcome));
        if (text != NULL) {
            lucid_buf_str(out, ": ");
            page_text(out, lucid_span_str(text));
        }
        if (result->detail[0] != '\0') {
            lucid_buf_str(out, " <code>");
            page_text(out, lucid_span_str(result->detail));
            lucid_buf_str(out, "</code>");
        }
        lucid_buf_str(out, "</p>");
    }
    lucid_buf_str(out, "</li>\n");
}

static void pins_write(struct lucid_buf *out)
{
    lucid_buf_str(
        out, "<section id=\"pins\" aria-labelledby=\"pins-title\">\n"
             "<h2 id=\"pins-title\">Keys that you trust</h2>\n"
             "<p>As long as you pin none, the keys that this site shows are used. With a pinned "
             "key, a passport by any other key is <em>unknown</em> here, whatever this site "
             "says. Pins stay in this browser, for this site.</p>\n"
             "<div id=\"pins-use\" hidden>\n<ul class=\"plain\" id=\"pins-list\"></ul>\n"
             "<form id=\"pins-form\"><label for=\"pins-key\">Issuer's key (Ed25519, base64 or "
             "64 hex digits) or the log's verifier key (<code>name+hash+key</code>), from "
             "someone else than this site</label>\n"
             "<div class=\"line\"><input id=\"pins-key\" type=\"text\" autocomplete=\"off\" "
             "spellcheck=\"false\" maxlength=\"400\"> <button type=\"submit\">Pin this key"
             "</button></div></form>\n"
             "<p><button type=\"button\" id=\"pins-shown\">Pin the keys that this site shows "
             "now</button></p>\n"
             "<p role=\"status\" aria-live=\"polite\" id=\"pins-said\"></p>\n</div>\n"
             "<noscript><p>Pinning needs scripts.</p></noscript>\n</section>\n");
}

void page_checks_write(const struct page *page, struct lucid_buf *out)
{
    lucid_buf_str(out,
                  "<section aria-labelledby=\"checks-title\">\n<h2 id=\"checks-title\">What was "
                  "checked, and by whom</h2>\n");
    appraisal_write(page, out);
    lucid_buf_str(out,
                  "<p>Each check below has two voices: your browser, which repeats what it can, "
                  "and the issuer's service, which speaks for itself.</p>\n"
                  "<ol class=\"checks\" id=\"checks\">\n");
    check_begin(out, "page", "This page shows what the document says");
    lucid_buf_str(out, "</li>\n");
    for (int check = 0; check < VERIFY_CHECKS; check++) {
        check_write(page, (enum verify_check)check, out);
    }
    lucid_buf_str(out, "</ol>\n</section>\n");
    pins_write(out);
}

/* --- how to check it oneself --------------------------------------------------------------------
 */

/* The service's address in a command: the script fills in where it is not configured. */
static void base_write(const struct page *page, struct lucid_buf *out)
{
    if (page->base_url.len > 0) {
        discovery_html_write(out, page->base_url);
    } else {
        lucid_buf_str(out, "<span class=\"here\">https://ISSUER</span>");
    }
}

static void commands_write(const struct page *page, struct lucid_buf *out)
{
    lucid_buf_str(
        out, "<h3>With the command line</h3>\n<p>The bundle holds everything; nobody is asked. "
             "<code>KEY</code> and <code>VKEY</code> are the keys of issuer and log as you know "
             "them from elsewhere.</p>\n"
             "<pre tabindex=\"0\" role=\"region\" aria-label=\"Commands\"><code>curl -o "
             "passport.json '");
    base_write(page, out);
    lucid_buf_str(out, "/v1/passports/");
    discovery_html_write(out, page->passport->id);
    lucid_buf_str(
        out,
        "?bundle=1'\nlucid passport verify --key KEY --vkey VKEY passport.json</code></pre>\n");
}

static void script_write(const struct page *page, struct lucid_buf *out)
{
    lucid_buf_str(out,
                  "<h3>With a few lines of your own</h3>\n<p>The signature alone, with Node.js and "
                  "nothing else. Run it as <code>node check.mjs passport.json KEY</code>, with the "
                  "key in base64.</p>\n<pre tabindex=\"0\" role=\"region\" aria-label=\"Script\">"
                  "<code>curl -o passport.json -H 'Accept: application/lucid-passport+json' '");
    base_write(page, out);
    lucid_buf_str(out, "/v1/passports/");
    discovery_html_write(out, page->passport->id);
    lucid_buf_str(
        out,
        "'</code></pre>\n<pre tabindex=\"0\" role=\"region\" aria-label=\"check.mjs\">"
        "<code id=\"check-mjs\">import { readFileSync } from 'node:fs';\n"
        "import { webcrypto } from 'node:crypto';\n"
        "const jcs = (v) =&gt; Array.isArray(v) ? `[${v.map(jcs)}]` : v === null || typeof v !== "
        "'object'\n  ? JSON.stringify(v)\n  : `{${Object.keys(v).sort().map((k) =&gt; "
        "`${JSON.stringify(k)}:${jcs(v[k])}`)}}`;\n"
        "const [, , file, key] = process.argv;\n"
        "const passport = JSON.parse(readFileSync(file, 'utf8'));\n"
        "const value = Buffer.from(passport.signature.value, 'base64');\n"
        "delete passport.signature.value;\n"
        "const trusted = await webcrypto.subtle.importKey('raw', Buffer.from(key, 'base64'),\n"
        "  'Ed25519', false, ['verify']);\n"
        "const good = await webcrypto.subtle.verify('Ed25519', trusted, value, "
        "Buffer.from(jcs(passport)));\n"
        "console.log(good ? 'signature good' : 'signature BAD');\n"
        "process.exit(good ? 0 : 1);</code></pre>\n");
}

static void links_write(const struct page *page, struct lucid_buf *out)
{
    lucid_buf_str(out, "<h3>The pieces</h3>\n<ul>\n<li><a href=\"../v1/passports/");
    discovery_html_write(out, page->passport->id);
    lucid_buf_str(out, "\">The document</a>, digest ");
    page_digest(out, NULL, page->digest);
    lucid_buf_str(out, "</li>\n<li><a href=\"../v1/passports/");
    discovery_html_write(out, page->passport->id);
    lucid_buf_str(out,
                  "?bundle=1\">The bundle</a>: document, log record, proof, status, keys</li>\n"
                  "<li><a href=\"../v1/receipts/");
    lucid_buf_hex(out, page->record, sizeof(page->record));
    lucid_buf_str(out, "/proof\">Proof that it stands in the log</a></li>\n"
                       "<li><a href=\"../v1/passports/status\">The signed status list</a></li>\n"
                       "<li><a href=\"../.well-known/jwks.json\">The issuer's keys</a></li>\n"
                       "<li><a href=\"../v1/log\">The log and its verifier key</a></li>\n</ul>\n");
}

void page_yourself_write(const struct page *page, struct lucid_buf *out)
{
    lucid_buf_str(out, "<section id=\"yourself\" aria-labelledby=\"yourself-title\">\n"
                       "<h2 id=\"yourself-title\">How to check it yourself</h2>\n");
    commands_write(page, out);
    script_write(page, out);
    links_write(page, out);
    lucid_buf_str(out, "</section>\n");
}

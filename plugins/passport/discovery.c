/* The forms in which a passport is announced, each escaped for where it stands. The URL is written
 * the same in all of them, so that a client that finds two finds the same. */
#include "plugins/passport/discovery.h"

#include "plugins/verifier/canonical.h"

/* --- escaping --------------------------------------------------------------------------------- */

void discovery_html_write(struct lucid_buf *out, struct lucid_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.data[i]) {
        case '&':
            lucid_buf_str(out, "&amp;");
            break;
        case '<':
            lucid_buf_str(out, "&lt;");
            break;
        case '>':
            lucid_buf_str(out, "&gt;");
            break;
        case '"':
            lucid_buf_str(out, "&quot;");
            break;
        case '\'':
            lucid_buf_str(out, "&#39;");
            break;
        default:
            lucid_buf_char(out, (char)text.data[i]);
            break;
        }
    }
}

/* Whether a byte may stand in a URL (RFC 3986) and is no quote of HTML and no variable of nginx. */
static bool url_byte(uint8_t byte)
{
    return byte > 0x20 && byte < 0x7f && strchr("\"'<>\\^`{|}$", byte) == NULL;
}

void discovery_url_write(struct lucid_buf *out, struct lucid_span url)
{
    for (size_t i = 0; i < url.len; i++) {
        if (url_byte(url.data[i])) {
            lucid_buf_char(out, (char)url.data[i]);
        } else {
            lucid_buf_printf(out, "%%%02X", url.data[i]);
        }
    }
}

/* A URL in a quoted attribute: of the bytes it can have, only & means something there. */
static void attribute_url_write(struct lucid_buf *out, struct lucid_span url)
{
    struct lucid_buf text = {.bytes_max = 0};
    discovery_url_write(&text, url);
    discovery_html_write(out, lucid_buf_span(&text));
    out->failed = out->failed || !lucid_buf_ok(&text);
    lucid_buf_fini(&text);
}

/* JSON that may stand in a script element, or in any HTML: what could end or confuse it stands as
 * an escape, which only a string of JSON can hold. */
static void script_escape(struct lucid_buf *out, struct lucid_span json)
{
    for (size_t i = 0; i < json.len; i++) {
        uint8_t byte = json.data[i];
        bool separator = byte == 0xe2 && i + 2 < json.len && json.data[i + 1] == 0x80 &&
                         (json.data[i + 2] | 1) == 0xa9; /* U+2028, U+2029 */
        if (separator) {
            lucid_buf_printf(out, "\\u202%d", json.data[i + 2] - 0xa0);
            i += 2;
        } else if (byte == '<' || byte == '>' || byte == '&') {
            lucid_buf_printf(out, "\\u%04x", byte);
        } else {
            lucid_buf_char(out, (char)byte);
        }
    }
}

/* --- the forms -------------------------------------------------------------------------------- */

void discovery_header_write(const struct discovery *discovery, struct lucid_buf *out)
{
    lucid_buf_str(out, "url=\"");
    discovery_url_write(out, discovery->url);
    lucid_buf_str(out, "\", id=\"");
    discovery_url_write(out, discovery->passport->id); /* [a-z0-9-] */
    lucid_buf_str(out, "\", digest=:");
    lucid_buf_base64(out, discovery->digest, sizeof(discovery->digest));
    lucid_buf_char(out, ':');
}

void discovery_meta_write(const struct discovery *discovery, struct lucid_buf *out)
{
    lucid_buf_str(out, "<meta name=\"lucid-passport\" content=\"");
    attribute_url_write(out, discovery->url);
    lucid_buf_str(out, "\">");
}

void discovery_link_write(const struct discovery *discovery, struct lucid_buf *out)
{
    lucid_buf_str(out, "<link rel=\"ai-passport\" type=\"" PASSPORT_MEDIA_TYPE "\" href=\"");
    attribute_url_write(out, discovery->url);
    lucid_buf_str(out, "\">");
}

/* RFC 3339, whole seconds, as passports have it. */
static void time_member(struct lucid_buf *out, const char *name, uint64_t time_s)
{
    enum { MS_BYTES = 6 }; /* .000Z" */
    lucid_json_member_time(out, name, time_s * 1000);
    if (lucid_buf_ok(out)) {
        out->len -= MS_BYTES;
        lucid_buf_str(out, "Z\"");
    }
}

static void summary_write(const struct discovery *discovery, struct lucid_buf *out)
{
    const struct passport *passport = discovery->passport;
    struct lucid_buf url = {.bytes_max = 0};
    discovery_url_write(&url, discovery->url);
    lucid_buf_char(out, '{');
    lucid_json_member_str(out, "passportId", passport->id);
    lucid_json_member(out, "digest");
    canonical_digest_put(out, discovery->digest);
    lucid_json_member_str(out, "url", lucid_buf_span(&url));
    lucid_json_member_str(out, "appName", passport->app_name);
    lucid_json_member_str(out, "teeType", passport->tee.type);
    lucid_json_member_bool(out, "isMock", passport->is_mock);
    time_member(out, "expiresAt", passport->expires_s);
    lucid_json_member(out, "auditors");
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < passport->auditor_count; i++) {
        if (i > 0) {
            lucid_buf_char(out, ',');
        }
        lucid_json_string(out, passport->auditors[i].name);
    }
    lucid_buf_char(out, ']');
    if (discovery->application != NULL) {
        lucid_json_member(out, "display");
        application_display_write(discovery->application, out);
    }
    lucid_buf_char(out, '}');
    out->failed = out->failed || !lucid_buf_ok(&url);
    lucid_buf_fini(&url);
}

void discovery_script_write(const struct discovery *discovery, struct lucid_buf *out)
{
    struct lucid_buf json = {.bytes_max = 0};
    summary_write(discovery, &json);
    lucid_buf_str(out, "<script type=\"" PASSPORT_MEDIA_TYPE "\">");
    script_escape(out, lucid_buf_span(&json));
    lucid_buf_str(out, "</script>");
    out->failed = out->failed || !lucid_buf_ok(&json);
    lucid_buf_fini(&json);
}

/* --- nginx ------------------------------------------------------------------------------------ */

/* A parameter in single quotes. Variables cannot be escaped, so none may be in it: no form holds a
 * dollar sign. */
static void nginx_quoted(struct lucid_buf *out, struct lucid_span text)
{
    lucid_buf_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\'' || text.data[i] == '\\') {
            lucid_buf_char(out, '\\');
        }
        lucid_buf_char(out, (char)text.data[i]);
    }
    lucid_buf_char(out, '\'');
}

void discovery_nginx_write(const struct discovery *discovery, struct lucid_buf *out)
{
    struct lucid_buf text = {.bytes_max = 0};
    lucid_buf_str(out, "# For `include` in a server or location. A location that has an add_header "
                       "of its own needs it\n"
                       "# again; pages that an upstream compresses stay as they are "
                       "(proxy_set_header Accept-Encoding \"\").\n"
                       "add_header " DISCOVERY_HEADER " ");
    discovery_header_write(discovery, &text);
    nginx_quoted(out, lucid_buf_span(&text));
    lucid_buf_str(out, " always;\nsub_filter '</head>' ");
    bool ok = lucid_buf_ok(&text);
    lucid_buf_clear(&text);
    discovery_link_write(discovery, &text);
    discovery_meta_write(discovery, &text);
    lucid_buf_str(&text, "</head>");
    nginx_quoted(out, lucid_buf_span(&text));
    lucid_buf_str(out, ";\n");
    out->failed = out->failed || !ok || !lucid_buf_ok(&text);
    lucid_buf_fini(&text);
}

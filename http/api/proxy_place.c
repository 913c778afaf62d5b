#include "http/api/proxy_place.h"

#include <stdio.h>
#include <strings.h>

#include "base/assert.h"

#define CODE "PROXY_REQUEST_INVALID"

static const struct {
    const char *name;
    const char *title;
} fields[PROXY_FIELDS] = {
    [PROXY_ORIGINAL_METHOD] = {"x-original-method", "X-Original-Method"},
    [PROXY_ORIGINAL_PROTO] = {"x-original-proto", "X-Original-Proto"},
    [PROXY_ORIGINAL_HOST] = {"x-original-host", "X-Original-Host"},
    [PROXY_ORIGINAL_URI] = {"x-original-uri", "X-Original-URI"},
    [PROXY_FORWARDED_METHOD] = {"x-forwarded-method", "X-Forwarded-Method"},
    [PROXY_FORWARDED_PROTO] = {"x-forwarded-proto", "X-Forwarded-Proto"},
    [PROXY_FORWARDED_HOST] = {"x-forwarded-host", "X-Forwarded-Host"},
    [PROXY_FORWARDED_URI] = {"x-forwarded-uri", "X-Forwarded-Uri"},
    [PROXY_FORWARDED_ALL] = {"forwarded", "Forwarded"},
    [PROXY_ORIGINAL_URL] = {"x-original-url", "X-Original-URL"},
    [PROXY_REWRITE_URL] = {"x-rewrite-url", "X-Rewrite-URL"},
};

/* The deciding headers of a family. */
struct family {
    enum proxy_field method;
    enum proxy_field proto;
    enum proxy_field host;
    enum proxy_field uri;
    bool proto_optional;
};

static const struct family families[] = {
    [PROXY_ORIGINAL] = {PROXY_ORIGINAL_METHOD, PROXY_ORIGINAL_PROTO, PROXY_ORIGINAL_HOST,
                        PROXY_ORIGINAL_URI, true},
    [PROXY_FORWARDED] = {PROXY_FORWARDED_METHOD, PROXY_FORWARDED_PROTO, PROXY_FORWARDED_HOST,
                         PROXY_FORWARDED_URI, false},
};

bool proxy_family_parse(struct lucid_span text, enum proxy_family *ret)
{
    if (text.len == 0) {
        *ret = PROXY_NONE;
    } else if (lucid_span_is(text, "original")) {
        *ret = PROXY_ORIGINAL;
    } else if (lucid_span_is(text, "forwarded")) {
        *ret = PROXY_FORWARDED;
    } else {
        return false;
    }
    return true;
}

const char *proxy_field_name(enum proxy_field field)
{
    lucid_assert(field < PROXY_FIELDS);
    return fields[field].name;
}

const char *proxy_field_title(enum proxy_field field)
{
    lucid_assert(field < PROXY_FIELDS);
    return fields[field].title;
}

/* --- one header each -------------------------------------------------------------------------- */

static bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool method_ok(struct lucid_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.data[i] < 'A' || text.data[i] > 'Z') && text.data[i] != '-') {
            return false;
        }
    }
    return text.len > 0 && text.len <= PROXY_METHOD_BYTES_MAX;
}

static bool proto_ok(struct lucid_span text)
{
    return lucid_span_is(text, "https") || lucid_span_is(text, "http");
}

/* Names, IPv4 and [IPv6], each with a port or without. */
static bool host_ok(struct lucid_span text)
{
    bool v6 = text.len > 0 && text.data[0] == '[';
    size_t at = v6 ? 1 : 0;
    size_t begin = at;
    while (at < text.len &&
           (is_alnum(text.data[at]) || text.data[at] == '.' ||
            (v6 ? text.data[at] == ':' : text.data[at] == '-' || text.data[at] == '_'))) {
        at++;
    }
    if (at == begin || at - begin > 253 || (v6 && (at == text.len || text.data[at++] != ']'))) {
        return false;
    }
    if (at == text.len) {
        return true;
    }
    size_t digits = text.len - at - 1;
    for (size_t i = at + 1; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.data[at] == ':' && digits >= 1 && digits <= 5;
}

/* A path and perhaps a query, ASCII. Not what two readers could take for different places. */
static bool uri_ok(struct lucid_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\') {
            return false;
        }
    }
    return text.len > 0 && text.data[0] == '/';
}

static enum lucid_error refuse(struct lucid_why *why, enum proxy_field field, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, CODE, fields[field].title, "%s %s",
                        fields[field].title, text);
}

/* --- together --------------------------------------------------------------------------------- */

static bool is_of(const struct family *family, enum proxy_field field)
{
    return field == family->method || field == family->proto || field == family->host ||
           field == family->uri;
}

static enum lucid_error counts_check(const struct family *family,
                                     const struct proxy_value values[PROXY_FIELDS],
                                     struct lucid_why *why)
{
    for (size_t i = 0; i < PROXY_FIELDS; i++) {
        enum proxy_field field = (enum proxy_field)i;
        if (!is_of(family, field)) {
            if (values[i].count > 0) {
                return refuse(why, field, "is not of the configured family (proxy_headers)");
            }
        } else if (values[i].count > 1) {
            return refuse(why, field, "is repeated");
        } else if (values[i].count == 0 && !(field == family->proto && family->proto_optional)) {
            return refuse(why, field, "is missing: the proxy must set it");
        }
    }
    return LUCID_OK;
}

static enum lucid_error forms_check(const struct family *family,
                                    const struct proxy_value values[PROXY_FIELDS],
                                    struct lucid_why *why)
{
    if (!method_ok(values[family->method].text)) {
        return refuse(why, family->method, "is no method: up to 16 upper-case letters");
    }
    if (values[family->proto].count > 0 && !proto_ok(values[family->proto].text)) {
        return refuse(why, family->proto, "is not http or https");
    }
    if (!host_ok(values[family->host].text)) {
        return refuse(why, family->host, "is no host, or host and port");
    }
    if (!uri_ok(values[family->uri].text)) {
        return refuse(why, family->uri,
                      "is no path with or without a query in ASCII, the rest percent-encoded");
    }
    return LUCID_OK;
}

enum lucid_error proxy_place_read(enum proxy_family which,
                                  const struct proxy_value values[PROXY_FIELDS],
                                  struct lucid_arena *arena, struct proxy_place *ret,
                                  struct lucid_why *why)
{
    lucid_assert(which == PROXY_ORIGINAL || which == PROXY_FORWARDED);
    const struct family *family = &families[which];
    enum lucid_error error = counts_check(family, values, why);
    if (error == LUCID_OK) {
        error = forms_check(family, values, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span proto =
        values[family->proto].count > 0 ? values[family->proto].text : lucid_span_str("https");
    struct lucid_span host = values[family->host].text;
    struct lucid_span uri = values[family->uri].text;
    struct lucid_span method = values[family->method].text;
    size_t base_len = proto.len + 3 + host.len;
    if (base_len + uri.len > PROXY_RESOURCE_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "URI_TOO_LONG", fields[family->uri].title,
                            "the address of what is sold has at most %d bytes",
                            PROXY_RESOURCE_BYTES_MAX);
    }
    method =
        lucid_arena_copy(arena, lucid_span_is(method, "HEAD") ? lucid_span_str("GET") : method);
    uint8_t *text = lucid_arena_alloc(arena, base_len + uri.len);
    if (text == NULL || method.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    memcpy(text, proto.data, proto.len);
    memcpy(text + proto.len, "://", 3);
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.data[i];
        text[proto.len + 3 + i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
    }
    memcpy(text + base_len, uri.data, uri.len);
    const uint8_t *query = memchr(text + base_len, '?', uri.len);
    *ret = (struct proxy_place){
        .method = method,
        .resource = lucid_span(text, base_len + uri.len),
        .path = lucid_span(text, query == NULL ? base_len + uri.len : (size_t)(query - text)),
    };
    return LUCID_OK;
}

/* --- request ids ------------------------------------------------------------------------------ */

bool proxy_id_ok(struct lucid_span id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (id.data[i] <= 0x20 || id.data[i] >= 0x7f) {
            return false;
        }
    }
    return id.len >= PROXY_ID_BYTES_MIN && id.len <= PROXY_ID_BYTES_MAX;
}

static bool name_equal(struct lucid_span name, const char *other)
{
    return name.len == strlen(other) && strncasecmp((const char *)name.data, other, name.len) == 0;
}

bool proxy_id_header_ok(struct lucid_span name)
{
    static const char *const taken[] = {
        "authorization",     "connection",        "content-length", "cookie",    "host",
        "payment-signature", "transfer-encoding", "x-access-grant", "x-payment", "x-payment-proof",
    };
    if (name.len == 0 || name.len > 64) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_alnum(name.data[i]) && name.data[i] != '-') {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (name_equal(name, taken[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < PROXY_FIELDS; i++) {
        if (name_equal(name, fields[i].name)) {
            return false;
        }
    }
    return true;
}

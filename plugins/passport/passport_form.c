/* Ids, origins and URLs: each is a regular expression, which the schema repeats. */
#include "plugins/passport/passport_internal.h"

#define LABEL_BYTES_MAX   63
#define ADDRESS_BYTES_MAX 45

static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char prefix[] = "pass-";

void passport_id_make(struct lucid_span application,
                      const uint8_t (*appraisals)[LUCID_SHA256_BYTES], size_t count,
                      uint64_t issued_s, char ret[PASSPORT_ID_BYTES + 1])
{
    uint8_t issued[8];
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_put_be64(issued, issued_s);
    const struct lucid_span parts[] = {application, lucid_span("\n", 1),
                                       lucid_span(appraisals, count * LUCID_SHA256_BYTES),
                                       lucid_span(issued, sizeof(issued))};
    lucid_sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), hash);
    size_t len = sizeof(prefix) - 1;
    memcpy(ret, prefix, len);
    /* 20 bytes are 4 times 5, each of which is 8 digits. */
    for (size_t group = 0; group < 4; group++) {
        uint64_t bits = 0;
        for (size_t i = 0; i < 5; i++) {
            bits = bits << 8 | hash[5 * group + i];
        }
        for (size_t digit = 0; digit < 8; digit++) {
            ret[len++] = base32[bits >> (35 - 5 * digit) & 31];
        }
    }
    ret[len] = '\0';
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_lower(uint8_t byte)
{
    return byte >= 'a' && byte <= 'z';
}

static bool is_upper(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z';
}

bool passport_id_is_good(struct lucid_span text)
{
    const size_t skip = sizeof(prefix) - 1;
    if (text.len < skip + 12 || text.len > skip + 64 || memcmp(text.data, prefix, skip) != 0) {
        return false;
    }
    for (size_t i = skip; i < text.len; i++) {
        if (!is_lower(text.data[i]) && !is_digit(text.data[i])) {
            return false;
        }
    }
    return true;
}

bool passport_application_is_good(struct lucid_span text)
{
    if (text.len == 0 || text.len > PASSPORT_APPLICATION_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!is_lower(text.data[i]) && !is_digit(text.data[i]) && text.data[i] != '-') {
            return false;
        }
    }
    return true;
}

/* --- URLs: each function takes what it is named after from the front -------------------------- */

static bool text_take(struct lucid_span *rest, const char *text)
{
    size_t len = strlen(text);
    if (rest->len < len || memcmp(rest->data, text, len) != 0) {
        return false;
    }
    *rest = lucid_span(rest->data + len, rest->len - len);
    return true;
}

/* Letters and digits, with `-` between; how many bytes, 0: none. */
static size_t label_len(struct lucid_span text, bool upper)
{
    size_t len = 0;
    while (len < text.len && (is_lower(text.data[len]) || is_digit(text.data[len]) ||
                              (upper && is_upper(text.data[len])) || text.data[len] == '-')) {
        len++;
    }
    return len == 0 || len > LABEL_BYTES_MAX || text.data[0] == '-' || text.data[len - 1] == '-'
               ? 0
               : len;
}

static bool address_take(struct lucid_span *rest, bool upper)
{
    size_t len = 1;
    while (len < rest->len &&
           (is_digit(rest->data[len]) || (rest->data[len] >= 'a' && rest->data[len] <= 'f') ||
            (upper && rest->data[len] >= 'A' && rest->data[len] <= 'F') || rest->data[len] == ':' ||
            rest->data[len] == '.')) {
        len++;
    }
    if (len < 3 || len > 1 + ADDRESS_BYTES_MAX || len == rest->len || rest->data[len] != ']') {
        return false;
    }
    *rest = lucid_span(rest->data + len + 1, rest->len - len - 1);
    return true;
}

/* A name of labels, or an IPv6 address in brackets; upper: letters of either case. */
static bool host_take(struct lucid_span *rest, bool upper)
{
    if (rest->len > 0 && rest->data[0] == '[') {
        return address_take(rest, upper);
    }
    do {
        size_t len = label_len(*rest, upper);
        if (len == 0) {
            return false;
        }
        *rest = lucid_span(rest->data + len, rest->len - len);
    } while (text_take(rest, "."));
    return true;
}

/* What only the machine itself answers to. */
static bool loopback_take(struct lucid_span *rest)
{
    return text_take(rest, "localhost") || text_take(rest, "127.0.0.1") || text_take(rest, "[::1]");
}

/* A port where one stands, but not the scheme's own (0: any). */
static bool port_take(struct lucid_span *rest, uint32_t own)
{
    if (!text_take(rest, ":")) {
        return true;
    }
    uint32_t port = 0;
    size_t len = 0;
    while (len < rest->len && len < 6 && is_digit(rest->data[len])) {
        port = 10 * port + (uint32_t)(rest->data[len++] - '0');
    }
    if (len == 0 || rest->data[0] == '0' || port > UINT16_MAX || port == own) {
        return false;
    }
    *rest = lucid_span(rest->data + len, rest->len - len);
    return true;
}

/* Bytes that may stand in a URL and are harmless wherever it is shown. */
static bool is_path(struct lucid_span rest)
{
    for (size_t i = 0; i < rest.len; i++) {
        uint8_t byte = rest.data[i];
        if (byte <= 0x20 || byte >= 0x7f || strchr("\"<>\\^`{|}", byte) != NULL) {
            return false;
        }
    }
    return true;
}

/* Nothing, or what follows an origin. */
static bool is_rest(struct lucid_span rest)
{
    return rest.len == 0 || (strchr("/?#", rest.data[0]) != NULL && is_path(rest));
}

bool passport_endpoint_is_good(struct lucid_span text)
{
    struct lucid_span rest = text;
    if (text.len > PASSPORT_ENDPOINT_BYTES_MAX) {
        return false;
    }
    bool good = text_take(&rest, "https://")
                    ? host_take(&rest, false) && port_take(&rest, 443)
                    : text_take(&rest, "http://") && loopback_take(&rest) && port_take(&rest, 80);
    return good && rest.len == 0;
}

bool passport_uri_is_good(struct lucid_span text)
{
    struct lucid_span rest = text;
    return text.len <= PASSPORT_URI_BYTES_MAX && text_take(&rest, "https://") &&
           host_take(&rest, true) && port_take(&rest, 0) && is_rest(rest);
}

bool passport_status_uri_is_good(struct lucid_span text)
{
    struct lucid_span rest = text;
    if (passport_uri_is_good(text)) {
        return true;
    }
    if (text.len > PASSPORT_URI_BYTES_MAX) {
        return false;
    }
    if (text_take(&rest, "http://")) {
        return loopback_take(&rest) && port_take(&rest, 0) && is_rest(rest);
    }
    /* "//host" is another host's. */
    return text_take(&rest, "/") && (rest.len == 0 || rest.data[0] != '/') && is_path(rest);
}

void passport_date_write(struct lucid_buf *out, const char *name, uint64_t unix_s)
{
    static const size_t fraction = sizeof(".000Z\"") - 1;
    lucid_json_member_time(out, name, unix_s * 1000);
    if (lucid_buf_ok(out)) {
        out->len -= fraction;
        lucid_buf_str(out, "Z\"");
    }
}

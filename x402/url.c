/* URLs of nodes and facilitators, as files name them. */
#include "x402/network_internal.h"

static bool port_ok(struct lucid_span digits)
{
    uint32_t port = 0;
    if (digits.len == 0 || digits.len > 5) {
        return false;
    }
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return false;
        }
        port = 10 * port + (uint32_t)(digits.data[i] - '0');
    }
    return port > 0 && port <= 65535;
}

/* 127.0.0.0/8 as four decimal numbers. */
static bool is_loopback_ipv4(struct lucid_span host)
{
    uint32_t parts[4] = {0};
    size_t part = 0;
    size_t digits = 0;
    for (size_t i = 0; i < host.len; i++) {
        if (host.data[i] == '.' && digits > 0 && part < 3) {
            part++;
            digits = 0;
        } else if (host.data[i] >= '0' && host.data[i] <= '9' && digits < 3) {
            parts[part] = 10 * parts[part] + (uint32_t)(host.data[i] - '0');
            digits++;
        } else {
            return false;
        }
    }
    return part == 3 && digits > 0 && parts[0] == 127 && parts[1] < 256 && parts[2] < 256 &&
           parts[3] < 256;
}

/* Host and perhaps port; no user information, which only confuses who is asked. */
static bool authority_read(struct lucid_span authority, struct lucid_span *ret_host)
{
    struct lucid_span host = authority;
    size_t colon = authority.len;
    bool bracketed = authority.len > 0 && authority.data[0] == '[';
    const uint8_t *end = bracketed ? memchr(authority.data, ']', authority.len) : authority.data;
    if (end == NULL || memchr(authority.data, '@', authority.len) != NULL) {
        return false;
    }
    for (size_t i = (size_t)(end - authority.data); i < authority.len && colon == authority.len;
         i++) {
        if (authority.data[i] == ':') {
            colon = i;
        }
    }
    host.len = colon;
    if (colon < authority.len &&
        !port_ok(lucid_span(authority.data + colon + 1, authority.len - colon - 1))) {
        return false;
    }
    if (host.len == 0 || (bracketed && host.data[host.len - 1] != ']')) {
        return false;
    }
    *ret_host = host;
    return true;
}

const char *x402_url_fault(struct lucid_span url, bool insecure)
{
    static const char https[] = "https://";
    static const char http[] = "http://";
    size_t start;
    bool plain = false;
    for (size_t i = 0; i < url.len; i++) {
        if (url.data[i] <= 0x20 || url.data[i] >= 0x7f) {
            return "must be a URL of visible ASCII characters";
        }
    }
    if (url.len > strlen(https) && memcmp(url.data, https, strlen(https)) == 0) {
        start = strlen(https);
    } else if (url.len > strlen(http) && memcmp(url.data, http, strlen(http)) == 0) {
        start = strlen(http);
        plain = true;
    } else {
        return "must begin with https:// (or http:// to loopback)";
    }
    size_t end = start;
    while (end < url.len && url.data[end] != '/' && url.data[end] != '?' && url.data[end] != '#') {
        end++;
    }
    struct lucid_span host;
    if (!authority_read(lucid_span(url.data + start, end - start), &host)) {
        return "must name a host, perhaps a port, and no user";
    }
    bool loopback =
        lucid_span_is(host, "localhost") || lucid_span_is(host, "[::1]") || is_loopback_ipv4(host);
    if (plain && !loopback && !insecure) {
        return "must be https: plain http is for loopback only (or where the file calls it "
               "insecure)";
    }
    return NULL;
}

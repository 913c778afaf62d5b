#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "http/peer_internal.h"
#include "http/server_internal.h"

enum { HOPS_MAX = 32, V4_AT = 12 };

static const uint8_t v4_prefix[V4_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* --- addresses -------------------------------------------------------------------------------- */

static bool plain_address_parse(struct lucid_span text, uint8_t ret[HTTP_ADDRESS_BYTES])
{
    char copy[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, 0, text.len) != NULL) {
        return false;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    uint8_t four[4];
    if (inet_pton(AF_INET, copy, four) == 1) {
        memcpy(ret, v4_prefix, V4_AT);
        memcpy(ret + V4_AT, four, sizeof(four));
        return true;
    }
    return inet_pton(AF_INET6, copy, ret) == 1;
}

bool http_address_parse(struct lucid_span text, uint8_t ret[HTTP_ADDRESS_BYTES])
{
    const uint8_t *colon = memchr(text.data, ':', text.len);
    if (text.len > 0 && text.data[0] == '[') { /* [v6] or [v6]:port */
        const uint8_t *end = memchr(text.data, ']', text.len);
        return end != NULL &&
               plain_address_parse(lucid_span(text.data + 1, (size_t)(end - text.data) - 1), ret);
    }
    if (colon != NULL && memchr(text.data, '.', (size_t)(colon - text.data)) != NULL) {
        text.len = (size_t)(colon - text.data); /* v4:port */
    }
    return plain_address_parse(text, ret);
}

size_t http_address_format(const uint8_t address[HTTP_ADDRESS_BYTES],
                           char ret[HTTP_ADDRESS_TEXT_BYTES])
{
    bool four = memcmp(address, v4_prefix, V4_AT) == 0;
    const char *text = inet_ntop(four ? AF_INET : AF_INET6, four ? address + V4_AT : address, ret,
                                 HTTP_ADDRESS_TEXT_BYTES);
    lucid_assert(text != NULL);
    return strlen(text);
}

static bool network_has(const struct http_network *network, const uint8_t *address)
{
    unsigned whole = network->bits / 8;
    unsigned rest = network->bits % 8;
    if (memcmp(network->address, address, whole) != 0) {
        return false;
    }
    return rest == 0 || (network->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

/* ADDRESS or ADDRESS/BITS */
static bool network_parse(struct lucid_span text, struct http_network *ret)
{
    const uint8_t *slash = memchr(text.data, '/', text.len);
    size_t len = slash == NULL ? text.len : (size_t)(slash - text.data);
    if (!plain_address_parse(lucid_span(text.data, len), ret->address)) {
        return false;
    }
    bool four = memcmp(ret->address, v4_prefix, V4_AT) == 0 && memchr(text.data, '.', len) != NULL;
    unsigned max = four ? 32 : 128;
    unsigned bits = 0;
    for (size_t i = len + 1; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || bits > max) {
            return false;
        }
        bits = bits * 10 + (unsigned)(text.data[i] - '0');
    }
    if (slash == NULL) {
        bits = max;
    } else if (len + 1 == text.len || bits > max) {
        return false;
    }
    ret->bits = bits + (four ? 8 * V4_AT : 0);
    return true;
}

enum lucid_error http_networks_parse(const char *text, struct http_network *ret, size_t max,
                                     size_t *ret_count)
{
    struct lucid_span left = lucid_span_str(text);
    struct http_network network;
    size_t count = 0;
    while (lucid_span_trim(left).len > 0) {
        const uint8_t *comma = memchr(left.data, ',', left.len);
        size_t len = comma == NULL ? left.len : (size_t)(comma - left.data);
        if (count == max || !network_parse(lucid_span_trim(lucid_span(left.data, len)), &network)) {
            return LUCID_REFUSE_INVALID;
        }
        ret[count++] = network;
        size_t used = comma == NULL ? len : len + 1;
        left = lucid_span(left.data + used, left.len - used);
    }
    *ret_count = count;
    return LUCID_OK;
}

/* --- who asks --------------------------------------------------------------------------------- */

static bool is_trusted(const struct http_server_options *options, const uint8_t *address)
{
    for (size_t i = 0; i < options->trusted_count; i++) {
        if (network_has(&options->trusted[i], address)) {
            return true;
        }
    }
    return false;
}

bool http_forwarded_last(struct lucid_span *list, struct lucid_span *ret)
{
    if (list->data == NULL) {
        return false;
    }
    const uint8_t *comma = memrchr(list->data, ',', list->len);
    size_t start = comma == NULL ? 0 : (size_t)(comma - list->data) + 1;
    *ret = lucid_span_trim(lucid_span(list->data + start, list->len - start));
    *list = comma == NULL ? lucid_span(NULL, 0) : lucid_span(list->data, start - 1);
    return true;
}

/* Each proxy adds whom it heard from at the end, in the last header or in one more. So the list is
 * believed from its end, as far as those who wrote it are trusted. */
static void forwarded_follow(const struct http_request *request, uint8_t *address)
{
    const struct http_server_options *options = &request->loop->server->options;
    size_t hops = 0;
    for (size_t i = request->head.header_count; i > 0; i--) {
        const struct http_header *header = &request->head.headers[i - 1];
        if (!http_name_is(header->name, "x-forwarded-for")) {
            continue;
        }
        struct lucid_span list = header->value;
        struct lucid_span hop;
        while (http_forwarded_last(&list, &hop)) {
            uint8_t next[HTTP_ADDRESS_BYTES];
            if (hops++ == HOPS_MAX || !http_address_parse(hop, next)) {
                return;
            }
            memcpy(address, next, HTTP_ADDRESS_BYTES);
            if (!is_trusted(options, next)) {
                return;
            }
        }
    }
}

void http_client_address(const struct http_request *request, uint8_t ret[HTTP_ADDRESS_BYTES])
{
    memcpy(ret, request->peer, HTTP_ADDRESS_BYTES);
    if (request->loop->server->options.trusted_count > 0 &&
        is_trusted(&request->loop->server->options, ret)) {
        forwarded_follow(request, ret);
    }
}

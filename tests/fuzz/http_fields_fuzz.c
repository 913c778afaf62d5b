/* Header fields with a grammar of their own: Accept-Encoding and X-Forwarded-For; and the setting
 * that names trusted proxies. The first byte chooses. */
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "http/gzip_internal.h"
#include "http/peer_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void forwarded(struct lucid_span list)
{
    size_t len = list.len;
    struct lucid_span hop;
    for (size_t hops = 0; http_forwarded_last(&list, &hop); hops++) {
        uint8_t address[HTTP_ADDRESS_BYTES] = {0};
        uint8_t again[HTTP_ADDRESS_BYTES] = {0};
        char text[HTTP_ADDRESS_TEXT_BYTES];
        lucid_assert(hops <= len);
        if (http_address_parse(hop, address)) {
            size_t text_len = http_address_format(address, text);
            lucid_assert(http_address_parse(lucid_span(text, text_len), again));
            lucid_assert(memcmp(address, again, sizeof(address)) == 0);
        }
    }
}

static void networks(struct lucid_span input)
{
    struct http_network list[8];
    size_t count = 0;
    char *text = malloc(input.len + 1);
    lucid_assert(text != NULL);
    memcpy(text, input.data, input.len);
    text[input.len] = '\0';
    if (http_networks_parse(text, list, 8, &count) == LUCID_OK) {
        lucid_assert(count <= 8);
        for (size_t i = 0; i < count; i++) {
            lucid_assert(list[i].bits <= 8 * HTTP_ADDRESS_BYTES);
        }
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct lucid_span rest = lucid_span(data + 1, size - 1);
    switch (data[0]) {
    case 'a':
        (void)http_gzip_accepted(rest);
        break;
    case 'x':
        forwarded(rest);
        break;
    default:
        networks(rest);
        break;
    }
    return 0;
}

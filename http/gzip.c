#include "http/gzip_internal.h"

#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#include "base/assert.h"

/* Level 1: four fifths of what level 6 saves, at a third of its time. */
enum {
    LEVEL = 1,
    WRAP_GZIP = 16,
    WHOLE_BITS = 15,
    WHOLE_MEMORY = 8,
    SMALL_BITS = 13,
    SMALL_MEMORY = 6,
    ROOM_BYTES = 16 * 1024,
    WEIGHT_ONE = 1000
};

/* --- what the client asks for ----------------------------------------------------------------- */

static bool word_is(struct lucid_span text, const char *word)
{
    return text.len == strlen(word) && strncasecmp((const char *)text.data, word, text.len) == 0;
}

/* Cuts text at the first separator; returns what was before it, trimmed. */
static struct lucid_span part_take(struct lucid_span *text, char separator)
{
    const uint8_t *end = memchr(text->data, separator, text->len);
    size_t len = end == NULL ? text->len : (size_t)(end - text->data);
    struct lucid_span part = lucid_span_trim(lucid_span(text->data, len));
    size_t used = end == NULL ? len : len + 1;
    *text = lucid_span(text->data + used, text->len - used);
    return part;
}

/* "q=0.123" in thousandths; −1 when it is not that. */
static int weight_parse(struct lucid_span text)
{
    if (text.len < 3 || text.len > 7 || (text.data[0] != 'q' && text.data[0] != 'Q') ||
        text.data[1] != '=' || (text.data[2] != '0' && text.data[2] != '1') ||
        (text.len > 3 && text.data[3] != '.')) {
        return -1;
    }
    int weight = (text.data[2] - '0') * WEIGHT_ONE;
    int digit = WEIGHT_ONE / 10;
    for (size_t i = 4; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }
        weight += (text.data[i] - '0') * digit;
        digit /= 10;
    }
    return weight > WEIGHT_ONE ? -1 : weight;
}

/* Items that are malformed say nothing. */
static int item_weight(struct lucid_span parameters)
{
    int weight = WEIGHT_ONE;
    while (parameters.len > 0) {
        weight = weight_parse(part_take(&parameters, ';'));
    }
    return weight;
}

bool http_gzip_accepted(struct lucid_span field)
{
    int gzip = -1;
    int identity = -1;
    int any = -1;
    while (field.len > 0) {
        struct lucid_span item = part_take(&field, ',');
        struct lucid_span name = part_take(&item, ';');
        int weight = item_weight(item);
        if (word_is(name, "gzip") || word_is(name, "x-gzip")) {
            gzip = weight > gzip ? weight : gzip;
        } else if (word_is(name, "identity")) {
            identity = weight;
        } else if (word_is(name, "*")) {
            any = weight;
        }
    }
    gzip = gzip < 0 ? any : gzip;
    return gzip > 0 && gzip >= identity;
}

bool http_gzip_type(const char *content_type)
{
    static const char *const types[] = {"application/json", "application/x-ndjson",
                                        "application/problem+json", "application/schema+json",
                                        "text/plain"};
    for (size_t i = 0; content_type != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        size_t len = strlen(types[i]);
        if (strncmp(content_type, types[i], len) == 0 &&
            (content_type[len] == '\0' || content_type[len] == ';')) {
            return true;
        }
    }
    return false;
}

/* --- the coder -------------------------------------------------------------------------------- */

struct http_gzip {
    z_stream z;
};

enum lucid_error http_gzip_open(bool small, struct http_gzip **ret)
{
    struct http_gzip *gzip = calloc(1, sizeof(*gzip));
    if (gzip == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    int bits = (small ? SMALL_BITS : WHOLE_BITS) + WRAP_GZIP;
    if (deflateInit2(&gzip->z, LEVEL, Z_DEFLATED, bits, small ? SMALL_MEMORY : WHOLE_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        free(gzip);
        return LUCID_RETRY_MEMORY;
    }
    *ret = gzip;
    return LUCID_OK;
}

void http_gzip_close(struct http_gzip *gzip)
{
    if (gzip != NULL) {
        deflateEnd(&gzip->z); /* complains when it ends in the middle, which is fine */
        free(gzip);
    }
}

void http_gzip_piece(struct http_gzip *gzip, struct lucid_span in, bool last, struct lucid_buf *out)
{
    z_stream *z = &gzip->z;
    lucid_assert(in.len <= UINT32_MAX);
    z->next_in = (Bytef *)(uintptr_t)in.data;
    z->avail_in = (uInt)in.len;
    do {
        uint8_t *to = lucid_buf_extend(out, ROOM_BYTES);
        if (to == NULL) {
            break;
        }
        z->next_out = to;
        z->avail_out = ROOM_BYTES;
        int result = deflate(z, last ? Z_FINISH : Z_SYNC_FLUSH);
        lucid_assert(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
        out->len -= z->avail_out;
    } while (z->avail_out == 0);
    z->next_in = NULL;
    if (last) {
        lucid_assert(deflateReset(z) == Z_OK);
    }
}

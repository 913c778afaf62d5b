#include "base/assert.h"
#include "http/parser_internal.h"

/* RFC 9112 7.1:  chunk = size [ext] CRLF data CRLF ; last = "0" [ext] CRLF trailers CRLF.
 * Extensions and trailers are skipped but paid for out of one small budget per body, so that a
 * body cannot consist of them. */
enum { EXTRAS_BYTES_MAX = 4096, SIZE_DIGITS_MAX = 15 };

enum chunk_state {
    CHUNK_SIZE_FIRST = 0,
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_START,
    CHUNK_TRAILER,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
    CHUNK_DONE,
    CHUNK_BAD,
};

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        return (c | 0x20) - 'a' + 10;
    }
    return -1;
}

static bool is_text(uint8_t c)
{
    return (c >= ' ' && c != 0x7f) || c == '\t';
}

static enum chunk_state size_byte(struct http_chunks *chunks, uint8_t c, bool first)
{
    int digit = hex_value(c);
    if (digit >= 0) {
        chunks->digits = first ? 1 : chunks->digits + 1;
        chunks->left = (first ? 0 : chunks->left) * 16 + (unsigned)digit;
        return chunks->digits > SIZE_DIGITS_MAX ? CHUNK_BAD : CHUNK_SIZE;
    }
    if (first) {
        return CHUNK_BAD;
    }
    if (c == ';') {
        return CHUNK_EXTENSION;
    }
    return c == '\r' ? CHUNK_SIZE_LF : CHUNK_BAD;
}

/* A byte of an extension or a trailer line. */
static enum chunk_state extra_byte(struct http_chunks *chunks, uint8_t c, enum chunk_state here,
                                   enum chunk_state at_cr)
{
    if (c == '\r') {
        return at_cr;
    }
    if (chunks->extras < EXTRAS_BYTES_MAX + 1) {
        chunks->extras++;
    }
    return is_text(c) && chunks->extras <= EXTRAS_BYTES_MAX ? here : CHUNK_BAD;
}

static enum chunk_state expect_byte(uint8_t c, uint8_t want, enum chunk_state then)
{
    return c == want ? then : CHUNK_BAD;
}

static enum chunk_state chunk_byte(struct http_chunks *chunks, uint8_t c)
{
    switch ((enum chunk_state)chunks->state) {
    case CHUNK_SIZE_FIRST:
        return size_byte(chunks, c, true);
    case CHUNK_SIZE:
        return size_byte(chunks, c, false);
    case CHUNK_EXTENSION:
        return extra_byte(chunks, c, CHUNK_EXTENSION, CHUNK_SIZE_LF);
    case CHUNK_SIZE_LF:
        return expect_byte(c, '\n', chunks->left == 0 ? CHUNK_TRAILER_START : CHUNK_DATA);
    case CHUNK_DATA_CR:
        return expect_byte(c, '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF:
        return expect_byte(c, '\n', CHUNK_SIZE_FIRST);
    case CHUNK_TRAILER_START:
        /* A folded trailer is as unwelcome as a folded header. */
        return c == ' ' || c == '\t' ? CHUNK_BAD
                                     : extra_byte(chunks, c, CHUNK_TRAILER, CHUNK_END_LF);
    case CHUNK_TRAILER:
        return extra_byte(chunks, c, CHUNK_TRAILER, CHUNK_TRAILER_LF);
    case CHUNK_TRAILER_LF:
        return expect_byte(c, '\n', CHUNK_TRAILER_START);
    case CHUNK_END_LF:
        return expect_byte(c, '\n', CHUNK_DONE);
    case CHUNK_DATA:
    case CHUNK_DONE:
    case CHUNK_BAD:
        break;
    }
    return CHUNK_BAD;
}

static enum http_step chunk_piece(struct http_chunks *chunks, struct lucid_span in, size_t at,
                                  size_t *ret_used, struct lucid_span *ret_piece)
{
    size_t len = in.len - at;
    if (len > chunks->left) {
        len = (size_t)chunks->left;
    }
    chunks->left -= len;
    if (chunks->left == 0) {
        chunks->state = CHUNK_DATA_CR;
    }
    *ret_piece = lucid_span(in.data + at, len);
    *ret_used = at + len;
    return HTTP_STEP_PIECE;
}

enum http_step http_chunks_step(struct http_chunks *chunks, struct lucid_span in, size_t *ret_used,
                                struct lucid_span *ret_piece, enum http_refusal *ret_refusal)
{
    lucid_assert(chunks->state != CHUNK_DONE && chunks->state != CHUNK_BAD);
    for (size_t at = 0; at < in.len; at++) {
        if (chunks->state == CHUNK_DATA) {
            return chunk_piece(chunks, in, at, ret_used, ret_piece);
        }
        chunks->state = (int)chunk_byte(chunks, in.data[at]);
        if (chunks->state == CHUNK_BAD) {
            *ret_refusal =
                chunks->extras > EXTRAS_BYTES_MAX ? HTTP_REFUSED_CHUNK_EXTRAS : HTTP_REFUSED_CHUNK;
            return HTTP_STEP_REFUSED;
        }
        if (chunks->state == CHUNK_DONE) {
            *ret_used = at + 1;
            return HTTP_STEP_DONE;
        }
    }
    *ret_used = in.len;
    return HTTP_STEP_MORE;
}

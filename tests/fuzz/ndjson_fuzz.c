/* A batch's bytes in pieces of any size, its lines taken at any time: what comes out must be what a
 * plain reading of the whole says.
 *
 * The first byte is the longest line allowed, the second seeds the cuts; the rest is the batch. */
#include <stdlib.h>

#include "base/assert.h"
#include "http/api/lines_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The plain reading: one line a call, empty ones as they stand. False at the end. */
static bool plain_next(struct lucid_span bytes, size_t *at, struct lucid_span *ret_text)
{
    if (*at == bytes.len) {
        return false;
    }
    size_t begin = *at;
    size_t end = begin;
    while (end < bytes.len && bytes.data[end] != '\n') {
        end++;
    }
    *at = end < bytes.len ? end + 1 : end;
    if (end > begin && bytes.data[end - 1] == '\r') {
        end--;
    }
    *ret_text = lucid_span(bytes.data + begin, end - begin);
    return true;
}

/* Where the lines that count end: behind the last that is not empty. */
static size_t plain_end(struct lucid_span bytes)
{
    struct lucid_span text;
    size_t counted = 0;
    for (size_t at = 0; plain_next(bytes, &at, &text);) {
        counted = text.len > 0 ? at : counted;
    }
    return counted;
}

struct reading {
    struct api_lines lines;
    struct lucid_span bytes; /* what counts of the whole */
    size_t at;               /* of the plain reading */
};

static void line_check(struct reading *reading, enum api_line kind, struct lucid_span text)
{
    struct lucid_span want;
    lucid_assert(plain_next(reading->bytes, &reading->at, &want));
    switch (kind) {
    case API_LINE_TEXT:
        lucid_assert(want.len > 0 && want.len <= reading->lines.line_bytes_max);
        lucid_assert(lucid_span_equal(text, want));
        break;
    case API_LINE_EMPTY:
        lucid_assert(want.len == 0);
        break;
    case API_LINE_TOO_LONG:
        lucid_assert(want.len > reading->lines.line_bytes_max);
        break;
    case API_LINE_NONE:
        lucid_assert(false);
    }
}

/* Takes at most count lines. */
static void take(struct reading *reading, size_t count)
{
    struct lucid_span text = {0};
    for (size_t i = 0; i < count; i++) {
        bool ready = api_lines_ready(&reading->lines);
        size_t left = api_lines_left(&reading->lines);
        enum api_line kind = api_lines_next(&reading->lines, &text);
        lucid_assert(ready || kind == API_LINE_NONE);
        lucid_assert(api_lines_left(&reading->lines) <= left);
        if (kind == API_LINE_NONE) {
            lucid_assert(!api_lines_ready(&reading->lines));
            lucid_assert(api_lines_left(&reading->lines) <= reading->lines.line_bytes_max + 2);
            return;
        }
        line_check(reading, kind, text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct lucid_span bytes = lucid_span(data + 2, size - 2);
    struct reading reading = {.bytes = lucid_span(bytes.data, plain_end(bytes))};
    unsigned cut = data[1];
    api_lines_init(&reading.lines, (size_t)data[0] + 1);
    for (size_t at = 0; at < bytes.len;) {
        cut = (cut * 75 + 74) % 65537;
        size_t len = bytes.len - at < cut % 41 ? bytes.len - at : cut % 41;
        /* A copy of its own, so that a sanitizer sees any look past the end. */
        uint8_t *piece = malloc(len + 1);
        lucid_assert(piece != NULL);
        memcpy(piece, bytes.data + at, len);
        lucid_assert(api_lines_put(&reading.lines, lucid_span(piece, len), false));
        free(piece);
        at += len;
        take(&reading, cut % 7);
    }
    lucid_assert(api_lines_put(&reading.lines, lucid_span(NULL, 0), true));
    take(&reading, SIZE_MAX);
    lucid_assert(reading.at == reading.bytes.len && api_lines_left(&reading.lines) == 0);
    api_lines_fini(&reading.lines);
    return 0;
}

#include "http/api/lines_internal.h"

#include "base/assert.h"

enum { MOVE_BYTES_MIN = 64 * 1024 }; /* used room in front that is worth a move */

void api_lines_init(struct api_lines *lines, size_t line_bytes_max)
{
    *lines = (struct api_lines){.line_bytes_max = line_bytes_max};
    lucid_buf_init(&lines->input, 0);
}

void api_lines_fini(struct api_lines *lines)
{
    lucid_buf_fini(&lines->input);
}

size_t api_lines_left(const struct api_lines *lines)
{
    return lines->input.len - lines->at;
}

static void input_clear(struct api_lines *lines)
{
    lucid_buf_clear(&lines->input);
    lines->at = 0;
    lines->scanned = 0;
}

void api_lines_stop(struct api_lines *lines)
{
    input_clear(lines);
    lines->ended = true;
    lines->skipping = false;
    lines->blanks = 0;
}

/* Moves on in the input, whose bytes stay where they are. */
static void input_use(struct api_lines *lines, size_t len)
{
    lucid_assert(len <= api_lines_left(lines));
    lines->at += len;
    if (lines->scanned < lines->at) {
        lines->scanned = lines->at;
    }
}

/* Frees the room in front from time to time; the lines that were given out are void then. */
static void input_settle(struct api_lines *lines)
{
    struct lucid_buf *input = &lines->input;
    if (lines->at == input->len) {
        if (lucid_buf_ok(input)) {
            input_clear(lines);
        }
    } else if (lines->at >= MOVE_BYTES_MIN && lines->at > input->len / 2) {
        memmove(input->data, input->data + lines->at, api_lines_left(lines));
        input->len -= lines->at;
        lines->scanned -= lines->at;
        lines->at = 0;
    }
}

bool api_lines_put(struct api_lines *lines, struct lucid_span piece, bool last)
{
    lucid_assert(!lines->ended);
    lines->ended = last;
    if (lines->skipping) {
        const uint8_t *end = piece.len == 0 ? NULL : memchr(piece.data, '\n', piece.len);
        if (end == NULL) {
            return lucid_buf_ok(&lines->input);
        }
        lines->skipping = false;
        size_t skip = (size_t)(end + 1 - piece.data);
        piece = lucid_span(piece.data + skip, piece.len - skip);
    }
    input_settle(lines);
    lucid_buf_span_put(&lines->input, piece);
    return lucid_buf_ok(&lines->input);
}

void api_lines_cut(struct api_lines *lines)
{
    struct lucid_buf *input = &lines->input;
    const uint8_t *start = input->data + lines->at;
    size_t left = api_lines_left(lines);
    const uint8_t *end = left == 0 ? NULL : memrchr(start, '\n', left);
    input->len = end == NULL ? lines->at : (size_t)(end + 1 - input->data);
    lines->scanned = lines->scanned < input->len ? lines->scanned : input->len;
    lines->ended = true;
}

/* The next line with its line feed, or what can be told of it already. False: not there yet. */
static bool line_find(struct api_lines *lines, struct lucid_span *ret)
{
    const struct lucid_buf *input = &lines->input;
    size_t left = input->len - lines->scanned;
    const uint8_t *end = left == 0 ? NULL : memchr(input->data + lines->scanned, '\n', left);
    if (end != NULL) {
        lines->scanned = (size_t)(end - input->data);
        *ret = lucid_span(input->data + lines->at, lines->scanned + 1 - lines->at);
        return true;
    }
    lines->scanned = input->len;
    size_t len = api_lines_left(lines);
    /* Two bytes more than the limit may still be a CR LF. */
    if (len > lines->line_bytes_max + 2 || (lines->ended && len > 0)) {
        *ret = lucid_span(input->data + lines->at, len);
        return true;
    }
    return false;
}

bool api_lines_ready(struct api_lines *lines)
{
    struct lucid_span line;
    return line_find(lines, &line);
}

static bool line_has_end(struct lucid_span line)
{
    return line.len > 0 && line.data[line.len - 1] == '\n';
}

static struct lucid_span line_trim(struct lucid_span line)
{
    line.len -= line_has_end(line) ? 1 : 0;
    line.len -= line.len > 0 && line.data[line.len - 1] == '\r' ? 1 : 0;
    return line;
}

enum api_line api_lines_next(struct api_lines *lines, struct lucid_span *ret_text)
{
    struct lucid_span line;
    struct lucid_span text = {0};
    input_settle(lines);
    while (text.len == 0) {
        if (!line_find(lines, &line)) {
            return API_LINE_NONE;
        }
        text = line_trim(line);
        if (text.len == 0) {
            lines->blanks++;
            input_use(lines, line.len);
        }
    }
    if (lines->blanks > 0) { /* those in front of it, one a call; it stays */
        lines->blanks--;
        return API_LINE_EMPTY;
    }
    input_use(lines, line.len);
    if (text.len > lines->line_bytes_max) {
        lines->skipping = !line_has_end(line);
        return API_LINE_TOO_LONG;
    }
    *ret_text = text;
    return API_LINE_TEXT;
}

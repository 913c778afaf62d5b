/* NDJSON bytes that come in pieces, cut into lines. Pure: no socket, no receipt; batch.c feeds it.
 *
 * However the bytes are cut into pieces, the same lines come out, in order:
 *   - a line ends with LF or CR LF; the last one may lack its end;
 *   - empty lines count only when something follows them;
 *   - a line over line_bytes_max is told once and passed over, without being held.
 *
 * Holds the pieces that were put and not yet taken, so who feeds it must stop while lines wait. */
#ifndef LUCID_HTTP_API_LINES_INTERNAL_H
#define LUCID_HTTP_API_LINES_INTERNAL_H

#include "base/buf.h"

enum api_line {
    API_LINE_NONE, /* not there yet, or (ended) none is left */
    API_LINE_TEXT,
    API_LINE_EMPTY,
    API_LINE_TOO_LONG,
};

struct api_lines {
    size_t line_bytes_max; /* without the line's end */
    bool ended;            /* no more input comes, or is wanted */
    bool skipping;         /* inside a line that was too long */
    uint64_t blanks;       /* empty lines that only count when something follows */
    size_t at;             /* of the next line in input */
    size_t scanned;        /* no line end between at and here */
    struct lucid_buf input;
};

/* Caller's memory; allocates nothing. */
void api_lines_init(struct api_lines *lines, size_t line_bytes_max);
void api_lines_fini(struct api_lines *lines);

/* Takes a copy of piece; last: nothing follows. Not after the end. False without memory: what comes
 * out then would have a hole. */
bool api_lines_put(struct api_lines *lines, struct lucid_span piece, bool last) LUCID_WARN_UNUSED;

/* Ends at the last line end that was put: what follows it was cut off and is no line. */
void api_lines_cut(struct api_lines *lines);

/* Drops what is there and ends: nothing more comes out. */
void api_lines_stop(struct api_lines *lines);

/* Whether api_lines_next has something to do; it may still find nothing but empty lines. */
bool api_lines_ready(struct api_lines *lines);

/* Bytes that were put and not taken. */
size_t api_lines_left(const struct api_lines *lines);

/* Takes the next line. *ret_text, for API_LINE_TEXT only, is the line without its end and good
 * until the next call that is not api_lines_left. */
enum api_line api_lines_next(struct api_lines *lines, struct lucid_span *ret_text);

#endif

/* Content coding gzip (RFC 9110 8.4, 12.5.3; RFC 1952). The only file that knows zlib is gzip.c. */
#ifndef LUCID_HTTP_GZIP_INTERNAL_H
#define LUCID_HTTP_GZIP_INTERNAL_H

#include "base/buf.h"

enum {
    HTTP_GZIP_BYTES_MIN = 1024,        /* smaller bodies are sent as they are */
    HTTP_GZIP_WHOLE_MAX = 64 * 1024,   /* larger ones are coded a slice a turn: about 1 ms */
    HTTP_GZIP_SLICE_BYTES = 32 * 1024, /* of those */
    HTTP_GZIP_STREAMS_MAX = 256,       /* at a time, 80 KiB each; further ones are not coded */
};

/* Whether an Accept-Encoding field asks for gzip rather than for nothing: a weight above 0, and not
 * below that of an explicit identity. Absent ({NULL, 0}): no. */
bool http_gzip_accepted(struct lucid_span field);

/* Whether content of that type is worth it: JSON and text, not what is random or a live stream. */
bool http_gzip_type(const char *content_type);

/* One coder. */
struct http_gzip;
/* small: for a stream among many; else for one body at a time. LUCID_RETRY_MEMORY. */
enum lucid_error http_gzip_open(bool small, struct http_gzip **ret) LUCID_WARN_UNUSED;
/* NULL is allowed. */
void http_gzip_close(struct http_gzip *gzip);
/* Codes a piece; what it gave so far can be decoded by the receiver. last: the coding ends, and the
 * coder begins anew. Failures show in out. */
void http_gzip_piece(struct http_gzip *gzip, struct lucid_span in, bool last,
                     struct lucid_buf *out);

#endif

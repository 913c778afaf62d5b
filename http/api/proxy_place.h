/* What a proxy's auth sub-request says of the request that it is about: method, address and request
 * id from one family of headers (CONTRACT 4, forward-auth). Two families are in use, and a proxy
 * sets one of them while a client may send the other: only the configured one counts, and whoever
 * is told of both is told nothing.
 *
 * Thread: pure functions. */
#ifndef LUCID_HTTP_API_PROXY_PLACE_H
#define LUCID_HTTP_API_PROXY_PLACE_H

#include "base/arena.h"
#include "base/error.h"

#define PROXY_METHOD_BYTES_MAX   16
#define PROXY_RESOURCE_BYTES_MAX 2048
#define PROXY_ID_BYTES_MIN       8
#define PROXY_ID_BYTES_MAX       128

enum proxy_family {
    PROXY_NONE, /* not configured: nothing is believed */
    PROXY_ORIGINAL,
    PROXY_FORWARDED,
};
/* "original", "forwarded"; "" is PROXY_NONE. */
bool proxy_family_parse(struct lucid_span text, enum proxy_family *ret) LUCID_WARN_UNUSED;

/* Headers that say, or could be taken to say, what the request was. */
enum proxy_field {
    PROXY_ORIGINAL_METHOD,
    PROXY_ORIGINAL_PROTO, /* optional: https */
    PROXY_ORIGINAL_HOST,
    PROXY_ORIGINAL_URI,
    PROXY_FORWARDED_METHOD,
    PROXY_FORWARDED_PROTO,
    PROXY_FORWARDED_HOST,
    PROXY_FORWARDED_URI,
    PROXY_FORWARDED_ALL, /* Forwarded (RFC 7239): of no family */
    PROXY_ORIGINAL_URL,  /* X-Original-URL and X-Rewrite-URL: some servers obey them */
    PROXY_REWRITE_URL,
    PROXY_FIELDS
};
/* In lower case, for reading a request; and as documented, for answers. */
const char *proxy_field_name(enum proxy_field field);
const char *proxy_field_title(enum proxy_field field);

/* A header of the sub-request: how often it is there, and the (first) value. */
struct proxy_value {
    size_t count;
    struct lucid_span text;
};

struct proxy_place {
    struct lucid_span method;   /* a HEAD is a GET whose answer is not wanted */
    struct lucid_span resource; /* proto://host + uri, the host in lower case */
    struct lucid_span path;     /* the same without the query */
};

/* Spans live in the arena. why->param is the header at fault; no text repeats what it holds.
 * LUCID_REFUSE_INVALID (PROXY_REQUEST_INVALID), LUCID_REFUSE_TOO_LARGE (the resource:
 * URI_TOO_LONG), LUCID_RETRY_MEMORY. */
enum lucid_error proxy_place_read(enum proxy_family family,
                                  const struct proxy_value values[PROXY_FIELDS],
                                  struct lucid_arena *arena, struct proxy_place *ret,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

/* Whether that is a request id: 8 to 128 visible ASCII characters. */
bool proxy_id_ok(struct lucid_span id) LUCID_WARN_UNUSED;
/* Whether a header of that name may bear it: a token of at most 64 bytes that has no other use
 * here. */
bool proxy_id_header_ok(struct lucid_span name) LUCID_WARN_UNUSED;

#endif

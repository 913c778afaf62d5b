/* Paths to routes. Built once, const afterwards. */
#ifndef LUCID_HTTP_ROUTER_INTERNAL_H
#define LUCID_HTTP_ROUTER_INTERNAL_H

#include "base/buf.h"
#include "http/http.h"
#include "http/parser_internal.h"

enum { HTTP_PARAMS_MAX = 8 };

struct http_router;

struct http_match {
    const struct http_route *route;
    size_t param_count;
    struct lucid_span names[HTTP_PARAMS_MAX];  /* in the pattern */
    struct lucid_span values[HTTP_PARAMS_MAX]; /* in the path that was matched */
};

/* routes are borrowed. Asserts that patterns are well formed (they are the program's own).
 * Errors: LUCID_RETRY_MEMORY. */
enum lucid_error http_router_open(const struct http_route *routes, size_t count,
                                  struct http_router **ret) LUCID_WARN_UNUSED;
void http_router_close(struct http_router *router);

/* The most specific route: one with as many segments as the path goes before one with a {name*},
 * then a literal segment before a {name}, the leftmost difference decides; HEAD finds GET.
 * LUCID_NOTE_ABSENT: no such path (404); LUCID_REFUSE_FORBIDDEN: the path is there, the method is
 * not (405, see http_router_allow). */
enum lucid_error http_router_match(const struct http_router *router, struct lucid_span method,
                                   const struct http_path *path,
                                   struct http_match *ret) LUCID_WARN_UNUSED;

/* The methods of a path for the Allow header: "GET, HEAD, POST". */
void http_router_allow(const struct http_router *router, const struct http_path *path,
                       struct lucid_buf *out);

#endif

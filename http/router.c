#include "http/router_internal.h"

#include <stdlib.h>

#include "base/assert.h"

enum segment_kind { SEGMENT_LITERAL, SEGMENT_NAME, SEGMENT_REST };

struct compiled {
    const struct http_route *route;
    struct lucid_span method;
    size_t segment_count;
    enum segment_kind kinds[HTTP_SEGMENTS_MAX];
    struct lucid_span texts[HTTP_SEGMENTS_MAX]; /* the literal, or the name */
};

struct http_router {
    size_t count;
    /* Routes with n segments are at [first[n], first[n + 1]); those that end in a {name*} are at
     * index 0, because no path has no segment. */
    size_t first[HTTP_SEGMENTS_MAX + 2];
    struct compiled routes[];
};

static bool has_rest(const struct compiled *compiled)
{
    return compiled->kinds[compiled->segment_count - 1] == SEGMENT_REST;
}

static size_t bucket_of(const struct compiled *compiled)
{
    return has_rest(compiled) ? 0 : compiled->segment_count;
}

static void route_compile(const struct http_route *route, struct compiled *ret)
{
    struct http_path path;
    http_path_split(lucid_span_str(route->pattern), &path);
    lucid_assert(path.segment_count <= HTTP_SEGMENTS_MAX);
    lucid_assert(route->handle != NULL && route->method != NULL);
    lucid_assert((route->flags & HTTP_ROUTE_STREAM) == 0 || route->data != NULL);
    *ret = (struct compiled){.route = route,
                             .method = lucid_span_str(route->method),
                             .segment_count = path.segment_count};
    size_t names = 0;
    for (size_t i = 0; i < path.segment_count; i++) {
        struct lucid_span text = path.segments[i];
        ret->texts[i] = text;
        if (text.len == 0 || text.data[0] != '{') {
            continue;
        }
        lucid_assert(text.len > 2 && text.data[text.len - 1] == '}');
        bool rest = text.data[text.len - 2] == '*';
        lucid_assert(!rest || (i == path.segment_count - 1 && text.len > 3));
        ret->kinds[i] = rest ? SEGMENT_REST : SEGMENT_NAME;
        ret->texts[i] = lucid_span(text.data + 1, text.len - (rest ? 3 : 2));
        lucid_assert(++names <= HTTP_PARAMS_MAX);
    }
}

static int compare_compiled(const void *left, const void *right)
{
    const struct compiled *a = left;
    const struct compiled *b = right;
    if (bucket_of(a) != bucket_of(b)) {
        return bucket_of(a) < bucket_of(b) ? -1 : 1;
    }
    size_t common = a->segment_count < b->segment_count ? a->segment_count : b->segment_count;
    for (size_t i = 0; i < common; i++) {
        if (a->kinds[i] != b->kinds[i]) {
            return a->kinds[i] < b->kinds[i] ? -1 : 1;
        }
    }
    if (a->segment_count != b->segment_count) {
        return a->segment_count > b->segment_count ? -1 : 1;
    }
    return a->route < b->route ? -1 : a->route > b->route;
}

enum lucid_error http_router_open(const struct http_route *routes, size_t count,
                                  struct http_router **ret)
{
    struct http_router *router = calloc(1, sizeof(*router) + count * sizeof(router->routes[0]));
    if (router == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    router->count = count;
    for (size_t i = 0; i < count; i++) {
        route_compile(&routes[i], &router->routes[i]);
    }
    qsort(router->routes, count, sizeof(router->routes[0]), compare_compiled);
    size_t at = 0;
    for (size_t bucket = 0; bucket <= HTTP_SEGMENTS_MAX + 1; bucket++) {
        router->first[bucket] = at;
        while (at < count && bucket_of(&router->routes[at]) == bucket) {
            at++;
        }
    }
    *ret = router;
    return LUCID_OK;
}

void http_router_close(struct http_router *router)
{
    free(router);
}

static bool path_matches(const struct compiled *compiled, const struct http_path *path)
{
    for (size_t i = 0; i < compiled->segment_count; i++) {
        struct lucid_span segment = path->segments[i];
        if (compiled->kinds[i] == SEGMENT_LITERAL) {
            if (!lucid_span_equal(segment, compiled->texts[i])) {
                return false;
            }
        } else if (segment.len == 0) {
            return false;
        }
    }
    return true;
}

static bool method_matches(const struct compiled *compiled, struct lucid_span method)
{
    return lucid_span_equal(compiled->method, method) ||
           (lucid_span_is(method, "HEAD") && lucid_span_is(compiled->method, "GET"));
}

static void match_fill(const struct compiled *compiled, const struct http_path *path,
                       struct http_match *ret)
{
    ret->route = compiled->route;
    ret->param_count = 0;
    for (size_t i = 0; i < compiled->segment_count; i++) {
        if (compiled->kinds[i] == SEGMENT_LITERAL) {
            continue;
        }
        struct lucid_span value = path->segments[i];
        if (compiled->kinds[i] == SEGMENT_REST) {
            value.len = (size_t)(path->text.data + path->text.len - value.data);
        }
        ret->names[ret->param_count] = compiled->texts[i];
        ret->values[ret->param_count++] = value;
    }
}

/* The routes that may match by their number of segments, most specific first: turn 0 those with
 * exactly as many, turn 1 those that end in a {name*}. */
static void candidates(const struct http_router *router, const struct http_path *path, int turn,
                       size_t *ret_from, size_t *ret_to)
{
    size_t bucket = turn == 0 ? path->segment_count : 0;
    bool none = bucket > HTTP_SEGMENTS_MAX;
    *ret_from = none ? 0 : router->first[bucket];
    *ret_to = none ? 0 : router->first[bucket + 1];
}

/* A whole pattern of one {name*} takes every path; alone it does not make a 405 of a 404. */
static bool is_catch_all(const struct compiled *compiled)
{
    return compiled->segment_count == 1 && has_rest(compiled);
}

enum lucid_error http_router_match(const struct http_router *router, struct lucid_span method,
                                   const struct http_path *path, struct http_match *ret)
{
    enum lucid_error result = LUCID_NOTE_ABSENT;
    for (int turn = 0; turn < 2; turn++) {
        size_t from;
        size_t to;
        candidates(router, path, turn, &from, &to);
        for (size_t i = from; i < to; i++) {
            const struct compiled *compiled = &router->routes[i];
            if (compiled->segment_count > path->segment_count || !path_matches(compiled, path)) {
                continue;
            }
            if (method_matches(compiled, method)) {
                match_fill(compiled, path, ret);
                return LUCID_OK;
            }
            if (!is_catch_all(compiled)) {
                result = LUCID_REFUSE_FORBIDDEN;
            }
        }
    }
    return result;
}

/* Whether one of the comma-separated methods in text is method. */
static bool allow_has(struct lucid_span text, struct lucid_span method)
{
    for (size_t at = 0; at + method.len <= text.len;) {
        const uint8_t *comma = memchr(text.data + at, ',', text.len - at);
        size_t end = comma == NULL ? text.len : (size_t)(comma - text.data);
        if (lucid_span_equal(lucid_span(text.data + at, end - at), method)) {
            return true;
        }
        at = end + 2;
    }
    return false;
}

static void allow_add(struct lucid_buf *out, struct lucid_span method)
{
    if (allow_has(lucid_buf_span(out), method)) {
        return;
    }
    if (out->len > 0) {
        lucid_buf_str(out, ", ");
    }
    lucid_buf_span_put(out, method);
}

void http_router_allow(const struct http_router *router, const struct http_path *path,
                       struct lucid_buf *out)
{
    for (int turn = 0; turn < 2; turn++) {
        size_t from;
        size_t to;
        candidates(router, path, turn, &from, &to);
        for (size_t i = from; i < to; i++) {
            const struct compiled *compiled = &router->routes[i];
            if (compiled->segment_count > path->segment_count || !path_matches(compiled, path)) {
                continue;
            }
            allow_add(out, compiled->method);
            if (lucid_span_is(compiled->method, "GET")) {
                allow_add(out, lucid_span_str("HEAD"));
            }
        }
    }
}

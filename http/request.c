#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "http/server_internal.h"

uint64_t http_now_us(void)
{
    struct timespec now;
    lucid_assert(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- life ------------------------------------------------------------------------------------- */

static struct http_request *request_alloc(struct http_loop *loop)
{
    struct http_request *request = loop->request_pool;
    if (request != NULL) {
        loop->request_pool = request->next;
        loop->request_pool_count--;
        return request;
    }
    size_t headers = loop->server->parse_limits.header_count_max;
    request = malloc(sizeof(*request) + headers * sizeof(request->headers[0]));
    if (request != NULL) {
        lucid_arena_init(&request->arena, HTTP_ARENA_BYTES_MAX);
        lucid_buf_init(&request->body, 0);
        lucid_buf_init(&request->extra, 0);
    }
    return request;
}

static void id_make(struct http_request *request)
{
    static const char digits[] = "0123456789abcdef";
    struct http_loop *loop = request->loop;
    memcpy(request->id, loop->id_prefix, 16);
    request->id[16] = '-';
    uint64_t count = loop->id_count++;
    size_t len = 17;
    for (int shift = 28; shift >= 0; shift -= 4) {
        request->id[len++] = digits[(count >> shift) & 15];
    }
    request->id_len = len;
}

struct http_request *http_request_new(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    struct http_request *request = request_alloc(loop);
    if (request == NULL) {
        return NULL;
    }
    loop->requests_live++;
    /* Arena and buffers keep their memory from one request to the next; headers need no clearing.
     */
    struct lucid_arena arena = request->arena;
    struct lucid_buf body = request->body;
    struct lucid_buf extra = request->extra;
    *request = (struct http_request){.loop = loop,
                                     .connection = connection,
                                     .arena = arena,
                                     .body = body,
                                     .extra = extra,
                                     .start_us = connection->start_us};
    memcpy(request->peer, connection->peer, sizeof(request->peer));
    request->head.headers = request->headers;
    request->head.content_length = -1;
    id_make(request);
    return request;
}

static bool id_is_good(struct lucid_span id)
{
    if (id.len == 0 || id.len > HTTP_ID_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.data[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alnum && c != '.' && c != '_' && c != ':' && c != '-') {
            return false;
        }
    }
    return true;
}

void http_request_identify(struct http_request *request)
{
    struct lucid_span id = http_head_find(&request->head, "x-request-id");
    if (id_is_good(id)) {
        memcpy(request->id, id.data, id.len);
        request->id_len = id.len;
    }
}

static void request_retire(struct http_request *request)
{
    if (!request->recycled) {
        request->recycled = true;
        request->next = request->loop->dead;
        request->loop->dead = request;
    }
}

void http_request_finish(struct http_request *request, int status)
{
    lucid_assert(request->connection != NULL);
    struct http_loop *loop = request->loop;
    const struct http_server_options *options = &loop->server->options;
    const struct http_connection *connection = request->connection;
    request->connection = NULL;
    http_coding_end(request);
    atomic_fetch_sub(&loop->server->inflight_bytes, request->reserved);
    request->reserved = 0;
    if (options->done != NULL || options->access_log) {
        struct http_outcome outcome = {
            .route = request->route, .status = status, .micros = http_now_us() - request->start_us};
        if (options->done != NULL) {
            options->done(&outcome, options->context);
        }
        if (options->access_log) {
            http_access_write(request, connection, &outcome);
        }
    }
    if (request->over != NULL) {
        request->over(request, request->user);
    }
    if (request->holds == 0) {
        request_retire(request);
    }
}

static void request_free(struct http_request *request)
{
    lucid_arena_fini(&request->arena);
    lucid_buf_fini(&request->body);
    lucid_buf_fini(&request->extra);
    free(request);
}

void http_request_recycle_all(struct http_loop *loop)
{
    while (loop->dead != NULL) {
        struct http_request *request = loop->dead;
        loop->dead = request->next;
        loop->requests_live--;
        lucid_arena_reset(&request->arena);
        lucid_buf_clear(&request->body);
        lucid_buf_clear(&request->extra);
        if (request->arena.total + request->body.cap + request->extra.cap > HTTP_POOL_BYTES_MAX ||
            loop->request_pool_count == HTTP_POOL_MAX) {
            request_free(request);
            continue;
        }
        request->next = loop->request_pool;
        loop->request_pool = request;
        loop->request_pool_count++;
    }
}

void http_request_pool_free(struct http_loop *loop)
{
    while (loop->request_pool != NULL) {
        struct http_request *request = loop->request_pool;
        loop->request_pool = request->next;
        request_free(request);
    }
    loop->request_pool_count = 0;
}

void http_hold(struct http_request *request)
{
    lucid_assert(!request->recycled);
    request->holds++;
}

void http_release(struct http_request *request)
{
    lucid_assert(request->holds > 0);
    request->holds--;
    if (request->holds == 0 && request->connection == NULL) {
        request_retire(request);
        http_loop_again(request->loop);
    }
}

bool http_is_half_closed(const struct http_request *request)
{
    return request->connection != NULL && request->connection->eof;
}

bool http_is_gone(const struct http_request *request)
{
    return request->connection == NULL || request->cut;
}

void http_set_user(struct http_request *request, void *user,
                   void (*over)(struct http_request *request, void *user))
{
    request->user = user;
    request->over = over;
}

void *http_user(const struct http_request *request)
{
    return request->user;
}

bool http_reserve(struct http_request *request, size_t bytes)
{
    struct http_server *server = request->loop->server;
    if (request->connection == NULL) {
        return false;
    }
    uint64_t before = atomic_fetch_add(&server->inflight_bytes, bytes);
    if (before + bytes > server->options.limits.inflight_bytes_max) {
        atomic_fetch_sub(&server->inflight_bytes, bytes);
        return false;
    }
    request->reserved += bytes;
    return true;
}

/* --- pausing ---------------------------------------------------------------------------------- */

void http_pause(struct http_request *request)
{
    struct http_connection *connection = request->connection;
    if (connection == NULL || connection->current != request || connection->paused) {
        return;
    }
    connection->paused = true;
    uint64_t now_ms = request->loop->now_ms;
    bool timed = connection->state == HTTP_STATE_BODY && connection->deadline_ms != 0;
    connection->paused_left_ms =
        timed && connection->deadline_ms > now_ms ? connection->deadline_ms - now_ms : timed;
    connection->deadline_ms = timed ? 0 : connection->deadline_ms;
    http_loop_ready(connection);
}

void http_resume(struct http_request *request)
{
    struct http_connection *connection = request->connection;
    if (connection == NULL || connection->current != request || !connection->paused) {
        return;
    }
    connection->paused = false;
    if (connection->paused_left_ms != 0 && connection->state == HTTP_STATE_BODY) {
        connection->deadline_ms = request->loop->now_ms + connection->paused_left_ms;
    }
    http_loop_ready(connection);
}

/* --- what it says ----------------------------------------------------------------------------- */

struct lucid_span http_method(const struct http_request *request)
{
    return request->head.method;
}

struct lucid_span http_path(const struct http_request *request)
{
    return request->path.text;
}

struct lucid_span http_target(const struct http_request *request)
{
    return request->head.target;
}

struct lucid_span http_param(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->match.param_count; i++) {
        if (lucid_span_is(request->match.names[i], name)) {
            return request->match.values[i];
        }
    }
    return lucid_span(NULL, 0);
}

struct lucid_span http_query(const struct http_request *request, const char *name)
{
    struct lucid_span query = request->head.query;
    if (query.len == 0) {
        return lucid_span(NULL, 0);
    }
    /* The arena is the request's own, so handing out const requests does not forbid it. */
    struct lucid_arena *arena = &((struct http_request *)(uintptr_t)request)->arena;
    uint8_t *out = lucid_arena_alloc(arena, query.len);
    size_t len = 0;
    if (out == NULL || http_query_find(query, name, out, &len) != LUCID_OK) {
        return lucid_span(NULL, 0);
    }
    return lucid_span(out, len);
}

struct lucid_span http_target_query(struct lucid_span target, const char *name,
                                    struct lucid_arena *arena)
{
    const uint8_t *mark = memchr(target.data, '?', target.len);
    size_t before = mark == NULL ? target.len : (size_t)(mark - target.data) + 1;
    uint8_t *out = before < target.len ? lucid_arena_alloc(arena, target.len - before) : NULL;
    size_t len = 0;
    if (out == NULL || http_query_find(lucid_span(target.data + before, target.len - before), name,
                                       out, &len) != LUCID_OK) {
        return lucid_span(NULL, 0);
    }
    return lucid_span(out, len);
}

bool http_header_at(const struct http_request *request, size_t index, struct lucid_span *ret_name,
                    struct lucid_span *ret_value)
{
    if (index >= request->head.header_count) {
        return false;
    }
    *ret_name = request->head.headers[index].name;
    *ret_value = request->head.headers[index].value;
    return true;
}

struct lucid_span http_header(const struct http_request *request, const char *name)
{
    return http_head_find(&request->head, name);
}

size_t http_header_count(const struct http_request *request, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < request->head.header_count; i++) {
        count += http_name_is(request->head.headers[i].name, name);
    }
    return count;
}

struct lucid_span http_body(const struct http_request *request)
{
    return lucid_buf_span(&request->body);
}

int64_t http_body_length(const struct http_request *request)
{
    if (request->head.chunked) {
        return -1;
    }
    return request->head.content_length < 0 ? 0 : request->head.content_length;
}

struct lucid_span http_request_id(const struct http_request *request)
{
    return lucid_span(request->id, request->id_len);
}

struct lucid_arena *http_arena(struct http_request *request)
{
    return &request->arena;
}

struct http_loop *http_request_loop(const struct http_request *request)
{
    return request->loop;
}

#include "base/assert.h"
#include "http/server_internal.h"

/* Input to requests: the head, the route, the body, the handler. Everything here runs inside
 * http_connection_turn; a handler may answer, pause or (by a failed send) lose the connection at
 * every call, so the state is looked at again after each. */

static void input_use(struct http_connection *connection, size_t len)
{
    lucid_assert(len <= connection->input.len);
    connection->input = lucid_span(connection->input.data + len, connection->input.len - len);
}

/* --- body ------------------------------------------------------------------------------------- */

static void body_end(struct http_connection *connection)
{
    struct http_request *request = connection->current;
    connection->deadline_ms = 0;
    connection->state = HTTP_STATE_WAIT;
    if ((request->route->flags & HTTP_ROUTE_STREAM) == 0) {
        request->route->handle(request, request->route);
    }
}

/* A de-chunked piece for the current request. */
static void body_piece(struct http_connection *connection, struct lucid_span piece, bool last)
{
    struct http_request *request = connection->current;
    const struct http_route *route = request->route;
    request->received += piece.len;
    if (request->received > route->body_bytes_max && (route->flags & HTTP_ROUTE_COUNTS) == 0) {
        http_connection_refuse(connection, HTTP_REFUSED_BODY_BYTES);
        return;
    }
    if ((route->flags & HTTP_ROUTE_STREAM) != 0) {
        if (last) {
            body_end(connection);
        }
        route->data(request, piece, last);
        return;
    }
    if (!http_reserve(request, piece.len)) {
        http_connection_refuse(connection, HTTP_REFUSED_INFLIGHT);
        return;
    }
    lucid_buf_span_put(&request->body, piece);
    if (!lucid_buf_ok(&request->body)) {
        http_connection_refuse(connection, HTTP_REFUSED_MEMORY);
        return;
    }
    if (last) {
        body_end(connection);
    }
}

/* The next piece of the body out of the input; what it takes is gone from the input. False: none
 * yet, or refused. */
static bool body_next(struct http_connection *connection, struct lucid_span *ret_piece,
                      bool *ret_last)
{
    if (!connection->body_chunked) {
        size_t len = connection->input.len;
        if (len > connection->body_left) {
            len = (size_t)connection->body_left;
        }
        *ret_piece = lucid_span(connection->input.data, len);
        connection->body_left -= len;
        *ret_last = connection->body_left == 0;
        input_use(connection, len);
        return true;
    }
    size_t used = 0;
    enum http_refusal refusal = HTTP_ACCEPTED;
    enum http_step step =
        http_chunks_step(&connection->chunks, connection->input, &used, ret_piece, &refusal);
    if (step == HTTP_STEP_REFUSED) {
        if (connection->state == HTTP_STATE_DISCARD) {
            connection->linger = true;
            connection->state = HTTP_STATE_END;
        } else {
            http_connection_refuse(connection, refusal);
        }
        return false;
    }
    input_use(connection, used);
    *ret_last = step == HTTP_STEP_DONE;
    if (*ret_last) {
        *ret_piece = lucid_span(NULL, 0);
    }
    return step != HTTP_STEP_MORE;
}

static bool body_step(struct http_connection *connection)
{
    struct lucid_span piece;
    bool last = false;
    if (connection->paused || connection->input.len == 0) {
        return false;
    }
    if (body_next(connection, &piece, &last)) {
        body_piece(connection, piece, last);
    }
    return true;
}

void http_receive_next(struct http_connection *connection)
{
    connection->state = HTTP_STATE_HEAD;
    connection->started = false;
    connection->deadline_ms =
        connection->loop->now_ms + connection->loop->server->options.limits.idle_ms_max;
}

/* The body of a request that is answered already. */
static bool discard_step(struct http_connection *connection)
{
    struct lucid_span piece;
    bool last = false;
    size_t before = connection->input.len;
    if (before == 0) {
        return false;
    }
    bool more = body_next(connection, &piece, &last);
    size_t used = before - connection->input.len;
    if (connection->state != HTTP_STATE_DISCARD) {
        return true;
    }
    if (more && last && connection->loop->stopping) {
        connection->state = HTTP_STATE_END;
    } else if (more && last) {
        http_receive_next(connection);
    } else if (used > connection->discard_left) {
        connection->linger = true;
        connection->state = HTTP_STATE_END;
    } else {
        connection->discard_left -= used;
    }
    return true;
}

/* --- head ------------------------------------------------------------------------------------- */

static void refuse_route(struct http_request *request, bool path_known)
{
    if (!path_known) {
        http_problem(request, 404, "NOT_FOUND", NULL, "there is nothing at this path");
        return;
    }
    struct lucid_buf allow;
    lucid_buf_init(&allow, 0);
    http_router_allow(request->loop->server->router, &request->path, &allow);
    lucid_buf_char(&allow, '\0');
    if (lucid_buf_ok(&allow)) {
        http_add_header(request, "Allow", (const char *)allow.data);
    }
    lucid_buf_fini(&allow);
    http_problem(request, 405, "METHOD_NOT_ALLOWED", NULL,
                 "this path does not have this method; see Allow");
}

/* Parses the head into the current request. The head is copied: it must live as long as the
 * request, the read buffer does not. */
static enum http_refusal head_parse(struct http_request *request, struct lucid_span head)
{
    const struct http_parse_limits *limits = &request->loop->server->parse_limits;
    struct lucid_span copy = lucid_arena_copy(&request->arena, head);
    if (copy.data == NULL) {
        return HTTP_REFUSED_MEMORY;
    }
    enum http_refusal refusal = http_head_parse(copy, limits, request->headers, &request->head);
    if (refusal != HTTP_ACCEPTED) {
        return refusal;
    }
    http_request_identify(request);
    struct lucid_span path = request->head.path;
    if (memchr(path.data, '%', path.len) == NULL && memmem(path.data, path.len, "..", 2) == NULL) {
        http_path_split(path, &request->path);
        return HTTP_ACCEPTED;
    }
    uint8_t *out = lucid_arena_alloc(&request->arena, path.len);
    return out == NULL ? HTTP_REFUSED_MEMORY : http_path_decode(path, out, &request->path);
}

static void body_expect(struct http_connection *connection, const struct http_request *request)
{
    const struct http_head *head = &request->head;
    connection->body_chunked = head->chunked;
    connection->chunks = (struct http_chunks){0};
    connection->body_left = head->content_length > 0 ? (uint64_t)head->content_length : 0;
    connection->state = HTTP_STATE_BODY;
    connection->deadline_ms =
        connection->loop->now_ms + connection->loop->server->options.limits.body_ms_max;
}

/* Everything that can be refused before the body is read. True: go on with the body. */
static bool head_admit(struct http_connection *connection, struct http_request *request)
{
    struct http_server *server = connection->loop->server;
    const struct http_server_options *options = &server->options;
    enum lucid_error found =
        http_router_match(server->router, request->head.method, &request->path, &request->match);
    if (found != LUCID_OK) {
        refuse_route(request, found == LUCID_REFUSE_FORBIDDEN);
        return false;
    }
    request->route = request->match.route;
    if (connection->body_left > request->route->body_bytes_max) {
        /* Not a fault in the framing: a body that is not absurd is read past, for the next one. */
        http_problem(request, 413, "BODY_TOO_LARGE", NULL, "the body is too large");
        return false;
    }
    bool stream = (request->route->flags & HTTP_ROUTE_STREAM) != 0;
    if (!stream && connection->body_left > 0 &&
        atomic_load(&server->inflight_bytes) + connection->body_left >
            options->limits.inflight_bytes_max) {
        http_connection_refuse(connection, HTTP_REFUSED_INFLIGHT);
        return false;
    }
    if (options->admit != NULL && !options->admit(request, request->route, options->context)) {
        lucid_assert(request->answer == HTTP_ANSWER_DONE || http_is_gone(request));
        return false;
    }
    if (stream) {
        request->route->handle(request, request->route);
    }
    return connection->current == request && connection->state == HTTP_STATE_BODY;
}

static void head_done(struct http_connection *connection, struct lucid_span head)
{
    struct http_request *request = http_request_new(connection);
    if (request == NULL) {
        http_connection_close(connection);
        return;
    }
    connection->current = request;
    enum http_refusal refusal = head_parse(request, head);
    if (refusal != HTTP_ACCEPTED) {
        http_connection_refuse(connection, refusal);
        return;
    }
    atomic_fetch_add_explicit(&connection->loop->requests, 1, memory_order_relaxed);
    request->keep_alive = request->head.keep_alive;
    request->no_body = lucid_span_is(request->head.method, "HEAD");
    body_expect(connection, request);
    bool empty = !connection->body_chunked && connection->body_left == 0;
    request->continue_wanted = request->head.expect_continue && !request->head.version_1_0 &&
                               !empty && connection->input.len == 0;
    if (!head_admit(connection, request)) {
        return;
    }
    if (empty) {
        body_piece(connection, lucid_span(NULL, 0), true);
    } else if (request->continue_wanted) {
        size_t before = 0;
        struct lucid_buf *out = http_output_open(connection, &before);
        if (out != NULL) {
            lucid_buf_str(out, "HTTP/1.1 100 Continue\r\n\r\n");
            http_output_commit(connection, out, before);
        }
        request->continue_wanted = false;
    }
}

static void head_started(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    connection->started = true;
    connection->scan = (struct http_scan){0};
    connection->deadline_ms = loop->now_ms + loop->server->options.limits.header_ms_max;
    if (loop->server->options.done != NULL || loop->server->options.access_log) {
        connection->start_us = http_now_us();
    }
}

static bool head_step(struct http_connection *connection)
{
    if (connection->input.len == 0) {
        return false;
    }
    if (!connection->started) {
        head_started(connection);
    }
    size_t end = 0;
    enum http_refusal refusal = HTTP_ACCEPTED;
    switch (http_head_scan(&connection->scan, connection->input,
                           &connection->loop->server->parse_limits, &end, &refusal)) {
    case HTTP_STEP_DONE: {
        size_t start = connection->scan.head_start;
        struct lucid_span head = lucid_span(connection->input.data + start, end - start);
        input_use(connection, end);
        head_done(connection, head);
        return true;
    }
    case HTTP_STEP_REFUSED:
        http_connection_refuse(connection, refusal);
        return true;
    case HTTP_STEP_MORE:
    case HTTP_STEP_PIECE:
        break;
    }
    return false;
}

/* Pipelined requests for large answers: what is queued goes out before the next one is built. */
static bool output_is_full(const struct http_connection *connection)
{
    return connection->out_bytes >= connection->loop->server->options.limits.output_bytes_max;
}

bool http_receive_advance(struct http_connection *connection)
{
    int heads = 0;
    for (bool going = true; going;) {
        switch (connection->state) {
        case HTTP_STATE_HEAD:
            if (connection->blocked) {
                return true; /* a client that does not read its answers gets no more of them */
            }
            if (heads++ == HTTP_TURN_REQUESTS_MAX || output_is_full(connection)) {
                return connection->input.len == 0;
            }
            going = head_step(connection);
            break;
        case HTTP_STATE_BODY:
            going = body_step(connection);
            break;
        case HTTP_STATE_DISCARD:
            going = discard_step(connection);
            break;
        case HTTP_STATE_END:
        case HTTP_STATE_LINGER:
            connection->input = lucid_span(NULL, 0);
            return true;
        case HTTP_STATE_WAIT:
        case HTTP_STATE_CLOSED:
            return true;
        }
    }
    return true;
}

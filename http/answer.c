#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "base/assert.h"
#include "http/server_internal.h"

void http_add_header(struct http_request *request, const char *name, const char *value)
{
    lucid_assert(strpbrk(name, "\r\n: ") == NULL && strpbrk(value, "\r\n") == NULL);
    if (request->private &&
        (strcasecmp(name, "Cache-Control") == 0 || strcasecmp(name, "ETag") == 0)) {
        return;
    }
    request->retry_after |= strcasecmp(name, "Retry-After") == 0;
    lucid_buf_str(&request->extra, name);
    lucid_buf_put(&request->extra, ": ", 2);
    lucid_buf_str(&request->extra, value);
    lucid_buf_put(&request->extra, "\r\n", 2);
}

void http_keep_private(struct http_request *request)
{
    if (!request->private) {
        http_add_header(request, "Cache-Control", "private, no-store");
        request->private = true;
    }
}

bool http_is_private(const struct http_request *request)
{
    return request->private;
}

void http_add_lines(struct http_request *request, struct lucid_span lines)
{
    lucid_buf_span_put(&request->extra, lines);
}

/* --- the head --------------------------------------------------------------------------------- */

/* IMF-fixdate of RFC 9110 5.6.7, made once a second. By hand, because strftime follows the
 * locale. */
static struct lucid_span date_line(struct http_loop *loop)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uint64_t second = loop->now_ms / 1000 + 1;
    if (loop->date_second != second) {
        time_t wall = (time_t)(lucid_wall_ms(&loop->server->options.clock) / 1000);
        struct tm tm;
        lucid_assert(gmtime_r(&wall, &tm) != NULL);
        int len = snprintf(
            loop->date, sizeof(loop->date), "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
            days + 3 * (tm.tm_wday % 7), tm.tm_mday % 100, months + 3 * (tm.tm_mon % 12),
            (tm.tm_year + 1900) % 10000, tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
        lucid_assert(len > 0 && (size_t)len < sizeof(loop->date));
        loop->date_len = (size_t)len;
        loop->date_second = second;
    }
    return lucid_span(loop->date, loop->date_len);
}

/* Whether the connection can serve another request after this answer. What is left of the body
 * must be small enough to read past; a client that waits for 100-continue may never send it. */
static bool stays_open(const struct http_request *request)
{
    const struct http_connection *connection = request->connection;
    if (!request->keep_alive || request->loop->stopping) {
        return false;
    }
    if (connection->state != HTTP_STATE_BODY) {
        return true;
    }
    return !request->continue_wanted &&
           (connection->body_chunked || connection->body_left <= HTTP_DISCARD_BYTES_MAX);
}

static void put_status(struct lucid_buf *out, int status)
{
    lucid_assert(status >= 200 && status <= 599);
    lucid_buf_put(out, "HTTP/1.1 ", 9);
    lucid_buf_u64(out, (uint64_t)status);
    lucid_buf_char(out, ' ');
    lucid_buf_str(out, http_status_title(status));
    lucid_buf_put(out, "\r\n", 2);
}

enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

static void put_head(struct http_request *request, struct lucid_buf *out, const char *content_type,
                     enum body_kind kind, size_t length)
{
    put_status(out, request->status);
    lucid_buf_span_put(out, date_line(request->loop));
    lucid_buf_put(out, "X-Request-Id: ", 14);
    lucid_buf_put(out, request->id, request->id_len);
    lucid_buf_put(out, "\r\n", 2);
    if (content_type != NULL) {
        lucid_buf_put(out, "Content-Type: ", 14);
        lucid_buf_str(out, content_type);
        lucid_buf_put(out, "\r\n", 2);
    }
    if (kind == BODY_LENGTH) {
        lucid_buf_put(out, "Content-Length: ", 16);
        lucid_buf_u64(out, length);
        lucid_buf_put(out, "\r\n", 2);
    } else if (kind == BODY_CHUNKED) {
        lucid_buf_str(out, "Transfer-Encoding: chunked\r\n");
    }
    if (!request->keep_alive) {
        lucid_buf_str(out, "Connection: close\r\n");
    } else if (request->head.version_1_0) {
        lucid_buf_str(out, "Connection: keep-alive\r\n");
    }
    lucid_buf_span_put(out, lucid_buf_span(&request->extra));
    lucid_buf_put(out, "\r\n", 2);
}

/* Whether an answer may go out; asserts that it is the first. */
static bool answer_starts(struct http_request *request, int status)
{
    if (http_is_gone(request)) {
        return false;
    }
    lucid_assert(request->answer == HTTP_ANSWER_NONE);
    lucid_assert(request->connection->current == request);
    request->status = status;
    request->begin_total = request->connection->out_total;
    request->no_body |= status == 204 || status == 304;
    return true;
}

/* --- whole answers ---------------------------------------------------------------------------- */

/* What could not be built becomes a 500 that needs no memory but the head's. */
static void replace_failed(struct http_request *request, struct lucid_buf *body)
{
    lucid_buf_fini(body);
    body->bytes_max = 0;
    lucid_buf_clear(&request->extra);
    request->status = 500;
    http_problem_write(body, 500, "INTERNAL", NULL, "the answer could not be built",
                       http_request_id(request));
}

void http_respond(struct http_request *request, int status, const char *content_type,
                  struct lucid_buf *body)
{
    if (!answer_starts(request, status)) {
        lucid_buf_fini(body);
        return;
    }
    request->keep_alive = stays_open(request);
    size_t bytes_max = body->bytes_max;
    if (http_coding_whole(request, content_type, body)) {
        return;
    }
    if (!lucid_buf_ok(body) || !lucid_buf_ok(&request->extra)) {
        replace_failed(request, body);
        content_type = "application/problem+json";
    }
    struct http_connection *connection = request->connection;
    bool none = request->status == 204 || request->status == 304;
    size_t before = 0;
    struct lucid_buf *out = http_output_open(connection, &before);
    if (out != NULL) {
        put_head(request, out, content_type, none ? BODY_NONE : BODY_LENGTH, body->len);
        http_output_commit(connection, out, before);
    }
    if (request->no_body || body->len == 0) {
        lucid_buf_fini(body);
    } else {
        http_output_take(connection, body);
    }
    body->bytes_max = bytes_max;
    request->answer = HTTP_ANSWER_DONE;
    http_connection_answered(connection);
}

/* --- streamed answers ------------------------------------------------------------------------- */

void http_respond_begin(struct http_request *request, int status, const char *content_type)
{
    if (!answer_starts(request, status)) {
        return;
    }
    struct http_connection *connection = request->connection;
    bool until_close = request->head.version_1_0;
    /* The rest of the body is read while the handler answers, or past: its length says nothing. */
    request->keep_alive = request->keep_alive && !until_close && !request->continue_wanted &&
                          !request->loop->stopping;
    request->chunked = !until_close;
    http_coding_stream(request, content_type);
    enum body_kind kind = until_close ? BODY_UNTIL_CLOSE : BODY_CHUNKED;
    size_t before = 0;
    struct lucid_buf *out = http_output_open(connection, &before);
    if (out != NULL) {
        bool none = status == 204 || status == 304;
        put_head(request, out, content_type, none ? BODY_NONE : kind, 0);
        http_output_commit(connection, out, before);
    }
    request->answer = HTTP_ANSWER_STREAM;
}

static void put_framing(struct http_connection *connection, size_t size, const char *text)
{
    size_t before = 0;
    struct lucid_buf *out = http_output_open(connection, &before);
    if (out == NULL) {
        return;
    }
    if (size > 0) {
        lucid_buf_printf(out, "%zx", size);
    }
    lucid_buf_str(out, text);
    http_output_commit(connection, out, before);
}

/* Takes a piece as it goes over the wire. False: it could not be built, the connection is cut. */
static bool piece_put(struct http_request *request, struct lucid_buf *data)
{
    struct http_connection *connection = request->connection;
    if (!lucid_buf_ok(data)) {
        lucid_buf_fini(data);
        http_respond_abort(request);
        return false;
    }
    if (data->len == 0 || request->no_body) {
        lucid_buf_fini(data);
    } else if (request->chunked) {
        put_framing(connection, data->len, "\r\n");
        http_output_take(connection, data);
        put_framing(connection, 0, "\r\n");
    } else {
        http_output_take(connection, data);
    }
    return true;
}

bool http_respond_data(struct http_request *request, struct lucid_buf *data)
{
    if (http_is_gone(request)) {
        lucid_buf_fini(data);
        return true; /* swallowed: the producer may as well run to its end */
    }
    lucid_assert(request->answer == HTTP_ANSWER_STREAM);
    http_coding_piece(request, false, data);
    if (!piece_put(request, data)) {
        return true;
    }
    request->throttled =
        request->connection->out_bytes >= request->loop->server->options.limits.output_bytes_max;
    return !request->throttled;
}

void http_respond_end(struct http_request *request)
{
    if (http_is_gone(request)) {
        return;
    }
    lucid_assert(request->answer == HTTP_ANSWER_STREAM);
    if (request->gzip != NULL) {
        struct lucid_buf rest = {0};
        http_coding_piece(request, true, &rest);
        if (!piece_put(request, &rest)) {
            return;
        }
    }
    if (request->chunked && !request->no_body) {
        put_framing(request->connection, 0, "0\r\n\r\n");
    }
    request->answer = HTTP_ANSWER_DONE;
    http_connection_answered(request->connection);
}

void http_respond_abort(struct http_request *request)
{
    if (request->connection != NULL) {
        http_connection_close(request->connection);
    }
}

void http_on_drained(struct http_request *request, void (*drained)(struct http_request *request))
{
    request->drained = drained;
}

#include <errno.h>
#include <unistd.h>

#include "http/server_internal.h"

/* One JSON line per request on standard error, gathered per loop. Pieces are whole lines of at most
 * PIPE_BUF bytes, which a pipe takes in one go: lines of other threads come between lines only. */

enum { PATH_BYTES_MAX = 512, METHOD_BYTES_MAX = 32 };

void http_access_flush(struct http_loop *loop)
{
    struct lucid_span left = lucid_span(loop->access_buffer, loop->access_len);
    while (left.len > 0) {
        ssize_t written = write(STDERR_FILENO, left.data, left.len);
        if (written < 0 && errno != EINTR) {
            break; /* nothing sensible can be done when standard error is gone */
        }
        size_t used = written < 0 ? 0 : (size_t)written;
        left = lucid_span(left.data + used, left.len - used);
    }
    loop->access_len = 0;
}

static struct lucid_span cut(struct lucid_span text, size_t max)
{
    return lucid_span(text.data, text.len < max ? text.len : max);
}

static uint64_t bytes_of(const struct http_request *request,
                         const struct http_connection *connection)
{
    if (request->answer == HTTP_ANSWER_NONE) {
        return 0;
    }
    uint64_t end = request->answer == HTTP_ANSWER_DONE ? request->end_total : connection->out_total;
    end = end < connection->sent_total ? end : connection->sent_total;
    return end > request->begin_total ? end - request->begin_total : 0;
}

static void line_write(const struct http_request *request, uint64_t bytes,
                       const struct http_outcome *outcome, struct lucid_buf *out)
{
    uint8_t address[HTTP_ADDRESS_BYTES];
    char text[HTTP_ADDRESS_TEXT_BYTES];
    http_client_address(request, address);
    size_t len = http_address_format(address, text);
    struct lucid_span target = http_target(request);
    const uint8_t *query = target.len == 0 ? NULL : memchr(target.data, '?', target.len);
    target.len = query == NULL ? target.len : (size_t)(query - target.data);
    lucid_buf_char(out, '{');
    lucid_json_member_time(out, "time", lucid_wall_ms(&request->loop->server->options.clock));
    lucid_json_member_cstr(out, "level", "info");
    lucid_json_member_cstr(out, "event", "http.request");
    lucid_json_member_str(out, "request_id", http_request_id(request));
    lucid_json_member_str(out, "method", cut(http_method(request), METHOD_BYTES_MAX));
    lucid_json_member_cstr(out, "route", outcome->route == NULL ? "" : outcome->route->pattern);
    /* As sent, without the query: ASCII without control characters, or the parser had refused it.
     */
    lucid_json_member_str(out, "path", cut(target, PATH_BYTES_MAX));
    lucid_json_member_u64(out, "status", (uint64_t)outcome->status);
    lucid_json_member_u64(out, "bytes", bytes);
    lucid_json_member_u64(out, "micros", outcome->micros);
    lucid_json_member_str(out, "peer", lucid_span(text, len));
    lucid_buf_str(out, "}\n");
}

void http_access_write(const struct http_request *request, const struct http_connection *connection,
                       const struct http_outcome *outcome)
{
    struct http_loop *loop = request->loop;
    struct lucid_buf *line = &loop->access_line;
    lucid_buf_clear(line);
    line_write(request, bytes_of(request, connection), outcome, line);
    if (!lucid_buf_ok(line) || line->len > HTTP_ACCESS_BYTES) {
        return; /* no memory: the answer is more important */
    }
    if (loop->access_len + line->len > HTTP_ACCESS_BYTES) {
        http_access_flush(loop);
    }
    memcpy(loop->access_buffer + loop->access_len, line->data, line->len);
    loop->access_len += line->len;
}

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "http/server_internal.h"

enum { SEGMENTS_PER_SEND = 16, SENDS_PER_FLUSH = 8 };

/* --- segments --------------------------------------------------------------------------------- */

static struct http_segment *segment_new(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    struct http_segment *segment = loop->segment_pool;
    if (segment != NULL) {
        loop->segment_pool = segment->next;
        loop->segment_pool_count--;
    } else {
        segment = malloc(sizeof(*segment));
        if (segment == NULL) {
            return NULL;
        }
        lucid_buf_init(&segment->buf, 0);
    }
    segment->next = NULL;
    segment->at = 0;
    if (connection->out_last == NULL) {
        connection->out_first = segment;
    } else {
        connection->out_last->next = segment;
    }
    connection->out_last = segment;
    return segment;
}

static void segment_free(struct http_loop *loop, struct http_segment *segment)
{
    if (segment->buf.cap > HTTP_POOL_BYTES_MAX || loop->segment_pool_count == HTTP_POOL_MAX) {
        lucid_buf_fini(&segment->buf);
        free(segment);
        return;
    }
    lucid_buf_clear(&segment->buf);
    segment->next = loop->segment_pool;
    loop->segment_pool = segment;
    loop->segment_pool_count++;
}

void http_output_pool_free(struct http_loop *loop)
{
    while (loop->segment_pool != NULL) {
        struct http_segment *segment = loop->segment_pool;
        loop->segment_pool = segment->next;
        lucid_buf_fini(&segment->buf);
        free(segment);
    }
    loop->segment_pool_count = 0;
}

void http_output_clear(struct http_connection *connection)
{
    while (connection->out_first != NULL) {
        struct http_segment *segment = connection->out_first;
        connection->out_first = segment->next;
        segment_free(connection->loop, segment);
    }
    connection->out_last = NULL;
    connection->out_bytes = 0;
}

/* --- appending -------------------------------------------------------------------------------- */

/* A buffer that could not grow: the client must see a cut, never a gap. Closing happens later,
 * because callers still hold the connection. */
static void output_fail(struct http_connection *connection)
{
    connection->failed = true;
    http_loop_ready(connection);
}

struct lucid_buf *http_output_open(struct http_connection *connection, size_t *ret_before)
{
    struct http_segment *segment = connection->out_last;
    if (segment == NULL || segment->buf.len >= HTTP_SEGMENT_BYTES) {
        segment = segment_new(connection);
    }
    if (segment == NULL) {
        output_fail(connection);
        return NULL;
    }
    *ret_before = segment->buf.len;
    return &segment->buf;
}

void http_output_commit(struct http_connection *connection, struct lucid_buf *buf, size_t before)
{
    lucid_assert(buf->len >= before);
    size_t added = buf->len - before;
    connection->out_bytes += added;
    connection->out_total += added;
    if (!lucid_buf_ok(buf)) {
        output_fail(connection);
    }
    http_loop_ready(connection);
}

void http_output_take(struct http_connection *connection, struct lucid_buf *body)
{
    if (body->len < HTTP_SEGMENT_BYTES) {
        size_t before = 0;
        struct lucid_buf *out = http_output_open(connection, &before);
        if (out != NULL) {
            lucid_buf_span_put(out, lucid_buf_span(body));
            http_output_commit(connection, out, before);
        }
        lucid_buf_fini(body);
        return;
    }
    struct http_segment *segment = segment_new(connection);
    if (segment == NULL) {
        output_fail(connection);
        lucid_buf_fini(body);
        return;
    }
    size_t bytes_max = body->bytes_max;
    lucid_buf_fini(&segment->buf);
    segment->buf = *body;
    segment->buf.bytes_max = 0;
    lucid_buf_init(body, bytes_max);
    http_output_commit(connection, &segment->buf, 0);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Takes sent bytes off the queue. */
static void output_sent(struct http_connection *connection, size_t sent)
{
    lucid_assert(sent <= connection->out_bytes);
    connection->out_bytes -= sent;
    connection->sent_total += sent;
    while (connection->out_first != NULL) {
        struct http_segment *segment = connection->out_first;
        size_t left = segment->buf.len - segment->at;
        if (sent < left) {
            segment->at += sent;
            return;
        }
        sent -= left;
        connection->out_first = segment->next;
        segment_free(connection->loop, segment);
    }
    connection->out_last = NULL;
    lucid_assert(sent == 0);
}

/* Answers whose last byte is with the kernel are over. */
static void complete_sent(struct http_connection *connection)
{
    while (connection->unsent_first != NULL &&
           connection->unsent_first->end_total <= connection->sent_total) {
        struct http_request *request = connection->unsent_first;
        connection->unsent_first = request->next;
        if (connection->unsent_first == NULL) {
            connection->unsent_last = NULL;
        }
        http_request_finish(request, request->status);
    }
}

static ssize_t send_some(struct http_connection *connection)
{
    if (connection->ssl != NULL) {
        return http_tls_send(connection);
    }
    struct iovec parts[SEGMENTS_PER_SEND];
    size_t count = 0;
    for (struct http_segment *segment = connection->out_first;
         segment != NULL && count < SEGMENTS_PER_SEND; segment = segment->next) {
        parts[count].iov_base = segment->buf.data + segment->at;
        parts[count++].iov_len = segment->buf.len - segment->at;
    }
    if (count == 1) {
        return send(connection->fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    return sendmsg(connection->fd, &message, MSG_NOSIGNAL);
}

static void write_watch(struct http_connection *connection)
{
    if (connection->tls_write_wants_read) {
        event_del(&connection->on_write);
    } else {
        event_add(&connection->on_write, NULL);
    }
}

static void set_blocked(struct http_connection *connection, bool blocked, bool progress)
{
    if (blocked && (progress || !connection->blocked)) {
        connection->write_deadline_ms =
            connection->loop->now_ms + connection->loop->server->options.limits.write_ms_max;
    }
    if (blocked == connection->blocked) {
        if (blocked && connection->ssl != NULL) {
            write_watch(connection);
        }
        return;
    }
    connection->blocked = blocked;
    /* After the end of the stream reading is edge-triggered, and libevent sets that per descriptor:
     * together with on_write the end would be reported without end. A reset shows in both. */
    if (blocked) {
        if (connection->eof) {
            event_del(&connection->on_read);
        }
        write_watch(connection);
    } else {
        event_del(&connection->on_write);
        if (connection->eof) {
            event_add(&connection->on_read, NULL);
        }
    }
}

void http_output_block(struct http_connection *connection)
{
    set_blocked(connection, true, false);
}

/* Lets a streaming producer go on when half of its allowance is free again. */
static void tell_drained(struct http_connection *connection)
{
    struct http_request *request = connection->current;
    size_t low = connection->loop->server->options.limits.output_bytes_max / 2;
    if (request != NULL && request->throttled && connection->out_bytes <= low) {
        request->throttled = false;
        if (request->drained != NULL) {
            request->drained(request);
        }
    }
}

void http_output_flush(struct http_connection *connection)
{
    bool progress = false;
    /* Bounded, so that one fast reader of a long stream does not hold up the others. */
    for (int round = 0; round < SENDS_PER_FLUSH && connection->out_bytes > 0; round++) {
        ssize_t sent = send_some(connection);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno != EAGAIN) {
            http_connection_close(connection);
            return;
        }
        if (sent < 0) {
            break;
        }
        progress |= sent > 0;
        output_sent(connection, (size_t)sent);
    }
    set_blocked(connection, connection->out_bytes > 0, progress);
    complete_sent(connection);
    if (connection->state != HTTP_STATE_CLOSED) {
        tell_drained(connection);
    }
}

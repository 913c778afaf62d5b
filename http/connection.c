#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "http/server_internal.h"

enum { SAVED_READ_BYTES = 16 * 1024 };

static const struct http_limits *limits_of(const struct http_connection *connection)
{
    return &connection->loop->server->options.limits;
}

/* --- closing ---------------------------------------------------------------------------------- */

static void list_remove(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    if (connection->prev == NULL) {
        loop->connections = connection->next;
    } else {
        connection->prev->next = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->prev = connection->prev;
    }
    if (loop->connections == NULL && !loop->stopping) {
        http_loop_ticking(loop, false);
    }
}

/* A client that was promised more must not be told that this was all. */
static void tls_end(struct http_connection *connection)
{
    if (connection->current == NULL && connection->out_bytes == 0 && !connection->failed) {
        (void)http_tls_shut(connection);
    }
    http_tls_detach(connection);
}

void http_connection_close(struct http_connection *connection)
{
    if (connection->state == HTTP_STATE_CLOSED) {
        return;
    }
    struct http_loop *loop = connection->loop;
    connection->state = HTTP_STATE_CLOSED;
    event_del(&connection->on_read);
    event_del(&connection->on_write);
    if (connection->ssl != NULL) {
        tls_end(connection);
    }
    close(connection->fd);
    connection->fd = -1;
    connection->input = lucid_span(NULL, 0);
    list_remove(connection);
    atomic_fetch_sub(&loop->open_count, 1);
    atomic_fetch_sub(&loop->server->connections_open, 1);
    struct http_request *current = connection->current;
    struct http_request *unsent = connection->unsent_first;
    connection->current = NULL;
    connection->unsent_first = NULL;
    while (unsent != NULL) {
        struct http_request *next = unsent->next;
        http_request_finish(unsent, 0);
        unsent = next;
    }
    if (current != NULL) {
        http_request_finish(current, 0);
    }
    connection->turning = false;
    http_loop_ready(connection); /* to be freed */
}

void http_connection_free(struct http_connection *connection)
{
    lucid_assert(connection->state == HTTP_STATE_CLOSED && connection->current == NULL);
    http_output_clear(connection);
    lucid_buf_fini(&connection->saved);
    free(connection);
}

/* All output is sent and no more requests are wanted. Closing a socket with unread input makes the
 * kernel send a reset that can destroy the answer on its way, hence the lingering. */
static void connection_shut(struct http_connection *connection)
{
    if (connection->ssl != NULL && !http_tls_shut(connection)) {
        http_output_block(connection);
        return;
    }
    if (!connection->linger || connection->eof) {
        http_connection_close(connection);
        return;
    }
    if (connection->ssl != NULL) {
        http_tls_detach(connection); /* what still comes is not looked at */
    }
    shutdown(connection->fd, SHUT_WR);
    connection->state = HTTP_STATE_LINGER;
    connection->deadline_ms = connection->loop->now_ms + HTTP_LINGER_MS;
    connection->discard_left = HTTP_LINGER_BYTES_MAX;
}

/* --- answers ---------------------------------------------------------------------------------- */

void http_connection_answered(struct http_connection *connection)
{
    struct http_request *request = connection->current;
    lucid_assert(request != NULL && request->answer == HTTP_ANSWER_DONE);
    connection->current = NULL;
    connection->paused = false;
    request->end_total = connection->out_total;
    request->next = NULL;
    if (connection->unsent_last == NULL || connection->unsent_first == NULL) {
        connection->unsent_first = request;
    } else {
        connection->unsent_last->next = request;
    }
    connection->unsent_last = request;

    bool stopping = connection->loop->stopping;
    bool unread = connection->state == HTTP_STATE_BODY &&
                  (connection->body_chunked || connection->body_left > 0);
    if (!request->keep_alive || stopping || connection->state == HTTP_STATE_HEAD) {
        connection->linger =
            unread || stopping || connection->state == HTTP_STATE_HEAD || connection->input.len > 0;
        connection->state = HTTP_STATE_END;
        connection->deadline_ms = 0;
    } else if (unread) {
        connection->state = HTTP_STATE_DISCARD;
        connection->discard_left = HTTP_DISCARD_BYTES_MAX;
        if (request->chunked) {
            /* A streamed answer that ended early: its head, sent long ago, promised to go on. */
            connection->discard_left += request->route->body_bytes_max;
        }
        connection->deadline_ms = connection->loop->now_ms + limits_of(connection)->body_ms_max;
    } else {
        http_receive_next(connection);
    }
    http_loop_ready(connection);
}

void http_connection_refuse(struct http_connection *connection, enum http_refusal refusal)
{
    if (refusal < HTTP_REFUSED_BODY_BYTES) {
        atomic_fetch_add_explicit(&connection->loop->refused, 1, memory_order_relaxed);
    }
    if (connection->current == NULL) {
        connection->current = http_request_new(connection);
    }
    struct http_request *request = connection->current;
    if (request == NULL || request->answer != HTTP_ANSWER_NONE) {
        http_connection_close(connection); /* half an answer cannot be taken back */
        return;
    }
    const struct http_refusal_text *text = http_refusal_text(refusal);
    request->keep_alive = false;
    http_problem(request, text->status, text->code, NULL, "%s", text->detail);
    request->cut = true;
}

/* --- turns ------------------------------------------------------------------------------------ */

/* The read buffer is the loop's: what is left of the input moves to the connection. */
static void input_stash(struct http_connection *connection)
{
    struct lucid_buf *saved = &connection->saved;
    if (connection->input.len == 0) {
        lucid_buf_fini(saved);
        return;
    }
    if (saved->len > 0) {
        return; /* the input is inside it already */
    }
    lucid_buf_span_put(saved, connection->input);
    connection->input = lucid_buf_span(saved);
    if (!lucid_buf_ok(saved)) {
        http_connection_close(connection);
    }
}

static void reading_update(struct http_connection *connection)
{
    bool wanted = (!connection->paused || connection->tls_write_wants_read) &&
                  connection->input.len < HTTP_READ_BYTES && connection->state != HTTP_STATE_END &&
                  !(connection->tls_read_wants_write && connection->blocked);
    if (connection->state == HTTP_STATE_LINGER) {
        wanted = connection->discard_left > 0;
    }
    if (connection->eof || wanted == connection->reading) {
        return;
    }
    connection->reading = wanted;
    if (wanted) {
        event_add(&connection->on_read, NULL);
    } else {
        event_del(&connection->on_read);
    }
}

/* The client shut its sending side: what is complete is still answered. */
static void eof_check(struct http_connection *connection)
{
    switch (connection->state) {
    case HTTP_STATE_HEAD:
        if (!connection->blocked) {
            connection->state = HTTP_STATE_END;
        }
        break;
    case HTTP_STATE_BODY:
        if (connection->input.len == 0) {
            http_connection_close(connection);
        }
        break;
    case HTTP_STATE_DISCARD:
        connection->state = HTTP_STATE_END;
        break;
    case HTTP_STATE_LINGER:
        http_connection_close(connection);
        break;
    case HTTP_STATE_WAIT:
    case HTTP_STATE_END:
    case HTTP_STATE_CLOSED:
        break;
    }
}

/* What TLS has taken from the socket already, nothing tells us of. */
static bool reads_on(const struct http_connection *connection)
{
    return connection->tls_more && connection->reading && !connection->paused &&
           connection->input.len < HTTP_READ_BYTES;
}

static void turn_end(struct http_connection *connection, bool share_used_up)
{
    if (connection->failed) {
        http_connection_close(connection);
        return;
    }
    if (connection->eof && !share_used_up) {
        eof_check(connection);
    }
    if (connection->state == HTTP_STATE_END && connection->current == NULL &&
        connection->out_bytes == 0) {
        connection_shut(connection);
    }
    if (connection->state != HTTP_STATE_CLOSED) {
        input_stash(connection);
    }
    if (connection->state == HTTP_STATE_CLOSED) {
        return;
    }
    reading_update(connection);
    if (share_used_up || (connection->out_bytes > 0 && !connection->blocked) ||
        reads_on(connection)) {
        http_loop_ready(connection);
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

static ssize_t receive(struct http_connection *connection, uint8_t *to, size_t room)
{
    if (connection->ssl != NULL) {
        return http_tls_recv(connection, to, room);
    }
    return recv(connection->fd, to, room, 0);
}

/* Appends to what is left of the input, which moves to the front first. */
static ssize_t read_saved(struct http_connection *connection)
{
    struct lucid_buf *saved = &connection->saved;
    memmove(saved->data, connection->input.data, connection->input.len);
    saved->len = connection->input.len;
    connection->input = lucid_buf_span(saved);
    size_t room = HTTP_READ_BYTES - saved->len;
    room = room < SAVED_READ_BYTES ? room : SAVED_READ_BYTES;
    uint8_t *to = lucid_buf_extend(saved, room);
    if (to == NULL) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t len = receive(connection, to, room);
    int error = errno;
    saved->len -= len > 0 ? room - (size_t)len : room;
    connection->input = lucid_buf_span(saved);
    errno = error;
    return len;
}

static ssize_t read_some(struct http_connection *connection)
{
    if (connection->input.len > 0) {
        return read_saved(connection);
    }
    uint8_t *buffer = connection->loop->read_buffer;
    ssize_t len = receive(connection, buffer, HTTP_READ_BYTES);
    if (len > 0 && connection->state == HTTP_STATE_LINGER) {
        size_t used = (size_t)len;
        connection->discard_left -=
            used < connection->discard_left ? used : connection->discard_left;
    } else if (len > 0) {
        connection->input = lucid_span(buffer, (size_t)len);
    }
    return len;
}

/* After the end of the stream recv reports no error any more. */
static bool was_reset(const struct http_connection *connection)
{
    int error = 0;
    socklen_t len = sizeof(error);
    return getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0;
}

static void on_read(evutil_socket_t fd, short what, void *context);

/* From here on only a reset is of interest; edge-triggered, because the end of the stream stays
 * readable for ever. */
static void eof_watch(struct http_connection *connection)
{
    connection->eof = true;
    event_del(&connection->on_read);
    event_assign(&connection->on_read, connection->loop->base, connection->fd,
                 EV_READ | EV_ET | EV_PERSIST, on_read, connection);
    if (!connection->blocked) { /* else on_write alone, see output.c */
        event_add(&connection->on_read, NULL);
    }
}

/* Reads once. False: the connection is closed. */
static bool input_receive(struct http_connection *connection)
{
    ssize_t len = read_some(connection);
    if (len == 0 && !connection->eof) {
        eof_watch(connection);
    } else if (len == 0 ? was_reset(connection) : len < 0 && errno != EAGAIN && errno != EINTR) {
        http_connection_close(connection);
        return false;
    }
    return true;
}

static void turn(struct http_connection *connection)
{
    connection->turning = true;
    bool share_used_up = false;
    if (connection->out_bytes > 0 && !connection->blocked) {
        http_output_flush(connection);
    }
    if (connection->state != HTTP_STATE_CLOSED) {
        share_used_up = !http_receive_advance(connection);
    }
    if (connection->state != HTTP_STATE_CLOSED && connection->out_bytes > 0 &&
        !connection->blocked) {
        http_output_flush(connection);
    }
    connection->turning = false;
    if (connection->state != HTTP_STATE_CLOSED) {
        turn_end(connection, share_used_up);
    }
}

void http_connection_turn(struct http_connection *connection)
{
    if (connection->state == HTTP_STATE_CLOSED) {
        return;
    }
    if (!reads_on(connection) || input_receive(connection)) {
        turn(connection);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

static void handshake_step(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    switch (http_tls_handshake(connection)) {
    case HTTP_TLS_DONE:
        atomic_fetch_add_explicit(&loop->tls_handshakes, 1, memory_order_relaxed);
        event_del(&connection->on_write);
        event_add(&connection->on_read, NULL);
        connection->tls_more = true; /* the request may have come along */
        http_receive_next(connection);
        http_connection_turn(connection);
        break;
    case HTTP_TLS_WANTS_READ:
        event_del(&connection->on_write);
        event_add(&connection->on_read, NULL);
        break;
    case HTTP_TLS_WANTS_WRITE:
        event_del(&connection->on_read);
        event_add(&connection->on_write, NULL);
        break;
    case HTTP_TLS_ENDED:
    case HTTP_TLS_FAILED:
        atomic_fetch_add_explicit(&loop->tls_failures, 1, memory_order_relaxed);
        http_tls_detach(connection);
        event_del(&connection->on_write);
        event_add(&connection->on_read, NULL);
        connection->linger = true;
        connection_shut(connection);
        break;
    }
}

static void on_read(evutil_socket_t fd, short what, void *context)
{
    struct http_connection *connection = context;
    struct http_loop *loop = connection->loop;
    (void)fd;
    (void)what;
    http_loop_enter(loop);
    if (connection->handshaking) {
        handshake_step(connection);
    } else if (input_receive(connection)) {
        if (connection->tls_write_wants_read) {
            connection->tls_write_wants_read = false;
            connection->turning = true;
            http_output_flush(connection);
            connection->turning = false;
        }
        if (connection->state != HTTP_STATE_CLOSED) {
            turn(connection);
        }
    }
    http_loop_settle(loop);
}

static void on_write(evutil_socket_t fd, short what, void *context)
{
    struct http_connection *connection = context;
    struct http_loop *loop = connection->loop;
    (void)fd;
    (void)what;
    http_loop_enter(loop);
    if (connection->handshaking) {
        handshake_step(connection);
    } else {
        connection->turning = true;
        http_output_flush(connection);
        connection->turning = false;
        http_connection_turn(connection);
    }
    http_loop_settle(loop);
}

void http_connection_tick(struct http_connection *connection, uint64_t now_ms)
{
    if (connection->blocked && now_ms >= connection->write_deadline_ms) {
        http_connection_close(connection);
        return;
    }
    if (connection->deadline_ms == 0 || now_ms < connection->deadline_ms) {
        return;
    }
    switch (connection->state) {
    case HTTP_STATE_HEAD:
        if (connection->started) {
            http_connection_refuse(connection, HTTP_REFUSED_SLOW);
        } else if (connection->out_bytes == 0 && connection->input.len == 0) {
            http_connection_close(connection);
        }
        break;
    case HTTP_STATE_BODY:
        http_connection_refuse(connection, HTTP_REFUSED_SLOW);
        break;
    case HTTP_STATE_DISCARD:
    case HTTP_STATE_LINGER:
        http_connection_close(connection);
        break;
    case HTTP_STATE_WAIT:
    case HTTP_STATE_END:
    case HTTP_STATE_CLOSED:
        break;
    }
}

void http_connection_stop(struct http_connection *connection)
{
    if (connection->state != HTTP_STATE_HEAD || connection->started || connection->input.len > 0) {
        return; /* under way: answered, then closed */
    }
    if (connection->out_bytes == 0) {
        http_connection_close(connection);
    } else {
        connection->state = HTTP_STATE_END;
    }
}

/* --- start ------------------------------------------------------------------------------------ */

static void on_adopt(struct http_post *post)
{
    http_connection_start(lucid_owner(post, struct http_connection, adopt));
}

struct http_connection *http_connection_new(struct http_loop *loop, int fd, bool tls)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        close(fd);
        return NULL;
    }
    connection->loop = loop;
    connection->fd = fd;
    connection->adopt.run = on_adopt;
    if (tls && !http_tls_attach(loop->server->options.tls, connection)) {
        close(fd);
        free(connection);
        return NULL;
    }
    return connection;
}

void http_connection_start(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    connection->next = loop->connections;
    if (connection->next != NULL) {
        connection->next->prev = connection;
    }
    loop->connections = connection;
    event_assign(&connection->on_read, loop->base, connection->fd, EV_READ | EV_PERSIST, on_read,
                 connection);
    event_assign(&connection->on_write, loop->base, connection->fd, EV_WRITE | EV_PERSIST, on_write,
                 connection);
    http_receive_next(connection);
    if (connection->handshaking) {
        connection->deadline_ms = loop->now_ms + limits_of(connection)->header_ms_max;
    }
    if (loop->stopping || event_add(&connection->on_read, NULL) != 0) {
        http_connection_close(connection);
        return;
    }
    connection->reading = true;
    http_loop_ticking(loop, true);
}

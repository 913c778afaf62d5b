#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http/server_internal.h"

/* Accepting, on loop 0. When a connection cannot be taken now, the listener is disarmed and a timer
 * tries again: a level-triggered listener would report itself without end. */

enum { ACCEPTS_PER_EVENT = 64, RETRY_FULL_MS = 20, RETRY_STARVED_MS = 100, LOG_EVERY_MS = 1000 };

static bool is_full(const struct http_server *server)
{
    return atomic_load(&server->connections_open) >= server->options.limits.connections_max;
}

static void listeners_arm(struct http_loop *loop, bool wanted)
{
    struct http_listener *const listeners[HTTP_LISTENERS_MAX] = {&loop->server->plain,
                                                                 &loop->server->secure};
    for (size_t i = 0; i < HTTP_LISTENERS_MAX; i++) {
        if (listeners[i]->fd < 0) {
            continue;
        }
        if (wanted) {
            event_add(&listeners[i]->on_accept, NULL);
        } else {
            event_del(&listeners[i]->on_accept);
        }
    }
}

static void retry_later(struct http_loop *loop)
{
    long ms = loop->accept_starved ? RETRY_STARVED_MS : RETRY_FULL_MS;
    struct timeval delay = {.tv_sec = 0, .tv_usec = ms * 1000};
    event_add(&loop->on_accept_retry, &delay);
}

static void accept_pause(struct http_loop *loop, bool starved, int error)
{
    loop->accept_paused = true;
    loop->accept_starved = starved;
    listeners_arm(loop, false);
    retry_later(loop);
    atomic_fetch_add_explicit(&loop->accept_pauses, 1, memory_order_relaxed);
    loop->accept_unlogged++;
    if (loop->accept_log_ms != 0 && loop->now_ms - loop->accept_log_ms < LOG_EVERY_MS) {
        return;
    }
    lucid_log(LUCID_LOG_WARN, "http.accept_paused",
              "%s: no more connections are accepted for now; %llu pauses since the last line",
              starved ? strerrordesc_np(error) : "connections_max is reached",
              (unsigned long long)loop->accept_unlogged);
    loop->accept_log_ms = loop->now_ms;
    loop->accept_unlogged = 0;
}

static struct http_loop *least_loaded(const struct http_server *server)
{
    struct http_loop *best = server->loops[0];
    for (size_t i = 1; i < server->loop_count; i++) {
        if (atomic_load(&server->loops[i]->open_count) < atomic_load(&best->open_count)) {
            best = server->loops[i];
        }
    }
    return best;
}

/* IPv4 is kept in its IPv6 form, so that there is one. */
static void address_copy(const struct sockaddr_storage *from, uint8_t ret[HTTP_ADDRESS_BYTES])
{
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)from;
        memcpy(ret, &six->sin6_addr, HTTP_ADDRESS_BYTES);
    } else if (from->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)from;
        ret[10] = 0xff;
        ret[11] = 0xff;
        memcpy(ret + 12, &four->sin_addr, 4);
    }
}

static void hand_out(struct http_loop *loop, int fd, bool tls, const struct sockaddr_storage *peer)
{
    struct http_server *server = loop->server;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* a loss of speed at worst */
    struct http_loop *target = least_loaded(server);
    struct http_connection *connection = http_connection_new(target, fd, tls);
    if (connection == NULL) {
        return;
    }
    address_copy(peer, connection->peer);
    atomic_fetch_add(&server->connections_open, 1);
    atomic_fetch_add(&target->open_count, 1);
    atomic_fetch_add_explicit(&loop->accepted, 1, memory_order_relaxed);
    if (target == loop) {
        http_connection_start(connection);
    } else {
        http_loop_post(target, &connection->adopt);
    }
}

static bool passes_by_itself(int error)
{
    return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM;
}

static void on_accept(evutil_socket_t fd, short what, void *context)
{
    struct http_listener *listener = context;
    struct http_loop *loop = listener->loop;
    (void)what;
    http_loop_enter(loop);
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        if (is_full(loop->server)) {
            accept_pause(loop, false, 0);
            break;
        }
        struct sockaddr_storage peer;
        socklen_t peer_len = sizeof(peer);
        int client = accept4(fd, (struct sockaddr *)&peer, &peer_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            hand_out(loop, client, listener->tls, &peer);
        } else if (errno == EAGAIN) {
            break;
        } else if (!passes_by_itself(errno)) {
            accept_pause(loop, true, errno); /* EMFILE, ENFILE, ENOBUFS, ENOMEM */
            break;
        }
    }
    http_loop_settle(loop);
}

static void on_accept_retry(evutil_socket_t fd, short what, void *context)
{
    struct http_loop *loop = context;
    (void)fd;
    (void)what;
    http_loop_enter(loop);
    if (!loop->accept_starved && is_full(loop->server)) {
        retry_later(loop);
    } else {
        loop->accept_paused = false;
        listeners_arm(loop, true);
    }
    http_loop_settle(loop);
}

static void listener_start(struct http_loop *loop, struct http_listener *listener)
{
    listener->loop = loop;
    if (listener->fd >= 0) {
        event_assign(&listener->on_accept, loop->base, listener->fd, EV_READ | EV_PERSIST,
                     on_accept, listener);
    }
}

void http_accept_start(struct http_loop *loop)
{
    listener_start(loop, &loop->server->plain);
    listener_start(loop, &loop->server->secure);
    evtimer_assign(&loop->on_accept_retry, loop->base, on_accept_retry, loop);
    listeners_arm(loop, true);
}

static void listener_stop(struct http_listener *listener)
{
    if (listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
    }
}

void http_accept_stop(struct http_loop *loop)
{
    listeners_arm(loop, false);
    event_del(&loop->on_accept_retry);
    listener_stop(&loop->server->plain);
    listener_stop(&loop->server->secure);
    atomic_store(&loop->server->accept_finished, true);
}

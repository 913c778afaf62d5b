#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "http/server_internal.h"
#include "http/tls.h"

void http_limits_default(struct http_limits *limits)
{
    *limits = (struct http_limits){
        .connections_max = 1024,
        .header_bytes_max = 16 * 1024,
        .header_count_max = 64,
        .target_bytes_max = 8 * 1024,
        .header_ms_max = 10 * 1000,
        .body_ms_max = 60 * 1000,
        .idle_ms_max = 60 * 1000,
        .write_ms_max = 30 * 1000,
        .output_bytes_max = 1024 * 1024,
        .inflight_bytes_max = UINT64_C(64) * 1024 * 1024,
    };
}

static enum lucid_error limits_check(const struct http_limits *limits, struct lucid_why *why)
{
    if (limits->connections_max == 0 || limits->header_bytes_max == 0 ||
        limits->header_count_max == 0 || limits->target_bytes_max == 0 ||
        limits->header_ms_max == 0 || limits->body_ms_max == 0 || limits->idle_ms_max == 0 ||
        limits->write_ms_max == 0 || limits->output_bytes_max == 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", "limits",
                            "no HTTP limit may be zero");
    }
    /* A head must fit into what a connection may read ahead. */
    if (limits->header_bytes_max >= HTTP_READ_BYTES || limits->header_count_max > 1024) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", "limits.header",
                            "headers are limited to less than %d bytes and 1024 lines",
                            (int)HTTP_READ_BYTES);
    }
    return LUCID_OK;
}

static int listen_on(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        return 0;
    }
    if (address.ss_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port);
    }
    return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
}

static enum lucid_error listener_open(struct http_listener *listener, const char *host,
                                      uint16_t number, struct lucid_why *why)
{
    char port[8];
    snprintf(port, sizeof(port), "%u", (unsigned)number);
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", "host",
                            "the address %s is not usable: %s", host, gai_strerror(error));
    }
    for (struct addrinfo *at = found; at != NULL && listener->fd < 0; at = at->ai_next) {
        listener->fd = listen_on(at);
    }
    int bind_error = errno;
    freeaddrinfo(found);
    if (listener->fd < 0) {
        return lucid_refuse(why, LUCID_RETRY_IO, "LISTEN_FAILED", NULL,
                            "cannot listen on %s port %u: %s", host, (unsigned)number,
                            strerrordesc_np(bind_error));
    }
    listener->port = port_of(listener->fd);
    return LUCID_OK;
}

static enum lucid_error server_listen(struct http_server *server, struct lucid_why *why)
{
    const struct http_server_options *options = &server->options;
    enum lucid_error error = LUCID_OK;
    if (options->host != NULL) {
        error = listener_open(&server->plain, options->host, options->port, why);
    }
    if (error == LUCID_OK && options->tls_host != NULL) {
        error = listener_open(&server->secure, options->tls_host, options->tls_port, why);
    }
    return error;
}

enum lucid_error http_server_open(const struct http_server_options *options,
                                  struct http_server **ret, struct lucid_why *why)
{
    lucid_assert(options->host != NULL || options->tls_host != NULL);
    lucid_assert(options->tls_host == NULL ||
                 (options->tls != NULL && http_tls_expires_s(options->tls) != 0));
    enum lucid_error error = limits_check(&options->limits, why);
    if (error != LUCID_OK) {
        return error;
    }
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    server->options = *options;
    server->parse_limits = (struct http_parse_limits){
        .header_bytes_max = options->limits.header_bytes_max,
        .header_count_max = options->limits.header_count_max,
        .target_bytes_max = options->limits.target_bytes_max,
    };
    server->plain.fd = -1;
    server->secure.fd = -1;
    server->secure.tls = true;
    error = http_router_open(options->routes, options->route_count, &server->router);
    if (error == LUCID_OK) {
        error = server_listen(server, why);
    }
    if (error != LUCID_OK) {
        http_server_close(server);
        return error;
    }
    *ret = server;
    return LUCID_OK;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->plain.port;
}

uint16_t http_server_tls_port(const struct http_server *server)
{
    return server->secure.port;
}

void http_server_close(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    for (size_t i = 0; i < server->loop_count; i++) {
        lucid_assert(server->loops[i] == NULL);
    }
    if (server->plain.fd >= 0) {
        close(server->plain.fd);
    }
    if (server->secure.fd >= 0) {
        close(server->secure.fd);
    }
    http_router_close(server->router);
    free(server);
}

void http_server_stop(struct http_server *server, uint32_t grace_ms)
{
    uint64_t stop_at_ms = lucid_boot_ms(&server->options.clock) + grace_ms;
    stop_at_ms = stop_at_ms == 0 ? 1 : stop_at_ms; /* 0 means: not stopping */
    uint64_t before = atomic_load(&server->stop_at_ms);
    while (before == 0 || stop_at_ms < before) {
        if (atomic_compare_exchange_weak(&server->stop_at_ms, &before, stop_at_ms)) {
            break;
        }
    }
    for (size_t i = 0; i < server->loop_count; i++) {
        http_posts_wake(&server->loops[i]->posts);
    }
}

void http_counters_read(const struct http_server *server, struct http_counters *ret)
{
    struct http_counters sum = {
        .connections_open = atomic_load(&server->connections_open),
        .inflight_bytes = atomic_load(&server->inflight_bytes),
        .tls_expires_s = server->secure.port == 0 ? 0 : http_tls_expires_s(server->options.tls),
    };
    for (size_t i = 0; i < server->loop_count; i++) {
        const struct http_loop *loop = server->loops[i];
        if (loop == NULL) {
            continue;
        }
        sum.connections_accepted += atomic_load(&loop->accepted);
        sum.requests += atomic_load(&loop->requests);
        sum.refused_by_parser += atomic_load(&loop->refused);
        sum.accept_pauses += atomic_load(&loop->accept_pauses);
        sum.tls_handshakes += atomic_load(&loop->tls_handshakes);
        sum.tls_failures += atomic_load(&loop->tls_failures);
    }
    *ret = sum;
}

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_harness.h"

static void *loop_main(void *context)
{
    http_loop_run(context);
    return NULL;
}

void harness_start(struct harness *harness, struct http_server_options *options)
{
    struct lucid_why why = {0};
    options->host = "127.0.0.1";
    options->port = 0;
    options->clock = lucid_clock_system();
    enum lucid_error error = http_server_open(options, &harness->server, &why);
    if (error != LUCID_OK) {
        fail_msg("server: %s", why.text);
    }
    for (size_t i = 0; i < HARNESS_LOOPS; i++) {
        assert_int_equal(http_loop_open(harness->server, &harness->loops[i]), LUCID_OK);
    }
    harness->threads = calloc(HARNESS_LOOPS, sizeof(*harness->threads));
    assert_non_null(harness->threads);
    for (size_t i = 0; i < HARNESS_LOOPS; i++) {
        assert_int_equal(pthread_create(&harness->threads[i], NULL, loop_main, harness->loops[i]),
                         0);
    }
    harness->port = http_server_port(harness->server);
    assert_int_not_equal(harness->port, 0);
}

void harness_join(struct harness *harness)
{
    for (size_t i = 0; i < HARNESS_LOOPS; i++) {
        assert_int_equal(pthread_join(harness->threads[i], NULL), 0);
    }
    struct http_counters counters = harness_counters(harness);
    assert_int_equal(counters.connections_open, 0);
    assert_int_equal(counters.inflight_bytes, 0);
    for (size_t i = 0; i < HARNESS_LOOPS; i++) {
        http_loop_close(harness->loops[i]);
    }
    http_server_close(harness->server);
    free(harness->threads);
}

void harness_end(struct harness *harness, uint32_t grace_ms)
{
    http_server_stop(harness->server, grace_ms);
    harness_join(harness);
}

int client_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval patience = {.tv_sec = 20};
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

void client_join(int fd, const struct harness *harness)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(harness->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
}

int client_connect(const struct harness *harness)
{
    int fd = client_socket();
    client_join(fd, harness);
    return fd;
}

bool client_try_send(int fd, const void *bytes, size_t len)
{
    const char *from = bytes;
    while (len > 0) {
        ssize_t sent = send(fd, from, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        from += sent;
        len -= (size_t)sent;
    }
    return true;
}

void client_send_bytes(int fd, const void *bytes, size_t len)
{
    assert_true(client_try_send(fd, bytes, len));
}

void client_send(int fd, const char *text)
{
    client_send_bytes(fd, text, strlen(text));
}

void client_shut(int fd)
{
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
}

void client_close(int fd)
{
    close(fd);
}

void client_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

void client_answer_read(int fd, bool head_only, struct client_answer *ret)
{
    size_t len = 0;
    size_t want = sizeof(ret->text) - 1;
    ret->status = 0;
    ret->head_len = 0;
    while (len < want && recv(fd, ret->text + len, 1, 0) == 1) {
        len++;
        ret->text[len] = '\0';
        if (ret->head_len == 0 && len >= 4 && memcmp(ret->text + len - 4, "\r\n\r\n", 4) == 0) {
            ret->head_len = len;
            const char *length = strstr(ret->text, "Content-Length: ");
            size_t body = length == NULL || head_only ? 0 : strtoul(length + 16, NULL, 10);
            want = len + body < want ? len + body : want;
        }
    }
    ret->text[len] = '\0';
    ret->len = len;
    if (ret->head_len > 0) {
        assert_memory_equal(ret->text, "HTTP/1.1 ", 9);
        ret->status = atoi(ret->text + 9);
        if (ret->status >= 200) {
            assert_non_null(strstr(ret->text, "X-Request-Id: "));
            assert_non_null(strstr(ret->text, "\r\nDate: "));
        }
    }
}

const char *client_answer_body(const struct client_answer *answer)
{
    return answer->text + answer->head_len;
}

size_t client_read_all(int fd, char *text, size_t max)
{
    size_t len = 0;
    ssize_t got = 1;
    while (len < max - 1 && (got = recv(fd, text + len, max - 1 - len, 0)) > 0) {
        len += (size_t)got;
    }
    text[len] = '\0';
    return len;
}

bool client_closed_within(int fd, int ms)
{
    uint64_t end = harness_now_ms() + (uint64_t)ms;
    for (;;) {
        uint64_t now = harness_now_ms();
        struct pollfd item = {.fd = fd, .events = POLLIN};
        if (now >= end || poll(&item, 1, (int)(end - now)) == 0) {
            return false;
        }
        char skipped[4096];
        ssize_t got = recv(fd, skipped, sizeof(skipped), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return true;
        }
    }
}

int client_status(const struct harness *harness, const char *text)
{
    struct client_answer answer;
    int fd = client_connect(harness);
    client_send(fd, text);
    client_answer_read(fd, false, &answer);
    client_close(fd);
    return answer.status;
}

struct http_counters harness_counters(const struct harness *harness)
{
    struct http_counters counters;
    http_counters_read(harness->server, &counters);
    return counters;
}

uint64_t harness_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void harness_sleep_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

uint64_t harness_processor_ms(void)
{
    struct timespec used;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

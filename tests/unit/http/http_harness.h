/* A server with two loops on two threads on a free port, and a plain blocking client. */
#ifndef LUCID_TESTS_HTTP_HARNESS_H
#define LUCID_TESTS_HTTP_HARNESS_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"

enum { HARNESS_LOOPS = 2 };

struct harness {
    struct http_server *server;
    struct http_loop *loops[HARNESS_LOOPS];
    pthread_t *threads;
    uint16_t port;
};

/* options->routes and whatever else is set are kept; host, clock and the port are filled in. */
void harness_start(struct harness *harness, struct http_server_options *options);
/* Stops with that grace, joins, closes. */
void harness_end(struct harness *harness, uint32_t grace_ms);
/* Only joins and closes; somebody else stopped it. */
void harness_join(struct harness *harness);

/* client_connect in two steps. */
int client_socket(void);
void client_join(int fd, const struct harness *harness);
int client_connect(const struct harness *harness);
void client_send(int fd, const char *text);
void client_send_bytes(int fd, const void *bytes, size_t len);
/* False when the server does not take it (any more). */
bool client_try_send(int fd, const void *bytes, size_t len);
void client_shut(int fd);
void client_close(int fd);
/* Closes with a reset. */
void client_reset(int fd);

struct client_answer {
    int status; /* 0: the connection ended before one */
    size_t head_len;
    size_t len;
    char text[16384]; /* head and body, NUL-terminated */
};

/* One whole answer with a Content-Length; byte by byte, so nothing of the next is lost. */
void client_answer_read(int fd, bool head_only, struct client_answer *ret);
const char *client_answer_body(const struct client_answer *answer);
/* Reads until the end; returns the bytes (at most max - 1, NUL-terminated). */
size_t client_read_all(int fd, char *text, size_t max);
/* Whether the server closed within ms (data before it is skipped). */
bool client_closed_within(int fd, int ms);

/* connect, send, read one answer, close */
int client_status(const struct harness *harness, const char *text);
struct http_counters harness_counters(const struct harness *harness);
uint64_t harness_now_ms(void);
void harness_sleep_ms(long ms);

/* Processor time of the whole test program so far. */
uint64_t harness_processor_ms(void);

#endif

/* The outgoing HTTP client: one request at a time, blocking, over libcurl. For the command line and
 * other programs that may wait; never call it on an I/O loop or on the writer.
 *
 * What a peer answers is untrusted and bounded: body bytes, line bytes and total time have limits.
 * Redirects are not followed (a token must not travel to where a peer points), only http and https
 * are spoken, certificates and host names are verified, compressed answers are not asked for.
 * Proxies from the environment are used, except for loopback addresses.
 *
 * Thread: a struct client belongs to one thread at a time. The first client_open of a process must
 * happen before other threads are started (libcurl's global initialisation). */
#ifndef LUCID_HTTP_CLIENT_H
#define LUCID_HTTP_CLIENT_H

#include "base/buf.h"

struct client;

#define CLIENT_HEADERS_MAX          16
#define CLIENT_CONTENT_TYPE_MAX     127
#define CLIENT_CONNECT_MS_DEFAULT   5000
#define CLIENT_TOTAL_MS_DEFAULT     30000
#define CLIENT_ANSWER_BYTES_DEFAULT ((size_t)16 << 20)
#define CLIENT_LINE_BYTES_DEFAULT   ((size_t)256 << 10)

#define CLIENT_CAPTURE_BYTES_MAX ((size_t)64 * 1024)

/* A header of the answer that the caller wants to see. */
struct client_capture {
    const char *name;       /* the caller's */
    struct lucid_buf value; /* empty: absent, repeated, or over CLIENT_CAPTURE_BYTES_MAX; the caller
                               frees it (lucid_buf_fini) */
};

/* One line of a streamed answer, without its line end; good for the call. Any error but LUCID_OK
 * ends the transfer and is what client_request returns. */
typedef enum lucid_error client_line_fn(void *context, struct lucid_span line);

/* Zero members mean the defaults above. Everything is borrowed for the call. */
struct client_question {
    const char *method;                      /* "GET", "POST", "PUT", "DELETE" */
    const char *url;                         /* absolute, http or https, without user or password */
    const char *headers[CLIENT_HEADERS_MAX]; /* "Name: value"; ends with NULL or when full */
    struct lucid_span body;                  /* data NULL: none */
    uint32_t connect_ms_max;
    uint32_t total_ms_max;
    /* Not 0: the answer may go on without end. Instead of total_ms_max, which does not count then,
     * it breaks off after so many seconds in which nothing came. */
    uint32_t idle_s_max;
    /* Looked at about once a second: set by a signal handler, or by another thread with
     * __atomic_store_n, it ends the transfer with LUCID_NOTE_END. NULL allowed. */
    const volatile int *stop;
    size_t answer_bytes_max;
    size_t line_bytes_max;
    /* Set: the body of a 2xx answer is given to it line by line and not collected; answer_bytes_max
     * then bounds the sum. An unfinished last line of a truncated answer is dropped. */
    client_line_fn *line;
    void *context;
    struct client_capture *captures; /* filled anew by each request; NULL: none */
    size_t capture_count;
};

/* The caller's, zero-initialised before its first use; client_answer_fini frees it. */
struct client_answer {
    int status;
    uint32_t retry_after_s; /* Retry-After in seconds, at most an hour; 0: absent or a date */
    char content_type[CLIENT_CONTENT_TYPE_MAX + 1];
    struct lucid_buf body;
};

/* Errors: LUCID_RETRY_MEMORY. */
enum lucid_error client_open(struct client **ret) LUCID_WARN_UNUSED;
/* Trusts the certificates in that PEM file instead of the system's. Borrowed; NULL: the system's.
 */
void client_set_ca(struct client *client, const char *path);
/* Closes the connections that were kept. NULL is allowed. */
void client_close(struct client *client);

/* Sends the question and waits for the whole answer, whatever its status. On errors the answer's
 * status is 0, or that of an answer which broke off.
 * Errors: LUCID_REFUSE_INVALID (the URL), LUCID_REFUSE_FORBIDDEN (the peer's certificate),
 * LUCID_REFUSE_TOO_LARGE (the answer), LUCID_RETRY_IO (no connection, broken off, out of time),
 * LUCID_RETRY_MEMORY, and what line returned. */
enum lucid_error client_request(struct client *client, const struct client_question *question,
                                struct client_answer *answer,
                                struct lucid_why *why) LUCID_WARN_UNUSED;
void client_answer_fini(struct client_answer *answer);

/* Whether the URL's host is a loopback address or "localhost". False for what is no URL. */
bool client_url_is_loopback(const char *url) LUCID_WARN_UNUSED;
/* Whether client_request takes the URL: http or https, without user or password. */
bool client_url_ok(const char *url) LUCID_WARN_UNUSED;
/* Whether the URL's scheme is https. */
bool client_url_is_https(const char *url) LUCID_WARN_UNUSED;

#endif

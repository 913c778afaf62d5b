/* One outgoing transfer over libcurl: what the blocking client (client.h) and the one on a loop
 * (outgoing.h) have in common. */
#ifndef LUCID_HTTP_TRANSFER_INTERNAL_H
#define LUCID_HTTP_TRANSFER_INTERNAL_H

#include <curl/curl.h>

#include "base/buf.h"

#define HTTP_RETRY_AFTER_SECONDS_MAX 3600
#define HTTP_ANSWER_HEAD_BYTES_MAX   65536

struct http_transfer_question {
    const char *method;
    const char *url;
    const char *const *headers; /* ends with NULL or after headers_max */
    size_t headers_max;
    struct lucid_span body; /* borrowed until end; data NULL: none */
    long connect_ms;
    long total_ms;  /* 0: none */
    const char *ca; /* a PEM file; NULL: the system's */
    bool once; /* on a connection of its own: libcurl sends again by itself what an old one that
                  had been closed has not answered */
};

/* Zero-initialised but for bytes_max and take; must not move between begin and end. */
struct http_transfer {
    CURL *curl;
    struct curl_slist *headers;
    size_t head_bytes;
    bool head_ended; /* its empty line has come */
    size_t bytes;
    size_t bytes_max;
    enum lucid_error error; /* why one of our callbacks stopped it */
    /* Takes a piece of the body, within bytes_max. Any error ends the transfer. */
    enum lucid_error (*take)(struct http_transfer *transfer, struct lucid_span piece);
    char text[CURL_ERROR_SIZE];
};

/* Whether the URL is one of ours: http or https, without user or password. */
bool http_transfer_url_look(const char *url, bool *ret_loopback, bool *ret_https) LUCID_WARN_UNUSED;

/* Whether not a byte of it has gone out, on any connection; before http_transfer_end. */
bool http_transfer_is_unsent(const struct http_transfer *transfer);

/* Sets the handle up anew. Redirects are not followed, certificates and names are verified, proxies
 * from the environment are used except for loopback. Errors: LUCID_REFUSE_INVALID (the URL),
 * LUCID_RETRY_MEMORY; end is needed after neither. */
enum lucid_error http_transfer_begin(struct http_transfer *transfer, CURL *curl,
                                     const struct http_transfer_question *question,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;
/* Of the answer so far; 0 without one. Retry-After counts in seconds only. */
void http_transfer_status(const struct http_transfer *transfer, int *ret_status,
                          uint32_t *ret_retry_after_s);
/* What the result of libcurl means for the caller. */
enum lucid_error http_transfer_result(const struct http_transfer *transfer, CURLcode code,
                                      struct lucid_why *why);
/* Takes out of the handle what dies with the transfer. */
void http_transfer_end(struct http_transfer *transfer);

#endif

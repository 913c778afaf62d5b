/* How often a client may ask: a token bucket per client in a table of fixed size, shared by all
 * loops without a lock. Source: draft-ietf-httpapi-ratelimit-headers-10 for what is told of it.
 *
 * A bucket is one number, the time at which it will be full again (GCRA), changed by compare and
 * swap: a known client is counted exactly however many loops serve it. Two first requests at the
 * same instant may open two buckets, one of which is then forgotten. A full table gives up the
 * bucket that is fullest among eight; buckets that are full hold nothing and are given up first.
 * Which eight is decided by a keyed hash, so that nobody can aim at another client's. */
#ifndef LUCID_HTTP_LIMIT_H
#define LUCID_HTTP_LIMIT_H

#include "base/bytes.h"

struct http_limit;

#define HTTP_LIMIT_QUOTA_MAX    UINT64_C(1000000000)
#define HTTP_LIMIT_WINDOW_S_MAX 86400

/* quota units per window_s seconds and client, 1 to the limits above; at least clients_max clients
 * (1 to 2^24) are remembered, 16 bytes each. Errors: LUCID_RETRY_MEMORY. */
enum lucid_error http_limit_open(uint64_t quota, uint32_t window_s, size_t clients_max,
                                 struct http_limit **ret) LUCID_WARN_UNUSED;
/* NULL is allowed. */
void http_limit_close(struct http_limit *limit);

/* A client's name, of whatever bytes, as http_limit_take wants it. Thread: any. */
uint64_t http_limit_client(const struct http_limit *limit, struct lucid_span name);

struct http_limit_state {
    bool admitted;
    uint64_t remaining; /* units left now */
    uint64_t full_s;    /* seconds until all of the quota is there again, rounded up */
    uint64_t retry_s;   /* not admitted: seconds until it would be, rounded up, at least 1 */
};

/* Takes units (1 to quota) from the client's bucket, or none of them. now_ms: any clock that does
 * not go back. Thread: any. */
void http_limit_take(struct http_limit *limit, uint64_t client, uint64_t units, uint64_t now_ms,
                     struct http_limit_state *ret);

/* What it was opened with. */
uint64_t http_limit_quota(const struct http_limit *limit);
uint32_t http_limit_window_s(const struct http_limit *limit);

#endif

/* Asking other servers without waiting (base/outgoing.h), over libcurl on a loop (base/loop.h).
 * Connections are kept and used again. Proxies from the environment are used, except for loopback
 * addresses.
 *
 * Thread: the loop's. The first one of a process must be opened before other threads are started
 * (libcurl's global initialisation). */
#ifndef LUCID_HTTP_OUTGOING_H
#define LUCID_HTTP_OUTGOING_H

#include "base/loop.h"
#include "base/outgoing.h"

struct http_outgoing;

#define HTTP_OUTGOING_TRANSFERS_DEFAULT  32
#define HTTP_OUTGOING_QUEUE_DEFAULT      1024
#define HTTP_OUTGOING_CONNECT_MS_DEFAULT 5000

/* Zero members mean the defaults above. */
struct http_outgoing_options {
    struct lucid_loop *loop; /* outlives it */
    const char *ca_file;     /* PEM, instead of the system's; borrowed. NULL: the system's */
    /* How many are under way at one time, and how many more may wait for their turn; a call beyond
     * that ends with LUCID_RETRY_BUSY. Waiting counts against total_ms_max. */
    size_t transfers_max;
    size_t queue_max;
    uint32_t connect_ms_max; /* or total_ms_max, if that is less */
};

/* Errors: LUCID_RETRY_MEMORY, LUCID_RETRY_IO (no descriptor). */
enum lucid_error http_outgoing_open(const struct http_outgoing_options *options,
                                    struct http_outgoing **ret) LUCID_WARN_UNUSED;
/* Cancels all calls without their done and closes the connections. Not from within a done. NULL is
 * allowed. */
void http_outgoing_close(struct http_outgoing *outgoing);

/* For those who use it; good until close. */
struct lucid_outgoing *http_outgoing_base(struct http_outgoing *outgoing);

struct http_outgoing_counters {
    uint64_t started;
    uint64_t failed; /* ended with another error than LUCID_OK */
    uint64_t busy;   /* of these: refused because too many waited */
    size_t active;
    size_t queued;
};
void http_outgoing_counters_read(const struct http_outgoing *outgoing,
                                 struct http_outgoing_counters *ret);

#endif

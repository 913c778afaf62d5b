/* Asking other servers over HTTP without waiting: the interface; http/ implements it over libcurl
 * on a loop (base/loop.h), tests by a script.
 *
 * What a peer answers is untrusted and bounded by the question: bytes and total time. Redirects are
 * not followed, only http and https are spoken, certificates and host names are verified.
 *
 * Thread: the loop's. */
#ifndef LUCID_BASE_OUTGOING_H
#define LUCID_BASE_OUTGOING_H

#include "base/buf.h"

#define LUCID_OUTGOING_HEADERS_MAX 8

/* One question and its answer. The caller's, zero-initialised; alive until done. */
struct lucid_outgoing_call {
    /* In. Borrowed until done. */
    const char *method; /* "GET", "POST" */
    const char *url;    /* absolute */
    const char
        *headers[LUCID_OUTGOING_HEADERS_MAX]; /* "Name: value"; ends with NULL or when full */
    struct lucid_span body;                   /* data NULL: none */
    bool once; /* it must not go out twice, even where the connection ended without an answer */
    uint32_t total_ms_max;
    size_t answer_bytes_max;
    /* Called exactly once, never from within start; not after cancel. The call may be started again
     * from it. */
    void (*done)(struct lucid_outgoing_call *call);
    void *owner; /* the caller's own */

    /* Out. LUCID_OK: there is an answer, whatever its status. LUCID_RETRY_IO (no connection, broken
     * off, out of time), LUCID_REFUSE_TOO_LARGE, LUCID_REFUSE_FORBIDDEN (certificate),
     * LUCID_REFUSE_INVALID (URL), LUCID_RETRY_BUSY (too many wait), LUCID_RETRY_MEMORY. */
    enum lucid_error error;
    bool unsent; /* not LUCID_OK: for certain the peer has got nothing of the question */
    int status;
    uint32_t retry_after_s;
    struct lucid_buf answer; /* the caller frees it (lucid_buf_fini), also before starting again */

    void *impl; /* the implementation's own */
};

struct lucid_outgoing {
    void (*start)(void *context, struct lucid_outgoing_call *call);
    void (*cancel)(void *context, struct lucid_outgoing_call *call); /* not started: does nothing */
    void *context;
};

static inline void lucid_outgoing_start(struct lucid_outgoing *outgoing,
                                        struct lucid_outgoing_call *call)
{
    outgoing->start(outgoing->context, call);
}

static inline void lucid_outgoing_cancel(struct lucid_outgoing *outgoing,
                                         struct lucid_outgoing_call *call)
{
    outgoing->cancel(outgoing->context, call);
}

#endif

/* A loop of timers and sockets (base/loop.h) over libevent, for a thread that does not serve
 * requests, with posts from other threads (http/http.h).
 *
 * Thread: whoever opens it, until run; then the one that runs it. Post and stop: any. */
#ifndef LUCID_HTTP_EVENT_LOOP_H
#define LUCID_HTTP_EVENT_LOOP_H

#include "base/loop.h"
#include "http/http.h"

struct http_event_loop;

/* The clock is what users of the loop read; timers go by libevent's own, which never steps.
 * Errors: LUCID_RETRY_MEMORY, LUCID_RETRY_IO (no descriptor). */
enum lucid_error http_event_loop_open(const struct lucid_clock *clock,
                                      struct http_event_loop **ret) LUCID_WARN_UNUSED;
/* After run has returned, or without it. Every timer and watch must have been cleared. Posts that
 * came after the run ended are run here. NULL is allowed. */
void http_event_loop_close(struct http_event_loop *loop);

/* For those who use it; good until close. */
struct lucid_loop *http_event_loop_base(struct http_event_loop *loop);

/* Returns once it was stopped and what was posted before has run. It may be run again. */
void http_event_loop_run(struct http_event_loop *loop);
/* Thread: any; not from a signal handler. */
void http_event_loop_stop(struct http_event_loop *loop);
/* Queues a chain (linked by next) in order; one wake-up for the chain. Lock-free. Thread: any; not
 * after close has begun. */
void http_event_loop_post(struct http_event_loop *loop, struct http_post *first);

#endif

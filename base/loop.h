/* An event loop as those see it who need timers and sockets but must not know which library turns
 * it (http/ implements it over libevent, tests over a clock that they set by hand).
 *
 * Thread: every call, and every callback, on the loop's own thread. */
#ifndef LUCID_BASE_LOOP_H
#define LUCID_BASE_LOOP_H

#include "base/bytes.h"
#include "base/clock.h"

/* Intrusive: lives in its owner's struct, zero-initialised but for fire, and must be cleared before
 * its memory goes. */
struct lucid_timer {
    void (*fire)(struct lucid_timer *timer); /* once per set; it may set itself again */
    void *impl;                              /* the loop's own */
};

/* A socket that somebody else reads and writes. The same rules. */
struct lucid_watch {
    int fd;
    void (*ready)(struct lucid_watch *watch, bool readable, bool writable);
    void *impl;
};

struct lucid_loop_ops {
    /* Fires after so many milliseconds (0: soon, not from within this call). One that was set is
     * set anew. LUCID_RETRY_MEMORY. */
    enum lucid_error (*timer_set)(void *context, struct lucid_timer *timer, uint64_t after_ms);
    void (*timer_clear)(void *context, struct lucid_timer *timer); /* not set: does nothing */
    /* Level triggered, until it is set anew; neither: as watch_clear. LUCID_RETRY_MEMORY. */
    enum lucid_error (*watch_set)(void *context, struct lucid_watch *watch, bool read, bool write);
    void (*watch_clear)(void *context, struct lucid_watch *watch);
};

struct lucid_loop {
    const struct lucid_loop_ops *ops;
    void *context;
    struct lucid_clock clock;
};

static inline enum lucid_error lucid_timer_set(struct lucid_loop *loop, struct lucid_timer *timer,
                                               uint64_t after_ms)
{
    return loop->ops->timer_set(loop->context, timer, after_ms);
}

static inline void lucid_timer_clear(struct lucid_loop *loop, struct lucid_timer *timer)
{
    loop->ops->timer_clear(loop->context, timer);
}

static inline enum lucid_error lucid_watch_set(struct lucid_loop *loop, struct lucid_watch *watch,
                                               bool read, bool write)
{
    return loop->ops->watch_set(loop->context, watch, read, write);
}

static inline void lucid_watch_clear(struct lucid_loop *loop, struct lucid_watch *watch)
{
    loop->ops->watch_clear(loop->context, watch);
}

#endif

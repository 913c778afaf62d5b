#include "fake_loop.h"

#include <poll.h>
#include <stdlib.h>

#include "base/assert.h"

enum {
    WATCHES_MAX = 64,
    FIRES_MAX = 1000000, /* at one time: more is a timer that sets itself with 0 for ever */
};

struct fake_timer {
    struct fake_timer *next;
    struct lucid_timer *timer;
    uint64_t at_ms;
};

struct fake_watch {
    struct fake_watch *next;
    struct lucid_watch *watch;
    bool read;
    bool write;
};

/* --- timers ----------------------------------------------------------------------------------- */

static void timer_clear(void *context, struct lucid_timer *timer)
{
    struct fake_loop *fake = context;
    struct fake_timer *node = timer->impl;
    if (node == NULL) {
        return;
    }
    struct fake_timer **at = &fake->timers;
    while (*at != node) {
        lucid_assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = node->next;
    free(node);
    timer->impl = NULL;
}

static enum lucid_error timer_set(void *context, struct lucid_timer *timer, uint64_t after_ms)
{
    struct fake_loop *fake = context;
    lucid_assert(timer->fire != NULL);
    timer_clear(fake, timer);
    struct fake_timer *node = fake->no_memory ? NULL : calloc(1, sizeof(*node));
    if (node == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    node->timer = timer;
    node->at_ms = fake->now_ms + after_ms;
    struct fake_timer **at = &fake->timers;
    while (*at != NULL && (*at)->at_ms <= node->at_ms) {
        at = &(*at)->next;
    }
    node->next = *at;
    *at = node;
    timer->impl = node;
    return LUCID_OK;
}

void fake_loop_settle(struct fake_loop *fake)
{
    for (size_t i = 0; fake->timers != NULL && fake->timers->at_ms <= fake->now_ms; i++) {
        lucid_assert(i < FIRES_MAX);
        struct lucid_timer *timer = fake->timers->timer;
        timer_clear(fake, timer);
        fake->fired++;
        timer->fire(timer);
    }
}

void fake_loop_advance(struct fake_loop *fake, uint64_t ms)
{
    uint64_t until_ms = fake->now_ms + ms;
    fake_loop_settle(fake);
    while (fake->timers != NULL && fake->timers->at_ms <= until_ms) {
        fake->now_ms = fake->timers->at_ms;
        fake_loop_settle(fake);
    }
    fake->now_ms = until_ms;
}

bool fake_loop_next(struct fake_loop *fake)
{
    if (fake->timers == NULL) {
        return false;
    }
    if (fake->timers->at_ms > fake->now_ms) {
        fake->now_ms = fake->timers->at_ms;
    }
    fake_loop_settle(fake);
    return true;
}

size_t fake_loop_timer_count(const struct fake_loop *fake)
{
    size_t count = 0;
    for (const struct fake_timer *at = fake->timers; at != NULL; at = at->next) {
        count++;
    }
    return count;
}

/* --- watches ---------------------------------------------------------------------------------- */

static void watch_clear(void *context, struct lucid_watch *watch)
{
    struct fake_loop *fake = context;
    struct fake_watch *node = watch->impl;
    if (node == NULL) {
        return;
    }
    struct fake_watch **at = &fake->watches;
    while (*at != node) {
        lucid_assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = node->next;
    free(node);
    watch->impl = NULL;
}

static enum lucid_error watch_set(void *context, struct lucid_watch *watch, bool read, bool write)
{
    struct fake_loop *fake = context;
    lucid_assert(watch->ready != NULL && watch->fd >= 0);
    if (!read && !write) {
        watch_clear(fake, watch);
        return LUCID_OK;
    }
    struct fake_watch *node = watch->impl;
    if (node == NULL) {
        node = fake->no_memory ? NULL : calloc(1, sizeof(*node));
        if (node == NULL) {
            return LUCID_RETRY_MEMORY;
        }
        node->watch = watch;
        node->next = fake->watches;
        fake->watches = node;
        watch->impl = node;
    }
    node->read = read;
    node->write = write;
    return LUCID_OK;
}

static struct fake_watch *watch_of(struct fake_loop *fake, const struct lucid_watch *watch)
{
    struct fake_watch *at = fake->watches;
    while (at != NULL && at->watch != watch) {
        at = at->next;
    }
    return at;
}

size_t fake_loop_poll(struct fake_loop *fake, int wait_ms)
{
    struct pollfd fds[WATCHES_MAX];
    struct lucid_watch *watches[WATCHES_MAX];
    nfds_t count = 0;
    for (struct fake_watch *at = fake->watches; at != NULL; at = at->next) {
        lucid_assert(count < WATCHES_MAX);
        watches[count] = at->watch;
        fds[count++] =
            (struct pollfd){.fd = at->watch->fd,
                            .events = (short)((at->read ? POLLIN : 0) | (at->write ? POLLOUT : 0))};
    }
    int ready = poll(fds, count, wait_ms);
    size_t called = 0;
    for (nfds_t i = 0; ready > 0 && i < count; i++) {
        /* One that was called may have cleared a later one. */
        struct fake_watch *node = watch_of(fake, watches[i]);
        bool broken = (fds[i].revents & (POLLERR | POLLHUP)) != 0;
        bool readable = node != NULL && node->read && ((fds[i].revents & POLLIN) != 0 || broken);
        bool writable = node != NULL && node->write && ((fds[i].revents & POLLOUT) != 0 || broken);
        if (readable || writable) {
            called++;
            watches[i]->ready(watches[i], readable, writable);
        }
    }
    return called;
}

size_t fake_loop_watch_count(const struct fake_loop *fake)
{
    size_t count = 0;
    for (const struct fake_watch *at = fake->watches; at != NULL; at = at->next) {
        count++;
    }
    return count;
}

/* --- life ------------------------------------------------------------------------------------- */

static uint64_t boot_ms(void *context)
{
    return ((const struct fake_loop *)context)->now_ms;
}

static uint64_t wall_ms(void *context)
{
    const struct fake_loop *fake = context;
    return fake->now_ms + fake->wall_ahead_ms;
}

void fake_loop_init(struct fake_loop *fake, uint64_t now_ms)
{
    static const struct lucid_loop_ops ops = {.timer_set = timer_set,
                                              .timer_clear = timer_clear,
                                              .watch_set = watch_set,
                                              .watch_clear = watch_clear};
    *fake = (struct fake_loop){.now_ms = now_ms};
    fake->loop =
        (struct lucid_loop){.ops = &ops,
                            .context = fake,
                            .clock = {.wall_ms = wall_ms, .boot_ms = boot_ms, .context = fake}};
}

void fake_loop_fini(struct fake_loop *fake)
{
    lucid_assert(fake->timers == NULL && fake->watches == NULL);
}

/* The loop for threads that serve no requests: timers, sockets, posts from other threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/event_loop.h"

static struct http_event_loop *open_loop(void)
{
    struct http_event_loop *loop;
    struct lucid_clock clock = lucid_clock_system();
    assert_int_equal(http_event_loop_open(&clock, &loop), LUCID_OK);
    return loop;
}

/* --- timers ----------------------------------------------------------------------------------- */

struct ring {
    struct lucid_timer timer;
    struct http_event_loop *loop;
    char name;
    unsigned again;            /* times that it sets itself with 0 */
    struct lucid_timer *clear; /* cleared when it fires */
    bool stop;
    uint64_t at_ms;
};

static char rung[64];
static size_t rung_count;

static uint64_t now_ms(struct http_event_loop *loop)
{
    return lucid_boot_ms(&http_event_loop_base(loop)->clock);
}

static void ring_fire(struct lucid_timer *timer)
{
    struct ring *ring = (struct ring *)timer;
    struct lucid_loop *base = http_event_loop_base(ring->loop);
    rung[rung_count++] = ring->name;
    ring->at_ms = now_ms(ring->loop);
    if (ring->again > 0) {
        ring->again--;
        size_t before = rung_count;
        assert_int_equal(lucid_timer_set(base, timer, 0), LUCID_OK);
        assert_int_equal(rung_count, before); /* soon, but not from within */
    } else if (ring->clear != NULL) {
        lucid_timer_clear(base, ring->clear);
    }
    if (ring->stop) {
        http_event_loop_stop(ring->loop);
    }
}

static void timers(void **state)
{
    (void)state;
    struct http_event_loop *loop = open_loop();
    struct lucid_loop *base = http_event_loop_base(loop);
    struct ring last = {
        .timer = {.fire = ring_fire}, .loop = loop, .name = 'z', .stop = true, .at_ms = 0};
    struct ring never = {.timer = {.fire = ring_fire}, .loop = loop, .name = 'n'};
    struct ring a = {
        .timer = {.fire = ring_fire}, .loop = loop, .name = 'a', .again = 2, .clear = &never.timer};
    struct ring b = {.timer = {.fire = ring_fire}, .loop = loop, .name = 'b'};
    rung_count = 0;
    uint64_t before = now_ms(loop);
    assert_int_equal(lucid_timer_set(base, &last.timer, 120), LUCID_OK);
    assert_int_equal(lucid_timer_set(base, &b.timer, 0), LUCID_OK);
    assert_int_equal(lucid_timer_set(base, &b.timer, 60), LUCID_OK); /* anew */
    assert_int_equal(lucid_timer_set(base, &never.timer, 90), LUCID_OK);
    assert_int_equal(lucid_timer_set(base, &a.timer, 20), LUCID_OK);
    assert_int_equal(rung_count, 0);
    http_event_loop_run(loop);
    assert_int_equal(rung_count, 5);
    assert_memory_equal(rung, "aaabz", 5);
    assert_in_range(b.at_ms, before + 59, before + 110);
    assert_true(last.at_ms >= before + 119);
    lucid_timer_clear(base, &never.timer); /* not set: does nothing */
    http_event_loop_close(loop);
}

/* One that is set after long work does not fire early. */
static void slow_fire(struct lucid_timer *timer)
{
    struct ring *ring = (struct ring *)timer;
    struct timespec nap = {.tv_nsec = 60000000};
    nanosleep(&nap, NULL);
    struct ring *next = (struct ring *)ring->clear;
    next->again = 0;
    next->at_ms = now_ms(ring->loop);
    assert_int_equal(lucid_timer_set(http_event_loop_base(ring->loop), &next->timer, 50), LUCID_OK);
}

static void late_fire(struct lucid_timer *timer)
{
    struct ring *ring = (struct ring *)timer;
    assert_true(now_ms(ring->loop) >= ring->at_ms + 49);
    http_event_loop_stop(ring->loop);
}

static void timer_after_work(void **state)
{
    (void)state;
    struct http_event_loop *loop = open_loop();
    struct ring late = {.timer = {.fire = late_fire}, .loop = loop};
    struct ring slow = {.timer = {.fire = slow_fire}, .loop = loop, .clear = &late.timer};
    assert_int_equal(lucid_timer_set(http_event_loop_base(loop), &slow.timer, UINT64_MAX),
                     LUCID_OK);
    assert_int_equal(lucid_timer_set(http_event_loop_base(loop), &slow.timer, 0), LUCID_OK);
    http_event_loop_run(loop);
    http_event_loop_close(loop);
}

/* --- watches ---------------------------------------------------------------------------------- */

struct end {
    struct lucid_watch watch;
    struct http_event_loop *loop;
    struct end *other;
    unsigned reads;
    unsigned writes;
};

static void reader_ready(struct lucid_watch *watch, bool readable, bool writable)
{
    struct end *end = (struct end *)watch;
    struct lucid_loop *base = http_event_loop_base(end->loop);
    char c;
    assert_true(readable && !writable);
    end->reads++;
    if (end->reads % 2 == 1) {
        return; /* level triggered: it comes again */
    }
    assert_int_equal(read(watch->fd, &c, 1), 1);
    if (c == 'q') {
        lucid_watch_clear(base, watch);
        lucid_watch_clear(base, watch);
        http_event_loop_stop(end->loop);
        return;
    }
    assert_int_equal(lucid_watch_set(base, &end->other->watch, true, true), LUCID_OK);
}

static void writer_ready(struct lucid_watch *watch, bool readable, bool writable)
{
    struct end *end = (struct end *)watch;
    assert_true(writable && !readable);
    end->writes++;
    assert_int_equal(write(watch->fd, end->writes == 3 ? "q" : "x", 1), 1);
    /* Neither: as clear. */
    assert_int_equal(lucid_watch_set(http_event_loop_base(end->loop), watch, false, false),
                     LUCID_OK);
    assert_null(watch->impl);
}

static void watches(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    struct http_event_loop *loop = open_loop();
    struct lucid_loop *base = http_event_loop_base(loop);
    struct end writer = {.watch = {.fd = fds[1], .ready = writer_ready}, .loop = loop};
    struct end reader = {
        .watch = {.fd = fds[0], .ready = reader_ready}, .loop = loop, .other = &writer};
    assert_int_equal(lucid_watch_set(base, &reader.watch, true, false), LUCID_OK);
    assert_int_equal(lucid_watch_set(base, &writer.watch, false, true), LUCID_OK);
    http_event_loop_run(loop);
    assert_int_equal(writer.writes, 3);
    assert_int_equal(reader.reads, 6);
    http_event_loop_close(loop);
    close(fds[0]);
    close(fds[1]);
}

/* --- posts ------------------------------------------------------------------------------------ */

enum { POSTERS = 4, POSTS = 20000 };

struct parcel {
    struct http_post post;
    struct poster *from;
    unsigned number;
};

struct poster {
    struct http_event_loop *loop;
    struct parcel *parcels;
    unsigned next; /* number that must come next */
};

static unsigned parcels_run;

static void parcel_run(struct http_post *post)
{
    struct parcel *parcel = (struct parcel *)post;
    assert_int_equal(parcel->number, parcel->from->next);
    parcel->from->next++;
    parcels_run++;
    if (parcels_run == POSTERS * POSTS) {
        http_event_loop_stop(parcel->from->loop);
    }
}

static void *poster_main(void *context)
{
    struct poster *poster = context;
    for (unsigned i = 0; i < POSTS; i += 2) { /* chains of two */
        poster->parcels[i].post.next = &poster->parcels[i + 1].post;
        http_event_loop_post(poster->loop, &poster->parcels[i].post);
    }
    return NULL;
}

static void posts(void **state)
{
    (void)state;
    struct http_event_loop *loop = open_loop();
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    parcels_run = 0;
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.loop = loop};
        posters[i].parcels = test_calloc(POSTS, sizeof(struct parcel));
        for (unsigned j = 0; j < POSTS; j++) {
            posters[i].parcels[j] =
                (struct parcel){.post = {.run = parcel_run}, .from = &posters[i], .number = j};
        }
        assert_int_equal(pthread_create(&threads[i], NULL, poster_main, &posters[i]), 0);
    }
    http_event_loop_run(loop);
    assert_int_equal(parcels_run, POSTERS * POSTS);
    for (size_t i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        test_free(posters[i].parcels);
    }
    http_event_loop_close(loop);
}

static void *stopper_main(void *context)
{
    struct poster *poster = context;
    http_event_loop_post(poster->loop, &poster->parcels[0].post);
    http_event_loop_stop(poster->loop);
    return NULL;
}

/* What was posted before the stop has run when run returns; what comes later runs in close. */
static void stop_after_posts(void **state)
{
    (void)state;
    struct http_event_loop *loop = open_loop();
    struct poster poster = {.loop = loop};
    struct parcel parcels[2];
    for (unsigned i = 0; i < 2; i++) {
        parcels[i] = (struct parcel){.post = {.run = parcel_run}, .from = &poster, .number = i};
    }
    poster.parcels = parcels;
    parcels_run = 0;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stopper_main, &poster), 0);
    http_event_loop_run(loop);
    assert_int_equal(poster.next, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    http_event_loop_post(loop, &parcels[1].post);
    assert_int_equal(poster.next, 1);
    http_event_loop_close(loop);
    assert_int_equal(poster.next, 2);
    http_event_loop_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers), cmocka_unit_test(timer_after_work), cmocka_unit_test(watches),
        cmocka_unit_test(posts),  cmocka_unit_test(stop_after_posts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

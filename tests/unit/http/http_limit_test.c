/* Rate limits: the bucket's arithmetic, many clients in a small table, many threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "http/limit.h"

static struct http_limit *limit_new(uint64_t quota, uint32_t window_s, size_t clients)
{
    struct http_limit *limit;
    assert_int_equal(http_limit_open(quota, window_s, clients, &limit), LUCID_OK);
    return limit;
}

static uint64_t client(const struct http_limit *limit, unsigned number)
{
    return http_limit_client(limit, lucid_span(&number, sizeof(number)));
}

static struct http_limit_state take(struct http_limit *limit, uint64_t who, uint64_t units,
                                    uint64_t now_ms)
{
    struct http_limit_state state;
    http_limit_take(limit, who, units, now_ms, &state);
    return state;
}

static void a_bucket(void **state)
{
    (void)state;
    struct http_limit *limit = limit_new(10, 5, 8);
    uint64_t who = client(limit, 1);
    for (uint64_t i = 0; i < 10; i++) {
        struct http_limit_state now = take(limit, who, 1, 1000);
        assert_true(now.admitted);
        assert_int_equal(now.remaining, 9 - i);
        assert_int_equal(now.full_s, (i + 2) / 2); /* half a second each, rounded up */
    }
    for (int i = 0; i < 3; i++) { /* asking on costs nothing */
        struct http_limit_state now = take(limit, who, 1, 1000);
        assert_false(now.admitted);
        assert_int_equal(now.remaining, 0);
        assert_int_equal(now.retry_s, 1);
        assert_int_equal(now.full_s, 5);
    }
    assert_false(take(limit, who, 1, 1499).admitted);
    assert_true(take(limit, who, 1, 1500).admitted);
    assert_false(take(limit, who, 1, 1500).admitted);
    assert_int_equal(take(limit, who, 10, 1500).retry_s, 5);
    assert_true(take(limit, who, 10, 6500).admitted);
    /* However long it rested, it holds no more than the quota. */
    assert_true(take(limit, who, 10, 1000000).admitted);
    assert_false(take(limit, who, 1, 1000000).admitted);
    http_limit_close(limit);
}

static void extremes(void **state)
{
    (void)state;
    struct http_limit *limit = limit_new(HTTP_LIMIT_QUOTA_MAX, 1, 1);
    uint64_t who = client(limit, 1);
    assert_int_equal(take(limit, who, 1, 0).remaining, HTTP_LIMIT_QUOTA_MAX - 1);
    assert_true(take(limit, who, HTTP_LIMIT_QUOTA_MAX - 1, 0).admitted);
    assert_false(take(limit, who, 1, 0).admitted);
    assert_int_equal(take(limit, who, 1, 1).remaining, 1000000 - 1);
    http_limit_close(limit);
    limit = limit_new(1, HTTP_LIMIT_WINDOW_S_MAX, 1);
    who = client(limit, 1);
    uint64_t late = UINT64_MAX / 4000000; /* a century and more of uptime */
    assert_true(take(limit, who, 1, late).admitted);
    assert_int_equal(take(limit, who, 1, late).retry_s, HTTP_LIMIT_WINDOW_S_MAX);
    assert_true(take(limit, who, 1, late + UINT64_C(1000) * HTTP_LIMIT_WINDOW_S_MAX).admitted);
    http_limit_close(limit);
}

/* A table far too small: strangers get in, and what a flood costs a client is its memory only. */
static void small_table(void **state)
{
    (void)state;
    struct http_limit *limit = limit_new(5, 60, 8);
    for (unsigned i = 0; i < 100000; i++) {
        assert_true(take(limit, client(limit, i), 1, i / 100).admitted);
    }
    http_limit_close(limit);
    /* One of proper size forgets nobody who still has something to remember. */
    limit = limit_new(5, 60, 65536);
    unsigned forgotten = 0;
    for (unsigned i = 0; i < 10000; i++) {
        assert_true(take(limit, client(limit, i), 5, 0).admitted);
    }
    for (unsigned i = 0; i < 10000; i++) {
        forgotten += take(limit, client(limit, i), 1, 1).admitted;
    }
    assert_in_range(forgotten, 0, 10);
    http_limit_close(limit);
}

enum { THREADS = 4, TAKES = 50000, SHARED = 3 };

struct race {
    struct http_limit *limit;
    uint64_t admitted[SHARED];
    pthread_t thread;
};

static void *race_main(void *context)
{
    struct race *race = context;
    for (unsigned i = 0; i < TAKES; i++) {
        unsigned which = i % SHARED;
        race->admitted[which] += take(race->limit, client(race->limit, which), 1, 7).admitted;
        /* Others come and go in the same table. */
        (void)take(race->limit, client(race->limit, 1000 + i), 1, 7);
    }
    return NULL;
}

static void many_threads(void **state)
{
    (void)state;
    struct http_limit *limit = limit_new(20000, 3600, 1 << 20);
    struct race races[THREADS] = {0};
    for (unsigned i = 0; i < SHARED; i++) { /* known before: then the count is exact */
        assert_true(take(limit, client(limit, i), 1, 7).admitted);
    }
    for (size_t i = 0; i < THREADS; i++) {
        races[i].limit = limit;
        assert_int_equal(pthread_create(&races[i].thread, NULL, race_main, &races[i]), 0);
    }
    uint64_t sum[SHARED] = {1, 1, 1};
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(races[i].thread, NULL), 0);
        for (size_t which = 0; which < SHARED; which++) {
            sum[which] += races[i].admitted[which];
        }
    }
    for (size_t which = 0; which < SHARED; which++) {
        assert_int_equal(sum[which], 20000);
    }
    http_limit_close(limit);
}

static void what_it_costs(void **state)
{
    (void)state;
    struct http_limit *limit = limit_new(1000000, 1, 65536);
    struct timespec from;
    struct timespec to;
    enum { COUNT = 1000000 };
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (unsigned i = 0; i < COUNT; i++) {
        (void)take(limit, client(limit, i % 1000), 1, i / 1000);
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
    print_message("# %.0f ns a request\n", ns / COUNT);
    http_limit_close(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket),      cmocka_unit_test(extremes),
        cmocka_unit_test(small_table),   cmocka_unit_test(many_threads),
        cmocka_unit_test(what_it_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The upkeep thread: when tasks run, and how it stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "lucidd/upkeep.h"

struct probe {
    struct upkeep *upkeep;
    _Atomic unsigned runs;
    _Atomic uint64_t again;
    unsigned stop_after; /* stops the thread from within; 0: never */
};

static uint64_t probe_run(void *context, uint64_t now_ms)
{
    struct probe *probe = context;
    assert_true(now_ms > 1600000000000u);
    unsigned runs = atomic_fetch_add(&probe->runs, 1) + 1;
    if (runs == probe->stop_after) {
        upkeep_stop(probe->upkeep);
    }
    return atomic_load(&probe->again);
}

static void *thread_main(void *upkeep)
{
    upkeep_run(upkeep);
    return NULL;
}

static void pause_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static bool comes(struct probe *probe, unsigned runs)
{
    for (unsigned i = 0; i < 5000 && atomic_load(&probe->runs) < runs; i++) {
        pause_ms(1);
    }
    return atomic_load(&probe->runs) >= runs;
}

static struct upkeep *open_upkeep(void)
{
    struct lucid_clock clock = lucid_clock_system();
    struct upkeep *upkeep = NULL;
    assert_int_equal(upkeep_open(&clock, &upkeep), LUCID_OK);
    return upkeep;
}

static void add(struct upkeep *upkeep, struct probe *probe, uint64_t first_ms, bool at_stop)
{
    probe->upkeep = upkeep;
    const struct upkeep_task task = {.name = "probe",
                                     .run = probe_run,
                                     .context = probe,
                                     .first_ms = first_ms,
                                     .at_stop = at_stop};
    upkeep_add(upkeep, &task);
}

static void test_periodic(void **state)
{
    (void)state;
    struct upkeep *upkeep = open_upkeep();
    struct probe often = {.again = 1, .stop_after = 20};
    struct probe rare = {.again = UPKEEP_NEVER};
    struct probe never = {.again = 1};
    add(upkeep, &often, 0, false);
    add(upkeep, &rare, 0, false);
    add(upkeep, &never, UPKEEP_NEVER, false);
    upkeep_run(upkeep); /* here: the task stops it */
    assert_int_equal(often.runs, 20);
    assert_int_equal(rare.runs, 1);
    assert_int_equal(never.runs, 0);
    assert_true(upkeep_stopping(upkeep));
    upkeep_close(upkeep);
}

static void test_busy_task_leaves_turns(void **state)
{
    (void)state;
    struct upkeep *upkeep = open_upkeep();
    struct probe first = {.again = 0};
    struct probe second = {.again = 0, .stop_after = 50};
    add(upkeep, &first, 0, false);
    add(upkeep, &second, 0, false);
    upkeep_run(upkeep);
    assert_int_equal(second.runs, 50);
    assert_true(first.runs >= 49 && first.runs <= 51);
    upkeep_close(upkeep);
}

static void test_stop_from_outside(void **state)
{
    (void)state;
    struct upkeep *upkeep = open_upkeep();
    struct probe once = {.again = UPKEEP_NEVER};
    struct probe last = {.again = 3600000};
    add(upkeep, &once, 0, false);
    add(upkeep, &last, UPKEEP_NEVER, true);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, thread_main, upkeep), 0);
    assert_true(comes(&once, 1));
    pause_ms(20);
    assert_int_equal(once.runs, 1);
    assert_int_equal(last.runs, 0);
    upkeep_stop(upkeep); /* wakes the thread out of its sleep */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(once.runs, 1);
    assert_int_equal(last.runs, 1); /* at the stop */
    upkeep_close(upkeep);
    upkeep_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_periodic),
        cmocka_unit_test(test_busy_task_leaves_turns),
        cmocka_unit_test(test_stop_from_outside),
    };
    return cmocka_run_group_tests_name("upkeep", tests, NULL, NULL);
}

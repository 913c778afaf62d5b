/* base/clock.h: the manual clock stands still, the system clock runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"

static void test_manual(void **state)
{
    (void)state;
    uint64_t hand = 5;
    struct lucid_clock clock = lucid_clock_manual(&hand);
    assert_int_equal(lucid_wall_ms(&clock), 5);
    assert_int_equal(lucid_boot_ms(&clock), 5);
    hand = UINT64_MAX;
    assert_int_equal(lucid_wall_ms(&clock), UINT64_MAX);
    hand = 0; /* hands may go back */
    assert_int_equal(lucid_wall_ms(&clock), 0);
    assert_int_equal(lucid_boot_ms(&clock), 0);

    /* Two clocks have hands of their own. */
    uint64_t other_hand = 9;
    struct lucid_clock other = lucid_clock_manual(&other_hand);
    assert_int_equal(lucid_wall_ms(&clock), 0);
    assert_int_equal(lucid_wall_ms(&other), 9);
}

static void test_system(void **state)
{
    (void)state;
    struct lucid_clock clock = lucid_clock_system();
    uint64_t before = (uint64_t)time(NULL) * 1000;
    uint64_t wall = lucid_wall_ms(&clock);
    assert_in_range(wall, before > 2000 ? before - 2000 : 0, before + 60000);
    uint64_t boot = lucid_boot_ms(&clock);
    struct timespec pause = {.tv_nsec = 20000000};
    assert_int_equal(nanosleep(&pause, NULL), 0);
    assert_in_range(lucid_boot_ms(&clock), boot + 19, boot + 60000);
}

/* Wall and boot time, and a pause that happens between the two readings. */
struct hands {
    uint64_t wall_ms;
    uint64_t boot_ms;
    uint64_t pause_ms;
};

static uint64_t hands_wall(void *context)
{
    struct hands *hands = context;
    uint64_t now = hands->wall_ms;
    hands->wall_ms += hands->pause_ms;
    hands->boot_ms += hands->pause_ms;
    return now;
}

static uint64_t hands_boot(void *context)
{
    return ((const struct hands *)context)->boot_ms;
}

static void test_onward(void **state)
{
    (void)state;
    enum { HOUR = 3600000 };
    struct hands hands = {.wall_ms = 100 * (uint64_t)HOUR, .boot_ms = 7};
    const struct lucid_clock clock = {
        .wall_ms = hands_wall, .boot_ms = hands_boot, .context = &hands};
    struct lucid_onward onward;
    lucid_onward_init(&onward, &clock, 5); /* the log is older: the wall clock counts */
    assert_int_equal(lucid_onward_ms(&onward), 100 * (uint64_t)HOUR);

    hands.wall_ms -= HOUR; /* back: on at the boot clock's pace */
    assert_int_equal(lucid_onward_ms(&onward), 100 * (uint64_t)HOUR);
    hands.wall_ms += 20;
    hands.boot_ms += 20;
    struct lucid_clock log = lucid_onward_clock(&onward);
    assert_int_equal(lucid_wall_ms(&log), 100 * (uint64_t)HOUR + 20);
    assert_int_equal(lucid_boot_ms(&log), 27);

    hands.wall_ms += 2 * HOUR; /* forth: the wall clock again */
    assert_int_equal(lucid_onward_ms(&onward), 101 * (uint64_t)HOUR + 20);

    hands.pause_ms = 5000; /* is not taken for a clock that is ahead */
    assert_int_equal(lucid_onward_ms(&onward), 101 * (uint64_t)HOUR + 20 + 5000);
    hands.pause_ms = 0;
    assert_int_equal(lucid_onward_ms(&onward), hands.wall_ms);

    lucid_onward_init(&onward, &clock, 200 * (uint64_t)HOUR); /* the log is newer */
    assert_int_equal(lucid_onward_ms(&onward), 200 * (uint64_t)HOUR);
    hands.boot_ms += 3;
    assert_int_equal(lucid_onward_ms(&onward), 200 * (uint64_t)HOUR + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manual),
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_onward),
    };
    return cmocka_run_group_tests_name("base clock", tests, NULL, NULL);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manual),
        cmocka_unit_test(test_system),
    };
    return cmocka_run_group_tests_name("base clock", tests, NULL, NULL);
}

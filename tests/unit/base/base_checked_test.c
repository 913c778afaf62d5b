/* base/checked.h: sums, differences and products at the edge of 64 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"

static const uint64_t edges[] = {0,
                                 1,
                                 2,
                                 3,
                                 UINT32_MAX - 1,
                                 UINT32_MAX,
                                 UINT64_C(1) << 32,
                                 (UINT64_C(1) << 32) + 1,
                                 UINT64_C(1) << 63,
                                 (UINT64_C(1) << 63) - 1,
                                 UINT64_MAX / 3,
                                 UINT64_MAX / 3 + 1,
                                 UINT64_MAX - 1,
                                 UINT64_MAX};

enum { EDGES = sizeof(edges) / sizeof(edges[0]) };

/* Every pair, against 128-bit arithmetic. A result that does not fit leaves the output alone. */
static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < EDGES; i++) {
        for (size_t j = 0; j < EDGES; j++) {
            uint64_t a = edges[i];
            uint64_t b = edges[j];
            unsigned __int128 sum = (unsigned __int128)a + b;
            unsigned __int128 product = (unsigned __int128)a * b;
            uint64_t got = 77;
            assert_int_equal(lucid_add_u64(a, b, &got), sum <= UINT64_MAX);
            assert_true(got == (sum <= UINT64_MAX ? (uint64_t)sum : 77));
            got = 77;
            assert_int_equal(lucid_mul_u64(a, b, &got), product <= UINT64_MAX);
            assert_true(got == (product <= UINT64_MAX ? (uint64_t)product : 77));
            got = 77;
            assert_int_equal(lucid_sub_u64(a, b, &got), a >= b);
            assert_true(got == (a >= b ? a - b : 77));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests_name("base checked", tests, NULL, NULL);
}

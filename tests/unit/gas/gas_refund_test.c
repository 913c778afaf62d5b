/* The split of refunds against the rule as it is worded, unit by unit with divisions; and at sizes
 * that nobody can walk, against the table of the split and against the rule's own next steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/assert.h"
#include "gas/refund.h"

static uint64_t seed = 20261122;

static uint64_t random_bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static uint64_t random_below(uint64_t limit)
{
    return random_bits() % limit;
}

static uint64_t sum_of(const uint64_t legs[GAS_LEGS])
{
    return legs[0] + legs[1] + legs[2];
}

/* The rule: unit total + 1. */
static void rule_step(const uint64_t legs[GAS_LEGS], uint64_t total, uint64_t units[GAS_LEGS])
{
    const unsigned __int128 sum = sum_of(legs);
    size_t best = GAS_LEGS;
    unsigned __int128 best_due = 0;
    for (size_t i = 0; i < GAS_LEGS; i++) {
        if (((unsigned __int128)total + 1) * legs[i] <= sum * units[i]) {
            continue;
        }
        unsigned __int128 due = (sum * (units[i] + 1) + legs[i] - 1) / legs[i];
        if (best == GAS_LEGS || due < best_due) {
            best = i;
            best_due = due;
        }
    }
    assert_true(best < GAS_LEGS);
    units[best]++;
}

/* Three legs of a sum, often with zeros and ones. */
static void random_legs(uint64_t sum, uint64_t ret[GAS_LEGS])
{
    uint64_t parts[GAS_LEGS];
    parts[0] = random_below(4) == 0 ? random_below(3) : random_below(sum + 1);
    parts[0] = parts[0] > sum ? sum : parts[0];
    parts[1] = random_below(3) == 0 ? random_below(3) : random_below(sum - parts[0] + 1);
    parts[1] = parts[1] > sum - parts[0] ? sum - parts[0] : parts[1];
    parts[2] = sum - parts[0] - parts[1];
    size_t turn = random_below(GAS_LEGS);
    for (size_t i = 0; i < GAS_LEGS; i++) {
        ret[i] = parts[(i + turn) % GAS_LEGS];
    }
}

/* Every total of a payment. */
static void payment_walk(const uint64_t legs[GAS_LEGS])
{
    uint64_t want[GAS_LEGS] = {0};
    uint64_t got[GAS_LEGS];
    for (uint64_t total = 0; total <= sum_of(legs); total++) {
        gas_refund_at(legs, total, got);
        assert_memory_equal(got, want, sizeof(got));
        if (total < sum_of(legs)) {
            rule_step(legs, total, want);
        }
    }
    assert_memory_equal(got, legs, sizeof(got));
}

static void test_small(void **state)
{
    (void)state;
    /* All of them up to some size. */
    for (uint64_t sum = 1; sum <= 24; sum++) {
        for (uint64_t first = 0; first <= sum; first++) {
            for (uint64_t second = 0; first + second <= sum; second++) {
                const uint64_t legs[GAS_LEGS] = {first, second, sum - first - second};
                payment_walk(legs);
            }
        }
    }
}

static void test_random(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        uint64_t legs[GAS_LEGS];
        random_legs(1 + random_below(1U << random_below(11)), legs);
        payment_walk(legs);
    }
    for (int i = 0; i < 60; i++) {
        uint64_t legs[GAS_LEGS];
        uint64_t want[GAS_LEGS] = {0};
        uint64_t got[GAS_LEGS];
        random_legs(1 + random_below(100000), legs);
        uint64_t total = random_below(sum_of(legs) + 1);
        for (uint64_t at = 0; at < total; at++) {
            rule_step(legs, at, want);
        }
        gas_refund_at(legs, total, got);
        assert_memory_equal(got, want, sizeof(got));
    }
}

/* However a payment is cut into refunds, they sum to its legs, and none is negative. */
static void test_cuts(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        uint64_t legs[GAS_LEGS];
        uint64_t back[GAS_LEGS] = {0};
        uint64_t before = 0;
        random_legs(1 + random_below(100000), legs);
        uint64_t sum = sum_of(legs);
        while (before < sum) {
            uint64_t part[GAS_LEGS];
            uint64_t amount = 1 + random_below(random_below(2) == 0 ? 7 : sum);
            amount = amount > sum - before || random_below(20) == 0 ? sum - before : amount;
            gas_refund_split(legs, before, amount, part);
            assert_int_equal(sum_of(part), amount);
            for (size_t leg = 0; leg < GAS_LEGS; leg++) {
                back[leg] += part[leg];
                assert_true(back[leg] <= legs[leg]);
            }
            before += amount;
        }
        assert_memory_equal(back, legs, sizeof(legs));
    }
}

/* Legs that are multiples of basis points: the table of the split says the same, at any size. */
static void test_table(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        uint64_t bps[GAS_LEGS];
        struct gas_weights weights;
        struct gas_split *split;
        random_legs(GAS_BPS, bps);
        for (size_t leg = 0; leg < GAS_LEGS; leg++) {
            weights.bps[leg] = (uint16_t)bps[leg];
        }
        assert_int_equal(gas_split_open(&weights, &split), LUCID_OK);
        uint64_t times = 1 + random_below(GAS_AMOUNT_MAX / GAS_BPS);
        const uint64_t legs[GAS_LEGS] = {bps[0] * times, bps[1] * times, bps[2] * times};
        for (int n = 0; n < 20; n++) {
            uint64_t want[GAS_LEGS];
            uint64_t got[GAS_LEGS];
            uint64_t total = random_below(sum_of(legs) + 1);
            gas_split_at(split, total, want);
            gas_refund_at(legs, total, got);
            assert_memory_equal(got, want, sizeof(got));
        }
        gas_split_close(split);
    }
}

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What payments of any size are really shared into: by the split, from any total. The rule goes on
 * from there as the answers do, and none takes long. */
static void test_huge(void **state)
{
    (void)state;
    double slowest = 0;
    for (int i = 0; i < 300; i++) {
        uint64_t bps[GAS_LEGS];
        uint64_t legs[GAS_LEGS];
        struct gas_weights weights;
        struct gas_split *split;
        random_legs(GAS_BPS, bps);
        for (size_t leg = 0; leg < GAS_LEGS; leg++) {
            weights.bps[leg] = (uint16_t)bps[leg];
        }
        assert_int_equal(gas_split_open(&weights, &split), LUCID_OK);
        uint64_t amount = 1 + random_below((uint64_t)1 << (1 + random_below(62)));
        assert_int_equal(gas_split_pay(split, random_below(GAS_AMOUNT_MAX - amount), amount, legs),
                         LUCID_OK);
        gas_split_close(split);
        uint64_t total = random_below(amount);
        uint64_t units[GAS_LEGS];
        uint64_t got[GAS_LEGS];
        double begun = seconds();
        gas_refund_at(legs, total, units);
        double took = seconds() - begun;
        slowest = took > slowest ? took : slowest;
        uint64_t steps = amount - total < 300 ? amount - total : 300;
        for (uint64_t n = 0; n < steps; n++) {
            rule_step(legs, total + n, units);
        }
        gas_refund_at(legs, total + steps, got);
        assert_memory_equal(got, units, sizeof(got));
    }
    print_message("# slowest: %.3f ms\n", slowest * 1000);
    assert_true(slowest < 1.0); /* it is some milliseconds; a walk of 2^62 units would not end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small), cmocka_unit_test(test_random), cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_table), cmocka_unit_test(test_huge),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("gas refund", tests, NULL, NULL);
}

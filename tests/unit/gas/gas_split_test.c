/* gas/split.h: limits, periods, the cache. What it gives for millions of cases is held against
 * Python's integers in gas_split_model.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gas/split.h"

static const struct gas_weights samples[] = {
    {{7000, 2000, 1000}}, {{10000, 0, 0}},      {{0, 10000, 0}}, {{0, 0, 10000}},
    {{5000, 5000, 0}},    {{3333, 3333, 3334}}, {{1, 1, 9998}},  {{0, 1, 9999}},
    {{9998, 1, 1}},       {{2500, 0, 7500}},    {{6, 4, 9990}},  {{4999, 2, 4999}},
};
enum { SAMPLES = sizeof(samples) / sizeof(samples[0]) };

static struct gas_split *open_ok(const struct gas_weights *weights)
{
    struct gas_split *split = NULL;
    assert_int_equal(gas_split_open(weights, &split), LUCID_OK);
    assert_non_null(split);
    return split;
}

/* 10000 / gcd, by trying. */
static uint64_t period_of(const struct gas_weights *weights)
{
    uint64_t period = 1;
    while (period * weights->bps[0] % GAS_BPS != 0 || period * weights->bps[1] % GAS_BPS != 0 ||
           period * weights->bps[2] % GAS_BPS != 0) {
        period++;
    }
    return period;
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(gas_leg_name(GAS_COMPUTE), "compute");
    assert_string_equal(gas_leg_name(GAS_MODEL), "model");
    assert_string_equal(gas_leg_name(GAS_PROTOCOL), "protocol");
    assert_int_equal(gas_weights_default.bps[GAS_COMPUTE], 7000);
    assert_int_equal(gas_weights_default.bps[GAS_MODEL], 2000);
    assert_int_equal(gas_weights_default.bps[GAS_PROTOCOL], 1000);
}

static void test_weights(void **state)
{
    (void)state;
    static const struct gas_weights bad[] = {
        {{0, 0, 0}},
        {{7000, 2000, 999}},
        {{7000, 2000, 1001}},
        {{10000, 10000, 10000}},
        {{UINT16_MAX, UINT16_MAX, UINT16_MAX}},
        {{34464, 20536, 20536}}, /* 10000 in 16 bits */
    };
    struct gas_split *split = NULL;
    struct gas_split_cache *cache;
    const struct gas_split *cached = NULL;
    assert_int_equal(gas_split_cache_open(&cache), LUCID_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(gas_weights_ok(&bad[i]));
        assert_int_equal(gas_split_open(&bad[i], &split), LUCID_REFUSE_INVALID);
        assert_int_equal(gas_split_cache_get(cache, &bad[i], &cached), LUCID_REFUSE_INVALID);
        assert_null(split);
        assert_null(cached);
    }
    gas_split_cache_close(cache);
    for (size_t i = 0; i < SAMPLES; i++) {
        assert_true(gas_weights_ok(&samples[i]));
    }
}

static void test_hundred_of_one(void **state)
{
    (void)state;
    struct gas_split *split = open_ok(&gas_weights_default);
    uint64_t sums[GAS_LEGS] = {0};
    for (uint64_t total = 0; total < 100; total++) {
        uint64_t legs[GAS_LEGS];
        assert_int_equal(gas_split_pay(split, total, 1, legs), LUCID_OK);
        for (size_t i = 0; i < GAS_LEGS; i++) {
            assert_true(legs[i] <= 1);
            sums[i] += legs[i];
        }
        assert_int_equal(sums[0] + sums[1] + sums[2], total + 1);
    }
    assert_int_equal(sums[GAS_COMPUTE], 70);
    assert_int_equal(sums[GAS_MODEL], 20);
    assert_int_equal(sums[GAS_PROTOCOL], 10);
    gas_split_close(split);
}

/* By hand, weights as 7:2:1. Compute's units are due at 2 3 5 6 8 9 10, the model's at 5 and 10,
 * the protocol's at 10; compute is too early for units 4 and 7, after its third and its fifth, and
 * has all of its seven at 10; at 3, 7 and 9 two are due alike and the lower index goes first. */
static void test_first_period(void **state)
{
    (void)state;
    static const enum gas_leg want[10] = {
        GAS_COMPUTE, GAS_COMPUTE, GAS_COMPUTE, GAS_MODEL,   GAS_COMPUTE,
        GAS_COMPUTE, GAS_MODEL,   GAS_COMPUTE, GAS_COMPUTE, GAS_PROTOCOL,
    };
    struct gas_split *split = open_ok(&gas_weights_default);
    for (uint64_t total = 0; total < 30; total++) {
        uint64_t legs[GAS_LEGS];
        assert_int_equal(gas_split_pay(split, total, 1, legs), LUCID_OK);
        assert_int_equal(legs[want[total % 10]], 1);
    }
    gas_split_close(split);
}

/* At k periods each leg is exactly k · w / gcd, at any height; in between the first period comes
 * again. */
static void test_periods(void **state)
{
    (void)state;
    for (size_t s = 0; s < SAMPLES; s++) {
        struct gas_split *split = open_ok(&samples[s]);
        uint64_t period = period_of(&samples[s]);
        const uint64_t rounds[] = {0, 1, 2, 3, 999, 1000003, GAS_AMOUNT_MAX / period - 1};
        for (size_t r = 0; r < sizeof(rounds) / sizeof(rounds[0]); r++) {
            uint64_t at[GAS_LEGS];
            gas_split_at(split, rounds[r] * period, at);
            for (size_t i = 0; i < GAS_LEGS; i++) {
                unsigned __int128 share = (unsigned __int128)rounds[r] * period * samples[s].bps[i];
                assert_true(share % GAS_BPS == 0);
                assert_true(at[i] == (uint64_t)(share / GAS_BPS));
            }
            for (uint64_t rest = 0; rest <= period; rest += 1 + rest / 8) {
                uint64_t first[GAS_LEGS];
                uint64_t there[GAS_LEGS];
                gas_split_at(split, rest, first);
                gas_split_at(split, rounds[r] * period + rest, there);
                for (size_t i = 0; i < GAS_LEGS; i++) {
                    assert_int_equal(there[i] - at[i], first[i]);
                }
            }
        }
        gas_split_close(split);
    }
}

static void test_limits(void **state)
{
    (void)state;
    static const uint64_t totals[] = {0, 1, 9999, 10000, GAS_AMOUNT_MAX - 1, GAS_AMOUNT_MAX};
    for (size_t s = 0; s < SAMPLES; s++) {
        struct gas_split *split = open_ok(&samples[s]);
        for (size_t t = 0; t < sizeof(totals) / sizeof(totals[0]); t++) {
            uint64_t room = GAS_AMOUNT_MAX - totals[t];
            uint64_t legs[GAS_LEGS] = {7, 8, 9};
            assert_int_equal(gas_split_pay(split, totals[t], room + 1, legs),
                             LUCID_REFUSE_TOO_LARGE);
            assert_int_equal(gas_split_pay(split, totals[t], UINT64_MAX, legs),
                             LUCID_REFUSE_TOO_LARGE);
            assert_true(legs[0] == 7 && legs[1] == 8 && legs[2] == 9);
            assert_int_equal(gas_split_pay(split, totals[t], room, legs), LUCID_OK);
            assert_int_equal(legs[0] + legs[1] + legs[2], room);
            for (size_t i = 0; i < GAS_LEGS; i++) {
                assert_true(samples[s].bps[i] > 0 || legs[i] == 0);
                assert_true(samples[s].bps[i] < GAS_BPS || legs[i] == room);
            }
        }
        uint64_t legs[GAS_LEGS] = {7, 8, 9};
        assert_int_equal(gas_split_pay(split, GAS_AMOUNT_MAX + 1, 0, legs), LUCID_REFUSE_TOO_LARGE);
        assert_int_equal(gas_split_pay(split, UINT64_MAX, 1, legs), LUCID_REFUSE_TOO_LARGE);
        assert_true(legs[0] == 7 && legs[1] == 8 && legs[2] == 9);
        assert_int_equal(gas_split_pay(split, 12345, 0, legs), LUCID_OK);
        assert_true(legs[0] == 0 && legs[1] == 0 && legs[2] == 0);
        gas_split_at(split, UINT64_MAX, legs);
        assert_int_equal(legs[0] + legs[1] + legs[2], UINT64_MAX);
        gas_split_close(split);
    }
}

/* --- cache ------------------------------------------------------------------------------------ */

static struct gas_weights weights_number(unsigned number)
{
    return (struct gas_weights){{(uint16_t)number, 5, (uint16_t)(GAS_BPS - 5 - number)}};
}

static const struct gas_split *get_ok(struct gas_split_cache *cache, unsigned number)
{
    struct gas_weights weights = weights_number(number);
    const struct gas_split *split = NULL;
    assert_int_equal(gas_split_cache_get(cache, &weights, &split), LUCID_OK);
    /* Of 10000 units each leg has its weight. */
    uint64_t at[GAS_LEGS];
    gas_split_at(split, GAS_BPS, at);
    for (size_t i = 0; i < GAS_LEGS; i++) {
        assert_int_equal(at[i], weights.bps[i]);
    }
    return split;
}

static void test_cache_keeps(void **state)
{
    (void)state;
    struct gas_split_cache *cache;
    const struct gas_split *splits[GAS_TABLES_MAX];
    assert_int_equal(gas_split_cache_open(&cache), LUCID_OK);
    for (unsigned i = 0; i < GAS_TABLES_MAX; i++) {
        splits[i] = get_ok(cache, i);
    }
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < GAS_TABLES_MAX; i++) {
            assert_ptr_equal(get_ok(cache, i), splits[i]);
        }
    }
    /* Refused weights drop none. */
    const struct gas_split *none = NULL;
    assert_int_equal(gas_split_cache_get(cache, &(struct gas_weights){{1, 2, 3}}, &none),
                     LUCID_REFUSE_INVALID);
    assert_ptr_equal(get_ok(cache, 0), splits[0]);
    gas_split_cache_close(cache);
}

/* The one that was not asked for longest goes; the one in use all the time stays, as its address
 * shows, however many others come. */
static void test_cache_drops_oldest(void **state)
{
    (void)state;
    struct gas_split_cache *cache;
    assert_int_equal(gas_split_cache_open(&cache), LUCID_OK);
    const struct gas_split *splits[GAS_TABLES_MAX];
    for (unsigned i = 0; i < GAS_TABLES_MAX; i++) {
        splits[i] = get_ok(cache, i);
    }
    const struct gas_split *kept = splits[0];
    for (unsigned i = 1000; i < 1000 + 5 * GAS_TABLES_MAX; i++) {
        assert_ptr_equal(get_ok(cache, 0), kept);
        (void)get_ok(cache, i);
        if (i == 1000) { /* took the place of number 1, the oldest: 2 … are there still */
            for (unsigned j = 2; j < GAS_TABLES_MAX; j++) {
                assert_ptr_equal(get_ok(cache, j), splits[j]);
            }
        }
    }
    gas_split_cache_close(cache);
    gas_split_cache_close(NULL);
    gas_split_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),          cmocka_unit_test(test_weights),
        cmocka_unit_test(test_hundred_of_one), cmocka_unit_test(test_first_period),
        cmocka_unit_test(test_periods),        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_cache_keeps),    cmocka_unit_test(test_cache_drops_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

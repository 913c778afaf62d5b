/* The map in memory: nothing inserted is ever lost, readers beside the writer included, and its
 * bytes stay under what the header says. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "ledger/map_internal.h"

enum { LEAVES = 200000, FIND_MAX = 16, READERS = 2 };

/* A tag per leaf that is random to the map and known to the test (splitmix64). */
static uint64_t tag_of(uint64_t leaf)
{
    uint64_t x = (leaf + 1) * 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    x ^= x >> 31;
    return x == 0 ? 1 : x;
}

static struct ledger_map *map_new(uint64_t leaves_max)
{
    struct ledger_map *map = NULL;
    lucid_assert(ledger_map_open(leaves_max, &map) == LUCID_OK);
    return map;
}

static bool map_has(const struct ledger_map *map, uint64_t tag, uint64_t leaf)
{
    uint64_t leaves[FIND_MAX];
    size_t count = ledger_map_find(map, tag, leaves, FIND_MAX);
    for (size_t i = 0; i < count; i++) {
        if (leaves[i] == leaf) {
            return true;
        }
    }
    return false;
}

static void test_all_found(void **state)
{
    (void)state;
    struct ledger_map *map = map_new(1 << 20);
    for (uint64_t leaf = 0; leaf < LEAVES; leaf++) {
        assert_int_equal(ledger_map_insert(map, tag_of(leaf), leaf), LUCID_OK);
        assert_true(map_has(map, tag_of(leaf), leaf));
        /* One of those that were there before, so that every growth is looked at. */
        uint64_t other = tag_of(leaf) % (leaf + 1);
        assert_true(map_has(map, tag_of(other), other));
    }
    size_t more = 0;
    for (uint64_t leaf = 0; leaf < LEAVES; leaf++) {
        uint64_t leaves[FIND_MAX];
        size_t count = ledger_map_find(map, tag_of(leaf), leaves, FIND_MAX);
        more += count - 1;
        assert_true(map_has(map, tag_of(leaf), leaf));
    }
    assert_in_range(more, 0, 10);
    ledger_map_close(map);
}

static void test_absent(void **state)
{
    (void)state;
    struct ledger_map *map = map_new(1 << 20);
    uint64_t leaves[FIND_MAX];
    assert_int_equal(ledger_map_find(map, 1, leaves, FIND_MAX), 0);
    for (uint64_t leaf = 0; leaf < LEAVES; leaf++) {
        assert_int_equal(ledger_map_insert(map, tag_of(leaf), leaf), LUCID_OK);
    }
    size_t wrong = 0;
    for (uint64_t other = LEAVES; other < 2 * LEAVES; other++) {
        wrong += ledger_map_find(map, tag_of(other), leaves, FIND_MAX);
    }
    /* About LEAVES in 2^36 meets one: 0.6 expected. */
    assert_in_range(wrong, 0, 10);
    ledger_map_close(map);
}

static void test_one_tag_several_leaves(void **state)
{
    (void)state;
    enum { SAME = 12, TAGS = 3000 };
    struct ledger_map *map = map_new(1 << 20);
    for (uint64_t round = 0; round < SAME; round++) {
        for (uint64_t tag = 0; tag < TAGS; tag++) {
            uint64_t leaf = round * TAGS + tag;
            assert_int_equal(ledger_map_insert(map, tag_of(tag), leaf), LUCID_OK);
        }
    }
    for (uint64_t tag = 0; tag < TAGS; tag++) {
        uint64_t leaves[FIND_MAX];
        size_t count = ledger_map_find(map, tag_of(tag), leaves, FIND_MAX);
        assert_in_range(count, SAME, SAME + 1);
        for (uint64_t round = 0; round < SAME; round++) {
            assert_true(map_has(map, tag_of(tag), round * TAGS + tag));
        }
    }
    ledger_map_close(map);
}

static void expect_small(const struct ledger_map *map, uint64_t leaves)
{
    uint64_t bytes = ledger_map_bytes(map);
    if (bytes * 2 > leaves * 25) {
        fail_msg("%llu bytes for %llu leaves", (unsigned long long)bytes,
                 (unsigned long long)leaves);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    enum { FIRST = 100000, LAST = 600000 };
    struct ledger_map *map = map_new(1 << 20);
    for (uint64_t leaf = 0; leaf < LAST; leaf++) {
        assert_int_equal(ledger_map_insert(map, tag_of(leaf), leaf), LUCID_OK);
        if (leaf + 1 >= FIRST && leaf % 100 == 0) {
            expect_small(map, leaf + 1);
        }
    }
    ledger_map_close(map);
    /* And when it is made at once, as at start, then goes on growing. */
    for (uint64_t leaves = FIRST; leaves < LAST; leaves += 70000) {
        map = map_new(1 << 20);
        assert_int_equal(ledger_map_reserve(map, leaves), LUCID_OK);
        expect_small(map, leaves);
        uint64_t reserved = ledger_map_bytes(map);
        for (uint64_t leaf = 0; leaf < leaves; leaf++) {
            assert_int_equal(ledger_map_insert(map, tag_of(leaf), leaf), LUCID_OK);
        }
        /* Reserved room spares nearly all of the growing. */
        assert_true(ledger_map_bytes(map) < reserved + reserved / 10);
        for (uint64_t leaf = leaves; leaf < leaves + 20000; leaf++) {
            assert_int_equal(ledger_map_insert(map, tag_of(leaf), leaf), LUCID_OK);
        }
        expect_small(map, leaves + 20000);
        ledger_map_close(map);
    }
}

/* Prepared inserts never grow the map, and so cannot fail. */
static void test_prepare(void **state)
{
    (void)state;
    struct row {
        uint64_t tag;
        uint64_t other;
    };
    enum { ROWS = 5000, ROUNDS = 20 };
    static struct row rows[ROWS];
    struct ledger_map *map = map_new(1 << 20);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 0; i < ROWS; i++) {
            rows[i] = (struct row){.tag = i % 7 == 0 ? 0 : tag_of(round * ROWS + i), .other = 5};
        }
        assert_int_equal(ledger_map_prepare(map, &rows[0].tag, ROWS, sizeof(rows[0])), LUCID_OK);
        uint64_t bytes = ledger_map_bytes(map);
        for (uint64_t i = 0; i < ROWS; i++) {
            if (rows[i].tag != 0) {
                assert_int_equal(ledger_map_insert(map, rows[i].tag, round * ROWS + i), LUCID_OK);
            }
        }
        assert_int_equal(ledger_map_bytes(map), bytes);
    }
    ledger_map_close(map);
}

/* The last leaf that fits must fit, growth by a quarter notwithstanding. */
static void test_full(void **state)
{
    (void)state;
    enum { MAX = 100000 };
    struct ledger_map *map = map_new(MAX);
    for (uint64_t leaf = 0; leaf < MAX; leaf++) {
        assert_int_equal(ledger_map_insert(map, tag_of(leaf), leaf), LUCID_OK);
    }
    uint64_t leaf = MAX;
    enum lucid_error error = LUCID_OK;
    while (error == LUCID_OK && leaf < 8 * (uint64_t)MAX) {
        error = ledger_map_insert(map, tag_of(leaf), leaf);
        leaf += error == LUCID_OK;
    }
    assert_int_equal(error, LUCID_RETRY_MEMORY);
    uint64_t refused = tag_of(leaf);
    assert_int_equal(ledger_map_prepare(map, &refused, 1, sizeof(refused)), LUCID_RETRY_MEMORY);
    for (uint64_t i = 0; i < leaf; i++) {
        assert_true(map_has(map, tag_of(i), i));
    }
    ledger_map_close(map);
}

struct shared {
    struct ledger_map *map;
    _Atomic uint64_t published;
    _Atomic uint64_t lost;
    _Atomic uint64_t finds;
    _Atomic bool done;
};

static void *reader_main(void *context)
{
    struct shared *shared = context;
    uint64_t random = (uint64_t)(uintptr_t)&random;
    while (!atomic_load(&shared->done)) {
        uint64_t count = atomic_load_explicit(&shared->published, memory_order_acquire);
        for (unsigned i = 0; i < 64 && count > 0; i++) {
            random = tag_of(random);
            /* Half of them new ones, where the shard has just been grown. */
            uint64_t back = count < 256 || i % 2 == 0 ? count : 256;
            uint64_t leaf = count - 1 - random % back;
            if (!map_has(shared->map, tag_of(leaf), leaf)) {
                atomic_fetch_add(&shared->lost, 1);
            }
            atomic_fetch_add(&shared->finds, 1);
        }
    }
    return NULL;
}

/* A shard that is being grown is met by few finds of a round, hence the rounds. */
static void test_readers(void **state)
{
    (void)state;
    enum { ROUNDS = 24, FINDS = 20000 };
    for (int round = 0; round < ROUNDS; round++) {
        struct shared shared = {.map = map_new(1 << 20)};
        pthread_t threads[READERS];
        for (unsigned i = 0; i < READERS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, reader_main, &shared), 0);
        }
        for (uint64_t leaf = 0; leaf < LEAVES; leaf++) {
            assert_int_equal(ledger_map_insert(shared.map, tag_of(leaf), leaf), LUCID_OK);
            atomic_store_explicit(&shared.published, leaf + 1, memory_order_release);
        }
        while (atomic_load(&shared.finds) < FINDS) {
            sched_yield();
        }
        atomic_store(&shared.done, true);
        for (unsigned i = 0; i < READERS; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
        assert_int_equal(atomic_load(&shared.lost), 0);
        ledger_map_close(shared.map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_found),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_one_tag_several_leaves),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_readers),
    };
    return cmocka_run_group_tests_name("core map", tests, NULL, NULL);
}

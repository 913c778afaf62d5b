/* base/arena.h: alignment, limits, reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"

static void test_alignment(void **state)
{
    (void)state;
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    uint8_t *last = NULL;
    for (size_t len = 1; len < 600; len++) {
        uint8_t *at = lucid_arena_alloc(&arena, len);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % 16, 0);
        assert_ptr_not_equal(at, last);
        memset(at, (int)len, len);
        last = at;
    }
    lucid_arena_fini(&arena);
}

/* What was handed out stays as it was written, also in blocks that are full. */
static void test_kept(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static uint8_t *parts[COUNT];
    struct lucid_arena arena;
    lucid_arena_init(&arena, 4 << 20);
    for (unsigned i = 0; i < COUNT; i++) {
        parts[i] = lucid_arena_alloc(&arena, i % 97 + 1);
        assert_non_null(parts[i]);
        memset(parts[i], (int)(i & 0xff), i % 97 + 1);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        for (unsigned j = 0; j < i % 97 + 1; j++) {
            assert_int_equal(parts[i][j], i & 0xff);
        }
    }
    lucid_arena_fini(&arena);
}

static void test_limit(void **state)
{
    (void)state;
    struct lucid_arena arena;
    lucid_arena_init(&arena, 0);
    assert_null(lucid_arena_alloc(&arena, 1));
    lucid_arena_fini(&arena);

    static const size_t limits[] = {16, 160, 4080, 4096, 4112, 5008, 20000, 65536};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        lucid_arena_init(&arena, limits[i]);
        assert_null(lucid_arena_alloc(&arena, limits[i] + 1));
        size_t got = 0;
        while (lucid_arena_alloc(&arena, 16) != NULL) {
            got += 16;
            assert_true(got <= limits[i]);
            assert_true(arena.total <= limits[i]);
        }
        assert_int_equal(got, limits[i] / 16 * 16);
        assert_null(lucid_arena_alloc(&arena, 1));
        lucid_arena_fini(&arena);
        assert_int_equal(arena.total, 0);
        assert_non_null(lucid_arena_alloc(&arena, limits[i] / 16 * 16));
        lucid_arena_fini(&arena);
    }
}

static void test_reset(void **state)
{
    (void)state;
    struct lucid_arena arena;
    lucid_arena_init(&arena, 64 << 10);
    lucid_arena_reset(&arena);
    for (unsigned round = 0; round < 1000; round++) {
        for (unsigned i = 0; i < 10; i++) {
            assert_non_null(lucid_arena_alloc(&arena, 3000));
        }
        assert_true(arena.total <= 64 << 10);
        lucid_arena_reset(&arena);
        assert_int_equal(arena.used, 0);
    }
    lucid_arena_fini(&arena);
    assert_int_equal(arena.total, 0);
    assert_null(arena.blocks);
}

static void test_copies(void **state)
{
    (void)state;
    struct lucid_arena arena;
    lucid_arena_init(&arena, 8192);
    struct lucid_span copy = lucid_arena_copy(&arena, lucid_span("a\0b", 3));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.data, "a\0b", 4);
    copy = lucid_arena_copy(&arena, lucid_span(NULL, 0));
    assert_non_null(copy.data);
    assert_int_equal(copy.data[0], 0);
    uint8_t *dirty = lucid_arena_alloc(&arena, 1024);
    assert_non_null(dirty);
    memset(dirty, 0xff, 1024);
    lucid_arena_reset(&arena);
    uint8_t *zeros = lucid_arena_zalloc(&arena, 2048);
    assert_non_null(zeros);
    for (unsigned i = 0; i < 2048; i++) {
        assert_int_equal(zeros[i], 0);
    }
    static const uint8_t large[9000];
    copy = lucid_arena_copy(&arena, lucid_span(large, sizeof(large)));
    assert_null(copy.data);
    assert_int_equal(copy.len, 0);
    assert_null(lucid_arena_zalloc(&arena, sizeof(large)));
    lucid_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment), cmocka_unit_test(test_kept),
        cmocka_unit_test(test_limit),     cmocka_unit_test(test_reset),
        cmocka_unit_test(test_copies),
    };
    return cmocka_run_group_tests_name("base arena", tests, NULL, NULL);
}

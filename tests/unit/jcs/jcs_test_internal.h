/* What the unit tests of base/jcs share. Include after cmocka.h's own requirements. */
#ifndef LUCID_TESTS_UNIT_JCS_JCS_TEST_INTERNAL_H
#define LUCID_TESTS_UNIT_JCS_JCS_TEST_INTERNAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/jcs/jcs.h"

static const struct jcs_limits test_limits = {.depth_max = 16, .values_max = 4096};

/* Parses len bytes out of an allocation of exactly that size, so that a sanitizer sees any read
 * past the end. The copy lives in arena. */
static inline enum lucid_error test_parse(struct lucid_arena *arena, const void *text, size_t len,
                                          const struct jcs_limits *limits,
                                          const struct jcs_value **ret, struct lucid_why *why)
{
    uint8_t *copy = test_malloc(len == 0 ? 1 : len);
    memcpy(copy, text, len);
    enum lucid_error error = jcs_parse(lucid_span(copy, len), limits, arena, ret, why);
    if (error == LUCID_OK) {
        /* What was read may point into the text: keep it as long as the arena. */
        lucid_arena_reset(arena);
        struct lucid_span kept = lucid_arena_copy(arena, lucid_span(copy, len));
        assert_non_null(kept.data);
        error = jcs_parse(kept, limits, arena, ret, why);
    }
    test_free(copy);
    return error;
}

/* The canonical form of text, which must be valid, as a NUL-terminated string in arena. */
static inline const char *test_canonical(struct lucid_arena *arena, const char *text, size_t len)
{
    const struct jcs_value *root = NULL;
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = test_parse(arena, text, len, &test_limits, &root, &why);
    if (error != LUCID_OK) {
        print_error("refused: %s at %zu of %s\n", why.text, why.offset, text);
    }
    assert_int_equal(error, LUCID_OK);
    struct lucid_buf out;
    lucid_buf_init(&out, 0);
    jcs_write(root, &out);
    assert_true(lucid_buf_ok(&out));
    struct lucid_span copy = lucid_arena_copy(arena, lucid_buf_span(&out));
    lucid_buf_fini(&out);
    assert_non_null(copy.data);
    return (const char *)copy.data;
}

/* A small generator, so that a failure can be repeated: splitmix64 (S. Vigna, public domain). */
static inline uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

#endif

/* An arena that each test has for itself. */
#ifndef LUCID_TESTS_PASSPORT_ARENA_KIT_H
#define LUCID_TESTS_PASSPORT_ARENA_KIT_H

#include "base/arena.h"

static struct lucid_arena arena;

static inline int start(void **state)
{
    (void)state;
    lucid_arena_init(&arena, 64U << 20);
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    lucid_arena_fini(&arena);
    return 0;
}

#endif

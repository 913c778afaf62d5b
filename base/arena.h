/* An arena: allocations that all die together. One owner, no locks. */
#ifndef LUCID_BASE_ARENA_H
#define LUCID_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct lucid_arena_block;

struct lucid_arena {
    struct lucid_arena_block *blocks; /* newest first */
    size_t used;                      /* in the newest block */
    size_t total;                     /* bytes of all blocks */
    size_t bytes_max;                 /* refuse to grow over this */
};

/* Caller's memory; no allocation happens before the first lucid_arena_alloc. */
void lucid_arena_init(struct lucid_arena *arena, size_t bytes_max);

/* Frees every block. The arena may be used again. */
void lucid_arena_fini(struct lucid_arena *arena);

/* Forgets every allocation but keeps one block for reuse. */
void lucid_arena_reset(struct lucid_arena *arena);

/* Memory of len bytes aligned to 16, not cleared, good until reset or fini.
 * NULL when bytes_max would be passed or the system has no memory. */
void *lucid_arena_alloc(struct lucid_arena *arena, size_t len) LUCID_WARN_UNUSED;

/* The same, zeroed. */
void *lucid_arena_zalloc(struct lucid_arena *arena, size_t len) LUCID_WARN_UNUSED;

/* A copy of the bytes, NUL-terminated for convenience; {NULL, 0} when out of memory. */
struct lucid_span lucid_arena_copy(struct lucid_arena *arena,
                                   struct lucid_span data) LUCID_WARN_UNUSED;

#endif

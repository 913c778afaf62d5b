#include "base/arena.h"

#include <stdlib.h>

#include "base/assert.h"

enum { BLOCK_BYTES_MIN = 4096, ALIGN = 16 };

struct lucid_arena_block {
    struct lucid_arena_block *next;
    size_t cap;
    _Alignas(ALIGN) uint8_t data[];
};

void lucid_arena_init(struct lucid_arena *arena, size_t bytes_max)
{
    *arena = (struct lucid_arena){.bytes_max = bytes_max};
}

static void blocks_free(struct lucid_arena_block *block)
{
    while (block != NULL) {
        struct lucid_arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void lucid_arena_fini(struct lucid_arena *arena)
{
    blocks_free(arena->blocks);
    lucid_arena_init(arena, arena->bytes_max);
}

void lucid_arena_reset(struct lucid_arena *arena)
{
    arena->used = 0;
    if (arena->blocks == NULL) {
        return;
    }
    blocks_free(arena->blocks->next);
    arena->blocks->next = NULL;
    arena->total = arena->blocks->cap;
}

static bool arena_grow(struct lucid_arena *arena, size_t len)
{
    size_t cap = arena->blocks == NULL ? BLOCK_BYTES_MIN : arena->blocks->cap * 2;
    if (cap < len) {
        cap = len;
    }
    if (cap > arena->bytes_max - arena->total) {
        cap = len; /* near the limit: take no more than is asked for */
    }
    if (arena->total > arena->bytes_max || cap > arena->bytes_max - arena->total) {
        return false;
    }
    struct lucid_arena_block *block = malloc(sizeof(*block) + cap);
    if (block == NULL) {
        return false;
    }
    block->next = arena->blocks;
    block->cap = cap;
    arena->blocks = block;
    arena->used = 0;
    arena->total += cap;
    return true;
}

void *lucid_arena_alloc(struct lucid_arena *arena, size_t len)
{
    if (len > arena->bytes_max || len > SIZE_MAX - ALIGN) {
        return NULL;
    }
    len = (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (arena->blocks == NULL || len > arena->blocks->cap - arena->used) {
        if (!arena_grow(arena, len)) {
            return NULL;
        }
    }
    void *out = arena->blocks->data + arena->used;
    arena->used += len;
    lucid_assert(arena->used <= arena->blocks->cap);
    return out;
}

void *lucid_arena_zalloc(struct lucid_arena *arena, size_t len)
{
    void *out = lucid_arena_alloc(arena, len);
    if (out != NULL) {
        memset(out, 0, len);
    }
    return out;
}

struct lucid_span lucid_arena_copy(struct lucid_arena *arena, struct lucid_span data)
{
    uint8_t *out = lucid_arena_alloc(arena, data.len + 1);
    if (out == NULL) {
        return lucid_span(NULL, 0);
    }
    if (data.len > 0) {
        memcpy(out, data.data, data.len);
    }
    out[data.len] = 0;
    return lucid_span(out, data.len);
}

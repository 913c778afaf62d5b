#include <sched.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/map_internal.h"
#include "ledger/region_internal.h"

enum {
    SHARDS = 256,
    HASH_BITS = 28,
    LEAF_BITS = 36,
    SLOTS_MIN = 512, /* one page a shard */
};

struct shard {
    struct ledger_region region;
    _Atomic uint64_t *slots;
    _Atomic uint64_t capacity; /* slots in use as a table */
    uint64_t count;            /* writer only */
    _Atomic uint32_t sequence; /* odd while the shard is rearranged */
};

struct ledger_map {
    uint8_t key[crypto_shorthash_KEYBYTES];
    _Atomic uint64_t bytes;
    struct shard shards[SHARDS];
};

struct place {
    unsigned shard;
    uint64_t hash; /* HASH_BITS */
};

static struct place place_of(const struct ledger_map *map, uint64_t tag)
{
    uint8_t out[crypto_shorthash_BYTES];
    uint8_t in[8];
    lucid_put_be64(in, tag);
    crypto_shorthash(out, in, sizeof(in), map->key);
    uint64_t hash = lucid_get_be64(out);
    return (struct place){
        .shard = (unsigned)(hash >> 56),
        .hash = hash >> (56 - HASH_BITS) & (((uint64_t)1 << HASH_BITS) - 1),
    };
}

/* Scales the kept hash bits to a slot number: keeps their order, so growth moves slots only up. */
static uint64_t slot_of(uint64_t hash, uint64_t capacity)
{
    return hash * capacity >> HASH_BITS;
}

static uint64_t load(const struct shard *shard, uint64_t at)
{
    return atomic_load_explicit(&shard->slots[at], memory_order_relaxed);
}

static void slot_insert(struct shard *shard, uint64_t capacity, uint64_t slot)
{
    uint64_t at = slot_of(slot >> LEAF_BITS, capacity);
    while (load(shard, at) != 0) {
        at = at + 1 == capacity ? 0 : at + 1;
    }
    /* Release: whoever sees the slot may follow the leaf. */
    atomic_store_explicit(&shard->slots[at], slot, memory_order_release);
}

/* Rearranges the shard to a new capacity, through a copy of its slots. */
static enum lucid_error shard_resize(struct ledger_map *map, struct shard *shard, uint64_t capacity)
{
    uint64_t before = atomic_load_explicit(&shard->capacity, memory_order_relaxed);
    lucid_assert(capacity > before);
    enum lucid_error error = ledger_region_grow(&shard->region, capacity * sizeof(uint64_t));
    if (error != LUCID_OK) {
        return error;
    }
    uint64_t *copy = malloc((shard->count + 1) * sizeof(*copy));
    if (copy == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    uint64_t count = 0;
    for (uint64_t i = 0; i < before; i++) {
        uint64_t slot = load(shard, i);
        if (slot != 0) {
            copy[count++] = slot;
        }
    }
    lucid_assert(count == shard->count);

    /* Every store is a release, so a reader that saw any of them also sees the odd sequence. */
    atomic_fetch_add_explicit(&shard->sequence, 1, memory_order_acq_rel);
    for (uint64_t i = 0; i < capacity; i++) {
        atomic_store_explicit(&shard->slots[i], 0, memory_order_release);
    }
    atomic_store_explicit(&shard->capacity, capacity, memory_order_release);
    for (uint64_t i = 0; i < count; i++) {
        slot_insert(shard, capacity, copy[i]);
    }
    atomic_fetch_add_explicit(&shard->sequence, 1, memory_order_release);
    atomic_fetch_add_explicit(&map->bytes, (capacity - before) * sizeof(uint64_t),
                              memory_order_relaxed);
    free(copy);
    return LUCID_OK;
}

static bool shard_fits(const struct shard *shard, uint64_t count)
{
    uint64_t capacity = atomic_load_explicit(&shard->capacity, memory_order_relaxed);
    return count <= capacity / 5 * 4;
}

/* Room for count slots in all at 80 % load: at least a quarter more than before, so that growing
 * costs little in sum, or (exact) no more than that. */
static enum lucid_error shard_reserve(struct ledger_map *map, struct shard *shard, uint64_t count,
                                      bool exact)
{
    if (shard_fits(shard, count)) {
        return LUCID_OK;
    }
    uint64_t capacity = atomic_load_explicit(&shard->capacity, memory_order_relaxed);
    uint64_t wanted = (count / 4 + 1) * 5;
    if (!exact && wanted < capacity + capacity / 4) {
        wanted = capacity + capacity / 4;
    }
    uint64_t most = shard->region.reserved / sizeof(uint64_t);
    if (wanted > most) {
        if (count > most / 5 * 4) {
            return LUCID_RETRY_MEMORY;
        }
        wanted = most;
    }
    return shard_resize(map, shard, wanted);
}

enum lucid_error ledger_map_open(uint64_t leaves_max, struct ledger_map **ret)
{
    lucid_assert(leaves_max <= LEDGER_MAP_LEAVES_MAX);
    struct ledger_map *map = calloc(1, sizeof(*map));
    if (map == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    lucid_random(map->key, sizeof(map->key));
    /* Twice the even share: far more than random shards differ by. */
    uint64_t slots_max = leaves_max / SHARDS * 2 + SLOTS_MIN * 4;
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = &map->shards[i];
        enum lucid_error error = ledger_region_open(slots_max * sizeof(uint64_t), &shard->region);
        if (error == LUCID_OK) {
            error = ledger_region_grow(&shard->region, SLOTS_MIN * sizeof(uint64_t));
        }
        if (error != LUCID_OK) {
            ledger_map_close(map);
            return error;
        }
        shard->slots = (_Atomic uint64_t *)(void *)shard->region.base;
        atomic_init(&shard->capacity, SLOTS_MIN);
    }
    atomic_init(&map->bytes, (uint64_t)SHARDS * SLOTS_MIN * sizeof(uint64_t));
    *ret = map;
    return LUCID_OK;
}

void ledger_map_close(struct ledger_map *map)
{
    if (map == NULL) {
        return;
    }
    for (unsigned i = 0; i < SHARDS; i++) {
        ledger_region_close(&map->shards[i].region);
    }
    lucid_wipe(map->key, sizeof(map->key));
    free(map);
}

enum lucid_error ledger_map_reserve(struct ledger_map *map, uint64_t count)
{
    /* Shards fill unevenly by about the square root of their share: 2 % and a bit is plenty. */
    uint64_t share = count / SHARDS;
    share += share / 50 + 64;
    for (unsigned i = 0; i < SHARDS; i++) {
        enum lucid_error error = shard_reserve(map, &map->shards[i], share, true);
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

enum lucid_error ledger_map_prepare(struct ledger_map *map, const uint64_t *tags, size_t count,
                                    size_t stride)
{
    uint64_t more[SHARDS] = {0};
    const uint8_t *at = (const uint8_t *)tags;
    for (size_t i = 0; i < count; i++, at += stride) {
        uint64_t tag;
        memcpy(&tag, at, sizeof(tag));
        if (tag != 0) {
            more[place_of(map, tag).shard]++;
        }
    }
    enum lucid_error error = LUCID_OK;
    for (unsigned i = 0; error == LUCID_OK && i < SHARDS; i++) {
        struct shard *shard = &map->shards[i];
        error = shard_reserve(map, shard, shard->count + more[i], false);
    }
    return error;
}

void ledger_map_prefetch(const struct ledger_map *map, uint64_t tag)
{
    if (tag == 0) {
        return;
    }
    struct place place = place_of(map, tag);
    const struct shard *shard = &map->shards[place.shard];
    uint64_t capacity = atomic_load_explicit(&shard->capacity, memory_order_relaxed);
    __builtin_prefetch(&shard->slots[slot_of(place.hash, capacity)]);
}

enum lucid_error ledger_map_insert(struct ledger_map *map, uint64_t tag, uint64_t leaf)
{
    lucid_assert(leaf < LEDGER_MAP_LEAVES_MAX);
    struct place place = place_of(map, tag);
    struct shard *shard = &map->shards[place.shard];
    enum lucid_error error = shard_reserve(map, shard, shard->count + 1, false);
    if (error != LUCID_OK) {
        return error;
    }
    slot_insert(shard, atomic_load_explicit(&shard->capacity, memory_order_relaxed),
                place.hash << LEAF_BITS | (leaf + 1));
    shard->count++;
    return LUCID_OK;
}

/* One pass over the run of slots where the hash may stand. */
static size_t shard_find(const struct shard *shard, uint64_t hash, uint64_t *ret_leaves, size_t max)
{
    uint64_t capacity = atomic_load_explicit(&shard->capacity, memory_order_acquire);
    uint64_t at = slot_of(hash, capacity);
    size_t found = 0;
    for (uint64_t probes = 0; probes < capacity; probes++) {
        uint64_t slot = atomic_load_explicit(&shard->slots[at], memory_order_acquire);
        if (slot == 0) {
            break;
        }
        if (slot >> LEAF_BITS == hash && found < max) {
            ret_leaves[found++] = (slot & (((uint64_t)1 << LEAF_BITS) - 1)) - 1;
        }
        at = at + 1 == capacity ? 0 : at + 1;
    }
    return found;
}

enum lucid_error ledger_map_insert_few(struct ledger_map *map, uint64_t tag, uint64_t leaf,
                                       size_t max)
{
    enum { FEW_MAX = 16 };
    uint64_t leaves[FEW_MAX];
    struct place place = place_of(map, tag);
    lucid_assert(max <= FEW_MAX);
    return shard_find(&map->shards[place.shard], place.hash, leaves, max) < max
               ? ledger_map_insert(map, tag, leaf)
               : LUCID_OK;
}

size_t ledger_map_find(const struct ledger_map *map, uint64_t tag, uint64_t *ret_leaves, size_t max)
{
    struct place place = place_of(map, tag);
    const struct shard *shard = &map->shards[place.shard];
    for (;;) {
        uint32_t before = atomic_load_explicit(&shard->sequence, memory_order_acquire);
        if (before % 2 == 0) {
            /* The slots are loaded with acquire: nothing below moves up before them. */
            size_t found = shard_find(shard, place.hash, ret_leaves, max);
            if (atomic_load_explicit(&shard->sequence, memory_order_relaxed) == before) {
                lucid_assert(found < max);
                return found;
            }
        }
        /* The writer rearranges this shard: a matter of well under a millisecond. */
        sched_yield();
    }
}

uint64_t ledger_map_bytes(const struct ledger_map *map)
{
    return atomic_load_explicit(&map->bytes, memory_order_relaxed);
}

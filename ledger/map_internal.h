/* A map in memory from 64-bit tags to leaf indices: insert only, many readers, one writer.
 *
 * A tag is keyed with a random SipHash key of this process, so that nobody can choose run_ids that
 * collide. The hash's top 8 bits choose one of 256 shards, the next 28 bits are kept in the slot
 * and, scaled to the shard's size, also give the position: therefore a shard can grow in place from
 * its slots alone, in their order, without knowing the tags.
 *
 *   slot, 64 bits:  [ 28 bits of the hash | 36 bits leaf + 1 ]     0 = empty
 *
 * A find answers candidates; about one unknown tag in 2^36 / n meets a wrong one, so the caller
 * confirms each against the log. At most 12.5 bytes a leaf: grown by a quarter at 80 % load.
 *
 * Thread: insert and reserve by the writer; find by any thread at the same time. A reader that
 * meets a shard while it is being grown reads it again (sequence lock). */
#ifndef LUCID_LEDGER_MAP_INTERNAL_H
#define LUCID_LEDGER_MAP_INTERNAL_H

#include "base/bytes.h"

#define LEDGER_MAP_LEAVES_MAX (((uint64_t)1 << 36) - 2)

struct ledger_map;

/* Reserves address space for leaves_max leaves; uses memory as it fills. */
enum lucid_error ledger_map_open(uint64_t leaves_max, struct ledger_map **ret) LUCID_WARN_UNUSED;
void ledger_map_close(struct ledger_map *map);

/* Makes room for count leaves at once, before filling it. */
enum lucid_error ledger_map_reserve(struct ledger_map *map, uint64_t count) LUCID_WARN_UNUSED;

/* Errors: LUCID_RETRY_MEMORY. The pair must not be there yet. */
enum lucid_error ledger_map_insert(struct ledger_map *map, uint64_t tag,
                                   uint64_t leaf) LUCID_WARN_UNUSED;

/* The same, unless max leaves carry the tag already: those that came first are the ones found. For
 * leaves that anybody may log again and again under one tag. Thread: as insert. */
enum lucid_error ledger_map_insert_few(struct ledger_map *map, uint64_t tag, uint64_t leaf,
                                       size_t max) LUCID_WARN_UNUSED;

/* Asks for the memory that a find or insert of the tag will touch, some time ahead of it: at many
 * million leaves that is what both wait for. 0 is no tag. Thread: as insert. */
void ledger_map_prefetch(const struct ledger_map *map, uint64_t tag);

/* Makes room for inserts of these tags, so that they cannot fail: count of them, stride bytes
 * apart, 0 is none. */
enum lucid_error ledger_map_prepare(struct ledger_map *map, const uint64_t *tags, size_t count,
                                    size_t stride) LUCID_WARN_UNUSED;

/* Up to max leaves that may carry the tag, in no order. Asserts that max was enough: with a keyed
 * hash more than a handful of false candidates do not happen. */
size_t ledger_map_find(const struct ledger_map *map, uint64_t tag, uint64_t *ret_leaves,
                       size_t max);

/* Bytes of memory in use. Thread: any. */
uint64_t ledger_map_bytes(const struct ledger_map *map);

#endif

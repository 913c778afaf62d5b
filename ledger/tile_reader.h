/* Reads tiles from anywhere and believes none of them: everything that is handed out leads to the
 * root of one signed head. The tiles in which the tree ends hash to the root together; every other
 * tile hashes to its place in the tile above; a bundle's entries hash to the leaves.
 *
 * Thread: one at a time. */
#ifndef LUCID_LEDGER_TILE_READER_H
#define LUCID_LEDGER_TILE_READER_H

#include "ledger/tile.h"

/* Gets ledger_tile_bytes(tile) of a tile that the tree ends in, or of a full one. Its errors are
 * passed on, with what it says in why. */
typedef enum lucid_error ledger_tile_read_fn(void *context, const struct ledger_tile *tile,
                                             uint8_t *ret, struct lucid_why *why);

/* One tile per level, verified; width 0: none. */
struct ledger_tile_slot {
    uint64_t number;
    unsigned width;
    uint8_t hashes[LEDGER_TILE_HASH_BYTES];
};

/* About 128 KiB: not for the stack. The members are the reader's own. */
struct ledger_tile_reader {
    ledger_tile_read_fn *read;
    void *context;
    uint64_t size;
    struct ledger_tile_slot edge[LEDGER_TILE_LEVELS]; /* where the tree ends */
    struct ledger_tile_slot full[LEDGER_TILE_LEVELS]; /* the full tile read last */
};

/* Reads the tiles in which the tree of a head ends, and holds them against its root.
 * Errors: LUCID_REFUSE_INVALID (size over MMR_LEAVES_MAX), LUCID_FATAL_CORRUPT (code TILE_MISMATCH:
 * they do not lead to the root), and those of read. */
enum lucid_error ledger_tile_reader_open(struct ledger_tile_reader *reader,
                                         ledger_tile_read_fn *read, void *context, uint64_t size,
                                         const struct mmr_hash *root,
                                         struct lucid_why *why) LUCID_WARN_UNUSED;

/* The verified hashes of a tile, good until the next call. The tile must exist in the tree.
 * Errors: LUCID_FATAL_CORRUPT, TILE_MISMATCH with the path in why->param; those of read. */
enum lucid_error ledger_tile_reader_hashes(struct ledger_tile_reader *reader,
                                           const struct ledger_tile *tile, const uint8_t **ret,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;

/* Reads an entry bundle into ret (ledger_tile_bytes) and verifies every entry in it: all that the
 * tree has at that number. Errors as ledger_tile_reader_hashes. */
enum lucid_error ledger_tile_reader_bundle(struct ledger_tile_reader *reader,
                                           const struct ledger_tile *tile, uint8_t *ret,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;

/* The root that the tree had when it had `size` leaves. Errors as ledger_tile_reader_hashes. */
enum lucid_error ledger_tile_reader_root(struct ledger_tile_reader *reader, uint64_t size,
                                         struct mmr_hash *ret,
                                         struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

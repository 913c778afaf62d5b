/* C2SP tlog-tiles (v0.1.0): the tree and its entries cut into files that never change.
 *
 *   tile/L/N         full tile: 256 hashes. Hash i of tile N at level L is that of the perfect
 *                    subtree over leaves [(256·N + i)·256^L, (256·N + i + 1)·256^L)
 *   tile/L/N.p/W     its first W hashes, 1 … 255: what a tree has whose size ends in this tile
 *   tile/entries/N   the 256 entries below tile/0/N, each after its length (u16, big-endian);
 *                    .p/W likewise
 *
 * N is written in groups of three digits, all but the last one after an x: 1234067 is
 * x001/x234/067.
 *
 * Thread: pure functions; those with a view or nodes belong to that view's thread. */
#ifndef LUCID_LEDGER_TILE_H
#define LUCID_LEDGER_TILE_H

#include "ledger/store/store.h"
#include "mmr/mmr.h"

#define LEDGER_TILE_WIDTH      256
#define LEDGER_TILE_HEIGHT     8
#define LEDGER_TILE_LEVEL_MAX  63
#define LEDGER_TILE_LEVELS     7 /* that a tree of MMR_LEAVES_MAX leaves has */
#define LEDGER_TILE_NUMBER_MAX (MMR_LEAVES_MAX - 1)
#define LEDGER_TILE_HASH_BYTES ((size_t)LEDGER_TILE_WIDTH * MMR_HASH_BYTES)
/* An entry in a bundle, with its length before it. */
#define LEDGER_TILE_ENTRY_BYTES  ((size_t)2 + STORE_ENTRY_BYTES)
#define LEDGER_TILE_BUNDLE_BYTES (LEDGER_TILE_WIDTH * LEDGER_TILE_ENTRY_BYTES)
/* "entries/", five groups and ".p/255", and a NUL. */
#define LEDGER_TILE_PATH_BYTES_MAX 48

struct ledger_tile {
    bool entries;    /* an entry bundle; level is 0 */
    uint8_t level;   /* 0 … LEDGER_TILE_LEVEL_MAX */
    uint64_t number; /* 0 … LEDGER_TILE_NUMBER_MAX */
    uint16_t width;  /* 1 … LEDGER_TILE_WIDTH */
};

/* Reads what follows "tile/" in a path. Only the one canonical form of each tile is taken.
 * LUCID_REFUSE_INVALID for everything else. */
enum lucid_error ledger_tile_parse(struct lucid_span text,
                                   struct ledger_tile *ret) LUCID_WARN_UNUSED;

/* Writes the same form with a NUL behind it; returns its length. */
size_t ledger_tile_format(const struct ledger_tile *tile, char out[LEDGER_TILE_PATH_BYTES_MAX]);

/* Hashes that a tree of that size has at a level; entries are those of level 0. */
uint64_t ledger_tile_hashes_of(uint64_t size, unsigned level);

/* Whether a tree of that size has all that the tile holds. */
bool ledger_tile_exists(const struct ledger_tile *tile, uint64_t size);

/* Length of the tile's content. */
size_t ledger_tile_bytes(const struct ledger_tile *tile);

/* The content of a hash tile: ledger_tile_bytes. The tile must exist in the tree that nodes are of.
 * Errors: those of nodes->get. */
enum lucid_error ledger_tile_hashes_read(const struct mmr_nodes *nodes,
                                         const struct ledger_tile *tile,
                                         uint8_t *ret) LUCID_WARN_UNUSED;

/* The content of an entry bundle. Each entry is checked against its leaf hash in the tree before it
 * is given out. The tile must exist in the view, and nodes be of the same tree.
 * Errors: LUCID_FATAL_CORRUPT; those of the store. */
enum lucid_error ledger_tile_bundle_read(struct store_view *view, const struct mmr_nodes *nodes,
                                         const struct ledger_tile *tile,
                                         uint8_t *ret) LUCID_WARN_UNUSED;

/* The tree hash over the tile's own hashes (a bundle's: over its leaf hashes), which the content
 * cannot change without. A full tile's is one node of the tree, a partial one's at most eight
 * bagged together. Errors: those of nodes->get. */
enum lucid_error ledger_tile_root(const struct mmr_nodes *nodes, const struct ledger_tile *tile,
                                  struct mmr_hash *ret) LUCID_WARN_UNUSED;

/* The peaks, left to right, of the forest whose lowest nodes are the first `width` hashes of a
 * tile's content. ret_peaks has room for 9. Returns how many. */
size_t ledger_tile_peaks(const uint8_t *hashes, unsigned width, struct mmr_hash *ret_peaks);

#endif

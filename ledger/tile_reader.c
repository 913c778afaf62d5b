#include "ledger/tile_reader.h"

#include "base/assert.h"

static enum lucid_error mismatch(const struct ledger_tile *tile, struct lucid_why *why)
{
    char path[LEDGER_TILE_PATH_BYTES_MAX];
    char param[LEDGER_TILE_PATH_BYTES_MAX + 5] = "tile/";
    size_t len = ledger_tile_format(tile, path);
    memcpy(param + 5, path, len + 1);
    return lucid_refuse(why, LUCID_FATAL_CORRUPT, "TILE_MISMATCH", param,
                        "%s does not lead to the root of the signed head", param);
}

/* The width of a tile in the reader's tree: full, or what the edge has. */
static unsigned width_of(const struct ledger_tile_reader *reader, unsigned level, uint64_t number)
{
    uint64_t hashes = ledger_tile_hashes_of(reader->size, level);
    uint64_t first = number * LEDGER_TILE_WIDTH;
    lucid_assert(first < hashes);
    return hashes - first < LEDGER_TILE_WIDTH ? (unsigned)(hashes - first) : LEDGER_TILE_WIDTH;
}

/* Adds the peaks that the tree of that size has at a level. hashes: those of the tile it ends in.
 */
static void peaks_add(const uint8_t *hashes, uint64_t size, unsigned level, struct mmr_hash *peaks,
                      size_t *count)
{
    unsigned width = (unsigned)(ledger_tile_hashes_of(size, level) % LEDGER_TILE_WIDTH);
    struct mmr_hash here[LEDGER_TILE_HEIGHT + 1];
    size_t added = ledger_tile_peaks(hashes, width, here);
    lucid_assert(*count + added <= MMR_PEAKS_MAX);
    memcpy(peaks + *count, here, added * sizeof(here[0]));
    *count += added;
}

static enum lucid_error edge_read(struct ledger_tile_reader *reader, unsigned level,
                                  struct lucid_why *why)
{
    struct ledger_tile_slot *slot = &reader->edge[level];
    uint64_t hashes = ledger_tile_hashes_of(reader->size, level);
    slot->number = hashes / LEDGER_TILE_WIDTH;
    slot->width = 0;
    const struct ledger_tile tile = {.level = (uint8_t)level,
                                     .number = slot->number,
                                     .width = (uint16_t)(hashes % LEDGER_TILE_WIDTH)};
    if (tile.width == 0) {
        return LUCID_OK;
    }
    enum lucid_error error = reader->read(reader->context, &tile, slot->hashes, why);
    if (error == LUCID_OK) {
        slot->width = tile.width;
    }
    return error;
}

enum lucid_error ledger_tile_reader_open(struct ledger_tile_reader *reader,
                                         ledger_tile_read_fn *read, void *context, uint64_t size,
                                         const struct mmr_hash *root, struct lucid_why *why)
{
    if (size > MMR_LEAVES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "CHECKPOINT_MALFORMED", "size",
                            "the head's size is beyond 2^48");
    }
    reader->read = read;
    reader->context = context;
    reader->size = size;
    struct mmr_hash peaks[MMR_PEAKS_MAX];
    size_t count = 0;
    for (unsigned level = LEDGER_TILE_LEVELS; level-- > 0;) {
        reader->full[level].width = 0;
        enum lucid_error error = edge_read(reader, level, why);
        if (error != LUCID_OK) {
            return error;
        }
        peaks_add(reader->edge[level].hashes, size, level, peaks, &count);
    }
    struct mmr_hash computed;
    mmr_bag(peaks, count, &computed);
    if (memcmp(computed.bytes, root->bytes, MMR_HASH_BYTES) != 0) {
        return lucid_refuse(why, LUCID_FATAL_CORRUPT, "TILE_MISMATCH", NULL,
                            "the tiles in which the tree ends do not lead to the root of the "
                            "signed head");
    }
    return LUCID_OK;
}

/* The verified tile that a full tile's hash lies in: upwards until one is at hand. */
static enum lucid_error full_get(struct ledger_tile_reader *reader, unsigned level, uint64_t number,
                                 const struct ledger_tile_slot **ret, struct lucid_why *why);

static enum lucid_error slot_get(struct ledger_tile_reader *reader, unsigned level, uint64_t number,
                                 const struct ledger_tile_slot **ret, struct lucid_why *why)
{
    lucid_assert(level < LEDGER_TILE_LEVELS);
    const struct ledger_tile_slot *edge = &reader->edge[level];
    if (edge->width != 0 && edge->number == number) {
        *ret = edge;
        return LUCID_OK;
    }
    return full_get(reader, level, number, ret, why);
}

static enum lucid_error full_get(struct ledger_tile_reader *reader, unsigned level, uint64_t number,
                                 const struct ledger_tile_slot **ret, struct lucid_why *why)
{
    struct ledger_tile_slot *slot = &reader->full[level];
    if (slot->width != 0 && slot->number == number) {
        *ret = slot;
        return LUCID_OK;
    }
    const struct ledger_tile_slot *above = NULL;
    enum lucid_error error = slot_get(reader, level + 1, number / LEDGER_TILE_WIDTH, &above, why);
    if (error != LUCID_OK) {
        return error;
    }
    const struct ledger_tile tile = {
        .level = (uint8_t)level, .number = number, .width = LEDGER_TILE_WIDTH};
    slot->width = 0;
    error = reader->read(reader->context, &tile, slot->hashes, why);
    if (error != LUCID_OK) {
        return error;
    }
    struct mmr_hash root[LEDGER_TILE_HEIGHT + 1];
    size_t count = ledger_tile_peaks(slot->hashes, LEDGER_TILE_WIDTH, root);
    size_t place = (size_t)(number % LEDGER_TILE_WIDTH);
    lucid_assert(count == 1 && place < above->width);
    if (memcmp(root[0].bytes, above->hashes + place * MMR_HASH_BYTES, MMR_HASH_BYTES) != 0) {
        return mismatch(&tile, why);
    }
    slot->number = number;
    slot->width = LEDGER_TILE_WIDTH;
    *ret = slot;
    return LUCID_OK;
}

enum lucid_error ledger_tile_reader_hashes(struct ledger_tile_reader *reader,
                                           const struct ledger_tile *tile, const uint8_t **ret,
                                           struct lucid_why *why)
{
    lucid_assert(ledger_tile_exists(tile, reader->size));
    const struct ledger_tile_slot *slot = NULL;
    enum lucid_error error = slot_get(reader, tile->level, tile->number, &slot, why);
    if (error == LUCID_OK) {
        *ret = slot->hashes;
    }
    return error;
}

enum lucid_error ledger_tile_reader_bundle(struct ledger_tile_reader *reader,
                                           const struct ledger_tile *tile, uint8_t *ret,
                                           struct lucid_why *why)
{
    lucid_assert(tile->entries && tile->width == width_of(reader, 0, tile->number));
    const uint8_t *hashes = NULL;
    enum lucid_error error = ledger_tile_reader_hashes(reader, tile, &hashes, why);
    if (error == LUCID_OK) {
        error = reader->read(reader->context, tile, ret, why);
    }
    for (unsigned i = 0; error == LUCID_OK && i < tile->width; i++) {
        const uint8_t *at = ret + i * LEDGER_TILE_ENTRY_BYTES;
        struct mmr_hash leaf;
        mmr_hash_leaf(lucid_span(at + 2, STORE_ENTRY_BYTES), &leaf);
        if (lucid_get_be16(at) != STORE_ENTRY_BYTES ||
            memcmp(leaf.bytes, hashes + (size_t)i * MMR_HASH_BYTES, MMR_HASH_BYTES) != 0) {
            error = mismatch(tile, why);
        }
    }
    return error;
}

enum lucid_error ledger_tile_reader_root(struct ledger_tile_reader *reader, uint64_t size,
                                         struct mmr_hash *ret, struct lucid_why *why)
{
    lucid_assert(size <= reader->size);
    struct mmr_hash peaks[MMR_PEAKS_MAX];
    size_t count = 0;
    for (unsigned level = LEDGER_TILE_LEVELS; level-- > 0;) {
        uint64_t hashes = ledger_tile_hashes_of(size, level);
        const struct ledger_tile tile = {.level = (uint8_t)level,
                                         .number = hashes / LEDGER_TILE_WIDTH,
                                         .width = (uint16_t)(hashes % LEDGER_TILE_WIDTH)};
        if (tile.width == 0) {
            continue;
        }
        const uint8_t *content = NULL;
        enum lucid_error error = ledger_tile_reader_hashes(reader, &tile, &content, why);
        if (error != LUCID_OK) {
            return error;
        }
        peaks_add(content, size, level, peaks, &count);
    }
    mmr_bag(peaks, count, ret);
    return LUCID_OK;
}

/* Tile paths from outside bytes. What is accepted is the one form of what it means. */
#include "base/assert.h"
#include "ledger/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ledger_tile tile;
    char text[LEDGER_TILE_PATH_BYTES_MAX];
    if (ledger_tile_parse(lucid_span(data, size), &tile) != LUCID_OK) {
        return 0;
    }
    lucid_assert(tile.width >= 1 && tile.width <= LEDGER_TILE_WIDTH);
    lucid_assert(tile.level <= LEDGER_TILE_LEVEL_MAX && (!tile.entries || tile.level == 0));
    lucid_assert(tile.number <= LEDGER_TILE_NUMBER_MAX);
    size_t len = ledger_tile_format(&tile, text);
    lucid_assert(text[len] == '\0');
    lucid_assert(lucid_span_equal(lucid_span(text, len), lucid_span(data, size)));
    (void)ledger_tile_exists(&tile, size);
    return 0;
}

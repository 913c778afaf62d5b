#include "ledger/tile.h"

#include "base/assert.h"

enum { GROUP = 1000, GROUP_DIGITS = 3, GROUPS_MAX = 5 };

/* --- paths ------------------------------------------------------------------------------------ */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Takes a decimal number of 1 to digits_max digits without leading zeros off the text's front. */
static bool decimal_take(struct lucid_span *text, size_t digits_max, uint64_t *ret)
{
    uint64_t value = 0;
    size_t len = 0;
    while (len < text->len && len < digits_max && is_digit(text->data[len])) {
        value = value * 10 + (uint64_t)(text->data[len] - '0');
        len++;
    }
    if (len == 0 || (len > 1 && text->data[0] == '0')) {
        return false;
    }
    *ret = value;
    *text = lucid_span(text->data + len, text->len - len);
    return true;
}

static bool literal_take(struct lucid_span *text, const char *literal)
{
    size_t len = strlen(literal);
    if (text->len < len || memcmp(text->data, literal, len) != 0) {
        return false;
    }
    *text = lucid_span(text->data + len, text->len - len);
    return true;
}

static bool group_take(struct lucid_span *text, uint64_t *number)
{
    if (text->len < GROUP_DIGITS) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < GROUP_DIGITS; i++) {
        if (!is_digit(text->data[i])) {
            return false;
        }
        value = value * 10 + (uint64_t)(text->data[i] - '0');
    }
    *number = *number * GROUP + value;
    *text = lucid_span(text->data + GROUP_DIGITS, text->len - GROUP_DIGITS);
    return true;
}

static bool number_take(struct lucid_span *text, uint64_t *ret)
{
    uint64_t number = 0;
    unsigned groups = 1;
    for (; literal_take(text, "x"); groups++) {
        if (groups == GROUPS_MAX || !group_take(text, &number) || !literal_take(text, "/")) {
            return false;
        }
        if (number == 0) { /* a group that says nothing */
            return false;
        }
    }
    if (!group_take(text, &number) || number > LEDGER_TILE_NUMBER_MAX) {
        return false;
    }
    *ret = number;
    return true;
}

enum lucid_error ledger_tile_parse(struct lucid_span text, struct ledger_tile *ret)
{
    uint64_t level = 0;
    uint64_t number;
    uint64_t width = LEDGER_TILE_WIDTH;
    bool entries = literal_take(&text, "entries/");
    if (!entries && (!decimal_take(&text, 2, &level) || level > LEDGER_TILE_LEVEL_MAX ||
                     !literal_take(&text, "/"))) {
        return LUCID_REFUSE_INVALID;
    }
    if (!number_take(&text, &number)) {
        return LUCID_REFUSE_INVALID;
    }
    if (literal_take(&text, ".p/") &&
        (!decimal_take(&text, 3, &width) || width == 0 || width >= LEDGER_TILE_WIDTH)) {
        return LUCID_REFUSE_INVALID;
    }
    if (text.len != 0) {
        return LUCID_REFUSE_INVALID;
    }
    *ret = (struct ledger_tile){
        .entries = entries, .level = (uint8_t)level, .number = number, .width = (uint16_t)width};
    return LUCID_OK;
}

/* Writes at most three digits, or with pad exactly three. */
static char *digits_put(char *out, unsigned value, bool pad)
{
    if (pad || value >= 100) {
        *out++ = (char)('0' + value / 100 % 10);
    }
    if (pad || value >= 10) {
        *out++ = (char)('0' + value / 10 % 10);
    }
    *out++ = (char)('0' + value % 10);
    return out;
}

size_t ledger_tile_format(const struct ledger_tile *tile, char out[LEDGER_TILE_PATH_BYTES_MAX])
{
    lucid_assert(tile->level <= LEDGER_TILE_LEVEL_MAX && (!tile->entries || tile->level == 0));
    lucid_assert(tile->number <= LEDGER_TILE_NUMBER_MAX);
    lucid_assert(tile->width >= 1 && tile->width <= LEDGER_TILE_WIDTH);
    char *at = out;
    if (tile->entries) {
        memcpy(at, "entries", 7);
        at += 7;
    } else {
        at = digits_put(at, tile->level, false);
    }
    *at++ = '/';
    uint64_t divisor = 1;
    while (tile->number / divisor >= GROUP) {
        divisor *= GROUP;
    }
    for (; divisor > 1; divisor /= GROUP) {
        *at++ = 'x';
        at = digits_put(at, (unsigned)(tile->number / divisor % GROUP), true);
        *at++ = '/';
    }
    at = digits_put(at, (unsigned)(tile->number % GROUP), true);
    if (tile->width < LEDGER_TILE_WIDTH) {
        memcpy(at, ".p/", 3);
        at = digits_put(at + 3, tile->width, false);
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* --- which tiles there are -------------------------------------------------------------------- */

uint64_t ledger_tile_hashes_of(uint64_t size, unsigned level)
{
    return level < 64 / LEDGER_TILE_HEIGHT ? size >> LEDGER_TILE_HEIGHT * level : 0;
}

bool ledger_tile_exists(const struct ledger_tile *tile, uint64_t size)
{
    uint64_t hashes = ledger_tile_hashes_of(size, tile->level);
    return tile->number <= LEDGER_TILE_NUMBER_MAX &&
           tile->number * LEDGER_TILE_WIDTH + tile->width <= hashes;
}

size_t ledger_tile_bytes(const struct ledger_tile *tile)
{
    return tile->width * (tile->entries ? LEDGER_TILE_ENTRY_BYTES : (size_t)MMR_HASH_BYTES);
}

/* --- content ---------------------------------------------------------------------------------- */

enum lucid_error ledger_tile_hashes_read(const struct mmr_nodes *nodes,
                                         const struct ledger_tile *tile, uint8_t *ret)
{
    lucid_assert(!tile->entries && tile->level < LEDGER_TILE_LEVELS);
    unsigned height = LEDGER_TILE_HEIGHT * tile->level;
    uint64_t first = tile->number * LEDGER_TILE_WIDTH;
    for (unsigned i = 0; i < tile->width; i++) {
        struct mmr_hash hash;
        uint64_t index = mmr_node_index(height, (first + i) << height);
        enum lucid_error error = nodes->get(nodes->context, index, &hash);
        if (error != LUCID_OK) {
            return error;
        }
        memcpy(ret + (size_t)i * MMR_HASH_BYTES, hash.bytes, MMR_HASH_BYTES);
    }
    return LUCID_OK;
}

/* A bundle in the making. */
struct bundle {
    const struct mmr_nodes *nodes;
    uint64_t leaf; /* the next one */
    unsigned done;
    unsigned width;
    unsigned looked_at; /* events of this scan */
    uint8_t *out;
};

/* Takes the entry of the next leaf, if it is what the tree was made of. Entries lie in the log in
 * the order of their leaves; an event that were passed over would not fit the leaf hash. */
static enum lucid_error bundle_event(void *context, const struct store_event *event)
{
    /* Between two leaves lie a few events of other kinds. Where there are many, another search for
     * the leaf's row is cheaper. */
    enum { EVENTS_WITHOUT_MAX = 64 };
    struct bundle *bundle = context;
    if (event->entry == NULL) {
        return ++bundle->looked_at > EVENTS_WITHOUT_MAX ? LUCID_NOTE_END : LUCID_OK;
    }
    struct mmr_hash computed;
    struct mmr_hash stored;
    enum lucid_error error =
        bundle->nodes->get(bundle->nodes->context, mmr_node_index(0, bundle->leaf), &stored);
    if (error != LUCID_OK) {
        return error;
    }
    mmr_hash_leaf(lucid_span(event->entry, STORE_ENTRY_BYTES), &computed);
    if (memcmp(computed.bytes, stored.bytes, MMR_HASH_BYTES) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    uint8_t *at = bundle->out + bundle->done * LEDGER_TILE_ENTRY_BYTES;
    lucid_put_be16(at, STORE_ENTRY_BYTES);
    memcpy(at + 2, event->entry, STORE_ENTRY_BYTES);
    bundle->leaf++;
    bundle->done++;
    return bundle->done == bundle->width ? LUCID_NOTE_END : LUCID_OK;
}

enum lucid_error ledger_tile_bundle_read(struct store_view *view, const struct mmr_nodes *nodes,
                                         const struct ledger_tile *tile, uint8_t *ret)
{
    lucid_assert(tile->entries);
    struct bundle bundle = {
        .nodes = nodes, .leaf = tile->number * LEDGER_TILE_WIDTH, .width = tile->width, .out = ret};
    while (bundle.done < bundle.width) {
        struct store_leaf row;
        unsigned before = bundle.done;
        bundle.looked_at = 0;
        enum lucid_error error = store_leaf_read(view, bundle.leaf, &row);
        if (error == LUCID_OK) {
            error = store_event_scan(view, row.sequence, bundle_event, &bundle);
        }
        /* The leaf is in the tree: its row and its event must be there. */
        if (error == LUCID_NOTE_ABSENT || (error == LUCID_OK && bundle.done == before)) {
            error = LUCID_FATAL_CORRUPT;
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

enum lucid_error ledger_tile_root(const struct mmr_nodes *nodes, const struct ledger_tile *tile,
                                  struct mmr_hash *ret)
{
    struct mmr_hash peaks[LEDGER_TILE_HEIGHT + 1];
    size_t count = 0;
    unsigned height = LEDGER_TILE_HEIGHT * tile->level;
    uint64_t first = tile->number * LEDGER_TILE_WIDTH;
    for (unsigned bit = LEDGER_TILE_HEIGHT + 1; bit-- > 0;) {
        if ((tile->width >> bit & 1) == 0) {
            continue;
        }
        uint64_t index = mmr_node_index(height + bit, first << height);
        enum lucid_error error = nodes->get(nodes->context, index, &peaks[count++]);
        if (error != LUCID_OK) {
            return error;
        }
        first += (uint64_t)1 << bit;
    }
    mmr_bag(peaks, count, ret);
    return LUCID_OK;
}

size_t ledger_tile_peaks(const uint8_t *hashes, unsigned width, struct mmr_hash *ret_peaks)
{
    lucid_assert(width <= LEDGER_TILE_WIDTH);
    size_t count = 0;
    unsigned first = 0;
    for (unsigned bit = LEDGER_TILE_HEIGHT + 1; bit-- > 0;) {
        if ((width >> bit & 1) == 0) {
            continue;
        }
        struct mmr_hash row[LEDGER_TILE_WIDTH];
        memcpy(row, hashes + (size_t)first * MMR_HASH_BYTES, (size_t)MMR_HASH_BYTES << bit);
        for (unsigned len = 1U << bit; len > 1; len /= 2) {
            for (unsigned i = 0; i < len / 2; i++) {
                mmr_hash_parent(&row[2 * (size_t)i], &row[2 * (size_t)i + 1], &row[i]);
            }
        }
        ret_peaks[count++] = row[0];
        first += 1U << bit;
    }
    return count;
}

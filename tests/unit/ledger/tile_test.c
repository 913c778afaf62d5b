/* Tiles: paths, which ones a tree has, what is in them, and the reader that believes none. */
#include <sodium.h>

#include "tests/unit/ledger/core_world.h"
#include "tests/unit/mmr/vectors.h"

#include "ledger/tile.h"
#include "ledger/tile_reader.h"

/* --- paths ------------------------------------------------------------------------------------ */

static void good_paths(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool entries;
        unsigned level;
        uint64_t number;
        unsigned width;
    } rows[] = {
        {"0/000", false, 0, 0, 256},
        {"0/000.p/1", false, 0, 0, 1},
        {"0/999.p/255", false, 0, 999, 255},
        {"1/x001/000", false, 1, 1000, 256},
        {"9/x001/234", false, 9, 1234, 256},
        {"63/x001/x234/067", false, 63, 1234067, 256},
        {"10/x999/x999/999.p/10", false, 10, 999999999, 10},
        {"0/x001/x000/000.p/100", false, 0, 1000000, 100},
        {"0/x281/x474/x976/x710/655", false, 0, LEDGER_TILE_NUMBER_MAX, 256},
        {"entries/000", true, 0, 0, 256},
        {"entries/273.p/112", true, 0, 273, 112},
        {"entries/x001/x234/067", true, 0, 1234067, 256},
        {"entries/x281/x474/x976/x710/655.p/255", true, 0, LEDGER_TILE_NUMBER_MAX, 255},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ledger_tile tile;
        char text[LEDGER_TILE_PATH_BYTES_MAX];
        assert_int_equal(ledger_tile_parse(lucid_span_str(rows[i].text), &tile), LUCID_OK);
        assert_int_equal(tile.entries, rows[i].entries);
        assert_int_equal(tile.level, rows[i].level);
        assert_int_equal(tile.number, rows[i].number);
        assert_int_equal(tile.width, rows[i].width);
        assert_int_equal(ledger_tile_format(&tile, text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
}

static const char *const bad[] = {
    "",
    "/",
    "0",
    "0/",
    "/0/000",
    "0//000",
    "0/000/",
    "0/0",
    "0/00",
    "0/0000",
    "0/1",
    "0/001/",
    "00/000",
    "01/000",
    "64/000",
    "99/000",
    "100/000",
    "256/000",
    "-1/000",
    "+1/000",
    " 0/000",
    "0/000 ",
    "0x0/000",
    "a/000",
    "0/abc",
    "0/00a",
    "0/-01",
    "0/+01",
    "0/x000/000",
    "0/x000",
    "0/x000/x001/000",
    "0/x01/000",
    "0/x1/000",
    "0/x0001/000",
    "0/001/000",
    "0/x001/x000",
    "0/x001",
    "0/x001/",
    "0/X001/000",
    "0/xx01/000",
    "0/x001x000",
    "0/x001/x000/x000/x000/x000/000",
    "0/x281/x474/x976/x710/656",
    "0/x999/x999/x999/x999/999",
    "0/000.p",
    "0/000.p/",
    "0/000.p/0",
    "0/000.p/00",
    "0/000.p/01",
    "0/000.p/001",
    "0/000.p/256",
    "0/000.p/257",
    "0/000.p/999",
    "0/000.p/1000",
    "0/000.p/-1",
    "0/000.p/1/",
    "0/000.p/1.p/1",
    "0/000.P/1",
    "0/000p/1",
    "0/000./1",
    "0/000.p/1a",
    "0/000.p/x001",
    "entries",
    "entries/",
    "entries/0",
    "entries/0/000",
    "Entries/000",
    "entries/000.p/0",
    "entries/000.p/256",
    "entries/x000/000",
    "entries//000",
    "data/000",
    "8/0/000",
    "0/\xff\xff\xff",
    "0/000\n",
    "../0/000",
    "0/../000",
    "./0/000",
};

static void bad_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ledger_tile tile = {.width = 77};
        if (ledger_tile_parse(lucid_span_str(bad[i]), &tile) != LUCID_REFUSE_INVALID) {
            fail_msg("\"%s\" is accepted", bad[i]);
        }
        assert_int_equal(tile.width, 77);
    }
    struct ledger_tile tile;
    assert_int_equal(ledger_tile_parse(lucid_span("0/000\0", 6), &tile), LUCID_REFUSE_INVALID);
    assert_int_equal(ledger_tile_parse(lucid_span(NULL, 0), &tile), LUCID_REFUSE_INVALID);
}

static void every_number_returns(void **state)
{
    (void)state;
    uint64_t seed = 0x74696c65;
    for (unsigned i = 0; i < 200000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        struct ledger_tile tile = {
            .entries = (seed >> 60 & 1) != 0,
            .number = (seed & LEDGER_TILE_NUMBER_MAX) >> seed % 48,
            .width = (uint16_t)(1 + i % 256),
        };
        tile.level = tile.entries ? 0 : (uint8_t)(i % 64);
        char text[LEDGER_TILE_PATH_BYTES_MAX];
        struct ledger_tile again;
        size_t len = ledger_tile_format(&tile, text);
        assert_true(len < sizeof(text));
        assert_int_equal(ledger_tile_parse(lucid_span(text, len), &again), LUCID_OK);
        assert_memory_equal(&again.number, &tile.number, sizeof(tile.number));
        assert_int_equal(again.level, tile.level);
        assert_int_equal(again.width, tile.width);
        assert_int_equal(again.entries, tile.entries);
    }
}

/* --- published vectors ------------------------------------------------------------------------ */

static void vector_paths(const json_t *paths)
{
    size_t i;
    const json_t *row;
    json_array_foreach(paths, i, row)
    {
        const json_t *level = vectors_get(row, "level");
        struct ledger_tile tile = {
            .entries = json_is_string(level),
            .level = json_is_string(level) ? 0 : (uint8_t)vectors_u64(level),
            .number = vectors_u64(vectors_get(row, "n")),
            .width = (uint16_t)vectors_u64(vectors_get(row, "width")),
        };
        char text[LEDGER_TILE_PATH_BYTES_MAX];
        ledger_tile_format(&tile, text);
        assert_string_equal(text, json_string_value(vectors_get(row, "path")) + 5);
    }
    assert_true(i >= 9);
}

/* The entries of the vectors are texts of their own: the bundle is made here, by the rule. */
static size_t vector_bundle(const struct ledger_tile *tile, uint8_t *out)
{
    size_t len = 0;
    for (unsigned i = 0; i < tile->width; i++) {
        int text = snprintf((char *)out + len + 2, 40, "lucid-leaf-%llu",
                            (unsigned long long)(tile->number * 256 + i));
        lucid_put_be16(out + len, (uint16_t)text);
        len += 2 + (size_t)text;
    }
    return len;
}

static void vector_resource(struct tree *tree, uint64_t size, const json_t *resource)
{
    static uint8_t content[LEDGER_TILE_BUNDLE_BYTES];
    struct mmr_nodes nodes = tree_nodes(tree);
    const char *path = json_string_value(vectors_get(resource, "path"));
    struct ledger_tile tile;
    assert_memory_equal(path, "tile/", 5);
    assert_int_equal(ledger_tile_parse(lucid_span_str(path + 5), &tile), LUCID_OK);
    assert_true(ledger_tile_exists(&tile, size));
    size_t len = ledger_tile_bytes(&tile);
    if (tile.entries) {
        len = vector_bundle(&tile, content);
    } else {
        assert_int_equal(ledger_tile_hashes_read(&nodes, &tile, content), LUCID_OK);
    }
    assert_int_equal(len, vectors_u64(vectors_get(resource, "bytes")));
    struct mmr_hash hash;
    lucid_sha256(lucid_span(content, len), hash.bytes);
    struct mmr_hash want = vectors_hash(vectors_get(resource, "sha256"));
    assert_memory_equal(hash.bytes, want.bytes, 32);
}

static void published_vectors(void **state)
{
    (void)state;
    json_t *vectors = vectors_load("merkle/tiles.json");
    struct tree tree;
    tree_init(&tree, 4096);
    vector_paths(vectors_get(vectors, "paths"));
    size_t i;
    const json_t *row;
    json_array_foreach(vectors_get(vectors, "cases"), i, row)
    {
        uint64_t size = vectors_u64(vectors_get(row, "size"));
        tree_grow(&tree, size);
        const json_t *resources = vectors_get(row, "resources");
        size_t count = 0;
        for (; count < json_array_size(resources); count++) {
            vector_resource(&tree, size, json_array_get(resources, count));
        }
        /* And nothing is missing from the list: full tiles, and one where each level ends. */
        uint64_t wanted = 0;
        for (unsigned level = 0; ledger_tile_hashes_of(size, level) > 0; level++) {
            wanted += (ledger_tile_hashes_of(size, level) + 255) / 256 * (level == 0 ? 2 : 1);
        }
        assert_int_equal(count, wanted);
    }
    assert_int_equal(i, 10);
    tree_fini(&tree);
    json_decref(vectors);
}

/* --- against a naive tree --------------------------------------------------------------------- */

#define MODEL_MAX    66000U
#define MODEL_LEVELS 3

/* naive[l][i]: hash i of level l, by halving rows, with another SHA-256. */
static struct mmr_hash *naive[MODEL_LEVELS];
static struct tree model;

static void parent_of(const struct mmr_hash *left, const struct mmr_hash *right,
                      struct mmr_hash *ret)
{
    uint8_t message[65] = {1};
    memcpy(message + 1, left->bytes, 32);
    memcpy(message + 33, right->bytes, 32);
    crypto_hash_sha256(ret->bytes, message, sizeof(message));
}

/* RFC 6962 2.1 over hashes that are there already. */
static struct mmr_hash naive_root(const struct mmr_hash *hashes, size_t count)
{
    struct mmr_hash root;
    if (count == 1) {
        return hashes[0];
    }
    size_t split = 1;
    while (split * 2 < count) {
        split *= 2;
    }
    struct mmr_hash left = naive_root(hashes, split);
    struct mmr_hash right = naive_root(hashes + split, count - split);
    parent_of(&left, &right, &root);
    return root;
}

static int model_make(void **state)
{
    (void)state;
    tree_init(&model, MODEL_MAX);
    tree_grow(&model, MODEL_MAX);
    for (unsigned level = 0; level < MODEL_LEVELS; level++) {
        naive[level] = calloc((MODEL_MAX >> 8 * level) + 1, sizeof(struct mmr_hash));
        assert_non_null(naive[level]);
    }
    for (unsigned i = 0; i < MODEL_MAX; i++) {
        uint8_t text[40] = {0};
        int len = snprintf((char *)text + 1, sizeof(text) - 1, "lucid-leaf-%u", i);
        crypto_hash_sha256(naive[0][i].bytes, text, (unsigned)len + 1);
    }
    for (unsigned level = 1; level < MODEL_LEVELS; level++) {
        for (unsigned i = 0; i < MODEL_MAX >> 8 * level; i++) {
            naive[level][i] = naive_root(&naive[level - 1][(size_t)i * 256], 256);
        }
    }
    return 0;
}

static int model_drop(void **state)
{
    (void)state;
    for (unsigned level = 0; level < MODEL_LEVELS; level++) {
        free(naive[level]);
    }
    tree_fini(&model);
    return 0;
}

static void tile_is_naive(const struct ledger_tile *tile)
{
    uint8_t content[LEDGER_TILE_HASH_BYTES];
    struct mmr_nodes nodes = tree_nodes(&model);
    const struct mmr_hash *want = &naive[tile->level][tile->number * 256];
    assert_int_equal(ledger_tile_hashes_read(&nodes, tile, content), LUCID_OK);
    assert_memory_equal(content, want, ledger_tile_bytes(tile));
    struct mmr_hash root;
    struct mmr_hash naive_one = naive_root(want, tile->width);
    assert_int_equal(ledger_tile_root(&nodes, tile, &root), LUCID_OK);
    assert_memory_equal(root.bytes, naive_one.bytes, 32);
    struct mmr_hash peaks[LEDGER_TILE_HEIGHT + 1];
    mmr_bag(peaks, ledger_tile_peaks(content, tile->width, peaks), &root);
    assert_memory_equal(root.bytes, naive_one.bytes, 32);
}

/* Every tile of every width at both ends of each level, full ones throughout. */
static void content_is_naive(void **state)
{
    (void)state;
    size_t checked = 0;
    for (unsigned level = 0; level < MODEL_LEVELS; level++) {
        uint64_t hashes = ledger_tile_hashes_of(MODEL_MAX, level);
        for (uint64_t number = 0; number * 256 < hashes; number++) {
            bool all = number < 2 || (number + 2) * 256 > hashes;
            for (unsigned width = all ? 1 : 256; width <= 256; width++) {
                const struct ledger_tile tile = {
                    .level = (uint8_t)level, .number = number, .width = (uint16_t)width};
                if (ledger_tile_exists(&tile, MODEL_MAX)) {
                    tile_is_naive(&tile);
                    checked++;
                }
            }
        }
    }
    assert_int_equal(checked, 1488);
}

/* Sizes and tiles by counting. */
static void existence(void **state)
{
    (void)state;
    for (uint64_t size = 0; size < 1000; size++) {
        for (unsigned number = 0; number < 5; number++) {
            for (unsigned width = 1; width <= 256; width++) {
                struct ledger_tile tile = {.number = number, .width = (uint16_t)width};
                assert_int_equal(ledger_tile_exists(&tile, size), number * 256 + width <= size);
                tile.level = 1;
                assert_int_equal(ledger_tile_exists(&tile, size),
                                 (number * 256 + width) * 256 <= size);
                tile.level = (uint8_t)(2 + width % 62);
                assert_false(ledger_tile_exists(&tile, size));
            }
        }
    }
    const struct ledger_tile top = {.level = 6, .width = 1};
    const struct ledger_tile last = {.number = (MMR_LEAVES_MAX >> 8) - 1, .width = 256};
    const struct ledger_tile far = {.number = LEDGER_TILE_NUMBER_MAX, .width = 256};
    assert_true(ledger_tile_exists(&top, MMR_LEAVES_MAX));
    assert_false(ledger_tile_exists(&top, MMR_LEAVES_MAX - 1));
    assert_true(ledger_tile_exists(&last, MMR_LEAVES_MAX));
    assert_false(ledger_tile_exists(&last, MMR_LEAVES_MAX - 1));
    assert_false(ledger_tile_exists(&far, MMR_LEAVES_MAX));
    assert_int_equal(ledger_tile_hashes_of(UINT64_MAX, 8), 0);
    assert_int_equal(ledger_tile_hashes_of(UINT64_MAX, 63), 0);
}

/* --- the reader ------------------------------------------------------------------------------- */

struct source {
    uint64_t reads;
    uint64_t wrong_read; /* which read gives a flipped bit; 0 = none */
    size_t wrong_byte;
};

static enum lucid_error source_read(void *context, const struct ledger_tile *tile, uint8_t *ret,
                                    struct lucid_why *why)
{
    (void)why;
    struct source *source = context;
    struct mmr_nodes nodes = tree_nodes(&model);
    assert_false(tile->entries);
    enum lucid_error error = ledger_tile_hashes_read(&nodes, tile, ret);
    if (++source->reads == source->wrong_read) {
        ret[source->wrong_byte % ledger_tile_bytes(tile)] ^= 0x20;
    }
    return error;
}

static struct mmr_hash model_root(uint64_t size)
{
    struct mmr_nodes nodes = tree_nodes(&model);
    struct mmr_hash root;
    assert_int_equal(mmr_root(&nodes, size, &root), LUCID_OK);
    return root;
}

/* Opens the reader and walks: all old roots asked for, all tiles of all levels. */
static enum lucid_error walk(struct ledger_tile_reader *reader, struct source *source,
                             uint64_t size, struct lucid_why *why)
{
    struct mmr_hash root = model_root(size);
    enum lucid_error error = ledger_tile_reader_open(reader, source_read, source, size, &root, why);
    for (uint64_t old = 0; error == LUCID_OK && old <= size; old += 1 + old / 3) {
        struct mmr_hash got;
        struct mmr_hash want = model_root(old);
        error = ledger_tile_reader_root(reader, old, &got, why);
        if (error == LUCID_OK) {
            assert_memory_equal(got.bytes, want.bytes, 32);
        }
    }
    for (unsigned level = 0; level < MODEL_LEVELS; level++) {
        uint64_t hashes = ledger_tile_hashes_of(size, level);
        for (uint64_t number = 0; error == LUCID_OK && number * 256 < hashes; number++) {
            uint64_t left = hashes - number * 256;
            const struct ledger_tile tile = {.level = (uint8_t)level,
                                             .number = number,
                                             .width = (uint16_t)(left < 256 ? left : 256)};
            const uint8_t *content;
            error = ledger_tile_reader_hashes(reader, &tile, &content, why);
            if (error == LUCID_OK) {
                assert_memory_equal(content, &naive[level][number * 256], ledger_tile_bytes(&tile));
            }
        }
    }
    return error;
}

static const uint64_t reader_sizes[] = {0,   1,   2,    3,     255,   256,   257,  300,
                                        511, 512, 1000, 65535, 65536, 65537, 65700};

static void reader_reads(void **state)
{
    (void)state;
    struct ledger_tile_reader *reader = malloc(sizeof(*reader));
    assert_non_null(reader);
    for (size_t i = 0; i < sizeof(reader_sizes) / sizeof(reader_sizes[0]); i++) {
        struct source source = {.reads = 0};
        assert_int_equal(walk(reader, &source, reader_sizes[i], NULL), LUCID_OK);
        struct mmr_hash other = model_root(reader_sizes[i] + 1);
        struct lucid_why why = {.code = NULL};
        assert_int_equal(
            ledger_tile_reader_open(reader, source_read, &source, reader_sizes[i], &other, &why),
            LUCID_FATAL_CORRUPT);
        assert_string_equal(why.code, "TILE_MISMATCH");
    }
    free(reader);
}

/* One bit in any of the reads is one too many. */
static void reader_refuses(void **state)
{
    (void)state;
    struct ledger_tile_reader *reader = malloc(sizeof(*reader));
    assert_non_null(reader);
    size_t refused = 0;
    for (size_t i = 1; i < sizeof(reader_sizes) / sizeof(reader_sizes[0]); i++) {
        struct source all = {.reads = 0};
        assert_int_equal(walk(reader, &all, reader_sizes[i], NULL), LUCID_OK);
        uint64_t step = all.reads > 40 ? all.reads / 40 : 1;
        for (uint64_t wrong = 1; wrong <= all.reads; wrong += step) {
            struct source source = {.wrong_read = wrong, .wrong_byte = (size_t)(wrong * 7919)};
            struct lucid_why why = {.code = NULL};
            assert_int_equal(walk(reader, &source, reader_sizes[i], &why), LUCID_FATAL_CORRUPT);
            assert_string_equal(why.code, "TILE_MISMATCH");
            refused++;
        }
    }
    assert_true(refused > 150);
    free(reader);
}

/* --- bundles ---------------------------------------------------------------------------------- */

static struct core_world world;

static enum lucid_error nodes_flipped(void *context, uint64_t index, struct mmr_hash *ret)
{
    (void)context;
    struct mmr_nodes nodes = ledger_view_nodes(world.view);
    enum lucid_error error = nodes.get(nodes.context, index, ret);
    ret->bytes[31] ^= index == mmr_node_index(0, 299);
    return error;
}

/* Events without an entry, more than a scan for a bundle passes over. */
static void tokens_make(void)
{
    for (unsigned i = 0; i < 100; i++) {
        const struct ledger_token token = {.name = "between", .scopes = TOKEN_READ};
        struct ledger_token_command command;
        char text[TOKEN_TEXT_BYTES + 1];
        ledger_token_generate(text);
        assert_int_equal(ledger_token_prepare(&command, TOKEN_CREATE, &token, text, NULL),
                         LUCID_OK);
        assert_int_equal(core_run(&world, &command.command), LUCID_OK);
        ledger_token_command_fini(&command);
    }
}

static void bundles(void **state)
{
    (void)state;
    static uint8_t content[LEDGER_TILE_BUNDLE_BYTES];
    core_world_init(&world);
    core_world_start(&world);
    core_leaves_log(&world, 0, 300);
    tokens_make();
    core_leaves_log(&world, 300, 300);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    struct mmr_nodes nodes = ledger_view_nodes(world.view);
    struct store_view *view = ledger_view_store(world.view);
    for (unsigned first = 0; first < 600; first += 256) {
        for (unsigned width = 1; width <= 256 && first + width <= 600; width++) {
            const struct ledger_tile tile = {
                .entries = true, .number = first / 256, .width = (uint16_t)width};
            assert_int_equal(ledger_tile_bundle_read(view, &nodes, &tile, content), LUCID_OK);
            for (unsigned i = 0; i < width; i++) {
                uint8_t entry[STORE_ENTRY_BYTES];
                core_leaf_entry(first + i, entry);
                assert_int_equal(lucid_get_be16(content + 130 * (size_t)i), 128);
                assert_memory_equal(content + 130 * (size_t)i + 2, entry, 128);
            }
        }
    }
    /* An entry that is not what the tree was made of does not leave. */
    struct mmr_nodes wrong = {.get = nodes_flipped};
    const struct ledger_tile rotten = {.entries = true, .number = 1, .width = 256};
    const struct ledger_tile before = {.entries = true, .number = 1, .width = 43};
    assert_int_equal(ledger_tile_bundle_read(view, &wrong, &rotten, content), LUCID_FATAL_CORRUPT);
    assert_int_equal(ledger_tile_bundle_read(view, &wrong, &before, content), LUCID_OK);
    ledger_view_end(world.view);
    core_world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_paths),
        cmocka_unit_test(bad_paths),
        cmocka_unit_test(every_number_returns),
        cmocka_unit_test(published_vectors),
        cmocka_unit_test_setup_teardown(content_is_naive, model_make, model_drop),
        cmocka_unit_test(existence),
        cmocka_unit_test_setup_teardown(reader_reads, model_make, model_drop),
        cmocka_unit_test_setup_teardown(reader_refuses, model_make, model_drop),
        cmocka_unit_test(bundles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Writes trees made by mmr as JSON for an independent verifier: one file a size, in the given
 * folder.
 *
 *   mmr_dump FOLDER
 *
 * Sizes 0 to 300 and some larger. Leaf i is the text "lucid-leaf-<i>". Each file:
 *   {"size", "root", "nodes": count, "peaks": [{"node","hash"}],
 *    "inclusion": [{"index","path"}], "consistency": [{"from","root_from","path"}]}  */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/buf.h"
#include "mmr/mmr.h"

enum { SMALL_MAX = 300, ALL_MAX = 48, SAMPLES = 8, LARGE_COUNT = 20, LARGE_MAX = 30000 };

struct store {
    struct mmr_hash *nodes;
    uint64_t count;
};

static enum lucid_error store_get(void *context, uint64_t index, struct mmr_hash *ret)
{
    const struct store *store = context;
    lucid_assert(index < store->count);
    *ret = store->nodes[index];
    return LUCID_OK;
}

static void store_fill(struct store *store)
{
    const struct mmr_nodes nodes = {.get = store_get, .context = store};
    for (uint64_t i = 0; i < LARGE_MAX; i++) {
        char text[48];
        struct mmr_hash leaf;
        struct mmr_hash made[MMR_PEAKS_MAX + 1];
        size_t count = 0;
        snprintf(text, sizeof(text), "lucid-leaf-%llu", (unsigned long long)i);
        mmr_hash_leaf(lucid_span_str(text), &leaf);
        lucid_assert(mmr_append(&nodes, i, &leaf, made, &count) == LUCID_OK);
        memcpy(&store->nodes[store->count], made, count * sizeof(made[0]));
        store->count += count;
    }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void put_path(struct lucid_buf *buf, const struct mmr_path *path)
{
    lucid_json_member(buf, "path");
    lucid_buf_char(buf, '[');
    for (size_t i = 0; i < path->count; i++) {
        lucid_buf_str(buf, i > 0 ? ",\"" : "\"");
        lucid_buf_hex(buf, path->hash[i].bytes, MMR_HASH_BYTES);
        lucid_buf_char(buf, '"');
    }
    lucid_buf_str(buf, "]}");
}

static void put_inclusion(struct lucid_buf *buf, const struct mmr_nodes *nodes, uint64_t index,
                          uint64_t size)
{
    struct mmr_path path;
    lucid_assert(mmr_inclusion_path(nodes, index, size, &path) == LUCID_OK);
    lucid_buf_str(buf, buf->data[buf->len - 1] == '[' ? "{" : ",{");
    lucid_json_member_u64(buf, "index", index);
    put_path(buf, &path);
}

static void put_consistency(struct lucid_buf *buf, const struct mmr_nodes *nodes, uint64_t from,
                            uint64_t size)
{
    struct mmr_path path;
    struct mmr_hash root;
    lucid_assert(mmr_root(nodes, from, &root) == LUCID_OK);
    lucid_assert(mmr_consistency_path(nodes, from, size, &path) == LUCID_OK);
    lucid_buf_str(buf, buf->data[buf->len - 1] == '[' ? "{" : ",{");
    lucid_json_member_u64(buf, "from", from);
    lucid_json_member_hex(buf, "root_from", root.bytes, MMR_HASH_BYTES);
    put_path(buf, &path);
}

static void put_peaks(struct lucid_buf *buf, const struct mmr_nodes *nodes, uint64_t size)
{
    struct mmr_hash peaks[MMR_PEAKS_MAX];
    size_t count = 0;
    uint64_t first = 0;
    lucid_assert(mmr_peaks(nodes, size, peaks, &count) == LUCID_OK);
    lucid_json_member(buf, "peaks");
    lucid_buf_char(buf, '[');
    for (size_t i = 0; i < count; i++) {
        unsigned height = 63 - (unsigned)__builtin_clzll(size - first);
        lucid_buf_str(buf, i > 0 ? ",{" : "{");
        lucid_json_member_u64(buf, "node", mmr_node_index(height, first));
        lucid_json_member_hex(buf, "hash", peaks[i].bytes, MMR_HASH_BYTES);
        lucid_buf_char(buf, '}');
        first += (uint64_t)1 << height;
    }
    lucid_buf_char(buf, ']');
}

static void put_tree(struct lucid_buf *buf, const struct mmr_nodes *nodes, uint64_t size,
                     uint64_t *seed)
{
    struct mmr_hash root;
    bool all = size <= ALL_MAX;
    uint64_t count = all ? size : SAMPLES;
    lucid_assert(mmr_root(nodes, size, &root) == LUCID_OK);
    lucid_buf_char(buf, '{');
    lucid_json_member_u64(buf, "size", size);
    lucid_json_member_hex(buf, "root", root.bytes, MMR_HASH_BYTES);
    lucid_json_member_u64(buf, "nodes", mmr_node_count(size));
    put_peaks(buf, nodes, size);
    lucid_json_member(buf, "inclusion");
    lucid_buf_char(buf, '[');
    for (uint64_t i = 0; i < count; i++) {
        put_inclusion(buf, nodes, all ? i : next_random(seed) % size, size);
    }
    lucid_buf_char(buf, ']');
    lucid_json_member(buf, "consistency");
    lucid_buf_char(buf, '[');
    for (uint64_t i = 0; i < count; i++) {
        put_consistency(buf, nodes, 1 + (all ? i : next_random(seed) % size), size);
    }
    lucid_buf_str(buf, "]}\n");
}

static bool write_file(const char *folder, uint64_t size, const struct lucid_buf *buf)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%06llu.json", folder, (unsigned long long)size);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        fprintf(stderr, "mmr_dump: cannot write %s\n", path);
        return false;
    }
    bool good = fwrite(buf->data, 1, buf->len, file) == buf->len;
    return fclose(file) == 0 && good;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: mmr_dump FOLDER\n");
        return 2;
    }
    struct store store = {.count = 0};
    store.nodes = calloc(mmr_node_count(LARGE_MAX), sizeof(store.nodes[0]));
    lucid_assert(store.nodes != NULL);
    store_fill(&store);
    const struct mmr_nodes nodes = {.get = store_get, .context = &store};
    struct lucid_buf buf = {.bytes_max = 0};
    uint64_t seed = 88172645463325252U;
    bool good = true;
    for (uint64_t i = 0; good && i <= SMALL_MAX + LARGE_COUNT; i++) {
        uint64_t size = i;
        if (i > SMALL_MAX) {
            size = SMALL_MAX + 1 + next_random(&seed) % (LARGE_MAX - SMALL_MAX);
        }
        lucid_buf_clear(&buf);
        put_tree(&buf, &nodes, size, &seed);
        good = lucid_buf_ok(&buf) && write_file(argv[1], size, &buf);
    }
    lucid_buf_fini(&buf);
    free(store.nodes);
    return good ? 0 : 1;
}

/* Reading the JSON vectors in tests, and the small tree that several tests build. Header only, so
 * that every test stays one file and one executable. */
#ifndef LUCID_TESTS_UNIT_MMR_VECTORS_H
#define LUCID_TESTS_UNIT_MMR_VECTORS_H

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "mmr/mmr.h"

/* Loads tests/vectors/NAME; the caller owns the reference. */
static inline json_t *vectors_load(const char *name)
{
    const char *folder = getenv("LUCID_TEST_VECTORS");
    char path[1024];
    if (folder == NULL) {
        fail_msg("LUCID_TEST_VECTORS is not set");
    }
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    return root;
}

static inline json_t *vectors_get(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (value == NULL) {
        fail_msg("vector without the member %s", name);
    }
    return value;
}

static inline struct lucid_span vectors_text(const json_t *value)
{
    assert_true(json_is_string(value));
    return lucid_span(json_string_value(value), json_string_length(value));
}

static inline uint64_t vectors_u64(const json_t *value)
{
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static inline void vectors_bytes(const json_t *value, void *ret, size_t len)
{
    assert_true(lucid_hex_decode(vectors_text(value), ret, len));
}

static inline struct mmr_hash vectors_hash(const json_t *value)
{
    struct mmr_hash hash;
    vectors_bytes(value, hash.bytes, sizeof(hash.bytes));
    return hash;
}

/* Reads an array of hashes into at most max places. */
static inline size_t vectors_hashes(const json_t *array, struct mmr_hash *ret, size_t max)
{
    size_t count = json_array_size(array);
    assert_true(count <= max);
    for (size_t i = 0; i < count; i++) {
        ret[i] = vectors_hash(json_array_get(array, i));
    }
    return count;
}

/* Every node of a tree, in memory. */
struct tree {
    struct mmr_hash *nodes;
    uint64_t node_count;
    uint64_t node_cap;
    uint64_t leaves;
    uint64_t fail_from; /* reading a node from here on fails, as a broken store would */
};

static inline enum lucid_error tree_get(void *context, uint64_t index, struct mmr_hash *ret)
{
    const struct tree *tree = context;
    if (index >= tree->fail_from) {
        return LUCID_RETRY_IO;
    }
    assert_true(index < tree->node_count);
    *ret = tree->nodes[index];
    return LUCID_OK;
}

static inline struct mmr_nodes tree_nodes(struct tree *tree)
{
    return (struct mmr_nodes){.get = tree_get, .context = tree};
}

static inline void tree_init(struct tree *tree, uint64_t leaves_max)
{
    uint64_t cap = 2 * leaves_max + 64;
    *tree = (struct tree){.node_cap = cap, .fail_from = UINT64_MAX};
    tree->nodes = calloc(cap, sizeof(tree->nodes[0]));
    assert_non_null(tree->nodes);
}

static inline void tree_fini(struct tree *tree)
{
    free(tree->nodes);
}

static inline void tree_append(struct tree *tree, struct lucid_span entry)
{
    struct mmr_nodes nodes = tree_nodes(tree);
    struct mmr_hash leaf;
    struct mmr_hash made[MMR_PEAKS_MAX + 1];
    size_t count = 0;
    mmr_hash_leaf(entry, &leaf);
    assert_int_equal(mmr_append(&nodes, tree->leaves, &leaf, made, &count), LUCID_OK);
    assert_true(tree->node_count + count <= tree->node_cap);
    memcpy(&tree->nodes[tree->node_count], made, count * sizeof(made[0]));
    tree->node_count += count;
    tree->leaves++;
    assert_int_equal(tree->node_count, mmr_node_count(tree->leaves));
}

/* Appends leaves with the data of the published vectors until there are that many. */
static inline void tree_grow(struct tree *tree, uint64_t leaves)
{
    while (tree->leaves < leaves) {
        char text[48];
        snprintf(text, sizeof(text), "lucid-leaf-%llu", (unsigned long long)tree->leaves);
        tree_append(tree, lucid_span_str(text));
    }
}

#endif

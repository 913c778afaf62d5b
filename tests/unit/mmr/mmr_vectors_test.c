/* The published vectors of tests/vectors/merkle. */
#include "tests/unit/mmr/vectors.h"

enum { VECTOR_LEAVES_MAX = 4096 };

static struct tree tree;

static int setup(void **state)
{
    (void)state;
    tree_init(&tree, VECTOR_LEAVES_MAX);
    tree_grow(&tree, VECTOR_LEAVES_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tree_fini(&tree);
    return 0;
}

static void test_roots(void **state)
{
    (void)state;
    json_t *file = vectors_load("merkle/roots.json");
    const json_t *roots = vectors_get(file, "roots");
    struct mmr_nodes nodes = tree_nodes(&tree);
    assert_int_equal(json_array_size(roots), 2050);
    for (size_t size = 0; size < json_array_size(roots); size++) {
        struct mmr_hash want = vectors_hash(json_array_get(roots, size));
        struct mmr_hash got;
        assert_int_equal(mmr_root(&nodes, size, &got), LUCID_OK);
        assert_memory_equal(got.bytes, want.bytes, MMR_HASH_BYTES);
    }
    json_decref(file);
}

static void test_leaf_hashes(void **state)
{
    (void)state;
    json_t *file = vectors_load("merkle/leaf_hashes.json");
    const json_t *hashes = vectors_get(file, "leaf_hashes");
    assert_int_equal(json_array_size(hashes), 300);
    for (size_t i = 0; i < json_array_size(hashes); i++) {
        struct mmr_hash want = vectors_hash(json_array_get(hashes, i));
        assert_memory_equal(tree.nodes[mmr_node_index(0, i)].bytes, want.bytes, MMR_HASH_BYTES);
    }
    json_decref(file);
}

static void check_peaks(const json_t *item)
{
    uint64_t size = vectors_u64(vectors_get(item, "size"));
    struct mmr_nodes nodes = tree_nodes(&tree);
    struct mmr_hash peaks[MMR_PEAKS_MAX];
    size_t count = 0;
    assert_int_equal(mmr_node_count(size), vectors_u64(vectors_get(item, "node_count")));
    assert_int_equal(mmr_peaks(&nodes, size, peaks, &count), LUCID_OK);
    const json_t *want = vectors_get(item, "peaks");
    assert_int_equal(count, json_array_size(want));
    for (size_t i = 0; i < count; i++) {
        const json_t *peak = json_array_get(want, i);
        unsigned height = (unsigned)vectors_u64(vectors_get(peak, "height"));
        uint64_t first = vectors_u64(vectors_get(peak, "first_leaf"));
        struct mmr_hash hash = vectors_hash(vectors_get(peak, "hash"));
        assert_int_equal(mmr_node_index(height, first), vectors_u64(vectors_get(peak, "node")));
        assert_memory_equal(peaks[i].bytes, hash.bytes, MMR_HASH_BYTES);
    }
    struct mmr_hash root;
    struct mmr_hash want_root = vectors_hash(vectors_get(item, "root"));
    mmr_bag(peaks, count, &root);
    assert_memory_equal(root.bytes, want_root.bytes, MMR_HASH_BYTES);
}

static void test_peaks(void **state)
{
    (void)state;
    json_t *file = vectors_load("merkle/mmr_peaks.json");
    const json_t *cases = vectors_get(file, "cases");
    assert_int_equal(json_array_size(cases), 84);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        check_peaks(json_array_get(cases, i));
    }
    json_decref(file);
}

/* Inclusion as a vector has it. */
struct inclusion {
    uint64_t index;
    uint64_t size;
    struct mmr_hash leaf;
    struct mmr_hash root;
    struct mmr_path path;
};

static void read_inclusion(const json_t *item, struct inclusion *ret)
{
    ret->index = vectors_u64(vectors_get(item, "index"));
    ret->size = vectors_u64(vectors_get(item, "size"));
    ret->leaf = vectors_hash(vectors_get(item, "leaf_hash"));
    ret->root = vectors_hash(vectors_get(item, "root"));
    ret->path.count = vectors_hashes(vectors_get(item, "proof"), ret->path.hash, MMR_PATH_MAX);
}

static bool verify_inclusion(const struct inclusion *proof)
{
    return mmr_verify_inclusion(proof->index, proof->size, &proof->leaf, proof->path.hash,
                                proof->path.count, &proof->root);
}

static void test_inclusion(void **state)
{
    (void)state;
    json_t *file = vectors_load("merkle/inclusion.json");
    const json_t *cases = vectors_get(file, "cases");
    struct mmr_nodes nodes = tree_nodes(&tree);
    assert_int_equal(json_array_size(cases), 1037);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        struct inclusion want;
        struct mmr_path got;
        read_inclusion(json_array_get(cases, i), &want);
        assert_int_equal(mmr_inclusion_path(&nodes, want.index, want.size, &got), LUCID_OK);
        assert_int_equal(got.count, want.path.count);
        assert_memory_equal(got.hash, want.path.hash, got.count * sizeof(got.hash[0]));
        assert_true(verify_inclusion(&want));
    }
    json_decref(file);
}

static void test_inclusion_refused(void **state)
{
    (void)state;
    json_t *file = vectors_load("merkle/inclusion_negative.json");
    const json_t *cases = vectors_get(file, "cases");
    assert_int_equal(json_array_size(cases), 1874);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        struct inclusion proof;
        read_inclusion(json_array_get(cases, i), &proof);
        if (verify_inclusion(&proof)) {
            fail_msg("case %zu is accepted", i);
        }
    }
    json_decref(file);
}

/* A path does not bind the size: these do verify, which is why callers must take the size from a
 * signed head. A verifier that refused them would not be RFC 9162's. */
static void test_size_not_bound(void **state)
{
    (void)state;
    json_t *file = vectors_load("merkle/inclusion_negative.json");
    const json_t *triples = vectors_get(vectors_get(file, "size_not_bound"), "triples");
    struct mmr_nodes nodes = tree_nodes(&tree);
    assert_int_equal(json_array_size(triples), 3404);
    for (size_t i = 0; i < json_array_size(triples); i++) {
        const json_t *triple = json_array_get(triples, i);
        uint64_t index = vectors_u64(json_array_get(triple, 0));
        uint64_t size = vectors_u64(json_array_get(triple, 1));
        uint64_t other = vectors_u64(json_array_get(triple, 2));
        struct mmr_path path;
        struct mmr_hash root;
        assert_int_equal(mmr_inclusion_path(&nodes, index, size, &path), LUCID_OK);
        assert_int_equal(mmr_root(&nodes, size, &root), LUCID_OK);
        assert_true(mmr_verify_inclusion(index, other, &tree.nodes[mmr_node_index(0, index)],
                                         path.hash, path.count, &root));
    }
    json_decref(file);
}

struct consistency {
    uint64_t from;
    uint64_t to;
    struct mmr_hash root_from;
    struct mmr_hash root_to;
    struct mmr_path path;
};

static void read_consistency(const json_t *item, struct consistency *ret)
{
    ret->from = vectors_u64(vectors_get(item, "size1"));
    ret->to = vectors_u64(vectors_get(item, "size2"));
    ret->root_from = vectors_hash(vectors_get(item, "root1"));
    ret->root_to = vectors_hash(vectors_get(item, "root2"));
    ret->path.count = vectors_hashes(vectors_get(item, "proof"), ret->path.hash, MMR_PATH_MAX);
}

static bool verify_consistency(const struct consistency *proof)
{
    return mmr_verify_consistency(proof->from, proof->to, &proof->root_from, &proof->root_to,
                                  proof->path.hash, proof->path.count);
}

static void test_consistency(void **state)
{
    (void)state;
    json_t *file = vectors_load("merkle/consistency.json");
    const json_t *cases = vectors_get(file, "cases");
    struct mmr_nodes nodes = tree_nodes(&tree);
    assert_int_equal(json_array_size(cases), 1154);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        struct consistency want;
        struct mmr_path got;
        read_consistency(json_array_get(cases, i), &want);
        assert_int_equal(mmr_consistency_path(&nodes, want.from, want.to, &got), LUCID_OK);
        assert_int_equal(got.count, want.path.count);
        assert_memory_equal(got.hash, want.path.hash, got.count * sizeof(got.hash[0]));
        assert_true(verify_consistency(&want));
    }
    json_decref(file);
}

static void refuse_root(const struct consistency *proof)
{
    struct consistency bad = *proof;
    bad.root_from.bytes[7] ^= 0x20;
    assert_false(verify_consistency(&bad));
    if (proof->from > 0) {
        bad = *proof;
        bad.root_to.bytes[31] ^= 0x01;
        assert_false(verify_consistency(&bad));
    }
}

static void refuse_path(const struct consistency *proof)
{
    struct consistency bad = *proof;
    size_t count = proof->path.count;
    bad.path.hash[bad.path.count++] = proof->root_to; /* extra-tail */
    assert_false(verify_consistency(&bad));
    bad = *proof; /* extra-head */
    memmove(&bad.path.hash[1], &proof->path.hash[0], count * sizeof(bad.path.hash[0]));
    bad.path.hash[0] = proof->root_from;
    bad.path.count++;
    assert_false(verify_consistency(&bad));
    if (count == 0) {
        return;
    }
    bad = *proof;
    bad.path.count--;
    assert_false(verify_consistency(&bad));
    for (size_t i = 0; i < count; i++) {
        bad = *proof;
        bad.path.hash[i].bytes[i % 32] ^= (uint8_t)(1U << i % 8);
        assert_false(verify_consistency(&bad));
    }
    for (size_t i = 1; i < count; i++) {
        bad = *proof;
        bad.path.hash[i] = proof->path.hash[i - 1];
        bad.path.hash[i - 1] = proof->path.hash[i];
        assert_false(verify_consistency(&bad));
    }
}

/* Sizes exchanged, or the old size past the new one. That a neighbouring size is refused holds only
 * where the path's shape differs, hence no check of size + 1. */
static void refuse_sizes(const struct consistency *proof)
{
    struct consistency bad = *proof;
    if (proof->from < proof->to) {
        bad.from = proof->to;
        bad.to = proof->from;
        assert_false(verify_consistency(&bad));
        bad = *proof;
        bad.from = proof->to;
        assert_false(verify_consistency(&bad));
    }
    bad = *proof;
    bad.from = proof->to + 1;
    assert_false(verify_consistency(&bad));
}

static void test_consistency_refused(void **state)
{
    (void)state;
    json_t *file = vectors_load("merkle/consistency.json");
    const json_t *cases = vectors_get(file, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        struct consistency proof;
        read_consistency(json_array_get(cases, i), &proof);
        refuse_root(&proof);
        refuse_path(&proof);
        refuse_sizes(&proof);
    }
    json_decref(file);
}

static void test_public_consistency(void **state)
{
    (void)state;
    json_t *file = vectors_load("merkle/notes.json");
    struct consistency proof;
    read_consistency(vectors_get(file, "public_consistency"), &proof);
    assert_true(verify_consistency(&proof));
    refuse_root(&proof);
    refuse_path(&proof);
    json_decref(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_leaf_hashes),
        cmocka_unit_test(test_peaks),
        cmocka_unit_test(test_inclusion),
        cmocka_unit_test(test_inclusion_refused),
        cmocka_unit_test(test_size_not_bound),
        cmocka_unit_test(test_consistency),
        cmocka_unit_test(test_consistency_refused),
        cmocka_unit_test(test_public_consistency),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* Edges: the largest trees, failing stores, refused arguments, and outputs that stay untouched. */
#include "tests/unit/mmr/vectors.h"

/* A store of a huge tree: every node's hash is its index. */
static enum lucid_error index_get(void *context, uint64_t index, struct mmr_hash *ret)
{
    const uint64_t *node_count = context;
    assert_true(index < *node_count);
    memset(ret, 0, sizeof(*ret));
    lucid_put_be64(ret->bytes, index);
    return LUCID_OK;
}

static void test_node_numbers(void **state)
{
    (void)state;
    assert_int_equal(mmr_node_count(0), 0);
    assert_int_equal(mmr_node_count(1), 1);
    assert_int_equal(mmr_node_count(7), 11);
    assert_int_equal(mmr_node_count(MMR_LEAVES_MAX), 2 * MMR_LEAVES_MAX - 1);
    assert_int_equal(mmr_node_index(48, 0), 2 * MMR_LEAVES_MAX - 2);
    assert_int_equal(mmr_node_index(0, MMR_LEAVES_MAX - 1), 2 * MMR_LEAVES_MAX - 2 - 48);
}

static void test_largest(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {MMR_LEAVES_MAX, MMR_LEAVES_MAX - 1, MMR_LEAVES_MAX / 2 + 1,
                                     0xaaaaaaaaaaaa, 0x555555555555};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t leaves = sizes[i];
        uint64_t node_count = mmr_node_count(leaves);
        struct mmr_nodes nodes = {.get = index_get, .context = &node_count};
        struct mmr_hash root;
        struct mmr_path path;
        assert_int_equal(mmr_root(&nodes, leaves, &root), LUCID_OK);
        assert_int_equal(mmr_inclusion_path(&nodes, 0, leaves, &path), LUCID_OK);
        assert_true(path.count <= 49);
        assert_int_equal(mmr_inclusion_path(&nodes, leaves - 1, leaves, &path), LUCID_OK);
        assert_true(path.count <= 49);
        for (uint64_t from = 1; from < leaves; from = from * 2 + 1) {
            assert_int_equal(mmr_consistency_path(&nodes, from, leaves, &path), LUCID_OK);
            assert_true(path.count <= 50);
        }
    }
}

static void test_append_last(void **state)
{
    (void)state;
    uint64_t node_count = mmr_node_count(MMR_LEAVES_MAX - 1);
    struct mmr_nodes nodes = {.get = index_get, .context = &node_count};
    struct mmr_hash leaf = {.bytes = {1}};
    struct mmr_hash made[MMR_PEAKS_MAX + 1];
    size_t count = 0;
    assert_int_equal(mmr_append(&nodes, MMR_LEAVES_MAX - 1, &leaf, made, &count), LUCID_OK);
    assert_int_equal(count, 49);
    /* The last parent joins the largest peak, node 2^48 − 2, with what lies right of it. */
    struct mmr_hash left;
    struct mmr_hash want;
    node_count = UINT64_MAX;
    assert_int_equal(index_get(&node_count, MMR_LEAVES_MAX - 2, &left), LUCID_OK);
    mmr_hash_parent(&left, &made[47], &want);
    assert_memory_equal(made[48].bytes, want.bytes, MMR_HASH_BYTES);
}

static void test_refused(void **state)
{
    (void)state;
    struct tree tree;
    tree_init(&tree, 16);
    tree_grow(&tree, 13);
    struct mmr_nodes nodes = tree_nodes(&tree);
    struct mmr_path path = {.count = 17};
    assert_int_equal(mmr_inclusion_path(&nodes, 0, 0, &path), LUCID_REFUSE_INVALID);
    assert_int_equal(mmr_inclusion_path(&nodes, 13, 13, &path), LUCID_REFUSE_INVALID);
    assert_int_equal(mmr_inclusion_path(&nodes, UINT64_MAX, 13, &path), LUCID_REFUSE_INVALID);
    assert_int_equal(mmr_inclusion_path(&nodes, 0, UINT64_MAX, &path), LUCID_REFUSE_INVALID);
    assert_int_equal(mmr_consistency_path(&nodes, 14, 13, &path), LUCID_REFUSE_INVALID);
    assert_int_equal(mmr_consistency_path(&nodes, 1, UINT64_MAX, &path), LUCID_REFUSE_INVALID);
    assert_int_equal(path.count, 17);
    tree_fini(&tree);
}

static void test_store_fails(void **state)
{
    (void)state;
    struct tree tree;
    tree_init(&tree, 16);
    tree_grow(&tree, 15);
    struct mmr_nodes nodes = tree_nodes(&tree);
    struct mmr_hash made[MMR_PEAKS_MAX + 1];
    struct mmr_hash before[MMR_PEAKS_MAX + 1];
    struct mmr_path path = {.count = 17};
    size_t count = 17;
    memset(made, 0x5a, sizeof(made));
    memcpy(before, made, sizeof(made));
    for (uint64_t from = 0; from < 26; from++) {
        tree.fail_from = from;
        enum lucid_error error = mmr_root(&nodes, 15, &made[0]);
        assert_int_equal(error, LUCID_RETRY_IO);
        assert_int_equal(mmr_peaks(&nodes, 15, made, &count), LUCID_RETRY_IO);
        assert_int_equal(mmr_append(&nodes, 15, &made[3], made, &count), LUCID_RETRY_IO);
        assert_int_equal(mmr_inclusion_path(&nodes, 0, 15, &path), LUCID_RETRY_IO);
        assert_int_equal(mmr_consistency_path(&nodes, 7, 15, &path), LUCID_RETRY_IO);
        assert_int_equal(path.count, 17);
        assert_int_equal(count, 17);
        assert_memory_equal(made, before, sizeof(made));
    }
    tree_fini(&tree);
}

static void test_verify_edges(void **state)
{
    (void)state;
    struct mmr_hash empty;
    struct mmr_hash a = {.bytes = {1}};
    struct mmr_hash b = {.bytes = {2}};
    struct mmr_hash path[MMR_PATH_MAX];
    memset(path, 0, sizeof(path));
    mmr_bag(NULL, 0, &empty);
    assert_false(mmr_verify_inclusion(0, 0, &a, NULL, 0, &a));
    assert_true(mmr_verify_inclusion(0, 1, &a, NULL, 0, &a));
    assert_false(mmr_verify_inclusion(0, 1, &a, NULL, 0, &b));
    assert_false(mmr_verify_inclusion(1, 1, &a, NULL, 0, &a));
    assert_false(mmr_verify_inclusion(UINT64_MAX - 1, UINT64_MAX, &a, path, MMR_PATH_MAX, &a));
    assert_true(mmr_verify_consistency(0, 0, &empty, &empty, NULL, 0));
    assert_true(mmr_verify_consistency(0, 5, &empty, &a, NULL, 0));
    assert_false(mmr_verify_consistency(0, 5, &a, &a, NULL, 0));
    assert_false(mmr_verify_consistency(0, 0, &empty, &a, NULL, 0));
    assert_false(mmr_verify_consistency(0, 5, &empty, &a, path, 1));
    assert_true(mmr_verify_consistency(5, 5, &a, &a, NULL, 0));
    assert_false(mmr_verify_consistency(5, 5, &a, &b, NULL, 0));
    assert_false(mmr_verify_consistency(5, 5, &a, &a, path, 1));
    assert_false(mmr_verify_consistency(4, 8, &a, &a, NULL, 0));
    assert_false(mmr_verify_consistency(3, 8, &a, &a, NULL, 0));
    assert_false(mmr_verify_consistency(6, 5, &a, &a, NULL, 0));
    assert_false(mmr_verify_consistency(1, UINT64_MAX, &a, &b, path, MMR_PATH_MAX));
}

/* Right hashes under a size whose path would be longer: only the count of levels gives it away. */
static void test_path_too_short(void **state)
{
    (void)state;
    struct tree tree;
    tree_init(&tree, 8);
    tree_grow(&tree, 8);
    struct mmr_nodes nodes = tree_nodes(&tree);
    struct mmr_hash from;
    struct mmr_hash to;
    struct mmr_path path;
    assert_int_equal(mmr_root(&nodes, 4, &from), LUCID_OK);
    assert_int_equal(mmr_root(&nodes, 8, &to), LUCID_OK);
    assert_int_equal(mmr_consistency_path(&nodes, 4, 8, &path), LUCID_OK);
    assert_true(mmr_verify_consistency(4, 8, &from, &to, path.hash, path.count));
    assert_false(mmr_verify_consistency(4, 16, &from, &to, path.hash, path.count));
    assert_false(mmr_verify_consistency(4, 9, &from, &to, path.hash, path.count));
    assert_int_equal(mmr_inclusion_path(&nodes, 3, 8, &path), LUCID_OK);
    const struct mmr_hash *leaf = &tree.nodes[mmr_node_index(0, 3)];
    assert_true(mmr_verify_inclusion(3, 8, leaf, path.hash, path.count, &to));
    assert_false(mmr_verify_inclusion(3, 16, leaf, path.hash, path.count, &to));
    tree_fini(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node_numbers),   cmocka_unit_test(test_largest),
        cmocka_unit_test(test_append_last),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_store_fails),    cmocka_unit_test(test_verify_edges),
        cmocka_unit_test(test_path_too_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

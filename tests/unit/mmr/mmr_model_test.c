/* Every size against a naive RFC 6962 tree: recursion by the text of the standard, over another
 * implementation of SHA-256, sharing nothing with the code under test but the leaf data. */
#include <sodium.h>

#include "tests/unit/mmr/vectors.h"

enum {
    EXHAUSTIVE_MAX = 130,
    SAMPLED_MAX = 1024,
    LARGE_MAX = 20000,
    LARGE_TREES = 24,
    SAMPLES_PER_SIZE = 6,
};

/* Leaf hashes of the naive tree. */
static struct mmr_hash naive[LARGE_MAX];

static uint64_t seed = 0x6c75636964;

/* xorshift64: the same numbers in every run, so that a failure can be repeated. */
static uint64_t random_below(uint64_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % bound;
}

static void naive_leaf(uint64_t index)
{
    unsigned char text[48] = {0x00};
    int len =
        snprintf((char *)text + 1, sizeof(text) - 1, "lucid-leaf-%llu", (unsigned long long)index);
    crypto_hash_sha256(naive[index].bytes, text, (unsigned long long)len + 1);
}

static uint64_t split(uint64_t leaves)
{
    uint64_t k = 1;
    while (k * 2 < leaves) {
        k *= 2;
    }
    return k;
}

/* MTH(D[first:first+leaves]) of RFC 6962 2.1. */
static struct mmr_hash naive_root(uint64_t first, uint64_t leaves)
{
    struct mmr_hash hash;
    if (leaves == 0) {
        crypto_hash_sha256(hash.bytes, NULL, 0);
        return hash;
    }
    if (leaves == 1) {
        return naive[first];
    }
    uint64_t k = split(leaves);
    unsigned char message[65] = {0x01};
    struct mmr_hash left = naive_root(first, k);
    struct mmr_hash right = naive_root(first + k, leaves - k);
    memcpy(message + 1, left.bytes, 32);
    memcpy(message + 33, right.bytes, 32);
    crypto_hash_sha256(hash.bytes, message, sizeof(message));
    return hash;
}

/* PATH(m, D[n]) of RFC 6962 2.1.1. */
static void naive_path(uint64_t index, uint64_t first, uint64_t leaves, struct mmr_path *path)
{
    if (leaves == 1) {
        return;
    }
    uint64_t k = split(leaves);
    struct mmr_hash other;
    if (index < k) {
        naive_path(index, first, k, path);
        other = naive_root(first + k, leaves - k);
    } else {
        naive_path(index - k, first + k, leaves - k, path);
        other = naive_root(first, k);
    }
    path->hash[path->count++] = other;
}

/* SUBPROOF(m, D[n], b) of RFC 6962 2.1.2. */
static void naive_proof(uint64_t from, uint64_t first, uint64_t leaves, bool whole,
                        struct mmr_path *path)
{
    if (from == leaves) {
        if (!whole) {
            path->hash[path->count++] = naive_root(first, leaves);
        }
        return;
    }
    uint64_t k = split(leaves);
    struct mmr_hash other;
    if (from <= k) {
        naive_proof(from, first, k, whole, path);
        other = naive_root(first + k, leaves - k);
    } else {
        naive_proof(from - k, first + k, leaves - k, false, path);
        other = naive_root(first, k);
    }
    path->hash[path->count++] = other;
}

static void check_equal(const struct mmr_path *a, const struct mmr_path *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->hash, b->hash, a->count * sizeof(a->hash[0]));
}

static void check_inclusion(struct tree *tree, uint64_t index, uint64_t leaves,
                            const struct mmr_hash *root)
{
    struct mmr_nodes nodes = tree_nodes(tree);
    struct mmr_path want = {.count = 0};
    struct mmr_path got;
    naive_path(index, 0, leaves, &want);
    assert_int_equal(mmr_inclusion_path(&nodes, index, leaves, &got), LUCID_OK);
    check_equal(&got, &want);
    assert_true(mmr_verify_inclusion(index, leaves, &naive[index], got.hash, got.count, root));
    struct mmr_hash wrong = *root;
    wrong.bytes[random_below(32)] ^= (uint8_t)(1U << random_below(8));
    assert_false(mmr_verify_inclusion(index, leaves, &naive[index], got.hash, got.count, &wrong));
    assert_false(mmr_verify_inclusion(index, leaves, &wrong, got.hash, got.count, root));
    if (got.count > 0) {
        got.hash[random_below(got.count)].bytes[random_below(32)] ^= 0x10;
        assert_false(mmr_verify_inclusion(index, leaves, &naive[index], got.hash, got.count, root));
    }
}

static void check_consistency(struct tree *tree, uint64_t from, uint64_t to,
                              const struct mmr_hash *root_from, const struct mmr_hash *root_to)
{
    struct mmr_nodes nodes = tree_nodes(tree);
    struct mmr_path want = {.count = 0};
    struct mmr_path got;
    if (from > 0) {
        naive_proof(from, 0, to, true, &want);
    }
    assert_int_equal(mmr_consistency_path(&nodes, from, to, &got), LUCID_OK);
    check_equal(&got, &want);
    assert_true(mmr_verify_consistency(from, to, root_from, root_to, got.hash, got.count));
    if (from == 0) {
        return;
    }
    struct mmr_hash wrong = *root_from;
    wrong.bytes[random_below(32)] ^= (uint8_t)(1U << random_below(8));
    assert_false(mmr_verify_consistency(from, to, &wrong, root_to, got.hash, got.count));
    wrong = *root_to;
    wrong.bytes[random_below(32)] ^= (uint8_t)(1U << random_below(8));
    assert_false(mmr_verify_consistency(from, to, root_from, &wrong, got.hash, got.count));
    if (got.count > 0) {
        got.hash[random_below(got.count)].bytes[random_below(32)] ^= 0x04;
        assert_false(mmr_verify_consistency(from, to, root_from, root_to, got.hash, got.count));
    }
}

struct fixture {
    struct tree tree;
    struct mmr_hash roots[SAMPLED_MAX + 1]; /* by the naive tree */
};

static int setup(void **state)
{
    static struct fixture fixture;
    tree_init(&fixture.tree, LARGE_MAX);
    tree_grow(&fixture.tree, LARGE_MAX);
    for (uint64_t i = 0; i < LARGE_MAX; i++) {
        naive_leaf(i);
    }
    for (uint64_t size = 0; size <= SAMPLED_MAX; size++) {
        fixture.roots[size] = naive_root(0, size);
    }
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    tree_fini(&fixture->tree);
    return 0;
}

static void test_roots(void **state)
{
    struct fixture *fixture = *state;
    struct mmr_nodes nodes = tree_nodes(&fixture->tree);
    for (uint64_t size = 0; size <= SAMPLED_MAX; size++) {
        struct mmr_hash root;
        struct mmr_hash peaks[MMR_PEAKS_MAX];
        size_t count = 0;
        assert_int_equal(mmr_root(&nodes, size, &root), LUCID_OK);
        assert_memory_equal(root.bytes, fixture->roots[size].bytes, MMR_HASH_BYTES);
        assert_int_equal(mmr_peaks(&nodes, size, peaks, &count), LUCID_OK);
        assert_int_equal(count, __builtin_popcountll(size));
        mmr_bag(peaks, count, &root);
        assert_memory_equal(root.bytes, fixture->roots[size].bytes, MMR_HASH_BYTES);
    }
}

static void test_nodes(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned height = 0; height <= 9; height++) {
        uint64_t width = (uint64_t)1 << height;
        for (uint64_t first = 0; first + width <= SAMPLED_MAX; first += width) {
            uint64_t index = mmr_node_index(height, first);
            struct mmr_hash want = naive_root(first, width);
            assert_true(index < fixture->tree.node_count);
            assert_memory_equal(fixture->tree.nodes[index].bytes, want.bytes, MMR_HASH_BYTES);
        }
    }
}

static void test_inclusion_all(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t size = 1; size <= EXHAUSTIVE_MAX; size++) {
        for (uint64_t index = 0; index < size; index++) {
            check_inclusion(&fixture->tree, index, size, &fixture->roots[size]);
        }
    }
}

static void test_inclusion_sampled(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t size = EXHAUSTIVE_MAX + 1; size <= SAMPLED_MAX; size++) {
        check_inclusion(&fixture->tree, 0, size, &fixture->roots[size]);
        check_inclusion(&fixture->tree, size - 1, size, &fixture->roots[size]);
        for (unsigned i = 0; i < SAMPLES_PER_SIZE; i++) {
            check_inclusion(&fixture->tree, random_below(size), size, &fixture->roots[size]);
        }
    }
}

static void test_consistency_all(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t to = 0; to <= EXHAUSTIVE_MAX; to++) {
        for (uint64_t from = 0; from <= to; from++) {
            check_consistency(&fixture->tree, from, to, &fixture->roots[from], &fixture->roots[to]);
        }
    }
}

static void test_consistency_sampled(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t to = EXHAUSTIVE_MAX + 1; to <= SAMPLED_MAX; to++) {
        for (unsigned i = 0; i < SAMPLES_PER_SIZE; i++) {
            uint64_t from = random_below(to + 1);
            check_consistency(&fixture->tree, from, to, &fixture->roots[from], &fixture->roots[to]);
        }
    }
}

static void test_large(void **state)
{
    struct fixture *fixture = *state;
    struct mmr_nodes nodes = tree_nodes(&fixture->tree);
    for (unsigned i = 0; i < LARGE_TREES; i++) {
        uint64_t size = SAMPLED_MAX + 1 + random_below(LARGE_MAX - SAMPLED_MAX);
        uint64_t from = 1 + random_below(size);
        struct mmr_hash root_from = naive_root(0, from);
        struct mmr_hash want = naive_root(0, size);
        struct mmr_hash got;
        assert_int_equal(mmr_root(&nodes, size, &got), LUCID_OK);
        assert_memory_equal(got.bytes, want.bytes, MMR_HASH_BYTES);
        check_inclusion(&fixture->tree, random_below(size), size, &want);
        check_inclusion(&fixture->tree, size - 1, size, &want);
        check_consistency(&fixture->tree, from, size, &root_from, &want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roots),           cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_inclusion_all),   cmocka_unit_test(test_inclusion_sampled),
        cmocka_unit_test(test_consistency_all), cmocka_unit_test(test_consistency_sampled),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

#include "mmr/mmr.h"

#include "base/assert.h"

uint64_t mmr_node_count(uint64_t leaves)
{
    lucid_assert(leaves <= MMR_LEAVES_MAX);
    return 2 * leaves - (uint64_t)__builtin_popcountll(leaves);
}

uint64_t mmr_node_index(unsigned height, uint64_t first_leaf)
{
    lucid_assert(height <= MMR_PEAKS_MAX);
    lucid_assert((first_leaf & (((uint64_t)1 << height) - 1)) == 0);
    uint64_t end = first_leaf + ((uint64_t)1 << height);
    lucid_assert(first_leaf < MMR_LEAVES_MAX && end <= MMR_LEAVES_MAX);
    /* After `end` leaves the last node written is the root of the largest perfect tree that ends
     * there, of height tz(end); ours lies that many merges less its own height before it. */
    return mmr_node_count(end) - 1 - (uint64_t)__builtin_ctzll(end) + height;
}

void mmr_hash_leaf(struct lucid_span entry, struct mmr_hash *ret)
{
    static const uint8_t tag = 0x00;
    const struct lucid_span parts[] = {lucid_span(&tag, 1), entry};
    lucid_sha256_parts(parts, 2, ret->bytes);
}

void mmr_hash_parent(const struct mmr_hash *left, const struct mmr_hash *right,
                     struct mmr_hash *ret)
{
    lucid_sha256_pair(0x01, left->bytes, right->bytes, ret->bytes);
}

static bool hash_equal(const struct mmr_hash *a, const struct mmr_hash *b)
{
    return memcmp(a->bytes, b->bytes, MMR_HASH_BYTES) == 0;
}

static bool is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

enum lucid_error mmr_append(const struct mmr_nodes *nodes, uint64_t leaves,
                            const struct mmr_hash *leaf, struct mmr_hash *ret_nodes,
                            size_t *ret_count)
{
    lucid_assert(leaves < MMR_LEAVES_MAX);
    /* Kept apart until all reads have succeeded: outputs stay untouched on failure. */
    struct mmr_hash made[MMR_PEAKS_MAX + 1];
    size_t count = 1;
    made[0] = *leaf;
    uint64_t at = mmr_node_count(leaves);
    for (unsigned height = 0; (leaves >> height & 1) != 0; height++) {
        /* In post-order a left sibling lies one whole perfect tree before its right one. */
        struct mmr_hash left;
        uint64_t tree_nodes = ((uint64_t)2 << height) - 1;
        lucid_assert(at >= tree_nodes);
        enum lucid_error error = nodes->get(nodes->context, at - tree_nodes, &left);
        if (error != LUCID_OK) {
            return error;
        }
        lucid_assert(count <= MMR_PEAKS_MAX);
        mmr_hash_parent(&left, &made[count - 1], &made[count]);
        count++;
        at++;
    }
    memcpy(ret_nodes, made, count * sizeof(made[0]));
    *ret_count = count;
    return LUCID_OK;
}

/* The height of the perfect tree that holds `index` among the peaks of `leaves`, and its first
 * leaf. */
static unsigned peak_of(uint64_t index, uint64_t leaves, uint64_t *ret_first)
{
    lucid_assert(index < leaves);
    /* The peak is named by the highest bit in which index and leaves differ: above it both agree,
     * so the peaks of those bits end at or before index. */
    unsigned height = 63 - (unsigned)__builtin_clzll(index ^ leaves);
    *ret_first = leaves >> height >> 1 << height << 1;
    return height;
}

/* Reads the peaks over the leaves [first, leaves), first being a peak boundary. */
static enum lucid_error read_peaks(const struct mmr_nodes *nodes, uint64_t first, uint64_t leaves,
                                   struct mmr_hash ret_peaks[MMR_PEAKS_MAX], size_t *ret_count)
{
    size_t count = 0;
    while (first < leaves) {
        unsigned height = 63 - (unsigned)__builtin_clzll(leaves - first);
        lucid_assert(count < MMR_PEAKS_MAX);
        enum lucid_error error =
            nodes->get(nodes->context, mmr_node_index(height, first), &ret_peaks[count]);
        if (error != LUCID_OK) {
            return error;
        }
        count++;
        first += (uint64_t)1 << height;
    }
    *ret_count = count;
    return LUCID_OK;
}

enum lucid_error mmr_peaks(const struct mmr_nodes *nodes, uint64_t leaves,
                           struct mmr_hash ret_peaks[MMR_PEAKS_MAX], size_t *ret_count)
{
    lucid_assert(leaves <= MMR_LEAVES_MAX);
    struct mmr_hash peaks[MMR_PEAKS_MAX];
    size_t count = 0;
    enum lucid_error error = read_peaks(nodes, 0, leaves, peaks, &count);
    if (error != LUCID_OK) {
        return error;
    }
    memcpy(ret_peaks, peaks, count * sizeof(peaks[0]));
    *ret_count = count;
    return LUCID_OK;
}

void mmr_bag(const struct mmr_hash *peaks, size_t count, struct mmr_hash *ret_root)
{
    lucid_assert(count <= MMR_PEAKS_MAX);
    struct mmr_hash bag;
    if (count == 0) {
        lucid_sha256(lucid_span(NULL, 0), bag.bytes);
    } else {
        bag = peaks[count - 1];
        for (size_t i = count - 1; i > 0; i--) {
            mmr_hash_parent(&peaks[i - 1], &bag, &bag);
        }
    }
    *ret_root = bag;
}

enum lucid_error mmr_root(const struct mmr_nodes *nodes, uint64_t leaves, struct mmr_hash *ret_root)
{
    lucid_assert(leaves <= MMR_LEAVES_MAX);
    struct mmr_hash peaks[MMR_PEAKS_MAX];
    size_t count = 0;
    enum lucid_error error = read_peaks(nodes, 0, leaves, peaks, &count);
    if (error != LUCID_OK) {
        return error;
    }
    mmr_bag(peaks, count, ret_root);
    return LUCID_OK;
}

static void path_push(struct mmr_path *path, const struct mmr_hash *hash)
{
    lucid_assert(path->count < MMR_PATH_MAX);
    path->hash[path->count++] = *hash;
}

static enum lucid_error path_push_node(const struct mmr_nodes *nodes, unsigned height,
                                       uint64_t first_leaf, struct mmr_path *path)
{
    struct mmr_hash hash;
    enum lucid_error error = nodes->get(nodes->context, mmr_node_index(height, first_leaf), &hash);
    if (error == LUCID_OK) {
        path_push(path, &hash);
    }
    return error;
}

/* Adds the audit path of the node of that height over `first`: the siblings inside its peak, one
 * bag of all peaks to the right, then the peaks to the left, nearest first. */
static enum lucid_error path_climb(const struct mmr_nodes *nodes, unsigned height, uint64_t first,
                                   uint64_t leaves, struct mmr_path *path)
{
    uint64_t peak_first = 0;
    unsigned peak_height = peak_of(first, leaves, &peak_first);
    lucid_assert(height <= peak_height);
    enum lucid_error error = LUCID_OK;
    for (; height < peak_height; height++) {
        uint64_t sibling = (first >> height ^ 1) << height;
        error = path_push_node(nodes, height, sibling, path);
        if (error != LUCID_OK) {
            return error;
        }
    }
    uint64_t peak_end = peak_first + ((uint64_t)1 << peak_height);
    if (peak_end < leaves) {
        struct mmr_hash right[MMR_PEAKS_MAX];
        size_t count = 0;
        error = read_peaks(nodes, peak_end, leaves, right, &count);
        if (error != LUCID_OK) {
            return error;
        }
        mmr_bag(right, count, &right[0]);
        path_push(path, &right[0]);
    }
    while (peak_first > 0) {
        unsigned left_height = (unsigned)__builtin_ctzll(peak_first);
        peak_first -= (uint64_t)1 << left_height;
        error = path_push_node(nodes, left_height, peak_first, path);
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

static void path_copy(const struct mmr_path *path, struct mmr_path *ret_path)
{
    memcpy(ret_path->hash, path->hash, path->count * sizeof(path->hash[0]));
    ret_path->count = path->count;
}

enum lucid_error mmr_inclusion_path(const struct mmr_nodes *nodes, uint64_t index, uint64_t leaves,
                                    struct mmr_path *ret_path)
{
    if (index >= leaves || leaves > MMR_LEAVES_MAX) {
        return LUCID_REFUSE_INVALID;
    }
    struct mmr_path path;
    path.count = 0;
    enum lucid_error error = path_climb(nodes, 0, index, leaves, &path);
    if (error == LUCID_OK) {
        path_copy(&path, ret_path);
    }
    return error;
}

enum lucid_error mmr_consistency_path(const struct mmr_nodes *nodes, uint64_t from, uint64_t to,
                                      struct mmr_path *ret_path)
{
    if (from > to || to > MMR_LEAVES_MAX) {
        return LUCID_REFUSE_INVALID;
    }
    struct mmr_path path;
    path.count = 0;
    if (from > 0 && from < to) {
        /* The proof starts at the last peak of the old tree. When that is its only one, the
         * verifier has it already as the old root. */
        unsigned height = (unsigned)__builtin_ctzll(from);
        uint64_t first = from - ((uint64_t)1 << height);
        enum lucid_error error = LUCID_OK;
        if (first > 0) {
            error = path_push_node(nodes, height, first, &path);
        }
        if (error == LUCID_OK) {
            error = path_climb(nodes, height, first, to, &path);
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
    path_copy(&path, ret_path);
    return LUCID_OK;
}

/* One upward walk of RFC 9162's verifiers: `node` and `last` are fn and sn, the positions of our
 * node and of the last node on the present level. */
struct climb {
    uint64_t node;
    uint64_t last;
};

/* Whether the next hash stands to the left of our node; moves one or (over missing right
 * siblings) more levels up. */
static bool climb_step(struct climb *climb)
{
    bool left = (climb->node & 1) != 0 || climb->node == climb->last;
    if (left && (climb->node & 1) == 0) {
        while ((climb->node & 1) == 0 && climb->node != 0) {
            climb->node >>= 1;
            climb->last >>= 1;
        }
    }
    climb->node >>= 1;
    climb->last >>= 1;
    return left;
}

bool mmr_inclusion_root(uint64_t index, uint64_t leaves, const struct mmr_hash *leaf,
                        const struct mmr_hash *path, size_t count, struct mmr_hash *ret_root)
{
    if (index >= leaves) {
        return false;
    }
    struct climb climb = {.node = index, .last = leaves - 1};
    struct mmr_hash hash = *leaf;
    for (size_t i = 0; i < count; i++) {
        if (climb.last == 0) {
            return false;
        }
        if (climb_step(&climb)) {
            mmr_hash_parent(&path[i], &hash, &hash);
        } else {
            mmr_hash_parent(&hash, &path[i], &hash);
        }
    }
    if (climb.last != 0) {
        return false;
    }
    *ret_root = hash;
    return true;
}

bool mmr_verify_inclusion(uint64_t index, uint64_t leaves, const struct mmr_hash *leaf,
                          const struct mmr_hash *path, size_t count, const struct mmr_hash *root)
{
    struct mmr_hash made;
    return mmr_inclusion_root(index, leaves, leaf, path, count, &made) && hash_equal(&made, root);
}

bool mmr_verify_consistency(uint64_t from, uint64_t to, const struct mmr_hash *root_from,
                            const struct mmr_hash *root_to, const struct mmr_hash *path,
                            size_t count)
{
    if (from > to) {
        return false;
    }
    if (from == 0) {
        struct mmr_hash empty;
        mmr_bag(NULL, 0, &empty);
        return count == 0 && hash_equal(root_from, &empty) &&
               (to > 0 || hash_equal(root_to, &empty));
    }
    if (from == to) {
        return count == 0 && hash_equal(root_from, root_to);
    }
    size_t used = 0;
    struct mmr_hash old_hash = *root_from;
    if (!is_power_of_two(from)) {
        if (count == 0) {
            return false;
        }
        old_hash = path[used++];
    }
    struct mmr_hash new_hash = old_hash;
    unsigned skip = (unsigned)__builtin_ctzll(from);
    struct climb climb = {.node = (from - 1) >> skip, .last = (to - 1) >> skip};
    for (; used < count; used++) {
        if (climb.last == 0) {
            return false;
        }
        if (climb_step(&climb)) {
            mmr_hash_parent(&path[used], &old_hash, &old_hash);
            mmr_hash_parent(&path[used], &new_hash, &new_hash);
        } else {
            mmr_hash_parent(&new_hash, &path[used], &new_hash);
        }
    }
    return climb.last == 0 && hash_equal(&old_hash, root_from) && hash_equal(&new_hash, root_to);
}

/* A Merkle Mountain Range over SHA-256 whose root equals the RFC 6962 tree hash at every size, and
 * the proofs that follow from it, in RFC 9162 form.
 *
 *   leaf node      H(0x00 ‖ entry)
 *   parent, bag    H(0x01 ‖ left ‖ right)
 *   root           peaks bagged right to left: bag(p1..pt) = H(0x01 ‖ p1 ‖ bag(p2..pt))
 *   empty tree     H("")
 *
 * Nodes are numbered from 0 in append order (post-order): n leaves have 2n − popcount(n) nodes, and
 * the node of height h over leaves [k·2^h, (k+1)·2^h), with e = (k+1)·2^h, has index
 * 2e − popcount(e) − 1 − tz(e) + h. This is also golang.org/x/mod's stored-hash numbering.
 *
 * Pure arithmetic: nodes are fetched through the caller's function. Sizes are leaf counts; no
 * function takes a node count from outside. Thread: any. */
#ifndef LUCID_MMR_MMR_H
#define LUCID_MMR_MMR_H

#include "base/sha256.h"

#define MMR_HASH_BYTES LUCID_SHA256_BYTES
#define MMR_LEAVES_MAX ((uint64_t)1 << 48)
#define MMR_PEAKS_MAX  48
/* Hashes in an inclusion or consistency proof at MMR_LEAVES_MAX. */
#define MMR_PATH_MAX 64

struct mmr_hash {
    uint8_t bytes[MMR_HASH_BYTES];
};

/* Where nodes come from. get must answer for every index below the node count of the size asked
 * for; its error is passed on. */
struct mmr_nodes {
    enum lucid_error (*get)(void *context, uint64_t index, struct mmr_hash *ret);
    void *context;
};

struct mmr_path {
    struct mmr_hash hash[MMR_PATH_MAX];
    size_t count;
};

/* 2n − popcount(n). */
uint64_t mmr_node_count(uint64_t leaves);

/* The index of the node of that height whose leaves start at first_leaf (a multiple of 2^height).
 */
uint64_t mmr_node_index(unsigned height, uint64_t first_leaf);

/* The two tagged hashes of the head comment. */
void mmr_hash_leaf(struct lucid_span entry, struct mmr_hash *ret);
void mmr_hash_parent(const struct mmr_hash *left, const struct mmr_hash *right,
                     struct mmr_hash *ret);

/* Appends one leaf to a tree of `leaves` leaves: writes the leaf node and every parent that it
 * completes to ret_nodes, in index order from mmr_node_count(leaves) on. ret_nodes has room for
 * MMR_PEAKS_MAX + 1. Errors: those of nodes->get. */
enum lucid_error mmr_append(const struct mmr_nodes *nodes, uint64_t leaves,
                            const struct mmr_hash *leaf, struct mmr_hash *ret_nodes,
                            size_t *ret_count) LUCID_WARN_UNUSED;

/* The peaks of a tree, left (highest) to right. */
enum lucid_error mmr_peaks(const struct mmr_nodes *nodes, uint64_t leaves,
                           struct mmr_hash ret_peaks[MMR_PEAKS_MAX],
                           size_t *ret_count) LUCID_WARN_UNUSED;

/* Bags peaks right to left; H("") for none. */
void mmr_bag(const struct mmr_hash *peaks, size_t count, struct mmr_hash *ret_root);

/* The root of the first `leaves` leaves. */
enum lucid_error mmr_root(const struct mmr_nodes *nodes, uint64_t leaves,
                          struct mmr_hash *ret_root) LUCID_WARN_UNUSED;

/* RFC 9162 2.1.3.1: the audit path of leaf `index` in the tree of the first `leaves` leaves.
 * Errors: LUCID_REFUSE_INVALID when index >= leaves; those of nodes->get. */
enum lucid_error mmr_inclusion_path(const struct mmr_nodes *nodes, uint64_t index, uint64_t leaves,
                                    struct mmr_path *ret_path) LUCID_WARN_UNUSED;

/* RFC 9162 2.1.4.1: the consistency proof between the first `from` and the first `to` leaves. Empty
 * when from is 0 (C2SP tlog-witness) or equal to `to`.
 * Errors: LUCID_REFUSE_INVALID when from > to; those of nodes->get. */
enum lucid_error mmr_consistency_path(const struct mmr_nodes *nodes, uint64_t from, uint64_t to,
                                      struct mmr_path *ret_path) LUCID_WARN_UNUSED;

/* The root that a path leads to from a leaf, by the steps of RFC 9162 2.1.3.2. False when index,
 * size and the path's length do not go together; ret_root is then untouched. */
bool mmr_inclusion_root(uint64_t index, uint64_t leaves, const struct mmr_hash *leaf,
                        const struct mmr_hash *path, size_t count,
                        struct mmr_hash *ret_root) LUCID_WARN_UNUSED;

/* RFC 9162 2.1.3.2. The size and the root must come from a signed head, never from the proof: a
 * path does not bind the size. */
bool mmr_verify_inclusion(uint64_t index, uint64_t leaves, const struct mmr_hash *leaf,
                          const struct mmr_hash *path, size_t count,
                          const struct mmr_hash *root) LUCID_WARN_UNUSED;

/* RFC 9162 2.1.4.2, with `from` 0 accepted for an empty path and root_from H(""). */
bool mmr_verify_consistency(uint64_t from, uint64_t to, const struct mmr_hash *root_from,
                            const struct mmr_hash *root_to, const struct mmr_hash *path,
                            size_t count) LUCID_WARN_UNUSED;

#endif

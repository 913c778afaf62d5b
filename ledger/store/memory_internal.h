/* A persistent sorted map: an AVL tree that is never changed, only copied along one path. A root is
 * a snapshot; taking one is counting a reference, dropping a batch is dropping its root. AVL rather
 * than a randomised tree, because its height, and so every recursion, has a hard bound. */
#ifndef LUCID_LEDGER_STORE_MEMORY_INTERNAL_H
#define LUCID_LEDGER_STORE_MEMORY_INTERNAL_H

#include "base/bytes.h"

/* Key and value in one allocation, shared by every version of the tree that has them. */
struct store_map_cell {
    size_t refs;
    size_t key_len;
    size_t value_len;
    uint8_t bytes[]; /* key, value */
};

struct store_map_node;

/* Where nodes come from: spares are stocked before an operation, so that it cannot fail halfway. */
struct store_map_pool {
    struct store_map_node *spare;
    size_t spares;
    uint64_t bytes; /* held by cells and nodes in use */
};

struct lucid_span store_map_key(const struct store_map_cell *cell);
struct lucid_span store_map_value(const struct store_map_cell *cell);

/* A cell with room for the value, which the caller fills; NULL without memory. */
struct store_map_cell *store_map_cell_new(struct store_map_pool *pool, struct lucid_span key,
                                          size_t value_len, uint8_t **ret_value);

struct store_map_node *store_map_ref(struct store_map_node *root);
void store_map_unref(struct store_map_pool *pool, struct store_map_node *root);

/* Replace *root by a tree with the cell in it (in the place of one with the same key), or without
 * the key. put takes the cell over in any case. */
enum lucid_error store_map_put(struct store_map_pool *pool, struct store_map_node **root,
                               struct store_map_cell *cell) LUCID_WARN_UNUSED;
/* LUCID_NOTE_ABSENT when there is none. */
enum lucid_error store_map_del(struct store_map_pool *pool, struct store_map_node **root,
                               struct lucid_span key) LUCID_WARN_UNUSED;

/* The nearest cell: at or after (before) the key, or strictly so. NULL if there is none. */
const struct store_map_cell *store_map_after(const struct store_map_node *root,
                                             struct lucid_span key, bool or_equal);
const struct store_map_cell *store_map_before(const struct store_map_node *root,
                                              struct lucid_span key, bool or_equal);

void store_map_pool_fini(struct store_map_pool *pool);

#endif

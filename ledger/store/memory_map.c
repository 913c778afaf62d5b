#include <stdlib.h>

#include "base/assert.h"
#include "ledger/store/memory_internal.h"

/* An AVL tree of height 92 has over 2^63 nodes. */
#define MAP_HEIGHT_MAX 92u
/* New nodes per level: the copy, and two more when it is rotated twice. */
#define MAP_NODES_PER_LEVEL 3u

struct store_map_node {
    size_t refs;
    unsigned height; /* of a leaf: 1 */
    struct store_map_node *left;
    struct store_map_node *right;
    struct store_map_cell *cell;
};

/* --- cells --------------------------------------------------------------------------------------
 */

struct lucid_span store_map_key(const struct store_map_cell *cell)
{
    return lucid_span(cell->bytes, cell->key_len);
}

struct lucid_span store_map_value(const struct store_map_cell *cell)
{
    return lucid_span(cell->bytes + cell->key_len, cell->value_len);
}

static size_t cell_bytes(const struct store_map_cell *cell)
{
    return sizeof(*cell) + cell->key_len + cell->value_len;
}

struct store_map_cell *store_map_cell_new(struct store_map_pool *pool, struct lucid_span key,
                                          size_t value_len, uint8_t **ret_value)
{
    struct store_map_cell *cell = malloc(sizeof(*cell) + key.len + value_len);
    if (cell == NULL) {
        return NULL;
    }
    *cell = (struct store_map_cell){.refs = 1, .key_len = key.len, .value_len = value_len};
    memcpy(cell->bytes, key.data, key.len);
    pool->bytes += cell_bytes(cell);
    *ret_value = cell->bytes + key.len;
    return cell;
}

static struct store_map_cell *cell_ref(struct store_map_cell *cell)
{
    cell->refs++;
    return cell;
}

static void cell_unref(struct store_map_pool *pool, struct store_map_cell *cell)
{
    lucid_assert(cell->refs > 0);
    if (--cell->refs == 0) {
        pool->bytes -= cell_bytes(cell);
        free(cell);
    }
}

static int key_order(struct lucid_span a, struct lucid_span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* --- nodes --------------------------------------------------------------------------------------
 */

static unsigned node_height(const struct store_map_node *node)
{
    return node == NULL ? 0 : node->height;
}

struct store_map_node *store_map_ref(struct store_map_node *root)
{
    if (root != NULL) {
        root->refs++;
    }
    return root;
}

/* Recursion is bounded by the tree's height.
 * NOLINTBEGIN(clang-analyzer-unix.Malloc): the analyzer does not follow the count of references. */
void store_map_unref(struct store_map_pool *pool, struct store_map_node *node)
{
    if (node == NULL) {
        return;
    }
    lucid_assert(node->refs > 0 && node->height <= MAP_HEIGHT_MAX);
    if (--node->refs > 0) {
        return;
    }
    store_map_unref(pool, node->left);
    store_map_unref(pool, node->right);
    cell_unref(pool, node->cell);
    pool->bytes -= sizeof(*node);
    free(node);
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

/* Stocks what one operation on the tree can need. */
static bool pool_stock(struct store_map_pool *pool, const struct store_map_node *root)
{
    size_t need = ((size_t)node_height(root) + 2) * MAP_NODES_PER_LEVEL;
    while (pool->spares < need) {
        struct store_map_node *node = malloc(sizeof(*node));
        if (node == NULL) {
            return false;
        }
        node->left = pool->spare;
        pool->spare = node;
        pool->spares++;
    }
    return true;
}

void store_map_pool_fini(struct store_map_pool *pool)
{
    while (pool->spare != NULL) {
        struct store_map_node *node = pool->spare;
        pool->spare = node->left;
        free(node);
    }
    pool->spares = 0;
}

/* Takes over the references to all three. */
static struct store_map_node *node_make(struct store_map_pool *pool, struct store_map_node *left,
                                        struct store_map_cell *cell, struct store_map_node *right)
{
    struct store_map_node *node = pool->spare;
    lucid_assert(node != NULL);
    pool->spare = node->left;
    pool->spares--;
    pool->bytes += sizeof(*node);
    unsigned l = node_height(left);
    unsigned r = node_height(right);
    *node = (struct store_map_node){
        .refs = 1, .height = 1 + (l > r ? l : r), .left = left, .right = right, .cell = cell};
    return node;
}

/* left over right: the left child becomes the root. Takes over both subtrees and the cell. */
static struct store_map_node *rotate_right(struct store_map_pool *pool, struct store_map_node *left,
                                           struct store_map_cell *cell,
                                           struct store_map_node *right)
{
    struct store_map_node *root;
    if (node_height(left->left) >= node_height(left->right)) {
        root = node_make(pool, store_map_ref(left->left), cell_ref(left->cell),
                         node_make(pool, store_map_ref(left->right), cell, right));
    } else {
        struct store_map_node *middle = left->right;
        root = node_make(pool,
                         node_make(pool, store_map_ref(left->left), cell_ref(left->cell),
                                   store_map_ref(middle->left)),
                         cell_ref(middle->cell),
                         node_make(pool, store_map_ref(middle->right), cell, right));
    }
    store_map_unref(pool, left);
    return root;
}

static struct store_map_node *rotate_left(struct store_map_pool *pool, struct store_map_node *left,
                                          struct store_map_cell *cell, struct store_map_node *right)
{
    struct store_map_node *root;
    if (node_height(right->right) >= node_height(right->left)) {
        root = node_make(pool, node_make(pool, left, cell, store_map_ref(right->left)),
                         cell_ref(right->cell), store_map_ref(right->right));
    } else {
        struct store_map_node *middle = right->left;
        root = node_make(pool, node_make(pool, left, cell, store_map_ref(middle->left)),
                         cell_ref(middle->cell),
                         node_make(pool, store_map_ref(middle->right), cell_ref(right->cell),
                                   store_map_ref(right->right)));
    }
    store_map_unref(pool, right);
    return root;
}

/* A balanced node over two subtrees whose heights differ by at most 2. */
static struct store_map_node *node_join(struct store_map_pool *pool, struct store_map_node *left,
                                        struct store_map_cell *cell, struct store_map_node *right)
{
    unsigned l = node_height(left);
    unsigned r = node_height(right);
    if (l > r + 1) {
        return rotate_right(pool, left, cell, right);
    }
    if (r > l + 1) {
        return rotate_left(pool, left, cell, right);
    }
    return node_make(pool, left, cell, right);
}

/* --- put and del --------------------------------------------------------------------------------
 */

/* A new tree; the old one is only read. */
static struct store_map_node *tree_put(struct store_map_pool *pool,
                                       const struct store_map_node *node,
                                       struct store_map_cell *cell)
{
    if (node == NULL) {
        return node_make(pool, NULL, cell, NULL);
    }
    int order = key_order(store_map_key(cell), store_map_key(node->cell));
    if (order == 0) {
        return node_make(pool, store_map_ref(node->left), cell, store_map_ref(node->right));
    }
    if (order < 0) {
        return node_join(pool, tree_put(pool, node->left, cell), cell_ref(node->cell),
                         store_map_ref(node->right));
    }
    return node_join(pool, store_map_ref(node->left), cell_ref(node->cell),
                     tree_put(pool, node->right, cell));
}

enum lucid_error store_map_put(struct store_map_pool *pool, struct store_map_node **root,
                               struct store_map_cell *cell)
{
    if (!pool_stock(pool, *root)) {
        cell_unref(pool, cell);
        return LUCID_RETRY_MEMORY;
    }
    struct store_map_node *old = *root;
    *root = tree_put(pool, old, cell);
    store_map_unref(pool, old);
    return LUCID_OK;
}

static struct store_map_node *tree_del_first(struct store_map_pool *pool,
                                             const struct store_map_node *node,
                                             struct store_map_cell **ret_cell)
{
    if (node->left == NULL) {
        *ret_cell = cell_ref(node->cell);
        return store_map_ref(node->right);
    }
    struct store_map_node *left = tree_del_first(pool, node->left, ret_cell);
    return node_join(pool, left, cell_ref(node->cell), store_map_ref(node->right));
}

static struct store_map_node *tree_del(struct store_map_pool *pool,
                                       const struct store_map_node *node, struct lucid_span key)
{
    lucid_assert(node != NULL);
    int order = key_order(key, store_map_key(node->cell));
    if (order < 0) {
        return node_join(pool, tree_del(pool, node->left, key), cell_ref(node->cell),
                         store_map_ref(node->right));
    }
    if (order > 0) {
        return node_join(pool, store_map_ref(node->left), cell_ref(node->cell),
                         tree_del(pool, node->right, key));
    }
    if (node->right == NULL) {
        return store_map_ref(node->left);
    }
    struct store_map_cell *next = NULL;
    struct store_map_node *right = tree_del_first(pool, node->right, &next);
    return node_join(pool, store_map_ref(node->left), next, right);
}

enum lucid_error store_map_del(struct store_map_pool *pool, struct store_map_node **root,
                               struct lucid_span key)
{
    const struct store_map_cell *cell = store_map_after(*root, key, true);
    if (cell == NULL || !lucid_span_equal(store_map_key(cell), key)) {
        return LUCID_NOTE_ABSENT;
    }
    if (!pool_stock(pool, *root)) {
        return LUCID_RETRY_MEMORY;
    }
    struct store_map_node *old = *root;
    *root = tree_del(pool, old, key);
    store_map_unref(pool, old);
    return LUCID_OK;
}

/* --- looking up ---------------------------------------------------------------------------------
 */

const struct store_map_cell *store_map_after(const struct store_map_node *root,
                                             struct lucid_span key, bool or_equal)
{
    const struct store_map_cell *best = NULL;
    while (root != NULL) {
        int order = key_order(store_map_key(root->cell), key);
        if (order > 0 || (or_equal && order == 0)) {
            best = root->cell;
            root = root->left;
        } else {
            root = root->right;
        }
    }
    return best;
}

const struct store_map_cell *store_map_before(const struct store_map_node *root,
                                              struct lucid_span key, bool or_equal)
{
    const struct store_map_cell *best = NULL;
    while (root != NULL) {
        int order = key_order(store_map_key(root->cell), key);
        if (order < 0 || (or_equal && order == 0)) {
            best = root->cell;
            root = root->right;
        } else {
            root = root->left;
        }
    }
    return best;
}

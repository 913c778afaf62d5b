/* What a back end of the store implements, and what all of them share.
 *
 * store.c owns the handles' common part: it checks magic numbers, states, sizes and continuity, and
 * keeps the batch's sticky error, so that a back end sees only calls that make sense. A back end
 * embeds the common structs as the first member of its own. */
#ifndef LUCID_LEDGER_STORE_STORE_INTERNAL_H
#define LUCID_LEDGER_STORE_STORE_INTERNAL_H

#include <stdatomic.h>

#include "base/assert.h"
#include "ledger/store/store.h"

#define STORE_MAGIC       0x53746f72u
#define STORE_VIEW_MAGIC  0x56696577u
#define STORE_BATCH_MAGIC 0x42617463u

/* A packed leaf row: sequence, tag, tag; u64 big-endian each. */
#define STORE_LEAF_ROW_BYTES 24

/* The log rows are counted in 48 bits, as mmr does; it keeps sums of numbers from overflowing. */
#define STORE_ROWS_MAX ((uint64_t)1 << 48)

struct store_ops {
    void (*close)(struct store *store);
    void (*stats_read)(struct store *store, struct store_stats *ret);
    unsigned (*readers_check)(struct store *store);

    enum lucid_error (*view_open)(struct store *store, struct store_view **ret);
    void (*view_close)(struct store_view *view);
    enum lucid_error (*view_begin)(struct store_view *view);
    void (*view_end)(struct store_view *view);

    void (*counts_read)(struct store_view *view, struct store_counts *ret);
    enum lucid_error (*event_read)(struct store_view *view, uint64_t sequence,
                                   struct store_event *ret);
    enum lucid_error (*body_read)(struct store_view *view, uint64_t sequence,
                                  struct lucid_span *ret);
    enum lucid_error (*leaf_read)(struct store_view *view, uint64_t leaf, struct store_leaf *ret);
    /* The scans pass on whatever stops them, NOTE_END too. */
    enum lucid_error (*event_scan)(struct store_view *view, uint64_t from, store_event_fn *fn,
                                   void *context);
    enum lucid_error (*leaf_scan)(struct store_view *view, uint64_t from, store_leaf_fn *fn,
                                  void *context);

    enum lucid_error (*table_find)(struct store *store, const char *name, uint32_t *ret_table);
    const char *(*table_name)(struct store *store, uint32_t table);
    enum lucid_error (*get)(struct store_view *view, uint32_t table, struct lucid_span key,
                            struct lucid_span *ret_value);
    enum lucid_error (*seek)(struct store_view *view, uint32_t table, enum store_seek how,
                             struct lucid_span key, struct lucid_span *ret_key,
                             struct lucid_span *ret_value);

    /* Sets store and view of the batch's common part; store.c sets the rest. */
    enum lucid_error (*batch_begin)(struct store *store, struct store_batch **ret);
    enum lucid_error (*batch_commit)(struct store_batch *batch);
    void (*batch_abort)(struct store_batch *batch);
    enum lucid_error (*event_append)(struct store_batch *batch, const struct store_event *event,
                                     struct lucid_span body);
    enum lucid_error (*body_erase)(struct store_batch *batch, uint64_t sequence);
    /* index is the number that the leaf gets. */
    enum lucid_error (*leaf_append)(struct store_batch *batch, uint64_t index,
                                    const struct store_leaf *leaf, const uint8_t *nodes,
                                    size_t node_count);
    enum lucid_error (*leaves_clear)(struct store_batch *batch);
    enum lucid_error (*table_create)(struct store_batch *batch, const char *name,
                                     uint32_t *ret_table);
    enum lucid_error (*table_clear)(struct store_batch *batch, uint32_t table);
    enum lucid_error (*put)(struct store_batch *batch, uint32_t table, struct lucid_span key,
                            struct lucid_span value);
    enum lucid_error (*del)(struct store_batch *batch, uint32_t table, struct lucid_span key);
};

struct store {
    uint32_t magic;
    const struct store_ops *ops;
    struct store_batch *batch; /* the open one; the writer's */
    _Atomic uint32_t views;    /* open handles */
    _Atomic bool poisoned;     /* a commit ended with the state unknown */
};

struct store_view {
    uint32_t magic;
    struct store *store;
    bool begun;
    bool of_batch; /* neither ended nor closed by the caller */
};

struct store_batch {
    uint32_t magic;
    struct store *store;
    struct store_view *view;
    uint64_t sequence_next;
    uint64_t leaf_next;
    uint64_t time_ms;       /* of the newest event appended here */
    enum lucid_error error; /* sticky: the first write that failed decides the commit */
};

/* Fill the common part of a handle that a back end has made. */
void store_init(struct store *store, const struct store_ops *ops);
void store_view_init(struct store_view *view, struct store *store);
void store_batch_init(struct store_batch *batch, struct store *store, struct store_view *view);

/* A sum of 64-bit words under a number, against rot: any change within one word changes it, any
 * other with all but 2^-64 of certainty. Not against an attacker. words.len is a multiple of 8. */
uint64_t store_sum(uint64_t number, struct lucid_span words);
#define STORE_SUM_BYTES 8

void store_leaf_pack(const struct store_leaf *leaf, uint8_t out[STORE_LEAF_ROW_BYTES]);

/* Nodes that the leaf with this index adds: its own and a parent per tree that it completes. */
static inline uint32_t store_leaf_nodes(uint64_t leaf)
{
    return (uint32_t)__builtin_ctzll(leaf + 1) + 1;
}

/* Nodes of a tree of that many leaves: 2n − popcount(n). */
static inline uint64_t store_node_count(uint64_t leaves)
{
    return 2 * leaves - (uint64_t)__builtin_popcountll(leaves);
}

#endif

/* Reading: a store snapshot plus the part of the memory (maps, nodes) that belongs to it. */
#include <sched.h>
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/ledger_internal.h"
#include "ledger/log_internal.h"

enum lucid_error ledger_view_open(struct ledger *ledger, struct ledger_view **ret)
{
    struct ledger_view *view = calloc(1, sizeof(*view));
    if (view == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    view->ledger = ledger;
    enum lucid_error error = store_view_open(ledger->store, &view->store);
    if (error != LUCID_OK) {
        free(view);
        return error;
    }
    *ret = view;
    return LUCID_OK;
}

void ledger_view_close(struct ledger_view *view)
{
    if (view != NULL) {
        store_view_close(view->store);
        free(view);
    }
}

enum lucid_error ledger_view_begin(struct ledger_view *view)
{
    enum { WAIT_YIELDS_MAX = 100000 };
    enum lucid_error error = store_view_begin(view->store);
    if (error != LUCID_OK) {
        return error;
    }
    struct store_counts counts;
    store_counts_read(view->store, &counts);
    /* The writer publishes maps and nodes right after its commit; a snapshot taken in between
     * waits for it, so that one view never speaks of two states. */
    for (unsigned i = 0;
         atomic_load_explicit(&view->ledger->published, memory_order_acquire) < counts.leaves;
         i++) {
        if (i == WAIT_YIELDS_MAX) {
            store_view_end(view->store);
            return LUCID_RETRY_BUSY;
        }
        sched_yield();
    }
    view->leaves = counts.leaves;
    view->head_sequence = atomic_load_explicit(&view->ledger->head_sequence, memory_order_acquire);
    return LUCID_OK;
}

void ledger_view_end(struct ledger_view *view)
{
    store_view_end(view->store);
}

struct store_view *ledger_view_store(struct ledger_view *view)
{
    return view->store;
}

uint32_t ledger_view_table(struct ledger_view *view, const struct ledger_kind *kind, unsigned table)
{
    uint32_t use = ledger_use_find(view->ledger, kind);
    lucid_assert(use != UINT32_MAX && table < view->ledger->states[use].table_count);
    return view->ledger->states[use].tables[table];
}

struct ledger *ledger_view_ledger(struct ledger_view *view)
{
    return view->ledger;
}

uint64_t ledger_view_leaves(struct ledger_view *view)
{
    return view->leaves;
}

struct mmr_nodes ledger_view_nodes(struct ledger_view *view)
{
    return ledger_nodes(view->ledger);
}

size_t ledger_view_find(struct ledger_view *view, unsigned which, uint64_t tag,
                        uint64_t *ret_leaves, size_t max)
{
    lucid_assert(which < 2 && tag != 0);
    size_t found = ledger_map_find(view->ledger->maps[which], tag, ret_leaves, max);
    size_t kept = 0;
    for (size_t i = 0; i < found; i++) {
        if (ret_leaves[i] < view->leaves) {
            ret_leaves[kept++] = ret_leaves[i];
        }
    }
    return kept;
}

enum lucid_error ledger_event_check(struct store_view *view, const struct store_event *event)
{
    uint8_t hash[STORE_HASH_BYTES];
    struct store_event before;
    enum lucid_error error;
    if (event->sequence == 1) {
        error = log_hash_before_first(event, hash);
    } else {
        error = store_event_read(view, event->sequence - 1, &before);
        if (error == LUCID_OK) {
            memcpy(hash, before.hash, sizeof(hash));
        }
    }
    if (error != LUCID_OK) {
        return lucid_category(error) >= LUCID_CATEGORY_RETRY ? error : LUCID_FATAL_CORRUPT;
    }
    event_hash(hash, event, hash);
    return memcmp(hash, event->hash, sizeof(hash)) == 0 ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

enum lucid_error ledger_view_event(struct ledger_view *view, uint64_t sequence,
                                   struct store_event *ret)
{
    struct store_event event;
    enum lucid_error error = store_event_read(view->store, sequence, &event);
    if (error == LUCID_OK) {
        error = ledger_event_check(view->store, &event);
    }
    if (error == LUCID_OK) {
        *ret = event;
    }
    return error;
}

enum lucid_error ledger_view_leaf_event(struct ledger_view *view, uint64_t leaf,
                                        struct store_event *ret)
{
    if (leaf >= view->leaves) {
        return LUCID_NOTE_ABSENT;
    }
    struct store_leaf row;
    struct store_event event;
    enum lucid_error error = store_leaf_read(view->store, leaf, &row);
    if (error == LUCID_OK) {
        error = ledger_view_event(view, row.sequence, &event);
    }
    if (error != LUCID_OK) {
        /* The leaf is in the tree: its rows must be there. */
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    struct mmr_hash computed;
    struct mmr_hash stored;
    struct mmr_nodes nodes = ledger_nodes(view->ledger);
    if (event.entry == NULL ||
        nodes.get(nodes.context, mmr_node_index(0, leaf), &stored) != LUCID_OK) {
        return LUCID_FATAL_CORRUPT;
    }
    mmr_hash_leaf(lucid_span(event.entry, STORE_ENTRY_BYTES), &computed);
    if (memcmp(computed.bytes, stored.bytes, MMR_HASH_BYTES) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = event;
    return LUCID_OK;
}

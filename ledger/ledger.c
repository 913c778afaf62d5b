/* Opening: from a store to a ledger that can run. Order: tables → folds → nodes and maps → kinds'
 * memory → check of the newest events. */
#include "ledger/ledger.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "ledger/head_internal.h"
#include "ledger/ledger_internal.h"
#include "ledger/log_internal.h"

_Static_assert(LEDGER_KINDS_MAX <= 32, "listeners and folds are bit sets of 32");

uint32_t ledger_use_find(const struct ledger *ledger, const struct ledger_kind *kind)
{
    for (uint32_t i = 0; i < ledger->use_count; i++) {
        if (ledger->uses[i].kind == kind) {
            return i;
        }
    }
    return UINT32_MAX;
}

const struct ledger_kind *ledger_kind_find(const struct ledger *ledger, const char *name)
{
    for (uint32_t i = 0; i < ledger->use_count; i++) {
        if (strcmp(ledger->uses[i].kind->name, name) == 0) {
            return ledger->uses[i].kind;
        }
    }
    return NULL;
}

const void *ledger_memory_committed(const struct ledger *ledger, const struct ledger_kind *kind)
{
    uint32_t use = ledger_use_find(ledger, kind);
    return use == UINT32_MAX ? NULL : ledger->states[use].committed;
}

const struct ledger_type *ledger_type_find(const struct ledger *ledger, struct lucid_span name)
{
    for (uint32_t i = 0; i < ledger->type_count; i++) {
        if (lucid_span_is(name, ledger->types[i].type->name)) {
            return &ledger->types[i];
        }
    }
    return NULL;
}

uint32_t ledger_listeners_find(const struct ledger *ledger, struct lucid_span name)
{
    uint32_t listeners = 0;
    for (uint32_t u = 0; u < ledger->use_count; u++) {
        const char *const *at = ledger->uses[u].kind->listens;
        for (; at != NULL && *at != NULL; at++) {
            if (strcmp(*at, "*") == 0 || lucid_span_is(name, *at)) {
                listeners |= (uint32_t)1 << u;
            }
        }
    }
    return listeners;
}

/* Freezes the kinds and works out who gets which event. */
static void kinds_register(struct ledger *ledger, const struct ledger_options *options)
{
    lucid_assert(options->use_count <= LEDGER_KINDS_MAX);
    for (size_t i = 0; i < options->use_count; i++) {
        const struct ledger_kind *kind = options->uses[i].kind;
        lucid_assert(ledger_use_find(ledger, kind) == UINT32_MAX);
        lucid_assert(kind->memory_bytes <= LEDGER_MEMORY_BYTES_MAX);
        lucid_assert(kind->memory_bytes == 0 || kind->load != NULL);
        lucid_assert(kind->guards == NULL || kind->guard != NULL);
        lucid_assert(strcmp(kind->name, LEDGER_TREE_FOLD) != 0);
        ledger->uses[ledger->use_count++] = options->uses[i];
        for (const struct ledger_event_type *type = kind->types; type->name != NULL; type++) {
            lucid_assert(ledger->type_count < LEDGER_TYPES_MAX);
            lucid_assert(strlen(type->name) <= STORE_TYPE_BYTES_MAX);
            lucid_assert(type->version == 1 || type->upcast != NULL);
            lucid_assert(ledger_type_find(ledger, lucid_span_str(type->name)) == NULL);
            ledger->types[ledger->type_count++] =
                (struct ledger_type){.type = type, .owner = (uint32_t)i};
        }
    }
    for (uint32_t t = 0; t < ledger->type_count; t++) {
        struct ledger_type *type = &ledger->types[t];
        type->listeners = ledger_listeners_find(ledger, lucid_span_str(type->type->name)) &
                          ~((uint32_t)1 << type->owner);
    }
}

static enum lucid_error tables_find(struct ledger *ledger, struct lucid_why *why)
{
    enum lucid_error error =
        store_table_find(ledger->store, LEDGER_FOLDS_TABLE, &ledger->folds_table);
    if (error != LUCID_OK) {
        return lucid_refuse(why, LUCID_FATAL_CORRUPT, "STORE_NOT_MIGRATED", NULL,
                            "the store has no table %s: run the migrations", LEDGER_FOLDS_TABLE);
    }
    for (uint32_t u = 0; u < ledger->use_count; u++) {
        struct ledger_use_state *state = &ledger->states[u];
        const char *const *name = ledger->uses[u].kind->tables;
        for (; name != NULL && *name != NULL; name++) {
            lucid_assert(state->table_count < LEDGER_TABLES_PER_KIND);
            if (store_table_find(ledger->store, *name, &state->tables[state->table_count]) !=
                LUCID_OK) {
                return lucid_refuse(why, LUCID_FATAL_CORRUPT, "STORE_NOT_MIGRATED", NULL,
                                    "the store has no table %s: run the migrations", *name);
            }
            state->table_count++;
        }
    }
    return LUCID_OK;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static enum lucid_error nodes_get(void *context, uint64_t index, struct mmr_hash *ret)
{
    const struct ledger *ledger = context;
    lucid_assert(index * MMR_HASH_BYTES <
                 atomic_load_explicit(&ledger->nodes_bytes, memory_order_relaxed));
    memcpy(ret->bytes, ledger->nodes.base + index * MMR_HASH_BYTES, MMR_HASH_BYTES);
    return LUCID_OK;
}

struct mmr_nodes ledger_nodes(struct ledger *ledger)
{
    return (struct mmr_nodes){.get = nodes_get, .context = ledger};
}

enum lucid_error ledger_nodes_put(struct ledger *ledger, uint64_t first, const uint8_t *nodes,
                                  size_t count)
{
    enum { STEP_BYTES = 1 << 20 };
    uint64_t end = (first + count) * MMR_HASH_BYTES;
    if (end > ledger->nodes.reserved) {
        return LUCID_RETRY_FULL; /* leaves_max */
    }
    if (end > ledger->nodes.usable) {
        uint64_t step = (end / STEP_BYTES + 1) * STEP_BYTES;
        enum lucid_error error = ledger_region_grow(
            &ledger->nodes, step < ledger->nodes.reserved ? step : ledger->nodes.reserved);
        if (error != LUCID_OK) {
            return error;
        }
    }
    memcpy(ledger->nodes.base + first * MMR_HASH_BYTES, nodes, count * MMR_HASH_BYTES);
    atomic_store_explicit(&ledger->nodes_bytes, end, memory_order_relaxed);
    return LUCID_OK;
}

/* --- rebuilding memory ------------------------------------------------------------------------ */

/* Leaves whose map slots are asked for ahead of their turn. */
enum { LOAD_AHEAD = 16 };

static void leaf_prefetch(const struct ledger *ledger, const struct store_leaf_run *run, uint32_t i)
{
    if (i < run->count) {
        struct store_leaf leaf = store_leaf_at(run, i);
        ledger_map_prefetch(ledger->maps[0], leaf.tags[0]);
        ledger_map_prefetch(ledger->maps[1], leaf.tags[1]);
    }
}

/* Computes the parents of a run's leaves again, so that the newest head's root, which is compared
 * later, vouches for every node below it. */
static bool parents_hold(const struct ledger *ledger, const struct store_leaf_run *run)
{
    _Static_assert(sizeof(struct mmr_hash) == MMR_HASH_BYTES && _Alignof(struct mmr_hash) == 1,
                   "nodes lie packed in memory");
    const struct mmr_hash *at = (const void *)ledger->nodes.base;
    at += mmr_node_count(run->first);
    for (uint64_t leaf = run->first; leaf < run->first + run->count; leaf++, at++) {
        uint64_t subtree = 1; /* nodes under the right child */
        for (int parents = __builtin_ctzll(leaf + 1); parents > 0; parents--, at++) {
            struct mmr_hash parent;
            mmr_hash_parent(at - subtree, at, &parent);
            if (memcmp(&parent, at + 1, sizeof(parent)) != 0) {
                return false;
            }
            subtree = 2 * subtree + 1;
        }
    }
    return true;
}

enum lucid_error ledger_tag_insert(struct ledger *ledger, const uint64_t tags[2], unsigned which,
                                   uint64_t leaf)
{
    return tags[LEDGER_TAG_RUN_ID] != 0
               ? ledger_map_insert(ledger->maps[which], tags[which], leaf)
               : ledger_map_insert_few(ledger->maps[which], tags[which], leaf, LEDGER_NAMELESS_MAX);
}

static enum lucid_error leaves_load(void *context, const struct store_leaf_run *run)
{
    struct ledger *ledger = context;
    uint64_t nodes_first = mmr_node_count(run->first);
    if (run->nodes.len !=
        (mmr_node_count(run->first + run->count) - nodes_first) * MMR_HASH_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error =
        ledger_nodes_put(ledger, nodes_first, run->nodes.data, run->nodes.len / MMR_HASH_BYTES);
    if (error == LUCID_OK && !parents_hold(ledger, run)) {
        error = LUCID_FATAL_CORRUPT;
    }
    for (uint32_t i = 0; i < LOAD_AHEAD; i++) {
        leaf_prefetch(ledger, run, i);
    }
    for (uint32_t i = 0; error == LUCID_OK && i < run->count; i++) {
        struct store_leaf leaf = store_leaf_at(run, i);
        leaf_prefetch(ledger, run, i + LOAD_AHEAD);
        for (unsigned which = 0; error == LUCID_OK && which < 2; which++) {
            if (leaf.tags[which] != 0) {
                error = ledger_tag_insert(ledger, leaf.tags, which, run->first + i);
            }
        }
    }
    return error;
}

/* Reads the tip, the nodes and the maps from the store. */
static enum lucid_error memory_load(struct ledger *ledger, struct store_view *view,
                                    struct lucid_why *why)
{
    struct store_counts counts;
    store_counts_read(view, &counts);
    struct ledger_tip tip = {.events = counts.events, .leaves = counts.leaves};
    if (counts.events > 0) {
        struct store_event last;
        enum lucid_error error = store_event_read(view, counts.events, &last);
        if (error != LUCID_OK) {
            return lucid_refuse(why, LUCID_FATAL_CORRUPT, "CORRUPT", NULL,
                                "the newest event cannot be read");
        }
        tip.time_ms = last.time_ms;
        memcpy(tip.hash, last.hash, STORE_HASH_BYTES);
    }
    for (unsigned which = 0; which < 2; which++) {
        enum lucid_error error = ledger_map_reserve(ledger->maps[which], counts.leaves);
        if (error != LUCID_OK) {
            return lucid_refuse(why, error, "NO_MEMORY", NULL, "no memory for the maps");
        }
    }
    enum lucid_error error = store_leaf_scan(view, 0, leaves_load, ledger);
    if (error != LUCID_OK) {
        return error == LUCID_FATAL_CORRUPT
                   ? lucid_refuse(why, error, "CORRUPT", NULL,
                                  "the tree's rows or nodes are damaged: `lucid log fsck` tells "
                                  "where, `lucid log replay --to` makes them again")
                   : lucid_refuse(why, error, "CORRUPT", NULL,
                                  "the tree's rows cannot be loaded: %s", lucid_error_name(error));
    }
    ledger->committed = tip;
    return LUCID_OK;
}

void ledger_publish(struct ledger *ledger)
{
    const struct head_memory *head = ledger_memory_committed(ledger, &ledger_head_kind);
    atomic_store_explicit(&ledger->head_sequence, head == NULL ? 0 : head->sequence,
                          memory_order_release);
    atomic_store_explicit(&ledger->published, ledger->committed.leaves, memory_order_release);
}

enum lucid_error ledger_kinds_load(struct ledger *ledger, struct store_view *view,
                                   struct lucid_why *why)
{
    for (uint32_t u = 0; u < ledger->use_count; u++) {
        const struct ledger_kind *kind = ledger->uses[u].kind;
        if (kind->load == NULL) {
            continue;
        }
        ledger->txn.view = view;
        ledger_txn_enter(ledger, u, LEDGER_PHASE_LOAD);
        enum lucid_error error = kind->load(&ledger->txn);
        ledger_txn_leave(ledger);
        ledger->txn.view = NULL;
        if (error != LUCID_OK) {
            return lucid_refuse(why, LUCID_FATAL_CORRUPT, "CORRUPT", NULL,
                                "the tables of kind %s cannot be read: %s", kind->name,
                                lucid_error_name(error));
        }
        memcpy(ledger->states[u].committed, ledger->states[u].staged, LEDGER_MEMORY_BYTES_MAX);
    }
    return LUCID_OK;
}

static enum lucid_error open_steps(struct ledger *ledger, struct lucid_why *why)
{
    enum lucid_error error = tables_find(ledger, why);
    if (error == LUCID_OK) {
        error = ledger_fold_all(ledger, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct store_view *view;
    error = store_view_open(ledger->store, &view);
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, "STORE", NULL, "no view of the store: %s",
                            lucid_error_name(error));
    }
    error = store_view_begin(view);
    if (error == LUCID_OK) {
        error = memory_load(ledger, view, why);
        if (error == LUCID_OK) {
            error = ledger_kinds_load(ledger, view, why);
        }
        if (error == LUCID_OK) {
            error = ledger_identify(ledger, view);
            if (error != LUCID_OK) {
                lucid_refuse(why, error, "CORRUPT", NULL, "event 1 does not say whose log it is");
            }
        }
        store_view_end(view);
    }
    store_view_close(view);
    if (error == LUCID_OK) {
        error = ledger_check_recent(ledger, why);
    }
    if (error == LUCID_OK) {
        ledger_publish(ledger);
    }
    return error;
}

enum lucid_error ledger_open(struct store *store, const struct ledger_options *options,
                             struct ledger **ret, struct lucid_why *why)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    if (ledger == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory");
    }
    ledger->store = store;
    lucid_arena_init(&ledger->arena, LEDGER_BATCH_BYTES_MAX);
    kinds_register(ledger, options);
    uint64_t leaves_max =
        options->leaves_max == 0 ? LEDGER_LEAVES_MAX_DEFAULT : options->leaves_max;
    enum lucid_error error = ledger_region_open(leaves_max * 2 * MMR_HASH_BYTES, &ledger->nodes);
    for (unsigned which = 0; error == LUCID_OK && which < 2; which++) {
        error = ledger_map_open(leaves_max, &ledger->maps[which]);
    }
    if (error != LUCID_OK) {
        error = lucid_refuse(why, error, "NO_MEMORY", NULL,
                             "no address space for %llu leaves (leaves_max)",
                             (unsigned long long)leaves_max);
    } else {
        error = open_steps(ledger, why);
    }
    if (error != LUCID_OK) {
        ledger_close(ledger);
        return error;
    }
    *ret = ledger;
    return LUCID_OK;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger == NULL) {
        return;
    }
    lucid_assert(ledger->batch == NULL);
    ledger_map_close(ledger->maps[0]);
    ledger_map_close(ledger->maps[1]);
    ledger_region_close(&ledger->nodes);
    lucid_arena_fini(&ledger->arena);
    lucid_buf_fini(&ledger->row);
    free(ledger->pending);
    free(ledger);
}

enum lucid_error ledger_identify(struct ledger *ledger, struct store_view *view)
{
    struct store_event first;
    enum lucid_error error = store_event_read(view, 1, &first);
    if (error == LUCID_NOTE_ABSENT) {
        return LUCID_OK; /* a log that is about to be made */
    }
    if (error == LUCID_OK) {
        error = ledger_event_check(view, &first);
    }
    if (error == LUCID_OK) {
        error = log_init_parse(&first, &ledger->identity);
    }
    if (error == LUCID_OK) {
        atomic_store_explicit(&ledger->identified, true, memory_order_release);
    }
    return error;
}

enum lucid_error ledger_identify_now(struct ledger *ledger)
{
    struct store_view *view;
    enum lucid_error error = store_view_open(ledger->store, &view);
    if (error != LUCID_OK) {
        return error;
    }
    error = store_view_begin(view);
    if (error == LUCID_OK) {
        error = ledger_identify(ledger, view);
        store_view_end(view);
    }
    store_view_close(view);
    return error;
}

bool ledger_identity(const struct ledger *ledger, const struct ledger_identity **ret)
{
    if (!atomic_load_explicit(&ledger->identified, memory_order_acquire)) {
        return false;
    }
    *ret = &ledger->identity;
    return true;
}

struct store *ledger_store(const struct ledger *ledger)
{
    return ledger->store;
}

uint64_t ledger_memory_bytes(const struct ledger *ledger)
{
    return ledger_map_bytes(ledger->maps[0]) + ledger_map_bytes(ledger->maps[1]) +
           atomic_load_explicit(&ledger->nodes_bytes, memory_order_relaxed);
}

static uint64_t tag_of(const uint8_t *hash)
{
    uint64_t tag = lucid_get_be64(hash);
    return tag == 0 ? 1 : tag; /* 0 means "no tag" */
}

uint64_t ledger_tag_hash(const uint8_t hash[32])
{
    return tag_of(hash);
}

uint64_t ledger_tag_run_id(struct lucid_span run_id)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(run_id, hash);
    return tag_of(hash);
}

/* A ledger over a store in memory with the core's kinds and one tiny kind that logs entries: for
 * the tests of the core. What must not fail here is asserted. */
#ifndef LUCID_TESTS_LEDGER_CORE_WORLD_H
#define LUCID_TESTS_LEDGER_CORE_WORLD_H

#include "base/assert.h"
#include "base/log.h"
#include "ledger/epoch.h"
#include "ledger/head.h"
#include "ledger/ledger_internal.h"
#include "ledger/log.h"
#include "ledger/note.h"
#include "ledger/signer.h"
#include "ledger/store/memory.h"
#include "ledger/token.h"

#define CORE_NOW_MS ((uint64_t)1800000000000)
#define CORE_ORIGIN "example.com/core"

/* --- kind "leaf": each command logs entries made of consecutive numbers ------------------------
 */

struct core_leaf_command {
    struct ledger_command command;
    uint64_t first; /* number of the first entry */
    size_t count;
    const struct ledger_draft *last; /* set by decide */
};

static inline void core_leaf_entry(uint64_t number, uint8_t entry[STORE_ENTRY_BYTES])
{
    memset(entry, 0x5a, STORE_ENTRY_BYTES);
    for (size_t i = 0; i < 16; i++) {
        lucid_put_be64(entry + 8 * i, (number + 1) * 0x9e3779b97f4a7c15U ^ (uint64_t)i << 56);
    }
}

static inline uint64_t core_leaf_id_tag(struct lucid_span payload)
{
    return ledger_tag_run_id(payload);
}

static inline enum lucid_error
core_leaf_decide(struct ledger_txn *txn, struct ledger_command *command, struct lucid_why *why)
{
    (void)why;
    struct core_leaf_command *leaf = (struct core_leaf_command *)command;
    for (size_t i = 0; i < leaf->count; i++) {
        uint8_t *bytes = lucid_arena_alloc(ledger_txn_arena(txn), STORE_ENTRY_BYTES + 8);
        lucid_assert(bytes != NULL);
        core_leaf_entry(leaf->first + i, bytes);
        lucid_put_be64(bytes + STORE_ENTRY_BYTES, leaf->first + i);
        struct ledger_draft draft = {
            .type = "leaf.logged",
            .payload = lucid_span(bytes + STORE_ENTRY_BYTES, 8),
            .entry = bytes,
        };
        enum lucid_error error = ledger_txn_draft(txn, &draft, &leaf->last);
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

static inline enum lucid_error core_leaf_apply(struct ledger_txn *txn,
                                               const struct ledger_event *event)
{
    uint8_t value[16];
    lucid_put_be64(value, event->leaf);
    lucid_put_be64(value + 8, ledger_txn_leaves(txn));
    return ledger_txn_put(txn, 0, event->payload, lucid_span(value, sizeof(value)));
}

static const struct ledger_event_type core_leaf_types[] = {{.name = "leaf.logged", .version = 1},
                                                           {.name = NULL}};
static const char *const core_leaf_tables[] = {"leaf_numbers", NULL};
static const struct ledger_kind core_leaf_kind = {
    .name = "leaf",
    .fold_version = 1,
    .types = core_leaf_types,
    .tables = core_leaf_tables,
    .decide = core_leaf_decide,
    .apply = core_leaf_apply,
    .id_tag = core_leaf_id_tag,
};

/* --- the world ------------------------------------------------------------------------------- */

struct core_world {
    struct store *store;
    struct ledger *ledger;
    struct ledger_view *view;
    struct ledger_skey log_key;
    struct ledger_head_config head;
    struct ledger_epoch_config epoch;
    struct ledger_use uses[LEDGER_KINDS_MAX];
    size_t use_count;
    uint64_t now_ms;
    struct lucid_why why; /* of the last open */
};

static inline void core_world_use(struct core_world *world, const struct ledger_kind *kind,
                                  const void *config)
{
    world->uses[world->use_count++] = (struct ledger_use){.kind = kind, .config = config};
}

/* Keys and the core's kinds; add more with core_world_use before the store is made. */
static inline void core_world_init(struct core_world *world)
{
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {9, 8, 7};
    *world = (struct core_world){
        .now_ms = CORE_NOW_MS,
        .head = {.interval_ms_max = 1000},
        .epoch = {.receipts_max = 100, .seconds_max = 3600},
    };
    lucid_log_set_level(LUCID_LOG_WARN);
    lucid_assert(ledger_skey_init(lucid_span_str(CORE_ORIGIN), seed, &world->log_key, NULL) ==
                 LUCID_OK);
    world->head.key = &world->log_key;
    core_world_use(world, &ledger_log_kind, NULL);
    core_world_use(world, &ledger_signer_kind, NULL);
    core_world_use(world, &ledger_token_kind, NULL);
    core_world_use(world, &core_leaf_kind, NULL);
    core_world_use(world, &ledger_epoch_kind, &world->epoch);
    core_world_use(world, &ledger_head_kind, &world->head);
}

/* Creates the tables of every kind in use. */
static inline void core_tables_create(const struct core_world *world, struct store *store)
{
    struct store_batch *batch = NULL;
    uint32_t table;
    lucid_assert(store_batch_begin(store, &batch) == LUCID_OK);
    lucid_assert(store_table_create(batch, LEDGER_FOLDS_TABLE, &table) == LUCID_OK);
    for (size_t i = 0; i < world->use_count; i++) {
        const char *const *name = world->uses[i].kind->tables;
        for (; name != NULL && *name != NULL; name++) {
            lucid_assert(store_table_create(batch, *name, &table) == LUCID_OK);
        }
    }
    lucid_assert(store_batch_commit(batch) == LUCID_OK);
}

/* Opens a ledger over any store with the world's kinds. */
static inline enum lucid_error core_ledger_open(struct core_world *world, struct store *store,
                                                struct ledger **ret)
{
    const struct ledger_options options = {
        .uses = world->uses, .use_count = world->use_count, .leaves_max = 1 << 16};
    world->why = (struct lucid_why){.code = NULL};
    return ledger_open(store, &options, ret, &world->why);
}

static inline enum lucid_error core_world_open(struct core_world *world)
{
    enum lucid_error error = core_ledger_open(world, world->store, &world->ledger);
    if (error == LUCID_OK) {
        lucid_assert(ledger_view_open(world->ledger, &world->view) == LUCID_OK);
    }
    return error;
}

static inline void core_world_shut(struct core_world *world)
{
    ledger_view_close(world->view);
    ledger_close(world->ledger);
    world->view = NULL;
    world->ledger = NULL;
}

static inline void core_world_reopen(struct core_world *world)
{
    core_world_shut(world);
    lucid_assert(core_world_open(world) == LUCID_OK);
}

/* Runs one command in a batch of its own; the answer is the command's. */
static inline enum lucid_error core_run(struct core_world *world, struct ledger_command *command)
{
    lucid_assert(ledger_batch_begin(world->ledger, world->now_ms) == LUCID_OK);
    lucid_assert(ledger_batch_run(world->ledger, command) == LUCID_OK);
    lucid_assert(ledger_batch_commit(world->ledger) == LUCID_OK);
    return command->error;
}

static inline void core_log_init(struct core_world *world)
{
    struct ledger_log_init_command init;
    struct ledger_identity identity = {.origin = CORE_ORIGIN, .test = true};
    identity.vkey[ledger_vkey_format(&world->log_key.vkey, identity.vkey)] = '\0';
    memcpy(identity.log_key, world->log_key.key.public_key, 32);
    memcpy(identity.service_key, world->log_key.key.public_key, 32);
    lucid_assert(ledger_log_init_prepare(&init, &identity, NULL) == LUCID_OK);
    lucid_assert(core_run(world, &init.command) == LUCID_OK);
    ledger_log_init_fini(&init);
}

/* Store, tables, ledger and log.init. */
static inline void core_world_start(struct core_world *world)
{
    lucid_assert(store_memory_open(&world->store) == LUCID_OK);
    core_tables_create(world, world->store);
    lucid_assert(core_world_open(world) == LUCID_OK);
    core_log_init(world);
}

static inline void core_world_stop(struct core_world *world)
{
    if (world->ledger != NULL) {
        core_world_shut(world);
    }
    store_close(world->store);
    ledger_skey_wipe(&world->log_key);
}

static inline void core_leaf_init(struct core_leaf_command *leaf, uint64_t first, size_t count)
{
    *leaf = (struct core_leaf_command){
        .command = {.kind = &core_leaf_kind}, .first = first, .count = count};
}

/* Logs count entries in one batch, one command each. */
static inline void core_leaves_log(struct core_world *world, uint64_t first, size_t count)
{
    lucid_assert(ledger_batch_begin(world->ledger, world->now_ms) == LUCID_OK);
    for (size_t i = 0; i < count; i++) {
        struct core_leaf_command leaf;
        core_leaf_init(&leaf, first + i, 1);
        lucid_assert(ledger_batch_run(world->ledger, &leaf.command) == LUCID_OK);
        lucid_assert(leaf.command.error == LUCID_OK);
    }
    lucid_assert(ledger_batch_commit(world->ledger) == LUCID_OK);
}

/* Events in the log. */
static inline uint64_t core_events(struct core_world *world)
{
    struct store_counts counts;
    lucid_assert(ledger_view_begin(world->view) == LUCID_OK);
    store_counts_read(ledger_view_store(world->view), &counts);
    ledger_view_end(world->view);
    return counts.events;
}

/* --- comparing stores ------------------------------------------------------------------------- */

/* Chains bytes into the 32 that the buffer holds. */
static inline void core_digest_add(struct lucid_buf *buf, struct lucid_span bytes)
{
    uint8_t block[32 + 32 + 8];
    if (buf->len == 0) {
        static const uint8_t zero[32];
        lucid_buf_put(buf, zero, sizeof(zero));
    }
    memcpy(block, buf->data, 32);
    lucid_put_be64(block + 32, bytes.len);
    lucid_sha256(bytes, block + 40);
    lucid_sha256(lucid_span(block, sizeof(block)), buf->data);
}

static inline void core_digest_u64(struct lucid_buf *buf, uint64_t number)
{
    uint8_t bytes[8];
    lucid_put_be64(bytes, number);
    core_digest_add(buf, lucid_span(bytes, sizeof(bytes)));
}

static inline enum lucid_error core_digest_event(void *context, const struct store_event *event)
{
    struct lucid_buf *buf = context;
    core_digest_u64(buf, event->sequence);
    core_digest_u64(buf, event->time_ms);
    core_digest_u64(buf, event->version);
    core_digest_add(buf, event->type);
    core_digest_add(buf, event->payload);
    core_digest_add(buf, lucid_span(event->entry, event->entry == NULL ? 0 : STORE_ENTRY_BYTES));
    core_digest_add(buf, lucid_span(event->hash, STORE_HASH_BYTES));
    return LUCID_OK;
}

static inline enum lucid_error core_digest_rows(void *context, const struct store_leaf_run *run)
{
    struct lucid_buf *buf = context;
    for (uint32_t i = 0; i < run->count; i++) {
        struct store_leaf leaf = store_leaf_at(run, i);
        core_digest_u64(buf, leaf.sequence);
        core_digest_u64(buf, leaf.tags[0]);
        core_digest_u64(buf, leaf.tags[1]);
    }
    return LUCID_OK;
}

/* Node by node: back ends and batches differ in where they cut the runs. */
static inline enum lucid_error core_digest_nodes(void *context, const struct store_leaf_run *run)
{
    struct lucid_buf *buf = context;
    for (size_t at = 0; at < run->nodes.len; at += MMR_HASH_BYTES) {
        core_digest_add(buf, lucid_span(run->nodes.data + at, MMR_HASH_BYTES));
    }
    return LUCID_OK;
}

static inline void core_digest_table(struct lucid_buf *buf, struct store_view *view,
                                     struct store *store, const char *name)
{
    uint32_t table;
    uint8_t at[STORE_KEY_BYTES_MAX];
    struct lucid_span from = lucid_span("", 0);
    struct lucid_span key;
    struct lucid_span value;
    core_digest_add(buf, lucid_span_str(name));
    lucid_assert(store_table_find(store, name, &table) == LUCID_OK);
    while (store_seek(view, table, STORE_SEEK_GT, from, &key, &value) == LUCID_OK) {
        core_digest_add(buf, key);
        core_digest_add(buf, value);
        memcpy(at, key.data, key.len);
        from = lucid_span(at, key.len);
    }
}

/* The digest of everything that a log determines: events, leaf rows, nodes, tables by kind. */
static inline void core_store_digest(const struct core_world *world, struct store *store,
                                     uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_buf buf;
    struct store_view *view = NULL;
    lucid_buf_init(&buf, 0);
    lucid_assert(store_view_open(store, &view) == LUCID_OK);
    lucid_assert(store_view_begin(view) == LUCID_OK);
    lucid_assert(store_event_scan(view, 1, core_digest_event, &buf) == LUCID_OK);
    lucid_assert(store_leaf_scan(view, 0, core_digest_rows, &buf) == LUCID_OK);
    lucid_assert(store_leaf_scan(view, 0, core_digest_nodes, &buf) == LUCID_OK);
    core_digest_table(&buf, view, store, LEDGER_FOLDS_TABLE);
    for (size_t i = 0; i < world->use_count; i++) {
        const char *const *name = world->uses[i].kind->tables;
        for (; name != NULL && *name != NULL; name++) {
            core_digest_table(&buf, view, store, *name);
        }
    }
    store_view_end(view);
    store_view_close(view);
    memcpy(ret, buf.data, LUCID_SHA256_BYTES);
    lucid_buf_fini(&buf);
}

/* --- replay ----------------------------------------------------------------------------------- */

struct core_replay {
    struct ledger *ledger;
    uint64_t batch_events; /* commit after so many */
    uint64_t in_batch;
};

static inline enum lucid_error core_replay_event(void *context, const struct store_event *event)
{
    struct core_replay *replay = context;
    if (replay->in_batch == 0) {
        lucid_assert(ledger_batch_begin(replay->ledger, 0) == LUCID_OK);
    }
    lucid_assert(ledger_batch_replay(replay->ledger, event, lucid_span(NULL, 0)) == LUCID_OK);
    if (++replay->in_batch == replay->batch_events) {
        lucid_assert(ledger_batch_commit(replay->ledger) == LUCID_OK);
        replay->in_batch = 0;
    }
    return LUCID_OK;
}

/* Replays the world's log into another ledger. */
static inline void core_log_replay(struct core_world *world, struct ledger *into,
                                   uint64_t batch_events)
{
    struct core_replay replay = {.ledger = into, .batch_events = batch_events};
    lucid_assert(ledger_view_begin(world->view) == LUCID_OK);
    lucid_assert(store_event_scan(ledger_view_store(world->view), 1, core_replay_event, &replay) ==
                 LUCID_OK);
    ledger_view_end(world->view);
    if (replay.in_batch > 0) {
        lucid_assert(ledger_batch_commit(into) == LUCID_OK);
    }
}

/* Whether the world's log, replayed into an empty store, makes the same rows in every table. other
 * has the kinds (core_world_use), and neither store nor ledger; the caller stops it. */
static inline bool core_replays_same(struct core_world *world, struct core_world *other,
                                     uint64_t batch_events)
{
    uint8_t here[LUCID_SHA256_BYTES];
    uint8_t there[LUCID_SHA256_BYTES];
    lucid_assert(store_memory_open(&other->store) == LUCID_OK);
    core_tables_create(other, other->store);
    lucid_assert(core_world_open(other) == LUCID_OK);
    core_log_replay(world, other->ledger, batch_events);
    core_store_digest(world, world->store, here);
    core_store_digest(world, other->store, there);
    return memcmp(here, there, sizeof(here)) == 0;
}

#endif

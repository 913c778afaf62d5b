/* The writer's side: one batch of commands, decided, appended, applied and reacted in one store
 * transaction; then committed, and only after that adopted and published. */
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/ledger_internal.h"
#include "ledger/log_internal.h"

enum { BATCH_ARENA_KEEP = 1 << 20, PUBLISH_AHEAD = 8 };

static enum lucid_error drafts_append(struct ledger *ledger, uint32_t use,
                                      struct ledger_draft_list *drafts, unsigned depth);

void ledger_stage_reset(struct ledger *ledger)
{
    ledger->staged = ledger->committed;
    for (uint32_t u = 0; u < ledger->use_count; u++) {
        memcpy(ledger->states[u].staged, ledger->states[u].committed, LEDGER_MEMORY_BYTES_MAX);
    }
    ledger->pending_count = 0;
    memset(ledger->buckets, 0, sizeof(ledger->buckets));
    ledger_rows_reset(ledger);
    if (ledger->arena.total > BATCH_ARENA_KEEP) {
        lucid_arena_fini(&ledger->arena);
    } else {
        lucid_arena_reset(&ledger->arena);
    }
}

enum lucid_error ledger_batch_begin(struct ledger *ledger, uint64_t now_ms)
{
    lucid_assert(ledger->batch == NULL);
    enum lucid_error error = store_batch_begin(ledger->store, &ledger->batch);
    if (error != LUCID_OK) {
        ledger->batch = NULL;
        return error;
    }
    ledger_stage_reset(ledger);
    uint64_t newest = ledger->committed.time_ms;
    ledger->batch_now_ms = now_ms > newest ? now_ms : newest;
    ledger->txn = (struct ledger_txn){.ledger = ledger, .view = store_batch_view(ledger->batch)};
    return LUCID_OK;
}

void ledger_batch_abort(struct ledger *ledger)
{
    if (ledger->batch == NULL) {
        return;
    }
    store_batch_abort(ledger->batch);
    ledger->batch = NULL;
    ledger->batch_failed = false;
    ledger->txn = (struct ledger_txn){.ledger = ledger};
    ledger_stage_reset(ledger);
}

size_t ledger_batch_events(const struct ledger *ledger)
{
    return (size_t)(ledger->staged.events - ledger->committed.events);
}

uint64_t ledger_time_ms(const struct ledger *ledger)
{
    return ledger->committed.time_ms;
}

/* --- appending -------------------------------------------------------------------------------- */

static enum lucid_error pending_add(struct ledger *ledger, const uint64_t tags[2], uint64_t leaf)
{
    if (ledger->pending_count == ledger->pending_cap) {
        uint32_t cap = ledger->pending_cap == 0 ? 1024 : ledger->pending_cap * 2;
        struct ledger_pending *pending = realloc(ledger->pending, cap * sizeof(*pending));
        if (pending == NULL) {
            return LUCID_RETRY_MEMORY;
        }
        ledger->pending = pending;
        ledger->pending_cap = cap;
    }
    struct ledger_pending *row = &ledger->pending[ledger->pending_count++];
    *row = (struct ledger_pending){.tags = {tags[0], tags[1]}, .leaf = leaf};
    for (unsigned which = 0; which < 2; which++) {
        uint32_t *bucket = &ledger->buckets[which][tags[which] % LEDGER_PENDING_BUCKETS];
        row->next[which] = *bucket;
        *bucket = ledger->pending_count;
    }
    return LUCID_OK;
}

/* Puts the entry of an event into the tree: nodes in memory above the published count, and the
 * leaf's row in the batch. */
enum lucid_error ledger_leaf_append(struct ledger *ledger, const struct store_event *event,
                                    const uint64_t tags[2])
{
    uint64_t leaf = ledger->staged.leaves;
    uint64_t first = mmr_node_count(leaf);
    struct mmr_hash leaf_hash;
    struct mmr_hash nodes[MMR_PEAKS_MAX + 1];
    size_t count = 0;
    struct mmr_nodes source = ledger_nodes(ledger);
    mmr_hash_leaf(lucid_span(event->entry, STORE_ENTRY_BYTES), &leaf_hash);
    enum lucid_error error = mmr_append(&source, leaf, &leaf_hash, nodes, &count);
    if (error == LUCID_OK) {
        error = ledger_nodes_put(ledger, first, nodes[0].bytes, count);
    }
    if (error == LUCID_OK) {
        struct store_leaf row = {.sequence = event->sequence, .tags = {tags[0], tags[1]}};
        /* The store borrows the nodes where they will stay. */
        error = store_leaf_append(ledger->batch, &row, ledger->nodes.base + first * MMR_HASH_BYTES,
                                  count);
    }
    if (error == LUCID_OK) {
        error = pending_add(ledger, tags, leaf);
    }
    if (error == LUCID_OK) {
        ledger->staged.leaves++;
    }
    return error;
}

/* Stages one event with its hash, and its leaf. */
static enum lucid_error event_append(struct ledger *ledger, const struct ledger_type *type,
                                     const struct store_event *event, struct lucid_span body)
{
    lucid_assert(event->sequence == ledger->staged.events + 1);
    lucid_assert(event->time_ms >= ledger->staged.time_ms);
    enum lucid_error error = store_event_append(ledger->batch, event, body);
    if (error != LUCID_OK) {
        return error;
    }
    ledger->staged.events = event->sequence;
    ledger->staged.time_ms = event->time_ms;
    memcpy(ledger->staged.hash, event->hash, STORE_HASH_BYTES);
    if (event->entry == NULL) {
        return LUCID_OK;
    }
    uint64_t tags[2];
    error = ledger_event_tags(ledger, type, event, tags);
    return error == LUCID_OK ? ledger_leaf_append(ledger, event, tags) : error;
}

/* Lets every kind that gets the event react, and appends what they draft. */
static enum lucid_error event_react(struct ledger *ledger, const struct ledger_type *type,
                                    const struct ledger_event *event, unsigned depth)
{
    uint32_t wanted = type->listeners | (uint32_t)1 << type->owner;
    for (uint32_t u = 0; u < ledger->use_count; u++) {
        const struct ledger_kind *kind = ledger->uses[u].kind;
        if ((wanted >> u & 1) == 0 || kind->react == NULL) {
            continue;
        }
        struct ledger_draft_list drafts = {.end = &drafts.first};
        ledger_txn_enter(ledger, u, LEDGER_PHASE_REACT);
        ledger->txn.drafts = &drafts;
        ledger->txn.depth = depth;
        enum lucid_error error = kind->react(&ledger->txn, event);
        ledger_txn_leave(ledger);
        if (error == LUCID_OK) {
            error = drafts_append(ledger, u, &drafts, depth + 1);
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

/* The hash that the event gets as the next one; the first one's depends on the origin it names. */
static enum lucid_error event_chain(struct ledger *ledger, const struct store_event *event,
                                    uint8_t ret[STORE_HASH_BYTES])
{
    if (event->sequence == 1) {
        enum lucid_error error = log_hash_before_first(event, ledger->staged.hash);
        if (error != LUCID_OK) {
            return error;
        }
    }
    event_hash(ledger->staged.hash, event, ret);
    return LUCID_OK;
}

static enum lucid_error draft_append(struct ledger *ledger, uint32_t use,
                                     struct ledger_draft *draft, unsigned depth)
{
    const struct ledger_type *type = ledger_type_find(ledger, lucid_span_str(draft->type));
    lucid_assert(type != NULL && type->owner == use);
    lucid_assert(draft->version <= type->type->version);
    uint8_t *hash = lucid_arena_alloc(&ledger->arena, STORE_HASH_BYTES);
    if (hash == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    struct store_event event = {
        .sequence = ledger->staged.events + 1,
        .time_ms = ledger->batch_now_ms,
        .type = lucid_span_str(type->type->name),
        .version = draft->version == 0 ? type->type->version : draft->version,
        .payload = draft->payload,
        .entry = draft->entry,
        .hash = hash,
    };
    enum lucid_error error = event_chain(ledger, &event, hash);
    if (error != LUCID_OK) {
        return error;
    }
    draft->version = event.version;
    draft->sequence = event.sequence;
    draft->time_ms = event.time_ms;
    draft->leaf = ledger->staged.leaves;
    error = event_append(ledger, type, &event, draft->body);
    struct ledger_event seen;
    if (error == LUCID_OK) {
        error = ledger_event_see(ledger, type, &event, draft->leaf, &seen);
    }
    if (error == LUCID_OK) {
        error = ledger_fold_event(ledger, type, &seen, UINT32_MAX);
    }
    return error == LUCID_OK ? event_react(ledger, type, &seen, depth) : error;
}

static enum lucid_error drafts_append(struct ledger *ledger, uint32_t use,
                                      struct ledger_draft_list *drafts, unsigned depth)
{
    /* Reactions that never end are our own mistake, not input. */
    lucid_assert(depth <= LEDGER_REACT_DEPTH_MAX || drafts->first == NULL);
    for (struct ledger_draft_slot *slot = drafts->first; slot != NULL; slot = slot->next) {
        enum lucid_error error = draft_append(ledger, use, &slot->draft, depth);
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

/* --- commands --------------------------------------------------------------------------------- */

static enum lucid_error guards_ask(struct ledger *ledger, const struct ledger_command *command,
                                   struct lucid_why *why)
{
    for (uint32_t u = 0; u < ledger->use_count; u++) {
        const struct ledger_kind *kind = ledger->uses[u].kind;
        if (kind->guards == NULL || kind == command->kind ||
            (strcmp(kind->guards, "*") != 0 && strcmp(kind->guards, command->kind->name) != 0)) {
            continue;
        }
        ledger_txn_enter(ledger, u, LEDGER_PHASE_GUARD);
        enum lucid_error error = kind->guard(&ledger->txn, command, why);
        ledger_txn_leave(ledger);
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

static void part_decide(struct ledger *ledger, struct ledger_command *part, uint32_t use,
                        struct ledger_draft_list *drafts)
{
    *drafts = (struct ledger_draft_list){.end = &drafts->first};
    ledger_txn_enter(ledger, use, LEDGER_PHASE_DECIDE);
    ledger->txn.drafts = drafts;
    part->error = part->kind->decide(&ledger->txn, part, &part->why);
    ledger_txn_leave(ledger);
    if (part->error == LUCID_OK && drafts->first != NULL) {
        ledger->txn.guarded_leaves = 0;
        for (struct ledger_draft_slot *slot = drafts->first; slot != NULL; slot = slot->next) {
            ledger->txn.guarded_leaves += slot->draft.entry != NULL;
        }
        part->error = guards_ask(ledger, part, &part->why);
    }
}

/* A part that is fine falls with a refused one, unless it commits alone. */
static void parts_agree(struct ledger_command *command)
{
    const struct ledger_command *refused = NULL;
    for (struct ledger_command *part = command; part != NULL; part = part->next_part) {
        /* A note is no refusal: nothing is wrong with that part, it only has nothing new. */
        if (lucid_category(part->error) > LUCID_CATEGORY_NOTE && refused == NULL) {
            refused = part;
        }
    }
    for (struct ledger_command *part = command; refused != NULL && part != NULL;
         part = part->next_part) {
        if (part->error == LUCID_OK && !part->commit_alone) {
            part->error = refused->error;
            part->why = refused->why;
        }
    }
}

static enum lucid_error command_run(struct ledger *ledger, struct ledger_command *command)
{
    struct ledger_draft_list drafts[LEDGER_PARTS_MAX];
    uint32_t uses[LEDGER_PARTS_MAX];
    size_t count = 0;
    for (struct ledger_command *part = command; part != NULL; part = part->next_part) {
        lucid_assert(count < LEDGER_PARTS_MAX);
        uses[count] = ledger_use_find(ledger, part->kind);
        lucid_assert(uses[count] != UINT32_MAX);
        part_decide(ledger, part, uses[count], &drafts[count]);
        if (lucid_category(part->error) == LUCID_CATEGORY_FATAL) {
            return part->error;
        }
        if (ledger->stage.failed != LUCID_OK) {
            return ledger->stage.failed; /* not this part's fault alone */
        }
        count++;
    }
    parts_agree(command);
    size_t i = 0;
    for (struct ledger_command *part = command; part != NULL; part = part->next_part, i++) {
        if (part->error != LUCID_OK) {
            continue;
        }
        enum lucid_error error = drafts_append(ledger, uses[i], &drafts[i], 0);
        if (error != LUCID_OK) {
            return error;
        }
    }
    i = 0;
    for (struct ledger_command *part = command; part != NULL; part = part->next_part, i++) {
        if (part->error == LUCID_OK && part->kind->conclude != NULL) {
            ledger_txn_enter(ledger, uses[i], LEDGER_PHASE_CONCLUDE);
            part->kind->conclude(&ledger->txn, part);
            ledger_txn_leave(ledger);
        }
        if (lucid_category(part->error) == LUCID_CATEGORY_FATAL) {
            return part->error; /* what was just written cannot be read back */
        }
    }
    return ledger->stage.failed;
}

enum lucid_error ledger_batch_run(struct ledger *ledger, struct ledger_command *command)
{
    lucid_assert(ledger->batch != NULL && !ledger->batch_failed);
    enum lucid_error error = command_run(ledger, command);
    ledger->batch_failed = error != LUCID_OK;
    return error;
}

/* The event in the batch's own memory, as known here; *ret_type NULL: of a type that is not. */
static enum lucid_error replay_copy(struct ledger *ledger, const struct store_event *event,
                                    struct store_event *ret, const struct ledger_type **ret_type)
{
    struct store_event copy = *event;
    const struct ledger_type *type = ledger_type_find(ledger, event->type);
    if (event->sequence != ledger->staged.events + 1 || event->time_ms < ledger->staged.time_ms ||
        event->payload.len > STORE_PAYLOAD_BYTES_MAX || event->type.len == 0 ||
        event->type.len > STORE_TYPE_BYTES_MAX) {
        return LUCID_REFUSE_INVALID;
    }
    copy.type = type != NULL ? lucid_span_str(type->type->name)
                             : lucid_arena_copy(&ledger->arena, event->type);
    copy.payload = lucid_arena_copy(&ledger->arena, event->payload);
    copy.hash = lucid_arena_copy(&ledger->arena, lucid_span(event->hash, STORE_HASH_BYTES)).data;
    if (event->entry != NULL) {
        copy.entry =
            lucid_arena_copy(&ledger->arena, lucid_span(event->entry, STORE_ENTRY_BYTES)).data;
    }
    if (copy.type.data == NULL || copy.payload.data == NULL || copy.hash == NULL ||
        (event->entry != NULL && copy.entry == NULL)) {
        return LUCID_RETRY_MEMORY;
    }
    *ret = copy;
    *ret_type = type;
    return LUCID_OK;
}

static enum lucid_error replay_body(struct ledger *ledger, const struct ledger_type *type,
                                    const struct ledger_event *seen, struct lucid_span *body)
{
    if (body->data == NULL || body->data == store_body_erased.data) {
        return LUCID_OK;
    }
    const struct ledger_kind *kind = type == NULL ? NULL : ledger->uses[type->owner].kind;
    if (body->len > STORE_BODY_BYTES_MAX ||
        (kind != NULL && kind->body_fits != NULL && !kind->body_fits(kind, seen, *body))) {
        return LUCID_FATAL_CORRUPT;
    }
    *body = lucid_arena_copy(&ledger->arena, *body);
    return body->data == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
}

static enum lucid_error event_replay(struct ledger *ledger, const struct store_event *event,
                                     struct lucid_span body)
{
    struct store_event copy;
    const struct ledger_type *type;
    struct ledger_event seen;
    uint8_t hash[STORE_HASH_BYTES];
    enum lucid_error error = replay_copy(ledger, event, &copy, &type);
    if (error == LUCID_OK) {
        error = event_chain(ledger, &copy, hash);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (memcmp(hash, event->hash, STORE_HASH_BYTES) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    if (copy.version == 0 || (type != NULL && copy.version > type->type->version)) {
        return LUCID_REFUSE_UNKNOWN_KEY;
    }
    error = ledger_event_see(ledger, type, &copy, ledger->staged.leaves, &seen);
    if (error == LUCID_OK) {
        error = replay_body(ledger, type, &seen, &body);
    }
    if (error == LUCID_OK) {
        error = event_append(ledger, type, &copy, body);
    }
    return error == LUCID_OK ? ledger_fold_event(ledger, type, &seen, UINT32_MAX) : error;
}

enum lucid_error ledger_batch_replay(struct ledger *ledger, const struct store_event *event,
                                     struct lucid_span body)
{
    lucid_assert(ledger->batch != NULL && !ledger->batch_failed);
    enum lucid_error error = event_replay(ledger, event, body);
    ledger->batch_failed = error != LUCID_OK;
    return error;
}

uint64_t ledger_batch_leaves(const struct ledger *ledger)
{
    lucid_assert(ledger->batch != NULL);
    return ledger->staged.leaves;
}

enum lucid_error ledger_batch_root(struct ledger *ledger, uint64_t size, struct mmr_hash *ret)
{
    lucid_assert(ledger->batch != NULL && size <= ledger->staged.leaves);
    struct mmr_nodes nodes = ledger_nodes(ledger);
    return mmr_root(&nodes, size, ret);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Readers see the batch: maps first, then the count below which they may look. */
static enum lucid_error publish(struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->pending_count; i++) {
        const struct ledger_pending *row = &ledger->pending[i];
        if (i + PUBLISH_AHEAD < ledger->pending_count) {
            ledger_map_prefetch(ledger->maps[0], row[PUBLISH_AHEAD].tags[0]);
            ledger_map_prefetch(ledger->maps[1], row[PUBLISH_AHEAD].tags[1]);
        }
        for (unsigned which = 0; which < 2; which++) {
            if (row->tags[which] == 0) {
                continue;
            }
            if (ledger_tag_insert(ledger, row->tags, which, row->leaf) != LUCID_OK) {
                return LUCID_FATAL_STORE; /* committed, but not findable: start again */
            }
        }
    }
    ledger->folds_absent =
        ledger->folds_absent && ledger->staged.events == ledger->committed.events;
    ledger->committed = ledger->staged;
    if (!atomic_load_explicit(&ledger->identified, memory_order_relaxed) &&
        ledger->committed.events > 0) {
        enum lucid_error error = ledger_identify_now(ledger);
        if (error != LUCID_OK) {
            return LUCID_FATAL_STORE;
        }
    }
    for (uint32_t u = 0; u < ledger->use_count; u++) {
        memcpy(ledger->states[u].committed, ledger->states[u].staged, LEDGER_MEMORY_BYTES_MAX);
    }
    ledger_publish(ledger);
    return LUCID_OK;
}

enum lucid_error ledger_batch_commit(struct ledger *ledger)
{
    lucid_assert(ledger->batch != NULL && !ledger->batch_failed);
    if (ledger->folds_absent && ledger->staged.events > ledger->committed.events) {
        enum lucid_error error = ledger_fold_absent(ledger);
        if (error != LUCID_OK) {
            ledger_batch_abort(ledger);
            return error;
        }
    }
    for (unsigned which = 0; which < 2; which++) {
        /* Whatever can fail does so before the commit: what is durable must be findable. */
        enum lucid_error error =
            ledger->pending_count == 0
                ? LUCID_OK
                : ledger_map_prepare(ledger->maps[which], &ledger->pending[0].tags[which],
                                     ledger->pending_count, sizeof(ledger->pending[0]));
        if (error != LUCID_OK) {
            ledger_batch_abort(ledger);
            return LUCID_RETRY_FULL;
        }
    }
    enum lucid_error error = ledger_rows_flush(ledger);
    if (error != LUCID_OK) {
        ledger_batch_abort(ledger);
        return error;
    }
    struct store_batch *batch = ledger->batch;
    ledger->batch = NULL;
    ledger->txn = (struct ledger_txn){.ledger = ledger};
    error = store_batch_commit(batch);
    if (error != LUCID_OK) {
        ledger_stage_reset(ledger);
        return error;
    }
    error = publish(ledger);
    ledger_stage_reset(ledger);
    return error;
}

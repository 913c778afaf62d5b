/* Folding: handing events to apply, live and in replay, and bringing tables to this program's fold
 * versions at open.
 *
 * Table `folds`: key = kind name, or "tree" for the leaf rows; value = fold version u32 ‖ state u8
 * (0 being rebuilt, 1 live), big-endian. A rebuild that was interrupted starts again. */
#include "base/assert.h"
#include "base/log.h"
#include "ledger/head_internal.h"
#include "ledger/ledger_internal.h"
#include "ledger/log_internal.h"

enum {
    FOLD_ROW_BYTES = 5,
    CHUNK_EVENTS = 2000,
    CHUNK_ARENA_BYTES = 64 << 20, /* upcasts of large payloads end a chunk earlier */
    CHECK_EVENTS_MAX = 100000,
};

enum lucid_error ledger_payload_upcast(const struct ledger_type *type, uint16_t version,
                                       struct lucid_span payload, struct lucid_arena *arena,
                                       struct lucid_span *ret)
{
    if (version == 0 || version > type->type->version) {
        return LUCID_FATAL_NEWER;
    }
    while (version < type->type->version) {
        enum lucid_error error = type->type->upcast(type->type, version, payload, arena, &payload);
        if (error != LUCID_OK) {
            return error;
        }
        version++;
    }
    *ret = payload;
    return LUCID_OK;
}

enum lucid_error ledger_event_tags(struct ledger *ledger, const struct ledger_type *type,
                                   const struct store_event *event, uint64_t ret_tags[2])
{
    lucid_assert(event->entry != NULL);
    uint64_t id_tag = 0;
    if (type != NULL && ledger->uses[type->owner].kind->id_tag != NULL) {
        struct lucid_span payload;
        enum lucid_error error =
            ledger_payload_upcast(type, event->version, event->payload, &ledger->arena, &payload);
        if (error != LUCID_OK) {
            return error;
        }
        id_tag = ledger->uses[type->owner].kind->id_tag(payload);
    }
    ret_tags[LEDGER_TAG_HASH] = ledger_tag_hash(event->entry);
    ret_tags[LEDGER_TAG_RUN_ID] = id_tag;
    return LUCID_OK;
}

enum lucid_error ledger_event_see(struct ledger *ledger, const struct ledger_type *type,
                                  const struct store_event *event, uint64_t leaf,
                                  struct ledger_event *ret)
{
    struct ledger_event seen = {
        .sequence = event->sequence,
        .time_ms = event->time_ms,
        .type = event->type,
        .version = event->version,
        .payload = event->payload,
        .entry = event->entry,
        .leaf = leaf,
    };
    if (type != NULL) {
        enum lucid_error error = ledger_payload_upcast(type, event->version, event->payload,
                                                       &ledger->arena, &seen.payload);
        if (error != LUCID_OK) {
            return error;
        }
        seen.version = type->type->version;
    }
    *ret = seen;
    return LUCID_OK;
}

enum lucid_error ledger_fold_event(struct ledger *ledger, const struct ledger_type *type,
                                   const struct ledger_event *event, uint32_t only)
{
    /* Without a type it is a plugin's that is not loaded: its own tables are not ours to fold. */
    uint32_t wanted = type == NULL ? ledger_listeners_find(ledger, event->type)
                                   : type->listeners | (uint32_t)1 << type->owner;
    enum lucid_error error = LUCID_OK;
    for (uint32_t u = 0; error == LUCID_OK && u < ledger->use_count; u++) {
        const struct ledger_kind *kind = ledger->uses[u].kind;
        if (((wanted & only) >> u & 1) == 0 || kind->apply == NULL) {
            continue;
        }
        ledger_txn_enter(ledger, u, LEDGER_PHASE_APPLY);
        error = kind->apply(&ledger->txn, event);
        ledger_txn_leave(ledger);
    }
    return error;
}

/* --- catching up at open ---------------------------------------------------------------------- */

struct fold_job {
    struct ledger *ledger;
    uint32_t stale;    /* bit per use */
    const char *newer; /* whose fold is of a newer program */
    bool tree;
    uint64_t next;   /* sequence */
    uint64_t leaves; /* with an entry before next */
    uint32_t chunk;  /* events of this chunk */
};

static enum lucid_error row_put(struct ledger *ledger, const char *name, uint32_t version,
                                bool live)
{
    uint8_t row[FOLD_ROW_BYTES];
    lucid_put_be32(row, version);
    row[4] = live;
    return store_put(ledger->batch, ledger->folds_table, lucid_span_str(name),
                     lucid_span(row, sizeof(row)));
}

/* Whether a row says that this fold is complete and of that version; newer ones are refused. */
static enum lucid_error row_check(struct fold_job *job, struct store_view *view, const char *name,
                                  uint32_t version, bool *ret_current)
{
    struct lucid_span row;
    enum lucid_error error = store_get(view, job->ledger->folds_table, lucid_span_str(name), &row);
    if (error == LUCID_NOTE_ABSENT) {
        *ret_current = false;
        return LUCID_OK;
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (row.len != FOLD_ROW_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    uint32_t stored = lucid_get_be32(row.data);
    if (stored > version) {
        job->newer = name;
        return LUCID_FATAL_NEWER;
    }
    *ret_current = stored == version && row.data[4] == 1;
    return LUCID_OK;
}

static enum lucid_error stale_find(struct fold_job *job, struct store_view *view)
{
    struct ledger *ledger = job->ledger;
    bool current = false;
    enum lucid_error error =
        row_check(job, view, LEDGER_TREE_FOLD, LEDGER_TREE_FOLD_VERSION, &current);
    job->tree = !current;
    for (uint32_t u = 0; error == LUCID_OK && u < ledger->use_count; u++) {
        const struct ledger_kind *kind = ledger->uses[u].kind;
        error = row_check(job, view, kind->name, kind->fold_version, &current);
        job->stale |= current ? 0 : (uint32_t)1 << u;
        /* Leaves that were logged while the kind was not known have no tags of its making. */
        job->tree |= !current && kind->id_tag != NULL;
    }
    return error;
}

static enum lucid_error rows_put(struct fold_job *job, bool live)
{
    struct ledger *ledger = job->ledger;
    enum lucid_error error = LUCID_OK;
    if (job->tree) {
        error = row_put(ledger, LEDGER_TREE_FOLD, LEDGER_TREE_FOLD_VERSION, live);
    }
    for (uint32_t u = 0; error == LUCID_OK && u < ledger->use_count; u++) {
        if ((job->stale >> u & 1) != 0) {
            const struct ledger_kind *kind = ledger->uses[u].kind;
            error = row_put(ledger, kind->name, kind->fold_version, live);
        }
    }
    return error;
}

/* Empties what is going to be folded again. */
static enum lucid_error stale_clear(struct fold_job *job)
{
    struct ledger *ledger = job->ledger;
    enum lucid_error error = job->tree ? store_leaves_clear(ledger->batch) : LUCID_OK;
    for (uint32_t u = 0; u < ledger->use_count; u++) {
        const struct ledger_use_state *state = &ledger->states[u];
        for (uint32_t t = 0; (job->stale >> u & 1) != 0 && t < state->table_count; t++) {
            if (error == LUCID_OK) {
                error = store_table_clear(ledger->batch, state->tables[t]);
            }
        }
    }
    return error == LUCID_OK ? rows_put(job, false) : error;
}

static enum lucid_error job_event(void *context, const struct store_event *event)
{
    struct fold_job *job = context;
    struct ledger *ledger = job->ledger;
    const struct ledger_type *type = ledger_type_find(ledger, event->type);
    struct ledger_event seen;
    enum lucid_error error = ledger_event_see(ledger, type, event, job->leaves, &seen);
    job->leaves += event->entry != NULL;
    if (error == LUCID_OK && event->entry != NULL && job->tree) {
        uint64_t tags[2];
        error = ledger_event_tags(ledger, type, event, tags);
        if (error == LUCID_OK) {
            error = ledger_leaf_append(ledger, event, tags);
        }
    }
    ledger->staged.leaves = job->leaves; /* what apply saw when the event was new */
    if (error == LUCID_OK) {
        error = ledger_fold_event(ledger, type, &seen, job->stale);
    }
    if (error != LUCID_OK) {
        return error;
    }
    job->next = event->sequence + 1;
    job->chunk++;
    return job->chunk == CHUNK_EVENTS || ledger->arena.total > CHUNK_ARENA_BYTES ? LUCID_NOTE_END
                                                                                 : LUCID_OK;
}

/* Runs one step of a job inside a store batch of its own and adopts what it staged. */
static enum lucid_error job_batch(struct fold_job *job, struct store_view *view,
                                  enum lucid_error (*step)(struct fold_job *job,
                                                           struct store_view *view))
{
    struct ledger *ledger = job->ledger;
    enum lucid_error error = store_batch_begin(ledger->store, &ledger->batch);
    if (error != LUCID_OK) {
        return error;
    }
    ledger_stage_reset(ledger);
    ledger->txn = (struct ledger_txn){.ledger = ledger, .view = store_batch_view(ledger->batch)};
    error = step(job, view);
    if (error == LUCID_OK) {
        error = ledger_rows_flush(ledger);
    }
    if (error != LUCID_OK) {
        ledger_batch_abort(ledger);
        return error;
    }
    struct store_batch *batch = ledger->batch;
    ledger->batch = NULL;
    error = store_batch_commit(batch);
    if (error == LUCID_OK) {
        ledger->committed = ledger->staged;
        for (uint32_t u = 0; u < ledger->use_count; u++) {
            memcpy(ledger->states[u].committed, ledger->states[u].staged, LEDGER_MEMORY_BYTES_MAX);
        }
    }
    ledger_stage_reset(ledger);
    return error;
}

static enum lucid_error step_clear(struct fold_job *job, struct store_view *view)
{
    (void)view;
    return stale_clear(job);
}

static enum lucid_error step_chunk(struct fold_job *job, struct store_view *view)
{
    job->chunk = 0;
    enum lucid_error error = store_view_begin(view);
    if (error == LUCID_OK) {
        error = store_event_scan(view, job->next, job_event, job);
        store_view_end(view);
    }
    return error;
}

static enum lucid_error step_live(struct fold_job *job, struct store_view *view)
{
    (void)view;
    return rows_put(job, true);
}

static enum lucid_error job_run(struct fold_job *job, struct store_view *view, uint64_t events)
{
    struct ledger *ledger = job->ledger;
    enum lucid_error error = job_batch(job, view, step_clear);
    while (error == LUCID_OK && job->next <= events) {
        error = job_batch(job, view, step_chunk);
        if (error == LUCID_OK && job->chunk == 0) {
            error = LUCID_FATAL_CORRUPT; /* the log ends before the count it was opened with */
        }
        lucid_log(LUCID_LOG_INFO, "ledger.fold", "folded %llu of %llu events again",
                  (unsigned long long)(job->next - 1), (unsigned long long)events);
    }
    if (error == LUCID_OK) {
        error = job_batch(job, view, step_live);
    }
    /* What was staged served the rebuild; the open reads everything from the store. */
    ledger->committed = (struct ledger_tip){0};
    for (uint32_t u = 0; u < ledger->use_count; u++) {
        memset(ledger->states[u].committed, 0, LEDGER_MEMORY_BYTES_MAX);
    }
    ledger_stage_reset(ledger);
    return error;
}

/* Whether a fold row is of a kind that is not registered. */
static bool row_is_absent(const struct ledger *ledger, struct lucid_span name)
{
    for (uint32_t u = 0; u < ledger->use_count; u++) {
        if (lucid_span_is(name, ledger->uses[u].kind->name)) {
            return false;
        }
    }
    return !lucid_span_is(name, LEDGER_TREE_FOLD);
}

/* Looks for live folds of kinds that are not registered; marks them in the batch, if there is one.
 */
static enum lucid_error absent_find(struct ledger *ledger, struct store_view *view,
                                    struct store_batch *batch)
{
    uint8_t at[STORE_KEY_BYTES_MAX];
    struct lucid_span from = lucid_span("", 0);
    struct lucid_span key;
    struct lucid_span row;
    for (;;) {
        enum lucid_error error =
            store_seek(view, ledger->folds_table, STORE_SEEK_GT, from, &key, &row);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
        }
        memcpy(at, key.data, key.len);
        from = lucid_span(at, key.len);
        if (row.len != FOLD_ROW_BYTES) {
            return LUCID_FATAL_CORRUPT;
        }
        if (row.data[4] != 1 || !row_is_absent(ledger, from)) {
            continue;
        }
        ledger->folds_absent = true;
        if (batch != NULL) {
            uint8_t stale[FOLD_ROW_BYTES];
            memcpy(stale, row.data, sizeof(stale));
            stale[4] = 0;
            error = store_put(batch, ledger->folds_table, from, lucid_span(stale, sizeof(stale)));
            if (error != LUCID_OK) {
                return error;
            }
        }
    }
}

enum lucid_error ledger_fold_absent(struct ledger *ledger)
{
    return absent_find(ledger, store_batch_view(ledger->batch), ledger->batch);
}

enum lucid_error ledger_fold_all(struct ledger *ledger, struct lucid_why *why)
{
    struct fold_job job = {.ledger = ledger, .next = 1};
    struct store_view *view;
    enum lucid_error error = store_view_open(ledger->store, &view);
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, "STORE", NULL, "no view of the store: %s",
                            lucid_error_name(error));
    }
    error = store_view_begin(view);
    uint64_t events = 0;
    if (error == LUCID_OK) {
        struct store_counts counts;
        store_counts_read(view, &counts);
        events = counts.events;
        error = stale_find(&job, view);
        if (error == LUCID_OK) {
            error = absent_find(ledger, view, NULL);
        }
        store_view_end(view);
    }
    if (error == LUCID_OK && (job.tree || job.stale != 0)) {
        error = job_run(&job, view, events);
    }
    store_view_close(view);
    if (error == LUCID_FATAL_NEWER && job.newer != NULL) {
        return lucid_refuse(why, error, "STORE_NEWER", NULL,
                            "the tables of %s were folded by a newer program, or plugin",
                            job.newer);
    }
    return error == LUCID_OK ? LUCID_OK
                             : lucid_refuse(why, error, "FOLD_FAILED", NULL,
                                            "folding the log into its tables failed: %s",
                                            lucid_error_name(error));
}

/* --- the newest events ------------------------------------------------------------------------ */

struct recent_check {
    uint8_t hash[STORE_HASH_BYTES]; /* of the event before */
    uint64_t entries;               /* logged by the events seen */
    uint64_t head_at;               /* sequence of the newest head seen; 0 = none */
};

static enum lucid_error recent_event(void *context, const struct store_event *event)
{
    struct recent_check *check = context;
    if (event->sequence == 1 && log_hash_before_first(event, check->hash) != LUCID_OK) {
        return LUCID_FATAL_CORRUPT;
    }
    event_hash(check->hash, event, check->hash);
    if (memcmp(check->hash, event->hash, STORE_HASH_BYTES) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    check->entries += event->entry != NULL;
    if (lucid_span_is(event->type, ledger_head_kind.types[0].name)) {
        check->head_at = event->sequence;
    }
    return LUCID_OK;
}

/* The chain of hashes from the newest head on (NULL: no such kind), or a bounded number of events
 * back; that it is the newest; and that as many leaves came after it as events with an entry. */
static enum lucid_error events_check(struct ledger *ledger, struct store_view *view,
                                     const struct head_memory *head)
{
    uint64_t events = ledger->committed.events;
    uint64_t from = events > CHECK_EVENTS_MAX ? events - CHECK_EVENTS_MAX : 1;
    uint64_t newest = head == NULL ? 0 : head->sequence;
    if (newest > events) {
        return LUCID_FATAL_CORRUPT;
    }
    bool from_head = newest != 0 && newest >= from;
    from = from_head ? newest : from;
    struct recent_check check = {.entries = head != NULL && from_head ? head->size : 0};
    if (from > 1) {
        struct store_event before;
        enum lucid_error error = store_event_read(view, from - 1, &before);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
        }
        memcpy(check.hash, before.hash, STORE_HASH_BYTES);
    }
    enum lucid_error error = store_event_scan(view, from, recent_event, &check);
    if (error == LUCID_OK && (from_head || from == 1) &&
        check.entries != ledger->committed.leaves) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK && head != NULL && check.head_at != (from_head ? newest : 0)) {
        error = LUCID_FATAL_CORRUPT;
    }
    return error;
}

/* One leaf's row and nodes against its event. */
static enum lucid_error leaf_check(struct ledger *ledger, struct store_view *view, uint64_t leaf,
                                   uint64_t *after)
{
    struct store_leaf row;
    struct store_event event;
    enum lucid_error error = store_leaf_read(view, leaf, &row);
    if (error == LUCID_OK && row.sequence <= *after) {
        return LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        error = store_event_read(view, row.sequence, &event);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    if (event.entry == NULL) {
        return LUCID_FATAL_CORRUPT;
    }
    uint64_t tags[2];
    struct mmr_hash leaf_hash;
    struct mmr_hash computed[MMR_PEAKS_MAX + 1];
    size_t count = 0;
    struct mmr_nodes nodes = ledger_nodes(ledger);
    const struct ledger_type *type = ledger_type_find(ledger, event.type);
    mmr_hash_leaf(lucid_span(event.entry, STORE_ENTRY_BYTES), &leaf_hash);
    error = ledger_event_tags(ledger, type, &event, tags);
    if (error == LUCID_OK) {
        error = mmr_append(&nodes, leaf, &leaf_hash, computed, &count);
    }
    if (error != LUCID_OK) {
        return error;
    }
    lucid_arena_reset(&ledger->arena);
    /* The run_id tag of a type that is not known here cannot be told. */
    if (tags[LEDGER_TAG_HASH] != row.tags[LEDGER_TAG_HASH] ||
        (type != NULL && tags[LEDGER_TAG_RUN_ID] != row.tags[LEDGER_TAG_RUN_ID]) ||
        memcmp(computed, ledger->nodes.base + mmr_node_count(leaf) * MMR_HASH_BYTES,
               count * MMR_HASH_BYTES) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    *after = row.sequence;
    return LUCID_OK;
}

static enum lucid_error root_check(struct ledger *ledger, const struct head_memory *head)
{
    struct mmr_hash root;
    struct mmr_nodes nodes = ledger_nodes(ledger);
    if (head->size > ledger->committed.leaves) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error = mmr_root(&nodes, head->size, &root);
    if (error == LUCID_OK && memcmp(&root, &head->root, sizeof(root)) != 0) {
        error = LUCID_FATAL_CORRUPT;
    }
    return error;
}

/* The newest head's root vouches for the peaks below it; every node after it is computed again, so
 * that the next head cannot be signed over a node that rotted on disk. */
static enum lucid_error recent_scan(struct ledger *ledger, struct store_view *view)
{
    const struct head_memory *head = ledger_memory_committed(ledger, &ledger_head_kind);
    uint64_t leaves = ledger->committed.leaves;
    uint64_t leaf = leaves > CHECK_EVENTS_MAX ? leaves - CHECK_EVENTS_MAX : 0;
    bool any = head != NULL && head->sequence != 0;
    enum lucid_error error = any ? root_check(ledger, head) : LUCID_OK;
    if (error == LUCID_OK) {
        error = events_check(ledger, view, head);
    }
    uint64_t after = 0;
    for (leaf = any ? head->size : leaf; error == LUCID_OK && leaf < leaves; leaf++) {
        error = leaf_check(ledger, view, leaf, &after);
    }
    return error;
}

enum lucid_error ledger_check_recent(struct ledger *ledger, struct lucid_why *why)
{
    if (ledger->committed.events == 0) {
        return LUCID_OK;
    }
    struct store_view *view;
    enum lucid_error error = store_view_open(ledger->store, &view);
    if (error == LUCID_OK) {
        error = store_view_begin(view);
        if (error == LUCID_OK) {
            error = recent_scan(ledger, view);
            store_view_end(view);
        }
        store_view_close(view);
    }
    return error == LUCID_OK
               ? LUCID_OK
               : lucid_refuse(why, error, "CORRUPT", NULL,
                              "the newest events, the tree and the newest head do not agree: %s",
                              lucid_error_name(error));
}

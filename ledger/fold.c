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

enum { FOLD_ROW_BYTES = 5, CHUNK_EVENTS = 2000, CHECK_EVENTS_MAX = 100000 };

static const char tree_name[] = "tree";

/* Brings a payload to the current version of its type. */
static enum lucid_error payload_upcast(struct ledger *ledger, const struct ledger_type *type,
                                       uint16_t version, struct lucid_span payload,
                                       struct lucid_span *ret)
{
    if (version == 0 || version > type->type->version) {
        return LUCID_FATAL_NEWER;
    }
    while (version < type->type->version) {
        enum lucid_error error = type->type->upcast(version, payload, &ledger->arena, &payload);
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
    const struct ledger_kind *kind = ledger->uses[type->owner].kind;
    uint64_t id_tag = 0;
    if (kind->id_tag != NULL) {
        struct lucid_span payload;
        enum lucid_error error =
            payload_upcast(ledger, type, event->version, event->payload, &payload);
        if (error != LUCID_OK) {
            return error;
        }
        id_tag = kind->id_tag(payload);
    }
    ret_tags[LEDGER_TAG_HASH] = ledger_tag_hash(event->entry);
    ret_tags[LEDGER_TAG_RUN_ID] = id_tag;
    return LUCID_OK;
}

enum lucid_error ledger_fold_event(struct ledger *ledger, const struct store_event *event,
                                   uint64_t leaf, uint32_t only)
{
    const struct ledger_type *type = ledger_type_find(ledger, event->type);
    if (type == NULL) {
        return LUCID_OK; /* a plugin's that is not loaded: its tables are not ours to fold */
    }
    struct ledger_event seen = {
        .sequence = event->sequence,
        .time_ms = event->time_ms,
        .type = event->type,
        .version = type->type->version,
        .entry = event->entry,
        .leaf = leaf,
    };
    enum lucid_error error =
        payload_upcast(ledger, type, event->version, event->payload, &seen.payload);
    uint32_t wanted = (type->listeners | (uint32_t)1 << type->owner) & only;
    for (uint32_t u = 0; error == LUCID_OK && u < ledger->use_count; u++) {
        const struct ledger_kind *kind = ledger->uses[u].kind;
        if ((wanted >> u & 1) == 0 || kind->apply == NULL) {
            continue;
        }
        ledger_txn_enter(ledger, u, LEDGER_PHASE_APPLY);
        error = kind->apply(&ledger->txn, &seen);
        ledger_txn_leave(ledger);
    }
    return error;
}

/* --- catching up at open ---------------------------------------------------------------------- */

struct fold_job {
    struct ledger *ledger;
    uint32_t stale; /* bit per use */
    bool tree;
    uint64_t next;  /* sequence */
    uint64_t leaves; /* with an entry before next */
    uint32_t chunk; /* events of this chunk */
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
static enum lucid_error row_check(struct ledger *ledger, struct store_view *view, const char *name,
                                  uint32_t version, bool *ret_current)
{
    struct lucid_span row;
    enum lucid_error error = store_get(view, ledger->folds_table, lucid_span_str(name), &row);
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
        row_check(ledger, view, tree_name, LEDGER_TREE_FOLD_VERSION, &current);
    job->tree = !current;
    for (uint32_t u = 0; error == LUCID_OK && u < ledger->use_count; u++) {
        const struct ledger_kind *kind = ledger->uses[u].kind;
        error = row_check(ledger, view, kind->name, kind->fold_version, &current);
        job->stale |= current ? 0 : (uint32_t)1 << u;
    }
    return error;
}

static enum lucid_error rows_put(struct fold_job *job, bool live)
{
    struct ledger *ledger = job->ledger;
    enum lucid_error error = LUCID_OK;
    if (job->tree) {
        error = row_put(ledger, tree_name, LEDGER_TREE_FOLD_VERSION, live);
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
    enum lucid_error error = LUCID_OK;
    if (event->entry != NULL && job->tree) {
        const struct ledger_type *type = ledger_type_find(ledger, event->type);
        uint64_t tags[2] = {ledger_tag_hash(event->entry), 0};
        if (type != NULL) {
            error = ledger_event_tags(ledger, type, event, tags);
        }
        if (error == LUCID_OK) {
            error = ledger_leaf_append(ledger, event, tags);
        }
    }
    if (error == LUCID_OK) {
        error = ledger_fold_event(ledger, event, job->leaves, job->stale);
    }
    if (error != LUCID_OK) {
        return error;
    }
    job->leaves += event->entry != NULL;
    job->next = event->sequence + 1;
    return ++job->chunk == CHUNK_EVENTS ? LUCID_NOTE_END : LUCID_OK;
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
        store_view_end(view);
    }
    if (error == LUCID_OK && (job.tree || job.stale != 0)) {
        error = job_run(&job, view, events);
    }
    store_view_close(view);
    if (error == LUCID_FATAL_NEWER) {
        return lucid_refuse(why, error, "STORE_NEWER", NULL,
                            "the tables were folded by a newer program");
    }
    return error == LUCID_OK ? LUCID_OK
                             : lucid_refuse(why, error, "FOLD_FAILED", NULL,
                                            "folding the log into its tables failed: %s",
                                            lucid_error_name(error));
}

/* --- the newest events ------------------------------------------------------------------------ */

struct recent_check {
    struct ledger *ledger;
    uint8_t hash[STORE_HASH_BYTES]; /* of the event before */
    uint64_t leaf;                  /* of the next entry */
    bool leaves_known;
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
    if (event->entry == NULL || !check->leaves_known) {
        return LUCID_OK;
    }
    if (check->leaf >= check->ledger->committed.leaves) {
        return LUCID_FATAL_CORRUPT;
    }
    struct mmr_hash computed;
    struct mmr_hash stored;
    struct mmr_nodes nodes = ledger_nodes(check->ledger);
    mmr_hash_leaf(lucid_span(event->entry, STORE_ENTRY_BYTES), &computed);
    enum lucid_error error =
        nodes.get(nodes.context, mmr_node_index(0, check->leaf++), &stored);
    if (error == LUCID_OK && memcmp(&computed, &stored, sizeof(computed)) != 0) {
        error = LUCID_FATAL_CORRUPT;
    }
    return error;
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

/* Where the check starts: after the newest head, or a bounded number of events back. */
static enum lucid_error recent_scan(struct ledger *ledger, struct store_view *view)
{
    const struct head_memory *head = ledger_memory_committed(ledger, &ledger_head_kind);
    uint64_t events = ledger->committed.events;
    struct recent_check check = {.ledger = ledger};
    uint64_t from = events > CHECK_EVENTS_MAX ? events - CHECK_EVENTS_MAX : 1;
    if (head != NULL && head->sequence >= from) {
        enum lucid_error error = root_check(ledger, head);
        if (error != LUCID_OK) {
            return error;
        }
        from = head->sequence;
        check.leaf = head->size;
        check.leaves_known = true;
    }
    if (from > 1) {
        struct store_event before;
        enum lucid_error error = store_event_read(view, from - 1, &before);
        if (error != LUCID_OK) {
            return LUCID_FATAL_CORRUPT;
        }
        memcpy(check.hash, before.hash, STORE_HASH_BYTES);
    }
    enum lucid_error error = store_event_scan(view, from, recent_event, &check);
    if (error == LUCID_OK && check.leaves_known && check.leaf != ledger->committed.leaves) {
        error = LUCID_FATAL_CORRUPT;
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

#include "tools/lucid/replay.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/sha256.h"

enum { CHUNK_EVENTS = 1000 };

static const char table_folds[] = "folds"; /* a row by the name of each kind */
static const char table_prefix[] = "table ";

struct job {
    const struct replay_options *options;
    struct store_view *from;
    struct lucid_why *why;
    uint64_t next;
    uint32_t chunk;
};

/* --- replaying -------------------------------------------------------------------------------- */

static enum lucid_error body_of(struct job *job, uint64_t sequence, struct lucid_span *ret)
{
    *ret = lucid_span(NULL, 0);
    if (!job->options->bodies) {
        return LUCID_OK;
    }
    enum lucid_error error = store_body_read(job->from, sequence, ret);
    if (error == LUCID_NOTE_ERASED) {
        *ret = store_body_erased;
    }
    return lucid_category(error) == LUCID_CATEGORY_NOTE ? LUCID_OK : error;
}

static enum lucid_error event_copy(void *context, const struct store_event *event)
{
    struct job *job = context;
    struct lucid_span body;
    if (job->chunk == CHUNK_EVENTS) {
        return LUCID_NOTE_END;
    }
    enum lucid_error error = body_of(job, event->sequence, &body);
    if (error == LUCID_OK) {
        error = ledger_batch_replay(job->options->to, event, body);
    }
    if (error != LUCID_OK) {
        return lucid_refuse(job->why, error, "REPLAY", NULL, "event %llu (%.*s): %s",
                            (unsigned long long)event->sequence, (int)event->type.len,
                            (const char *)event->type.data, lucid_error_name(error));
    }
    job->next = event->sequence + 1;
    job->chunk++;
    return LUCID_OK;
}

/* A chunk in the view that is open: its spans are borrowed until the commit. */
static enum lucid_error chunk_copy(struct job *job)
{
    struct lucid_clock clock = lucid_clock_system();
    struct ledger *to = job->options->to;
    uint64_t before = job->next;
    enum lucid_error error = ledger_batch_begin(to, lucid_wall_ms(&clock));
    if (error != LUCID_OK) {
        return lucid_refuse(job->why, error, "REPLAY", NULL, "the new store cannot be written: %s",
                            lucid_error_name(error));
    }
    job->chunk = 0;
    error = store_event_scan(job->from, job->next, event_copy, job);
    if (error == LUCID_OK && job->next == before) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK) {
        ledger_batch_abort(to);
        return job->why != NULL && job->why->text[0] != '\0'
                   ? error
                   : lucid_refuse(job->why, error, "REPLAY", NULL, "event %llu cannot be read",
                                  (unsigned long long)job->next);
    }
    error = ledger_batch_commit(to);
    return error == LUCID_OK
               ? LUCID_OK
               : lucid_refuse(job->why, error, "REPLAY", NULL,
                              "the new store cannot be written: %s", lucid_error_name(error));
}

/* --- digests ---------------------------------------------------------------------------------- */

static struct replay_digest *digest_new(struct replay_digests *digests, const char *what,
                                        const char *name)
{
    lucid_assert(digests->count < REPLAY_DIGESTS_MAX);
    struct replay_digest *digest = &digests->part[digests->count++];
    *digest = (struct replay_digest){.rows = 0};
    (void)snprintf(digest->name, sizeof(digest->name), "%s%s", what, name);
    return digest;
}

static void digest_add(struct replay_digest *digest, struct lucid_span a, struct lucid_span b)
{
    uint8_t len[4];
    lucid_put_be32(len, (uint32_t)a.len);
    const struct lucid_span parts[] = {lucid_span(digest->hash, sizeof(digest->hash)),
                                       lucid_span(len, sizeof(len)), a, b};
    lucid_sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), digest->hash);
    digest->rows++;
}

struct log_digests {
    struct store_view *view;
    struct replay_digest *events;
    struct replay_digest *bodies; /* NULL: not wanted */
    struct replay_digest *leaves;
    struct replay_digest *nodes;
};

static enum lucid_error event_digest(void *context, const struct store_event *event)
{
    struct log_digests *log = context;
    /* The hash is over the rest, and replaying has checked it. */
    digest_add(log->events, lucid_span(event->hash, STORE_HASH_BYTES), event->payload);
    if (log->bodies == NULL) {
        return LUCID_OK;
    }
    struct lucid_span body;
    uint8_t sequence[8];
    lucid_put_be64(sequence, event->sequence);
    enum lucid_error error = store_body_read(log->view, event->sequence, &body);
    if (error == LUCID_NOTE_ERASED) {
        body = lucid_span("erased", 6);
        error = LUCID_OK;
    }
    if (error == LUCID_OK) {
        digest_add(log->bodies, lucid_span(sequence, sizeof(sequence)), body);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

static enum lucid_error leaf_digest(void *context, const struct store_leaf_run *run)
{
    struct log_digests *log = context;
    if (!store_leaf_run_holds(run)) { /* the service would refuse it: never equal */
        digest_add(log->leaves, lucid_span_str("sum"), lucid_span(NULL, 0));
    }
    for (uint32_t i = 0; i < run->count; i++) {
        uint8_t row[24];
        struct store_leaf leaf = store_leaf_at(run, i);
        lucid_put_be64(row, leaf.sequence);
        lucid_put_be64(row + 8, leaf.tags[0]);
        lucid_put_be64(row + 16, leaf.tags[1]);
        digest_add(log->leaves, lucid_span(row, sizeof(row)), lucid_span(NULL, 0));
    }
    for (size_t at = 0; at + MMR_HASH_BYTES <= run->nodes.len; at += MMR_HASH_BYTES) {
        digest_add(log->nodes, lucid_span(run->nodes.data + at, MMR_HASH_BYTES),
                   lucid_span(NULL, 0));
    }
    return LUCID_OK;
}

static enum lucid_error table_digest(struct store_view *view, uint32_t table,
                                     struct replay_digest *digest)
{
    uint8_t at[STORE_KEY_BYTES_MAX];
    struct lucid_span from = lucid_span("", 0);
    for (;;) {
        struct lucid_span key;
        struct lucid_span value;
        enum lucid_error error = store_seek(view, table, STORE_SEEK_GT, from, &key, &value);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
        }
        digest_add(digest, key, value);
        if (key.len > sizeof(at)) {
            return LUCID_FATAL_CORRUPT;
        }
        memcpy(at, key.data, key.len);
        from = lucid_span(at, key.len);
    }
}

static bool table_counts(const char *name)
{
    return strcmp(name, "meta") != 0 && strcmp(name, table_folds) != 0;
}

/* In the order of `order`'s tables, whose handles may differ from this store's. */
static enum lucid_error digests_take(struct store *store, struct store *order,
                                     struct store_view *view, bool bodies,
                                     struct replay_digests *ret)
{
    ret->count = 0;
    struct log_digests log = {
        .view = view,
        .events = digest_new(ret, "events", ""),
        .leaves = digest_new(ret, "leaves", ""),
        .nodes = digest_new(ret, "nodes", ""),
    };
    log.bodies = bodies ? digest_new(ret, "bodies", "") : NULL;
    enum lucid_error error = store_event_scan(view, 1, event_digest, &log);
    if (error == LUCID_OK) {
        error = store_leaf_scan_raw(view, 0, leaf_digest, &log);
    }
    for (uint32_t t = 0; error == LUCID_OK && store_table_name(order, t) != NULL; t++) {
        const char *name = store_table_name(order, t);
        uint32_t table;
        if (table_counts(name)) {
            struct replay_digest *digest = digest_new(ret, table_prefix, name);
            digest->missing = store_table_find(store, name, &table) != LUCID_OK;
            error = digest->missing ? LUCID_OK : table_digest(view, table, digest);
        }
    }
    return error;
}

static enum lucid_error to_digests(const struct replay_options *options, struct replay_digests *ret)
{
    struct store *store = ledger_store(options->to);
    struct store_view *view;
    enum lucid_error error = store_view_open(store, &view);
    if (error != LUCID_OK) {
        return error;
    }
    error = store_view_begin(view);
    if (error == LUCID_OK) {
        error = digests_take(store, options->from, view, options->bodies, ret);
        store_view_end(view);
    }
    store_view_close(view);
    return error;
}

/* --- kinds ------------------------------------------------------------------------------------ */

enum { FOLD_ROW_BYTES = 5, FOLD_LIVE = 1 }; /* version u32, state u8: ledger/fold.c */

static const struct ledger_kind *kind_find(struct lucid_span name, const struct ledger_use *uses,
                                           size_t count)
{
    for (size_t u = 0; u < count; u++) {
        if (lucid_span_is(name, uses[u].kind->name)) {
            return uses[u].kind;
        }
    }
    return NULL;
}

static bool fold_rests(const struct ledger_kind *kind, struct lucid_span row)
{
    return row.len == FOLD_ROW_BYTES &&
           (row.data[4] != FOLD_LIVE || lucid_get_be32(row.data) < kind->fold_version);
}

static void tables_mark(const struct ledger_kind *kind, struct replay_digests *digests)
{
    for (const char *const *table = kind->tables; table != NULL && *table != NULL; table++) {
        for (size_t i = 0; i < digests->count; i++) {
            const char *name = digests->part[i].name;
            if (strncmp(name, table_prefix, sizeof(table_prefix) - 1) == 0 &&
                strcmp(name + sizeof(table_prefix) - 1, *table) == 0) {
                digests->part[i].rests = true;
            }
        }
    }
}

static void name_add(struct lucid_buf *list, struct lucid_span name)
{
    lucid_buf_str(list, list->len > 0 ? ", " : "");
    lucid_buf_span_put(list, name);
}

static enum lucid_error folds_scan(struct store_view *view, uint32_t folds,
                                   const struct ledger_use *uses, size_t count,
                                   struct replay_digests *digests, struct replay_folds *ret)
{
    uint8_t at[STORE_KEY_BYTES_MAX];
    struct lucid_span from = lucid_span("", 0);
    for (;;) {
        struct lucid_span key;
        struct lucid_span value;
        enum lucid_error error = store_seek(view, folds, STORE_SEEK_GT, from, &key, &value);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
        }
        if (key.len > sizeof(at)) {
            return LUCID_FATAL_CORRUPT;
        }
        const struct ledger_kind *kind = kind_find(key, uses, count);
        if (kind != NULL && fold_rests(kind, value)) {
            name_add(&ret->resting, key);
            tables_mark(kind, digests);
        } else if (kind == NULL && !lucid_span_is(key, LEDGER_TREE_FOLD)) {
            name_add(&ret->unknown, key);
        }
        memcpy(at, key.data, key.len);
        from = lucid_span(at, key.len);
    }
}

enum lucid_error replay_folds_read(struct store *store, const struct ledger_use *uses, size_t count,
                                   struct replay_digests *digests, struct replay_folds *ret)
{
    uint32_t folds;
    struct store_view *view;
    if (store_table_find(store, table_folds, &folds) != LUCID_OK) {
        return LUCID_OK; /* nothing was folded ever */
    }
    enum lucid_error error = store_view_open(store, &view);
    if (error != LUCID_OK) {
        return error;
    }
    error = store_view_begin(view);
    if (error == LUCID_OK) {
        error = folds_scan(view, folds, uses, count, digests, ret);
        store_view_end(view);
    }
    store_view_close(view);
    return error;
}

/* --- both ------------------------------------------------------------------------------------- */

/* Copies until the source has nothing more; *ret_done then, with the view still open. */
static enum lucid_error step(struct job *job, bool *ret_done)
{
    struct store_counts counts;
    enum lucid_error error = store_view_begin(job->from);
    if (error != LUCID_OK) {
        return error;
    }
    store_counts_read(job->from, &counts);
    if (job->options->progress != NULL) {
        job->options->progress(job->options->context, job->next - 1, counts.events);
    }
    *ret_done = job->next > counts.events;
    if (*ret_done) {
        return LUCID_OK;
    }
    error = chunk_copy(job);
    store_view_end(job->from);
    return error;
}

enum lucid_error replay_run(const struct replay_options *options, struct replay_digests *ret_from,
                            struct replay_digests *ret_to, struct lucid_why *why)
{
    struct job job = {.options = options, .why = why, .next = 1};
    bool done = false;
    enum lucid_error error = store_view_open(options->from, &job.from);
    if (error != LUCID_OK) {
        return error;
    }
    while (error == LUCID_OK && !done) {
        error = step(&job, &done);
    }
    if (error == LUCID_OK) {
        error = digests_take(options->from, options->from, job.from, options->bodies, ret_from);
        store_view_end(job.from);
        if (error == LUCID_OK) {
            error = to_digests(options, ret_to);
        }
        if (error != LUCID_OK) {
            lucid_refuse(why, error, "REPLAY", NULL, "the stores cannot be compared: %s",
                         lucid_error_name(error));
        }
    }
    store_view_close(job.from);
    return error;
}

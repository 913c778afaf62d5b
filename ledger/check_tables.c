/* The kinds' tables against a fold of the events into tables in memory, made anew; and the tables
 * meta and folds. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/check_internal.h"

enum { FOLD_ROW_BYTES = 5, NEWER_MAX = 100 };

static const char table_meta[] = "meta";
static const char key_migration[] = "migration";

/* --- folding ---------------------------------------------------------------------------------- */

enum lucid_error check_fold_open(struct check *check, struct check_fold **ret)
{
    struct check_fold *fold = calloc(1, sizeof(*fold));
    if (fold == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    fold->check = check;
    fold->next = 1;
    fold->end = check->counts.events;
    enum lucid_error error = store_view_open(check->store, &fold->view);
    if (error != LUCID_OK) {
        free(fold);
        return error;
    }
    *ret = fold;
    return LUCID_OK;
}

void check_fold_close(struct check_fold *fold)
{
    if (fold != NULL) {
        store_view_close(fold->view);
        free(fold);
    }
}

uint64_t check_fold_events(const struct check_fold *fold)
{
    return fold->next - 1;
}

const struct check_report *check_fold_report(const struct check_fold *fold)
{
    return &fold->report;
}

static enum lucid_error fold_event(void *context, const struct store_event *event)
{
    struct check_fold *fold = context;
    struct ledger *shadow = fold->check->shadow;
    if (event->sequence > fold->end || fold->chunk == CHECK_RANGE_MAX) {
        return LUCID_NOTE_END;
    }
    const struct ledger_type *type = ledger_type_find(shadow, event->type);
    struct ledger_event seen;
    enum lucid_error error = ledger_event_see(shadow, type, event, shadow->staged.leaves, &seen);
    if (error == LUCID_OK) {
        shadow->staged.leaves += event->entry != NULL;
        error = ledger_fold_event(shadow, type, &seen, UINT32_MAX);
    }
    if (check_passes_on(error)) {
        return error;
    }
    if (error != LUCID_OK) {
        check_add(&fold->report, CHECK_EVENT, event->sequence, CHECK_NO_LEAF,
                  "the event cannot be folded: %s", lucid_error_name(error));
    }
    fold->next = event->sequence + 1;
    fold->chunk++;
    return LUCID_OK;
}

/* One chunk of events in a batch of the memory store, adopted at its end. */
static enum lucid_error fold_chunk(struct check_fold *fold)
{
    struct ledger *shadow = fold->check->shadow;
    enum lucid_error error = store_batch_begin(shadow->store, &shadow->batch);
    if (error != LUCID_OK) {
        return error;
    }
    ledger_stage_reset(shadow);
    shadow->txn = (struct ledger_txn){
        .ledger = shadow,
        .view = fold->view,
        .tables = store_batch_view(shadow->batch),
    };
    fold->chunk = 0;
    error = store_event_scan(fold->view, fold->next, fold_event, fold);
    enum lucid_error flushed = ledger_rows_flush(shadow);
    if (check_passes_on(error) || flushed != LUCID_OK) {
        ledger_batch_abort(shadow);
        return check_passes_on(error) ? error : flushed;
    }
    if (error != LUCID_OK || fold->chunk == 0) {
        check_add_undecided(&fold->report, CHECK_TABLE, fold->next,
                            "tables are not compared: an event cannot be read");
        fold->broken = true;
    }
    struct store_batch *batch = shadow->batch;
    shadow->batch = NULL;
    error = store_batch_commit(batch);
    if (error == LUCID_OK) {
        shadow->committed = shadow->staged;
        for (uint32_t u = 0; u < shadow->use_count; u++) {
            memcpy(shadow->states[u].committed, shadow->states[u].staged, LEDGER_MEMORY_BYTES_MAX);
        }
    }
    ledger_stage_reset(shadow);
    return error;
}

static uint64_t fold_bytes(const struct check_fold *fold)
{
    struct store_stats stats;
    store_stats_read(fold->check->memory, &stats);
    return stats.bytes_used;
}

/* The last step: in one view, the events that came meanwhile and then the tables. */
static enum lucid_error fold_end(struct check_fold *fold)
{
    struct store_counts counts;
    store_counts_read(fold->view, &counts);
    fold->end = counts.events;
    while (fold->next <= fold->end && !fold->broken) {
        enum lucid_error error = fold_chunk(fold);
        if (error != LUCID_OK) {
            return error;
        }
    }
    if (!fold->broken) {
        check_tables_compare(fold, fold->view);
    }
    return LUCID_OK;
}

enum lucid_error check_fold_step(struct check_fold *fold, bool *ret_done)
{
    uint64_t bytes_max = fold->check->fold_bytes_max;
    if (bytes_max != 0 && fold_bytes(fold) > bytes_max && !fold->broken) {
        check_add_undecided(&fold->report, CHECK_TABLE, 0,
                            "tables are not compared: they are larger than may be held in memory");
        fold->broken = true;
    }
    if (fold->broken) {
        *ret_done = true;
        return LUCID_OK;
    }
    enum lucid_error error = store_view_begin(fold->view);
    if (error != LUCID_OK) {
        if (check_passes_on(error)) {
            return error;
        }
        check_add(&fold->report, CHECK_STORE, 0, CHECK_NO_LEAF, "the store cannot be looked at: %s",
                  lucid_error_name(error));
        *ret_done = true;
        return LUCID_OK;
    }
    bool last = fold->next > fold->end;
    error = last ? fold_end(fold) : fold_chunk(fold);
    store_view_end(fold->view);
    if (error == LUCID_OK) {
        *ret_done = last;
    }
    return error;
}

/* --- comparing -------------------------------------------------------------------------------- */

static void row_name(struct check_finding *finding, const char *table, struct lucid_span key)
{
    if (finding == NULL) {
        return;
    }
    size_t len =
        key.len < (sizeof(finding->key) - 1) / 2 ? key.len : (sizeof(finding->key) - 1) / 2;
    (void)snprintf(finding->table, sizeof(finding->table), "%s", table);
    lucid_hex_encode(key.data, len, finding->key);
    finding->key[2 * len] = '\0';
}

static int keys_compare(struct lucid_span a, struct lucid_span b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

struct table_walk {
    struct store_view *view;
    uint32_t table;
    enum lucid_error error; /* NOTE_ABSENT at the end */
    struct lucid_span key;
    struct lucid_span value;
    uint8_t at[STORE_KEY_BYTES_MAX];
};

static void walk_next(struct table_walk *walk)
{
    struct lucid_span from = lucid_span("", 0);
    if (walk->key.len > 0) {
        memcpy(walk->at, walk->key.data, walk->key.len);
        from = lucid_span(walk->at, walk->key.len);
    }
    walk->error =
        store_seek(walk->view, walk->table, STORE_SEEK_GT, from, &walk->key, &walk->value);
    if (walk->error == LUCID_OK && (walk->key.len == 0 || walk->key.len > STORE_KEY_BYTES_MAX ||
                                    (from.len > 0 && keys_compare(walk->key, from) <= 0))) {
        walk->error = LUCID_FATAL_CORRUPT; /* keys out of order would be walked for ever */
    }
}

static int walks_order(const struct table_walk *a, const struct table_walk *b)
{
    if (a->error != LUCID_OK || b->error != LUCID_OK) {
        return a->error == LUCID_OK ? -1 : 1;
    }
    return keys_compare(a->key, b->key);
}

static void table_compare(struct check_fold *fold, const char *name, struct table_walk *want,
                          struct table_walk *is)
{
    struct check_report *report = &fold->report;
    walk_next(want);
    walk_next(is);
    while (want->error == LUCID_OK || is->error == LUCID_OK) {
        if (is->error != LUCID_OK && is->error != LUCID_NOTE_ABSENT) {
            break;
        }
        int order = walks_order(want, is);
        if (order < 0) {
            row_name(check_add(report, CHECK_TABLE, 0, CHECK_NO_LEAF,
                               "a row that the events make is missing"),
                     name, want->key);
        } else if (order > 0) {
            row_name(check_add(report, CHECK_TABLE, 0, CHECK_NO_LEAF, "a row that no event makes"),
                     name, is->key);
        } else if (!lucid_span_equal(want->value, is->value)) {
            struct check_finding *finding = check_add(report, CHECK_TABLE, 0, CHECK_NO_LEAF,
                                                      "a row is not what the events make of it");
            row_name(finding, name, is->key);
            check_pair_hex(finding, want->value, is->value);
        }
        if (order <= 0) {
            walk_next(want);
        }
        if (order >= 0) {
            walk_next(is);
            report->rows++;
        }
    }
    if (is->error != LUCID_NOTE_ABSENT) {
        struct check_finding *finding =
            check_add(report, CHECK_TABLE, 0, CHECK_NO_LEAF, "the table cannot be read");
        row_name(finding, name, lucid_span("", 0));
    }
}

/* The kind that owns a table; NULL: none that is known here. */
static const struct ledger_kind *owner_find(const struct ledger *shadow, const char *table)
{
    for (uint32_t u = 0; u < shadow->use_count; u++) {
        const char *const *name = shadow->uses[u].kind->tables;
        for (; name != NULL && *name != NULL; name++) {
            if (strcmp(*name, table) == 0) {
                return shadow->uses[u].kind;
            }
        }
    }
    return NULL;
}

/* Whether a fold of that name is a plugin's, which rests while this is not loaded. */
static bool fold_may_rest(const struct check *check, const char *name)
{
    const struct ledger *shadow = check->shadow;
    for (size_t u = shadow->use_count - check->plugin_uses; u < shadow->use_count; u++) {
        if (strcmp(shadow->uses[u].kind->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a plugin's fold rests: told, and not compared. */
static bool fold_rests(struct check_fold *fold, const char *name, enum lucid_error error,
                       struct lucid_span row)
{
    bool rests = error == LUCID_NOTE_ABSENT ||
                 (error == LUCID_OK && row.len == FOLD_ROW_BYTES && row.data[4] == 0);
    if (!rests || !fold_may_rest(fold->check, name)) {
        return false;
    }
    row_name(check_add_undecided(&fold->report, CHECK_STORE, 0,
                                 "the kind %s is a plugin's that the service did not run with "
                                 "last: its tables are folded at its next start",
                                 name),
             LEDGER_FOLDS_TABLE, lucid_span_str(name));
    return true;
}

/* How a fold stands: whether its tables can be compared with what this program makes. */
static bool fold_row_check(struct check_fold *fold, struct store_view *view, uint32_t folds,
                           const char *name, uint32_t version)
{
    struct check_report *report = &fold->report;
    struct lucid_span key = lucid_span_str(name);
    struct lucid_span row = {NULL, 0};
    enum lucid_error error = store_get(view, folds, key, &row);
    if (fold_rests(fold, name, error, row)) {
        return false;
    }
    if (error != LUCID_OK || row.len != FOLD_ROW_BYTES) {
        row_name(check_add(report, CHECK_STORE, 0, CHECK_NO_LEAF,
                           "the fold %s has no good row in the table of folds", name),
                 LEDGER_FOLDS_TABLE, key);
        return false;
    }
    uint32_t stored = lucid_get_be32(row.data);
    if (stored == version && row.data[4] == 1) {
        return true;
    }
    struct check_finding *finding = NULL;
    if (stored > version && stored - version <= NEWER_MAX && row.data[4] <= 1) {
        finding = check_add_undecided(report, CHECK_STORE, 0,
                                      "the fold %s is of a newer program (or damaged)", name);
    } else if (stored < version && stored >= 1 && row.data[4] <= 1) {
        finding = check_add_undecided(report, CHECK_STORE, 0,
                                      "the fold %s is of an older program: the service's next "
                                      "start makes it anew",
                                      name);
    } else {
        finding = check_add(report, CHECK_STORE, 0, CHECK_NO_LEAF,
                            "the fold %s is not complete, or its row is damaged", name);
    }
    row_name(finding, LEDGER_FOLDS_TABLE, key);
    check_pair_u64(finding, version, stored);
    return false;
}

/* Rows of folds that are nobody's here. */
static void folds_others_check(struct check_fold *fold, struct table_walk *walk)
{
    const struct ledger *shadow = fold->check->shadow;
    for (walk_next(walk); walk->error == LUCID_OK; walk_next(walk)) {
        bool known = lucid_span_is(walk->key, LEDGER_TREE_FOLD);
        for (uint32_t u = 0; !known && u < shadow->use_count; u++) {
            known = lucid_span_is(walk->key, shadow->uses[u].kind->name);
        }
        fold->report.rows++;
        if (!known) {
            row_name(check_add_undecided(&fold->report, CHECK_STORE, 0,
                                         "the kind %.*s is not known here: it is a plugin's that "
                                         "is not loaded, or a newer program's",
                                         (int)walk->key.len, (const char *)walk->key.data),
                     LEDGER_FOLDS_TABLE, walk->key);
        }
    }
    if (walk->error != LUCID_NOTE_ABSENT) {
        row_name(
            check_add(&fold->report, CHECK_STORE, 0, CHECK_NO_LEAF, "the table cannot be read"),
            LEDGER_FOLDS_TABLE, lucid_span("", 0));
    }
}

static void meta_check(struct check_fold *fold, struct store_view *view, uint32_t table)
{
    uint32_t known = fold->check->migration;
    struct check_report *report = &fold->report;
    struct lucid_span key = lucid_span_str(key_migration);
    struct lucid_span value;
    enum lucid_error error = store_get(view, table, key, &value);
    if (known == 0) {
        return;
    }
    if (error != LUCID_OK || value.len != 4) {
        row_name(check_add(report, CHECK_STORE, 0, CHECK_NO_LEAF,
                           "the number of the newest migration is not there"),
                 table_meta, key);
        return;
    }
    report->rows++;
    uint32_t stored = lucid_get_be32(value.data);
    if (stored == known) {
        return;
    }
    struct check_finding *finding;
    if (stored == 0 || stored > known + NEWER_MAX) {
        finding = check_add(report, CHECK_STORE, 0, CHECK_NO_LEAF,
                            "no program made a migration of this number");
    } else {
        finding = check_add_undecided(
            report, CHECK_STORE, 0, "the store was migrated by %s program (or the row is damaged)",
            stored > known ? "a newer" : "an older");
    }
    row_name(finding, table_meta, key);
    check_pair_u64(finding, known, stored);
}

/* A table of the store, by its name. */
static void table_check(struct check_fold *fold, struct store_view *view, const char *name,
                        uint32_t folds, bool folds_known)
{
    struct check *check = fold->check;
    const struct ledger_kind *kind = owner_find(check->shadow, name);
    struct store_view *memory = NULL;
    struct table_walk want = {.error = LUCID_OK};
    struct table_walk is = {.view = view};
    if (kind == NULL ||
        (folds_known && !fold_row_check(fold, view, folds, kind->name, kind->fold_version))) {
        return;
    }
    if (store_table_find(check->store, name, &is.table) != LUCID_OK) {
        row_name(check_add(&fold->report, CHECK_TABLE, 0, CHECK_NO_LEAF, "the table is missing"),
                 name, lucid_span("", 0));
        return;
    }
    if (store_table_find(check->memory, name, &want.table) != LUCID_OK ||
        store_view_open(check->memory, &memory) != LUCID_OK) {
        return;
    }
    if (store_view_begin(memory) == LUCID_OK) {
        want.view = memory;
        table_compare(fold, name, &want, &is);
        store_view_end(memory);
    }
    store_view_close(memory);
}

void check_tables_compare(struct check_fold *fold, struct store_view *view)
{
    struct check *check = fold->check;
    struct check_report *report = &fold->report;
    uint32_t folds = 0;
    uint32_t meta = 0;
    bool folds_known = store_table_find(check->store, LEDGER_FOLDS_TABLE, &folds) == LUCID_OK;
    if (!folds_known) {
        check_add(report, CHECK_STORE, 0, CHECK_NO_LEAF, "the table of folds is missing");
    } else {
        struct table_walk walk = {.view = view, .table = folds};
        folds_others_check(fold, &walk);
        (void)fold_row_check(fold, view, folds, LEDGER_TREE_FOLD, LEDGER_TREE_FOLD_VERSION);
    }
    if (store_table_find(check->store, table_meta, &meta) == LUCID_OK) {
        meta_check(fold, view, meta);
    } else if (check->migration != 0) {
        check_add(report, CHECK_STORE, 0, CHECK_NO_LEAF, "the table meta is missing");
    }
    for (uint32_t u = 0; u < check->shadow->use_count; u++) {
        const struct ledger_kind *kind = check->shadow->uses[u].kind;
        const char *const *name = kind->tables;
        if (folds_known && (name == NULL || *name == NULL)) {
            (void)fold_row_check(fold, view, folds, kind->name, kind->fold_version);
        }
        for (; name != NULL && *name != NULL; name++) {
            table_check(fold, view, *name, folds, folds_known);
        }
    }
    for (uint32_t t = 0; store_table_name(check->store, t) != NULL; t++) {
        const char *name = store_table_name(check->store, t);
        if (strcmp(name, table_meta) != 0 && strcmp(name, LEDGER_FOLDS_TABLE) != 0 &&
            owner_find(check->shadow, name) == NULL) {
            row_name(check_add_undecided(report, CHECK_TABLE, 0,
                                         "a table of a kind that is not known here"),
                     name, lucid_span("", 0));
        }
    }
}

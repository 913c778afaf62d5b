#include "ledger/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/blob.h"
#include "ledger/check_internal.h"
#include "ledger/erasure.h"
#include "ledger/log_internal.h"
#include "ledger/receipt_internal.h"
#include "ledger/store/memory.h"

enum {
    WORKER_ARENA_BYTES = 8 << 20,
    SHADOW_LEAVES = 1 << 16,
    EVENT_BYTES_MIN = 44, /* of a stored row */
    LEAF_BYTES_MIN = 56,
};

/* --- findings --------------------------------------------------------------------------------- */

const char *check_class_name(enum check_class class)
{
    static const char *const names[CHECK_CLASSES] = {
        "store", "event", "chain", "receipt", "signature", "body",
        "leaf",  "node",  "head",  "epoch",   "table",
    };
    lucid_assert(class < CHECK_CLASSES);
    return names[class];
}

/* Whether another finding of that class is kept. */
static bool finding_fits(const struct check_report *report, enum check_class class)
{
    size_t kept = 0;
    for (size_t i = 0; i < report->kept_count; i++) {
        kept += report->kept[i].class == class;
    }
    return kept < CHECK_FINDINGS_KEPT_CLASS && report->kept_count < CHECK_FINDINGS_KEPT;
}

static struct check_finding *finding_new(struct check_report *report, enum check_class class,
                                         uint64_t sequence, uint64_t leaf)
{
    if (!finding_fits(report, class)) {
        return NULL;
    }
    struct check_finding *finding = &report->kept[report->kept_count++];
    *finding = (struct check_finding){.class = class, .sequence = sequence, .leaf = leaf};
    return finding;
}

static void text_set(struct check_finding *finding, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Damaged bytes may be part of a text: it stays printable. */
static void text_set(struct check_finding *finding, const char *format, va_list arguments)
{
    (void)vsnprintf(finding->text, sizeof(finding->text), format, arguments);
    for (char *at = finding->text; *at != '\0'; at++) {
        *at = *at < 0x20 || *at > 0x7e ? '?' : *at;
    }
}

struct check_finding *check_add(struct check_report *report, enum check_class class,
                                uint64_t sequence, uint64_t leaf, const char *format, ...)
{
    report->damage[class]++;
    struct check_finding *finding = finding_new(report, class, sequence, leaf);
    if (finding != NULL) {
        va_list arguments;
        va_start(arguments, format);
        text_set(finding, format, arguments);
        va_end(arguments);
    }
    return finding;
}

struct check_finding *check_add_undecided(struct check_report *report, enum check_class class,
                                          uint64_t sequence, const char *format, ...)
{
    report->undecided++;
    struct check_finding *finding = finding_new(report, class, sequence, CHECK_NO_LEAF);
    if (finding != NULL) {
        va_list arguments;
        va_start(arguments, format);
        text_set(finding, format, arguments);
        va_end(arguments);
        finding->undecided = true;
    }
    return finding;
}

static void hex_cut(struct lucid_span bytes, char *out, size_t size)
{
    size_t len = bytes.len < (size - 1) / 2 ? bytes.len : (size - 1) / 2;
    lucid_hex_encode(bytes.data, len, out);
    out[2 * len] = '\0';
}

void check_pair_hex(struct check_finding *finding, struct lucid_span expected,
                    struct lucid_span found)
{
    if (finding != NULL) {
        hex_cut(expected, finding->expected, sizeof(finding->expected));
        hex_cut(found, finding->found, sizeof(finding->found));
    }
}

void check_pair_u64(struct check_finding *finding, uint64_t expected, uint64_t found)
{
    if (finding != NULL) {
        (void)snprintf(finding->expected, sizeof(finding->expected), "%llu",
                       (unsigned long long)expected);
        (void)snprintf(finding->found, sizeof(finding->found), "%llu", (unsigned long long)found);
    }
}

bool check_passes_on(enum lucid_error error)
{
    return error == LUCID_RETRY_MEMORY || error == LUCID_RETRY_BUSY;
}

uint64_t check_report_damage(const struct check_report *report)
{
    uint64_t sum = 0;
    for (size_t class = 0; class < CHECK_CLASSES; class ++) {
        sum += report->damage[class];
    }
    return sum;
}

void check_report_merge(struct check_report *into, const struct check_report *from)
{
    into->events += from->events;
    into->receipts += from->receipts;
    into->signatures += from->signatures;
    into->bodies += from->bodies;
    into->erased += from->erased;
    into->erasures += from->erasures;
    into->leaves += from->leaves;
    into->nodes += from->nodes;
    into->heads += from->heads;
    into->epochs += from->epochs;
    into->rows += from->rows;
    into->undecided += from->undecided;
    for (size_t class = 0; class < CHECK_CLASSES; class ++) {
        into->damage[class] += from->damage[class];
    }
    for (size_t i = 0; i < from->kept_count; i++) {
        if (finding_fits(into, from->kept[i].class)) {
            into->kept[into->kept_count++] = from->kept[i];
        }
    }
}

static void finding_write(const struct check_finding *finding, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "class", check_class_name(finding->class));
    lucid_json_member_bool(out, "undecided", finding->undecided);
    if (finding->sequence != 0) {
        lucid_json_member_u64(out, "sequence", finding->sequence);
    }
    if (finding->leaf != CHECK_NO_LEAF) {
        lucid_json_member_u64(out, "leaf_index", finding->leaf);
    }
    if (finding->table[0] != '\0') {
        lucid_json_member_cstr(out, "table", finding->table);
        lucid_json_member_cstr(out, "key", finding->key);
    }
    lucid_json_member_cstr(out, "text", finding->text);
    if (finding->expected[0] != '\0' || finding->found[0] != '\0') {
        lucid_json_member_cstr(out, "expected", finding->expected);
        lucid_json_member_cstr(out, "found", finding->found);
    }
    lucid_buf_char(out, '}');
}

void check_report_write(const struct check_report *report, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "events", report->events);
    lucid_json_member_u64(out, "receipts", report->receipts);
    lucid_json_member_u64(out, "signatures", report->signatures);
    lucid_json_member_u64(out, "bodies", report->bodies);
    lucid_json_member_u64(out, "erased", report->erased);
    lucid_json_member_u64(out, "leaves", report->leaves);
    lucid_json_member_u64(out, "nodes", report->nodes);
    lucid_json_member_u64(out, "heads", report->heads);
    lucid_json_member_u64(out, "epochs", report->epochs);
    lucid_json_member_u64(out, "rows", report->rows);
    lucid_json_member_u64(out, "damage", check_report_damage(report));
    lucid_json_member_u64(out, "undecided", report->undecided);
    lucid_json_member(out, "by_class");
    lucid_buf_char(out, '{');
    for (size_t class = 0; class < CHECK_CLASSES; class ++) {
        lucid_json_member_u64(out, check_class_name((enum check_class) class),
                              report->damage[class]);
    }
    lucid_buf_char(out, '}');
    lucid_json_member(out, "findings");
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < report->kept_count; i++) {
        if (i > 0) {
            lucid_buf_char(out, ',');
        }
        finding_write(&report->kept[i], out);
    }
    lucid_buf_str(out, "]}");
}

/* --- opening ---------------------------------------------------------------------------------- */

static enum lucid_error batch_table(struct store_batch *batch, const char *name)
{
    uint32_t table;
    return store_table_create(batch, name, &table);
}

/* The tables that the store has, and those that the kinds want. */
static enum lucid_error tables_mirror(struct check *check, const struct check_options *options)
{
    struct store_batch *batch;
    enum lucid_error error = store_batch_begin(check->memory, &batch);
    if (error != LUCID_OK) {
        return error;
    }
    error = batch_table(batch, LEDGER_FOLDS_TABLE);
    for (uint32_t t = 0; error == LUCID_OK && store_table_name(check->store, t) != NULL; t++) {
        error = batch_table(batch, store_table_name(check->store, t));
    }
    for (size_t u = 0; u < options->use_count; u++) {
        const char *const *name = options->uses[u].kind->tables;
        for (; error == LUCID_OK && name != NULL && *name != NULL; name++) {
            error = batch_table(batch, *name);
        }
    }
    if (error != LUCID_OK) {
        store_batch_abort(batch);
        return error;
    }
    return store_batch_commit(batch);
}

/* Whose log it is, from its first event; damage there is found by the range that has it. */
static void identity_read(struct check *check, struct store_view *view)
{
    struct store_event first;
    check->identity_known = store_event_read(view, 1, &first) == LUCID_OK &&
                            log_init_parse(&first, &check->identity) == LUCID_OK;
    if (!check->vkey_known && check->identity_known) {
        check->vkey_known =
            ledger_vkey_parse(lucid_span_str(check->identity.vkey), &check->vkey, NULL) == LUCID_OK;
    }
}

/* A damaged key at the log's end may claim any number of rows: no more are looked for than the
 * store has room for. */
static void counts_bound(struct check *check)
{
    struct store_stats stats;
    store_stats_read(check->store, &stats);
    uint64_t events = stats.bytes_used / EVENT_BYTES_MIN;
    uint64_t leaves = stats.bytes_used / LEAF_BYTES_MIN;
    check->counts_wrong = check->counts.events > events || check->counts.leaves > leaves;
    check->counts.events = check->counts.events < events ? check->counts.events : events;
    check->counts.leaves = check->counts.leaves < leaves ? check->counts.leaves : leaves;
}

static enum lucid_error snapshot_take(struct check *check)
{
    struct store_view *view;
    enum lucid_error error = store_view_open(check->store, &view);
    if (error != LUCID_OK) {
        return error;
    }
    error = store_view_begin(view);
    if (error == LUCID_OK) {
        store_counts_read(view, &check->counts);
        counts_bound(check);
        identity_read(check, view);
        store_view_end(view);
    }
    store_view_close(view);
    return error;
}

enum lucid_error check_open(struct store *store, const struct check_options *options,
                            struct check **ret, struct lucid_why *why)
{
    struct check *check = calloc(1, sizeof(*check));
    if (check == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    check->store = store;
    check->quick = options->quick;
    check->still = options->still;
    check->migration = options->migration;
    check->plugin_uses = options->plugin_uses;
    check->fold_bytes_max = options->fold_bytes_max;
    if (options->vkey != NULL) {
        check->vkey = *options->vkey;
        check->vkey_known = true;
        check->vkey_given = true;
    }
    const struct ledger_options shadow = {
        .uses = options->uses,
        .use_count = options->use_count,
        .leaves_max = SHADOW_LEAVES,
    };
    enum lucid_error error = store_memory_open(&check->memory);
    if (error == LUCID_OK) {
        error = tables_mirror(check, options);
    }
    if (error == LUCID_OK) {
        error = ledger_open(check->memory, &shadow, &check->shadow, why);
    }
    if (error == LUCID_OK) {
        check->erasures_known =
            store_table_find(store, ledger_erasure_kind.tables[0], &check->erasures) == LUCID_OK;
        error = snapshot_take(check);
    }
    if (error != LUCID_OK) {
        check_close(check);
        return lucid_refuse(why, error, "CHECK", NULL, "the store cannot be looked at: %s",
                            lucid_error_name(error));
    }
    *ret = check;
    return LUCID_OK;
}

void check_close(struct check *check)
{
    if (check != NULL) {
        ledger_close(check->shadow);
        store_close(check->memory);
        free(check);
    }
}

uint64_t check_events(const struct check *check)
{
    return check->counts.events;
}

uint64_t check_leaves(const struct check *check)
{
    return check->counts.leaves;
}

bool check_log_identity(const struct check *check, struct ledger_identity *ret)
{
    if (check->identity_known) {
        *ret = check->identity;
    }
    return check->identity_known;
}

enum lucid_error check_worker_open(struct check *check, struct check_worker **ret)
{
    struct check_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    worker->check = check;
    lucid_arena_init(&worker->arena, WORKER_ARENA_BYTES);
    lucid_buf_init(&worker->canonical, 0);
    lucid_buf_init(&worker->nodes, 0);
    worker->rows = calloc(CHECK_RANGE_MAX, sizeof(*worker->rows));
    enum lucid_error error = worker->rows == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
    if (error == LUCID_OK) {
        error = store_view_open(check->store, &worker->view);
    }
    if (error != LUCID_OK) {
        check_worker_close(worker);
        return error;
    }
    *ret = worker;
    return LUCID_OK;
}

void check_worker_close(struct check_worker *worker)
{
    if (worker != NULL) {
        store_view_close(worker->view);
        lucid_arena_fini(&worker->arena);
        lucid_buf_fini(&worker->canonical);
        lucid_buf_fini(&worker->nodes);
        free(worker->rows);
        free(worker);
    }
}

const struct check_report *check_worker_report(const struct check_worker *worker)
{
    return &worker->report;
}

/* --- events ----------------------------------------------------------------------------------- */

static void first_event(struct check_worker *worker, const struct store_event *event)
{
    struct ledger_identity identity;
    if (log_init_parse(event, &identity) != LUCID_OK) {
        check_add(&worker->report, CHECK_EVENT, 1, CHECK_NO_LEAF,
                  "the first event does not say whose log this is");
        return;
    }
    event_hash_first(identity.origin, worker->hash);
    worker->chained = true;
    char vkey[LEDGER_VKEY_BYTES_MAX + 1] = "";
    if (worker->check->vkey_given) {
        vkey[ledger_vkey_format(&worker->check->vkey, vkey)] = '\0';
        if (strcmp(vkey, identity.vkey) != 0) {
            check_add(&worker->report, CHECK_STORE, 1, CHECK_NO_LEAF,
                      "the log names another key than the file vkey does");
        }
    }
}

static void chain_check(struct check_worker *worker, const struct store_event *event)
{
    if (event->sequence == 1) {
        first_event(worker, event);
    }
    if (worker->chained) {
        uint8_t hash[STORE_HASH_BYTES];
        event_hash(worker->hash, event, hash);
        if (memcmp(hash, event->hash, sizeof(hash)) != 0) {
            check_pair_hex(check_add(&worker->report, CHECK_CHAIN, event->sequence, CHECK_NO_LEAF,
                                     "the event does not have the hash that the chain gives it"),
                           lucid_span(hash, sizeof(hash)),
                           lucid_span(event->hash, STORE_HASH_BYTES));
        }
        if (event->time_ms < worker->time_ms) {
            check_pair_u64(check_add(&worker->report, CHECK_EVENT, event->sequence, CHECK_NO_LEAF,
                                     "the event is older than the one before it"),
                           worker->time_ms, event->time_ms);
        }
    }
    memcpy(worker->hash, event->hash, STORE_HASH_BYTES);
    worker->time_ms = event->time_ms;
    worker->chained = true;
}

static uint64_t id_tag(struct check_worker *worker, const struct ledger_type *type,
                       const struct store_event *event)
{
    const struct ledger *shadow = worker->check->shadow;
    struct lucid_span payload;
    if (type == NULL || shadow->uses[type->owner].kind->id_tag == NULL ||
        ledger_payload_upcast(type, event->version, event->payload, &worker->arena, &payload) !=
            LUCID_OK) {
        return 0;
    }
    return shadow->uses[type->owner].kind->id_tag(payload);
}

static void entry_check(struct check_worker *worker, const struct ledger_type *type,
                        const struct store_event *event)
{
    struct store_leaf *row = &worker->rows[worker->row_count++];
    *row = (struct store_leaf){
        .sequence = event->sequence,
        .tags = {ledger_tag_hash(event->entry), id_tag(worker, type, event)},
    };
    check_edge_append(worker, event->entry);
    worker->report.leaves++;
}

static void type_check(struct check_worker *worker, const struct ledger_type *type,
                       const struct store_event *event)
{
    struct check_report *report = &worker->report;
    if (type == NULL) {
        check_add_undecided(report, CHECK_EVENT, event->sequence,
                            "an event type that this program does not know: %.*s",
                            (int)event->type.len, (const char *)event->type.data);
    } else if (event->version > type->type->version) {
        check_add_undecided(report, CHECK_EVENT, event->sequence,
                            "version %u of %s, this program knows %u", (unsigned)event->version,
                            type->type->name, (unsigned)type->type->version);
    }
}

static bool body_fits(struct check_worker *worker, const struct ledger_type *type,
                      const struct store_event *event, struct lucid_span body)
{
    const struct ledger_kind *kind = worker->check->shadow->uses[type->owner].kind;
    struct ledger_event seen = {
        .sequence = event->sequence,
        .time_ms = event->time_ms,
        .type = event->type,
        .version = type->type->version,
        .entry = event->entry,
    };
    return ledger_payload_upcast(type, event->version, event->payload, &worker->arena,
                                 &seen.payload) == LUCID_OK &&
           kind->body_fits(kind, &seen, body);
}

/* The body of an event that is no receipt: a part of a blob, or what a plugin keeps there. */
static void other_body_check(struct check_worker *worker, const struct ledger_type *type,
                             const struct store_event *event)
{
    struct check_report *report = &worker->report;
    bool may = worker->check->shadow->uses[type->owner].kind->body_fits != NULL;
    struct lucid_span body;
    enum lucid_error error = store_body_read(worker->view, event->sequence, &body);
    if (error == LUCID_NOTE_ABSENT) {
        if (lucid_span_is(event->type, ledger_blob_kind.types[0].name)) {
            check_add(report, CHECK_BODY, event->sequence, CHECK_NO_LEAF,
                      "the bytes of the blob's part are missing");
        }
    } else if (!may) {
        check_add(report, CHECK_BODY, event->sequence, CHECK_NO_LEAF,
                  "a body lies beside an event that has none");
    } else if (error == LUCID_NOTE_ERASED) {
        report->erased++;
    } else if (error != LUCID_OK) {
        check_add(report, CHECK_BODY, event->sequence, CHECK_NO_LEAF, "the body cannot be read: %s",
                  lucid_error_name(error));
    } else {
        report->bodies++;
        if (event->version <= type->type->version && !body_fits(worker, type, event, body)) {
            check_add(report, CHECK_BODY, event->sequence, CHECK_NO_LEAF,
                      "the body is not the one that the event was logged with");
        }
    }
}

static enum lucid_error event_one(void *context, const struct store_event *event)
{
    struct check_worker *worker = context;
    if (event->sequence > worker->to) {
        return LUCID_NOTE_END;
    }
    worker->next = event->sequence + 1;
    worker->report.events++;
    lucid_arena_reset(&worker->arena);
    const struct ledger_type *type = ledger_type_find(worker->check->shadow, event->type);
    uint64_t leaf = worker->first_leaf + worker->row_count;
    chain_check(worker, event);
    type_check(worker, type, event);
    if (event->entry != NULL) {
        entry_check(worker, type, event);
    }
    if (lucid_span_is(event->type, RECEIPT_EVENT_TYPE)) {
        check_receipt(worker, event, leaf);
    } else if (type != NULL) {
        other_body_check(worker, type, event);
    }
    if (lucid_span_is(event->type, ledger_head_kind.types[0].name)) {
        check_head(worker, event);
    } else if (lucid_span_is(event->type, ledger_epoch_kind.types[0].name)) {
        check_epoch(worker, event);
    } else if (lucid_span_is(event->type, ledger_erasure_kind.types[0].name)) {
        worker->report.erasures++;
    } else {
        worker->report.erasures += ledger_blob_erased_parts(event->type, event->payload);
    }
    return LUCID_OK;
}

/* Scans on; an event that cannot be read is a finding, and the next one that can goes on. */
static enum lucid_error events_scan(struct check_worker *worker)
{
    while (worker->next <= worker->to) {
        enum lucid_error error = store_event_scan(worker->view, worker->next, event_one, worker);
        if (check_passes_on(error)) {
            return error;
        }
        if (error == LUCID_OK && worker->next > worker->to) {
            return LUCID_OK;
        }
        uint64_t bad = worker->next;
        struct store_event event;
        do {
            worker->next++;
            error = worker->next <= worker->to
                        ? store_event_read(worker->view, worker->next, &event)
                        : LUCID_OK;
        } while (error != LUCID_OK && !check_passes_on(error));
        check_add(&worker->report, CHECK_STORE, bad, CHECK_NO_LEAF,
                  "the events %llu to %llu cannot be read", (unsigned long long)bad,
                  (unsigned long long)(worker->next - 1));
        worker->chained = false;
        worker->edge.known = false;
        worker->comparable =
            worker->comparable < worker->row_count ? worker->comparable : worker->row_count;
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

/* Hash and time of the event before the range. */
static void before_read(struct check_worker *worker, uint64_t from)
{
    struct store_event before;
    worker->chained = false;
    worker->time_ms = 0;
    if (from > 1 && store_event_read(worker->view, from - 1, &before) == LUCID_OK) {
        memcpy(worker->hash, before.hash, STORE_HASH_BYTES);
        worker->time_ms = before.time_ms;
        worker->chained = true;
    }
}

static enum lucid_error range_run(struct check_worker *worker, uint64_t from)
{
    uint64_t first_leaf = 0;
    worker->row_count = 0;
    worker->comparable = CHECK_RANGE_MAX;
    lucid_buf_clear(&worker->nodes);
    before_read(worker, from);
    enum lucid_error error = check_leaf_find(worker, from, &first_leaf);
    if (check_passes_on(error)) {
        return error;
    }
    bool placed = error == LUCID_OK;
    worker->first_leaf = first_leaf;
    check_edge_begin(worker, first_leaf);
    worker->edge.known = worker->edge.known && placed;
    error = events_scan(worker);
    if (error != LUCID_OK) {
        return error;
    }
    if (!lucid_buf_ok(&worker->nodes)) {
        return LUCID_RETRY_MEMORY;
    }
    return placed ? check_leaves_compare(worker) : LUCID_OK;
}

enum lucid_error check_range(struct check_worker *worker, uint64_t from, uint64_t to)
{
    lucid_assert(from >= 1 && to >= from && to - from < CHECK_RANGE_MAX);
    lucid_assert(to <= worker->check->counts.events);
    worker->next = from;
    worker->to = to;
    enum lucid_error error = store_view_begin(worker->view);
    if (error == LUCID_OK) {
        error = range_run(worker, from);
        store_view_end(worker->view);
    } else if (!check_passes_on(error)) {
        check_add(&worker->report, CHECK_STORE, from, CHECK_NO_LEAF,
                  "the store cannot be looked at: %s", lucid_error_name(error));
        error = LUCID_OK;
    }
    return error;
}

void check_finish(const struct check *check, struct check_report *report)
{
    if (check->counts_wrong) {
        check_add(report, CHECK_STORE, 0, CHECK_NO_LEAF,
                  "the store claims more events or leaves than it has room for");
    }
    if (report->events != check->counts.events) {
        check_pair_u64(
            check_add(report, CHECK_EVENT, 0, CHECK_NO_LEAF, "not every event could be read"),
            check->counts.events, report->events);
    }
    if (report->leaves != check->counts.leaves) {
        check_pair_u64(check_add(report, CHECK_LEAF, 0, CHECK_NO_LEAF,
                                 "the events log another number of leaves than the tree has"),
                       report->leaves, check->counts.leaves);
    }
    if (check->still && report->erasures != report->erased) {
        check_pair_u64(check_add(report, CHECK_BODY, 0, CHECK_NO_LEAF,
                                 "another number of bodies is erased than events say"),
                       report->erasures, report->erased);
    }
    if (check->counts.events == 0) {
        check_add(report, CHECK_STORE, 0, CHECK_NO_LEAF, "there is no log in the store");
    }
}

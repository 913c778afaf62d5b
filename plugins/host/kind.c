/* A plugin's kinds as the ledger's: the verbs of struct lucid_plugin_kind behind those of struct
 * ledger_kind, with budgets. What a plugin drafts is kept back until its verb has returned well, so
 * a verb that breaks a rule or a budget leaves nothing behind. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/assert.h"
#include "base/log.h"
#include "ledger/ledger.h"
#include "plugins/host/kind_internal.h"

static const struct plugin_kind *kind_of_txn(const struct ledger_txn *txn)
{
    return (const struct plugin_kind *)(const void *)ledger_txn_kind(txn);
}

static struct lucid_plugin_event event_give(const struct ledger_event *event)
{
    return (struct lucid_plugin_event){
        .sequence = event->sequence,
        .time_ms = event->time_ms,
        .type = plugin_bytes(event->type),
        .version = event->version,
        .payload = plugin_bytes(event->payload),
        .entry = event->entry,
        .leaf = event->leaf,
    };
}

/* Hands the drafts of a verb that returned well to the ledger. */
static enum lucid_error drafts_give(struct lucid_plugin_txn *txn)
{
    enum lucid_error error = LUCID_OK;
    for (struct plugin_given *given = txn->first; error == LUCID_OK && given != NULL;
         given = given->next) {
        error = ledger_txn_draft(txn->txn, &given->draft, &given->appended);
    }
    return error;
}

/* --- decide ----------------------------------------------------------------------------------- */

/* How long a verb took, and whether the thread gave the processor away by itself meanwhile. */
struct pace {
    uint64_t wall_us;
    uint64_t cpu_us;
    long yields;
    long faults;
    long writes;
};

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct pace pace_now(void)
{
    struct rusage usage;
    memset(&usage, 0, sizeof(usage));
    (void)getrusage(RUSAGE_THREAD, &usage);
    return (struct pace){
        .wall_us = clock_us(CLOCK_MONOTONIC),
        .cpu_us = clock_us(CLOCK_THREAD_CPUTIME_ID),
        .yields = usage.ru_nvcsw,
        .faults = usage.ru_majflt,
        .writes = usage.ru_oublock,
    };
}

/* Slow by its own doing: it computed that long, or it waited for something that was not a page of
 * the store, read or (of a large batch) written. A thread that the system let wait is not the
 * plugin's fault. */
static bool pace_is_slow(const struct pace *from, const struct pace *to)
{
    enum { SLOW_US = PLUGIN_SLOW_DECIDE_MS * 1000 };
    return to->wall_us - from->wall_us > SLOW_US &&
           (to->cpu_us - from->cpu_us > SLOW_US ||
            (to->yields > from->yields && to->faults == from->faults &&
             to->writes == from->writes));
}

static void slow_note(struct plugin *plugin, uint64_t took_us)
{
    uint64_t now_ms = clock_us(CLOCK_BOOTTIME) / 1000;
    plugin->slow_at_ms[plugin->slow_next] = now_ms;
    plugin->slow_next = (plugin->slow_next + 1) % PLUGIN_SLOW_MAX;
    uint64_t first = plugin->slow_at_ms[plugin->slow_next]; /* of the newest PLUGIN_SLOW_MAX */
    atomic_fetch_add_explicit(&plugin->slow_decides, 1, memory_order_relaxed);
    lucid_log(LUCID_LOG_WARN, "plugin.slow", "%s held the writer for %llu ms", plugin->module->name,
              (unsigned long long)(took_us / 1000));
    if (first != 0 && now_ms - first <= PLUGIN_SLOW_WITHIN_MS) {
        atomic_store_explicit(&plugin->suspended, true, memory_order_relaxed);
        lucid_log(LUCID_LOG_ERROR, "plugin.suspended",
                  "%s was slow %d times: its commands are refused until the next start",
                  plugin->module->name, PLUGIN_SLOW_MAX);
    }
}

/* After a verb that began at `from`. */
static void pace_judge(struct plugin *plugin, const struct pace *from)
{
    struct pace to = pace_now();
    if (pace_is_slow(from, &to)) {
        slow_note(plugin, to.wall_us - from->wall_us);
    }
}

/* A refusal for both who ask: the writer, and the route with the plugin's own status. */
static enum lucid_error decide_refuse(struct plugin_command *command, struct lucid_why *why,
                                      enum lucid_error error, int status, const char *code,
                                      const char *text)
{
    struct lucid_plugin_why *said = &command->why;
    if (said->code == NULL) {
        said->code = code;
        said->status = status;
    }
    if (said->text[0] == '\0') {
        (void)snprintf(said->text, sizeof(said->text), "%s", text);
    }
    plugin_why_mend(said);
    atomic_fetch_add_explicit(&command->plugin->refusals, 1, memory_order_relaxed);
    return lucid_refuse(why, error, said->code, said->param[0] == '\0' ? NULL : said->param, "%s",
                        said->text);
}

/* What the host found, whatever decide answered. LUCID_OK: nothing. */
static enum lucid_error decide_judge(const struct lucid_plugin_txn *txn,
                                     struct plugin_command *command, struct lucid_why *why)
{
    const char *name = txn->kind->module->name;
    if (txn->error == LUCID_OK && !txn->corrupt && !txn->limit && txn->broken == NULL) {
        return LUCID_OK;
    }
    memset(&command->why, 0, sizeof(command->why));
    if (txn->error != LUCID_OK) {
        return txn->error;
    }
    if (txn->corrupt) {
        /* One rotten row must not stop the service. */
        return decide_refuse(command, why, LUCID_RETRY_IO, 500, "CORRUPT",
                             "a stored row is damaged: `lucid log fsck` tells which");
    }
    if (txn->broken != NULL) {
        lucid_log(LUCID_LOG_ERROR, "plugin.broken", "%s, decide: %s", name, txn->broken);
        return decide_refuse(command, why, LUCID_RETRY_IO, 500, "PLUGIN_FAULT",
                             "the plugin did what plugins may not; its log line says what");
    }
    lucid_log(LUCID_LOG_WARN, "plugin.limit", "%s, decide: too many calls or events", name);
    return decide_refuse(command, why, LUCID_RETRY_BUSY, 503, "PLUGIN_LIMIT",
                         "this needs more of the writer than a plugin may take");
}

static enum lucid_error decide_answer(struct plugin_command *command, struct lucid_why *why,
                                      enum lucid_plugin_result result)
{
    switch (result) {
    case LUCID_PLUGIN_OK:
        return LUCID_OK;
    case LUCID_PLUGIN_ABSENT:
        return decide_refuse(command, why, LUCID_REFUSE_INVALID, 404, "NOT_FOUND",
                             "there is no such thing");
    case LUCID_PLUGIN_ERASED:
        return decide_refuse(command, why, LUCID_REFUSE_INVALID, 410, "ERASED", "it was erased");
    case LUCID_PLUGIN_BUSY:
        return decide_refuse(command, why, LUCID_RETRY_BUSY, 503, "OVERLOADED",
                             "the service is busy; try again");
    case LUCID_PLUGIN_CORRUPT:
        return decide_refuse(command, why, LUCID_RETRY_IO, 500, "CORRUPT",
                             "what was read back is not what was stored");
    case LUCID_PLUGIN_REFUSED:
        break;
    }
    return decide_refuse(command, why, LUCID_REFUSE_INVALID, 422, "INVALID_PARAMETER",
                         "the plugin refused this");
}

static enum lucid_error kind_decide(struct ledger_txn *base, struct ledger_command *asked,
                                    struct lucid_why *why)
{
    const struct plugin_kind *kind = kind_of_txn(base);
    struct plugin *plugin = kind->plugin;
    struct plugin_command *command = (struct plugin_command *)(void *)asked;
    lucid_assert(command->plugin == plugin);
    memset(&command->why, 0, sizeof(command->why));
    command->given = NULL;
    if (atomic_load_explicit(&plugin->suspended, memory_order_relaxed)) {
        return decide_refuse(command, why, LUCID_RETRY_BUSY, 503, "PLUGIN_SUSPENDED",
                             "this part of the service held up the rest and is suspended");
    }
    if (ledger_txn_arena(base)->total > PLUGIN_BATCH_BYTES_MAX) {
        return decide_refuse(command, why, LUCID_RETRY_BUSY, 503, "OVERLOADED",
                             "too much is being written at once; try again");
    }
    struct lucid_plugin_txn txn = {.txn = base, .kind = kind, .verb = PLUGIN_VERB_DECIDE};
    struct pace from = pace_now();
    plugin_txn_enter(&txn);
    enum lucid_plugin_result result = kind->module->decide(plugin->self, &plugin->host, &txn,
                                                           command->asked->data, &command->why);
    plugin_txn_leave(&txn);
    pace_judge(plugin, &from);
    enum lucid_error error = decide_judge(&txn, command, why);
    if (error == LUCID_OK) {
        error = decide_answer(command, why, result);
    }
    if (error == LUCID_OK) {
        memset(&command->why, 0, sizeof(command->why));
        error = drafts_give(&txn);
        command->given = txn.first;
    }
    return error;
}

/* Numbers of what was appended, where the plugin wants them. */
static void kind_conclude(struct ledger_txn *txn, struct ledger_command *asked)
{
    (void)txn;
    struct plugin_command *command = (struct plugin_command *)(void *)asked;
    for (struct plugin_given *given = command->given; given != NULL; given = given->next) {
        const struct ledger_draft *draft = given->appended;
        if (given->ret == NULL) {
            continue;
        }
        *given->ret = (struct lucid_plugin_event){
            .sequence = draft->sequence,
            .time_ms = draft->time_ms,
            .type = plugin_bytes(lucid_span_str(draft->type)),
            .version = draft->version,
            .payload = given->payload,
            .entry = given->entry,
            .leaf = given->entry == NULL ? 0 : draft->leaf,
        };
    }
    command->given = NULL; /* the batch's memory ends with it */
}

/* --- apply and react -------------------------------------------------------------------------- */

static enum lucid_error kind_apply(struct ledger_txn *base, const struct ledger_event *event)
{
    const struct plugin_kind *kind = kind_of_txn(base);
    const struct lucid_plugin_event seen = event_give(event);
    struct lucid_plugin_txn txn = {.txn = base, .kind = kind, .verb = PLUGIN_VERB_APPLY};
    /* Nobody waits for a replay, or for a check, which is on another thread. */
    bool live = kind->plugin->opened && !ledger_txn_is_check(base);
    struct pace from = {.wall_us = 0};
    if (live) {
        from = pace_now();
    }
    plugin_txn_enter(&txn);
    enum lucid_plugin_result result = kind->module->apply(&kind->plugin->host, &txn, &seen);
    plugin_txn_leave(&txn);
    if (live) {
        pace_judge(kind->plugin, &from);
    }
    if (txn.error != LUCID_OK) {
        return txn.error;
    }
    const char *fault = txn.broken;
    if (fault == NULL && txn.limit) {
        fault = "too many calls";
    }
    if (fault == NULL && txn.corrupt) {
        fault = "a row of its own is damaged";
    }
    if (fault == NULL && result != LUCID_PLUGIN_OK) {
        fault = "it refused the event";
    }
    if (fault == NULL) {
        return LUCID_OK;
    }
    lucid_log(LUCID_LOG_ERROR, "plugin.apply", "%s, event %llu: %s", kind->module->name,
              (unsigned long long)event->sequence, fault);
    return LUCID_FATAL_CORRUPT;
}

/* A reaction is the plugin's own affair: one that fails is dropped and told in the log, and the
 * event that it would have followed stands. */
static enum lucid_error kind_react(struct ledger_txn *base, const struct ledger_event *event)
{
    const struct plugin_kind *kind = kind_of_txn(base);
    struct plugin *plugin = kind->plugin;
    const struct lucid_plugin_event seen = event_give(event);
    if (atomic_load_explicit(&plugin->suspended, memory_order_relaxed)) {
        return LUCID_OK;
    }
    struct lucid_plugin_txn txn = {.txn = base, .kind = kind, .verb = PLUGIN_VERB_REACT};
    struct pace from = pace_now();
    plugin_txn_enter(&txn);
    enum lucid_plugin_result result = kind->module->react(plugin->self, &plugin->host, &txn, &seen);
    plugin_txn_leave(&txn);
    pace_judge(plugin, &from);
    if (txn.error != LUCID_OK) {
        return txn.error;
    }
    unsigned depth = ledger_txn_depth(base);
    uint32_t before = depth == 0 ? 0 : plugin->reactions;
    bool deep = txn.first != NULL &&
                (depth >= LEDGER_REACT_DEPTH_MAX || before + txn.drafts > PLUGIN_REACTIONS_MAX);
    if (result == LUCID_PLUGIN_OK && txn.broken == NULL && !txn.limit && !txn.corrupt && !deep) {
        plugin->reactions = before + txn.drafts;
        return drafts_give(&txn);
    }
    atomic_fetch_add_explicit(&plugin->refusals, 1, memory_order_relaxed);
    lucid_log(LUCID_LOG_ERROR, "plugin.react", "%s, event %llu: %s", kind->module->name,
              (unsigned long long)event->sequence,
              txn.broken != NULL ? txn.broken
              : deep             ? "reactions to reactions without end"
              : txn.limit        ? "too many calls or events"
                                 : "it failed");
    return LUCID_OK;
}

/* --- what is pure ----------------------------------------------------------------------------- */

static enum lucid_error kind_upcast(const struct ledger_event_type *type, uint16_t from,
                                    struct lucid_span payload, struct lucid_arena *arena,
                                    struct lucid_span *ret)
{
    const struct plugin_kind *kind = type->context;
    const struct lucid_plugin_event_type *module = &kind->module->types[type - kind->types];
    struct lucid_plugin_txn txn = {.kind = kind, .verb = PLUGIN_VERB_PURE};
    struct lucid_plugin_out out = {.left = NULL};
    struct lucid_span kept = {NULL, 0};
    lucid_buf_init(&out.buf, LUCID_PLUGIN_PAYLOAD_BYTES_MAX);
    plugin_txn_enter(&txn);
    enum lucid_plugin_result result =
        module->upcast(&kind->plugin->host, from, plugin_bytes(payload), &out);
    plugin_txn_leave(&txn);
    bool good = result == LUCID_PLUGIN_OK && txn.broken == NULL && lucid_buf_ok(&out.buf);
    if (good) {
        kept = lucid_arena_copy(arena, lucid_buf_span(&out.buf));
    } else {
        lucid_log(LUCID_LOG_ERROR, "plugin.upcast", "%s, %s version %u: %s", kind->module->name,
                  type->name, (unsigned)from,
                  txn.broken != NULL ? txn.broken : "it cannot be read");
    }
    lucid_buf_fini(&out.buf);
    if (!good) {
        return LUCID_FATAL_CORRUPT;
    }
    if (kept.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *ret = kept;
    return LUCID_OK;
}

static bool kind_body_fits(const struct ledger_kind *base, const struct ledger_event *event,
                           struct lucid_span body)
{
    const struct plugin_kind *kind = (const struct plugin_kind *)(const void *)base;
    if (kind->module->body_fits == NULL) {
        return true;
    }
    const struct lucid_plugin_event seen = event_give(event);
    struct lucid_plugin_txn txn = {.kind = kind, .verb = PLUGIN_VERB_PURE};
    plugin_txn_enter(&txn);
    bool fits = kind->module->body_fits(&kind->plugin->host, &seen, plugin_bytes(body));
    plugin_txn_leave(&txn);
    return fits && txn.broken == NULL;
}

/* --- making them ------------------------------------------------------------------------------ */

const struct plugin_kind *plugin_kind_of(const struct ledger_kind *kind)
{
    return kind->apply == kind_apply ? (const struct plugin_kind *)(const void *)kind : NULL;
}

static void table_name(const struct lucid_plugin_kind *module, unsigned table,
                       char ret[STORE_NAME_BYTES_MAX + 1])
{
    int len = snprintf(ret, STORE_NAME_BYTES_MAX + 1, "%s.%s", module->name, module->tables[table]);
    lucid_assert(len > 0 && len <= STORE_NAME_BYTES_MAX); /* loading has checked it */
}

static void kind_make(struct plugin *plugin, const struct lucid_plugin_kind *module,
                      struct plugin_kind *kind)
{
    unsigned types = 0;
    for (; module->types != NULL && module->types[types].name != NULL; types++) {
        lucid_assert(types < PLUGIN_TYPES_MAX);
        kind->types[types] = (struct ledger_event_type){
            .name = module->types[types].name,
            .version = module->types[types].version,
            .upcast = module->types[types].upcast == NULL ? NULL : kind_upcast,
            .context = kind,
        };
    }
    for (; module->tables != NULL && module->tables[kind->table_count] != NULL;
         kind->table_count++) {
        lucid_assert(kind->table_count < PLUGIN_TABLES_MAX);
        table_name(module, kind->table_count, kind->names[kind->table_count]);
        kind->tables[kind->table_count] = kind->names[kind->table_count];
    }
    kind->plugin = plugin;
    kind->module = module;
    kind->kind = (struct ledger_kind){
        .name = module->name,
        .fold_version = module->fold_version,
        .types = kind->types,
        .tables = kind->tables,
        .listens = module->listens,
        .decide = kind_decide,
        .apply = kind_apply,
        .react = module->react == NULL ? NULL : kind_react,
        .conclude = kind_conclude,
        .body_fits = kind_body_fits,
    };
}

static enum lucid_error kinds_make(struct plugin *plugin)
{
    _Static_assert((int)PLUGIN_TABLES_MAX <= (int)LEDGER_TABLES_PER_KIND, "a kind has its tables");
    const struct lucid_plugin_kind *module = plugin->module->kinds;
    size_t count = 0;
    while (module != NULL && module[count].name != NULL) {
        count++;
    }
    lucid_assert(count <= PLUGIN_KINDS_MAX);
    plugin->kinds = calloc(count == 0 ? 1 : count, sizeof(*plugin->kinds));
    if (plugin->kinds == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    plugin->kind_count = count;
    for (size_t i = 0; i < count; i++) {
        kind_make(plugin, &module[i], &plugin->kinds[i]);
    }
    return LUCID_OK;
}

void plugin_kinds_free(struct plugin *plugin)
{
    free(plugin->kinds);
    plugin->kinds = NULL;
    plugin->kind_count = 0;
}

static bool type_is_known(const struct ledger_kind *kind, const char *name)
{
    for (const struct ledger_event_type *type = kind->types; type->name != NULL; type++) {
        if (strcmp(type->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum lucid_error conflict_check(const struct plugin *plugin, const struct ledger_kind *mine,
                                       const struct ledger_kind *other, struct lucid_why *why)
{
    const char *name = plugin->module->name;
    if (strcmp(mine->name, other->name) == 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PLUGIN_CONFLICT", "plugins",
                            "plugin %s: there is a kind %s already", name, mine->name);
    }
    for (const struct ledger_event_type *type = mine->types; type->name != NULL; type++) {
        if (type_is_known(other, type->name)) {
            return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PLUGIN_CONFLICT", "plugins",
                                "plugin %s: there are events %s already", name, type->name);
        }
    }
    return LUCID_OK;
}

enum lucid_error plugin_kinds_use(struct plugin *plugin, struct ledger_use *uses, size_t max,
                                  size_t *count, struct lucid_why *why)
{
    if (plugin->kinds == NULL && kinds_make(plugin) != LUCID_OK) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory");
    }
    for (size_t i = 0; i < plugin->kind_count; i++) {
        const struct ledger_kind *kind = &plugin->kinds[i].kind;
        if (*count >= max || *count >= LEDGER_KINDS_MAX) {
            return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PLUGIN_CONFLICT", "plugins",
                                "plugin %s: there are too many kinds of events; %d are the most",
                                plugin->module->name, LEDGER_KINDS_MAX);
        }
        if (strcmp(kind->name, LEDGER_TREE_FOLD) == 0) {
            return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PLUGIN_CONFLICT", "plugins",
                                "plugin %s: a kind cannot be called %s", plugin->module->name,
                                kind->name);
        }
        for (size_t u = 0; u < *count; u++) {
            enum lucid_error error = conflict_check(plugin, kind, uses[u].kind, why);
            if (error != LUCID_OK) {
                return error;
            }
        }
        uses[(*count)++] = (struct ledger_use){.kind = kind, .config = NULL};
    }
    return LUCID_OK;
}

enum lucid_error plugin_tables_create(const struct plugin *plugin, struct store *store)
{
    struct store_batch *batch;
    enum lucid_error error = store_batch_begin(store, &batch);
    if (error != LUCID_OK) {
        return error;
    }
    const struct lucid_plugin_kind *module = plugin->module->kinds;
    for (; error == LUCID_OK && module != NULL && module->name != NULL; module++) {
        for (unsigned t = 0;
             error == LUCID_OK && module->tables != NULL && module->tables[t] != NULL; t++) {
            char name[STORE_NAME_BYTES_MAX + 1];
            uint32_t table;
            table_name(module, t, name);
            error = store_table_create(batch, name, &table);
        }
    }
    if (error != LUCID_OK) {
        store_batch_abort(batch);
        return error;
    }
    return store_batch_commit(batch);
}

/* --- commands --------------------------------------------------------------------------------- */

static struct plugin_kind *kind_find(struct plugin *plugin, const char *name)
{
    for (size_t i = 0; i < plugin->kind_count; i++) {
        if (name != NULL && strcmp(plugin->kinds[i].kind.name, name) == 0) {
            return &plugin->kinds[i];
        }
    }
    return NULL;
}

/* The blobs as further parts; the same bytes twice are one. */
static enum lucid_error blobs_prepare(struct plugin_command *command, struct lucid_arena *arena,
                                      struct lucid_why *why)
{
    const struct lucid_plugin_command *asked = command->asked;
    struct ledger_command **end = &command->command.next_part;
    size_t sum = 0;
    if (asked->blob_count > LUCID_PLUGIN_BLOBS_MAX) {
        return lucid_refuse(why, LUCID_RETRY_BUSY, "PLUGIN_LIMIT", NULL, "too many blobs");
    }
    for (size_t i = 0; i < asked->blob_count; i++) {
        struct ledger_blob_command *blob = lucid_arena_alloc(arena, sizeof(*blob));
        if (blob == NULL) {
            return LUCID_RETRY_MEMORY;
        }
        enum lucid_error error = ledger_blob_prepare(blob, plugin_span(asked->blobs[i]), why);
        sum += asked->blobs[i].len;
        if (error == LUCID_OK && sum > PLUGIN_BLOBS_BYTES_MAX) {
            error = lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "BLOB_TOO_LARGE", NULL,
                                 "the blobs of one command have at most %zu bytes",
                                 PLUGIN_BLOBS_BYTES_MAX);
        }
        if (error != LUCID_OK) {
            return error;
        }
        bool again = false;
        for (struct ledger_command *at = command->command.next_part; at != NULL;
             at = at->next_part) {
            const struct ledger_blob_command *other = (const struct ledger_blob_command *)at;
            again = again || memcmp(other->sha256, blob->sha256, sizeof(blob->sha256)) == 0;
        }
        if (!again) {
            *end = &blob->command;
            end = &blob->command.next_part;
        }
    }
    return LUCID_OK;
}

enum lucid_error plugin_command_prepare(struct plugin *plugin,
                                        const struct lucid_plugin_command *asked,
                                        struct lucid_arena *arena, struct plugin_command **ret,
                                        struct lucid_why *why)
{
    _Static_assert(LUCID_PLUGIN_BLOBS_MAX + 2 <= LEDGER_PARTS_MAX, "payment, command, blobs");
    struct plugin_kind *kind = kind_find(plugin, asked->kind);
    if (kind == NULL) {
        return lucid_refuse(why, LUCID_RETRY_IO, "PLUGIN_KIND", NULL,
                            "the plugin has no kind of that name");
    }
    struct plugin_command *command = lucid_arena_zalloc(arena, sizeof(*command));
    if (command == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    command->command.kind = &kind->kind;
    command->plugin = plugin;
    command->asked = asked;
    enum lucid_error error = blobs_prepare(command, arena, why);
    if (error == LUCID_OK) {
        *ret = command;
    }
    return error;
}

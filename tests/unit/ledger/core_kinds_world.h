/* Kinds made for tests: they do what a command's script says and write down what ran. */
#ifndef LUCID_TESTS_LEDGER_CORE_KINDS_WORLD_H
#define LUCID_TESTS_LEDGER_CORE_KINDS_WORLD_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ledger/core_world.h"

/* One line per verb that ran: "one.apply 2 text". */
static char kinds_trace[8192];

static inline void kinds_note(const char *what, uint64_t sequence, struct lucid_span text)
{
    size_t len = strlen(kinds_trace);
    lucid_assert(len + 256 < sizeof(kinds_trace));
    snprintf(kinds_trace + len, sizeof(kinds_trace) - len, "%s%s %u%s%.*s", len == 0 ? "" : "\n",
             what, (unsigned)sequence, text.len == 0 ? "" : " ", (int)text.len,
             (const char *)text.data);
}

static bool kinds_quiet; /* many events: no trace */

enum kinds_misuse {
    MISUSE_NONE,
    MISUSE_PUT_IN_DECIDE,
    MISUSE_DEL_IN_DECIDE,
    MISUSE_PUT_IN_REACT,
    MISUSE_PUT_IN_CONCLUDE,
    MISUSE_PUT_IN_GUARD,
    MISUSE_DRAFT_IN_APPLY,
    MISUSE_DRAFT_IN_CONCLUDE,
    MISUSE_DRAFT_IN_GUARD,
    MISUSE_CONFIG_IN_APPLY,
    MISUSE_NOW_IN_APPLY,
    MISUSE_NODES_IN_APPLY,
    MISUSE_FIND_IN_APPLY,
    MISUSE_FOREIGN_TYPE,
    MISUSE_NEWER_VERSION,
    MISUSE_TABLE_INDEX,
    MISUSE_PAYLOAD_LEN,
    MISUSE_REACT_TOO_DEEP,
    MISUSE_COUNT,
};
static enum kinds_misuse kinds_misuse; /* set in a child process only */

struct script {
    struct ledger_command command;
    enum lucid_error outcome; /* of decide, after its drafts */
    enum lucid_error conclude_as;
    const char *texts[4]; /* payloads of "one.did" to draft */
    uint16_t version;     /* of the drafts */
    bool with_entry;
    uint8_t entry[STORE_ENTRY_BYTES];
    const struct ledger_draft *drafted[4];
    unsigned concluded;
};

struct one_memory {
    uint64_t applied;
};

static inline enum lucid_error kinds_misuse_write(struct ledger_txn *txn)
{
    return ledger_txn_put(txn, 0, lucid_span_str("key"), lucid_span_str("value"));
}

static inline enum lucid_error kinds_misuse_draft(struct ledger_txn *txn)
{
    struct ledger_draft draft = {.type = "one.did", .payload = lucid_span_str("never")};
    return ledger_txn_draft(txn, &draft, NULL);
}

static inline enum lucid_error one_misuse_decide(struct ledger_txn *txn)
{
    static const uint8_t large[STORE_PAYLOAD_BYTES_MAX + 1];
    struct ledger_draft draft = {.type = "one.did", .payload = lucid_span_str("x")};
    switch ((int)kinds_misuse) {
    case MISUSE_PUT_IN_DECIDE:
        return kinds_misuse_write(txn);
    case MISUSE_DEL_IN_DECIDE:
        return ledger_txn_del(txn, 0, lucid_span_str("key"));
    case MISUSE_FOREIGN_TYPE:
        draft.type = "watch.saw";
        return ledger_txn_draft(txn, &draft, NULL);
    case MISUSE_NEWER_VERSION:
        draft.version = 9;
        return ledger_txn_draft(txn, &draft, NULL);
    case MISUSE_PAYLOAD_LEN:
        draft.payload = lucid_span(large, sizeof(large));
        return ledger_txn_draft(txn, &draft, NULL);
    default:
        return LUCID_OK;
    }
}

static inline enum lucid_error one_decide(struct ledger_txn *txn, struct ledger_command *command,
                                          struct lucid_why *why)
{
    struct script *script = (struct script *)command;
    if (!kinds_quiet) {
        kinds_note("one.decide", 0, lucid_span_str(""));
    }
    lucid_assert(*(const int *)ledger_txn_config(txn) == 42);
    enum lucid_error error = one_misuse_decide(txn);
    for (size_t i = 0; error == LUCID_OK && i < 4 && script->texts[i] != NULL; i++) {
        struct ledger_draft draft = {
            .type = "one.did",
            .version = script->version,
            .payload = lucid_span_str(script->texts[i]),
            .entry = script->with_entry ? script->entry : NULL,
        };
        error = ledger_txn_draft(txn, &draft, &script->drafted[i]);
    }
    if (error == LUCID_OK && script->outcome != LUCID_OK) {
        return lucid_refuse(why, script->outcome, "SCRIPTED", NULL, "as the script says");
    }
    return error;
}

static inline enum lucid_error one_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    uint8_t key[8];
    uint64_t leaves[16];
    if (!kinds_quiet) {
        kinds_note("one.apply", event->sequence, event->payload);
    }
    switch ((int)kinds_misuse) {
    case MISUSE_DRAFT_IN_APPLY:
        return kinds_misuse_draft(txn);
    case MISUSE_CONFIG_IN_APPLY:
        return ledger_txn_config(txn) == NULL ? LUCID_OK : LUCID_NOTE_END;
    case MISUSE_NOW_IN_APPLY:
        return ledger_txn_now_ms(txn) == 0 ? LUCID_OK : LUCID_NOTE_END;
    case MISUSE_NODES_IN_APPLY:
        return ledger_txn_nodes(txn).get == NULL ? LUCID_OK : LUCID_NOTE_END;
    case MISUSE_FIND_IN_APPLY:
        return ledger_txn_find(txn, 0, 1, leaves, 16) == 0 ? LUCID_OK : LUCID_NOTE_END;
    case MISUSE_TABLE_INDEX:
        return ledger_txn_put(txn, 1, lucid_span_str("key"), lucid_span_str("value"));
    default:
        break;
    }
    struct one_memory *memory = ledger_txn_memory(txn);
    memory->applied++;
    lucid_put_be64(key, event->sequence);
    return ledger_txn_put(txn, 0, lucid_span(key, sizeof(key)), event->payload);
}

/* "again N" is followed by "again N−1". */
static inline enum lucid_error one_react(struct ledger_txn *txn, const struct ledger_event *event)
{
    if (!kinds_quiet) {
        kinds_note("one.react", event->sequence, event->payload);
    }
    if (kinds_misuse == MISUSE_PUT_IN_REACT) {
        return kinds_misuse_write(txn);
    }
    if (event->payload.len != 7 || memcmp(event->payload.data, "again ", 6) != 0 ||
        event->payload.data[6] == '0') {
        return LUCID_OK;
    }
    struct lucid_span text = lucid_arena_copy(ledger_txn_arena(txn), event->payload);
    char *next = lucid_arena_alloc(ledger_txn_arena(txn), 7);
    lucid_assert(text.data != NULL && next != NULL);
    memcpy(next, text.data, 7);
    next[6]--;
    struct ledger_draft draft = {.type = "one.did", .payload = lucid_span(next, 7)};
    return ledger_txn_draft(txn, &draft, NULL);
}

static inline void one_conclude(struct ledger_txn *txn, struct ledger_command *command)
{
    struct script *script = (struct script *)command;
    script->concluded++;
    if (kinds_misuse == MISUSE_PUT_IN_CONCLUDE) {
        command->error = kinds_misuse_write(txn);
    }
    if (kinds_misuse == MISUSE_DRAFT_IN_CONCLUDE) {
        command->error = kinds_misuse_draft(txn);
    }
    if (script->conclude_as != LUCID_OK) {
        command->error = script->conclude_as;
    }
}

static inline enum lucid_error one_load(struct ledger_txn *txn)
{
    struct one_memory *memory = ledger_txn_memory(txn);
    uint8_t at[8];
    struct lucid_span from = lucid_span("", 0);
    struct lucid_span key;
    struct lucid_span value;
    memory->applied = 0;
    while (ledger_txn_seek(txn, 0, STORE_SEEK_GT, from, &key, &value) == LUCID_OK) {
        memory->applied++;
        memcpy(at, key.data, sizeof(at));
        from = lucid_span(at, sizeof(at));
    }
    return LUCID_OK;
}

static const int one_config = 42;
static const struct ledger_event_type one_types[] = {{.name = "one.did", .version = 1},
                                                     {.name = NULL}};
static const char *const one_tables[] = {"one", NULL};
static const struct ledger_kind one_kind = {
    .name = "one",
    .fold_version = 1,
    .types = one_types,
    .tables = one_tables,
    .memory_bytes = sizeof(struct one_memory),
    .load = one_load,
    .decide = one_decide,
    .apply = one_apply,
    .react = one_react,
    .conclude = one_conclude,
};

/* --- kind "watch": listens to "one.did", says "watch.saw" to "tell" ----------------------------
 */

static inline enum lucid_error watch_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    uint8_t key[8];
    if (!kinds_quiet) {
        kinds_note("watch.apply", event->sequence, event->payload);
    }
    lucid_put_be64(key, event->sequence);
    return ledger_txn_put(txn, 0, lucid_span(key, sizeof(key)), event->type);
}

static inline enum lucid_error watch_react(struct ledger_txn *txn, const struct ledger_event *event)
{
    if (!kinds_quiet) {
        kinds_note("watch.react", event->sequence, event->payload);
    }
    if (!lucid_span_is(event->payload, "tell")) {
        return LUCID_OK;
    }
    struct ledger_draft draft = {.type = "watch.saw", .payload = lucid_span_str("told")};
    return ledger_txn_draft(txn, &draft, NULL);
}

static const struct ledger_event_type watch_types[] = {{.name = "watch.saw", .version = 1},
                                                       {.name = NULL}};
static const char *const watch_tables[] = {"watch", NULL};
static const char *const watch_listens[] = {"one.did", NULL};
static const struct ledger_kind watch_kind = {
    .name = "watch",
    .fold_version = 1,
    .types = watch_types,
    .tables = watch_tables,
    .listens = watch_listens,
    .apply = watch_apply,
    .react = watch_react,
};

/* --- kind "every": listens to all events -------------------------------------------------------
 */

static inline enum lucid_error every_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    uint8_t row[8 + 8 + 2];
    if (!kinds_quiet) {
        kinds_note("every.apply", event->sequence, event->payload);
    }
    lucid_put_be64(row, event->sequence);
    lucid_put_be64(row + 8, ledger_txn_leaves(txn));
    lucid_put_be16(row + 16, event->version);
    return ledger_txn_put(txn, 0, lucid_span(row, 8), lucid_span(row + 8, 10));
}

static inline enum lucid_error every_react(struct ledger_txn *txn, const struct ledger_event *event)
{
    (void)txn;
    if (!kinds_quiet) {
        kinds_note("every.react", event->sequence, event->payload);
    }
    return LUCID_OK;
}

static const struct ledger_event_type no_types[] = {{.name = NULL}};
static const char *const every_tables[] = {"every", NULL};
static const char *const every_listens[] = {"*", NULL};
static const struct ledger_kind every_kind = {
    .name = "every",
    .fold_version = 1,
    .types = no_types,
    .tables = every_tables,
    .listens = every_listens,
    .apply = every_apply,
    .react = every_react,
};

/* --- kind "veto": guards kind "one" ------------------------------------------------------------
 */

static bool veto_refuses;

static inline enum lucid_error
veto_guard(struct ledger_txn *txn, const struct ledger_command *command, struct lucid_why *why)
{
    if (!kinds_quiet) {
        kinds_note("veto.guard", 0, lucid_span_str(""));
    }
    lucid_assert(strcmp(command->kind->name, "one") == 0);
    lucid_assert(ledger_txn_now_ms(txn) >= CORE_NOW_MS);
    if (kinds_misuse == MISUSE_PUT_IN_GUARD) {
        return kinds_misuse_write(txn);
    }
    if (kinds_misuse == MISUSE_DRAFT_IN_GUARD) {
        return kinds_misuse_draft(txn);
    }
    return veto_refuses ? lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "VETO", "gas", "not this one")
                        : LUCID_OK;
}

static const struct ledger_kind veto_kind = {
    .name = "veto",
    .fold_version = 1,
    .types = no_types,
    .guards = "one",
    .guard = veto_guard,
};

/* --- a world of them ---------------------------------------------------------------------------
 */

/* log, one, watch, every, veto: in this order their verbs run. */
static inline void kinds_world_init(struct core_world *world)
{
    core_world_init(world);
    world->use_count = 0;
    kinds_trace[0] = '\0';
    kinds_quiet = false;
    veto_refuses = false;
    core_world_use(world, &ledger_log_kind, NULL);
    core_world_use(world, &one_kind, &one_config);
    core_world_use(world, &watch_kind, NULL);
    core_world_use(world, &every_kind, NULL);
    core_world_use(world, &veto_kind, NULL);
}

static inline void kinds_world_start(struct core_world *world)
{
    kinds_world_init(world);
    core_world_start(world);
    kinds_trace[0] = '\0';
}

static inline void script_init(struct script *script, const char *text)
{
    *script = (struct script){.command = {.kind = &one_kind}, .texts = {text}};
}

/* Says the text as one event in a batch of its own. */
static inline void kinds_say(struct core_world *world, const char *text)
{
    struct script script;
    script_init(&script, text);
    script.command.kind = world->uses[1].kind;
    lucid_assert(core_run(world, &script.command) == LUCID_OK);
}

/* The digest of one table. */
static inline void kinds_table_digest(struct store *store, const char *name, uint8_t ret[32])
{
    struct lucid_buf buf;
    struct store_view *view = NULL;
    lucid_buf_init(&buf, 0);
    lucid_assert(store_view_open(store, &view) == LUCID_OK);
    lucid_assert(store_view_begin(view) == LUCID_OK);
    core_digest_table(&buf, view, store, name);
    store_view_end(view);
    store_view_close(view);
    memcpy(ret, buf.data, 32);
    lucid_buf_fini(&buf);
}

/* Whether fn dies by an assertion in a process of its own. */
static inline bool kinds_aborts(void (*fn)(void *context), void *context)
{
    fflush(NULL);
    pid_t child = fork();
    lucid_assert(child >= 0);
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        struct sigaction plain = {.sa_handler = SIG_DFL};
        lucid_assert(sigaction(SIGABRT, &plain, NULL) == 0);
        fn(context);
        _exit(0);
    }
    int status = 0;
    lucid_assert(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif

/* A plugin that is compiled into the test, over a ledger in memory: kind "note" keeps texts, kind
 * "echo" hears of them. Each command says how it is to misbehave. */
#ifndef LUCID_TESTS_PLUGIN_WORLD_H
#define LUCID_TESTS_PLUGIN_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "plugins/host/host.h"
#include "plugins/host/record.h"
#include "tests/unit/gas/gas_world.h"

enum { NOTE_TEXTS, NOTE_COUNTS };
enum { ECHO_HEARD };

/* What a decide does beside drafting. */
enum note_deed {
    NOTE_PLAIN,
    NOTE_REFUSE,
    NOTE_ABSENT,
    NOTE_ERASED,
    NOTE_BUSY,
    NOTE_CORRUPT,
    NOTE_MANY_STEPS,
    NOTE_MANY_DRAFTS,
    NOTE_OTHER_TABLE,
    NOTE_OTHER_TYPE,
    NOTE_LONG_KEY,
    NOTE_PUTS,
    NOTE_SIGNS,
    NOTE_RANDOM,
    NOTE_LARGE,
    NOTE_PEEKS_CORE,
    NOTE_SLOW,
    NOTE_BUSY_LOOP,
    NOTE_PEEKS,
    NOTE_NOTHING,
    NOTE_DEEDS,
};

/* A payload is "KEY=TEXT"; an empty text deletes. A text that begins with '!' makes apply, one that
 * begins with '?' react misbehave: the next character says how. */
struct note_command {
    enum note_deed deed;
    const char *payload;
    const uint8_t *entry;
    struct lucid_plugin_bytes body;
    struct lucid_plugin_event event; /* of the last draft */
    size_t seen;                     /* NOTE_PEEKS: bytes of the row that was there */
};

static inline struct lucid_plugin_bytes bytes_of(const char *text)
{
    return (struct lucid_plugin_bytes){.data = (const uint8_t *)text, .len = strlen(text)};
}

static inline enum lucid_plugin_result note_many(const struct lucid_plugin_host *host,
                                                 struct lucid_plugin_txn *txn, bool drafts,
                                                 const struct lucid_plugin_draft *draft)
{
    struct lucid_plugin_bytes row;
    for (unsigned i = 0; i < 2 * LUCID_PLUGIN_STEPS_MAX; i++) {
        if (drafts && i < 2 * LUCID_PLUGIN_DRAFTS_MAX) {
            (void)host->txn_draft(txn, draft, NULL);
        } else if (!drafts) {
            (void)host->txn_get(txn, NOTE_TEXTS, bytes_of("none"), &row);
        }
    }
    return LUCID_PLUGIN_OK; /* whatever it was told */
}

/* Breaks a rule and goes on as if nothing was. */
static inline enum lucid_plugin_result note_break(const struct lucid_plugin_host *host,
                                                  struct lucid_plugin_txn *txn, enum note_deed deed,
                                                  const struct lucid_plugin_draft *draft)
{
    static char large[LUCID_PLUGIN_PAYLOAD_BYTES_MAX + 1];
    struct lucid_plugin_bytes row;
    struct lucid_plugin_draft other = *draft;
    uint8_t out[64];
    switch ((int)deed) {
    case NOTE_OTHER_TABLE:
        (void)host->txn_get(txn, 2, bytes_of("a"), &row);
        break;
    case NOTE_OTHER_TYPE:
        other.type = "echo.heard";
        (void)host->txn_draft(txn, &other, NULL);
        break;
    case NOTE_LONG_KEY:
        (void)host->txn_get(txn, NOTE_TEXTS,
                            (struct lucid_plugin_bytes){.data = (const uint8_t *)large, .len = 256},
                            &row);
        break;
    case NOTE_PUTS:
        (void)host->txn_put(txn, NOTE_TEXTS, bytes_of("a"), bytes_of("b"));
        break;
    case NOTE_SIGNS:
        host->sign(host, bytes_of("text"), out);
        break;
    case NOTE_RANDOM:
        host->random(host, out, sizeof(out));
        break;
    case NOTE_LARGE:
        other.payload =
            (struct lucid_plugin_bytes){.data = (const uint8_t *)large, .len = sizeof(large)};
        (void)host->txn_draft(txn, &other, NULL);
        break;
    case NOTE_PEEKS_CORE:
        (void)host->txn_peek(txn, "token", 0, bytes_of("a"), &row);
        break;
    default:
        break;
    }
    return LUCID_PLUGIN_OK;
}

static inline void note_loop(void)
{
    struct timespec from;
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    do {
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 <
             PLUGIN_SLOW_DECIDE_MS + 10);
}

static inline enum lucid_plugin_result note_decide(void *self, const struct lucid_plugin_host *host,
                                                   struct lucid_plugin_txn *txn, void *command,
                                                   struct lucid_plugin_why *why)
{
    static const enum lucid_plugin_result answers[NOTE_DEEDS] = {
        [NOTE_ABSENT] = LUCID_PLUGIN_ABSENT,
        [NOTE_ERASED] = LUCID_PLUGIN_ERASED,
        [NOTE_BUSY] = LUCID_PLUGIN_BUSY,
        [NOTE_CORRUPT] = LUCID_PLUGIN_CORRUPT,
    };
    struct note_command *note = command;
    lucid_assert(self == &note_break && host->txn_now_ms(txn) != 0);
    const struct lucid_plugin_draft draft = {.type = "note.added",
                                             .payload = bytes_of(note->payload),
                                             .entry = note->entry,
                                             .body = note->body};
    struct lucid_plugin_bytes row = {NULL, 0};
    if (note->deed == NOTE_NOTHING) {
        return LUCID_PLUGIN_OK;
    }
    enum lucid_plugin_result result = host->txn_draft(txn, &draft, &note->event);
    if (note->deed == NOTE_REFUSE) {
        *why = (struct lucid_plugin_why){.status = 418, .code = "NOTE_TEAPOT"};
        memcpy(why->param, "note.text", 10);
        memcpy(why->text, "no tea", 7);
        return LUCID_PLUGIN_REFUSED;
    }
    if (answers[note->deed] != LUCID_PLUGIN_OK) {
        return answers[note->deed];
    }
    if (note->deed == NOTE_SLOW) {
        (void)usleep((PLUGIN_SLOW_DECIDE_MS + 10) * 1000);
    } else if (note->deed == NOTE_BUSY_LOOP) {
        note_loop();
    } else if (note->deed == NOTE_MANY_STEPS || note->deed == NOTE_MANY_DRAFTS) {
        return note_many(host, txn, note->deed == NOTE_MANY_DRAFTS, &draft);
    } else if (note->deed == NOTE_PEEKS) {
        result = host->txn_peek(txn, "echo", ECHO_HEARD, bytes_of("all"), &row);
        note->seen = result == LUCID_PLUGIN_OK ? row.len : 0;
        result = LUCID_PLUGIN_OK;
    } else if (note->deed != NOTE_PLAIN) {
        return note_break(host, txn, note->deed, &draft);
    }
    return result;
}

/* The deeds of an apply that is not what it should be. */
static inline enum lucid_plugin_result note_spoil(const struct lucid_plugin_host *host,
                                                  struct lucid_plugin_txn *txn, uint8_t how)
{
    struct lucid_plugin_bytes row;
    uint8_t out[64];
    const struct lucid_plugin_draft draft = {.type = "note.added", .payload = bytes_of("x=y")};
    switch (how) {
    case 'r':
        return LUCID_PLUGIN_REFUSED;
    case 'd':
        (void)host->txn_draft(txn, &draft, NULL);
        break;
    case 'n':
        (void)host->txn_now_ms(txn);
        break;
    case 's':
        host->sign(host, bytes_of("text"), out);
        break;
    case 'p':
        (void)host->txn_peek(txn, "echo", 0, bytes_of("all"), &row);
        break;
    case 'k':
        (void)host->txn_put(txn, NOTE_TEXTS, bytes_of(""), bytes_of("v"));
        break;
    case 't':
        (void)host->txn_put(txn, 7, bytes_of("k"), bytes_of("v"));
        break;
    default:
        for (unsigned i = 0; i <= LUCID_PLUGIN_STEPS_MAX; i++) {
            (void)host->txn_get(txn, NOTE_TEXTS, bytes_of("none"), &row);
        }
        break;
    }
    return LUCID_PLUGIN_OK;
}

/* Table texts: KEY → TEXT. Table counts: TEXT's first byte → how many are there, by looking. */
static inline enum lucid_plugin_result note_apply(const struct lucid_plugin_host *host,
                                                  struct lucid_plugin_txn *txn,
                                                  const struct lucid_plugin_event *event)
{
    const uint8_t *at = memchr(event->payload.data, '=', event->payload.len);
    if (at == NULL) {
        return LUCID_PLUGIN_CORRUPT;
    }
    size_t key_len = (size_t)(at - event->payload.data);
    struct lucid_plugin_bytes key = {event->payload.data, key_len};
    struct lucid_plugin_bytes text = {at + 1, event->payload.len - key_len - 1};
    struct lucid_plugin_bytes before = {NULL, 0};
    if (text.len > 1 && text.data[0] == '~') {
        note_loop();
    } else if (text.len > 1 && text.data[0] == '!') {
        return note_spoil(host, txn, text.data[1]);
    }
    enum lucid_plugin_result result = host->txn_get(txn, NOTE_TEXTS, key, &before);
    if (result != LUCID_PLUGIN_OK && result != LUCID_PLUGIN_ABSENT) {
        return result;
    }
    result = text.len == 0 ? host->txn_del(txn, NOTE_TEXTS, key)
                           : host->txn_put(txn, NOTE_TEXTS, key, text);
    if (result != LUCID_PLUGIN_OK && result != LUCID_PLUGIN_ABSENT) {
        return result;
    }
    /* What it read before is still what it was. */
    uint8_t last[64] = {0};
    size_t len = before.len < sizeof(last) ? before.len : sizeof(last);
    if (len == 0) {
        return host->txn_put(txn, NOTE_COUNTS, bytes_of("new"),
                             (struct lucid_plugin_bytes){key.data, key.len});
    }
    memcpy(last, before.data, len);
    return host->txn_put(txn, NOTE_COUNTS, bytes_of("last"),
                         (struct lucid_plugin_bytes){last, len});
}

static inline enum lucid_plugin_result note_upcast(const struct lucid_plugin_host *host,
                                                   uint16_t from, struct lucid_plugin_bytes payload,
                                                   struct lucid_plugin_out *out)
{
    lucid_assert(from == 1);
    host->out_put(out, payload.data, payload.len);
    host->out_put(out, "+", 1);
    return LUCID_PLUGIN_OK;
}

static inline bool note_body_fits(const struct lucid_plugin_host *host,
                                  const struct lucid_plugin_event *event,
                                  struct lucid_plugin_bytes body)
{
    (void)host;
    return body.len > 0 && event->payload.len > 0 && body.data[0] == event->payload.data[0];
}

static inline enum lucid_plugin_result echo_decide(void *self, const struct lucid_plugin_host *host,
                                                   struct lucid_plugin_txn *txn, void *command,
                                                   struct lucid_plugin_why *why)
{
    (void)self;
    (void)why;
    const struct lucid_plugin_draft draft = {.type = "echo.heard", .payload = bytes_of(command)};
    return host->txn_draft(txn, &draft, NULL);
}

/* Keeps what it heard, one after the other. */
static inline enum lucid_plugin_result echo_apply(const struct lucid_plugin_host *host,
                                                  struct lucid_plugin_txn *txn,
                                                  const struct lucid_plugin_event *event)
{
    uint8_t all[4096];
    struct lucid_plugin_bytes row = {NULL, 0};
    if (event->type.len != 10) { /* note.added is heard, and kept when it is told on */
        return LUCID_PLUGIN_OK;
    }
    if (memcmp(event->type.data, "echo.heard", 10) != 0) {
        return LUCID_PLUGIN_OK;
    }
    (void)host->txn_get(txn, ECHO_HEARD, bytes_of("all"), &row);
    if (row.len + event->payload.len + 1 > sizeof(all)) {
        return LUCID_PLUGIN_OK;
    }
    if (row.len > 0) {
        memcpy(all, row.data, row.len);
    }
    memcpy(all + row.len, event->payload.data, event->payload.len);
    all[row.len + event->payload.len] = ';';
    return host->txn_put(txn, ECHO_HEARD, bytes_of("all"),
                         (struct lucid_plugin_bytes){all, row.len + event->payload.len + 1});
}

static inline enum lucid_plugin_result echo_react(void *self, const struct lucid_plugin_host *host,
                                                  struct lucid_plugin_txn *txn,
                                                  const struct lucid_plugin_event *event)
{
    const uint8_t *how = memchr(event->payload.data, '?', event->payload.len);
    lucid_assert(self == &note_break && host->txn_now_ms(txn) != 0);
    struct lucid_plugin_draft draft = {.type = "echo.heard", .payload = event->payload};
    bool own = memcmp(event->type.data, "echo.heard", 10) == 0;
    uint8_t deed = how != NULL && how + 1 < event->payload.data + event->payload.len ? how[1] : 0;
    if (own && deed != 'e' && deed != 'b') {
        return LUCID_PLUGIN_OK;
    }
    enum lucid_plugin_result result = host->txn_draft(txn, &draft, NULL);
    if (deed == 'f') {
        return LUCID_PLUGIN_REFUSED;
    }
    if (deed == 't') {
        draft.type = "note.added";
        (void)host->txn_draft(txn, &draft, NULL);
    }
    if (deed == 'b') { /* two for each one, without end */
        (void)host->txn_draft(txn, &draft, NULL);
    }
    for (unsigned i = 0; deed == 'm' && i < LUCID_PLUGIN_DRAFTS_MAX; i++) {
        (void)host->txn_draft(txn, &draft, NULL);
    }
    return result;
}

static const struct lucid_plugin_event_type note_types_v1[] = {{.name = "note.added", .version = 1},
                                                               {.name = NULL}};
static const struct lucid_plugin_event_type note_types_v2[] = {
    {.name = "note.added", .version = 2, .upcast = note_upcast}, {.name = NULL}};
static const struct lucid_plugin_event_type echo_types[] = {{.name = "echo.heard", .version = 1},
                                                            {.name = NULL}};
static const char *const note_tables[] = {"texts", "counts", NULL};
static const char *const echo_tables[] = {"heard", NULL};
static const char *const echo_listens[] = {"note.added", NULL};

struct plugin_world {
    struct gas_world gas; /* first member */
    struct lucid_plugin_kind kinds[3];
    struct lucid_plugin module;
    struct plugin plugin;
    struct ledger_ed25519_key key;
    size_t core_uses;
    struct lucid_arena arena; /* of commands and views */
};

static inline void plugin_world_key(struct plugin_world *world, uint8_t number)
{
    uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {number, 9};
    ledger_ed25519_key_init(seed, &world->key);
    world->plugin.key = &world->key;
    world->plugin.host.public_key = world->key.public_key;
    memset(world->plugin.secret_key, number, sizeof(world->plugin.secret_key));
}

/* The plugin as load.c and plugin_open leave one. */
static inline void plugin_world_load(struct plugin_world *world)
{
    world->plugin =
        (struct plugin){.module = &world->module, .self = (void *)(intptr_t)&note_break};
    plugin_host_init(&world->plugin, &world->plugin.host);
    plugin_world_key(world, 1);
    world->gas.core.use_count = world->core_uses;
    lucid_assert(plugin_kinds_use(&world->plugin, world->gas.core.uses, LEDGER_KINDS_MAX,
                                  &world->gas.core.use_count, NULL) == LUCID_OK);
}

/* Kinds and module, nothing opened. */
static inline void plugin_world_init(struct plugin_world *world)
{
    memset(world, 0, sizeof(*world));
    gas_world_init(&world->gas);
    core_world_use(&world->gas.core, &ledger_blob_kind, NULL);
    core_world_use(&world->gas.core, &plugin_record_kind, NULL);
    world->core_uses = world->gas.core.use_count;
    world->kinds[0] = (struct lucid_plugin_kind){.name = "note",
                                                 .fold_version = 1,
                                                 .types = note_types_v1,
                                                 .tables = note_tables,
                                                 .decide = note_decide,
                                                 .apply = note_apply,
                                                 .body_fits = note_body_fits};
    world->kinds[1] = (struct lucid_plugin_kind){.name = "echo",
                                                 .fold_version = 1,
                                                 .types = echo_types,
                                                 .tables = echo_tables,
                                                 .listens = echo_listens,
                                                 .decide = echo_decide,
                                                 .apply = echo_apply,
                                                 .react = echo_react};
    world->module = (struct lucid_plugin){
        .abi = LUCID_PLUGIN_ABI, .name = "notes", .version = "1.0", .kinds = world->kinds};
    lucid_arena_init(&world->arena, 64 << 20);
    plugin_world_load(world);
}

/* Over an empty store, with log.init. */
static inline void plugin_world_start(struct plugin_world *world)
{
    lucid_assert(store_memory_open(&world->gas.core.store) == LUCID_OK);
    core_tables_create(&world->gas.core, world->gas.core.store);
    lucid_assert(plugin_tables_create(&world->plugin, world->gas.core.store) == LUCID_OK);
    lucid_assert(core_world_open(&world->gas.core) == LUCID_OK);
    core_log_init(&world->gas.core);
}

static inline void plugin_world_stop(struct plugin_world *world)
{
    core_world_stop(&world->gas.core);
    plugin_kinds_free(&world->plugin);
    lucid_arena_fini(&world->arena);
}

/* Runs a command of a kind with blobs; *ret lives in the world's arena. */
static inline enum lucid_error plugin_world_submit(struct plugin_world *world, const char *kind,
                                                   void *data,
                                                   const struct lucid_plugin_bytes *blobs,
                                                   size_t blob_count, struct plugin_command **ret)
{
    struct lucid_plugin_command *asked = lucid_arena_zalloc(&world->arena, sizeof(*asked));
    lucid_assert(asked != NULL);
    *asked = (struct lucid_plugin_command){
        .kind = kind, .data = data, .blobs = blobs, .blob_count = blob_count};
    lucid_assert(plugin_command_prepare(&world->plugin, asked, &world->arena, ret, NULL) ==
                 LUCID_OK);
    return core_run(&world->gas.core, &(*ret)->command);
}

static inline enum lucid_error plugin_world_note(struct plugin_world *world, const char *payload)
{
    struct plugin_command *command;
    struct note_command note = {.payload = payload};
    return plugin_world_submit(world, "note", &note, NULL, 0, &command);
}

#endif

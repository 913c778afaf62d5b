/* Kinds of plugins behind the ledger's verbs: what they write, what they are kept from, budgets,
 * suspension, replay, and a plugin that comes, goes and changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "ledger/ledger_internal.h"
#include "ledger/row.h"
#include "tests/unit/ledger/check_world.h"
#include "tests/unit/plugins/plugin_world.h"

static struct plugin_world world;
#define CORE (&world.gas.core)

static int open_world(void **state)
{
    (void)state;
    plugin_world_init(&world);
    plugin_world_start(&world);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    plugin_world_stop(&world);
    return 0;
}

/* The row as a view of the plugin has it; "" for none. */
static const char *row_in(const char *kind, unsigned table, const char *key)
{
    static char text[4100];
    struct lucid_plugin_view view = {
        .view = CORE->view, .plugin = &world.plugin, .arena = &world.arena};
    struct lucid_plugin_bytes value = {NULL, 0};
    assert_int_equal(ledger_view_begin(CORE->view), LUCID_OK);
    enum lucid_plugin_result result =
        world.plugin.host.view_get(&view, kind, table, bytes_of(key), &value);
    assert_true(result == LUCID_PLUGIN_OK || result == LUCID_PLUGIN_ABSENT);
    assert_true(value.len < sizeof(text));
    memcpy(text, result == LUCID_PLUGIN_OK ? (const char *)value.data : "", value.len);
    text[value.len] = '\0';
    ledger_view_end(CORE->view);
    return text;
}

/* --- rows against a model ----------------------------------------------------------------------
 */

enum { MODEL_KEYS = 40, MODEL_STEPS = 600 };

static void model_compare(char texts[MODEL_KEYS][16])
{
    struct lucid_plugin_view view = {
        .view = CORE->view, .plugin = &world.plugin, .arena = &world.arena};
    const struct lucid_plugin_host *host = &world.plugin.host;
    char key[8];
    struct lucid_plugin_bytes at = bytes_of("");
    struct lucid_plugin_bytes value;
    assert_int_equal(ledger_view_begin(CORE->view), LUCID_OK);
    enum lucid_plugin_result result;
    unsigned number = 0;
    while ((result = host->view_seek(&view, "note", NOTE_TEXTS, LUCID_PLUGIN_SEEK_GT, at, &at,
                                     &value)) == LUCID_PLUGIN_OK) {
        while (number < MODEL_KEYS && texts[number][0] == '\0') {
            number++;
        }
        assert_true(number < MODEL_KEYS);
        (void)snprintf(key, sizeof(key), "k%02u", number);
        assert_int_equal(at.len, 3);
        assert_memory_equal(at.data, key, 3);
        assert_int_equal(value.len, strlen(texts[number]));
        assert_memory_equal(value.data, texts[number], value.len);
        number++;
    }
    assert_int_equal(result, LUCID_PLUGIN_ABSENT);
    while (number < MODEL_KEYS) {
        assert_int_equal(texts[number++][0], '\0');
    }
    ledger_view_end(CORE->view);
}

static void model_run(char texts[MODEL_KEYS][16])
{
    uint64_t draw = 0x9e3779b97f4a7c15;
    for (unsigned step = 0; step < MODEL_STEPS; step++) {
        char payload[40];
        draw ^= draw << 13;
        draw ^= draw >> 7;
        draw ^= draw << 17;
        unsigned number = (unsigned)(draw % MODEL_KEYS);
        bool gone = (draw >> 20) % 4 == 0;
        (void)snprintf(texts[number], sizeof(texts[number]), "%s%.0u", gone ? "" : "text",
                       gone ? 0 : step);
        if (!gone) {
            (void)snprintf(texts[number], sizeof(texts[number]), "text-%u", step);
        }
        (void)snprintf(payload, sizeof(payload), "k%02u=%s", number, texts[number]);
        assert_int_equal(plugin_world_note(&world, payload), LUCID_OK);
        lucid_arena_reset(&world.arena);
    }
}

static void checked(struct check_report *ret)
{
    const struct check_options options = {
        .uses = CORE->uses, .use_count = CORE->use_count, .still = true};
    check_world_run(CORE->store, &options, CHECK_RANGE_MAX, ret);
}

static void test_model(void **state)
{
    (void)state;
    static char texts[MODEL_KEYS][16];
    static struct check_report report;
    memset(texts, 0, sizeof(texts));
    model_run(texts);
    model_compare(texts);
    core_world_reopen(CORE);
    model_compare(texts);
    checked(&report);
    assert_int_equal(check_report_damage(&report), 0);
    assert_int_equal(report.undecided, 0);
    /* The same log in an empty store makes the same rows, whatever the batches are; there nothing
     * of the plugin is open. */
    static const uint64_t batches[] = {1, 7, 100000};
    for (size_t i = 0; i < 3; i++) {
        struct core_world other;
        core_world_init(&other);
        other.use_count = CORE->use_count;
        memcpy(other.uses, CORE->uses, sizeof(other.uses));
        void *self = world.plugin.self;
        const struct ledger_ed25519_key *key = world.plugin.key;
        world.plugin.self = NULL;
        world.plugin.key = NULL;
        world.plugin.host.public_key = NULL;
        assert_true(core_replays_same(CORE, &other, batches[i]));
        core_world_stop(&other);
        world.plugin.self = self;
        world.plugin.key = key;
        world.plugin.host.public_key = key->public_key;
    }
    /* A row that nobody wrote. */
    struct store_batch *batch;
    uint32_t table;
    uint8_t row[4 + ROW_SUM_BYTES] = "evil";
    struct lucid_span at = lucid_span_str("k03");
    row_sum("note.texts", at, lucid_span(row, 4), row + 4);
    assert_int_equal(store_table_find(CORE->store, "note.texts", &table), LUCID_OK);
    assert_int_equal(store_batch_begin(CORE->store, &batch), LUCID_OK);
    assert_int_equal(store_put(batch, table, at, lucid_span(row, sizeof(row))), LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    checked(&report);
    assert_int_equal(report.damage[CHECK_TABLE], 1);
    assert_string_equal(report.kept[0].table, "note.texts");
}

static void test_seeks(void **state)
{
    (void)state;
    static const struct {
        enum lucid_plugin_seek how;
        const char *key;
        const char *found;
    } cases[] = {
        {LUCID_PLUGIN_SEEK_GE, "", "b"},    {LUCID_PLUGIN_SEEK_GE, "b", "b"},
        {LUCID_PLUGIN_SEEK_GE, "c", "d"},   {LUCID_PLUGIN_SEEK_GE, "g", NULL},
        {LUCID_PLUGIN_SEEK_GT, "", "b"},    {LUCID_PLUGIN_SEEK_GT, "b", "d"},
        {LUCID_PLUGIN_SEEK_GT, "f", NULL},  {LUCID_PLUGIN_SEEK_LE, "f", "f"},
        {LUCID_PLUGIN_SEEK_LE, "e", "d"},   {LUCID_PLUGIN_SEEK_LE, "a", NULL},
        {LUCID_PLUGIN_SEEK_LE, "", NULL},   {LUCID_PLUGIN_SEEK_LAST, "", "f"},
        {LUCID_PLUGIN_SEEK_LAST, "a", "f"},
    };
    static const char *const payloads[] = {"b=1", "d=2", "f=3"};
    struct lucid_plugin_view view = {
        .view = CORE->view, .plugin = &world.plugin, .arena = &world.arena};
    struct lucid_plugin_bytes key;
    struct lucid_plugin_bytes value;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(plugin_world_note(&world, payloads[i]), LUCID_OK);
    }
    assert_int_equal(ledger_view_begin(CORE->view), LUCID_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum lucid_plugin_result result = world.plugin.host.view_seek(
            &view, "note", NOTE_TEXTS, cases[i].how, bytes_of(cases[i].key), &key, &value);
        assert_int_equal(result, cases[i].found == NULL ? LUCID_PLUGIN_ABSENT : LUCID_PLUGIN_OK);
        if (cases[i].found != NULL) {
            assert_memory_equal(key.data, cases[i].found, key.len);
        }
    }
    /* Only what plugins brought can be read. */
    assert_int_equal(world.plugin.host.view_get(&view, "token", 0, bytes_of("a"), &value),
                     LUCID_PLUGIN_ABSENT);
    assert_int_equal(world.plugin.host.view_get(&view, "note", 2, bytes_of("a"), &value),
                     LUCID_PLUGIN_ABSENT);
    assert_int_equal(world.plugin.host.view_get(&view, "nobody", 0, bytes_of("a"), &value),
                     LUCID_PLUGIN_ABSENT);
    ledger_view_end(CORE->view);
}

/* --- refusals ----------------------------------------------------------------------------------
 */

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        enum note_deed deed;
        int status;
        const char *code;
        enum lucid_error error;
    } cases[] = {
        {NOTE_REFUSE, 418, "NOTE_TEAPOT", LUCID_REFUSE_INVALID},
        {NOTE_ABSENT, 404, "NOT_FOUND", LUCID_REFUSE_INVALID},
        {NOTE_ERASED, 410, "ERASED", LUCID_REFUSE_INVALID},
        {NOTE_BUSY, 503, "OVERLOADED", LUCID_RETRY_BUSY},
        {NOTE_CORRUPT, 500, "CORRUPT", LUCID_RETRY_IO},
        {NOTE_MANY_STEPS, 503, "PLUGIN_LIMIT", LUCID_RETRY_BUSY},
        {NOTE_MANY_DRAFTS, 503, "PLUGIN_LIMIT", LUCID_RETRY_BUSY},
        {NOTE_OTHER_TABLE, 500, "PLUGIN_FAULT", LUCID_RETRY_IO},
        {NOTE_OTHER_TYPE, 500, "PLUGIN_FAULT", LUCID_RETRY_IO},
        {NOTE_LONG_KEY, 500, "PLUGIN_FAULT", LUCID_RETRY_IO},
        {NOTE_PUTS, 500, "PLUGIN_FAULT", LUCID_RETRY_IO},
        {NOTE_SIGNS, 500, "PLUGIN_FAULT", LUCID_RETRY_IO},
        {NOTE_RANDOM, 500, "PLUGIN_FAULT", LUCID_RETRY_IO},
        {NOTE_LARGE, 500, "PLUGIN_FAULT", LUCID_RETRY_IO},
        {NOTE_PEEKS_CORE, 500, "PLUGIN_FAULT", LUCID_RETRY_IO},
    };
    uint64_t events = core_events(CORE);
    const struct lucid_plugin_bytes blob = bytes_of("a blob of a command that is refused");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct plugin_command *command;
        struct note_command note = {.deed = cases[i].deed, .payload = "a=refused"};
        assert_int_equal(plugin_world_submit(&world, "note", &note, &blob, 1, &command),
                         cases[i].error);
        assert_int_equal(command->why.status, cases[i].status);
        assert_string_equal(command->why.code, cases[i].code);
        assert_string_equal(command->command.why.code, cases[i].code);
        assert_true(command->why.text[0] != '\0');
        assert_string_equal(command->why.param, i == 0 ? "note.text" : "");
        assert_int_equal(core_events(CORE), events);
        assert_string_equal(row_in("note", NOTE_TEXTS, "a"), "");
        assert_int_equal(note.event.sequence, 0);
    }
    assert_int_equal(atomic_load(&world.plugin.refusals), sizeof(cases) / sizeof(cases[0]));
    assert_int_equal(plugin_world_note(&world, "a=fine"), LUCID_OK);
    assert_string_equal(row_in("note", NOTE_TEXTS, "a"), "fine");
}

static void test_kind_is_the_plugins(void **state)
{
    (void)state;
    struct plugin_command *command;
    struct lucid_why why = {0};
    const struct lucid_plugin_command token = {.kind = "token"};
    const struct lucid_plugin_command none = {.kind = NULL};
    static uint8_t large[1 << 20];
    static struct lucid_plugin_bytes many[LUCID_PLUGIN_BLOBS_MAX + 1];
    for (size_t i = 0; i <= LUCID_PLUGIN_BLOBS_MAX; i++) {
        many[i] = (struct lucid_plugin_bytes){large, 1 + i};
    }
    struct lucid_plugin_command blobs = {
        .kind = "note", .blobs = many, .blob_count = LUCID_PLUGIN_BLOBS_MAX + 1};
    assert_int_equal(plugin_command_prepare(&world.plugin, &token, &world.arena, &command, &why),
                     LUCID_RETRY_IO);
    assert_string_equal(why.code, "PLUGIN_KIND");
    assert_int_equal(plugin_command_prepare(&world.plugin, &none, &world.arena, &command, &why),
                     LUCID_RETRY_IO);
    assert_int_equal(plugin_command_prepare(&world.plugin, &blobs, &world.arena, &command, &why),
                     LUCID_RETRY_BUSY);
    assert_string_equal(why.code, "PLUGIN_LIMIT");
    for (size_t i = 0; i < LUCID_PLUGIN_BLOBS_MAX; i++) {
        many[i].len = sizeof(large) - i;
    }
    blobs.blob_count = 40;
    assert_int_equal(plugin_command_prepare(&world.plugin, &blobs, &world.arena, &command, &why),
                     LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(why.code, "BLOB_TOO_LARGE");
    /* As many as there may be, some of them twice. */
    for (size_t i = 0; i < LUCID_PLUGIN_BLOBS_MAX; i++) {
        many[i].len = 1 + i / 2;
    }
    struct note_command note = {.payload = "a=b"};
    uint64_t events = core_events(CORE);
    assert_int_equal(
        plugin_world_submit(&world, "note", &note, many, LUCID_PLUGIN_BLOBS_MAX, &command),
        LUCID_OK);
    assert_int_equal(core_events(CORE), events + 2 + LUCID_PLUGIN_BLOBS_MAX / 2);
}

static void test_conflicts(void **state)
{
    (void)state;
    struct plugin other = {.module = &world.module};
    struct ledger_use uses[LEDGER_KINDS_MAX];
    struct lucid_why why = {0};
    size_t count = CORE->use_count;
    memcpy(uses, CORE->uses, sizeof(uses));
    assert_int_equal(plugin_kinds_use(&other, uses, LEDGER_KINDS_MAX, &count, &why),
                     LUCID_REFUSE_CONFLICT);
    assert_string_equal(why.code, "PLUGIN_CONFLICT");
    plugin_kinds_free(&other);
    struct lucid_plugin_kind kinds[] = {world.kinds[0], {.name = NULL}};
    struct lucid_plugin module = world.module;
    module.kinds = kinds;
    kinds[0].name = "note2"; /* the type is there already */
    other = (struct plugin){.module = &module};
    assert_int_equal(plugin_kinds_use(&other, uses, LEDGER_KINDS_MAX, &count, &why),
                     LUCID_REFUSE_CONFLICT);
    assert_non_null(strstr(why.text, "note.added"));
    plugin_kinds_free(&other);
    kinds[0].name = "tree";
    count = 0;
    assert_int_equal(plugin_kinds_use(&other, uses, LEDGER_KINDS_MAX, &count, &why),
                     LUCID_REFUSE_CONFLICT);
    kinds[0].name = "note3";
    plugin_kinds_free(&other);
    assert_int_equal(plugin_kinds_use(&other, uses, 0, &count, &why), LUCID_REFUSE_CONFLICT);
    assert_int_equal(plugin_kinds_use(&other, uses, 1, &count, &why), LUCID_OK);
    assert_int_equal(count, 1);
    plugin_kinds_free(&other);
}

/* --- apply and react ---------------------------------------------------------------------------
 */

static void test_apply_that_fails(void **state)
{
    (void)state;
    static const char *const payloads[] = {"a=!r", "a=!d", "a=!n", "a=!s",     "a=!p",
                                           "a=!k", "a=!t", "a=!x", "no equals"};
    assert_int_equal(plugin_world_note(&world, "a=before"), LUCID_OK);
    uint64_t events = core_events(CORE);
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        struct plugin_command *command;
        struct note_command note = {.payload = payloads[i]};
        const struct lucid_plugin_command asked = {.kind = "note", .data = &note};
        assert_int_equal(
            plugin_command_prepare(&world.plugin, &asked, &world.arena, &command, NULL), LUCID_OK);
        assert_int_equal(ledger_batch_begin(CORE->ledger, CORE->now_ms), LUCID_OK);
        assert_int_equal(ledger_batch_run(CORE->ledger, &command->command), LUCID_FATAL_CORRUPT);
        ledger_batch_abort(CORE->ledger);
        assert_int_equal(core_events(CORE), events);
        assert_string_equal(row_in("note", NOTE_TEXTS, "a"), "before");
    }
}

static void test_reactions(void **state)
{
    (void)state;
    struct plugin_command *command;
    struct note_command note = {.deed = NOTE_PEEKS, .payload = "b=2"};
    assert_int_equal(plugin_world_note(&world, "a=1"), LUCID_OK);
    assert_string_equal(row_in("echo", ECHO_HEARD, "all"), "a=1;");
    assert_int_equal(plugin_world_submit(&world, "note", &note, NULL, 0, &command), LUCID_OK);
    assert_int_equal(note.seen, 4);
    assert_string_equal(row_in("echo", ECHO_HEARD, "all"), "a=1;b=2;");
    /* One that fails, breaks a rule, wants too many or never ends: dropped, the note stands. */
    static const char *const payloads[] = {"c=?f", "d=?t", "e=?m"};
    for (size_t i = 0; i < 3; i++) {
        uint64_t events = core_events(CORE);
        assert_int_equal(plugin_world_note(&world, payloads[i]), LUCID_OK);
        assert_int_equal(core_events(CORE), events + 1);
        assert_string_equal(row_in("echo", ECHO_HEARD, "all"), "a=1;b=2;");
    }
    uint64_t events = core_events(CORE);
    assert_int_equal(plugin_world_note(&world, "f=?e"), LUCID_OK);
    assert_string_equal(row_in("note", NOTE_TEXTS, "f"), "?e");
    assert_int_equal(core_events(CORE), events + 1 + LEDGER_REACT_DEPTH_MAX);
    assert_int_equal(atomic_load(&world.plugin.refusals), 4);
    /* Nor do those that double: of 510 down to the deepest there are as many as may be. */
    for (unsigned i = 0; i < 2; i++) {
        events = core_events(CORE);
        assert_int_equal(plugin_world_note(&world, "g=?b"), LUCID_OK);
        assert_int_equal(core_events(CORE), events + 1 + PLUGIN_REACTIONS_MAX);
    }
}

static void test_suspension(void **state)
{
    (void)state;
    static const enum note_deed slow[] = {NOTE_SLOW, NOTE_BUSY_LOOP, NOTE_SLOW};
    struct plugin_command *command;
    for (size_t i = 0; i < 3; i++) {
        struct note_command note = {.deed = slow[i], .payload = "a=slow"};
        assert_false(atomic_load(&world.plugin.suspended));
        assert_int_equal(plugin_world_submit(&world, "note", &note, NULL, 0, &command), LUCID_OK);
        assert_int_equal(atomic_load(&world.plugin.slow_decides), i + 1);
    }
    assert_true(atomic_load(&world.plugin.suspended));
    struct note_command note = {.payload = "a=more"};
    uint64_t events = core_events(CORE);
    assert_int_equal(plugin_world_submit(&world, "note", &note, NULL, 0, &command),
                     LUCID_RETRY_BUSY);
    assert_int_equal(command->why.status, 503);
    assert_string_equal(command->why.code, "PLUGIN_SUSPENDED");
    assert_int_equal(core_events(CORE), events);
    assert_string_equal(row_in("note", NOTE_TEXTS, "a"), "slow");
    /* Slow ones further apart than that do not add up. */
    atomic_store(&world.plugin.suspended, false);
    for (size_t i = 0; i < PLUGIN_SLOW_MAX; i++) {
        world.plugin.slow_at_ms[i] = 1;
    }
    note.deed = NOTE_SLOW;
    assert_int_equal(plugin_world_submit(&world, "note", &note, NULL, 0, &command), LUCID_OK);
    struct timespec boot;
    assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &boot), 0);
    assert_true(boot.tv_sec * 1000 < PLUGIN_SLOW_WITHIN_MS ||
                !atomic_load(&world.plugin.suspended));
}

/* Apply that is slow suspends as decide does, for events to come: those that are there are folded.
 * Nobody waits for a replay. */
static void test_suspension_by_apply(void **state)
{
    (void)state;
    struct plugin_command *command;
    world.plugin.opened = false;
    assert_int_equal(plugin_world_note(&world, "a=~replayed"), LUCID_OK);
    assert_int_equal(atomic_load(&world.plugin.slow_decides), 0);
    world.plugin.opened = true;
    for (size_t i = 0; i < PLUGIN_SLOW_MAX; i++) {
        assert_false(atomic_load(&world.plugin.suspended));
        assert_int_equal(plugin_world_note(&world, "a=~slow"), LUCID_OK);
        assert_int_equal(atomic_load(&world.plugin.slow_decides), i + 1);
    }
    assert_true(atomic_load(&world.plugin.suspended));
    struct note_command note = {.payload = "a=more"};
    assert_int_equal(plugin_world_submit(&world, "note", &note, NULL, 0, &command),
                     LUCID_RETRY_BUSY);
    assert_string_equal(command->why.code, "PLUGIN_SUSPENDED");
    assert_string_equal(row_in("note", NOTE_TEXTS, "a"), "~slow");
    /* A check folds the same events beside the writer, and keeps nobody. */
    struct check_report report;
    checked(&report);
    assert_int_equal(check_report_damage(&report), 0);
    assert_int_equal(atomic_load(&world.plugin.slow_decides), PLUGIN_SLOW_MAX);
}

/* Plugins leave a batch room for others; rows that are put take none of it. */
static void test_room_in_a_batch(void **state)
{
    (void)state;
    struct ledger *ledger = CORE->ledger;
    struct plugin_command *command;
    struct note_command note = {.payload = "a=1"};
    assert_int_equal(plugin_world_submit(&world, "note", &note, NULL, 0, &command), LUCID_OK);
    assert_int_equal(ledger_batch_begin(ledger, ledger_time_ms(ledger) + 1), LUCID_OK);
    note.payload = "a=2";
    assert_int_equal(ledger_batch_run(ledger, &command->command), LUCID_OK);
    assert_int_equal(command->command.error, LUCID_OK);
    assert_non_null(lucid_arena_alloc(&ledger->arena, PLUGIN_BATCH_BYTES_MAX));
    note.payload = "a=3";
    assert_int_equal(ledger_batch_run(ledger, &command->command), LUCID_OK);
    assert_int_equal(command->command.error, LUCID_RETRY_BUSY);
    assert_string_equal(command->why.code, "OVERLOADED");
    assert_int_equal(command->why.status, 503);
    assert_int_equal(ledger_batch_commit(ledger), LUCID_OK);
    assert_string_equal(row_in("note", NOTE_TEXTS, "a"), "2");
    note.payload = "a=3";
    assert_int_equal(plugin_world_submit(&world, "note", &note, NULL, 0, &command), LUCID_OK);
}

/* --- a plugin that comes, goes and changes ------------------------------------------------------
 */

static void reopen_with(bool plugin)
{
    core_world_shut(CORE);
    plugin_kinds_free(&world.plugin);
    if (plugin) {
        plugin_world_load(&world);
        assert_int_equal(plugin_tables_create(&world.plugin, CORE->store), LUCID_OK);
    } else {
        CORE->use_count = world.core_uses;
    }
    assert_int_equal(core_world_open(CORE), LUCID_OK);
}

static void test_absent_and_back(void **state)
{
    (void)state;
    uint8_t before[LUCID_SHA256_BYTES];
    uint8_t after[LUCID_SHA256_BYTES];
    assert_int_equal(plugin_world_note(&world, "a=1"), LUCID_OK);
    assert_int_equal(plugin_world_note(&world, "a=2"), LUCID_OK);
    core_store_digest(CORE, CORE->store, before);
    reopen_with(false);
    reopen_with(true);
    core_store_digest(CORE, CORE->store, after);
    assert_memory_equal(before, after, sizeof(before));
    /* The log goes on without it; back again, its tables are folded anew. */
    reopen_with(false);
    core_leaves_log(CORE, 0, 3);
    reopen_with(true);
    assert_string_equal(row_in("note", NOTE_TEXTS, "a"), "2");
    assert_string_equal(row_in("note", NOTE_COUNTS, "last"), "1");
    assert_string_equal(row_in("echo", ECHO_HEARD, "all"), "a=1;a=2;");
    assert_int_equal(plugin_world_note(&world, "a=3"), LUCID_OK);
    assert_string_equal(row_in("note", NOTE_COUNTS, "last"), "2");
    static struct check_report report;
    checked(&report);
    assert_int_equal(check_report_damage(&report), 0);
    assert_int_equal(report.undecided, 0);
}

static void test_fold_raised_and_upcast(void **state)
{
    (void)state;
    assert_int_equal(plugin_world_note(&world, "a=1"), LUCID_OK);
    assert_int_equal(plugin_world_note(&world, "b=2"), LUCID_OK);
    world.kinds[0].types = note_types_v2;
    world.kinds[0].fold_version = 2;
    reopen_with(true);
    assert_string_equal(row_in("note", NOTE_TEXTS, "a"), "1+");
    assert_string_equal(row_in("note", NOTE_TEXTS, "b"), "2+");
    assert_int_equal(plugin_world_note(&world, "a=3"), LUCID_OK); /* logged as version 2 */
    assert_string_equal(row_in("note", NOTE_TEXTS, "a"), "3");
    assert_string_equal(row_in("note", NOTE_COUNTS, "last"), "1+");
    /* The program before refuses what was folded by this one. */
    world.kinds[0].types = note_types_v1;
    world.kinds[0].fold_version = 1;
    core_world_shut(CORE);
    plugin_kinds_free(&world.plugin);
    plugin_world_load(&world);
    assert_int_equal(core_world_open(CORE), LUCID_FATAL_NEWER);
    world.kinds[0].types = note_types_v2;
    world.kinds[0].fold_version = 2;
    plugin_kinds_free(&world.plugin);
    plugin_world_load(&world);
    assert_int_equal(core_world_open(CORE), LUCID_OK);
}

/* --- gas and bodies -----------------------------------------------------------------------------
 */

static void test_gas_and_bodies(void **state)
{
    (void)state;
    struct plugin_command *command;
    uint8_t entry[LUCID_PLUGIN_ENTRY_BYTES];
    assert_int_equal(gas_tariff(&world.gas, 1000, 0), LUCID_OK);
    world.plugin.host.entry(&world.plugin.host, bytes_of("{}"), entry);
    struct note_command note = {.payload = "a=1", .entry = entry, .body = bytes_of("a body")};
    assert_int_equal(plugin_world_submit(&world, "note", &note, NULL, 0, &command), LUCID_OK);
    assert_int_equal(note.event.leaf, 0);
    assert_int_equal(gas_debits(&world.gas, "protocol:gas:LUCID"), 1000);
    assert_int_equal(plugin_world_note(&world, "b=2"), LUCID_OK); /* no leaf, no charge */
    assert_int_equal(gas_debits(&world.gas, "protocol:gas:LUCID"), 1000);
    gas_books_balance(&world.gas);
    static struct check_report report;
    checked(&report);
    assert_int_equal(check_report_damage(&report), 0);
    assert_int_equal(report.bodies, 1);
    /* A body that is not the event's is found. */
    note = (struct note_command){.payload = "b=3", .body = bytes_of("not of b... but c")};
    note.body.data++;
    note.body.len--;
    assert_int_equal(plugin_world_submit(&world, "note", &note, NULL, 0, &command), LUCID_OK);
    checked(&report);
    assert_int_equal(report.damage[CHECK_BODY], 1);
}

#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_model),
        WORLD_TEST(test_seeks),
        WORLD_TEST(test_refusals),
        WORLD_TEST(test_kind_is_the_plugins),
        WORLD_TEST(test_conflicts),
        WORLD_TEST(test_apply_that_fails),
        WORLD_TEST(test_reactions),
        WORLD_TEST(test_suspension),
        WORLD_TEST(test_suspension_by_apply),
        WORLD_TEST(test_room_in_a_batch),
        WORLD_TEST(test_absent_and_back),
        WORLD_TEST(test_fold_raised_and_upcast),
        WORLD_TEST(test_gas_and_bodies),
    };
    return cmocka_run_group_tests_name("plugin kind", tests, NULL, NULL);
}

/* Folding again: raised versions, interrupted rebuilds, upcasts, events of kinds that are away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/store/failing.h"
#include "tests/unit/ledger/core_kinds_world.h"

enum { USE_ONE = 1, USE_WATCH = 2, USE_EVERY = 3 };

static struct core_world world;

static int world_make(void **state)
{
    (void)state;
    kinds_world_start(&world);
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    core_world_stop(&world);
    return 0;
}

/* Opens again with another kind in a place of the list. */
static void reopen_with(size_t use, const struct ledger_kind *kind)
{
    core_world_shut(&world);
    world.uses[use].kind = kind;
    kinds_trace[0] = '\0';
    if (core_world_open(&world) != LUCID_OK) {
        fail_msg("%s: %s", world.why.code, world.why.text);
    }
}

static uint32_t fold_row(const char *name, unsigned *ret_state)
{
    uint32_t table;
    struct lucid_span row;
    assert_int_equal(store_table_find(world.store, LEDGER_FOLDS_TABLE, &table), LUCID_OK);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(store_get(ledger_view_store(world.view), table, lucid_span_str(name), &row),
                     LUCID_OK);
    assert_int_equal(row.len, 5);
    uint32_t version = lucid_get_be32(row.data);
    *ret_state = row.data[4];
    ledger_view_end(world.view);
    return version;
}

/* Puts a table out of true behind the ledger's back: a fold must make it good. */
static void table_spoil(const char *name)
{
    struct store_batch *batch = NULL;
    uint32_t table;
    assert_int_equal(store_table_find(world.store, name, &table), LUCID_OK);
    assert_int_equal(store_batch_begin(world.store, &batch), LUCID_OK);
    assert_int_equal(store_put(batch, table, lucid_span_str("no such key"), lucid_span_str("x")),
                     LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
}

static void events_many(size_t count)
{
    kinds_quiet = true;
    for (size_t done = 0; done < count;) {
        assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
        for (size_t i = 0; i < 500 && done < count; i++, done++) {
            struct script script;
            script_init(&script, done % 3 == 0 ? "tell" : "plain");
            script.with_entry = done % 2 == 0;
            core_leaf_entry(done, script.entry);
            assert_int_equal(ledger_batch_run(world.ledger, &script.command), LUCID_OK);
        }
        assert_int_equal(ledger_batch_commit(world.ledger), LUCID_OK);
    }
}

/* --- fold versions -----------------------------------------------------------------------------
 */

static void test_raised(void **state)
{
    (void)state;
    static const char *const names[] = {"one", "watch", "every"};
    uint8_t before[3][32];
    events_many(4500);
    for (size_t i = 0; i < 3; i++) {
        kinds_table_digest(world.store, names[i], before[i]);
    }
    uint64_t applied =
        ((const struct one_memory *)ledger_memory_committed(world.ledger, &one_kind))->applied;
    table_spoil("one");
    table_spoil("every");
    struct ledger_kind one_raised = one_kind;
    one_raised.fold_version = 2;
    reopen_with(USE_ONE, &one_raised);
    unsigned row_state;
    assert_int_equal(fold_row("one", &row_state), 2);
    assert_int_equal(row_state, 1);
    uint8_t after[32];
    kinds_table_digest(world.store, "one", after);
    assert_memory_equal(after, before[0], 32);
    kinds_table_digest(world.store, "watch", after);
    assert_memory_equal(after, before[1], 32);
    /* Not raised, so not folded again. */
    kinds_table_digest(world.store, "every", after);
    assert_memory_not_equal(after, before[2], 32);
    assert_int_equal(
        ((const struct one_memory *)ledger_memory_committed(world.ledger, &one_raised))->applied,
        applied);
    struct ledger_kind every_raised = every_kind;
    every_raised.fold_version = 7;
    reopen_with(USE_EVERY, &every_raised);
    kinds_table_digest(world.store, "every", after);
    assert_memory_equal(after, before[2], 32);
    /* And older programs keep off. */
    core_world_shut(&world);
    world.uses[USE_EVERY].kind = &every_kind;
    assert_int_equal(core_world_open(&world), LUCID_FATAL_NEWER);
    assert_string_equal(world.why.code, "STORE_NEWER");
}

/* Not a line runs when nothing is stale. */
static void test_current(void **state)
{
    (void)state;
    kinds_say(&world, "a");
    uint8_t before[32];
    uint8_t after[32];
    core_store_digest(&world, world.store, before);
    reopen_with(USE_ONE, &one_kind);
    assert_string_equal(kinds_trace, "");
    core_store_digest(&world, world.store, after);
    assert_memory_equal(before, after, 32);
}

struct fault {
    uint64_t at;      /* this commit */
    uint64_t commits; /* so far */
    enum store_fault what;
};

static enum store_fault fault_ask(void *context, uint64_t call, bool is_commit)
{
    struct fault *fault = context;
    (void)call;
    if (!is_commit) {
        return STORE_FAULT_NONE;
    }
    return fault->commits++ == fault->at ? fault->what : STORE_FAULT_NONE;
}

/* A rebuild stops at each of its commits in turn; the next start does it over, to the same rows. */
static void test_interrupted(void **state)
{
    (void)state;
    static const enum store_fault faults[] = {STORE_FAULT_FULL, STORE_FAULT_COMMIT_LOST,
                                              STORE_FAULT_COMMIT_UNTOLD};
    uint8_t before[32];
    uint8_t leaves[32];
    events_many(4500);
    kinds_table_digest(world.store, "one", before);
    core_store_digest(&world, world.store, leaves);
    core_world_shut(&world);
    struct ledger_kind raised = one_kind;
    for (uint64_t at = 0; at < 5; at++) {
        for (size_t i = 0; i < 3; i++) {
            struct fault fault = {.at = at, .what = faults[i]};
            struct store *failing = NULL;
            struct ledger *ledger = NULL;
            raised.fold_version++;
            world.uses[USE_ONE].kind = &raised;
            assert_int_equal(store_failing_open(world.store, fault_ask, &fault, &failing),
                             LUCID_OK);
            enum lucid_error error = core_ledger_open(&world, failing, &ledger);
            assert_int_equal(error,
                             faults[i] == STORE_FAULT_FULL ? LUCID_RETRY_FULL : LUCID_FATAL_STORE);
            assert_null(ledger);
            world.store = store_failing_release(failing);
            assert_int_equal(core_world_open(&world), LUCID_OK);
            unsigned row_state;
            assert_int_equal(fold_row("one", &row_state), raised.fold_version);
            assert_int_equal(row_state, 1);
            uint8_t after[32];
            kinds_table_digest(world.store, "one", after);
            assert_memory_equal(after, before, 32);
            core_world_shut(&world);
        }
    }
    assert_int_equal(core_world_open(&world), LUCID_OK);
}

/* Without any fold row everything is made again from the events: leaves, nodes, tables. */
static void test_from_scratch(void **state)
{
    (void)state;
    uint8_t before[32];
    uint8_t after[32];
    events_many(4500);
    core_store_digest(&world, world.store, before);
    core_world_shut(&world);
    struct store_batch *batch = NULL;
    uint32_t table;
    assert_int_equal(store_table_find(world.store, LEDGER_FOLDS_TABLE, &table), LUCID_OK);
    assert_int_equal(store_batch_begin(world.store, &batch), LUCID_OK);
    assert_int_equal(store_table_clear(batch, table), LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    table_spoil("watch");
    assert_int_equal(core_world_open(&world), LUCID_OK);
    core_store_digest(&world, world.store, after);
    assert_memory_equal(before, after, 32);
}

/* --- upcasts -----------------------------------------------------------------------------------
 */

/* 1 → 2 puts a '+' before, 2 → 3 a '*' behind. */
static enum lucid_error text_upcast(const struct ledger_event_type *type, uint16_t from,
                                    struct lucid_span payload, struct lucid_arena *arena,
                                    struct lucid_span *ret)
{
    (void)type;
    uint8_t *text = lucid_arena_alloc(arena, payload.len + 1);
    if (text == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    memcpy(text + (from == 1 ? 1 : 0), payload.data, payload.len);
    text[from == 1 ? 0 : payload.len] = from == 1 ? '+' : '*';
    *ret = lucid_span(text, payload.len + 1);
    return LUCID_OK;
}

static const struct ledger_event_type types_v2[] = {
    {.name = "one.did", .version = 2, .upcast = text_upcast}, {.name = NULL}};
static const struct ledger_event_type types_v3[] = {
    {.name = "one.did", .version = 3, .upcast = text_upcast}, {.name = NULL}};

static void test_upcast(void **state)
{
    (void)state;
    struct ledger_kind two = one_kind;
    struct ledger_kind three = one_kind;
    two.types = types_v2;
    three.types = types_v3;
    three.fold_version = 3;
    kinds_say(&world, "first");
    reopen_with(USE_ONE, &two);
    kinds_say(&world, "second");
    assert_non_null(strstr(kinds_trace, "one.apply 3 second"));
    reopen_with(USE_ONE, &three);
    assert_string_equal(kinds_trace, "one.apply 2 +first*\none.apply 3 second*");
    /* A draft of an older version is stored so, and seen upcast by apply, listeners and react. */
    struct script script;
    kinds_trace[0] = '\0';
    script_init(&script, "third");
    script.command.kind = &three;
    script.version = 1;
    assert_int_equal(core_run(&world, &script.command), LUCID_OK);
    assert_int_equal(script.drafted[0]->version, 1);
    assert_string_equal(kinds_trace, "one.decide 0\n"
                                     "veto.guard 0\n"
                                     "one.apply 4 +third*\n"
                                     "watch.apply 4 +third*\n"
                                     "every.apply 4 +third*\n"
                                     "one.react 4 +third*\n"
                                     "watch.react 4 +third*\n"
                                     "every.react 4 +third*");
    struct store_event event;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(store_event_read(ledger_view_store(world.view), 4, &event), LUCID_OK);
    assert_int_equal(event.version, 1);
    assert_true(lucid_span_is(event.payload, "third"));
    ledger_view_end(world.view);
    /* Live and folded again are the same. */
    uint8_t before[32];
    uint8_t after[32];
    kinds_table_digest(world.store, "one", before);
    struct ledger_kind again = three;
    again.fold_version = 4;
    reopen_with(USE_ONE, &again);
    kinds_table_digest(world.store, "one", after);
    assert_memory_equal(before, after, 32);
    /* A program that knows only version 1 must not fold these. */
    struct ledger_kind old = one_kind;
    old.fold_version = 5;
    core_world_shut(&world);
    world.uses[USE_ONE].kind = &old;
    assert_int_equal(core_world_open(&world), LUCID_FATAL_NEWER);
}

/* --- kinds that are away ------------------------------------------------------------------------
 */

/* Takes one kind out of the list and opens. */
static void open_without(size_t use)
{
    core_world_shut(&world);
    memmove(&world.uses[use], &world.uses[use + 1],
            (world.use_count - use - 1) * sizeof(world.uses[0]));
    world.use_count--;
    kinds_trace[0] = '\0';
    assert_int_equal(core_world_open(&world), LUCID_OK);
}

/* Events that nobody here owns are skipped, but whoever listens to them still gets them. */
static void test_unknown_types(void **state)
{
    (void)state;
    events_many(200);
    uint8_t before[2][32];
    uint8_t after[32];
    kinds_table_digest(world.store, "watch", before[0]);
    kinds_table_digest(world.store, "every", before[1]);
    struct ledger_kind watch_raised = watch_kind;
    struct ledger_kind every_raised = every_kind;
    watch_raised.fold_version = 2;
    every_raised.fold_version = 2;
    world.uses[USE_WATCH].kind = &watch_raised;
    world.uses[USE_EVERY].kind = &every_raised;
    open_without(USE_ONE);
    kinds_table_digest(world.store, "every", after);
    assert_memory_equal(before[1], after, 32);
    kinds_table_digest(world.store, "watch", after);
    assert_memory_equal(before[0], after, 32);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_view_leaves(world.view), 100);
    ledger_view_end(world.view);
}

/* A kind that was away while the log grew is folded again when it is back. */
static void test_away_and_back(void **state)
{
    (void)state;
    kinds_say(&world, "before");
    open_without(USE_WATCH);
    assert_string_equal(kinds_trace, "");
    kinds_say(&world, "tell");
    /* A batch that is dropped marks nothing for good; one that is kept does, once. */
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    ledger_batch_abort(world.ledger);
    kinds_say(&world, "while away");
    core_world_shut(&world);
    kinds_trace[0] = '\0';
    core_world_use(&world, &watch_kind, NULL);
    assert_int_equal(core_world_open(&world), LUCID_OK);
    assert_string_equal(kinds_trace,
                        "watch.apply 2 before\nwatch.apply 3 tell\nwatch.apply 4 while away");
    core_world_reopen(&world);
    assert_string_equal(kinds_trace,
                        "watch.apply 2 before\nwatch.apply 3 tell\nwatch.apply 4 while away");
    /* Away without anything happening: nothing to do. */
    open_without(world.use_count - 1);
    core_world_shut(&world);
    core_world_use(&world, &watch_kind, NULL);
    assert_int_equal(core_world_open(&world), LUCID_OK);
    assert_string_equal(kinds_trace, "");
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_raised),        WORLD_TEST(test_current), WORLD_TEST(test_interrupted),
        WORLD_TEST(test_from_scratch),  WORLD_TEST(test_upcast),  WORLD_TEST(test_unknown_types),
        WORLD_TEST(test_away_and_back),
    };
    return cmocka_run_group_tests_name("core fold", tests, NULL, NULL);
}

/* The verbs as kind.h promises them: order, depth, outcomes, parts, numbers, staging, misuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/ledger/core_kinds_world.h"

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

static void test_order(void **state)
{
    (void)state;
    struct script script;
    script_init(&script, "tell");
    script.texts[1] = "b";
    assert_int_equal(core_run(&world, &script.command), LUCID_OK);
    assert_string_equal(kinds_trace, "one.decide 0\n"
                                     "veto.guard 0\n"
                                     "one.apply 2 tell\n"
                                     "watch.apply 2 tell\n"
                                     "every.apply 2 tell\n"
                                     "one.react 2 tell\n"
                                     "watch.react 2 tell\n"
                                     "watch.apply 3 told\n"
                                     "every.apply 3 told\n"
                                     "watch.react 3 told\n"
                                     "every.react 3 told\n"
                                     "every.react 2 tell\n"
                                     "one.apply 4 b\n"
                                     "watch.apply 4 b\n"
                                     "every.apply 4 b\n"
                                     "one.react 4 b\n"
                                     "watch.react 4 b\n"
                                     "every.react 4 b");
    assert_int_equal(script.concluded, 1);
}

static void test_depth(void **state)
{
    (void)state;
    uint64_t before = core_events(&world);
    kinds_say(&world, "again 8");
    assert_int_equal(core_events(&world), before + 1 + LEDGER_REACT_DEPTH_MAX);
}

static void test_guard(void **state)
{
    (void)state;
    struct script script;
    uint8_t before[32];
    uint8_t after[32];
    core_store_digest(&world, world.store, before);
    veto_refuses = true;
    script_init(&script, "a");
    assert_int_equal(core_run(&world, &script.command), LUCID_REFUSE_FORBIDDEN);
    assert_string_equal(script.command.why.code, "VETO");
    assert_string_equal(script.command.why.param, "gas");
    assert_string_equal(kinds_trace, "one.decide 0\nveto.guard 0");
    assert_int_equal(script.concluded, 0);
    core_store_digest(&world, world.store, after);
    assert_memory_equal(before, after, 32);
    /* What drafts nothing costs nothing: not asked. Neither is what was refused already. */
    kinds_trace[0] = '\0';
    script_init(&script, NULL);
    assert_int_equal(core_run(&world, &script.command), LUCID_OK);
    assert_int_equal(script.concluded, 1);
    script_init(&script, "a");
    script.outcome = LUCID_REFUSE_INVALID;
    assert_int_equal(core_run(&world, &script.command), LUCID_REFUSE_INVALID);
    assert_string_equal(kinds_trace, "one.decide 0\none.decide 0");
}

/* Runs three parts with these outcomes in one command and returns the events it made. */
static uint64_t parts_run(struct script parts[3], const enum lucid_error outcomes[3], int alone)
{
    static const char *const texts[] = {"p0", "p1", "p2"};
    uint64_t before = core_events(&world);
    for (int i = 0; i < 3; i++) {
        script_init(&parts[i], texts[i]);
        parts[i].outcome = outcomes[i];
        parts[i].command.commit_alone = i == alone;
        parts[i].command.next_part = i < 2 ? &parts[i + 1].command : NULL;
    }
    (void)core_run(&world, &parts[0].command);
    return core_events(&world) - before;
}

static void test_parts(void **state)
{
    (void)state;
    struct script parts[3];
    const enum lucid_error fine[3] = {LUCID_OK, LUCID_OK, LUCID_OK};
    assert_int_equal(parts_run(parts, fine, -1), 3);
    assert_string_equal(strstr(kinds_trace, "one.apply 2"), strstr(kinds_trace, "one.apply"));
    /* Every part decides before any is applied. */
    assert_memory_equal(kinds_trace,
                        "one.decide 0\nveto.guard 0\none.decide 0\nveto.guard 0\none.decide 0\n"
                        "veto.guard 0\none.apply",
                        80);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(parts[i].concluded, 1);
        assert_int_equal(parts[i].drafted[0]->sequence, 2 + (uint64_t)i);
    }
    for (int refused = 0; refused < 3; refused++) {
        enum lucid_error outcomes[3] = {LUCID_OK, LUCID_OK, LUCID_OK};
        outcomes[refused] = LUCID_REFUSE_CONFLICT;
        assert_int_equal(parts_run(parts, outcomes, -1), 0);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(parts[i].command.error, LUCID_REFUSE_CONFLICT);
            assert_string_equal(parts[i].command.why.code, "SCRIPTED");
            assert_int_equal(parts[i].concluded, 0);
        }
    }
}

static void test_parts_alone(void **state)
{
    (void)state;
    struct script parts[3];
    for (int alone = 0; alone < 3; alone++) {
        int refused = (alone + 1) % 3;
        enum lucid_error outcomes[3] = {LUCID_OK, LUCID_OK, LUCID_OK};
        outcomes[refused] = LUCID_REFUSE_INVALID;
        assert_int_equal(parts_run(parts, outcomes, alone), 1);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(parts[i].command.error, i == alone ? LUCID_OK : LUCID_REFUSE_INVALID);
            assert_int_equal(parts[i].concluded, i == alone);
        }
    }
    /* The part that commits alone is refused itself: nothing is kept. */
    const enum lucid_error first[3] = {LUCID_REFUSE_INVALID, LUCID_OK, LUCID_OK};
    assert_int_equal(parts_run(parts, first, 0), 0);
    /* A note is no refusal. */
    const enum lucid_error note[3] = {LUCID_OK, LUCID_NOTE_ABSENT, LUCID_OK};
    assert_int_equal(parts_run(parts, note, -1), 2);
    assert_int_equal(parts[0].command.error, LUCID_OK);
    assert_int_equal(parts[1].command.error, LUCID_NOTE_ABSENT);
    assert_int_equal(parts[2].command.error, LUCID_OK);
}

/* What decide says other than OK drops its drafts; the batch goes on. */
static void test_outcomes(void **state)
{
    (void)state;
    static const enum lucid_error outcomes[] = {LUCID_NOTE_ABSENT, LUCID_REFUSE_INVALID,
                                                LUCID_RETRY_BUSY};
    uint64_t before = core_events(&world);
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    struct script scripts[7];
    for (size_t i = 0; i < 7; i++) {
        script_init(&scripts[i], "x");
        scripts[i].outcome = i % 2 == 1 ? outcomes[i / 2] : LUCID_OK;
        assert_int_equal(ledger_batch_run(world.ledger, &scripts[i].command), LUCID_OK);
        assert_int_equal(scripts[i].command.error, scripts[i].outcome);
        assert_int_equal(ledger_batch_events(world.ledger), i / 2 + 1);
    }
    assert_int_equal(ledger_batch_commit(world.ledger), LUCID_OK);
    assert_int_equal(core_events(&world), before + 4);
}

/* For processes that must die of an assertion, not of an error looked at. */
static void ignore(enum lucid_error error)
{
    (void)error;
}

static void commit_anyway(void *context)
{
    ignore(ledger_batch_commit(context));
}

static void run_anyway(void *context)
{
    struct script script;
    script_init(&script, "x");
    ignore(ledger_batch_run(context, &script.command));
}

static void test_fatal(void **state)
{
    (void)state;
    struct script script;
    struct script fine;
    uint8_t before[32];
    uint8_t after[32];
    core_store_digest(&world, world.store, before);
    for (int in_conclude = 0; in_conclude < 2; in_conclude++) {
        assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
        script_init(&fine, "x");
        assert_int_equal(ledger_batch_run(world.ledger, &fine.command), LUCID_OK);
        script_init(&script, "y");
        script.outcome = in_conclude ? LUCID_OK : LUCID_FATAL_CORRUPT;
        script.conclude_as = in_conclude ? LUCID_FATAL_CORRUPT : LUCID_OK;
        assert_int_equal(ledger_batch_run(world.ledger, &script.command), LUCID_FATAL_CORRUPT);
        assert_int_equal(script.command.error, LUCID_FATAL_CORRUPT);
        assert_true(kinds_aborts(commit_anyway, world.ledger));
        assert_true(kinds_aborts(run_anyway, world.ledger));
        ledger_batch_abort(world.ledger);
        core_store_digest(&world, world.store, after);
        assert_memory_equal(before, after, 32);
    }
    kinds_say(&world, "and on");
}

static void test_numbers(void **state)
{
    (void)state;
    struct script script;
    script_init(&script, "first");
    script.texts[1] = "second";
    script.with_entry = true;
    memset(script.entry, 7, sizeof(script.entry));
    world.now_ms = CORE_NOW_MS + 500;
    assert_int_equal(core_run(&world, &script.command), LUCID_OK);
    for (uint64_t i = 0; i < 2; i++) {
        assert_int_equal(script.drafted[i]->sequence, 2 + i);
        assert_int_equal(script.drafted[i]->leaf, i);
        assert_int_equal(script.drafted[i]->time_ms, CORE_NOW_MS + 500);
        assert_int_equal(script.drafted[i]->version, 1);
    }
    /* The clock steps back: the log's time does not. */
    world.now_ms = CORE_NOW_MS - 100000;
    script_init(&script, "third");
    assert_int_equal(core_run(&world, &script.command), LUCID_OK);
    assert_int_equal(script.drafted[0]->time_ms, CORE_NOW_MS + 500);
    assert_int_equal(script.drafted[0]->leaf, 2);
    assert_int_equal(ledger_time_ms(world.ledger), CORE_NOW_MS + 500);
}

static uint64_t applied(void)
{
    return ((const struct one_memory *)ledger_memory_committed(world.ledger, &one_kind))->applied;
}

static void test_staging(void **state)
{
    (void)state;
    struct script script;
    kinds_say(&world, "kept");
    assert_int_equal(applied(), 1);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
        for (int i = 0; i < 3; i++) {
            script_init(&script, "maybe");
            script.with_entry = true;
            assert_int_equal(ledger_batch_run(world.ledger, &script.command), LUCID_OK);
        }
        assert_int_equal(applied(), 1 + (round > 1 ? 3U : 0U));
        assert_int_equal(ledger_batch_events(world.ledger), 3);
        if (round == 1) {
            assert_int_equal(ledger_batch_commit(world.ledger), LUCID_OK);
        } else {
            ledger_batch_abort(world.ledger);
        }
        assert_int_equal(applied(), round == 0 ? 1 : 4);
        assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
        assert_int_equal(ledger_view_leaves(world.view), round == 0 ? 0 : 3);
        ledger_view_end(world.view);
    }
    core_world_reopen(&world);
    assert_int_equal(applied(), 4);
}

static void misuse_run(void *context)
{
    struct script script;
    kinds_misuse = *(const enum kinds_misuse *)context;
    script_init(&script, kinds_misuse == MISUSE_REACT_TOO_DEEP ? "again 9" : "x");
    ignore(ledger_batch_begin(world.ledger, CORE_NOW_MS));
    if (ledger_batch_run(world.ledger, &script.command) == LUCID_OK) {
        ignore(ledger_batch_commit(world.ledger));
    }
}

static void begin_twice(void *context)
{
    ignore(ledger_batch_begin(context, CORE_NOW_MS));
    ignore(ledger_batch_begin(context, CORE_NOW_MS));
}

static void unknown_kind(void *context)
{
    struct core_leaf_command leaf;
    (void)context;
    core_leaf_init(&leaf, 0, 1);
    ignore(ledger_batch_begin(world.ledger, CORE_NOW_MS));
    ignore(ledger_batch_run(world.ledger, &leaf.command));
}

static void close_in_batch(void *context)
{
    ignore(ledger_batch_begin(context, CORE_NOW_MS));
    ledger_close(context);
}

static void test_misuse(void **state)
{
    (void)state;
    for (int i = MISUSE_NONE + 1; i < MISUSE_COUNT; i++) {
        enum kinds_misuse misuse = (enum kinds_misuse)i;
        if (!kinds_aborts(misuse_run, &misuse)) {
            fail_msg("misuse %d was let through", i);
        }
    }
    enum kinds_misuse none = MISUSE_NONE;
    assert_false(kinds_aborts(misuse_run, &none));
    assert_true(kinds_aborts(begin_twice, world.ledger));
    assert_true(kinds_aborts(unknown_kind, NULL));
    assert_true(kinds_aborts(close_in_batch, world.ledger));
    /* No batch is begun. */
    assert_true(kinds_aborts(commit_anyway, world.ledger));
    assert_true(kinds_aborts(run_anyway, world.ledger));
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_order),  WORLD_TEST(test_depth),       WORLD_TEST(test_guard),
        WORLD_TEST(test_parts),  WORLD_TEST(test_parts_alone), WORLD_TEST(test_outcomes),
        WORLD_TEST(test_fatal),  WORLD_TEST(test_numbers),     WORLD_TEST(test_staging),
        WORLD_TEST(test_misuse),
    };
    return cmocka_run_group_tests_name("core kinds", tests, NULL, NULL);
}

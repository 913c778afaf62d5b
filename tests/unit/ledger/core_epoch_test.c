/* Epochs by count, age and operator, on entries of a kind of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/epoch_internal.h"
#include "tests/unit/ledger/core_world.h"

#define HOUR_MS ((uint64_t)3600 * 1000)

static struct core_world world;

static int world_make(void **state)
{
    (void)state;
    core_world_init(&world);
    core_world_start(&world);
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    core_world_stop(&world);
    return 0;
}

static struct ledger_epoch epoch_read(uint64_t number)
{
    struct ledger_epoch epoch;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_epoch_read(world.view, number, &epoch), LUCID_OK);
    ledger_view_end(world.view);
    return epoch;
}

static uint64_t epoch_count(void)
{
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    uint64_t count = ledger_epoch_count(world.view);
    ledger_view_end(world.view);
    return count;
}

/* The epoch as it must be read, and what follows from it: leaves, root, and a head of its end. */
static void expect_epoch(uint64_t number, uint64_t first, uint64_t end, enum epoch_closed_by by,
                         uint64_t opened_ms, uint64_t closed_ms)
{
    struct ledger_epoch epoch = epoch_read(number);
    assert_int_equal(epoch.number, number);
    assert_int_equal(epoch.first_leaf, first);
    assert_int_equal(epoch.end_leaf, end);
    assert_int_equal(epoch.closed_by, by);
    assert_int_equal(epoch.opened_ms, opened_ms);
    assert_int_equal(epoch.closed_ms, closed_ms);
    struct mmr_hash root;
    struct ledger_head head;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    struct mmr_nodes nodes = ledger_view_nodes(world.view);
    assert_int_equal(mmr_root(&nodes, end, &root), LUCID_OK);
    assert_memory_equal(&root, &epoch.root, sizeof(root));
    for (uint64_t leaf = first; leaf < end; leaf++) {
        uint64_t of = UINT64_MAX;
        uint64_t of_end = UINT64_MAX;
        assert_int_equal(
            epoch_place(ledger_view_store(world.view), world.store, leaf, &of, &of_end), LUCID_OK);
        assert_int_equal(of, number);
        assert_int_equal(of_end, by == EPOCH_OPEN ? 0 : end);
    }
    if (by != EPOCH_OPEN) {
        assert_int_equal(ledger_head_of_size(world.view, end, &head), LUCID_OK);
        assert_memory_equal(&head.root, &root, sizeof(root));
        assert_int_equal(head.signed_ms, closed_ms);
    }
    ledger_view_end(world.view);
}

static void expect_none_open(void)
{
    struct ledger_epoch epoch = {.number = 77};
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_epoch_current(world.view, &epoch), LUCID_NOTE_ABSENT);
    assert_int_equal(epoch.number, 77);
    ledger_view_end(world.view);
    assert_int_equal(ledger_epoch_due_ms(world.ledger), 0);
}

static enum lucid_error tick(enum epoch_verb verb, bool *ret_closed)
{
    struct ledger_epoch_command command;
    ledger_epoch_command_init(&command, verb);
    enum lucid_error error = core_run(&world, &command.command);
    *ret_closed = command.ret_closed;
    return error;
}

static void test_count(void **state)
{
    (void)state;
    assert_int_equal(epoch_count(), 0);
    expect_none_open();
    core_leaves_log(&world, 0, 99);
    expect_epoch(0, 0, 99, EPOCH_OPEN, CORE_NOW_MS, 0);
    assert_int_equal(epoch_count(), 1);
    world.now_ms += 5;
    core_leaves_log(&world, 99, 1);
    expect_epoch(0, 0, 100, EPOCH_BY_COUNT, CORE_NOW_MS, CORE_NOW_MS + 5);
    expect_none_open();
    assert_int_equal(epoch_count(), 1);
    world.now_ms += 5;
    core_leaves_log(&world, 100, 1);
    expect_epoch(1, 100, 101, EPOCH_OPEN, CORE_NOW_MS + 10, 0);
    assert_int_equal(epoch_count(), 2);
    core_world_reopen(&world);
    expect_epoch(0, 0, 100, EPOCH_BY_COUNT, CORE_NOW_MS, CORE_NOW_MS + 5);
    expect_epoch(1, 100, 101, EPOCH_OPEN, CORE_NOW_MS + 10, 0);
    core_leaves_log(&world, 101, 98);
    expect_epoch(1, 100, 199, EPOCH_OPEN, CORE_NOW_MS + 10, 0);
    core_leaves_log(&world, 199, 1);
    expect_epoch(1, 100, 200, EPOCH_BY_COUNT, CORE_NOW_MS + 10, CORE_NOW_MS + 10);
}

/* Many epochs in one batch, and even in one command. */
static void test_batch(void **state)
{
    (void)state;
    core_leaves_log(&world, 0, 1050);
    for (uint64_t i = 0; i < 10; i++) {
        expect_epoch(i, 100 * i, 100 * i + 100, EPOCH_BY_COUNT, CORE_NOW_MS, CORE_NOW_MS);
    }
    expect_epoch(10, 1000, 1050, EPOCH_OPEN, CORE_NOW_MS, 0);
    world.now_ms += 9;
    struct core_leaf_command many;
    core_leaf_init(&many, 1050, 275);
    assert_int_equal(core_run(&world, &many.command), LUCID_OK);
    assert_int_equal(many.last->leaf, 1324);
    expect_epoch(10, 1000, 1100, EPOCH_BY_COUNT, CORE_NOW_MS, CORE_NOW_MS + 9);
    expect_epoch(11, 1100, 1200, EPOCH_BY_COUNT, CORE_NOW_MS + 9, CORE_NOW_MS + 9);
    expect_epoch(12, 1200, 1300, EPOCH_BY_COUNT, CORE_NOW_MS + 9, CORE_NOW_MS + 9);
    expect_epoch(13, 1300, 1325, EPOCH_OPEN, CORE_NOW_MS + 9, 0);
    core_world_reopen(&world);
    assert_int_equal(epoch_count(), 14);
    expect_epoch(13, 1300, 1325, EPOCH_OPEN, CORE_NOW_MS + 9, 0);
}

/* An epoch that closes in a batch which is dropped stays open. */
static void test_aborted(void **state)
{
    (void)state;
    core_leaves_log(&world, 0, 99);
    for (int round = 0; round < 2; round++) {
        struct core_leaf_command leaf;
        core_leaf_init(&leaf, 99, 40);
        assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
        assert_int_equal(ledger_batch_run(world.ledger, &leaf.command), LUCID_OK);
        ledger_batch_abort(world.ledger);
        expect_epoch(0, 0, 99, EPOCH_OPEN, CORE_NOW_MS, 0);
    }
    core_leaves_log(&world, 500, 1);
    expect_epoch(0, 0, 100, EPOCH_BY_COUNT, CORE_NOW_MS, CORE_NOW_MS);
}

static void test_age(void **state)
{
    (void)state;
    bool closed;
    core_leaves_log(&world, 0, 3);
    world.now_ms += 1000;
    core_leaves_log(&world, 3, 2); /* counts from the first leaf, not from this */
    assert_int_equal(ledger_epoch_due_ms(world.ledger), CORE_NOW_MS + HOUR_MS);
    for (int reopened = 0; reopened < 2; reopened++) {
        uint64_t events = core_events(&world);
        world.now_ms = CORE_NOW_MS + HOUR_MS - 1;
        assert_int_equal(tick(EPOCH_TICK, &closed), LUCID_OK);
        assert_false(closed);
        assert_int_equal(core_events(&world), events);
        core_world_reopen(&world);
    }
    assert_int_equal(ledger_epoch_due_ms(world.ledger), CORE_NOW_MS + HOUR_MS);
    world.now_ms = CORE_NOW_MS + HOUR_MS;
    assert_int_equal(tick(EPOCH_TICK, &closed), LUCID_OK);
    assert_true(closed);
    expect_epoch(0, 0, 5, EPOCH_BY_AGE, CORE_NOW_MS, CORE_NOW_MS + HOUR_MS);
    expect_none_open();
    /* Idle, however long: nothing is closed and nothing logged. */
    uint64_t events = core_events(&world);
    world.now_ms += 10 * HOUR_MS;
    assert_int_equal(tick(EPOCH_TICK, &closed), LUCID_OK);
    assert_false(closed);
    assert_int_equal(core_events(&world), events);
    assert_int_equal(epoch_count(), 1);
}

static void test_operator(void **state)
{
    (void)state;
    bool closed;
    struct ledger_epoch_command command;
    ledger_epoch_command_init(&command, EPOCH_FINALIZE);
    assert_int_equal(core_run(&world, &command.command), LUCID_REFUSE_CONFLICT);
    assert_string_equal(command.command.why.code, "EPOCH_NOT_OPEN");
    core_leaves_log(&world, 0, 1);
    ledger_epoch_command_init(&command, EPOCH_FINALIZE);
    assert_int_equal(core_run(&world, &command.command), LUCID_OK);
    assert_true(command.ret_closed);
    assert_int_equal(command.ret_epoch, 0);
    expect_epoch(0, 0, 1, EPOCH_BY_OPERATOR, CORE_NOW_MS, CORE_NOW_MS);
    assert_int_equal(tick(EPOCH_FINALIZE, &closed), LUCID_REFUSE_CONFLICT);
    /* The hundred counts from the new first leaf. */
    core_leaves_log(&world, 1, 100);
    expect_epoch(1, 1, 101, EPOCH_BY_COUNT, CORE_NOW_MS, CORE_NOW_MS);
    core_world_reopen(&world);
    assert_int_equal(tick(EPOCH_FINALIZE, &closed), LUCID_REFUSE_CONFLICT);
    /* In one batch: the leaf, its close, and a close too many. */
    struct core_leaf_command leaf;
    struct ledger_epoch_command again;
    core_leaf_init(&leaf, 101, 1);
    ledger_epoch_command_init(&command, EPOCH_FINALIZE);
    ledger_epoch_command_init(&again, EPOCH_FINALIZE);
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &leaf.command), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &command.command), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &again.command), LUCID_OK);
    assert_int_equal(ledger_batch_commit(world.ledger), LUCID_OK);
    assert_int_equal(command.command.error, LUCID_OK);
    assert_int_equal(again.command.error, LUCID_REFUSE_CONFLICT);
    expect_epoch(2, 101, 102, EPOCH_BY_OPERATOR, CORE_NOW_MS, CORE_NOW_MS);
}

/* A close at a size that has a head already needs no second one. */
static void test_head_shared(void **state)
{
    (void)state;
    bool closed;
    struct ledger_head_tick head;
    core_leaves_log(&world, 0, 5);
    ledger_head_tick_init(&head);
    assert_int_equal(core_run(&world, &head.command), LUCID_OK);
    uint64_t events = core_events(&world);
    assert_int_equal(tick(EPOCH_FINALIZE, &closed), LUCID_OK);
    assert_true(closed);
    assert_int_equal(core_events(&world), events + 1);
    expect_epoch(0, 0, 5, EPOCH_BY_OPERATOR, CORE_NOW_MS, CORE_NOW_MS);
}

static void test_absent(void **state)
{
    (void)state;
    struct ledger_epoch epoch;
    core_leaves_log(&world, 0, 120);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(ledger_epoch_read(world.view, 2, &epoch), LUCID_NOTE_ABSENT);
    assert_int_equal(ledger_epoch_read(world.view, UINT64_MAX, &epoch), LUCID_NOTE_ABSENT);
    assert_int_equal(ledger_epoch_current(world.view, &epoch), LUCID_OK);
    assert_int_equal(epoch.number, 1);
    ledger_view_end(world.view);
    assert_string_equal(epoch_closed_by_name(EPOCH_BY_COUNT), "count");
    assert_string_equal(epoch_closed_by_name(EPOCH_BY_AGE), "age");
    assert_string_equal(epoch_closed_by_name(EPOCH_BY_OPERATOR), "operator");
    assert_null(epoch_closed_by_name(EPOCH_OPEN));
}

/* --- a kind that answers a leaf with a leaf, registered before epochs --------------------------
 */

static enum lucid_error echo_react(struct ledger_txn *txn, const struct ledger_event *event)
{
    if (!lucid_span_is(event->type, "leaf.logged")) {
        return LUCID_OK;
    }
    uint8_t *entry = lucid_arena_alloc(ledger_txn_arena(txn), STORE_ENTRY_BYTES);
    lucid_assert(entry != NULL);
    memcpy(entry, event->entry, STORE_ENTRY_BYTES);
    entry[0] ^= 0xff;
    struct ledger_draft draft = {.type = "echo", .payload = lucid_span_str("e"), .entry = entry};
    return ledger_txn_draft(txn, &draft, NULL);
}

static enum lucid_error echo_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    (void)txn;
    (void)event;
    return LUCID_OK;
}

/* The leaf that an epoch's count counts may be inside a reaction: no epoch is closed twice. */
static void test_nested(void **state)
{
    (void)state;
    static const struct ledger_event_type types[] = {{.name = "echo", .version = 1},
                                                     {.name = NULL}};
    static const char *const listens[] = {"leaf.logged", NULL};
    static const struct ledger_kind echo_kind = {
        .name = "echo",
        .fold_version = 1,
        .types = types,
        .listens = listens,
        .apply = echo_apply,
        .react = echo_react,
    };
    struct core_world nested;
    core_world_init(&nested);
    nested.epoch.receipts_max = 4;
    nested.use_count = 0;
    core_world_use(&nested, &ledger_log_kind, NULL);
    core_world_use(&nested, &core_leaf_kind, NULL);
    core_world_use(&nested, &echo_kind, NULL);
    core_world_use(&nested, &ledger_epoch_kind, &nested.epoch);
    core_world_use(&nested, &ledger_head_kind, &nested.head);
    core_world_start(&nested);
    struct ledger_epoch epoch;
    core_leaves_log(&nested, 0, 9);
    assert_int_equal(ledger_view_begin(nested.view), LUCID_OK);
    assert_int_equal(ledger_view_leaves(nested.view), 18);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(ledger_epoch_read(nested.view, i, &epoch), LUCID_OK);
        assert_int_equal(epoch.first_leaf, 4 * i);
        assert_int_equal(epoch.end_leaf, 4 * i + 4);
    }
    assert_int_equal(ledger_epoch_count(nested.view), 5);
    ledger_view_end(nested.view);
    core_world_stop(&nested);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_count),  WORLD_TEST(test_batch),    WORLD_TEST(test_aborted),
        WORLD_TEST(test_age),    WORLD_TEST(test_operator), WORLD_TEST(test_head_shared),
        WORLD_TEST(test_absent), WORLD_TEST(test_nested),
    };
    return cmocka_run_group_tests_name("core epoch", tests, NULL, NULL);
}

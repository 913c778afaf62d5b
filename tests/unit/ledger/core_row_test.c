/* Rows that a batch keeps in memory: written once at its end, dropped with it, seen by every read
 * of the batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/row.h"
#include "tests/unit/ledger/core_world.h"

/* Kind "tally" counts leaves: key 1 all of them, key 2 the even ones; by rows. */
enum { ROW_BYTES = 8 };

static uint64_t seen_by_peek; /* what decide of the next command read */
static bool walks;            /* apply looks through its table each time */
static bool spreads;          /* apply also makes a row for each leaf */

static enum lucid_error tally_add(struct ledger_txn *txn, uint8_t number)
{
    uint8_t *row = NULL;
    struct lucid_span key = lucid_span(&number, 1);
    struct lucid_span got;
    enum lucid_error error = ledger_txn_row(txn, 0, key, ROW_BYTES, false, &row);
    assert_true(error == LUCID_OK || error == LUCID_NOTE_ABSENT);
    error = ledger_txn_row(txn, 0, key, ROW_BYTES, true, &row);
    assert_int_equal(error, LUCID_OK);
    lucid_put_be64(row, lucid_get_be64(row) + 1);
    /* The other way to read sees the same. */
    assert_int_equal(ledger_txn_get(txn, 0, key, &got), LUCID_OK);
    assert_memory_equal(got.data, row, ROW_BYTES);
    return LUCID_OK;
}

static enum lucid_error tally_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    if (event->entry == NULL) {
        return LUCID_OK;
    }
    enum lucid_error error = tally_add(txn, 1);
    if (error == LUCID_OK && event->leaf % 2 == 0) {
        error = tally_add(txn, 2);
    }
    struct lucid_span key;
    struct lucid_span value;
    if (error == LUCID_OK && spreads) {
        uint8_t number[8];
        uint8_t *row = NULL;
        lucid_put_be64(number, event->leaf);
        error = ledger_txn_row(txn, 0, lucid_span(number, 8), ROW_BYTES, true, &row);
        assert_int_equal(error, LUCID_OK);
        assert_int_equal(lucid_get_be64(row), 0);
        lucid_put_be64(row, event->leaf + 7);
        lucid_put_be64(number, event->leaf / 2);
        assert_int_equal(ledger_txn_get(txn, 0, lucid_span(number, 8), &value), LUCID_OK);
        assert_int_equal(lucid_get_be64(value.data), event->leaf / 2 + 7);
    }
    if (error == LUCID_OK && walks) {
        error = ledger_txn_seek(txn, 0, STORE_SEEK_GE, lucid_span("\1", 1), &key, &value);
        assert_int_equal(error, LUCID_OK);
        assert_int_equal(lucid_get_be64(value.data), event->leaf + 1);
    }
    return error;
}

static const char *const tally_tables[] = {"tallies", NULL};
static const char *const tally_listens[] = {"*", NULL};
static const struct ledger_event_type tally_types[] = {{.name = NULL}};
static const struct ledger_kind tally_kind = {
    .name = "tally",
    .fold_version = 1,
    .types = tally_types,
    .tables = tally_tables,
    .listens = tally_listens,
    .apply = tally_apply,
};

/* Kind "reader" reads the other's rows in decide. */
static enum lucid_error reader_decide(struct ledger_txn *txn, struct ledger_command *command,
                                      struct lucid_why *why)
{
    struct lucid_span value;
    (void)command;
    (void)why;
    enum lucid_error error = ledger_txn_peek(txn, &tally_kind, 0, lucid_span("\1", 1), &value);
    seen_by_peek = error == LUCID_OK ? lucid_get_be64(value.data) : 0;
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

static const struct ledger_event_type reader_types[] = {{.name = NULL}};
static const struct ledger_kind reader_kind = {
    .name = "reader", .fold_version = 1, .types = reader_types, .decide = reader_decide};

static struct core_world world;

static int world_make(void **state)
{
    (void)state;
    core_world_init(&world);
    core_world_use(&world, &tally_kind, NULL);
    core_world_use(&world, &reader_kind, NULL);
    core_world_start(&world);
    seen_by_peek = UINT64_MAX;
    walks = false;
    spreads = false;
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    core_world_stop(&world);
    return 0;
}

static uint64_t tally_read(uint8_t number)
{
    struct lucid_span value;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    enum lucid_error error =
        row_get(ledger_view_store(world.view), ledger_view_table(world.view, &tally_kind, 0),
                lucid_span(&number, 1), &value);
    uint64_t count = error == LUCID_OK ? lucid_get_be64(value.data) : 0;
    assert_true(error == LUCID_OK || error == LUCID_NOTE_ABSENT);
    ledger_view_end(world.view);
    return count;
}

static void leaf_run(uint64_t number)
{
    struct core_leaf_command leaf;
    core_leaf_init(&leaf, number, 1);
    assert_int_equal(ledger_batch_run(world.ledger, &leaf.command), LUCID_OK);
    assert_int_equal(leaf.command.error, LUCID_OK);
}

static void reader_run(uint64_t want)
{
    struct ledger_command command = {.kind = &reader_kind};
    assert_int_equal(ledger_batch_run(world.ledger, &command), LUCID_OK);
    assert_int_equal(command.error, LUCID_OK);
    assert_int_equal(seen_by_peek, want);
}

static void test_batch(void **state)
{
    (void)state;
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    reader_run(0);
    for (uint64_t i = 0; i < 5; i++) {
        leaf_run(i);
        reader_run(i + 1);
    }
    assert_int_equal(tally_read(1), 0);
    assert_int_equal(ledger_batch_commit(world.ledger), LUCID_OK);
    assert_int_equal(tally_read(1), 5);
    assert_int_equal(tally_read(2), 3);
    core_leaves_log(&world, 5, 1);
    assert_int_equal(tally_read(1), 6);
    core_world_reopen(&world);
    assert_int_equal(tally_read(1), 6);
}

static void test_abort(void **state)
{
    (void)state;
    core_leaves_log(&world, 0, 2);
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    leaf_run(2);
    reader_run(3);
    ledger_batch_abort(world.ledger);
    assert_int_equal(tally_read(1), 2);
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    reader_run(2);
    leaf_run(2);
    assert_int_equal(ledger_batch_commit(world.ledger), LUCID_OK);
    assert_int_equal(tally_read(1), 3);
}

static void test_walk(void **state)
{
    (void)state;
    walks = true;
    core_leaves_log(&world, 0, 300);
    assert_int_equal(tally_read(1), 300);
    assert_int_equal(tally_read(2), 150);
}

/* More rows than the batch begins with room for. */
static void test_many(void **state)
{
    enum { LEAVES = 5000 };
    (void)state;
    spreads = true;
    core_leaves_log(&world, 0, LEAVES);
    core_leaves_log(&world, LEAVES, 3);
    assert_int_equal(tally_read(1), LEAVES + 3);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    for (uint64_t i = 0; i < LEAVES + 3; i++) {
        uint8_t number[8];
        struct lucid_span value;
        lucid_put_be64(number, i);
        assert_int_equal(row_get(ledger_view_store(world.view),
                                 ledger_view_table(world.view, &tally_kind, 0),
                                 lucid_span(number, 8), &value),
                         LUCID_OK);
        assert_int_equal(lucid_get_be64(value.data), i + 7);
    }
    ledger_view_end(world.view);
}

/* A row of another length is damage, found before it is used. */
static void test_damage(void **state)
{
    struct store_batch *batch = NULL;
    uint32_t table;
    uint8_t bytes[4 + ROW_SUM_BYTES] = {0};
    (void)state;
    core_leaves_log(&world, 0, 1);
    assert_int_equal(store_table_find(world.store, "tallies", &table), LUCID_OK);
    row_sum("tallies", lucid_span("\1", 1), lucid_span(bytes, 4), bytes + 4);
    assert_int_equal(store_batch_begin(world.store, &batch), LUCID_OK);
    assert_int_equal(store_put(batch, table, lucid_span("\1", 1), lucid_span(bytes, sizeof(bytes))),
                     LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    struct ledger_view *view = world.view;
    uint8_t *row = NULL;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(ledger_rows_take(world.ledger, ledger_view_store(view), table,
                                      lucid_span("\1", 1), ROW_BYTES, true, &row),
                     LUCID_FATAL_CORRUPT);
    ledger_view_end(view);
    assert_null(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_batch, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_abort, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_walk, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_many, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_damage, world_make, world_drop),
    };
    return cmocka_run_group_tests_name("core row", tests, NULL, NULL);
}

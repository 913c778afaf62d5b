/* The check of a store: it counts the same whatever its ranges are, and each tampered row is found
 * by the part that owns it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/row.h"
#include "tests/unit/ledger/check_world.h"
#include "tests/unit/ledger/ledger_receipt_world.h"

enum { RECEIPTS = 45, EPOCHS = 6 };

static struct world world;

static void submit(unsigned number)
{
    char body[1024];
    struct lucid_buf text;
    struct receipt_command command;
    lucid_buf_init(&text, 0);
    (void)snprintf(body, sizeof(body),
                   "{\"run_id\":\"run_check-%04u\",\"timestamp\":1732190000,%s}", number,
                   WORLD_TOOL_END);
    world_envelope(body, number % 2 == 0 ? &world.known : &world.other, WORLD_FINE, &text);
    assert_int_equal(world_prepare(&world, lucid_buf_span(&text), &command, NULL), LUCID_OK);
    assert_int_equal(world_run(&world, &command.command), LUCID_OK);
    lucid_buf_fini(&text);
    lucid_arena_reset(&world.arena);
}

static int open_world(void **state)
{
    (void)state;
    world_open(&world, 7);
    for (unsigned i = 0; i < RECEIPTS; i++) {
        submit(i);
    }
    world_signer(&world, SIGNER_REVOKE, world.other.public_key);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

/* Checks the whole store in ranges of that many events; the caller frees the report. */
static struct check_report *checked(uint64_t range, const struct ledger_vkey *vkey, bool quick)
{
    const struct check_options options = {
        .uses = world.uses, .use_count = WORLD_KINDS, .vkey = vkey, .quick = quick};
    struct check_report *report = calloc(1, sizeof(*report));
    assert_non_null(report);
    check_world_run(world.store, &options, range, report);
    return report;
}

static void test_whole(void **state)
{
    (void)state;
    static const uint64_t ranges[] = {1, 2, 7, 16, 50, CHECK_RANGE_MAX};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        struct check_report *report =
            checked(ranges[i], i % 2 == 0 ? &world.log_key.vkey : NULL, i == 3);
        assert_int_equal(check_report_damage(report), 0);
        assert_int_equal(report->undecided, 0);
        assert_int_equal(report->receipts, RECEIPTS);
        assert_int_equal(report->signatures, i == 3 ? 0 : RECEIPTS);
        assert_int_equal(report->bodies, RECEIPTS);
        assert_int_equal(report->leaves, RECEIPTS);
        assert_int_equal(report->nodes, mmr_node_count(RECEIPTS));
        assert_int_equal(report->epochs, EPOCHS);
        assert_int_equal(report->heads, EPOCHS);
        assert_int_equal(report->events, 1 + 2 + RECEIPTS + 2 * EPOCHS + 1);
        free(report);
    }
}

/* A row's value is changed behind the kind's back. */
static void put(const char *table, struct lucid_span key, struct lucid_span value)
{
    struct store_batch *batch;
    uint32_t handle;
    assert_int_equal(store_table_find(world.store, table, &handle), LUCID_OK);
    assert_int_equal(store_batch_begin(world.store, &batch), LUCID_OK);
    assert_int_equal(store_put(batch, handle, key, value), LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
}

/* Takes a copy of a stored row, its sum included. */
static size_t row_copy(const char *table, struct lucid_span key, uint8_t *out, size_t max)
{
    struct store_view *view;
    struct lucid_span value;
    uint32_t handle;
    assert_int_equal(store_table_find(world.store, table, &handle), LUCID_OK);
    assert_int_equal(store_view_open(world.store, &view), LUCID_OK);
    assert_int_equal(store_view_begin(view), LUCID_OK);
    assert_int_equal(store_get(view, handle, key, &value), LUCID_OK);
    assert_true(value.len <= max);
    memcpy(out, value.data, value.len);
    size_t len = value.len;
    store_view_end(view);
    store_view_close(view);
    return len;
}

static void expect_one(enum check_class class, const char *table)
{
    struct check_report *report = checked(16, &world.log_key.vkey, false);
    assert_int_equal(check_report_damage(report), 1);
    assert_int_equal(report->damage[class], 1);
    assert_int_equal(report->kept_count, 1);
    assert_int_equal(report->kept[0].class, class);
    assert_string_equal(report->kept[0].table, table);
    free(report);
}

/* A revoked signer is made active again, with a sum that fits: reading it cannot tell. */
static void test_table_row(void **state)
{
    (void)state;
    uint8_t row[256];
    struct lucid_span key = lucid_span(world.other.public_key, 32);
    size_t len = row_copy("signers", key, row, sizeof(row)) - ROW_SUM_BYTES;
    memset(row + 9, 0, 8);
    row_sum("signers", key, lucid_span(row, len), row + len);
    put("signers", key, lucid_span(row, len + ROW_SUM_BYTES));
    expect_one(CHECK_TABLE, "signers");
}

static void test_row_that_no_event_makes(void **state)
{
    (void)state;
    uint8_t row[256];
    size_t len = row_copy("signers", lucid_span(world.known.public_key, 32), row, sizeof(row));
    put("signers", lucid_span(world.stranger.public_key, 32), lucid_span(row, len));
    expect_one(CHECK_TABLE, "signers");
}

/* What reading does with a row whose sum is not its own. */
static void test_row_sum(void **state)
{
    (void)state;
    uint8_t row[256];
    uint32_t table;
    struct store_view *view;
    struct lucid_span value;
    struct lucid_span key = lucid_span(world.known.public_key, 32);
    size_t len = row_copy("signers", key, row, sizeof(row));
    assert_int_equal(store_table_find(world.store, "signers", &table), LUCID_OK);
    for (size_t bit = 0; bit < 8 * len; bit += 3) {
        row[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(row_open("signers", key, lucid_span(row, len), &value),
                         LUCID_FATAL_CORRUPT);
        row[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(row_open("signers", key, lucid_span(row, len), &value), LUCID_OK);
    assert_int_equal(value.len, len - ROW_SUM_BYTES);
    assert_int_equal(row_open("tokens", key, lucid_span(row, len), &value), LUCID_FATAL_CORRUPT);
    assert_int_equal(
        row_open("signers", lucid_span(world.other.public_key, 32), lucid_span(row, len), &value),
        LUCID_FATAL_CORRUPT);
    row[3] ^= 1;
    put("signers", key, lucid_span(row, len));
    assert_int_equal(store_view_open(world.store, &view), LUCID_OK);
    assert_int_equal(store_view_begin(view), LUCID_OK);
    assert_int_equal(row_get(view, table, key, &value), LUCID_FATAL_CORRUPT);
    store_view_end(view);
    store_view_close(view);
}

static void test_folds_row(void **state)
{
    (void)state;
    static const uint8_t unfinished[5] = {0, 0, 0, 2, 0};
    put("folds", lucid_span_str("signer"), lucid_span(unfinished, sizeof(unfinished)));
    expect_one(CHECK_STORE, "folds");
}

/* Another log's key: every head fails, and whose log it is. */
static void test_other_key(void **state)
{
    (void)state;
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {8};
    struct ledger_skey other;
    assert_int_equal(ledger_skey_init(lucid_span_str("example.com/receipts"), seed, &other, NULL),
                     LUCID_OK);
    struct check_report *report = checked(16, &other.vkey, false);
    assert_int_equal(report->damage[CHECK_HEAD], EPOCHS);
    assert_int_equal(report->damage[CHECK_STORE], 1);
    assert_int_equal(check_report_damage(report), EPOCHS + 1);
    free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_table_row, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_row_that_no_event_makes, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_row_sum, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_folds_row, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_other_key, open_world, close_world),
    };
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}

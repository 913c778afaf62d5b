/* Blobs: kept once, in parts, with what names them; erased and stored again; live, against a model,
 * folded again, replayed with bodies and without, and checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/blob.h"
#include "ledger/row.h"
#include "tests/unit/ledger/check_world.h"
#include "tests/unit/ledger/core_world.h"

enum { CONTENTS = 8, STEPS = 300 };

static const size_t sizes[CONTENTS] = {1,
                                       100,
                                       BLOB_PART_BYTES,
                                       BLOB_PART_BYTES + 1,
                                       2 * BLOB_PART_BYTES,
                                       2 * BLOB_PART_BYTES + 1,
                                       300000,
                                       BLOB_BYTES_MAX};

static struct core_world world;
static uint8_t *contents[CONTENTS];
static uint8_t hashes[CONTENTS][LUCID_SHA256_BYTES];

static int open_world(void **state)
{
    (void)state;
    core_world_init(&world);
    core_world_use(&world, &ledger_blob_kind, NULL);
    core_world_start(&world);
    for (size_t i = 0; i < CONTENTS; i++) {
        contents[i] = malloc(sizes[i]);
        assert_non_null(contents[i]);
        for (size_t at = 0; at < sizes[i]; at++) {
            contents[i][at] = (uint8_t)(at * 31 + at / 251 + i);
        }
        lucid_sha256(lucid_span(contents[i], sizes[i]), hashes[i]);
    }
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    core_world_stop(&world);
    for (size_t i = 0; i < CONTENTS; i++) {
        free(contents[i]);
    }
    return 0;
}

static bool stored(size_t i)
{
    struct ledger_blob_command blob;
    assert_int_equal(ledger_blob_prepare(&blob, lucid_span(contents[i], sizes[i]), NULL), LUCID_OK);
    assert_int_equal(core_run(&world, &blob.command), LUCID_OK);
    return !blob.ret_known;
}

static enum lucid_error erased(size_t i, bool *ret_known)
{
    struct ledger_blob_command blob;
    assert_int_equal(
        ledger_blob_erase_prepare(&blob, hashes[i], lucid_span_str("a reason \xc3\xbc"), NULL),
        LUCID_OK);
    enum lucid_error error = core_run(&world, &blob.command);
    *ret_known = blob.ret_known;
    return error;
}

/* What a reader gets: OK only with the very bytes. */
static enum lucid_error read_in(struct ledger_view *view, size_t i)
{
    struct lucid_arena arena;
    struct lucid_span bytes;
    lucid_arena_init(&arena, 8 << 20);
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    enum lucid_error error = ledger_blob_read(view, hashes[i], &arena, &bytes);
    if (error == LUCID_OK) {
        assert_int_equal(bytes.len, sizes[i]);
        assert_memory_equal(bytes.data, contents[i], sizes[i]);
    }
    ledger_view_end(view);
    lucid_arena_fini(&arena);
    return error;
}

static void test_bounds(void **state)
{
    (void)state;
    struct ledger_blob_command blob;
    struct lucid_why why = {0};
    uint8_t *large = calloc(1, BLOB_BYTES_MAX + 1);
    assert_non_null(large);
    assert_int_equal(ledger_blob_prepare(&blob, lucid_span(large, BLOB_BYTES_MAX + 1), &why),
                     LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(why.code, "BLOB_TOO_LARGE");
    assert_int_equal(ledger_blob_prepare(&blob, lucid_span(large, 0), &why),
                     LUCID_REFUSE_TOO_LARGE);
    free(large);
    char reason[BLOB_REASON_BYTES_MAX + 2];
    memset(reason, 'x', sizeof(reason));
    assert_int_equal(
        ledger_blob_erase_prepare(&blob, hashes[0], lucid_span(reason, sizeof(reason) - 1), &why),
        LUCID_REFUSE_INVALID);
    assert_int_equal(ledger_blob_erase_prepare(&blob, hashes[0], lucid_span("a\nb", 3), &why),
                     LUCID_REFUSE_INVALID);
    assert_int_equal(ledger_blob_erase_prepare(&blob, hashes[0], lucid_span("a", 1), &why),
                     LUCID_OK);
    assert_int_equal(core_run(&world, &blob.command), LUCID_REFUSE_INVALID);
    assert_string_equal(blob.command.why.code, "NOT_FOUND");
    assert_int_equal(read_in(world.view, 0), LUCID_NOTE_ABSENT);
}

static void test_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < CONTENTS; i++) {
        uint64_t before = core_events(&world);
        assert_true(stored(i));
        size_t parts = (sizes[i] + BLOB_PART_BYTES - 1) / BLOB_PART_BYTES;
        assert_int_equal(core_events(&world), before + parts);
        assert_false(stored(i));
        assert_int_equal(core_events(&world), before + parts);
        assert_int_equal(read_in(world.view, i), LUCID_OK);
    }
}

/* A command with two blobs commits whole or not at all. */
static void test_parts_of_a_command(void **state)
{
    (void)state;
    struct core_leaf_command leaf;
    struct ledger_blob_command blobs[2];
    struct ledger_token_command token;
    static const struct ledger_token none = {.id = "0123456789abcdef"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            ledger_blob_prepare(&blobs[i], lucid_span(contents[i + 2], sizes[i + 2]), NULL),
            LUCID_OK);
    }
    blobs[0].command.next_part = &blobs[1].command;
    assert_int_equal(ledger_token_prepare(&token, TOKEN_REVOKE, &none, NULL, NULL), LUCID_OK);
    token.command.next_part = &blobs[0].command;
    uint64_t before = core_events(&world);
    assert_int_equal(core_run(&world, &token.command), LUCID_REFUSE_INVALID);
    assert_int_equal(blobs[0].command.error, LUCID_REFUSE_INVALID);
    assert_int_equal(core_events(&world), before);
    assert_int_equal(read_in(world.view, 2), LUCID_NOTE_ABSENT);
    ledger_token_command_fini(&token);
    core_leaf_init(&leaf, 1, 1);
    leaf.command.next_part = &blobs[0].command;
    assert_int_equal(core_run(&world, &leaf.command), LUCID_OK);
    assert_int_equal(core_events(&world), before + 1 + 1 + 2);
    assert_int_equal(read_in(world.view, 2), LUCID_OK);
    assert_int_equal(read_in(world.view, 3), LUCID_OK);
}

/* --- copies and the check ----------------------------------------------------------------------
 */

struct copy {
    struct ledger *ledger;
    struct store_view *from;
    bool bodies;
};

static enum lucid_error copy_event(void *context, const struct store_event *event)
{
    struct copy *copy = context;
    struct lucid_span body = {NULL, 0};
    if (copy->bodies) {
        enum lucid_error error = store_body_read(copy->from, event->sequence, &body);
        body = error == LUCID_NOTE_ERASED ? store_body_erased : body;
    }
    assert_int_equal(ledger_batch_begin(copy->ledger, 0), LUCID_OK);
    assert_int_equal(ledger_batch_replay(copy->ledger, event, body), LUCID_OK);
    assert_int_equal(ledger_batch_commit(copy->ledger), LUCID_OK);
    return LUCID_OK;
}

static void copy_make(struct core_world *other, bool bodies)
{
    core_world_init(other);
    core_world_use(other, &ledger_blob_kind, NULL);
    assert_int_equal(store_memory_open(&other->store), LUCID_OK);
    core_tables_create(other, other->store);
    assert_int_equal(core_world_open(other), LUCID_OK);
    struct copy copy = {.ledger = other->ledger, .bodies = bodies};
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    copy.from = ledger_view_store(world.view);
    assert_int_equal(store_event_scan(copy.from, 1, copy_event, &copy), LUCID_OK);
    ledger_view_end(world.view);
}

static void checked(struct core_world *of, struct check_report *ret)
{
    const struct check_options options = {
        .uses = of->uses, .use_count = of->use_count, .still = true};
    check_world_run(of->store, &options, CHECK_RANGE_MAX, ret);
}

enum fate { FATE_ABSENT, FATE_WHOLE, FATE_ERASED };

static void expect_fates(struct core_world *of, const enum fate fates[CONTENTS])
{
    static const enum lucid_error answers[] = {LUCID_NOTE_ABSENT, LUCID_OK, LUCID_NOTE_ERASED};
    for (size_t i = 0; i < CONTENTS; i++) {
        assert_int_equal(read_in(of->view, i), answers[fates[i]]);
    }
}

static void step_model(uint64_t draw, enum fate fates[CONTENTS])
{
    size_t i = draw % CONTENTS == CONTENTS - 1 ? draw / 7 % CONTENTS : draw % (CONTENTS - 1);
    bool known = false;
    if (draw >> 40 & 1) {
        assert_int_equal(stored(i), fates[i] != FATE_WHOLE);
        fates[i] = FATE_WHOLE;
    } else {
        enum lucid_error error = erased(i, &known);
        assert_int_equal(error, fates[i] == FATE_ABSENT ? LUCID_REFUSE_INVALID : LUCID_OK);
        assert_int_equal(known, fates[i] == FATE_ERASED);
        fates[i] = fates[i] == FATE_ABSENT ? FATE_ABSENT : FATE_ERASED;
    }
    assert_int_equal(read_in(world.view, i), fates[i] == FATE_ABSENT  ? LUCID_NOTE_ABSENT
                                             : fates[i] == FATE_WHOLE ? LUCID_OK
                                                                      : LUCID_NOTE_ERASED);
}

static void test_model(void **state)
{
    (void)state;
    enum fate fates[CONTENTS] = {FATE_ABSENT};
    uint64_t draw = 88172645463325252U;
    for (size_t step = 0; step < STEPS; step++) {
        draw ^= draw << 13;
        draw ^= draw >> 7;
        draw ^= draw << 17;
        step_model(draw, fates);
    }
    core_world_reopen(&world);
    expect_fates(&world, fates);
    struct check_report *report = calloc(1, sizeof(*report));
    assert_non_null(report);
    checked(&world, report);
    assert_int_equal(check_report_damage(report), 0);
    assert_int_equal(report->undecided, 0);
    assert_true(report->bodies > 0 && report->erased > 0);
    assert_int_equal(report->erased, report->erasures);
    /* With the bodies: the same in every way. Without: the same rows, nothing to read. */
    struct core_world other;
    uint8_t here[LUCID_SHA256_BYTES];
    uint8_t there[LUCID_SHA256_BYTES];
    core_store_digest(&world, world.store, here);
    copy_make(&other, true);
    core_store_digest(&other, other.store, there);
    assert_memory_equal(here, there, sizeof(here));
    expect_fates(&other, fates);
    checked(&other, report);
    assert_int_equal(check_report_damage(report), 0);
    core_world_stop(&other);
    copy_make(&other, false);
    core_store_digest(&other, other.store, there);
    assert_memory_equal(here, there, sizeof(here));
    for (size_t i = 0; i < CONTENTS; i++) {
        assert_int_equal(read_in(other.view, i),
                         fates[i] == FATE_ERASED ? LUCID_NOTE_ERASED : LUCID_NOTE_ABSENT);
    }
    checked(&other, report);
    assert_true(report->damage[CHECK_BODY] > 0); /* a copy without bodies says so */
    core_world_stop(&other);
    free(report);
}

/* A fold of another version makes the same rows from the same events. */
static void test_folded_again(void **state)
{
    (void)state;
    bool known;
    uint8_t before[LUCID_SHA256_BYTES];
    uint8_t after[LUCID_SHA256_BYTES];
    for (size_t i = 0; i < CONTENTS; i++) {
        assert_true(stored(i));
    }
    assert_int_equal(erased(3, &known), LUCID_OK);
    assert_int_equal(erased(6, &known), LUCID_OK);
    assert_true(stored(6));
    struct store_batch *batch;
    uint32_t table;
    assert_int_equal(store_table_find(world.store, LEDGER_FOLDS_TABLE, &table), LUCID_OK);
    core_store_digest(&world, world.store, before);
    core_world_shut(&world);
    assert_int_equal(store_batch_begin(world.store, &batch), LUCID_OK);
    assert_int_equal(store_del(batch, table, lucid_span_str("blob")), LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    assert_int_equal(core_world_open(&world), LUCID_OK);
    core_store_digest(&world, world.store, after);
    assert_memory_equal(before, after, sizeof(before));
    assert_int_equal(read_in(world.view, 3), LUCID_NOTE_ERASED);
    assert_int_equal(read_in(world.view, 6), LUCID_OK);
    assert_int_equal(read_in(world.view, 7), LUCID_OK);
}

/* A copy takes no other bytes for a part, and a row that points elsewhere is found out. */
static void test_damage(void **state)
{
    (void)state;
    assert_true(stored(1));
    assert_true(stored(3));
    struct store_event event;
    struct core_world other;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    uint64_t last = 0;
    struct store_counts counts;
    store_counts_read(ledger_view_store(world.view), &counts);
    last = counts.events; /* the second part of contents[3] */
    core_world_init(&other);
    core_world_use(&other, &ledger_blob_kind, NULL);
    assert_int_equal(store_memory_open(&other.store), LUCID_OK);
    core_tables_create(&other, other.store);
    assert_int_equal(core_world_open(&other), LUCID_OK);
    for (uint64_t sequence = 1; sequence <= last; sequence++) {
        struct lucid_span body = {NULL, 0};
        assert_int_equal(store_event_read(ledger_view_store(world.view), sequence, &event),
                         LUCID_OK);
        bool had = store_body_read(ledger_view_store(world.view), sequence, &body) == LUCID_OK;
        assert_true(had || sequence != last);
        uint8_t wrong = had ? (uint8_t)(body.data[0] ^ 1) : 0;
        body = sequence == last ? lucid_span(&wrong, 1) : body;
        assert_int_equal(ledger_batch_begin(other.ledger, 0), LUCID_OK);
        enum lucid_error error = ledger_batch_replay(other.ledger, &event, body);
        assert_int_equal(error, sequence == last ? LUCID_FATAL_CORRUPT : LUCID_OK);
        if (error == LUCID_OK) {
            assert_int_equal(ledger_batch_commit(other.ledger), LUCID_OK);
        } else {
            ledger_batch_abort(other.ledger);
        }
    }
    ledger_view_end(world.view);
    core_world_stop(&other);
    /* The row of contents[1] is made to name the first part of contents[3], sums and all. */
    struct store_batch *batch;
    uint32_t table;
    uint8_t key[34] = {0};
    uint8_t row[15 + ROW_SUM_BYTES] = {0};
    memcpy(key, hashes[1], 32);
    lucid_put_be64(row, last - 1);
    lucid_put_be32(row + 8, 100);
    lucid_put_be16(row + 12, 1);
    row_sum("blobs", lucid_span(key, 34), lucid_span(row, 15), row + 15);
    assert_int_equal(store_table_find(world.store, "blobs", &table), LUCID_OK);
    assert_int_equal(store_batch_begin(world.store, &batch), LUCID_OK);
    assert_int_equal(store_put(batch, table, lucid_span(key, 34), lucid_span(row, sizeof(row))),
                     LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    assert_int_equal(read_in(world.view, 1), LUCID_FATAL_CORRUPT);
    struct check_report *report = calloc(1, sizeof(*report));
    assert_non_null(report);
    checked(&world, report);
    assert_int_equal(report->damage[CHECK_TABLE], 1);
    free(report);
}

#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_bounds), WORLD_TEST(test_once),         WORLD_TEST(test_parts_of_a_command),
        WORLD_TEST(test_model),  WORLD_TEST(test_folded_again), WORLD_TEST(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

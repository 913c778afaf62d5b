/* The erasure kind: the body goes, everything else stays; live, folded again and replayed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/check.h"
#include "ledger/erasure.h"
#include "ledger/row.h"
#include "tests/unit/ledger/ledger_receipt_world.h"

#define FIRST  WORLD_TOOL("run_kind-0001", "")
#define SECOND WORLD_TOOL("run_kind-0002", "")
#define THIRD  WORLD_TOOL("run_kind-0003", "")

static struct world world;

static int open_world(void **state)
{
    (void)state;
    world_open(&world, 2);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static struct receipt_command *submitted(const char *body, bool without_body)
{
    struct receipt_command *command = lucid_arena_alloc(&world.arena, sizeof(*command));
    struct lucid_buf text;
    lucid_buf_init(&text, 0);
    world_envelope(body, &world.known, WORLD_FINE, &text);
    struct lucid_span kept = lucid_arena_copy(&world.arena, lucid_buf_span(&text));
    lucid_buf_fini(&text);
    assert_int_equal(world_prepare(&world, kept, command, NULL), LUCID_OK);
    if (without_body) {
        command->canonical = lucid_span(NULL, 0);
    }
    assert_int_equal(world_run(&world, &command->command), LUCID_OK);
    return command;
}

static void erase_run(uint64_t leaf, const uint8_t hash[32], const char *reason,
                      struct ledger_erasure_command *ret)
{
    assert_int_equal(ledger_erasure_prepare(ret, leaf, hash, lucid_span_str(reason), NULL),
                     LUCID_OK);
    (void)world_run(&world, &ret->command);
    ledger_erasure_command_fini(ret);
}

static uint64_t events(void)
{
    struct store_counts counts;
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    store_counts_read(ledger_view_store(world.view), &counts);
    ledger_view_end(world.view);
    return counts.events;
}

/* What a reader of the leaf gets in that view. */
static void expect_erased(struct ledger_view *view, uint64_t leaf, const char *reason)
{
    struct receipt_record record;
    struct ledger_erasure erasure;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(receipt_read(view, leaf, true, &record), LUCID_OK);
    assert_null(record.body.data);
    assert_int_equal(ledger_erasure_read(view, leaf, &erasure), LUCID_OK);
    assert_int_equal(erasure.leaf, leaf);
    assert_string_equal(erasure.reason, reason);
    assert_memory_equal(erasure.receipt_hash, record.placement.receipt_hash, 32);
    ledger_view_end(view);
}

static void expect_whole(struct ledger_view *view, uint64_t leaf)
{
    struct receipt_record record;
    struct ledger_erasure erasure;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(receipt_read(view, leaf, true, &record), LUCID_OK);
    assert_non_null(record.body.data);
    assert_int_equal(ledger_erasure_read(view, leaf, &erasure), LUCID_NOTE_ABSENT);
    ledger_view_end(view);
}

static void test_erased_once(void **state)
{
    (void)state;
    const struct receipt_command *first = submitted(FIRST, false);
    (void)submitted(SECOND, false);
    struct ledger_erasure_command command;
    world.now_ms += 5000;
    erase_run(0, first->hash, "asked for \xc3\xbc", &command);
    assert_int_equal(command.command.error, LUCID_OK);
    assert_false(command.ret_known);
    assert_int_equal(command.erasure.erased_ms, WORLD_NOW_MS + 5000);
    uint64_t count = events();
    assert_int_equal(command.erasure.sequence, count);
    expect_erased(world.view, 0, "asked for \xc3\xbc");
    expect_whole(world.view, 1);
    /* Again: answered with the first, nothing logged. */
    world.now_ms += 5000;
    erase_run(0, first->hash, "another reason", &command);
    assert_int_equal(command.command.error, LUCID_OK);
    assert_true(command.ret_known);
    assert_int_equal(command.erasure.erased_ms, WORLD_NOW_MS + 5000);
    assert_string_equal(command.erasure.reason, "asked for \xc3\xbc");
    assert_int_equal(events(), count);
    /* The receipt is known for good and stores nothing; its run_id stays taken. */
    const struct receipt_command *again = submitted(FIRST, false);
    assert_true(again->placement.replayed);
    assert_int_equal(again->placement.leaf_index, 0);
    assert_int_equal(events(), count);
    expect_erased(world.view, 0, "asked for \xc3\xbc");
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const reasons[] = {"a\nb", "\x7f", "\xff", "\xc3"};
    const struct receipt_command *first = submitted(FIRST, false);
    struct ledger_erasure_command command;
    struct lucid_why why = {0};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            ledger_erasure_prepare(&command, 0, first->hash, lucid_span_str(reasons[i]), &why),
            LUCID_REFUSE_INVALID);
        assert_string_equal(why.param, "reason");
    }
    char longest[ERASURE_REASON_BYTES_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(
        ledger_erasure_prepare(&command, 0, first->hash, lucid_span_str(longest), &why),
        LUCID_REFUSE_INVALID);
    uint64_t count = events();
    erase_run(1, first->hash, "", &command); /* no such leaf */
    assert_int_equal(command.command.error, LUCID_REFUSE_INVALID);
    assert_string_equal(command.command.why.code, "NOT_FOUND");
    erase_run(0, world.known.public_key, "", &command); /* another hash */
    assert_string_equal(command.command.why.code, "NOT_FOUND");
    assert_int_equal(events(), count);
    expect_whole(world.view, 0);
    longest[ERASURE_REASON_BYTES_MAX] = '\0';
    erase_run(0, first->hash, longest, &command);
    assert_int_equal(command.command.error, LUCID_OK);
    expect_erased(world.view, 0, longest);
}

/* A body that does not hash is refused, and the ledger goes on. */
static void test_damaged_body(void **state)
{
    (void)state;
    struct receipt_command *command = lucid_arena_alloc(&world.arena, sizeof(*command));
    struct lucid_buf text;
    lucid_buf_init(&text, 0);
    world_envelope(FIRST, &world.known, WORLD_FINE, &text);
    assert_int_equal(world_prepare(&world, lucid_buf_span(&text), command, NULL), LUCID_OK);
    command->canonical = lucid_span_str("{\"rotten\":1}");
    assert_int_equal(world_run(&world, &command->command), LUCID_OK);
    lucid_buf_fini(&text);
    struct ledger_erasure_command erase;
    uint64_t count = events();
    erase_run(0, command->hash, "", &erase);
    assert_int_equal(erase.command.error, LUCID_RETRY_IO);
    assert_string_equal(erase.command.why.code, "CORRUPT");
    assert_int_equal(events(), count);
    (void)submitted(SECOND, false);
    assert_int_equal(events(), count + 3); /* the receipt, its epoch, the head */
}

/* Dropped with its batch, kept with its batch. */
static void test_abort(void **state)
{
    (void)state;
    const struct receipt_command *first = submitted(FIRST, false);
    struct ledger_erasure_command command;
    assert_int_equal(ledger_erasure_prepare(&command, 0, first->hash, lucid_span_str(""), NULL),
                     LUCID_OK);
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &command.command), LUCID_OK);
    assert_int_equal(command.command.error, LUCID_OK);
    ledger_batch_abort(world.ledger);
    ledger_erasure_command_fini(&command);
    expect_whole(world.view, 0);
}

/* Its table is folded from the log like any other; the body stays erased. */
static void test_folded_again(void **state)
{
    (void)state;
    struct ledger_erasure_command command;
    const struct receipt_command *first = submitted(FIRST, false);
    (void)submitted(SECOND, false);
    erase_run(0, first->hash, "why", &command);
    (void)submitted(THIRD, false);
    struct ledger_kind raised = ledger_erasure_kind;
    ledger_view_close(world.view);
    ledger_close(world.ledger);
    raised.fold_version = 2;
    const struct ledger_use *uses = world.uses;
    for (size_t i = 0; i < WORLD_KINDS; i++) {
        world.uses[i].kind = uses[i].kind == &ledger_erasure_kind ? &raised : world.uses[i].kind;
    }
    const struct ledger_options options = {
        .uses = world.uses, .use_count = WORLD_KINDS, .leaves_max = 1 << 20};
    assert_int_equal(ledger_open(world.store, &options, &world.ledger, NULL), LUCID_OK);
    assert_int_equal(ledger_view_open(world.ledger, &world.view), LUCID_OK);
    struct receipt_record record;
    uint32_t table;
    uint8_t key[8] = {0};
    struct lucid_span value;
    assert_int_equal(store_table_find(world.store, "erasures", &table), LUCID_OK);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(receipt_read(world.view, 0, true, &record), LUCID_OK);
    assert_null(record.body.data);
    assert_int_equal(receipt_read(world.view, 1, true, &record), LUCID_OK);
    assert_non_null(record.body.data);
    assert_int_equal(store_get(ledger_view_store(world.view), table, lucid_span(key, 8), &value),
                     LUCID_OK);
    assert_int_equal(value.len, 48 + 3 + 8);
    ledger_view_end(world.view);
}

static enum lucid_error event_replay(void *context, const struct store_event *event)
{
    return ledger_batch_replay(context, event, lucid_span(NULL, 0));
}

/* A log rebuilt from its events has no bodies: what was erased reads as erased, the rest as lost.
 */
static void test_replayed(void **state)
{
    (void)state;
    struct ledger_erasure_command command;
    const struct receipt_command *first = submitted(FIRST, false);
    (void)submitted(SECOND, false);
    erase_run(0, first->hash, "why", &command);
    struct store *store = NULL;
    struct ledger *copy = NULL;
    struct ledger_view *view = NULL;
    struct store *kept = world.store;
    assert_int_equal(store_memory_open(&store), LUCID_OK);
    world.store = store;
    world_tables_create(&world);
    world.store = kept;
    const struct ledger_options options = {
        .uses = world.uses, .use_count = WORLD_KINDS, .leaves_max = 1 << 20};
    assert_int_equal(ledger_open(store, &options, &copy, NULL), LUCID_OK);
    assert_int_equal(ledger_batch_begin(copy, 0), LUCID_OK);
    assert_int_equal(ledger_view_begin(world.view), LUCID_OK);
    assert_int_equal(store_event_scan(ledger_view_store(world.view), 1, event_replay, copy),
                     LUCID_OK);
    ledger_view_end(world.view);
    assert_int_equal(ledger_batch_commit(copy), LUCID_OK);
    assert_int_equal(ledger_view_open(copy, &view), LUCID_OK);
    expect_erased(view, 0, "why");
    struct receipt_record record;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(receipt_read(view, 1, true, &record), LUCID_FATAL_CORRUPT);
    ledger_view_end(view);
    ledger_view_close(view);
    ledger_close(copy);
    store_close(store);
}

/* An event that names a receipt that is not there cannot be folded. */
static void test_foreign_event(void **state)
{
    (void)state;
    const struct receipt_command *first = submitted(FIRST, false);
    struct ledger_erasure_command command;
    assert_int_equal(ledger_erasure_prepare(&command, 0, first->hash, lucid_span_str(""), NULL),
                     LUCID_OK);
    /* Drafted as it was prepared, whatever decide has compared. */
    lucid_buf_clear(&command.payload);
    lucid_buf_str(&command.payload,
                  "{\"leaf_index\":0,\"reason\":\"\",\"receipt_hash\":\"" WORLD_H0 "\"}");
    assert_int_equal(ledger_batch_begin(world.ledger, world.now_ms), LUCID_OK);
    assert_int_equal(ledger_batch_run(world.ledger, &command.command), LUCID_FATAL_CORRUPT);
    ledger_batch_abort(world.ledger);
    ledger_erasure_command_fini(&command);
    expect_whole(world.view, 0);
}

/* What was lost before can still be declared erased. */
static void test_lost_body(void **state)
{
    (void)state;
    const struct receipt_command *first = submitted(FIRST, true);
    struct ledger_erasure_command command;
    erase_run(0, first->hash, "lost", &command);
    assert_int_equal(command.command.error, LUCID_OK);
    expect_erased(world.view, 0, "lost");
}

/* A check of the log as it stands, without its tables: damage of the class body. */
static uint64_t bodies_damaged(bool still)
{
    const struct check_options options = {
        .uses = world.uses, .use_count = WORLD_KINDS, .quick = true, .still = still};
    struct check *check = NULL;
    struct check_worker *worker = NULL;
    struct check_report *report = calloc(1, sizeof(*report));
    assert_non_null(report);
    assert_int_equal(check_open(world.store, &options, &check, NULL), LUCID_OK);
    assert_int_equal(check_worker_open(check, &worker), LUCID_OK);
    assert_int_equal(check_range(worker, 1, check_events(check)), LUCID_OK);
    check_report_merge(report, check_worker_report(worker));
    check_finish(check, report);
    uint64_t damage = report->damage[CHECK_BODY];
    assert_int_equal(damage, check_report_damage(report));
    check_worker_close(worker);
    check_close(check);
    free(report);
    return damage;
}

/* A body that went without an event is found although a row says that it was erased: by the count,
 * where no table is compared. */
static void test_forged_row(void **state)
{
    (void)state;
    const struct receipt_command *first = submitted(FIRST, false);
    const struct receipt_command *second = submitted(SECOND, false);
    struct ledger_erasure_command command;
    erase_run(0, first->hash, "why", &command);
    assert_int_equal(bodies_damaged(true), 0);
    uint8_t key[8];
    uint8_t value[48 + ROW_SUM_BYTES] = {0};
    uint32_t table;
    struct store_batch *batch = NULL;
    lucid_put_be64(key, 1);
    memcpy(value + 16, second->hash, 32);
    row_sum("erasures", lucid_span(key, sizeof(key)), lucid_span(value, 48), value + 48);
    assert_int_equal(store_table_find(world.store, "erasures", &table), LUCID_OK);
    assert_int_equal(store_batch_begin(world.store, &batch), LUCID_OK);
    assert_int_equal(store_body_erase(batch, second->placement.sequence), LUCID_OK);
    assert_int_equal(
        store_put(batch, table, lucid_span(key, sizeof(key)), lucid_span(value, sizeof(value))),
        LUCID_OK);
    assert_int_equal(store_batch_commit(batch), LUCID_OK);
    assert_int_equal(bodies_damaged(false), 0);
    assert_int_equal(bodies_damaged(true), 1);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_erased_once),   IN_WORLD(test_refusals),     IN_WORLD(test_damaged_body),
        IN_WORLD(test_abort),         IN_WORLD(test_folded_again), IN_WORLD(test_replayed),
        IN_WORLD(test_foreign_event), IN_WORLD(test_lost_body),    IN_WORLD(test_forged_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

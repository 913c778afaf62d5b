/* Payouts: every state and order, partial ones, idempotence, what closes a statement, and the books
 * at each step; the same rows again from the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/gas/settlement_world.h"

static struct settlement_world world;

/* One statement: x has 100, y has 30. */
static int world_make(void **state)
{
    (void)state;
    settlement_world_start(&world);
    lucid_assert(pay(&world, "USDC", "payee:x:USDC", 100, "payee:y:USDC", 30, 10) == LUCID_OK);
    epoch_end(&world);
    return 0;
}

static int world_drop(void **state)
{
    (void)state;
    core_world_reopen(&world.core);
    settlement_replay(&world);
    core_world_stop(&world.core);
    return 0;
}

static struct gas_payout payout_of(const char *external_id, const char *payee, uint64_t amount)
{
    struct gas_payout payout = {.unit = GAS_USDC, .settlement = 0, .amount = amount};
    (void)snprintf(payout.external_id, sizeof(payout.external_id), "%s", external_id);
    (void)snprintf(payout.payee, sizeof(payout.payee), "%s", payee);
    return payout;
}

static struct gas_payout_command ran; /* the last one */
static uint64_t logged;               /* events that it logged */

static enum lucid_error run(void)
{
    uint64_t events = core_events(&world.core);
    enum lucid_error error = core_run(&world.core, &ran.command);
    logged = core_events(&world.core) - events;
    assert_true(error == LUCID_OK || logged == 0);
    assert_true(!ran.ret_known || logged == 0);
    return error;
}

static enum lucid_error start(const char *external_id, const char *payee, uint64_t amount)
{
    struct gas_payout payout = payout_of(external_id, payee, amount);
    assert_int_equal(gas_payout_start_prepare(&ran, &payout, NULL), LUCID_OK);
    return run();
}

static enum lucid_error record(const char *external_id, const char *payee, uint64_t amount,
                               const char *reference)
{
    struct gas_payout payout = payout_of(external_id, payee, amount);
    (void)snprintf(payout.reference, sizeof(payout.reference), "%s", reference);
    assert_int_equal(gas_payout_record_prepare(&ran, &payout, NULL), LUCID_OK);
    return run();
}

static enum lucid_error complete(uint64_t number, const char *reference)
{
    assert_int_equal(
        gas_payout_complete_prepare(&ran, number, reference, "eip155:8453", "0xabc", NULL),
        LUCID_OK);
    return run();
}

static enum lucid_error fail_it(uint64_t number, const char *reason)
{
    assert_int_equal(gas_payout_fail_prepare(&ran, number, reason, NULL), LUCID_OK);
    return run();
}

static void check_refused(enum lucid_error error, enum lucid_error expected, const char *code,
                          const char *param)
{
    assert_int_equal(error, expected);
    assert_string_equal(ran.command.why.code, code);
    assert_string_equal(ran.command.why.param, param);
    assert_int_equal(logged, 0);
}

static void check_line(const char *payee, uint64_t paid, uint64_t pending)
{
    struct gas_settlement_line line = line_of(&world, GAS_USDC, 0, payee);
    assert_int_equal(line.paid, paid);
    assert_int_equal(line.pending, pending);
}

static void check_account(const char *id, uint64_t debits, uint64_t credits)
{
    struct gas_account account = account_of(&world, id);
    assert_int_equal(account.debits, debits);
    assert_int_equal(account.credits, credits);
}

static void test_start_and_complete(void **state)
{
    (void)state;
    assert_int_equal(start("wire-1", "x", 100), LUCID_OK);
    assert_int_equal(logged, 1);
    assert_false(ran.ret_known);
    assert_int_equal(ran.payout.number, 1);
    assert_int_equal(ran.payout.state, GAS_PAYOUT_STARTED);
    assert_string_equal(ran.payout.facilitator, "external");
    check_line("x", 0, 100);
    check_account("payee:x:USDC", 100, 100);
    check_account("transit:payouts:USDC", 0, 100);

    world.core.now_ms += 1000;
    assert_int_equal(complete(1, "bank 77"), LUCID_OK);
    assert_int_equal(logged, 1);
    assert_int_equal(ran.payout.state, GAS_PAYOUT_COMPLETED);
    assert_string_equal(ran.payout.reference, "bank 77");
    assert_string_equal(ran.payout.network, "eip155:8453");
    assert_string_equal(ran.payout.external_id, "wire-1");
    assert_int_equal(ran.payout.ended_ms - ran.payout.started_ms, 1000);
    check_line("x", 100, 0);
    check_account("transit:payouts:USDC", 100, 100);
    check_account("clearing:external:USDC", 140, 100);
    struct gas_settlement settlement = settlement_of(&world, GAS_USDC, 0, NULL);
    assert_string_equal(gas_settlement_status(&settlement), "open");
    assert_int_equal(settlement.lines_open, 1);

    assert_int_equal(record("wire-2", "y", 30, "cash"), LUCID_OK);
    assert_int_equal(logged, 2);
    assert_int_equal(ran.payout.number, 2);
    settlement = settlement_of(&world, GAS_USDC, 0, NULL);
    assert_string_equal(gas_settlement_status(&settlement), "closed");
    assert_int_equal(settlement.closed_sequence, ran.payout.ended_sequence);
    assert_int_equal(settlement.closed_ms, ran.payout.ended_ms);
    assert_int_equal(settlement.closed_sequence, core_events(&world.core));
    assert_true(settlement.paid == 130 && settlement.total == 130);
    check_account("transit:payouts:USDC", 130, 130);
    check_account("payee:y:USDC", 30, 30);
}

static void test_partial_and_failed(void **state)
{
    (void)state;
    assert_int_equal(start("a", "x", 60), LUCID_OK);
    check_refused(start("b", "x", 41), LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", "amount");
    assert_int_equal(start("b", "x", 40), LUCID_OK);
    check_refused(start("c", "x", 1), LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", "amount");
    check_line("x", 0, 100);
    assert_int_equal(fail_it(1, "returned by the bank"), LUCID_OK);
    assert_int_equal(ran.payout.state, GAS_PAYOUT_FAILED);
    check_line("x", 0, 40);
    check_account("payee:x:USDC", 100, 160);
    check_account("transit:payouts:USDC", 60, 100);
    assert_int_equal(complete(2, "r"), LUCID_OK);
    check_line("x", 40, 0);
    /* Its external id is spent; another one tries again. */
    check_refused(record("a", "x", 60, "r"), LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", "");
    for (int i = 0; i < 6; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "again-%d", i);
        assert_int_equal(record(id, "x", 10, id), LUCID_OK);
    }
    check_line("x", 100, 0);
    struct gas_settlement settlement = settlement_of(&world, GAS_USDC, 0, NULL);
    assert_int_equal(settlement.lines_open, 1);
    assert_true(settlement.paid == 100);
    check_account("transit:payouts:USDC", 160, 160);
}

static void test_known_again(void **state)
{
    (void)state;
    assert_int_equal(start("a", "x", 60), LUCID_OK);
    assert_int_equal(start("a", "x", 60), LUCID_OK);
    assert_true(ran.ret_known);
    assert_int_equal(ran.payout.number, 1);
    check_refused(start("a", "x", 61), LUCID_REFUSE_CONFLICT, "IDEMPOTENCY_CONFLICT",
                  "external_id");
    check_refused(start("a", "y", 60), LUCID_REFUSE_CONFLICT, "IDEMPOTENCY_CONFLICT",
                  "external_id");
    /* A record of what was started completes it, once. */
    assert_int_equal(record("a", "x", 60, "r"), LUCID_OK);
    assert_int_equal(logged, 1);
    assert_false(ran.ret_known);
    assert_int_equal(ran.payout.state, GAS_PAYOUT_COMPLETED);
    assert_int_equal(record("a", "x", 60, "r"), LUCID_OK);
    assert_true(ran.ret_known);
    assert_int_equal(start("a", "x", 60), LUCID_OK);
    assert_true(ran.ret_known);
    assert_int_equal(ran.payout.state, GAS_PAYOUT_COMPLETED);
    check_refused(record("a", "x", 60, "other"), LUCID_REFUSE_CONFLICT, "IDEMPOTENCY_CONFLICT",
                  "external_id");
    check_line("x", 60, 0);

    assert_int_equal(start("b", "x", 40), LUCID_OK);
    assert_int_equal(complete(2, "r2"), LUCID_OK);
    assert_int_equal(complete(2, "r2"), LUCID_OK);
    assert_true(ran.ret_known);
    check_refused(complete(2, "r3"), LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", "");
    check_refused(fail_it(2, "no"), LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", "");
    assert_int_equal(start("c", "y", 30), LUCID_OK);
    assert_int_equal(fail_it(3, "no"), LUCID_OK);
    assert_int_equal(fail_it(3, "no"), LUCID_OK);
    assert_true(ran.ret_known);
    check_refused(fail_it(3, "why"), LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", "");
    check_refused(complete(3, "r"), LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", "");
    assert_int_equal(start("c", "y", 30), LUCID_OK);
    assert_true(ran.ret_known);
    assert_int_equal(ran.payout.state, GAS_PAYOUT_FAILED);
}

static void test_refused(void **state)
{
    (void)state;
    struct gas_payout payout = payout_of("a", "x", 1);
    payout.settlement = 1;
    assert_int_equal(gas_payout_start_prepare(&ran, &payout, NULL), LUCID_OK);
    check_refused(run(), LUCID_REFUSE_INVALID, "INVALID_PAYOUT", "settlement");
    payout = payout_of("a", "x", 1);
    payout.unit = GAS_LUCID;
    assert_int_equal(gas_payout_start_prepare(&ran, &payout, NULL), LUCID_OK);
    check_refused(run(), LUCID_REFUSE_INVALID, "INVALID_PAYOUT", "settlement");
    check_refused(start("a", "z", 1), LUCID_REFUSE_INVALID, "INVALID_PAYOUT", "payee");
    check_refused(start("a", "x", 101), LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT", "amount");
    check_refused(complete(1, "r"), LUCID_NOTE_ABSENT, "NOT_FOUND", "payout");
    check_refused(fail_it(1, "r"), LUCID_NOTE_ABSENT, "NOT_FOUND", "payout");
}

static void check_unprepared(const struct gas_payout *payout, bool with_end, const char *param)
{
    struct gas_payout_command command = {.ret_known = true};
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = with_end ? gas_payout_record_prepare(&command, payout, &why)
                                      : gas_payout_start_prepare(&command, payout, &why);
    assert_int_equal(error, LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_PAYOUT");
    assert_string_equal(why.param, param);
    assert_true(command.ret_known);
}

static void test_unprepared(void **state)
{
    (void)state;
    struct gas_payout good = payout_of("a", "x", 1);
    struct gas_payout bad = good;
    struct lucid_why why = {.code = NULL};
    bad.external_id[0] = ' ';
    check_unprepared(&bad, false, "external_id");
    bad = good;
    bad.payee[0] = '\0';
    check_unprepared(&bad, false, "payee");
    bad = good;
    bad.amount = 0;
    check_unprepared(&bad, false, "amount");
    bad.amount = GAS_AMOUNT_MAX + 1;
    check_unprepared(&bad, false, "amount");
    bad = good;
    memcpy(bad.facilitator, "a b", 4);
    check_unprepared(&bad, false, "facilitator");
    bad = good;
    memcpy(bad.note, "\xff", 2);
    check_unprepared(&bad, false, "note");
    check_unprepared(&good, true, "reference");
    memcpy(good.reference, "r", 2);
    bad = good;
    memcpy(bad.network, "a/b", 4);
    check_unprepared(&bad, true, "network");
    bad = good;
    memcpy(bad.transaction, "a b", 4);
    check_unprepared(&bad, true, "transaction");
    assert_int_equal(gas_payout_record_prepare(&ran, &good, NULL), LUCID_OK);
    char long_text[GAS_PAYOUT_REASON_BYTES_MAX + 2];
    memset(long_text, 'a', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_int_equal(gas_payout_fail_prepare(&ran, 1, long_text, &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "reason");
    assert_int_equal(gas_payout_fail_prepare(&ran, 1, "", &why), LUCID_REFUSE_INVALID);
    assert_int_equal(gas_payout_fail_prepare(&ran, 1, long_text + 1, &why), LUCID_OK);
    assert_int_equal(gas_payout_complete_prepare(&ran, 1, long_text + 1, "", "", &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "reference");
    assert_int_equal(gas_payout_complete_prepare(&ran, 1, long_text + 2, "", "", &why), LUCID_OK);
}

/* Every text at its longest survives the log and the row. */
static void test_longest(void **state)
{
    (void)state;
    struct gas_payout payout = payout_of("a", "x", 1);
    memset(payout.external_id, 'e', GAS_NAME_BYTES_MAX);
    memset(payout.facilitator, 'f', GAS_NAME_BYTES_MAX);
    memset(payout.note, '"', GAS_NOTE_BYTES_MAX);
    memset(payout.reference, '\\', GAS_PAYOUT_REFERENCE_BYTES_MAX);
    memset(payout.network, 'n', GAS_PAYOUT_NETWORK_BYTES_MAX);
    memset(payout.transaction, 't', GAS_PAYOUT_TRANSACTION_BYTES_MAX);
    assert_int_equal(gas_payout_record_prepare(&ran, &payout, NULL), LUCID_OK);
    assert_int_equal(run(), LUCID_OK);
    struct gas_payout found;
    assert_int_equal(ledger_view_begin(world.core.view), LUCID_OK);
    assert_int_equal(gas_payout_find(world.core.view, lucid_span_str(payout.external_id), &found),
                     LUCID_OK);
    ledger_view_end(world.core.view);
    assert_int_equal(found.number, 1);
    assert_string_equal(found.facilitator, payout.facilitator);
    assert_string_equal(found.note, payout.note);
    assert_string_equal(found.reference, payout.reference);
    assert_string_equal(found.network, payout.network);
    assert_string_equal(found.transaction, payout.transaction);
    assert_string_equal(found.payee, "x");
}

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *payee;
        uint64_t number;
    } in_order[] = {{"x", 1}, {"x", 3}, {"x", 4}, {"y", 2}};
    assert_int_equal(record("a", "x", 10, "r"), LUCID_OK);
    assert_int_equal(record("b", "y", 10, "r"), LUCID_OK);
    assert_int_equal(start("c", "x", 10), LUCID_OK);
    assert_int_equal(start("d", "x", 10), LUCID_OK);
    struct gas_payout payout;
    struct ledger_view *view = world.core.view;
    uint64_t count = 0;
    uint64_t after = 0;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(gas_payout_count(view, &count), LUCID_OK);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            gas_payout_of_line_next(view, GAS_USDC, 0, lucid_span_str(""), after, &payout),
            LUCID_OK);
        assert_int_equal(payout.number, in_order[i].number);
        assert_string_equal(payout.payee, in_order[i].payee);
        after = payout.number;
    }
    assert_int_equal(gas_payout_of_line_next(view, GAS_USDC, 0, lucid_span_str(""), after, &payout),
                     LUCID_NOTE_ABSENT);
    assert_int_equal(gas_payout_of_line_next(view, GAS_USDC, 0, lucid_span_str("x"), 3, &payout),
                     LUCID_OK);
    assert_int_equal(payout.number, 4);
    assert_int_equal(gas_payout_of_line_next(view, GAS_USDC, 0, lucid_span_str("x"), 4, &payout),
                     LUCID_NOTE_ABSENT);
    assert_int_equal(gas_payout_of_line_next(view, GAS_USDC, 1, lucid_span_str(""), 0, &payout),
                     LUCID_NOTE_ABSENT);
    assert_int_equal(gas_payout_of_line_next(view, GAS_LUCID, 0, lucid_span_str("x"), 0, &payout),
                     LUCID_NOTE_ABSENT);
    assert_int_equal(gas_payout_read(view, 5, &payout), LUCID_NOTE_ABSENT);
    assert_int_equal(gas_payout_find(view, lucid_span_str("e"), &payout), LUCID_NOTE_ABSENT);
    ledger_view_end(view);
}

/* What is paid out was told before: it does not come back as earnings. */
static void test_next_epoch(void **state)
{
    (void)state;
    assert_int_equal(start("a", "x", 60), LUCID_OK);
    assert_int_equal(fail_it(1, "no"), LUCID_OK);
    assert_int_equal(record("b", "x", 100, "r"), LUCID_OK);
    epoch_end(&world);
    assert_int_equal(statements(&world, GAS_USDC), 1);
}

/* A full account refuses before anything is written. */
static void test_overflow(void **state)
{
    (void)state;
    struct till_command till;
    till_init(&till, till_payment);
    till_post(&till, "clearing:other:USDC", "clearing:external:USDC", GAS_AMOUNT_MAX - 5, "move");
    assert_int_equal(core_run(&world.core, &till.command), LUCID_OK);
    check_refused(record("a", "x", 6, "r"), LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW", "amount");
    assert_int_equal(record("a", "x", 5, "r"), LUCID_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start_and_complete, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_partial_and_failed, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_known_again, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_refused, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_unprepared, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_longest, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_lists, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_next_epoch, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_overflow, world_make, world_drop),
    };
    return cmocka_run_group_tests_name("gas_payout", tests, NULL, NULL);
}

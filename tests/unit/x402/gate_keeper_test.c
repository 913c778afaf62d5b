/* The keeper where things go wrong beside it: commits of which nobody heard, payments recorded by
 * hand meanwhile, alarms, and payments that nobody can be asked about. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/x402/gate_scene.h"

/* --- helpers ---------------------------------------------------------------------------------- */

/* An operator records that whole transaction by POST /v1/payments. */
static void record_by_hand(struct scene *scene, const struct evm_hash *transaction)
{
    char text[EVM_HASH_TEXT_BYTES + 1];
    struct gas_payment_command command;
    evm_hash_text(transaction, text);
    const struct gas_payment_request request = {
        .asset = lucid_span_str("proof"),
        .unit = GAS_USDC,
        .amount = WORLD_PRICE,
        .external_id = lucid_span_str("by hand"),
        .network = lucid_span_str(NETWORK),
        .transaction = lucid_span_str(text),
    };
    assert_int_equal(gas_payment_prepare(&command, &request, NULL), LUCID_OK);
    assert_int_equal(core_run(WORLD_CORE(&scene->house.world), &command.command), LUCID_OK);
}

static uint64_t events_of(struct scene *scene)
{
    return core_events(WORLD_CORE(&scene->house.world));
}

/* Standard error to a file, and how often a text is in it. */
struct capture {
    FILE *file;
    int saved;
};

static void capture_begin(struct capture *capture)
{
    (void)fflush(stderr);
    capture->file = tmpfile();
    assert_non_null(capture->file);
    capture->saved = dup(STDERR_FILENO);
    assert_true(capture->saved >= 0);
    assert_true(dup2(fileno(capture->file), STDERR_FILENO) >= 0);
}

static unsigned capture_end(struct capture *capture, const char *text)
{
    char line[2048];
    unsigned count = 0;
    (void)fflush(stderr);
    assert_true(dup2(capture->saved, STDERR_FILENO) >= 0);
    (void)close(capture->saved);
    rewind(capture->file);
    while (fgets(line, sizeof(line), capture->file) != NULL) {
        count += strstr(line, text) != NULL && strstr(line, "\"error\"") != NULL;
    }
    (void)fclose(capture->file);
    return count;
}

static void id_of(struct scene *scene, bool transfer, uint8_t id[X402_PAYMENT_ID_BYTES])
{
    if (transfer) {
        transfer_id(scene, id);
    } else {
        world_id(&scene->house.world, 1, id);
    }
}

static void buyer_of(struct scene *scene, bool transfer)
{
    if (transfer) {
        buyer_transfer(&scene->house, &scene->buyer, 7, 1, 1, 1, 1);
    } else {
        buyer_authorization(&scene->house, &scene->buyer, 1, 1, 1);
    }
}

/* --- claims ----------------------------------------------------------------------------------- */

/* The commit went through, but nobody was told so: the claim that was kept is promoted, whether the
 * payment is final by then or not. */
static void test_unheard_commit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool transfer = i % 2 == 1;
        bool served = true;
        uint8_t id[X402_PAYMENT_ID_BYTES];
        struct scene *scene = scene_open(false);
        struct x402_payment_command command;
        const struct x402_request_kept request = world_request(1, 1);
        script_final = i >= 2;
        house_open(&scene->house, NULL);
        id_of(scene, transfer, id);
        buyer_of(scene, transfer);
        scene->house.fail_which = BIT(X402_SETTLE);
        scene->house.fail_verb = LUCID_FATAL_STORE;
        assert_int_equal(show(scene, &scene->buyer), X402_OUTSTANDING);
        assert_int_equal(claims_of(scene), 1);
        if (transfer) {
            world_show(&scene->house.world, &command, 7, 1, WORLD_PRICE, "proof", &request);
            command.payment.transfer.payer = world_address(0x11, 1);
        } else {
            world_settle(&scene->house.world, &command, 1, 2);
        }
        command.payment.transfer.final = script_final;
        assert_int_equal(world_run(&scene->house.world, &command), LUCID_OK);
        scene->house.fail_which = 0;
        fake_loop_advance(&scene->loop, 60000);
        assert_int_equal(claims_of(scene), 0);
        assert_int_equal(status_of(scene, id, &served), X402_SETTLED);
        assert_false(served);
        assert_int_equal(show(scene, &scene->buyer), X402_ADMITTED);
        scene_close(scene);
    }
}

/* --- recorded by hand meanwhile ----------------------------------------------------------------
 */

/* The operator was faster than we: the intent ends, once, and nothing is held. */
static void test_recorded_meanwhile(void **state)
{
    (void)state;
    for (unsigned kept = 0; kept < 2; kept++) {
        uint8_t id[X402_PAYMENT_ID_BYTES];
        bool served;
        struct scene *scene = scene_open(false);
        house_open(&scene->house, NULL);
        id_of(scene, false, id);
        buyer_of(scene, false);
        const struct x402_transfer transfer = settlement_of(1, true);
        if (kept == 1) {
            script[X402_CHARGE_SETTLE] = PENDING;
            assert_int_equal(show(scene, &scene->buyer), X402_OUTSTANDING);
        }
        record_by_hand(scene, &transfer.transaction);
        script[X402_CHARGE_ASK] = GOOD;
        if (kept == 0) {
            assert_int_equal(show(scene, &scene->buyer), X402_SPENT);
        }
        fake_loop_advance(&scene->loop, 100000);
        assert_int_equal(status_of(scene, id, &served), X402_FAILED);
        assert_int_equal(claims_of(scene), 0);
        assert_int_equal(world_count(&scene->house.world, 0, true), 0);
        uint64_t events = events_of(scene);
        uint64_t handed = scene->house.handed;
        fake_loop_advance(&scene->loop, 300000);
        assert_int_equal(events_of(scene), events);
        assert_int_equal(scene->house.handed, handed);
        scene_close(scene);
    }
}

/* A reorganisation took it, the operator records the transaction that brings it back: that is the
 * end of the payment, and the keeper does not try for ever. */
static void test_recorded_after_reversal(void **state)
{
    (void)state;
    static const enum x402_charge_outcome back[] = {GOOD, STRAY};
    for (unsigned i = 0; i < 2; i++) {
        uint8_t id[X402_PAYMENT_ID_BYTES];
        bool served;
        struct scene *scene = scene_open(false);
        struct x402_payment_command command;
        const struct x402_request_kept request = world_request(1, 1);
        /* Settled by one transaction, and brought back by another. */
        world_intend(&scene->house.world, &command, 1, "proof", &request);
        assert_int_equal(world_run(&scene->house.world, &command), LUCID_OK);
        world_settle(&scene->house.world, &command, 1, 77);
        assert_int_equal(world_run(&scene->house.world, &command), LUCID_OK);
        script[X402_CHARGE_WATCH] = LOST;
        house_open(&scene->house, NULL);
        id_of(scene, false, id);
        fake_loop_advance(&scene->loop, 10000);
        assert_int_equal(status_of(scene, id, &served), X402_REVERSED);
        const struct x402_transfer transfer = settlement_of(1, back[i] == GOOD);
        record_by_hand(scene, &transfer.transaction);
        script[X402_CHARGE_ASK] = back[i];
        fake_loop_advance(&scene->loop, 100000);
        assert_int_equal(world_count(&scene->house.world, 0, true), 0);
        uint64_t handed = scene->house.handed;
        fake_loop_advance(&scene->loop, 300000);
        assert_int_equal(scene->house.handed, handed);
        assert_int_equal(status_of(scene, id, &served), X402_REVERSED);
        buyer_of(scene, false);
        assert_int_equal(show(scene, &scene->buyer), X402_SPENT);
        scene_close(scene);
    }
}

/* An authorization that a stranger settled, recorded by hand: showing it again and again makes no
 * events. */
static void test_recorded_stray(void **state)
{
    (void)state;
    struct scene *scene = scene_open(false);
    script[X402_CHARGE_VERIFY] = STRAY;
    house_open(&scene->house, NULL);
    const struct x402_transfer transfer = settlement_of(1, false);
    record_by_hand(scene, &transfer.transaction);
    uint64_t events = events_of(scene);
    buyer_of(scene, false);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(show(scene, &scene->buyer), X402_SPENT);
        assert_string_equal(scene->buyer.job.reason, "payment_already_spent");
    }
    assert_int_equal(events_of(scene), events);
    assert_int_equal(claims_of(scene), 0);
    scene_close(scene);
}

/* --- what the chain says later ------------------------------------------------------------------
 */

static void changed_answer(struct house *house, struct x402_charge *charge)
{
    script_answer(house, charge);
    if (charge->verb == X402_CHARGE_VERIFY && charge->intended) {
        charge->has_transaction = true;
        charge->transfer = settlement_of(1, true);
        charge->bound = true;
    }
}

/* It was reverted and failed in the log; a reorganisation let it through: shown again it is paid,
 * without a second transaction. Recorded by hand meanwhile it is spent, without events. */
static void test_changed_end(void **state)
{
    (void)state;
    for (unsigned by_hand = 0; by_hand < 2; by_hand++) {
        uint8_t id[X402_PAYMENT_ID_BYTES];
        bool served = false;
        struct scene *scene = scene_open(false);
        script[X402_CHARGE_SETTLE] = BAD;
        house_open(&scene->house, NULL);
        scene->house.answer = changed_answer;
        id_of(scene, false, id);
        buyer_of(scene, false);
        assert_int_equal(show(scene, &scene->buyer), X402_NOT_PAID);
        assert_int_equal(status_of(scene, id, &served), X402_FAILED);
        const struct x402_transfer transfer = settlement_of(1, true);
        if (by_hand == 1) {
            record_by_hand(scene, &transfer.transaction);
        }
        uint64_t events = events_of(scene);
        assert_int_equal(show(scene, &scene->buyer), by_hand == 1 ? X402_SPENT : X402_ADMITTED);
        assert_int_equal(scene->house.asked[X402_CHARGE_SETTLE], 1);
        assert_int_equal(events_of(scene) - events, by_hand == 1 ? 0 : 2);
        assert_int_equal(status_of(scene, id, &served), by_hand == 1 ? X402_FAILED : X402_SETTLED);
        assert_int_equal(served, by_hand == 0);
        assert_int_equal(claims_of(scene), 0);
        scene_close(scene);
    }
}

/* --- one balance for many ----------------------------------------------------------------------
 */

enum { PARALLEL = 20 };
static uint64_t reserved_seen[PARALLEL];
static size_t reserved_count;

static void reserved_answer(struct house *house, struct x402_charge *charge)
{
    script_answer(house, charge);
    if (charge->verb == X402_CHARGE_VERIFY) {
        assert_in_range(reserved_count, 0, PARALLEL - 1);
        reserved_seen[reserved_count++] = charge->reserved;
        charge->outcome = charge->reserved + WORLD_PRICE <= 2 * WORLD_PRICE ? GOOD : AWAY;
    }
}

static uint64_t slowly(struct house *house, int what)
{
    (void)house;
    return what < 0 ? 3 : 40;
}

/* A payer who has two prices signs twenty authorizations at once: two intents, not twenty. Another
 * payer's do not count. */
static void test_one_balance(void **state)
{
    (void)state;
    static struct buyer many[PARALLEL];
    unsigned admitted = 0;
    struct scene *scene = scene_open(false);
    reserved_count = 0;
    scene->house.delay_ms = slowly;
    house_open(&scene->house, NULL);
    scene->house.answer = reserved_answer;
    for (unsigned i = 0; i < PARALLEL; i++) {
        memset(&many[i], 0, sizeof(many[i]));
        buyer_authorization(&scene->house, &many[i], 1 + i, 1, i);
        if (i > 0) {
            many[i].job.proof.authorization.from = world_address(0x11, 1);
        }
        script[X402_CHARGE_SETTLE] = BAD;
        buyer_enter(&scene->house, &many[i]);
    }
    fake_loop_advance(&scene->loop, 8000);
    for (unsigned i = 0; i < PARALLEL; i++) {
        assert_int_equal(many[i].done, 1);
        admitted += many[i].job.outcome == X402_NOT_PAID;
        assert_true(many[i].job.outcome == X402_NOT_PAID ||
                    many[i].job.outcome == X402_UNAVAILABLE);
    }
    assert_int_equal(admitted, 2);
    assert_int_equal(reserved_count, PARALLEL);
    assert_int_equal(world_count(&scene->house.world, X402_FAILED, false), 2);
    assert_int_equal(claims_of(scene), 0);
    buyer_authorization(&scene->house, &many[0], 99, 1, 1);
    reserved_count = 0;
    assert_int_equal(show(scene, &many[0]), X402_NOT_PAID);
    assert_int_equal(reserved_seen[0], 0);
    scene_close(scene);
}

/* --- alarms ----------------------------------------------------------------------------------- */

/* A reversal is told once; after a crash between the commit and the line, by the next process; and
 * one that cannot be written down is told as well. */
static void test_reversal_alarm(void **state)
{
    (void)state;
    static const char line[] = "x402.reversed";
    struct capture capture;
    lucid_log_set_level(LUCID_LOG_ERROR);
    for (unsigned killed = 0; killed < 2; killed++) {
        uint8_t id[X402_PAYMENT_ID_BYTES];
        bool served;
        struct scene *scene = scene_open(false);
        house_open(&scene->house, NULL);
        id_of(scene, true, id);
        buyer_of(scene, true);
        assert_int_equal(show(scene, &scene->buyer), X402_ADMITTED);
        fake_loop_advance(&scene->loop, 3000);
        if (killed == 1) {
            struct x402_payment_command command;
            house_kill(&scene->house, false);
            world_end(&command, X402_REVERSE, id);
            assert_int_equal(world_run(&scene->house.world, &command), LUCID_OK);
            house_open(&scene->house, NULL);
        }
        script[X402_CHARGE_WATCH] = LOST;
        capture_begin(&capture);
        fake_loop_advance(&scene->loop, 100000);
        unsigned told = capture_end(&capture, line);
        assert_int_equal(told, 1);
        assert_int_equal(status_of(scene, id, &served), X402_REVERSED);
        /* Back, and taken again: told again. */
        script[X402_CHARGE_WATCH] = GOOD;
        fake_loop_advance(&scene->loop, 100000);
        assert_int_equal(status_of(scene, id, &served), X402_SETTLED);
        script[X402_CHARGE_WATCH] = LOST;
        scene->house.fail_which = BIT(X402_REVERSE);
        scene->house.fail_verb = LUCID_REFUSE_TOO_LARGE;
        capture_begin(&capture);
        fake_loop_advance(&scene->loop, 100000);
        told = capture_end(&capture, "cannot be reversed");
        assert_true(told >= 1);
        scene->house.fail_which = 0;
        capture_begin(&capture);
        fake_loop_advance(&scene->loop, 100000);
        told = capture_end(&capture, "is reversed");
        assert_int_equal(told, 1);
        scene_close(scene);
    }
}

/* --- many that nobody can be asked about -------------------------------------------------------
 */

enum { UNASKED = 16000, UNASKED_STACK_BYTES = 192 * 1024 };

static void *unasked_run(void *context)
{
    struct scene *scene = context;
    fake_loop_advance(&scene->loop, 400000);
    return NULL;
}

/* Open payments of a network that is not configured any more: the keeper's stack does not grow with
 * them. */
static void test_unasked(void **state)
{
    (void)state;
    struct scene *scene = scene_open(false);
    pthread_attr_t attr;
    pthread_t thread;
    lucid_log_set_level(LUCID_LOG_ERROR);
    for (unsigned i = 0; i < UNASKED; i++) {
        struct x402_payment_command command;
        const struct x402_request_kept request = world_request(1, 1);
        world_intend(&scene->house.world, &command, 100 + i, "proof", &request);
        assert_int_equal(world_run(&scene->house.world, &command), LUCID_OK);
    }
    scene->house.networks.count = 0;
    scene->house.options.reconcile_ms = 60000;
    house_open(&scene->house, NULL);
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, UNASKED_STACK_BYTES), 0);
    assert_int_equal(pthread_create(&thread, &attr, unasked_run, scene), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)pthread_attr_destroy(&attr);
    struct x402_gate_counters counters;
    x402_gate_counters_read(scene->house.gate, &counters);
    assert_int_equal(counters.open, UNASKED);
    assert_int_equal(world_count(&scene->house.world, X402_PENDING, true), UNASKED);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unheard_commit),
        cmocka_unit_test(test_recorded_meanwhile),
        cmocka_unit_test(test_recorded_after_reversal),
        cmocka_unit_test(test_recorded_stray),
        cmocka_unit_test(test_changed_end),
        cmocka_unit_test(test_one_balance),
        cmocka_unit_test(test_reversal_alarm),
        cmocka_unit_test(test_unasked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

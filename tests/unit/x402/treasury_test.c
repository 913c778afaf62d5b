/* The treasury over a chain that lies, hangs and reorganises, killed at any moment: each payee is
 * paid exactly once, and the log says what the chain says. */
#include "tests/unit/x402/treasury_scene.h"

enum { SEEDS = 60, STEPS = 400 };

/* --- tests ------------------------------------------------------------------------------------ */

static void test_plain(void **state)
{
    (void)state;
    size_t count;
    uint64_t settlement = statement(1);
    uint64_t run = propose(settlement);
    assert_int_equal(run, 1);
    fake_loop_advance(&scene.model.loop, 20000);
    assert_int_equal(model_raw_count(&scene.model), 0); /* nobody has approved it */
    approve(run);
    finish(run, 60);
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], PAYEES);
    check_paid();
    assert_int_equal(received(1, &count), 1600);
    assert_int_equal(count, 1);
    assert_int_equal(model_raw_count(&scene.model), PAYEES);
    assert_true(is_closed(settlement));
    assert_int_equal(propose(settlement), 0);
    assert_int_equal(status().recorded, PAYEES);
    assert_int_equal(status().budget_left, 1000000000 - 7200);
}

/* Mined, and not recorded before it is final. */
static void test_final(void **state)
{
    (void)state;
    uint64_t run = propose(statement(1));
    approve(run);
    scene.model.automine = false;
    fake_loop_advance(&scene.model.loop, 10000);
    assert_int_equal(run_of(run).counts[X402_RUN_ORDERED], PAYEES);
    model_mine(&scene.model, FINAL - 1);
    fake_loop_advance(&scene.model.loop, 10000);
    check_paid();
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], 0);
    model_mine(&scene.model, 1);
    fake_loop_advance(&scene.model.loop, 10000);
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], PAYEES);
}

static void test_stuck(void **state)
{
    (void)state;
    uint64_t run = propose(statement(1));
    approve(run);
    scene.model.automine = false;
    fake_loop_advance(&scene.model.loop, 4000);
    uint64_t fee = scene.model.txs[0].max_fee;
    scene.model.fee_floor = fee + 1;
    model_mine(&scene.model, 1);
    fake_loop_advance(&scene.model.loop, 20000);
    assert_true(status().replaced >= 1);
    for (size_t i = 0; i < scene.model.tx_count; i++) {
        assert_true(scene.model.txs[i].nonce < PAYEES);
        assert_true(scene.model.txs[i].max_fee <= scene.network->max_fee_wei);
    }
    scene.model.fee_floor = 0;
    finish(run, 60);
    check_paid();
}

/* Restarted with its transactions in the pool, dropped from it, and mined meanwhile. */
static void test_restart(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        uint64_t run = propose(statement(1));
        approve(run);
        scene.model.automine = false;
        fake_loop_advance(&scene.model.loop, 4000);
        size_t sent = model_raw_count(&scene.model);
        scene_kill(false);
        for (size_t i = 0; how == 1 && i < scene.model.tx_count; i++) {
            scene.model.txs[i].dropped = !scene.model.txs[i].mined;
        }
        if (how == 2) {
            model_mine(&scene.model, 10);
        }
        scene.model.base_fee += 7; /* other fees than before: another hash */
        scene_open();
        fake_loop_advance(&scene.model.loop, 4000);
        assert_true(how != 2 || model_raw_count(&scene.model) == sent);
        scene.model.automine = true;
        finish(run, 60);
        check_paid();
        assert_int_equal(scene.model.gas_count, PAYEES * (how + 1));
    }
}

/* Somebody else has the key: the next nonce goes to a transaction that pays nobody. */
static void foreign_use(void)
{
    uint64_t nonce = scene.model.gas_count;
    for (size_t i = 0; i < scene.model.tx_count; i++) {
        struct model_tx *tx = &scene.model.txs[i];
        tx->dropped = tx->dropped || (tx->raw && !tx->mined && tx->nonce == nonce);
    }
    struct model_tx *theirs = model_add(&scene.model, &scene.key.address);
    theirs->raw = true;
    theirs->nonce = nonce;
    theirs->max_fee = UINT64_MAX / 4;
    model_mine_tx(&scene.model, theirs);
}

/* Somebody else uses the nonce: failed once that is final; another run pays. */
static void test_foreign_nonce(void **state)
{
    (void)state;
    uint64_t settlement = statement(1);
    uint64_t run = propose(settlement);
    approve(run);
    scene.model.automine = false;
    fake_loop_advance(&scene.model.loop, 4000);
    foreign_use();
    fake_loop_advance(&scene.model.loop, 4000);
    assert_int_equal(run_of(run).counts[X402_RUN_FAILED], 0); /* not final yet */
    scene.model.automine = true;
    finish(run, 60);
    assert_int_equal(run_of(run).counts[X402_RUN_FAILED], 1);
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], PAYEES - 1);
    assert_int_equal(status().failed, 1);
    assert_false(is_closed(settlement));
    run = propose(settlement);
    assert_int_equal(run_of(run).lines, 1);
    approve(run);
    finish(run, 60);
    check_paid();
    assert_true(is_closed(settlement));
}

/* A node that knows the count, and neither receipts nor logs, for a while: nothing is dropped. */
static bool lying;
static const char *forget(struct chain_model *model, struct fake_question *question)
{
    (void)model;
    if (!lying) {
        return NULL;
    }
    return strcmp(question->method, "eth_getTransactionReceipt") == 0 ? "null"
           : strcmp(question->method, "eth_getLogs") == 0             ? "[]"
                                                                      : NULL;
}

static void test_forgetful_node(void **state)
{
    (void)state;
    uint64_t run = propose(statement(1));
    approve(run);
    lying = true;
    scene.model.nodes[0].lie = forget;
    fake_loop_advance(&scene.model.loop, 15000); /* mined, no further blocks: nothing is final */
    lying = false;
    finish(run, 60);
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], PAYEES);
    check_paid();
}

static void test_reverts(void **state)
{
    (void)state;
    uint64_t settlement = statement(1);
    uint64_t run = propose(settlement);
    approve(run);
    scene.model.reverts = true;
    finish(run, 60);
    assert_int_equal(run_of(run).counts[X402_RUN_FAILED], PAYEES);
    assert_int_equal(received(0, NULL), 0);
    fake_loop_advance(&scene.model.loop, 60000);
    assert_int_equal(model_raw_count(&scene.model), PAYEES); /* not tried again by itself */
    scene.model.reverts = false;
    run = propose(settlement);
    approve(run);
    finish(run, 60);
    check_paid();
}

static void test_waits(void **state)
{
    (void)state;
    uint64_t run = propose(statement(1));
    approve(run);
    scene.model.payer_balance = evm_u256_of(699);
    fake_loop_advance(&scene.model.loop, 5000);
    assert_true(status().stuck && status().waiting[0] != '\0');
    assert_int_equal(run_of(run).counts[X402_RUN_WAITING], PAYEES);
    scene.model.payer_balance = evm_u256_of(1000000);
    scene.model.gas_balance = evm_u256_of(1000);
    fake_loop_advance(&scene.model.loop, 5000);
    assert_true(status().waiting[0] != '\0');
    assert_int_equal(run_of(run).counts[X402_RUN_WAITING], PAYEES);
    scene.model.gas_balance = evm_u256_of(UINT64_C(1000000000000000000));
    scene.network->treasury_day_max = 2400; /* two lines */
    fake_loop_advance(&scene.model.loop, 20000);
    model_mine(&scene.model, FINAL);
    fake_loop_advance(&scene.model.loop, 20000);
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], 2);
    assert_true(strstr(status().waiting, "treasury_day_max") != NULL);
    assert_int_equal(status().budget_left, 100);
    scene_kill(false); /* the log knows what went out today */
    scene_open();
    fake_loop_advance(&scene.model.loop, 5000);
    assert_int_equal(status().budget_left, 100);
    scene.network->treasury_day_max = 5000;
    fake_loop_advance(&scene.model.loop, UINT64_C(86400000)); /* the next day */
    finish(run, 60);
    check_paid();
    assert_string_equal(status().waiting, "");
}

/* A refund that is asked for while a line is started has a look at the budget of its own. */
static struct x402_treasury_refund refund;
static unsigned refund_answers;

static void refund_done(struct x402_treasury_refund *asked)
{
    assert_ptr_equal(asked, &refund);
    refund_answers++;
}

static void refund_ask(void)
{
    refund = (struct x402_treasury_refund){.done = refund_done};
    refund.outflow.token = scene.network->token;
    refund.outflow.to = payee_address(0);
    refund.outflow.amount = 5000; /* of no payment: the log would refuse it as well */
    memcpy(refund.outflow.external_id, "r", 2);
    memcpy(refund.outflow.network, scene.network->caip2, sizeof(refund.outflow.network));
    x402_treasury_refund(scene.treasury, &refund);
}

static void test_refund_between(void **state)
{
    (void)state;
    uint64_t run = propose(statement(1));
    scene.network->treasury_day_max = 4999;
    scene.between = refund_ask;
    approve(run);
    fake_loop_advance(&scene.model.loop, 10000);
    assert_null(scene.between);
    assert_int_equal(refund_answers, 1);
    assert_int_equal(refund.error, LUCID_RETRY_BUSY);
    assert_string_equal(refund.why.code, "TREASURY_UNAVAILABLE");
    scene.network->treasury_day_max = 7200;
    finish(run, 60);
    check_paid();
}

/* What was cancelled before it was ordered is not sent, however late. */
static void cancel_now(void)
{
    static struct x402_run_command command;
    x402_run_cancel_prepare(&command, 1, "0123456789abcdef");
    assert_int_equal(run_command(&command.command), LUCID_OK);
}

static void test_cancel_between(void **state)
{
    (void)state;
    uint64_t settlement = statement(1);
    uint64_t run = propose(settlement);
    scene.between = cancel_now;
    approve(run);
    fake_loop_advance(&scene.model.loop, 20000);
    assert_null(scene.between);
    assert_int_equal(model_raw_count(&scene.model), 0);
    assert_int_equal(run_of(run).counts[X402_RUN_WITHDRAWN], PAYEES);
    run = propose(settlement);
    approve(run);
    finish(run, 60);
    check_paid();
}

/* Somebody records the first transfer as a payment to us: its order cannot end, the others can. */
static void test_unrecordable(void **state)
{
    (void)state;
    struct gas_payment_command command;
    uint64_t run = propose(statement(1));
    approve(run);
    scene.model.automine = false;
    fake_loop_advance(&scene.model.loop, 4000);
    model_mine(&scene.model, 1);
    payment_prepare(&command, "one", 1, "wrong", NULL);
    memcpy(command.payment.network, scene.network->caip2, sizeof(scene.network->caip2));
    evm_hash_text(&scene.model.txs[0].hash, command.payment.transaction);
    assert_int_equal(run_command(&command.command), LUCID_OK);
    for (unsigned i = 0; i < 20; i++) {
        fake_loop_advance(&scene.model.loop, 1000);
        model_mine(&scene.model, 1);
    }
    check_paid();
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], PAYEES - 1);
    assert_int_equal(run_of(run).counts[X402_RUN_ORDERED], 1);
}

/* --- chaos ------------------------------------------------------------------------------------ */

static void mischief(void)
{
    switch (draw(24)) {
    case 0:
    case 1:
        scene_kill(draw(2) == 0);
        scene_open();
        break;
    case 2:
        scene.model.nodes[0].hangs = !scene.model.nodes[0].hangs;
        break;
    case 3:
        scene.model.swallows = !scene.model.swallows;
        break;
    case 4:
        scene.model.fee_floor = draw(2) == 0 ? 0 : draw(UINT64_C(4000000000));
        break;
    case 5:
        model_reorg(&scene.model, 1 + draw(FINAL - 1), draw(2) == 0);
        break;
    case 6:
        if (scene.model.tx_count > 0) {
            struct model_tx *tx = &scene.model.txs[draw(scene.model.tx_count)];
            tx->dropped = tx->dropped || (!tx->mined && tx->raw);
        }
        break;
    case 7:
        if (draw(4) == 0) {
            foreign_use();
        }
        break;
    case 8:
    case 9:
    case 10:
        model_mine(&scene.model, 1);
        break;
    default:
        fake_loop_advance(&scene.model.loop, draw(700));
        break;
    }
}

static void heal(void)
{
    scene.model.nodes[0].hangs = scene.model.swallows = false;
    scene.model.fee_floor = 0;
    scene.model.automine = true;
    model_mine(&scene.model, FINAL);
}

static void chaos_one(uint64_t seed)
{
    scene.random = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    uint64_t settlement = statement(1 + draw(3));
    uint64_t run = propose(settlement);
    approve(run);
    scene.model.automine = draw(2) == 0;
    for (unsigned i = 0; i < STEPS; i++) {
        mischief();
        for (size_t n = 0; n < PAYEES; n++) {
            assert_true(received(n, NULL) <= scene.owed[n]);
        }
    }
    heal();
    finish(run, 300);
    for (unsigned tries = 0; !is_closed(settlement); tries++) {
        assert_true(tries < 3);
        run = propose(settlement);
        approve(run);
        finish(run, 300);
    }
    check_paid();
}

static void test_chaos(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        (void)scene_make(state);
        chaos_one(seed);
        (void)scene_drop(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_final, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_stuck, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_restart, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_foreign_nonce, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_forgetful_node, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_reverts, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_waits, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_refund_between, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_cancel_between, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_unrecordable, scene_make, scene_drop),
        cmocka_unit_test(test_chaos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

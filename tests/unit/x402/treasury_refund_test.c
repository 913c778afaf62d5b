/* Refunds that the treasury sends: ordered once, recorded when final, refused when they cannot be.
 */
#include "tests/unit/x402/treasury_scene.h"

static struct x402_treasury_refund refund;
static unsigned done;

static void over(struct x402_treasury_refund *asked)
{
    assert_ptr_equal(asked, &refund);
    done++;
}

/* A payment of 1000 to the gate, final; its id is in *ret. */
static void paid(uint64_t number, struct x402_payment *ret)
{
    struct x402_payment_command command;
    const struct x402_request_kept request = world_request(1, 1);
    world_show(&scene.world, &command, number, 1, WORLD_PRICE, "one", &request);
    memcpy(command.payment.network, scene.network->caip2, sizeof(command.payment.network));
    command.payment.token = scene.network->token;
    command.payment.transfer.final = true;
    assert_int_equal(run_command(&command.command), LUCID_OK);
    *ret = command.payment;
    if (!ret->final) {
        struct x402_payment_command final;
        world_end(&final, X402_FINISH, ret->id);
        assert_int_equal(run_command(&final.command), LUCID_OK);
        *ret = final.payment;
    }
}

static void ask(const struct x402_payment *payment, const char *external_id, uint64_t amount)
{
    memset(&refund, 0, sizeof(refund));
    refund.done = over;
    refund.outflow.refund = true;
    memcpy(refund.outflow.payment, payment->id, X402_PAYMENT_ID_BYTES);
    (void)snprintf(refund.outflow.external_id, sizeof(refund.outflow.external_id), "%s",
                   external_id);
    memcpy(refund.outflow.network, scene.network->caip2, sizeof(refund.outflow.network));
    refund.outflow.token = payment->token;
    refund.outflow.to = payment->payer;
    refund.outflow.amount = amount;
    done = 0;
    x402_treasury_refund(scene.treasury, &refund);
    assert_int_equal(done, 0);
    fake_loop_advance(&scene.model.loop, 8000);
    assert_int_equal(done, 1);
}

static struct x402_refunded refunded(const struct x402_payment *payment)
{
    struct x402_refunded ret;
    struct ledger_view *view = WORLD_CORE(&scene.world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    (void)!x402_refunded_read(view, payment->id, &ret);
    ledger_view_end(view);
    return ret;
}

static void blocks_come(void)
{
    for (unsigned i = 0; i < 20; i++) {
        fake_loop_advance(&scene.model.loop, 1000);
        model_mine(&scene.model, 1);
    }
}

static void test_sent(void **state)
{
    (void)state;
    struct x402_payment payment;
    paid(900, &payment);
    ask(&payment, "r-1", 400);
    assert_int_equal(refund.error, LUCID_OK);
    assert_false(refund.ret_known);
    assert_int_equal(refund.outflow.state, X402_OUTFLOW_ORDERED);
    ask(&payment, "r-1", 400);
    assert_int_equal(refund.error, LUCID_OK);
    assert_true(refund.ret_known);
    assert_int_equal(refund.outflow.nonce, 0);
    blocks_come();
    assert_int_equal(refunded(&payment).amount, 400);
    assert_int_equal(refunded(&payment).ordered, 0);
    assert_int_equal(model_raw_count(&scene.model), 1);
    ask(&payment, "r-1", 400);
    assert_true(refund.ret_known);
    assert_int_equal(refund.outflow.state, X402_OUTFLOW_RECORDED);
    ask(&payment, "r-1", 300);
    assert_string_equal(refund.why.code, "OUTFLOW_STATE");
    ask(&payment, "r-2", 601);
    assert_string_equal(refund.why.code, "REFUND_EXCEEDS");
    ask(&payment, "r-2", 600);
    assert_int_equal(refund.error, LUCID_OK);
    blocks_come();
    assert_int_equal(refunded(&payment).amount, 1000);
    assert_int_equal(model_raw_count(&scene.model), 2);
}

static void test_refused(void **state)
{
    (void)state;
    struct x402_payment payment;
    paid(901, &payment);
    scene.model.payer_balance = evm_u256_of(399);
    ask(&payment, "r-1", 400);
    assert_string_equal(refund.why.code, "TREASURY_UNAVAILABLE");
    scene.model.payer_balance = evm_u256_of(1000000);
    scene.network->treasury_day_max = 399;
    ask(&payment, "r-1", 400);
    assert_string_equal(refund.why.code, "TREASURY_UNAVAILABLE");
    scene.network->treasury_day_max = 1000;
    scene.model.nodes[0].away = true;
    ask(&payment, "r-1", 400);
    assert_string_equal(refund.why.code, "TREASURY_UNAVAILABLE");
    scene.model.nodes[0].away = false;
    assert_int_equal(model_raw_count(&scene.model), 0);
    assert_int_equal(refunded(&payment).ordered, 0);
    ask(&payment, "r-1", 400);
    assert_int_equal(refund.error, LUCID_OK);
    blocks_come();
    assert_int_equal(refunded(&payment).amount, 400);
}

/* A refund and a run at once, killed in between: other nonces, both counted in the day's budget. */
static void test_with_run(void **state)
{
    (void)state;
    struct x402_payment payment;
    paid(902, &payment);
    scene.owed[0] = 700; /* of that payment, before it is refunded */
    scene.owed[1] = 200;
    uint64_t run = propose(statement(1));
    approve(run);
    ask(&payment, "r-1", 1000);
    assert_int_equal(refund.error, LUCID_OK);
    scene_kill(true);
    scene_open();
    finish(run, 60);
    blocks_come();
    assert_int_equal(refunded(&payment).amount, 1000);
    assert_int_equal(scene.model.gas_count, PAYEES + 1);
    check_paid();
    assert_int_equal(status().budget_left, scene.network->treasury_day_max - scene.owed[0] -
                                               scene.owed[1] - scene.owed[2] - 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sent, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_refused, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_with_run, scene_make, scene_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The payment kind: intents, settlements and serving, each refusal without a trace, races within a
 * batch. */
#include "tests/unit/x402/payment_case.h"

/* --- authorizations --------------------------------------------------------------------------- */

static void test_authorization(void **state)
{
    (void)state;
    struct x402_payment_command command;
    struct x402_payment payment;
    struct x402_spent_key key;
    enum lucid_error paid;
    intended(7);
    assert_int_equal(world_count(&world, 0, true), 1);
    assert_int_equal(world_keys(&world), 1);
    assert_int_equal(balance(WORLD_CLEARING), 0);
    world_settle(&world, &command, 7, 3);
    assert_int_equal(world_buy(&world, &command, true, &paid), LUCID_OK);
    assert_int_equal(paid, LUCID_OK);
    payment = payment_at(command.payment.id);
    assert_memory_equal(&payment, &command.payment, sizeof(payment));
    assert_int_equal(payment.status, X402_SETTLED);
    assert_int_equal(payment.scheme, X402_SCHEME_EIP3009);
    assert_true(payment.served && payment.bound && !payment.final);
    assert_int_equal(payment.amount, WORLD_PRICE);
    assert_int_equal(payment.from_block, 990);
    assert_int_equal(payment.transfer.block, 1003);
    assert_int_equal(payment.signature.bytes[64], 0x77);
    assert_int_equal(payment.authorization.valid_before.be[0], 0xff);
    assert_string_equal(payment.request.resource, "https://example.com/v1/1?x=\"1\"");
    assert_int_equal(balance(WORLD_CLEARING), -1000);
    assert_int_equal(balance("payee:gpu:USDC"), 700);
    assert_int_equal(balance("payee:lab:USDC"), 200);
    assert_int_equal(balance("revenue:protocol:USDC"), 100);
    /* Both keys, and the event, lead to it. */
    x402_key_transfer(&world.network, &payment.transfer.transaction, 1, &key);
    assert_int_equal(world_find(&world, key.text, &payment), LUCID_OK);
    assert_memory_equal(payment.id, command.payment.id, X402_PAYMENT_ID_BYTES);
    x402_key_authorization(&world.network, &payment.authorization.from,
                           &payment.authorization.nonce, &key);
    assert_int_equal(world_find(&world, key.text, &payment), LUCID_OK);
    assert_memory_equal(payment.id, command.payment.id, X402_PAYMENT_ID_BYTES);
    assert_int_equal(ledger_view_begin(WORLD_CORE(&world)->view), LUCID_OK);
    assert_int_equal(x402_payment_of(WORLD_CORE(&world)->view, payment.settled_sequence, &payment),
                     LUCID_OK);
    struct gas_payment share;
    assert_int_equal(gas_payment_read(WORLD_CORE(&world)->view, payment.settled_sequence, &share),
                     LUCID_OK);
    ledger_view_end(WORLD_CORE(&world)->view);
    assert_int_equal(share.amount, WORLD_PRICE);
    assert_string_equal(share.facilitator, "direct");
    assert_string_equal(share.network, NETWORK);
    assert_int_equal(share.version, 1);
    assert_memory_equal(share.transaction, "0x0000000000000003aaaa", 22);
    /* The same again. */
    world_settle(&world, &command, 7, 3);
    known(&command);
    assert_true(command.payment.served);
}

static void test_intent_refusals(void **state)
{
    (void)state;
    struct x402_payment_command command;
    const struct x402_request_kept request = world_request(1, 1);
    struct {
        const char *code;
        enum lucid_error error;
    } const want[] = {
        {"INVALID_PAYMENT", LUCID_REFUSE_INVALID},  {"ASSET_NOT_PRICED", LUCID_REFUSE_INVALID},
        {"ASSET_NOT_PRICED", LUCID_REFUSE_INVALID}, {"INVALID_PAYMENT", LUCID_REFUSE_INVALID},
        {"INVALID_PAYMENT", LUCID_REFUSE_INVALID},  {"INVALID_PAYMENT", LUCID_REFUSE_INVALID},
        {"INVALID_PAYMENT", LUCID_REFUSE_INVALID},  {"INVALID_PAYMENT", LUCID_REFUSE_INVALID},
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        world_intend(&world, &command, 7, "proof", &request);
        struct x402_payment *payment = &command.payment;
        switch (i) {
        case 0:
            payment->amount = 999; /* not the authorization's */
            break;
        case 1:
            memcpy(payment->asset, "nothing", 8);
            break;
        case 2:
            payment->version = 2;
            break;
        case 3:
            payment->request.resource[3] = '\n';
            break;
        case 4:
            payment->request.resource[3] = (char)0xff;
            break;
        case 5:
            payment->from_block = (uint64_t)1 << 53;
            break;
        case 6:
            payment->authorization.value.be[0] = 1;
            break;
        default:
            payment->amount = (uint64_t)1 << 63;
            payment->authorization.value = evm_u256_of(payment->amount);
            break;
        }
        refused(&command, want[i].error, want[i].code);
    }
    intended(7);
    world_intend(&world, &command, 7, "proof", &request);
    refused(&command, LUCID_RETRY_BUSY, "PAYMENT_PENDING");
    world_settle(&world, &command, 7, 3);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    world_intend(&world, &command, 7, "proof", &request);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
}

/* A failed intent frees its authorization, and its money still counts when it comes. */
static void test_failed(void **state)
{
    (void)state;
    struct x402_payment_command command;
    struct x402_payment payment;
    struct x402_spent_key key;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    world_id(&world, 7, id);
    world_end(&command, X402_FAIL, id);
    refused(&command, LUCID_REFUSE_INVALID, "NOT_FOUND");
    intended(7);
    world_end(&command, X402_FAIL, id);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(command.payment.status, X402_FAILED);
    assert_string_equal(command.payment.reason, "invalid_transaction_state");
    payment = command.payment;
    world_end(&command, X402_FAIL, id);
    known(&command);
    x402_key_authorization(&world.network, &payment.authorization.from,
                           &payment.authorization.nonce, &key);
    assert_int_equal(world_find(&world, key.text, &payment), LUCID_NOTE_ABSENT);
    assert_int_equal(world_keys(&world), 0);
    assert_int_equal(world_count(&world, 0, true), 0);
    assert_int_equal(world_count(&world, X402_FAILED, false), 1);
    world_end(&command, X402_SERVE, id);
    refused(&command, LUCID_REFUSE_INVALID, "NOT_FOUND");
    /* Once more, at the same place in the list. */
    uint64_t first = payment_at(id).first_sequence;
    intended(7);
    assert_int_equal(payment_at(id).first_sequence, first);
    assert_string_equal(payment_at(id).reason, "");
    assert_int_equal(world_count(&world, X402_FAILED, false), 0);
    world_end(&command, X402_FAIL, id);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    /* It has moved after all. */
    world_settle(&world, &command, 7, 3);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(command.payment.status, X402_SETTLED);
    assert_false(command.payment.served);
    assert_int_equal(balance(WORLD_CLEARING), -1000);
    world_end(&command, X402_FAIL, id);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE");
}

/* --- transfers -------------------------------------------------------------------------------- */

static void test_transfer(void **state)
{
    (void)state;
    struct x402_payment_command command;
    enum lucid_error paid;
    const struct x402_request_kept request = world_request(1, 1);
    const struct x402_request_kept other = world_request(1, 2);
    world_show(&world, &command, 5, 2, 1503, "proof", &request);
    command.reads = true;
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(command.payment.status, X402_SETTLED);
    assert_true(command.payment.served);
    assert_int_equal(command.payment.amount, 1503);
    assert_int_equal(command.payment.intent_sequence, 0);
    assert_int_equal(balance(WORLD_CLEARING), -1503);
    assert_int_equal(balance("payee:gpu:USDC") + balance("payee:lab:USDC") +
                         balance("revenue:protocol:USDC"),
                     1503);
    /* For the same request it is good again, for another not. */
    world_show(&world, &command, 5, 2, 1503, "proof", &request);
    command.reads = true;
    known(&command);
    world_show(&world, &command, 5, 2, 1503, "proof", &other);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    /* Another log of the same transaction is another payment. */
    world_show(&world, &command, 5, 3, 1000, "proof", &other);
    assert_int_equal(world_buy(&world, &command, true, &paid), LUCID_OK);
    assert_int_equal(world_count(&world, X402_SETTLED, false), 2);
}

/* The transfer of an authorization that is being settled is that payment's. */
static void test_transfer_of_authorization(void **state)
{
    (void)state;
    struct x402_payment_command command;
    const struct x402_request_kept request = world_request(1, 1);
    intended(7);
    world_show(&world, &command, 5, 2, 1000, "proof", &request);
    command.payment.transfer.payer = world_address(0x11, 7);
    command.payment.transfer.has_nonce = true;
    command.payment.transfer.nonce = world_hash(0x44, 7);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    /* One whose authorization nobody has shown occupies it. */
    command.payment.scheme = X402_SCHEME_TRANSFER;
    world_show(&world, &command, 6, 2, 1000, "proof", &request);
    command.payment.transfer.payer = world_address(0x11, 8);
    command.payment.transfer.has_nonce = true;
    command.payment.transfer.nonce = world_hash(0x44, 8);
    command.reads = true;
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(world_keys(&world), 3);
    world_intend(&world, &command, 8, "proof", &request);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    /* Our settlement cannot be another payment's transfer. */
    world_settle(&world, &command, 7, 6);
    command.payment.transfer.log_index = 2;
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
}

/* --- unserved --------------------------------------------------------------------------------- */

static void test_unserved(void **state)
{
    (void)state;
    struct x402_payment_command command;
    enum lucid_error paid;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    intended(7);
    world_id(&world, 7, id);
    world_end(&command, X402_SERVE, id);
    refused(&command, LUCID_RETRY_BUSY, "PAYMENT_PENDING");
    world_settle(&world, &command, 7, 3);
    assert_int_equal(world_buy(&world, &command, false, &paid), LUCID_OK);
    assert_int_equal(paid, LUCID_REFUSE_INVALID);
    assert_int_equal(command.payment.status, X402_SETTLED);
    assert_false(command.payment.served);
    assert_int_equal(balance(WORLD_CLEARING), -1000);
    /* A refused body once more: nothing new. */
    world_end(&command, X402_SERVE, id);
    command.payment.request = world_request(1, 2);
    assert_int_equal(world_buy(&world, &command, false, &paid), LUCID_OK);
    assert_true(command.ret_known);
    assert_false(command.payment.served);
    assert_int_equal(command.payment.request.digest[1], 0x61);
    /* Another path, and a corrected body. */
    world_end(&command, X402_SERVE, id);
    command.payment.request = world_request(2, 1);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    world_end(&command, X402_SERVE, id);
    command.payment.request = world_request(1, 2);
    assert_int_equal(world_buy(&world, &command, true, &paid), LUCID_OK);
    assert_true(command.payment.served);
    assert_int_equal(command.payment.request.digest[1], 0x62);
    world_end(&command, X402_SERVE, id);
    command.payment.request = world_request(1, 1);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    world_end(&command, X402_SERVE, id);
    command.payment.request = world_request(1, 2);
    command.reads = true;
    known(&command);
    assert_int_equal(balance(WORLD_CLEARING), -1000);
    /* The keeper was first with the settlement; the request's own serves. */
    intended(8);
    world_settle(&world, &command, 8, 4);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_false(command.payment.served);
    world_settle(&world, &command, 8, 4);
    assert_int_equal(world_buy(&world, &command, true, &paid), LUCID_OK);
    assert_true(command.payment.served);
    assert_int_equal(balance(WORLD_CLEARING), -2000);
}

/* --- races ------------------------------------------------------------------------------------ */

/* Two commands in one batch: one new payment, one leaf. */
static void test_races(void **state)
{
    (void)state;
    static struct x402_payment_command commands[2];
    struct core_leaf_command leaves[2];
    for (unsigned race = 0; race < 2; race++) {
        for (unsigned i = 0; i < 2; i++) {
            const struct x402_request_kept request = world_request(1, race == 0 ? i : 1);
            world_show(&world, &commands[i], 20 + race, 2, 1000, "proof", &request);
            core_leaf_init(&leaves[i], 100 + 2 * race + i, 1);
            leaves[i].command.next_part = &commands[i].command;
            commands[i].paid = &leaves[i].command;
        }
        assert_int_equal(ledger_batch_begin(WORLD_CORE(&world)->ledger, CORE_NOW_MS), LUCID_OK);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(ledger_batch_run(WORLD_CORE(&world)->ledger, &leaves[i].command),
                             LUCID_OK);
        }
        assert_int_equal(ledger_batch_commit(WORLD_CORE(&world)->ledger), LUCID_OK);
        assert_int_equal(commands[0].command.error, LUCID_OK);
        assert_false(commands[0].ret_known);
        /* Another request: refused, its write too. The same: answered as the first. */
        assert_int_equal(commands[1].command.error, race == 0 ? LUCID_REFUSE_CONFLICT : LUCID_OK);
        assert_int_equal(leaves[1].command.error, race == 0 ? LUCID_REFUSE_CONFLICT : LUCID_OK);
        assert_int_equal(commands[1].ret_known, race == 1);
        assert_int_equal(balance(WORLD_CLEARING), -1000 * (int64_t)(race + 1));
    }
    /* Two intents of one authorization, then two settlements of it. */
    const struct x402_request_kept request = world_request(1, 1);
    world_intend(&world, &commands[0], 7, "proof", &request);
    world_intend(&world, &commands[1], 7, "proof", &request);
    assert_int_equal(ledger_batch_begin(WORLD_CORE(&world)->ledger, CORE_NOW_MS), LUCID_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ledger_batch_run(WORLD_CORE(&world)->ledger, &commands[i].command),
                         LUCID_OK);
    }
    assert_int_equal(ledger_batch_commit(WORLD_CORE(&world)->ledger), LUCID_OK);
    assert_int_equal(commands[0].command.error, LUCID_OK);
    assert_int_equal(commands[1].command.error, LUCID_RETRY_BUSY);
    world_settle(&world, &commands[0], 7, 30);
    world_settle(&world, &commands[1], 7, 30);
    assert_int_equal(ledger_batch_begin(WORLD_CORE(&world)->ledger, CORE_NOW_MS), LUCID_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ledger_batch_run(WORLD_CORE(&world)->ledger, &commands[i].command),
                         LUCID_OK);
    }
    assert_int_equal(ledger_batch_commit(WORLD_CORE(&world)->ledger), LUCID_OK);
    assert_false(commands[0].ret_known);
    assert_true(commands[1].ret_known);
    assert_int_equal(balance(WORLD_CLEARING), -3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_authorization, setup, teardown),
        cmocka_unit_test_setup_teardown(test_intent_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transfer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transfer_of_authorization, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unserved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_races, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

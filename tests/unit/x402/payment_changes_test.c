/* The payment kind: reorganisations, strays, and payments that were recorded otherwise. */
#include "tests/unit/x402/payment_case.h"

/* --- reorganisations -------------------------------------------------------------------------- */

static void test_reversed(void **state)
{
    (void)state;
    struct x402_payment_command command;
    enum lucid_error paid;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    world_id(&world, 7, id);
    world_end(&command, X402_REVERSE, id);
    refused(&command, LUCID_REFUSE_INVALID, "NOT_FOUND");
    intended(7);
    world_end(&command, X402_REVERSE, id);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE");
    world_settle(&world, &command, 7, 3);
    assert_int_equal(world_buy(&world, &command, true, &paid), LUCID_OK);
    reversed(id);
    assert_int_equal(balance(WORLD_CLEARING), 0);
    assert_int_equal(balance("payee:gpu:USDC"), 0);
    assert_int_equal(balance("payee:lab:USDC"), 0);
    assert_int_equal(balance("revenue:protocol:USDC"), 0);
    assert_int_equal(total_of(&world.revenue, "proof"), 1000);
    struct gas_asset_revenue revenue = revenue_of(&world.revenue, "proof");
    assert_int_equal(revenue.gross, 1000);
    assert_int_equal(revenue.reversed_gross, 1000);
    assert_int_equal(revenue.reversals, 1);
    assert_int_equal(revenue.reversed[GAS_COMPUTE], 700);
    world_end(&command, X402_REVERSE, id);
    known(&command);
    assert_int_equal(payment_at(id).reversals, 1);
    assert_true(payment_at(id).served);
    assert_int_equal(world_keys(&world), 2);
    assert_int_equal(world_count(&world, 0, true), 1);
    /* Nothing is admitted meanwhile. */
    world_end(&command, X402_SERVE, id);
    command.payment.request = world_request(1, 1);
    refused(&command, LUCID_RETRY_BUSY, "PAYMENT_PENDING");
    const struct x402_request_kept request = world_request(1, 1);
    world_intend(&world, &command, 7, "proof", &request);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    /* Mined again, in another transaction: it settles again and serves nothing else. */
    world_settle(&world, &command, 7, 4);
    command.payment.request = world_request(1, 2);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    world_settle(&world, &command, 7, 4);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(command.payment.status, X402_SETTLED);
    assert_true(command.payment.served);
    assert_int_equal(balance(WORLD_CLEARING), -1000);
    assert_int_equal(balance("payee:gpu:USDC"), 700);
    assert_int_equal(total_of(&world.revenue, "proof"), 2000);
    assert_int_equal(world_keys(&world), 3);
    /* And lost for good: it is not looked for any more. */
    reversed(id);
    world_end(&command, X402_FINISH, id);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(world_count(&world, 0, true), 0);
    assert_int_equal(payment_at(id).status, X402_REVERSED);
    assert_true(payment_at(id).final);
    assert_int_equal(payment_at(id).reversals, 2);
}

/* A transfer that a client has shown, mined again: shown again, or found by its authorization. */
static void test_reversed_transfer(void **state)
{
    (void)state;
    struct x402_payment_command command;
    enum lucid_error paid;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    const struct x402_request_kept request = world_request(1, 1);
    const struct x402_request_kept corrected = world_request(1, 2);
    for (unsigned i = 0; i < 3; i++) {
        world_show(&world, &command, 5 + i / 2, 2, 1000, "proof", &request);
        command.payment.transfer.has_nonce = true;
        command.payment.transfer.nonce = world_hash(0x44, 9);
        command.payment.transfer.payer = world_address(0x11, 9);
        command.payment.request = i == 2 ? corrected : request;
        if (i == 1) {
            assert_int_equal(world_buy(&world, &command, false, &paid), LUCID_OK);
        } else if (i == 2) {
            assert_int_equal(world_buy(&world, &command, true, &paid), LUCID_OK);
        } else {
            assert_int_equal(world_run(&world, &command), LUCID_OK);
            memcpy(id, command.payment.id, sizeof(id));
        }
        assert_memory_equal(command.payment.id, id, sizeof(id));
        assert_int_equal(command.payment.status, X402_SETTLED);
        assert_int_equal(command.payment.served, i == 2);
        assert_int_equal(balance(WORLD_CLEARING), -1000);
        reversed(id);
    }
    assert_int_equal(world_count(&world, 0, false), 1);
    assert_int_equal(world_keys(&world), 3);
}

/* What was released from suspense meanwhile is owed by the payee that got it. */
static void test_reversed_release(void **state)
{
    (void)state;
    struct x402_payment_command command;
    uint8_t ids[4][X402_PAYMENT_ID_BYTES];
    const struct x402_request_kept request = world_request(1, 1);
    const char *const payees[] = {NULL, "ann", "bob", NULL};
    (void)price_set(&world.revenue, "late", NULL, "lab", NULL);
    for (unsigned i = 0; i < 4; i++) {
        world_show(&world, &command, 50 + i, 0, 1000, "late", &request);
        assert_int_equal(world_run(&world, &command), LUCID_OK);
        memcpy(ids[i], command.payment.id, sizeof(ids[i]));
        if (i == 0) {
            /* The first stays in suspense and is taken back from there. */
            assert_int_equal(balance("suspense:compute:late:USDC"), 700);
            reversed(ids[0]);
            assert_int_equal(balance("suspense:compute:late:USDC"), 0);
            const struct gas_asset_revenue revenue = revenue_of(&world.revenue, "late");
            assert_int_equal(revenue.withdrawn[GAS_COMPUTE], 700);
            assert_int_equal(gas_asset_suspense(&revenue, GAS_COMPUTE), 0);
        }
        if (i == 1 || i == 2) {
            assert_int_equal(price_delete(&world.revenue, "late"), LUCID_OK);
            (void)price_set(&world.revenue, "late", payees[i], "lab", NULL);
            assert_int_equal(price_delete(&world.revenue, "late"), LUCID_OK);
            (void)price_set(&world.revenue, "late", NULL, "lab", NULL);
        }
    }
    assert_int_equal(balance("payee:ann:USDC"), 700);
    assert_int_equal(balance("payee:bob:USDC"), 700);
    assert_int_equal(balance("suspense:compute:late:USDC"), 700);
    reversed(ids[2]);
    assert_int_equal(balance("payee:ann:USDC"), 700);
    assert_int_equal(balance("payee:bob:USDC"), 0);
    reversed(ids[1]);
    assert_int_equal(balance("payee:ann:USDC"), 0);
    assert_int_equal(balance("suspense:compute:late:USDC"), 700);
    reversed(ids[3]);
    assert_int_equal(balance("suspense:compute:late:USDC"), 0);
    struct gas_asset_revenue revenue = revenue_of(&world.revenue, "late");
    assert_int_equal(gas_asset_suspense(&revenue, GAS_COMPUTE), 0);
    assert_int_equal(revenue.reversed_gross, 4000);
    assert_int_equal(balance(WORLD_CLEARING), 0);
    /* A release of nothing is none. */
    uint64_t events = core_events(WORLD_CORE(&world));
    (void)price_set(&world.revenue, "late", "eve", "lab", NULL);
    assert_int_equal(core_events(WORLD_CORE(&world)), events + 1);
    assert_int_equal(balance("payee:eve:USDC"), 0);
}

static void epoch_end(void)
{
    struct ledger_epoch_command command;
    WORLD_CORE(&world)->now_ms += 5000;
    core_leaves_log(WORLD_CORE(&world), 1000 + world.leaves++, 1);
    ledger_epoch_command_init(&command, EPOCH_FINALIZE);
    assert_int_equal(core_run(WORLD_CORE(&world), &command.command), LUCID_OK);
}

static struct gas_settlement_line line_of(uint64_t number, const char *payee)
{
    struct gas_settlement_line line;
    assert_int_equal(ledger_view_begin(WORLD_CORE(&world)->view), LUCID_OK);
    assert_int_equal(gas_settlement_line_read(WORLD_CORE(&world)->view, GAS_USDC, number,
                                              lucid_span_str(payee), &line),
                     LUCID_OK);
    ledger_view_end(WORLD_CORE(&world)->view);
    return line;
}

/* A payee that was told of money which is gone then owes it, and earns it off. */
static void test_reversed_statements(void **state)
{
    (void)state;
    struct x402_payment_command command;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    world_id(&world, 7, id);
    bought(7, 3);
    epoch_end();
    assert_int_equal(line_of(0, "gpu").amount, 700);
    reversed(id);
    assert_int_equal(balance("payee:gpu:USDC"), 0);
    bought(8, 4);
    reversed(id); /* known: once */
    epoch_end();
    struct gas_settlement_line line = line_of(1, "gpu");
    assert_int_equal(line.compute, 700);
    assert_int_equal(line.reversed, 700);
    assert_int_equal(line.amount, 0);
    assert_int_equal(line.carried, 0);
    world_id(&world, 8, id);
    reversed(id);
    epoch_end();
    line = line_of(2, "gpu");
    assert_int_equal(line.amount, 0);
    assert_int_equal(line.carried, 700);
    bought(9, 5);
    bought(10, 6);
    epoch_end();
    line = line_of(3, "gpu");
    assert_int_equal(line.compute, 1400);
    assert_int_equal(line.brought, 700);
    assert_int_equal(line.amount, 700);
    /* Money that is in no split makes no statement. */
    intended(11);
    world_id(&world, 11, id);
    world_end(&command, X402_RECORD_STRAY, id);
    command.payment.transfer = world_transfer(60, 0, 11, 1000);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    reversed(id);
    uint64_t count = 0;
    epoch_end();
    assert_int_equal(ledger_view_begin(WORLD_CORE(&world)->view), LUCID_OK);
    assert_int_equal(gas_settlement_count(WORLD_CORE(&world)->view, GAS_USDC, &count), LUCID_OK);
    ledger_view_end(WORLD_CORE(&world)->view);
    assert_int_equal(count, 4);
}

static void test_final(void **state)
{
    (void)state;
    struct x402_payment_command command;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    world_id(&world, 7, id);
    world_end(&command, X402_FINISH, id);
    refused(&command, LUCID_REFUSE_INVALID, "NOT_FOUND");
    intended(7);
    world_end(&command, X402_FINISH, id);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE");
    world_settle(&world, &command, 7, 3);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(world_count(&world, 0, true), 1);
    world_end(&command, X402_FINISH, id);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_true(command.payment.final);
    assert_int_equal(world_count(&world, 0, true), 0);
    world_end(&command, X402_FINISH, id);
    known(&command);
    /* Deep enough at once. */
    intended(8);
    world_settle(&world, &command, 8, 4);
    command.payment.transfer.final = true;
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_true(command.payment.final);
    assert_int_equal(world_count(&world, 0, true), 0);
    /* Final, and yet it is gone: then it is looked for. */
    reversed(id);
    assert_int_equal(world_count(&world, 0, true), 1);
}

/* --- strays ----------------------------------------------------------------------------------- */

static void test_stray(void **state)
{
    (void)state;
    struct x402_payment_command command;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    world_id(&world, 7, id);
    world_end(&command, X402_RECORD_STRAY, id);
    refused(&command, LUCID_REFUSE_INVALID, "NOT_FOUND");
    intended(7);
    world_end(&command, X402_RECORD_STRAY, id);
    command.payment.transfer = world_transfer(60, 0, 7, 1000);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(command.payment.status, X402_STRAY);
    assert_true(command.payment.foreign && !command.payment.served);
    assert_int_equal(balance(WORLD_CLEARING), -1000);
    assert_int_equal(balance("suspense:payment:proof:USDC"), 1000);
    assert_int_equal(balance("payee:gpu:USDC"), 0);
    assert_int_equal(revenue_of(&world.revenue, "proof").payments, 0);
    assert_int_equal(world_keys(&world), 2);
    assert_int_equal(world_count(&world, X402_STRAY, false), 1);
    world_end(&command, X402_RECORD_STRAY, id);
    command.payment.transfer = world_transfer(60, 0, 7, 1000);
    known(&command);
    /* It admits nothing. */
    world_settle(&world, &command, 7, 3);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    world_end(&command, X402_SERVE, id);
    command.payment.request = world_request(1, 1);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    reversed(id);
    assert_int_equal(balance("suspense:payment:proof:USDC"), 0);
    assert_int_equal(balance(WORLD_CLEARING), 0);
    assert_int_equal(revenue_of(&world.revenue, "proof").reversals, 0);
    bought(8, 4);
    world_id(&world, 8, id);
    world_end(&command, X402_RECORD_STRAY, id);
    command.payment.transfer = world_transfer(61, 0, 8, 1000);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE");
}

/* A split without room must not lose the money, nor what it paid for. */
static void test_no_room(void **state)
{
    (void)state;
    struct x402_payment_command command;
    enum lucid_error paid;
    const struct x402_request_kept request = world_request(1, 1);
    const uint64_t most = GAS_AMOUNT_MAX;
    (void)price_set(&world.revenue, "full", "gpu", "lab", NULL);
    /* The protocol's account is full; the clearing account of another facilitator is not. */
    struct gas_payment_command external;
    assert_int_equal(pay_through(&world.revenue, "full", most, NULL, &external), LUCID_OK);
    world_show(&world, &command, 5, 2, 1000, "full", &request);
    assert_int_equal(world_buy(&world, &command, true, &paid), LUCID_OK);
    assert_int_equal(paid, LUCID_OK);
    assert_int_equal(command.payment.status, X402_STRAY);
    assert_true(command.payment.served && !command.payment.foreign);
    assert_int_equal(balance("suspense:payment:full:USDC"), 1000);
    world_show(&world, &command, 5, 2, 1000, "full", &request);
    command.reads = true;
    known(&command);
    /* Unserved, then served. */
    world_show(&world, &command, 6, 2, 1000, "full", &request);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_false(command.payment.served);
    uint8_t id[X402_PAYMENT_ID_BYTES];
    memcpy(id, command.payment.id, sizeof(id));
    world_end(&command, X402_SERVE, id);
    command.payment.request = world_request(1, 2);
    assert_int_equal(world_buy(&world, &command, true, &paid), LUCID_OK);
    assert_true(command.payment.served);
    assert_int_equal(command.payment.status, X402_STRAY);
    /* An intent is refused before the money moves. */
    world_intend(&world, &command, 7, "full", &request);
    refused(&command, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW");
    /* No room anywhere: refused, and said. */
    lucid_log_set_level(LUCID_LOG_ERROR);
    world_show(&world, &command, 8, 2, most, "full", &request);
    refused(&command, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW");
    world_show(&world, &command, 8, 2, most + 1, "full", &request);
    refused(&command, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW");
    world_show(&world, &command, 8, 2, 0, "full", &request);
    refused(&command, LUCID_REFUSE_TOO_LARGE, "AMOUNT_OVERFLOW");
    world_show(&world, &command, 8, (uint64_t)1 << 53, 1000, "full", &request);
    refused(&command, LUCID_REFUSE_INVALID, "INVALID_PAYMENT");
    world_show(&world, &command, 8, 2, 1000, "full", &request);
    command.payment.request.method[0] = '\0';
    refused(&command, LUCID_REFUSE_INVALID, "INVALID_PAYMENT");
}

/* --- recorded payments ------------------------------------------------------------------------ */

static enum lucid_error recorded(const char *network, const char *transaction)
{
    static unsigned number;
    char external_id[32];
    struct gas_payment_command command;
    (void)snprintf(external_id, sizeof(external_id), "ext-%u", number++);
    const struct gas_payment_request request = {
        .asset = lucid_span_str("proof"),
        .unit = GAS_USDC,
        .amount = 10,
        .external_id = lucid_span_str(external_id),
        .network = text_span(network),
        .transaction = text_span(transaction),
    };
    assert_int_equal(gas_payment_prepare(&command, &request, NULL), LUCID_OK);
    enum lucid_error error = core_run(WORLD_CORE(&world), &command.command);
    if (error != LUCID_OK) {
        assert_string_equal(command.command.why.code, "PAYMENT_ALREADY_SPENT");
        assert_string_equal(command.command.why.param, "transaction");
    }
    return error;
}

static const char *transaction_text(uint64_t number, const char *rest)
{
    static char text[GAS_TRANSACTION_BYTES_MAX + 1];
    const struct evm_hash hash = world_hash(0xaa, number);
    evm_hash_text(&hash, text);
    (void)snprintf(text + EVM_HASH_TEXT_BYTES, sizeof(text) - EVM_HASH_TEXT_BYTES, "%s", rest);
    return text;
}

static void test_recorded(void **state)
{
    (void)state;
    struct x402_payment_command command;
    struct x402_payment payment;
    const struct x402_request_kept request = world_request(1, 1);
    /* A recorded transfer is spent for the gate. */
    assert_int_equal(recorded(NETWORK, transaction_text(1, "/2")), LUCID_OK);
    world_show(&world, &command, 1, 2, 1000, "proof", &request);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    assert_int_equal(recorded(NETWORK, transaction_text(1, "/2")), LUCID_REFUSE_CONFLICT);
    assert_int_equal(recorded(NETWORK, transaction_text(1, "")), LUCID_REFUSE_CONFLICT);
    assert_int_equal(recorded(NETWORK, transaction_text(1, "/3")), LUCID_OK);
    /* A whole transaction. */
    char upper[GAS_TRANSACTION_BYTES_MAX + 1];
    memcpy(upper, transaction_text(2, ""), EVM_HASH_TEXT_BYTES + 1);
    for (size_t i = 2; upper[i] != '\0'; i++) {
        upper[i] = (char)(upper[i] == 'a' ? 'A' : upper[i]);
    }
    assert_int_equal(recorded(NETWORK, upper), LUCID_OK);
    for (uint64_t i = 0; i < 3; i++) {
        world_show(&world, &command, 2, i, 1000, "proof", &request);
        refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    }
    assert_int_equal(recorded(NETWORK, transaction_text(2, "/9")), LUCID_REFUSE_CONFLICT);
    char key[X402_SPENT_KEY_BYTES_MAX + 1];
    (void)snprintf(key, sizeof(key), "%s/%s", NETWORK, transaction_text(2, "/77"));
    assert_int_equal(world_find(&world, key, &payment), LUCID_OK);
    assert_int_equal(payment.sequence, 0);
    assert_true(payment.settled_sequence > 0);
    /* What the gate has settled cannot be recorded, by its log or as a whole. */
    bought(7, 3);
    assert_int_equal(recorded(NETWORK, transaction_text(3, "/1")), LUCID_REFUSE_CONFLICT);
    assert_int_equal(recorded(NETWORK, transaction_text(3, "")), LUCID_REFUSE_CONFLICT);
    assert_int_equal(recorded(NETWORK, transaction_text(3, "/10")), LUCID_OK);
    assert_int_equal(recorded("eip155:1", transaction_text(3, "")), LUCID_OK);
    /* Texts that name no transfer occupy nothing. */
    size_t keys = world_keys(&world);
    static const char *const others[] = {"/", "/x", "/01", "/18446744073709551616", "/1/", " "};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        for (unsigned twice = 0; twice < 2; twice++) {
            assert_int_equal(recorded(NETWORK, transaction_text(4, others[i])), LUCID_OK);
        }
    }
    assert_int_equal(recorded(NULL, transaction_text(4, "")), LUCID_OK);
    assert_int_equal(recorded("eip155:08453", transaction_text(4, "")), LUCID_OK);
    assert_int_equal(recorded("eip155:", transaction_text(4, "")), LUCID_OK);
    assert_int_equal(recorded(NETWORK, "wire 4711"), LUCID_OK);
    assert_int_equal(recorded("solana:mainnet", "5VERv8NMvzbJMEkV8xnrLkEaWRt"), LUCID_OK);
    assert_int_equal(world_keys(&world), keys);
    static const char solana[] = "5VERv8NMvzbJMEkV8xnrLkEaWRtSz9CosKDYjCJjBRnbJLgp8uirBgmQpjKhoR4t"
                                 "jF3ZpRzrFmBV6UjKdiSZkQUW";
    assert_int_equal(recorded("solana:mainnet", solana), LUCID_OK);
    assert_int_equal(recorded("solana:mainnet", solana), LUCID_REFUSE_CONFLICT);
    assert_int_equal(world_keys(&world), keys + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reversed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reversed_transfer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reversed_release, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reversed_statements, setup, teardown),
        cmocka_unit_test_setup_teardown(test_final, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stray, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recorded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

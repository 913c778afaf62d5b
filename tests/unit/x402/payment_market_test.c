/* The payment kind's payments that others settle: on Solana, with what a facilitator is sent, with
 * identifiers; and that nothing of it shows in events of those that use none of it. */
#include "tests/unit/x402/payment_case.h"

static const char identifier[] = "pay_0123456789abcdef-ABC";

static void solana_intend(struct x402_payment_command *command, uint8_t number)
{
    const struct x402_request_kept request = world_request(1, 1);
    world_intend_solana(&world, command, number, "proof", &request);
    command->forward = lucid_span_str("{\"paymentPayload\":{\"a\":\"\\n\\\"\"},\"x402Version\":2}");
}

static void solana_settle(struct x402_payment_command *command, uint8_t number, uint8_t signature)
{
    x402_payment_prepare(command, X402_SETTLE);
    world_solana_id(number, command->payment.id);
    struct x402_transfer *transfer = &command->payment.transfer;
    memset(transfer->signature, signature, sizeof(transfer->signature));
    transfer->final = true;
    transfer->amount = 7; /* what the payer signed counts, whatever somebody says */
}

/* The payload of the newest event of a type. */
static const char *payload_of(const char *type)
{
    static char text[16384];
    struct store_event event;
    struct ledger_view *view = WORLD_CORE(&world)->view;
    uint64_t at = core_events(WORLD_CORE(&world));
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    for (; at > 0; at--) {
        assert_int_equal(ledger_view_event(view, at, &event), LUCID_OK);
        if (lucid_span_is(event.type, type)) {
            break;
        }
    }
    assert_true(lucid_span_is(event.type, type) && event.payload.len < sizeof(text));
    memcpy(text, event.payload.data, event.payload.len);
    text[event.payload.len] = '\0';
    ledger_view_end(view);
    return text;
}

static void test_solana(void **state)
{
    (void)state;
    struct x402_payment_command command;
    struct x402_payment payment;
    struct x402_spent_key key;
    char text[X402_PARTY_BYTES_MAX + 1];
    enum lucid_error paid;
    solana_intend(&command, 7);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(command.payment.scheme, X402_SCHEME_SOLANA);
    assert_true(command.payment.has_forward);
    assert_null(strstr(payload_of("payment.intent"), "authorization"));
    assert_null(strstr(payload_of("payment.intent"), "0x"));
    assert_non_null(strstr(payload_of("payment.intent"), "\"scheme\":\"solana\""));
    assert_non_null(strstr(payload_of("payment.intent"),
                           "\"key\":\"" WORLD_SOLANA
                           "/0707070707070707070707070707070707070707070707070707070707070707\""));
    solana_settle(&command, 7, 9);
    assert_int_equal(world_buy(&world, &command, true, &paid), LUCID_OK);
    payment = payment_at(command.payment.id);
    assert_memory_equal(&payment, &command.payment, sizeof(payment));
    assert_int_equal(payment.status, X402_SETTLED);
    assert_true(payment.served && payment.final && payment.bound);
    assert_int_equal(payment.amount, WORLD_PRICE);
    assert_int_equal(payment.transfer.amount, WORLD_PRICE);
    assert_int_equal(payment.solana.fee_payer[5], 0x51);
    assert_int_equal(payment.solana.amount, WORLD_PRICE);
    assert_int_equal(payment.transfer.signature[63], 9);
    x402_payment_payer_text(&payment, text);
    assert_string_equal(text, "12Foj5gvCtm2whej47ujSoAooDvJLJwtwLMzWBEXAMEh");
    /* It is final at once, its money is the facilitator's to clear, and both keys lead to it. */
    assert_int_equal(world_count(&world, 0, true), 0);
    assert_int_equal(world_keys(&world), 2);
    assert_int_equal(balance("clearing:payai:USDC"), -1000);
    assert_int_equal(balance(WORLD_CLEARING), 0);
    assert_int_equal(balance("payee:gpu:USDC"), 700);
    assert_non_null(strstr(payload_of("payment.settled"), "\"transfer\":{\"final\":true,"));
    struct gas_payment share;
    assert_int_equal(ledger_view_begin(WORLD_CORE(&world)->view), LUCID_OK);
    assert_int_equal(gas_payment_read(WORLD_CORE(&world)->view, payment.settled_sequence, &share),
                     LUCID_OK);
    ledger_view_end(WORLD_CORE(&world)->view);
    (void)snprintf(key.text, sizeof(key.text), WORLD_SOLANA "/%s", share.transaction);
    assert_string_equal(
        share.transaction,
        "BUguQsv2ZuHus54HAFzjdJHzZBkygAjKhEeYwSG19tUfUyvvz3worsdQCdAXDNjakJHioSiyxhFiDJrm8XpSXRA");
    assert_int_equal(world_find(&world, key.text, &payment), LUCID_OK);
    assert_memory_equal(payment.id, command.payment.id, X402_PAYMENT_ID_BYTES);
    assert_string_equal(share.facilitator, "payai");
    x402_payment_payer_text(&payment, text);
    assert_string_equal(share.payer, text);
    /* Nobody else settles there, and nothing is taken back. */
    world_end(&command, X402_REVERSE, payment.id);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE");
    world_end(&command, X402_RECORD_STRAY, payment.id);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE");
}

/* One signature pays once, and not what was recorded by hand. */
static void test_solana_keys(void **state)
{
    (void)state;
    struct x402_payment_command command;
    struct gas_payment_command by_hand;
    struct lucid_buf text = {0};
    uint8_t signature[X402_SOLANA_SIGNATURE_BYTES];
    uint8_t id[X402_PAYMENT_ID_BYTES];
    for (uint8_t number = 7; number <= 8; number++) {
        solana_intend(&command, number);
        assert_int_equal(world_run(&world, &command), LUCID_OK);
    }
    solana_intend(&command, 7);
    refused(&command, LUCID_RETRY_BUSY, "PAYMENT_PENDING");
    solana_settle(&command, 7, 9);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    solana_settle(&command, 8, 9);
    refused(&command, LUCID_RETRY_BUSY, "PAYMENT_PENDING"); /* somebody lies: it stays open */
    solana_intend(&command, 7);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    for (uint8_t number = 9; number <= 10; number++) {
        memset(signature, number, sizeof(signature));
        lucid_buf_clear(&text);
        x402_base58_write(&text, signature, sizeof(signature));
        const struct gas_payment_request request = {.asset = lucid_span_str("proof"),
                                                    .unit = GAS_USDC,
                                                    .amount = 13,
                                                    .external_id = lucid_span(&number, 1),
                                                    .network = lucid_span_str(WORLD_SOLANA),
                                                    .transaction = lucid_buf_span(&text)};
        char external_id[2] = {(char)('a' + number), '\0'};
        struct gas_payment_request asked = request;
        asked.external_id = lucid_span_str(external_id);
        assert_int_equal(gas_payment_prepare(&by_hand, &asked, NULL), LUCID_OK);
        assert_int_equal(core_run(WORLD_CORE(&world), &by_hand.command),
                         number == 9 ? LUCID_REFUSE_CONFLICT : LUCID_OK);
    }
    lucid_buf_fini(&text);
    solana_settle(&command, 8, 10);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    world_solana_id(8, id);
    world_end(&command, X402_FAIL, id);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    solana_intend(&command, 8);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
}

/* --- what a facilitator is sent --------------------------------------------------------------- */

static enum lucid_error forward_at(const uint8_t id[X402_PAYMENT_ID_BYTES], struct lucid_buf *out)
{
    struct ledger_view *view = WORLD_CORE(&world)->view;
    struct x402_payment payment = payment_at(id);
    lucid_buf_clear(out);
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    enum lucid_error error = x402_payment_forward(view, &payment, out);
    ledger_view_end(view);
    return error;
}

static void test_forward(void **state)
{
    (void)state;
    static char large[X402_FORWARD_BYTES_MAX + 2];
    uint8_t id[X402_PAYMENT_ID_BYTES];
    struct x402_payment_command command;
    struct lucid_buf out = {0};
    const struct x402_request_kept request = world_request(1, 1);
    const char *bad[] = {"[]", "{\"a\":1", "{\"a\":\"\xff\"}", ""};
    intended(7);
    world_id(&world, 7, id);
    assert_int_equal(forward_at(id, &out), LUCID_NOTE_ABSENT);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        world_intend(&world, &command, 8, "proof", &request);
        command.forward = lucid_span_str(bad[i]);
        refused(&command, LUCID_REFUSE_INVALID, "INVALID_PAYMENT");
    }
    /* The largest one, of nothing but what a string must escape; and one byte more. */
    memset(large, '\\', sizeof(large));
    memcpy(large, "{\"a\":\"", 6);
    memcpy(large + X402_FORWARD_BYTES_MAX - 2, "\"}", 3);
    world_intend(&world, &command, 8, "proof", &request);
    memset(command.payment.request.resource, '"', X402_RESOURCE_BYTES_MAX);
    command.payment.request.resource[X402_RESOURCE_BYTES_MAX] = '\0';
    command.forward = lucid_span_str(large);
    memcpy(command.payment.identifier, identifier, sizeof(identifier));
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(forward_at(command.payment.id, &out), LUCID_OK);
    assert_int_equal(out.len, X402_FORWARD_BYTES_MAX);
    assert_memory_equal(out.data, large, out.len);
    memcpy(large + X402_FORWARD_BYTES_MAX - 2, "\\\"}", 4);
    large[X402_FORWARD_BYTES_MAX - 3] = ' ';
    world_intend(&world, &command, 9, "proof", &request);
    command.forward = lucid_span(large, X402_FORWARD_BYTES_MAX + 1);
    refused(&command, LUCID_REFUSE_INVALID, "INVALID_PAYMENT");
    /* A failed intent's is not the next one's. */
    world_id(&world, 8, id);
    world_end(&command, X402_FAIL, id);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    world_intend(&world, &command, 8, "proof", &request);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(forward_at(command.payment.id, &out), LUCID_NOTE_ABSENT);
    lucid_buf_fini(&out);
}

/* --- identifiers ------------------------------------------------------------------------------ */

static void identified_intend(struct x402_payment_command *command, uint64_t number)
{
    const struct x402_request_kept request = world_request(1, 1);
    world_intend(&world, command, number, "proof", &request);
    memcpy(command->payment.identifier, identifier, sizeof(identifier));
}

static enum lucid_error identified(struct x402_payment *ret)
{
    struct ledger_view *view = WORLD_CORE(&world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    enum lucid_error error = x402_payment_identified(view, lucid_span_str(identifier), ret);
    ledger_view_end(view);
    return error;
}

static void test_identifier(void **state)
{
    (void)state;
    struct x402_payment_command command;
    struct x402_payment payment;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    assert_int_equal(identified(&payment), LUCID_NOTE_ABSENT);
    identified_intend(&command, 7);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    memcpy(id, command.payment.id, sizeof(id));
    assert_int_equal(identified(&payment), LUCID_OK);
    assert_memory_equal(payment.id, id, sizeof(id));
    assert_string_equal(payment.identifier, identifier);
    identified_intend(&command, 8);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_IDENTIFIER_CONFLICT");
    const struct x402_request_kept request = world_request(1, 1);
    world_show(&world, &command, 9, 0, WORLD_PRICE, "proof", &request);
    memcpy(command.payment.identifier, identifier, sizeof(identifier));
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_IDENTIFIER_CONFLICT");
    /* A failed one gives it back; whoever comes next has it, also when the first comes again. */
    world_end(&command, X402_FAIL, id);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(identified(&payment), LUCID_NOTE_ABSENT);
    world_show(&world, &command, 9, 0, WORLD_PRICE, "proof", &request);
    memcpy(command.payment.identifier, identifier, sizeof(identifier));
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(identified(&payment), LUCID_OK);
    assert_int_equal(payment.scheme, X402_SCHEME_TRANSFER);
    assert_non_null(strstr(payload_of("payment.settled"), "\"identifier\":\"pay_0123"));
    identified_intend(&command, 7);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_IDENTIFIER_CONFLICT");
    /* Money that has moved is recorded all the same, and the identifier stays where it is. */
    world_settle(&world, &command, 7, 3);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(identified(&payment), LUCID_OK);
    assert_int_equal(payment.scheme, X402_SCHEME_TRANSFER);
    /* It is the payment's through a reorganisation. */
    reversed(payment.id);
    assert_int_equal(identified(&payment), LUCID_OK);
    identified_intend(&command, 10);
    refused(&command, LUCID_REFUSE_CONFLICT, "PAYMENT_IDENTIFIER_CONFLICT");
}

static void test_identifier_forms(void **state)
{
    (void)state;
    char text[X402_IDENTIFIER_BYTES_MAX + 2];
    memset(text, 'a', sizeof(text));
    for (size_t len = 0; len < sizeof(text); len++) {
        assert_int_equal(x402_identifier_ok(lucid_span(text, len)),
                         len >= X402_IDENTIFIER_BYTES_MIN && len <= X402_IDENTIFIER_BYTES_MAX);
    }
    for (int c = 0; c < 256; c++) {
        text[3] = (char)c;
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-';
        assert_int_equal(x402_identifier_ok(lucid_span(text, 20)), good);
    }
}

/* --- as before -------------------------------------------------------------------------------- */

static const char *digest_of(const char *text)
{
    static char hex[2 * LUCID_SHA256_BYTES + 1];
    uint8_t digest[LUCID_SHA256_BYTES];
    lucid_sha256(lucid_span_str(text), digest);
    lucid_hex_encode(digest, sizeof(digest), hex);
    return hex;
}

/* Who uses none of it has the bytes of before: digests as of the commit before. */
static void test_old_bytes(void **state)
{
    (void)state;
    bought(7, 3);
    const char *payload = payload_of("payment.intent");
    assert_string_equal(digest_of(payload),
                        "f51fdd4dba268bfc7b2f44b2f1a9e9b8d047137d30c83c7ba60cd1e098bc772f");
    payload = payload_of("payment.settled");
    assert_string_equal(digest_of(payload),
                        "d2a6a1da011c18a513e6f030398b4ab8ba7c55417947274305151a88941ae70b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_solana, setup, teardown),
        cmocka_unit_test_setup_teardown(test_solana_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forward, setup, teardown),
        cmocka_unit_test_setup_teardown(test_identifier, setup, teardown),
        cmocka_unit_test(test_identifier_forms),
        cmocka_unit_test_setup_teardown(test_old_bytes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

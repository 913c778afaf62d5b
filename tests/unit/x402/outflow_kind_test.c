/* The outflow kind: refunds in parts and from wherever their legs are, orders and their ends,
 * payouts with the transfer that made them, each refusal without a trace, and what other kinds may
 * not do meanwhile. */
#include "x402/outflow.h"

#include "tests/unit/x402/payment_case.h"

static int outflow_setup(void **state)
{
    (void)state;
    payment_world_init(&world);
    core_world_use(WORLD_CORE(&world), &x402_outflow_kind, NULL);
    core_world_start(WORLD_CORE(&world));
    (void)price_set(&world.revenue, "proof", "gpu", "lab", NULL);
    return 0;
}

/* A payment of the gate of that number, final unless said otherwise. */
static void paid(uint64_t number, bool final, uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    struct x402_payment_command command;
    intended(number);
    world_settle(&world, &command, number, 100 + number);
    command.payment.transfer.final = final;
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    memcpy(ret, command.payment.id, X402_PAYMENT_ID_BYTES);
}

/* A refund of a payment of `paid`. */
static void refund(struct x402_outflow_command *command, enum x402_outflow_verb verb,
                   uint64_t number, const char *external_id, uint64_t amount)
{
    x402_outflow_prepare(command, verb);
    struct x402_outflow *outflow = &command->outflow;
    outflow->refund = true;
    world_id(&world, number, outflow->payment);
    (void)snprintf(outflow->external_id, sizeof(outflow->external_id), "%s", external_id);
    memcpy(outflow->network, world.network.caip2, sizeof(outflow->network));
    outflow->token = world.network.token;
    outflow->from = world_address(0x22, 0);
    outflow->to = world_address(0x11, number);
    outflow->amount = amount;
    outflow->nonce = amount;
    outflow->from_block = 7;
}

/* The transfer that it is: of a transaction of that number. */
static void moved(struct x402_outflow_command *command, uint64_t transaction)
{
    struct x402_outflow *outflow = &command->outflow;
    outflow->transfer = world_transfer(1000 + transaction, 0, 0, outflow->amount);
    outflow->transfer.payer = outflow->from;
    outflow->transfer.final = true;
}

static enum lucid_error run(struct x402_outflow_command *command)
{
    return core_run(WORLD_CORE(&world), &command->command);
}

/* Refused so, by a command and all its parts, and nothing was changed. */
static void refuses(struct ledger_command *command, const struct ledger_command *blamed,
                    enum lucid_error error, const char *code)
{
    uint8_t before[LUCID_SHA256_BYTES];
    uint8_t after[LUCID_SHA256_BYTES];
    world_digest(&world, before);
    (void)core_run(WORLD_CORE(&world), command);
    assert_int_equal(blamed->error, error);
    assert_string_equal(blamed->why.code, code);
    world_digest(&world, after);
    assert_memory_equal(before, after, sizeof(before));
}

static void refund_refuses(struct x402_outflow_command *command, enum lucid_error error,
                           const char *code)
{
    refuses(&command->command, &command->command, error, code);
}

static void outflow_known(struct x402_outflow_command *command)
{
    uint64_t events = core_events(WORLD_CORE(&world));
    assert_int_equal(run(command), LUCID_OK);
    assert_true(command->ret_known);
    assert_int_equal(core_events(WORLD_CORE(&world)), events);
}

static struct x402_refunded sums(uint64_t number)
{
    struct x402_refunded refunded;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    world_id(&world, number, id);
    assert_int_equal(ledger_view_begin(WORLD_CORE(&world)->view), LUCID_OK);
    assert_int_equal(x402_refunded_read(WORLD_CORE(&world)->view, id, &refunded), LUCID_OK);
    ledger_view_end(WORLD_CORE(&world)->view);
    return refunded;
}

static size_t listed(enum x402_outflow_state state)
{
    struct x402_outflow outflow = {.first_sequence = 0};
    size_t count = 0;
    assert_int_equal(ledger_view_begin(WORLD_CORE(&world)->view), LUCID_OK);
    while (x402_outflow_next(WORLD_CORE(&world)->view, outflow.first_sequence, state, &outflow) ==
           LUCID_OK) {
        assert_true(state == 0 || outflow.state == state);
        count++;
    }
    ledger_view_end(WORLD_CORE(&world)->view);
    return count;
}

/* --- refunds ---------------------------------------------------------------------------------- */

static void test_parts(void **state)
{
    (void)state;
    struct x402_outflow_command command;
    struct x402_outflow found;
    struct x402_spent_key key;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    paid(1, true, id);
    refund(&command, X402_OUTFLOW_RECORD, 1, "a", 10);
    moved(&command, 1);
    assert_int_equal(run(&command), LUCID_OK);
    assert_false(command.ret_known);
    assert_int_equal(command.outflow.state, X402_OUTFLOW_RECORDED);
    assert_int_equal(command.outflow.legs[GAS_COMPUTE], 7);
    assert_int_equal(command.outflow.legs[GAS_MODEL], 2);
    assert_int_equal(command.outflow.legs[GAS_PROTOCOL], 1);
    assert_int_equal(payment_at(id).refunded, 10);
    moved(&command, 1);
    outflow_known(&command);
    /* Found by its transfer, and by its purpose. */
    x402_key_transfer(&world.network, &command.outflow.transfer.transaction, 0, &key);
    assert_int_equal(ledger_view_begin(WORLD_CORE(&world)->view), LUCID_OK);
    assert_int_equal(x402_outflow_find(WORLD_CORE(&world)->view, lucid_span_str(key.text), &found),
                     LUCID_OK);
    assert_memory_equal(&found, &command.outflow, sizeof(found));
    assert_int_equal(x402_outflow_read(WORLD_CORE(&world)->view,
                                       lucid_span_str(command.outflow.purpose), &found),
                     LUCID_OK);
    assert_memory_equal(&found, &command.outflow, sizeof(found));
    assert_int_equal(x402_refund_next(WORLD_CORE(&world)->view, id, 0, &found), LUCID_OK);
    assert_int_equal(x402_refund_next(WORLD_CORE(&world)->view, id, found.first_sequence, &found),
                     LUCID_NOTE_ABSENT);
    ledger_view_end(WORLD_CORE(&world)->view);
    refund(&command, X402_OUTFLOW_RECORD, 1, "b", WORLD_PRICE - 9);
    moved(&command, 2);
    refund_refuses(&command, LUCID_REFUSE_CONFLICT, "REFUND_EXCEEDS");
    refund(&command, X402_OUTFLOW_RECORD, 1, "b", WORLD_PRICE - 10);
    moved(&command, 2);
    assert_int_equal(run(&command), LUCID_OK);
    assert_int_equal(balance(WORLD_CLEARING), 0);
    assert_int_equal(balance("payee:gpu:USDC"), 0);
    assert_int_equal(balance("payee:lab:USDC"), 0);
    assert_int_equal(balance("revenue:protocol:USDC"), 0);
    assert_int_equal(sums(1).amount, WORLD_PRICE);
    struct gas_asset_revenue revenue = revenue_of(&world.revenue, "proof");
    assert_int_equal(revenue.refunds, 2);
    assert_int_equal(revenue.refunded_gross, WORLD_PRICE);
    assert_int_equal(revenue.refunded[GAS_COMPUTE], 700);
}

/* A leg is taken back from where it is: out of suspense, and once released from who got it. */
static void test_suspense(void **state)
{
    (void)state;
    struct x402_outflow_command command;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    (void)price_set(&world.revenue, "proof", NULL, "lab", NULL);
    struct x402_payment_command settle;
    const struct x402_request_kept request = world_request(1, 1);
    world_intend(&world, &settle, 1, "proof", &request);
    settle.payment.version = 2;
    assert_int_equal(world_run(&world, &settle), LUCID_OK);
    world_settle(&world, &settle, 1, 101);
    settle.payment.transfer.final = true;
    assert_int_equal(world_run(&world, &settle), LUCID_OK);
    memcpy(id, settle.payment.id, sizeof(id));
    assert_int_equal(balance("suspense:compute:proof:USDC"), 700);
    refund(&command, X402_OUTFLOW_RECORD, 1, "a", 100);
    moved(&command, 1);
    assert_int_equal(run(&command), LUCID_OK);
    assert_int_equal(balance("suspense:compute:proof:USDC"), 630);
    (void)price_set(&world.revenue, "proof", "gpu", "lab", NULL);
    assert_int_equal(balance("suspense:compute:proof:USDC"), 0);
    assert_int_equal(balance("payee:gpu:USDC"), 630);
    refund(&command, X402_OUTFLOW_RECORD, 1, "b", 900);
    moved(&command, 2);
    assert_int_equal(run(&command), LUCID_OK);
    assert_int_equal(balance("payee:gpu:USDC"), 0);
    assert_int_equal(payment_at(id).refunded, WORLD_PRICE);
}

static void test_stray(void **state)
{
    (void)state;
    struct x402_outflow_command command;
    struct x402_payment_command stray;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    intended(1);
    world_settle(&world, &stray, 1, 101);
    struct x402_transfer transfer = stray.payment.transfer;
    transfer.final = true;
    world_id(&world, 1, id);
    world_end(&stray, X402_RECORD_STRAY, id);
    stray.payment.transfer = transfer;
    assert_int_equal(world_run(&world, &stray), LUCID_OK);
    assert_int_equal(balance("suspense:payment:proof:USDC"), 1000);
    refund(&command, X402_OUTFLOW_RECORD, 1, "a", 1);
    moved(&command, 1);
    assert_int_equal(run(&command), LUCID_OK);
    assert_int_equal(command.outflow.legs[GAS_COMPUTE], 0);
    refund(&command, X402_OUTFLOW_RECORD, 1, "b", 999);
    moved(&command, 2);
    assert_int_equal(run(&command), LUCID_OK);
    assert_int_equal(balance("suspense:payment:proof:USDC"), 0);
    assert_int_equal(balance(WORLD_CLEARING), 0);
    assert_int_equal(revenue_of(&world.revenue, "proof").refunds, 0);
}

static void test_refusals(void **state)
{
    (void)state;
    struct x402_outflow_command command;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    intended(2);
    paid(3, false, id);
    paid(1, true, id);
    static const struct {
        const char *code;
        enum lucid_error error;
    } want[] = {
        {"NOT_FOUND", LUCID_REFUSE_INVALID},       {"PAYMENT_STATE", LUCID_REFUSE_CONFLICT},
        {"PAYMENT_STATE", LUCID_REFUSE_CONFLICT},  {"INVALID_REFUND", LUCID_REFUSE_INVALID},
        {"INVALID_REFUND", LUCID_REFUSE_INVALID},  {"INVALID_REFUND", LUCID_REFUSE_INVALID},
        {"INVALID_REFUND", LUCID_REFUSE_INVALID},  {"INVALID_REFUND", LUCID_REFUSE_INVALID},
        {"INVALID_REFUND", LUCID_REFUSE_INVALID},  {"INVALID_REFUND", LUCID_REFUSE_INVALID},
        {"REFUND_EXCEEDS", LUCID_REFUSE_CONFLICT}, {"TRANSFER_SPENT", LUCID_REFUSE_CONFLICT},
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        static const uint64_t numbers[] = {9, 2, 3};
        refund(&command, X402_OUTFLOW_RECORD, i < 3 ? numbers[i] : 1, "a",
               i == 10  ? WORLD_PRICE + 1
               : i == 9 ? 0
                        : 10);
        struct x402_outflow *outflow = &command.outflow;
        outflow->to = i == 3 ? world_address(0x11, 8) : outflow->to;
        outflow->token.bytes[0] ^= i == 4 ? 1 : 0;
        outflow->network[7] = i == 5 ? '9' : outflow->network[7];
        outflow->external_id[0] = i == 6 ? ' ' : outflow->external_id[0];
        outflow->note[0] = i == 7 ? '\n' : '\0';
        moved(&command, 1);
        outflow->transfer.amount += i == 8 ? 1 : 0;
        if (i == 11) { /* the payment's own transfer */
            outflow->transfer.transaction = world_hash(0xaa, 101);
            outflow->transfer.log_index = 1;
        }
        refund_refuses(&command, want[i].error, want[i].code);
    }
    refund(&command, X402_OUTFLOW_RECORD, 1, "a", 10);
    moved(&command, 1);
    assert_int_equal(run(&command), LUCID_OK);
    /* Its name and its transfer are used. */
    refund(&command, X402_OUTFLOW_RECORD, 1, "b", 10);
    moved(&command, 1);
    refund_refuses(&command, LUCID_REFUSE_CONFLICT, "TRANSFER_SPENT");
    refund(&command, X402_OUTFLOW_RECORD, 1, "a", 10);
    moved(&command, 2);
    refund_refuses(&command, LUCID_REFUSE_CONFLICT, "IDEMPOTENCY_CONFLICT");
    /* It is no payment, and the payment it was of stays. */
    struct x402_payment_command shown;
    const struct x402_request_kept request = world_request(1, 1);
    world_show(&world, &shown, 1001, 0, 1000, "proof", &request);
    shown.payment.transfer.transaction = world_hash(0xaa, 1001);
    refuses(&shown.command, &shown.command, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    world_end(&shown, X402_REVERSE, id);
    refuses(&shown.command, &shown.command, LUCID_REFUSE_CONFLICT, "PAYMENT_STATE");
    /* It was never served; now it never is. */
    x402_payment_prepare(&shown, X402_SERVE);
    memcpy(shown.payment.id, id, sizeof(id));
    shown.payment.request = world_request(1, 2);
    refused(&shown, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
}

/* --- orders ----------------------------------------------------------------------------------- */

/* What may be an order's transfer is nobody else's while the order is open. */
static void test_twin(void **state)
{
    (void)state;
    struct x402_outflow_command command;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    paid(1, true, id);
    paid(2, true, id);
    refund(&command, X402_OUTFLOW_ORDER, 1, "a", 600);
    assert_int_equal(run(&command), LUCID_OK);
    refund(&command, X402_OUTFLOW_RECORD, 1, "b", 400);
    moved(&command, 1);
    command.outflow.amount = command.outflow.transfer.amount = 600;
    refund_refuses(&command, LUCID_REFUSE_CONFLICT, "OUTFLOW_STATE");
    refund(&command, X402_OUTFLOW_RECORD, 1, "b", 400);
    moved(&command, 1);
    assert_int_equal(run(&command), LUCID_OK);
    refund(&command, X402_OUTFLOW_RECORD, 2, "b", 600);
    moved(&command, 2);
    assert_int_equal(run(&command), LUCID_OK);
}

static void test_orders(void **state)
{
    (void)state;
    struct x402_outflow_command command;
    struct x402_payment_command serve;
    char purpose[X402_PURPOSE_BYTES_MAX + 1];
    uint8_t id[X402_PAYMENT_ID_BYTES];
    paid(1, true, id);
    refund(&command, X402_OUTFLOW_ORDER, 1, "a", 600);
    assert_int_equal(run(&command), LUCID_OK);
    assert_int_equal(command.outflow.state, X402_OUTFLOW_ORDERED);
    memcpy(purpose, command.outflow.purpose, sizeof(purpose));
    outflow_known(&command);
    assert_int_equal(sums(1).ordered, 600);
    assert_int_equal(balance(WORLD_CLEARING), -1000);
    /* What is ordered counts; its nonce is taken; its payment neither ends nor serves. */
    refund(&command, X402_OUTFLOW_ORDER, 1, "b", 401);
    refund_refuses(&command, LUCID_REFUSE_CONFLICT, "REFUND_EXCEEDS");
    refund(&command, X402_OUTFLOW_ORDER, 1, "b", 400);
    command.outflow.nonce = 600;
    refund_refuses(&command, LUCID_REFUSE_CONFLICT, "NONCE_TAKEN");
    refund(&command, X402_OUTFLOW_ORDER, 1, "a", 599);
    refund_refuses(&command, LUCID_REFUSE_CONFLICT, "IDEMPOTENCY_CONFLICT");
    refund(&command, X402_OUTFLOW_RECORD, 1, "a", 600);
    moved(&command, 1);
    refund_refuses(&command, LUCID_REFUSE_CONFLICT, "IDEMPOTENCY_CONFLICT");
    x402_payment_prepare(&serve, X402_SERVE);
    memcpy(serve.payment.id, id, sizeof(id));
    serve.payment.request = world_request(1, 2);
    refused(&serve, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT");
    /* Dropped, it is as if it had not been; ordered again it is the same. */
    x402_outflow_prepare(&command, X402_OUTFLOW_DROP);
    memcpy(command.outflow.purpose, purpose, sizeof(purpose));
    memcpy(command.outflow.reason, "reverted", 9);
    assert_int_equal(run(&command), LUCID_OK);
    assert_string_equal(command.outflow.reason, "reverted");
    outflow_known(&command);
    assert_int_equal(sums(1).ordered, 0);
    assert_int_equal(listed(X402_OUTFLOW_DROPPED), 1);
    refund(&command, X402_OUTFLOW_ORDER, 1, "a", 600);
    assert_int_equal(run(&command), LUCID_OK);
    assert_string_equal(command.outflow.reason, "");
    /* Recorded, by its purpose alone. */
    struct x402_outflow order = command.outflow;
    x402_outflow_prepare(&command, X402_OUTFLOW_RECORD);
    memcpy(command.outflow.purpose, purpose, sizeof(purpose));
    command.outflow.transfer = world_transfer(1001, 4, 0, 600);
    command.outflow.transfer.payer = order.from;
    command.outflow.transfer.amount = 599;
    refund_refuses(&command, LUCID_REFUSE_INVALID, "INVALID_REFUND");
    x402_outflow_prepare(&command, X402_OUTFLOW_RECORD);
    memcpy(command.outflow.purpose, purpose, sizeof(purpose));
    command.outflow.transfer = world_transfer(1001, 4, 0, 600);
    command.outflow.transfer.payer = order.from;
    assert_int_equal(run(&command), LUCID_OK);
    assert_int_equal(command.outflow.legs[GAS_COMPUTE], 420);
    assert_int_equal(command.outflow.ordered_sequence, order.ordered_sequence);
    assert_int_equal(command.outflow.first_sequence, order.first_sequence);
    assert_int_equal(command.outflow.nonce, 600);
    outflow_known(&command);
    assert_int_equal(sums(1).amount, 600);
    assert_int_equal(sums(1).ordered, 0);
    assert_int_equal(balance(WORLD_CLEARING), -400);
    assert_int_equal(listed(X402_OUTFLOW_ORDERED), 0);
    assert_int_equal(listed(0), 1);
    x402_outflow_prepare(&command, X402_OUTFLOW_DROP);
    memcpy(command.outflow.purpose, purpose, sizeof(purpose));
    memcpy(command.outflow.reason, "late", 5);
    refund_refuses(&command, LUCID_REFUSE_CONFLICT, "OUTFLOW_STATE");
    memcpy(command.outflow.purpose, "refund:none", 12);
    refund_refuses(&command, LUCID_REFUSE_INVALID, "NOT_FOUND");
}

/* --- payouts ---------------------------------------------------------------------------------- */

static void statement_issue(void)
{
    struct ledger_epoch_command command;
    WORLD_CORE(&world)->now_ms += 5000;
    core_leaves_log(WORLD_CORE(&world), world.leaves++, 1);
    ledger_epoch_command_init(&command, EPOCH_FINALIZE);
    assert_int_equal(core_run(WORLD_CORE(&world), &command.command), LUCID_OK);
}

static struct gas_payout payout_of(const char *payee, uint64_t amount)
{
    struct gas_payout payout = {.unit = GAS_USDC, .amount = amount};
    (void)snprintf(payout.payee, sizeof(payout.payee), "%s", payee);
    (void)snprintf(payout.external_id, sizeof(payout.external_id), "out-%s", payee);
    (void)snprintf(payout.reference, sizeof(payout.reference), "transfer");
    return payout;
}

static void payout_outflow(struct x402_outflow_command *command, enum x402_outflow_verb verb,
                           uint64_t number, uint64_t amount)
{
    refund(command, verb, 1, "", amount);
    command->outflow.refund = false;
    memset(command->outflow.payment, 0, X402_PAYMENT_ID_BYTES);
    command->outflow.payout = number;
    command->outflow.to = world_address(0x66, number);
}

static void test_payouts(void **state)
{
    (void)state;
    struct x402_outflow_command command;
    struct gas_payout_command payout;
    struct gas_payout asked = payout_of("gpu", 700);
    uint8_t id[X402_PAYMENT_ID_BYTES];
    paid(1, true, id);
    statement_issue();
    payout_outflow(&command, X402_OUTFLOW_ORDER, 1, 700);
    refund_refuses(&command, LUCID_REFUSE_INVALID, "NOT_FOUND");
    assert_int_equal(gas_payout_start_prepare(&payout, &asked, NULL), LUCID_OK);
    assert_int_equal(core_run(WORLD_CORE(&world), &payout.command), LUCID_OK);
    payout_outflow(&command, X402_OUTFLOW_ORDER, 1, 699);
    refund_refuses(&command, LUCID_REFUSE_INVALID, "INVALID_PAYOUT");
    payout_outflow(&command, X402_OUTFLOW_ORDER, 1, 700);
    assert_int_equal(run(&command), LUCID_OK);
    assert_string_equal(command.outflow.purpose, "payout:1");
    struct x402_outflow order = command.outflow;
    /* As long as that may be under way, nobody ends the payout. */
    assert_int_equal(gas_payout_fail_prepare(&payout, 1, "gave up", NULL), LUCID_OK);
    refuses(&payout.command, &payout.command, LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT");
    assert_int_equal(gas_payout_complete_prepare(&payout, 1, "by hand", "", "", NULL), LUCID_OK);
    refuses(&payout.command, &payout.command, LUCID_REFUSE_CONFLICT, "PAYOUT_CONFLICT");
    /* Both or none: another transfer than was ordered ends nothing. */
    assert_int_equal(gas_payout_complete_prepare(&payout, 1, "transfer", "", "", NULL), LUCID_OK);
    x402_outflow_prepare(&command, X402_OUTFLOW_RECORD);
    memcpy(command.outflow.purpose, "payout:1", 9);
    command.outflow.transfer = world_transfer(2001, 0, 0, 701);
    command.outflow.transfer.payer = order.from;
    payout.command.next_part = &command.command;
    command.paid = &payout;
    refuses(&payout.command, &command.command, LUCID_REFUSE_INVALID, "INVALID_PAYOUT");
    assert_int_equal(gas_payout_complete_prepare(&payout, 1, "transfer", "", "", NULL), LUCID_OK);
    x402_outflow_prepare(&command, X402_OUTFLOW_RECORD);
    memcpy(command.outflow.purpose, "payout:1", 9);
    command.outflow.transfer = world_transfer(2001, 0, 0, 700);
    command.outflow.transfer.payer = order.from;
    payout.command.next_part = &command.command;
    command.paid = &payout;
    assert_int_equal(core_run(WORLD_CORE(&world), &payout.command), LUCID_OK);
    assert_int_equal(command.command.error, LUCID_OK);
    assert_int_equal(command.outflow.state, X402_OUTFLOW_RECORDED);
    assert_int_equal(payout.payout.state, GAS_PAYOUT_COMPLETED);
    assert_int_equal(balance("payee:gpu:USDC"), 0);
    /* One that has happened, in one: its number is not known before. */
    asked = payout_of("lab", 200);
    assert_int_equal(gas_payout_record_prepare(&payout, &asked, NULL), LUCID_OK);
    payout_outflow(&command, X402_OUTFLOW_RECORD, 0, 200);
    moved(&command, 1001);
    payout.command.next_part = &command.command;
    command.paid = &payout;
    refuses(&payout.command, &command.command, LUCID_REFUSE_CONFLICT, "TRANSFER_SPENT");
    assert_int_equal(gas_payout_record_prepare(&payout, &asked, NULL), LUCID_OK);
    payout_outflow(&command, X402_OUTFLOW_RECORD, 0, 200);
    moved(&command, 1002);
    payout.command.next_part = &command.command;
    command.paid = &payout;
    assert_int_equal(core_run(WORLD_CORE(&world), &payout.command), LUCID_OK);
    assert_int_equal(command.outflow.payout, 2);
    assert_string_equal(command.outflow.purpose, "payout:2");
    assert_int_equal(listed(X402_OUTFLOW_RECORDED), 2);
    assert_int_equal(balance("clearing:external:USDC"), 900);
}

/* --- a model ---------------------------------------------------------------------------------- */

enum { MODEL_PAYMENTS = 4, MODEL_NAMES = 6, MODEL_STEPS = 600 };

struct model_outflow {
    enum x402_outflow_state state; /* 0: none */
    uint64_t amount;
};

/* Orders, drops and records at random: what is refused and what the sums are is a matter of a few
 * numbers. */
static void test_model(void **state)
{
    (void)state;
    struct model_outflow model[MODEL_PAYMENTS][MODEL_NAMES] = {{{0}}};
    uint64_t seed = 20261122;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    for (uint64_t n = 0; n < MODEL_PAYMENTS; n++) {
        paid(n, true, id);
    }
    for (uint64_t step = 1; step <= MODEL_STEPS; step++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        uint64_t number = seed >> 33 & 3;
        unsigned name = (unsigned)(seed >> 40) % MODEL_NAMES;
        unsigned what = (unsigned)(seed >> 50) % 4;
        uint64_t amount = 1 + (seed >> 20) % 400;
        struct model_outflow *mine = &model[number][name];
        uint64_t used = 0;
        for (unsigned i = 0; i < MODEL_NAMES; i++) {
            bool counts = model[number][i].state == X402_OUTFLOW_ORDERED ||
                          model[number][i].state == X402_OUTFLOW_RECORDED;
            used += counts ? model[number][i].amount : 0;
        }
        char external_id[8];
        (void)snprintf(external_id, sizeof(external_id), "r%u", name);
        struct x402_outflow_command command;
        refund(&command, what == 0 ? X402_OUTFLOW_ORDER : X402_OUTFLOW_RECORD, number, external_id,
               amount);
        command.outflow.nonce = step;
        moved(&command, step);
        bool want;
        if (what < 2) { /* an order, or a transfer that nobody ordered */
            want = (mine->state == 0 || mine->state == X402_OUTFLOW_DROPPED) &&
                   used + amount <= WORLD_PRICE;
        } else {
            struct x402_outflow standing = command.outflow;
            x402_outflow_prepare(&command, what == 2 ? X402_OUTFLOW_DROP : X402_OUTFLOW_RECORD);
            x402_purpose_refund(standing.payment, external_id, command.outflow.purpose);
            memcpy(command.outflow.reason, "model", 6);
            command.outflow.transfer = standing.transfer;
            command.outflow.transfer.amount = mine->amount;
            want = mine->state == X402_OUTFLOW_ORDERED ||
                   (what == 2 && mine->state == X402_OUTFLOW_DROPPED);
        }
        assert_int_equal(run(&command) == LUCID_OK, want);
        if (want) {
            static const enum x402_outflow_state after[] = {
                X402_OUTFLOW_ORDERED, X402_OUTFLOW_RECORDED, X402_OUTFLOW_DROPPED,
                X402_OUTFLOW_RECORDED};
            mine->state = after[what];
            mine->amount = what < 2 ? amount : mine->amount;
        }
        uint64_t recorded = 0;
        uint64_t ordered = 0;
        for (unsigned i = 0; i < MODEL_NAMES; i++) {
            const struct model_outflow *one = &model[number][i];
            recorded += one->state == X402_OUTFLOW_RECORDED ? one->amount : 0;
            ordered += one->state == X402_OUTFLOW_ORDERED ? one->amount : 0;
        }
        struct x402_refunded got = sums(number);
        assert_int_equal(got.amount, recorded);
        assert_int_equal(got.ordered, ordered);
        assert_int_equal(got.legs[0] + got.legs[1] + got.legs[2], recorded);
    }
    assert_true(revenue_of(&world.revenue, "proof").refunds > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parts, outflow_setup, teardown),
        cmocka_unit_test_setup_teardown(test_suspense, outflow_setup, teardown),
        cmocka_unit_test_setup_teardown(test_stray, outflow_setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, outflow_setup, teardown),
        cmocka_unit_test_setup_teardown(test_twin, outflow_setup, teardown),
        cmocka_unit_test_setup_teardown(test_orders, outflow_setup, teardown),
        cmocka_unit_test_setup_teardown(test_payouts, outflow_setup, teardown),
        cmocka_unit_test_setup_teardown(test_model, outflow_setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

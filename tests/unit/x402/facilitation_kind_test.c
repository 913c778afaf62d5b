/* Facilitations in the log: what the writer refuses, budgets, keys shared with the gate's payments;
 * then thousands of random commands against a model that only keeps a few numbers, with restarts
 * and a replay at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/x402/payment_world.h"
#include "x402/facilitation.h"

enum { RESERVE = 1000, BUDGET = 5000 };

static struct payment_world world;

static int setup(void **state)
{
    (void)state;
    payment_world_start(&world);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_true(revenue_replays_same(&world.revenue));
    payment_world_stop(&world);
    return 0;
}

static void begin_make(struct x402_facilitation_command *command, const char *client,
                       uint64_t number, uint64_t reserve)
{
    x402_facilitation_prepare(command, X402_FACILITATION_BEGIN);
    struct x402_facilitated *one = &command->facilitated;
    (void)snprintf(one->client, sizeof(one->client), "%s", client);
    (void)snprintf(one->network, sizeof(one->network), "%s", world.network.caip2);
    one->token = world.network.token;
    one->authorization = (struct evm_authorization){.from = world_address(0x11, number),
                                                    .to = world_address(0x66, 1),
                                                    .value = evm_u256_of(WORLD_PRICE),
                                                    .valid_before = evm_u256_of(UINT64_MAX),
                                                    .nonce = world_hash(0x44, number)};
    memset(one->signature.bytes, 0x77, sizeof(one->signature.bytes));
    one->sender = world_address(0x33, 0);
    one->from_block = 990;
    one->version = 2;
    one->reserve_wei = reserve;
    command->day_max_wei = BUDGET;
}

static void end_make(struct x402_facilitation_command *command, uint64_t number,
                     uint64_t transaction, uint64_t gas)
{
    x402_facilitation_prepare(command, X402_FACILITATION_END);
    struct x402_facilitated *one = &command->facilitated;
    world_id(&world, number, one->id);
    one->gas_wei = gas;
    one->gas_measured = gas != RESERVE;
    if (transaction == 0) {
        one->status = X402_FACILITATION_FAILED;
        (void)snprintf(one->reason, sizeof(one->reason), "invalid_transaction_state");
        return;
    }
    one->status = X402_FACILITATION_SETTLED;
    one->transaction = world_hash(0xaa, transaction);
    one->log_index = 1;
    one->block = 1001;
    one->ours = true;
}

static enum lucid_error run(struct x402_facilitation_command *command)
{
    return core_run(WORLD_CORE(&world), &command->command);
}

static void run_ok(struct x402_facilitation_command *command)
{
    assert_int_equal(run(command), LUCID_OK);
    assert_false(command->ret_known);
}

static void refused(struct x402_facilitation_command *command, const char *code)
{
    uint64_t events = core_events(WORLD_CORE(&world));
    assert_true(lucid_category(run(command)) > LUCID_CATEGORY_NOTE);
    assert_string_equal(command->command.why.code, code);
    assert_int_equal(core_events(WORLD_CORE(&world)), events);
}

static enum lucid_error find(const char *key, struct x402_facilitated *ret)
{
    struct ledger_view *view = WORLD_CORE(&world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    enum lucid_error error = x402_facilitated_find(view, lucid_span_str(key), ret);
    ledger_view_end(view);
    return error;
}

static struct x402_facilitation_day day_of(const char *client)
{
    struct x402_facilitation_day day;
    struct ledger_view *view = WORLD_CORE(&world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(
        x402_facilitation_day_read(view, client, WORLD_CORE(&world)->now_ms / X402_DAY_MS, &day),
        LUCID_OK);
    ledger_view_end(view);
    return day;
}

static void test_life(void **state)
{
    (void)state;
    struct x402_facilitation_command command;
    struct x402_facilitated one;
    struct x402_spent_key key;
    begin_make(&command, "shop", 7, RESERVE);
    run_ok(&command);
    assert_int_equal(command.facilitated.status, X402_FACILITATION_OPEN);
    assert_int_equal(command.facilitated.amount, WORLD_PRICE);
    x402_key_authorization(&world.network, &command.facilitated.authorization.from,
                           &command.facilitated.authorization.nonce, &key);
    assert_int_equal(find(key.text, &one), LUCID_OK);
    assert_string_equal(one.client, "shop");
    assert_memory_equal(&one.authorization, &command.facilitated.authorization,
                        sizeof(one.authorization));
    assert_memory_equal(&one.signature, &command.facilitated.signature, sizeof(one.signature));
    assert_int_equal(day_of("shop").reserved_wei, RESERVE);
    begin_make(&command, "shop", 7, RESERVE);
    refused(&command, "PAYMENT_PENDING");
    end_make(&command, 7, 3, 400);
    run_ok(&command);
    assert_int_equal(day_of("shop").reserved_wei, 0);
    assert_int_equal(day_of("shop").spent_wei, 400);
    x402_key_transfer(&world.network, &command.facilitated.transaction, 1, &key);
    assert_int_equal(find(key.text, &one), LUCID_OK);
    assert_int_equal(one.status, X402_FACILITATION_SETTLED);
    assert_memory_equal(&one.transaction, &command.facilitated.transaction, EVM_HASH_BYTES);
    assert_true(one.ours && one.gas_measured);
    begin_make(&command, "shop", 7, RESERVE);
    refused(&command, "PAYMENT_ALREADY_SPENT");
    end_make(&command, 7, 0, 0); /* the first end stands */
    assert_int_equal(run(&command), LUCID_OK);
    assert_true(command.ret_known);
    assert_int_equal(command.facilitated.status, X402_FACILITATION_SETTLED);
    end_make(&command, 8, 0, 0);
    refused(&command, "NOT_FOUND");
}

static void test_failed_may_begin_again(void **state)
{
    (void)state;
    struct x402_facilitation_command command;
    struct x402_facilitated one;
    struct x402_spent_key key;
    begin_make(&command, "shop", 7, RESERVE);
    run_ok(&command);
    x402_key_authorization(&world.network, &command.facilitated.authorization.from,
                           &command.facilitated.authorization.nonce, &key);
    uint64_t first = command.facilitated.first_sequence;
    end_make(&command, 7, 0, 30);
    run_ok(&command);
    assert_string_equal(command.facilitated.reason, "invalid_transaction_state");
    assert_int_equal(find(key.text, &one), LUCID_NOTE_ABSENT);
    begin_make(&command, "other", 7, RESERVE);
    run_ok(&command);
    assert_int_equal(command.facilitated.first_sequence, first);
    assert_int_equal(command.facilitated.ended_sequence, 0);
    assert_int_equal(find(key.text, &one), LUCID_OK);
    assert_int_equal(day_of("shop").spent_wei, 30);
    assert_int_equal(day_of("other").reserved_wei, RESERVE);
}

static void test_budget(void **state)
{
    (void)state;
    struct x402_facilitation_command command;
    for (uint64_t i = 1; i <= BUDGET / RESERVE; i++) {
        begin_make(&command, "shop", i, RESERVE);
        run_ok(&command);
    }
    begin_make(&command, "shop", 90, 1);
    refused(&command, "FACILITATION_BUDGET");
    begin_make(&command, "other", 91, RESERVE); /* each has its own */
    run_ok(&command);
    end_make(&command, 1, 11, 200); /* 800 come back */
    run_ok(&command);
    begin_make(&command, "shop", 92, 801);
    refused(&command, "FACILITATION_BUDGET");
    begin_make(&command, "shop", 93, 800);
    run_ok(&command);
    end_make(&command, 2, 12, 9000); /* dearer than thought: it counts all the same */
    run_ok(&command);
    assert_int_equal(day_of("shop").spent_wei, 9200);
    end_make(&command, 3, 13, RESERVE);
    run_ok(&command);
    begin_make(&command, "shop", 94, 1);
    refused(&command, "FACILITATION_BUDGET");
    WORLD_CORE(&world)->now_ms += X402_DAY_MS;
    begin_make(&command, "shop", 95, BUDGET);
    run_ok(&command);
    end_make(&command, 4, 14, 10); /* counts against the day that it was begun on */
    run_ok(&command);
    assert_int_equal(day_of("shop").spent_wei, 0);
    assert_int_equal(day_of("shop").reserved_wei, BUDGET);
    begin_make(&command, "huge", 96, GAS_AMOUNT_MAX);
    command.day_max_wei = GAS_AMOUNT_MAX;
    run_ok(&command);
    begin_make(&command, "huge", 97, GAS_AMOUNT_MAX); /* sums do not wrap */
    command.day_max_wei = GAS_AMOUNT_MAX;
    refused(&command, "FACILITATION_BUDGET");
}

static void test_refusals(void **state)
{
    (void)state;
    struct x402_facilitation_command command;
    begin_make(&command, "shop", 7, RESERVE);
    assert_true(evm_address_parse(lucid_span_str(PAY_TO), &command.facilitated.authorization.to));
    refused(&command, "FACILITATION_PAY_TO"); /* of the price */
    assert_int_equal(price_delete(&world.revenue, "proof"), LUCID_OK);
    refused(&command, "FACILITATION_PAY_TO"); /* it was */
    begin_make(&command, "shop", 7, RESERVE);
    command.facilitated.authorization.to = command.facilitated.sender;
    refused(&command, "FACILITATION_PAY_TO");
    begin_make(&command, "shop", 7, RESERVE);
    command.facilitated.authorization.value = evm_u256_of(0);
    refused(&command, "INVALID_FACILITATION");
    begin_make(&command, "shop", 7, RESERVE);
    command.facilitated.authorization.value.be[0] = 1;
    refused(&command, "INVALID_FACILITATION");
    begin_make(&command, "shop", 7, (uint64_t)1 << 63);
    refused(&command, "INVALID_FACILITATION");
    begin_make(&command, "shop", 7, RESERVE);
    command.facilitated.from_block = (uint64_t)1 << 53;
    refused(&command, "INVALID_FACILITATION");
}

/* One authorization, one use: here or at the gate. */
static void test_gate(void **state)
{
    (void)state;
    struct x402_facilitation_command command;
    struct x402_payment_command payment;
    const struct x402_request_kept request = world_request(1, 1);
    world_intend(&world, &payment, 7, "proof", &request);
    assert_int_equal(world_run(&world, &payment), LUCID_OK);
    begin_make(&command, "shop", 7, RESERVE);
    refused(&command, "PAYMENT_ALREADY_SPENT");
    uint8_t id[X402_PAYMENT_ID_BYTES];
    world_id(&world, 7, id);
    world_end(&payment, X402_FAIL, id);
    assert_int_equal(world_run(&world, &payment), LUCID_OK);
    run_ok(&command);
    world_intend(&world, &payment, 7, "proof", &request);
    assert_int_equal(world_run(&world, &payment), LUCID_REFUSE_CONFLICT);
    assert_string_equal(payment.command.why.code, "PAYMENT_ALREADY_SPENT");
    end_make(&command, 7, 3, RESERVE);
    run_ok(&command);
    assert_int_equal(world_run(&world, &payment), LUCID_REFUSE_CONFLICT);
    world_show(&world, &payment, 3, 1, WORLD_PRICE, "proof", &request); /* its transfer */
    assert_int_equal(world_run(&world, &payment), LUCID_REFUSE_CONFLICT);
    assert_string_equal(payment.command.why.code, "PAYMENT_ALREADY_SPENT");
    world_show(&world, &payment, 3, 2, WORLD_PRICE, "proof", &request); /* another of that one */
    assert_int_equal(world_run(&world, &payment), LUCID_OK);
}

/* --- the model -------------------------------------------------------------------------------- */

enum { ONES = 12, CLIENTS = 2, STEPS = 3000 };

struct model_one {
    unsigned status; /* 0: never */
    unsigned client;
    uint64_t day;
};

static struct {
    uint64_t seed;
    struct model_one ones[ONES];
    bool gate[ONES]; /* an intent of the gate has it */
    uint64_t reserved[CLIENTS];
    uint64_t spent[CLIENTS];
    uint64_t day;
    unsigned begun, settled, over_budget, gate_refused;
} model;

static unsigned below(unsigned n)
{
    model.seed = model.seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(model.seed >> 33) % n;
}

static const char *const clients[CLIENTS] = {"ann", "bob"};

static void step_begin(unsigned number)
{
    struct x402_facilitation_command command;
    struct model_one *one = &model.ones[number];
    unsigned client = below(CLIENTS);
    uint64_t reserve = RESERVE;
    begin_make(&command, clients[client], number, reserve);
    if (one->status == X402_FACILITATION_OPEN) {
        refused(&command, "PAYMENT_PENDING");
    } else if (one->status == X402_FACILITATION_SETTLED || model.gate[number]) {
        refused(&command, "PAYMENT_ALREADY_SPENT");
    } else if (model.reserved[client] + model.spent[client] + reserve > BUDGET) {
        refused(&command, "FACILITATION_BUDGET");
        model.over_budget++;
    } else {
        run_ok(&command);
        *one = (struct model_one){X402_FACILITATION_OPEN, client, model.day};
        model.reserved[client] += reserve;
        model.begun++;
    }
}

static void step_end(unsigned number)
{
    struct x402_facilitation_command command;
    struct model_one *one = &model.ones[number];
    bool settles = below(4) == 0;
    uint64_t gas = below(3) == 0 ? RESERVE : below(RESERVE);
    end_make(&command, number, settles ? 100 + number : 0, gas);
    if (one->status == 0) {
        refused(&command, "NOT_FOUND");
        return;
    }
    assert_int_equal(run(&command), LUCID_OK);
    assert_int_equal(command.ret_known, one->status != X402_FACILITATION_OPEN);
    if (!command.ret_known) {
        one->status = settles ? X402_FACILITATION_SETTLED : X402_FACILITATION_FAILED;
        model.settled += settles;
        if (one->day == model.day) {
            model.reserved[one->client] -= RESERVE;
            model.spent[one->client] += gas;
        }
    }
}

static void step_gate(unsigned number)
{
    struct x402_payment_command payment;
    const struct x402_request_kept request = world_request(1, 1);
    const struct model_one *one = &model.ones[number];
    if (model.gate[number]) {
        uint8_t id[X402_PAYMENT_ID_BYTES];
        world_id(&world, number, id);
        world_end(&payment, X402_FAIL, id);
        assert_int_equal(world_run(&world, &payment), LUCID_OK);
        model.gate[number] = false;
        return;
    }
    world_intend(&world, &payment, number, "proof", &request);
    bool free = one->status == 0 || one->status == X402_FACILITATION_FAILED;
    assert_int_equal(world_run(&world, &payment), free ? LUCID_OK : LUCID_REFUSE_CONFLICT);
    model.gate[number] = free;
    model.gate_refused += !free;
}

static void next_day(void)
{
    WORLD_CORE(&world)->now_ms += X402_DAY_MS;
    model.day++;
    memset(model.reserved, 0, sizeof(model.reserved));
    memset(model.spent, 0, sizeof(model.spent));
}

static void lists_compare(void)
{
    unsigned want[4] = {0};
    struct ledger_view *view = WORLD_CORE(&world)->view;
    for (unsigned i = 0; i < ONES; i++) {
        want[0] += model.ones[i].status != 0;
        want[model.ones[i].status] += model.ones[i].status != 0;
    }
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    for (unsigned status = 0; status < 4; status++) {
        struct x402_facilitated one;
        uint64_t after = 0;
        unsigned count = 0;
        while (x402_facilitated_next(view, after, status, &one) == LUCID_OK) {
            assert_true(one.first_sequence > after);
            assert_true(status == 0 || one.status == (enum x402_facilitated_status)status);
            after = one.first_sequence;
            count++;
        }
        assert_int_equal(count, want[status]);
    }
    struct x402_spent_key key = {.text = ""};
    struct x402_spent_key at;
    struct x402_facilitated of;
    unsigned keys = 0;
    for (;; keys++) {
        at = key;
        if (x402_facilitated_key_next(view, lucid_span_str(at.text), &key, &of) != LUCID_OK) {
            break;
        }
        assert_true(of.status != X402_FACILITATION_FAILED);
    }
    assert_int_equal(keys, want[X402_FACILITATION_OPEN] + 2 * want[X402_FACILITATION_SETTLED]);
    ledger_view_end(view);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct x402_facilitation_day day = day_of(clients[i]);
        assert_int_equal(day.reserved_wei, model.reserved[i]);
        assert_int_equal(day.spent_wei, model.spent[i]);
    }
}

static void test_model(void **state)
{
    (void)state;
    const char *given = getenv("LUCID_TEST_SEED");
    model.seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("# seed %llu\n", (unsigned long long)model.seed);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned number = below(ONES);
        unsigned what = below(100);
        if (what < 45) {
            step_begin(number);
        } else if (what < 80) {
            step_end(number);
        } else if (what < 95) {
            step_gate(number);
        } else if (what < 97) {
            next_day();
        } else {
            core_world_reopen(WORLD_CORE(&world));
        }
        if (i % 16 == 0) {
            lists_compare();
        }
    }
    lists_compare();
    assert_true(model.begun > 5 && model.settled == ONES);
    assert_true(model.gate_refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_may_begin_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_model, setup, teardown),
    };
    return cmocka_run_group_tests_name("facilitation kind", tests, NULL, NULL);
}

/* The driver against a chain that a model keeps: thousands of random steps in which clients ask,
 * our own gate takes the same authorizations, strangers are faster, transactions hang, revert or
 * are never sent, and the process is killed at any point. Each authorization moves money once at
 * most, each is broadcast by one side at a time, and every answer is what the chain shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/x402/gate_world.h"
#include "x402/facilitation.h"

enum {
    NUMBERS = 500,
    WINDOW = 16,
    JOBS = 24,
    BUYERS = 6,
    STEPS = 3000,
    CLIENTS = 2,
    RESERVE = 1000
};

enum used { UNUSED, BY_US, BY_GATE, BY_STRANGER };

static struct {
    uint64_t seed;
    enum used used[NUMBERS];
    bool sent[NUMBERS];      /* a transaction of the facilitation may still be mined */
    bool gate_sent[NUMBERS]; /* the same of the gate */
    unsigned good, bad, later, broken, kills, strays, reverts, moved;
    bool calm; /* everything comes to an end */
} model;

static struct house house;
static struct fake_loop loop;
static struct x402_desk desk;
static struct x402_facilitation *facilitation;
static struct x402_client clients[CLIENTS];

static struct {
    struct x402_facilitation_job job;
    bool inside;
    unsigned number;
} jobs[JOBS];
static struct buyer buyers[BUYERS];

static unsigned below(unsigned n)
{
    model.seed = model.seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(model.seed >> 33) % n;
}

/* --- the chain -------------------------------------------------------------------------------- */

static unsigned number_of(const struct evm_authorization *authorization)
{
    return (unsigned)lucid_get_be64(authorization->nonce.bytes);
}

/* The facilitation's has a recipient of its own. */
static bool is_gates(const struct evm_authorization *authorization)
{
    const struct evm_address gates = world_address(0x22, 0);
    return memcmp(&authorization->to, &gates, sizeof(gates)) == 0;
}

static struct x402_transfer transfer_of(unsigned number, enum used used)
{
    struct x402_transfer transfer = settlement_of(number, used != BY_STRANGER);
    transfer.transaction = world_hash(0xaa, number * 4 + used);
    transfer.final = true;
    return transfer;
}

static void say(struct x402_charge *charge, enum x402_charge_outcome outcome, const char *reason)
{
    charge->outcome = outcome;
    charge->reason = reason;
    charge->has_transaction = false;
    charge->has_fee = false;
}

static void say_used(struct x402_charge *charge, unsigned number, bool gates)
{
    bool ours = model.used[number] == (gates ? BY_GATE : BY_US);
    say(charge, ours ? X402_CHARGE_GOOD : X402_CHARGE_STRAY, NULL);
    charge->transfer = transfer_of(number, model.used[number]);
    charge->bound = true;
    charge->has_transaction = ours;
    charge->sent = charge->transfer.transaction;
    charge->has_fee = ours && below(2) == 0;
    charge->fee_wei = 1 + below(2 * RESERVE);
}

static bool *sent_of(unsigned number, bool gates)
{
    return gates ? &model.gate_sent[number] : &model.sent[number];
}

/* What is on its way comes to some end, or none yet. */
static void go_on(struct x402_charge *charge, unsigned number, bool gates)
{
    unsigned what = model.calm ? 0 : below(6);
    bool *sent = sent_of(number, gates);
    assert_false(*sent_of(number, !gates)); /* never by both */
    if (what == 0) {
        model.used[number] = gates ? BY_GATE : BY_US;
        model.moved++;
        *sent = false;
        say_used(charge, number, gates);
    } else if (what == 1) {
        *sent = false;
        model.reverts++;
        say(charge, X402_CHARGE_BAD, "invalid_transaction_state");
        charge->has_transaction = true;
        charge->has_fee = true;
        charge->fee_wei = 7;
    } else {
        *sent = true;
        say(charge, X402_CHARGE_PENDING, "settlement_pending");
        charge->has_transaction = true;
        charge->sent = world_hash(0xaa, number * 4 + (gates ? BY_GATE : BY_US));
    }
}

static void answer(struct house *of, struct x402_charge *charge)
{
    unsigned number = number_of(&charge->authorization);
    bool gates = is_gates(&charge->authorization);
    (void)of;
    charge->text[0] = '\0';
    switch (charge->verb) {
    case X402_CHARGE_VERIFY:
        charge->intended_sender = world_address(0x33, 0);
        charge->from_block = 990;
        if (model.used[number] == BY_STRANGER || model.used[number] == (gates ? BY_US : BY_GATE)) {
            say(charge, X402_CHARGE_BAD, "invalid_exact_evm_nonce_already_used");
        } else if (model.used[number] != UNUSED) {
            say_used(charge, number, gates);
        } else {
            say(charge, !model.calm && below(8) == 0 ? X402_CHARGE_AWAY : X402_CHARGE_GOOD,
                "unexpected_verify_error");
        }
        break;
    case X402_CHARGE_SETTLE:
        assert_false(*sent_of(number, gates)); /* never a second broadcast */
        if (model.used[number] != UNUSED) {
            model.strays++;
            say_used(charge, number, gates);
        } else if (!model.calm && below(8) == 0) {
            say(charge, X402_CHARGE_AWAY, "unexpected_settle_error");
        } else {
            go_on(charge, number, gates);
        }
        break;
    case X402_CHARGE_ASK:
        if (model.used[number] != UNUSED) {
            model.strays += model.used[number] == BY_STRANGER;
            *sent_of(number, gates) = false;
            say_used(charge, number, gates);
        } else if (!model.calm && below(6) == 0) {
            say(charge, X402_CHARGE_AWAY, "unexpected_settle_error");
        } else {
            go_on(charge, number, gates); /* it is broadcast, if it was not */
        }
        break;
    case X402_CHARGE_WATCH:
        say(charge, X402_CHARGE_GOOD, NULL);
        break;
    case X402_CHARGE_OBSERVE:
    case X402_CHARGE_TRACE:
    case X402_CHARGE_LOOK:
        fail();
    }
}

/* Killed or stopped while it settles: a node may have got it. */
static void cancelled(struct house *of, struct x402_charge *charge)
{
    unsigned number = number_of(&charge->authorization);
    (void)of;
    if ((charge->verb == X402_CHARGE_SETTLE || charge->verb == X402_CHARGE_ASK) &&
        model.used[number] == UNUSED && below(2) == 0) {
        *sent_of(number, is_gates(&charge->authorization)) = true;
    }
}

static uint64_t delay_ms(struct house *of, int what)
{
    (void)of;
    (void)what;
    return below(40);
}

/* --- the process ------------------------------------------------------------------------------ */

static void process_open(void)
{
    house_open(&house, NULL);
    desk = (struct x402_desk){.loop = &loop.loop,
                              .ledger = WORLD_CORE(&house.world)->ledger,
                              .networks = &house.networks,
                              .facilitator = &house.facilitator,
                              .direct = &house.facilitator,
                              .spent = house.spent,
                              .submit = house.options.submit,
                              .context = &house};
    const struct x402_facilitation_options options = {.desk = &desk, .reconcile_ms = 500};
    assert_int_equal(x402_facilitation_open(&options, &facilitation), LUCID_OK);
}

static void process_kill(void)
{
    if (below(2) == 0) {
        house_commit(&house);
    }
    x402_facilitation_close(facilitation); /* what it has with the writer is dropped next */
    house_kill(&house, false);
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i].inside = false;
    }
    for (size_t i = 0; i < BUYERS; i++) {
        buyers[i].inside = false;
    }
    model.kills++;
}

/* A stop lets what is with the writer come back. */
static void process_stop(void)
{
    x402_gate_stop(house.gate);
    x402_facilitation_stop(facilitation);
    for (unsigned i = 0;
         i < 1000 && !(x402_gate_is_idle(house.gate) && x402_facilitation_is_idle(facilitation));
         i++) {
        fake_loop_advance(&loop, 10);
    }
    assert_true(x402_facilitation_is_idle(facilitation));
    for (size_t i = 0; i < JOBS; i++) {
        assert_false(jobs[i].inside); /* everybody has an answer */
    }
    process_kill();
}

/* --- who asks --------------------------------------------------------------------------------- */

static void job_done(struct x402_facilitation_job *job)
{
    unsigned number = number_of(&job->authorization);
    enum used used = model.used[number];
    size_t at = (size_t)(uintptr_t)job->owner;
    assert_true(jobs[at].inside);
    jobs[at].inside = false;
    if (job->asked == X402_FACILITATION_VERIFY) {
        return;
    }
    switch (job->outcome) {
    case X402_FACILITATION_GOOD:
        model.good++;
        assert_true(used == BY_US || used == BY_STRANGER);
        assert_true(job->has_transaction);
        struct x402_transfer transfer = transfer_of(number, used);
        assert_memory_equal(&job->transaction, &transfer.transaction, EVM_HASH_BYTES);
        break;
    case X402_FACILITATION_BAD:
        model.bad++;
        assert_non_null(job->reason);
        if (strcmp(job->reason, "duplicate_settlement") == 0 && job->has_transaction) {
            assert_true(model.good > 0); /* it was told as settled */
            assert_true(used == BY_US || used == BY_STRANGER);
        } else {
            assert_true(used != BY_US); /* else the payer is asked to pay twice */
        }
        break;
    case X402_FACILITATION_LATER:
        model.later++;
        assert_string_equal(job->reason, "settlement_pending");
        break;
    case X402_FACILITATION_BROKEN:
        model.broken++;
        break;
    }
}

static void step_ask(unsigned number, enum x402_facilitation_asked asked)
{
    size_t at = 0;
    while (at < JOBS && jobs[at].inside) {
        at++;
    }
    if (at == JOBS) {
        return;
    }
    struct x402_facilitation_job *job = &jobs[at].job;
    *job = (struct x402_facilitation_job){
        .asked = asked,
        .client = &clients[below(CLIENTS)],
        .network = &house.networks.items[0],
        .authorization = {.from = world_address(0x11, number),
                          .to = world_address(0x66, 1),
                          .value = evm_u256_of(WORLD_PRICE),
                          .valid_before = evm_u256_of(UINT64_MAX),
                          .nonce = world_hash(0x44, number)},
        .version = 1 + below(2),
        .done = job_done,
        .owner = (void *)(uintptr_t)at,
    };
    jobs[at].inside = true;
    x402_facilitation_enter(facilitation, job);
}

static void step_gate(unsigned number)
{
    for (size_t i = 0; i < BUYERS; i++) {
        if (!buyers[i].inside) {
            buyer_authorization(&house, &buyers[i], number, 1, 1);
            buyer_enter(&house, &buyers[i]);
            return;
        }
    }
}

/* Authorizations come and go. */
static void step(unsigned at)
{
    unsigned number = below(WINDOW) + at * (NUMBERS - WINDOW) / STEPS;
    unsigned what = below(100);
    if (what < 45) {
        step_ask(number, X402_FACILITATION_SETTLE);
    } else if (what < 55) {
        step_ask(number, X402_FACILITATION_VERIFY);
    } else if (what < 60) {
        step_gate(number);
    } else if (what < 61) {
        if (model.used[number] == UNUSED && !model.gate_sent[number]) {
            model.used[number] = BY_STRANGER; /* has seen it in a header or a pool */
        }
    } else if (what < 64) {
        process_kill();
        process_open();
    } else if (what < 65) {
        process_stop();
        process_open();
    } else {
        fake_loop_advance(&loop, below(300));
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static unsigned open_count(void)
{
    struct ledger_view *view = WORLD_CORE(&house.world)->view;
    struct x402_facilitated one;
    uint64_t after = 0;
    unsigned count = 0;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    while (x402_facilitated_next(view, after, X402_FACILITATION_OPEN, &one) == LUCID_OK) {
        after = one.first_sequence;
        count++;
    }
    ledger_view_end(view);
    return count;
}

static void end_check(void)
{
    struct ledger_view *view = WORLD_CORE(&house.world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    for (unsigned number = 0; number < NUMBERS; number++) {
        struct x402_facilitated one;
        struct x402_payment payment;
        uint8_t id[X402_PAYMENT_ID_BYTES];
        world_id(&house.world, number, id);
        bool settled = x402_facilitated_read(view, id, &one) == LUCID_OK &&
                       one.status == X402_FACILITATION_SETTLED;
        bool paid =
            x402_payment_read(view, id, &payment) == LUCID_OK && payment.status == X402_SETTLED;
        assert_false(settled && paid);
        if (model.used[number] == BY_US) {
            assert_true(settled);
        }
        if (settled) {
            struct x402_transfer transfer = transfer_of(number, model.used[number]);
            assert_true(model.used[number] == BY_US || model.used[number] == BY_STRANGER);
            assert_int_equal(one.ours, model.used[number] == BY_US);
            assert_memory_equal(&one.transaction, &transfer.transaction, EVM_HASH_BYTES);
        }
        assert_false(model.sent[number] || model.gate_sent[number]);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct x402_facilitation_day day;
        for (uint64_t at = 0; at < 3; at++) {
            assert_int_equal(x402_facilitation_day_read(view, clients[i].name,
                                                        CORE_NOW_MS / X402_DAY_MS + at, &day),
                             LUCID_OK);
            assert_int_equal(day.reserved_wei, 0);
        }
    }
    ledger_view_end(view);
}

static void round_run(uint64_t seed)
{
    memset(&model, 0, sizeof(model));
    memset(jobs, 0, sizeof(jobs));
    memset(buyers, 0, sizeof(buyers));
    model.seed = seed;
    fake_loop_init(&loop, CORE_NOW_MS);
    house_init(&house, &loop);
    house.answer = answer;
    house.cancelled = cancelled;
    house.delay_ms = delay_ms;
    house.networks.items[0].gas_limit = RESERVE;
    house.networks.items[0].max_fee_wei = 1;
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct x402_client){.networks = {true},
                                          .gas_wei_per_day = i == 0 ? 1000 * RESERVE : 4 * RESERVE};
        (void)snprintf(clients[i].name, sizeof(clients[i].name), "client-%u", i);
    }
    process_open();
    for (unsigned i = 0; i < STEPS; i++) {
        step(i);
    }
    model.calm = true;
    for (unsigned i = 0; i < 2000 && (i < 10 || open_count() > 0); i++) {
        fake_loop_advance(&loop, 1000);
    }
    assert_int_equal(open_count(), 0);
    fake_loop_advance(&loop, 700000); /* the gate's keeper as well */
    end_check();
    process_kill();
    assert_true(revenue_replays_same(&house.world.revenue));
    house_fini(&house);
    fake_loop_fini(&loop);
}

static void test_sim(void **state)
{
    (void)state;
    const char *given = getenv("LUCID_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    for (unsigned i = 0; i < 4; i++) {
        print_message("# seed %llu\n", (unsigned long long)(seed + i));
        round_run(seed + i);
        print_message(
            "# good %u bad %u later %u broken %u kills %u strays %u reverts %u moved %u\n",
            model.good, model.bad, model.later, model.broken, model.kills, model.strays,
            model.reverts, model.moved);
        assert_true(model.good > 0 && model.bad > 0 && model.later > 0 && model.kills > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sim)};
    return cmocka_run_group_tests_name("facilitation sim", tests, NULL, NULL);
}

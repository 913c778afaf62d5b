/* Payments of the gate against a model that only keeps a few numbers: thousands of random commands,
 * most of them about something that is there already, with restarts, and a replay at the end. */
#include <stdlib.h>
#include <time.h>

#include "tests/unit/x402/payment_case.h"

enum {
    ROUNDS = 12, /* each in a log of its own */
    STEPS = 400,
    HALF = 10, /* authorizations, and as many transfers */
    SOLANA = 6,
    FIRST_SOLANA = 2 * HALF, /* authorizations first, then transfers, then these */
    PAYMENTS = FIRST_SOLANA + SOLANA,
    SIGNATURES = 8,          /* by which those are settled, whichever */
    IDENTIFIERS = 4,         /* 0: none */
    TRANSACTIONS = 3 * HALF, /* two for each authorization, one for each transfer */
    LOGS = 2,
    NOBODY = -1,
    RECORDED = 99,
    SUSPENSE = 0,
    PAYEES = 3,
};

enum serving { NOTHING, A_READ, A_WRITE, A_REFUSED_WRITE };

struct model_payment {
    bool exists;
    enum x402_status status;
    bool served;
    bool final;
    bool foreign;
    unsigned place;
    unsigned body;
    unsigned identifier;
    int asset;
    uint64_t legs[GAS_LEGS];
    int holder; /* of the compute leg */
};

static const char *const assets[] = {"proof", "late"};
static const char *const payees[PAYEES] = {NULL, "ann", "bob"};

static struct {
    uint64_t seed;
    struct model_payment payments[PAYMENTS];
    int authorization_owner[HALF];
    int log_owner[TRANSACTIONS][LOGS];
    bool all[TRANSACTIONS];
    int signature_owner[SIGNATURES];
    bool message_taken[SOLANA];
    int identifier_owner[IDENTIFIERS];
    int late_payee;
    uint64_t external; /* amount of recorded payments */
    uint64_t refusals;
    unsigned outcomes[X402_REVERSED + 1];
} model;

static unsigned below(unsigned n)
{
    model.seed = model.seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(model.seed >> 33) % n;
}

/* --- what is expected ------------------------------------------------------------------------- */

/* A step: a command, and what the model makes of it. */
struct step {
    int payment;
    unsigned transaction;
    unsigned log;
    enum serving serving;
    bool says_request; /* else the payment's own */
    unsigned place;
    unsigned body;
    unsigned identifier; /* of an intent, or of a transfer that is new */
};

static bool is_solana(int payment)
{
    return payment >= FIRST_SOLANA;
}

static bool serves(const struct step *step)
{
    return step->serving == A_READ || step->serving == A_WRITE;
}

static bool has_nonce(int payment)
{
    return payment < HALF || (payment % 3 == 0 && !is_solana(payment));
}

/* How a transfer is numbered on Solana. */
static unsigned signature_of(const struct step *step)
{
    return step->transaction % SIGNATURES;
}

static bool keys_free(int payment, const struct step *step, bool transfer)
{
    if (is_solana(payment)) {
        int owner = model.signature_owner[signature_of(step)];
        return !transfer || owner == NOBODY || owner == payment;
    }
    int authorization = model.authorization_owner[payment % HALF];
    int log = model.log_owner[step->transaction][step->log];
    if (has_nonce(payment) && authorization != NOBODY && authorization != payment) {
        return false;
    }
    return !transfer || ((log == NOBODY || log == payment) && !model.all[step->transaction]);
}

static bool identifier_free(int payment, unsigned identifier)
{
    int owner = model.identifier_owner[identifier];
    return identifier == 0 || owner == NOBODY || owner == payment;
}

static void identifier_take(int payment)
{
    unsigned identifier = model.payments[payment].identifier;
    if (identifier != 0 && model.identifier_owner[identifier] == NOBODY) {
        model.identifier_owner[identifier] = payment;
    }
}

static void keys_take(int payment, const struct step *step, bool transfer)
{
    identifier_take(payment);
    if (is_solana(payment)) {
        model.message_taken[payment - FIRST_SOLANA] = true;
        if (transfer) {
            model.signature_owner[signature_of(step)] = payment;
        }
        return;
    }
    if (has_nonce(payment)) {
        model.authorization_owner[payment % HALF] = payment;
    }
    if (transfer) {
        model.log_owner[step->transaction][step->log] = payment;
    }
}

static enum lucid_error admit(struct model_payment *payment, const struct step *step)
{
    if (step->says_request && (step->place != payment->place || step->body != payment->body)) {
        if (payment->served || step->place != payment->place) {
            return LUCID_REFUSE_CONFLICT;
        }
        payment->body = step->body;
    }
    payment->served = true;
    return LUCID_OK;
}

static enum lucid_error expect_served(struct model_payment *payment, const struct step *step,
                                      bool *ret_known)
{
    struct model_payment after = *payment;
    if (payment->foreign) {
        return LUCID_REFUSE_CONFLICT;
    }
    enum lucid_error error = admit(&after, step);
    if (error != LUCID_OK) {
        return error;
    }
    *ret_known = payment->served || !serves(step);
    if (!*ret_known) {
        *payment = after;
    }
    return LUCID_OK;
}

static enum lucid_error expect_settle(struct step *step, bool *ret_known, bool *ret_posted)
{
    struct model_payment *payment = &model.payments[step->payment];
    if (!payment->exists && (step->payment < HALF || is_solana(step->payment))) {
        return LUCID_REFUSE_INVALID;
    }
    if (!payment->exists && has_nonce(step->payment)) {
        int owner = model.authorization_owner[step->payment % HALF];
        if (owner != NOBODY && model.payments[owner].status == X402_REVERSED) {
            step->payment = owner;
            payment = &model.payments[owner];
        }
    }
    if (payment->exists && (payment->status == X402_SETTLED || payment->status == X402_STRAY)) {
        *ret_known = step->serving == NOTHING;
        return *ret_known ? LUCID_OK : expect_served(payment, step, ret_known);
    }
    struct model_payment after = *payment;
    if (!after.exists) {
        after = (struct model_payment){.exists = true,
                                       .place = step->place,
                                       .body = step->body,
                                       .identifier = step->identifier,
                                       .asset = step->payment % 2,
                                       .served = serves(step)};
        if (!identifier_free(step->payment, step->identifier)) {
            return LUCID_REFUSE_CONFLICT;
        }
    } else if (serves(step) && admit(&after, step) != LUCID_OK) {
        return LUCID_REFUSE_CONFLICT;
    }
    if (!keys_free(step->payment, step, true)) {
        return is_solana(step->payment) ? LUCID_RETRY_BUSY : LUCID_REFUSE_CONFLICT;
    }
    after.status = X402_SETTLED;
    after.foreign = false;
    after.final = is_solana(step->payment);
    after.holder = after.asset == 1 ? model.late_payee : SUSPENSE;
    *payment = after;
    keys_take(step->payment, step, true);
    *ret_posted = true;
    return LUCID_OK;
}

static enum lucid_error expect_serve(const struct step *step, bool *ret_known)
{
    struct model_payment *payment = &model.payments[step->payment];
    if (!payment->exists || payment->status == X402_FAILED) {
        return LUCID_REFUSE_INVALID;
    }
    if (payment->status == X402_PENDING || payment->status == X402_REVERSED) {
        return LUCID_RETRY_BUSY;
    }
    return expect_served(payment, step, ret_known);
}

static enum lucid_error expect_end(enum x402_payment_verb verb, const struct step *step,
                                   bool *ret_known)
{
    struct model_payment *payment = &model.payments[step->payment];
    if (!payment->exists) {
        return LUCID_REFUSE_INVALID;
    }
    enum x402_status status = payment->status;
    switch (verb) {
    case X402_FAIL:
        *ret_known = status == X402_FAILED;
        if (status == X402_PENDING) {
            payment->status = X402_FAILED;
            if (is_solana(step->payment)) {
                model.message_taken[step->payment - FIRST_SOLANA] = false;
            } else {
                model.authorization_owner[step->payment] = NOBODY;
            }
            if (model.identifier_owner[payment->identifier] == step->payment) {
                model.identifier_owner[payment->identifier] = NOBODY;
            }
        }
        return *ret_known || status == X402_PENDING ? LUCID_OK : LUCID_REFUSE_CONFLICT;
    case X402_RECORD_STRAY:
        *ret_known = status == X402_STRAY;
        if (*ret_known) {
            return LUCID_OK;
        }
        if (status == X402_SETTLED || is_solana(step->payment) ||
            !keys_free(step->payment, step, true)) {
            return LUCID_REFUSE_CONFLICT;
        }
        keys_take(step->payment, step, true);
        payment->status = X402_STRAY;
        payment->foreign = true;
        payment->final = false;
        return LUCID_OK;
    case X402_REVERSE:
        *ret_known = status == X402_REVERSED;
        if (!is_solana(step->payment) && (status == X402_SETTLED || status == X402_STRAY)) {
            payment->status = X402_REVERSED;
            payment->final = false;
            return LUCID_OK;
        }
        return *ret_known ? LUCID_OK : LUCID_REFUSE_CONFLICT;
    case X402_FINISH:
        *ret_known = status == X402_FAILED || payment->final;
        if (status == X402_PENDING) {
            return LUCID_REFUSE_CONFLICT;
        }
        payment->final = payment->final || !*ret_known;
        return LUCID_OK;
    case X402_INTEND:
    case X402_SETTLE:
    case X402_SERVE:
    default:
        lucid_assert(false);
    }
    return LUCID_OK;
}

static enum lucid_error expect_intend(const struct step *step)
{
    struct model_payment *payment = &model.payments[step->payment];
    if (payment->exists && payment->status == X402_PENDING) {
        return LUCID_RETRY_BUSY;
    }
    if ((payment->exists && payment->status != X402_FAILED) ||
        !keys_free(step->payment, step, false) ||
        !identifier_free(step->payment, step->identifier)) {
        return LUCID_REFUSE_CONFLICT;
    }
    *payment = (struct model_payment){.exists = true,
                                      .status = X402_PENDING,
                                      .place = step->place,
                                      .body = step->body,
                                      .identifier = step->identifier,
                                      .asset = step->payment % 2};
    keys_take(step->payment, step, false);
    return LUCID_OK;
}

/* --- steps ------------------------------------------------------------------------------------ */

static uint8_t ids[PAYMENTS][X402_PAYMENT_ID_BYTES];

static struct x402_transfer transfer_of(int payment, const struct step *step)
{
    unsigned number = (unsigned)payment % HALF;
    if (is_solana(payment)) {
        struct x402_transfer settled = {.final = true};
        settled.signature[0] = (uint8_t)(1 + signature_of(step));
        return settled;
    }
    struct x402_transfer transfer =
        world_transfer(step->transaction, step->log, number, WORLD_PRICE);
    transfer.has_nonce = has_nonce(payment);
    transfer.nonce = world_hash(0x44, number);
    return transfer;
}

static void identify(struct x402_payment_command *command, const struct step *step)
{
    if (step->identifier != 0) {
        (void)snprintf(command->payment.identifier, sizeof(command->payment.identifier),
                       "payment-number-%u", step->identifier);
    }
}

static void command_make(struct x402_payment_command *command, enum x402_payment_verb verb,
                         const struct step *step)
{
    const struct x402_request_kept request = world_request(step->place, step->body);
    if (verb == X402_INTEND && is_solana(step->payment)) {
        world_intend_solana(&world, command, (uint8_t)step->payment, assets[step->payment % 2],
                            &request);
    } else if (verb == X402_INTEND) {
        world_intend(&world, command, (uint64_t)step->payment, assets[step->payment % 2], &request);
    }
    if (verb == X402_INTEND) {
        identify(command, step);
        return;
    }
    world_end(command, verb, ids[step->payment]);
    if (verb == X402_SETTLE && step->payment >= HALF && !is_solana(step->payment)) {
        world_show(&world, command, step->transaction, step->log, WORLD_PRICE,
                   assets[step->payment % 2], &request);
        identify(command, step);
    }
    if (step->says_request) {
        command->payment.request = request;
    }
    command->payment.transfer = transfer_of(step->payment, step);
}

static enum lucid_error command_run(struct x402_payment_command *command, const struct step *step)
{
    enum lucid_error paid;
    if (step->serving == A_WRITE || step->serving == A_REFUSED_WRITE) {
        return world_buy(&world, command, step->serving == A_WRITE, &paid);
    }
    command->reads = step->serving == A_READ;
    return world_run(&world, command);
}

static void payment_compare(int number)
{
    const struct model_payment *want = &model.payments[number];
    struct x402_payment payment;
    enum lucid_error error = world_read(&world, ids[number], &payment);
    assert_int_equal(error, want->exists ? LUCID_OK : LUCID_NOTE_ABSENT);
    if (!want->exists) {
        return;
    }
    const struct x402_request_kept request = world_request(want->place, want->body);
    assert_int_equal(payment.status, want->status);
    assert_int_equal(payment.served, want->served);
    assert_int_equal(payment.final, want->final);
    assert_int_equal(payment.foreign, want->foreign);
    assert_memory_equal(payment.request.digest, request.digest, sizeof(request.digest));
    assert_string_equal(payment.asset, assets[want->asset]);
    assert_int_equal(payment.scheme == X402_SCHEME_SOLANA, is_solana(number));
    assert_int_equal(payment.identifier[0] == '\0'
                         ? 0
                         : payment.identifier[strlen(payment.identifier) - 1] - '0',
                     want->identifier);
}

static void legs_note(int number)
{
    struct x402_payment payment;
    struct gas_payment share;
    assert_int_equal(world_read(&world, ids[number], &payment), LUCID_OK);
    assert_int_equal(ledger_view_begin(WORLD_CORE(&world)->view), LUCID_OK);
    assert_int_equal(gas_payment_read(WORLD_CORE(&world)->view, payment.settled_sequence, &share),
                     LUCID_OK);
    ledger_view_end(WORLD_CORE(&world)->view);
    memcpy(model.payments[number].legs, share.legs, sizeof(share.legs));
}

static struct step step_draw(enum x402_payment_verb verb)
{
    struct step step = {
        .payment = (int)below(PAYMENTS),
        .identifier = below(3) == 0 ? below(IDENTIFIERS) : 0,
        .serving = (enum serving)below(4),
        .place = below(2),
        .body = below(2),
    };
    bool transfer = step.payment >= HALF && !is_solana(step.payment);
    if (transfer && verb == X402_INTEND) {
        step.payment -= HALF;
        transfer = false;
    }
    unsigned number = (unsigned)step.payment % HALF;
    step.transaction = transfer ? 2 * HALF + number : 2 * number + below(2);
    step.log = transfer ? 0 : 1;
    if (is_solana(step.payment)) { /* mostly its own signature */
        step.transaction =
            below(8) == 0 ? below(SIGNATURES) : (unsigned)step.payment - FIRST_SOLANA;
    }
    step.says_request = (verb == X402_SETTLE && transfer) || below(2) == 0;
    if (verb != X402_SETTLE && verb != X402_SERVE) {
        step.serving = NOTHING;
    }
    return step;
}

static void payment_step(void)
{
    static const enum x402_payment_verb verbs[] = {
        X402_INTEND, X402_INTEND,       X402_SETTLE,  X402_SETTLE,  X402_SETTLE, X402_SERVE,
        X402_FAIL,   X402_RECORD_STRAY, X402_REVERSE, X402_REVERSE, X402_FINISH};
    enum x402_payment_verb verb = verbs[below(sizeof(verbs) / sizeof(verbs[0]))];
    struct x402_payment_command command;
    struct step step = step_draw(verb);
    bool known = false;
    bool posted = false;
    uint8_t before[LUCID_SHA256_BYTES];
    uint8_t after[LUCID_SHA256_BYTES];
    command_make(&command, verb, &step);
    bool digests = below(20) == 0;
    if (digests) {
        world_digest(&world, before);
    }
    uint64_t events = core_events(WORLD_CORE(&world));
    enum lucid_error error = command_run(&command, &step);
    enum lucid_error want = verb == X402_INTEND   ? expect_intend(&step)
                            : verb == X402_SETTLE ? expect_settle(&step, &known, &posted)
                            : verb == X402_SERVE  ? expect_serve(&step, &known)
                                                  : expect_end(verb, &step, &known);
    assert_int_equal(error, want);
    payment_compare(step.payment);
    if (error != LUCID_OK) {
        model.refusals++;
        assert_int_equal(core_events(WORLD_CORE(&world)), events);
        if (digests) {
            world_digest(&world, after);
            assert_memory_equal(before, after, sizeof(after));
        }
        return;
    }
    assert_int_equal(command.ret_known, known);
    assert_memory_equal(command.payment.id, ids[step.payment], X402_PAYMENT_ID_BYTES);
    uint64_t leaf = step.serving == A_WRITE ? 1 : 0;
    assert_int_equal(core_events(WORLD_CORE(&world)), events + leaf + (known ? 0 : 1));
    if (posted) {
        legs_note(step.payment);
    }
    model.outcomes[model.payments[step.payment].status]++;
}

static void recorded_step(void)
{
    char text[GAS_TRANSACTION_BYTES_MAX + 1];
    char external_id[32];
    unsigned transaction = below(TRANSACTIONS);
    unsigned log = below(LOGS);
    bool whole = below(2) == 0;
    const struct evm_hash hash = world_hash(0xaa, transaction);
    evm_hash_text(&hash, text);
    if (!whole) {
        (void)snprintf(text + EVM_HASH_TEXT_BYTES, sizeof(text) - EVM_HASH_TEXT_BYTES, "/%u", log);
    }
    (void)snprintf(external_id, sizeof(external_id), "ext-%llu",
                   (unsigned long long)core_events(WORLD_CORE(&world)));
    struct gas_payment_command command;
    const struct gas_payment_request request = {
        .asset = lucid_span_str("proof"),
        .unit = GAS_USDC,
        .amount = 13,
        .external_id = lucid_span_str(external_id),
        .network = lucid_span_str(NETWORK),
        .transaction = lucid_span_str(text),
    };
    assert_int_equal(gas_payment_prepare(&command, &request, NULL), LUCID_OK);
    bool taken = model.all[transaction] || model.log_owner[transaction][log] != NOBODY ||
                 (whole && model.log_owner[transaction][1 - log] != NOBODY);
    assert_int_equal(core_run(WORLD_CORE(&world), &command.command),
                     taken ? LUCID_REFUSE_CONFLICT : LUCID_OK);
    if (taken) {
        return;
    }
    model.external += 13;
    if (whole) {
        model.all[transaction] = true;
    } else {
        model.log_owner[transaction][log] = RECORDED;
    }
}

/* Another payee of "late", or none. */
static void price_step(void)
{
    model.late_payee = (int)below(PAYEES);
    (void)price_set(&world.revenue, "late", payees[model.late_payee], "lab", NULL);
    for (int i = 0; i < PAYMENTS && model.late_payee != SUSPENSE; i++) {
        struct model_payment *payment = &model.payments[i];
        if (payment->status == X402_SETTLED && payment->asset == 1 && payment->holder == SUSPENSE) {
            payment->holder = model.late_payee;
        }
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static void identifiers_compare(void)
{
    struct ledger_view *view = WORLD_CORE(&world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    for (unsigned i = 1; i < IDENTIFIERS; i++) {
        struct x402_payment payment;
        char text[32];
        (void)snprintf(text, sizeof(text), "payment-number-%u", i);
        enum lucid_error error = x402_payment_identified(view, lucid_span_str(text), &payment);
        int owner = model.identifier_owner[i];
        assert_int_equal(error, owner == NOBODY ? LUCID_NOTE_ABSENT : LUCID_OK);
        if (owner != NOBODY) {
            assert_memory_equal(payment.id, ids[owner], X402_PAYMENT_ID_BYTES);
        }
    }
    ledger_view_end(view);
}

static void all_compare(void)
{
    int64_t clearing = 0;
    int64_t cleared_by_others = 0;
    int64_t stray[2] = {0, 0};
    int64_t late[PAYEES] = {0};
    size_t statuses[X402_REVERSED + 1] = {0};
    size_t open = 0;
    for (int i = 0; i < PAYMENTS; i++) {
        const struct model_payment *payment = &model.payments[i];
        payment_compare(i);
        if (!payment->exists) {
            continue;
        }
        statuses[0]++;
        statuses[payment->status]++;
        open += payment->status != X402_FAILED && !payment->final;
        if (payment->status == X402_SETTLED || payment->status == X402_STRAY) {
            *(is_solana(i) ? &cleared_by_others : &clearing) += (int64_t)WORLD_PRICE;
        }
        stray[payment->asset] += payment->status == X402_STRAY ? (int64_t)WORLD_PRICE : 0;
        if (payment->status == X402_SETTLED && payment->asset == 1) {
            late[payment->holder] += (int64_t)payment->legs[GAS_COMPUTE];
        }
    }
    for (int status = 0; status <= X402_REVERSED; status++) {
        assert_int_equal(world_count(&world, status, false), statuses[status]);
    }
    assert_int_equal(world_count(&world, 0, true), open);
    assert_int_equal(balance(WORLD_CLEARING), -clearing);
    assert_int_equal(balance("clearing:payai:USDC"), -cleared_by_others);
    assert_int_equal(balance("clearing:external:USDC"), -(int64_t)model.external);
    assert_int_equal(balance("suspense:payment:proof:USDC"), stray[0]);
    assert_int_equal(balance("suspense:payment:late:USDC"), stray[1]);
    assert_int_equal(balance("suspense:compute:late:USDC"), late[SUSPENSE]);
    assert_int_equal(balance("payee:ann:USDC"), late[1]);
    assert_int_equal(balance("payee:bob:USDC"), late[2]);
    assert_true(world_balances(&world));
    size_t keys = 0;
    for (int i = 0; i < HALF; i++) {
        keys += model.authorization_owner[i] != NOBODY;
    }
    for (int i = 0; i < TRANSACTIONS; i++) {
        keys += model.all[i];
        for (int log = 0; log < LOGS; log++) {
            keys += model.log_owner[i][log] != NOBODY;
        }
    }
    for (int i = 0; i < SOLANA; i++) {
        keys += model.message_taken[i];
    }
    for (int i = 0; i < SIGNATURES; i++) {
        keys += model.signature_owner[i] != NOBODY;
    }
    assert_int_equal(world_keys(&world), keys);
    identifiers_compare();
}

static void model_begin(void)
{
    struct x402_spent_key key;
    memset(model.payments, 0, sizeof(model.payments));
    memset(model.all, 0, sizeof(model.all));
    model.late_payee = SUSPENSE;
    model.external = 0;
    WORLD_CORE(&world)->epoch.receipts_max = STEPS + 1; /* no event but those of the commands */
    for (int i = 0; i < HALF; i++) {
        model.authorization_owner[i] = NOBODY;
        world_id(&world, (uint64_t)i, ids[i]);
        const struct evm_hash hash = world_hash(0xaa, 2 * HALF + (uint64_t)i);
        x402_key_transfer(&world.network, &hash, 0, &key);
        x402_payment_id(lucid_span_str(key.text), ids[HALF + i]);
    }
    memset(model.log_owner, 0xff, sizeof(model.log_owner));
    memset(model.signature_owner, 0xff, sizeof(model.signature_owner));
    memset(model.identifier_owner, 0xff, sizeof(model.identifier_owner));
    memset(model.message_taken, 0, sizeof(model.message_taken));
    for (int i = FIRST_SOLANA; i < PAYMENTS; i++) {
        world_solana_id((uint8_t)i, ids[i]);
    }
    (void)price_set(&world.revenue, "late", NULL, "lab", NULL);
}

static void round_run(void)
{
    model_begin();
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned draw = below(200);
        if (draw == 0) {
            recorded_step();
        } else if (draw < 8) {
            price_step();
        } else if (draw == 8) {
            core_world_reopen(WORLD_CORE(&world));
        } else {
            payment_step();
        }
        if (step % 50 == 0) {
            all_compare();
        }
    }
    all_compare();
}

static void test_model(void **state)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)setup(state);
        round_run();
        (void)teardown(state);
    }
    print_message("# %d steps, %llu refusals; became pending %u, failed %u, settled %u, stray %u, "
                  "reversed %u times\n",
                  ROUNDS * STEPS, (unsigned long long)model.refusals, model.outcomes[X402_PENDING],
                  model.outcomes[X402_FAILED], model.outcomes[X402_SETTLED],
                  model.outcomes[X402_STRAY], model.outcomes[X402_REVERSED]);
    for (int status = X402_PENDING; status <= X402_REVERSED; status++) {
        assert_true(model.outcomes[status] > 10);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};
    model.seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    print_message("# seed %llu\n", (unsigned long long)model.seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

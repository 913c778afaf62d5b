/* x402/gate.h with payments that others settle: on Solana, of smart wallets, with identifiers; who
 * settles, and with what it is asked again. */
#include "tests/unit/x402/gate_scene.h"

enum { HEARD_MAX = 64 };

/* What the facilitator was asked, in order. */
static struct {
    unsigned count;
    enum x402_charge_verb verbs[HEARD_MAX];
    char facilitators[HEARD_MAX][GAS_NAME_BYTES_MAX + 1];
    char forwards[HEARD_MAX][192];
    bool smart_wallets[HEARD_MAX];
    bool has_told[HEARD_MAX];
    struct evm_hash told[HEARD_MAX];
    uint64_t claims[HEARD_MAX]; /* held then */
    const char *settler;        /* VERIFY names it; NULL: nobody */
    bool judges;                /* VERIFY: smart wallets by their signatures */
    bool lies;                  /* one signature for all on Solana */
    bool settled_before;        /* VERIFY says so, without being asked for it */
    unsigned sends;             /* PENDING has a transaction on its way, of that number */
} heard;

static struct scene *scene;

static void hear(const struct x402_charge *charge)
{
    unsigned i = heard.count++;
    assert_true(i < HEARD_MAX);
    heard.verbs[i] = charge->verb;
    (void)snprintf(heard.facilitators[i], sizeof(heard.facilitators[i]), "%s", charge->facilitator);
    (void)snprintf(heard.forwards[i], sizeof(heard.forwards[i]), "%.*s", (int)charge->forward.len,
                   charge->forward.data == NULL ? "" : (const char *)charge->forward.data);
    heard.smart_wallets[i] = charge->smart_wallet;
    heard.has_told[i] = charge->has_told;
    heard.told[i] = charge->told;
    heard.claims[i] = claims_of(scene);
}

static void market_answer(struct house *house, struct x402_charge *charge)
{
    hear(charge);
    script_answer(house, charge);
    if (charge->outcome == PENDING && heard.sends > 0) {
        charge->has_transaction = true;
        charge->sent = world_hash(0x70, heard.sends);
    }
    bool moved = charge->outcome == GOOD || charge->outcome == STRAY;
    if (charge->verb == X402_CHARGE_VERIFY) {
        assert_string_equal(charge->asset, "proof");
        if (charge->outcome == GOOD && heard.settler != NULL) {
            (void)snprintf(charge->facilitator, sizeof(charge->facilitator), "%s", heard.settler);
        }
        if (heard.judges && charge->smart_wallet && !forward_is_signed(charge->forward)) {
            charge->outcome = BAD;
            charge->reason = "invalid_exact_evm_payload_signature";
        }
        charge->has_transaction = heard.settled_before;
    } else if (charge->network->solana && moved) {
        charge->transfer = settlement_of_message(&charge->solana);
        if (heard.lies) {
            memset(charge->transfer.signature, 1, sizeof(charge->transfer.signature));
        }
    } else if (charge->verb == X402_CHARGE_SETTLE && moved) {
        charge->transfer = settlement_of(lucid_get_be64(charge->authorization.from.bytes),
                                         charge->outcome == GOOD);
    }
}

static void market_open(const char *settler)
{
    memset(&heard, 0, sizeof(heard));
    heard.settler = settler;
    heard.judges = true;
    scene = scene_open(false);
    scene->house.answer = market_answer;
    house_open(&scene->house, NULL);
}

static struct x402_payment payment_of(const struct buyer *buyer)
{
    struct x402_payment payment = {.sequence = 0};
    assert_true(buyer->job.has_payment);
    assert_int_equal(world_read(&scene->house.world, buyer->job.payment.id, &payment), LUCID_OK);
    return payment;
}

static void forward_is(const struct x402_payment *payment, const char *want)
{
    struct lucid_buf out = {0};
    struct ledger_view *view = WORLD_CORE(&scene->house.world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    enum lucid_error error = x402_payment_forward(view, payment, &out);
    ledger_view_end(view);
    assert_int_equal(error, want == NULL ? LUCID_NOTE_ABSENT : LUCID_OK);
    if (want != NULL) {
        assert_int_equal(out.len, strlen(want));
        assert_memory_equal(out.data, want, out.len);
    }
    lucid_buf_fini(&out);
}

static void restart(void)
{
    house_kill(&scene->house, true);
    house_open(&scene->house, NULL);
}

/* --- who settles ------------------------------------------------------------------------------ */

/* `direct` alone: nothing of this shows, and what others would be sent is not kept. */
static void test_direct(void **state)
{
    (void)state;
    market_open(NULL);
    struct buyer *buyer = &scene->buyer;
    buyer_authorization(&scene->house, buyer, 1, 1, 1);
    buyer->job.forward = lucid_span_str("{}");
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    struct x402_payment payment = payment_of(buyer);
    assert_string_equal(payment.facilitator, "direct");
    forward_is(&payment, NULL);
    buyer_transfer(&scene->house, buyer, 7, 1, 1, 1, 2);
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    payment = payment_of(buyer);
    assert_string_equal(payment.facilitator, "direct");
    scene_close(scene);
}

/* VERIFY's choice is in the intent, is asked to settle, and after a restart is asked again with the
 * same payload. */
static void test_chosen(void **state)
{
    (void)state;
    market_open("coinbase");
    struct buyer *buyer = &scene->buyer;
    script[X402_CHARGE_SETTLE] = PENDING;
    buyer_authorization(&scene->house, buyer, 1, 1, 1);
    buyer->job.forward = lucid_span_str("{\"paymentPayload\":{\"a\":1}}");
    assert_int_equal(show(scene, buyer), X402_OUTSTANDING);
    struct x402_payment payment = payment_of(buyer);
    assert_string_equal(payment.facilitator, "coinbase");
    forward_is(&payment, "{\"paymentPayload\":{\"a\":1}}");
    restart();
    heard.settler = "another";
    script[X402_CHARGE_ASK] = GOOD;
    fake_loop_advance(&scene->loop, 3000);
    assert_int_equal(heard.verbs[0], X402_CHARGE_VERIFY);
    assert_string_equal(heard.facilitators[0], "");
    assert_int_equal(heard.verbs[1], X402_CHARGE_SETTLE);
    assert_int_equal(heard.verbs[2], X402_CHARGE_ASK);
    for (unsigned i = 1; i <= 2; i++) {
        assert_string_equal(heard.facilitators[i], "coinbase");
        assert_string_equal(heard.forwards[i], "{\"paymentPayload\":{\"a\":1}}");
        assert_false(heard.smart_wallets[i]);
    }
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    payment = payment_of(buyer);
    assert_int_equal(payment.status, X402_SETTLED);
    assert_string_equal(payment.facilitator, "coinbase");
    assert_int_equal(owed(&scene->house.world.revenue, "clearing:coinbase:USDC"), -1000);
    assert_int_equal(claims_of(scene), 0);
    scene_close(scene);
}

static void was_told(unsigned at, const struct evm_hash *hash)
{
    assert_true(at < heard.count && heard.verbs[at] == X402_CHARGE_ASK && heard.has_told[at]);
    assert_memory_equal(&heard.told[at], hash, sizeof(*hash));
}

/* What the facilitator told of stays known in the next questions: it may be the only word for whose
 * transaction it is. What a reorganisation took may come back by the one that was recorded. */
static void test_told(void **state)
{
    (void)state;
    market_open("coinbase");
    struct buyer *buyer = &scene->buyer;
    script[X402_CHARGE_SETTLE] = PENDING;
    heard.sends = 1;
    buyer_authorization(&scene->house, buyer, 1, 1, 1);
    assert_int_equal(show(scene, buyer), X402_OUTSTANDING);
    struct evm_hash sent = world_hash(0x70, 1);
    heard.sends = 2;
    while (heard.count < 4) {
        fake_loop_advance(&scene->loop, 1000);
    }
    was_told(2, &sent);
    sent = world_hash(0x70, 2);
    was_told(3, &sent);
    heard.sends = 0;
    script[X402_CHARGE_ASK] = GOOD;
    script[X402_CHARGE_WATCH] = LOST;
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    script[X402_CHARGE_ASK] = PENDING;
    restart();
    heard.count = 0;
    fake_loop_advance(&scene->loop, 10000);
    assert_int_equal(payment_of(buyer).status, X402_REVERSED);
    const struct x402_transfer transfer = payment_of(buyer).transfer;
    was_told(heard.count - 1, &transfer.transaction);
    scene_close(scene);
}

/* More than an intent holds is as none. */
static void test_forward_too_long(void **state)
{
    (void)state;
    static char large[X402_FORWARD_BYTES_MAX + 1];
    market_open(NULL);
    struct buyer *buyer = &scene->buyer;
    memset(large, ' ', sizeof(large));
    buyer_authorization(&scene->house, buyer, 1, 1, 1);
    buyer->job.forward = lucid_span(large, sizeof(large));
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    assert_string_equal(heard.forwards[0], "");
    buyer_wallet(&scene->house, buyer, 2, 2, 1, 1);
    buyer->job.forward = lucid_span(large, sizeof(large));
    assert_int_equal(show(scene, buyer), X402_NOT_PAID);
    scene_close(scene);
}

/* --- Solana ----------------------------------------------------------------------------------- */

static void test_solana(void **state)
{
    (void)state;
    market_open("payai");
    struct buyer *buyer = &scene->buyer;
    buyer_solana(&scene->house, buyer, 1, 1, 1);
    buyer_ware(buyer, 9, false);
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    struct x402_payment payment = payment_of(buyer);
    assert_int_equal(payment.scheme, X402_SCHEME_SOLANA);
    assert_true(payment.final && payment.served);
    assert_string_equal(payment.facilitator, "payai");
    assert_int_equal(payment.solana.pay_to[0], 0x75);
    /* It is not watched: nobody can take it back. */
    fake_loop_advance(&scene->loop, 60000);
    assert_int_equal(scene->house.asked[X402_CHARGE_WATCH], 0);
    struct x402_gate_counters counters;
    x402_gate_counters_read(scene->house.gate, &counters);
    assert_int_equal(counters.open, 0);
    assert_int_equal(claims_of(scene), 0);
    /* The same again, another request, after a restart too. */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(show(scene, buyer), X402_ADMITTED);
        assert_true(buyer->job.replayed);
        struct buyer other = {.done = 0};
        buyer_solana(&scene->house, &other, 1, 1, 2);
        assert_int_equal(show(scene, &other), X402_SPENT);
        assert_string_equal(x402_gate_spent_code(&other.job), "PAYMENT_ALREADY_SPENT");
        restart();
    }
    assert_int_equal(scene->house.asked[X402_CHARGE_SETTLE], 1);
    assert_int_equal(owed(&scene->house.world.revenue, "clearing:payai:USDC"), -1000);
    scene_close(scene);
}

/* Whatever is said of it, until it is settled or for certain is not. */
static void test_solana_outcomes(void **state)
{
    (void)state;
    static const struct {
        enum x402_charge_outcome verify, settle, ask;
        enum x402_gate_outcome want;
        int later;
    } says[] = {
        {BAD, GOOD, GOOD, X402_NOT_PAID, NONE},
        {AWAY, GOOD, GOOD, X402_UNAVAILABLE, NONE},
        {STRAY, GOOD, GOOD, X402_UNAVAILABLE, NONE},
        {GOOD, BAD, GOOD, X402_NOT_PAID, X402_FAILED},
        {GOOD, AWAY, GOOD, X402_UNAVAILABLE, X402_FAILED},
        {GOOD, PENDING, GOOD, X402_OUTSTANDING, X402_SETTLED},
        {GOOD, PENDING, BAD, X402_OUTSTANDING, X402_FAILED},
        {GOOD, PENDING, AWAY, X402_OUTSTANDING, X402_PENDING},
        {GOOD, PENDING, PENDING, X402_OUTSTANDING, X402_PENDING},
        {GOOD, PENDING, STRAY, X402_OUTSTANDING, X402_PENDING},
        {GOOD, STRAY, GOOD, X402_OUTSTANDING, X402_SETTLED},
        {GOOD, LOST, GOOD, X402_UNAVAILABLE, X402_FAILED},
    };
    for (unsigned i = 0; i < 2 * sizeof(says) / sizeof(says[0]); i++) {
        unsigned at = i / 2;
        bool served;
        struct x402_spent_key key;
        uint8_t id[X402_PAYMENT_ID_BYTES];
        market_open("payai");
        struct buyer *buyer = &scene->buyer;
        script_set(GOOD, says[at].verify, says[at].settle, PENDING, LOST);
        buyer_solana(&scene->house, buyer, 1, 1, 1);
        x402_key_solana(buyer->job.network, buyer->job.proof.solana.message, &key);
        x402_payment_id(lucid_span_str(key.text), id);
        assert_int_equal(show(scene, buyer), says[at].want);
        assert_int_equal(claims_of(scene), says[at].want == X402_OUTSTANDING ? 1 : 0);
        if (i % 2 == 1) {
            restart();
        }
        script[X402_CHARGE_ASK] = says[at].ask;
        fake_loop_advance(&scene->loop, 5000);
        assert_int_equal(status_of(scene, id, &served), says[at].later);
        /* Then it goes well, whatever was before. */
        script_set(GOOD, GOOD, GOOD, GOOD, LOST);
        fake_loop_advance(&scene->loop, 70000);
        assert_int_equal(show(scene, buyer), X402_ADMITTED);
        assert_int_equal(status_of(scene, id, &served), X402_SETTLED);
        assert_true(served);
        assert_int_equal(claims_of(scene), 0);
        assert_int_equal(owed(&scene->house.world.revenue, "clearing:payai:USDC"), -1000);
        assert_int_equal(world_count(&scene->house.world, 0, true), 0);
        scene_close(scene);
    }
}

/* One signature for two payments: what became of the second is not known, whatever is said. */
static void test_solana_lie(void **state)
{
    (void)state;
    market_open("payai");
    struct buyer *buyer = &scene->buyer;
    struct buyer other = {.done = 0};
    heard.lies = true;
    buyer_solana(&scene->house, buyer, 1, 1, 1);
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    buyer_solana(&scene->house, &other, 2, 1, 1);
    assert_int_equal(show(scene, &other), X402_OUTSTANDING);
    script[X402_CHARGE_ASK] = GOOD;
    fake_loop_advance(&scene->loop, 20000);
    assert_int_equal(world_count(&scene->house.world, X402_PENDING, true), 1);
    assert_int_equal(claims_of(scene), 1);
    heard.lies = false;
    fake_loop_advance(&scene->loop, 70000);
    assert_int_equal(show(scene, &other), X402_ADMITTED);
    assert_int_equal(claims_of(scene), 0);
    assert_int_equal(owed(&scene->house.world.revenue, "clearing:payai:USDC"), -2000);
    scene_close(scene);
}

/* --- smart wallets ---------------------------------------------------------------------------- */

static void test_wallet(void **state)
{
    (void)state;
    market_open("coinbase");
    struct buyer *buyer = &scene->buyer;
    struct buyer other = {.done = 0};
    buyer_wallet(&scene->house, buyer, 1, 1, 1, 1);
    buyer->job.smart_wallet_ok = false;
    assert_int_equal(show(scene, buyer), X402_NOT_PAID);
    assert_string_equal(buyer->job.reason, "invalid_exact_evm_signature");
    buyer->job.smart_wallet_ok = true;
    buyer->job.forward.data = NULL;
    assert_int_equal(show(scene, buyer), X402_NOT_PAID);
    assert_int_equal(heard.count, 0);
    /* By a stranger: nothing is held while it is looked at, nor after. */
    buyer_wallet(&scene->house, &other, 1, 99, 1, 1);
    assert_int_equal(show(scene, &other), X402_NOT_PAID);
    assert_string_equal(other.job.reason, "invalid_exact_evm_payload_signature");
    assert_int_equal(heard.claims[0], 0);
    assert_true(heard.smart_wallets[0]);
    assert_int_equal(claims_of(scene), 0);
    assert_int_equal(world_count(&scene->house.world, 0, false), 0);
    /* By its owner. */
    buyer_wallet(&scene->house, buyer, 1, 1, 1, 1);
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    assert_int_equal(heard.count, 3);
    assert_int_equal(heard.claims[1], 0);
    assert_int_equal(heard.claims[2], 1);
    struct x402_payment payment = payment_of(buyer);
    static const struct evm_signature zero;
    assert_memory_equal(&payment.signature, &zero, sizeof(zero));
    assert_string_equal(payment.facilitator, "coinbase");
    forward_is(&payment, buyer->forward);
    /* Shown again: by the same bytes it is the client's, by others it is not. */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(show(scene, buyer), X402_ADMITTED);
        assert_true(buyer->job.replayed);
        assert_int_equal(show(scene, &other), X402_NOT_PAID);
        assert_string_equal(other.job.reason, "payment_not_bound");
        struct buyer second = {.done = 0};
        buyer_wallet(&scene->house, &second, 1, 1, 2, 1);
        assert_int_equal(show(scene, &second), X402_SPENT);
        restart();
    }
    assert_int_equal(scene->house.asked[X402_CHARGE_VERIFY], 2);
    assert_int_equal(scene->house.asked[X402_CHARGE_SETTLE], 1);
    scene_close(scene);
}

static uint64_t verify_slowly(struct house *house, int what)
{
    (void)house;
    return what == X402_CHARGE_VERIFY ? 1000 : 2;
}

/* Strangers that are being looked at are in nobody's way; many of the owner are one payment. */
static void test_wallet_crowd(void **state)
{
    (void)state;
    enum { EACH = 20 };
    static struct buyer strangers[EACH];
    static struct buyer owners[EACH];
    market_open("coinbase");
    struct house *house = &scene->house;
    house->delay_ms = verify_slowly;
    for (unsigned i = 0; i < EACH; i++) {
        buyer_wallet(house, &strangers[i], 1, 50 + i, 1, 1);
        buyer_enter(house, &strangers[i]);
        fake_loop_advance(&scene->loop, 5);
        buyer_wallet(house, &owners[i], 1, 1, 1, i % 2);
        buyer_enter(house, &owners[i]);
    }
    fake_loop_advance(&scene->loop, 10000);
    unsigned admitted = 0;
    for (unsigned i = 0; i < EACH; i++) {
        assert_int_equal(strangers[i].job.outcome, X402_NOT_PAID);
        admitted += owners[i].job.outcome == X402_ADMITTED;
        assert_true(owners[i].job.outcome == X402_ADMITTED || owners[i].job.outcome == X402_SPENT ||
                    owners[i].job.outcome == X402_OUTSTANDING);
    }
    assert_int_equal(admitted, EACH / 2);
    assert_int_equal(house->asked[X402_CHARGE_SETTLE], 1);
    assert_int_equal(world_count(&house->world, 0, false), 1);
    assert_int_equal(claims_of(scene), 0);
    scene_close(scene);
}

/* What has been settled already admits nobody who cannot show that it is his. */
static void test_wallet_settled(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        market_open("coinbase");
        struct buyer *buyer = &scene->buyer;
        heard.settled_before = i == 1;
        heard.judges = false;
        script[X402_CHARGE_VERIFY] = i == 1 ? GOOD : STRAY;
        buyer_wallet(&scene->house, buyer, 1, 99, 1, 1);
        assert_int_equal(show(scene, buyer), X402_SPENT);
        assert_string_equal(buyer->job.reason, "settled_by_another");
        assert_int_equal(claims_of(scene), 0);
        assert_int_equal(world_count(&scene->house.world, 0, false), 0);
        scene_close(scene);
    }
}

/* It is asked after with its forward, by whoever was given it. */
static void test_wallet_pending(void **state)
{
    (void)state;
    market_open("coinbase");
    struct buyer *buyer = &scene->buyer;
    struct buyer other = {.done = 0};
    script[X402_CHARGE_SETTLE] = PENDING;
    buyer_wallet(&scene->house, buyer, 1, 1, 1, 1);
    assert_int_equal(show(scene, buyer), X402_OUTSTANDING);
    buyer_wallet(&scene->house, &other, 1, 99, 1, 1);
    assert_int_equal(show(scene, &other), X402_NOT_PAID);
    restart();
    fake_loop_advance(&scene->loop, 3000);
    unsigned last = heard.count - 1;
    assert_int_equal(heard.verbs[last], X402_CHARGE_ASK);
    assert_true(heard.smart_wallets[last]);
    assert_string_equal(heard.forwards[last], buyer->forward);
    assert_string_equal(heard.facilitators[last], "coinbase");
    script[X402_CHARGE_ASK] = BAD;
    fake_loop_advance(&scene->loop, 10000);
    assert_int_equal(world_count(&scene->house.world, X402_FAILED, false), 1);
    assert_int_equal(claims_of(scene), 0);
    /* It failed: it may be tried again. */
    script[X402_CHARGE_SETTLE] = GOOD;
    assert_int_equal(show(scene, &other), X402_NOT_PAID);
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    scene_close(scene);
}

/* --- identifiers ------------------------------------------------------------------------------ */

static void test_identifier(void **state)
{
    (void)state;
    market_open(NULL);
    struct buyer *buyer = &scene->buyer;
    struct buyer other = {.done = 0};
    buyer_authorization(&scene->house, buyer, 1, 1, 1);
    buyer_identify(buyer, 5);
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    struct x402_payment payment = payment_of(buyer);
    assert_string_equal(payment.identifier, buyer->identifier);
    unsigned asked = heard.count;
    for (unsigned i = 0; i < 2; i++) {
        /* Another payment for the same request. */
        buyer_authorization(&scene->house, &other, 2, 1, 1);
        buyer_identify(&other, 5);
        assert_int_equal(show(scene, &other), X402_SPENT);
        assert_string_equal(x402_gate_spent_code(&other.job), "PAYMENT_IDENTIFIER_CONFLICT");
        assert_int_equal(heard.count, asked);
        /* The same payment: the answer again. */
        assert_int_equal(show(scene, buyer), X402_ADMITTED);
        assert_true(buyer->job.replayed);
        restart();
        asked = heard.count;
    }
    buyer_identify(&other, 6);
    assert_int_equal(show(scene, &other), X402_ADMITTED);
    buyer_identify(&other, 5); /* its own payment, by another's name */
    assert_int_equal(show(scene, &other), X402_SPENT);
    assert_int_equal(world_count(&scene->house.world, 0, false), 2);
    scene_close(scene);
}

/* At the same time the writer is the judge. */
static void test_identifier_race(void **state)
{
    (void)state;
    enum { EACH = 16 };
    static struct buyer many[EACH];
    market_open("payai");
    struct house *house = &scene->house;
    for (unsigned i = 0; i < EACH; i++) {
        if (i % 2 == 0) {
            buyer_solana(house, &many[i], 10 + i, 1, 1);
        } else {
            buyer_wallet(house, &many[i], 10 + i, 10 + i, 1, 1);
        }
        buyer_identify(&many[i], 5);
        buyer_enter(house, &many[i]);
    }
    fake_loop_advance(&scene->loop, 10000);
    unsigned admitted = 0;
    for (unsigned i = 0; i < EACH; i++) {
        bool conflict = many[i].job.outcome == X402_SPENT;
        admitted += many[i].job.outcome == X402_ADMITTED;
        assert_true(conflict || many[i].job.outcome == X402_ADMITTED);
        assert_true(!conflict ||
                    strcmp(x402_gate_spent_code(&many[i].job), "PAYMENT_IDENTIFIER_CONFLICT") == 0);
    }
    assert_int_equal(admitted, 1);
    assert_int_equal(house->asked[X402_CHARGE_SETTLE], 1);
    assert_int_equal(claims_of(scene), 0);
    scene_close(scene);
}

/* A payment that failed gives its identifier back. */
static void test_identifier_again(void **state)
{
    (void)state;
    market_open(NULL);
    struct buyer *buyer = &scene->buyer;
    script[X402_CHARGE_SETTLE] = BAD;
    buyer_authorization(&scene->house, buyer, 1, 1, 1);
    buyer_identify(buyer, 5);
    assert_int_equal(show(scene, buyer), X402_NOT_PAID);
    script[X402_CHARGE_SETTLE] = GOOD;
    buyer_authorization(&scene->house, buyer, 1, 1, 2);
    buyer_identify(buyer, 5);
    assert_int_equal(show(scene, buyer), X402_ADMITTED);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct),           cmocka_unit_test(test_chosen),
        cmocka_unit_test(test_forward_too_long), cmocka_unit_test(test_solana),
        cmocka_unit_test(test_solana_outcomes),  cmocka_unit_test(test_wallet),
        cmocka_unit_test(test_solana_lie),       cmocka_unit_test(test_wallet_crowd),
        cmocka_unit_test(test_wallet_settled),   cmocka_unit_test(test_wallet_pending),
        cmocka_unit_test(test_identifier),       cmocka_unit_test(test_identifier_race),
        cmocka_unit_test(test_identifier_again), cmocka_unit_test(test_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

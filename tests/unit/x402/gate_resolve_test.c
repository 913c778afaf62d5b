/* x402_gate_resolve: payments on Solana whose end an admin tells. */
#include "ledger/ed25519.h"
#include "tests/unit/x402/gate_scene.h"

static struct scene *scene;

static void payai_answer(struct house *house, struct x402_charge *charge)
{
    script_answer(house, charge);
    if (charge->verb == X402_CHARGE_VERIFY) {
        (void)snprintf(charge->facilitator, sizeof(charge->facilitator), "payai");
    } else if (charge->network->solana && charge->outcome == GOOD) {
        charge->transfer = settlement_of_message(&charge->solana);
    }
}

/* Whoever is asked for an end does not know it. */
static void world_of_payai(void)
{
    scene = scene_open(false);
    scene->house.answer = payai_answer;
    script_set(GOOD, GOOD, PENDING, PENDING, LOST);
    house_open(&scene->house, NULL);
}

static void restart(void)
{
    house_kill(&scene->house, true);
    house_open(&scene->house, NULL);
}

/* A buyer whose facilitator is sent a message that a real key can sign. */
struct signed_buyer {
    struct buyer buyer;
    struct ledger_ed25519_key fee_payer;
    uint8_t transaction[1 + X402_SOLANA_SIGNATURE_BYTES + 8]; /* unsigned */
    char forward[256];
    uint8_t signature[X402_SOLANA_SIGNATURE_BYTES];
    uint8_t id[X402_PAYMENT_ID_BYTES];
};

static void buyer_signed(struct signed_buyer *signed_buyer, uint64_t number)
{
    static const uint8_t seed[32] = {0x79};
    struct lucid_buf text = {.bytes_max = 0};
    struct x402_spent_key key;
    struct buyer *buyer = &signed_buyer->buyer;
    uint8_t *message = signed_buyer->transaction + 1 + X402_SOLANA_SIGNATURE_BYTES;
    memset(signed_buyer, 0, sizeof(*signed_buyer));
    ledger_ed25519_key_init(seed, &signed_buyer->fee_payer);
    signed_buyer->transaction[0] = 1;
    lucid_put_be64(message, number);
    ledger_ed25519_sign(&signed_buyer->fee_payer, lucid_span(message, 8), signed_buyer->signature);
    buyer_solana(&scene->house, buyer, number, 1, 1);
    struct x402_solana_payment *solana = &buyer->job.proof.solana;
    memcpy(solana->fee_payer, signed_buyer->fee_payer.public_key, sizeof(solana->fee_payer));
    lucid_sha256(lucid_span(message, 8), solana->message);
    lucid_buf_str(&text, "{\"paymentPayload\":{\"payload\":{\"transaction\":\"");
    lucid_buf_base64(&text, signed_buyer->transaction, sizeof(signed_buyer->transaction));
    lucid_buf_str(&text, "\"}}}");
    assert_true(lucid_buf_ok(&text) && text.len < sizeof(signed_buyer->forward));
    memcpy(signed_buyer->forward, text.data, text.len);
    lucid_buf_fini(&text);
    buyer->job.forward = lucid_span_str(signed_buyer->forward);
    x402_key_solana(buyer->job.network, solana->message, &key);
    x402_payment_id(lucid_span_str(key.text), signed_buyer->id);
}

static unsigned resolutions;

static void resolution_done(struct x402_resolution *resolution)
{
    (void)resolution;
    resolutions++;
}

/* What came of it: its code, "" for none. */
static const char *resolve(const uint8_t id[X402_PAYMENT_ID_BYTES], const uint8_t *signature,
                           const char *reason, bool *ret_known)
{
    static struct x402_resolution resolution;
    resolution = (struct x402_resolution){.settled = signature != NULL, .done = resolution_done};
    memcpy(resolution.id, id, sizeof(resolution.id));
    if (signature != NULL) {
        memcpy(resolution.signature, signature, sizeof(resolution.signature));
    } else {
        (void)snprintf(resolution.reason, sizeof(resolution.reason), "%s", reason);
    }
    unsigned before = resolutions;
    x402_gate_resolve(scene->house.gate, &resolution);
    for (unsigned i = 0; i < 100 && resolutions == before; i++) {
        fake_loop_advance(&scene->loop, 10);
    }
    assert_int_equal(resolutions, before + 1);
    *ret_known = resolution.ret_known;
    return resolution.error == LUCID_OK ? "" : resolution.why.code;
}

static void test_resolve_settled(void **state)
{
    (void)state;
    static struct signed_buyer one;
    for (unsigned i = 0; i < 3; i++) { /* claimed by this process; after a restart; not seen yet */
        bool known = true;
        bool served = true;
        world_of_payai();
        buyer_signed(&one, 1);
        assert_int_equal(show(scene, &one.buyer), X402_OUTSTANDING);
        if (i > 0) {
            restart();
        }
        fake_loop_advance(&scene->loop, i == 1 ? 60000 : 0);
        uint8_t wrong[X402_SOLANA_SIGNATURE_BYTES];
        memcpy(wrong, one.signature, sizeof(wrong));
        wrong[40] ^= 1;
        assert_string_equal(resolve(one.id, wrong, NULL, &known), "INVALID_PAYMENT");
        assert_string_equal(resolve(wrong, one.signature, NULL, &known), "NOT_FOUND");
        assert_int_equal(status_of(scene, one.id, &served), X402_PENDING);
        assert_string_equal(resolve(one.id, one.signature, NULL, &known), "");
        assert_false(known);
        assert_int_equal(status_of(scene, one.id, &served), X402_SETTLED);
        assert_false(served);
        assert_int_equal(claims_of(scene), 0);
        assert_string_equal(resolve(one.id, one.signature, NULL, &known), "");
        assert_true(known);
        assert_string_equal(resolve(one.id, wrong, NULL, &known), "PAYMENT_STATE");
        assert_string_equal(resolve(one.id, NULL, "no", &known), "PAYMENT_STATE");
        assert_int_equal(owed(&scene->house.world.revenue, "clearing:payai:USDC"), -1000);
        assert_int_equal(show(scene, &one.buyer), X402_ADMITTED);
        assert_int_equal(status_of(scene, one.id, &served), X402_SETTLED);
        assert_true(served);
        assert_int_equal(scene->house.asked[X402_CHARGE_SETTLE], 1);
        scene_close(scene);
    }
}

static void test_resolve_failed(void **state)
{
    (void)state;
    static struct signed_buyer one;
    for (unsigned i = 0; i < 2; i++) {
        bool known = true;
        bool served;
        world_of_payai();
        buyer_signed(&one, 1);
        assert_int_equal(show(scene, &one.buyer), X402_OUTSTANDING);
        if (i == 1) {
            restart();
        }
        fake_loop_advance(&scene->loop, X402_RESOLVE_AFTER_MS - 60000);
        assert_string_equal(resolve(one.id, NULL, "never landed", &known), "PAYMENT_STATE");
        assert_int_equal(status_of(scene, one.id, &served), X402_PENDING);
        fake_loop_advance(&scene->loop, 60000);
        assert_string_equal(resolve(one.id, NULL, "never landed", &known), "");
        assert_false(known);
        assert_int_equal(status_of(scene, one.id, &served), X402_FAILED);
        assert_int_equal(claims_of(scene), 0);
        assert_string_equal(resolve(one.id, NULL, "never landed", &known), "");
        assert_true(known);
        assert_string_equal(resolve(one.id, one.signature, NULL, &known), "PAYMENT_STATE");
        assert_int_equal(owed(&scene->house.world.revenue, "clearing:payai:USDC"), 0);
        /* It may come again. */
        script[X402_CHARGE_SETTLE] = GOOD;
        assert_int_equal(show(scene, &one.buyer), X402_ADMITTED);
        scene_close(scene);
    }
}

static uint64_t settle_slowly(struct house *house, int what)
{
    (void)house;
    return what == X402_CHARGE_SETTLE || what == X402_CHARGE_ASK ? 3000 : 2;
}

/* Not what a job, or a write, has in its hands; what the keeper asks is stopped. Not on EVM. */
static void test_resolve_race(void **state)
{
    (void)state;
    static struct signed_buyer one;
    bool known = true;
    bool served;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    world_of_payai();
    scene->house.delay_ms = settle_slowly;
    buyer_signed(&one, 1);
    buyer_enter(&scene->house, &one.buyer);
    fake_loop_advance(&scene->loop, 1000);
    assert_int_equal(status_of(scene, one.id, &served), X402_PENDING);
    assert_string_equal(resolve(one.id, one.signature, NULL, &known), "PAYMENT_PENDING");
    unsigned asked = scene->house.asked[X402_CHARGE_ASK];
    while (scene->house.asked[X402_CHARGE_ASK] == asked) {
        fake_loop_advance(&scene->loop, 100);
    }
    assert_false(one.buyer.inside && one.buyer.done);
    assert_string_equal(resolve(one.id, one.signature, NULL, &known), "");
    assert_int_equal(status_of(scene, one.id, &served), X402_SETTLED);
    fake_loop_advance(&scene->loop, 60000);
    assert_int_equal(claims_of(scene), 0);
    assert_int_equal(owed(&scene->house.world.revenue, "clearing:payai:USDC"), -1000);
    /* The writer does not take it: said so, and as it was. */
    buyer_signed(&one, 2);
    (void)show(scene, &one.buyer);
    scene->house.refuse = LUCID_RETRY_FULL;
    assert_string_equal(resolve(one.id, one.signature, NULL, &known), "PAYMENT_PENDING");
    scene->house.refuse = LUCID_OK;
    assert_int_equal(status_of(scene, one.id, &served), X402_PENDING);
    assert_int_equal(claims_of(scene), 1);
    assert_string_equal(resolve(one.id, one.signature, NULL, &known), "");
    assert_int_equal(claims_of(scene), 0);
    struct buyer *buyer = &scene->buyer;
    buyer_authorization(&scene->house, buyer, 1, 1, 1);
    (void)show(scene, buyer);
    memcpy(id, buyer->job.payment.id, sizeof(id));
    assert_int_equal(status_of(scene, id, &served), X402_PENDING);
    fake_loop_advance(&scene->loop, 2 * X402_RESOLVE_AFTER_MS);
    assert_string_equal(resolve(id, one.signature, NULL, &known), "PAYMENT_STATE");
    assert_string_equal(resolve(id, NULL, "no", &known), "PAYMENT_STATE");
    assert_int_equal(status_of(scene, id, &served), X402_PENDING);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve_settled),
        cmocka_unit_test(test_resolve_failed),
        cmocka_unit_test(test_resolve_race),
    };
    return cmocka_run_group_tests_name("x402 gate resolve", tests, NULL, NULL);
}

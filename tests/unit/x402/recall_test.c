/* What the log says about a payment that is shown (x402/recall.h). */
#include "tests/unit/x402/wire_world.h"
#include "x402/recall.h"

/* An authorization as it was shown, and as the log has it: settled, and served for `request`. */
struct scene {
    struct x402_network network;
    struct x402_proof proof;
    struct x402_match match;
    struct x402_request_kept request;
    struct x402_payment payment;
};

static struct scene scene_make(void)
{
    struct scene scene = {.network = *wire_network()};
    scene.proof = (struct x402_proof){
        .form = X402_FORM_V2,
        .authorization = {.from = wire_address(WIRE_PAYER),
                          .to = wire_address(WIRE_PAYEE),
                          .value = evm_u256_of(10000),
                          .valid_after = evm_u256_of(1),
                          .valid_before = evm_u256_of(WIRE_NOW_MS),
                          .nonce = {.bytes = {7}}},
        .signature = {.bytes = {1, 2, 3}},
    };
    scene.request = (struct x402_request_kept){.digest = {1}, .place = {2}};
    scene.payment = (struct x402_payment){
        .status = X402_SETTLED,
        .scheme = X402_SCHEME_EIP3009,
        .served = true,
        .sequence = 9,
        .token = scene.network.token,
        .payer = scene.proof.authorization.from,
        .authorization = scene.proof.authorization,
        .signature = scene.proof.signature,
        .request = scene.request,
    };
    memcpy(scene.payment.network, scene.network.caip2, sizeof(scene.network.caip2));
    return scene;
}

static bool is_signed(const struct scene *scene)
{
    return x402_recall_is_signed(&scene->payment, &scene->network, &scene->proof);
}

/* One byte of what was signed, of the signature or of what it was signed for, and it has to be
 * recovered again. */
static void test_signed(void **state)
{
    (void)state;
    struct scene scene = scene_make();
    assert_true(is_signed(&scene));
    uint8_t *const bytes[] = {
        scene.proof.authorization.from.bytes,
        scene.proof.authorization.to.bytes,
        scene.proof.authorization.value.be,
        scene.proof.authorization.valid_after.be,
        scene.proof.authorization.valid_before.be,
        scene.proof.authorization.nonce.bytes,
        scene.proof.signature.bytes,
        scene.proof.signature.bytes + EVM_SIGNATURE_BYTES - 1,
        scene.network.token.bytes,
        (uint8_t *)scene.network.caip2,
    };
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        *bytes[i] ^= 1;
        assert_false(is_signed(&scene));
        *bytes[i] ^= 1;
    }
    assert_true(is_signed(&scene));
    scene.proof.smart_wallet = true;
    assert_false(is_signed(&scene));
    scene = scene_make();
    scene.proof.form = X402_FORM_PROOF;
    assert_false(is_signed(&scene));
    scene = scene_make();
    scene.payment.scheme = X402_SCHEME_TRANSFER;
    assert_false(is_signed(&scene));
    scene = scene_make();
    scene.payment.sequence = 0;
    assert_false(is_signed(&scene));
}

static enum x402_recall judge(const struct scene *scene)
{
    return x402_recall_judge(&scene->payment, &scene->proof, &scene->match, &scene->request, false);
}

static void test_served(void **state)
{
    (void)state;
    struct scene scene = scene_make();
    assert_int_equal(judge(&scene), X402_RECALL_SERVED);
    scene.request.digest[0] ^= 1;
    assert_int_equal(judge(&scene), X402_RECALL_USED);
    scene.payment.served = false;
    assert_int_equal(judge(&scene), X402_RECALL_UNSERVED);
    scene.request.place[0] ^= 1;
    assert_int_equal(judge(&scene), X402_RECALL_USED);
    const struct {
        enum x402_status status;
        bool foreign;
        enum x402_recall want;
    } rows[] = {
        {X402_PENDING, false, X402_RECALL_OPEN},      {X402_FAILED, false, X402_RECALL_NOTHING},
        {X402_STRAY, false, X402_RECALL_SERVED},      {X402_STRAY, true, X402_RECALL_FOREIGN},
        {X402_REVERSED, false, X402_RECALL_REVERSED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        scene = scene_make();
        scene.payment.status = rows[i].status;
        scene.payment.foreign = rows[i].foreign;
        assert_int_equal(judge(&scene), rows[i].want);
    }
    scene = scene_make();
    scene.payment.sequence = 0;
    assert_int_equal(judge(&scene), X402_RECALL_USED);
}

/* A transfer is on the chain for all to see: it is the client's only if the proof shows it. */
static void test_stranger(void **state)
{
    (void)state;
    struct scene scene = scene_make();
    scene.proof.form = X402_FORM_PROOF;
    scene.payment.scheme = X402_SCHEME_TRANSFER;
    scene.payment.has_transfer = true;
    assert_int_equal(judge(&scene), X402_RECALL_STRANGER);
    scene.match = (struct x402_match){.signed_by_payer = true, .payer = scene.payment.payer};
    assert_int_equal(judge(&scene), X402_RECALL_SERVED);
    scene.match.payer = wire_address(WIRE_STRANGER);
    assert_int_equal(judge(&scene), X402_RECALL_STRANGER);
    scene.match.signed_by_payer = false;
    scene.payment.transfer.has_nonce = true;
    assert_int_equal(judge(&scene), X402_RECALL_STRANGER);
    scene.payment.transfer.nonce = x402_challenge_hash(&scene.proof.challenge);
    assert_int_equal(judge(&scene), X402_RECALL_SERVED);
}

/* On Solana the message says which payment it is, and its signature was verified by reading it. */
static void test_solana(void **state)
{
    (void)state;
    struct scene scene = scene_make();
    struct x402_spent_key key;
    scene.network = (struct x402_network){.solana = true, .caip2 = "solana:x"};
    assert_false(x402_recall_key(&scene.network, &scene.proof, &key));
    scene.proof.is_solana = true;
    memset(scene.proof.solana.message, 0xab, LUCID_SHA256_BYTES);
    scene.payment.solana = scene.proof.solana;
    scene.payment.scheme = X402_SCHEME_SOLANA;
    memcpy(scene.payment.network, "solana:x", 9);
    assert_true(x402_recall_key(&scene.network, &scene.proof, &key));
    assert_string_equal(
        key.text, "solana:x/abababababababababababababababababababababababababababababababab");
    assert_false(x402_recall_key(wire_network(), &scene.proof, &key));
    assert_true(is_signed(&scene));
    assert_int_equal(judge(&scene), X402_RECALL_SERVED);
    scene.proof.solana.message[31] ^= 1;
    assert_false(is_signed(&scene));
    scene.proof.solana.message[31] ^= 1;
    scene.payment.scheme = X402_SCHEME_EIP3009;
    assert_false(is_signed(&scene));
    scene.payment.scheme = X402_SCHEME_SOLANA;
    scene.network.caip2[7] = 'y';
    assert_false(is_signed(&scene));
}

/* The log has no signature of a smart wallet's: none is equal to that. */
static void test_smart_wallet(void **state)
{
    (void)state;
    struct scene scene = scene_make();
    memset(&scene.payment.signature, 0, sizeof(scene.payment.signature));
    memset(&scene.proof.signature, 0, sizeof(scene.proof.signature));
    assert_false(is_signed(&scene));
    scene.proof.smart_wallet = true;
    assert_false(is_signed(&scene));
    assert_int_equal(judge(&scene), X402_RECALL_STRANGER);
    assert_int_equal(
        x402_recall_judge(&scene.payment, &scene.proof, &scene.match, &scene.request, true),
        X402_RECALL_SERVED);
}

static void test_forwarded(void **state)
{
    (void)state;
    const struct {
        const char *kept;
        const char *shown;
        bool same;
    } rows[] = {
        {"{\"paymentPayload\":{\"payload\":{\"a\":[1,\"x\"]}},\"paymentRequirements\":1}",
         "{\"paymentPayload\":{\"payload\":{\"a\":[1,\"x\"]}},\"paymentRequirements\":2}", true},
        {"{\"paymentPayload\":{\"payload\":{\"a\":1}}}",
         "{\"paymentPayload\":{\"payload\":{\"a\":2}}}", false},
        {"{\"paymentPayload\":{\"payload\":{\"a\":1}}}",
         "{\"paymentPayload\":{\"payload\":{\"a\":1,\"b\":1}}}", false},
        {"{\"paymentPayload\":{\"payload\":7,\"resource\":1}}",
         "{\"paymentPayload\":{\"payload\":7,\"resource\":2}}", true},
        {"{\"paymentPayload\":{\"a\":1}}", "{\"paymentPayload\":{\"a\":1}}", false},
        {"{\"paymentRequirements\":1}", "{\"paymentRequirements\":1}", false},
        {"{\"paymentPayload\":1}", "{\"paymentPayload\":1", false},
        {"", "", false},
        {NULL, "{\"paymentPayload\":1}", false},
        {"{\"paymentPayload\":1}", NULL, false},
        {NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lucid_span kept = {.data = NULL};
        struct lucid_span shown = {.data = NULL};
        if (rows[i].kept != NULL) {
            kept = lucid_span_str(rows[i].kept);
        }
        if (rows[i].shown != NULL) {
            shown = lucid_span_str(rows[i].shown);
        }
        assert_int_equal(x402_recall_is_forwarded(kept, shown), rows[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed),       cmocka_unit_test(test_served),
        cmocka_unit_test(test_stranger),     cmocka_unit_test(test_solana),
        cmocka_unit_test(test_smart_wallet), cmocka_unit_test(test_forwarded),
    };
    return cmocka_run_group_tests_name("x402 recall", tests, NULL, NULL);
}

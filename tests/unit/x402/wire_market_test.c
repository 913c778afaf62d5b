/* x402/offer.h and x402/proof.h: payments that others settle: on Solana, by smart wallets, and with
 * an identifier of the client's. */
#include "tests/unit/x402/wire_solana.h"

#define PAY_TO "2wKupLR9q6wXYppw8Gr2NvWxKBUqm4PPJKkQfoxHDBg4"
#define OTHER  "EwWqGE4ZFKLofuestmU4LDdK7XM1N4ALgdZccwYugwGd"

static struct x402_offer make_offer(struct x402_network *network)
{
    static const struct wire_solana spec;
    struct x402_offer offer = {
        .terms = wire_terms(), .timeout_seconds = 60, .authorizations = true};
    assert_true(x402_network_known(lucid_span_str("solana-devnet"), network));
    offer.terms.network = network;
    memset(&offer.terms.pay_to, 0, sizeof(offer.terms.pay_to));
    wire_solana_key(PAY_TO, offer.terms.pay_to_solana);
    wire_solana_account(&spec, SOLANA_FEE_PAYER, offer.terms.fee_payer);
    return offer;
}

static struct x402_match match(const struct x402_offer *offer, enum x402_form form,
                               const char *json, bool known)
{
    struct lucid_arena arena;
    struct lucid_buf header = {.bytes_max = 0};
    struct x402_proof proof;
    struct lucid_why why = {.code = NULL};
    struct x402_match result = {.verdict = X402_MALFORMED};
    lucid_arena_init(&arena, X402_PROOF_ARENA_BYTES);
    if (x402_proof_parse(form, wire_base64(json, &header), &arena, &proof, &why) != LUCID_OK) {
        fail_msg("%s: %s", json, why.text);
    }
    if (known) {
        x402_authorization_match_signed(offer, &proof, WIRE_NOW_MS, &result);
    } else {
        x402_authorization_match(offer, &proof, WIRE_NOW_MS, &result);
    }
    assert_true((result.verdict == X402_FITS) == (result.reason == NULL));
    assert_true((result.verdict == X402_FITS) == (result.text[0] == '\0'));
    lucid_buf_fini(&header);
    lucid_arena_fini(&arena);
    return result;
}

/* --- Solana ----------------------------------------------------------------------------------- */

/* The echo, with one member replaced. */
static char *accepted_make(const char *name, const char *value)
{
    static const struct wire_solana spec;
    struct lucid_buf payer = {.bytes_max = 0};
    uint8_t key[X402_SOLANA_KEY_BYTES];
    wire_solana_account(&spec, SOLANA_FEE_PAYER, key);
    x402_base58_write(&payer, key, sizeof(key));
    lucid_buf_char(&payer, '\0');
    json_t *root =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:{s:s}}", "scheme", "exact", "network",
                  SOLANA_NETWORK_DEVNET, "amount", "10000", "asset", SOLANA_MINT_DEVNET, "payTo",
                  PAY_TO, "maxTimeoutSeconds", 60, "extra", "feePayer", (const char *)payer.data);
    assert_non_null(root);
    if (strcmp(name, "feePayer") == 0) {
        json_object_set_new(json_object_get(root, "extra"), name, json_string(value));
    } else if (name[0] != '\0') {
        json_object_set_new(root, name, json_string(value));
    }
    char *text = json_dumps(root, JSON_COMPACT);
    assert_non_null(text);
    json_decref(root);
    lucid_buf_fini(&payer);
    return text;
}

static struct x402_match match_spec(const struct x402_offer *offer, const struct wire_solana *spec,
                                    bool v2, const char *name, const char *value, bool known)
{
    char *accepted = accepted_make(name, value);
    char *json = wire_solana_payment(spec, v2, accepted, "{}");
    struct x402_match result = match(offer, v2 ? X402_FORM_V2 : X402_FORM_V1, json, known);
    free(json);
    free(accepted);
    return result;
}

static void test_solana(void **state)
{
    (void)state;
    struct x402_network network;
    const struct x402_offer offer = make_offer(&network);
    const struct wire_solana equal = {.amount = 10000};
    const struct wire_solana more = {.amount = 10001};
    const struct wire_solana less = {.amount = 9999};
    const struct wire_solana much = {.amount = (uint64_t)INT64_MAX + 1};
    for (int v2 = 0; v2 < 2; v2++) {
        struct x402_match result = match_spec(&offer, &equal, v2, "", "", false);
        assert_true(result.verdict == X402_FITS && result.amount == 10000);
        result = match_spec(&offer, &more, v2, "", "", false);
        assert_true((result.verdict == X402_FITS) == !v2);
        assert_true(v2 || result.amount == 10001);
        assert_string_equal(match_spec(&offer, &less, v2, "", "", false).reason,
                            "invalid_exact_svm_payload_amount_mismatch");
        assert_string_equal(match_spec(&offer, &much, v2, "", "", false).reason,
                            "invalid_exact_svm_payload_amount_mismatch");
        struct x402_offer other = offer;
        other.terms.fee_payer[0] ^= 1;
        assert_string_equal(match_spec(&other, &equal, v2, "", "", false).reason,
                            "fee_payer_not_managed_by_facilitator");
        /* Paid while it was the other's turn. */
        assert_int_equal(match_spec(&other, &equal, v2, "", "", true).verdict, X402_FITS);
        other = offer;
        other.authorizations = false;
        assert_string_equal(match_spec(&other, &equal, v2, "", "", false).reason,
                            "unsupported_scheme");
        struct x402_network mainnet;
        assert_true(x402_network_known(lucid_span_str("solana"), &mainnet));
        other = offer;
        other.terms.network = &mainnet;
        assert_string_equal(match_spec(&other, &equal, v2, "", "", false).reason,
                            "network_mismatch");
        mainnet = network;
        mainnet.mint[5] ^= 1;
        assert_string_equal(match_spec(&other, &equal, v2, "asset", OTHER, false).reason,
                            v2 ? "invalid_payment_requirements"
                               : "invalid_exact_svm_payload_mint_mismatch");
    }
}

static void test_solana_echo(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *reason;
    } cases[] = {
        {"scheme", "upto", "unsupported_scheme"},
        {"network", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "network_mismatch"},
        {"amount", "10001", "invalid_payment_requirements"},
        {"asset", OTHER, "invalid_payment_requirements"},
        {"asset", "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "invalid_payment_requirements"},
        {"payTo", OTHER, "invalid_payment_requirements"},
        {"payTo", PAY_TO "1", "invalid_payment_requirements"},
        {"maxTimeoutSeconds", "60", "invalid_payment_requirements"},
        {"feePayer", OTHER, "invalid_exact_svm_payload_missing_fee_payer"},
        {"extra", "", "invalid_exact_svm_payload_missing_fee_payer"},
    };
    struct x402_network network;
    const struct x402_offer offer = make_offer(&network);
    const struct wire_solana spec = {.amount = 10000};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct x402_match result =
            match_spec(&offer, &spec, true, cases[i].name, cases[i].value, false);
        if (result.reason == NULL || strcmp(result.reason, cases[i].reason) != 0) {
            fail_msg("%s %s: %s", cases[i].name, cases[i].value, result.reason);
        }
    }
}

/* A payment of the other kind of chain under the right network's name. */
static void test_crossed(void **state)
{
    (void)state;
    struct x402_network network;
    struct x402_offer offer = make_offer(&network);
    const char *authorization =
        "{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"solana-devnet\",\"payload\":{"
        "\"signature\":\"0x01\",\"authorization\":{\"from\":\"" WIRE_PAYER "\",\"to\":"
        "\"" WIRE_PAYEE
        "\",\"value\":\"10000\",\"validAfter\":\"0\",\"validBefore\":\"9999999999\","
        "\"nonce\":\"0x0000000000000000000000000000000000000000000000000000000000000001\"}}}";
    assert_string_equal(match(&offer, X402_FORM_V1, authorization, false).reason,
                        "invalid_payload");
    const struct wire_solana spec = {.amount = 10000};
    struct x402_offer evm = {.terms = wire_terms(), .timeout_seconds = 60, .authorizations = true};
    struct x402_network renamed = *wire_network();
    snprintf(renamed.v1_name, sizeof(renamed.v1_name), "solana-devnet");
    evm.terms.network = &renamed;
    assert_string_equal(match_spec(&evm, &spec, false, "", "", false).reason, "invalid_payload");
}

/* No transfer can be shown on Solana, whatever the challenge says. */
static void test_no_transfers(void **state)
{
    (void)state;
    struct x402_network network;
    struct x402_offer offer = make_offer(&network);
    struct x402_keys *keys = wire_keys(WIRE_KEYS);
    struct x402_proof proof = {.form = X402_FORM_PROOF,
                               .network = lucid_span_str(SOLANA_NETWORK_DEVNET)};
    struct x402_match result;
    x402_challenge_make(keys, &offer.terms, WIRE_NOW_MS, 300, wire_random, &proof.challenge);
    assert_int_equal(x402_challenge_check(keys, &proof.challenge, &offer.terms), LUCID_OK);
    x402_proof_match(keys, &offer, &proof, &result);
    assert_string_equal(result.reason, "unsupported_scheme");
    offer.terms.pay_to_solana[31] ^= 1; /* the challenge binds who is paid there too */
    assert_int_equal(x402_challenge_check(keys, &proof.challenge, &offer.terms),
                     LUCID_REFUSE_FORBIDDEN);
    x402_keys_close(keys);
}

/* --- smart wallets ---------------------------------------------------------------------------- */

static void test_smart_wallet(void **state)
{
    (void)state;
    static const char format[] =
        "{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"base-sepolia\",\"payload\":{"
        "\"signature\":\"0x%s\",\"authorization\":{\"from\":\"" WIRE_PAYER "\",\"to\":"
        "\"%s\",\"value\":\"10000\",\"validAfter\":\"0\",\"validBefore\":\"9999999999\","
        "\"nonce\":\"0x0000000000000000000000000000000000000000000000000000000000000001\"}}}";
    struct x402_offer offer = {
        .terms = wire_terms(), .timeout_seconds = 60, .authorizations = true};
    const struct evm_address payer = wire_address(WIRE_PAYER);
    char json[1024];
    snprintf(json, sizeof(json), format, "0102", WIRE_PAYEE);
    assert_string_equal(match(&offer, X402_FORM_V1, json, false).reason,
                        "invalid_exact_evm_signature");
    offer.smart_wallets = true;
    struct x402_match result = match(&offer, X402_FORM_V1, json, false);
    assert_true(result.verdict == X402_FITS && result.amount == 10000);
    assert_memory_equal(&result.payer, &payer, sizeof(payer));
    /* All else is judged all the same, and so is a signature that can be. */
    snprintf(json, sizeof(json), format, "0102", WIRE_STRANGER);
    assert_string_equal(match(&offer, X402_FORM_V1, json, false).reason,
                        "invalid_exact_evm_recipient_mismatch");
    char signature[131];
    memset(signature, '1', sizeof(signature) - 1);
    signature[130] = '\0';
    snprintf(json, sizeof(json), format, signature, WIRE_PAYEE);
    assert_string_equal(match(&offer, X402_FORM_V1, json, false).reason,
                        "invalid_exact_evm_signature");
}

/* --- payment-identifier, and payments that stand in a document ---------------------------------
 */

static enum lucid_error parse_document(const char *json, struct lucid_arena *arena,
                                       struct x402_proof *ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = 16, .values_max = 1024};
    const struct jcs_value *root;
    *why = (struct lucid_why){.code = NULL};
    assert_int_equal(jcs_parse(lucid_span_str(json), &limits, arena, &root, NULL), LUCID_OK);
    return x402_proof_parse_document(X402_FORM_V2, root, ret, why);
}

static void test_identifier(void **state)
{
    (void)state;
#define ID16  "abcDEF0123456_-z"
#define ID128 ID16 ID16 ID16 ID16 ID16 ID16 ID16 ID16
    static const struct {
        const char *extensions;
        const char *id; /* NULL: none; "": refused */
    } cases[] = {
        {"{}", NULL},
        {"null", NULL},
        {"{\"other\":7}", NULL},
        {"{\"payment-identifier\":null}", NULL},
        {"{\"payment-identifier\":{}}", NULL},
        {"{\"payment-identifier\":{\"info\":{\"required\":false},\"schema\":{}}}", NULL},
        {"{\"payment-identifier\":{\"info\":{\"required\":false,\"id\":\"" ID16 "\"}}}", ID16},
        {"{\"payment-identifier\":{\"info\":{\"id\":\"" ID128 "\"}}}", ID128},
        {"{\"payment-identifier\":{\"info\":{\"id\":\"" ID128 "a\"}}}", ""},
        {"{\"payment-identifier\":{\"info\":{\"id\":\"abcDEF0123456_-\"}}}", ""},
        {"{\"payment-identifier\":{\"info\":{\"id\":\"\"}}}", ""},
        {"{\"payment-identifier\":{\"info\":{\"id\":\"abcDEF0123456_-.\"}}}", ""},
        {"{\"payment-identifier\":{\"info\":{\"id\":\"abcDEF0123456_-\\u0000\"}}}", ""},
        {"{\"payment-identifier\":{\"info\":{\"id\":7}}}", ""},
        {"{\"payment-identifier\":{\"info\":7}}", ""},
        {"{\"payment-identifier\":\"" ID16 "\"}", ""},
        {"7", ""},
    };
    const struct wire_solana spec = {.amount = 10000};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_arena arena;
        struct x402_proof proof;
        struct lucid_why why;
        char *accepted = accepted_make("", "");
        char *json = wire_solana_payment(&spec, true, accepted, cases[i].extensions);
        lucid_arena_init(&arena, X402_PROOF_ARENA_BYTES);
        enum lucid_error error = parse_document(json, &arena, &proof, &why);
        if (cases[i].id != NULL && cases[i].id[0] == '\0') {
            assert_int_equal(error, LUCID_REFUSE_INVALID);
            assert_string_equal(why.code, "PAYMENT_MALFORMED");
            assert_string_equal(why.param, "paymentPayload");
            assert_non_null(strstr(why.text, "extensions"));
        } else {
            assert_int_equal(error, LUCID_OK);
            assert_true(proof.is_solana && proof.document != NULL);
            assert_true(cases[i].id == NULL ? proof.identifier.data == NULL
                                            : lucid_span_is(proof.identifier, cases[i].id));
        }
        lucid_arena_fini(&arena);
        free(json);
        free(accepted);
    }
}

static void test_document(void **state)
{
    (void)state;
    static const char *const bad[] = {"7", "[]", "{}", "{\"x402Version\":1}"};
    struct lucid_arena arena;
    struct x402_proof proof;
    struct lucid_why why;
    lucid_arena_init(&arena, X402_PROOF_ARENA_BYTES);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse_document(bad[i], &arena, &proof, &why), LUCID_REFUSE_INVALID);
        assert_string_equal(why.param, "paymentPayload");
    }
    lucid_arena_fini(&arena);
}

static int setup(void **state)
{
    (void)state;
    return evm_sign_open() == LUCID_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_solana),       cmocka_unit_test(test_solana_echo),
        cmocka_unit_test(test_crossed),      cmocka_unit_test(test_no_transfers),
        cmocka_unit_test(test_smart_wallet), cmocka_unit_test(test_identifier),
        cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests_name("x402 market", tests, setup, NULL);
}

/* x402/offer.h: which payments fit an offer, by what can be judged without a chain. */
#include "tests/unit/x402/wire_world.h"

#define EMPTY "\"\""

static struct evm_key payer_key(void)
{
    struct evm_key key;
    struct evm_hash secret = evm_keccak256(lucid_span_str("lucid-ledger test key: payer"));
    char text[EVM_HASH_TEXT_BYTES + 1];
    evm_hash_text(&secret, text);
    assert_int_equal(evm_key_parse(lucid_span_str(text), &key), LUCID_OK);
    return key;
}

/* Base Sepolia with another token or domain. */
static struct x402_network network_of(const char *token, const char *name)
{
    struct x402_network network = *wire_network();
    network.token = wire_address(token);
    snprintf(network.token_name, sizeof(network.token_name), "%s", name);
    network.separator = evm_domain_separator(lucid_span_str(name), lucid_span_str("2"),
                                             network.chain_id, &network.token);
    return network;
}

static struct x402_offer make_offer(void)
{
    return (struct x402_offer){
        .terms = wire_terms(), .timeout_seconds = 60, .authorizations = true};
}

/* Matches the header that a JSON text makes. */
static struct x402_match match(const struct x402_offer *offer, enum x402_form form,
                               const char *json, uint64_t now_ms)
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
    if (form == X402_FORM_PROOF) {
        struct x402_keys *keys = wire_keys(WIRE_KEYS);
        x402_proof_match(keys, offer, &proof, &result);
        x402_keys_close(keys);
    } else {
        x402_authorization_match(offer, &proof, now_ms, &result);
    }
    assert_true((result.verdict == X402_FITS) == (result.reason == NULL));
    assert_true((result.verdict == X402_FITS) == (result.text[0] == '\0'));
    lucid_buf_fini(&header);
    lucid_arena_fini(&arena);
    return result;
}

static struct x402_match match_json(const struct x402_offer *offer, enum x402_form form,
                                    const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT);
    assert_non_null(text);
    struct x402_match result = match(offer, form, text, WIRE_NOW_MS);
    free(text);
    return result;
}

/* The official facilitator's verdicts, as far as they need no chain. The others fit here and are
 * judged by the facilitator at our side (direct): used nonce, balance, a token without code, a
 * token whose own domain is another. */
static const struct {
    const char *id;
    bool on_chain;
} verdicts[] = {
    {"valid", false},
    {"accepted_network_differs", false},
    {"stranger_signed", false},
    {"recipient_differs", false},
    {"value_less", false},
    {"expired", false},
    {"not_yet_valid", false},
    {"nonce_used", true},
    {"no_funds", true},
    {"no_domain_name", false},
    {"asset_is_not_a_contract", true},
    {"requirements_name_differs_from_token", true},
    {"scheme_differs", false},
};

static bool is_on_chain(const char *id)
{
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        if (strcmp(verdicts[i].id, id) == 0) {
            return verdicts[i].on_chain;
        }
    }
    fail_msg("%s is new", id);
    return false;
}

/* The offer that the requirements of a case come from: price, token and domain are the server's. */
static struct x402_offer offer_of(const json_t *requirements, struct x402_network *network)
{
    const json_t *name = json_object_get(vectors_get(requirements, "extra"), "name");
    struct x402_offer offer = make_offer();
    *network = network_of(json_string_value(vectors_get(requirements, "asset")),
                          name != NULL ? json_string_value(name) : "USDC");
    offer.terms.network = network;
    offer.terms.amount = evm_vectors_u64(requirements, "amount");
    return offer;
}

static void test_verdicts(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/facilitator-verdicts.json");
    const json_t *cases = vectors_get(root, "verify");
    size_t index;
    json_t *entry;
    assert_int_equal(1000 * vectors_u64(vectors_get(root, "machine_time")), WIRE_NOW_MS);
    assert_int_equal(json_array_size(cases), sizeof(verdicts) / sizeof(verdicts[0]));
    json_array_foreach(cases, index, entry)
    {
        const char *id = json_string_value(vectors_get(entry, "id"));
        const json_t *request = vectors_get(entry, "request");
        const json_t *response = vectors_get(entry, "response");
        struct x402_network network;
        struct x402_offer offer = offer_of(vectors_get(request, "paymentRequirements"), &network);
        struct x402_match result =
            match_json(&offer, X402_FORM_V2, vectors_get(request, "paymentPayload"));
        struct evm_address payer = evm_vectors_address(response, "payer");
        assert_memory_equal(&result.payer, &payer, sizeof(payer));
        if (json_is_true(vectors_get(response, "isValid")) || is_on_chain(id)) {
            if (result.verdict != X402_FITS) {
                fail_msg("%s: %s", id, result.text);
            }
            assert_true(result.amount == offer.terms.amount);
        } else if (result.verdict != X402_MISFIT ||
                   !lucid_span_is(vectors_text(vectors_get(response, "invalidReason")),
                                  result.reason)) {
            fail_msg("%s: %s", id, result.reason != NULL ? result.reason : "fits");
        }
    }
    json_decref(root);
}

/* What real clients sent fits what they were offered. */
static void test_clients(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/client-headers.json");
    for (size_t i = 0; i < 2; i++) {
        const json_t *run = json_array_get(vectors_get(root, "runs"), i);
        const json_t *decoded = vectors_get(vectors_get(run, "request_header"), "decoded");
        bool v2 = vectors_u64(vectors_get(run, "version")) == 2;
        enum x402_form form = v2 ? X402_FORM_V2 : X402_FORM_V1;
        struct x402_offer offer = make_offer();
        struct x402_match result = match_json(&offer, form, decoded);
        assert_int_equal(result.verdict, X402_FITS);
        assert_true(result.amount == 10000);
        /* Asked for more or paid elsewhere, it does not. */
        offer.terms.amount = 10001;
        assert_int_equal(match_json(&offer, form, decoded).verdict, X402_MISFIT);
        offer.terms.amount = 9999;
        assert_int_equal(match_json(&offer, form, decoded).verdict, v2 ? X402_MISFIT : X402_FITS);
        offer = make_offer();
        offer.authorizations = false;
        assert_string_equal(match_json(&offer, form, decoded).reason, "unsupported_scheme");
    }
    json_decref(root);
}

/* A payment is taken only where the token itself takes it. */
static void test_signatures(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/eip3009-signatures.json");
    size_t index;
    json_t *entry;
    size_t taken = 0;
    json_array_foreach(vectors_get(root, "cases"), index, entry)
    {
        const char *token_says = json_string_value(vectors_get(entry, "token_call"));
        bool good = strcmp(token_says, "ok") == 0 || strstr(token_says, "balance") != NULL;
        struct x402_offer offer = make_offer();
        struct evm_u256 value = evm_vectors_u256(vectors_get(entry, "message"), "value");
        uint64_t small;
        json_t *header =
            json_pack("{s:i,s:s,s:s,s:{s:O,s:O}}", "x402Version", 1, "scheme", "exact", "network",
                      "base-sepolia", "payload", "signature", vectors_get(entry, "signature"),
                      "authorization", vectors_get(entry, "message"));
        assert_non_null(header);
        struct x402_match result = match_json(&offer, X402_FORM_V1, header);
        if (!evm_u256_u64(&value, &small)) {
            /* Signed well, but no price is 2^256 − 1. */
            assert_string_equal(result.reason,
                                "invalid_exact_evm_payload_authorization_value_mismatch");
        } else if ((result.verdict == X402_FITS) != good) {
            fail_msg("%s: %s", json_string_value(vectors_get(entry, "id")), result.text);
        } else if (!good) {
            assert_string_equal(result.reason, "invalid_exact_evm_signature");
        }
        taken += result.verdict == X402_FITS;
        json_decref(header);
    }
    assert_int_equal(taken, 2);
    json_decref(root);
}

/* --- the echo --- */

static json_t *client_v2(void)
{
    json_t *root = vectors_load("x402/client-headers.json");
    const json_t *run = json_array_get(vectors_get(root, "runs"), 0);
    json_t *copy = json_deep_copy(vectors_get(vectors_get(run, "request_header"), "decoded"));
    assert_non_null(copy);
    json_decref(root);
    return copy;
}

/* One member of the echo replaced by another value (NULL: dropped). */
static const struct {
    const char *path[3];
    const char *value;
    const char *reason; /* NULL: it fits still */
} echoes[] = {
    {{"accepted", "scheme"}, "\"upto\"", "invalid_exact_evm_scheme"},
    {{"accepted", "network"}, "\"eip155:8453\"", "invalid_exact_evm_network_mismatch"},
    {{"accepted", "network"}, "\"eip155:084532\"", "invalid_exact_evm_network_mismatch"},
    {{"accepted", "amount"}, NULL, "invalid_payment_requirements"},
    {{"accepted", "amount"}, "\"1\"", "invalid_payment_requirements"},
    {{"accepted", "amount"}, "\"010000\"", "invalid_payment_requirements"},
    {{"accepted", "amount"}, "10000", "invalid_payment_requirements"},
    {{"accepted", "asset"}, NULL, "invalid_payment_requirements"},
    {{"accepted", "asset"}, "\"" WIRE_STRANGER "\"", "invalid_payment_requirements"},
    {{"accepted", "asset"}, "\"0x036cbd53842c5426634e7929541ec2318f3dcf7e\"", NULL},
    {{"accepted", "asset"}, "7", "invalid_payment_requirements"},
    {{"accepted", "payTo"}, NULL, "invalid_payment_requirements"},
    {{"accepted", "payTo"}, "\"" WIRE_STRANGER "\"", "invalid_payment_requirements"},
    {{"accepted", "payTo"}, "\"0x3f9eced401a3fdb2214ffbfdf002569e85e56d82\"", NULL},
    {{"accepted", "maxTimeoutSeconds"}, NULL, "invalid_payment_requirements"},
    {{"accepted", "maxTimeoutSeconds"}, "61", "invalid_payment_requirements"},
    {{"accepted", "maxTimeoutSeconds"}, "\"60\"", "invalid_payment_requirements"},
    {{"accepted", "maxTimeoutSeconds"}, "6e1", NULL},
    {{"accepted", "extra"}, NULL, "invalid_exact_evm_missing_eip712_domain"},
    {{"accepted", "extra"}, "{}", "invalid_exact_evm_missing_eip712_domain"},
    {{"accepted", "extra"}, "[]", "invalid_exact_evm_missing_eip712_domain"},
    {{"accepted", "extra"}, "null", "invalid_exact_evm_missing_eip712_domain"},
    {{"accepted", "extra", "name"}, "\"USD Coin\"", "invalid_exact_evm_token_name_mismatch"},
    {{"accepted", "extra", "name"}, "1", "invalid_exact_evm_token_name_mismatch"},
    {{"accepted", "extra", "version"}, NULL, "invalid_exact_evm_missing_eip712_domain"},
    {{"accepted", "extra", "version"}, "\"1\"", "invalid_exact_evm_token_version_mismatch"},
    {{"accepted", "extra", "paymentFlow"}, "\"upfront\"", NULL},
    {{"accepted", "outputSchema"}, "null", NULL},
    {{"resource"}, NULL, NULL},
    {{"resource"}, "null", NULL},
    {{"resource", "url"}, "\"http://127.0.0.1:18604/other\"", "invalid_payment_requirements"},
    {{"resource", "url"}, EMPTY, "invalid_payment_requirements"},
    {{"resource", "description"}, NULL, NULL},
    {{"extensions"}, NULL, NULL},
};

static void test_echo(void **state)
{
    (void)state;
    const struct x402_offer offer = make_offer();
    for (size_t i = 0; i < sizeof(echoes) / sizeof(echoes[0]); i++) {
        json_t *root = client_v2();
        json_t *at = root;
        size_t last = 0;
        while (last < 2 && echoes[i].path[last + 1] != NULL) {
            at = vectors_get(at, echoes[i].path[last++]);
        }
        json_object_del(at, echoes[i].path[last]);
        if (echoes[i].value != NULL) {
            json_object_set_new(at, echoes[i].path[last],
                                json_loads(echoes[i].value, JSON_DECODE_ANY, NULL));
        }
        struct x402_match result = match_json(&offer, X402_FORM_V2, root);
        if (echoes[i].reason == NULL
                ? result.verdict != X402_FITS
                : result.reason == NULL || strcmp(result.reason, echoes[i].reason) != 0) {
            fail_msg("%zu %s=%s: %s", i, echoes[i].path[last], echoes[i].value, result.text);
        }
        json_decref(root);
    }
}

/* A client may leave the query out of the resource that it echoes; never the path. */
static void test_resource_query(void **state)
{
    (void)state;
    struct x402_offer offer = make_offer();
    json_t *root = client_v2();
    offer.terms.resource = lucid_span_str(WIRE_RESOURCE "?tree_size=7");
    assert_int_equal(match_json(&offer, X402_FORM_V2, root).verdict, X402_FITS);
    json_object_set_new(vectors_get(root, "resource"), "url",
                        json_string(WIRE_RESOURCE "?tree_size=8"));
    assert_int_equal(match_json(&offer, X402_FORM_V2, root).verdict, X402_MISFIT);
    json_decref(root);
}

/* --- authorizations of our own making --- */

struct authorization {
    const char *to;
    const char *value;
    uint64_t after;
    uint64_t before;
};

/* Signed well by the payer, as v1 or v2. */
static struct x402_match match_made(enum x402_form form, const struct authorization *made,
                                    const struct x402_offer *offer)
{
    const struct evm_key key = payer_key();
    struct evm_authorization authorization = {.from = key.address,
                                              .to = wire_address(made->to),
                                              .valid_after = evm_u256_of(made->after),
                                              .valid_before = evm_u256_of(made->before)};
    struct evm_signature signature;
    struct lucid_buf json = {.bytes_max = 0};
    assert_true(evm_u256_parse_decimal(lucid_span_str(made->value), &authorization.value));
    struct evm_hash digest =
        evm_authorization_digest(&offer->terms.network->separator, &authorization);
    evm_sign(&key, &digest, &signature);
    if (form == X402_FORM_V1) {
        lucid_buf_str(&json,
                      "{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"base-sepolia\"");
    } else {
        lucid_buf_printf(&json,
                         "{\"x402Version\":2,\"accepted\":{\"scheme\":\"exact\",\"network\":"
                         "\"eip155:84532\",\"amount\":\"10000\",\"asset\":"
                         "\"0x036CbD53842c5426634e7929541eC2318f3dCF7e\",\"payTo\":\"%s\","
                         "\"maxTimeoutSeconds\":60,\"extra\":{\"name\":\"USDC\",\"version\":"
                         "\"2\"}}",
                         WIRE_PAYEE);
    }
    lucid_buf_printf(&json,
                     ",\"payload\":{\"authorization\":{\"from\":\"%s\",\"to\":\"%s\",\"value\":"
                     "\"%s\",\"validAfter\":\"%llu\",\"validBefore\":\"%llu\",\"nonce\":\"0x",
                     WIRE_PAYER, made->to, made->value, (unsigned long long)made->after,
                     (unsigned long long)made->before);
    lucid_buf_hex(&json, authorization.nonce.bytes, sizeof(authorization.nonce.bytes));
    lucid_buf_str(&json, "\"},\"signature\":\"0x");
    lucid_buf_hex(&json, signature.bytes, sizeof(signature.bytes));
    lucid_buf_str(&json, "\"}}");
    lucid_buf_char(&json, '\0');
    struct x402_match result = match(offer, form, (const char *)json.data, WIRE_NOW_MS);
    lucid_buf_fini(&json);
    return result;
}

#define NOW (WIRE_NOW_MS / 1000)

static void test_values_and_times(void **state)
{
    (void)state;
    static const char over[] = "invalid_exact_evm_payload_authorization_value_mismatch";
    static const char early[] = "invalid_exact_evm_payload_authorization_valid_after";
    static const char late[] = "invalid_exact_evm_payload_authorization_valid_before";
    static const struct {
        struct authorization made;
        const char *v1; /* the reason; NULL: fits */
        const char *v2;
    } cases[] = {
        {{WIRE_PAYEE, "10000", 0, NOW + 60}, NULL, NULL},
        {{WIRE_PAYEE, "9999", 0, NOW + 60}, over, over},
        {{WIRE_PAYEE, "0", 0, NOW + 60}, over, over},
        {{WIRE_PAYEE, "10001", 0, NOW + 60}, NULL, over},
        {{WIRE_PAYEE, "9223372036854775807", 0, NOW + 60}, NULL, over},
        {{WIRE_PAYEE, "9223372036854775808", 0, NOW + 60}, over, over},
        {{WIRE_PAYEE, "18446744073709561616", 0, NOW + 60}, over, over}, /* 2^64 + 10000 */
        {{WIRE_STRANGER, "10000", 0, NOW + 60},
         "invalid_exact_evm_recipient_mismatch",
         "invalid_exact_evm_recipient_mismatch"},
        {{WIRE_PAYEE, "10000", 0, NOW + 6}, NULL, NULL},
        {{WIRE_PAYEE, "10000", 0, NOW + 5}, late, late},
        {{WIRE_PAYEE, "10000", 0, 0}, late, late},
        {{WIRE_PAYEE, "10000", NOW, NOW + 60}, NULL, NULL},
        {{WIRE_PAYEE, "10000", NOW + 1, NOW + 60}, early, early},
    };
    const struct x402_offer offer = make_offer();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (enum x402_form form = X402_FORM_V1; form <= X402_FORM_V2; form++) {
            const char *want = form == X402_FORM_V1 ? cases[i].v1 : cases[i].v2;
            struct x402_match result = match_made(form, &cases[i].made, &offer);
            if (want == NULL ? result.verdict != X402_FITS
                             : result.reason == NULL || strcmp(result.reason, want) != 0) {
                fail_msg("case %zu, form %d: %s", i, (int)form, result.text);
            }
        }
    }
}

/* Version 1 has no name for it: no client of version 1 can mean it. */
static void test_v1_without_name(void **state)
{
    (void)state;
    struct x402_offer offer = make_offer();
    struct x402_network network = *offer.terms.network;
    const struct authorization made = {WIRE_PAYEE, "10000", 0, NOW + 60};
    network.v1_name[0] = '\0';
    offer.terms.network = &network;
    assert_string_equal(match_made(X402_FORM_V1, &made, &offer).reason,
                        "invalid_exact_evm_network_mismatch");
    assert_int_equal(match_made(X402_FORM_V2, &made, &offer).verdict, X402_FITS);
}

/* A smart wallet's signature cannot be checked here, so nothing may be claimed for it. */
static void test_smart_wallet(void **state)
{
    (void)state;
    const struct x402_offer offer = make_offer();
    json_t *root = client_v2();
    json_object_set_new(vectors_get(root, "payload"), "signature", json_string("0x1234"));
    struct x402_match result = match_json(&offer, X402_FORM_V2, root);
    assert_string_equal(result.reason, "invalid_exact_evm_signature");
    assert_non_null(strstr(result.text, "smart wallets"));
    json_decref(root);
}

/* --- X-Payment-Proof --- */

static const struct evm_hash transaction = {.bytes = {0xc6, 0xb9}};

/* A proof signed by the payer for the offer's terms, with the challenge given. */
static char *proof_make(const struct x402_offer *offer, const struct x402_challenge *challenge,
                        uint64_t log_index, bool with_index, bool with_signature)
{
    const struct evm_key key = payer_key();
    struct evm_payment_proof proof = {
        .transaction = transaction,
        .log_index = log_index,
        .pay_to = offer->terms.pay_to,
        .amount = evm_u256_of(offer->terms.amount),
        .method = offer->terms.method,
        .resource = offer->terms.resource,
        .challenge = x402_challenge_hash(challenge),
        .expires = x402_challenge_expires(challenge),
    };
    struct evm_signature signature;
    struct lucid_buf json = {.bytes_max = 0};
    memcpy(proof.body_hash.bytes, offer->terms.body_sha256, 32);
    struct evm_hash digest =
        evm_payment_proof_digest(&offer->terms.network->proof_separator, &proof);
    evm_sign(&key, &digest, &signature);
    lucid_buf_str(&json, "{\"network\":\"eip155:84532\",\"transaction\":\"0x");
    lucid_buf_hex(&json, transaction.bytes, sizeof(transaction.bytes));
    lucid_buf_printf(&json, "\",\"challenge\":\"%s\"", challenge->text);
    if (with_index) {
        lucid_buf_printf(&json, ",\"logIndex\":%llu", (unsigned long long)log_index);
    }
    if (with_signature) {
        lucid_buf_str(&json, ",\"signature\":\"0x");
        lucid_buf_hex(&json, signature.bytes, sizeof(signature.bytes));
        lucid_buf_char(&json, '"');
    }
    lucid_buf_str(&json, "}");
    lucid_buf_char(&json, '\0');
    assert_true(lucid_buf_ok(&json));
    return (char *)json.data;
}

static struct x402_match match_proof(const struct x402_offer *offer, const char *json)
{
    return match(offer, X402_FORM_PROOF, json, WIRE_NOW_MS);
}

static void challenge_make(const struct x402_offer *offer, struct x402_challenge *ret)
{
    struct x402_keys *keys = wire_keys(WIRE_KEYS);
    x402_challenge_make(keys, &offer->terms, WIRE_NOW_MS, 300, wire_random, ret);
    x402_keys_close(keys);
}

static void test_proofs(void **state)
{
    (void)state;
    const struct x402_offer offer = make_offer();
    struct evm_address payer = wire_address(WIRE_PAYER);
    struct x402_challenge challenge;
    challenge_make(&offer, &challenge);
    char *json = proof_make(&offer, &challenge, 1, true, true);
    struct x402_match result = match_proof(&offer, json);
    assert_int_equal(result.verdict, X402_FITS);
    assert_true(result.signed_by_payer);
    assert_memory_equal(&result.payer, &payer, sizeof(payer));
    free(json);
    /* Unsigned: whether it is bound is seen on the chain. */
    json = proof_make(&offer, &challenge, 1, false, false);
    result = match_proof(&offer, json);
    assert_true(result.verdict == X402_FITS && !result.signed_by_payer);
    free(json);
    /* Signed, but for which transfer? */
    json = proof_make(&offer, &challenge, 1, false, true);
    result = match_proof(&offer, json);
    assert_int_equal(result.verdict, X402_MALFORMED);
    assert_non_null(strstr(result.text, "logIndex"));
    free(json);
    /* On another network. */
    struct x402_offer other = offer;
    struct x402_network base;
    assert_true(x402_network_known(lucid_span_str("base"), &base));
    other.terms.network = &base;
    json = proof_make(&offer, &challenge, 1, true, true);
    assert_string_equal(match_proof(&other, json).reason, "invalid_exact_evm_network_mismatch");
    free(json);
}

/* What was signed for one request, price or transfer is by somebody else for another: the
 * signature recovers to an address that no chain knows as payer. */
static void test_signed_terms(void **state)
{
    (void)state;
    const struct x402_offer offer = make_offer();
    struct evm_address payer = wire_address(WIRE_PAYER);
    for (int n = 0; n < 5; n++) {
        struct x402_offer signed_for = offer;
        struct x402_challenge challenge;
        challenge_make(&offer, &challenge);
        uint64_t index = 1;
        switch (n) {
        case 0:
            signed_for.terms.amount = 9999;
            break;
        case 1:
            signed_for.terms.method = lucid_span_str("PUT");
            break;
        case 2:
            signed_for.terms.resource = lucid_span_str(WIRE_RESOURCE "2");
            break;
        case 3:
            signed_for.terms.body_sha256[0] ^= 1;
            break;
        default:
            signed_for.terms.pay_to = wire_address(WIRE_STRANGER);
            break;
        }
        char *json = proof_make(&signed_for, &challenge, index, true, true);
        struct x402_match result = match_proof(&offer, json);
        assert_true(result.verdict == X402_FITS && result.signed_by_payer);
        assert_memory_not_equal(&result.payer, &payer, sizeof(payer));
        free(json);
    }
}

static void test_challenges(void **state)
{
    (void)state;
    const struct x402_offer offer = make_offer();
    struct x402_offer other = offer;
    struct x402_challenge challenge;
    other.terms.method = lucid_span_str("POST");
    challenge_make(&other, &challenge);
    char *json = proof_make(&offer, &challenge, 1, true, true);
    struct x402_match result = match_proof(&offer, json);
    assert_string_equal(result.reason, "invalid_challenge");
    assert_non_null(strstr(result.text, "request"));
    assert_false(result.signed_by_payer);
    free(json);
    struct x402_keys *theirs =
        wire_keys("0000000f 2222222222222222222222222222222222222222222222222222222222222222 2\n");
    x402_challenge_make(theirs, &offer.terms, WIRE_NOW_MS, 300, wire_random, &challenge);
    x402_keys_close(theirs);
    json = proof_make(&offer, &challenge, 1, true, true);
    result = match_proof(&offer, json);
    assert_string_equal(result.reason, "invalid_challenge");
    assert_non_null(strstr(result.text, "keys"));
    free(json);
}

/* A signature that nobody has made. */
static void test_bad_signature(void **state)
{
    (void)state;
    const struct x402_offer offer = make_offer();
    struct x402_challenge challenge;
    challenge_make(&offer, &challenge);
    char *json = proof_make(&offer, &challenge, 1, true, true);
    char *end = strrchr(json, '"');
    memcpy(end - 2, "00", 2); /* v */
    struct x402_match result = match_proof(&offer, json);
    assert_string_equal(result.reason, "invalid_exact_evm_signature");
    struct lucid_buf longer = {.bytes_max = 0};
    lucid_buf_put(&longer, json, (size_t)(end - json));
    lucid_buf_put(&longer, "00\"}", 5); /* with its NUL */
    assert_true(lucid_buf_ok(&longer));
    result = match_proof(&offer, (const char *)longer.data);
    assert_string_equal(result.reason, "invalid_exact_evm_signature");
    assert_non_null(strstr(result.text, "smart wallets"));
    lucid_buf_fini(&longer);
    free(json);
}

static int setup(void **state)
{
    (void)state;
    return evm_sign_open() == LUCID_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_signatures),      cmocka_unit_test(test_echo),
        cmocka_unit_test(test_resource_query),  cmocka_unit_test(test_values_and_times),
        cmocka_unit_test(test_v1_without_name), cmocka_unit_test(test_smart_wallet),
        cmocka_unit_test(test_proofs),          cmocka_unit_test(test_signed_terms),
        cmocka_unit_test(test_challenges),      cmocka_unit_test(test_bad_signature),
    };
    return cmocka_run_group_tests_name("x402 match", tests, setup, NULL);
}

/* What other servers ask of this facilitator, judged: the published verdicts, and what is left out,
 * wrong or not for this client. */
#include "tests/unit/x402/evm_vectors.h"

#include "tests/unit/x402/wire_world.h"
#include "x402/facilitation_match.h"

static struct x402_networks networks;
static struct x402_client client;
static struct lucid_arena arena;

static int setup(void **state)
{
    (void)state;
    networks = (struct x402_networks){.count = 1};
    assert_true(x402_network_known(lucid_span_str("base-sepolia"), &networks.items[0]));
    client = (struct x402_client){.name = "shop", .networks = {true}, .pay_to_count = 1};
    client.pay_to[0] = wire_address(WIRE_PAYEE);
    lucid_arena_init(&arena, (size_t)4 << 20);
    return 0;
}

static int sign_open(void **state)
{
    (void)state;
    return evm_sign_open() == LUCID_OK ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    lucid_arena_fini(&arena);
    return 0;
}

static const struct jcs_value *parsed(const json_t *document)
{
    static const struct jcs_limits limits = {.depth_max = 16, .values_max = 2048};
    const struct jcs_value *root = NULL;
    char *text = json_dumps(document, 0);
    size_t len = strlen(text);
    uint8_t *copy = lucid_arena_alloc(&arena, len);
    assert_non_null(copy);
    memcpy(copy, text, len);
    free(text);
    assert_int_equal(jcs_parse(lucid_span(copy, len), &limits, &arena, &root, NULL), LUCID_OK);
    return root;
}

static struct x402_facilitation_ask asked(const json_t *document)
{
    struct x402_facilitation_ask ask;
    struct lucid_why why = {0};
    assert_int_equal(
        x402_facilitation_match(parsed(document), &networks, &client, WIRE_NOW_MS, &ask, &why),
        LUCID_OK);
    return ask;
}

static json_t *file_load(void)
{
    return vectors_load("x402/facilitator-verdicts.json");
}

/* Those whose verdict the chain gives fit here; of the others all is the same but one reason. */
static void test_published(void **state)
{
    (void)state;
    json_t *file = file_load();
    size_t i;
    size_t same = 0;
    json_t *one;
    json_array_foreach(vectors_get(file, "verify"), i, one)
    {
        const char *id = json_string_value(vectors_get(one, "id"));
        const json_t *response = vectors_get(one, "response");
        const char *reason = json_string_value(json_object_get(response, "invalidReason"));
        struct x402_facilitation_ask ask = asked(vectors_get(one, "request"));
        bool of_chain = strcmp(id, "nonce_used") == 0 || strcmp(id, "no_funds") == 0;
        assert_true(ask.has_payer);
        if (reason == NULL || of_chain) {
            assert_int_equal(ask.verdict, X402_FITS);
            assert_ptr_equal(ask.network, &networks.items[0]);
        } else {
            assert_int_equal(ask.verdict, X402_MISFIT);
            assert_true(ask.text[0] != '\0');
            assert_string_equal(ask.reason, strcmp(id, "asset_is_not_a_contract") == 0
                                                ? "invalid_payment_requirements"
                                                : reason);
        }
        struct lucid_buf out = {0};
        x402_verify_answer_write(&ask.payer, ask.verdict == X402_FITS ? NULL : ask.reason, "",
                                 &out);
        lucid_buf_char(&out, '\0');
        json_t *answer = json_loads((const char *)out.data, 0, NULL);
        assert_true(json_equal(json_object_get(answer, "payer"), vectors_get(response, "payer")));
        json_decref(answer);
        lucid_buf_fini(&out);
        same++;
    }
    assert_int_equal(same, 13);
    json_decref(file);
}

static void test_answers(void **state)
{
    (void)state;
    json_t *file = file_load();
    const json_t *first = vectors_get(vectors_get(file, "settle"), "first_response");
    struct evm_hash transaction;
    struct evm_address payer = wire_address(WIRE_PAYER);
    struct lucid_buf out = {0};
    assert_true(evm_hash_parse(vectors_text(vectors_get(first, "transaction")), &transaction));
    x402_settle_answer_write(&payer, NULL, "", &transaction, lucid_span_str("eip155:84532"), &out);
    lucid_buf_char(&out, '\0');
    char *want = json_dumps(first, JSON_COMPACT);
    assert_string_equal((const char *)out.data, want); /* byte for byte */
    free(want);
    lucid_buf_clear(&out);
    x402_settle_answer_write(NULL, "settlement_pending", "a \"text\"", NULL,
                             lucid_span_str("base-sepolia"), &out);
    assert_true(lucid_span_is(
        lucid_buf_span(&out),
        "{\"success\":false,\"errorReason\":\"settlement_pending\",\"errorMessage\":\"a "
        "\\\"text\\\"\",\"transaction\":\"\",\"network\":\"base-sepolia\"}"));
    lucid_buf_fini(&out);
    json_decref(file);
}

/* The valid request with one member changed (value: JSON text; NULL: left out). */
struct change {
    const char *path; /* "R.amount": paymentRequirements, "P.…": paymentPayload, "A.…": accepted */
    const char *value;
    const char *reason;
};

static json_t *valid_request(json_t *file)
{
    return json_deep_copy(vectors_get(json_array_get(vectors_get(file, "verify"), 0), "request"));
}

static void change_one(json_t *request, const char *path, const char *value)
{
    json_t *payload = json_object_get(request, "paymentPayload");
    json_t *at = path[0] == 'R'   ? json_object_get(request, "paymentRequirements")
                 : path[0] == 'P' ? payload
                                  : json_object_get(payload, "accepted");
    char name[64];
    path += 2;
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        (void)snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
        at = json_object_get(at, name);
    }
    if (value == NULL) {
        assert_int_equal(json_object_del(at, path), 0);
    } else {
        json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
        assert_non_null(json);
        assert_int_equal(json_object_set_new(at, path, json), 0);
    }
}

static void test_changes(void **state)
{
    (void)state;
    static const char requirements[] = "invalid_payment_requirements";
    static const char recipient[] = "invalid_exact_evm_recipient_mismatch";
    static const struct change changes[] = {
        {"R.scheme", "\"upto\"", "invalid_exact_evm_scheme"},
        {"R.scheme", NULL, "invalid_exact_evm_scheme"},
        {"R.network", "\"eip155:8453\"", "invalid_network"},
        {"R.network", "\"solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp\"", "invalid_network"},
        {"R.network", "7", "invalid_network"},
        {"R.network", NULL, "invalid_network"},
        {"R.amount", "\"9999\"", requirements},
        {"R.amount", "10000", requirements},
        {"R.amount", "\"0\"", requirements},
        {"R.amount", "\"-1\"", requirements},
        {"R.amount", "\"9223372036854775808\"", requirements},
        {"R.asset", "\"" WIRE_STRANGER "\"", requirements},
        {"R.asset", NULL, requirements},
        {"R.payTo", "\"" WIRE_STRANGER "\"", recipient},
        {"R.payTo", "\"0x\"", requirements},
        {"R.maxTimeoutSeconds", "0", requirements},
        {"R.maxTimeoutSeconds", "\"60\"", requirements},
        {"R.maxTimeoutSeconds", "61", requirements},
        {"R.extra", NULL, "invalid_exact_evm_missing_eip712_domain"},
        {"R.extra.name", "\"USD Coin\"", "invalid_exact_evm_token_name_mismatch"},
        {"R.extra.version", "\"1\"", "invalid_exact_evm_token_version_mismatch"},
        {"R.extra.assetTransferMethod", "\"permit2\"", "unsupported_scheme"},
        {"R.extra.assetTransferMethod", "\"eip3009\"", NULL},
        {"A.payTo", "\"" WIRE_STRANGER "\"", requirements},
        {"A.extra.more", "1", NULL}, /* additions bind nobody */
        {"P.x402Version", "1", "invalid_x402_version"},
        {"P.x402Version", NULL, "invalid_x402_version"},
        {"P.payload", "{}", "invalid_payload"},
        {"P.payload.signature", "\"0x00\"", "invalid_exact_evm_signature"},
        {"P.payload.authorization.nonce", "\"0x00\"", "invalid_payload"},
        {"P.payload.authorization.value", "\"10001\"",
         "invalid_exact_evm_payload_authorization_value_mismatch"},
        {"P.payload.authorization", NULL, "invalid_payload"},
    };
    json_t *file = file_load();
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        json_t *request = valid_request(file);
        change_one(request, changes[i].path, changes[i].value);
        struct x402_facilitation_ask ask = asked(request);
        assert_int_equal(ask.verdict, changes[i].reason == NULL ? X402_FITS : X402_MISFIT);
        if (changes[i].reason != NULL) {
            assert_string_equal(ask.reason, changes[i].reason);
        }
        json_decref(request);
    }
    client.networks[0] = false;
    json_t *request = valid_request(file);
    assert_string_equal(asked(request).reason, "invalid_network");
    json_decref(request);
    json_decref(file);
}

static void test_version_1(void **state)
{
    (void)state;
    json_t *file = file_load();
    json_t *request = valid_request(file);
    json_t *requirements = json_object_get(request, "paymentRequirements");
    json_t *payload = json_object_get(request, "paymentPayload");
    json_object_set_new(request, "x402Version", json_integer(1));
    json_object_set_new(payload, "x402Version", json_integer(1));
    json_object_set_new(payload, "scheme", json_string("exact"));
    json_object_set_new(payload, "network", json_string("base-sepolia"));
    json_object_del(payload, "accepted");
    json_object_set_new(requirements, "network", json_string("base-sepolia"));
    json_object_set_new(requirements, "maxAmountRequired", json_string("10000"));
    struct x402_facilitation_ask ask = asked(request);
    assert_int_equal(ask.verdict, X402_FITS);
    assert_int_equal(ask.version, 1);
    json_object_set_new(requirements, "maxAmountRequired", json_string("9000")); /* at least */
    assert_int_equal(asked(request).verdict, X402_FITS);
    json_object_set_new(requirements, "maxAmountRequired", json_string("10001"));
    assert_string_equal(asked(request).reason,
                        "invalid_exact_evm_payload_authorization_value_mismatch");
    json_object_set_new(requirements, "network", json_string("eip155:84532"));
    assert_string_equal(asked(request).reason, "invalid_network");
    json_decref(request);
    json_decref(file);
}

static void test_none(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *param;
    } cases[] = {
        {"{}", "x402Version"},
        {"{\"x402Version\":\"2\"}", "x402Version"},
        {"{\"x402Version\":2}", "paymentPayload"},
        {"{\"x402Version\":2,\"paymentPayload\":[]}", "paymentPayload"},
        {"{\"x402Version\":2,\"paymentPayload\":{}}", "paymentRequirements"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct x402_facilitation_ask ask;
        struct lucid_why why = {0};
        json_t *document = json_loads(cases[i].text, 0, NULL);
        assert_int_equal(
            x402_facilitation_match(parsed(document), &networks, &client, WIRE_NOW_MS, &ask, &why),
            LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "PAYMENT_MALFORMED");
        assert_string_equal(why.param, cases[i].param);
        json_decref(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_published, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version_1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_none, setup, teardown),
    };
    return cmocka_run_group_tests_name("facilitation match", tests, sign_open, NULL);
}

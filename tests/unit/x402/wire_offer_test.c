/* x402/offer.h: the 402 in all its parts, and the header that tells of a settlement. */
#include "tests/unit/x402/wire_world.h"

#define TOKEN "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
#define CHALLENGE                                                                                  \
    "lc1.00000002.3.1795290259000.300." RANDOM                                                     \
    "d725a6391f8931e3ca70a6f922d56aa9d524b3fd6df2e7bb1489081817963f0c"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Byte for byte: clients have these members in their code. */
#define PROBLEM                                                                                    \
    "{\"type\":\"about:blank\",\"title\":\"Payment Required\",\"status\":402,\"detail\":\"This "   \
    "costs 0.01 USDC.\",\"code\":\"PAYMENT_REQUIRED\",\"request_id\":\"r-1\",\"x402Version\":1,"   \
    "\"error\":\"payment_required\",\"accepts\":["
#define ACCEPTS                                                                                    \
    "{\"scheme\":\"exact\",\"network\":\"base-sepolia\",\"maxAmountRequired\":\"10000\","          \
    "\"resource\":\"" WIRE_RESOURCE "\",\"description\":\"inclusion proof\",\"mimeType\":"         \
    "\"application/json\",\"payTo\":\"" WIRE_PAYEE                                                 \
    "\",\"maxTimeoutSeconds\":60,\"asset\":\"" TOKEN                                               \
    "\",\"extra\":{\"name\":\"USDC\",\"version\":\"2\"}}"
#define OURS                                                                                       \
    "],\"x402\":{\"version\":\"2\",\"asset\":\"proof\",\"description\":\"inclusion proof\","       \
    "\"price_version\":3,\"challenge\":\"" CHALLENGE "\",\"issued_at\":\"2026-11-21T19:44:19.000Z" \
    "\",\"expires\":\"2026-11-21T19:49:19.000Z\",\"expires_unix\":1795290559,\"resource\":"        \
    "\"" WIRE_RESOURCE "\",\"method\":\"GET\",\"body_sha256\":\"" EMPTY_SHA256 "\",\"payment\":{"  \
    "\"network\":\"eip155:84532\",\"chain\":\"base-sepolia\",\"chainId\":84532,\"token\":"         \
    "\"USDC\",\"tokenAddress\":\"" TOKEN "\",\"decimals\":6,\"amount\":\"10000\",\"recipient\":"   \
    "\"" WIRE_PAYEE "\",\"scheme\":\"exact\"},\"typedData\":{\"domain\":{\"name\":\"Lucid "        \
    "ledger\",\"version\":\"1\",\"chainId\":84532,\"verifyingContract\":\"" TOKEN "\"},"           \
    "\"primaryType\":\"PaymentProof\",\"types\":{\"PaymentProof\":[{\"name\":\"transaction\","     \
    "\"type\":\"bytes32\"},{\"name\":\"logIndex\",\"type\":\"uint256\"},{\"name\":\"payTo\","      \
    "\"type\":\"address\"},{\"name\":\"amount\",\"type\":\"uint256\"},{\"name\":\"method\","       \
    "\"type\":\"string\"},{\"name\":\"resource\",\"type\":\"string\"},{\"name\":\"bodyHash\","     \
    "\"type\":\"bytes32\"},{\"name\":\"challenge\",\"type\":\"bytes32\"},{\"name\":\"expires\","   \
    "\"type\":\"uint256\"}]}}}}"
/* As @x402/extensions 2.27.0 declares it. */
#define EXTENSIONS                                                                                 \
    "\"extensions\":{\"payment-identifier\":{\"info\":{\"required\":false},\"schema\":{"           \
    "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","            \
    "\"properties\":{\"required\":{\"type\":\"boolean\"},\"id\":{\"type\":\"string\","             \
    "\"minLength\":16,\"maxLength\":128,\"pattern\":\"^[a-zA-Z0-9_-]+$\"}},\"required\":["         \
    "\"required\"]}}}"
#define HEADER                                                                                     \
    "{\"x402Version\":2,\"error\":\"payment_required\",\"resource\":{\"url\":\"" WIRE_RESOURCE     \
    "\",\"description\":\"inclusion proof\",\"mimeType\":\"application/json\"},\"accepts\":[{"     \
    "\"scheme\":\"exact\",\"network\":\"eip155:84532\",\"amount\":\"10000\",\"asset\":\"" TOKEN    \
    "\",\"payTo\":\"" WIRE_PAYEE "\",\"maxTimeoutSeconds\":60,\"extra\":{\"name\":\"USDC\","       \
    "\"version\":\"2\"}}]," EXTENSIONS "}"

static struct x402_offer make_offer(void)
{
    struct x402_keys *keys = wire_keys(WIRE_KEYS);
    struct x402_offer offer = {
        .terms = wire_terms(),
        .description = lucid_span_str("inclusion proof"),
        .mime_type = lucid_span_str("application/json"),
        .timeout_seconds = 60,
        .authorizations = true,
    };
    x402_challenge_make(keys, &offer.terms, WIRE_NOW_MS, 300, wire_random, &offer.challenge);
    x402_keys_close(keys);
    return offer;
}

static void write(const struct x402_offer *offer, struct x402_document *document)
{
    x402_document_write(offer, "payment_required", "This costs 0.01 USDC.", lucid_span_str("r-1"),
                        document);
    assert_true(lucid_buf_ok(&document->body) && lucid_buf_ok(&document->header));
}

static void fini(struct x402_document *document)
{
    lucid_buf_fini(&document->body);
    lucid_buf_fini(&document->header);
}

static void text_is(const struct lucid_buf *buf, const char *want)
{
    char *text = calloc(1, buf->len + 1);
    assert_non_null(text);
    memcpy(text, buf->data, buf->len);
    assert_string_equal(text, want);
    free(text);
}

static void decoded_is(const struct lucid_buf *buf, const char *want)
{
    char *text = calloc(1, buf->len + 1);
    size_t len;
    assert_non_null(text);
    assert_true(lucid_base64_decode(lucid_buf_span(buf), text, buf->len, &len));
    assert_string_equal(text, want);
    free(text);
}

static void test_bytes(void **state)
{
    (void)state;
    const struct x402_offer offer = make_offer();
    struct x402_document document = {.body = {.bytes_max = 0}};
    for (int again = 0; again < 2; again++) {
        write(&offer, &document);
        text_is(&document.body, PROBLEM ACCEPTS OURS);
        decoded_is(&document.header, HEADER);
    }
    fini(&document);
}

/* Without a gas key there is nothing for v1 and v2. */
static void test_transfers_only(void **state)
{
    (void)state;
    struct x402_offer offer = make_offer();
    struct x402_document document = {.body = {.bytes_max = 0}};
    offer.authorizations = false;
    write(&offer, &document);
    text_is(&document.body, PROBLEM OURS);
    assert_int_equal(document.header.len, 0);
    fini(&document);
}

/* A network that v1 has no name for: v2 and our own can pay. */
static void test_no_v1_name(void **state)
{
    (void)state;
    struct x402_offer offer = make_offer();
    struct x402_document document = {.body = {.bytes_max = 0}};
    struct x402_network network;
    assert_true(x402_network_known(lucid_span_str("eip155:42161"), &network));
    offer.terms.network = &network;
    write(&offer, &document);
    json_t *root = json_loadb((const char *)document.body.data, document.body.len, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_array_size(vectors_get(root, "accepts")), 0);
    const json_t *payment = vectors_get(vectors_get(root, "x402"), "payment");
    assert_true(json_is_null(vectors_get(payment, "chain")));
    assert_true(lucid_span_is(vectors_text(vectors_get(payment, "network")), "eip155:42161"));
    assert_true(document.header.len > 0);
    json_decref(root);
    fini(&document);
}

/* What a client puts into its query cannot break the JSON; lengths are those of the route's. */
static void test_hostile_resource(void **state)
{
    (void)state;
    struct x402_offer offer = make_offer();
    struct x402_document document = {.body = {.bytes_max = 0}};
    char resource[X402_RESOURCE_BYTES_MAX + 1];
    memset(resource, '"', sizeof(resource) - 1);
    memcpy(resource, "http://h/?a=\\\",\"x\":{\n", 21);
    resource[sizeof(resource) - 1] = '\0';
    offer.terms.resource = lucid_span_str(resource);
    write(&offer, &document);
    json_t *root = json_loadb((const char *)document.body.data, document.body.len,
                              JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_true(
        lucid_span_is(vectors_text(vectors_get(vectors_get(root, "x402"), "resource")), resource));
    json_decref(root);
    fini(&document);
}

static void test_no_memory(void **state)
{
    (void)state;
    const struct x402_offer offer = make_offer();
    struct x402_document document = {.body = {.bytes_max = 100}, .header = {.bytes_max = 100}};
    x402_document_write(&offer, "payment_required", "d", lucid_span_str("r"), &document);
    assert_false(lucid_buf_ok(&document.body) || lucid_buf_ok(&document.header));
    fini(&document);
}

#define MINT      "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"
#define DEVNET    "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"
#define PAY_TO    "2wKupLR9q6wXYppw8Gr2NvWxKBUqm4PPJKkQfoxHDBg4"
#define FEE_PAYER "EwWqGE4ZFKLofuestmU4LDdK7XM1N4ALgdZccwYugwGd"

static struct x402_offer solana_offer(struct x402_network *network)
{
    struct x402_keys *keys = wire_keys(WIRE_KEYS);
    struct x402_offer offer = make_offer();
    struct x402_terms *terms = &offer.terms;
    assert_true(x402_network_known(lucid_span_str("solana-devnet"), network));
    terms->network = network;
    memset(&terms->pay_to, 0, sizeof(terms->pay_to));
    assert_true(x402_base58_parse(lucid_span_str(PAY_TO), terms->pay_to_solana, 32));
    assert_true(x402_base58_parse(lucid_span_str(FEE_PAYER), terms->fee_payer, 32));
    x402_challenge_make(keys, terms, WIRE_NOW_MS, 300, wire_random, &offer.challenge);
    x402_keys_close(keys);
    return offer;
}

#define SOLANA_V2                                                                                  \
    "{\"scheme\":\"exact\",\"network\":\"" DEVNET "\",\"amount\":\"10000\","                       \
    "\"asset\":\"" MINT "\",\"payTo\":\"" PAY_TO "\",\"maxTimeoutSeconds\":60,"                    \
    "\"extra\":{\"feePayer\":\"" FEE_PAYER "\"}}"
#define SOLANA_V1                                                                                  \
    "{\"scheme\":\"exact\",\"network\":\"solana-devnet\",\"maxAmountRequired\":\"10000\","         \
    "\"resource\":\"" WIRE_RESOURCE "\",\"description\":\"inclusion proof\","                      \
    "\"mimeType\":\"application/json\",\"payTo\":\"" PAY_TO                                        \
    "\",\"maxTimeoutSeconds\":60,\"asset\":\"" MINT "\",\"extra\":{\"feePayer\":\"" FEE_PAYER      \
    "\"}}"
#define SOLANA_HEADER                                                                              \
    "{\"x402Version\":2,\"error\":\"payment_required\",\"resource\":{\"url\":\"" WIRE_RESOURCE     \
    "\",\"description\":\"inclusion proof\",\"mimeType\":\"application/json\"},"                   \
    "\"accepts\":[" SOLANA_V2 "]," EXTENSIONS "}"
#define SOLANA_PAYMENT                                                                             \
    "{\"network\":\"" DEVNET "\",\"chain\":\"solana-devnet\",\"token\":\"USDC\","                  \
    "\"tokenAddress\":\"" MINT "\",\"decimals\":6,\"amount\":\"10000\","                           \
    "\"recipient\":\"" PAY_TO "\",\"scheme\":\"exact\"}"

static void json_is(const json_t *value, const char *text)
{
    json_t *want = json_loads(text, 0, NULL);
    assert_non_null(want);
    assert_true(json_equal(value, want));
    json_decref(want);
}

static void test_solana(void **state)
{
    (void)state;
    struct x402_network network;
    const struct x402_offer offer = solana_offer(&network);
    struct x402_document document = {.body = {.bytes_max = 0}};
    write(&offer, &document);
    decoded_is(&document.header, SOLANA_HEADER);
    json_t *root = json_loadb((const char *)document.body.data, document.body.len, 0, NULL);
    assert_non_null(root);
    json_is(json_array_get(vectors_get(root, "accepts"), 0), SOLANA_V1);
    const json_t *ours = vectors_get(root, "x402");
    assert_null(json_object_get(ours, "typedData"));
    json_is(vectors_get(ours, "payment"), SOLANA_PAYMENT);
    json_decref(root);
    fini(&document);
}

/* What a facilitator is sent is canonical, and the client's JSON is in it as shown. */
static void test_forward(void **state)
{
    (void)state;
    static const char shown[] =
        "{ \"x402Version\":2, \"z\":[1.0,\"\\u0041\"], "
        "\"accepted\":{\"scheme\":\"exact\",\"network\":"
        "\"eip155:84532\"}, \"payload\":{\"signature\":\"0x0102\",\"authorization\":{\"from\":"
        "\"" WIRE_PAYER "\",\"to\":\"" WIRE_PAYEE "\",\"value\":\"10000\",\"validAfter\":\"0\","
        "\"validBefore\":\"9999999999\",\"nonce\":\"0x"
        "0000000000000000000000000000000000000000000000000000000000000001\"}}}";
    static const char want[] =
        "{\"paymentPayload\":{\"accepted\":{\"network\":\"eip155:84532\",\"scheme\":\"exact\"},"
        "\"payload\":{\"authorization\":{\"from\":\"" WIRE_PAYER "\",\"nonce\":\"0x"
        "0000000000000000000000000000000000000000000000000000000000000001\",\"to\":\"" WIRE_PAYEE
        "\",\"validAfter\":\"0\",\"validBefore\":\"9999999999\",\"value\":\"10000\"},\"signature\":"
        "\"0x0102\"},\"x402Version\":2,\"z\":[1,\"A\"]},\"paymentRequirements\":{\"amount\":"
        "\"10000\",\"asset\":\"" TOKEN "\",\"extra\":{\"name\":\"USDC\",\"version\":\"2\"},"
        "\"maxTimeoutSeconds\":60,\"network\":\"eip155:84532\",\"payTo\":\"" WIRE_PAYEE
        "\",\"scheme\":\"exact\"},\"x402Version\":2}";
    const struct x402_offer offer = make_offer();
    struct lucid_arena arena;
    struct lucid_buf header = {.bytes_max = 0};
    struct lucid_buf out = {.bytes_max = 0};
    struct x402_proof proof;
    lucid_arena_init(&arena, X402_PROOF_ARENA_BYTES);
    assert_int_equal(
        x402_proof_parse(X402_FORM_V2, wire_base64(shown, &header), &arena, &proof, NULL),
        LUCID_OK);
    x402_forward_write(&offer, &proof, &out);
    text_is(&out, want);
    lucid_buf_fini(&out);
    lucid_buf_fini(&header);
    lucid_arena_fini(&arena);
}

static void test_settlement(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/client-headers.json");
    size_t index;
    json_t *run;
    json_array_foreach(vectors_get(root, "runs"), index, run)
    {
        /* What the official server answered, byte for byte. */
        const json_t *response = vectors_get(run, "response_200");
        const json_t *decoded = vectors_get(response, "decoded");
        const char *transaction = json_string_value(vectors_get(decoded, "transaction"));
        const char *payer = json_string_value(vectors_get(decoded, "payer"));
        struct lucid_buf out = {.bytes_max = 0};
        enum x402_form form =
            vectors_u64(vectors_get(run, "version")) == 2 ? X402_FORM_V2 : X402_FORM_V1;
        x402_settlement_write(form, wire_network(), transaction, payer, NULL, &out);
        assert_true(
            lucid_span_equal(lucid_buf_span(&out), vectors_text(vectors_get(response, "value"))));
        lucid_buf_fini(&out);
    }
    json_decref(root);
    struct lucid_buf out = {.bytes_max = 0};
    x402_settlement_write(X402_FORM_V2, wire_network(), NULL, NULL, "settlement_pending", &out);
    decoded_is(&out, "{\"success\":false,\"errorReason\":\"settlement_pending\",\"transaction\":"
                     "\"\",\"network\":\"eip155:84532\"}");
    lucid_buf_fini(&out);
    struct x402_network network;
    assert_true(x402_network_known(lucid_span_str("solana-devnet"), &network));
    out = (struct lucid_buf){.bytes_max = 0};
    x402_settlement_write(X402_FORM_V1, &network, MINT, PAY_TO, NULL, &out);
    decoded_is(&out, "{\"success\":true,\"transaction\":\"" MINT
                     "\",\"network\":\"solana-devnet\",\"payer\":\"" PAY_TO "\"}");
    lucid_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),      cmocka_unit_test(test_transfers_only),
        cmocka_unit_test(test_no_v1_name), cmocka_unit_test(test_hostile_resource),
        cmocka_unit_test(test_no_memory),  cmocka_unit_test(test_solana),
        cmocka_unit_test(test_forward),    cmocka_unit_test(test_settlement),
    };
    return cmocka_run_group_tests_name("x402 offer", tests, NULL, NULL);
}

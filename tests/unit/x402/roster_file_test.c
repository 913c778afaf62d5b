/* The file of facilitators, the keys that it names, and the tokens that are signed with them. */
#include "ledger/jws.h"
#include "tests/unit/mmr/vectors.h"
#include "x402/remote.h"

static struct x402_roster_file file;

static enum lucid_error parse(const char *json, struct lucid_why *why)
{
    *why = (struct lucid_why){.code = NULL};
    return x402_roster_parse(lucid_span_str(json), &file, why);
}

static void without_a_file(void **state)
{
    (void)state;
    struct lucid_why why;
    x402_roster_file_init(&file);
    assert_int_equal(file.member_count, 1);
    assert_string_equal(file.members[0].name, "direct");
    assert_int_equal(file.orders[0].count, 1);
    assert_int_equal(file.orders[0].members[0], 0);
    assert_int_equal(parse("{}", &why), LUCID_OK);
    assert_int_equal(file.member_count, 1);
    assert_int_equal(file.orders[0].count, 1);
}

static void known_names(void **state)
{
    (void)state;
    struct lucid_why why;
    assert_int_equal(parse("{\"facilitators\":[{\"name\":\"payai\"},{\"name\":\"coinbase\","
                           "\"key_id\":\"a-b\",\"key_secret_file\":\"/k\"},"
                           "{\"name\":\"other\",\"url\":\"http://127.0.0.1:99/x\","
                           "\"networks\":[\"eip155:84532\"],\"timeout_ms\":200}],"
                           "\"order\":[\"coinbase\",\"direct\"],"
                           "\"assets\":[{\"asset\":\"proof\",\"order\":[\"payai\",\"other\"]}]}",
                           &why),
                     LUCID_OK);
    assert_int_equal(file.member_count, 4);
    const struct x402_member *payai = &file.members[1];
    const struct x402_member *coinbase = &file.members[2];
    const struct x402_member *other = &file.members[3];
    assert_string_equal(payai->url, "https://facilitator.payai.network");
    assert_int_equal(payai->auth, X402_AUTH_NONE);
    assert_true(payai->smart_wallets && coinbase->smart_wallets && !other->smart_wallets);
    assert_string_equal(coinbase->url, "https://api.cdp.coinbase.com/platform/v2/x402");
    assert_int_equal(coinbase->auth, X402_AUTH_CDP);
    assert_int_equal(coinbase->timeout_ms, 10000);
    assert_int_equal(other->timeout_ms, 200);
    const struct x402_roster_order *order = x402_roster_order_of(&file, lucid_span_str("proof"));
    assert_int_equal(order->count, 2);
    assert_int_equal(order->members[0], 1);
    assert_int_equal(order->members[1], 3);
    order = x402_roster_order_of(&file, lucid_span_str("batch"));
    assert_int_equal(order->members[0], 2);
    assert_int_equal(order->members[1], 0);
}

/* Who may settle: by gas key, named networks, and what a signature is. */
static void who_settles(void **state)
{
    (void)state;
    struct lucid_why why;
    struct x402_network base;
    struct x402_network solana;
    assert_true(x402_network_known(lucid_span_str("base-sepolia"), &base));
    assert_true(x402_network_known(lucid_span_str("solana"), &solana));
    x402_roster_file_init(&file);
    struct lucid_span asset = lucid_span_str("proof");
    assert_false(x402_roster_settles(&file, &base, asset, false));
    (void)snprintf(base.gas_key_file, sizeof(base.gas_key_file), "/gas");
    assert_true(x402_roster_settles(&file, &base, asset, false));
    assert_false(x402_roster_settles(&file, &base, asset, true));
    assert_false(x402_roster_settles(&file, &solana, asset, false));
    assert_int_equal(parse("{\"facilitators\":[{\"name\":\"payai\"}],"
                           "\"assets\":[{\"asset\":\"batch\",\"order\":[\"direct\"]}]}",
                           &why),
                     LUCID_OK);
    assert_true(x402_roster_settles(&file, &base, asset, true));
    assert_true(x402_roster_settles(&file, &solana, asset, false));
    assert_false(x402_roster_settles(&file, &solana, lucid_span_str("batch"), false));
    base.eip3009 = false;
    assert_false(x402_roster_settles(&file, &base, asset, false));
}

#define ONE(members) "{\"facilitators\":[{" members "}]}"

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *param;
    } cases[] = {
        {"[]", ""},
        {"{\"other\":1}", ""},
        {ONE("\"name\":\"direct\",\"url\":\"https://a\""), "facilitators[0].name"},
        {ONE("\"name\":\"a b\",\"url\":\"https://a\""), "facilitators[0].name"},
        {ONE("\"name\":\"x\""), "facilitators[0].url"},
        {ONE("\"name\":\"x\",\"url\":\"http://10.0.0.1\""), "facilitators[0].url"},
        {ONE("\"name\":\"x\",\"url\":\"https://a/\""), "facilitators[0].url"},
        {ONE("\"name\":\"x\",\"url\":\"https://a?b\""), "facilitators[0].url"},
        {ONE("\"name\":\"x\",\"url\":\"https://u@a\""), "facilitators[0].url"},
        {ONE("\"name\":\"x\",\"url\":\"https://a\",\"more\":1"), "facilitators[0]"},
        {ONE("\"name\":\"coinbase\""), "facilitators[0].key_id"},
        {ONE("\"name\":\"coinbase\",\"key_id\":\"k\""), "facilitators[0].key_secret_file"},
        {ONE("\"name\":\"payai\",\"key_secret_file\":\"/k\""), "facilitators[0].key_id"},
        {ONE("\"name\":\"payai\",\"key_id\":\"a\\\"b\",\"key_secret_file\":\"/k\""),
         "facilitators[0].key_id"},
        {ONE("\"name\":\"payai\",\"auth\":\"basic\""), "facilitators[0].auth"},
        {ONE("\"name\":\"payai\",\"auth\":\"none\",\"key_id\":\"k\",\"key_secret_file\":\"/k\""),
         "facilitators[0].key_id"},
        {ONE("\"name\":\"payai\",\"networks\":[]"), "facilitators[0].networks"},
        {ONE("\"name\":\"payai\",\"networks\":[\"base\"]"), "facilitators[0].networks[0]"},
        {ONE("\"name\":\"payai\",\"timeout_ms\":1"), "facilitators[0].timeout_ms"},
        {ONE("\"name\":\"payai\",\"smart_wallets\":1"), "facilitators[0].smart_wallets"},
        {ONE("\"name\":\"payai\"},{\"name\":\"payai\""), "facilitators[1].name"},
        {"{\"order\":[]}", "order"},
        {"{\"order\":[\"coinbase\"]}", "order[0]"},
        {"{\"facilitators\":[{\"name\":\"payai\"}],\"order\":[\"payai\",\"payai\"]}", "order[1]"},
        {"{\"assets\":[{\"asset\":\"a b\",\"order\":[\"direct\"]}]}", "assets[0].asset"},
        {"{\"assets\":[{\"asset\":\"a\"}]}", "assets[0].order"},
        {"{\"assets\":[{\"asset\":\"a\",\"order\":[\"direct\"]},{\"asset\":\"a\",\"order\":["
         "\"direct\"]}]}",
         "assets[1].asset"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_why why;
        x402_roster_file_init(&file);
        assert_int_equal(parse(cases[i].json, &why), LUCID_REFUSE_INVALID);
        assert_string_equal(why.param, cases[i].param);
        assert_true(why.text[0] != '\0');
        assert_int_equal(file.member_count, 1);
    }
}

/* --- keys and tokens ---------------------------------------------------------------------------
 */

static json_t *vectors;

static int setup(void **state)
{
    (void)state;
    vectors = vectors_load("x402/facilitator-jwt.json");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

static struct ledger_ed25519_key key_of(enum x402_member_auth auth, const char *flavour)
{
    struct ledger_ed25519_key key;
    uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES];
    struct lucid_span text =
        vectors_text(vectors_get(vectors_get(vectors, flavour), "api_key_secret"));
    assert_int_equal(x402_member_key_parse(auth, text, &key, NULL), LUCID_OK);
    vectors_bytes(vectors_get(vectors, "ed25519_public_hex"), public_key, sizeof(public_key));
    assert_memory_equal(key.public_key, public_key, sizeof(public_key));
    return key;
}

static const char *claim_text(const json_t *item, const char *part, const char *name)
{
    return json_string_value(json_object_get(vectors_get(item, part), name));
}

static uint64_t claim_u64(const json_t *item, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(vectors_get(item, "claims"), name));
}

static struct x402_member member_of(const json_t *item, const struct ledger_ed25519_key *key)
{
    struct x402_member member = {.key = key};
    (void)snprintf(member.key_id, sizeof(member.key_id), "%s", claim_text(item, "header", "kid"));
    return member;
}

/* Byte for byte what Coinbase's package makes of the same time, nonce, method and path. */
static void cdp_tokens(void **state)
{
    (void)state;
    struct ledger_ed25519_key key = key_of(X402_AUTH_CDP, "cdp");
    const json_t *items = vectors_get(vectors_get(vectors, "cdp"), "eddsa");
    assert_int_equal(json_array_size(items), 2);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        struct x402_member member = member_of(item, &key);
        uint8_t salt[X402_TOKEN_SALT_BYTES];
        struct lucid_buf out = {0};
        assert_true(lucid_hex_decode(lucid_span_str(claim_text(item, "header", "nonce")), salt,
                                     sizeof(salt)));
        x402_token_cdp(&member, json_string_value(vectors_get(item, "method")),
                       vectors_text(vectors_get(item, "host")),
                       vectors_text(vectors_get(item, "path")), claim_u64(item, "iat"), salt, &out);
        assert_true(
            lucid_span_equal(lucid_buf_span(&out), vectors_text(vectors_get(item, "token"))));
        lucid_buf_fini(&out);
    }
}

static void payai_token(void **state)
{
    (void)state;
    struct ledger_ed25519_key key = key_of(X402_AUTH_PAYAI, "payai");
    const json_t *item = vectors_get(vectors_get(vectors, "payai"), "eddsa");
    struct x402_member member = member_of(item, &key);
    const char *jti = claim_text(item, "claims", "jti");
    char hex[2 * X402_TOKEN_SALT_BYTES + 1];
    uint8_t salt[X402_TOKEN_SALT_BYTES];
    size_t len = 0;
    for (size_t i = 0; jti[i] != '\0'; i++) {
        if (jti[i] != '-') {
            hex[len++] = jti[i];
        }
    }
    assert_true(lucid_hex_decode(lucid_span(hex, len), salt, sizeof(salt)));
    struct lucid_buf out = {0};
    x402_token_payai(&member, claim_u64(item, "iat"), salt, &out);
    assert_true(lucid_span_equal(lucid_buf_span(&out), vectors_text(vectors_get(item, "token"))));
    lucid_buf_fini(&out);
}

static void key_refused(enum x402_member_auth auth, const char *text, const char *says)
{
    struct ledger_ed25519_key key;
    struct lucid_why why = {.code = NULL};
    assert_int_equal(x402_member_key_parse(auth, lucid_span_str(text), &key, &why),
                     LUCID_REFUSE_INVALID);
    assert_non_null(strstr(why.text, says));
}

static void keys_refused(void **state)
{
    (void)state;
    const char *cdp = json_string_value(vectors_get(vectors_get(vectors, "cdp"), "api_key_secret"));
    const char *payai =
        json_string_value(vectors_get(vectors_get(vectors, "payai"), "api_key_secret"));
    static const char pem[] = "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----";
    char wrong[128];
    struct ledger_ed25519_key key;
    key_refused(X402_AUTH_CDP, pem, "ES256");
    key_refused(X402_AUTH_PAYAI, pem, "ES256");
    key_refused(X402_AUTH_CDP, payai, "base64");
    key_refused(X402_AUTH_CDP, payai + strlen("payai_sk_"), "64 bytes");
    key_refused(X402_AUTH_PAYAI, cdp, "PKCS#8");
    key_refused(X402_AUTH_CDP, "", "64 bytes");
    /* The public half of another key. */
    (void)snprintf(wrong, sizeof(wrong), "%s", cdp);
    wrong[70] = wrong[70] == 'A' ? 'B' : 'A';
    key_refused(X402_AUTH_CDP, wrong, "public key");
    /* Without the prefix, with a line end. */
    (void)snprintf(wrong, sizeof(wrong), "%s\n", payai + strlen("payai_sk_"));
    assert_int_equal(x402_member_key_parse(X402_AUTH_PAYAI, lucid_span_str(wrong), &key, NULL),
                     LUCID_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file), cmocka_unit_test(known_names),
        cmocka_unit_test(who_settles),    cmocka_unit_test(refused),
        cmocka_unit_test(cdp_tokens),     cmocka_unit_test(payai_token),
        cmocka_unit_test(keys_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* x402/network.h: the built-in tables against the published separators, the operator's file. */
#include "tests/unit/x402/wire_world.h"
#include "x402/network_internal.h"
#include "x402/solana.h"

static json_t *domain_of(const json_t *domains, const struct x402_network *network)
{
    char address[EVM_ADDRESS_TEXT_BYTES + 1];
    size_t index;
    json_t *entry;
    evm_address_eip55(&network->token, address);
    json_array_foreach(domains, index, entry)
    {
        json_t *domain = vectors_get(entry, "domain");
        if (lucid_span_is(vectors_text(vectors_get(entry, "network")), network->caip2) &&
            lucid_span_is(vectors_text(vectors_get(domain, "verifyingContract")), address)) {
            return entry;
        }
    }
    return NULL;
}

/* Every pair of the vectors is in the table, as it is there; what the table has besides agrees with
 * its own pinned separator (asserted where a row is read). */
static void test_table(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/eip712-domains.json");
    const json_t *domains = vectors_get(root, "domains");
    struct x402_network network;
    size_t found = 0;
    size_t count = 0;
    for (; x402_network_at(count, &network); count++) {
        const json_t *entry = domain_of(domains, &network);
        struct evm_hash made = evm_domain_separator(lucid_span_str(network.token_name),
                                                    lucid_span_str(network.token_version),
                                                    network.chain_id, &network.token);
        assert_memory_equal(&made, &network.separator, sizeof(made));
        made = evm_domain_separator(lucid_span_str("Lucid ledger"), lucid_span_str("1"),
                                    network.chain_id, &network.token);
        assert_memory_equal(&made, &network.proof_separator, sizeof(made));
        if (entry != NULL) {
            const json_t *domain = vectors_get(entry, "domain");
            struct evm_hash want = evm_vectors_hash(entry, "separator");
            found++;
            assert_memory_equal(&want, &network.separator, sizeof(want));
            assert_true(
                lucid_span_is(vectors_text(vectors_get(domain, "name")), network.token_name));
            assert_true(network.eip3009 ==
                        lucid_span_is(vectors_text(vectors_get(entry, "transfer")), "eip3009"));
        }
    }
    assert_int_equal(found, json_array_size(domains));
    assert_int_equal(count, json_array_size(domains) + 3);
    json_decref(root);
}

/* Reference: the official tables of names. */
static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *caip2;
        const char *token;
    } known[] = {
        {"base", "eip155:8453", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"},
        {"base-sepolia", "eip155:84532", "0x036CbD53842c5426634e7929541eC2318f3dCF7e"},
        {"ethereum", "eip155:1", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"},
        {"polygon", "eip155:137", "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"},
        {"polygon-amoy", "eip155:80002", "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582"},
        {"avalanche", "eip155:43114", "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E"},
        {"avalanche-fuji", "eip155:43113", "0x5425890298aed601595a70AB815c96711a31Bc65"},
        {NULL, "eip155:42161", "0xaf88d065e77c8cC2239327C5EDb3A432268e5831"},
        {NULL, "eip155:421614", "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d"},
        {"monad", "eip155:143", "0x754704Bc059F8C67012fEd69BC8A327a5aafb603"},
        {"sei", "eip155:1329", "0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392"},
        {"sei-testnet", "eip155:1328", "0x4fCF1784B31630811181f670Aea7A7bEF803eaED"},
        {"celo", "eip155:42220", "0xcebA9300f2b948710d2653dD7B07f33A8B32118C"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct x402_network network;
        char address[EVM_ADDRESS_TEXT_BYTES + 1];
        assert_true(x402_network_known(lucid_span_str(known[i].caip2), &network));
        evm_address_eip55(&network.token, address);
        assert_string_equal(address, known[i].token);
        assert_string_equal(network.caip2, known[i].caip2);
        assert_string_equal(network.v1_name, known[i].name != NULL ? known[i].name : "");
        if (known[i].name != NULL) {
            assert_true(x402_network_known(lucid_span_str(known[i].name), &network));
            assert_string_equal(network.caip2, known[i].caip2);
        }
    }
    struct x402_network network;
    static const char *const unknown[] = {
        "",
        "eip155:",
        "eip155:08453",
        "eip155:8453 ",
        "EIP155:8453",
        "base ",
        "eip155:5",
        "Base",
        "Solana",
        "solana:",
        "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvd",
        "eip155:-1",
        "eip155:18446744073709552000",
        "eip155:0x1",
        "abstract",   /* a name without a USDC that the table knows */
        "eip155:988", /* its money is not USDC: only by token */
    };
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_false(x402_network_known(lucid_span_str(unknown[i]), &network));
    }
}

#define ENTRY(members)   "{\"networks\":[{" members "}]}"
#define BASE             "\"network\":\"base-sepolia\",\"rpc\":[\"https://node.example/v1?key=a\"]"
#define WITH(members)    ENTRY(BASE "," members)
#define RPC(urls)        ENTRY("\"network\":\"base\",\"rpc\":[" urls "]")
#define PRIVATE_TOKEN    "\"token\":\"0x00000000000000000000000000000000000000aA\""
#define PRIVATE(members) ENTRY("\"network\":\"eip155:99\",\"rpc\":[\"http://[::1]:8545\"]" members)

static void test_defaults(void **state)
{
    (void)state;
    struct x402_networks *networks = calloc(1, sizeof(*networks));
    assert_non_null(networks);
    assert_int_equal(x402_networks_parse(lucid_span_str(ENTRY(BASE)), networks, NULL), LUCID_OK);
    assert_int_equal(networks->count, 1);
    const struct x402_network *network = &networks->items[0];
    assert_string_equal(network->caip2, "eip155:84532");
    assert_string_equal(network->v1_name, "base-sepolia");
    assert_string_equal(network->token_name, "USDC");
    assert_string_equal(network->rpc[0], "https://node.example/v1?key=a");
    assert_int_equal(network->rpc_count, 1);
    assert_int_equal(network->rpc_quorum, 1);
    assert_int_equal(network->rpc_timeout_ms, 5000);
    assert_int_equal(network->serve_depth.by, X402_BY_DEPTH);
    assert_int_equal(network->serve_depth.blocks, 1);
    assert_int_equal(network->final_depth.by, X402_BY_DEPTH);
    assert_int_equal(network->final_depth.blocks, 12);
    assert_string_equal(network->gas_key_file, "");
    assert_int_equal(network->gas_limit, 150000);
    assert_true(network->max_fee_wei == 100000000000);
    assert_int_equal(network->stuck_seconds, 30);
    assert_true(network->eip3009);
    assert_ptr_equal(x402_network_find(networks, lucid_span_str("eip155:84532")), network);
    assert_ptr_equal(x402_network_find_v1(networks, lucid_span_str("base-sepolia")), network);
    assert_null(x402_network_find(networks, lucid_span_str("base-sepolia")));
    assert_null(x402_network_find_v1(networks, lucid_span_str("")));
    assert_null(x402_network_find_v1(networks, lucid_span_str("base")));
    free(networks);
}

static void test_all_members(void **state)
{
    (void)state;
    static const char text[] =
        "{\"networks\":[{\"network\":\"eip155:84532\",\"rpc\":[\"https://a\",\"http://"
        "127.0.0.1:8545/\",\"http://localhost\"],\"rpc_quorum\":2,\"rpc_timeout_ms\":700,"
        "\"serve_depth\":\"safe\",\"final_depth\":\"finalized\",\"gas_key_file\":\"/etc/k\","
        "\"gas_limit\":200000,\"max_fee_gwei\":\"0.25\",\"stuck_seconds\":60},"
        "{\"network\":\"abstract\",\"rpc\":[\"http://10.0.0.1\"],\"rpc_insecure\":true,"
        "\"token\":\"0x00000000000000000000000000000000000000aA\",\"token_name\":\"Coin\","
        "\"token_version\":\"7\",\"serve_depth\":20},"
        "{\"network\":\"celo\",\"token\":\"0xD2ab3C9A02DBBAB236BfEC45D1d755DF4267F771\","
        "\"token_version\":\"1\",\"rpc\":[\"https://c\"],\"serve_depth\":\"finalized\"}]}";
    struct x402_networks *networks = calloc(1, sizeof(*networks));
    assert_non_null(networks);
    assert_int_equal(x402_networks_parse(lucid_span_str(text), networks, NULL), LUCID_OK);
    assert_int_equal(networks->count, 3);
    const struct x402_network *network = &networks->items[0];
    assert_int_equal(network->rpc_count, 3);
    assert_int_equal(network->rpc_quorum, 2);
    assert_int_equal(network->rpc_timeout_ms, 700);
    assert_int_equal(network->serve_depth.by, X402_BY_SAFE);
    assert_int_equal(network->final_depth.by, X402_BY_FINALIZED);
    assert_string_equal(network->gas_key_file, "/etc/k");
    assert_int_equal(network->gas_limit, 200000);
    assert_true(network->max_fee_wei == 250000000);
    assert_int_equal(network->stuck_seconds, 60);
    network = &networks->items[1];
    assert_string_equal(network->caip2, "eip155:2741");
    assert_string_equal(network->v1_name, "abstract");
    assert_string_equal(network->token_name, "Coin");
    assert_string_equal(network->token_version, "7");
    struct evm_hash made =
        evm_domain_separator(lucid_span_str("Coin"), lucid_span_str("7"), 2741, &network->token);
    assert_memory_equal(&made, &network->separator, sizeof(made));
    assert_int_equal(network->final_depth.blocks, 20);
    network = &networks->items[2];
    assert_string_equal(network->token_name, "Tether America USD");
    assert_int_equal(network->final_depth.by, X402_BY_FINALIZED);
    free(networks);
}

static const struct {
    const char *text;
    const char *param;
} bad[] = {
    {"", ""},
    {"[]", "networks"},
    {"{}", "networks"},
    {"{\"networks\":{}}", "networks"},
    {"{\"networks\":[],\"more\":1}", ""},
    {"{\"networks\":[],\"networks\":[]}", "networks"},
    {"{\"networks\":[1]}", "networks[0]"},
    {"{\"networks\":[{" BASE "},{" BASE "}]}", "networks[1].network"},
    {"{\"networks\":[{" BASE "},{\"network\":\"eip155:84532\",\"rpc\":[\"https://b\"]}]}",
     "networks[1].network"},
    {WITH("\"rpcs\":[]"), "networks[0]"},
    {WITH("\"network\":\"base\""), "networks[0].network"},
    {ENTRY("\"rpc\":[\"https://a\"]"), "networks[0].network"},
    {ENTRY("\"network\":7,\"rpc\":[\"https://a\"]"), "networks[0].network"},
    {ENTRY("\"network\":\"eip155:x\",\"rpc\":[\"https://a\"]"), "networks[0].network"},
    {ENTRY("\"network\":\"base\""), "networks[0].rpc"},
    {ENTRY("\"network\":\"base\",\"rpc\":\"https://a\""), "networks[0].rpc"},
    {RPC(""), "networks[0].rpc"},
    {RPC("\"https://1\",\"https://2\",\"https://3\",\"https://4\",\"https://5\",\"https://6\","
         "\"https://7\",\"https://8\",\"https://9\""),
     "networks[0].rpc"},
    {RPC("1"), "networks[0].rpc[0]"},
    {RPC("\"\""), "networks[0].rpc[0]"},
    {RPC("\"https://a\",\"https://a\""), "networks[0].rpc[1]"},
    {RPC("\"https://\""), "networks[0].rpc[0]"},
    {RPC("\"https:///path\""), "networks[0].rpc[0]"},
    {RPC("\"https://user@host\""), "networks[0].rpc[0]"},
    {RPC("\"https://ho st\""), "networks[0].rpc[0]"},
    {RPC("\"https://host:0\""), "networks[0].rpc[0]"},
    {RPC("\"https://host:65536\""), "networks[0].rpc[0]"},
    {RPC("\"https://host:\""), "networks[0].rpc[0]"},
    {RPC("\"https://[::1\""), "networks[0].rpc[0]"},
    {RPC("\"https://[::1]x\""), "networks[0].rpc[0]"},
    {RPC("\"https://h\xc3\xb6st\""), "networks[0].rpc[0]"},
    {RPC("\"ftp://host\""), "networks[0].rpc[0]"},
    {RPC("\"http://node.example\""), "networks[0].rpc[0]"},
    {RPC("\"http://127.0.0.1@node.example\""), "networks[0].rpc[0]"},
    {RPC("\"http://127.0.0.1.node.example\""), "networks[0].rpc[0]"},
    {RPC("\"http://127.0.0.256\""), "networks[0].rpc[0]"},
    {RPC("\"http://128.0.0.1\""), "networks[0].rpc[0]"},
    {RPC("\"http://localhost.node.example\""), "networks[0].rpc[0]"},
    {WITH("\"rpc_insecure\":1"), "networks[0].rpc_insecure"},
    {WITH("\"rpc_quorum\":0"), "networks[0].rpc_quorum"},
    {WITH("\"rpc_quorum\":2"), "networks[0].rpc_quorum"},
    {WITH("\"rpc_quorum\":\"1\""), "networks[0].rpc_quorum"},
    {WITH("\"rpc_timeout_ms\":99"), "networks[0].rpc_timeout_ms"},
    {WITH("\"rpc_timeout_ms\":60001"), "networks[0].rpc_timeout_ms"},
    {WITH("\"rpc_timeout_ms\":100.5"), "networks[0].rpc_timeout_ms"},
    {WITH("\"token\":\"0x12\""), "networks[0].token"},
    {WITH("\"token_name\":\"USD Coin\""), "networks[0].token_name"},
    {WITH("\"token_version\":2"), "networks[0].token_version"},
    {WITH(PRIVATE_TOKEN), "networks[0].token_name"},
    {PRIVATE(""), "networks[0].token"},
    {PRIVATE("," PRIVATE_TOKEN), "networks[0].token_name"},
    {PRIVATE("," PRIVATE_TOKEN ",\"token_name\":\"a\""), "networks[0].token_version"},
    {PRIVATE("," PRIVATE_TOKEN ",\"token_name\":\"\",\"token_version\":\"1\""),
     "networks[0].token_name"},
    {ENTRY("\"network\":\"stable\",\"rpc\":[\"https://a\"]"), "networks[0].token"},
    {ENTRY("\"network\":\"megaeth\",\"rpc\":[\"https://a\"],"
           "\"token\":\"0xFAfDdbb3FC7688494971a79cc65DCa3EF82079E7\""),
     "networks[0].token"},
    {ENTRY("\"network\":\"eip155:38833\",\"rpc\":[\"https://a\"],\"gas_key_file\":\"/k\""),
     "networks[0].gas_key_file"},
    {WITH("\"serve_depth\":0"), "networks[0].serve_depth"},
    {WITH("\"serve_depth\":10001"), "networks[0].serve_depth"},
    {WITH("\"serve_depth\":\"latest\""), "networks[0].serve_depth"},
    {WITH("\"serve_depth\":5,\"final_depth\":4"), "networks[0].final_depth"},
    {WITH("\"serve_depth\":\"safe\",\"final_depth\":50"), "networks[0].final_depth"},
    {WITH("\"serve_depth\":\"finalized\",\"final_depth\":\"safe\""), "networks[0].final_depth"},
    {WITH("\"gas_key_file\":\"\""), "networks[0].gas_key_file"},
    {WITH("\"gas_key_file\":\"a\\nb\""), "networks[0].gas_key_file"},
    {WITH("\"gas_limit\":20999"), "networks[0].gas_limit"},
    {WITH("\"gas_limit\":10000001"), "networks[0].gas_limit"},
    {WITH("\"max_fee_gwei\":100"), "networks[0].max_fee_gwei"},
    {WITH("\"max_fee_gwei\":\"0\""), "networks[0].max_fee_gwei"},
    {WITH("\"max_fee_gwei\":\"100001\""), "networks[0].max_fee_gwei"},
    {WITH("\"max_fee_gwei\":\"1e3\""), "networks[0].max_fee_gwei"},
    {WITH("\"stuck_seconds\":4"), "networks[0].stuck_seconds"},
    {WITH("\"stuck_seconds\":3601"), "networks[0].stuck_seconds"},
    {WITH("\"treasury_key_file\":7"), "networks[0].treasury_key_file"},
    {WITH("\"gas_key_file\":\"/k\",\"treasury_key_file\":\"/k\""), "networks[0].treasury_key_file"},
    {WITH("\"treasury_address\":\"0x12\""), "networks[0].treasury_address"},
    {WITH("\"treasury_day_max\":5"), "networks[0].treasury_day_max"},
    {WITH("\"treasury_day_max\":\"05\""), "networks[0].treasury_day_max"},
    {ENTRY("\"network\":\"solana\",\"rpc\":[\"https://a\"]"), "networks[0]"},
    {ENTRY("\"network\":\"solana-devnet\",\"gas_key_file\":\"/k\""), "networks[0]"},
    {"{\"networks\":[{\"network\":\"solana\"},"
     "{\"network\":\"solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp\"}]}",
     "networks[1].network"},
};

static void test_refusals(void **state)
{
    (void)state;
    struct x402_networks *networks = calloc(1, sizeof(*networks));
    assert_non_null(networks);
    networks->count = 77;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct lucid_why why = {.code = NULL};
        assert_int_equal(x402_networks_parse(lucid_span_str(bad[i].text), networks, &why),
                         LUCID_REFUSE_INVALID);
        if (strcmp(why.param, bad[i].param) != 0) {
            fail_msg("%s: names \"%s\" (%s), not \"%s\"", bad[i].text, why.param, why.text,
                     bad[i].param);
        }
        assert_true(why.text[0] != '\0' && networks->count == 77);
    }
    free(networks);
}

static void test_solana(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *caip2;
        const char *mint;
    } known[] = {
        {"solana", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
         "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"},
        {"solana-devnet", "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
         "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct x402_network network;
        struct lucid_buf mint = {.bytes_max = 0};
        assert_true(x402_network_known(lucid_span_str(known[i].caip2), &network));
        assert_true(network.solana && !network.eip3009 && network.chain_id == 0);
        assert_string_equal(network.v1_name, known[i].name);
        x402_base58_write(&mint, network.mint, sizeof(network.mint));
        assert_true(lucid_span_is(lucid_buf_span(&mint), known[i].mint));
        assert_true(x402_network_known(lucid_span_str(known[i].name), &network));
        assert_string_equal(network.caip2, known[i].caip2);
        lucid_buf_fini(&mint);
    }
    struct x402_networks *networks = calloc(1, sizeof(*networks));
    assert_non_null(networks);
    assert_int_equal(x402_networks_parse(lucid_span_str("{\"networks\":[{" BASE
                                                        "},{\"network\":\"solana-devnet\"}]}"),
                                         networks, NULL),
                     LUCID_OK);
    assert_int_equal(networks->count, 2);
    const struct x402_network *found =
        x402_network_find_v1(networks, lucid_span_str("solana-devnet"));
    assert_true(found == &networks->items[1] && found->solana && found->rpc_count == 0);
    assert_true(found == x402_network_find(
                             networks, lucid_span_str("solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1")));
    free(networks);
}

static void test_treasury(void **state)
{
    (void)state;
    struct x402_networks *networks = calloc(1, sizeof(*networks));
    struct evm_address treasury;
    assert_non_null(networks);
    assert_true(
        evm_address_parse(lucid_span_str("0x00000000000000000000000000000000000000aA"), &treasury));
    assert_int_equal(x402_networks_parse(
                         lucid_span_str(WITH("\"gas_key_file\":\"/g\",\"treasury_key_file\":\"/t\","
                                             "\"treasury_address\":"
                                             "\"0x00000000000000000000000000000000000000aA\","
                                             "\"treasury_day_max\":\"5000000\"")),
                         networks, NULL),
                     LUCID_OK);
    const struct x402_network *network = &networks->items[0];
    assert_string_equal(network->treasury_key_file, "/t");
    assert_true(network->has_treasury);
    assert_memory_equal(&network->treasury, &treasury, sizeof(treasury));
    assert_int_equal(network->treasury_day_max, 5000000);
    /* The key's address is known to whoever reads it. */
    assert_int_equal(
        x402_networks_parse(lucid_span_str(WITH("\"treasury_key_file\":\"/t\"")), networks, NULL),
        LUCID_OK);
    assert_true(!network->has_treasury && network->treasury_day_max == 0);
    free(networks);
}

static void test_bounds(void **state)
{
    (void)state;
    struct x402_networks *networks = calloc(1, sizeof(*networks));
    struct lucid_buf text = {.bytes_max = 0};
    assert_non_null(networks);
    lucid_buf_str(&text, "{\"networks\":[");
    for (int i = 0; i <= X402_NETWORKS_MAX; i++) {
        lucid_buf_printf(&text,
                         "%s{\"network\":\"eip155:%d\",\"rpc\":[\"https://a\"]," PRIVATE_TOKEN
                         ",\"token_name\":\"n\",\"token_version\":\"v\"}",
                         i > 0 ? "," : "", 5000 + i);
        if (i == X402_NETWORKS_MAX - 1) {
            struct lucid_buf full = {.bytes_max = 0};
            lucid_buf_span_put(&full, lucid_buf_span(&text));
            lucid_buf_str(&full, "]}");
            assert_int_equal(x402_networks_parse(lucid_buf_span(&full), networks, NULL), LUCID_OK);
            assert_int_equal(networks->count, X402_NETWORKS_MAX);
            lucid_buf_fini(&full);
        }
    }
    lucid_buf_str(&text, "]}");
    assert_int_equal(x402_networks_parse(lucid_buf_span(&text), networks, NULL),
                     LUCID_REFUSE_INVALID);
    while (text.len <= X402_NETWORKS_FILE_BYTES_MAX) {
        lucid_buf_char(&text, ' ');
    }
    assert_int_equal(x402_networks_parse(lucid_buf_span(&text), networks, NULL),
                     LUCID_REFUSE_TOO_LARGE);
    lucid_buf_fini(&text);
    free(networks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),    cmocka_unit_test(test_names),
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_all_members),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_solana),
        cmocka_unit_test(test_treasury), cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests_name("x402 network", tests, NULL, NULL);
}

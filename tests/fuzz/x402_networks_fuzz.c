/* The operator's file of networks: what is taken is within all bounds, and refusals name a place.
 */
#include "base/assert.h"
#include "x402/evm/eip712.h"
#include "x402/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct x402_networks networks;

static void check(const struct x402_network *network)
{
    lucid_assert(x402_network_find(&networks, lucid_span_str(network->caip2)) == network);
    if (network->solana) {
        struct x402_network known;
        lucid_assert(x402_network_known(lucid_span_str(network->caip2), &known));
        lucid_assert(strcmp(known.caip2, network->caip2) == 0 && network->rpc_count == 0);
        lucid_assert(memcmp(known.mint, network->mint, sizeof(known.mint)) == 0);
        return;
    }
    struct evm_hash separator = evm_domain_separator(lucid_span_str(network->token_name),
                                                     lucid_span_str(network->token_version),
                                                     network->chain_id, &network->token);
    lucid_assert(memcmp(&separator, &network->separator, sizeof(separator)) == 0);
    lucid_assert(network->chain_id > 0 && network->token_name[0] != '\0');
    lucid_assert(network->v1_name[0] == '\0' ||
                 x402_network_find_v1(&networks, lucid_span_str(network->v1_name)) == network);
    lucid_assert(network->rpc_count >= 1 && network->rpc_count <= EVM_RPC_ENDPOINTS_MAX);
    lucid_assert(network->rpc_quorum >= 1 && network->rpc_quorum <= network->rpc_count);
    for (size_t i = 0; i < network->rpc_count; i++) {
        const char *url = network->rpc[i];
        lucid_assert(strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0);
        for (size_t j = 0; j < i; j++) {
            lucid_assert(strcmp(url, network->rpc[j]) != 0);
        }
    }
    lucid_assert(network->rpc_timeout_ms >= 100 && network->stuck_seconds >= 5);
    lucid_assert(network->serve_depth.by <= network->final_depth.by);
    lucid_assert(network->serve_depth.by != X402_BY_DEPTH || network->serve_depth.blocks >= 1);
    lucid_assert(network->gas_limit >= 21000 && network->max_fee_wei > 0);
    lucid_assert(network->eip3009 || network->gas_key_file[0] == '\0');
    lucid_assert(network->treasury_key_file[0] == '\0' ||
                 strcmp(network->treasury_key_file, network->gas_key_file) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = x402_networks_parse(lucid_span(data, size), &networks, &why);
    if (error != LUCID_OK) {
        lucid_assert(error == LUCID_REFUSE_INVALID || error == LUCID_REFUSE_TOO_LARGE);
        lucid_assert(why.text[0] != '\0');
        return 0;
    }
    lucid_assert(networks.count <= X402_NETWORKS_MAX);
    for (size_t i = 0; i < networks.count; i++) {
        check(&networks.items[i]);
    }
    return 0;
}

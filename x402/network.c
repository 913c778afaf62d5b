#include "x402/network_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "x402/evm/eip712.h"
#include "x402/solana.h"

enum { CHAIN_DIGITS_MAX = 15 }; /* EIP-2294 keeps chain ids below 2^53 */
#define CAIP2_NAMESPACE "eip155:"

/* --- the built-in table --- */

static void text_set(char *out, size_t size, const char *text)
{
    lucid_assert(strlen(text) < size);
    memcpy(out, text, strlen(text) + 1);
}

void x402_network_chain_set(struct x402_network *network, uint64_t chain_id)
{
    network->chain_id = chain_id;
    snprintf(network->caip2, sizeof(network->caip2), CAIP2_NAMESPACE "%" PRIu64, chain_id);
    text_set(network->v1_name, sizeof(network->v1_name), x402_chain_name(chain_id));
}

void x402_network_separate(struct x402_network *network)
{
    network->separator = evm_domain_separator(lucid_span_str(network->token_name),
                                              lucid_span_str(network->token_version),
                                              network->chain_id, &network->token);
    network->proof_separator = evm_domain_separator(lucid_span_str(X402_PROOF_DOMAIN_NAME),
                                                    lucid_span_str(X402_PROOF_DOMAIN_VERSION),
                                                    network->chain_id, &network->token);
}

void x402_network_row_set(struct x402_network *network, const struct x402_token_row *row)
{
    struct evm_hash pinned;
    x402_network_chain_set(network, row->chain_id);
    lucid_assert(evm_address_parse(lucid_span_str(row->address), &network->token));
    text_set(network->token_name, sizeof(network->token_name), row->name);
    text_set(network->token_version, sizeof(network->token_version), row->version);
    network->eip3009 = row->eip3009;
    x402_network_separate(network);
    lucid_assert(evm_hash_parse(lucid_span_str(row->separator), &pinned));
    lucid_assert(memcmp(&pinned, &network->separator, sizeof(pinned)) == 0);
}

bool x402_network_chain_read(struct lucid_span name, uint64_t *ret)
{
    const size_t prefix = strlen(CAIP2_NAMESPACE);
    if (name.len < prefix || memcmp(name.data, CAIP2_NAMESPACE, prefix) != 0) {
        return x402_chain_named(name, ret);
    }
    struct lucid_span digits = lucid_span(name.data + prefix, name.len - prefix);
    uint64_t chain_id = 0;
    if (digits.len == 0 || digits.len > CHAIN_DIGITS_MAX || digits.data[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return false;
        }
        chain_id = 10 * chain_id + (uint64_t)(digits.data[i] - '0');
    }
    *ret = chain_id;
    return true;
}

bool x402_network_solana(struct lucid_span name, struct x402_network *ret)
{
    for (size_t n = 0; x402_solana_row_at(n) != NULL; n++) {
        const struct x402_solana_row *row = x402_solana_row_at(n);
        if (lucid_span_is(name, row->caip2) || lucid_span_is(name, row->v1_name)) {
            struct x402_network network = {.solana = true};
            text_set(network.caip2, sizeof(network.caip2), row->caip2);
            text_set(network.v1_name, sizeof(network.v1_name), row->v1_name);
            bool good =
                x402_base58_parse(lucid_span_str(row->mint), network.mint, sizeof(network.mint));
            lucid_assert(good);
            *ret = network;
            return true;
        }
    }
    return false;
}

bool x402_network_known(struct lucid_span name, struct x402_network *ret)
{
    uint64_t chain_id;
    if (x402_network_solana(name, ret)) {
        return true;
    }
    if (!x402_network_chain_read(name, &chain_id)) {
        return false;
    }
    const struct x402_token_row *row = x402_token_row_find(chain_id, NULL);
    if (row == NULL) {
        return false;
    }
    *ret = (struct x402_network){.chain_id = 0};
    x402_network_row_set(ret, row);
    return true;
}

bool x402_network_at(size_t n, struct x402_network *ret)
{
    const struct x402_token_row *row = x402_token_row_at(n);
    if (row == NULL) {
        return false;
    }
    *ret = (struct x402_network){.chain_id = 0};
    x402_network_row_set(ret, row);
    return true;
}

const struct x402_network *x402_network_find(const struct x402_networks *networks,
                                             struct lucid_span caip2)
{
    for (size_t i = 0; i < networks->count; i++) {
        if (lucid_span_is(caip2, networks->items[i].caip2)) {
            return &networks->items[i];
        }
    }
    return NULL;
}

const struct x402_network *x402_network_find_v1(const struct x402_networks *networks,
                                                struct lucid_span name)
{
    for (size_t i = 0; i < networks->count && name.len > 0; i++) {
        if (lucid_span_is(name, networks->items[i].v1_name)) {
            return &networks->items[i];
        }
    }
    return NULL;
}

/* The built-in tables, as x402/network.c reads them. */
#ifndef LUCID_X402_NETWORK_INTERNAL_H
#define LUCID_X402_NETWORK_INTERNAL_H

#include "x402/network.h"

/* The EIP-712 domain of PaymentProof (CONTRACT 4). */
#define X402_PROOF_DOMAIN_NAME    "Lucid ledger"
#define X402_PROOF_DOMAIN_VERSION "1"

/* A token as the official clients know it. */
struct x402_token_row {
    uint64_t chain_id;
    const char *symbol;
    unsigned decimals;
    bool eip3009;
    const char *address; /* EIP-55 */
    const char *name;    /* of the EIP-712 domain */
    const char *version;
    const char *separator; /* of that domain, pinned */
};

/* A network of Solana, with its USDC. */
struct x402_solana_row {
    const char *caip2;
    const char *v1_name;
    const char *mint; /* base58 */
};
const struct x402_solana_row *x402_solana_row_at(size_t n);

/* The n-th row; NULL after the last. */
const struct x402_token_row *x402_token_row_at(size_t n);
/* The row of a token; of a chain's USDC when token is NULL. NULL: none. */
const struct x402_token_row *x402_token_row_find(uint64_t chain_id,
                                                 const struct evm_address *token);
/* The network of the n-th row; false after the last. A network may have several. */
bool x402_network_at(size_t n, struct x402_network *ret) LUCID_WARN_UNUSED;
/* The v1 name of a chain; "": none. And its chain; false: no such name. */
const char *x402_chain_name(uint64_t chain_id);
bool x402_chain_named(struct lucid_span name, uint64_t *ret_chain_id) LUCID_WARN_UNUSED;

/* --- network.c: the parts of a network ---------------------------------------------------------
 */

/* The chain's id and names. */
void x402_network_chain_set(struct x402_network *network, uint64_t chain_id);
/* Chain, token and domain of a row. */
void x402_network_row_set(struct x402_network *network, const struct x402_token_row *row);
/* The separators, of chain id, token and its domain. */
void x402_network_separate(struct x402_network *network);
/* "eip155:" and a chain id without leading zeros, or a v1 name. */
bool x402_network_chain_read(struct lucid_span name, uint64_t *ret) LUCID_WARN_UNUSED;
/* By CAIP-2 or v1 name. */
bool x402_network_solana(struct lucid_span name, struct x402_network *ret) LUCID_WARN_UNUSED;

/* --- url.c ------------------------------------------------------------------------------------ */

/* NULL when somebody may be asked at that URL, else what it lacks: https, or http to loopback, or
 * insecure. */
const char *x402_url_fault(struct lucid_span url, bool insecure);

#endif

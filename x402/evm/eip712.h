/* Typed data that payers sign: EIP-3009's TransferWithAuthorization and our PaymentProof (EIP-712).
 *
 * Thread: pure functions. */
#ifndef LUCID_X402_EVM_EIP712_H
#define LUCID_X402_EVM_EIP712_H

#include "x402/evm/evm.h"

/* EIP712Domain(string name,string version,uint256 chainId,address verifyingContract). */
struct evm_hash evm_domain_separator(struct lucid_span name, struct lucid_span version,
                                     uint64_t chain_id, const struct evm_address *contract);

struct evm_authorization {
    struct evm_address from;
    struct evm_address to;
    struct evm_u256 value;
    struct evm_u256 valid_after; /* seconds; the token wants after < block time < before */
    struct evm_u256 valid_before;
    struct evm_hash nonce;
};

/* What the payer of an authorization has signed. */
struct evm_hash evm_authorization_digest(const struct evm_hash *separator,
                                         const struct evm_authorization *authorization);

/* PaymentProof(bytes32 transaction,uint256 logIndex,address payTo,uint256 amount,string method,
 * string resource,bytes32 bodyHash,bytes32 challenge,uint256 expires): CONTRACT 4. */
struct evm_payment_proof {
    struct evm_hash transaction;
    uint64_t log_index;
    struct evm_address pay_to;
    struct evm_u256 amount; /* the price that was quoted */
    struct lucid_span method;
    struct lucid_span resource;
    struct evm_hash body_hash; /* SHA-256 of the body */
    struct evm_hash challenge; /* Keccak-256 of the challenge's ASCII */
    uint64_t expires;          /* Unix seconds, as the 402 says */
};

/* What the payer of a transfer has signed; the separator is the network's proof_separator. */
struct evm_hash evm_payment_proof_digest(const struct evm_hash *separator,
                                         const struct evm_payment_proof *proof);

#endif

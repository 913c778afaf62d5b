/* Transactions of type 2 (EIP-2718, EIP-1559), signed.
 *
 * Thread: pure functions. */
#ifndef LUCID_X402_EVM_TRANSACTION_H
#define LUCID_X402_EVM_TRANSACTION_H

#include "x402/evm/sign.h"

struct evm_transaction {
    uint64_t chain_id;
    uint64_t nonce;
    uint64_t tip_wei;     /* maxPriorityFeePerGas */
    uint64_t max_fee_wei; /* maxFeePerGas, at least the tip */
    uint64_t gas_limit;
    struct evm_address to;
    struct evm_u256 value;  /* wei */
    struct lucid_span data; /* borrowed */
};

/* What the sender signs. LUCID_RETRY_MEMORY. */
enum lucid_error evm_transaction_digest(const struct evm_transaction *transaction,
                                        struct evm_hash *ret) LUCID_WARN_UNUSED;

/* Appends the signed bytes, ready for eth_sendRawTransaction, and returns the hash that nodes will
 * report. The same key and transaction give the same bytes. LUCID_RETRY_MEMORY. */
enum lucid_error evm_transaction_sign(const struct evm_key *key,
                                      const struct evm_transaction *transaction,
                                      struct lucid_buf *out,
                                      struct evm_hash *ret_hash) LUCID_WARN_UNUSED;

#endif

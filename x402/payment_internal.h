/* Between the files of the payment kind: keys, payloads, rows. */
#ifndef LUCID_X402_PAYMENT_INTERNAL_H
#define LUCID_X402_PAYMENT_INTERNAL_H

#include "x402/payment.h"

/* --- payment_key.c ---------------------------------------------------------------------------- */

void payment_key_authorization(const char *network, const struct evm_address *token,
                               const struct evm_address *from, const struct evm_hash *nonce,
                               struct x402_spent_key *ret);
void payment_key_transfer(const char *network, const struct evm_hash *transaction,
                          uint64_t log_index, struct x402_spent_key *ret);
/* "eip155:CHAIN/TX/all": every transfer of a transaction. */
void payment_key_all(const char *network, const struct evm_hash *transaction,
                     struct x402_spent_key *ret);
/* The key that a payment.recorded occupies; false: none. */
bool payment_key_recorded(const char *network, const char *transaction,
                          struct x402_spent_key *ret) LUCID_WARN_UNUSED;
/* The length of "eip155:CHAIN/TX/" when it is the key of a transfer (or …/all); else 0. */
size_t payment_key_prefix(struct lucid_span key);

#endif

/* Recursive length prefix (Ethereum yellow paper, appendix B): writing only.
 *
 * Thread: pure functions on the caller's buffer, whose errors are sticky (base/buf.h). */
#ifndef LUCID_X402_EVM_RLP_H
#define LUCID_X402_EVM_RLP_H

#include "base/buf.h"

/* A string of bytes. */
void evm_rlp_bytes(struct lucid_buf *out, struct lucid_span data);
/* A number, big-endian without leading zeros: zero is the empty string. */
void evm_rlp_u64(struct lucid_buf *out, uint64_t value);
void evm_rlp_number(struct lucid_buf *out, struct lucid_span big_endian);
/* The head of a list whose items, already encoded, are len bytes; they follow. */
void evm_rlp_list(struct lucid_buf *out, size_t len);

#endif

/* secp256k1: recovery of signers, keys, signatures (libsecp256k1), as USDC's contract wants them:
 * low s, v 27 or 28 (SEC 1 4.1.6; EIP-2; reference: the token's ECRecover).
 *
 * Thread: any; the library's context is made once, by evm_sign_open, before threads start. */
#ifndef LUCID_X402_EVM_SIGN_H
#define LUCID_X402_EVM_SIGN_H

#include "x402/evm/evm.h"

#define EVM_SIGNATURE_BYTES 65 /* r ‖ s ‖ v */

struct evm_signature {
    uint8_t bytes[EVM_SIGNATURE_BYTES];
};

/* A private key in memory of its owner (locked memory for those of services); wipe it. */
struct evm_key {
    uint8_t secret[32];
    struct evm_address address;
};

/* Makes the context (randomised against side channels). Call once per program; LUCID_RETRY_MEMORY.
 * Until then the functions below assert. */
enum lucid_error evm_sign_open(void) LUCID_WARN_UNUSED;

/* The signer of a digest. Refusals, LUCID_REFUSE_INVALID: v is neither 27 nor 28 (0 and 1 too: the
 * token refuses them), s is above n/2, or nothing can be recovered. */
enum lucid_error evm_recover(const struct evm_hash *digest, const struct evm_signature *signature,
                             struct evm_address *ret) LUCID_WARN_UNUSED;

/* 64 hex digits, with or without "0x". LUCID_REFUSE_INVALID: not that, or no key of the curve. */
enum lucid_error evm_key_parse(struct lucid_span text, struct evm_key *ret) LUCID_WARN_UNUSED;

/* Deterministic (RFC 6979), low s, v 27 or 28. */
void evm_sign(const struct evm_key *key, const struct evm_hash *digest, struct evm_signature *ret);

#endif

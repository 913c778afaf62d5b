/* Payments of the scheme `exact` on Solana: a partly signed transaction that a facilitator
 * completes and sends. It is not settled here; what is read from it is what makes it one payment,
 * and whose.
 *
 * Thread: pure functions. */
#ifndef LUCID_X402_SOLANA_H
#define LUCID_X402_SOLANA_H

#include "base/buf.h"
#include "base/sha256.h"
#include "x402/network.h"

#define X402_SOLANA_SIGNATURE_BYTES       64
#define X402_SOLANA_TRANSACTION_BYTES_MAX 1232 /* one packet */
#define X402_SOLANA_KEY_TEXT_MAX          44
#define X402_SOLANA_SIGNATURE_TEXT_MAX    88

/* What is read from a transaction (legacy or version 0), with the signature of `payer` over the
 * message verified. */
struct x402_solana_payment {
    uint8_t message[LUCID_SHA256_BYTES];      /* SHA-256 of the message: the payment's identity */
    uint8_t fee_payer[X402_SOLANA_KEY_BYTES]; /* account 0: the facilitator's */
    uint8_t payer[X402_SOLANA_KEY_BYTES];     /* authority of the one TransferChecked */
    uint8_t mint[X402_SOLANA_KEY_BYTES];
    uint64_t amount;
    uint8_t pay_to[X402_SOLANA_KEY_BYTES]; /* as asked for: whose token account it goes to is the
                                              facilitator's to check */
};

/* Reads the base64 text of a transaction. All but pay_to is set. LUCID_REFUSE_INVALID: it is none,
 * has not exactly one TransferChecked, is tied to a durable nonce (and would never expire), or the
 * payer's signature is missing or wrong. */
enum lucid_error x402_solana_parse(struct lucid_span base64, struct x402_solana_payment *ret,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

/* Whether the signature is that of the payment's fee payer over the payment's message, which that
 * base64 text of a transaction holds: then it is the id of the transaction that was sent, and
 * nobody else can have made it up. */
bool x402_solana_signed(struct lucid_span base64, const struct x402_solana_payment *payment,
                        const uint8_t signature[X402_SOLANA_SIGNATURE_BYTES]) LUCID_WARN_UNUSED;
/* The same with what a facilitator is sent (x402_forward_write), which holds the transaction. False
 * also without memory. */
bool x402_solana_settled(struct lucid_span forward, const struct x402_solana_payment *payment,
                         const uint8_t signature[X402_SOLANA_SIGNATURE_BYTES]) LUCID_WARN_UNUSED;

/* Base58 (Bitcoin's alphabet) of 32 or 64 bytes; to read: false for anything else. */
void x402_base58_write(struct lucid_buf *out, const uint8_t *bytes, size_t len);
bool x402_base58_parse(struct lucid_span text, uint8_t *ret, size_t len) LUCID_WARN_UNUSED;

#endif

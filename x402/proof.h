/* The three payment headers, read: X-PAYMENT (v1), PAYMENT-SIGNATURE (v2), X-Payment-Proof. Strict:
 * standard base64 of UTF-8 JSON without duplicate members, bounded in bytes, depth and values; only
 * shapes are judged here, what they mean is x402/offer.h's.
 *
 * Thread: pure functions; texts live in the arena given. */
#ifndef LUCID_X402_PROOF_H
#define LUCID_X402_PROOF_H

#include "base/arena.h"
#include "base/jcs/jcs.h"
#include "x402/challenge.h"
#include "x402/evm/eip712.h"
#include "x402/evm/sign.h"
#include "x402/solana.h"

#define X402_HEADER_BYTES_MAX ((size_t)16 * 1024)

/* Enough for whatever a header of that size holds. */
#define X402_PROOF_ARENA_BYTES ((size_t)512 * 1024)

#define X402_IDENTIFIER_BYTES_MIN 16 /* of the extension payment-identifier */
#define X402_IDENTIFIER_BYTES_MAX 128

enum x402_form {
    X402_FORM_V1,    /* X-PAYMENT */
    X402_FORM_V2,    /* PAYMENT-SIGNATURE */
    X402_FORM_PROOF, /* X-Payment-Proof */
};
/* "X-PAYMENT" … */
const char *x402_form_header(enum x402_form form);

struct x402_proof {
    enum x402_form form;
    struct lucid_span network; /* v1: a name; else CAIP-2 */

    /* V1, V2 */
    struct lucid_span scheme;
    struct evm_authorization authorization;
    struct evm_signature signature; /* also of PROOF, if signed */
    bool has_signature;
    bool smart_wallet; /* the signature is not of 65 bytes (ERC-1271, ERC-6492): `signature` is not
                          set; it cannot be checked here and is refused with a reason by matching,
                          because an unchecked payment must not be claimed; unless the offer says
                          that somebody else checks it (x402_offer.smart_wallets) */
    bool is_solana; /* the payload is a transaction: `solana` instead of authorization and signature
                     */
    struct x402_solana_payment solana; /* without pay_to */
    const struct jcs_value *accepted;  /* V2: the client's echo of the offer */
    struct lucid_span resource_url;    /* V2: data NULL when absent */
    struct lucid_span identifier;      /* V2: of the extension payment-identifier: 16 to 128 of
                                          A-Za-z0-9_-; data NULL when there is none */
    const struct jcs_value *document;  /* all of it, as shown: what others are forwarded */

    /* PROOF */
    struct evm_hash transaction;
    bool has_log_index;
    uint64_t log_index;
    struct x402_challenge challenge;
};

/* Members that are not named here are allowed and ignored; optional ones may be null. Payloads of
 * other transfer methods than EIP-3009 and Solana's (permit2, erc7710) are refused by name.
 * LUCID_REFUSE_INVALID, code PAYMENT_MALFORMED, param the header's name, text says what;
 * LUCID_REFUSE_TOO_LARGE (code PAYMENT_MALFORMED); LUCID_RETRY_MEMORY. */
enum lucid_error x402_proof_parse(enum x402_form form, struct lucid_span value,
                                  struct lucid_arena *arena, struct x402_proof *ret,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

/* The same of a V1 or V2 payment that stands in a document as JSON (a facilitator's
 * `paymentPayload`), which must outlive ret. param is "paymentPayload". */
enum lucid_error x402_proof_parse_document(enum x402_form form, const struct jcs_value *document,
                                           struct x402_proof *ret,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

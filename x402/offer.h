/* The offer: what a request costs, the one 402 that says so for all three headers, and whether a
 * payment fits it (local checks only: nothing here touches a network or a store).
 *
 * Thread: pure functions. */
#ifndef LUCID_X402_OFFER_H
#define LUCID_X402_OFFER_H

#include "x402/proof.h"

struct x402_offer {
    struct x402_terms terms;
    struct x402_challenge challenge;
    struct lucid_span description; /* "inclusion proof" */
    struct lucid_span mime_type;
    uint32_t
        timeout_seconds; /* maxTimeoutSeconds: of an authorization, and until a challenge expires */
    bool authorizations; /* v1 and v2 can be settled on that network: somebody does */
    bool smart_wallets;  /* somebody can check signatures that are not of 65 bytes */
};

struct x402_document {
    struct lucid_buf body;   /* problem members, v1 members, "x402" */
    struct lucid_buf header; /* base64 for PAYMENT-REQUIRED; empty without authorizations */
};

/* Writes the 402, the same bytes for the same offer; ret's buffers are cleared first. error: the
 * reason as clients know it ("payment_required" or that of a match); detail: a sentence. Texts are
 * valid UTF-8. `accepts` (v1) is empty and there is no header where authorizations are not settled;
 * it is empty as well where version 1 has no name for the network. On Solana there is no typedData:
 * a transfer there cannot be shown in X-Payment-Proof. */
void x402_document_write(const struct x402_offer *offer, const char *error, const char *detail,
                         struct lucid_span request_id, struct x402_document *ret);

/* One element of `accepts` as version 2 has it, appended: of the offer's terms only network, amount
 * and recipient count. */
void x402_accept_write(const struct x402_offer *offer, struct lucid_buf *out);

/* PAYMENT-RESPONSE / X-PAYMENT-RESPONSE (v1 names the network as v1 does): base64 JSON, appended.
 * transaction: "0x" and hex digits, or base58 on Solana; NULL: none. payer: as clients read it
 * (EIP-55, base58); NULL: not known. reason NULL: success. */
void x402_settlement_write(enum x402_form form, const struct x402_network *network,
                           const char *transaction, const char *payer, const char *reason,
                           struct lucid_buf *out);

/* What a facilitator other than ourselves is sent about a v1 or v2 payment that fits the offer:
 * canonical JSON {"paymentPayload": as shown, "paymentRequirements": ours, in the form of that
 * version, "x402Version"}, appended. The same bytes for the same payment and offer: a resend is the
 * identical payload. */
void x402_forward_write(const struct x402_offer *offer, const struct x402_proof *proof,
                        struct lucid_buf *out);

enum x402_verdict {
    X402_FITS,
    X402_MISFIT,    /* 402 with the reason */
    X402_MALFORMED, /* 400: what must be there together is not */
};

struct x402_match {
    enum x402_verdict verdict;
    const char *reason; /* "invalid_exact_evm_signature" …: as @x402/evm's facilitator says it;
                           static storage; NULL when it fits */
    char text[160];     /* a sentence */
    struct evm_address payer; /* who an authorization says it is from (X402_FITS: and is, but for a
                                 smart wallet's, which is not checked here); of a signed proof: who
                                 signed. Zero on Solana: x402_proof.solana has him */
    uint64_t amount;          /* of an authorization; not above GAS_AMOUNT_MAX */
    bool signed_by_payer;     /* PROOF: there is a signature, by `payer` */
};

/* Reference 3.3, steps 3 to 6, of v1 and v2: scheme, network, the echo, recipient, value (v2:
 * equal; v1: at least), times at now_ms, signature. Of the echo all that was offered must have come
 * back (addresses compared by bytes); what a client adds is ignored. On Solana: the mint instead of
 * a recipient (the transaction names only a token account, whose owner the facilitator checks), and
 * the fee payer; the signature was checked when it was read. */
void x402_authorization_match(const struct x402_offer *offer, const struct x402_proof *proof,
                              uint64_t now_ms, struct x402_match *ret);

/* The same of one whose signature is known to be good: x402_recall_is_signed (x402/recall.h); of a
 * known one on Solana whoever was to pay its fees when it was offered may be another now. */
void x402_authorization_match_signed(const struct x402_offer *offer, const struct x402_proof *proof,
                                     uint64_t now_ms, struct x402_match *ret);

/* X-Payment-Proof: the network, and the challenge against the terms; then the signature, if there
 * is one, is recovered (without logIndex it is malformed). offer's terms must be those of the
 * challenge's price version. Whether the signer is the payer is judged on the chain. Expiry as
 * well: at the paying block's time. */
void x402_proof_match(const struct x402_keys *keys, const struct x402_offer *offer,
                      const struct x402_proof *proof, struct x402_match *ret);

#endif

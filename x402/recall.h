/* What the log says about a payment that somebody shows: one rule for the gate, which has the last
 * word, and for whoever answers a read that is asked for again without the gate.
 *
 * Thread: pure functions. */
#ifndef LUCID_X402_RECALL_H
#define LUCID_X402_RECALL_H

#include "x402/offer.h"
#include "x402/payment.h"

/* "Here": at the request's method and path. */
enum x402_recall {
    X402_RECALL_NOTHING,    /* an intent that failed: as if it had never been */
    X402_RECALL_OPEN,       /* an intent without an end, for this request or here */
    X402_RECALL_OPEN_OTHER, /* the same for another place */
    X402_RECALL_SERVED,     /* it has paid for this very request */
    X402_RECALL_UNSERVED,   /* it is good for a request here, and has paid for none yet */
    X402_RECALL_USED,       /* it is spent on something else */
    X402_RECALL_FOREIGN,    /* somebody else's transaction settled it: it admits nothing */
    X402_RECALL_REVERSED,   /* a reorganisation took it, and it may come back */
    X402_RECALL_STRANGER,   /* the proof does not show that it is the client's */
};

/* The key that the proof names by itself. False: none, a transfer without its log index; or it is
 * not of that sort of network. */
bool x402_recall_key(const struct x402_network *network, const struct x402_proof *proof,
                     struct x402_spent_key *ret) LUCID_WARN_UNUSED;

/* payment: as x402_payment_find gave it by a key of the proof. match: X402_FITS. shown: a transfer
 * needs no further proof that it is the client's: the chain has been asked, or unbound ones are
 * taken; a smart wallet's: x402_recall_is_forwarded. */
enum x402_recall x402_recall_judge(const struct x402_payment *payment,
                                   const struct x402_proof *proof, const struct x402_match *match,
                                   const struct x402_request_kept *request, bool shown);

/* Whether the log holds exactly this authorization of that network's token with exactly this
 * signature, which was recovered before it was intended; or exactly this message on Solana. Never a
 * smart wallet's, whose signature it does not hold. */
bool x402_recall_is_signed(const struct x402_payment *payment, const struct x402_network *network,
                           const struct x402_proof *proof);

/* Whether what a facilitator was sent for an intent (x402_payment_forward) has the same
 * paymentPayload.payload as what it would be sent now: the same authorization with the same bytes
 * of a smart wallet's signature. False also without memory. */
bool x402_recall_is_forwarded(struct lucid_span kept, struct lucid_span shown);

#endif

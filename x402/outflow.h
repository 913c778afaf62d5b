/* The kind of what goes out: refunds to payers and the transfers of payouts. Each transfer of a
 * chain is counted once, and an order of the treasury is in the log, with the nonce of its
 * transaction, before anything is broadcast: only one transaction of a nonce can ever be mined.
 * Events (docs/FORMAT.md):
 *
 *   outflow.ordered    a transfer that the treasury is to make, with its nonce
 *   outflow.dropped    the order has ended, and for certain nothing moved by it
 *   outflow.recorded   a transfer out is on the chain, final: with what it paid in the same commit
 *   payment.refunded   likewise, of a payment: its split is taken back (gas/refund.h)
 *
 * What an outflow is for is its purpose, a text that is used once: "payout:NUMBER", or
 * "refund:PAYMENT ID:EXTERNAL ID". A dropped one may be ordered again.
 *
 * Preparing: any thread. Writing: the writer's thread. Queries: any thread, within a view. */
#ifndef LUCID_X402_OUTFLOW_H
#define LUCID_X402_OUTFLOW_H

#include "gas/payout.h"
#include "x402/payment.h"

extern const struct ledger_kind x402_outflow_kind;

#define X402_PURPOSE_BYTES_MAX 255

enum x402_outflow_state {
    X402_OUTFLOW_ORDERED = 1,
    X402_OUTFLOW_DROPPED = 2,
    X402_OUTFLOW_RECORDED = 3,
};
const char *x402_outflow_state_name(enum x402_outflow_state state); /* "ordered" … */

struct x402_outflow {
    char purpose[X402_PURPOSE_BYTES_MAX + 1];
    enum x402_outflow_state state;
    bool refund;                              /* of `payment`; else of payout `payout` */
    uint8_t payment[X402_PAYMENT_ID_BYTES];   /* refund */
    char external_id[GAS_NAME_BYTES_MAX + 1]; /* refund: given by the admin, once per payment */
    char note[GAS_NOTE_BYTES_MAX + 1];        /* refund; "": none */
    uint64_t payout;                          /* its number */
    char network[X402_CAIP2_BYTES_MAX + 1];
    struct evm_address token;
    struct evm_address from; /* the treasury, or whoever made a transfer that was recorded */
    struct evm_address to;
    uint64_t amount;
    bool ordered; /* by the treasury's key: nonce and from_block are there */
    uint64_t nonce;
    uint64_t from_block; /* a height that was final when it was ordered: it is not mined below */
    bool has_transfer;
    struct x402_transfer transfer;          /* recorded */
    uint64_t legs[GAS_LEGS];                /* recorded refund: what was taken back of each leg */
    char reason[X402_REASON_BYTES_MAX + 1]; /* dropped */
    uint64_t ordered_sequence;              /* of the newest outflow.ordered; 0: none */
    uint64_t first_sequence;                /* its place in lists */
    uint64_t sequence;                      /* of its newest event */
    uint64_t time_ms;
};

enum x402_outflow_verb { X402_OUTFLOW_ORDER, X402_OUTFLOW_DROP, X402_OUTFLOW_RECORD };

/* In, by verb:
 *
 *   ORDER    outflow: refund with payment, external_id, note; or payout; network, token, from, to,
 *            amount, nonce, from_block
 *   DROP     purpose, reason
 *   RECORD   of an order: purpose, transfer (payer = from, to and amount as ordered); nothing else.
 *            Without an order: what ORDER has but for nonce and from_block, and transfer
 *
 * A refund's legs follow (gas/refund.h). A payout's RECORD is the last part of a command whose
 * earlier part is the payout's (gas_payout_complete_prepare, gas_payout_record_prepare): both
 * commit or none. `paid` is that part: its number is the outflow's, when payout is 0.
 *
 * Only what is final is given back: a payment that a reorganisation could still take is not. One
 * that has a refund, ordered or recorded, cannot be reversed and serves nothing new; a payout whose
 * transfer is ordered is ended by its outflow alone; and no payment can be made of a transfer that
 * is an outflow.
 *
 * Refusals (nothing is left of them):
 *   NOT_FOUND           LUCID_REFUSE_INVALID: no such payment, payout or outflow
 *   INVALID_REFUND      LUCID_REFUSE_INVALID, param: to is not the payer, amount is 0, another
 *                       network or token; INVALID_PAYOUT likewise: to is nobody, not its amount
 *   REFUND_EXCEEDS      LUCID_REFUSE_CONFLICT (param amount): with what was refunded or is ordered
 *                       it would be more than the payment
 *   PAYMENT_STATE       LUCID_REFUSE_CONFLICT: the payment is not settled (or stray), or not final
 *                       yet
 *   TRANSFER_SPENT      LUCID_REFUSE_CONFLICT (param transaction): that transfer is another
 *                       outflow's, or a payment to us
 *   NONCE_TAKEN         LUCID_REFUSE_CONFLICT: ORDER: an order that was not dropped has that nonce
 *   IDEMPOTENCY_CONFLICT LUCID_REFUSE_CONFLICT (param external_id): the purpose was used otherwise
 *   OUTFLOW_STATE       LUCID_REFUSE_CONFLICT: it has ended, or the payout has; RECORD without an
 *                       order: the treasury has just such a transfer under way (param transaction)
 *   AMOUNT_OVERFLOW     LUCID_REFUSE_TOO_LARGE: an account has no room
 * What is so already is no event: ret_known. */
struct x402_outflow_command {
    struct ledger_command command;
    struct x402_outflow outflow;
    const struct gas_payout_command *paid; /* RECORD of a payout: the other part; or NULL */
    /* Results: outflow as it stands after. */
    bool ret_known;
    const struct ledger_draft *draft;
};
void x402_outflow_prepare(struct x402_outflow_command *command, enum x402_outflow_verb verb);

/* The purposes of a payout, and of a payment's refund. */
void x402_purpose_payout(uint64_t payout, char ret[X402_PURPOSE_BYTES_MAX + 1]);
void x402_purpose_refund(const uint8_t payment[X402_PAYMENT_ID_BYTES], const char *external_id,
                         char ret[X402_PURPOSE_BYTES_MAX + 1]);

/* --- queries; all: LUCID_NOTE_ABSENT, LUCID_FATAL_CORRUPT --------------------------------------
 */

enum lucid_error x402_outflow_read(struct ledger_view *view, struct lucid_span purpose,
                                   struct x402_outflow *ret) LUCID_WARN_UNUSED;
/* The outflow that a transfer (x402_key_transfer) was counted for. */
enum lucid_error x402_outflow_find(struct ledger_view *view, struct lucid_span key,
                                   struct x402_outflow *ret) LUCID_WARN_UNUSED;
/* The next outflow by first_sequence after that; in that state, or in all (0). */
enum lucid_error x402_outflow_next(struct ledger_view *view, uint64_t after_sequence,
                                   enum x402_outflow_state state,
                                   struct x402_outflow *ret) LUCID_WARN_UNUSED;
/* The next refund of a payment, recorded or ordered, by first_sequence. */
enum lucid_error x402_refund_next(struct ledger_view *view,
                                  const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                  uint64_t after_sequence,
                                  struct x402_outflow *ret) LUCID_WARN_UNUSED;
/* What of a payment was refunded, by leg and together, and what is ordered besides. All 0: none. */
struct x402_refunded {
    uint64_t amount;
    uint64_t legs[GAS_LEGS];
    uint64_t ordered;
};
enum lucid_error x402_refunded_read(struct ledger_view *view,
                                    const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                    struct x402_refunded *ret) LUCID_WARN_UNUSED;

#endif

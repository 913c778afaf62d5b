/* What assets earn: payments are split among the asset's payees and the protocol, and posted.
 * Events payment.recorded and suspense.released (docs/FORMAT.md).
 *
 * A leg whose payee is not registered goes to suspense:<leg>:<asset>:<unit>, never to the protocol.
 * When a later price.set names the payee, that leg's whole suspense goes to it in the same commit,
 * by one suspense.released per leg.
 *
 * Preparing: any thread. Writing: the writer's thread. Queries: any thread, within a view. */
#ifndef LUCID_GAS_REVENUE_H
#define LUCID_GAS_REVENUE_H

#include "gas/pricing.h"

extern const struct ledger_kind gas_revenue_kind;

#define GAS_EXTERNAL_ID_BYTES_MAX 255
#define GAS_PAYER_BYTES_MAX       128
#define GAS_TRANSACTION_BYTES_MAX 128
#define GAS_FACILITATOR_DEFAULT   "external"

/* The kind's configuration. Needed to decide only: replay and queries do without. */
struct gas_revenue_config {
    struct gas_split_cache *cache; /* the owner's, used on the writer's thread only. NULL: the
                                      table is made again for each payment */
};

/* A payment as it is in the log. Texts are "" where it has none. */
struct gas_payment {
    char asset[GAS_NAME_BYTES_MAX + 1];
    enum gas_unit unit;
    uint64_t amount; /* 1 … GAS_AMOUNT_MAX */
    char external_id[GAS_EXTERNAL_ID_BYTES_MAX + 1];
    char facilitator[GAS_NAME_BYTES_MAX + 1];
    char payer[GAS_PAYER_BYTES_MAX + 1];
    char network[GAS_NETWORK_BYTES_MAX + 1];
    char transaction[GAS_TRANSACTION_BYTES_MAX + 1];
    char note[GAS_NOTE_BYTES_MAX + 1];
    uint64_t version;                              /* of the price that it was split by */
    struct gas_weights weights;                    /* what it was split by */
    char payees[GAS_LEGS][GAS_NAME_BYTES_MAX + 1]; /* "": the leg went to suspense */
    uint64_t legs[GAS_LEGS];                       /* sum = amount */
    uint64_t sequence;                             /* of its event: its number */
    uint64_t time_ms;
};

/* An external payment as it is asked to be recorded. Borrowed while it is prepared; data NULL where
 * there is none. */
struct gas_payment_request {
    struct lucid_span asset;
    enum gas_unit unit;
    uint64_t amount;
    struct lucid_span external_id; /* 1 … GAS_EXTERNAL_ID_BYTES_MAX bytes of UTF-8 without control
                                      characters */
    struct lucid_span facilitator; /* a name; none: GAS_FACILITATOR_DEFAULT */
    struct lucid_span payer;       /* 1 … GAS_PAYER_BYTES_MAX bytes of such text */
    struct lucid_span network;     /* 1 … GAS_NETWORK_BYTES_MAX bytes as of a name */
    struct lucid_span transaction; /* 1 … GAS_TRANSACTION_BYTES_MAX bytes of such text */
    struct lucid_span note;        /* 1 … GAS_NOTE_BYTES_MAX bytes of such text */
};

/* Owns nothing outside itself. */
struct gas_payment_command {
    struct ledger_command command;
    struct gas_payment payment; /* set by prepare; after success: as it is in the log */
    /* Results. */
    bool ret_known; /* recorded before under this external id: payment is that one */
    /* The kind's own, between its verbs. */
    const struct ledger_draft *draft;
};

/* Checks and makes a command that records a payment once. Refusals: INVALID_PAYMENT
 * (LUCID_REFUSE_INVALID) with param asset, unit, amount, external_id, facilitator, payer, network,
 * transaction or note. The writer adds: PAYMENT_CONFLICT (LUCID_REFUSE_CONFLICT, param external_id:
 * the external id was used for a payment that differs in any member), ASSET_NOT_PRICED
 * (LUCID_REFUSE_INVALID, param asset), AMOUNT_OVERFLOW (LUCID_REFUSE_TOO_LARGE, param amount: a
 * total would pass GAS_AMOUNT_MAX); none of them leaves a trace. The payment is split by the price
 * in force. */
enum lucid_error gas_payment_prepare(struct gas_payment_command *command,
                                     const struct gas_payment_request *request,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- payments of other kinds -------------------------------------------------------------------
 */

/* A member that the payload has besides those of the share. */
struct gas_revenue_member {
    const char *name;       /* of plain ASCII letters, digits and _ */
    struct lucid_span text; /* UTF-8, written as a JSON string; data NULL: see json */
    struct lucid_span json; /* canonical JSON (RFC 8785), written as it is; data NULL as well: the
                               member is left out */
};
/* Into an open JSON object. */
void gas_revenue_member_put(struct lucid_buf *out, const struct gas_revenue_member *member);

struct gas_revenue_request {
    const struct gas_revenue_config *config; /* the one that gas_revenue_kind is registered with */
    struct lucid_span asset;
    enum gas_unit unit;
    uint64_t amount;
    struct lucid_span facilitator; /* whose clearing account is debited */
    uint64_t version; /* of the price that was quoted, in force or not; 0: in force now */
    const struct gas_revenue_member *members; /* in the order of their names, none of them one of
                                                 the share's */
    size_t member_count;
};

/* Writes the payload of an event that posts a payment: one canonical JSON object with the members
 * of the share, "amount", "asset", "postings", "split", "unit" and "version", and the request's
 * own, each in its place. For the decide of any kind, on the writer's thread; it drafts and writes
 * nothing. The event is folded here, posted and earned from if its type stands in
 * gas/payment_types.h.
 *
 * Legs follow the cumulative split at the total T of (asset, unit, weights, payees) as this batch
 * has it; weights and payees are those of the version. A leg without a payee there takes the payee
 * of the price in force, so that nothing waits in suspense for a payee who is known. All parts of
 * a command decide before any is folded, so a command may have one payment only.
 *
 * Refusals, as for gas_payment_prepare: ASSET_NOT_PRICED (also: that version never was),
 * INVALID_PAYMENT (unit is not the price's; amount 0), AMOUNT_OVERFLOW. Nothing is written to out
 * then. LUCID_RETRY_MEMORY.
 *
 * Reversals go through gas_revenue_reversal, refunds through gas_revenue_refund. T stays as it is
 * for both, so that the split of later payments depends on payments alone. */
enum lucid_error gas_revenue_payload(struct ledger_txn *txn,
                                     const struct gas_revenue_request *request,
                                     struct lucid_buf *out,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* What the posting of a reversal is for that takes back money which was in no split: it is none of
 * revenue's. */
#define GAS_REVERSAL_STRAY "reversal.stray"
#define GAS_REFUND_STRAY   "refund.stray" /* the same of a refund */

/* Writes the payload of the event that takes a payment back (payment.reversed), whose sequence is
 * given: one canonical JSON object with "amount", "asset", "postings", "settled" (that sequence)
 * and "unit", and the caller's members as in gas_revenue_request. Its postings turned round: what
 * was released from suspense meanwhile is owed by the payee that got it; a payee's account may
 * become negative, which its next statements carry over. For the decide of any kind, on the
 * writer's thread; it drafts nothing. The caller sees to it that a payment is taken back once.
 *
 * Refusals: NOT_FOUND (LUCID_REFUSE_INVALID: no payment has that sequence), AMOUNT_OVERFLOW.
 * LUCID_RETRY_MEMORY. */
enum lucid_error gas_revenue_reversal(struct ledger_txn *txn, uint64_t sequence,
                                      const struct gas_revenue_member *members, size_t member_count,
                                      struct lucid_buf *out,
                                      struct lucid_why *why) LUCID_WARN_UNUSED;

/* Writes the payload of the event that gives a part of a payment back (payment.refunded): as of a
 * reversal, of an amount and split by gas_refund_split with the payment's legs as weights, after
 * what was given back of it before. before + amount is at most the payment's amount, which the
 * caller sees to. *ret_legs: what was taken back of each leg. Refusals as there. */
struct gas_revenue_refund {
    uint64_t sequence; /* of the payment */
    uint64_t before;
    uint64_t amount; /* not 0 */
    const struct gas_revenue_member *members;
    size_t member_count;
};
enum lucid_error gas_revenue_refund(struct ledger_txn *txn, const struct gas_revenue_refund *refund,
                                    struct lucid_buf *out, uint64_t ret_legs[GAS_LEGS],
                                    struct lucid_why *why) LUCID_WARN_UNUSED;
/* The legs from the member "postings" of such an event; false: it is of money that was in no split.
 * LUCID_FATAL_CORRUPT. */
enum lucid_error gas_refund_legs(const struct jcs_value *root, uint64_t ret_legs[GAS_LEGS],
                                 bool *ret_split) LUCID_WARN_UNUSED;

/* --- queries; all: LUCID_NOTE_ABSENT, LUCID_FATAL_CORRUPT --------------------------------------
 */

/* The payment of that number. */
enum lucid_error gas_payment_read(struct ledger_view *view, uint64_t sequence,
                                  struct gas_payment *ret) LUCID_WARN_UNUSED;
/* The payment recorded under that external id. */
enum lucid_error gas_payment_find(struct ledger_view *view, struct lucid_span external_id,
                                  struct gas_payment *ret) LUCID_WARN_UNUSED;
/* The first payment above that number (0: the first of all), and the first below it (UINT64_MAX:
 * the newest), in the order of the log. asset len 0: of all assets. */
enum lucid_error gas_payment_next(struct ledger_view *view, struct lucid_span asset,
                                  uint64_t after_sequence,
                                  struct gas_payment *ret) LUCID_WARN_UNUSED;
enum lucid_error gas_payment_previous(struct ledger_view *view, struct lucid_span asset,
                                      uint64_t before_sequence,
                                      struct gas_payment *ret) LUCID_WARN_UNUSED;

/* What an asset has earned in a unit. */
struct gas_asset_revenue {
    char asset[GAS_NAME_BYTES_MAX + 1];
    enum gas_unit unit;
    uint64_t payments;            /* how many, those taken back included */
    uint64_t gross;               /* sum of their amounts; at most GAS_AMOUNT_MAX */
    uint64_t legs[GAS_LEGS];      /* sums by leg, suspense included; together gross */
    uint64_t suspended[GAS_LEGS]; /* what of a leg went to suspense, released or not */
    uint64_t released[GAS_LEGS];  /* what of that was paid from suspense */
    uint64_t reversals;           /* how many payments a reorganisation took back */
    uint64_t reversed_gross;      /* sum of their amounts; the asset has earned gross less this */
    uint64_t reversed[GAS_LEGS];  /* likewise by leg */
    uint64_t withdrawn[GAS_LEGS]; /* what of reversed and refunded was taken out of suspense */
    uint64_t refunds;             /* how many refunds there were */
    uint64_t refunded_gross;      /* sum of their amounts: less this too */
    uint64_t refunded[GAS_LEGS];  /* likewise by leg */
    uint64_t last_sequence;       /* of the newest event that changed it */
};

/* What of a leg is in suspense now. */
static inline uint64_t gas_asset_suspense(const struct gas_asset_revenue *revenue, enum gas_leg leg)
{
    return revenue->suspended[leg] - revenue->released[leg] - revenue->withdrawn[leg];
}

/* LUCID_NOTE_ABSENT: nothing was paid for it in that unit. */
enum lucid_error gas_asset_revenue_read(struct ledger_view *view, struct lucid_span asset,
                                        enum gas_unit unit,
                                        struct gas_asset_revenue *ret) LUCID_WARN_UNUSED;

/* T: the sum of what was split by that price's asset, unit, weights and payees; 0 for none. */
enum lucid_error gas_revenue_total(struct ledger_view *view, const struct gas_price *price,
                                   uint64_t *ret) LUCID_WARN_UNUSED;

#endif

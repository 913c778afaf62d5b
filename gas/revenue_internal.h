/* Between the files of the revenue kind: payload and rows. */
#ifndef LUCID_GAS_REVENUE_INTERNAL_H
#define LUCID_GAS_REVENUE_INTERNAL_H

#include "base/sha256.h"
#include "gas/member_internal.h"
#include "gas/revenue.h"

/* Indices of the kind's tables. */
enum {
    REVENUE_PAYMENTS,
    REVENUE_KEYS,
    REVENUE_SPLITS,
    REVENUE_ASSETS,
    REVENUE_BY,
};

enum {
    REVENUE_PAYLOAD_BYTES_MAX = 8192,
    REVENUE_PAYLOAD_ARENA_BYTES = 32768,
    /* payments u64 ‖ gross ‖ legs ‖ suspended ‖ released ‖ reversals ‖ reversed gross ‖ reversed ‖
     * withdrawn ‖ refunds ‖ refunded gross ‖ refunded ‖ last sequence */
    REVENUE_ASSET_ROW_BYTES = 8 * (7 + 6 * GAS_LEGS),
    REVENUE_KEY_ROW_BYTES = 8 + LUCID_SHA256_BYTES,
    REVENUE_ASSET_KEY_BYTES_MAX = GAS_NAME_BYTES_MAX + 9,
};

/* What the postings of the legs are for. */
extern const char *const revenue_what[GAS_LEGS];

/* asset ‖ 0 ‖ unit u8: of `asset_revenue`. */
struct lucid_span revenue_asset_key(struct lucid_span asset, enum gas_unit unit,
                                    uint8_t key[REVENUE_ASSET_KEY_BYTES_MAX]);
/* asset ‖ 0 ‖ sequence u64: of `payments`. No such key begins with a byte below '-'. */
struct lucid_span revenue_payment_key(struct lucid_span asset, uint64_t sequence,
                                      uint8_t key[REVENUE_ASSET_KEY_BYTES_MAX]);

/* The key of T in `splits`. */
enum lucid_error revenue_split_key(const char *asset, enum gas_unit unit,
                                   const struct gas_weights *weights,
                                   const char payees[GAS_LEGS][GAS_NAME_BYTES_MAX + 1],
                                   uint8_t ret[LUCID_SHA256_BYTES]) LUCID_WARN_UNUSED;

/* T from what the look-up of its row gave: 0 when there is none; other errors are passed on. */
enum lucid_error revenue_split_row(enum lucid_error found, struct lucid_span value,
                                   uint64_t *ret) LUCID_WARN_UNUSED;

/* What the same payment is recognised by: a hash of everything that its caller said. */
enum lucid_error revenue_content_hash(const struct gas_payment *payment,
                                      uint8_t ret[LUCID_SHA256_BYTES]) LUCID_WARN_UNUSED;

/* A payment from the payload of its event; sequence and time stay as they are in *ret. */
enum lucid_error revenue_payment_parse(struct lucid_span payload,
                                       struct gas_payment *ret) LUCID_WARN_UNUSED;
/* From a row of `payments`: time u64 ‖ payload. */
enum lucid_error revenue_payment_row(uint64_t sequence, struct lucid_span value,
                                     struct gas_payment *ret) LUCID_WARN_UNUSED;

/* A row of `asset_revenue` and its key. */
enum lucid_error revenue_asset_row(struct lucid_span key, struct lucid_span value,
                                   struct gas_asset_revenue *ret) LUCID_WARN_UNUSED;
void revenue_asset_row_put(const struct gas_asset_revenue *revenue,
                           uint8_t row[REVENUE_ASSET_ROW_BYTES]);

/* The members of a share and those of the caller, as one object (gas_revenue_payload). */
void revenue_payload_write(const struct gas_payment *share,
                           const struct gas_posting_draft postings[GAS_LEGS],
                           const struct gas_revenue_member *members, size_t count,
                           struct lucid_buf *out);
/* The same of a reversal (gas_revenue_reversal). */
void revenue_reversal_write(const struct gas_payment *payment,
                            const struct gas_posting_draft postings[GAS_LEGS],
                            const struct gas_revenue_member *members, size_t count,
                            struct lucid_buf *out);

/* --- takings.c -------------------------------------------------------------------------------- */

/* A payment, or what of one went back. */
struct revenue_taking {
    enum { REVENUE_PAID, REVENUE_REVERSED, REVENUE_REFUNDED } what;
    const struct gas_payment *payment;
    uint64_t amount;
    uint64_t sequence; /* of the event, like its time */
    uint64_t time_ms;
};
/* Folds it into the sums by day, facilitator and payer. apply only. */
enum lucid_error revenue_takings_note(struct ledger_txn *txn,
                                      const struct revenue_taking *taking) LUCID_WARN_UNUSED;

/* --- reversal.c ------------------------------------------------------------------------------- */

/* Folds payment.reversed and payment.refunded. */
enum lucid_error revenue_reversed_apply(struct ledger_txn *txn,
                                        const struct ledger_event *event) LUCID_WARN_UNUSED;
/* Notes whom a leg's suspense was released to by the event. apply only. */
enum lucid_error revenue_release_note(struct ledger_txn *txn, const struct ledger_event *event,
                                      struct lucid_span asset, enum gas_unit unit, enum gas_leg leg,
                                      const char *payee) LUCID_WARN_UNUSED;

#endif

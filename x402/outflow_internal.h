/* Between the files of the outflow kind. */
#ifndef LUCID_X402_OUTFLOW_INTERNAL_H
#define LUCID_X402_OUTFLOW_INTERNAL_H

#include "base/jcs/jcs.h"
#include "ledger/payload.h"
#include "x402/outflow.h"

/* Indices of the kind's tables (docs/FORMAT.md). */
enum {
    OUTFLOW_ROWS, /* purpose → row; 0 ‖ state u8 (0: all) ‖ first sequence u64 → purpose */
    OUTFLOW_KEYS, /* key of a transfer, or of a nonce → purpose */
    OUTFLOW_REFUNDS, /* payment id → struct x402_refunded; id ‖ first sequence u64 → purpose */
};

enum {
    OUTFLOW_PAYLOAD_BYTES_MAX = 8192,
    OUTFLOW_ARENA_BYTES = 32768,
    OUTFLOW_ROW_FIXED_BYTES = 34,
    OUTFLOW_ROW_BYTES_MAX =
        OUTFLOW_ROW_FIXED_BYTES + X402_REASON_BYTES_MAX + OUTFLOW_PAYLOAD_BYTES_MAX,
    OUTFLOW_ORDER_KEY_BYTES = 10,
    OUTFLOW_REFUND_KEY_BYTES = X402_PAYMENT_ID_BYTES + 8,
    OUTFLOW_REFUNDED_BYTES = 8 * (2 + GAS_LEGS),
};

extern const char outflow_type_ordered[];
extern const char outflow_type_dropped[];
extern const char outflow_type_recorded[];
extern const char outflow_type_refunded[];

/* --- outflow_row.c ---------------------------------------------------------------------------- */

/* The members of outflow.ordered and outflow.recorded but for "amount", and of payment.refunded
 * beside those of the share. Texts go to `text`. */
enum { OUTFLOW_MEMBERS_MAX = 12 };
struct outflow_members {
    struct gas_revenue_member items[OUTFLOW_MEMBERS_MAX];
    size_t count;
    struct lucid_buf text;
    char id[2 * X402_PAYMENT_ID_BYTES + 1];
    char hex[3][EVM_ADDRESS_TEXT_BYTES + 1];
    char numbers[3][24];
};
/* LUCID_RETRY_MEMORY. outflow_members_fini in any case. */
enum lucid_error outflow_members_make(const struct x402_outflow *outflow,
                                      struct outflow_members *ret) LUCID_WARN_UNUSED;
void outflow_members_fini(struct outflow_members *members);
/* As one object. */
void outflow_write(uint64_t amount, const struct outflow_members *members, struct lucid_buf *out);
/* As one object with what a refund of money in no split has besides. */
void outflow_stray_write(const struct x402_payment *payment, uint64_t amount,
                         const struct gas_posting_draft *posting,
                         const struct outflow_members *members, struct lucid_buf *out);
/* The payload of any of the three; what the log adds stays as it is in *ret. */
enum lucid_error outflow_read(const struct jcs_value *root,
                              struct x402_outflow *ret) LUCID_WARN_UNUSED;

/* A row: state u8 ‖ reason length u8 ‖ first sequence ‖ ordered sequence ‖ sequence ‖ time, u64
 * each ‖ reason ‖ payload of the newest outflow.ordered, outflow.recorded or payment.refunded.
 * Returns the length. */
size_t outflow_row_write(const struct x402_outflow *outflow, struct lucid_span payload,
                         uint8_t ret[OUTFLOW_ROW_BYTES_MAX]);
enum lucid_error outflow_row_read(struct lucid_span row,
                                  struct x402_outflow *ret) LUCID_WARN_UNUSED;
/* The payload within a row. */
enum lucid_error outflow_row_payload(struct lucid_span row,
                                     struct lucid_span *ret) LUCID_WARN_UNUSED;

void outflow_refunded_write(const struct x402_refunded *refunded,
                            uint8_t ret[OUTFLOW_REFUNDED_BYTES]);
enum lucid_error outflow_refunded_read(struct lucid_span row,
                                       struct x402_refunded *ret) LUCID_WARN_UNUSED;

struct lucid_span outflow_order_key(unsigned state, uint64_t first_sequence,
                                    uint8_t ret[OUTFLOW_ORDER_KEY_BYTES]);
struct lucid_span outflow_refund_key(const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                     uint64_t first_sequence,
                                     uint8_t ret[OUTFLOW_REFUND_KEY_BYTES]);
/* "nonce/NETWORK/FROM/NONCE", a key of OUTFLOW_KEYS. */
void outflow_nonce_key(const struct x402_outflow *outflow, struct x402_spent_key *ret);
/* The purpose that follows from what it is for. */
void outflow_purpose(const struct x402_outflow *outflow, char ret[X402_PURPOSE_BYTES_MAX + 1]);

/* --- outflow_fold.c --------------------------------------------------------------------------- */

enum lucid_error outflow_apply(struct ledger_txn *txn,
                               const struct ledger_event *event) LUCID_WARN_UNUSED;
/* As the batch has it. LUCID_NOTE_ABSENT; of refunds all 0 instead. */
enum lucid_error outflow_get(struct ledger_txn *txn, const char *purpose,
                             struct x402_outflow *ret) LUCID_WARN_UNUSED;
enum lucid_error outflow_refunded_get(struct ledger_txn *txn,
                                      const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                      struct x402_refunded *ret) LUCID_WARN_UNUSED;

/* --- outflow_decide.c ------------------------------------------------------------------------- */

enum lucid_error outflow_decide(struct ledger_txn *txn, struct ledger_command *base,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- outflow.c: what other kinds' commands may not do ----------------------------------------- */

enum lucid_error outflow_guard(struct ledger_txn *txn, const struct ledger_command *base,
                               struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

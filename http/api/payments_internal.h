/* Payments as JSON: recorded ones and those of the gate. */
#ifndef LUCID_HTTP_API_PAYMENTS_INTERNAL_H
#define LUCID_HTTP_API_PAYMENTS_INTERNAL_H

#include "http/api/api_internal.h"
#include "x402/payment.h"

/* A payment as it is shown: in the books, of the gate, or both. */
struct shown_payment {
    bool posted; /* `payment` is what the books have of it */
    bool gated;  /* `gate` is what the gate has of it */
    struct gas_payment payment;
    struct x402_payment gate;
};

/* By the number of its event: recorded, settled or stray. LUCID_NOTE_ABSENT. */
enum lucid_error payment_by_sequence(struct ledger_view *view, uint64_t sequence,
                                     struct shown_payment *ret) LUCID_WARN_UNUSED;
/* By the id of the gate. LUCID_NOTE_ABSENT. */
enum lucid_error payment_by_id(struct ledger_view *view, const uint8_t id[X402_PAYMENT_ID_BYTES],
                               struct shown_payment *ret) LUCID_WARN_UNUSED;
/* By the number of its event, or by the 32 hex digits of X-Payment-Id. */
enum lucid_error payment_find(struct ledger_view *view, struct lucid_span id,
                              struct shown_payment *ret) LUCID_WARN_UNUSED;
/* Fills the gate's part of what the books have, and the books' part of what the gate has. */
enum lucid_error payment_complete(struct ledger_view *view,
                                  struct shown_payment *shown) LUCID_WARN_UNUSED;

/* All members but the closing brace. */
void payment_write(const struct shown_payment *shown, struct lucid_buf *out);

#endif

/* The events that move what assets earn. They are posted by the books, folded into revenue and into
 * earnings; so the three kinds list them from here. */
#ifndef LUCID_GAS_PAYMENT_TYPES_H
#define LUCID_GAS_PAYMENT_TYPES_H

#define GAS_TYPE_PAYMENT_RECORDED  "payment.recorded"
#define GAS_TYPE_PAYMENT_SETTLED   "payment.settled" /* x402/payment.h */
#define GAS_TYPE_PAYMENT_REVERSED  "payment.reversed"
#define GAS_TYPE_PAYMENT_REFUNDED  "payment.refunded" /* x402/outflow.h */
#define GAS_TYPE_SUSPENSE_RELEASED "suspense.released"

/* For the initialiser of an array of const char *. */
#define GAS_PAYMENT_TYPES                                                                          \
    GAS_TYPE_PAYMENT_RECORDED, GAS_TYPE_PAYMENT_SETTLED, GAS_TYPE_PAYMENT_REVERSED,                \
        GAS_TYPE_PAYMENT_REFUNDED, GAS_TYPE_SUSPENSE_RELEASED

/* Posted, but nobody's earning: money that is in no split (suspense:payment:<asset>:<unit>). */
#define GAS_TYPE_PAYMENT_STRAY "payment.stray"

#endif

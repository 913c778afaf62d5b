/* How refunds of a payment are shared: the cumulative split of CONTRACT 5 once more (gas/split.h),
 * with the payment's own legs as weights. B(n) is what of each leg is taken back by the first n
 * units that are refunded; a refund of a units takes B(before + a) − B(before). So no leg gives
 * more than it got, all refunds together give exactly the legs, and only their sum counts.
 *
 * Pure; any thread. Why this fast, and exact: docs/decisions/0031-refunds.md. */
#ifndef LUCID_GAS_REFUND_H
#define LUCID_GAS_REFUND_H

#include "gas/split.h"

/* B(total); total is at most the sum of the legs, which is 1 to GAS_AMOUNT_MAX. Takes about
 * 6 · sum / (the smallest leg that is not 0) steps of some nanoseconds, and at most 6 · total: of
 * legs that a split by basis points made, never more than some hundred thousand. */
void gas_refund_at(const uint64_t legs[GAS_LEGS], uint64_t total, uint64_t ret[GAS_LEGS]);

/* B(before + amount) − B(before); before + amount is at most the sum of the legs. */
void gas_refund_split(const uint64_t legs[GAS_LEGS], uint64_t before, uint64_t amount,
                      uint64_t ret[GAS_LEGS]);

#endif

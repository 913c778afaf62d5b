/* How a payment is shared: the cumulative split of CONTRACT 5. A(T) is what each leg has after T
 * units; a payment of a units pays A(T + a) − A(T). So the sum is exact, no leg is negative, each
 * leg stays within one unit of its exact share at every T, and however the same total is cut into
 * payments, the legs have the same in the end. T is kept by gas/revenue.c per asset, unit, weights
 * and payees. Why so, and the proofs: docs/decisions/0019-split.md. */
#ifndef LUCID_GAS_SPLIT_H
#define LUCID_GAS_SPLIT_H

#include "base/error.h"
#include "gas/amount.h"

#define GAS_LEGS       3
#define GAS_BPS        10000 /* what weights sum to */
#define GAS_TABLES_MAX 16    /* that a cache holds */

enum gas_leg { GAS_COMPUTE = 0, GAS_MODEL = 1, GAS_PROTOCOL = 2 };
/* "compute", "model", "protocol"; static storage. */
const char *gas_leg_name(enum gas_leg leg);

struct gas_weights {
    uint16_t bps[GAS_LEGS]; /* basis points, sum GAS_BPS; by enum gas_leg. 0: is never paid */
};
/* 7000, 2000, 1000. */
extern const struct gas_weights gas_weights_default;
/* Whether they sum to GAS_BPS. */
bool gas_weights_ok(const struct gas_weights *weights) LUCID_WARN_UNUSED;

/* The cumulative table of one set of weights: one period (10000 / gcd) of A. Const once made, for
 * any thread. */
struct gas_split;
/* Takes at most 60 KB and 10000 steps. LUCID_REFUSE_INVALID: the weights' sum; LUCID_RETRY_MEMORY.
 */
enum lucid_error gas_split_open(const struct gas_weights *weights,
                                struct gas_split **ret) LUCID_WARN_UNUSED;
/* NULL is allowed. */
void gas_split_close(struct gas_split *split);

/* A(total), for any total. Constant time. */
void gas_split_at(const struct gas_split *split, uint64_t total, uint64_t ret[GAS_LEGS]);
/* A(total + amount) − A(total). LUCID_REFUSE_TOO_LARGE when the sum is over GAS_AMOUNT_MAX. */
enum lucid_error gas_split_pay(const struct gas_split *split, uint64_t total, uint64_t amount,
                               uint64_t ret[GAS_LEGS]) LUCID_WARN_UNUSED;

/* Tables by weights, the least recently used dropped. One thread. */
struct gas_split_cache;
/* LUCID_RETRY_MEMORY. */
enum lucid_error gas_split_cache_open(struct gas_split_cache **ret) LUCID_WARN_UNUSED;
/* NULL is allowed. */
void gas_split_cache_close(struct gas_split_cache *cache);
/* Good until GAS_TABLES_MAX other weights were asked for. Fails as gas_split_open does, and then
 * drops nothing. */
enum lucid_error gas_split_cache_get(struct gas_split_cache *cache,
                                     const struct gas_weights *weights,
                                     const struct gas_split **ret) LUCID_WARN_UNUSED;

#endif

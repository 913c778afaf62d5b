/* What a transaction may cost: its first fees, and dearer ones when it hangs. Shared by those who
 * broadcast (x402/wallet.h, x402/treasury.h).
 *
 * Thread: pure functions. */
#ifndef LUCID_X402_FEES_H
#define LUCID_X402_FEES_H

#include "base/bytes.h"

#define X402_TIP_DEFAULT_WEI UINT64_C(1000000000) /* of nodes that do not advise one */

/* What the chain asks just now, in wei. */
struct x402_fees {
    uint64_t base_fee;
    uint64_t tip;
};

/* One version of a transaction. */
struct x402_fee_pair {
    uint64_t tip;
    uint64_t max_fee;
};

/* Base fee and tip; never wraps. */
uint64_t x402_fees_least(const struct x402_fees *fees);
/* The fees of the next version: the first (last NULL), or one that nodes take instead of `last`: an
 * eighth more, where they want a tenth. False: not possible under the cap. */
bool x402_fees_next(const struct x402_fees *fees, uint64_t cap, const struct x402_fee_pair *last,
                    struct x402_fee_pair *ret) LUCID_WARN_UNUSED;

#endif

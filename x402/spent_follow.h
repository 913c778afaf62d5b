/* Tells a spent store that several front ends share of payments that were recorded by hand
 * (payment.recorded): no gate has claimed them, so nobody else would tell the others before the
 * next load. A store in one process needs none of this: it asks the log.
 *
 * Thread: the loop's; the log is read through a view of its own. */
#ifndef LUCID_X402_SPENT_FOLLOW_H
#define LUCID_X402_SPENT_FOLLOW_H

#include "x402/spent.h"

struct x402_spent_follow;

/* What is in the log by now is left to the store's own loading; what comes is looked for every
 * interval_ms. LUCID_RETRY_MEMORY, LUCID_FATAL_CORRUPT. */
enum lucid_error x402_spent_follow_open(struct lucid_loop *loop, struct ledger *ledger,
                                        struct x402_spent *spent, uint32_t interval_ms,
                                        struct x402_spent_follow **ret) LUCID_WARN_UNUSED;
/* Before the store. NULL is allowed. */
void x402_spent_follow_close(struct x402_spent_follow *follow);

#endif

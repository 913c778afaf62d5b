/* The kind of what goes out: its names. */
#include "x402/outflow.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"

const char *x402_outflow_state_name(enum x402_outflow_state state)
{
    static const char *const names[] = {
        [X402_OUTFLOW_ORDERED] = "ordered",
        [X402_OUTFLOW_DROPPED] = "dropped",
        [X402_OUTFLOW_RECORDED] = "recorded",
    };
    lucid_assert(state >= X402_OUTFLOW_ORDERED && state <= X402_OUTFLOW_RECORDED);
    return names[state];
}

void x402_purpose_payout(uint64_t payout, char ret[X402_PURPOSE_BYTES_MAX + 1])
{
    (void)snprintf(ret, X402_PURPOSE_BYTES_MAX + 1, "payout:%" PRIu64, payout);
}

void x402_purpose_refund(const uint8_t payment[X402_PAYMENT_ID_BYTES], const char *external_id,
                         char ret[X402_PURPOSE_BYTES_MAX + 1])
{
    char id[2 * X402_PAYMENT_ID_BYTES + 1];
    lucid_hex_encode(payment, X402_PAYMENT_ID_BYTES, id);
    id[2 * X402_PAYMENT_ID_BYTES] = '\0';
    (void)snprintf(ret, X402_PURPOSE_BYTES_MAX + 1, "refund:%s:%s", id, external_id);
}

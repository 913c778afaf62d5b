#include "x402/facilitator.h"

const char *x402_charge_reason(const struct x402_charge *charge)
{
    switch (charge->outcome) {
    case X402_CHARGE_GOOD:
        return NULL;
    case X402_CHARGE_PENDING:
        return "settlement_pending";
    case X402_CHARGE_BAD:
    case X402_CHARGE_STRAY:
    case X402_CHARGE_LOST:
        return "invalid_transaction_state";
    case X402_CHARGE_AWAY:
        break;
    }
    return charge->verb == X402_CHARGE_SETTLE ? "unexpected_settle_error"
                                              : "unexpected_verify_error";
}

void x402_facilitator_close(struct x402_facilitator *facilitator)
{
    if (facilitator != NULL) {
        facilitator->ops->close(facilitator);
    }
}

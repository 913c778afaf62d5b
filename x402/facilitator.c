#include "x402/facilitator.h"

void x402_facilitator_close(struct x402_facilitator *facilitator)
{
    if (facilitator != NULL) {
        facilitator->ops->close(facilitator);
    }
}

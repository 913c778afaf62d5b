#include "gas/payout.h"

#include "base/assert.h"

const char *gas_payout_state_name(enum gas_payout_state state)
{
    static const char *const names[] = {
        [GAS_PAYOUT_STARTED] = "started",
        [GAS_PAYOUT_COMPLETED] = "completed",
        [GAS_PAYOUT_FAILED] = "failed",
    };
    lucid_assert(state >= GAS_PAYOUT_STARTED && state <= GAS_PAYOUT_FAILED);
    return names[state];
}

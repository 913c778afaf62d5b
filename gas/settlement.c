#include "gas/settlement.h"

const char *gas_settlement_status(const struct gas_settlement *settlement)
{
    return settlement->closed_sequence == 0 ? "open" : "closed";
}

/* Amounts as people write and read them: 1.500000 USDC. On the wire they are base units. */
#ifndef LUCID_TOOLS_MONEY_H
#define LUCID_TOOLS_MONEY_H

#include "gas/amount.h"
#include "tools/lucid/cli.h"

/* Replaces the member, base units in a string, by "1.500000 USDC". unit: its name, as the service
 * gave it. A member that is absent, null or no amount of a unit that is known here stays as it is;
 * a '-' before the digits is kept. */
void money_member_show(json_t *object, const char *name, const char *unit);

#endif

/* Amounts as people write and read them: 1.500000 USDC. On the wire they are base units. */
#ifndef LUCID_TOOLS_MONEY_H
#define LUCID_TOOLS_MONEY_H

#include "gas/amount.h"
#include "tools/lucid/cli.h"

/* Replaces the member, base units in a string, by "1.500000 USDC". unit: its name, as the service
 * gave it. A member that is absent, null or no amount of a unit that is known here stays as it is;
 * a '-' before the digits is kept. */
void money_member_show(json_t *object, const char *name, const char *unit);

/* An amount from one of two options: `whole` has it in the unit ("0.01"), `units` in base units
 * ("10000"). The latter go into *ret as decimal text; "" when neither was given. False after an
 * error message (exit CLI_USAGE): both, not exact, too large. */
bool money_option(struct cli *cli, const char *whole, const char *units, enum gas_unit unit,
                  char ret[GAS_AMOUNT_TEXT_BYTES]) LUCID_WARN_UNUSED;

/* The unit that --unit names, USDC if it was not given. False after an error message. */
bool money_unit_option(struct cli *cli, enum gas_unit *ret) LUCID_WARN_UNUSED;

/* Weights that people read, "70/20/10", from {"compute":7000,"model":2000,"protocol":1000}. NULL
 * when they are none; the caller frees it with json_decref. */
json_t *money_split_show(const json_t *split_bps) LUCID_WARN_UNUSED;

/* The required option of that name, an amount as people write it ("12.5"), as base units in decimal
 * text. False after an error message (exit CLI_USAGE). */
bool money_value(struct cli *cli, const char *name, enum gas_unit unit,
                 char ret[GAS_AMOUNT_TEXT_BYTES]) LUCID_WARN_UNUSED;

#endif

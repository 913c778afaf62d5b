/* Units of money and amounts of them. An amount is an unsigned number of base units, at most
 * 2^63 − 1; in JSON it is a decimal string, because a JSON number is exact only up to 2^53
 * (CONTRACT 5). Pure functions; any thread. */
#ifndef LUCID_GAS_AMOUNT_H
#define LUCID_GAS_AMOUNT_H

#include "base/buf.h"

#define GAS_AMOUNT_MAX        ((uint64_t)INT64_MAX)
#define GAS_AMOUNT_TEXT_BYTES 24 /* an amount for people, with its point and terminating 0 */

enum gas_unit {
    GAS_LUCID = 1, /* 9 decimals: what gas is charged in */
    GAS_USDC = 2,  /* 6 decimals: what assets are paid in */
};
#define GAS_UNITS 2

/* "LUCID", "USDC"; static storage. */
const char *gas_unit_name(enum gas_unit unit);
bool gas_unit_parse(struct lucid_span text, enum gas_unit *ret) LUCID_WARN_UNUSED;
unsigned gas_unit_decimals(enum gas_unit unit);

/* Digits only, no sign, no leading zero, at most GAS_AMOUNT_MAX. "0" is an amount. */
bool gas_amount_parse(struct lucid_span text, uint64_t *ret) LUCID_WARN_UNUSED;

/* An amount as people write it, "12.5" or "12" of the unit: digits, perhaps a point and at most as
 * many digits as the unit has decimals, no sign, no exponent, no leading zero but "0.…". Exact.
 * LUCID_REFUSE_INVALID; LUCID_REFUSE_TOO_LARGE over GAS_AMOUNT_MAX base units. why has no code and
 * no param: the caller knows what the text is for. */
enum lucid_error gas_amount_parse_decimal(struct lucid_span text, enum gas_unit unit, uint64_t *ret,
                                          struct lucid_why *why) LUCID_WARN_UNUSED;

/* An amount with its decimals: 1500000 USDC is "1.500000". */
void gas_amount_format(uint64_t amount, enum gas_unit unit, char ret[GAS_AMOUNT_TEXT_BYTES]);

/* "name":"123" into an open JSON object. */
void gas_amount_member(struct lucid_buf *out, const char *name, uint64_t amount);

/* Names that money is kept under (assets, payees, facilitators): 1 … max bytes of A-Za-z0-9._:- */
bool gas_name_ok(struct lucid_span name, size_t max) LUCID_WARN_UNUSED;

#endif

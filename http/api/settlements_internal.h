/* What settlements.c and payouts.c share. */
#ifndef LUCID_HTTP_API_SETTLEMENTS_INTERNAL_H
#define LUCID_HTTP_API_SETTLEMENTS_INTERNAL_H

#include "gas/payout.h"
#include "http/api/api_internal.h"

/* How many rows one page of a filtered list looks at: a page may hold fewer items than asked for,
 * and goes on with its cursor. */
#define API_LOOKS_MAX 2000

/* A statement's id as routes name it: unit, '-', number: "USDC-0". */
bool api_settlement_id_parse(struct lucid_span text, enum gas_unit *ret_unit,
                             uint64_t *ret_number) LUCID_WARN_UNUSED;
/* "settlement":"USDC-0" into an open object. */
void api_settlement_id_write(enum gas_unit unit, uint64_t number, struct lucid_buf *out);

/* Query parameters of both lists; absent: unit 0, payee len 0. False: it has answered 400. */
bool api_unit_query(struct http_request *request, enum gas_unit *ret) LUCID_WARN_UNUSED;
bool api_payee_query(struct http_request *request, struct lucid_span *ret) LUCID_WARN_UNUSED;

/* A payout as an object. replayed: NULL leaves the member out. */
void api_payout_write(const struct gas_payout *payout, const bool *replayed, struct lucid_buf *out);

#endif

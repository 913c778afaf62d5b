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

/* A payout as an object. verified: its transfer was seen on the chain (api_payout_verified).
 * replayed: NULL leaves the member out. */
void api_payout_write(const struct gas_payout *payout, bool verified, const bool *replayed,
                      struct lucid_buf *out);

/* --- payouts_seen.c --------------------------------------------------------------------------- */

/* LUCID_FATAL_CORRUPT. */
enum lucid_error api_payout_verified(struct ledger_view *view, const struct gas_payout *payout,
                                     bool *ret) LUCID_WARN_UNUSED;
/* The network on which the payout's transfer can be seen; NULL: it cannot. */
const struct x402_network *api_payout_network(const struct api *api,
                                              const struct gas_payout *payout);
/* A transfer is a reference. */
void api_payout_reference_default(struct gas_payout *payout);
/* Looks at the payout's transfer, of amount to payee, and completes or records it with what the
 * command was prepared for; answers. payout->number 0: not known yet. */
void api_payout_seen(struct http_request *request, const struct jcs_value *document,
                     const struct x402_network *network, const struct gas_payout *payout,
                     const struct gas_payout_command *command);

#endif

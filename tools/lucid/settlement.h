/* What the commands of settlement statements and payouts share. */
#ifndef LUCID_TOOLS_SETTLEMENT_H
#define LUCID_TOOLS_SETTLEMENT_H

#include "tools/lucid/money.h"
#include "tools/lucid/remote.h"

/* base with those of the command's options that were given as query parameters, in the order of
 * names (which ends with NULL). False after an error message (exit CLI_USAGE). */
bool settlement_query(struct cli *cli, const char *base, const char *const *names,
                      char path[REMOTE_PATH_BYTES_MAX]) LUCID_WARN_UNUSED;

/* "/v1/settlements/ID" and what follows; *ret_unit is the id's. False after a message: ID is not of
 * the form USDC-0. */
bool settlement_path(struct cli *cli, const char *id, const char *more,
                     char path[REMOTE_PATH_BYTES_MAX], enum gas_unit *ret_unit) LUCID_WARN_UNUSED;

/* Turns amounts of a statement or payout, as the service gave it, into what people read. */
void settlement_show(json_t *settlement);
void payout_show(json_t *payout);

/* `settlement pay` without a payee: a payout run of the whole statement (cmd_run.c). */
enum cli_exit settlement_pay_all(struct cli *cli);

/* A payout's table. */
extern const char *const payout_columns[];

#endif

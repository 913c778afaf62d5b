/* Every kind of event that this build knows, in the order their verbs run. The service and the
 * command line register the same ones. */
#ifndef LUCID_LUCIDD_KINDS_H
#define LUCID_LUCIDD_KINDS_H

#include "gas/books.h"
#include "gas/revenue.h"
#include "gas/settlement.h"
#include "ledger/epoch.h"
#include "ledger/head.h"
#include "ledger/ledger.h"
#include "ledger/witness.h"
#include "lucidd/plugins.h"
#include "x402/facilitation.h"
#include "x402/grant.h"
#include "x402/outflow.h"
#include "x402/payee.h"
#include "x402/payment.h"
#include "x402/treasury_run.h"

struct kinds {
    struct ledger_epoch_config epoch;
    struct ledger_head_config head;
    struct ledger_witness_config witness; /* policy NULL: no cosignature is taken */
    struct gas_books_config books;
    struct gas_books_counters gas_counters;
    struct gas_revenue_config revenue;  /* who records payments may lend it a cache */
    struct x402_payment_config payment; /* split as revenue is */
    struct x402_treasury_run_config treasury;
    struct gas_settlement_config settlement;  /* key NULL: no statement is issued */
    struct ledger_use uses[LEDGER_KINDS_MAX]; /* with room for those of plugins */
    size_t count;
};

/* Fills kinds with the contract's defaults. log_key signs heads; it may be NULL where only reading
 * or replay is wanted. kinds must not move afterwards: the uses point into it. */
void kinds_init(struct kinds *kinds, const struct ledger_skey *log_key);

/* Appends the kinds of plugins, before anything is done with the uses. NULL is allowed. Errors:
 * those of plugin_kinds_use. */
enum lucid_error kinds_add_plugins(struct kinds *kinds, const struct plugins *plugins,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

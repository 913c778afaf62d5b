#include "lucidd/kinds.h"

#include "ledger/blob.h"
#include "ledger/erasure.h"
#include "ledger/log.h"
#include "ledger/receipt.h"
#include "ledger/signer.h"
#include "ledger/token.h"
#include "plugins/host/record.h"

enum { HEAD_INTERVAL_MS_DEFAULT = 1000 };

void kinds_init(struct kinds *kinds, const struct ledger_skey *log_key)
{
    *kinds = (struct kinds){
        .epoch = {.receipts_max = EPOCH_RECEIPTS_MAX_DEFAULT,
                  .seconds_max = EPOCH_SECONDS_MAX_DEFAULT},
        .head = {.key = log_key, .interval_ms_max = HEAD_INTERVAL_MS_DEFAULT},
        .books = {.counters = &kinds->gas_counters},
        .payment = {.revenue = &kinds->revenue},
    };
    const struct ledger_use uses[] = {
        {&ledger_log_kind, NULL},
        {&ledger_signer_kind, NULL},
        {&ledger_token_kind, NULL},
        {&ledger_receipt_kind, NULL},
        {&ledger_erasure_kind, NULL},
        {&ledger_blob_kind, NULL},
        {&ledger_epoch_kind, &kinds->epoch},
        {&ledger_head_kind, &kinds->head},
        {&ledger_witness_kind, &kinds->witness},
        {&gas_books_kind, &kinds->books},
        {&gas_pricing_kind, NULL},
        {&gas_revenue_kind, &kinds->revenue},
        {&x402_payment_kind, &kinds->payment},
        {&x402_facilitation_kind, NULL},
        {&gas_settlement_kind, &kinds->settlement},
        {&x402_outflow_kind, NULL},
        {&x402_payee_kind, NULL},
        {&x402_treasury_run_kind, &kinds->treasury},
        {&x402_grant_kind, NULL},
        {&plugin_record_kind, NULL},
    };
    _Static_assert(sizeof(uses) <= sizeof(kinds->uses), "LEDGER_KINDS_MAX is too small");
    memcpy(kinds->uses, uses, sizeof(uses));
    kinds->count = sizeof(uses) / sizeof(uses[0]);
}

enum lucid_error kinds_add_plugins(struct kinds *kinds, const struct plugins *plugins,
                                   struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    for (size_t p = 0; error == LUCID_OK && plugins != NULL && p < plugins->count; p++) {
        error =
            plugin_kinds_use(plugins->all[p], kinds->uses, LEDGER_KINDS_MAX, &kinds->count, why);
    }
    return error;
}

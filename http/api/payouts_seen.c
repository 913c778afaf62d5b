/* Payouts whose transfer the service can see: recorded with it, in one commit, once the chain shows
 * it. Others are an admin's word, with a reference. */
#include <stdio.h>

#include "http/api/outflows_internal.h"
#include "http/api/settlements_internal.h"
#include "x402/payee.h"

static const char INVALID[] = "INVALID_PAYOUT";

enum lucid_error api_payout_verified(struct ledger_view *view, const struct gas_payout *payout,
                                     bool *ret)
{
    char purpose[X402_PURPOSE_BYTES_MAX + 1];
    struct x402_outflow outflow;
    x402_purpose_payout(payout->number, purpose);
    enum lucid_error error = x402_outflow_read(view, lucid_span_str(purpose), &outflow);
    *ret = error == LUCID_OK && outflow.state == X402_OUTFLOW_RECORDED;
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

const struct x402_network *api_payout_network(const struct api *api,
                                              const struct gas_payout *payout)
{
    const struct api_sales *sales = api->options.sales;
    const struct x402_network *network =
        sales != NULL && payout->unit == GAS_USDC && payout->transaction[0] != '\0'
            ? x402_network_find(sales->networks, lucid_span_str(payout->network))
            : NULL;
    return network != NULL && !network->solana ? network : NULL;
}

void api_payout_reference_default(struct gas_payout *payout)
{
    _Static_assert(sizeof(payout->reference) >= sizeof(payout->transaction), "it must fit");
    if (payout->reference[0] == '\0') {
        memcpy(payout->reference, payout->transaction, sizeof(payout->transaction));
    }
}

static void show(const struct outflow_errand *self, struct http_request *request)
{
    bool replayed = self->payout.ret_known && self->outflow.ret_known;
    bool creates = self->payout.command.verb == GAS_PAYOUT_RECORD;
    struct lucid_buf out = {0};
    api_payout_write(&self->payout.payout, true, &replayed, &out);
    api_answer(request, creates && !replayed ? 201 : 200, API_JSON, &out);
}

/* Where the payee is paid there. False: it has answered. */
static bool recipient_find(struct http_request *request, const struct x402_network *network,
                           const struct gas_payout *payout, struct evm_address *ret)
{
    struct x402_payee_address address;
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return false;
    }
    enum lucid_error error = x402_payee_read(view, lucid_span_str(payout->payee),
                                             lucid_span_str(network->caip2), &address);
    ledger_view_end(view);
    if (error == LUCID_NOTE_ABSENT) {
        api_problem(request, 422, INVALID, "payee",
                    "the payee has no address on that network that a transfer could go to");
        return false;
    }
    if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
        return false;
    }
    *ret = address.address;
    return true;
}

void api_payout_seen(struct http_request *request, const struct jcs_value *document,
                     const struct x402_network *network, const struct gas_payout *payout,
                     const struct gas_payout_command *command)
{
    struct evm_address recipient;
    if (!network->has_treasury) {
        api_problem(request, 422, INVALID, "network",
                    "that network has no treasury_address that a payout could come from");
        return;
    }
    if (!recipient_find(request, network, payout, &recipient)) {
        return;
    }
    struct outflow_errand *self = outflow_errand_new(request, document, network, INVALID);
    if (self == NULL) {
        return;
    }
    self->pays = true;
    self->payout = *command;
    self->outflow.outflow.to = recipient;
    self->outflow.outflow.payout = payout->number;
    self->charge.amount_min = payout->amount;
    self->senders[self->charge.sender_count++] = network->treasury;
    self->show = show;
    outflow_errand_send(self, request);
}

/* Transfers out that an admin names: looked at on the chain, on the cashier's thread, and recorded
 * in one commit with what they mean. */
#include <stdlib.h>

#include "http/api/outflows_internal.h"

static struct outflow_errand *errand_of(struct api_errand *errand)
{
    return (struct outflow_errand *)errand; /* errand is the first member */
}

/* --- on the cashier's thread ------------------------------------------------------------------ */

static void written(void *owner, struct ledger_command *command)
{
    struct outflow_errand *self = owner;
    self->error = command->error;
    self->why = command->why;
    if (self->pays && self->error == LUCID_OK) {
        self->error = self->outflow.command.error;
        self->why = self->outflow.command.why;
    }
    api_errand_return(&self->errand);
}

static void record(struct outflow_errand *self)
{
    struct x402_outflow *outflow = &self->outflow.outflow;
    struct ledger_command *first = &self->outflow.command;
    outflow->transfer = self->charge.transfer;
    outflow->from = self->charge.transfer.payer;
    outflow->amount = self->charge.transfer.amount;
    if (self->pays) {
        first = &self->payout.command;
        first->next_part = &self->outflow.command;
        self->outflow.paid = &self->payout;
    }
    self->error = self->desk->submit(self->desk->context, first, written, self);
    if (self->error != LUCID_OK) {
        api_errand_return(&self->errand);
    }
}

static void looked(struct x402_charge *charge)
{
    struct outflow_errand *self = charge->owner;
    switch (charge->outcome) {
    case X402_CHARGE_GOOD:
        record(self);
        return;
    case X402_CHARGE_PENDING:
        self->error = lucid_refuse(&self->why, LUCID_RETRY_BUSY, "TRANSFER_PENDING", "transaction",
                                   "%s", charge->text);
        break;
    case X402_CHARGE_AWAY:
        self->error = lucid_refuse(&self->why, LUCID_RETRY_BUSY, "CHAIN_UNAVAILABLE", NULL, "%s",
                                   charge->text);
        break;
    case X402_CHARGE_BAD:
    case X402_CHARGE_STRAY:
    case X402_CHARGE_LOST:
        self->error = lucid_refuse(&self->why, LUCID_REFUSE_INVALID, self->invalid, "transaction",
                                   "%s", charge->text);
        break;
    }
    api_errand_return(&self->errand);
}

static void begin(struct api_errand *errand, struct x402_desk *desk)
{
    struct outflow_errand *self = errand_of(errand);
    self->desk = desk;
    if (desk->stopping) {
        self->error = LUCID_RETRY_BUSY;
        api_errand_return(errand);
        return;
    }
    x402_charge_ask(desk->direct, &self->charge);
}

/* --- on the request's loop -------------------------------------------------------------------- */

static void answer(struct api_errand *errand, struct http_request *request)
{
    struct outflow_errand *self = errand_of(errand);
    if (self->error != LUCID_OK) {
        api_refuse(request, self->error, &self->why);
        return;
    }
    self->show(self, request);
}

static void fini(struct api_errand *errand)
{
    free(errand_of(errand));
}

/* The transaction's hash. False: it has answered. */
static bool transaction_member(struct http_request *request, const struct jcs_value *document,
                               const char *code, struct evm_hash *ret)
{
    struct lucid_span text;
    if (!api_text_member(request, document, "transaction", code, true, &text)) {
        return false;
    }
    if (!evm_hash_parse(text, ret)) {
        api_problem(request, 422, code, "transaction", "must be 0x and 64 hex digits");
        return false;
    }
    return true;
}

static bool place_members(struct http_request *request, const struct jcs_value *document,
                          const struct x402_network *network, const char *code,
                          struct x402_charge *charge)
{
    const struct jcs_value *index = jcs_member(document, "log_index");
    struct lucid_span name;
    if (!api_text_member(request, document, "network", code, false, &name)) {
        return false;
    }
    if (name.data != NULL && !lucid_span_is(name, network->caip2)) {
        api_problem(request, 422, code, "network", "the money was to go over another network");
        return false;
    }
    charge->has_log_index = index != NULL && jcs_type(index) != JCS_NULL;
    if (charge->has_log_index && !jcs_uint(index, &charge->log_index)) {
        api_problem(request, 422, code, "log_index", "must be a whole number");
        return false;
    }
    return transaction_member(request, document, code, &charge->transaction);
}

struct outflow_errand *outflow_errand_new(struct http_request *request,
                                          const struct jcs_value *document,
                                          const struct x402_network *network, const char *invalid)
{
    struct x402_charge charge = {.verb = X402_CHARGE_LOOK, .network = network, .done = looked};
    if (network->solana) {
        api_problem(request, 422, invalid, "network",
                    "transfers of that network cannot be looked at here");
        return NULL;
    }
    if (!place_members(request, document, network, invalid, &charge)) {
        return NULL;
    }
    struct outflow_errand *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return NULL;
    }
    self->errand = (struct api_errand){.begin = begin, .answer = answer, .fini = fini};
    self->charge = charge;
    self->charge.owner = self;
    self->charge.senders = self->senders;
    self->invalid = invalid;
    x402_outflow_prepare(&self->outflow, X402_OUTFLOW_RECORD);
    self->outflow.outflow.token = network->token;
    memcpy(self->outflow.outflow.network, network->caip2, sizeof(network->caip2));
    return self;
}

void outflow_errand_send(struct outflow_errand *self, struct http_request *request)
{
    self->charge.pay_to = self->outflow.outflow.to;
    (void)api_errand_send(&self->errand, request);
}

/* --- as JSON ---------------------------------------------------------------------------------- */

void outflow_transfer_members(const struct x402_outflow *outflow, struct lucid_buf *out)
{
    const struct x402_transfer *transfer = &outflow->transfer;
    char hash[EVM_HASH_TEXT_BYTES + 1];
    if (!outflow->has_transfer) {
        lucid_json_member_null(out, "transaction");
        lucid_json_member_null(out, "log_index");
        lucid_json_member_null(out, "block");
        lucid_json_member_null(out, "block_hash");
        lucid_json_member_null(out, "paid_at");
        return;
    }
    evm_hash_text(&transfer->transaction, hash);
    lucid_json_member_cstr(out, "transaction", hash);
    lucid_json_member_u64(out, "log_index", transfer->log_index);
    lucid_json_member_u64(out, "block", transfer->block);
    evm_hash_text(&transfer->block_hash, hash);
    lucid_json_member_cstr(out, "block_hash", hash);
    lucid_json_member_time(out, "paid_at", transfer->block_time * 1000);
}

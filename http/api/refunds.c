/* Refunds: a transfer back to a payment's payer, looked at on the chain and recorded. */
#include "http/api/outflows_internal.h"
#include "http/api/payments_internal.h"
#include "ledger/payload.h"

static const char INVALID[] = "INVALID_REFUND";

/* --- as JSON ---------------------------------------------------------------------------------- */

static void address_member(struct lucid_buf *out, const char *name,
                           const struct evm_address *address)
{
    char text[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_text(address, text);
    lucid_json_member_cstr(out, name, text);
}

static void legs_member(const struct x402_outflow *refund, struct lucid_buf *out)
{
    lucid_json_member(out, "legs");
    lucid_buf_char(out, '{');
    for (unsigned leg = 0; leg < GAS_LEGS; leg++) {
        gas_amount_member(out, gas_leg_name((enum gas_leg)leg), refund->legs[leg]);
    }
    lucid_buf_char(out, '}');
}

void refund_write(const struct x402_outflow *refund, const bool *replayed, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_hex(out, "payment", refund->payment, X402_PAYMENT_ID_BYTES);
    lucid_json_member_cstr(out, "external_id", refund->external_id);
    lucid_json_member_cstr(out, "status", x402_outflow_state_name(refund->state));
    gas_amount_member(out, "amount", refund->amount);
    lucid_json_member_cstr(out, "unit", gas_unit_name(GAS_USDC));
    legs_member(refund, out);
    lucid_json_member_cstr(out, "network", refund->network);
    address_member(out, "token", &refund->token);
    address_member(out, "from", &refund->from);
    address_member(out, "to", &refund->to);
    outflow_transfer_members(refund, out);
    lucid_json_member_bool(out, "sent", refund->ordered);
    api_text_or_null(out, "note", refund->note);
    lucid_json_member_u64(out, "sequence", refund->sequence);
    lucid_json_member_time(out, "recorded_at", refund->time_ms);
    if (replayed != NULL) {
        lucid_json_member_bool(out, "replayed", *replayed);
    }
    lucid_buf_char(out, '}');
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The payment that the path names. False: it has answered. */
static bool payment_of(struct http_request *request, struct shown_payment *ret)
{
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return false;
    }
    enum lucid_error error = payment_find(view, http_param(request, "id"), ret);
    ledger_view_end(view);
    return api_found(request, error, "payment");
}

void api_refunds_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct shown_payment payment;
    struct x402_outflow refund;
    struct api_page page;
    if (!payment_of(request, &payment) || !api_page_begin(request, 'b', 8, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    uint64_t last = page.after_len != 0 ? lucid_get_be64(page.after) : 0;
    enum lucid_error error =
        payment.gated ? x402_refund_next(view, payment.gate.id, last, &refund) : LUCID_NOTE_ABSENT;
    while (error == LUCID_OK && api_page_item(&page)) {
        refund_write(&refund, NULL, &page.out);
        last = refund.first_sequence;
        error = x402_refund_next(view, payment.gate.id, last, &refund);
    }
    uint8_t position[8];
    lucid_put_be64(position, last);
    api_page_end(request, &page, view, error, position, sizeof(position));
}

/* --- writing ---------------------------------------------------------------------------------- */

static void show(const struct outflow_errand *self, struct http_request *request)
{
    bool replayed = self->outflow.ret_known;
    struct lucid_buf out = {0};
    refund_write(&self->outflow.outflow, &replayed, &out);
    api_answer(request, replayed ? 200 : 201, API_JSON, &out);
}

/* The members that say what the refund is. False: it has answered. */
static bool refund_members(struct http_request *request, const struct jcs_value *document,
                           struct x402_outflow *refund, uint64_t *ret_amount)
{
    static const uint64_t any = 0;
    struct lucid_span external_id;
    struct lucid_span note;
    if (!api_name_member(request, document, "external_id", INVALID, &external_id) ||
        !api_text_member(request, document, "note", INVALID, false, &note) ||
        !api_amount_member(request, document, "amount", INVALID, &any, ret_amount)) {
        return false;
    }
    const struct jcs_value *amount = jcs_member(document, "amount");
    if (external_id.len == 0) {
        api_problem(request, 422, INVALID, "external_id", "the member is missing");
        return false;
    }
    if (amount != NULL && jcs_type(amount) != JCS_NULL && *ret_amount == 0) {
        api_problem(request, 422, INVALID, "amount", "nothing cannot be refunded");
        return false;
    }
    memcpy(refund->external_id, external_id.data, external_id.len);
    if (note.data != NULL && payload_copy(note, refund->note, sizeof(refund->note)) != LUCID_OK) {
        api_problem(request, 422, INVALID, "note",
                    "a note is at most 256 bytes of UTF-8 without control characters");
        return false;
    }
    return true;
}

/* "send": true asks the treasury to make the transfer. */
static bool send_member(struct http_request *request, const struct jcs_value *document, bool *ret)
{
    const struct jcs_value *value = jcs_member(document, "send");
    bool absent = value == NULL || jcs_type(value) == JCS_NULL || jcs_type(value) == JCS_FALSE;
    if (!absent && jcs_type(value) != JCS_TRUE) {
        api_problem(request, 422, INVALID, "send", "must be true or false");
        return false;
    }
    *ret = !absent;
    return true;
}

static void record_begin(struct http_request *request, const struct jcs_value *document,
                         const struct x402_payment *payment, const struct x402_network *network)
{
    struct outflow_errand *self = outflow_errand_new(request, document, network, INVALID);
    if (self == NULL) {
        return;
    }
    struct x402_outflow *refund = &self->outflow.outflow;
    if (!refund_members(request, document, refund, &self->charge.amount_min)) {
        self->errand.fini(&self->errand);
        return;
    }
    refund->refund = true;
    memcpy(refund->payment, payment->id, X402_PAYMENT_ID_BYTES);
    refund->to = payment->payer;
    self->senders[self->charge.sender_count++] = payment->pay_to;
    if (network->has_treasury) {
        self->senders[self->charge.sender_count++] = network->treasury;
    }
    self->show = show;
    outflow_errand_send(self, request);
}

static void send_begin(struct http_request *request, const struct jcs_value *document,
                       const struct x402_payment *payment, const struct x402_network *network)
{
    struct x402_outflow refund = {.refund = true, .token = network->token, .to = payment->payer};
    if (network->treasury_key_file[0] == '\0') {
        api_problem(request, 422, INVALID, "send",
                    "there is no treasury on the payment's network that could send it");
        return;
    }
    if (!refund_members(request, document, &refund, &refund.amount)) {
        return;
    }
    if (refund.amount == 0) {
        api_problem(request, 422, INVALID, "amount", "the member is missing");
        return;
    }
    memcpy(refund.payment, payment->id, X402_PAYMENT_ID_BYTES);
    memcpy(refund.network, network->caip2, sizeof(network->caip2));
    refund_send(request, &refund);
}

void api_refunds_post(struct http_request *request, const struct http_route *route)
{
    struct shown_payment shown;
    bool send;
    const struct api_sales *sales = api_of_route(route)->options.sales;
    const struct jcs_value *document = api_document(request);
    if (document == NULL || !payment_of(request, &shown) ||
        !send_member(request, document, &send)) {
        return;
    }
    if (!shown.gated) {
        api_problem(request, 422, INVALID, NULL,
                    "the payment was recorded by hand: nothing here has seen it on a chain, and "
                    "nothing can see its refund");
        return;
    }
    const struct x402_payment *payment = &shown.gate;
    const struct x402_network *network =
        sales != NULL ? x402_network_find(sales->networks, lucid_span_str(payment->network)) : NULL;
    if (network == NULL) {
        api_problem(request, 422, INVALID, "network",
                    "the payment's network is not one of x402_networks_file");
        return;
    }
    if (send) {
        send_begin(request, document, payment, network);
        return;
    }
    record_begin(request, document, payment, network);
}

/* Payments: recording what was paid elsewhere, and how every payment was shared. */
#include <stdio.h>

#include "gas/revenue.h"
#include "http/api/api_internal.h"

static void leg_write(const struct gas_payment *payment, enum gas_leg leg, struct lucid_buf *out)
{
    const char *payee = payment->payees[leg];
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "role", gas_leg_name(leg));
    api_text_or_null(out, "payee", payee);
    lucid_json_member_bool(out, "suspense",
                           leg != GAS_PROTOCOL && payee[0] == '\0' && payment->legs[leg] > 0);
    lucid_json_member_u64(out, "bps", payment->weights.bps[leg]);
    gas_amount_member(out, "amount", payment->legs[leg]);
    lucid_buf_char(out, '}');
}

/* All members but the closing brace. */
static void payment_write(const struct gas_payment *payment, struct lucid_buf *out)
{
    char id[24];
    snprintf(id, sizeof(id), "%llu", (unsigned long long)payment->sequence);
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "id", id);
    lucid_json_member_cstr(out, "external_id", payment->external_id);
    lucid_json_member_cstr(out, "asset", payment->asset);
    gas_amount_member(out, "amount", payment->amount);
    lucid_json_member_cstr(out, "unit", gas_unit_name(payment->unit));
    lucid_json_member_u64(out, "price_version", payment->version);
    lucid_json_member(out, "legs");
    for (size_t leg = 0; leg < GAS_LEGS; leg++) {
        lucid_buf_char(out, leg == 0 ? '[' : ',');
        leg_write(payment, (enum gas_leg)leg, out);
    }
    lucid_buf_char(out, ']');
    lucid_json_member_cstr(out, "facilitator", payment->facilitator);
    api_text_or_null(out, "payer", payment->payer);
    api_text_or_null(out, "network", payment->network);
    api_text_or_null(out, "transaction", payment->transaction);
    api_text_or_null(out, "note", payment->note);
    lucid_json_member_u64(out, "sequence", payment->sequence);
    lucid_json_member_time(out, "recorded_at", payment->time_ms);
}

/* --- reads ------------------------------------------------------------------------------------ */

struct payment_query {
    struct lucid_span asset;       /* len 0: all */
    struct lucid_span external_id; /* data NULL: all */
    bool newest_first;
};

static bool query_read(struct http_request *request, struct payment_query *ret)
{
    *ret = (struct payment_query){.asset = http_query(request, "asset"),
                                  .external_id = http_query(request, "external_id")};
    if (ret->asset.data != NULL && !gas_name_ok(ret->asset, GAS_NAME_BYTES_MAX)) {
        api_bad_parameter(request, "asset", "not the name of an asset");
        return false;
    }
    struct lucid_span order = http_query(request, "order");
    ret->newest_first = lucid_span_is(order, "desc");
    if (order.data != NULL && !ret->newest_first && !lucid_span_is(order, "asc")) {
        api_bad_parameter(request, "order", "the order must be asc or desc");
        return false;
    }
    return true;
}

static enum lucid_error payment_step(struct ledger_view *view, const struct payment_query *query,
                                     uint64_t from, struct gas_payment *ret)
{
    return query->newest_first ? gas_payment_previous(view, query->asset, from, ret)
                               : gas_payment_next(view, query->asset, from, ret);
}

/* A list of the one payment of an external id, or of none. */
static enum lucid_error found_write(struct ledger_view *view, const struct payment_query *query,
                                    struct api_page *page)
{
    struct gas_payment payment;
    enum lucid_error error = gas_payment_find(view, query->external_id, &payment);
    if (error == LUCID_OK &&
        (query->asset.len == 0 || lucid_span_is(query->asset, payment.asset)) &&
        api_page_item(page)) {
        payment_write(&payment, &page->out);
        lucid_buf_char(&page->out, '}');
    }
    return error == LUCID_OK ? LUCID_NOTE_ABSENT : error;
}

void api_payments_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct payment_query query;
    struct api_page page;
    if (!query_read(request, &query) ||
        !api_page_begin(request, query.newest_first ? 'q' : 'p', 8, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    struct gas_payment payment;
    uint64_t last = query.newest_first ? UINT64_MAX : 0;
    last = page.after_len != 0 ? lucid_get_be64(page.after) : last;
    enum lucid_error error = query.external_id.data != NULL
                                 ? found_write(view, &query, &page)
                                 : payment_step(view, &query, last, &payment);
    while (error == LUCID_OK && api_page_item(&page)) {
        payment_write(&payment, &page.out);
        lucid_buf_char(&page.out, '}');
        last = payment.sequence;
        error = payment_step(view, &query, last, &payment);
    }
    uint8_t position[8];
    lucid_put_be64(position, last);
    api_page_end(request, &page, view, error, position, sizeof(position));
}

void api_payment_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    uint64_t sequence;
    if (!api_decimal(http_param(request, "id"), &sequence)) {
        api_not_found(request, "payment");
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct gas_payment payment;
    enum lucid_error error = gas_payment_read(view, sequence, &payment);
    ledger_view_end(view);
    if (api_found(request, error, "payment")) {
        struct lucid_buf out = {0};
        payment_write(&payment, &out);
        lucid_buf_char(&out, '}');
        api_answer(request, 200, API_JSON, &out);
    }
}

/* --- writes ----------------------------------------------------------------------------------- */

struct payment_call {
    struct api_call call; /* first member */
    struct gas_payment_command command;
};

static void payment_answer(struct api_call *call)
{
    const struct gas_payment_command *command = &((struct payment_call *)call)->command;
    struct lucid_buf out = {0};
    atomic_fetch_add_explicit(&call->api->metrics.payments_recorded, !command->ret_known,
                              memory_order_relaxed);
    payment_write(&command->payment, &out);
    lucid_json_member_bool(&out, "replayed", command->ret_known);
    lucid_buf_char(&out, '}');
    api_answer(call->request, command->ret_known ? 200 : 201, API_JSON, &out);
}

static bool payment_read(struct http_request *request, const struct jcs_value *document,
                         struct gas_payment_request *ret)
{
    static const char code[] = "INVALID_PAYMENT";
    return api_text_member(request, document, "external_id", code, true, &ret->external_id) &&
           api_text_member(request, document, "asset", code, true, &ret->asset) &&
           api_amount_member(request, document, "amount", code, NULL, &ret->amount) &&
           api_unit_member(request, document, "unit", code, GAS_USDC, &ret->unit) &&
           api_name_member(request, document, "facilitator", code, &ret->facilitator) &&
           api_text_member(request, document, "payer", code, false, &ret->payer) &&
           api_text_member(request, document, "network", code, false, &ret->network) &&
           api_text_member(request, document, "transaction", code, false, &ret->transaction) &&
           api_text_member(request, document, "note", code, false, &ret->note);
}

void api_payments_post(struct http_request *request, const struct http_route *route)
{
    const struct jcs_value *document = api_document(request);
    struct gas_payment_request asked = {0};
    if (document == NULL || !payment_read(request, document, &asked)) {
        return;
    }
    struct payment_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error = gas_payment_prepare(&call->command, &asked, &why);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
        return;
    }
    call->call.answer = payment_answer;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

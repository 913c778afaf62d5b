/* The tariff: what a receipt and an epoch's root cost, now, as of any event, and before. */
#include "http/api/books_internal.h"
#include "http/api/events_internal.h"

static void tariff_members(const struct gas_tariff *tariff, struct lucid_buf *out)
{
    gas_amount_member(out, "igas", tariff->igas);
    gas_amount_member(out, "mgas", tariff->mgas);
    lucid_json_member_cstr(out, "unit", gas_unit_name(GAS_LUCID));
    lucid_json_member_u64(out, "decimals", gas_unit_decimals(GAS_LUCID));
    if (tariff->sequence != 0) {
        lucid_json_member_u64(out, "since_sequence", tariff->sequence);
        lucid_json_member_time(out, "since", tariff->time_ms);
    } else { /* nothing is charged before the first one */
        lucid_json_member_null(out, "since_sequence");
        lucid_json_member_null(out, "since");
    }
}

/* What is in force after that event; ends the view. */
static void tariff_answer(struct http_request *request, struct ledger_view *view, uint64_t as_of)
{
    struct gas_tariff tariff = {0};
    enum lucid_error error = gas_tariff_at(view, as_of + 1, &tariff);
    ledger_view_end(view);
    if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
        return;
    }
    bool prepaid = api_of(request)->options.gas_mode == GAS_PREPAID;
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    tariff_members(&tariff, &out);
    lucid_json_member_cstr(&out, "mode", prepaid ? "prepaid" : "postpaid");
    lucid_json_member_u64(&out, "as_of", as_of);
    lucid_buf_char(&out, '}');
    api_answer(request, 200, API_JSON, &out);
}

void api_gas_tariff_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct api_as_of as_of;
    if (api_as_of_read(request, view, &as_of)) {
        tariff_answer(request, view, as_of.sequence);
    } else {
        ledger_view_end(view);
    }
}

void api_gas_tariff_history_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct api_page page;
    if (!api_page_begin(request, 'g', 8, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    uint64_t last = page.after_len != 0 ? lucid_get_be64(page.after) : 0;
    struct gas_tariff tariff;
    enum lucid_error error = gas_tariff_next(view, last, &tariff);
    while (error == LUCID_OK && api_page_item(&page)) {
        lucid_buf_char(&page.out, '{');
        tariff_members(&tariff, &page.out);
        lucid_buf_char(&page.out, '}');
        last = tariff.sequence;
        error = gas_tariff_next(view, last, &tariff);
    }
    uint8_t position[8];
    lucid_put_be64(position, last);
    api_page_end(request, &page, view, error, position, sizeof(position));
}

/* --- setting it ------------------------------------------------------------------------------- */

struct tariff_call {
    struct api_call call; /* first member */
    struct gas_books_command command;
};

/* What is in force now: its commit is published before it is answered. */
static void tariff_set_answer(struct api_call *call)
{
    struct ledger_view *view = api_view_begin(call->request);
    if (view != NULL) {
        tariff_answer(call->request, view, api_events_newest(view));
    }
}

void api_gas_tariff_put(struct http_request *request, const struct http_route *route)
{
    const struct jcs_value *document = api_document(request);
    uint64_t igas;
    uint64_t mgas;
    if (document == NULL ||
        !api_amount_member(request, document, "igas", "INVALID_TARIFF", NULL, &igas) ||
        !api_amount_member(request, document, "mgas", "INVALID_TARIFF", NULL, &mgas)) {
        return;
    }
    struct tariff_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error = gas_tariff_prepare(&call->command, igas, mgas, &why);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
        return;
    }
    call->call.answer = tariff_set_answer;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

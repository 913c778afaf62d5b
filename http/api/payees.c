/* Payees' addresses: where the treasury pays them. */
#include "http/api/api_internal.h"
#include "x402/payee.h"

static const char INVALID[] = "INVALID_PAYEE";

static void address_write(const struct x402_payee_address *address, struct lucid_buf *out)
{
    char text[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_eip55(&address->address, text);
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "payee", address->payee);
    lucid_json_member_cstr(out, "network", address->network);
    lucid_json_member_cstr(out, "address", text);
    lucid_json_member_time(out, "set_at", address->time_ms);
    lucid_json_member_u64(out, "sequence", address->sequence);
    lucid_buf_char(out, '}');
}

/* --- reads ------------------------------------------------------------------------------------ */

static enum lucid_error next_after(struct ledger_view *view, const struct x402_payee_address *last,
                                   struct x402_payee_address *ret)
{
    struct x402_payee_address at = *last;
    return x402_payee_next(view, lucid_span_str(at.payee), lucid_span_str(at.network), ret);
}

/* The position payee ‖ 0 ‖ network. */
static bool position_read(const struct api_page *page, struct x402_payee_address *ret)
{
    const uint8_t *end = memchr(page->after, 0, page->after_len);
    if (page->after_len == 0) {
        return true;
    }
    size_t len = end == NULL ? 0 : (size_t)(end - page->after);
    size_t rest = end == NULL ? 0 : page->after_len - len - 1;
    if (len == 0 || len >= sizeof(ret->payee) || rest == 0 || rest >= sizeof(ret->network)) {
        return false;
    }
    memcpy(ret->payee, page->after, len);
    memcpy(ret->network, end + 1, rest);
    return true;
}

void api_payees_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct api_page page;
    if (!api_page_begin(request, 'y', API_CURSOR_TEXT, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    struct x402_payee_address last = {.payee = ""};
    struct x402_payee_address at;
    if (!position_read(&page, &last)) {
        ledger_view_end(view);
        api_page_lost(request, &page);
        return;
    }
    enum lucid_error error = next_after(view, &last, &at);
    while (error == LUCID_OK && api_page_item(&page)) {
        address_write(&at, &page.out);
        last = at;
        error = next_after(view, &last, &at);
    }
    uint8_t position[API_CURSOR_BYTES_MAX];
    size_t len = strlen(last.payee);
    size_t rest = strlen(last.network);
    memcpy(position, last.payee, len + 1);
    memcpy(position + len + 1, last.network, rest);
    api_page_end(request, &page, view, error, position, len + 1 + rest);
}

static enum lucid_error addresses_write(struct ledger_view *view, struct lucid_span payee,
                                        struct lucid_buf *out)
{
    struct x402_payee_address at;
    size_t count = 0;
    enum lucid_error error = x402_payee_next(view, payee, lucid_span("", 0), &at);
    lucid_buf_char(out, '{');
    lucid_json_member_str(out, "payee", payee);
    lucid_json_member(out, "addresses");
    lucid_buf_char(out, '[');
    while (error == LUCID_OK && lucid_span_is(payee, at.payee)) {
        struct x402_payee_address last = at;
        lucid_buf_str(out, count++ == 0 ? "" : ",");
        address_write(&at, out);
        error = next_after(view, &last, &at);
    }
    lucid_buf_str(out, "]}");
    bool over = error == LUCID_OK || error == LUCID_NOTE_ABSENT;
    return !over ? error : count == 0 ? LUCID_NOTE_ABSENT : LUCID_OK;
}

void api_payee_address_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_span payee = http_param(request, "payee");
    if (!gas_name_ok(payee, GAS_NAME_BYTES_MAX)) {
        api_not_found(request, "payee");
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct lucid_buf out = {0};
    enum lucid_error error = addresses_write(view, payee, &out);
    ledger_view_end(view);
    if (api_found(request, error, "address of that payee")) {
        api_answer(request, 200, API_JSON, &out);
    } else {
        lucid_buf_fini(&out);
    }
}

/* --- writes ----------------------------------------------------------------------------------- */

struct payee_call {
    struct api_call call; /* first member */
    struct x402_payee_command command;
};

static void payee_answer(struct api_call *call)
{
    const struct x402_payee_command *command = &((struct payee_call *)call)->command;
    bool set = command->command.verb == X402_PAYEE_SET;
    bool created = set && !command->ret_known && !command->ret_replaced;
    struct lucid_buf out = {0};
    address_write(&command->address, &out);
    api_answer(call->request, created ? 201 : 200, API_JSON, &out);
}

static void call_go(struct payee_call *call, struct http_request *request,
                    const struct http_route *route, enum lucid_error error,
                    const struct lucid_why *why)
{
    if (error != LUCID_OK) {
        api_refuse(request, error, why);
        return;
    }
    call->call.answer = payee_answer;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

static struct payee_call *call_new(struct http_request *request)
{
    struct payee_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
    }
    return call;
}

void api_payee_address_put(struct http_request *request, const struct http_route *route)
{
    const struct jcs_value *document = api_document(request);
    const struct api_sales *sales = api_of_route(route)->options.sales;
    struct lucid_span network;
    struct lucid_span address;
    if (document == NULL ||
        !api_text_member(request, document, "network", INVALID, true, &network) ||
        !api_text_member(request, document, "address", INVALID, true, &address)) {
        return;
    }
    struct payee_call *call = call_new(request);
    struct ledger_view *view = call == NULL ? NULL : api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error =
        x402_payee_set_prepare(&call->command, view, sales == NULL ? NULL : sales->networks,
                               http_param(request, "payee"), network, address, &why);
    ledger_view_end(view);
    call_go(call, request, route, error, &why);
}

void api_payee_address_delete(struct http_request *request, const struct http_route *route)
{
    struct lucid_span network = http_query(request, "network");
    if (network.data == NULL) {
        api_bad_parameter(request, "network", "say of which network");
        return;
    }
    struct payee_call *call = call_new(request);
    if (call == NULL) {
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error =
        x402_payee_remove_prepare(&call->command, http_param(request, "payee"), network, &why);
    call_go(call, request, route, error, &why);
}

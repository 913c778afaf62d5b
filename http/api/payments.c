/* Payments: recording what was paid elsewhere, and how every payment was shared. */
#include <stdio.h>
#include <strings.h>

#include "http/api/payments_internal.h"

/* --- reads ------------------------------------------------------------------------------------ */

enum { LOOKED_AT_MAX = 2000 }; /* payments for one page, also when a filter passes few of them */

struct payment_query {
    struct lucid_span asset;       /* len 0: all */
    struct lucid_span external_id; /* data NULL: all */
    struct lucid_span payer;       /* data NULL: all */
    bool newest_first;
    bool recorded;           /* only those that were recorded */
    enum x402_status status; /* only those of the gate in that status; 0: as the books have them */
};

static bool status_read(struct http_request *request, struct payment_query *query)
{
    struct lucid_span text = http_query(request, "status");
    query->recorded = lucid_span_is(text, "recorded");
    if (text.data != NULL && !query->recorded && !x402_status_parse(text, &query->status)) {
        api_bad_parameter(request, "status",
                          "must be pending, failed, settled, stray, reversed or recorded");
        return false;
    }
    return true;
}

static bool query_read(struct http_request *request, struct payment_query *ret)
{
    *ret = (struct payment_query){.asset = http_query(request, "asset"),
                                  .external_id = http_query(request, "external_id"),
                                  .payer = http_query(request, "payer")};
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
    if (!status_read(request, ret)) {
        return false;
    }
    if (ret->status != 0 && ret->newest_first) {
        api_bad_parameter(request, "order", "with that status the oldest come first");
        return false;
    }
    return true;
}

/* The next payment after `from` by the query's order, and its place there; both parts of it. */
static enum lucid_error payment_step(struct ledger_view *view, const struct payment_query *query,
                                     uint64_t from, struct shown_payment *ret, uint64_t *ret_place)
{
    enum lucid_error error;
    ret->gated = query->status != 0;
    ret->posted = !ret->gated;
    if (ret->gated) {
        error = x402_payment_next(view, from, query->status, &ret->gate);
        *ret_place = ret->gate.first_sequence;
    } else {
        error = query->newest_first ? gas_payment_previous(view, query->asset, from, &ret->payment)
                                    : gas_payment_next(view, query->asset, from, &ret->payment);
        *ret_place = ret->payment.sequence;
    }
    return error == LUCID_OK ? payment_complete(view, ret) : error;
}

static bool payer_is(const struct shown_payment *shown, struct lucid_span payer)
{
    char text[X402_PARTY_BYTES_MAX + 1];
    if (!shown->gated) {
        return lucid_span_is(payer, shown->payment.payer);
    }
    x402_payment_payer_text(&shown->gate, text);
    if (shown->gate.scheme == X402_SCHEME_SOLANA) {
        return lucid_span_is(payer, text); /* where case counts */
    }
    return payer.len == EVM_ADDRESS_TEXT_BYTES &&
           strncasecmp((const char *)payer.data, text, payer.len) == 0;
}

static bool query_wants(const struct payment_query *query, const struct shown_payment *shown)
{
    const char *asset = shown->posted ? shown->payment.asset : shown->gate.asset;
    return (query->asset.len == 0 || lucid_span_is(query->asset, asset)) &&
           (query->payer.data == NULL || payer_is(shown, query->payer)) &&
           (!query->recorded || !shown->gated);
}

static void item_write(const struct shown_payment *shown, struct api_page *page)
{
    payment_write(shown, &page->out);
    lucid_buf_char(&page->out, '}');
}

/* A list of the one payment of an external id, or of none. */
static enum lucid_error found_write(struct ledger_view *view, const struct payment_query *query,
                                    struct api_page *page)
{
    struct shown_payment shown = {.posted = true};
    enum lucid_error error = gas_payment_find(view, query->external_id, &shown.payment);
    if (error == LUCID_OK && query->status == 0 && query_wants(query, &shown) &&
        api_page_item(page)) {
        item_write(&shown, page);
    }
    return error == LUCID_OK ? LUCID_NOTE_ABSENT : error;
}

/* *last: the place of what was looked at last. */
static enum lucid_error items_write(struct ledger_view *view, const struct payment_query *query,
                                    struct api_page *page, uint64_t *last)
{
    struct shown_payment shown;
    uint64_t place = *last;
    enum lucid_error error = payment_step(view, query, *last, &shown, &place);
    for (unsigned looked = 0; error == LUCID_OK && looked < LOOKED_AT_MAX; looked++) {
        if (query_wants(query, &shown)) {
            if (!api_page_item(page)) {
                return LUCID_OK;
            }
            item_write(&shown, page);
        }
        *last = place;
        error = payment_step(view, query, *last, &shown, &place);
    }
    return error;
}

void api_payments_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct payment_query query;
    struct api_page page;
    if (!query_read(request, &query) ||
        !api_page_begin(request,
                        query.newest_first  ? 'q'
                        : query.status != 0 ? (char)('0' + query.status)
                                            : 'p',
                        8, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    uint64_t last = query.newest_first ? UINT64_MAX : 0;
    last = page.after_len != 0 ? lucid_get_be64(page.after) : last;
    enum lucid_error error = query.external_id.data != NULL
                                 ? found_write(view, &query, &page)
                                 : items_write(view, &query, &page, &last);
    uint8_t position[8];
    lucid_put_be64(position, last);
    api_page_end(request, &page, view, error, position, sizeof(position));
}

enum lucid_error payment_find(struct ledger_view *view, struct lucid_span id,
                              struct shown_payment *ret)
{
    uint8_t bytes[X402_PAYMENT_ID_BYTES];
    uint64_t sequence;
    if (id.len == 2 * X402_PAYMENT_ID_BYTES) {
        return lucid_hex_decode(id, bytes, sizeof(bytes)) ? payment_by_id(view, bytes, ret)
                                                          : LUCID_NOTE_ABSENT;
    }
    return api_decimal(id, &sequence) ? payment_by_sequence(view, sequence, ret)
                                      : LUCID_NOTE_ABSENT;
}

void api_payment_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct shown_payment shown;
    enum lucid_error error = payment_find(view, http_param(request, "id"), &shown);
    ledger_view_end(view);
    if (api_found(request, error, "payment")) {
        struct lucid_buf out = {0};
        payment_write(&shown, &out);
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
    const struct shown_payment shown = {.posted = true, .payment = command->payment};
    payment_write(&shown, &out);
    lucid_json_member_bool(&out, "replayed", command->ret_known);
    lucid_buf_char(&out, '}');
    api_answer(call->request, command->ret_known ? 200 : 201, API_JSON, &out);
}

/* A transfer is named as "TRANSACTION/LOGINDEX" in the log. False: it has answered. */
static bool log_index_add(struct http_request *request, const struct jcs_value *document,
                          struct gas_payment_request *asked)
{
    const struct jcs_value *member = jcs_member(document, "log_index");
    uint64_t log_index;
    char text[24];
    if (member == NULL || jcs_type(member) == JCS_NULL) {
        return true;
    }
    if (asked->transaction.data == NULL || !jcs_uint(member, &log_index)) {
        api_problem(request, 422, "INVALID_PAYMENT", "log_index",
                    "must be a whole number, beside a transaction");
        return false;
    }
    int len = snprintf(text, sizeof(text), "/%llu", (unsigned long long)log_index);
    uint8_t *whole = lucid_arena_alloc(http_arena(request), asked->transaction.len + (size_t)len);
    if (whole == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return false;
    }
    memcpy(whole, asked->transaction.data, asked->transaction.len);
    memcpy(whole + asked->transaction.len, text, (size_t)len);
    asked->transaction = lucid_span(whole, asked->transaction.len + (size_t)len);
    return true;
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
           api_text_member(request, document, "note", code, false, &ret->note) &&
           log_index_add(request, document, ret);
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

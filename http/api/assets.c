/* What assets cost, who shares in it, and what they have earned. */
#include "gas/revenue.h"
#include "http/api/api_internal.h"

/* What else it is sold by and how it is listed: only what there is. */
static void market_write(const struct gas_price *price, struct lucid_buf *out)
{
    const struct {
        const char *name;
        uint64_t amount;
    } amounts[] = {{"price_per_token", price->price_per_token},
                   {"price_subscription_hour", price->price_subscription_hour}};
    const struct {
        const char *name;
        const char *text;
    } texts[] = {{"resource", price->resource},
                 {"description", price->description},
                 {"mime_type", price->mime_type}};
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        if (amounts[i].amount > 0) {
            gas_amount_member(out, amounts[i].name, amounts[i].amount);
        }
    }
    if (price->grant_seconds > 0) {
        lucid_json_member_u64(out, "grant_seconds", price->grant_seconds);
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].text[0] != '\0') {
            lucid_json_member_cstr(out, texts[i].name, texts[i].text);
        }
    }
}

static void price_write(const struct gas_price *price, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "asset", price->asset);
    lucid_json_member_u64(out, "version", price->version);
    gas_amount_member(out, "price_per_call", price->price_per_call);
    lucid_json_member_cstr(out, "unit", gas_unit_name(price->unit));
    lucid_json_member_cstr(out, "network", price->network);
    lucid_json_member_cstr(out, "pay_to", price->pay_to);
    api_text_or_null(out, "compute_payee", price->payees[GAS_COMPUTE]);
    api_text_or_null(out, "model_payee", price->payees[GAS_MODEL]);
    api_weights_write(&price->weights, "split_bps", out);
    lucid_json_member_bool(out, "custom_split", price->custom_split);
    market_write(price, out);
    lucid_json_member_time(out, "set_at", price->time_ms);
    if (price->deleted_sequence == 0) {
        lucid_json_member_null(out, "deleted_at");
    } else {
        lucid_json_member_time(out, "deleted_at", price->deleted_ms);
    }
    lucid_buf_char(out, '}');
}

/* --- lists ------------------------------------------------------------------------------------ */

/* The asset that the path names. False: it cannot be one, and 404 was answered. */
static bool asset_of(struct http_request *request, struct lucid_span *ret)
{
    *ret = http_param(request, "asset");
    if (!gas_name_ok(*ret, GAS_NAME_BYTES_MAX)) {
        api_not_found(request, "asset");
        return false;
    }
    return true;
}

void api_assets_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct api_page page;
    if (!api_page_begin(request, 'a', API_CURSOR_TEXT, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    struct gas_price price;
    char last[GAS_NAME_BYTES_MAX + 1] = "";
    enum lucid_error error = gas_price_next(view, lucid_span(page.after, page.after_len), &price);
    while (error == LUCID_OK && api_page_item(&page)) {
        price_write(&price, &page.out);
        memcpy(last, price.asset, sizeof(last));
        error = gas_price_next(view, lucid_span_str(last), &price);
    }
    api_page_end(request, &page, view, error, last, strlen(last));
}

void api_price_history_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_span asset;
    struct api_page page;
    if (!asset_of(request, &asset) || !api_page_begin(request, 'h', 8, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    struct gas_price price;
    uint64_t last = page.after_len != 0 ? lucid_get_be64(page.after) : 0;
    enum lucid_error error = gas_price_history_next(view, asset, last, &price);
    if (error == LUCID_NOTE_ABSENT && last == 0) {
        ledger_view_end(view);
        api_page_drop(&page);
        api_not_found(request, "asset");
        return;
    }
    while (error == LUCID_OK && api_page_item(&page)) {
        price_write(&price, &page.out);
        last = price.version;
        error = gas_price_history_next(view, asset, last, &price);
    }
    uint8_t position[8];
    lucid_put_be64(position, last);
    api_page_end(request, &page, view, error, position, sizeof(position));
}

/* --- one asset -------------------------------------------------------------------------------- */

void api_price_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_span asset;
    uint64_t version;
    if (!asset_of(request, &asset) || !api_query_decimal(request, "version", 0, &version)) {
        return;
    }
    bool newest = http_query(request, "version").data == NULL;
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct gas_price price;
    enum lucid_error error = newest ? gas_price_current(view, asset, &price)
                                    : gas_price_version(view, asset, version, &price);
    ledger_view_end(view);
    if (api_found(request, error, newest ? "price" : "version of the price")) {
        struct lucid_buf out = {0};
        price_write(&price, &out);
        api_answer(request, 200, API_JSON, &out);
    }
}

static void revenue_write(const struct gas_asset_revenue *revenue, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "unit", gas_unit_name(revenue->unit));
    lucid_json_member_u64(out, "payments", revenue->payments);
    gas_amount_member(out, "gross", revenue->gross);
    for (size_t leg = 0; leg < GAS_LEGS; leg++) {
        gas_amount_member(out, gas_leg_name((enum gas_leg)leg), revenue->legs[leg]);
    }
    lucid_json_member(out, "suspense");
    lucid_buf_char(out, '{');
    for (size_t leg = 0; leg < GAS_PROTOCOL; leg++) {
        gas_amount_member(out, gas_leg_name((enum gas_leg)leg),
                          gas_asset_suspense(revenue, (enum gas_leg)leg));
    }
    lucid_buf_char(out, '}');
    lucid_json_member(out, "reversed");
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "payments", revenue->reversals);
    gas_amount_member(out, "gross", revenue->reversed_gross);
    for (size_t leg = 0; leg < GAS_LEGS; leg++) {
        gas_amount_member(out, gas_leg_name((enum gas_leg)leg), revenue->reversed[leg]);
    }
    lucid_buf_char(out, '}');
    lucid_json_member(out, "refunded");
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "refunds", revenue->refunds);
    gas_amount_member(out, "gross", revenue->refunded_gross);
    for (size_t leg = 0; leg < GAS_LEGS; leg++) {
        gas_amount_member(out, gas_leg_name((enum gas_leg)leg), revenue->refunded[leg]);
    }
    lucid_buf_str(out, "}}");
}

/* What the asset has earned in every unit, into an open array. LUCID_NOTE_ABSENT: there is no such
 * asset, and never was. */
static enum lucid_error revenues_write(struct ledger_view *view, struct lucid_span asset,
                                       struct lucid_buf *out)
{
    struct gas_price price;
    enum lucid_error error = gas_price_history_next(view, asset, 0, &price);
    bool first = true;
    for (unsigned unit = 1; error == LUCID_OK && unit <= GAS_UNITS; unit++) {
        struct gas_asset_revenue revenue;
        error = gas_asset_revenue_read(view, asset, (enum gas_unit)unit, &revenue);
        if (error == LUCID_OK) {
            lucid_buf_str(out, first ? "" : ",");
            revenue_write(&revenue, out);
            first = false;
        } else if (error == LUCID_NOTE_ABSENT) {
            error = LUCID_OK;
        }
    }
    return error;
}

void api_revenue_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_span asset;
    if (!asset_of(request, &asset)) {
        return;
    }
    if (http_query(request, "by").data != NULL) {
        api_takings_list(request, asset);
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    lucid_json_member_str(&out, "asset", asset);
    lucid_json_member(&out, "units");
    lucid_buf_char(&out, '[');
    enum lucid_error error = revenues_write(view, asset, &out);
    ledger_view_end(view);
    lucid_buf_str(&out, "]}");
    if (api_found(request, error, "asset")) {
        api_answer(request, 200, API_JSON, &out);
    } else {
        lucid_buf_fini(&out);
    }
}

/* --- writes ----------------------------------------------------------------------------------- */

struct price_call {
    struct api_call call; /* first member */
    struct gas_price_command command;
};

/* Whether the version that was set began a price: there is none before it, or that was deleted. */
static bool price_is_new(struct api_call *call, const struct gas_price *price)
{
    const struct api_loop *loop = http_loop_user(call->job.loop);
    struct gas_price before;
    if (price->version == 1 || ledger_view_begin(loop->view) != LUCID_OK) {
        return price->version == 1;
    }
    enum lucid_error error =
        gas_price_version(loop->view, lucid_span_str(price->asset), price->version - 1, &before);
    ledger_view_end(loop->view);
    return error == LUCID_OK && before.deleted_sequence != 0;
}

static void price_set_answer(struct api_call *call)
{
    const struct gas_price_command *command = &((struct price_call *)call)->command;
    bool created = !command->ret_known && price_is_new(call, &command->price);
    struct lucid_buf out = {0};
    price_write(&command->price, &out);
    api_answer(call->request, created ? 201 : 200, API_JSON, &out);
}

static void price_delete_answer(struct api_call *call)
{
    struct lucid_buf out = {0};
    price_write(&((struct price_call *)call)->command.price, &out);
    api_answer(call->request, 200, API_JSON, &out);
}

/* Absent or null: the default split. */
static bool split_member(struct http_request *request, const struct jcs_value *document,
                         struct gas_weights *weights, const struct gas_weights **ret)
{
    const struct jcs_value *value = jcs_member(document, "split_bps");
    if (value == NULL || jcs_type(value) == JCS_NULL) {
        *ret = NULL;
        return true;
    }
    *ret = weights;
    return api_weights(request, value, "INVALID_PRICE", weights);
}

/* Absent or null: 0. */
static bool amount_optional(struct http_request *request, const struct jcs_value *document,
                            const char *name, uint64_t *ret)
{
    static const uint64_t none = 0;
    const struct jcs_value *value = jcs_member(document, name);
    if (value != NULL && jcs_type(value) == JCS_NULL) {
        *ret = 0;
        return true;
    }
    return api_amount_member(request, document, name, "INVALID_PRICE", &none, ret);
}

/* What else it is sold by, and how it is listed. */
static bool market_read(struct http_request *request, const struct jcs_value *document,
                        struct gas_price_request *ret)
{
    static const char code[] = "INVALID_PRICE";
    const struct jcs_value *seconds = jcs_member(document, "grant_seconds");
    if (seconds != NULL && jcs_type(seconds) != JCS_NULL &&
        !jcs_uint(seconds, &ret->grant_seconds)) {
        api_problem(request, 422, code, "grant_seconds", "the seconds must be an integer from 0");
        return false;
    }
    return amount_optional(request, document, "price_per_token", &ret->price_per_token) &&
           amount_optional(request, document, "price_subscription_hour",
                           &ret->price_subscription_hour) &&
           api_text_member(request, document, "resource", code, false, &ret->resource) &&
           api_text_member(request, document, "description", code, false, &ret->description) &&
           api_text_member(request, document, "mime_type", code, false, &ret->mime_type);
}

static bool price_read(struct http_request *request, const struct jcs_value *document,
                       struct gas_weights *weights, struct gas_price_request *ret)
{
    static const char code[] = "INVALID_PRICE";
    enum gas_unit unit;
    if (!api_amount_member(request, document, "price_per_call", code, NULL, &ret->price_per_call) ||
        !api_text_member(request, document, "network", code, true, &ret->network) ||
        !api_text_member(request, document, "pay_to", code, true, &ret->pay_to) ||
        !api_name_member(request, document, "compute_payee", code, &ret->compute_payee) ||
        !api_name_member(request, document, "model_payee", code, &ret->model_payee) ||
        !split_member(request, document, weights, &ret->weights) ||
        !api_unit_member(request, document, "unit", code, GAS_USDC, &unit) ||
        !market_read(request, document, ret)) {
        return false;
    }
    if (unit != GAS_USDC) {
        api_problem(request, 422, code, "unit", "prices are in USDC");
        return false;
    }
    ret->asset = http_param(request, "asset");
    return true;
}

static struct price_call *call_new(struct http_request *request)
{
    struct price_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
    }
    return call;
}

void api_price_put(struct http_request *request, const struct http_route *route)
{
    const struct jcs_value *document = api_document(request);
    struct gas_weights weights;
    struct gas_price_request asked = {0};
    if (document == NULL || !price_read(request, document, &weights, &asked)) {
        return;
    }
    struct price_call *call = call_new(request);
    if (call == NULL) {
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error = gas_price_set_prepare(&call->command, &asked, &why);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
        return;
    }
    call->call.answer = price_set_answer;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

void api_price_delete(struct http_request *request, const struct http_route *route)
{
    struct lucid_span asset;
    if (!asset_of(request, &asset)) {
        return;
    }
    struct price_call *call = call_new(request);
    if (call == NULL) {
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error = gas_price_delete_prepare(&call->command, asset, &why);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
        return;
    }
    call->call.answer = price_delete_answer;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

/* What is for sale here, in the form in which facilitators list resources: the route classes that
 * are sold, and every price in force that says where its asset is. */
#include "http/api/paid_internal.h"

enum {
    LIMIT_DEFAULT = 100,
    LIMIT_MAX = 100,
    /* Prices that are looked at, by name: a public list must cost little. */
    PRICES_MAX = 2000,
};

struct listing {
    const struct api_sales *sales;
    uint64_t offset;
    uint64_t limit;
    uint64_t total;
    uint64_t written;
    struct lucid_buf *out;
};

/* --- one item --------------------------------------------------------------------------------- */

static void amount_if_any(struct lucid_buf *out, const char *name, uint64_t amount)
{
    if (amount > 0) {
        gas_amount_member(out, name, amount);
    }
}

static void text_if_any(struct lucid_buf *out, const char *name, struct lucid_span text)
{
    if (text.len > 0) {
        lucid_json_member_str(out, name, text);
    }
}

/* Texts that are one after the other in a string. */
static void joined_member(struct lucid_buf *out, const char *name, const char *base,
                          const char *path)
{
    struct lucid_buf text = {0};
    lucid_buf_str(&text, base);
    lucid_buf_str(&text, path);
    if (lucid_buf_ok(&text)) {
        lucid_json_member_str(out, name, lucid_buf_span(&text));
    } else {
        out->failed = true;
    }
    lucid_buf_fini(&text);
}

static void metadata_write(const struct api_sales *sales, const struct gas_price *price,
                           const char *method, const struct x402_offer *offer,
                           struct lucid_buf *out)
{
    lucid_json_member(out, "metadata");
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "asset", price->asset);
    lucid_json_member_u64(out, "price_version", price->version);
    text_if_any(out, "method", lucid_span_str(method));
    text_if_any(out, "description", offer->description);
    text_if_any(out, "mime_type", offer->mime_type);
    amount_if_any(out, "price_per_call", price->price_per_call);
    amount_if_any(out, "price_per_token", price->price_per_token);
    amount_if_any(out, "price_subscription_hour", price->price_subscription_hour);
    if (price->grant_seconds > 0) {
        lucid_json_member_u64(out, "grant_seconds", price->grant_seconds);
    }
    if (price->price_subscription_hour > 0) {
        joined_member(out, "subscribe", sales->public_url, "/v1/access/subscribe");
    }
    lucid_buf_char(out, '}');
}

/* The words are of the price or, where it has none, the fallbacks. base and path make the address.
 */
static void item_add(struct listing *list, const struct gas_price *price, const char *method,
                     const char *base, const char *path, const char *description,
                     const char *mime_type)
{
    const struct api_sales *sales = list->sales;
    struct x402_offer offer = {
        .terms = {.asset = lucid_span_str(price->asset),
                  .network = x402_network_find(sales->networks, lucid_span_str(price->network)),
                  .amount = price->price_per_call},
        .description = paid_words(price->description, description),
        .mime_type = paid_words(price->mime_type, mime_type),
        .timeout_seconds = sales->payment_seconds_max,
    };
    if (offer.terms.network == NULL || price->unit != GAS_USDC ||
        !paid_offer_settle(sales, price, NULL, &offer)) {
        return; /* cannot be paid here now */
    }
    if (list->total++ < list->offset || list->written >= list->limit) {
        return;
    }
    struct lucid_buf *out = list->out;
    lucid_buf_str(out, list->written++ > 0 ? ",{" : "{");
    joined_member(out, "resource", base, path);
    lucid_json_member_cstr(out, "type", "http");
    lucid_json_member_u64(out, "x402Version", 2);
    lucid_json_member(out, "accepts");
    lucid_buf_char(out, '[');
    if (price->price_per_call > 0 && offer.authorizations) {
        x402_accept_write(&offer, out);
    }
    lucid_buf_char(out, ']');
    lucid_json_member_time(out, "lastUpdated", price->time_ms);
    metadata_write(sales, price, method, &offer, out);
    lucid_buf_char(out, '}');
}

/* --- what there is ---------------------------------------------------------------------------- */

/* The routes of a class that is sold. */
static enum lucid_error classes_add(struct listing *list, const struct api *api,
                                    struct ledger_view *view)
{
    for (size_t i = 0; i < api->route_count; i++) {
        const struct http_route *route = &api->routes[i];
        struct gas_price price;
        if (route->handle != api_paid) {
            continue;
        }
        enum api_price_class which = api->about[i].price_class;
        const struct paid_class *class = paid_class_of(which);
        enum lucid_error error =
            gas_price_current(view, lucid_span_str(list->sales->assets[which]), &price);
        if (error == LUCID_OK) {
            item_add(list, &price, route->method, list->sales->public_url, route->pattern,
                     class->description, class->mime_type);
        } else if (error != LUCID_NOTE_ABSENT) {
            return error;
        }
    }
    return LUCID_OK;
}

/* Prices that say where their asset is. */
static enum lucid_error prices_add(struct listing *list, struct ledger_view *view)
{
    struct gas_price price;
    char last[GAS_NAME_BYTES_MAX + 1] = "";
    enum lucid_error error = LUCID_OK;
    for (unsigned looks = 0; looks < PRICES_MAX && error == LUCID_OK; looks++) {
        error = gas_price_next(view, lucid_span_str(last), &price);
        if (error == LUCID_OK) {
            memcpy(last, price.asset, sizeof(last));
            if (price.resource[0] != '\0') {
                item_add(list, &price, "", price.resource, "", "", "");
            }
        }
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* False: it has answered. */
static bool query_read(struct http_request *request, struct listing *list)
{
    struct lucid_span type = http_query(request, "type");
    if (type.data != NULL && !lucid_span_is(type, "http")) {
        api_bad_parameter(request, "type", "what is sold here is of type http");
        return false;
    }
    if (!api_query_decimal(request, "limit", LIMIT_DEFAULT, &list->limit) ||
        !api_query_decimal(request, "offset", 0, &list->offset)) {
        return false;
    }
    if (list->limit == 0 || list->limit > LIMIT_MAX) {
        api_bad_parameter(request, "limit", "the limit must be from 1 to 100");
        return false;
    }
    return true;
}

void api_discovery_get(struct http_request *request, const struct http_route *route)
{
    const struct api *api = api_of_route(route);
    struct lucid_buf out = {0};
    struct listing list = {.sales = api->options.sales, .out = &out};
    if (!query_read(request, &list)) {
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    lucid_buf_char(&out, '{');
    lucid_json_member_u64(&out, "x402Version", 2);
    lucid_json_member(&out, "items");
    lucid_buf_char(&out, '[');
    enum lucid_error error = LUCID_OK;
    if (list.sales != NULL) {
        error = classes_add(&list, api, view);
        if (error == LUCID_OK) {
            error = prices_add(&list, view);
        }
    }
    ledger_view_end(view);
    lucid_buf_char(&out, ']');
    lucid_json_member(&out, "pagination");
    lucid_buf_char(&out, '{');
    lucid_json_member_u64(&out, "limit", list.limit);
    lucid_json_member_u64(&out, "offset", list.offset);
    lucid_json_member_u64(&out, "total", list.total);
    lucid_buf_str(&out, "}}");
    if (error != LUCID_OK) {
        lucid_buf_fini(&out);
        api_refuse(request, error, NULL);
        return;
    }
    api_answer(request, 200, API_JSON, &out);
}

/* What assets have taken in, by day, facilitator, payer and asset: for dashboards. */
#include "gas/takings.h"

#include <stdio.h>

#include "gas/statement.h"
#include "http/api/api_internal.h"

/* What is asked for. */
struct takings_filter {
    enum gas_dimension dimension;
    enum gas_unit unit;
    struct lucid_span from; /* GAS_BY_DAY: the first and the last day; data NULL: none */
    struct lucid_span to;
};

/* "2026-11-21": the shape, and months and days that may be. */
static bool day_ok(struct lucid_span text)
{
    if (text.len != 10 || text.data[4] != '-' || text.data[7] != '-') {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (i != 4 && i != 7 && (text.data[i] < '0' || text.data[i] > '9')) {
            return false;
        }
    }
    unsigned month = (unsigned)(text.data[5] - '0') * 10 + (unsigned)(text.data[6] - '0');
    unsigned day = (unsigned)(text.data[8] - '0') * 10 + (unsigned)(text.data[9] - '0');
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static bool day_read(struct http_request *request, const struct takings_filter *filter,
                     const char *name, struct lucid_span *ret)
{
    *ret = http_query(request, name);
    if (ret->data == NULL) {
        return true;
    }
    if (filter->dimension != GAS_BY_DAY) {
        api_bad_parameter(request, name, "only a list by day has a first and a last day");
        return false;
    }
    if (!day_ok(*ret)) {
        api_bad_parameter(request, name, "must be a day (UTC), as in 2026-11-21");
        return false;
    }
    return true;
}

static bool filter_read(struct http_request *request, struct lucid_span asset,
                        struct takings_filter *ret)
{
    struct lucid_span unit = http_query(request, "unit");
    ret->unit = GAS_USDC;
    if (!gas_dimension_parse(http_query(request, "by"), &ret->dimension) ||
        (ret->dimension == GAS_BY_ASSET && asset.len > 0)) {
        api_bad_parameter(request, "by",
                          asset.len > 0 ? "must be day, facilitator or payer"
                                        : "must be asset, day, facilitator or payer");
        return false;
    }
    if (unit.data != NULL && !gas_unit_parse(unit, &ret->unit)) {
        api_bad_parameter(request, "unit", "must be LUCID or USDC");
        return false;
    }
    return day_read(request, ret, "from", &ret->from) && day_read(request, ret, "to", &ret->to);
}

static void net_write(const struct gas_takings *takings, struct lucid_buf *out)
{
    __int128 net = gas_takings_net(takings);
    char text[1 + GAS_SUM_TEXT_BYTES] = "-";
    gas_sum_format((unsigned __int128)(net < 0 ? -net : net), text + 1);
    lucid_json_member_cstr(out, "net", net < 0 ? text : text + 1);
}

static void takings_write(const struct gas_takings *takings, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    api_text_or_null(out, gas_dimension_name(takings->dimension), takings->key);
    lucid_json_member_cstr(out, "unit", gas_unit_name(takings->unit));
    lucid_json_member_u64(out, "payments", takings->payments);
    gas_sum_member(out, "gross", takings->gross);
    lucid_json_member_u64(out, "reversals", takings->reversals);
    gas_sum_member(out, "reversed", takings->reversed);
    lucid_json_member_u64(out, "refunds", takings->refunds);
    gas_sum_member(out, "refunded", takings->refunded);
    net_write(takings, out);
    lucid_json_member_u64(out, "as_of", takings->last_sequence);
    lucid_buf_char(out, '}');
}

/* A cursor is '=' and the key, which may be empty. */
static bool position_read(const struct api_page *page, const struct takings_filter *filter,
                          struct gas_takings_at *ret)
{
    *ret = (struct gas_takings_at){.set = false};
    if (page->after_len > 0) {
        ret->set = true;
        if (page->after[0] != '=' || page->after_len > sizeof(ret->key) ||
            memchr(page->after, 0, page->after_len) != NULL) {
            return false;
        }
        memcpy(ret->key, page->after + 1, page->after_len - 1);
    } else if (filter->from.data != NULL) {
        /* What comes before the day and after the one before it. */
        ret->set = true;
        memcpy(ret->key, filter->from.data, filter->from.len);
        ret->key[filter->from.len - 1]--;
        (void)snprintf(ret->key + filter->from.len, 2, "~");
    }
    return true;
}

static bool is_past(const struct takings_filter *filter, const struct gas_takings *takings)
{
    return filter->to.data != NULL && memcmp(takings->key, filter->to.data, filter->to.len) > 0;
}

void api_takings_list(struct http_request *request, struct lucid_span asset)
{
    struct takings_filter filter;
    struct api_page page;
    struct gas_takings_at at;
    struct gas_takings takings;
    char position[2 + GAS_PAYER_BYTES_MAX] = "=";
    if (!filter_read(request, asset, &filter) ||
        !api_page_begin(request, (char)('0' + filter.dimension), API_CURSOR_TEXT, &page)) {
        return;
    }
    if (!position_read(&page, &filter, &at)) {
        api_page_lost(request, &page);
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    enum lucid_error error = LUCID_OK;
    if (asset.len > 0) {
        struct gas_price price;
        error = gas_price_history_next(view, asset, 0, &price);
        if (error == LUCID_NOTE_ABSENT) {
            ledger_view_end(view);
            api_page_drop(&page);
            api_not_found(request, "asset");
            return;
        }
    }
    while (error == LUCID_OK) {
        error = gas_takings_next(view, asset, filter.unit, filter.dimension, &at, &takings);
        if (error == LUCID_OK && is_past(&filter, &takings)) {
            error = LUCID_NOTE_ABSENT;
        }
        if (error != LUCID_OK || !api_page_item(&page)) {
            break;
        }
        takings_write(&takings, &page.out);
        at.set = true;
        memcpy(at.key, takings.key, sizeof(at.key));
    }
    (void)snprintf(position + 1, sizeof(position) - 1, "%s", at.key);
    api_page_end(request, &page, view, error, position, strlen(position));
}

void api_revenues_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    api_takings_list(request, lucid_span(NULL, 0));
}

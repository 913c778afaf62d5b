/* /healthz: the process lives. /readyz: it takes receipts. */
#include "http/api/api_internal.h"

void api_healthz_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf out = {0};
    lucid_buf_str(&out, "{\"status\":\"ok\"}");
    api_answer(request, 200, API_JSON, &out);
}

enum { SALES_WARNINGS_MAX = 3 };

struct cause {
    bool given;
    const char *name;
};

static size_t causes_write(const struct cause *causes, size_t count, struct lucid_buf *out)
{
    size_t given = 0;
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (!causes[i].given) {
            continue;
        }
        if (given++ > 0) {
            lucid_buf_char(out, ',');
        }
        lucid_json_string(out, lucid_span_str(causes[i].name));
    }
    lucid_buf_char(out, ']');
    return given;
}

void api_readyz_get(struct http_request *request, const struct http_route *route)
{
    const struct api_options *options = &api_of_route(route)->options;
    struct api_health health = {0};
    options->health(options->context, &health);
    const struct ledger_identity *identity;
    const struct cause causes[] = {
        {health.stopping, "stopping"},
        {health.store_failed, "store_failed"},
        {health.disk_low, "disk_low"},
        {health.queue_max > 0 && health.queue_length >= health.queue_max, "queue_full"},
        {!ledger_identity(options->ledger, &identity), "no_log"},
    };
    const struct api_sales *sales = options->sales;
    const char *said[SALES_WARNINGS_MAX] = {NULL};
    size_t said_count =
        sales == NULL ? 0 : sales->warnings(sales->context, said, SALES_WARNINGS_MAX);
    const struct cause warnings[] = {
        {health.clock_stepped, "clock_stepped"},
        {health.store_damaged, "store_damaged"},
        {api_witness_ahead(options), "witness_ahead"},
        {said_count > 0, said[0]},
        {said_count > 1, said[1]},
        {said_count > 2, said[2]},
    };
    struct lucid_buf list = {0};
    bool ready = causes_write(causes, sizeof(causes) / sizeof(causes[0]), &list) == 0;
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    lucid_json_member_cstr(&out, "status", ready ? "ready" : "not_ready");
    if (!ready) {
        lucid_json_member(&out, "causes");
        lucid_buf_span_put(&out, lucid_buf_span(&list));
        http_add_header(request, "Retry-After", "1");
    }
    lucid_buf_clear(&list);
    if (causes_write(warnings, sizeof(warnings) / sizeof(warnings[0]), &list) != 0) {
        lucid_json_member(&out, "warnings");
        lucid_buf_span_put(&out, lucid_buf_span(&list));
    }
    lucid_buf_char(&out, '}');
    lucid_buf_fini(&list);
    api_answer(request, ready ? 200 : 503, API_JSON, &out);
}

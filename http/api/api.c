/* The table of routes. */
#include "http/api/api.h"

#include <stdlib.h>

#include "base/assert.h"
#include "http/api/api_internal.h"
#include "http/api/books_internal.h"

struct route_row {
    const char *method;
    const char *pattern;
    api_handler *handle;
    enum api_access access;
    uint32_t body_bytes_max;
    bool reads; /* a POST that changes nothing: for browsers of any origin, as public GETs are */
    enum api_price_class price_class;
};

static const struct route_row rows[] = {
    {"POST", "/v1/receipts", api_receipt_post, API_PUBLIC, API_REQUEST_BYTES_MAX, false,
     API_SELLS_RECEIPT},
    {"POST", "/v1/receipts/batch", api_batch_post, API_PUBLIC, API_BATCH_BYTES_MAX, false,
     API_SELLS_BATCH},
    {"GET", "/v1/receipts/{id}", api_receipt_get, API_READ, 0},
    {"DELETE", "/v1/receipts/{id}/body", api_receipt_body_delete, API_ADMIN,
     API_DOCUMENT_BYTES_MAX},
    {"DELETE", "/v1/blobs/{sha256}", api_blob_delete, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/receipts/{id}/proof", api_proof_get, API_PUBLIC, 0, false, API_SELLS_PROOF},
    {"GET", "/v1/receipts/{id}/verify", api_receipt_verify_get, API_PUBLIC, 0},
    {"POST", "/v1/verify", api_verify_post, API_PUBLIC, API_REQUEST_BYTES_MAX, true},
    {"GET", "/v1/consistency", api_consistency_get, API_PUBLIC, 0},
    {"GET", "/v1/log", api_log_get, API_PUBLIC, 0},
    {"GET", "/v1/mmr", api_mmr_get, API_PUBLIC, 0},
    {"GET", "/v1/epochs", api_epochs_get, API_PUBLIC, 0},
    {"GET", "/v1/epochs/current", api_epoch_current_get, API_PUBLIC, 0},
    {"GET", "/v1/epochs/{n}", api_epoch_get, API_PUBLIC, 0},
    {"GET", "/v1/epochs/{n}/receipts", api_epoch_receipts_get, API_PUBLIC, 0},
    {"POST", "/v1/epochs/current/finalize", api_epoch_finalize_post, API_ADMIN,
     API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/signers", api_signers_get, API_PUBLIC, 0},
    {"POST", "/v1/signers", api_signers_post, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/signers/{key}", api_signer_get, API_PUBLIC, 0},
    {"POST", "/v1/signers/{key}/revoke", api_signer_revoke_post, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/tokens", api_tokens_get, API_ADMIN, 0},
    {"POST", "/v1/tokens", api_tokens_post, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"POST", "/v1/tokens/{id}/revoke", api_token_revoke_post, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"POST", "/v1/payouts/calculate", api_payout_calculate_post, API_PUBLIC, API_DOCUMENT_BYTES_MAX,
     true},
    {"GET", "/v1/assets", api_assets_get, API_PUBLIC, 0},
    {"GET", "/v1/assets/{asset}/pricing", api_price_get, API_PUBLIC, 0},
    {"PUT", "/v1/assets/{asset}/pricing", api_price_put, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"DELETE", "/v1/assets/{asset}/pricing", api_price_delete, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/assets/{asset}/pricing/history", api_price_history_get, API_PUBLIC, 0},
    {"GET", "/v1/assets/{asset}/revenue", api_revenue_get, API_READ, 0},
    {"GET", "/v1/revenue", api_revenues_get, API_READ, 0},
    {"GET", "/discovery/resources", api_discovery_get, API_PUBLIC, 0},
    {"GET", "/v1/access", api_access_get, API_READ, 0},
    {"POST", "/v1/access", api_access_post, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"POST", "/v1/access/subscribe", api_access_subscribe_post, API_PUBLIC, API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/access/{id}", api_access_one_get, API_PUBLIC, 0},
    {"POST", "/v1/access/{id}/revoke", api_access_revoke_post, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/payments", api_payments_get, API_READ, 0},
    {"POST", "/v1/payments", api_payments_post, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/payments/{id}", api_payment_get, API_READ, 0},
    {"GET", "/v1/payments/{id}/refunds", api_refunds_get, API_READ, 0},
    {"POST", "/v1/payments/{id}/refunds", api_refunds_post, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"POST", "/v1/payments/{id}/resolve", api_payment_resolve_post, API_ADMIN,
     API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/x402/authorize", api_proxy_authorize_get, API_PROXY, 0},
    {"GET", "/v1/x402/explain", api_proxy_explain_get, API_PROXY, 0},
    {"GET", "/.well-known/jwks.json", api_jwks_get, API_PUBLIC, 0},
    {"POST", "/v1/x402/verify", api_facilitate_verify_post, API_FACILITATE,
     API_FACILITATE_BYTES_MAX},
    {"POST", "/v1/x402/settle", api_facilitate_settle_post, API_FACILITATE,
     API_FACILITATE_BYTES_MAX},
    {"GET", "/v1/x402/supported", api_facilitate_supported_get, API_FACILITATE, 0},
    {"GET", "/v1/x402/facilitations", api_facilitations_get, API_READ, 0},
    {"GET", "/v1/gas/tariff", api_gas_tariff_get, API_PUBLIC, 0},
    {"PUT", "/v1/gas/tariff", api_gas_tariff_put, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/gas/tariff/history", api_gas_tariff_history_get, API_PUBLIC, 0},
    {"GET", "/v1/accounts", api_accounts_get, API_READ, 0},
    {"GET", "/v1/accounts/{id}", api_account_get, API_READ, 0},
    {"GET", "/v1/accounts/{id}/postings", api_account_postings_get, API_READ, 0},
    {"POST", "/v1/accounts/{id}/deposits", api_account_deposits_post, API_ADMIN,
     API_DOCUMENT_BYTES_MAX},
    {"PUT", "/v1/accounts/{id}/credit-limit", api_account_limit_put, API_ADMIN,
     API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/postings", api_postings_get, API_READ, 0},
    {"GET", "/v1/trial-balance", api_trial_balance_get, API_READ, 0},
    {"GET", "/v1/settlements", api_settlements_get, API_READ, 0},
    {"GET", "/v1/settlements/current", api_settlement_current_get, API_READ, 0},
    {"GET", "/v1/settlements/{id}", api_settlement_get, API_READ, 0},
    {"POST", "/v1/settlements/{id}/payouts", api_settlement_payout_post, API_ADMIN,
     API_DOCUMENT_BYTES_MAX},
    {"POST", "/v1/settlements/{id}/runs", api_settlement_run_post, API_ADMIN,
     API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/payout-runs", api_runs_get, API_READ, 0},
    {"GET", "/v1/payout-runs/{n}", api_run_get, API_READ, 0},
    {"POST", "/v1/payout-runs/{n}/approve", api_run_approve_post, API_ADMIN,
     API_DOCUMENT_BYTES_MAX},
    {"POST", "/v1/payout-runs/{n}/cancel", api_run_cancel_post, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/payouts", api_payouts_get, API_READ, 0},
    {"GET", "/v1/payouts/{id}", api_payout_get, API_READ, 0},
    {"POST", "/v1/payouts/{id}/complete", api_payout_complete_post, API_ADMIN,
     API_DOCUMENT_BYTES_MAX},
    {"POST", "/v1/payouts/{id}/fail", api_payout_fail_post, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/payees", api_payees_get, API_READ, 0},
    {"GET", "/v1/payees/{payee}/address", api_payee_address_get, API_READ, 0},
    {"PUT", "/v1/payees/{payee}/address", api_payee_address_put, API_ADMIN, API_DOCUMENT_BYTES_MAX},
    {"DELETE", "/v1/payees/{payee}/address", api_payee_address_delete, API_ADMIN,
     API_DOCUMENT_BYTES_MAX},
    {"GET", "/v1/events", api_events_get, API_READ, 0},
    {"GET", "/v1/stream", api_stream_get, API_READ, 0},
    {"GET", "/checkpoint", api_checkpoint_get, API_PUBLIC, 0},
    {"GET", "/tile/{path*}", api_tile_get, API_PUBLIC, 0},
    {"GET", "/healthz", api_healthz_get, API_PUBLIC, 0},
    {"GET", "/readyz", api_readyz_get, API_PUBLIC, 0},
    {"GET", "/metrics", api_metrics_get, API_PUBLIC, 0},
    {"GET", "/openapi.json", api_openapi_get, API_PUBLIC, 0},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
_Static_assert(2 * ROWS <= API_OWN_ROUTES_MAX, "every row may bring a preflight route");

static uint32_t scopes_of(enum api_access access)
{
    switch (access) {
    case API_READ:
        return TOKEN_READ | TOKEN_ADMIN;
    case API_PROXY:
        return TOKEN_PROXY | TOKEN_ADMIN;
    case API_FACILITATE:
        return TOKEN_FACILITATE | TOKEN_ADMIN;
    case API_PUBLIC:
    case API_ADMIN:
        break;
    }
    return TOKEN_ADMIN;
}

static struct http_route *route_put(struct api *api, const struct http_route *route,
                                    const struct api_route *about)
{
    size_t i = api->route_count++;
    lucid_assert(i < API_ROUTES_MAX);
    api->about[i] = *about;
    api->routes[i] = *route;
    api->routes[i].context = &api->about[i];
    return &api->routes[i];
}

/* What a browser of any origin may read, it may also ask about first: once for all methods. */
static void preflight_put(struct api *api, const char *pattern, const char *methods)
{
    for (size_t i = 0; i < api->route_count; i++) {
        if (api->routes[i].handle == api_preflight &&
            strcmp(api->routes[i].pattern, pattern) == 0) {
            api->about[i].cors = "GET, HEAD, POST";
            return;
        }
    }
    const struct http_route route = {
        .method = "OPTIONS", .pattern = pattern, .handle = api_preflight};
    const struct api_route about = {.api = api, .open = true, .cors = methods, .unlimited = true};
    (void)route_put(api, &route, &about);
}

void api_route_add(struct api *api, const struct http_route *route, const struct api_route *about)
{
    const struct api_sales *sales = api->options.sales;
    bool sold = sales != NULL && about->price_class != API_NOT_SOLD &&
                sales->assets[about->price_class] != NULL;
    struct http_route *put = route_put(api, route, about);
    if (sold) {
        put->handle = api_paid;
        put->flags = 0; /* read whole before money moves */
        put->data = NULL;
    }
    if (about->cors != NULL) {
        preflight_put(api, route->pattern, about->cors);
    }
}

static void row_add(struct api *api, const struct route_row *row)
{
    bool stream = row->handle == api_batch_post;
    bool get = strcmp(row->method, "GET") == 0;
    bool open = row->access == API_PUBLIC || (row->access == API_READ && api->options.public_reads);
    const char *cors = get ? "GET, HEAD" : row->reads ? "POST" : NULL;
    const struct api_route about = {
        .api = api,
        .open = open,
        .scopes = scopes_of(row->access),
        .cors = open ? cors : NULL,
        .unlimited = row->handle == api_healthz_get || row->handle == api_readyz_get ||
                     row->access == API_PROXY,
        .price_class = row->price_class,
        .free_handle = stream ? api_batch_whole_post : row->handle,
    };
    const struct http_route route = {
        .method = row->method,
        .pattern = row->pattern,
        .flags = stream ? HTTP_ROUTE_STREAM | HTTP_ROUTE_COUNTS : 0,
        .body_bytes_max = row->body_bytes_max,
        .handle = row->handle,
        .data = stream ? api_batch_data : NULL,
    };
    api_route_add(api, &route, &about);
}

static enum lucid_error limits_open(struct api *api)
{
    const struct api_options *options = &api->options;
    enum lucid_error error = LUCID_OK;
    if (options->rate_limit_requests > 0) {
        error = http_limit_open(options->rate_limit_requests,
                                (uint32_t)options->rate_limit_window_seconds,
                                (size_t)options->rate_limit_clients_max, &api->requests_limit);
    }
    if (error == LUCID_OK && options->rate_limit_lines > 0) {
        error =
            http_limit_open(options->rate_limit_lines, (uint32_t)options->rate_limit_window_seconds,
                            (size_t)options->rate_limit_clients_max, &api->lines_limit);
    }
    if (error == LUCID_OK && options->sales != NULL && options->sales->clients != NULL) {
        error = api_facilitate_open(options->sales->clients, &api->facilitate);
    }
    return error;
}

enum lucid_error api_open(const struct api_options *options, struct api **ret,
                          struct lucid_why *why)
{
    lucid_assert(options->ledger != NULL && options->submit != NULL && options->health != NULL);
    lucid_assert(options->version != NULL && options->service_key != NULL);
    struct api *api = calloc(1, sizeof(*api));
    if (api == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    api->options = *options;
    enum lucid_error error = limits_open(api);
    for (size_t i = 0; i < ROWS; i++) {
        row_add(api, &rows[i]);
    }
    if (error == LUCID_OK) {
        error = api_plugins_open(api, why);
    }
    if (error == LUCID_OK) {
        error = api_openapi_open(api, why);
    }
    if (error != LUCID_OK) {
        api_close(api);
        return error;
    }
    *ret = api;
    return LUCID_OK;
}

void api_close(struct api *api)
{
    if (api != NULL) {
        lucid_buf_fini(&api->openapi);
        http_limit_close(api->requests_limit);
        http_limit_close(api->lines_limit);
        api_facilitate_close(api->facilitate);
    }
    free(api);
}

void api_http_options(struct api *api, struct http_server_options *options)
{
    options->routes = api->routes;
    options->route_count = api->route_count;
    options->admit = api_admit;
    options->done = api_done;
    options->context = api;
}

void api_set_server(struct api *api, const struct http_server *server)
{
    atomic_store(&api->server, server);
}

enum lucid_error api_loop_open(struct api *api, struct http_loop *loop)
{
    struct api_loop *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = gas_split_cache_open(&self->splits);
    if (error == LUCID_OK) {
        error = ledger_view_open(api->options.ledger, &self->view);
    }
    if (error != LUCID_OK) {
        gas_split_cache_close(self->splits);
        free(self);
        return error;
    }
    lucid_assert(api->loop_count < API_LOOPS_MAX);
    self->api = api;
    self->http = loop;
    api->loops[api->loop_count++] = self;
    http_loop_set_user(loop, self);
    http_loop_on_tick(loop, api_streams_tick);
    return LUCID_OK;
}

void api_loop_close(struct api *api, struct http_loop *loop)
{
    struct api_loop *self = http_loop_user(loop);
    if (self == NULL) { /* api_loop_open failed */
        return;
    }
    lucid_assert(self->api == api);
    http_loop_set_user(loop, NULL);
    api_paid_loop_close(self);
    api_errand_loop_close(self);
    api_plugins_loop_close(self);
    ledger_view_close(self->view);
    gas_split_cache_close(self->splits);
    free(self);
}

/* /metrics: Prometheus text format 0.0.4. */
#include "base/prom.h"
#include "gas/payout.h"
#include "http/api/api_internal.h"

const uint32_t api_commit_bucket_us[API_COMMIT_BUCKETS - 1] = {
    250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000};

/* Upper bounds of the request duration buckets; the last is without bound. */
static const uint32_t seconds_bucket_us[API_SECONDS_BUCKETS - 1] = {
    50, 100, 250, 1000, 2500, 5000, 10000, 50000, 250000, 1000000, 10000000};

/* --- counting --------------------------------------------------------------------------------- */

void api_done(const struct http_outcome *outcome, void *context)
{
    struct api *api = context;
    size_t row = API_ROUTES_MAX;
    if (outcome->route != NULL) {
        row = (size_t)(outcome->route - api->routes);
    }
    int class = outcome->status / 100;
    if (class < 0 || class >= API_CLASSES) {
        class = 0;
    }
    size_t bucket = 0;
    while (bucket + 1 < API_SECONDS_BUCKETS && outcome->micros > seconds_bucket_us[bucket]) {
        bucket++;
    }
    struct api_metrics *metrics = &api->metrics;
    atomic_fetch_add_explicit(&metrics->requests[row][class], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metrics->seconds_bucket[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metrics->micros_sum, outcome->micros, memory_order_relaxed);
}

static uint64_t read_relaxed(_Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* --- writing ---------------------------------------------------------------------------------- */

static uint64_t ms_since(uint64_t now_ms, uint64_t then_ms)
{
    return now_ms > then_ms ? now_ms - then_ms : 0;
}

static void epoch_metrics(struct ledger_view *view, uint64_t now_ms, struct lucid_buf *out)
{
    struct ledger_epoch epoch;
    uint64_t open_ms = 0;
    uint64_t open_leaves = 0;
    uint64_t closed_ms = 0;
    uint64_t closed = ledger_epoch_count(view);
    if (ledger_epoch_current(view, &epoch) == LUCID_OK) {
        open_ms = ms_since(now_ms, epoch.opened_ms);
        open_leaves = epoch.end_leaf - epoch.first_leaf;
        closed--;
    }
    if (closed > 0 && ledger_epoch_read(view, closed - 1, &epoch) == LUCID_OK) {
        closed_ms = ms_since(now_ms, epoch.closed_ms);
    }
    lucid_prom_gauge_seconds(out, "lucid_open_epoch_age_seconds", open_ms * 1000,
                             "Time since the open epoch's first leaf; 0 when none is open.");
    lucid_prom_gauge(out, "lucid_open_epoch_leaves", open_leaves, "Leaves in the open epoch.");
    lucid_prom_counter(out, "lucid_epochs_finalized_total", closed, "Epochs finalized.");
    lucid_prom_gauge_seconds(out, "lucid_last_epoch_age_seconds", closed_ms * 1000,
                             "Time since the newest epoch was finalized; 0 when none is.");
}

static void log_metrics(struct ledger_view *view, uint64_t now_ms, struct lucid_buf *out)
{
    uint64_t leaves = ledger_view_leaves(view);
    lucid_prom_gauge(out, "lucid_tree_size", leaves, "Leaves in the committed tree.");
    struct ledger_head head = {0};
    if (ledger_head_newest(view, &head) == LUCID_OK) {
        lucid_prom_gauge(out, "lucid_head_size", head.size,
                         "Tree size of the newest published head.");
        lucid_prom_gauge_seconds(out, "lucid_head_age_seconds",
                                 ms_since(now_ms, head.signed_ms) * 1000,
                                 "Time since the newest head was signed.");
    }
    lucid_prom_gauge(out, "lucid_uncovered_leaves",
                     leaves - (head.size < leaves ? head.size : leaves),
                     "Leaves that no published head covers yet.");
    epoch_metrics(view, now_ms, out);
}

/* What stands in an account of the service's own; 0 before it was opened. */
static struct gas_account own_account(struct ledger_view *view, enum gas_class class,
                                      const char *name, enum gas_unit unit)
{
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    struct gas_account account;
    gas_account_own(class, name, unit, id);
    return gas_account_read(view, lucid_span_str(id), &account) == LUCID_OK
               ? account
               : (struct gas_account){.debits = 0};
}

static void gas_metrics(struct api *api, struct ledger_view *view, struct lucid_buf *out)
{
    const struct gas_books_counters *counters = api->options.gas_counters;
    struct gas_totals totals;
    if (gas_totals_read(view, &totals) == LUCID_OK) {
        lucid_prom_family(out, "lucid_gas_charged_total", "counter",
                          "Gas charged for receipts (igas) and roots (mgas), in base units.");
        lucid_buf_printf(out,
                         "lucid_gas_charged_total{kind=\"igas\"} %llu\n"
                         "lucid_gas_charged_total{kind=\"mgas\"} %llu\n",
                         (unsigned long long)totals.igas_charged,
                         (unsigned long long)totals.mgas_charged);
        lucid_prom_gauge(out, "lucid_accounts", totals.accounts, "Accounts in the books.");
    }
    lucid_prom_counter(out, "lucid_gas_deposited_total",
                       own_account(view, GAS_CLASS_CLEARING, "deposits", GAS_LUCID).debits,
                       "Deposits of signers, in base units.");
    if (counters != NULL) {
        lucid_prom_counter(out, "lucid_gas_refusals_total",
                           atomic_load_explicit(&counters->exhausted, memory_order_relaxed),
                           "Receipts refused because their signer could not pay.");
        lucid_prom_counter(out, "lucid_gas_overdrawn_total",
                           atomic_load_explicit(&counters->overdrawn, memory_order_relaxed),
                           "Prepaid accounts that the root of an epoch overdrew.");
    }
    lucid_prom_gauge(out, "lucid_gas_prepaid", api->options.gas_mode == GAS_PREPAID,
                     "1 while a receipt whose signer cannot pay is refused.");
}

enum { GRANTS_COUNTED_MAX = 10000 };

static void payment_metrics(struct api *api, struct ledger_view *view, struct lucid_buf *out)
{
    uint64_t statements = 0;
    uint64_t payouts = 0;
    uint64_t grants = 0;
    struct gas_account transit = own_account(view, GAS_CLASS_TRANSIT, "payouts", GAS_USDC);
    lucid_prom_counter(out, "lucid_payments_total", read_relaxed(&api->metrics.payments_recorded),
                       "Payments recorded since the start.");
    if (api->options.sales != NULL) {
        lucid_prom_counter(out, "lucid_payment_demands_total",
                           read_relaxed(&api->metrics.payments_demanded),
                           "Requests answered 402 with what they cost.");
        lucid_prom_counter(out, "lucid_grants_admitted_total",
                           read_relaxed(&api->metrics.grants_admitted),
                           "Priced requests that an access grant answered.");
    }
    lucid_prom_counter(out, "lucid_protocol_revenue_total",
                       own_account(view, GAS_CLASS_REVENUE, "protocol", GAS_USDC).credits,
                       "The protocol's legs of payments, in base units of USDC.");
    if (gas_settlement_count(view, GAS_USDC, &statements) == LUCID_OK &&
        gas_payout_count(view, &payouts) == LUCID_OK) {
        lucid_prom_counter(out, "lucid_statements_total", statements,
                           "Settlement statements issued.");
        lucid_prom_counter(out, "lucid_payouts_total", payouts, "Payouts started.");
    }
    if (x402_grant_count(view, lucid_wall_ms(&api->options.clock), GRANTS_COUNTED_MAX, &grants) ==
        LUCID_OK) {
        lucid_prom_gauge(out, "lucid_grants_live", grants,
                         "Access grants that admit now; at most 10000 are counted.");
    }
    lucid_prom_gauge(out, "lucid_payouts_in_transit", transit.credits - transit.debits,
                     "Payouts that are on their way, in base units of USDC.");
}

static void writer_metrics(const struct api_health *health, struct lucid_buf *out)
{
    lucid_prom_gauge(out, "lucid_pending_commands", health->queue_length,
                     "Commands waiting for the writer.");
    lucid_prom_gauge(out, "lucid_pending_commands_max", health->queue_max,
                     "Commands that may wait for the writer.");
    lucid_prom_counter(out, "lucid_batches_total", health->batches, "Write transactions begun.");
    lucid_prom_counter(out, "lucid_commands_total", health->batch_commands,
                       "Commands run by the writer.");
    lucid_prom_histogram(out, "lucid_commit_seconds", api_commit_bucket_us, health->commit_bucket,
                         API_COMMIT_BUCKETS, health->commit_us_sum,
                         "Duration of commits with full sync.");
    lucid_prom_gauge(out, "lucid_disk_free_bytes", health->disk_free_bytes,
                     "Free bytes of the data disk.");
    lucid_prom_gauge(out, "lucid_disk_low", health->disk_low,
                     "1 below the disk reserve: writes get 507.");
    lucid_prom_gauge(out, "lucid_store_failed", health->store_failed,
                     "1 after a commit of unknown outcome.");
    lucid_prom_gauge(out, "lucid_stopping", health->stopping, "1 while the service stops.");
    lucid_prom_counter(out, "lucid_clock_steps_total", health->clock_steps,
                       "Times that the wall clock left the boot clock.");
    lucid_prom_gauge(out, "lucid_clock_stepped", health->clock_stepped,
                     "1 while the wall clock is off the boot clock by more than 300 s.");
}

static void store_metrics(struct ledger *ledger, struct lucid_buf *out)
{
    struct store_stats stats;
    store_stats_read(ledger_store(ledger), &stats);
    lucid_prom_gauge(out, "lucid_store_used_bytes", stats.bytes_used,
                     "Bytes used of the store's map.");
    lucid_prom_gauge(out, "lucid_store_max_bytes", stats.bytes_max,
                     "Size of the store's map; 0 = unbounded.");
    lucid_prom_gauge(out, "lucid_store_readers", stats.readers, "Read views open now.");
    lucid_prom_gauge(out, "lucid_store_oldest_reader_lag_commits", stats.oldest_view_lag,
                     "Commits since the oldest open read view began.");
    lucid_prom_gauge(out, "lucid_maps_memory_bytes", ledger_memory_bytes(ledger),
                     "Bytes of maps and tree nodes held in memory.");
}

static void http_metrics(const struct http_server *server, struct lucid_buf *out)
{
    struct http_counters counters;
    http_counters_read(server, &counters);
    lucid_prom_counter(out, "lucid_http_connections_total", counters.connections_accepted,
                       "Connections accepted.");
    lucid_prom_gauge(out, "lucid_http_connections_open", counters.connections_open,
                     "Connections open now.");
    lucid_prom_counter(out, "lucid_http_requests_received_total", counters.requests,
                       "Requests received.");
    lucid_prom_counter(out, "lucid_http_refused_by_parser_total", counters.refused_by_parser,
                       "Requests that were not HTTP as it must be.");
    lucid_prom_counter(out, "lucid_http_accept_pauses_total", counters.accept_pauses,
                       "Times that accepting paused for want of descriptors or connections.");
    lucid_prom_gauge(out, "lucid_http_inflight_bytes", counters.inflight_bytes,
                     "Request body bytes held.");
    lucid_prom_counter(out, "lucid_tls_handshakes_total", counters.tls_handshakes,
                       "TLS handshakes done.");
    lucid_prom_counter(out, "lucid_tls_handshake_failures_total", counters.tls_failures,
                       "TLS handshakes that came to nothing.");
    lucid_prom_gauge(out, "lucid_tls_certificate_expires_timestamp_seconds", counters.tls_expires_s,
                     "Unix time at which the TLS certificate ends; 0 without TLS.");
}

static void request_row(struct api *api, size_t row, const char *route, const char *method,
                        struct lucid_buf *out)
{
    static const char *const classes[API_CLASSES] = {"gone", "1xx", "2xx", "3xx", "4xx", "5xx"};
    for (size_t class = 0; class < API_CLASSES; class ++) {
        uint64_t count = read_relaxed(&api->metrics.requests[row][class]);
        if (count != 0) {
            lucid_buf_printf(
                out, "lucid_http_requests_total{route=\"%s\",method=\"%s\",status=\"%s\"} %llu\n",
                route, method, classes[class], (unsigned long long)count);
        }
    }
}

static void proxy_metrics(struct api_metrics *metrics, struct lucid_buf *out)
{
    static const char *const results[API_PROXY_RESULTS] = {"admitted", "granted",     "demanded",
                                                           "spent",    "unavailable", "invalid"};
    lucid_prom_family(out, "lucid_proxy_requests_total", "counter",
                      "Requests that a proxy has asked about, by what became of them.");
    for (size_t i = 0; i < API_PROXY_RESULTS; i++) {
        lucid_buf_printf(out, "lucid_proxy_requests_total{result=\"%s\"} %llu\n", results[i],
                         (unsigned long long)read_relaxed(&metrics->proxy[i]));
    }
}

static void plugin_metrics(struct api *api, struct lucid_buf *out)
{
    const struct api_options *options = &api->options;
    if (options->plugin_count == 0) {
        return;
    }
    lucid_prom_family(out, "lucid_plugin_faults_total", "counter",
                      "Requests that a plugin did not end as it must.");
    for (size_t i = 0; i < options->plugin_count; i++) {
        lucid_buf_printf(out, "lucid_plugin_faults_total{plugin=\"%s\"} %llu\n",
                         options->plugins[i]->module->name,
                         (unsigned long long)read_relaxed(&api->metrics.plugin_faults[i]));
    }
    lucid_prom_gauge(out, "lucid_plugin_call_bytes", read_relaxed(&api->metrics.plugin_bytes),
                     "Memory held by requests to plugins.");
}

static void request_metrics(struct api *api, struct lucid_buf *out)
{
    struct api_metrics *metrics = &api->metrics;
    lucid_prom_family(
        out, "lucid_http_requests_total", "counter",
        "Requests by route and status class; gone: the client left before the answer.");
    for (size_t i = 0; i < api->route_count; i++) {
        request_row(api, i, api->routes[i].pattern, api->routes[i].method, out);
    }
    request_row(api, API_ROUTES_MAX, "none", "any", out);
    uint64_t cumulative[API_SECONDS_BUCKETS];
    uint64_t sum = 0;
    for (size_t i = 0; i < API_SECONDS_BUCKETS; i++) {
        sum += read_relaxed(&metrics->seconds_bucket[i]);
        cumulative[i] = sum;
    }
    lucid_prom_histogram(out, "lucid_http_request_seconds", seconds_bucket_us, cumulative,
                         API_SECONDS_BUCKETS, read_relaxed(&metrics->micros_sum),
                         "From a request's first byte to its answer's last.");
    lucid_prom_counter(out, "lucid_http_quota_refusals_total",
                       read_relaxed(&metrics->quota_refusals),
                       "Requests and lines of batches refused by rate limits.");
    lucid_prom_counter(out, "lucid_verification_failures_total",
                       read_relaxed(&metrics->verification_failures),
                       "Stored things that did not verify when they were to be served.");
    lucid_prom_counter(out, "lucid_batch_lines_total", read_relaxed(&metrics->batch_lines),
                       "Lines of batches taken.");
    lucid_prom_gauge(out, "lucid_batch_unsent_bytes", read_relaxed(&metrics->batch_unsent_bytes),
                     "Answers to batches waiting for slow clients.");
    proxy_metrics(metrics, out);
    plugin_metrics(api, out);
    lucid_prom_gauge(out, "lucid_streams_open", read_relaxed(&metrics->streams_open),
                     "Open answers of /v1/stream.");
}

void api_metrics_get(struct http_request *request, const struct http_route *route)
{
    struct api *api = api_of_route(route);
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct lucid_buf out = {0};
    log_metrics(view, lucid_wall_ms(&api->options.clock), &out);
    gas_metrics(api, view, &out);
    payment_metrics(api, view, &out);
    ledger_view_end(view);
    struct api_health health = {0};
    api->options.health(api->options.context, &health);
    writer_metrics(&health, &out);
    store_metrics(api->options.ledger, &out);
    const struct http_server *server = atomic_load(&api->server);
    if (server != NULL) {
        http_metrics(server, &out);
    }
    request_metrics(api, &out);
    lucid_prom_family(&out, "lucid_build_info", "gauge", "The program's version.");
    lucid_buf_str(&out, "lucid_build_info{version=");
    lucid_prom_label(&out, api->options.version);
    lucid_buf_str(&out, "} 1\n");
    if (api->options.metrics != NULL) {
        api->options.metrics(api->options.metrics_context, &out);
    }
    api_answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
}

/* /metrics: Prometheus text format 0.0.4. */
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

static void family(struct lucid_buf *out, const char *name, const char *type, const char *help)
{
    lucid_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct lucid_buf *out, const char *name, uint64_t value, const char *help)
{
    family(out, name, "gauge", help);
    lucid_buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void counter(struct lucid_buf *out, const char *name, uint64_t value, const char *help)
{
    family(out, name, "counter", help);
    lucid_buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void seconds_line(struct lucid_buf *out, const char *name, uint64_t micros)
{
    lucid_buf_printf(out, "%s %llu.%06llu\n", name, (unsigned long long)(micros / 1000000),
                     (unsigned long long)(micros % 1000000));
}

/* cumulative[i]: observations of at most bounds_us[i]; the last of count entries: all. */
static void histogram(struct lucid_buf *out, const char *name, const uint32_t *bounds_us,
                      const uint64_t *cumulative, size_t count, uint64_t micros)
{
    for (size_t i = 0; i + 1 < count; i++) {
        lucid_buf_printf(out, "%s_bucket{le=\"%u.%06u\"} %llu\n", name, bounds_us[i] / 1000000,
                         bounds_us[i] % 1000000, (unsigned long long)cumulative[i]);
    }
    unsigned long long all = cumulative[count - 1];
    lucid_buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n", name, all);
    lucid_buf_printf(out, "%s_sum %llu.%06llu\n", name, (unsigned long long)(micros / 1000000),
                     (unsigned long long)(micros % 1000000));
    lucid_buf_printf(out, "%s_count %llu\n", name, all);
}

static uint64_t ms_since(uint64_t now_ms, uint64_t then_ms)
{
    return now_ms > then_ms ? now_ms - then_ms : 0;
}

static void log_metrics(struct ledger_view *view, uint64_t now_ms, struct lucid_buf *out)
{
    uint64_t leaves = ledger_view_leaves(view);
    gauge(out, "lucid_tree_size", leaves, "Leaves in the committed tree.");
    gauge(out, "lucid_epochs", ledger_epoch_count(view), "Epochs, the open one included.");
    struct ledger_head head = {0};
    if (ledger_head_newest(view, &head) == LUCID_OK) {
        gauge(out, "lucid_head_size", head.size, "Tree size of the newest published head.");
        family(out, "lucid_head_age_seconds", "gauge", "Time since the newest head was signed.");
        seconds_line(out, "lucid_head_age_seconds", ms_since(now_ms, head.signed_ms) * 1000);
    }
    gauge(out, "lucid_uncovered_leaves", leaves - (head.size < leaves ? head.size : leaves),
          "Leaves that no published head covers yet.");
    struct ledger_epoch epoch;
    uint64_t open_ms = 0;
    uint64_t open_leaves = 0;
    if (ledger_epoch_current(view, &epoch) == LUCID_OK) {
        open_ms = ms_since(now_ms, epoch.opened_ms);
        open_leaves = epoch.end_leaf - epoch.first_leaf;
    }
    family(out, "lucid_open_epoch_age_seconds", "gauge",
           "Time since the open epoch's first leaf; 0 when none is open.");
    seconds_line(out, "lucid_open_epoch_age_seconds", open_ms * 1000);
    gauge(out, "lucid_open_epoch_leaves", open_leaves, "Leaves in the open epoch.");
}

static void writer_metrics(const struct api_health *health, struct lucid_buf *out)
{
    gauge(out, "lucid_queue_length", health->queue_length, "Commands waiting for the writer.");
    gauge(out, "lucid_queue_max", health->queue_max, "Commands that may wait for the writer.");
    counter(out, "lucid_batches_total", health->batches, "Write transactions begun.");
    counter(out, "lucid_commands_total", health->batch_commands, "Commands run by the writer.");
    family(out, "lucid_commit_seconds", "histogram", "Duration of commits with full sync.");
    histogram(out, "lucid_commit_seconds", api_commit_bucket_us, health->commit_bucket,
              API_COMMIT_BUCKETS, health->commit_us_sum);
    gauge(out, "lucid_disk_free_bytes", health->disk_free_bytes, "Free bytes of the data disk.");
    gauge(out, "lucid_disk_low", health->disk_low, "1 below the disk reserve: writes get 507.");
    gauge(out, "lucid_store_failed", health->store_failed, "1 after a commit of unknown outcome.");
    gauge(out, "lucid_stopping", health->stopping, "1 while the service stops.");
    counter(out, "lucid_clock_steps_total", health->clock_steps,
            "Times that the wall clock left the boot clock.");
    gauge(out, "lucid_clock_stepped", health->clock_stepped,
          "1 while the wall clock is off the boot clock by more than 300 s.");
}

static void store_metrics(struct ledger *ledger, struct lucid_buf *out)
{
    struct store_stats stats;
    store_stats_read(ledger_store(ledger), &stats);
    gauge(out, "lucid_store_used_bytes", stats.bytes_used, "Bytes used of the store's map.");
    gauge(out, "lucid_store_max_bytes", stats.bytes_max, "Size of the store's map; 0 = unbounded.");
    gauge(out, "lucid_store_readers", stats.readers, "Read views open now.");
    gauge(out, "lucid_store_oldest_reader_lag", stats.oldest_view_lag,
          "Commits since the oldest open read view began.");
    gauge(out, "lucid_memory_bytes", ledger_memory_bytes(ledger),
          "Bytes of maps and tree nodes held in memory.");
}

static void http_metrics(const struct http_server *server, struct lucid_buf *out)
{
    struct http_counters counters;
    http_counters_read(server, &counters);
    counter(out, "lucid_http_connections_total", counters.connections_accepted,
            "Connections accepted.");
    gauge(out, "lucid_http_connections_open", counters.connections_open, "Connections open now.");
    counter(out, "lucid_http_requests_received_total", counters.requests, "Requests received.");
    counter(out, "lucid_http_refused_by_parser_total", counters.refused_by_parser,
            "Requests that were not HTTP as it must be.");
    counter(out, "lucid_http_accept_pauses_total", counters.accept_pauses,
            "Times that accepting paused for want of descriptors or connections.");
    counter(out, "lucid_tls_handshakes_total", counters.tls_handshakes, "TLS handshakes done.");
    counter(out, "lucid_tls_handshake_failures_total", counters.tls_failures,
            "TLS handshakes that came to nothing.");
    gauge(out, "lucid_tls_certificate_expires_timestamp_seconds", counters.tls_expires_s,
          "Unix time at which the TLS certificate ends; 0 without TLS.");
    gauge(out, "lucid_http_inflight_bytes", counters.inflight_bytes, "Request body bytes held.");
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

static void request_metrics(struct api *api, struct lucid_buf *out)
{
    struct api_metrics *metrics = &api->metrics;
    family(out, "lucid_http_requests_total", "counter",
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
    family(out, "lucid_http_request_seconds", "histogram",
           "From a request's first byte to its answer's last.");
    histogram(out, "lucid_http_request_seconds", seconds_bucket_us, cumulative, API_SECONDS_BUCKETS,
              read_relaxed(&metrics->micros_sum));
    counter(out, "lucid_verification_failures_total", read_relaxed(&metrics->verification_failures),
            "Stored things that did not verify when they were to be served.");
    counter(out, "lucid_batch_lines_total", read_relaxed(&metrics->batch_lines),
            "Lines of batches taken.");
    gauge(out, "lucid_batch_unsent_bytes", read_relaxed(&metrics->batch_unsent_bytes),
          "Answers to batches waiting for slow clients.");
    gauge(out, "lucid_streams_open", read_relaxed(&metrics->streams_open),
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
    family(&out, "lucid_build_info", "gauge", "The program's version.");
    lucid_buf_printf(&out, "lucid_build_info{version=\"%s\"} 1\n", api->options.version);
    api_answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
}

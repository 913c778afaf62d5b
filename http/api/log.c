/* The log as a whole: what it is, its tree, its newest head. */
#include "http/api/api_internal.h"
#include "plugins/host/host.h"

static void limits_write(const struct api_options *options, struct lucid_buf *out)
{
    lucid_json_member_u64(out, "epoch_receipts_max", options->epoch_receipts_max);
    lucid_json_member_u64(out, "epoch_seconds_max", options->epoch_seconds_max);
    lucid_json_member_u64(out, "head_interval_ms", options->head_interval_ms);
    lucid_json_member_u64(out, "receipt_future_seconds_max", options->receipt_future_seconds_max);
    lucid_json_member_cstr(out, "gas_mode",
                           options->gas_mode == GAS_PREPAID ? "prepaid" : "postpaid");
    lucid_json_member(out, "limits");
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "body_bytes_max", RECEIPT_BODY_BYTES_MAX);
    lucid_json_member_u64(out, "body_depth_max", RECEIPT_DEPTH_MAX);
    lucid_json_member_u64(out, "request_bytes_max", API_REQUEST_BYTES_MAX);
    lucid_json_member_u64(out, "batch_lines_max", API_BATCH_LINES_MAX);
    lucid_json_member_u64(out, "batch_bytes_max", API_BATCH_BYTES_MAX);
    lucid_json_member_u64(out, "list_items_max", API_LIST_MAX);
    lucid_buf_char(out, '}');
}

static void plugins_write(const struct api_options *options, struct lucid_buf *out)
{
    lucid_json_member(out, "plugins");
    lucid_buf_char(out, '[');
    for (size_t p = 0; p < options->plugin_count; p++) {
        const struct plugin *plugin = options->plugins[p];
        lucid_buf_str(out, p == 0 ? "{" : ",{");
        lucid_json_member_cstr(out, "name", plugin->module->name);
        lucid_json_member_cstr(out, "version", plugin->module->version);
        lucid_json_member_u64(out, "abi", plugin->module->abi);
        lucid_json_member_hex(out, "key", plugin->key->public_key, sizeof(plugin->key->public_key));
        lucid_json_member_cstr(out, "summary", plugin->module->summary);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
}

static void log_write(const struct api_options *options, const struct ledger_identity *identity,
                      uint64_t size, const struct mmr_hash *root, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "origin", identity->origin);
    lucid_json_member_cstr(out, "vkey", identity->vkey);
    lucid_json_member_hex(out, "service_key", identity->service_key, sizeof(identity->service_key));
    lucid_json_member_cstr(out, "hash_profile", "RFC9162_SHA256");
    lucid_json_member_u64(out, "size", size);
    lucid_json_member_hex(out, "root", root->bytes, sizeof(root->bytes));
    lucid_json_member_time(out, "created_at", identity->created_ms);
    limits_write(options, out);
    lucid_json_member_cstr(out, "version", options->version);
    lucid_json_member_bool(out, "test", identity->test);
    api_witnesses_write(options, out);
    plugins_write(options, out);
    lucid_buf_char(out, '}');
}

void api_log_get(struct http_request *request, const struct http_route *route)
{
    const struct api_options *options = &api_of_route(route)->options;
    const struct ledger_identity *identity;
    if (!ledger_identity(options->ledger, &identity)) {
        api_not_found(request, "log yet");
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    uint64_t size = ledger_view_leaves(view);
    struct mmr_nodes nodes = ledger_view_nodes(view);
    struct mmr_hash root;
    enum lucid_error error = mmr_root(&nodes, size, &root);
    ledger_view_end(view);
    if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
        return;
    }
    struct lucid_buf out = {0};
    log_write(options, identity, size, &root, &out);
    api_answer(request, 200, API_JSON, &out);
}

static void mmr_write(uint64_t size, const struct mmr_hash *peaks, size_t count,
                      struct lucid_buf *out)
{
    struct mmr_hash root;
    mmr_bag(peaks, count, &root);
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "leaf_count", size);
    lucid_json_member_u64(out, "node_count", mmr_node_count(size));
    lucid_json_member(out, "peaks");
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        lucid_buf_str(out, i == 0 ? "\"" : ",\"");
        lucid_buf_hex(out, peaks[i].bytes, sizeof(peaks[i].bytes));
        lucid_buf_char(out, '"');
    }
    lucid_buf_char(out, ']');
    lucid_json_member_hex(out, "root", root.bytes, sizeof(root.bytes));
    lucid_buf_char(out, '}');
}

void api_mmr_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    uint64_t size;
    if (!api_query_decimal(request, "size", UINT64_MAX, &size)) {
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    uint64_t leaves = ledger_view_leaves(view);
    size = size == UINT64_MAX ? leaves : size;
    struct mmr_nodes nodes = ledger_view_nodes(view);
    struct mmr_hash peaks[MMR_PEAKS_MAX];
    size_t count = 0;
    enum lucid_error error = size > leaves ? LUCID_OK : mmr_peaks(&nodes, size, peaks, &count);
    ledger_view_end(view);
    if (size > leaves) {
        api_bad_parameter(request, "size", "the tree is smaller");
        return;
    }
    if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
        return;
    }
    struct lucid_buf out = {0};
    mmr_write(size, peaks, count, &out);
    api_answer(request, 200, API_JSON, &out);
}

/* The facilitator API for other x402 servers (CONTRACT 4; reference/x402.md 5.1): POST
 * /v1/x402/verify, POST /v1/x402/settle, GET /v1/x402/supported, as official facilitators answer
 * them; and GET /v1/x402/facilitations, what was settled for whom. Decision 0030. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "http/api/api_internal.h"
#include "x402/facilitation.h"
#include "x402/facilitation_match.h"

enum { DEPTH_MAX = 16, VALUES_MAX = 2048, WINDOW_SECONDS = 60 };

/* --- rates ------------------------------------------------------------------------------------ */

/* By enum x402_facilitation_asked, one bucket for each client. */
struct api_facilitate {
    struct http_limit *limits[X402_CLIENTS_MAX][2];
};

enum lucid_error api_facilitate_open(const struct x402_clients *clients,
                                     struct api_facilitate **ret)
{
    struct api_facilitate *facilitate = calloc(1, sizeof(*facilitate));
    enum lucid_error error = facilitate == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < clients->count; i++) {
        const struct x402_client *client = &clients->items[i];
        error = http_limit_open(client->verifies_per_minute, WINDOW_SECONDS, 1,
                                &facilitate->limits[i][X402_FACILITATION_VERIFY]);
        if (error == LUCID_OK) {
            error = http_limit_open(client->settles_per_minute, WINDOW_SECONDS, 1,
                                    &facilitate->limits[i][X402_FACILITATION_SETTLE]);
        }
    }
    if (error != LUCID_OK) {
        api_facilitate_close(facilitate);
        return error;
    }
    *ret = facilitate;
    return LUCID_OK;
}

void api_facilitate_close(struct api_facilitate *facilitate)
{
    for (size_t i = 0; facilitate != NULL && i < X402_CLIENTS_MAX; i++) {
        http_limit_close(facilitate->limits[i][X402_FACILITATION_VERIFY]);
        http_limit_close(facilitate->limits[i][X402_FACILITATION_SETTLE]);
    }
    free(facilitate);
}

static bool rate_admits(struct http_request *request, struct api *api,
                        const struct x402_client *client, enum x402_facilitation_asked asked)
{
    size_t index = (size_t)(client - api->options.sales->clients->items);
    struct http_limit *limit = api->facilitate->limits[index][asked];
    struct http_limit_state state;
    char text[24];
    http_limit_take(limit, http_limit_client(limit, lucid_span_str(client->name)), 1,
                    lucid_boot_ms(&api->options.clock), &state);
    if (state.admitted) {
        return true;
    }
    atomic_fetch_add_explicit(&api->metrics.quota_refusals, 1, memory_order_relaxed);
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)state.retry_s);
    http_add_header(request, "Retry-After", text);
    api_problem(request, 429, "QUOTA_EXCEEDED", NULL,
                asked == X402_FACILITATION_SETTLE
                    ? "more settlements than this client may have in a minute; see Retry-After"
                    : "more verifications than this client may have in a minute; see Retry-After");
    return false;
}

/* --- who asks --------------------------------------------------------------------------------- */

/* NULL: it has answered. */
static const struct x402_client *client_of(struct http_request *request)
{
    const struct api *api = api_of(request);
    const struct api_sales *sales = api->options.sales;
    char token[TOKEN_ID_BYTES + 1];
    if (sales == NULL || sales->clients == NULL) {
        api_problem(request, 404, "NOT_FOUND", NULL,
                    "this service is no facilitator for others (x402_clients_file)");
        return NULL;
    }
    if (!api_token_id(request, api, token)) {
        return NULL;
    }
    const struct x402_client *client = x402_client_find(sales->clients, token);
    if (client == NULL) {
        api_problem(request, 403, "FORBIDDEN", NULL,
                    "the token is that of no client of this facilitator (x402_clients_file)");
    }
    return client;
}

/* --- verify and settle ------------------------------------------------------------------------ */

/* It outlives the request: money may move. */
struct facilitate_call {
    struct api_errand errand; /* first member */
    struct x402_facilitation_job job;
};

static void answer_write(struct http_request *request, enum x402_facilitation_asked asked,
                         int status, const struct evm_address *payer, const char *reason,
                         const char *text, const struct evm_hash *transaction,
                         struct lucid_span network)
{
    struct lucid_buf out = {0};
    if (asked == X402_FACILITATION_VERIFY) {
        x402_verify_answer_write(payer, reason, text, &out);
    } else {
        x402_settle_answer_write(payer, reason, text, transaction, network, &out);
    }
    http_add_header(request, "Cache-Control", "no-store");
    if (status == 503) {
        http_add_header(request, "Retry-After", "2");
    }
    http_respond(request, status, API_JSON, &out);
}

static void call_answer(struct api_errand *errand, struct http_request *request)
{
    const struct x402_facilitation_job *job = &((const struct facilitate_call *)errand)->job;
    const char *network = job->version == 1 ? job->network->v1_name : job->network->caip2;
    bool good = job->outcome == X402_FACILITATION_GOOD;
    answer_write(request, job->asked, job->outcome == X402_FACILITATION_BROKEN ? 503 : 200,
                 &job->authorization.from, good ? NULL : job->reason, job->text,
                 job->has_transaction ? &job->transaction : NULL, lucid_span_str(network));
}

static void call_fini(struct api_errand *errand)
{
    free(errand); /* its first member */
}

static void job_done(struct x402_facilitation_job *job)
{
    api_errand_return(job->owner);
}

static void call_begin(struct api_errand *errand, struct x402_desk *desk)
{
    struct facilitate_call *call = (struct facilitate_call *)errand;
    lucid_assert(desk->facilitation != NULL);
    x402_facilitation_enter(desk->facilitation, &call->job);
}

static void ask_submit(struct http_request *request, enum x402_facilitation_asked asked,
                       const struct x402_client *client, const struct x402_facilitation_ask *ask)
{
    struct facilitate_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    call->errand =
        (struct api_errand){.begin = call_begin, .answer = call_answer, .fini = call_fini};
    call->job = (struct x402_facilitation_job){
        .asked = asked,
        .client = client,
        .network = ask->network,
        .authorization = ask->proof.authorization,
        .signature = ask->proof.signature,
        .version = ask->version,
        .done = job_done,
        .owner = &call->errand,
    };
    (void)api_errand_send(&call->errand, request);
}

static void facilitate(struct http_request *request, enum x402_facilitation_asked asked)
{
    static const struct jcs_limits limits = {.depth_max = DEPTH_MAX, .values_max = VALUES_MAX};
    struct api *api = api_of(request);
    const struct x402_client *client = client_of(request);
    if (client == NULL || !rate_admits(request, api, client, asked)) {
        return;
    }
    const struct jcs_value *body = api_document_within(request, &limits);
    if (body == NULL) {
        return;
    }
    struct x402_facilitation_ask ask;
    struct lucid_why why = {0};
    enum lucid_error error = x402_facilitation_match(
        body, api->options.sales->networks, client, lucid_wall_ms(&api->options.clock), &ask, &why);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
    } else if (ask.verdict != X402_FITS) {
        answer_write(request, asked, 200, ask.has_payer ? &ask.payer : NULL, ask.reason, ask.text,
                     NULL, ask.network_text);
    } else {
        ask_submit(request, asked, client, &ask);
    }
}

void api_facilitate_verify_post(struct http_request *request, const struct http_route *route)
{
    (void)route;
    facilitate(request, X402_FACILITATION_VERIFY);
}

void api_facilitate_settle_post(struct http_request *request, const struct http_route *route)
{
    (void)route;
    facilitate(request, X402_FACILITATION_SETTLE);
}

void api_facilitate_supported_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    const struct api_sales *sales = api_of(request)->options.sales;
    const struct x402_client *client = client_of(request);
    struct lucid_buf out = {0};
    if (client != NULL) {
        x402_supported_write(sales->networks, client, sales->gas, &out);
        api_answer(request, 200, API_JSON, &out);
    }
}

/* --- the list --------------------------------------------------------------------------------- */

static void address_member(struct lucid_buf *out, const char *name,
                           const struct evm_address *address)
{
    char text[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_eip55(address, text);
    lucid_json_member_cstr(out, name, text);
}

static void ended_write(const struct x402_facilitated *one, struct lucid_buf *out)
{
    char text[EVM_HASH_TEXT_BYTES + 1];
    if (one->status == X402_FACILITATION_SETTLED) {
        evm_hash_text(&one->transaction, text);
        lucid_json_member_cstr(out, "transaction", text);
        lucid_json_member_u64(out, "log_index", one->log_index);
        lucid_json_member_bool(out, "ours", one->ours);
    } else {
        lucid_json_member_cstr(out, "reason", one->reason);
    }
    gas_amount_member(out, "gas_wei", one->gas_wei);
    lucid_json_member_bool(out, "gas_measured", one->gas_measured);
    lucid_json_member_time(out, "ended_at", one->ended_ms);
}

static void facilitated_write(const struct x402_facilitated *one, struct lucid_buf *out)
{
    char nonce[EVM_HASH_TEXT_BYTES + 1];
    evm_hash_text(&one->authorization.nonce, nonce);
    lucid_buf_char(out, '{');
    lucid_json_member_hex(out, "id", one->id, sizeof(one->id));
    lucid_json_member_cstr(out, "status", x402_facilitated_status_name(one->status));
    lucid_json_member_cstr(out, "client", one->client);
    lucid_json_member_cstr(out, "network", one->network);
    address_member(out, "token", &one->token);
    address_member(out, "payer", &one->authorization.from);
    address_member(out, "pay_to", &one->authorization.to);
    lucid_json_member_cstr(out, "nonce", nonce);
    gas_amount_member(out, "amount", one->amount);
    gas_amount_member(out, "reserve_wei", one->reserve_wei);
    lucid_json_member_time(out, "begun_at", one->begun_ms);
    lucid_json_member_u64(out, "sequence", one->first_sequence);
    if (one->status != X402_FACILITATION_OPEN) {
        ended_write(one, out);
    }
    lucid_buf_char(out, '}');
}

enum { POSITION_BYTES = 8, LOOKED_AT_MAX = 2000 };

static bool status_read(struct http_request *request, unsigned *ret)
{
    struct lucid_span text = http_query(request, "status");
    enum x402_facilitated_status status;
    *ret = 0;
    if (text.data == NULL) {
        return true;
    }
    if (!x402_facilitated_status_parse(text, &status)) {
        api_bad_parameter(request, "status", "must be open, settled or failed");
        return false;
    }
    *ret = status;
    return true;
}

/* *last: the place of what was looked at last. */
static enum lucid_error items_write(struct ledger_view *view, unsigned status,
                                    struct lucid_span client, struct api_page *page, uint64_t *last)
{
    struct x402_facilitated one;
    enum lucid_error error = x402_facilitated_next(view, *last, status, &one);
    for (unsigned looked = 0; error == LUCID_OK && looked < LOOKED_AT_MAX; looked++) {
        if (client.data == NULL || lucid_span_is(client, one.client)) {
            if (!api_page_item(page)) {
                return LUCID_OK;
            }
            facilitated_write(&one, &page->out);
        }
        *last = one.first_sequence;
        error = x402_facilitated_next(view, *last, status, &one);
    }
    return error;
}

void api_facilitations_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct api_page page;
    unsigned status;
    if (!status_read(request, &status) || !api_page_begin(request, 'f', POSITION_BYTES, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    uint64_t last = page.after_len == 0 ? 0 : lucid_get_be64(page.after);
    uint8_t position[POSITION_BYTES];
    enum lucid_error error = items_write(view, status, http_query(request, "client"), &page, &last);
    lucid_put_be64(position, last);
    api_page_end(request, &page, view, error, position, sizeof(position));
}

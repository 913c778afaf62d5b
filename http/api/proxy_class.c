/* Requests behind a proxy as classes of what is sold: what the sub-request is about, what it costs,
 * what the log says of a payment that was taken before, and the answers. */
#include <ctype.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"
#include "http/api/proxy_internal.h"
#include "x402/grant.h"
#include "x402/recall.h"

enum { ID_RANDOM_BYTES = 16, NAME_BYTES_MAX = 64, REASON_BYTES_MAX = 64 };

static const char description[] = "a request behind a proxy";
static const char mime_type[] = "application/octet-stream";
static const char refused_behind[] =
    "this request is paid for: what refused it is the proxy, or stands behind it";

static struct proxy_call *proxy_of(const struct paid_call *call)
{
    return call->prepared;
}

/* --- what the sub-request is about ------------------------------------------------------------ */

static bool asset_read(struct paid_call *call)
{
    struct lucid_span asset = lucid_arena_copy(&call->arena, http_query(call->request, "asset"));
    if (!gas_name_ok(asset, GAS_NAME_BYTES_MAX)) {
        paid_problem(call, 400, "INVALID_PARAMETER", "asset", "asset must name what is sold");
        return false;
    }
    proxy_of(call)->asset = asset;
    return true;
}

static bool tokens_read(struct paid_call *call)
{
    struct lucid_span text = http_query(call->request, "tokens");
    if (text.data != NULL && !api_decimal(text, &proxy_of(call)->tokens)) {
        paid_problem(call, 400, "INVALID_PARAMETER", "tokens",
                     "tokens must be a decimal number without leading zeros");
        return false;
    }
    return true;
}

/* A sub-request that does not say what it is about. Told of without what it holds: the client may
 * have chosen that. */
static void headers_refuse(struct paid_call *call, enum lucid_error error,
                           const struct lucid_why *why)
{
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        lucid_log(LUCID_LOG_WARN, "proxy.headers", "a sub-request was refused: %s", why->text);
    }
    paid_refuse(call, error, why);
}

static bool id_read(struct paid_call *call, struct lucid_span *ret)
{
    const char *title = call->api->options.sales->proxy_request_id_header;
    char name[NAME_BYTES_MAX + 1];
    struct lucid_why why = {0};
    size_t len = strlen(title);
    if (len == 0) { /* nothing tells two sub-requests of one request: each is one of its own */
        uint8_t random[ID_RANDOM_BYTES];
        uint8_t *text = lucid_arena_alloc(&call->arena, 2 * sizeof(random));
        if (text == NULL) {
            paid_refuse(call, LUCID_RETRY_MEMORY, NULL);
            return false;
        }
        lucid_random(random, sizeof(random));
        lucid_hex_encode(random, sizeof(random), (char *)text);
        *ret = lucid_span(text, 2 * sizeof(random));
        return true;
    }
    lucid_assert(len <= NAME_BYTES_MAX);
    for (size_t i = 0; i <= len; i++) {
        name[i] = (char)tolower((unsigned char)title[i]);
    }
    *ret = lucid_arena_copy(&call->arena, http_header(call->request, name));
    if (http_header_count(call->request, name) != 1 || !proxy_id_ok(*ret)) {
        headers_refuse(call,
                       lucid_refuse(&why, LUCID_REFUSE_INVALID, "PROXY_REQUEST_INVALID", title,
                                    "%s must be there once, with 8 to 128 visible characters: the "
                                    "proxy's id of the request",
                                    title),
                       &why);
        return false;
    }
    return true;
}

/* "The same request" is the same id, for the same asset. */
static void digests_make(struct paid_call *call)
{
    static const char begin[] = "lucid/proxy/v1\n";
    const struct proxy_call *proxy = proxy_of(call);
    uint8_t text[sizeof(begin) + GAS_NAME_BYTES_MAX + 1 + PROXY_ID_BYTES_MAX];
    size_t len = sizeof(begin) - 1;
    lucid_sha256(lucid_span(NULL, 0), call->body_sha256);
    memcpy(text, begin, len);
    memcpy(text + len, proxy->asset.data, proxy->asset.len);
    len += proxy->asset.len;
    text[len++] = '\n';
    memcpy(text + len, proxy->id.data, proxy->id.len);
    len += proxy->id.len;
    lucid_sha256(lucid_span(text, len), call->request_sha256);
}

/* The path of the place: the asset before it, so that what was paid for one is none for another.
 * data NULL: memory. */
static struct lucid_span path_of(struct paid_call *call, struct lucid_span path)
{
    struct lucid_span asset = proxy_of(call)->asset;
    uint8_t *text = lucid_arena_alloc(&call->arena, asset.len + 1 + path.len);
    if (text == NULL) {
        return lucid_span(NULL, 0);
    }
    memcpy(text, asset.data, asset.len);
    text[asset.len] = ' ';
    memcpy(text + asset.len + 1, path.data, path.len);
    return lucid_span(text, asset.len + 1 + path.len);
}

static bool path_make(struct paid_call *call, struct lucid_span path)
{
    call->path = path_of(call, path);
    if (call->path.data == NULL) {
        paid_refuse(call, LUCID_RETRY_MEMORY, NULL);
    }
    return call->path.data != NULL;
}

static bool class_place(struct paid_call *call)
{
    struct proxy_value values[PROXY_FIELDS];
    struct proxy_place place;
    struct lucid_why why = {0};
    struct proxy_call *proxy = lucid_arena_zalloc(&call->arena, sizeof(*proxy));
    if (proxy == NULL) {
        paid_refuse(call, LUCID_RETRY_MEMORY, NULL);
        return false;
    }
    call->prepared = proxy;
    if (!asset_read(call) || !tokens_read(call)) {
        return false;
    }
    for (size_t i = 0; i < PROXY_FIELDS; i++) {
        const char *name = proxy_field_name((enum proxy_field)i);
        values[i] = (struct proxy_value){.count = http_header_count(call->request, name),
                                         .text = http_header(call->request, name)};
    }
    enum lucid_error error = proxy_place_read(call->api->options.sales->proxy_family, values,
                                              &call->arena, &place, &why);
    if (error != LUCID_OK) {
        headers_refuse(call, error, &why);
        return false;
    }
    call->method = place.method;
    call->resource = place.resource;
    if (!id_read(call, &proxy->id) || !path_make(call, place.path)) {
        return false;
    }
    digests_make(call);
    return true;
}

static struct lucid_span class_asset(const struct paid_call *call)
{
    return proxy_of(call)->asset;
}

/* --- what it costs ---------------------------------------------------------------------------- */

static bool cost_of(const struct gas_price *price, uint64_t tokens, uint64_t *ret)
{
    uint64_t sum;
    if (__builtin_mul_overflow(tokens, price->price_per_token, &sum) ||
        __builtin_add_overflow(sum, price->price_per_call, &sum) || sum > GAS_AMOUNT_MAX) {
        return false;
    }
    *ret = sum;
    return true;
}

static bool class_amount(const struct paid_call *call, const struct gas_price *price, uint64_t *ret)
{
    return cost_of(price, proxy_of(call)->tokens, ret);
}

/* --- a payment of before ---------------------------------------------------------------------- */

/* Whether the payment was made for a request behind a proxy: what it bought else of this asset, as
 * hours or an answer of this server, it has bought already. */
static bool is_behind(struct paid_call *call, const struct x402_payment *payment)
{
    struct lucid_span resource = lucid_span_str(payment->request.resource);
    const uint8_t *query =
        resource.len == 0 ? NULL : (const uint8_t *)memchr(resource.data, '?', resource.len);
    uint8_t place[sizeof(payment->request.place)];
    if (query != NULL) {
        resource.len = (size_t)(query - resource.data);
    }
    const struct x402_terms terms = {.method = lucid_span_str(payment->request.method),
                                     .path = path_of(call, resource)};
    if (terms.path.data == NULL) {
        return false;
    }
    x402_place_digest(&terms, place);
    return memcmp(place, payment->request.place, sizeof(place)) == 0;
}

/* Until when the payment admits every request for its asset that costs no more than was asked for
 * it: grant_seconds of the price that it was made for, from the time at which the log has it
 * settled. 0: it does not. */
static uint64_t admission_end(struct paid_call *call, struct ledger_view *view,
                              const struct x402_payment *payment)
{
    const struct proxy_call *proxy = proxy_of(call);
    bool settled =
        payment->status == X402_SETTLED || (payment->status == X402_STRAY && !payment->foreign);
    struct gas_price price;
    struct store_event event;
    uint64_t cost;
    if (!settled || payment->refunded >= payment->amount || !is_behind(call, payment) ||
        gas_price_version(view, proxy->asset, payment->version, &price) != LUCID_OK ||
        price.grant_seconds == 0 || !cost_of(&price, proxy->tokens, &cost) ||
        cost > payment->price ||
        ledger_view_event(view, payment->settled_sequence, &event) != LUCID_OK) {
        return 0;
    }
    return event.time_ms + (uint64_t)price.grant_seconds * 1000;
}

/* One that has paid for a request is held against what it was made for, not against this one: it is
 * spent, or within its time lets this one in. */
static void class_recognize(struct paid_call *call, struct ledger_view *view)
{
    struct proxy_call *proxy = proxy_of(call);
    const struct x402_payment *payment = &call->entry.job.payment;
    struct x402_terms *terms = &call->offer.terms;
    if (!payment->served || !lucid_span_is(proxy->asset, payment->asset)) {
        return;
    }
    struct lucid_span method =
        lucid_arena_copy(&call->arena, lucid_span_str(payment->request.method));
    struct lucid_span resource =
        lucid_arena_copy(&call->arena, lucid_span_str(payment->request.resource));
    if (method.data == NULL || resource.data == NULL) {
        return; /* then it does not fit */
    }
    terms->method = method;
    terms->resource = resource;
    uint64_t end_ms = admission_end(call, view, payment);
    if (end_ms > lucid_wall_ms(&call->api->options.clock)) {
        proxy->until_ms = end_ms;
        terms->amount = payment->price;
    }
}

static enum x402_recall recall_of(const struct paid_call *call)
{
    const struct x402_gate_job *job = &call->entry.job;
    const struct proxy_call *proxy = proxy_of(call);
    if (!call->known) {
        return X402_RECALL_NOTHING;
    }
    const struct x402_request_kept *request =
        proxy->until_ms == 0 ? &job->request : &job->payment.request;
    return x402_recall_judge(&job->payment, &job->proof, &job->match, request, call->forwarded);
}

/* --- authorize -------------------------------------------------------------------------------- */

static void result_count(const struct paid_call *call, enum api_proxy_result result)
{
    atomic_fetch_add_explicit(&call->api->metrics.proxy[result], 1, memory_order_relaxed);
}

static enum api_proxy_result result_of(int status)
{
    switch (status) {
    case 402:
        return API_PROXY_DEMANDED;
    case 409:
        return API_PROXY_SPENT;
    case 503:
        return API_PROXY_UNAVAILABLE;
    default:
        return API_PROXY_INVALID;
    }
}

/* nginx's auth_request passes on only 401 and 403: the true answer is explain's, which is told of
 * this one by two headers. */
static bool authorize_refuse(struct paid_call *call, int status, const char *reason,
                             const char *text)
{
    char word[REASON_BYTES_MAX + 1];
    char number[16];
    size_t len = 0;
    result_count(call, result_of(status));
    if (lucid_span_is(http_query(call->request, "status"), "402")) {
        return false;
    }
    for (; len < REASON_BYTES_MAX && reason[len] != '\0'; len++) {
        word[len] = (char)tolower((unsigned char)reason[len]);
    }
    word[len] = '\0';
    (void)snprintf(number, sizeof(number), "%d", status);
    http_add_header(call->request, "X-Payment-Status", number);
    http_add_header(call->request, "X-Payment-Reason", word);
    if (status == 402) {
        api_problem(call->request, 401, "UNAUTHORIZED", NULL, text);
    } else {
        api_problem(call->request, 403, "FORBIDDEN", NULL, text);
    }
    return true;
}

/* Lets the request in: by a payment or by an access grant, of which the answer and the access
 * header hold the ids. */
static void admit(struct paid_call *call, const struct proxy_access *access)
{
    struct lucid_buf token = {0};
    struct lucid_buf body = {0};
    bool ok = proxy_access_write(call->api, access, &token);
    lucid_buf_char(&token, '\0');
    if (!ok || !lucid_buf_ok(&token)) {
        lucid_buf_fini(&token);
        paid_refuse(call, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    result_count(call, access->until_ms != 0 ? API_PROXY_GRANTED : API_PROXY_ADMITTED);
    http_keep_private(call->request);
    http_add_header(call->request, "X-Lucid-Access", (const char *)token.data);
    http_add_header(call->request, "X-Payment-Status", "200");
    lucid_buf_fini(&token);
    lucid_buf_char(&body, '{');
    lucid_json_member_str(&body, "asset", access->asset);
    api_text_or_null(&body, "payment", access->payment);
    api_text_or_null(&body, "grant", access->grant);
    if (access->until_ms != 0) {
        lucid_json_member_time(&body, "expires_at", access->until_ms);
    } else {
        lucid_json_member_null(&body, "expires_at");
    }
    lucid_buf_char(&body, '}');
    http_respond(call->request, 200, API_JSON, &body);
}

static void authorize_serve(struct paid_call *call)
{
    const struct proxy_call *proxy = proxy_of(call);
    const struct x402_payment *payment = &call->entry.job.payment;
    struct proxy_access access = {
        .asset = proxy->asset,
        .id = proxy->id,
        .now_ms = lucid_wall_ms(&call->api->options.clock),
        .until_ms = proxy->until_ms,
    };
    lucid_hex_encode(payment->id, sizeof(payment->id), access.payment);
    x402_payment_payer_text(payment, access.payer);
    admit(call, &access);
}

/* --- access grants ---------------------------------------------------------------------------- */

/* What the request's access grant is worth; LUCID_NOTE_ABSENT: it has none, or one that is good for
 * nothing here (then it may pay like everybody). */
static enum lucid_error grant_find(struct paid_call *call, struct x402_grant *ret,
                                   struct lucid_why *why)
{
    static const char name[] = "x-access-grant";
    size_t count = http_header_count(call->request, name);
    if (count == 0) {
        return LUCID_NOTE_ABSENT;
    }
    if (count > 1) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "GRANT_MALFORMED", X402_GRANT_HEADER,
                            "the access grant is repeated");
    }
    const struct api_loop *loop = call->loop;
    enum lucid_error error = ledger_view_begin(loop->view);
    if (error != LUCID_OK) {
        return error;
    }
    error = x402_grant_check(loop->view, http_header(call->request, name), proxy_of(call)->asset,
                             lucid_wall_ms(&call->api->options.clock), ret, why);
    ledger_view_end(loop->view);
    return error == LUCID_REFUSE_FORBIDDEN ? LUCID_NOTE_ABSENT : error;
}

/* A grant that is good comes before any payment, which is then not touched. */
static bool authorize_rehearse(struct paid_call *call)
{
    const struct proxy_call *proxy = proxy_of(call);
    struct lucid_why why = {0};
    struct x402_grant grant;
    enum lucid_error error = grant_find(call, &grant, &why);
    if (error == LUCID_NOTE_ABSENT) {
        return true;
    }
    if (error != LUCID_OK) {
        paid_refuse(call, error, &why);
        return false;
    }
    struct proxy_access access = {
        .asset = proxy->asset,
        .id = proxy->id,
        .now_ms = lucid_wall_ms(&call->api->options.clock),
        .until_ms = grant.expires_ms,
    };
    lucid_hex_encode(grant.id, sizeof(grant.id), access.grant);
    api_grant_admit(call->request, &grant);
    admit(call, &access);
    return false;
}

static bool explain_rehearse(struct paid_call *call)
{
    struct lucid_why why = {0};
    struct x402_grant grant;
    enum lucid_error error = grant_find(call, &grant, &why);
    if (error == LUCID_OK) {
        paid_problem(call, 403, "FORBIDDEN", NULL, refused_behind);
    } else if (error != LUCID_NOTE_ABSENT) {
        paid_refuse(call, error, &why);
    }
    return error == LUCID_NOTE_ABSENT;
}

/* Within its time a payment admits without the gate; nothing is written. */
static bool authorize_judge(struct paid_call *call)
{
    struct x402_gate_job *job = &call->entry.job;
    if (proxy_of(call)->until_ms == 0) {
        return false;
    }
    if (recall_of(call) == X402_RECALL_SERVED) {
        job->outcome = X402_ADMITTED;
        job->reason = "paid";
        job->has_payment = true;
        job->replayed = true;
    } else {
        job->outcome = X402_SPENT;
        job->reason = "payment_already_spent";
    }
    paid_answer(call);
    return true;
}

const struct paid_class proxy_authorize_class = {
    .description = description,
    .mime_type = mime_type,
    .place = class_place,
    .asset = class_asset,
    .amount = class_amount,
    .rehearse = authorize_rehearse,
    .recognize = class_recognize,
    .judge = authorize_judge,
    .refuse = authorize_refuse,
    .serve = authorize_serve,
};

/* --- explain ---------------------------------------------------------------------------------- */

/* What authorize said, as the proxy hands it on; only believed where nothing here knows better. */
static void hint_take(struct paid_call *call)
{
    struct x402_gate_job *job = &call->entry.job;
    struct lucid_span was = http_query(call->request, "was");
    struct lucid_span reason = http_query(call->request, "reason");
    bool word = reason.len > 0 && reason.len <= REASON_BYTES_MAX;
    for (size_t i = 0; word && i < reason.len; i++) {
        uint8_t c = reason.data[i];
        word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    job->outcome = X402_UNAVAILABLE;
    job->reason = "not_judged";
    if (lucid_span_is(was, "402")) {
        char *text = word ? lucid_arena_zalloc(&call->arena, reason.len + 1) : NULL;
        job->outcome = X402_NOT_PAID;
        job->reason = "payment_required";
        if (text != NULL) {
            memcpy(text, reason.data, reason.len);
            job->reason = text;
        }
    } else if (lucid_span_is(was, "409")) {
        job->outcome = X402_SPENT;
        job->reason = "payment_already_spent";
    } else if (lucid_span_is(was, "503") && lucid_span_is(reason, "payment_pending")) {
        struct x402_spent_key key;
        job->outcome = X402_OUTSTANDING;
        job->reason = "settlement_pending";
        if (x402_recall_key(job->network, &job->proof, &key)) {
            x402_payment_id(lucid_span_str(key.text), job->payment.id);
            job->has_payment = true;
        }
    }
}

/* Claims nothing, moves no money: the log's word, then authorize's. */
static bool explain_judge(struct paid_call *call)
{
    struct x402_gate_job *job = &call->entry.job;
    switch (recall_of(call)) {
    case X402_RECALL_SERVED:
        paid_problem(call, 403, "FORBIDDEN", NULL, refused_behind);
        return true;
    case X402_RECALL_USED:
        job->outcome = X402_SPENT;
        job->reason = "payment_already_spent";
        break;
    case X402_RECALL_FOREIGN:
        job->outcome = X402_SPENT;
        job->reason = "settled_by_another";
        break;
    case X402_RECALL_OPEN:
    case X402_RECALL_OPEN_OTHER:
        job->outcome = X402_OUTSTANDING;
        job->reason = "settlement_pending";
        job->has_payment = true;
        break;
    case X402_RECALL_REVERSED:
        job->outcome = X402_OUTSTANDING;
        job->reason = "payment_reversed";
        job->has_payment = true;
        break;
    case X402_RECALL_NOTHING:
    case X402_RECALL_UNSERVED:
    case X402_RECALL_STRANGER:
        hint_take(call);
        break;
    }
    paid_answer(call);
    return true;
}

static void explain_serve(struct paid_call *call)
{
    (void)call;
    lucid_assert(false); /* explain_judge admits nothing */
}

const struct paid_class proxy_explain_class = {
    .description = description,
    .mime_type = mime_type,
    .place = class_place,
    .asset = class_asset,
    .amount = class_amount,
    .rehearse = explain_rehearse,
    .recognize = class_recognize,
    .judge = explain_judge,
    .serve = explain_serve,
};

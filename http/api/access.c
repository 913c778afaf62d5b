/* Access grants: hours of an asset, sold or given away, shown, revoked; and what a request's
 * X-Access-Grant header is worth. */
#include "http/api/paid_internal.h"
#include "x402/grant.h"

#define INVALID "INVALID_GRANT"

enum { HOURS_DEFAULT = 24 };

/* --- the header ------------------------------------------------------------------------------- */

/* The one value of the header; len 0: there is none. False: it has answered. */
static bool header_value(struct http_request *request, struct lucid_span *ret)
{
    size_t count = http_header_count(request, "x-access-grant");
    if (count > 1) {
        api_problem(request, 400, "GRANT_MALFORMED", X402_GRANT_HEADER,
                    "the access grant is repeated");
        return false;
    }
    *ret = count == 1 ? http_header(request, "x-access-grant") : (struct lucid_span){0};
    return true;
}

bool api_grant_find(struct http_request *request, struct lucid_span asset,
                    enum api_grant_found *ret_found, struct x402_grant *ret, struct lucid_why *why)
{
    const struct api *api = api_of(request);
    struct lucid_span value;
    if (!header_value(request, &value)) {
        return false;
    }
    *ret_found = API_GRANT_NONE;
    if (http_header_count(request, "x-access-grant") == 0) {
        return true;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return false;
    }
    enum lucid_error error =
        x402_grant_check(view, value, asset, lucid_wall_ms(&api->options.clock), ret, why);
    ledger_view_end(view);
    if (error != LUCID_OK && error != LUCID_REFUSE_FORBIDDEN) {
        api_refuse(request, error, why);
        return false;
    }
    *ret_found = error == LUCID_OK ? API_GRANT_GOOD : API_GRANT_BAD;
    return true;
}

void api_grant_admit(struct http_request *request, const struct x402_grant *grant)
{
    struct lucid_buf text = {0};
    http_keep_private(request); /* a cache would give it to others for nothing */
    lucid_buf_time(&text, grant->expires_ms);
    lucid_buf_char(&text, '\0');
    if (lucid_buf_ok(&text)) {
        http_add_header(request, "X-Access-Expires", (const char *)text.data);
    }
    lucid_buf_fini(&text);
    atomic_fetch_add_explicit(&api_of(request)->metrics.grants_admitted, 1, memory_order_relaxed);
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void hex_or_null(struct lucid_buf *out, const char *name, const uint8_t *bytes, size_t len,
                        bool there)
{
    char text[2 * LUCID_SHA256_BYTES + 1];
    if (there) {
        lucid_hex_encode(bytes, len, text);
        text[2 * len] = '\0';
    }
    api_text_or_null(out, name, there ? text : "");
}

static void grant_write(const struct api *api, const struct x402_grant *grant,
                        struct lucid_buf *out)
{
    enum x402_grant_status status = x402_grant_status(grant, lucid_wall_ms(&api->options.clock));
    bool revoked = grant->revoked_sequence != 0;
    lucid_buf_char(out, '{');
    hex_or_null(out, "id", grant->id, sizeof(grant->id), true);
    lucid_json_member_cstr(out, "asset", grant->asset);
    lucid_json_member_cstr(out, "status", x402_grant_status_name(status));
    lucid_json_member_bool(out, "subscribed", status == X402_GRANT_ACTIVE);
    lucid_json_member_time(out, "starts_at", grant->starts_ms);
    lucid_json_member_time(out, "expires_at", grant->expires_ms);
    lucid_json_member_u64(out, "duration_hours", grant->hours);
    lucid_json_member_u64(out, "purchases", grant->purchases);
    hex_or_null(out, "payment", grant->payment, sizeof(grant->payment), grant->paid);
    if (grant->paid) {
        lucid_json_member_u64(out, "price_version", grant->price_version);
    } else {
        lucid_json_member_null(out, "price_version");
    }
    api_text_or_null(out, "note", grant->note);
    lucid_json_member_time(out, "issued_at", grant->issued_ms);
    lucid_json_member_u64(out, "sequence", grant->sequence);
    if (revoked) {
        lucid_json_member_time(out, "revoked_at", grant->revoked_ms);
    } else {
        lucid_json_member_null(out, "revoked_at");
    }
    api_text_or_null(out, "reason", grant->reason);
    lucid_buf_char(out, '}');
}

static void grant_answer(struct http_request *request, int status, const struct x402_grant *grant)
{
    struct lucid_buf out = {0};
    grant_write(api_of(request), grant, &out);
    api_answer(request, status, API_JSON, &out);
}

/* --- hours, asked for ------------------------------------------------------------------------- */

/* False: it has answered. */
static bool hours_read(struct http_request *request, enum x402_grant_verb verb,
                       struct x402_grant_command *command)
{
    struct lucid_span asset;
    struct lucid_span secret;
    struct lucid_span note = {0};
    uint64_t hours = HOURS_DEFAULT;
    struct lucid_why why = {0};
    const struct jcs_value *document = api_document(request);
    if (document == NULL || !api_text_member(request, document, "asset", INVALID, true, &asset) ||
        !api_text_member(request, document, "secret_sha256", INVALID, true, &secret) ||
        (verb == X402_GRANT_GIVE &&
         !api_text_member(request, document, "note", INVALID, false, &note))) {
        return false;
    }
    const struct jcs_value *value = jcs_member(document, "duration_hours");
    if (value != NULL && !jcs_uint(value, &hours)) {
        hours = 0;
    }
    enum lucid_error error = x402_grant_prepare(command, verb, asset, hours, secret, note, &why);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
    }
    return error == LUCID_OK;
}

/* --- sold ------------------------------------------------------------------------------------- */

/* The place is of one asset and one secret. An authorization whose outcome was late is public, and
 * its payment unserved: whoever copies it must not get hours for a secret of his own, nor anybody
 * those of another asset, whose old prices may be lower. False: memory. */
static bool place_narrow(struct paid_call *call, const struct x402_grant *grant)
{
    char secret[2 * LUCID_SHA256_BYTES + 1];
    struct lucid_buf text = {0};
    lucid_hex_encode(grant->secret_sha256, sizeof(grant->secret_sha256), secret);
    lucid_buf_str(&text, grant->asset);
    lucid_buf_char(&text, ' ');
    lucid_buf_put(&text, secret, 2 * LUCID_SHA256_BYTES);
    lucid_buf_char(&text, ' ');
    lucid_buf_span_put(&text, call->path);
    if (lucid_buf_ok(&text)) {
        call->path = lucid_arena_copy(&call->arena, lucid_buf_span(&text));
    }
    bool ok = lucid_buf_ok(&text) && call->path.data != NULL;
    lucid_buf_fini(&text);
    return ok;
}

static bool subscribe_rehearse(struct paid_call *call)
{
    struct x402_grant_command *command = lucid_arena_zalloc(&call->arena, sizeof(*command));
    if (command == NULL) {
        api_refuse(call->request, LUCID_RETRY_MEMORY, NULL);
        return false;
    }
    if (!hours_read(call->request, X402_GRANT_SELL, command)) {
        return false;
    }
    if (!place_narrow(call, &command->grant)) {
        api_refuse(call->request, LUCID_RETRY_MEMORY, NULL);
        return false;
    }
    command->shown = &call->entry.job.payment;
    call->prepared = command;
    call->entry.job.paid = &command->command;
    return true;
}

static struct lucid_span subscribe_asset(const struct paid_call *call)
{
    const struct x402_grant_command *command = call->prepared;
    return lucid_span_str(command->grant.asset);
}

static bool subscribe_amount(const struct paid_call *call, const struct gas_price *price,
                             uint64_t *ret)
{
    struct x402_grant_command *command = call->prepared;
    uint64_t hour = price->price_subscription_hour;
    if (hour == 0 || hour > GAS_AMOUNT_MAX / command->hours) {
        return false;
    }
    command->grant.price_version = price->version; /* by which it is sold, if it is */
    *ret = hour * command->hours;
    return true;
}

/* Whether it is for sale as things stand. */
static enum lucid_error sale_check(struct ledger_view *view,
                                   const struct x402_grant_command *command, struct lucid_why *why)
{
    struct gas_price price;
    enum lucid_error error = gas_price_current(view, lucid_span_str(command->grant.asset), &price);
    if (error == LUCID_NOTE_ABSENT || (error == LUCID_OK && price.price_subscription_hour == 0)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "ASSET_NOT_PRICED", "asset",
                            "this asset has no price by the hour");
    }
    if (error == LUCID_OK && price.price_subscription_hour > GAS_AMOUNT_MAX / command->hours) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "AMOUNT_OVERFLOW", "duration_hours",
                            "so many hours cost over 2^63 - 1 base units");
    }
    return error == LUCID_OK ? x402_grant_foresee(view, command, why) : error;
}

static bool subscribe_foresee(struct paid_call *call)
{
    struct lucid_why why = {0};
    struct ledger_view *view = api_view_begin(call->request);
    if (view == NULL) {
        return false;
    }
    enum lucid_error error = sale_check(view, call->prepared, &why);
    ledger_view_end(view);
    if (error != LUCID_OK) {
        api_refuse(call->request, error, &why);
    }
    return error == LUCID_OK;
}

static void subscribe_serve(struct paid_call *call)
{
    const struct x402_grant_command *command = call->prepared;
    grant_answer(call->request, command->ret_known ? 200 : 201, &command->grant);
}

void api_access_subscribe_post(struct http_request *request, const struct http_route *route)
{
    static const struct paid_class class = {
        .description = "access by the hour",
        .mime_type = API_JSON,
        .asset = subscribe_asset,
        .amount = subscribe_amount,
        .rehearse = subscribe_rehearse,
        .foresee = subscribe_foresee,
        .serve = subscribe_serve,
    };
    if (api_of(request)->options.sales == NULL) {
        api_problem(request, 503, "PAYMENT_UNAVAILABLE", NULL,
                    "this service has no networks to pay over (x402_networks_file)");
        return;
    }
    paid_begin(request, route, &class);
}

/* --- an administrator's ----------------------------------------------------------------------- */

struct grant_call {
    struct api_call call; /* first member */
    struct x402_grant_command command;
};

static void give_answer(struct api_call *call)
{
    const struct grant_call *own = (const struct grant_call *)call;
    grant_answer(call->request, own->command.grant.purchases == 1 ? 201 : 200, &own->command.grant);
}

static void revoke_answer(struct api_call *call)
{
    grant_answer(call->request, 200, &((const struct grant_call *)call)->command.grant);
}

static struct grant_call *call_new(struct http_request *request)
{
    struct grant_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
    }
    return call;
}

void api_access_post(struct http_request *request, const struct http_route *route)
{
    struct grant_call *call = call_new(request);
    if (call != NULL && hours_read(request, X402_GRANT_GIVE, &call->command)) {
        call->call.answer = give_answer;
        api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
    }
}

/* The id that the path names. False: it has answered. */
static bool id_read(struct http_request *request, uint8_t ret[X402_GRANT_ID_BYTES])
{
    if (!x402_grant_id_parse(http_param(request, "id"), ret)) {
        api_not_found(request, "access grant");
        return false;
    }
    return true;
}

void api_access_revoke_post(struct http_request *request, const struct http_route *route)
{
    uint8_t id[X402_GRANT_ID_BYTES];
    struct lucid_span reason;
    struct lucid_why why = {0};
    struct grant_call *call = call_new(request);
    if (call == NULL || !id_read(request, id)) {
        return;
    }
    const struct jcs_value *document = api_document(request);
    if (document == NULL || !api_text_member(request, document, "reason", INVALID, true, &reason)) {
        return;
    }
    enum lucid_error error = x402_grant_revoke_prepare(&call->command, id, reason, &why);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
        return;
    }
    call->call.answer = revoke_answer;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

/* --- reads ------------------------------------------------------------------------------------ */

/* Who has a grant's secret may see it, and scope read may. False: it has answered. */
static bool grant_admit(struct http_request *request, const uint8_t id[X402_GRANT_ID_BYTES],
                        struct ledger_view *view, bool *ret_shown)
{
    struct lucid_span value;
    struct x402_grant shown;
    struct lucid_why why = {0};
    *ret_shown = false;
    if (!header_value(request, &value)) {
        return false;
    }
    if (http_header_count(request, "x-access-grant") == 0) {
        return true;
    }
    enum lucid_error error = x402_grant_known(view, value, &shown, &why);
    *ret_shown = error == LUCID_OK && memcmp(shown.id, id, sizeof(shown.id)) == 0;
    if (error != LUCID_OK && error != LUCID_REFUSE_FORBIDDEN) {
        api_refuse(request, error, &why);
        return false;
    }
    return true;
}

void api_access_one_get(struct http_request *request, const struct http_route *route)
{
    uint8_t id[X402_GRANT_ID_BYTES];
    struct x402_grant grant;
    bool shown;
    if (!id_read(request, id)) {
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    bool ok = grant_admit(request, id, view, &shown);
    enum lucid_error error = ok ? x402_grant_read(view, id, &grant) : LUCID_OK;
    ledger_view_end(view);
    if (!ok || (!shown && !api_read_admit(request, api_of_route(route)))) {
        return;
    }
    if (api_found(request, error, "access grant")) {
        http_keep_private(request);
        grant_answer(request, 200, &grant);
    }
}

void api_access_get(struct http_request *request, const struct http_route *route)
{
    const struct api *api = api_of_route(route);
    struct lucid_span asset = http_query(request, "asset");
    struct api_page page;
    if (asset.data != NULL && !gas_name_ok(asset, GAS_NAME_BYTES_MAX)) {
        api_bad_parameter(request, "asset", "an asset is 1 to 128 of A-Za-z0-9._:-");
        return;
    }
    if (!api_page_begin(request, 'x', 8, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    struct x402_grant grant;
    uint64_t last = page.after_len != 0 ? lucid_get_be64(page.after) : 0;
    enum lucid_error error = x402_grant_next(view, asset, last, &grant);
    while (error == LUCID_OK && api_page_item(&page)) {
        grant_write(api, &grant, &page.out);
        last = grant.sequence;
        error = x402_grant_next(view, asset, last, &grant);
    }
    uint8_t position[8];
    lucid_put_be64(position, last);
    api_page_end(request, &page, view, error, position, sizeof(position));
}

/* Payments on Solana of which no facilitator tells the end any more: an admin says it. */
#include <stdlib.h>

#include "base/log.h"
#include "http/api/payments_internal.h"
#include "ledger/payload.h"
#include "x402/desk.h"

static const char INVALID[] = "INVALID_PAYMENT";

/* It outlives the request: what was begun is written. */
struct resolve_call {
    struct api_errand errand; /* first member */
    struct x402_resolution resolution;
    char by[TOKEN_ID_BYTES + 1];
};

/* --- the cashier's thread --------------------------------------------------------------------- */

static void call_done(struct x402_resolution *resolution)
{
    struct resolve_call *call = resolution->owner;
    if (resolution->error == LUCID_OK && !resolution->ret_known) {
        char id[2 * X402_PAYMENT_ID_BYTES + 1];
        lucid_hex_encode(resolution->id, X402_PAYMENT_ID_BYTES, id);
        id[sizeof(id) - 1] = '\0';
        lucid_log(LUCID_LOG_INFO, "x402.resolved", "payment %s is %s: so says token %s", id,
                  resolution->settled ? "settled" : "failed", call->by);
    }
    api_errand_return(&call->errand);
}

static void call_begin(struct api_errand *errand, struct x402_desk *desk)
{
    struct resolve_call *call = (struct resolve_call *)errand;
    x402_gate_resolve(desk->gate, &call->resolution);
}

/* --- the request's loop ----------------------------------------------------------------------- */

static void call_answer(struct api_errand *errand, struct http_request *request)
{
    const struct x402_resolution *resolution = &((const struct resolve_call *)errand)->resolution;
    struct shown_payment shown;
    if (resolution->error != LUCID_OK) {
        api_refuse(request, resolution->error, &resolution->why);
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    enum lucid_error error = payment_by_id(view, resolution->id, &shown);
    ledger_view_end(view);
    if (api_found(request, error, "payment")) {
        struct lucid_buf out = {0};
        payment_write(&shown, &out);
        lucid_json_member_bool(&out, "replayed", resolution->ret_known);
        lucid_buf_char(&out, '}');
        api_answer(request, 200, API_JSON, &out);
    }
}

static void call_fini(struct api_errand *errand)
{
    free(errand); /* its first member */
}

static bool invalid(struct http_request *request, const char *param, const char *text)
{
    api_problem(request, 422, INVALID, param, text);
    return false;
}

/* False: it has answered. */
static bool resolution_read(struct http_request *request, const struct jcs_value *document,
                            struct x402_resolution *ret)
{
    struct lucid_span outcome;
    struct lucid_span transaction;
    struct lucid_span reason;
    if (!api_text_member(request, document, "outcome", INVALID, true, &outcome) ||
        !api_text_member(request, document, "transaction", INVALID, false, &transaction) ||
        !api_text_member(request, document, "reason", INVALID, false, &reason)) {
        return false;
    }
    ret->settled = lucid_span_is(outcome, "settled");
    if (!ret->settled && !lucid_span_is(outcome, "failed")) {
        return invalid(request, "outcome", "must be settled or failed");
    }
    if (ret->settled ? reason.data != NULL : transaction.data != NULL) {
        return invalid(request, ret->settled ? "reason" : "transaction",
                       "goes with the other outcome");
    }
    if (ret->settled) {
        return x402_base58_parse(transaction, ret->signature, sizeof(ret->signature)) ||
               invalid(request, "transaction", "must be a signature: 64 bytes in base58");
    }
    return (reason.data != NULL &&
            payload_copy(reason, ret->reason, sizeof(ret->reason)) == LUCID_OK &&
            payload_name_ok(ret->reason, X402_REASON_BYTES_MAX)) ||
           invalid(request, "reason", "must be 1 to 64 bytes of text");
}

void api_payment_resolve_post(struct http_request *request, const struct http_route *route)
{
    const struct jcs_value *document = api_document(request);
    struct x402_resolution resolution = {.done = call_done};
    char by[TOKEN_ID_BYTES + 1];
    struct lucid_span id = http_param(request, "id");
    if (document == NULL || !api_token_id(request, api_of_route(route), by)) {
        return;
    }
    if (id.len != 2 * X402_PAYMENT_ID_BYTES ||
        !lucid_hex_decode(id, resolution.id, sizeof(resolution.id))) {
        api_not_found(request, "payment");
        return;
    }
    if (!resolution_read(request, document, &resolution)) {
        return;
    }
    struct resolve_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    call->errand =
        (struct api_errand){.begin = call_begin, .answer = call_answer, .fini = call_fini};
    call->resolution = resolution;
    call->resolution.owner = call;
    memcpy(call->by, by, sizeof(call->by));
    (void)api_errand_send(&call->errand, request);
}

/* One receipt: submitting it, reading it back. */
#include "gas/books.h"
#include "http/api/api_internal.h"

struct receipt_call {
    struct api_call call; /* first member */
    struct receipt_command command;
};

void api_receipt_answer(struct http_request *request, const struct receipt_command *command)
{
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    api_placement_write(api_of(request), &command->placement, &out);
    lucid_buf_char(&out, '}');
    api_answer(request, command->placement.replayed ? 200 : 201, API_JSON, &out);
}

static void receipt_answer(struct api_call *call)
{
    api_receipt_answer(call->request, &((struct receipt_call *)call)->command);
}

bool api_receipt_prepare(struct http_request *request, struct receipt_command *command,
                         struct lucid_span text, struct lucid_arena *arena)
{
    const struct api_options *options = &api_of(request)->options;
    if (!api_media_ok(request)) {
        return false;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return false;
    }
    struct receipt_rules rules = {
        .now_ms = lucid_wall_ms(&options->clock),
        .future_seconds_max = options->receipt_future_seconds_max,
    };
    struct lucid_why why = {0};
    enum lucid_error error = receipt_prepare(command, text, &rules, view, arena, &why);
    ledger_view_end(view);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
    }
    return error == LUCID_OK;
}

bool api_receipt_foresee(struct http_request *request, struct receipt_command *command)
{
    struct lucid_why why = {0};
    bool known = false;
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return false;
    }
    enum lucid_error error = receipt_foresee(command, view, &known, &why);
    if (error == LUCID_OK && !known && api_of(request)->options.gas_mode == GAS_PREPAID) {
        error = gas_receipt_foresee(view, command->signer, &why);
    }
    ledger_view_end(view);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
    } else if (known) {
        http_keep_private(request);
        api_receipt_answer(request, command);
    }
    return error == LUCID_OK && !known;
}

void api_receipt_post(struct http_request *request, const struct http_route *route)
{
    struct receipt_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    if (api_receipt_prepare(request, &call->command, http_body(request), http_arena(request))) {
        call->call.answer = receipt_answer;
        api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
    }
}

static void record_write(const struct api *api, const struct receipt_record *record,
                         struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member(out, "body");
    lucid_buf_span_put(out, record->body); /* canonical JSON, byte for byte what was hashed */
    lucid_json_member_hex(out, "receipt_signature", record->signature, sizeof(record->signature));
    lucid_json_member_hex(out, "signer_pubkey", record->signer, sizeof(record->signer));
    api_placement_write(api, &record->placement, out);
    lucid_buf_char(out, '}');
}

void api_receipt_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct lucid_buf out = {0};
    struct receipt_record record;
    uint64_t leaf;
    enum lucid_error error = receipt_find(view, http_param(request, "id"), &leaf);
    if (error == LUCID_OK) {
        error = receipt_read(view, leaf, true, &record);
    }
    bool erased = error == LUCID_OK && record.body.data == NULL;
    if (error == LUCID_OK && !erased) {
        record_write(api_of_route(route), &record, &out);
    }
    ledger_view_end(view);
    if (error == LUCID_NOTE_ABSENT) {
        api_not_found(request, "receipt");
    } else if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
    } else if (erased) {
        api_problem(request, 410, "ERASED", NULL,
                    "the body was erased; entry and proofs stay valid");
    } else {
        api_answer(request, 200, API_JSON, &out);
    }
}

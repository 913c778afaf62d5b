/* Erasing the body of a receipt, or a blob, by policy and for good. */
#include "ledger/erasure.h"
#include "http/api/api_internal.h"
#include "ledger/blob.h"

struct erasure_call {
    struct api_call call; /* first member */
    struct ledger_erasure_command command;
};

static void erasure_fini(struct api_call *call)
{
    ledger_erasure_command_fini(&((struct erasure_call *)call)->command);
}

/* The placement as it stands, and the erasure. */
static void erasure_answer(struct api_call *call)
{
    const struct ledger_erasure_command *command = &((struct erasure_call *)call)->command;
    struct ledger_view *view = api_view_begin(call->request);
    if (view == NULL) {
        return;
    }
    struct receipt_record record;
    enum lucid_error error = receipt_read(view, command->erasure.leaf, false, &record);
    ledger_view_end(view);
    if (error != LUCID_OK) {
        api_refuse(call->request, error, NULL);
        return;
    }
    struct lucid_buf out = {0};
    record.placement.replayed = command->ret_known;
    lucid_buf_char(&out, '{');
    api_placement_write(call->api, &record.placement, &out);
    lucid_json_member_time(&out, "erased_at", command->erasure.erased_ms);
    lucid_json_member_cstr(&out, "reason", command->erasure.reason);
    lucid_buf_char(&out, '}');
    api_answer(call->request, 200, API_JSON, &out);
}

/* {"reason":text}, {} or no body at all. False: it has answered. */
static bool reason_read(struct http_request *request, struct lucid_span *ret)
{
    *ret = lucid_span("", 0);
    if (http_body(request).len == 0) {
        return true;
    }
    const struct jcs_value *document = api_document(request);
    if (document == NULL) {
        return false;
    }
    const struct jcs_value *reason = jcs_member(document, "reason");
    if (reason != NULL && jcs_type(reason) != JCS_STRING) {
        api_bad_parameter(request, "reason", "the reason must be a string");
        return false;
    }
    if (reason != NULL) {
        *ret = jcs_string(reason);
    }
    return true;
}

void api_receipt_body_delete(struct http_request *request, const struct http_route *route)
{
    struct lucid_span reason;
    if (!reason_read(request, &reason)) {
        return;
    }
    struct erasure_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    uint64_t leaf;
    struct store_event event;
    struct lucid_why why = {0};
    enum lucid_error error = receipt_find_event(view, http_param(request, "id"), &leaf, &event);
    if (error == LUCID_OK) {
        error = ledger_erasure_prepare(&call->command, leaf, event.entry, reason, &why);
    }
    ledger_view_end(view);
    if (error == LUCID_NOTE_ABSENT) {
        api_not_found(request, "receipt");
    } else if (error != LUCID_OK) {
        api_refuse(request, error, &why);
    } else {
        call->call.answer = erasure_answer;
        call->call.fini = erasure_fini;
        api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
    }
}

/* --- blobs ------------------------------------------------------------------------------------ */

struct blob_call {
    struct api_call call; /* first member */
    struct ledger_blob_command command;
};

static void blob_answer(struct api_call *call)
{
    const struct ledger_blob_command *command = &((struct blob_call *)call)->command;
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    lucid_json_member_hex(&out, "sha256", command->sha256, sizeof(command->sha256));
    lucid_json_member_bool(&out, "erased", true);
    lucid_json_member_bool(&out, "replayed", command->ret_known);
    lucid_buf_char(&out, '}');
    api_answer(call->request, 200, API_JSON, &out);
}

void api_blob_delete(struct http_request *request, const struct http_route *route)
{
    struct lucid_span reason;
    struct lucid_why why = {0};
    uint8_t sha256[LUCID_SHA256_BYTES];
    if (!lucid_hex_decode(http_param(request, "sha256"), sha256, sizeof(sha256))) {
        api_not_found(request, "blob");
        return;
    }
    if (!reason_read(request, &reason)) {
        return;
    }
    struct blob_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    enum lucid_error error = call == NULL
                                 ? LUCID_RETRY_MEMORY
                                 : ledger_blob_erase_prepare(&call->command, sha256, reason, &why);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
        return;
    }
    call->call.answer = blob_answer;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

/* The registry of keys that may sign receipts. */
#include "http/api/api_internal.h"
#include "ledger/signer.h"

enum { KEY_BYTES = 32 };

static void signer_write(const struct ledger_signer *signer, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_hex(out, "signer_pubkey", signer->key, sizeof(signer->key));
    lucid_json_member_cstr(out, "name", signer->name);
    lucid_json_member_cstr(out, "signer_type", signer_type_name(signer->type));
    lucid_json_member_cstr(out, "status", signer->revoked_ms == 0 ? "active" : "revoked");
    lucid_json_member_time(out, "registered_at", signer->registered_ms);
    if (signer->revoked_ms == 0) {
        lucid_json_member_null(out, "revoked_at");
    } else {
        lucid_json_member_time(out, "revoked_at", signer->revoked_ms);
    }
    lucid_buf_char(out, '}');
}

void api_signers_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct api_page page;
    if (!api_page_begin(request, 's', KEY_BYTES, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    struct ledger_signer signer;
    uint8_t last[KEY_BYTES] = {0};
    enum lucid_error error =
        ledger_signer_next(view, page.after_len != 0 ? page.after : NULL, &signer);
    while (error == LUCID_OK && api_page_item(&page)) {
        signer_write(&signer, &page.out);
        memcpy(last, signer.key, sizeof(last));
        error = ledger_signer_next(view, last, &signer);
    }
    api_page_end(request, &page, view, error, last, sizeof(last));
}

void api_signer_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    uint8_t key[KEY_BYTES];
    if (!lucid_hex_decode(http_param(request, "key"), key, sizeof(key))) {
        api_not_found(request, "signer");
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct ledger_signer signer;
    enum lucid_error error = ledger_signer_read(view, key, &signer);
    ledger_view_end(view);
    if (api_found(request, error, "signer")) {
        struct lucid_buf out = {0};
        signer_write(&signer, &out);
        api_answer(request, 200, API_JSON, &out);
    }
}

/* --- writes ----------------------------------------------------------------------------------- */

struct signer_call {
    struct api_call call; /* first member */
    enum signer_verb verb;
    struct ledger_signer_command command;
};

static void signer_fini(struct api_call *call)
{
    ledger_signer_command_fini(&((struct signer_call *)call)->command);
}

static void signer_answer(struct api_call *call)
{
    const struct signer_call *self = (const struct signer_call *)call;
    bool created = self->verb == SIGNER_REGISTER && !self->command.ret_known;
    struct lucid_buf out = {0};
    signer_write(&self->command.signer, &out);
    api_answer(call->request, created ? 201 : 200, API_JSON, &out);
}

static void signer_submit(struct http_request *request, const struct http_route *route,
                          enum signer_verb verb, const struct ledger_signer *signer)
{
    struct signer_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    struct lucid_why why = {0};
    enum lucid_error error = ledger_signer_prepare(&call->command, verb, signer, &why);
    if (error != LUCID_OK) {
        api_refuse(request, error, &why);
        return;
    }
    call->verb = verb;
    call->call.answer = signer_answer;
    call->call.fini = signer_fini;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

static bool member_text(struct http_request *request, const struct jcs_value *document,
                        const char *name, struct lucid_span *ret)
{
    const struct jcs_value *value = jcs_member(document, name);
    if (value == NULL || jcs_type(value) != JCS_STRING) {
        api_problem(request, 422, "INVALID_SIGNER", name,
                    value == NULL ? "the member is missing" : "the member must be a string");
        return false;
    }
    *ret = jcs_string(value);
    return true;
}

void api_signers_post(struct http_request *request, const struct http_route *route)
{
    const struct jcs_value *document = api_document(request);
    struct lucid_span key;
    struct lucid_span name;
    struct lucid_span type;
    if (document == NULL || !member_text(request, document, "signer_pubkey", &key) ||
        !member_text(request, document, "name", &name) ||
        !member_text(request, document, "signer_type", &type)) {
        return;
    }
    struct ledger_signer signer = {0};
    if (!lucid_hex_decode(key, signer.key, sizeof(signer.key))) {
        api_problem(request, 422, "INVALID_SIGNER", "signer_pubkey",
                    "the key must be 64 lower-case hex digits");
        return;
    }
    if (!signer_type_parse(type, &signer.type)) {
        api_problem(request, 422, "INVALID_SIGNER", "signer_type",
                    "the type must be orchestrator, compute or worker");
        return;
    }
    if (name.len > SIGNER_NAME_BYTES_MAX || memchr(name.data, 0, name.len) != NULL) {
        api_problem(request, 422, "INVALID_SIGNER", "name",
                    "the name must have 1 to 128 bytes and no control characters");
        return;
    }
    memcpy(signer.name, name.data, name.len);
    signer_submit(request, route, SIGNER_REGISTER, &signer);
}

void api_signer_revoke_post(struct http_request *request, const struct http_route *route)
{
    struct ledger_signer signer = {0};
    if (!lucid_hex_decode(http_param(request, "key"), signer.key, sizeof(signer.key))) {
        api_not_found(request, "signer");
        return;
    }
    signer_submit(request, route, SIGNER_REVOKE, &signer);
}

/* Bearer tokens: made, listed and revoked by an admin. The secret is in one answer and nowhere
 * else. */
#include "http/api/api_internal.h"
#include "ledger/token.h"

static void scopes_write(uint32_t scopes, struct lucid_buf *out)
{
    lucid_json_member(out, "scopes");
    lucid_buf_char(out, '[');
    bool first = true;
    for (uint32_t bit = 1; bit != 0 && bit <= scopes; bit <<= 1) {
        const char *name = (scopes & bit) != 0 ? token_scope_name(bit) : NULL;
        if (name == NULL) {
            continue;
        }
        if (!first) {
            lucid_buf_char(out, ',');
        }
        first = false;
        lucid_json_string(out, lucid_span_str(name));
    }
    lucid_buf_char(out, ']');
}

static void time_or_null(struct lucid_buf *out, const char *name, uint64_t unix_ms)
{
    if (unix_ms == 0) {
        lucid_json_member_null(out, name);
    } else {
        lucid_json_member_time(out, name, unix_ms);
    }
}

static void token_write(const struct ledger_token *token, const char *secret, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "id", token->id);
    lucid_json_member_cstr(out, "name", token->name);
    scopes_write(token->scopes, out);
    lucid_json_member_time(out, "created_at", token->created_ms);
    time_or_null(out, "expires_at", token->expires_ms);
    time_or_null(out, "revoked_at", token->revoked_ms);
    if (secret != NULL) {
        lucid_json_member_cstr(out, "token", secret);
    }
    lucid_buf_char(out, '}');
}

void api_tokens_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct api_page page;
    if (!api_page_begin(request, 't', TOKEN_ID_BYTES, &page)) {
        return;
    }
    if (page.after_len != 0 &&
        !lucid_is_hex(lucid_span(page.after, page.after_len), TOKEN_ID_BYTES)) {
        api_page_lost(request, &page);
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    struct ledger_token token;
    char last[TOKEN_ID_BYTES + 1] = {0};
    memcpy(last, page.after, page.after_len);
    enum lucid_error error = ledger_token_next(view, page.after_len != 0 ? last : NULL, &token);
    while (error == LUCID_OK && api_page_item(&page)) {
        token_write(&token, NULL, &page.out);
        memcpy(last, token.id, sizeof(last));
        error = ledger_token_next(view, last, &token);
    }
    api_page_end(request, &page, view, error, last, TOKEN_ID_BYTES);
}

/* --- writes ----------------------------------------------------------------------------------- */

struct token_call {
    struct api_call call; /* first member */
    enum token_verb verb;
    struct ledger_token_command command;
    char secret[TOKEN_TEXT_BYTES + 1];
};

static void token_fini(struct api_call *call)
{
    struct token_call *self = (struct token_call *)call;
    lucid_wipe(self->secret, sizeof(self->secret));
    ledger_token_command_fini(&self->command);
}

static void token_answer(struct api_call *call)
{
    const struct token_call *self = (const struct token_call *)call;
    bool created = self->verb == TOKEN_CREATE;
    struct lucid_buf out = {0};
    token_write(&self->command.token, created ? self->secret : NULL, &out);
    http_add_header(call->request, "Cache-Control", "no-store");
    http_respond(call->request, created ? 201 : 200, API_JSON, &out);
}

static void token_submit(struct http_request *request, const struct http_route *route,
                         enum token_verb verb, const struct ledger_token *token)
{
    struct token_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    if (verb == TOKEN_CREATE) {
        ledger_token_generate(call->secret);
    }
    struct lucid_why why = {0};
    enum lucid_error error = ledger_token_prepare(&call->command, verb, token,
                                                  verb == TOKEN_CREATE ? call->secret : NULL, &why);
    if (error != LUCID_OK) {
        lucid_wipe(call->secret, sizeof(call->secret));
        api_refuse(request, error, &why);
        return;
    }
    call->verb = verb;
    call->call.answer = token_answer;
    call->call.fini = token_fini;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}

static bool invalid(struct http_request *request, const char *param, const char *text)
{
    api_problem(request, 422, "INVALID_TOKEN", param, text);
    return false;
}

static bool name_read(struct http_request *request, const struct jcs_value *document,
                      struct ledger_token *token)
{
    const struct jcs_value *value = jcs_member(document, "name");
    if (value == NULL || jcs_type(value) != JCS_STRING) {
        return invalid(request, "name", "the name must be a string");
    }
    struct lucid_span name = jcs_string(value);
    if (name.len > TOKEN_NAME_BYTES_MAX || memchr(name.data, 0, name.len) != NULL) {
        return invalid(request, "name",
                       "the name must have 1 to 128 bytes and no control characters");
    }
    memcpy(token->name, name.data, name.len);
    return true;
}

static bool scopes_read(struct http_request *request, const struct jcs_value *document,
                        struct ledger_token *token)
{
    const struct jcs_value *scopes = jcs_member(document, "scopes");
    if (scopes == NULL || jcs_type(scopes) != JCS_ARRAY || jcs_count(scopes) == 0) {
        return invalid(request, "scopes", "scopes must be a list with at least one scope");
    }
    for (const struct jcs_value *at = jcs_next(scopes, NULL); at != NULL;
         at = jcs_next(scopes, at)) {
        uint32_t scope = jcs_type(at) == JCS_STRING ? token_scope_parse(jcs_string(at)) : 0;
        if (scope == 0) {
            return invalid(request, "scopes", "not a scope");
        }
        token->scopes |= scope;
    }
    return true;
}

static bool expiry_read(struct http_request *request, const struct jcs_value *document,
                        uint64_t now_ms, struct ledger_token *token)
{
    const struct jcs_value *value = jcs_member(document, "expires_at");
    if (value == NULL || jcs_type(value) == JCS_NULL) {
        return true;
    }
    if (jcs_type(value) != JCS_STRING || !api_time_parse(jcs_string(value), &token->expires_ms)) {
        return invalid(request, "expires_at", "not a time as 2026-11-21T10:00:00Z");
    }
    if (token->expires_ms <= now_ms) {
        return invalid(request, "expires_at", "the time has passed");
    }
    return true;
}

void api_tokens_post(struct http_request *request, const struct http_route *route)
{
    const struct jcs_value *document = api_document(request);
    struct ledger_token token = {0};
    uint64_t now_ms = lucid_wall_ms(&api_of_route(route)->options.clock);
    if (document == NULL || !name_read(request, document, &token) ||
        !scopes_read(request, document, &token) ||
        !expiry_read(request, document, now_ms, &token)) {
        return;
    }
    token_submit(request, route, TOKEN_CREATE, &token);
}

void api_token_revoke_post(struct http_request *request, const struct http_route *route)
{
    struct lucid_span id = http_param(request, "id");
    if (!lucid_is_hex(id, TOKEN_ID_BYTES)) {
        api_not_found(request, "token");
        return;
    }
    struct ledger_token token = {0};
    memcpy(token.id, id.data, id.len);
    token_submit(request, route, TOKEN_REVOKE, &token);
}

/* Who may: Bearer tokens (RFC 6750) with scopes. Tokens are looked up by their SHA-256, so neither
 * time nor store tells anything about a secret. */
#include <stdio.h>
#include <strings.h>

#include "http/api/api_internal.h"
#include "ledger/token.h"

static bool bearer_text(struct lucid_span header, struct lucid_span *ret)
{
    static const char scheme[] = "Bearer ";
    size_t len = sizeof(scheme) - 1;
    if (header.len <= len || strncasecmp((const char *)header.data, scheme, len) != 0) {
        return false;
    }
    struct lucid_span text = lucid_span(header.data + len, header.len - len);
    while (text.len > 0 && text.data[0] == ' ') {
        text = lucid_span(text.data + 1, text.len - 1);
    }
    *ret = text;
    return true;
}

static void unauthorized(struct http_request *request, bool given)
{
    http_add_header(request, "WWW-Authenticate",
                    given ? "Bearer error=\"invalid_token\"" : "Bearer");
    api_problem(request, 401, "UNAUTHORIZED", NULL,
                given ? "the token is unknown, revoked or expired"
                      : "this needs a token: Authorization: Bearer …");
}

/* What the Authorization header is worth. */
enum token_found {
    TOKEN_FOUND,
    TOKEN_NONE,   /* there is none */
    TOKEN_BAD,    /* unknown, revoked or expired */
    TOKEN_FAILED, /* cannot be told now; it has answered */
};

static enum token_found token_find(struct http_request *request, const struct api *api,
                                   struct ledger_token *ret)
{
    struct lucid_span text;
    if (!bearer_text(http_header(request, "authorization"), &text)) {
        return TOKEN_NONE;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return TOKEN_FAILED;
    }
    enum lucid_error error =
        ledger_token_check(view, text, lucid_wall_ms(&api->options.clock), ret);
    ledger_view_end(view);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        api_refuse(request, error, NULL);
        return TOKEN_FAILED;
    }
    return error == LUCID_OK ? TOKEN_FOUND : TOKEN_BAD;
}

static bool token_admits(struct http_request *request, enum token_found found,
                         const struct ledger_token *token, uint32_t scopes)
{
    if (found != TOKEN_FOUND) {
        unauthorized(request, found == TOKEN_BAD);
        return false;
    }
    if ((token->scopes & scopes) == 0) {
        api_problem(request, 403, "FORBIDDEN", NULL, "the token's scopes do not cover this");
        return false;
    }
    return true;
}

/* --- limits ----------------------------------------------------------------------------------- */

/* A client is its token or, without a good one, its address; of IPv6 the network, because the rest
 * is a client's to choose. */
static uint64_t client_of(const struct http_limit *limit, const struct http_request *request,
                          const struct ledger_token *token)
{
    if (token != NULL) {
        return http_limit_client(limit, lucid_span(token->id, strlen(token->id)));
    }
    static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
    uint8_t address[HTTP_ADDRESS_BYTES];
    http_client_address(request, address);
    bool four = memcmp(address, v4, sizeof(v4)) == 0;
    return http_limit_client(limit, lucid_span(address, four ? HTTP_ADDRESS_BYTES : 8));
}

uint64_t api_lines_client(struct http_request *request, const struct api *api)
{
    struct lucid_span text;
    struct ledger_token token;
    bool found = false;
    if (api->lines_limit == NULL) {
        return 0;
    }
    const struct api_loop *loop = http_loop_user(http_request_loop(request));
    if (bearer_text(http_header(request, "authorization"), &text) &&
        ledger_view_begin(loop->view) == LUCID_OK) {
        found = ledger_token_check(loop->view, text, lucid_wall_ms(&api->options.clock), &token) ==
                LUCID_OK;
        ledger_view_end(loop->view);
    }
    return client_of(api->lines_limit, request, found ? &token : NULL);
}

/* Counts the request, says in the answer how many are left, and answers 429 if none is. */
static bool limit_admits(struct http_request *request, struct api *api,
                         const struct ledger_token *token)
{
    struct http_limit *limit = api->requests_limit;
    struct http_limit_state state;
    char text[96];
    http_limit_take(limit, client_of(limit, request, token), 1, lucid_boot_ms(&api->options.clock),
                    &state);
    snprintf(text, sizeof(text), "\"requests\";q=%llu;w=%u",
             (unsigned long long)http_limit_quota(limit), (unsigned)http_limit_window_s(limit));
    http_add_header(request, "RateLimit-Policy", text);
    snprintf(text, sizeof(text), "\"requests\";r=%llu;t=%llu", (unsigned long long)state.remaining,
             (unsigned long long)(state.admitted ? state.full_s : state.retry_s));
    http_add_header(request, "RateLimit", text);
    if (state.admitted) {
        return true;
    }
    atomic_fetch_add_explicit(&api->metrics.quota_refusals, 1, memory_order_relaxed);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)state.retry_s);
    http_add_header(request, "Retry-After", text);
    api_problem(request, 429, "QUOTA_EXCEEDED", NULL, "too many requests; see Retry-After");
    return false;
}

/* --- every request ---------------------------------------------------------------------------- */

static void cors_allow(struct http_request *request)
{
    static const char lines[] =
        "Access-Control-Allow-Origin: *\r\n"
        "Access-Control-Expose-Headers: ETag, Idempotency-Replayed, PAYMENT-REQUIRED, "
        "PAYMENT-RESPONSE, RateLimit, RateLimit-Policy, Retry-After, X-Access-Expires, "
        "X-Lucid-Passport, X-PAYMENT-RESPONSE, X-Payment-Id, X-Request-Id\r\n";
    http_add_lines(request, lucid_span(lines, sizeof(lines) - 1));
}

/* Bodies are hashed and stored as they are; what inflates is refused. */
static bool coding_admits(struct http_request *request)
{
    struct lucid_span coding = http_header(request, "content-encoding");
    static const char identity[] = "identity";
    if (coding.len == 0 || (coding.len == sizeof(identity) - 1 &&
                            strncasecmp((const char *)coding.data, identity, coding.len) == 0)) {
        return true;
    }
    api_problem(request, 415, "UNSUPPORTED_MEDIA_TYPE", NULL, "compressed bodies are not accepted");
    return false;
}

bool api_admit(struct http_request *request, const struct http_route *route, void *context)
{
    struct api *api = context;
    const struct api_route *about = route->context;
    bool limited = api->requests_limit != NULL && !about->unlimited;
    struct ledger_token token;
    enum token_found found = TOKEN_NONE;
    if (about->cors != NULL) {
        cors_allow(request);
    }
    /* On an open route a token only says whose request it is: a bad one does no harm. */
    if (!about->open || limited) {
        found = token_find(request, api, &token);
    }
    if (found == TOKEN_FAILED ||
        (limited && !limit_admits(request, api, found == TOKEN_FOUND ? &token : NULL))) {
        return false;
    }
    if (!about->open && !token_admits(request, found, &token, about->scopes)) {
        return false;
    }
    return coding_admits(request);
}

bool api_token_find(struct http_request *request, const struct api *api, struct ledger_token *ret)
{
    enum token_found found = token_find(request, api, ret);
    if (found != TOKEN_FOUND) {
        *ret = (struct ledger_token){.scopes = 0};
    }
    return found != TOKEN_FAILED;
}

bool api_token_id(struct http_request *request, const struct api *api, char ret[TOKEN_ID_BYTES + 1])
{
    struct ledger_token token;
    bool ok = api_token_find(request, api, &token);
    memcpy(ret, token.id, sizeof(token.id));
    return ok;
}

bool api_read_admit(struct http_request *request, const struct api *api)
{
    struct ledger_token token;
    if (api->options.public_reads) {
        return true;
    }
    enum token_found found = token_find(request, api, &token);
    return found != TOKEN_FAILED && token_admits(request, found, &token, TOKEN_READ | TOKEN_ADMIN);
}

bool api_still_admitted(struct http_request *request, const struct api *api, bool by_token,
                        struct ledger_view *view)
{
    struct lucid_span text;
    struct ledger_token token;
    if (api->options.public_reads && !by_token) {
        return true;
    }
    return bearer_text(http_header(request, "authorization"), &text) &&
           ledger_token_check(view, text, lucid_wall_ms(&api->options.clock), &token) !=
               LUCID_NOTE_ABSENT;
}

void api_preflight(struct http_request *request, const struct http_route *route)
{
    const struct api_route *about = route->context;
    struct lucid_buf none = {0};
    http_add_header(request, "Access-Control-Allow-Methods", about->cors);
    http_add_header(request, "Access-Control-Allow-Headers",
                    "Accept, Authorization, Content-Type, If-None-Match, Last-Event-ID, "
                    "PAYMENT-SIGNATURE, X-Access-Grant, X-PAYMENT, X-Payment-Proof, X-Request-Id");
    http_add_header(request, "Access-Control-Max-Age", "86400");
    http_respond(request, 204, NULL, &none);
}

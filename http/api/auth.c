/* Who may: Bearer tokens (RFC 6750) with scopes. Tokens are looked up by their SHA-256, so neither
 * time nor store tells anything about a secret. */
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

static bool token_admits(struct http_request *request, const struct api *api, uint32_t scopes)
{
    struct lucid_span text;
    if (!bearer_text(http_header(request, "authorization"), &text)) {
        unauthorized(request, false);
        return false;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return false;
    }
    struct ledger_token token;
    enum lucid_error error =
        ledger_token_check(view, text, lucid_wall_ms(&api->options.clock), &token);
    ledger_view_end(view);
    if (error == LUCID_NOTE_ABSENT) {
        unauthorized(request, true);
        return false;
    }
    if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
        return false;
    }
    if ((token.scopes & scopes) == 0) {
        api_problem(request, 403, "FORBIDDEN", NULL, "the token's scopes do not cover this");
        return false;
    }
    return true;
}

bool api_admit(struct http_request *request, const struct http_route *route, void *context)
{
    const struct api *api = context;
    const struct api_route *about = route->context;
    if (about->cors) {
        http_add_header(request, "Access-Control-Allow-Origin", "*");
        http_add_header(request, "Access-Control-Expose-Headers",
                        "ETag, X-Request-Id, Retry-After");
    }
    if (about->access == API_PUBLIC || (about->access == API_READ && api->options.public_reads)) {
        return true;
    }
    uint32_t scopes = about->access == API_READ ? TOKEN_READ | TOKEN_ADMIN : TOKEN_ADMIN;
    return token_admits(request, api, scopes);
}

void api_preflight(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf none = {0};
    http_add_header(request, "Access-Control-Allow-Methods", "GET, HEAD");
    http_add_header(request, "Access-Control-Allow-Headers",
                    "Accept, Authorization, If-None-Match, X-Request-Id");
    http_add_header(request, "Access-Control-Max-Age", "86400");
    http_respond(request, 204, NULL, &none);
}

#include "tools/mock_agent/routes.h"

#include <stdio.h>

#include "base/base64url.h"
#include "base/jcs/jcs.h"

#define JSON_TYPE   "application/json"
#define BYTES_TYPE  "application/octet-stream"
#define EVENT_DEPTH 8

static struct service *service_of(const struct http_request *request)
{
    return http_loop_user(http_request_loop(request));
}

static void answer(struct http_request *request, int status, const char *type, const char *text)
{
    struct lucid_buf out = {0};
    lucid_buf_str(&out, text);
    http_respond(request, status, type, &out);
}

static void bad_request(struct http_request *request)
{
    answer(request, 400, NULL, "BAD REQUEST");
}

static void not_found(struct http_request *request)
{
    answer(request, 404, NULL, "URL NOT FOUND");
}

/* What the REST server says of any failure of the agent behind it. */
static void agent_failed(struct http_request *request)
{
    answer(request, 500, NULL, "ttrpc request error");
}

static bool is_utf8(struct lucid_span text)
{
    static const struct jcs_limits limits = {.depth_max = 1, .values_max = 1};
    const struct jcs_value *root;
    struct lucid_buf json = {0};
    struct lucid_arena arena;
    lucid_arena_init(&arena, (size_t)1 << 20);
    lucid_json_string(&json, text);
    bool ok = lucid_buf_ok(&json) &&
              jcs_parse(lucid_buf_span(&json), &limits, &arena, &root, NULL) == LUCID_OK;
    lucid_arena_fini(&arena);
    lucid_buf_fini(&json);
    return ok;
}

/* Whether the query, as it was sent, has a parameter of that name at two places. */
static bool is_repeated(const struct http_request *request, const char *name)
{
    struct lucid_span target = http_target(request);
    const uint8_t *mark = memchr(target.data, '?', target.len);
    size_t begin = mark == NULL ? target.len : (size_t)(mark - target.data) + 1;
    size_t len = strlen(name);
    unsigned found = 0;
    for (size_t i = begin; i + len <= target.len; i++) {
        const uint8_t *at = target.data + i;
        bool starts = i == begin || at[-1] == '&';
        bool ends = i + len == target.len || at[len] == '=' || at[len] == '&';
        found += starts && ends && memcmp(at, name, len) == 0;
    }
    return found > 1;
}

/* The bytes that the quote is to bind. False: answered. */
static bool runtime_data_read(struct http_request *request, uint8_t *ret, size_t max,
                              size_t *ret_len)
{
    struct lucid_span text = http_query(request, "runtime_data");
    struct lucid_span encoding = http_query(request, "encoding");
    size_t len = text.len;
    bool coded = encoding.data != NULL;
    if (text.data == NULL || is_repeated(request, "runtime_data") ||
        is_repeated(request, "encoding") || (coded && !lucid_span_is(encoding, "base64")) ||
        (coded ? !lucid_base64url_is(text, &len) : !is_utf8(text))) {
        bad_request(request);
        return false;
    }
    if (len > max) {
        agent_failed(request);
        return false;
    }
    if (!coded) {
        memcpy(ret, text.data, len);
    } else if (!lucid_base64url_read(text, ret, max, &len)) {
        bad_request(request);
        return false;
    }
    *ret_len = len;
    return true;
}

static void evidence(struct http_request *request)
{
    struct service *service = service_of(request);
    struct mock_quote quote = service->quote;
    struct lucid_buf out = {0};
    size_t len = 0;
    if (!runtime_data_read(request, quote.report_data, sizeof(quote.report_data), &len)) {
        return;
    }
    quote.iat_s = lucid_wall_ms(&service->clock) / 1000;
    lucid_buf_str(&out, "{\"quote\":\"");
    if (mock_agent_quote(service->agent, &quote, &out) != LUCID_OK) {
        lucid_buf_fini(&out);
        agent_failed(request);
        return;
    }
    lucid_buf_str(&out, "\"}");
    http_respond(request, 200, BYTES_TYPE, &out);
}

/* There are no other devices: the parameters are looked at all the same. */
static void additional_evidence(struct http_request *request)
{
    uint8_t bytes[MOCK_REPORT_DATA_BYTES];
    size_t len;
    if (runtime_data_read(request, bytes, sizeof(bytes), &len)) {
        answer(request, 200, BYTES_TYPE, "");
    }
}

/* No key broker stands behind it, as none behind an agent that was not given one. */
static void token(struct http_request *request)
{
    if (http_query(request, "token_type").data == NULL) {
        bad_request(request);
    } else {
        agent_failed(request);
    }
}

static bool is_text(const struct jcs_value *event, const char *name)
{
    const struct jcs_value *member = jcs_member(event, name);
    return member != NULL && jcs_type(member) == JCS_STRING;
}

/* SEV-SNP has no register to extend while it runs, and neither has the mock: both say so. */
static void event_extend(struct http_request *request)
{
    static const struct jcs_limits limits = {.depth_max = EVENT_DEPTH, .values_max = 256};
    const struct jcs_value *event;
    struct lucid_why why = {.code = NULL};
    enum lucid_error e = jcs_parse(http_body(request), &limits, http_arena(request), &event, &why);
    if (e != LUCID_OK || !is_text(event, "domain") || !is_text(event, "operation") ||
        !is_text(event, "content")) {
        char text[sizeof(why.text) + 64];
        (void)snprintf(text, sizeof(text), "Illegal AAEL eventry format: %s",
                       e != LUCID_OK ? why.text : "domain, operation and content are texts");
        answer(request, 500, NULL, text);
        return;
    }
    answer(request, 200, JSON_TYPE,
           "{\"success\":\"false\",\"message\": \"The platform does not support runtime "
           "measurement\"}");
}

static void info(struct http_request *request)
{
    if (!lucid_span_is(http_method(request), "GET")) {
        answer(request, 405, NULL, "Method Not Allowed");
        return;
    }
    answer(request, 200, JSON_TYPE,
           "{\"version\":\"" LUCID_VERSION "\",\"tee\":\"mock\",\"feature\":\"attestation\"}");
}

static bool is_loopback(const struct http_request *request)
{
    static const uint8_t v6[HTTP_ADDRESS_BYTES] = {[HTTP_ADDRESS_BYTES - 1] = 1};
    static const uint8_t v4[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    uint8_t address[HTTP_ADDRESS_BYTES];
    http_client_address(request, address);
    return memcmp(address, v6, sizeof(v6)) == 0 || memcmp(address, v4, sizeof(v4)) == 0;
}

static bool path_begins(struct lucid_span path, const char *start)
{
    size_t len = strlen(start);
    return path.len >= len && memcmp(path.data, start, len) == 0;
}

void routes_handle(struct http_request *request, const struct http_route *route)
{
    static const struct {
        const char *method;
        const char *path;
        void (*handle)(struct http_request *request);
    } table[] = {
        {"GET", "/aa/evidence", evidence},
        {"GET", "/aa/additional-evidence", additional_evidence},
        {"GET", "/aa/token", token},
        {"POST", "/aa/aael", event_extend},
    };
    (void)route;
    struct lucid_span path = http_path(request);
    if (!is_loopback(request)) {
        answer(request, 403, NULL, "Forbidden");
        return;
    }
    if (lucid_span_is(path, "/info")) {
        info(request);
        return;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (lucid_span_is(path, table[i].path) &&
            lucid_span_is(http_method(request), table[i].method)) {
            table[i].handle(request);
            return;
        }
    }
    if (path_begins(path, "/cdh/")) {
        answer(request, 404, NULL, "Resource Feature Not Enabled");
        return;
    }
    not_found(request);
}

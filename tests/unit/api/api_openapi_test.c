/* /openapi.json: it says what the route table says, in both directions, and what plugins add. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api_harness.h"
#include "http/api/api_internal.h"
#include "http/api/openapi_internal.h"

static int open_world(void **state)
{
    struct harness *h = malloc(sizeof(*h));
    harness_open(h, false);
    *state = h;
    return 0;
}

static int close_world(void **state)
{
    harness_close(*state);
    free(*state);
    return 0;
}

static json_t *document_get(const struct harness *h)
{
    return harness_json(h, "GET", "/openapi.json", "", NULL, 200);
}

/* "GET" to "get"; the pattern without the mark of a last {name*}. */
static void names_of_route(const struct http_route *route, char method[16], char path[256])
{
    size_t len = 0;
    for (; route->method[len] != '\0' && len < 15; len++) {
        method[len] = (char)(route->method[len] | 0x20);
    }
    method[len] = '\0';
    len = 0;
    for (const char *c = route->pattern; *c != '\0' && len < 255; c++) {
        if (c[0] != '*' || c[1] != '}') {
            path[len++] = *c;
        }
    }
    path[len] = '\0';
}

static bool is_preflight(const struct http_route *route)
{
    return strcmp(route->method, "OPTIONS") == 0;
}

static void every_route_is_described(void **state)
{
    const struct harness *h = *state;
    json_t *document = document_get(h);
    const json_t *paths = json_object_get(document, "paths");
    for (size_t i = 0; i < h->api->route_count; i++) {
        const struct http_route *route = &h->api->routes[i];
        char method[16];
        char path[256];
        names_of_route(route, method, path);
        if (!is_preflight(route) && json_object_get(json_object_get(paths, path), method) == NULL) {
            fail_msg("http/api/openapi.json lacks %s %s", route->method, path);
        }
    }
    json_decref(document);
}

static const struct http_route *route_find(const struct api *api, const char *method,
                                           const char *path)
{
    for (size_t i = 0; i < api->route_count; i++) {
        char route_method[16];
        char route_path[256];
        names_of_route(&api->routes[i], route_method, route_path);
        if (strcmp(route_method, method) == 0 && strcmp(route_path, path) == 0) {
            return &api->routes[i];
        }
    }
    return NULL;
}

/* What security must say: nothing, or that one of these scopes is needed, admin the last. */
static void assert_access(const json_t *operation, const struct api_route *about, const char *where)
{
    json_t *want = json_array();
    for (uint32_t scope = 1; !about->open && scope != 0; scope <<= 1) {
        if ((about->scopes & scope) != 0 && scope != TOKEN_ADMIN) {
            json_array_append_new(want, json_pack("{s:[s]}", "bearer", token_scope_name(scope)));
        }
    }
    if (!about->open) {
        json_array_append_new(want, json_pack("{s:[s]}", "bearer", token_scope_name(TOKEN_ADMIN)));
    }
    if (!json_equal(want, json_object_get(operation, "security"))) {
        fail_msg("http/api/openapi.json: security of %s is not whom the route lets in", where);
    }
    json_decref(want);
}

/* Path parameters stand in the path, and each {name} of the path is a parameter. */
static void assert_parameters(const json_t *document, const json_t *operation, const char *path)
{
    size_t braces = 0;
    for (const char *c = path; *c != '\0'; c++) {
        braces += *c == '{';
    }
    size_t i;
    json_t *parameter;
    json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
    {
        const char *reference = json_string_value(json_object_get(parameter, "$ref"));
        const json_t *self = parameter;
        if (reference != NULL) {
            const char *name = strrchr(reference, '/') + 1;
            self = json_object_get(
                json_object_get(json_object_get(document, "components"), "parameters"), name);
            assert_non_null(self);
        }
        if (strcmp(json_string_value(json_object_get(self, "in")), "path") == 0) {
            char text[64];
            snprintf(text, sizeof(text), "{%s}", json_string_value(json_object_get(self, "name")));
            assert_non_null(strstr(path, text));
            assert_true(json_is_true(json_object_get(self, "required")));
            braces--;
        }
    }
    assert_int_equal(braces, 0);
}

static void everything_described_is_served(void **state)
{
    const struct harness *h = *state;
    json_t *document = document_get(h);
    const char *path;
    const char *method;
    json_t *item;
    json_t *operation;
    size_t count = 0;
    json_t *ids = json_object();
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            const struct http_route *route = route_find(h->api, method, path);
            if (route == NULL) {
                fail_msg("http/api/openapi.json has %s %s, which is not served", method, path);
            }
            assert_access(operation, route->context, path);
            assert_parameters(document, operation, path);
            const char *id = json_string_value(json_object_get(operation, "operationId"));
            assert_non_null(id);
            assert_null(json_object_get(ids, id));
            json_object_set_new(ids, id, json_true());
            assert_non_null(json_object_get(json_object_get(operation, "responses"), "default"));
            count++;
        }
    }
    assert_true(count >= 25);
    json_decref(ids);
    json_decref(document);
}

static void it_is_tagged_and_open(void **state)
{
    const struct harness *h = *state;
    struct answer answer;
    harness_ask(h, "GET", "/openapi.json", "", lucid_span(NULL, 0), &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer_has(&answer, "Content-Type", "application/json"));
    assert_true(answer_has(&answer, "Access-Control-Allow-Origin", "*"));
    assert_true(answer_has(&answer, "Cache-Control", "no-cache"));
    char tag[80];
    char condition[128];
    assert_true(answer_header(&answer, "ETag", tag, sizeof(tag)));
    answer_free(&answer);
    snprintf(condition, sizeof(condition), "If-None-Match: %s\r\n", tag);
    harness_ask(h, "GET", "/openapi.json", condition, lucid_span(NULL, 0), &answer);
    assert_int_equal(answer.status, 304);
    assert_int_equal(answer.body.len, 0);
    answer_free(&answer);
}

/* --- fragments -------------------------------------------------------------------------------- */

static enum lucid_error unite(const char *a, const char *b, const char *c, struct lucid_buf *out,
                              struct lucid_why *why)
{
    struct lucid_span documents[3] = {lucid_span_str(a)};
    size_t count = 1;
    if (b != NULL) {
        documents[count++] = lucid_span_str(b);
    }
    if (c != NULL) {
        documents[count++] = lucid_span_str(c);
    }
    return api_openapi_unite(documents, count, out, why);
}

static void fragments_unite(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *c, *want;
    } rows[] = {
        {"{\"x\":1.5}", NULL, NULL, "{\"x\":1.5}"},
        {"{\"p\":{\"/a\":1}}", "{\"p\":{\"/b\":2}}", "{\"p\":{\"/c\":[]},\"q\":null}",
         "{\"p\":{\"/a\":1,\"/b\":2,\"/c\":[]},\"q\":null}"},
        {"{\"e\":[\"A\"],\"v\":\"3.1.0\"}", "{\"v\":\"3.1.0\",\"e\":[\"B\",{\"z\":1}]}",
         "{\"e\":[]}", "{\"e\":[\"A\",\"B\",{\"z\":1}],\"v\":\"3.1.0\"}"},
        {"{}", "{\"n\\\"\":true}", NULL, "{\"n\\\"\":true}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lucid_buf out = {0};
        assert_int_equal(unite(rows[i].a, rows[i].b, rows[i].c, &out, NULL), LUCID_OK);
        lucid_buf_char(&out, '\0');
        assert_string_equal((const char *)out.data, rows[i].want);
        lucid_buf_fini(&out);
    }
}

static void fragments_may_not_contradict(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *c, *param;
    } rows[] = {
        {"{\"p\":{\"v\":1}}", "{\"p\":{\"v\":2}}", NULL, "v"},
        {"{\"p\":{\"v\":\"a\"}}", "{\"p\":{}}", "{\"p\":{\"v\":\"ab\"}}", "v"},
        {"{\"p\":[]}", "{\"p\":{}}", NULL, "p"},
        {"{\"p\":true}", "{\"p\":false}", NULL, "p"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lucid_buf out = {0};
        struct lucid_why why = {0};
        assert_int_equal(unite(rows[i].a, rows[i].b, rows[i].c, &out, &why), LUCID_REFUSE_CONFLICT);
        assert_string_equal(why.param, rows[i].param);
        lucid_buf_fini(&out);
    }
    struct lucid_buf out = {0};
    assert_int_equal(unite("{}", "{", NULL, &out, NULL), LUCID_REFUSE_INVALID);
    assert_int_equal(unite("{}", "[]", NULL, &out, NULL), LUCID_REFUSE_INVALID);
    lucid_buf_fini(&out);
}

static enum lucid_plugin_result never(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_why *why)
{
    (void)self;
    (void)call;
    (void)why;
    return LUCID_PLUGIN_ABSENT;
}

static enum lucid_error no_work(void *context, struct api_work *work, bool begun)
{
    (void)context;
    (void)work;
    (void)begun;
    return LUCID_RETRY_BUSY;
}

/* A plugin's document becomes part of what an api serves, and a contradicting one keeps it from
 * starting. */
static void fragments_are_served(void **state)
{
    const struct harness *h = *state;
    static const struct lucid_plugin_route routes[] = {
        {.method = "GET", .pattern = "/v1/plugin", .handle = never}, {.method = NULL}};
    struct lucid_plugin module = {
        .name = "some",
        .routes = routes,
        .openapi = "{\"paths\":{\"/v1/plugin\":{\"get\":{}}},"
                   "\"components\":{\"schemas\":{\"ErrorCode\":{\"enum\":[\"PLUGIN_SAYS_NO\"]}}}}"};
    struct plugin plugin = {.module = &module};
    struct plugin *const plugins[] = {&plugin};
    struct api_options options = h->api->options;
    options.plugins = plugins;
    options.plugin_count = 1;
    options.work = no_work;
    struct api *api;
    assert_int_equal(api_open(&options, &api, NULL), LUCID_OK);
    json_t *document =
        json_loadb((const char *)api->openapi.data, api->openapi.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    const json_t *paths = json_object_get(document, "paths");
    assert_non_null(json_object_get(paths, "/v1/plugin"));
    assert_non_null(json_object_get(paths, "/v1/receipts"));
    const json_t *codes = json_object_get(
        json_object_get(json_object_get(json_object_get(document, "components"), "schemas"),
                        "ErrorCode"),
        "enum");
    const json_t *last = json_array_get(codes, json_array_size(codes) - 1);
    assert_string_equal(json_string_value(last), "PLUGIN_SAYS_NO");
    assert_string_equal(json_string_value(json_array_get(codes, 0)), "INVALID_JSON");
    json_decref(document);
    api_close(api);

    struct lucid_why why = {0};
    module.openapi = "{\"paths\":{\"/v1/plugin\":{\"get\":{}}},"
                     "\"components\":{\"schemas\":{\"ErrorCode\":{\"type\":\"number\"}}}}";
    assert_int_equal(api_open(&options, &api, &why), LUCID_REFUSE_CONFLICT);
    assert_string_equal(why.param, "type");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described),
        cmocka_unit_test(everything_described_is_served),
        cmocka_unit_test(it_is_tagged_and_open),
        cmocka_unit_test(fragments_unite),
        cmocka_unit_test(fragments_may_not_contradict),
        cmocka_unit_test(fragments_are_served),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}

/* A plugin's part of the OpenAPI document, held against its routes, or made of them. */
#include <stdio.h>
#include <strings.h>

#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "http/api/openapi_internal.h"
#include "http/api/plugins_internal.h"

enum { DEPTH_MAX = 32, VALUES_MAX = 1 << 18 };
#define ARENA_BYTES_MAX ((size_t)64 << 20)

static enum lucid_error refuse(const struct plugin *plugin, const char *text,
                               struct lucid_span what, struct lucid_why *why)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "PLUGIN_INVALID", plugin->module->name,
                        "the OpenAPI document of the plugin %s %s %.*s", plugin->module->name, text,
                        (int)(what.len > 96 ? 96 : what.len),
                        what.data == NULL ? "" : (const char *)what.data);
}

/* "/x/{path*}" of routes is "/x/{path}" in documents. */
static bool path_is(const char *pattern, struct lucid_span path)
{
    size_t len = strlen(pattern);
    if (len > 2 && strcmp(pattern + len - 2, "*}") == 0) {
        return path.len == len - 1 && memcmp(path.data, pattern, len - 2) == 0 &&
               path.data[path.len - 1] == '}';
    }
    return lucid_span_is(path, pattern);
}

static bool method_is(const char *method, struct lucid_span name)
{
    return name.len == strlen(method) &&
           strncasecmp((const char *)name.data, method, name.len) == 0;
}

static bool is_method(struct lucid_span name)
{
    static const char *const methods[] = {"get",     "put",  "post",  "delete",
                                          "options", "head", "patch", "trace"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (lucid_span_is(name, methods[i])) {
            return true;
        }
    }
    return false;
}

/* method NULL: any. */
static bool route_is_there(const struct plugin *plugin, struct lucid_span path,
                           const struct lucid_span *method)
{
    const struct lucid_plugin_route *row = plugin->module->routes;
    for (; row != NULL && row->method != NULL; row++) {
        if (path_is(row->pattern, path) && (method == NULL || method_is(row->method, *method))) {
            return true;
        }
    }
    return false;
}

/* How many of its operations are routes; an operation that is none is refused. */
static enum lucid_error paths_judge(const struct plugin *plugin, const struct jcs_value *paths,
                                    size_t *ret_count, struct lucid_why *why)
{
    *ret_count = 0;
    for (const struct jcs_value *at = jcs_next(paths, NULL); at != NULL; at = jcs_next(paths, at)) {
        if (jcs_type(at) != JCS_OBJECT || !route_is_there(plugin, jcs_name(at), NULL)) {
            return refuse(plugin, "describes what is no route of it:", jcs_name(at), why);
        }
        for (const struct jcs_value *of = jcs_next(at, NULL); of != NULL; of = jcs_next(at, of)) {
            struct lucid_span method = jcs_name(of);
            if (!is_method(method)) {
                continue; /* parameters of all its methods, a summary */
            }
            if (!route_is_there(plugin, jcs_name(at), &method)) {
                return refuse(plugin, "describes what is no route of it:", jcs_name(at), why);
            }
            ++*ret_count;
        }
    }
    return LUCID_OK;
}

static enum lucid_error document_judge(const struct plugin *plugin, const struct jcs_value *root,
                                       struct lucid_why *why)
{
    const struct lucid_span none = lucid_span(NULL, 0);
    size_t routes = 0;
    size_t described;
    for (const struct jcs_value *at = jcs_next(root, NULL); at != NULL; at = jcs_next(root, at)) {
        struct lucid_span name = jcs_name(at);
        if (!lucid_span_is(name, "paths") && !lucid_span_is(name, "components") &&
            !lucid_span_is(name, "tags")) {
            return refuse(plugin, "may not have", name, why);
        }
    }
    const struct jcs_value *paths = jcs_member(root, "paths");
    enum lucid_error error = paths_judge(plugin, paths, &described, why);
    const struct lucid_plugin_route *row = plugin->module->routes;
    for (; row != NULL && row->method != NULL; row++) {
        routes++;
    }
    if (error == LUCID_OK && described != routes) {
        return refuse(plugin, "leaves out routes of it", none, why);
    }
    return error;
}

enum lucid_error api_plugin_document_judge(const struct plugin *plugin, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = DEPTH_MAX, .values_max = VALUES_MAX};
    const struct jcs_value *root;
    struct lucid_why inner = {0};
    struct lucid_arena arena;
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    enum lucid_error error =
        jcs_parse(lucid_span_str(plugin->module->openapi), &limits, &arena, &root, &inner);
    if (error == LUCID_OK && jcs_type(root) == JCS_OBJECT) {
        error = document_judge(plugin, root, why);
    } else if (error != LUCID_RETRY_MEMORY) {
        error = refuse(plugin, "is no JSON object:", lucid_span_str(inner.text), why);
    }
    lucid_arena_fini(&arena);
    return error;
}

/* --- for who has none ------------------------------------------------------------------------- */

static void parameters_write(const char *pattern, struct lucid_buf *out)
{
    const char *at = pattern;
    bool first = true;
    lucid_json_member(out, "parameters");
    lucid_buf_char(out, '[');
    while ((at = strchr(at, '{')) != NULL) {
        size_t len = strcspn(at + 1, "*}");
        lucid_buf_str(out, first ? "{" : ",{");
        lucid_json_member_str(out, "name", lucid_span(at + 1, len));
        lucid_buf_str(out, ",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}");
        first = false;
        at += len;
    }
    lucid_buf_char(out, ']');
}

static void security_write(uint32_t scopes, struct lucid_buf *out)
{
    bool first = true;
    lucid_json_member(out, "security");
    lucid_buf_char(out, '[');
    for (uint32_t scope = 1; scope != 0 && scopes != 0; scope <<= 1) {
        if (((scopes | LUCID_PLUGIN_SCOPE_ADMIN) & scope) != 0) {
            lucid_buf_printf(out, "%s{\"bearer\":[\"%s\"]}", first ? "" : ",",
                             token_scope_name(scope));
            first = false;
        }
    }
    lucid_buf_char(out, ']');
}

static void operation_write(const struct plugin *plugin, const struct lucid_plugin_route *row,
                            struct lucid_buf *out)
{
    char method[8] = "";
    for (size_t i = 0; row->method[i] != '\0' && i + 1 < sizeof(method); i++) {
        method[i] = (char)(row->method[i] | 0x20);
    }
    lucid_json_member(out, method);
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "summary", plugin->module->summary);
    parameters_write(row->pattern, out);
    security_write(row->scopes, out);
    lucid_json_member(out, "responses");
    lucid_buf_str(out, "{\"default\":{\"description\":\"what the plugin says\"}}}");
}

static bool path_is_new(const struct lucid_plugin_route *routes,
                        const struct lucid_plugin_route *row)
{
    for (const struct lucid_plugin_route *at = routes; at < row; at++) {
        if (strcmp(at->pattern, row->pattern) == 0) {
            return false;
        }
    }
    return true;
}

void api_plugin_document_write(const struct plugin *plugin, struct lucid_buf *out)
{
    const struct lucid_plugin_route *routes = plugin->module->routes;
    lucid_buf_str(out, "{\"paths\":{");
    for (const struct lucid_plugin_route *row = routes; row != NULL && row->method != NULL; row++) {
        if (!path_is_new(routes, row)) {
            continue;
        }
        char path[256]; /* patterns are shorter: plugins/host/check.c */
        size_t len = strlen(row->pattern);
        lucid_assert(len < sizeof(path));
        bool rest = len > 2 && strcmp(row->pattern + len - 2, "*}") == 0;
        memcpy(path, row->pattern, len + 1);
        memcpy(path + len - (rest ? 2 : 0), rest ? "}" : "", rest ? 2 : 1);
        lucid_json_member(out, path);
        lucid_buf_char(out, '{');
        for (const struct lucid_plugin_route *at = row; at->method != NULL; at++) {
            if (strcmp(at->pattern, row->pattern) == 0) {
                operation_write(plugin, at, out);
            }
        }
        lucid_buf_char(out, '}');
    }
    lucid_buf_str(out, "}}");
}

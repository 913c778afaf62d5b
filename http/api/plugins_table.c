/* The plugins' routes, put behind ours: one that meets another's keeps the service from starting,
 * with a sentence that names the plugin. That each is well formed was checked when its module was
 * loaded (plugins/host/check.c). */
#include "base/assert.h"
#include "http/api/plugins_internal.h"

/* --- patterns --------------------------------------------------------------------------------- */

struct pattern {
    size_t count;
    struct lucid_span segments[PLUGIN_SEGMENTS_MAX];
};

static void pattern_split(const char *text, struct pattern *ret)
{
    ret->count = 0;
    for (const char *at = text; at != NULL;) {
        const char *begin = at + 1;
        at = strchr(begin, '/');
        lucid_assert(ret->count < PLUGIN_SEGMENTS_MAX);
        ret->segments[ret->count++] =
            lucid_span(begin, at == NULL ? strlen(begin) : (size_t)(at - begin));
    }
}

static bool is_name(struct lucid_span segment)
{
    return segment.len > 2 && segment.data[0] == '{';
}

static bool is_rest(struct lucid_span segment)
{
    return is_name(segment) && segment.data[segment.len - 2] == '*';
}

/* Whether there is a path that both match; or, exactly: whether the same paths match both. */
static bool patterns_meet(const char *left, const char *right, bool exactly)
{
    struct pattern a;
    struct pattern b;
    pattern_split(left, &a);
    pattern_split(right, &b);
    for (size_t i = 0; i < a.count && i < b.count; i++) {
        struct lucid_span x = a.segments[i];
        struct lucid_span y = b.segments[i];
        if (exactly && (is_name(x) != is_name(y) || is_rest(x) != is_rest(y))) {
            return false;
        }
        if (is_rest(x) || is_rest(y)) {
            return true;
        }
        if (!is_name(x) && !is_name(y) && !lucid_span_equal(x, y)) {
            return false;
        }
    }
    return a.count == b.count;
}

/* --- the routes --------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    enum api_price_class which;
} classes[] = {
    {"match", API_SELLS_MATCH},
    {"appraise", API_SELLS_APPRAISE},
    {"passport", API_SELLS_PASSPORT},
};
enum { CLASSES = sizeof(classes) / sizeof(classes[0]) };

static enum api_price_class class_of(const char *name)
{
    for (size_t i = 0; name != NULL && i < CLASSES; i++) {
        if (strcmp(name, classes[i].name) == 0) {
            return classes[i].which;
        }
    }
    lucid_assert(name == NULL);
    return API_NOT_SOLD;
}

/* Who serves a path that the route would serve, too; NULL: nobody. A plugin may be more exact than
 * itself, but not than others: it would take requests from them. */
static const char *row_rival(const struct api *api, const struct plugin *plugin,
                             const struct lucid_plugin_route *row)
{
    for (size_t i = 0; i < api->route_count; i++) {
        const struct plugin *other = api->about[i].plugin;
        if (api->routes[i].handle != api_preflight &&
            strcmp(api->routes[i].method, row->method) == 0 &&
            patterns_meet(api->routes[i].pattern, row->pattern, other == plugin)) {
            return other == NULL ? "the service" : other->module->name;
        }
    }
    return NULL;
}

static void row_add(struct api *api, struct plugin *plugin, const struct lucid_plugin_route *row)
{
    enum api_price_class which = class_of(row->price_class);
    const struct api_sales *sales = api->options.sales;
    bool free_reads = (row->scopes & TOKEN_READ) != 0 && api->options.public_reads;
    bool sold = sales != NULL && which != API_NOT_SOLD && sales->assets[which] != NULL;
    bool open = sold || row->scopes == 0 || free_reads;
    const char *cors = strcmp(row->method, "GET") == 0                ? "GET, HEAD"
                       : (row->flags & LUCID_PLUGIN_ROUTE_READS) != 0 ? "POST"
                                                                      : NULL;
    const struct api_route about = {
        .api = api,
        .open = open,
        .scopes = row->scopes | TOKEN_ADMIN,
        .cors = open ? cors : NULL,
        .price_class = free_reads ? API_NOT_SOLD : which,
        .free_handle = api_plugin_handle,
        .plugin = plugin,
        .row = row,
    };
    const struct http_route route = {
        .method = row->method,
        .pattern = row->pattern,
        .body_bytes_max = row->body_bytes_max,
        .handle = api_plugin_handle,
    };
    api_route_add(api, &route, &about);
}

/* --- codes ------------------------------------------------------------------------------------ */

static const struct lucid_plugin_code *code_find(const struct lucid_plugin *module,
                                                 const char *code)
{
    const struct lucid_plugin_code *row = module->codes;
    while (row != NULL && row->code != NULL && strcmp(row->code, code) != 0) {
        row++;
    }
    return row == NULL || row->code == NULL ? NULL : row;
}

/* A code has one status, whoever answers with it: clients go by either. */
static enum lucid_error codes_judge(const struct api_options *options, size_t at,
                                    struct lucid_why *why)
{
    const struct lucid_plugin *module = options->plugins[at]->module;
    const struct lucid_plugin_code *row = module->codes;
    for (; row != NULL && row->code != NULL; row++) {
        int ours = api_code_status(row->code);
        const char *whose = ours != 0 && ours != row->status ? "the service" : NULL;
        for (size_t i = 0; i < at && whose == NULL; i++) {
            const struct lucid_plugin *other = options->plugins[i]->module;
            const struct lucid_plugin_code *its = code_find(other, row->code);
            whose = its != NULL && its->status != row->status ? other->name : NULL;
        }
        if (whose != NULL) {
            return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PLUGIN_CONFLICT", "plugins",
                                "the plugin %s has the code %s with status %d: with %s it has "
                                "another",
                                module->name, row->code, row->status, whose);
        }
    }
    return LUCID_OK;
}

/* --- all of them ------------------------------------------------------------------------------ */

static enum lucid_error routes_add(struct api *api, struct plugin *plugin, struct lucid_why *why)
{
    const struct lucid_plugin_route *row = plugin->module->routes;
    for (; row != NULL && row->method != NULL; row++) {
        const char *rival = row_rival(api, plugin, row);
        if (rival != NULL) {
            return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PLUGIN_CONFLICT", "plugins",
                                "the plugin %s cannot serve %s %.80s: that is served by %s",
                                plugin->module->name, row->method, row->pattern, rival);
        }
        row_add(api, plugin, row);
    }
    return LUCID_OK;
}

enum lucid_error api_plugins_open(struct api *api, struct lucid_why *why)
{
    const struct api_options *options = &api->options;
    lucid_assert(options->plugin_count <= PLUGINS_MAX);
    lucid_assert(options->plugin_count == 0 || options->work != NULL);
    for (size_t i = 0; i < options->plugin_count; i++) {
        plugin_call_functions(&options->plugins[i]->host);
        enum lucid_error error = codes_judge(options, i, why);
        if (error == LUCID_OK) {
            error = routes_add(api, options->plugins[i], why);
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

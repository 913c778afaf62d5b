/* What a module says of itself, against the rules of <lucid/plugin.h>: everything that the service
 * relies on later without asking again. */
#include <stdarg.h>
#include <stdio.h>

#include "base/jcs/jcs.h"
#include "plugins/host/host_internal.h"

enum {
    PATH_SHOWN_MAX = 80,
    VERSION_BYTES_MAX = 64,
    LINE_BYTES_MAX = 160,
    CODE_BYTES_MAX = 48,
    CODES_MAX = 64,
    LISTENS_MAX = 16,
    TABLE_NAME_BYTES_MAX = 31, /* with the kind's and the dot */
    PATTERN_BYTES_MAX = 200,
    SEGMENTS_MAX = 16,
    PARAMS_MAX = 8, /* of one pattern: HTTP_PARAMS_MAX */
    PARAM_NAME_BYTES_MAX = 32,
    ROUTE_BODY_BYTES_MAX = 32 << 20,
    OPENAPI_BYTES_MAX = 1 << 20,
    OPENAPI_DEPTH_MAX = 64,
    OPENAPI_VALUES_MAX = 100000,
    OPENAPI_ARENA_BYTES = 64 << 20,
};

#define SCOPES                                                                                     \
    ((uint32_t)LUCID_PLUGIN_SCOPE_READ | LUCID_PLUGIN_SCOPE_ADMIN | LUCID_PLUGIN_SCOPE_ATTEST |    \
     LUCID_PLUGIN_SCOPE_PASSPORT | LUCID_PLUGIN_SCOPE_AUDIT)

struct module_check {
    const struct lucid_plugin *module;
    const char *file;
    struct lucid_why *why;
};

const char *plugin_path_short(const char *path)
{
    size_t len = strlen(path);
    return len > PATH_SHOWN_MAX ? path + len - PATH_SHOWN_MAX : path;
}

/* LUCID_REFUSE_INVALID with "FILE: fault". */
static enum lucid_error LUCID_PRINTF(2, 3)
    fault(const struct module_check *check, const char *format, ...)
{
    char text[sizeof(check->why->text)];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return lucid_refuse(check->why, LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "plugins", "%s: %s",
                        plugin_path_short(check->file), len < 0 ? "is not a plugin" : text);
}

bool plugin_name_is_good(const char *name, size_t max)
{
    size_t len = strnlen(name, max + 1);
    bool good = len > 0 && len <= max && name[0] >= 'a' && name[0] <= 'z';
    for (size_t i = 1; good && i < len; i++) {
        good = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
               name[i] == '_';
    }
    return good;
}

/* One to max bytes of text without control characters; ascii: nothing else than that. */
static bool line_is_good(const char *text, size_t max, bool ascii)
{
    size_t len = text == NULL ? 0 : strnlen(text, max + 1);
    bool good = len > 0 && len <= max;
    for (size_t i = 0; good && i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        good = c >= 0x20 && c != 0x7f && (!ascii || c < 0x7f);
    }
    return good;
}

/* --- settings --------------------------------------------------------------------------------- */

static bool uint_read(const char *text, uint64_t *ret)
{
    size_t len = strnlen(text, 20);
    uint64_t value = 0;
    bool good = len > 0 && len <= 19;
    for (size_t i = 0; good && i < len; i++) {
        good = text[i] >= '0' && text[i] <= '9';
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *ret = value;
    return good;
}

bool plugin_setting_fits(const struct lucid_plugin_setting *setting, const char *text)
{
    uint64_t value = 0;
    switch (setting->type) {
    case LUCID_PLUGIN_TEXT:
        return text[0] == 0 || line_is_good(text, PLUGIN_SETTING_BYTES_MAX, false);
    case LUCID_PLUGIN_UINT:
        return uint_read(text, &value) && value >= setting->min && value <= setting->max;
    case LUCID_PLUGIN_BOOL:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    }
    return false;
}

static enum lucid_error settings_check(const struct module_check *check)
{
    const struct lucid_plugin_setting *settings = check->module->settings;
    for (size_t i = 0; settings != NULL && settings[i].key != NULL; i++) {
        const struct lucid_plugin_setting *setting = &settings[i];
        if (i == PLUGIN_SETTINGS_MAX) {
            return fault(check, "it has more than %d settings", PLUGIN_SETTINGS_MAX);
        }
        if (!plugin_name_is_good(setting->key, PLUGIN_SETTING_KEY_BYTES_MAX)) {
            return fault(check, "the key of its setting %zu is not [a-z][a-z0-9_]*, at most %d",
                         i + 1, PLUGIN_SETTING_KEY_BYTES_MAX);
        }
        if (setting->type != LUCID_PLUGIN_TEXT && setting->type != LUCID_PLUGIN_UINT &&
            setting->type != LUCID_PLUGIN_BOOL) {
            return fault(check, "its setting %s has no known type", setting->key);
        }
        if (setting->initial == NULL || !plugin_setting_fits(setting, setting->initial)) {
            return fault(check, "the initial value of its setting %s is not of its type",
                         setting->key);
        }
        if (!line_is_good(setting->help, LINE_BYTES_MAX, false)) {
            return fault(check, "its setting %s has no help of one line", setting->key);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(settings[j].key, setting->key) == 0) {
                return fault(check, "it has two settings %s", setting->key);
            }
        }
    }
    return LUCID_OK;
}

/* --- kinds ------------------------------------------------------------------------------------ */

/* Words of [a-z][a-z0-9_]* with dots between them. */
static bool type_is_good(const char *name, size_t words_min)
{
    size_t len = name == NULL ? 0 : strnlen(name, LUCID_PLUGIN_TYPE_BYTES_MAX + 1);
    bool good = len > 0 && len <= LUCID_PLUGIN_TYPE_BYTES_MAX;
    bool begins = true;
    size_t words = 1;
    for (size_t i = 0; good && i < len; i++) {
        bool letter = name[i] >= 'a' && name[i] <= 'z';
        bool other = (name[i] >= '0' && name[i] <= '9') || name[i] == '_';
        bool dot = name[i] == '.';
        good = begins ? letter : letter || other || dot;
        begins = dot;
        words += dot;
    }
    return good && !begins && words >= words_min;
}

/* Whether a kind, or a part of the list before it, has a type of that name already. */
static bool type_is_known(const struct lucid_plugin_kind *kinds, size_t kind, size_t type)
{
    const char *name = kinds[kind].types[type].name;
    for (size_t k = 0; k <= kind; k++) {
        for (size_t t = 0; (k < kind || t < type) && kinds[k].types[t].name != NULL; t++) {
            if (strcmp(kinds[k].types[t].name, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static enum lucid_error types_check(const struct module_check *check, size_t at)
{
    const struct lucid_plugin_kind *kind = &check->module->kinds[at];
    if (kind->types == NULL || kind->types[0].name == NULL) {
        return fault(check, "its kind %s has no event types", kind->name);
    }
    for (size_t t = 0; kind->types[t].name != NULL; t++) {
        const struct lucid_plugin_event_type *type = &kind->types[t];
        if (t == PLUGIN_TYPES_MAX) {
            return fault(check, "its kind %s has more than %d event types", kind->name,
                         PLUGIN_TYPES_MAX);
        }
        if (!type_is_good(type->name, 2)) {
            return fault(check, "event type %zu of its kind %s is not word.word, at most %d bytes",
                         t + 1, kind->name, LUCID_PLUGIN_TYPE_BYTES_MAX);
        }
        if (type->version == 0 || (type->version > 1 && type->upcast == NULL)) {
            return fault(check, "its event type %s %s", type->name,
                         type->version == 0 ? "has version 0" : "has older versions and no upcast");
        }
        if (type_is_known(check->module->kinds, at, t)) {
            return fault(check, "it has two event types %s", type->name);
        }
    }
    return LUCID_OK;
}

static bool kind_has_type(const struct lucid_plugin_kind *kind, const char *name)
{
    for (size_t t = 0; kind->types[t].name != NULL; t++) {
        if (strcmp(kind->types[t].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum lucid_error lists_check(const struct module_check *check,
                                    const struct lucid_plugin_kind *kind)
{
    size_t rest = TABLE_NAME_BYTES_MAX - strlen(kind->name) - 1;
    for (size_t t = 0; kind->tables != NULL && kind->tables[t] != NULL; t++) {
        if (t == PLUGIN_TABLES_MAX) {
            return fault(check, "its kind %s has more than %d tables", kind->name,
                         PLUGIN_TABLES_MAX);
        }
        if (!plugin_name_is_good(kind->tables[t], rest)) {
            return fault(check, "table %zu of its kind %s is not [a-z][a-z0-9_]*, at most %zu",
                         t + 1, kind->name, rest);
        }
        for (size_t u = 0; u < t; u++) {
            if (strcmp(kind->tables[u], kind->tables[t]) == 0) {
                return fault(check, "its kind %s has two tables %s", kind->name, kind->tables[t]);
            }
        }
    }
    for (size_t l = 0; kind->listens != NULL && kind->listens[l] != NULL; l++) {
        if (l == LISTENS_MAX) {
            return fault(check, "its kind %s listens to more than %d types", kind->name,
                         LISTENS_MAX);
        }
        if (!type_is_good(kind->listens[l], 1) || kind_has_type(kind, kind->listens[l])) {
            return fault(check, "what its kind %s listens to (%zu) is not a type of another kind",
                         kind->name, l + 1);
        }
    }
    return LUCID_OK;
}

static enum lucid_error kinds_check(const struct module_check *check)
{
    const struct lucid_plugin_kind *kinds = check->module->kinds;
    enum lucid_error error = LUCID_OK;
    for (size_t k = 0; error == LUCID_OK && kinds != NULL && kinds[k].name != NULL; k++) {
        const struct lucid_plugin_kind *kind = &kinds[k];
        if (k == PLUGIN_KINDS_MAX) {
            return fault(check, "it has more than %d kinds", PLUGIN_KINDS_MAX);
        }
        if (!plugin_name_is_good(kind->name, LUCID_PLUGIN_NAME_BYTES_MAX)) {
            return fault(check, "the name of its kind %zu is not [a-z][a-z0-9_]*, at most %d",
                         k + 1, LUCID_PLUGIN_NAME_BYTES_MAX);
        }
        if (kind->fold_version == 0) {
            return fault(check, "its kind %s has fold version 0", kind->name);
        }
        if (kind->decide == NULL || kind->apply == NULL) {
            return fault(check, "its kind %s has no %s", kind->name,
                         kind->decide == NULL ? "decide" : "apply");
        }
        for (size_t j = 0; j < k; j++) {
            if (strcmp(kinds[j].name, kind->name) == 0) {
                return fault(check, "it has two kinds %s", kind->name);
            }
        }
        error = types_check(check, k);
        if (error == LUCID_OK) {
            error = lists_check(check, kind);
        }
    }
    return error;
}

/* --- routes ----------------------------------------------------------------------------------- */

static bool method_is_known(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "POST") == 0 ||
           strcmp(method, "PUT") == 0 || strcmp(method, "DELETE") == 0;
}

/* A segment: "{name}", "{name*}" at the end, or literal characters of a path. */
static bool segment_is_good(const char *text, size_t len, bool last)
{
    bool variable = len > 2 && text[0] == '{' && text[len - 1] == '}';
    bool rest = variable && text[len - 2] == '*';
    bool good = len > 0 && (!rest || (last && len > 3));
    for (size_t i = variable ? 1 : 0; good && i < len - (variable ? 1 : 0) - (rest ? 1 : 0); i++) {
        bool word = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
                    (text[i] >= '0' && text[i] <= '9') || text[i] == '_';
        good = word || (!variable && strchr("-.~", text[i]) != NULL);
    }
    return good;
}

/* Few names, short ones, each once. */
static bool params_are_good(const char *pattern)
{
    const char *names[PARAMS_MAX];
    size_t lens[PARAMS_MAX];
    size_t count = 0;
    while ((pattern = strchr(pattern, '{')) != NULL) {
        size_t len = strcspn(pattern + 1, "*}");
        if (count == PARAMS_MAX || len > PARAM_NAME_BYTES_MAX) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            if (lens[i] == len && memcmp(names[i], pattern + 1, len) == 0) {
                return false;
            }
        }
        names[count] = pattern + 1;
        lens[count++] = len;
        pattern += 1 + len;
    }
    return true;
}

static bool pattern_is_good(const char *pattern)
{
    size_t len = pattern == NULL ? 0 : strnlen(pattern, PATTERN_BYTES_MAX + 1);
    bool good = len > 1 && len <= PATTERN_BYTES_MAX && pattern[0] == '/';
    size_t segments = 0;
    for (const char *at = pattern; good && *at != 0; segments++) {
        size_t segment = strcspn(at + 1, "/");
        good = segments < SEGMENTS_MAX && segment_is_good(at + 1, segment, at[1 + segment] == 0);
        at += 1 + segment;
    }
    return good && params_are_good(pattern);
}

/* Whether two patterns match the same paths. */
static bool patterns_equal(const char *a, const char *b)
{
    while (*a != 0 && *b != 0) {
        size_t a_len = strcspn(a + 1, "/");
        size_t b_len = strcspn(b + 1, "/");
        bool variable =
            a[1] == '{' && b[1] == '{' && (a[a_len - 1] == '*') == (b[b_len - 1] == '*');
        if (!variable && (a_len != b_len || memcmp(a, b, a_len + 1) != 0)) {
            return false;
        }
        a += a_len + 1;
        b += b_len + 1;
    }
    return *a == *b;
}

static bool price_class_is_known(const char *name)
{
    return name == NULL || strcmp(name, "match") == 0 || strcmp(name, "appraise") == 0 ||
           strcmp(name, "passport") == 0;
}

static enum lucid_error route_check(const struct module_check *check, size_t at)
{
    const struct lucid_plugin_route *route = &check->module->routes[at];
    if (!method_is_known(route->method) || !pattern_is_good(route->pattern)) {
        return fault(check, "its route %zu has no good method and pattern", at + 1);
    }
    const char *wrong = NULL;
    if (route->handle == NULL) {
        wrong = "has no handle";
    } else if ((route->scopes & ~SCOPES) != 0 ||
               (route->flags & ~(uint32_t)LUCID_PLUGIN_ROUTE_READS) != 0) {
        wrong = "has unknown scopes or flags";
    } else if (!price_class_is_known(route->price_class)) {
        wrong = "is of an unknown price class";
    } else if (route->price_class != NULL && route->scopes == 0) {
        wrong = "is sold and open to everybody";
    } else if (route->body_bytes_max > ROUTE_BODY_BYTES_MAX) {
        wrong = "takes more than 32 MiB";
    }
    for (size_t j = 0; wrong == NULL && j < at; j++) {
        const struct lucid_plugin_route *other = &check->module->routes[j];
        if (strcmp(other->method, route->method) == 0 &&
            patterns_equal(other->pattern, route->pattern)) {
            wrong = "is there twice";
        }
    }
    return wrong == NULL
               ? LUCID_OK
               : fault(check, "its route %s %.60s %s", route->method, route->pattern, wrong);
}

static enum lucid_error routes_check(const struct module_check *check)
{
    const struct lucid_plugin_route *routes = check->module->routes;
    enum lucid_error error = LUCID_OK;
    for (size_t r = 0; error == LUCID_OK && routes != NULL && routes[r].method != NULL; r++) {
        if (r == PLUGIN_ROUTES_MAX) {
            return fault(check, "it has more than %d routes", PLUGIN_ROUTES_MAX);
        }
        error = route_check(check, r);
    }
    return error;
}

/* --- the rest --------------------------------------------------------------------------------- */

static bool code_is_good(const char *code)
{
    size_t len = strnlen(code, CODE_BYTES_MAX + 1);
    bool good = len > 0 && len <= CODE_BYTES_MAX && code[0] >= 'A' && code[0] <= 'Z';
    for (size_t i = 1; good && i < len; i++) {
        good = (code[i] >= 'A' && code[i] <= 'Z') || (code[i] >= '0' && code[i] <= '9') ||
               code[i] == '_';
    }
    return good;
}

static enum lucid_error codes_check(const struct module_check *check)
{
    const struct lucid_plugin_code *codes = check->module->codes;
    for (size_t c = 0; codes != NULL && codes[c].code != NULL; c++) {
        if (c == CODES_MAX) {
            return fault(check, "it has more than %d codes", CODES_MAX);
        }
        if (!code_is_good(codes[c].code)) {
            return fault(check, "its code %zu is not in upper snake case", c + 1);
        }
        if (codes[c].status < 400 || codes[c].status > 599) {
            return fault(check, "its code %s has status %d: not one of 400 to 599", codes[c].code,
                         codes[c].status);
        }
        for (size_t j = 0; j < c; j++) {
            if (strcmp(codes[j].code, codes[c].code) == 0) {
                return fault(check, "it has two codes %s", codes[c].code);
            }
        }
    }
    return LUCID_OK;
}

static enum lucid_error openapi_check(const struct module_check *check)
{
    const struct jcs_limits limits = {.depth_max = OPENAPI_DEPTH_MAX,
                                      .values_max = OPENAPI_VALUES_MAX};
    if (check->module->openapi == NULL) {
        return LUCID_OK;
    }
    size_t len = strnlen(check->module->openapi, OPENAPI_BYTES_MAX + 1);
    if (len > OPENAPI_BYTES_MAX) {
        return fault(check, "its OpenAPI document is over 1 MiB");
    }
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    const struct jcs_value *root = NULL;
    lucid_arena_init(&arena, OPENAPI_ARENA_BYTES);
    enum lucid_error error =
        jcs_parse(lucid_span(check->module->openapi, len), &limits, &arena, &root, &why);
    bool object = error == LUCID_OK && jcs_type(root) == JCS_OBJECT;
    lucid_arena_fini(&arena);
    if (error == LUCID_RETRY_MEMORY) {
        return lucid_refuse(check->why, error, "NO_MEMORY", NULL, "no memory for plugins");
    }
    return object ? LUCID_OK
                  : fault(check, "its OpenAPI document is no JSON object (%.60s)",
                          error == LUCID_OK ? "another value" : why.text);
}

static enum lucid_error head_check(const struct module_check *check, const char *name)
{
    const struct lucid_plugin *module = check->module;
    if (module->name == NULL || !plugin_name_is_good(module->name, LUCID_PLUGIN_NAME_BYTES_MAX)) {
        return fault(check, "its name is not [a-z][a-z0-9_]*, at most %d bytes",
                     LUCID_PLUGIN_NAME_BYTES_MAX);
    }
    if (strcmp(module->name, name) != 0) {
        return fault(check, "it is the plugin %s: the file must have that name", module->name);
    }
    if (!line_is_good(module->version, VERSION_BYTES_MAX, true)) {
        return fault(check, "its version is not 1 to %d printable characters", VERSION_BYTES_MAX);
    }
    if (!line_is_good(module->summary, LINE_BYTES_MAX, false)) {
        return fault(check, "its summary is not one line of at most %d bytes", LINE_BYTES_MAX);
    }
    if (module->open == NULL || module->close == NULL) {
        return fault(check, "it has no %s", module->open == NULL ? "open" : "close");
    }
    return LUCID_OK;
}

enum lucid_error plugin_module_check(const struct lucid_plugin *module, const char *file,
                                     const char *name, struct lucid_why *why)
{
    const struct module_check check = {.module = module, .file = file, .why = why};
    /* First and alone: with another number nothing behind it is known to be where we look. */
    if (module->abi != LUCID_PLUGIN_ABI) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "PLUGIN_ABI", "plugins",
                            "%s: it was built for plugin ABI %u, this service has %u",
                            plugin_path_short(file), (unsigned)module->abi,
                            (unsigned)LUCID_PLUGIN_ABI);
    }
    enum lucid_error error = head_check(&check, name);
    if (error == LUCID_OK) {
        error = settings_check(&check);
    }
    if (error == LUCID_OK) {
        error = kinds_check(&check);
    }
    if (error == LUCID_OK) {
        error = routes_check(&check);
    }
    if (error == LUCID_OK) {
        error = codes_check(&check);
    }
    return error == LUCID_OK ? openapi_check(&check) : error;
}

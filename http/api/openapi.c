/* GET /openapi.json: the routes' own document, and what plugins add to it. */
#include "http/api/openapi_internal.h"

#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "http/api/api_internal.h"

enum { DOCUMENTS_MAX = 16, DEPTH_MAX = 32, VALUES_MAX = 1 << 20 };
#define ARENA_BYTES_MAX ((size_t)256 << 20)

/* --- uniting documents ------------------------------------------------------------------------ */

/* The values that stand at one place, one per document that has something there. */
struct place {
    const struct jcs_value *values[DOCUMENTS_MAX];
    size_t count;
};

static enum lucid_error place_write(const struct place *place, struct lucid_buf *out,
                                    struct lucid_why *why);

static enum lucid_error refuse_place(const struct jcs_value *value, struct lucid_why *why)
{
    char name[64];
    struct lucid_span span = jcs_name(value);
    size_t len = span.len < sizeof(name) - 1 ? span.len : sizeof(name) - 1;
    memcpy(name, len == 0 ? "" : (const char *)span.data, len);
    name[len] = '\0';
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "OPENAPI_CONFLICT", name,
                        "two parts of the OpenAPI document differ in %s", name);
}

static bool given_before(const struct place *place, size_t document, const char *name)
{
    for (size_t i = 0; i < document; i++) {
        if (jcs_member(place->values[i], name) != NULL) {
            return true;
        }
    }
    return false;
}

/* One member, with what all documents from this one on say about it. */
static enum lucid_error member_write(const struct place *place, size_t document, const char *name,
                                     struct lucid_buf *out, struct lucid_why *why)
{
    struct place inner = {.count = 0};
    for (size_t i = document; i < place->count; i++) {
        const struct jcs_value *value = jcs_member(place->values[i], name);
        if (value != NULL) {
            inner.values[inner.count++] = value;
        }
    }
    lucid_json_string(out, lucid_span_str(name));
    lucid_buf_char(out, ':');
    return place_write(&inner, out, why);
}

static enum lucid_error object_write(const struct place *place, struct lucid_buf *out,
                                     struct lucid_why *why)
{
    bool first = true;
    lucid_buf_char(out, '{');
    for (size_t i = 0; i < place->count; i++) {
        for (const struct jcs_value *at = jcs_next(place->values[i], NULL); at != NULL;
             at = jcs_next(place->values[i], at)) {
            char name[256];
            struct lucid_span span = jcs_name(at);
            if (span.len >= sizeof(name) || memchr(span.data, 0, span.len) != NULL) {
                return refuse_place(at, why);
            }
            memcpy(name, span.data, span.len);
            name[span.len] = '\0';
            if (given_before(place, i, name)) {
                continue;
            }
            if (!first) {
                lucid_buf_char(out, ',');
            }
            first = false;
            enum lucid_error error = member_write(place, i, name, out, why);
            if (error != LUCID_OK) {
                return error;
            }
        }
    }
    lucid_buf_char(out, '}');
    return LUCID_OK;
}

static void array_write(const struct place *place, struct lucid_buf *out)
{
    bool first = true;
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < place->count; i++) {
        for (const struct jcs_value *at = jcs_next(place->values[i], NULL); at != NULL;
             at = jcs_next(place->values[i], at)) {
            if (!first) {
                lucid_buf_char(out, ',');
            }
            first = false;
            jcs_write(at, out);
        }
    }
    lucid_buf_char(out, ']');
}

/* A scalar that all documents must agree on. */
static enum lucid_error scalar_write(const struct place *place, struct lucid_buf *out,
                                     struct lucid_why *why)
{
    size_t begin = out->len;
    jcs_write(place->values[0], out);
    size_t len = out->len - begin;
    for (size_t i = 1; i < place->count; i++) {
        struct lucid_buf other = {0};
        jcs_write(place->values[i], &other);
        bool equal = lucid_buf_ok(&other) && lucid_buf_ok(out) && other.len == len &&
                     memcmp(other.data, out->data + begin, len) == 0;
        lucid_buf_fini(&other);
        if (!equal) {
            return refuse_place(place->values[i], why);
        }
    }
    return LUCID_OK;
}

static enum lucid_error place_write(const struct place *place, struct lucid_buf *out,
                                    struct lucid_why *why)
{
    enum jcs_type type = jcs_type(place->values[0]);
    for (size_t i = 1; i < place->count; i++) {
        if (jcs_type(place->values[i]) != type) {
            return refuse_place(place->values[i], why);
        }
    }
    if (type == JCS_OBJECT) {
        return object_write(place, out, why);
    }
    if (type == JCS_ARRAY) {
        array_write(place, out);
        return LUCID_OK;
    }
    return scalar_write(place, out, why);
}

enum lucid_error api_openapi_unite(const struct lucid_span *documents, size_t count,
                                   struct lucid_buf *out, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = DEPTH_MAX, .values_max = VALUES_MAX};
    lucid_assert(count >= 1 && count <= DOCUMENTS_MAX);
    struct lucid_arena arena;
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    struct place place = {.count = count};
    enum lucid_error error = LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < count; i++) {
        error = jcs_parse(documents[i], &limits, &arena, &place.values[i], why);
        if (error == LUCID_OK && jcs_type(place.values[i]) != JCS_OBJECT) {
            error = lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_JSON", NULL,
                                 "a part of the OpenAPI document is no object");
        }
    }
    if (error == LUCID_OK) {
        error = place_write(&place, out, why);
    }
    lucid_arena_fini(&arena);
    return error != LUCID_OK || lucid_buf_ok(out) ? error : LUCID_RETRY_MEMORY;
}

/* --- the route -------------------------------------------------------------------------------- */

/* What a plugin has to say of itself, or what its routes say. */
static enum lucid_error part_of(const struct plugin *plugin, struct lucid_buf *out,
                                struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    if (plugin->module->openapi == NULL) {
        api_plugin_document_write(plugin, out);
    } else {
        error = api_plugin_document_judge(plugin, why);
        lucid_buf_str(out, plugin->module->openapi);
    }
    return error == LUCID_OK && !lucid_buf_ok(out) ? LUCID_RETRY_MEMORY : error;
}

enum lucid_error api_openapi_open(struct api *api, struct lucid_why *why)
{
    const struct api_options *options = &api->options;
    struct lucid_span documents[DOCUMENTS_MAX] = {
        lucid_span(api_openapi_document, api_openapi_document_len)};
    struct lucid_buf parts[DOCUMENTS_MAX] = {{0}};
    size_t count = 1;
    enum lucid_error error = LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < options->plugin_count; i++) {
        lucid_assert(count < DOCUMENTS_MAX);
        error = part_of(options->plugins[i], &parts[count], why);
        documents[count] = lucid_buf_span(&parts[count]);
        count++;
    }
    if (error == LUCID_OK && count > 1) {
        error = api_openapi_unite(documents, count, &api->openapi, why);
    } else if (error == LUCID_OK) {
        lucid_buf_span_put(&api->openapi, documents[0]);
        error = lucid_buf_ok(&api->openapi) ? LUCID_OK : LUCID_RETRY_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        lucid_buf_fini(&parts[i]);
    }
    return error;
}

void api_openapi_get(struct http_request *request, const struct http_route *route)
{
    struct lucid_buf out = {0};
    lucid_buf_span_put(&out, lucid_buf_span(&api_of_route(route)->openapi));
    api_answer_tagged(request, API_JSON, &out, false);
}

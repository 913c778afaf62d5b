/* Files of applications: read whole or refused, and looked up. */
#include "plugins/passport/application.h"

#include <stdio.h>

#include "plugins/passport/application_internal.h"
#include "plugins/passport/yaml_json.h"

static const char code[] = "INVALID_APPLICATION";

enum { JSON_BYTES_MAX = 4 * APPLICATION_BYTES_MAX };

/* --- what two must not share ------------------------------------------------------------------ */

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool application_same_text(struct lucid_span a, struct lucid_span b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++) {
        same = lower(a.data[i]) == lower(b.data[i]);
    }
    return same;
}

/* The endpoint of `a` that also is one of b's, or that an earlier one of a is for a client that
 * says its host only; SIZE_MAX: none. */
static size_t endpoint_shared(const struct application *a, const struct application *b)
{
    for (size_t i = 0; i < a->endpoint_count; i++) {
        struct lucid_span host = application_endpoint_host(a->endpoints[i]);
        for (size_t k = 0; k < b->endpoint_count; k++) {
            if (application_same_text(host, application_endpoint_host(b->endpoints[k]))) {
                return i;
            }
        }
    }
    return SIZE_MAX;
}

/* Refuses the later of two that share something. */
static void shared_check(const struct field *document, const struct application *earlier,
                         const struct application *later)
{
    struct field metadata = field_member(document, "metadata");
    struct field name = field_member(&metadata, "name");
    struct field spec = field_member(document, "spec");
    struct field passport = field_member(&spec, "passport");
    struct field app_name = field_member(&passport, "appName");
    struct field endpoints = field_member(&passport, "endpoints");
    size_t shared = endpoint_shared(later, earlier);
    if (lucid_span_equal(earlier->name, later->name)) {
        field_refuse(&name, "another application has this name");
    }
    if (application_same_text(earlier->app_name, later->app_name)) {
        field_refuse(&app_name, "the application %.*s has this appName", (int)earlier->name.len,
                     (const char *)earlier->name.data);
    }
    if (shared != SIZE_MAX) {
        struct field item = field_walk(&endpoints);
        for (size_t i = 0; i <= shared && field_next(&endpoints, &item); i++) {
        }
        field_refuse(&item, "the application %.*s has an endpoint of this host",
                     (int)earlier->name.len, (const char *)earlier->name.data);
    }
}

/* --- the file --------------------------------------------------------------------------------- */

static enum lucid_error documents_read(const struct field *list, struct applications *ret)
{
    struct field_reading *reading = list->reading;
    struct field document = field_walk(list);
    if (!field_array(list, 1, APPLICATIONS_MAX)) {
        return reading->error;
    }
    struct applications read = {
        .items = field_alloc(list, jcs_count(list->value) * sizeof(*read.items)),
    };
    while (read.items != NULL && field_next(list, &document)) {
        application_read(&document, &read.items[read.count]);
        for (size_t i = 0; reading->error == LUCID_OK && i < read.count; i++) {
            shared_check(&document, &read.items[i], &read.items[read.count]);
        }
        read.count++;
    }
    if (reading->error == LUCID_OK) {
        *ret = read;
    }
    return reading->error;
}

static enum lucid_error json_read(const struct yaml_json *json, struct lucid_arena *arena,
                                  struct applications *ret, struct lucid_why *why)
{
    struct field_reading reading = {.code = code, .arena = arena, .why = why};
    struct field root;
    enum lucid_error error = field_parse(&reading, lucid_buf_span(&json->text), JSON_BYTES_MAX,
                                         YAML_JSON_DEPTH_MAX + 2, &root);
    if (error != LUCID_OK) {
        return error;
    }
    struct field list = field_member(&root, json->name);
    return documents_read(&list, ret);
}

/* Puts the line before the sentence. */
static void line_say(const struct yaml_json *json, struct lucid_why *why)
{
    char text[sizeof(why->text)];
    size_t line = yaml_json_line(json, why->param);
    memcpy(text, why->text, sizeof(text));
    if (line > 0) {
        /* Cut to fit, as every sentence is. */
        int len = snprintf(why->text, sizeof(why->text), "line %zu: ", line);
        size_t rest = sizeof(why->text) - 1 - (size_t)len;
        size_t copied = strlen(text) < rest ? strlen(text) : rest;
        memcpy(why->text + len, text, copied);
        why->text[(size_t)len + copied] = '\0';
    }
    why->code = code;
    why->offset = 0; /* of a text that nobody has seen */
}

enum lucid_error applications_read(struct lucid_span text, struct lucid_arena *arena,
                                   struct applications *ret, struct lucid_why *why)
{
    struct yaml_json json = {.name = NULL};
    struct lucid_why own = {.code = NULL};
    enum lucid_error error =
        yaml_json_read(text, "applications", APPLICATION_BYTES_MAX, code, &json, &own);
    if (error == LUCID_OK && json.documents == 0) {
        error = lucid_refuse(&own, LUCID_REFUSE_INVALID, code, "applications",
                             "there is no application");
    } else if (error == LUCID_OK) {
        error = json_read(&json, arena, ret, &own);
        if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
            line_say(&json, &own);
        }
    }
    yaml_json_fini(&json);
    if (why != NULL && error != LUCID_OK && own.code != NULL) {
        *why = own;
    }
    return error;
}

/* --- looking up ------------------------------------------------------------------------------- */

const struct application *applications_find(const struct applications *applications,
                                            struct lucid_span name)
{
    for (size_t i = 0; i < applications->count; i++) {
        if (lucid_span_equal(applications->items[i].name, name)) {
            return &applications->items[i];
        }
    }
    return NULL;
}

/* Whether a Host header is that of an endpoint, which never says its scheme's own port. */
static bool host_is(struct lucid_span endpoint, struct lucid_span host)
{
    struct lucid_span own = application_endpoint_host(endpoint);
    const char *port = endpoint.data[4] == 's' ? ":443" : ":80";
    size_t port_len = strlen(port);
    if (application_same_text(own, host)) {
        return true;
    }
    return host.len == own.len + port_len && memcmp(host.data + own.len, port, port_len) == 0 &&
           application_same_text(own, lucid_span(host.data, own.len));
}

const struct application *applications_find_host(const struct applications *applications,
                                                 struct lucid_span host)
{
    for (size_t i = 0; i < applications->count; i++) {
        const struct application *application = &applications->items[i];
        for (size_t k = 0; k < application->endpoint_count; k++) {
            if (host_is(application->endpoints[k], host)) {
                return application;
            }
        }
    }
    return NULL;
}

bool application_allows(const struct application *application, const char *token)
{
    for (size_t i = 0; i < application->token_count; i++) {
        if (lucid_span_is(application->tokens[i], token)) {
            return true;
        }
    }
    return application->token_count == 0;
}

/* One application, member by member. */
#include "base/visible.h"
#include "plugins/passport/application_internal.h"

#include <stdio.h>

#include "plugins/verifier/claims.h"
#include "plugins/verifier/freshness.h"

enum {
    TOKEN_ID_DIGITS = 16,
    APPRAISAL_AGE_S_MAX = 366 * 86400,
    REGISTRY_BYTES_MAX = 255,
    EXPECTED_BYTES_MAX = 2048,
    KEY_BYTES_MAX = 4096,
};

/* --- text ------------------------------------------------------------------------------------- */

/* YAML takes what is written without quotes for a number or a truth where it can. */
static bool is_text(const struct field *at)
{
    if (at->reading->error != LUCID_OK || at->value == NULL || jcs_type(at->value) == JCS_STRING) {
        return at->reading->error == LUCID_OK;
    }
    enum jcs_type type = jcs_type(at->value);
    return field_refuse(at, type == JCS_OBJECT || type == JCS_ARRAY
                                ? "must be text"
                                : "must be text: put it in quotes");
}

bool application_bytes_read(const struct field *at, size_t max, struct lucid_span *ret)
{
    return is_text(at) && field_text(at, 1, max, ret);
}

bool application_shown_check(const struct field *at, struct lucid_span text)
{
    return !lucid_has_unseen(text) ||
           field_refuse(at, "must not hold control characters, nor ones that turn the direction "
                            "of writing: people would read something else");
}

bool application_text_read(const struct field *at, struct lucid_span *ret)
{
    struct lucid_span text = {.data = NULL};
    size_t characters = 0;
    if (!application_bytes_read(at, APPLICATION_TEXT_BYTES_MAX, &text) || text.data == NULL) {
        return at->reading->error == LUCID_OK;
    }
    for (size_t i = 0; i < text.len; i++) {
        characters += (text.data[i] & 0xC0) != 0x80;
    }
    if (characters > PASSPORT_NAME_CHARS_MAX) {
        return field_refuse(at, "must have at most %d characters", PASSPORT_NAME_CHARS_MAX);
    }
    if (!application_shown_check(at, text)) {
        return false;
    }
    *ret = text;
    return true;
}

static bool name_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
}

static void name_read(const struct field *at, struct lucid_span *ret)
{
    struct lucid_span name = {.data = NULL};
    if (!field_required(at) || !application_bytes_read(at, APPLICATION_NAME_BYTES_MAX, &name)) {
        return;
    }
    bool good = name.data[0] != '-' && name.data[name.len - 1] != '-';
    for (size_t i = 0; i < name.len; i++) {
        good = good && name_byte(name.data[i]);
    }
    if (!good) {
        field_refuse(at, "must be a-z, 0-9 and - between them");
        return;
    }
    *ret = name;
}

static bool seen(const struct lucid_span *list, size_t count, struct lucid_span text)
{
    for (size_t i = 0; i < count; i++) {
        if (lucid_span_equal(list[i], text)) {
            return true;
        }
    }
    return false;
}

/* An optional list of different texts. */
static void texts_read(const struct field *at, size_t max, size_t bytes_max, struct lucid_span *ret,
                       size_t *ret_count)
{
    struct field item = field_walk(at);
    size_t count = 0;
    if (at->value == NULL || !field_array(at, 1, max)) {
        return;
    }
    while (field_next(at, &item)) {
        struct lucid_span text = {.data = NULL};
        if (!application_bytes_read(&item, bytes_max, &text)) {
            return;
        }
        if (seen(ret, count, text)) {
            field_refuse(&item, "stands in the list already");
            return;
        }
        ret[count++] = text;
    }
    *ret_count = count;
}

/* --- where it is, who acts for it ------------------------------------------------------------- */

struct lucid_span application_endpoint_host(struct lucid_span endpoint)
{
    size_t scheme = endpoint.len > 7 && endpoint.data[4] == 's' ? 8 : 7;
    return lucid_span(endpoint.data + scheme, endpoint.len - scheme);
}

static void endpoints_read(const struct field *at, struct application *ret)
{
    struct field item = field_walk(at);
    texts_read(at, PASSPORT_ENDPOINTS_MAX, PASSPORT_ENDPOINT_BYTES_MAX, ret->endpoints,
               &ret->endpoint_count);
    for (size_t i = 0; i < ret->endpoint_count && field_next(at, &item); i++) {
        if (!passport_endpoint_is_good(ret->endpoints[i])) {
            field_refuse(&item, "must be an origin: https://host or https://host:port in lower "
                                "case, without a path (http only on this host)");
        }
    }
}

static void tokens_read(const struct field *at, struct application *ret)
{
    struct field item = field_walk(at);
    texts_read(at, APPLICATION_TOKENS_MAX, TOKEN_ID_DIGITS, ret->tokens, &ret->token_count);
    for (size_t i = 0; i < ret->token_count && field_next(at, &item); i++) {
        if (!lucid_is_hex(ret->tokens[i], TOKEN_ID_DIGITS)) {
            field_refuse(&item, "must be the id of a token: %d lower-case hex digits",
                         TOKEN_ID_DIGITS);
        }
    }
}

static void evidence_read(const struct field *at, struct application *ret)
{
    const char *names[PASSPORT_EVIDENCES + 1];
    for (size_t i = 0; i < PASSPORT_EVIDENCES; i++) {
        names[i] = passport_evidence_name((enum passport_evidence)i);
        ret->evidence[i] = i != PASSPORT_MODEL_FINGERPRINT;
    }
    names[PASSPORT_EVIDENCES] = NULL;
    if (!field_object(at, names)) {
        return;
    }
    for (size_t i = 0; i < PASSPORT_EVIDENCES; i++) {
        struct field member = field_member(at, names[i]);
        field_bool(&member, &ret->evidence[i]);
    }
}

/* --- what it is made of ----------------------------------------------------------------------- */

static void digest_read(const struct field *object, const char *name, bool *ret_has,
                        uint8_t ret[LUCID_SHA256_BYTES])
{
    struct field digest = field_member(object, name);
    if (is_text(&digest) && field_digest(&digest, ret)) {
        *ret_has = digest.value != NULL;
    }
}

static void container_read(const struct field *at, struct application *ret)
{
    static const char *const names[] = {"digest", "registry", NULL};
    struct field registry = field_member(at, "registry");
    if (at->value == NULL || !field_object(at, names)) {
        return;
    }
    struct field digest = field_must(at, "digest");
    bool has = false;
    if (field_required(&digest)) {
        digest_read(at, "digest", &has, ret->container.digest);
    }
    if (application_bytes_read(&registry, REGISTRY_BYTES_MAX, &ret->container.registry)) {
        (void)application_shown_check(&registry, ret->container.registry);
    }
    ret->container.present = true;
}

static void model_read(const struct field *at, struct application *ret)
{
    static const char *const names[] = {"name", "digest", NULL};
    struct field name = field_member(at, "name");
    if (at->value == NULL || !field_object(at, names) || !field_required(&name)) {
        return;
    }
    application_text_read(&name, &ret->model.name);
    digest_read(at, "digest", &ret->model.has_digest, ret->model.digest);
    ret->model.present = true;
}

static void auditor_read(const struct field *at, struct application_auditor *ret)
{
    static const char *const names[] = {"id", "name", "digest", NULL};
    struct field id = field_member(at, "id");
    struct field name = field_member(at, "name");
    if (!field_object(at, names) || !field_required(&id) || !field_required(&name)) {
        return;
    }
    if (is_text(&id)) {
        field_name(&id, CLAIMS_ID_BYTES_MAX, &ret->id);
    }
    application_text_read(&name, &ret->name);
    digest_read(at, "digest", &ret->has_digest, ret->digest);
}

static void auditors_read(const struct field *at, struct application *ret)
{
    struct field item = field_walk(at);
    if (at->value == NULL || !field_array(at, 1, PASSPORT_AUDITORS_MAX)) {
        return;
    }
    while (field_next(at, &item)) {
        struct application_auditor *auditor = &ret->auditors[ret->auditor_count];
        auditor_read(&item, auditor);
        for (size_t i = 0; i < ret->auditor_count; i++) {
            if (lucid_span_equal(ret->auditors[i].id, auditor->id)) {
                field_refuse(&item, "an auditor of this id stands in the list already");
                return;
            }
        }
        ret->auditor_count++;
    }
}

static void uri_read(const struct field *at, struct lucid_span *ret)
{
    struct lucid_span uri = {.data = NULL};
    if (!application_bytes_read(at, PASSPORT_URI_BYTES_MAX, &uri) || uri.data == NULL) {
        return;
    }
    if (!passport_uri_is_good(uri)) {
        field_refuse(at, "must be an https URL");
        return;
    }
    *ret = uri;
}

/* --- builders --------------------------------------------------------------------------------- */

static void keys_read(const struct field *at, struct slsa_builder *ret)
{
    struct field item = field_walk(at);
    struct lucid_why why = {.code = NULL};
    if (!field_required(at) || !field_array(at, 1, SLSA_BUILDER_KEYS_MAX)) {
        return;
    }
    while (field_next(at, &item)) {
        struct lucid_span text = {.data = NULL};
        if (!is_text(&item) || jcs_string(item.value).len == 0 ||
            jcs_string(item.value).len > KEY_BYTES_MAX) {
            field_refuse(&item, "must have 1 to %d bytes", KEY_BYTES_MAX);
            return;
        }
        text = jcs_string(item.value); /* PEM has lines: no field_text */
        enum lucid_error error = slsa_key_read(text, &ret->keys[ret->key_count], &why);
        if (error == LUCID_RETRY_MEMORY) {
            item.reading->error = error;
            return;
        }
        if (error != LUCID_OK) {
            field_refuse(&item, "%s", why.text);
            return;
        }
        ret->key_count++;
    }
}

static void builder_read(const struct field *at, struct slsa_builder *ret)
{
    static const char *const names[] = {"id", "keys", "isolated", "sources", "buildTypes", NULL};
    struct field id = field_member(at, "id");
    struct field keys = field_member(at, "keys");
    struct field isolated = field_member(at, "isolated");
    struct field sources = field_member(at, "sources");
    struct field build_types = field_member(at, "buildTypes");
    if (!field_object(at, names) || !field_required(&id)) {
        return;
    }
    application_bytes_read(&id, EXPECTED_BYTES_MAX, &ret->id);
    keys_read(&keys, ret);
    field_bool(&isolated, &ret->isolated);
    texts_read(&sources, SLSA_EXPECTED_MAX, EXPECTED_BYTES_MAX, ret->sources, &ret->source_count);
    texts_read(&build_types, SLSA_EXPECTED_MAX, EXPECTED_BYTES_MAX, ret->build_types,
               &ret->build_type_count);
}

/* What only shows when they stand beside one another, and the form of what they are expected to
 * build. */
static void builders_check(const struct field *at, const struct slsa_builders *builders)
{
    static const char name[] = "builders";
    struct lucid_why why = {.code = NULL};
    struct lucid_why *said = at->reading->why;
    if (at->reading->error != LUCID_OK || slsa_builders_check(builders, &why) == LUCID_OK) {
        return;
    }
    field_refuse(at, "%s", why.text);
    if (said != NULL) { /* the place as far as the list, and on from there */
        size_t len = strlen(said->param);
        (void)snprintf(said->param + len, sizeof(said->param) - len, "%s",
                       why.param + sizeof(name) - 1);
    }
}

static void builders_read(const struct field *at, struct application *ret)
{
    struct field item = field_walk(at);
    struct slsa_builders *builders = &ret->builders;
    if (at->value == NULL || !field_array(at, 1, SLSA_BUILDERS_MAX)) {
        return;
    }
    builders->items = field_alloc(at, jcs_count(at->value) * sizeof(*builders->items));
    while (builders->items != NULL && field_next(at, &item)) {
        struct slsa_builder *builder = &builders->items[builders->count];
        builder_read(&item, builder);
        builders->count++;
    }
    builders_check(at, builders);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void limits_read(const struct field *at, struct application *ret)
{
    struct field validity = field_member(at, "validityDays");
    struct field level = field_member(at, "minSlsaLevel");
    struct field age = field_member(at, "maxAppraisalAgeSeconds");
    struct field policy = field_member(at, "policy");
    struct field audience = field_member(at, "audience");
    uint64_t slsa_level = 0;
    ret->validity_days = APPLICATION_VALIDITY_DAYS;
    field_uint(&validity, 1, PASSPORT_VALIDITY_DAYS_MAX, &ret->validity_days);
    field_uint(&level, 0, SLSA_LEVEL_MAX, &slsa_level);
    ret->slsa_level_min = (unsigned)slsa_level;
    field_uint(&age, 1, APPRAISAL_AGE_S_MAX, &ret->appraisal_age_s_max);
    if (policy.value != NULL && is_text(&policy)) {
        ret->has_policy = field_digest(&policy, ret->policy);
    }
    application_bytes_read(&audience, FRESHNESS_AUDIENCE_BYTES_MAX, &ret->audience);
}

static void passport_member_read(const struct field *at, struct application *ret)
{
    static const char *const names[] = {
        "appName",   "version",  "endpoints", "validityDays",  "minSlsaLevel",
        "policy",    "tokens",   "audience",  "evidence",      "maxAppraisalAgeSeconds",
        "container", "auditors", "model",     "provenanceUri", "builders",
        "display",   NULL};
    struct field app_name = field_member(at, "appName");
    struct field version = field_member(at, "version");
    struct field endpoints = field_member(at, "endpoints");
    struct field tokens = field_member(at, "tokens");
    struct field evidence = field_member(at, "evidence");
    struct field container = field_member(at, "container");
    struct field auditors = field_member(at, "auditors");
    struct field model = field_member(at, "model");
    struct field provenance = field_member(at, "provenanceUri");
    struct field builders = field_member(at, "builders");
    struct field display = field_member(at, "display");
    if (!field_required(at) || !field_object(at, names) || !field_required(&app_name)) {
        return;
    }
    application_text_read(&app_name, &ret->app_name);
    application_text_read(&version, &ret->version);
    endpoints_read(&endpoints, ret);
    limits_read(at, ret);
    tokens_read(&tokens, ret);
    evidence_read(&evidence, ret);
    container_read(&container, ret);
    auditors_read(&auditors, ret);
    model_read(&model, ret);
    uri_read(&provenance, &ret->provenance_uri);
    builders_read(&builders, ret);
    application_display_read(&display, ret);
}

void application_read(const struct field *document, struct application *ret)
{
    static const char *const names[] = {"apiVersion", "kind", "metadata", "spec", NULL};
    struct field metadata = field_member(document, "metadata");
    struct field spec = field_member(document, "spec");
    struct field name = field_member(&metadata, "name");
    struct field passport = field_member(&spec, "passport");
    if (jcs_type(document->value) != JCS_OBJECT) {
        field_refuse(document, "the document must be a mapping of metadata and spec");
        return;
    }
    if (field_object(document, names) && field_required(&metadata) &&
        field_object(&metadata, NULL)) {
        name_read(&name, &ret->name);
    }
    if (field_required(&spec) && field_object(&spec, NULL)) {
        passport_member_read(&passport, ret);
    }
}

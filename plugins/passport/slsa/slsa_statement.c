/* in-toto statements with SLSA provenance: https://in-toto.io/Statement/v1 and v0.1,
 * https://slsa.dev/provenance/v1 and v0.2. */
#include "plugins/passport/slsa/slsa_internal.h"
#include "plugins/verifier/field.h"

static const char *const statement_types[] = {"https://in-toto.io/Statement/v1",
                                              "https://in-toto.io/Statement/v0.1", NULL};
static const char *const predicate_types[] = {"https://slsa.dev/provenance/v1",
                                              "https://slsa.dev/provenance/v0.2", NULL};
enum { PREDICATE_V1, PREDICATE_V02 };

/* --- subjects --------------------------------------------------------------------------------- */

/* By the name "sha256" and no other: 64 digits under the name of another algorithm are another
 * digest. */
static void subject_read(const struct field *at, struct slsa_provenance *ret)
{
    struct field digest = field_member(at, "digest");
    struct field sha256 = field_member(&digest, "sha256");
    struct lucid_span bytes = {.data = NULL};
    field_object(at, NULL);
    field_object(&digest, NULL);
    if (field_hex(&sha256, LUCID_SHA256_BYTES, LUCID_SHA256_BYTES, &bytes) && bytes.data != NULL) {
        memcpy(ret->subjects[ret->subject_count++], bytes.data, LUCID_SHA256_BYTES);
    }
}

static void subjects_read(const struct field *document, struct slsa_provenance *ret)
{
    struct field list = field_must(document, "subject");
    if (!field_array(&list, 1, SLSA_SUBJECTS_MAX)) {
        return;
    }
    ret->subjects = field_alloc(&list, jcs_count(list.value) * sizeof(*ret->subjects));
    struct field item = field_walk(&list);
    while (field_next(&list, &item)) {
        subject_read(&item, ret);
    }
}

/* --- predicates ------------------------------------------------------------------------------- */

/* A member that must be an object. */
static struct field object_must(const struct field *at, const char *name)
{
    struct field object = field_must(at, name);
    field_object(&object, NULL);
    return object;
}

/* Text where it stands: what is no text, or too long, is none. Parameters are what a builder makes
 * of them, so their form is nothing to refuse. */
static struct lucid_span text_of(const struct jcs_value *value)
{
    if (value == NULL || jcs_type(value) != JCS_STRING ||
        jcs_string(value).len > SLSA_TEXT_BYTES_MAX) {
        return lucid_span(NULL, 0);
    }
    return jcs_string(value);
}

/* "git+" repository "@" ref, the form that builders give sources in themselves. A repository with
 * an '@' of its own could pass for another with a ref: none. */
static void workflow_source(const struct field *workflow, struct slsa_provenance *ret)
{
    struct lucid_span repository = text_of(jcs_member(workflow->value, "repository"));
    struct lucid_span ref = text_of(jcs_member(workflow->value, "ref"));
    if (repository.len == 0 || memchr(repository.data, '@', repository.len) != NULL ||
        repository.len + ref.len > SLSA_TEXT_BYTES_MAX) {
        return;
    }
    uint8_t *text = field_alloc(workflow, 5 + repository.len + ref.len);
    if (text == NULL) {
        return;
    }
    size_t len = 4;
    memcpy(text, "git+", len);
    memcpy(text + len, repository.data, repository.len);
    len += repository.len;
    if (ref.len > 0) {
        text[len++] = '@';
        memcpy(text + len, ref.data, ref.len);
        len += ref.len;
    }
    ret->source = lucid_span(text, len);
}

static void source_read(const struct field *parameters, struct slsa_provenance *ret)
{
    struct field source = field_member(parameters, "source");
    struct field workflow = field_member(parameters, "workflow");
    struct field config = field_member(parameters, "configSource");
    if (source.value != NULL) {
        const struct jcs_value *uri = jcs_member(source.value, "uri");
        ret->source = text_of(uri != NULL ? uri : source.value);
    } else if (workflow.value != NULL) {
        workflow_source(&workflow, ret);
    } else {
        ret->source = text_of(jcs_member(config.value, "uri"));
    }
}

static void v1_read(const struct field *predicate, struct slsa_provenance *ret)
{
    struct field definition = object_must(predicate, "buildDefinition");
    struct field details = object_must(predicate, "runDetails");
    struct field builder = object_must(&details, "builder");
    struct field parameters = object_must(&definition, "externalParameters");
    field_must_text(&builder, "id", 1, SLSA_TEXT_BYTES_MAX, &ret->builder);
    field_must_text(&definition, "buildType", 1, SLSA_TEXT_BYTES_MAX, &ret->build_type);
    source_read(&parameters, ret);
}

static void v02_read(const struct field *predicate, struct slsa_provenance *ret)
{
    struct field builder = object_must(predicate, "builder");
    struct field invocation = field_member(predicate, "invocation");
    struct field config = field_member(&invocation, "configSource");
    field_must_text(&builder, "id", 1, SLSA_TEXT_BYTES_MAX, &ret->builder);
    field_must_text(predicate, "buildType", 1, SLSA_TEXT_BYTES_MAX, &ret->build_type);
    ret->source = text_of(jcs_member(config.value, "uri"));
}

/* --- the statement ---------------------------------------------------------------------------- */

static size_t type_read(const struct field *document, const char *name, const char *const *types,
                        struct lucid_span *ret)
{
    struct field at = field_must(document, name);
    struct lucid_span text = {.data = NULL};
    field_text(&at, 1, SLSA_TEXT_BYTES_MAX, &text);
    size_t chosen = 0;
    while (types[chosen] != NULL && !lucid_span_is(text, types[chosen])) {
        chosen++;
    }
    if (types[chosen] == NULL) {
        field_refuse(&at, "must be %s or %s", types[0], types[1]);
    }
    *ret = text;
    return chosen;
}

enum lucid_error slsa_statement_read(struct lucid_span payload, struct lucid_arena *arena,
                                     struct slsa_provenance *ret, struct lucid_why *why)
{
    struct field_reading reading = {.code = "INVALID_PROVENANCE", .arena = arena, .why = why};
    struct field document;
    enum lucid_error e =
        field_parse(&reading, payload, SLSA_ENVELOPE_BYTES_MAX, SLSA_DEPTH_MAX, &document);
    if (e != LUCID_OK) {
        return slsa_refused(e, why);
    }
    struct slsa_provenance provenance = {.subject_count = 0};
    (void)type_read(&document, "_type", statement_types, &provenance.statement_type);
    size_t kind =
        type_read(&document, "predicateType", predicate_types, &provenance.predicate_type);
    subjects_read(&document, &provenance);
    struct field predicate = object_must(&document, "predicate");
    if (kind == PREDICATE_V1) {
        v1_read(&predicate, &provenance);
    } else {
        v02_read(&predicate, &provenance);
    }
    if (reading.error == LUCID_OK) {
        *ret = provenance;
    }
    return reading.error;
}

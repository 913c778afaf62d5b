/* Reference-value sets: what measurements are known, and by whose word. */
#include "plugins/verifier/document_internal.h"

enum {
    TEXT_BYTES_MAX = 256,
    NAME_BYTES_MAX = 64,
    DIGESTS_OF_ONE_MAX = 256,
};

static const struct known_alg {
    const char *name;
    size_t min;
    size_t max;
} algs[] = {{"sha256", 32, 32}, {"sha384", 48, 48}, {"sha512", 64, 64}, {"raw", 1, 64}};

static void environment_read(const struct field *at, struct reference_set *ret)
{
    static const char *const names[] = {"type", "vendor", "model", "class", NULL};
    static const char *const types[] = {"snp", "mock", NULL};
    struct field type = field_member(at, "type");
    struct field vendor = field_member(at, "vendor");
    struct field model = field_member(at, "model");
    struct field class = field_member(at, "class");
    size_t chosen = 0;
    struct lucid_span text = {.data = NULL};
    field_required(at);
    field_object(at, names);
    field_required(&type);
    if (field_choice(&type, types, &chosen)) {
        ret->type = lucid_span_str(types[chosen]);
    }
    field_text(&vendor, 1, TEXT_BYTES_MAX, &text);
    field_text(&model, 1, NAME_BYTES_MAX, &ret->model);
    field_text(&class, 1, TEXT_BYTES_MAX, &text);
}

/* --- measurements ----------------------------------------------------------------------------- */

static bool value_is_known(const struct reference_set *set, const struct reference_value *value)
{
    for (size_t i = 0; i < set->value_count; i++) {
        const struct reference_value *other = &set->values[i];
        if (lucid_span_equal(other->name, value->name) &&
            lucid_span_equal(other->alg, value->alg) &&
            lucid_span_equal(other->value, value->value)) {
            return true;
        }
    }
    return false;
}

static void digests_read(const struct field *at, const struct known_alg *alg,
                         struct reference_value form, struct reference_set *ret)
{
    field_required(at);
    field_array(at, 1, DIGESTS_OF_ONE_MAX);
    struct field item = field_walk(at);
    while (field_next(at, &item)) {
        if (!field_hex(&item, alg->min, alg->max, &form.value)) {
            return;
        }
        if (value_is_known(ret, &form)) {
            field_refuse(&item, "this value stands in the set already");
            return;
        }
        if (ret->value_count == REFERENCE_VALUES_MAX) {
            field_refuse(&item, "more than %d values", REFERENCE_VALUES_MAX);
            return;
        }
        ret->values[ret->value_count++] = form;
    }
}

static void measurement_read(const struct field *at, struct reference_set *ret)
{
    static const char *const names[] = {"mkey", "alg", "digest", "minSvn", "vulnerable", NULL};
    static const char *const alg_names[] = {"sha256", "sha384", "sha512", "raw", NULL};
    struct field name = field_member(at, "mkey");
    struct field alg = field_member(at, "alg");
    struct field digest = field_member(at, "digest");
    struct field svn = field_member(at, "minSvn");
    struct field vulnerable = field_member(at, "vulnerable");
    struct reference_value form = {.svn_min = 0};
    size_t chosen = 0;
    field_object(at, names);
    field_required(&name);
    field_name(&name, NAME_BYTES_MAX, &form.name);
    field_required(&alg);
    field_choice(&alg, alg_names, &chosen);
    form.alg = lucid_span_str(algs[chosen].name);
    field_uint(&svn, 0, (UINT64_C(1) << 53) - 1, &form.svn_min);
    field_bool(&vulnerable, &form.vulnerable);
    digests_read(&digest, &algs[chosen], form, ret);
}

static void measurements_read(const struct field *at, struct reference_set *ret)
{
    field_required(at);
    field_array(at, 0, REFERENCE_VALUES_MAX);
    ret->values = field_alloc(at, REFERENCE_VALUES_MAX * sizeof(*ret->values));
    struct field item = field_walk(at);
    while (field_next(at, &item)) {
        measurement_read(&item, ret);
    }
}

/* --- what else is vouched for ----------------------------------------------------------------- */

static void entries_read(const struct field *at, const char *const *names, const char *word)
{
    field_array(at, 0, REFERENCE_ENTRIES_MAX);
    struct field item = field_walk(at);
    while (field_next(at, &item)) {
        struct field digest = field_member(&item, "digest");
        struct field other = field_member(&item, word);
        uint8_t raw[LUCID_SHA256_BYTES];
        struct lucid_span text = {.data = NULL};
        field_object(&item, names);
        field_required(&digest);
        field_digest(&digest, raw);
        field_text(&other, 1, TEXT_BYTES_MAX, &text);
    }
}

static void auditors_read(const struct field *at)
{
    static const char *const names[] = {"id", "digest", NULL};
    entries_read(at, names, "id");
    struct field item = field_walk(at);
    while (field_next(at, &item)) {
        struct field id = field_member(&item, "id");
        struct lucid_span text = {.data = NULL};
        field_required(&id);
        field_name(&id, NAME_BYTES_MAX, &text);
    }
}

/* --- the document ----------------------------------------------------------------------------- */

static void time_s_read(const struct field *at, uint64_t *ret_s)
{
    uint64_t ms = 0;
    if (at->value != NULL && field_time(at, &ms)) {
        if (ms % 1000 != 0 || ms == 0) {
            field_refuse(at, "must be a whole second after 1970");
        }
        *ret_s = ms / 1000;
    }
}

static void head_read(const struct field *document, struct reference_set *ret)
{
    struct field name = field_member(document, "name");
    struct field description = field_member(document, "description");
    struct field from = field_member(document, "validFrom");
    struct field to = field_member(document, "validTo");
    struct lucid_span text = {.data = NULL};
    field_type(document, REFERENCE_TYPE_NAME);
    field_required(&name);
    if (field_text(&name, 1, POLICY_NAME_BYTES_MAX, &text)) {
        memcpy(ret->name, text.data, text.len);
    }
    field_text(&description, 0, 4 * TEXT_BYTES_MAX, &text);
    time_s_read(&from, &ret->valid_from_s);
    time_s_read(&to, &ret->valid_to_s);
    if (to.value != NULL && from.value != NULL && ret->valid_to_s <= ret->valid_from_s) {
        field_refuse(&to, "must be after validFrom");
    }
}

enum lucid_error reference_parse(struct lucid_span text, struct lucid_arena *arena,
                                 struct reference_set *ret, struct lucid_why *why)
{
    static const char *const names[] = {"type",         "name",       "description", "environment",
                                        "measurements", "containers", "auditors",    "validFrom",
                                        "validTo",      "signature",  NULL};
    static const char *const container_names[] = {"digest", "registry", NULL};
    struct field_reading reading = {.code = "INVALID_REFERENCE", .arena = arena, .why = why};
    struct field document;
    if (field_parse(&reading, text, REFERENCE_BYTES_MAX, DOCUMENT_DEPTH_MAX, &document) !=
        LUCID_OK) {
        return reading.error;
    }
    struct reference_set set = {.document = document.value};
    struct field environment = field_member(&document, "environment");
    struct field measurements = field_member(&document, "measurements");
    struct field containers = field_member(&document, "containers");
    struct field auditors = field_member(&document, "auditors");
    uint8_t key[DOCUMENT_KEY_BYTES];
    uint8_t signature[DOCUMENT_SIGNATURE_BYTES];
    field_object(&document, names);
    head_read(&document, &set);
    environment_read(&environment, &set);
    measurements_read(&measurements, &set);
    entries_read(&containers, container_names, "registry");
    auditors_read(&auditors);
    document_signature_read(&document, key, signature);
    struct lucid_span canonical = document_canonical(&document);
    if (reading.error == LUCID_OK) {
        lucid_sha256(canonical, set.id);
        *ret = set;
    }
    return reading.error;
}

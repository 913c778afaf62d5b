/* Appraisal policies: every member is read with its bounds, every other one refused. */
#include "plugins/verifier/policy.h"

#include "plugins/verifier/document_internal.h"
#include "plugins/verifier/policy_default_internal.h"
#include "plugins/verifier/rules_internal.h"

enum {
    TEXT_BYTES_MAX = 1024,
    MEASUREMENT_BYTES_MIN = 32, /* SHA-256 … SHA-512 */
    MEASUREMENT_BYTES_MAX = 64,
    KEY_DIGEST_BYTES = 48, /* SHA-384 */
    INSTANCE_BYTES_MAX = 64,
    DAYS_MAX = 3650,
    RESULT_SECONDS_MIN = 60,
    RESULT_SECONDS_MAX = 86400,
    RESULT_SECONDS = 3600,
};

/* What minTcb may say of each kind of evidence. */
static const struct known_type {
    const char *type;
    const char *products[4]; /* the first NULL: it has none but "*" */
    const char *components[POLICY_COMPONENTS_MAX + 2];
} known_types[] = {
    {"snp",
     {"Milan", "Genoa", "Turin", NULL},
     {"bootLoader", "tee", "snp", "microcode", "fmc", "from", NULL}},
    {"mock", {NULL}, {"svn", "from", NULL}},
};
enum { KNOWN_TYPES = sizeof(known_types) / sizeof(known_types[0]) };

static const struct known_type *type_known(struct lucid_span name)
{
    for (size_t i = 0; i < KNOWN_TYPES; i++) {
        if (lucid_span_is(name, known_types[i].type)) {
            return &known_types[i];
        }
    }
    return NULL;
}

/* --- lists ------------------------------------------------------------------------------------ */

static void digests_read(const struct field *at, size_t min, size_t max, struct policy_digests *ret)
{
    if (at->value == NULL || !field_array(at, 0, POLICY_DIGESTS_MAX)) {
        return;
    }
    struct policy_digests list = {.items =
                                      field_alloc(at, jcs_count(at->value) * sizeof(*list.items))};
    struct field item = field_walk(at);
    while (list.items != NULL && field_next(at, &item)) {
        struct lucid_span raw = {.data = NULL};
        if (!field_hex(&item, min, max, &raw)) {
            return;
        }
        if (policy_digests_have(&list, raw)) {
            field_refuse(&item, "stands in the list already");
            return;
        }
        list.items[list.count++] = raw;
    }
    *ret = list;
}

static void types_read(const struct field *at, struct policy *ret)
{
    if (at->value == NULL || !field_array(at, 1, POLICY_TYPES_MAX)) {
        return;
    }
    struct field item = field_walk(at);
    while (field_next(at, &item)) {
        struct lucid_span type = {.data = NULL};
        if (!field_text(&item, 1, 32, &type)) {
            return;
        }
        if (type_known(type) == NULL) {
            field_refuse(&item, "no such kind of evidence is known");
            return;
        }
        for (size_t i = 0; i < ret->type_count; i++) {
            if (lucid_span_equal(ret->types[i], type)) {
                field_refuse(&item, "stands in the list already");
                return;
            }
        }
        ret->types[ret->type_count++] = type;
    }
}

static void accepted_read(const struct field *at, struct policy *ret)
{
    static const char *const statuses[] = {"UpToDate",
                                           "OutOfDate",
                                           "ConfigurationNeeded",
                                           "OutOfDateConfigurationNeeded",
                                           "SWHardeningNeeded",
                                           "ConfigurationAndSWHardeningNeeded",
                                           NULL};
    if (at->value == NULL) {
        ret->accepted[0] = lucid_span_str(statuses[0]);
        ret->accepted_count = 1;
        return;
    }
    if (!field_array(at, 1, POLICY_STATUSES_MAX)) {
        return;
    }
    struct field item = field_walk(at);
    while (field_next(at, &item)) {
        struct lucid_span status = {.data = NULL};
        size_t chosen = 0;
        if (field_text(&item, 1, 64, &status) &&
            (lucid_span_is(status, "Revoked") || lucid_span_is(status, "NoLevel"))) {
            field_refuse(&item, "what is revoked or unknown can never be accepted");
        }
        field_choice(&item, statuses, &chosen);
        for (size_t i = 0; i < ret->accepted_count; i++) {
            if (lucid_span_equal(ret->accepted[i], status)) {
                field_refuse(&item, "stands in the list already");
            }
        }
        ret->accepted[ret->accepted_count++] = status;
    }
}

static void references_read(const struct field *at, struct policy *ret)
{
    if (at->value == NULL || !field_array(at, 0, POLICY_REFERENCES_MAX)) {
        return;
    }
    struct field item = field_walk(at);
    while (field_next(at, &item)) {
        uint8_t *id = ret->references[ret->reference_count];
        if (!field_digest(&item, id)) {
            return;
        }
        for (size_t i = 0; i < ret->reference_count; i++) {
            if (memcmp(ret->references[i], id, LUCID_SHA256_BYTES) == 0) {
                field_refuse(&item, "stands in the list already");
            }
        }
        ret->reference_count++;
    }
}

/* --- TCB floors ------------------------------------------------------------------------------- */

static void time_s_read(const struct field *at, uint64_t *ret_s)
{
    uint64_t ms = 0;
    if (at->value == NULL || !field_time(at, &ms)) {
        return;
    }
    if (ms % 1000 != 0) {
        field_refuse(at, "must be a whole second");
        return;
    }
    *ret_s = ms / 1000;
}

static void floor_read(const struct field *at, const struct known_type *known,
                       struct lucid_span type, struct policy *ret)
{
    if (!field_object(at, known->components)) {
        return;
    }
    struct policy_floor *floor = &ret->floors[ret->floor_count++];
    *floor = (struct policy_floor){.type = type, .product = at->name};
    struct field component = field_walk(at);
    while (field_next(at, &component)) {
        if (lucid_span_is(component.name, "from")) {
            time_s_read(&component, &floor->from_s);
            continue;
        }
        uint64_t max = lucid_span_is(component.name, "svn") ? (UINT64_C(1) << 53) - 1 : 255;
        floor->components[floor->component_count].name = component.name;
        field_uint(&component, 0, max, &floor->components[floor->component_count].least);
        floor->component_count++;
    }
    if (floor->component_count == 0) {
        field_refuse(at, "names no component");
    }
}

static bool product_known(const struct known_type *known, struct lucid_span product)
{
    for (size_t i = 0; known->products[i] != NULL; i++) {
        if (lucid_span_is(product, known->products[i])) {
            return true;
        }
    }
    return lucid_span_is(product, "*");
}

static void floors_read(const struct field *at, struct policy *ret)
{
    if (at->value == NULL || !field_object(at, NULL)) {
        return;
    }
    ret->floors = field_alloc(at, POLICY_FLOORS_MAX * sizeof(*ret->floors));
    struct field type = field_walk(at);
    while (field_next(at, &type)) {
        const struct known_type *known = type_known(type.name);
        if (known == NULL) {
            field_refuse(&type, "no such kind of evidence is known");
            return;
        }
        field_object(&type, NULL);
        struct field product = field_walk(&type);
        while (field_next(&type, &product)) {
            if (!product_known(known, product.name)) {
                field_refuse(&product, "no such product is known");
            } else if (ret->floor_count == POLICY_FLOORS_MAX) {
                field_refuse(&product, "more than %d products", POLICY_FLOORS_MAX);
            } else {
                floor_read(&product, known, type.name, ret);
            }
        }
    }
}

/* --- configuration ---------------------------------------------------------------------------- */

/* "1.55": two numbers without leading zeros, at most 255 each. */
static bool abi_split(struct lucid_span text, uint64_t ret[2])
{
    uint64_t parts[2] = {0, 0};
    size_t part = 0;
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte == '.' && part == 0 && digits > 0) {
            part = 1;
            digits = 0;
            continue;
        }
        if (byte < '0' || byte > '9' || (digits > 0 && parts[part] == 0)) {
            return false;
        }
        parts[part] = 10 * parts[part] + (uint64_t)(byte - '0');
        digits++;
        if (parts[part] > 255) {
            return false;
        }
    }
    memcpy(ret, parts, sizeof(parts));
    return part == 1 && digits > 0;
}

static void abi_read(const struct field *at, struct policy *ret)
{
    struct lucid_span text = {.data = NULL};
    uint64_t parts[2];
    if (at->value == NULL || !field_text(at, 1, 16, &text)) {
        return;
    }
    if (!abi_split(text, parts)) {
        field_refuse(at, "must be a version such as 1.55");
        return;
    }
    ret->config.abi_major_min = parts[0];
    ret->config.abi_minor_min = parts[1];
}

static void config_read(const struct field *at, struct policy *ret)
{
    static const char *const names[] = {"debug",
                                        "migrationAgent",
                                        "vmplMax",
                                        "reportVersionMin",
                                        "smt",
                                        "singleSocket",
                                        "tsme",
                                        "abiMin",
                                        "maskedChipId",
                                        "idKeyDigests",
                                        "authorKeyDigests",
                                        NULL};
    const struct {
        const char *name;
        bool *value;
    } switches[] = {
        {"debug", &ret->config.debug_allowed}, {"migrationAgent", &ret->config.migration_allowed},
        {"smt", &ret->config.smt_allowed},     {"singleSocket", &ret->config.require_single_socket},
        {"tsme", &ret->config.require_tsme},   {"maskedChipId", &ret->config.allow_masked_chip}};
    if (at->value == NULL || !field_object(at, names)) {
        return;
    }
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        struct field member = field_member(at, switches[i].name);
        field_bool(&member, switches[i].value);
    }
    struct field vmpl = field_member(at, "vmplMax");
    struct field version = field_member(at, "reportVersionMin");
    struct field abi = field_member(at, "abiMin");
    struct field id_keys = field_member(at, "idKeyDigests");
    struct field author_keys = field_member(at, "authorKeyDigests");
    field_uint(&vmpl, 0, 3, &ret->config.vmpl_max);
    field_uint(&version, 2, 255, &ret->config.report_version_min);
    abi_read(&abi, ret);
    digests_read(&id_keys, KEY_DIGEST_BYTES, KEY_DIGEST_BYTES, &ret->config.id_key_digests);
    digests_read(&author_keys, KEY_DIGEST_BYTES, KEY_DIGEST_BYTES, &ret->config.author_key_digests);
}

/* --- the document ----------------------------------------------------------------------------- */

static void head_read(const struct field *document, struct policy *ret)
{
    struct field name = field_member(document, "name");
    struct field description = field_member(document, "description");
    struct lucid_span text = {.data = NULL};
    field_type(document, POLICY_TYPE_NAME);
    field_required(&name);
    if (field_text(&name, 1, POLICY_NAME_BYTES_MAX, &text)) {
        memcpy(ret->name, text.data, text.len);
    }
    field_text(&description, 0, TEXT_BYTES_MAX, &text);
}

static void measurements_read(const struct field *document, struct policy *ret)
{
    static const char *const answers[] = {"warn", "deny", NULL};
    struct field references = field_member(document, "references");
    struct field unknown = field_member(document, "unknownMeasurement");
    struct field allow = field_member(document, "allowMeasurements");
    struct field deny = field_member(document, "denyMeasurements");
    struct field enrolment = field_member(document, "enrolment");
    struct field revoked = field_member(document, "revokedInstances");
    size_t chosen = 0;
    references_read(&references, ret);
    field_choice(&unknown, answers, &chosen);
    ret->unknown_measurement_denied = chosen == 1;
    digests_read(&allow, MEASUREMENT_BYTES_MIN, MEASUREMENT_BYTES_MAX, &ret->allow);
    digests_read(&deny, MEASUREMENT_BYTES_MIN, MEASUREMENT_BYTES_MAX, &ret->deny);
    digests_read(&enrolment, 1, INSTANCE_BYTES_MAX, &ret->enrolled);
    ret->has_enrolment = enrolment.value != NULL;
    digests_read(&revoked, 1, INSTANCE_BYTES_MAX, &ret->revoked_instances);
}

static void tcb_read(const struct field *document, struct policy *ret)
{
    struct field types = field_member(document, "types");
    struct field floors = field_member(document, "minTcb");
    struct field accepted = field_member(document, "acceptedStatus");
    struct field grace = field_member(document, "graceDays");
    struct field age = field_member(document, "maxCollateralAgeDays");
    struct field crl = field_member(document, "requireCrl");
    struct field config = field_member(document, "config");
    types_read(&types, ret);
    floors_read(&floors, ret);
    accepted_read(&accepted, ret);
    field_uint(&grace, 0, DAYS_MAX, &ret->grace_days);
    field_uint(&age, 0, DAYS_MAX, &ret->collateral_age_days_max);
    field_bool(&crl, &ret->require_crl);
    config_read(&config, ret);
}

enum lucid_error policy_parse(struct lucid_span text, struct lucid_arena *arena, struct policy *ret,
                              struct lucid_why *why)
{
    static const char *const names[] = {"type",
                                        "name",
                                        "description",
                                        "types",
                                        "minTcb",
                                        "acceptedStatus",
                                        "graceDays",
                                        "maxCollateralAgeDays",
                                        "requireCrl",
                                        "config",
                                        "references",
                                        "unknownMeasurement",
                                        "allowMeasurements",
                                        "denyMeasurements",
                                        "enrolment",
                                        "revokedInstances",
                                        "resultSeconds",
                                        "auditors",
                                        "claimsMaxAgeSeconds",
                                        "requiredClaims",
                                        "rules",
                                        "signature",
                                        NULL};
    struct field_reading reading = {.code = "INVALID_POLICY", .arena = arena, .why = why};
    struct field document;
    if (field_parse(&reading, text, POLICY_BYTES_MAX, DOCUMENT_DEPTH_MAX, &document) != LUCID_OK) {
        return reading.error;
    }
    struct policy *policy = field_alloc(&document, sizeof(*policy));
    if (policy == NULL) {
        return reading.error;
    }
    *policy = (struct policy){
        .document = document.value,
        .result_lifetime_s = RESULT_SECONDS,
        .config = {.report_version_min = 2, .smt_allowed = true, .allow_masked_chip = true}};
    struct field lifetime = field_member(&document, "resultSeconds");
    uint8_t key[DOCUMENT_KEY_BYTES];
    uint8_t signature[DOCUMENT_SIGNATURE_BYTES];
    field_object(&document, names);
    head_read(&document, policy);
    tcb_read(&document, policy);
    measurements_read(&document, policy);
    rules_read(&document, &policy->rules);
    field_uint(&lifetime, RESULT_SECONDS_MIN, RESULT_SECONDS_MAX, &policy->result_lifetime_s);
    document_signature_read(&document, key, signature);
    struct lucid_span canonical = document_canonical(&document);
    if (reading.error == LUCID_OK) {
        lucid_sha256(canonical, policy->id);
        *ret = *policy;
    }
    return reading.error;
}

/* --- what is asked of one --------------------------------------------------------------------- */

struct lucid_span policy_default_bytes(void)
{
    return lucid_span(policy_default_document, policy_default_document_len);
}

/* What whoever allows mock means by that: the default, and mock. Canonical. */
static const char with_mock[] = "{\"name\":\"built-in, with mock\",\"type\":\"" POLICY_TYPE_NAME
                                "\",\"types\":[\"mock\",\"snp\"]}";

void policy_built_in_id(bool allow_mock, uint8_t ret[LUCID_SHA256_BYTES])
{
    lucid_sha256(allow_mock ? lucid_span_str(with_mock) : policy_default_bytes(), ret);
}

bool policy_built_in(const uint8_t id[LUCID_SHA256_BYTES], struct lucid_span *ret)
{
    for (unsigned mock = 0; mock < 2; mock++) {
        uint8_t own[LUCID_SHA256_BYTES];
        policy_built_in_id(mock != 0, own);
        if (memcmp(own, id, sizeof(own)) == 0) {
            *ret = mock != 0 ? lucid_span_str(with_mock) : policy_default_bytes();
            return true;
        }
    }
    return false;
}

bool policy_accepts_type(const struct policy *policy, struct lucid_span type, bool is_mock)
{
    for (size_t i = 0; i < policy->type_count; i++) {
        if (lucid_span_equal(policy->types[i], type)) {
            return true;
        }
    }
    return policy->type_count == 0 && !is_mock;
}

bool policy_accepts_status(const struct policy *policy, const char *status)
{
    for (size_t i = 0; i < policy->accepted_count; i++) {
        if (lucid_span_is(policy->accepted[i], status)) {
            return true;
        }
    }
    return false;
}

const struct policy_floor *policy_floor_find(const struct policy *policy, struct lucid_span type,
                                             struct lucid_span product, uint64_t time_s)
{
    const struct policy_floor *any = NULL;
    for (size_t i = 0; i < policy->floor_count; i++) {
        const struct policy_floor *floor = &policy->floors[i];
        if (!lucid_span_equal(floor->type, type) || time_s < floor->from_s) {
            continue;
        }
        if (lucid_span_equal(floor->product, product)) {
            return floor;
        }
        any = lucid_span_is(floor->product, "*") ? floor : any;
    }
    return any;
}

uint64_t policy_floor_least(const struct policy_floor *floor, const char *component)
{
    for (size_t i = 0; floor != NULL && i < floor->component_count; i++) {
        if (lucid_span_is(floor->components[i].name, component)) {
            return floor->components[i].least;
        }
    }
    return 0;
}

bool policy_digests_have(const struct policy_digests *digests, struct lucid_span raw)
{
    for (size_t i = 0; i < digests->count; i++) {
        if (lucid_span_equal(digests->items[i], raw)) {
            return true;
        }
    }
    return false;
}

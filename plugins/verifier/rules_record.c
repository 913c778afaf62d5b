/* The record of an appraisal of claims, read, and made an input again. */
#include "plugins/verifier/record.h"
#include "plugins/verifier/rules_internal.h"

#define RECORD_DEPTH_MAX 8
#define TIME_MAX_S       253402300799ULL
#define TEXT_BYTES_MAX   512
#define NONCE_BYTES_MAX  64

bool rules_record_is(struct lucid_span record, struct lucid_arena *arena)
{
    static const struct jcs_limits limits = {.depth_max = RECORD_DEPTH_MAX, .values_max = 65536};
    const struct jcs_value *root;
    if (record.len > RECORD_BYTES_MAX ||
        jcs_parse(record, &limits, arena, &root, NULL) != LUCID_OK) {
        return false;
    }
    const struct jcs_value *type = jcs_member(root, "type");
    return type != NULL && jcs_type(type) == JCS_STRING &&
           lucid_span_is(jcs_string(type), "attestation.claims");
}

static void head_read(const struct field *root, struct rules_record *ret)
{
    static const char *const verifier_names[] = {"developer", "build", NULL};
    uint64_t version = 0;
    struct field verifier = field_must(root, "verifier");
    struct field version_field = field_must(root, "version");
    struct field test = field_must(root, "test");
    struct field nonce = field_member(root, "nonce");
    (void)field_type(root, "attestation.claims");
    (void)field_uint(&version_field, RECORD_VERSION, RECORD_VERSION, &version);
    field_must_uint(root, "rulesVersion", UINT32_MAX, &ret->rules_version);
    field_must_uint(root, "time", TIME_MAX_S, &ret->input.time_s);
    field_must_uint(root, "received", TIME_MAX_S, &ret->input.received_s);
    field_must_uint(root, "lifetime", TIME_MAX_S, &ret->input.lifetime_s);
    field_must_text(root, "issuer", 0, TEXT_BYTES_MAX, &ret->input.issuer);
    (void)field_object(&verifier, verifier_names);
    field_must_text(&verifier, "developer", 0, TEXT_BYTES_MAX, &ret->input.developer);
    field_must_text(&verifier, "build", 0, TEXT_BYTES_MAX, &ret->input.build);
    (void)field_bool(&test, &ret->input.test);
    (void)field_text(&nonce, 1, NONCE_BYTES_MAX, &ret->input.nonce);
}

static void documents_read(const struct field *root, struct rules_record *ret)
{
    struct field list = field_must(root, "documents");
    if (!field_array(&list, 1, RULES_DOCUMENTS_MAX)) {
        return;
    }
    struct field at = field_walk(&list);
    while (field_next(&list, &at)) {
        if (!field_object(&at, NULL)) {
            return;
        }
        field_must_digest(&at, "document", ret->documents[ret->document_count]);
        ret->document_count++;
    }
}

static void rest_read(const struct field *root, struct rules_record *ret)
{
    static const char *const hardware_names[] = {"record", "runtimeData", NULL};
    struct field hardware = field_member(root, "hardware");
    field_must_digest(root, "policy", ret->policy);
    field_must_digest(root, "result", ret->result);
    field_must_digest(root, "ear", ret->ear);
    ret->has_hardware = hardware.value != NULL;
    if (ret->has_hardware && field_object(&hardware, hardware_names)) {
        field_must_digest(&hardware, "record", ret->hardware_record);
        field_must_digest(&hardware, "runtimeData", ret->hardware_runtime);
    }
}

enum lucid_error rules_record_read(struct lucid_span text, struct lucid_arena *arena,
                                   const struct rules_record **ret, struct lucid_why *why)
{
    static const char *const names[] = {
        "type",     "version",  "rulesVersion", "time",   "received",  "lifetime",
        "issuer",   "policy",   "verifier",     "test",   "mock",      "nonce",
        "hardware", "status",   "decision",     "claims", "documents", "rules",
        "result",   "required", "ear",          NULL};
    struct field_reading reading = {.code = "INVALID_RECORD", .arena = arena, .why = why};
    struct field root;
    struct rules_record *record = lucid_arena_zalloc(arena, sizeof(*record));
    if (record == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error e = field_parse(&reading, text, RECORD_BYTES_MAX, RECORD_DEPTH_MAX, &root);
    if (e != LUCID_OK) {
        return e;
    }
    record->root = root.value;
    (void)field_object(&root, names);
    head_read(&root, record);
    documents_read(&root, record);
    rest_read(&root, record);
    if (reading.error == LUCID_OK) {
        *ret = record;
    }
    return reading.error;
}

static enum lucid_error policy_get(const struct record_getter *getter,
                                   const struct rules_record *record, struct rules_input *ret)
{
    struct policy *policy = lucid_arena_zalloc(getter->arena, sizeof(*policy));
    if (policy == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error e = record_get(getter, record->policy, &ret->policy_bytes);
    if (e == LUCID_OK) {
        e = policy_parse(ret->policy_bytes, getter->arena, policy, getter->why);
    }
    if (e == LUCID_OK && memcmp(policy->id, record->policy, sizeof(policy->id)) != 0) {
        e = lucid_refuse(getter->why, LUCID_REFUSE_INVALID, "INVALID_RECORD", "policy",
                         "the policy is not in canonical form");
    }
    ret->policy = policy;
    return e;
}

static enum lucid_error documents_get(const struct record_getter *getter,
                                      const struct rules_record *record, struct rules_input *ret)
{
    size_t count = record->document_count;
    struct lucid_span *documents = lucid_arena_zalloc(getter->arena, count * sizeof(*documents));
    enum lucid_error e = documents == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
    for (size_t i = 0; e == LUCID_OK && i < count; i++) {
        e = record_get(getter, record->documents[i], &documents[i]);
    }
    ret->documents = documents;
    ret->document_count = count;
    return e;
}

enum lucid_error rules_record_input(const struct rules_record *record,
                                    const struct record_getter *getter, struct rules_input *ret)
{
    struct rules_input input = record->input;
    enum lucid_error e = policy_get(getter, record, &input);
    if (e == LUCID_OK) {
        e = documents_get(getter, record, &input);
    }
    if (e == LUCID_OK && record->has_hardware) {
        e = record_get(getter, record->hardware_record, &input.hardware_record);
    }
    if (e == LUCID_OK && record->has_hardware) {
        e = record_get(getter, record->hardware_runtime, &input.hardware_runtime);
    }
    if (e == LUCID_OK) {
        record_bound(input.test, input.policy, input.time_s, &input.received_s, &input.lifetime_s);
        *ret = input;
    }
    return e;
}

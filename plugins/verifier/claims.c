/* Claims documents: reading them. */
#include "plugins/verifier/claims_internal.h"
#include "plugins/verifier/document_internal.h"

enum {
    DOCUMENT_LEVELS = 3, /* document, list, claim: what lies above a value */
    NONCE_BYTES_MAX = 128,
};

const char *const claims_phase_names[] = {"artifact", "request", "execution", "response", NULL};
const char *const claims_decision_names[] = {"proceed", "warn", "redact", "deny", NULL};
const char *const claims_type_names[] = {"location_coordinates",
                                         "location_region",
                                         "location_anchors",
                                         "time_series_metric",
                                         "time_series_event",
                                         "score_binary",
                                         "score_percentage",
                                         "score_normalized",
                                         "score_multi_dimensional",
                                         "category",
                                         "category_list",
                                         "categorical_count",
                                         "categorical_proportion",
                                         "distribution_histogram",
                                         "hierarchical_tree",
                                         "resource_tokens",
                                         "resource_cost",
                                         "resource_latency",
                                         "security_finding",
                                         "security_severity",
                                         "compliance_status",
                                         "quantity",
                                         "benchmark",
                                         "policy_violation",
                                         "conformity",
                                         "hash",
                                         "telemetry",
                                         "audit_pass",
                                         "other",
                                         NULL};

const char *claims_phase_name(enum claims_phase phase)
{
    return claims_phase_names[phase];
}

const char *claims_decision_name(enum claims_decision decision)
{
    return claims_decision_names[decision];
}

/* --- values ----------------------------------------------------------------------------------- */

bool claims_value_equal(const struct claims_value *a, const struct claims_value *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case CLAIMS_BOOL:
        return a->flag == b->flag;
    case CLAIMS_INTEGER:
        return a->number == b->number;
    case CLAIMS_STRING:
    case CLAIMS_OBJECT:
        break;
    }
    return lucid_span_equal(a->text, b->text);
}

/* A whole number within ±(2^53 − 1), read from its canonical digits. */
static bool integer_read(const struct jcs_value *value, int64_t *ret)
{
    char digits[JCS_NUMBER_BYTES_MAX];
    size_t len = jcs_number_format(jcs_number(value), digits);
    bool negative = digits[0] == '-';
    int64_t number = 0;
    if (len - negative > 16) {
        return false;
    }
    for (size_t i = negative; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return false;
        }
        number = 10 * number + (digits[i] - '0');
    }
    *ret = negative ? -number : number;
    return number < INT64_C(1) << 53;
}

static bool object_read(const struct field *at, struct claims_value *ret)
{
    *ret = (struct claims_value){
        .type = CLAIMS_OBJECT, .object = at->value, .text = document_canonical(at)};
    return at->reading->error == LUCID_OK;
}

bool claims_value_read(const struct field *at, bool objects, struct claims_value *ret)
{
    if (!field_required(at)) {
        return false;
    }
    switch (jcs_type(at->value)) {
    case JCS_FALSE:
    case JCS_TRUE:
        *ret = (struct claims_value){.type = CLAIMS_BOOL, .flag = jcs_type(at->value) == JCS_TRUE};
        return true;
    case JCS_NUMBER:
        *ret = (struct claims_value){.type = CLAIMS_INTEGER};
        return integer_read(at->value, &ret->number) ||
               field_refuse(at, "a number must be whole and within 2^53; write a fraction as a "
                                "string");
    case JCS_STRING:
        *ret = (struct claims_value){.type = CLAIMS_STRING, .text = jcs_string(at->value)};
        return ret->text.len <= CLAIMS_STRING_BYTES_MAX ||
               field_refuse(at, "has more than %d bytes", CLAIMS_STRING_BYTES_MAX);
    case JCS_OBJECT:
        if (objects) {
            return object_read(at, ret);
        }
        break;
    case JCS_NULL:
    case JCS_ARRAY:
        break;
    }
    return field_refuse(at, objects ? "must be a string, boolean, whole number or object"
                                    : "must be a string, boolean or whole number");
}

/* "0", "1", "0.25": digits behind the point fill up to six. */
static bool confidence_split(struct lucid_span text, uint32_t *ret)
{
    if (text.len == 0 || text.len > 8 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.len > 1 && (text.data[1] != '.' || text.len == 2))) {
        return false;
    }
    uint32_t value = (uint32_t)(text.data[0] - '0');
    for (size_t i = 2; i < 8; i++) {
        uint32_t digit = i < text.len ? (uint32_t)text.data[i] - '0' : 0;
        if (digit > 9) {
            return false;
        }
        value = 10 * value + digit;
    }
    *ret = value;
    return value <= CLAIMS_CONFIDENCE_ONE;
}

bool claims_confidence_read(const struct field *at, uint32_t *ret)
{
    uint64_t per_mille = 0;
    if (at->value == NULL) {
        return at->reading->error == LUCID_OK;
    }
    if (jcs_type(at->value) == JCS_STRING) {
        return confidence_split(jcs_string(at->value), ret) ||
               field_refuse(at, "must be a decimal of 0 to 1 with at most six digits");
    }
    if (jcs_type(at->value) != JCS_NUMBER || !jcs_uint(at->value, &per_mille) || per_mille > 1000) {
        return field_refuse(at, "must be a decimal string such as \"0.95\", or a whole number per "
                                "mille");
    }
    if (per_mille == 1) {
        return field_refuse(at, "may be certain or one per mille: write \"1\" or \"0.001\"");
    }
    *ret = (uint32_t)per_mille * (CLAIMS_CONFIDENCE_ONE / 1000);
    return true;
}

bool claims_hash_read(const struct field *at, struct lucid_span *ret)
{
    return field_hex(at, LUCID_SHA256_BYTES, LUCID_SHA256_BYTES, ret);
}

/* --- claims ----------------------------------------------------------------------------------- */

static void claim_read(const struct field *at, struct claims_document *ret)
{
    static const char *const names[] = {"name",      "type",       "value",
                                        "timestamp", "confidence", "complianceFramework",
                                        "controlId", NULL};
    struct claims_claim *claim = &ret->claims[ret->claim_count];
    struct field name = field_member(at, "name");
    struct field type = field_member(at, "type");
    struct field value = field_member(at, "value");
    struct field timestamp = field_member(at, "timestamp");
    struct field confidence = field_member(at, "confidence");
    struct field framework = field_member(at, "complianceFramework");
    struct field control = field_member(at, "controlId");
    struct lucid_span text = {.data = NULL};
    size_t chosen = 0;
    *claim = (struct claims_claim){.confidence = CLAIMS_CONFIDENCE_ONE};
    field_object(at, names);
    field_required(&name);
    field_name(&name, CLAIMS_NAME_BYTES_MAX, &claim->name);
    for (size_t i = 0; i < ret->claim_count; i++) {
        if (lucid_span_equal(ret->claims[i].name, claim->name)) {
            field_refuse(&name, "this claim is made already");
        }
    }
    field_required(&type);
    field_choice(&type, claims_type_names, &chosen);
    claim->type = claims_type_names[chosen];
    claims_value_read(&value, true, &claim->value);
    field_required(&timestamp);
    field_time(&timestamp, &claim->timestamp_ms);
    claims_confidence_read(&confidence, &claim->confidence);
    field_name(&framework, CLAIMS_NAME_BYTES_MAX, &text);
    field_text(&control, 1, CLAIMS_NAME_BYTES_MAX, &text);
    ret->claim_count++;
}

static void claims_read(const struct field *at, struct claims_document *ret)
{
    field_required(at);
    if (!field_array(at, 1, CLAIMS_MAX)) {
        return;
    }
    ret->claims = field_alloc(at, jcs_count(at->value) * sizeof(*ret->claims));
    struct field item = field_walk(at);
    while (field_next(at, &item)) {
        claim_read(&item, ret);
    }
}

/* --- the document ----------------------------------------------------------------------------- */

static void auditor_read(const struct field *at, struct claims_document *ret)
{
    static const char *const names[] = {"id", "digest", NULL};
    struct field id = field_member(at, "id");
    struct field digest = field_member(at, "digest");
    field_required(at);
    field_object(at, names);
    field_required(&id);
    field_name(&id, CLAIMS_ID_BYTES_MAX, &ret->auditor);
    field_digest(&digest, ret->digest);
    ret->has_digest = digest.value != NULL;
}

static void subject_read(const struct field *at, struct claims_document *ret)
{
    static const char *const names[] = {"receiptHash", "requestHash", "responseHash", "traceId",
                                        NULL};
    if (at->value == NULL || !field_object(at, names)) {
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        struct field hash = field_member(at, names[i]);
        claims_hash_read(&hash, &ret->hashes[i]);
    }
    struct field trace = field_member(at, "traceId");
    field_name(&trace, CLAIMS_NAME_BYTES_MAX, &ret->trace_id);
    if (jcs_count(at->value) == 0) {
        field_refuse(at, "names nothing");
    }
}

static void head_read(const struct field *document, struct claims_document *ret)
{
    static const char *const versions[] = {"1.0", NULL};
    struct field version = field_member(document, "schemaVersion");
    struct field phase = field_member(document, "phase");
    struct field decision = field_member(document, "decision");
    struct field issued = field_member(document, "issuedAt");
    struct field nonce = field_member(document, "nonce");
    struct field session = field_member(document, "sessionId");
    size_t chosen = 0;
    field_type(document, CLAIMS_TYPE_NAME);
    field_required(&version);
    field_choice(&version, versions, &chosen);
    field_required(&phase);
    if (field_choice(&phase, claims_phase_names, &chosen)) {
        ret->phase = (enum claims_phase)chosen;
    }
    field_required(&decision);
    if (field_choice(&decision, claims_decision_names, &chosen)) {
        ret->decision = (enum claims_decision)chosen;
    }
    field_required(&issued);
    field_time(&issued, &ret->issued_ms);
    field_text(&nonce, 1, NONCE_BYTES_MAX, &ret->nonce);
    field_text(&session, 1, NONCE_BYTES_MAX, &ret->session_id);
}

enum lucid_error claims_parse(struct lucid_span text, struct lucid_arena *arena,
                              struct claims_document *ret, struct lucid_why *why)
{
    static const char *const names[] = {"type",     "schemaVersion", "auditor",   "phase",
                                        "decision", "issuedAt",      "claims",    "subject",
                                        "nonce",    "sessionId",     "signature", NULL};
    struct field_reading reading = {.code = "INVALID_CLAIMS", .arena = arena, .why = why};
    struct field document;
    if (field_parse(&reading, text, CLAIMS_BYTES_MAX, DOCUMENT_LEVELS + CLAIMS_VALUE_DEPTH_MAX,
                    &document) != LUCID_OK) {
        return reading.error;
    }
    struct claims_document claims = {.claim_count = 0};
    struct field auditor = field_member(&document, "auditor");
    struct field list = field_member(&document, "claims");
    struct field subject = field_member(&document, "subject");
    struct field signature = field_member(&document, "signature");
    field_object(&document, names);
    head_read(&document, &claims);
    auditor_read(&auditor, &claims);
    claims_read(&list, &claims);
    subject_read(&subject, &claims);
    field_required(&signature);
    document_signature_read(&document, claims.key, claims.signature);
    claims.canonical = document_canonical(&document);
    if (reading.error == LUCID_OK) {
        claims.message = document_unsigned(&document, claims.key);
    }
    if (reading.error != LUCID_OK) {
        return reading.error;
    }
    if (claims.canonical.len > CLAIMS_BYTES_MAX) { /* 1e20 is written with 21 digits */
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "BODY_TOO_LARGE", NULL,
                            "the canonical form has more than %zu bytes", CLAIMS_BYTES_MAX);
    }
    lucid_sha256(claims.canonical, claims.id);
    *ret = claims;
    return LUCID_OK;
}

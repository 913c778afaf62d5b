/* Reading a passport. A member that is not known is passed over; one that is known has one form. */
#include "plugins/passport/passport_internal.h"

#include "plugins/verifier/canonical.h"
#include "plugins/verifier/field.h"

#define ALG_CHARS_MAX         64
#define KID_CHARS_MAX         128
#define TRACK_CHARS_MAX       64
#define OMITTED_CHARS_MAX     64
#define MEASUREMENT_BYTES_MAX 1024
/* Numbers grow most: 1e20 becomes 21 digits. */
#define CANONICAL_GROWTH 6

static const char refusal[] = "INVALID_PASSPORT";

/* --- values ----------------------------------------------------------------------------------- */

/* Text of 1 … max characters (code points) without control characters. */
static bool text_read(const struct field *at, size_t max, struct lucid_span *ret)
{
    struct lucid_span text = {.data = NULL};
    if (at->value == NULL || !field_text(at, 0, SIZE_MAX, &text)) {
        return at->reading->error == LUCID_OK;
    }
    size_t chars = 0;
    for (size_t i = 0; i < text.len; i++) {
        chars += (text.data[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    if (chars == 0 || chars > max) {
        return field_refuse(at, "must have 1 to %zu characters", max);
    }
    *ret = text;
    return true;
}

typedef bool form_fn(struct lucid_span text);

/* Text of a form; what: the form in words. */
static bool form_read(const struct field *at, form_fn *is_good, const char *what,
                      struct lucid_span *ret)
{
    struct lucid_span text = {.data = NULL};
    if (at->value == NULL || !field_text(at, 0, SIZE_MAX, &text)) {
        return at->reading->error == LUCID_OK;
    }
    if (!is_good(text)) {
        return field_refuse(at, "must be %s", what);
    }
    *ret = text;
    return true;
}

/* RFC 3339 UTC in whole seconds; Unix s. */
static bool date_read(const struct field *at, uint64_t *ret_s)
{
    struct lucid_span text = {.data = NULL};
    uint64_t ms = 0;
    if (at->value == NULL || !field_text(at, 0, SIZE_MAX, &text)) {
        return at->reading->error == LUCID_OK;
    }
    if (text.len != 20) {
        return field_refuse(at, "must be a time in UTC, whole seconds: 2026-11-21T10:00:00Z");
    }
    if (field_time(at, &ms)) {
        *ret_s = ms / 1000;
    }
    return at->reading->error == LUCID_OK;
}

/* Standard padded base64 of at least one byte. */
static bool base64_read(const struct field *at, struct lucid_span *ret)
{
    struct lucid_span text = {.data = NULL};
    if (at->value == NULL || !field_text(at, 0, SIZE_MAX, &text)) {
        return at->reading->error == LUCID_OK;
    }
    size_t len = 0;
    uint8_t *bytes = field_alloc(at, text.len);
    if (bytes == NULL) {
        return false;
    }
    if (!lucid_base64_decode(text, bytes, text.len, &len) || len == 0) {
        return field_refuse(at, "must be base64 with padding");
    }
    *ret = lucid_span(bytes, len);
    return true;
}

/* The id of an appraisal. */
static bool id_read(const struct field *at, uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_span bytes = {.data = NULL};
    if (field_hex(at, LUCID_SHA256_BYTES, LUCID_SHA256_BYTES, &bytes) && bytes.data != NULL) {
        memcpy(ret, bytes.data, LUCID_SHA256_BYTES);
    }
    return at->reading->error == LUCID_OK;
}

/* A digest that may be missing. */
static void digest_read(const struct field *object, const char *name, bool *ret_has,
                        uint8_t ret[LUCID_SHA256_BYTES])
{
    struct field at = field_member(object, name);
    *ret_has = field_digest(&at, ret) && at.value != NULL;
}

static void digest_check(const struct field *object, const char *name)
{
    uint8_t digest[LUCID_SHA256_BYTES];
    bool has = false;
    digest_read(object, name, &has, digest);
}

static void source_read(const struct field *object, bool *ret_has, enum passport_source *ret)
{
    static const char *const words[] = {"bound", "reference", "declared", NULL};
    static const enum passport_source sources[] = {PASSPORT_BOUND, PASSPORT_REFERENCE,
                                                   PASSPORT_DECLARED};
    struct field at = field_member(object, "source");
    size_t chosen = 2;
    *ret_has = field_choice(&at, words, &chosen) && at.value != NULL;
    *ret = sources[chosen];
}

/* --- parts ------------------------------------------------------------------------------------ */

static void type_read(const struct field *tee, struct lucid_span *ret)
{
    static const char *const words[] = {"AMD_SEV_SNP", "INTEL_TDX", "INTEL_SGX", "AWS_NITRO",
                                        "MOCK",        "SEV-SNP",   "TDX",       "SGX",
                                        "Nitro",       NULL};
    static const size_t own_names = 5;
    struct field at = field_must(tee, "type");
    size_t chosen = 0;
    if (field_choice(&at, words, &chosen)) {
        *ret = lucid_span_str(words[chosen < own_names ? chosen : chosen - own_names]);
    }
}

static void appraisal_read(const struct field *tee, struct passport *passport)
{
    static const char *const statuses[] = {"none", "affirming", "warning", "contraindicated", NULL};
    struct field at = field_member(tee, "appraisal");
    if (at.value == NULL || !field_object(&at, NULL)) {
        return;
    }
    size_t status = 0;
    struct field id = field_must(&at, "id");
    struct field time = field_must(&at, "appraisedAt");
    struct field word = field_member(&at, "status");
    id_read(&id, passport->tee.appraisal);
    date_read(&time, &passport->tee.appraised_s);
    field_choice(&word, statuses, &status);
    digest_check(&at, "earDigest");
    digest_check(&at, "policyId");
    digest_check(&at, "collateralDigest");
    passport->tee.has_appraisal = true;
}

static void measurement_read(const struct field *tee, struct passport *passport)
{
    struct field at = field_member(tee, "measurement");
    if (at.value == NULL || !field_object(&at, NULL)) {
        return;
    }
    struct field alg = field_must(&at, "alg");
    struct field value = field_must(&at, "value");
    text_read(&alg, ALG_CHARS_MAX, &passport->tee.measurement_alg);
    field_hex(&value, 1, MEASUREMENT_BYTES_MAX, &passport->tee.measurement);
}

static void tee_read(const struct field *document, struct passport *passport)
{
    struct field at = field_must(document, "tee");
    if (!field_object(&at, NULL)) {
        return;
    }
    struct field quote = field_member(&at, "attestationQuote");
    struct field runtime_data = field_member(&at, "runtimeData");
    type_read(&at, &passport->tee.type);
    field_must_digest(&at, "measurementHash", passport->tee.measurement_hash);
    base64_read(&quote, &passport->tee.quote);
    base64_read(&runtime_data, &passport->tee.runtime_data);
    measurement_read(&at, passport);
    appraisal_read(&at, passport);
}

static void auditor_read(const struct field *at, struct passport_auditor *auditor)
{
    static const char *const words[] = {"active", "inactive", "failed", NULL};
    static const enum passport_auditor_status statuses[] = {PASSPORT_ACTIVE, PASSPORT_INACTIVE,
                                                            PASSPORT_FAILED};
    size_t chosen = 2;
    struct field id = field_must(at, "id");
    struct field name = field_must(at, "name");
    struct field status = field_must(at, "status");
    struct field last_check = field_member(at, "lastCheck");
    struct field claims = field_member(at, "claims");
    text_read(&id, PASSPORT_NAME_CHARS_MAX, &auditor->id);
    text_read(&name, PASSPORT_NAME_CHARS_MAX, &auditor->name);
    field_choice(&status, words, &chosen);
    auditor->status = statuses[chosen];
    date_read(&last_check, &auditor->last_check_s);
    source_read(at, &auditor->has_source, &auditor->source);
    digest_read(at, "digest", &auditor->has_digest, auditor->digest);
    auditor->has_claims = id_read(&claims, auditor->claims) && claims.value != NULL;
}

static void auditors_read(const struct field *document, struct passport *passport)
{
    struct field at = field_must(document, "auditors");
    field_array(&at, 0, PASSPORT_AUDITORS_MAX);
    struct field element = field_walk(&at);
    while (field_next(&at, &element) && field_object(&element, NULL)) {
        auditor_read(&element, &passport->auditors[passport->auditor_count++]);
    }
}

static void container_read(const struct field *document, struct passport_container *container)
{
    struct field at = field_member(document, "container");
    if (at.value == NULL || !field_object(&at, NULL)) {
        return;
    }
    struct field registry = field_member(&at, "registry");
    field_must_digest(&at, "digest", container->digest);
    text_read(&registry, PASSPORT_REGISTRY_CHARS_MAX, &container->registry);
    source_read(&at, &container->has_source, &container->source);
    container->present = true;
}

static void slsa_read(const struct field *document, struct passport_slsa *slsa)
{
    struct field at = field_member(document, "slsa");
    if (at.value == NULL || !field_object(&at, NULL)) {
        return;
    }
    uint64_t level = 0;
    struct field uri = field_member(&at, "provenanceUri");
    struct field track = field_member(&at, "track");
    field_must_uint(&at, "level", 4, &level);
    slsa->level = (unsigned)level;
    form_read(&uri, passport_uri_is_good, "an https URL in visible ASCII, without user",
              &slsa->provenance_uri);
    text_read(&track, TRACK_CHARS_MAX, &slsa->track);
    digest_read(&at, "provenanceDigest", &slsa->has_provenance, slsa->provenance);
    slsa->present = true;
}

static void appraisals_read(const struct field *document, struct passport *passport)
{
    struct field at = field_member(document, "appraisals");
    if (at.value == NULL) {
        if (passport->tee.has_appraisal) {
            memcpy(passport->appraisals[0], passport->tee.appraisal, LUCID_SHA256_BYTES);
            passport->appraisal_count = 1;
        }
        return;
    }
    field_array(&at, 1, PASSPORT_APPRAISALS_MAX);
    struct field element = field_walk(&at);
    while (field_next(&at, &element) &&
           id_read(&element, passport->appraisals[passport->appraisal_count])) {
        passport->appraisal_count++;
    }
    if (passport->tee.has_appraisal &&
        memcmp(passport->appraisals[0], passport->tee.appraisal, LUCID_SHA256_BYTES) != 0) {
        field_refuse(&at, "the first must be tee.appraisal.id");
    }
}

static void endpoints_read(const struct field *document, struct passport *passport)
{
    struct field at = field_member(document, "endpoints");
    field_array(&at, 0, PASSPORT_ENDPOINTS_MAX);
    struct field element = field_walk(&at);
    while (field_next(&at, &element) && form_read(&element, passport_endpoint_is_good,
                                                  "an origin: https, a host in lower case, no path",
                                                  &passport->endpoints[passport->endpoint_count])) {
        passport->endpoint_count++;
    }
}

static void omitted_read(const struct field *document, struct passport *passport)
{
    struct field at = field_member(document, "omitted");
    if (at.value == NULL || !field_object(&at, NULL)) {
        return;
    }
    if (jcs_count(at.value) > PASSPORT_OMITTED_MAX) {
        field_refuse(&at, "must have at most %d members", PASSPORT_OMITTED_MAX);
        return;
    }
    struct field member = field_walk(&at);
    while (field_next(&at, &member)) {
        struct passport_omitted *part = &passport->omitted[passport->omitted_count++];
        part->name = member.name;
        field_digest(&member, part->digest);
    }
}

/* Additions whose members only people read. */
static void others_read(const struct field *document, struct passport *passport)
{
    struct field status = field_member(document, "status");
    struct field uri = field_member(&status, "uri");
    struct field index = field_member(&status, "idx");
    struct field model = field_member(document, "model");
    struct field name = field_member(&model, "name");
    struct field routing = field_member(document, "routing");
    struct field workload = field_member(document, "workload");
    struct field display = field_member(document, "display");
    struct lucid_span text;
    uint64_t number;
    field_object(&status, NULL);
    form_read(&uri, passport_status_uri_is_good,
              "an https URL in visible ASCII, without user, or a path", &passport->status_uri);
    field_uint(&index, 0, UINT32_MAX, &number);
    field_object(&model, NULL);
    text_read(&name, PASSPORT_NAME_CHARS_MAX, &text);
    digest_check(&model, "digest");
    field_object(&routing, NULL);
    field_object(&workload, NULL);
    field_object(&display, NULL);
}

static void origin_read(const struct field *document, struct passport *passport)
{
    struct field application = field_member(document, "application");
    struct field issuer = field_member(document, "issuer");
    struct field supersedes = field_member(document, "supersedes");
    struct field is_mock = field_member(document, "is_mock");
    struct field test = field_member(document, "test");
    form_read(&application, passport_application_is_good, "1 to 63 of a-z, 0-9 and -",
              &passport->application);
    text_read(&issuer, PASSPORT_ISSUER_CHARS_MAX, &passport->issuer);
    form_read(&supersedes, passport_id_is_good, "pass- and 12 to 64 of a-z and 0-9",
              &passport->supersedes);
    field_bool(&is_mock, &passport->is_mock);
    field_bool(&test, &passport->test);
    passport->is_mock = passport->is_mock || lucid_span_is(passport->tee.type, "MOCK");
}

static void dates_read(const struct field *document, struct passport *passport)
{
    struct field issued = field_must(document, "issuedAt");
    struct field expires = field_must(document, "expiresAt");
    struct field renew = field_member(document, "renewAfter");
    date_read(&issued, &passport->issued_s);
    date_read(&expires, &passport->expires_s);
    date_read(&renew, &passport->renew_after_s);
    if (document->reading->error != LUCID_OK) {
        return;
    }
    if (passport->expires_s <= passport->issued_s) {
        field_refuse(&expires, "must be after issuedAt");
    } else if (passport->expires_s - passport->issued_s >
               (uint64_t)PASSPORT_VALIDITY_DAYS_MAX * 86400) {
        field_refuse(&expires, "must be at most %d days after issuedAt",
                     PASSPORT_VALIDITY_DAYS_MAX);
    } else if (renew.value != NULL && (passport->renew_after_s < passport->issued_s ||
                                       passport->renew_after_s > passport->expires_s)) {
        field_refuse(&renew, "must lie between issuedAt and expiresAt");
    }
}

static void head_read(const struct field *document, struct passport *passport)
{
    static const char *const schemas[] = {PASSPORT_SCHEMA, NULL};
    size_t chosen = 0;
    struct field schema = field_must(document, "$schema");
    struct field id = field_must(document, "passportId");
    struct field app_name = field_must(document, "appName");
    struct field version = field_must(document, "version");
    field_choice(&schema, schemas, &chosen);
    form_read(&id, passport_id_is_good, "pass- and 12 to 64 of a-z and 0-9", &passport->id);
    text_read(&app_name, PASSPORT_NAME_CHARS_MAX, &passport->app_name);
    text_read(&version, PASSPORT_NAME_CHARS_MAX, &passport->version);
}

/* *ret_algorithm: len 0 where it is the one; else key and value are not looked at, which may be of
 * any length then. */
static void signature_read(const struct field *document, bool draft, struct passport *passport,
                           struct lucid_span *ret_algorithm)
{
    struct field at = field_must(document, "signature");
    if (!field_object(&at, NULL)) {
        return;
    }
    struct lucid_span name = {.data = NULL};
    struct field algorithm = field_must(&at, "algorithm");
    struct field key = field_must(&at, "publicKey");
    struct field kid = field_member(&at, "kid");
    struct field value = draft ? field_member(&at, "value") : field_must(&at, "value");
    text_read(&algorithm, ALG_CHARS_MAX, &name);
    text_read(&kid, KID_CHARS_MAX, &passport->kid);
    if (at.reading->error != LUCID_OK) {
        return;
    }
    if (!lucid_span_is(name, "Ed25519")) {
        *ret_algorithm = name;
        return;
    }
    field_base64(&key, PASSPORT_KEY_BYTES, passport->public_key);
    passport->has_signature_value =
        field_base64(&value, PASSPORT_SIGNATURE_BYTES, passport->signature) && value.value != NULL;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* What is served is the canonical form, so it must be readable too. */
static enum lucid_error growth_check(const struct passport *passport, size_t len,
                                     struct lucid_arena *arena, enum passport_fault *ret_fault,
                                     struct lucid_why *why)
{
    struct lucid_span form;
    if (len <= PASSPORT_BYTES_MAX / CANONICAL_GROWTH) {
        return LUCID_OK;
    }
    enum lucid_error error = passport_canonical(passport, arena, &form);
    if (error == LUCID_OK && form.len > PASSPORT_BYTES_MAX) {
        *ret_fault = PASSPORT_FAULT_PARSE;
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "BODY_TOO_LARGE", NULL,
                            "the canonical form has more than %zu bytes", PASSPORT_BYTES_MAX);
    }
    return error;
}

enum lucid_error passport_form_read(struct lucid_span text, bool draft, struct lucid_arena *arena,
                                    struct passport *ret, struct lucid_span *ret_algorithm,
                                    enum passport_fault *ret_fault, struct lucid_why *why)
{
    struct lucid_why own = {.code = NULL};
    struct lucid_why *said = why == NULL ? &own : why;
    struct field_reading reading = {.code = refusal, .arena = arena, .why = said};
    struct field document;
    struct lucid_span algorithm = {.data = NULL};
    if (field_parse(&reading, text, PASSPORT_BYTES_MAX, PASSPORT_DEPTH_MAX, &document) !=
        LUCID_OK) {
        *ret_fault = said->code == refusal ? PASSPORT_FAULT_SCHEMA : PASSPORT_FAULT_PARSE;
        return reading.error;
    }
    struct passport *passport = field_alloc(&document, sizeof(*passport));
    if (passport == NULL) {
        return reading.error;
    }
    passport->root = document.value;
    head_read(&document, passport);
    dates_read(&document, passport);
    tee_read(&document, passport);
    auditors_read(&document, passport);
    container_read(&document, &passport->container);
    slsa_read(&document, &passport->slsa);
    appraisals_read(&document, passport);
    endpoints_read(&document, passport);
    omitted_read(&document, passport);
    others_read(&document, passport);
    origin_read(&document, passport);
    signature_read(&document, draft, passport, &algorithm);
    if (reading.error != LUCID_OK) {
        *ret_fault = PASSPORT_FAULT_SCHEMA;
        return reading.error;
    }
    enum lucid_error error = growth_check(passport, text.len, arena, ret_fault, said);
    if (error == LUCID_OK) {
        *ret = *passport;
        *ret_algorithm = algorithm;
    }
    return error;
}

/* Nothing is written for one who asked for a passport and gets none. */
static enum lucid_error strict_read(struct lucid_span text, bool draft, struct lucid_arena *arena,
                                    struct passport *ret, enum passport_fault *ret_fault,
                                    struct lucid_why *why)
{
    struct passport *passport = lucid_arena_alloc(arena, sizeof(*passport));
    struct lucid_span algorithm;
    if (passport == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error =
        passport_form_read(text, draft, arena, passport, &algorithm, ret_fault, why);
    if (error == LUCID_OK && algorithm.len > 0) {
        *ret_fault = PASSPORT_FAULT_ALGORITHM;
        return lucid_refuse(why, LUCID_REFUSE_INVALID, refusal, "signature.algorithm",
                            "must be Ed25519");
    }
    if (error == LUCID_OK) {
        *ret = *passport;
    }
    return error;
}

enum lucid_error passport_read(struct lucid_span text, struct lucid_arena *arena,
                               struct passport *ret, enum passport_fault *ret_fault,
                               struct lucid_why *why)
{
    return strict_read(text, false, arena, ret, ret_fault, why);
}

enum lucid_error passport_draft_read(struct lucid_span text, struct lucid_arena *arena,
                                     struct passport *ret, struct lucid_why *why)
{
    enum passport_fault fault;
    return strict_read(text, true, arena, ret, &fault, why);
}

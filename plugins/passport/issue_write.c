/* What a passport says, written and signed. */
#include "plugins/passport/issue_internal.h"
#include "plugins/verifier/canonical.h"

#include "base/assert.h"

#define STATUS_PATH "/v1/passports/status"

/* --- members ---------------------------------------------------------------------------------- */

static void base64_member(struct lucid_buf *out, const char *name, struct lucid_span bytes)
{
    lucid_json_member(out, name);
    lucid_buf_char(out, '"');
    lucid_buf_base64(out, bytes.data, bytes.len);
    lucid_buf_char(out, '"');
}

static void optional_member(struct lucid_buf *out, const char *name, struct lucid_span text)
{
    if (text.len > 0) {
        lucid_json_member_str(out, name, text);
    }
}

/* The next element of a list that was opened. */
static void element(struct lucid_buf *out)
{
    if (lucid_buf_ok(out) && out->len > 0 && out->data[out->len - 1] != '[') {
        lucid_buf_char(out, ',');
    }
}

static void hex_element(struct lucid_buf *out, const uint8_t id[LUCID_SHA256_BYTES])
{
    element(out);
    lucid_buf_char(out, '"');
    lucid_buf_hex(out, id, LUCID_SHA256_BYTES);
    lucid_buf_char(out, '"');
}

/* A part that a switch lets in or leaves out. value: its JSON, which is freed; none where it is
 * empty. name: its dotted name; member: where it is let in, its name in the object that out is at,
 * NULL: the members of value themselves go there. */
static enum lucid_error part_put(struct issue_work *work, bool shown, const char *name,
                                 const char *member, struct lucid_buf *value, struct lucid_buf *out)
{
    enum lucid_error error = LUCID_OK;
    if (!lucid_buf_ok(value)) {
        error = LUCID_RETRY_MEMORY;
    } else if (value->len > 0 && shown) {
        if (member != NULL) {
            lucid_json_member(out, member);
            lucid_buf_span_put(out, lucid_buf_span(value));
        } else if (value->len > 2) {
            lucid_buf_char(out, ',');
            lucid_buf_put(out, value->data + 1, value->len - 2);
        }
    } else if (value->len > 0) {
        lucid_assert(work->omitted_count < PASSPORT_OMITTED_MAX);
        struct issue_omitted *omitted = &work->omitted[work->omitted_count++];
        omitted->name = name;
        error = canonical_form(lucid_buf_span(value), work->arena, &omitted->value, work->why);
    }
    lucid_buf_fini(value);
    return error;
}

static bool shows(const struct issue_work *work, enum passport_evidence evidence)
{
    return work->input->application->evidence[evidence];
}

/* --- tee -------------------------------------------------------------------------------------- */

static enum lucid_error appraisal_write(const struct issue_work *work, struct lucid_buf *out)
{
    const struct issue_environment *first = &work->environments[0];
    const struct record *record = first->record;
    struct lucid_span collateral =
        canonical_value(jcs_member(record->root, "collateral"), work->arena);
    if (collateral.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    canonical_open(out, "appraisal", '{');
    lucid_json_member_hex(out, "id", first->given->id, LUCID_SHA256_BYTES);
    canonical_digest(out, "earDigest", record->ear);
    lucid_json_member_str(out, "status", record->status);
    passport_date_write(out, "appraisedAt", record->received_s);
    canonical_digest(out, "policyId", record->policy);
    canonical_digest_of(out, "collateralDigest", collateral);
    lucid_buf_char(out, '}');
    return LUCID_OK;
}

/* The runtime data name the container: they are not shown where it is not. */
static bool runtime_is_shown(const struct issue_work *work)
{
    const struct jcs_value *workload = work->environments[0].runtime.workload;
    return shows(work, PASSPORT_TEE_ATTESTATION) &&
           (shows(work, PASSPORT_CONTAINER_INFO) || jcs_member(workload, "container") == NULL);
}

/* Who may see the evidence sees the runtime data of all environments, also of one that only claims
 * name, of which nobody here knows what it says. */
static bool evidence_is_shown(const struct issue_work *work)
{
    bool names = false;
    for (size_t i = 0; i < work->input->appraisal_count; i++) {
        const struct jcs_value *workload = work->environments[i].runtime.workload;
        names = names || jcs_member(workload, "container") != NULL;
    }
    for (size_t i = 0; shows(work, PASSPORT_AUDITOR_CLAIMS) && i < work->input->claims_count; i++) {
        const struct rules_record *claims = work->claims[i];
        names = names || (claims->has_hardware && !issue_names_environment(work, claims));
    }
    return shows(work, PASSPORT_TEE_ATTESTATION) &&
           (shows(work, PASSPORT_CONTAINER_INFO) || !names);
}

static enum lucid_error quote_write(struct issue_work *work, struct lucid_buf *out)
{
    const struct issue_appraisal *first = work->environments[0].given;
    struct lucid_buf quote = {0};
    struct lucid_buf runtime = {0};
    bool shown = shows(work, PASSPORT_TEE_ATTESTATION);
    lucid_buf_char(&quote, '"');
    lucid_buf_base64(&quote, first->evidence.data, first->evidence.len);
    lucid_buf_char(&quote, '"');
    lucid_buf_char(&runtime, '"');
    lucid_buf_base64(&runtime, first->runtime_data.data, first->runtime_data.len);
    lucid_buf_char(&runtime, '"');
    enum lucid_error error =
        part_put(work, shown, "tee.attestationQuote", "attestationQuote", &quote, out);
    if (error != LUCID_OK) {
        lucid_buf_fini(&runtime);
        return error;
    }
    work->has_quote = evidence_is_shown(work);
    return part_put(work, runtime_is_shown(work), "tee.runtimeData", "runtimeData", &runtime, out);
}

static enum lucid_error tee_write(struct issue_work *work, struct lucid_buf *out)
{
    const struct evidence_measurement *measured = &work->environments[0].measured;
    canonical_open(out, "tee", '{');
    lucid_json_member_cstr(out, "type", measured->tee);
    canonical_digest_of(out, "measurementHash", measured->value);
    canonical_open(out, "measurement", '{');
    lucid_json_member_cstr(out, "alg", measured->alg);
    lucid_json_member_hex(out, "value", measured->value.data, measured->value.len);
    lucid_buf_char(out, '}');
    enum lucid_error error = appraisal_write(work, out);
    if (error == LUCID_OK) {
        error = quote_write(work, out);
    }
    lucid_buf_char(out, '}');
    return error;
}

/* --- who and what ----------------------------------------------------------------------------- */

/* Where the claims are not shown, their appraisals are not either. */
static void appraisals_write(const struct issue_work *work, bool all, struct lucid_buf *out)
{
    const struct issue_request *request = work->input->request;
    canonical_open(out, "appraisals", '[');
    for (size_t i = 0; i < request->appraisal_count; i++) {
        bool claims = false;
        for (size_t j = 0; j < work->input->claims_count; j++) {
            claims = claims || memcmp(work->input->claims[j].id, request->appraisals[i],
                                      LUCID_SHA256_BYTES) == 0;
        }
        if (all || !claims) {
            hex_element(out, request->appraisals[i]);
        }
    }
    lucid_buf_char(out, ']');
}

static void auditor_write(const struct issue_auditor *auditor, bool claims, struct lucid_buf *out)
{
    element(out);
    lucid_buf_char(out, '{');
    lucid_json_member_str(out, "id", auditor->id);
    lucid_json_member_str(out, "name", auditor->name);
    lucid_json_member_cstr(out, "status", passport_auditor_status_name(auditor->status));
    if (auditor->last_check_s != 0) {
        passport_date_write(out, "lastCheck", auditor->last_check_s);
    }
    lucid_json_member_cstr(out, "source", passport_source_name(auditor->source));
    if (auditor->has_digest) {
        canonical_digest(out, "digest", auditor->digest);
    }
    if (claims && auditor->claims != NULL) {
        lucid_json_member_hex(out, "claims", auditor->claims->id, LUCID_SHA256_BYTES);
    }
    lucid_buf_char(out, '}');
}

static enum lucid_error auditors_write(struct issue_work *work, struct lucid_buf *out)
{
    struct lucid_buf hidden = {0};
    bool shown = shows(work, PASSPORT_AUDITOR_CLAIMS);
    canonical_open(out, "auditors", '[');
    for (size_t i = 0; i < work->auditor_count; i++) {
        const struct issue_auditor *auditor = &work->auditors[i];
        auditor_write(auditor, shown, out);
        if (!shown && auditor->claims != NULL) {
            lucid_buf_char(&hidden, hidden.len == 0 ? '[' : ',');
            lucid_buf_char(&hidden, '{');
            lucid_json_member_str(&hidden, "id", auditor->id);
            lucid_json_member_hex(&hidden, "claims", auditor->claims->id, LUCID_SHA256_BYTES);
            lucid_buf_char(&hidden, '}');
        }
    }
    lucid_buf_char(out, ']');
    if (hidden.len > 0) {
        lucid_buf_char(&hidden, ']');
    }
    appraisals_write(work, shown, out);
    return part_put(work, false, "auditors.claims", NULL, &hidden, out);
}

static enum lucid_error container_write(struct issue_work *work, struct lucid_buf *out)
{
    struct lucid_buf value = {0};
    if (work->container.present) {
        lucid_buf_char(&value, '{');
        canonical_digest(&value, "digest", work->container.digest);
        optional_member(&value, "registry", work->container.registry);
        lucid_json_member_cstr(&value, "source", passport_source_name(work->container.source));
        lucid_buf_char(&value, '}');
    }
    return part_put(work, shows(work, PASSPORT_CONTAINER_INFO), "container", "container", &value,
                    out);
}

static enum lucid_error slsa_write(struct issue_work *work, struct lucid_buf *out)
{
    struct lucid_span uri = work->input->application->provenance_uri;
    struct lucid_buf value = {0};
    if (uri.len > 0 || work->slsa.has_provenance) {
        lucid_buf_char(&value, '{');
        optional_member(&value, "provenanceUri", uri);
        if (work->slsa.has_provenance) {
            canonical_digest(&value, "provenanceDigest", work->slsa.provenance);
        }
        lucid_buf_char(&value, '}');
    }
    canonical_open(out, "slsa", '{');
    lucid_json_member_u64(out, "level", work->slsa.level);
    lucid_json_member_cstr(out, "track", work->slsa.track);
    lucid_json_member_str(out, "concludedBy", work->input->issuer);
    enum lucid_error error =
        part_put(work, shows(work, PASSPORT_SLSA_PROVENANCE), "slsa.provenance", NULL, &value, out);
    lucid_buf_char(out, '}');
    return error;
}

static enum lucid_error model_write(struct issue_work *work, struct lucid_buf *out)
{
    const struct application *application = work->input->application;
    struct lucid_buf value = {0};
    if (application->model.present) {
        lucid_buf_char(&value, '{');
        optional_member(&value, "name", application->model.name);
        if (application->model.has_digest) {
            canonical_digest(&value, "digest", application->model.digest);
        }
        lucid_json_member_cstr(&value, "source", passport_source_name(PASSPORT_DECLARED));
        lucid_buf_char(&value, '}');
    }
    return part_put(work, shows(work, PASSPORT_MODEL_FINGERPRINT), "model", "model", &value, out);
}

static void interaction_write(const struct interaction *interaction, struct lucid_buf *out)
{
    element(out);
    lucid_buf_char(out, '{');
    lucid_json_member_hex(out, "id", interaction->record_id, LUCID_SHA256_BYTES);
    passport_date_write(out, "issuedAt", interaction->issued_ms / 1000);
    lucid_json_member_cstr(out, "decision", claims_decision_name(interaction->decision));
    canonical_digest(out, "chainHash", interaction->chain);
    canonical_open(out, "auditors", '[');
    for (size_t i = 0; i < interaction->link_count; i++) {
        element(out);
        lucid_json_string(out, interaction->links[i].auditor);
    }
    lucid_buf_str(out, "]}");
}

static enum lucid_error routing_write(struct issue_work *work, struct lucid_buf *out)
{
    struct lucid_buf value = {0};
    size_t count = work->input->interaction_count;
    if (count > 0) {
        lucid_buf_char(&value, '{');
        canonical_open(&value, "interactions", '[');
        for (size_t i = 0; i < count; i++) {
            interaction_write(&work->interactions[i], &value);
        }
        lucid_buf_str(&value, "]}");
    }
    return part_put(work, shows(work, PASSPORT_ROUTING_PROOFS), "routing", "routing", &value, out);
}

/* --- around it -------------------------------------------------------------------------------- */

static void head_write(const struct issue_work *work, struct lucid_buf *out)
{
    lucid_json_member_cstr(out, "$schema", PASSPORT_SCHEMA);
    lucid_json_member_cstr(out, "passportId", work->id);
    lucid_json_member_str(out, "appName", work->input->application->app_name);
    lucid_json_member_str(out, "version", work->version);
    passport_date_write(out, "issuedAt", work->input->now_s);
    passport_date_write(out, "expiresAt", work->expires_s);
    passport_date_write(out, "renewAfter", work->renew_after_s);
    lucid_json_member_str(out, "application", work->input->application->name);
    lucid_json_member_str(out, "issuer", work->input->issuer);
    optional_member(out, "supersedes", work->input->supersedes);
    lucid_json_member_bool(out, "is_mock", work->mock);
    lucid_json_member_bool(out, "test", work->test);
}

static void place_write(const struct issue_work *work, struct lucid_buf *out)
{
    const struct application *application = work->input->application;
    struct lucid_span base = work->input->base_url;
    canonical_open(out, "endpoints", '[');
    for (size_t i = 0; i < application->endpoint_count; i++) {
        element(out);
        lucid_json_string(out, application->endpoints[i]);
    }
    lucid_buf_char(out, ']');
    lucid_json_member(out, "display");
    application_display_write(application, out);
    while (base.len > 0 && base.data[base.len - 1] == '/') {
        base.len--;
    }
    canonical_open(out, "status", '{');
    lucid_json_member(out, "uri");
    struct lucid_buf uri = {0};
    lucid_buf_span_put(&uri, base);
    lucid_buf_str(&uri, STATUS_PATH);
    lucid_json_string(out, lucid_buf_span(&uri));
    out->failed = out->failed || !lucid_buf_ok(&uri);
    lucid_buf_fini(&uri);
    lucid_buf_char(out, '}');
}

/* "sha256:" of salt ‖ canonical value: it can be shown later, and is not to be guessed before. */
static enum lucid_error omitted_write(const struct issue_work *work, struct lucid_buf *out)
{
    bool good = true;
    if (work->omitted_count == 0) {
        return LUCID_OK;
    }
    canonical_open(out, "omitted", '{');
    for (size_t i = 0; i < work->omitted_count; i++) {
        struct lucid_buf salted = {0};
        lucid_buf_put(&salted, work->input->salts[i], ISSUE_SALT_BYTES);
        lucid_buf_span_put(&salted, work->omitted[i].value);
        good = good && lucid_buf_ok(&salted);
        canonical_digest_of(out, work->omitted[i].name, lucid_buf_span(&salted));
        lucid_buf_fini(&salted);
    }
    lucid_buf_char(out, '}');
    return good ? LUCID_OK : LUCID_RETRY_MEMORY;
}

static enum lucid_error members_write(struct issue_work *work, struct lucid_buf *out)
{
    typedef enum lucid_error part_fn(struct issue_work * work, struct lucid_buf * out);
    static part_fn *const parts[] = {tee_write,  auditors_write, container_write,
                                     slsa_write, model_write,    routing_write};
    enum lucid_error error = LUCID_OK;
    lucid_buf_char(out, '{');
    head_write(work, out);
    for (size_t i = 0; error == LUCID_OK && i < sizeof(parts) / sizeof(parts[0]); i++) {
        error = parts[i](work, out);
    }
    place_write(work, out);
    return error == LUCID_OK ? omitted_write(work, out) : error;
}

/* --- signed ----------------------------------------------------------------------------------- */

/* The canonical document: members as they were written, and a signature with or without value. */
static enum lucid_error signature_put(const struct issue_work *work, struct lucid_span members,
                                      const uint8_t *signature, struct lucid_span *ret)
{
    const struct issue_input *input = work->input;
    struct lucid_buf out = {0};
    lucid_buf_span_put(&out, members);
    canonical_open(&out, "signature", '{');
    lucid_json_member_cstr(&out, "algorithm", "Ed25519");
    base64_member(&out, "publicKey", lucid_span(input->public_key, PASSPORT_KEY_BYTES));
    lucid_json_member_str(&out, "kid", input->kid);
    if (signature != NULL) {
        base64_member(&out, "value", lucid_span(signature, PASSPORT_SIGNATURE_BYTES));
    }
    lucid_buf_str(&out, "}}");
    enum lucid_error error = lucid_buf_ok(&out)
                                 ? canonical_form(lucid_buf_span(&out), work->arena, ret, work->why)
                                 : LUCID_RETRY_MEMORY;
    lucid_buf_fini(&out);
    return error;
}

/* What nobody could read is not issued: a configuration or runtime data may hold what a passport
 * may not. */
static enum lucid_error result_check(const struct issue_work *work, struct lucid_span text)
{
    struct passport *passport = lucid_arena_alloc(work->arena, sizeof(*passport));
    struct lucid_why why = {.code = NULL};
    enum passport_fault fault;
    if (passport == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = passport_read(text, work->arena, passport, &fault, &why);
    return lucid_category(error) == LUCID_CATEGORY_REFUSE
               ? issue_refuse(work, why.param, "the passport would be none: %s", why.text)
               : error;
}

enum lucid_error issue_write(struct issue_work *work, struct lucid_span *ret_passport)
{
    const struct issue_input *input = work->input;
    struct lucid_buf members = {0};
    struct lucid_span form;
    uint8_t signature[PASSPORT_SIGNATURE_BYTES];
    enum lucid_error error = members_write(work, &members);
    if (error == LUCID_OK && !lucid_buf_ok(&members)) {
        error = LUCID_RETRY_MEMORY;
    }
    if (error == LUCID_OK) {
        error = signature_put(work, lucid_buf_span(&members), NULL, &form);
    }
    if (error == LUCID_OK && !input->sign(form, signature, input->context)) {
        error = LUCID_RETRY_MEMORY;
    }
    if (error == LUCID_OK) {
        error = signature_put(work, lucid_buf_span(&members), signature, &form);
    }
    lucid_buf_fini(&members);
    if (error == LUCID_OK) {
        error = result_check(work, form);
    }
    if (error == LUCID_OK) {
        *ret_passport = form;
    }
    return error;
}

/* --- beside it -------------------------------------------------------------------------------- */

enum lucid_error issue_disclosures(const struct issue_work *work, struct lucid_span *ret)
{
    struct lucid_buf out = {0};
    *ret = (struct lucid_span){.data = NULL};
    if (work->omitted_count == 0) {
        return LUCID_OK;
    }
    lucid_buf_char(&out, '[');
    for (size_t i = 0; i < work->omitted_count; i++) {
        element(&out);
        lucid_buf_char(&out, '{');
        lucid_json_member_cstr(&out, "name", work->omitted[i].name);
        base64_member(&out, "salt", lucid_span(work->input->salts[i], ISSUE_SALT_BYTES));
        lucid_json_member(&out, "value");
        lucid_buf_span_put(&out, work->omitted[i].value);
        lucid_buf_char(&out, '}');
    }
    lucid_buf_char(&out, ']');
    enum lucid_error error = lucid_buf_ok(&out)
                                 ? canonical_form(lucid_buf_span(&out), work->arena, ret, work->why)
                                 : LUCID_RETRY_MEMORY;
    lucid_buf_fini(&out);
    return error;
}

enum lucid_error issue_record(const struct issue_work *work,
                              const uint8_t digest[LUCID_SHA256_BYTES], struct lucid_span *ret)
{
    const struct issue_input *input = work->input;
    struct lucid_buf out = {0};
    lucid_buf_char(&out, '{');
    lucid_json_member_cstr(&out, "type", "passport.issued");
    lucid_json_member_u64(&out, "version", 1);
    lucid_json_member_cstr(&out, "passportId", work->id);
    canonical_digest(&out, "passportDigest", digest);
    lucid_json_member_str(&out, "application", input->application->name);
    appraisals_write(work, true, &out);
    canonical_digest(&out, "policy", input->policy);
    lucid_json_member_str(&out, "issuer", input->kid);
    lucid_json_member_u64(&out, "issuedAt", input->now_s);
    lucid_json_member_u64(&out, "expiresAt", work->expires_s);
    lucid_json_member_u64(&out, "renewAfter", work->renew_after_s);
    canonical_digest(&out, "request", input->request->digest);
    optional_member(&out, "supersedes", input->supersedes);
    lucid_json_member_bool(&out, "quote", work->has_quote);
    lucid_json_member_bool(&out, "mock", work->mock);
    lucid_json_member_bool(&out, "test", work->test);
    lucid_buf_char(&out, '}');
    enum lucid_error error = lucid_buf_ok(&out)
                                 ? canonical_form(lucid_buf_span(&out), work->arena, ret, work->why)
                                 : LUCID_RETRY_MEMORY;
    lucid_buf_fini(&out);
    return error;
}

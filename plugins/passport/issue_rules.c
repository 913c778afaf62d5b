/* Who gets a passport. */
#include <stdarg.h>
#include <stdio.h>

#include "plugins/passport/issue_internal.h"
#include "plugins/verifier/canonical.h"

enum lucid_error issue_refuse(const struct issue_work *work, const char *param, const char *format,
                              ...)
{
    char text[192];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    return lucid_refuse(work->why, LUCID_REFUSE_INVALID, "PASSPORT_REFUSED", param, "%s", text);
}

/* --- the request ------------------------------------------------------------------------------ */

static enum lucid_error version_choose(struct issue_work *work)
{
    struct lucid_span configured = work->input->application->version;
    struct lucid_span asked = work->input->request->version;
    if (configured.len == 0 && asked.len == 0) {
        return issue_refuse(work, "version",
                            "neither the application's configuration nor the request has one");
    }
    if (configured.len > 0 && asked.len > 0 && !lucid_span_equal(configured, asked)) {
        return issue_refuse(work, "version", "the application is configured as another version");
    }
    work->version = configured.len > 0 ? configured : asked;
    return LUCID_OK;
}

static enum lucid_error request_judge(struct issue_work *work)
{
    const struct issue_request *request = work->input->request;
    uint64_t now_s = work->input->now_s;
    uint64_t apart_s = now_s > request->time_s ? now_s - request->time_s : request->time_s - now_s;
    if (!lucid_span_equal(request->application, work->input->application->name)) {
        return issue_refuse(work, "application", "the request is for another application");
    }
    if (apart_s > ISSUE_SKEW_S) {
        return issue_refuse(work, "time", "it is %llu seconds from the log's clock, at most %d",
                            (unsigned long long)apart_s, ISSUE_SKEW_S);
    }
    return version_choose(work);
}

/* The place of an appraisal in the request, as a param. */
struct place {
    char param[40];
};

static struct place place_of(const struct issue_work *work, const uint8_t id[LUCID_SHA256_BYTES])
{
    const struct issue_request *request = work->input->request;
    struct place place = {"appraisals"};
    for (size_t i = 0; i < request->appraisal_count; i++) {
        if (memcmp(request->appraisals[i], id, LUCID_SHA256_BYTES) == 0) {
            (void)snprintf(place.param, sizeof(place.param), "appraisals[%zu]", i);
        }
    }
    return place;
}

static bool is_given(const struct issue_input *input, const uint8_t id[LUCID_SHA256_BYTES])
{
    bool given = false;
    for (size_t i = 0; i < input->appraisal_count; i++) {
        given = given || memcmp(input->appraisals[i].id, id, LUCID_SHA256_BYTES) == 0;
    }
    for (size_t i = 0; i < input->claims_count; i++) {
        given = given || memcmp(input->claims[i].id, id, LUCID_SHA256_BYTES) == 0;
    }
    return given;
}

/* Everything that the request names is there, nothing else, and evidence comes first. */
static enum lucid_error named_judge(const struct issue_work *work)
{
    const struct issue_input *input = work->input;
    const struct issue_request *request = input->request;
    for (size_t i = 0; i < request->appraisal_count; i++) {
        if (!is_given(input, request->appraisals[i])) {
            return issue_refuse(work, place_of(work, request->appraisals[i]).param,
                                "no appraisal on this log has this id");
        }
    }
    if (input->appraisal_count == 0 ||
        memcmp(request->appraisals[0], input->appraisals[0].id, LUCID_SHA256_BYTES) != 0) {
        return issue_refuse(work, "appraisals[0]", "the first must be an appraisal of evidence");
    }
    if (input->appraisal_count + input->claims_count != request->appraisal_count ||
        input->interaction_count != request->interaction_count) {
        return issue_refuse(work, "appraisals", "there is something else than was asked for");
    }
    return LUCID_OK;
}

/* --- any appraisal ---------------------------------------------------------------------------- */

/* What both kinds of records say alike. */
struct common {
    const char *param;
    bool key_trusted;
    struct lucid_span issuer;
    const uint8_t *policy;
    uint64_t received_s;
    uint64_t lifetime_s;
    bool mock;
};

static enum lucid_error age_judge(const struct issue_work *work, const struct common *common)
{
    uint64_t now_s = work->input->now_s;
    uint64_t most_s = work->input->application->appraisal_age_s_max;
    uint64_t age_s = now_s > common->received_s ? now_s - common->received_s : 0;
    if (common->received_s > now_s && common->received_s - now_s > ISSUE_SKEW_S) {
        return issue_refuse(work, common->param, "it is from the future of the log's clock");
    }
    if (age_s > common->lifetime_s) {
        return issue_refuse(work, common->param, "its result expired %llu seconds ago",
                            (unsigned long long)(age_s - common->lifetime_s));
    }
    if (most_s != 0 && age_s > most_s) {
        return issue_refuse(work, common->param,
                            "it is %llu seconds old, the application allows %llu",
                            (unsigned long long)age_s, (unsigned long long)most_s);
    }
    return LUCID_OK;
}

static enum lucid_error common_judge(struct issue_work *work, const struct common *common)
{
    const struct issue_input *input = work->input;
    if (!lucid_span_equal(common->issuer, input->issuer)) {
        return issue_refuse(work, common->param, "it is of another log");
    }
    if (common->mock && !input->allow_mock) {
        return lucid_refuse(work->why, LUCID_REFUSE_FORBIDDEN, "MOCK_NOT_ALLOWED", common->param,
                            "mock evidence gets no passport here (passport.allow_mock)");
    }
    if (!common->key_trusted) {
        return issue_refuse(work, common->param,
                            "it is signed by a key that is not in use any more");
    }
    if (memcmp(common->policy, input->policy, LUCID_SHA256_BYTES) != 0) {
        return issue_refuse(work, common->param,
                            "it was made under another policy than the application's");
    }
    work->mock = work->mock || common->mock;
    return age_judge(work, common);
}

/* --- of evidence ------------------------------------------------------------------------------ */

/* Whether a mock one has no other fault than that it is one. What it measures is invented, so
 * nobody need have heard of it. */
static bool submod_is_only_mock(const struct jcs_value *submod)
{
    static const char *const unknown[] = {"measurement.no_reference", "measurement.not_recognised",
                                          "measurement.no_fitting_reference"};
    const struct jcs_value *vector = jcs_member(submod, "vector");
    const struct jcs_value *at = NULL;
    struct evidence_step step;
    bool unheard = false;
    while (evidence_step_next(submod, &at, &step)) {
        bool fits = false;
        for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
            fits = fits || lucid_span_is(step.code, unknown[i]);
        }
        unheard = unheard || fits;
        if (lucid_span_is(step.outcome, "fail") && !fits) {
            return false;
        }
    }
    at = NULL;
    while (vector != NULL && (at = jcs_next(vector, at)) != NULL) {
        uint64_t value = UINT64_MAX; /* also of what is negative */
        bool read = jcs_uint(at, &value);
        bool hardware = lucid_span_is(jcs_name(at), "hardware") && value == 32;
        bool executables = lucid_span_is(jcs_name(at), "executables") && unheard && value == 33;
        if (!read || (value >= 32 && !hardware && !executables)) {
            return false;
        }
    }
    return vector != NULL;
}

static const struct jcs_value *member_of(const struct jcs_value *object, struct lucid_span name)
{
    const struct jcs_value *at = NULL;
    while (object != NULL && (at = jcs_next(object, at)) != NULL &&
           !lucid_span_equal(jcs_name(at), name)) {
    }
    return at;
}

static bool is_only_mock(const struct record *record)
{
    const struct jcs_value *submods = jcs_member(record->root, "submods");
    bool only = record->mock;
    for (size_t i = 0; i < record->evidence_count; i++) {
        const struct record_evidence *evidence = &record->evidences[i];
        const struct scheme *scheme = scheme_find(evidence->type);
        const struct jcs_value *submod = member_of(submods, evidence->name);
        bool mock = scheme != NULL && scheme->is_mock;
        /* What stands beside a mock is held to what it is held to alone. */
        only = only && (mock ? submod_is_only_mock(submod)
                             : lucid_span_is(evidence_text(submod, "status"), "affirming"));
    }
    return only;
}

static enum lucid_error status_judge(const struct issue_work *work, const char *param,
                                     const struct issue_environment *environment)
{
    const struct record *record = environment->record;
    const struct issue_appraisal *given = environment->given;
    enum appraisal_tier status = APPRAISAL_CONTRAINDICATED;
    (void)evidence_tier_read(record->status, &status);
    if (status != APPRAISAL_AFFIRMING && !(status == APPRAISAL_WARNING && is_only_mock(record))) {
        return issue_refuse(work, param, "its result is %s, not affirming",
                            appraisal_tier_name(status));
    }
    if (given->today_code[0] != '\0' ||
        evidence_tier_rank(given->today) > evidence_tier_rank(status)) {
        return issue_refuse(work, param, "with the collateral of today it would be %s: %s",
                            appraisal_tier_name(given->today), given->today_code);
    }
    return LUCID_OK;
}

/* Reads what the log has of it. */
static enum lucid_error environment_read(struct issue_work *work, const char *param,
                                         struct issue_environment *environment)
{
    const struct issue_appraisal *given = environment->given;
    enum lucid_error error =
        record_read(given->record, work->arena, &environment->record, work->why);
    if (error != LUCID_OK) {
        return error;
    }
    const struct record *record = environment->record;
    if (given->ear.len == 0 || given->runtime_data.len == 0 || given->evidence.len == 0) {
        return issue_refuse(work, param, "what it was made from was erased");
    }
    if (!evidence_hash_is(given->record, given->id) || !evidence_hash_is(given->ear, record->ear) ||
        !evidence_hash_is(given->runtime_data, record->runtime_data) ||
        !evidence_hash_is(given->evidence, record->evidences[0].evidence)) {
        return issue_refuse(work, param, "what the log has is not what its digests say");
    }
    error = freshness_read(given->runtime_data, work->arena, &environment->runtime, work->why);
    if (error == LUCID_OK) {
        error = evidence_measure(record->evidences[0].type, given->evidence, work->arena,
                                 &environment->measured);
    }
    if (error == LUCID_NOTE_ABSENT) {
        return issue_refuse(work, param, "its evidence cannot be read any more");
    }
    environment->bound = evidence_is_bound(record);
    return error;
}

static enum lucid_error environment_judge(struct issue_work *work,
                                          struct issue_environment *environment)
{
    const struct place place = place_of(work, environment->given->id);
    struct lucid_span audience = work->input->application->audience;
    enum lucid_error error = environment_read(work, place.param, environment);
    if (error != LUCID_OK) {
        return error;
    }
    const struct record *record = environment->record;
    const struct freshness_runtime *first = &work->environments[0].runtime;
    const struct common common = {place.param,        environment->given->key_trusted,
                                  record->issuer,     record->policy,
                                  record->received_s, record->lifetime_s,
                                  record->mock};
    error = common_judge(work, &common);
    if (error != LUCID_OK) {
        return error;
    }
    if (audience.len > 0 && !lucid_span_equal(audience, record->challenge.audience)) {
        return issue_refuse(work, place.param, "it was asked for with another audience");
    }
    if (environment->runtime.spki_len != first->spki_len ||
        memcmp(environment->runtime.spki, first->spki, first->spki_len) != 0) {
        return issue_refuse(work, place.param, "it binds another key than the first");
    }
    work->test = work->test || record->test;
    return status_judge(work, place.param, environment);
}

/* --- of claims -------------------------------------------------------------------------------- */

static enum lucid_error claims_judge(struct issue_work *work, size_t i)
{
    const struct issue_claims *given = &work->input->claims[i];
    const struct place place = place_of(work, given->id);
    enum lucid_error error =
        rules_record_read(given->record, work->arena, &work->claims[i], work->why);
    if (error != LUCID_OK) {
        return error;
    }
    const struct rules_record *record = work->claims[i];
    const struct jcs_value *mock = jcs_member(record->root, "mock");
    const struct common common = {
        place.param,
        given->key_trusted,
        record->input.issuer,
        record->policy,
        record->input.received_s,
        record->input.lifetime_s,
        mock != NULL && jcs_type(mock) == JCS_TRUE,
    };
    if (!evidence_hash_is(given->record, given->id)) {
        return issue_refuse(work, place.param, "what the log has is not what its digests say");
    }
    work->test = work->test || record->input.test;
    return common_judge(work, &common);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* The request is signed by the key that the evidence binds. */
static enum lucid_error signature_judge(const struct issue_work *work)
{
    const struct issue_input *input = work->input;
    struct jose_key key;
    enum lucid_error error =
        jose_key_read(work->environments[0].runtime.public_key, &key, work->why);
    if (error != LUCID_OK) {
        return error;
    }
    if (!issue_request_signed(input->request, &key, input->ed25519, input->context)) {
        return lucid_refuse(work->why, LUCID_REFUSE_FORBIDDEN, "SIGNATURE_INVALID",
                            "signature.value",
                            "the request is not signed by the key that the evidence binds");
    }
    return LUCID_OK;
}

enum lucid_error issue_judge(struct issue_work *work)
{
    const struct issue_input *input = work->input;
    work->test = input->test;
    enum lucid_error error = request_judge(work);
    if (error == LUCID_OK) {
        error = named_judge(work);
    }
    for (size_t i = 0; error == LUCID_OK && i < input->appraisal_count; i++) {
        work->environments[i].given = &input->appraisals[i];
        error = environment_judge(work, &work->environments[i]);
        if (error == LUCID_OK && i == 0) {
            error = signature_judge(work);
        }
    }
    for (size_t i = 0; error == LUCID_OK && i < input->claims_count; i++) {
        error = claims_judge(work, i);
    }
    return error;
}

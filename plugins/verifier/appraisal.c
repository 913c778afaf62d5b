#include "plugins/verifier/appraisal.h"

#include <stdio.h>

#include "base/assert.h"
#include "plugins/verifier/ear.h"
#include "plugins/verifier/freshness.h"
#include "plugins/verifier/judge.h"

/* The steps after which nothing goes on when one of them fails. */
#define GATE_STEPS ((unsigned)APPRAISAL_REVOCATION)
#define TIME_MAX_S 253402300799ULL /* the year 9999 */

enum appraisal_tier appraisal_vector_tier(const int8_t vector[APPRAISAL_CATEGORIES])
{
    enum appraisal_tier worst = APPRAISAL_NONE;
    for (size_t i = 0; i < APPRAISAL_CATEGORIES; i++) {
        enum appraisal_tier tier = appraisal_claim_tier(vector[i]);
        worst = tier > worst ? tier : worst;
    }
    return worst;
}

/* --- the input -------------------------------------------------------------------------------- */

/* member: with its point, or empty. */
static enum lucid_error refuse(struct lucid_why *why, size_t i, const char *member,
                               const char *text)
{
    char place[sizeof(why->param)];
    (void)snprintf(place, sizeof(place), "evidences[%zu]%s", i, member);
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_EVIDENCE", place, "%s", text);
}

/* Of submods and of types. */
static bool is_name(struct lucid_span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (i == 0 || (c != '-' && c != '_'))) {
            return false;
        }
    }
    return name.len > 0 && name.len <= APPRAISAL_NAME_BYTES_MAX;
}

/* Names the submods: their own names, "cpu0", "cpu1" … for those without. */
static enum lucid_error names_set(const struct appraisal_input *input, struct appraisal *ret,
                                  struct lucid_why *why)
{
    unsigned next = 0;
    for (size_t i = 0; i < input->evidence_count; i++) {
        struct appraisal_submod *submod = &ret->submods[i];
        const char *name = input->evidences[i].name;
        submod->evidence = &input->evidences[i];
        if (memchr(name, '\0', sizeof(submod->name)) == NULL ||
            (name[0] != '\0' && !is_name(lucid_span_str(name)))) {
            return refuse(why, i, ".name",
                          "a name is 1 to 31 of a-z, 0-9, - and _, and begins with no mark");
        }
        if (name[0] != '\0') {
            memcpy(submod->name, name, strlen(name) + 1);
        } else {
            (void)snprintf(submod->name, sizeof(submod->name), "cpu%u", next);
            next++;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(ret->submods[j].name, submod->name) == 0) {
                return refuse(why, i, ".name", "this name stands there twice");
            }
        }
    }
    ret->submod_count = input->evidence_count;
    return LUCID_OK;
}

static enum lucid_error evidence_check(const struct appraisal_evidence *evidence, size_t i,
                                       struct lucid_why *why)
{
    bool large = evidence->bytes.len > APPRAISAL_EVIDENCE_BYTES_MAX ||
                 evidence->event_log.len > APPRAISAL_EVENT_LOG_BYTES_MAX;
    if (!is_name(evidence->type)) {
        return refuse(why, i, ".type", "it is to be 1 to 31 of a-z, 0-9, - and _");
    }
    if (evidence->endorsement_count > APPRAISAL_CHAIN_MAX) {
        return refuse(why, i, ".endorsements", "there are more than 8 of them");
    }
    for (size_t j = 0; j < evidence->endorsement_count; j++) {
        large = large || evidence->endorsements[j].len > APPRAISAL_EVIDENCE_BYTES_MAX;
    }
    if (large) {
        (void)refuse(why, i, "", "it is too large");
        return LUCID_REFUSE_TOO_LARGE;
    }
    return LUCID_OK;
}

static enum lucid_error input_check(const struct appraisal_input *input, struct lucid_why *why)
{
    lucid_assert(input->policy != NULL);
    if (input->evidence_count == 0 || input->evidence_count > APPRAISAL_EVIDENCES_MAX ||
        input->collateral_count > APPRAISAL_COLLATERAL_MAX ||
        input->reference_count > POLICY_REFERENCES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_EVIDENCE", "evidences",
                            "there are to be 1 to 16 evidences, at most 64 items of collateral and "
                            "16 reference sets");
    }
    if (input->has_test_bound_data && (!input->test || input->test_bound_len == 0 ||
                                       input->test_bound_len > APPRAISAL_BOUND_BYTES_MAX)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "TEST_ONLY", "test_bound_data",
                            "only a test store takes it, 1 to 64 bytes");
    }
    if (input->time_s > TIME_MAX_S || input->received_s > TIME_MAX_S ||
        input->lifetime_s > TIME_MAX_S) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_EVIDENCE", "time",
                            "it is beyond the year 9999");
    }
    for (size_t i = 0; i < input->collateral_count; i++) {
        if (input->collateral[i].bytes.len > APPRAISAL_COLLATERAL_BYTES_MAX) {
            return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_EVIDENCE", "collateral",
                                "an item is longer than %zu bytes", APPRAISAL_COLLATERAL_BYTES_MAX);
        }
    }
    for (size_t i = 0; i < input->evidence_count; i++) {
        enum lucid_error e = evidence_check(&input->evidences[i], i, why);
        if (e != LUCID_OK) {
            return e;
        }
    }
    return LUCID_OK;
}

/* --- steps ------------------------------------------------------------------------------------ */

static const char *not_reached_code(enum appraisal_step step)
{
    static const char *const codes[APPRAISAL_STEPS] = {
        "parse.not_reached",         "chain.not_reached",       "signature.not_reached",
        "freshness.not_reached",     "revocation.not_reached",  "tcb.not_reached",
        "configuration.not_reached", "measurement.not_reached", "identity.not_reached"};
    return codes[step];
}

/* A step of the scheme; revocation, tcb and configuration may be missing. */
static void scheme_step(struct scheme_job *job, enum appraisal_step step,
                        void (*run)(struct scheme_job *job, struct appraisal_result *ret),
                        struct appraisal_result *ret)
{
    static const char *const missing[APPRAISAL_STEPS] = {
        [APPRAISAL_REVOCATION] = "revocation.not_applicable",
        [APPRAISAL_TCB] = "tcb.not_applicable",
        [APPRAISAL_CONFIGURATION] = "configuration.not_applicable",
    };
    struct appraisal_result result = {.code = NULL};
    if (run == NULL) {
        scheme_say(ret, APPRAISAL_NOT_APPLICABLE, missing[step], NULL);
        return;
    }
    run(job, &result);
    if (job->no_memory) {
        return; /* submods_run ends it */
    }
    lucid_assert(result.code != NULL);
    /* Through scheme_say, so that detail is printable whoever wrote it. */
    result.detail[sizeof(result.detail) - 1] = '\0';
    scheme_say(ret, result.outcome, result.code, "%s", result.detail);
}

static void parse_step(struct scheme_job *job, const struct scheme *scheme,
                       struct appraisal_result *ret)
{
    if (!judge_type(job->input, job->evidence, scheme, ret)) {
        return;
    }
    lucid_assert(scheme_ok(scheme));
    if (job->evidence->bytes.len > scheme->evidence_bytes_max) {
        scheme_say(ret, APPRAISAL_FAIL, "parse.too_large", "%zu bytes, at most %zu",
                   job->evidence->bytes.len, scheme->evidence_bytes_max);
        return;
    }
    scheme_step(job, APPRAISAL_PARSE, scheme->parse, ret);
    lucid_assert(job->measurement_count <= APPRAISAL_MEASUREMENTS_MAX);
    if (ret->outcome == APPRAISAL_PASS && job->bound.len != scheme->bound_bytes) {
        scheme_say(ret, APPRAISAL_FAIL, "parse.no_bound_data", "%zu bytes", job->bound.len);
    }
}

/* The first four steps. Whether all of them passed; if not, the rest stays "not reached". */
static bool gate_run(struct appraisal_submod *submod, struct scheme_job *job,
                     const struct freshness_runtime *runtime)
{
    const struct scheme *scheme = submod->scheme;
    struct appraisal_result *steps = submod->steps;
    for (unsigned step = 0; step < APPRAISAL_STEPS; step++) {
        scheme_say(&steps[step], APPRAISAL_SKIPPED, not_reached_code((enum appraisal_step)step),
                   NULL);
    }
    parse_step(job, scheme, &steps[APPRAISAL_PARSE]);
    if (steps[APPRAISAL_PARSE].outcome == APPRAISAL_PASS) {
        scheme_step(job, APPRAISAL_CHAIN, scheme->chain, &steps[APPRAISAL_CHAIN]);
    }
    if (steps[APPRAISAL_CHAIN].outcome == APPRAISAL_PASS) {
        scheme_step(job, APPRAISAL_SIGNATURE, scheme->signature, &steps[APPRAISAL_SIGNATURE]);
    }
    if (steps[APPRAISAL_SIGNATURE].outcome == APPRAISAL_PASS) {
        freshness_check(job, scheme, runtime, &steps[APPRAISAL_FRESHNESS], &submod->bound);
    }
    return steps[APPRAISAL_FRESHNESS].outcome == APPRAISAL_PASS;
}

/* A claim that is to be of no better tier than this one. Its number says nothing: negative claims
 * (AR4SI: of the verifier's own making) are in the same tiers. */
static void at_least(int8_t *claim, int8_t least)
{
    *claim = appraisal_claim_tier(*claim) < appraisal_claim_tier(least) ? least : *claim;
}

/* The claim of a failed step: the scheme's own, if it warns at least. */
static void failed_claim(const struct appraisal_result *step, int8_t *claim)
{
    if (step->outcome == APPRAISAL_FAIL && appraisal_claim_tier(*claim) < APPRAISAL_WARNING) {
        *claim = 96;
    }
}

/* CRLs and the like that are older than the policy allows are as good as none: not bad, but nothing
 * to rely on, and bad where the policy asks for them. */
static void age_check(struct scheme_job *job, const struct scheme *scheme,
                      struct appraisal_result *revocation)
{
    char key[SCHEME_KEY_BYTES_MAX + 1];
    uint64_t days = 0;
    if (revocation->outcome == APPRAISAL_FAIL ||
        judge_old_collateral(job, scheme, key, &days) == NULL) {
        return;
    }
    scheme_say(revocation, APPRAISAL_FAIL, "revocation.collateral_too_old",
               "%.80s: %llu days, at most %llu", key, (unsigned long long)days,
               (unsigned long long)job->input->policy->collateral_age_days_max);
}

/* The other five. What a failed step leaves behind is never affirming, whatever the scheme says. */
static void rest_run(struct appraisal_submod *submod, struct scheme_job *job)
{
    const struct scheme *scheme = submod->scheme;
    struct appraisal_result *steps = submod->steps;
    int8_t *vector = submod->vector;
    scheme_step(job, APPRAISAL_REVOCATION, scheme->revocation, &steps[APPRAISAL_REVOCATION]);
    bool revoked = steps[APPRAISAL_REVOCATION].outcome == APPRAISAL_FAIL;
    age_check(job, scheme, &steps[APPRAISAL_REVOCATION]);
    scheme_step(job, APPRAISAL_TCB, scheme->tcb, &steps[APPRAISAL_TCB]);
    scheme_step(job, APPRAISAL_CONFIGURATION, scheme->configuration,
                &steps[APPRAISAL_CONFIGURATION]);
    judge_measurement(job, scheme, &steps[APPRAISAL_MEASUREMENT], &vector[APPRAISAL_EXECUTABLES]);
    judge_identity(job, &steps[APPRAISAL_IDENTITY], &vector[APPRAISAL_INSTANCE_IDENTITY]);

    if (steps[APPRAISAL_REVOCATION].outcome == APPRAISAL_FAIL) {
        at_least(&job->hardware,
                 revoked || job->input->policy->require_crl ? 96 : 32); /* too old: 32 */
    }
    failed_claim(&steps[APPRAISAL_TCB], &job->hardware);
    failed_claim(&steps[APPRAISAL_CONFIGURATION], &job->configuration);
    if (scheme->is_mock) {
        at_least(&job->hardware, 32); /* a mock is never genuine */
    }
    vector[APPRAISAL_HARDWARE] = job->hardware;
    vector[APPRAISAL_CONFIGURATION_CLAIM] = job->configuration;
    vector[APPRAISAL_RUNTIME_OPAQUE] = job->runtime_opaque;
    submod->status = appraisal_vector_tier(vector);
    if (submod->status == APPRAISAL_AFFIRMING &&
        appraisal_claim_tier(vector[APPRAISAL_HARDWARE]) != APPRAISAL_AFFIRMING) {
        submod->status = APPRAISAL_WARNING; /* nobody said that the hardware is genuine */
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

/* The worst; and no affirming whole with a part of which nothing is said. */
static enum appraisal_tier worst_status(const struct appraisal *appraisal)
{
    enum appraisal_tier worst = APPRAISAL_NONE;
    bool none = false;
    for (size_t i = 0; i < appraisal->submod_count; i++) {
        enum appraisal_tier status = appraisal->submods[i].status;
        worst = status > worst ? status : worst;
        none = none || status == APPRAISAL_NONE;
    }
    return none && worst == APPRAISAL_AFFIRMING ? APPRAISAL_NONE : worst;
}

static void fail_note(struct appraisal *appraisal, size_t i)
{
    struct appraisal_submod *submod = &appraisal->submods[i];
    submod->status = APPRAISAL_CONTRAINDICATED;
    if (!appraisal->appraised) {
        return;
    }
    appraisal->appraised = false;
    appraisal->failed_evidence = i;
    unsigned step = 0;
    while (step + 1 < GATE_STEPS && submod->steps[step].outcome == APPRAISAL_PASS) {
        step++;
    }
    appraisal->failed_step = (enum appraisal_step)step;
}

static enum lucid_error submods_run(const struct appraisal_input *input, struct lucid_arena *arena,
                                    struct appraisal *ret)
{
    struct scheme_job *jobs = lucid_arena_zalloc(arena, input->evidence_count * sizeof(*jobs));
    if (jobs == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    ret->appraised = true;
    for (size_t i = 0; i < input->evidence_count; i++) {
        struct appraisal_submod *submod = &ret->submods[i];
        jobs[i].input = input;
        jobs[i].evidence = &input->evidences[i];
        jobs[i].arena = arena;
        jobs[i].product = "";
        submod->scheme = scheme_find(input->evidences[i].type);
        submod->job = submod->scheme == NULL ? NULL : &jobs[i];
        ret->is_mock = ret->is_mock || (submod->scheme != NULL && submod->scheme->is_mock);
        if (!gate_run(submod, &jobs[i], ret->runtime)) {
            fail_note(ret, i);
        }
    }
    for (size_t i = 0; ret->appraised && i < input->evidence_count; i++) {
        rest_run(&ret->submods[i], &jobs[i]);
    }
    for (size_t i = 0; i < input->evidence_count; i++) {
        if (jobs[i].no_memory) {
            return LUCID_RETRY_MEMORY;
        }
    }
    ret->status = worst_status(ret);
    return LUCID_OK;
}

enum lucid_error appraisal_run(const struct appraisal_input *input, struct lucid_arena *arena,
                               struct appraisal *ret, struct lucid_why *why)
{
    struct appraisal *made = lucid_arena_zalloc(arena, sizeof(*made));
    struct freshness_runtime *runtime = lucid_arena_zalloc(arena, sizeof(*runtime));
    if (made == NULL || runtime == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    made->runtime = runtime;
    enum lucid_error e = input_check(input, why);
    if (e == LUCID_OK) {
        e = names_set(input, made, why);
    }
    if (e == LUCID_OK) {
        e = freshness_read(input->runtime_data, arena, runtime, why);
    }
    if (e == LUCID_OK) {
        e = submods_run(input, arena, made);
    }
    if (e == LUCID_OK && made->appraised) {
        e = ear_claims_write(input, made, arena, &made->claims, why);
    }
    if (e == LUCID_OK) {
        *ret = *made;
    }
    return e;
}

static void step_write(const struct appraisal_submod *submod, unsigned step, struct lucid_buf *out)
{
    const struct appraisal_result *result = &submod->steps[step];
    lucid_json_member_cstr(out, "step", appraisal_step_name((enum appraisal_step)step));
    lucid_json_member_cstr(out, "outcome", appraisal_outcome_name(result->outcome));
    lucid_json_member_cstr(out, "code", result->code);
    if (result->detail[0] != '\0') {
        lucid_json_member_cstr(out, "detail", result->detail);
    }
}

void appraisal_vector_write(const int8_t vector[APPRAISAL_CATEGORIES], struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    for (unsigned i = 0; i < APPRAISAL_CATEGORIES; i++) {
        lucid_json_member(out, appraisal_category_name((enum appraisal_category)i));
        lucid_buf_printf(out, "%d", (int)vector[i]);
    }
    lucid_buf_char(out, '}');
}

void appraisal_submod_steps_write(const struct appraisal_submod *submod, struct lucid_buf *out)
{
    lucid_buf_char(out, '[');
    for (unsigned step = 0; step < APPRAISAL_STEPS; step++) {
        lucid_buf_str(out, step == 0 ? "{" : ",{");
        step_write(submod, step, out);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
}

void appraisal_steps_write(const struct appraisal *appraisal, struct lucid_buf *out)
{
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < appraisal->submod_count; i++) {
        const struct appraisal_submod *submod = &appraisal->submods[i];
        for (unsigned step = 0; step < APPRAISAL_STEPS; step++) {
            lucid_buf_str(out, i == 0 && step == 0 ? "{" : ",{");
            lucid_json_member_cstr(out, "evidence", submod->name);
            lucid_json_member_str(out, "type", submod->evidence->type);
            step_write(submod, step, out);
            lucid_buf_char(out, '}');
        }
    }
    lucid_buf_char(out, ']');
}

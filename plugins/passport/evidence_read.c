/* What of a record, and of the evidence that it names, a passport says. */
#include "plugins/passport/evidence_internal.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/judge.h"
#include "plugins/verifier/scheme.h"

struct lucid_span evidence_text(const struct jcs_value *object, const char *name)
{
    const struct jcs_value *value = jcs_member(object, name);
    return value != NULL && jcs_type(value) == JCS_STRING ? jcs_string(value)
                                                          : (struct lucid_span){.data = NULL};
}

bool evidence_digest(const struct jcs_value *object, const char *name,
                     uint8_t ret[LUCID_SHA256_BYTES])
{
    return canonical_digest_read(evidence_text(object, name), ret);
}

bool evidence_auditor(const struct jcs_value *list, struct lucid_span id,
                      uint8_t ret[LUCID_SHA256_BYTES])
{
    if (list == NULL || jcs_type(list) != JCS_ARRAY) {
        return false;
    }
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        if (lucid_span_equal(evidence_text(at, "id"), id)) {
            return evidence_digest(at, "digest", ret);
        }
    }
    return false;
}

bool evidence_tier_read(struct lucid_span name, enum appraisal_tier *ret)
{
    static const enum appraisal_tier tiers[] = {APPRAISAL_NONE, APPRAISAL_AFFIRMING,
                                                APPRAISAL_WARNING, APPRAISAL_CONTRAINDICATED};
    for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        if (lucid_span_is(name, appraisal_tier_name(tiers[i]))) {
            *ret = tiers[i];
            return true;
        }
    }
    return false;
}

unsigned evidence_tier_rank(enum appraisal_tier tier)
{
    switch (tier) {
    case APPRAISAL_AFFIRMING:
        return 0;
    case APPRAISAL_NONE: /* nobody said that it is good */
        return 1;
    case APPRAISAL_WARNING:
        return 2;
    case APPRAISAL_CONTRAINDICATED:
        break;
    }
    return 3;
}

bool evidence_step_next(const struct jcs_value *submod, const struct jcs_value **at,
                        struct evidence_step *ret)
{
    const struct jcs_value *steps = jcs_member(submod, "steps");
    *at = steps == NULL ? NULL : jcs_next(steps, *at);
    if (*at == NULL) {
        return false;
    }
    *ret = (struct evidence_step){evidence_text(*at, "step"), evidence_text(*at, "outcome"),
                                  evidence_text(*at, "code")};
    return true;
}

bool evidence_is_bound(const struct record *record)
{
    const struct jcs_value *submods = jcs_member(record->root, "submods");
    const struct jcs_value *submod = NULL;
    size_t bound = 0;
    while (submods != NULL && (submod = jcs_next(submods, submod)) != NULL) {
        const struct jcs_value *at = NULL;
        struct evidence_step step;
        while (evidence_step_next(submod, &at, &step)) {
            bound += lucid_span_is(step.code, "freshness.bound") ? 1 : 0;
        }
    }
    return bound > 0 && bound == record->evidence_count;
}

/* --- reference sets --------------------------------------------------------------------------- */

static bool set_knows(const struct reference_set *set, const struct evidence_sets *sets)
{
    const struct scheme_job *job = sets->measured->job;
    return lucid_span_equal(set->type, sets->type) && set->valid_from_s <= sets->time_s &&
           (set->valid_to_s == 0 || set->valid_to_s >= sets->time_s) &&
           (set->model.len == 0 || lucid_span_is(set->model, job->product)) &&
           judge_set_knows(job, set);
}

static bool set_lists(const struct jcs_value *list, struct lucid_span id,
                      const uint8_t digest[LUCID_SHA256_BYTES])
{
    const struct jcs_value *at = NULL;
    uint8_t own[LUCID_SHA256_BYTES];
    while (list != NULL && (at = jcs_next(list, at)) != NULL) {
        bool fits = id.data == NULL || lucid_span_equal(evidence_text(at, "id"), id);
        if (fits && evidence_digest(at, "digest", own) && memcmp(own, digest, sizeof(own)) == 0) {
            return true;
        }
    }
    return false;
}

bool evidence_is_referenced(const struct evidence_sets *sets, const char *list,
                            struct lucid_span id, const uint8_t digest[LUCID_SHA256_BYTES])
{
    for (size_t i = 0; i < sets->count; i++) {
        if (set_knows(&sets->items[i], sets) &&
            set_lists(jcs_member(sets->items[i].document, list), id, digest)) {
            return true;
        }
    }
    return false;
}

/* --- the register ----------------------------------------------------------------------------- */

static enum lucid_error registers_join(const struct scheme_job *job, struct lucid_arena *arena,
                                       struct evidence_measurement *ret)
{
    struct lucid_buf all = {0};
    ret->alg = NULL;
    for (size_t i = 0; i < job->measurement_count; i++) {
        if (job->measurements[i].required) {
            lucid_buf_span_put(&all, job->measurements[i].value);
            ret->alg = ret->alg == NULL ? job->measurements[i].alg : ret->alg;
        }
    }
    ret->value = canonical_keep(&all, arena);
    if (ret->alg == NULL) {
        return LUCID_NOTE_ABSENT;
    }
    return ret->value.data == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
}

/* What the evidence was read with, as long as what it was read into. */
struct reading {
    struct policy policy; /* none: it allows nothing by itself */
    struct appraisal_input input;
    struct appraisal_evidence evidence;
    struct scheme_job job;
};

enum lucid_error evidence_measure(struct lucid_span type, struct lucid_span quote,
                                  struct lucid_arena *arena, struct evidence_measurement *ret)
{
    const struct scheme *scheme = scheme_find(type);
    struct appraisal_result parsed = {.outcome = APPRAISAL_FAIL};
    if (scheme == NULL || quote.len == 0 || quote.len > scheme->evidence_bytes_max) {
        return LUCID_NOTE_ABSENT;
    }
    struct reading *reading = lucid_arena_zalloc(arena, sizeof(*reading));
    if (reading == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    struct scheme_job *job = &reading->job;
    reading->evidence = (struct appraisal_evidence){.type = type, .bytes = quote};
    reading->input.policy = &reading->policy;
    *job = (struct scheme_job){
        .input = &reading->input, .evidence = &reading->evidence, .arena = arena, .product = ""};
    scheme->parse(job, &parsed);
    if (job->no_memory) {
        return LUCID_RETRY_MEMORY;
    }
    if (parsed.outcome != APPRAISAL_PASS) {
        return LUCID_NOTE_ABSENT;
    }
    struct evidence_measurement made = {.tee = scheme->tee, .job = job};
    enum lucid_error error = registers_join(job, arena, &made);
    if (error == LUCID_OK) {
        *ret = made;
    }
    return error;
}

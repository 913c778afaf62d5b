/* What would be found today. */
#include "plugins/passport/evidence_internal.h"
#include "plugins/verifier/gather.h"

#include <stdio.h>

/* Collateral of today; of then, where nothing is at hand today. */
struct finding {
    const struct today_input *today;
    const struct appraisal_input *then;
};

static enum lucid_error item_find(void *context, struct lucid_span key,
                                  struct appraisal_collateral *ret)
{
    const struct finding *finding = context;
    enum lucid_error error = finding->today->collateral(finding->today->context, key, ret);
    if (lucid_category(error) != LUCID_CATEGORY_NOTE) {
        return error;
    }
    for (size_t i = 0; i < finding->then->collateral_count; i++) {
        if (lucid_span_equal(finding->then->collateral[i].key, key)) {
            ret->bytes = finding->then->collateral[i].bytes;
            ret->imported_s = finding->then->collateral[i].imported_s;
            return LUCID_OK;
        }
    }
    return LUCID_NOTE_ABSENT;
}

/* --- what is worse ---------------------------------------------------------------------------- */

/* The step of that name and submod, as the record has it. */
static bool step_then(const struct record *record, const char *submod, enum appraisal_step step,
                      struct evidence_step *ret)
{
    const struct jcs_value *at = NULL;
    const struct jcs_value *place = jcs_member(jcs_member(record->root, "submods"), submod);
    while (evidence_step_next(place, &at, ret)) {
        if (lucid_span_is(ret->name, appraisal_step_name(step))) {
            return true;
        }
    }
    return false;
}

/* Whether the step is why it is worse: it fails and did not; or, other: it says something else. */
static bool is_reason(const struct record *record, const struct appraisal_submod *submod,
                      enum appraisal_step step, bool other)
{
    const struct appraisal_result *now = &submod->steps[step];
    struct evidence_step then;
    if (!step_then(record, submod->name, step, &then)) {
        return now->outcome == APPRAISAL_FAIL;
    }
    if (other) {
        return !lucid_span_is(then.code, now->code);
    }
    return now->outcome == APPRAISAL_FAIL && !lucid_span_is(then.outcome, "fail");
}

static bool reason_find(const struct record *record, const struct appraisal *appraisal, bool other,
                        struct today *ret)
{
    for (size_t i = 0; i < appraisal->submod_count; i++) {
        for (unsigned step = 0; step < APPRAISAL_STEPS; step++) {
            const struct appraisal_submod *submod = &appraisal->submods[i];
            if (is_reason(record, submod, (enum appraisal_step)step, other)) {
                ret->step = (enum appraisal_step)step;
                (void)snprintf(ret->code, sizeof(ret->code), "%s", submod->steps[step].code);
                return true;
            }
        }
    }
    return false;
}

static void today_judge(const struct record *record, const struct appraisal *appraisal,
                        struct today *ret)
{
    enum appraisal_tier then = APPRAISAL_CONTRAINDICATED;
    (void)evidence_tier_read(record->status, &then);
    *ret = (struct today){.status =
                              appraisal->appraised ? appraisal->status : APPRAISAL_CONTRAINDICATED};
    ret->worse =
        !appraisal->appraised || evidence_tier_rank(ret->status) > evidence_tier_rank(then);
    if (!reason_find(record, appraisal, false, ret) && ret->worse &&
        !reason_find(record, appraisal, true, ret)) {
        (void)snprintf(ret->code, sizeof(ret->code), "status.%s", appraisal_tier_name(ret->status));
    }
}

/* --- again ------------------------------------------------------------------------------------ */

/* A test store's time is not ours: it is moved on by what has passed on the log's clock. */
static uint64_t time_of(const struct today_input *input, const struct record *record)
{
    if (!record->test) {
        return input->now_s;
    }
    uint64_t passed = input->now_s > record->received_s ? input->now_s - record->received_s : 0;
    return record->time_s + passed;
}

enum lucid_error today_appraise(const struct today_input *input, struct lucid_arena *arena,
                                struct today *ret, struct lucid_why *why)
{
    const struct record *record;
    struct appraisal_input *then = lucid_arena_zalloc(arena, sizeof(*then));
    struct appraisal_input *now = lucid_arena_zalloc(arena, sizeof(*now));
    struct appraisal *appraisal = lucid_arena_zalloc(arena, sizeof(*appraisal));
    struct appraisal_collateral *items =
        lucid_arena_zalloc(arena, APPRAISAL_COLLATERAL_MAX * sizeof(*items));
    if (then == NULL || now == NULL || appraisal == NULL || items == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = record_read(input->record, arena, &record, why);
    if (error == LUCID_OK) {
        error = record_input(input->record, input->blob, input->context, arena, then, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct finding finding = {input, then};
    *now = *then;
    now->time_s = time_of(input, record);
    now->collateral = items;
    error = gather_collateral(now, item_find, &finding, arena, items, &now->collateral_count, why);
    if (error == LUCID_OK) {
        error = appraisal_run(now, arena, appraisal, why);
    }
    if (error == LUCID_OK) {
        today_judge(record, appraisal, ret);
    }
    return error;
}

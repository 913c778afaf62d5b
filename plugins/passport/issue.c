/* From appraisals to a passport. */
#include "base/assert.h"
#include "plugins/passport/issue_internal.h"

#define DAY_S UINT64_C(86400)

static void dates_set(struct issue_work *work)
{
    uint64_t now_s = work->input->now_s;
    uint64_t days = work->input->application->validity_days;
    lucid_assert(days >= 1 && days <= PASSPORT_VALIDITY_DAYS_MAX);
    work->expires_s = now_s + days * DAY_S;
    work->renew_after_s = now_s + days * DAY_S / 2;
}

/* The level that the provenance shows of the container, whoever vouches for that. */
static enum lucid_error supply_chain_judge(struct issue_work *work)
{
    const struct issue_input *input = work->input;
    const struct issue_request *request = input->request;
    unsigned least = input->application->slsa_level_min;
    work->slsa = (struct slsa_result){.track = slsa_track(0), .code = "slsa.no_provenance"};
    if (!work->container.present && request->provenance_count > 0) {
        return issue_refuse(work, "provenance", "there is no container that it could speak of");
    }
    enum lucid_error error = LUCID_OK;
    if (work->container.present) {
        error = slsa_appraise(request->provenance, request->provenance_count,
                              work->container.digest, &input->application->builders, work->arena,
                              input->ed25519, input->context, &work->slsa, work->why);
    }
    if (error == LUCID_OK && work->slsa.level < least) {
        return issue_refuse(work, "provenance", "its level is %u (%s), the application asks for %u",
                            work->slsa.level, work->slsa.code, least);
    }
    return error;
}

static enum lucid_error result_make(struct issue_work *work, struct issue *ret)
{
    struct issue made = {
        .issued_s = work->input->now_s,
        .expires_s = work->expires_s,
        .renew_after_s = work->renew_after_s,
        .mock = work->mock,
        .test = work->test,
        .slsa = work->slsa,
    };
    memcpy(made.id, work->id, sizeof(made.id));
    enum lucid_error error = issue_write(work, &made.passport);
    if (error == LUCID_OK) {
        lucid_sha256(made.passport, made.digest);
        made.has_quote = work->has_quote;
        error = issue_disclosures(work, &made.disclosures);
    }
    if (error == LUCID_OK) {
        error = issue_record(work, made.digest, &made.record);
    }
    if (error == LUCID_OK) {
        *ret = made;
    }
    return error;
}

enum lucid_error issue_run(const struct issue_input *input, struct lucid_arena *arena,
                           struct issue *ret, struct lucid_why *why)
{
    const struct issue_request *request = input->request;
    struct issue_work *work = lucid_arena_zalloc(arena, sizeof(*work));
    lucid_assert(input->appraisal_count <= PASSPORT_APPRAISALS_MAX &&
                 input->claims_count <= PASSPORT_APPRAISALS_MAX &&
                 input->interaction_count <= ISSUE_INTERACTIONS_MAX);
    if (work == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    work->input = input;
    work->arena = arena;
    work->why = why;
    dates_set(work);
    enum lucid_error error = issue_judge(work);
    if (error == LUCID_OK) {
        error = issue_workload(work);
    }
    if (error == LUCID_OK) {
        error = supply_chain_judge(work);
    }
    if (error != LUCID_OK) {
        return error;
    }
    passport_id_make(request->application, request->appraisals, request->appraisal_count,
                     input->now_s, work->id);
    return result_make(work, ret);
}

/* What runs there, and by whose word: that of the hardware (the workload that the evidence binds),
 * of a reference set that knows the measurement, or the operator's alone. The first appraisal is
 * the one that a passport shows, so that one vouches; the others may not contradict it. */
#include <stdio.h>

#include "base/visible.h"
#include "plugins/passport/issue_internal.h"

static bool same(const uint8_t a[LUCID_SHA256_BYTES], const uint8_t b[LUCID_SHA256_BYTES])
{
    return memcmp(a, b, LUCID_SHA256_BYTES) == 0;
}

/* --- reference sets --------------------------------------------------------------------------- */

/* Whether a reference set of the first appraisal lists it. list: "containers", "auditors"; id: of
 * an auditor. */
static bool is_referenced(const struct issue_work *work, const char *list, struct lucid_span id,
                          const uint8_t digest[LUCID_SHA256_BYTES])
{
    const struct issue_environment *first = &work->environments[0];
    const struct evidence_sets sets = {
        .items = first->given->references,
        .count = first->given->reference_count,
        .type = first->record->evidences[0].type,
        .measured = &first->measured,
        .time_s = work->input->now_s,
    };
    return evidence_is_referenced(&sets, list, id, digest);
}

/* --- the container ---------------------------------------------------------------------------- */

/* The workload of the runtime data; NULL: none. */
static const struct jcs_value *workload_of(const struct issue_environment *environment,
                                           const char *member)
{
    return jcs_member(environment->runtime.workload, member);
}

/* The one that the runtime data name: bound, or, where nothing binds those (a test store's), not
 * better than the operator's own word, which then comes first. */
static void container_named(struct issue_work *work)
{
    const struct issue_environment *first = &work->environments[0];
    const struct jcs_value *container = workload_of(first, "container");
    if (!first->bound && work->input->application->container.present) {
        return;
    }
    if (evidence_digest(container, "digest", work->container.digest)) {
        work->container.present = true;
        work->container.registry = evidence_text(container, "registry");
        work->container.source = first->bound ? PASSPORT_BOUND : PASSPORT_DECLARED;
    }
}

/* The configured one: what the hardware vouches for is known, it cannot be something else. */
static enum lucid_error container_configured(struct issue_work *work)
{
    const struct application *application = work->input->application;
    const struct lucid_span any = {.data = NULL};
    if (work->container.present && !same(work->container.digest, application->container.digest)) {
        return issue_refuse(work, "container",
                            "the environment runs another container than is configured");
    }
    if (!work->container.present) {
        memcpy(work->container.digest, application->container.digest, LUCID_SHA256_BYTES);
        work->container.source = is_referenced(work, "containers", any, work->container.digest)
                                     ? PASSPORT_REFERENCE
                                     : PASSPORT_DECLARED;
        work->container.present = true;
    }
    if (work->container.registry.len == 0) {
        work->container.registry = application->container.registry;
    }
    return LUCID_OK;
}

static enum lucid_error container_choose(struct issue_work *work)
{
    container_named(work);
    enum lucid_error error = LUCID_OK;
    if (work->input->application->container.present) {
        error = container_configured(work);
    }
    for (size_t i = 1; error == LUCID_OK && i < work->input->appraisal_count; i++) {
        const struct issue_environment *other = &work->environments[i];
        uint8_t digest[LUCID_SHA256_BYTES];
        if (work->container.present && other->bound &&
            evidence_digest(workload_of(other, "container"), "digest", digest) &&
            !same(work->container.digest, digest)) {
            error =
                issue_refuse(work, "container", "one of the environments runs another container");
        }
    }
    return error;
}

/* --- auditors --------------------------------------------------------------------------------- */

/* The auditor of that id, made where there is none yet; NULL: it is refused. */
static struct issue_auditor *auditor_get(struct issue_work *work, struct lucid_span id,
                                         enum lucid_error *ret_error)
{
    for (size_t i = 0; i < work->auditor_count; i++) {
        if (lucid_span_equal(work->auditors[i].id, id)) {
            return &work->auditors[i];
        }
    }
    if (work->auditor_count == PASSPORT_AUDITORS_MAX) {
        *ret_error =
            issue_refuse(work, "auditors", "there are more than %d of them", PASSPORT_AUDITORS_MAX);
        return NULL;
    }
    if (lucid_has_unseen(id)) {
        *ret_error = issue_refuse(work, "auditors",
                                  "the id of one holds characters that are not seen: people would "
                                  "read something else");
        return NULL;
    }
    struct issue_auditor *auditor = &work->auditors[work->auditor_count++];
    *auditor = (struct issue_auditor){
        .id = id, .name = id, .source = PASSPORT_DECLARED, .status = PASSPORT_INACTIVE};
    return auditor;
}

static enum lucid_error auditors_configured(struct issue_work *work)
{
    const struct application *application = work->input->application;
    for (size_t i = 0; i < application->auditor_count; i++) {
        const struct application_auditor *from = &application->auditors[i];
        enum lucid_error error = LUCID_OK;
        struct issue_auditor *auditor = auditor_get(work, from->id, &error);
        if (auditor == NULL) {
            return error;
        }
        auditor->name = from->name.len > 0 ? from->name : from->id;
        auditor->has_digest = from->has_digest;
        memcpy(auditor->digest, from->digest, LUCID_SHA256_BYTES);
        if (from->has_digest && is_referenced(work, "auditors", from->id, from->digest)) {
            auditor->source = PASSPORT_REFERENCE;
            auditor->last_check_s = work->environments[0].record->received_s;
        }
    }
    return LUCID_OK;
}

/* One of the list in runtime data. Where nothing binds them, a list says no more than the operator,
 * whose own words come first. */
static enum lucid_error auditor_bound(struct issue_work *work,
                                      const struct issue_environment *environment,
                                      const struct jcs_value *at)
{
    struct lucid_span id = evidence_text(at, "id");
    uint8_t digest[LUCID_SHA256_BYTES];
    enum lucid_error error = LUCID_OK;
    struct issue_auditor *auditor = auditor_get(work, id, &error);
    if (auditor == NULL || !evidence_digest(at, "digest", digest)) {
        return error;
    }
    if (environment->bound && auditor->has_digest && !same(auditor->digest, digest)) {
        return issue_refuse(work, "auditors",
                            "the environment runs another image of an auditor than is configured, "
                            "or than another environment runs");
    }
    if (!auditor->has_digest) {
        auditor->has_digest = true;
        memcpy(auditor->digest, digest, sizeof(digest));
    }
    if (environment->bound && environment == &work->environments[0]) {
        auditor->source = PASSPORT_BOUND;
        auditor->last_check_s = environment->record->received_s;
    }
    return LUCID_OK;
}

static enum lucid_error auditors_bound(struct issue_work *work)
{
    for (size_t i = 0; i < work->input->appraisal_count; i++) {
        const struct issue_environment *environment = &work->environments[i];
        const struct jcs_value *list = workload_of(environment, "auditors");
        const struct jcs_value *at = NULL;
        while (list != NULL && (at = jcs_next(list, at)) != NULL) {
            enum lucid_error error = auditor_bound(work, environment, at);
            if (error != LUCID_OK) {
                return error;
            }
        }
    }
    return LUCID_OK;
}

/* --- what auditors said ----------------------------------------------------------------------- */

bool issue_names_environment(const struct issue_work *work, const struct rules_record *record)
{
    for (size_t i = 0; record->has_hardware && i < work->input->appraisal_count; i++) {
        if (same(work->input->appraisals[i].id, record->hardware_record)) {
            return true;
        }
    }
    return false;
}

static enum passport_auditor_status status_of(const struct jcs_value *document)
{
    enum appraisal_tier tier = APPRAISAL_NONE;
    (void)evidence_tier_read(evidence_text(document, "status"), &tier);
    switch (tier) {
    case APPRAISAL_AFFIRMING:
    case APPRAISAL_WARNING:
        return PASSPORT_ACTIVE;
    case APPRAISAL_CONTRAINDICATED:
        return PASSPORT_FAILED;
    case APPRAISAL_NONE: /* no rule looks at what it says */
        break;
    }
    return PASSPORT_INACTIVE;
}

/* A failure is not outdone by a success beside it. */
static unsigned status_weight(enum passport_auditor_status status)
{
    switch (status) {
    case PASSPORT_INACTIVE:
        return 0;
    case PASSPORT_ACTIVE:
        return 1;
    case PASSPORT_FAILED:
        break;
    }
    return 2;
}

static enum lucid_error document_take(struct issue_work *work, size_t i, bool loose,
                                      const struct jcs_value *document)
{
    const uint64_t received_s = work->claims[i]->input.received_s;
    enum lucid_error error = LUCID_OK;
    struct issue_auditor *auditor = auditor_get(work, evidence_text(document, "auditor"), &error);
    if (auditor == NULL) {
        return error;
    }
    enum passport_auditor_status status = status_of(document);
    bool heavier = status_weight(status) > status_weight(auditor->status);
    bool newer = status == auditor->status && received_s > auditor->last_check_s;
    if (!auditor->checked || heavier || newer) {
        auditor->status = status;
        auditor->last_check_s = received_s;
        auditor->claims = &work->input->claims[i];
    }
    auditor->checked = true;
    /* Where the evidence binds an image of it, those are the claims of that image or of a stranger
     * with its key. */
    const struct jcs_value *bound = jcs_member(document, "bound");
    bool image = bound != NULL && jcs_type(bound) == JCS_TRUE;
    auditor->loose = auditor->loose || loose || (auditor->source == PASSPORT_BOUND && !image);
    return LUCID_OK;
}

static enum lucid_error documents_take(struct issue_work *work)
{
    for (size_t i = 0; i < work->input->claims_count; i++) {
        const struct jcs_value *list = jcs_member(work->claims[i]->root, "documents");
        const struct jcs_value *at = NULL;
        bool loose = !issue_names_environment(work, work->claims[i]);
        while (list != NULL && (at = jcs_next(list, at)) != NULL) {
            enum lucid_error error = document_take(work, i, loose, at);
            if (error != LUCID_OK) {
                return error;
            }
        }
    }
    for (size_t i = 0; i < work->auditor_count; i++) {
        if (work->auditors[i].loose) {
            work->auditors[i].source = PASSPORT_DECLARED;
        }
    }
    return LUCID_OK;
}

/* --- interactions ----------------------------------------------------------------------------- */

static bool is_appraised(const struct issue_work *work, const uint8_t document[LUCID_SHA256_BYTES])
{
    for (size_t i = 0; i < work->input->claims_count; i++) {
        const struct rules_record *record = work->claims[i];
        for (size_t j = 0; j < record->document_count; j++) {
            if (issue_names_environment(work, record) && same(record->documents[j], document)) {
                return true;
            }
        }
    }
    return false;
}

/* Interactions are on the log without a word of whose they are: they count where everything that
 * auditors said about them was appraised in this environment. */
static enum lucid_error interactions_take(struct issue_work *work)
{
    for (size_t i = 0; i < work->input->interaction_count; i++) {
        const struct issue_interaction *given = &work->input->interactions[i];
        struct interaction *interaction = &work->interactions[i];
        char param[40];
        (void)snprintf(param, sizeof(param), "interactions[%zu]", i);
        enum lucid_error error =
            interaction_parse(given->record, work->arena, interaction, work->why);
        if (error != LUCID_OK) {
            return error;
        }
        if (!same(interaction->record_id, given->id) ||
            !same(given->id, work->input->request->interactions[i])) {
            return issue_refuse(work, param, "no interaction on this log has this id");
        }
        for (size_t j = 0; j < interaction->link_count; j++) {
            if (!is_appraised(work, interaction->links[j].claims)) {
                return issue_refuse(work, param,
                                    "what auditors claimed of it is in none of the appraisals of "
                                    "claims that name this environment");
            }
        }
    }
    return LUCID_OK;
}

enum lucid_error issue_workload(struct issue_work *work)
{
    enum lucid_error error = container_choose(work);
    if (error == LUCID_OK) {
        error = auditors_configured(work);
    }
    if (error == LUCID_OK) {
        error = auditors_bound(work);
    }
    if (error == LUCID_OK) {
        error = documents_take(work);
    }
    if (error == LUCID_OK) {
        error = interactions_take(work);
    }
    return error;
}

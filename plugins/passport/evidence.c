/* A passport against the record of its appraisal, and against bundles. */
#include "plugins/passport/evidence_internal.h"

#include <stdio.h>

#include "plugins/verifier/canonical.h"
#include "plugins/verifier/freshness.h"
#include "plugins/verifier/scheme.h"

static void say(struct verify_evidence *ret, enum verify_outcome outcome, const char *code,
                const char *detail)
{
    *ret = (struct verify_evidence){.outcome = outcome, .code = code};
    (void)snprintf(ret->detail, sizeof(ret->detail), "%s", detail);
}

/* A comparison: the first contradiction, else the first thing that could not be looked at. */
struct comparison {
    const struct passport *passport;
    const struct record *record;
    struct lucid_span runtime_data;
    struct lucid_span quote;
    struct lucid_arena *arena;
    const char *contradiction; /* the member */
    const char *missing;
};

static void agree(struct comparison *comparison, const char *member, bool agrees)
{
    if (!agrees && comparison->contradiction == NULL) {
        comparison->contradiction = member;
    }
}

static void miss(struct comparison *comparison, const char *what)
{
    comparison->missing = comparison->missing == NULL ? what : comparison->missing;
}

bool evidence_hash_is(struct lucid_span bytes, const uint8_t digest[LUCID_SHA256_BYTES])
{
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(bytes, hash);
    return memcmp(hash, digest, sizeof(hash)) == 0;
}

/* A member that may be missing, and is that digest where it stands. */
static bool digest_agrees(const struct jcs_value *object, const char *name,
                          const uint8_t digest[LUCID_SHA256_BYTES])
{
    uint8_t own[LUCID_SHA256_BYTES];
    return jcs_member(object, name) == NULL ||
           (evidence_digest(object, name, own) && memcmp(own, digest, sizeof(own)) == 0);
}

/* --- what the record says --------------------------------------------------------------------- */

static enum lucid_error collateral_compare(struct comparison *comparison,
                                           const struct jcs_value *appraisal)
{
    uint8_t digest[LUCID_SHA256_BYTES];
    struct lucid_span form =
        canonical_value(jcs_member(comparison->record->root, "collateral"), comparison->arena);
    if (form.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    lucid_sha256(form, digest);
    agree(comparison, "tee.appraisal.collateralDigest",
          digest_agrees(appraisal, "collateralDigest", digest));
    return LUCID_OK;
}

static enum lucid_error record_compare(struct comparison *comparison)
{
    const struct passport *passport = comparison->passport;
    const struct record *record = comparison->record;
    const struct jcs_value *tee = jcs_member(passport->root, "tee");
    const struct jcs_value *appraisal = jcs_member(tee, "appraisal");
    struct lucid_span status = evidence_text(appraisal, "status");
    bool affirming = lucid_span_is(record->status, "affirming");
    bool mock = record->mock && lucid_span_is(record->status, "warning");
    agree(comparison, "tee.appraisal.status",
          (affirming || mock) && (status.data == NULL || lucid_span_equal(status, record->status)));
    agree(comparison, "tee.appraisal.appraisedAt", passport->tee.appraised_s == record->received_s);
    agree(comparison, "tee.appraisal.policyId",
          digest_agrees(appraisal, "policyId", record->policy));
    agree(comparison, "tee.appraisal.earDigest",
          digest_agrees(appraisal, "earDigest", record->ear));
    agree(comparison, "issuedAt", passport->issued_s >= record->received_s);
    agree(comparison, "is_mock", passport->is_mock || !record->mock);
    agree(comparison, "test", passport->test || !record->test);
    agree(comparison, "issuer",
          jcs_member(passport->root, "issuer") == NULL ||
              lucid_span_equal(evidence_text(passport->root, "issuer"), record->issuer));
    return collateral_compare(comparison, appraisal);
}

/* --- what the evidence says ------------------------------------------------------------------- */

static enum lucid_error quote_compare(struct comparison *comparison)
{
    const struct passport *passport = comparison->passport;
    const struct record_evidence *first = &comparison->record->evidences[0];
    struct evidence_measurement measured;
    if (passport->tee.quote.data != NULL) {
        agree(comparison, "tee.attestationQuote",
              evidence_hash_is(passport->tee.quote, first->evidence));
        comparison->quote = passport->tee.quote;
    }
    if (comparison->quote.len == 0 || !evidence_hash_is(comparison->quote, first->evidence)) {
        miss(comparison, "quote");
        return LUCID_OK;
    }
    enum lucid_error error =
        evidence_measure(first->type, comparison->quote, comparison->arena, &measured);
    if (error != LUCID_OK) {
        agree(comparison, "tee.type", error != LUCID_NOTE_ABSENT);
        return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    }
    agree(comparison, "tee.type", lucid_span_is(passport->tee.type, measured.tee));
    agree(comparison, "tee.measurementHash",
          evidence_hash_is(measured.value, passport->tee.measurement_hash));
    if (passport->tee.measurement.data != NULL) {
        agree(comparison, "tee.measurement",
              lucid_span_equal(passport->tee.measurement, measured.value) &&
                  lucid_span_is(passport->tee.measurement_alg, measured.alg));
    }
    return LUCID_OK;
}

/* Whether the passport says that anything is bound. */
static bool says_bound(const struct passport *passport)
{
    bool bound = passport->container.present && passport->container.has_source &&
                 passport->container.source == PASSPORT_BOUND;
    for (size_t i = 0; i < passport->auditor_count; i++) {
        bound = bound || (passport->auditors[i].has_source &&
                          passport->auditors[i].source == PASSPORT_BOUND);
    }
    return bound;
}

static void bound_compare(struct comparison *comparison, const struct jcs_value *workload)
{
    const struct passport *passport = comparison->passport;
    const struct passport_container *container = &passport->container;
    uint8_t digest[LUCID_SHA256_BYTES];
    if (container->present && container->has_source && container->source == PASSPORT_BOUND) {
        const struct jcs_value *bound = jcs_member(workload, "container");
        agree(comparison, "container",
              evidence_digest(bound, "digest", digest) &&
                  memcmp(digest, container->digest, sizeof(digest)) == 0);
    }
    for (size_t i = 0; i < passport->auditor_count; i++) {
        const struct passport_auditor *auditor = &passport->auditors[i];
        if (auditor->has_source && auditor->source == PASSPORT_BOUND) {
            agree(comparison, "auditors",
                  evidence_auditor(jcs_member(workload, "auditors"), auditor->id, digest) &&
                      auditor->has_digest && memcmp(digest, auditor->digest, sizeof(digest)) == 0);
        }
    }
}

static enum lucid_error runtime_compare(struct comparison *comparison)
{
    const struct passport *passport = comparison->passport;
    const struct record *record = comparison->record;
    struct freshness_runtime *runtime = lucid_arena_zalloc(comparison->arena, sizeof(*runtime));
    if (runtime == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (passport->tee.runtime_data.data != NULL) {
        agree(comparison, "tee.runtimeData",
              evidence_hash_is(passport->tee.runtime_data, record->runtime_data));
        comparison->runtime_data = passport->tee.runtime_data;
    }
    if (!says_bound(passport)) {
        return LUCID_OK;
    }
    agree(comparison, "container", evidence_is_bound(record));
    if (comparison->runtime_data.len == 0 ||
        !evidence_hash_is(comparison->runtime_data, record->runtime_data)) {
        miss(comparison, "runtimeData");
        return LUCID_OK;
    }
    enum lucid_error error =
        freshness_read(comparison->runtime_data, comparison->arena, runtime, NULL);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        agree(comparison, "tee.runtimeData", false);
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        bound_compare(comparison, runtime->workload);
    }
    return error;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void conclude(const struct comparison *comparison, struct verify_evidence *ret)
{
    if (comparison->contradiction != NULL) {
        say(ret, VERIFY_FAIL, "evidence.contradicts", comparison->contradiction);
    } else if (comparison->missing != NULL) {
        say(ret, VERIFY_SKIPPED, "evidence.absent", comparison->missing);
    } else if (comparison->record->mock) {
        say(ret, VERIFY_WARN, "evidence.mock", "");
    } else if (comparison->record->test) {
        say(ret, VERIFY_WARN, "evidence.test", "");
    } else {
        say(ret, VERIFY_PASS, "evidence.recorded", "");
    }
}

enum lucid_error evidence_compare(const struct passport *passport, struct lucid_span record,
                                  struct lucid_span runtime_data, struct lucid_span quote,
                                  struct lucid_arena *arena, struct verify_evidence *ret)
{
    struct comparison comparison = {
        .passport = passport, .runtime_data = runtime_data, .quote = quote, .arena = arena};
    if (!passport->tee.has_appraisal) {
        say(ret, VERIFY_SKIPPED, "evidence.absent", "tee.appraisal");
        return LUCID_OK;
    }
    enum lucid_error error = record_read(record, arena, &comparison.record, NULL);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE ||
        (error == LUCID_OK && !evidence_hash_is(record, passport->tee.appraisal))) {
        say(ret, VERIFY_FAIL, "evidence.contradicts", "tee.appraisal.id");
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        error = record_compare(&comparison);
    }
    if (error == LUCID_OK) {
        error = quote_compare(&comparison);
    }
    if (error == LUCID_OK) {
        error = runtime_compare(&comparison);
    }
    if (error == LUCID_OK) {
        conclude(&comparison, ret);
    }
    return error;
}

/* --- bundles ---------------------------------------------------------------------------------- */

/* What a replay says for the check; PASS where nothing is wrong. */
static void replay_say(const struct replay *replay, struct verify_evidence *ret)
{
    const char *name = replay_outcome_name(replay->outcome);
    switch (replay->outcome) {
    case REPLAY_SAME:
        say(ret, VERIFY_PASS, "evidence.same", "");
        return;
    case REPLAY_UNKNOWN_KEY:
        say(ret, VERIFY_UNKNOWN, "evidence.key_unknown", "");
        return;
    case REPLAY_DIFFERS_RULES: /* ours are not those that it was made by: we cannot tell */
        say(ret, VERIFY_UNKNOWN, "evidence.differs", name);
        return;
    case REPLAY_DIFFERS_CLAIMS:
    case REPLAY_DIFFERS_TOKEN:
        break;
    }
    say(ret, VERIFY_FAIL, "evidence.differs", name);
}

static bool is_worse(enum verify_outcome a, enum verify_outcome b)
{
    static const unsigned ranks[] = {
        [VERIFY_PASS] = 0,    [VERIFY_NOT_APPLICABLE] = 0, [VERIFY_WARN] = 1,
        [VERIFY_SKIPPED] = 2, [VERIFY_UNKNOWN] = 3,        [VERIFY_FAIL] = 4,
    };
    return ranks[a] > ranks[b];
}

static void worst_keep(const struct verify_evidence *made, struct verify_evidence *worst)
{
    if (is_worse(made->outcome, worst->outcome)) {
        *worst = *made;
    }
}

/* Whether what the passport says to stand in a reference set stands in one that the bundle brought:
 * the member that does not, or NULL. */
static const char *reference_missing(const struct passport *passport,
                                     const struct evidence_sets *sets)
{
    const struct passport_container *container = &passport->container;
    const struct lucid_span any = {.data = NULL};
    if (container->present && container->has_source && container->source == PASSPORT_REFERENCE &&
        !evidence_is_referenced(sets, "containers", any, container->digest)) {
        return "container";
    }
    for (size_t i = 0; i < passport->auditor_count; i++) {
        const struct passport_auditor *auditor = &passport->auditors[i];
        bool says = auditor->has_source && auditor->source == PASSPORT_REFERENCE;
        if (says && (!auditor->has_digest ||
                     !evidence_is_referenced(sets, "auditors", auditor->id, auditor->digest))) {
            return "auditors";
        }
    }
    return NULL;
}

static enum lucid_error references_compare(const struct passport *passport,
                                           const struct appraisal_input *input,
                                           struct lucid_arena *arena, struct verify_evidence *worst)
{
    struct evidence_measurement measured;
    struct verify_evidence made;
    const struct appraisal_evidence *first = &input->evidences[0];
    enum lucid_error error = evidence_measure(first->type, first->bytes, arena, &measured);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_OK : error; /* evidence_compare says so */
    }
    const struct evidence_sets sets = {.items = input->references,
                                       .count = input->reference_count,
                                       .type = first->type,
                                       .measured = &measured,
                                       .time_s = passport->issued_s};
    const char *missing = reference_missing(passport, &sets);
    if (missing != NULL) {
        say(&made, VERIFY_FAIL, "evidence.contradicts", missing);
        worst_keep(&made, worst);
    }
    return LUCID_OK;
}

/* The first: what the passport says, held against what the bundle brought. */
static enum lucid_error first_compare(const struct passport *passport, const struct replay *replay,
                                      struct lucid_arena *arena, struct verify_evidence *worst)
{
    struct verify_evidence made;
    struct lucid_span none = {.data = NULL};
    const struct appraisal_submod *submod = &replay->appraisal.submods[0];
    bool appraised = replay->rules == NULL && replay->appraisal.submod_count > 0;
    const struct appraisal_input *input =
        appraised && submod->job != NULL ? submod->job->input : NULL;
    enum lucid_error error =
        evidence_compare(passport, replay->record, input != NULL ? input->runtime_data : none,
                         appraised ? submod->evidence->bytes : none, arena, &made);
    if (error == LUCID_OK) {
        worst_keep(&made, worst);
    }
    return error == LUCID_OK && input != NULL ? references_compare(passport, input, arena, worst)
                                              : error;
}

static enum lucid_error bundle_replay(const struct passport *passport, size_t i,
                                      struct lucid_span bundle, const struct replay_trust *trust,
                                      struct lucid_arena *arena, struct verify_evidence *worst)
{
    struct replay *replay = lucid_arena_zalloc(arena, sizeof(*replay));
    struct verify_evidence made;
    struct lucid_why why = {.code = NULL};
    char place[64];
    if (replay == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    (void)snprintf(place, sizeof(place), "appraisals[%zu]", i);
    enum lucid_error error = replay_bundle(bundle, trust, arena, replay, &why);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        char detail[sizeof(made.detail)];
        (void)snprintf(detail, sizeof(detail), "%s: %s", place,
                       why.code == NULL ? "unreadable" : why.code);
        say(&made, VERIFY_FAIL, "evidence.differs", detail);
        worst_keep(&made, worst);
        return LUCID_OK;
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (memcmp(replay->record_id, passport->appraisals[i], LUCID_SHA256_BYTES) != 0) {
        say(&made, VERIFY_FAIL, "evidence.contradicts", place);
        worst_keep(&made, worst);
        return LUCID_OK;
    }
    replay_say(replay, &made);
    worst_keep(&made, worst);
    return i == 0 ? first_compare(passport, replay, arena, worst) : LUCID_OK;
}

enum lucid_error evidence_replay(const struct passport *passport, const struct lucid_span *bundles,
                                 size_t count, const struct replay_trust *trust,
                                 struct lucid_arena *arena, struct verify_evidence *ret)
{
    struct verify_evidence worst;
    say(&worst, VERIFY_PASS, "evidence.same", "");
    if (count == 0 || !passport->tee.has_appraisal) {
        say(ret, VERIFY_SKIPPED, "evidence.absent", "");
        return LUCID_OK;
    }
    if (count > passport->appraisal_count) {
        say(ret, VERIFY_FAIL, "evidence.contradicts", "appraisals");
        return LUCID_OK;
    }
    for (size_t i = 0; i < count; i++) {
        enum lucid_error error = bundle_replay(passport, i, bundles[i], trust, arena, &worst);
        if (error != LUCID_OK) {
            return error;
        }
    }
    if (count < passport->appraisal_count) {
        struct verify_evidence absent;
        say(&absent, VERIFY_SKIPPED, "evidence.absent", "appraisals");
        worst_keep(&absent, &worst);
    }
    *ret = worst;
    return LUCID_OK;
}

#include "plugins/verifier/judge.h"

#include <stdio.h>

#include "base/assert.h"

#define DAY_S 86400

bool judge_type(const struct appraisal_input *input, const struct appraisal_evidence *evidence,
                const struct scheme *scheme, struct appraisal_result *ret)
{
    if (scheme == NULL) {
        scheme_say(ret, APPRAISAL_FAIL, "parse.unknown_type", NULL);
        return false;
    }
    if (scheme->is_mock && !input->allow_mock) {
        scheme_say(ret, APPRAISAL_FAIL, "parse.mock_not_allowed", NULL);
        return false;
    }
    if (!policy_accepts_type(input->policy, evidence->type, scheme->is_mock)) {
        scheme_say(ret, APPRAISAL_FAIL, "parse.type_not_accepted", "%s", scheme->type);
        return false;
    }
    return true;
}

static bool digests_hold(const struct policy_digests *digests, struct lucid_span value)
{
    for (size_t i = 0; i < digests->count; i++) {
        if (value.len > 0 && lucid_span_equal(digests->items[i], value)) {
            return true;
        }
    }
    return false;
}

/* --- measurement ------------------------------------------------------------------------------ */

enum match { /* the best last */
             MATCH_NONE,
             MATCH_OLD,
             MATCH_VULNERABLE,
             MATCH_KNOWN,
};

static bool policy_names(const struct policy *policy, const struct reference_set *set)
{
    for (size_t i = 0; i < policy->reference_count; i++) {
        if (memcmp(policy->references[i], set->id, sizeof(set->id)) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the set speaks of this kind of machine, now. */
static bool set_applies(const struct scheme_job *job, const struct scheme *scheme,
                        const struct reference_set *set)
{
    uint64_t now_s = job->input->time_s;
    return policy_names(job->input->policy, set) && lucid_span_is(set->type, scheme->type) &&
           (set->model.len == 0 ||
            (job->product != NULL && lucid_span_is(set->model, job->product))) &&
           now_s >= set->valid_from_s && (set->valid_to_s == 0 || now_s <= set->valid_to_s);
}

/* What one set says of one measurement; *ret_named: it speaks of that name at all. */
static enum match value_match(const struct scheme_job *job, const struct reference_set *set,
                              const struct scheme_measurement *measurement, bool *ret_named)
{
    enum match best = MATCH_NONE;
    bool vulnerable = false;
    *ret_named = false;
    for (size_t i = 0; i < set->value_count; i++) {
        const struct reference_value *value = &set->values[i];
        if (!lucid_span_is(value->name, measurement->name)) {
            continue;
        }
        *ret_named = true;
        if (!lucid_span_is(value->alg, measurement->alg) ||
            !lucid_span_equal(value->value, measurement->value)) {
            continue;
        }
        enum match match = job->svn < value->svn_min ? MATCH_OLD : MATCH_KNOWN;
        vulnerable = vulnerable || value->vulnerable;
        best = match > best ? match : best;
    }
    return vulnerable ? MATCH_VULNERABLE : best;
}

/* A name that the set lists values of and the evidence has no measurement of; len 0: none. What
 * nobody compared is not known. */
static struct lucid_span name_unmeasured(const struct scheme_job *job,
                                         const struct reference_set *set)
{
    for (size_t i = 0; i < set->value_count; i++) {
        size_t j = 0;
        while (j < job->measurement_count &&
               !lucid_span_is(set->values[i].name, job->measurements[j].name)) {
            j++;
        }
        if (j == job->measurement_count) {
            return set->values[i].name;
        }
    }
    return (struct lucid_span){.data = NULL};
}

/* What one set says of the whole evidence: the worst of what it says of its parts. But a part that
 * it lists as vulnerable is so beside whatever other parts, some of which the host chooses. */
static enum match set_match(const struct scheme_job *job, const struct reference_set *set,
                            struct lucid_span *ret_name)
{
    enum match worst = MATCH_KNOWN;
    bool any = false;
    struct lucid_span unmeasured = name_unmeasured(job, set);
    if (unmeasured.len > 0) {
        worst = MATCH_NONE;
        *ret_name = unmeasured;
    }
    for (size_t i = 0; i < job->measurement_count; i++) {
        const struct scheme_measurement *measurement = &job->measurements[i];
        bool named;
        enum match match = value_match(job, set, measurement, &named);
        if (match == MATCH_VULNERABLE) {
            *ret_name = lucid_span_str(measurement->name);
            return match;
        }
        if (digests_hold(&job->input->policy->allow, measurement->value) && match == MATCH_NONE) {
            match = MATCH_KNOWN;
        } else if (!named && !measurement->required) {
            continue;
        }
        any = any || named;
        if (match < worst) {
            worst = match;
            *ret_name = lucid_span_str(measurement->name);
        }
    }
    return any ? worst : MATCH_NONE;
}

bool judge_set_knows(const struct scheme_job *job, const struct reference_set *set)
{
    struct lucid_span name = {.data = NULL};
    return set_match(job, set, &name) == MATCH_KNOWN;
}

/* Whether the policy itself allows every measurement that is required; and there is one. */
static bool policy_allows(const struct scheme_job *job)
{
    bool any = false;
    for (size_t i = 0; i < job->measurement_count; i++) {
        if (job->measurements[i].required) {
            any = true;
            if (!digests_hold(&job->input->policy->allow, job->measurements[i].value)) {
                return false;
            }
        }
    }
    return any;
}

/* The name of the first measurement that is not known to anybody. */
static struct lucid_span first_required(const struct scheme_job *job)
{
    for (size_t i = 0; i < job->measurement_count; i++) {
        if (job->measurements[i].required) {
            return lucid_span_str(job->measurements[i].name);
        }
    }
    return lucid_span_str(job->measurements[0].name);
}

static void say_name(struct appraisal_result *ret, enum appraisal_outcome outcome, const char *code,
                     struct lucid_span name)
{
    scheme_say(ret, outcome, code, "%.*s", (int)name.len, (const char *)name.data);
}

static void say_unknown(const struct scheme_job *job, size_t sets, struct lucid_span name,
                        struct appraisal_result *ret, int8_t *ret_executables)
{
    const struct policy *policy = job->input->policy;
    bool asked = policy->reference_count > 0 || policy->allow.count > 0;
    *ret_executables = policy->unknown_measurement_denied ? 96 : 33;
    if (!asked && !policy->unknown_measurement_denied) {
        scheme_say(ret, APPRAISAL_SKIPPED, "measurement.no_reference", NULL);
    } else if (policy->unknown_measurement_denied) {
        say_name(ret, APPRAISAL_FAIL, "measurement.unknown_denied", name);
    } else if (sets == 0 && policy->reference_count > 0) {
        say_name(ret, APPRAISAL_FAIL, "measurement.no_fitting_reference", name);
    } else {
        say_name(ret, APPRAISAL_FAIL, "measurement.not_recognised", name);
    }
}

/* The sets and the allow list together. One set that lists what runs as vulnerable says so whatever
 * another set, or the allow list, says; one that asks for a newer version does not. */
static void recognise(const struct scheme_job *job, const struct scheme *scheme,
                      struct appraisal_result *ret, int8_t *ret_executables)
{
    struct lucid_span vulnerable = {.data = NULL};
    struct lucid_span old = {.data = NULL};
    struct lucid_span unknown = first_required(job);
    const struct reference_set *known = NULL;
    size_t sets = 0;
    for (size_t i = 0; i < job->input->reference_count; i++) {
        const struct reference_set *set = &job->input->references[i];
        struct lucid_span name = unknown;
        if (!set_applies(job, scheme, set)) {
            continue;
        }
        sets++;
        enum match match = set_match(job, set, &name);
        known = match == MATCH_KNOWN && known == NULL ? set : known;
        vulnerable = match == MATCH_VULNERABLE ? name : vulnerable;
        old = match == MATCH_OLD ? name : old;
        unknown = match == MATCH_NONE ? name : unknown;
    }
    *ret_executables = 32;
    if (vulnerable.data != NULL) {
        say_name(ret, APPRAISAL_FAIL, "measurement.vulnerable", vulnerable);
    } else if (known != NULL) {
        *ret_executables = 3;
        scheme_say(ret, APPRAISAL_PASS, "measurement.known", "%s", known->name);
    } else if (policy_allows(job)) {
        *ret_executables = 3;
        scheme_say(ret, APPRAISAL_PASS, "measurement.allowed", NULL);
    } else if (old.data != NULL) {
        scheme_say(ret, APPRAISAL_FAIL, "measurement.svn_below", "%.*s, svn %llu", (int)old.len,
                   (const char *)old.data, (unsigned long long)job->svn);
    } else {
        say_unknown(job, sets, unknown, ret, ret_executables);
    }
}

void judge_measurement(const struct scheme_job *job, const struct scheme *scheme,
                       struct appraisal_result *ret, int8_t *ret_executables)
{
    if (job->measurement_count == 0) {
        *ret_executables = 0;
        scheme_say(ret, APPRAISAL_NOT_APPLICABLE, "measurement.none", NULL);
        return;
    }
    for (size_t i = 0; i < job->measurement_count; i++) {
        if (digests_hold(&job->input->policy->deny, job->measurements[i].value)) {
            *ret_executables = 96;
            scheme_say(ret, APPRAISAL_FAIL, "measurement.denied", "%s", job->measurements[i].name);
            return;
        }
    }
    recognise(job, scheme, ret, ret_executables);
}

/* --- identity --------------------------------------------------------------------------------- */

/* Whether the list has the machine. An id may be written without the zeros that the evidence pads
 * it with: a chip of Turin has 8 bytes in a field of 64. */
static bool instances_hold(const struct policy_digests *list, struct lucid_span instance)
{
    for (size_t i = 0; i < list->count; i++) {
        struct lucid_span item = list->items[i];
        uint8_t rest = 0;
        for (size_t j = item.len; j < instance.len; j++) {
            rest |= instance.data[j];
        }
        if (item.len > 0 && item.len <= instance.len && rest == 0 &&
            memcmp(item.data, instance.data, item.len) == 0) {
            return true;
        }
    }
    return false;
}

void judge_identity(const struct scheme_job *job, struct appraisal_result *ret,
                    int8_t *ret_instance)
{
    const struct policy *policy = job->input->policy;
    *ret_instance = 0;
    if (job->instance.len == 0) {
        bool asked = policy->has_enrolment || policy->revoked_instances.count > 0;
        *ret_instance = asked ? 97 : 0;
        scheme_say(ret, asked ? APPRAISAL_FAIL : APPRAISAL_SKIPPED, "identity.masked", NULL);
    } else if (instances_hold(&policy->revoked_instances, job->instance)) {
        *ret_instance = 96;
        scheme_say(ret, APPRAISAL_FAIL, "identity.revoked", NULL);
    } else if (!policy->has_enrolment) {
        scheme_say(ret, APPRAISAL_SKIPPED, "identity.no_enrolment", NULL);
    } else if (instances_hold(&policy->enrolled, job->instance)) {
        *ret_instance = 2;
        scheme_say(ret, APPRAISAL_PASS, "identity.enrolled", NULL);
    } else {
        *ret_instance = 97;
        scheme_say(ret, APPRAISAL_FAIL, "identity.not_enrolled", NULL);
    }
}

/* --- age of collateral ------------------------------------------------------------------------ */

/* "scheme/what/…": whether such a thing is issued again and again. */
static bool is_aging(const char *key)
{
    static const char *const kinds[] = {"crl/", "tcb", "qe", "rim"};
    const char *kind = strchr(key, '/');
    if (kind == NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strncmp(kind + 1, kinds[i], strlen(kinds[i])) == 0) {
            return true;
        }
    }
    return strcmp(kind + 1, "crl") == 0;
}

const char *judge_old_collateral(const struct scheme_job *job, const struct scheme *scheme,
                                 char key[SCHEME_KEY_BYTES_MAX + 1], uint64_t *ret_days)
{
    char needs[SCHEME_NEEDS_MAX][SCHEME_KEY_BYTES_MAX + 1];
    uint64_t max = job->input->policy->collateral_age_days_max;
    size_t count = scheme->needs == NULL || max == 0 ? 0 : scheme->needs(job, needs);
    lucid_assert(count <= SCHEME_NEEDS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct appraisal_collateral *item = scheme_collateral(job, needs[i]);
        if (item == NULL || !is_aging(needs[i]) || item->imported_s >= job->input->time_s) {
            continue;
        }
        uint64_t days = (job->input->time_s - item->imported_s) / DAY_S;
        if (days > max) {
            memcpy(key, needs[i], sizeof(needs[i]));
            *ret_days = days;
            return key;
        }
    }
    return NULL;
}

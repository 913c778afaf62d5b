/* The names of steps, outcomes, categories and tiers, as they stand in records and results. */
#include "base/assert.h"
#include "plugins/verifier/appraisal.h"

const char *appraisal_step_name(enum appraisal_step step)
{
    static const char *const names[APPRAISAL_STEPS] = {"parse",         "chain",       "signature",
                                                       "freshness",     "revocation",  "tcb",
                                                       "configuration", "measurement", "identity"};
    lucid_assert(step < APPRAISAL_STEPS);
    return names[step];
}

const char *appraisal_outcome_name(enum appraisal_outcome outcome)
{
    static const char *const names[] = {"skipped", "pass", "fail", "n/a"};
    lucid_assert(outcome < sizeof(names) / sizeof(names[0]));
    return names[outcome];
}

const char *appraisal_category_name(enum appraisal_category category)
{
    static const char *const names[APPRAISAL_CATEGORIES] = {
        "instance-identity", "configuration",  "executables",    "file-system",
        "hardware",          "runtime-opaque", "storage-opaque", "sourced-data"};
    lucid_assert(category < APPRAISAL_CATEGORIES);
    return names[category];
}

const char *appraisal_tier_name(enum appraisal_tier tier)
{
    switch (tier) {
    case APPRAISAL_AFFIRMING:
        return "affirming";
    case APPRAISAL_WARNING:
        return "warning";
    case APPRAISAL_CONTRAINDICATED:
        return "contraindicated";
    case APPRAISAL_NONE:
        break;
    }
    return "none";
}

enum appraisal_tier appraisal_claim_tier(int8_t claim)
{
    if (claim >= -1 && claim <= 1) {
        return APPRAISAL_NONE;
    }
    if (claim >= -32 && claim <= 31) {
        return APPRAISAL_AFFIRMING;
    }
    return claim >= -96 && claim <= 95 ? APPRAISAL_WARNING : APPRAISAL_CONTRAINDICATED;
}

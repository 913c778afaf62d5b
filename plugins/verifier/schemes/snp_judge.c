/* The steps tcb and configuration of AMD SEV-SNP: what the policy asks of a genuine report. */
#include "plugins/verifier/schemes/snp_internal.h"

#define DAY_S UINT64_C(86400)

/* AR4SI claims, as reference values of the standard. */
enum claim {
    CLAIM_PINNED = 2,       /* configuration: everything that the policy pins is equal */
    CLAIM_GENUINE = 2,      /* hardware */
    CLAIM_ISOLATED = 2,     /* runtime-opaque: memory encrypted against the host */
    CLAIM_SAFE = 3,         /* configuration: known to be without weakness */
    CLAIM_NEEDS_CARE = 32,  /* allowed by the policy, yet weaker; or inside a grace window */
    CLAIM_UNAVAILABLE = 36, /* configuration: what would tell is not there */
    CLAIM_REFUSED = 96,
};

/* --- tcb -------------------------------------------------------------------------------------- */

/* Whether a at most b holds, which the firmware guarantees; if not, says so. */
static bool order_check(struct scheme_job *job, const struct snp_tcb *a, const struct snp_tcb *b,
                        const char *code, struct appraisal_result *ret)
{
    enum snp_component more;
    if (snp_tcb_at_most(a, b, &more)) {
        return true;
    }
    scheme_say(ret, APPRAISAL_FAIL, code, "%s %u > %u", snp_component_name(more),
               (unsigned)a->parts[more], (unsigned)b->parts[more]);
    job->hardware = CLAIM_REFUSED;
    return false;
}

/* The first component of tcb that is below the floor. */
static bool floor_below(const struct policy_floor *floor, const struct snp_tcb *tcb,
                        enum snp_component *ret, uint64_t *ret_least)
{
    for (unsigned i = 0; i < SNP_COMPONENTS; i++) {
        uint64_t least = policy_floor_least(floor, snp_component_name((enum snp_component)i));
        if (tcb->parts[i] < least) {
            *ret = (enum snp_component)i;
            *ret_least = least;
            return true;
        }
    }
    return false;
}

/* Whether the floor is still so young that what is below it is only a warning. */
static bool in_grace(const struct scheme_job *job, const struct policy_floor *floor)
{
    return floor->from_s != 0 &&
           (job->input->time_s - floor->from_s) / DAY_S < job->input->policy->grace_days;
}

static void say_below(struct scheme_job *job, const struct policy_floor *floor, const char *which,
                      const char *component, unsigned value, uint64_t least,
                      struct appraisal_result *ret)
{
    bool accepted = policy_accepts_status(job->input->policy, "OutOfDate");
    bool grace = in_grace(job, floor);
    const char *code = accepted ? "tcb.out_of_date_accepted"
                       : grace  ? "tcb.below_floor_grace"
                                : "tcb.below_floor";
    job->hardware = accepted || grace ? CLAIM_NEEDS_CARE : CLAIM_REFUSED;
    scheme_say(ret, accepted ? APPRAISAL_PASS : APPRAISAL_FAIL, code, "%s %s %u < %llu", which,
               component, value, (unsigned long long)least);
}

void snp_tcb_judge(struct scheme_job *job, struct appraisal_result *ret)
{
    const struct snp_claims *claims = snp_claims_of(job);
    if (!order_check(job, &claims->reported, &claims->committed, "tcb.reported_above_committed",
                     ret) ||
        !order_check(job, &claims->committed, &claims->current, "tcb.committed_above_current",
                     ret)) {
        return;
    }
    const struct policy_floor *floor =
        policy_floor_find(job->input->policy, lucid_span_str("snp"), lucid_span_str(job->product),
                          job->input->time_s);
    bool asked = floor != NULL;
    enum snp_component part;
    uint64_t least;
    if (asked && floor_below(floor, &claims->reported, &part, &least)) {
        say_below(job, floor, "reported", snp_component_name(part), claims->reported.parts[part],
                  least, ret);
    } else if (asked && floor_below(floor, &claims->launch, &part, &least)) {
        say_below(job, floor, "launch", snp_component_name(part), claims->launch.parts[part], least,
                  ret);
    } else {
        job->hardware = job->hardware < CLAIM_GENUINE ? CLAIM_GENUINE : job->hardware;
        scheme_say(ret, APPRAISAL_PASS, asked ? "tcb.up_to_date" : "tcb.no_floor", "%s",
                   job->product);
    }
}

/* --- configuration ---------------------------------------------------------------------------- */

static bool policy_bit(const struct snp_report *report, enum snp_policy_bit bit)
{
    return (report->policy >> bit & 1) != 0;
}

static bool platform_bit(const struct snp_report *report, enum snp_platform_bit bit)
{
    return (report->platform_info >> bit & 1) != 0;
}

static bool firmware_below(const struct snp_firmware *firmware, uint64_t major, uint64_t minor)
{
    return firmware->major < major || (firmware->major == major && firmware->minor < minor);
}

static bool digest_missing(const struct policy_digests *digests, struct lucid_span value)
{
    return digests->count != 0 && !policy_digests_have(digests, value);
}

/* What the policy forbids, the worst first: its code, or NULL. */
static const char *forbidden_code(const struct policy *policy, const struct snp_report *report)
{
    const bool smt = policy_bit(report, SNP_POLICY_SMT) || platform_bit(report, SNP_PLATFORM_SMT);
    const struct {
        bool is;
        const char *code;
    } rules[] = {
        {policy_bit(report, SNP_POLICY_DEBUG) && !policy->config.debug_allowed,
         "configuration.debug"},
        {policy_bit(report, SNP_POLICY_MIGRATE_MA) && !policy->config.migration_allowed,
         "configuration.migration_agent"},
        {report->vmpl > policy->config.vmpl_max, "configuration.vmpl"},
        {report->version < policy->config.report_version_min, "configuration.report_version"},
        {smt && !policy->config.smt_allowed, "configuration.smt"},
        {!policy_bit(report, SNP_POLICY_SINGLE_SOCKET) && policy->config.require_single_socket,
         "configuration.single_socket"},
        {!platform_bit(report, SNP_PLATFORM_TSME) && policy->config.require_tsme,
         "configuration.tsme"},
        {firmware_below(&report->committed, policy->config.abi_major_min,
                        policy->config.abi_minor_min),
         "configuration.abi"},
        {report->chip_masked && !policy->config.allow_masked_chip, "configuration.masked_chip_id"},
        {digest_missing(&policy->config.id_key_digests, report->id_key_digest),
         "configuration.id_key"},
        {digest_missing(&policy->config.author_key_digests, report->author_key_digest) ||
             (policy->config.author_key_digests.count != 0 && !report->author_key_en),
         "configuration.author_key"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].is) {
            return rules[i].code;
        }
    }
    return NULL;
}

/* The values behind a refusal, for people. */
static void say_forbidden(const char *code, const struct snp_report *report,
                          struct appraisal_result *ret)
{
    scheme_say(ret, APPRAISAL_FAIL, code,
               "policy 0x%llx platform 0x%llx vmpl %u version %u firmware %u.%u",
               (unsigned long long)report->policy, (unsigned long long)report->platform_info,
               (unsigned)report->vmpl, (unsigned)report->version, (unsigned)report->committed.major,
               (unsigned)report->committed.minor);
}

void snp_configuration_judge(struct scheme_job *job, struct appraisal_result *ret)
{
    const struct snp_report *report = &snp_claims_of(job)->report;
    const struct policy *policy = job->input->policy;
    job->runtime_opaque = CLAIM_ISOLATED;
    const char *code = forbidden_code(policy, report);
    if (code != NULL) {
        job->configuration = CLAIM_REFUSED;
        say_forbidden(code, report, ret);
    } else if ((report->platform_info & ~SNP_PLATFORM_KNOWN) != 0) {
        job->configuration = CLAIM_UNAVAILABLE;
        scheme_say(ret, APPRAISAL_FAIL, "configuration.unknown_platform_bits", "0x%llx",
                   (unsigned long long)report->platform_info);
    } else if (policy_bit(report, SNP_POLICY_DEBUG)) {
        job->configuration = CLAIM_NEEDS_CARE;
        job->runtime_opaque = CLAIM_NEEDS_CARE; /* the host may read its memory */
        scheme_say(ret, APPRAISAL_PASS, "configuration.debug_allowed", NULL);
    } else if (policy_bit(report, SNP_POLICY_MIGRATE_MA)) {
        job->configuration = CLAIM_NEEDS_CARE;
        scheme_say(ret, APPRAISAL_PASS, "configuration.migration_allowed", NULL);
    } else {
        bool pinned = policy->config.id_key_digests.count + policy->config.author_key_digests.count;
        job->configuration = pinned ? CLAIM_PINNED : CLAIM_SAFE;
        scheme_say(ret, APPRAISAL_PASS, pinned ? "configuration.pinned" : "configuration.ok", NULL);
    }
}

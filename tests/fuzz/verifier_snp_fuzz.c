/* A report of SEV-SNP and what comes after its 1184 bytes as its certificate, through every step of
 * the scheme: no step crashes, each says something, what passes the signature is one that was
 * signed (the seeds), and the claims are JSON. */
#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "plugins/verifier/scheme.h"
#include "plugins/verifier/schemes/snp_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool step(struct scheme_job *job,
                 void (*run)(struct scheme_job *, struct appraisal_result *))
{
    struct appraisal_result result = {.code = NULL};
    run(job, &result);
    lucid_assert(result.code != NULL && memchr(result.detail, '\0', sizeof(result.detail)) != NULL);
    return result.outcome == APPRAISAL_PASS;
}

static void rest(struct scheme_job *job)
{
    (void)step(job, scheme_snp.revocation);
    (void)step(job, scheme_snp.tcb);
    (void)step(job, scheme_snp.configuration);
    lucid_assert(job->hardware >= 2 && job->configuration >= 2 && job->runtime_opaque >= 2);
}

static void claims_check(const struct scheme_job *job)
{
    static const struct jcs_limits limits = {.depth_max = 4, .values_max = 128};
    struct lucid_buf out;
    lucid_buf_init(&out, 0);
    scheme_snp.claims_write(job, &out);
    const struct jcs_value *root = NULL;
    lucid_assert(jcs_parse(lucid_buf_span(&out), &limits, job->arena, &root, NULL) == LUCID_OK);
    lucid_assert(jcs_type(root) == JCS_OBJECT);
    lucid_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    lucid_arena_init(&arena, 1 << 20);
    size_t report_len = size < SNP_REPORT_BYTES ? size : SNP_REPORT_BYTES;
    struct appraisal_evidence evidence = {.type = lucid_span_str("snp"),
                                          .bytes = lucid_span(data, report_len)};
    if (size > report_len) {
        evidence.endorsements[0] = lucid_span(data + report_len, size - report_len);
        evidence.endorsement_count = 1;
    }
    struct policy policy = {.grace_days = 1};
    struct appraisal_input input = {.time_s = 1740000000, .policy = &policy};
    struct scheme_job job = {
        .input = &input, .evidence = &evidence, .arena = &arena, .product = ""};
    if (step(&job, scheme_snp.parse)) {
        char needs[SCHEME_NEEDS_MAX][SCHEME_KEY_BYTES_MAX + 1];
        lucid_assert(report_len == SNP_REPORT_BYTES && job.bound.len == 64);
        lucid_assert(scheme_snp.needs(&job, needs) <= SCHEME_NEEDS_MAX);
        if (step(&job, scheme_snp.chain)) {
            (void)step(&job, scheme_snp.signature);
            rest(&job);
        }
        claims_check(&job);
    }
    lucid_arena_fini(&arena);
    return 0;
}

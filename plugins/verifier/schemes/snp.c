/* AMD SEV-SNP as a scheme: reading, keys of collateral. */
#include <stdio.h>

#include "plugins/verifier/schemes/snp_internal.h"
#include "plugins/verifier/schemes/snp_json.h"

static void measurement_add(struct scheme_job *job, const char *name, const char *alg,
                            struct lucid_span value, bool required)
{
    job->measurements[job->measurement_count++] =
        (struct scheme_measurement){.name = name, .alg = alg, .value = value, .required = required};
}

/* The report itself, or what Confidential Containers' agent makes of it. Whether it could be had.
 */
static bool report_take(struct scheme_job *job, struct snp_claims *claims,
                        struct appraisal_result *ret)
{
    struct snp_json json;
    struct lucid_why why = {.code = NULL};
    claims->bytes = job->evidence->bytes;
    if (claims->bytes.len == 0 || claims->bytes.data[0] != '{') { /* no report begins so */
        return true;
    }
    enum lucid_error e = snp_json_read(job->evidence->bytes, job->arena, &json, &why);
    if (e != LUCID_OK) {
        job->no_memory = job->no_memory || e == LUCID_RETRY_MEMORY;
        scheme_say(ret, APPRAISAL_FAIL, "parse.json", "%s", why.param);
        return false;
    }
    claims->bytes = json.report;
    claims->brought = json.leaf;
    return true;
}

static void snp_parse(struct scheme_job *job, struct appraisal_result *ret)
{
    struct snp_claims *claims = lucid_arena_zalloc(job->arena, sizeof(*claims));
    if (claims == NULL) {
        job->no_memory = true;
        scheme_say(ret, APPRAISAL_FAIL, "parse.no_memory", NULL);
        return;
    }
    const char *field;
    struct snp_report *report = &claims->report;
    if (!report_take(job, claims, ret)) {
        return;
    }
    const char *code = snp_report_read(claims->bytes, report, &field);
    if (code != NULL) {
        scheme_say(ret, APPRAISAL_FAIL, code, "%s", field);
        return;
    }
    claims->product = snp_report_product(report);
    job->claims = claims;
    job->bound = report->report_data;
    job->product = snp_product_name(claims->product);
    job->measurement_count = 0;
    measurement_add(job, "launch", "sha384", report->measurement, true);
    /* Given also when they are zero, so that a reference set that names one is always compared. */
    measurement_add(job, "host_data", "raw", report->host_data, false);
    measurement_add(job, "id_key_digest", "sha384", report->id_key_digest, false);
    measurement_add(job, "author_key_digest", "sha384", report->author_key_digest, false);
    if (!report->chip_masked) {
        job->instance = report->chip_id;
    }
    job->svn = report->guest_svn;
    job->debug = (report->policy >> SNP_POLICY_DEBUG & 1) != 0;
    scheme_say(ret, APPRAISAL_PASS, "parse.ok", "version %u", (unsigned)report->version);
}

void snp_key(const char *kind, enum snp_product product, char ret[SCHEME_KEY_BYTES_MAX + 1])
{
    (void)snprintf(ret, SCHEME_KEY_BYTES_MAX + 1, "snp/%s/%s", kind, snp_product_name(product));
}

void snp_key_leaf(const struct snp_report *report, enum snp_product product,
                  char ret[SCHEME_KEY_BYTES_MAX + 1])
{
    char chip[2 * SNP_CHIP_ID_BYTES + 1] = "";
    char tcb[2 * 8 + 1] = "";
    if (report->signing_key == SNP_VLEK) {
        (void)snprintf(ret, SCHEME_KEY_BYTES_MAX + 1, "snp/vlek/%s/-", snp_product_name(product));
        return;
    }
    lucid_hex_encode(report->chip_id.data, report->chip_id.len, chip);
    lucid_hex_encode(report->reported_tcb.data, report->reported_tcb.len, tcb);
    chip[sizeof(chip) - 1] = '\0';
    tcb[sizeof(tcb) - 1] = '\0';
    (void)snprintf(ret, SCHEME_KEY_BYTES_MAX + 1, "snp/vcek/%s/%s/%s", snp_product_name(product),
                   chip, tcb);
}

/* Whether the report may come from that product: version 2 does not say, but Turin's chip ids end
 * in 56 zero bytes and the others' do not. */
static bool product_possible(const struct snp_claims *claims, enum snp_product product)
{
    if (claims->product != SNP_UNKNOWN || claims->report.has_cpuid) {
        return claims->product == product;
    }
    uint8_t any = 0;
    for (size_t i = 8; i < SNP_CHIP_ID_BYTES; i++) {
        any |= claims->report.chip_id.data[i];
    }
    return claims->report.chip_masked || (product == SNP_TURIN) == (any == 0);
}

static size_t snp_needs(const struct scheme_job *job,
                        char ret[SCHEME_NEEDS_MAX][SCHEME_KEY_BYTES_MAX + 1])
{
    const struct snp_claims *claims = snp_claims_of(job);
    size_t count = 0;
    for (unsigned i = SNP_MILAN; i < SNP_PRODUCTS; i++) {
        enum snp_product product = (enum snp_product)i;
        if (!product_possible(claims, product)) {
            continue;
        }
        if (count + 3 <= SCHEME_NEEDS_MAX) {
            snp_key_leaf(&claims->report, product, ret[count++]);
            snp_key("crl", product, ret[count++]);
            snp_key("test-root", product, ret[count++]);
        } else if (count + 2 <= SCHEME_NEEDS_MAX) { /* a masked version 2: the last product */
            snp_key_leaf(&claims->report, product, ret[count++]);
            snp_key("crl", product, ret[count++]);
        }
    }
    return count;
}

const struct scheme scheme_snp = {
    .type = "snp",
    .also = "sev-snp",
    .media_type = "application/vnd.amd.sev.snp.report",
    .tee = "AMD_SEV_SNP",
    .is_mock = false,
    .evidence_bytes_max = SNP_JSON_BYTES_MAX,
    .bound_bytes = 64,
    .binding = SCHEME_BINDS_SHA384,
    .parse = snp_parse,
    .needs = snp_needs,
    .chain = snp_chain,
    .signature = snp_signature,
    .revocation = snp_revocation,
    .tcb = snp_tcb_judge,
    .configuration = snp_configuration_judge,
    .claims_write = snp_claims_write,
};

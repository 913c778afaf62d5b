/* SEV-SNP evidence as the agent of Confidential Containers writes it: the very bytes of the report
 * come back; whatever is missing or of another form is refused by its name. */
#include "files.h"

#include "base/jcs/jcs.h"
#include "plugins/verifier/scheme.h"
#include "plugins/verifier/schemes/snp_json.h"

#define NO_LEAF ""

static const struct {
    const char *json;
    const char *report;
    const char *leaf;
} samples[] = {
    {"snp-coco/milan-v2-vcek.json", "snp/milan-v2-vcek.report.bin", "snp/milan-v2-vcek.vcek.der"},
    {"snp-coco/v3-vlek.json", "snp/v3-vlek.report.bin", NO_LEAF},
    {"snp-coco/turin-v5-vcek.json", "synthetic/turin-v5-vcek.report.bin",
     "synthetic/turin.vcek.der"},
};

static void same(struct lucid_span got, const char *name)
{
    struct lucid_buf want = file_read(name);
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.data, want.data, want.len);
    lucid_buf_fini(&want);
}

static void test_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct lucid_arena arena;
        struct snp_json json;
        struct lucid_why why = {.code = NULL};
        struct lucid_buf text = file_read(samples[i].json);
        lucid_arena_init(&arena, 1 << 21);
        assert_int_equal(snp_json_read(lucid_buf_span(&text), &arena, &json, &why), LUCID_OK);
        same(json.report, samples[i].report);
        if (samples[i].leaf[0] != '\0') {
            same(json.leaf, samples[i].leaf);
        } else {
            assert_int_equal(json.leaf.len, 0);
        }
        lucid_arena_fini(&arena);
        lucid_buf_fini(&text);
    }
}

/* The first `from` replaced by `to` is refused at param. */
static void refused(const struct lucid_buf *good, const char *from, const char *to,
                    const char *param)
{
    struct lucid_arena arena;
    struct lucid_buf text;
    struct snp_json json = {.report = {.len = 7}};
    struct lucid_why why = {.code = NULL};
    lucid_arena_init(&arena, 1 << 21);
    lucid_buf_init(&text, 0);
    const uint8_t *at = memmem(good->data, good->len, from, strlen(from));
    assert_non_null(at);
    lucid_buf_put(&text, good->data, (size_t)(at - good->data));
    lucid_buf_str(&text, to);
    lucid_buf_put(&text, at + strlen(from), good->len - (size_t)(at - good->data) - strlen(from));
    assert_int_equal(snp_json_read(lucid_buf_span(&text), &arena, &json, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, param);
    assert_string_equal(why.code, "INVALID_EVIDENCE");
    assert_int_equal(json.report.len, 7); /* untouched */
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

static void test_faults(void **state)
{
    (void)state;
    struct lucid_buf good = file_read(samples[0].json);
    const struct {
        const char *from;
        const char *to;
        const char *param;
    } faults[] = {
        {"{\"attestation_report\":", "{\"report\":0,\"attestation_report\":", "report"},
        {"{\"attestation_report\":", "{\"x\":", "x"},
        {"\"version\":2", "\"version\":\"2\"", "attestation_report.version"},
        {"\"version\":2", "\"version\":2,\"_reserved\":0", "attestation_report._reserved"},
        {"\"version\":2,", "", "attestation_report.version"},
        {"\"vmpl\":0", "\"vmpl\":4294967296", "attestation_report.vmpl"},
        {"\"policy\":196639", "\"policy\":-1", "attestation_report.policy"},
        {"\"family_id\":[1,", "\"family_id\":[1,0,", "attestation_report.family_id"},
        {"\"family_id\":[1,", "\"family_id\":[", "attestation_report.family_id"},
        {"\"family_id\":[1,", "\"family_id\":[256,", "attestation_report.family_id[0]"},
        {"\"bootloader\":3", "\"bootloader\":3.5", "attestation_report.current_tcb.bootloader"},
        {"\"fmc\":null", "\"fmc\":false", "attestation_report.current_tcb.fmc"},
        {"\"tee\":0,", "", "attestation_report.current_tcb.tee"},
        {"\"r\":[", "\"r\":[0,", "attestation_report.signature.r"},
        {"\"cpuid_fam_id\":null", "\"cpuid_fam_id\":256", "attestation_report.cpuid_fam_id"},
        {"\"cert_type\":\"ARK\"", "\"cert_type\":\"VCEK\"", "cert_chain[2].cert_type"},
        {"\"data\":[48", "\"data\":[-48", "cert_chain[0].data[0]"},
        {"\"cert_chain\":[", "\"cert_chain\":[{},", "cert_chain[0].cert_type"},
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        refused(&good, faults[i].from, faults[i].to, faults[i].param);
    }
    lucid_buf_fini(&good);
}

/* Cut off anywhere it is no JSON; as evidence it fails at parse, and says what of it. */
static void test_truncated(void **state)
{
    (void)state;
    struct lucid_buf good = file_read(samples[1].json);
    static struct policy policy;
    struct appraisal_input input = {.time_s = 1740000000, .policy = &policy};
    for (size_t len = 1; len <= good.len; len++) {
        struct lucid_arena arena;
        struct appraisal_evidence evidence = {.type = lucid_span_str("snp"),
                                              .bytes = lucid_span(good.data, len)};
        struct appraisal_result result = {.code = NULL};
        lucid_arena_init(&arena, 1 << 21);
        struct scheme_job job = {
            .input = &input, .evidence = &evidence, .arena = &arena, .product = ""};
        scheme_snp.parse(&job, &result);
        bool whole = len == good.len || good.data[len] == '\n';
        assert_int_equal(result.outcome, whole ? APPRAISAL_PASS : APPRAISAL_FAIL);
        assert_string_equal(result.code, whole ? "parse.ok" : "parse.json");
        lucid_arena_fini(&arena);
    }
    lucid_buf_fini(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

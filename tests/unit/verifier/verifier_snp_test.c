/* AMD SEV-SNP: recorded evidence of real hardware, with AMD's own roots. */
#include "snp_world.h"

#include "base/jcs/jcs.h"
#include "base/sha256.h"
#include "plugins/verifier/crypto/x509.h"
#include "plugins/verifier/schemes/snp_roots.h"

#define VLEK_END_S UINT64_C(1765404861) /* 2025-12-10T22:14:21Z */
#define NEWER_S    UINT64_C(1775000000) /* 2026-03-31: certificates of 2026 are valid */

static const struct {
    const char *report;
    const char *leaf;
    const char *product;
    uint64_t time_s;
    size_t bits; /* of the platform */
} good[] = {
    {"snp/milan-v2-vcek.report.bin", "snp/milan-v2-vcek.vcek.der", "Milan", TIME_S, 0x01},
    {"snp/gosev-milan.report.bin", "snp/gosev-milan.vcek.der", "Milan", TIME_S, 0x01},
    {"snp/v3-vlek.report.bin", "snp/v3-vlek.vlek.der", "Milan", TIME_S, 0x27},
    {"snp-azure-vtpm/azure-milan.report.bin", "snp-azure-vtpm/vcek.pem", "Milan", TIME_S, 0x01},
    {"snp-azure-vtpm/azure-genoa.report.bin", "snp-azure-vtpm/vcek-genoa.pem", "Genoa", TIME_S,
     0x24},
    {"snp/milan-v3-vcek.report.bin", "snp/milan-v3-vcek.vcek.pem", "Milan", NEWER_S, 0x25},
    {"snp/genoa-v3-vcek.report.bin", "snp/genoa-v3-vcek.vcek.pem", "Genoa", NEWER_S, 0x27},
    {"snp/turin-v5-vcek.report.bin", "snp/turin-v5-vcek.vcek.pem", "Turin", NEWER_S, 0x65},
    {"snp/zen4c-v5-vcek.report.bin", "snp/zen4c-v5-vcek.vcek.der", "Genoa", NEWER_S, 0x25},
};
#define GOOD (sizeof(good) / sizeof(good[0]))

static void good_init(struct snp_world *world, size_t report, size_t leaf)
{
    snp_world_init(world, good[report].report, good[leaf].leaf);
    world->input.time_s = good[report].time_s;
}

static const struct jcs_value *index_read(struct lucid_arena *arena, struct lucid_buf *text)
{
    static const struct jcs_limits limits = {.depth_max = 16, .values_max = 4096};
    const struct jcs_value *root = NULL;
    *text = file_read("snp/expected.json");
    assert_int_equal(jcs_parse(lucid_buf_span(text), &limits, arena, &root, NULL), LUCID_OK);
    return jcs_member(root, "vectors");
}

static const struct jcs_value *index_find(const struct jcs_value *vectors, const char *file)
{
    for (const struct jcs_value *at = jcs_next(vectors, NULL); at; at = jcs_next(vectors, at)) {
        if (lucid_span_is(jcs_string(jcs_member(at, "file")), file)) {
            return at;
        }
    }
    fail_msg("%s is not in expected.json", file);
    return NULL;
}

/* No vector was changed. */
static void test_digests(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text;
    lucid_arena_init(&arena, 1 << 20);
    const struct jcs_value *vectors = index_read(&arena, &text);
    size_t count = 0;
    for (const struct jcs_value *at = jcs_next(vectors, NULL); at; at = jcs_next(vectors, at)) {
        char name[128];
        struct lucid_span file = jcs_string(jcs_member(at, "file"));
        assert_true(file.len < sizeof(name));
        memcpy(name, file.data, file.len);
        name[file.len] = '\0';
        struct lucid_buf content = file_read(name);
        uint8_t digest[LUCID_SHA256_BYTES];
        uint8_t wanted[LUCID_SHA256_BYTES];
        lucid_sha256(lucid_buf_span(&content), digest);
        assert_true(lucid_hex_decode(jcs_string(jcs_member(at, "sha256")), wanted, sizeof(wanted)));
        assert_memory_equal(digest, wanted, sizeof(digest));
        lucid_buf_fini(&content);
        count++;
    }
    assert_int_equal(count, 30);
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

/* What is pinned, and the two copies of it. */
static void test_roots(void **state)
{
    (void)state;
    static const char *const lower[SNP_PRODUCTS] = {"", "milan", "genoa", "turin"};
    for (unsigned i = SNP_MILAN; i < SNP_PRODUCTS; i++) {
        const struct snp_roots *roots = snp_roots_of((enum snp_product)i);
        char name[64];
        struct x509_certs copies = {.count = 0};
        snprintf(name, sizeof(name), "snp/%s_ask_ark_asvk.pem", lower[i]);
        struct lucid_buf all = file_read(name);
        assert_int_equal(x509_certs_read(lucid_buf_span(&all), &copies), X509_IS_OK);
        static const char *const second[] = {"ask", "ark"};
        for (size_t k = 0; k < 2; k++) {
            snprintf(name, sizeof(name), "snp/virtee-%s-%s.pem", lower[i], second[k]);
            struct lucid_buf one = file_read(name);
            assert_int_equal(x509_certs_read(lucid_buf_span(&one), &copies), X509_IS_OK);
            lucid_buf_fini(&one);
        }
        assert_int_equal(copies.count, 5);
        const struct lucid_span pinned[] = {roots->ask, roots->ark, roots->asvk, roots->ask,
                                            roots->ark};
        for (size_t k = 0; k < 5; k++) {
            assert_true(lucid_span_equal(x509_cert_der(copies.items[k]), pinned[k]));
        }
        /* And they are what they are said to be. */
        char subject[X509_NAME_BYTES_MAX + 1];
        char wanted[64];
        const char *const names[] = {"SEV-", "ARK-", "SEV-VLEK-"};
        for (size_t k = 0; k < 3; k++) {
            assert_true(x509_cert_subject(copies.items[k], subject));
            snprintf(wanted, sizeof(wanted), "%s%s", names[k],
                     snp_product_name((enum snp_product)i));
            assert_string_equal(subject, wanted);
            assert_true(x509_cert_issued_by(copies.items[k], copies.items[1]));
        }
        lucid_buf_fini(&all);
        x509_certs_fini(&copies);
    }
}

static void hex_equal(const struct jcs_value *fields, const char *name, struct lucid_span value)
{
    const struct jcs_value *member = jcs_member(fields, name);
    uint8_t wanted[64];
    if (jcs_type(member) == JCS_OBJECT) {
        member = jcs_member(member, "hex");
    }
    assert_true(lucid_hex_decode(jcs_string(member), wanted, value.len));
    assert_memory_equal(wanted, value.data, value.len);
}

/* Every good report passes, and its fields are those that others read. */
static void test_good(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text;
    lucid_arena_init(&arena, 1 << 20);
    const struct jcs_value *vectors = index_read(&arena, &text);
    for (size_t i = 0; i < GOOD; i++) {
        struct snp_world world;
        good_init(&world, i, i);
        snp_world_ends(&world, APPRAISAL_FRESHNESS, "chain.ok");
        assert_string_equal(world.job.product, good[i].product);
        assert_int_equal(world.job.bound.len, 64);
        const struct jcs_value *fields = jcs_member(index_find(vectors, good[i].report), "fields");
        struct snp_report report;
        const char *field;
        assert_null(snp_report_read(world.evidence.bytes, &report, &field));
        uint64_t number = 0;
        assert_true(jcs_uint(jcs_member(fields, "version"), &number));
        assert_int_equal(number, report.version);
        assert_true(jcs_uint(jcs_member(fields, "vmpl"), &number));
        assert_int_equal(number, report.vmpl);
        char policy[32];
        snprintf(policy, sizeof(policy), "0x%llx", (unsigned long long)report.policy);
        assert_true(lucid_span_is(jcs_string(jcs_member(fields, "policy")), policy));
        hex_equal(fields, "measurement", report.measurement);
        hex_equal(fields, "report_data", world.job.bound);
        hex_equal(fields, "chip_id", report.chip_id);
        if (strncmp(good[i].report, "snp/", 4) == 0) {
            hex_equal(fields, "host_data", report.host_data);
            hex_equal(fields, "id_key_digest", report.id_key_digest);
            hex_equal(fields, "author_key_digest", report.author_key_digest);
            hex_equal(fields, "report_id", report.report_id);
            hex_equal(fields, "current_tcb", report.current_tcb);
            hex_equal(fields, "reported_tcb", report.reported_tcb);
            hex_equal(fields, "committed_tcb", report.committed_tcb);
            hex_equal(fields, "launch_tcb", report.launch_tcb);
        }
        assert_int_equal(world.job.instance.len, report.chip_masked ? 0 : 64);
        snp_world_fini(&world);
    }
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

/* Every report with every other's certificate. */
static void test_swapped(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOOD; i++) {
        for (size_t k = 0; k < GOOD; k++) {
            struct snp_world world;
            good_init(&world, i, k);
            enum appraisal_step step = snp_world_gate(&world);
            assert_int_equal(step == APPRAISAL_FRESHNESS, i == k);
            assert_true(i == k || step == APPRAISAL_CHAIN || step == APPRAISAL_SIGNATURE);
            snp_world_fini(&world);
        }
    }
}

static const struct {
    const char *report;
    const char *leaf;
    enum appraisal_step step;
    const char *code;
} bad[] = {
    {"snp/milan-v2-vcek.report.bin", "snp/neg-vcek-invalid-new.der", APPRAISAL_CHAIN,
     "chain.bad_signature"},
    {"snp/milan-v2-vcek.report.bin", "snp/gosev-milan.vcek.der", APPRAISAL_CHAIN,
     "chain.tcb_mismatch"},
    {"snp/milan-v2-vcek.report.bin", "snp-azure-vtpm/vcek.pem", APPRAISAL_CHAIN,
     "chain.chip_mismatch"}, /* the same TCB, another machine */
    {"snp-azure-vtpm/azure-milan.report.bin", "snp-azure-vtpm/vcek-genoa.pem", APPRAISAL_CHAIN,
     "chain.tcb_mismatch"}, /* version 2: the certificate says that it is Genoa */
    {"snp-azure-vtpm/azure-genoa.report.bin", "snp-azure-vtpm/vcek.pem", APPRAISAL_CHAIN,
     "chain.no_issuer"},
    {"snp/v3-vlek.report.bin", "snp/gosev-milan.vcek.der", APPRAISAL_CHAIN, "chain.wrong_kind"},
    {"snp/milan-v2-vcek.report.bin", "snp/v3-vlek.vlek.der", APPRAISAL_CHAIN, "chain.wrong_kind"},
    {"snp/milan-v2-vcek.report.bin", "snp/milan_ask_ark_asvk.pem", APPRAISAL_CHAIN,
     "chain.no_certificate"},
    {"snp/milan-v2-vcek.report.bin", "", APPRAISAL_CHAIN, "chain.no_certificate"},
    {"snp/milan-v2-vcek.report.bin", "snp/gosev-milan.report.bin", APPRAISAL_CHAIN,
     "chain.malformed"},
    {"snp-azure-vtpm/hcl-report.bin", "snp-azure-vtpm/vcek.pem", APPRAISAL_PARSE, "parse.length"},
    {"snp/milan-v2-vcek.report.bin", "snp/virtee-turin.vcek.der", APPRAISAL_CHAIN,
     "chain.tcb_reserved"}, /* a Milan TCB read as Turin's has a reserved byte */
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct snp_world world;
        snp_world_init(&world, bad[i].report, bad[i].leaf);
        snp_world_ends(&world, bad[i].step, bad[i].code);
        snp_world_fini(&world);
    }
}

/* The clock over both ends of the life of every certificate of a chain. */
static void test_clock(void **state)
{
    (void)state;
    struct snp_world world;
    snp_world_init(&world, "snp/v3-vlek.report.bin", "snp/v3-vlek.vlek.der");
    world.input.time_s = VLEK_END_S;
    snp_world_ends(&world, APPRAISAL_FRESHNESS, "chain.ok");
    world.input.time_s = VLEK_END_S + 1;
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.expired");
    world.input.time_s = 1733868861; /* 2024-12-10T22:14:21Z */
    snp_world_ends(&world, APPRAISAL_FRESHNESS, "chain.ok");
    world.input.time_s--;
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.not_yet_valid");
    world.input.time_s = UINT64_MAX;
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.expired");
    snp_world_fini(&world);
}

/* The certificate from the store of collateral instead of from the evidence. */
static void test_collateral(void **state)
{
    (void)state;
    struct snp_world world;
    snp_world_init(&world, "snp-azure-vtpm/azure-genoa.report.bin", "");
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.no_certificate");
    char needs[SCHEME_NEEDS_MAX][SCHEME_KEY_BYTES_MAX + 1];
    assert_int_equal(scheme_snp.needs(&world.job, needs), 3);
    assert_string_equal(needs[0],
                        "snp/vcek/Genoa/0506ffba875e939c2729d20c74eb72b4c5ba6bf7ea1faaa640141f12c6d"
                        "64782fb487f68ce69dcd021e914cc0d9244327bc121f0242d6470903ad1d4aaea4ad1/"
                        "0a00000000001754");
    assert_string_equal(needs[1], "snp/crl/Genoa");
    assert_string_equal(needs[2], "snp/test-root/Genoa");
    snp_world_collateral(&world, needs[0], "snp-azure-vtpm/vcek-genoa.pem");
    snp_world_ends(&world, APPRAISAL_FRESHNESS, "chain.ok");
    snp_world_fini(&world);

    /* Version 2 does not say its product: either is asked for, either is found. */
    snp_world_init(&world, "snp/gosev-milan.report.bin", "");
    snp_world_ends(&world, APPRAISAL_CHAIN, "chain.no_certificate");
    assert_int_equal(scheme_snp.needs(&world.job, needs), 6);
    assert_memory_equal(needs[0], "snp/vcek/Milan/", 15);
    assert_memory_equal(needs[3], "snp/vcek/Genoa/", 15);
    snp_world_collateral(&world, needs[0], "snp/gosev-milan.vcek.der");
    snp_world_ends(&world, APPRAISAL_FRESHNESS, "chain.ok");
    snp_world_fini(&world);

    snp_world_init(&world, "snp/v3-vlek.report.bin", "");
    snp_world_collateral(&world, "snp/vlek/Milan/-", "snp/v3-vlek.vlek.der");
    snp_world_ends(&world, APPRAISAL_FRESHNESS, "chain.ok");
    snp_world_fini(&world);
}

/* The steps after the gate, with the default's rules. */
static void test_verdicts(void **state)
{
    (void)state;
    struct snp_world world;
    snp_world_init(&world, "snp/milan-v2-vcek.report.bin", "snp/milan-v2-vcek.vcek.der");
    assert_int_equal(snp_world_gate(&world), APPRAISAL_FRESHNESS);
    snp_world_rest(&world);
    assert_string_equal(world.steps[APPRAISAL_REVOCATION].code, "revocation.no_crl");
    assert_int_equal(world.steps[APPRAISAL_REVOCATION].outcome, APPRAISAL_SKIPPED);
    assert_string_equal(world.steps[APPRAISAL_TCB].code, "tcb.no_floor");
    assert_string_equal(world.steps[APPRAISAL_CONFIGURATION].code, "configuration.ok");
    assert_int_equal(world.job.hardware, 2);
    assert_int_equal(world.job.configuration, 3);
    assert_int_equal(world.job.runtime_opaque, 2);
    world.policy.config.report_version_min = 3;
    world.policy.require_crl = true;
    assert_int_equal(snp_world_gate(&world), APPRAISAL_FRESHNESS);
    snp_world_rest(&world);
    assert_string_equal(world.steps[APPRAISAL_CONFIGURATION].code, "configuration.report_version");
    assert_int_equal(world.steps[APPRAISAL_REVOCATION].outcome, APPRAISAL_FAIL);
    assert_int_equal(world.job.hardware, 96);
    assert_int_equal(world.job.configuration, 96);
    snp_world_fini(&world);

    snp_world_init(&world, "snp/gosev-milan.report.bin", "snp/gosev-milan.vcek.der");
    assert_int_equal(snp_world_gate(&world), APPRAISAL_FRESHNESS);
    assert_true(world.job.debug);
    snp_world_rest(&world);
    assert_string_equal(world.steps[APPRAISAL_CONFIGURATION].code, "configuration.debug");
    assert_int_equal(world.steps[APPRAISAL_CONFIGURATION].outcome, APPRAISAL_FAIL);
    assert_int_equal(world.job.configuration, 96);
    world.policy.config.debug_allowed = true;
    snp_world_rest(&world);
    assert_string_equal(world.steps[APPRAISAL_CONFIGURATION].code, "configuration.debug_allowed");
    assert_int_equal(world.job.configuration, 32);
    snp_world_fini(&world);

    snp_world_init(&world, "snp/v3-vlek.report.bin", "snp/v3-vlek.vlek.der");
    assert_int_equal(snp_world_gate(&world), APPRAISAL_FRESHNESS);
    snp_world_rest(&world);
    assert_string_equal(world.steps[APPRAISAL_CONFIGURATION].code, "configuration.vmpl");
    assert_int_equal(world.job.configuration, 96);
    world.policy.config.vmpl_max = 1;
    snp_world_rest(&world);
    assert_int_equal(world.job.configuration, 3);
    world.policy.config.allow_masked_chip = false;
    snp_world_rest(&world);
    assert_string_equal(world.steps[APPRAISAL_CONFIGURATION].code, "configuration.masked_chip_id");
    snp_world_fini(&world);
}

/* The bits of the platform that machines of today set are known. */
static void test_platform(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOOD; i++) {
        struct snp_world world;
        good_init(&world, i, i);
        world.policy.config.vmpl_max = 1;
        world.policy.config.debug_allowed = true;
        assert_int_equal(snp_world_gate(&world), APPRAISAL_FRESHNESS);
        assert_int_equal(world.report.data[0x40], good[i].bits);
        snp_world_rest(&world);
        const struct appraisal_result *result = &world.steps[APPRAISAL_CONFIGURATION];
        if (result->outcome != APPRAISAL_PASS) {
            fail_msg("%s: %s", good[i].report, result->code);
        }
        assert_string_equal(world.steps[APPRAISAL_TCB].code, "tcb.no_floor");
        snp_world_fini(&world);
    }
}

/* The claims are one JSON object with what the report says. */
static void test_claims(void **state)
{
    (void)state;
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 256};
    for (size_t i = 0; i < GOOD; i++) {
        struct snp_world world;
        good_init(&world, i, i);
        assert_int_equal(snp_world_gate(&world), APPRAISAL_FRESHNESS);
        struct lucid_buf out;
        lucid_buf_init(&out, 0);
        scheme_snp.claims_write(&world.job, &out);
        const struct jcs_value *root = NULL;
        assert_int_equal(jcs_parse(lucid_buf_span(&out), &limits, &world.arena, &root, NULL),
                         LUCID_OK);
        assert_true(lucid_span_is(jcs_string(jcs_member(root, "product")), good[i].product));
        assert_true(lucid_span_is(jcs_string(jcs_member(root, "root")), "amd"));
        assert_null(jcs_member(root, "test"));
        uint64_t number = 0;
        assert_true(jcs_uint(jcs_member(jcs_member(root, "reportedTcb"), "microcode"), &number));
        assert_int_equal(number, world.report.data[0x187]);
        assert_int_equal(jcs_type(jcs_member(jcs_member(root, "policy"), "debug")),
                         world.job.debug ? JCS_TRUE : JCS_FALSE);
        const struct jcs_value *platform = jcs_member(root, "platform");
        assert_non_null(jcs_member(platform, "iommuWriteSafe"));
        assert_int_equal(jcs_type(jcs_member(platform, "iommuWriteSafe")),
                         (good[i].bits & 0x40) != 0 ? JCS_TRUE : JCS_FALSE);
        if (strcmp(good[i].report, "snp/turin-v5-vcek.report.bin") == 0) {
            assert_true(lucid_span_is(jcs_string(jcs_member(root, "launchMitigations")), "0x3f"));
            assert_true(jcs_uint(jcs_member(jcs_member(root, "launchTcb"), "fmc"), &number));
            assert_int_equal(number, 1);
        }
        if (i == 2) {
            assert_true(lucid_span_is(jcs_string(jcs_member(root, "cspId")),
                                      "CN=cc-us-east-2.amazonaws.com"));
            assert_int_equal(jcs_type(jcs_member(root, "chipId")), JCS_NULL);
        }
        lucid_buf_fini(&out);
        snp_world_fini(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),    cmocka_unit_test(test_roots),
        cmocka_unit_test(test_good),       cmocka_unit_test(test_swapped),
        cmocka_unit_test(test_bad),        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_collateral), cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_platform),   cmocka_unit_test(test_claims),
    };
    return cmocka_run_group_tests_name("verifier snp", tests, NULL, NULL);
}

/* AMD SEV-SNP through the whole appraisal, with policies as documents: verdict, vector, claims. */
#include "snp_world.h"

#include <pthread.h>

#include "base/jcs/jcs.h"
#include "plugins/verifier/appraisal.h"
#include "plugins/verifier/crypto/x509.h"

static const char runtime_text[] =
    "{\"nonce\":\"WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo\",\"audience\":\"https://a.example\","
    "\"publicKey\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}}";

static const char policy_head[] = "{\"type\":\"lucid.attestation.policy/v1\",\"name\":\"t\"";

struct verdict {
    struct snp_world world;
    struct policy policy;
    struct appraisal appraisal;
};

/* Appraises a recorded report, which binds what it binds, on a test store. policy: members. */
static void verdict_of(struct verdict *verdict, const char *report, const char *leaf,
                       const char *policy)
{
    memset(verdict, 0, sizeof(*verdict));
    snp_world_init(&verdict->world, report, leaf);
    struct appraisal_input *input = &verdict->world.input;
    struct lucid_arena *arena = &verdict->world.arena;
    struct lucid_buf text;
    struct lucid_why why = {.code = NULL};
    lucid_buf_init(&text, 0);
    lucid_buf_str(&text, policy_head);
    lucid_buf_str(&text, policy);
    lucid_buf_char(&text, '}');
    struct lucid_span document = lucid_arena_copy(arena, lucid_buf_span(&text));
    lucid_buf_fini(&text);
    if (policy_parse(document, arena, &verdict->policy, &why) != LUCID_OK) {
        fail_msg("%s %s", why.param, why.text);
    }
    input->evidences[0] = verdict->world.evidence;
    input->evidence_count = 1;
    input->policy = &verdict->policy;
    input->policy_bytes = document;
    input->runtime_data = lucid_span_str(runtime_text);
    input->challenge = (struct appraisal_challenge){.session_id = lucid_span_str("s"),
                                                    .audience = lucid_span_str("https://a.example"),
                                                    .issued_s = TIME_S - 10,
                                                    .expires_s = TIME_S + 290};
    memset(input->challenge.nonce, 0x5a, sizeof(input->challenge.nonce));
    input->test = true;
    input->has_test_bound_data = true;
    memcpy(input->test_bound_data, verdict->world.report.data + 0x50, 64);
    input->test_bound_len = 64;
    input->developer = lucid_span_str("https://lucid.example");
    input->build = lucid_span_str("1");
    input->issuer = lucid_span_str("log.example");
    input->lifetime_s = 3600;
    if (appraisal_run(input, arena, &verdict->appraisal, &why) != LUCID_OK) {
        fail_msg("%s %s", why.param, why.text);
    }
}

static void vector_is(const struct verdict *verdict, enum appraisal_tier status,
                      int8_t configuration, int8_t executables, int8_t hardware, int8_t opaque)
{
    assert_true(verdict->appraisal.appraised);
    const int8_t *vector = verdict->appraisal.submods[0].vector;
    assert_int_equal(verdict->appraisal.status, status);
    assert_int_equal(vector[APPRAISAL_CONFIGURATION_CLAIM], configuration);
    assert_int_equal(vector[APPRAISAL_EXECUTABLES], executables);
    assert_int_equal(vector[APPRAISAL_HARDWARE], hardware);
    assert_int_equal(vector[APPRAISAL_RUNTIME_OPAQUE], opaque);
}

static void failed_is(const struct verdict *verdict, enum appraisal_step step, const char *code)
{
    assert_false(verdict->appraisal.appraised);
    assert_int_equal(verdict->appraisal.failed_step, step);
    assert_string_equal(verdict->appraisal.submods[0].steps[step].code, code);
    assert_int_equal(verdict->appraisal.claims.len, 0);
}

#define MILAN "snp/milan-v2-vcek.report.bin", "snp/milan-v2-vcek.vcek.der"
#define DEBUG "snp/gosev-milan.report.bin", "snp/gosev-milan.vcek.der"
#define VLEK  "snp/v3-vlek.report.bin", "snp/v3-vlek.vlek.der"
#define LAUNCH                                                                                     \
    "a1f3930413247bb38cfc171579ea3c12d5fe4901f0c792f63fd75d98f1ef827c23500644e0e692e6be917f9050d3" \
    "d38c"

static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *report;
        const char *leaf;
        const char *policy;
        enum appraisal_tier status;
        int8_t configuration;
        int8_t executables;
        int8_t hardware;
        int8_t opaque;
    } cases[] = {
        {MILAN, "", APPRAISAL_WARNING, 3, 33, 2, 2},
        {MILAN, ",\"allowMeasurements\":[\"" LAUNCH "\"]", APPRAISAL_AFFIRMING, 3, 3, 2, 2},
        {MILAN, ",\"denyMeasurements\":[\"" LAUNCH "\"]", APPRAISAL_CONTRAINDICATED, 3, 96, 2, 2},
        {MILAN,
         ",\"allowMeasurements\":[\"" LAUNCH "\"],\"minTcb\":{\"snp\":{\"Milan\":{\"bootLoader\":3,"
         "\"snp\":8,\"microcode\":115}}}",
         APPRAISAL_AFFIRMING, 3, 3, 2, 2},
        {MILAN,
         ",\"allowMeasurements\":[\"" LAUNCH "\"],\"minTcb\":{\"snp\":{\"*\":{\"microcode\":116}}}",
         APPRAISAL_CONTRAINDICATED, 3, 3, 96, 2},
        {MILAN, ",\"config\":{\"reportVersionMin\":3}", APPRAISAL_CONTRAINDICATED, 96, 33, 2, 2},
        {MILAN, ",\"requireCrl\":true", APPRAISAL_CONTRAINDICATED, 3, 33, 96, 2},
        {DEBUG, "", APPRAISAL_CONTRAINDICATED, 96, 33, 2, 2},
        {VLEK, "", APPRAISAL_CONTRAINDICATED, 96, 33, 2, 2},
        {VLEK, ",\"config\":{\"vmplMax\":1}", APPRAISAL_WARNING, 3, 33, 2, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict verdict;
        verdict_of(&verdict, cases[i].report, cases[i].leaf, cases[i].policy);
        vector_is(&verdict, cases[i].status, cases[i].configuration, cases[i].executables,
                  cases[i].hardware, cases[i].opaque);
        assert_true(verdict.appraisal.claims.len > 0);
        snp_world_fini(&verdict.world);
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct verdict verdict;
    verdict_of(&verdict, "snp/milan-v2-vcek.report.bin", "snp/neg-vcek-invalid-new.der", "");
    failed_is(&verdict, APPRAISAL_CHAIN, "chain.bad_signature");
    snp_world_fini(&verdict.world);
    verdict_of(&verdict, "snp-azure-vtpm/hcl-report.bin", "snp-azure-vtpm/vcek.pem", "");
    failed_is(&verdict, APPRAISAL_PARSE, "parse.length");
    snp_world_fini(&verdict.world);
    verdict_of(&verdict, MILAN, "");
    verdict.world.report.data[0x2a0] ^= 1;
    struct lucid_why why;
    assert_int_equal(
        appraisal_run(&verdict.world.input, &verdict.world.arena, &verdict.appraisal, &why),
        LUCID_OK);
    failed_is(&verdict, APPRAISAL_SIGNATURE, "signature.bad");
    verdict.world.report.data[0x2a0] ^= 1;
    verdict.world.input.test_bound_data[0] ^= 1; /* it binds other data */
    assert_int_equal(
        appraisal_run(&verdict.world.input, &verdict.world.arena, &verdict.appraisal, &why),
        LUCID_OK);
    assert_false(verdict.appraisal.appraised);
    assert_int_equal(verdict.appraisal.failed_step, APPRAISAL_FRESHNESS);
    snp_world_fini(&verdict.world);
}

/* The same input gives the same claims, also in another arena and after other evidence. */
static void test_again(void **state)
{
    (void)state;
    struct verdict first;
    struct verdict other;
    struct verdict second;
    verdict_of(&first, VLEK, ",\"config\":{\"vmplMax\":1}");
    verdict_of(&other, DEBUG, "");
    verdict_of(&second, VLEK, ",\"config\":{\"vmplMax\":1}");
    assert_true(first.appraisal.claims.len > 0);
    assert_true(lucid_span_equal(first.appraisal.claims, second.appraisal.claims));
    assert_false(lucid_span_equal(first.appraisal.claims, other.appraisal.claims));
    snp_world_fini(&first.world);
    snp_world_fini(&other.world);
    snp_world_fini(&second.world);
}

/* --- certificates that were read before ------------------------------------------------------- */

/* All that an appraisal says: its steps, and its claims. */
static struct lucid_buf said_by(const struct appraisal *appraisal)
{
    struct lucid_buf out = {0};
    appraisal_steps_write(appraisal, &out);
    lucid_buf_span_put(&out, appraisal->claims);
    lucid_buf_char(&out, '\0');
    return out;
}

static struct lucid_buf said_again(struct verdict *verdict)
{
    struct appraisal appraisal;
    struct lucid_why why;
    assert_int_equal(appraisal_run(&verdict->world.input, &verdict->world.arena, &appraisal, &why),
                     LUCID_OK);
    return said_by(&appraisal);
}

/* Reads more certificates than are remembered: this leaf with each other end of its signature. */
static void others_read(const struct verdict *verdict)
{
    struct lucid_span leaf = lucid_buf_span(&verdict->world.leaf);
    uint8_t der[4096];
    assert_in_range(leaf.len, 3, sizeof(der));
    memcpy(der, leaf.data, leaf.len);
    for (unsigned i = 1; i < 256; i++) {
        struct x509_certs certs = {.count = 0};
        der[leaf.len - 1] = (uint8_t)(leaf.data[leaf.len - 1] ^ i);
        assert_int_equal(x509_certs_read(lucid_span(der, leaf.len), &certs), X509_IS_OK);
        assert_true(lucid_span_equal(x509_cert_der(certs.items[0]), lucid_span(der, leaf.len)));
        x509_certs_fini(&certs);
    }
}

static void same_and_free(const struct lucid_buf *expected, struct lucid_buf said)
{
    assert_true(lucid_buf_ok(&said) && said.len > 100);
    assert_true(lucid_span_equal(lucid_buf_span(expected), lucid_buf_span(&said)));
    lucid_buf_fini(&said);
}

/* Whether a certificate was read before, or forgotten since, is seen in no verdict and no byte. */
static void test_read_before(void **state)
{
    (void)state;
    static const struct {
        const char *report;
        const char *leaf;
        uint64_t time_s;
        const char *code; /* of the chain */
    } cases[] = {
        {MILAN, TIME_S, "chain.ok"},
        {VLEK, TIME_S, "chain.ok"},
        {VLEK, 1765404862, "chain.expired"},
        {MILAN, 1500000000, "chain.not_yet_valid"},
        {DEBUG, TIME_S, "chain.ok"},
        {"snp/milan-v2-vcek.report.bin", "snp/neg-vcek-invalid-new.der", TIME_S,
         "chain.bad_signature"},
        {"snp/milan-v2-vcek.report.bin", "snp/gosev-milan.vcek.der", TIME_S, "chain.tcb_mismatch"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict verdict;
        verdict_of(&verdict, cases[i].report, cases[i].leaf, "");
        verdict.world.input.time_s = cases[i].time_s;
        verdict.world.input.received_s = TIME_S; /* so that the challenge is fresh */
        x509_certs_forget();
        struct lucid_buf first = said_again(&verdict);
        assert_non_null(strstr((const char *)first.data, cases[i].code));
        same_and_free(&first, said_again(&verdict));
        others_read(&verdict);
        same_and_free(&first, said_again(&verdict));
        same_and_free(&first, said_again(&verdict));
        lucid_buf_fini(&first);
        snp_world_fini(&verdict.world);
    }
}

/* A certificate that differs from a known one in one bit is another. */
static void test_read_before_flipped(void **state)
{
    (void)state;
    struct verdict verdict;
    verdict_of(&verdict, MILAN, "");
    assert_true(verdict.appraisal.appraised);
    for (size_t at = 4; at < verdict.world.leaf.len; at += 97) {
        struct appraisal appraisal;
        struct lucid_why why;
        verdict.world.leaf.data[at] ^= 1;
        assert_int_equal(
            appraisal_run(&verdict.world.input, &verdict.world.arena, &appraisal, &why), LUCID_OK);
        assert_false(appraisal.appraised);
        assert_int_equal(appraisal.failed_step, APPRAISAL_CHAIN);
        verdict.world.leaf.data[at] ^= 1;
    }
    snp_world_fini(&verdict.world);
}

enum { THREADS = 4, TURNS = 25 };

struct runner {
    const struct appraisal_input *input;
    struct lucid_span expected;
    bool forgets;
    bool same;
};

static void *runner_main(void *argument)
{
    struct runner *runner = argument;
    runner->same = true;
    for (int i = 0; i < TURNS; i++) {
        struct lucid_arena arena;
        struct appraisal appraisal;
        struct lucid_why why;
        lucid_arena_init(&arena, (size_t)4 << 20);
        if (runner->forgets) {
            x509_certs_forget();
        }
        bool ran = appraisal_run(runner->input, &arena, &appraisal, &why) == LUCID_OK;
        runner->same = runner->same && ran && lucid_span_equal(appraisal.claims, runner->expected);
        lucid_arena_fini(&arena);
    }
    return NULL;
}

/* Threads that share what was read, while one of them has it forgotten. */
static void test_read_by_threads(void **state)
{
    (void)state;
    struct verdict verdict;
    pthread_t threads[THREADS];
    struct runner runners[THREADS];
    verdict_of(&verdict, MILAN, "");
    assert_true(verdict.appraisal.claims.len > 0);
    for (size_t i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){
            .input = &verdict.world.input, .expected = verdict.appraisal.claims, .forgets = i == 0};
        assert_int_equal(pthread_create(&threads[i], NULL, runner_main, &runners[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(runners[i].same);
    }
    snp_world_fini(&verdict.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_read_before),
        cmocka_unit_test(test_read_before_flipped),
        cmocka_unit_test(test_read_by_threads),
    };
    return cmocka_run_group_tests_name("verifier snp appraisal", tests, NULL, NULL);
}

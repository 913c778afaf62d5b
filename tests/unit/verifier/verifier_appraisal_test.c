/* The appraisal with a scheme that answers as it is told. */
#include "verifier_world.h"

#include <locale.h>
#include <stdlib.h>
#include <time.h>

static struct world world;

static int setup(void **state)
{
    (void)state;
    world_init(&world);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_fini(&world);
    return 0;
}

static void vector_check(int8_t identity, int8_t configuration, int8_t executables, int8_t hardware,
                         enum appraisal_tier status)
{
    const int8_t *vector = world.appraisal.submods[0].vector;
    assert_int_equal(vector[APPRAISAL_INSTANCE_IDENTITY], identity);
    assert_int_equal(vector[APPRAISAL_CONFIGURATION_CLAIM], configuration);
    assert_int_equal(vector[APPRAISAL_EXECUTABLES], executables);
    assert_int_equal(vector[APPRAISAL_HARDWARE], hardware);
    assert_int_equal(world.appraisal.submods[0].status, status);
}

static void test_affirming(void **state)
{
    (void)state;
    world_run(&world);
    assert_true(world.appraisal.appraised);
    assert_int_equal(world.appraisal.status, APPRAISAL_AFFIRMING);
    vector_check(0, 2, 3, 2, APPRAISAL_AFFIRMING);
    world_step(&world, 0, APPRAISAL_PARSE, APPRAISAL_PASS, "parse.ok");
    world_step(&world, 0, APPRAISAL_FRESHNESS, APPRAISAL_PASS, "freshness.bound");
    world_step(&world, 0, APPRAISAL_MEASUREMENT, APPRAISAL_PASS, "measurement.known");
    world_step(&world, 0, APPRAISAL_IDENTITY, APPRAISAL_SKIPPED, "identity.no_enrolment");
    assert_string_equal(world.appraisal.submods[0].name, "cpu0");
    assert_true(world.appraisal.submods[0].bound);
    assert_false(world.appraisal.is_mock);
    assert_true(world.appraisal.claims.len > 100);
}

static void refused(enum appraisal_step step, const char *code)
{
    world_run(&world);
    assert_false(world.appraisal.appraised);
    assert_int_equal(world.appraisal.failed_step, step);
    assert_int_equal(world.appraisal.claims.len, 0);
    assert_string_equal(world.appraisal.submods[world.appraisal.failed_evidence].steps[step].code,
                        code);
    assert_int_equal(world.appraisal.status, APPRAISAL_CONTRAINDICATED);
}

static void test_gate(void **state)
{
    (void)state;
    static const enum appraisal_step gates[] = {APPRAISAL_PARSE, APPRAISAL_CHAIN,
                                                APPRAISAL_SIGNATURE};
    static const enum appraisal_outcome bad[] = {APPRAISAL_FAIL, APPRAISAL_SKIPPED,
                                                 APPRAISAL_NOT_APPLICABLE};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            world_answers_reset();
            answers.steps[gates[i]] = (struct appraisal_result){bad[j], "parse.bad", "x"};
            refused(gates[i], "parse.bad");
            for (unsigned step = gates[i] + 1; step < APPRAISAL_STEPS; step++) {
                assert_int_equal(answers.calls[step], 0);
                assert_int_equal(world.appraisal.submods[0].steps[step].outcome, APPRAISAL_SKIPPED);
                assert_non_null(
                    strstr(world.appraisal.submods[0].steps[step].code, ".not_reached"));
            }
        }
    }
}

static void test_after_the_gate_all_steps_go_on(void **state)
{
    (void)state;
    answers.steps[APPRAISAL_REVOCATION] =
        (struct appraisal_result){APPRAISAL_FAIL, "revocation.revoked", ""};
    answers.steps[APPRAISAL_TCB] = (struct appraisal_result){APPRAISAL_FAIL, "tcb.below_floor", ""};
    answers.steps[APPRAISAL_CONFIGURATION] =
        (struct appraisal_result){APPRAISAL_FAIL, "configuration.debug", ""};
    world_run(&world);
    assert_true(world.appraisal.appraised);
    /* The scheme claims 2 all the same: the core does not let that stand. */
    vector_check(0, 96, 3, 96, APPRAISAL_CONTRAINDICATED);
    assert_int_equal(world.appraisal.status, APPRAISAL_CONTRAINDICATED);
    assert_int_equal(answers.calls[APPRAISAL_CONFIGURATION], 1);
}

static void test_own_claims_of_a_failed_step_stand(void **state)
{
    (void)state;
    answers.steps[APPRAISAL_TCB] = (struct appraisal_result){APPRAISAL_FAIL, "tcb.in_grace", ""};
    answers.hardware = 32;
    world_run(&world);
    vector_check(0, 2, 3, 32, APPRAISAL_WARNING);
    answers.hardware = 97;
    world_run(&world);
    vector_check(0, 2, 3, 97, APPRAISAL_CONTRAINDICATED);
}

static void test_hardware_is_never_left_open(void **state)
{
    (void)state;
    answers.hardware = 0;
    world_run(&world);
    vector_check(0, 2, 3, 0, APPRAISAL_WARNING);
    world.input.evidences[0].type = lucid_span_str("testbare");
    world.set.type = lucid_span_str("testbare");
    memset(world.evidence[0], 0, 64);
    uint8_t hash[32];
    lucid_sha256(world.input.runtime_data, hash);
    answers.hardware = 2;
    memcpy(world.evidence[0], hash, 32);
    /* It says 64 bytes where its scheme has 32. */
    refused(APPRAISAL_PARSE, "parse.no_bound_data");
}

static void test_bound_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < 64; i++) {
        world.evidence[0][i] ^= 1;
        refused(APPRAISAL_FRESHNESS, "freshness.binding");
        world.evidence[0][i] ^= 1;
    }
    answers.no_bound_data = true;
    refused(APPRAISAL_PARSE, "parse.no_bound_data");
}

static void test_freshness(void **state)
{
    (void)state;
    world.input.challenge.nonce[31] ^= 1;
    refused(APPRAISAL_FRESHNESS, "freshness.nonce");
    world.input.challenge.nonce[31] ^= 1;
    world.input.challenge.audience = lucid_span_str("https://rp.example/");
    refused(APPRAISAL_FRESHNESS, "freshness.audience");
    world.input.challenge.audience = lucid_span_str("https://rp.example");
    world.input.time_s = WORLD_NOW_S + 240 + FRESHNESS_SKEW_S;
    world_run(&world);
    assert_true(world.appraisal.appraised);
    world.input.time_s++;
    refused(APPRAISAL_FRESHNESS, "freshness.expired");
    world.input.time_s = WORLD_NOW_S - 60 - FRESHNESS_SKEW_S;
    world_run(&world);
    assert_true(world.appraisal.appraised);
    world.input.time_s--;
    refused(APPRAISAL_FRESHNESS, "freshness.early");
    /* With test_time, the challenge's age is that of the log's clock. */
    world.input.time_s = 1740000000;
    world.input.received_s = WORLD_NOW_S;
    world_run(&world);
    assert_true(world.appraisal.appraised);
}

static void test_test_bound_data(void **state)
{
    (void)state;
    memset(world.evidence[0], 0, 64);
    world.evidence[0][0] = 0x77;
    refused(APPRAISAL_FRESHNESS, "freshness.binding");
    world.input.has_test_bound_data = true;
    world.input.test_bound_data[0] = 0x77;
    world.input.test_bound_len = 1;
    assert_int_equal(appraisal_run(&world.input, &world.arena, &world.appraisal, &world.why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(world.why.code, "TEST_ONLY");
    world.input.test = true;
    world_run(&world);
    world_step(&world, 0, APPRAISAL_FRESHNESS, APPRAISAL_PASS, "freshness.test_bound_data");
    assert_false(world.appraisal.submods[0].bound);
    world.input.test_bound_data[0] = 0x78;
    refused(APPRAISAL_FRESHNESS, "freshness.binding");
    /* The nonce is still asked for. */
    world.input.test_bound_data[0] = 0x77;
    world.input.challenge.nonce[0] ^= 1;
    refused(APPRAISAL_FRESHNESS, "freshness.nonce");
}

static void test_types(void **state)
{
    (void)state;
    world.input.evidences[0].type = lucid_span_str("other");
    refused(APPRAISAL_PARSE, "parse.unknown_type");
    assert_null(world.appraisal.submods[0].scheme);
    world.input.evidences[0].type = lucid_span_str("snp");
    world.policy.type_count = 1;
    world.policy.types[0] = lucid_span_str("mock");
    refused(APPRAISAL_PARSE, "parse.type_not_accepted");
    world.policy.types[0] = lucid_span_str("snp");
    world_run(&world);
    assert_true(world.appraisal.appraised);
}

static void test_mock(void **state)
{
    (void)state;
    world.input.evidences[0].type = lucid_span_str("mock");
    world.set.type = lucid_span_str("mock");
    refused(APPRAISAL_PARSE, "parse.mock_not_allowed");
    world.input.allow_mock = true;
    refused(APPRAISAL_PARSE, "parse.type_not_accepted"); /* the default has no mock */
    world.policy.type_count = 1;
    world.policy.types[0] = lucid_span_str("mock");
    world_run(&world);
    assert_true(world.appraisal.is_mock);
    vector_check(0, 2, 3, 32, APPRAISAL_WARNING);
    answers.hardware = 97; /* a worse one stands */
    world_run(&world);
    vector_check(0, 2, 3, 97, APPRAISAL_CONTRAINDICATED);
    world.policy.types[0] = lucid_span_str("snp");
    refused(APPRAISAL_PARSE, "parse.type_not_accepted");
}

static void measured(enum appraisal_outcome outcome, const char *code, int8_t executables)
{
    world_run(&world);
    world_step(&world, 0, APPRAISAL_MEASUREMENT, outcome, code);
    assert_int_equal(world.appraisal.submods[0].vector[APPRAISAL_EXECUTABLES], executables);
}

static void test_measurement_sets(void **state)
{
    (void)state;
    world.values[0].svn_min = 3;
    measured(APPRAISAL_FAIL, "measurement.svn_below", 32);
    answers.svn = 3;
    measured(APPRAISAL_PASS, "measurement.known", 3);
    world.values[0].vulnerable = true;
    measured(APPRAISAL_FAIL, "measurement.vulnerable", 32);
    world.values[0].vulnerable = false;
    world.values[0].alg = lucid_span_str("sha256");
    measured(APPRAISAL_FAIL, "measurement.not_recognised", 33);
    world.policy.unknown_measurement_denied = true;
    measured(APPRAISAL_FAIL, "measurement.unknown_denied", 96);
    world.policy.unknown_measurement_denied = false;
    world.values[0].alg = lucid_span_str("sha384");
    world.set.model = lucid_span_str("P2");
    measured(APPRAISAL_FAIL, "measurement.no_fitting_reference", 33);
    world.set.model = lucid_span_str("P1");
    measured(APPRAISAL_PASS, "measurement.known", 3);
    world.set.valid_from_s = WORLD_NOW_S + 1;
    measured(APPRAISAL_FAIL, "measurement.no_fitting_reference", 33);
    world.set.valid_from_s = WORLD_NOW_S;
    world.set.valid_to_s = WORLD_NOW_S;
    measured(APPRAISAL_PASS, "measurement.known", 3);
    world.set.valid_to_s = WORLD_NOW_S - 1;
    measured(APPRAISAL_FAIL, "measurement.no_fitting_reference", 33);
    world.set.valid_to_s = 0;
    world.set.id[0] ^= 1; /* a set that the policy does not name is not looked in */
    measured(APPRAISAL_FAIL, "measurement.no_fitting_reference", 33);
    world.policy.reference_count = 0;
    measured(APPRAISAL_SKIPPED, "measurement.no_reference", 33);
    assert_int_equal(world.appraisal.status, APPRAISAL_WARNING);
}

static void test_measurement_of_one_set(void **state)
{
    (void)state;
    static uint8_t other[32] = {0x99};
    struct reference_set sets[2];
    struct reference_value second[2];
    /* A set that speaks of host data asks for it. */
    world.values[1] = (struct reference_value){lucid_span_str("host_data"), lucid_span_str("raw"),
                                               lucid_span(other, sizeof(other)), 0, false};
    world.set.value_count = 2;
    measured(APPRAISAL_FAIL, "measurement.not_recognised", 33);
    assert_string_equal(world.appraisal.submods[0].steps[APPRAISAL_MEASUREMENT].detail,
                        "host_data");
    /* Parts of two sets make no whole: the host data of one, the launch of another. */
    memcpy(second, world.values, sizeof(second));
    second[0].value = lucid_span(other, sizeof(other));
    second[1].value = lucid_span(world_host_data, sizeof(world_host_data));
    sets[0] = world.set;
    sets[1] = world.set;
    sets[1].values = second;
    world.input.references = sets;
    world.input.reference_count = 2;
    measured(APPRAISAL_FAIL, "measurement.not_recognised", 33);
    second[0].value = world.values[0].value;
    measured(APPRAISAL_PASS, "measurement.known", 3);
    /* One that is listed as vulnerable stays so, whatever another set says. */
    world.values[1].value = second[1].value;
    world.values[0].vulnerable = true;
    measured(APPRAISAL_FAIL, "measurement.vulnerable", 32);
    sets[0].values = second;
    sets[1].values = world.values;
    measured(APPRAISAL_FAIL, "measurement.vulnerable", 32);
    /* Nor does it help to start it with host data that the set which lists it does not know. */
    world.values[1].value = lucid_span(other, sizeof(other));
    measured(APPRAISAL_FAIL, "measurement.vulnerable", 32);
    assert_string_equal(world.appraisal.submods[0].steps[APPRAISAL_MEASUREMENT].detail, "launch");
    world.values[0].vulnerable = false;
    measured(APPRAISAL_PASS, "measurement.known", 3);
    /* A set that speaks of what was not measured knows nothing. */
    second[1].name = lucid_span_str("rtmr1");
    world.input.reference_count = 1;
    measured(APPRAISAL_FAIL, "measurement.not_recognised", 33);
    assert_string_equal(world.appraisal.submods[0].steps[APPRAISAL_MEASUREMENT].detail, "rtmr1");
}

static void test_measurement_lists(void **state)
{
    (void)state;
    struct lucid_span launch = lucid_span(world_launch, sizeof(world_launch));
    world.policy.reference_count = 0;
    world.allow[0] = launch;
    world.policy.allow.count = 1;
    measured(APPRAISAL_PASS, "measurement.allowed", 3);
    world.allow[0] = lucid_span(world_launch, 32);
    measured(APPRAISAL_FAIL, "measurement.not_recognised", 33);
    world.allow[0] = launch;
    world.deny[0] = launch;
    world.policy.deny.count = 1;
    measured(APPRAISAL_FAIL, "measurement.denied", 96);
    assert_int_equal(world.appraisal.status, APPRAISAL_CONTRAINDICATED);
    /* The deny list is also of what nobody asks for. */
    world.deny[0] = lucid_span(world_host_data, sizeof(world_host_data));
    measured(APPRAISAL_FAIL, "measurement.denied", 96);
    world.policy.deny.count = 0;
    answers.measurement_count = 0;
    measured(APPRAISAL_NOT_APPLICABLE, "measurement.none", 0);
}

static void identified(enum appraisal_outcome outcome, const char *code, int8_t identity)
{
    world_run(&world);
    world_step(&world, 0, APPRAISAL_IDENTITY, outcome, code);
    assert_int_equal(world.appraisal.submods[0].vector[APPRAISAL_INSTANCE_IDENTITY], identity);
}

static void test_identity(void **state)
{
    (void)state;
    struct lucid_span instance = lucid_span(world_instance, sizeof(world_instance));
    world.policy.has_enrolment = true;
    identified(APPRAISAL_FAIL, "identity.not_enrolled", 97);
    world.enrolled[0] = instance;
    world.policy.enrolled.count = 1;
    identified(APPRAISAL_PASS, "identity.enrolled", 2);
    world.revoked[0] = instance;
    world.policy.revoked_instances.count = 1;
    identified(APPRAISAL_FAIL, "identity.revoked", 96);
    answers.instance = lucid_span(NULL, 0);
    identified(APPRAISAL_FAIL, "identity.masked", 97);
    /* Whoever hides behind a mask may be one that is revoked. */
    world.policy.has_enrolment = false;
    identified(APPRAISAL_FAIL, "identity.masked", 97);
    assert_int_equal(world.appraisal.status, APPRAISAL_CONTRAINDICATED);
    world.policy.revoked_instances.count = 0;
    identified(APPRAISAL_SKIPPED, "identity.masked", 0);
}

/* Ids are padded with zeros in evidence, and need not be in lists; nothing else is the same. */
static void test_identity_padding(void **state)
{
    (void)state;
    world.policy.revoked_instances.count = 1;
    world.revoked[0] = lucid_span(world_instance, 1);
    identified(APPRAISAL_FAIL, "identity.revoked", 96);
    world.revoked[0] = lucid_span(world_instance, 8);
    identified(APPRAISAL_FAIL, "identity.revoked", 96);
    world_instance[8] = 1;
    identified(APPRAISAL_SKIPPED, "identity.no_enrolment", 0);
    world.policy.has_enrolment = true;
    world.enrolled[0] = lucid_span(world_instance, 8);
    world.policy.enrolled.count = 1;
    identified(APPRAISAL_FAIL, "identity.not_enrolled", 97);
    world_instance[8] = 0;
    world.policy.revoked_instances.count = 0;
    identified(APPRAISAL_PASS, "identity.enrolled", 2);
    static const uint8_t longer[65] = {0x55};
    world.enrolled[0] = lucid_span(longer, sizeof(longer));
    identified(APPRAISAL_FAIL, "identity.not_enrolled", 97);
}

static void test_collateral_age(void **state)
{
    (void)state;
    world.collateral[0] = (struct appraisal_collateral){
        lucid_span_str("test/vcek/P1"), lucid_span_str("x"), WORLD_NOW_S - 1000 * 86400ULL};
    world.collateral[1] = (struct appraisal_collateral){
        lucid_span_str("test/crl/P1"), lucid_span_str("x"), WORLD_NOW_S - 31 * 86400ULL + 1};
    world.input.collateral_count = 2;
    world.policy.collateral_age_days_max = 30;
    world_run(&world);
    vector_check(0, 2, 3, 2, APPRAISAL_AFFIRMING); /* 30 days; certificates do not age */
    world.collateral[1].imported_s--;
    world_run(&world);
    world_step(&world, 0, APPRAISAL_REVOCATION, APPRAISAL_FAIL, "revocation.collateral_too_old");
    vector_check(0, 2, 3, 32, APPRAISAL_WARNING);
    world.policy.require_crl = true;
    world_run(&world);
    vector_check(0, 2, 3, 96, APPRAISAL_CONTRAINDICATED);
    world.policy.collateral_age_days_max = 0;
    world_run(&world);
    vector_check(0, 2, 3, 2, APPRAISAL_AFFIRMING);
}

static void test_composite(void **state)
{
    (void)state;
    world_evidence_add(&world, "snp", "gpu0");
    world_evidence_add(&world, "snp", "");
    world_run(&world);
    assert_int_equal(world.appraisal.submod_count, 3);
    assert_string_equal(world.appraisal.submods[0].name, "cpu0");
    assert_string_equal(world.appraisal.submods[1].name, "gpu0");
    assert_string_equal(world.appraisal.submods[2].name, "cpu1");
    assert_int_equal(world.appraisal.status, APPRAISAL_AFFIRMING);
    /* One fails its gate: nothing is appraised, and it is named. */
    world.evidence[1][0] ^= 1;
    refused(APPRAISAL_FRESHNESS, "freshness.binding");
    assert_int_equal(world.appraisal.failed_evidence, 1);
    world_step(&world, 2, APPRAISAL_FRESHNESS, APPRAISAL_PASS, "freshness.bound");
    world_step(&world, 2, APPRAISAL_TCB, APPRAISAL_SKIPPED, "tcb.not_reached");
}

static void input_refused(const char *code, const char *param)
{
    memset(&world.why, 0, sizeof(world.why));
    assert_int_equal(appraisal_run(&world.input, &world.arena, &world.appraisal, &world.why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(world.why.code, code);
    assert_string_equal(world.why.param, param);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"CPU", "-a", "a b", "a/b", "_", "é"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(world.input.evidences[0].name, sizeof(world.input.evidences[0].name), "%s",
                       bad[i]);
        input_refused("INVALID_EVIDENCE", "evidences[0].name");
    }
    (void)snprintf(world.input.evidences[0].name, sizeof(world.input.evidences[0].name), "cpu0");
    world_evidence_add(&world, "snp", ""); /* its default is the other's name */
    input_refused("INVALID_EVIDENCE", "evidences[1].name");
    memset(world.input.evidences[0].name, 'a', sizeof(world.input.evidences[0].name));
    input_refused("INVALID_EVIDENCE", "evidences[0].name");
}

static void test_runtime_data(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
        const char *param;
    } cases[] = {
        {"\"nonce\":\"W", "\"nonce\":\"", "runtimeData.nonce"},
        {"aWlo\"", "aWlp\"", "runtimeData.nonce"},
        {"\"nonce\"", "\"Nonce\"", "runtimeData"},
        {"\"audience\":\"https://rp.example\"", "\"audience\":\"\"", "runtimeData.audience"},
        {"\"audience\":\"https://rp.example\"", "\"audience\":1", "runtimeData.audience"},
        {"\"audience\"", "\"nonce\"", "runtimeData"},
        {"Ed25519", "X25519", "runtimeData.publicKey"},
        {"\"kty\":\"OKP\"", "\"kty\":\"OKP\",\"d\":\"AA\"", "runtimeData.publicKey"},
        {"\"workload\":{", "\"workload\":{\"x\":1,", "runtimeData.workload"},
        {"sha256:0", "sha512:0", "runtimeData.workload.container.digest"},
        {"\"workload\":{", "\"workload\":{\"auditors\":[{\"id\":\"a\"}],",
         "runtimeData.workload.auditors"},
        {"}}}", "}}} x", "runtimeData"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        const char *at = strstr(world_runtime_text, cases[i].from);
        assert_non_null(at);
        (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - world_runtime_text),
                       world_runtime_text, cases[i].to, at + strlen(cases[i].from));
        world.input.runtime_data = lucid_span_str(text);
        input_refused("INVALID_RUNTIME_DATA", cases[i].param);
    }
    /* White space is no fault, and part of what is hashed. */
    char spaced[1024];
    (void)snprintf(spaced, sizeof(spaced), " %s", world_runtime_text);
    world.input.runtime_data = lucid_span_str(spaced);
    refused(APPRAISAL_FRESHNESS, "freshness.binding");
    world_bind(&world, 0);
    world_run(&world);
    assert_true(world.appraisal.appraised);
}

static void test_limits(void **state)
{
    (void)state;
    world.input.evidences[0].bytes.len = APPRAISAL_EVIDENCE_BYTES_MAX + 1;
    assert_int_equal(appraisal_run(&world.input, &world.arena, &world.appraisal, NULL),
                     LUCID_REFUSE_TOO_LARGE);
    world.input.evidences[0].bytes.len = 5000;
    static uint8_t large[5000];
    world.input.evidences[0].bytes.data = large;
    refused(APPRAISAL_PARSE, "parse.too_large");
    world.input.evidence_count = 0;
    input_refused("INVALID_EVIDENCE", "evidences");
}

static void test_no_memory(void **state)
{
    (void)state;
    answers.no_memory = true;
    assert_int_equal(appraisal_run(&world.input, &world.arena, &world.appraisal, &world.why),
                     LUCID_RETRY_MEMORY);
    answers.no_memory = false;
    /* At every size of the arena: an answer, or "no memory". */
    bool done = false;
    for (size_t max = 0; !done; max += 4096) {
        struct lucid_arena arena;
        lucid_arena_init(&arena, max);
        enum lucid_error e = appraisal_run(&world.input, &arena, &world.appraisal, &world.why);
        done = e == LUCID_OK;
        assert_true(done || e == LUCID_RETRY_MEMORY);
        lucid_arena_fini(&arena);
    }
}

static void test_details_are_printable(void **state)
{
    (void)state;
    answers.steps[APPRAISAL_TCB] =
        (struct appraisal_result){APPRAISAL_PASS, "tcb.ok", "a\n\xc3\"\\b"};
    world_run(&world);
    assert_string_equal(world.appraisal.submods[0].steps[APPRAISAL_TCB].detail, "a??\"\\b");
}

static void test_steps_json(void **state)
{
    (void)state;
    static const struct jcs_limits limits = {.depth_max = 4, .values_max = 200};
    const struct jcs_value *root;
    struct lucid_buf out = {0};
    answers.steps[APPRAISAL_TCB] = (struct appraisal_result){APPRAISAL_FAIL, "tcb.x", "snp 5 < 8"};
    world_run(&world);
    appraisal_steps_write(&world.appraisal, &out);
    assert_int_equal(jcs_parse(lucid_buf_span(&out), &limits, &world.arena, &root, NULL), LUCID_OK);
    assert_int_equal(jcs_count(root), APPRAISAL_STEPS);
    const struct jcs_value *tcb = NULL;
    for (unsigned i = 0; i <= APPRAISAL_TCB; i++) {
        tcb = jcs_next(root, tcb);
    }
    assert_true(lucid_span_is(jcs_string(jcs_member(tcb, "evidence")), "cpu0"));
    assert_true(lucid_span_is(jcs_string(jcs_member(tcb, "type")), "snp"));
    assert_true(lucid_span_is(jcs_string(jcs_member(tcb, "step")), "tcb"));
    assert_true(lucid_span_is(jcs_string(jcs_member(tcb, "outcome")), "fail"));
    assert_true(lucid_span_is(jcs_string(jcs_member(tcb, "detail")), "snp 5 < 8"));
    lucid_buf_fini(&out);
}

/* The same input gives the same bytes: again, and in another locale, zone and memory. */
static void test_same_bytes(void **state)
{
    (void)state;
    static const char *const locales[] = {"C", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8",
                                          "ar_EG.UTF-8"};
    static const char *const zones[] = {"UTC", "Pacific/Kiritimati", "Asia/Kathmandu"};
    world_evidence_add(&world, "snp", "gpu0");
    world_run(&world);
    struct lucid_span first = world.appraisal.claims;
    for (size_t i = 0; i < 5; i++) {
        struct lucid_arena arena;
        struct appraisal again;
        lucid_arena_init(&arena, (size_t)8 << 20);
        void *shift = lucid_arena_alloc(&arena, 16 * (i + 1) + 1);
        assert_non_null(shift);
        (void)setlocale(LC_ALL, locales[i]); /* those that the machine has */
        assert_int_equal(setenv("LC_ALL", locales[i], 1), 0);
        assert_int_equal(setenv("TZ", zones[i % 3], 1), 0);
        tzset();
        assert_int_equal(appraisal_run(&world.input, &arena, &again, NULL), LUCID_OK);
        assert_true(lucid_span_equal(first, again.claims));
        lucid_arena_fini(&arena);
    }
    (void)setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_affirming, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_after_the_gate_all_steps_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_claims_of_a_failed_step_stand, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hardware_is_never_left_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bound_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_freshness, setup, teardown),
        cmocka_unit_test_setup_teardown(test_test_bound_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_measurement_sets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_measurement_of_one_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_measurement_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_identity_padding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_collateral_age, setup, teardown),
        cmocka_unit_test_setup_teardown(test_composite, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_runtime_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_details_are_printable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_steps_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_bytes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

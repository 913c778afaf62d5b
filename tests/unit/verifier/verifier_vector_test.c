/* What may be concluded of what was found (reference values of AR4SI): many thousand combinations
 * of what a scheme answers, what the policy asks and what the evidence measures, each held against
 * rules that are written down here a second time, as properties. */
#include "verifier_world.h"

#define ROUNDS 30000

static struct world world;
static uint64_t seed = 20261122;

static uint64_t draw(uint64_t below)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33) % below;
}

/* Claims on both sides of each border, and the mirrored ones. */
static int8_t claim_draw(void)
{
    static const int8_t claims[] = {-128, -97, -96, -33, -32, -2, -1, 0,  1,
                                    2,    3,   31,  32,  36,  95, 96, 97, 127};
    return claims[draw(sizeof(claims))];
}

/* How bad: 0 says nothing, 1 affirms, 2 warns, 3 contraindicates. */
static int badness(int8_t claim)
{
    int value = claim < 0 ? -claim - 1 : claim; /* -1 is as 0, -2 as 1 … of AR4SI's ranges */
    return claim >= -1 && claim <= 1 ? 0 : value <= 31 ? 1 : value <= 95 ? 2 : 3;
}

static int badness_of(enum appraisal_tier tier)
{
    return tier == APPRAISAL_NONE        ? 0
           : tier == APPRAISAL_AFFIRMING ? 1
           : tier == APPRAISAL_WARNING   ? 2
                                         : 3;
}

static void step_draw(enum appraisal_step step, const char *code)
{
    static const enum appraisal_outcome outcomes[] = {APPRAISAL_PASS, APPRAISAL_PASS,
                                                      APPRAISAL_FAIL, APPRAISAL_SKIPPED,
                                                      APPRAISAL_NOT_APPLICABLE};
    answers.steps[step] = (struct appraisal_result){outcomes[draw(5)], code, ""};
}

static void measurement_draw(void)
{
    struct lucid_span launch = lucid_span(world_launch, sizeof(world_launch));
    answers.measurement_count = draw(8) == 0 ? 0 : 2;
    world.set.value_count = draw(4) == 0 ? 0 : 1;
    world.values[0].svn_min = draw(3) == 0 ? 2 : 0;
    world.values[0].vulnerable = draw(4) == 0;
    world.policy.unknown_measurement_denied = draw(3) == 0;
    world.policy.reference_count = draw(4) == 0 ? 0 : 1;
    world.allow[0] = world.deny[0] = launch;
    world.policy.allow.count = draw(3) == 0;
    world.policy.deny.count = draw(5) == 0;
}

static void identity_draw(void)
{
    answers.instance = lucid_span(world_instance, draw(4) == 0 ? 0 : sizeof(world_instance));
    world.enrolled[0] = world.revoked[0] = lucid_span(world_instance, 1);
    world.policy.has_enrolment = draw(2) == 0;
    world.policy.enrolled.count = draw(2);
    world.policy.revoked_instances.count = draw(5) == 0;
}

static void all_draw(void)
{
    world_init(&world);
    answers.hardware = draw(2) == 0 ? 2 : claim_draw();
    answers.configuration = draw(2) == 0 ? 3 : claim_draw();
    answers.runtime_opaque = draw(2) == 0 ? 2 : claim_draw();
    answers.svn = draw(3);
    if (draw(2) == 0) {
        step_draw(APPRAISAL_REVOCATION, "revocation.x");
        step_draw(APPRAISAL_TCB, "tcb.x");
        step_draw(APPRAISAL_CONFIGURATION, "configuration.x");
    }
    if (draw(2) == 0) {
        measurement_draw();
    }
    if (draw(2) == 0) {
        identity_draw();
    }
    world.collateral[0] = (struct appraisal_collateral){
        lucid_span_str("test/crl/P1"), lucid_span_str("x"), WORLD_NOW_S - draw(3) * 86400};
    world.input.collateral_count = 1;
    world.policy.collateral_age_days_max = draw(2);
    world.policy.require_crl = draw(2) == 0;
    world.input.allow_mock = true;
    world.policy.types[0] = lucid_span_str("snp");
    world.policy.types[1] = lucid_span_str("mock");
    world.policy.type_count = 2;
    for (uint64_t more = draw(3); more > 0; more--) {
        world_evidence_add(&world, "snp", "");
    }
    if (draw(3) == 0) {
        world.input.evidences[draw(world.input.evidence_count)].type = lucid_span_str("mock");
    }
}

static bool is_among(int8_t claim, const int8_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i] == claim) {
            return true;
        }
    }
    return false;
}

static void submod_check(const struct appraisal_submod *submod)
{
    static const int8_t identity[] = {0, 2, 96, 97};
    static const int8_t executables[] = {0, 3, 32, 33, 96};
    const int8_t *vector = submod->vector;
    int status = badness_of(submod->status);
    bool failed = false;
    for (unsigned i = 0; i < APPRAISAL_CATEGORIES; i++) {
        assert_true(status >= badness(vector[i])); /* never better than its worst member */
    }
    for (unsigned step = 0; step < APPRAISAL_STEPS; step++) {
        failed = failed || submod->steps[step].outcome == APPRAISAL_FAIL;
    }
    assert_true(!failed || status >= 2); /* what fails is at least a warning */
    if (status == 1) {
        assert_int_equal(badness(vector[APPRAISAL_HARDWARE]), 1);
        assert_false(submod->scheme->is_mock);
    }
    if (submod->scheme->is_mock) {
        assert_true(status >= 2 && badness(vector[APPRAISAL_HARDWARE]) >= 2);
    }
    /* The core makes no claim of a scheme's better. */
    assert_true(badness(vector[APPRAISAL_HARDWARE]) >= badness(answers.hardware));
    assert_true(badness(vector[APPRAISAL_CONFIGURATION_CLAIM]) >= badness(answers.configuration));
    assert_int_equal(vector[APPRAISAL_RUNTIME_OPAQUE], answers.runtime_opaque);
    assert_true(is_among(vector[APPRAISAL_INSTANCE_IDENTITY], identity, sizeof(identity)));
    assert_true(is_among(vector[APPRAISAL_EXECUTABLES], executables, sizeof(executables)));
    assert_int_equal(vector[APPRAISAL_FILE_SYSTEM], 0);
    assert_int_equal(vector[APPRAISAL_STORAGE_OPAQUE], 0);
    assert_int_equal(vector[APPRAISAL_SOURCED_DATA], 0);
}

/* What decides alone, whatever else is found. */
static void verdict_check(const struct appraisal_submod *submod)
{
    const struct policy *policy = &world.policy;
    const int8_t *vector = submod->vector;
    const struct appraisal_result *steps = submod->steps;
    if (policy->deny.count > 0 && answers.measurement_count > 0) {
        assert_int_equal(vector[APPRAISAL_EXECUTABLES], 96);
    }
    if (policy->revoked_instances.count > 0 && answers.instance.len > 0) {
        assert_int_equal(vector[APPRAISAL_INSTANCE_IDENTITY], 96);
    }
    if (policy->has_enrolment && policy->enrolled.count == 0) {
        assert_int_equal(badness(vector[APPRAISAL_INSTANCE_IDENTITY]), 3);
    }
    if (answers.steps[APPRAISAL_REVOCATION].outcome == APPRAISAL_FAIL ||
        (steps[APPRAISAL_REVOCATION].outcome == APPRAISAL_FAIL && policy->require_crl)) {
        assert_int_equal(badness(vector[APPRAISAL_HARDWARE]), 3);
    }
    /* 3 at most is said of what was started, and only of what somebody named. */
    if (vector[APPRAISAL_EXECUTABLES] == 3) {
        assert_int_equal(steps[APPRAISAL_MEASUREMENT].outcome, APPRAISAL_PASS);
        assert_true(policy->allow.count > 0 || world.set.value_count > 0);
    }
    if (vector[APPRAISAL_INSTANCE_IDENTITY] == 2) {
        assert_true(policy->has_enrolment && policy->enrolled.count > 0);
    }
}

static void test_combinations(void **state)
{
    (void)state;
    unsigned seen[4] = {0};
    for (unsigned round = 0; round < ROUNDS; round++) {
        all_draw();
        world_run(&world);
        const struct appraisal *made = &world.appraisal;
        int worst = 0;
        bool open = false;
        assert_true(made->appraised);
        for (size_t i = 0; i < made->submod_count; i++) {
            submod_check(&made->submods[i]);
            verdict_check(&made->submods[i]);
            int status = badness_of(made->submods[i].status);
            worst = status > worst ? status : worst;
            open = open || status == 0;
        }
        /* The whole is the worst of its parts, and affirms nothing of which a part says nothing. */
        assert_int_equal(badness_of(made->status), open && worst == 1 ? 0 : worst);
        seen[badness_of(made->status)]++;
        world_fini(&world);
    }
    assert_true(seen[1] > 100 && seen[2] > 1000 && seen[3] > 1000); /* none of them was left out */
}

/* Whatever the first four steps answer but a pass: nothing is appraised, and nobody affirms. */
static void test_gates(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        all_draw();
        enum appraisal_step gate = (enum appraisal_step)draw(3);
        static const enum appraisal_outcome bad[] = {APPRAISAL_FAIL, APPRAISAL_SKIPPED,
                                                     APPRAISAL_NOT_APPLICABLE};
        answers.steps[gate] = (struct appraisal_result){bad[draw(3)], "parse.x", ""};
        world_run(&world);
        assert_false(world.appraisal.appraised);
        assert_int_equal(world.appraisal.claims.len, 0);
        assert_int_equal(world.appraisal.failed_step, gate);
        assert_int_equal(world.appraisal.status, APPRAISAL_CONTRAINDICATED);
        for (unsigned step = gate + 1; step < APPRAISAL_STEPS; step++) {
            assert_int_equal(world.appraisal.submods[0].steps[step].outcome, APPRAISAL_SKIPPED);
        }
        world_fini(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_combinations),
        cmocka_unit_test(test_gates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

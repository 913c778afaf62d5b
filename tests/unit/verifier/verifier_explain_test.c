/* Words for people; that no code is without its sentence is looked up in the sources (codes.py). */
#include "verifier_world.h"

#include "plugins/verifier/explain.h"

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

static void test_failure(void **state)
{
    (void)state;
    struct lucid_buf out = {0};
    answers.steps[APPRAISAL_SIGNATURE] =
        (struct appraisal_result){APPRAISAL_FAIL, "signature.bad", "key 3"};
    world_run(&world);
    explain_failure(&world.appraisal, &out);
    assert_true(lucid_span_is(lucid_buf_span(&out),
                              "cpu0, signature: the signature over the evidence is wrong: it was "
                              "changed, or another key signed: key 3"));
    lucid_buf_fini(&out);
}

/* An appraisal and its record are told in the same words. */
static void test_appraisal(void **state)
{
    (void)state;
    struct lucid_buf out = {0};
    struct lucid_buf again = {0};
    struct lucid_span record;
    struct lucid_span reference = lucid_span_str("{}");
    answers.steps[APPRAISAL_TCB] =
        (struct appraisal_result){APPRAISAL_FAIL, "tcb.below_floor", "snp 5 < 8"};
    world_evidence_add(&world, "snp", "gpu0");
    world.input.policy_bytes = lucid_span_str("{}");
    world.input.reference_bytes = &reference;
    world_run(&world);
    explain_appraisal(&world.appraisal, true, &out);
    world.input.test = true;
    assert_int_equal(
        record_write(&world.input, &world.appraisal, lucid_span_str("t"), &world.arena, &record),
        LUCID_OK);
    assert_int_equal(explain_record(record, &world.arena, &again, &world.why), LUCID_OK);
    assert_true(lucid_span_equal(lucid_buf_span(&out), lucid_buf_span(&again)));
    lucid_buf_char(&out, '\0');
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "verdict: contraindicated (of a test store"));
    assert_non_null(strstr(text,
                           "  tcb           FAILED      the platform's firmware is older than "
                           "the policy asks for: snp 5 < 8\n"));
    assert_non_null(strstr(text, "not checked:\n  cpu0, identity\n  gpu0, identity\n"));
    assert_non_null(strstr(text, "that the parts belong to one machine"));
    lucid_buf_fini(&out);
    lucid_buf_fini(&again);
}

static void test_no_record(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "[]", "{}", "{\"type\":\"attestation.appraisal\"}",
                                      "{\"type\":\"x\",\"evidences\":[{}]}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct lucid_buf out = {0};
        assert_int_equal(explain_record(lucid_span_str(bad[i]), &world.arena, &out, &world.why),
                         LUCID_REFUSE_INVALID);
        assert_string_equal(world.why.code, "INVALID_RECORD");
        lucid_buf_fini(&out);
    }
    /* Nothing that a terminal obeys gets through. */
    struct lucid_buf out = {0};
    assert_int_equal(
        explain_record(
            lucid_span_str("{\"type\":\"attestation.appraisal\",\"status\":\"\\u001b[2J\","
                           "\"evidences\":[{\"name\":\"\\u001b\",\"type\":3}]}"),
            &world.arena, &out, &world.why),
        LUCID_OK);
    assert_null(memchr(out.data, 0x1b, out.len));
    lucid_buf_fini(&out);
    assert_null(explain_code(lucid_span_str("tcb")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_appraisal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_record, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* A record of that world, told; the text ends with a 0. */
static void record_tell(struct lucid_buf *out)
{
    struct lucid_span record;
    struct lucid_span reference = lucid_span_str("{}");
    world.input.policy_bytes = lucid_span_str("{}");
    world.input.reference_bytes = &reference;
    world.input.test = true;
    world_run(&world);
    assert_int_equal(
        record_write(&world.input, &world.appraisal, lucid_span_str("t"), &world.arena, &record),
        LUCID_OK);
    assert_int_equal(explain_record(record, &world.arena, out, &world.why), LUCID_OK);
    lucid_buf_char(out, '\0');
}

static void test_appraisal(void **state)
{
    (void)state;
    struct lucid_buf out = {0};
    answers.steps[APPRAISAL_TCB] =
        (struct appraisal_result){APPRAISAL_FAIL, "tcb.below_floor", "snp 5 < 8"};
    world_evidence_add(&world, "snp", "gpu0");
    record_tell(&out);
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "verdict: contraindicated (of a test store"));
    assert_non_null(strstr(text, "\nappraised as of 20"));
    assert_non_null(strstr(text, " by the policy sha256:44136fa355b3678a1146ad16f7e8649e"));
    assert_non_null(strstr(text,
                           "  tcb           FAILED      the platform's firmware is older than "
                           "the policy asks for: snp 5 < 8\n"));
    assert_non_null(strstr(text, "not checked:\n  cpu0, identity\n  gpu0, identity\n"));
    assert_non_null(strstr(text, "that the parts belong to one machine"));
    lucid_buf_fini(&out);
}

/* What passed because nothing was asked for is among what was not checked. */
static void test_no_floor(void **state)
{
    (void)state;
    struct lucid_buf out = {0};
    answers.steps[APPRAISAL_TCB] =
        (struct appraisal_result){APPRAISAL_PASS, "tcb.no_floor", "Milan"};
    record_tell(&out);
    assert_non_null(strstr((const char *)out.data, "not checked:\n  cpu0, tcb\n"));
    lucid_buf_fini(&out);
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
    assert_null(explain_code(lucid_span_str("tcb")));
}

/* Texts of others: every script is told, nothing that a terminal obeys gets through, and no text
 * makes a line of its own. */
static void test_others_texts(void **state)
{
    (void)state;
    static const char record[] =
        "{\"type\":\"attestation.claims\",\"status\":\"warn\\u001b[2Jing\","
        "\"decision\":\"redact\",\"documents\":[{\"auditor\":\"pr\\u00fcfer\\u202e\",\"steps\":["
        "{\"step\":\"parse\",\"outcome\":\"fail\",\"code\":\"parse.x\\u009b\","
        "\"detail\":\"a\\n  signature     ok\"}]}],\"rules\":[{\"id\":\"r\",\"outcome\":\"denied\","
        "\"message\":\"pers\\u00f6nliche Daten\"}]}";
    struct lucid_buf out = {0};
    assert_int_equal(explain_record(lucid_span_str(record), &world.arena, &out, &world.why),
                     LUCID_OK);
    lucid_buf_char(&out, '\0');
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "verdict: warn?[2Jing\n"));
    assert_non_null(strstr(text, "environment: none was appraised beside it\n"));
    assert_non_null(strstr(text, "claims0 (pr\u00fcfer?, "));
    assert_non_null(strstr(text, "  parse         FAILED      parse.x?: a?  signature     ok\n"));
    assert_non_null(strstr(text, "  r: denied: pers\u00f6nliche Daten\n"));
    lucid_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_appraisal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_floor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others_texts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

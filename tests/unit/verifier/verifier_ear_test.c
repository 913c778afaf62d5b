/* Claims: written, read in both spellings, refused when they contradict themselves. */
#include "verifier_world.h"

#include <stdlib.h>

#include "base/base64url.h"

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

static const struct jcs_value *parsed(struct lucid_span text)
{
    static const struct jcs_limits limits = {.depth_max = 24, .values_max = 4096};
    const struct jcs_value *root;
    assert_int_equal(jcs_parse(text, &limits, &world.arena, &root, NULL), LUCID_OK);
    return root;
}

/* The member at the end of a path of names. */
static const struct jcs_value *at(const struct jcs_value *value, const char *const *path)
{
    for (size_t i = 0; path[i] != NULL; i++) {
        value = jcs_member(value, path[i]);
    }
    return value;
}
#define AT(value, ...) at((value), (const char *const[]){__VA_ARGS__, NULL})

static bool is(const struct jcs_value *value, const char *text)
{
    return value != NULL && jcs_type(value) == JCS_STRING && lucid_span_is(jcs_string(value), text);
}

static void test_members(void **state)
{
    (void)state;
    uint64_t number;
    world_evidence_add(&world, "snp", "gpu0");
    world_run(&world);
    const struct jcs_value *root = parsed(world.appraisal.claims);
    assert_true(is(AT(root, "eat_profile"), "tag:ietf.org,2026:rats/ear#04"));
    assert_true(jcs_uint(AT(root, "iat"), &number) && number == WORLD_NOW_S);
    assert_true(jcs_uint(AT(root, "exp"), &number) && number == WORLD_NOW_S + 3600);
    assert_true(is(AT(root, "ear_verifier_id", "build"), "test 1"));
    assert_true(is(AT(root, "ear_status"), "affirming"));
    const struct jcs_value *submod = AT(root, "submods", "gpu0");
    assert_true(is(AT(submod, "ear_status"), "affirming"));
    assert_int_equal(jcs_count(AT(submod, "ear_trustworthiness_vector")), APPRAISAL_CATEGORIES);
    assert_true(jcs_uint(AT(submod, "ear_trustworthiness_vector", "executables"), &number));
    assert_int_equal(number, 3);
    assert_int_equal(jcs_count(AT(submod, "ear_appraisal_policy_ids")), 1);
    assert_true(is(AT(submod, "eat_nonce"), "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo"));
    /* The key as Veraison's programs read it: base64url of its SubjectPublicKeyInfo. */
    assert_true(is(AT(submod, "ear_veraison_key_attestation", "akpub"),
                   "MCowBQYDK2VwAyEA11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    assert_int_equal(jcs_count(AT(submod, "ear_verifier_claims", "lucid.steps")), APPRAISAL_STEPS);
    assert_non_null(AT(submod, "ear_attester_claims", "bound"));
    const struct jcs_value *own = AT(root, "lucid.appraisal");
    assert_true(is(AT(own, "session", "sessionId"), "session-1"));
    assert_int_equal(jcs_type(AT(own, "is_mock")), JCS_FALSE);
    assert_int_equal(jcs_type(AT(own, "test")), JCS_FALSE);
    assert_int_equal(jcs_count(AT(own, "binding", "sameChallenge")), 2);
    assert_int_equal(jcs_count(AT(own, "binding", "otherData")), 0);
    assert_true(is(AT(own, "binding", "coLocation"), "not shown"));
    assert_non_null(AT(own, "binding", "workload", "container", "digest"));
    assert_true(is(AT(own, "binding", "publicKey", "crv"), "Ed25519"));
}

/* As many evidences as a request may have, with as much as can be said of each: a result still. The
 * steps are then in the record only. */
static void test_many(void **state)
{
    (void)state;
    struct lucid_buf text = {0};
    static const enum appraisal_step told[] = {APPRAISAL_PARSE,     APPRAISAL_CHAIN,
                                               APPRAISAL_SIGNATURE, APPRAISAL_REVOCATION,
                                               APPRAISAL_TCB,       APPRAISAL_CONFIGURATION};
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        answers.steps[told[i]] = (struct appraisal_result){APPRAISAL_PASS, "parse.ok", ""};
        memset(answers.steps[told[i]].detail, 'd', sizeof(answers.steps[told[i]].detail) - 1);
    }
    lucid_buf_put(&text, world_runtime_text, strlen(world_runtime_text) - 2);
    lucid_buf_str(&text, ",\"auditors\":[");
    for (size_t i = 0; i < FRESHNESS_AUDITORS_MAX; i++) {
        lucid_buf_printf(&text, "%s{\"id\":\"%0120zu\",\"digest\":\"sha256:%064zu\"}",
                         i == 0 ? "" : ",", i, i);
    }
    lucid_buf_str(&text, "]}}");
    assert_true(lucid_buf_ok(&text));
    world.input.runtime_data = lucid_buf_span(&text);
    world.input.evidence_count = 0;
    for (size_t i = 0; i < APPRAISAL_EVIDENCES_MAX; i++) {
        char name[APPRAISAL_NAME_BYTES_MAX + 1];
        (void)snprintf(name, sizeof(name), "%031zu", i);
        world_evidence_add(&world, "snp", name);
    }
    world_run(&world);
    const struct jcs_value *root = parsed(world.appraisal.claims);
    const struct jcs_value *submods = jcs_member(root, "submods");
    assert_int_equal(jcs_count(submods), APPRAISAL_EVIDENCES_MAX);
    assert_null(AT(jcs_next(submods, NULL), "ear_verifier_claims", "lucid.steps"));
    assert_non_null(AT(jcs_next(submods, NULL), "ear_verifier_claims", "lucid.bound"));
    assert_true(world.appraisal.claims.len < EAR_TOKEN_BYTES_MAX / 4 * 3);
    lucid_buf_fini(&text);
}

/* What binds other data vouches neither for our nonce nor for the key. */
static void test_not_bound(void **state)
{
    (void)state;
    world.input.test = true;
    world.input.has_test_bound_data = true;
    world.input.test_bound_len = 2;
    memset(world.evidence[0], 0, 64);
    world.input.received_s = WORLD_NOW_S;
    world.input.time_s = 1740000000;
    world_run(&world);
    const struct jcs_value *root = parsed(world.appraisal.claims);
    assert_null(AT(root, "submods", "cpu0", "eat_nonce"));
    assert_null(AT(root, "submods", "cpu0", "ear_veraison_key_attestation"));
    assert_int_equal(jcs_count(AT(root, "lucid.appraisal", "binding", "sameChallenge")), 0);
    assert_int_equal(jcs_count(AT(root, "lucid.appraisal", "binding", "otherData")), 1);
    assert_int_equal(jcs_type(AT(root, "lucid.appraisal", "test")), JCS_TRUE);
    uint64_t number;
    assert_true(jcs_uint(AT(root, "iat"), &number) && number == WORLD_NOW_S);
    assert_true(jcs_uint(AT(root, "lucid.appraisal", "time"), &number) && number == 1740000000);
}

static void test_mock_says_so(void **state)
{
    (void)state;
    world.input.evidences[0].type = lucid_span_str("mock");
    world.input.allow_mock = true;
    world.policy.type_count = 1;
    world.policy.types[0] = lucid_span_str("mock");
    world_run(&world);
    const struct jcs_value *root = parsed(world.appraisal.claims);
    assert_int_equal(jcs_type(AT(root, "lucid.appraisal", "is_mock")), JCS_TRUE);
    const struct jcs_value *claims = AT(root, "submods", "cpu0", "ear_verifier_claims");
    assert_int_equal(jcs_type(AT(claims, "lucid.evidence", "is_mock")), JCS_TRUE);
    assert_true(is(AT(root, "ear_status"), "warning"));
}

static void test_canonical(void **state)
{
    (void)state;
    struct lucid_buf again = {0};
    world_run(&world);
    jcs_write(parsed(world.appraisal.claims), &again);
    assert_true(lucid_span_equal(lucid_buf_span(&again), world.appraisal.claims));
    lucid_buf_fini(&again);
}

static void test_read_own(void **state)
{
    (void)state;
    struct ear ear;
    answers.hardware = 96;
    world_run(&world);
    assert_int_equal(ear_read(world.appraisal.claims, &world.arena, &ear, &world.why), LUCID_OK);
    assert_int_equal(ear.spelling, EAR_DRAFT_04);
    assert_int_equal(ear.iat_s, WORLD_NOW_S);
    assert_int_equal(ear.exp_s, WORLD_NOW_S + 3600);
    assert_int_equal(ear.status, APPRAISAL_CONTRAINDICATED);
    assert_int_equal(ear.submod_count, 1);
    assert_true(lucid_span_is(ear.submods[0].name, "cpu0"));
    assert_int_equal(ear.submods[0].vector[APPRAISAL_HARDWARE], 96);
    assert_true(lucid_span_is(ear.developer, "https://lucid.example"));
}

/* The other spelling and back gives the same, but for the status of the whole. */
static void test_respell(void **state)
{
    (void)state;
    struct lucid_span old;
    struct lucid_span back;
    struct lucid_span same;
    struct ear ear;
    world_run(&world);
    struct lucid_span claims = world.appraisal.claims;
    assert_int_equal(ear_respell(claims, EAR_VERAISON, &world.arena, &old, &world.why), LUCID_OK);
    const struct jcs_value *root = parsed(old);
    const struct jcs_value *submod = AT(root, "submods", "cpu0");
    assert_true(is(AT(root, "eat_profile"), EAR_PROFILE_OLD));
    assert_non_null(AT(root, "ear.verifier-id"));
    assert_null(AT(root, "ear_status"));
    assert_int_equal(jcs_type(AT(submod, "ear.appraisal-policy-id")), JCS_STRING);
    assert_non_null(AT(submod, "ear.veraison.key-attestation", "akpub"));
    assert_non_null(AT(submod, "ear.veraison.annotated-evidence"));
    assert_int_equal(ear_read(old, &world.arena, &ear, &world.why), LUCID_OK);
    assert_int_equal(ear.spelling, EAR_VERAISON);
    assert_int_equal(ear.status, APPRAISAL_AFFIRMING);
    assert_int_equal(ear_respell(old, EAR_DRAFT_04, &world.arena, &back, &world.why), LUCID_OK);
    assert_int_equal(ear_respell(claims, EAR_DRAFT_04, &world.arena, &same, &world.why), LUCID_OK);
    assert_true(lucid_span_equal(same, claims));
    assert_null(AT(parsed(back), "ear_status"));
    struct lucid_buf whole = {0};
    lucid_buf_str(&whole, "{\"ear_status\":\"affirming\",");
    lucid_buf_put(&whole, back.data + 1, back.len - 1);
    assert_int_equal(
        ear_respell(lucid_buf_span(&whole), EAR_DRAFT_04, &world.arena, &same, &world.why),
        LUCID_OK);
    assert_true(lucid_span_equal(same, claims));
    lucid_buf_fini(&whole);
}

/* A token of another verifier, with its time as 1.666529184e+09. */
static void test_read_foreign(void **state)
{
    (void)state;
    static char text[8192];
    static uint8_t claims[8192];
    char path[512];
    size_t len = 0;
    (void)snprintf(path, sizeof(path), "%s/attestation/mock/veraison-cear.ear.jwt",
                   getenv("LUCID_TEST_VECTORS"));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t read = fread(text, 1, sizeof(text) - 1, file);
    assert_int_equal(fclose(file), 0);
    text[read] = '\0';
    char *first = strchr(text, '.');
    assert_non_null(first);
    char *second = strchr(first + 1, '.');
    assert_non_null(second);
    struct lucid_span part = lucid_span(first + 1, (size_t)(second - first - 1));
    assert_true(lucid_base64url_read(part, claims, sizeof(claims), &len));
    struct ear ear;
    assert_int_equal(ear_read(lucid_span(claims, len), &world.arena, &ear, &world.why), LUCID_OK);
    assert_int_equal(ear.spelling, EAR_VERAISON);
    assert_int_equal(ear.iat_s, 1666529184);
    assert_int_equal(ear.exp_s, 0);
    assert_int_equal(ear.status, APPRAISAL_AFFIRMING);
    assert_true(lucid_span_is(ear.submods[0].name, "PARSEC_TPM"));
    assert_int_equal(ear.submods[0].vector[APPRAISAL_INSTANCE_IDENTITY], 2);
    assert_true(lucid_span_is(ear.build, "vts 0.0.1"));
}

#define HEAD                                                                                       \
    "{\"eat_profile\":\"tag:ietf.org,2026:rats/ear#04\",\"iat\":1,"                                \
    "\"ear_verifier_id\":{\"developer\":\"d\",\"build\":\"b\"},"

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *param;
    } cases[] = {
        {"[]", ""},
        {"{", ""},
        {"{}", "eat_profile"},
        {HEAD "\"submods\":{}}", "submods"},
        {HEAD "\"submods\":[]}", "submods"},
        {HEAD "\"submods\":{\"a\":{}}}", "ear_status"},
        {HEAD "\"submods\":{\"a\":{\"ear_status\":\"good\"}}}", "ear_status"},
        {HEAD "\"submods\":{\"a\":{\"ear.status\":\"none\"}}}", "eat_profile"},
        {HEAD "\"ear.raw-evidence\":\"AA\",\"submods\":{\"a\":{\"ear_status\":\"none\"}}}",
         "eat_profile"},
        {HEAD "\"submods\":{\"a\":{\"ear_status\":\"affirming\","
              "\"ear_trustworthiness_vector\":{\"hardware\":32}}}}",
         "ear_status"},
        {HEAD "\"submods\":{\"a\":{\"ear_status\":\"warning\","
              "\"ear_trustworthiness_vector\":{\"hardware\":-97}}}}",
         "ear_status"},
        {HEAD "\"submods\":{\"a\":{\"ear_status\":\"none\","
              "\"ear_trustworthiness_vector\":{\"hardware\":128}}}}",
         "ear_trustworthiness_vector"},
        {HEAD "\"submods\":{\"a\":{\"ear_status\":\"none\","
              "\"ear_trustworthiness_vector\":{\"hardware\":1.5}}}}",
         "ear_trustworthiness_vector"},
        {HEAD "\"submods\":{\"a\":{\"ear_status\":\"none\","
              "\"ear_trustworthiness_vector\":{\"software\":2}}}}",
         "ear_trustworthiness_vector"},
        {HEAD "\"ear_status\":\"affirming\",\"submods\":{\"a\":{\"ear_status\":\"warning\"}}}",
         "ear_status"},
        {HEAD "\"ear_status\":\"affirming\",\"submods\":{\"a\":{\"ear_status\":\"none\"}}}",
         "ear_status"},
        {"{\"eat_profile\":\"tag:github.com,2023:veraison/ear\",\"iat\":1,"
         "\"ear.verifier-id\":{\"developer\":\"d\",\"build\":\"b\"},"
         "\"ear.status\":\"affirming\",\"submods\":{\"a\":{\"ear.status\":\"warning\"}}}",
         "ear.status"},
        {HEAD "\"exp\":1.5,\"submods\":{\"a\":{\"ear_status\":\"none\"}}}", "exp"},
        {"{\"eat_profile\":\"tag:ietf.org,2026:rats/ear#04\",\"iat\":-1,\"submods\":{}}", "iat"},
        {"{\"eat_profile\":\"tag:ietf.org,2026:rats/ear#04\",\"iat\":1}", "ear_verifier_id"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ear ear;
        memset(&world.why, 0, sizeof(world.why));
        assert_int_equal(ear_read(lucid_span_str(cases[i].text), &world.arena, &ear, &world.why),
                         LUCID_REFUSE_INVALID);
        assert_string_equal(world.why.code, "INVALID_EAR");
        assert_string_equal(world.why.param, cases[i].param);
    }
    /* The least that is good; 127 and -128 are claims. */
    struct ear ear;
    assert_int_equal(
        ear_read(lucid_span_str(HEAD
                                "\"submods\":{\"a\":{\"ear_status\":\"contraindicated\","
                                "\"ear_trustworthiness_vector\":{\"hardware\":127,"
                                "\"executables\":-128}},\"b\":{\"ear_status\":\"affirming\"}}}"),
                 &world.arena, &ear, &world.why),
        LUCID_OK);
    assert_int_equal(ear.status, APPRAISAL_CONTRAINDICATED);
    assert_int_equal(ear.submods[0].vector[APPRAISAL_EXECUTABLES], -128);
    assert_false(ear.submods[1].has_vector);
}

/* Who says "none" of the whole, or of a part, hides nothing that a part says. */
static void test_none_hides_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum appraisal_tier status;
    } cases[] = {
        {HEAD "\"ear_status\":\"none\",\"submods\":{\"a\":{\"ear_status\":\"contraindicated\"}}}",
         APPRAISAL_CONTRAINDICATED},
        {HEAD "\"ear_status\":\"none\",\"submods\":{\"a\":{\"ear_status\":\"affirming\"}}}",
         APPRAISAL_NONE},
        {HEAD "\"submods\":{\"a\":{\"ear_status\":\"none\","
              "\"ear_trustworthiness_vector\":{\"hardware\":96}},"
              "\"b\":{\"ear_status\":\"affirming\"}}}",
         APPRAISAL_CONTRAINDICATED},
        {HEAD "\"submods\":{\"a\":{\"ear_status\":\"none\","
              "\"ear_trustworthiness_vector\":{\"hardware\":2}}}}",
         APPRAISAL_NONE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ear ear;
        assert_int_equal(ear_read(lucid_span_str(cases[i].text), &world.arena, &ear, &world.why),
                         LUCID_OK);
        assert_int_equal(ear.status, cases[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_members, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mock_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(test_canonical, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_respell, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_foreign, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_none_hides_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

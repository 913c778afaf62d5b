/* Mock quotes through the whole appraisal: what they bind, and that no result of theirs is better
 * than a warning. */
#include "mock_world.h"

#include <openssl/sha.h>

#define RUNTIME(audience, x)                                                                       \
    "{\"nonce\":\"WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo\",\"audience\":\"" audience          \
    "\",\"publicKey\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" x "\"}}"
#define KEY       "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define OTHER_KEY "2FRnrfSSjHXfY8kQwvc8CpNZjJ-EUNf-d3qgvEkgG1I"

static const char runtime_text[] = RUNTIME("https://rp.example", KEY);

struct run {
    struct world world;
    struct agent_folder folder;
    struct lucid_arena arena;
    struct lucid_buf token;
    struct lucid_span allowed[1];
    struct appraisal appraisal;
    struct lucid_why why;
};

/* An agent's quote over the runtime data, everything as it should be. */
static void run_init(struct run *run, const struct mock_quote *quote)
{
    struct mock_quote bound = *quote;
    memset(run, 0, sizeof(*run));
    agent_make(&run->folder);
    world_init(&run->world, mock_agent_root(run->folder.agent));
    lucid_arena_init(&run->arena, (size_t)8 << 20);
    memset(bound.report_data, 0, sizeof(bound.report_data));
    SHA384((const uint8_t *)runtime_text, strlen(runtime_text), bound.report_data);
    run->token = agent_quote(&run->folder, &bound);
    struct policy *policy = &run->world.policy;
    policy->types[0] = lucid_span_str("mock");
    policy->type_count = 1;
    policy->allow = (struct policy_digests){.items = run->allowed, .count = 1};
    run->allowed[0] =
        lucid_arena_copy(&run->arena, lucid_span(quote->measurement, sizeof(quote->measurement)));
    struct appraisal_input *input = &run->world.input;
    input->challenge =
        (struct appraisal_challenge){.session_id = lucid_span_str("session"),
                                     .audience = lucid_span_str("https://rp.example"),
                                     .issued_s = VECTORS_TIME_S - 60,
                                     .expires_s = VECTORS_TIME_S + 240};
    memset(input->challenge.nonce, 0x5a, sizeof(input->challenge.nonce));
    input->runtime_data = lucid_span_str(runtime_text);
    input->developer = lucid_span_str("https://lucid.example");
    input->build = lucid_span_str("test 1");
    input->issuer = lucid_span_str("log.example/test");
    input->lifetime_s = 3600;
    input->evidence_count = 1;
    input->evidences[0] = (struct appraisal_evidence){.type = lucid_span_str("mock"),
                                                      .bytes = lucid_buf_span(&run->token)};
}

static void run_fini(struct run *run)
{
    lucid_buf_fini(&run->token);
    lucid_arena_fini(&run->arena);
    world_fini(&run->world);
    agent_remove(&run->folder);
}

static void appraise(struct run *run)
{
    if (appraisal_run(&run->world.input, &run->arena, &run->appraisal, &run->why) != LUCID_OK) {
        fail_msg("%s: %s", run->why.param, run->why.text);
    }
}

static void refused_at(struct run *run, enum appraisal_step step, const char *code)
{
    appraise(run);
    assert_false(run->appraisal.appraised);
    assert_int_equal(run->appraisal.claims.len, 0);
    assert_int_equal(run->appraisal.failed_step, step);
    if (code != NULL) {
        assert_string_equal(run->appraisal.submods[0].steps[step].code, code);
    }
}

static void warning_at_best(void **state)
{
    (void)state;
    struct run run;
    struct mock_quote quote = quote_of(3, false);
    run_init(&run, &quote);
    appraise(&run);
    assert_true(run.appraisal.appraised && run.appraisal.is_mock);
    assert_int_equal(run.appraisal.status, APPRAISAL_WARNING);
    for (unsigned step = 0; step < APPRAISAL_STEPS; step++) {
        assert_int_not_equal(run.appraisal.submods[0].steps[step].outcome, APPRAISAL_FAIL);
    }
    assert_int_equal(run.appraisal.submods[0].vector[APPRAISAL_HARDWARE], 32);
    assert_int_equal(run.appraisal.submods[0].vector[APPRAISAL_RUNTIME_OPAQUE], 0);
    assert_true(run.appraisal.submods[0].bound);
    const struct lucid_span claims = run.appraisal.claims;
    assert_non_null(memmem(claims.data, claims.len, "\"is_mock\":true", 14));
    run_fini(&run);
}

static void only_where_allowed(void **state)
{
    (void)state;
    struct run run;
    struct mock_quote quote = quote_of(3, false);
    run_init(&run, &quote);
    run.world.input.allow_mock = false;
    refused_at(&run, APPRAISAL_PARSE, "parse.mock_not_allowed");
    run.world.input.allow_mock = true;
    run.world.policy.types[0] = lucid_span_str("snp");
    refused_at(&run, APPRAISAL_PARSE, "parse.type_not_accepted");
    run_fini(&run);
}

/* Everything that the hash covers, changed; and the challenge that it answers. */
static void freshness(void **state)
{
    (void)state;
    static const char other_key[] = RUNTIME("https://rp.example", OTHER_KEY);
    static const char space[] = RUNTIME("https://rp.example", KEY) " ";
    struct run run;
    struct mock_quote quote = quote_of(3, false);
    run_init(&run, &quote);
    struct appraisal_input *input = &run.world.input;
    input->runtime_data = lucid_span_str(other_key);
    refused_at(&run, APPRAISAL_FRESHNESS, NULL);
    assert_false(run.appraisal.submods[0].bound);
    input->runtime_data = lucid_span_str(space);
    refused_at(&run, APPRAISAL_FRESHNESS, NULL);
    input->runtime_data = lucid_span_str(runtime_text);
    input->challenge.nonce[31] ^= 1;
    refused_at(&run, APPRAISAL_FRESHNESS, NULL);
    input->challenge.nonce[31] ^= 1;
    input->challenge.audience = lucid_span_str("https://other.example");
    refused_at(&run, APPRAISAL_FRESHNESS, NULL);
    input->challenge.audience = lucid_span_str("https://rp.example");
    input->challenge.expires_s = VECTORS_TIME_S - 30;
    refused_at(&run, APPRAISAL_FRESHNESS, NULL);
    input->challenge.expires_s = VECTORS_TIME_S + 240;
    appraise(&run);
    assert_true(run.appraisal.appraised);
    run_fini(&run);
}

static void contraindicated(void **state)
{
    (void)state;
    struct run run;
    struct mock_quote quote = quote_of(3, true);
    run_init(&run, &quote);
    appraise(&run);
    assert_true(run.appraisal.appraised); /* logged, with its verdict */
    assert_int_equal(run.appraisal.status, APPRAISAL_CONTRAINDICATED);
    assert_int_equal(run.appraisal.submods[0].vector[APPRAISAL_CONFIGURATION_CLAIM], 96);
    run_fini(&run);
}

/* The recorded quotes bind other data than a nonce of ours: a test store says which. */
static void vectors_in_a_test_store(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum appraisal_tier status; /* NONE: refused at the signature */
    } cases[] = {
        {"mock/ok.mock-quote.jws", APPRAISAL_WARNING},
        {"mock/neg-debug.mock-quote.jws", APPRAISAL_CONTRAINDICATED},
        {"mock/neg-bad-signature.mock-quote.jws", APPRAISAL_NONE},
    };
    struct run run;
    struct mock_quote quote = quote_of(3, false);
    struct lucid_buf root = file_read("mock/mock-root.pem");
    struct lucid_buf data = file_read("mock/runtime-data.json");
    run_init(&run, &quote);
    struct appraisal_input *input = &run.world.input;
    run.world.collateral[0].bytes = lucid_buf_span(&root);
    input->test = true;
    input->has_test_bound_data = true;
    input->test_bound_len = MOCK_REPORT_DATA_BYTES;
    SHA384(data.data, data.len, input->test_bound_data);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_buf token = file_read(cases[i].name);
        while (token.data[token.len - 1] == '\n') {
            token.len--;
        }
        input->evidences[0].bytes = lucid_buf_span(&token);
        if (cases[i].status == APPRAISAL_NONE) {
            refused_at(&run, APPRAISAL_SIGNATURE, "signature.bad");
        } else {
            appraise(&run);
            assert_true(run.appraisal.appraised);
            assert_int_equal(run.appraisal.status, cases[i].status);
            assert_false(run.appraisal.submods[0].bound); /* to the nonce */
        }
        lucid_buf_fini(&token);
    }
    lucid_buf_fini(&data);
    lucid_buf_fini(&root);
    run_fini(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warning_at_best),
        cmocka_unit_test(only_where_allowed),
        cmocka_unit_test(freshness),
        cmocka_unit_test(contraindicated),
        cmocka_unit_test(vectors_in_a_test_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* plugins/verifier/schemes/mock.c: the vectors at their steps, and everything that is refused. */
#include "mock_world.h"

#include "base/base64url.h"

static struct lucid_buf jws_of(const char *name)
{
    struct lucid_buf file = file_read(name);
    while (file.len > 0 && file.data[file.len - 1] == '\n') {
        file.len--;
    }
    return file;
}

static void vector_step(const char *name, uint64_t time_s, enum appraisal_step expected,
                        const char *code)
{
    struct lucid_buf root = file_read("mock/mock-root.pem");
    struct lucid_buf quote = jws_of(name);
    struct world world;
    world_init(&world, lucid_buf_span(&root));
    world.input.time_s = time_s;
    enum appraisal_step failed = world_run(&world, lucid_buf_span(&quote));
    assert_int_equal(failed, expected);
    if (expected < APPRAISAL_STEPS) {
        assert_string_equal(code_of(&world, expected), code);
    }
    world_fini(&world);
    lucid_buf_fini(&quote);
    lucid_buf_fini(&root);
}

static void vectors_at_their_steps(void **state)
{
    (void)state;
    vector_step("mock/ok.mock-quote.jws", VECTORS_TIME_S, APPRAISAL_STEPS, NULL);
    vector_step("mock/neg-debug.mock-quote.jws", VECTORS_TIME_S, APPRAISAL_CONFIGURATION,
                "configuration.debug");
    vector_step("mock/neg-bad-signature.mock-quote.jws", VECTORS_TIME_S, APPRAISAL_SIGNATURE,
                "signature.bad");
}

/* The certificates' own times, to the second: 2026-11-21T19:43:15Z … 2126-10-28T19:43:15Z. */
static void certificate_times(void **state)
{
    (void)state;
    static const char ok[] = "mock/ok.mock-quote.jws";
    vector_step(ok, UINT64_C(1795290195), APPRAISAL_STEPS, NULL);
    vector_step(ok, UINT64_C(1795290194), APPRAISAL_CHAIN, "chain.not_yet_valid");
    vector_step(ok, UINT64_C(4948890195), APPRAISAL_STEPS, NULL);
    vector_step(ok, UINT64_C(4948890196), APPRAISAL_CHAIN, "chain.expired");
}

static void what_the_good_one_says(void **state)
{
    (void)state;
    struct lucid_buf root = file_read("mock/mock-root.pem");
    struct lucid_buf quote = jws_of("mock/ok.mock-quote.jws");
    struct world world;
    world_init(&world, lucid_buf_span(&root));
    assert_int_equal(world_run(&world, lucid_buf_span(&quote)), APPRAISAL_STEPS);
    const struct scheme_job *job = &world.job;
    uint8_t bound[64];
    assert_true(lucid_hex_decode(
        lucid_span_str("cdd7c6b6af7b66a74c9e41a83e4ecdba058b30b054e8bbd5086f79f2d3f80abd981772c64c5"
                       "54576f50614258ad9524400000000000000000000000000000000"),
        bound, sizeof(bound)));
    assert_true(lucid_span_equal(job->bound, lucid_span(bound, sizeof(bound))));
    assert_int_equal(job->measurement_count, 2);
    assert_true(job->measurements[0].required && !job->measurements[1].required);
    assert_int_equal(job->measurements[0].value.len, 48);
    assert_int_equal(job->instance.len, 32);
    assert_int_equal(job->svn, 3);
    assert_false(job->debug);
    assert_int_equal(job->hardware, 32); /* never better */
    assert_int_equal(job->configuration, 3);
    assert_int_equal(job->runtime_opaque, 0);
    assert_int_equal(world.steps[APPRAISAL_REVOCATION].outcome, APPRAISAL_SKIPPED);
    char needs[SCHEME_NEEDS_MAX][SCHEME_KEY_BYTES_MAX + 1];
    assert_int_equal(scheme_mock.needs(job, needs), 2);
    assert_string_equal(needs[0], "mock/root");
    assert_string_equal(needs[1], "mock/crl");
    /* Its claims are the payload, byte for byte: it is canonical. */
    struct lucid_buf claims = {0};
    struct lucid_span text = lucid_buf_span(&quote);
    const uint8_t *first = memchr(text.data, '.', text.len);
    const uint8_t *second = memchr(first + 1, '.', text.len);
    uint8_t payload[1024];
    size_t len = 0;
    assert_true(lucid_base64url_read(lucid_span(first + 1, (size_t)(second - first - 1)), payload,
                                     sizeof(payload), &len));
    scheme_mock.claims_write(job, &claims);
    assert_true(lucid_span_equal(lucid_buf_span(&claims), lucid_span(payload, len)));
    lucid_buf_fini(&claims);
    world_fini(&world);
    lucid_buf_fini(&quote);
    lucid_buf_fini(&root);
}

/* The agent's form is the same evidence; anything else in the object is not. */
static void agents_form(void **state)
{
    (void)state;
    struct lucid_buf root = file_read("mock/mock-root.pem");
    struct lucid_buf quote = jws_of("mock/ok.mock-quote.jws");
    static const char *const forms[][2] = {
        {"{\"quote\":\"", "\"}"},
        {"{ \"quote\" : \"", "\" }\n"},
        {"{\"quote\":\"", "\",\"more\":1}"},
        {"{\"quotes\":\"", "\"}"},
        {"[\"", "\"]"},
        {"\"", "\""},
        {"{\"quote\":[\"", "\"]}"},
    };
    struct world world;
    world_init(&world, lucid_buf_span(&root));
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct lucid_buf text = {0};
        lucid_buf_str(&text, forms[i][0]);
        lucid_buf_span_put(&text, lucid_buf_span(&quote));
        lucid_buf_str(&text, forms[i][1]);
        assert_int_equal(world_run(&world, lucid_buf_span(&text)),
                         i < 2 ? APPRAISAL_STEPS : APPRAISAL_PARSE);
        lucid_buf_fini(&text);
    }
    world_fini(&world);
    lucid_buf_fini(&quote);
    lucid_buf_fini(&root);
}

/* Every bit of the token (header, payload, signature, points) once: nothing passes. */
static void every_bit(void **state)
{
    (void)state;
    struct lucid_buf root = file_read("mock/mock-root.pem");
    struct lucid_buf quote = jws_of("mock/ok.mock-quote.jws");
    struct world world;
    size_t counts[APPRAISAL_STEPS] = {0};
    world_init(&world, lucid_buf_span(&root));
    for (size_t i = 0; i < quote.len * 8; i++) {
        quote.data[i / 8] ^= (uint8_t)(1U << i % 8);
        enum appraisal_step failed = world_run(&world, lucid_buf_span(&quote));
        assert_true(failed <= APPRAISAL_SIGNATURE);
        counts[failed]++;
        quote.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    assert_true(counts[APPRAISAL_PARSE] > 0 && counts[APPRAISAL_CHAIN] > 0 &&
                counts[APPRAISAL_SIGNATURE] > 0);
    assert_int_equal(world_run(&world, lucid_buf_span(&quote)), APPRAISAL_STEPS);
    world_fini(&world);
    lucid_buf_fini(&quote);
    lucid_buf_fini(&root);
}

static void every_length(void **state)
{
    (void)state;
    struct lucid_buf root = file_read("mock/mock-root.pem");
    struct lucid_buf quote = jws_of("mock/ok.mock-quote.jws");
    struct world world;
    world_init(&world, lucid_buf_span(&root));
    for (size_t len = 0; len < quote.len; len++) {
        /* A copy of that very length, so that a sanitizer sees a byte read too many. */
        uint8_t *cut = malloc(len + (len == 0 ? 1 : 0));
        assert_non_null(cut);
        memcpy(cut, quote.data, len);
        assert_int_equal(world_run(&world, lucid_span(cut, len)), APPRAISAL_PARSE);
        free(cut);
    }
    lucid_buf_str(&quote, "\n");
    assert_int_equal(world_run(&world, lucid_buf_span(&quote)), APPRAISAL_PARSE);
    world_fini(&world);
    lucid_buf_fini(&quote);
    lucid_buf_fini(&root);
}

/* A chain that is good in itself, but not to our anchor; and our certificate in another's quote. */
static void chains_swapped(void **state)
{
    (void)state;
    struct lucid_buf root = file_read("mock/mock-root.pem");
    struct lucid_buf vector = jws_of("mock/ok.mock-quote.jws");
    struct agent_folder stranger;
    struct mock_quote plain = quote_of(3, false);
    agent_make(&stranger);
    struct lucid_buf quote = agent_quote(&stranger, &plain);
    struct world world;
    world_init(&world, lucid_buf_span(&root));
    assert_int_equal(world_run(&world, lucid_buf_span(&quote)), APPRAISAL_CHAIN);
    assert_string_equal(code_of(&world, APPRAISAL_CHAIN), "chain.no_issuer");

    const char *own = (const char *)memchr(vector.data, '.', vector.len);
    const char *other = (const char *)memchr(quote.data, '.', quote.len);
    struct lucid_buf mixed = {0};
    lucid_buf_put(&mixed, vector.data, (size_t)((const uint8_t *)own - vector.data));
    lucid_buf_put(&mixed, other, quote.len - (size_t)((const uint8_t *)other - quote.data));
    assert_int_equal(world_run(&world, lucid_buf_span(&mixed)), APPRAISAL_SIGNATURE);

    world.input.collateral_count = 0;
    assert_int_equal(world_run(&world, lucid_buf_span(&vector)), APPRAISAL_CHAIN);
    assert_string_equal(code_of(&world, APPRAISAL_CHAIN), "chain.no_anchor");
    world.input.collateral_count = 1;
    world.collateral[0].bytes = lucid_span_str("-----BEGIN CERTIFICATE-----\n");
    assert_int_equal(world_run(&world, lucid_buf_span(&vector)), APPRAISAL_CHAIN);
    lucid_buf_fini(&mixed);
    lucid_buf_fini(&quote);
    lucid_buf_fini(&vector);
    lucid_buf_fini(&root);
    world_fini(&world);
    agent_remove(&stranger);
}

static void signed_verdict(const struct agent_folder *folder, const char *header,
                           const char *payload, enum appraisal_step expected, const char *code)
{
    struct lucid_buf token = {0};
    struct world world;
    world_init(&world, mock_agent_root(folder->agent));
    assert_int_equal(mock_agent_sign(folder->agent, header, lucid_span_str(payload), &token),
                     LUCID_OK);
    enum appraisal_step failed = world_run(&world, lucid_buf_span(&token));
    if (failed != expected) {
        fail_msg("%s %s: step %d", header, payload, (int)failed);
    }
    if (code != NULL) {
        assert_string_equal(code_of(&world, expected), code);
    }
    lucid_buf_fini(&token);
    world_fini(&world);
}

#define HEADER "{\"alg\":\"ES256\",\"typ\":\"lucid-mock-quote+jwt\"}"

/* Well signed all of them: what is refused is what they say. */
static void headers_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{\"alg\":\"ES384\",\"typ\":\"lucid-mock-quote+jwt\"}", "parse.token"},
        {"{\"alg\":\"none\",\"typ\":\"lucid-mock-quote+jwt\"}", "parse.token"},
        {"{\"alg\":\"EdDSA\",\"typ\":\"lucid-mock-quote+jwt\"}", "parse.token"},
        {"{\"alg\":\"ES256\",\"typ\":\"lucid-mock-quote+jwt\",\"crit\":[\"x\"]}", "parse.token"},
        {"{\"alg\":\"ES256\",\"typ\":\"lucid-mock-quote+jwt\",\"alg\":\"ES256\"}", "parse.token"},
        {"{\"alg\":\"ES256\",\"typ\":\"lucid-mock-quote+jwt\",\"x5c\":[]}", "parse.token"},
        {"{\"alg\":\"ES256\",\"typ\":\"JWT\"}", "parse.typ"},
        {"{\"alg\":\"ES256\"}", "parse.typ"},
    };
    struct agent_folder folder;
    struct mock_quote quote = quote_of(3, false);
    struct lucid_buf payload = {0};
    agent_make(&folder);
    mock_quote_write(&quote, &payload);
    lucid_buf_char(&payload, '\0');
    signed_verdict(&folder, HEADER, (const char *)payload.data, APPRAISAL_STEPS, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        signed_verdict(&folder, bad[i][0], (const char *)payload.data, APPRAISAL_PARSE, bad[i][1]);
    }
    lucid_buf_fini(&payload);
    agent_remove(&folder);
}

/* One member of a good payload replaced by something else, or taken away. */
static void payload_with(const struct agent_folder *folder, const char *member, const char *instead)
{
    struct mock_quote quote = quote_of(3, false);
    struct lucid_buf payload = {0};
    struct lucid_buf text = {0};
    char name[32];
    mock_quote_write(&quote, &payload);
    lucid_buf_char(&payload, '\0');
    snprintf(name, sizeof(name), "\"%s\":", member);
    char *at = strstr((char *)payload.data, name);
    assert_non_null(at);
    size_t value = strcspn(at, ",}");
    lucid_buf_put(&text, payload.data, (size_t)((uint8_t *)at - payload.data));
    lucid_buf_str(&text, instead);
    lucid_buf_str(&text, at + value + (instead[0] == '\0' && at[value] == ',' ? 1 : 0));
    lucid_buf_char(&text, '\0');
    signed_verdict(folder, HEADER, (const char *)text.data, APPRAISAL_PARSE, "parse.claims");
    lucid_buf_fini(&text);
    lucid_buf_fini(&payload);
}

static void payloads_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"tee", "\"tee\":\"mock\""},
        {"tee", "\"tee\":\"AMD_SEV_SNP\""},
        {"version", "\"version\":2"},
        {"version", "\"version\":\"1\""},
        {"version", "\"version\":null"},
        {"svn", "\"svn\":-1"},
        {"svn", "\"svn\":1.5"},
        {"svn", "\"svn\":4294967296"},
        {"svn", "\"svn\":3,\"svn\":3"},
        {"debug", "\"debug\":0"},
        {"debug", "\"debug\":null"},
        {"measurement", "\"measurement\":\"11\""},
        {"measurement", "\"measurement\":\"11111111111111111111111111111111111111111111111111111111"
                        "1111111111111111111111111111111111111111ff\""},
        {"hostData",
         "\"hostData\":\"222222222222222222222222222222222222222222222222222222222222222"
         "G\""},
        {"hostData",
         "\"hostData\":\"ABCDEF2222222222222222222222222222222222222222222222222222222222"
         "\""},
        {"reportData", "\"reportData\":\"\""},
        {"instanceId", "\"instanceId\":17"},
        {"iat", "\"iat\":\"now\""},
        {"iat", "\"iat\":1800000000,\"nbf\":1"},
    };
    static const char *const members[] = {"tee",      "svn",        "debug",     "measurement",
                                          "hostData", "reportData", "instanceId"};
    struct agent_folder folder;
    agent_make(&folder);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        payload_with(&folder, bad[i][0], bad[i][1]);
    }
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        payload_with(&folder, members[i], "");
    }
    static const char *const texts[] = {"", "null", "[]", "{}", "{", "{\"tee\":\"MOCK\"}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        signed_verdict(&folder, HEADER, texts[i], APPRAISAL_PARSE, "parse.claims");
    }
    agent_remove(&folder);
}

/* --- judgement -------------------------------------------------------------------------------- */

static void floors(void **state)
{
    (void)state;
    static struct policy_floor floor = {.component_count = 1};
    struct agent_folder folder;
    struct mock_quote quote = quote_of(3, false);
    struct world world;
    agent_make(&folder);
    struct lucid_buf token = agent_quote(&folder, &quote);
    world_init(&world, mock_agent_root(folder.agent));
    floor.type = lucid_span_str("mock");
    floor.product = lucid_span_str("*");
    floor.components[0].name = lucid_span_str("svn");
    world.policy.floors = &floor;
    world.policy.floor_count = 1;
    static const struct {
        uint64_t least;
        uint64_t from_s;
        uint64_t grace_days;
        const char *code;
        enum appraisal_outcome outcome;
        int8_t hardware;
    } cases[] = {
        {3, 0, 0, "tcb.up_to_date", APPRAISAL_PASS, 32},
        {4, 0, 0, "tcb.below_floor", APPRAISAL_FAIL, 96},
        {4, 0, 3650, "tcb.below_floor", APPRAISAL_FAIL, 96}, /* no beginning, no grace */
        {4, VECTORS_TIME_S - 10 * 86400 + 1, 10, "tcb.below_floor_grace", APPRAISAL_FAIL, 32},
        {4, VECTORS_TIME_S - 10 * 86400, 10, "tcb.below_floor", APPRAISAL_FAIL, 96},
        {4, VECTORS_TIME_S, 0, "tcb.below_floor", APPRAISAL_FAIL, 96},
        {4, VECTORS_TIME_S + 1, 0, "tcb.no_floor", APPRAISAL_PASS, 32}, /* not asked for yet */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        floor.components[0].least = cases[i].least;
        floor.from_s = cases[i].from_s;
        world.policy.grace_days = cases[i].grace_days;
        (void)world_run(&world, lucid_buf_span(&token));
        assert_string_equal(code_of(&world, APPRAISAL_TCB), cases[i].code);
        assert_int_equal(world.steps[APPRAISAL_TCB].outcome, cases[i].outcome);
        assert_int_equal(world.job.hardware, cases[i].hardware);
    }
    floor.type = lucid_span_str("snp"); /* another kind's floor */
    floor.components[0].least = 9;
    assert_int_equal(world_run(&world, lucid_buf_span(&token)), APPRAISAL_STEPS);
    lucid_buf_fini(&token);
    world_fini(&world);
    agent_remove(&folder);
}

static void configuration(void **state)
{
    (void)state;
    struct agent_folder folder;
    struct world world;
    agent_make(&folder);
    world_init(&world, mock_agent_root(folder.agent));
    struct mock_quote quote = quote_of(3, true);
    struct lucid_buf token = agent_quote(&folder, &quote);
    assert_int_equal(world_run(&world, lucid_buf_span(&token)), APPRAISAL_CONFIGURATION);
    assert_int_equal(world.job.configuration, 96);
    world.policy.config.debug_allowed = true;
    assert_int_equal(world_run(&world, lucid_buf_span(&token)), APPRAISAL_STEPS);
    assert_int_equal(world.job.configuration, 32);
    lucid_buf_fini(&token);
    /* The agent's clock: behind is nothing, 300 seconds ahead neither, more is a warning. */
    static const struct {
        uint64_t iat_s;
        int8_t claim;
    } clocks[] = {{0, 3}, {AGENT_TIME_S + 300, 3}, {AGENT_TIME_S + 301, 32}};
    for (size_t i = 0; i < 3; i++) {
        quote = quote_of(3, false);
        quote.iat_s = clocks[i].iat_s;
        token = agent_quote(&folder, &quote);
        assert_int_equal(world_run(&world, lucid_buf_span(&token)),
                         clocks[i].claim == 3 ? APPRAISAL_STEPS : APPRAISAL_CONFIGURATION);
        assert_int_equal(world.job.configuration, clocks[i].claim);
        lucid_buf_fini(&token);
    }
    world_fini(&world);
    agent_remove(&folder);
}

static void crl_case(struct world *world, struct lucid_span token, struct lucid_span crl,
                     enum appraisal_outcome outcome, const char *code, int8_t hardware)
{
    crl_add(world, crl);
    (void)world_run(world, token);
    assert_int_equal(world->steps[APPRAISAL_REVOCATION].outcome, outcome);
    assert_string_equal(code_of(world, APPRAISAL_REVOCATION), code);
    assert_int_equal(world->job.hardware, hardware);
}

static void revocation(void **state)
{
    (void)state;
    struct agent_folder folder;
    struct agent_folder other;
    struct world world;
    struct mock_quote quote = quote_of(3, false);
    struct lucid_buf lists[4] = {{0}, {0}, {0}, {0}};
    agent_make(&folder);
    agent_make(&other);
    world_init(&world, mock_agent_root(folder.agent));
    struct lucid_buf token = agent_quote(&folder, &quote);
    struct lucid_span text = lucid_buf_span(&token);
    world.policy.require_crl = true;
    assert_int_equal(world_run(&world, text), APPRAISAL_REVOCATION);
    assert_string_equal(code_of(&world, APPRAISAL_REVOCATION), "revocation.no_crl");
    assert_int_equal(world.job.hardware, 96);
    assert_int_equal(mock_agent_crl(folder.agent, false, AGENT_TIME_S, &lists[0]), LUCID_OK);
    assert_int_equal(mock_agent_crl(folder.agent, true, AGENT_TIME_S, &lists[1]), LUCID_OK);
    assert_int_equal(mock_agent_crl(other.agent, false, AGENT_TIME_S, &lists[2]), LUCID_OK);
    assert_int_equal(mock_agent_crl(folder.agent, false, AGENT_TIME_S - 2 * 86400, &lists[3]),
                     LUCID_OK);
    crl_case(&world, text, lucid_buf_span(&lists[0]), APPRAISAL_PASS, "revocation.ok", 32);
    crl_case(&world, text, lucid_buf_span(&lists[1]), APPRAISAL_FAIL, "revocation.leaf_revoked",
             96);
    crl_case(&world, text, lucid_buf_span(&lists[2]), APPRAISAL_FAIL, "revocation.crl_signature",
             96);
    crl_case(&world, text, lucid_buf_span(&lists[3]), APPRAISAL_FAIL, "revocation.crl_expired", 96);
    crl_case(&world, text, lucid_span("no", 2), APPRAISAL_FAIL, "revocation.crl_malformed", 96);
    for (size_t i = 0; i < 4; i++) {
        lucid_buf_fini(&lists[i]);
    }
    lucid_buf_fini(&token);
    world_fini(&world);
    agent_remove(&other);
    agent_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_at_their_steps),
        cmocka_unit_test(certificate_times),
        cmocka_unit_test(what_the_good_one_says),
        cmocka_unit_test(agents_form),
        cmocka_unit_test(every_bit),
        cmocka_unit_test(every_length),
        cmocka_unit_test(chains_swapped),
        cmocka_unit_test(headers_refused),
        cmocka_unit_test(payloads_refused),
        cmocka_unit_test(floors),
        cmocka_unit_test(configuration),
        cmocka_unit_test(revocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

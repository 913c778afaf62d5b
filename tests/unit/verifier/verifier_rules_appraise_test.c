/* Auditors' claims appraised: each step's refusals, what becomes of claims and documents, the
 * record. */
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/rules.h"
#include "tests/unit/verifier/claims_kit.h"

struct world {
    struct lucid_arena arena;
    struct policy policy;
    struct lucid_span documents[RULES_DOCUMENTS_MAX];
    struct rules_input input;
    struct rules_appraisal *appraisal;
};

static void world_open(struct world *world, const char *policy)
{
    memset(world, 0, sizeof(*world));
    lucid_arena_init(&world->arena, 32U << 20);
    kit_policy(policy, &world->arena, &world->policy);
    world->appraisal = calloc(1, sizeof(*world->appraisal));
    assert_non_null(world->appraisal);
    world->input = (struct rules_input){.time_s = KIT_TIME_S,
                                        .policy = &world->policy,
                                        .documents = world->documents,
                                        .verify = kit_verify};
}

static void world_add(struct world *world, uint8_t auditor, const char *phase, const char *decision,
                      const char *claims)
{
    world->documents[world->input.document_count++] =
        kit_claims(auditor, phase, decision, claims, "", &world->arena);
}

static void world_run(struct world *world)
{
    assert_int_equal(rules_appraise(&world->input, &world->arena, world->appraisal, NULL),
                     LUCID_OK);
}

static void world_close(struct world *world)
{
    free(world->appraisal);
    lucid_arena_fini(&world->arena);
}

static void expect_step(const struct world *world, size_t document, enum appraisal_step step,
                        enum appraisal_outcome outcome, const char *code)
{
    const struct appraisal_result *result = &world->appraisal->submods[document].steps[step];
    assert_string_equal(result->code, code);
    assert_int_equal(result->outcome, outcome);
}

#define RULE_PII ",'rules':[{'id':'pii','deny_when':{'claim':'pii','equals':true}}]"

static void test_affirming(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, RULE_PII);
    world_add(&world, 1, "request", "proceed",
              KIT_CLAIM("pii", "false") "," KIT_CLAIM("else", "1"));
    world_run(&world);
    const struct rules_appraisal *all = world.appraisal;
    assert_true(all->appraised);
    assert_int_equal(all->status, APPRAISAL_AFFIRMING);
    assert_int_equal(all->decision, CLAIMS_PROCEED);
    assert_int_equal(all->submods[0].status, APPRAISAL_AFFIRMING);
    assert_int_equal(all->submods[0].vector[APPRAISAL_CONFIGURATION_CLAIM], 2);
    expect_step(&world, 0, APPRAISAL_PARSE, APPRAISAL_PASS, "parse.ok");
    expect_step(&world, 0, APPRAISAL_CHAIN, APPRAISAL_PASS, "chain.auditor_listed");
    expect_step(&world, 0, APPRAISAL_SIGNATURE, APPRAISAL_PASS, "signature.ok");
    expect_step(&world, 0, APPRAISAL_FRESHNESS, APPRAISAL_PASS, "freshness.recent");
    expect_step(&world, 0, APPRAISAL_REVOCATION, APPRAISAL_NOT_APPLICABLE,
                "revocation.not_applicable");
    expect_step(&world, 0, APPRAISAL_CONFIGURATION, APPRAISAL_PASS, "configuration.rules_hold");
    expect_step(&world, 0, APPRAISAL_MEASUREMENT, APPRAISAL_SKIPPED, "measurement.no_reference");
    assert_int_equal(all->claim_count, 2);
    assert_int_equal(all->claims[0].status, APPRAISAL_AFFIRMING);
    assert_int_equal(all->claims[0].rules, 1);
    /* A claim that no rule mentions says nothing. */
    assert_int_equal(all->claims[1].status, APPRAISAL_NONE);
    assert_int_equal(all->claims[1].rules, 0);
    world_close(&world);
}

/* What rules and auditors say, and what comes of it. */
static void test_decisions(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        const char *decision; /* of the auditor */
        const char *claims;
        enum claims_decision outcome;
        enum appraisal_tier status;
    } cases[] = {
        {"", "proceed", KIT_CLAIM("x", "1"), CLAIMS_PROCEED, APPRAISAL_NONE},
        {"", "warn", KIT_CLAIM("x", "1"), CLAIMS_WARN, APPRAISAL_WARNING},
        {"", "redact", KIT_CLAIM("x", "1"), CLAIMS_REDACT, APPRAISAL_WARNING},
        {"", "deny", KIT_CLAIM("x", "1"), CLAIMS_DENY, APPRAISAL_CONTRAINDICATED},
        {RULE_PII, "proceed", KIT_CLAIM("pii", "true"), CLAIMS_DENY, APPRAISAL_CONTRAINDICATED},
        {RULE_PII, "deny", KIT_CLAIM("pii", "false"), CLAIMS_DENY, APPRAISAL_CONTRAINDICATED},
        {RULE_PII, "warn", KIT_CLAIM("pii", "false"), CLAIMS_WARN, APPRAISAL_WARNING},
        /* Errors never pass: absent, wrong type. */
        {RULE_PII, "proceed", KIT_CLAIM("x", "1"), CLAIMS_DENY, APPRAISAL_CONTRAINDICATED},
        {RULE_PII, "proceed", KIT_CLAIM("pii", "'no'"), CLAIMS_DENY, APPRAISAL_CONTRAINDICATED},
        {",'rules':[{'id':'r','require':{'claim':'ok','equals':true}}]", "proceed",
         KIT_CLAIM("x", "1"), CLAIMS_DENY, APPRAISAL_CONTRAINDICATED},
        {",'rules':[{'id':'r','require':{'claim':'ok','equals':true}}]", "proceed",
         KIT_CLAIM("ok", "true"), CLAIMS_PROCEED, APPRAISAL_AFFIRMING},
        {",'rules':[{'id':'r','require':{'claim':'ok','equals':true},'action':'warn'}]", "proceed",
         KIT_CLAIM("ok", "false"), CLAIMS_WARN, APPRAISAL_WARNING},
        {",'rules':[{'id':'r','require':{'claim':'ok','equals':true},'action':'redact'}]",
         "proceed", KIT_CLAIM("ok", "1"), CLAIMS_REDACT, APPRAISAL_WARNING},
        /* The worst counts. */
        {",'rules':[{'id':'a','require':{'claim':'ok','equals':true},'action':'warn'},"
         "{'id':'b','deny_when':{'claim':'n','atLeast':3}},"
         "{'id':'c','require':{'claim':'n','exists':true}}]",
         "redact", KIT_CLAIM("ok", "false") "," KIT_CLAIM("n", "3"), CLAIMS_DENY,
         APPRAISAL_CONTRAINDICATED},
        /* A rule of another phase says nothing. */
        {",'rules':[{'id':'r','phase':'response','require':{'claim':'ok','equals':true}}]",
         "proceed", KIT_CLAIM("x", "1"), CLAIMS_PROCEED, APPRAISAL_NONE},
        {",'requiredClaims':[{'name':'ok'}]", "proceed", KIT_CLAIM("x", "1"), CLAIMS_DENY,
         APPRAISAL_CONTRAINDICATED},
        {",'requiredClaims':[{'name':'ok'}]", "proceed", KIT_CLAIM("ok", "1"), CLAIMS_PROCEED,
         APPRAISAL_AFFIRMING},
        /* A claim that is required of another phase is missing. */
        {",'requiredClaims':[{'name':'ok','phase':'response'}]", "proceed", KIT_CLAIM("ok", "1"),
         CLAIMS_DENY, APPRAISAL_CONTRAINDICATED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world world;
        world_open(&world, cases[i].policy);
        world_add(&world, 1, "request", cases[i].decision, cases[i].claims);
        world_run(&world);
        if (world.appraisal->status != cases[i].status) {
            print_message("case %zu\n", i);
        }
        assert_true(world.appraisal->appraised);
        assert_int_equal(world.appraisal->decision, cases[i].outcome);
        assert_int_equal(world.appraisal->status, cases[i].status);
        /* No document is better than its worst claim. */
        for (size_t c = 0; c < world.appraisal->claim_count; c++) {
            assert_true(world.appraisal->submods[0].status >= world.appraisal->claims[c].status);
        }
        world_close(&world);
    }
}

/* The first four steps: whoever fails there is not listened to. */
static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        enum appraisal_step step;
        const char *code;
    } cases[] = {
        {"not JSON", APPRAISAL_PARSE, "parse.malformed"},
        {"too large", APPRAISAL_PARSE, "parse.too_large"},
        {"unknown auditor", APPRAISAL_CHAIN, "chain.auditor_unknown"},
        {"another's key", APPRAISAL_CHAIN, "chain.auditor_key"},
        {"changed", APPRAISAL_SIGNATURE, "signature.bad"},
        {"old", APPRAISAL_FRESHNESS, "freshness.expired"},
        {"early", APPRAISAL_FRESHNESS, "freshness.early"},
        {"claim after", APPRAISAL_FRESHNESS, "freshness.claim_after_document"},
        {"nonce", APPRAISAL_FRESHNESS, "freshness.nonce"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world world;
        const char *what = cases[i].what;
        world_open(&world, RULE_PII);
        world_add(&world, 1, "request", "proceed", KIT_CLAIM("pii", "false"));
        world_add(&world, strcmp(what, "unknown auditor") == 0 ? 5 : 2, "response", "proceed",
                  strcmp(what, "claim after") == 0 ? "{'name':'pii','type':'other','value':false,"
                                                     "'timestamp':'2026-09-21T14:13:20.001Z'}"
                                                   : KIT_CLAIM("pii", "false"));
        struct lucid_span *second = &world.documents[1];
        char *text = strndup((const char *)second->data, second->len);
        if (strcmp(what, "not JSON") == 0) {
            second->len--;
        } else if (strcmp(what, "too large") == 0) {
            uint8_t *large = lucid_arena_zalloc(&world.arena, CLAIMS_BYTES_MAX + 1);
            *second = lucid_span(large, CLAIMS_BYTES_MAX + 1);
        } else if (strcmp(what, "another's key") == 0) {
            strstr(text, "\"a2\"")[2] = '1';
            *second = lucid_span(text, second->len);
        } else if (strcmp(what, "changed") == 0) {
            memcpy(strstr(text, "false"), "true ", 5);
            *second = lucid_span(text, second->len);
        } else if (strcmp(what, "old") == 0) {
            world.input.time_s += RULES_MAX_AGE_S + 1;
            world.documents[0] = world.documents[1];
        } else if (strcmp(what, "early") == 0) {
            world.input.time_s -= RULES_FUTURE_S + 1;
        } else if (strcmp(what, "nonce") == 0) {
            world.input.nonce = lucid_span_str("abc");
        }
        world_run(&world);
        const struct rules_appraisal *all = world.appraisal;
        assert_false(all->appraised);
        assert_int_equal(all->failed_step, cases[i].step);
        assert_int_equal(all->status, APPRAISAL_NONE);
        expect_step(&world, all->failed_document, cases[i].step, APPRAISAL_FAIL, cases[i].code);
        assert_int_equal(all->submods[all->failed_document].steps[APPRAISAL_CONFIGURATION].outcome,
                         APPRAISAL_SKIPPED);
        free(text);
        world_close(&world);
    }
}

/* The edges of what is recent; the nonce that is asked for. */
static void test_freshness(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, RULE_PII);
    world_add(&world, 1, "request", "proceed", KIT_CLAIM("pii", "false"));
    world.input.time_s = KIT_TIME_S + RULES_MAX_AGE_S;
    world_run(&world);
    assert_true(world.appraisal->appraised);
    world.input.time_s = KIT_TIME_S - RULES_FUTURE_S;
    world_run(&world);
    assert_true(world.appraisal->appraised);
    world.documents[0] = kit_claims(1, "request", "proceed", KIT_CLAIM("pii", "false"),
                                    ",'nonce':'n1'", &world.arena);
    world.input.nonce = lucid_span_str("n1");
    world_run(&world);
    assert_true(world.appraisal->appraised);
    expect_step(&world, 0, APPRAISAL_FRESHNESS, APPRAISAL_PASS, "freshness.bound");
    world.input.nonce = lucid_span_str("n2");
    world_run(&world);
    assert_false(world.appraisal->appraised);
    world_close(&world);
}

#define OTHER_IMAGE "2222222222222222222222222222222222222222222222222222222222222222"

/* The image of the auditor, where the policy names it. */
static void test_measurement(void **state)
{
    (void)state;
    static const struct {
        const char *digest;
        const char *code;
        enum appraisal_tier status;
    } cases[] = {
        {"'digest':'sha256:" H32 "'", "measurement.known", APPRAISAL_AFFIRMING},
        {"'digest':'sha256:" H32 "'", "measurement.other_image", APPRAISAL_CONTRAINDICATED},
        {"", "measurement.not_told", APPRAISAL_CONTRAINDICATED},
    };
    for (size_t i = 0; i < 3; i++) {
        struct lucid_arena arena;
        struct lucid_buf text = {.bytes_max = 0};
        struct lucid_buf plain = {.bytes_max = 0};
        struct policy policy;
        struct ledger_ed25519_key key = kit_key(1);
        struct rules_appraisal *all = calloc(1, sizeof(*all));
        lucid_arena_init(&arena, 8U << 20);
        lucid_buf_str(&text, "{'type':'lucid.attestation.policy/v1','name':'p','auditors':"
                             "[{'id':'a1','publicKey':'");
        lucid_buf_base64(&text, key.public_key, sizeof(key.public_key));
        lucid_buf_printf(&text, "','digest':'sha256:%s'}]" RULE_PII "}",
                         i == 1 ? OTHER_IMAGE : H32);
        lucid_buf_char(&text, '\0');
        kit_text((const char *)text.data, NULL, NULL, &plain);
        assert_int_equal(policy_parse(lucid_buf_span(&plain), &arena, &policy, NULL), LUCID_OK);
        char claims[512];
        snprintf(claims, sizeof(claims),
                 "{'type':'lucid.attestation.claims/v1','schemaVersion':'1.0','auditor':{'id':'a1'"
                 "%s%s},'phase':'request','decision':'proceed','issuedAt':'" KIT_TIME
                 "','claims':[" KIT_CLAIM("pii", "false") "]}",
                 cases[i].digest[0] == '\0' ? "" : ",", cases[i].digest);
        struct lucid_span document = kit_sign(claims, 1, &arena);
        struct rules_input input = {.time_s = KIT_TIME_S,
                                    .policy = &policy,
                                    .documents = &document,
                                    .document_count = 1,
                                    .verify = kit_verify};
        assert_int_equal(rules_appraise(&input, &arena, all, NULL), LUCID_OK);
        assert_true(all->appraised);
        assert_string_equal(all->submods[0].steps[APPRAISAL_MEASUREMENT].code, cases[i].code);
        assert_int_equal(all->status, cases[i].status);
        assert_int_equal(all->decision, i == 0 ? CLAIMS_PROCEED : CLAIMS_DENY);
        free(all);
        lucid_buf_fini(&plain);
        lucid_buf_fini(&text);
        lucid_arena_fini(&arena);
    }
}

/* Several auditors: the rules look at all of them together. */
static void test_together(void **state)
{
    (void)state;
    struct world world;
    world_open(&world,
               ",'rules':[{'id':'both','require':{'all':[{'claim':'in','equals':true},"
               "{'claim':'out','equals':true}]}},"
               "{'id':'late','phase':'response','deny_when':{'claim':'toxic','equals':true},"
               "'action':'warn'}]");
    world_add(&world, 1, "request", "proceed",
              KIT_CLAIM("in", "true") "," KIT_CLAIM("toxic", "true"));
    world_add(&world, 2, "response", "proceed",
              KIT_CLAIM("out", "true") "," KIT_CLAIM("toxic", "false"));
    world_run(&world);
    const struct rules_appraisal *all = world.appraisal;
    assert_int_equal(all->status, APPRAISAL_AFFIRMING);
    assert_int_equal(all->claims[0].rules, 1);
    assert_int_equal(all->claims[1].rules, 0); /* the rule is of another phase */
    assert_int_equal(all->claims[3].rules, 2);
    /* One fails: the document whose claim it is says so, the other not. */
    world.documents[1] =
        kit_claims(2, "response", "proceed",
                   KIT_CLAIM("out", "true") "," KIT_CLAIM("toxic", "true"), "", &world.arena);
    world_run(&world);
    assert_int_equal(all->status, APPRAISAL_WARNING);
    assert_int_equal(all->submods[0].status, APPRAISAL_AFFIRMING);
    assert_int_equal(all->submods[1].status, APPRAISAL_WARNING);
    expect_step(&world, 1, APPRAISAL_CONFIGURATION, APPRAISAL_FAIL, "configuration.rule_triggered");
    assert_string_equal(all->submods[1].steps[APPRAISAL_CONFIGURATION].detail, "toxic");
    world_close(&world);
}

/* --- orders ----------------------------------------------------------------------------------- */

static uint32_t next_of(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 16) % below;
}

static const char *const orders_rules[] = {
    "{'id':'r0','require':{'claim':'a','equals':true}}",
    "{'id':'r1','deny_when':{'claim':'c','in':['y',1]},'action':'warn'}",
    "{'id':'r2','phase':'request','require':{'claim':'b','atMost':'0.5'},'action':'redact'}",
    "{'id':'r3','require':{'any':[{'claim':'c','exists':false},{'claim':'c','in':[1,'x']}]}}",
    ("{'id':'r4','deny_when':{'all':[{'claim':'b','lessThan':1},{'not':{'claim':'a',"
     "'equals':true}}]},'action':'warn'}"),
    "{'id':'r5','phase':'response','deny_when':{'claim':'a','auditor':'a2','notEquals':false}}"};
enum { ORDERS_RULES = sizeof(orders_rules) / sizeof(orders_rules[0]), ORDERS_DOCUMENTS = 3 };

/* What came of it, without regard to the order of rules and documents. */
struct orders_said {
    enum claims_decision decision;
    enum appraisal_tier status;
    enum rules_outcome rules[ORDERS_RULES];
    enum rules_outcome required;
};

static void orders_judge(struct world *world, uint32_t first, struct orders_said *ret)
{
    struct lucid_buf rules = {.bytes_max = 0};
    lucid_buf_str(&rules, ",'requiredClaims':[{'name':'a'}],'rules':[");
    for (uint32_t i = 0; i < ORDERS_RULES; i++) {
        lucid_buf_printf(&rules, "%s%s", i == 0 ? "" : ",",
                         orders_rules[(first + i) % ORDERS_RULES]);
    }
    lucid_buf_str(&rules, "]");
    lucid_buf_char(&rules, '\0');
    kit_policy((const char *)rules.data, &world->arena, &world->policy);
    lucid_buf_fini(&rules);
    world_run(world);
    const struct rules_appraisal *all = world->appraisal;
    assert_true(all->appraised);
    *ret = (struct orders_said){
        .decision = all->decision, .status = all->status, .required = all->required[0].outcome};
    for (uint32_t i = 0; i < ORDERS_RULES; i++) {
        uint32_t rule = (first + i) % ORDERS_RULES;
        const struct rules_verdict *verdict = &all->rules[i];
        bool counts = verdict->outcome == RULES_ERROR || verdict->outcome == RULES_TRIGGERED;
        ret->rules[rule] = verdict->outcome;
        assert_true(!counts || all->decision >= world->policy.rules->rules[i].action);
        assert_true(!counts || all->status >= APPRAISAL_WARNING);
    }
}

/* Whatever auditors say: neither the order of rules nor that of documents changes what comes of it,
 * and nothing that could not be told, or was triggered, passes. */
static void test_orders(void **state)
{
    (void)state;
    static const char *const phases[] = {"request", "response"};
    static const char *const values[] = {"true", "false", "1", "'0.50'", "'x'", "{}"};
    static const char *const names[] = {"a", "b", "c"};
    static const char *const agreed[] = {"true", "'0.50'", "'x'"}; /* what all rules let pass */
    static const uint8_t orders[6][ORDERS_DOCUMENTS] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                                        {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    uint32_t seed = 7;
    unsigned seen[2] = {0, 0};
    for (unsigned round = 0; round < 60; round++) {
        struct world world;
        struct lucid_span documents[ORDERS_DOCUMENTS];
        struct orders_said base;
        const bool calm = round % 2 != 0;
        world_open(&world, "");
        world.input.document_count = ORDERS_DOCUMENTS;
        for (uint8_t i = 0; i < ORDERS_DOCUMENTS; i++) {
            struct lucid_buf claims = {.bytes_max = 0};
            lucid_buf_str(&claims, KIT_CLAIM("z", "1"));
            for (size_t n = 0; n < 3; n++) {
                if (next_of(&seed, 3) != 0) {
                    lucid_buf_printf(
                        &claims,
                        ",{'name':'%s','type':'other','value':%s,'timestamp':'" KIT_TIME "'}",
                        names[n], calm ? agreed[n] : values[next_of(&seed, 6)]);
                }
            }
            lucid_buf_char(&claims, '\0');
            documents[i] = kit_claims((uint8_t)(i + 1), phases[calm ? 0 : next_of(&seed, 2)],
                                      "proceed", (const char *)claims.data, "", &world.arena);
            lucid_buf_fini(&claims);
        }
        for (uint32_t order = 0; order < 6; order++) {
            struct orders_said said;
            for (size_t i = 0; i < ORDERS_DOCUMENTS; i++) {
                world.documents[i] = documents[orders[order][i]];
            }
            orders_judge(&world, order, &said);
            base = order == 0 ? said : base;
            assert_memory_equal(&said, &base, sizeof(said));
        }
        seen[base.decision != CLAIMS_PROCEED]++;
        world_close(&world);
    }
    assert_true(seen[0] > 10 && seen[1] > 10);
}

static void test_record(void **state)
{
    (void)state;
    struct world world;
    struct lucid_span record;
    struct lucid_span again;
    struct lucid_buf steps = {.bytes_max = 0};
    world_open(&world, ",'requiredClaims':[{'name':'pii'}],'rules':[{'id':'pii','deny_when':"
                       "{'claim':'pii','equals':true},'action':'warn','message':'no PII'},"
                       "{'id':'r','phase':'response','require':{'claim':'x','equals':1}}]");
    world_add(&world, 1, "request", "redact", KIT_CLAIM("pii", "true"));
    world_run(&world);
    assert_int_equal(rules_record_write(&world.input, world.appraisal, lucid_span_str("e"),
                                        &world.arena, &record, NULL),
                     LUCID_OK);
    char *text = strndup((const char *)record.data, record.len);
    static const char *const parts[] = {
        "\"type\":\"attestation.claims\"",
        "\"status\":\"warning\"",
        "\"decision\":\"redact\"",
        "\"claims\":[{\"document\":0,\"name\":\"pii\",\"rules\":[\"pii\"],\"status\":\"warning\"}]",
        "{\"action\":\"warn\",\"id\":\"pii\",\"message\":\"no PII\",\"outcome\":\"triggered\"}",
        "{\"id\":\"r\",\"outcome\":\"skipped\"}",
        "\"required\":[{\"name\":\"pii\",\"outcome\":\"pass\"}]",
        "\"rulesVersion\":2",
        "\"time\":1790000000",
        ("{\"code\":\"configuration.auditor_decided\",\"detail\":\"redact\",\"outcome\":\"fail\","
         "\"step\":\"configuration\"}")};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strstr(text, parts[i]) == NULL) {
            print_message("%s\nlacks %s\n", text, parts[i]);
        }
        assert_non_null(strstr(text, parts[i]));
    }
    free(text);
    /* The same input, the same bytes. */
    world_run(&world);
    assert_int_equal(rules_record_write(&world.input, world.appraisal, lucid_span_str("e"),
                                        &world.arena, &again, NULL),
                     LUCID_OK);
    assert_true(lucid_span_equal(record, again));
    rules_steps_write(world.appraisal, &steps);
    lucid_buf_char(&steps, '\0');
    assert_non_null(strstr((const char *)steps.data,
                           "[{\"evidence\":\"claims0\",\"type\":\"claims\","
                           "\"step\":\"parse\",\"outcome\":\"pass\""));
    lucid_buf_fini(&steps);
    world_close(&world);
}

/* More claims than are looked at together; a record that would be too long. */
static void test_bounds(void **state)
{
    (void)state;
    for (unsigned per_document = 128; per_document <= 129; per_document++) {
        struct world world;
        struct lucid_buf claims = {.bytes_max = 0};
        struct lucid_why why = {.code = NULL};
        struct lucid_span record;
        world_open(&world, RULE_PII);
        for (unsigned i = 0; i < per_document; i++) {
            lucid_buf_printf(
                &claims, "%s{'name':'c%0110u','type':'other','value':1,'timestamp':'" KIT_TIME "'}",
                i == 0 ? "" : ",", i);
        }
        lucid_buf_char(&claims, '\0');
        world_add(&world, 1, "request", "proceed", (const char *)claims.data);
        world_add(&world, 2, "request", "proceed", (const char *)claims.data);
        enum lucid_error error = rules_appraise(&world.input, &world.arena, world.appraisal, &why);
        if (per_document == 129) {
            assert_int_equal(error, LUCID_REFUSE_TOO_LARGE);
            assert_string_equal(why.param, "documents");
        } else {
            assert_int_equal(error, LUCID_OK);
            assert_int_equal(rules_record_write(&world.input, world.appraisal, lucid_span_str("e"),
                                                &world.arena, &record, &why),
                             LUCID_OK);
            assert_true(record.len <= RECORD_BYTES_MAX);
        }
        lucid_buf_fini(&claims);
        world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_affirming),   cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_freshness),
        cmocka_unit_test(test_measurement), cmocka_unit_test(test_together),
        cmocka_unit_test(test_orders),      cmocka_unit_test(test_record),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The rule policy: how it is read, what each operator says, and that an error never passes. */
#include "plugins/verifier/rules_internal.h"
#include "tests/unit/verifier/claims_kit.h"

static const char full[] =
    "{'type':'lucid.attestation.policy/v1','name':'p',"
    "'auditors':[{'id':'a1','publicKey':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',"
    "'digest':'sha256:" H32 "'}],'claimsMaxAgeSeconds':10,"
    "'requiredClaims':[{'name':'pii','type':'category','phase':'request','auditor':'a1',"
    "'minConfidence':'0.9'}],"
    "'rules':[{'id':'r1','description':'d','phase':'request','deny_when':"
    "{'any':[{'claim':'pii','equals':true},{'not':{'claim':'x','auditor':'a1','in':[1,'b']}}]},"
    "'action':'redact','message':'m'},"
    "{'id':'r2','require':{'all':[{'claim':'score','lessThan':'0.50'},"
    "{'claim':'n','atLeast':-3},{'claim':'e','exists':true}]}}]}";

static enum lucid_error parse(struct lucid_span text, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct policy policy;
    return policy_parse(text, arena, &policy, why);
}

static void test_everything_is_read(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct policy policy;
    lucid_arena_init(&arena, 4U << 20);
    assert_int_equal(policy_parse(kit_text(full, NULL, NULL, &text), &arena, &policy, NULL),
                     LUCID_OK);
    lucid_buf_fini(&text);
    const struct rules *rules = policy.rules;
    assert_non_null(rules);
    assert_int_equal(rules->auditor_count, 1);
    assert_true(rules->auditors[0].has_digest);
    assert_int_equal(rules->max_age_s, 10);
    assert_int_equal(rules->required_count, 1);
    assert_string_equal(rules->required[0].type, "category");
    assert_true(rules->required[0].has_phase && rules->required[0].phase == CLAIMS_REQUEST);
    assert_true(lucid_span_is(rules->required[0].auditor, "a1"));
    assert_int_equal(rules->required[0].confidence_min, 900000);
    assert_int_equal(rules->rule_count, 2);
    assert_false(rules->rules[0].require);
    assert_true(rules->rules[0].has_phase);
    assert_int_equal(rules->rules[0].action, CLAIMS_REDACT);
    assert_true(lucid_span_is(rules->rules[0].message, "m"));
    assert_int_equal(rules->rules[0].expression.operator, RULES_ANY);
    assert_int_equal(rules->rules[0].expression.child_count, 2);
    assert_int_equal(rules->rules[0].expression.children[1].children[0].operand_count, 2);
    assert_true(rules->rules[1].require);
    assert_int_equal(rules->rules[1].action, CLAIMS_DENY);
    assert_int_equal(rules->rules[1].expression.children[1].operands[0].number, -3);
    lucid_arena_fini(&arena);
}

#define BAD "INVALID_POLICY"
#define R1  "'deny_when':{'any':"
static const struct kit_fault faults[] = {
    {"'publicKey':'AAA", "'publicKey':'AA", BAD, "auditors[0].publicKey"},
    {"'publicKey'", "'key'", BAD, "auditors[0].key"},
    {"'id':'a1',", "", BAD, "auditors[0].id"},
    {"'claimsMaxAgeSeconds':10", "'claimsMaxAgeSeconds':0", BAD, "claimsMaxAgeSeconds"},
    {"'type':'category'", "'type':'kategorie'", BAD, "requiredClaims[0].type"},
    {"'name':'pii',", "", BAD, "requiredClaims[0].name"},
    {"'minConfidence':'0.9'", "'minConfidence':0.9", BAD, "requiredClaims[0].minConfidence"},
    {"'minConfidence':'0.9'", "'minConfidence':1", BAD, "requiredClaims[0].minConfidence"},
    {"'minConfidence':'0.9'", "'minConfidence':'0.001'", NULL, ""},
    {"'auditor':'a1','minC", "'by':'a1','minC", BAD, "requiredClaims[0].by"},
    {R1, "'condition':{'any':", BAD, "rules[0].condition"},
    {R1, "'condition':'x','deny_when':{'any':", BAD, "rules[0].condition"},
    {R1, "'require':{'claim':'x','exists':true},'deny_when':{'any':", BAD, "rules[0]"},
    {R1, "'denyWhen':{'any':", BAD, "rules[0].denyWhen"},
    {"'description':'d','phase':'request'," R1 "[{'claim':'pii','equals':true},{'not':{'claim':'x',"
     "'auditor':'a1','in':[1,'b']}}]},",
     "", BAD, "rules[0]"},
    {"'id':'r2'", "'id':'r1'", BAD, "rules[1].id"},
    {"'phase':'request','deny_when'", "'phase':'input','deny_when'", BAD, "rules[0].phase"},
    {"'action':'redact'", "'action':'proceed'", BAD, "rules[0].action"},
    {"'any':[", "'some':[", BAD, "rules[0].deny_when"},
    {"'any':[", "'all':[],'any':[", BAD, "rules[0].deny_when"},
    {"'any':[", "'claim':'x','any':[", BAD, "rules[0].deny_when.claim"},
    {"'claim':'pii','equals':true", "'equals':true", BAD, "rules[0].deny_when.any[0].claim"},
    {"'claim':'pii','equals':true", "'claim':'pii'", BAD, "rules[0].deny_when.any[0]"},
    {"'claim':'pii','equals':true", "'claim':'pii','equals':true,'exists':true", BAD,
     "rules[0].deny_when.any[0]"},
    {"'claim':'pii','equals':true", "'claim':'pii','matches':'.*'", BAD,
     "rules[0].deny_when.any[0]"},
    {"'claim':'pii','equals':true", "'claim':'pii','equals':true,'note':1", BAD,
     "rules[0].deny_when.any[0].note"},
    {"'equals':true", "'equals':null", BAD, "rules[0].deny_when.any[0].equals"},
    {"'equals':true", "'equals':{}", BAD, "rules[0].deny_when.any[0].equals"},
    {"'equals':true", "'equals':0.5", BAD, "rules[0].deny_when.any[0].equals"},
    {"{'claim':'pii','equals':true}", "'pii == true'", BAD, "rules[0].deny_when.any[0]"},
    {"'in':[1,'b']", "'in':[]", BAD, "rules[0].deny_when.any[1].not.in"},
    {"'in':[1,'b']", "'in':[1,[]]", BAD, "rules[0].deny_when.any[1].not.in[1]"},
    {"'in':[1,'b']", "'in':'b'", BAD, "rules[0].deny_when.any[1].not.in"},
    {"{'not':{", "{'not':[{", "INVALID_JSON", "rules[0].deny_when.any[1].not"},
    {"'lessThan':'0.50'", "'lessThan':'0,50'", BAD, "rules[1].require.all[0].lessThan"},
    {"'lessThan':'0.50'", "'lessThan':'1e3'", BAD, "rules[1].require.all[0].lessThan"},
    {"'lessThan':'0.50'", "'lessThan':'01'", BAD, "rules[1].require.all[0].lessThan"},
    {"'lessThan':'0.50'", "'lessThan':true", BAD, "rules[1].require.all[0].lessThan"},
    {"'exists':true", "'exists':1", BAD, "rules[1].require.all[2].exists"},
    {"'all':[", "'all':[],'x':[", BAD, "rules[1].require.x"},
};

static void test_refusals(void **state)
{
    (void)state;
    kit_faults(full, faults, sizeof(faults) / sizeof(faults[0]), parse);
}

/* As deep and as many as is allowed, and one more. */
static void test_bounds(void **state)
{
    (void)state;
    struct lucid_buf rule = {.bytes_max = 0};
    for (unsigned depth = RULES_DEPTH_MAX; depth <= RULES_DEPTH_MAX + 1; depth++) {
        struct lucid_arena arena;
        struct lucid_why why = {.code = NULL};
        lucid_arena_init(&arena, 8U << 20);
        lucid_buf_clear(&rule);
        lucid_buf_str(&rule, "{\"type\":\"" POLICY_TYPE_NAME "\",\"name\":\"n\",\"rules\":"
                             "[{\"id\":\"r\",\"require\":");
        for (unsigned i = 1; i < depth; i++) {
            lucid_buf_str(&rule, "{\"not\":");
        }
        lucid_buf_str(&rule, "{\"claim\":\"x\",\"exists\":true}");
        for (unsigned i = 1; i < depth; i++) {
            lucid_buf_char(&rule, '}');
        }
        lucid_buf_str(&rule, "}]}");
        assert_int_equal(parse(lucid_buf_span(&rule), &arena, &why),
                         depth == RULES_DEPTH_MAX ? LUCID_OK : LUCID_REFUSE_INVALID);
        if (depth > RULES_DEPTH_MAX) {
            assert_string_equal(why.param, "rules[0].require.not.not.not.not.not.not");
        }
        lucid_arena_fini(&arena);
    }
    for (unsigned extra = 0; extra < 2; extra++) {
        struct lucid_arena arena;
        struct lucid_why why = {.code = NULL};
        lucid_arena_init(&arena, 8U << 20);
        lucid_buf_clear(&rule);
        lucid_buf_str(&rule, "{\"type\":\"" POLICY_TYPE_NAME "\",\"name\":\"n\",\"rules\":[");
        unsigned left = RULES_NODES_MAX + extra;
        for (unsigned i = 0; left > 0; i++) {
            unsigned leaves = left - 1 < 31 ? left - 1 : 31;
            leaves = leaves == 0 ? 1 : leaves; /* the last alone: without a list around it */
            lucid_buf_printf(&rule, "%s{\"id\":\"r%u\",\"require\":", i == 0 ? "" : ",", i);
            lucid_buf_str(&rule, left == 1 ? "" : "{\"any\":[");
            for (unsigned k = 0; k < leaves; k++) {
                lucid_buf_printf(&rule, "%s{\"claim\":\"x\",\"exists\":true}", k == 0 ? "" : ",");
            }
            lucid_buf_str(&rule, left == 1 ? "}" : "]}}");
            left -= left == 1 ? 1 : leaves + 1;
        }
        lucid_buf_str(&rule, "]}");
        assert_int_equal(parse(lucid_buf_span(&rule), &arena, &why),
                         extra == 0 ? LUCID_OK : LUCID_REFUSE_INVALID);
        lucid_arena_fini(&arena);
    }
    lucid_buf_fini(&rule);
}

/* --- what rules say --------------------------------------------------------------------------- */

static const char said[] = KIT_CLAIM("t", "true") "," KIT_CLAIM("s", "'word'") "," KIT_CLAIM(
    "n", "-7") "," KIT_CLAIM("d", "'0.950'") "," KIT_CLAIM("o", "{'t':true}");
static const char said_too[] =
    KIT_CLAIM("t", "true") "," KIT_CLAIM("s", "'other'") "," KIT_CLAIM("only", "1");

static const struct {
    const char *expression;
    char expected; /* T, F or what the error is: a(bsent), t(ype), m (ambiguous) */
} truths[] = {
    {"{'claim':'t','auditor':'a1','equals':true}", 'T'},
    {"{'claim':'t','equals':true}", 'T'}, /* two say the same */
    {"{'claim':'t','equals':false}", 'F'},
    {"{'claim':'t','notEquals':false}", 'T'},
    {"{'claim':'t','equals':'true'}", 't'},
    {"{'claim':'t','notEquals':'true'}", 't'},
    {"{'claim':'t','equals':1}", 't'},
    {"{'claim':'s','equals':'word'}", 'm'}, /* two say different things */
    {"{'claim':'s','exists':true}", 'T'},
    {"{'claim':'s','exists':false}", 'F'},
    {"{'claim':'s','auditor':'a1','equals':'word'}", 'T'},
    {"{'claim':'s','auditor':'a2','equals':'word'}", 'F'},
    {"{'claim':'s','auditor':'a3','equals':'word'}", 'a'},
    {"{'claim':'s','auditor':'a1','in':['x','word']}", 'T'},
    {"{'claim':'s','auditor':'a1','in':['x',1]}", 'F'},
    {"{'claim':'s','auditor':'a1','in':[true,1]}", 't'},
    {"{'claim':'s','auditor':'a1','lessThan':5}", 't'},
    {"{'claim':'only','equals':1}", 'T'},
    {"{'claim':'only','equals':2}", 'F'},
    {"{'claim':'gone','equals':1}", 'a'},
    {"{'claim':'gone','notEquals':1}", 'a'},
    {"{'claim':'gone','lessThan':1}", 'a'},
    {"{'claim':'gone','in':[1]}", 'a'},
    {"{'claim':'gone','exists':true}", 'F'},
    {"{'claim':'gone','exists':false}", 'T'},
    {"{'claim':'n','equals':-7}", 'T'},
    {"{'claim':'n','lessThan':-6}", 'T'},
    {"{'claim':'n','lessThan':-7}", 'F'},
    {"{'claim':'n','atMost':-7}", 'T'},
    {"{'claim':'n','atMost':'-7.01'}", 'F'},
    {"{'claim':'n','greaterThan':'-7.000001'}", 'T'},
    {"{'claim':'n','greaterThan':-7}", 'F'},
    {"{'claim':'n','atLeast':'-7.0'}", 'T'},
    {"{'claim':'n','atLeast':0}", 'F'},
    {"{'claim':'d','equals':'0.95'}", 'F'}, /* text is compared as text */
    {"{'claim':'d','atLeast':'0.95'}", 'T'},
    {"{'claim':'d','atMost':'0.95'}", 'T'},
    {"{'claim':'d','lessThan':'0.9500000000000000000000000000000000001'}", 'T'},
    {"{'claim':'d','greaterThan':'0.9499999999999999999999999999999999999'}", 'T'},
    {"{'claim':'d','lessThan':1}", 'T'},
    {"{'claim':'o','exists':true}", 'T'},
    {"{'claim':'o','equals':true}", 't'},
    {"{'not':{'claim':'t','equals':true}}", 'F'},
    {"{'not':{'claim':'gone','equals':true}}", 'a'},
    {"{'all':[{'claim':'t','equals':true},{'claim':'n','equals':-7}]}", 'T'},
    {"{'all':[{'claim':'t','equals':true},{'claim':'n','equals':7}]}", 'F'},
    {"{'any':[{'claim':'t','equals':false},{'claim':'n','equals':-7}]}", 'T'},
    {"{'any':[{'claim':'t','equals':false},{'claim':'n','equals':7}]}", 'F'},
    /* From left to right: what is decided needs nothing more, an error is never passed over. */
    {"{'all':[{'claim':'gone','exists':true},{'claim':'gone','equals':1}]}", 'F'},
    {"{'all':[{'claim':'gone','equals':1},{'claim':'gone','exists':true}]}", 'a'},
    {"{'any':[{'claim':'gone','exists':false},{'claim':'gone','equals':1}]}", 'T'},
    {"{'any':[{'claim':'gone','equals':1},{'claim':'t','equals':true}]}", 'a'},
    {"{'any':[{'claim':'t','equals':true},{'claim':'gone','equals':1}]}", 'T'},
};

static void judged(const struct rules_rule *rule, char expected, const char *text,
                   const struct claims_document *const *documents)
{
    struct rules_verdict verdict;
    rules_judge(rule, documents, 2, &verdict);
    enum rules_outcome outcome = expected == 'T'   ? rule->require ? RULES_PASS : RULES_TRIGGERED
                                 : expected == 'F' ? rule->require ? RULES_TRIGGERED : RULES_PASS
                                                   : RULES_ERROR;
    if (verdict.outcome != outcome) {
        print_message("%s (%s): %s\n", text, rule->require ? "require" : "deny_when",
                      rules_outcome_name(verdict.outcome));
    }
    assert_int_equal(verdict.outcome, outcome);
    if (outcome == RULES_ERROR) {
        assert_string_equal(verdict.reason, expected == 'a'   ? "absent"
                                            : expected == 't' ? "type"
                                                              : "ambiguous");
        assert_true(verdict.claim.len > 0);
    } else {
        assert_null(verdict.reason);
    }
}

static void test_truths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++) {
        struct lucid_arena arena;
        struct policy policy;
        struct claims_document documents[2];
        const struct claims_document *const both[] = {&documents[0], &documents[1]};
        char rules[1024];
        lucid_arena_init(&arena, 8U << 20);
        assert_int_equal(claims_parse(kit_claims(1, "request", "proceed", said, "", &arena), &arena,
                                      &documents[0], NULL),
                         LUCID_OK);
        assert_int_equal(claims_parse(kit_claims(2, "request", "proceed", said_too, "", &arena),
                                      &arena, &documents[1], NULL),
                         LUCID_OK);
        snprintf(rules, sizeof(rules),
                 ",'rules':[{'id':'r','require':%s},{'id':'d','deny_when':%s},"
                 "{'id':'p','phase':'response','require':%s}]",
                 truths[i].expression, truths[i].expression, truths[i].expression);
        kit_policy(rules, &arena, &policy);
        judged(&policy.rules->rules[0], truths[i].expected, truths[i].expression, both);
        judged(&policy.rules->rules[1], truths[i].expected, truths[i].expression, both);
        struct rules_verdict verdict;
        rules_judge(&policy.rules->rules[2], both, 2, &verdict);
        assert_int_equal(verdict.outcome, RULES_SKIPPED);
        lucid_arena_fini(&arena);
    }
}

static struct rules_decimal decimal(const char *text)
{
    struct claims_value value = {.type = CLAIMS_STRING, .text = lucid_span_str(text)};
    struct rules_decimal ret;
    assert_true(rules_decimal_read(&value, &ret));
    return ret;
}

/* Ascending; each compared with each. */
static void test_decimals(void **state)
{
    (void)state;
    static const char *const ordered[] = {"-99999999999999999999999999999999999999",
                                          "-10",
                                          "-9.5",
                                          "-9.49",
                                          "-1",
                                          "-0.1",
                                          "-0.01",
                                          "0",
                                          "0.00000000000000000000000000000000000001",
                                          "0.01",
                                          "0.09",
                                          "0.1",
                                          "0.11",
                                          "1",
                                          "1.000000000000000000000000000001",
                                          "9.5",
                                          "10",
                                          "10.1",
                                          "9007199254740993",
                                          "9007199254740993.1"};
    const size_t count = sizeof(ordered) / sizeof(ordered[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            struct rules_decimal a = decimal(ordered[i]);
            struct rules_decimal b = decimal(ordered[k]);
            int order = rules_decimal_compare(&a, &b);
            assert_true(i < k ? order < 0 : i > k ? order > 0 : order == 0);
        }
    }
    struct rules_decimal zero = decimal("0");
    static const char *const zeros[] = {"-0", "0.0", "-0.00"};
    for (size_t i = 0; i < 3; i++) {
        struct rules_decimal other = decimal(zeros[i]);
        assert_int_equal(rules_decimal_compare(&zero, &other), 0);
    }
    static const char *const bad[] = {
        "",   "-",  ".5",  "5.",  "+1",  "00",    "1e3",
        "1 ", " 1", "0x1", "1,5", "--1", "1.2.3", "123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct claims_value value = {.type = CLAIMS_STRING, .text = lucid_span_str(bad[i])};
        struct rules_decimal ret;
        assert_false(rules_decimal_read(&value, &ret));
    }
}

static void test_required(void **state)
{
    (void)state;
    static const struct {
        const char *required;
        enum rules_outcome outcome;
        const char *reason;
    } cases[] = {
        {"{'name':'t'}", RULES_PASS, NULL},
        {"{'name':'t','type':'other'}", RULES_PASS, NULL},
        {"{'name':'t','type':'hash'}", RULES_ERROR, "type"},
        {"{'name':'gone'}", RULES_ERROR, "absent"},
        {"{'name':'only','auditor':'a1'}", RULES_ERROR, "absent"},
        {"{'name':'s'}", RULES_ERROR, "ambiguous"},
        {"{'name':'s','auditor':'a1','phase':'request'}", RULES_PASS, NULL},
        {"{'name':'s','phase':'response'}", RULES_ERROR, "absent"}, /* nobody looked at it */
        {"{'name':'kind','type':'other'}", RULES_ERROR, "type"}, /* whoever of the two is first */
        {"{'name':'kind','type':'hash'}", RULES_ERROR, "type"},
        {"{'name':'kind','type':'hash','auditor':'a2'}", RULES_PASS, NULL},
        {"{'name':'sure','minConfidence':500}", RULES_PASS, NULL},
        {"{'name':'sure','minConfidence':501}", RULES_ERROR, "confidence"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_arena arena;
        struct policy policy;
        struct claims_document documents[2];
        const struct claims_document *const both[] = {&documents[0], &documents[1]};
        struct rules_verdict verdict;
        char text[256];
        lucid_arena_init(&arena, 8U << 20);
        snprintf(text, sizeof(text), ",'requiredClaims':[%s]", cases[i].required);
        kit_policy(text, &arena, &policy);
        char more[1024];
        snprintf(more, sizeof(more), "%s," KIT_CLAIM("kind", "1"), said);
        assert_int_equal(claims_parse(kit_claims(1, "request", "proceed", more, "", &arena), &arena,
                                      &documents[0], NULL),
                         LUCID_OK);
        snprintf(
            more, sizeof(more),
            "%s,{'name':'sure','type':'other','value':1,'timestamp':'" KIT_TIME
            "','confidence':'0.5'},{'name':'kind','type':'hash','value':1,'timestamp':'" KIT_TIME
            "'}",
            said_too);
        assert_int_equal(claims_parse(kit_claims(2, "request", "proceed", more, "", &arena), &arena,
                                      &documents[1], NULL),
                         LUCID_OK);
        rules_judge_required(&policy.rules->required[0], both, 2, &verdict);
        assert_int_equal(verdict.outcome, cases[i].outcome);
        if (cases[i].reason != NULL) {
            assert_string_equal(verdict.reason, cases[i].reason);
        }
        lucid_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_read),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_truths),
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

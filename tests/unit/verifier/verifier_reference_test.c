/* Reference-value sets: every member read, every refusal by its dotted name. */
#include "plugins/verifier/policy.h"
#include "tests/unit/verifier/document_kit.h"

static const char full[] =
    "{'type':'lucid.attestation.reference/v1','name':'images','description':'d',"
    "'environment':{'type':'snp','vendor':'AMD','model':'Milan','class':'server'},"
    "'measurements':[{'mkey':'launch','alg':'sha384','digest':['" H48 "'],'minSvn':3},"
    "{'mkey':'host_data','alg':'raw','digest':['00','01'],'vulnerable':true}],"
    "'containers':[{'digest':'sha256:" H32 "','registry':'registry.example/app'}],"
    "'auditors':[{'id':'pii','digest':'sha256:" H32 "'}],"
    "'validFrom':'2026-01-01T00:00:00Z','validTo':'2027-01-01T00:00:00Z'}";

static enum lucid_error parse(struct lucid_span text, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct reference_set set;
    return reference_parse(text, arena, &set, why);
}

static void test_everything_is_read(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct reference_set set;
    lucid_arena_init(&arena, 4U << 20);
    assert_int_equal(reference_parse(kit_text(full, NULL, NULL, &text), &arena, &set, NULL),
                     LUCID_OK);
    lucid_buf_fini(&text);
    assert_string_equal(set.name, "images");
    assert_true(lucid_span_is(set.type, "snp"));
    assert_true(lucid_span_is(set.model, "Milan"));
    assert_int_equal(set.value_count, 3);
    assert_true(lucid_span_is(set.values[0].name, "launch"));
    assert_true(lucid_span_is(set.values[0].alg, "sha384"));
    assert_int_equal(set.values[0].value.len, 48);
    assert_int_equal(set.values[0].svn_min, 3);
    assert_false(set.values[0].vulnerable);
    assert_int_equal(set.values[2].value.data[0], 1);
    assert_true(set.values[2].vulnerable);
    assert_int_equal(set.values[2].svn_min, 0);
    assert_int_equal(set.valid_from_s, 1767225600);
    assert_int_equal(set.valid_to_s, 1798761600);
    assert_non_null(set.document);
    lucid_arena_fini(&arena);
}

static void test_refusals(void **state)
{
    (void)state;
    const char *r = "INVALID_REFERENCE";
    const struct kit_fault faults[] = {
        {"reference/v1", "policy/v1", r, "type"},
        {"'name':'images',", "", r, "name"},
        {"'description'", "'comment'", r, "comment"},
        {"'environment':{'type':'snp',", "'environment':{", r, "environment.type"},
        {"'type':'snp'", "'type':'sgx'", r, "environment.type"},
        {"'class':'server'", "'classId':'server'", r, "environment.classId"},
        {"'model':'Milan'", "'model':''", r, "environment.model"},
        {"'mkey':'launch',", "", r, "measurements[0].mkey"},
        {"'mkey':'launch'", "'mkey':'a b'", r, "measurements[0].mkey"},
        {"'mkey':'launch'", "'mkey':'.a'", r, "measurements[0].mkey"},
        {"'alg':'sha384',", "", r, "measurements[0].alg"},
        {"'alg':'sha384'", "'alg':'sha-384'", r, "measurements[0].alg"},
        {"'alg':'sha384'", "'alg':'sha256'", r, "measurements[0].digest[0]"},
        {"'digest':['" H48 "']", "'digest':[]", r, "measurements[0].digest"},
        {"'digest':['" H48 "']", "'digest':'" H48 "'", r, "measurements[0].digest"},
        {"'digest':['" H48 "']", "'digests':['" H48 "']", r, "measurements[0].digests"},
        {"'minSvn':3", "'minSvn':-3", r, "measurements[0].minSvn"},
        {"'minSvn':3", "'minSvn':9007199254740992", r, "measurements[0].minSvn"},
        {"'vulnerable':true", "'vulnerable':'yes'", r, "measurements[1].vulnerable"},
        {"['00','01']", "['00','00']", r, "measurements[1].digest[1]"},
        {"['00','01']", "['00','']", r, "measurements[1].digest[1]"},
        {"'containers':[{'digest':'sha256:" H32 "',", "'containers':[{", r, "containers[0].digest"},
        {"'registry':'registry.example/app'", "'image':'x'", r, "containers[0].image"},
        {"'registry':'registry.example/app'", "'registry':''", r, "containers[0].registry"},
        {"'auditors':[{'id':'pii',", "'auditors':[{", r, "auditors[0].id"},
        {"'auditors':[{'id':'pii'", "'auditors':[{'id':'p i'", r, "auditors[0].id"},
        {"'auditors':[{", "'auditors':[7,{", r, "auditors[0]"},
        {"'validTo':'2027", "'validTo':'2026", r, "validTo"},
        {"'validTo':'2027", "'validTo':'1969", r, "validTo"},
        {"'validFrom':'2026-01-01T00:00:00Z',", "", NULL, ""},
        {"'validTo':'2027-01-01T00:00:00Z'", "'signature':{'algorithm':'Ed25519','publicKey':'AA'}",
         r, "signature.publicKey"},
        {"'name':'images'", "'name':'images','name':'images'", "INVALID_JSON", "name"},
    };
    kit_faults(full, faults, sizeof(faults) / sizeof(faults[0]), parse);
}

/* Values are counted over all measurements. */
static void test_bounds(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    lucid_arena_init(&arena, 8U << 20);
    for (unsigned extra = 0; extra < 2; extra++) {
        struct lucid_buf text = {.bytes_max = 0};
        lucid_buf_str(&text, "{\"type\":\"" REFERENCE_TYPE_NAME "\",\"name\":\"n\",\"environment\":"
                             "{\"type\":\"mock\"},\"measurements\":[");
        for (unsigned i = 0; i < REFERENCE_VALUES_MAX + extra; i++) {
            lucid_buf_printf(&text, "%s{\"mkey\":\"m\",\"alg\":\"raw\",\"digest\":[\"%04x\"]}",
                             i == 0 ? "" : ",", i);
        }
        lucid_buf_str(&text, "]}");
        assert_int_equal(parse(lucid_buf_span(&text), &arena, &why),
                         extra == 0 ? LUCID_OK : LUCID_REFUSE_INVALID);
        lucid_buf_fini(&text);
    }
    assert_string_equal(why.param, "measurements");
    lucid_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_read),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

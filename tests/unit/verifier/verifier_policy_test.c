/* Policies: every member read, every refusal by its dotted name, defaults that refuse. */
#include "plugins/verifier/policy.h"

#include "tests/unit/verifier/document_kit.h"

static const char full[] =
    "{'type':'lucid.attestation.policy/v1','name':'strict','description':'d',"
    "'types':['snp','mock'],"
    "'minTcb':{'snp':{'Milan':{'bootLoader':3,'tee':0,'snp':8,'microcode':115,"
    "'from':'2026-01-02T03:04:05Z'},'*':{'fmc':1}},'mock':{'*':{'svn':7}}},"
    "'acceptedStatus':['UpToDate','OutOfDate'],'graceDays':30,'maxCollateralAgeDays':7,"
    "'requireCrl':true,'config':{'debug':true,'migrationAgent':true,'vmplMax':3,"
    "'reportVersionMin':3,'smt':false,'singleSocket':true,'tsme':true,'abiMin':'1.55',"
    "'maskedChipId':false,'idKeyDigests':['" H48 "'],'authorKeyDigests':[]},"
    "'references':['sha256:" H32 "'],'unknownMeasurement':'deny',"
    "'allowMeasurements':['" H48 "'],'denyMeasurements':['" H32 "'],'enrolment':['0a0b'],"
    "'revokedInstances':['ff'],'resultSeconds':60}";

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
    lucid_buf_fini(&text); /* what was read does not point there */
    assert_string_equal(policy.name, "strict");
    assert_int_equal(policy.type_count, 2);
    assert_true(policy_accepts_type(&policy, lucid_span_str("mock"), true));
    assert_false(policy_accepts_type(&policy, lucid_span_str("sgx"), false));
    assert_int_equal(policy.floor_count, 3);
    const struct policy_floor *floor =
        policy_floor_find(&policy, lucid_span_str("snp"), lucid_span_str("Milan"), 1767323045);
    assert_int_equal(policy_floor_least(floor, "microcode"), 115);
    assert_int_equal(policy_floor_least(floor, "fmc"), 0);
    assert_int_equal(floor->from_s, 1767323045);
    floor = policy_floor_find(&policy, lucid_span_str("snp"), lucid_span_str("Turin"), 0);
    assert_int_equal(policy_floor_least(floor, "fmc"), 1);
    /* Before its own begins, a product is asked for what any is. */
    assert_ptr_equal(
        policy_floor_find(&policy, lucid_span_str("snp"), lucid_span_str("Milan"), 1767323044),
        floor);
    assert_null(policy_floor_find(&policy, lucid_span_str("tdx"), lucid_span_str("Milan"), 0));
    assert_int_equal(policy_floor_least(NULL, "fmc"), 0);
    assert_true(policy_accepts_status(&policy, "OutOfDate"));
    assert_false(policy_accepts_status(&policy, "Revoked"));
    assert_int_equal(policy.grace_days, 30);
    assert_int_equal(policy.collateral_age_days_max, 7);
    assert_true(policy.require_crl && policy.config.debug_allowed);
    assert_true(policy.config.migration_allowed && policy.config.require_single_socket);
    assert_true(policy.config.require_tsme && !policy.config.smt_allowed);
    assert_false(policy.config.allow_masked_chip);
    assert_int_equal(policy.config.vmpl_max, 3);
    assert_int_equal(policy.config.report_version_min, 3);
    assert_int_equal(policy.config.abi_major_min, 1);
    assert_int_equal(policy.config.abi_minor_min, 55);
    assert_int_equal(policy.config.id_key_digests.count, 1);
    assert_int_equal(policy.config.author_key_digests.count, 0);
    assert_int_equal(policy.reference_count, 1);
    assert_int_equal(policy.references[0][31], 0x11);
    assert_true(policy.unknown_measurement_denied && policy.has_enrolment);
    assert_int_equal(policy.allow.items[0].len, 48);
    assert_int_equal(policy.deny.items[0].len, 32);
    assert_true(policy_digests_have(&policy.enrolled, lucid_span("\x0a\x0b", 2)));
    assert_false(policy_digests_have(&policy.enrolled, lucid_span("\x0a", 1)));
    assert_int_equal(policy.revoked_instances.count, 1);
    assert_int_equal(policy.result_lifetime_s, 60);
    lucid_arena_fini(&arena);
}

/* Both are found by the digest of their bytes, which are canonical; nothing else is. */
static void test_built_in(void **state)
{
    (void)state;
    for (unsigned mock = 0; mock < 2; mock++) {
        struct lucid_arena arena;
        struct lucid_span bytes;
        struct policy policy;
        uint8_t id[LUCID_SHA256_BYTES];
        lucid_arena_init(&arena, 4U << 20);
        policy_built_in_id(mock != 0, id);
        assert_true(policy_built_in(id, &bytes));
        assert_int_equal(policy_parse(bytes, &arena, &policy, NULL), LUCID_OK);
        assert_memory_equal(policy.id, id, sizeof(id));
        assert_int_equal(policy_accepts_type(&policy, lucid_span_str("mock"), true), mock != 0);
        assert_true(policy_accepts_type(&policy, lucid_span_str("snp"), false));
        id[0] ^= 1;
        assert_false(policy_built_in(id, &bytes));
        lucid_arena_fini(&arena);
    }
}

static void test_default(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct policy policy;
    struct policy bare;
    struct lucid_buf text = {.bytes_max = 0};
    uint8_t id[LUCID_SHA256_BYTES];
    lucid_arena_init(&arena, 4U << 20);
    struct lucid_span bytes = policy_default_bytes();
    assert_int_equal(policy_parse(bytes, &arena, &policy, NULL), LUCID_OK);
    /* It is in canonical form, so its id is the digest of its own bytes. */
    lucid_sha256(bytes, id);
    assert_memory_equal(policy.id, id, sizeof(id));
    assert_int_equal(
        policy_parse(
            kit_text("{'type':'lucid.attestation.policy/v1','name':'default'}", NULL, NULL, &text),
            &arena, &bare, NULL),
        LUCID_OK);
    const struct policy *both[] = {&policy, &bare};
    for (size_t i = 0; i < 2; i++) {
        const struct policy *at = both[i];
        assert_true(policy_accepts_type(at, lucid_span_str("snp"), false));
        assert_false(policy_accepts_type(at, lucid_span_str("mock"), true));
        assert_true(policy_accepts_status(at, "UpToDate"));
        assert_false(policy_accepts_status(at, "OutOfDate"));
        assert_false(policy_accepts_status(at, "NoLevel"));
        assert_false(at->config.debug_allowed || at->config.migration_allowed);
        assert_true(at->config.smt_allowed && at->config.allow_masked_chip);
        assert_int_equal(at->config.vmpl_max, 0);
        assert_int_equal(at->config.report_version_min, 2);
        assert_int_equal(at->result_lifetime_s, 3600);
        assert_int_equal(at->grace_days, 0);
        assert_false(at->unknown_measurement_denied || at->has_enrolment || at->require_crl);
    }
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

/* The same document in another order and with blanks has the same id. */
static void test_id_is_of_the_canonical_bytes(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct policy one;
    struct policy two;
    lucid_arena_init(&arena, 4U << 20);
    assert_int_equal(policy_parse(kit_text("{'name':'a','type':'lucid.attestation.policy/v1'}",
                                           NULL, NULL, &text),
                                  &arena, &one, NULL),
                     LUCID_OK);
    assert_int_equal(
        policy_parse(kit_text("{ 'type' : 'lucid.attestation.policy/v1',\n'name':'\\u0061'} ", NULL,
                              NULL, &text),
                     &arena, &two, NULL),
        LUCID_OK);
    assert_memory_equal(one.id, two.id, sizeof(one.id));
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

#define BAD "INVALID_POLICY"

static const struct kit_fault faults[] = {
    {"'type':'lucid.attestation.policy/v1'", "'type':'lucid.attestation.policy/v2'", BAD, "type"},
    {"'type':'lucid.attestation.policy/v1',", "", BAD, "type"},
    {"'name':'strict'", "'name':''", BAD, "name"},
    {"'name':'strict'", "'name':'a\\nb'", BAD, "name"},
    {"'name':'strict'", "'name':7", BAD, "name"},
    {"'name':'strict',", "", BAD, "name"},
    {"'description':'d'", "'description':null", BAD, "description"},
    {"'description':'d'", "'descripton':'d'", BAD, "descripton"},
    {"'description':'d'", "'a\\u0007b c':1", BAD, "a?b?c"},
    {"'types':['snp','mock']", "'types':[]", BAD, "types"},
    {"'types':['snp','mock']", "'types':'snp'", BAD, "types"},
    {"'types':['snp','mock']", "'types':['snp','snp']", BAD, "types[1]"},
    {"'types':['snp','mock']", "'types':['SNP']", BAD, "types[0]"},
    {"'minTcb':{'snp'", "'minTcb':{'sev'", BAD, "minTcb.sev"},
    {"'Milan'", "'Rome'", BAD, "minTcb.snp.Rome"},
    {"'snp':8", "'spl':8", BAD, "minTcb.snp.Milan.spl"},
    {"'snp':8", "'snp':256", BAD, "minTcb.snp.Milan.snp"},
    {"'snp':8", "'snp':-1", BAD, "minTcb.snp.Milan.snp"},
    {"'snp':8", "'snp':'8'", BAD, "minTcb.snp.Milan.snp"},
    {"'snp':8", "'snp':8.5", BAD, "minTcb.snp.Milan.snp"},
    {"{'fmc':1}", "{}", BAD, "minTcb.snp.*"},
    {"{'fmc':1}", "{'from':'2026-01-02T03:04:05Z'}", BAD, "minTcb.snp.*"},
    {"{'fmc':1}", "[]", BAD, "minTcb.snp.*"},
    {"{'svn':7}", "{'snp':7}", BAD, "minTcb.mock.*.snp"},
    {"'mock':{'*'", "'mock':{'Milan'", BAD, "minTcb.mock.Milan"},
    {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05", BAD, "minTcb.snp.Milan.from"},
    {"2026-01-02T03:04:05Z", "2026-02-29T03:04:05Z", BAD, "minTcb.snp.Milan.from"},
    {"2026-01-02T03:04:05Z", "2028-02-29T03:04:05Z", NULL, ""},
    {"2026-01-02T03:04:05Z", "2026-01-02T24:04:05Z", BAD, "minTcb.snp.Milan.from"},
    {"2026-01-02T03:04:05Z", "2026-01-02 03:04:05Z", BAD, "minTcb.snp.Milan.from"},
    {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.001Z", BAD, "minTcb.snp.Milan.from"},
    {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z", NULL, ""},
    {"'UpToDate',", "'Revoked',", BAD, "acceptedStatus[0]"},
    {"'OutOfDate']", "'NoLevel']", BAD, "acceptedStatus[1]"},
    {"'OutOfDate']", "'UptoDate']", BAD, "acceptedStatus[1]"},
    {"'OutOfDate']", "'UpToDate']", BAD, "acceptedStatus[1]"},
    {"'graceDays':30", "'graceDays':3651", BAD, "graceDays"},
    {"'maxCollateralAgeDays':7", "'maxCollateralAgeDays':true", BAD, "maxCollateralAgeDays"},
    {"'requireCrl':true", "'requireCrl':1", BAD, "requireCrl"},
    {"'debug':true", "'debug':'no'", BAD, "config.debug"},
    {"'debug':true", "'Debug':true", BAD, "config.Debug"},
    {"'vmplMax':3", "'vmplMax':4", BAD, "config.vmplMax"},
    {"'reportVersionMin':3", "'reportVersionMin':1", BAD, "config.reportVersionMin"},
    {"'abiMin':'1.55'", "'abiMin':'1'", BAD, "config.abiMin"},
    {"'abiMin':'1.55'", "'abiMin':'1.'", BAD, "config.abiMin"},
    {"'abiMin':'1.55'", "'abiMin':'01.5'", BAD, "config.abiMin"},
    {"'abiMin':'1.55'", "'abiMin':'1.256'", BAD, "config.abiMin"},
    {"'abiMin':'1.55'", "'abiMin':'1.5.5'", BAD, "config.abiMin"},
    {"'abiMin':'1.55'", "'abiMin':'0.0'", NULL, ""},
    {"'idKeyDigests':['" H48 "']", "'idKeyDigests':['" H32 "']", BAD, "config.idKeyDigests[0]"},
    {"'authorKeyDigests':[]", "'authorKeyDigests':['x']", BAD, "config.authorKeyDigests[0]"},
    {"'references':['sha256:" H32 "']", "'references':['" H32 "']", BAD, "references[0]"},
    {"'references':['sha256:" H32 "']", "'references':['sha256:" H48 "']", BAD, "references[0]"},
    {"'references':['sha256:" H32 "']", "'references':['sha256:" H32 "','sha256:" H32 "']", BAD,
     "references[1]"},
    {"'unknownMeasurement':'deny'", "'unknownMeasurement':'allow'", BAD, "unknownMeasurement"},
    {"'allowMeasurements':['" H48 "']", "'allowMeasurements':['00']", BAD, "allowMeasurements[0]"},
    {"'allowMeasurements':['" H48 "']", "'allowMeasurements':['" H48 "','" H48 "']", BAD,
     "allowMeasurements[1]"},
    {"'enrolment':['0a0b']", "'enrolment':['0A0B']", BAD, "enrolment[0]"},
    {"'enrolment':['0a0b']", "'enrolment':['0a0']", BAD, "enrolment[0]"},
    {"'enrolment':['0a0b']", "'enrolment':['']", BAD, "enrolment[0]"},
    {"'enrolment':['0a0b']", "'enrolment':[]", NULL, ""},
    {"'revokedInstances':['ff']", "'revokedInstances':{}", BAD, "revokedInstances"},
    {"'resultSeconds':60", "'resultSeconds':59", BAD, "resultSeconds"},
    {"'resultSeconds':60", "'resultSeconds':86401", BAD, "resultSeconds"},
    {"'resultSeconds':60", "'resultSeconds':60,'resultSeconds':61", "INVALID_JSON",
     "resultSeconds"},
    {"'resultSeconds':60", "'signature':{}", BAD, "signature.algorithm"},
    {"'resultSeconds':60", "'signature':{'algorithm':'RSA'}", BAD, "signature.algorithm"},
    {"'resultSeconds':60}", "'resultSeconds':60", "INVALID_JSON", ""},
    {"{'type'", "[{'type'", "INVALID_JSON", ""},
};

static void test_refusals(void **state)
{
    (void)state;
    kit_faults(full, faults, sizeof(faults) / sizeof(faults[0]), parse);
    const struct kit_fault whole[] = {{"[]", "[1]", BAD, ""}, {"[]", "null", BAD, ""}};
    kit_faults("[]", whole, 2, parse);
}

static void test_bounds(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_why why = {.code = NULL};
    lucid_arena_init(&arena, 8U << 20);
    /* One digest too many. */
    lucid_buf_str(&text, "{\"type\":\"" POLICY_TYPE_NAME "\",\"name\":\"n\",\"enrolment\":[");
    for (unsigned i = 0; i <= POLICY_DIGESTS_MAX; i++) {
        lucid_buf_printf(&text, "%s\"%04x\"", i == 0 ? "" : ",", i);
    }
    size_t len = text.len;
    lucid_buf_str(&text, "]}");
    assert_int_equal(parse(lucid_buf_span(&text), &arena, &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, "enrolment");
    text.len = len - strlen(",\"0100\"");
    lucid_buf_str(&text, "]}");
    assert_int_equal(parse(lucid_buf_span(&text), &arena, &why), LUCID_OK);
    /* Bytes. */
    while (text.len < POLICY_BYTES_MAX) {
        lucid_buf_char(&text, ' ');
    }
    assert_int_equal(parse(lucid_buf_span(&text), &arena, &why), LUCID_OK);
    lucid_buf_char(&text, ' ');
    assert_int_equal(parse(lucid_buf_span(&text), &arena, &why), LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(why.code, "BODY_TOO_LARGE");
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

/* Short memory is our fault and changes nothing. */
static void test_memory(void **state)
{
    (void)state;
    struct lucid_buf text = {.bytes_max = 0};
    kit_text(full, NULL, NULL, &text);
    bool done = false;
    for (size_t limit = 0; !done; limit += 4096) {
        struct lucid_arena arena;
        struct policy policy = {.name = "before"};
        struct lucid_why why = {.code = NULL};
        lucid_arena_init(&arena, limit);
        enum lucid_error error = policy_parse(lucid_buf_span(&text), &arena, &policy, &why);
        done = error == LUCID_OK;
        if (!done) {
            assert_int_equal(error, LUCID_RETRY_MEMORY);
            assert_string_equal(policy.name, "before");
        }
        lucid_arena_fini(&arena);
        assert_true(limit < (1U << 20));
    }
    lucid_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_read),
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_built_in),
        cmocka_unit_test(test_id_is_of_the_canonical_bytes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

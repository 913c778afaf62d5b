/* Issuing: what a passport says of appraisals as they are made here, and who gets none. */
#include "issue_world.h"

#define BOUND_CONTAINER                                                                            \
    "{'container':{'digest':'" LOG_CONTAINER "','registry':'registry.example/app'}}"

/* --- a plain one ------------------------------------------------------------------------------ */

static void test_plain(void **state)
{
    (void)state;
    struct log *log = calloc(1, sizeof(*log));
    log_open(log);
    struct issue_appraisal *appraisal =
        log_appraise(log, &(struct how){.workload = BOUND_CONTAINER});
    log_issue(log);
    assert_int_equal(strlen(log->issue.id), PASSPORT_ID_BYTES);
    assert_true(lucid_span_is(log->passport.id, log->issue.id));
    log_says(log, "$schema", "'" PASSPORT_SCHEMA "'");
    log_says(log, "appName", "'My App <b>'");
    log_says(log, "version", "'1.0.0'");
    log_says(log, "issuedAt", "'2027-01-15T10:00:00Z'");
    log_says(log, "expiresAt", "'2027-02-14T10:00:00Z'");
    log_says(log, "renewAfter", "'2027-01-30T10:00:00Z'");
    log_says(log, "application", "'my-app'");
    log_says(log, "issuer", "'" LOG_ORIGIN "'");
    log_says(log, "tee.type", "'MOCK'");
    log_says(log, "tee.measurement", "{'alg':'sha384','value':'" LOG_LAUNCH "'}");
    log_says(log, "tee.appraisal.status", "'warning'");
    log_says(log, "tee.appraisal.appraisedAt", "'2027-01-15T10:00:00Z'");
    log_says(log, "auditors", "[]");
    log_says(log, "container",
             "{'digest':'" LOG_CONTAINER "','registry':'registry.example/app','source':'bound'}");
    log_says(log, "slsa", "{'concludedBy':'" LOG_ORIGIN "','level':0,'track':'none'}");
    log_says(log, "endpoints", "['https://app.example']");
    log_says(log, "is_mock", "true");
    log_says(log, "test", "false");
    log_says(log, "status", "{'uri':'/v1/passports/status'}");
    log_says(log, "omitted", NULL);
    log_says(log, "model", NULL);
    log_says(log, "routing", NULL);
    log_says(log, "supersedes", NULL);
    log_says(log, "signature.kid", "'kid-1'");
    assert_true(lucid_span_equal(log->passport.tee.quote, appraisal->evidence));
    assert_true(lucid_span_equal(log->passport.tee.runtime_data, appraisal->runtime_data));
    assert_memory_equal(log->passport.tee.appraisal, appraisal->id, LUCID_SHA256_BYTES);
    assert_true(log->issue.mock && log->issue.has_quote && !log->issue.test);
    assert_int_equal(log->issue.disclosures.len, 0);
    log_close(log);
    free(log);
}

/* The payload of passport.issued, and that it is of this very passport. */
static void test_record(void **state)
{
    (void)state;
    struct log *log = calloc(1, sizeof(*log));
    log_open(log);
    log_appraise(log, &(struct how){.svn = 3});
    log->input.base_url = lucid_span_str("https://lucid.example/");
    log->input.supersedes = lucid_span_str("pass-aaaabbbbccccdddd");
    log_issue(log);
    log_says(log, "status", "{'uri':'https://lucid.example/v1/passports/status'}");
    log_says(log, "supersedes", "'pass-aaaabbbbccccdddd'");
    log->passport.root = NULL;
    struct lucid_span record = log->issue.record;
    static const struct jcs_limits limits = {.depth_max = 4, .values_max = 100};
    assert_int_equal(jcs_parse(record, &limits, &log->arena, &log->passport.root, NULL), LUCID_OK);
    char digest[96] = "'sha256:";
    lucid_hex_encode(log->issue.digest, LUCID_SHA256_BYTES, digest + 8);
    digest[72] = '\'';
    log_says(log, "passportDigest", digest);
    lucid_hex_encode(log->request.digest, LUCID_SHA256_BYTES, digest + 8);
    log_says(log, "request", digest);
    log_says(log, "type", "'passport.issued'");
    log_says(log, "issuedAt", "1800007200");
    log_says(log, "expiresAt", "1802599200");
    log_says(log, "renewAfter", "1801303200");
    log_says(log, "issuer", "'kid-1'");
    log_says(log, "quote", "true");
    log_says(log, "mock", "true");
    log_says(log, "supersedes", "'pass-aaaabbbbccccdddd'");
    log_close(log);
    free(log);
}

/* The recorded evidence binds other data than the runtime data: what those name is the operator's
 * word alone, and the passport says that it is a test's. */
static void test_recorded_hardware(void **state)
{
    (void)state;
    struct log *log = calloc(1, sizeof(*log));
    log_open(log);
    log->input.allow_mock = false;
    log->input.test = true;
    log_appraise(log, &(struct how){.milan = true,
                                    .workload =
                                        "{'container':{'digest':'" LOG_CONTAINER
                                        "'},'auditors':[{'id':'a1','digest':'" LOG_IMAGE "'}]}"});
    log_issue(log);
    log_says(log, "tee.type", "'AMD_SEV_SNP'");
    log_says(log, "tee.measurement.value", "'" LOG_MILAN "'");
    log_says(log, "tee.appraisal.status", "'affirming'");
    log_says(log, "container.source", "'declared'");
    log_says(log, "auditors",
             "[{'digest':'" LOG_IMAGE
             "','id':'a1','name':'a1','source':'declared','status':'inactive'}]");
    log_says(log, "is_mock", "false");
    log_says(log, "test", "true");
    log_close(log);
    free(log);
}

/* --- who gets none ---------------------------------------------------------------------------- */

typedef void change_fn(struct log *log);

static void now_late(struct log *log)
{
    log->input.now_s += ISSUE_SKEW_S + 1;
}
static void now_early(struct log *log)
{
    log->input.now_s -= ISSUE_SKEW_S + 1;
}
static void other_application(struct log *log)
{
    log->application.name = lucid_span_str("your-app");
}
static void other_version(struct log *log)
{
    log->application.version = lucid_span_str("2.0.0");
    log->request.version = lucid_span_str("1.0.0");
}
static void no_version(struct log *log)
{
    log->application.version = lucid_span_str("");
}
static void other_policy(struct log *log)
{
    log->input.policy[0] ^= 1;
}
static void other_log(struct log *log)
{
    log->input.issuer = lucid_span_str("other.example");
}
static void no_mock(struct log *log)
{
    log->input.allow_mock = false;
}
static void old_key(struct log *log)
{
    log->appraisals[0].key_trusted = false;
}
static void too_old(struct log *log)
{
    log->application.appraisal_age_s_max = 100;
}
static void other_audience(struct log *log)
{
    log->application.audience = lucid_span_str("https://other.example");
}
static void worse_today(struct log *log)
{
    log->appraisals[0].today = APPRAISAL_CONTRAINDICATED;
}
static void fails_today(struct log *log)
{
    memcpy(log->appraisals[0].today_code, "revocation.leaf_revoked", 24);
}
static void erased_evidence(struct log *log)
{
    log->appraisals[0].evidence.len = 0;
}
static void erased_token(struct log *log)
{
    log->appraisals[0].ear.len = 0;
}
static void erased_runtime(struct log *log)
{
    log->appraisals[0].runtime_data.len = 0;
}
static void other_evidence(struct log *log)
{
    log->appraisals[0].evidence = lucid_span_str("another quote");
}
static void other_record(struct log *log)
{
    log->appraisals[0].id[0] ^= 1;
    log->request.appraisals[0][0] ^= 1;
}
static void not_there(struct log *log)
{
    log->request.appraisals[0][0] ^= 1;
}
static void more_than_asked(struct log *log)
{
    log_appraise(log, &(struct how){.svn = 9});
}
static void level_missing(struct log *log)
{
    log->application.slsa_level_min = 1;
}
static void provenance_of_nothing(struct log *log)
{
    log->request.provenance[log->request.provenance_count++] = lucid_span_str("{}");
}
static void signature_wrong(struct log *log)
{
    log->request.signature[3] ^= 1;
}
static void other_algorithm(struct log *log)
{
    log->request.alg = JOSE_ES256;
}

static const struct {
    change_fn *change;
    const char *code;
    const char *param;
} refusals[] = {
    {now_late, "PASSPORT_REFUSED", "time"},
    {now_early, "PASSPORT_REFUSED", "time"},
    {other_application, "PASSPORT_REFUSED", "application"},
    {other_version, "PASSPORT_REFUSED", "version"},
    {no_version, "PASSPORT_REFUSED", "version"},
    {other_policy, "PASSPORT_REFUSED", "appraisals[0]"},
    {other_log, "PASSPORT_REFUSED", "appraisals[0]"},
    {no_mock, "MOCK_NOT_ALLOWED", "appraisals[0]"},
    {old_key, "PASSPORT_REFUSED", "appraisals[0]"},
    {too_old, "PASSPORT_REFUSED", "appraisals[0]"},
    {other_audience, "PASSPORT_REFUSED", "appraisals[0]"},
    {worse_today, "PASSPORT_REFUSED", "appraisals[0]"},
    {fails_today, "PASSPORT_REFUSED", "appraisals[0]"},
    {erased_evidence, "PASSPORT_REFUSED", "appraisals[0]"},
    {erased_token, "PASSPORT_REFUSED", "appraisals[0]"},
    {erased_runtime, "PASSPORT_REFUSED", "appraisals[0]"},
    {other_evidence, "PASSPORT_REFUSED", "appraisals[0]"},
    {other_record, "PASSPORT_REFUSED", "appraisals[0]"},
    {not_there, "PASSPORT_REFUSED", "appraisals[0]"},
    {more_than_asked, "PASSPORT_REFUSED", "appraisals"},
    {level_missing, "PASSPORT_REFUSED", "provenance"},
    {provenance_of_nothing, "PASSPORT_REFUSED", "provenance"},
    {signature_wrong, "SIGNATURE_INVALID", "signature.value"},
    {other_algorithm, "SIGNATURE_INVALID", "signature.value"},
};

static void refused(struct log *log, const char *code, const char *param)
{
    struct lucid_span before = lucid_span_str("untouched");
    log->issue.passport = before;
    enum lucid_error error = log_run(log);
    if (lucid_category(error) != LUCID_CATEGORY_REFUSE || strcmp(log->why.code, code) != 0 ||
        strcmp(log->why.param, param) != 0) {
        fail_msg("%d: %s %s: %s", (int)error, log->why.code, log->why.param, log->why.text);
    }
    assert_true(log->why.text[0] != '\0');
    assert_ptr_equal(log->issue.passport.data, before.data);
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct log *log = calloc(1, sizeof(*log));
        log_open(log);
        log_appraise(log, &(struct how){.received_s = LOG_NOW_S - 101});
        log_request(log);
        refusals[i].change(log);
        refused(log, refusals[i].code, refusals[i].param);
        log_close(log);
        free(log);
    }
}

/* The last second of everything. */
static void test_limits(void **state)
{
    (void)state;
    struct log *log = calloc(1, sizeof(*log));
    log_open(log);
    log_appraise(log, &(struct how){.received_s = LOG_NOW_S - 3600});
    log->application.appraisal_age_s_max = 3600;
    log_issue(log);
    log->input.now_s++;
    refused(log, "PASSPORT_REFUSED", "appraisals[0]");
    log->input.now_s--;
    log->application.appraisal_age_s_max = 3599;
    refused(log, "PASSPORT_REFUSED", "appraisals[0]");
    log_close(log);
    free(log);
}

/* Verdicts that no passport rests on. */
static void test_statuses(void **state)
{
    (void)state;
    static const struct {
        struct how how;
        const char *policy; /* "": as it is */
        bool good;
    } cases[] = {
        {{.svn = 3}, LOG_POLICY, true},
        {{.debug = true}, LOG_POLICY, false},
        {{.svn = 3}, ",'types':['mock']", true}, /* nobody knows the measurement of a mock */
        {{.svn = 3}, ",'types':['mock'],'unknownMeasurement':'deny'", false},
        {{.svn = 3}, ",'types':['mock'],'denyMeasurements':['" LOG_LAUNCH "']", false},
        {{.svn = 3},
         ",'types':['mock'],'minTcb':{'mock':{'*':{'svn':4,'from':'2027-01-14T00:00:00Z'}}},"
         "'graceDays':30",
         false},
        {{.svn = 3}, ",'types':['mock'],'requireCrl':true", false},
        {{.milan = true}, LOG_POLICY, true},
        {{.milan = true}, ",'types':['snp']", false}, /* a warning is enough for a mock alone */
        {{.milan = true, .beside_mock = true}, LOG_POLICY, true},
        /* and not for what stands beside one: nobody knows the measurement of the other */
        {{.milan = true, .beside_mock = true},
         ",'types':['mock','snp'],'allowMeasurements':['" LOG_LAUNCH "']",
         false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log *log = calloc(1, sizeof(*log));
        log_open(log);
        log_policy(log, cases[i].policy);
        log_appraise(log, &cases[i].how);
        log_request(log);
        if (cases[i].good) {
            log_issue(log);
        } else {
            refused(log, "PASSPORT_REFUSED", "appraisals[0]");
        }
        log_close(log);
        free(log);
    }
}

/* All of several appraisals have to be good, and by one key. */
static void test_several(void **state)
{
    (void)state;
    static const struct {
        struct how how;
        bool good;
    } cases[] = {
        {{.svn = 4}, true},
        {{.svn = 4, .key = 77}, false},
        {{.debug = true}, false},
        {{.received_s = LOG_NOW_S - 3601}, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log *log = calloc(1, sizeof(*log));
        log_open(log);
        log_appraise(log, &(struct how){.svn = 3});
        log_appraise(log, &cases[i].how);
        log_request(log);
        if (cases[i].good) {
            log_issue(log);
            assert_int_equal(log->passport.appraisal_count, 2);
            assert_memory_equal(log->passport.appraisals[1], log->appraisals[1].id,
                                LUCID_SHA256_BYTES);
        } else {
            refused(log, "PASSPORT_REFUSED", "appraisals[1]");
        }
        log_close(log);
        free(log);
    }
}

/* A key that signs is the one that the evidence binds. */
static void test_other_signer(void **state)
{
    (void)state;
    struct log *log = calloc(1, sizeof(*log));
    log_open(log);
    log_appraise(log, &(struct how){.key = 77});
    log_request(log);
    refused(log, "SIGNATURE_INVALID", "signature.value");
    /* That of a later appraisal is none of it. */
    log->workload = kit_key(78);
    log_appraise(log, &(struct how){.svn = 4, .key = 78});
    log_request(log);
    refused(log, "SIGNATURE_INVALID", "signature.value");
    log_close(log);
    free(log);
}

/* The shortest and the longest life; a result a little ahead of the log's clock, and too far. */
static void test_times(void **state)
{
    (void)state;
    struct log *log = calloc(1, sizeof(*log));
    log_open(log);
    log_appraise(log, &(struct how){.received_s = LOG_NOW_S + ISSUE_SKEW_S});
    log->application.validity_days = 1;
    log_issue(log);
    log_says(log, "expiresAt", "'2027-01-16T10:00:00Z'");
    log_says(log, "renewAfter", "'2027-01-15T22:00:00Z'");
    log->application.validity_days = PASSPORT_VALIDITY_DAYS_MAX;
    log_issue(log);
    log_says(log, "expiresAt", "'2028-02-17T10:00:00Z'");
    log->input.now_s--;
    refused(log, "PASSPORT_REFUSED", "appraisals[0]");
    /* However far: nothing wraps around. */
    log->input.now_s = 0;
    refused(log, "PASSPORT_REFUSED", "time");
    log->input.now_s = LOG_NOW_S;
    log->request.time_s = UINT64_MAX;
    refused(log, "PASSPORT_REFUSED", "time");
    log_close(log);
    free(log);
}

/* Whatever runs out where: said as such, and nothing is issued; with enough it is the same passport
 * as ever. */
static void test_memory(void **state)
{
    (void)state;
    struct log *log = calloc(1, sizeof(*log));
    log_open(log);
    log_appraise(log, &(struct how){.workload = BOUND_CONTAINER});
    log->application.evidence[PASSPORT_TEE_ATTESTATION] = false;
    log_issue(log);
    struct lucid_span good = log->issue.passport;
    unsigned failures = 0;
    enum lucid_error error = LUCID_RETRY_MEMORY;
    for (size_t limit = 1024; error != LUCID_OK; limit += 4096) {
        struct lucid_arena arena;
        struct issue issue = {.passport = {.len = 7}};
        lucid_arena_init(&arena, limit);
        error = issue_run(&log->input, &arena, &issue, &log->why);
        if (error == LUCID_OK) {
            assert_true(lucid_span_equal(issue.passport, good));
        } else {
            assert_int_equal(error, LUCID_RETRY_MEMORY);
            assert_int_equal(issue.passport.len, 7);
            failures++;
        }
        lucid_arena_fini(&arena);
    }
    assert_true(failures > 10);
    log_close(log);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_recorded_hardware),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_other_signer),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

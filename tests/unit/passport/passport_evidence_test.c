/* Passports held against the records and bundles of their appraisals, and those against what is
 * known today. */
#include "issue_world.h"

#define BOUND                                                                                      \
    "{'auditors':[{'id':'a1','digest':'" LOG_IMAGE "'}],"                                          \
    "'container':{'digest':'" LOG_CONTAINER "'}}"

static struct log *open_log(const struct how *how)
{
    struct log *log = calloc(1, sizeof(*log));
    assert_non_null(log);
    log_open(log);
    log->input.test = how->milan || how->synthetic;
    log_appraise(log, how);
    return log;
}

static void close_log(struct log *log)
{
    log_close(log);
    free(log);
}

static void said(const struct verify_evidence *made, enum verify_outcome outcome, const char *code,
                 const char *detail)
{
    if (made->outcome != outcome || strcmp(made->code, code) != 0 ||
        strcmp(made->detail, detail) != 0) {
        fail_msg("%s %s %s", verify_outcome_name(made->outcome), made->code, made->detail);
    }
    assert_non_null(verify_code_text(made->code));
}

static void compare(struct log *log, enum verify_outcome outcome, const char *code,
                    const char *detail)
{
    struct verify_evidence made;
    const struct issue_appraisal *first = &log->appraisals[0];
    assert_int_equal(evidence_compare(&log->passport, first->record, first->runtime_data,
                                      first->evidence, &log->arena, &made),
                     LUCID_OK);
    said(&made, outcome, code, detail);
}

/* The passport again, with a text in the place of another, read without a look at its signature. */
static void change(struct log *log, const char *from, const char *to)
{
    enum passport_fault fault;
    struct lucid_buf plain = {.bytes_max = 0};
    struct lucid_buf out = {.bytes_max = 0};
    lucid_buf_span_put(&plain, log->issue.passport);
    lucid_buf_char(&plain, '\0');
    struct lucid_span with = log_text(log, from);
    struct lucid_span instead = log_text(log, to);
    assert_non_null(strstr((const char *)plain.data, (const char *)with.data));
    kit_text((const char *)plain.data, (const char *)with.data, (const char *)instead.data, &out);
    if (passport_read(lucid_buf_span(&out), &log->arena, &log->passport, &fault, &log->why) !=
        LUCID_OK) {
        fail_msg("%s: %s", log->why.param, log->why.text);
    }
    lucid_buf_fini(&plain);
    lucid_buf_fini(&out);
}

/* --- records ---------------------------------------------------------------------------------- */

static void test_agrees(void **state)
{
    (void)state;
    struct log *log = open_log(&(struct how){.workload = BOUND});
    log_issue(log);
    compare(log, VERIFY_WARN, "evidence.mock", "");
    close_log(log);
    log = open_log(&(struct how){.milan = true});
    log_issue(log);
    compare(log, VERIFY_WARN, "evidence.test", "");
    close_log(log);
}

static void test_contradicts(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
        const char *detail;
    } cases[] = {
        {"'type':'MOCK'", "'type':'AMD_SEV_SNP'", "tee.type"},
        {"'alg':'sha384','value':'11", "'alg':'sha384','value':'12", "tee.measurement"},
        {"'alg':'sha384'", "'alg':'sha512'", "tee.measurement"},
        {"'measurementHash':'sha256:", NULL, "tee.measurementHash"},
        {"'earDigest':'sha256:", NULL, "tee.appraisal.earDigest"},
        {"'policyId':'sha256:", NULL, "tee.appraisal.policyId"},
        {"'collateralDigest':'sha256:", NULL, "tee.appraisal.collateralDigest"},
        {"'status':'warning'", "'status':'affirming'", "tee.appraisal.status"},
        {"'appraisedAt':'2027-01-15T10:00:00Z'", "'appraisedAt':'2027-01-15T10:00:01Z'",
         "tee.appraisal.appraisedAt"},
        {"'issuer':'" LOG_ORIGIN "'", "'issuer':'other.example'", "issuer"},
        {"'issuedAt':'2027-01-15T10:00:00Z'", "'issuedAt':'2027-01-15T09:59:59Z'", "issuedAt"},
        {"'container':{'digest':'sha256:", NULL, "container"},
        {"'auditors':[{'digest':'sha256:", NULL, "auditors"},
        {"'id':'a1'", "'id':'a2'", "auditors"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log *log = open_log(&(struct how){.workload = BOUND});
        log_issue(log);
        if (cases[i].to != NULL) {
            change(log, cases[i].from, cases[i].to);
        } else { /* another digest */
            char from[96];
            char to[96];
            struct lucid_span form = log_text(log, cases[i].from);
            const char *text =
                memmem(log->issue.passport.data, log->issue.passport.len, form.data, form.len);
            assert_non_null(text);
            (void)snprintf(from, sizeof(from), "%s%c", cases[i].from, text[form.len]);
            (void)snprintf(to, sizeof(to), "%s%c", cases[i].from,
                           text[form.len] == 'a' ? 'b' : 'a');
            change(log, from, to);
        }
        compare(log, VERIFY_FAIL, "evidence.contradicts", cases[i].detail);
        close_log(log);
    }
}

/* A passport of a mock that says it is none: the type alone says it, so the record has to. */
static void test_hidden_marks(void **state)
{
    (void)state;
    struct log *log = open_log(&(struct how){.milan = true});
    log_issue(log);
    change(log, "'test':true", "'test':false");
    compare(log, VERIFY_FAIL, "evidence.contradicts", "test");
    log->passport.test = true;
    compare(log, VERIFY_WARN, "evidence.test", "");
    /* What a test store's runtime data name is bound by nothing. */
    change(log, "'slsa':", "'container':{'digest':'" LOG_CONTAINER "','source':'bound'},'slsa':");
    compare(log, VERIFY_FAIL, "evidence.contradicts", "container");
    close_log(log);
    log = open_log(&(struct how){.svn = 3});
    log_issue(log);
    log->passport.is_mock = false;
    compare(log, VERIFY_FAIL, "evidence.contradicts", "is_mock");
    close_log(log);
}

/* What is not at hand is not said to pass. */
static void test_not_at_hand(void **state)
{
    (void)state;
    struct log *log = open_log(&(struct how){.workload = BOUND});
    const struct issue_appraisal *first = &log->appraisals[0];
    const struct lucid_span none = {.data = NULL};
    struct verify_evidence made;
    log->application.evidence[PASSPORT_TEE_ATTESTATION] = false;
    log_issue(log);
    assert_int_equal(
        evidence_compare(&log->passport, first->record, none, none, &log->arena, &made), LUCID_OK);
    said(&made, VERIFY_SKIPPED, "evidence.absent", "quote");
    assert_int_equal(
        evidence_compare(&log->passport, first->record, none, first->evidence, &log->arena, &made),
        LUCID_OK);
    said(&made, VERIFY_SKIPPED, "evidence.absent", "runtimeData");
    compare(log, VERIFY_WARN, "evidence.mock", "");
    /* Another record, and none. */
    log_appraise(log, &(struct how){.svn = 4});
    assert_int_equal(
        evidence_compare(&log->passport, log->appraisals[1].record, none, none, &log->arena, &made),
        LUCID_OK);
    said(&made, VERIFY_FAIL, "evidence.contradicts", "tee.appraisal.id");
    assert_int_equal(
        evidence_compare(&log->passport, lucid_span_str("{}"), none, none, &log->arena, &made),
        LUCID_OK);
    said(&made, VERIFY_FAIL, "evidence.contradicts", "tee.appraisal.id");
    log->passport.tee.has_appraisal = false;
    compare(log, VERIFY_SKIPPED, "evidence.absent", "tee.appraisal");
    close_log(log);
}

/* --- bundles ---------------------------------------------------------------------------------- */

static struct lucid_span bundle_of(struct log *log, struct lucid_span record, struct lucid_span ear)
{
    struct lucid_buf keys = {.bytes_max = 0};
    struct lucid_buf out = {.bytes_max = 0};
    struct ledger_ed25519_key key = kit_key(VERIFIER_KEY);
    lucid_buf_str(&keys, "{\"keys\":[{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
    lucid_base64url_write(&keys, lucid_span(key.public_key, sizeof(key.public_key)));
    lucid_buf_str(&keys, "\"}]}");
    enum lucid_error error =
        bundle_write(record, ear, lucid_buf_span(&keys), (struct lucid_span){.data = NULL},
                     log_blob_find, log, &log->arena, &out, &log->why);
    if (error != LUCID_OK) {
        fail_msg("%s: %s", log->why.param, log->why.text);
    }
    struct lucid_span bundle = log_keep(log, lucid_buf_span(&out));
    lucid_buf_fini(&keys);
    lucid_buf_fini(&out);
    return bundle;
}

static void replay(struct log *log, const struct lucid_span *bundles, size_t count, uint8_t trusted,
                   enum verify_outcome outcome, const char *code, const char *detail)
{
    struct ledger_ed25519_key key = kit_key(trusted);
    const struct replay_trust trust = {.keys = (const uint8_t(*)[DOCUMENT_KEY_BYTES])key.public_key,
                                       .key_count = 1,
                                       .verify = kit_verify};
    struct verify_evidence made;
    assert_int_equal(evidence_replay(&log->passport, bundles, count, &trust, &log->arena, &made),
                     LUCID_OK);
    said(&made, outcome, code, detail);
}

static void test_replay(void **state)
{
    (void)state;
    struct log *log = open_log(&(struct how){.workload = BOUND});
    log_claims(log, 1, "false", &log->appraisals[0], NULL);
    log_appraise(log, &(struct how){.svn = 4, .workload = BOUND});
    log_issue(log);
    struct lucid_span bundles[4] = {
        bundle_of(log, log->appraisals[0].record, log->appraisals[0].ear),
        bundle_of(log, log->appraisals[1].record, log->appraisals[1].ear),
        bundle_of(log, log->claims[0].record, log->claims_ears[0]),
    };
    replay(log, bundles, 3, VERIFIER_KEY, VERIFY_WARN, "evidence.mock", "");
    replay(log, bundles, 0, VERIFIER_KEY, VERIFY_SKIPPED, "evidence.absent", "");
    replay(log, bundles, 2, VERIFIER_KEY, VERIFY_SKIPPED, "evidence.absent", "appraisals");
    replay(log, bundles, 3, SIGNER, VERIFY_UNKNOWN, "evidence.key_unknown", "");
    bundles[3] = bundles[0];
    replay(log, bundles, 4, VERIFIER_KEY, VERIFY_FAIL, "evidence.contradicts", "appraisals");
    bundles[3] = bundles[1];
    bundles[1] = bundles[2];
    bundles[2] = bundles[3];
    replay(log, bundles, 3, VERIFIER_KEY, VERIFY_FAIL, "evidence.contradicts", "appraisals[1]");
    bundles[1] = lucid_span_str("{}");
    replay(log, bundles, 3, VERIFIER_KEY, VERIFY_FAIL, "evidence.differs",
           "appraisals[1]: INVALID_BUNDLE");
    close_log(log);
}

/* A token over other claims; and a passport that says more than what was replayed. */
static void test_replay_differs(void **state)
{
    (void)state;
    struct log *log = open_log(&(struct how){.workload = BOUND});
    log_issue(log);
    struct lucid_span good = bundle_of(log, log->appraisals[0].record, log->appraisals[0].ear);
    change(log, "'container':{'digest':'sha256:1", "'container':{'digest':'sha256:2");
    replay(log, &good, 1, VERIFIER_KEY, VERIFY_FAIL, "evidence.contradicts", "container");
    log_issue(log);
    replay(log, &good, 1, VERIFIER_KEY, VERIFY_WARN, "evidence.mock", "");
    struct lucid_span other =
        bundle_of(log, log->appraisals[0].record, log_token(log, lucid_span_str("{\"a\":1}")));
    replay(log, &other, 1, VERIFIER_KEY, VERIFY_FAIL, "evidence.differs", "token");
    close_log(log);
    log = open_log(&(struct how){.milan = true});
    log_issue(log);
    good = bundle_of(log, log->appraisals[0].record, log->appraisals[0].ear);
    replay(log, &good, 1, VERIFIER_KEY, VERIFY_WARN, "evidence.test", "");
    close_log(log);
}

/* A bundle brings the reference sets too: what they do not list, none of them vouches for. */
static void test_replay_reference(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
        const char *detail; /* NULL: it agrees */
    } cases[] = {
        {"'level':0", "'level':0", NULL},
        {"'container':{'digest':'sha256:1", "'container':{'digest':'sha256:2", "container"},
        {"'auditors':[{'digest':'sha256:3", "'auditors':[{'digest':'sha256:4", "auditors"},
        {"'id':'a1'", "'id':'a2'", "auditors"},
    };
    struct log *log = calloc(1, sizeof(*log));
    log_open(log);
    log_reference(log, LOG_LAUNCH,
                  "'containers':[{'digest':'" LOG_CONTAINER
                  "'}],'auditors':[{'id':'a1','digest':'" LOG_IMAGE "'}]");
    log->application.container.present = true;
    memset(log->application.container.digest, 0x11, LUCID_SHA256_BYTES);
    log->application.auditors[0] =
        (struct application_auditor){.id = lucid_span_str("a1"), .has_digest = true};
    memset(log->application.auditors[0].digest, 0x33, LUCID_SHA256_BYTES);
    log->application.auditor_count = 1;
    log_appraise(log, &(struct how){.svn = 3});
    struct lucid_span bundle = bundle_of(log, log->appraisals[0].record, log->appraisals[0].ear);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        log_issue(log);
        assert_int_equal(log->passport.container.source, PASSPORT_REFERENCE);
        assert_int_equal(log->passport.auditors[0].source, PASSPORT_REFERENCE);
        change(log, cases[i].from, cases[i].to);
        bool agrees = cases[i].detail == NULL;
        replay(log, &bundle, 1, VERIFIER_KEY, agrees ? VERIFY_WARN : VERIFY_FAIL,
               agrees ? "evidence.mock" : "evidence.contradicts", agrees ? "" : cases[i].detail);
    }
    close_log(log);
}

/* --- today ------------------------------------------------------------------------------------ */

struct newest {
    struct log *log;
    const char *key;
    struct lucid_span bytes;
    unsigned asked;
};

static enum lucid_error newest_blob(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                                    struct lucid_span *ret)
{
    struct newest *newest = context;
    return log_blob_find(newest->log, digest, ret);
}

static enum lucid_error newest_find(void *context, struct lucid_span key,
                                    struct appraisal_collateral *ret)
{
    struct newest *newest = context;
    newest->asked++;
    if (newest->key == NULL || !lucid_span_is(key, newest->key)) {
        return LUCID_NOTE_ABSENT;
    }
    ret->bytes = newest->bytes;
    ret->imported_s = LOG_NOW_S;
    return LUCID_OK;
}

static struct today today_of(struct newest *newest, uint64_t now_s)
{
    const struct today_input input = {.record = newest->log->appraisals[0].record,
                                      .blob = newest_blob,
                                      .collateral = newest_find,
                                      .context = newest,
                                      .now_s = now_s};
    struct today today;
    enum lucid_error error = today_appraise(&input, &newest->log->arena, &today, &newest->log->why);
    if (error != LUCID_OK) {
        fail_msg("%s: %s", newest->log->why.param, newest->log->why.text);
    }
    return today;
}

static void test_today_mock(void **state)
{
    (void)state;
    struct log *log = open_log(&(struct how){.svn = 3});
    struct newest newest = {.log = log};
    struct lucid_buf list = {.bytes_max = 0};
    struct today today = today_of(&newest, LOG_NOW_S + 100);
    assert_false(today.worse);
    assert_string_equal(today.code, "");
    assert_int_equal(today.status, APPRAISAL_WARNING);
    assert_int_equal(newest.asked, 2); /* mock/root, mock/crl */
    /* A list that names nothing makes nothing worse; one that names it does. */
    assert_int_equal(mock_agent_crl(log->folder.agent, false, LOG_NOW_S, &list), LUCID_OK);
    newest.key = "mock/crl";
    newest.bytes = lucid_buf_span(&list);
    today = today_of(&newest, LOG_NOW_S + 100);
    assert_false(today.worse);
    assert_string_equal(today.code, "");
    lucid_buf_clear(&list);
    assert_int_equal(mock_agent_crl(log->folder.agent, true, LOG_NOW_S, &list), LUCID_OK);
    newest.bytes = lucid_buf_span(&list);
    today = today_of(&newest, LOG_NOW_S + 100);
    assert_true(today.worse);
    assert_int_equal(today.status, APPRAISAL_CONTRAINDICATED);
    assert_int_equal(today.step, APPRAISAL_REVOCATION);
    assert_string_equal(today.code, "revocation.leaf_revoked");
    /* And whoever asks for a passport then gets none. */
    log_request(log);
    log->appraisals[0].today = today.status;
    memcpy(log->appraisals[0].today_code, today.code, sizeof(today.code));
    assert_int_equal(log_run(log), LUCID_REFUSE_INVALID);
    assert_non_null(strstr(log->why.text, "revocation.leaf_revoked"));
    /* Certificates have an end. */
    newest.key = NULL;
    today = today_of(&newest, LOG_NOW_S + UINT64_C(11) * 365 * 86400);
    assert_true(today.worse);
    assert_int_equal(today.step, APPRAISAL_CHAIN);
    lucid_buf_fini(&list);
    close_log(log);
}

/* The evidence of then, an authority's list of now; a test store's time goes on with the log's. */
static void test_today_snp(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        uint64_t later_s;
        const char *code;
    } cases[] = {
        {"synthetic/crl-good.der", 0, ""},
        {"synthetic/crl-empty.der", 86400, ""},
        {"synthetic/crl-leaf.der", 0, "revocation.leaf_revoked"},
        {"synthetic/crl-ask.der", 3600, "revocation.issuer_revoked"},
    };
    struct log *log = open_log(&(struct how){.synthetic = true});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct newest newest = {
            .log = log, .key = "snp/crl/Milan", .bytes = log_file(log, cases[i].list)};
        struct today today = today_of(&newest, LOG_NOW_S + cases[i].later_s);
        assert_string_equal(today.code, cases[i].code);
        assert_int_equal(today.worse, cases[i].code[0] != '\0');
    }
    close_log(log);
    log = open_log(&(struct how){.milan = true});
    struct newest newest = {.log = log};
    struct today today = today_of(&newest, LOG_NOW_S + 60);
    assert_false(today.worse);
    assert_int_equal(today.status, APPRAISAL_AFFIRMING);
    close_log(log);
}

/* A floor that comes into force, without anything newer at hand. */
static void test_today_floor(void **state)
{
    (void)state;
    struct log *log = calloc(1, sizeof(*log));
    log_open(log);
    log_policy(log, ",'types':['mock'],'allowMeasurements':['" LOG_LAUNCH
                    "'],'minTcb':{'mock':{'*':{'svn':4,'from':'2027-01-16T00:00:00Z'}}}");
    log_appraise(log, &(struct how){.svn = 3});
    struct newest newest = {.log = log};
    struct today today = today_of(&newest, LOG_NOW_S);
    assert_false(today.worse);
    today = today_of(&newest, LOG_NOW_S + UINT64_C(86400));
    assert_true(today.worse);
    assert_int_equal(today.step, APPRAISAL_TCB);
    close_log(log);
}

static void test_today_erased(void **state)
{
    (void)state;
    struct log *log = open_log(&(struct how){.svn = 3});
    struct newest newest = {.log = log};
    struct today today;
    struct today_input input = {.record = log->appraisals[0].record,
                                .blob = newest_blob,
                                .collateral = newest_find,
                                .context = &newest,
                                .now_s = LOG_NOW_S};
    size_t count = log->blob_count;
    log->blob_count = 0;
    assert_int_equal(today_appraise(&input, &log->arena, &today, &log->why), LUCID_REFUSE_INVALID);
    assert_string_equal(log->why.code, "INCOMPLETE_BUNDLE");
    log->blob_count = count;
    input.record = lucid_span_str("{}");
    assert_int_equal(today_appraise(&input, &log->arena, &today, &log->why), LUCID_REFUSE_INVALID);
    assert_string_equal(log->why.code, "INVALID_RECORD");
    close_log(log);
}

/* --- memory ----------------------------------------------------------------------------------- */

typedef enum lucid_error attempt_fn(struct log *log, struct lucid_span bundle,
                                    struct lucid_arena *arena);

static enum lucid_error attempt_compare(struct log *log, struct lucid_span bundle,
                                        struct lucid_arena *arena)
{
    (void)bundle;
    struct verify_evidence made;
    const struct issue_appraisal *first = &log->appraisals[0];
    return evidence_compare(&log->passport, first->record, first->runtime_data, first->evidence,
                            arena, &made);
}

static enum lucid_error attempt_replay(struct log *log, struct lucid_span bundle,
                                       struct lucid_arena *arena)
{
    struct ledger_ed25519_key key = kit_key(VERIFIER_KEY);
    const struct replay_trust trust = {.keys = (const uint8_t(*)[DOCUMENT_KEY_BYTES])key.public_key,
                                       .key_count = 1,
                                       .verify = kit_verify};
    struct verify_evidence made;
    enum lucid_error error = evidence_replay(&log->passport, &bundle, 1, &trust, arena, &made);
    if (error == LUCID_OK) {
        said(&made, VERIFY_WARN, "evidence.mock", "");
    }
    return error;
}

static enum lucid_error attempt_today(struct log *log, struct lucid_span bundle,
                                      struct lucid_arena *arena)
{
    (void)bundle;
    struct newest newest = {.log = log};
    const struct today_input input = {.record = log->appraisals[0].record,
                                      .blob = newest_blob,
                                      .collateral = newest_find,
                                      .context = &newest,
                                      .now_s = LOG_NOW_S};
    struct today today;
    enum lucid_error error = today_appraise(&input, arena, &today, NULL);
    assert_false(error == LUCID_OK && today.worse);
    return error;
}

/* Too little memory is never a verdict. */
static void test_memory(void **state)
{
    (void)state;
    static attempt_fn *const attempts[] = {attempt_compare, attempt_replay, attempt_today};
    struct log *log = open_log(&(struct how){.workload = BOUND});
    log_issue(log);
    struct lucid_span bundle = bundle_of(log, log->appraisals[0].record, log->appraisals[0].ear);
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        unsigned failures = 0;
        enum lucid_error error = LUCID_RETRY_MEMORY;
        for (size_t limit = 1024; error != LUCID_OK; limit += 8192) {
            struct lucid_arena arena;
            lucid_arena_init(&arena, limit);
            error = attempts[i](log, bundle, &arena);
            if (error != LUCID_OK) {
                assert_int_equal(error, LUCID_RETRY_MEMORY);
                failures++;
            }
            lucid_arena_fini(&arena);
        }
        assert_true(failures > 2);
    }
    close_log(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees),           cmocka_unit_test(test_contradicts),
        cmocka_unit_test(test_hidden_marks),     cmocka_unit_test(test_not_at_hand),
        cmocka_unit_test(test_replay),           cmocka_unit_test(test_replay_differs),
        cmocka_unit_test(test_replay_reference), cmocka_unit_test(test_today_mock),
        cmocka_unit_test(test_today_snp),        cmocka_unit_test(test_today_floor),
        cmocka_unit_test(test_today_erased),     cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

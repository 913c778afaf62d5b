/* Reading: every member that is known, and every way in which it can be wrong. */
#include "plugins/verifier/canonical.h"
#include "tests/unit/passport/passport_kit.h"

static enum lucid_error parse(struct lucid_span text, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct passport passport;
    enum passport_fault fault;
    return passport_read(text, arena, &passport, &fault, why);
}

#define BAD "INVALID_PASSPORT"

static void test_faults(void **state)
{
    (void)state;
    static const struct kit_fault faults[] = {
        {NULL, NULL, NULL, ""},
        {"passport/v1", "passport/v2", BAD, "$schema"},
        {"'$schema'", "'schema'", BAD, "$schema"},
        {"'passportId':'pass-", "'passportId':'past-", BAD, "passportId"},
        {"'passportId':", "'id':", BAD, "passportId"},
        {"'appName':'My app", "'appName':'My\\napp", BAD, "appName"},
        {"'version':'1.0.0'", "'version':1", BAD, "version"},
        {"'version':'1.0.0'", "'version':''", BAD, "version"},
        {"2026-09-21T14:13:20Z", "2026-09-21T14:13:20.000Z", BAD, "issuedAt"},
        {"2026-09-21T14:13:20Z", "2026-09-21T14:13:20+00:00", BAD, "issuedAt"},
        {"2026-09-21T14:13:20Z", "2026-09-31T14:13:20Z", BAD, "issuedAt"},
        {"'issuedAt':'2026-09-21T14:13:20Z'", "'issuedAt':1790000000", BAD, "issuedAt"},
        {"'expiresAt':", "'endsAt':", BAD, "expiresAt"},
        {"2026-10-21T14:13:20Z", "2026-09-21T14:13:20Z", BAD, "expiresAt"},
        {"2026-10-21T14:13:20Z", "2026-09-20T14:13:20Z", BAD, "expiresAt"},
        {"2026-10-21T14:13:20Z", "2027-10-24T14:13:20Z", NULL, ""},
        {"2026-10-21T14:13:20Z", "2027-10-24T14:13:21Z", BAD, "expiresAt"},
        {"2026-10-06T14:13:20Z", "2026-09-21T14:13:19Z", BAD, "renewAfter"},
        {"2026-10-06T14:13:20Z", "2026-10-21T14:13:21Z", BAD, "renewAfter"},
        {"'tee':{", "'tee':[],'x':{", BAD, "tee"},
        {"AMD_SEV_SNP", "amd_sev_snp", BAD, "tee.type"},
        {"AMD_SEV_SNP", "SEV-SNP", NULL, ""},
        {"AMD_SEV_SNP", "Nitro", NULL, ""},
        {"'measurementHash':", "'hash':", BAD, "tee.measurementHash"},
        {"'AAEC'", "'AAE'", BAD, "tee.attestationQuote"},
        {"'AAEC'", "'AAF='", BAD, "tee.attestationQuote"},
        {"'AAEC'", "''", BAD, "tee.attestationQuote"},
        {"'AAEC'", "null", BAD, "tee.attestationQuote"},
        {"'alg':'sha384'", "'alg':384", BAD, "tee.measurement.alg"},
        {"'value':'11", "'value':'1G", BAD, "tee.measurement.value"},
        {"'appraisedAt':'2026-09-21T14:10:00Z'", "'appraisedAt':true", BAD,
         "tee.appraisal.appraisedAt"},
        {"'status':'affirming'", "'status':'good'", BAD, "tee.appraisal.status"},
        {"'appraisals':['11", "'appraisals':['22", BAD, "appraisals"},
        {"'appraisals':['", "'appraisals':['1", BAD, "appraisals[0]"},
        {"'auditors':", "'auditor':", BAD, "auditors"},
        {"'name':'PII filter',", "", BAD, "auditors[0].name"},
        {"'status':'active'", "'status':'ACTIVE'", BAD, "auditors[0].status"},
        {"'source':'bound','digest'", "'source':'hardware','digest'", BAD, "auditors[0].source"},
        {"'source':'bound'},'slsa'", "'source':1},'slsa'", BAD, "container.source"},
        {"'registry':'registry.example/app'", "'registry':{}", BAD, "container.registry"},
        {"'level':3", "'level':5", BAD, "slsa.level"},
        {"'level':3", "'level':-1", BAD, "slsa.level"},
        {"'level':3", "'level':2.5", BAD, "slsa.level"},
        {"'level':3", "'level':'3'", BAD, "slsa.level"},
        {"'level':3,", "", BAD, "slsa.level"},
        {"https://ci.example/p.jsonl", "javascript:alert(1)", BAD, "slsa.provenanceUri"},
        {"https://ci.example/p.jsonl", "data:text/html,<script>", BAD, "slsa.provenanceUri"},
        {"https://ci.example/p.jsonl", "file:///etc/passwd", BAD, "slsa.provenanceUri"},
        {"https://ci.example/p.jsonl", "http://ci.example/p", BAD, "slsa.provenanceUri"},
        {"https://ci.example/p.jsonl", "http://127.0.0.1/p", BAD, "slsa.provenanceUri"},
        {"https://ci.example/p.jsonl", "https://me@ci.example/p", BAD, "slsa.provenanceUri"},
        {"https://ci.example/p.jsonl", "https://ci.example/\\u202e", BAD, "slsa.provenanceUri"},
        {"https://ci.example/p.jsonl", "https://ci.example/\\u0000", BAD, "slsa.provenanceUri"},
        {"'https://app.example',", "'https://app.example/',", BAD, "endpoints[0]"},
        {"'https://app.example',", "'https://app.example',7,", BAD, "endpoints[1]"},
        {"'https://app.example',", "'',", BAD, "endpoints[0]"},
        {"https://log.example/v1", "//log.example/v1", BAD, "status.uri"},
        {"https://log.example/v1", "/v1", NULL, ""},
        {"'idx':7", "'idx':-7", BAD, "status.idx"},
        {"'supersedes':'pass-1", "'supersedes':'Pass-1", BAD, "supersedes"},
        {"{'license':'sha256:", "{'license':'sha512:", BAD, "omitted.license"},
        {"'is_mock':false", "'is_mock':0", BAD, "is_mock"},
        {"'application':'my-app'", "'application':'My'", BAD, "application"},
        {"'algorithm':'Ed25519'", "'algorithm':'ed25519'", BAD, "signature.algorithm"},
        {"'algorithm':'Ed25519'", "'algorithm':null", BAD, "signature.algorithm"},
        {"'publicKey':'AAAA", "'publicKey':'AAA", BAD, "signature.publicKey"},
        {",'value':'" KIT_SIGNATURE "'", "", BAD, "signature.value"},
        {"'is_mock':false", "'test':false", "INVALID_JSON", "test"},
        {"'kid':'k'", "'kid':'k','\\u006bid':'k'", "INVALID_JSON", "signature.kid"},
        {"'extra':{", "'extra':{'big':9007199254740993,", "INVALID_JSON", "extra.big"},
    };
    kit_faults(kit_form, faults, sizeof(faults) / sizeof(faults[0]), parse);
}

/* Every member that must be there, left out by its renaming. */
static void test_required(void **state)
{
    (void)state;
    static const char *const names[] = {"$schema",   "passportId", "appName",  "version",
                                        "issuedAt",  "expiresAt",  "tee",      "auditors",
                                        "signature", "algorithm",  "publicKey"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char from[32];
        char to[32];
        char param[32];
        snprintf(from, sizeof(from), "'%s':", names[i]);
        snprintf(to, sizeof(to), "'no_%s':", names[i]);
        snprintf(param, sizeof(param), "%s%s", i < 9 ? "" : "signature.", names[i]);
        struct kit_fault fault = {from, to, BAD, param};
        kit_faults(kit_form, &fault, 1, parse);
    }
}

/* Every member, wherever it stands, a second time. */
static void test_duplicates(void **state)
{
    (void)state;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_buf twice = {.bytes_max = 0};
    struct lucid_span good = kit_text(kit_form, NULL, NULL, &text);
    size_t count = 0;
    for (size_t i = 1; i < good.len; i++) {
        bool begins = good.data[i] == '"' && (good.data[i - 1] == '{' || good.data[i - 1] == ',');
        const uint8_t *end = begins ? memchr(good.data + i + 1, '"', good.len - i - 1) : NULL;
        if (end == NULL || end[1] != ':') {
            continue;
        }
        struct lucid_arena arena;
        struct lucid_why why = {.code = NULL};
        size_t len = (size_t)(end + 2 - (good.data + i));
        lucid_buf_clear(&twice);
        lucid_buf_put(&twice, good.data, i + len);
        lucid_buf_str(&twice, "0,");
        lucid_buf_put(&twice, good.data + i, good.len - i);
        lucid_arena_init(&arena, 4U << 20);
        assert_int_equal(parse(lucid_buf_span(&twice), &arena, &why), LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "INVALID_JSON");
        lucid_arena_fini(&arena);
        count++;
    }
    assert_in_range(count, 60, 100);
    lucid_buf_fini(&text);
    lucid_buf_fini(&twice);
}

/* What is read, once. */
static void test_members(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct passport passport;
    enum passport_fault fault;
    uint8_t digest[LUCID_SHA256_BYTES];
    memset(digest, 0x11, sizeof(digest));
    lucid_arena_init(&arena, 4U << 20);
    assert_int_equal(
        passport_read(kit_text(kit_form, NULL, NULL, &text), &arena, &passport, &fault, NULL),
        LUCID_OK);
    lucid_buf_fini(&text); /* nothing points there */
    assert_true(lucid_span_is(passport.id, KIT_ID));
    assert_true(lucid_span_is(passport.app_name, "My app \xc3\xa9\xe2\x82\xac"));
    assert_int_equal(passport.issued_s, KIT_ISSUED_S);
    assert_int_equal(passport.expires_s, KIT_EXPIRES_S);
    assert_int_equal(passport.renew_after_s, KIT_ISSUED_S + 15 * 86400);
    assert_true(lucid_span_is(passport.tee.type, "AMD_SEV_SNP"));
    assert_memory_equal(passport.tee.quote.data, "\0\1\2", 3);
    assert_true(lucid_span_is(passport.tee.runtime_data, "{}"));
    assert_int_equal(passport.tee.measurement.len, 48);
    assert_true(passport.tee.has_appraisal);
    assert_int_equal(passport.tee.appraised_s, KIT_ISSUED_S - 200);
    assert_memory_equal(passport.tee.appraisal, digest, 32);
    assert_int_equal(passport.appraisal_count, 1);
    assert_int_equal(passport.auditor_count, 1);
    assert_true(passport.auditors[0].has_claims && passport.auditors[0].has_digest);
    assert_int_equal(passport.auditors[0].source, PASSPORT_BOUND);
    assert_int_equal(passport.auditors[0].last_check_s, KIT_ISSUED_S - 800);
    assert_true(passport.container.present && passport.container.has_source);
    assert_true(lucid_span_is(passport.container.registry, "registry.example/app"));
    assert_int_equal(passport.slsa.level, 3);
    assert_true(passport.slsa.has_provenance);
    assert_int_equal(passport.endpoint_count, 2);
    assert_true(lucid_span_is(passport.endpoints[1], "https://app.example:8443"));
    assert_int_equal(passport.omitted_count, 1);
    assert_true(lucid_span_is(passport.omitted[0].name, "license"));
    assert_true(lucid_span_is(passport.issuer, KIT_ISSUER));
    assert_true(lucid_span_is(passport.application, "my-app"));
    assert_true(lucid_span_is(passport.supersedes, "pass-111122223333"));
    assert_true(lucid_span_is(passport.kid, "k"));
    assert_false(passport.is_mock || passport.test);
    assert_true(passport.has_signature_value);
    lucid_arena_fini(&arena);
}

static enum passport_fault fault_of(struct lucid_span text, const char *code)
{
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct passport passport;
    enum passport_fault fault = PASSPORT_FAULT_ALGORITHM;
    lucid_arena_init(&arena, 16U << 20);
    assert_int_equal(lucid_category(passport_read(text, &arena, &passport, &fault, &why)),
                     LUCID_CATEGORY_REFUSE);
    assert_string_equal(why.code, code);
    lucid_arena_fini(&arena);
    return fault;
}

/* A member of the form is replaced by so many times a piece of text. */
static struct lucid_span grown(const char *from, const char *head, const char *piece, size_t times,
                               const char *tail, struct lucid_buf *out)
{
    struct lucid_buf to = {.bytes_max = 0};
    lucid_buf_str(&to, head);
    for (size_t i = 0; i < times; i++) {
        lucid_buf_str(&to, piece);
    }
    lucid_buf_str(&to, tail);
    lucid_buf_char(&to, '\0');
    struct lucid_span text = kit_text(kit_form, from, (const char *)to.data, out);
    lucid_buf_fini(&to);
    return text;
}

static void test_bounds(void **state)
{
    (void)state;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_arena arena;
    lucid_arena_init(&arena, 16U << 20);
    struct lucid_why why = {.code = NULL};
    assert_int_equal(
        fault_of(grown("'AAEC'", "'", "AAAA", (1U << 20) / 4, "'", &text), "BODY_TOO_LARGE"),
        PASSPORT_FAULT_PARSE);
    /* Names are counted in characters. */
    assert_int_equal(parse(grown("'1.0.0'", "'", "\xe2\x82\xac", 200, "'", &text), &arena, &why),
                     LUCID_OK);
    assert_int_equal(fault_of(grown("'1.0.0'", "'", "\xe2\x82\xac", 201, "'", &text), BAD),
                     PASSPORT_FAULT_SCHEMA);
    /* The document, `extra`, and so many lists in it. */
    for (size_t levels = 14; levels <= 15; levels++) {
        char lists[64] = "'extra':{'deep':";
        size_t len = strlen(lists);
        memset(lists + len, '[', levels);
        memset(lists + len + levels, ']', levels);
        snprintf(lists + len + 2 * levels, sizeof(lists) - len - 2 * levels, ",");
        struct lucid_span deep = kit_text(kit_form, "'extra':{", lists, &text);
        if (levels == 14) {
            assert_int_equal(parse(deep, &arena, &why), LUCID_OK);
        } else {
            assert_int_equal(fault_of(deep, "INVALID_JSON"), PASSPORT_FAULT_PARSE);
        }
    }
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

/* What is not even a passport, and what is one but for its algorithm. */
static void test_which_fault(void **state)
{
    (void)state;
    struct lucid_buf text = {.bytes_max = 0};
    assert_int_equal(fault_of(lucid_span_str(""), "INVALID_JSON"), PASSPORT_FAULT_PARSE);
    assert_int_equal(fault_of(lucid_span_str("{} {}"), "INVALID_JSON"), PASSPORT_FAULT_PARSE);
    assert_int_equal(fault_of(lucid_span_str("\"\\ud800\""), "INVALID_JSON"), PASSPORT_FAULT_PARSE);
    assert_int_equal(fault_of(lucid_span_str("[]"), BAD), PASSPORT_FAULT_SCHEMA);
    assert_int_equal(fault_of(lucid_span_str("null"), BAD), PASSPORT_FAULT_SCHEMA);
    assert_int_equal(fault_of(kit_text(kit_form, "'Ed25519'", "'ES256'", &text), BAD),
                     PASSPORT_FAULT_ALGORITHM);
    assert_int_equal(fault_of(kit_text(kit_form, "'Ed25519'", "25519", &text), BAD),
                     PASSPORT_FAULT_SCHEMA);
    lucid_buf_fini(&text);
}

/* What is served is the canonical form: one that would then be too long is refused as it comes. */
static void test_growth(void **state)
{
    (void)state;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_span made =
        grown("'extra':{", "'numbers':[0", ",1e20", 14000, "],'extra':{", &text);
    assert_in_range(made.len, 1, PASSPORT_BYTES_MAX);
    assert_int_equal(fault_of(made, "BODY_TOO_LARGE"), PASSPORT_FAULT_PARSE);
    lucid_buf_fini(&text);
}

static void test_drafts(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct passport draft;
    struct passport passport;
    enum passport_fault fault;
    struct lucid_span message;
    struct lucid_span form;
    struct lucid_span again;
    uint8_t signature[64];
    memset(signature, 7, sizeof(signature));
    lucid_arena_init(&arena, 4U << 20);
    struct lucid_span unsigned_text = kit_text(kit_form, ",'value':'" KIT_SIGNATURE "'", "", &text);
    assert_int_equal(passport_draft_read(unsigned_text, &arena, &draft, NULL), LUCID_OK);
    assert_false(draft.has_signature_value);
    assert_int_equal(passport_signing_input(&draft, &arena, &message), LUCID_OK);
    assert_int_equal(passport_canonical(&draft, &arena, &form), LUCID_OK);
    assert_true(lucid_span_equal(message, form)); /* there is nothing to leave out */
    assert_int_equal(passport_signed_write(&draft, signature, &arena, &form), LUCID_OK);
    assert_int_equal(passport_read(form, &arena, &passport, &fault, NULL), LUCID_OK);
    assert_memory_equal(passport.signature, signature, 64);
    assert_int_equal(passport_signing_input(&passport, &arena, &again), LUCID_OK);
    assert_true(lucid_span_equal(message, again));
    assert_int_equal(passport_canonical(&passport, &arena, &again), LUCID_OK);
    assert_true(lucid_span_equal(form, again));
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

static void test_ids(void **state)
{
    (void)state;
    /* SHA-256("my-app" LF 32 times 0x11, 0x22 u64be(1790000000)), by Python's hashlib and base64.
     */
    uint8_t appraisals[2][LUCID_SHA256_BYTES];
    char id[PASSPORT_ID_BYTES + 1];
    memset(appraisals[0], 0x11, 32);
    memset(appraisals[1], 0x22, 32);
    passport_id_make(lucid_span_str("my-app"), (const uint8_t(*)[LUCID_SHA256_BYTES])appraisals, 2,
                     KIT_ISSUED_S, id);
    assert_string_equal(id, "pass-ghntx4pbowuacahleugkrzr2qimkm6r5");
    assert_true(passport_id_is_good(lucid_span_str(id)));
    assert_false(passport_id_is_good(lucid_span_str("pass-")));
    assert_false(passport_id_is_good(lucid_span_str("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),      cmocka_unit_test(test_required),
        cmocka_unit_test(test_duplicates),  cmocka_unit_test(test_members),
        cmocka_unit_test(test_bounds),      cmocka_unit_test(test_growth),
        cmocka_unit_test(test_which_fault), cmocka_unit_test(test_drafts),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

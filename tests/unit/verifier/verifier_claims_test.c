/* Claims documents: every member read, every refusal by its dotted name, numbers without floating
 * point. */
#include "plugins/verifier/claims.h"

#include "tests/unit/verifier/claims_kit.h"

static const char full[] =
    "{'type':'lucid.attestation.claims/v1','schemaVersion':'1.0',"
    "'auditor':{'id':'pii','digest':'sha256:" H32 "'},'phase':'request','decision':'redact',"
    "'issuedAt':'2026-09-21T14:13:20.250Z','claims':["
    "{'name':'pii.found','type':'category','value':true,'timestamp':'2026-09-21T14:13:20Z',"
    "'confidence':'0.95','complianceFramework':'gdpr','controlId':'Art. 5'},"
    "{'name':'count','type':'quantity','value':-12,'timestamp':'2026-09-21T14:13:20Z',"
    "'confidence':900},"
    "{'name':'where','type':'location_region','value':{'b':1,'a':[1.5]},"
    "'timestamp':'2026-09-21T14:13:20Z'},"
    "{'name':'text','type':'other','value':'x\\ny','timestamp':'2026-09-21T14:13:20Z'}],"
    "'subject':{'receiptHash':'" H32 "','traceId':'t-1'},'nonce':'abc','sessionId':'s',"
    "'signature':{'algorithm':'Ed25519',"
    "'publicKey':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',"
    "'value':'"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
    "'}}";

static void test_everything_is_read(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct claims_document document;
    lucid_arena_init(&arena, 4U << 20);
    assert_int_equal(claims_parse(kit_text(full, NULL, NULL, &text), &arena, &document, NULL),
                     LUCID_OK);
    lucid_buf_fini(&text);
    assert_true(lucid_span_is(document.auditor, "pii"));
    assert_true(document.has_digest);
    assert_int_equal(document.phase, CLAIMS_REQUEST);
    assert_int_equal(document.decision, CLAIMS_REDACT);
    assert_int_equal(document.issued_ms, UINT64_C(1790000000250));
    assert_int_equal(document.claim_count, 4);
    const struct claims_claim *claims = document.claims;
    assert_int_equal(claims[0].value.type, CLAIMS_BOOL);
    assert_true(claims[0].value.flag);
    assert_int_equal(claims[0].confidence, 950000);
    assert_string_equal(claims[0].type, "category");
    assert_int_equal(claims[1].value.type, CLAIMS_INTEGER);
    assert_int_equal(claims[1].value.number, -12);
    assert_int_equal(claims[1].confidence, 900000);
    assert_int_equal(claims[2].value.type, CLAIMS_OBJECT);
    assert_true(lucid_span_is(claims[2].value.text, "{\"a\":[1.5],\"b\":1}"));
    assert_int_equal(claims[2].confidence, CLAIMS_CONFIDENCE_ONE);
    assert_true(lucid_span_is(claims[3].value.text, "x\ny"));
    assert_int_equal(document.hashes[0].len, 32);
    assert_int_equal(document.hashes[1].len, 0);
    assert_true(lucid_span_is(document.trace_id, "t-1"));
    assert_true(lucid_span_is(document.nonce, "abc"));
    assert_true(lucid_span_is(document.session_id, "s"));
    uint8_t id[LUCID_SHA256_BYTES];
    lucid_sha256(document.canonical, id);
    assert_memory_equal(id, document.id, sizeof(id));
    lucid_arena_fini(&arena);
}

static enum lucid_error parse(struct lucid_span text, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct claims_document document;
    return claims_parse(text, arena, &document, why);
}

#define BAD "INVALID_CLAIMS"
static const struct kit_fault faults[] = {
    {"claims/v1", "claims/v2", BAD, "type"},
    {"'schemaVersion':'1.0'", "'schemaVersion':'2.0'", BAD, "schemaVersion"},
    {"'schemaVersion':'1.0',", "", BAD, "schemaVersion"},
    {"'auditor':{'id':'pii',", "'auditor':{", BAD, "auditor.id"},
    {"'id':'pii'", "'id':'p/i'", BAD, "auditor.id"},
    {"'id':'pii'", "'id':'pii','name':'x'", BAD, "auditor.name"},
    {"sha256:", "sha384:", BAD, "auditor.digest"},
    {"'phase':'request'", "'phase':'input_gate'", BAD, "phase"},
    {"'decision':'redact'", "'decision':'allow'", BAD, "decision"},
    {"'decision':'redact',", "", BAD, "decision"},
    {"'2026-09-21T14:13:20.250Z'", "1790000000", BAD, "issuedAt"},
    {"'name':'pii.found',", "", BAD, "claims[0].name"},
    {"'name':'count'", "'name':'pii.found'", BAD, "claims[1].name"},
    {"'type':'category'", "'type':'categories'", BAD, "claims[0].type"},
    {"'value':true,", "", BAD, "claims[0].value"},
    {"'value':true", "'value':null", BAD, "claims[0].value"},
    {"'value':true", "'value':[]", BAD, "claims[0].value"},
    {"'value':true", "'value':0.5", BAD, "claims[0].value"},
    {"'value':true", "'value':1e300", BAD, "claims[0].value"},
    {"'value':true", "'value':9007199254740992", BAD, "claims[0].value"},
    {"'value':true", "'value':9007199254740991", NULL, ""},
    {"'value':true", "'value':-9007199254740991", NULL, ""},
    {"'value':true", "'value':-9007199254740992", BAD, "claims[0].value"},
    {"'value':true", "'value':1.0", NULL, ""},
    {"'value':true", "'value':-0", NULL, ""},
    {"'timestamp':'2026", "'timestamp':'20X6", BAD, "claims[0].timestamp"},
    {"'confidence':'0.95'", "'confidence':0.95", BAD, "claims[0].confidence"},
    {"'confidence':'0.95'", "'confidence':'.95'", BAD, "claims[0].confidence"},
    {"'confidence':'0.95'", "'confidence':'1.000001'", BAD, "claims[0].confidence"},
    {"'confidence':'0.95'", "'confidence':'0.0000001'", BAD, "claims[0].confidence"},
    {"'confidence':'0.95'", "'confidence':'0.'", BAD, "claims[0].confidence"},
    {"'confidence':'0.95'", "'confidence':''", BAD, "claims[0].confidence"},
    {"'confidence':'0.95'", "'confidence':'2'", BAD, "claims[0].confidence"},
    {"'confidence':'0.95'", "'confidence':'1.000000'", NULL, ""},
    {"'confidence':900", "'confidence':1001", BAD, "claims[1].confidence"},
    {"'confidence':900", "'confidence':1", BAD, "claims[1].confidence"},
    {"'confidence':900", "'confidence':1.0", BAD, "claims[1].confidence"},
    {"'confidence':900", "'confidence':0", NULL, ""},
    {"'confidence':900", "'confidence':2", NULL, ""},
    {"'controlId':'Art. 5'", "'control':'Art. 5'", BAD, "claims[0].control"},
    {"'receiptHash':'" H32 "'", "'receiptHash':'" H48 "'", BAD, "subject.receiptHash"},
    {"'receiptHash':'" H32 "'", "'receiptHash':'AA'", BAD, "subject.receiptHash"},
    {"'traceId':'t-1'", "'traceid':'t-1'", BAD, "subject.traceid"},
    {"'subject':{'receiptHash':'" H32 "','traceId':'t-1'}", "'subject':{}", BAD, "subject"},
    {"'nonce':'abc'", "'nonce':''", BAD, "nonce"},
    {"'sessionId':'s'", "'sessionID':'s'", BAD, "sessionID"},
    {"'Ed25519'", "'ES256'", BAD, "signature.algorithm"},
    {"'signature':{", "'signatur':{", BAD, "signatur"},
    {"AAA='", "AAA'", BAD, "signature.publicKey"},
    {"'phase':'request'", "'phase':'request','phase':'response'", "INVALID_JSON", "phase"},
};

static void test_refusals(void **state)
{
    (void)state;
    kit_faults(full, faults, sizeof(faults) / sizeof(faults[0]), parse);
    const struct kit_fault none[] = {
        {"'claims':[", "'claims':[],'c':[", BAD, "c"},
        {"'claims':[{'name':'pii.found'", "'claims':[7,{'name':'pii.found'", BAD, "claims[0]"}};
    kit_faults(full, none, 2, parse);
}

/* Nesting of a value, bytes of a document. */
static void test_bounds(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_buf value = {.bytes_max = 0};
    lucid_arena_init(&arena, 16U << 20);
    for (unsigned depth = 9; depth <= 11; depth++) {
        lucid_buf_clear(&value);
        lucid_buf_str(&value, "'value':");
        for (unsigned i = 0; i < depth; i++) {
            lucid_buf_str(&value, "{'a':");
        }
        lucid_buf_char(&value, '1');
        for (unsigned i = 0; i < depth; i++) {
            lucid_buf_char(&value, '}');
        }
        lucid_buf_char(&value, '\0');
        kit_text(full, "'value':true", (const char *)value.data, &text);
        assert_int_equal(parse(lucid_buf_span(&text), &arena, &why),
                         depth <= CLAIMS_VALUE_DEPTH_MAX ? LUCID_OK : LUCID_REFUSE_INVALID);
    }
    kit_text(full, NULL, NULL, &text);
    while (text.len < CLAIMS_BYTES_MAX) {
        lucid_buf_char(&text, ' ');
    }
    assert_int_equal(parse(lucid_buf_span(&text), &arena, &why), LUCID_OK);
    lucid_buf_char(&text, ' ');
    assert_int_equal(parse(lucid_buf_span(&text), &arena, &why), LUCID_REFUSE_TOO_LARGE);
    lucid_buf_fini(&value);
    lucid_buf_fini(&text);
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

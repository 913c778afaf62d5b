/* Packages, written and read, and key sets. */
#include "plugins/passport/package.h"

#include "plugins/verifier/canonical.h"
#include "tests/unit/passport/passport_kit.h"

#define ENTRY                                                                                      \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"       \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const char package_form[] =
    "{'appraisals':[{'type':'lucid.attestation.bundle/v1'},{}],'entry':'" ENTRY
    "','keys':{'keys':[]},'passport':{'a':1},'proof':{'size':7},'record':{'type':'x'},"
    "'status':'a.b.c','type':'lucid.passport.bundle/v1'}";

static enum lucid_error parse(struct lucid_span text, struct lucid_arena *arena,
                              struct lucid_why *why)
{
    struct package package;
    return package_read(text, arena, &package, why);
}

#define BAD "INVALID_PASSPORT"

static void test_faults(void **state)
{
    (void)state;
    static const struct kit_fault faults[] = {
        {NULL, NULL, NULL, ""},
        {"passport.bundle/v1'", "passport.bundle/v9'", NULL, ""},
        {"'passport':{'a':1},", "", BAD, "passport"},
        {"'passport':{'a':1}", "'passport':null", BAD, "passport"},
        {"'passport':{'a':1}", "'passport':'{}'", BAD, "passport"},
        {"'proof':{'size':7}", "'proof':null", NULL, ""},
        {"'proof':{'size':7}", "'proof':[]", BAD, "proof"},
        {"'record':{'type':'x'}", "'record':1", BAD, "record"},
        {"'keys':{'keys':[]}", "'keys':[]", BAD, "keys"},
        {"'status':'a.b.c'", "'status':{}", BAD, "status"},
        {"'status':'a.b.c'", "'status':''", BAD, "status"},
        {"'status':'a.b.c',", "", NULL, ""},
        {"'entry':'AA", "'entry':'A", BAD, "entry"},
        {"'appraisals':[{", "'appraisals':[7,{", BAD, "appraisals[0]"},
        {"'appraisals':[{", "'appraisals':[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{", BAD,
         "appraisals"},
        {"'status':'a.b.c'", "'status':'a.b.c','status':'d'", "INVALID_JSON", "status"},
    };
    kit_faults(package_form, faults, sizeof(faults) / sizeof(faults[0]), parse);
}

static void test_again(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_buf out = {.bytes_max = 0};
    struct package package;
    lucid_arena_init(&arena, 4U << 20);
    struct lucid_span form = kit_text(package_form, NULL, NULL, &text);
    assert_int_equal(package_read(form, &arena, &package, NULL), LUCID_OK);
    assert_true(lucid_span_is(package.passport, "{\"a\":1}"));
    assert_true(lucid_span_is(package.proof, "{\"size\":7}"));
    assert_true(lucid_span_is(package.status, "a.b.c"));
    assert_true(package.has_entry);
    assert_int_equal(package.appraisal_count, 2);
    package_write(&package, &out);
    assert_true(lucid_span_equal(lucid_buf_span(&out), form));
    /* The least: a proof that is not there yet is said to be missing. */
    struct package least = {.passport = lucid_span_str("{}")};
    lucid_buf_clear(&out);
    package_write(&least, &out);
    assert_true(lucid_span_is(
        lucid_buf_span(&out),
        "{\"appraisals\":[],\"passport\":{},\"proof\":null,\"type\":\"" PACKAGE_TYPE "\"}"));
    assert_int_equal(package_read(lucid_buf_span(&out), &arena, &package, NULL), LUCID_OK);
    assert_int_equal(package.proof.len + package.status.len + package.record.len, 0);
    assert_false(package.has_entry);
    lucid_buf_fini(&text);
    lucid_buf_fini(&out);
    lucid_arena_fini(&arena);
}

/* A passport by itself stays as it came, good or not. */
static void test_bare(void **state)
{
    (void)state;
    struct lucid_arena arena;
    struct package package;
    struct lucid_why why = {.code = NULL};
    lucid_arena_init(&arena, 4U << 20);
    static const char *const bare[] = {"{ \"a\" : 1.0 }", "[]", "7", "{\"type\":7}",
                                       "{\"type\":\"lucid.passport.bundle/v2\"}"};
    for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++) {
        memset(&package, 0xff, sizeof(package));
        assert_int_equal(package_read(lucid_span_str(bare[i]), &arena, &package, NULL), LUCID_OK);
        assert_true(lucid_span_is(package.passport, bare[i]));
        assert_int_equal(package.status.len + package.appraisal_count, 0);
    }
    assert_int_equal(package_read(lucid_span_str("{\"a\":1"), &arena, &package, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "INVALID_JSON");
    assert_int_equal(package_read(lucid_span("", PACKAGE_BYTES_MAX + 1), &arena, &package, &why),
                     LUCID_REFUSE_TOO_LARGE);
    assert_string_equal(why.code, "BODY_TOO_LARGE");
    lucid_arena_fini(&arena);
}

#define JWK "{'crv':'Ed25519','kty':'OKP','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}"

static enum lucid_error keys_parse(struct lucid_span text, struct lucid_arena *arena,
                                   struct lucid_why *why)
{
    uint8_t keys[2][PASSPORT_KEY_BYTES];
    size_t count;
    return package_keys_read(text, arena, keys, NULL, 2, &count, why);
}

static void test_keys(void **state)
{
    (void)state;
    static const struct kit_fault faults[] = {
        {NULL, NULL, NULL, ""},
        {"{'keys':[", "{'keys':[" JWK ",", NULL, ""},
        {"{'keys':[", "{'keys':[" JWK "," JWK ",", "INVALID_KEY", "keys"},
        {"{'keys':[", "{'keys':[{'kty':'RSA','n':'AQAB'},{},{'kty':'OKP','crv':'X25519'},", NULL,
         ""},
        {"{'keys':[", "{'keys':[7,", "INVALID_KEY", "keys[0]"},
        {"'keys'", "'key'", "INVALID_KEY", "keys"},
        {"'x':'11", "'x':'1", "INVALID_KEY", "keys[0]"},
        {"'x':'11", "'d':'AA','x':'11", "INVALID_KEY", "keys[0]"},
        {"]}", "]", "INVALID_KEY", ""},
        {"'kty'", "'iss':'a.example','kty'", NULL, ""},
        {"'kty'", "'iss':'','kty'", "INVALID_KEY", "keys[0].iss"},
        {"'kty'", "'iss':7,'kty'", "INVALID_KEY", "keys[0].iss"},
    };
    kit_faults("{'keys':[" JWK "]}", faults, sizeof(faults) / sizeof(faults[0]), keys_parse);
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    uint8_t keys[2][PASSPORT_KEY_BYTES];
    size_t count = 7;
    lucid_arena_init(&arena, 1U << 20);
    assert_int_equal(
        package_keys_read(kit_text("{'keys':[{'kty':'EC'}," JWK "]}", NULL, NULL, &text), &arena,
                          keys, NULL, 2, &count, NULL),
        LUCID_OK);
    assert_int_equal(count, 1);
    assert_int_equal(keys[0][0], 0xd7);
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
}

/* Keys of one issuer have one number; those that name none are alone. */
static void test_key_issuers(void **state)
{
    (void)state;
#define OF(name)                                                                                   \
    "{'crv':'Ed25519','iss':'" name "',"                                                           \
    "'kty':'OKP','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}"
    static const uint8_t want[] = {0, 1, 2, 1, 4, 2};
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    uint8_t keys[6][PASSPORT_KEY_BYTES];
    uint8_t issuers[6];
    size_t count = 0;
    lucid_arena_init(&arena, 1U << 20);
    assert_int_equal(package_keys_read(kit_text("{'keys':[" JWK "," OF("a") "," OF("b") "," OF(
                                                    "a") "," JWK "," OF("b") "]}",
                                                NULL, NULL, &text),
                                       &arena, keys, issuers, 6, &count, NULL),
                     LUCID_OK);
    assert_int_equal(count, 6);
    assert_memory_equal(issuers, want, sizeof(want));
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
#undef OF
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),      cmocka_unit_test(test_again),
        cmocka_unit_test(test_bare),        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_key_issuers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Appraisals of auditors' claims: their attestation result, record, bundle, and doing them again;
 * auditors that an appraised environment names. */
#include "base/base64url.h"
#include "base/jcs/jws.h"
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/ear.h"
#include "plugins/verifier/explain.h"
#include "tests/unit/verifier/claims_kit.h"

#define POLICY_REST                                                                                \
    ",'requiredClaims':[{'name':'pii'}],'rules':[{'id':'pii','deny_when':{'claim':'pii',"          \
    "'equals':true},'action':'redact','message':'personal data'}]"
#define IMAGE  "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define OTHER  "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define ZERO64 "0000000000000000000000000000000000000000000000000000000000000000"

enum { BLOBS_MAX = 8, KEY_BYTE = 9 };

struct world {
    struct lucid_arena arena;
    struct policy policy;
    struct lucid_span documents[2];
    struct rules_input input;
    struct rules_appraisal *appraisal;
    struct lucid_span ear;
    struct lucid_span record;
    struct lucid_span blobs[BLOBS_MAX];
    size_t blob_count;
    struct ledger_ed25519_key key;
    struct replay *replay;
};

static struct lucid_span plain(struct world *world, const char *text)
{
    struct lucid_buf out = {.bytes_max = 0};
    struct lucid_span form;
    assert_int_equal(canonical_form(kit_text(text, NULL, NULL, &out), &world->arena, &form, NULL),
                     LUCID_OK);
    lucid_buf_fini(&out);
    return form;
}

static void world_open(struct world *world)
{
    memset(world, 0, sizeof(*world));
    lucid_arena_init(&world->arena, 64U << 20);
    world->appraisal = calloc(1, sizeof(*world->appraisal));
    world->replay = calloc(1, sizeof(*world->replay));
    assert_true(world->appraisal != NULL && world->replay != NULL);
    world->key = kit_key(KEY_BYTE);
    kit_policy(POLICY_REST, &world->arena, &world->policy);
    world->documents[0] =
        kit_claims(1, "request", "proceed", KIT_CLAIM("pii", "true"), "", &world->arena);
    world->documents[1] = kit_sign(
        "{'type':'lucid.attestation.claims/v1','schemaVersion':'1.0','auditor':{'id':'a2',"
        "'digest':'" IMAGE "'},'phase':'response','decision':'proceed','issuedAt':'" KIT_TIME
        "','claims':[" KIT_CLAIM("pii", "true") "]}",
        2, &world->arena);
    world->input = (struct rules_input){
        .time_s = KIT_TIME_S,
        .policy = &world->policy,
        .documents = world->documents,
        .document_count = 2,
        .verify = kit_verify,
        .policy_bytes = canonical_value(world->policy.document, &world->arena),
        .lifetime_s = 3600,
        .developer = lucid_span_str("https://verifier.example"),
        .build = lucid_span_str("build 1"),
        .issuer = lucid_span_str("log.example/1"),
    };
}

static void world_close(struct world *world)
{
    free(world->appraisal);
    free(world->replay);
    lucid_arena_fini(&world->arena);
}

static void token_make(struct world *world, struct lucid_span claims)
{
    struct lucid_buf out = {0};
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    struct lucid_span input =
        jcs_jws_input_write(lucid_span_str("{\"alg\":\"EdDSA\"}"), claims, &out);
    ledger_ed25519_sign(&world->key, input, signature);
    jcs_jws_signature_write(lucid_span(signature, sizeof(signature)), &out);
    world->ear = canonical_keep(&out, &world->arena);
    assert_non_null(world->ear.data);
}

static void blob_add(struct world *world, struct lucid_span bytes)
{
    assert_true(world->blob_count < BLOBS_MAX);
    world->blobs[world->blob_count++] = bytes;
}

/* Appraises, signs, records, and keeps what the record names. */
static void world_run(struct world *world)
{
    struct lucid_why why = {.code = NULL};
    assert_int_equal(rules_appraise(&world->input, &world->arena, world->appraisal, &why),
                     LUCID_OK);
    assert_true(world->appraisal->appraised);
    token_make(world, world->appraisal->result);
    assert_int_equal(rules_record_write(&world->input, world->appraisal, world->ear, &world->arena,
                                        &world->record, &why),
                     LUCID_OK);
    world->blob_count = 0;
    for (size_t i = 0; i < world->input.document_count; i++) {
        blob_add(world, world->documents[i]);
    }
    blob_add(world, world->input.policy_bytes);
    if (world->input.hardware_record.len > 0) {
        blob_add(world, world->input.hardware_record);
        blob_add(world, world->input.hardware_runtime);
    }
}

static enum lucid_error blob_find(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                                  struct lucid_span *ret)
{
    const struct world *world = context;
    for (size_t i = 0; i < world->blob_count; i++) {
        uint8_t hash[LUCID_SHA256_BYTES];
        lucid_sha256(world->blobs[i], hash);
        if (memcmp(hash, digest, sizeof(hash)) == 0) {
            *ret = world->blobs[i];
            return LUCID_OK;
        }
    }
    return LUCID_NOTE_ABSENT;
}

static enum lucid_error replay_again(struct world *world, struct lucid_why *why)
{
    const struct replay_trust trust = {
        .keys = (const uint8_t(*)[DOCUMENT_KEY_BYTES])world->key.public_key,
        .key_count = 1,
        .verify = kit_verify,
    };
    return replay_record(world->record, world->ear, blob_find, world, &trust, &world->arena,
                         world->replay, why);
}

static void expect_replay(struct world *world, enum replay_outcome outcome)
{
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = replay_again(world, &why);
    if (error != LUCID_OK) {
        print_message("%s %s: %s\n", why.code, why.param, why.text);
    }
    assert_int_equal(error, LUCID_OK);
    assert_int_equal(world->replay->outcome, outcome);
}

static const struct jcs_value *parsed(struct world *world, struct lucid_span text)
{
    static const struct jcs_limits limits = {.depth_max = 16, .values_max = 8192};
    const struct jcs_value *root;
    assert_int_equal(jcs_parse(text, &limits, &world->arena, &root, NULL), LUCID_OK);
    return root;
}

static void expect_text(struct world *world, const struct jcs_value *value, const char *text)
{
    struct lucid_span form = canonical_value(value, &world->arena);
    if (!lucid_span_is(form, text)) {
        print_message("%.*s\nis not %s\n", (int)form.len, (const char *)form.data, text);
    }
    assert_true(lucid_span_is(form, text));
}

/* The text with one part put in the place of another, which must be there. */
static struct lucid_span changed(struct world *world, struct lucid_span text, const char *from,
                                 const char *to)
{
    struct lucid_buf out = {0};
    char *copy = strndup((const char *)text.data, text.len);
    char *at = strstr(copy, from);
    assert_non_null(at);
    lucid_buf_put(&out, copy, (size_t)(at - copy));
    lucid_buf_str(&out, to);
    lucid_buf_str(&out, at + strlen(from));
    free(copy);
    struct lucid_span ret = canonical_keep(&out, &world->arena);
    assert_non_null(ret.data);
    return ret;
}

static void test_result(void **state)
{
    (void)state;
    struct world world;
    struct ear ear;
    world_open(&world);
    world_run(&world);
    struct lucid_span result = world.appraisal->result;
    assert_int_equal(ear_read(result, &world.arena, &ear, NULL), LUCID_OK);
    assert_int_equal(ear.status, APPRAISAL_WARNING);
    assert_int_equal(ear.submod_count, 2);
    assert_int_equal(ear.iat_s, KIT_TIME_S);
    assert_int_equal(ear.exp_s, KIT_TIME_S + 3600);
    const struct jcs_value *root = parsed(&world, result);
    const struct jcs_value *submod = jcs_member(jcs_member(root, "submods"), "claims0");
    const struct jcs_value *said = jcs_member(submod, "ear_verifier_claims");
    expect_text(&world, jcs_member(submod, "ear_status"), "\"warning\"");
    expect_text(&world, jcs_member(said, "lucid.claims"),
                "[{\"name\":\"pii\",\"rules\":[\"pii\"],\"status\":\"warning\"}]");
    expect_text(&world, jcs_member(said, "lucid.bound"), "false");
    root = jcs_member(root, "lucid.appraisal");
    expect_text(&world, jcs_member(root, "decision"), "\"redact\"");
    expect_text(&world, jcs_member(root, "binding"),
                "{\"boundByHardware\":[],\"coLocation\":\"not shown\","
                "\"declared\":[\"claims0\",\"claims1\"]}");
    expect_text(&world, jcs_member(root, "rules"),
                "[{\"action\":\"redact\",\"id\":\"pii\",\"message\":\"personal data\","
                "\"outcome\":\"triggered\"}]");
    world_close(&world);
}

static void test_replay(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world.input.nonce = lucid_span_str("");
    world.input.received_s = KIT_TIME_S + 5;
    world_run(&world);
    expect_replay(&world, REPLAY_DIFFERS_CLAIMS); /* two times, and of no test store */
    world.input.test = true;
    world.input.lifetime_s = 3601; /* the policy says 3600 */
    world_run(&world);
    expect_replay(&world, REPLAY_DIFFERS_CLAIMS);
    world.input.lifetime_s = 3600;
    world_run(&world);
    expect_replay(&world, REPLAY_SAME);
    assert_true(lucid_span_equal(world.replay->claims, world.appraisal->result));
    assert_true(lucid_span_equal(world.replay->remade, world.record));
    assert_non_null(world.replay->rules);

    /* By another key. */
    struct ledger_ed25519_key key = world.key;
    world.key = kit_key(KEY_BYTE + 1);
    expect_replay(&world, REPLAY_UNKNOWN_KEY);
    world.key = key;

    /* What is recorded beside the result. */
    struct lucid_span record = world.record;
    world.record = changed(&world, record, "\"decision\":\"redact\"", "\"decision\":\"proceed\"");
    expect_replay(&world, REPLAY_DIFFERS_CLAIMS);
    /* The verifier's build is in the claims: another one is another result. */
    world.record = changed(&world, record, "build 1", "build 2");
    expect_replay(&world, REPLAY_DIFFERS_CLAIMS);
    world.record = changed(&world, record, "\"rulesVersion\":2", "\"rulesVersion\":7");
    expect_replay(&world, REPLAY_DIFFERS_RULES);
    world.record = record;

    /* A token over other claims. */
    token_make(&world, lucid_span_str("{}"));
    expect_replay(&world, REPLAY_DIFFERS_TOKEN);
    world_close(&world);
}

/* A token in the older spelling replays as the same. */
static void test_spelling(void **state)
{
    (void)state;
    struct world world;
    struct lucid_span older;
    world_open(&world);
    world_run(&world);
    assert_int_equal(ear_respell(world.appraisal->result, EAR_VERAISON, &world.arena, &older, NULL),
                     LUCID_OK);
    token_make(&world, older);
    assert_int_equal(rules_record_write(&world.input, world.appraisal, world.ear, &world.arena,
                                        &world.record, NULL),
                     LUCID_OK);
    expect_replay(&world, REPLAY_SAME);
    world_close(&world);
}

static void test_blobs(void **state)
{
    (void)state;
    struct world world;
    struct lucid_why why = {.code = NULL};
    world_open(&world);
    world_run(&world);
    uint8_t(*digests)[LUCID_SHA256_BYTES];
    size_t count;
    assert_int_equal(record_digests(world.record, &world.arena, &digests, &count, NULL), LUCID_OK);
    assert_int_equal(count, world.blob_count);
    for (size_t i = 0; i < count; i++) {
        struct lucid_span bytes;
        assert_int_equal(blob_find(&world, digests[i], &bytes), LUCID_OK);
    }
    for (size_t i = 0; i < count; i++) {
        struct lucid_span kept = world.blobs[i];
        world.blobs[i] = lucid_span_str("{}");
        assert_int_equal(replay_again(&world, &why), LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "INCOMPLETE_BUNDLE");
        world.blobs[i] = kept;
    }
    expect_replay(&world, REPLAY_SAME);
    world_close(&world);
}

/* Every member of the record missing, null or of another type: refused by its name, or the replay
 * says that it differs; it is never the same. */
static void test_record_members(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    world_run(&world);
    struct lucid_span record = world.record;
    const struct jcs_value *root = parsed(&world, record);
    const struct jcs_value *at = NULL;
    while ((at = jcs_next(root, at)) != NULL) {
        static const char *const values[] = {NULL, "null", "[]", "{}", "-1", "\"x\""};
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            struct lucid_buf out = {0};
            const struct jcs_value *other = NULL;
            lucid_buf_char(&out, '{');
            while ((other = jcs_next(root, other)) != NULL) {
                if (other == at && values[i] == NULL) {
                    continue;
                }
                if (out.len > 1) {
                    lucid_buf_char(&out, ',');
                }
                lucid_json_string(&out, jcs_name(other));
                lucid_buf_char(&out, ':');
                if (other == at) {
                    lucid_buf_str(&out, values[i]);
                } else {
                    jcs_write(other, &out);
                }
            }
            lucid_buf_char(&out, '}');
            world.record = canonical_keep(&out, &world.arena);
            enum lucid_error error = replay_again(&world, NULL);
            assert_true(error == LUCID_REFUSE_INVALID ||
                        (error == LUCID_OK && world.replay->outcome != REPLAY_SAME));
        }
    }
    world_close(&world);
}

/* --- with hardware ---------------------------------------------------------------------------- */

#define RUNTIME(AUDITORS)                                                                          \
    "{'audience':'https://rp.example','nonce':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',"      \
    "'publicKey':{'crv':'Ed25519','kty':'OKP','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}," \
    "'workload':{'auditors':[" AUDITORS "]}}"

/* A record of an appraisal of evidence with that status; rest: members with a comma before them. */
static void hardware_make(struct world *world, const char *runtime, const char *status,
                          const char *rest)
{
    struct lucid_buf text = {0};
    uint8_t digest[LUCID_SHA256_BYTES];
    world->input.hardware_runtime = plain(world, runtime);
    lucid_sha256(world->input.hardware_runtime, digest);
    lucid_buf_str(&text,
                  "{'type':'attestation.appraisal','version':1,'rulesVersion':1,'time':"
                  "1789999000,'received':1789999000,'lifetime':3600,'issuer':'log.example/1',"
                  "'verifier':{'developer':'d','build':'b'},'session':{'sessionId':'s',"
                  "'nonce':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA','audience':"
                  "'https://rp.example','issuedAt':1789999000,'expiresAt':1789999300},"
                  "'evidences':[{'name':'cpu0','type':'mock','evidence':'sha256:" ZERO64
                  "','endorsements':[]}],'collateral':[],'references':[],'policy':'sha256:" ZERO64
                  "','allowMock':true,'submods':{},'claims':'sha256:" ZERO64
                  "','ear':'sha256:" ZERO64 "','runtimeData':'sha256:");
    lucid_buf_hex(&text, digest, sizeof(digest));
    lucid_buf_printf(&text, "','status':'%s'%s}", status, rest);
    lucid_buf_char(&text, '\0');
    world->input.hardware_record = plain(world, (const char *)text.data);
    lucid_buf_fini(&text);
}

static const char affirming[] = ",'mock':false,'test':false";
static const char named[] =
    RUNTIME("{'id':'a1','digest':'" IMAGE "'},{'id':'a2','digest':'" IMAGE "'}");

static void test_bound(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    /* a1 is named too, but its document does not say which image it is. */
    hardware_make(&world, named, "affirming", affirming);
    world_run(&world);
    assert_false(world.appraisal->submods[0].bound);
    assert_true(world.appraisal->submods[1].bound);
    assert_int_equal(world.appraisal->status, APPRAISAL_WARNING);
    const struct jcs_value *root =
        jcs_member(parsed(&world, world.appraisal->result), "lucid.appraisal");
    const struct jcs_value *binding = jcs_member(root, "binding");
    expect_text(&world, jcs_member(binding, "boundByHardware"), "[\"claims1\"]");
    expect_text(&world, jcs_member(binding, "declared"), "[\"claims0\"]");
    expect_text(&world, jcs_member(root, "is_mock"), "false");
    expect_replay(&world, REPLAY_SAME);

    /* Another image; nobody. */
    hardware_make(&world, RUNTIME("{'id':'a2','digest':'" OTHER "'}"), "affirming", affirming);
    world_run(&world);
    assert_false(world.appraisal->submods[1].bound);
    expect_replay(&world, REPLAY_SAME);
    /* Evidence that bound other data names nobody. */
    hardware_make(&world, named, "affirming", ",'mock':false,'test':true,'testBoundData':'00'");
    world.input.test = true;
    world_run(&world);
    assert_false(world.appraisal->submods[1].bound);
    expect_replay(&world, REPLAY_SAME);
    world_close(&world);
}

/* No better than the environment; a mock is said. */
static void test_environment(void **state)
{
    (void)state;
    static const struct {
        const char *hardware;
        enum appraisal_tier status;
    } cases[] = {
        {"affirming", APPRAISAL_AFFIRMING},
        {"none", APPRAISAL_NONE},
        {"warning", APPRAISAL_WARNING},
        {"contraindicated", APPRAISAL_CONTRAINDICATED},
    };
    struct world world;
    world_open(&world);
    world.documents[0] =
        kit_claims(1, "request", "proceed", KIT_CLAIM("pii", "false"), "", &world.arena);
    world.input.document_count = 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hardware_make(&world, named, cases[i].hardware, ",'mock':true,'test':false");
        world_run(&world);
        assert_int_equal(world.appraisal->status, cases[i].status);
        expect_replay(&world, REPLAY_SAME);
        assert_true(world.replay->appraisal.is_mock);
        const struct jcs_value *record = parsed(&world, world.record);
        expect_text(&world, jcs_member(record, "mock"), "true");
    }
    world_close(&world);
}

static void test_environment_refused(void **state)
{
    (void)state;
    struct world world;
    struct lucid_why why = {.code = NULL};
    world_open(&world);
    hardware_make(&world, named, "affirming", affirming);
    struct rules_input good = world.input;
    for (unsigned i = 0; i < 4; i++) {
        world.input = good;
        if (i == 0) {
            world.input.time_s = world.input.received_s = KIT_TIME_S + 3000; /* its result is old */
            world.input.policy = &world.policy;
            ((struct rules *)(uintptr_t)world.policy.rules)->max_age_s = 4000;
        } else if (i == 1) {
            world.input.received_s = 1789998000; /* it is not made yet */
        } else if (i == 2) {
            world.input.hardware_runtime = plain(&world, RUNTIME(""));
        } else {
            hardware_make(&world, named, "affirming", ",'mock':false,'test':true");
        }
        assert_int_equal(rules_appraise(&world.input, &world.arena, world.appraisal, &why),
                         LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "INVALID_REQUEST");
        assert_string_equal(why.param, "appraisalId");
    }
    world_close(&world);
}

static void test_explain(void **state)
{
    (void)state;
    struct world world;
    struct lucid_buf out = {0};
    world_open(&world);
    hardware_make(&world, named, "warning", ",'mock':true,'test':false");
    world_run(&world);
    assert_int_equal(explain_record(world.record, &world.arena, &out, NULL), LUCID_OK);
    lucid_buf_char(&out, '\0');
    static const char *const parts[] = {
        "verdict: warning (mock: no hardware stands behind it)\nappraised as of ",
        "\ndecision: redact\nenvironment: appraisal sha256:",
        "claims0 (a1, request): warning, decided proceed, declared only",
        "claims1 (a2, response): warning, decided proceed, named by the appraised environment\n",
        "a rule of the policy denies this: pii\n",
        "rules:\n  pii: triggered, so redact: personal data\n",
        "required claims:\n  pii: pass\n",
        "that an auditor saw what it says it saw",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strstr((const char *)out.data, parts[i]) == NULL) {
            print_message("%s\nlacks %s\n", (const char *)out.data, parts[i]);
        }
        assert_non_null(strstr((const char *)out.data, parts[i]));
    }
    lucid_buf_fini(&out);
    world_close(&world);
}

/* What became of rules and required claims, in words; one that was not asked is among what was not
 * checked. */
static void test_explained_verdicts(void **state)
{
    (void)state;
    static const char record[] =
        "{\"type\":\"attestation.claims\",\"status\":\"contraindicated\",\"decision\":\"deny\","
        "\"documents\":[{\"auditor\":\"a\",\"steps\":[]}],\"rules\":["
        "{\"id\":\"r1\",\"outcome\":\"error\",\"reason\":\"absent\",\"claim\":\"x\","
        "\"action\":\"warn\",\"message\":\"m\xc3\xa9\xc2\x9b\"},"
        "{\"id\":\"r2\",\"outcome\":\"error\",\"reason\":\"ambiguous\",\"claim\":\"x\","
        "\"action\":\"redact\"},{\"id\":\"r3\",\"outcome\":\"skipped\"},"
        "{\"id\":\"r4\",\"outcome\":\"pass\"},{\"id\":\"r5\",\"outcome\":\"error\","
        "\"reason\":\"new\",\"claim\":\"x\",\"action\":\"deny\"}],\"required\":["
        "{\"name\":\"y\",\"outcome\":\"error\",\"reason\":\"confidence\",\"claim\":\"y\"},"
        "{\"name\":\"z\",\"outcome\":\"error\",\"reason\":\"type\",\"claim\":\"z\"},"
        "{\"name\":\"ok\",\"outcome\":\"pass\"}]}";
    static const char said[] =
        "rules:\n"
        "  r1: cannot be told (nobody claims x), so warn: m\xc3\xa9?\n"
        "  r2: cannot be told (auditors differ on x), so redact\n"
        "  r3: not asked, no document is of its phase\n"
        "  r4: pass\n"
        "  r5: cannot be told (new: x), so deny\n"
        "required claims:\n"
        "  y: cannot be told (not certain enough: y), so deny\n"
        "  z: cannot be told (of another type than is asked for: z), so deny\n"
        "  ok: pass\n";
    struct lucid_arena arena;
    struct lucid_buf out = {.bytes_max = 0};
    lucid_arena_init(&arena, 4U << 20);
    assert_int_equal(explain_record(lucid_span_str(record), &arena, &out, NULL), LUCID_OK);
    lucid_buf_char(&out, '\0');
    const char *at = strstr((const char *)out.data, said);
    if (at == NULL) {
        print_message("%s\n", (const char *)out.data);
    }
    assert_non_null(at);
    assert_non_null(strstr(at + sizeof(said) - 1, "  rule r3\n"));
    lucid_buf_fini(&out);
    lucid_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result),         cmocka_unit_test(test_replay),
        cmocka_unit_test(test_spelling),       cmocka_unit_test(test_blobs),
        cmocka_unit_test(test_record_members), cmocka_unit_test(test_bound),
        cmocka_unit_test(test_environment),    cmocka_unit_test(test_environment_refused),
        cmocka_unit_test(test_explain),        cmocka_unit_test(test_explained_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

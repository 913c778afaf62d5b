/* Records, bundles, and appraising again from them. */
#include "verifier_world.h"

#include <stdlib.h>

#include "base/base64url.h"
#include "base/jcs/jws.h"
#include "plugins/verifier/crypto/jose.h"

#include "ledger/ed25519.h"

static struct world world;
static struct lucid_span policy_bytes;
static struct lucid_span reference_bytes;
static struct reference_set reference;
static uint8_t public_keys[2][LEDGER_ED25519_PUBLIC_BYTES];
static struct ledger_ed25519_key keys[2];
static struct lucid_span record;
static struct lucid_span ear;

static const char policy_text[] =
    "{\"allowMeasurements\":[],\"name\":\"replay\",\"references\":[\"sha256:%s\"],"
    "\"type\":\"lucid.attestation.policy/v1\",\"types\":[\"snp\",\"mock\"]}";
static const char reference_text[] =
    "{\"environment\":{\"type\":\"snp\"},\"measurements\":[{\"alg\":\"sha384\",\"digest\":[\"%s\"]"
    ","
    "\"mkey\":\"launch\"}],\"name\":\"images\",\"type\":\"lucid.attestation.reference/v1\"}";

static bool verify(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                   const uint8_t signature[64], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

static struct lucid_span format(const char *text, const void *bytes, size_t len)
{
    struct lucid_buf hex = {0};
    struct lucid_buf out = {0};
    const char *place = strstr(text, "%s");
    lucid_buf_hex(&hex, bytes, len);
    lucid_buf_put(&out, text, (size_t)(place - text));
    lucid_buf_span_put(&out, lucid_buf_span(&hex));
    lucid_buf_str(&out, place + 2);
    struct lucid_span copy = lucid_arena_copy(&world.arena, lucid_buf_span(&out));
    assert_non_null(copy.data);
    lucid_buf_fini(&hex);
    lucid_buf_fini(&out);
    return copy;
}

static void documents_make(void)
{
    struct lucid_why why = {0};
    reference_bytes = format(reference_text, world_launch, sizeof(world_launch));
    assert_int_equal(reference_parse(reference_bytes, &world.arena, &reference, &why), LUCID_OK);
    policy_bytes = format(policy_text, reference.id, sizeof(reference.id));
    assert_int_equal(policy_parse(policy_bytes, &world.arena, &world.policy, &why), LUCID_OK);
    world.input.policy_bytes = policy_bytes;
    world.input.references = &reference;
    world.input.reference_bytes = &reference_bytes;
    world.input.reference_count = 1;
    world.collateral[0] = (struct appraisal_collateral){
        lucid_span_str("test/crl/P1"), lucid_span_str("a list"), WORLD_NOW_S - 86400};
    world.input.collateral_count = 1;
}

static void token_make(struct lucid_span claims, size_t key)
{
    struct lucid_buf out = {0};
    struct lucid_buf header = {0};
    uint8_t thumbprint[LUCID_SHA256_BYTES];
    uint8_t signature[64];
    struct jose_key jwk = {.alg = JOSE_EDDSA};
    memcpy(jwk.x, public_keys[key], sizeof(public_keys[key]));
    assert_true(jose_key_thumbprint(&jwk, thumbprint));
    lucid_buf_str(&header, "{\"alg\":\"EdDSA\",\"kid\":\"");
    lucid_base64url_write(&header, lucid_span(thumbprint, sizeof(thumbprint)));
    lucid_buf_str(&header, "\"}");
    struct lucid_span input = jcs_jws_input_write(lucid_buf_span(&header), claims, &out);
    ledger_ed25519_sign(&keys[key], input, signature);
    jcs_jws_signature_write(lucid_span(signature, sizeof(signature)), &out);
    ear = lucid_arena_copy(&world.arena, lucid_buf_span(&out));
    assert_non_null(ear.data);
    lucid_buf_fini(&out);
    lucid_buf_fini(&header);
}

static void record_make(void)
{
    world_run(&world);
    assert_true(world.appraisal.appraised);
    token_make(world.appraisal.claims, 0);
    assert_int_equal(record_write(&world.input, &world.appraisal, ear, &world.arena, &record),
                     LUCID_OK);
}

static int setup(void **state)
{
    (void)state;
    world_init(&world);
    for (size_t i = 0; i < 2; i++) {
        uint8_t seed[LEDGER_ED25519_SEED_BYTES];
        memset(seed, (int)i + 1, sizeof(seed));
        ledger_ed25519_key_init(seed, &keys[i]);
        memcpy(public_keys[i], keys[i].public_key, sizeof(public_keys[i]));
    }
    documents_make();
    world.input.evidences[0].endorsements[0] = lucid_span_str("a certificate");
    world.input.evidences[0].endorsement_count = 1;
    world.input.evidences[0].event_log = lucid_span_str("a log");
    world_evidence_add(&world, "snp", "gpu0");
    record_make();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_fini(&world);
    return 0;
}

/* Everything that the input has, by digest, but for what is hidden. */
static struct lucid_span hidden;
static struct lucid_span replaced;

static enum lucid_error blob(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                             struct lucid_span *ret)
{
    const struct appraisal_input *input = &world.input;
    const struct lucid_span all[] = {input->runtime_data,
                                     input->evidences[0].bytes,
                                     input->evidences[1].bytes,
                                     input->evidences[0].endorsements[0],
                                     input->evidences[0].event_log,
                                     world.collateral[0].bytes,
                                     policy_bytes,
                                     reference_bytes};
    (void)context;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        uint8_t hash[LUCID_SHA256_BYTES];
        lucid_sha256(all[i], hash);
        if (memcmp(hash, digest, sizeof(hash)) == 0 && !lucid_span_equal(all[i], hidden)) {
            *ret = replaced.len > 0 && i == 5 ? replaced : all[i];
            return LUCID_OK;
        }
    }
    return LUCID_NOTE_ABSENT;
}

static const struct replay_trust trust = {(const uint8_t (*)[DOCUMENT_KEY_BYTES])public_keys, 1,
                                          verify, NULL};

static enum replay_outcome replayed(struct replay *ret)
{
    assert_int_equal(replay_record(record, ear, blob, NULL, &trust, &world.arena, ret, &world.why),
                     LUCID_OK);
    return ret->outcome;
}

static struct lucid_span bundle_make(const char *keys_text)
{
    struct lucid_buf out = {0};
    assert_int_equal(bundle_write(record, ear, lucid_span_str(keys_text),
                                  lucid_span_str("\"checkpoint\":\"x\""), blob, NULL, &world.arena,
                                  &out, &world.why),
                     LUCID_OK);
    struct lucid_span copy = lucid_arena_copy(&world.arena, lucid_buf_span(&out));
    assert_non_null(copy.data);
    lucid_buf_fini(&out);
    return copy;
}

static const char *jwks(size_t key)
{
    static char text[256];
    struct lucid_buf x = {0};
    lucid_base64url_write(&x, lucid_span(public_keys[key], 32));
    lucid_buf_char(&x, '\0');
    (void)snprintf(
        text, sizeof(text),
        "{\"keys\":[{\"kty\":\"EC\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}]}",
        (const char *)x.data);
    lucid_buf_fini(&x);
    return text;
}

/* A text with one part of it replaced, in the arena. */
static struct lucid_span edited(struct lucid_span text, const char *from, const char *to)
{
    struct lucid_buf out = {0};
    const char *start = (const char *)text.data;
    const char *place = strstr(start, from); /* arena copies end with NUL */
    assert_non_null(place);
    lucid_buf_put(&out, start, (size_t)(place - start));
    lucid_buf_str(&out, to);
    lucid_buf_str(&out, place + strlen(from));
    struct lucid_span copy = lucid_arena_copy(&world.arena, lucid_buf_span(&out));
    lucid_buf_fini(&out);
    return copy;
}

static void test_same(void **state)
{
    (void)state;
    struct replay replay;
    uint8_t id[LUCID_SHA256_BYTES];
    assert_int_equal(replayed(&replay), REPLAY_SAME);
    assert_true(lucid_span_equal(replay.claims, world.appraisal.claims));
    assert_true(lucid_span_equal(replay.recorded, replay.claims));
    assert_true(lucid_span_equal(replay.remade, record));
    lucid_sha256(record, id);
    assert_memory_equal(id, replay.record_id, sizeof(id));
    assert_memory_equal(replay.key, public_keys[0], 32);
    struct lucid_buf out = {0};
    replay_write(&replay, &out);
    lucid_buf_char(&out, '\0');
    assert_non_null(strstr((const char *)out.data, "\"outcome\":\"same\""));
    assert_null(strstr((const char *)out.data, "\"differs\""));
    assert_non_null(strstr((const char *)out.data, "\"mock\":false,\"test\":false"));
    assert_non_null(strstr((const char *)out.data, "\"differences\":[]"));
    lucid_buf_fini(&out);
}

/* A service that is set to the older names: the token has them, claims and record do not. */
static void test_of_the_older_spelling(void **state)
{
    (void)state;
    struct replay replay;
    struct lucid_span old;
    assert_int_equal(ear_respell(world.appraisal.claims, EAR_VERAISON, &world.arena, &old, NULL),
                     LUCID_OK);
    token_make(old, 0);
    assert_int_equal(record_write(&world.input, &world.appraisal, ear, &world.arena, &record),
                     LUCID_OK);
    assert_int_equal(replayed(&replay), REPLAY_SAME);
    token_make(edited(old, "\"ear.status\":\"affirming\"", "\"ear.status\":\"warning\""), 0);
    assert_int_equal(record_write(&world.input, &world.appraisal, ear, &world.arena, &record),
                     LUCID_OK);
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_TOKEN);
}

static void test_of_a_test_store(void **state)
{
    (void)state;
    struct replay replay;
    world.input.test = true;
    world.input.has_test_bound_data = true;
    world.input.test_bound_len = 5;
    memset(world.input.test_bound_data, 7, 5);
    memset(world.evidence[0], 0, 64);
    memset(world.evidence[0], 7, 5);
    world.input.received_s = WORLD_NOW_S;
    world.input.time_s = 1740000000;
    world.input.evidences[1].type = lucid_span_str("mock");
    world.input.allow_mock = true;
    record_make();
    assert_int_equal(replayed(&replay), REPLAY_SAME);
    assert_true(replay.appraisal.is_mock);
    assert_false(replay.appraisal.submods[0].bound);
    assert_true(replay.appraisal.submods[1].bound);
    struct lucid_buf out = {0};
    replay_write(&replay, &out);
    lucid_buf_char(&out, '\0');
    assert_non_null(strstr((const char *)out.data, "\"mock\":true,\"test\":true"));
    lucid_buf_fini(&out);
}

static void test_bundle(void **state)
{
    (void)state;
    struct replay replay;
    struct lucid_span bundle = bundle_make(jwks(0));
    assert_int_equal(replay_bundle(bundle, &trust, &world.arena, &replay, &world.why), LUCID_OK);
    assert_int_equal(replay.outcome, REPLAY_SAME);
    /* Nobody is trusted; or somebody else. */
    struct replay_trust other = {NULL, 0, verify, NULL};
    assert_int_equal(replay_bundle(bundle, &other, &world.arena, &replay, &world.why), LUCID_OK);
    assert_int_equal(replay.outcome, REPLAY_UNKNOWN_KEY);
    assert_true(replay.has_key);
    other.keys = &trust.keys[1];
    other.key_count = 1;
    assert_int_equal(replay_bundle(bundle, &other, &world.arena, &replay, &world.why), LUCID_OK);
    assert_int_equal(replay.outcome, REPLAY_UNKNOWN_KEY);
    /* A bundle that does not bring the key. */
    bundle = bundle_make("{\"keys\":[]}");
    assert_int_equal(replay_bundle(bundle, &other, &world.arena, &replay, &world.why), LUCID_OK);
    assert_int_equal(replay.outcome, REPLAY_UNKNOWN_KEY);
    assert_false(replay.has_key);
    assert_int_equal(replay_bundle(bundle, &trust, &world.arena, &replay, &world.why), LUCID_OK);
    assert_int_equal(replay.outcome, REPLAY_SAME);
}

static void test_claims_differ(void **state)
{
    (void)state;
    struct replay replay;
    struct lucid_buf out = {0};
    answers.hardware = 96; /* as if a build judged otherwise by the same rules */
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_CLAIMS);
    replay_write(&replay, &out);
    lucid_buf_char(&out, '\0');
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "{\"pointer\":\"/claims/ear_status\",\"recorded\":\"affirming\","
                                 "\"replayed\":\"contraindicated\"}"));
    assert_non_null(strstr(text, "\"/claims/submods/cpu0/ear_trustworthiness_vector/hardware\""));
    assert_non_null(strstr(text, "\"/record/submods/gpu0/vector/hardware\""));
    lucid_buf_fini(&out);
    /* Nothing is appraised any more. */
    answers.steps[APPRAISAL_CHAIN] = (struct appraisal_result){APPRAISAL_FAIL, "chain.no", ""};
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_CLAIMS);
    assert_int_equal(replay.claims.len, 0);
    assert_int_equal(replay.appraisal.failed_step, APPRAISAL_CHAIN);
    struct lucid_buf other = {0};
    replay_write(&replay, &other);
    assert_true(lucid_buf_ok(&other));
    lucid_buf_fini(&other);
}

/* What the record says beside the claims is compared as well. */
static void test_record_differs(void **state)
{
    (void)state;
    struct replay replay;
    struct lucid_buf out = {0};
    record =
        edited(record, "\"status\":\"affirming\",\"submods\"", "\"status\":\"none\",\"submods\"");
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_CLAIMS);
    replay_write(&replay, &out);
    lucid_buf_char(&out, '\0');
    assert_non_null(strstr((const char *)out.data,
                           "[{\"pointer\":\"/record/status\",\"recorded\":\"none\",\"replayed\":"
                           "\"affirming\"}]"));
    lucid_buf_fini(&out);
}

static void incomplete(void);

static void expect_difference(const struct replay *replay, const char *pointer)
{
    struct lucid_buf out = {0};
    struct lucid_buf wanted = {0};
    replay_write(replay, &out);
    lucid_buf_char(&out, '\0');
    lucid_buf_printf(&wanted, "{\"pointer\":\"%s\",", pointer);
    lucid_buf_char(&wanted, '\0');
    assert_non_null(strstr((const char *)out.data, (const char *)wanted.data));
    lucid_buf_fini(&out);
    lucid_buf_fini(&wanted);
}

/* Who runs the verifier signs what he likes: a record whose verdict came of less than its policy
 * names, or of times and a lifetime that nobody has, is not the same. */
static void test_record_of_other_input(void **state)
{
    (void)state;
    struct replay replay;
    world.input.reference_count = 0;
    record_make();
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_CLAIMS);
    expect_difference(&replay, "/record/references/0");
    hidden = reference_bytes;
    incomplete();
    hidden.len = 0;
    world.input.reference_count = 1;

    world.input.received_s = WORLD_NOW_S + 60; /* only a test store's test_time makes two of it */
    record_make();
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_CLAIMS);
    expect_difference(&replay, "/record/received");
    world.input.received_s = 0;

    world.input.lifetime_s = 3601; /* the policy says 3600 */
    record_make();
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_CLAIMS);
    expect_difference(&replay, "/record/lifetime");
    world.input.lifetime_s = 60; /* the service's own setting, below it */
    record_make();
    assert_int_equal(replayed(&replay), REPLAY_SAME);
}

static void test_rules_differ(void **state)
{
    (void)state;
    struct replay replay;
    struct lucid_span kept = record;
    record = edited(kept, "\"rulesVersion\":2", "\"rulesVersion\":3");
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_RULES);
    assert_int_equal(replay.rules_version, 3);
    struct lucid_buf out = {0};
    replay_write(&replay, &out);
    lucid_buf_char(&out, '\0');
    assert_non_null(strstr((const char *)out.data, "\"outcome\":\"rules\",\"differs\":\"rules\""));
    lucid_buf_fini(&out);
    /* Even where our rules do not take what theirs did. */
    policy_bytes = lucid_span_str("{\"later\":true}");
    uint8_t hash[LUCID_SHA256_BYTES];
    const char *at = strstr((const char *)record.data, "\"policy\":\"sha256:");
    assert_non_null(at);
    lucid_sha256(policy_bytes, hash);
    lucid_hex_encode(hash, sizeof(hash), (char *)(uintptr_t)at + strlen("\"policy\":\"sha256:"));
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_RULES);
    assert_int_equal(replay.claims.len, 0);
}

static void test_token_differs(void **state)
{
    (void)state;
    struct replay replay;
    struct lucid_span kept = ear;
    token_make(world.appraisal.claims, 1); /* another token than the record names */
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_TOKEN);
    ear = lucid_span_str("no token");
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_TOKEN);
    assert_int_equal(replay.recorded.len, 0);
    /* One that the record names, with other claims. */
    token_make(lucid_span_str("{}"), 0);
    assert_int_equal(record_write(&world.input, &world.appraisal, ear, &world.arena, &record),
                     LUCID_OK);
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_TOKEN);
    /* One that names our key and is not signed by it. */
    ear = lucid_arena_copy(&world.arena, kept);
    assert_non_null(ear.data);
    uint8_t *last = (uint8_t *)(uintptr_t)ear.data + ear.len - 20;
    *last = *last == 'A' ? 'B' : 'A';
    assert_int_equal(record_write(&world.input, &world.appraisal, ear, &world.arena, &record),
                     LUCID_OK);
    assert_int_equal(replayed(&replay), REPLAY_DIFFERS_TOKEN);
    /* One by a key that nobody knows here. */
    token_make(world.appraisal.claims, 1);
    assert_int_equal(record_write(&world.input, &world.appraisal, ear, &world.arena, &record),
                     LUCID_OK);
    assert_int_equal(replayed(&replay), REPLAY_UNKNOWN_KEY);
}

static void incomplete(void)
{
    struct replay replay;
    memset(&world.why, 0, sizeof(world.why));
    assert_int_equal(
        replay_record(record, ear, blob, NULL, &trust, &world.arena, &replay, &world.why),
        LUCID_REFUSE_INVALID);
    assert_string_equal(world.why.code, "INCOMPLETE_BUNDLE");
    assert_int_equal(strlen(world.why.param), 71);
}

static void test_incomplete(void **state)
{
    (void)state;
    const struct lucid_span all[] = {world.input.runtime_data,
                                     world.input.evidences[0].bytes,
                                     world.input.evidences[1].bytes,
                                     world.input.evidences[0].endorsements[0],
                                     world.input.evidences[0].event_log,
                                     world.collateral[0].bytes,
                                     policy_bytes,
                                     reference_bytes};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        hidden = all[i];
        incomplete();
        hidden.len = 0;
    }
    replaced = lucid_span_str("b list");
    incomplete();
    replaced.len = 0;
    uint8_t(*digests)[LUCID_SHA256_BYTES];
    size_t count;
    assert_int_equal(record_digests(record, &world.arena, &digests, &count, &world.why), LUCID_OK);
    assert_int_equal(count, 8);
}

static void test_bundle_refusals(void **state)
{
    (void)state;
    struct replay replay;
    struct lucid_span bundle = bundle_make(jwks(0));
    const struct {
        const char *from;
        const char *to;
        const char *code;
    } cases[] = {
        {"bundle/v1", "bundle/v2", "INVALID_BUNDLE"},
        {"\"ear\":\"ey", "\"tea\":\"ey", "INVALID_BUNDLE"},
        {"\"keys\":{", "\"kegs\":{", "INVALID_BUNDLE"},
        {"\"blobs\":{", "\"glob\":{", "INVALID_BUNDLE"},
        {"attestation.appraisal", "attestation.appraisals", "INVALID_RECORD"},
        {"\"received\":", "\"receivid\":", "INVALID_RECORD"},
        {"\"version\":1", "\"version\":2", "INVALID_RECORD"},
        {"\"gpu0\"", "\"gpu0gpu0gpu0gpu0gpu0gpu0gpu0gpu0\"", "INVALID_RECORD"},
        {"\"lifetime\":3600", "\"lifetime\":-1", "INVALID_RECORD"},
        {"YSBsb2c=", "YSBsb2d=", "INCOMPLETE_BUNDLE"},
        {"YSBsb2c=", "", "INCOMPLETE_BUNDLE"},
        {"\"issuer\"", "\"Issuer\"", "INVALID_RECORD"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&world.why, 0, sizeof(world.why));
        struct lucid_span bad = edited(bundle, cases[i].from, cases[i].to);
        assert_int_equal(replay_bundle(bad, &trust, &world.arena, &replay, &world.why),
                         LUCID_REFUSE_INVALID);
        assert_string_equal(world.why.code, cases[i].code);
    }
    /* Cut anywhere, it is refused. */
    for (size_t len = 0; len < bundle.len; len += 37) {
        assert_int_equal(
            replay_bundle(lucid_span(bundle.data, len), &trust, &world.arena, &replay, &world.why),
            LUCID_REFUSE_INVALID);
    }
}

/* Every byte of a bundle changed once: refused, or it differs; or what is the same are the very
 * claims, and only beside them the record says something else, which its entry then does not. */
static void test_bundle_flipped(void **state)
{
    (void)state;
    static const uint8_t masks[] = {0x01, 0x02, 0x20};
    struct lucid_span bundle = bundle_make(jwks(0));
    struct lucid_span claims = world.appraisal.claims;
    uint8_t id[LUCID_SHA256_BYTES];
    uint8_t *bytes = (uint8_t *)(uintptr_t)bundle.data;
    size_t beside = 0;
    lucid_sha256(record, id);
    for (size_t i = 0; i < bundle.len * sizeof(masks); i++) {
        struct lucid_arena arena;
        struct replay replay;
        uint8_t *at = &bytes[i / sizeof(masks)];
        lucid_arena_init(&arena, (size_t)4 << 20);
        memset(&world.why, 0, sizeof(world.why));
        *at ^= masks[i % sizeof(masks)];
        enum lucid_error e = replay_bundle(bundle, &trust, &arena, &replay, &world.why);
        *at ^= masks[i % sizeof(masks)];
        if (e == LUCID_OK && replay.outcome == REPLAY_SAME) {
            assert_true(lucid_span_equal(replay.claims, claims));
            beside += memcmp(replay.record_id, id, sizeof(id)) != 0;
        } else if (e != LUCID_OK) {
            assert_int_equal(lucid_category(e), LUCID_CATEGORY_REFUSE);
            assert_non_null(world.why.code);
        }
        lucid_arena_fini(&arena);
    }
    print_message("# %zu of %zu changes are of what only the entry vouches for\n", beside,
                  bundle.len * sizeof(masks));
}

/* What was written can be read: the limit is of the whole bundle. */
static struct lucid_span filler;

static enum lucid_error filled(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                               struct lucid_span *ret)
{
    (void)context;
    (void)digest;
    *ret = filler;
    return LUCID_OK;
}

static void test_bundle_length(void **state)
{
    (void)state;
    size_t written = 0;
    size_t refused = 0;
    filler.data = calloc(1, 800000);
    assert_non_null(filler.data);
    for (filler.len = 784000; filler.len < 787000; filler.len += 100) {
        struct lucid_buf out = {0};
        struct lucid_arena arena;
        lucid_arena_init(&arena, (size_t)1 << 20);
        memset(&world.why, 0, sizeof(world.why));
        enum lucid_error e =
            bundle_write(record, ear, lucid_span_str(jwks(0)), lucid_span_str("\"x\":0"), filled,
                         NULL, &arena, &out, &world.why);
        assert_true(e == LUCID_OK || e == LUCID_REFUSE_TOO_LARGE);
        assert_true(e != LUCID_OK || out.len <= BUNDLE_BYTES_MAX);
        written += e == LUCID_OK;
        refused += e != LUCID_OK;
        lucid_arena_fini(&arena);
        lucid_buf_fini(&out);
    }
    assert_true(written > 0 && refused > 0);
    free((void *)(uintptr_t)filler.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_of_the_older_spelling, setup, teardown),
        cmocka_unit_test_setup_teardown(test_of_a_test_store, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bundle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claims_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(test_record_differs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_record_of_other_input, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rules_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(test_token_differs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_incomplete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bundle_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bundle_flipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bundle_length, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

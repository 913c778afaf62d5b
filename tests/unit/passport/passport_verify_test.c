/* Verification: the published vectors, and each check with each of its outcomes. */
#include "plugins/passport/package.h"
#include "plugins/verifier/canonical.h"
#include "tests/unit/passport/passport_kit.h"

#define NOW_S (KIT_ISSUED_S + 86400U)

struct world {
    struct lucid_arena arena;
    struct ledger_ed25519_key key;
    struct ledger_ed25519_key other;
    uint8_t keys[2][PASSPORT_KEY_BYTES];
    struct verify_input input;
    struct status_entry good;
    struct verify verify;
};

/* A key that is trusted, the log's word that nothing was revoked, evidence and log looked at. */
static int world_setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    lucid_arena_init(&world->arena, 64U << 20);
    world->key = kit_key(1);
    world->other = kit_key(2);
    memcpy(world->keys[0], world->key.public_key, PASSPORT_KEY_BYTES);
    world->good = (struct status_entry){.kind = STATUS_VALID};
    world->input = (struct verify_input){
        .now_s = NOW_S,
        .keys = (const uint8_t(*)[PASSPORT_KEY_BYTES])world->keys,
        .key_count = 1,
        .origin = lucid_span_str("https://app.example"),
        .evidence = {.outcome = VERIFY_PASS, .code = "evidence.same"},
        .status = &world->good,
        .log = {.outcome = VERIFY_PASS, .code = "log.logged"},
        .ed25519 = kit_ed25519,
    };
    *state = world;
    return 0;
}

static int world_teardown(void **state)
{
    struct world *world = *state;
    lucid_arena_fini(&world->arena);
    free(world);
    return 0;
}

static void run(struct world *world, const char *from, const char *to)
{
    world->input.text = kit_signed(from, to, &world->key, &world->arena);
    assert_int_equal(verify_run(&world->input, &world->arena, &world->verify), LUCID_OK);
}

static void expect(const struct world *world, enum verify_check check, enum verify_outcome outcome,
                   const char *code, enum verify_verdict verdict)
{
    const struct verify_result *result = &world->verify.checks[check];
    if (strcmp(result->code, code) != 0) {
        print_message("%s: %s %s\n", verify_check_name(check), result->code, result->detail);
    }
    assert_string_equal(result->code, code);
    assert_int_equal(result->outcome, outcome);
    assert_int_equal(world->verify.verdict, verdict);
    assert_non_null(verify_code_text(code));
}

/* --- the vectors ------------------------------------------------------------------------------ */

struct text {
    char text[128];
};

static struct text member(const struct jcs_value *object, const char *name, const char *otherwise)
{
    struct text ret;
    const struct jcs_value *at = jcs_member(object, name);
    struct lucid_span text = at == NULL ? lucid_span_str(otherwise) : jcs_string(at);
    assert_in_range(text.len, 0, sizeof(ret.text) - 1);
    memcpy(ret.text, text.data, text.len);
    ret.text[text.len] = '\0';
    return ret;
}

/* A file that is the one its digest names, in the arena. */
static struct lucid_span vector(struct world *world, const char *name, const char *digest)
{
    char path[256];
    char hex[65] = "";
    uint8_t hash[LUCID_SHA256_BYTES];
    snprintf(path, sizeof(path), "passport/%s", name);
    struct lucid_buf file = file_read(path);
    struct lucid_span copy = lucid_arena_copy(&world->arena, lucid_buf_span(&file));
    lucid_buf_fini(&file);
    if (digest != NULL) {
        lucid_sha256(copy, hash);
        lucid_hex_encode(hash, sizeof(hash), hex);
        assert_string_equal(hex, digest);
    }
    return copy;
}

static void vector_check(struct world *world, const struct jcs_value *about,
                         const char *input_digest)
{
    const struct verify *verify = &world->verify;
    struct lucid_span form;
    world->input.text =
        vector(world, member(about, "file", "").text, member(about, "sha256", "").text);
    assert_int_equal(verify_run(&world->input, &world->arena, &world->verify), LUCID_OK);
    static const enum verify_check checks[] = {VERIFY_ALGORITHM, VERIFY_KEY, VERIFY_SIGNATURE};
    bool unsupported = jcs_member(about, "algorithm") != NULL;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        const char *name = verify_check_name(checks[i]);
        const char *otherwise = unsupported && checks[i] == VERIFY_KEY ? "skipped" : "pass";
        assert_string_equal(verify_outcome_name(verify->checks[checks[i]].outcome),
                            member(about, name, otherwise).text);
    }
    assert_string_equal(verify_verdict_name(verify->verdict), member(about, "verdict", "").text);
    if (jcs_member(about, "signingInput") != NULL) {
        struct lucid_span want =
            vector(world, member(about, "signingInput", "").text, input_digest);
        assert_int_equal(passport_signing_input(&verify->passport, &world->arena, &form), LUCID_OK);
        assert_true(lucid_span_equal(form, want));
    }
}

static void test_vectors(void **state)
{
    struct world *world = *state;
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 256};
    const struct jcs_value *root;
    struct lucid_span text = vector(world, "expected.json", NULL);
    assert_int_equal(jcs_parse(text, &limits, &world->arena, &root, NULL), LUCID_OK);
    struct lucid_span jwks =
        vector(world, member(root, "keys", "").text, member(root, "keysSha256", "").text);
    struct text input_digest = member(root, "signingInputSha256", "");
    assert_int_equal(
        package_keys_read(jwks, &world->arena, world->keys, NULL, 2, &world->input.key_count, NULL),
        LUCID_OK);
    assert_int_equal(world->input.key_count, 1);
    world->input.now_s = 1705708800; /* 2024-01-20T00:00:00Z */
    world->input.origin.len = 0;
    world->input.evidence = (struct verify_evidence){.outcome = VERIFY_SKIPPED};
    world->input.log = (struct verify_result){.outcome = VERIFY_SKIPPED};
    const struct jcs_value *at = NULL;
    size_t count = 0;
    while ((at = jcs_next(jcs_member(root, "passports"), at)) != NULL) {
        vector_check(world, at, input_digest.text);
        count++;
    }
    assert_int_equal(count, 4);
}

/* --- each check ------------------------------------------------------------------------------- */

static void test_good(void **state)
{
    struct world *world = *state;
    run(world, NULL, NULL);
    for (size_t i = 0; i < VERIFY_CHECKS; i++) {
        if (world->verify.checks[i].outcome != VERIFY_PASS) {
            print_message("%s\n", world->verify.checks[i].code);
        }
        assert_int_equal(world->verify.checks[i].outcome, VERIFY_PASS);
    }
    assert_int_equal(world->verify.verdict, VERIFY_VALID);
    assert_int_equal(world->verify.level, VERIFY_LEVEL_TRANSPARENT);
    assert_true(world->verify.has_status && world->verify.status == STATUS_VALID);
}

/* A change of the passport, and what one check then says. */
struct change {
    const char *from;
    const char *to;
    enum verify_check check;
    enum verify_outcome outcome;
    const char *code;
    enum verify_verdict verdict;
};

static void run_changes(struct world *world, const struct change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        run(world, changes[i].from, changes[i].to);
        expect(world, changes[i].check, changes[i].outcome, changes[i].code, changes[i].verdict);
    }
}

static void test_changes(void **state)
{
    static const struct change changes[] = {
        {"'source':'bound'},'slsa'", "'source':'declared'},'slsa'", VERIFY_SUPPLY_CHAIN,
         VERIFY_WARN, "supply_chain.declared", VERIFY_VALID},
        {",'source':'bound'},'slsa'", "},'slsa'", VERIFY_SUPPLY_CHAIN, VERIFY_WARN,
         "supply_chain.declared", VERIFY_VALID},
        {"'source':'bound'},'slsa'", "'source':'reference'},'slsa'", VERIFY_SUPPLY_CHAIN,
         VERIFY_PASS, "supply_chain.ok", VERIFY_VALID},
        {"'container':", "'box':", VERIFY_SUPPLY_CHAIN, VERIFY_WARN, "supply_chain.no_container",
         VERIFY_VALID},
        {"'status':'active'", "'status':'failed'", VERIFY_AUDITORS, VERIFY_WARN,
         "auditors.not_active", VERIFY_VALID},
        {"'status':'active'", "'status':'inactive'", VERIFY_AUDITORS, VERIFY_WARN,
         "auditors.not_active", VERIFY_VALID},
        {"'source':'bound','digest'", "'source':'declared','digest'", VERIFY_AUDITORS, VERIFY_WARN,
         "auditors.declared", VERIFY_VALID},
        {"'lastCheck':'2026-09-21T14:00:00Z',", "", VERIFY_AUDITORS, VERIFY_WARN,
         "auditors.unchecked", VERIFY_VALID},
        {"'lastCheck':'2026-09-21T14:00:00Z'", "'lastCheck':'2026-09-20T14:13:19Z'",
         VERIFY_AUDITORS, VERIFY_WARN, "auditors.old", VERIFY_VALID},
        {"'lastCheck':'2026-09-21T14:00:00Z'", "'lastCheck':'2026-09-20T14:13:20Z'",
         VERIFY_AUDITORS, VERIFY_PASS, "auditors.ok", VERIFY_VALID},
        {"'auditors':[{", "'auditors':[],'x':[{", VERIFY_AUDITORS, VERIFY_NOT_APPLICABLE,
         "auditors.none", VERIFY_VALID},
        {"'endpoints':", "'points':", VERIFY_ORIGIN, VERIFY_UNKNOWN, "origin.not_stated",
         VERIFY_VERDICT_UNKNOWN},
        {"'https://app.example',", "", VERIFY_ORIGIN, VERIFY_FAIL, "origin.other", VERIFY_INVALID},
        {"'is_mock':false", "'is_mock':true", VERIFY_EVIDENCE, VERIFY_FAIL, "evidence.mock",
         VERIFY_INVALID},
        {"AMD_SEV_SNP", "MOCK", VERIFY_EVIDENCE, VERIFY_FAIL, "evidence.mock", VERIFY_INVALID},
        {"'test':false", "'test':true", VERIFY_EVIDENCE, VERIFY_WARN, "evidence.test",
         VERIFY_VALID},
    };
    run_changes(*state, changes, sizeof(changes) / sizeof(changes[0]));
}

static void test_supply_chain_levels(void **state)
{
    struct world *world = *state;
    world->input.slsa_level_min = 3;
    run(world, NULL, NULL);
    expect(world, VERIFY_SUPPLY_CHAIN, VERIFY_PASS, "supply_chain.ok", VERIFY_VALID);
    world->input.slsa_level_min = 4;
    run(world, NULL, NULL);
    expect(world, VERIFY_SUPPLY_CHAIN, VERIFY_FAIL, "supply_chain.level", VERIFY_INVALID);
    assert_string_equal(world->verify.checks[VERIFY_SUPPLY_CHAIN].detail, "3 < 4");
    run(world, "'slsa':", "'chain':");
    expect(world, VERIFY_SUPPLY_CHAIN, VERIFY_UNKNOWN, "supply_chain.no_level",
           VERIFY_VERDICT_UNKNOWN);
}

/* A passport without the parts that its operator does not publish; the text of what stays. */
static void test_omitted(void **state)
{
    struct world *world = *state;
    struct lucid_buf text = {.bytes_max = 0};
    const char *from = strstr(kit_form, "'auditors':[");
    const char *to = strstr(kit_form, "'endpoints':");
    assert_true(from != NULL && to != NULL && from < to);
    struct lucid_buf part = {.bytes_max = 0};
    lucid_buf_put(&part, from, (size_t)(to - from));
    lucid_buf_char(&part, '\0');
    run(world, (const char *)part.data, "'auditors':[],");
    expect(world, VERIFY_SUPPLY_CHAIN, VERIFY_NOT_APPLICABLE, "supply_chain.none", VERIFY_VALID);
    lucid_buf_str(&text, "'auditors':[],'omitted':{'auditors':'" KIT_DIGEST
                         "','container':'" KIT_DIGEST "'},'nothing':0,");
    /* The form's own list of what is left out gives way. */
    const char *tail = strstr(kit_form, "'omitted':");
    lucid_buf_clear(&part);
    lucid_buf_put(&part, from, (size_t)(tail - from));
    lucid_buf_put(&part, "'omitted'", 9);
    lucid_buf_char(&part, '\0');
    lucid_buf_put(&text, "'renamed'", 10);
    run(world, (const char *)part.data, (const char *)text.data);
    expect(world, VERIFY_SUPPLY_CHAIN, VERIFY_SKIPPED, "supply_chain.omitted",
           VERIFY_VERDICT_UNKNOWN); /* its endpoints went with the middle */
    expect(world, VERIFY_AUDITORS, VERIFY_SKIPPED, "auditors.omitted", VERIFY_VERDICT_UNKNOWN);
    lucid_buf_fini(&part);
    lucid_buf_fini(&text);
}

static void test_keys(void **state)
{
    struct world *world = *state;
    run(world, NULL, NULL);
    memcpy(world->keys[0], world->other.public_key, PASSPORT_KEY_BYTES);
    assert_int_equal(verify_run(&world->input, &world->arena, &world->verify), LUCID_OK);
    expect(world, VERIFY_KEY, VERIFY_UNKNOWN, "key.unknown", VERIFY_VERDICT_UNKNOWN);
    expect(world, VERIFY_SIGNATURE, VERIFY_UNKNOWN, "signature.unproven", VERIFY_VERDICT_UNKNOWN);
    assert_int_equal(world->verify.level, VERIFY_LEVEL_NONE);
    world->input.key_count = 0;
    assert_int_equal(verify_run(&world->input, &world->arena, &world->verify), LUCID_OK);
    expect(world, VERIFY_KEY, VERIFY_UNKNOWN, "key.unknown", VERIFY_VERDICT_UNKNOWN);
    /* Among several. */
    memcpy(world->keys[1], world->key.public_key, PASSPORT_KEY_BYTES);
    world->input.key_count = 2;
    assert_int_equal(verify_run(&world->input, &world->arena, &world->verify), LUCID_OK);
    expect(world, VERIFY_KEY, VERIFY_PASS, "key.trusted", VERIFY_VALID);
    /* A key that nobody knows, and a signature that is not even its. */
    struct lucid_buf text = {.bytes_max = 0};
    world->input.text = kit_text(kit_form, NULL, NULL, &text);
    assert_int_equal(verify_run(&world->input, &world->arena, &world->verify), LUCID_OK);
    expect(world, VERIFY_KEY, VERIFY_UNKNOWN, "key.unknown", VERIFY_INVALID);
    expect(world, VERIFY_SIGNATURE, VERIFY_FAIL, "signature.wrong", VERIFY_INVALID);
    lucid_buf_fini(&text);
}

/* Every bit of the signature; then every character of the text: whatever still verifies must have
 * the same signing input, which a changed blank or escape would. */
static void test_flips(void **state)
{
    struct world *world = *state;
    run(world, NULL, NULL);
    struct passport passport = world->verify.passport;
    struct lucid_span message;
    assert_int_equal(passport_signing_input(&passport, &world->arena, &message), LUCID_OK);
    for (size_t bit = 0; bit < 512; bit++) {
        uint8_t signature[64];
        memcpy(signature, passport.signature, sizeof(signature));
        signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(kit_ed25519(passport.public_key, message, signature, NULL));
    }
    struct lucid_span text = world->input.text;
    uint8_t *changed = malloc(text.len);
    assert_non_null(changed);
    memcpy(changed, text.data, text.len);
    for (size_t i = 0; i < text.len; i++) {
        struct lucid_arena arena;
        lucid_arena_init(&arena, 4U << 20);
        changed[i] ^= 1;
        world->input.text = lucid_span(changed, text.len);
        assert_int_equal(verify_run(&world->input, &arena, &world->verify), LUCID_OK);
        if (world->verify.verdict == VERIFY_VALID ||
            world->verify.checks[VERIFY_SIGNATURE].outcome == VERIFY_PASS) {
            fail_msg("byte %zu may be changed", i);
        }
        changed[i] ^= 1;
        lucid_arena_fini(&arena);
    }
    free(changed);
}

static void test_times(void **state)
{
    struct world *world = *state;
    static const struct {
        uint64_t now_s;
        enum verify_outcome outcome;
        const char *code;
        enum verify_verdict verdict;
    } times[] = {
        {0, VERIFY_FAIL, "times.not_yet", VERIFY_INVALID},
        {KIT_ISSUED_S - 301, VERIFY_FAIL, "times.not_yet", VERIFY_INVALID},
        {KIT_ISSUED_S - 300, VERIFY_PASS, "times.ok", VERIFY_VALID},
        {KIT_ISSUED_S, VERIFY_PASS, "times.ok", VERIFY_VALID},
        {KIT_EXPIRES_S - 1, VERIFY_PASS, "times.ok", VERIFY_VALID},
        {KIT_EXPIRES_S, VERIFY_FAIL, "times.expired", VERIFY_INVALID},
        {UINT64_MAX, VERIFY_FAIL, "times.expired", VERIFY_INVALID},
    };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        world->input.now_s = times[i].now_s;
        run(world, NULL, NULL);
        expect(world, VERIFY_TIMES, times[i].outcome, times[i].code, times[i].verdict);
    }
    assert_true(world->verify.has_status && world->verify.status == STATUS_EXPIRED);
    assert_string_equal(world->verify.checks[VERIFY_STATUS].code, "status.expired");
    assert_int_equal(world->verify.level, VERIFY_LEVEL_NONE);
}

static void test_origin(void **state)
{
    struct world *world = *state;
    static const char *const others[] = {"https://app.example:443", "https://app.example/",
                                         "http://app.example", "https://APP.example",
                                         "https://app.example.evil"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        world->input.origin = lucid_span_str(others[i]);
        run(world, NULL, NULL);
        expect(world, VERIFY_ORIGIN, VERIFY_FAIL, "origin.other", VERIFY_INVALID);
    }
    world->input.origin = lucid_span_str("https://app.example:8443");
    run(world, NULL, NULL);
    expect(world, VERIFY_ORIGIN, VERIFY_PASS, "origin.ok", VERIFY_VALID);
    world->input.origin.len = 0;
    run(world, NULL, NULL);
    expect(world, VERIFY_ORIGIN, VERIFY_SKIPPED, "origin.not_asked", VERIFY_VALID);
}

/* Mock and test evidence is amber; looked at or not, whoever looked. */
static void test_evidence(void **state)
{
    struct world *world = *state;
    world->input.mock_allowed = true;
    run(world, "AMD_SEV_SNP", "MOCK");
    expect(world, VERIFY_EVIDENCE, VERIFY_WARN, "evidence.mock", VERIFY_VALID);
    assert_true(world->verify.passport.is_mock);
    assert_int_equal(world->verify.level, VERIFY_LEVEL_TRANSPARENT);
    world->input.evidence = (struct verify_evidence){.outcome = VERIFY_SKIPPED};
    run(world, "AMD_SEV_SNP", "MOCK");
    expect(world, VERIFY_EVIDENCE, VERIFY_WARN, "evidence.mock", VERIFY_VALID);
    assert_int_equal(world->verify.level, VERIFY_LEVEL_SIGNATURE);
    run(world, NULL, NULL);
    expect(world, VERIFY_EVIDENCE, VERIFY_SKIPPED, "evidence.absent", VERIFY_VALID);
    assert_int_equal(world->verify.level, VERIFY_LEVEL_SIGNATURE);
    world->input.evidence =
        (struct verify_evidence){.outcome = VERIFY_FAIL, .code = "evidence.contradicts"};
    run(world, "AMD_SEV_SNP", "MOCK");
    expect(world, VERIFY_EVIDENCE, VERIFY_FAIL, "evidence.contradicts", VERIFY_INVALID);
    world->input.evidence =
        (struct verify_evidence){.outcome = VERIFY_UNKNOWN, .code = "evidence.key_unknown"};
    run(world, "'test':false", "'test':true");
    expect(world, VERIFY_EVIDENCE, VERIFY_UNKNOWN, "evidence.key_unknown", VERIFY_VERDICT_UNKNOWN);
    world->input.evidence =
        (struct verify_evidence){.outcome = VERIFY_PASS, .code = "evidence.same"};
    world->input.log = (struct verify_result){.outcome = VERIFY_WARN, .code = "log.pending"};
    run(world, NULL, NULL);
    expect(world, VERIFY_LOG, VERIFY_WARN, "log.pending", VERIFY_VALID);
    assert_int_equal(world->verify.level, VERIFY_LEVEL_EVIDENCE);
}

static void test_status_of_the_log(void **state)
{
    struct world *world = *state;
    struct status_entry entry = {.kind = STATUS_REVOKED,
                                 .reason = STATUS_KEY_COMPROMISE,
                                 .at_s = NOW_S - 5,
                                 .by = lucid_span_str("pass-999988887777")};
    world->input.status = &entry;
    run(world, NULL, NULL);
    expect(world, VERIFY_STATUS, VERIFY_FAIL, "status.revoked", VERIFY_INVALID);
    assert_int_equal(world->verify.status, STATUS_REVOKED);
    assert_string_equal(world->verify.checks[VERIFY_STATUS].detail,
                        "keyCompromise since 1790086395");
    entry.kind = STATUS_SUPERSEDED;
    run(world, NULL, NULL);
    expect(world, VERIFY_STATUS, VERIFY_FAIL, "status.superseded", VERIFY_INVALID);
    entry.at_s = NOW_S + 5;
    run(world, NULL, NULL);
    expect(world, VERIFY_STATUS, VERIFY_PASS, "status.renewed", VERIFY_VALID);
    entry.kind = STATUS_EXPIRED; /* by a clock that is ahead of ours it could be */
    run(world, NULL, NULL);
    expect(world, VERIFY_STATUS, VERIFY_FAIL, "status.expired", VERIFY_INVALID);
    world->input.status = NULL;
    run(world, NULL, NULL);
    expect(world, VERIFY_STATUS, VERIFY_SKIPPED, "status.absent", VERIFY_VERDICT_UNKNOWN);
    assert_false(world->verify.has_status);
}

/* --- lists ------------------------------------------------------------------------------------ */

struct list_case {
    uint64_t iat_s;
    const char *issuer;
    bool other_key;
    enum status_kind kind; /* VALID: it is not on the list */
    enum verify_outcome outcome;
    const char *code;
    enum verify_verdict verdict;
};

static void list_run(struct world *world, const struct list_case *row, const char *from,
                     const char *to)
{
    struct status_entry entries[] = {{.kind = row->kind,
                                      .at_s = NOW_S - 60,
                                      .id = lucid_span_str(KIT_ID),
                                      .by = lucid_span_str("pass-999988887777")}};
    struct status_list list = {.issuer = lucid_span_str(row->issuer),
                               .iat_s = row->iat_s,
                               .exp_s = row->iat_s + 3600,
                               .entries = entries,
                               .entry_count = row->kind == STATUS_VALID ? 0 : 1};
    struct lucid_buf claims = {.bytes_max = 0};
    struct lucid_buf token = {.bytes_max = 0};
    struct ledger_ed25519_key *key = row->other_key ? &world->other : &world->key;
    status_claims_write(&list, &claims);
    assert_int_equal(status_token_write(lucid_buf_span(&claims), kit_kid(key, &world->arena),
                                        kit_sign, key, &token),
                     LUCID_OK);
    world->input.status = NULL;
    world->input.status_list = lucid_buf_span(&token);
    run(world, from, to);
    expect(world, VERIFY_STATUS, row->outcome, row->code, row->verdict);
    lucid_buf_fini(&claims);
    lucid_buf_fini(&token);
}

static void test_lists(void **state)
{
    static const struct list_case rows[] = {
        {NOW_S, KIT_ISSUER, false, STATUS_VALID, VERIFY_PASS, "status.good", VERIFY_VALID},
        {NOW_S - 3599, KIT_ISSUER, false, STATUS_VALID, VERIFY_PASS, "status.good", VERIFY_VALID},
        {NOW_S - 3600, KIT_ISSUER, false, STATUS_VALID, VERIFY_UNKNOWN, "status.list_old",
         VERIFY_VERDICT_UNKNOWN},
        {NOW_S + 300, KIT_ISSUER, false, STATUS_VALID, VERIFY_PASS, "status.good", VERIFY_VALID},
        {NOW_S + 301, KIT_ISSUER, false, STATUS_VALID, VERIFY_UNKNOWN, "status.list_ahead",
         VERIFY_VERDICT_UNKNOWN},
        {NOW_S, KIT_ISSUER, true, STATUS_VALID, VERIFY_UNKNOWN, "status.list_untrusted",
         VERIFY_VERDICT_UNKNOWN},
        {NOW_S, KIT_ISSUER, true, STATUS_REVOKED, VERIFY_UNKNOWN, "status.list_untrusted",
         VERIFY_VERDICT_UNKNOWN},
        {NOW_S, "other.example", false, STATUS_VALID, VERIFY_UNKNOWN, "status.list_other",
         VERIFY_VERDICT_UNKNOWN},
        {NOW_S, KIT_ISSUER, false, STATUS_REVOKED, VERIFY_FAIL, "status.revoked", VERIFY_INVALID},
        {NOW_S - 7200, KIT_ISSUER, false, STATUS_REVOKED, VERIFY_FAIL, "status.revoked",
         VERIFY_INVALID},
        {NOW_S, KIT_ISSUER, false, STATUS_SUPERSEDED, VERIFY_FAIL, "status.superseded",
         VERIFY_INVALID},
        {NOW_S - 7200, KIT_ISSUER, false, STATUS_SUPERSEDED, VERIFY_UNKNOWN, "status.list_old",
         VERIFY_VERDICT_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        list_run(*state, &rows[i], NULL, NULL);
    }
}

/* Who is trusted for passports of its own says nothing of those of others. */
static void test_list_issuers(void **state)
{
    static const uint8_t same[] = {3, 3};
    static const uint8_t others[] = {0, 1};
    struct world *world = *state;
    struct list_case row = {NOW_S,       KIT_ISSUER,    true,        STATUS_VALID,
                            VERIFY_PASS, "status.good", VERIFY_VALID};
    memcpy(world->keys[1], world->other.public_key, PASSPORT_KEY_BYTES);
    world->input.key_count = 2;
    world->input.issuers = same;
    list_run(world, &row, NULL, NULL); /* its key was replaced since */
    row.outcome = VERIFY_UNKNOWN;
    row.code = "status.list_other";
    row.verdict = VERIFY_VERDICT_UNKNOWN;
    world->input.issuers = others; /* whatever name the passport gives itself */
    list_run(world, &row, NULL, NULL);
    world->input.issuers = NULL;
    list_run(world, &row, NULL, NULL);
    row.kind = STATUS_REVOKED;
    list_run(world, &row, NULL, NULL);
    row.kind = STATUS_VALID;
    world->input.issuers = same;
    list_run(world, &row, "'issuer':'" KIT_ISSUER "',", "");
    row.other_key = false;
    row.outcome = VERIFY_PASS;
    row.code = "status.good";
    row.verdict = VERIFY_VALID;
    list_run(world, &row, "'issuer':'" KIT_ISSUER "',", "");
    world->input.status_list = lucid_span_str("not.a.token");
    run(world, NULL, NULL);
    expect(world, VERIFY_STATUS, VERIFY_UNKNOWN, "status.list_malformed", VERIFY_VERDICT_UNKNOWN);
    /* Older than the passport: it could not have known it. */
    row.iat_s = KIT_ISSUED_S - 301;
    world->input.now_s = KIT_ISSUED_S;
    row.outcome = VERIFY_UNKNOWN;
    row.code = "status.list_before";
    row.verdict = VERIFY_VERDICT_UNKNOWN;
    list_run(world, &row, NULL, NULL);
}

/* Before anything is done for it: a key that is trusted, and its signature. */
static void test_is_signed(void **state)
{
    struct world *world = *state;
    struct passport passport;
    enum passport_fault fault;
    bool is_signed = false;
    struct lucid_span text = kit_signed(NULL, NULL, &world->key, &world->arena);
    assert_int_equal(passport_read(text, &world->arena, &passport, &fault, NULL), LUCID_OK);
    assert_int_equal(verify_is_signed(&world->input, &passport, &world->arena, &is_signed),
                     LUCID_OK);
    assert_true(is_signed);
    passport.signature[0] ^= 1;
    assert_int_equal(verify_is_signed(&world->input, &passport, &world->arena, &is_signed),
                     LUCID_OK);
    assert_false(is_signed);
    text = kit_signed(NULL, NULL, &world->other, &world->arena);
    assert_int_equal(passport_read(text, &world->arena, &passport, &fault, NULL), LUCID_OK);
    is_signed = true;
    assert_int_equal(verify_is_signed(&world->input, &passport, &world->arena, &is_signed),
                     LUCID_OK);
    assert_false(is_signed);
}

/* --- the answer ------------------------------------------------------------------------------- */

static struct lucid_span answer(struct world *world)
{
    struct lucid_buf out = {.bytes_max = 0};
    struct lucid_span form;
    lucid_buf_char(&out, '{');
    verify_write(&world->verify, &out);
    lucid_buf_char(&out, '}');
    assert_int_equal(canonical_form(lucid_buf_span(&out), &world->arena, &form, NULL), LUCID_OK);
    lucid_buf_fini(&out);
    return form;
}

static void test_answer(void **state)
{
    struct world *world = *state;
    run(world, "'name':'PII filter'", "'name':'<b>&quot;'");
    struct lucid_span said = answer(world);
    static const char *const parts[] = {
        "\"appName\":\"My app \xc3\xa9\xe2\x82\xac\"",
        ("\"auditors\":[{\"id\":\"pii\",\"name\":\"<b>&quot;\",\"source\":\"bound\","
         "\"status\":\"active\"}]"),
        "\"expiresAt\":\"2026-10-21T14:13:20Z\"",
        "\"is_mock\":false",
        "\"level\":\"transparent\"",
        "\"status\":\"valid\"",
        "\"tee_type\":\"AMD_SEV_SNP\"",
        "\"valid\":true,\"verdict\":\"valid\"",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (memmem(said.data, said.len, parts[i], strlen(parts[i])) == NULL) {
            fail_msg("%s is not in %.*s", parts[i], (int)said.len, (const char *)said.data);
        }
    }
    static const struct {
        const char *text;
        enum verify_check check;
        const char *code;
    } bad[] = {
        {"", VERIFY_PARSE, "parse.malformed"},
        {"{", VERIFY_PARSE, "parse.malformed"},
        {"{\"a\":1,\"a\":1}", VERIFY_PARSE, "parse.malformed"},
        {"[]", VERIFY_SCHEMA, "schema.invalid"},
        {"{}", VERIFY_SCHEMA, "schema.invalid"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        world->input.text = lucid_span_str(bad[i].text);
        assert_int_equal(verify_run(&world->input, &world->arena, &world->verify), LUCID_OK);
        expect(world, bad[i].check, VERIFY_FAIL, bad[i].code, VERIFY_INVALID);
        assert_string_equal(world->verify.checks[VERIFY_LOG].code, "check.not_reached");
        said = answer(world);
        assert_non_null(memmem(said.data, said.len, "\"passportId\":null", 17));
        assert_non_null(memmem(said.data, said.len, "\"status\":\"unknown\"", 18));
    }
}

static void test_codes(void **state)
{
    (void)state;
    assert_in_range(verify_code_count(), 50, 200);
    for (size_t i = 0; i < verify_code_count(); i++) {
        assert_true(i == 0 || strcmp(verify_code_at(i - 1), verify_code_at(i)) < 0);
        assert_true(strlen(verify_code_text(verify_code_at(i))) > 10);
    }
    assert_null(verify_code_at(verify_code_count()));
    assert_null(verify_code_text("signature.unknown"));
    assert_null(verify_code_text(NULL));
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        ROW(test_vectors),
        ROW(test_good),
        ROW(test_changes),
        ROW(test_supply_chain_levels),
        ROW(test_omitted),
        ROW(test_keys),
        ROW(test_flips),
        ROW(test_times),
        ROW(test_origin),
        ROW(test_evidence),
        ROW(test_status_of_the_log),
        ROW(test_lists),
        ROW(test_list_issuers),
        ROW(test_is_signed),
        ROW(test_answer),
        ROW(test_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

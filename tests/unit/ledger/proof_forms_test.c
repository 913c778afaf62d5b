/* The verifier over all three forms of the same proof, and over consistency as COSE: sound ones,
 * then every bit, node and length changed. */
#include "ledger/cose.h"
#include "ledger/proof.h"
#include "ledger/proof_tlog.h"

#include "tests/unit/mmr/vectors.h"

enum { LEAVES = 21, OURS = 13, OLDER = 11 };

#define BODY "{\"a\":1,\"run_id\":\"run_0123456789\"}"

static struct tree tree;
static struct ledger_skey log_key;
static struct ledger_ed25519_key service;
static struct lucid_buf receipt;
static struct lucid_buf tlog;
static struct lucid_buf cose;
static struct lucid_buf joined; /* consistency as COSE */
static struct lucid_buf older;  /* checkpoints */
static struct lucid_buf newer;
static char subject[2 * LUCID_SHA256_BYTES];
static char vkey[LEDGER_VKEY_BYTES_MAX];
static char service_hex[2 * LEDGER_ED25519_PUBLIC_BYTES];
static struct ledger_trust trust;
static struct ledger_report report;

static void receipt_write(void)
{
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    uint8_t hash[LUCID_SHA256_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    uint8_t entry[LEDGER_ENTRY_BYTES];
    struct ledger_ed25519_key signer;
    memset(seed, 4, sizeof(seed));
    ledger_ed25519_key_init(seed, &signer);
    lucid_sha256(lucid_span_str(BODY), hash);
    ledger_ed25519_sign(&signer, lucid_span(hash, sizeof(hash)), signature);
    ledger_entry_make(hash, signer.public_key, signature, entry);
    tree_append(&tree, lucid_span(entry, sizeof(entry)));
    lucid_hex_encode(hash, sizeof(hash), subject);
    lucid_buf_str(&receipt, "{\"body\":" BODY);
    lucid_json_member_hex(&receipt, "receipt_signature", signature, sizeof(signature));
    lucid_json_member_hex(&receipt, "signer_pubkey", signer.public_key, sizeof(signer.public_key));
    lucid_buf_char(&receipt, '}');
}

static void head_write(uint64_t size, struct lucid_buf *out)
{
    struct mmr_nodes nodes = tree_nodes(&tree);
    struct mmr_hash root;
    assert_int_equal(mmr_root(&nodes, size, &root), LUCID_OK);
    ledger_checkpoint_sign(&log_key, size, &root, out);
}

/* The parts of a sound COSE receipt. */
static struct ledger_cose cose_parts(enum ledger_cose_kind kind)
{
    struct mmr_nodes nodes = tree_nodes(&tree);
    struct ledger_cose parts = {.kind = kind,
                                .issuer = lucid_span_str("log.example"),
                                .size = LEAVES,
                                .checkpoint = lucid_buf_span(&newer)};
    assert_int_equal(mmr_root(&nodes, LEAVES, &parts.root), LUCID_OK);
    if (kind == LEDGER_COSE_INCLUSION) {
        parts.first = OURS;
        parts.subject = lucid_span(subject, sizeof(subject));
        assert_int_equal(mmr_inclusion_path(&nodes, OURS, LEAVES, &parts.path), LUCID_OK);
    } else {
        parts.first = OLDER;
        assert_int_equal(mmr_consistency_path(&nodes, OLDER, LEAVES, &parts.path), LUCID_OK);
    }
    return parts;
}

static int setup(void **state)
{
    (void)state;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    memset(seed, 3, sizeof(seed));
    assert_int_equal(ledger_skey_init(lucid_span_str("log.example"), seed, &log_key, NULL),
                     LUCID_OK);
    memset(seed, 9, sizeof(seed));
    ledger_ed25519_key_init(seed, &service);
    lucid_hex_encode(service.public_key, sizeof(service.public_key), service_hex);
    trust.vkey = lucid_span(vkey, ledger_vkey_format(&log_key.vkey, vkey));
    trust.service_key = lucid_span(service_hex, sizeof(service_hex));
    tree_init(&tree, LEAVES);
    tree_grow(&tree, OURS);
    receipt_write();
    tree_grow(&tree, LEAVES);
    head_write(OLDER, &older);
    head_write(LEAVES, &newer);
    struct ledger_cose parts = cose_parts(LEDGER_COSE_INCLUSION);
    ledger_cose_write(&cose, &service, &parts);
    struct ledger_tlog_proof proof = {
        .leaf_index = OURS, .path = parts.path, .checkpoint = lucid_buf_span(&newer)};
    ledger_tlog_write(&tlog, &proof);
    parts = cose_parts(LEDGER_COSE_CONSISTENCY);
    ledger_cose_write(&joined, &service, &parts);
    assert_true(lucid_buf_ok(&cose) && lucid_buf_ok(&tlog) && lucid_buf_ok(&joined));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct lucid_buf *const all[] = {&receipt, &tlog, &cose, &joined, &older, &newer};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        lucid_buf_fini(all[i]);
    }
    tree_fini(&tree);
    return 0;
}

static enum ledger_verdict judge(enum ledger_form form, struct lucid_span proof)
{
    assert_int_equal(ledger_proof_verify(lucid_buf_span(&receipt), form, proof, &trust, &report),
                     LUCID_OK);
    return report.verdict;
}

static enum ledger_verdict judge_joined(struct lucid_span answer, struct lucid_span to)
{
    assert_int_equal(ledger_consistency_verify(answer, LEDGER_FORM_COSE, lucid_buf_span(&older), to,
                                               &trust, &report),
                     LUCID_OK);
    return report.verdict;
}

/* All steps passed but these (bit sets). */
static void expect(enum ledger_verdict verdict, unsigned failed, unsigned skipped)
{
    for (size_t i = 0; i < report.step_count; i++) {
        enum ledger_outcome want = (failed >> i & 1) != 0    ? LEDGER_FAILED
                                   : (skipped >> i & 1) != 0 ? LEDGER_SKIPPED
                                                             : LEDGER_PASSED;
        if (report.steps[i].outcome != want) {
            fail_msg("step %s: %s, %s", report.steps[i].name,
                     ledger_outcome_name(report.steps[i].outcome), report.steps[i].text);
        }
    }
    assert_int_equal(report.verdict, verdict);
}

#define BIT(step) (1U << LEDGER_STEP_##step)

static const struct lucid_span none = {NULL, 0};

static void test_valid(void **state)
{
    (void)state;
    judge(LEDGER_FORM_TLOG, lucid_buf_span(&tlog));
    expect(LEDGER_VALID, 0, 0);
    assert_int_equal(report.step_count, LEDGER_PROOF_STEPS);
    judge(LEDGER_FORM_COSE, lucid_buf_span(&cose));
    expect(LEDGER_VALID, 0, 0);
    assert_int_equal(report.step_count, LEDGER_PROOF_COSE_STEPS);
    assert_string_equal(report.steps[LEDGER_STEP_SERVICE].name, "service_signature");
    judge_joined(lucid_buf_span(&joined), none);
    expect(LEDGER_VALID, 0, 0);
    judge_joined(lucid_buf_span(&joined), lucid_buf_span(&newer));
    expect(LEDGER_VALID, 0, 0);
    assert_int_equal(report.step_count, LEDGER_CONSISTENCY_COSE_STEPS);
}

static void test_detect(void **state)
{
    (void)state;
    assert_int_equal(ledger_form_detect(lucid_buf_span(&tlog)), LEDGER_FORM_TLOG);
    assert_int_equal(ledger_form_detect(lucid_buf_span(&cose)), LEDGER_FORM_COSE);
    assert_int_equal(ledger_form_detect(lucid_buf_span(&receipt)), LEDGER_FORM_JSON);
    assert_int_equal(ledger_form_detect(none), LEDGER_FORM_JSON);
    assert_int_equal(ledger_form_detect(lucid_span_str("c2sp.org/tlog-proof")), LEDGER_FORM_JSON);
}

/* Room for one more step, as a judge of cosignatures needs it. */
static void test_further_step(void **state)
{
    (void)state;
    struct lucid_buf out = {0};
    judge(LEDGER_FORM_COSE, lucid_buf_span(&cose));
    size_t step = ledger_report_add(&report, "cosignatures");
    ledger_report_close(&report);
    assert_int_equal(report.verdict, LEDGER_UNDECIDED);
    ledger_report_judge(&report, step, false, "", "no quorum: \xc3\"\\\n");
    ledger_report_close(&report);
    assert_int_equal(report.verdict, LEDGER_INVALID);
    ledger_report_write_json(&out, &report);
    lucid_buf_char(&out, '\0');
    assert_non_null(strstr((const char *)out.data,
                           "{\"verdict\":\"invalid\",\"valid\":false,\"steps\":[{\"name\":\"form\","
                           "\"outcome\":\"passed\",\"text\":\"receipt and proof are"));
    assert_non_null(strstr((const char *)out.data,
                           "{\"name\":\"cosignatures\",\"outcome\":\"failed\""
                           ",\"text\":\"no quorum: ?\\\"\\\\?\"}]}"));
    lucid_buf_fini(&out);
}

static void test_keys(void **state)
{
    (void)state;
    struct ledger_trust whole = trust;
    static const char *const keys[] = {
        "", "zz", "6132ce94b2bebfd80e775c4a6a03a8fd01e4f497b9666885a288e6255933f98a"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        trust.service_key = lucid_span_str(keys[i]);
        judge(LEDGER_FORM_COSE, lucid_buf_span(&cose));
        expect(LEDGER_UNDECIDED, 0, BIT(SERVICE));
        judge_joined(lucid_buf_span(&joined), none);
        expect(LEDGER_UNDECIDED, 0, BIT(CONSISTENCY_SERVICE));
        judge(LEDGER_FORM_TLOG, lucid_buf_span(&tlog));
        expect(LEDGER_VALID, 0, 0);
    }
    trust = whole;
    trust.vkey = none;
    judge(LEDGER_FORM_TLOG, lucid_buf_span(&tlog));
    expect(LEDGER_UNDECIDED, 0, BIT(CHECKPOINT) | BIT(HEAD) | BIT(INCLUSION));
    judge(LEDGER_FORM_COSE, lucid_buf_span(&cose));
    expect(LEDGER_UNDECIDED, 0, BIT(CHECKPOINT) | BIT(HEAD) | BIT(INCLUSION));
    trust = whole;
}

/* Changed parts under a good service signature: the checkpoint's word counts. */
static void test_service_lies(void **state)
{
    (void)state;
    struct lucid_buf out = {0};
    struct mmr_nodes nodes = tree_nodes(&tree);
    struct ledger_cose parts = cose_parts(LEDGER_COSE_INCLUSION);
    parts.size = LEAVES - 1; /* sound in itself, with a head of another size */
    assert_int_equal(mmr_root(&nodes, parts.size, &parts.root), LUCID_OK);
    assert_int_equal(mmr_inclusion_path(&nodes, OURS, parts.size, &parts.path), LUCID_OK);
    ledger_cose_write(&out, &service, &parts);
    judge(LEDGER_FORM_COSE, lucid_buf_span(&out));
    expect(LEDGER_INVALID, BIT(HEAD) | BIT(INCLUSION), 0);
    lucid_buf_clear(&out);
    parts = cose_parts(LEDGER_COSE_INCLUSION);
    parts.issuer = lucid_span_str("log.examples");
    ledger_cose_write(&out, &service, &parts);
    judge(LEDGER_FORM_COSE, lucid_buf_span(&out));
    expect(LEDGER_INVALID, BIT(HEAD), 0);
    lucid_buf_clear(&out);
    parts = cose_parts(LEDGER_COSE_INCLUSION);
    parts.subject = lucid_span_str("0000");
    ledger_cose_write(&out, &service, &parts);
    judge(LEDGER_FORM_COSE, lucid_buf_span(&out));
    expect(LEDGER_INVALID, BIT(ENTRY), 0);
    lucid_buf_clear(&out);
    parts = cose_parts(LEDGER_COSE_INCLUSION);
    parts.checkpoint = none;
    ledger_cose_write(&out, &service, &parts);
    judge(LEDGER_FORM_COSE, lucid_buf_span(&out));
    expect(LEDGER_UNDECIDED, 0, BIT(CHECKPOINT) | BIT(HEAD) | BIT(INCLUSION));
    lucid_buf_clear(&out);
    parts = cose_parts(LEDGER_COSE_INCLUSION);
    parts.root.bytes[0] ^= 1;
    ledger_cose_write(&out, &service, &parts);
    judge(LEDGER_FORM_COSE, lucid_buf_span(&out));
    expect(LEDGER_INVALID, BIT(SERVICE), 0);
    lucid_buf_fini(&out);
}

static void test_joined_lies(void **state)
{
    (void)state;
    struct lucid_buf out = {0};
    struct ledger_cose parts = cose_parts(LEDGER_COSE_CONSISTENCY);
    parts.root.bytes[0] ^= 1;
    ledger_cose_write(&out, &service, &parts);
    judge_joined(lucid_buf_span(&out), none);
    expect(LEDGER_INVALID, BIT(HEADS), 0);
    lucid_buf_clear(&out);
    parts = cose_parts(LEDGER_COSE_CONSISTENCY);
    parts.checkpoint = lucid_buf_span(&older); /* not the head that it joins to */
    ledger_cose_write(&out, &service, &parts);
    judge_joined(lucid_buf_span(&out), lucid_buf_span(&newer));
    expect(LEDGER_INVALID, BIT(HEADS), 0);
    lucid_buf_clear(&out);
    parts.checkpoint = none;
    ledger_cose_write(&out, &service, &parts);
    judge_joined(lucid_buf_span(&out), lucid_buf_span(&newer));
    expect(LEDGER_VALID, 0, 0);
    judge_joined(lucid_buf_span(&out), none);
    expect(LEDGER_UNDECIDED, 0, BIT(CHECKPOINT_TO) | BIT(HEADS) | BIT(CONSISTENCY));
    lucid_buf_fini(&out);
    /* One kind where the other is asked for. */
    judge_joined(lucid_buf_span(&cose), none);
    assert_int_equal(report.steps[LEDGER_STEP_ANSWER].outcome, LEDGER_FAILED);
    assert_int_equal(judge(LEDGER_FORM_COSE, lucid_buf_span(&joined)), LEDGER_INVALID);
    assert_int_equal(report.steps[LEDGER_STEP_FORM].outcome, LEDGER_FAILED);
}

static void test_flips(void **state)
{
    (void)state;
    struct lucid_buf *const all[] = {&tlog, &cose, &joined};
    for (size_t i = 0; i < 3; i++) {
        for (size_t bit = 0; bit < all[i]->len * 8; bit++) {
            all[i]->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            struct lucid_span data = lucid_buf_span(all[i]);
            enum ledger_verdict verdict =
                i == 0   ? judge(LEDGER_FORM_TLOG, data)
                : i == 1 ? judge(LEDGER_FORM_COSE, data)
                         : judge_joined(data, bit % 2 == 0 ? none : lucid_buf_span(&newer));
            if (verdict == LEDGER_VALID) {
                fail_msg("document %zu is valid with bit %zu flipped", i, bit);
            }
            all[i]->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

static void test_lengths(void **state)
{
    (void)state;
    struct lucid_buf *const all[] = {&tlog, &cose, &joined};
    for (size_t i = 0; i < 3; i++) {
        size_t whole = all[i]->len;
        lucid_buf_char(all[i], 'x');
        for (size_t len = 0; len <= whole + 1; len++) {
            struct lucid_span data = lucid_span(all[i]->data, len);
            enum ledger_verdict verdict = i == 0   ? judge(LEDGER_FORM_TLOG, data)
                                          : i == 1 ? judge(LEDGER_FORM_COSE, data)
                                                   : judge_joined(data, lucid_buf_span(&newer));
            assert_int_equal(verdict, len == whole ? LEDGER_VALID : LEDGER_INVALID);
        }
        all[i]->len = whole;
    }
}

/* Each node of a path, put back under a good service signature: only the tree can tell. */
static void test_nodes(void **state)
{
    (void)state;
    for (size_t node = 0;; node++) {
        struct ledger_cose parts = cose_parts(LEDGER_COSE_INCLUSION);
        struct lucid_buf out = {0};
        if (node == parts.path.count) {
            assert_true(node > 3);
            break;
        }
        parts.path.hash[node].bytes[node] ^= 0x10;
        ledger_cose_write(&out, &service, &parts);
        judge(LEDGER_FORM_COSE, lucid_buf_span(&out));
        expect(LEDGER_INVALID, BIT(INCLUSION) | BIT(SERVICE), 0);
        lucid_buf_clear(&out);
        struct ledger_tlog_proof proof = {
            .leaf_index = OURS, .path = parts.path, .checkpoint = lucid_buf_span(&newer)};
        ledger_tlog_write(&out, &proof);
        judge(LEDGER_FORM_TLOG, lucid_buf_span(&out));
        expect(LEDGER_INVALID, BIT(INCLUSION), 0);
        lucid_buf_fini(&out);
    }
    for (size_t node = 0; node < cose_parts(LEDGER_COSE_CONSISTENCY).path.count; node++) {
        struct ledger_cose parts = cose_parts(LEDGER_COSE_CONSISTENCY);
        struct lucid_buf out = {0};
        parts.path.hash[node].bytes[31 - node] ^= 0x10;
        ledger_cose_write(&out, &service, &parts);
        judge_joined(lucid_buf_span(&out), none);
        expect(LEDGER_INVALID, BIT(CONSISTENCY), 0);
        lucid_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),        cmocka_unit_test(test_detect),
        cmocka_unit_test(test_further_step), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_service_lies), cmocka_unit_test(test_joined_lies),
        cmocka_unit_test(test_flips),        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_nodes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

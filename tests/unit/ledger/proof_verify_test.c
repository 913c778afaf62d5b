/* The offline verifier: a sound case, then one change at a time, each with the step that must
 * notice it and the verdict. */
#include "ledger/proof.h"

#include "tests/unit/mmr/vectors.h"

enum { LEAVES = 21, OURS = 13 };

#define BODY                                                                                       \
    "{\"b\":[1,2.50,{\"x\":null}],\"a\":\"\xc3\xa9\",\"run_id\":\"run_0123456789\","               \
    "\"schema_version\":\"1.0\"}"
#define CANONICAL                                                                                  \
    "{\"a\":\"\xc3\xa9\",\"b\":[1,2.5,{\"x\":null}],\"run_id\":\"run_0123456789\","                \
    "\"schema_version\":\"1.0\"}"

struct fixture {
    struct tree tree;
    struct ledger_skey log;
    struct ledger_ed25519_key signer;
    uint8_t hash[LUCID_SHA256_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    uint8_t entry[LEDGER_ENTRY_BYTES];
    char vkey[LEDGER_VKEY_BYTES_MAX];
    size_t vkey_len;
};

static struct fixture fixture;
static struct ledger_report report;

static int setup(void **state)
{
    (void)state;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    memset(seed, 3, sizeof(seed));
    assert_int_equal(ledger_skey_init(lucid_span_str("log.example"), seed, &fixture.log, NULL),
                     LUCID_OK);
    fixture.vkey_len = ledger_vkey_format(&fixture.log.vkey, fixture.vkey);
    memset(seed, 4, sizeof(seed));
    ledger_ed25519_key_init(seed, &fixture.signer);
    lucid_sha256(lucid_span_str(CANONICAL), fixture.hash);
    ledger_ed25519_sign(&fixture.signer, lucid_span(fixture.hash, sizeof(fixture.hash)),
                        fixture.signature);
    ledger_entry_make(fixture.hash, fixture.signer.public_key, fixture.signature, fixture.entry);
    tree_init(&fixture.tree, LEAVES);
    tree_grow(&fixture.tree, OURS);
    tree_append(&fixture.tree, lucid_span(fixture.entry, sizeof(fixture.entry)));
    tree_grow(&fixture.tree, LEAVES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tree_fini(&fixture.tree);
    return 0;
}

/* What a case may change before the documents are written. */
struct parts {
    const char *body;
    bool hash_stated;
    uint8_t hash[LUCID_SHA256_BYTES];
    uint8_t signer[LEDGER_ED25519_PUBLIC_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    uint8_t entry[LEDGER_ENTRY_BYTES];
    uint64_t leaf_index;
    uint64_t tree_size;
    struct mmr_hash leaf_hash;
    struct mmr_hash root;
    struct mmr_path path;
    struct lucid_buf checkpoint;
};

static struct mmr_hash tree_root(uint64_t leaves)
{
    struct mmr_nodes nodes = tree_nodes(&fixture.tree);
    struct mmr_hash root;
    assert_int_equal(mmr_root(&nodes, leaves, &root), LUCID_OK);
    return root;
}

static void sign_head(const struct ledger_skey *key, uint64_t size, struct lucid_buf *buf)
{
    struct mmr_hash root = tree_root(size);
    lucid_buf_clear(buf);
    ledger_checkpoint_sign(key, size, &root, buf);
    assert_true(lucid_buf_ok(buf));
}

static void parts_init(struct parts *parts)
{
    struct mmr_nodes nodes = tree_nodes(&fixture.tree);
    *parts = (struct parts){.body = BODY,
                            .hash_stated = true,
                            .leaf_index = OURS,
                            .tree_size = LEAVES,
                            .root = tree_root(LEAVES)};
    memcpy(parts->hash, fixture.hash, sizeof(parts->hash));
    memcpy(parts->signer, fixture.signer.public_key, sizeof(parts->signer));
    memcpy(parts->signature, fixture.signature, sizeof(parts->signature));
    memcpy(parts->entry, fixture.entry, sizeof(parts->entry));
    mmr_hash_leaf(lucid_span(parts->entry, sizeof(parts->entry)), &parts->leaf_hash);
    assert_int_equal(mmr_inclusion_path(&nodes, OURS, LEAVES, &parts->path), LUCID_OK);
    sign_head(&fixture.log, LEAVES, &parts->checkpoint);
}

static void write_receipt(const struct parts *parts, struct lucid_buf *buf)
{
    lucid_buf_str(buf, " { \"extra\": [true], \"body\": ");
    lucid_buf_str(buf, parts->body);
    lucid_json_member_hex(buf, "receipt_signature", parts->signature, sizeof(parts->signature));
    lucid_json_member_hex(buf, "signer_pubkey", parts->signer, sizeof(parts->signer));
    if (parts->hash_stated) {
        lucid_json_member_hex(buf, "receipt_hash", parts->hash, sizeof(parts->hash));
    }
    lucid_buf_str(buf, "}\n");
}

static void write_proof(const struct parts *parts, struct lucid_buf *buf)
{
    const struct ledger_proof proof = {
        .leaf_index = parts->leaf_index,
        .tree_size = parts->tree_size,
        .entry = parts->entry,
        .leaf_hash = &parts->leaf_hash,
        .root = &parts->root,
        .path = &parts->path,
        .checkpoint = lucid_buf_span(&parts->checkpoint),
    };
    ledger_proof_write_json(buf, &proof);
}

static struct lucid_span vkey_text(void)
{
    return lucid_span(fixture.vkey, fixture.vkey_len);
}

/* Writes, verifies and frees parts. */
static void judge(struct parts *parts, struct lucid_span vkey)
{
    struct lucid_buf receipt = {0};
    struct lucid_buf proof = {0};
    write_receipt(parts, &receipt);
    write_proof(parts, &proof);
    assert_true(lucid_buf_ok(&receipt) && lucid_buf_ok(&proof));
    assert_int_equal(ledger_proof_verify(lucid_buf_span(&receipt), LEDGER_FORM_JSON,
                                         lucid_buf_span(&proof),
                                         &(struct ledger_trust){.vkey = vkey}, &report),
                     LUCID_OK);
    lucid_buf_fini(&receipt);
    lucid_buf_fini(&proof);
    lucid_buf_fini(&parts->checkpoint);
}

/* Checks the outcome of every step: failed and skipped are bit sets, all else has passed. */
static void expect(enum ledger_verdict verdict, unsigned failed, unsigned skipped)
{
    for (unsigned i = 0; i < report.step_count; i++) {
        enum ledger_outcome want = (failed >> i & 1) != 0    ? LEDGER_FAILED
                                   : (skipped >> i & 1) != 0 ? LEDGER_SKIPPED
                                                             : LEDGER_PASSED;
        if (report.steps[i].outcome != want) {
            fail_msg("step %s: %s, %s", report.steps[i].name,
                     ledger_outcome_name(report.steps[i].outcome), report.steps[i].text);
        }
        assert_true(report.steps[i].text[0] != '\0');
    }
    assert_int_equal(report.verdict, verdict);
}

#define BIT(step) (1U << LEDGER_STEP_##step)

static void test_valid(void **state)
{
    (void)state;
    static const char *const names[] = {"form",  "receipt_hash", "receipt_signature",
                                        "entry", "leaf_hash",    "checkpoint",
                                        "head",  "inclusion"};
    struct parts parts;
    parts_init(&parts);
    judge(&parts, vkey_text());
    expect(LEDGER_VALID, 0, 0);
    assert_int_equal(report.step_count, 8);
    for (size_t i = 0; i < report.step_count; i++) {
        assert_string_equal(report.steps[i].name, names[i]);
    }
    parts_init(&parts);
    parts.hash_stated = false;
    judge(&parts, vkey_text());
    expect(LEDGER_VALID, 0, 0);
    parts_init(&parts);
    parts.body = CANONICAL;
    judge(&parts, vkey_text());
    expect(LEDGER_VALID, 0, 0);
}

static void test_receipt_changed(void **state)
{
    (void)state;
    struct parts parts;
    parts_init(&parts);
    parts.hash[5] ^= 1;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(RECEIPT_HASH), 0);
    parts_init(&parts);
    parts.body = "{\"run_id\":\"run_0123456788\"}";
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(RECEIPT_HASH) | BIT(RECEIPT_SIGNATURE) | BIT(ENTRY), 0);
    parts_init(&parts);
    parts.signature[40] ^= 1;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(RECEIPT_SIGNATURE) | BIT(ENTRY), 0);
    parts_init(&parts);
    parts.signer[0] ^= 1;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(RECEIPT_SIGNATURE) | BIT(ENTRY), 0);
}

/* Another valid signer over the same body: the receipt alone is sound, but not what was logged. */
static void test_other_signer(void **state)
{
    (void)state;
    struct parts parts;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    struct ledger_ed25519_key other;
    memset(seed, 5, sizeof(seed));
    ledger_ed25519_key_init(seed, &other);
    parts_init(&parts);
    memcpy(parts.signer, other.public_key, sizeof(parts.signer));
    ledger_ed25519_sign(&other, lucid_span(fixture.hash, sizeof(fixture.hash)), parts.signature);
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(ENTRY), 0);
}

static void test_proof_changed(void **state)
{
    (void)state;
    struct parts parts;
    for (size_t i = 0; i < LEDGER_ENTRY_BYTES; i += 9) {
        parts_init(&parts);
        parts.entry[i] ^= 0x80;
        judge(&parts, vkey_text());
        expect(LEDGER_INVALID, BIT(ENTRY) | BIT(LEAF_HASH) | BIT(INCLUSION), 0);
    }
    parts_init(&parts);
    parts.leaf_hash.bytes[31] ^= 1;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(LEAF_HASH), 0);
    parts_init(&parts);
    parts.leaf_index--;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(INCLUSION), 0);
    parts_init(&parts);
    parts.path.hash[2].bytes[3] ^= 4;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(INCLUSION), 0);
    parts_init(&parts);
    parts.path.count--;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(INCLUSION), 0);
}

/* Size and root beside the path are never what inclusion is judged by. */
static void test_head_from_checkpoint(void **state)
{
    (void)state;
    struct parts parts;
    parts_init(&parts);
    parts.tree_size++;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(HEAD), 0);
    parts_init(&parts);
    parts.tree_size = OURS + 1; /* under which the path would not verify */
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(HEAD), 0);
    parts_init(&parts);
    parts.root.bytes[0] ^= 1;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(HEAD), 0);
    /* A proof that is sound in itself, with a checkpoint of another size. */
    parts_init(&parts);
    sign_head(&fixture.log, LEAVES - 1, &parts.checkpoint);
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(HEAD) | BIT(INCLUSION), 0);
}

static void test_checkpoint(void **state)
{
    (void)state;
    struct parts parts;
    parts_init(&parts);
    lucid_buf_fini(&parts.checkpoint);
    judge(&parts, vkey_text());
    expect(LEDGER_UNDECIDED, 0, BIT(CHECKPOINT) | BIT(HEAD) | BIT(INCLUSION));
    parts_init(&parts);
    parts.checkpoint.data[parts.checkpoint.len - 10] ^= 1;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(CHECKPOINT), BIT(HEAD) | BIT(INCLUSION));
    parts_init(&parts);
    parts.checkpoint.len--;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(CHECKPOINT), BIT(HEAD) | BIT(INCLUSION));
    /* No head and a bad receipt: what is wrong is wrong. */
    parts_init(&parts);
    lucid_buf_fini(&parts.checkpoint);
    parts.signature[0] ^= 1;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(RECEIPT_SIGNATURE) | BIT(ENTRY),
           BIT(CHECKPOINT) | BIT(HEAD) | BIT(INCLUSION));
}

static void test_keys(void **state)
{
    (void)state;
    struct parts parts;
    struct ledger_skey other;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    char text[LEDGER_VKEY_BYTES_MAX];
    memset(seed, 6, sizeof(seed));
    assert_int_equal(ledger_skey_init(lucid_span_str("log.example"), seed, &other, NULL), LUCID_OK);
    size_t len = ledger_vkey_format(&other.vkey, text);
    const struct lucid_span keys[] = {
        lucid_span(text, len),
        lucid_span(NULL, 0),
        lucid_span_str("no key"),
        lucid_span_str("witness.example/w1+00ec9e11+BNDKjBArwliZ5naLc4ERMzo3+iz2C2SI9G0H9/rRAFIE"),
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        parts_init(&parts);
        judge(&parts, keys[i]);
        expect(LEDGER_UNDECIDED, 0, BIT(CHECKPOINT) | BIT(HEAD) | BIT(INCLUSION));
    }
    /* Signed by the given key, but the head of another log. */
    struct lucid_buf foreign = {0};
    struct lucid_span body;
    parts_init(&parts);
    parts.checkpoint.data[0] = 'L';
    body = lucid_span(parts.checkpoint.data, 0);
    for (size_t lines = 0; lines < 3; body.len++) {
        lines += body.data[body.len] == '\n';
    }
    assert_int_equal(ledger_note_sign(&fixture.log, body, &foreign, NULL), LUCID_OK);
    lucid_buf_fini(&parts.checkpoint);
    parts.checkpoint = foreign;
    judge(&parts, vkey_text());
    expect(LEDGER_INVALID, BIT(CHECKPOINT), BIT(HEAD) | BIT(INCLUSION));
}

static void verify_text(const char *receipt, const char *proof)
{
    assert_int_equal(ledger_proof_verify(lucid_span_str(receipt), LEDGER_FORM_JSON,
                                         lucid_span_str(proof),
                                         &(struct ledger_trust){.vkey = vkey_text()}, &report),
                     LUCID_OK);
    assert_int_equal(report.verdict, LEDGER_INVALID);
    assert_int_equal(report.steps[LEDGER_STEP_FORM].outcome, LEDGER_FAILED);
}

/* Every member left out or of another shape, in an otherwise sound document. */
static void test_members(void **state)
{
    (void)state;
    static const char *const receipt_members[] = {"\"body\"", "\"receipt_signature\"",
                                                  "\"signer_pubkey\""};
    static const char *const proof_members[] = {"\"leaf_index\"", "\"tree_size\"", "\"entry\"",
                                                "\"leaf_hash\"",  "\"root\"",      "\"path\"",
                                                "\"checkpoint\""};
    struct parts parts;
    struct lucid_buf receipt = {0};
    struct lucid_buf proof = {0};
    parts_init(&parts);
    write_receipt(&parts, &receipt);
    write_proof(&parts, &proof);
    lucid_buf_char(&receipt, '\0');
    lucid_buf_char(&proof, '\0');
    char *receipt_text = (char *)receipt.data;
    char *proof_text = (char *)proof.data;
    for (size_t i = 0; i < 3; i++) {
        char *at = strstr(receipt_text, receipt_members[i]);
        assert_non_null(at);
        at[1] ^= 0x20;
        verify_text(receipt_text, proof_text);
        at[1] ^= 0x20;
        assert_int_equal(report.steps[LEDGER_STEP_ENTRY].outcome, LEDGER_SKIPPED);
        assert_int_equal(report.steps[LEDGER_STEP_INCLUSION].outcome, LEDGER_PASSED);
    }
    for (size_t i = 0; i < 7; i++) {
        char *at = strstr(proof_text, proof_members[i]);
        assert_non_null(at);
        at[1] ^= 0x20;
        verify_text(receipt_text, proof_text);
        at[1] ^= 0x20;
        assert_int_equal(report.steps[LEDGER_STEP_RECEIPT_SIGNATURE].outcome, LEDGER_PASSED);
        assert_int_equal(report.steps[LEDGER_STEP_INCLUSION].outcome, LEDGER_SKIPPED);
    }
    lucid_buf_fini(&parts.checkpoint);
    lucid_buf_fini(&receipt);
    lucid_buf_fini(&proof);
}

#define HASH64 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_not_json(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "\"\"",
        "{}{}",
        "{\"body\":{},\"body\":{}}",
        "{\"body\":[]}",
        "{\"body\":{},\"receipt_signature\":\"00\",\"signer_pubkey\":\"" HASH64 "\"}",
        "{\"body\":{},\"receipt_signature\":\"" HASH64 HASH64 "\",\"signer_pubkey\":7}",
        "{\"body\":{},\"receipt_signature\":\"" HASH64 HASH64 "\",\"signer_pubkey\":\"" HASH64
        "\",\"receipt_hash\":null}",
        "{\"leaf_index\":-1}",
        "{\"leaf_index\":1,\"tree_size\":2.5}",
        "{\"leaf_index\":1,\"tree_size\":2,\"entry\":\"" HASH64 HASH64 HASH64 HASH64 "\","
        "\"leaf_hash\":\"" HASH64 "\",\"root\":\"" HASH64 "\",\"path\":[1],\"checkpoint\":null}",
        "{\"leaf_index\":1,\"tree_size\":2,\"entry\":\"" HASH64 HASH64 HASH64 HASH64 "\","
        "\"leaf_hash\":\"" HASH64 "\",\"root\":\"" HASH64 "\",\"path\":[],\"checkpoint\":\"\"}",
        "{\"leaf_index\":1,\"tree_size\":2,\"entry\":\"" HASH64 HASH64 HASH64 HASH64 "\","
        "\"leaf_hash\":\"" HASH64 "\",\"root\":\"" HASH64 "\",\"path\":[],\"checkpoint\":{}}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        verify_text(bad[i], "{}");
        verify_text("{}", bad[i]);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct parts parts;
    struct lucid_buf body = {0};
    uint8_t hash[LUCID_SHA256_BYTES];
    /* A canonical body of the largest size, and one byte more. */
    for (size_t len = LEDGER_BODY_BYTES_MAX; len <= LEDGER_BODY_BYTES_MAX + 1; len++) {
        lucid_buf_clear(&body);
        lucid_buf_str(&body, "{\"a\":\"");
        while (body.len < len - 2) {
            lucid_buf_char(&body, 'x');
        }
        lucid_buf_put(&body, "\"}", 3);
        parts_init(&parts);
        parts.body = (const char *)body.data;
        lucid_sha256(lucid_span(body.data, len), hash);
        memcpy(parts.hash, hash, sizeof(hash));
        judge(&parts, vkey_text());
        bool fits = len <= LEDGER_BODY_BYTES_MAX;
        assert_int_equal(report.steps[LEDGER_STEP_FORM].outcome,
                         fits ? LEDGER_PASSED : LEDGER_FAILED);
        assert_int_equal(report.steps[LEDGER_STEP_RECEIPT_HASH].outcome,
                         fits ? LEDGER_PASSED : LEDGER_SKIPPED);
    }
    lucid_buf_clear(&body);
    while (body.len <= LEDGER_PROOF_JSON_BYTES_MAX) {
        lucid_buf_char(&body, ' ');
    }
    lucid_buf_put(&body, "{}", 3);
    verify_text("{}", (const char *)body.data);
    verify_text((const char *)body.data, "{}");
    assert_non_null(strstr(report.steps[LEDGER_STEP_FORM].text, "too large"));
    lucid_buf_fini(&body);
}

static void test_depth(void **state)
{
    (void)state;
    char body[200];
    for (size_t depth = LEDGER_BODY_DEPTH_MAX; depth <= LEDGER_BODY_DEPTH_MAX + 1; depth++) {
        struct parts parts;
        size_t len = 0;
        len += (size_t)snprintf(body + len, sizeof(body) - len, "{\"a\":");
        for (size_t i = 1; i < depth; i++) {
            body[len++] = '[';
        }
        for (size_t i = 1; i < depth; i++) {
            body[len++] = ']';
        }
        body[len++] = '}';
        body[len] = '\0';
        parts_init(&parts);
        parts.body = body;
        judge(&parts, vkey_text());
        assert_int_equal(report.steps[LEDGER_STEP_FORM].outcome,
                         depth <= LEDGER_BODY_DEPTH_MAX ? LEDGER_PASSED : LEDGER_FAILED);
    }
}

static void test_path_limit(void **state)
{
    (void)state;
    for (size_t count = MMR_PATH_MAX; count <= MMR_PATH_MAX + 1; count++) {
        struct lucid_buf proof = {0};
        struct lucid_buf receipt = {0};
        struct parts parts;
        parts_init(&parts);
        write_receipt(&parts, &receipt);
        lucid_buf_printf(&proof, "{\"leaf_index\":0,\"tree_size\":1,\"leaf_hash\":\"%s\"", HASH64);
        lucid_json_member_hex(&proof, "entry", parts.entry, sizeof(parts.entry));
        lucid_buf_printf(&proof, ",\"root\":\"%s\",\"checkpoint\":null,\"path\":[", HASH64);
        for (size_t i = 0; i < count; i++) {
            lucid_buf_printf(&proof, "%s\"%s\"", i > 0 ? "," : "", HASH64);
        }
        lucid_buf_str(&proof, "]}");
        assert_int_equal(ledger_proof_verify(lucid_buf_span(&receipt), LEDGER_FORM_JSON,
                                             lucid_buf_span(&proof),
                                             &(struct ledger_trust){.vkey = vkey_text()}, &report),
                         LUCID_OK);
        assert_int_equal(report.steps[LEDGER_STEP_FORM].outcome,
                         count <= MMR_PATH_MAX ? LEDGER_PASSED : LEDGER_FAILED);
        lucid_buf_fini(&parts.checkpoint);
        lucid_buf_fini(&receipt);
        lucid_buf_fini(&proof);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_receipt_changed),
        cmocka_unit_test(test_other_signer),
        cmocka_unit_test(test_proof_changed),
        cmocka_unit_test(test_head_from_checkpoint),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_path_limit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

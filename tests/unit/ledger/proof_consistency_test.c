/* The consistency verifier, and the JSON that both writers make. */
#include "ledger/proof.h"

#include "tests/unit/mmr/vectors.h"

enum { LEAVES = 40 };

static struct tree tree;
static struct ledger_skey log_key;
static struct ledger_report report;

static int setup(void **state)
{
    (void)state;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    memset(seed, 7, sizeof(seed));
    assert_int_equal(ledger_skey_init(lucid_span_str("log.example"), seed, &log_key, NULL),
                     LUCID_OK);
    tree_init(&tree, LEAVES);
    tree_grow(&tree, LEAVES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tree_fini(&tree);
    return 0;
}

struct parts {
    uint64_t from;
    uint64_t to;
    struct mmr_hash root_from;
    struct mmr_hash root_to;
    struct mmr_path path;
    struct lucid_buf head_from;
    struct lucid_buf head_to;
};

static void parts_init(uint64_t from, uint64_t to, struct parts *parts)
{
    struct mmr_nodes nodes = tree_nodes(&tree);
    *parts = (struct parts){.from = from, .to = to};
    assert_int_equal(mmr_root(&nodes, from, &parts->root_from), LUCID_OK);
    assert_int_equal(mmr_root(&nodes, to, &parts->root_to), LUCID_OK);
    assert_int_equal(mmr_consistency_path(&nodes, from, to, &parts->path), LUCID_OK);
    ledger_checkpoint_sign(&log_key, from, &parts->root_from, &parts->head_from);
    ledger_checkpoint_sign(&log_key, to, &parts->root_to, &parts->head_to);
}

static void judge(struct parts *parts)
{
    struct lucid_buf answer = {0};
    char vkey[LEDGER_VKEY_BYTES_MAX];
    size_t len = ledger_vkey_format(&log_key.vkey, vkey);
    ledger_consistency_write_json(&answer, parts->from, parts->to, &parts->root_from,
                                  &parts->root_to, &parts->path);
    struct ledger_trust trust = {.vkey = lucid_span(vkey, len)};
    assert_int_equal(ledger_consistency_verify(lucid_buf_span(&answer), LEDGER_FORM_JSON,
                                               lucid_buf_span(&parts->head_from),
                                               lucid_buf_span(&parts->head_to), &trust, &report),
                     LUCID_OK);
    assert_int_equal(report.step_count, LEDGER_CONSISTENCY_STEPS);
    lucid_buf_fini(&answer);
    lucid_buf_fini(&parts->head_from);
    lucid_buf_fini(&parts->head_to);
}

static void expect_failed(enum ledger_consistency_step step)
{
    assert_int_equal(report.verdict, LEDGER_INVALID);
    assert_int_equal(report.steps[step].outcome, LEDGER_FAILED);
}

static void test_all_pairs(void **state)
{
    (void)state;
    for (uint64_t to = 0; to <= LEAVES; to++) {
        for (uint64_t from = 0; from <= to; from++) {
            struct parts parts;
            parts_init(from, to, &parts);
            judge(&parts);
            assert_int_equal(report.verdict, LEDGER_VALID);
        }
    }
}

static void test_changed(void **state)
{
    (void)state;
    struct parts parts;
    parts_init(11, 37, &parts);
    parts.path.hash[1].bytes[9] ^= 2;
    judge(&parts);
    expect_failed(LEDGER_STEP_CONSISTENCY);
    parts_init(11, 37, &parts);
    parts.from++;
    judge(&parts);
    expect_failed(LEDGER_STEP_HEADS);
    assert_int_equal(report.steps[LEDGER_STEP_CONSISTENCY].outcome, LEDGER_PASSED);
    parts_init(11, 37, &parts);
    parts.to--;
    judge(&parts);
    expect_failed(LEDGER_STEP_HEADS);
    assert_int_equal(report.steps[LEDGER_STEP_CONSISTENCY].outcome, LEDGER_PASSED);
    parts_init(11, 37, &parts);
    parts.root_from.bytes[0] ^= 1;
    judge(&parts);
    expect_failed(LEDGER_STEP_HEADS);
    parts_init(11, 37, &parts);
    parts.root_to.bytes[0] ^= 1;
    judge(&parts);
    expect_failed(LEDGER_STEP_HEADS);
    parts_init(11, 37, &parts);
    parts.head_to.data[parts.head_to.len - 9] ^= 1;
    judge(&parts);
    expect_failed(LEDGER_STEP_CHECKPOINT_TO);
    assert_int_equal(report.steps[LEDGER_STEP_CONSISTENCY].outcome, LEDGER_SKIPPED);
    parts_init(11, 37, &parts);
    struct lucid_buf swap = parts.head_from;
    parts.head_from = parts.head_to;
    parts.head_to = swap;
    judge(&parts);
    expect_failed(LEDGER_STEP_CONSISTENCY);
}

/* A head that the log signed over another history: the proof of the true one does not join it. */
static void test_split_view(void **state)
{
    (void)state;
    struct parts parts;
    parts_init(11, 37, &parts);
    parts.root_from.bytes[17] ^= 1;
    lucid_buf_clear(&parts.head_from);
    ledger_checkpoint_sign(&log_key, 11, &parts.root_from, &parts.head_from);
    judge(&parts);
    expect_failed(LEDGER_STEP_CONSISTENCY);
    assert_int_equal(report.steps[LEDGER_STEP_HEADS].outcome, LEDGER_PASSED);
}

static void test_undecided(void **state)
{
    (void)state;
    struct parts parts;
    struct ledger_skey other;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    memset(seed, 8, sizeof(seed));
    assert_int_equal(ledger_skey_init(lucid_span_str("log.example"), seed, &other, NULL), LUCID_OK);
    parts_init(11, 37, &parts);
    lucid_buf_clear(&parts.head_from);
    ledger_checkpoint_sign(&other, 11, &parts.root_from, &parts.head_from);
    judge(&parts);
    assert_int_equal(report.verdict, LEDGER_UNDECIDED);
    assert_int_equal(report.steps[LEDGER_STEP_CHECKPOINT_FROM].outcome, LEDGER_SKIPPED);
    assert_int_equal(report.steps[LEDGER_STEP_CHECKPOINT_TO].outcome, LEDGER_PASSED);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"from\":1}",
        "{\"from\":1,\"to\":2}",
        "{\"from\":\"1\",\"to\":2,\"root_from\":\"\",\"root_to\":\"\",\"path\":[]}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ledger_trust trust = {.vkey = lucid_span_str("y")};
        assert_int_equal(ledger_consistency_verify(lucid_span_str(bad[i]), LEDGER_FORM_JSON,
                                                   lucid_span_str("x"), lucid_span_str(""), &trust,
                                                   &report),
                         LUCID_OK);
        expect_failed(LEDGER_STEP_ANSWER);
    }
}

/* What is written, read back by another JSON library. */
static void check_written(uint64_t index, uint64_t size, struct lucid_span checkpoint)
{
    struct lucid_buf buf = {0};
    struct mmr_path path;
    struct mmr_nodes nodes = tree_nodes(&tree);
    struct mmr_hash root;
    uint8_t entry[LEDGER_ENTRY_BYTES];
    memset(entry, 0xa5, sizeof(entry));
    assert_int_equal(mmr_inclusion_path(&nodes, index, size, &path), LUCID_OK);
    assert_int_equal(mmr_root(&nodes, size, &root), LUCID_OK);
    const struct ledger_proof proof = {.leaf_index = index,
                                       .tree_size = size,
                                       .entry = entry,
                                       .leaf_hash = &tree.nodes[0],
                                       .root = &root,
                                       .path = &path,
                                       .checkpoint = checkpoint};
    ledger_proof_write_json(&buf, &proof);
    assert_true(lucid_buf_ok(&buf));
    json_t *json = json_loadb((const char *)buf.data, buf.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_int_equal(json_object_size(json), 7);
    assert_int_equal(vectors_u64(vectors_get(json, "leaf_index")), index);
    assert_int_equal(vectors_u64(vectors_get(json, "tree_size")), size);
    uint8_t bytes[LEDGER_ENTRY_BYTES];
    vectors_bytes(vectors_get(json, "entry"), bytes, sizeof(bytes));
    assert_memory_equal(bytes, entry, sizeof(entry));
    struct mmr_hash hash = vectors_hash(vectors_get(json, "leaf_hash"));
    assert_memory_equal(hash.bytes, tree.nodes[0].bytes, MMR_HASH_BYTES);
    hash = vectors_hash(vectors_get(json, "root"));
    assert_memory_equal(hash.bytes, root.bytes, MMR_HASH_BYTES);
    struct mmr_hash got[MMR_PATH_MAX];
    assert_int_equal(vectors_hashes(vectors_get(json, "path"), got, MMR_PATH_MAX), path.count);
    assert_memory_equal(got, path.hash, path.count * sizeof(got[0]));
    const json_t *head = vectors_get(json, "checkpoint");
    if (checkpoint.data == NULL) {
        assert_true(json_is_null(head));
    } else {
        assert_true(lucid_span_equal(vectors_text(head), checkpoint));
    }
    json_decref(json);
    lucid_buf_fini(&buf);
}

static void test_written(void **state)
{
    (void)state;
    check_written(0, 1, lucid_span(NULL, 0));
    check_written(0, 2, lucid_span_str("log.example\n2\n\"\\\xe2\x80\x94 x\n"));
    for (uint64_t index = 0; index < LEAVES; index++) {
        check_written(index, LEAVES, lucid_span_str("a\n"));
    }
}

static void test_written_exactly(void **state)
{
    (void)state;
    struct lucid_buf buf = {0};
    struct mmr_path path = {.count = 0};
    struct mmr_hash hash;
    memset(hash.bytes, 0x11, sizeof(hash.bytes));
#define ELEVEN "1111111111111111111111111111111111111111111111111111111111111111"
    ledger_consistency_write_json(&buf, 0, 5, &hash, &hash, &path);
    assert_true(lucid_span_is(lucid_buf_span(&buf), "{\"from\":0,\"to\":5,\"root_from\":\"" ELEVEN
                                                    "\",\"root_to\":\"" ELEVEN "\",\"path\":[]}"));
    lucid_buf_clear(&buf);
    path.hash[0] = hash;
    path.hash[1] = hash;
    path.count = 2;
    ledger_consistency_write_json(&buf, 1, 5, &hash, &hash, &path);
    assert_true(lucid_span_is(lucid_buf_span(&buf),
                              "{\"from\":1,\"to\":5,\"root_from\":\"" ELEVEN
                              "\",\"root_to\":\"" ELEVEN "\",\"path\":[\"" ELEVEN "\",\"" ELEVEN
                              "\"]}"));
    lucid_buf_fini(&buf);
}

/* A buffer that cannot hold it all says so. */
static void test_written_too_long(void **state)
{
    (void)state;
    struct mmr_hash hash = {.bytes = {0}};
    struct mmr_path path = {.count = MMR_PATH_MAX};
    memset(path.hash, 0, sizeof(path.hash));
    for (size_t max = 1; max < 1000; max += 13) {
        struct lucid_buf buf;
        lucid_buf_init(&buf, max);
        ledger_consistency_write_json(&buf, 1, 2, &hash, &hash, &path);
        assert_false(lucid_buf_ok(&buf));
        lucid_buf_fini(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_pairs),       cmocka_unit_test(test_changed),
        cmocka_unit_test(test_split_view),      cmocka_unit_test(test_undecided),
        cmocka_unit_test(test_malformed),       cmocka_unit_test(test_written),
        cmocka_unit_test(test_written_exactly), cmocka_unit_test(test_written_too_long),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

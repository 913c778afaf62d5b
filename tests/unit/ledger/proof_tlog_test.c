/* C2SP tlog-proof files: those of tests/vectors/merkle/notes.json read, judged and written again;
 * then what the reader must refuse. */
#include "ledger/proof_tlog.h"

#include "tests/unit/mmr/vectors.h"

static json_t *file;
static struct ledger_vkey vkey;

static int setup(void **state)
{
    (void)state;
    file = vectors_load("merkle/notes.json");
    assert_int_equal(ledger_vkey_parse(vectors_text(vectors_get(file, "log_vkey")), &vkey, NULL),
                     LUCID_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(file);
    return 0;
}

static struct lucid_span vector_text(const json_t *item)
{
    return vectors_text(vectors_get(item, "tlog_proof"));
}

static bool proof_good(const json_t *item, struct lucid_span text)
{
    struct ledger_tlog_proof proof;
    struct ledger_checkpoint head;
    struct mmr_hash leaf;
    if (ledger_tlog_read(text, &proof, NULL) != LUCID_OK ||
        ledger_checkpoint_open(proof.checkpoint, &vkey, &head, NULL) != LUCID_OK) {
        return false;
    }
    mmr_hash_leaf(vectors_text(vectors_get(item, "leaf_data")), &leaf);
    return mmr_verify_inclusion(proof.leaf_index, head.size, &leaf, proof.path.hash,
                                proof.path.count, &head.root);
}

static void test_vectors(void **state)
{
    (void)state;
    const json_t *items = vectors_get(file, "tlog_proofs");
    assert_int_equal(json_array_size(items), 4);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        struct lucid_span text = vector_text(item);
        struct ledger_tlog_proof proof;
        struct lucid_buf out = {0};
        assert_true(proof_good(item, text));
        assert_int_equal(ledger_tlog_read(text, &proof, NULL), LUCID_OK);
        assert_int_equal(proof.leaf_index, vectors_u64(vectors_get(item, "index")));
        assert_null(proof.extra.data);
        ledger_tlog_write(&out, &proof);
        assert_true(lucid_span_equal(lucid_buf_span(&out), text));
        lucid_buf_fini(&out);
    }
}

/* Every bit before the cosignature, which is by a key that is not asked here. */
static void test_flips(void **state)
{
    (void)state;
    const json_t *items = vectors_get(file, "tlog_proofs");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        struct lucid_span text = vector_text(item);
        uint8_t bytes[2048];
        assert_true(text.len <= sizeof(bytes));
        memcpy(bytes, text.data, text.len);
        size_t end = text.len - 1;
        while (bytes[end - 1] != '\n') {
            end--;
        }
        for (size_t bit = 0; bit < end * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            if (proof_good(item, lucid_span(bytes, text.len))) {
                fail_msg("proof %zu is accepted with bit %zu flipped", i, bit);
            }
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

static void test_lengths(void **state)
{
    (void)state;
    const json_t *item = json_array_get(vectors_get(file, "tlog_proofs"), 2);
    struct lucid_span text = vector_text(item);
    size_t accepted = 0;
    for (size_t len = 0; len < text.len; len++) {
        accepted += proof_good(item, lucid_span(text.data, len));
    }
    /* Cut right before the cosignature line it is a proof without cosignatures. */
    assert_int_equal(accepted, 1);
    struct lucid_buf more = {0};
    lucid_buf_span_put(&more, text);
    for (int c = 0; c < 256; c++) {
        lucid_buf_char(&more, (char)c);
        assert_false(proof_good(item, lucid_buf_span(&more)));
        more.len--;
    }
    lucid_buf_fini(&more);
}

#define VERSION "c2sp.org/tlog-proof@v1\n"
#define HASH    "YoGbQg7efjcjngm4lLZVLDB5JiA/azBstVuZdN39N00=\n"

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        {"", "first line"},
        {"\n", "first line"},
        {"c2sp.org/tlog-proof@v1", "first line"},
        {"c2sp.org/tlog-proof@v2\nindex 0\n\nx", "first line"},
        {" " VERSION "index 0\n\nx", "first line"},
        {"c2sp.org/tlog-proof@v1\r\nindex 0\n\nx", "first line"},
        {VERSION, "ends before its index"},
        {VERSION "index 0", "ends before its index"},
        {VERSION "index\n\nx", "index line"},
        {VERSION "index \n\nx", "index line"},
        {VERSION "index  0\n\nx", "index line"},
        {VERSION "index 00\n\nx", "index line"},
        {VERSION "index 01\n\nx", "index line"},
        {VERSION "index -1\n\nx", "index line"},
        {VERSION "index +1\n\nx", "index line"},
        {VERSION "index 1 \n\nx", "index line"},
        {VERSION "index 1\r\n\nx", "index line"},
        {VERSION "index 0x1\n\nx", "index line"},
        {VERSION "index 18446744073709551616\n\nx", "index line"},
        {VERSION "Index 0\n\nx", "index line"},
        {VERSION "\nindex 0\n\nx", "index line"},
        {VERSION "extra \nindex 0\n\nx", "extra"},
        {VERSION "extra\nindex 0\n\nx", "index line"},
        {VERSION "extra YQ\nindex 0\n\nx", "extra"},
        {VERSION "extra YR==\nindex 0\n\nx", "extra"},
        {VERSION "extra YQ==\n", "ends before its index"},
        {VERSION "extra YQ==\nextra YQ==\nindex 0\n\nx", "index line"},
        {VERSION "index 0\nextra YQ==\n\nx", "base64"},
        {VERSION "index 0\n" HASH, "ends before its checkpoint"},
        {VERSION "index 0\nYQ==\n\nx", "base64"},
        {VERSION "index 0\n " HASH "\nx", "base64"},
        {VERSION "index 0\nYoGbQg7efjcjngm4lLZVLDB5JiA/azBstVuZdN39N01=\n\nx", "base64"},
        {VERSION "index 0\nYoGbQg7efjcjngm4lLZVLDB5JiA_azBstVuZdN39N00=\n\nx", "base64"},
        {VERSION "index 0\n" HASH "\n", "no checkpoint"},
        {VERSION "index 0\n\n", "no checkpoint"},
    };
    struct ledger_tlog_proof proof;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lucid_why why = {.code = NULL};
        assert_int_equal(ledger_tlog_read(lucid_span_str(cases[i].text), &proof, &why),
                         LUCID_REFUSE_INVALID);
        assert_string_equal(why.code, "PROOF_MALFORMED");
        if (strstr(why.text, cases[i].why) == NULL) {
            fail_msg("case %zu: \"%s\", want \"%s\"", i, why.text, cases[i].why);
        }
    }
    assert_int_equal(
        ledger_tlog_read(lucid_span_str(VERSION "index 18446744073709551615\n\nx"), &proof, NULL),
        LUCID_OK);
    assert_int_equal(proof.leaf_index, UINT64_MAX);
}

static void test_limits(void **state)
{
    (void)state;
    static uint8_t extra[LEDGER_TLOG_EXTRA_BYTES_MAX + 1];
    struct lucid_buf out = {0};
    struct ledger_tlog_proof proof = {.path.count = MMR_PATH_MAX,
                                      .extra = lucid_span(extra, LEDGER_TLOG_EXTRA_BYTES_MAX),
                                      .checkpoint = lucid_span_str("x")};
    struct ledger_tlog_proof read;
    ledger_tlog_write(&out, &proof);
    assert_int_equal(ledger_tlog_read(lucid_buf_span(&out), &read, NULL), LUCID_OK);
    assert_int_equal(read.path.count, MMR_PATH_MAX);
    assert_int_equal(read.extra.len, lucid_base64_len(LEDGER_TLOG_EXTRA_BYTES_MAX));
    lucid_buf_clear(&out);
    lucid_buf_str(&out, VERSION "index 0\n");
    for (size_t i = 0; i <= MMR_PATH_MAX; i++) {
        lucid_buf_str(&out, HASH);
    }
    lucid_buf_str(&out, "\nx");
    assert_int_equal(ledger_tlog_read(lucid_buf_span(&out), &read, NULL), LUCID_REFUSE_INVALID);
    lucid_buf_clear(&out);
    lucid_buf_str(&out, VERSION "extra ");
    lucid_buf_base64(&out, extra, sizeof(extra));
    lucid_buf_str(&out, "\nindex 0\n\nx");
    assert_int_equal(ledger_tlog_read(lucid_buf_span(&out), &read, NULL), LUCID_REFUSE_INVALID);
    lucid_buf_clear(&out);
    lucid_buf_str(&out, VERSION "index 0\n\n");
    while (out.len <= LEDGER_TLOG_BYTES_MAX) {
        lucid_buf_char(&out, 'x');
    }
    assert_int_equal(ledger_tlog_read(lucid_buf_span(&out), &read, NULL), LUCID_REFUSE_TOO_LARGE);
    out.len--;
    assert_int_equal(ledger_tlog_read(lucid_buf_span(&out), &read, NULL), LUCID_OK);
    lucid_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_flips),
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* tests/vectors/merkle/notes.json, as far as Ed25519 keys of type 0x01 are concerned. */
#include "ledger/note.h"

#include "tests/unit/mmr/vectors.h"

static json_t *file;

static int setup(void **state)
{
    (void)state;
    file = vectors_load("merkle/notes.json");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(file);
    return 0;
}

static struct lucid_span member(const json_t *object, const char *name)
{
    return vectors_text(vectors_get(object, name));
}

static struct ledger_vkey read_vkey(struct lucid_span text)
{
    struct ledger_vkey vkey;
    assert_int_equal(ledger_vkey_parse(text, &vkey, NULL), LUCID_OK);
    return vkey;
}

static void test_public_notes(void **state)
{
    (void)state;
    const json_t *items = vectors_get(file, "public");
    assert_int_equal(json_array_size(items), 3);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        struct ledger_vkey vkey = read_vkey(member(item, "vkey"));
        struct ledger_note note;
        assert_int_equal(ledger_note_open(member(item, "note"), &vkey, 1, &note, NULL), LUCID_OK);
        assert_int_equal(note.signed_by, 1);
        assert_int_equal(note.signature_count, 1);
    }
}

static void test_public_checkpoints(void **state)
{
    (void)state;
    const json_t *items = vectors_get(file, "public");
    const json_t *proof = vectors_get(file, "public_consistency");
    static const char *const roots[] = {"root1", "root2"};
    static const char *const sizes[] = {"size1", "size2"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *item = json_array_get(items, i + 1);
        struct ledger_vkey vkey = read_vkey(member(item, "vkey"));
        struct ledger_checkpoint head;
        struct mmr_hash root = vectors_hash(vectors_get(proof, roots[i]));
        assert_int_equal(ledger_checkpoint_open(member(item, "note"), &vkey, &head, NULL),
                         LUCID_OK);
        assert_true(lucid_span_is(head.origin, "monkeys"));
        assert_int_equal(head.size, vectors_u64(vectors_get(proof, sizes[i])));
        assert_memory_equal(head.root.bytes, root.bytes, MMR_HASH_BYTES);
        assert_int_equal(head.extensions.len, 0);
    }
}

static void test_keys(void **state)
{
    (void)state;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    char text[LEDGER_VKEY_BYTES_MAX];
    struct ledger_skey skey;
    struct ledger_vkey vkey;
    vectors_bytes(vectors_get(file, "log_seed"), seed, sizeof(seed));
    assert_int_equal(ledger_skey_init(member(file, "origin"), seed, &skey, NULL), LUCID_OK);
    size_t len = ledger_vkey_format(&skey.vkey, text);
    assert_true(lucid_span_equal(lucid_span(text, len), member(file, "log_vkey")));
    /* A timestamped cosigner's key (type 0x04): well formed, not known here. */
    assert_int_equal(ledger_vkey_parse(member(file, "witness_vkey"), &vkey, NULL),
                     LUCID_REFUSE_UNKNOWN_KEY);
}

static void check_own(const json_t *item, const struct ledger_skey *skey)
{
    struct lucid_buf buf = {0};
    uint64_t size = vectors_u64(vectors_get(item, "size"));
    struct mmr_hash root = vectors_hash(vectors_get(item, "root"));
    ledger_checkpoint_sign(skey, size, &root, &buf);
    assert_true(lucid_buf_ok(&buf));
    assert_true(lucid_span_equal(lucid_buf_span(&buf), member(item, "checkpoint")));
    lucid_buf_fini(&buf);
    static const char *const forms[] = {"checkpoint", "cosigned"};
    for (size_t i = 0; i < 2; i++) {
        struct ledger_note note;
        struct ledger_checkpoint head;
        struct lucid_span bytes = member(item, forms[i]);
        assert_int_equal(ledger_note_open(bytes, &skey->vkey, 1, &note, NULL), LUCID_OK);
        assert_int_equal(note.signature_count, i + 1);
        assert_int_equal(ledger_checkpoint_open(bytes, &skey->vkey, &head, NULL), LUCID_OK);
        assert_int_equal(head.size, size);
        assert_memory_equal(head.root.bytes, root.bytes, MMR_HASH_BYTES);
    }
}

static void test_own_checkpoints(void **state)
{
    (void)state;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    struct ledger_skey skey;
    const json_t *items = vectors_get(file, "own");
    vectors_bytes(vectors_get(file, "log_seed"), seed, sizeof(seed));
    assert_int_equal(ledger_skey_init(member(file, "origin"), seed, &skey, NULL), LUCID_OK);
    assert_int_equal(json_array_size(items), 5);
    for (size_t i = 0; i < json_array_size(items); i++) {
        check_own(json_array_get(items, i), &skey);
    }
    ledger_skey_wipe(&skey);
}

static void test_malformed(void **state)
{
    (void)state;
    const json_t *items = vectors_get(file, "malformed");
    struct ledger_vkey vkey = read_vkey(member(file, "log_vkey"));
    assert_int_equal(json_array_size(items), 9);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        struct ledger_checkpoint head;
        struct lucid_why why = {0};
        enum lucid_error error = ledger_checkpoint_open(member(item, "note"), &vkey, &head, &why);
        if (lucid_category(error) != LUCID_CATEGORY_REFUSE || why.code == NULL) {
            fail_msg("accepted: %s", json_string_value(vectors_get(item, "why")));
        }
    }
}

static void test_malformed_but_signed(void **state)
{
    (void)state;
    const json_t *items = vectors_get(vectors_get(file, "malformed_but_signed"), "cases");
    struct ledger_vkey vkey = read_vkey(member(file, "log_vkey"));
    assert_int_equal(json_array_size(items), 9);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        struct lucid_span bytes = member(item, "note");
        struct ledger_note note;
        struct ledger_checkpoint head;
        struct lucid_why why = {0};
        assert_int_equal(ledger_note_open(bytes, &vkey, 1, &note, NULL), LUCID_OK);
        if (ledger_checkpoint_open(bytes, &vkey, &head, &why) != LUCID_REFUSE_INVALID) {
            fail_msg("accepted: %s", json_string_value(vectors_get(item, "why")));
        }
        bool other = lucid_span_is(member(item, "why"), "other origin");
        assert_string_equal(why.code, other ? "CHECKPOINT_ORIGIN" : "CHECKPOINT_MALFORMED");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_notes), cmocka_unit_test(test_public_checkpoints),
        cmocka_unit_test(test_keys),         cmocka_unit_test(test_own_checkpoints),
        cmocka_unit_test(test_malformed),    cmocka_unit_test(test_malformed_but_signed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

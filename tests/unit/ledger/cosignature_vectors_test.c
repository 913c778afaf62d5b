/* tests/vectors/merkle/notes.json, as far as witnesses are concerned: cosigner's key, cosigned
 * checkpoints, add-checkpoint bodies. */
#include "ledger/cosignature.h"
#include "ledger/note_internal.h"

#include "tests/unit/mmr/vectors.h"

static json_t *file;
static struct ledger_skey witness;

static struct lucid_span member(const json_t *object, const char *name)
{
    return vectors_text(vectors_get(object, name));
}

static int setup(void **state)
{
    (void)state;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    file = vectors_load("merkle/notes.json");
    vectors_bytes(vectors_get(file, "witness_seed"), seed, sizeof(seed));
    assert_int_equal(ledger_cosigner_skey_init(member(file, "witness_name"), seed, &witness, NULL),
                     LUCID_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ledger_skey_wipe(&witness);
    json_decref(file);
    return 0;
}

static void test_key(void **state)
{
    (void)state;
    char text[LEDGER_SKEY_BYTES_MAX];
    struct ledger_vkey vkey;
    struct ledger_skey again;
    size_t len = ledger_vkey_format(&witness.vkey, text);
    assert_true(lucid_span_equal(lucid_span(text, len), member(file, "witness_vkey")));
    assert_int_equal(note_vkey_parse(LEDGER_KEY_COSIGNER, lucid_span(text, len), &vkey, NULL),
                     LUCID_OK);
    assert_memory_equal(&vkey, &witness.vkey, sizeof(vkey));
    len = ledger_skey_format(&witness, text);
    assert_int_equal(ledger_cosigner_skey_parse(lucid_span(text, len), &again, NULL), LUCID_OK);
    assert_memory_equal(&again, &witness, sizeof(again));
    /* Each type is the other reader's unknown one. */
    assert_int_equal(ledger_skey_parse(lucid_span(text, len), &again, NULL),
                     LUCID_REFUSE_UNKNOWN_KEY);
    assert_int_equal(note_vkey_parse(LEDGER_KEY_COSIGNER, member(file, "log_vkey"), &vkey, NULL),
                     LUCID_REFUSE_UNKNOWN_KEY);
}

/* What we write for a vector's time is the vector's line, byte for byte, and verifies. */
static void check_cosigned(const json_t *item)
{
    struct lucid_span text;
    struct lucid_buf out = {.bytes_max = 0};
    uint64_t time_s = vectors_u64(vectors_get(item, "cosignature_time"));
    struct lucid_span cosigned = member(item, "cosigned");
    lucid_buf_span_put(&out, member(item, "checkpoint"));
    assert_true(ledger_note_text(lucid_buf_span(&out), &text));
    struct lucid_buf line = {.bytes_max = 0};
    assert_int_equal(ledger_cosignature_sign(&witness, time_s, text, &line, NULL), LUCID_OK);
    lucid_buf_span_put(&out, lucid_buf_span(&line));
    assert_true(lucid_span_equal(lucid_buf_span(&out), cosigned));
    uint64_t signed_s = 0;
    struct lucid_span alone = lucid_span(line.data, line.len - 1);
    assert_true(ledger_note_text(cosigned, &text));
    assert_int_equal(ledger_cosignature_verify(alone, text, &witness.vkey, &signed_s, NULL),
                     LUCID_OK);
    assert_int_equal(signed_s, time_s);
    lucid_buf_fini(&line);
    lucid_buf_fini(&out);
}

static void test_cosigned(void **state)
{
    (void)state;
    const json_t *items = vectors_get(file, "own");
    struct ledger_vkey keys[2] = {witness.vkey};
    assert_int_equal(ledger_vkey_parse(member(file, "log_vkey"), &keys[1], NULL), LUCID_OK);
    assert_int_equal(json_array_size(items), 5);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        struct ledger_note note;
        check_cosigned(item);
        /* The general reader takes both types at once. */
        assert_int_equal(ledger_note_open(member(item, "cosigned"), keys, 2, &note, NULL),
                         LUCID_OK);
        assert_int_equal(note.signed_by, 3);
    }
}

static void test_requests(void **state)
{
    (void)state;
    const json_t *items = vectors_get(file, "witness_requests");
    struct ledger_vkey log;
    assert_int_equal(ledger_vkey_parse(member(file, "log_vkey"), &log, NULL), LUCID_OK);
    assert_int_equal(json_array_size(items), 3);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        struct ledger_witness_request request;
        struct ledger_checkpoint head;
        struct lucid_span body = member(item, "body");
        assert_int_equal(ledger_witness_request_parse(body, &request, NULL), LUCID_OK);
        assert_int_equal(request.old_size, vectors_u64(vectors_get(item, "old")));
        assert_int_equal(ledger_checkpoint_open(request.checkpoint, &log, &head, NULL), LUCID_OK);
        assert_int_equal(head.size, vectors_u64(vectors_get(item, "new")));
        struct mmr_hash old_root;
        bool found = request.old_size == 0;
        mmr_bag(NULL, 0, &old_root);
        const json_t *own = vectors_get(file, "own");
        for (size_t j = 0; j < json_array_size(own); j++) {
            const json_t *other = json_array_get(own, j);
            if (vectors_u64(vectors_get(other, "size")) == request.old_size) {
                old_root = vectors_hash(vectors_get(other, "root"));
                found = true;
            }
        }
        assert_true(found);
        assert_true(mmr_verify_consistency(request.old_size, head.size, &old_root, &head.root,
                                           request.proof, request.proof_count));
        struct lucid_buf out = {.bytes_max = 0};
        ledger_witness_request_write(&request, &out);
        assert_true(lucid_span_equal(lucid_buf_span(&out), body));
        lucid_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_cosigned),
        cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

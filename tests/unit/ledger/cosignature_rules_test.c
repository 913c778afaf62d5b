/* Cosignature lines and add-checkpoint bodies: every rule that ledger/cosignature.h states, at its
 * border. */
#include "ledger/cosignature.h"
#include "ledger/note_internal.h"

#include "tests/unit/mmr/vectors.h"

static const char note_text[] = "log.example\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
static struct ledger_skey witness;
static struct ledger_skey log_key;

static int setup(void **state)
{
    (void)state;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    memset(seed, 5, sizeof(seed));
    assert_int_equal(
        ledger_cosigner_skey_init(lucid_span_str("witness.example/w"), seed, &witness, NULL),
        LUCID_OK);
    memset(seed, 6, sizeof(seed));
    assert_int_equal(ledger_skey_init(lucid_span_str("log.example"), seed, &log_key, NULL),
                     LUCID_OK);
    return 0;
}

/* The line with its LF. */
static struct lucid_buf line_make(const struct ledger_skey *key, uint64_t time_s)
{
    struct lucid_buf line = {.bytes_max = 0};
    assert_int_equal(ledger_cosignature_sign(key, time_s, lucid_span_str(note_text), &line, NULL),
                     LUCID_OK);
    return line;
}

static enum lucid_error verify(struct lucid_span line, struct lucid_span text, uint64_t *ret_time_s)
{
    return ledger_cosignature_verify(line, text, &witness.vkey, ret_time_s, NULL);
}

static void test_same_key_other_type(void **state)
{
    (void)state;
    /* The type is part of the id: one key pair in two roles has two ids. */
    struct ledger_vkey as_log;
    assert_int_equal(note_vkey_init(LEDGER_KEY_ED25519, ledger_vkey_name(&witness.vkey),
                                    witness.vkey.public_key, &as_log, NULL),
                     LUCID_OK);
    assert_memory_not_equal(as_log.id, witness.vkey.id, LEDGER_KEY_ID_BYTES);
    char text[LEDGER_VKEY_BYTES_MAX];
    char other[LEDGER_VKEY_BYTES_MAX];
    size_t len = ledger_vkey_format(&as_log, text);
    assert_int_equal(ledger_vkey_format(&witness.vkey, other), len);
    assert_memory_not_equal(text, other, len);
    struct ledger_vkey vkey;
    assert_int_equal(note_vkey_parse(LEDGER_KEY_COSIGNER, lucid_span(text, len), &vkey, NULL),
                     LUCID_REFUSE_UNKNOWN_KEY);
    assert_int_equal(note_vkey_parse(LEDGER_KEY_COSIGNER, lucid_span(other, len - 1), &vkey, NULL),
                     LUCID_REFUSE_INVALID);
    assert_int_equal(
        note_vkey_init(LEDGER_KEY_COSIGNER, lucid_span_str("a b"), as_log.public_key, &vkey, NULL),
        LUCID_REFUSE_INVALID);
    other[sizeof("witness.example/w")] ^= 1; /* the id's first digit */
    struct lucid_why why = {.code = NULL};
    assert_int_equal(note_vkey_parse(LEDGER_KEY_COSIGNER, lucid_span(other, len), &vkey, &why),
                     LUCID_REFUSE_INVALID);
    assert_non_null(why.code);
}

static void test_times(void **state)
{
    (void)state;
    static const uint64_t times[] = {0, 1, 1760000000, LEDGER_COSIGNATURE_TIME_MAX};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct lucid_buf line = line_make(&witness, times[i]);
        uint64_t signed_s = 99;
        assert_true(line.len <= LEDGER_COSIGNATURE_LINE_BYTES_MAX);
        assert_int_equal(
            verify(lucid_span(line.data, line.len - 1), lucid_span_str(note_text), &signed_s),
            LUCID_OK);
        assert_int_equal(signed_s, times[i]);
        lucid_buf_fini(&line);
    }
    struct lucid_buf line = {.bytes_max = 0};
    assert_int_equal(ledger_cosignature_sign(&witness, LEDGER_COSIGNATURE_TIME_MAX + 1,
                                             lucid_span_str(note_text), &line, NULL),
                     LUCID_REFUSE_INVALID);
    assert_int_equal(line.len, 0);
}

/* Every flipped bit of line and text is noticed, and never moves the output. */
static void test_flipped_bits(void **state)
{
    (void)state;
    struct lucid_buf line = line_make(&witness, 1760000000);
    char text[sizeof(note_text)];
    uint64_t signed_s = 7;
    size_t refused = 0;
    memcpy(text, note_text, sizeof(text));
    for (size_t bit = 0; bit < (line.len - 1) * 8; bit++) {
        line.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        enum lucid_error error =
            verify(lucid_span(line.data, line.len - 1), lucid_span_str(note_text), &signed_s);
        assert_int_equal(lucid_category(error), LUCID_CATEGORY_REFUSE);
        line.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        refused++;
    }
    for (size_t bit = 0; bit < (sizeof(text) - 1) * 8; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(verify(lucid_span(line.data, line.len - 1),
                                lucid_span(text, sizeof(text) - 1), &signed_s),
                         LUCID_REFUSE_INVALID);
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        refused++;
    }
    assert_int_equal(refused, (line.len - 1 + sizeof(text) - 1) * 8);
    assert_int_equal(signed_s, 7);
    assert_int_equal(
        verify(lucid_span(line.data, line.len - 1), lucid_span_str(note_text), &signed_s),
        LUCID_OK);
    lucid_buf_fini(&line);
}

static void test_lines_refused(void **state)
{
    (void)state;
    uint64_t signed_s = 0;
    struct lucid_buf line = line_make(&witness, 1760000000);
    for (size_t len = 0; len < line.len - 1; len++) {
        enum lucid_error error =
            verify(lucid_span(line.data, len), lucid_span_str(note_text), &signed_s);
        assert_int_equal(error, LUCID_REFUSE_INVALID);
    }
    /* With its LF, the line is not the line. */
    assert_int_equal(verify(lucid_buf_span(&line), lucid_span_str(note_text), &signed_s),
                     LUCID_REFUSE_INVALID);
    lucid_buf_fini(&line);
    /* A plain signature of the same key pair under the same name is another key's (its id says
     * so); one that claims the id but has the wrong length is refused. */
    struct lucid_buf note = {.bytes_max = 0};
    assert_int_equal(ledger_note_sign(&log_key, lucid_span_str(note_text), &note, NULL), LUCID_OK);
    size_t skip = sizeof(note_text);
    assert_int_equal(verify(lucid_span(note.data + skip, note.len - skip - 1),
                            lucid_span_str(note_text), &signed_s),
                     LUCID_REFUSE_UNKNOWN_KEY);
    lucid_buf_clear(&note);
    uint8_t typed[LEDGER_KEY_ID_BYTES + 64] = {0};
    memcpy(typed, witness.vkey.id, LEDGER_KEY_ID_BYTES);
    lucid_buf_str(&note, "\xe2\x80\x94 witness.example/w ");
    lucid_buf_base64(&note, typed, sizeof(typed));
    struct lucid_why why = {.code = NULL};
    assert_int_equal(ledger_cosignature_verify(lucid_buf_span(&note), lucid_span_str(note_text),
                                               &witness.vkey, &signed_s, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "SIGNATURE_INVALID");
    lucid_buf_fini(&note);
    assert_int_equal(signed_s, 0);
}

/* A time of 2^63 or more, properly signed, is still none. */
static void test_time_too_large(void **state)
{
    (void)state;
    struct lucid_buf message = {.bytes_max = 0};
    uint8_t typed[LEDGER_KEY_ID_BYTES + LEDGER_COSIGNATURE_BYTES];
    uint64_t signed_s = 0;
    lucid_buf_printf(&message, "cosignature/v1\ntime 9223372036854775808\n%s", note_text);
    memcpy(typed, witness.vkey.id, LEDGER_KEY_ID_BYTES);
    lucid_put_be64(typed + LEDGER_KEY_ID_BYTES, LEDGER_COSIGNATURE_TIME_MAX + 1);
    ledger_ed25519_sign(&witness.key, lucid_buf_span(&message), typed + LEDGER_KEY_ID_BYTES + 8);
    lucid_buf_clear(&message);
    lucid_buf_str(&message, "\xe2\x80\x94 witness.example/w ");
    lucid_buf_base64(&message, typed, sizeof(typed));
    assert_int_equal(verify(lucid_buf_span(&message), lucid_span_str(note_text), &signed_s),
                     LUCID_REFUSE_INVALID);
    lucid_buf_fini(&message);
}

static void test_signing_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "no line end", "tab\there\n", "cr\r\n", "\xff\n"};
    struct lucid_buf line = {.bytes_max = 0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ledger_cosignature_sign(&witness, 1, lucid_span_str(bad[i]), &line, NULL),
                         LUCID_REFUSE_INVALID);
    }
    static char large[LEDGER_NOTE_BYTES_MAX + 1];
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\n';
    assert_int_equal(
        ledger_cosignature_sign(&witness, 1, lucid_span(large, sizeof(large)), &line, NULL),
        LUCID_REFUSE_TOO_LARGE);
    assert_int_equal(line.len, 0);
}

/* --- add-checkpoint --------------------------------------------------------------------------- */

#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void test_request_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "\n",
        "old",
        "old 1",
        "old 1\n",
        "old 1\n\n",
        "old 1\n" HASH "\n",
        "old 1\n" HASH "\n\n",
        "old 1\n" HASH,
        "old \n\nx",
        "old  1\n\nx",
        "old 1 \n\nx",
        "old 01\n\nx",
        "old +1\n\nx",
        "old -1\n\nx",
        "old 0x1\n\nx",
        "old 18446744073709551616\n\nx",
        "Old 1\n\nx",
        "old\t1\n\nx",
        "size 1\n\nx",
        "\nold 1\n\nx",
        "old 1\r\n\r\nx",
        "old 1\n" HASH "=\n\nx",
        "old 1\n " HASH "\n\nx",
        "old 1\nAAAA\n\nx",
        "old 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n\nx",
        "old 1\n-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nx",
        "old 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\nx",
    };
    struct ledger_witness_request request = {.old_size = 77};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct lucid_why why = {.code = NULL};
        if (ledger_witness_request_parse(lucid_span_str(bad[i]), &request, &why) !=
                LUCID_REFUSE_INVALID ||
            why.code == NULL) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    assert_int_equal(request.old_size, 77);
}

static void test_request_bounds(void **state)
{
    (void)state;
    struct lucid_buf body = {.bytes_max = 0};
    struct ledger_witness_request request;
    for (size_t count = 0; count <= LEDGER_WITNESS_PROOF_MAX + 1; count++) {
        lucid_buf_clear(&body);
        lucid_buf_str(&body, "old 18446744073709551615\n");
        for (size_t i = 0; i < count; i++) {
            lucid_buf_str(&body, HASH "\n");
        }
        lucid_buf_str(&body, "\nx\n\n");
        enum lucid_error error =
            ledger_witness_request_parse(lucid_buf_span(&body), &request, NULL);
        assert_int_equal(error,
                         count <= LEDGER_WITNESS_PROOF_MAX ? LUCID_OK : LUCID_REFUSE_INVALID);
        if (error == LUCID_OK) {
            assert_int_equal(request.proof_count, count);
            assert_int_equal(request.old_size, UINT64_MAX);
            assert_true(lucid_span_is(request.checkpoint, "x\n\n"));
        }
    }
    lucid_buf_clear(&body);
    lucid_buf_str(&body, "old 0\n\n");
    while (body.len <= LEDGER_WITNESS_REQUEST_BYTES_MAX) {
        lucid_buf_char(&body, 'x');
    }
    assert_int_equal(ledger_witness_request_parse(lucid_buf_span(&body), &request, NULL),
                     LUCID_REFUSE_TOO_LARGE);
    assert_int_equal(
        ledger_witness_request_parse(lucid_span(body.data, body.len - 1), &request, NULL),
        LUCID_OK);
    lucid_buf_fini(&body);
}

static void test_tlog_size(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "\n",    "1",      "01\n",  " 1\n",
                                      "1 \n", "1\n\n", "1\r\n",  "a\n",   "-1\n",
                                      "+1\n", "0x1\n", "1\n2\n", "1.0\n", "18446744073709551616\n"};
    uint64_t size = 5;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(ledger_tlog_size_parse(lucid_span_str(bad[i]), &size));
    }
    assert_int_equal(size, 5);
    assert_true(ledger_tlog_size_parse(lucid_span_str("0\n"), &size));
    assert_int_equal(size, 0);
    assert_true(ledger_tlog_size_parse(lucid_span_str("18446744073709551615\n"), &size));
    assert_int_equal(size, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_key_other_type), cmocka_unit_test(test_times),
        cmocka_unit_test(test_flipped_bits),        cmocka_unit_test(test_lines_refused),
        cmocka_unit_test(test_time_too_large),      cmocka_unit_test(test_signing_refuses),
        cmocka_unit_test(test_request_refused),     cmocka_unit_test(test_request_bounds),
        cmocka_unit_test(test_tlog_size),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

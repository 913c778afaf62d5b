/* Names, keys, notes and checkpoints: every rule that ledger/note.h states, at its border. */
#include "ledger/note.h"

#include "tests/unit/mmr/vectors.h"

static struct ledger_skey log_key;   /* "log.example/a" */
static struct ledger_skey other_key; /* "other.example" */

static void make_key(const char *name, uint8_t fill, struct ledger_skey *ret)
{
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    memset(seed, fill, sizeof(seed));
    assert_int_equal(ledger_skey_init(lucid_span_str(name), seed, ret, NULL), LUCID_OK);
}

static int setup(void **state)
{
    (void)state;
    make_key("log.example/a", 1, &log_key);
    make_key("other.example", 2, &other_key);
    return 0;
}

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a",      "log.example/a", "k\xc3\xb6ln", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x8c\xb3",
        "a-b_c~", "\xe2\x80\x94"};
    static const char *const bad[] = {"",
                                      "a b",
                                      "a+b",
                                      "a\n",
                                      "a\tb",
                                      "\x01",
                                      "a\xc2\xa0",
                                      "a\xc2\x85",
                                      "\xe1\x9a\x80",
                                      "\xe2\x80\x80",
                                      "\xe2\x80\x8a",
                                      "\xe2\x80\xa8",
                                      "\xe2\x80\xa9",
                                      "\xe2\x80\xaf",
                                      "\xe2\x81\x9f",
                                      "\xe3\x80\x80",
                                      "\xff",
                                      "\xc3",
                                      "\xc0\xaf",
                                      "\xe0\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\x80",
                                      "\xe2\x28\xa1",
                                      "\xf0\x80\x80\x80"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(ledger_name_ok(lucid_span_str(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(ledger_name_ok(lucid_span_str(bad[i])));
    }
    char name[LEDGER_NAME_BYTES_MAX + 1];
    memset(name, 'x', sizeof(name));
    assert_true(ledger_name_ok(lucid_span(name, LEDGER_NAME_BYTES_MAX)));
    assert_false(ledger_name_ok(lucid_span(name, LEDGER_NAME_BYTES_MAX + 1)));
    assert_false(ledger_name_ok(lucid_span("a\0b", 3)));
}

static void test_key_text(void **state)
{
    (void)state;
    char name[LEDGER_NAME_BYTES_MAX];
    char text[LEDGER_SKEY_BYTES_MAX];
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    memset(name, 'n', sizeof(name));
    memset(seed, 9, sizeof(seed));
    struct ledger_skey skey;
    struct ledger_skey again;
    struct ledger_vkey vkey;
    assert_int_equal(ledger_skey_init(lucid_span(name, sizeof(name)), seed, &skey, NULL), LUCID_OK);
    size_t len = ledger_skey_format(&skey, text);
    assert_int_equal(len, LEDGER_SKEY_BYTES_MAX);
    assert_int_equal(ledger_skey_parse(lucid_span(text, len), &again, NULL), LUCID_OK);
    assert_memory_equal(&again, &skey, sizeof(skey));
    len = ledger_vkey_format(&skey.vkey, text);
    assert_int_equal(len, LEDGER_VKEY_BYTES_MAX);
    assert_int_equal(ledger_vkey_parse(lucid_span(text, len), &vkey, NULL), LUCID_OK);
    assert_memory_equal(&vkey, &skey.vkey, sizeof(vkey));
    static const struct ledger_skey zero;
    ledger_skey_wipe(&skey);
    assert_memory_equal(&skey, &zero, sizeof(zero));
}

/* Every single-character change of a key's text is refused: its id is a hash of the rest. */
static void test_key_text_changed(void **state)
{
    (void)state;
    char text[LEDGER_SKEY_BYTES_MAX + 1];
    struct ledger_vkey vkey;
    struct ledger_skey skey;
    size_t len = ledger_vkey_format(&log_key.vkey, text);
    for (size_t i = 0; i < len; i++) {
        char before = text[i];
        text[i] = before == 'B' ? 'C' : 'B';
        enum lucid_error error = ledger_vkey_parse(lucid_span(text, len), &vkey, NULL);
        assert_int_equal(lucid_category(error), LUCID_CATEGORY_REFUSE);
        text[i] = before;
    }
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(ledger_vkey_parse(lucid_span(text, cut), &vkey, NULL),
                         LUCID_REFUSE_INVALID);
    }
    text[len] = '\n';
    assert_int_equal(ledger_vkey_parse(lucid_span(text, len + 1), &vkey, NULL),
                     LUCID_REFUSE_INVALID);
    len = ledger_skey_format(&log_key, text);
    for (size_t i = 0; i < len; i++) {
        char before = text[i];
        text[i] = before == 'B' ? 'C' : 'B';
        enum lucid_error error = ledger_skey_parse(lucid_span(text, len), &skey, NULL);
        assert_int_equal(lucid_category(error), LUCID_CATEGORY_REFUSE);
        text[i] = before;
    }
}

static void test_key_text_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum lucid_error error;
    } cases[] = {
        {"", LUCID_REFUSE_INVALID},
        {"++", LUCID_REFUSE_INVALID},
        {"name", LUCID_REFUSE_INVALID},
        {"name+00000000+", LUCID_REFUSE_INVALID},
        {"name+00000000+AQ==", LUCID_REFUSE_INVALID},
        {"name+0000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", LUCID_REFUSE_INVALID},
        /* the published key with its id in upper case */
        {"example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
         LUCID_REFUSE_INVALID},
        {"example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
         LUCID_REFUSE_INVALID},
        {"example.com/foo+530d903a+BekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
         LUCID_REFUSE_UNKNOWN_KEY},
        {"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2kAAAA",
         LUCID_REFUSE_INVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ledger_vkey vkey;
        assert_int_equal(ledger_vkey_parse(lucid_span_str(cases[i].text), &vkey, NULL),
                         cases[i].error);
        struct ledger_skey skey;
        assert_int_equal(ledger_skey_parse(lucid_span_str(cases[i].text), &skey, NULL),
                         LUCID_REFUSE_INVALID);
    }
}

static void sign(const struct ledger_skey *key, const char *text, struct lucid_buf *buf)
{
    assert_int_equal(ledger_note_sign(key, lucid_span_str(text), buf, NULL), LUCID_OK);
    assert_true(lucid_buf_ok(buf));
}

static enum lucid_error open_note(const struct lucid_buf *buf, struct ledger_note *note)
{
    return ledger_note_open(lucid_buf_span(buf), &log_key.vkey, 1, note, NULL);
}

/* Appends the signature line that `key` makes for text. */
static void add_line(const struct ledger_skey *key, const char *text, struct lucid_buf *buf)
{
    struct lucid_buf other = {0};
    sign(key, text, &other);
    size_t skip = strlen(text) + 1;
    lucid_buf_put(buf, other.data + skip, other.len - skip);
    lucid_buf_fini(&other);
}

static void test_note_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {"one line\n",
                                        "\n",
                                        "\n\n\n",
                                        "a\n\nb\n",
                                        "\xe2\x80\x94 looks like a signature AAAAAAAA\n",
                                        "empty line at the end\n\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct lucid_buf buf = {0};
        struct ledger_note note;
        sign(&log_key, texts[i], &buf);
        assert_int_equal(open_note(&buf, &note), LUCID_OK);
        assert_true(lucid_span_is(note.text, texts[i]));
        assert_ptr_equal(note.text.data, buf.data);
        assert_int_equal(note.signed_by, 1);
        lucid_buf_fini(&buf);
    }
}

static void test_note_text_refused(void **state)
{
    (void)state;
    struct lucid_buf buf = {0};
    static const char *const bad[] = {"",       "no line end", "a\r\n",         "a\tb\n",
                                      "\x1f\n", "\xff\n",      "\xed\xa0\x80\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ledger_note_sign(&log_key, lucid_span_str(bad[i]), &buf, NULL),
                         LUCID_REFUSE_INVALID);
        assert_int_equal(buf.len, 0);
    }
    assert_int_equal(ledger_note_sign(&log_key, lucid_span("a\0\n", 3), &buf, NULL),
                     LUCID_REFUSE_INVALID);
}

static void test_several_keys(void **state)
{
    (void)state;
    const char *text = "text\n";
    struct ledger_vkey keys[3] = {other_key.vkey, log_key.vkey, other_key.vkey};
    struct lucid_buf buf = {0};
    struct ledger_note note;
    sign(&log_key, text, &buf);
    assert_int_equal(ledger_note_open(lucid_buf_span(&buf), keys, 3, &note, NULL), LUCID_OK);
    assert_int_equal(note.signed_by, 2);
    assert_int_equal(ledger_note_open(lucid_buf_span(&buf), keys, 1, &note, NULL),
                     LUCID_REFUSE_UNKNOWN_KEY);
    assert_int_equal(ledger_note_open(lucid_buf_span(&buf), NULL, 0, &note, NULL),
                     LUCID_REFUSE_UNKNOWN_KEY);
    add_line(&other_key, text, &buf);
    assert_int_equal(ledger_note_open(lucid_buf_span(&buf), keys, 3, &note, NULL), LUCID_OK);
    assert_int_equal(note.signed_by, 7);
    assert_int_equal(note.signature_count, 2);
    /* Now a line by a known key that signs something else: nothing of the note counts. */
    add_line(&other_key, "other text\n", &buf);
    assert_int_equal(ledger_note_open(lucid_buf_span(&buf), keys, 3, &note, NULL),
                     LUCID_REFUSE_INVALID);
    assert_int_equal(open_note(&buf, &note), LUCID_OK);
    assert_int_equal(note.signature_count, 3);
    lucid_buf_fini(&buf);
}

/* Same name, same key id, another key: what it signed must fail, not be skipped. */
static void test_wrong_key_same_id(void **state)
{
    (void)state;
    struct ledger_skey forged = other_key;
    forged.vkey = log_key.vkey;
    struct lucid_buf buf = {0};
    struct ledger_note note;
    struct lucid_why why = {0};
    sign(&forged, "text\n", &buf);
    assert_int_equal(ledger_note_open(lucid_buf_span(&buf), &log_key.vkey, 1, &note, &why),
                     LUCID_REFUSE_INVALID);
    assert_string_equal(why.code, "SIGNATURE_INVALID");
    lucid_buf_fini(&buf);
}

/* A signature line by a stranger whose signature has so many bytes. */
static void add_stranger(struct lucid_buf *buf, size_t len)
{
    uint8_t *bytes = calloc(1, len);
    assert_non_null(bytes);
    lucid_buf_str(buf, "\xe2\x80\x94 stranger ");
    lucid_buf_base64(buf, bytes, len);
    lucid_buf_char(buf, '\n');
    free(bytes);
}

static void test_stranger_sizes(void **state)
{
    (void)state;
    static const size_t good[] = {5, 6, 7, 68, 76, 766, 767, 768, 769, 770, 771, 2432, 40000};
    struct ledger_note note;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct lucid_buf buf = {0};
        sign(&log_key, "text\n", &buf);
        add_stranger(&buf, good[i]);
        assert_int_equal(open_note(&buf, &note), LUCID_OK);
        assert_int_equal(note.signature_count, 2);
        lucid_buf_fini(&buf);
    }
    for (size_t len = 0; len < 5; len++) {
        struct lucid_buf buf = {0};
        sign(&log_key, "text\n", &buf);
        add_stranger(&buf, len);
        assert_int_equal(open_note(&buf, &note), LUCID_REFUSE_INVALID);
        lucid_buf_fini(&buf);
    }
}

/* Base64 that ends in the middle and goes on, wherever the reader may cut it. */
static void test_stranger_padding(void **state)
{
    (void)state;
    struct ledger_note note;
    for (size_t len = 5; len < 1600; len++) {
        if (len % 3 == 0) {
            continue; /* no padding */
        }
        struct lucid_buf buf = {0};
        sign(&log_key, "text\n", &buf);
        add_stranger(&buf, len);
        assert_int_equal(open_note(&buf, &note), LUCID_OK);
        buf.len--; /* the line feed */
        lucid_buf_str(&buf, "AAAA\n");
        assert_int_equal(open_note(&buf, &note), LUCID_REFUSE_INVALID);
        lucid_buf_fini(&buf);
    }
}

static void test_signature_count(void **state)
{
    (void)state;
    struct lucid_buf buf = {0};
    struct ledger_note note;
    sign(&log_key, "text\n", &buf);
    for (size_t i = 1; i < LEDGER_NOTE_SIGNATURES_MAX; i++) {
        add_stranger(&buf, 68);
    }
    assert_int_equal(open_note(&buf, &note), LUCID_OK);
    assert_int_equal(note.signature_count, LEDGER_NOTE_SIGNATURES_MAX);
    add_stranger(&buf, 68);
    assert_int_equal(open_note(&buf, &note), LUCID_REFUSE_TOO_LARGE);
    lucid_buf_fini(&buf);
}

static void test_note_size(void **state)
{
    (void)state;
    struct lucid_buf buf = {0};
    struct lucid_buf longest = {0};
    struct ledger_note note;
    sign(&log_key, "\n", &buf);
    size_t len = LEDGER_NOTE_BYTES_MAX - buf.len + 1;
    for (size_t i = 1; i < len; i++) {
        lucid_buf_char(&longest, 'x');
    }
    lucid_buf_char(&longest, '\n');
    lucid_buf_clear(&buf);
    assert_int_equal(ledger_note_sign(&log_key, lucid_buf_span(&longest), &buf, NULL), LUCID_OK);
    assert_int_equal(buf.len, LEDGER_NOTE_BYTES_MAX);
    assert_int_equal(open_note(&buf, &note), LUCID_OK);
    lucid_buf_char(&buf, '\n');
    assert_int_equal(open_note(&buf, &note), LUCID_REFUSE_TOO_LARGE);
    lucid_buf_clear(&buf);
    lucid_buf_char(&longest, '\n');
    assert_int_equal(ledger_note_sign(&log_key, lucid_buf_span(&longest), &buf, NULL),
                     LUCID_REFUSE_TOO_LARGE);
    lucid_buf_fini(&buf);
    lucid_buf_fini(&longest);
}

/* Every single bit and every cut of a note counts. */
static void test_note_changed(void **state)
{
    (void)state;
    struct lucid_buf buf = {0};
    struct ledger_note note;
    sign(&log_key, "log.example/a\n7\nrest\n", &buf);
    for (size_t i = 0; i < 8 * buf.len; i++) {
        buf.data[i / 8] ^= (uint8_t)(1U << i % 8);
        enum lucid_error error = open_note(&buf, &note);
        assert_int_equal(lucid_category(error), LUCID_CATEGORY_REFUSE);
        buf.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    for (size_t cut = 0; cut < buf.len; cut++) {
        enum lucid_error error =
            ledger_note_open(lucid_span(buf.data, cut), &log_key.vkey, 1, &note, NULL);
        assert_int_equal(error, LUCID_REFUSE_INVALID);
    }
    lucid_buf_fini(&buf);
}

static enum lucid_error parse(const char *text, struct ledger_checkpoint *checkpoint)
{
    return ledger_checkpoint_parse(lucid_span_str(text), checkpoint, NULL);
}

#define ROOT "py2XUpd3dILPDww5LIgf5GqXOhg+lzSnpAmzQh1VX2o="

static void test_checkpoint_parse(void **state)
{
    (void)state;
    struct ledger_checkpoint checkpoint;
    assert_int_equal(parse("o\n18446744073709551615\n" ROOT "\n", &checkpoint), LUCID_OK);
    assert_int_equal(checkpoint.size, UINT64_MAX);
    assert_int_equal(checkpoint.extensions.len, 0);
    assert_int_equal(parse("o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", &checkpoint),
                     LUCID_OK);
    assert_int_equal(parse("o\n1\n" ROOT "\none\n two \n", &checkpoint), LUCID_OK);
    assert_true(lucid_span_is(checkpoint.extensions, "one\n two \n"));
    static const char *const bad[] = {
        "",
        "\n",
        "o",
        "o\n",
        "o\n1",
        "o\n1\n",
        "o\n1\n" ROOT,
        "\n1\n" ROOT "\n",
        "o o\n1\n" ROOT "\n",
        "o+\n1\n" ROOT "\n",
        "o\n\n" ROOT "\n",
        "o\n00\n" ROOT "\n",
        "o\n01\n" ROOT "\n",
        "o\n+1\n" ROOT "\n",
        "o\n-1\n" ROOT "\n",
        "o\n1 \n" ROOT "\n",
        "o\n 1\n" ROOT "\n",
        "o\n1a\n" ROOT "\n",
        "o\n0x1\n" ROOT "\n",
        "o\n18446744073709551616\n" ROOT "\n",
        "o\n99999999999999999999\n" ROOT "\n",
        "o\n100000000000000000000\n" ROOT "\n",
        "o\n0\n" ROOT "\n",
        "o\n1\npy2XUpd3dILPDww5LIgf5GqXOhg+lzSnpAmzQh1VX2p=\n",
        "o\n1\npy2XUpd3dILPDww5LIgf5GqXOhg+lzSnpAmzQh1VX2oA\n",
        "o\n1\npy2XUpd3dILPDww5LIgf5GqXOhg+lzSnpAmzQh1VXw==\n",
        "o\n1\n " ROOT "\n",
        "o\n1\n" ROOT "\n\n",
        "o\n1\n" ROOT "\none\n\n",
        "o\n1\n" ROOT "\n\none\n",
        "o\n1\n" ROOT "\none",
        "o\n1\n" ROOT "\none\r\n",
        "o\n1\n" ROOT "\n\xff\n",
        "o\r\n1\n" ROOT "\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(bad[i], &checkpoint) != LUCID_REFUSE_INVALID) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
}

static void test_checkpoint_sign(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 9, 10, 12345678901234567890U, UINT64_MAX};
    struct mmr_hash root;
    memset(root.bytes, 0xfb, sizeof(root.bytes));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct lucid_buf buf = {0};
        struct ledger_checkpoint checkpoint;
        ledger_checkpoint_sign(&log_key, sizes[i], &root, &buf);
        assert_int_equal(
            ledger_checkpoint_open(lucid_buf_span(&buf), &log_key.vkey, &checkpoint, NULL),
            LUCID_OK);
        assert_int_equal(checkpoint.size, sizes[i]);
        assert_memory_equal(checkpoint.root.bytes, root.bytes, sizeof(root.bytes));
        assert_int_equal(
            ledger_checkpoint_open(lucid_buf_span(&buf), &other_key.vkey, &checkpoint, NULL),
            LUCID_REFUSE_UNKNOWN_KEY);
        lucid_buf_fini(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_key_text),
        cmocka_unit_test(test_key_text_changed),
        cmocka_unit_test(test_key_text_refused),
        cmocka_unit_test(test_note_round_trip),
        cmocka_unit_test(test_note_text_refused),
        cmocka_unit_test(test_several_keys),
        cmocka_unit_test(test_wrong_key_same_id),
        cmocka_unit_test(test_stranger_sizes),
        cmocka_unit_test(test_stranger_padding),
        cmocka_unit_test(test_signature_count),
        cmocka_unit_test(test_note_size),
        cmocka_unit_test(test_note_changed),
        cmocka_unit_test(test_checkpoint_parse),
        cmocka_unit_test(test_checkpoint_sign),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

/* Notes, keys and checkpoints from outside bytes. What is accepted must mean the same again when it
 * is written and read once more. */
#include <stdlib.h>

#include "base/assert.h"
#include "ledger/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_keys(struct lucid_span text)
{
    struct ledger_vkey vkey;
    struct ledger_skey skey;
    char out[LEDGER_SKEY_BYTES_MAX];
    if (ledger_vkey_parse(text, &vkey, NULL) == LUCID_OK) {
        size_t len = ledger_vkey_format(&vkey, out);
        lucid_assert(lucid_span_equal(lucid_span(out, len), text));
    }
    if (ledger_skey_parse(text, &skey, NULL) == LUCID_OK) {
        size_t len = ledger_skey_format(&skey, out);
        lucid_assert(lucid_span_equal(lucid_span(out, len), text));
    }
}

static void fuzz_open(struct lucid_span bytes, const struct ledger_vkey *keys, size_t count)
{
    struct ledger_note note;
    struct ledger_checkpoint head;
    struct lucid_why why = {.code = NULL};
    if (ledger_note_open(bytes, keys, count, &note, &why) == LUCID_OK) {
        lucid_assert(note.signed_by != 0 && note.signature_count > 0);
        lucid_assert(note.text.len + 1 + note.signatures.len == bytes.len);
    } else {
        lucid_assert(why.code != NULL && why.offset <= bytes.len);
    }
    if (ledger_checkpoint_open(bytes, &keys[0], &head, NULL) == LUCID_OK) {
        lucid_assert(lucid_span_equal(head.origin, ledger_vkey_name(&keys[0])));
    }
}

/* Signs the input as a text, so that what lies behind the signature check is reached as well. */
static void fuzz_signed(struct lucid_span text, const struct ledger_skey *skey)
{
    struct lucid_buf buf = {.bytes_max = 0};
    struct ledger_note note;
    struct ledger_checkpoint head;
    struct ledger_checkpoint again;
    if (ledger_note_sign(skey, text, &buf, NULL) == LUCID_OK) {
        lucid_assert(ledger_note_open(lucid_buf_span(&buf), &skey->vkey, 1, &note, NULL) ==
                     LUCID_OK);
        lucid_assert(lucid_span_equal(note.text, text));
    }
    lucid_buf_clear(&buf);
    if (ledger_checkpoint_parse(text, &head, NULL) == LUCID_OK && head.extensions.len == 0) {
        ledger_checkpoint_sign(skey, head.size, &head.root, &buf);
        lucid_assert(ledger_checkpoint_open(lucid_buf_span(&buf), &skey->vkey, &again, NULL) ==
                     LUCID_OK);
        lucid_assert(again.size == head.size);
    }
    lucid_buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The published C2SP example key and a witness test key: the seeds hold their notes. */
    static const char *const texts[] = {
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "monkeys+db4d9f7e+AULaJMvTtDLHPUcUrjdDad9vDlh/PTfC2VV60JUtCfWT",
    };
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    struct ledger_vkey keys[2];
    struct ledger_skey skey;
    struct lucid_span input = lucid_span(data, size);
    for (size_t i = 0; i < 2; i++) {
        lucid_assert(ledger_vkey_parse(lucid_span_str(texts[i]), &keys[i], NULL) == LUCID_OK);
    }
    lucid_assert(ledger_skey_init(lucid_span_str("fuzz"), seed, &skey, NULL) == LUCID_OK);
    fuzz_keys(input);
    fuzz_open(input, keys, 2);
    fuzz_open(input, &keys[1], 1);
    fuzz_signed(input, &skey);
    return 0;
}

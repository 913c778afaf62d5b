/* Cosignature lines, cosigners' keys, add-checkpoint bodies and sizes from outside bytes. What is
 * accepted must be written again as the same bytes. */
#include "base/assert.h"
#include "ledger/cosignature.h"
#include "ledger/note_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_keys(struct lucid_span text)
{
    struct ledger_vkey vkey;
    struct ledger_skey skey;
    char out[LEDGER_SKEY_BYTES_MAX];
    if (note_vkey_parse(LEDGER_KEY_COSIGNER, text, &vkey, NULL) == LUCID_OK) {
        size_t len = ledger_vkey_format(&vkey, out);
        lucid_assert(lucid_span_equal(lucid_span(out, len), text));
        lucid_assert(ledger_vkey_parse(text, &vkey, NULL) == LUCID_REFUSE_UNKNOWN_KEY);
    }
    if (ledger_cosigner_skey_parse(text, &skey, NULL) == LUCID_OK) {
        size_t len = ledger_skey_format(&skey, out);
        lucid_assert(lucid_span_equal(lucid_span(out, len), text));
    }
}

static void fuzz_request(struct lucid_span body)
{
    struct ledger_witness_request request;
    struct lucid_why why = {.code = NULL};
    if (ledger_witness_request_parse(body, &request, &why) != LUCID_OK) {
        lucid_assert(why.code != NULL);
        return;
    }
    struct lucid_buf out = {.bytes_max = 0};
    ledger_witness_request_write(&request, &out);
    lucid_assert(!lucid_buf_ok(&out) || lucid_span_equal(lucid_buf_span(&out), body));
    lucid_buf_fini(&out);
}

/* Reads the input as an answer's lines over a fixed text, and signs the input as a text. */
static void fuzz_lines(struct lucid_span input, const struct ledger_skey *witness)
{
    static const char text[] = "log.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    struct lucid_span rest = input;
    struct lucid_span line;
    uint64_t time_s = 0;
    while (ledger_note_line_next(&rest, &line)) {
        struct lucid_why why = {.code = NULL};
        enum lucid_error error =
            ledger_cosignature_verify(line, lucid_span_str(text), &witness->vkey, &time_s, &why);
        lucid_assert(error == LUCID_OK ? time_s <= LEDGER_COSIGNATURE_TIME_MAX : why.code != NULL);
    }
    struct lucid_buf out = {.bytes_max = 0};
    if (ledger_cosignature_sign(witness, 1760000000, input, &out, NULL) == LUCID_OK) {
        lucid_assert(ledger_cosignature_verify(lucid_span(out.data, out.len - 1), input,
                                               &witness->vkey, &time_s, NULL) == LUCID_OK);
        lucid_assert(time_s == 1760000000);
    }
    lucid_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    struct ledger_skey witness;
    struct lucid_span input = lucid_span(data, size);
    uint64_t tree_size;
    lucid_assert(ledger_cosigner_skey_init(lucid_span_str("fuzz"), seed, &witness, NULL) ==
                 LUCID_OK);
    fuzz_keys(input);
    fuzz_request(input);
    fuzz_lines(input, &witness);
    if (ledger_tlog_size_parse(input, &tree_size)) {
        lucid_assert(size <= LEDGER_TLOG_SIZE_BYTES_MAX);
    }
    return 0;
}

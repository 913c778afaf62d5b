/* Transactions of Solana, and base58. The first byte says which: 0, the bytes of a transaction; 1,
 * a message, which is signed here by the payer of the seeds (else no mutation would get past the
 * signature); 2, a text of base58. What reads is what was signed, whatever the other signatures. */
#include "base/assert.h"
#include "ledger/ed25519.h"
#include "x402/solana.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ledger_ed25519_key payer;

static bool parse(struct lucid_span bytes, struct x402_solana_payment *ret)
{
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_why why = {.code = NULL};
    lucid_buf_base64(&text, bytes.data, bytes.len);
    lucid_assert(lucid_buf_ok(&text));
    enum lucid_error error = x402_solana_parse(lucid_buf_span(&text), ret, &why);
    lucid_assert(error == LUCID_OK || (error == LUCID_REFUSE_INVALID && why.text[0] != '\0'));
    lucid_buf_fini(&text);
    return error == LUCID_OK;
}

/* How many signatures the message wants. */
static size_t signatures_of(struct lucid_span message)
{
    size_t at = message.len > 1 && (message.data[0] & 0x80) != 0 ? 1 : 0;
    return message.len > at ? message.data[at] % 0x80 : 0;
}

static void message(struct lucid_span bytes)
{
    struct lucid_buf transaction = {.bytes_max = 0};
    uint8_t signature[X402_SOLANA_SIGNATURE_BYTES];
    struct x402_solana_payment payment;
    struct x402_solana_payment again;
    size_t count = signatures_of(bytes);
    ledger_ed25519_sign(&payer, bytes, signature);
    lucid_buf_char(&transaction, (char)count);
    for (size_t i = 0; i < count; i++) {
        lucid_buf_put(&transaction, signature, sizeof(signature));
    }
    lucid_buf_span_put(&transaction, bytes);
    lucid_assert(lucid_buf_ok(&transaction));
    if (parse(lucid_buf_span(&transaction), &payment)) {
        uint8_t digest[LUCID_SHA256_BYTES];
        lucid_sha256(bytes, digest);
        lucid_assert(memcmp(payment.message, digest, sizeof(digest)) == 0);
        lucid_assert(memcmp(payment.payer, payer.public_key, sizeof(payment.payer)) == 0);
        lucid_assert(memcmp(payment.payer, payment.fee_payer, sizeof(payment.payer)) != 0);
        transaction.data[1] ^= 1; /* the fee payer's signature */
        lucid_assert(parse(lucid_buf_span(&transaction), &again));
        lucid_assert(memcmp(&payment, &again, sizeof(again)) == 0);
        transaction.data[transaction.len - 1] ^= 1;
        lucid_assert(!parse(lucid_buf_span(&transaction), &again));
    }
    lucid_buf_fini(&transaction);
}

static void base58(struct lucid_span text)
{
    uint8_t bytes[X402_SOLANA_SIGNATURE_BYTES];
    for (size_t len = X402_SOLANA_KEY_BYTES; len <= sizeof(bytes); len *= 2) {
        struct lucid_buf out = {.bytes_max = 0};
        if (x402_base58_parse(text, bytes, len)) {
            x402_base58_write(&out, bytes, len);
            lucid_assert(lucid_span_equal(lucid_buf_span(&out), text));
        }
        lucid_buf_fini(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) {
        struct evm_hash seed = evm_keccak256(lucid_span_str("lucid-ledger test key: solana payer"));
        ledger_ed25519_key_init(seed.bytes, &payer);
        ready = true;
    }
    if (size == 0) {
        return 0;
    }
    struct lucid_span rest = lucid_span(data + 1, size - 1);
    struct x402_solana_payment payment;
    switch (data[0] % 3) {
    case 0:
        (void)parse(rest, &payment);
        break;
    case 1:
        message(rest);
        break;
    default:
        base58(rest);
        break;
    }
    return 0;
}

/* Payment headers. The first byte says which, and whether the rest is the header's value or the
 * JSON that it holds (else base64 would hide the JSON from mutation). What reads has all that is
 * matched later, reads the same from its canonical JSON, and fits only an offer that it pays. */
#include "base/assert.h"
#include "base/sha256.h"
#include "x402/offer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS ((uint64_t)1795290259 * 1000)

static struct x402_network network;
static struct x402_keys *keys;
static struct x402_offer offer;

static void setup(void)
{
    static const char file[] =
        "00000002 2222222222222222222222222222222222222222222222222222222222222222 2\n";
    lucid_assert(evm_sign_open() == LUCID_OK);
    lucid_assert(x402_network_known(lucid_span_str("base-sepolia"), &network));
    lucid_assert(x402_keys_parse(lucid_span_str(file), &keys, NULL) == LUCID_OK);
    offer = (struct x402_offer){
        .terms = {.origin = lucid_span_str("lucid.example/log"),
                  .asset = lucid_span_str("proof"),
                  .network = &network,
                  .amount = 10000,
                  .price_version = 3,
                  .method = lucid_span_str("GET"),
                  .resource = lucid_span_str("http://127.0.0.1:18604/paid"),
                  .path = lucid_span_str("/paid")},
        .timeout_seconds = 60,
        .authorizations = true,
    };
    lucid_assert(evm_address_parse(lucid_span_str("0x3F9ecEd401A3FdB2214ffBfDf002569e85E56d82"),
                                   &offer.terms.pay_to));
    lucid_sha256(lucid_span(NULL, 0), offer.terms.body_sha256);
}

static enum lucid_error parse(enum x402_form form, struct lucid_span value,
                              struct lucid_arena *arena, struct x402_proof *ret)
{
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = x402_proof_parse(form, value, arena, ret, &why);
    lucid_assert(error == LUCID_OK || error == LUCID_REFUSE_INVALID ||
                 error == LUCID_REFUSE_TOO_LARGE);
    if (error != LUCID_OK) {
        lucid_assert(strcmp(why.code, "PAYMENT_MALFORMED") == 0 && why.text[0] != '\0' &&
                     strcmp(why.param, x402_form_header(form)) == 0);
    }
    return error;
}

static bool same(const struct x402_proof *a, const struct x402_proof *b)
{
    return a->form == b->form && lucid_span_equal(a->network, b->network) &&
           lucid_span_equal(a->scheme, b->scheme) &&
           memcmp(&a->authorization, &b->authorization, sizeof(a->authorization)) == 0 &&
           memcmp(&a->signature, &b->signature, sizeof(a->signature)) == 0 &&
           a->has_signature == b->has_signature && a->smart_wallet == b->smart_wallet &&
           a->is_solana == b->is_solana && memcmp(&a->solana, &b->solana, sizeof(a->solana)) == 0 &&
           lucid_span_equal(a->identifier, b->identifier) &&
           lucid_span_equal(a->resource_url, b->resource_url) &&
           memcmp(&a->transaction, &b->transaction, sizeof(a->transaction)) == 0 &&
           a->has_log_index == b->has_log_index && a->log_index == b->log_index &&
           strcmp(a->challenge.text, b->challenge.text) == 0;
}

/* The header with its JSON in canonical form. */
static void canonical(struct lucid_span value, struct lucid_buf *ret)
{
    static const struct jcs_limits limits = {.depth_max = 64, .values_max = 20000};
    struct lucid_arena arena;
    struct lucid_buf json = {.bytes_max = 0};
    const struct jcs_value *root;
    size_t len;
    lucid_arena_init(&arena, 4 << 20);
    uint8_t *text = lucid_arena_alloc(&arena, value.len);
    lucid_assert(text != NULL && lucid_base64_decode(value, text, value.len, &len));
    lucid_assert(jcs_parse(lucid_span(text, len), &limits, &arena, &root, NULL) == LUCID_OK);
    jcs_write(root, &json);
    lucid_buf_base64(ret, json.data, json.len);
    lucid_assert(lucid_buf_ok(&json) && lucid_buf_ok(ret));
    lucid_buf_fini(&json);
    lucid_arena_fini(&arena);
}

static void match(const struct x402_proof *proof)
{
    struct x402_match result;
    if (proof->form == X402_FORM_PROOF) {
        x402_proof_match(keys, &offer, proof, &result);
        /* No input holds a MAC of ours but one made from the seeds. */
        lucid_assert(result.verdict != X402_FITS ||
                     x402_challenge_check(keys, &proof->challenge, &offer.terms) == LUCID_OK);
    } else {
        uint64_t value;
        x402_authorization_match(&offer, proof, NOW_MS, &result);
        if (result.verdict == X402_FITS) {
            lucid_assert(memcmp(&proof->authorization.to, &offer.terms.pay_to,
                                sizeof(offer.terms.pay_to)) == 0);
            lucid_assert(evm_u256_u64(&proof->authorization.value, &value) &&
                         value == result.amount && value >= offer.terms.amount);
            lucid_assert(!proof->smart_wallet && proof->has_signature);
        }
    }
    lucid_assert((result.verdict == X402_FITS) == (result.reason == NULL));
}

/* What others would be sent is canonical, and holds the payment as it was shown. */
static void forward(const struct x402_proof *proof)
{
    static const struct jcs_limits limits = {.depth_max = 64, .values_max = 20000};
    struct lucid_arena arena;
    struct lucid_buf text = {.bytes_max = 0};
    struct lucid_buf again = {.bytes_max = 0};
    struct x402_proof second;
    const struct jcs_value *root;
    if (proof->form == X402_FORM_PROOF) {
        return;
    }
    x402_forward_write(&offer, proof, &text);
    lucid_arena_init(&arena, 4 << 20);
    lucid_assert(lucid_buf_ok(&text) &&
                 jcs_parse(lucid_buf_span(&text), &limits, &arena, &root, NULL) == LUCID_OK);
    jcs_write(root, &again);
    lucid_assert(lucid_span_equal(lucid_buf_span(&text), lucid_buf_span(&again)));
    lucid_assert(x402_proof_parse_document(proof->form, jcs_member(root, "paymentPayload"), &second,
                                           NULL) == LUCID_OK);
    lucid_assert(same(proof, &second));
    lucid_buf_fini(&text);
    lucid_buf_fini(&again);
    lucid_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct lucid_buf header = {.bytes_max = 0};
    struct lucid_buf again = {.bytes_max = 0};
    struct x402_proof proof;
    if (keys == NULL) {
        setup();
    }
    if (size == 0) {
        return 0;
    }
    enum x402_form form = (enum x402_form)(data[0] % 3);
    if ((data[0] & 0x80) != 0) {
        lucid_buf_put(&header, data + 1, size - 1);
    } else {
        lucid_buf_base64(&header, data + 1, size - 1);
    }
    lucid_assert(lucid_buf_ok(&header));
    lucid_arena_init(&arena, X402_PROOF_ARENA_BYTES);
    if (parse(form, lucid_buf_span(&header), &arena, &proof) == LUCID_OK) {
        struct x402_proof second;
        bool payment = proof.form != X402_FORM_PROOF;
        lucid_assert(proof.form == form && proof.network.data != NULL);
        lucid_assert(!payment || ((proof.has_signature != proof.is_solana) &&
                                  proof.scheme.data != NULL && proof.document != NULL));
        lucid_assert((form == X402_FORM_V2) == (proof.accepted != NULL));
        lucid_assert(proof.identifier.data == NULL ||
                     (proof.identifier.len >= X402_IDENTIFIER_BYTES_MIN &&
                      proof.identifier.len <= X402_IDENTIFIER_BYTES_MAX));
        match(&proof);
        forward(&proof);
        canonical(lucid_buf_span(&header), &again);
        if (again.len <= X402_HEADER_BYTES_MAX) { /* escapes may grow */
            lucid_assert(parse(form, lucid_buf_span(&again), &arena, &second) == LUCID_OK);
            lucid_assert(same(&proof, &second));
        }
    }
    lucid_buf_fini(&header);
    lucid_buf_fini(&again);
    lucid_arena_fini(&arena);
    return 0;
}

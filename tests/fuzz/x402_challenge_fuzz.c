/* Challenges and key files. First byte even: a challenge, which is in its one form and good only
 * if it is what we make of its members; odd: a key file, whose newest key signs and which takes
 * another. */
#include "base/assert.h"
#include "x402/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct x402_network network;

static struct x402_terms make_terms(void)
{
    lucid_assert(x402_network_known(lucid_span_str("base-sepolia"), &network));
    return (struct x402_terms){.origin = lucid_span_str("lucid.example/log"),
                               .asset = lucid_span_str("proof"),
                               .network = &network,
                               .amount = 10000,
                               .price_version = 3,
                               .method = lucid_span_str("GET"),
                               .resource = lucid_span_str("http://127.0.0.1:18604/paid"),
                               .path = lucid_span_str("/paid")};
}

static void challenge(struct lucid_span text)
{
    static const char file[] =
        "00000002 2222222222222222222222222222222222222222222222222222222222222222 2\n";
    struct x402_challenge read;
    struct x402_challenge made;
    struct x402_keys *keys;
    if (x402_challenge_parse(text, &read) != LUCID_OK) {
        return;
    }
    lucid_assert(lucid_span_is(text, read.text));
    lucid_assert(x402_keys_parse(lucid_span_str(file), &keys, NULL) == LUCID_OK);
    struct x402_terms terms = make_terms();
    terms.price_version = read.price_version;
    x402_challenge_make(keys, &terms, read.issued_ms, read.lifetime_s, read.random, &made);
    /* But for key id and MAC it is what we write. */
    lucid_assert(strlen(made.text) == text.len);
    memcpy(made.text + 4, read.text + 4, 8);
    memcpy(made.text + text.len - 64, read.text + text.len - 64, 64);
    lucid_assert(strcmp(made.text, read.text) == 0);
    bool good = x402_challenge_check(keys, &read, &terms) == LUCID_OK;
    lucid_assert(good == (strcmp(read.key_id, made.key_id) == 0 &&
                          memcmp(read.mac, made.mac, sizeof(made.mac)) == 0));
    terms.amount++;
    lucid_assert(x402_challenge_check(keys, &read, &terms) != LUCID_OK);
    x402_keys_close(keys);
}

static void key_file(struct lucid_span text)
{
    struct x402_keys *keys;
    struct lucid_buf file = {.bytes_max = 0};
    struct x402_challenge made;
    struct lucid_why why = {.code = NULL};
    const struct x402_terms terms = make_terms();
    static const uint8_t random[X402_CHALLENGE_RANDOM_BYTES] = {7};
    if (x402_keys_parse(text, &keys, &why) != LUCID_OK) {
        lucid_assert(why.text[0] != '\0');
        return;
    }
    x402_challenge_make(keys, &terms, 1000, 300, random, &made);
    lucid_assert(x402_challenge_check(keys, &made, &terms) == LUCID_OK);
    x402_keys_close(keys);
    lucid_buf_span_put(&file, text);
    x402_keys_add(&file, 2000);
    lucid_assert(lucid_buf_ok(&file));
    lucid_assert(x402_keys_parse(lucid_buf_span(&file), &keys, NULL) == LUCID_OK);
    lucid_assert(x402_challenge_check(keys, &made, &terms) == LUCID_OK);
    x402_keys_close(keys);
    lucid_buf_fini(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        challenge(lucid_span(data + 1, size - 1));
    } else {
        key_file(lucid_span(data + 1, size - 1));
    }
    return 0;
}

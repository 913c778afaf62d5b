/* Ed25519 for the end-to-end tests, whose Python has none: a filter, one question and one answer a
 * line. libsodium directly, not the ledger's own code, which is what is under test.
 *
 *   p SEED          the public key of a seed of 32 bytes
 *   s SEED MESSAGE  the detached signature
 *   v KEY SIGNATURE MESSAGE   1 or 0
 *   f               nothing, but what was answered so far leaves now
 *
 * All values are hex. A malformed question ends the program with status 1. */
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES_MAX = 1 << 18, LINE_BYTES_MAX = 2 * MESSAGE_BYTES_MAX + 512 };

struct keys {
    bool known;
    unsigned char seed[crypto_sign_SEEDBYTES];
    unsigned char pub[crypto_sign_PUBLICKEYBYTES];
    unsigned char secret[crypto_sign_SECRETKEYBYTES];
};

/* The next word of the line as bytes; false when it is not hex, or is longer than max. */
static bool word_read(const char **at, unsigned char *out, size_t max, size_t *ret_len)
{
    while (**at == ' ') {
        (*at)++;
    }
    size_t len = strcspn(*at, " \n");
    const char *end = NULL;
    size_t got = 0;
    if (sodium_hex2bin(out, max, *at, len, NULL, &got, &end) != 0 || end != *at + len) {
        return false;
    }
    *at = end;
    *ret_len = got;
    return true;
}

static bool word_read_exact(const char **at, unsigned char *out, size_t len)
{
    size_t got = 0;
    return word_read(at, out, len, &got) && got == len;
}

static void hex_print(const unsigned char *bytes, size_t len)
{
    char text[2 * crypto_sign_BYTES + 1];
    sodium_bin2hex(text, sizeof(text), bytes, len);
    puts(text);
}

static bool keys_read(struct keys *keys, const char **at)
{
    unsigned char seed[crypto_sign_SEEDBYTES];
    if (!word_read_exact(at, seed, sizeof(seed))) {
        return false;
    }
    if (!keys->known || memcmp(seed, keys->seed, sizeof(seed)) != 0) {
        memcpy(keys->seed, seed, sizeof(seed));
        keys->known = crypto_sign_seed_keypair(keys->pub, keys->secret, seed) == 0;
    }
    return keys->known;
}

static bool answer_sign(const struct keys *keys, const char *at)
{
    unsigned char message[MESSAGE_BYTES_MAX];
    unsigned char signature[crypto_sign_BYTES];
    size_t len = 0;
    if (!word_read(&at, message, sizeof(message), &len) ||
        crypto_sign_detached(signature, NULL, message, len, keys->secret) != 0) {
        return false;
    }
    hex_print(signature, sizeof(signature));
    return true;
}

static bool answer_verify(const char *at)
{
    unsigned char pub[crypto_sign_PUBLICKEYBYTES];
    unsigned char signature[crypto_sign_BYTES];
    unsigned char message[MESSAGE_BYTES_MAX];
    size_t len = 0;
    if (!word_read_exact(&at, pub, sizeof(pub)) ||
        !word_read_exact(&at, signature, sizeof(signature)) ||
        !word_read(&at, message, sizeof(message), &len)) {
        return false;
    }
    puts(crypto_sign_verify_detached(signature, message, len, pub) == 0 ? "1" : "0");
    return true;
}

static bool answer(struct keys *keys, const char *line)
{
    const char *at = line + 1;
    switch (line[0]) {
    case 'p':
        if (!keys_read(keys, &at)) {
            return false;
        }
        hex_print(keys->pub, sizeof(keys->pub));
        return true;
    case 's':
        return keys_read(keys, &at) && answer_sign(keys, at);
    case 'v':
        return answer_verify(at);
    case 'f':
        return fflush(stdout) == 0;
    default:
        return false;
    }
}

int main(void)
{
    static char line[LINE_BYTES_MAX];
    static char out[1 << 18];
    struct keys keys = {.known = false};
    if (sodium_init() < 0 || setvbuf(stdout, out, _IOFBF, sizeof(out)) != 0) {
        return 1;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (!answer(&keys, line)) {
            return 1;
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

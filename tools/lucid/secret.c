#include "tools/lucid/secret.h"

#include <stdlib.h>

#include "base/assert.h"
#include "lucidd/datadir.h"

#define TEXT_BYTES_MAX 1024

/* Everything that holds a piece of the key on its way, in one locked block. */
struct scratch {
    uint8_t bytes[SECRET_BYTES + 8];
    uint8_t digits[SECRET_BYTES + 32];
    struct ledger_ed25519_key key;
    char text[TEXT_BYTES_MAX + 1];
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct lucid_span trimmed(struct lucid_span text)
{
    while (text.len > 0 && is_space(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    /* Keys come out of many tools; here, unlike on the wire, capitals are taken. */
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static size_t hex_read(struct lucid_span text, uint8_t *out)
{
    if (text.len != 64 && text.len != 128) {
        return 0;
    }
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_digit(text.data[i]);
        int low = hex_digit(text.data[i + 1]);
        if (high < 0 || low < 0) {
            return 0;
        }
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return text.len / 2;
}

/* Bitcoin's base58 of 32 or 64 bytes, into out by way of a big-endian accumulator. */
static size_t base58_read(struct lucid_span text, struct scratch *scratch)
{
    static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    const size_t size = sizeof(scratch->digits);
    if (text.len < 32 || text.len > 88) {
        return 0;
    }
    memset(scratch->digits, 0, size);
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.data[i] != 0 ? strchr(alphabet, (char)text.data[i]) : NULL;
        if (at == NULL) {
            return 0;
        }
        uint32_t carry = (uint32_t)(at - alphabet);
        for (size_t j = size; j > 0; j--) {
            carry += 58 * (uint32_t)scratch->digits[j - 1];
            scratch->digits[j - 1] = (uint8_t)carry;
            carry >>= 8;
        }
        lucid_assert(carry == 0);
    }
    size_t zeros = 0;
    while (zeros < text.len && text.data[zeros] == '1') {
        zeros++;
    }
    size_t first = 0;
    while (first < size && scratch->digits[first] == 0) {
        first++;
    }
    size_t len = zeros + (size - first);
    if (len != 32 && len != 64) {
        return 0;
    }
    memset(scratch->bytes, 0, zeros);
    memcpy(scratch->bytes + zeros, scratch->digits + first, size - first);
    return len;
}

static size_t array_read(struct lucid_span text, uint8_t *out)
{
    size_t count = 0;
    size_t at = 1;
    while (at < text.len && count < SECRET_BYTES) {
        while (at < text.len && is_space(text.data[at])) {
            at++;
        }
        unsigned value = 0;
        size_t start = at;
        while (at < text.len && at < start + 3 && text.data[at] >= '0' && text.data[at] <= '9') {
            value = value * 10 + (unsigned)(text.data[at++] - '0');
        }
        while (at < text.len && is_space(text.data[at])) {
            at++;
        }
        if (at == start || value > 255 || at >= text.len) {
            return 0;
        }
        out[count++] = (uint8_t)value;
        if (text.data[at] == ']') {
            return at + 1 == text.len ? count : 0;
        }
        if (text.data[at++] != ',') {
            return 0;
        }
    }
    return 0;
}

/* The number of bytes read, 0 when the text is none of the forms. Hex goes first: 64 hex digits
 * are well-formed base64 as well, but of 48 bytes. */
static size_t forms_read(struct lucid_span text, struct scratch *scratch)
{
    size_t len = 0;
    if (text.len > 0 && text.data[0] == '[') {
        return array_read(text, scratch->bytes);
    }
    len = hex_read(text, scratch->bytes);
    if (len != 0) {
        return len;
    }
    if (lucid_base64_decode(text, scratch->bytes, SECRET_BYTES, &len) && (len == 32 || len == 64)) {
        return len;
    }
    return base58_read(text, scratch);
}

static enum lucid_error scratch_parse(struct lucid_span text, struct scratch *scratch,
                                      uint8_t ret_secret[SECRET_BYTES], size_t *ret_len,
                                      struct lucid_why *why)
{
    size_t len = forms_read(trimmed(text), scratch);
    if (len != 32 && len != 64) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", NULL,
                            "the secret key must be 128 or 64 hex digits, base64 or base58 of 64 "
                            "or 32 bytes, or a JSON array of as many numbers");
    }
    ledger_ed25519_key_init(scratch->bytes, &scratch->key);
    if (len == 64 && !lucid_secret_equal(scratch->key.public_key, scratch->bytes + 32, 32)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", NULL,
                            "the secret key's public half does not belong to its seed");
    }
    memcpy(ret_secret, scratch->key.seed, 32);
    memcpy(ret_secret + 32, scratch->key.public_key, 32);
    *ret_len = len;
    return LUCID_OK;
}

/* Reads any of the forms (white space around is ignored) into seed ‖ public key. ret and every
 * intermediate must be, and are, locked memory. Errors: LUCID_REFUSE_INVALID (why never carries any
 * of the text), LUCID_RETRY_MEMORY. */
static enum lucid_error secret_parse(struct lucid_span text, uint8_t ret_secret[SECRET_BYTES],
                                     struct lucid_why *why)
{
    struct scratch *scratch = datadir_secret_new(sizeof(*scratch));
    if (scratch == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    size_t len = 0;
    enum lucid_error error = scratch_parse(text, scratch, ret_secret, &len, why);
    datadir_secret_free(scratch, sizeof(*scratch));
    return error;
}

/* *ret_len: how many bytes the file holds of it, 32 or 64. */
static enum lucid_error file_parse(const char *path, uint8_t *secret, size_t *ret_len,
                                   struct lucid_why *why)
{
    struct scratch *scratch = datadir_secret_new(sizeof(*scratch));
    if (scratch == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    size_t len = 0;
    enum lucid_error error =
        datadir_file_read(path, true, scratch->text, TEXT_BYTES_MAX, &len, why);
    struct lucid_span text = trimmed(lucid_span(scratch->text, len));
    /* The line that `lucid keygen` prints works as a key file as it is. */
    size_t name = strlen(SECRET_ENVIRONMENT "=");
    if (text.len > name && memcmp(text.data, SECRET_ENVIRONMENT "=", name) == 0) {
        text = lucid_span(text.data + name, text.len - name);
        const uint8_t *end = memchr(text.data, '\n', text.len);
        text.len = end != NULL ? (size_t)(end - text.data) : text.len;
    }
    if (error == LUCID_OK) {
        error = scratch_parse(text, scratch, secret, ret_len, why);
    }
    datadir_secret_free(scratch, sizeof(*scratch));
    return error;
}

enum cli_exit secret_load(struct cli *cli, uint8_t **ret_secret)
{
    const char *path = cli_value(cli, "key-file", NULL);
    const char *text = getenv(SECRET_ENVIRONMENT);
    if (path == NULL && (text == NULL || text[0] == '\0')) {
        return CLI_OK;
    }
    uint8_t *secret = datadir_secret_new(SECRET_BYTES);
    if (secret == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    struct lucid_why why = {0};
    size_t len = 0;
    enum lucid_error error = path != NULL ? file_parse(path, secret, &len, &why)
                                          : secret_parse(lucid_span_str(text), secret, &why);
    if (error != LUCID_OK) {
        datadir_secret_free(secret, SECRET_BYTES);
        (void)cli_fail(cli, CLI_USAGE, why.code, path != NULL ? "key-file" : SECRET_ENVIRONMENT,
                       "%s", why.text[0] != '\0' ? why.text : lucid_error_name(error));
        return CLI_USAGE;
    }
    *ret_secret = secret;
    return CLI_OK;
}

bool secret_file_public(const char *path, uint8_t ret_public[32])
{
    struct lucid_why why = {0};
    size_t len = 0;
    uint8_t *secret = datadir_secret_new(SECRET_BYTES);
    bool found =
        secret != NULL && file_parse(path, secret, &len, &why) == LUCID_OK && len == SECRET_BYTES;
    if (found) {
        memcpy(ret_public, secret + 32, 32);
    }
    datadir_secret_free(secret, SECRET_BYTES);
    return found;
}

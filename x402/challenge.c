#include "x402/challenge.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/secret.h"
#include "base/sha256.h"

enum {
    KEY_BYTES = 32,
    ID_BYTES = 4,
    ID_DIGITS = 2 * ID_BYTES,
    RANDOM_DIGITS = 2 * X402_CHALLENGE_RANDOM_BYTES,
    MAC_DIGITS = 2 * LUCID_SHA256_BYTES,
    NUMBER_DIGITS_MAX = 16, /* of X402_CHALLENGE_NUMBER_MAX */
    LIFETIME_DIGITS_MAX = 10,
};
static const char prefix[] = "lc1.";

_Static_assert(sizeof(prefix) - 1 + ID_DIGITS + 2 * NUMBER_DIGITS_MAX + LIFETIME_DIGITS_MAX + 5 +
                       RANDOM_DIGITS + MAC_DIGITS <=
                   X402_CHALLENGE_BYTES_MAX,
               "the longest challenge fits");

struct key {
    char id[ID_DIGITS + 1];
    uint8_t secret[KEY_BYTES];
};

struct x402_keys {
    size_t count; /* at least 1 */
    struct key items[X402_KEYS_MAX];
};

/* --- numbers and fields of text --- */

/* Decimal digits without leading zeros, at most that many, at most max. */
static bool number_read(struct lucid_span digits, size_t digits_max, uint64_t max, uint64_t *ret)
{
    uint64_t number = 0;
    if (digits.len == 0 || digits.len > digits_max || (digits.len > 1 && digits.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return false;
        }
        number = 10 * number + (uint64_t)(digits.data[i] - '0');
    }
    if (number > max) {
        return false;
    }
    *ret = number;
    return true;
}

/* Takes what stands before the separator off the text. False: no separator. */
static bool field_take(struct lucid_span *text, char separator, struct lucid_span *ret)
{
    const uint8_t *end = text->len > 0 ? memchr(text->data, separator, text->len) : NULL;
    if (end == NULL) {
        return false;
    }
    size_t len = (size_t)(end - text->data);
    *ret = lucid_span(text->data, len);
    *text = lucid_span(end + 1, text->len - len - 1);
    return true;
}

/* --- keys --- */

static const struct key *key_find(const struct x402_keys *keys, const char *id)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (memcmp(keys->items[i].id, id, ID_DIGITS) == 0) {
            return &keys->items[i];
        }
    }
    return NULL;
}

/* One line; NULL when it is good, else what is wrong with it. */
static const char *line_read(struct lucid_span line, struct x402_keys *keys)
{
    struct lucid_span id;
    struct lucid_span secret;
    uint64_t created_ms;
    if (!field_take(&line, ' ', &id) || !field_take(&line, ' ', &secret)) {
        return "is not \"KEYID KEY CREATED_MS\"";
    }
    if (!lucid_is_hex(id, ID_DIGITS)) {
        return "has a key id that is not 8 lower-case hex digits";
    }
    if (!number_read(line, NUMBER_DIGITS_MAX, X402_CHALLENGE_NUMBER_MAX, &created_ms)) {
        return "does not end with the time of creation in milliseconds";
    }
    if (keys->count == X402_KEYS_MAX) {
        return "is one key too many";
    }
    if (key_find(keys, (const char *)id.data) != NULL) {
        return "has the id of an earlier key";
    }
    struct key *key = &keys->items[keys->count];
    if (!lucid_hex_decode(secret, key->secret, sizeof(key->secret))) {
        return "has a key that is not 64 lower-case hex digits";
    }
    memcpy(key->id, id.data, ID_DIGITS);
    keys->count++;
    return NULL;
}

enum lucid_error x402_keys_parse(struct lucid_span text, struct x402_keys **ret,
                                 struct lucid_why *why)
{
    struct x402_keys *keys = lucid_secret_new(sizeof(*keys));
    if (keys == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    size_t number = 0;
    const char *fault = NULL;
    while (text.len > 0 && fault == NULL) {
        struct lucid_span line;
        number++;
        /* A line without its end may have lost more than that. */
        fault = field_take(&text, '\n', &line) ? line_read(line, keys) : "has no end";
    }
    if (fault != NULL) {
        x402_keys_close(keys);
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL, "line %zu %s", number, fault);
    }
    if (keys->count == 0) {
        x402_keys_close(keys);
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL, "there is no key");
    }
    *ret = keys;
    return LUCID_OK;
}

void x402_keys_close(struct x402_keys *keys)
{
    lucid_secret_free(keys, sizeof(*keys));
}

/* Whether a line of the file begins with that id. */
static bool id_is_taken(struct lucid_span text, const char *id)
{
    struct lucid_span line;
    while (field_take(&text, '\n', &line)) {
        if (line.len >= ID_DIGITS && memcmp(line.data, id, ID_DIGITS) == 0) {
            return true;
        }
    }
    return false;
}

/* Drops the file's first line while it is full. */
static void oldest_drop(struct lucid_buf *file)
{
    struct lucid_span text = lucid_buf_span(file);
    struct lucid_span line;
    size_t lines = 0;
    while (field_take(&text, '\n', &line)) {
        lines++;
    }
    for (; lines >= X402_KEYS_MAX; lines--) {
        const uint8_t *end = memchr(file->data, '\n', file->len);
        size_t len = (size_t)(end - file->data) + 1;
        memmove(file->data, file->data + len, file->len - len);
        lucid_wipe(file->data + file->len - len, len);
        file->len -= len;
    }
}

void x402_keys_add(struct lucid_buf *file, uint64_t now_ms)
{
    uint8_t id_bytes[ID_BYTES];
    uint8_t secret[KEY_BYTES];
    char id[ID_DIGITS];
    lucid_assert(now_ms <= X402_CHALLENGE_NUMBER_MAX);
    oldest_drop(file);
    do {
        lucid_random(id_bytes, sizeof(id_bytes));
        lucid_hex_encode(id_bytes, sizeof(id_bytes), id);
    } while (id_is_taken(lucid_buf_span(file), id));
    lucid_random(secret, sizeof(secret));
    lucid_buf_put(file, id, sizeof(id));
    lucid_buf_char(file, ' ');
    lucid_buf_hex(file, secret, sizeof(secret));
    lucid_buf_char(file, ' ');
    lucid_buf_u64(file, now_ms);
    lucid_buf_char(file, '\n');
    lucid_wipe(secret, sizeof(secret));
}

/* --- digests --- */

enum { PARTS_MAX = 32 };

/* Fields for hashing: each with its length before it, so that no two lists read the same. */
struct fields {
    struct lucid_span parts[PARTS_MAX];
    uint8_t lengths[PARTS_MAX / 2][4];
    size_t count;
};

static void field_add(struct fields *fields, struct lucid_span data)
{
    lucid_assert(fields->count + 2 <= PARTS_MAX && data.len <= UINT32_MAX);
    uint8_t *length = fields->lengths[fields->count / 2];
    lucid_put_be32(length, (uint32_t)data.len);
    fields->parts[fields->count++] = lucid_span(length, 4);
    fields->parts[fields->count++] = data;
}

static void fields_hash(const struct fields *fields, uint8_t ret[32])
{
    lucid_sha256_parts(fields->parts, fields->count, ret);
}

void x402_request_digest(const struct x402_terms *terms, uint8_t ret[32])
{
    struct fields fields = {.count = 0};
    field_add(&fields, lucid_span_str("lucid x402 request 1"));
    field_add(&fields, terms->method);
    field_add(&fields, terms->resource);
    field_add(&fields, lucid_span(terms->body_sha256, sizeof(terms->body_sha256)));
    fields_hash(&fields, ret);
}

void x402_place_digest(const struct x402_terms *terms, uint8_t ret[32])
{
    struct fields fields = {.count = 0};
    field_add(&fields, lucid_span_str("lucid x402 place 1"));
    field_add(&fields, terms->method);
    field_add(&fields, terms->path);
    fields_hash(&fields, ret);
}

/* --- challenges --- */

/* The MAC of a challenge's own members and the terms. The token's domain is in it as well: an
 * operator who changes it wants other signatures. */
static void mac_make(const struct key *key, const struct x402_challenge *challenge,
                     const struct x402_terms *terms, uint8_t ret[32])
{
    uint8_t numbers[4][8];
    struct fields fields = {.count = 0};
    lucid_put_be64(numbers[0], terms->amount);
    lucid_put_be64(numbers[1], challenge->price_version);
    lucid_put_be64(numbers[2], challenge->issued_ms);
    lucid_put_be64(numbers[3], challenge->lifetime_s);
    field_add(&fields, lucid_span_str("lucid x402 challenge 1"));
    field_add(&fields, lucid_span(challenge->key_id, ID_DIGITS));
    field_add(&fields, terms->origin);
    field_add(&fields, terms->asset);
    field_add(&fields, lucid_span_str(terms->network->caip2));
    field_add(&fields, lucid_span(terms->network->proof_separator.bytes, EVM_HASH_BYTES));
    field_add(&fields, terms->network->solana
                           ? lucid_span(terms->pay_to_solana, sizeof(terms->pay_to_solana))
                           : lucid_span(terms->pay_to.bytes, sizeof(terms->pay_to.bytes)));
    for (size_t i = 0; i < 4; i++) {
        field_add(&fields, lucid_span(numbers[i], sizeof(numbers[i])));
    }
    field_add(&fields, lucid_span(challenge->random, sizeof(challenge->random)));
    field_add(&fields, terms->method);
    field_add(&fields, terms->resource);
    field_add(&fields, lucid_span(terms->body_sha256, sizeof(terms->body_sha256)));
    lucid_hmac_sha256_parts(lucid_span(key->secret, sizeof(key->secret)), fields.parts,
                            fields.count, ret);
}

void x402_challenge_make(const struct x402_keys *keys, const struct x402_terms *terms,
                         uint64_t now_ms, uint32_t lifetime_s,
                         const uint8_t random[X402_CHALLENGE_RANDOM_BYTES],
                         struct x402_challenge *ret)
{
    const struct key *key = &keys->items[keys->count - 1];
    char mac[MAC_DIGITS];
    char random_text[RANDOM_DIGITS];
    lucid_assert(terms->price_version <= X402_CHALLENGE_NUMBER_MAX &&
                 now_ms <= X402_CHALLENGE_NUMBER_MAX);
    *ret = (struct x402_challenge){
        .price_version = terms->price_version, .issued_ms = now_ms, .lifetime_s = lifetime_s};
    memcpy(ret->key_id, key->id, sizeof(key->id));
    memcpy(ret->random, random, sizeof(ret->random));
    lucid_hex_encode(ret->random, sizeof(ret->random), random_text);
    mac_make(key, ret, terms, ret->mac);
    lucid_hex_encode(ret->mac, sizeof(ret->mac), mac);
    int len =
        snprintf(ret->text, sizeof(ret->text), "%s%s.%" PRIu64 ".%" PRIu64 ".%" PRIu32 ".%.*s.%.*s",
                 prefix, ret->key_id, ret->price_version, ret->issued_ms, ret->lifetime_s,
                 RANDOM_DIGITS, random_text, MAC_DIGITS, mac);
    lucid_assert(len > 0 && (size_t)len < sizeof(ret->text));
}

enum lucid_error x402_challenge_parse(struct lucid_span text, struct x402_challenge *ret)
{
    struct x402_challenge challenge = {.price_version = 0};
    struct lucid_span rest = text;
    struct lucid_span id;
    struct lucid_span version;
    struct lucid_span issued;
    struct lucid_span lifetime;
    struct lucid_span random;
    uint64_t lifetime_s;
    if (text.len > X402_CHALLENGE_BYTES_MAX || text.len < strlen(prefix) ||
        memcmp(text.data, prefix, strlen(prefix)) != 0) {
        return LUCID_REFUSE_INVALID;
    }
    rest = lucid_span(text.data + strlen(prefix), text.len - strlen(prefix));
    if (!field_take(&rest, '.', &id) || !field_take(&rest, '.', &version) ||
        !field_take(&rest, '.', &issued) || !field_take(&rest, '.', &lifetime) ||
        !field_take(&rest, '.', &random) || !lucid_is_hex(id, ID_DIGITS) ||
        !number_read(version, NUMBER_DIGITS_MAX, X402_CHALLENGE_NUMBER_MAX,
                     &challenge.price_version) ||
        !number_read(issued, NUMBER_DIGITS_MAX, X402_CHALLENGE_NUMBER_MAX, &challenge.issued_ms) ||
        !number_read(lifetime, LIFETIME_DIGITS_MAX, UINT32_MAX, &lifetime_s) ||
        !lucid_hex_decode(random, challenge.random, sizeof(challenge.random)) ||
        !lucid_hex_decode(rest, challenge.mac, sizeof(challenge.mac))) {
        return LUCID_REFUSE_INVALID;
    }
    challenge.lifetime_s = (uint32_t)lifetime_s;
    memcpy(challenge.key_id, id.data, ID_DIGITS);
    memcpy(challenge.text, text.data, text.len);
    *ret = challenge;
    return LUCID_OK;
}

enum lucid_error x402_challenge_check(const struct x402_keys *keys,
                                      const struct x402_challenge *challenge,
                                      const struct x402_terms *terms)
{
    uint8_t mac[LUCID_SHA256_BYTES];
    const struct key *key = key_find(keys, challenge->key_id);
    if (key == NULL) {
        return LUCID_REFUSE_UNKNOWN_KEY;
    }
    mac_make(key, challenge, terms, mac);
    bool ok = lucid_secret_equal(mac, challenge->mac, sizeof(mac));
    lucid_wipe(mac, sizeof(mac)); /* what the right one would be is nobody's business */
    return ok && challenge->price_version == terms->price_version ? LUCID_OK
                                                                  : LUCID_REFUSE_FORBIDDEN;
}

struct evm_hash x402_challenge_hash(const struct x402_challenge *challenge)
{
    return evm_keccak256(lucid_span_str(challenge->text));
}

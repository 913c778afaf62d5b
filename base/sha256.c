/* OpenSSL 3 calls these functions deprecated in favour of EVP, which spends 30 to 240 ns around
 * each hash finding and driving the same code: more than a tree node costs (decision 8). */
#define OPENSSL_API_COMPAT 0x10100000L

#include "base/sha256.h"

#include <openssl/sha.h>

#include "base/assert.h"

void lucid_sha256_parts(const struct lucid_span *parts, size_t count,
                        uint8_t out[LUCID_SHA256_BYTES])
{
    SHA256_CTX context;
    lucid_assert(SHA256_Init(&context) == 1);
    for (size_t i = 0; i < count; i++) {
        lucid_assert(SHA256_Update(&context, parts[i].data, parts[i].len) == 1);
    }
    lucid_assert(SHA256_Final(out, &context) == 1);
}

void lucid_sha256(struct lucid_span data, uint8_t out[LUCID_SHA256_BYTES])
{
    lucid_sha256_parts(&data, 1, out);
}

/* The message is padded here to whole blocks, which the library hashes straight from where they
 * are; what its Final would do with the rest costs an eighth of that again. */
void lucid_sha256_pair(uint8_t prefix, const uint8_t left[LUCID_SHA256_BYTES],
                       const uint8_t right[LUCID_SHA256_BYTES], uint8_t out[LUCID_SHA256_BYTES])
{
    enum { MESSAGE_BYTES = 1 + 2 * LUCID_SHA256_BYTES, PADDED_BYTES = 2 * SHA256_CBLOCK };
    uint8_t padded[PADDED_BYTES] = {[MESSAGE_BYTES] = 0x80};
    padded[0] = prefix;
    memcpy(padded + 1, left, LUCID_SHA256_BYTES);
    memcpy(padded + 1 + LUCID_SHA256_BYTES, right, LUCID_SHA256_BYTES);
    lucid_put_be64(padded + PADDED_BYTES - 8, (uint64_t)MESSAGE_BYTES * 8);
    SHA256_CTX context;
    lucid_assert(SHA256_Init(&context) == 1);
    lucid_assert(SHA256_Update(&context, padded, sizeof(padded)) == 1);
    for (size_t i = 0; i < LUCID_SHA256_BYTES / 4; i++) {
        lucid_put_be32(out + 4 * i, context.h[i]);
    }
}

/* The context with one block of key ^ pad taken in. */
static void hmac_begin(SHA256_CTX *context, struct lucid_span key, uint8_t pad)
{
    uint8_t block[SHA256_CBLOCK];
    memset(block, pad, sizeof(block));
    for (size_t i = 0; i < key.len; i++) {
        block[i] ^= key.data[i];
    }
    lucid_assert(SHA256_Init(context) == 1);
    lucid_assert(SHA256_Update(context, block, sizeof(block)) == 1);
    lucid_wipe(block, sizeof(block));
}

void lucid_hmac_sha256_parts(struct lucid_span key, const struct lucid_span *parts, size_t count,
                             uint8_t out[LUCID_SHA256_BYTES])
{
    SHA256_CTX context;
    uint8_t inner[LUCID_SHA256_BYTES];
    lucid_assert(key.len <= SHA256_CBLOCK); /* a longer one would be hashed first */
    hmac_begin(&context, key, 0x36);
    for (size_t i = 0; i < count; i++) {
        lucid_assert(SHA256_Update(&context, parts[i].data, parts[i].len) == 1);
    }
    lucid_assert(SHA256_Final(inner, &context) == 1);
    hmac_begin(&context, key, 0x5c);
    lucid_assert(SHA256_Update(&context, inner, sizeof(inner)) == 1);
    lucid_assert(SHA256_Final(out, &context) == 1);
    lucid_wipe(inner, sizeof(inner));
    lucid_wipe(&context, sizeof(context));
}

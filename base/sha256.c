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

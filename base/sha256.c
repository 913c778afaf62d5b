#include "base/sha256.h"

#include <openssl/evp.h>
#include <pthread.h>

#include "base/assert.h"

static pthread_once_t digest_once = PTHREAD_ONCE_INIT;
static EVP_MD *digest;
static pthread_key_t context_key;
static _Thread_local EVP_MD_CTX *context;

static void context_free(void *value)
{
    EVP_MD_CTX_free(value);
    context = NULL;
}

static void digest_free(void)
{
    /* The exiting thread's own context: thread-specific destructors do not run for main. */
    EVP_MD_CTX_free(context);
    context = NULL;
    EVP_MD_free(digest);
    digest = NULL;
}

static void digest_fetch(void)
{
    digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    lucid_assert(digest != NULL);
    lucid_assert(pthread_key_create(&context_key, context_free) == 0);
    lucid_assert(OPENSSL_atexit(digest_free) == 1);
}

static EVP_MD_CTX *context_get(void)
{
    if (context == NULL) {
        lucid_assert(pthread_once(&digest_once, digest_fetch) == 0);
        context = EVP_MD_CTX_new();
        lucid_assert(context != NULL);
        lucid_assert(pthread_setspecific(context_key, context) == 0);
    }
    return context;
}

void lucid_sha256_parts(const struct lucid_span *parts, size_t count,
                        uint8_t out[LUCID_SHA256_BYTES])
{
    EVP_MD_CTX *ctx = context_get();
    /* Hashing memory cannot fail once the digest is there; if it does, nothing can be trusted. */
    lucid_assert(EVP_DigestInit_ex2(ctx, digest, NULL) == 1);
    for (size_t i = 0; i < count; i++) {
        lucid_assert(EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1);
    }
    lucid_assert(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
}

void lucid_sha256(struct lucid_span data, uint8_t out[LUCID_SHA256_BYTES])
{
    lucid_sha256_parts(&data, 1, out);
}

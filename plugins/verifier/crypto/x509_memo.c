/* Certificates that were read before. Reading one takes OpenSSL 3.0 about as long as checking an
 * RSA signature, most of it for the public key; a machine that is appraised again sends the same
 * one, and the roots stand in many chains.
 *
 * What is kept is the bytes and what they decode to, never a verdict: every signature, time and
 * list is checked anew. So whether one is found here is seen in nothing but the time it takes. */
#include <openssl/crypto.h>

#include "base/assert.h"
#include "plugins/verifier/crypto/x509_internal.h"

enum { ENTRIES_MAX = 128, DER_BYTES_MAX = 4096 };

struct entry {
    struct x509_cert *cert; /* NULL: a free one */
    uint64_t used;          /* when it was last asked for, in askings */
};

static struct {
    CRYPTO_ONCE once;
    CRYPTO_RWLOCK *lock; /* NULL: there was no memory, so nothing is kept */
    struct entry entries[ENTRIES_MAX];
    uint64_t clock;
} memo = {.once = CRYPTO_ONCE_STATIC_INIT};

static void lock_make(void)
{
    memo.lock = CRYPTO_THREAD_lock_new();
}

/* Held for a comparison or two, beside the many microseconds of any signature. */
static bool memo_lock(void)
{
    return CRYPTO_THREAD_run_once(&memo.once, lock_make) == 1 && memo.lock != NULL &&
           CRYPTO_THREAD_write_lock(memo.lock) == 1;
}

static void memo_unlock(void)
{
    lucid_assert(CRYPTO_THREAD_unlock(memo.lock) == 1);
}

static void entries_clear(void)
{
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        x509_cert_free(memo.entries[i].cert);
        memo.entries[i] = (struct entry){.cert = NULL};
    }
}

/* The module may be unloaded: what it kept goes with it. */
static __attribute__((destructor)) void memo_free(void)
{
    entries_clear();
    CRYPTO_THREAD_lock_free(memo.lock);
    memo.lock = NULL;
}

/* The entry of these bytes; else a free one, else the one that nobody asked for for longest. */
static struct entry *entry_find(struct lucid_span der, bool *ret_same)
{
    struct entry *oldest = &memo.entries[0];
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        struct entry *entry = &memo.entries[i];
        const struct x509_cert *cert = entry->cert;
        /* The end first: signatures differ where names do not. */
        if (cert != NULL && cert->der_len == der.len &&
            cert->der[der.len - 1] == der.data[der.len - 1] &&
            memcmp(cert->der, der.data, der.len) == 0) {
            *ret_same = true;
            return entry;
        }
        oldest = entry->used < oldest->used ? entry : oldest; /* a free one was used at 0 */
    }
    *ret_same = false;
    return oldest;
}

struct x509_cert *x509_memo_find(struct lucid_span der)
{
    struct x509_cert *found = NULL;
    bool same;
    if (der.len == 0 || der.len > DER_BYTES_MAX || !memo_lock()) {
        return NULL;
    }
    struct entry *entry = entry_find(der, &same);
    if (same) {
        found = entry->cert;
        atomic_fetch_add(&found->references, 1);
        entry->used = ++memo.clock;
    }
    memo_unlock();
    return found;
}

void x509_memo_keep(struct x509_cert *cert)
{
    struct x509_cert *displaced = NULL;
    bool same;
    if (cert->der_len > DER_BYTES_MAX || !memo_lock()) {
        return;
    }
    struct entry *entry = entry_find(x509_cert_der(cert), &same);
    if (!same) { /* another thread may have been faster */
        displaced = entry->cert;
        atomic_fetch_add(&cert->references, 1);
        *entry = (struct entry){.cert = cert, .used = ++memo.clock};
    }
    memo_unlock();
    x509_cert_free(displaced);
}

void x509_certs_forget(void)
{
    if (memo_lock()) {
        entries_clear();
        memo_unlock();
    }
}

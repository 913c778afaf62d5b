/* Certificates that were read before. Reading one takes OpenSSL 3.0 about as long as checking an
 * RSA signature, most of it for the public key; a machine that is appraised again sends the same
 * one, and the roots stand in many chains.
 *
 * What is kept is the bytes and what they decode to, never a verdict: every signature, time and
 * list is checked anew. So whether one is found here is seen in nothing but the time it takes. */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/assert.h"
#include "plugins/verifier/x509_internal.h"

enum { ENTRIES_MAX = 128, DER_BYTES_MAX = 4096 };

struct entry {
    uint8_t *der; /* NULL: a free one */
    size_t len;
    X509 *x;
    uint64_t used; /* when it was last asked for, in askings */
};

static struct {
    CRYPTO_ONCE once;
    CRYPTO_RWLOCK *lock; /* NULL: there was no memory, so nothing is kept */
    struct entry entries[ENTRIES_MAX];
    uint64_t clock;
} memo = {.once = CRYPTO_ONCE_STATIC_INIT};

static void entry_clear(struct entry *entry)
{
    X509_free(entry->x);
    free(entry->der);
    *entry = (struct entry){.der = NULL};
}

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
        entry_clear(&memo.entries[i]);
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
        /* The end first: signatures differ where names do not. */
        if (entry->der != NULL && entry->len == der.len &&
            entry->der[der.len - 1] == der.data[der.len - 1] &&
            memcmp(entry->der, der.data, der.len) == 0) {
            *ret_same = true;
            return entry;
        }
        oldest = entry->used < oldest->used ? entry : oldest; /* a free one was used at 0 */
    }
    *ret_same = false;
    return oldest;
}

X509 *x509_memo_find(struct lucid_span der)
{
    X509 *found = NULL;
    bool same;
    if (der.len == 0 || der.len > DER_BYTES_MAX || !memo_lock()) {
        return NULL;
    }
    struct entry *entry = entry_find(der, &same);
    if (same && X509_up_ref(entry->x) == 1) {
        found = entry->x;
        entry->used = ++memo.clock;
    }
    memo_unlock();
    return found;
}

void x509_memo_keep(struct lucid_span der, X509 *x)
{
    bool same;
    uint8_t *copy = der.len == 0 || der.len > DER_BYTES_MAX ? NULL : malloc(der.len);
    if (copy == NULL || !memo_lock()) {
        free(copy);
        return;
    }
    memcpy(copy, der.data, der.len);
    struct entry *entry = entry_find(der, &same); /* another thread may have been faster */
    if (!same && X509_up_ref(x) == 1) {
        entry_clear(entry);
        *entry = (struct entry){.der = copy, .len = der.len, .x = x, .used = ++memo.clock};
        copy = NULL;
    }
    memo_unlock();
    free(copy);
}

void x509_certs_forget(void)
{
    if (memo_lock()) {
        entries_clear();
        memo_unlock();
    }
}

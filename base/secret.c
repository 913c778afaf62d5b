#include "base/secret.h"

#include <sys/mman.h>

#include "base/assert.h"
#include "base/bytes.h"

void *lucid_secret_new(size_t len)
{
    lucid_assert(len > 0);
    void *pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        return NULL;
    }
    (void)mlock(pages, len);
    (void)madvise(pages, len, MADV_DONTDUMP);
    (void)madvise(pages, len, MADV_WIPEONFORK);
    return pages;
}

void lucid_secret_free(void *secret, size_t len)
{
    if (secret == NULL) {
        return;
    }
    lucid_wipe(secret, len);
    (void)munlock(secret, len);
    (void)munmap(secret, len);
}

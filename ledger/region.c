#include <sys/mman.h>

#include "base/assert.h"
#include "ledger/region_internal.h"

enum { PAGE_BYTES = 4096 };

static size_t pages_up(size_t len)
{
    return (len + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

enum lucid_error ledger_region_open(size_t bytes_max, struct ledger_region *ret)
{
    size_t reserved = pages_up(bytes_max);
    /* PROT_NONE counts nowhere against memory limits, whatever the overcommit mode. */
    void *base =
        mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return LUCID_RETRY_MEMORY;
    }
    *ret = (struct ledger_region){.base = base, .reserved = reserved};
    return LUCID_OK;
}

void ledger_region_close(struct ledger_region *region)
{
    if (region->base != NULL) {
        lucid_assert(munmap(region->base, region->reserved) == 0);
    }
    *region = (struct ledger_region){.base = NULL};
}

enum lucid_error ledger_region_grow(struct ledger_region *region, size_t len)
{
    if (len <= region->usable) {
        return LUCID_OK;
    }
    size_t usable = pages_up(len);
    if (usable > region->reserved ||
        mprotect(region->base + region->usable, usable - region->usable, PROT_READ | PROT_WRITE) !=
            0) {
        return LUCID_RETRY_MEMORY;
    }
    region->usable = usable;
    return LUCID_OK;
}

/* Memory that grows in place: address space reserved once, made usable step by step. What it holds
 * never moves, so readers need no lock while it grows. Thread: grow by one owner. */
#ifndef LUCID_LEDGER_REGION_INTERNAL_H
#define LUCID_LEDGER_REGION_INTERNAL_H

#include "base/bytes.h"

struct ledger_region {
    uint8_t *base;
    size_t reserved; /* address space */
    size_t usable;   /* bytes from base on that may be touched; zero when first touched */
};

enum lucid_error ledger_region_open(size_t bytes_max, struct ledger_region *ret) LUCID_WARN_UNUSED;
void ledger_region_close(struct ledger_region *region);

/* Makes at least len bytes usable. LUCID_RETRY_MEMORY when reserved is too small or the system
 * refuses. */
enum lucid_error ledger_region_grow(struct ledger_region *region, size_t len) LUCID_WARN_UNUSED;

#endif

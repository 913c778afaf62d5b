/* Memory for secrets. Thread: any. */
#ifndef LUCID_BASE_SECRET_H
#define LUCID_BASE_SECRET_H

#include <stddef.h>

#include "base/error.h"

/* Locked pages that are left out of core dumps and of children, zeroed. NULL: no memory. Where the
 * system refuses to lock (RLIMIT_MEMLOCK) the pages are given unlocked. */
void *lucid_secret_new(size_t len) LUCID_WARN_UNUSED;
/* Wipes and frees. NULL is allowed. */
void lucid_secret_free(void *secret, size_t len);

#endif

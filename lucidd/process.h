/* The process as Linux sees it, for /metrics: the usual process_* names. */
#ifndef LUCID_LUCIDD_PROCESS_H
#define LUCID_LUCIDD_PROCESS_H

#include "base/buf.h"

/* Appends process_* metrics; what cannot be read is left out. started_ms: Unix time of the start.
 * Thread: any. */
void process_metrics_write(uint64_t started_ms, struct lucid_buf *out);

#endif

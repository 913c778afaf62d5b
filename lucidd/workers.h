/* A small pool of threads for what takes long and waits for nobody: handlers of plugins. Each has a
 * view of the ledger of its own.
 *
 * A queue in front of them is bounded for new work; what goes on with work that was begun is always
 * taken, before what is new. */
#ifndef LUCID_LUCIDD_WORKERS_H
#define LUCID_LUCIDD_WORKERS_H

#include "http/api/api.h"

#define WORKERS_MAX       16
#define WORKERS_QUEUE_MAX 1024

struct workers;

/* count 0: as many as there are processors, at least 2. LUCID_RETRY_MEMORY. workers_close: after
 * workers_stop; NULL is allowed. */
enum lucid_error workers_open(struct ledger *ledger, uint32_t count,
                              struct workers **ret) LUCID_WARN_UNUSED;
void workers_close(struct workers *workers);

/* Both: NULL is allowed. Stop: nothing is taken any more; returns when all that was taken is done,
 * or after that time. False: something runs still. Until a stop says otherwise nothing that it
 * might use can be freed or closed. */
void workers_start(struct workers *workers);
bool workers_stop(struct workers *workers, uint64_t timeout_ms) LUCID_WARN_UNUSED;

/* For struct api_options; context is the pool. LUCID_RETRY_BUSY. Thread: any. */
enum lucid_error workers_give(void *context, struct api_work *work, bool begun) LUCID_WARN_UNUSED;

/* Appends to /metrics; nothing for NULL. Thread: any. */
void workers_metrics_write(struct workers *workers, struct lucid_buf *out);

#endif

/* The scrub: checks the store again and again, a little at a time, so that a rotten bit is found
 * before the last good backup is gone. A task of the upkeep thread.
 *
 * A pass is what `lucid log fsck` does (ledger/check.h), in slices of a tenth of a second's share.
 * Damage is logged, counted, and shown in /metrics and as a warning of /readyz; it does not stop
 * the service, which checks what it serves. */
#ifndef LUCID_LUCIDD_SCRUB_H
#define LUCID_LUCIDD_SCRUB_H

#include "base/buf.h"
#include "ledger/ledger.h"
#include "ledger/note.h"

struct scrub;

struct scrub_options {
    struct store *store;
    const struct ledger_use *uses; /* borrowed */
    size_t use_count;
    const struct ledger_vkey *vkey; /* the log's; borrowed */
    uint32_t migration;             /* the newest that this program knows */
    uint64_t events_per_second;     /* at least 1 */
    /* The state of the store changed; on the upkeep thread. */
    void (*damaged)(void *context, bool damaged);
    void *context;
};

/* LUCID_RETRY_MEMORY. scrub_close: NULL is allowed. */
enum lucid_error scrub_open(const struct scrub_options *options,
                            struct scrub **ret) LUCID_WARN_UNUSED;
void scrub_close(struct scrub *scrub);

/* The task: one slice; answers in how many milliseconds the next one is due. context: the scrub. */
uint64_t scrub_run(void *context, uint64_t now_ms);

/* Prometheus families: progress, passes, when the last one ended, findings. Thread: any. */
void scrub_metrics(const struct scrub *scrub, struct lucid_buf *out);

#endif

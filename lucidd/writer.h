/* The writer: the one thread that changes the ledger, and the queue in front of it. This and
 * workers.c are the only files with locks; everything below them is free of threads.
 *
 * It takes what is waiting, decides and applies it in one transaction, commits once with full sync,
 * and only then gives the jobs back to their loops. While a commit runs the next group gathers. */
#ifndef LUCID_LUCIDD_WRITER_H
#define LUCID_LUCIDD_WRITER_H

#include "http/api/api.h"

struct writer;

struct writer_options {
    struct ledger *ledger;
    struct lucid_clock clock;
    const char *path;                 /* of the store, for the disk reserve */
    uint32_t queue_max;               /* jobs waiting; more are refused */
    uint32_t batch_max;               /* jobs in one transaction */
    uint32_t commit_window_us;        /* how long a group may gather under load */
    uint64_t disk_reserve_bytes;      /* below it nothing is accepted */
    void (*published)(void *context); /* after each commit, on the writer's thread; NULL allowed */
    void (*failed)(void *context);    /* the store is FATAL: once, on the writer's thread */
    void *context;
};

/* LUCID_RETRY_MEMORY. Borrows what options point to for its life. writer_close: writer_run must
 * have returned; NULL is allowed. */
enum lucid_error writer_open(const struct writer_options *options,
                             struct writer **ret) LUCID_WARN_UNUSED;
void writer_close(struct writer *writer);

/* The thread's body: returns after writer_stop, when the queue is empty and a last head covers what
 * was logged. */
void writer_run(struct writer *writer);

/* Nothing more will be submitted. Thread: any. */
void writer_stop(struct writer *writer);

/* For struct api_options; context is the writer. Thread: any. */
enum lucid_error writer_submit(void *context, struct api_job *first,
                               size_t count) LUCID_WARN_UNUSED;
void writer_health(void *context, struct api_health *ret);

/* The log's time, which never decreases (base/clock.h); good as long as the writer. Thread: any. */
struct lucid_clock writer_clock(struct writer *writer);

/* Milliseconds since the writer last began a round. Idle it begins one every second; more than some
 * seconds mean that a commit hangs. Thread: any. */
uint64_t writer_silent_ms(const struct writer *writer);

/* Notes in the health that the scrub has found damage, or finds none any more. Thread: any. */
void writer_set_damaged(struct writer *writer, bool damaged);

/* Marks the service as stopping in its health. Thread: any. */
void writer_set_stopping(struct writer *writer);

#endif

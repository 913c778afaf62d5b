#include "lucidd/workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/prom.h"

enum { WORKERS_MIN = 2 };

struct queue {
    struct api_work *first;
    struct api_work **end;
    uint64_t length;
};

struct worker {
    struct workers *workers;
    struct ledger_view *view;
    pthread_t thread;
};

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_cond_t gone; /* by the monotonic clock */
    struct queue begun;  /* these go first: somebody waits for them longer */
    struct queue fresh;
    bool stop;
    bool running;
    uint64_t busy; /* workers that work */
    uint64_t done;
    uint64_t refused;
    size_t count;
    size_t ended; /* workers that take nothing any more */
    struct worker items[WORKERS_MAX];
};

static void lock(struct workers *workers)
{
    lucid_assert(pthread_mutex_lock(&workers->lock) == 0);
}

static void unlock(struct workers *workers)
{
    lucid_assert(pthread_mutex_unlock(&workers->lock) == 0);
}

/* --- the queue; with the lock held ------------------------------------------------------------ */

static void queue_put(struct queue *queue, struct api_work *work)
{
    work->next = NULL;
    *queue->end = work;
    queue->end = &work->next;
    queue->length++;
}

static struct api_work *queue_take(struct queue *queue)
{
    struct api_work *work = queue->first;
    if (work != NULL) {
        queue->first = work->next;
        queue->length--;
        if (queue->first == NULL) {
            queue->end = &queue->first;
        }
    }
    return work;
}

/* NULL: stopped and empty. */
static struct api_work *work_take(struct workers *workers)
{
    for (;;) {
        struct api_work *work = queue_take(&workers->begun);
        if (work == NULL) {
            work = queue_take(&workers->fresh);
        }
        if (work != NULL || workers->stop) {
            return work;
        }
        lucid_assert(pthread_cond_wait(&workers->wake, &workers->lock) == 0);
    }
}

/* --- threads ---------------------------------------------------------------------------------- */

static void *worker_main(void *context)
{
    struct worker *worker = context;
    struct workers *workers = worker->workers;
    lock(workers);
    for (struct api_work *work = work_take(workers); work != NULL; work = work_take(workers)) {
        workers->busy++;
        unlock(workers);
        work->run(work, worker->view); /* it may be gone now */
        lock(workers);
        workers->busy--;
        workers->done++;
    }
    workers->ended++;
    lucid_assert(pthread_cond_signal(&workers->gone) == 0);
    unlock(workers);
    return NULL;
}

enum lucid_error workers_give(void *context, struct api_work *work, bool begun)
{
    struct workers *workers = context;
    lock(workers);
    bool taken = !workers->stop && (begun || workers->fresh.length < WORKERS_QUEUE_MAX);
    if (taken) {
        queue_put(begun ? &workers->begun : &workers->fresh, work);
        lucid_assert(pthread_cond_signal(&workers->wake) == 0);
    } else {
        workers->refused++;
    }
    unlock(workers);
    return taken ? LUCID_OK : LUCID_RETRY_BUSY;
}

void workers_start(struct workers *workers)
{
    if (workers == NULL) {
        return;
    }
    workers->running = true;
    for (size_t i = 0; i < workers->count; i++) {
        struct worker *worker = &workers->items[i];
        lucid_assert(pthread_create(&worker->thread, NULL, worker_main, worker) == 0);
    }
}

static struct timespec time_after(uint64_t timeout_ms)
{
    struct timespec end;
    lucid_assert(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    uint64_t ns = (uint64_t)end.tv_nsec + timeout_ms % 1000 * 1000000;
    end.tv_sec += (time_t)(timeout_ms / 1000 + ns / 1000000000);
    end.tv_nsec = (long)(ns % 1000000000);
    return end;
}

bool workers_stop(struct workers *workers, uint64_t timeout_ms)
{
    if (workers == NULL || !workers->running) {
        return true;
    }
    struct timespec end = time_after(timeout_ms);
    lock(workers);
    workers->stop = true;
    lucid_assert(pthread_cond_broadcast(&workers->wake) == 0);
    int waited = 0;
    while (workers->ended < workers->count && waited == 0) {
        waited = pthread_cond_timedwait(&workers->gone, &workers->lock, &end);
    }
    bool whole = workers->ended == workers->count;
    unlock(workers);
    if (!whole) {
        lucid_assert(waited == ETIMEDOUT);
        return false;
    }
    for (size_t i = 0; i < workers->count; i++) {
        lucid_assert(pthread_join(workers->items[i].thread, NULL) == 0);
    }
    workers->running = false;
    return true;
}

/* --- life ------------------------------------------------------------------------------------- */

static size_t count_of(uint32_t asked)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = asked != 0 ? asked : processors < WORKERS_MIN ? WORKERS_MIN : (size_t)processors;
    return count > WORKERS_MAX ? WORKERS_MAX : count;
}

static void gone_init(pthread_cond_t *gone)
{
    pthread_condattr_t attributes;
    lucid_assert(pthread_condattr_init(&attributes) == 0);
    lucid_assert(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    lucid_assert(pthread_cond_init(gone, &attributes) == 0);
    lucid_assert(pthread_condattr_destroy(&attributes) == 0);
}

enum lucid_error workers_open(struct ledger *ledger, uint32_t count, struct workers **ret)
{
    struct workers *workers = calloc(1, sizeof(*workers));
    if (workers == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    lucid_assert(pthread_mutex_init(&workers->lock, NULL) == 0);
    lucid_assert(pthread_cond_init(&workers->wake, NULL) == 0);
    gone_init(&workers->gone);
    workers->begun.end = &workers->begun.first;
    workers->fresh.end = &workers->fresh.first;
    enum lucid_error error = LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < count_of(count); i++) {
        workers->items[i].workers = workers;
        error = ledger_view_open(ledger, &workers->items[i].view);
        workers->count += error == LUCID_OK;
    }
    if (error != LUCID_OK) {
        workers_close(workers);
        return error;
    }
    *ret = workers;
    return LUCID_OK;
}

void workers_close(struct workers *workers)
{
    if (workers == NULL) {
        return;
    }
    lucid_assert(!workers->running);
    for (size_t i = 0; i < workers->count; i++) {
        ledger_view_close(workers->items[i].view);
    }
    lucid_assert(pthread_cond_destroy(&workers->gone) == 0);
    lucid_assert(pthread_cond_destroy(&workers->wake) == 0);
    lucid_assert(pthread_mutex_destroy(&workers->lock) == 0);
    free(workers);
}

void workers_metrics_write(struct workers *workers, struct lucid_buf *out)
{
    if (workers == NULL) {
        return;
    }
    lock(workers);
    uint64_t waiting = workers->begun.length + workers->fresh.length;
    uint64_t busy = workers->busy;
    uint64_t done = workers->done;
    uint64_t refused = workers->refused;
    unlock(workers);
    lucid_prom_gauge(out, "lucid_workers", workers->count, "Threads that run plugins' handlers.");
    lucid_prom_gauge(out, "lucid_workers_busy", busy, "Those that run one just now.");
    lucid_prom_gauge(out, "lucid_workers_queue_length", waiting, "Calls that wait for one.");
    lucid_prom_counter(out, "lucid_workers_calls_total", done, "Calls that they have run.");
    lucid_prom_counter(out, "lucid_workers_refused_total", refused,
                       "Calls that were refused because too many waited.");
}

#include "lucidd/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/assert.h"
#include "base/log.h"
#include "ledger/epoch.h"
#include "ledger/head.h"

enum {
    HOUSEKEEPING_MS = 1000,
    READERS_CHECK_MS = 60000,
    TICK_RETRY_MS = 1000,
    CLOCK_STEP_MS_MAX = 300 * 1000,
    LOOPS_MAX = 64,
    STREAM_GROUP = 256,
    STREAM_WINDOWS = 6,
};

struct writer {
    struct writer_options options;
    _Atomic uint64_t round_us; /* when the writer began its last round */

    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct api_job *first;
    struct api_job **end;
    uint32_t queued;
    uint32_t urgent; /* of the queued: jobs after which nothing of the same request follows */
    uint32_t wanted; /* what the sleeping writer gathers for; 0: any job */
    bool waiting;    /* the writer sleeps on wake */
    bool stop;
    struct api_health health;

    /* the writer's own */
    uint32_t last_batch; /* jobs of the batch before: the measure of the load */
    uint64_t housekept_ms;
    uint64_t readers_checked_ms;
    int64_t clock_first_ms;     /* wall minus boot clock at the start */
    int64_t clock_offset_ms;    /* the same after the last step that was told */
    struct lucid_onward onward; /* the log's time: heads and epochs stay on it */
    uint64_t ticks_after_ms;    /* a tick that failed is not tried again before this */
};

static uint64_t monotonic_us(void)
{
    struct timespec now;
    lucid_assert(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void round_begin(struct writer *writer)
{
    atomic_store_explicit(&writer->round_us, monotonic_us(), memory_order_relaxed);
}

static void writer_lock(struct writer *writer)
{
    lucid_assert(pthread_mutex_lock(&writer->lock) == 0);
}

static void writer_unlock(struct writer *writer)
{
    lucid_assert(pthread_mutex_unlock(&writer->lock) == 0);
}

enum lucid_error writer_open(const struct writer_options *options, struct writer **ret)
{
    struct writer *writer = calloc(1, sizeof(*writer));
    pthread_condattr_t attributes;
    if (writer == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    writer->options = *options;
    writer->end = &writer->first;
    writer->health.queue_max = options->queue_max;
    lucid_assert(pthread_mutex_init(&writer->lock, NULL) == 0);
    lucid_assert(pthread_condattr_init(&attributes) == 0);
    lucid_assert(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    lucid_assert(pthread_cond_init(&writer->wake, &attributes) == 0);
    lucid_assert(pthread_condattr_destroy(&attributes) == 0);
    writer->clock_first_ms =
        (int64_t)lucid_wall_ms(&options->clock) - (int64_t)lucid_boot_ms(&options->clock);
    writer->clock_offset_ms = writer->clock_first_ms;
    round_begin(writer);
    lucid_onward_init(&writer->onward, &options->clock, ledger_time_ms(options->ledger));
    *ret = writer;
    return LUCID_OK;
}

void writer_close(struct writer *writer)
{
    if (writer == NULL) {
        return;
    }
    lucid_assert(writer->first == NULL);
    lucid_assert(pthread_cond_destroy(&writer->wake) == 0);
    lucid_assert(pthread_mutex_destroy(&writer->lock) == 0);
    free(writer);
}

/* --- the queue -------------------------------------------------------------------------------- */

enum lucid_error writer_submit(void *context, struct api_job *first, size_t count)
{
    struct writer *writer = context;
    lucid_assert(first != NULL && count > 0);
    struct api_job *last = first;
    uint32_t urgent = !first->more_follows;
    for (size_t i = 1; i < count; i++) {
        last = last->next;
        lucid_assert(last != NULL);
        urgent += !last->more_follows;
    }
    last->next = NULL;
    writer_lock(writer);
    enum lucid_error error = LUCID_OK;
    if (writer->health.store_failed || writer->stop) {
        error = LUCID_FATAL_STORE;
    } else if (writer->health.disk_low) {
        error = LUCID_RETRY_FULL;
    } else if (count > writer->options.queue_max - writer->queued) {
        error = LUCID_RETRY_BUSY;
    } else {
        *writer->end = first;
        writer->end = &last->next;
        writer->queued += (uint32_t)count;
        writer->urgent += urgent;
        if (writer->waiting && (urgent > 0 || writer->queued >= writer->wanted)) {
            lucid_assert(pthread_cond_signal(&writer->wake) == 0);
        }
    }
    writer_unlock(writer);
    return error;
}

void writer_stop(struct writer *writer)
{
    writer_lock(writer);
    writer->stop = true;
    writer->health.stopping = true;
    lucid_assert(pthread_cond_signal(&writer->wake) == 0);
    writer_unlock(writer);
}

void writer_set_damaged(struct writer *writer, bool damaged)
{
    writer_lock(writer);
    writer->health.store_damaged = damaged;
    writer_unlock(writer);
}

void writer_set_stopping(struct writer *writer)
{
    writer_lock(writer);
    writer->health.stopping = true;
    writer_unlock(writer);
}

void writer_health(void *context, struct api_health *ret)
{
    struct writer *writer = context;
    writer_lock(writer);
    *ret = writer->health;
    ret->queue_length = writer->queued;
    writer_unlock(writer);
}

struct lucid_clock writer_clock(struct writer *writer)
{
    return lucid_onward_clock(&writer->onward);
}

uint64_t writer_silent_ms(const struct writer *writer)
{
    uint64_t began = atomic_load_explicit(&writer->round_us, memory_order_relaxed);
    uint64_t now = monotonic_us();
    return now > began ? (now - began) / 1000 : 0;
}

/* Sleeps until something is queued, the time has come, or the stop; called with the lock held. */
static void wait_until(struct writer *writer, uint64_t until_us)
{
    struct timespec at = {.tv_sec = (time_t)(until_us / 1000000),
                          .tv_nsec = (long)(until_us % 1000000) * 1000};
    writer->waiting = true;
    int result = pthread_cond_timedwait(&writer->wake, &writer->lock, &at);
    writer->waiting = false;
    lucid_assert(result == 0 || result == ETIMEDOUT);
}

/* When a tick is due next, as Unix ms; 0 = none. */
static uint64_t tick_due_ms(const struct writer *writer)
{
    uint64_t epoch = ledger_epoch_due_ms(writer->options.ledger);
    uint64_t head = ledger_head_due_ms(writer->options.ledger);
    uint64_t due = epoch == 0 || (head != 0 && head < epoch) ? head : epoch;
    return due != 0 && due < writer->ticks_after_ms ? writer->ticks_after_ms : due;
}

/* How long the writer may sleep when nothing is queued. */
static uint64_t sleep_us(struct writer *writer)
{
    uint64_t due = tick_due_ms(writer);
    uint64_t now = lucid_onward_ms(&writer->onward);
    uint64_t us = (uint64_t)HOUSEKEEPING_MS * 1000;
    if (due != 0) {
        uint64_t until = due > now ? (due - now) * 1000 : 0;
        us = until < us ? until : us;
    }
    return us;
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Lets a group grow for a moment, where that costs nobody anything:
 *
 *   - while all that waits are lines of batch requests that go on, which are answered in order
 *     anyway: up to STREAM_GROUP lines or STREAM_WINDOWS commit windows;
 *   - under load, until it is as large as the one before, up to one commit window. An idle service
 *     answers at once: then the batch before held a job or none.
 *
 * Called with the lock held. */
static void gather(struct writer *writer)
{
    uint64_t now = monotonic_us();
    uint64_t until = now + (uint64_t)writer->options.commit_window_us * STREAM_WINDOWS;
    uint32_t group =
        min_u32(STREAM_GROUP, min_u32(writer->options.batch_max, writer->options.queue_max / 2));
    writer->wanted = group;
    while (writer->urgent == 0 && writer->queued < group && !writer->stop && now < until) {
        wait_until(writer, until);
        now = monotonic_us();
    }
    uint32_t wanted = min_u32(writer->last_batch, writer->options.batch_max);
    until = now + writer->options.commit_window_us;
    writer->wanted = wanted;
    while (wanted > 1 && writer->urgent > 0 && writer->queued < wanted && !writer->stop &&
           now < until) {
        wait_until(writer, until);
        now = monotonic_us();
    }
    writer->wanted = 0;
}

/* Takes up to batch_max jobs off the queue; waits for some. False: stopped and empty. */
static bool jobs_take(struct writer *writer, struct api_job **ret_jobs, uint32_t *ret_count)
{
    writer_lock(writer);
    if (writer->queued == 0 && !writer->stop) {
        uint64_t us = sleep_us(writer);
        if (us > 0) {
            wait_until(writer, monotonic_us() + us);
        }
    }
    if (writer->queued > 0) {
        gather(writer);
    }
    struct api_job *jobs = writer->first;
    uint32_t count = 0;
    struct api_job **cut = &jobs;
    while (*cut != NULL && count < writer->options.batch_max) {
        writer->urgent -= !(*cut)->more_follows;
        cut = &(*cut)->next;
        count++;
    }
    writer->first = *cut;
    *cut = NULL;
    if (writer->first == NULL) {
        writer->end = &writer->first;
    }
    writer->queued -= count;
    bool more = count > 0 || !writer->stop;
    writer_unlock(writer);
    *ret_jobs = jobs;
    *ret_count = count;
    return more;
}

/* --- giving back ------------------------------------------------------------------------------ */

static void job_done(struct http_post *post)
{
    struct api_job *job = (struct api_job *)post;
    job->done(job);
}

/* Gives jobs back to their loops, in order, with one wake-up a loop. */
static void jobs_return(struct api_job *jobs)
{
    struct {
        struct http_loop *loop;
        struct http_post *first;
        struct http_post **end;
    } chains[LOOPS_MAX];
    size_t count = 0;
    while (jobs != NULL) {
        struct api_job *job = jobs;
        jobs = job->next;
        job->next = NULL;
        if (job->loop == NULL) {
            job->done(job); /* another thread waits for it, not a loop */
            continue;
        }
        size_t i = 0;
        while (i < count && chains[i].loop != job->loop) {
            i++;
        }
        if (i == count) {
            lucid_assert(count < LOOPS_MAX);
            chains[count].loop = job->loop;
            chains[count].end = &chains[count].first;
            count++;
        }
        job->post.run = job_done;
        job->post.next = NULL;
        *chains[i].end = &job->post;
        chains[i].end = &job->post.next;
    }
    for (size_t i = 0; i < count; i++) {
        http_loop_post(chains[i].loop, chains[i].first);
    }
}

/* Every job of a batch that was not kept: also what was refused, because it may have been refused
 * for what an earlier job of the same batch would have stored. */
static void jobs_fail(struct api_job *jobs, enum lucid_error error)
{
    /* A failed commit may have been kept all the same. */
    bool unknown = lucid_category(error) == LUCID_CATEGORY_FATAL;
    const char *code = error == LUCID_RETRY_FULL ? "STORE_FULL" : "OVERLOADED";
    for (struct api_job *job = jobs; job != NULL; job = job->next) {
        for (struct ledger_command *part = job->command; part != NULL; part = part->next_part) {
            part->error =
                lucid_refuse(&part->why, error, unknown ? "INTERNAL" : code, NULL,
                             unknown ? "%s; whether this was kept is not known: ask again later"
                                     : "nothing was stored: %s",
                             lucid_error_name(error));
        }
    }
}

/* --- one batch -------------------------------------------------------------------------------- */

static enum lucid_error ticks_run(struct writer *writer, struct ledger_epoch_command *epoch,
                                  struct ledger_head_tick *head)
{
    ledger_epoch_command_init(epoch, EPOCH_TICK);
    enum lucid_error error = ledger_batch_run(writer->options.ledger, &epoch->command);
    if (error == LUCID_OK) {
        ledger_head_tick_init(head);
        error = ledger_batch_run(writer->options.ledger, &head->command);
    }
    return error;
}

static void commit_count(struct writer *writer, uint64_t us, uint32_t jobs)
{
    writer_lock(writer);
    struct api_health *health = &writer->health;
    health->batches++;
    health->batch_commands += jobs;
    health->commit_count++;
    health->commit_us_sum += us;
    for (size_t i = 0; i < API_COMMIT_BUCKETS; i++) {
        if (i + 1 == API_COMMIT_BUCKETS || us <= api_commit_bucket_us[i]) {
            health->commit_bucket[i]++;
        }
    }
    writer_unlock(writer);
}

/* Runs jobs and due ticks in one transaction. */
static enum lucid_error batch_run(struct writer *writer, struct api_job *jobs, uint32_t count,
                                  bool with_ticks)
{
    struct ledger *ledger = writer->options.ledger;
    struct ledger_epoch_command epoch;
    struct ledger_head_tick head;
    enum lucid_error error = ledger_batch_begin(ledger, lucid_onward_ms(&writer->onward));
    if (error != LUCID_OK) {
        return error;
    }
    if (with_ticks) {
        error = ticks_run(writer, &epoch, &head);
    }
    for (struct api_job *job = jobs; error == LUCID_OK && job != NULL; job = job->next) {
        error = ledger_batch_run(ledger, job->command);
    }
    if (error != LUCID_OK || ledger_batch_events(ledger) == 0) {
        ledger_batch_abort(ledger);
        return error;
    }
    uint64_t begun = monotonic_us();
    error = ledger_batch_commit(ledger);
    commit_count(writer, monotonic_us() - begun, count);
    if (error == LUCID_OK && writer->options.published != NULL) {
        writer->options.published(writer->options.context);
    }
    return error;
}

static void store_failed(struct writer *writer, enum lucid_error error)
{
    lucid_log(LUCID_LOG_ERROR, "writer.failed",
              "the store failed (%s): nothing more is accepted; restart to recover",
              lucid_error_name(error));
    writer_lock(writer);
    bool first = !writer->health.store_failed;
    writer->health.store_failed = true;
    writer_unlock(writer);
    if (first && writer->options.failed != NULL) {
        writer->options.failed(writer->options.context);
    }
}

static void disk_check(struct writer *writer)
{
    struct statvfs disk;
    if (statvfs(writer->options.path, &disk) != 0) {
        return; /* keeps the last verdict */
    }
    uint64_t available = (uint64_t)disk.f_bavail * disk.f_frsize;
    struct store_stats stats;
    store_stats_read(ledger_store(writer->options.ledger), &stats);
    uint64_t map_left = stats.bytes_max == 0 ? UINT64_MAX : stats.bytes_max - stats.bytes_used;
    bool low = available < writer->options.disk_reserve_bytes ||
               map_left < writer->options.disk_reserve_bytes;
    writer_lock(writer);
    bool changed = writer->health.disk_low != low;
    writer->health.disk_low = low;
    writer->health.disk_free_bytes = available;
    writer_unlock(writer);
    if (changed) {
        lucid_log(low ? LUCID_LOG_ERROR : LUCID_LOG_INFO, "writer.disk",
                  low ? "below the disk reserve: receipts are refused"
                      : "above the disk reserve again");
    }
}

/* Before each batch: a fast writer would pass any reserve between two rounds of housekeeping.
 * False: below it, the jobs were refused. */
static bool jobs_have_room(struct writer *writer, struct api_job *jobs)
{
    if (jobs == NULL) {
        return true;
    }
    disk_check(writer);
    if (!writer->health.disk_low) {
        return true;
    }
    jobs_fail(jobs, LUCID_RETRY_FULL);
    jobs_return(jobs);
    return false;
}

static void jobs_run(struct writer *writer, struct api_job *jobs, uint32_t count)
{
    uint64_t now = lucid_onward_ms(&writer->onward);
    uint64_t due = tick_due_ms(writer);
    bool with_ticks = due != 0 && due <= now;
    if ((count == 0 && !with_ticks) || writer->health.store_failed) {
        jobs_fail(jobs, LUCID_FATAL_STORE);
        jobs_return(jobs);
        return;
    }
    for (struct api_job *job = jobs; job != NULL; job = job->next) {
        for (struct ledger_command *part = job->command; part != NULL; part = part->next_part) {
            part->error = LUCID_OK;
        }
    }
    if (!jobs_have_room(writer, jobs)) {
        jobs = NULL;
        count = 0;
    }
    if (jobs == NULL && !with_ticks) {
        return;
    }
    enum lucid_error error = batch_run(writer, jobs, count, with_ticks);
    if (error != LUCID_OK) {
        writer->ticks_after_ms = now + TICK_RETRY_MS;
        jobs_fail(jobs, error);
        if (lucid_category(error) == LUCID_CATEGORY_FATAL) {
            store_failed(writer, error);
        } else {
            lucid_log(LUCID_LOG_WARN, "writer.batch", "a batch of %u was not stored: %s",
                      (unsigned)count, lucid_error_name(error));
        }
    }
    jobs_return(jobs);
}

/* --- housekeeping ----------------------------------------------------------------------------- */

static void clock_check(struct writer *writer)
{
    int64_t offset = (int64_t)lucid_wall_ms(&writer->options.clock) -
                     (int64_t)lucid_boot_ms(&writer->options.clock);
    int64_t step = offset - writer->clock_offset_ms;
    if (step >= -CLOCK_STEP_MS_MAX && step <= CLOCK_STEP_MS_MAX) {
        return;
    }
    int64_t off = offset - writer->clock_first_ms;
    writer->clock_offset_ms = offset;
    writer_lock(writer);
    writer->health.clock_stepped = off < -CLOCK_STEP_MS_MAX || off > CLOCK_STEP_MS_MAX;
    writer->health.clock_steps++;
    writer_unlock(writer);
    lucid_log(LUCID_LOG_WARN, "writer.clock", "the wall clock stepped by %lld ms", (long long)step);
}

static void housekeeping(struct writer *writer)
{
    uint64_t now = lucid_boot_ms(&writer->options.clock);
    if (writer->housekept_ms != 0 && now - writer->housekept_ms < HOUSEKEEPING_MS) {
        return;
    }
    writer->housekept_ms = now;
    disk_check(writer);
    clock_check(writer);
    if (now - writer->readers_checked_ms >= READERS_CHECK_MS) {
        writer->readers_checked_ms = now;
        unsigned freed = store_readers_check(ledger_store(writer->options.ledger));
        if (freed > 0) {
            lucid_log(LUCID_LOG_INFO, "writer.readers", "freed %u reader slots of dead processes",
                      freed);
        }
    }
}

/* A last head, so that a stopped log has published all that it logged. */
static void last_head(struct writer *writer)
{
    struct ledger *ledger = writer->options.ledger;
    if (ledger_head_due_ms(ledger) == 0 || writer->health.store_failed) {
        return;
    }
    struct ledger_head_tick tick;
    ledger_head_tick_init(&tick);
    tick.at_once = true;
    enum lucid_error error = ledger_batch_begin(ledger, lucid_onward_ms(&writer->onward));
    if (error == LUCID_OK) {
        error = ledger_batch_run(ledger, &tick.command);
        if (error == LUCID_OK) {
            error = ledger_batch_commit(ledger);
        } else {
            ledger_batch_abort(ledger);
        }
    }
    if (lucid_category(error) == LUCID_CATEGORY_FATAL) {
        store_failed(writer, error);
    } else if (error != LUCID_OK) {
        lucid_log(LUCID_LOG_WARN, "writer.head", "no last head: %s", lucid_error_name(error));
    }
}

void writer_run(struct writer *writer)
{
    struct api_job *jobs;
    uint32_t count;
    round_begin(writer);
    housekeeping(writer);
    while (jobs_take(writer, &jobs, &count)) {
        round_begin(writer);
        jobs_run(writer, jobs, count);
        writer->last_batch = count;
        housekeeping(writer);
    }
    last_head(writer);
}

#include "tools/lucid/fsck.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "ledger/check.h"
#include "lucidd/offline.h"
#include "migrations/migrations.h"

enum { RANGE_EVENTS = 2000, PATH_BYTES_MAX = 4200 };

struct job {
    struct check *check;
    struct fsck_progress *progress;
    _Atomic uint64_t next; /* first event that nobody has taken yet */
    _Atomic int error;     /* the first that ended a thread */
};

struct hand {
    struct job *job;
    struct check_worker *worker;
    pthread_t thread;
    unsigned number;
    bool started;
};

static void job_fail(struct job *job, enum lucid_error error)
{
    int none = LUCID_OK;
    (void)atomic_compare_exchange_strong(&job->error, &none, (int)error);
}

static void *hand_main(void *context)
{
    struct hand *hand = context;
    struct job *job = hand->job;
    uint64_t events = check_events(job->check);
    while (atomic_load(&job->error) == LUCID_OK) {
        uint64_t from = atomic_fetch_add(&job->next, RANGE_EVENTS);
        if (from > events) {
            break;
        }
        uint64_t to = from + RANGE_EVENTS - 1 < events ? from + RANGE_EVENTS - 1 : events;
        atomic_store(&job->progress->at[hand->number], from);
        enum lucid_error error = check_range(hand->worker, from, to);
        if (error != LUCID_OK) {
            job_fail(job, error);
            break;
        }
        atomic_fetch_add(&job->progress->done, to - from + 1);
    }
    atomic_store(&job->progress->at[hand->number], 0);
    return NULL;
}

struct folding {
    struct job *job;
    struct check_fold *fold;
};

static void *fold_main(void *context)
{
    struct folding *folding = context;
    struct job *job = folding->job;
    bool done = false;
    while (!done && atomic_load(&job->error) == LUCID_OK) {
        enum lucid_error error = check_fold_step(folding->fold, &done);
        if (error != LUCID_OK) {
            job_fail(job, error);
        }
        atomic_store(&job->progress->folded, check_fold_events(folding->fold));
    }
    return NULL;
}

/* A range that failed for want of memory is not tried again: without a verdict on it there is none
 * on the store. */
static enum lucid_error job_run(struct job *job, unsigned threads, struct check_report *report)
{
    struct hand hands[FSCK_THREADS_MAX] = {{.job = NULL}};
    struct folding folding = {.job = job};
    pthread_t fold_thread;
    enum lucid_error error = check_fold_open(job->check, &folding.fold);
    for (unsigned i = 0; error == LUCID_OK && i < threads; i++) {
        hands[i] = (struct hand){.job = job, .number = i};
        error = check_worker_open(job->check, &hands[i].worker);
    }
    bool folding_started =
        error == LUCID_OK && pthread_create(&fold_thread, NULL, fold_main, &folding) == 0;
    for (unsigned i = 0; error == LUCID_OK && i < threads; i++) {
        hands[i].started = pthread_create(&hands[i].thread, NULL, hand_main, &hands[i]) == 0;
    }
    if (error == LUCID_OK && !hands[0].started) {
        (void)hand_main(&hands[0]); /* no thread to be had: slower, not less */
    }
    for (unsigned i = 0; i < threads; i++) {
        if (hands[i].started) {
            lucid_assert(pthread_join(hands[i].thread, NULL) == 0);
        }
    }
    if (folding_started) {
        lucid_assert(pthread_join(fold_thread, NULL) == 0);
    } else if (error == LUCID_OK) {
        (void)fold_main(&folding);
    }
    error = error == LUCID_OK ? (enum lucid_error)atomic_load(&job->error) : error;
    for (unsigned i = 0; i < threads; i++) {
        if (error == LUCID_OK) {
            check_report_merge(report, check_worker_report(hands[i].worker));
        }
        check_worker_close(hands[i].worker);
    }
    if (error == LUCID_OK) {
        check_report_merge(report, check_fold_report(folding.fold));
        check_finish(job->check, report);
    }
    check_fold_close(folding.fold);
    return error;
}

/* Whether there is something where the store's file should be. */
static bool file_is_there(const char *store)
{
    char path[PATH_BYTES_MAX];
    struct stat info;
    int len = snprintf(path, sizeof(path), "%s/data.mdb", store);
    return len > 0 && (size_t)len < sizeof(path) && stat(path, &info) == 0 && info.st_size > 0;
}

static enum fsck_end fail(enum lucid_error error, const struct lucid_why *why, const char *store,
                          struct lucid_buf *ret_json)
{
    lucid_buf_char(ret_json, '{');
    lucid_json_member_cstr(ret_json, "code", why->code != NULL ? why->code : "UNREADABLE");
    lucid_json_member_cstr(ret_json, "message",
                           why->text[0] != '\0' ? why->text : lucid_error_name(error));
    lucid_buf_char(ret_json, '}');
    if (error == LUCID_FATAL_NEWER) {
        return FSCK_UNDECIDED;
    }
    /* A file without what every store begins with. */
    bool hollow = error == LUCID_NOTE_ABSENT && file_is_there(store);
    return lucid_category(error) == LUCID_CATEGORY_FATAL || hollow ? FSCK_DAMAGED : FSCK_UNREADABLE;
}

static enum lucid_error store_check(struct store *store, const struct fsck_options *options,
                                    struct fsck_progress *progress, struct check_report *report,
                                    struct lucid_why *why)
{
    struct kinds kinds;
    kinds_init(&kinds, NULL);
    size_t own_kinds = kinds.count;
    enum lucid_error error = kinds_add_plugins(&kinds, options->plugins, why);
    if (error != LUCID_OK) {
        return error;
    }
    const struct check_options check_options = {
        .uses = kinds.uses,
        .use_count = kinds.count,
        .plugin_uses = kinds.count - own_kinds,
        .vkey = options->vkey,
        .migration = migrations_newest(),
        .quick = options->quick,
    };
    struct job job = {.progress = progress, .next = 1};
    error = check_open(store, &check_options, &job.check, why);
    if (error != LUCID_OK) {
        return error;
    }
    atomic_store(&progress->events, check_events(job.check));
    error = job_run(&job, options->threads, report);
    check_close(job.check);
    return error;
}

enum fsck_end fsck_check(const struct fsck_options *options, struct fsck_progress *progress,
                         struct lucid_buf *ret_json)
{
    lucid_assert(options->threads >= 1 && options->threads <= FSCK_THREADS_MAX);
    struct lucid_why why = {.code = NULL};
    struct store *store = NULL;
    struct check_report *report = calloc(1, sizeof(*report));
    enum lucid_error error = report == NULL
                                 ? LUCID_RETRY_MEMORY
                                 : offline_store_open(options->store, OFFLINE_READ, &store, &why);
    if (error == LUCID_OK) {
        error = store_check(store, options, progress, report, &why);
    }
    enum fsck_end end;
    if (error != LUCID_OK) {
        end = fail(error, &why, options->store, ret_json);
    } else {
        check_report_write(report, ret_json);
        end = check_report_damage(report) > 0 ? FSCK_DAMAGED
              : report->undecided > 0         ? FSCK_UNDECIDED
                                              : FSCK_OK;
    }
    store_close(store);
    free(report);
    return end;
}

#include "lucidd/scrub.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/prom.h"
#include "ledger/check.h"

enum {
    SLICE_MS = 100,
    RETRY_MS = 10000,      /* after a pass that could not go on */
    PASS_PAUSE_MS = 60000, /* between two passes: a small store is not read all the time */
    FOLD_BYTES_MAX = 64 << 20,
};

/* What other threads see. */
struct scrub_state {
    _Atomic uint64_t events; /* of this pass */
    _Atomic uint64_t done;
    _Atomic uint64_t checked; /* events over all passes */
    _Atomic uint64_t passes;
    _Atomic uint64_t pass_end_ms;  /* when the last whole pass ended; 0: none yet */
    _Atomic uint64_t findings;     /* of this pass so far */
    _Atomic uint64_t findings_end; /* of the last whole pass */
};

struct scrub {
    struct scrub_options options;
    struct lucid_clock clock;
    struct scrub_state state;
    /* the pass; NULL between two */
    struct check *check;
    struct check_worker *worker;
    struct check_fold *fold;
    uint64_t next; /* event */
    bool folded;
    size_t worker_told; /* findings of each report that were logged */
    size_t fold_told;
    bool damaged;
};

enum lucid_error scrub_open(const struct scrub_options *options, struct scrub **ret)
{
    lucid_assert(options->events_per_second > 0);
    struct scrub *scrub = calloc(1, sizeof(*scrub));
    if (scrub == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    scrub->options = *options;
    scrub->clock = lucid_clock_system();
    *ret = scrub;
    return LUCID_OK;
}

static void pass_close(struct scrub *scrub)
{
    check_fold_close(scrub->fold);
    check_worker_close(scrub->worker);
    check_close(scrub->check);
    scrub->fold = NULL;
    scrub->worker = NULL;
    scrub->check = NULL;
}

void scrub_close(struct scrub *scrub)
{
    if (scrub != NULL) {
        pass_close(scrub);
        free(scrub);
    }
}

static enum lucid_error pass_open(struct scrub *scrub)
{
    const struct check_options options = {
        .uses = scrub->options.uses,
        .use_count = scrub->options.use_count,
        .vkey = scrub->options.vkey,
        .migration = scrub->options.migration,
        .fold_bytes_max = FOLD_BYTES_MAX,
    };
    scrub->next = 1;
    scrub->folded = false;
    scrub->worker_told = 0;
    scrub->fold_told = 0;
    enum lucid_error error = check_open(scrub->options.store, &options, &scrub->check, NULL);
    if (error == LUCID_OK) {
        error = check_worker_open(scrub->check, &scrub->worker);
    }
    if (error == LUCID_OK) {
        error = check_fold_open(scrub->check, &scrub->fold);
    }
    if (error == LUCID_OK) {
        atomic_store(&scrub->state.events, check_events(scrub->check));
        atomic_store(&scrub->state.done, 0);
        atomic_store(&scrub->state.findings, 0);
    }
    return error;
}

/* --- findings --------------------------------------------------------------------------------- */

static void finding_log(const struct check_finding *finding)
{
    lucid_log(finding->undecided ? LUCID_LOG_WARN : LUCID_LOG_ERROR,
              finding->undecided ? "scrub.undecided" : "scrub.damage",
              "%s, event %llu, leaf %lld, table %s %s: %s; expected %s, found %s",
              check_class_name(finding->class), (unsigned long long)finding->sequence,
              finding->leaf == CHECK_NO_LEAF ? -1LL : (long long)finding->leaf,
              finding->table[0] == '\0' ? "-" : finding->table, finding->key, finding->text,
              finding->expected, finding->found);
}

static void findings_tell(const struct check_report *report, size_t *told)
{
    for (; *told < report->kept_count; ++*told) {
        finding_log(&report->kept[*told]);
    }
}

static void damaged_set(struct scrub *scrub, bool damaged)
{
    if (scrub->damaged != damaged) {
        scrub->damaged = damaged;
        scrub->options.damaged(scrub->options.context, damaged);
    }
}

static void findings_update(struct scrub *scrub)
{
    const struct check_report *worker = check_worker_report(scrub->worker);
    const struct check_report *fold = check_fold_report(scrub->fold);
    uint64_t findings = check_report_damage(worker) + check_report_damage(fold);
    findings_tell(worker, &scrub->worker_told);
    findings_tell(fold, &scrub->fold_told);
    atomic_store(&scrub->state.findings, findings);
    if (findings > 0) {
        damaged_set(scrub, true);
    }
}

/* --- slices ----------------------------------------------------------------------------------- */

static void pass_end(struct scrub *scrub, uint64_t now_ms)
{
    struct check_report *all = calloc(1, sizeof(*all));
    uint64_t findings = atomic_load(&scrub->state.findings);
    if (all != NULL) {
        check_report_merge(all, check_worker_report(scrub->worker));
        check_report_merge(all, check_fold_report(scrub->fold));
        check_finish(scrub->check, all);
        findings = check_report_damage(all);
    }
    free(all);
    atomic_store(&scrub->state.findings, findings);
    atomic_store(&scrub->state.findings_end, findings);
    atomic_store(&scrub->state.pass_end_ms, now_ms);
    atomic_fetch_add(&scrub->state.passes, 1);
    lucid_log(findings > 0 ? LUCID_LOG_ERROR : LUCID_LOG_DEBUG, "scrub.pass",
              "%llu events checked, %llu findings of damage",
              (unsigned long long)check_events(scrub->check), (unsigned long long)findings);
    damaged_set(scrub, findings > 0); /* a pass without findings is the all-clear */
    pass_close(scrub);
}

/* A range of events; the fold follows behind it. *ret_done: events checked. */
static enum lucid_error slice_run(struct scrub *scrub, uint64_t share, uint64_t *ret_done)
{
    uint64_t events = check_events(scrub->check);
    enum lucid_error error = LUCID_OK;
    *ret_done = 0;
    if (scrub->next <= events) {
        uint64_t left = events - scrub->next + 1;
        uint64_t count = share < left ? share : left;
        error = check_range(scrub->worker, scrub->next, scrub->next + count - 1);
        if (error == LUCID_OK) {
            scrub->next += count;
            *ret_done = count;
        }
    }
    bool behind = scrub->next > events || check_fold_events(scrub->fold) < scrub->next;
    if (error == LUCID_OK && !scrub->folded && behind) {
        error = check_fold_step(scrub->fold, &scrub->folded);
    }
    return error;
}

static uint64_t share_of(const struct scrub *scrub)
{
    uint64_t share = scrub->options.events_per_second * SLICE_MS / 1000;
    share = share == 0 ? 1 : share;
    return share > CHECK_RANGE_MAX ? CHECK_RANGE_MAX : share;
}

uint64_t scrub_run(void *context, uint64_t now_ms)
{
    struct scrub *scrub = context;
    uint64_t started = lucid_boot_ms(&scrub->clock);
    uint64_t done = 0;
    enum lucid_error error = scrub->check == NULL ? pass_open(scrub) : LUCID_OK;
    if (error == LUCID_OK) {
        error = slice_run(scrub, share_of(scrub), &done);
    }
    if (error != LUCID_OK) {
        lucid_log(LUCID_LOG_WARN, "scrub.retry", "the scrub begins anew: %s",
                  lucid_error_name(error));
        pass_close(scrub);
        return RETRY_MS;
    }
    atomic_fetch_add(&scrub->state.checked, done);
    atomic_store(&scrub->state.done, scrub->next - 1);
    findings_update(scrub);
    if (scrub->next > check_events(scrub->check) && scrub->folded) {
        pass_end(scrub, now_ms);
        return PASS_PAUSE_MS;
    }
    uint64_t wait = (done == 0 ? 1 : done) * 1000 / scrub->options.events_per_second;
    uint64_t took = lucid_boot_ms(&scrub->clock) - started;
    return wait > took ? wait - took : 1;
}

/* --- metrics ---------------------------------------------------------------------------------- */

void scrub_metrics(const struct scrub *scrub, struct lucid_buf *out)
{
    const struct scrub_state *state = &scrub->state;
    uint64_t now = atomic_load(&state->findings);
    uint64_t before = atomic_load(&state->findings_end);
    lucid_prom_gauge(out, "lucid_scrub_events", atomic_load(&state->events),
                     "Events that this pass of the scrub checks.");
    lucid_prom_gauge(out, "lucid_scrub_events_done", atomic_load(&state->done),
                     "Events that it has checked so far.");
    lucid_prom_counter(out, "lucid_scrub_checked_events_total", atomic_load(&state->checked),
                       "Events checked by the scrub over all passes.");
    lucid_prom_counter(out, "lucid_scrub_passes_total", atomic_load(&state->passes),
                       "Whole passes of the scrub.");
    lucid_prom_gauge(out, "lucid_scrub_pass_end_timestamp_seconds",
                     atomic_load(&state->pass_end_ms) / 1000,
                     "When the last whole pass ended; 0: none yet.");
    lucid_prom_gauge(out, "lucid_scrub_findings", now > before ? now : before,
                     "Findings of damage in this pass or the last whole one.");
}

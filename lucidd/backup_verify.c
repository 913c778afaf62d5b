/* What a copy must pass before it is called a backup, or restored: the check of the whole log, on
 * one thread, without the tables and the signatures of receipts, which are fsck's. It asks for no
 * table, so stores of older programs pass as well. */
#include <stdlib.h>
#include <unistd.h>

#include "ledger/check.h"
#include "ledger/head.h"
#include "lucidd/backup_internal.h"
#include "lucidd/offline.h"

enum { RANGE_EVENTS = 1024 };

struct verify {
    struct store *store;
    struct check *check;
    const struct plugins *plugins;
    backup_progress_fn *progress;
    void *context;
    struct check_report *report;
    struct backup_facts facts;
};

/* The first finding, in words. */
static enum lucid_error damaged(const struct check_report *report, struct lucid_why *why)
{
    for (size_t i = 0; i < report->kept_count; i++) {
        const struct check_finding *finding = &report->kept[i];
        if (finding->undecided) {
            continue;
        }
        bool leaf = finding->sequence == 0 && finding->leaf != CHECK_NO_LEAF;
        return finding->sequence == 0 && !leaf
                   ? lucid_refuse(why, LUCID_FATAL_CORRUPT, "DAMAGED", NULL, "%s", finding->text)
                   : lucid_refuse(why, LUCID_FATAL_CORRUPT, "DAMAGED", NULL, "%s %llu: %s",
                                  leaf ? "leaf" : "event",
                                  (unsigned long long)(leaf ? finding->leaf : finding->sequence),
                                  finding->text);
    }
    return lucid_refuse(why, LUCID_FATAL_CORRUPT, "DAMAGED", NULL, "the store is damaged");
}

/* Range after range, until the first that is damaged. */
static enum lucid_error ranges_check(struct verify *verify, struct check_worker *worker)
{
    const struct check_report *report = check_worker_report(worker);
    uint64_t events = check_events(verify->check);
    enum lucid_error error = LUCID_OK;
    for (uint64_t from = 1; error == LUCID_OK && from <= events; from += RANGE_EVENTS) {
        uint64_t to = events - from < RANGE_EVENTS ? events : from + RANGE_EVENTS - 1;
        error = check_range(worker, from, to);
        if (check_report_damage(report) > 0) {
            break;
        }
        if (verify->progress != NULL) {
            verify->progress(verify->context, "verify", to, events);
        }
    }
    check_report_merge(verify->report, report);
    return error;
}

static enum lucid_error log_check(struct verify *verify, struct lucid_why *why)
{
    struct check_worker *worker;
    enum lucid_error error = check_worker_open(verify->check, &worker);
    if (error == LUCID_OK) {
        error = ranges_check(verify, worker);
        check_worker_close(worker);
    }
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, "VERIFY", NULL, "the store could not be verified: %s",
                            lucid_error_name(error));
    }
    if (check_report_damage(verify->report) == 0) {
        check_finish(verify->check, verify->report);
    }
    return check_report_damage(verify->report) == 0 ? LUCID_OK : damaged(verify->report, why);
}

/* The newest event and the newest head, from a log that has been checked. */
static enum lucid_error newest_read(struct store_view *view, struct backup_facts *facts)
{
    struct store_event newest;
    struct ledger_vkey vkey;
    struct ledger_checkpoint head;
    struct lucid_span checkpoint = {NULL, 0};
    enum lucid_error error = store_event_read(view, facts->events, &newest);
    if (error == LUCID_OK) {
        error = ledger_head_find(view, &checkpoint);
    }
    if (error == LUCID_OK) {
        error = ledger_vkey_parse(lucid_span_str(facts->identity.vkey), &vkey, NULL);
    }
    if (error == LUCID_OK) {
        error = ledger_checkpoint_open(checkpoint, &vkey, &head, NULL);
    }
    if (error == LUCID_OK && checkpoint.len > sizeof(facts->checkpoint)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        memcpy(facts->event_hash, newest.hash, sizeof(facts->event_hash));
        memcpy(facts->checkpoint, checkpoint.data, checkpoint.len);
        facts->checkpoint_len = checkpoint.len;
        facts->head_size = head.size;
        memcpy(facts->head_root, head.root.bytes, sizeof(facts->head_root));
    }
    return error;
}

static enum lucid_error facts_take(struct verify *verify, struct lucid_why *why)
{
    struct backup_facts *facts = &verify->facts;
    struct store_view *view;
    facts->events = check_events(verify->check);
    facts->leaves = check_leaves(verify->check);
    facts->bodies = verify->report->bodies;
    facts->erased = verify->report->erased;
    enum lucid_error error = store_view_open(verify->store, &view);
    if (error == LUCID_OK) {
        error = store_view_begin(view);
        if (error == LUCID_OK) {
            error = newest_read(view, facts);
            store_view_end(view);
        }
        store_view_close(view);
    }
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, LUCID_FATAL_CORRUPT, "DAMAGED", NULL, "the log has no head");
    }
    return error == LUCID_OK
               ? error
               : lucid_refuse(why, error, "VERIFY", NULL, "the newest head cannot be read: %s",
                              lucid_error_name(error));
}

static enum lucid_error opened_verify(struct verify *verify, struct lucid_why *why)
{
    if (check_events(verify->check) == 0) {
        return lucid_refuse(why, LUCID_NOTE_ABSENT, "NO_LOG", NULL, "the store holds no log");
    }
    enum lucid_error error = log_check(verify, why);
    if (error == LUCID_OK && !check_log_identity(verify->check, &verify->facts.identity)) {
        error = lucid_refuse(why, LUCID_FATAL_CORRUPT, "DAMAGED", NULL,
                             "the store does not say whose log this is");
    }
    return error == LUCID_OK ? facts_take(verify, why) : error;
}

static enum lucid_error store_open_verify(struct verify *verify, const char *path,
                                          struct lucid_why *why)
{
    struct kinds kinds;
    kinds_init(&kinds, NULL);
    enum lucid_error error = kinds_add_plugins(&kinds, verify->plugins, why);
    if (error != LUCID_OK) {
        return error;
    }
    const struct check_options options = {
        .uses = kinds.uses,
        .use_count = kinds.count,
        .quick = true,
        .still = true,
    };
    error = offline_store_open(path, OFFLINE_READ, &verify->store, why);
    if (error == LUCID_OK) {
        error = check_open(verify->store, &options, &verify->check, why);
    }
    if (error == LUCID_OK) {
        error = opened_verify(verify, why);
    }
    check_close(verify->check);
    store_close(verify->store);
    return error;
}

enum lucid_error backup_verify(const char *store, const struct plugins *plugins,
                               backup_progress_fn *progress, void *context,
                               struct backup_facts *ret, struct lucid_why *why)
{
    struct verify verify = {.plugins = plugins, .progress = progress, .context = context};
    verify.report = calloc(1, sizeof(*verify.report));
    if (verify.report == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory");
    }
    enum lucid_error error = store_open_verify(&verify, store, why);
    path_unlink(store, "lock.mdb");
    free(verify.report);
    if (error == LUCID_OK) {
        *ret = verify.facts;
    }
    return error;
}

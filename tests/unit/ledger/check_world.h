/* A whole store checked as `lucid fsck` does it, by one thread. */
#ifndef LUCID_TESTS_CHECK_WORLD_H
#define LUCID_TESTS_CHECK_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/check.h"

/* range: events at a time. */
static inline void check_world_run(struct store *store, const struct check_options *options,
                                   uint64_t range, struct check_report *ret)
{
    struct check *check;
    struct check_worker *worker;
    struct check_fold *fold;
    bool done = false;
    assert_int_equal(check_open(store, options, &check, NULL), LUCID_OK);
    assert_int_equal(check_worker_open(check, &worker), LUCID_OK);
    assert_int_equal(check_fold_open(check, &fold), LUCID_OK);
    for (uint64_t from = 1; from <= check_events(check); from += range) {
        uint64_t to = from + range - 1;
        to = to < check_events(check) ? to : check_events(check);
        assert_int_equal(check_range(worker, from, to), LUCID_OK);
    }
    while (!done) {
        assert_int_equal(check_fold_step(fold, &done), LUCID_OK);
    }
    memset(ret, 0, sizeof(*ret));
    check_report_merge(ret, check_worker_report(worker));
    check_report_merge(ret, check_fold_report(fold));
    check_finish(check, ret);
    check_fold_close(fold);
    check_worker_close(worker);
    check_close(check);
}

#endif

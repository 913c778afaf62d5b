/* What a verifier has found: a list of judged steps and the verdict that follows from them. One
 * type for every form of proof, for the command line and for POST /v1/verify.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_LEDGER_REPORT_H
#define LUCID_LEDGER_REPORT_H

#include "base/buf.h"

enum ledger_outcome {
    LEDGER_SKIPPED, /* could not be judged: something it needs is missing or failed before */
    LEDGER_PASSED,
    LEDGER_FAILED,
};

enum ledger_verdict {
    LEDGER_UNDECIDED, /* nothing failed, but not all could be judged: no head yet, key unknown */
    LEDGER_VALID,     /* every step passed */
    LEDGER_INVALID,   /* at least one step failed */
};

struct ledger_step {
    const char *name; /* stable, lower case with underscores, static storage */
    enum ledger_outcome outcome;
    char text[160]; /* one English sentence; may quote input, so not always UTF-8 */
};

#define LEDGER_STEPS_MAX 12

struct ledger_report {
    enum ledger_verdict verdict;
    size_t step_count;
    struct ledger_step steps[LEDGER_STEPS_MAX];
};

/* Begins a report of these steps, all of them skipped. */
void ledger_report_init(struct ledger_report *ret, const char *const *names, size_t count);

/* Adds one more step, skipped, and returns its position. Call ledger_report_close again after it
 * was judged. Asserts that there is room. */
size_t ledger_report_add(struct ledger_report *report, const char *name);

/* Judges a step. The text is cut to fit. */
void ledger_report_set(struct ledger_report *report, size_t step, enum ledger_outcome outcome,
                       const char *format, ...) LUCID_PRINTF(4, 5);

/* The same with one text for passed and one for failed. */
void ledger_report_judge(struct ledger_report *report, size_t step, bool good, const char *yes,
                         const char *no);

/* Makes the verdict: invalid when a step failed, else undecided when one was skipped, else valid.
 */
void ledger_report_close(struct ledger_report *report);

/* Appends {"verdict","valid","steps":[{"name","outcome","text"},…]} to buf; bytes of a text that
 * are not printable ASCII become '?'. Failure to grow is buf's sticky error. */
void ledger_report_write_json(struct lucid_buf *buf, const struct ledger_report *report);

/* "skipped", "passed", "failed"; "undecided", "valid", "invalid". Static storage. */
const char *ledger_outcome_name(enum ledger_outcome outcome);
const char *ledger_verdict_name(enum ledger_verdict verdict);

#endif

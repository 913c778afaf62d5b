/* The engine of `lucid receipt submit`: batches out, answers in, retries, totals. */
#ifndef LUCID_TOOLS_SUBMIT_H
#define LUCID_TOOLS_SUBMIT_H

#include "tools/lucid/cli.h"
#include "tools/lucid/input.h"
#include "tools/lucid/journal.h"

#define SUBMIT_BATCH_MAX       1000
#define SUBMIT_BATCH_BYTES_MAX ((size_t)16 << 20)

enum submit_state { SUBMIT_PENDING, SUBMIT_ACCEPTED, SUBMIT_REPLAYED, SUBMIT_REFUSED };

struct submit_line {
    size_t offset; /* in text */
    size_t len;    /* with its line end */
    uint64_t record;
    uint64_t line;    /* in the input, 0: it came out of the journal */
    const char *name; /* of the input, or NULL */
    enum submit_state state;
};

struct submit_totals {
    uint64_t accepted;
    uint64_t replayed;
    uint64_t refused;
};

struct submit {
    struct cli *cli;
    struct journal *journal;
    const struct input *input; /* for the bar; may be NULL */
    uint64_t batch_max;
    uint64_t retries;
    struct submit_totals totals;
    uint64_t started_ms;
    bool bar;              /* standard error is a terminal */
    uint64_t bar_ms;       /* when it was last drawn */
    struct lucid_buf text; /* the batch: envelopes, a line each */
    struct lucid_buf outgoing;
    struct submit_line lines[SUBMIT_BATCH_MAX];
    size_t count;
    size_t asked[SUBMIT_BATCH_MAX]; /* of the running request: which lines, in order */
    size_t asked_count;
    size_t answered;
};

/* Frees what the struct holds; the struct itself is the caller's. */
void submit_fini(struct submit *submit);

/* Adds an envelope (without line end) to the batch. False: the batch is full, flush it first. */
bool submit_add(struct submit *submit, struct lucid_span envelope, uint64_t record,
                const char *name, uint64_t line) LUCID_WARN_UNUSED;

/* Sends the batch until every line has its answer, and writes that into the journal. Its envelopes
 * must be in the journal. Prints refusals (with --json: every answer), and its own errors. */
enum cli_exit submit_flush(struct submit *submit) LUCID_WARN_UNUSED;

/* The last line for people. */
void submit_summary(struct submit *submit);

/* Removes the bar, so that something else can be printed. */
void submit_bar_clear(struct submit *submit);

#endif

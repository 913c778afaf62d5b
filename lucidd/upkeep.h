/* Upkeep: one background thread for what happens now and then beside requests (the scrub, side
 * files). No locks: tasks belong to the thread once it runs; the stop is an atomic flag and an
 * eventfd.
 *
 * A task runs for a short time (some ten milliseconds), says when it wants to run again, and keeps
 * its own state in its context. Tasks never run at the same time. */
#ifndef LUCID_LUCIDD_UPKEEP_H
#define LUCID_LUCIDD_UPKEEP_H

#include "base/clock.h"
#include "base/error.h"

#define UPKEEP_TASKS_MAX 16
/* For run's answer: not again, but for the stop. */
#define UPKEEP_NEVER UINT64_MAX

struct upkeep;

struct upkeep_task {
    const char *name; /* for log lines; static storage */
    /* Does a piece of work; now_ms is the wall clock's Unix time. Answers in how many milliseconds
     * it wants to run again (0: at once, after the other tasks that are due), or UPKEEP_NEVER.
     * Thread: the upkeep thread. */
    uint64_t (*run)(void *context, uint64_t now_ms);
    void *context;
    uint64_t first_ms; /* when it runs first, from the thread's start on; or UPKEEP_NEVER */
    bool at_stop;      /* runs once more when the thread is stopped */
};

/* LUCID_RETRY_MEMORY, also when there is no descriptor left. upkeep_close: upkeep_run must have
 * returned (or never been called); NULL is allowed. */
enum lucid_error upkeep_open(const struct lucid_clock *clock,
                             struct upkeep **ret) LUCID_WARN_UNUSED;
void upkeep_close(struct upkeep *upkeep);

/* Takes a task on. Only before upkeep_run; asserts that there is room. */
void upkeep_add(struct upkeep *upkeep, const struct upkeep_task *task);

/* The thread's body: returns after upkeep_stop, when the tasks with at_stop have run. */
void upkeep_run(struct upkeep *upkeep);

/* Ends upkeep_run after the task that runs now. Thread: any. */
void upkeep_stop(struct upkeep *upkeep);

/* Whether upkeep_stop was called: for tasks that work in several steps. Thread: any. */
bool upkeep_stopping(const struct upkeep *upkeep);

#endif

/* Upkeep: one background thread for what happens now and then beside requests (the scrub, side
 * files). No locks: tasks belong to the thread once it runs; pokes are atomic flags and an eventfd.
 *
 * A task runs for a short time (some ten milliseconds), says when it wants to run again, and keeps
 * its own state in its context. Tasks never run at the same time. */
#ifndef LUCID_LUCIDD_UPKEEP_H
#define LUCID_LUCIDD_UPKEEP_H

#include "base/clock.h"
#include "base/error.h"

#define UPKEEP_TASKS_MAX 16
/* For run's answer: only when poked, or at the stop. */
#define UPKEEP_ON_POKE UINT64_MAX

struct upkeep;

struct upkeep_task {
    const char *name; /* for log lines; static storage */
    /* Does a piece of work; now_ms is the wall clock's Unix time. Answers in how many milliseconds
     * it wants to run again (0: at once, after the other tasks that are due), or UPKEEP_ON_POKE.
     * Thread: the upkeep thread. */
    uint64_t (*run)(void *context, uint64_t now_ms);
    void *context;
    uint64_t first_ms; /* when it runs first, counted from the thread's start; may be ON_POKE */
    bool at_stop;      /* runs once more when the thread is stopped */
};

/* LUCID_RETRY_MEMORY, also when there is no descriptor left. upkeep_close: upkeep_run must have
 * returned (or never been called); NULL is allowed. */
enum lucid_error upkeep_open(const struct lucid_clock *clock,
                             struct upkeep **ret) LUCID_WARN_UNUSED;
void upkeep_close(struct upkeep *upkeep);

/* Takes a task on and returns its number. Only before upkeep_run; asserts that there is room. */
unsigned upkeep_add(struct upkeep *upkeep, const struct upkeep_task *task);

/* The thread's body: returns after upkeep_stop, when the tasks with at_stop have run. */
void upkeep_run(struct upkeep *upkeep);

/* Runs the task soon, whatever it was waiting for; pokes before it has run count as one. Thread:
 * any; takes no lock and never waits. */
void upkeep_poke(struct upkeep *upkeep, unsigned task);

/* Ends upkeep_run after the task that runs now. Thread: any. */
void upkeep_stop(struct upkeep *upkeep);

/* Whether upkeep_stop was called: for tasks that work in several steps. Thread: any. */
bool upkeep_stopping(const struct upkeep *upkeep);

#endif

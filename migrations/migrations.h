/* Numbered changes of the store's form: they create tables and record what changed; they never
 * touch events. The number of the newest one applied lies in the store; a store with a higher one
 * was written by a newer program and is refused. */
#ifndef LUCID_MIGRATIONS_MIGRATIONS_H
#define LUCID_MIGRATIONS_MIGRATIONS_H

#include "ledger/store/store.h"

struct migration {
    uint32_t number; /* 1, 2, 3 … without gaps */
    const char *name;
    enum lucid_error (*run)(struct store_batch *batch);
};

/* All of them, in order; ends with run NULL. */
extern const struct migration migrations[];

/* Applies what is missing, each in a transaction of its own. Thread: the writer.
 * Errors: LUCID_FATAL_NEWER, and those of the store. */
enum lucid_error migrations_run(struct store *store, uint32_t *ret_applied,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* The same with another list: what a program that knows less, or more, does with a store. */
enum lucid_error migrations_run_list(struct store *store, const struct migration *list,
                                     uint32_t *ret_applied,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* The newest migration's number in a store; 0 = none yet. */
enum lucid_error migrations_version(struct store *store, uint32_t *ret) LUCID_WARN_UNUSED;

/* The newest that this program knows. */
uint32_t migrations_newest(void);

#endif

/* A back end that wraps another one and fails on demand, for tests: what a full disk, a dying disk
 * or a crash inside a commit would do. Single-threaded. */
#ifndef LUCID_LEDGER_STORE_FAILING_H
#define LUCID_LEDGER_STORE_FAILING_H

#include "ledger/store/store.h"

enum store_fault {
    STORE_FAULT_NONE,
    STORE_FAULT_FULL,          /* the call fails with LUCID_RETRY_FULL; a commit keeps nothing */
    STORE_FAULT_COMMIT_LOST,   /* commit keeps nothing and says LUCID_FATAL_STORE */
    STORE_FAULT_COMMIT_UNTOLD, /* commit keeps everything and still says LUCID_FATAL_STORE */
};

/* Asked before every fallible write call (begin, append, put, del, clear, create, commit) with its
 * running number; what it returns happens. COMMIT faults are ignored by other calls than commit. */
typedef enum store_fault store_fault_fn(void *context, uint64_t call, bool is_commit);

/* Takes ownership of inner: closing the wrapper closes it, unless store_failing_release took it
 * back. After a LUCID_FATAL_STORE every further call on the wrapper returns LUCID_FATAL_STORE. */
enum lucid_error store_failing_open(struct store *inner, store_fault_fn *fn, void *context,
                                    struct store **ret) LUCID_WARN_UNUSED;

/* Frees the wrapper and gives inner back: the "restart" of a simulated machine. No view or batch
 * may be open. */
struct store *store_failing_release(struct store *failing);

#endif

/* The in-memory back end: the same semantics (snapshots, all-or-nothing batches), nothing durable.
 * For the simulation and for tests that replay into an empty store. Single-threaded. */
#ifndef LUCID_LEDGER_STORE_MEMORY_H
#define LUCID_LEDGER_STORE_MEMORY_H

#include "ledger/store/store.h"

/* An empty store. Errors: LUCID_RETRY_MEMORY. */
enum lucid_error store_memory_open(struct store **ret) LUCID_WARN_UNUSED;

#endif

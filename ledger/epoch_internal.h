#ifndef LUCID_LEDGER_EPOCH_INTERNAL_H
#define LUCID_LEDGER_EPOCH_INTERNAL_H

#include "ledger/epoch.h"

/* The epoch of a leaf that is in the tree, and if it is closed its end_leaf (else 0). */
enum lucid_error epoch_place(struct store_view *view, struct store *store, uint64_t leaf,
                             uint64_t *ret_epoch, uint64_t *ret_end_leaf) LUCID_WARN_UNUSED;

/* Reads an epoch.closed payload; closed_ms stays. LUCID_FATAL_CORRUPT. */
enum lucid_error epoch_closed_parse(struct lucid_span payload,
                                    struct ledger_epoch *ret) LUCID_WARN_UNUSED;

#endif

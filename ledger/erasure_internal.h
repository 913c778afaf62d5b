#ifndef LUCID_LEDGER_ERASURE_INTERNAL_H
#define LUCID_LEDGER_ERASURE_INTERNAL_H

#include "ledger/erasure.h"

/* The erasure of the receipt at a leaf, from that table. LUCID_NOTE_ABSENT when there is none. */
enum lucid_error erasure_lookup(struct store_view *view, uint32_t table, uint64_t leaf,
                                struct ledger_erasure *ret) LUCID_WARN_UNUSED;

#endif

#ifndef LUCID_LEDGER_HEAD_INTERNAL_H
#define LUCID_LEDGER_HEAD_INTERNAL_H

#include "ledger/head.h"

/* The head kind's memory: the newest head. sequence 0 = none yet. */
struct head_memory {
    uint64_t size;
    uint64_t sequence;
    uint64_t signed_ms;
    struct mmr_hash root;
};

/* The size of the newest head that the view sees; 0 when there is none. */
uint64_t head_newest_size(struct store_view *view, struct store *store);

/* The head of exactly that size, in any view of the store. LUCID_NOTE_ABSENT when there is none. */
enum lucid_error head_of_size(struct store_view *view, struct store *store, uint64_t size,
                              struct ledger_head *ret) LUCID_WARN_UNUSED;

#endif

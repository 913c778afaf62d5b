/* Heads: C2SP checkpoints of the one tree, signed by the log key (CONTRACT 2). An event holds the
 * exact bytes; what is served is read back from it and never signed again. */
#ifndef LUCID_LEDGER_HEAD_H
#define LUCID_LEDGER_HEAD_H

#include "ledger/ledger.h"

struct ledger_skey;

struct ledger_head_config {
    const struct ledger_skey *key; /* the log key; must match log.init */
    uint64_t interval_ms_max;      /* head_interval_ms */
};

extern const struct ledger_kind ledger_head_kind;

struct ledger_head {
    uint64_t size;
    struct mmr_hash root;
    uint64_t signed_ms;
    uint64_t sequence;            /* of the event that holds it */
    struct lucid_span checkpoint; /* the signed note; good until the view ends */
};

/* Signs a head when the tree has grown and the interval has passed since the newest one (or at
 * once, if asked); notes nothing otherwise. The first head of a log has size 0. */
struct ledger_head_tick {
    struct ledger_command command;
    bool at_once; /* init clears it */
};
void ledger_head_tick_init(struct ledger_head_tick *tick);
/* When the next head is due: Unix ms, 0 = the tree has not grown since the newest. Thread: writer.
 */
uint64_t ledger_head_due_ms(struct ledger *ledger);

/* The newest head within the view. LUCID_NOTE_ABSENT before the first. */
enum lucid_error ledger_head_newest(struct ledger_view *view,
                                    struct ledger_head *ret) LUCID_WARN_UNUSED;
/* The signed bytes of the newest head in a store over which no ledger is open, as in one of an
 * older program: looked for from the end. LUCID_NOTE_ABSENT in a log without any. */
enum lucid_error ledger_head_find(struct store_view *view,
                                  struct lucid_span *ret_checkpoint) LUCID_WARN_UNUSED;
/* The head of exactly that size. */
enum lucid_error ledger_head_of_size(struct ledger_view *view, uint64_t size,
                                     struct ledger_head *ret) LUCID_WARN_UNUSED;

#endif

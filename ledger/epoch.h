/* Epochs: ranges [first_leaf, end_leaf) of the one tree. An epoch opens with its first leaf and
 * closes at receipts_max leaves, seconds_max after its first leaf, or by an operator; it is never
 * empty (CONTRACT 2). */
#ifndef LUCID_LEDGER_EPOCH_H
#define LUCID_LEDGER_EPOCH_H

#include "ledger/ledger.h"

#define EPOCH_RECEIPTS_MAX_DEFAULT 100
#define EPOCH_SECONDS_MAX_DEFAULT  3600

struct ledger_epoch_config {
    uint64_t receipts_max;
    uint64_t seconds_max;
};

extern const struct ledger_kind ledger_epoch_kind;

enum epoch_closed_by {
    EPOCH_OPEN = 0,
    EPOCH_BY_COUNT = 1,
    EPOCH_BY_AGE = 2,
    EPOCH_BY_OPERATOR = 3,
};
/* "count", "age", "operator"; NULL for EPOCH_OPEN. */
const char *epoch_closed_by_name(enum epoch_closed_by by);

struct ledger_epoch {
    uint64_t number; /* from 0 */
    uint64_t first_leaf;
    uint64_t end_leaf; /* of an open epoch: the leaves so far */
    uint64_t opened_ms;
    uint64_t closed_ms; /* 0 while open */
    enum epoch_closed_by closed_by;
    struct mmr_hash root; /* of the tree of end_leaf leaves */
};

enum epoch_verb { EPOCH_TICK, EPOCH_FINALIZE };

/* EPOCH_TICK closes the open epoch if it is old enough, else does nothing. EPOCH_FINALIZE closes it
 * in any case; refused with code EPOCH_NOT_OPEN when none is open. */
struct ledger_epoch_command {
    struct ledger_command command;
    bool ret_closed;
    uint64_t ret_epoch;
};
void ledger_epoch_command_init(struct ledger_epoch_command *command, enum epoch_verb verb);

/* When the open epoch's age closes it: Unix ms, 0 = none open. Thread: writer. */
uint64_t ledger_epoch_due_ms(struct ledger *ledger);

/* LUCID_NOTE_ABSENT beyond the newest. The open epoch answers to its number too. */
enum lucid_error ledger_epoch_read(struct ledger_view *view, uint64_t number,
                                   struct ledger_epoch *ret) LUCID_WARN_UNUSED;
/* LUCID_NOTE_ABSENT when none is open. */
enum lucid_error ledger_epoch_current(struct ledger_view *view,
                                      struct ledger_epoch *ret) LUCID_WARN_UNUSED;
/* How many there are, the open one included. */
uint64_t ledger_epoch_count(struct ledger_view *view);

#endif

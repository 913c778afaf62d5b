/* Cosignatures of our heads by witnesses (CONTRACT 3; C2SP tlog-witness). Event `head.cosigned`
 * carries the lines that verified when they came in, so they survive a restart, are exported and
 * mirrored. Replay needs no key: what is in the log was checked before.
 *
 * Which witnesses count, and when they are enough, is the policy's (ledger/policy.h): the
 * configuration of the running service, not part of the log. */
#ifndef LUCID_LEDGER_WITNESS_H
#define LUCID_LEDGER_WITNESS_H

#include "ledger/head.h"
#include "ledger/policy.h"

struct ledger_witness_config {
    const struct ledger_policy *policy; /* whose lines are taken; NULL: nobody's */
};

extern const struct ledger_kind ledger_witness_kind;

/* Adds cosignatures to a head. */
struct ledger_witness_command {
    struct ledger_command command;
    uint64_t size;           /* of the head */
    struct lucid_span lines; /* signature lines, each with its LF; borrowed until it is done */
    uint32_t added;          /* the outcome: lines that were new */
};

/* Refusals of decide: NO_POLICY, HEAD_UNKNOWN (no head of ours has that size), and for a line that
 * is malformed, by none of the policy's witnesses or not good: COSIGNATURE_MALFORMED,
 * COSIGNATURE_UNKNOWN, SIGNATURE_INVALID; then none of the lines is kept. A line by a key that has
 * cosigned that head already is nothing new: LUCID_OK, added 0. */
void ledger_witness_command_init(struct ledger_witness_command *command, uint64_t size,
                                 struct lucid_span lines);

/* --- queries ---------------------------------------------------------------------------------- */

/* The cosignature lines of the head of that size, each with its LF; good until the view ends.
 * LUCID_NOTE_ABSENT when there are none. */
enum lucid_error ledger_witness_lines(struct ledger_view *view, uint64_t size,
                                      struct lucid_span *ret_lines) LUCID_WARN_UNUSED;

/* Appends to out the checkpoint of that size with the cosignatures that are known: the head's own
 * bytes and behind them the lines, perhaps none. Failure to grow is out's sticky error.
 * LUCID_NOTE_ABSENT when no head has that size. */
enum lucid_error ledger_witness_checkpoint(struct ledger_view *view, uint64_t size,
                                           struct lucid_buf *out) LUCID_WARN_UNUSED;

/* Which of the policy's witnesses have cosigned the head of that size (bit i: witness i), each line
 * verified again. No head or no lines: 0. */
enum lucid_error ledger_witness_cosigned(struct ledger_view *view,
                                         const struct ledger_policy *policy, uint64_t size,
                                         uint32_t *ret_cosigned) LUCID_WARN_UNUSED;

/* The size of the newest head whose cosignatures satisfy the policy, among the heads_max newest
 * cosigned ones (each costs a signature check a line); with a policy without quorum the newest
 * head. LUCID_NOTE_ABSENT when there is none. */
enum lucid_error ledger_witness_newest(struct ledger_view *view, const struct ledger_policy *policy,
                                       uint32_t heads_max, uint64_t *ret_size) LUCID_WARN_UNUSED;

#endif

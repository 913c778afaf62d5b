/* Payout runs: the open lines of a settlement statement that the treasury is to pay, proposed and
 * then approved by an admin. Events (docs/FORMAT.md):
 *
 *   run.proposed     the lines, each with payee, address and amount, and their sum
 *   run.approved     they may be sent
 *   run.cancelled    what of them was not ordered yet is not sent
 *   run.line_failed  a line that could not be started
 *
 * What becomes of a line follows from the events of its payout (gas/payout.h) and outflow
 * (x402/outflow.h). The payout's external id is "run:RUN:LINE", its facilitator "treasury"; payouts
 * of such an id, and their ends while an order is open, are the treasury's alone.
 *
 * Preparing: any thread. Writing: the writer's thread. Queries: any thread, within a view. */
#ifndef LUCID_X402_TREASURY_RUN_H
#define LUCID_X402_TREASURY_RUN_H

#include "gas/payout.h"
#include "ledger/token.h"
#include "x402/payee.h"

extern const struct ledger_kind x402_treasury_run_kind;

/* The kind's configuration: to decide only. */
struct x402_treasury_run_config {
    bool two_admins; /* who approves is not who proposed */
};

#define X402_RUN_LINES_MAX     200 /* what one event can hold */
#define X402_RUN_SKIPPED_MAX   400
#define X402_RUN_FACILITATOR   "treasury"
#define X402_RUN_PURPOSE_START "run:" /* of external ids */

enum x402_run_state { X402_RUN_PROPOSED = 1, X402_RUN_APPROVED = 2, X402_RUN_CANCELLED = 3 };

enum x402_run_line_state {
    X402_RUN_WAITING = 1,   /* for approval, or its turn */
    X402_RUN_STARTED = 2,   /* it has a payout, and no order yet */
    X402_RUN_ORDERED = 3,   /* its transaction has a nonce */
    X402_RUN_PAID = 4,      /* final on the chain */
    X402_RUN_FAILED = 5,    /* nothing was paid; another run may try again */
    X402_RUN_WITHDRAWN = 6, /* cancelled before it was ordered */
};
const char *x402_run_line_state_name(enum x402_run_line_state state); /* "waiting" … */

struct x402_run {
    uint64_t number; /* from 1 */
    enum x402_run_state state;
    enum gas_unit unit;
    uint64_t settlement; /* the statement's number */
    char network[X402_CAIP2_BYTES_MAX + 1];
    struct evm_address token;
    uint64_t total;
    char proposed_by[TOKEN_ID_BYTES + 1];
    char approved_by[TOKEN_ID_BYTES + 1]; /* "": not approved */
    uint32_t lines;
    uint32_t counts[X402_RUN_WITHDRAWN + 1]; /* of lines, by state; together `lines` */
    uint64_t sequence;                       /* of run.proposed */
    uint64_t time_ms;
    uint64_t changed_ms; /* of the newest event that changed it */
};
/* "proposed", "approved", "cancelled", or "done": approved, and no line is under way any more. */
const char *x402_run_status(const struct x402_run *run);

struct x402_run_line {
    uint64_t run;
    uint32_t line; /* from 1 */
    enum x402_run_line_state state;
    char payee[GAS_NAME_BYTES_MAX + 1];
    struct evm_address address;
    uint64_t amount;
    uint64_t payout;                              /* its number; 0: none yet */
    char reason[GAS_PAYOUT_REASON_BYTES_MAX + 1]; /* failed */
};

struct x402_run_skipped {
    char payee[GAS_NAME_BYTES_MAX + 1];
    uint64_t open;
    const char *reason; /* "no_address", "address_ours", "in_run", "run_full"; static storage */
};

enum x402_run_verb { X402_RUN_PROPOSE, X402_RUN_APPROVE, X402_RUN_CANCEL, X402_RUN_LINE_FAIL };

/* Owns nothing outside itself; large: not for the stack of a loop. */
struct x402_run_command {
    struct ledger_command command;
    struct x402_run run;         /* PROPOSE: as asked; else number. After success: as it stands */
    char by[TOKEN_ID_BYTES + 1]; /* the admin's token */
    struct x402_run_line lines[X402_RUN_LINES_MAX]; /* PROPOSE; LINE_FAIL: the first one */
    size_t skipped_count;
    struct x402_run_skipped skipped[X402_RUN_SKIPPED_MAX];
    bool ret_known;                   /* it is so already: nothing was logged */
    const struct ledger_draft *draft; /* the kind's own */
};

/* A run of all lines of a statement with something open whose payees have an address on that
 * network; the others are `skipped`. Refusals: INVALID_RUN (LUCID_REFUSE_INVALID; param settlement:
 * not of USDC, or no such; network: none of the file, or without the treasury's key), RUN_CONFLICT
 * (LUCID_REFUSE_CONFLICT: no line can be paid, `text` says why of the first). The writer adds
 * RUN_CONFLICT: meanwhile another run has a line, or an address has changed. */
enum lucid_error x402_run_propose_prepare(struct x402_run_command *command,
                                          struct ledger_view *view,
                                          const struct x402_networks *networks, enum gas_unit unit,
                                          uint64_t settlement, struct lucid_span network,
                                          const char *by, struct lucid_why *why) LUCID_WARN_UNUSED;
/* Refusals of the writer: NOT_FOUND (LUCID_NOTE_ABSENT), RUN_CONFLICT (LUCID_REFUSE_CONFLICT; param
 * total: it is another; else cancelled before), RUN_TWO_ADMINS (LUCID_REFUSE_FORBIDDEN). */
void x402_run_approve_prepare(struct x402_run_command *command, uint64_t number, uint64_t total,
                              const char *by);
/* NOT_FOUND; RUN_CONFLICT: every line has been ordered or has ended. */
void x402_run_cancel_prepare(struct x402_run_command *command, uint64_t number, const char *by);
/* Of a waiting line: it could not be started. reason: UTF-8 without control characters, cut. */
void x402_run_line_fail_prepare(struct x402_run_command *command, uint64_t number, uint32_t line,
                                const char *reason);

/* "run:RUN:LINE". */
void x402_run_external_id(uint64_t run, uint32_t line, char ret[GAS_NAME_BYTES_MAX + 1]);

/* --- queries; all: LUCID_NOTE_ABSENT, LUCID_FATAL_CORRUPT --------------------------------------
 */

enum lucid_error x402_run_read(struct ledger_view *view, uint64_t number,
                               struct x402_run *ret) LUCID_WARN_UNUSED;
/* How many there are: the newest has that number. */
enum lucid_error x402_run_count(struct ledger_view *view, uint64_t *ret) LUCID_WARN_UNUSED;
/* The next line of a run after that one (0: the first). */
enum lucid_error x402_run_line_next(struct ledger_view *view, uint64_t run, uint32_t after,
                                    struct x402_run_line *ret) LUCID_WARN_UNUSED;
/* The next line, by run and line, that the treasury has to do with: waiting in an approved run,
 * started (perhaps in one that was cancelled), or ordered. */
enum lucid_error x402_run_due_next(struct ledger_view *view, uint64_t after_run,
                                   uint32_t after_line,
                                   struct x402_run_line *ret) LUCID_WARN_UNUSED;
/* The line of a payout. */
enum lucid_error x402_run_line_of_payout(struct ledger_view *view, uint64_t payout,
                                         struct x402_run_line *ret) LUCID_WARN_UNUSED;

#endif

/* Payouts: money on its way from a line of a settlement statement to its payee, outside this
 * service, recorded by an admin. Events of the settlement kind:
 *
 *   payout.started     takes the amount from what is open of the line: payee → transit
 *   payout.completed   paid, with an external reference: transit → clearing of the facilitator
 *   payout.failed      gives it back to the line: transit → payee
 *
 * A line may be paid in several payouts. A statement is closed when completed payouts have paid
 * every line. Payouts are idempotent by their external id, which is used once, also of failed ones:
 * to try again takes a new one.
 *
 * Writing: the writer's thread. Queries: any thread, within a view. */
#ifndef LUCID_GAS_PAYOUT_H
#define LUCID_GAS_PAYOUT_H

#include "gas/settlement.h"

#define GAS_PAYOUT_REFERENCE_BYTES_MAX   255
#define GAS_PAYOUT_REASON_BYTES_MAX      256
#define GAS_PAYOUT_NETWORK_BYTES_MAX     64
#define GAS_PAYOUT_TRANSACTION_BYTES_MAX 128
#define GAS_PAYOUT_FACILITATOR_DEFAULT   "external"

enum gas_payout_state {
    GAS_PAYOUT_STARTED = 1,
    GAS_PAYOUT_COMPLETED = 2,
    GAS_PAYOUT_FAILED = 3,
};
/* "started", "completed", "failed"; static storage. */
const char *gas_payout_state_name(enum gas_payout_state state);

struct gas_payout {
    uint64_t number; /* from 1, in the order of their start */
    /* Given at the start. */
    char external_id[GAS_NAME_BYTES_MAX + 1]; /* gas_name_ok */
    enum gas_unit unit;
    uint64_t settlement; /* the statement's number */
    char payee[GAS_NAME_BYTES_MAX + 1];
    uint64_t amount;
    char facilitator[GAS_NAME_BYTES_MAX + 1]; /* "": GAS_PAYOUT_FACILITATOR_DEFAULT */
    char note[GAS_NOTE_BYTES_MAX + 1];        /* "": none */
    /* Given at the end. */
    char reference[GAS_PAYOUT_REFERENCE_BYTES_MAX + 1];     /* completed; UTF-8, no controls */
    char network[GAS_PAYOUT_NETWORK_BYTES_MAX + 1];         /* completed; "": none */
    char transaction[GAS_PAYOUT_TRANSACTION_BYTES_MAX + 1]; /* completed; "": none */
    char reason[GAS_PAYOUT_REASON_BYTES_MAX + 1];           /* failed */
    /* Set by the log. */
    enum gas_payout_state state;
    uint64_t started_sequence;
    uint64_t started_ms;
    uint64_t ended_sequence; /* 0: not ended */
    uint64_t ended_ms;
};

enum gas_payout_verb {
    GAS_PAYOUT_START,    /* → started */
    GAS_PAYOUT_COMPLETE, /* started → completed */
    GAS_PAYOUT_FAIL,     /* started → failed */
    GAS_PAYOUT_RECORD,   /* start and complete in one: a payout that has happened */
};

struct gas_payout_command {
    struct ledger_command command;
    struct gas_payout payout; /* as asked; after success: as it now stands */
    bool ret_known;           /* all of it was there already: nothing was logged */
};

/* Check and make a command. In: start and record take a payout with its start members set (record
 * also the end's); complete and fail take its number and the end's members, "" for what is absent.
 * Refusal: INVALID_PAYOUT (param: the member).
 *
 * The writer adds:
 *   INVALID_PAYOUT        there is no such statement (param settlement) or no such line (payee)
 *   NOT_FOUND             LUCID_NOTE_ABSENT: no payout of that number (complete, fail)
 *   PAYOUT_CONFLICT       LUCID_REFUSE_CONFLICT: more than is open of the line (param amount); the
 *                         payout has ended otherwise
 *   IDEMPOTENCY_CONFLICT  LUCID_REFUSE_CONFLICT: the external id was used for another payout (param
 *                         external_id)
 *   AMOUNT_OVERFLOW       LUCID_REFUSE_TOO_LARGE: an account has no room (param amount)
 *
 * The same again is known: a start whose payout has the same start members, in whatever state it is
 * now; an end that it has had with the same members; a record of both. A record of a payout that
 * was started with the same members completes it. */
enum lucid_error gas_payout_start_prepare(struct gas_payout_command *command,
                                          const struct gas_payout *payout,
                                          struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error gas_payout_record_prepare(struct gas_payout_command *command,
                                           const struct gas_payout *payout,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error gas_payout_complete_prepare(struct gas_payout_command *command, uint64_t number,
                                             const char *reference, const char *network,
                                             const char *transaction,
                                             struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error gas_payout_fail_prepare(struct gas_payout_command *command, uint64_t number,
                                         const char *reason,
                                         struct lucid_why *why) LUCID_WARN_UNUSED;

/* As the batch has it: for the decide and the guard of any kind. LUCID_NOTE_ABSENT. */
enum lucid_error gas_payout_peek(struct ledger_txn *txn, uint64_t number,
                                 struct gas_payout *ret) LUCID_WARN_UNUSED;

/* LUCID_NOTE_ABSENT; LUCID_FATAL_CORRUPT. */
enum lucid_error gas_payout_read(struct ledger_view *view, uint64_t number,
                                 struct gas_payout *ret) LUCID_WARN_UNUSED;
/* By external id. */
enum lucid_error gas_payout_find(struct ledger_view *view, struct lucid_span external_id,
                                 struct gas_payout *ret) LUCID_WARN_UNUSED;
/* How many there are: the newest has that number. */
enum lucid_error gas_payout_count(struct ledger_view *view, uint64_t *ret) LUCID_WARN_UNUSED;
/* The next payout after that number (0: the first) of a statement's line; of all lines of the
 * statement with payee len 0, in the order of payee and number: then after is a payout of it, or 0.
 * LUCID_NOTE_ABSENT after the last. */
enum lucid_error gas_payout_of_line_next(struct ledger_view *view, enum gas_unit unit,
                                         uint64_t settlement, struct lucid_span payee,
                                         uint64_t after, struct gas_payout *ret) LUCID_WARN_UNUSED;

#endif

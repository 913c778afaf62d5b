/* Settlement: at each epoch's end one signed statement (gas/statement.h) per unit in which money
 * moved since the last, of what every payee earned; more than one document when the payees are
 * many. Event `settlement.issued`, payload = the document. Payouts close it: gas/payout.h, same
 * kind.
 *
 * The kind folds the postings of the events that carry payments (settlement.c: money_events) into
 * what each payee has earned and was not yet told. What is taken back from a payee is set off; more
 * than it earned is carried to its next line.
 *
 * An epoch never fails because of a statement: without a key none is issued, and a payee beyond the
 * GAS_SETTLEMENT_PARTS_MAX-th part of one epoch waits for the next, whose parts begin with it.
 *
 * Writing: the writer's thread. Queries: any thread, within a view. */
#ifndef LUCID_GAS_SETTLEMENT_H
#define LUCID_GAS_SETTLEMENT_H

#include "gas/books.h"
#include "gas/statement.h"

extern const struct ledger_kind gas_settlement_kind;

#define GAS_SETTLEMENT_PARTS_MAX 100

/* The kind's configuration. */
struct gas_settlement_config {
    const struct ledger_ed25519_key *key; /* service.key; NULL: no statement is issued */
};

struct gas_settlement {
    enum gas_unit unit;
    uint64_t number; /* of the unit's statements, from 0; each part has its own */
    uint64_t epoch;
    uint32_t part; /* 1 … parts */
    uint32_t parts;
    uint64_t period_first; /* event sequences */
    uint64_t period_last;
    uint64_t sequence; /* of settlement.issued */
    uint64_t issued_ms;
    uint8_t hash[GAS_STATEMENT_HASH_BYTES]; /* of the statement's JCS */
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    uint32_t line_count;
    uint32_t lines_open;      /* of them not yet fully paid */
    unsigned __int128 total;  /* Σ amount */
    unsigned __int128 paid;   /* by completed payouts */
    uint64_t closed_sequence; /* of the event that paid the last line; 0: the statement is open */
    uint64_t closed_ms;
};
/* "open" or "closed"; static storage. */
const char *gas_settlement_status(const struct gas_settlement *settlement);

/* LUCID_NOTE_ABSENT; LUCID_FATAL_CORRUPT. */
enum lucid_error gas_settlement_read(struct ledger_view *view, enum gas_unit unit, uint64_t number,
                                     struct gas_settlement *ret) LUCID_WARN_UNUSED;
/* How many of that unit there are: the newest has number *ret − 1. */
enum lucid_error gas_settlement_count(struct ledger_view *view, enum gas_unit unit,
                                      uint64_t *ret) LUCID_WARN_UNUSED;
/* The document as it was logged, bytes that hash and verify as the row says; good until the view
 * ends. LUCID_FATAL_CORRUPT when what was read back is not what was written. */
enum lucid_error gas_settlement_document(struct ledger_view *view,
                                         const struct gas_settlement *settlement,
                                         struct lucid_span *ret) LUCID_WARN_UNUSED;

/* A line and what became of it. open = amount − paid − pending. */
struct gas_settlement_line {
    enum gas_unit unit;
    uint64_t number; /* of the statement */
    char payee[GAS_NAME_BYTES_MAX + 1];
    uint64_t amount;
    uint64_t compute;
    uint64_t model;
    uint64_t released;
    uint64_t reversed;
    uint64_t brought;
    uint64_t carried;
    uint64_t payments;
    uint64_t paid;    /* completed payouts */
    uint64_t pending; /* payouts that were started and not ended */
};

enum lucid_error gas_settlement_line_read(struct ledger_view *view, enum gas_unit unit,
                                          uint64_t number, struct lucid_span payee,
                                          struct gas_settlement_line *ret) LUCID_WARN_UNUSED;
/* The next line of a statement by payee (len 0: the first). LUCID_NOTE_ABSENT after the last. */
enum lucid_error gas_settlement_line_next(struct ledger_view *view, enum gas_unit unit,
                                          uint64_t number, struct lucid_span after,
                                          struct gas_settlement_line *ret) LUCID_WARN_UNUSED;
/* The lines of one payee in a unit: the one in the first statement numbered at or after `from`. */
enum lucid_error gas_payee_line_next(struct ledger_view *view, enum gas_unit unit,
                                     struct lucid_span payee, uint64_t from,
                                     struct gas_settlement_line *ret) LUCID_WARN_UNUSED;

/* What a payee has earned since its last line, as the line that would be issued now; number, paid
 * and pending are 0. The next payee of the unit after that one (len 0: the first).
 * LUCID_NOTE_ABSENT after the last. */
enum lucid_error gas_earning_next(struct ledger_view *view, enum gas_unit unit,
                                  struct lucid_span after,
                                  struct gas_settlement_line *ret) LUCID_WARN_UNUSED;

#endif

/* The books: accounts and double-entry postings, folded from the log. Every posting has one debit
 * account, one credit account, one unit and one cause, the sequence of an event; so per unit the
 * sum of debits is the sum of credits after every event. Receipts (and every other logged leaf),
 * closed epochs and deposits are posted here; other kinds bring their postings in their events'
 * payloads (gas_postings_write).
 *
 * Account ids are stable text, class:name:UNIT:
 *
 *   signer:<64 hex>:LUCID           what a signer has prepaid less what it was charged
 *   protocol:gas:LUCID              gas of documents that plugins log
 *   revenue:gas:LUCID               gas earned
 *   revenue:protocol:<unit>         the protocol's leg of payments
 *   payee:<payee>:<unit>            what is owed to a payee
 *   suspense:<leg>:<asset>:<unit>   a leg whose payee is not registered
 *   clearing:<facilitator>:<unit>   money that came in through (or went out of) a facilitator;
 *                                   clearing:deposits:LUCID for deposits
 *   transit:payouts:<unit>          payouts on their way
 *
 * Writing: the writer's thread. Queries: any thread, within a view. */
#ifndef LUCID_GAS_BOOKS_H
#define LUCID_GAS_BOOKS_H

#include "base/jcs/jcs.h"
#include "gas/amount.h"
#include "ledger/ledger.h"

extern const struct ledger_kind gas_books_kind;

#define GAS_ACCOUNT_ID_BYTES_MAX 200
#define GAS_NAME_BYTES_MAX       128 /* asset, payee, facilitator */
#define GAS_WHAT_BYTES_MAX       24
#define GAS_IGAS_DEFAULT         ((uint64_t)1000000000) /* 1 LUCID per receipt */
#define GAS_MGAS_DEFAULT         ((uint64_t)5000000000) /* 5 LUCID per epoch root */
#define GAS_TARIFF_MAX           ((uint64_t)1000000000000000)

enum gas_mode {
    GAS_POSTPAID, /* charges may overdraw; the default */
    GAS_PREPAID,  /* a receipt whose signer cannot pay is refused: GAS_EXHAUSTED */
};

/* What the writer counts for the service's metrics, from its start on; anybody may read. */
struct gas_books_counters {
    _Atomic uint64_t exhausted; /* receipts refused with GAS_EXHAUSTED */
    _Atomic uint64_t overdrawn; /* times that an epoch's root overdrew a prepaid account */
};

/* The kind's configuration. */
struct gas_books_config {
    enum gas_mode mode;
    struct gas_books_counters *counters; /* NULL: nothing is counted */
};

enum gas_class {
    GAS_CLASS_SIGNER = 1,
    GAS_CLASS_PROTOCOL = 2,
    GAS_CLASS_REVENUE = 3,
    GAS_CLASS_PAYEE = 4,
    GAS_CLASS_SUSPENSE = 5,
    GAS_CLASS_CLEARING = 6,
    GAS_CLASS_TRANSIT = 7,
};
/* "signer" …; static storage. */
const char *gas_class_name(enum gas_class class);
bool gas_class_parse(struct lucid_span text, enum gas_class *ret) LUCID_WARN_UNUSED;
/* Whether a class's balance is debits − credits (clearing, protocol); else credits − debits. */
bool gas_class_is_debit(enum gas_class class);

/* An id's class and unit; false when it is no account id. */
bool gas_account_id_parse(struct lucid_span id, enum gas_class *ret_class,
                          enum gas_unit *ret_unit) LUCID_WARN_UNUSED;

/* Each writes an id and its terminating 0. Names must be gas_name_ok. */
void gas_account_signer(const uint8_t key[32], char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1]);
void gas_account_payee(struct lucid_span payee, enum gas_unit unit,
                       char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1]);
void gas_account_suspense(const char *leg, struct lucid_span asset, enum gas_unit unit,
                          char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1]);
void gas_account_clearing(struct lucid_span facilitator, enum gas_unit unit,
                          char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1]);
/* "revenue:protocol:USDC", "transit:payouts:USDC" … */
void gas_account_own(enum gas_class class, const char *name, enum gas_unit unit,
                     char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1]);

/* --- postings of other kinds ------------------------------------------------------------------ */

/* A posting that is to be. Both accounts are of the same unit. */
struct gas_posting_draft {
    const char *debit;
    const char *credit;
    uint64_t amount; /* 0: left out */
    const char *what; /* "split.compute" …, at most GAS_WHAT_BYTES_MAX; docs/FORMAT.md lists them */
};

/* At most so many in one event: payload_parse takes 256 values, and each posting is five. */
#define GAS_POSTINGS_MAX 40

/* The payload member "postings" into an open JSON object, where it stands in JCS's order:
 * [{"amount":"5","credit":id,"debit":id,"what":text} …]. The books fold it from the events that
 * gas/books.c lists (posting_types). */
void gas_postings_write(struct lucid_buf *out, const struct gas_posting_draft *postings,
                        size_t count);

/* Whether the accounts have room for them: no total over GAS_AMOUNT_MAX. For decide, before the
 * event is drafted, and for react. LUCID_REFUSE_TOO_LARGE with code AMOUNT_OVERFLOW and the member
 * given as param. */
enum lucid_error gas_postings_check(struct ledger_txn *txn,
                                    const struct gas_posting_draft *postings, size_t count,
                                    const char *param, struct lucid_why *why) LUCID_WARN_UNUSED;

/* A posting read from such a member. Spans point into the parsed payload. */
struct gas_posting_read {
    struct lucid_span debit;
    struct lucid_span credit;
    uint64_t amount;
    struct lucid_span what;
    enum gas_unit unit;
};
/* The element of the array; LUCID_FATAL_CORRUPT when it is no posting. */
enum lucid_error gas_posting_parse(const struct jcs_value *element,
                                   struct gas_posting_read *ret) LUCID_WARN_UNUSED;

/* --- tariff, deposits, limits ----------------------------------------------------------------- */

struct gas_tariff {
    uint64_t sequence; /* of the event that set it; 0: none yet, nothing is charged */
    uint64_t time_ms;
    uint64_t igas; /* LUCID base units for each leaf; at most GAS_TARIFF_MAX */
    uint64_t mgas; /* for each closed epoch */
};

enum gas_books_verb { GAS_TARIFF_SET, GAS_DEPOSIT, GAS_LIMIT_SET };

#define GAS_KEY_BYTES_MAX  255 /* of an idempotency key */
#define GAS_NOTE_BYTES_MAX 256

/* In by verb: tariff (igas, mgas); signer, amount, key and note; signer and amount (the credit
 * limit). */
struct gas_books_command {
    struct ledger_command command;
    struct gas_tariff tariff;
    uint8_t signer[32];
    uint64_t amount;
    uint8_t key[32];                   /* SHA-256 of the idempotency key */
    char note[GAS_NOTE_BYTES_MAX + 1]; /* "": none */
    const struct ledger_draft *draft;  /* set by decide when something is new */
    /* Results. */
    bool ret_known;        /* nothing new: the same deposit, tariff or limit was there already */
    uint64_t ret_sequence; /* of the event that did it */
    uint64_t ret_time_ms;
};

/* Check and make a command. Refusals: INVALID_TARIFF (param igas, mgas), INVALID_DEPOSIT (amount,
 * note, Idempotency-Key), INVALID_LIMIT (credit_limit). The writer adds: NOT_FOUND
 * (LUCID_NOTE_ABSENT: no such signer), IDEMPOTENCY_CONFLICT (LUCID_REFUSE_CONFLICT: the key was
 * used for another deposit), AMOUNT_OVERFLOW. */
enum lucid_error gas_tariff_prepare(struct gas_books_command *command, uint64_t igas, uint64_t mgas,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error gas_deposit_prepare(struct gas_books_command *command, const uint8_t signer[32],
                                     uint64_t amount, struct lucid_span key, struct lucid_span note,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error gas_limit_prepare(struct gas_books_command *command, const uint8_t signer[32],
                                   uint64_t credit_limit, struct lucid_why *why) LUCID_WARN_UNUSED;

/* The tariff in force for an event of that sequence (UINT64_MAX: now): the newest set before it. */
enum lucid_error gas_tariff_at(struct ledger_view *view, uint64_t sequence,
                               struct gas_tariff *ret) LUCID_WARN_UNUSED;
/* The tariff set next after that sequence. LUCID_NOTE_ABSENT after the last. */
enum lucid_error gas_tariff_next(struct ledger_view *view, uint64_t after_sequence,
                                 struct gas_tariff *ret) LUCID_WARN_UNUSED;

/* What was charged over all, for the service's metrics. */
struct gas_totals {
    uint32_t accounts;
    uint64_t igas_charged; /* LUCID base units */
    uint64_t mgas_charged;
    struct gas_tariff tariff; /* in force now; its time is not set */
};
enum lucid_error gas_totals_read(struct ledger_view *view,
                                 struct gas_totals *ret) LUCID_WARN_UNUSED;

/* --- queries ---------------------------------------------------------------------------------- */

struct gas_account {
    char id[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    uint32_t number; /* the store's own */
    enum gas_class class;
    enum gas_unit unit;
    uint64_t debits;
    uint64_t credits;
    uint64_t credit_limit;   /* signers; as it is now */
    uint64_t first_sequence; /* of the event that opened it */
    uint64_t last_sequence;  /* of the newest event that posted to it */
    uint64_t as_of;          /* the event that totals hold after */
};

/* The balance on the account's normal side; *ret_negative: it stands on the other side. */
uint64_t gas_account_balance(const struct gas_account *account, bool *ret_negative);

/* As of the view's newest event. Also takes a signer's 64 hex digits, or signer:<64 hex>, for an
 * id. LUCID_NOTE_ABSENT; LUCID_FATAL_CORRUPT. */
enum lucid_error gas_account_read(struct ledger_view *view, struct lucid_span id,
                                  struct gas_account *ret) LUCID_WARN_UNUSED;
/* Whether a prepaid signer could pay for one more receipt as the view has the books; nothing is
 * promised by it. LUCID_REFUSE_FORBIDDEN GAS_EXHAUSTED; LUCID_FATAL_CORRUPT. */
enum lucid_error gas_receipt_foresee(struct ledger_view *view, const uint8_t signer[32],
                                     struct lucid_why *why) LUCID_WARN_UNUSED;
/* The next account by id after that one (len 0: the first). */
enum lucid_error gas_account_next(struct ledger_view *view, struct lucid_span after,
                                  struct gas_account *ret) LUCID_WARN_UNUSED;
/* Turns the totals of an account that was read in this view into those after event as_of. One that
 * was not yet opened has totals 0. LUCID_REFUSE_INVALID: as_of is beyond the newest event. */
enum lucid_error gas_account_as_of(struct ledger_view *view, uint64_t as_of,
                                   struct gas_account *account) LUCID_WARN_UNUSED;

struct gas_posting {
    uint64_t sequence; /* cause */
    uint32_t leg;      /* within the cause, from 0 */
    uint64_t time_ms;  /* of the cause */
    char debit[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    char credit[GAS_ACCOUNT_ID_BYTES_MAX + 1];
    enum gas_unit unit;
    uint64_t amount;
    char what[GAS_WHAT_BYTES_MAX + 1]; /* "igas", "mgas", "deposit", "split.compute" … */
};

/* The next posting after (sequence, leg), in the order of the log. LUCID_NOTE_ABSENT at the end.
 * account: only those of that account; NULL: all. To begin at an event, pass its sequence − 1 and
 * leg UINT32_MAX. */
enum lucid_error gas_posting_next(struct ledger_view *view, const struct gas_account *account,
                                  uint64_t sequence, uint32_t leg,
                                  struct gas_posting *ret) LUCID_WARN_UNUSED;

/* The first event at or after a time, by bisection; events + 1 when none is. */
enum lucid_error gas_sequence_at(struct ledger_view *view, uint64_t time_ms,
                                 uint64_t *ret_sequence) LUCID_WARN_UNUSED;

#endif

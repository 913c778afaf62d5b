/* Tables of the settlement kind and what its files share. Rows are in docs/FORMAT.md. */
#ifndef LUCID_GAS_SETTLEMENT_INTERNAL_H
#define LUCID_GAS_SETTLEMENT_INTERNAL_H

#include "gas/payout.h"

enum settlement_table {
    SETTLEMENT_EARNINGS,
    SETTLEMENT_ISSUED,
    SETTLEMENT_LINES,
    SETTLEMENT_PAYEE_LINES,
    SETTLEMENT_PAYOUTS,
    SETTLEMENT_PAYOUT_KEYS,
    SETTLEMENT_PAYOUT_LINES,
};

/* Every key fits: unit, number, payee, 0, number. */
#define SETTLEMENT_KEY_BYTES (1 + 8 + GAS_NAME_BYTES_MAX + 1 + 8)

extern const char settlement_type_issued[];
extern const char settlement_type_started[];
extern const char settlement_type_completed[];
extern const char settlement_type_failed[];

/* --- rows: settlement_rows.c ------------------------------------------------------------------ */

/* What a payee has earned and was not yet told. */
struct settlement_earning {
    uint64_t compute;
    uint64_t model;
    uint64_t released;
    uint64_t reversed;
    uint64_t brought;
    uint64_t payments;
    uint64_t last_payment; /* sequence of the newest of them */
};
#define SETTLEMENT_EARNING_BYTES 56
/* Whether anything happened since the payee's last line. */
bool settlement_earning_is_news(const struct settlement_earning *earning);
/* The line that it makes: amount or carried, and the rest. */
void settlement_earning_line(const struct settlement_earning *earning, struct lucid_span payee,
                             struct gas_statement_line *ret);

/* A unit's own sums since its last statement. */
struct settlement_period {
    unsigned __int128 protocol;
    unsigned __int128 suspense_compute;
    unsigned __int128 suspense_model;
    unsigned __int128 reversed_protocol;
    unsigned __int128 reversed_compute;
    unsigned __int128 reversed_model;
    uint64_t payments;
    uint64_t last_payment;
};
#define SETTLEMENT_PERIOD_BYTES 112

/* Keys; each returns a span over bytes. earning_key with an empty payee is the period's row. */
struct lucid_span settlement_earning_key(enum gas_unit unit, struct lucid_span payee,
                                         uint8_t bytes[SETTLEMENT_KEY_BYTES]);
struct lucid_span settlement_key(enum gas_unit unit, uint64_t number,
                                 uint8_t bytes[SETTLEMENT_KEY_BYTES]);
struct lucid_span settlement_line_key(enum gas_unit unit, uint64_t number, struct lucid_span payee,
                                      uint8_t bytes[SETTLEMENT_KEY_BYTES]);
struct lucid_span settlement_payee_key(enum gas_unit unit, struct lucid_span payee, uint64_t number,
                                       uint8_t bytes[SETTLEMENT_KEY_BYTES]);
struct lucid_span settlement_payout_line_key(const struct gas_payout *payout,
                                             uint8_t bytes[SETTLEMENT_KEY_BYTES]);

/* Values. The parsers answer LUCID_FATAL_CORRUPT for bytes of another form. */
void settlement_earning_encode(const struct settlement_earning *earning,
                               uint8_t ret[SETTLEMENT_EARNING_BYTES]);
enum lucid_error settlement_earning_parse(struct lucid_span value,
                                          struct settlement_earning *ret) LUCID_WARN_UNUSED;
void settlement_period_encode(const struct settlement_period *period,
                              uint8_t ret[SETTLEMENT_PERIOD_BYTES]);
enum lucid_error settlement_period_parse(struct lucid_span value,
                                         struct settlement_period *ret) LUCID_WARN_UNUSED;

#define SETTLEMENT_ROW_BYTES 200
void settlement_encode(const struct gas_settlement *settlement, uint8_t ret[SETTLEMENT_ROW_BYTES]);
enum lucid_error settlement_parse(struct lucid_span key, struct lucid_span value,
                                  struct gas_settlement *ret) LUCID_WARN_UNUSED;

#define SETTLEMENT_LINE_BYTES 80
void settlement_line_encode(const struct gas_settlement_line *line,
                            uint8_t ret[SETTLEMENT_LINE_BYTES]);
enum lucid_error settlement_line_parse(struct lucid_span key, struct lucid_span value,
                                       struct gas_settlement_line *ret) LUCID_WARN_UNUSED;

/* --- within the writer: settlement.c ---------------------------------------------------------- */

/* The newest statement of a unit. LUCID_NOTE_ABSENT before the first. */
enum lucid_error settlement_newest(struct ledger_txn *txn, enum gas_unit unit,
                                   struct gas_settlement *ret) LUCID_WARN_UNUSED;
enum lucid_error settlement_get(struct ledger_txn *txn, enum gas_unit unit, uint64_t number,
                                struct gas_settlement *ret) LUCID_WARN_UNUSED;
enum lucid_error settlement_put(struct ledger_txn *txn,
                                const struct gas_settlement *settlement) LUCID_WARN_UNUSED;
enum lucid_error settlement_line_get(struct ledger_txn *txn, enum gas_unit unit, uint64_t number,
                                     struct lucid_span payee,
                                     struct gas_settlement_line *ret) LUCID_WARN_UNUSED;
enum lucid_error settlement_line_put(struct ledger_txn *txn,
                                     const struct gas_settlement_line *line) LUCID_WARN_UNUSED;

/* --- earnings.c ------------------------------------------------------------------------------- */

/* Folds the postings of an event that carries payments. */
enum lucid_error settlement_money_apply(struct ledger_txn *txn,
                                        const struct ledger_event *event) LUCID_WARN_UNUSED;

/* --- issue.c ---------------------------------------------------------------------------------- */

/* At an epoch's end: drafts what is due. */
enum lucid_error settlement_epoch_react(struct ledger_txn *txn,
                                        const struct ledger_event *event) LUCID_WARN_UNUSED;
/* Folds settlement.issued. */
enum lucid_error settlement_issued_apply(struct ledger_txn *txn,
                                         const struct ledger_event *event) LUCID_WARN_UNUSED;

/* --- payout.c, payout_fold.c ------------------------------------------------------------------ */

enum lucid_error settlement_payout_decide(struct ledger_txn *txn, struct ledger_command *base,
                                          struct lucid_why *why) LUCID_WARN_UNUSED;
void settlement_payout_conclude(struct ledger_txn *txn, struct ledger_command *base);
/* By number; by external id. LUCID_NOTE_ABSENT. */
enum lucid_error settlement_payout_get(struct ledger_txn *txn, uint64_t number,
                                       struct gas_payout *ret) LUCID_WARN_UNUSED;
enum lucid_error settlement_payout_by_id(struct ledger_txn *txn, const char *external_id,
                                         struct gas_payout *ret) LUCID_WARN_UNUSED;
/* The newest payout's number; 0 before the first. */
enum lucid_error settlement_payout_newest(struct ledger_txn *txn, uint64_t *ret) LUCID_WARN_UNUSED;
/* Folds payout.started, .completed and .failed. */
enum lucid_error settlement_payout_apply(struct ledger_txn *txn,
                                         const struct ledger_event *event) LUCID_WARN_UNUSED;

#endif

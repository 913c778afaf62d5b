/* What the files of the books share: the form of their rows. */
#ifndef LUCID_GAS_BOOKS_INTERNAL_H
#define LUCID_GAS_BOOKS_INTERNAL_H

#include "gas/books.h"

/* Tables; integers big-endian.
 *
 *   account_ids      account id                      → number u32
 *   accounts         number u32                      → class u8 ‖ unit u8 ‖ sequence of the event
 *                                                      that opened it u64 ‖ account id
 *   balances         number u32, from 1              → struct books_balance
 *                    0                               → struct books_state
 *   account_history  number u32 ‖ sequence / 512 u64 → struct books_block
 *   postings         sequence u64 ‖ leg u32          → debit u32 ‖ credit u32 ‖ amount u64 ‖ what
 *   tariffs          sequence u64                    → time u64 ‖ igas u64 ‖ mgas u64
 *   deposits         SHA-256 of the key 32           → sequence u64 ‖ time u64 ‖ content 32
 *
 * The charge of a leaf (iGas) has no row in postings: it follows from the event and the tariff in
 * force, and there is one for nearly every event. Which events posted to an account is noted with a
 * bit for each of a block of 512: the newest block's bits stand in the balance, which every posting
 * writes anyway; when the account's next block begins, they go to account_history with the totals
 * at its end. So a commit writes few pages, however many accounts it charges. */
enum {
    BOOKS_ACCOUNT_IDS,
    BOOKS_ACCOUNTS,
    BOOKS_BALANCES,
    BOOKS_HISTORY,
    BOOKS_POSTINGS,
    BOOKS_TARIFFS,
    BOOKS_DEPOSITS,
};

enum {
    BOOKS_NUMBER_BYTES = 4,
    BOOKS_ACCOUNT_FIXED_BYTES = 10,
    BOOKS_BALANCE_BYTES = 108,
    BOOKS_STATE_BYTES = 60,
    BOOKS_HISTORY_KEY_BYTES = 12,
    BOOKS_HISTORY_BYTES = 80,
    BOOKS_POSTING_KEY_BYTES = 12,
    BOOKS_POSTING_FIXED_BYTES = 16,
    BOOKS_TARIFF_BYTES = 24,
    BOOKS_DEPOSIT_BYTES = 48,
    BOOKS_BLOCK = 512, /* events */
    BOOKS_POSTED_BYTES = BOOKS_BLOCK / 8,
};

/* 0 debits u64, 8 credits u64, 16 credit limit u64, 24 newest posting's sequence u64, 32 leaves in
 * the open epoch u64, 40 the next account with leaves in it u32 (0: the last), 44 which events of
 * the newest posting's block posted to it, bit n % 8 of byte n / 8 for event 512·block + n. */
struct books_balance {
    uint64_t debits;
    uint64_t credits;
    uint64_t credit_limit;
    uint64_t last_sequence;
    uint64_t epoch_leaves;
    uint32_t epoch_next;
    uint8_t posted[BOOKS_POSTED_BYTES];
};

/* 0 accounts u32, 4 first and 8 last account with leaves in the open epoch u32, 12 leaves in it
 * u64, 20 igas u64, 28 mgas u64, 36 sequence of the tariff u64 (0: none), 44 iGas charged u64,
 * 52 mGas charged u64. */
struct books_state {
    uint32_t accounts;
    uint32_t epoch_first;
    uint32_t epoch_last;
    uint64_t epoch_leaves;
    uint64_t igas;
    uint64_t mgas;
    uint64_t tariff_sequence;
    uint64_t igas_charged;
    uint64_t mgas_charged;
};

/* 0 debits u64, 8 credits u64: after the block; 16 which of its events posted, as above. */
struct books_block {
    uint64_t debits;
    uint64_t credits;
    uint8_t posted[BOOKS_POSTED_BYTES];
};

void books_balance_read(const uint8_t *row, struct books_balance *ret);
void books_balance_write(const struct books_balance *balance, uint8_t *row);
void books_state_read(const uint8_t *row, struct books_state *ret);
void books_state_write(const struct books_state *state, uint8_t *row);
void books_block_read(const uint8_t *row, struct books_block *ret);
void books_block_write(const struct books_block *block, uint8_t *row);

/* The first event at or after bit `from` of a block that posted; BOOKS_BLOCK when none did. */
unsigned books_posted_next(const uint8_t posted[BOOKS_POSTED_BYTES], unsigned from);

/* Keys. */
struct lucid_span books_number_key(uint32_t number, uint8_t key[BOOKS_NUMBER_BYTES]);
struct lucid_span books_history_key(uint32_t number, uint64_t block,
                                    uint8_t key[BOOKS_HISTORY_KEY_BYTES]);
struct lucid_span books_posting_key(uint64_t sequence, uint32_t leg,
                                    uint8_t key[BOOKS_POSTING_KEY_BYTES]);
struct lucid_span books_sequence_key(uint64_t sequence, uint8_t key[8]);

/* Reads a row of the books as the batch has it. LUCID_NOTE_ABSENT, or LUCID_FATAL_CORRUPT when it
 * has another length than wanted. decide, guard, react. */
enum lucid_error books_peek(struct ledger_txn *txn, unsigned table, struct lucid_span key,
                            size_t bytes, const uint8_t **ret_row) LUCID_WARN_UNUSED;
enum lucid_error books_peek_state(struct ledger_txn *txn,
                                  struct books_state *ret) LUCID_WARN_UNUSED;
/* An account's balance by its id; zero when there is no such account yet. */
enum lucid_error books_peek_balance(struct ledger_txn *txn, struct lucid_span id,
                                    struct books_balance *ret) LUCID_WARN_UNUSED;

/* Whom a leaf is charged to: a receipt's signer, else the protocol. */
enum lucid_error books_leaf_account(struct lucid_span type, struct lucid_span payload,
                                    char ret[GAS_ACCOUNT_ID_BYTES_MAX + 1]) LUCID_WARN_UNUSED;

/* The id that all gas is earned on, and what a charge is called, each with its terminating 0. */
#define BOOKS_GAS_REVENUE_BYTES 18
#define BOOKS_WHAT_IGAS_BYTES   5
extern const char books_gas_revenue[BOOKS_GAS_REVENUE_BYTES];
#define BOOKS_GAS_PROTOCOL_BYTES sizeof("protocol:gas:LUCID")
extern const char books_gas_protocol[BOOKS_GAS_PROTOCOL_BYTES];
extern const char books_what_igas[BOOKS_WHAT_IGAS_BYTES];
extern const char books_what_mgas[];

/* books_write.c: the verbs of the kind's own commands. */
enum lucid_error books_decide(struct ledger_txn *txn, struct ledger_command *command,
                              struct lucid_why *why) LUCID_WARN_UNUSED;
void books_conclude(struct ledger_txn *txn, struct ledger_command *command);
extern const char books_type_tariff[];
extern const char books_type_deposited[];
extern const char books_type_limited[];

/* Verbs of the kind, in books_guard.c. */
enum lucid_error books_guard(struct ledger_txn *txn, const struct ledger_command *command,
                             struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error books_react(struct ledger_txn *txn,
                             const struct ledger_event *event) LUCID_WARN_UNUSED;

#endif

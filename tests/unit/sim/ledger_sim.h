/* The simulation of a ledger: one seed drives commands, clock, faults and restarts; a model in
 * plain arrays says what must come of it. */
#ifndef LUCID_TESTS_SIM_LEDGER_SIM_H
#define LUCID_TESTS_SIM_LEDGER_SIM_H

#include <stdio.h>
#include <stdlib.h>

#include "gas/revenue.h"
#include "gas/settlement.h"
#include "ledger/receipt.h"
#include "ledger/store/failing.h"
#include "tests/unit/ledger/core_world.h"
#include "x402/payment.h"

enum {
    SIM_RUNS_MAX = 40000,
    SIM_EPOCHS_MAX = 20000,
    SIM_HEADS_MAX = 20000,
    SIM_TOKENS_MAX = 2000,
    SIM_SIGNERS = 48,
    SIM_KEYS_MAX = 2000, /* of deposits */
    SIM_PAYMENTS_MAX = 2000,
    SIM_ASSETS = 3,
    SIM_PAYEES = 3, /* 0: none */
    SIM_WEIGHTS = 3,
    SIM_VERSIONS_MAX = 1024, /* of a price */
    SIM_GATE_MAX = 300,      /* payments of the gate */
    SIM_BATCH_MAX = 40,
    SIM_BODY_BYTES_MAX = 512,
};

/* --- the model ---------------------------------------------------------------------------------
 */

struct model_run {
    bool taken;
    uint8_t variant; /* which body */
    uint8_t signer;
    uint64_t leaf;
    uint64_t sequence;
    uint64_t time_ms;
};

struct model_epoch {
    uint64_t first;
    uint64_t end;
    uint64_t opened_ms;
    uint64_t closed_ms;
    enum epoch_closed_by by;
};

struct model_head {
    uint64_t size;
    uint64_t sequence;
    uint64_t time_ms;
};

struct model_signer {
    uint64_t registered_ms; /* 0 = unknown */
    uint64_t revoked_ms;
};

struct model_token {
    uint64_t created_ms; /* 0 = its batch was not kept */
    uint64_t expires_ms;
    uint64_t revoked_ms;
};

struct model_account {
    bool opened;
    uint64_t debits;
    uint64_t credits;
    uint64_t credit_limit;
};

struct model_deposit {
    bool used;
    uint8_t signer;
    uint64_t amount;
};

/* The books, without a history: what stands in the accounts now. */
struct model_gas {
    bool prepaid;
    bool has_tariff;
    uint64_t igas;
    uint64_t mgas;
    struct model_account signers[SIM_SIGNERS];
    struct model_account revenue;
    struct model_account deposits;
    uint64_t postings;
    uint64_t epoch_leaves[SIM_SIGNERS];
    uint8_t epoch_order[SIM_SIGNERS]; /* signers as they first came in the open epoch */
    unsigned epoch_signers;
    struct model_deposit keys[SIM_KEYS_MAX];
};

struct model_price {
    bool set;
    uint8_t weights;
    uint8_t payees[GAS_PROTOCOL];
};

struct model_split {
    uint64_t total;
    uint64_t legs[GAS_LEGS];
};

struct model_paid {
    bool used;
    uint8_t asset;
    uint64_t amount;
};

/* A payment of the gate. Its asset and amount follow from its number. */
struct model_gate {
    enum x402_status status; /* 0: there is none */
    bool served;
    bool final;
    uint64_t version;
    uint64_t legs[GAS_LEGS];
    uint8_t holders[GAS_PROTOCOL]; /* payees of the legs now; 0: in suspense */
};

struct model_market {
    struct model_price prices[SIM_ASSETS];
    struct model_price versions[SIM_ASSETS][SIM_VERSIONS_MAX]; /* from 1 */
    uint64_t newest[SIM_ASSETS];                               /* version; 0: never priced */
    struct model_gate gate[SIM_GATE_MAX];
    struct model_account gate_clearing;
    struct model_account gate_suspense[SIM_ASSETS];
    uint64_t reversed[SIM_ASSETS];
    uint64_t reversals[SIM_ASSETS];
    struct model_split splits[SIM_ASSETS][SIM_WEIGHTS][SIM_PAYEES][SIM_PAYEES];
    struct model_account clearing;
    struct model_account protocol;
    struct model_account payees[SIM_PAYEES];
    struct model_account suspense[SIM_ASSETS][GAS_PROTOCOL];
    struct model_paid paid[SIM_PAYMENTS_MAX];
    uint64_t gross[SIM_ASSETS];
    uint64_t count[SIM_ASSETS];
    uint64_t statements;
    bool moved; /* since the last statement */
};

struct model {
    uint64_t receipts_max;
    uint64_t seconds_max;
    uint64_t interval_ms;
    uint64_t events;
    uint64_t leaves;
    uint64_t time_ms; /* of the newest event */
    uint64_t now_ms;  /* of the batch */
    uint64_t open_first;
    uint64_t open_ms;
    size_t epochs_closed;
    size_t head_count;
    struct model_signer signers[SIM_SIGNERS];
    struct model_token tokens[SIM_TOKENS_MAX];
    struct model_gas gas;
    struct model_market market;
    struct model_run runs[SIM_RUNS_MAX];
    struct model_epoch epochs[SIM_EPOCHS_MAX];
    struct model_head heads[SIM_HEADS_MAX];
};

/* What must come of a command. */
struct expect {
    enum lucid_error error;
    const char *code;
    /* receipts */
    struct model_run placed;
    uint64_t epoch;
    enum receipt_status status;
    bool replayed;
    /* signers, gas, prices, payments */
    bool known;
    uint64_t legs[GAS_LEGS];
    /* epochs */
    bool closed;
    uint64_t number;
};

void model_batch_begin(struct model *model, uint64_t now_ms);
/* Whether a signer is known (active or revoked): receipt_prepare asks the last commit. */
bool model_signer_known(const struct model *model, unsigned signer);
struct expect model_receipt(struct model *model, unsigned run, uint8_t variant, uint8_t signer);
struct expect model_signer_do(struct model *model, enum signer_verb verb, unsigned signer);
struct expect model_token_create(struct model *model, unsigned token, uint64_t expires_ms);
struct expect model_token_revoke(struct model *model, unsigned token);
struct expect model_epoch_do(struct model *model, enum epoch_verb verb);
struct expect model_head_tick(struct model *model);
/* The number of a new event of the batch. */
uint64_t model_event_add(struct model *model);
/* A receipt is about to be logged: may it be charged? Then it is. */
bool model_gas_charge(struct model_gas *gas, uint8_t signer, struct expect *refusal);
void model_gas_epoch(struct model_gas *gas);
void model_gas_post(struct model_gas *gas, struct model_account *debit,
                    struct model_account *credit, uint64_t amount);
struct expect model_gas_do(struct model *model, const struct gas_books_command *command,
                           unsigned signer, unsigned key);
/* The epoch of a leaf and its end (0 = open). */
uint64_t model_epoch_of(const struct model *model, uint64_t leaf, uint64_t *ret_end);

enum sim_market_what { SIM_PAYMENT, SIM_PRICE_SET, SIM_PRICE_DELETE };

/* What a command of the market is about. */
struct sim_market_op {
    enum sim_market_what what;
    uint8_t asset;
    struct model_price price;
    unsigned payment;
    uint64_t amount;
};

union sim_market_command {
    struct ledger_command command;
    struct gas_price_command price;
    struct gas_payment_command payment;
};

/* A payment of the gate: even numbers are authorizations, odd ones transfers. */
struct sim_gate_op {
    enum x402_payment_verb verb;
    unsigned number;
    uint64_t version;
    bool reads;
};

/* Splits an amount by a price, and adds it to what was split so. */
void model_split(struct model_market *market, unsigned asset, const struct model_price *price,
                 uint64_t amount, uint64_t ret[GAS_LEGS]);
/* What was released to a payee is held by it. */
void model_gate_release(struct model_market *market, unsigned asset, unsigned leg, unsigned payee);
struct expect model_gate_do(struct model *model, const struct sim_gate_op *op);
/* The account of a leg: its payee's, or 0: suspense. */
struct model_account *model_leg_account(struct model_market *market, unsigned asset, unsigned leg,
                                        unsigned payee);

struct expect model_market_do(struct model *model, const struct sim_market_op *op);
/* The statement at an epoch's end, if money moved. */
void model_market_epoch(struct model *model);

/* --- the simulation ----------------------------------------------------------------------------
 */

struct sim {
    uint64_t seed;
    uint64_t random;
    uint64_t step;           /* batches so far */
    const char *lmdb_dir;    /* NULL: in memory */
    struct core_world world; /* store = the failing one */
    uint64_t now_ms;
    bool faults_on;
    enum store_fault fired; /* by the batch that runs */
    unsigned run_count;     /* run_ids used so far */
    unsigned token_count;
    unsigned key_count; /* of deposits */
    unsigned payment_count;
    struct gas_books_config gas;
    struct gas_settlement_config settlement;
    struct ledger_ed25519_key keys[SIM_SIGNERS];
    char token_texts[SIM_TOKENS_MAX][TOKEN_TEXT_BYTES + 1];
    struct model *kept;
    struct model *staged;
    /* figures */
    uint64_t commands;
    uint64_t commits;
    uint64_t dropped;
    uint64_t restarts;
    uint64_t faults[STORE_FAULT_COMMIT_UNTOLD + 1];
};

uint64_t sim_random(struct sim *sim, uint64_t below);

/* Prints where and the seed, and ends the process. */
_Noreturn void sim_fail(const struct sim *sim, const char *file, int line, const char *text);
#define sim_check(sim, condition)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            sim_fail(sim, __FILE__, __LINE__, #condition);                                         \
        }                                                                                          \
    } while (0)

/* The canonical body of a run and variant, and its hash. */
size_t sim_body(unsigned run, uint8_t variant, char out[SIM_BODY_BYTES_MAX], uint8_t ret_hash[32]);
void sim_run_id(unsigned run, char out[RECEIPT_RUN_ID_BYTES_MAX]);

/* Compares counts, the open epoch and a few receipts. */
void sim_check_some(struct sim *sim);
/* Compares everything that a reader can see; past: also what the books were at earlier events. */
void sim_check_all(struct sim *sim, bool past);
/* A random tariff, deposit or limit. */
void sim_gas_make(struct sim *sim, struct gas_books_command *command, unsigned *ret_signer,
                  unsigned *ret_key);
void sim_market_make(struct sim *sim, union sim_market_command *command, struct sim_market_op *op);
void sim_market_compare(struct sim *sim, const union sim_market_command *command,
                        const struct sim_market_op *op, const struct expect *expect);
void sim_gate_make(struct sim *sim, struct x402_payment_command *command, struct sim_gate_op *op);
/* Compares the payments of the gate; gives the number of their own accounts. */
size_t sim_gate_check(struct sim *sim);
extern const char *const sim_assets[SIM_ASSETS];
/* Compares what the market has; gives the number of its accounts. */
size_t sim_market_check(struct sim *sim);
void sim_account_check(struct sim *sim, const char *id, const struct model_account *row);
/* The accounts as they stand, and that each unit's debits are its credits. */
void sim_gas_check(struct sim *sim);
/* Every posting, and the accounts as of many events. */
void sim_gas_check_past(struct sim *sim);
/* Replays into an empty store, and folds that from scratch: the same rows each time. */
void sim_check_replay(struct sim *sim);

#endif

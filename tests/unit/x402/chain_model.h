/* A chain as nodes tell of it over JSON-RPC: blocks, a pool, one token with EIP-3009, and nodes
 * that lie, hang or are away. Answers the questions of fake_outgoing. Transactions are taken from
 * one gas key only (their signatures are not looked at). One thread. */
#ifndef LUCID_TESTS_CHAIN_MODEL_H
#define LUCID_TESTS_CHAIN_MODEL_H

#include "fake_outgoing.h"
#include "x402/evm/abi.h"

enum {
    MODEL_BLOCKS = 2048,
    MODEL_TXS = 1024,
    MODEL_LOGS = 4,
    MODEL_NODES = 4,
    MODEL_USED = 64,
};

struct model_log {
    struct evm_address address;
    size_t topic_count;
    struct evm_hash topics[4];
    uint8_t data[32];
    size_t data_len;
    bool removed;
};

struct model_tx {
    struct evm_hash hash;
    struct evm_address from;
    uint64_t nonce, tip, max_fee, gas_limit;
    struct evm_address to;
    uint8_t data[512];
    size_t data_len;
    bool raw; /* of the gas key: it went through eth_sendRawTransaction */
    bool dropped;
    uint64_t before; /* not 0: it reverts from then on, and where the authorization of its first
                        log is used already */
    /* Mined: */
    bool mined;
    uint64_t block;
    bool good;
    size_t log_count;
    struct model_log logs[MODEL_LOGS];
};

struct model_block {
    struct evm_hash hash;
    uint64_t time;
};

struct chain_model;

struct model_node {
    bool hangs;
    bool away;
    uint64_t chain_id;
    uint64_t behind; /* blocks */
    /* An answer of its own: JSON text of the result, or NULL for the truth; "!text": an error. */
    const char *(*lie)(struct chain_model *model, struct fake_question *question);
    uint64_t asked;
};

struct chain_model {
    struct fake_loop loop;
    struct fake_outgoing out;
    struct model_node nodes[MODEL_NODES]; /* http://node0 … */
    struct evm_address token, gas;
    struct evm_hash separator;
    bool has_code, refuses_simulation;
    uint64_t height, salt;
    struct model_block blocks[MODEL_BLOCKS];
    uint64_t base_fee, tip;
    struct evm_u256 gas_balance, payer_balance;
    bool automine;
    uint64_t fee_floor;     /* transactions below it wait */
    const char *send_error; /* what eth_sendRawTransaction says; NULL: the truth */
    bool swallows;          /* it takes a transaction, but does not answer */
    size_t tx_count;
    struct model_tx txs[MODEL_TXS];
    uint64_t gas_count; /* mined nonces of the gas key */
    bool no_log;        /* a transfer succeeds and says nothing */
    bool reverts;       /* transfer(address,uint256) does */
    struct lucid_buf scratch;
};

/* chain_model_raw.c: signatures are not looked at. */
struct model_tx model_read_tx(const struct chain_model *model, const uint8_t *raw, size_t len);

void model_init(struct chain_model *model);
void model_fini(struct chain_model *model);

/* A block with what the pool has. */
void model_mine(struct chain_model *model, uint64_t blocks);
/* Replaces the newest blocks. Their transactions return to the pool, or vanish. */
void model_reorg(struct chain_model *model, uint64_t depth, bool vanish);
/* A transaction of somebody else, mined at once; its logs are the caller's to fill before. */
struct model_tx *model_add(struct chain_model *model, const struct evm_address *from);
void model_mine_tx(struct chain_model *model, struct model_tx *tx);
/* Appends Transfer, or AuthorizationUsed. */
struct model_log *model_transfer(struct model_tx *tx, const struct evm_address *token,
                                 const struct evm_address *from, const struct evm_address *to,
                                 uint64_t value);
struct model_log *model_used(struct model_tx *tx, const struct evm_address *token,
                             const struct evm_address *from, const struct evm_hash *nonce);
/* The newest transaction of the gas key that is known; NULL. */
struct model_tx *model_newest(struct chain_model *model);
size_t model_raw_count(const struct chain_model *model); /* that the pool ever took */
/* Whether the chain has an authorization used or cancelled now. */
bool model_is_used(const struct chain_model *model, const struct evm_address *from,
                   const struct evm_hash *nonce);
uint64_t model_time(const struct chain_model *model); /* of the newest block */

#endif

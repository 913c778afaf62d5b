/* The parts of the wallet among themselves (x402/wallet.h). */
#ifndef LUCID_X402_WALLET_INTERNAL_H
#define LUCID_X402_WALLET_INTERNAL_H

#include "x402/evm/abi.h"
#include "x402/evm/transaction.h"
#include "x402/wallet.h"

enum {
    WALLET_SLOTS = 128,       /* nonces that are looked after, mined ones included */
    WALLET_ORDERS = 320,      /* under way, and remembered */
    WALLET_INTERVAL_MS = 200, /* between two looks, when something has just happened */
};

struct wallet_slot;
struct x402_wallet;
typedef void wallet_step_fn(struct x402_wallet *wallet);

/* An authorization. */
struct wallet_order {
    bool is_used; /* this entry */
    bool ended;
    uint64_t sequence;
    struct evm_authorization authorization;
    struct evm_signature signature;
    enum x402_wallet_state state;
    struct wallet_slot *slot; /* NULL: it waits for a nonce */
    struct x402_wallet_watch *watch;
    size_t count; /* of transactions that a node may have, oldest first */
    struct evm_hash transactions[X402_WALLET_VERSIONS_MAX];
};

enum wallet_use {
    WALLET_FREE,    /* a nonce that was given up */
    WALLET_ORDER,   /* an authorization's */
    WALLET_FILLER,  /* an empty transaction, so that later ones can be mined */
    WALLET_FOREIGN, /* in the nodes' pool since before this process */
    WALLET_DONE,    /* mined */
};

struct wallet_version {
    struct evm_hash hash;
    uint64_t tip;
    uint64_t max_fee;
    bool out; /* a node may have it */
};

/* One nonce. */
struct wallet_slot {
    enum wallet_use use;
    uint64_t nonce;
    struct wallet_order *order; /* ORDER; DONE: it was this one's */
    size_t version_count;       /* the newest counts */
    struct wallet_version versions[X402_WALLET_VERSIONS_MAX];
    bool bump;  /* the next version is dearer */
    bool taken; /* a node has the newest version that is out */
    unsigned refusals;
    unsigned looks;   /* for its receipt */
    uint64_t sent_ms; /* boot clock */
    uint64_t wait_ms; /* not before */
};

struct x402_wallet {
    struct x402_wallet_options options;
    struct evm_rpc_call call;
    struct lucid_timer timer;
    bool busy;   /* a tick is under way */
    bool hurry;  /* another is due at once */
    bool opened; /* the chain's counts are known */
    uint32_t interval_ms;

    uint64_t base;      /* below it, all are mined */
    uint64_t next;      /* slots are [base, next) */
    uint64_t count;     /* the chain's, newest answer */
    uint64_t behind_ms; /* since then the chain's count is below base; 0: it is not */
    bool recount;       /* a nonce was low: look before more are given out */
    uint64_t progress_ms;
    struct wallet_slot slots[WALLET_SLOTS]; /* by nonce */
    struct wallet_slot *at;                 /* that the question under way is about */
    size_t at_version;

    wallet_step_fn *then; /* after the fees */
    bool has_fees;
    uint64_t fees_ms;
    uint64_t base_fee;
    uint64_t tip;
    bool dear; /* base fee and tip are above the cap */
    bool has_balance;
    uint64_t balance_ms;
    struct evm_u256 balance;
    bool low;

    uint64_t sequence;
    struct wallet_order orders[WALLET_ORDERS];
    struct lucid_buf raw;
    struct evm_calldata calldata;
    uint64_t sent;
    uint64_t replaced;
};

static inline struct wallet_slot *wallet_slot(struct x402_wallet *wallet, uint64_t nonce)
{
    return &wallet->slots[nonce % WALLET_SLOTS];
}

static inline uint64_t wallet_now(const struct x402_wallet *wallet)
{
    return lucid_boot_ms(&wallet->options.loop->clock);
}

/* The next question of the tick: fill it, then wallet_ask. A failure ends the tick. */
struct evm_rpc_call *wallet_question(struct x402_wallet *wallet, enum evm_rpc_kind kind);
void wallet_ask(struct x402_wallet *wallet, void (*done)(struct evm_rpc_call *call));
/* Ends the tick after a failure. True: there was one. */
bool wallet_failed(struct x402_wallet *wallet);

/* --- orders (wallet.c) */
void wallet_order_tell(struct wallet_order *order, enum x402_wallet_state state,
                       const struct evm_hash *newest, const char *text);
/* It ended: it is only remembered from now on. */
void wallet_order_end(struct wallet_order *order, enum x402_wallet_state state,
                      const struct evm_hash *newest, const char *text);
/* The one that waits longest for a nonce; NULL. */
struct wallet_order *wallet_order_next(struct x402_wallet *wallet);

/* --- sending (wallet_send.c) */
/* Sends what is to be sent, then goes on with wallet_look. */
wallet_step_fn wallet_send;
/* Base fee and tip, then goes on. */
void wallet_fees_ask(struct x402_wallet *wallet, wallet_step_fn *then);

/* --- looking (wallet_look.c) */
/* What is mined, what is stuck; then ends the tick. */
wallet_step_fn wallet_look;
/* The first questions of all. */
wallet_step_fn wallet_begin;
/* wallet.c */
wallet_step_fn wallet_tick_end;

#endif

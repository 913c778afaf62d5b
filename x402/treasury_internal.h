/* The parts of the treasury among themselves (x402/treasury.h). */
#ifndef LUCID_X402_TREASURY_INTERNAL_H
#define LUCID_X402_TREASURY_INTERNAL_H

#include "x402/evm/abi.h"
#include "x402/evm/transaction.h"
#include "x402/fees.h"
#include "x402/treasury.h"
#include "x402/treasury_run.h"

enum {
    TREASURY_BUSY_MS = 200, /* between two looks, while something is under way */
    TREASURY_BUSY_MS_MAX = 2000,
    TREASURY_IDLE_MS = 500,      /* at the log, which costs little */
    TREASURY_REFRESH_MS = 15000, /* balances, when nothing is sent */
    TREASURY_CANDIDATES = 64,
    TREASURY_SPAN = 2000, /* blocks of one eth_getLogs */
};

struct treasury_net;
typedef void treasury_step_fn(struct treasury_net *net);

struct treasury_version {
    struct evm_hash hash;
    struct x402_fee_pair fees;
    bool out; /* a node may have it */
};

/* An order that the log has as open. */
struct treasury_order {
    bool is_used;
    bool is_listed; /* the newest look at the log had it */
    struct x402_outflow outflow;
    size_t version_count; /* the newest counts */
    struct treasury_version versions[X402_TREASURY_VERSIONS_MAX];
    bool taken; /* a node has the newest version that is out */
    bool bump;  /* the next version is dearer */
    uint64_t sent_ms;
    uint64_t wait_ms; /* not before */
    bool mined;       /* by `found`, in that block */
    struct evm_hash found;
    uint64_t mined_block;
    unsigned looks;      /* since the nonce was seen used */
    uint64_t refused_ms; /* the log did not take its end: not again before; 0 */
    uint64_t gone_block; /* the nonce is used and no transfer was found: seen at that height; 0.
                            Only says when another search is worth it */
};

/* The search for who used a nonce. */
struct treasury_search {
    uint64_t from;
    uint64_t to;
    uint64_t span;
    size_t count;
    size_t at;
    struct evm_hash candidates[TREASURY_CANDIDATES];
};

struct treasury_net {
    struct x402_treasury *treasury;
    const struct x402_network *network;
    const struct evm_key *key;
    struct evm_rpc *rpc;
    struct evm_rpc_call call;
    struct evm_calldata calldata;
    struct lucid_buf raw;
    struct lucid_timer timer;
    bool busy;    /* a tick is under way */
    bool writing; /* a command is with the writer */
    bool hurry;   /* the next tick is due at once */
    uint32_t interval_ms;
    bool reachable;
    bool scanned; /* the log's outflows were looked through once */

    uint64_t head;
    bool has_final;
    uint64_t final; /* blocks up to it are final */
    uint64_t count; /* of the chain's nonces */
    uint64_t progress_ms;
    struct x402_fees fees;
    uint64_t fees_ms;
    uint64_t balance_ms; /* 0: never */
    struct evm_u256 token_balance;
    struct evm_u256 gas_balance;

    struct treasury_order orders[X402_TREASURY_WINDOW];
    size_t at; /* the order that the walk is at */
    size_t at_version;
    struct treasury_search search;
    struct x402_transfer transfer; /* what a receipt says, until its block is looked at */
    bool succeeded;
    bool good; /* the receipt has the transfer */

    bool dear;           /* fees are above the cap */
    uint64_t next_nonce; /* above all that the log has */
    uint64_t day;        /* UTC, since 1970 */
    uint64_t day_spent;
    bool due;                  /* the newest look at the log had a line to start */
    struct x402_run_line line; /* that, and its run */
    struct x402_run line_run;
    struct x402_treasury_refund *refunds;
    size_t refund_count;

    struct gas_payout_command payout;
    struct x402_outflow_command outflow;
    struct x402_run_command *run; /* a line that fails; large */
    uint64_t sent, replaced, recorded, failed;
    char waiting[96];
};

struct x402_treasury {
    struct x402_treasury_options options;
    struct ledger_view *view;
    bool stopping;
    size_t count;
    struct treasury_net *nets[X402_NETWORKS_MAX];
};

static inline uint64_t treasury_now(const struct treasury_net *net)
{
    return lucid_boot_ms(&net->treasury->options.loop->clock);
}

void treasury_at(const struct treasury_net *net, const char *state);

/* --- treasury.c */
/* The next question of the tick: fill it, then treasury_ask. */
struct evm_rpc_call *treasury_question(struct treasury_net *net, enum evm_rpc_kind kind);
void treasury_ask(struct treasury_net *net, void (*done)(struct evm_rpc_call *call));
/* Ends the tick after a failure. True: there was one. */
bool treasury_failed(struct treasury_net *net);
void treasury_tick_end(struct treasury_net *net);
/* Hands a command over; written goes on. False: not taken, the tick has ended. */
bool treasury_submit(struct treasury_net *net, struct ledger_command *command,
                     x402_written_fn *written);
/* After a command: whether the tick goes on; a failure is logged and ends it. */
bool treasury_written(struct treasury_net *net, struct ledger_command *command, const char *what);
/* Why nothing is ordered; "": nothing hinders. Logged when it changes. */
void treasury_wait(struct treasury_net *net, const char *format, ...) LUCID_PRINTF(2, 3);

/* --- treasury_log.c */
/* Reads what is open and due. False: it could not; the tick has ended. */
bool treasury_log_look(struct treasury_net *net);
/* What may still go out today. */
uint64_t treasury_budget_left(struct treasury_net *net);
void treasury_budget_take(struct treasury_net *net, uint64_t time_ms, uint64_t amount);

/* --- treasury_look.c: orders whose nonce is mined */
treasury_step_fn treasury_look;
/* --- treasury_send.c: orders that are not */
treasury_step_fn treasury_send;
/* --- treasury_order.c */
/* Answers those that wait to be ordered. */
void treasury_refunds_refuse(struct treasury_net *net, const char *text);
/* Starts and orders what is due; ends the tick. */
treasury_step_fn treasury_begin;

/* treasury.c: the walk over the orders goes on with the next one. */
treasury_step_fn treasury_walk_next;

#endif

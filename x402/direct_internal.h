/* The parts of the direct facilitator among themselves (x402/facilitator.h). */
#ifndef LUCID_X402_DIRECT_INTERNAL_H
#define LUCID_X402_DIRECT_INTERNAL_H

#include "x402/direct_pick.h"
#include "x402/evm/abi.h"
#include "x402/wallet.h"

struct direct_job;
typedef void direct_step_fn(struct direct_job *job);

enum direct_token {
    DIRECT_TOKEN_UNKNOWN, /* not asked yet */
    DIRECT_TOKEN_GOOD,
    DIRECT_TOKEN_NO_CODE,
    DIRECT_TOKEN_DIFFERS, /* its separator is not ours */
};

/* One network. */
struct direct_net {
    struct direct *direct;
    const struct x402_network *network;
    struct evm_rpc *rpc;
    struct x402_wallet *wallet; /* NULL: no gas key */
    enum direct_token token;
    bool reachable;
    uint64_t block; /* the newest height seen */
    struct lucid_timer pulse;
};

struct direct {
    struct x402_facilitator base;
    struct x402_direct_options options;
    size_t net_count;
    struct direct_net nets[X402_NETWORKS_MAX];
    struct direct_job *jobs;
    size_t job_count;
    struct x402_charge *starved; /* not begun for want of memory; linked by impl */
    struct lucid_timer starved_timer;
};

/* A transaction as the chain shows it (direct_sight.c). */
struct direct_sight {
    /* In */
    struct evm_hash transaction;
    struct direct_wanted wanted;
    bool unbound_ok; /* the nonce is wanted, but a transfer without it will do: `unbound` */
    bool hurried;    /* one that can never fit is not looked at further */
    direct_step_fn *then;
    /* Out. Not found: unknown, not mined, or its block is not the chain's just now. */
    bool found;
    bool succeeded;
    bool picked;
    bool unbound;
    bool deep;    /* serve_depth */
    bool has_fee; /* found: what its sender paid for it is known */
    uint64_t fee_wei;
    struct direct_traces traces;   /* of `wanted`'s payer, recipient, nonce and amount_min */
    struct direct_refusal refusal; /* not picked */
    struct x402_transfer transfer; /* found: transaction, block, sender …; picked: all */
};

/* One charge on its way, or (charge NULL) a look at the token. */
struct direct_job {
    struct direct_job *next;
    struct direct_job **at; /* what points here */
    struct direct_net *net;
    struct x402_charge *charge;
    struct evm_rpc_call call; /* the question under way */
    direct_step_fn *then;     /* its answer, unless it failed */
    direct_step_fn *failed;   /* it failed; call.why says why */
    struct lucid_timer timer; /* to begin, and to look again */
    direct_step_fn *later;
    struct evm_calldata calldata;
    struct direct_sight sight;
    unsigned looks;
    /* SETTLE */
    struct lucid_timer deadline;
    struct x402_wallet_watch watch;
    bool watching;
    /* SETTLE, ASK: finding who used an authorization */
    struct x402_wallet_memory memory;
    size_t memory_at;
    uint64_t search_from;
    uint64_t search_to;
    uint64_t search_span;
    unsigned search_count;
    bool search_cancelled; /* looking for AuthorizationCanceled */
    bool search_cut;       /* there was more to search than is asked for at once */
    bool ending;           /* ASK: validBefore is near or over */
    bool expired;          /* ASK: it is over, for good */
};

/* The next question: fill it, then direct_ask. */
struct evm_rpc_call *direct_question(struct direct_job *job, enum evm_rpc_kind kind);
void direct_ask(struct direct_job *job, direct_step_fn *then);
/* eth_call of the token with job->calldata. */
void direct_ask_token(struct direct_job *job, direct_step_fn *then);
/* At that block (0: the newest that the node has): a node that is behind fails, and does not tell
 * of a time before. */
void direct_ask_token_at(struct direct_job *job, uint64_t number, direct_step_fn *then);
/* Goes on at `later` after so long. */
void direct_wait(struct direct_job *job, uint64_t after_ms, direct_step_fn *later);

/* Ends the job. reason NULL: the one that goes with PENDING or AWAY. */
void direct_finish(struct direct_job *job, enum x402_charge_outcome outcome, const char *reason,
                   const char *format, ...) LUCID_PRINTF(4, 5);
void direct_away(struct direct_job *job); /* for job->failed: AWAY with call.why */

/* The block that is final, or the newest: eth_getBlockByNumber by a depth's tag. */
enum evm_rpc_tag direct_depth_tag(const struct x402_depth *depth);

void direct_sight(struct direct_job *job, direct_step_fn *then);

direct_step_fn direct_observe;
direct_step_fn direct_watch;
direct_step_fn direct_look;
direct_step_fn direct_verify;
direct_step_fn direct_settle;
direct_step_fn direct_settle_ask;
/* The authorization is used: by whom? Ends the job: GOOD or STRAY; VERIFY: STRAY or BAD. */
direct_step_fn direct_find_user;

/* Whether an authorization can be settled here, as far as that is known without asking a node.
 * False: the job is finished. */
bool direct_settleable(struct direct_job *job);

/* Compares the token with our table, then goes on; net->token says what was found. */
void direct_token_look(struct direct_job *job, direct_step_fn *then);

#endif

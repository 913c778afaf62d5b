/* JSON-RPC to EVM nodes: typed questions, answers that are checked member by member, several
 * endpoints with fail-over, and a quorum where the operator wants one. Nodes are not trusted: ids,
 * lengths, types and the hashes asked for are compared, counts are bounded, and an endpoint whose
 * eth_chainId is not ours is not used (asked once per endpoint and after it failed).
 *
 * With quorum 1 an endpoint that fails is passed over for the next, and rests: it is asked only
 * where nobody else is left, for half a second that doubles up to half a minute, or as long as it
 * asks for. With quorum n the question goes to all that do not rest (to all, where these are
 * fewer), and an answer counts when n endpoints gave the same; two that can no longer agree give
 * LUCID_RETRY_IO with code RPC_CONTRADICTORY, never one of the answers. eth_sendRawTransaction goes
 * to all endpoints; one that takes it is enough. Where honest nodes differ for a moment, the n-th
 * answer counts: of BLOCK at a tag and of COUNT the n-th highest (so many have come so far), of TIP
 * and BALANCE the n-th lowest.
 *
 * Thread: that of the loop that outgoing runs on. */
#ifndef LUCID_X402_EVM_RPC_H
#define LUCID_X402_EVM_RPC_H

#include "base/arena.h"
#include "base/loop.h"
#include "base/outgoing.h"
#include "x402/evm/evm.h"

#define EVM_RPC_ENDPOINTS_MAX 8
#define EVM_RPC_LOGS_MAX      512 /* of one receipt or answer */
#define EVM_RPC_TOPICS_MAX    4
#define EVM_RPC_DATA_MAX      1024 /* of a log that is kept, or of a call's result */

enum evm_rpc_kind {
    EVM_RPC_RECEIPT,     /* eth_getTransactionReceipt */
    EVM_RPC_BLOCK,       /* eth_getBlockByNumber, without transactions */
    EVM_RPC_CALL,        /* eth_call at latest, or at a block */
    EVM_RPC_CODE,        /* eth_getCode at latest: only whether there is any */
    EVM_RPC_COUNT,       /* eth_getTransactionCount: at latest, with pending, or at a block */
    EVM_RPC_SEND,        /* eth_sendRawTransaction */
    EVM_RPC_TIP,         /* eth_maxPriorityFeePerGas */
    EVM_RPC_LOGS,        /* eth_getLogs of one contract */
    EVM_RPC_BALANCE,     /* eth_getBalance at latest, in wei */
    EVM_RPC_TRANSACTION, /* eth_getTransactionByHash: only who sent it, with which nonce */
};

enum evm_rpc_tag { EVM_RPC_NUMBER, EVM_RPC_LATEST, EVM_RPC_SAFE, EVM_RPC_FINALIZED };

struct evm_log {
    struct evm_address address;
    size_t topic_count;
    struct evm_hash topics[EVM_RPC_TOPICS_MAX];
    struct lucid_span data; /* longer than EVM_RPC_DATA_MAX: data NULL, len as it was */
    uint64_t
        position; /* in the receipt's own `logs`, from 0; of EVM_RPC_LOGS: the node's logIndex */
    struct evm_hash transaction;
    bool removed;
};

struct evm_receipt {
    struct evm_hash transaction;
    struct evm_address from; /* who sent it, not who paid */
    bool succeeded;          /* status 0x1 */
    uint64_t block;
    struct evm_hash block_hash;
    uint64_t gas_used;
    bool has_fee;     /* the node says what a unit of gas cost */
    uint64_t fee_wei; /* gas_used × effectiveGasPrice, and l1Fee of chains that have one */
    struct evm_log *logs;
    size_t log_count;
};

struct evm_block {
    uint64_t number;
    struct evm_hash hash;
    uint64_t timestamp; /* Unix seconds */
    bool has_base_fee;
    uint64_t base_fee; /* wei */
};

/* Why a node would not take a transaction. */
enum evm_send_answer {
    EVM_SEND_TAKEN,       /* also: known already */
    EVM_SEND_NONCE_LOW,   /* that nonce is mined */
    EVM_SEND_UNDERPRICED, /* the fee is too low, or too low to replace */
    EVM_SEND_NO_FUNDS,    /* the sender cannot pay the gas */
    EVM_SEND_REFUSED,     /* anything else it says at once */
};

/* One question. The caller's, zero-initialised; alive until done. Answers live in the call's arena,
 * which evm_rpc_call_fini frees. */
struct evm_rpc_call {
    enum evm_rpc_kind kind;
    /* In, by kind. Spans are borrowed until done. */
    struct evm_hash hash;  /* RECEIPT, TRANSACTION */
    enum evm_rpc_tag tag;  /* BLOCK */
    uint64_t number;       /* BLOCK with EVM_RPC_NUMBER; CALL, COUNT: at that block, 0: at latest */
    struct evm_address to; /* CALL, CODE; LOGS: the contract; COUNT, BALANCE: the account */
    struct evm_address from;                    /* CALL; zeros: not said */
    struct lucid_span data;                     /* CALL, SEND */
    bool pending;                               /* COUNT */
    struct evm_hash topics[EVM_RPC_TOPICS_MAX]; /* LOGS; one of zeros: any */
    size_t topic_count;
    uint64_t from_block; /* LOGS, to_block included */
    uint64_t to_block;
    void (*done)(struct evm_rpc_call *call); /* once; never from within evm_rpc_ask */
    void *owner;

    /* Out. LUCID_OK; LUCID_NOTE_ABSENT (RECEIPT: unknown or pending; BLOCK, TRANSACTION: none
     * such);
     * LUCID_REFUSE_INVALID (CALL: it reverts, reason in why.text); LUCID_RETRY_IO (why.code
     * RPC_UNREACHABLE, RPC_MALFORMED, RPC_WRONG_CHAIN, RPC_ERROR (LOGS: also when there are more
     * than may be), RPC_CONTRADICTORY; SEND: some endpoint may have taken it);
     * LUCID_RETRY_MEMORY. Of SEND with LUCID_OK why.text is what the node said. */
    enum lucid_error error;
    struct lucid_why why;
    struct evm_receipt receipt;
    struct evm_block block;
    struct lucid_span result; /* CALL */
    bool has_code;
    uint64_t count;
    struct evm_address sender; /* TRANSACTION, as is the next */
    uint64_t nonce;
    uint64_t tip; /* wei */
    struct evm_u256 balance;
    enum evm_send_answer send;
    struct evm_log *logs; /* LOGS */
    size_t log_count;

    void *impl; /* the client's own, as is the next */
    struct evm_rpc_call *next_starved;
};

struct evm_rpc_options {
    struct lucid_loop *loop;
    struct lucid_outgoing *outgoing;
    const char *const *urls; /* copied */
    size_t url_count;        /* 1 … EVM_RPC_ENDPOINTS_MAX */
    unsigned quorum;         /* 1 … url_count */
    uint64_t chain_id;
    uint32_t timeout_ms; /* of one question to one endpoint */
};

struct evm_rpc;

/* LUCID_RETRY_MEMORY. */
enum lucid_error evm_rpc_open(const struct evm_rpc_options *options,
                              struct evm_rpc **ret) LUCID_WARN_UNUSED;
/* Cancels what is under way without calling done. NULL is allowed. */
void evm_rpc_close(struct evm_rpc *rpc);

void evm_rpc_ask(struct evm_rpc *rpc, struct evm_rpc_call *call);
void evm_rpc_cancel(struct evm_rpc *rpc, struct evm_rpc_call *call);
/* Frees what the answer holds; the call may be asked again. */
void evm_rpc_call_fini(struct evm_rpc_call *call);

struct evm_rpc_counters {
    uint64_t questions;
    uint64_t failures[EVM_RPC_ENDPOINTS_MAX]; /* by endpoint, in the order of urls */
    uint64_t contradictions;
};
void evm_rpc_counters_read(const struct evm_rpc *rpc, struct evm_rpc_counters *ret);

#endif

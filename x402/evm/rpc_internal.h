/* The pure half of the JSON-RPC client: questions as text, and what may be believed of an answer.
 *
 * Thread: pure functions. */
#ifndef LUCID_X402_EVM_RPC_INTERNAL_H
#define LUCID_X402_EVM_RPC_INTERNAL_H

#include "x402/evm/rpc.h"

#define EVM_RPC_JSON_DEPTH_MAX  16
#define EVM_RPC_ARENA_BYTES_MAX ((size_t)16 << 20)
#define EVM_RPC_CHAIN_BYTES_MAX 4096     /* of the answer to eth_chainId */
#define EVM_RPC_TAKES_NO_MORE   (-32005) /* "limit exceeded", EIP-1474 */

/* The out half of struct evm_rpc_call, as one endpoint has it. */
struct evm_rpc_answer {
    enum lucid_error error;
    struct lucid_why why;
    bool is_worn; /* the endpoint asks to be left alone for a while */
    struct evm_receipt receipt;
    struct evm_block block;
    struct lucid_span result;
    bool has_code;
    uint64_t count;
    struct evm_address sender;
    uint64_t nonce;
    uint64_t tip;
    struct evm_u256 balance;
    enum evm_send_answer send;
    struct evm_log *logs;
    size_t log_count;
};

/* The request body. */
void evm_rpc_question_write(const struct evm_rpc_call *call, uint64_t id, struct lucid_buf *out);
void evm_rpc_chain_write(uint64_t id, struct lucid_buf *out);
/* What an honest answer needs at most. */
size_t evm_rpc_answer_bytes_max(enum evm_rpc_kind kind);

/* Reads an answer; all of *ret is written. Errors are those of struct evm_rpc_call. What it points
 * to lives in arena. */
void evm_rpc_answer_read(const struct evm_rpc_call *call, uint64_t id, struct lucid_span text,
                         struct lucid_arena *arena, struct evm_rpc_answer *ret);
/* LUCID_RETRY_IO with RPC_MALFORMED or RPC_ERROR. */
enum lucid_error evm_rpc_chain_read(uint64_t id, struct lucid_span text, uint64_t *ret_chain,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

/* Whether it is something that the endpoint answered: a fact, an absence, a revert. */
static inline bool evm_rpc_answer_counts(const struct evm_rpc_answer *answer)
{
    return lucid_category(answer->error) != LUCID_CATEGORY_RETRY;
}

/* Whether two answers that count say the same. */
bool evm_rpc_answer_equal(enum evm_rpc_kind kind, const struct evm_rpc_answer *a,
                          const struct evm_rpc_answer *b) LUCID_WARN_UNUSED;
/* Whether honest nodes differ for a moment, so that answers are not compared but ordered. */
bool evm_rpc_is_ordered(const struct evm_rpc_call *call) LUCID_WARN_UNUSED;
/* Of an ordered kind: −1, 0, 1 as a is better than b (see rpc.h), as good, or worse. */
int evm_rpc_answer_order(enum evm_rpc_kind kind, const struct evm_rpc_answer *a,
                         const struct evm_rpc_answer *b) LUCID_WARN_UNUSED;

/* What the member error of an answer means; message as the node wrote it. */
void evm_rpc_refusal_read(const struct evm_rpc_call *call, int64_t code, struct lucid_span message,
                          struct lucid_span data, struct evm_rpc_answer *ret);

#endif

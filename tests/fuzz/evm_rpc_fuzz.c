/* Answers of JSON-RPC nodes to every kind of question. The first byte is the kind, the next 32 are
 * what was asked for, the rest is the answer (to a question with the id 1). */
#include "base/assert.h"
#include "x402/evm/rpc_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_logs(const struct evm_log *logs, size_t count, bool of_receipt)
{
    lucid_assert(count <= EVM_RPC_LOGS_MAX);
    for (size_t i = 0; i < count; i++) {
        lucid_assert(logs[i].topic_count <= EVM_RPC_TOPICS_MAX);
        lucid_assert(logs[i].data.data == NULL || logs[i].data.len <= EVM_RPC_DATA_MAX);
        lucid_assert(!of_receipt || logs[i].position == i);
    }
}

static void check_answer(const struct evm_rpc_call *call, const struct evm_rpc_answer *answer)
{
    if (answer->error == LUCID_OK) {
        check_logs(answer->logs, answer->log_count, false);
        check_logs(answer->receipt.logs, answer->receipt.log_count, true);
    } else if (answer->error == LUCID_NOTE_ABSENT) {
        lucid_assert(call->kind == EVM_RPC_RECEIPT || call->kind == EVM_RPC_BLOCK ||
                     call->kind == EVM_RPC_TRANSACTION);
    } else if (answer->error == LUCID_REFUSE_INVALID) {
        lucid_assert(call->kind == EVM_RPC_CALL);
    } else {
        lucid_assert(answer->error == LUCID_RETRY_IO && answer->why.code != NULL);
    }
    for (const char *c = answer->why.text; *c != '\0'; c++) {
        lucid_assert(*c >= 0x20 && *c < 0x7f);
    }
    lucid_assert(evm_rpc_answer_equal(call->kind, answer, answer) ||
                 !evm_rpc_answer_counts(answer));
    lucid_assert(!evm_rpc_is_ordered(call) ||
                 evm_rpc_answer_order(call->kind, answer, answer) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + EVM_HASH_BYTES) {
        return 0;
    }
    struct lucid_span text = lucid_span(data + 33, size - 33);
    struct evm_rpc_call call = {.kind = (enum evm_rpc_kind)(data[0] % (EVM_RPC_TRANSACTION + 1)),
                                .tag = (enum evm_rpc_tag)(data[0] / 16 % 4),
                                .data = lucid_span(data + 1, EVM_HASH_BYTES),
                                .to_block = UINT64_MAX};
    memcpy(call.hash.bytes, data + 1, sizeof(call.hash.bytes));
    memcpy(call.to.bytes, data + 1, sizeof(call.to.bytes));
    call.number = data[1];
    struct lucid_arena arena;
    struct evm_rpc_answer answer;
    struct lucid_why why = {.code = NULL};
    uint64_t chain = 0;
    lucid_arena_init(&arena, EVM_RPC_ARENA_BYTES_MAX);
    evm_rpc_answer_read(&call, 1, text, &arena, &answer);
    check_answer(&call, &answer);
    lucid_assert(evm_rpc_chain_read(1, text, &chain, &why) == LUCID_OK || why.code != NULL);
    lucid_arena_fini(&arena);
    return 0;
}

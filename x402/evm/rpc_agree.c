/* What endpoints agree on. */
#include "x402/evm/rpc_internal.h"

static bool logs_equal(const struct evm_log *a, size_t a_count, const struct evm_log *b,
                       size_t b_count)
{
    if (a_count != b_count) {
        return false;
    }
    for (size_t i = 0; i < a_count; i++) {
        bool same =
            memcmp(&a[i].address, &b[i].address, sizeof(a[i].address)) == 0 &&
            memcmp(&a[i].transaction, &b[i].transaction, sizeof(a[i].transaction)) == 0 &&
            a[i].topic_count == b[i].topic_count &&
            memcmp(a[i].topics, b[i].topics, a[i].topic_count * sizeof(a[i].topics[0])) == 0 &&
            a[i].position == b[i].position && a[i].removed == b[i].removed &&
            a[i].data.len == b[i].data.len;
        if (!same || (a[i].data.data != NULL && !lucid_span_equal(a[i].data, b[i].data))) {
            return false;
        }
    }
    return true;
}

static bool receipts_equal(const struct evm_receipt *a, const struct evm_receipt *b)
{
    return memcmp(&a->transaction, &b->transaction, sizeof(a->transaction)) == 0 &&
           memcmp(&a->from, &b->from, sizeof(a->from)) == 0 && a->succeeded == b->succeeded &&
           a->block == b->block &&
           memcmp(&a->block_hash, &b->block_hash, sizeof(a->block_hash)) == 0 &&
           a->gas_used == b->gas_used && a->has_fee == b->has_fee && a->fee_wei == b->fee_wei &&
           logs_equal(a->logs, a->log_count, b->logs, b->log_count);
}

static bool blocks_equal(const struct evm_block *a, const struct evm_block *b)
{
    return a->number == b->number && memcmp(&a->hash, &b->hash, sizeof(a->hash)) == 0 &&
           a->timestamp == b->timestamp && a->has_base_fee == b->has_base_fee &&
           a->base_fee == b->base_fee;
}

bool evm_rpc_answer_equal(enum evm_rpc_kind kind, const struct evm_rpc_answer *a,
                          const struct evm_rpc_answer *b)
{
    if (a->error != LUCID_OK || b->error != LUCID_OK) {
        return a->error == b->error;
    }
    switch (kind) {
    case EVM_RPC_RECEIPT:
        return receipts_equal(&a->receipt, &b->receipt);
    case EVM_RPC_BLOCK:
        return blocks_equal(&a->block, &b->block);
    case EVM_RPC_CALL:
        return lucid_span_equal(a->result, b->result);
    case EVM_RPC_CODE:
        return a->has_code == b->has_code;
    case EVM_RPC_COUNT:
        return a->count == b->count;
    case EVM_RPC_SEND:
        return a->send == b->send;
    case EVM_RPC_TIP:
        return a->tip == b->tip;
    case EVM_RPC_LOGS:
        return logs_equal(a->logs, a->log_count, b->logs, b->log_count);
    case EVM_RPC_BALANCE:
        return evm_u256_compare(&a->balance, &b->balance) == 0;
    case EVM_RPC_TRANSACTION:
        return a->nonce == b->nonce &&
               memcmp(a->sender.bytes, b->sender.bytes, EVM_ADDRESS_BYTES) == 0;
    }
    return false;
}

bool evm_rpc_is_ordered(const struct evm_rpc_call *call)
{
    return (call->kind == EVM_RPC_BLOCK && call->tag != EVM_RPC_NUMBER) ||
           call->kind == EVM_RPC_COUNT || call->kind == EVM_RPC_TIP ||
           call->kind == EVM_RPC_BALANCE;
}

static int descending(uint64_t a, uint64_t b)
{
    return a == b ? 0 : a > b ? -1 : 1;
}

int evm_rpc_answer_order(enum evm_rpc_kind kind, const struct evm_rpc_answer *a,
                         const struct evm_rpc_answer *b)
{
    if (a->error != LUCID_OK || b->error != LUCID_OK) { /* no such block yet: below all others */
        return descending(a->error == LUCID_OK, b->error == LUCID_OK);
    }
    switch (kind) {
    case EVM_RPC_BLOCK:
        return descending(a->block.number, b->block.number);
    case EVM_RPC_COUNT:
        return descending(a->count, b->count);
    case EVM_RPC_TIP:
        return descending(b->tip, a->tip);
    case EVM_RPC_BALANCE:
        return evm_u256_compare(&a->balance, &b->balance);
    case EVM_RPC_RECEIPT:
    case EVM_RPC_CALL:
    case EVM_RPC_CODE:
    case EVM_RPC_SEND:
    case EVM_RPC_LOGS:
    case EVM_RPC_TRANSACTION:
        break;
    }
    return 0;
}

#include "x402/evm/rpc_internal.h"

static void hex_put(struct lucid_buf *out, const void *data, size_t len)
{
    lucid_buf_str(out, "\"0x");
    lucid_buf_hex(out, data, len);
    lucid_buf_char(out, '"');
}

static void quantity_put(struct lucid_buf *out, uint64_t value)
{
    lucid_buf_printf(out, "\"0x%llx\"", (unsigned long long)value);
}

static void address_put(struct lucid_buf *out, const struct evm_address *address)
{
    hex_put(out, address->bytes, sizeof(address->bytes));
}

static bool is_zero(const void *data, size_t len)
{
    static const uint8_t zeros[EVM_HASH_BYTES];
    return memcmp(data, zeros, len) == 0;
}

static void block_put(const struct evm_rpc_call *call, struct lucid_buf *out)
{
    static const char *const tags[] = {[EVM_RPC_LATEST] = "\"latest\"",
                                       [EVM_RPC_SAFE] = "\"safe\"",
                                       [EVM_RPC_FINALIZED] = "\"finalized\""};
    if (call->tag == EVM_RPC_NUMBER) {
        quantity_put(out, call->number);
    } else {
        lucid_buf_str(out, tags[call->tag]);
    }
    lucid_buf_str(out, ",false");
}

static void call_put(const struct evm_rpc_call *call, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    if (!is_zero(call->from.bytes, sizeof(call->from.bytes))) {
        lucid_json_member(out, "from");
        address_put(out, &call->from);
    }
    lucid_json_member(out, "to");
    address_put(out, &call->to);
    lucid_json_member(out, "data");
    hex_put(out, call->data.data, call->data.len);
    lucid_buf_str(out, "},");
    if (call->number != 0) {
        quantity_put(out, call->number);
    } else {
        lucid_buf_str(out, "\"latest\"");
    }
}

static void logs_put(const struct evm_rpc_call *call, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member(out, "address");
    address_put(out, &call->to);
    lucid_json_member(out, "fromBlock");
    quantity_put(out, call->from_block);
    lucid_json_member(out, "toBlock");
    quantity_put(out, call->to_block);
    lucid_json_member(out, "topics");
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < call->topic_count; i++) {
        lucid_buf_str(out, i > 0 ? "," : "");
        if (is_zero(call->topics[i].bytes, EVM_HASH_BYTES)) {
            lucid_buf_str(out, "null");
        } else {
            hex_put(out, call->topics[i].bytes, EVM_HASH_BYTES);
        }
    }
    lucid_buf_str(out, "]}");
}

static void params_put(const struct evm_rpc_call *call, struct lucid_buf *out)
{
    switch (call->kind) {
    case EVM_RPC_RECEIPT:
    case EVM_RPC_TRANSACTION:
        hex_put(out, call->hash.bytes, sizeof(call->hash.bytes));
        break;
    case EVM_RPC_BLOCK:
        block_put(call, out);
        break;
    case EVM_RPC_CALL:
        call_put(call, out);
        break;
    case EVM_RPC_CODE:
    case EVM_RPC_BALANCE:
        address_put(out, &call->to);
        lucid_buf_str(out, ",\"latest\"");
        break;
    case EVM_RPC_COUNT:
        address_put(out, &call->to);
        if (call->number != 0) {
            lucid_buf_char(out, ',');
            quantity_put(out, call->number);
        } else {
            lucid_buf_str(out, call->pending ? ",\"pending\"" : ",\"latest\"");
        }
        break;
    case EVM_RPC_SEND:
        hex_put(out, call->data.data, call->data.len);
        break;
    case EVM_RPC_TIP:
        break;
    case EVM_RPC_LOGS:
        logs_put(call, out);
        break;
    }
}

static void head_put(struct lucid_buf *out, uint64_t id, const char *method)
{
    lucid_buf_str(out, "{\"jsonrpc\":\"2.0\"");
    lucid_json_member_u64(out, "id", id);
    lucid_json_member_cstr(out, "method", method);
    lucid_json_member(out, "params");
    lucid_buf_char(out, '[');
}

void evm_rpc_question_write(const struct evm_rpc_call *call, uint64_t id, struct lucid_buf *out)
{
    static const char *const methods[] = {[EVM_RPC_RECEIPT] = "eth_getTransactionReceipt",
                                          [EVM_RPC_BLOCK] = "eth_getBlockByNumber",
                                          [EVM_RPC_CALL] = "eth_call",
                                          [EVM_RPC_CODE] = "eth_getCode",
                                          [EVM_RPC_COUNT] = "eth_getTransactionCount",
                                          [EVM_RPC_SEND] = "eth_sendRawTransaction",
                                          [EVM_RPC_TIP] = "eth_maxPriorityFeePerGas",
                                          [EVM_RPC_LOGS] = "eth_getLogs",
                                          [EVM_RPC_BALANCE] = "eth_getBalance",
                                          [EVM_RPC_TRANSACTION] = "eth_getTransactionByHash"};
    head_put(out, id, methods[call->kind]);
    params_put(call, out);
    lucid_buf_str(out, "]}");
}

void evm_rpc_chain_write(uint64_t id, struct lucid_buf *out)
{
    head_put(out, id, "eth_chainId");
    lucid_buf_str(out, "]}");
}

size_t evm_rpc_answer_bytes_max(enum evm_rpc_kind kind)
{
    switch (kind) {
    case EVM_RPC_RECEIPT:
    case EVM_RPC_LOGS:
        return (size_t)2 << 20; /* EVM_RPC_LOGS_MAX logs of a thousand bytes of data */
    case EVM_RPC_BLOCK:
        return (size_t)2 << 20; /* 66 bytes and more for each of its transactions */
    case EVM_RPC_CODE:
        return (size_t)256 << 10; /* code has at most 24 KiB on most chains */
    case EVM_RPC_TRANSACTION:
        return (size_t)1 << 20; /* its input */
    case EVM_RPC_CALL:
    case EVM_RPC_COUNT:
    case EVM_RPC_SEND:
    case EVM_RPC_TIP:
    case EVM_RPC_BALANCE:
        break;
    }
    return (size_t)64 << 10;
}

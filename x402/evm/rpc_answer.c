#include <jansson.h>

#include "base/assert.h"
#include "x402/evm/rpc_internal.h"

/* What the readers below share. */
struct reading {
    const struct evm_rpc_call *call;
    struct lucid_arena *arena;
    struct evm_rpc_answer *answer;
};

static enum lucid_error malformed(struct lucid_why *why, const char *what)
{
    return lucid_refuse(why, LUCID_RETRY_IO, "RPC_MALFORMED", NULL, "the node's answer: %s", what);
}

static void bad(struct reading *reading, const char *what)
{
    reading->answer->error = malformed(&reading->answer->why, what);
}

/* --- values ----------------------------------------------------------------------------------- */

static bool string_of(const json_t *value, struct lucid_span *ret)
{
    if (!json_is_string(value)) {
        return false;
    }
    *ret = lucid_span(json_string_value(value), json_string_length(value));
    return true;
}

static bool hash_of(const json_t *value, struct evm_hash *ret)
{
    struct lucid_span text;
    return string_of(value, &text) && evm_hash_parse(text, ret);
}

static bool address_of(const json_t *value, struct evm_address *ret)
{
    struct lucid_span text;
    return string_of(value, &text) && evm_address_parse(text, ret);
}

static bool u256_of(const json_t *value, struct evm_u256 *ret)
{
    struct lucid_span text;
    return string_of(value, &text) && evm_u256_parse_quantity(text, ret);
}

static bool u64_of(const json_t *value, uint64_t *ret)
{
    struct evm_u256 wide;
    return u256_of(value, &wide) && evm_u256_u64(&wide, ret);
}

static bool hash_is(const json_t *value, const struct evm_hash *want)
{
    struct evm_hash hash;
    return hash_of(value, &hash) && memcmp(hash.bytes, want->bytes, sizeof(hash.bytes)) == 0;
}

static bool u64_is(const json_t *value, uint64_t want)
{
    uint64_t number;
    return u64_of(value, &number) && number == want;
}

/* Whether it is "0x" and whole bytes in hex; *ret_len is how many. */
static bool data_look(struct lucid_span text, size_t *ret_len)
{
    if (text.len < 2 || text.len % 2 != 0 || text.data[0] != '0' || text.data[1] != 'x') {
        return false;
    }
    for (size_t i = 2; i < text.len; i++) {
        uint8_t digit;
        if (!evm_hex_digit(text.data[i], &digit)) {
            return false;
        }
    }
    *ret_len = text.len / 2 - 1;
    return true;
}

/* Bytes of a text that data_look was content with; data NULL without memory. */
static struct lucid_span data_take(struct lucid_arena *arena, struct lucid_span text, size_t len)
{
    uint8_t *bytes = lucid_arena_alloc(arena, len > 0 ? len : 1);
    for (size_t i = 0; bytes != NULL && i < len; i++) {
        uint8_t high = 0;
        uint8_t low = 0;
        bool ok =
            evm_hex_digit(text.data[2 + 2 * i], &high) && evm_hex_digit(text.data[3 + 2 * i], &low);
        lucid_assert(ok);
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return lucid_span(bytes, bytes != NULL ? len : 0);
}

/* False: not hex, or without memory (the answer's error is set). Data that is longer than may be
 * kept has its length only. */
static bool data_of(struct reading *reading, const json_t *value, const char *what,
                    struct lucid_span *ret)
{
    struct lucid_span text;
    size_t len;
    if (!string_of(value, &text) || !data_look(text, &len)) {
        bad(reading, what);
        return false;
    }
    if (len > EVM_RPC_DATA_MAX) {
        *ret = lucid_span(NULL, len);
        return true;
    }
    *ret = data_take(reading->arena, text, len);
    if (ret->data == NULL) {
        reading->answer->error = LUCID_RETRY_MEMORY;
        return false;
    }
    return true;
}

/* --- logs ------------------------------------------------------------------------------------- */

static bool topics_of(const json_t *value, struct evm_log *log)
{
    log->topic_count = json_array_size(value);
    if (!json_is_array(value) || log->topic_count > EVM_RPC_TOPICS_MAX) {
        return false;
    }
    for (size_t i = 0; i < log->topic_count; i++) {
        if (!hash_of(json_array_get(value, i), &log->topics[i])) {
            return false;
        }
    }
    return true;
}

/* The members that both kinds of logs have; some nodes leave out removed. */
static bool log_read(struct reading *reading, const json_t *value, struct evm_log *log)
{
    const json_t *removed = json_object_get(value, "removed");
    if (!address_of(json_object_get(value, "address"), &log->address)) {
        bad(reading, "address of a log");
    } else if (!topics_of(json_object_get(value, "topics"), log)) {
        bad(reading, "topics of a log");
    } else if (!hash_of(json_object_get(value, "transactionHash"), &log->transaction)) {
        bad(reading, "transactionHash of a log");
    } else if (!u64_of(json_object_get(value, "logIndex"), &log->position)) {
        bad(reading, "logIndex of a log");
    } else if (removed != NULL && !json_is_boolean(removed)) {
        bad(reading, "removed of a log");
    } else {
        log->removed = json_is_true(removed);
        return data_of(reading, json_object_get(value, "data"), "data of a log", &log->data);
    }
    return false;
}

static bool logs_alloc(struct reading *reading, const json_t *list, struct evm_log **ret,
                       size_t *ret_count)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list)) {
        bad(reading, "logs");
        return false;
    }
    if (count > EVM_RPC_LOGS_MAX) {
        /* As when a node itself will not give so many: who asks may ask for less. */
        reading->answer->error = lucid_refuse(&reading->answer->why, LUCID_RETRY_IO, "RPC_ERROR",
                                              NULL, "more than %d logs", EVM_RPC_LOGS_MAX);
        return false;
    }
    *ret = lucid_arena_zalloc(reading->arena, (count > 0 ? count : 1) * sizeof(**ret));
    *ret_count = count;
    if (*ret == NULL) {
        reading->answer->error = LUCID_RETRY_MEMORY;
    }
    return *ret != NULL;
}

/* --- receipts --------------------------------------------------------------------------------- */

/* The logs of one transaction stand in its block one after the other: one that was left out, or
 * put elsewhere, would change the keys of payments. */
static bool receipt_logs_read(struct reading *reading, const json_t *list)
{
    struct evm_receipt *receipt = &reading->answer->receipt;
    uint64_t first = 0;
    if (!logs_alloc(reading, list, &receipt->logs, &receipt->log_count)) {
        return false;
    }
    for (size_t i = 0; i < receipt->log_count; i++) {
        const json_t *value = json_array_get(list, i);
        struct evm_log *log = &receipt->logs[i];
        if (!log_read(reading, value, log)) {
            return false;
        }
        first = i == 0 ? log->position : first;
        if (log->position != first + i) {
            bad(reading, "logIndex of a log is not the next one");
        } else if (!hash_is(json_object_get(value, "transactionHash"), &receipt->transaction)) {
            bad(reading, "transactionHash of a log is another one");
        } else if (!hash_is(json_object_get(value, "blockHash"), &receipt->block_hash)) {
            bad(reading, "blockHash of a log is another one");
        } else if (!u64_is(json_object_get(value, "blockNumber"), receipt->block)) {
            bad(reading, "blockNumber of a log is another one");
        } else {
            log->position = i;
            continue;
        }
        return false;
    }
    return true;
}

/* What the sender paid in all. Nodes that do not say it, or a sum beyond 64 bits: not known. */
static void receipt_fee_read(const json_t *result, struct evm_receipt *receipt)
{
    uint64_t price;
    uint64_t l1_fee = 0;
    const json_t *l1 = json_object_get(result, "l1Fee");
    bool says_l1 = l1 != NULL && !json_is_null(l1);
    receipt->has_fee = u64_of(json_object_get(result, "effectiveGasPrice"), &price) &&
                       (!says_l1 || u64_of(l1, &l1_fee)) &&
                       !__builtin_mul_overflow(receipt->gas_used, price, &receipt->fee_wei) &&
                       !__builtin_add_overflow(receipt->fee_wei, l1_fee, &receipt->fee_wei);
    if (!receipt->has_fee) {
        receipt->fee_wei = 0;
    }
}

static void receipt_read(struct reading *reading, const json_t *result)
{
    struct evm_receipt *receipt = &reading->answer->receipt;
    const json_t *number = json_object_get(result, "blockNumber");
    const json_t *hash = json_object_get(result, "blockHash");
    uint64_t status;
    if (!json_is_object(result)) {
        bad(reading, "the receipt is no object");
    } else if (!hash_is(json_object_get(result, "transactionHash"), &reading->call->hash)) {
        bad(reading, "transactionHash is not the one asked for");
    } else if (json_is_null(number) && json_is_null(hash)) {
        reading->answer->error = LUCID_NOTE_ABSENT; /* pending, as some nodes say it */
    } else if (!u64_of(number, &receipt->block)) {
        bad(reading, "blockNumber");
    } else if (!hash_of(hash, &receipt->block_hash)) {
        bad(reading, "blockHash");
    } else if (!u64_of(json_object_get(result, "status"), &status) || status > 1) {
        bad(reading, "status");
    } else if (!address_of(json_object_get(result, "from"), &receipt->from)) {
        bad(reading, "from");
    } else if (!u64_of(json_object_get(result, "gasUsed"), &receipt->gas_used)) {
        bad(reading, "gasUsed");
    } else {
        receipt->transaction = reading->call->hash;
        receipt->succeeded = status == 1;
        receipt_fee_read(result, receipt);
        (void)receipt_logs_read(reading, json_object_get(result, "logs"));
    }
}

/* --- other kinds ------------------------------------------------------------------------------ */

static void block_read(struct reading *reading, const json_t *result)
{
    const struct evm_rpc_call *call = reading->call;
    struct evm_block *block = &reading->answer->block;
    const json_t *fee = json_object_get(result, "baseFeePerGas");
    block->has_base_fee = fee != NULL && !json_is_null(fee);
    if (!json_is_object(result)) {
        bad(reading, "the block is no object");
    } else if (!u64_of(json_object_get(result, "number"), &block->number)) {
        bad(reading, "number");
    } else if (call->tag == EVM_RPC_NUMBER && block->number != call->number) {
        bad(reading, "number is not the one asked for");
    } else if (!hash_of(json_object_get(result, "hash"), &block->hash)) {
        bad(reading, "hash");
    } else if (!u64_of(json_object_get(result, "timestamp"), &block->timestamp)) {
        bad(reading, "timestamp");
    } else if (block->has_base_fee && !u64_of(fee, &block->base_fee)) {
        bad(reading, "baseFeePerGas");
    }
}

static void call_read(struct reading *reading, const json_t *result)
{
    struct lucid_span *bytes = &reading->answer->result;
    if (data_of(reading, result, "the result is no hex", bytes) && bytes->data == NULL) {
        bad(reading, "the result is too long");
    }
}

static void code_read(struct reading *reading, const json_t *result)
{
    struct lucid_span text;
    size_t len = 0;
    if (!string_of(result, &text) || !data_look(text, &len)) {
        bad(reading, "the code is no hex");
    }
    reading->answer->has_code = len > 0;
}

static void transaction_read(struct reading *reading, const json_t *result)
{
    struct evm_rpc_answer *answer = reading->answer;
    if (!json_is_object(result)) {
        bad(reading, "the transaction is no object");
    } else if (!hash_is(json_object_get(result, "hash"), &reading->call->hash)) {
        bad(reading, "hash is not the one asked for");
    } else if (!address_of(json_object_get(result, "from"), &answer->sender)) {
        bad(reading, "from");
    } else if (!u64_of(json_object_get(result, "nonce"), &answer->nonce)) {
        bad(reading, "nonce");
    }
}

static void number_read(struct reading *reading, const json_t *result, uint64_t *ret)
{
    if (!u64_of(result, ret)) {
        bad(reading, "the result is no quantity of 64 bits");
    }
}

static void balance_read(struct reading *reading, const json_t *result)
{
    if (!u256_of(result, &reading->answer->balance)) {
        bad(reading, "the result is no quantity");
    }
}

static void send_read(struct reading *reading, const json_t *result)
{
    struct evm_hash hash = evm_keccak256(reading->call->data);
    reading->answer->send = EVM_SEND_TAKEN;
    if (!hash_is(result, &hash)) {
        bad(reading, "the result is not the transaction's hash");
    }
}

static bool is_asked_for(const struct evm_rpc_call *call, const struct evm_log *log)
{
    static const struct evm_hash any;
    if (memcmp(log->address.bytes, call->to.bytes, sizeof(call->to.bytes)) != 0 ||
        log->topic_count < call->topic_count) {
        return false;
    }
    for (size_t i = 0; i < call->topic_count; i++) {
        if (memcmp(&call->topics[i], &any, sizeof(any)) != 0 &&
            memcmp(&call->topics[i], &log->topics[i], sizeof(any)) != 0) {
            return false;
        }
    }
    return true;
}

static void logs_read(struct reading *reading, const json_t *result)
{
    const struct evm_rpc_call *call = reading->call;
    struct evm_rpc_answer *answer = reading->answer;
    if (!logs_alloc(reading, result, &answer->logs, &answer->log_count)) {
        return;
    }
    for (size_t i = 0; i < answer->log_count; i++) {
        const json_t *value = json_array_get(result, i);
        struct evm_hash block;
        uint64_t number;
        if (!log_read(reading, value, &answer->logs[i])) {
            return;
        }
        if (!is_asked_for(call, &answer->logs[i])) {
            bad(reading, "a log that was not asked for");
        } else if (!u64_of(json_object_get(value, "blockNumber"), &number) ||
                   number < call->from_block || number > call->to_block) {
            bad(reading, "blockNumber of a log");
        } else if (!hash_of(json_object_get(value, "blockHash"), &block)) {
            bad(reading, "blockHash of a log");
        } else {
            continue;
        }
        return;
    }
}

/* --- the envelope ----------------------------------------------------------------------------- */

static bool is_shallow(struct lucid_span text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '{' || c == '[')) {
            if (++depth > EVM_RPC_JSON_DEPTH_MAX) {
                return false;
            }
        } else if (!quoted && (c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

/* The whole answer and either of its two members; NULL: why is filled. */
static json_t *envelope_read(uint64_t id, struct lucid_span text, const json_t **ret_result,
                             const json_t **ret_error, struct lucid_why *why)
{
    json_t *json = NULL;
    struct lucid_span version;
    const char *what = "it is nested too deeply";
    if (is_shallow(text)) {
        json = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
        what = "it is no JSON object";
    }
    const json_t *number = json_object_get(json, "id");
    const json_t *result = json_object_get(json, "result");
    const json_t *error = json_object_get(json, "error");
    if (json_is_object(json)) {
        what = NULL;
        if (!string_of(json_object_get(json, "jsonrpc"), &version) ||
            !lucid_span_is(version, "2.0")) {
            what = "jsonrpc";
        } else if (!json_is_integer(number) || id > INT64_MAX ||
                   json_integer_value(number) != (json_int_t)id) {
            what = "id is not the question's";
        } else if ((result == NULL) == (error == NULL)) {
            what = "neither result nor error alone";
        }
    }
    if (what != NULL) {
        (void)malformed(why, what);
        json_decref(json);
        return NULL;
    }
    *ret_result = result;
    *ret_error = error;
    return json;
}

/* The data of an error: hex, or a text that ends with it ("Reverted 0x…"). */
static struct lucid_span error_data(struct lucid_arena *arena, const json_t *value)
{
    struct lucid_span text;
    size_t len;
    if (!string_of(value, &text)) {
        return lucid_span(NULL, 0);
    }
    for (size_t skip = 0; skip + 2 <= text.len && skip <= 16; skip++) {
        struct lucid_span rest = lucid_span(text.data + skip, text.len - skip);
        if (data_look(rest, &len)) {
            return len <= EVM_RPC_DATA_MAX ? data_take(arena, rest, len) : lucid_span(NULL, 0);
        }
    }
    return lucid_span(NULL, 0);
}

static void error_read(struct reading *reading, const json_t *error)
{
    const json_t *code = json_object_get(error, "code");
    struct lucid_span message;
    if (!json_is_integer(code) || !string_of(json_object_get(error, "message"), &message)) {
        bad(reading, "error");
        return;
    }
    struct lucid_span data = error_data(reading->arena, json_object_get(error, "data"));
    evm_rpc_refusal_read(reading->call, (int64_t)json_integer_value(code), message, data,
                         reading->answer);
}

static void result_read(struct reading *reading, const json_t *result)
{
    struct evm_rpc_answer *answer = reading->answer;
    bool may_be_absent = reading->call->kind == EVM_RPC_RECEIPT ||
                         reading->call->kind == EVM_RPC_BLOCK ||
                         reading->call->kind == EVM_RPC_TRANSACTION;
    if (json_is_null(result) && may_be_absent) {
        answer->error = LUCID_NOTE_ABSENT;
        return;
    }
    switch (reading->call->kind) {
    case EVM_RPC_RECEIPT:
        receipt_read(reading, result);
        break;
    case EVM_RPC_BLOCK:
        block_read(reading, result);
        break;
    case EVM_RPC_CALL:
        call_read(reading, result);
        break;
    case EVM_RPC_CODE:
        code_read(reading, result);
        break;
    case EVM_RPC_COUNT:
        number_read(reading, result, &answer->count);
        break;
    case EVM_RPC_SEND:
        send_read(reading, result);
        break;
    case EVM_RPC_TIP:
        number_read(reading, result, &answer->tip);
        break;
    case EVM_RPC_LOGS:
        logs_read(reading, result);
        break;
    case EVM_RPC_BALANCE:
        balance_read(reading, result);
        break;
    case EVM_RPC_TRANSACTION:
        transaction_read(reading, result);
        break;
    }
}

void evm_rpc_answer_read(const struct evm_rpc_call *call, uint64_t id, struct lucid_span text,
                         struct lucid_arena *arena, struct evm_rpc_answer *ret)
{
    struct reading reading = {.call = call, .arena = arena, .answer = ret};
    const json_t *result = NULL;
    const json_t *error = NULL;
    *ret = (struct evm_rpc_answer){.error = LUCID_OK};
    json_t *json = envelope_read(id, text, &result, &error, &ret->why);
    if (json == NULL) {
        ret->error = LUCID_RETRY_IO;
    } else if (error != NULL) {
        error_read(&reading, error);
    } else {
        result_read(&reading, result);
    }
    json_decref(json);
}

enum lucid_error evm_rpc_chain_read(uint64_t id, struct lucid_span text, uint64_t *ret_chain,
                                    struct lucid_why *why)
{
    const json_t *result = NULL;
    const json_t *error = NULL;
    enum lucid_error outcome = LUCID_OK;
    json_t *json = envelope_read(id, text, &result, &error, why);
    if (json == NULL) {
        return LUCID_RETRY_IO;
    }
    if (error != NULL) {
        outcome = lucid_refuse(why, LUCID_RETRY_IO, "RPC_ERROR", NULL,
                               "the node does not say which chain it is on");
    } else if (!u64_of(result, ret_chain)) {
        outcome = malformed(why, "the chain id is no quantity");
    }
    json_decref(json);
    return outcome;
}

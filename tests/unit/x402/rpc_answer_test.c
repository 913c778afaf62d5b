/* What is believed of a node's answer: every recorded exchange, as it was and changed in every
 * place; and the words of several kinds of nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm_vectors.h"
#include "x402/evm/rpc_internal.h"

/* --- a recorded question as one of ours ------------------------------------------------------- */

static void free_bytes(struct lucid_span *bytes)
{
    free((void *)(uintptr_t)bytes->data);
    *bytes = lucid_span(NULL, 0);
}

static enum evm_rpc_tag tag_of(const char *text, uint64_t *ret_number)
{
    struct evm_u256 number;
    if (strcmp(text, "latest") == 0) {
        return EVM_RPC_LATEST;
    }
    if (strcmp(text, "safe") == 0) {
        return EVM_RPC_SAFE;
    }
    if (strcmp(text, "finalized") == 0) {
        return EVM_RPC_FINALIZED;
    }
    assert_true(evm_u256_parse_quantity(lucid_span_str(text), &number));
    assert_true(evm_u256_u64(&number, ret_number));
    return EVM_RPC_NUMBER;
}

static void logs_question(const json_t *filter, struct evm_rpc_call *call)
{
    const json_t *topics = vectors_get(filter, "topics");
    call->kind = EVM_RPC_LOGS;
    call->to = evm_vectors_address(filter, "address");
    call->to_block = UINT64_MAX;
    call->topic_count = json_array_size(topics);
    for (size_t i = 0; i < call->topic_count; i++) {
        const json_t *topic = json_array_get(topics, i);
        if (!json_is_null(topic)) {
            assert_true(evm_hash_parse(vectors_text(topic), &call->topics[i]));
        }
    }
}

static void call_question(const json_t *call, struct evm_rpc_call *ret)
{
    ret->kind = EVM_RPC_CALL;
    ret->to = evm_vectors_address(call, "to");
    ret->data = evm_vectors_bytes(vectors_get(call, "data"));
    if (json_object_get(call, "from") != NULL) {
        ret->from = evm_vectors_address(call, "from");
    }
}

/* False: not one that we ask. call->data is the caller's to free. */
static bool question_of(const json_t *request, struct evm_rpc_call *call)
{
    const char *method = json_string_value(vectors_get(request, "method"));
    const json_t *params = vectors_get(request, "params");
    const json_t *first = json_array_get(params, 0);
    *call = (struct evm_rpc_call){.kind = EVM_RPC_RECEIPT};
    if (strcmp(method, "eth_getTransactionReceipt") == 0) {
        return evm_hash_parse(vectors_text(first), &call->hash);
    }
    if (strcmp(method, "eth_getBlockByNumber") == 0) {
        call->kind = EVM_RPC_BLOCK;
        call->tag = tag_of(json_string_value(first), &call->number);
    } else if (strcmp(method, "eth_call") == 0) {
        call_question(first, call);
    } else if (strcmp(method, "eth_getCode") == 0) {
        call->kind = EVM_RPC_CODE;
        assert_true(evm_address_parse(vectors_text(first), &call->to));
    } else if (strcmp(method, "eth_getLogs") == 0) {
        logs_question(first, call);
    } else {
        return false;
    }
    return true;
}

typedef void exchange_fn(const struct evm_rpc_call *call, const json_t *exchange);

static size_t walk(const json_t *json, exchange_fn *each)
{
    size_t count = 0;
    const char *name;
    const json_t *member;
    size_t i;
    if (json_object_get(json, "request") != NULL) {
        struct evm_rpc_call call;
        if (question_of(json_object_get(json, "request"), &call)) {
            each(&call, json);
            free_bytes(&call.data);
            count++;
        }
        return count;
    }
    json_object_foreach((json_t *)(uintptr_t)json, name, member)
    {
        count += walk(member, each);
    }
    json_array_foreach(json, i, member)
    {
        count += walk(member, each);
    }
    return count;
}

static size_t walk_all(exchange_fn *each)
{
    json_t *json = vectors_load("x402/rpc-receipts.json");
    size_t count = walk(json, each);
    json_decref(json);
    return count;
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct lucid_arena arena;

static void read_text(const struct evm_rpc_call *call, uint64_t id, struct lucid_span text,
                      struct evm_rpc_answer *ret)
{
    /* Its own memory, so that reading past the end is seen. */
    char *copy = malloc(text.len > 0 ? text.len : 1);
    assert_non_null(copy);
    memcpy(copy, text.data, text.len);
    lucid_arena_reset(&arena);
    evm_rpc_answer_read(call, id, lucid_span(copy, text.len), &arena, ret);
    free(copy);
}

static void read_json(const struct evm_rpc_call *call, uint64_t id, const json_t *json,
                      struct evm_rpc_answer *ret)
{
    char *text = json_dumps(json, JSON_COMPACT);
    assert_non_null(text);
    read_text(call, id, lucid_span_str(text), ret);
    free(text);
}

static bool is_malformed(const struct evm_rpc_answer *answer)
{
    return answer->error == LUCID_RETRY_IO && strcmp(answer->why.code, "RPC_MALFORMED") == 0;
}

static void check_receipt(const struct evm_receipt *receipt, const json_t *result)
{
    const json_t *logs = vectors_get(result, "logs");
    assert_int_equal(receipt->succeeded,
                     vectors_text(vectors_get(result, "status")).data[2] == '1');
    assert_int_equal(receipt->log_count, json_array_size(logs));
    for (size_t i = 0; i < receipt->log_count; i++) {
        const json_t *log = json_array_get(logs, i);
        struct lucid_span data = evm_vectors_bytes(vectors_get(log, "data"));
        assert_int_equal(receipt->logs[i].position, i);
        assert_true(lucid_span_equal(receipt->logs[i].data, data));
        assert_int_equal(receipt->logs[i].topic_count, json_array_size(vectors_get(log, "topics")));
        assert_false(receipt->logs[i].removed);
        struct evm_address address = evm_vectors_address(log, "address");
        assert_memory_equal(&receipt->logs[i].address, &address, sizeof(address));
        free_bytes(&data);
    }
}

static void check_exchange(const struct evm_rpc_call *call, const json_t *exchange)
{
    const json_t *response = vectors_get(exchange, "response");
    const json_t *result = json_object_get(response, "result");
    uint64_t id = vectors_u64(vectors_get(response, "id"));
    struct evm_rpc_answer answer;
    read_json(call, id, response, &answer);
    if (result == NULL) {
        bool reverts = call->kind == EVM_RPC_CALL;
        assert_int_equal(answer.error, reverts ? LUCID_REFUSE_INVALID : LUCID_RETRY_IO);
        assert_string_equal(answer.why.text, reverts ? "authorization is used or canceled"
                                                     : "the node answers: invalid string length "
                                                       "(-32602)");
        return;
    }
    if (json_is_null(result)) {
        assert_int_equal(answer.error, LUCID_NOTE_ABSENT);
        return;
    }
    if (answer.error != LUCID_OK) {
        fail_msg("%llu: %s", (unsigned long long)id, answer.why.text);
    }
    if (call->kind == EVM_RPC_RECEIPT) {
        check_receipt(&answer.receipt, result);
    } else if (call->kind == EVM_RPC_CALL) {
        struct lucid_span bytes = evm_vectors_bytes(result);
        assert_true(lucid_span_equal(answer.result, bytes));
        free_bytes(&bytes);
    } else if (call->kind == EVM_RPC_LOGS) {
        assert_int_equal(answer.log_count, json_array_size(result));
        assert_true(answer.log_count > 0);
    } else if (call->kind == EVM_RPC_BLOCK) {
        struct evm_hash hash = evm_vectors_hash(result, "hash");
        assert_memory_equal(&answer.block.hash, &hash, sizeof(hash));
        assert_true(answer.block.has_base_fee);
    }
}

static void vectors(void **state)
{
    (void)state;
    assert_true(walk_all(check_exchange) >= 20);
}

/* --- answers that were changed ---------------------------------------------------------------- */

/* Members that nobody reads. */
static bool is_unread(enum evm_rpc_kind kind, const char *name)
{
    static const char *const unread[] = {
        "type",
        "cumulativeGasUsed",
        "logsBloom",
        "transactionIndex",
        "blobGasPrice",
        "effectiveGasPrice",
        "to",
        "contractAddress",
        "blockTimestamp",
        "parentHash",
        "sha3Uncles",
        "miner",
        "stateRoot",
        "transactionsRoot",
        "receiptsRoot",
        "difficulty",
        "gasLimit",
        "extraData",
        "mixHash",
        "nonce",
        "withdrawalsRoot",
        "blobGasUsed",
        "excessBlobGas",
        "parentBeaconBlockRoot",
        "requestsHash",
        "totalDifficulty",
        "size",
        "uncles",
        "transactions",
        "withdrawals",
    };
    for (size_t i = 0; i < sizeof(unread) / sizeof(unread[0]); i++) {
        if (strcmp(name, unread[i]) == 0) {
            return true;
        }
    }
    return kind == EVM_RPC_BLOCK && strcmp(name, "gasUsed") == 0;
}

/* Both may be missing: a chain before EIP-1559, and nodes that do not say removed. */
static bool may_miss(const char *name)
{
    return strcmp(name, "removed") == 0 || strcmp(name, "baseFeePerGas") == 0;
}

static json_t *wrong_value(unsigned which, const json_t *was)
{
    switch (which) {
    case 0:
        return json_is_null(was) ? json_integer(1) : json_null();
    case 1:
        return json_integer(7);
    case 2:
        return json_string("");
    case 3:
        return json_string("0x");
    case 4:
        return json_string("0x00");
    case 5:
        return json_string("0xg");
    case 6:
        return json_array();
    case 7:
        return json_object();
    case 8:
        return json_string("0x10000000000000000");
    case 9:
        return json_pack("[o]", json_object());
    case 10:
        return json_string("0x0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef01");
    default:
        return json_true();
    }
}

enum { WRONG_VALUES = 12 };

static size_t changed;
static size_t refused;

/* Changes each member of object, reads the whole, and puts it back. */
static void change_members(const struct evm_rpc_call *call, uint64_t id, json_t *whole,
                           json_t *object)
{
    struct evm_rpc_answer answer;
    const char *names[64];
    size_t count = 0;
    const char *name;
    json_t *member;
    json_object_foreach(object, name, member)
    {
        names[count++] = name;
    }
    for (size_t i = 0; i < count; i++) {
        json_t *was = json_incref(json_object_get(object, names[i]));
        char copy[64];
        (void)snprintf(copy, sizeof(copy), "%s", names[i]);
        json_object_del(object, copy);
        read_json(call, id, whole, &answer);
        bool unread = is_unread(call->kind, copy) || strcmp(copy, "data") == 0;
        if (!is_unread(call->kind, copy) && !may_miss(copy) && object != whole) {
            assert_true(is_malformed(&answer) || answer.error == LUCID_NOTE_ABSENT);
        }
        for (unsigned j = 0; j < WRONG_VALUES; j++) {
            json_t *wrong = wrong_value(j, was);
            bool same = json_equal(wrong, was);
            json_object_set_new(object, copy, wrong);
            read_json(call, id, whole, &answer);
            changed++;
            refused += is_malformed(&answer);
            if (!same && !unread && answer.error == LUCID_OK) {
                /* What is still taken is another valid value of that member. */
                char *text = json_dumps(whole, JSON_COMPACT);
                bool fine =
                    (j == 0 && strcmp(copy, "baseFeePerGas") == 0) ||
                    (j == 6 && (strcmp(copy, "logs") == 0 || strcmp(copy, "topics") == 0)) ||
                    (j == 11 && strcmp(copy, "removed") == 0) ||
                    (call->kind == EVM_RPC_CALL && (j == 3 || j == 4 || j == 10)) ||
                    (call->kind == EVM_RPC_CODE && (j == 3 || j == 4 || j == 10)) ||
                    (call->kind == EVM_RPC_LOGS && j == 6);
                if (!fine) {
                    fail_msg("%s, %u is taken: %.400s", copy, j, text);
                }
                free(text);
            }
        }
        json_object_set_new(object, copy, was);
    }
}

static void change_exchange(const struct evm_rpc_call *call, const json_t *exchange)
{
    json_t *response = json_deep_copy(vectors_get(exchange, "response"));
    json_t *result = json_object_get(response, "result");
    uint64_t id = vectors_u64(vectors_get(response, "id"));
    struct evm_rpc_answer answer;
    change_members(call, id, response, response);
    if (json_is_object(result)) {
        change_members(call, id, response, result);
    }
    json_t *logs = json_is_object(result) ? json_object_get(result, "logs") : result;
    for (size_t i = 0; i < json_array_size(logs); i++) {
        if (json_is_object(json_array_get(logs, i))) {
            change_members(call, id, response, json_array_get(logs, i));
        }
    }
    /* Another id; both members; neither; a member twice; more after the end. */
    read_json(call, id + 1, response, &answer);
    assert_true(is_malformed(&answer));
    char *text = json_dumps(response, JSON_COMPACT);
    size_t len = strlen(text);
    char *longer = malloc(len + 64);
    assert_non_null(longer);
    static const char *const tails[] = {",\"result\":null}", ",\"error\":null}", "} {}", "}x",
                                        ",\"id\":1}"};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        (void)snprintf(longer, len + 64, "%.*s%s", (int)(len - 1), text, tails[i]);
        read_text(call, id, lucid_span_str(longer), &answer);
        assert_true(is_malformed(&answer));
    }
    /* Every truncation; the long ones in steps. */
    for (size_t cut = 0; cut < len; cut += cut < 300 || len - cut < 300 ? 1 : 37) {
        read_text(call, id, lucid_span(text, cut), &answer);
        assert_true(is_malformed(&answer));
    }
    free(longer);
    free(text);
    json_decref(response);
}

static void changes(void **state)
{
    (void)state;
    changed = 0;
    refused = 0;
    assert_true(walk_all(change_exchange) >= 20);
    assert_true(changed > 4000);
    assert_true(refused > changed / 4);
}

/* --- receipts that lie ------------------------------------------------------------------------ */

#define H1 "0x1111111111111111111111111111111111111111111111111111111111111111"
#define H2 "0x2222222222222222222222222222222222222222222222222222222222222222"
#define A1 "0x1111111111111111111111111111111111111111"

static json_t *make_log(unsigned index)
{
    char position[32];
    (void)snprintf(position, sizeof(position), "0x%x", index);
    return json_pack("{s:s,s:[s],s:s,s:s,s:s,s:s,s:s,s:b}", "address", A1, "topics", H1, "data",
                     "0xAb", "blockHash", H2, "blockNumber", "0x5", "transactionHash", H1,
                     "logIndex", position, "removed", 0);
}

static json_t *make_receipt(unsigned first, unsigned count)
{
    json_t *logs = json_array();
    for (unsigned i = 0; i < count; i++) {
        json_array_append_new(logs, make_log(first + i));
    }
    return json_pack("{s:s,s:i,s:{s:s,s:s,s:s,s:s,s:s,s:s,s:o}}", "jsonrpc", "2.0", "id", 1,
                     "result", "transactionHash", H1, "blockHash", H2, "blockNumber", "0x5",
                     "status", "0x1", "from", A1, "gasUsed", "0x5208", "logs", logs);
}

static void receipts(void **state)
{
    (void)state;
    struct evm_rpc_answer answer;
    struct evm_rpc_call call = {.kind = EVM_RPC_RECEIPT};
    memset(call.hash.bytes, 0x11, sizeof(call.hash.bytes));
    json_t *json = make_receipt(7, 5);
    json_t *logs = json_object_get(json_object_get(json, "result"), "logs");
    read_json(&call, 1, json, &answer);
    assert_int_equal(answer.error, LUCID_OK);
    assert_int_equal(answer.receipt.log_count, 5);
    assert_int_equal(answer.receipt.logs[4].position, 4); /* in the receipt, not in the block */
    assert_int_equal(answer.receipt.logs[0].data.data[0], 0xab);
    json_t *third = json_incref(json_array_get(logs, 2));
    json_array_remove(logs, 2); /* one was left out */
    read_json(&call, 1, json, &answer);
    assert_true(is_malformed(&answer));
    json_array_append_new(logs, third); /* in another order */
    read_json(&call, 1, json, &answer);
    assert_true(is_malformed(&answer));
    json_decref(json);
    /* As many as may be, and one more. */
    for (unsigned more = 0; more < 2; more++) {
        json = make_receipt(0, EVM_RPC_LOGS_MAX + more);
        read_json(&call, 1, json, &answer);
        assert_int_equal(answer.error, more == 0 ? LUCID_OK : LUCID_RETRY_IO);
        json_decref(json);
    }
    /* Pending, as some nodes say it. */
    json = make_receipt(0, 0);
    json_object_set_new(json_object_get(json, "result"), "blockHash", json_null());
    read_json(&call, 1, json, &answer);
    assert_true(is_malformed(&answer));
    json_object_set_new(json_object_get(json, "result"), "blockNumber", json_null());
    read_json(&call, 1, json, &answer);
    assert_int_equal(answer.error, LUCID_NOTE_ABSENT);
    json_decref(json);
    /* Data that is longer than what is kept. */
    json = make_receipt(0, 1);
    logs = json_object_get(json_object_get(json, "result"), "logs");
    char *hex = malloc(2 * EVM_RPC_DATA_MAX + 5);
    assert_non_null(hex);
    memset(hex, '0', 2 * EVM_RPC_DATA_MAX + 4);
    hex[1] = 'x';
    hex[2 * EVM_RPC_DATA_MAX + 4] = '\0';
    json_object_set_new(json_array_get(logs, 0), "data", json_string(hex));
    read_json(&call, 1, json, &answer);
    assert_int_equal(answer.error, LUCID_OK);
    assert_null(answer.receipt.logs[0].data.data);
    assert_int_equal(answer.receipt.logs[0].data.len, EVM_RPC_DATA_MAX + 1);
    free(hex);
    json_decref(json);
}

static void depth(void **state)
{
    (void)state;
    struct evm_rpc_call call = {.kind = EVM_RPC_COUNT};
    struct evm_rpc_answer answer;
    struct lucid_buf text = {0};
    for (unsigned levels = EVM_RPC_JSON_DEPTH_MAX - 1; levels < 100000; levels = levels * 2) {
        lucid_buf_clear(&text);
        lucid_buf_str(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x5\",\"[\\\"[\":");
        for (unsigned i = 0; i < levels; i++) {
            lucid_buf_char(&text, '[');
        }
        for (unsigned i = 0; i < levels; i++) {
            lucid_buf_char(&text, ']');
        }
        lucid_buf_char(&text, '}');
        read_text(&call, 1, lucid_buf_span(&text), &answer);
        assert_int_equal(answer.error, levels < EVM_RPC_JSON_DEPTH_MAX ? LUCID_OK : LUCID_RETRY_IO);
    }
    lucid_buf_fini(&text);
}

/* --- errors ----------------------------------------------------------------------------------- */

static void error_text(int code, const char *message, const char *data, struct lucid_buf *out)
{
    lucid_buf_clear(out);
    lucid_buf_printf(out,
                     "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":%d,\"message\":", code);
    lucid_json_string(out, lucid_span_str(message));
    if (data != NULL) {
        lucid_json_member_cstr(out, "data", data);
    }
    lucid_buf_str(out, "}}");
}

static void sends(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        enum evm_send_answer want;
    } cases[] = {
        {"already known", EVM_SEND_TAKEN},
        {"AlreadyKnown", EVM_SEND_TAKEN},
        {"transaction already imported", EVM_SEND_TAKEN},
        {"Known transaction", EVM_SEND_TAKEN},
        {"nonce too low: next nonce 5, tx nonce 3", EVM_SEND_NONCE_LOW},
        {"Nonce too low", EVM_SEND_NONCE_LOW},
        {"OldNonce, Current nonce: 5, nonce of rejected tx: 3", EVM_SEND_NONCE_LOW},
        {"replacement transaction underpriced", EVM_SEND_UNDERPRICED},
        {"transaction underpriced: tip needed 1, tip permitted 0", EVM_SEND_UNDERPRICED},
        {"ReplacementNotAllowed", EVM_SEND_UNDERPRICED},
        {"FeeTooLow, MaxFeePerGas too low", EVM_SEND_UNDERPRICED},
        {"max fee per gas less than block base fee: address 0x1, maxFeePerGas: 1",
         EVM_SEND_UNDERPRICED},
        {"insufficient funds for gas * price + value: balance 0", EVM_SEND_NO_FUNDS},
        {"Insufficient funds for gas * price + value", EVM_SEND_NO_FUNDS},
        {"InsufficientFunds, Account balance: 0", EVM_SEND_NO_FUNDS},
        {"intrinsic gas too low", EVM_SEND_REFUSED},
        {"invalid sender", EVM_SEND_REFUSED},
        {"", EVM_SEND_REFUSED},
    };
    struct evm_rpc_call call = {.kind = EVM_RPC_SEND, .data = lucid_span_str("raw")};
    struct evm_rpc_answer answer;
    struct lucid_buf text = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        error_text(-32000, cases[i].message, NULL, &text);
        read_text(&call, 1, lucid_buf_span(&text), &answer);
        assert_int_equal(answer.error, LUCID_OK);
        assert_int_equal(answer.send, cases[i].want);
        assert_memory_equal(answer.why.text, cases[i].message, strnlen(cases[i].message, 90));
    }
    /* That it asks to be left alone says nothing about the transaction. */
    error_text(-32005, "limit exceeded", NULL, &text);
    read_text(&call, 1, lucid_buf_span(&text), &answer);
    assert_int_equal(answer.error, LUCID_RETRY_IO);
    assert_true(answer.is_worn);
    /* Nor does one that has lost sight of it: whoever is behind it may have taken it. */
    error_text(-32000, "request timed out", NULL, &text);
    read_text(&call, 1, lucid_buf_span(&text), &answer);
    assert_int_equal(answer.error, LUCID_RETRY_IO);
    /* The hash must be the transaction's. */
    struct evm_hash hash = evm_keccak256(call.data);
    char hex[EVM_HASH_TEXT_BYTES + 1];
    for (int wrong = 0; wrong < 2; wrong++) {
        hash.bytes[31] ^= (uint8_t)wrong;
        evm_hash_text(&hash, hex);
        lucid_buf_clear(&text);
        lucid_buf_printf(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"%s\"}", hex);
        read_text(&call, 1, lucid_buf_span(&text), &answer);
        assert_int_equal(answer.error, wrong ? LUCID_RETRY_IO : LUCID_OK);
    }
    lucid_buf_fini(&text);
}

static void reverts(void **state)
{
    (void)state;
    static const char reason[] =
        "0x08c379a00000000000000000000000000000000000000000000000000000000000000020"
        "0000000000000000000000000000000000000000000000000000000000000003"
        "6e6f210000000000000000000000000000000000000000000000000000000000";
    static const struct {
        int code;
        const char *message;
        const char *data;
        enum lucid_error want;
        const char *text;
    } cases[] = {
        {3, "execution reverted: no!", reason, LUCID_REFUSE_INVALID, "no!"},
        {3, "anything", NULL, LUCID_REFUSE_INVALID, "anything"},
        {-32000, "execution reverted", NULL, LUCID_REFUSE_INVALID, "execution reverted"},
        {-32000, "Execution reverted", "0x", LUCID_REFUSE_INVALID, "Execution reverted"},
        {-32015, "VM execution error.", "Reverted 0x", LUCID_REFUSE_INVALID, "VM execution error."},
        {-32000, "out of gas", NULL, LUCID_RETRY_IO, "the node answers: out of gas (-32000)"},
        {-32601, "no\nmethod \x7f", NULL, LUCID_RETRY_IO, "the node answers: no?method ? (-32601)"},
    };
    struct evm_rpc_call call = {.kind = EVM_RPC_CALL};
    struct evm_rpc_answer answer;
    struct lucid_buf text = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        error_text(cases[i].code, cases[i].message, cases[i].data, &text);
        read_text(&call, 1, lucid_buf_span(&text), &answer);
        assert_int_equal(answer.error, cases[i].want);
        assert_string_equal(answer.why.text, cases[i].text);
    }
    struct evm_rpc_call block = {.kind = EVM_RPC_BLOCK, .tag = EVM_RPC_SAFE};
    error_text(-32000, "safe block not found", NULL, &text);
    read_text(&block, 1, lucid_buf_span(&text), &answer);
    assert_int_equal(answer.error, LUCID_NOTE_ABSENT);
    lucid_buf_fini(&text);
}

/* --- questions -------------------------------------------------------------------------------- */

static void check_question(const struct evm_rpc_call *call, const json_t *exchange)
{
    const json_t *request = vectors_get(exchange, "request");
    struct lucid_buf text = {0};
    evm_rpc_question_write(call, 9, &text);
    json_t *json = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_int_equal(vectors_u64(vectors_get(json, "id")), 9);
    assert_true(json_equal(vectors_get(json, "method"), vectors_get(request, "method")));
    assert_true(json_equal(vectors_get(json, "jsonrpc"), vectors_get(request, "jsonrpc")));
    struct evm_rpc_call again;
    assert_true(question_of(json, &again));
    assert_memory_equal(&again.hash, &call->hash, sizeof(call->hash));
    assert_memory_equal(&again.to, &call->to, sizeof(call->to));
    assert_memory_equal(&again.from, &call->from, sizeof(call->from));
    assert_memory_equal(again.topics, call->topics, sizeof(call->topics));
    assert_int_equal(again.tag, call->tag);
    assert_int_equal(again.number, call->number);
    assert_true(lucid_span_equal(again.data, call->data));
    free_bytes(&again.data);
    json_decref(json);
    lucid_buf_fini(&text);
}

static void questions(void **state)
{
    (void)state;
    assert_true(walk_all(check_question) >= 20);
    static const struct {
        struct evm_rpc_call call;
        const char *want;
    } cases[] = {
        {{.kind = EVM_RPC_TIP}, "eth_maxPriorityFeePerGas\",\"params\":[]}"},
        {{.kind = EVM_RPC_COUNT, .pending = true},
         "eth_getTransactionCount\",\"params\":[\"0x0000000000000000000000000000000000000000\","
         "\"pending\"]}"},
        {{.kind = EVM_RPC_BALANCE},
         "eth_getBalance\",\"params\":[\"0x0000000000000000000000000000000000000000\","
         "\"latest\"]}"},
        {{.kind = EVM_RPC_BLOCK, .number = 255},
         "eth_getBlockByNumber\",\"params\":[\"0xff\",false]}"},
        {{.kind = EVM_RPC_SEND, .data = {(const uint8_t *)"\x02\xab", 2}},
         "eth_sendRawTransaction\",\"params\":[\"0x02ab\"]}"},
    };
    struct lucid_buf text = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        lucid_buf_clear(&text);
        evm_rpc_question_write(&cases[i].call, 3, &text);
        lucid_buf_char(&text, '\0');
        static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"";
        assert_memory_equal(text.data, head, sizeof(head) - 1);
        assert_string_equal((const char *)text.data + sizeof(head) - 1, cases[i].want);
    }
    lucid_buf_fini(&text);
}

static int arena_open(void **state)
{
    (void)state;
    lucid_arena_init(&arena, EVM_RPC_ARENA_BYTES_MAX);
    return 0;
}

static int arena_close(void **state)
{
    (void)state;
    lucid_arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),   cmocka_unit_test(changes), cmocka_unit_test(receipts),
        cmocka_unit_test(depth),     cmocka_unit_test(sends),   cmocka_unit_test(reverts),
        cmocka_unit_test(questions),
    };
    return cmocka_run_group_tests(tests, arena_open, arena_close);
}

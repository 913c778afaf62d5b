/* eth_getTransactionByHash and eth_getTransactionCount at a block: what is asked, and what is
 * believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "x402/evm/rpc_internal.h"

#define HASH "0x1111111111111111111111111111111111111111111111111111111111111111"
#define FROM "0x2222222222222222222222222222222222222222"

static void asked(const struct evm_rpc_call *call, const char *want)
{
    struct lucid_buf text = {0};
    evm_rpc_question_write(call, 3, &text);
    lucid_buf_char(&text, '\0');
    assert_non_null(strstr((const char *)text.data, want));
    lucid_buf_fini(&text);
}

static void test_questions(void **state)
{
    (void)state;
    struct evm_rpc_call call = {.kind = EVM_RPC_TRANSACTION};
    memset(call.hash.bytes, 0x11, sizeof(call.hash.bytes));
    asked(&call, "\"eth_getTransactionByHash\",\"params\":[\"" HASH "\"]}");
    call = (struct evm_rpc_call){.kind = EVM_RPC_COUNT, .number = 31};
    asked(&call, "0000\",\"0x1f\"]}");
    call.number = 0;
    asked(&call, "0000\",\"latest\"]}");
}

static enum lucid_error answered(const char *result, struct evm_rpc_answer *ret)
{
    struct evm_rpc_call call = {.kind = EVM_RPC_TRANSACTION};
    struct lucid_buf text = {0};
    struct lucid_arena arena;
    memset(call.hash.bytes, 0x11, sizeof(call.hash.bytes));
    lucid_buf_printf(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":%s}", result);
    lucid_arena_init(&arena, EVM_RPC_ARENA_BYTES_MAX);
    evm_rpc_answer_read(&call, 1, lucid_buf_span(&text), &arena, ret);
    lucid_arena_fini(&arena);
    lucid_buf_fini(&text);
    return ret->error;
}

static void test_answers(void **state)
{
    static const char *const bad[] = {
        "[]",
        "\"" HASH "\"",
        "{}",
        "{\"hash\":\"" HASH "\",\"from\":\"" FROM "\"}",
        "{\"hash\":\"" HASH "\",\"nonce\":\"0x7\"}",
        "{\"hash\":\"" HASH "\",\"from\":\"" FROM "\",\"nonce\":7}",
        "{\"hash\":\"" HASH "\",\"from\":\"" FROM "\",\"nonce\":\"0x07\"}",
        "{\"hash\":\"" HASH "\",\"from\":\"" FROM "\",\"nonce\":\"0x10000000000000000\"}",
        "{\"hash\":\"" HASH "\",\"from\":\"" FROM "00\",\"nonce\":\"0x7\"}",
        "{\"hash\":\"0x1211111111111111111111111111111111111111111111111111111111111111\","
        "\"from\":\"" FROM "\",\"nonce\":\"0x7\"}",
    };
    struct evm_rpc_answer answer;
    struct evm_rpc_answer other;
    (void)state;
    assert_int_equal(
        answered("{\"hash\":\"" HASH "\",\"from\":\"" FROM "\",\"nonce\":\"0x7\"}", &answer),
        LUCID_OK);
    assert_int_equal(answer.nonce, 7);
    assert_int_equal(answer.sender.bytes[19], 0x22);
    other = answer;
    assert_true(evm_rpc_answer_equal(EVM_RPC_TRANSACTION, &answer, &other));
    other.nonce++;
    assert_false(evm_rpc_answer_equal(EVM_RPC_TRANSACTION, &answer, &other));
    other = answer;
    other.sender.bytes[0] = 1;
    assert_false(evm_rpc_answer_equal(EVM_RPC_TRANSACTION, &answer, &other));
    assert_int_equal(answered("null", &answer), LUCID_NOTE_ABSENT);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(answered(bad[i], &answer), LUCID_RETRY_IO);
        assert_string_equal(answer.why.code, "RPC_MALFORMED");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

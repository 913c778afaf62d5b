/* x402/evm/abi.h: call data and events as nodes and viem write them; what is not exact is refused.
 */
#include "tests/unit/x402/evm_vectors.h"
#include "x402/evm/abi.h"

static const struct evm_address account = {.bytes = {0xf9, 0xf9, 0x57, [19] = 0x87}};

static uint32_t selector_of(const char *signature)
{
    return lucid_get_be32(evm_keccak256(lucid_span_str(signature)).bytes);
}

static void test_selectors(void **state)
{
    (void)state;
    struct evm_calldata call;
    struct evm_hash nonce = {.bytes = {9}};
    struct evm_u256 value = evm_u256_of(10000);
    evm_call_authorization_state(&account, &nonce, &call);
    assert_int_equal(call.len, 68);
    assert_int_equal(lucid_get_be32(call.bytes),
                     selector_of("authorizationState(address,bytes32)"));
    assert_memory_equal(call.bytes + 4 + 12, account.bytes, 20);
    assert_memory_equal(call.bytes + 36, nonce.bytes, 32);
    evm_call_balance_of(&account, &call);
    assert_int_equal(call.len, 36);
    assert_int_equal(lucid_get_be32(call.bytes), selector_of("balanceOf(address)"));
    evm_call_domain_separator(&call);
    assert_int_equal(call.len, 4);
    assert_int_equal(lucid_get_be32(call.bytes), selector_of("DOMAIN_SEPARATOR()"));
    evm_call_transfer(&account, &value, &call);
    assert_int_equal(call.len, 68);
    assert_int_equal(lucid_get_be32(call.bytes), selector_of("transfer(address,uint256)"));
    assert_memory_equal(call.bytes + 36, value.be, 32);
    struct evm_hash topic = evm_keccak256(lucid_span_str("AuthorizationCanceled(address,bytes32)"));
    assert_memory_equal(topic.bytes, evm_topic_authorization_canceled.bytes, 32);
}

/* The settling call that viem wrote, put together from its parts. */
static void test_settle_call(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/signed-transactions.json");
    const json_t *first = json_array_get(vectors_get(root, "transactions"), 0);
    struct lucid_span want = evm_vectors_bytes(vectors_get(vectors_get(first, "fields"), "data"));
    assert_int_equal(want.len, EVM_CALLDATA_BYTES);
    const uint8_t *words = want.data + 4;
    struct evm_authorization authorization;
    struct evm_signature signature;
    memcpy(authorization.from.bytes, words + 12, 20);
    memcpy(authorization.to.bytes, words + 32 + 12, 20);
    memcpy(authorization.value.be, words + 64, 32);
    memcpy(authorization.valid_after.be, words + 96, 32);
    memcpy(authorization.valid_before.be, words + 128, 32);
    memcpy(authorization.nonce.bytes, words + 160, 32);
    signature.bytes[64] = words[192 + 31];
    memcpy(signature.bytes, words + 224, 64);
    struct evm_calldata call;
    evm_call_transfer_with_authorization(&authorization, &signature, &call);
    struct lucid_span span = evm_calldata_span(&call);
    assert_int_equal(span.len, want.len);
    assert_memory_equal(span.data, want.data, want.len);
    free((void *)(uintptr_t)want.data);
    json_decref(root);
}

struct log {
    struct evm_hash topics[4];
    size_t topic_count;
    struct lucid_span data;
};

static struct log log_of(const json_t *row)
{
    struct log log = {.topic_count = 0};
    size_t i;
    json_t *topic;
    json_array_foreach(vectors_get(row, "topics"), i, topic)
    {
        assert_true(i < 4 && evm_hash_parse(vectors_text(topic), &log.topics[i]));
        log.topic_count++;
    }
    log.data = evm_vectors_bytes(vectors_get(row, "data"));
    return log;
}

/* Every log in the receipts of the node is one of the two events, told apart rightly. */
static void test_receipts(void **state)
{
    (void)state;
    json_t *root = vectors_load("x402/rpc-receipts.json");
    struct evm_address payer = evm_vectors_address(root, "payer");
    size_t i;
    size_t transfers = 0;
    size_t used = 0;
    json_t *row;
    json_array_foreach(vectors_get(root, "transactions"), i, row)
    {
        const json_t *answer = vectors_get(vectors_get(row, "receipt"), "response");
        size_t k;
        json_t *item;
        json_array_foreach(json_object_get(json_object_get(answer, "result"), "logs"), k, item)
        {
            struct log log = log_of(item);
            struct evm_transfer_event transfer;
            struct evm_authorization_event authorization;
            bool moved = evm_transfer_decode(log.topics, log.topic_count, log.data, &transfer);
            bool spent = evm_authorization_used_decode(log.topics, log.topic_count, log.data,
                                                       &authorization);
            assert_true(moved != spent);
            if (spent) {
                assert_memory_equal(authorization.authorizer.bytes, payer.bytes, 20);
                assert_memory_equal(authorization.nonce.bytes, log.topics[2].bytes, 32);
                used++;
            } else {
                assert_memory_equal(transfer.value.be, log.data.data, 32);
                transfers++;
            }
            free((void *)(uintptr_t)log.data.data);
        }
    }
    assert_int_equal(transfers, 10);
    assert_int_equal(used, 1);
    json_decref(root);
}

static void test_events_refused(void **state)
{
    (void)state;
    struct evm_hash topics[4] = {evm_topic_transfer, evm_address_topic(&account),
                                 evm_address_topic(&account)};
    uint8_t data[33] = {0};
    struct evm_transfer_event event;
    struct lucid_span word = lucid_span(data, 32);
    assert_true(evm_transfer_decode(topics, 3, word, &event));
    assert_memory_equal(event.from.bytes, account.bytes, 20);
    assert_false(evm_transfer_decode(topics, 2, word, &event));
    assert_false(evm_transfer_decode(topics, 4, word, &event));
    assert_false(evm_transfer_decode(topics, 3, lucid_span(data, 31), &event));
    assert_false(evm_transfer_decode(topics, 3, lucid_span(data, 33), &event));
    assert_false(evm_transfer_decode(topics, 3, lucid_span(NULL, 32), &event)); /* not kept */
    assert_false(evm_transfer_decode(topics, 3, lucid_span(NULL, 0), &event));
    for (size_t t = 0; t < 3; t++) {
        for (size_t i = 0; i < (t == 0 ? 32 : 12); i++) {
            topics[t].bytes[i] ^= 1;
            assert_false(evm_transfer_decode(topics, 3, word, &event));
            topics[t].bytes[i] ^= 1;
        }
    }
    struct evm_authorization_event used;
    topics[0] = evm_topic_authorization_used;
    assert_true(evm_authorization_used_decode(topics, 3, lucid_span(NULL, 0), &used));
    assert_false(evm_authorization_used_decode(topics, 3, word, &used));
    assert_false(evm_authorization_used_decode(topics, 2, lucid_span(NULL, 0), &used));
    topics[1].bytes[11] = 1;
    assert_false(evm_authorization_used_decode(topics, 3, lucid_span(NULL, 0), &used));
    topics[0] = evm_topic_authorization_canceled;
    topics[1].bytes[11] = 0;
    assert_false(evm_authorization_used_decode(topics, 3, lucid_span(NULL, 0), &used));
}

static void test_results(void **state)
{
    (void)state;
    uint8_t data[33] = {0};
    bool set = true;
    struct evm_u256 value;
    struct evm_hash hash;
    assert_true(evm_result_bool(lucid_span(data, 32), &set));
    assert_false(set);
    data[31] = 1;
    assert_true(evm_result_bool(lucid_span(data, 32), &set));
    assert_true(set);
    data[31] = 2;
    assert_false(evm_result_bool(lucid_span(data, 32), &set));
    data[31] = 1;
    data[0] = 1;
    assert_false(evm_result_bool(lucid_span(data, 32), &set));
    assert_true(evm_result_u256(lucid_span(data, 32), &value));
    assert_true(evm_result_hash(lucid_span(data, 32), &hash));
    for (size_t len = 0; len <= 33; len += len == 31 ? 2 : 31) {
        assert_false(evm_result_bool(lucid_span(data, len), &set));
        assert_false(evm_result_u256(lucid_span(data, len), &value));
        assert_false(evm_result_hash(lucid_span(data, len), &hash));
    }
}

/* Error(string) by hand: selector, offset, length, text and padding. */
static size_t error_put(uint8_t *out, const char *text)
{
    size_t len = strlen(text);
    size_t padded = (len + 31) / 32 * 32;
    memset(out, 0, 4 + 64 + padded);
    lucid_put_be32(out, selector_of("Error(string)"));
    out[4 + 31] = 32;
    lucid_put_be16(out + 4 + 62, (uint16_t)len);
    memcpy(out + 4 + 64, text, len);
    return 4 + 64 + padded;
}

static void test_reasons(void **state)
{
    (void)state;
    uint8_t data[1024];
    char reason[EVM_REASON_BYTES] = "as it was";
    size_t len = error_put(data, "authorization is used or canceled");
    assert_true(evm_revert_reason(lucid_span(data, len), reason));
    assert_string_equal(reason, "authorization is used or canceled");
    /* Cut anywhere in text or head it is none; without its padding it is. */
    assert_true(evm_revert_reason(lucid_span(data, 4 + 64 + 33), reason));
    for (size_t cut = 0; cut < 4 + 64 + 33; cut++) {
        assert_false(evm_revert_reason(lucid_span(data, cut), reason));
    }
    len = error_put(data, "a\nb\x1b[31m\xc3\xa9\"");
    assert_true(evm_revert_reason(lucid_span(data, len), reason));
    assert_string_equal(reason, "a?b?[31m??\"");
    char big[400];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    len = error_put(data, big);
    assert_true(evm_revert_reason(lucid_span(data, len), reason));
    assert_int_equal(strlen(reason), EVM_REASON_BYTES - 1);
    /* Offsets and lengths that lead out of the data. */
    for (size_t i = 4; i < 4 + 64; i++) {
        len = error_put(data, "text");
        data[i] = 0xff;
        assert_false(evm_revert_reason(lucid_span(data, len), reason));
    }
    memset(data, 0, 36);
    lucid_put_be32(data, selector_of("Panic(uint256)"));
    data[35] = 0x11;
    assert_true(evm_revert_reason(lucid_span(data, 36), reason));
    assert_string_equal(reason, "panic 0x11");
    assert_false(evm_revert_reason(lucid_span(data, 37), reason));
    assert_false(evm_revert_reason(lucid_span("\x01\x02\x03\x04", 4), reason));
    assert_string_equal(reason, "panic 0x11");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selectors), cmocka_unit_test(test_settle_call),
        cmocka_unit_test(test_receipts),  cmocka_unit_test(test_events_refused),
        cmocka_unit_test(test_results),   cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

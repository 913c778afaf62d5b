/* Logs, results and reverts as a node may give them, and transactions made of the same bytes: what
 * is taken is written again as it was. Input: number of topics, topics, data. */
#include "base/assert.h"
#include "x402/evm/abi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void events(const struct evm_hash topics[4], size_t count, struct lucid_span data)
{
    struct evm_transfer_event transfer;
    struct evm_authorization_event used;
    bool moved = evm_transfer_decode(topics, count, data, &transfer);
    bool spent = evm_authorization_used_decode(topics, count, data, &used);
    lucid_assert(!(moved && spent));
    if (moved) {
        struct evm_hash from = evm_address_topic(&transfer.from);
        struct evm_hash to = evm_address_topic(&transfer.to);
        lucid_assert(count == 3 && memcmp(&from, &topics[1], sizeof(from)) == 0 &&
                     memcmp(&to, &topics[2], sizeof(to)) == 0);
        lucid_assert(data.len == 32 && memcmp(transfer.value.be, data.data, 32) == 0);
    }
    if (spent) {
        struct evm_hash authorizer = evm_address_topic(&used.authorizer);
        lucid_assert(count == 3 && data.len == 0 &&
                     memcmp(&authorizer, &topics[1], sizeof(authorizer)) == 0 &&
                     memcmp(&used.nonce, &topics[2], sizeof(used.nonce)) == 0);
    }
}

static void results(struct lucid_span data)
{
    struct evm_u256 value;
    bool set;
    if (evm_result_u256(data, &value)) {
        char text[EVM_U256_DIGITS_MAX + 1];
        struct evm_u256 again;
        evm_u256_decimal(&value, text);
        lucid_assert(evm_u256_parse_decimal(lucid_span_str(text), &again));
        lucid_assert(evm_u256_compare(&value, &again) == 0);
    }
    if (evm_result_bool(data, &set)) {
        lucid_assert(evm_result_u256(data, &value));
        struct evm_u256 same = evm_u256_of(set);
        lucid_assert(evm_u256_compare(&value, &same) == 0);
    }
}

static void reason(struct lucid_span data)
{
    char text[EVM_REASON_BYTES];
    if (evm_revert_reason(data, text)) {
        size_t len = strnlen(text, sizeof(text));
        lucid_assert(len < sizeof(text));
        for (size_t i = 0; i < len; i++) {
            lucid_assert(text[i] >= 0x20 && text[i] < 0x7f);
        }
    }
}

static void numbers(struct lucid_span text)
{
    struct evm_u256 value;
    if (evm_u256_parse_decimal(text, &value)) {
        char again[EVM_U256_DIGITS_MAX + 1];
        evm_u256_decimal(&value, again);
        lucid_assert(lucid_span_is(text, again));
    }
    if (evm_u256_parse_quantity(text, &value)) {
        lucid_assert(text.len <= EVM_HASH_TEXT_BYTES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    numbers(lucid_span(data, size));
    results(lucid_span(data, size));
    reason(lucid_span(data, size));
    if (size > 0) {
        struct evm_hash topics[4];
        size_t count = data[0] % 5;
        size_t bytes = count * sizeof(topics[0]);
        if (size - 1 >= bytes) {
            memcpy(topics, data + 1, bytes);
            events(topics, count, lucid_span(data + 1 + bytes, size - 1 - bytes));
        }
    }
    return 0;
}

#include "x402/evm/abi.h"

#include <stdio.h>

#include "base/assert.h"

const struct evm_hash evm_topic_transfer = {
    .bytes = {0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0,
              0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4,
              0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef}};
const struct evm_hash evm_topic_authorization_used = {
    .bytes = {0x98, 0xde, 0x50, 0x35, 0x28, 0xee, 0x59, 0xb5, 0x75, 0xef, 0x0c,
              0x0a, 0x25, 0x76, 0xa8, 0x24, 0x97, 0xbf, 0xc0, 0x29, 0xa5, 0x68,
              0x5b, 0x20, 0x9e, 0x9e, 0xc3, 0x33, 0x47, 0x9b, 0x10, 0xa5}};
const struct evm_hash evm_topic_authorization_canceled = {
    .bytes = {0x1c, 0xdd, 0x46, 0xff, 0x24, 0x27, 0x16, 0xcd, 0xaa, 0x72, 0xd1,
              0x59, 0xd3, 0x39, 0xa4, 0x85, 0xb3, 0x43, 0x83, 0x98, 0x34, 0x8d,
              0x68, 0xf0, 0x9d, 0x7c, 0x8c, 0x0a, 0x59, 0x35, 0x3d, 0x81}};

/* --- call data --- */

static void call_begin(struct evm_calldata *calldata, uint32_t selector)
{
    lucid_put_be32(calldata->bytes, selector);
    calldata->len = 4;
}

/* One argument: len bytes at the end of a word. */
static void word_put(struct evm_calldata *calldata, const void *data, size_t len)
{
    lucid_assert(len <= EVM_WORD_BYTES &&
                 calldata->len + EVM_WORD_BYTES <= sizeof(calldata->bytes));
    uint8_t *out = calldata->bytes + calldata->len;
    memset(out, 0, EVM_WORD_BYTES - len);
    memcpy(out + EVM_WORD_BYTES - len, data, len);
    calldata->len += EVM_WORD_BYTES;
}

static void address_put(struct evm_calldata *calldata, const struct evm_address *address)
{
    word_put(calldata, address->bytes, sizeof(address->bytes));
}

static void u256_put(struct evm_calldata *calldata, const struct evm_u256 *value)
{
    word_put(calldata, value->be, sizeof(value->be));
}

void evm_call_transfer_with_authorization(const struct evm_authorization *authorization,
                                          const struct evm_signature *signature,
                                          struct evm_calldata *ret)
{
    call_begin(ret, 0xe3ee160e);
    address_put(ret, &authorization->from);
    address_put(ret, &authorization->to);
    u256_put(ret, &authorization->value);
    u256_put(ret, &authorization->valid_after);
    u256_put(ret, &authorization->valid_before);
    word_put(ret, authorization->nonce.bytes, sizeof(authorization->nonce.bytes));
    word_put(ret, signature->bytes + 64, 1);  /* v */
    word_put(ret, signature->bytes, 32);      /* r */
    word_put(ret, signature->bytes + 32, 32); /* s */
}

void evm_call_authorization_state(const struct evm_address *authorizer,
                                  const struct evm_hash *nonce, struct evm_calldata *ret)
{
    call_begin(ret, 0xe94a0102);
    address_put(ret, authorizer);
    word_put(ret, nonce->bytes, sizeof(nonce->bytes));
}

void evm_call_balance_of(const struct evm_address *account, struct evm_calldata *ret)
{
    call_begin(ret, 0x70a08231);
    address_put(ret, account);
}

void evm_call_domain_separator(struct evm_calldata *ret)
{
    call_begin(ret, 0x3644e515);
}

void evm_call_transfer(const struct evm_address *to, const struct evm_u256 *value,
                       struct evm_calldata *ret)
{
    call_begin(ret, 0xa9059cbb);
    address_put(ret, to);
    u256_put(ret, value);
}

/* --- events --- */

struct evm_hash evm_address_topic(const struct evm_address *address)
{
    struct evm_hash topic = {.bytes = {0}};
    memcpy(topic.bytes + EVM_HASH_BYTES - EVM_ADDRESS_BYTES, address->bytes, EVM_ADDRESS_BYTES);
    return topic;
}

static bool topic_address(const struct evm_hash *topic, struct evm_address *ret)
{
    struct evm_address address;
    memcpy(address.bytes, topic->bytes + EVM_HASH_BYTES - EVM_ADDRESS_BYTES, EVM_ADDRESS_BYTES);
    struct evm_hash again = evm_address_topic(&address);
    if (memcmp(again.bytes, topic->bytes, EVM_HASH_BYTES) != 0) {
        return false;
    }
    *ret = address;
    return true;
}

static bool is_event(const struct evm_hash *topics, size_t topic_count, const struct evm_hash *kind)
{
    return topic_count == 3 && memcmp(topics[0].bytes, kind->bytes, EVM_HASH_BYTES) == 0;
}

bool evm_transfer_decode(const struct evm_hash *topics, size_t topic_count, struct lucid_span data,
                         struct evm_transfer_event *ret)
{
    struct evm_transfer_event event;
    if (!is_event(topics, topic_count, &evm_topic_transfer) ||
        !topic_address(&topics[1], &event.from) || !topic_address(&topics[2], &event.to) ||
        !evm_result_u256(data, &event.value)) {
        return false;
    }
    *ret = event;
    return true;
}

bool evm_authorization_used_decode(const struct evm_hash *topics, size_t topic_count,
                                   struct lucid_span data, struct evm_authorization_event *ret)
{
    struct evm_authorization_event event;
    if (!is_event(topics, topic_count, &evm_topic_authorization_used) || data.len != 0 ||
        !topic_address(&topics[1], &event.authorizer)) {
        return false;
    }
    event.nonce = topics[2];
    *ret = event;
    return true;
}

/* --- results --- */

bool evm_result_u256(struct lucid_span data, struct evm_u256 *ret)
{
    if (data.data == NULL || data.len != EVM_WORD_BYTES) {
        return false;
    }
    memcpy(ret->be, data.data, EVM_WORD_BYTES);
    return true;
}

bool evm_result_hash(struct lucid_span data, struct evm_hash *ret)
{
    if (data.data == NULL || data.len != EVM_WORD_BYTES) {
        return false;
    }
    memcpy(ret->bytes, data.data, EVM_WORD_BYTES);
    return true;
}

/* The word at offset as a number of 64 bits; false: it is not there or larger. */
static bool word_u64(struct lucid_span data, size_t offset, uint64_t *ret)
{
    struct evm_u256 word;
    return offset <= data.len && data.len - offset >= EVM_WORD_BYTES &&
           evm_result_u256(lucid_span(data.data + offset, EVM_WORD_BYTES), &word) &&
           evm_u256_u64(&word, ret);
}

bool evm_result_bool(struct lucid_span data, bool *ret)
{
    uint64_t value;
    if (data.data == NULL || data.len != EVM_WORD_BYTES || !word_u64(data, 0, &value) ||
        value > 1) {
        return false;
    }
    *ret = value == 1;
    return true;
}

/* Error(string): the offset of the string, and there its length and its bytes. */
static bool reason_text(struct lucid_span arguments, char ret[EVM_REASON_BYTES])
{
    uint64_t offset;
    uint64_t len;
    if (!word_u64(arguments, 0, &offset) || offset > arguments.len ||
        !word_u64(arguments, (size_t)offset, &len)) {
        return false;
    }
    size_t start = (size_t)offset + EVM_WORD_BYTES;
    if (len > arguments.len - start) {
        return false;
    }
    size_t shown = len < EVM_REASON_BYTES - 1 ? (size_t)len : EVM_REASON_BYTES - 1;
    for (size_t i = 0; i < shown; i++) {
        uint8_t c = arguments.data[start + i];
        ret[i] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
    }
    ret[shown] = '\0';
    return true;
}

bool evm_revert_reason(struct lucid_span data, char ret[EVM_REASON_BYTES])
{
    if (data.data == NULL || data.len < 4) {
        return false;
    }
    uint32_t selector = lucid_get_be32(data.data);
    struct lucid_span arguments = lucid_span(data.data + 4, data.len - 4);
    uint64_t panic;
    if (selector == 0x4e487b71 && arguments.len == EVM_WORD_BYTES &&
        word_u64(arguments, 0, &panic)) {
        (void)snprintf(ret, EVM_REASON_BYTES, "panic 0x%02llx", (unsigned long long)panic);
        return true;
    }
    return selector == 0x08c379a0 && reason_text(arguments, ret);
}

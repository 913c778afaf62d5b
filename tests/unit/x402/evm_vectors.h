/* "0x…" members of the x402 vectors. Header only. */
#ifndef LUCID_TESTS_UNIT_X402_EVM_VECTORS_H
#define LUCID_TESTS_UNIT_X402_EVM_VECTORS_H

#include "tests/unit/mmr/vectors.h"
#include "x402/evm/eip712.h"
#include "x402/evm/sign.h"

/* Bytes of a "0x…" text; the caller frees *ret.data (never NULL). */
static inline struct lucid_span evm_vectors_bytes(const json_t *value)
{
    struct lucid_span text = vectors_text(value);
    assert_true(text.len >= 2 && text.data[0] == '0' && text.data[1] == 'x');
    size_t len = (text.len - 2) / 2;
    uint8_t *bytes = malloc(len + 1);
    assert_non_null(bytes);
    assert_true(lucid_hex_decode(lucid_span(text.data + 2, text.len - 2), bytes, len));
    return lucid_span(bytes, len);
}

static inline struct evm_hash evm_vectors_hash(const json_t *object, const char *name)
{
    struct evm_hash hash;
    assert_true(evm_hash_parse(vectors_text(vectors_get(object, name)), &hash));
    return hash;
}

static inline struct evm_address evm_vectors_address(const json_t *object, const char *name)
{
    struct evm_address address;
    assert_true(evm_address_parse(vectors_text(vectors_get(object, name)), &address));
    return address;
}

static inline struct evm_u256 evm_vectors_u256(const json_t *object, const char *name)
{
    struct evm_u256 value;
    assert_true(evm_u256_parse_decimal(vectors_text(vectors_get(object, name)), &value));
    return value;
}

static inline uint64_t evm_vectors_u64(const json_t *object, const char *name)
{
    struct evm_u256 wide = evm_vectors_u256(object, name);
    uint64_t value;
    assert_true(evm_u256_u64(&wide, &value));
    return value;
}

static inline struct evm_key evm_vectors_key(const json_t *object, const char *name)
{
    struct evm_key key;
    assert_int_equal(evm_key_parse(vectors_text(vectors_get(object, name)), &key), LUCID_OK);
    return key;
}

static inline struct evm_hash evm_vectors_separator(const json_t *domain)
{
    struct evm_address contract = evm_vectors_address(domain, "verifyingContract");
    return evm_domain_separator(vectors_text(vectors_get(domain, "name")),
                                vectors_text(vectors_get(domain, "version")),
                                vectors_u64(vectors_get(domain, "chainId")), &contract);
}

static inline struct evm_authorization evm_vectors_authorization(const json_t *message)
{
    return (struct evm_authorization){.from = evm_vectors_address(message, "from"),
                                      .to = evm_vectors_address(message, "to"),
                                      .value = evm_vectors_u256(message, "value"),
                                      .valid_after = evm_vectors_u256(message, "validAfter"),
                                      .valid_before = evm_vectors_u256(message, "validBefore"),
                                      .nonce = evm_vectors_hash(message, "nonce")};
}

#endif

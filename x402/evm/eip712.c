#include "x402/evm/eip712.h"

/* Keccak-256 of the types' texts; a unit test computes them again. */
static const struct evm_hash domain_type = {
    .bytes = {0x8b, 0x73, 0xc3, 0xc6, 0x9b, 0xb8, 0xfe, 0x3d, 0x51, 0x2e, 0xcc,
              0x4c, 0xf7, 0x59, 0xcc, 0x79, 0x23, 0x9f, 0x7b, 0x17, 0x9b, 0x0f,
              0xfa, 0xca, 0xa9, 0xa7, 0x5d, 0x52, 0x2b, 0x39, 0x40, 0x0f}};
static const struct evm_hash authorization_type = {
    .bytes = {0x7c, 0x7c, 0x6c, 0xdb, 0x67, 0xa1, 0x87, 0x43, 0xf4, 0x9e, 0xc6,
              0xfa, 0x9b, 0x35, 0xf5, 0x0d, 0x52, 0xed, 0x05, 0xcb, 0xed, 0x4c,
              0xc5, 0x92, 0xe1, 0x3b, 0x44, 0x50, 0x1c, 0x1a, 0x22, 0x67}};
static const struct evm_hash payment_proof_type = {
    .bytes = {0x0f, 0x88, 0xca, 0x58, 0xfb, 0x28, 0xd4, 0x89, 0xa5, 0xf2, 0x6a,
              0xce, 0xaa, 0x3a, 0xe2, 0x2d, 0xf2, 0x55, 0xdf, 0x2b, 0x4e, 0x46,
              0x24, 0xdd, 0xf4, 0x12, 0x3b, 0x44, 0x23, 0xcd, 0x0d, 0xce}};

#define WORD 32

/* A word each; addresses and short numbers stand at its end. */
static uint8_t *word_put(uint8_t *out, const void *data, size_t len)
{
    memset(out, 0, WORD - len);
    memcpy(out + WORD - len, data, len);
    return out + WORD;
}

static uint8_t *hash_put(uint8_t *out, const struct evm_hash *hash)
{
    return word_put(out, hash->bytes, sizeof(hash->bytes));
}

static uint8_t *address_put(uint8_t *out, const struct evm_address *address)
{
    return word_put(out, address->bytes, sizeof(address->bytes));
}

static uint8_t *u256_put(uint8_t *out, const struct evm_u256 *value)
{
    return word_put(out, value->be, sizeof(value->be));
}

static uint8_t *u64_put(uint8_t *out, uint64_t value)
{
    uint8_t be[8];
    lucid_put_be64(be, value);
    return word_put(out, be, sizeof(be));
}

/* Strings are hashed. */
static uint8_t *text_put(uint8_t *out, struct lucid_span text)
{
    struct evm_hash hash = evm_keccak256(text);
    return hash_put(out, &hash);
}

static struct evm_hash digest_of(const struct evm_hash *separator, const uint8_t *words, size_t len)
{
    struct evm_hash structure = evm_keccak256(lucid_span(words, len));
    uint8_t message[2 + 2 * WORD] = {0x19, 0x01};
    hash_put(hash_put(message + 2, separator), &structure);
    return evm_keccak256(lucid_span(message, sizeof(message)));
}

struct evm_hash evm_domain_separator(struct lucid_span name, struct lucid_span version,
                                     uint64_t chain_id, const struct evm_address *contract)
{
    uint8_t words[5 * WORD];
    uint8_t *out = hash_put(words, &domain_type);
    out = text_put(out, name);
    out = text_put(out, version);
    out = u64_put(out, chain_id);
    address_put(out, contract);
    return evm_keccak256(lucid_span(words, sizeof(words)));
}

struct evm_hash evm_authorization_digest(const struct evm_hash *separator,
                                         const struct evm_authorization *authorization)
{
    uint8_t words[7 * WORD];
    uint8_t *out = hash_put(words, &authorization_type);
    out = address_put(out, &authorization->from);
    out = address_put(out, &authorization->to);
    out = u256_put(out, &authorization->value);
    out = u256_put(out, &authorization->valid_after);
    out = u256_put(out, &authorization->valid_before);
    hash_put(out, &authorization->nonce);
    return digest_of(separator, words, sizeof(words));
}

struct evm_hash evm_payment_proof_digest(const struct evm_hash *separator,
                                         const struct evm_payment_proof *proof)
{
    uint8_t words[10 * WORD];
    uint8_t *out = hash_put(words, &payment_proof_type);
    out = hash_put(out, &proof->transaction);
    out = u64_put(out, proof->log_index);
    out = address_put(out, &proof->pay_to);
    out = u256_put(out, &proof->amount);
    out = text_put(out, proof->method);
    out = text_put(out, proof->resource);
    out = hash_put(out, &proof->body_hash);
    out = hash_put(out, &proof->challenge);
    u64_put(out, proof->expires);
    return digest_of(separator, words, sizeof(words));
}

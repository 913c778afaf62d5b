/* The words of the EVM: addresses, hashes, 256-bit numbers and their text forms; Keccak-256.
 *
 * Thread: pure functions. */
#ifndef LUCID_X402_EVM_EVM_H
#define LUCID_X402_EVM_EVM_H

#include "base/buf.h"

#define EVM_ADDRESS_BYTES      20
#define EVM_ADDRESS_TEXT_BYTES 42 /* "0x" and 40 hex digits */
#define EVM_HASH_BYTES         32
#define EVM_HASH_TEXT_BYTES    66
#define EVM_U256_DIGITS_MAX    78 /* decimal */

struct evm_address {
    uint8_t bytes[EVM_ADDRESS_BYTES];
};

struct evm_hash {
    uint8_t bytes[EVM_HASH_BYTES];
};

/* A uint256, big-endian. */
struct evm_u256 {
    uint8_t be[32];
};

/* Keccak-256 with the original padding 0x01 (not SHA3-256). */
struct evm_hash evm_keccak256(struct lucid_span data);
/* The same over several spans, one after the other. */
struct evm_hash evm_keccak256_parts(const struct lucid_span *parts, size_t count);

/* The value of one hex digit of either case. */
bool evm_hex_digit(uint8_t c, uint8_t *ret) LUCID_WARN_UNUSED;
/* "0x" and hex digits of either case, exactly that many bytes. */
bool evm_address_parse(struct lucid_span text, struct evm_address *ret) LUCID_WARN_UNUSED;
bool evm_hash_parse(struct lucid_span text, struct evm_hash *ret) LUCID_WARN_UNUSED;
/* Lower case, and with the mixed case of EIP-55. Both write a NUL. */
void evm_address_text(const struct evm_address *address, char ret[EVM_ADDRESS_TEXT_BYTES + 1]);
void evm_address_eip55(const struct evm_address *address, char ret[EVM_ADDRESS_TEXT_BYTES + 1]);
void evm_hash_text(const struct evm_hash *hash, char ret[EVM_HASH_TEXT_BYTES + 1]);

struct evm_u256 evm_u256_of(uint64_t value);
/* False when it needs more than 64 bits. */
bool evm_u256_u64(const struct evm_u256 *value, uint64_t *ret) LUCID_WARN_UNUSED;
int evm_u256_compare(const struct evm_u256 *a, const struct evm_u256 *b);
/* ^(0|[1-9][0-9]{0,77})$ below 2^256. */
bool evm_u256_parse_decimal(struct lucid_span text, struct evm_u256 *ret) LUCID_WARN_UNUSED;
/* A JSON-RPC quantity: "0x" and 1 to 64 hex digits without leading zeros ("0x0" is zero). */
bool evm_u256_parse_quantity(struct lucid_span text, struct evm_u256 *ret) LUCID_WARN_UNUSED;
/* Decimal digits and a NUL. */
void evm_u256_decimal(const struct evm_u256 *value, char ret[EVM_U256_DIGITS_MAX + 1]);

#endif

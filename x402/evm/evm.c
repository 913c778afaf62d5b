#include "x402/evm/evm.h"

bool evm_hex_digit(uint8_t c, uint8_t *ret)
{
    if (c >= '0' && c <= '9') {
        *ret = (uint8_t)(c - '0');
    } else if (c >= 'a' && c <= 'f') {
        *ret = (uint8_t)(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
        *ret = (uint8_t)(c - 'A' + 10);
    } else {
        return false;
    }
    return true;
}

/* "0x" and 2 * len digits of either case. */
static bool prefixed_decode(struct lucid_span text, uint8_t *out, size_t len)
{
    if (text.len != 2 + 2 * len || text.data[0] != '0' || text.data[1] != 'x') {
        return false;
    }
    uint8_t bytes[EVM_HASH_BYTES] = {0};
    for (size_t i = 0; i < len; i++) {
        uint8_t high;
        uint8_t low;
        if (!evm_hex_digit(text.data[2 + 2 * i], &high) ||
            !evm_hex_digit(text.data[3 + 2 * i], &low)) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(out, bytes, len);
    return true;
}

bool evm_address_parse(struct lucid_span text, struct evm_address *ret)
{
    return prefixed_decode(text, ret->bytes, sizeof(ret->bytes));
}

bool evm_hash_parse(struct lucid_span text, struct evm_hash *ret)
{
    return prefixed_decode(text, ret->bytes, sizeof(ret->bytes));
}

static void prefixed_encode(const uint8_t *data, size_t len, char *ret)
{
    ret[0] = '0';
    ret[1] = 'x';
    lucid_hex_encode(data, len, ret + 2);
    ret[2 + 2 * len] = '\0';
}

void evm_address_text(const struct evm_address *address, char ret[EVM_ADDRESS_TEXT_BYTES + 1])
{
    prefixed_encode(address->bytes, sizeof(address->bytes), ret);
}

void evm_hash_text(const struct evm_hash *hash, char ret[EVM_HASH_TEXT_BYTES + 1])
{
    prefixed_encode(hash->bytes, sizeof(hash->bytes), ret);
}

void evm_address_eip55(const struct evm_address *address, char ret[EVM_ADDRESS_TEXT_BYTES + 1])
{
    evm_address_text(address, ret);
    struct evm_hash hash = evm_keccak256(lucid_span(ret + 2, 2 * sizeof(address->bytes)));
    for (size_t i = 0; i < 2 * sizeof(address->bytes); i++) {
        unsigned nibble = i % 2 == 0 ? hash.bytes[i / 2] >> 4 : hash.bytes[i / 2] & 15;
        if (nibble >= 8 && ret[2 + i] >= 'a') {
            ret[2 + i] = (char)(ret[2 + i] - 'a' + 'A');
        }
    }
}

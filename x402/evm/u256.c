/* 256-bit numbers: four limbs, the lowest first, while something is computed. */
#include "x402/evm/evm.h"

#define CHUNK_DIGITS 19 /* most decimal digits that fit 64 bits whatever they are */
#define CHUNK        UINT64_C(10000000000000000000)

static void limbs_of(const struct evm_u256 *value, uint64_t ret[4])
{
    for (size_t i = 0; i < 4; i++) {
        ret[i] = lucid_get_be64(value->be + 24 - 8 * i);
    }
}

static struct evm_u256 of_limbs(const uint64_t limbs[4])
{
    struct evm_u256 value = {.be = {0}};
    for (size_t i = 0; i < 4; i++) {
        lucid_put_be64(value.be + 24 - 8 * i, limbs[i]);
    }
    return value;
}

struct evm_u256 evm_u256_of(uint64_t value)
{
    return of_limbs((uint64_t[4]){value, 0, 0, 0});
}

bool evm_u256_u64(const struct evm_u256 *value, uint64_t *ret)
{
    uint64_t limbs[4];
    limbs_of(value, limbs);
    if ((limbs[1] | limbs[2] | limbs[3]) != 0) {
        return false;
    }
    *ret = limbs[0];
    return true;
}

int evm_u256_compare(const struct evm_u256 *a, const struct evm_u256 *b)
{
    int order = memcmp(a->be, b->be, sizeof(a->be));
    return (order > 0) - (order < 0);
}

/* limbs = limbs * factor + add; false when it needs more than 256 bits. */
static bool multiply_add(uint64_t limbs[4], uint64_t factor, uint64_t add)
{
    uint64_t carry = add;
    for (size_t i = 0; i < 4; i++) {
        unsigned __int128 wide = (unsigned __int128)limbs[i] * factor + carry;
        limbs[i] = (uint64_t)wide;
        carry = (uint64_t)(wide >> 64);
    }
    return carry == 0;
}

bool evm_u256_parse_decimal(struct lucid_span text, struct evm_u256 *ret)
{
    if (text.len == 0 || text.len > EVM_U256_DIGITS_MAX || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    uint64_t limbs[4] = {0};
    uint64_t chunk = 0;
    uint64_t factor = 1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        chunk = chunk * 10 + (uint64_t)(text.data[i] - '0');
        factor *= 10;
        if (factor == CHUNK || i + 1 == text.len) {
            if (!multiply_add(limbs, factor, chunk)) {
                return false;
            }
            chunk = 0;
            factor = 1;
        }
    }
    *ret = of_limbs(limbs);
    return true;
}

bool evm_u256_parse_quantity(struct lucid_span text, struct evm_u256 *ret)
{
    if (text.len < 3 || text.len > EVM_HASH_TEXT_BYTES || text.data[0] != '0' ||
        text.data[1] != 'x' || (text.len > 3 && text.data[2] == '0')) {
        return false;
    }
    struct evm_u256 value = {.be = {0}};
    for (size_t i = 0; i + 2 < text.len; i++) {
        uint8_t digit;
        if (!evm_hex_digit(text.data[text.len - 1 - i], &digit)) {
            return false;
        }
        uint8_t *byte = &value.be[31 - i / 2];
        *byte = (uint8_t)(i % 2 == 0 ? digit : *byte | digit << 4);
    }
    *ret = value;
    return true;
}

/* limbs = limbs / CHUNK; returns the remainder. */
static uint64_t divide(uint64_t limbs[4])
{
    unsigned __int128 rest = 0;
    for (size_t i = 4; i-- > 0;) {
        rest = rest << 64 | limbs[i];
        limbs[i] = (uint64_t)(rest / CHUNK);
        rest %= CHUNK;
    }
    return (uint64_t)rest;
}

void evm_u256_decimal(const struct evm_u256 *value, char ret[EVM_U256_DIGITS_MAX + 1])
{
    uint64_t limbs[4];
    limbs_of(value, limbs);
    char digits[5 * CHUNK_DIGITS]; /* the lowest first */
    size_t count = 0;
    do {
        uint64_t chunk = divide(limbs);
        bool last = (limbs[0] | limbs[1] | limbs[2] | limbs[3]) == 0;
        for (size_t i = 0; i < CHUNK_DIGITS && (!last || i == 0 || chunk != 0); i++) {
            digits[count++] = (char)('0' + chunk % 10);
            chunk /= 10;
        }
    } while ((limbs[0] | limbs[1] | limbs[2] | limbs[3]) != 0);
    for (size_t i = 0; i < count; i++) {
        ret[i] = digits[count - 1 - i];
    }
    ret[count] = '\0';
}

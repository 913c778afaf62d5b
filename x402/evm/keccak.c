/* Keccak-f[1600] with rate 1088 (FIPS 202, 3.2 to 3.4, with Keccak's own padding 0x01 … 0x80). */
#include "x402/evm/evm.h"

#define LANES      25
#define RATE_BYTES 136

static const uint64_t round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t turn(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

/* Chi over one row. */
INLINE void row(uint64_t out[5], uint64_t b0, uint64_t b1, uint64_t b2, uint64_t b3, uint64_t b4)
{
    out[0] = b0 ^ (~b1 & b2);
    out[1] = b1 ^ (~b2 & b3);
    out[2] = b2 ^ (~b3 & b4);
    out[3] = b3 ^ (~b4 & b0);
    out[4] = b4 ^ (~b0 & b1);
}

/* One round from a to e, written out so that the lanes stay in registers: lane x + 5y. */
INLINE void permute_round(const uint64_t a[LANES], uint64_t e[LANES], uint64_t constant)
{
    uint64_t c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20];
    uint64_t c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21];
    uint64_t c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22];
    uint64_t c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23];
    uint64_t c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24];
    uint64_t d0 = c4 ^ turn(c1, 1);
    uint64_t d1 = c0 ^ turn(c2, 1);
    uint64_t d2 = c1 ^ turn(c3, 1);
    uint64_t d3 = c2 ^ turn(c4, 1);
    uint64_t d4 = c3 ^ turn(c0, 1);
    row(e, a[0] ^ d0, turn(a[6] ^ d1, 44), turn(a[12] ^ d2, 43), turn(a[18] ^ d3, 21),
        turn(a[24] ^ d4, 14));
    row(e + 5, turn(a[3] ^ d3, 28), turn(a[9] ^ d4, 20), turn(a[10] ^ d0, 3), turn(a[16] ^ d1, 45),
        turn(a[22] ^ d2, 61));
    row(e + 10, turn(a[1] ^ d1, 1), turn(a[7] ^ d2, 6), turn(a[13] ^ d3, 25), turn(a[19] ^ d4, 8),
        turn(a[20] ^ d0, 18));
    row(e + 15, turn(a[4] ^ d4, 27), turn(a[5] ^ d0, 36), turn(a[11] ^ d1, 10),
        turn(a[17] ^ d2, 15), turn(a[23] ^ d3, 56));
    row(e + 20, turn(a[2] ^ d2, 62), turn(a[8] ^ d3, 55), turn(a[14] ^ d4, 39),
        turn(a[15] ^ d0, 41), turn(a[21] ^ d1, 2));
    e[0] ^= constant;
}

static void permute(uint64_t state[LANES])
{
    uint64_t a[LANES];
    uint64_t e[LANES];
    memcpy(a, state, sizeof(a));
    for (size_t i = 0; i < 24; i += 2) {
        permute_round(a, e, round_constants[i]);
        permute_round(e, a, round_constants[i + 1]);
    }
    memcpy(state, a, sizeof(a));
}

static void absorb(uint64_t state[LANES], const uint8_t block[RATE_BYTES])
{
    for (size_t i = 0; i < RATE_BYTES / 8; i++) {
        state[i] ^= __builtin_bswap64(lucid_get_be64(block + 8 * i)); /* lanes are little-endian */
    }
    permute(state);
}

struct evm_hash evm_keccak256_parts(const struct lucid_span *parts, size_t count)
{
    uint64_t state[LANES] = {0};
    uint8_t block[RATE_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *data = parts[i].data;
        size_t left = parts[i].len;
        while (left > 0) {
            size_t taken = left < RATE_BYTES - used ? left : RATE_BYTES - used;
            memcpy(block + used, data, taken);
            data += taken;
            left -= taken;
            used += taken;
            if (used == RATE_BYTES) {
                absorb(state, block);
                used = 0;
            }
        }
    }
    memset(block + used, 0, RATE_BYTES - used);
    block[used] = 0x01;
    block[RATE_BYTES - 1] |= 0x80;
    absorb(state, block);
    struct evm_hash hash = {.bytes = {0}};
    for (size_t i = 0; i < 4; i++) {
        lucid_put_be64(hash.bytes + 8 * i, __builtin_bswap64(state[i]));
    }
    return hash;
}

struct evm_hash evm_keccak256(struct lucid_span data)
{
    return evm_keccak256_parts(&data, 1);
}

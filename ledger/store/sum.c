#include "ledger/store/store_internal.h"

#define SUM_FACTOR 0x9e3779b97f4a7c15u /* odd: 2^64 divided by the golden ratio */
#define SUM_LANES  4

/* Invertible in the state and in the word: one changed word always changes the sum. */
static uint64_t sum_step(uint64_t state, uint64_t word)
{
    state = (state ^ word) * SUM_FACTOR;
    state = (state ^ state >> 32) * SUM_FACTOR;
    return state ^ state >> 29;
}

uint64_t store_sum(uint64_t number, struct lucid_span words)
{
    lucid_assert(words.len % 8 == 0);
    uint64_t lanes[SUM_LANES] = {1, 2, 3, 4}; /* the processor works on them side by side */
    const uint8_t *at = words.data;
    size_t count = words.len / 8;
    size_t whole = count - count % SUM_LANES;
    for (size_t i = 0; i < whole; i += SUM_LANES, at += sizeof(lanes)) {
        lanes[0] = sum_step(lanes[0], lucid_get_be64(at));
        lanes[1] = sum_step(lanes[1], lucid_get_be64(at + 8));
        lanes[2] = sum_step(lanes[2], lucid_get_be64(at + 16));
        lanes[3] = sum_step(lanes[3], lucid_get_be64(at + 24));
    }
    for (size_t i = 0; i < count - whole; i++, at += 8) {
        lanes[i] = sum_step(lanes[i], lucid_get_be64(at));
    }
    uint64_t sum = sum_step(number, count);
    for (size_t i = 0; i < SUM_LANES; i++) {
        sum = sum_step(sum, lanes[i]);
    }
    return sum;
}

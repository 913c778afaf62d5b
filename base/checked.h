/* Arithmetic that says when it overflows: true = the result is in *ret, false = it does not fit and
 * *ret is untouched. */
#ifndef LUCID_BASE_CHECKED_H
#define LUCID_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline __attribute__((warn_unused_result)) bool lucid_add_u64(uint64_t a, uint64_t b,
                                                                     uint64_t *ret)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *ret = sum;
    return true;
}

static inline __attribute__((warn_unused_result)) bool lucid_sub_u64(uint64_t a, uint64_t b,
                                                                     uint64_t *ret)
{
    if (b > a) {
        return false;
    }
    *ret = a - b;
    return true;
}

static inline __attribute__((warn_unused_result)) bool lucid_mul_u64(uint64_t a, uint64_t b,
                                                                     uint64_t *ret)
{
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *ret = product;
    return true;
}

#endif

/* ECMAScript Number::toString (ECMA-262 6.1.6.1.20), as RFC 8785 3.2.2.3 asks for.
 *
 * The shortest digits come from Raffaello Giulietti's algorithm ("The Schubfach way to render
 * doubles", 2020): one 128-bit power of ten scales the number and both ends of its rounding
 * interval to integers, rounded to odd, which is proven to keep every comparison exact. */
#include "base/assert.h"
#include "base/jcs/jcs_internal.h"
#include "base/jcs/pow10_table_internal.h"

#define FRACTION_BITS  52
#define FRACTION_MASK  ((UINT64_C(1) << FRACTION_BITS) - 1)
#define EXPONENT_MASK  0x7ffu
#define EXPONENT_BIAS  1075 /* of the significand read as an integer */
#define UINT_EXACT_END (UINT64_C(1) << 53)

/* digits * 10^exponent */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* floor(log10(2^e)), or floor(log10(3/4 * 2^e)); exact for |e| <= 1700. The shifts of negative
 * numbers are arithmetic in gcc and clang. */
static inline int log10_pow2(int e)
{
    return (e * 1262611) >> 22;
}

static inline int log10_three_quarters_pow2(int e)
{
    return (e * 1262611 - 524031) >> 22;
}

/* floor(log2(10^e)); exact for |e| <= 1233. */
static inline int log2_pow10(int e)
{
    return (e * 1741647) >> 19;
}

/* The high 64 bits of g * factor / 2^64, with the lowest bit set when anything but the error of g
 * lies below. */
static inline uint64_t scale_to_odd(const uint64_t g[2], uint64_t factor)
{
    unsigned __int128 low = (unsigned __int128)g[1] * factor;
    unsigned __int128 high = (unsigned __int128)g[0] * factor + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The shortest decimal in the rounding interval of significand * 2^exponent, the closest of those,
 * the even one of two equally close. */
static struct decimal decimal_shortest(uint64_t significand, int exponent, bool lower_is_closer)
{
    /* An even significand takes the ends of the interval too: ties round to even. */
    uint64_t open = significand & 1;
    int k = lower_is_closer ? log10_three_quarters_pow2(exponent) : log10_pow2(exponent);
    lucid_assert(-k >= JCS_POW10_FIRST && -k <= JCS_POW10_LAST);
    const uint64_t *g = jcs_pow10[-k - JCS_POW10_FIRST];
    int shift = exponent + log2_pow10(-k) + 1;
    lucid_assert(shift >= 1 && shift <= 4);

    /* Everything times 4 * 10^-k from here on. */
    uint64_t centre = 4 * significand;
    uint64_t lower = scale_to_odd(g, (centre - (lower_is_closer ? 1 : 2)) << shift) + open;
    uint64_t value = scale_to_odd(g, centre << shift);
    uint64_t upper = scale_to_odd(g, (centre + 2) << shift) - open;

    uint64_t floor = value / 4;
    if (floor >= 10) {
        uint64_t tens = floor / 10; /* a digit fewer: at most one multiple of ten is inside */
        bool below_in = lower <= 40 * tens;
        bool above_in = 40 * tens + 40 <= upper;
        if (below_in != above_in) {
            return (struct decimal){tens + above_in, k + 1};
        }
    }
    bool below_in = lower <= 4 * floor;
    bool above_in = 4 * floor + 4 <= upper;
    if (below_in != above_in) {
        return (struct decimal){floor + above_in, k};
    }
    uint64_t middle = 4 * floor + 2;
    bool up = value > middle || (value == middle && (floor & 1) != 0);
    return (struct decimal){floor + up, k};
}

/* Writes the decimal digits of value (not 0) and returns their number, at most 20. */
static size_t digits_write(uint64_t value, char *out)
{
    char text[20];
    size_t at = sizeof(text);
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    memcpy(out, text + at, sizeof(text) - at);
    return sizeof(text) - at;
}

/* Appends e+N or e-N. */
static size_t exponent_write(int exponent, char *out)
{
    out[0] = 'e';
    out[1] = exponent < 0 ? '-' : '+';
    uint64_t magnitude = (uint64_t)(exponent < 0 ? -exponent : exponent);
    lucid_assert(magnitude != 0);
    return 2 + digits_write(magnitude, out + 2);
}

/* Lays out decimal (without trailing zeros) as ECMAScript does; returns the length. */
static size_t decimal_write(struct decimal decimal, char *out)
{
    char digits[20];
    size_t len = digits_write(decimal.digits, digits);
    int point = (int)len + decimal.exponent; /* digits before the decimal point */
    if (point > 21 || point < -5) {
        size_t at = 0;
        out[at++] = digits[0];
        if (len > 1) {
            out[at++] = '.';
            memcpy(out + at, digits + 1, len - 1);
            at += len - 1;
        }
        return at + exponent_write(point - 1, out + at);
    }
    if (point <= 0) {
        size_t zeros = (size_t)-point;
        memcpy(out, "0.", 2);
        memset(out + 2, '0', zeros);
        memcpy(out + 2 + zeros, digits, len);
        return 2 + zeros + len;
    }
    size_t before = (size_t)point;
    if (before >= len) {
        memcpy(out, digits, len);
        memset(out + len, '0', before - len);
        return before;
    }
    memcpy(out, digits, before);
    out[before] = '.';
    memcpy(out + before + 1, digits + before, len - before);
    return len + 1;
}

/* The value of a number that is an integer below 2^53. */
static bool integer_exact(uint64_t significand, int exponent, uint64_t *ret)
{
    if (exponent > 0 || exponent <= -53) {
        return false;
    }
    uint64_t integer = significand >> -exponent;
    if (integer << -exponent != significand) {
        return false;
    }
    *ret = integer;
    return true;
}

size_t jcs_number_format(double number, char out[JCS_NUMBER_BYTES_MAX])
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    uint64_t fraction = bits & FRACTION_MASK;
    unsigned biased = (unsigned)(bits >> FRACTION_BITS) & EXPONENT_MASK;
    lucid_assert(biased != EXPONENT_MASK);
    if (biased == 0 && fraction == 0) {
        out[0] = '0';
        return 1;
    }
    size_t at = 0;
    if (bits >> 63 != 0) {
        out[at++] = '-';
    }
    uint64_t significand = biased == 0 ? fraction : fraction | (UINT64_C(1) << FRACTION_BITS);
    int exponent = (int)(biased == 0 ? 1 : biased) - EXPONENT_BIAS;
    uint64_t integer = 0;
    if (integer_exact(significand, exponent, &integer)) {
        lucid_assert(integer < UINT_EXACT_END);
        at += digits_write(integer, out + at);
    } else {
        /* At a power of two the next double below is only half as far away as the next above. */
        bool lower_is_closer = fraction == 0 && biased > 1;
        struct decimal decimal = decimal_shortest(significand, exponent, lower_is_closer);
        while (decimal.digits % 10 == 0) {
            decimal.digits /= 10;
            decimal.exponent++;
        }
        at += decimal_write(decimal, out + at);
    }
    lucid_assert(at <= JCS_NUMBER_BYTES_MAX);
    return at;
}

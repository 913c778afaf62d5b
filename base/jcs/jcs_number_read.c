/* Number tokens: RFC 8259 section 6 grammar, correctly rounded to an IEEE double. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/jcs/jcs_internal.h"

_Static_assert(FLT_EVAL_METHOD == 0, "the fast path needs double arithmetic in double precision");

#define UINT_EXACT_MAX 9007199254740991u /* 2^53 - 1 */

/* A token split into its parts. */
struct number_parts {
    const uint8_t *digits; /* of the integer part */
    const uint8_t *fraction;
    size_t digits_len;
    size_t fraction_len;
    int64_t exponent;  /* as written, saturated */
    uint64_t mantissa; /* all digits as one number; exact up to 19 digits, else garbage */
    bool negative;
    bool integer; /* neither point nor exponent */
};

static inline bool is_digit(const uint8_t *at, const uint8_t *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

static enum lucid_error exponent_read(struct jcs_reader *reader, struct number_parts *parts)
{
    /* Over this every number is 0 or infinite however many digits a 4 GiB document puts before. */
    const int64_t exponent_max = 1000000000000;
    reader->at++;
    bool negative = reader->at < reader->end && *reader->at == '-';
    if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-')) {
        reader->at++;
    }
    if (!is_digit(reader->at, reader->end)) {
        return jcs_reader_refuse(reader, reader->at, "the exponent has no digits");
    }
    int64_t exponent = 0;
    for (; is_digit(reader->at, reader->end); reader->at++) {
        if (exponent < exponent_max) {
            exponent = exponent * 10 + (*reader->at - '0');
        }
    }
    parts->exponent = negative ? -exponent : exponent;
    return LUCID_OK;
}

/* Splits the token and moves behind it. */
static enum lucid_error parts_read(struct jcs_reader *reader, struct number_parts *parts)
{
    const uint8_t *at = reader->at;
    const uint8_t *end = reader->end;
    uint64_t mantissa = 0;
    parts->negative = at < end && *at == '-';
    at += parts->negative;
    parts->digits = at;
    while (is_digit(at, end)) {
        mantissa = mantissa * 10 + (uint64_t)(*at++ - '0');
    }
    parts->digits_len = (size_t)(at - parts->digits);
    if (parts->digits_len == 0) {
        return jcs_reader_refuse(reader, at, "a number needs a digit here");
    }
    if (parts->digits_len > 1 && parts->digits[0] == '0') {
        return jcs_reader_refuse(reader, parts->digits, "a number must not begin with a zero");
    }
    if (at < end && *at == '.') {
        parts->integer = false;
        parts->fraction = ++at;
        while (is_digit(at, end)) {
            mantissa = mantissa * 10 + (uint64_t)(*at++ - '0');
        }
        parts->fraction_len = (size_t)(at - parts->fraction);
        if (parts->fraction_len == 0) {
            return jcs_reader_refuse(reader, at, "a digit must follow the decimal point");
        }
    }
    parts->mantissa = mantissa;
    reader->at = at;
    if (at < end && (*at == 'e' || *at == 'E')) {
        parts->integer = false;
        return exponent_read(reader, parts);
    }
    return LUCID_OK;
}

/* Collects significant digits for strtod; bounded, because no more are needed. */
struct digit_sink {
    char *out;
    size_t len;
    size_t max;
    int64_t dropped;  /* digits left out at the end */
    bool dropped_any; /* one of them was not zero */
};

static void digits_put(struct digit_sink *sink, const uint8_t *digits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sink->len == 0 && digits[i] == '0') {
            continue; /* leading zeros say nothing */
        }
        if (sink->len < sink->max) {
            sink->out[sink->len++] = (char)digits[i];
        } else {
            sink->dropped++;
            sink->dropped_any = sink->dropped_any || digits[i] != '0';
        }
    }
}

/* The general case, by the C library, whose strtod rounds correctly. The number is handed over as
 * an integer with an exponent: without a decimal point no locale can change its reading.
 *
 * The points half-way between two doubles have at most 767 significant digits; so 800 digits and
 * one more 1, if anything but zeros was left out, lie on the same side of each as the whole. */
static double number_convert_slow(const struct number_parts *parts)
{
    char text[800 + 32];
    struct digit_sink sink = {.out = text, .max = 800};
    digits_put(&sink, parts->digits, parts->digits_len);
    digits_put(&sink, parts->fraction, parts->fraction_len);
    if (sink.len == 0) {
        return 0.0;
    }
    int64_t exponent = parts->exponent - (int64_t)parts->fraction_len + sink.dropped;
    if (sink.dropped_any) {
        text[sink.len++] = '1';
        exponent--;
    }
    const int64_t exponent_max = 100000;
    exponent = exponent > exponent_max ? exponent_max : exponent;
    exponent = exponent < -exponent_max ? -exponent_max : exponent;
    int len = snprintf(text + sink.len, sizeof(text) - sink.len, "e%lld", (long long)exponent);
    lucid_assert(len > 0 && (size_t)len < sizeof(text) - sink.len);
    return strtod(text, NULL);
}

/* The magnitude of the number. */
static double number_convert(const struct number_parts *parts)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    /* Both operands are exact doubles, so one operation rounds once (W. Clinger, 1990). */
    if (parts->digits_len + parts->fraction_len <= 19 && parts->mantissa <= UINT_EXACT_MAX) {
        int64_t exponent = parts->exponent - (int64_t)parts->fraction_len;
        if (exponent >= 0 && exponent <= 22) {
            return (double)parts->mantissa * powers[exponent];
        }
        if (exponent < 0 && exponent >= -22) {
            return (double)parts->mantissa / powers[-exponent];
        }
    }
    return number_convert_slow(parts);
}

/* Whether an integer literal over 2^53 - 1 is what the canonical writer makes of its double. */
static bool literal_is_canonical(struct lucid_span literal, double number)
{
    char canonical[JCS_NUMBER_BYTES_MAX];
    size_t len = jcs_number_format(number, canonical);
    return lucid_span_equal(literal, lucid_span(canonical, len));
}

enum lucid_error jcs_number_read(struct jcs_reader *reader, double *ret)
{
    const uint8_t *token = reader->at;
    struct number_parts parts = {.integer = true};
    enum lucid_error error = parts_read(reader, &parts);
    if (error != LUCID_OK) {
        return error;
    }
    double number = number_convert(&parts);
    if (isinf(number)) {
        return jcs_reader_refuse(reader, token, "a number beyond the range of an IEEE double");
    }
    number = parts.negative ? -number : number;
    bool large = parts.digits_len > 16 || parts.mantissa > UINT_EXACT_MAX;
    if (parts.integer && large) {
        struct lucid_span literal = lucid_span(token, (size_t)(reader->at - token));
        if (!literal_is_canonical(literal, number)) {
            return jcs_reader_refuse(reader, token,
                                     "an integer beyond 2^53 - 1 that an IEEE double cannot keep");
        }
    }
    *ret = number;
    return LUCID_OK;
}

/* Decimal numbers, compared digit by digit. */
#include <stdio.h>

#include "plugins/verifier/rules_internal.h"

enum { DIGITS_MAX = 38 };

/* How many digits stand there. */
static size_t digits(struct lucid_span text)
{
    size_t len = 0;
    while (len < text.len && text.data[len] >= '0' && text.data[len] <= '9') {
        len++;
    }
    return len;
}

static bool text_read(struct lucid_span text, struct rules_decimal *ret)
{
    struct rules_decimal value = {.negative = text.len > 0 && text.data[0] == '-'};
    if (value.negative) {
        text = lucid_span(text.data + 1, text.len - 1);
    }
    size_t whole = digits(text);
    if (whole == 0 || whole > DIGITS_MAX || (whole > 1 && text.data[0] == '0')) {
        return false;
    }
    if (text.data[0] != '0') {
        memcpy(value.whole, text.data, whole);
        value.whole_len = (uint8_t)whole;
    }
    if (whole < text.len) {
        struct lucid_span rest = lucid_span(text.data + whole + 1, text.len - whole - 1);
        size_t fraction = digits(rest);
        if (text.data[whole] != '.' || fraction == 0 || fraction != rest.len ||
            fraction > DIGITS_MAX) {
            return false;
        }
        while (fraction > 0 && rest.data[fraction - 1] == '0') {
            fraction--;
        }
        memcpy(value.fraction, rest.data, fraction);
        value.fraction_len = (uint8_t)fraction;
    }
    value.negative = value.negative && (value.whole_len > 0 || value.fraction_len > 0);
    *ret = value;
    return true;
}

bool rules_decimal_read(const struct claims_value *value, struct rules_decimal *ret)
{
    char text[24];
    switch (value->type) {
    case CLAIMS_STRING:
        return text_read(value->text, ret);
    case CLAIMS_INTEGER:
        (void)snprintf(text, sizeof(text), "%lld", (long long)value->number);
        return text_read(lucid_span_str(text), ret);
    case CLAIMS_BOOL:
    case CLAIMS_OBJECT:
        break;
    }
    return false;
}

/* Without signs. Whole parts without leading zeros: the longer is the greater. */
static int magnitude_compare(const struct rules_decimal *a, const struct rules_decimal *b)
{
    if (a->whole_len != b->whole_len) {
        return a->whole_len < b->whole_len ? -1 : 1;
    }
    int order = memcmp(a->whole, b->whole, a->whole_len);
    if (order != 0) {
        return order;
    }
    size_t common = a->fraction_len < b->fraction_len ? a->fraction_len : b->fraction_len;
    order = memcmp(a->fraction, b->fraction, common);
    return order != 0 ? order : (int)a->fraction_len - (int)b->fraction_len;
}

int rules_decimal_compare(const struct rules_decimal *a, const struct rules_decimal *b)
{
    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }
    int order = magnitude_compare(a, b);
    return a->negative ? -order : order;
}

#include "gas/amount.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/checked.h"

static const struct {
    enum gas_unit unit;
    const char *name;
    unsigned decimals;
    uint64_t scale;
} units[GAS_UNITS] = {
    {GAS_LUCID, "LUCID", 9, 1000000000},
    {GAS_USDC, "USDC", 6, 1000000},
};

static size_t unit_at(enum gas_unit unit)
{
    size_t i = (size_t)unit - 1;
    lucid_assert(unit >= GAS_LUCID && i < GAS_UNITS && units[i].unit == unit);
    return i;
}

const char *gas_unit_name(enum gas_unit unit)
{
    return units[unit_at(unit)].name;
}

bool gas_unit_parse(struct lucid_span text, enum gas_unit *ret)
{
    for (size_t i = 0; i < GAS_UNITS; i++) {
        if (lucid_span_is(text, units[i].name)) {
            *ret = units[i].unit;
            return true;
        }
    }
    return false;
}

unsigned gas_unit_decimals(enum gas_unit unit)
{
    return units[unit_at(unit)].decimals;
}

bool gas_amount_parse(struct lucid_span text, uint64_t *ret)
{
    uint64_t amount = 0;
    if (text.len == 0 || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');
        if (digit > 9 || !lucid_mul_u64(amount, 10, &amount) ||
            !lucid_add_u64(amount, digit, &amount) || amount > GAS_AMOUNT_MAX) {
            return false;
        }
    }
    *ret = amount;
    return true;
}

static bool is_digits(struct lucid_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.len > 0;
}

/* value · 10 + digit for each digit of text; false when it does not fit. */
static bool digits_add(struct lucid_span text, uint64_t *value)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!lucid_mul_u64(*value, 10, value) ||
            !lucid_add_u64(*value, (uint64_t)(text.data[i] - '0'), value)) {
            return false;
        }
    }
    return true;
}

enum lucid_error gas_amount_parse_decimal(struct lucid_span text, enum gas_unit unit, uint64_t *ret,
                                          struct lucid_why *why)
{
    const uint8_t *point = text.len > 0 ? memchr(text.data, '.', text.len) : NULL;
    struct lucid_span whole = text;
    struct lucid_span part = {0};
    if (point != NULL) {
        whole.len = (size_t)(point - text.data);
        part = lucid_span(point + 1, text.len - whole.len - 1);
    }
    if (!is_digits(whole) || (whole.len > 1 && whole.data[0] == '0') ||
        (point != NULL && !is_digits(part))) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL,
                            "not an amount such as 12 or 12.5");
    }
    if (part.len > gas_unit_decimals(unit)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL,
                            "%s has %u decimals, the amount has more", gas_unit_name(unit),
                            gas_unit_decimals(unit));
    }
    static const uint8_t zeros[] = "000000000";
    struct lucid_span padding = lucid_span(zeros, gas_unit_decimals(unit) - part.len);
    uint64_t amount = 0;
    if (!digits_add(whole, &amount) || !digits_add(part, &amount) ||
        !digits_add(padding, &amount) || amount > GAS_AMOUNT_MAX) {
        char most[GAS_AMOUNT_TEXT_BYTES];
        gas_amount_format(GAS_AMOUNT_MAX, unit, most);
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, NULL, NULL, "an amount is at most %s %s",
                            most, gas_unit_name(unit));
    }
    *ret = amount;
    return LUCID_OK;
}

void gas_amount_format(uint64_t amount, enum gas_unit unit, char ret[GAS_AMOUNT_TEXT_BYTES])
{
    size_t i = unit_at(unit);
    int len = snprintf(ret, GAS_AMOUNT_TEXT_BYTES, "%llu.%0*llu",
                       (unsigned long long)(amount / units[i].scale), (int)units[i].decimals,
                       (unsigned long long)(amount % units[i].scale));
    lucid_assert(len > 0 && len < GAS_AMOUNT_TEXT_BYTES);
}

void gas_amount_member(struct lucid_buf *out, const char *name, uint64_t amount)
{
    lucid_json_member(out, name);
    lucid_buf_char(out, '"');
    lucid_buf_u64(out, amount);
    lucid_buf_char(out, '"');
}

bool gas_name_ok(struct lucid_span name, size_t max)
{
    if (name.len == 0 || name.len > max) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && (c < '0' || c > '9') && c != '.' && c != '_' && c != ':' && c != '-') {
            return false;
        }
    }
    return true;
}

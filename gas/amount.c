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

#include "tools/lucid/money.h"

#include <stdio.h>

#include "gas/split.h"
#include "gas/statement.h"

void money_member_show(json_t *object, const char *name, const char *unit)
{
    static const char zeros[] = "00000000000000000000";
    const char *text = json_string_value(json_object_get(object, name));
    enum gas_unit of;
    unsigned __int128 sum; /* over accounts: may be more than one of them holds */
    if (text == NULL || unit == NULL || !gas_unit_parse(lucid_span_str(unit), &of)) {
        return;
    }
    bool negative = text[0] == '-';
    const char *digits = text + negative;
    if (!gas_sum_parse(lucid_span_str(digits), &sum)) {
        return;
    }
    char shown[GAS_SUM_TEXT_BYTES + 32];
    size_t decimals = gas_unit_decimals(of);
    size_t len = strlen(digits);
    size_t whole = len > decimals ? len - decimals : 0;
    (void)snprintf(shown, sizeof(shown), "%s%.*s%s.%.*s%s %s", negative ? "-" : "", (int)whole,
                   digits, whole > 0 ? "" : "0", (int)(decimals - (len - whole)), zeros,
                   digits + whole, unit);
    json_object_set_new(object, name, json_string(shown));
}

static bool whole_read(struct cli *cli, const char *name, const char *text, enum gas_unit unit,
                       uint64_t *ret)
{
    struct lucid_why why = {0};
    if (gas_amount_parse_decimal(lucid_span_str(text), unit, ret, &why) != LUCID_OK) {
        (void)cli_fail(cli, CLI_USAGE, NULL, name, "--%s: %s", name, why.text);
        return false;
    }
    return true;
}

bool money_option(struct cli *cli, const char *whole, const char *units, enum gas_unit unit,
                  char ret[GAS_AMOUNT_TEXT_BYTES])
{
    const char *text = cli_value(cli, whole, NULL);
    const char *base = cli_value(cli, units, NULL);
    uint64_t amount = 0;
    if (text != NULL && base != NULL) {
        (void)cli_fail(cli, CLI_USAGE, NULL, whole, "--%s and --%s exclude one another", whole,
                       units);
        return false;
    }
    if (base != NULL && !gas_amount_parse(lucid_span_str(base), &amount)) {
        (void)cli_fail(cli, CLI_USAGE, NULL, units,
                       "--%s must be a whole number of base units, at most 2^63 - 1", units);
        return false;
    }
    if (text != NULL && !whole_read(cli, whole, text, unit, &amount)) {
        return false;
    }
    ret[0] = '\0';
    if (text != NULL || base != NULL) {
        (void)snprintf(ret, GAS_AMOUNT_TEXT_BYTES, "%llu", (unsigned long long)amount);
    }
    return true;
}

bool money_unit_option(struct cli *cli, enum gas_unit *ret)
{
    *ret = GAS_USDC;
    const char *unit = cli_value(cli, "unit", NULL);
    if (unit != NULL && !gas_unit_parse(lucid_span_str(unit), ret)) {
        (void)cli_fail(cli, CLI_USAGE, NULL, "unit", "--unit must be %s or %s",
                       gas_unit_name(GAS_USDC), gas_unit_name(GAS_LUCID));
        return false;
    }
    return true;
}

json_t *money_split_show(const json_t *split_bps)
{
    char text[64];
    int len = 0;
    for (unsigned leg = 0; leg < GAS_LEGS; leg++) {
        const json_t *value = json_object_get(split_bps, gas_leg_name((enum gas_leg)leg));
        json_int_t bps = json_integer_value(value);
        if (!json_is_integer(value) || bps < 0 || bps > GAS_BPS) {
            return NULL;
        }
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s%d", leg > 0 ? "/" : "",
                        (int)bps / 100);
        if (bps % 100 != 0) {
            len += snprintf(text + len, sizeof(text) - (size_t)len, ".%02d", (int)bps % 100);
        }
    }
    return json_string(text);
}

bool money_value(struct cli *cli, const char *name, enum gas_unit unit,
                 char ret[GAS_AMOUNT_TEXT_BYTES])
{
    const char *text = cli_value(cli, name, NULL);
    if (text == NULL) {
        (void)cli_fail(cli, CLI_USAGE, NULL, name, "--%s is missing", name);
        return false;
    }
    uint64_t amount;
    if (!whole_read(cli, name, text, unit, &amount)) {
        return false;
    }
    (void)snprintf(ret, GAS_AMOUNT_TEXT_BYTES, "%llu", (unsigned long long)amount);
    return true;
}

#include "tools/lucid/money.h"

#include <stdio.h>

void money_member_show(json_t *object, const char *name, const char *unit)
{
    const char *text = json_string_value(json_object_get(object, name));
    enum gas_unit of;
    uint64_t amount;
    if (text == NULL || unit == NULL || !gas_unit_parse(lucid_span_str(unit), &of)) {
        return;
    }
    bool negative = text[0] == '-';
    if (!gas_amount_parse(lucid_span_str(text + negative), &amount)) {
        return;
    }
    char digits[GAS_AMOUNT_TEXT_BYTES];
    char shown[GAS_AMOUNT_TEXT_BYTES + 16];
    gas_amount_format(amount, of, digits);
    (void)snprintf(shown, sizeof(shown), "%s%s %s", negative ? "-" : "", digits, unit);
    json_object_set_new(object, name, json_string(shown));
}

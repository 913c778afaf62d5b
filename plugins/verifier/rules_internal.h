/* What the files of the rule policy share. */
#ifndef LUCID_PLUGINS_VERIFIER_RULES_INTERNAL_H
#define LUCID_PLUGINS_VERIFIER_RULES_INTERNAL_H

#include "plugins/verifier/field.h"
#include "plugins/verifier/rules.h"

/* The members of a policy document that rules.h describes; *ret NULL: it has none of them. */
void rules_read(const struct field *document, const struct rules **ret);

/* A decimal number of any sign, without leading and trailing zeros. Zero has no sign. */
struct rules_decimal {
    bool negative;
    uint8_t whole_len;
    uint8_t fraction_len;
    char whole[40];
    char fraction[40];
};
/* A whole number, or a string `-?(0|[1-9][0-9]*)(\.[0-9]+)?` of at most 38 digits each side. */
bool rules_decimal_read(const struct claims_value *value, struct rules_decimal *ret);
/* Below 0, 0, above 0. */
int rules_decimal_compare(const struct rules_decimal *a, const struct rules_decimal *b);

#endif

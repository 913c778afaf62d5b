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

/* Reads what is given of hardware into ret->hardware and marks the documents that it binds, which
 * have all been read. Refusals as of rules_appraise. */
enum lucid_error rules_hardware_read(const struct rules_input *input, struct lucid_arena *arena,
                                     struct rules_appraisal *ret,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* Writes the claims of the attestation result into ret->result. */
enum lucid_error rules_ear_write(const struct rules_input *input, struct lucid_arena *arena,
                                 struct rules_appraisal *ret,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

/* What record and result share: `[{"step","outcome","code","detail"?}…]` of a document, the lists
 * of rules and of required claims, and of a claim `"name","status","rules"` without braces. */
void rules_submod_steps_write(const struct rules_submod *submod, struct lucid_buf *out);
void rules_verdicts_write(const struct rules_input *input, const struct rules_appraisal *appraisal,
                          struct lucid_buf *out);
void rules_claim_write(const struct rules *rules, const struct rules_claim *claim,
                       struct lucid_buf *out);
/* "claims0" … */
void rules_name_write(size_t index, char ret[APPRAISAL_NAME_BYTES_MAX + 1]);

#endif

/* What claims and the rules over them share. */
#ifndef LUCID_PLUGINS_VERIFIER_CLAIMS_INTERNAL_H
#define LUCID_PLUGINS_VERIFIER_CLAIMS_INTERNAL_H

#include "plugins/verifier/claims.h"
#include "plugins/verifier/field.h"

/* End with NULL; the index is the enum's. */
extern const char *const claims_phase_names[];
extern const char *const claims_decision_names[];
extern const char *const claims_type_names[];

/* A string, boolean or whole number; an object only where objects is true. */
bool claims_value_read(const struct field *at, bool objects, struct claims_value *ret);
/* 0 … 1000 per mille, but for 1, which reads as certain; or a decimal string of 0 … 1 with at most
 * six digits behind the point. */
bool claims_confidence_read(const struct field *at, uint32_t *ret);
/* 64 lower-case hex digits. */
bool claims_hash_read(const struct field *at, struct lucid_span *ret);

#endif

/* What the core judges itself, and never a scheme: whether the kind of evidence is accepted,
 * whether its measurements are known, and which machine it came from.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_JUDGE_H
#define LUCID_PLUGINS_VERIFIER_JUDGE_H

#include "plugins/verifier/scheme.h"

/* Whether evidence of this type is looked at at all: the scheme is known, the policy's types have
 * it, and a mock one is allowed. False: *ret is the failed step parse. */
bool judge_type(const struct appraisal_input *input, const struct appraisal_evidence *evidence,
                const struct scheme *scheme, struct appraisal_result *ret) LUCID_WARN_UNUSED;

/* The step measurement, and the claim executables: denied (96) wins over everything; then what the
 * policy allows, or one reference set that knows every measurement that is required or that it
 * speaks of, and speaks of no other (3); known but listed as vulnerable, or older than the set asks
 * for (32); otherwise not recognised (33, or 96 where the policy denies the unknown). */
void judge_measurement(const struct scheme_job *job, const struct scheme *scheme,
                       struct appraisal_result *ret, int8_t *ret_executables);

/* Whether that one set knows the evidence, as judge_measurement asks of each, and lists none of it
 * as vulnerable. Model, times and whether the policy names the set are the caller's to ask. */
bool judge_set_knows(const struct scheme_job *job,
                     const struct reference_set *set) LUCID_WARN_UNUSED;

/* The step identity, and the claim instance-identity: revoked (96), enrolled (2), not enrolled, or
 * masked where the policy enrols or revokes machines (97), otherwise nothing is said (0). */
void judge_identity(const struct scheme_job *job, struct appraisal_result *ret,
                    int8_t *ret_instance);

/* Collateral that ages (CRLs, TCB information; no certificate, no anchor) and is older than the
 * policy allows: the key of one such, or NULL. *ret_days: its age. */
const char *judge_old_collateral(const struct scheme_job *job, const struct scheme *scheme,
                                 char key[SCHEME_KEY_BYTES_MAX + 1], uint64_t *ret_days);

#endif

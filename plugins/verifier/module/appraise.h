/* From a request to an appraisal that can be logged: what POST /v1/attestation/appraise is made of.
 *
 * Thread: workers; everything lives in the request's memory. */
#ifndef LUCID_PLUGINS_VERIFIER_MODULE_APPRAISE_H
#define LUCID_PLUGINS_VERIFIER_MODULE_APPRAISE_H

#include "plugins/verifier/module/module.h"
#include "plugins/verifier/scheme.h"
#include "plugins/verifier/schemes/collateral.h"

#define APPRAISE_BLOBS_MAX LUCID_PLUGIN_BLOBS_MAX

/* An item of collateral that came with the request. */
struct appraise_brought {
    struct lucid_span bytes;
    size_t evidence; /* with which: evidences[evidence].collateral[at] */
    size_t at;
    struct collateral_item item; /* what it is, once it was looked at */
};

/* A request while it is appraised. In the request's arena, but for what is said. */
struct appraise {
    struct appraisal_input input;
    struct policy policy;
    struct reference_set references[POLICY_REFERENCES_MAX];
    struct lucid_span reference_bytes[POLICY_REFERENCES_MAX];
    struct appraisal_collateral collateral[APPRAISAL_COLLATERAL_MAX];
    struct appraise_brought brought[APPRAISAL_COLLATERAL_MAX];
    size_t brought_count;
    struct appraisal result;
};

/* --- appraise_read.c -------------------------------------------------------------------------- */

/* Reads the body into input: challenge, runtime data, evidences, what a test store takes. *ret_id:
 * of the policy. Refusals name the member. */
enum lucid_error appraise_read(struct ask *ask, struct appraise *appraise,
                               uint8_t ret_policy[LUCID_SHA256_BYTES],
                               struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- appraise_gather.c ------------------------------------------------------------------------ */

/* The policy of that id with its reference sets, from the log. POLICY_UNKNOWN, REFERENCE_UNKNOWN.
 */
enum lucid_error appraise_policy(struct ask *ask, struct appraise *appraise,
                                 const uint8_t id[LUCID_SHA256_BYTES],
                                 struct lucid_why *why) LUCID_WARN_UNUSED;
/* The id of the policy of whoever names none. */
void appraise_policy_default(const struct verifier *verifier, uint8_t ret[LUCID_SHA256_BYTES]);

/* What the schemes would use of what was imported, configured or brought. What was brought is
 * judged as at an import; a list is used if it is newer than what was imported; it is nobody
 * else's. COLLATERAL_REFUSED with the item's place. */
enum lucid_error appraise_collateral(struct ask *ask, struct appraise *appraise,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

/* Everything that the record will name by digest, each once: at most APPRAISE_BLOBS_MAX
 * (TOO_MANY_BLOBS). */
enum lucid_error appraise_blobs(struct ask *ask, const struct appraise *appraise,
                                struct lucid_plugin_bytes **ret, size_t *ret_count,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- token.c ---------------------------------------------------------------------------------- */

/* Signs claims (draft-04 spelling) as the configuration wants them spelt. */
enum lucid_error token_write(struct ask *ask, struct lucid_span claims, struct lucid_span *ret,
                             struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- answer.c --------------------------------------------------------------------------------- */

/* The answer about an appraisal, made of its record and token as the log has them: the members of
 * POST …/appraise; whole: also record and proof. Appends one object to ask->out. */
enum lucid_error answer_write(struct ask *ask, const struct kind_row *row, bool whole,
                              struct lucid_why *why) LUCID_WARN_UNUSED;
/* Answers 422 with the failing step and all steps. */
enum lucid_error answer_refused(struct ask *ask, const struct appraisal *appraisal);
/* The same of whatever has steps; list: the member of the request, at: which of it. */
enum lucid_error answer_problem(struct ask *ask, const char *list, size_t at,
                                enum appraisal_step failed, const char *code,
                                struct lucid_span steps, bool mock);
/* Answers 422 at freshness, with the appraisal that the challenge was answered by. */
enum lucid_error answer_used(struct ask *ask, const uint8_t id[LUCID_SHA256_BYTES]);
/* Where a session was refused (CHALLENGE_UNKNOWN), answers 422 at freshness; passes on the rest. */
enum lucid_error answer_unknown(struct ask *ask, enum lucid_error error,
                                const struct lucid_why *why);
/* Answers with the record of claims or of an interaction: the one of the route's {id}, or what was
 * just logged. */
enum lucid_error answer_record(struct ask *ask, enum kind_item item);
/* The object that it answers with, appended to ask->out; whole: with the proof. */
enum lucid_error answer_item_write(struct ask *ask, enum kind_item item, const struct kind_row *row,
                                   bool whole) LUCID_WARN_UNUSED;

/* --- routes_read.c ---------------------------------------------------------------------------- */

/* An appraisal by its id, of evidence or of claims. LUCID_NOTE_ABSENT. */
enum lucid_error appraise_find(struct ask *ask, const uint8_t id[LUCID_SHA256_BYTES],
                               struct kind_row *ret, enum kind_item *ret_item) LUCID_WARN_UNUSED;

#endif

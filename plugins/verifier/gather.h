/* Which collateral an appraisal would use: asked of the schemes, found by the caller.
 *
 * Thread: pure functions; what is looked up is given. */
#ifndef LUCID_PLUGINS_VERIFIER_GATHER_H
#define LUCID_PLUGINS_VERIFIER_GATHER_H

#include "plugins/verifier/appraisal.h"

/* The item of a key: bytes and imported_s, which is 0 where it is not set. LUCID_NOTE_ABSENT (or
 * another note): there is none, and the appraisal goes without. */
typedef enum lucid_error gather_fn(void *context, struct lucid_span key,
                                   struct appraisal_collateral *ret);

/* Finds what the schemes of input's evidences would use, each key once, in the order in which they
 * ask. ret: room for APPRAISAL_COLLATERAL_MAX; the keys live in the arena. Evidence that cannot be
 * parsed needs nothing: the appraisal says what is wrong with it. LUCID_REFUSE_TOO_LARGE
 * (INVALID_EVIDENCE): more than there is room for; what find returns; LUCID_RETRY_MEMORY. */
enum lucid_error gather_collateral(const struct appraisal_input *input, gather_fn *find,
                                   void *context, struct lucid_arena *arena,
                                   struct appraisal_collateral *ret, size_t *ret_count,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

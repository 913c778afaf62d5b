/* What a passport says, held against the appraisals that it rests on; and those appraisals held
 * against what is known today.
 *
 * Thread: pure functions; what is looked up is given. */
#ifndef LUCID_PLUGINS_PASSPORT_EVIDENCE_H
#define LUCID_PLUGINS_PASSPORT_EVIDENCE_H

#include "plugins/passport/verify.h"
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/gather.h"

/* Whether a passport says no more than the record of its first appraisal: id, type, quote,
 * runtime data, measurement, status, test, and by whose word container and auditors stand there
 * (bound ones are in the runtime data). record: canonical; runtime_data, quote: as the log or the
 * bundle has them, len 0: not at hand, then what needs them is not said to pass. *ret: outcome and
 * code of the check `evidence`: "evidence.recorded" (it agrees; nothing was appraised again),
 * "evidence.contradicts" with the member as detail, "evidence.mock" (WARN), "evidence.test" (WARN).
 * LUCID_RETRY_MEMORY. */
enum lucid_error evidence_compare(const struct passport *passport, struct lucid_span record,
                                  struct lucid_span runtime_data, struct lucid_span quote,
                                  struct lucid_arena *arena,
                                  struct verify_evidence *ret) LUCID_WARN_UNUSED;

/* The whole check of a bundle (package.h `appraisals`): each is replayed with the trusted keys, and
 * the first one compared, also with what the passport says to stand in its reference sets.
 * "evidence.same", "evidence.differs", "evidence.key_unknown" (UNKNOWN), or as above. No bundles,
 * or not all of them: SKIPPED, "evidence.absent". */
enum lucid_error evidence_replay(const struct passport *passport, const struct lucid_span *bundles,
                                 size_t count, const struct replay_trust *trust,
                                 struct lucid_arena *arena,
                                 struct verify_evidence *ret) LUCID_WARN_UNUSED;

/* --- today ------------------------------------------------------------------------------------ */

struct today_input {
    struct lucid_span record;
    record_blob_fn *blob;
    gather_fn *collateral; /* the newest of a key, as imported */
    void *context;         /* of both */
    uint64_t now_s; /* the log's clock. A record of a test store is moved on by as much as has
                       passed since it was received */
};

struct today {
    enum appraisal_tier status;
    /* Of the first step that fails and did not then (also where the status is the same), or ""; of
     * what is worse without that, the first step that says something else. */
    char code[APPRAISAL_CODE_BYTES_MAX + 1];
    enum appraisal_step step; /* that step */
    bool worse;               /* than the record says; or it is not appraised any more */
};

/* Appraises the evidence of a record again with the collateral of today instead of that of then (it
 * falls back to that of then where nothing newer is at hand), at today's time; the challenge's age
 * is not asked again. Errors: of blob; LUCID_RETRY_MEMORY; INVALID_RECORD. */
enum lucid_error today_appraise(const struct today_input *input, struct lucid_arena *arena,
                                struct today *ret, struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

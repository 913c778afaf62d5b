/* Attestation results as EAT claims (EAR, draft-ietf-rats-ear-04) in a JWS, and reading those of
 * others, in both spellings (tag:ietf.org,2026:rats/ear#04 with underscores; the older
 * tag:github.com,2023:veraison/ear with points). A token that mixes them is refused.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_EAR_H
#define LUCID_PLUGINS_VERIFIER_EAR_H

#include "plugins/verifier/appraisal.h"

#define EAR_PROFILE         "tag:ietf.org,2026:rats/ear#04"
#define EAR_PROFILE_OLD     "tag:github.com,2023:veraison/ear"
#define EAR_TOKEN_BYTES_MAX ((size_t)64 * 1024)

enum ear_spelling { EAR_DRAFT_04, EAR_VERAISON };

/* Writes the claims of an appraisal as canonical JSON: what appraisal_run puts into
 * appraisal->claims, always as EAR_DRAFT_04. The older spelling is made from those bytes by
 * ear_respell, so that replay compares one form. */
enum lucid_error ear_claims_write(const struct appraisal_input *input,
                                  const struct appraisal *appraisal, struct lucid_arena *arena,
                                  struct lucid_span *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
/* How every result of ours begins, in the spelling of EAR_DRAFT_04: the object is left open. */
struct ear_head {
    uint64_t iat_s;
    uint64_t lifetime_s;
    struct lucid_span developer;
    struct lucid_span build;
    enum appraisal_tier status;
};
void ear_head_write(const struct ear_head *head, struct lucid_buf *out);
/* Ends what was written: its canonical form, if a token can hold it. out is freed in any case.
 * LUCID_REFUSE_TOO_LARGE with that code and param, LUCID_RETRY_MEMORY. */
enum lucid_error ear_finish(struct lucid_buf *out, const char *code, const char *param,
                            struct lucid_arena *arena, struct lucid_span *ret,
                            struct lucid_why *why) LUCID_WARN_UNUSED;
/* LUCID_REFUSE_INVALID (INVALID_EAR): claims are no object. */
enum lucid_error ear_respell(struct lucid_span claims, enum ear_spelling spelling,
                             struct lucid_arena *arena, struct lucid_span *ret,
                             struct lucid_why *why) LUCID_WARN_UNUSED;

/* What of a result a relying party looks at. Spans point into the arena. */
struct ear_submod {
    struct lucid_span name;
    enum appraisal_tier status;
    bool has_vector;
    int8_t vector[APPRAISAL_CATEGORIES];
};
struct ear {
    enum ear_spelling spelling;
    uint64_t iat_s;
    uint64_t exp_s; /* 0: not said */
    struct lucid_span developer;
    struct lucid_span build;
    enum appraisal_tier status; /* the worst */
    struct ear_submod submods[APPRAISAL_EVIDENCES_MAX];
    size_t submod_count;
};
/* Reads claims; tolerant where the field is (an iat that is an integral float). INVALID_EAR with
 * the param. Refused: a mix of spellings, a status better than its worst vector member, no submods.
 */
enum lucid_error ear_read(struct lucid_span claims, struct lucid_arena *arena, struct ear *ret,
                          struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

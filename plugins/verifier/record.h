/* A record, read: what bundle.h writes, as members.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_RECORD_H
#define LUCID_PLUGINS_VERIFIER_RECORD_H

#include "plugins/verifier/bundle.h"

#define RECORD_ENDORSEMENTS_MAX APPRAISAL_CHAIN_MAX
#define RECORD_DIGESTS_MAX                                                                         \
    (2 + APPRAISAL_EVIDENCES_MAX * (2 + RECORD_ENDORSEMENTS_MAX) + APPRAISAL_COLLATERAL_MAX +      \
     POLICY_REFERENCES_MAX)

struct record_evidence {
    struct lucid_span name;
    struct lucid_span type;
    uint8_t evidence[LUCID_SHA256_BYTES];
    uint8_t endorsements[RECORD_ENDORSEMENTS_MAX][LUCID_SHA256_BYTES];
    size_t endorsement_count;
    bool has_event_log;
    uint8_t event_log[LUCID_SHA256_BYTES];
};

struct record_collateral {
    struct lucid_span key;
    uint8_t digest[LUCID_SHA256_BYTES];
    uint64_t imported_s;
};

struct record {
    const struct jcs_value *root;
    uint64_t rules_version;
    uint64_t time_s;
    uint64_t received_s;
    uint64_t lifetime_s;
    struct lucid_span issuer;
    struct lucid_span developer;
    struct lucid_span build;
    struct appraisal_challenge challenge;
    uint8_t runtime_data[LUCID_SHA256_BYTES];
    struct record_evidence evidences[APPRAISAL_EVIDENCES_MAX];
    size_t evidence_count;
    struct record_collateral collateral[APPRAISAL_COLLATERAL_MAX];
    size_t collateral_count;
    uint8_t policy[LUCID_SHA256_BYTES];
    uint8_t references[POLICY_REFERENCES_MAX][LUCID_SHA256_BYTES];
    size_t reference_count;
    bool allow_mock;
    bool mock;
    bool test;
    struct lucid_span test_bound_data; /* len 0: none */
    struct lucid_span status;
    uint8_t claims[LUCID_SHA256_BYTES];
    uint8_t ear[LUCID_SHA256_BYTES];
};

/* Reads a record, in canonical form or not; *ret and what it points to live in the arena.
 * LUCID_REFUSE_INVALID (INVALID_RECORD, with the dotted param); LUCID_REFUSE_TOO_LARGE;
 * LUCID_RETRY_MEMORY. */
enum lucid_error record_read(struct lucid_span text, struct lucid_arena *arena,
                             const struct record **ret, struct lucid_why *why) LUCID_WARN_UNUSED;

/* How what a record names by digest is got: blob as in bundle.h; why may be NULL. */
struct record_getter {
    record_blob_fn *blob;
    void *context;
    struct lucid_arena *arena;
    struct lucid_why *why;
};
/* The bytes, whose digest is checked. INCOMPLETE_BUNDLE, param the digest; what blob refuses. */
enum lucid_error record_get(const struct record_getter *getter,
                            const uint8_t digest[LUCID_SHA256_BYTES],
                            struct lucid_span *ret) LUCID_WARN_UNUSED;

/* What a record may say of its times: two only of a test store, whose test_time makes them two, and
 * no longer a life than the policy gives. What it says beyond that is not taken, so that the replay
 * differs. */
void record_bound(bool test, const struct policy *policy, uint64_t time_s, uint64_t *received_s,
                  uint64_t *lifetime_s);

struct rules_input;
struct rules_record;
/* As record_input, of the record of an appraisal of claims (rules.h); verify is the caller's to
 * set. */
enum lucid_error rules_record_input(const struct rules_record *record,
                                    const struct record_getter *getter,
                                    struct rules_input *ret) LUCID_WARN_UNUSED;

#endif

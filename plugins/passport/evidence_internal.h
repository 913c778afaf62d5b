/* What issuing a passport and checking one look for in an appraisal. */
#ifndef LUCID_PLUGINS_PASSPORT_EVIDENCE_INTERNAL_H
#define LUCID_PLUGINS_PASSPORT_EVIDENCE_INTERNAL_H

#include "plugins/passport/evidence.h"
#include "plugins/verifier/record.h"
#include "plugins/verifier/scheme.h"

/* The register that says what runs there, as a passport shows it: of several that are required
 * (MRTD, RTMR0 …) one after the other. */
struct evidence_measurement {
    const char *tee; /* "AMD_SEV_SNP"; static storage */
    const char *alg; /* static storage */
    struct lucid_span value;
    const struct scheme_job
        *job; /* the evidence, parsed; lives in the arena, and points to quote */
};
/* LUCID_NOTE_ABSENT: evidence of no known kind, or that cannot be read; LUCID_RETRY_MEMORY. */
enum lucid_error evidence_measure(struct lucid_span type, struct lucid_span quote,
                                  struct lucid_arena *arena,
                                  struct evidence_measurement *ret) LUCID_WARN_UNUSED;

/* Whether all evidence of the record binds the runtime data itself, not the data that stand for
 * them on a test store. */
bool evidence_is_bound(const struct record *record);

/* EAR's names of a status. False: none of them. */
bool evidence_tier_read(struct lucid_span name, enum appraisal_tier *ret);
/* 0 is the best. */
unsigned evidence_tier_rank(enum appraisal_tier tier);

/* A step as a record has it. */
struct evidence_step {
    struct lucid_span name;
    struct lucid_span outcome;
    struct lucid_span code;
};
/* Walks the steps of a submod of a record (at NULL: the first). False: that was the last. */
bool evidence_step_next(const struct jcs_value *submod, const struct jcs_value **at,
                        struct evidence_step *ret);

/* Whether a digest is that of the bytes. */
bool evidence_hash_is(struct lucid_span bytes, const uint8_t digest[LUCID_SHA256_BYTES]);
/* A member that is a string; {NULL, 0}: it is none. */
struct lucid_span evidence_text(const struct jcs_value *object, const char *name);
/* A member that is a digest. */
bool evidence_digest(const struct jcs_value *object, const char *name,
                     uint8_t ret[LUCID_SHA256_BYTES]);
/* The digest of an auditor in a list of {id, digest}; false: it does not stand there. */
bool evidence_auditor(const struct jcs_value *list, struct lucid_span id,
                      uint8_t ret[LUCID_SHA256_BYTES]);

/* Reference sets of an appraisal. One speaks for an environment of which it knows every measurement
 * that it names (host data may choose what a launch measurement then runs), while it is in force.
 */
struct evidence_sets {
    const struct reference_set *items;
    size_t count;
    struct lucid_span type; /* of the evidence */
    const struct evidence_measurement *measured;
    uint64_t time_s;
};
/* Whether one of them lists the digest. list: "containers"; "auditors", then with id. */
bool evidence_is_referenced(const struct evidence_sets *sets, const char *list,
                            struct lucid_span id, const uint8_t digest[LUCID_SHA256_BYTES]);

#endif

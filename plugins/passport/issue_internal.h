/* What the parts of issuing share: who gets one (issue_rules.c), what runs there by whose word
 * (issue_workload.c), the document (issue_write.c). */
#ifndef LUCID_PLUGINS_PASSPORT_ISSUE_INTERNAL_H
#define LUCID_PLUGINS_PASSPORT_ISSUE_INTERNAL_H

#include "plugins/passport/evidence_internal.h"
#include "plugins/passport/issue.h"
#include "plugins/verifier/interaction.h"
#include "plugins/verifier/rules.h"

/* An appraisal of evidence, read. */
struct issue_environment {
    const struct issue_appraisal *given;
    const struct record *record;
    struct freshness_runtime runtime;
    struct evidence_measurement measured;
    bool bound; /* the evidence binds the runtime data */
};

/* An auditor as it is gathered. */
struct issue_auditor {
    struct lucid_span id;
    struct lucid_span name;
    bool has_digest;
    uint8_t digest[LUCID_SHA256_BYTES];
    enum passport_source source;
    bool checked; /* by claims */
    bool loose; /* by claims that do not name the environment, or not of the image that it binds */
    enum passport_auditor_status status;
    uint64_t last_check_s; /* 0: never */
    const struct issue_claims *claims;
};

/* A part that a switch leaves out. */
struct issue_omitted {
    const char *name;
    struct lucid_span value; /* canonical */
};

struct issue_work {
    const struct issue_input *input;
    struct lucid_arena *arena;
    struct lucid_why *why;
    struct lucid_span version;
    uint64_t expires_s;
    uint64_t renew_after_s;
    struct issue_environment environments[PASSPORT_APPRAISALS_MAX];
    const struct rules_record *claims[PASSPORT_APPRAISALS_MAX];
    struct interaction interactions[ISSUE_INTERACTIONS_MAX];
    bool mock;
    bool test;
    struct {
        bool present;
        uint8_t digest[LUCID_SHA256_BYTES];
        struct lucid_span registry;
        enum passport_source source;
    } container;
    struct issue_auditor auditors[PASSPORT_AUDITORS_MAX];
    size_t auditor_count;
    struct slsa_result slsa;
    struct issue_omitted omitted[PASSPORT_OMITTED_MAX];
    size_t omitted_count;
    bool has_quote;
    char id[PASSPORT_ID_BYTES + 1];
};

/* PASSPORT_REFUSED, LUCID_REFUSE_INVALID. param NULL: none. */
enum lucid_error issue_refuse(const struct issue_work *work, const char *param, const char *format,
                              ...) LUCID_PRINTF(3, 4);

/* --- issue_rules.c: who gets one -------------------------------------------------------------- */

/* Reads the appraisals and judges request and appraisals. */
enum lucid_error issue_judge(struct issue_work *work) LUCID_WARN_UNUSED;

/* --- issue_workload.c: what runs there -------------------------------------------------------- */

/* Container, auditors, interactions. */
enum lucid_error issue_workload(struct issue_work *work) LUCID_WARN_UNUSED;
/* Whether claims name one of the environments, and no other. */
bool issue_names_environment(const struct issue_work *work, const struct rules_record *record);

/* --- issue_write.c: what it says -------------------------------------------------------------- */

/* Signs; *ret_passport is canonical, and can be read as a passport. */
enum lucid_error issue_write(struct issue_work *work,
                             struct lucid_span *ret_passport) LUCID_WARN_UNUSED;
/* What was left out, with the salts; {NULL, 0} where nothing was. */
enum lucid_error issue_disclosures(const struct issue_work *work,
                                   struct lucid_span *ret) LUCID_WARN_UNUSED;
/* The payload of passport.issued. */
enum lucid_error issue_record(const struct issue_work *work,
                              const uint8_t digest[LUCID_SHA256_BYTES],
                              struct lucid_span *ret) LUCID_WARN_UNUSED;

#endif

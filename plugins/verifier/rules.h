/* The rule policy for auditors' claims: declarative JSON inside a policy document (policy.h).
 *
 *   "auditors":[{"id","publicKey","digest"?}…]   who may say anything at all
 *   "claimsMaxAgeSeconds"?                       how old a claims document may be, default 300
 *   "requiredClaims":[{"name","type"?,"phase"?,"auditor"?,"minConfidence"?}…]
 *   "rules":[{"id","description"?,"phase"?,"deny_when"|"require": EXPR,
 *             "action"?:"deny"|"redact"|"warn","message"?}…]
 *
 *   EXPR = {"all":[EXPR…]} | {"any":[EXPR…]} | {"not":EXPR} | {"claim":name,"auditor"?:id, OP}
 *   OP   = "exists":bool | "equals":V | "notEquals":V | "in":[V…]
 *        | "lessThan":N | "atMost":N | "greaterThan":N | "atLeast":N
 *   V is a string, boolean or whole number; N a whole number or a decimal string ("0.95")
 *
 * `deny_when` is triggered where its expression is true, `require` where it is false. An expression
 * is read from left to right until it is decided; whatever cannot be told on the way (a claim that
 * nobody makes, of another type than is asked for, or that two auditors make with different values)
 * makes the whole rule an error, and a rule in error is triggered. Only "exists" asks for a claim
 * that may be missing. Decimals are compared digit by digit.
 *
 * A rule with a phase looks at the documents of that phase only, and is skipped where there is
 * none; so is a required claim. `condition`, which says neither when to deny nor what to demand, is
 * refused by name.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef LUCID_PLUGINS_VERIFIER_RULES_H
#define LUCID_PLUGINS_VERIFIER_RULES_H

#include "plugins/verifier/appraisal.h"
#include "plugins/verifier/claims.h"

#define RULES_NODES_MAX         1024 /* expressions of one policy */
#define RULES_DEPTH_MAX         6    /* expressions within expressions */
#define RULES_OPERANDS_MAX      64
#define RULES_MESSAGE_BYTES_MAX 256
#define RULES_MAX_AGE_S         300
#define RULES_FUTURE_S          60 /* a clock that runs ahead */
#define RULES_DOCUMENTS_MAX     16

struct rules_auditor {
    struct lucid_span id;
    uint8_t key[DOCUMENT_KEY_BYTES];
    bool has_digest;
    uint8_t digest[LUCID_SHA256_BYTES];
};

struct rules_required {
    struct lucid_span name;
    const char *type;          /* NULL: any */
    struct lucid_span auditor; /* len 0: anybody */
    bool has_phase;
    enum claims_phase phase;
    uint32_t confidence_min;
};

enum rules_operator {
    RULES_ALL,
    RULES_ANY,
    RULES_NOT,
    RULES_EXISTS,
    RULES_EQUALS,
    RULES_NOT_EQUALS,
    RULES_IN,
    RULES_LESS_THAN,
    RULES_AT_MOST,
    RULES_GREATER_THAN,
    RULES_AT_LEAST,
};

struct rules_expression {
    enum rules_operator operator;
    struct rules_expression *children; /* of all, any, not */
    size_t child_count;
    struct lucid_span claim;
    struct lucid_span auditor; /* len 0: anybody */
    struct claims_value *operands;
    size_t operand_count;
};

struct rules_rule {
    struct lucid_span id;
    bool has_phase;
    enum claims_phase phase;
    bool require; /* otherwise deny_when */
    enum claims_decision action;
    struct lucid_span message; /* len 0: none */
    struct rules_expression expression;
};

struct rules {
    struct rules_auditor *auditors;
    size_t auditor_count;
    struct rules_required *required;
    size_t required_count;
    struct rules_rule *rules;
    size_t rule_count;
    uint64_t max_age_s;
};

/* --- judging ---------------------------------------------------------------------------------- */

enum rules_outcome {
    RULES_SKIPPED, /* no document of its phase */
    RULES_PASS,
    RULES_TRIGGERED, /* its action counts */
    RULES_ERROR,     /* it could not be told: its action counts */
};
const char *rules_outcome_name(enum rules_outcome outcome);

struct rules_verdict {
    enum rules_outcome outcome;
    const char *reason;      /* of an error: "absent", "type", "ambiguous", "confidence"; or NULL */
    struct lucid_span claim; /* of an error; len 0: none */
};

/* Judges one rule, or one required claim, over documents that are to be believed. */
void rules_judge(const struct rules_rule *rule, const struct claims_document *const *documents,
                 size_t count, struct rules_verdict *ret);
void rules_judge_required(const struct rules_required *required,
                          const struct claims_document *const *documents, size_t count,
                          struct rules_verdict *ret);
/* Whether the rule looks at that claim of that document. */
bool rules_mentions(const struct rules_rule *rule, const struct claims_document *document,
                    const struct claims_claim *claim);

/* --- appraisal -------------------------------------------------------------------------------- */

/* Everything that decides is here: the same input gives the same verdict for ever
 * (APPRAISAL_RULES_VERSION). */
struct rules_input {
    uint64_t time_s;
    const struct policy *policy;
    const struct lucid_span *documents; /* as the auditors sent them */
    size_t document_count;              /* 1 … RULES_DOCUMENTS_MAX */
    struct lucid_span nonce;            /* that each must carry; len 0: none is asked for */
    document_verify_fn *verify;
    void *context;
};

/* One document: its steps are those of evidence (appraisal.h). chain: the auditor is named by the
 * policy with that key; freshness: its age, its claims' times, the nonce; measurement: the image's
 * digest; configuration: what the rules that look at it say, and its own decision. */
struct rules_submod {
    bool parsed;
    struct claims_document document; /* only if parsed */
    struct appraisal_result steps[APPRAISAL_STEPS];
    int8_t vector[APPRAISAL_CATEGORIES];
    enum appraisal_tier status;
    struct lucid_why why; /* of a document that could not be read */
};

struct rules_claim { /* one claim of one document */
    const struct claims_document *document;
    const struct claims_claim *claim;
    enum appraisal_tier status; /* none: no rule looks at it */
    uint64_t rules;             /* a bit for each rule that was judged and looks at it */
};

struct rules_appraisal {
    struct rules_submod submods[RULES_DOCUMENTS_MAX];
    size_t submod_count;
    bool appraised; /* every document passed parse, chain, signature and freshness */
    struct rules_verdict rules[POLICY_RULES_MAX];
    struct rules_verdict required[POLICY_REQUIRED_MAX];
    struct rules_claim claims[CLAIMS_MAX];
    size_t claim_count;
    /* What is to be done: the worst of the triggered rules and the auditors' own decisions; none
     * while nothing was judged. */
    enum claims_decision decision;
    enum appraisal_tier status;
    enum appraisal_step failed_step; /* unless appraised */
    size_t failed_document;
};

/* Appraises. LUCID_OK also for the worst verdict; LUCID_REFUSE_TOO_LARGE: more than CLAIMS_MAX
 * claims in all; LUCID_RETRY_MEMORY. *ret points into input and arena. */
enum lucid_error rules_appraise(const struct rules_input *input, struct lucid_arena *arena,
                                struct rules_appraisal *ret,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* `[{"evidence","type":"claims","step","outcome","code","detail"?}, …]` of all documents. */
void rules_steps_write(const struct rules_appraisal *appraisal, struct lucid_buf *out);

/* The record: canonical JSON, the payload of the event attestation.claims:
 *
 *   {"type":"attestation.claims","version":1,"rulesVersion","time","policy":digest,"nonce"?,
 *    "status","decision","documents":[{"document":digest,"auditor","key":hex,"phase","decision",
 *    "status","issuedAt","traceId"?,"sessionId"?,"vector":{…},"steps":[{"step","outcome","code",
 *    "detail"?}…]}…],"claims":[{"document":index,"name","status","rules":[id…]}…],
 *    "rules":[{"id","outcome","action"?,"reason"?,"claim"?,"message"?}…],
 *    "required":[{"name","outcome","reason"?}…]}
 *
 * times are integers, Unix seconds. Only of what was appraised (asserted).
 * LUCID_REFUSE_TOO_LARGE: more than RECORD_BYTES_MAX. */
enum lucid_error rules_record_write(const struct rules_input *input,
                                    const struct rules_appraisal *appraisal,
                                    struct lucid_arena *arena, struct lucid_span *ret,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

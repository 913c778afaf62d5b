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
 * none. A required claim never is: whoever gives the documents could leave out what speaks against
 * him. Where several make it, each must be of the type. `condition`, which says neither when to
 * deny nor what to demand, is refused by name.
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
    RULES_SKIPPED, /* of a rule alone: no document of its phase */
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
    /* The appraisal of the environment that the auditors are said to run in: its record (bundle.h)
     * and the runtime data that the record names. record.len 0: none. Who gives them vouches for
     * the record: a service takes it from its own log. */
    struct lucid_span hardware_record;
    struct lucid_span hardware_runtime;
    /* Of the attestation result, as in struct appraisal_input. */
    struct lucid_span policy_bytes;
    uint64_t received_s; /* 0: the same as time_s */
    uint64_t lifetime_s;
    bool test;
    struct lucid_span developer;
    struct lucid_span build;
    struct lucid_span issuer;
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
    bool bound;           /* the hardware's runtime data name this auditor and its image */
    struct lucid_why why; /* of a document that could not be read */
};

struct rules_claim { /* one claim of one document */
    const struct claims_document *document;
    const struct claims_claim *claim;
    enum appraisal_tier status; /* none: no rule looks at it */
    uint64_t rules;             /* a bit for each rule that was judged and looks at it */
};

struct rules_hardware {                       /* what is used of the appraisal of hardware */
    uint8_t id[LUCID_SHA256_BYTES];           /* of its record */
    uint8_t runtime_data[LUCID_SHA256_BYTES]; /* digest */
    enum appraisal_tier status;
    bool is_mock;
    bool test;
    const struct jcs_value *auditors; /* of the runtime data that it binds; NULL: none */
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
    enum appraisal_tier status; /* no better than that of the hardware */
    bool has_hardware;
    struct rules_hardware hardware;
    /* The claims of the attestation result (ear.h) as canonical JSON; empty unless appraised. */
    struct lucid_span result;
    enum appraisal_step failed_step; /* unless appraised */
    size_t failed_document;
};

/* Appraises. LUCID_OK also for the worst verdict; LUCID_REFUSE_TOO_LARGE: more than CLAIMS_MAX
 * claims in all, or a result longer than a token may be; LUCID_REFUSE_INVALID: the hardware's
 * record or runtime data cannot be used (INVALID_REQUEST, "appraisalId"); LUCID_RETRY_MEMORY. *ret
 * points into input and arena. */
enum lucid_error rules_appraise(const struct rules_input *input, struct lucid_arena *arena,
                                struct rules_appraisal *ret,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* `[{"evidence","type":"claims","step","outcome","code","detail"?}, …]` of all documents. */
void rules_steps_write(const struct rules_appraisal *appraisal, struct lucid_buf *out);

/* The record: canonical JSON, the payload of the event attestation.claims, whose SHA-256 is the
 * appraisal's id:
 *
 *   {"type":"attestation.claims","version":1,"rulesVersion","time","received","lifetime","issuer",
 *    "verifier":{"developer","build"},"test","mock","policy":digest,"nonce"?,
 *    "hardware"?:{"record":digest,"runtimeData":digest},
 *    "status","decision","documents":[{"document":digest,"auditor","key":hex,"phase","decision",
 *    "status","issuedAt","traceId"?,"sessionId"?,"bound","vector":{…},"steps":[{"step","outcome",
 *    "code","detail"?}…]}…],"claims":[{"document":index,"name","status","rules":[id…]}…],
 *    "rules":[{"id","outcome","action"?,"reason"?,"claim"?,"message"?}…],
 *    "required":[{"name","outcome","reason"?}…],"result":digest,"ear":digest}
 *
 * times are integers, Unix seconds; result: of the attestation result's claims, ear: of the token
 * as it is served. Only of what was appraised (asserted). LUCID_REFUSE_TOO_LARGE: more than
 * RECORD_BYTES_MAX. */
enum lucid_error rules_record_write(const struct rules_input *input,
                                    const struct rules_appraisal *appraisal, struct lucid_span ear,
                                    struct lucid_arena *arena, struct lucid_span *ret,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- the record, read ------------------------------------------------------------------------- */

struct rules_record {
    const struct jcs_value *root;
    uint64_t rules_version;
    struct rules_input input; /* without documents, policy, hardware, verify */
    uint8_t policy[LUCID_SHA256_BYTES];
    uint8_t documents[RULES_DOCUMENTS_MAX][LUCID_SHA256_BYTES];
    size_t document_count;
    bool has_hardware;
    uint8_t hardware_record[LUCID_SHA256_BYTES];
    uint8_t hardware_runtime[LUCID_SHA256_BYTES];
    uint8_t result[LUCID_SHA256_BYTES];
    uint8_t ear[LUCID_SHA256_BYTES];
};

/* Whether it says that it is the record of an appraisal of claims; nothing else is checked. */
bool rules_record_is(struct lucid_span record, struct lucid_arena *arena);

/* Reads one, in canonical form or not. What is there for people only (documents' verdicts, claims,
 * rules) is not looked into: replay writes it again and compares. INVALID_RECORD with the dotted
 * param; LUCID_REFUSE_TOO_LARGE; LUCID_RETRY_MEMORY. *ret lives in the arena. */
enum lucid_error rules_record_read(struct lucid_span text, struct lucid_arena *arena,
                                   const struct rules_record **ret,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

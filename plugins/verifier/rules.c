/* Rules over claims: three answers, of which "it cannot be told" never lets anything pass. */
#include "base/assert.h"
#include "plugins/verifier/rules_internal.h"

enum truth { IS_FALSE, IS_TRUE, IS_ERROR };

/* The documents that a rule looks at, and why it could not be told. */
struct scope {
    const struct claims_document *const *documents;
    size_t count;
    bool has_phase;
    enum claims_phase phase;
    const char *reason;
    struct lucid_span claim;
};

const char *rules_outcome_name(enum rules_outcome outcome)
{
    static const char *const names[] = {"skipped", "pass", "triggered", "error"};
    return names[outcome];
}

static bool in_scope(const struct scope *scope, const struct claims_document *document)
{
    return !scope->has_phase || document->phase == scope->phase;
}

static bool is_empty(const struct scope *scope)
{
    for (size_t i = 0; i < scope->count; i++) {
        if (in_scope(scope, scope->documents[i])) {
            return false;
        }
    }
    return true;
}

static enum truth undecided(struct scope *scope, const char *reason, struct lucid_span claim)
{
    scope->reason = reason;
    scope->claim = claim;
    return IS_ERROR;
}

/* --- finding a claim -------------------------------------------------------------------------- */

static const struct claims_claim *claim_of(const struct claims_document *document,
                                           struct lucid_span name)
{
    for (size_t i = 0; i < document->claim_count; i++) {
        if (lucid_span_equal(document->claims[i].name, name)) {
            return &document->claims[i];
        }
    }
    return NULL;
}

/* auditor: len 0: anybody. */
static bool is_asked(const struct scope *scope, const struct claims_document *document,
                     struct lucid_span auditor)
{
    return in_scope(scope, document) &&
           (auditor.len == 0 || lucid_span_equal(document->auditor, auditor));
}

/* IS_TRUE: *ret is the claim of that name (the least certain, where several say the same). */
static enum truth claim_find(struct scope *scope, struct lucid_span name, struct lucid_span auditor,
                             const struct claims_claim **ret)
{
    const struct claims_claim *found = NULL;
    for (size_t i = 0; i < scope->count; i++) {
        const struct claims_document *document = scope->documents[i];
        const struct claims_claim *claim =
            is_asked(scope, document, auditor) ? claim_of(document, name) : NULL;
        if (claim == NULL) {
            continue;
        }
        if (found != NULL && !claims_value_equal(&found->value, &claim->value)) {
            return undecided(scope, "ambiguous", name);
        }
        if (found == NULL || claim->confidence < found->confidence) {
            found = claim;
        }
    }
    *ret = found;
    return found == NULL ? IS_FALSE : IS_TRUE;
}

/* --- expressions ------------------------------------------------------------------------------ */

static enum truth truth_of(bool value)
{
    return value ? IS_TRUE : IS_FALSE;
}

static enum truth equal_judge(struct scope *scope, const struct rules_expression *at,
                              const struct claims_value *value)
{
    bool comparable = false;
    for (size_t i = 0; i < at->operand_count; i++) {
        if (at->operands[i].type == value->type) {
            comparable = true;
            if (claims_value_equal(&at->operands[i], value)) {
                return truth_of(at->operator!= RULES_NOT_EQUALS);
            }
        }
    }
    return comparable ? truth_of(at->operator== RULES_NOT_EQUALS)
                      : undecided(scope, "type", at->claim);
}

static enum truth order_judge(struct scope *scope, const struct rules_expression *at,
                              const struct claims_value *value)
{
    struct rules_decimal said;
    struct rules_decimal limit;
    if (!rules_decimal_read(value, &said) || !rules_decimal_read(&at->operands[0], &limit)) {
        return undecided(scope, "type", at->claim);
    }
    int order = rules_decimal_compare(&said, &limit);
    switch (at->operator) {
    case RULES_LESS_THAN:
        return truth_of(order < 0);
    case RULES_AT_MOST:
        return truth_of(order <= 0);
    case RULES_GREATER_THAN:
        return truth_of(order > 0);
    case RULES_AT_LEAST:
        return truth_of(order >= 0);
    case RULES_ALL:
    case RULES_ANY:
    case RULES_NOT:
    case RULES_EXISTS:
    case RULES_EQUALS:
    case RULES_NOT_EQUALS:
    case RULES_IN:
        break;
    }
    return undecided(scope, "type", at->claim);
}

static enum truth leaf_judge(struct scope *scope, const struct rules_expression *at)
{
    const struct claims_claim *claim = NULL;
    enum truth found = claim_find(scope, at->claim, at->auditor, &claim);
    if (at->operator== RULES_EXISTS) {
        /* Of two that differ there is one. */
        scope->reason = NULL;
        return truth_of((found != IS_FALSE) == at->operands[0].flag);
    }
    if (found != IS_TRUE) {
        return found == IS_ERROR ? IS_ERROR : undecided(scope, "absent", at->claim);
    }
    return at->operator>= RULES_LESS_THAN ? order_judge(scope, at, &claim->value)
                                          : equal_judge(scope, at, &claim->value);
}

/* From left to right until it is decided; depth is bounded by RULES_DEPTH_MAX when it is read. */
static enum truth expression_judge(struct scope *scope, const struct rules_expression *at)
{
    if (at->operator> RULES_NOT) {
        return leaf_judge(scope, at);
    }
    enum truth decides = at->operator== RULES_ANY ? IS_TRUE : IS_FALSE;
    for (size_t i = 0; i < at->child_count; i++) {
        enum truth child = expression_judge(scope, &at->children[i]);
        if (child == IS_ERROR) {
            return child;
        }
        if (at->operator== RULES_NOT) {
            return truth_of(child == IS_FALSE);
        }
        if (child == decides) {
            return decides;
        }
    }
    return decides == IS_TRUE ? IS_FALSE : IS_TRUE;
}

/* --- rules ------------------------------------------------------------------------------------ */

void rules_judge(const struct rules_rule *rule, const struct claims_document *const *documents,
                 size_t count, struct rules_verdict *ret)
{
    struct scope scope = {
        .documents = documents, .count = count, .has_phase = rule->has_phase, .phase = rule->phase};
    *ret = (struct rules_verdict){.outcome = RULES_SKIPPED};
    if (is_empty(&scope)) {
        return;
    }
    enum truth truth = expression_judge(&scope, &rule->expression);
    if (truth == IS_ERROR) {
        ret->outcome = RULES_ERROR;
        ret->reason = scope.reason;
        ret->claim = scope.claim;
        return;
    }
    ret->outcome = (truth == IS_TRUE) == rule->require ? RULES_PASS : RULES_TRIGGERED;
}

/* Whether all that make the claim call it that type. */
static bool is_typed(const struct scope *scope, const struct rules_required *required)
{
    for (size_t i = 0; i < scope->count; i++) {
        const struct claims_document *document = scope->documents[i];
        const struct claims_claim *claim = is_asked(scope, document, required->auditor)
                                               ? claim_of(document, required->name)
                                               : NULL;
        if (claim != NULL && strcmp(required->type, claim->type) != 0) {
            return false;
        }
    }
    return true;
}

/* Why it is not there as it is required; NULL: it is. */
static const char *required_lack(struct scope *scope, const struct rules_required *required)
{
    const struct claims_claim *claim = NULL;
    enum truth found = claim_find(scope, required->name, required->auditor, &claim);
    if (found != IS_TRUE) {
        return found == IS_ERROR ? scope->reason : "absent";
    }
    if (required->type != NULL && !is_typed(scope, required)) {
        return "type";
    }
    return claim->confidence < required->confidence_min ? "confidence" : NULL;
}

void rules_judge_required(const struct rules_required *required,
                          const struct claims_document *const *documents, size_t count,
                          struct rules_verdict *ret)
{
    struct scope scope = {.documents = documents,
                          .count = count,
                          .has_phase = required->has_phase,
                          .phase = required->phase};
    const char *lack = required_lack(&scope, required);
    *ret = (struct rules_verdict){.outcome = RULES_PASS};
    if (lack != NULL) {
        *ret =
            (struct rules_verdict){.outcome = RULES_ERROR, .reason = lack, .claim = required->name};
    }
}

static bool expression_mentions(const struct rules_expression *at,
                                const struct claims_document *document, struct lucid_span name)
{
    for (size_t i = 0; i < at->child_count; i++) {
        if (expression_mentions(&at->children[i], document, name)) {
            return true;
        }
    }
    return at->operator> RULES_NOT && lucid_span_equal(at->claim, name) &&
           (at->auditor.len == 0 || lucid_span_equal(at->auditor, document->auditor));
}

bool rules_mentions(const struct rules_rule *rule, const struct claims_document *document,
                    const struct claims_claim *claim)
{
    return (!rule->has_phase || rule->phase == document->phase) &&
           expression_mentions(&rule->expression, document, claim->name);
}

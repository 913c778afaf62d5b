/* The rule policy's members of a policy document: reading them. */
#include "plugins/verifier/claims_internal.h"
#include "plugins/verifier/rules_internal.h"

enum {
    TEXT_BYTES_MAX = 1024,
    AGE_SECONDS_MAX = 86400 * 366,
};

static const char *const operator_names[] = {"all",    "any",         "not",     "exists",
                                             "equals", "notEquals",   "in",      "lessThan",
                                             "atMost", "greaterThan", "atLeast", NULL};

struct rules_reading {
    size_t nodes_left;
};

static void *list_alloc(const struct field *at, size_t max, size_t size)
{
    if (at->value == NULL || !field_array(at, 0, max)) {
        return NULL;
    }
    return field_alloc(at, jcs_count(at->value) * size);
}

static void phase_read(const struct field *at, bool *ret_has, enum claims_phase *ret)
{
    size_t chosen = 0;
    if (at->value != NULL && field_choice(at, claims_phase_names, &chosen)) {
        *ret_has = true;
        *ret = (enum claims_phase)chosen;
    }
}

/* --- expressions ------------------------------------------------------------------------------ */

static void expression_read(struct rules_reading *reading, const struct field *at, size_t depth,
                            struct rules_expression *ret);

static void children_read(struct rules_reading *reading, const struct field *at, size_t depth,
                          struct rules_expression *ret)
{
    if (ret->operator== RULES_NOT) {
        ret->children = field_alloc(at, sizeof(*ret->children));
        ret->child_count = 1;
        if (ret->children != NULL) {
            expression_read(reading, at, depth + 1, ret->children);
        }
        return;
    }
    if (!field_array(at, 1, RULES_OPERANDS_MAX)) {
        return;
    }
    ret->children = field_alloc(at, jcs_count(at->value) * sizeof(*ret->children));
    struct field item = field_walk(at);
    while (field_next(at, &item)) {
        expression_read(reading, &item, depth + 1, &ret->children[ret->child_count]);
        ret->child_count++;
    }
}

static void operand_read(const struct field *at, struct rules_expression *ret)
{
    struct rules_decimal decimal;
    struct claims_value *value = &ret->operands[ret->operand_count];
    if (!claims_value_read(at, false, value)) {
        return;
    }
    ret->operand_count++;
    if (ret->operator== RULES_EXISTS && value->type != CLAIMS_BOOL) {
        field_refuse(at, "must be true or false");
    }
    if (ret->operator>= RULES_LESS_THAN && !rules_decimal_read(value, &decimal)) {
        field_refuse(at, "must be a whole number or a decimal string such as \"0.95\"");
    }
}

static void operands_read(const struct field *at, struct rules_expression *ret)
{
    bool is_list = ret->operator== RULES_IN;
    if (is_list && !field_array(at, 1, RULES_OPERANDS_MAX)) {
        return;
    }
    ret->operands = field_alloc(at, (is_list ? jcs_count(at->value) : 1) * sizeof(*ret->operands));
    if (ret->operands == NULL) {
        return;
    }
    if (!is_list) {
        operand_read(at, ret);
        return;
    }
    struct field item = field_walk(at);
    while (field_next(at, &item)) {
        operand_read(&item, ret);
    }
}

/* The one member that says what kind of expression it is. */
static bool operator_find(const struct field *at, struct field *ret, enum rules_operator *ret_op)
{
    size_t found = 0;
    for (size_t i = 0; operator_names[i] != NULL; i++) {
        struct field member = field_member(at, operator_names[i]);
        if (member.value != NULL) {
            *ret = member;
            *ret_op = (enum rules_operator)i;
            found++;
        }
    }
    return found == 1 ||
           field_refuse(at, found == 0 ? "says nothing that could be true or false"
                                       : "says several things at once: use all or any");
}

static void expression_read(struct rules_reading *reading, const struct field *at, size_t depth,
                            struct rules_expression *ret)
{
    static const char *const node_names[] = {"all", "any", "not", NULL};
    static const char *const leaf_names[] = {"claim",       "auditor", "exists",   "equals",
                                             "notEquals",   "in",      "lessThan", "atMost",
                                             "greaterThan", "atLeast", NULL};
    struct field member;
    if (depth > RULES_DEPTH_MAX || reading->nodes_left == 0) {
        field_refuse(at,
                     depth > RULES_DEPTH_MAX ? "lies deeper than %d expressions"
                                             : "is more than %d expressions",
                     depth > RULES_DEPTH_MAX ? RULES_DEPTH_MAX : RULES_NODES_MAX);
        return;
    }
    reading->nodes_left--;
    if (!field_object(at, NULL) || !operator_find(at, &member, &ret->operator)) {
        return;
    }
    if (ret->operator<= RULES_NOT) {
        field_object(at, node_names);
        children_read(reading, &member, depth, ret);
        return;
    }
    struct field claim = field_member(at, "claim");
    struct field auditor = field_member(at, "auditor");
    field_object(at, leaf_names);
    field_required(&claim);
    field_name(&claim, CLAIMS_NAME_BYTES_MAX, &ret->claim);
    field_name(&auditor, CLAIMS_ID_BYTES_MAX, &ret->auditor);
    operands_read(&member, ret);
}

/* --- rules ------------------------------------------------------------------------------------ */

static void action_read(const struct field *at, struct rules_rule *ret)
{
    static const char *const names[] = {"warn", "redact", "deny", NULL};
    size_t chosen = 2;
    field_choice(at, names, &chosen);
    ret->action = (enum claims_decision)(CLAIMS_WARN + chosen);
}

static void condition_read(struct rules_reading *reading, const struct field *at,
                           struct rules_rule *ret)
{
    struct field bare = field_member(at, "condition");
    struct field deny = field_member(at, "deny_when");
    struct field require = field_member(at, "require");
    if (bare.value != NULL) {
        field_refuse(&bare, "does not say whether it is to hold or not: write deny_when or "
                            "require");
    } else if ((deny.value == NULL) == (require.value == NULL)) {
        field_refuse(at, "needs one of deny_when and require");
    } else {
        ret->require = require.value != NULL;
        expression_read(reading, ret->require ? &require : &deny, 1, &ret->expression);
    }
}

static void rule_read(struct rules_reading *reading, const struct field *at, struct rules *ret)
{
    static const char *const names[] = {"id",        "description", "phase",
                                        "deny_when", "require",     "action",
                                        "message",   "condition",   NULL};
    struct rules_rule *rule = &ret->rules[ret->rule_count];
    struct field id = field_member(at, "id");
    struct field description = field_member(at, "description");
    struct field phase = field_member(at, "phase");
    struct field action = field_member(at, "action");
    struct field message = field_member(at, "message");
    struct lucid_span text = {.data = NULL};
    field_object(at, names);
    field_required(&id);
    field_name(&id, CLAIMS_ID_BYTES_MAX, &rule->id);
    for (size_t i = 0; i < ret->rule_count; i++) {
        if (lucid_span_equal(ret->rules[i].id, rule->id)) {
            field_refuse(&id, "another rule has this id");
        }
    }
    field_text(&description, 0, TEXT_BYTES_MAX, &text);
    phase_read(&phase, &rule->has_phase, &rule->phase);
    action_read(&action, rule);
    field_text(&message, 0, RULES_MESSAGE_BYTES_MAX, &rule->message);
    if (at->reading->error == LUCID_OK) {
        condition_read(reading, at, rule);
    }
    ret->rule_count++;
}

static void rule_list_read(const struct field *at, struct rules *ret)
{
    struct rules_reading reading = {.nodes_left = RULES_NODES_MAX};
    ret->rules = list_alloc(at, POLICY_RULES_MAX, sizeof(*ret->rules));
    struct field item = field_walk(at);
    while (ret->rules != NULL && field_next(at, &item)) {
        rule_read(&reading, &item, ret);
    }
}

/* --- auditors, required claims ---------------------------------------------------------------- */

static void auditor_read(const struct field *at, struct rules *ret)
{
    static const char *const names[] = {"id", "publicKey", "digest", NULL};
    struct rules_auditor *auditor = &ret->auditors[ret->auditor_count];
    struct field id = field_member(at, "id");
    struct field key = field_member(at, "publicKey");
    struct field digest = field_member(at, "digest");
    field_object(at, names);
    field_required(&id);
    field_name(&id, CLAIMS_ID_BYTES_MAX, &auditor->id);
    field_required(&key);
    field_base64(&key, DOCUMENT_KEY_BYTES, auditor->key);
    field_digest(&digest, auditor->digest);
    auditor->has_digest = digest.value != NULL;
    for (size_t i = 0; i < ret->auditor_count; i++) {
        const struct rules_auditor *other = &ret->auditors[i];
        if (lucid_span_equal(other->id, auditor->id) &&
            memcmp(other->key, auditor->key, sizeof(auditor->key)) == 0) {
            field_refuse(at, "this auditor is named already with this key");
        }
    }
    ret->auditor_count++;
}

static void required_read(const struct field *at, struct rules *ret)
{
    static const char *const names[] = {"name", "type", "phase", "auditor", "minConfidence", NULL};
    struct rules_required *required = &ret->required[ret->required_count];
    struct field name = field_member(at, "name");
    struct field type = field_member(at, "type");
    struct field phase = field_member(at, "phase");
    struct field auditor = field_member(at, "auditor");
    struct field confidence = field_member(at, "minConfidence");
    size_t chosen = 0;
    field_object(at, names);
    field_required(&name);
    field_name(&name, CLAIMS_NAME_BYTES_MAX, &required->name);
    if (type.value != NULL && field_choice(&type, claims_type_names, &chosen)) {
        required->type = claims_type_names[chosen];
    }
    phase_read(&phase, &required->has_phase, &required->phase);
    field_name(&auditor, CLAIMS_ID_BYTES_MAX, &required->auditor);
    claims_confidence_read(&confidence, &required->confidence_min);
    ret->required_count++;
}

void rules_read(const struct field *document, const struct rules **ret)
{
    struct field auditors = field_member(document, "auditors");
    struct field required = field_member(document, "requiredClaims");
    struct field rules = field_member(document, "rules");
    struct field age = field_member(document, "claimsMaxAgeSeconds");
    if (auditors.value == NULL && required.value == NULL && rules.value == NULL &&
        age.value == NULL) {
        return;
    }
    struct rules *all = field_alloc(document, sizeof(*all));
    if (all == NULL) {
        return;
    }
    all->max_age_s = RULES_MAX_AGE_S;
    field_uint(&age, 1, AGE_SECONDS_MAX, &all->max_age_s);
    all->auditors = list_alloc(&auditors, POLICY_AUDITORS_MAX, sizeof(*all->auditors));
    struct field item = field_walk(&auditors);
    while (all->auditors != NULL && field_next(&auditors, &item)) {
        auditor_read(&item, all);
    }
    all->required = list_alloc(&required, POLICY_REQUIRED_MAX, sizeof(*all->required));
    item = field_walk(&required);
    while (all->required != NULL && field_next(&required, &item)) {
        required_read(&item, all);
    }
    rule_list_read(&rules, all);
    *ret = all;
}

/* What is said of an appraisal of claims: steps, record. */
#include <stdio.h>

#include "base/assert.h"
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/rules_internal.h"

void rules_name_write(size_t index, char ret[APPRAISAL_NAME_BYTES_MAX + 1])
{
    (void)snprintf(ret, APPRAISAL_NAME_BYTES_MAX + 1, "claims%zu", index);
}

/* Before an element of a list. */
static void comma(struct lucid_buf *out, size_t index)
{
    lucid_buf_str(out, index == 0 ? "{" : ",{");
}

static void step_write(const struct appraisal_result *result, unsigned step, struct lucid_buf *out)
{
    lucid_json_member_cstr(out, "step", appraisal_step_name((enum appraisal_step)step));
    lucid_json_member_cstr(out, "outcome", appraisal_outcome_name(result->outcome));
    lucid_json_member_cstr(out, "code", result->code);
    if (result->detail[0] != '\0') {
        lucid_json_member_cstr(out, "detail", result->detail);
    }
}

void rules_steps_write(const struct rules_appraisal *appraisal, struct lucid_buf *out)
{
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < appraisal->submod_count; i++) {
        for (unsigned step = 0; step < APPRAISAL_STEPS; step++) {
            char name[APPRAISAL_NAME_BYTES_MAX + 1];
            rules_name_write(i, name);
            comma(out, i + step);
            lucid_json_member_cstr(out, "evidence", name);
            lucid_json_member_cstr(out, "type", "claims");
            step_write(&appraisal->submods[i].steps[step], step, out);
            lucid_buf_char(out, '}');
        }
    }
    lucid_buf_char(out, ']');
}

void rules_submod_steps_write(const struct rules_submod *submod, struct lucid_buf *out)
{
    lucid_buf_char(out, '[');
    for (unsigned step = 0; step < APPRAISAL_STEPS; step++) {
        comma(out, step);
        step_write(&submod->steps[step], step, out);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
}

/* --- the record ------------------------------------------------------------------------------- */

static void document_write(const struct rules_submod *submod, struct lucid_buf *out)
{
    const struct claims_document *document = &submod->document;
    canonical_digest(out, "document", document->id);
    lucid_json_member_str(out, "auditor", document->auditor);
    lucid_json_member_hex(out, "key", document->key, sizeof(document->key));
    lucid_json_member_cstr(out, "phase", claims_phase_name(document->phase));
    lucid_json_member_cstr(out, "decision", claims_decision_name(document->decision));
    lucid_json_member_cstr(out, "status", appraisal_tier_name(submod->status));
    lucid_json_member_u64(out, "issuedAt", document->issued_ms / 1000);
    if (document->trace_id.len != 0) {
        lucid_json_member_str(out, "traceId", document->trace_id);
    }
    if (document->session_id.len != 0) {
        lucid_json_member_str(out, "sessionId", document->session_id);
    }
    lucid_json_member_bool(out, "bound", submod->bound);
    lucid_json_member(out, "vector");
    appraisal_vector_write(submod->vector, out);
    lucid_json_member(out, "steps");
    rules_submod_steps_write(submod, out);
}

void rules_claim_write(const struct rules *rules, const struct rules_claim *claim,
                       struct lucid_buf *out)
{
    lucid_json_member_str(out, "name", claim->claim->name);
    lucid_json_member_cstr(out, "status", appraisal_tier_name(claim->status));
    canonical_open(out, "rules", '[');
    bool first = true;
    for (size_t r = 0; r < rules->rule_count; r++) {
        if ((claim->rules >> r & 1) != 0) {
            if (!first) {
                lucid_buf_char(out, ',');
            }
            lucid_json_string(out, rules->rules[r].id);
            first = false;
        }
    }
    lucid_buf_char(out, ']');
}

static void verdict_write(const struct rules_verdict *verdict, struct lucid_buf *out)
{
    lucid_json_member_cstr(out, "outcome", rules_outcome_name(verdict->outcome));
    if (verdict->reason != NULL) {
        lucid_json_member_cstr(out, "reason", verdict->reason);
    }
    if (verdict->claim.len != 0) {
        lucid_json_member_str(out, "claim", verdict->claim);
    }
}

static void rule_write(const struct rules_rule *rule, const struct rules_verdict *verdict,
                       struct lucid_buf *out)
{
    lucid_json_member_str(out, "id", rule->id);
    verdict_write(verdict, out);
    if (verdict->outcome == RULES_TRIGGERED || verdict->outcome == RULES_ERROR) {
        lucid_json_member_cstr(out, "action", claims_decision_name(rule->action));
        if (rule->message.len != 0) {
            lucid_json_member_str(out, "message", rule->message);
        }
    }
}

void rules_verdicts_write(const struct rules_input *input, const struct rules_appraisal *appraisal,
                          struct lucid_buf *out)
{
    const struct rules *rules = input->policy->rules;
    canonical_open(out, "rules", '[');
    for (size_t i = 0; i < rules->rule_count; i++) {
        comma(out, i);
        rule_write(&rules->rules[i], &appraisal->rules[i], out);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
    canonical_open(out, "required", '[');
    for (size_t i = 0; i < rules->required_count; i++) {
        comma(out, i);
        lucid_json_member_str(out, "name", rules->required[i].name);
        verdict_write(&appraisal->required[i], out);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
}

static void lists_write(const struct rules_input *input, const struct rules_appraisal *appraisal,
                        struct lucid_buf *out)
{
    canonical_open(out, "documents", '[');
    for (size_t i = 0; i < appraisal->submod_count; i++) {
        comma(out, i);
        document_write(&appraisal->submods[i], out);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
    canonical_open(out, "claims", '[');
    size_t document = 0;
    for (size_t i = 0; i < appraisal->claim_count; i++) {
        while (&appraisal->submods[document].document != appraisal->claims[i].document) {
            document++; /* they stand in the order of the documents */
        }
        comma(out, i);
        lucid_json_member_u64(out, "document", document);
        rules_claim_write(input->policy->rules, &appraisal->claims[i], out);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
    rules_verdicts_write(input, appraisal, out);
}

static void head_put(const struct rules_input *input, struct lucid_buf *out)
{
    lucid_json_member_u64(out, "received",
                          input->received_s != 0 ? input->received_s : input->time_s);
    lucid_json_member_u64(out, "lifetime", input->lifetime_s);
    lucid_json_member_str(out, "issuer", input->issuer);
    canonical_open(out, "verifier", '{');
    lucid_json_member_str(out, "developer", input->developer);
    lucid_json_member_str(out, "build", input->build);
    lucid_buf_char(out, '}');
    lucid_json_member_bool(out, "test", input->test);
}

static void record_put(const struct rules_input *input, const struct rules_appraisal *appraisal,
                       struct lucid_span ear, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "type", "attestation.claims");
    lucid_json_member_u64(out, "version", 1);
    lucid_json_member_u64(out, "rulesVersion", APPRAISAL_RULES_VERSION);
    lucid_json_member_u64(out, "time", input->time_s);
    head_put(input, out);
    lucid_json_member_bool(out, "mock", appraisal->has_hardware && appraisal->hardware.is_mock);
    canonical_digest(out, "policy", input->policy->id);
    if (appraisal->has_hardware) {
        canonical_open(out, "hardware", '{');
        canonical_digest(out, "record", appraisal->hardware.id);
        canonical_digest(out, "runtimeData", appraisal->hardware.runtime_data);
        lucid_buf_char(out, '}');
    }
    if (input->nonce.len != 0) {
        lucid_json_member_str(out, "nonce", input->nonce);
    }
    lucid_json_member_cstr(out, "status", appraisal_tier_name(appraisal->status));
    lucid_json_member_cstr(out, "decision", claims_decision_name(appraisal->decision));
    lists_write(input, appraisal, out);
    canonical_digest_of(out, "result", appraisal->result);
    canonical_digest_of(out, "ear", ear);
    lucid_buf_char(out, '}');
}

enum lucid_error rules_record_write(const struct rules_input *input,
                                    const struct rules_appraisal *appraisal, struct lucid_span ear,
                                    struct lucid_arena *arena, struct lucid_span *ret,
                                    struct lucid_why *why)
{
    lucid_assert(appraisal->appraised && input->policy->rules != NULL);
    const struct jcs_limits limits = {.depth_max = 8, .values_max = 1U << 16};
    const struct jcs_value *root = NULL;
    struct lucid_buf out;
    lucid_buf_init(&out, 0);
    record_put(input, appraisal, ear, &out);
    struct lucid_span record = {.data = NULL};
    enum lucid_error error = lucid_buf_ok(&out)
                                 ? jcs_parse(lucid_buf_span(&out), &limits, arena, &root, why)
                                 : LUCID_RETRY_MEMORY;
    if (error == LUCID_OK) {
        struct lucid_buf canonical;
        lucid_buf_init(&canonical, 0);
        jcs_write(root, &canonical);
        if (lucid_buf_ok(&canonical)) {
            record = lucid_arena_copy(arena, lucid_buf_span(&canonical));
        }
        lucid_buf_fini(&canonical);
        error = record.data == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
    }
    lucid_buf_fini(&out);
    if (error == LUCID_OK && record.len > RECORD_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "BODY_TOO_LARGE", "documents",
                            "what is to be recorded has more than %zu bytes", RECORD_BYTES_MAX);
    }
    if (error == LUCID_OK) {
        *ret = record;
    }
    return error;
}

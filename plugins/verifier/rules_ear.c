/* The attestation result of auditors' claims: the form is that of hardware (ear.c). */
#include "base/assert.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/ear.h"
#include "plugins/verifier/rules_internal.h"

/* What the auditor says of itself and of what it looked at. The values of its claims stay in its
 * document, which is named by digest: they may be long, and speak of persons. */
static void auditor_write(const struct claims_document *document, struct lucid_buf *out)
{
    static const char *const hashes[] = {"receiptHash", "requestHash", "responseHash"};
    canonical_open(out, "ear_attester_claims", '{');
    canonical_open(out, "lucid.auditor", '{');
    lucid_json_member_str(out, "id", document->auditor);
    lucid_json_member_hex(out, "key", document->key, sizeof(document->key));
    if (document->has_digest) {
        canonical_digest(out, "digest", document->digest);
    }
    lucid_json_member_cstr(out, "phase", claims_phase_name(document->phase));
    lucid_json_member_cstr(out, "decision", claims_decision_name(document->decision));
    lucid_json_member_u64(out, "issuedAt", document->issued_ms / 1000);
    if (document->trace_id.len != 0) {
        lucid_json_member_str(out, "traceId", document->trace_id);
    }
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        if (document->hashes[i].len != 0) {
            lucid_json_member_hex(out, hashes[i], document->hashes[i].data,
                                  document->hashes[i].len);
        }
    }
    lucid_buf_str(out, "}}");
}

static void claims_write(const struct rules_input *input, const struct rules_appraisal *appraisal,
                         const struct rules_submod *submod, struct lucid_buf *out)
{
    bool first = true;
    canonical_open(out, "lucid.claims", '[');
    for (size_t i = 0; i < appraisal->claim_count; i++) {
        if (appraisal->claims[i].document == &submod->document) {
            lucid_buf_str(out, first ? "{" : ",{");
            rules_claim_write(input->policy->rules, &appraisal->claims[i], out);
            lucid_buf_char(out, '}');
            first = false;
        }
    }
    lucid_buf_char(out, ']');
}

static void submod_write(const struct rules_input *input, const struct rules_appraisal *appraisal,
                         size_t index, struct lucid_buf *out)
{
    const struct rules_submod *submod = &appraisal->submods[index];
    char name[APPRAISAL_NAME_BYTES_MAX + 1];
    rules_name_write(index, name);
    canonical_open(out, name, '{');
    lucid_json_member_cstr(out, "ear_status", appraisal_tier_name(submod->status));
    lucid_json_member(out, "ear_trustworthiness_vector");
    appraisal_vector_write(submod->vector, out);
    canonical_open(out, "ear_appraisal_policy_ids", '[');
    canonical_digest_put(out, input->policy->id);
    lucid_buf_char(out, ']');
    if (input->nonce.len != 0) {
        lucid_json_member_str(out, "eat_nonce", input->nonce);
    }
    auditor_write(&submod->document, out);
    canonical_open(out, "ear_verifier_claims", '{');
    canonical_open(out, "lucid.evidence", '{');
    lucid_json_member_cstr(out, "type", "claims");
    lucid_json_member_cstr(out, "mediaType", "application/json");
    lucid_json_member_bool(out, "is_mock", false);
    canonical_digest(out, "digest", submod->document.id);
    lucid_buf_char(out, '}');
    lucid_json_member_bool(out, "lucid.bound", submod->bound);
    claims_write(input, appraisal, submod, out);
    lucid_json_member(out, "lucid.steps");
    rules_submod_steps_write(submod, out);
    lucid_buf_str(out, "}}");
}

static void names_write(const struct rules_appraisal *appraisal, bool bound, const char *list,
                        struct lucid_buf *out)
{
    bool first = true;
    canonical_open(out, list, '[');
    for (size_t i = 0; i < appraisal->submod_count; i++) {
        if (appraisal->submods[i].bound == bound) {
            lucid_buf_printf(out, first ? "\"claims%zu\"" : ",\"claims%zu\"", i);
            first = false;
        }
    }
    lucid_buf_char(out, ']');
}

/* Which auditors an appraised environment names by id and image; the others only say who they are.
 * Nothing shows that the key that signed is held there. */
static void binding_write(const struct rules_appraisal *appraisal, struct lucid_buf *out)
{
    canonical_open(out, "binding", '{');
    if (appraisal->has_hardware) {
        const struct rules_hardware *hardware = &appraisal->hardware;
        canonical_open(out, "hardware", '{');
        canonical_digest(out, "appraisal", hardware->id);
        canonical_digest(out, "runtimeData", hardware->runtime_data);
        lucid_json_member_cstr(out, "status", appraisal_tier_name(hardware->status));
        lucid_json_member_bool(out, "is_mock", hardware->is_mock);
        lucid_json_member_bool(out, "test", hardware->test);
        lucid_buf_char(out, '}');
    }
    names_write(appraisal, true, "boundByHardware", out);
    names_write(appraisal, false, "declared", out);
    lucid_json_member_cstr(out, "coLocation", "not shown");
    lucid_buf_char(out, '}');
}

static void own_claims_write(const struct rules_input *input,
                             const struct rules_appraisal *appraisal, struct lucid_buf *out)
{
    canonical_open(out, "lucid.appraisal", '{');
    lucid_json_member_u64(out, "rulesVersion", APPRAISAL_RULES_VERSION);
    lucid_json_member_str(out, "issuer", input->issuer);
    lucid_json_member_u64(out, "time", input->time_s);
    lucid_json_member_bool(out, "is_mock", appraisal->has_hardware && appraisal->hardware.is_mock);
    lucid_json_member_bool(out, "test", input->test);
    lucid_json_member_cstr(out, "decision", claims_decision_name(appraisal->decision));
    rules_verdicts_write(input, appraisal, out);
    binding_write(appraisal, out);
    lucid_buf_char(out, '}');
}

static void result_write(const struct rules_input *input, const struct rules_appraisal *appraisal,
                         struct lucid_buf *out)
{
    const struct ear_head head = {
        .iat_s = input->received_s != 0 ? input->received_s : input->time_s,
        .lifetime_s = input->lifetime_s,
        .developer = input->developer,
        .build = input->build,
        .status = appraisal->status,
    };
    ear_head_write(&head, out);
    own_claims_write(input, appraisal, out);
    canonical_open(out, "submods", '{');
    for (size_t i = 0; i < appraisal->submod_count; i++) {
        submod_write(input, appraisal, i, out);
    }
    lucid_buf_str(out, "}}");
}

enum lucid_error rules_ear_write(const struct rules_input *input, struct lucid_arena *arena,
                                 struct rules_appraisal *ret, struct lucid_why *why)
{
    struct lucid_buf out = {0};
    lucid_assert(ret->appraised && input->policy->rules != NULL);
    result_write(input, ret, &out);
    return ear_finish(&out, "INVALID_CLAIMS", "documents", arena, &ret->result, why);
}

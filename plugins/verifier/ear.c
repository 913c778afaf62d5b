/* The claims of an appraisal, written. */
#include "plugins/verifier/ear.h"

#include "base/assert.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/freshness.h"

#define RESULT_BYTES_MAX (EAR_TOKEN_BYTES_MAX / 4 * 3 - 512) /* room for header and signature */

/* What the verifier, not the attester, says of one evidence. The evidence is named by digest: it is
 * kept in the log, is larger than a header may be, and names a machine. */
static void verifier_claims_write(const struct appraisal_submod *submod, bool steps,
                                  struct lucid_buf *out)
{
    canonical_open(out, "ear_verifier_claims", '{');
    canonical_open(out, "lucid.evidence", '{');
    lucid_json_member_cstr(out, "type", submod->scheme->type);
    lucid_json_member_cstr(out, "mediaType", submod->scheme->media_type);
    lucid_json_member_cstr(out, "tee", submod->scheme->tee);
    lucid_json_member_bool(out, "is_mock", submod->scheme->is_mock);
    canonical_digest_of(out, "digest", submod->evidence->bytes);
    lucid_buf_char(out, '}');
    lucid_json_member_bool(out, "lucid.bound", submod->bound);
    if (steps) {
        lucid_json_member(out, "lucid.steps");
        appraisal_submod_steps_write(submod, out);
    }
    lucid_buf_char(out, '}');
}

static void submod_write(const struct appraisal_input *input, const struct appraisal *appraisal,
                         const struct appraisal_submod *submod, bool steps, struct lucid_buf *out)
{
    const struct freshness_runtime *runtime = appraisal->runtime;
    canonical_open(out, submod->name, '{');
    lucid_json_member_cstr(out, "ear_status", appraisal_tier_name(submod->status));
    lucid_json_member(out, "ear_trustworthiness_vector");
    appraisal_vector_write(submod->vector, out);
    canonical_open(out, "ear_appraisal_policy_ids", '[');
    canonical_digest_put(out, input->policy->id);
    lucid_buf_char(out, ']');
    /* Only what the evidence vouches for: one that binds other data says nothing of our nonce, nor
     * of the key. */
    if (submod->bound) {
        canonical_base64url(out, "eat_nonce", lucid_span(runtime->nonce, sizeof(runtime->nonce)));
        canonical_open(out, "ear_veraison_key_attestation", '{');
        canonical_base64url(out, "akpub", lucid_span(runtime->spki, runtime->spki_len));
        lucid_buf_char(out, '}');
    }
    lucid_json_member(out, "ear_attester_claims");
    submod->scheme->claims_write(submod->job, out);
    verifier_claims_write(submod, steps, out);
    lucid_buf_char(out, '}');
}

static void names_write(const struct appraisal *appraisal, bool bound, const char *name,
                        struct lucid_buf *out)
{
    bool first = true;
    canonical_open(out, name, '[');
    for (size_t i = 0; i < appraisal->submod_count; i++) {
        if (appraisal->submods[i].bound == bound) {
            lucid_buf_str(out, first ? "\"" : ",\"");
            lucid_buf_str(out, appraisal->submods[i].name);
            lucid_buf_char(out, '"');
            first = false;
        }
    }
    lucid_buf_char(out, ']');
}

/* Which submods answered this very challenge; that says nothing of one machine. */
static void binding_write(const struct appraisal_input *input, const struct appraisal *appraisal,
                          struct lucid_buf *out)
{
    const struct freshness_runtime *runtime = appraisal->runtime;
    canonical_open(out, "binding", '{');
    canonical_digest_of(out, "runtimeData", input->runtime_data);
    lucid_json_member_hex(out, "sha384", runtime->sha384, sizeof(runtime->sha384));
    names_write(appraisal, true, "sameChallenge", out);
    names_write(appraisal, false, "otherData", out);
    lucid_json_member_cstr(out, "coLocation", "not shown");
    lucid_json_member(out, "publicKey");
    jcs_write(runtime->public_key, out);
    if (runtime->workload != NULL) {
        lucid_json_member(out, "workload");
        jcs_write(runtime->workload, out);
    }
    lucid_buf_char(out, '}');
}

static void own_claims_write(const struct appraisal_input *input, const struct appraisal *appraisal,
                             struct lucid_buf *out)
{
    canonical_open(out, "lucid.appraisal", '{');
    lucid_json_member_u64(out, "rulesVersion", APPRAISAL_RULES_VERSION);
    lucid_json_member_str(out, "issuer", input->issuer);
    lucid_json_member_u64(out, "time", input->time_s);
    lucid_json_member_bool(out, "is_mock", appraisal->is_mock);
    lucid_json_member_bool(out, "test", input->test);
    canonical_open(out, "session", '{');
    lucid_json_member_str(out, "sessionId", input->challenge.session_id);
    lucid_json_member_str(out, "audience", input->challenge.audience);
    canonical_base64url(out, "nonce",
                        lucid_span(input->challenge.nonce, sizeof(input->challenge.nonce)));
    lucid_buf_char(out, '}');
    binding_write(input, appraisal, out);
    lucid_buf_char(out, '}');
}

void ear_head_write(const struct ear_head *head, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "eat_profile", EAR_PROFILE);
    lucid_json_member_u64(out, "iat", head->iat_s);
    lucid_json_member_u64(out, "exp", head->iat_s + head->lifetime_s);
    canonical_open(out, "ear_verifier_id", '{');
    lucid_json_member_str(out, "developer", head->developer);
    lucid_json_member_str(out, "build", head->build);
    lucid_buf_char(out, '}');
    lucid_json_member_cstr(out, "ear_status", appraisal_tier_name(head->status));
}

enum lucid_error ear_finish(struct lucid_buf *out, const char *code, const char *param,
                            struct lucid_arena *arena, struct lucid_span *ret,
                            struct lucid_why *why)
{
    enum lucid_error e = LUCID_RETRY_MEMORY;
    if (lucid_buf_ok(out) && out->len > RESULT_BYTES_MAX) {
        e = lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, code, param,
                         "the attestation result would be longer than %zu bytes", RESULT_BYTES_MAX);
    } else if (lucid_buf_ok(out)) {
        e = canonical_form(lucid_buf_span(out), arena, ret, why);
    }
    lucid_buf_fini(out);
    return e;
}

static void claims_write(const struct appraisal_input *input, const struct appraisal *appraisal,
                         bool steps, struct lucid_buf *out)
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
        submod_write(input, appraisal, &appraisal->submods[i], steps, out);
    }
    lucid_buf_str(out, "}}");
}

enum lucid_error ear_claims_write(const struct appraisal_input *input,
                                  const struct appraisal *appraisal, struct lucid_arena *arena,
                                  struct lucid_span *ret, struct lucid_why *why)
{
    struct lucid_buf out = {0};
    lucid_assert(appraisal->appraised);
    claims_write(input, appraisal, true, &out);
    /* Sixteen evidences say more than a token may: then the record alone has the steps. */
    if (lucid_buf_ok(&out) && out.len > RESULT_BYTES_MAX) {
        lucid_buf_clear(&out);
        claims_write(input, appraisal, false, &out);
    }
    return ear_finish(&out, "INVALID_EVIDENCE", "evidences", arena, ret, why);
}

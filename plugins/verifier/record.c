/* The record of an appraisal, written. */
#include "base/assert.h"
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/canonical.h"

static void session_write(const struct appraisal_challenge *challenge, struct lucid_buf *out)
{
    canonical_open(out, "session", '{');
    lucid_json_member_str(out, "sessionId", challenge->session_id);
    canonical_base64url(out, "nonce", lucid_span(challenge->nonce, sizeof(challenge->nonce)));
    lucid_json_member_str(out, "audience", challenge->audience);
    lucid_json_member_u64(out, "issuedAt", challenge->issued_s);
    lucid_json_member_u64(out, "expiresAt", challenge->expires_s);
    lucid_buf_char(out, '}');
}

static void comma(struct lucid_buf *out)
{
    if (out->len > 0 && lucid_buf_ok(out) && out->data[out->len - 1] != '[') {
        lucid_buf_char(out, ',');
    }
}

/* An element of a list of digests. */
static void digest_write(struct lucid_span bytes, struct lucid_buf *out)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(bytes, hash);
    comma(out);
    canonical_digest_put(out, hash);
}

static void evidences_write(const struct appraisal *appraisal, struct lucid_buf *out)
{
    canonical_open(out, "evidences", '[');
    for (size_t i = 0; i < appraisal->submod_count; i++) {
        const struct appraisal_evidence *evidence = appraisal->submods[i].evidence;
        comma(out);
        lucid_buf_char(out, '{');
        lucid_json_member_cstr(out, "name", appraisal->submods[i].name);
        lucid_json_member_str(out, "type", evidence->type);
        canonical_digest_of(out, "evidence", evidence->bytes);
        canonical_open(out, "endorsements", '[');
        for (size_t j = 0; j < evidence->endorsement_count; j++) {
            digest_write(evidence->endorsements[j], out);
        }
        lucid_buf_char(out, ']');
        if (evidence->event_log.len > 0) {
            canonical_digest_of(out, "eventLog", evidence->event_log);
        }
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
}

static void material_write(const struct appraisal_input *input, struct lucid_buf *out)
{
    canonical_open(out, "collateral", '[');
    for (size_t i = 0; i < input->collateral_count; i++) {
        const struct appraisal_collateral *item = &input->collateral[i];
        comma(out);
        lucid_buf_char(out, '{');
        lucid_json_member_str(out, "key", item->key);
        canonical_digest_of(out, "digest", item->bytes);
        lucid_json_member_u64(out, "importedAt", item->imported_s);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
    canonical_digest_of(out, "policy", input->policy_bytes);
    canonical_open(out, "references", '[');
    for (size_t i = 0; i < input->reference_count; i++) {
        digest_write(input->reference_bytes[i], out);
    }
    lucid_buf_char(out, ']');
}

static void submods_write(const struct appraisal *appraisal, struct lucid_buf *out)
{
    canonical_open(out, "submods", '{');
    for (size_t i = 0; i < appraisal->submod_count; i++) {
        const struct appraisal_submod *submod = &appraisal->submods[i];
        canonical_open(out, submod->name, '{');
        lucid_json_member_cstr(out, "status", appraisal_tier_name(submod->status));
        lucid_json_member(out, "vector");
        appraisal_vector_write(submod->vector, out);
        lucid_json_member(out, "steps");
        appraisal_submod_steps_write(submod, out);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, '}');
}

static void members_write(const struct appraisal_input *input, const struct appraisal *appraisal,
                          struct lucid_span ear, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "type", "attestation.appraisal");
    lucid_json_member_u64(out, "version", RECORD_VERSION);
    lucid_json_member_u64(out, "rulesVersion", APPRAISAL_RULES_VERSION);
    lucid_json_member_u64(out, "time", input->time_s);
    lucid_json_member_u64(out, "received",
                          input->received_s != 0 ? input->received_s : input->time_s);
    lucid_json_member_u64(out, "lifetime", input->lifetime_s);
    lucid_json_member_str(out, "issuer", input->issuer);
    canonical_open(out, "verifier", '{');
    lucid_json_member_str(out, "developer", input->developer);
    lucid_json_member_str(out, "build", input->build);
    lucid_buf_char(out, '}');
    session_write(&input->challenge, out);
    canonical_digest_of(out, "runtimeData", input->runtime_data);
    evidences_write(appraisal, out);
    material_write(input, out);
    lucid_json_member_bool(out, "allowMock", input->allow_mock);
    lucid_json_member_bool(out, "mock", appraisal->is_mock);
    lucid_json_member_bool(out, "test", input->test);
    if (input->has_test_bound_data) {
        lucid_json_member_hex(out, "testBoundData", input->test_bound_data, input->test_bound_len);
    }
    lucid_json_member_cstr(out, "status", appraisal_tier_name(appraisal->status));
    submods_write(appraisal, out);
    canonical_digest_of(out, "claims", appraisal->claims);
    canonical_digest_of(out, "ear", ear);
    lucid_buf_char(out, '}');
}

enum lucid_error record_write(const struct appraisal_input *input,
                              const struct appraisal *appraisal, struct lucid_span ear,
                              struct lucid_arena *arena, struct lucid_span *ret)
{
    struct lucid_buf out = {0};
    struct lucid_span form = {NULL, 0};
    lucid_assert(appraisal->appraised);
    members_write(input, appraisal, ear, &out);
    enum lucid_error e = LUCID_RETRY_MEMORY;
    if (lucid_buf_ok(&out)) {
        e = canonical_form(lucid_buf_span(&out), arena, &form, NULL);
    }
    lucid_buf_fini(&out);
    if (e == LUCID_OK && form.len > RECORD_BYTES_MAX) {
        e = LUCID_REFUSE_TOO_LARGE;
    }
    if (e == LUCID_OK) {
        *ret = form;
    }
    return e;
}

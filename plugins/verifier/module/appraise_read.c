/* The body of POST /v1/attestation/appraise. */
#include <stdio.h>

#include "plugins/verifier/challenge.h"
#include "plugins/verifier/freshness.h"
#include "plugins/verifier/module/appraise.h"
#include "plugins/verifier/scheme.h"

static enum lucid_error invalid(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", param, "%s", text);
}

/* --- one evidence ----------------------------------------------------------------------------- */

/* Base64 of the bytes. What is none is the evidence itself: a compact JWS, which has points, an
 * agent's JSON, which begins with a brace; anything else fails at parse, as evidence does, and not
 * as a request. */
static enum lucid_error bytes_read(struct ask *ask, const struct jcs_value *object,
                                   const char *where, struct lucid_span *ret, struct lucid_why *why)
{
    char param[64];
    const struct jcs_value *value = jcs_member(object, "evidence");
    (void)snprintf(param, sizeof(param), "%sevidence", where);
    if (value == NULL || jcs_type(value) != JCS_STRING) {
        return invalid(why, param, "it must be base64, or a compact JWS");
    }
    struct lucid_span text = jcs_string(value);
    size_t len = 0;
    uint8_t *bytes = text.len <= lucid_base64_len(APPRAISAL_EVIDENCE_BYTES_MAX)
                         ? ask->host->call_alloc(ask->call, text.len + 1)
                         : NULL;
    if (bytes != NULL && !lucid_base64_decode(text, bytes, text.len, &len)) {
        len = text.len;
        memcpy(bytes, text.len > 0 ? text.data : (const uint8_t *)"", len);
    }
    if (bytes == NULL && text.len <= lucid_base64_len(APPRAISAL_EVIDENCE_BYTES_MAX)) {
        return LUCID_RETRY_MEMORY;
    }
    if (bytes == NULL || len > APPRAISAL_EVIDENCE_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_REQUEST", param,
                            "it must have at most %zu bytes", APPRAISAL_EVIDENCE_BYTES_MAX);
    }
    *ret = lucid_span(bytes, len);
    return LUCID_OK;
}

/* A list of certificates or of revocation lists, each of at most max bytes; one alone may stand as
 * text. */
static enum lucid_error items_read(struct ask *ask, const struct jcs_value *object,
                                   const char *where, const char *name, size_t max,
                                   struct lucid_span ret[APPRAISAL_CHAIN_MAX], size_t *ret_count,
                                   struct lucid_why *why)
{
    char param[64];
    const struct jcs_value *list = jcs_member(object, name);
    size_t count = 0;
    (void)snprintf(param, sizeof(param), "%s%s", where, name);
    if (list != NULL && jcs_type(list) == JCS_STRING) {
        *ret_count = 1;
        return ask_pem(ask, jcs_string(list), max, param, &ret[0], why);
    }
    if (list != NULL && (jcs_type(list) != JCS_ARRAY || jcs_count(list) > APPRAISAL_CHAIN_MAX)) {
        return invalid(why, param, "it must be a list of at most 8");
    }
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        (void)snprintf(param, sizeof(param), "%s%s[%zu]", where, name, count);
        if (jcs_type(at) != JCS_STRING) {
            return invalid(why, param, "it must be base64 of DER, or PEM text");
        }
        enum lucid_error error = ask_pem(ask, jcs_string(at), max, param, &ret[count], why);
        if (error != LUCID_OK) {
            return error;
        }
        count++;
    }
    *ret_count = count;
    return LUCID_OK;
}

/* What the attester brings of what would else be looked up among what was imported. */
static enum lucid_error collateral_read(struct ask *ask, const struct jcs_value *object,
                                        const char *where, struct appraise *appraise,
                                        struct lucid_why *why)
{
    struct lucid_span items[APPRAISAL_CHAIN_MAX];
    size_t count = 0;
    enum lucid_error error = items_read(ask, object, where, "collateral",
                                        APPRAISAL_COLLATERAL_BYTES_MAX, items, &count, why);
    for (size_t i = 0; error == LUCID_OK && i < count; i++) {
        if (appraise->brought_count == APPRAISAL_COLLATERAL_MAX) {
            char param[64];
            (void)snprintf(param, sizeof(param), "%scollateral[%zu]", where, i);
            return invalid(why, param, "that is more than 64 items in all");
        }
        appraise->brought[appraise->brought_count++] = (struct appraise_brought){
            .bytes = items[i], .evidence = appraise->input.evidence_count, .at = i};
    }
    return error;
}

static enum lucid_error event_log_read(struct ask *ask, const struct jcs_value *object,
                                       const char *where, struct lucid_span *ret,
                                       struct lucid_why *why)
{
    char param[64];
    struct lucid_span text;
    enum lucid_error error = ask_text(object, where, "eventLog", false,
                                      lucid_base64_len(APPRAISAL_EVENT_LOG_BYTES_MAX), &text, why);
    if (error != LUCID_OK || text.len == 0) {
        return error;
    }
    (void)snprintf(param, sizeof(param), "%seventLog", where);
    return ask_base64(ask, text, APPRAISAL_EVENT_LOG_BYTES_MAX, param, ret, why);
}

static enum lucid_error evidence_read(struct ask *ask, const struct jcs_value *object,
                                      struct appraise *appraise, struct lucid_why *why)
{
    static const char *const members[] = {
        "type", "evidence", "endorsements", "collateral", "eventLog", "name", NULL};
    size_t i = appraise->input.evidence_count;
    struct appraisal_evidence *ret = &appraise->input.evidences[i];
    char where[32];
    struct lucid_span name;
    struct lucid_plugin_bytes type;
    (void)snprintf(where, sizeof(where), "evidences[%zu].", i);
    if (jcs_type(object) != JCS_OBJECT) {
        where[strlen(where) - 1] = '\0';
        return invalid(why, where, "it must be an object");
    }
    enum lucid_error error = ask_members_only(object, where, members, why);
    if (error == LUCID_OK) {
        error = ask_text(object, where, "type", true, APPRAISAL_NAME_BYTES_MAX, &ret->type, why);
    }
    if (error == LUCID_OK) {
        const struct scheme *scheme = scheme_named(ret->type);
        ret->type = scheme != NULL ? lucid_span_str(scheme->type) : ret->type;
        error = ask_keep(ask, ret->type, &type);
    }
    if (error == LUCID_OK) {
        ret->type = kit_span(type);
        error = ask_text(object, where, "name", false, APPRAISAL_NAME_BYTES_MAX, &name, why);
    }
    if (error == LUCID_OK && name.len > 0 && memchr(name.data, '\0', name.len) != NULL) {
        char param[64];
        (void)snprintf(param, sizeof(param), "%sname", where);
        return invalid(why, param, "it must not hold control characters");
    }
    if (error == LUCID_OK) {
        memcpy(ret->name, name.len > 0 ? name.data : (const uint8_t *)"", name.len);
        error = bytes_read(ask, object, where, &ret->bytes, why);
    }
    if (error == LUCID_OK) {
        error = items_read(ask, object, where, "endorsements", APPRAISAL_EVIDENCE_BYTES_MAX,
                           ret->endorsements, &ret->endorsement_count, why);
    }
    if (error == LUCID_OK) {
        error = collateral_read(ask, object, where, appraise, why);
    }
    return error == LUCID_OK ? event_log_read(ask, object, where, &ret->event_log, why) : error;
}

static enum lucid_error evidences_read(struct ask *ask, const struct jcs_value *list,
                                       struct appraise *appraise, struct lucid_why *why)
{
    if (list == NULL || jcs_type(list) != JCS_ARRAY || jcs_count(list) == 0 ||
        jcs_count(list) > APPRAISAL_EVIDENCES_MAX) {
        return invalid(why, "evidences", "it must be a list of 1 to 16 evidences");
    }
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        enum lucid_error error = evidence_read(ask, at, appraise, why);
        if (error != LUCID_OK) {
            return error;
        }
        appraise->input.evidence_count++;
    }
    return LUCID_OK;
}

/* --- what is bound ---------------------------------------------------------------------------- */

/* An object is bound by its canonical form, text is base64 of the very bytes. */
static enum lucid_error runtime_read(struct ask *ask, const struct jcs_value *value,
                                     struct lucid_span *ret, struct lucid_why *why)
{
    struct lucid_buf text;
    struct lucid_plugin_bytes kept;
    if (value != NULL && jcs_type(value) == JCS_STRING) {
        return ask_base64(ask, jcs_string(value), APPRAISAL_RUNTIME_BYTES_MAX, "runtimeData", ret,
                          why);
    }
    if (value == NULL || jcs_type(value) != JCS_OBJECT) {
        return invalid(why, "runtimeData", "it must be an object, or base64 of its bytes");
    }
    lucid_buf_init(&text, APPRAISAL_RUNTIME_BYTES_MAX);
    jcs_write(value, &text);
    enum lucid_error error = LUCID_OK;
    if (!lucid_buf_ok(&text)) {
        error = invalid(why, "runtimeData", "it is too large");
    } else {
        error = ask_keep(ask, lucid_buf_span(&text), &kept);
    }
    lucid_buf_fini(&text);
    if (error == LUCID_OK) {
        *ret = kit_span(kept);
    }
    return error;
}

/* The session's challenge for the audience that the runtime data name. */
static enum lucid_error challenge_take(struct ask *ask, const struct jcs_value *body,
                                       struct appraisal_input *ret, struct lucid_why *why)
{
    struct lucid_span session;
    struct lucid_plugin_bytes kept;
    struct freshness_runtime *runtime = lucid_arena_alloc(&ask->arena, sizeof(*runtime));
    if (runtime == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error =
        ask_text(body, "", "sessionId", true, 4 * CHALLENGE_SESSION_BYTES, &session, why);
    if (error == LUCID_OK) {
        error = freshness_read(ret->runtime_data, &ask->arena, runtime, why);
    }
    if (error == LUCID_OK) {
        error = ask_keep(ask, session, &kept);
    }
    return error == LUCID_OK ? challenge_read(verifier_of(ask)->challenge_key, kit_span(kept),
                                              runtime->audience, &ret->challenge, why)
                             : error;
}

/* --- test stores ------------------------------------------------------------------------------ */

static enum lucid_error test_read(const struct ask *ask, const struct jcs_value *body,
                                  struct appraisal_input *ret, struct lucid_why *why)
{
    const struct jcs_value *bound = jcs_member(body, "test_bound_data");
    enum lucid_error error = ask_test_time(ask, body, &ret->time_s, why);
    if (error != LUCID_OK || bound == NULL) {
        return error;
    }
    if (!ask->host->test) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "TEST_ONLY", "test_bound_data",
                            "only a store made by `lucid log init --test` takes it");
    }
    struct lucid_span text =
        jcs_type(bound) == JCS_STRING ? jcs_string(bound) : (struct lucid_span){0};
    if (text.len >= 2 && text.len <= 2 * sizeof(ret->test_bound_data) &&
        lucid_hex_decode(text, ret->test_bound_data, text.len / 2)) {
        ret->test_bound_len = text.len / 2;
    } else if (!lucid_base64_decode(text, ret->test_bound_data, sizeof(ret->test_bound_data),
                                    &ret->test_bound_len) ||
               ret->test_bound_len == 0) {
        return invalid(why, "test_bound_data",
                       "it must be 1 to 64 bytes as lower-case hex, or as base64");
    }
    ret->has_test_bound_data = true;
    return LUCID_OK;
}

enum lucid_error appraise_read(struct ask *ask, struct appraise *appraise,
                               uint8_t ret_policy[LUCID_SHA256_BYTES], struct lucid_why *why)
{
    static const char *const members[] = {"sessionId", "runtimeData",     "evidences", "policyId",
                                          "test_time", "test_bound_data", NULL};
    struct appraisal_input *input = &appraise->input;
    const struct jcs_value *body;
    struct lucid_span policy;
    enum lucid_error error = ask_document(ask, members, &body, why);
    if (error != LUCID_OK) {
        return error;
    }
    input->received_s = ask->now_ms / 1000;
    error = test_read(ask, body, input, why);
    if (error == LUCID_OK) {
        error = ask_text(body, "", "policyId", false, 128, &policy, why);
    }
    if (error == LUCID_OK) {
        appraise_policy_default(verifier_of(ask), ret_policy);
        error = policy.len > 0 ? ask_digest(policy, "policyId", ret_policy, why) : LUCID_OK;
    }
    if (error == LUCID_OK) {
        error = evidences_read(ask, jcs_member(body, "evidences"), appraise, why);
    }
    if (error == LUCID_OK) {
        error = runtime_read(ask, jcs_member(body, "runtimeData"), &input->runtime_data, why);
    }
    return error == LUCID_OK ? challenge_take(ask, body, input, why) : error;
}

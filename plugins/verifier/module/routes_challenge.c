/* POST /v1/attestation/challenge, GET /.well-known/lucid-verifier. */
#include <stdio.h>

#include "base/base64url.h"
#include "plugins/verifier/challenge.h"
#include "plugins/verifier/freshness.h"
#include "plugins/verifier/module/appraise.h"

enum { TYPES_MAX = 16 };

/* The kinds of evidence that the caller can send; NULL: whatever is taken. */
static enum lucid_error types_check(const struct jcs_value *types, struct lucid_why *why)
{
    size_t i = 0;
    if (types == NULL) {
        return LUCID_OK;
    }
    if (jcs_type(types) != JCS_ARRAY || jcs_count(types) > TYPES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", "types",
                            "it must be a list of at most %d kinds of evidence", TYPES_MAX);
    }
    for (const struct jcs_value *at = jcs_next(types, NULL); at != NULL;
         at = jcs_next(types, at), i++) {
        if (jcs_type(at) != JCS_STRING) {
            char param[32];
            (void)snprintf(param, sizeof(param), "types[%zu]", i);
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", param,
                                "it must be a text");
        }
    }
    return LUCID_OK;
}

static bool is_asked(const struct jcs_value *types, const struct scheme *scheme)
{
    for (const struct jcs_value *at = jcs_next(types, NULL); at != NULL; at = jcs_next(types, at)) {
        if (scheme_named(jcs_string(at)) == scheme) {
            return true;
        }
    }
    return false;
}

/* `"types":[…]`: the kinds of evidence that are taken here; of those alone that were named, if any
 * were. */
static void types_write(const struct verifier *verifier, const struct jcs_value *named,
                        struct lucid_buf *out)
{
    bool any = named == NULL || jcs_count(named) == 0;
    bool first = true;
    canonical_open(out, "types", '[');
    for (size_t i = 0; schemes[i] != NULL; i++) {
        const struct scheme *scheme = schemes[i];
        if ((!scheme->is_mock || verifier->allow_mock) && (any || is_asked(named, scheme))) {
            lucid_buf_printf(out, "%s\"%s\"", first ? "" : ",", scheme->type);
            first = false;
        }
    }
    lucid_buf_char(out, ']');
}

static enum lucid_error challenge(struct ask *ask, struct lucid_why *why)
{
    static const char *const members[] = {"audience", "types", NULL};
    const struct jcs_value *body;
    const struct jcs_value *types = NULL;
    struct lucid_span audience;
    enum lucid_error error = ask_document(ask, members, &body, why);
    if (error == LUCID_OK) {
        error = ask_text(body, "", "audience", true, CHALLENGE_AUDIENCE_BYTES_MAX, &audience, why);
    }
    if (error == LUCID_OK && !freshness_audience_ok(audience)) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", "audience",
                             "it must not hold control characters");
    }
    if (error == LUCID_OK) {
        types = jcs_member(body, "types");
        error = types_check(types, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct appraisal_challenge made;
    char session[CHALLENGE_SESSION_BYTES];
    uint8_t random[16];
    ask->host->random(ask->host, random, sizeof(random));
    challenge_make(verifier_of(ask)->challenge_key, random, audience, ask->now_ms / 1000,
                   verifier_of(ask)->challenge_s, session, &made);
    lucid_buf_char(&ask->out, '{');
    lucid_json_member_str(&ask->out, "sessionId", made.session_id);
    lucid_json_member(&ask->out, "nonce");
    lucid_buf_char(&ask->out, '"');
    lucid_base64url_write(&ask->out, lucid_span(made.nonce, sizeof(made.nonce)));
    lucid_buf_char(&ask->out, '"');
    lucid_json_member_cstr(&ask->out, "hash", "sha384");
    types_write(verifier_of(ask), types, &ask->out);
    lucid_json_member_str(&ask->out, "audience", audience);
    lucid_json_member_time(&ask->out, "issuedAt", made.issued_s * 1000);
    lucid_json_member_time(&ask->out, "expiresAt", made.expires_s * 1000);
    lucid_buf_char(&ask->out, '}');
    atomic_fetch_add_explicit(&verifier_of(ask)->counters.challenges, 1, memory_order_relaxed);
    return ask_answer(ask, 200);
}

enum lucid_plugin_result route_challenge(void *self, struct lucid_plugin_call *call,
                                         struct lucid_plugin_why *why)
{
    return ask_run(self, call, challenge, why);
}

/* Whether passports are issued on this log: the plugin that does has a key there. */
static bool issues_passports(struct ask *ask)
{
    uint8_t key[LUCID_PLUGIN_KEY_BYTES];
    uint64_t since;
    uint64_t until;
    return ask_view(ask) == LUCID_OK &&
           ask->host->view_key_of(ask->view, "passport", 0, key, &since, &until) ==
               LUCID_PLUGIN_OK &&
           until == 0;
}

static enum lucid_error about(struct ask *ask, struct lucid_why *why)
{
    const struct verifier *verifier = verifier_of(ask);
    struct lucid_buf *out = &ask->out;
    (void)why;
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "issuer", ask->host->origin);
    lucid_json_member_cstr(out, "log_origin", ask->host->origin);
    lucid_json_member_cstr(out, "jwks_uri", "/.well-known/jwks.json");
    lucid_json_member_cstr(out, "policies_uri", "/v1/attestation/policies");
    lucid_json_member_cstr(out, "challenge_uri", "/v1/attestation/challenge");
    if (issues_passports(ask)) {
        lucid_json_member_cstr(out, "status_uri", "/v1/passports/status");
        lucid_json_member_cstr(out, "passport_schema", "/schemas/passport/v1");
    }
    lucid_json_member_cstr(out, "kid", verifier->kid);
    lucid_json_member(out, "eat_profiles");
    lucid_buf_str(out, verifier->spelling == EAR_DRAFT_04 ? "[\"" EAR_PROFILE "\"]"
                                                          : "[\"" EAR_PROFILE_OLD "\"]");
    types_write(verifier, NULL, out);
    lucid_json_member_str(out, "developer", verifier->developer);
    lucid_json_member_cstr(out, "build", verifier_version);
    uint8_t policy[LUCID_SHA256_BYTES];
    appraise_policy_default(verifier, policy);
    canonical_digest(out, "default_policy", policy);
    lucid_json_member_u64(out, "rules_version", APPRAISAL_RULES_VERSION);
    lucid_json_member_bool(out, "allow_mock", verifier->allow_mock);
    lucid_json_member_bool(out, "test", ask->host->test);
    lucid_buf_char(out, '}');
    return ask_answer(ask, 200);
}

enum lucid_plugin_result route_about(void *self, struct lucid_plugin_call *call,
                                     struct lucid_plugin_why *why)
{
    return ask_run(self, call, about, why);
}

/* POST /v1/attestation/claims, and their list: what software auditors say, appraised by the rules
 * of a policy. One is read as appraisals are (routes_read.c). */
#include <stdio.h>

#include "base/base64url.h"
#include "plugins/verifier/challenge.h"
#include "plugins/verifier/module/appraise.h"
#include "plugins/verifier/record.h"
#include "plugins/verifier/rules.h"

struct claiming {
    struct rules_input input;
    struct lucid_span documents[RULES_DOCUMENTS_MAX];
    struct appraise policy; /* only its policy is used */
    struct rules_appraisal result;
    bool has_nonce;
    uint8_t nonce[APPRAISAL_NONCE_BYTES];
};

static enum lucid_error invalid(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", param, "%s", text);
}

static bool verify(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                   const uint8_t signature[DOCUMENT_SIGNATURE_BYTES], void *context)
{
    const struct lucid_plugin_host *host = context;
    return host->verify(host, key, kit_bytes(message), signature);
}

/* --- the request ------------------------------------------------------------------------------ */

static enum lucid_error documents_read(struct ask *ask, const struct jcs_value *list,
                                       struct claiming *ret, struct lucid_why *why)
{
    if (list == NULL || jcs_type(list) != JCS_ARRAY || jcs_count(list) == 0 ||
        jcs_count(list) > RULES_DOCUMENTS_MAX) {
        return invalid(why, "documents", "it must be a list of 1 to 16 claims documents");
    }
    size_t count = 0;
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        struct lucid_buf text;
        struct lucid_plugin_bytes kept;
        char param[32];
        (void)snprintf(param, sizeof(param), "documents[%zu]", count);
        if (jcs_type(at) != JCS_OBJECT) {
            return invalid(why, param, "it must be an object");
        }
        lucid_buf_init(&text, CLAIMS_BYTES_MAX);
        jcs_write(at, &text);
        enum lucid_error error = lucid_buf_ok(&text) ? ask_keep(ask, lucid_buf_span(&text), &kept)
                                                     : invalid(why, param, "it is too large");
        lucid_buf_fini(&text);
        if (error != LUCID_OK) {
            return error;
        }
        ret->documents[count++] = kit_span(kept);
    }
    ret->input.documents = ret->documents;
    ret->input.document_count = count;
    return LUCID_OK;
}

/* With a session every document must carry its nonce, which is then used up. */
static enum lucid_error session_read(struct ask *ask, const struct jcs_value *body,
                                     struct claiming *ret, struct lucid_why *why)
{
    struct lucid_span session;
    struct lucid_span audience;
    struct appraisal_challenge challenge;
    struct lucid_buf text = {0};
    struct lucid_plugin_bytes kept;
    enum lucid_error error =
        ask_text(body, "", "sessionId", false, 4 * CHALLENGE_SESSION_BYTES, &session, why);
    if (error != LUCID_OK || session.len == 0) {
        return error;
    }
    error = ask_text(body, "", "audience", true, CHALLENGE_AUDIENCE_BYTES_MAX, &audience, why);
    if (error == LUCID_OK) {
        error = challenge_read(verifier_of(ask)->challenge_key, session, audience, &challenge, why);
    }
    if (error == LUCID_OK && ask->now_ms / 1000 > challenge.expires_s) {
        error = lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "CHALLENGE_UNKNOWN", "sessionId",
                             "this challenge has expired: ask for a new one");
    }
    if (error != LUCID_OK) {
        return error;
    }
    memcpy(ret->nonce, challenge.nonce, sizeof(ret->nonce));
    ret->has_nonce = true;
    lucid_base64url_write(&text, lucid_span(challenge.nonce, sizeof(challenge.nonce)));
    error = lucid_buf_ok(&text) ? ask_keep(ask, lucid_buf_span(&text), &kept) : LUCID_RETRY_MEMORY;
    lucid_buf_fini(&text);
    ret->input.nonce = error == LUCID_OK ? kit_span(kept) : ret->input.nonce;
    return error;
}

/* The appraisal of the environment that the auditors run in, of this log. */
static enum lucid_error hardware_load(struct ask *ask, const struct jcs_value *body,
                                      struct claiming *ret, struct lucid_why *why)
{
    uint8_t id[LUCID_SHA256_BYTES];
    struct kind_row row;
    struct lucid_span text;
    struct lucid_span ear;
    const struct record *record;
    enum lucid_error error = ask_text(body, "", "appraisalId", false, 128, &text, why);
    if (error != LUCID_OK || text.len == 0) {
        return error;
    }
    error = ask_digest(text, "appraisalId", id, why);
    if (error == LUCID_OK) {
        error = kind_find(ask->host, ask->view, KIND_APPRAISAL, id, &row);
    }
    if (error == LUCID_OK) {
        error = ask_logged(ask, row.sequence, &ret->input.hardware_record, &ear);
    }
    if (error == LUCID_OK) {
        error = record_read(ret->input.hardware_record, &ask->arena, &record, NULL);
        error = lucid_category(error) == LUCID_CATEGORY_REFUSE ? LUCID_FATAL_CORRUPT : error;
    }
    if (error == LUCID_OK && record->mock && !verifier_of(ask)->allow_mock) {
        return invalid(why, "appraisalId", "it is of mock evidence, which is not allowed here");
    }
    if (error == LUCID_OK) {
        error = ask_blob(ask, record->runtime_data, &ret->input.hardware_runtime);
    }
    return lucid_category(error) == LUCID_CATEGORY_NOTE
               ? invalid(why, "appraisalId",
                         "no such appraisal of evidence is on this log, or its "
                         "runtime data were erased")
               : error;
}

static enum lucid_error request_read(struct ask *ask, struct claiming *ret, struct lucid_why *why)
{
    static const char *const members[] = {"documents", "policyId",    "sessionId", "audience",
                                          "test_time", "appraisalId", NULL};
    const struct jcs_value *body;
    uint8_t policy[LUCID_SHA256_BYTES];
    struct lucid_span id;
    enum lucid_error error = ask_document(ask, members, &body, why);
    if (error == LUCID_OK) {
        error = ask_test_time(ask, body, &ret->input.time_s, why);
    }
    if (error == LUCID_OK) {
        error = ask_text(body, "", "policyId", false, 128, &id, why);
    }
    if (error == LUCID_OK) {
        appraise_policy_default(verifier_of(ask), policy);
        error = id.len > 0 ? ask_digest(id, "policyId", policy, why) : LUCID_OK;
    }
    if (error == LUCID_OK) {
        error = documents_read(ask, jcs_member(body, "documents"), ret, why);
    }
    if (error == LUCID_OK) {
        error = session_read(ask, body, ret, why);
    }
    if (error == LUCID_OK) {
        error = ask_view(ask);
    }
    if (error == LUCID_OK) {
        error = appraise_policy(ask, &ret->policy, policy, why);
    }
    if (error == LUCID_OK) {
        error = hardware_load(ask, body, ret, why);
    }
    ret->input.policy = &ret->policy.policy;
    ret->input.policy_bytes = ret->policy.input.policy_bytes;
    ret->input.lifetime_s = ret->policy.input.lifetime_s;
    ret->input.received_s = ask->now_ms / 1000;
    ret->input.test = ask->host->test;
    ret->input.developer = verifier_of(ask)->developer;
    ret->input.build = lucid_span_str(verifier_version);
    ret->input.issuer = lucid_span_str(ask->host->origin);
    ret->input.verify = verify;
    ret->input.context = (void *)(uintptr_t)ask->host;
    return error;
}

/* --- appraising ------------------------------------------------------------------------------- */

static enum lucid_error refused(struct ask *ask, const struct rules_appraisal *result)
{
    struct lucid_buf steps = {0};
    const struct rules_submod *submod = &result->submods[result->failed_document];
    rules_steps_write(result, &steps);
    enum lucid_error error =
        lucid_buf_ok(&steps)
            ? answer_problem(ask, "documents", result->failed_document, result->failed_step,
                             submod->steps[result->failed_step].code, lucid_buf_span(&steps), false)
            : LUCID_RETRY_MEMORY;
    lucid_buf_fini(&steps);
    return error;
}

/* Everything that the record names by digest. */
static size_t blobs_list(const struct claiming *claiming, struct lucid_plugin_bytes *ret)
{
    const struct rules_input *input = &claiming->input;
    size_t count = 0;
    for (; count < input->document_count; count++) {
        ret[count] = kit_bytes(claiming->documents[count]);
    }
    ret[count++] = kit_bytes(input->policy_bytes);
    if (input->hardware_record.len > 0) {
        ret[count++] = kit_bytes(input->hardware_record);
        ret[count++] = kit_bytes(input->hardware_runtime);
    }
    return count;
}

/* Token and record of what was appraised, as payload and body; ret->id too. */
static enum lucid_error texts_make(struct ask *ask, const struct claiming *claiming,
                                   struct kind_command *ret, struct lucid_why *why)
{
    struct lucid_span ear;
    struct lucid_span record;
    enum lucid_error error = token_write(ask, claiming->result.result, &ear, why);
    if (error == LUCID_OK) {
        error =
            rules_record_write(&claiming->input, &claiming->result, ear, &ask->arena, &record, why);
    }
    if (error == LUCID_OK) {
        error = ask_keep(ask, record, &ret->payload);
    }
    if (error == LUCID_OK) {
        lucid_sha256(record, ret->id);
        error = ask_keep(ask, ear, &ret->body);
    }
    return error;
}

static enum lucid_error submit(struct ask *ask, const struct claiming *claiming,
                               struct lucid_why *why)
{
    struct lucid_plugin_command submitted = {.kind = KIND_NAME};
    struct kind_command *command = ask->host->call_alloc(ask->call, sizeof(*command));
    struct lucid_plugin_bytes *blobs =
        ask->host->call_alloc(ask->call, (claiming->input.document_count + 3) * sizeof(*blobs));
    uint8_t *entry = ask->host->call_alloc(ask->call, LUCID_PLUGIN_ENTRY_BYTES);
    uint8_t *nonce = ask->host->call_alloc(ask->call, APPRAISAL_NONCE_BYTES);
    if (command == NULL || blobs == NULL || entry == NULL || nonce == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *command = (struct kind_command){.type = "attestation.claims", .item = KIND_CLAIMS};
    enum lucid_error error = texts_make(ask, claiming, command, why);
    if (error != LUCID_OK) {
        return error;
    }
    memcpy(nonce, claiming->nonce, APPRAISAL_NONCE_BYTES);
    ask->host->entry(ask->host, command->payload, entry);
    command->entry = entry;
    command->nonce = claiming->has_nonce ? nonce : NULL;
    submitted.data = command;
    submitted.blobs = blobs;
    submitted.blob_count = blobs_list(claiming, blobs);
    ask->host->call_submit(ask->call, &submitted);
    return LUCID_OK;
}

/* Whether two say the same, or one says nothing. */
static bool agree(struct lucid_span a, struct lucid_span b)
{
    return a.len == 0 || b.len == 0 || lucid_span_equal(a, b);
}

/* Rules are over all documents together, so these are to be about one interaction: what one auditor
 * saw of another request says nothing of this one. */
static enum lucid_error subjects_check(const struct rules_appraisal *result, struct lucid_why *why)
{
    for (size_t i = 1; i < result->submod_count; i++) {
        const struct claims_document *at = &result->submods[i].document;
        for (size_t k = 0; k < i; k++) {
            const struct claims_document *before = &result->submods[k].document;
            const char *differs = !agree(before->trace_id, at->trace_id)     ? "traceId"
                                  : !agree(before->hashes[1], at->hashes[1]) ? "requestHash"
                                  : !agree(before->hashes[2], at->hashes[2]) ? "responseHash"
                                                                             : NULL;
            if (differs != NULL) {
                char param[64];
                (void)snprintf(param, sizeof(param), "documents[%zu].subject.%s", i, differs);
                return invalid(why, param,
                               "another document is about another one: have them "
                               "appraised apart");
            }
        }
    }
    return LUCID_OK;
}

/* Whether the nonce is free still; the writer has the last word. LUCID_NOTE_ABSENT: it is. */
static enum lucid_error used_look(struct ask *ask, const struct claiming *claiming,
                                  uint8_t ret_id[LUCID_SHA256_BYTES])
{
    uint8_t asked[LUCID_SHA256_BYTES];
    return claiming->has_nonce ? kind_nonce(ask->host, ask->view, claiming->nonce, ret_id, asked)
                               : LUCID_NOTE_ABSENT;
}

static enum lucid_error post(struct ask *ask, struct lucid_why *why)
{
    uint8_t used[LUCID_SHA256_BYTES];
    struct claiming *claiming = lucid_arena_zalloc(&ask->arena, sizeof(*claiming));
    if (claiming == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = request_read(ask, claiming, why);
    if (error != LUCID_OK) {
        return answer_unknown(ask, error, why);
    }
    error = used_look(ask, claiming, used);
    if (error == LUCID_OK) {
        return answer_used(ask, used);
    }
    if (error == LUCID_NOTE_ABSENT) {
        error = rules_appraise(&claiming->input, &ask->arena, &claiming->result, why);
    }
    if (error == LUCID_OK && !claiming->result.appraised) {
        return refused(ask, &claiming->result);
    }
    if (error == LUCID_OK) {
        error = subjects_check(&claiming->result, why);
    }
    return error == LUCID_OK ? submit(ask, claiming, why) : error;
}

enum lucid_plugin_result route_claims_post(void *self, struct lucid_plugin_call *call,
                                           struct lucid_plugin_why *why)
{
    return ask_run(self, call, post, why);
}

/* --- read ------------------------------------------------------------------------------------- */

static enum lucid_error post_answered(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    return answer_record(ask, KIND_CLAIMS);
}

enum lucid_plugin_result answered_claims(void *self, struct lucid_plugin_call *call,
                                         struct lucid_plugin_command *command,
                                         struct lucid_plugin_why *why)
{
    return ask_answered(self, call, command, post_answered, why);
}

static enum lucid_error row(struct ask *ask, uint64_t from, uint64_t *ret_sequence)
{
    return ask_item_row(ask, KIND_CLAIMS, "claimsId", from, ret_sequence);
}

static enum lucid_error list(struct ask *ask, struct lucid_why *why)
{
    return ask_list(ask, row, why);
}

enum lucid_plugin_result route_claims(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_why *why)
{
    return ask_run(self, call, list, why);
}

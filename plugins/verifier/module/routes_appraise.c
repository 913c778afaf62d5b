/* POST /v1/attestation/appraise. */
#include <stdio.h>

#include "plugins/verifier/bundle.h"
#include "plugins/verifier/module/appraise.h"

static void count(const struct ask *ask, const struct appraisal *appraisal)
{
    if (!appraisal->appraised) {
        atomic_fetch_add_explicit(&verifier_of(ask)->counters.refused[appraisal->failed_step], 1,
                                  memory_order_relaxed);
    }
}

/* --- one that was answered before ------------------------------------------------------------- */

/* Whoever pays gets an answer for it, also when it was lost on the way: the first one. Whoever has
 * a token is told that a nonce is used once. */
static bool is_payer(const struct ask *ask)
{
    return (ask->host->call_scopes(ask->call) & (uint32_t)LUCID_PLUGIN_SCOPE_ATTEST) == 0;
}

static void asked_make(const struct appraisal_input *input,
                       const uint8_t policy[LUCID_SHA256_BYTES], uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_span evidences[APPRAISAL_EVIDENCES_MAX];
    for (size_t i = 0; i < input->evidence_count; i++) {
        evidences[i] = input->evidences[i].bytes;
    }
    kind_asked(policy, input->runtime_data, evidences, input->evidence_count, ret);
}

/* Before any work: LUCID_NOTE_ABSENT: the nonce is free. LUCID_OK: it has answered. */
static enum lucid_error used_answer(struct ask *ask, const struct appraise *appraise,
                                    const uint8_t asked[LUCID_SHA256_BYTES], struct lucid_why *why)
{
    uint8_t id[LUCID_SHA256_BYTES];
    uint8_t before[LUCID_SHA256_BYTES];
    struct kind_row row;
    enum lucid_error error =
        kind_nonce(ask->host, ask->view, appraise->input.challenge.nonce, id, before);
    if (error != LUCID_OK) {
        return error;
    }
    if (!is_payer(ask) || memcmp(asked, before, sizeof(before)) != 0) {
        return answer_used(ask, id);
    }
    error = kind_find(ask->host, ask->view, KIND_APPRAISAL, id, &row);
    if (error == LUCID_OK) {
        error = answer_write(ask, &row, false, why);
    }
    return error == LUCID_OK ? ask_answer(ask, 200) : error;
}

/* --- a new one -------------------------------------------------------------------------------- */

/* Token, record, entry and blobs of an appraisal, as a command. */
static enum lucid_error submit(struct ask *ask, const struct appraise *appraise,
                               const uint8_t asked[LUCID_SHA256_BYTES], struct lucid_why *why)
{
    struct lucid_plugin_command submitted = {.kind = KIND_NAME};
    struct lucid_plugin_bytes *blobs;
    struct lucid_span ear;
    struct lucid_span record;
    struct lucid_plugin_bytes nonce;
    struct kind_command *command = ask->host->call_alloc(ask->call, sizeof(*command));
    uint8_t *entry = ask->host->call_alloc(ask->call, LUCID_PLUGIN_ENTRY_BYTES);
    if (command == NULL || entry == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *command = (struct kind_command){
        .type = "attestation.appraisal", .item = KIND_APPRAISAL, .repeatable = is_payer(ask)};
    memcpy(command->asked, asked, LUCID_SHA256_BYTES);
    enum lucid_error error = token_write(ask, appraise->result.claims, &ear, why);
    if (error == LUCID_OK) {
        error = record_write(&appraise->input, &appraise->result, ear, &ask->arena, &record);
    }
    if (error == LUCID_REFUSE_TOO_LARGE && why->code == NULL) {
        error = lucid_refuse(why, error, "INVALID_EVIDENCE", "evidences",
                             "their record would be longer than %zu bytes", RECORD_BYTES_MAX);
    }
    if (error == LUCID_OK) {
        error = ask_keep(ask, record, &command->payload);
    }
    if (error == LUCID_OK) {
        error = ask_keep(ask, ear, &command->body);
    }
    if (error == LUCID_OK) {
        error = ask_keep(ask, lucid_span(appraise->input.challenge.nonce, APPRAISAL_NONCE_BYTES),
                         &nonce);
    }
    if (error == LUCID_OK) {
        error = appraise_blobs(ask, appraise, &blobs, &submitted.blob_count, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    ask->host->entry(ask->host, command->payload, entry);
    lucid_sha256(record, command->id);
    command->entry = entry;
    command->nonce = nonce.data;
    submitted.data = command;
    submitted.blobs = blobs;
    ask->host->call_submit(ask->call, &submitted);
    return LUCID_OK;
}

static enum lucid_error run(struct ask *ask, struct appraise *appraise, struct lucid_why *why)
{
    uint8_t policy[LUCID_SHA256_BYTES];
    uint8_t asked[LUCID_SHA256_BYTES];
    enum lucid_error error = appraise_read(ask, appraise, policy, why);
    if (error == LUCID_OK) {
        error = ask_view(ask);
    }
    if (error == LUCID_OK) {
        asked_make(&appraise->input, policy, asked);
        error = used_answer(ask, appraise, asked, why);
    }
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    error = appraise_policy(ask, appraise, policy, why);
    if (error == LUCID_OK) {
        error = appraise_collateral(ask, appraise, why);
    }
    if (error == LUCID_OK) {
        error = appraisal_run(&appraise->input, &ask->arena, &appraise->result, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    count(ask, &appraise->result);
    return appraise->result.appraised ? submit(ask, appraise, asked, why)
                                      : answer_refused(ask, &appraise->result);
}

static enum lucid_error handle(struct ask *ask, struct lucid_why *why)
{
    struct appraise *appraise = lucid_arena_zalloc(&ask->arena, sizeof(*appraise));
    if (appraise == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    appraise->input.allow_mock = verifier_of(ask)->allow_mock;
    appraise->input.test = ask->host->test;
    appraise->input.developer = verifier_of(ask)->developer;
    appraise->input.build = lucid_span_str(verifier_version);
    appraise->input.issuer = lucid_span_str(ask->host->origin);
    return answer_unknown(ask, run(ask, appraise, why), why);
}

enum lucid_plugin_result route_appraise(void *self, struct lucid_plugin_call *call,
                                        struct lucid_plugin_why *why)
{
    return ask_run(self, call, handle, why);
}

/* --- logged ----------------------------------------------------------------------------------- */

static enum lucid_error answered(struct ask *ask, struct lucid_why *why)
{
    const struct kind_command *command = ask->command->data;
    struct kind_row row;
    enum lucid_error error = ask_view(ask);
    if (error == LUCID_OK) {
        error = kind_find(ask->host, ask->view, KIND_APPRAISAL, command->ret_id, &row);
    }
    if (error == LUCID_OK) {
        error = answer_write(ask, &row, false, why);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    if (!command->ret_known) {
        metrics_appraised(verifier_of(ask), row.summary);
    }
    return ask_answer(ask, command->ret_known ? 200 : 201);
}

enum lucid_plugin_result answered_appraise(void *self, struct lucid_plugin_call *call,
                                           struct lucid_plugin_command *command,
                                           struct lucid_plugin_why *why)
{
    return ask_answered(self, call, command, answered, why);
}

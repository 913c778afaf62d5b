/* POST and GET /v1/attestation/interactions: the record of which auditors looked at one
 * interaction, in which order. */
#include <stdio.h>

#include "plugins/verifier/interaction.h"
#include "plugins/verifier/module/appraise.h"
#include "plugins/verifier/rules.h"

/* The claims documents that the links name: logged ones, so appraised. */
static enum lucid_error documents_load(struct ask *ask, const struct interaction *interaction,
                                       const struct claims_document **ret, struct lucid_why *why)
{
    for (size_t i = 0; i < interaction->link_count; i++) {
        const uint8_t *digest = interaction->links[i].claims;
        struct kind_row row;
        struct lucid_span text;
        struct claims_document *document = lucid_arena_zalloc(&ask->arena, sizeof(*document));
        if (document == NULL) {
            return LUCID_RETRY_MEMORY;
        }
        enum lucid_error error =
            kind_find(ask->host, ask->view, KIND_CLAIMS_DOCUMENT, digest, &row);
        if (error == LUCID_OK) {
            error = ask_blob(ask, digest, &text);
        }
        if (lucid_category(error) == LUCID_CATEGORY_NOTE) {
            char param[64];
            (void)snprintf(param, sizeof(param), "auditors[%zu].claimsDigest", i);
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "CLAIMS_UNKNOWN", param,
                                "no such claims are on this log: have them appraised first");
        }
        if (error == LUCID_OK) {
            error = claims_parse(text, &ask->arena, document, why); /* rules of then may differ */
        }
        if (error != LUCID_OK) {
            return error;
        }
        ret[i] = document;
    }
    return LUCID_OK;
}

static enum lucid_error submit(struct ask *ask, const struct interaction *interaction)
{
    struct lucid_plugin_command submitted = {.kind = KIND_NAME};
    struct kind_command *command = ask->host->call_alloc(ask->call, sizeof(*command));
    uint8_t *entry = ask->host->call_alloc(ask->call, LUCID_PLUGIN_ENTRY_BYTES);
    if (command == NULL || entry == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *command = (struct kind_command){.type = "attestation.interaction", .item = KIND_INTERACTION};
    enum lucid_error error = ask_keep(ask, interaction->canonical, &command->payload);
    if (error != LUCID_OK) {
        return error;
    }
    memcpy(command->id, interaction->record_id, LUCID_SHA256_BYTES);
    ask->host->entry(ask->host, command->payload, entry);
    command->entry = entry;
    submitted.data = command;
    ask->host->call_submit(ask->call, &submitted);
    return LUCID_OK;
}

/* A test store's claims may be of any time. */
static enum lucid_error time_check(const struct ask *ask, const struct interaction *interaction,
                                   struct lucid_why *why)
{
    bool ahead = interaction->issued_ms > ask->now_ms + RULES_FUTURE_S * UINT64_C(1000);
    return ahead && !ask->host->test
               ? lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_INTERACTION", "issuedAt",
                              "is in the future")
               : LUCID_OK;
}

static enum lucid_error post(struct ask *ask, struct lucid_why *why)
{
    const struct claims_document *documents[INTERACTION_AUDITORS_MAX];
    struct interaction *interaction = lucid_arena_zalloc(&ask->arena, sizeof(*interaction));
    if (interaction == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = ask_view(ask);
    if (error == LUCID_OK) {
        error = interaction_parse(kit_span(ask->host->call_body(ask->call)), &ask->arena,
                                  interaction, why);
    }
    if (error == LUCID_OK) {
        error = time_check(ask, interaction, why);
    }
    if (error == LUCID_OK) {
        error = documents_load(ask, interaction, documents, why);
    }
    if (error == LUCID_OK) {
        error = interaction_match(interaction, documents, interaction->link_count, why);
    }
    return error == LUCID_OK ? submit(ask, interaction) : error;
}

enum lucid_plugin_result route_interaction_post(void *self, struct lucid_plugin_call *call,
                                                struct lucid_plugin_why *why)
{
    return ask_run(self, call, post, why);
}

/* --- read ------------------------------------------------------------------------------------- */

static enum lucid_error get(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    return answer_record(ask, KIND_INTERACTION);
}

enum lucid_plugin_result answered_interaction(void *self, struct lucid_plugin_call *call,
                                              struct lucid_plugin_command *command,
                                              struct lucid_plugin_why *why)
{
    return ask_answered(self, call, command, get, why);
}

static enum lucid_error row(struct ask *ask, uint64_t from, uint64_t *ret_sequence)
{
    return ask_item_row(ask, KIND_INTERACTION, "interactionId", from, ret_sequence);
}

static enum lucid_error list(struct ask *ask, struct lucid_why *why)
{
    return ask_list(ask, row, why);
}

enum lucid_plugin_result route_interaction(void *self, struct lucid_plugin_call *call,
                                           struct lucid_plugin_why *why)
{
    return ask_run(self, call, get, why);
}

enum lucid_plugin_result route_interactions(void *self, struct lucid_plugin_call *call,
                                            struct lucid_plugin_why *why)
{
    return ask_run(self, call, list, why);
}

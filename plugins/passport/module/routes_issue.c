/* POST /v1/passports and /v1/passports/{id}/renew. */
#include <stdio.h>

#include "plugins/passport/module/module.h"

#define SECOND_MS 1000U

/* A request on its way to a passport. */
struct issuing {
    struct issue_request request;
    struct issue_input input;
    struct issue issue;
    bool renews;
    struct passport_row renewed; /* if it renews */
    struct passport_command *command;
    uint8_t salts[PASSPORT_OMITTED_MAX][ISSUE_SALT_BYTES];
};

/* --- who may ---------------------------------------------------------------------------------- */

static enum lucid_error application_find(struct ask *ask, struct lucid_span name,
                                         const struct application **ret, struct lucid_why *why)
{
    const struct application *found = applications_find(&module_of(ask)->applications, name);
    if (found == NULL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "APPLICATION_UNKNOWN", "application",
                            "no application of that name is configured here");
    }
    bool admin = (ask->host->call_scopes(ask->call) & (uint32_t)LUCID_PLUGIN_SCOPE_ADMIN) != 0;
    if (!admin && !application_allows(found, ask->host->call_token(ask->call))) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "FORBIDDEN", "application",
                            "only tokens that its configuration names may act for it");
    }
    *ret = found;
    return LUCID_OK;
}

/* --- what it follows -------------------------------------------------------------------------- */

static enum lucid_error ended(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PASSPORT_ENDED", "id", "%s", text);
}

/* Whether the passport can be renewed now; the writer asks again. */
static enum lucid_error renewal_check(const struct ask *ask, const struct issuing *issuing,
                                      struct lucid_why *why)
{
    const struct passport_row *row = &issuing->renewed;
    uint64_t now_s = ask->now_ms / SECOND_MS;
    if (!lucid_span_is(issuing->request.application, row->application)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", "application",
                            "the passport to be renewed is of another application");
    }
    if (row->revoked_s != 0) {
        return ended(why, "it was revoked: issue a new one");
    }
    if (row->expires_s <= now_s) {
        return ended(why, "it has expired: issue a new one");
    }
    if (row->successor[0] != '\0') {
        return ended(why, "it has a successor already: renew that one");
    }
    if (now_s < row->renew_after_s) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "TOO_EARLY", "id",
                            "it is not half through its life yet");
    }
    return LUCID_OK;
}

/* The application's newest gets a successor, unless it ended by itself. */
static enum lucid_error predecessor_find(struct ask *ask, struct issuing *issuing)
{
    struct passport_row row;
    struct passport_command *command = issuing->command;
    const struct application *application = issuing->input.application;
    enum lucid_error error = passport_row_newest(ask->host, ask->view, application->name, &row);
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    }
    memcpy(command->newest, row.id, sizeof(command->newest));
    command->supersedes = row.revoked_s == 0 && row.expires_s > ask->now_ms / SECOND_MS;
    if (command->supersedes) {
        issuing->input.supersedes = lucid_span_str(command->newest);
    }
    return LUCID_OK;
}

/* --- making it -------------------------------------------------------------------------------- */

static void policy_choose(const struct passport_module *module, struct issue_input *input)
{
    if (input->application->has_policy) {
        memcpy(input->policy, input->application->policy, sizeof(input->policy));
    } else if (module->has_policy) {
        memcpy(input->policy, module->policy, sizeof(input->policy));
    } else {
        policy_built_in_id(module->allow_mock, input->policy);
    }
}

static void input_fill(struct ask *ask, struct issuing *issuing)
{
    const struct lucid_plugin_host *host = ask->host;
    const struct passport_module *module = module_of(ask);
    struct issue_input *input = &issuing->input;
    input->now_s = ask->now_ms / SECOND_MS;
    input->allow_mock = module->allow_mock;
    input->test = host->test;
    input->issuer = lucid_span_str(host->origin);
    input->base_url = module->base_url;
    input->kid = lucid_span_str(module->kid);
    input->ed25519 = gather_ed25519;
    input->sign = gather_sign;
    input->context = (void *)(uintptr_t)host;
    memcpy(input->public_key, host->public_key, sizeof(input->public_key));
    host->random(host, issuing->salts, sizeof(issuing->salts));
    input->salts = (const uint8_t(*)[ISSUE_SALT_BYTES])issuing->salts;
    policy_choose(module, input);
}

static enum lucid_error submit(struct ask *ask, struct issuing *issuing, struct lucid_why *why)
{
    struct passport_command *command = issuing->command;
    const struct issue *issue = &issuing->issue;
    struct lucid_plugin_bytes *blob = ask->host->call_alloc(ask->call, sizeof(*blob));
    if (blob == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (issue->disclosures.len > LUCID_PLUGIN_BODY_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "PASSPORT_REFUSED", "application",
                            "what its evidence switches leave out is too long to be kept");
    }
    enum lucid_error error = ask_keep(ask, issue->record, &command->payload);
    if (error == LUCID_OK && issue->disclosures.len > 0) {
        error = ask_keep(ask, issue->disclosures, &command->body);
    }
    if (error == LUCID_OK) {
        error = ask_keep(ask, issue->passport, blob);
    }
    if (error != LUCID_OK) {
        return error;
    }
    memcpy(command->id, issue->id, sizeof(issue->id));
    memcpy(command->request, issuing->request.digest, sizeof(command->request));
    memcpy(command->application, issuing->input.application->name.data,
           issuing->input.application->name.len);
    command->renews = issuing->renews;
    command->rest_count = issuing->request.appraisal_count;
    ask->host->entry(ask->host, command->payload, command->entry);
    const struct lucid_plugin_command submitted = {
        .kind = PASSPORT_KIND_NAME, .data = command, .blobs = blob, .blob_count = 1};
    ask->host->call_submit(ask->call, &submitted);
    return LUCID_OK;
}

static enum lucid_error answer(struct ask *ask, const struct passport_row *row, int status)
{
    enum lucid_error error = answer_write(ask, row);
    return error == LUCID_OK ? ask_answer(ask, status) : error;
}

static enum lucid_error make(struct ask *ask, struct issuing *issuing, struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    if (issuing->renews) {
        error = renewal_check(ask, issuing, why);
    }
    if (error == LUCID_OK) {
        error = predecessor_find(ask, issuing);
    }
    if (error == LUCID_OK) {
        error = gather_issue(ask, &issuing->input, issuing->command->rests, why);
    }
    if (error == LUCID_OK) {
        input_fill(ask, issuing);
        error = issue_run(&issuing->input, &ask->arena, &issuing->issue, why);
    }
    return error == LUCID_OK ? submit(ask, issuing, why) : error;
}

/* A request that has its passport renews none but the one that this follows. */
static enum lucid_error repeat_check(const struct issuing *issuing, const struct passport_row *made,
                                     struct lucid_why *why)
{
    if (issuing->renews && strcmp(issuing->renewed.successor, made->id) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PASSPORT_CONFLICT", "id",
                            "another passport was issued for this request: sign a new one");
    }
    return LUCID_OK;
}

static enum lucid_error run(struct ask *ask, struct issuing *issuing, struct lucid_why *why)
{
    struct passport_row row;
    struct lucid_span body = kit_span(ask->host->call_body(ask->call));
    enum lucid_error error = issue_request_read(body, &ask->arena, &issuing->request, why);
    if (error == LUCID_OK) {
        error =
            application_find(ask, issuing->request.application, &issuing->input.application, why);
    }
    if (error == LUCID_OK) {
        error = issuing->renews ? answer_find(ask, &issuing->renewed) : ask_view(ask);
    }
    if (error == LUCID_OK) {
        error = passport_row_request(ask->host, ask->view, issuing->request.digest, &row);
        if (error == LUCID_OK) { /* the same again, whatever became of it since */
            error = repeat_check(issuing, &row, why);
            return error == LUCID_OK ? answer(ask, &row, 200) : error;
        }
        error = error == LUCID_NOTE_ABSENT ? make(ask, issuing, why) : error;
    }
    return error;
}

static enum lucid_error handle(struct ask *ask, bool renews, struct lucid_why *why)
{
    struct issuing *issuing = lucid_arena_zalloc(&ask->arena, sizeof(*issuing));
    if (issuing == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    issuing->renews = renews;
    issuing->input.request = &issuing->request;
    issuing->command = ask->host->call_alloc(ask->call, sizeof(*issuing->command));
    if (issuing->command == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = run(ask, issuing, why);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        metrics_refused(module_of(ask), why->code);
    }
    return error;
}

static enum lucid_error issue(struct ask *ask, struct lucid_why *why)
{
    return handle(ask, false, why);
}

static enum lucid_error renew(struct ask *ask, struct lucid_why *why)
{
    return handle(ask, true, why);
}

enum lucid_plugin_result route_issue(void *self, struct lucid_plugin_call *call,
                                     struct lucid_plugin_why *why)
{
    return ask_run(self, call, issue, why);
}

enum lucid_plugin_result route_renew(void *self, struct lucid_plugin_call *call,
                                     struct lucid_plugin_why *why)
{
    return ask_run(self, call, renew, why);
}

/* --- logged ----------------------------------------------------------------------------------- */

static enum lucid_error answered(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    const struct passport_command *command = ask->command->data;
    struct passport_row row = {.sequence = 0};
    enum lucid_error error = answer_submitted(ask, &row);
    if (error == LUCID_OK && !command->ret_known) {
        status_changed(module_of(ask), row.sequence);
        atomic_fetch_add_explicit(&module_of(ask)->counters.issued, 1, memory_order_relaxed);
    }
    if (error == LUCID_OK) {
        error = answer(ask, &row, command->ret_known ? 200 : 201);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_plugin_result answered_issue(void *self, struct lucid_plugin_call *call,
                                        struct lucid_plugin_command *command,
                                        struct lucid_plugin_why *why)
{
    return ask_answered(self, call, command, answered, why);
}

/* GET /v1/passports, …/applications, …/{id}, …/{id}/evidence, …/{id}/disclosures, and
 * /.lucid/passport. */
#include "plugins/passport/discovery.h"
#include "plugins/passport/module/module.h"
#include "plugins/verifier/canonical.h"

/* --- lists ------------------------------------------------------------------------------------ */

struct filter {
    struct lucid_span application; /* data NULL: any */
    bool by_status;
    enum status_kind status;
};

static enum lucid_error filter_read(struct ask *ask, struct filter *ret, struct lucid_why *why)
{
    static const enum status_kind kinds[] = {STATUS_VALID, STATUS_EXPIRED, STATUS_REVOKED,
                                             STATUS_SUPERSEDED};
    struct lucid_span status = kit_span(ask->host->call_query(ask->call, "status"));
    struct lucid_span environment = kit_span(ask->host->call_query(ask->call, "environment"));
    ret->application = kit_span(ask->host->call_query(ask->call, "application"));
    if (ret->application.data == NULL) {
        ret->application = environment;
    } else if (environment.data != NULL && !lucid_span_equal(environment, ret->application)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PARAMETER", "environment",
                            "it is another name of application, and says another one");
    }
    if (ask->host->call_query(ask->call, "offset").data != NULL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PARAMETER", "offset",
                            "pages go by cursor: take next_cursor of the page before");
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (lucid_span_is(status, status_kind_name(kinds[i]))) {
            ret->by_status = true;
            ret->status = kinds[i];
        }
    }
    if (status.data != NULL && !ret->by_status) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PARAMETER", "status",
                            "it must be valid, expired, revoked or superseded");
    }
    return LUCID_OK;
}

static enum lucid_error passport_item(struct ask *ask, uint64_t from, uint64_t *ret_sequence)
{
    const struct filter *filter = ask->context;
    struct passport_row row;
    struct status_entry status;
    enum lucid_error error = passport_row_step(ask->host, ask->view, from, ask->newest_first, &row);
    if (error != LUCID_OK) {
        return error;
    }
    *ret_sequence = row.sequence;
    answer_status(ask, &row, &status);
    if ((filter->application.data != NULL &&
         !lucid_span_is(filter->application, row.application)) ||
        (filter->by_status && filter->status != status.kind)) {
        return LUCID_NOTE_ABSENT;
    }
    answer_row_write(ask, &row);
    return LUCID_OK;
}

static enum lucid_error passports(struct ask *ask, struct lucid_why *why)
{
    struct filter *filter = lucid_arena_zalloc(&ask->arena, sizeof(*filter));
    enum lucid_error error = filter != NULL ? filter_read(ask, filter, why) : LUCID_RETRY_MEMORY;
    ask->context = filter;
    return error == LUCID_OK ? ask_list(ask, passport_item, why) : error;
}

enum lucid_plugin_result route_passports(void *self, struct lucid_plugin_call *call,
                                         struct lucid_plugin_why *why)
{
    return ask_run(self, call, passports, why);
}

/* --- applications ----------------------------------------------------------------------------- */

static void strings_write(struct lucid_buf *out, const char *name, const struct lucid_span *items,
                          size_t count)
{
    lucid_json_member(out, name);
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        lucid_buf_str(out, i > 0 ? "," : "");
        lucid_json_string(out, items[i]);
    }
    lucid_buf_char(out, ']');
}

static void switches_write(struct lucid_buf *out, const struct application *application)
{
    lucid_json_member(out, "evidence");
    lucid_buf_char(out, '{');
    for (size_t i = 0; i < PASSPORT_EVIDENCES; i++) {
        lucid_json_member_bool(out, passport_evidence_name((enum passport_evidence)i),
                               application->evidence[i]);
    }
    lucid_buf_char(out, '}');
}

/* The passport that it shows now. */
static enum lucid_error current_write(struct ask *ask, const struct application *application)
{
    struct passport_row row;
    enum lucid_error error = passport_row_newest(ask->host, ask->view, application->name, &row);
    lucid_json_member(&ask->out, "newest");
    if (error == LUCID_OK) {
        answer_row_write(ask, &row);
    } else if (error == LUCID_NOTE_ABSENT) {
        lucid_buf_str(&ask->out, "null");
        error = LUCID_OK;
    }
    return error;
}

static enum lucid_error application_write(struct ask *ask, const struct application *application)
{
    struct lucid_buf *out = &ask->out;
    lucid_buf_char(out, '{');
    lucid_json_member_str(out, "name", application->name);
    lucid_json_member_str(out, "appName", application->app_name);
    if (application->version.len > 0) {
        lucid_json_member_str(out, "version", application->version);
    }
    strings_write(out, "endpoints", application->endpoints, application->endpoint_count);
    lucid_json_member_u64(out, "validityDays", application->validity_days);
    lucid_json_member_u64(out, "minSlsaLevel", application->slsa_level_min);
    if (application->has_policy) {
        canonical_digest(out, "policy", application->policy);
    }
    if (application->appraisal_age_s_max > 0) {
        lucid_json_member_u64(out, "maxAppraisalAgeSeconds", application->appraisal_age_s_max);
    }
    if (application->audience.len > 0) {
        lucid_json_member_str(out, "audience", application->audience);
    }
    switches_write(out, application);
    lucid_json_member(out, "display");
    application_display_write(application, out);
    enum lucid_error error = current_write(ask, application);
    lucid_buf_char(out, '}');
    return error;
}

static enum lucid_error applications(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    const struct applications *all = &module_of(ask)->applications;
    enum lucid_error error = ask_view(ask);
    lucid_buf_str(&ask->out, "{\"items\":[");
    for (size_t i = 0; i < all->count && error == LUCID_OK; i++) {
        lucid_buf_str(&ask->out, i > 0 ? "," : "");
        error = application_write(ask, &all->items[i]);
    }
    lucid_buf_str(&ask->out, "]}");
    return error == LUCID_OK ? ask_answer(ask, 200) : error;
}

enum lucid_plugin_result route_applications(void *self, struct lucid_plugin_call *call,
                                            struct lucid_plugin_why *why)
{
    return ask_run(self, call, applications, why);
}

/* --- one -------------------------------------------------------------------------------------- */

static enum lucid_error bare(struct ask *ask, const struct passport_row *row)
{
    struct lucid_span document;
    enum lucid_error error = answer_document(ask, row, &document);
    if (error == LUCID_OK) {
        ask->host->call_respond_tagged(ask->call, PASSPORT_MEDIA_TYPE, kit_bytes(document), 0);
    }
    return error;
}

static enum lucid_error passport(struct ask *ask, struct lucid_why *why)
{
    struct passport_row row;
    bool wants_bundle = false;
    bool wants_document = false;
    enum lucid_error error = ask_flag(ask, "bundle", &wants_bundle, why);
    if (error == LUCID_OK) {
        error = ask_flag(ask, "document", &wants_document, why);
    }
    if (error == LUCID_OK) {
        error = answer_find(ask, &row);
    }
    if (error != LUCID_OK) {
        return error;
    }
    ask->host->call_add_header(ask->call, "Vary", "Accept");
    if (wants_document) {
        return bare(ask, &row);
    }
    if (wants_bundle || answer_accepts(ask, PACKAGE_MEDIA_TYPE)) {
        return answer_package(ask, &row, why);
    }
    if (answer_accepts(ask, PASSPORT_MEDIA_TYPE)) {
        return bare(ask, &row);
    }
    error = answer_write(ask, &row);
    return error == LUCID_OK ? ask_answer(ask, 200) : error;
}

enum lucid_plugin_result route_passport(void *self, struct lucid_plugin_call *call,
                                        struct lucid_plugin_why *why)
{
    return ask_run(self, call, passport, why);
}

/* --- what it rests on ------------------------------------------------------------------------- */

static bool is_auditor(const struct ask *ask)
{
    return (ask->host->call_scopes(ask->call) & (uint32_t)LUCID_PLUGIN_SCOPE_AUDIT) != 0;
}

static enum lucid_error evidence(struct ask *ask, struct lucid_why *why)
{
    struct passport_row row;
    struct lucid_buf *out = &ask->out;
    enum lucid_error error = answer_find(ask, &row);
    if (error == LUCID_OK && !row.quote && !is_auditor(ask)) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "FORBIDDEN", NULL,
                            "this passport publishes no evidence: it needs the scope audit");
    }
    if (error == LUCID_OK) {
        lucid_buf_char(out, '{');
        lucid_json_member_cstr(out, "passportId", row.id);
        lucid_json_member(out, "appraisals");
        lucid_buf_char(out, '[');
        error = answer_bundles_write(ask, &row, is_auditor(ask), out, why);
        lucid_buf_str(out, "]}");
    }
    return error == LUCID_OK ? ask_answer(ask, 200) : error;
}

enum lucid_plugin_result route_evidence(void *self, struct lucid_plugin_call *call,
                                        struct lucid_plugin_why *why)
{
    return ask_run(self, call, evidence, why);
}

static enum lucid_error disclosures(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    struct passport_row row;
    struct lucid_plugin_bytes body;
    enum lucid_error error = answer_find(ask, &row);
    if (error == LUCID_OK) {
        error = kit_error(ask->host->view_body(ask->view, row.sequence, &body));
        if (error == LUCID_NOTE_ABSENT) { /* nothing was left out */
            body = kit_bytes(lucid_span_str("[]"));
            error = LUCID_OK;
        }
    }
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_char(&ask->out, '{');
    lucid_json_member_cstr(&ask->out, "passportId", row.id);
    lucid_json_member(&ask->out, "disclosures");
    lucid_buf_put(&ask->out, body.data, body.len);
    lucid_buf_char(&ask->out, '}');
    return ask_answer(ask, 200);
}

enum lucid_plugin_result route_disclosures(void *self, struct lucid_plugin_call *call,
                                           struct lucid_plugin_why *why)
{
    return ask_run(self, call, disclosures, why);
}

/* --- /.lucid/passport ------------------------------------------------------------------------- */

/* The one that the request means: by its name, by its host, or the only one there is. */
static const struct application *application_meant(struct ask *ask)
{
    const struct applications *all = &module_of(ask)->applications;
    struct lucid_span name = kit_span(ask->host->call_query(ask->call, "application"));
    if (name.data != NULL) {
        return applications_find(all, name);
    }
    struct lucid_span host = kit_span(ask->host->call_header(ask->call, "host"));
    const struct application *found = host.len > 0 ? applications_find_host(all, host) : NULL;
    return found == NULL && all->count == 1 ? &all->items[0] : found;
}

static enum lucid_error shown(struct ask *ask, const struct passport_row *row)
{
    struct passport *read = lucid_arena_zalloc(&ask->arena, sizeof(*read));
    struct lucid_span document;
    enum lucid_error error =
        read != NULL ? answer_passport(ask, row, read, &document) : LUCID_RETRY_MEMORY;
    if (error == LUCID_OK) {
        error = answer_header_add(ask, row, read);
    }
    if (error == LUCID_OK) {
        ask->host->call_add_header(ask->call, "Cache-Control",
                                   "public, max-age=300, must-revalidate");
        ask->host->call_respond_tagged(ask->call, PASSPORT_MEDIA_TYPE, kit_bytes(document), 0);
    }
    return error;
}

/* Gone: the answer is the signed list that says so. */
static enum lucid_error gone(struct ask *ask)
{
    struct lucid_span list;
    enum lucid_error error = status_now(ask, &list);
    if (error == LUCID_OK) {
        ask->host->call_respond(ask->call, 410, "application/jwt", kit_bytes(list));
    }
    return error;
}

static enum lucid_error discovery(struct ask *ask, struct lucid_why *why)
{
    struct passport_row row;
    struct status_entry status;
    bool wants_bundle = false;
    enum lucid_error error = ask_flag(ask, "bundle", &wants_bundle, why);
    if (error == LUCID_OK) {
        error = ask_view(ask);
    }
    const struct application *application = application_meant(ask);
    if (error == LUCID_OK) {
        error = application == NULL
                    ? LUCID_NOTE_ABSENT
                    : passport_row_newest(ask->host, ask->view, application->name, &row);
    }
    if (error != LUCID_OK) {
        return error;
    }
    answer_status(ask, &row, &status);
    ask->host->call_add_header(ask->call, "Vary", "Accept, Host");
    switch (status.kind) {
    case STATUS_REVOKED:
        return gone(ask);
    case STATUS_EXPIRED:
        return LUCID_NOTE_ABSENT;
    case STATUS_VALID:
    case STATUS_SUPERSEDED:
        break;
    }
    if (answer_disallowed(ask, &row)) { /* what it would not verify it does not announce */
        return LUCID_NOTE_ABSENT;
    }
    return wants_bundle || answer_accepts(ask, PACKAGE_MEDIA_TYPE) ? answer_package(ask, &row, why)
                                                                   : shown(ask, &row);
}

enum lucid_plugin_result route_discovery(void *self, struct lucid_plugin_call *call,
                                         struct lucid_plugin_why *why)
{
    return ask_run(self, call, discovery, why);
}

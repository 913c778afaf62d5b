/* The routes of the plugin and the codes that they refuse with; GET /.well-known/lucid-passport and
 * the schemas. */
#include "plugins/passport/discovery.h"
#include "plugins/passport/module/module.h"

extern const unsigned char passport_schema_passport[];
extern const size_t passport_schema_passport_len;
extern const unsigned char passport_schema_application[];
extern const size_t passport_schema_application_len;

const struct lucid_plugin_code passport_codes[] = {
    {"APPLICATION_UNKNOWN", 422},
    {"APPRAISAL_UNKNOWN", 422},
    {"INTERACTION_UNKNOWN", 422},
    {"INVALID_KEY", 422},
    {"INVALID_PASSPORT", 422},
    {"INVALID_PROVENANCE", 422},
    {"INVALID_REQUEST", 422},
    {"MOCK_NOT_ALLOWED", 403},
    {"PASSPORT_CONFLICT", 409},
    {"PASSPORT_ENDED", 409},
    {"PASSPORT_REFUSED", 422},
    {"TOO_EARLY", 409},
    {NULL, 0},
};

enum {
    PUBLIC = 0,
    ISSUE = LUCID_PLUGIN_SCOPE_PASSPORT,
    READ = LUCID_PLUGIN_SCOPE_READ | LUCID_PLUGIN_SCOPE_PASSPORT | LUCID_PLUGIN_SCOPE_AUDIT,
    AUDIT = LUCID_PLUGIN_SCOPE_AUDIT,
    READS = LUCID_PLUGIN_ROUTE_READS,
};

#define SMALL   ((size_t)16 * 1024)
#define PACKAGE ((size_t)4 << 20)

const struct lucid_plugin_route passport_routes[] = {
    {"GET", "/.well-known/lucid-passport", PUBLIC, NULL, 0, 0, route_about, NULL},
    {"GET", "/schemas/passport/v1", PUBLIC, NULL, 0, 0, route_schema, NULL},
    {"GET", "/schemas/passport/application/v1", PUBLIC, NULL, 0, 0, route_application_schema, NULL},
    {"POST", "/v1/passports", ISSUE, "passport", 0, ISSUE_REQUEST_BYTES, route_issue,
     answered_issue},
    {"GET", "/v1/passports", PUBLIC, NULL, 0, 0, route_passports, NULL},
    {"GET", "/v1/passports/applications", READ, NULL, 0, 0, route_applications, NULL},
    {"GET", "/v1/passports/status", PUBLIC, NULL, 0, 0, route_status, NULL},
    {"POST", "/v1/passports/verify", PUBLIC, NULL, READS, PACKAGE, route_verify, NULL},
    {"GET", "/v1/passports/{id}", PUBLIC, NULL, 0, 0, route_passport, NULL},
    {"GET", "/v1/passports/{id}/evidence", PUBLIC, NULL, 0, 0, route_evidence, NULL},
    {"GET", "/v1/passports/{id}/disclosures", AUDIT, NULL, 0, 0, route_disclosures, NULL},
    {"POST", "/v1/passports/{id}/renew", ISSUE, NULL, 0, ISSUE_REQUEST_BYTES, route_renew,
     answered_issue},
    {"POST", "/v1/passports/{id}/revoke", ISSUE, NULL, 0, SMALL, route_revoke, answered_revoke},
    {"GET", DISCOVERY_PATH, PUBLIC, NULL, 0, 0, route_discovery, NULL},
    {"GET", "/passport/{id}", PUBLIC, NULL, 0, 0, route_page, NULL},
    {"GET", "/passport/assets/{name}", PUBLIC, NULL, 0, 0, route_page_asset, NULL},
    {.method = NULL},
};

/* --- what there is ---------------------------------------------------------------------------- */

static enum lucid_error about(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    const struct passport_module *module = module_of(ask);
    struct lucid_buf *out = &ask->out;
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "issuer", ask->host->origin);
    lucid_json_member_cstr(out, "kid", module->kid);
    lucid_json_member_cstr(out, "jwks_uri", "/.well-known/jwks.json");
    lucid_json_member_cstr(out, "status_uri", "/v1/passports/status");
    lucid_json_member_cstr(out, "schema_uri", "/schemas/passport/v1");
    lucid_json_member_cstr(out, "verify_uri", "/v1/passports/verify");
    lucid_json_member_cstr(out, "passport_uri", DISCOVERY_PATH);
    lucid_json_member_u64(out, "status_seconds", module->status_s);
    lucid_json_member_u64(out, "overlap_seconds", module->overlap_s);
    lucid_json_member_bool(out, "mock_allowed", module->allow_mock);
    lucid_json_member_bool(out, "test", ask->host->test);
    lucid_json_member_cstr(out, "build", passport_version);
    lucid_buf_char(out, '}');
    return ask_answer(ask, 200);
}

enum lucid_plugin_result route_about(void *self, struct lucid_plugin_call *call,
                                     struct lucid_plugin_why *why)
{
    return ask_run(self, call, about, why);
}

/* The version is in the path: the bytes at an address never change. */
static enum lucid_error schema(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    ask->host->call_respond_tagged(
        ask->call, "application/schema+json",
        (struct lucid_plugin_bytes){passport_schema_passport, passport_schema_passport_len},
        UINT32_MAX);
    return LUCID_OK;
}

enum lucid_plugin_result route_schema(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_why *why)
{
    return ask_run(self, call, schema, why);
}

static enum lucid_error application_schema(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    ask->host->call_respond_tagged(
        ask->call, "application/schema+json",
        (struct lucid_plugin_bytes){passport_schema_application, passport_schema_application_len},
        UINT32_MAX);
    return LUCID_OK;
}

enum lucid_plugin_result route_application_schema(void *self, struct lucid_plugin_call *call,
                                                  struct lucid_plugin_why *why)
{
    return ask_run(self, call, application_schema, why);
}

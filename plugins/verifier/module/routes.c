/* The routes of the plugin and the codes that they refuse with. */
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/module/module.h"

const struct lucid_plugin_code verifier_codes[] = {
    {"CHALLENGE_UNKNOWN", 422},
    {"CLAIMS_UNKNOWN", 422},
    {"COLLATERAL_OLDER", 409},
    {"COLLATERAL_REFUSED", 422},
    {"DOCUMENT_KEY_UNKNOWN", 403},
    {"EVIDENCE_REFUSED", 422},
    {"EVIDENCE_TYPE_UNKNOWN", 422},
    {"INCOMPLETE_BUNDLE", 422},
    {"INVALID_BUNDLE", 422},
    {"INVALID_CLAIMS", 422},
    {"INVALID_DOCUMENT", 422},
    {"INVALID_EVIDENCE", 422},
    {"INVALID_INTERACTION", 422},
    {"INVALID_POLICY", 422},
    {"INVALID_RECORD", 422},
    {"INVALID_REFERENCE", 422},
    {"INVALID_REQUEST", 422},
    {"INVALID_RUNTIME_DATA", 422},
    {"NONCE_USED", 422},
    {"POLICY_UNKNOWN", 422},
    {"REFERENCE_UNKNOWN", 422},
    {"TEST_ONLY", 422},
    {"TOO_MANY_BLOBS", 422},
    {NULL, 0},
};

enum {
    PUBLIC = 0,
    ADMIN = LUCID_PLUGIN_SCOPE_ADMIN,
    APPRAISE = LUCID_PLUGIN_SCOPE_ATTEST,
    READ = LUCID_PLUGIN_SCOPE_READ | LUCID_PLUGIN_SCOPE_ATTEST | LUCID_PLUGIN_SCOPE_AUDIT,
    READS = LUCID_PLUGIN_ROUTE_READS,
};

#define SMALL    ((size_t)16 * 1024)
#define DOCUMENT (2 * POLICY_BYTES_MAX)
#define ITEM     (2 * APPRAISAL_COLLATERAL_BYTES_MAX)
#define CLAIMS   ((size_t)2 * 1024 * 1024)
#define BUNDLE   (BUNDLE_BYTES_MAX + SMALL)

const struct lucid_plugin_route verifier_routes[] = {
    {"GET", "/.well-known/lucid-verifier", PUBLIC, NULL, 0, 0, route_about, NULL},
    {"GET", "/schemas/attestation/{name}/v1", PUBLIC, NULL, 0, 0, route_schema, NULL},
    {"POST", "/v1/attestation/challenge", PUBLIC, NULL, READS, SMALL, route_challenge, NULL},
    {"POST", "/v1/attestation/appraise", APPRAISE, "appraise", 0, VERIFIER_REQUEST_BYTES,
     route_appraise, answered_appraise},
    {"GET", "/v1/attestation/appraisals", READ, NULL, 0, 0, route_appraisals, NULL},
    {"GET", "/v1/attestation/appraisals/{id}", READ, NULL, 0, 0, route_appraisal, NULL},
    {"POST", "/v1/attestation/replay", READ, NULL, READS, BUNDLE, route_replay, NULL},
    {"PUT", "/v1/attestation/policies", ADMIN, NULL, 0, DOCUMENT, route_policy_put,
     answered_document},
    {"GET", "/v1/attestation/policies", PUBLIC, NULL, 0, 0, route_policies, NULL},
    {"GET", "/v1/attestation/policies/{id}", PUBLIC, NULL, 0, 0, route_policy, NULL},
    {"PUT", "/v1/attestation/references", ADMIN, NULL, 0, DOCUMENT, route_reference_put,
     answered_document},
    {"GET", "/v1/attestation/references", PUBLIC, NULL, 0, 0, route_references, NULL},
    {"GET", "/v1/attestation/references/{id}", PUBLIC, NULL, 0, 0, route_reference, NULL},
    {"POST", "/v1/attestation/collateral", ADMIN, NULL, 0, ITEM, route_collateral_post,
     answered_collateral},
    {"GET", "/v1/attestation/collateral", READ, NULL, 0, 0, route_collateral, NULL},
    {"POST", "/v1/attestation/claims", APPRAISE, NULL, 0, CLAIMS, route_claims_post,
     answered_claims},
    {"GET", "/v1/attestation/claims", READ, NULL, 0, 0, route_claims, NULL},
    {"GET", "/v1/attestation/claims/{id}", READ, NULL, 0, 0, route_claims_one, NULL},
    {"POST", "/v1/attestation/interactions", APPRAISE, NULL, 0, DOCUMENT, route_interaction_post,
     answered_interaction},
    {"GET", "/v1/attestation/interactions", READ, NULL, 0, 0, route_interactions, NULL},
    {"GET", "/v1/attestation/interactions/{id}", READ, NULL, 0, 0, route_interaction, NULL},
    {.method = NULL},
};

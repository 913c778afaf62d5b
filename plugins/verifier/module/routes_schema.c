/* GET /schemas/attestation/{name}/v1: the JSON Schemas of what is sent here. */
#include "plugins/verifier/module/module.h"

extern const unsigned char verifier_schema_claims[];
extern const size_t verifier_schema_claims_len;
extern const unsigned char verifier_schema_interaction[];
extern const size_t verifier_schema_interaction_len;
extern const unsigned char verifier_schema_policy[];
extern const size_t verifier_schema_policy_len;
extern const unsigned char verifier_schema_reference[];
extern const size_t verifier_schema_reference_len;

static const struct {
    const char *name;
    const unsigned char *bytes;
    const size_t *len;
} schemas[] = {
    {"claims", verifier_schema_claims, &verifier_schema_claims_len},
    {"interaction", verifier_schema_interaction, &verifier_schema_interaction_len},
    {"policy", verifier_schema_policy, &verifier_schema_policy_len},
    {"reference", verifier_schema_reference, &verifier_schema_reference_len},
};

/* The version is in the path: the bytes at an address never change. */
static enum lucid_error schema(struct ask *ask, struct lucid_why *why)
{
    struct lucid_span name = kit_span(ask->host->call_param(ask->call, "name"));
    (void)why;
    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        if (lucid_span_is(name, schemas[i].name)) {
            ask->host->call_respond_tagged(
                ask->call, "application/schema+json",
                (struct lucid_plugin_bytes){schemas[i].bytes, *schemas[i].len}, UINT32_MAX);
            return LUCID_OK;
        }
    }
    return LUCID_NOTE_ABSENT;
}

enum lucid_plugin_result route_schema(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_why *why)
{
    return ask_run(self, call, schema, why);
}

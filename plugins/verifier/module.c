/* The plugin `verifier`: what it brings, opening and closing it. */
#include <stdio.h>

#include "base/base64url.h"
#include "base/secret.h"
#include "plugins/verifier/module.h"

#define STRING_OF(x) #x
#define STRING(x)    STRING_OF(x)

extern const char verifier_openapi_document[];

const char *verifier_build(void)
{
    return VERIFIER_VERSION " rules " STRING(APPRAISAL_RULES_VERSION);
}

/* RFC 7638 with the members of RFC 8037: how the key is called in tokens and in the JWKS. */
static bool kid_make(const struct lucid_plugin_host *host, char ret[VERIFIER_KID_BYTES + 1])
{
    struct lucid_buf text = {0};
    uint8_t digest[LUCID_SHA256_BYTES];
    lucid_buf_str(&text, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
    lucid_base64url_write(&text, lucid_span(host->public_key, LUCID_PLUGIN_KEY_BYTES));
    lucid_buf_str(&text, "\"}");
    lucid_sha256(lucid_buf_span(&text), digest);
    bool ok = lucid_buf_ok(&text);
    lucid_buf_clear(&text);
    lucid_base64url_write(&text, lucid_span(digest, sizeof(digest)));
    ok = ok && lucid_buf_ok(&text) && text.len == VERIFIER_KID_BYTES;
    if (ok) {
        memcpy(ret, text.data, VERIFIER_KID_BYTES);
        ret[VERIFIER_KID_BYTES] = '\0';
    }
    lucid_buf_fini(&text);
    return ok;
}

static void verifier_close(void *self)
{
    struct verifier *verifier = self;
    if (verifier != NULL) {
        verifier_settings_free(verifier);
        lucid_secret_free(verifier, sizeof(*verifier));
    }
}

static enum lucid_plugin_result verifier_open(const struct lucid_plugin_host *host, void **ret_self,
                                              struct lucid_plugin_why *why)
{
    struct lucid_why inner = {.code = NULL};
    struct verifier *verifier = lucid_secret_new(sizeof(*verifier));
    if (verifier == NULL) {
        return LUCID_PLUGIN_BUSY;
    }
    verifier->host = host;
    enum lucid_error error = verifier_settings_read(verifier, &inner);
    if (error != LUCID_OK) {
        why->code = "INVALID_CONFIG";
        (void)snprintf(why->param, sizeof(why->param), "%s", inner.param);
        (void)snprintf(why->text, sizeof(why->text), "%s", inner.text);
        verifier_close(verifier);
        return LUCID_PLUGIN_REFUSED;
    }
    if (!kid_make(host, verifier->kid)) {
        verifier_close(verifier);
        return LUCID_PLUGIN_BUSY;
    }
    host->secret(host, "challenge", verifier->challenge_key);
    if (verifier->allow_mock) {
        host->log(host, LUCID_PLUGIN_LOG_WARN, "attestation.mock",
                  "mock evidence is taken: its results say so and are never above warning");
    }
    *ret_self = verifier;
    return LUCID_PLUGIN_OK;
}

static const struct lucid_plugin_code codes[] = {
    {"CHALLENGE_UNKNOWN", 403}, {"EVIDENCE_REFUSED", 422}, {"EVIDENCE_TYPE_UNKNOWN", 422},
    {"INVALID_QUERY", 400},     {"INVALID_REQUEST", 422},  {"MOCK_NOT_ALLOWED", 403},
    {"NONCE_USED", 409},        {"TEST_ONLY", 422},        {NULL, 0},
};

#define SMALL ((size_t)16 * 1024)

static const struct lucid_plugin_route routes[] = {
    {"GET", "/.well-known/lucid-verifier", 0, NULL, 0, 0, route_about, NULL},
    {"POST", "/v1/attestation/challenge", 0, NULL, LUCID_PLUGIN_ROUTE_READS, SMALL, route_challenge,
     NULL},
    {.method = NULL},
};

const struct lucid_plugin lucid_plugin = {
    .abi = LUCID_PLUGIN_ABI,
    .name = "verifier",
    .version = VERIFIER_VERSION "+rules." STRING(APPRAISAL_RULES_VERSION),
    .summary = "appraises evidence of trusted hardware, reproducibly, on the log",
    .settings = verifier_settings,
    .kinds = kind_attestation,
    .routes = routes,
    .codes = codes,
    .openapi = verifier_openapi_document,
    .open = verifier_open,
    .close = verifier_close,
};

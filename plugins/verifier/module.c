/* The plugin `verifier`: what it brings, opening and closing it. */
#include <stdio.h>

#include "base/base64url.h"
#include "base/secret.h"
#include "plugins/verifier/module.h"

extern const char verifier_openapi_document[];

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

const struct lucid_plugin lucid_plugin = {
    .abi = LUCID_PLUGIN_ABI,
    .name = "verifier",
    .version = verifier_version,
    .summary = "appraises evidence of trusted hardware, reproducibly, on the log",
    .settings = verifier_settings,
    .kinds = kind_attestation,
    .routes = verifier_routes,
    .codes = verifier_codes,
    .openapi = verifier_openapi_document,
    .open = verifier_open,
    .close = verifier_close,
    .metrics = metrics_write,
};

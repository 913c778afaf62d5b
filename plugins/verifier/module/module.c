/* The plugin `verifier`: what it brings, opening and closing it. */
#include <stdio.h>

#include "base/secret.h"
#include "plugins/verifier/module/module.h"

extern const char verifier_openapi_document[];

const struct ask_module ask_module = {
    .codes = verifier_codes,
    .corrupt = "attestation.corrupt",
};

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
    enum lucid_error error =
        host->bytes < sizeof(*host)
            ? lucid_refuse(&inner, LUCID_REFUSE_INVALID, "INVALID_CONFIG", "plugins",
                           "this build of the plugin needs a newer service")
            : verifier_settings_read(verifier, &inner);
    if (error != LUCID_OK) {
        why->code = "INVALID_CONFIG";
        (void)snprintf(why->param, sizeof(why->param), "%s", inner.param);
        (void)snprintf(why->text, sizeof(why->text), "%s", inner.text);
        verifier_close(verifier);
        return LUCID_PLUGIN_REFUSED;
    }
    if (!key_kid(host->public_key, verifier->kid)) {
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

/* The plugin `passport`: what it brings, opening and closing it. */
#include "plugins/passport/module/module.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES_MAX = 32 << 20 };

extern const char passport_openapi_document[];

const struct ask_module ask_module = {
    .codes = passport_codes,
    .corrupt = "passport.corrupt",
};

static void passport_close(void *self)
{
    struct passport_module *module = self;
    if (module != NULL) {
        status_cache_free(module->status);
        gather_cache_free(module->today);
        lucid_arena_fini(&module->arena);
        free(module);
    }
}

/* Passports rest on what the plugin `verifier` has logged, and without it would all seem to
 * contradict it. */
static bool has_verifier(const struct lucid_plugin_host *host)
{
    for (const char *const *name = host->plugins; name != NULL && *name != NULL; name++) {
        if (strcmp(*name, "verifier") == 0) {
            return true;
        }
    }
    return host->plugins == NULL;
}

static enum lucid_error open_with(struct passport_module *module, struct lucid_why *why)
{
    const struct lucid_plugin_host *host = module->host;
    if (host->bytes < sizeof(*host)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", "plugins",
                            "this build of the plugin needs a newer service");
    }
    if (!has_verifier(host)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", "plugins",
                            "plugins: passport rests on the plugin verifier: load it as well");
    }
    enum lucid_error error = module_settings_read(module, why);
    module->status = status_cache_new();
    module->today = gather_cache_new();
    if (error == LUCID_OK && (module->status == NULL || module->today == NULL ||
                              !key_kid(host->public_key, module->kid))) {
        error = LUCID_RETRY_MEMORY;
    }
    return error;
}

static enum lucid_plugin_result passport_open(const struct lucid_plugin_host *host, void **ret_self,
                                              struct lucid_plugin_why *why)
{
    struct lucid_why inner = {.code = NULL};
    struct passport_module *module = calloc(1, sizeof(*module));
    if (module == NULL) {
        return LUCID_PLUGIN_BUSY;
    }
    module->host = host;
    lucid_arena_init(&module->arena, ARENA_BYTES_MAX);
    enum lucid_error error = open_with(module, &inner);
    if (error != LUCID_OK) {
        why->code = "INVALID_CONFIG";
        (void)snprintf(why->param, sizeof(why->param), "%s", inner.param);
        (void)snprintf(why->text, sizeof(why->text), "%s", inner.text);
        passport_close(module);
        return lucid_category(error) == LUCID_CATEGORY_REFUSE ? LUCID_PLUGIN_REFUSED
                                                              : LUCID_PLUGIN_BUSY;
    }
    if (module->allow_mock) {
        host->log(host, LUCID_PLUGIN_LOG_WARN, "passport.mock",
                  "passports are issued from mock evidence, which proves nothing: they say so");
    }
    if (module->applications.count == 0) {
        host->log(host, LUCID_PLUGIN_LOG_WARN, "passport.applications",
                  "no application is configured: no passport is issued");
    }
    *ret_self = module;
    return LUCID_PLUGIN_OK;
}

const struct lucid_plugin lucid_plugin = {
    .abi = LUCID_PLUGIN_ABI,
    .name = "passport",
    .version = passport_version,
    .summary = "issues AI Passports of appraisals, and says what became of them",
    .settings = passport_settings,
    .kinds = passport_kinds,
    .routes = passport_routes,
    .codes = passport_codes,
    .openapi = passport_openapi_document,
    .open = passport_open,
    .close = passport_close,
    .metrics = metrics_write,
};

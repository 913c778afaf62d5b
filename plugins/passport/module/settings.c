/* The configuration of the plugin. */
#include <stdio.h>
#include <stdlib.h>

#include "plugins/kit/setting.h"
#include "plugins/passport/module/module.h"

enum { JWKS_BYTES_MAX = 256 * 1024 };

const struct lucid_plugin_setting passport_settings[] = {
    {"applications", LUCID_PLUGIN_TEXT, "", 0, 0,
     "YAML file with the applications that passports are issued for"},
    {"allow_mock", LUCID_PLUGIN_BOOL, "false", 0, 0,
     "issue passports from mock evidence, which proves nothing, and call them valid"},
    {"policy", LUCID_PLUGIN_TEXT, "", 0, 0,
     "id (sha256:…) of the policy of applications that name none; empty: the built-in one"},
    {"overlap_seconds", LUCID_PLUGIN_UINT, "86400", 0, 2592000,
     "how long a passport stays valid beside its successor"},
    {"status_seconds", LUCID_PLUGIN_UINT, "3600", 60, STATUS_LIFETIME_S,
     "how long a status list can be relied on"},
    {"trusted_jwks", LUCID_PLUGIN_TEXT, "", 0, 0,
     "file with a JWK set: keys of other issuers whose passports are believed"},
    {"base_url", LUCID_PLUGIN_TEXT, "", 0, 0,
     "public URL of this service, for links and status lists; empty: links are paths"},
    {.key = NULL},
};

static enum lucid_error invalid(const char *key, struct lucid_why *why, const char *text)
{
    return setting_refuse("passport", key, why, text);
}

static const char *setting(const struct passport_module *module, const char *key)
{
    return module->host->setting(module->host, key);
}

/* A file's text, moved into the module's arena. */
static enum lucid_error file_read(struct passport_module *module, const char *key, size_t max,
                                  struct lucid_span *ret, struct lucid_why *why)
{
    struct lucid_span text;
    if (!setting_file_read(setting(module, key), max, &text)) {
        return invalid(key, why, "the file cannot be read, is empty or too large");
    }
    if (text.len == 0) {
        *ret = text;
        return LUCID_OK;
    }
    *ret = lucid_arena_copy(&module->arena, text);
    setting_file_free(&text);
    return ret->data != NULL ? LUCID_OK : LUCID_RETRY_MEMORY;
}

static enum lucid_error applications(struct passport_module *module, struct lucid_why *why)
{
    struct lucid_span text;
    struct lucid_why inner = {.code = NULL};
    char said[sizeof(inner.param) + sizeof(inner.text) + 4];
    enum lucid_error error = file_read(module, "applications", APPLICATION_BYTES_MAX, &text, why);
    if (error != LUCID_OK || text.len == 0) {
        return error;
    }
    error = applications_read(text, &module->arena, &module->applications, &inner);
    if (lucid_category(error) != LUCID_CATEGORY_REFUSE) {
        return error;
    }
    (void)snprintf(said, sizeof(said), "%s: %s", inner.param, inner.text);
    return invalid("applications", why, said);
}

static enum lucid_error trusted(struct passport_module *module, struct lucid_why *why)
{
    static const char key[] = "trusted_jwks";
    struct lucid_span text;
    struct lucid_why inner = {.code = NULL};
    enum lucid_error error = file_read(module, key, JWKS_BYTES_MAX, &text, why);
    if (error != LUCID_OK || text.len == 0) {
        return error;
    }
    error = package_keys_read(text, &module->arena, module->trusted, module->trusted_issuers,
                              VERIFY_KEYS_MAX / 2, &module->trusted_count, &inner);
    return lucid_category(error) == LUCID_CATEGORY_REFUSE ? invalid(key, why, inner.text) : error;
}

static enum lucid_error policy(struct passport_module *module, struct lucid_why *why)
{
    struct lucid_span text = lucid_span_str(setting(module, "policy"));
    module->has_policy = text.len > 0;
    if (text.len > 0 && ask_digest(text, "policy", module->policy, NULL) != LUCID_OK) {
        return invalid("policy", why, "it must be sha256: and 64 hex digits, or empty");
    }
    return LUCID_OK;
}

static enum lucid_error base_url(struct passport_module *module, struct lucid_why *why)
{
    struct lucid_span text = lucid_span_str(setting(module, "base_url"));
    if (text.len > 0 &&
        (text.len > MODULE_URL_BYTES_MAX ||
         !(passport_uri_is_good(text) || passport_endpoint_is_good(text)) ||
         memchr(text.data, '?', text.len) != NULL || memchr(text.data, '#', text.len) != NULL)) {
        return invalid(
            "base_url", why,
            "it must be an https URL (http: on this machine) of at most 200 bytes, or empty");
    }
    while (text.len > 0 && text.data[text.len - 1] == '/') {
        text.len--;
    }
    module->base_url = text;
    return LUCID_OK;
}

enum lucid_error module_settings_read(struct passport_module *module, struct lucid_why *why)
{
    module->allow_mock = strcmp(setting(module, "allow_mock"), "true") == 0;
    module->overlap_s = strtoull(setting(module, "overlap_seconds"), NULL, 10);
    module->status_s = strtoull(setting(module, "status_seconds"), NULL, 10);
    enum lucid_error error = policy(module, why);
    if (error == LUCID_OK) {
        error = base_url(module, why);
    }
    if (error == LUCID_OK) {
        error = applications(module, why);
    }
    if (error == LUCID_OK) {
        error = trusted(module, why);
    }
    return error;
}

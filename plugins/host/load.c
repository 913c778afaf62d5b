/* Modules: into the process and out of it, their settings, open and close. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "plugins/host/host_internal.h"

enum { PATH_BYTES_MAX = 4200, DL_TEXT_BYTES = 100 };

static const char symbol_name[] = "lucid_plugin";
static const char secret_prefix[] = "lucid/plugin-secret/v1\n";

/* What was set, by the setting's place in the module's list; NULL: the initial value. */
struct plugin_settings {
    char *text[PLUGIN_SETTINGS_MAX];
};

static enum lucid_error no_memory(struct lucid_why *why)
{
    return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory for plugins");
}

/* --- settings --------------------------------------------------------------------------------- */

static size_t setting_find(const struct plugin *plugin, const char *key)
{
    const struct lucid_plugin_setting *settings = plugin->module->settings;
    for (size_t i = 0; settings != NULL && settings[i].key != NULL; i++) {
        if (strcmp(settings[i].key, key) == 0) {
            return i;
        }
    }
    return PLUGIN_SETTINGS_MAX;
}

const char *plugin_setting(const struct plugin *plugin, const char *key)
{
    size_t at = setting_find(plugin, key);
    if (at == PLUGIN_SETTINGS_MAX) {
        return NULL;
    }
    const char *set = plugin->settings->text[at];
    return set == NULL ? plugin->module->settings[at].initial : set;
}

static const char *host_setting(const struct lucid_plugin_host *host, const char *key)
{
    return plugin_setting(lucid_owner_const(host, struct plugin, host), key);
}

/* What a value of that type must be. */
static enum lucid_error refuse_value(const struct plugin *plugin,
                                     const struct lucid_plugin_setting *setting,
                                     struct lucid_why *why)
{
    char name[LUCID_PLUGIN_NAME_BYTES_MAX + PLUGIN_SETTING_KEY_BYTES_MAX + 2];
    (void)snprintf(name, sizeof(name), "%s.%s", plugin->module->name, setting->key);
    switch (setting->type) {
    case LUCID_PLUGIN_UINT:
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", name,
                            "%s must be a whole number from %llu to %llu", name,
                            (unsigned long long)setting->min, (unsigned long long)setting->max);
    case LUCID_PLUGIN_BOOL:
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", name,
                            "%s must be true or false", name);
    case LUCID_PLUGIN_TEXT:
        break;
    }
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", name,
                        "%s must be one line of at most %d bytes", name, PLUGIN_SETTING_BYTES_MAX);
}

enum lucid_error plugin_set(struct plugin *plugin, const char *key, const char *value,
                            struct lucid_why *why)
{
    size_t at = setting_find(plugin, key);
    if (at == PLUGIN_SETTINGS_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "UNKNOWN_KEY", key,
                            "the plugin %s has no setting %.64s", plugin->module->name, key);
    }
    const struct lucid_plugin_setting *setting = &plugin->module->settings[at];
    if (!plugin_setting_fits(setting, value)) {
        return refuse_value(plugin, setting, why);
    }
    char *copy = strdup(value);
    if (copy == NULL) {
        return no_memory(why);
    }
    free(plugin->settings->text[at]);
    plugin->settings->text[at] = copy;
    return LUCID_OK;
}

/* --- modules ---------------------------------------------------------------------------------- */

/* Not everybody may put another file there: also where only the owner may take one away (sticky),
 * since it may be gone when we look. */
static enum lucid_error folder_check(const char *directory, struct lucid_why *why)
{
    struct stat info;
    if (stat(directory, &info) == 0 && (info.st_mode & S_IWOTH) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "plugins_dir",
                            "%s: everybody may write this folder: chmod o-w it first",
                            plugin_path_short(directory));
    }
    return LUCID_OK; /* what is not there is told of the file */
}

/* The file is there, and not everybody can have written it: what is in it runs in this process. Who
 * its owner and group are is the operator's affair. */
static enum lucid_error file_check(const char *path, struct lucid_why *why)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        int number = errno;
        return lucid_refuse(why, LUCID_RETRY_IO, "PLUGIN_NOT_FOUND", "plugins", "%s: %s",
                            plugin_path_short(path),
                            number == ENOENT ? "there is no such plugin" : strerrordesc_np(number));
    }
    if (!S_ISREG(info.st_mode) || (info.st_mode & S_IWOTH) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "plugins", "%s: %s",
                            plugin_path_short(path),
                            S_ISREG(info.st_mode) ? "everybody may write it: chmod o-w it first"
                                                  : "it is not a file");
    }
    return LUCID_OK;
}

/* What dlopen had to say, without the path that it begins with. */
static const char *dl_text(const char *path)
{
    const char *text = dlerror();
    if (text == NULL) {
        return "it cannot be loaded";
    }
    size_t len = strlen(path);
    return strncmp(text, path, len) == 0 && text[len] == ':' ? text + len + 2 : text;
}

static enum lucid_error module_load(struct plugin *plugin, const char *path, const char *name,
                                    struct lucid_why *why)
{
    enum lucid_error error = file_check(path, why);
    if (error != LUCID_OK) {
        return error;
    }
    plugin->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (plugin->handle == NULL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "plugins", "%s: %.*s",
                            plugin_path_short(path), DL_TEXT_BYTES, dl_text(path));
    }
    plugin->module = dlsym(plugin->handle, symbol_name);
    if (plugin->module == NULL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "plugins",
                            "%s: it exports no object %s: it is not a plugin",
                            plugin_path_short(path), symbol_name);
    }
    return plugin_module_check(plugin->module, path, name, why);
}

/* Fills what a module gets, as far as it is known before open. */
static void host_init(struct plugin *plugin)
{
    plugin->host = (struct lucid_plugin_host){
        .abi = LUCID_PLUGIN_ABI,
        .bytes = sizeof(plugin->host),
        .service_version = "",
        .origin = "",
    };
    plugin->host.setting = host_setting;
    plugin_host_init(plugin, &plugin->host);
}

enum lucid_error plugin_load(const char *directory, const char *name, struct plugin **ret,
                             struct lucid_why *why)
{
    char path[PATH_BYTES_MAX];
    if (!plugin_name_is_good(name, LUCID_PLUGIN_NAME_BYTES_MAX)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "plugins",
                            "a plugin's name is [a-z][a-z0-9_]*, at most %d bytes: not %.32s",
                            LUCID_PLUGIN_NAME_BYTES_MAX, name);
    }
    /* dlopen searches for a name without a slash; this one is a file. */
    int len = snprintf(path, sizeof(path), "%s%s/%s.so", strchr(directory, '/') ? "" : "./",
                       directory, name);
    if (len < 0 || (size_t)len >= sizeof(path)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", "plugins_dir",
                            "plugins_dir is too long");
    }
    struct plugin *plugin = calloc(1, sizeof(*plugin));
    if (plugin == NULL) {
        return no_memory(why);
    }
    plugin->settings = calloc(1, sizeof(*plugin->settings));
    enum lucid_error error =
        plugin->settings == NULL ? no_memory(why) : folder_check(directory, why);
    if (error == LUCID_OK) {
        error = module_load(plugin, path, name, why);
    }
    if (error != LUCID_OK) {
        plugin_unload(plugin);
        return error;
    }
    host_init(plugin);
    *ret = plugin;
    return LUCID_OK;
}

void plugin_unload(struct plugin *plugin)
{
    if (plugin == NULL) {
        return;
    }
    lucid_assert(!plugin->opened);
    for (size_t i = 0; plugin->settings != NULL && i < PLUGIN_SETTINGS_MAX; i++) {
        free(plugin->settings->text[i]);
    }
    free(plugin->settings);
    plugin_kinds_free(plugin);
    if (plugin->handle != NULL) {
        (void)dlclose(plugin->handle);
    }
    free(plugin);
}

/* --- open and close --------------------------------------------------------------------------- */

/* open's answer, as what stops the start. */
static enum lucid_error open_refused(const struct plugin *plugin, enum lucid_plugin_result result,
                                     const struct lucid_plugin_why *said, struct lucid_why *why)
{
    enum lucid_error error = result == LUCID_PLUGIN_BUSY ? LUCID_RETRY_BUSY : LUCID_REFUSE_INVALID;
    const char *text = said->text[0] != 0            ? said->text
                       : result == LUCID_PLUGIN_BUSY ? "it has no memory, or cannot now"
                                                     : "it gave no reason";
    return lucid_refuse(why, error, "PLUGIN_OPEN", said->param, "the plugin %s does not open: %s",
                        plugin->module->name, text);
}

static void keys_forget(struct plugin *plugin)
{
    plugin->self = NULL;
    plugin->key = NULL;
    plugin->host.public_key = NULL;
    lucid_wipe(plugin->secret_key, sizeof(plugin->secret_key));
}

enum lucid_error plugin_open(struct plugin *plugin, const struct ledger_identity *identity,
                             const char *service_version, const struct ledger_ed25519_key *key,
                             struct lucid_why *why)
{
    lucid_assert(!plugin->opened);
    const struct lucid_span parts[] = {
        lucid_span_str(secret_prefix),
        lucid_span(key->seed, sizeof(key->seed)),
    };
    lucid_sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), plugin->secret_key);
    plugin->key = key;
    plugin->host.public_key = key->public_key;
    plugin->host.service_version = service_version;
    plugin->host.origin = identity->origin;
    plugin->host.test = identity->test;
    struct lucid_plugin_why said = {.status = 0};
    enum lucid_plugin_result result = plugin->module->open(&plugin->host, &plugin->self, &said);
    plugin_why_mend(&said);
    if (result != LUCID_PLUGIN_OK) {
        keys_forget(plugin);
        return open_refused(plugin, result, &said, why);
    }
    plugin->opened = true;
    return LUCID_OK;
}

void plugin_close(struct plugin *plugin)
{
    if (plugin == NULL || !plugin->opened) {
        return;
    }
    plugin->module->close(plugin->self);
    plugin->opened = false;
    keys_forget(plugin);
}

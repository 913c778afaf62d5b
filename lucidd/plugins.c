#include "lucidd/plugins.h"

#include <stdio.h>

#include "lucidd/version.h"

enum { NAME_SHOWN_MAX = 31 };

/* Whether a name is that of a setting: '-' and '.' count as '_'. */
static bool setting_is(const struct plugin *plugin, const struct lucid_plugin_setting *setting,
                       const char *name, size_t len)
{
    char own[LUCID_PLUGIN_NAME_BYTES_MAX + PLUGIN_SETTING_KEY_BYTES_MAX + 2];
    int own_len = snprintf(own, sizeof(own), "%s_%s", plugin->module->name, setting->key);
    bool same = own_len > 0 && (size_t)own_len == len;
    for (size_t i = 0; same && i < len; i++) {
        same = own[i] == (name[i] == '-' || name[i] == '.' ? '_' : name[i]);
    }
    return same;
}

bool plugins_setting_find(const struct plugins *plugins, const char *name, size_t len,
                          struct plugin **ret_plugin, const struct lucid_plugin_setting **ret)
{
    for (size_t p = 0; p < plugins->count; p++) {
        const struct lucid_plugin_setting *setting = plugins->all[p]->module->settings;
        for (; setting != NULL && setting->key != NULL; setting++) {
            if (setting_is(plugins->all[p], setting, name, len)) {
                *ret_plugin = plugins->all[p];
                *ret = setting;
                return true;
            }
        }
    }
    return false;
}

/* A plugin's settings may not be read as those of one before it. */
static enum lucid_error settings_check(const struct plugins *plugins, const struct plugin *plugin,
                                       struct lucid_why *why)
{
    const struct lucid_plugin_setting *setting = plugin->module->settings;
    for (; setting != NULL && setting->key != NULL; setting++) {
        char name[LUCID_PLUGIN_NAME_BYTES_MAX + PLUGIN_SETTING_KEY_BYTES_MAX + 2];
        struct plugin *other;
        const struct lucid_plugin_setting *its;
        int len = snprintf(name, sizeof(name), "%s.%s", plugin->module->name, setting->key);
        if (plugins_setting_find(plugins, name, (size_t)len, &other, &its)) {
            return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PLUGIN_CONFLICT", "plugins",
                                "the settings %s and %s.%s have one flag and variable", name,
                                other->module->name, its->key);
        }
    }
    return LUCID_OK;
}

static enum lucid_error plugin_add(struct plugins *plugins, const char *directory, const char *name,
                                   struct lucid_why *why)
{
    for (size_t p = 0; p < plugins->count; p++) {
        if (strcmp(plugins->all[p]->module->name, name) == 0) {
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", "plugins",
                                "plugins names %s twice", name);
        }
    }
    if (plugins->count == PLUGINS_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", "plugins",
                            "plugins names more than %d", PLUGINS_MAX);
    }
    struct plugin *plugin;
    enum lucid_error error =
        plugin_load(directory[0] == 0 ? LUCID_PLUGINS_DIR : directory, name, &plugin, why);
    if (error != LUCID_OK) {
        return error;
    }
    error = settings_check(plugins, plugin, why);
    if (error != LUCID_OK) {
        plugin_unload(plugin);
        return error;
    }
    plugins->all[plugins->count++] = plugin;
    return LUCID_OK;
}

enum lucid_error plugins_load(const char *list, const char *directory, struct plugins *plugins,
                              struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    bool more = lucid_span_trim(lucid_span_str(list)).len > 0;
    while (error == LUCID_OK && more) {
        size_t len = strcspn(list, ",");
        struct lucid_span name = lucid_span_trim(lucid_span(list, len));
        char text[NAME_SHOWN_MAX + 1] = {0};
        if (name.len == 0) {
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", "plugins",
                                "plugins must be names with commas between them");
        }
        memcpy(text, name.data, name.len < NAME_SHOWN_MAX ? name.len : NAME_SHOWN_MAX);
        error = plugin_add(plugins, directory, text, why);
        more = list[len] == ',';
        list += len + more;
    }
    return error;
}

void plugins_unload(struct plugins *plugins)
{
    while (plugins->count > 0) {
        plugins->count--;
        plugin_unload(plugins->all[plugins->count]);
        datadir_secret_free(plugins->keys[plugins->count], sizeof(*plugins->keys[0]));
        plugins->keys[plugins->count] = NULL;
    }
}

enum lucid_error plugins_tables_create(const struct plugins *plugins, struct store *store,
                                       struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    for (size_t p = 0; error == LUCID_OK && plugins != NULL && p < plugins->count; p++) {
        error = plugin_tables_create(plugins->all[p], store);
        if (error != LUCID_OK) {
            return lucid_refuse(why, error, "PLUGIN_TABLES", "plugins",
                                "the tables of the plugin %s cannot be made: %s",
                                plugins->all[p]->module->name, lucid_error_name(error));
        }
    }
    return error;
}

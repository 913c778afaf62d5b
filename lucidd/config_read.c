/* Where the values come from: defaults < file < environment < flags, in two passes, because the
 * plugins say what keys there are. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "base/assert.h"
#include "lucidd/config_internal.h"

enum { FLAGS_MAX = 256 };

/* A flag as it stands there; value NULL: nothing follows it. */
struct flag {
    const char *arg;
    size_t len; /* of the name behind "--" */
    const char *value;
};

struct reading {
    struct config *config;
    struct plugins *plugins;
    bool plugins_only; /* the first pass: nothing else counts */
    struct flag flags[FLAGS_MAX];
    size_t flag_count;
    const char *file;
    enum config_action action;
};

/* What a name means: the service's key, or a plugin's setting. */
struct target {
    const struct config_key *key;
    struct plugin *plugin;
    const struct lucid_plugin_setting *setting;
};

static bool target_find(const struct reading *reading, const char *name, size_t len,
                        struct target *ret)
{
    struct target target = {.key = config_key_find(name, len)};
    bool found = target.key != NULL ||
                 plugins_setting_find(reading->plugins, name, len, &target.plugin, &target.setting);
    *ret = target;
    return found;
}

static void target_name(const struct target *target, char ret[CONFIG_NAME_BYTES_MAX])
{
    (void)snprintf(ret, CONFIG_NAME_BYTES_MAX, "%s%s%s",
                   target->key != NULL ? target->key->name : target->plugin->module->name,
                   target->key != NULL ? "" : ".", target->key != NULL ? "" : target->setting->key);
}

/* Whether the pass is interested in it. */
static bool target_counts(const struct reading *reading, const struct target *target)
{
    return !reading->plugins_only ||
           (target->key != NULL && (strcmp(target->key->name, "plugins") == 0 ||
                                    strcmp(target->key->name, "plugins_dir") == 0));
}

static enum lucid_error target_set(const struct reading *reading, const struct target *target,
                                   const char *text, struct lucid_why *why)
{
    return target->key != NULL ? config_key_set(reading->config, target->key, text, why)
                               : plugin_set(target->plugin, target->setting->key, text, why);
}

/* --- file ------------------------------------------------------------------------------------- */

static char *trim(char *text)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        text[--len] = 0;
    }
    return text;
}

static enum lucid_error read_line(const struct reading *reading, char *line, unsigned number,
                                  struct lucid_why *why)
{
    line = trim(line);
    if (*line == 0 || *line == '#') {
        return LUCID_OK;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", NULL,
                            "%s line %u: expected KEY = VALUE", reading->file, number);
    }
    *equals = 0;
    char *name = trim(line);
    struct target target;
    if (strchr(name, '-') != NULL || !target_find(reading, name, strlen(name), &target)) {
        return reading->plugins_only
                   ? LUCID_OK
                   : lucid_refuse(why, LUCID_REFUSE_INVALID, "UNKNOWN_KEY", name,
                                  "%s line %u: unknown key %.64s", reading->file, number, name);
    }
    return target_counts(reading, &target) ? target_set(reading, &target, trim(equals + 1), why)
                                           : LUCID_OK;
}

static enum lucid_error read_file(const struct reading *reading, struct lucid_why *why)
{
    FILE *file = fopen(reading->file, "re");
    if (file == NULL) {
        return lucid_refuse(why, LUCID_RETRY_IO, "CONFIG_UNREADABLE", "config", "%s: %s",
                            reading->file, strerror(errno));
    }
    enum lucid_error error = LUCID_OK;
    char line[CONFIG_TEXT_BYTES_MAX + CONFIG_NAME_BYTES_MAX + 16];
    unsigned number = 0;
    while (error == LUCID_OK && fgets(line, sizeof(line), file) != NULL) {
        number++;
        if (strchr(line, '\n') == NULL && !feof(file)) {
            error = lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", NULL,
                                 "%s line %u is too long", reading->file, number);
        } else {
            error = read_line(reading, line, number, why);
        }
    }
    if (error == LUCID_OK && ferror(file) != 0) {
        error = lucid_refuse(why, LUCID_RETRY_IO, "CONFIG_UNREADABLE", "config",
                             "%s cannot be read", reading->file);
    }
    fclose(file);
    return error;
}

/* --- environment ------------------------------------------------------------------------------ */

/* Says that a variable means nothing here, unless it is one of the command line's own. */
static void warn_unknown(const char *name, const char *variable, size_t len)
{
    static const char *const others[] = {"url", "token", "orchestrator_secret_key"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(name, others[i]) == 0) {
            return;
        }
    }
    lucid_log(LUCID_LOG_WARN, "config.environment", "unknown variable LUCID_%.*s ignored", (int)len,
              variable + 6);
}

static enum lucid_error read_environment(const struct reading *reading, char *const *environment,
                                         struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    for (; error == LUCID_OK && environment != NULL && *environment != NULL; environment++) {
        const char *equals = strchr(*environment, '=');
        if (strncmp(*environment, "LUCID_", 6) != 0 || equals == NULL) {
            continue;
        }
        char name[CONFIG_NAME_BYTES_MAX] = {0};
        size_t len = (size_t)(equals - *environment) - 6;
        for (size_t i = 0; i < len && i + 1 < sizeof(name); i++) {
            name[i] = (char)tolower((unsigned char)(*environment)[6 + i]);
        }
        struct target target;
        if (len >= sizeof(name) || !target_find(reading, name, len, &target)) {
            if (!reading->plugins_only) {
                warn_unknown(name, *environment, len);
            }
        } else if (target_counts(reading, &target)) {
            error = target_set(reading, &target, equals + 1, why);
        }
    }
    return error;
}

/* --- flags ------------------------------------------------------------------------------------ */

static bool flag_action(const char *arg, enum config_action *ret)
{
    static const struct {
        const char *name;
        enum config_action action;
    } actions[] = {
        {"--help", CONFIG_HELP},          {"-h", CONFIG_HELP},
        {"--version", CONFIG_VERSION},    {"--check", CONFIG_CHECK},
        {"--print-config", CONFIG_PRINT},
    };
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(arg, actions[i].name) == 0) {
            *ret = actions[i].action;
            return true;
        }
    }
    return false;
}

/* Takes the command line apart; what its names mean is not looked at yet, except for --config. */
static enum lucid_error flags_parse(struct reading *reading, int argc, char *const *argv,
                                    struct lucid_why *why)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (flag_action(arg, &reading->action)) {
            continue;
        }
        if (strncmp(arg, "--", 2) != 0) {
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "USAGE", NULL,
                                "unexpected argument %.64s (see --help)", arg);
        }
        if (reading->flag_count == FLAGS_MAX) {
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "USAGE", NULL, "too many options");
        }
        const char *equals = strchr(arg, '=');
        struct flag flag = {
            .arg = arg,
            .len = equals == NULL ? strlen(arg + 2) : (size_t)(equals - arg) - 2,
            .value = equals == NULL ? NULL : equals + 1,
        };
        if (equals == NULL && i + 1 < argc) {
            flag.value = argv[++i];
        }
        if (flag.len != 6 || strncmp(arg + 2, "config", 6) != 0) {
            reading->flags[reading->flag_count++] = flag;
            continue;
        }
        if (reading->file != NULL || flag.value == NULL) {
            return config_refuse_value(why, "config",
                                       flag.value == NULL ? "needs a value" : "is given twice");
        }
        reading->file = flag.value;
    }
    return LUCID_OK;
}

static bool flag_is_again(const struct reading *reading, size_t at, const struct target *target)
{
    for (size_t i = 0; i < at; i++) {
        struct target other;
        if (target_find(reading, reading->flags[i].arg + 2, reading->flags[i].len, &other) &&
            other.key == target->key && other.plugin == target->plugin &&
            other.setting == target->setting) {
            return true;
        }
    }
    return false;
}

/* judge: only whether they are known and whole; else: sets them. */
static enum lucid_error read_flags(const struct reading *reading, bool judge, struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < reading->flag_count; i++) {
        const struct flag *flag = &reading->flags[i];
        struct target target;
        if (!target_find(reading, flag->arg + 2, flag->len, &target)) {
            if (!reading->plugins_only) {
                error = lucid_refuse(why, LUCID_REFUSE_INVALID, "UNKNOWN_KEY", flag->arg + 2,
                                     "unknown option %.64s (see --help)", flag->arg);
            }
            continue;
        }
        if (!target_counts(reading, &target)) {
            continue;
        }
        if (flag->value == NULL || flag_is_again(reading, i, &target)) {
            char name[CONFIG_NAME_BYTES_MAX];
            target_name(&target, name);
            return config_refuse_value(why, name,
                                       flag->value == NULL ? "needs a value" : "is given twice");
        }
        error = judge ? LUCID_OK : target_set(reading, &target, flag->value, why);
    }
    return error;
}

/* --- all of them ------------------------------------------------------------------------------ */

static void set_initial(struct config *config)
{
    const struct config_key *key;
    memset(config, 0, sizeof(*config));
    for (size_t i = 0; (key = config_key_at(i)) != NULL; i++) {
        enum lucid_error error = config_key_set(config, key, key->initial, NULL);
        lucid_assert(error == LUCID_OK);
    }
}

/* One pass. Flags are judged first: a mistake on the command line is told before one in the file.
 */
static enum lucid_error read_all(const struct reading *reading, char *const *environment,
                                 struct lucid_why *why)
{
    enum lucid_error error = read_flags(reading, true, why);
    if (error == LUCID_OK && reading->file != NULL) {
        error = read_file(reading, why);
    }
    if (error == LUCID_OK) {
        error = read_environment(reading, environment, why);
    }
    return error == LUCID_OK ? read_flags(reading, false, why) : error;
}

/* No flag and no variable of a plugin may mean one of ours. */
static enum lucid_error settings_check(const struct plugins *plugins, struct lucid_why *why)
{
    for (size_t p = 0; p < plugins->count; p++) {
        const struct lucid_plugin *module = plugins->all[p]->module;
        const struct lucid_plugin_setting *setting = module->settings;
        for (; setting != NULL && setting->key != NULL; setting++) {
            char name[CONFIG_NAME_BYTES_MAX];
            int len = snprintf(name, sizeof(name), "%s_%s", module->name, setting->key);
            if (config_key_find(name, (size_t)len) != NULL) {
                return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PLUGIN_CONFLICT", "plugins",
                                    "the plugin %s cannot have the setting %s: %s is a key of the "
                                    "service",
                                    module->name, setting->key, name);
            }
        }
    }
    return LUCID_OK;
}

enum lucid_error config_read(int argc, char *const *argv, char *const *environment,
                             struct plugins *plugins, struct config *ret,
                             enum config_action *ret_action, struct lucid_why *why)
{
    struct config config;
    struct reading reading = {
        .config = &config, .plugins = plugins, .plugins_only = true, .action = CONFIG_RUN};
    set_initial(&config);
    enum lucid_error error = flags_parse(&reading, argc, argv, why);
    if (error == LUCID_OK) {
        error = read_all(&reading, environment, why);
    }
    if (error == LUCID_OK) {
        error = plugins_load(config.plugins, config.plugins_dir, plugins, why);
    }
    if (error == LUCID_OK) {
        error = settings_check(plugins, why);
    }
    if (error == LUCID_OK) {
        reading.plugins_only = false;
        set_initial(&config);
        error = read_all(&reading, environment, why);
    }
    if (error == LUCID_OK) {
        error = config_check_whole(&config, why);
    }
    bool needs_data = reading.action == CONFIG_RUN || reading.action == CONFIG_CHECK;
    if (error == LUCID_OK && config.data[0] == 0 && needs_data) {
        error =
            config_refuse_value(why, "data", "is missing: name the data directory with --data DIR");
    }
    if (error == LUCID_OK) {
        *ret = config;
        *ret_action = reading.action;
    }
    return error;
}

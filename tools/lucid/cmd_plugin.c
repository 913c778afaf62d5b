/* lucid plugin list, rotate-key */
#include <stdio.h>

#include "base/clock.h"
#include "lucidd/offline.h"
#include "lucidd/plugin_keys.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/plugins.h"
#include "tools/lucid/remote.h"

/* --- list ------------------------------------------------------------------------------------- */

static enum cli_exit rows_print(struct cli *cli, json_t *rows)
{
    static const char *const columns[] = {"name", "version", "abi", "key", "summary", NULL};
    if (rows == NULL) {
        return cli_fail(cli, CLI_UNREACHABLE, NULL, NULL, "out of memory");
    }
    if (cli->json) {
        json_t *out = json_pack("{s:O}", "items", rows);
        cli_print_json(out);
        json_decref(out);
    } else {
        cli_print_table(rows, columns);
    }
    json_decref(rows);
    return cli_flush(cli) ? CLI_OK : CLI_REFUSED;
}

/* The plugins that a service runs, as /v1/log says. */
static enum cli_exit list_remote(struct cli *cli)
{
    json_t *log = NULL;
    enum cli_exit code = remote_call(cli, "GET", "/v1/log", NULL, &log);
    if (code != CLI_OK) {
        return code;
    }
    json_t *rows = json_object_get(log, "plugins");
    rows = json_is_array(rows) ? json_incref(rows) : json_array();
    json_decref(log);
    return rows_print(cli, rows);
}

/* The public half of a plugin's key as hex, "" where DIR has none or none is asked for. */
static enum cli_exit key_text(struct cli *cli, const char *name, char ret[65])
{
    struct datadir dir;
    char path[PLUGIN_KEY_PATH_BYTES_MAX];
    struct lucid_why why = {.code = NULL};
    ret[0] = 0;
    if (cli->data == NULL) {
        return CLI_OK;
    }
    struct ledger_ed25519_key *key = datadir_secret_new(sizeof(*key));
    enum lucid_error error = key == NULL ? LUCID_RETRY_MEMORY : datadir_init(cli->data, &dir, &why);
    if (error == LUCID_OK) {
        plugin_key_path(&dir, name, path);
        error = datadir_key_read(path, key, &why);
    }
    if (error == LUCID_OK) {
        lucid_hex_encode(key->public_key, sizeof(key->public_key), ret);
        ret[64] = 0;
    }
    datadir_secret_free(key, sizeof(*key));
    return error == LUCID_OK || error == LUCID_NOTE_ABSENT
               ? CLI_OK
               : cli_fail_why(cli, error, &why, "plugin list");
}

/* What the modules say of themselves, beside the keys in DIR. */
static enum cli_exit list_modules(struct cli *cli)
{
    struct plugins plugins = {.count = 0};
    enum cli_exit code = cli_plugins_load(cli, &plugins);
    json_t *rows = json_array();
    for (size_t p = 0; code == CLI_OK && p < plugins.count; p++) {
        const struct lucid_plugin *module = plugins.all[p]->module;
        char key[65];
        code = key_text(cli, module->name, key);
        (void)json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:o, s:s}", "name",
                                                    module->name, "version", module->version, "abi",
                                                    (json_int_t)module->abi, "key",
                                                    key[0] == 0 ? json_null() : json_string(key),
                                                    "summary", module->summary));
    }
    if (code == CLI_OK) {
        code = rows_print(cli, rows);
    } else {
        json_decref(rows);
    }
    plugins_unload(&plugins);
    return code;
}

static enum cli_exit plugin_list(struct cli *cli)
{
    bool offline = cli->data != NULL || cli_value(cli, "plugins", NULL) != NULL ||
                   cli_value(cli, "plugins-dir", NULL) != NULL;
    return offline ? list_modules(cli) : list_remote(cli);
}

static const struct cli_option list_options[] = {
    {"plugins", 0, "NAMES", "look at modules instead of asking the service (LUCID_PLUGINS)"},
    {"plugins-dir", 0, "DIR", "folder of the modules (LUCID_PLUGINS_DIR; else the installed one)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_plugin_list = {
    .group = "plugin",
    .name = "list",
    .arguments = "",
    .summary = "the plugins of a service, or what modules say of themselves",
    .text = "Asks the service which plugins it runs, with the keys that they sign with. With\n"
            "--plugins (or --data) no service is asked: the modules are loaded and checked as the\n"
            "service would, and --data shows the keys that DIR holds. Nothing of them is opened.\n",
    .examples = "  lucid plugin list\n"
                "  lucid plugin list --plugins verifier --data /var/lib/lucid/log --json\n",
    .options = list_options,
    .run = plugin_list,
};

/* --- rotate-key ------------------------------------------------------------------------------- */

/* Refused while a service runs on DIR: it holds the key, and the store's lock. */
static enum lucid_error rotate(const char *data, const char *name, struct datadir *dir, char *old,
                               struct ledger_ed25519_key *key, struct lucid_why *why)
{
    struct store *store = NULL;
    struct lucid_clock clock = lucid_clock_system();
    enum lucid_error error = datadir_open(data, dir, why);
    if (error == LUCID_OK) {
        error = offline_store_open(dir->store, OFFLINE_WRITE, &store, why);
    }
    if (error == LUCID_OK) {
        error = plugin_key_rotate(dir, name, lucid_wall_ms(&clock), old, key, why);
    }
    store_close(store);
    return error;
}

static enum cli_exit plugin_rotate_key(struct cli *cli)
{
    const char *name = cli->arguments[0];
    struct datadir dir;
    char old[PLUGIN_KEY_PATH_BYTES_MAX];
    char path[PLUGIN_KEY_PATH_BYTES_MAX];
    char hex[65] = "";
    struct lucid_why why = {.code = NULL};
    if (cli->data == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "data", "--data is missing");
    }
    if (!plugin_name_is_good(name, LUCID_PLUGIN_NAME_BYTES_MAX)) {
        return cli_fail(cli, CLI_USAGE, NULL, "name", "%.40s is not a plugin's name", name);
    }
    struct ledger_ed25519_key *key = datadir_secret_new(sizeof(*key));
    enum lucid_error error =
        key == NULL ? LUCID_RETRY_MEMORY : rotate(cli->data, name, &dir, old, key, &why);
    if (error == LUCID_OK) {
        lucid_hex_encode(key->public_key, sizeof(key->public_key), hex);
        hex[64] = 0;
        plugin_key_path(&dir, name, path);
    }
    datadir_secret_free(key, sizeof(*key));
    return error == LUCID_OK ? remote_object_print(cli, CLI_OK,
                                                   json_pack("{s:s, s:s, s:s}", "file", path, "key",
                                                             hex, "old", old))
                             : cli_fail_why(cli, error, &why, "plugin rotate-key");
}

static const struct cli_option no_options[] = {
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_plugin_rotate_key = {
    .group = "plugin",
    .name = "rotate-key",
    .arguments = "NAME",
    .summary = "make a new key for a plugin's documents",
    .text =
        "Stop the service first. DIR/plugin-NAME.key is moved aside (.until-TIME, mode kept) and\n"
        "a new one made; the service logs its public half at its next start. Documents signed\n"
        "with the old one stay good: /.well-known/jwks.json lists it on, with the time it ended.\n",
    .examples = "  lucid plugin rotate-key verifier --data /var/lib/lucid/log\n",
    .options = no_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = plugin_rotate_key,
};

#include "lucidd/plugins_run.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/prom.h"
#include "lucidd/kinds.h"
#include "lucidd/plugin_keys.h"
#include "plugins/host/record.h"

enum { METRICS_BYTES_MAX = 64 << 10 };

static enum lucid_error key_new(struct plugins *plugins, size_t at, struct lucid_why *why)
{
    plugins->keys[at] = datadir_secret_new(sizeof(*plugins->keys[at]));
    return plugins->keys[at] != NULL
               ? LUCID_OK
               : lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory for keys");
}

static enum lucid_error key_open(struct plugins *plugins, size_t at, const struct datadir *dir,
                                 struct lucid_why *why)
{
    const char *name = plugins->all[at]->module->name;
    bool is_new = false;
    enum lucid_error error = key_new(plugins, at, why);
    if (error == LUCID_OK) {
        error = plugin_key_open(dir, name, plugins->keys[at], &is_new, why);
    }
    if (error == LUCID_OK && is_new) {
        lucid_log(LUCID_LOG_INFO, "plugin.key", "made a key for the plugin %s", name);
    }
    return error;
}

/* One after the other in one batch. The writer does not run yet: this thread is it. */
static enum lucid_error started_run(const struct plugins *plugins, struct ledger *ledger,
                                    struct plugin_started_command *commands, struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    for (size_t p = 0; error == LUCID_OK && p < plugins->count; p++) {
        const struct lucid_plugin *module = plugins->all[p]->module;
        error = plugin_started_prepare(&commands[p], module->name, module->version, module->abi,
                                       plugins->keys[p]->public_key, why);
        if (error == LUCID_OK) {
            error = ledger_batch_run(ledger, &commands[p].command);
        }
        if (error == LUCID_OK) {
            error = commands[p].command.error;
        }
    }
    return error;
}

static enum lucid_error started_log(const struct plugins *plugins, struct ledger *ledger,
                                    struct lucid_why *why)
{
    struct plugin_started_command commands[PLUGINS_MAX] = {{.ret_known = false}};
    struct lucid_clock clock = lucid_clock_system();
    uint64_t now_ms = lucid_wall_ms(&clock);
    uint64_t newest_ms = ledger_time_ms(ledger);
    enum lucid_error error = ledger_batch_begin(ledger, now_ms < newest_ms ? newest_ms : now_ms);
    if (error == LUCID_OK) {
        error = started_run(plugins, ledger, commands, why);
        if (error != LUCID_OK || ledger_batch_events(ledger) == 0) {
            ledger_batch_abort(ledger);
        } else {
            error = ledger_batch_commit(ledger);
        }
    }
    return error == LUCID_OK || (why->code != NULL && why->text[0] != 0)
               ? error
               : lucid_refuse(why, error, "STORE", NULL, "plugin.started cannot be logged: %s",
                              lucid_error_name(error));
}

/* Tells each who is there, before the first opens. */
static void names_give(struct plugins *plugins)
{
    for (size_t p = 0; p < plugins->count; p++) {
        plugins->names[p] = plugins->all[p]->module->name;
        plugins->all[p]->host.plugins = plugins->names;
    }
    plugins->names[plugins->count] = NULL;
}

enum lucid_error plugins_open(struct plugins *plugins, const struct datadir *dir,
                              struct ledger *ledger, const char *service_version,
                              struct lucid_why *why)
{
    const struct ledger_identity *identity = NULL;
    if (plugins->count == 0) {
        return LUCID_OK;
    }
    lucid_assert(ledger_identity(ledger, &identity));
    enum lucid_error error = LUCID_OK;
    names_give(plugins);
    for (size_t p = 0; error == LUCID_OK && p < plugins->count; p++) {
        struct plugin *plugin = plugins->all[p];
        error = key_open(plugins, p, dir, why);
        if (error == LUCID_OK) {
            error = plugin_open(plugin, identity, service_version, plugins->keys[p], why);
        }
        if (error == LUCID_OK) {
            lucid_log(LUCID_LOG_INFO, "plugin.open", "plugin %s, version %s, ABI %u",
                      plugin->module->name, plugin->module->version, (unsigned)plugin->module->abi);
        }
    }
    return error == LUCID_OK ? started_log(plugins, ledger, why) : error;
}

enum lucid_error plugins_check(struct plugins *plugins, const char *service_version,
                               struct lucid_why *why)
{
    static const struct ledger_identity nobody = {.test = false};
    struct kinds kinds;
    kinds_init(&kinds, NULL);
    enum lucid_error error = kinds_add_plugins(&kinds, plugins, why);
    names_give(plugins);
    for (size_t p = 0; error == LUCID_OK && p < plugins->count; p++) {
        plugins->all[p]->host.checking = true;
        error = key_new(plugins, p, why);
        if (error == LUCID_OK) {
            ledger_ed25519_key_generate(plugins->keys[p]);
            error = plugin_open(plugins->all[p], &nobody, service_version, plugins->keys[p], why);
        }
    }
    plugins_close(plugins);
    return error;
}

void plugins_close(struct plugins *plugins)
{
    for (size_t p = plugins->count; p > 0; p--) {
        plugin_close(plugins->all[p - 1]);
    }
}

/* --- metrics ---------------------------------------------------------------------------------- */

/* One family with a sample for each plugin. */
static void family_write(const struct plugins *plugins, struct lucid_buf *out, const char *name,
                         const char *type, const char *help,
                         uint64_t (*value)(const struct plugin *plugin))
{
    lucid_prom_family(out, name, type, help);
    for (size_t p = 0; p < plugins->count; p++) {
        lucid_buf_printf(out, "%s{plugin=\"%s\"} ", name, plugins->all[p]->module->name);
        lucid_buf_u64(out, value(plugins->all[p]));
        lucid_buf_char(out, '\n');
    }
}

static uint64_t calls_of(const struct plugin *plugin)
{
    return atomic_load_explicit(&plugin->calls, memory_order_relaxed);
}

static uint64_t refusals_of(const struct plugin *plugin)
{
    return atomic_load_explicit(&plugin->refusals, memory_order_relaxed);
}

static uint64_t slow_of(const struct plugin *plugin)
{
    return atomic_load_explicit(&plugin->slow_decides, memory_order_relaxed);
}

static uint64_t suspended_of(const struct plugin *plugin)
{
    return atomic_load_explicit(&plugin->suspended, memory_order_relaxed) ? 1 : 0;
}

/* Whatever a plugin writes, the rest of the page stays readable. */
static void own_write(struct plugin *plugin, struct lucid_buf *out)
{
    char prefix[sizeof("lucid__") + LUCID_PLUGIN_NAME_BYTES_MAX];
    (void)snprintf(prefix, sizeof(prefix), "lucid_%s_", plugin->module->name);
    if (plugin->module->metrics == NULL) {
        return;
    }
    struct lucid_plugin_out own = {.buf = {.bytes_max = METRICS_BYTES_MAX}};
    plugin->module->metrics(plugin->self, &plugin->host, &own);
    if (lucid_buf_ok(&own.buf) && lucid_prom_judge(lucid_buf_span(&own.buf), prefix)) {
        lucid_buf_span_put(out, lucid_buf_span(&own.buf));
    } else if (!atomic_exchange(&plugin->metrics_told, true)) {
        lucid_log(LUCID_LOG_WARN, "plugin.metrics",
                  "the metrics of %s are left out: not of the form, not called %s…, or too many",
                  plugin->module->name, prefix);
    }
    lucid_buf_fini(&own.buf);
}

void plugins_metrics_write(const struct plugins *plugins, struct lucid_buf *out)
{
    if (plugins->count == 0) {
        return;
    }
    family_write(plugins, out, "lucid_plugin_calls_total", "counter",
                 "Requests and commands that a plugin was given.", calls_of);
    family_write(plugins, out, "lucid_plugin_refusals_total", "counter",
                 "Requests and commands that a plugin refused, or was stopped in.", refusals_of);
    family_write(plugins, out, "lucid_plugin_slow_decides_total", "counter",
                 "How often a plugin held the writer for too long.", slow_of);
    family_write(plugins, out, "lucid_plugin_suspended", "gauge",
                 "1: the plugin was too slow again and again; it answers 503 until the next start.",
                 suspended_of);
    for (size_t p = 0; p < plugins->count; p++) {
        own_write(plugins->all[p], out);
    }
}

/* The plugins of a program: the service's by its configuration, the command line's for what it does
 * offline. Which module is which, and what can be wrong with one: plugins/host/host.h.
 *
 * Thread: main, before and after all others. */
#ifndef LUCID_LUCIDD_PLUGINS_H
#define LUCID_LUCIDD_PLUGINS_H

#include "lucidd/datadir.h"
#include "plugins/host/host.h"

struct plugins {
    struct plugin *all[PLUGINS_MAX];
    struct ledger_ed25519_key *keys[PLUGINS_MAX]; /* locked memory; NULL: not read */
    size_t count;
    const char *names[PLUGINS_MAX + 1]; /* for their hosts; set by plugins_open */
};

/* Loads the modules that list names, with commas between them ("": none), from the folder ("": the
 * one that this build installs to). What was loaded before an error stays until plugins_unload.
 * Errors: INVALID_CONFIG (the list), PLUGIN_CONFLICT (two settings with one name), those of
 * plugin_load. */
enum lucid_error plugins_load(const char *list, const char *directory, struct plugins *plugins,
                              struct lucid_why *why) LUCID_WARN_UNUSED;
/* After plugins_close, and after every ledger that knows their kinds. */
void plugins_unload(struct plugins *plugins);

/* The setting of that name, NAME.KEY, with '-' taken for '_', and '_' also for '.'. False: there is
 * none. */
bool plugins_setting_find(const struct plugins *plugins, const char *name, size_t len,
                          struct plugin **ret_plugin,
                          const struct lucid_plugin_setting **ret) LUCID_WARN_UNUSED;

/* Makes the tables of their kinds that a migrated, writable store has not yet; before a ledger is
 * opened over it. NULL is allowed. Errors: those of plugin_tables_create. */
enum lucid_error plugins_tables_create(const struct plugins *plugins, struct store *store,
                                       struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

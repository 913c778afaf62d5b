/* The plugins of the running service: their keys, opening and closing them, what they count.
 *
 * Thread: main before and after all others; metrics: any. */
#ifndef LUCID_LUCIDD_PLUGINS_RUN_H
#define LUCID_LUCIDD_PLUGINS_RUN_H

#include "lucidd/plugins.h"

/* Reads or makes their keys, opens them in order, and logs (event plugin.started) whose name,
 * version, ABI or key is not as it was logged last. Before the writer runs; they are closed by
 * plugins_close, also after an error.
 * Errors: those of plugin_key_open and plugin_open, and of a batch of the ledger. */
enum lucid_error plugins_open(struct plugins *plugins, const struct datadir *dir,
                              struct ledger *ledger, const char *service_version,
                              struct lucid_why *why) LUCID_WARN_UNUSED;

/* Whether they would open: opens them with keys that nobody keeps, and closes them. Nothing is
 * written, and no log is looked at. Errors: those of plugin_open and kinds_add_plugins. */
enum lucid_error plugins_check(struct plugins *plugins, const char *service_version,
                               struct lucid_why *why) LUCID_WARN_UNUSED;

/* In reverse order; when no thread uses them any more. */
void plugins_close(struct plugins *plugins);

/* Appends what the host counts of each, and what they have to say themselves: of that only what
 * lucid_prom_judge finds good, at most 64 KiB a plugin. */
void plugins_metrics_write(const struct plugins *plugins, struct lucid_buf *out);

#endif

/* Shared by the files of plugins/host. */
#ifndef LUCID_PLUGINS_HOST_INTERNAL_H
#define LUCID_PLUGINS_HOST_INTERNAL_H

#include "plugins/host/host.h"

/* Whether a module keeps what plugin.h asks of it. file: for the sentence. LUCID_REFUSE_INVALID
 * (PLUGIN_ABI, PLUGIN_INVALID), LUCID_RETRY_MEMORY. */
enum lucid_error plugin_module_check(const struct lucid_plugin *module, const char *file,
                                     const char *name, struct lucid_why *why) LUCID_WARN_UNUSED;

/* The end of a path that fits into a sentence. */
const char *plugin_path_short(const char *path);

/* Whether a setting's text is of its type and within its bounds; range: whether it is a number out
 * of bounds. */
bool plugin_setting_fits(const struct lucid_plugin_setting *setting,
                         const char *text) LUCID_WARN_UNUSED;

#endif

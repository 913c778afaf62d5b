/* Plugins for commands that look into a store themselves: --plugins and --plugins-dir
 * (LUCID_PLUGINS, LUCID_PLUGINS_DIR), so that what plugins logged is folded and checked. */
#ifndef LUCID_TOOLS_PLUGINS_H
#define LUCID_TOOLS_PLUGINS_H

#include "lucidd/plugins.h"
#include "tools/lucid/cli.h"

/* Rows of a command's options. */
#define CLI_PLUGINS_OPTIONS                                                                        \
    {"plugins", 0, "NAMES", "plugins whose events are folded and checked too (LUCID_PLUGINS)"},    \
    {                                                                                              \
        "plugins-dir", 0, "DIR", "folder of their modules (LUCID_PLUGINS_DIR; else the installed)" \
    }

/* Loads what the options, else the variables, name: nothing of them is opened. CLI_OK, or the exit
 * code after a message. Unload it in any case. */
enum cli_exit cli_plugins_load(struct cli *cli, struct plugins *plugins) LUCID_WARN_UNUSED;

#endif

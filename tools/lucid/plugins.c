#include "tools/lucid/plugins.h"

#include <stdlib.h>

static const char *named(const struct cli *cli, const char *option, const char *variable)
{
    const char *text = getenv(variable);
    return cli_value(cli, option, text != NULL ? text : "");
}

enum cli_exit cli_plugins_load(struct cli *cli, struct plugins *plugins)
{
    struct lucid_why why = {.code = NULL};
    enum lucid_error error =
        plugins_load(named(cli, "plugins", "LUCID_PLUGINS"),
                     named(cli, "plugins-dir", "LUCID_PLUGINS_DIR"), plugins, &why);
    if (error == LUCID_OK) {
        return CLI_OK;
    }
    return cli_fail(cli, CLI_REFUSED, why.code, "plugins", "%s", why.text);
}

/* lucid epoch list, show, finalize */
#include <stdio.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"

static enum cli_exit epoch_list(struct cli *cli)
{
    static const char *const columns[] = {"epoch",     "status",        "first_leaf",
                                          "end_leaf",  "receipt_count", "opened_at",
                                          "closed_by", "root",          NULL};
    return remote_list_print(cli, "/v1/epochs", columns, NULL);
}

static const struct cli_option list_options[] = {
    {"limit", 'n', "N", "at most N epochs (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_epoch_list = {
    .group = "epoch",
    .name = "list",
    .arguments = "",
    .summary = "list epochs",
    .examples = "  lucid epoch list\n  lucid epoch list --limit 1000 --json\n",
    .options = list_options,
    .run = epoch_list,
};

static enum cli_exit epoch_show(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *epoch = NULL;
    const char *number = cli->arguments[0];
    if (strcmp(number, "current") != 0 && strspn(number, "0123456789") != strlen(number)) {
        return cli_fail(cli, CLI_USAGE, NULL, "N", "N must be an epoch's number, or current");
    }
    if (!remote_id_ok(cli, "N", number)) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "/v1/epochs/%s", number);
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &epoch);
    return remote_object_print(cli, code, epoch);
}

const struct cli_command command_epoch_show = {
    .group = "epoch",
    .name = "show",
    .arguments = "N",
    .summary = "show one epoch, by number or `current`",
    .examples = "  lucid epoch show 0\n  lucid epoch show current --json\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = epoch_show,
};

static enum cli_exit epoch_finalize(struct cli *cli)
{
    json_t *epoch = NULL;
    enum cli_exit code = remote_call(cli, "POST", "/v1/epochs/current/finalize", NULL, &epoch);
    return remote_object_print(cli, code, epoch);
}

const struct cli_command command_epoch_finalize = {
    .group = "epoch",
    .name = "finalize",
    .arguments = "",
    .summary = "close the open epoch now (admin)",
    .examples = "  lucid epoch finalize --data /var/lib/lucid\n",
    .run = epoch_finalize,
};

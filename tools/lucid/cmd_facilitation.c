/* lucid facilitation list */
#include <stdio.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/money.h"
#include "tools/lucid/remote.h"

static void facilitation_row(json_t *item)
{
    money_member_show(item, "amount", "USDC");
    const json_t *reason = json_object_get(item, "reason");
    if (json_object_get(item, "transaction") == NULL && json_is_string(reason)) {
        json_object_set(item, "transaction", json_object_get(item, "reason"));
    }
}

static enum cli_exit facilitation_list(struct cli *cli)
{
    static const char *const columns[] = {"begun_at", "status", "client",  "network",     "payer",
                                          "pay_to",   "amount", "gas_wei", "transaction", NULL};
    static const char *const filters[] = {"client", "status"};
    char path[REMOTE_PATH_BYTES_MAX];
    int len = snprintf(path, sizeof(path), "/v1/x402/facilitations");
    char mark = '?';
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        const char *text = cli_value(cli, filters[i], NULL);
        if (text == NULL) {
            continue;
        }
        if (!remote_id_ok(cli, filters[i], text)) {
            return CLI_USAGE;
        }
        len += snprintf(path + len, sizeof(path) - (size_t)len, "%c%s=%s", mark, filters[i], text);
        if ((size_t)len >= sizeof(path)) {
            return cli_fail(cli, CLI_USAGE, NULL, filters[i], "--%s is too long", filters[i]);
        }
        mark = '&';
    }
    return remote_list_print(cli, path, columns, facilitation_row);
}

static const struct cli_option list_options[] = {
    {"client", 'c', "NAME", "only what was settled for that client of x402_clients_file"},
    {"status", 's', "STATUS", "only open, settled or failed ones"},
    {"limit", 'n', "N", "at most N of them (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_facilitation_list = {
    .group = "facilitation",
    .name = "list",
    .arguments = "",
    .summary = "what was settled for other x402 servers",
    .text = "Oldest first. TRANSACTION: by which it was settled, or why it failed. GAS_WEI: what "
            "counts\n"
            "against the client's day.\n",
    .examples = "  lucid facilitation list --client shop\n"
                "  lucid facilitation list --status open --json\n",
    .options = list_options,
    .run = facilitation_list,
};

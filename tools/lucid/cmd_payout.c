/* lucid payout list, show, complete, fail */
#include <stdio.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/settlement.h"

static enum cli_exit payout_list(struct cli *cli)
{
    static const char *const filters[] = {"settlement", "unit", "payee", "status", NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    if (!settlement_query(cli, "/v1/payouts", filters, path)) {
        return CLI_USAGE;
    }
    return remote_list_print(cli, path, payout_columns, payout_show);
}

static const struct cli_option list_options[] = {
    {"settlement", 'S', "ID", "of this statement, like USDC-0"},
    {"unit", 'U', "UNIT", "USDC or LUCID only"},
    {"payee", 'p', "PAYEE", "to this payee"},
    {"status", 's', "STATUS", "started, completed or failed"},
    {"limit", 'n', "N", "at most N payouts (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_payout_list = {
    .group = "payout",
    .name = "list",
    .arguments = "",
    .summary = "list payouts",
    .examples = "  lucid payout list --status started\n"
                "  lucid payout list --settlement USDC-0 --json\n",
    .options = list_options,
    .run = payout_list,
};

static enum cli_exit payout_call(struct cli *cli, const char *method, const char *more,
                                 const json_t *body)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *payout = NULL;
    const char *number = cli->arguments[0];
    if (number[0] == '\0' || strlen(number) > 19 ||
        strspn(number, "0123456789") != strlen(number)) {
        return cli_fail(cli, CLI_USAGE, NULL, "N", "N must be a payout's number");
    }
    (void)snprintf(path, sizeof(path), "/v1/payouts/%s%s", number, more);
    enum cli_exit code = remote_call(cli, method, path, body, &payout);
    if (code == CLI_OK && !cli->json) {
        payout_show(payout);
    }
    return remote_object_print(cli, code, payout);
}

static enum cli_exit payout_show_run(struct cli *cli)
{
    return payout_call(cli, "GET", "", NULL);
}

const struct cli_command command_payout_show = {
    .group = "payout",
    .name = "show",
    .arguments = "N",
    .summary = "show one payout",
    .examples = "  lucid payout show 1\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = payout_show_run,
};

/* Ends a payout with those options as members; the first one must be given. */
static enum cli_exit payout_end(struct cli *cli, const char *verb, const char *const *names)
{
    json_t *body = json_object();
    enum cli_exit code = CLI_OK;
    if (cli_value(cli, names[0], NULL) == NULL) {
        code = cli_fail(cli, CLI_USAGE, NULL, names[0], "--%s is missing", names[0]);
    }
    for (; code == CLI_OK && *names != NULL; names++) {
        const char *text = cli_value(cli, *names, NULL);
        if (text != NULL && json_object_set_new(body, *names, json_string(text)) != 0) {
            code = cli_fail(cli, CLI_USAGE, NULL, *names, "--%s must be UTF-8", *names);
        }
    }
    if (code == CLI_OK) {
        code = payout_call(cli, "POST", verb, body);
    }
    json_decref(body);
    return code;
}

static enum cli_exit payout_complete(struct cli *cli)
{
    static const char *const names[] = {"reference", "network", "transaction", NULL};
    return payout_end(cli, "/complete", names);
}

static const struct cli_option complete_options[] = {
    {"reference", 'r', "TEXT", "what it is found by outside (required)"},
    {"network", 0, "NAME", "where it was paid, like eip155:8453"},
    {"transaction", 0, "TEXT", "by which transaction"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_payout_complete = {
    .group = "payout",
    .name = "complete",
    .arguments = "N",
    .summary = "a started payout has reached its payee (admin)",
    .text = "When this pays a statement's last open line, the statement is closed.\n",
    .examples = "  lucid payout complete 2 --reference \"SEPA 4711\"\n",
    .options = complete_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = payout_complete,
};

static enum cli_exit payout_fail(struct cli *cli)
{
    static const char *const names[] = {"reason", NULL};
    return payout_end(cli, "/fail", names);
}

static const struct cli_option fail_options[] = {
    {"reason", 'R', "TEXT", "why (required)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_payout_fail = {
    .group = "payout",
    .name = "fail",
    .arguments = "N",
    .summary = "a started payout has failed: its amount is open again (admin)",
    .text = "To try again, start another payout with an id of its own.\n",
    .examples = "  lucid payout fail 2 --reason \"account closed\"\n",
    .options = fail_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = payout_fail,
};

/* lucid signer list, register, revoke */
#include <stdio.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"

static enum cli_exit signer_list(struct cli *cli)
{
    static const char *const columns[] = {"signer_pubkey", "name",       "signer_type", "status",
                                          "registered_at", "revoked_at", NULL};
    return remote_list_print(cli, "/v1/signers", columns, NULL);
}

static const struct cli_option list_options[] = {
    {"limit", 'n', "N", "at most N signers (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_signer_list = {
    .group = "signer",
    .name = "list",
    .arguments = "",
    .summary = "list the keys that may sign receipts",
    .examples = "  lucid signer list\n",
    .options = list_options,
    .run = signer_list,
};

static bool key_ok(struct cli *cli)
{
    if (!lucid_is_hex(lucid_span_str(cli->arguments[0]), 64)) {
        (void)cli_fail(cli, CLI_USAGE, NULL, "KEY",
                       "KEY must be a public key of 64 lower-case hex digits");
        return false;
    }
    return true;
}

static enum cli_exit signer_register(struct cli *cli)
{
    const char *name = cli_value(cli, "name", NULL);
    if (!key_ok(cli)) {
        return CLI_USAGE;
    }
    if (name == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "name", "--name is missing");
    }
    json_t *body = json_pack("{s:s, s:s, s:s}", "signer_pubkey", cli->arguments[0], "name", name,
                             "signer_type", cli_value(cli, "type", "orchestrator"));
    if (body == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "name", "--name and --type must be UTF-8");
    }
    json_t *signer = NULL;
    enum cli_exit code = remote_call(cli, "POST", "/v1/signers", body, &signer);
    json_decref(body);
    return remote_object_print(cli, code, signer);
}

static const struct cli_option register_options[] = {
    {"name", 'n', "NAME", "what people call the key (required)"},
    {"type", 'T', "TYPE", "orchestrator (default), compute or worker"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_signer_register = {
    .group = "signer",
    .name = "register",
    .arguments = "KEY",
    .summary = "let a key sign receipts (admin)",
    .text = "KEY is the public key that `lucid keygen` prints.\n",
    .examples = "  lucid signer register d75a98… --name gateway-1 --type orchestrator\n",
    .options = register_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = signer_register,
};

static enum cli_exit signer_revoke(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *signer = NULL;
    if (!key_ok(cli)) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "/v1/signers/%s/revoke", cli->arguments[0]);
    enum cli_exit code = remote_call(cli, "POST", path, NULL, &signer);
    return remote_object_print(cli, code, signer);
}

const struct cli_command command_signer_revoke = {
    .group = "signer",
    .name = "revoke",
    .arguments = "KEY",
    .summary = "accept nothing new by a key, for ever (admin)",
    .text = "Receipts that it has signed stay in the log and stay valid.\n",
    .examples = "  lucid signer revoke d75a98…\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = signer_revoke,
};

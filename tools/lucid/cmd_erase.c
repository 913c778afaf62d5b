/* lucid receipt erase */
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"

/* Asks on the terminal; false: not confirmed. */
static bool confirmed(const char *id)
{
    char line[16];
    fprintf(stderr, "Erase the body of %s for good? Type yes: ", id);
    fflush(stderr);
    if (fgets(line, sizeof(line), stdin) == NULL) {
        return false;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return strcasecmp(line, "yes") == 0 || strcasecmp(line, "y") == 0;
}

static enum cli_exit receipt_erase(struct cli *cli)
{
    const char *id = cli->arguments[0];
    const char *reason = cli_value(cli, "reason", NULL);
    char path[REMOTE_PATH_BYTES_MAX];
    if (!remote_id_ok(cli, "ID", id)) {
        return CLI_USAGE;
    }
    if (reason == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "reason", "--reason is missing");
    }
    if (!cli_flag(cli, "yes")) {
        if (isatty(STDIN_FILENO) == 0) {
            return cli_fail(cli, CLI_USAGE, NULL, "yes",
                            "standard input is no terminal: confirm with --yes");
        }
        if (!confirmed(id)) {
            return cli_fail(cli, CLI_REFUSED, "NOT_CONFIRMED", NULL, "nothing was erased");
        }
    }
    (void)snprintf(path, sizeof(path), "/v1/receipts/%s/body", id);
    json_t *question = json_pack("{s:s}", "reason", reason);
    if (question == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "reason", "--reason is not UTF-8");
    }
    json_t *answer = NULL;
    enum cli_exit code = remote_call(cli, "DELETE", path, question, &answer);
    json_decref(question);
    return remote_object_print(cli, code, answer);
}

static const struct cli_option erase_options[] = {
    {"reason", 0, "TEXT", "why, at most 256 bytes; logged for good (required)"},
    {"yes", 'y', NULL, "do not ask"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_receipt_erase = {
    .group = "receipt",
    .name = "erase",
    .arguments = "ID",
    .summary = "erase a receipt's body for good (admin)",
    .text =
        "The body is overwritten; entry, proofs and run_id stay, and the erasure is logged with\n"
        "its reason. Free pages of the store may hold the old bytes for a while: to be sure,\n"
        "make a backup after the erasure, restore it, and destroy the older copies.\n",
    .examples = "  lucid receipt erase run_0f3a… --reason \"request 1723\" --data /var/lib/lucid\n",
    .options = erase_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = receipt_erase,
};

/* lucid x402 rotate-key */
#include "base/clock.h"
#include "lucidd/x402_keys.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"

static enum cli_exit rotate_key(struct cli *cli)
{
    struct datadir dir;
    struct lucid_why why = {0};
    struct lucid_clock clock = lucid_clock_system();
    if (cli->data == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "data", "--data is missing");
    }
    enum lucid_error error = datadir_open(cli->data, &dir, &why);
    if (error == LUCID_OK) {
        error = x402_keys_file_rotate(&dir, lucid_wall_ms(&clock), &why);
    }
    if (error != LUCID_OK) {
        return cli_fail_why(cli, error, &why, "x402 rotate-key");
    }
    return remote_object_print(cli, CLI_OK, json_pack("{s:s}", "file", dir.x402_keys));
}

static const struct cli_option no_options[] = {
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_x402_rotate_key = {
    .group = "x402",
    .name = "rotate-key",
    .arguments = "",
    .summary = "make a new key for the challenges of payments",
    .text =
        "Appends a key to DIR/x402.keys. The service signs with it from its next start on; what\n"
        "was asked for with an older key can still be paid and shown. Of 32 keys the oldest\n"
        "goes. Where several front ends answer for one another, copy the file to all of them\n"
        "before the first is started again.\n",
    .examples = "  lucid x402 rotate-key --data /var/lib/lucid/log\n",
    .options = no_options,
    .run = rotate_key,
};

/* lucid gas tariff, set-tariff */
#include <stdio.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/money.h"
#include "tools/lucid/remote.h"

static void tariff_show(json_t *tariff)
{
    const char *unit = json_string_value(json_object_get(tariff, "unit"));
    money_member_show(tariff, "igas", unit);
    money_member_show(tariff, "mgas", unit);
}

static enum cli_exit tariff_print(struct cli *cli, enum cli_exit code, json_t *tariff)
{
    if (code == CLI_OK && !cli->json) {
        tariff_show(tariff);
        json_object_del(tariff, "unit");
        json_object_del(tariff, "decimals");
    }
    return remote_object_print(cli, code, tariff);
}

static enum cli_exit gas_tariff(struct cli *cli)
{
    static const char *const columns[] = {"since_sequence", "since", "igas", "mgas", NULL};
    if (cli_flag(cli, "history")) {
        return remote_list_print(cli, "/v1/gas/tariff/history", columns, tariff_show);
    }
    uint64_t as_of = 0;
    char path[REMOTE_PATH_BYTES_MAX] = "/v1/gas/tariff";
    if (!cli_value_u64(cli, "as-of", 0, 0, INT64_MAX, &as_of)) {
        return CLI_USAGE;
    }
    if (cli_value(cli, "as-of", NULL) != NULL) {
        (void)snprintf(path, sizeof(path), "/v1/gas/tariff?as_of=%llu", (unsigned long long)as_of);
    }
    json_t *tariff = NULL;
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &tariff);
    return tariff_print(cli, code, tariff);
}

static const struct cli_option tariff_options[] = {
    {"as-of", 0, "N", "as it was after event N"},
    {"history", 'H', NULL, "all tariffs there were"},
    {"limit", 'n', "N", "at most N of them (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_gas_tariff = {
    .group = "gas",
    .name = "tariff",
    .arguments = "",
    .summary = "what a receipt (iGas) and an epoch's root (mGas) cost",
    .examples = "  lucid gas tariff\n"
                "  lucid gas tariff --as-of 5000 --json\n"
                "  lucid gas tariff --history\n",
    .options = tariff_options,
    .run = gas_tariff,
};

static enum cli_exit gas_set_tariff(struct cli *cli)
{
    char igas[GAS_AMOUNT_TEXT_BYTES];
    char mgas[GAS_AMOUNT_TEXT_BYTES];
    if (!money_value(cli, "igas", GAS_LUCID, igas) || !money_value(cli, "mgas", GAS_LUCID, mgas)) {
        return CLI_USAGE;
    }
    json_t *body = json_pack("{s:s, s:s}", "igas", igas, "mgas", mgas);
    json_t *tariff = NULL;
    enum cli_exit code = remote_call(cli, "PUT", "/v1/gas/tariff", body, &tariff);
    json_decref(body);
    return tariff_print(cli, code, tariff);
}

static const struct cli_option set_options[] = {
    {"igas", 'i', "LUCID", "for each receipt, in LUCID with up to 9 decimals (required)"},
    {"mgas", 'm', "LUCID", "for each epoch's root (required)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_gas_set_tariff = {
    .group = "gas",
    .name = "set-tariff",
    .arguments = "",
    .summary = "set the tariff for what comes next (admin)",
    .text = "What was charged before stays as it was: the tariff is part of the log.\n",
    .examples = "  lucid gas set-tariff --igas 1 --mgas 5 --data /var/lib/lucid\n"
                "  lucid gas set-tariff --igas 0.25 --mgas 0\n",
    .options = set_options,
    .run = gas_set_tariff,
};

/* lucid payment refund, refunds */
#include <stdio.h>

#include "gas/split.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/money.h"
#include "tools/lucid/remote.h"

/* The legs beside the refund, each under its role's name; amounts in the unit. */
static void refund_row(json_t *refund)
{
    const char *unit = json_string_value(json_object_get(refund, "unit"));
    json_t *legs = json_incref(json_object_get(refund, "legs"));
    for (int leg = 0; leg < GAS_LEGS; leg++) {
        const char *name = gas_leg_name((enum gas_leg)leg);
        json_object_set(refund, name, json_object_get(legs, name));
        money_member_show(refund, name, unit);
    }
    json_decref(legs);
    money_member_show(refund, "amount", unit);
}

static enum cli_exit refund_print(struct cli *cli, enum cli_exit code, json_t *refund)
{
    if (code == CLI_OK && json_is_true(json_object_get(refund, "replayed"))) {
        cli_note(cli, "recorded before; nothing was added");
    }
    if (code == CLI_OK && !cli->json) {
        refund_row(refund);
        json_object_del(refund, "legs");
    }
    return remote_object_print(cli, code, refund);
}

static bool path_of(struct cli *cli, const char *query, char path[REMOTE_PATH_BYTES_MAX])
{
    if (!remote_id_ok(cli, "ID", cli->arguments[0])) {
        return false;
    }
    int len = snprintf(path, REMOTE_PATH_BYTES_MAX, "/v1/payments/%s/refunds%s", cli->arguments[0],
                       query);
    if (len < 0 || len >= REMOTE_PATH_BYTES_MAX) {
        (void)cli_fail(cli, CLI_USAGE, NULL, "ID", "the id is too long");
        return false;
    }
    return true;
}

/* --- refund ----------------------------------------------------------------------------------- */

/* What the options say, as the body. NULL: it has failed. */
static json_t *refund_body(struct cli *cli)
{
    static const struct {
        const char *option;
        const char *member;
    } texts[] = {{"external-id", "external_id"},
                 {"transaction", "transaction"},
                 {"network", "network"},
                 {"note", "note"}};
    char amount[GAS_AMOUNT_TEXT_BYTES];
    uint64_t log_index = 0;
    bool indexed = cli_value(cli, "log-index", NULL) != NULL;
    if (!money_option(cli, "amount", "amount-units", GAS_USDC, amount) ||
        (indexed && !cli_value_u64(cli, "log-index", 0, 0, UINT32_MAX, &log_index))) {
        return NULL;
    }
    json_t *body = json_object();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = cli_value(cli, texts[i].option, NULL);
        if (text != NULL && json_object_set_new(body, texts[i].member, json_string(text)) != 0) {
            (void)cli_fail(cli, CLI_USAGE, NULL, texts[i].option, "--%s must be UTF-8",
                           texts[i].option);
            json_decref(body);
            return NULL;
        }
    }
    if (amount[0] != '\0') {
        json_object_set_new(body, "amount", json_string(amount));
    }
    if (indexed) {
        json_object_set_new(body, "log_index", json_integer((json_int_t)log_index));
    }
    if (cli_flag(cli, "send")) {
        json_object_set_new(body, "send", json_true());
    }
    return body;
}

static enum cli_exit payment_refund(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *refund = NULL;
    bool send = cli_flag(cli, "send");
    if (cli_value(cli, "external-id", NULL) == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "external-id", "--external-id is missing");
    }
    if (send == (cli_value(cli, "transaction", NULL) != NULL)) {
        return cli_fail(cli, CLI_USAGE, NULL, "transaction",
                        "either --transaction, of a transfer that was made, or --send");
    }
    if (!path_of(cli, "", path)) {
        return CLI_USAGE;
    }
    json_t *body = refund_body(cli);
    if (body == NULL) {
        return CLI_USAGE;
    }
    enum cli_exit code = remote_call(cli, "POST", path, body, &refund);
    json_decref(body);
    return refund_print(cli, code, refund);
}

static const struct cli_option refund_options[] = {
    {"external-id", 'x', "ID", "what the refund is called; once per payment (required)"},
    {"transaction", 0, "TX", "the transfer that was made: 0x and 64 hex digits"},
    {"log-index", 0, "N", "which of the transaction's logs (the first that fits)"},
    {"amount", 0, "AMOUNT", "exactly so much, in USDC: 1.5 (of what the transfer is)"},
    {"amount-units", 0, "N", "the same in base units: 1500000"},
    {"network", 0, "NETWORK", "the payment's own, CAIP-2; another is refused"},
    {"send", 0, NULL, "the service's treasury makes the transfer, of --amount"},
    {"note", 0, "TEXT", "up to 256 bytes"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_payment_refund = {
    .group = "payment",
    .name = "refund",
    .arguments = "ID",
    .summary = "give a payment back, or a part of it (admin)",
    .text = "Records a transfer of the token to the payer, once the chain shows it deep enough;\n"
            "until then it is refused (exit code 3), and the same command is good again. Safe to\n"
            "repeat: the same external id and transfer are recorded once.\n",
    .examples = "  lucid payment refund 3f6c… --external-id r-117 --transaction 0x9f…\n"
                "  lucid payment refund 3f6c… -x r-118 --transaction 0x9f… --amount 0.5 --json\n",
    .options = refund_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = payment_refund,
};

/* --- refunds ---------------------------------------------------------------------------------- */

static enum cli_exit payment_refunds(struct cli *cli)
{
    static const char *const columns[] = {"external_id", "recorded_at", "status",   "amount",
                                          "compute",     "model",       "protocol", "to",
                                          "transaction", NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    return path_of(cli, "", path) ? remote_list_print(cli, path, columns, refund_row) : CLI_USAGE;
}

static const struct cli_option refunds_options[] = {
    {"limit", 'n', "N", "at most N refunds (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_payment_refunds = {
    .group = "payment",
    .name = "refunds",
    .arguments = "ID",
    .summary = "what of a payment was given back",
    .examples = "  lucid payment refunds 3f6c…\n  lucid payment refunds 3f6c… --json\n",
    .options = refunds_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = payment_refunds,
};

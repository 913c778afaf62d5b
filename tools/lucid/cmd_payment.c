/* lucid payment record, list, show, resolve */
#include <stdio.h>

#include "gas/split.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/money.h"
#include "tools/lucid/remote.h"

/* Puts each leg beside the payment, as a member of its role's name, and the roles of those that
 * wait in suspense into "suspense". */
static void payment_row(json_t *payment)
{
    const char *unit = json_string_value(json_object_get(payment, "unit"));
    const json_t *legs = json_object_get(payment, "legs");
    json_t *suspense = json_array();
    size_t i;
    const json_t *leg;
    json_array_foreach(legs, i, leg)
    {
        json_t *role = json_object_get(leg, "role");
        if (!json_is_string(role)) {
            continue;
        }
        json_object_set(payment, json_string_value(role), json_object_get(leg, "amount"));
        money_member_show(payment, json_string_value(role), unit);
        if (json_is_true(json_object_get(leg, "suspense"))) {
            json_array_append(suspense, role);
        }
    }
    json_object_set_new(payment, "suspense",
                        json_array_size(suspense) > 0 ? json_incref(suspense) : json_null());
    json_decref(suspense);
    json_t *served = json_object_get(json_object_get(payment, "x402"), "served");
    if (served != NULL) {
        json_object_set(payment, "served", served);
    }
    money_member_show(payment, "amount", unit);
}

/* What only the gate's payments have goes beside the rest. */
static void gate_flatten(json_t *payment, const char *unit)
{
    json_t *gate = json_incref(json_object_get(payment, "x402"));
    json_object_del(payment, "x402");
    if (json_is_object(gate)) {
        json_object_update(payment, gate);
        money_member_show(payment, "price", unit);
    }
    json_decref(gate);
}

static enum cli_exit payment_print(struct cli *cli, enum cli_exit code, json_t *payment)
{
    static const char *const columns[] = {"role", "payee", "bps", "amount", NULL};
    if (code != CLI_OK || cli->json) {
        return remote_object_print(cli, code, payment);
    }
    const char *unit = json_string_value(json_object_get(payment, "unit"));
    json_t *legs = json_incref(json_object_get(payment, "legs"));
    size_t i;
    json_t *leg;
    json_array_foreach(legs, i, leg)
    {
        money_member_show(leg, "amount", unit);
        if (json_is_true(json_object_get(leg, "suspense"))) {
            json_object_set_new(leg, "payee", json_string("(suspense)"));
        }
    }
    money_member_show(payment, "amount", unit);
    json_object_del(payment, "legs");
    gate_flatten(payment, unit);
    json_object_del(payment, "unit");
    cli_print_object(payment);
    fputc('\n', stdout);
    cli_print_table(legs, columns);
    json_decref(legs);
    json_decref(payment);
    return code;
}

/* --- record ----------------------------------------------------------------------------------- */

static bool members_set(struct cli *cli, json_t *body)
{
    static const char *const optional[] = {"asset",   "facilitator", "payer",
                                           "network", "transaction", "note"};
    if (json_object_set_new(body, "external_id", json_string(cli_value(cli, "external-id", ""))) !=
        0) {
        (void)cli_fail(cli, CLI_USAGE, NULL, "external-id", "--external-id must be UTF-8");
        return false;
    }
    for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
        const char *text = cli_value(cli, optional[i], NULL);
        if (text != NULL && json_object_set_new(body, optional[i], json_string(text)) != 0) {
            (void)cli_fail(cli, CLI_USAGE, NULL, optional[i], "--%s must be UTF-8", optional[i]);
            return false;
        }
    }
    return true;
}

static enum cli_exit payment_record(struct cli *cli)
{
    static const char *const needed[] = {"external-id", "asset"};
    char amount[GAS_AMOUNT_TEXT_BYTES];
    enum gas_unit unit;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (cli_value(cli, needed[i], NULL) == NULL) {
            return cli_fail(cli, CLI_USAGE, NULL, needed[i], "--%s is missing", needed[i]);
        }
    }
    const char *log_index = cli_value(cli, "log-index", NULL);
    uint64_t index = 0;
    if (log_index != NULL && !cli_value_u64(cli, "log-index", 0, 0, UINT32_MAX, &index)) {
        return CLI_USAGE;
    }
    if (!money_unit_option(cli, &unit) ||
        !money_option(cli, "amount", "amount-units", unit, amount)) {
        return CLI_USAGE;
    }
    if (amount[0] == '\0') {
        return cli_fail(cli, CLI_USAGE, NULL, "amount", "--amount is missing");
    }
    json_t *body = json_pack("{s:s, s:s}", "amount", amount, "unit", gas_unit_name(unit));
    json_t *payment = NULL;
    enum cli_exit code = members_set(cli, body) ? CLI_OK : CLI_USAGE;
    if (log_index != NULL) {
        json_object_set_new(body, "log_index", json_integer((json_int_t)index));
    }
    if (code == CLI_OK) {
        code = remote_call(cli, "POST", "/v1/payments", body, &payment);
    }
    json_decref(body);
    if (code == CLI_OK && json_is_true(json_object_get(payment, "replayed"))) {
        cli_note(cli, "recorded before; nothing was added");
    }
    return payment_print(cli, code, payment);
}

static const struct cli_option record_options[] = {
    {"external-id", 'x', "ID", "what the payment is called where it was made (required)"},
    {"asset", 'a', "ASSET", "what was paid for (required)"},
    {"amount", 0, "AMOUNT", "exactly, in the unit: 1.5 (required, or --amount-units)"},
    {"amount-units", 0, "N", "the same in base units: 1500000"},
    {"unit", 0, "UNIT", "USDC (default) or LUCID"},
    {"facilitator", 0, "NAME", "through whom the money came (external)"},
    {"payer", 0, "TEXT", "who paid"},
    {"network", 0, "NETWORK", "where it was paid, CAIP-2"},
    {"transaction", 0, "ID", "the transaction there"},
    {"log-index", 0, "N", "which of the transaction's logs, if it made several payments"},
    {"note", 0, "TEXT", "up to 256 bytes"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_payment_record = {
    .group = "payment",
    .name = "record",
    .arguments = "",
    .summary = "record a payment that was verified elsewhere, and share it out (admin)",
    .text =
        "Safe to repeat: the same external id with the same content is recorded once; with other\n"
        "content it is refused.\n",
    .examples = "  lucid payment record --external-id inv-2026-117 --asset inference --amount 1.5\n"
                "  lucid payment record -x 0x9f…:3 -a inference --amount-units 10000 "
                "--payer 0x2222…\n",
    .options = record_options,
    .run = payment_record,
};

/* --- list, show ------------------------------------------------------------------------------- */

static enum cli_exit payment_list(struct cli *cli)
{
    static const char *const columns[] = {"id",     "recorded_at", "status", "served",   "asset",
                                          "amount", "compute",     "model",  "protocol", "suspense",
                                          "payer",  "external_id", NULL};
    static const char *const filters[] = {"asset", "status", "payer"};
    char path[REMOTE_PATH_BYTES_MAX];
    int len = snprintf(path, sizeof(path), "/v1/payments?order=%s",
                       cli_flag(cli, "newest") ? "desc" : "asc");
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        const char *text = cli_value(cli, filters[i], NULL);
        if (text == NULL) {
            continue;
        }
        if (!remote_id_ok(cli, filters[i], text)) {
            return CLI_USAGE;
        }
        len += snprintf(path + len, sizeof(path) - (size_t)len, "&%s=%s", filters[i], text);
        if ((size_t)len >= sizeof(path)) {
            return cli_fail(cli, CLI_USAGE, NULL, filters[i], "--%s is too long", filters[i]);
        }
    }
    return remote_list_print(cli, path, columns, payment_row);
}

static const struct cli_option list_options[] = {
    {"asset", 'a', "ASSET", "only payments for that asset"},
    {"status", 's', "STATUS", "only pending, failed, settled, stray, reversed or recorded ones"},
    {"payer", 'p', "PAYER", "only those of that payer"},
    {"newest", 0, NULL, "the newest first"},
    {"limit", 'n', "N", "at most N payments (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_payment_list = {
    .group = "payment",
    .name = "list",
    .arguments = "",
    .summary = "payments and how they were shared",
    .text =
        "SUSPENSE: the legs that had no payee when the payment was recorded. Payments that never\n"
        "were in the books (pending, failed, stray) are listed by their --status only.\n",
    .examples = "  lucid payment list --newest --limit 20\n"
                "  lucid payment list --asset inference --json\n"
                "  lucid payment list --status pending\n",
    .options = list_options,
    .run = payment_list,
};

static enum cli_exit payment_of_external_id(struct cli *cli, const char *external_id,
                                            json_t **ret_payment)
{
    char encoded[REMOTE_PATH_BYTES_MAX - 64];
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *page = NULL;
    if (!remote_encode(external_id, encoded, sizeof(encoded))) {
        return cli_fail(cli, CLI_USAGE, NULL, "external-id", "the external id is too long");
    }
    (void)snprintf(path, sizeof(path), "/v1/payments?external_id=%s", encoded);
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &page);
    json_t *payment = json_array_get(json_object_get(page, "items"), 0);
    if (code == CLI_OK && payment == NULL) {
        code = cli_fail(cli, CLI_REFUSED, "NOT_FOUND", NULL,
                        "no payment was recorded under that external id");
    } else if (code == CLI_OK) {
        *ret_payment = json_incref(payment);
    }
    json_decref(page);
    return code;
}

static enum cli_exit payment_show(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *payment = NULL;
    enum cli_exit code = CLI_USAGE;
    if (cli_flag(cli, "external")) {
        code = payment_of_external_id(cli, cli->arguments[0], &payment);
    } else if (remote_id_ok(cli, "ID", cli->arguments[0])) {
        (void)snprintf(path, sizeof(path), "/v1/payments/%s", cli->arguments[0]);
        code = remote_call(cli, "GET", path, NULL, &payment);
        if (code == CLI_REFUSED &&
            cli->arguments[0][strspn(cli->arguments[0], "0123456789")] != '\0') {
            cli_note(cli, "a payment's id is a number, or the 32 hex digits of X-Payment-Id; "
                          "--external looks for an external id");
        }
    }
    return payment_print(cli, code, payment);
}

static const struct cli_option show_options[] = {
    {"external", 'x', NULL, "ID is the external id"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_payment_show = {
    .group = "payment",
    .name = "show",
    .arguments = "ID",
    .summary = "one payment with its legs",
    .examples = "  lucid payment show 57\n  lucid payment show 3f6c…\n  lucid payment show "
                "--external inv-2026-117 --json\n",
    .options = show_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = payment_show,
};

/* --- resolve ---------------------------------------------------------------------------------- */

static enum cli_exit payment_resolve(struct cli *cli)
{
    const char *settled = cli_value(cli, "settled", NULL);
    const char *failed = cli_value(cli, "failed", NULL);
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *payment = NULL;
    if ((settled == NULL) == (failed == NULL)) {
        return cli_fail(cli, CLI_USAGE, NULL, settled == NULL ? "settled" : "failed",
                        "either --settled TX or --failed REASON");
    }
    if (!remote_id_ok(cli, "ID", cli->arguments[0])) {
        return CLI_USAGE;
    }
    json_t *body = settled != NULL
                       ? json_pack("{s:s, s:s}", "outcome", "settled", "transaction", settled)
                       : json_pack("{s:s, s:s}", "outcome", "failed", "reason", failed);
    if (body == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, settled != NULL ? "settled" : "failed",
                        "the text must be UTF-8");
    }
    (void)snprintf(path, sizeof(path), "/v1/payments/%s/resolve", cli->arguments[0]);
    enum cli_exit code = remote_call(cli, "POST", path, body, &payment);
    json_decref(body);
    if (code == CLI_OK && json_is_true(json_object_get(payment, "replayed"))) {
        cli_note(cli, "it had ended like this before; nothing was added");
    }
    return payment_print(cli, code, payment);
}

static const struct cli_option resolve_options[] = {
    {"settled", 0, "TX", "it was settled by this transaction: its first signature, base58"},
    {"failed", 0, "REASON", "it never landed, and the intent is older than ten minutes"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_payment_resolve = {
    .group = "payment",
    .name = "resolve",
    .arguments = "ID",
    .summary = "say what became of a pending payment on Solana (admin)",
    .text =
        "For a payment whose facilitator does not tell its end. Look for the payer's transfer in\n"
        "an explorer first. The transaction is checked: it must be signed by the payment's fee\n"
        "payer. On EVM networks the chain decides, and this is refused.\n",
    .examples =
        "  lucid payment resolve 3f6c… --settled 5VERv8NMvzbJMEkV8xnrLkEaWRtSz9CosKDYjCJjBR…\n"
        "  lucid payment resolve 3f6c… --failed \"never landed\"\n",
    .options = resolve_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = payment_resolve,
};

/* lucid price list, show, set, delete, history; lucid asset revenue */
#include <stdio.h>

#include "gas/pricing.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/money.h"
#include "tools/lucid/remote.h"

static bool price_path(struct cli *cli, const char *more, char path[REMOTE_PATH_BYTES_MAX])
{
    if (!remote_id_ok(cli, "ASSET", cli->arguments[0])) {
        return false;
    }
    (void)snprintf(path, REMOTE_PATH_BYTES_MAX, "/v1/assets/%s/%s", cli->arguments[0], more);
    return true;
}

/* What people read of a price. */
static void price_show(json_t *price)
{
    const char *unit = json_string_value(json_object_get(price, "unit"));
    money_member_show(price, "price_per_call", unit);
    money_member_show(price, "price_per_token", unit);
    money_member_show(price, "price_subscription_hour", unit);
    json_t *split = money_split_show(json_object_get(price, "split_bps"));
    if (split != NULL) {
        json_object_set_new(price, "split", split);
        json_object_del(price, "split_bps");
        json_object_del(price, "custom_split");
        json_object_del(price, "unit");
    }
}

static enum cli_exit price_print(struct cli *cli, enum cli_exit code, json_t *price)
{
    static const char *const first[] = {"asset", "version", "price_per_call", "split"};
    if (code != CLI_OK || cli->json) {
        return remote_object_print(cli, code, price);
    }
    json_t *shown = json_object();
    price_show(price);
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        json_object_set(shown, first[i], json_object_get(price, first[i]));
    }
    json_object_update_missing(shown, price);
    json_decref(price);
    return remote_object_print(cli, code, shown);
}

/* --- list, show, history ---------------------------------------------------------------------- */

static const char *const columns[] = {"asset",         "price_per_call", "split",
                                      "compute_payee", "model_payee",    "network",
                                      "version",       "set_at",         NULL};

static enum cli_exit price_list(struct cli *cli)
{
    return remote_list_print(cli, "/v1/assets", columns, price_show);
}

static const struct cli_option list_options[] = {
    {"limit", 'n', "N", "at most N assets (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_price_list = {
    .group = "price",
    .name = "list",
    .arguments = "",
    .summary = "what a call of each asset costs, and who is paid",
    .text = "SPLIT is what compute, model and protocol get, in percent. A leg without a payee "
            "waits in\n"
            "suspense until there is one.\n",
    .examples = "  lucid price list\n  lucid price list --json\n",
    .options = list_options,
    .run = price_list,
};

static enum cli_exit price_get(struct cli *cli, uint64_t version, json_t **ret)
{
    char more[64] = "pricing";
    char path[REMOTE_PATH_BYTES_MAX];
    if (version > 0) {
        (void)snprintf(more, sizeof(more), "pricing?version=%llu", (unsigned long long)version);
    }
    return price_path(cli, more, path) ? remote_call(cli, "GET", path, NULL, ret) : CLI_USAGE;
}

static enum cli_exit price_show_run(struct cli *cli)
{
    json_t *price = NULL;
    uint64_t version = 0;
    if (cli_value(cli, "version", NULL) != NULL &&
        !cli_value_u64(cli, "version", 1, 1, INT64_MAX, &version)) {
        return CLI_USAGE;
    }
    enum cli_exit code = price_get(cli, version, &price);
    return price_print(cli, code, price);
}

static const struct cli_option show_options[] = {
    {"version", 'v', "N", "that version, not the newest"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_price_show = {
    .group = "price",
    .name = "show",
    .arguments = "ASSET",
    .summary = "the price of one asset",
    .examples = "  lucid price show inference\n  lucid price show inference --version 1 --json\n",
    .options = show_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = price_show_run,
};

static enum cli_exit price_history(struct cli *cli)
{
    static const char *const history_columns[] = {"version", "set_at",        "price_per_call",
                                                  "split",   "compute_payee", "model_payee",
                                                  "network", "deleted_at",    NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    if (!price_path(cli, "pricing/history", path)) {
        return CLI_USAGE;
    }
    return remote_list_print(cli, path, history_columns, price_show);
}

static const struct cli_option history_options[] = {
    {"limit", 'n', "N", "at most N versions (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_price_history = {
    .group = "price",
    .name = "history",
    .arguments = "ASSET",
    .summary = "all versions of an asset's price, from the first on",
    .examples = "  lucid price history inference\n",
    .options = history_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = price_history,
};

/* --- set, delete ------------------------------------------------------------------------------ */

/* A weight in percent with at most two decimals, as basis points. */
static bool percent_read(struct lucid_span text, json_int_t *ret)
{
    uint64_t bps = 0;
    size_t decimals = 0;
    bool point = false;
    bool digits = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '.' && !point && digits) {
            point = true;
            digits = false;
            continue;
        }
        if (c < '0' || c > '9' || bps > GAS_BPS || (point && decimals == 2)) {
            return false;
        }
        bps = bps * 10 + (uint64_t)(c - '0');
        digits = true;
        decimals += point;
    }
    for (; decimals < 2; decimals++) {
        bps *= 10;
    }
    if (!digits || bps > GAS_BPS) {
        return false;
    }
    *ret = (json_int_t)bps;
    return true;
}

/* "70/20/10" into split_bps. */
static bool split_read(struct cli *cli, const char *text, json_t *body)
{
    json_t *weights = json_object();
    json_int_t sum = 0;
    bool ok = true;
    for (unsigned leg = 0; ok && leg < GAS_LEGS; leg++) {
        size_t len = strcspn(text, "/");
        json_int_t bps = 0;
        ok =
            percent_read(lucid_span(text, len), &bps) && (text[len] == '/') == (leg + 1 < GAS_LEGS);
        json_object_set_new(weights, gas_leg_name((enum gas_leg)leg), json_integer(bps));
        sum += bps;
        text += len + (text[len] == '/');
    }
    json_object_set_new(body, "split_bps", weights);
    if (!ok || sum != GAS_BPS) {
        (void)cli_fail(
            cli, CLI_USAGE, NULL, "split",
            "--split must be three percentages that sum to 100, as 70/20/10, or default");
        return false;
    }
    return true;
}

/* The option's text as a member: NULL: what stands stays; "": null. */
static bool member_set(struct cli *cli, const char *option, const char *name, json_t *body)
{
    const char *text = cli_value(cli, option, NULL);
    if (text != NULL &&
        json_object_set_new(body, name, text[0] != '\0' ? json_string(text) : json_null()) != 0) {
        (void)cli_fail(cli, CLI_USAGE, NULL, option, "--%s must be UTF-8", option);
        return false;
    }
    return true;
}

/* An amount that takes itself away when it is 0. */
static bool amount_set(struct cli *cli, const char *option, const char *units, const char *name,
                       json_t *body)
{
    char text[GAS_AMOUNT_TEXT_BYTES];
    if (!money_option(cli, option, units, GAS_USDC, text)) {
        return false;
    }
    if (text[0] != '\0') {
        json_object_set_new(body, name, json_string(text));
    }
    return true;
}

static bool market_apply(struct cli *cli, json_t *body)
{
    uint64_t seconds = 0;
    if (!amount_set(cli, "per-token", "per-token-units", "price_per_token", body) ||
        !amount_set(cli, "per-hour", "per-hour-units", "price_subscription_hour", body) ||
        !member_set(cli, "resource", "resource", body) ||
        !member_set(cli, "description", "description", body) ||
        !member_set(cli, "mime-type", "mime_type", body)) {
        return false;
    }
    if (cli_value(cli, "grant-seconds", NULL) != NULL) {
        if (!cli_value_u64(cli, "grant-seconds", 0, 0, GAS_GRANT_SECONDS_MAX, &seconds)) {
            return false;
        }
        json_object_set_new(body, "grant_seconds", json_integer((json_int_t)seconds));
    }
    return true;
}

static bool options_apply(struct cli *cli, json_t *body)
{
    char price[GAS_AMOUNT_TEXT_BYTES];
    const char *split = cli_value(cli, "split", NULL);
    if (!money_option(cli, "price", "price-units", GAS_USDC, price) ||
        !member_set(cli, "network", "network", body) ||
        !member_set(cli, "pay-to", "pay_to", body) ||
        !member_set(cli, "compute-payee", "compute_payee", body) ||
        !member_set(cli, "model-payee", "model_payee", body) || !market_apply(cli, body)) {
        return false;
    }
    if (price[0] != '\0') {
        json_object_set_new(body, "price_per_call", json_string(price));
    }
    if (split != NULL && strcmp(split, "default") == 0) {
        json_object_del(body, "split_bps");
    } else if (split != NULL && !split_read(cli, split, body)) {
        return false;
    }
    static const char *const needed[][2] = {
        {"price_per_call", "price"}, {"network", "network"}, {"pay_to", "pay-to"}};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!json_is_string(json_object_get(body, needed[i][0]))) {
            (void)cli_fail(cli, CLI_USAGE, NULL, needed[i][1],
                           "--%s is missing: the asset has no price now", needed[i][1]);
            return false;
        }
    }
    return true;
}

/* The price as it stands, NULL when there is none. */
static enum cli_exit price_find(struct cli *cli, json_t **ret)
{
    char path[REMOTE_PATH_BYTES_MAX];
    return price_path(cli, "pricing", path) ? remote_find(cli, path, ret) : CLI_USAGE;
}

/* The request that would set the price as it stands; an empty one when there is none. */
static enum cli_exit standing_get(struct cli *cli, json_t **ret)
{
    static const char *const kept[] = {"price_per_call", "network",       "pay_to",
                                       "compute_payee",  "model_payee",   "price_per_token",
                                       "resource",       "grant_seconds", "price_subscription_hour",
                                       "description",    "mime_type"};
    json_t *standing = NULL;
    json_t *body = json_object();
    enum cli_exit code = price_find(cli, &standing);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *value = json_object_get(standing, kept[i]);
        if (value != NULL) {
            json_object_set(body, kept[i], value);
        }
    }
    if (json_is_true(json_object_get(standing, "custom_split"))) {
        json_object_set(body, "split_bps", json_object_get(standing, "split_bps"));
    }
    json_decref(standing);
    *ret = body;
    return code;
}

static enum cli_exit price_set(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *body = NULL;
    json_t *price = NULL;
    if (!price_path(cli, "pricing", path)) {
        return CLI_USAGE;
    }
    enum cli_exit code = standing_get(cli, &body);
    if (code == CLI_OK && !options_apply(cli, body)) {
        code = CLI_USAGE;
    }
    if (code == CLI_OK) {
        code = remote_call(cli, "PUT", path, body, &price);
    }
    json_decref(body);
    return price_print(cli, code, price);
}

static const struct cli_option set_options[] = {
    {"price", 'p', "USDC", "for one call, exactly: 0.01"},
    {"price-units", 0, "N", "the same in base units: 10000"},
    {"network", 'n', "NETWORK", "where it is paid, CAIP-2: eip155:8453"},
    {"pay-to", 0, "ADDRESS", "who is paid there: 0x and 40 hex digits, or base58"},
    {"compute-payee", 0, "NAME", "who gets the compute leg; \"\": nobody yet"},
    {"model-payee", 0, "NAME", "who gets the model leg; \"\": nobody yet"},
    {"per-token", 0, "USDC", "for each token, on top of --price; 0: not sold by token"},
    {"per-token-units", 0, "N", "the same in base units"},
    {"per-hour", 0, "USDC", "for an hour's subscription (lucid access); 0: none"},
    {"per-hour-units", 0, "N", "the same in base units"},
    {"grant-seconds", 0, "N", "behind a proxy: how long one payment admits; 0: one request"},
    {"resource", 0, "URL", "where it is sold, for /discovery/resources; \"\": not listed"},
    {"description", 0, "TEXT", "what it is, in a few words"},
    {"mime-type", 0, "TYPE", "what is answered: application/json"},
    {"split", 0, "SPLIT", "percent for compute, model, protocol; or default (70/20/10)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_price_set = {
    .group = "price",
    .name = "set",
    .arguments = "ASSET",
    .summary = "set or change what a call of an asset costs (admin)",
    .text = "What is not given stays as it is; the first time --price, --network and --pay-to are "
            "needed.\n"
            "Each change is a new version. When a payee is named, what waited for it in suspense "
            "is paid\n"
            "to it at once. --price 0 is good only with --per-token or --per-hour: such an asset's "
            "calls are\n"
            "not sold one by one, and not given away either.\n",
    .examples = "  lucid price set inference --price 0.01 --network eip155:8453 \\\n"
                "      --pay-to 0x1111111111111111111111111111111111111111 --compute-payee gpu-1\n"
                "  lucid price set inference --model-payee llama-authors --split 60/30/10\n"
                "  lucid price set inference --price-units 12500\n"
                "  lucid price set inference --per-token 0.000002 --per-hour 0.5\n",
    .options = set_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = price_set,
};

static enum cli_exit price_delete(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *price = NULL;
    if (!price_path(cli, "pricing", path)) {
        return CLI_USAGE;
    }
    enum cli_exit code = remote_call(cli, "DELETE", path, NULL, &price);
    return price_print(cli, code, price);
}

const struct cli_command command_price_delete = {
    .group = "price",
    .name = "delete",
    .arguments = "ASSET",
    .summary = "an asset is no longer sold (admin)",
    .text = "Prints the last price. Earlier versions, payments and revenue stay readable.\n",
    .examples = "  lucid price delete inference\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = price_delete,
};

/* --- lucid asset revenue ---------------------------------------------------------------------- */

static void revenue_show(json_t *row)
{
    static const char *const amounts[] = {
        "gross", "compute", "model", "protocol", "compute_suspense", "model_suspense", "reversed"};
    const char *unit = json_string_value(json_object_get(row, "unit"));
    const json_t *suspense = json_object_get(row, "suspense");
    /* The object makes room for its sum. */
    json_object_set(row, "reversed", json_object_get(json_object_get(row, "reversed"), "gross"));
    json_object_set(row, "compute_suspense", json_object_get(suspense, "compute"));
    json_object_set(row, "model_suspense", json_object_get(suspense, "model"));
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        money_member_show(row, amounts[i], unit);
    }
}

static void takings_show(json_t *row)
{
    static const char *const amounts[] = {"gross", "reversed", "refunded"};
    const char *unit = json_string_value(json_object_get(row, "unit"));
    const char *net = json_string_value(json_object_get(row, "net"));
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        money_member_show(row, amounts[i], unit);
    }
    if (net != NULL && net[0] == '-') {
        char text[128];
        json_t *of = json_pack("{s:s}", "net", net + 1);
        money_member_show(of, "net", unit);
        (void)snprintf(text, sizeof(text), "-%s", json_string_value(json_object_get(of, "net")));
        json_object_set_new(row, "net", json_string(text));
        json_decref(of);
    } else {
        money_member_show(row, "net", unit);
    }
}

/* Appends ?name=value or &name=value, if the option was given. */
static bool query_add(struct cli *cli, const char *name, char path[REMOTE_PATH_BYTES_MAX])
{
    char value[REMOTE_PATH_BYTES_MAX];
    const char *text = cli_value(cli, name, NULL);
    size_t len = strlen(path);
    if (text == NULL) {
        return true;
    }
    if (!remote_encode(text, value, sizeof(value)) ||
        (size_t)snprintf(path + len, REMOTE_PATH_BYTES_MAX - len, "%c%s=%s",
                         strchr(path, '?') == NULL ? '?' : '&', name,
                         value) >= REMOTE_PATH_BYTES_MAX - len) {
        return cli_fail(cli, CLI_USAGE, NULL, name, "--%s is too long", name) == CLI_OK;
    }
    return true;
}

static enum cli_exit takings_list(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX] = "/v1/revenue";
    const char *by = cli_value(cli, "by", "asset");
    const char *columns_by[] = {by,        "payments", "gross", "reversals", "reversed",
                                "refunds", "refunded", "net",   NULL};
    if (cli->argument_count > 0 && !price_path(cli, "revenue", path)) {
        return CLI_USAGE;
    }
    if (cli_value(cli, "by", NULL) == NULL) {
        (void)snprintf(path, sizeof(path), "/v1/revenue?by=asset");
    }
    if (!query_add(cli, "by", path) || !query_add(cli, "unit", path) ||
        !query_add(cli, "from", path) || !query_add(cli, "to", path)) {
        return CLI_USAGE;
    }
    return remote_list_print(cli, path, columns_by, takings_show);
}

static const struct cli_option revenue_options[] = {
    {"by", 'b', "WHAT", "day, facilitator or payer; without ASSET also asset"},
    {"from", 0, "DAY", "--by day: from that day on, as in 2026-11-01 (UTC)"},
    {"to", 0, "DAY", "--by day: up to that day"},
    {"unit", 0, "UNIT", "USDC (default) or LUCID"},
    {"limit", 'n', "N", "at most N rows (100)"},
    {NULL, 0, NULL, NULL},
};

static enum cli_exit asset_revenue(struct cli *cli)
{
    static const char *const revenue_columns[] = {"payments",       "gross",    "compute",
                                                  "model",          "protocol", "compute_suspense",
                                                  "model_suspense", "reversed", NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *revenue = NULL;
    if (cli_value(cli, "by", NULL) != NULL || cli->argument_count == 0) {
        return takings_list(cli);
    }
    if (!price_path(cli, "revenue", path)) {
        return CLI_USAGE;
    }
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &revenue);
    if (code == CLI_OK && !cli->json) {
        json_t *units = json_object_get(revenue, "units");
        size_t i;
        json_t *row;
        json_array_foreach(units, i, row)
        {
            revenue_show(row);
        }
        cli_print_table(units, revenue_columns);
        json_decref(revenue);
        return code;
    }
    return remote_object_print(cli, code, revenue);
}

const struct cli_command command_asset_revenue = {
    .group = "asset",
    .name = "revenue",
    .arguments = "[ASSET]",
    .summary = "what an asset has earned, by leg; or by day, facilitator, payer",
    .text = "COMPUTE and MODEL include what waits in suspense, because no payee was named. "
            "REVERSED is what\n"
            "a reorganisation took back of GROSS; --json has it by leg.\n"
            "Without ASSET: of all assets together, --by asset unless said otherwise. A day is of "
            "UTC; what\n"
            "went back counts on the day it did. NET is what was kept.\n",
    .examples = "  lucid asset revenue inference\n"
                "  lucid asset revenue inference --by day --from 2026-11-01\n"
                "  lucid asset revenue --by payer --json\n",
    .options = revenue_options,
    .arguments_min = 0,
    .arguments_max = 1,
    .run = asset_revenue,
};

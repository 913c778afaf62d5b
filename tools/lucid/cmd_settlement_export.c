/* lucid settlement export */
#include <stdio.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/settlement.h"

/* --- CSV (RFC 4180) --------------------------------------------------------------------------- */

/* Where a column's value comes from. */
enum source {
    OF_ROW,       /* "line" or "payout" */
    OF_STATEMENT, /* the statement as listed */
    OF_SIGNED,    /* its signed line: lines only */
    OF_LINE,      /* what became of the line: lines only */
    OF_PAYOUT,    /* payouts only */
    OF_BOTH,      /* the line or the payout */
};

struct column {
    const char *name;
    const char *member;
    enum source source;
    bool money;
};

static const struct column columns[] = {
    {"row", NULL, OF_ROW, false},
    {"settlement", "settlement", OF_STATEMENT, false},
    {"unit", "unit", OF_STATEMENT, false},
    {"epoch", "epoch", OF_STATEMENT, false},
    {"part", "part", OF_STATEMENT, false},
    {"period_first", "period_first", OF_STATEMENT, false},
    {"period_last", "period_last", OF_STATEMENT, false},
    {"issued_at", "issued_at", OF_STATEMENT, false},
    {"statement_status", "status", OF_STATEMENT, false},
    {"payee", "payee", OF_BOTH, false},
    {"amount", "amount", OF_BOTH, true},
    {"compute", "compute", OF_SIGNED, true},
    {"model", "model", OF_SIGNED, true},
    {"released", "released", OF_SIGNED, true},
    {"reversed", "reversed", OF_SIGNED, true},
    {"brought", "brought", OF_SIGNED, true},
    {"carried", "carried", OF_SIGNED, true},
    {"payments", "payments", OF_SIGNED, false},
    {"paid", "paid", OF_LINE, true},
    {"pending", "pending", OF_LINE, true},
    {"open", "open", OF_LINE, true},
    {"payout", "payout", OF_PAYOUT, false},
    {"payout_status", "status", OF_PAYOUT, false},
    {"external_id", "external_id", OF_PAYOUT, false},
    {"facilitator", "facilitator", OF_PAYOUT, false},
    {"reference", "reference", OF_PAYOUT, false},
    {"network", "network", OF_PAYOUT, false},
    {"transaction", "transaction", OF_PAYOUT, false},
    {"reason", "reason", OF_PAYOUT, false},
    {"note", "note", OF_PAYOUT, false},
    {"started_at", "started_at", OF_PAYOUT, false},
    {"ended_at", "ended_at", OF_PAYOUT, false},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* A field, in quotes where it needs them. */
static void field_print(const char *text)
{
    if (strpbrk(text, "\",\r\n") == NULL) {
        fputs(text, stdout);
        return;
    }
    fputc('"', stdout);
    for (; *text != '\0'; text++) {
        fputs(*text == '"' ? "\"\"" : (const char[]){*text, '\0'}, stdout);
    }
    fputc('"', stdout);
}

/* An amount with its decimals and without its unit, which has a column; nothing for none. */
static void amount_print(const char *text, enum gas_unit unit)
{
    uint64_t amount;
    char shown[GAS_AMOUNT_TEXT_BYTES];
    if (!gas_amount_parse(lucid_span_str(text), &amount)) {
        field_print(text);
        return;
    }
    gas_amount_format(amount, unit, shown);
    fputs(shown, stdout);
}

static void value_print(const json_t *value, const struct column *column, enum gas_unit unit)
{
    if (json_is_integer(value)) {
        printf("%lld", (long long)json_integer_value(value));
    } else if (json_is_string(value) && column->money) {
        amount_print(json_string_value(value), unit);
    } else if (json_is_string(value)) {
        field_print(json_string_value(value));
    } else if (value == NULL && column->money && column->source == OF_SIGNED) {
        amount_print("0", unit); /* statements leave out what is 0 of the rarer ones */
    }
}

/* One row: of a line (with its signed one) or of a payout; the other is NULL. */
static void row_print(const json_t *settlement, const json_t *line, const json_t *signed_line,
                      const json_t *payout, enum gas_unit unit)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const struct column *column = &columns[i];
        const json_t *of = column->source == OF_STATEMENT ? settlement
                           : column->source == OF_SIGNED  ? signed_line
                           : column->source == OF_LINE    ? line
                           : column->source == OF_PAYOUT  ? payout
                           : payout != NULL               ? payout
                                                          : line;
        fputs(i > 0 ? "," : "", stdout);
        if (column->source == OF_ROW) {
            fputs(payout != NULL ? "payout" : "line", stdout);
        } else if (of != NULL) {
            value_print(json_object_get(of, column->member), column, unit);
        }
    }
    fputs("\r\n", stdout);
}

static bool of_payee(const json_t *object, const char *payee)
{
    const char *name = json_string_value(json_object_get(object, "payee"));
    return payee == NULL || (name != NULL && strcmp(name, payee) == 0);
}

/* A statement's lines, and under each line its payouts: both lists ascend by payee. */
static void statement_print(const json_t *settlement, const json_t *payouts, const char *payee)
{
    enum gas_unit unit;
    const char *name = json_string_value(json_object_get(settlement, "unit"));
    const json_t *lines = json_object_get(settlement, "lines");
    const json_t *signed_lines = json_object_get(json_object_get(settlement, "statement"), "lines");
    if (name == NULL || !gas_unit_parse(lucid_span_str(name), &unit)) {
        return;
    }
    size_t next = 0;
    size_t i;
    const json_t *line;
    json_array_foreach(lines, i, line)
    {
        const char *own = json_string_value(json_object_get(line, "payee"));
        bool wanted = of_payee(line, payee);
        if (wanted) {
            row_print(settlement, line, json_array_get(signed_lines, i), NULL, unit);
        }
        for (; own != NULL && of_payee(json_array_get(payouts, next), own) &&
               next < json_array_size(payouts);
             next++) {
            if (wanted) {
                row_print(settlement, NULL, NULL, json_array_get(payouts, next), unit);
            }
        }
    }
}

/* --- the command ------------------------------------------------------------------------------ */

/* All payouts of a statement: those that came with it, or where they were too many their list. */
static enum cli_exit payouts_get(struct cli *cli, const char *id, const json_t *settlement,
                                 json_t **ret)
{
    char path[REMOTE_PATH_BYTES_MAX];
    bool more = false;
    if (!json_is_true(json_object_get(settlement, "payouts_more"))) {
        *ret = json_incref(json_object_get(settlement, "payouts"));
        return CLI_OK;
    }
    (void)snprintf(path, sizeof(path), "/v1/payouts?settlement=%s", id);
    enum cli_exit code = remote_list_get(cli, path, 1000000, ret, &more);
    if (code == CLI_OK && more) {
        json_decref(*ret);
        code = cli_fail(cli, CLI_REFUSED, NULL, NULL, "%s has more than 1000000 payouts", id);
    }
    return code;
}

static enum cli_exit statement_export(struct cli *cli, const char *id)
{
    char path[REMOTE_PATH_BYTES_MAX];
    enum gas_unit unit;
    json_t *settlement = NULL;
    json_t *payouts = NULL;
    if (id == NULL || !settlement_path(cli, id, "", path, &unit)) {
        return CLI_REFUSED;
    }
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &settlement);
    if (code == CLI_OK && cli->json) {
        cli_print_json(settlement);
    } else if (code == CLI_OK) {
        code = payouts_get(cli, id, settlement, &payouts);
        if (code == CLI_OK) {
            statement_print(settlement, payouts, cli_value(cli, "payee", NULL));
        }
    }
    json_decref(payouts);
    json_decref(settlement);
    return code;
}

static void heading_print(void)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        printf("%s%s", i > 0 ? "," : "", columns[i].name);
    }
    fputs("\r\n", stdout);
}

static enum cli_exit settlement_export(struct cli *cli)
{
    static const char *const filters[] = {"unit", "epoch", "status", "payee", NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *items = NULL;
    bool more = false;
    if (cli->json && cli_flag(cli, "csv")) {
        return cli_fail(cli, CLI_USAGE, NULL, "csv", "--csv and --json exclude one another");
    }
    if (!settlement_query(cli, "/v1/settlements", filters, path)) {
        return CLI_USAGE;
    }
    enum cli_exit code = remote_list_get(cli, path, 1000000, &items, &more);
    if (code == CLI_OK && more) {
        code = cli_fail(cli, CLI_USAGE, NULL, NULL,
                        "more than 1000000 statements: export them in pieces (--unit, --epoch)");
    }
    if (code == CLI_OK && !cli->json) {
        heading_print();
    }
    size_t i;
    const json_t *item;
    json_array_foreach(items, i, item)
    {
        if (code == CLI_OK) {
            code = statement_export(cli, json_string_value(json_object_get(item, "settlement")));
        }
    }
    json_decref(items);
    return code;
}

static const struct cli_option export_options[] = {
    {"csv", 'c', NULL, "CSV: a row per line and per payout (the default)"},
    {"unit", 'U', "UNIT", "USDC or LUCID only"},
    {"epoch", 'e', "N", "issued at the end of epoch N"},
    {"status", 's', "STATUS", "open (a line is not yet paid) or closed"},
    {"payee", 'p', "PAYEE", "this payee's lines and payouts (CSV); statements that have one"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_settlement_export = {
    .group = "settlement",
    .name = "export",
    .arguments = "",
    .summary = "all statements with their payouts, as CSV or JSON",
    .text = "CSV as RFC 4180 has it, columns as in docs/CLI.md, amounts in the unit with all\n"
            "decimals. With --json one statement a line, as signed, for `settlement verify`.\n",
    .examples = "  lucid settlement export --csv > settlements.csv\n"
                "  lucid settlement export --status open --unit USDC --payee provider-1\n"
                "  lucid settlement export --json > statements.ndjson\n",
    .options = export_options,
    .run = settlement_export,
};

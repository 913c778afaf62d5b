/* lucid settlement list, show, pay */
#include "tools/lucid/settlement.h"

#include <stdio.h>

#include "base/jcs/jcs.h"
#include "gas/statement.h"
#include "lucidd/datadir.h"
#include "tools/lucid/commands.h"

bool settlement_query(struct cli *cli, const char *base, const char *const *names,
                      char path[REMOTE_PATH_BYTES_MAX])
{
    size_t len = (size_t)snprintf(path, REMOTE_PATH_BYTES_MAX, "%s", base);
    bool first = true;
    for (; *names != NULL; names++) {
        const char *value = cli_value(cli, *names, NULL);
        if (value == NULL) {
            continue;
        }
        if (!remote_id_ok(cli, *names, value)) {
            return false;
        }
        len += (size_t)snprintf(path + len, REMOTE_PATH_BYTES_MAX - len, "%c%s=%s",
                                first ? '?' : '&', *names, value);
        first = false;
    }
    return true;
}

bool settlement_path(struct cli *cli, const char *id, const char *more,
                     char path[REMOTE_PATH_BYTES_MAX], enum gas_unit *ret_unit)
{
    const char *dash = strchr(id, '-');
    if (dash == NULL || !gas_unit_parse(lucid_span(id, (size_t)(dash - id)), ret_unit) ||
        dash[1] == '\0' || strlen(dash) > 20 || dash[1 + strspn(dash + 1, "0123456789")] != '\0') {
        (void)cli_fail(cli, CLI_USAGE, NULL, "ID", "ID must be a statement's, like USDC-0");
        return false;
    }
    (void)snprintf(path, REMOTE_PATH_BYTES_MAX, "/v1/settlements/%s%s", id, more);
    return true;
}

static void members_show(json_t *object, const char *unit, const char *const *names)
{
    for (; *names != NULL; names++) {
        money_member_show(object, *names, unit);
    }
}

void settlement_show(json_t *settlement)
{
    static const char *const names[] = {"total", "paid", NULL};
    members_show(settlement, json_string_value(json_object_get(settlement, "unit")), names);
    json_int_t lines = json_integer_value(json_object_get(settlement, "line_count"));
    json_int_t open = json_integer_value(json_object_get(settlement, "lines_open"));
    char text[80];
    (void)snprintf(text, sizeof(text), "%lld of %lld", (long long)(lines - open), (long long)lines);
    json_object_set_new(settlement, "lines_paid", json_string(text));
}

void payout_show(json_t *payout)
{
    money_member_show(payout, "amount", json_string_value(json_object_get(payout, "unit")));
}

const char *const payout_columns[] = {"payout",      "settlement", "payee",      "amount", "status",
                                      "external_id", "reference",  "started_at", NULL};

/* --- list ------------------------------------------------------------------------------------- */

static enum cli_exit settlement_list(struct cli *cli)
{
    static const char *const columns[] = {"settlement", "epoch", "status",    "lines_paid",
                                          "total",      "paid",  "issued_at", NULL};
    static const char *const filters[] = {"unit", "epoch", "status", "payee", NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    if (!settlement_query(cli, "/v1/settlements", filters, path)) {
        return CLI_USAGE;
    }
    return remote_list_print(cli, path, columns, settlement_show);
}

static const struct cli_option list_options[] = {
    {"unit", 'U', "UNIT", "USDC or LUCID only"},
    {"epoch", 'e', "N", "issued at the end of epoch N"},
    {"status", 's', "STATUS", "open (a line is not yet paid) or closed"},
    {"payee", 'p', "PAYEE", "with a line of this payee"},
    {"limit", 'n', "N", "at most N statements (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_settlement_list = {
    .group = "settlement",
    .name = "list",
    .arguments = "",
    .summary = "list settlement statements",
    .text = "At each epoch's end there is one statement per unit of what every payee has earned\n"
            "since the last. LINES_PAID: how many of its payees have been paid in full.\n",
    .examples = "  lucid settlement list --status open\n"
                "  lucid settlement list --payee provider-1 --unit USDC --json\n",
    .options = list_options,
    .run = settlement_list,
};

/* --- current ---------------------------------------------------------------------------------- */

static void earning_show(json_t *line)
{
    static const char *const names[] = {"amount",   "compute", "model",   "released",
                                        "reversed", "brought", "carried", NULL};
    members_show(line, json_string_value(json_object_get(line, "unit")), names);
}

static enum cli_exit settlement_current(struct cli *cli)
{
    static const char *const columns[] = {"payee",    "amount",   "compute",  "model",
                                          "released", "reversed", "payments", NULL};
    static const char *const filters[] = {"unit", NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    if (!settlement_query(cli, "/v1/settlements/current", filters, path)) {
        return CLI_USAGE;
    }
    return remote_list_print(cli, path, columns, earning_show);
}

static const struct cli_option current_options[] = {
    {"unit", 'U', "UNIT", "USDC or LUCID only"},
    {"limit", 'n', "N", "at most N payees (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_settlement_current = {
    .group = "settlement",
    .name = "current",
    .arguments = "",
    .summary = "what payees have earned since the last statement",
    .text = "It will stand in the statement that is issued when the open epoch ends.\n",
    .examples = "  lucid settlement current --unit USDC\n",
    .options = current_options,
    .run = settlement_current,
};

/* --- show ------------------------------------------------------------------------------------- */

/* "1 to 5": two numbers of the object. */
static json_t *numbers_join(const json_t *object, const char *a, const char *word, const char *b)
{
    char text[80];
    (void)snprintf(text, sizeof(text), "%lld %s %lld",
                   (long long)json_integer_value(json_object_get(object, a)), word,
                   (long long)json_integer_value(json_object_get(object, b)));
    return json_string(text);
}

/* A value of a sub-object as an amount. */
static void sum_set(json_t *out, const char *name, const json_t *from, const char *member,
                    const char *unit)
{
    const json_t *value = json_object_get(from, member);
    if (json_is_string(value)) {
        json_object_set_new(out, name, json_copy((json_t *)(uintptr_t)value));
        money_member_show(out, name, unit);
    }
}

static void head_print(const json_t *settlement)
{
    static const char *const same[] = {"settlement", "status", "closed_at", "epoch", NULL};
    const json_t *statement = json_object_get(settlement, "statement");
    const char *unit = json_string_value(json_object_get(settlement, "unit"));
    const json_t *suspense = json_object_get(statement, "suspense");
    json_t *head = json_object();
    for (const char *const *name = same; *name != NULL; name++) {
        json_object_set(head, *name, json_object_get(settlement, *name));
    }
    json_object_set_new(head, "events",
                        numbers_join(settlement, "period_first", "to", "period_last"));
    json_object_set_new(head, "part", numbers_join(settlement, "part", "of", "parts"));
    json_object_set(head, "issued_at", json_object_get(settlement, "issued_at"));
    json_object_set(head, "payments", json_object_get(statement, "payments"));
    sum_set(head, "gross", statement, "gross", unit);
    sum_set(head, "protocol", statement, "protocol", unit);
    sum_set(head, "suspense compute", suspense, "compute", unit);
    sum_set(head, "suspense model", suspense, "model", unit);
    sum_set(head, "total", settlement, "total", unit);
    sum_set(head, "paid", settlement, "paid", unit);
    json_object_set(head, "previous", json_object_get(statement, "previous"));
    json_object_set(head, "statement_hash", json_object_get(settlement, "statement_hash"));
    json_object_set(head, "signature", json_object_get(settlement, "signature"));
    cli_print_object(head);
    json_decref(head);
}

/* The statement's lines together with what became of them; a column that nobody needs is left out.
 */
static void lines_print(const json_t *settlement)
{
    static const char *const always[] = {"payee", "amount", "paid", "pending", "open"};
    static const char *const maybe[] = {"compute",  "model",   "released",
                                        "reversed", "brought", "carried"};
    const char *unit = json_string_value(json_object_get(settlement, "unit"));
    const json_t *signed_lines = json_object_get(json_object_get(settlement, "statement"), "lines");
    const char *columns[13] = {"payee", "amount"};
    size_t count = 2;
    json_t *rows = json_deep_copy(json_object_get(settlement, "lines"));
    size_t i;
    json_t *row;
    for (size_t m = 0; m < sizeof(maybe) / sizeof(maybe[0]); m++) {
        bool any = false;
        json_array_foreach(rows, i, row)
        {
            const json_t *value = json_object_get(json_array_get(signed_lines, i), maybe[m]);
            const char *text = json_string_value(value);
            any = any || (text != NULL && strcmp(text, "0") != 0);
            json_object_set_new(row, maybe[m], json_string(text != NULL ? text : "0"));
        }
        if (any) {
            columns[count++] = maybe[m];
        }
    }
    for (size_t a = 2; a < sizeof(always) / sizeof(always[0]); a++) {
        columns[count++] = always[a];
    }
    json_array_foreach(rows, i, row)
    {
        members_show(row, unit, columns + 1);
    }
    cli_print_table(rows, columns);
    json_decref(rows);
}

static void detail_print(const json_t *settlement)
{
    head_print(settlement);
    if (json_array_size(json_object_get(settlement, "lines")) > 0) {
        fputc('\n', stdout);
        lines_print(settlement);
    }
    json_t *payouts = json_object_get(settlement, "payouts");
    size_t i;
    json_t *payout;
    json_array_foreach(payouts, i, payout)
    {
        payout_show(payout);
    }
    if (json_array_size(payouts) > 0) {
        fputc('\n', stdout);
        cli_print_table(payouts, payout_columns);
    }
}

/* The document alone, signature and statement in RFC 8785 form: the bytes that were logged. */
static enum cli_exit document_write(struct cli *cli, const char *file, struct lucid_span text)
{
    static const struct jcs_limits limits = {.depth_max = 8, .values_max = 1 << 16};
    struct lucid_arena arena;
    struct lucid_buf out = {0};
    struct lucid_why why = {0};
    const struct jcs_value *root = NULL;
    lucid_arena_init(&arena, GAS_STATEMENT_ARENA_BYTES * 2);
    enum lucid_error error = jcs_parse(text, &limits, &arena, &root, &why);
    const struct jcs_value *signature = jcs_member(root, "signature");
    const struct jcs_value *statement = jcs_member(root, "statement");
    if (error == LUCID_OK && (signature == NULL || statement == NULL)) {
        error = lucid_refuse(&why, LUCID_REFUSE_INVALID, NULL, NULL, "it holds no statement");
    }
    if (error == LUCID_OK) {
        lucid_buf_str(&out, "{\"signature\":");
        jcs_write(signature, &out);
        lucid_buf_str(&out, ",\"statement\":");
        jcs_write(statement, &out);
        lucid_buf_char(&out, '}');
        error = lucid_buf_ok(&out) ? datadir_file_write(file, 0644, lucid_buf_span(&out), &why)
                                   : LUCID_RETRY_MEMORY;
    }
    lucid_buf_fini(&out);
    lucid_arena_fini(&arena);
    return error == LUCID_OK ? CLI_OK : cli_fail_why(cli, error, &why, file);
}

static enum cli_exit settlement_show_run(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    enum gas_unit unit;
    struct lucid_buf text = {0};
    if (!settlement_path(cli, cli->arguments[0], "", path, &unit)) {
        return CLI_USAGE;
    }
    enum cli_exit code = remote_get_text(cli, path, 0, &text);
    if (code != CLI_OK) {
        return code;
    }
    const char *file = cli_value(cli, "output", NULL);
    json_t *settlement =
        json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (settlement == NULL) {
        code = cli_fail(cli, CLI_REFUSED, NULL, NULL, "the answer is not JSON");
    } else if (file != NULL) {
        code = document_write(cli, file, lucid_buf_span(&text));
    } else if (cli->json) {
        cli_print_json(settlement);
    } else {
        detail_print(settlement);
    }
    json_decref(settlement);
    lucid_buf_fini(&text);
    return code;
}

static const struct cli_option show_options[] = {
    {"output", 'o', "FILE", "write the signed document there instead, for `settlement verify`"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_settlement_show = {
    .group = "settlement",
    .name = "show",
    .arguments = "ID",
    .summary = "show one statement, its lines and its payouts",
    .text = "ID is unit and number, like USDC-0. COMPUTE and MODEL are what the payee earned by\n"
            "payments, RELEASED what it was paid out of suspense, OPEN what is neither paid nor\n"
            "on its way.\n",
    .examples = "  lucid settlement show USDC-0\n"
                "  lucid settlement show USDC-0 -o USDC-0.json\n",
    .options = show_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = settlement_show_run,
};

/* --- pay -------------------------------------------------------------------------------------- */

static const json_t *named(const json_t *list, const char *member, const char *text)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *value = json_string_value(json_object_get(item, member));
        if (value != NULL && strcmp(value, text) == 0) {
            return item;
        }
    }
    return NULL;
}

/* The amount of the payout for which that external id was used before, so that the same command
 * again is the same payout, however many there are by now; "" when it was not. */
static enum cli_exit amount_before(struct cli *cli, const char *external_id,
                                   char ret[GAS_AMOUNT_TEXT_BYTES])
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *found = NULL;
    (void)snprintf(path, sizeof(path), "/v1/payouts?external_id=%s", external_id);
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &found);
    const json_t *before = json_array_get(json_object_get(found, "items"), 0);
    const char *amount = json_string_value(json_object_get(before, "amount"));
    if (code == CLI_OK && before != NULL &&
        (amount == NULL || strlen(amount) >= GAS_AMOUNT_TEXT_BYTES)) {
        code = cli_fail(cli, CLI_REFUSED, NULL, "amount", "the answer has a payout of no amount");
    } else if (code == CLI_OK) {
        (void)snprintf(ret, GAS_AMOUNT_TEXT_BYTES, "%s", amount != NULL ? amount : "");
    }
    json_decref(found);
    return code;
}

/* All that is open of the payee's line, or what amount_before says. */
static enum cli_exit amount_open(struct cli *cli, const char *payee, const char *external_id,
                                 char ret[GAS_AMOUNT_TEXT_BYTES])
{
    char path[REMOTE_PATH_BYTES_MAX];
    enum gas_unit unit;
    json_t *settlement = NULL;
    if (!settlement_path(cli, cli->arguments[0], "", path, &unit)) {
        return CLI_USAGE;
    }
    enum cli_exit code = amount_before(cli, external_id, ret);
    if (code != CLI_OK || ret[0] != '\0') {
        return code;
    }
    code = remote_call(cli, "GET", path, NULL, &settlement);
    if (code != CLI_OK) {
        return code;
    }
    const json_t *line = named(json_object_get(settlement, "lines"), "payee", payee);
    const char *amount = json_string_value(json_object_get(line, "open"));
    if (amount == NULL || strlen(amount) >= GAS_AMOUNT_TEXT_BYTES) {
        code = cli_fail(cli, CLI_REFUSED, NULL, "PAYEE", "%s has no line of that payee",
                        cli->arguments[0]);
    } else if (strcmp(amount, "0") == 0) {
        code = cli_fail(cli, CLI_REFUSED, NULL, "PAYEE", "nothing is open of that line");
    } else {
        (void)snprintf(ret, GAS_AMOUNT_TEXT_BYTES, "%s", amount);
    }
    json_decref(settlement);
    return code;
}

static enum cli_exit pay_body(struct cli *cli, enum gas_unit unit, json_t **ret)
{
    static const char *const texts[] = {"facilitator", "note",        "reference",
                                        "network",     "transaction", NULL};
    const char *external_id = cli_value(cli, "external-id", NULL);
    const char *payee = cli->arguments[1];
    char amount[GAS_AMOUNT_TEXT_BYTES];
    if (external_id == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "external-id", "--external-id is missing");
    }
    if (!remote_id_ok(cli, "external-id", external_id) || !remote_id_ok(cli, "PAYEE", payee) ||
        !money_option(cli, "amount", "amount-units", unit, amount)) {
        return CLI_USAGE;
    }
    if (amount[0] == '\0') {
        enum cli_exit code = amount_open(cli, payee, external_id, amount);
        if (code != CLI_OK) {
            return code;
        }
    }
    json_t *body =
        json_pack("{s:s, s:s, s:s}", "external_id", external_id, "payee", payee, "amount", amount);
    for (const char *const *name = texts; *name != NULL; name++) {
        const char *text = cli_value(cli, *name, NULL);
        if (text != NULL && json_object_set_new(body, *name, json_string(text)) != 0) {
            json_decref(body);
            return cli_fail(cli, CLI_USAGE, NULL, *name, "--%s must be UTF-8", *name);
        }
    }
    *ret = body;
    return CLI_OK;
}

static enum cli_exit settlement_pay(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    enum gas_unit unit;
    json_t *body = NULL;
    json_t *payout = NULL;
    if (cli->argument_count == 1) {
        return settlement_pay_all(cli);
    }
    if (!settlement_path(cli, cli->arguments[0], "/payouts", path, &unit)) {
        return CLI_USAGE;
    }
    enum cli_exit code = pay_body(cli, unit, &body);
    if (code == CLI_OK) {
        code = remote_call(cli, "POST", path, body, &payout);
    }
    json_decref(body);
    if (code == CLI_OK && json_is_true(json_object_get(payout, "replayed"))) {
        const char *status = json_string_value(json_object_get(payout, "status"));
        cli_note(cli, "this payout is there since before, and is now: %s; nothing was added",
                 status != NULL ? status : "unknown");
    }
    if (code == CLI_OK && !cli->json) {
        payout_show(payout);
    }
    return remote_object_print(cli, code, payout);
}

static const struct cli_option pay_options[] = {
    {"external-id", 'x', "ID", "your own id of this payout (required with PAYEE); used once"},
    {"amount", 0, "AMOUNT", "exactly, in the unit: 12.5 (else all that is open)"},
    {"amount-units", 0, "N", "the same in base units: 12500000"},
    {"reference", 'r', "TEXT", "it has happened, and is found by this outside"},
    {"network", 0, "NAME", "over this network, like eip155:8453; or with --reference: where"},
    {"transaction", 0, "TEXT", "with --reference: by which transaction"},
    {"facilitator", 'f', "NAME", "whose clearing account is credited (external)"},
    {"note", 'N', "TEXT", "for the record"},
    {"yes", 'y', NULL, "without PAYEE: approve it at once"},
    {"wait", 'w', NULL, "without PAYEE: until every line has ended"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_settlement_pay = {
    .group = "settlement",
    .name = "pay",
    .arguments = "ID [PAYEE]",
    .summary = "pay a statement by the treasury, or a payout of one line by hand (admin)",
    .text = "Without PAYEE: proposes a payout run of every open line whose payee has an address\n"
            "(`lucid payee set`), and approves it when the total is typed, or with --yes.\n"
            "With PAYEE the service moves no money: with --reference a payout that has happened\n"
            "is recorded; without it the amount is taken from what is open until\n"
            "`payout complete` or `payout fail`. The same command again is the same payout.\n",
    .examples =
        "  lucid settlement pay USDC-0 --yes --wait\n"
        "  lucid settlement pay USDC-0 provider-1 --external-id 2026-11-a17 "
        "--reference \"SEPA 4711\"\n"
        "  lucid settlement pay USDC-0 provider-1 --external-id 2026-11-a18 --amount 12.5\n",
    .options = pay_options,
    .arguments_min = 1,
    .arguments_max = 2,
    .run = settlement_pay,
};

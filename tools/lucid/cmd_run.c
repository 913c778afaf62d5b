/* lucid settlement pay (a whole statement), runs, approve, cancel; lucid payee list, set, remove */
#include <stdio.h>
#include <unistd.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/settlement.h"

enum { WAIT_SECONDS = 600, WAIT_POLL_US = 500000 };

/* --- showing ---------------------------------------------------------------------------------- */

static const char unit_usdc[] = "USDC";

static void run_show(json_t *run)
{
    money_member_show(run, "total", unit_usdc);
    const json_t *counts = json_object_get(run, "counts");
    char text[80];
    (void)snprintf(text, sizeof(text), "%lld of %lld",
                   (long long)json_integer_value(json_object_get(counts, "paid")),
                   (long long)json_integer_value(json_object_get(run, "line_count")));
    json_object_set_new(run, "lines_paid", json_string(text));
}

static void lines_print(json_t *lines, const char *amount, const char *const *columns)
{
    size_t i;
    json_t *line;
    if (json_array_size(lines) == 0) {
        return;
    }
    json_array_foreach(lines, i, line)
    {
        money_member_show(line, amount, unit_usdc);
    }
    cli_print_table(lines, columns);
}

/* A run with its lines, and what was left out of it, for people. */
static void run_print(json_t *run)
{
    static const char *const columns[] = {"payee", "address",     "amount",
                                          "state", "transaction", NULL};
    static const char *const left_out[] = {"payee", "open", "reason", NULL};
    run_show(run);
    lines_print(json_object_get(run, "lines"), "amount", columns);
    if (json_array_size(json_object_get(run, "skipped")) > 0) {
        (void)printf("\nnot in the run:\n");
        lines_print(json_object_get(run, "skipped"), "open", left_out);
    }
    (void)printf("\nrun %lld of %s on %s: %s, %s in %lld lines\n",
                 (long long)json_integer_value(json_object_get(run, "run")),
                 json_string_value(json_object_get(run, "settlement")),
                 json_string_value(json_object_get(run, "network")),
                 json_string_value(json_object_get(run, "status")),
                 json_string_value(json_object_get(run, "total")),
                 (long long)json_integer_value(json_object_get(run, "line_count")));
}

static enum cli_exit run_path(struct cli *cli, const char *number, const char *more,
                              char path[REMOTE_PATH_BYTES_MAX])
{
    if (number[0] == '\0' || strlen(number) > 19 ||
        strspn(number, "0123456789") != strlen(number)) {
        return cli_fail(cli, CLI_USAGE, NULL, "N", "N must be a run's number");
    }
    (void)snprintf(path, REMOTE_PATH_BYTES_MAX, "/v1/payout-runs/%s%s", number, more);
    return CLI_OK;
}

/* --- pay -------------------------------------------------------------------------------------- */

/* The one network that payees have addresses on. */
static enum cli_exit network_guess(struct cli *cli, char ret[REMOTE_ID_BYTES_MAX + 1])
{
    json_t *list = NULL;
    bool more = false;
    size_t i;
    const json_t *item;
    enum cli_exit code = remote_list_get(cli, "/v1/payees", 1000, &list, &more);
    ret[0] = '\0';
    json_array_foreach(list, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "network"));
        bool other = name != NULL && ret[0] != '\0' && strcmp(name, ret) != 0;
        if (code == CLI_OK && (other || more)) {
            code = cli_fail(cli, CLI_USAGE, NULL, "network", "say over which --network");
        } else if (name != NULL) {
            (void)snprintf(ret, REMOTE_ID_BYTES_MAX + 1, "%s", name);
        }
    }
    json_decref(list);
    if (code == CLI_OK && ret[0] == '\0') {
        code = cli_fail(cli, CLI_REFUSED, NULL, "network",
                        "no payee has an address yet: `lucid payee set`");
    }
    return code;
}

static enum cli_exit propose(struct cli *cli, json_t **ret)
{
    char path[REMOTE_PATH_BYTES_MAX];
    char network[REMOTE_ID_BYTES_MAX + 1];
    enum gas_unit unit;
    const char *given = cli_value(cli, "network", NULL);
    if (!settlement_path(cli, cli->arguments[0], "/runs", path, &unit) ||
        (given != NULL && !remote_id_ok(cli, "network", given))) {
        return CLI_USAGE;
    }
    enum cli_exit code = CLI_OK;
    if (given != NULL) {
        (void)snprintf(network, sizeof(network), "%s", given);
    } else {
        code = network_guess(cli, network);
    }
    if (code == CLI_OK) {
        json_t *body = json_pack("{s:s}", "network", network);
        code = remote_call(cli, "POST", path, body, ret);
        json_decref(body);
    }
    return code;
}

static enum cli_exit approve(struct cli *cli, const char *number, const char *total, json_t **ret)
{
    char path[REMOTE_PATH_BYTES_MAX];
    enum cli_exit code = run_path(cli, number, "/approve", path);
    if (code == CLI_OK) {
        json_t *body = json_pack("{s:s}", "total", total);
        code = remote_call(cli, "POST", path, body, ret);
        json_decref(body);
    }
    return code;
}

/* Until every line has ended. */
static enum cli_exit run_wait(struct cli *cli, const char *number, json_t **ret)
{
    char path[REMOTE_PATH_BYTES_MAX];
    enum cli_exit code = run_path(cli, number, "", path);
    for (unsigned i = 0; code == CLI_OK && i < WAIT_SECONDS * 1000000U / WAIT_POLL_US; i++) {
        json_t *run = NULL;
        code = remote_call(cli, "GET", path, NULL, &run);
        const char *status = json_string_value(json_object_get(run, "status"));
        if (code != CLI_OK || status == NULL || strcmp(status, "approved") != 0) {
            *ret = run;
            return code;
        }
        json_decref(run);
        (void)usleep(WAIT_POLL_US);
    }
    return code != CLI_OK
               ? code
               : cli_fail(cli, CLI_UNDECIDED, NULL, "wait",
                          "the run is under way still: `lucid settlement runs %s`", number);
}

static bool all_paid(const json_t *run)
{
    const json_t *counts = json_object_get(run, "counts");
    return json_integer_value(json_object_get(counts, "paid")) ==
           json_integer_value(json_object_get(run, "line_count"));
}

/* Whether the person at the terminal repeats the total. */
static bool is_confirmed(const char *total)
{
    char line[64];
    if (isatty(STDIN_FILENO) == 0) {
        return false;
    }
    (void)fprintf(stderr, "type the total in base units (%s) to approve: ", total);
    if (fgets(line, sizeof(line), stdin) == NULL) {
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return strcmp(line, total) == 0;
}

static enum cli_exit run_output(struct cli *cli, enum cli_exit code, json_t *run)
{
    if (code == CLI_OK && !cli->json) {
        run_print(run);
        json_decref(run);
        return cli_flush(cli) ? CLI_OK : CLI_REFUSED;
    }
    return remote_object_print(cli, code, run);
}

enum cli_exit settlement_pay_all(struct cli *cli)
{
    char number[24];
    char total[GAS_AMOUNT_TEXT_BYTES];
    json_t *run = NULL;
    enum cli_exit code = propose(cli, &run);
    if (code != CLI_OK) {
        return code;
    }
    const char *sum = json_string_value(json_object_get(run, "total"));
    (void)snprintf(number, sizeof(number), "%lld",
                   (long long)json_integer_value(json_object_get(run, "run")));
    (void)snprintf(total, sizeof(total), "%s", sum != NULL ? sum : "");
    bool yes = cli_flag(cli, "yes");
    if (!yes || !cli->json) {
        code = run_output(cli, CLI_OK, run);
    } else {
        json_decref(run);
    }
    if (code != CLI_OK || (!yes && (cli->json || !is_confirmed(total)))) {
        cli_note(cli,
                 "nothing is sent before it is approved: lucid settlement approve %s "
                 "--total %s",
                 number, total);
        return code;
    }
    run = NULL;
    code = approve(cli, number, total, &run);
    if (code == CLI_OK && cli_flag(cli, "wait")) {
        json_decref(run);
        run = NULL;
        code = run_wait(cli, number, &run);
    } else if (code == CLI_OK) {
        cli_note(cli, "approved: the treasury sends it; `lucid settlement runs %s` shows it",
                 number);
    }
    bool paid = code == CLI_OK && (all_paid(run) || !cli_flag(cli, "wait"));
    code = run_output(cli, code, run);
    return code == CLI_OK && !paid
               ? cli_fail(cli, CLI_REFUSED, NULL, "run", "not every line was paid")
               : code;
}

/* --- runs ------------------------------------------------------------------------------------- */

static enum cli_exit settlement_runs(struct cli *cli)
{
    static const char *const columns[] = {"run",   "settlement", "status",      "lines_paid",
                                          "total", "network",    "proposed_at", NULL};
    static const char *const filters[] = {"settlement", NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *run = NULL;
    if (cli->argument_count == 0) {
        return settlement_query(cli, "/v1/payout-runs", filters, path)
                   ? remote_list_print(cli, path, columns, run_show)
                   : CLI_USAGE;
    }
    enum cli_exit code = run_path(cli, cli->arguments[0], "", path);
    if (code == CLI_OK) {
        code = remote_call(cli, "GET", path, NULL, &run);
    }
    return run_output(cli, code, run);
}

static const struct cli_option runs_options[] = {
    {"settlement", 'S', "ID", "of this statement, like USDC-0"},
    {"limit", 'n', "N", "at most N runs (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_settlement_runs = {
    .group = "settlement",
    .name = "runs",
    .arguments = "[N]",
    .summary = "list payout runs, or show one with its lines",
    .examples = "  lucid settlement runs --settlement USDC-0\n"
                "  lucid settlement runs 3\n",
    .options = runs_options,
    .arguments_max = 1,
    .run = settlement_runs,
};

static enum cli_exit settlement_approve(struct cli *cli)
{
    const char *total = cli_value(cli, "total", NULL);
    json_t *run = NULL;
    if (total == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "total", "--total is missing");
    }
    enum cli_exit code = approve(cli, cli->arguments[0], total, &run);
    if (code == CLI_OK && cli_flag(cli, "wait")) {
        json_decref(run);
        run = NULL;
        code = run_wait(cli, cli->arguments[0], &run);
    }
    return run_output(cli, code, run);
}

static const struct cli_option approve_options[] = {
    {"total", 0, "N", "the run's total in base units, repeated (required)"},
    {"wait", 'w', NULL, "until every line has ended"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_settlement_approve = {
    .group = "settlement",
    .name = "approve",
    .arguments = "N",
    .summary = "approve a payout run: the treasury sends it (admin)",
    .text = "With treasury_two_admins it takes another token than the proposer's.\n",
    .examples = "  lucid settlement approve 3 --total 12500000\n",
    .options = approve_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = settlement_approve,
};

static enum cli_exit settlement_cancel(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *run = NULL;
    enum cli_exit code = run_path(cli, cli->arguments[0], "/cancel", path);
    if (code == CLI_OK) {
        code = remote_call(cli, "POST", path, NULL, &run);
    }
    return run_output(cli, code, run);
}

const struct cli_command command_settlement_cancel = {
    .group = "settlement",
    .name = "cancel",
    .arguments = "N",
    .summary = "cancel what of a payout run was not ordered yet (admin)",
    .examples = "  lucid settlement cancel 3\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = settlement_cancel,
};

/* --- payees ----------------------------------------------------------------------------------- */

static enum cli_exit payee_list(struct cli *cli)
{
    static const char *const columns[] = {"payee", "network", "address", "set_at", NULL};
    return remote_list_print(cli, "/v1/payees", columns, NULL);
}

static const struct cli_option list_options[] = {
    {"limit", 'n', "N", "at most N addresses (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_payee_list = {
    .group = "payee",
    .name = "list",
    .arguments = "",
    .summary = "list where payees are paid",
    .examples = "  lucid payee list\n",
    .options = list_options,
    .run = payee_list,
};

static enum cli_exit payee_set(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *address = NULL;
    if (!remote_id_ok(cli, "PAYEE", cli->arguments[0]) ||
        !remote_id_ok(cli, "NETWORK", cli->arguments[1]) ||
        !remote_id_ok(cli, "ADDRESS", cli->arguments[2])) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "/v1/payees/%s/address", cli->arguments[0]);
    json_t *body =
        json_pack("{s:s, s:s}", "network", cli->arguments[1], "address", cli->arguments[2]);
    enum cli_exit code = remote_call(cli, "PUT", path, body, &address);
    json_decref(body);
    return remote_object_print(cli, code, address);
}

const struct cli_command command_payee_set = {
    .group = "payee",
    .name = "set",
    .arguments = "PAYEE NETWORK ADDRESS",
    .summary = "set where a payee is paid on a network (admin)",
    .text = "A mixed-case address must have the sum of EIP-55: a mistyped one is refused.\n",
    .examples = "  lucid payee set provider-1 eip155:8453 "
                "0x209693Bc6afc0C5328bA36FaF03C514EF312287C\n",
    .arguments_min = 3,
    .arguments_max = 3,
    .run = payee_set,
};

static enum cli_exit payee_remove(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *address = NULL;
    if (!remote_id_ok(cli, "PAYEE", cli->arguments[0]) ||
        !remote_id_ok(cli, "NETWORK", cli->arguments[1])) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "/v1/payees/%s/address?network=%s", cli->arguments[0],
                   cli->arguments[1]);
    enum cli_exit code = remote_call(cli, "DELETE", path, NULL, &address);
    return remote_object_print(cli, code, address);
}

const struct cli_command command_payee_remove = {
    .group = "payee",
    .name = "remove",
    .arguments = "PAYEE NETWORK",
    .summary = "remove where a payee is paid on a network (admin)",
    .examples = "  lucid payee remove provider-1 eip155:8453\n",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = payee_remove,
};

/* lucid account list, show, postings, deposit, limit, trial-balance */
#include <stdio.h>

#include "tools/lucid/books.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/money.h"
#include "tools/lucid/remote.h"

#define KEY_RANDOM_BYTES 16

/* The path of an account, or below it, and its query. False after an error message. */
static bool path_make(struct cli *cli, const char *id, const char *below, char *ret, size_t max)
{
    struct lucid_buf path;
    lucid_buf_init(&path, max - 1);
    lucid_buf_str(&path, id != NULL ? "/v1/accounts/" : "/v1");
    bool ok = true;
    if (id != NULL) {
        ok = books_id_ok(cli, id);
        lucid_buf_str(&path, id);
    }
    lucid_buf_str(&path, below);
    ok = ok && books_query(cli, &path);
    if (ok && !lucid_buf_ok(&path)) {
        (void)cli_fail(cli, CLI_USAGE, NULL, NULL, "the arguments are too long");
        ok = false;
    }
    if (ok) {
        memcpy(ret, path.data, path.len);
        ret[path.len] = '\0';
    }
    lucid_buf_fini(&path);
    return ok;
}

static void members_show(json_t *object, const char *const *names)
{
    const char *unit = json_string_value(json_object_get(object, "unit"));
    for (; *names != NULL; names++) {
        money_member_show(object, *names, unit);
    }
}

static void account_show(json_t *account)
{
    static const char *const names[] = {"debits",       "credits",   "balance",
                                        "credit_limit", "available", NULL};
    members_show(account, names);
}

static enum cli_exit account_print(struct cli *cli, enum cli_exit code, json_t *account)
{
    if (code == CLI_OK && !cli->json) {
        account_show(account);
        json_object_del(account, "unit");
    }
    return remote_object_print(cli, code, account);
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum cli_exit account_list(struct cli *cli)
{
    static const char *const columns[] = {"account", "debits", "credits", "balance", NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    if (!path_make(cli, NULL, "/accounts", path, sizeof(path))) {
        return CLI_USAGE;
    }
    return remote_list_print(cli, path, columns, account_show);
}

static const struct cli_option list_options[] = {
    {"class", 'c', "CLASS", "signer, protocol, revenue, payee, suspense, clearing or transit"},
    {"unit", 'U', "UNIT", "LUCID or USDC"},
    {"as-of", 'a', "N", "as it was after event N"},
    {"limit", 'n', "N", "at most N accounts (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_account_list = {
    .group = "account",
    .name = "list",
    .arguments = "",
    .summary = "list accounts and their balances",
    .text =
        "A balance stands on its account's own side: what a signer has left, what is owed to a\n"
        "payee, what was earned, what a facilitator holds. A minus sign: on the other side.\n",
    .examples = "  lucid account list\n"
                "  lucid account list --class payee --unit USDC\n"
                "  lucid account list --as-of 5000 --json\n",
    .options = list_options,
    .run = account_list,
};

static enum cli_exit account_show_run(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *account = NULL;
    if (!path_make(cli, cli->arguments[0], "", path, sizeof(path))) {
        return CLI_USAGE;
    }
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &account);
    return account_print(cli, code, account);
}

static const struct cli_option show_options[] = {
    {"as-of", 'a', "N", "as it was after event N"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_account_show = {
    .group = "account",
    .name = "show",
    .arguments = "ID",
    .summary = "show one account",
    .text = "ID is an account's id, or a signer's public key for its account.\n",
    .examples = "  lucid account show d75a98…\n"
                "  lucid account show payee:alice:USDC --as-of 5000\n",
    .options = show_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = account_show_run,
};

/* A signer's id without the later digits of its key. */
static void id_shorten(json_t *posting, const char *name)
{
    enum { DIGITS = 12 };
    static const char class[] = "signer:";
    const char *id = json_string_value(json_object_get(posting, name));
    const char *unit = id != NULL ? strrchr(id, ':') : NULL;
    if (unit != NULL && strncmp(id, class, sizeof(class) - 1) == 0 &&
        (size_t)(unit - id) > sizeof(class) + DIGITS) {
        json_object_set_new(posting, name,
                            json_sprintf("%.*s…%s", (int)sizeof(class) - 1 + DIGITS, id, unit));
    }
}

static void posting_show(json_t *posting)
{
    static const char *const names[] = {"amount", NULL};
    members_show(posting, names);
    id_shorten(posting, "debit");
    id_shorten(posting, "credit");
}

static enum cli_exit account_postings(struct cli *cli)
{
    static const char *const columns[] = {"cause",  "time",   "what", "debit",
                                          "credit", "amount", NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    const char *id = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    if (!path_make(cli, id, "/postings", path, sizeof(path))) {
        return CLI_USAGE;
    }
    return remote_list_print(cli, path, columns, posting_show);
}

static const struct cli_option postings_options[] = {
    {"from", 'f', "TIME", "at or after it, RFC 3339: 2026-11-21T10:00:00Z"},
    {"to", 0, "TIME", "before it"},
    {"cause", 'c', "N", "of event N"},
    {"as-of", 'a', "N", "of events up to N"},
    {"limit", 'n', "N", "at most N postings (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_account_postings = {
    .group = "account",
    .name = "postings",
    .arguments = "[ID]",
    .summary = "list postings, of one account or of all",
    .text =
        "In the order of the log. Each moves an amount from the account that is credited to the\n"
        "one that is debited; CAUSE is the sequence of the event behind it. Keys of signers\n"
        "are shortened; --json has them whole.\n",
    .examples = "  lucid account postings d75a98…\n"
                "  lucid account postings payee:alice:USDC --from 2026-11-01T00:00:00Z\n"
                "  lucid account postings --cause 57 --json\n",
    .options = postings_options,
    .arguments_max = 1,
    .run = account_postings,
};

/* --- trial balance ---------------------------------------------------------------------------- */

/* One unit's accounts as a table, its sums below. */
static void unit_print(const json_t *unit)
{
    static const char *const columns[] = {"account", "debit", "credit", NULL};
    static const char *const names[] = {"debit", "credit", NULL};
    const char *name = json_string_value(json_object_get(unit, "unit"));
    json_t *rows = json_object_get(unit, "accounts");
    if (name == NULL || !json_is_array(rows) || json_array_size(rows) == 0) {
        return;
    }
    json_array_append_new(rows, json_pack("{s:s, s:O*, s:O*}", "account", "total", "debit",
                                          json_object_get(unit, "debits"), "credit",
                                          json_object_get(unit, "credits")));
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        for (size_t k = 0; names[k] != NULL; k++) {
            const char *text = json_string_value(json_object_get(row, names[k]));
            if (text != NULL && strcmp(text, "0") == 0 && i + 1 < json_array_size(rows)) {
                json_object_set_new(row, names[k], json_null());
            }
            money_member_show(row, names[k], name);
        }
    }
    cli_print_table(rows, columns);
    fputc('\n', stdout);
}

static bool trial_print(const json_t *trial, bool json)
{
    bool balanced = true;
    size_t i;
    const json_t *unit;
    const json_t *units = json_object_get(trial, "units");
    json_array_foreach(units, i, unit)
    {
        balanced = balanced && json_is_true(json_object_get(unit, "balanced"));
    }
    if (json) {
        cli_print_json(trial);
        return balanced;
    }
    json_array_foreach(units, i, unit)
    {
        unit_print(unit);
    }
    json_int_t as_of = json_integer_value(json_object_get(trial, "as_of"));
    printf("%s after event %lld\n", balanced ? "balanced" : "NOT BALANCED", (long long)as_of);
    return balanced;
}

static enum cli_exit account_trial_balance(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *trial = NULL;
    if (!path_make(cli, NULL, "/trial-balance", path, sizeof(path))) {
        return CLI_USAGE;
    }
    enum cli_exit code = remote_get_long(cli, path, &trial);
    if (code == CLI_OK && !trial_print(trial, cli->json)) {
        code = CLI_REFUSED;
    }
    json_decref(trial);
    return code;
}

const struct cli_command command_account_trial_balance = {
    .group = "account",
    .name = "trial-balance",
    .arguments = "",
    .summary = "all balances by side, and whether the sides are equal",
    .text = "Exit code 1 if they are not.\n",
    .examples = "  lucid account trial-balance\n"
                "  lucid account trial-balance --as-of 5000 --json\n",
    .options = show_options,
    .run = account_trial_balance,
};

/* --- writing ---------------------------------------------------------------------------------- */

/* The idempotency key that was given, or one of our own. */
static bool key_make(struct cli *cli, char ret[GAS_KEY_BYTES_MAX + 1])
{
    const char *key = cli_value(cli, "key", NULL);
    if (key == NULL) {
        uint8_t bytes[KEY_RANDOM_BYTES];
        lucid_random(bytes, sizeof(bytes));
        lucid_hex_encode(bytes, sizeof(bytes), ret);
        ret[2 * sizeof(bytes)] = '\0';
        return true;
    }
    size_t len = strlen(key);
    bool ok = len > 0 && len <= GAS_KEY_BYTES_MAX;
    for (size_t i = 0; ok && i < len; i++) {
        ok = key[i] > ' ' && key[i] < 0x7F;
    }
    if (!ok) {
        (void)cli_fail(cli, CLI_USAGE, NULL, "key",
                       "--key must be 1 to 255 visible ASCII characters");
        return false;
    }
    memcpy(ret, key, len + 1);
    return true;
}

static enum cli_exit account_deposit(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    char amount[GAS_AMOUNT_TEXT_BYTES];
    char key[GAS_KEY_BYTES_MAX + 1];
    char header[GAS_KEY_BYTES_MAX + 32];
    if (!path_make(cli, cli->arguments[0], "/deposits", path, sizeof(path)) ||
        !money_value(cli, "amount", GAS_LUCID, amount) || !key_make(cli, key)) {
        return CLI_USAGE;
    }
    json_t *body = json_pack("{s:s, s:s*}", "amount", amount, "note", cli_value(cli, "note", NULL));
    if (body == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "note", "--note must be UTF-8");
    }
    (void)snprintf(header, sizeof(header), "Idempotency-Key: %s", key);
    json_t *deposit = NULL;
    enum cli_exit code = remote_call_with(cli, "POST", path, header, body, &deposit);
    json_decref(body);
    if (code == CLI_UNREACHABLE) { /* also with --json: nobody else knows a key that we made */
        fprintf(stderr, "whether it was done is not known; with --key %s it is done once only\n",
                key);
    }
    if (code == CLI_OK && json_is_true(json_object_get(deposit, "replayed"))) {
        cli_note(cli, "deposited before; nothing was added");
    }
    if (code == CLI_OK && !cli->json) {
        money_member_show(deposit, "amount", "LUCID");
        json_object_del(deposit, "unit");
    }
    return remote_object_print(cli, code, deposit);
}

static const struct cli_option deposit_options[] = {
    {"amount", 'a', "LUCID", "in LUCID with up to 9 decimals (required)"},
    {"note", 'n', "TEXT", "what it is for, at most 256 bytes; kept in the log"},
    {"key", 'k', "KEY", "names this deposit: with the same key it is done once (else a new one)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_account_deposit = {
    .group = "account",
    .name = "deposit",
    .arguments = "ID",
    .summary = "record what a signer has paid in (admin)",
    .text =
        "ID is a signer's public key, or its account's id. Use --key in scripts: a deposit that\n"
        "is sent again with its key is answered \"replayed\" and not made twice.\n",
    .examples = "  lucid account deposit d75a98… --amount 12.5 --key invoice-2026-118\n"
                "  lucid account deposit d75a98… --amount 100 --note \"wire of 21 November\"\n",
    .options = deposit_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = account_deposit,
};

static enum cli_exit account_limit(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    char amount[GAS_AMOUNT_TEXT_BYTES];
    if (!path_make(cli, cli->arguments[0], "/credit-limit", path, sizeof(path)) ||
        !money_value(cli, "amount", GAS_LUCID, amount)) {
        return CLI_USAGE;
    }
    json_t *body = json_pack("{s:s}", "credit_limit", amount);
    json_t *account = NULL;
    enum cli_exit code = remote_call(cli, "PUT", path, body, &account);
    json_decref(body);
    return account_print(cli, code, account);
}

static const struct cli_option limit_options[] = {
    {"amount", 'a', "LUCID", "in LUCID with up to 9 decimals; 0 takes it away (required)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_account_limit = {
    .group = "account",
    .name = "limit",
    .arguments = "ID",
    .summary = "set how far a signer may overdraw (admin)",
    .text = "Where gas is prepaid, a receipt is taken as long as the balance and this limit cover\n"
            "it.\n",
    .examples = "  lucid account limit d75a98… --amount 10\n",
    .options = limit_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = account_limit,
};

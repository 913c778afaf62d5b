#include "tools/lucid/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "lucidd/datadir.h"
#include "tools/lucid/commands.h"

static const struct cli_option global_options[] = {
    {"url", 'u', "URL", "the service (LUCID_URL; default " CLI_URL_DEFAULT ")"},
    {"data", 'd', "DIR", "data directory: its admin.token, or work offline"},
    {"token-file", 't', "FILE", "file with the bearer token (else --data, else LUCID_TOKEN)"},
    {"ca", 0, "FILE", "PEM certificates to trust for https (SSL_CERT_FILE; else the system's)"},
    {"json", 'j', NULL, "JSON on standard output"},
    {"help", 'h', NULL, "this text"},
    {NULL, 0, NULL, NULL},
};
#define GLOBAL_OPTIONS 6

/* One a line. */
/* clang-format off */
const struct cli_command *const cli_commands[] = {
    &command_keygen,
    &command_receipt_sign,
    &command_receipt_submit,
    &command_receipt_get,
    &command_receipt_proof,
    &command_receipt_verify,
    &command_receipt_erase,
    &command_verify,
    &command_epoch_list,
    &command_epoch_show,
    &command_epoch_finalize,
    &command_signer_list,
    &command_signer_register,
    &command_signer_revoke,
    &command_token_create,
    &command_token_list,
    &command_token_revoke,
    &command_price_list,
    &command_price_show,
    &command_price_history,
    &command_price_set,
    &command_price_delete,
    &command_asset_revenue,
    &command_pay,
    &command_access_subscribe,
    &command_access_issue,
    &command_access_list,
    &command_access_show,
    &command_access_revoke,
    &command_payment_record,
    &command_payment_list,
    &command_payment_show,
    &command_payment_resolve,
    &command_facilitation_list,
    &command_payment_refund,
    &command_payment_refunds,
    &command_x402_rotate_key,
    &command_plugin_list,
    &command_plugin_rotate_key,
    &command_settlement_list,
    &command_settlement_current,
    &command_settlement_show,
    &command_settlement_verify,
    &command_settlement_pay,
    &command_settlement_runs,
    &command_settlement_approve,
    &command_settlement_cancel,
    &command_payee_list,
    &command_payee_set,
    &command_payee_remove,
    &command_settlement_export,
    &command_payout_list,
    &command_payout_show,
    &command_payout_complete,
    &command_payout_fail,
    &command_account_list,
    &command_account_show,
    &command_account_postings,
    &command_account_deposit,
    &command_account_limit,
    &command_account_trial_balance,
    &command_account_export,
    &command_gas_tariff,
    &command_gas_set_tariff,
    &command_log_init,
    &command_log_info, &command_log_restore, &command_log_backup,
    &command_log_fsck,
    &command_log_replay,
    &command_log_follow,
    &command_log_mirror,
    &command_log_accept,
    &command_log_export,
    &command_verifier_attest,
    &command_verifier_challenge,
    &command_verifier_appraise,
    &command_verifier_list,
    &command_verifier_show,
    &command_verifier_bundle,
    &command_verifier_replay,
    &command_verifier_explain,
    &command_verifier_ear,
    &command_verifier_policy,
    &command_verifier_reference,
    &command_verifier_claims,
    &command_verifier_interaction,
    &command_verifier_import,
    &command_verifier_collateral,
    &command_verifier_fetch,
    &command_passport_issue,
    &command_passport_open,
    &command_passport_list,
    &command_passport_show,
    &command_passport_verify,
    &command_passport_renew,
    &command_passport_revoke,
    &command_passport_status,
    &command_passport_recheck,
    &command_passport_check,
    &command_passport_embed,
    &command_version,
    &command_help,
    NULL,
};
/* clang-format on */

static void options_print(FILE *out, const struct cli_option *options)
{
    for (const struct cli_option *option = options; option->name != NULL; option++) {
        char left[64];
        int len =
            snprintf(left, sizeof(left), "%c%c%s --%s%s%s", option->letter != 0 ? '-' : ' ',
                     option->letter != 0 ? option->letter : ' ', option->letter != 0 ? "," : " ",
                     option->name, option->value != NULL ? " " : "",
                     option->value != NULL ? option->value : "");
        lucid_assert(len > 0 && len < (int)sizeof(left));
        fprintf(out, "  %-28s %s\n", left, option->help);
    }
}

static void command_title_print(FILE *out, const struct cli_command *command)
{
    if (command->group != NULL) {
        fprintf(out, "lucid %s %s", command->group, command->name);
    } else {
        fprintf(out, "lucid %s", command->name);
    }
}

static void command_help_print(FILE *out, const struct cli_command *command)
{
    fputs("Usage: ", out);
    command_title_print(out, command);
    fprintf(out, " [options]%s%s\n\n%s\n", command->arguments[0] != '\0' ? " " : "",
            command->arguments, command->summary);
    if (command->text != NULL) {
        fprintf(out, "\n%s", command->text);
    }
    if (command->options != NULL && command->options[0].name != NULL) {
        fputs("\nOptions:\n", out);
        options_print(out, command->options);
    }
    fputs("\nEverywhere:\n", out);
    options_print(out, global_options);
    fprintf(out, "\nExamples:\n%s", command->examples);
}

static void group_help_print(FILE *out, const char *group)
{
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const struct cli_command *command = cli_commands[i];
        if (group != NULL && (command->group == NULL || strcmp(command->group, group) != 0)) {
            continue;
        }
        char left[64];
        (void)snprintf(left, sizeof(left), "%s%s%s %s", command->group ? command->group : "",
                       command->group ? " " : "", command->name, command->arguments);
        fprintf(out, "  %-34s %s\n", left, command->summary);
    }
}

static void overview_print(FILE *out)
{
    fputs("Usage: lucid COMMAND [options] [arguments]\n\nCommands:\n", out);
    group_help_print(out, NULL);
    fputs("\nEverywhere:\n", out);
    options_print(out, global_options);
    fputs("\nExit codes: 0 ok, 1 refused or invalid, 2 usage, 3 unreachable, 4 cannot decide.\n"
          "`lucid COMMAND --help` says more and has examples.\n",
          out);
}

static const struct cli_command *command_find(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const struct cli_command *command = cli_commands[i];
        if (command->group == NULL && argc > 1 && strcmp(argv[1], command->name) == 0) {
            *ret_words = 1;
            return command;
        }
        if (command->group != NULL && argc > 2 && strcmp(argv[1], command->group) == 0 &&
            strcmp(argv[2], command->name) == 0) {
            *ret_words = 2;
            return command;
        }
    }
    return NULL;
}

static bool group_exists(const char *word)
{
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        if (cli_commands[i]->group != NULL && strcmp(cli_commands[i]->group, word) == 0) {
            return true;
        }
    }
    return false;
}

/* What was given instead of a command. */
static enum cli_exit command_unknown(struct cli *cli, int argc, char **argv)
{
    const char *group = group_exists(argv[1]) ? argv[1] : NULL;
    for (int i = 1; i < argc; i++) {
        cli->json = cli->json || strcmp(argv[i], "--json") == 0;
    }
    enum cli_exit code;
    if (group != NULL && (argc < 3 || argv[2][0] == '-')) {
        code = cli_fail(cli, CLI_USAGE, NULL, NULL, "%s needs a second word", group);
    } else if (argv[1][0] == '-') {
        code = cli_fail(cli, CLI_USAGE, NULL, NULL, "options come after the command: %s", argv[1]);
    } else {
        code = cli_fail(cli, CLI_USAGE, NULL, NULL, "there is no command %s%s%s", argv[1],
                        group != NULL ? " " : "", group != NULL ? argv[2] : "");
    }
    if (!cli->json) {
        group_help_print(stderr, group);
    }
    return code;
}

static void commands_print_json(void)
{
    json_t *list = json_array();
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const struct cli_command *command = cli_commands[i];
        json_array_append_new(list, json_pack("{s:s*, s:s, s:s, s:s}", "group", command->group,
                                              "name", command->name, "arguments",
                                              command->arguments, "summary", command->summary));
    }
    json_t *all = json_pack("{s:o}", "commands", list);
    cli_print_json(all);
    json_decref(all);
}

static enum cli_exit help_run(struct cli *cli)
{
    if (cli->argument_count == 0 && cli->json) {
        commands_print_json();
        return CLI_OK;
    }
    if (cli->argument_count == 0) {
        overview_print(stdout);
        return CLI_OK;
    }
    char *words[3] = {NULL, cli->arguments[0], cli->argument_count > 1 ? cli->arguments[1] : NULL};
    int count = 0;
    const struct cli_command *command = command_find((int)cli->argument_count + 1, words, &count);
    if (command != NULL) {
        command_help_print(stdout, command);
        return CLI_OK;
    }
    if (cli->argument_count == 1 && group_exists(words[1])) {
        group_help_print(stdout, words[1]);
        return CLI_OK;
    }
    return cli_fail(cli, CLI_USAGE, NULL, NULL, "there is no command of that name: %s", words[1]);
}

const struct cli_command command_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .summary = "all commands, or one of them",
    .examples = "  lucid help\n  lucid help receipt submit\n",
    .arguments_max = 2,
    .run = help_run,
};

/* Options of the command, then the global ones, in getopt_long's form; the value handed back is the
 * index + 256. */
struct option_table {
    const struct cli_option *option[CLI_OPTIONS_MAX + GLOBAL_OPTIONS];
    struct option longs[CLI_OPTIONS_MAX + GLOBAL_OPTIONS + 1];
    char shorts[3 + 2 * (CLI_OPTIONS_MAX + GLOBAL_OPTIONS)];
    size_t count;
};

static void option_table_add(struct option_table *table, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        lucid_assert(table->count < CLI_OPTIONS_MAX + GLOBAL_OPTIONS);
        table->option[table->count] = options;
        table->longs[table->count] =
            (struct option){.name = options->name,
                            .has_arg = options->value != NULL ? required_argument : no_argument,
                            .val = 256 + (int)table->count};
        size_t len = strlen(table->shorts);
        if (options->letter != 0) {
            table->shorts[len] = options->letter;
            table->shorts[len + 1] = options->value != NULL ? ':' : '\0';
        }
        table->count++;
    }
}

static const struct cli_option *option_of(const struct option_table *table, int c)
{
    if (c >= 256) {
        return table->option[c - 256];
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->option[i]->letter == (char)c) {
            return table->option[i];
        }
    }
    return NULL;
}

static enum cli_exit options_parse(struct cli *cli, int argc, char **argv)
{
    struct option_table table = {.shorts = ":"};
    option_table_add(&table, cli->command->options);
    option_table_add(&table, global_options);
    for (int c; (c = getopt_long(argc, argv, table.shorts, table.longs, NULL)) != -1;) {
        if (c == ':') {
            return cli_fail(cli, CLI_USAGE, NULL, argv[optind - 1], "%s needs a value",
                            argv[optind - 1]);
        }
        const struct cli_option *option = c == '?' ? NULL : option_of(&table, c);
        if (option == NULL) {
            return cli_fail(cli, CLI_USAGE, NULL, argv[optind - 1], "unknown option %s",
                            argv[optind - 1]);
        }
        if (cli->value_count == CLI_VALUES_MAX) {
            return cli_fail(cli, CLI_USAGE, NULL, NULL, "too many options");
        }
        cli->values[cli->value_count++] =
            (struct cli_value){option, option->value != NULL ? optarg : NULL};
    }
    cli->arguments = argv + optind;
    cli->argument_count = (unsigned)(argc - optind);
    cli->json = cli_flag(cli, "json");
    return CLI_OK;
}

static const char *environment(const char *name)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static enum cli_exit command_run(struct cli *cli, int argc, char **argv)
{
    /* Known before the rest is parsed, so that a usage error obeys it as well. */
    for (int i = 1; i < argc; i++) {
        cli->json = cli->json || strcmp(argv[i], "--json") == 0;
    }
    enum cli_exit code = options_parse(cli, argc, argv);
    if (code != CLI_OK) {
        return code;
    }
    if (cli_flag(cli, "help")) {
        command_help_print(stdout, cli->command);
        return CLI_OK;
    }
    if (cli->argument_count < cli->command->arguments_min) {
        return cli_fail(cli, CLI_USAGE, NULL, NULL, "%s is missing", cli->command->arguments);
    }
    if (cli->argument_count > cli->command->arguments_max) {
        return cli_fail(cli, CLI_USAGE, NULL, NULL, "one argument too many: %s",
                        cli->arguments[cli->command->arguments_max]);
    }
    const char *url = environment("LUCID_URL");
    cli->url = cli_value(cli, "url", url != NULL ? url : CLI_URL_DEFAULT);
    cli->ca = cli_value(cli, "ca", environment("SSL_CERT_FILE"));
    cli->data = cli_value(cli, "data", NULL);
    cli->token_file = cli_value(cli, "token-file", NULL);
    return cli->command->run(cli);
}

int cli_main(int argc, char **argv)
{
    struct cli cli = {0};
    int words = 0;
    if (argc < 2) {
        overview_print(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        overview_print(stdout);
        return CLI_OK;
    }
    cli.command =
        strcmp(argv[1], "--version") == 0 ? &command_version : command_find(argc, argv, &words);
    if (cli.command == NULL) {
        if (argc > 2 && group_exists(argv[1]) &&
            (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
            group_help_print(stdout, argv[1]);
            return CLI_OK;
        }
        enum cli_exit unknown = command_unknown(&cli, argc, argv);
        return cli_flush(&cli) ? (int)unknown : (int)CLI_REFUSED;
    }
    if (words == 0) {
        words = 1;
    }
    enum cli_exit code = command_run(&cli, argc - words, argv + words);
    if (!cli_flush(&cli) && code == CLI_OK) {
        code = CLI_REFUSED;
    }
    client_close(cli.client);
    datadir_secret_free(cli.token, CLI_TOKEN_BYTES_MAX + 1);
    return (int)code;
}

const char *cli_value(const struct cli *cli, const char *name, const char *otherwise)
{
    for (size_t i = cli->value_count; i > 0; i--) {
        if (strcmp(cli->values[i - 1].option->name, name) == 0) {
            return cli->values[i - 1].text;
        }
    }
    return otherwise;
}

bool cli_flag(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->value_count; i++) {
        if (strcmp(cli->values[i].option->name, name) == 0) {
            return true;
        }
    }
    return false;
}

const char *cli_value_at(const struct cli *cli, const char *name, size_t at)
{
    for (size_t i = 0; i < cli->value_count; i++) {
        if (strcmp(cli->values[i].option->name, name) == 0) {
            if (at == 0) {
                return cli->values[i].text;
            }
            at--;
        }
    }
    return NULL;
}

bool cli_value_u64(struct cli *cli, const char *name, uint64_t otherwise, uint64_t min,
                   uint64_t max, uint64_t *ret)
{
    const char *text = cli_value(cli, name, NULL);
    uint64_t value = text != NULL ? 0 : otherwise;
    bool ok = text == NULL || (text[0] != '\0' && strlen(text) <= 19);
    for (; ok && text != NULL && *text != '\0'; text++) {
        ok = *text >= '0' && *text <= '9';
        value = value * 10 + (uint64_t)(*text - '0');
    }
    if (!ok || value < min || value > max) {
        (void)cli_fail(cli, CLI_USAGE, NULL, name, "--%s must be a number from %llu to %llu", name,
                       (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    *ret = value;
    return true;
}

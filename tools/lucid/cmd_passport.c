/* lucid passport list, show, open, revoke, recheck */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/passport.h"

/* --- list ------------------------------------------------------------------------------------- */

static void query_add(char *path, size_t max, const char *name, const char *encoded)
{
    size_t len = strlen(path);
    if (encoded[0] != '\0') {
        (void)snprintf(path + len, max - len, "%c%s=%s", strchr(path, '?') != NULL ? '&' : '?',
                       name, encoded);
    }
}

/* The path of a list with what --application and --status ask for. */
static enum cli_exit list_path(struct cli *cli, const char *status, char *out, size_t max)
{
    const char *application = cli_value(cli, "application", NULL);
    char name[256] = "";
    char word[64] = "";
    if ((application != NULL && !remote_encode(application, name, sizeof(name))) ||
        (status != NULL && !remote_encode(status, word, sizeof(word)))) {
        return cli_fail(cli, CLI_USAGE, NULL, "application", "a name is too long");
    }
    (void)snprintf(out, max, "/v1/passports?order=desc");
    query_add(out, max, "application", name);
    query_add(out, max, "status", word);
    return CLI_OK;
}

static enum cli_exit passport_list(struct cli *cli)
{
    static const char *const columns[] = {"passportId", "application", "status",
                                          "disallowed", "issuedAt",    "expiresAt",
                                          "is_mock",    "test",        NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    enum cli_exit code = list_path(cli, cli_value(cli, "status", NULL), path, sizeof(path));
    return code == CLI_OK ? remote_list_print(cli, path, columns, NULL) : code;
}

static const struct cli_option list_options[] = {
    {"application", 'a', "NAME", "of that application alone"},
    {"status", 's', "STATUS", "valid, expired, revoked or superseded"},
    {"limit", 'n', "N", "at most N of them (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_passport_list = {
    .group = "passport",
    .name = "list",
    .arguments = "",
    .summary = "list AI passports, newest first",
    .text = "disallowed: of mock evidence, which the service takes no longer; it verifies as "
            "invalid.\n",
    .examples = "  lucid passport list --application my-app --status valid\n",
    .options = list_options,
    .run = passport_list,
};

/* --- show ------------------------------------------------------------------------------------- */

/* The answer's own bytes: what is signed in them is not to go through another JSON library. */
static enum cli_exit raw_print(struct cli *cli, const char *path, const char *accept)
{
    struct lucid_buf text = {0};
    enum cli_exit code = remote_get_as(cli, path, accept, 3, &text);
    if (code == CLI_OK) {
        cli_print_bytes(lucid_buf_span(&text));
        putchar('\n');
    }
    lucid_buf_fini(&text);
    return code;
}

static enum cli_exit passport_show(struct cli *cli)
{
    char id[PASSPORT_ID_BYTES_MAX + 1];
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *answer = NULL;
    enum cli_exit code = passport_id_find(cli, cli->arguments[0], id);
    if (code != CLI_OK) {
        return code;
    }
    bool bundle = cli_flag(cli, "bundle");
    (void)snprintf(path, sizeof(path), "/v1/passports/%s%s", id, bundle ? "?bundle=1" : "");
    if (bundle) {
        return raw_print(cli, path, NULL);
    }
    if (cli_flag(cli, "document")) {
        return raw_print(cli, path, "Accept: " PASSPORT_MEDIA_TYPE);
    }
    code = remote_call(cli, "GET", path, NULL, &answer);
    if (code == CLI_OK && cli->json) {
        cli_print_json(answer);
    } else if (code == CLI_OK) {
        passport_answer_print(cli, answer);
    }
    json_decref(answer);
    return code;
}

static const struct cli_option show_options[] = {
    {"document", 'D', NULL, "the signed document alone, byte by byte"},
    {"bundle", 'b', NULL, "the package: with all that is needed to verify it offline"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_passport_show = {
    .group = "passport",
    .name = "show",
    .arguments = "ID|APPLICATION",
    .summary = "show one passport, or get its document or package",
    .text = "An application's name means its newest valid passport.\n",
    .examples = "  lucid passport show my-app\n"
                "  lucid passport show my-app --bundle > my-app.passport.json\n",
    .options = show_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = passport_show,
};

/* --- open ------------------------------------------------------------------------------------- */

/* Starts the desktop's browser, where there is a desktop. The address is an argument of its own,
 * never a shell's. */
static enum cli_exit browser_start(struct cli *cli, char *url)
{
    char program[] = "xdg-open";
    char *const words[] = {program, url, NULL};
    if (getenv("DISPLAY") == NULL && getenv("WAYLAND_DISPLAY") == NULL) {
        cli_note(cli, "there is no display: open it elsewhere");
        return CLI_OK;
    }
    pid_t child = cli_flush(cli) ? fork() : -1;
    if (child == 0) {
        (void)execvp(program, words);
        (void)fprintf(stderr, "lucid: %s: %s\n", program, strerror(errno));
        _exit(127);
    }
    return child > 0 ? CLI_OK
                     : cli_fail(cli, CLI_REFUSED, NULL, NULL, "%s cannot be started", program);
}

static enum cli_exit passport_open(struct cli *cli)
{
    char id[PASSPORT_ID_BYTES_MAX + 1];
    char path[REMOTE_PATH_BYTES_MAX];
    char url[PASSPORT_URL_BYTES_MAX];
    json_t *answer = NULL;
    enum cli_exit code = passport_id_find(cli, cli->arguments[0], id);
    if (code != CLI_OK) {
        return code;
    }
    (void)snprintf(path, sizeof(path), "/v1/passports/%s", id);
    code = remote_call(cli, "GET", path, NULL, &answer);
    if (code == CLI_OK && !passport_page_url(cli, answer, url)) {
        code = cli_fail(cli, CLI_REFUSED, NULL, "links.page", "the answer names no page");
    }
    if (code == CLI_OK && cli->json) {
        json_t *said = json_pack("{s:s, s:s, s:O*}", "passportId", id, "url", url, "status",
                                 json_object_get(answer, "status"));
        cli_print_json(said);
        json_decref(said);
    } else if (code == CLI_OK) {
        cli_print_text(stdout, url);
        putchar('\n');
    }
    json_decref(answer);
    return code == CLI_OK && cli_flag(cli, "browser") ? browser_start(cli, url) : code;
}

static const struct cli_option open_options[] = {
    {"browser", 'b', NULL, "also open it with xdg-open, where there is a display"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_passport_open = {
    .group = "passport",
    .name = "open",
    .arguments = "ID|APPLICATION",
    .summary = "print the address of the page for people",
    .examples = "  lucid passport open my-app --browser\n",
    .options = open_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = passport_open,
};

/* --- revoke ----------------------------------------------------------------------------------- */

static enum cli_exit reason_read(struct cli *cli, const char **ret)
{
    char all[256] = "";
    enum status_reason reason;
    const char *given = cli_value(cli, "reason", NULL);
    if (given != NULL && status_reason_find(lucid_span_str(given), &reason)) {
        *ret = given;
        return CLI_OK;
    }
    for (int i = 0; i < STATUS_REASONS; i++) {
        size_t len = strlen(all);
        (void)snprintf(all + len, sizeof(all) - len, "%s%s", i > 0 ? ", " : "",
                       status_reason_name((enum status_reason)i));
    }
    return cli_fail(cli, CLI_USAGE, NULL, "reason", "--reason is one of %s", all);
}

static enum cli_exit passport_revoke(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    const char *reason = NULL;
    json_t *answer = NULL;
    const char *id = cli->arguments[0];
    if (!passport_is_id(id)) {
        /* Never of a name: what is revoked stays revoked. */
        return cli_fail(cli, CLI_USAGE, NULL, NULL, "%s is no passport's id", id);
    }
    enum cli_exit code = reason_read(cli, &reason);
    if (code != CLI_OK) {
        return code;
    }
    json_t *body =
        json_pack("{s:s, s:s*}", "reason", reason, "comment", cli_value(cli, "comment", NULL));
    if (body == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "comment", "--comment must be UTF-8");
    }
    (void)snprintf(path, sizeof(path), "/v1/passports/%s/revoke", id);
    code = remote_call(cli, "POST", path, body, &answer);
    json_decref(body);
    return remote_object_print(cli, code, answer);
}

static const struct cli_option revoke_options[] = {
    {"reason", 'r', "REASON", "why, one of the words that `--reason help` lists"},
    {"comment", 'c', "TEXT", "more about it, at most 500 bytes; it is logged"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_passport_revoke = {
    .group = "passport",
    .name = "revoke",
    .arguments = "ID",
    .summary = "revoke a passport, for ever",
    .text =
        "It stands on the next status list, and in the log. REASON: keyCompromise, teeRevoked,\n"
        "tcbBelowPolicy, measurementDenied, auditorInactive, superseded, operatorRequest.\n",
    .examples =
        "  lucid passport revoke pass-… --reason operatorRequest -c 'moved to a new host'\n",
    .options = revoke_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = passport_revoke,
};

/* --- recheck ---------------------------------------------------------------------------------- */

struct recheck {
    struct cli *cli;
    json_t *affected;
    uint64_t checked;
};

/* The checks that are neither passed nor warned about, with whose they are, appended to a list. */
static void affected_add(json_t *list, const json_t *item, const json_t *report)
{
    size_t i;
    const json_t *check;
    json_array_foreach(json_object_get(report, "checks"), i, check)
    {
        const char *outcome = json_string_value(json_object_get(check, "outcome"));
        if (outcome == NULL || (strcmp(outcome, verify_outcome_name(VERIFY_FAIL)) != 0 &&
                                strcmp(outcome, verify_outcome_name(VERIFY_UNKNOWN)) != 0)) {
            continue;
        }
        json_array_append_new(list, json_pack("{s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*}",
                                              "passportId", json_object_get(item, "passportId"),
                                              "application", json_object_get(item, "application"),
                                              "verdict", json_object_get(report, "verdict"),
                                              "check", json_object_get(check, "check"), "outcome",
                                              json_object_get(check, "outcome"), "code",
                                              json_object_get(check, "code"), "detail",
                                              json_object_get(check, "detail")));
    }
}

static enum cli_exit recheck_one(void *context, const json_t *item)
{
    struct recheck *recheck = context;
    json_t *report = NULL;
    json_t *id = json_object_get(item, "passportId");
    json_t *body = json_pack("{s:O}", "passportId", id);
    if (body == NULL) {
        return cli_fail(recheck->cli, CLI_REFUSED, NULL, "passportId", "the list has no ids");
    }
    enum cli_exit code = remote_call(recheck->cli, "POST", "/v1/passports/verify", body, &report);
    json_decref(body);
    if (code == CLI_OK) {
        recheck->checked++;
        if (passport_verdict_exit(report) != CLI_OK) {
            affected_add(recheck->affected, item, report);
        }
    }
    json_decref(report);
    return code;
}

static enum cli_exit passport_recheck(struct cli *cli)
{
    static const char *const columns[] = {"passportId", "application", "verdict", "check",
                                          "code",       "detail",      NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    struct recheck recheck = {.cli = cli, .affected = json_array()};
    enum cli_exit code = list_path(cli, status_kind_name(STATUS_VALID), path, sizeof(path));
    if (code == CLI_OK) {
        code = remote_each(cli, path, recheck_one, &recheck);
    }
    if (code == CLI_OK && cli->json) {
        json_t *said = json_pack("{s:O, s:I}", "affected", recheck.affected, "checked",
                                 (json_int_t)recheck.checked);
        cli_print_json(said);
        json_decref(said);
    } else if (code == CLI_OK) {
        if (json_array_size(recheck.affected) > 0) {
            cli_print_table(recheck.affected, columns);
        }
        cli_note(cli, "%llu valid passports were checked", (unsigned long long)recheck.checked);
    }
    bool affected = json_array_size(recheck.affected) > 0;
    json_decref(recheck.affected);
    return code == CLI_OK && affected ? CLI_REFUSED : code;
}

static const struct cli_option recheck_options[] = {
    {"application", 'a', "NAME", "of that application alone"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_passport_recheck = {
    .group = "passport",
    .name = "recheck",
    .arguments = "",
    .summary = "which valid passports today's certificates and lists would not carry",
    .text = "Asks the service to verify each valid passport again, with the newest collateral that "
            "was\n"
            "imported, and lists those that are not valid any more: renew or revoke them. Run it\n"
            "after `lucid verifier import` and `fetch --import`.\n"
            "Exit code: 0 none, 1 some.\n",
    .examples = "  lucid passport recheck || echo 'see the list'\n",
    .options = recheck_options,
    .run = passport_recheck,
};

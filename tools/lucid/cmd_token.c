/* lucid token create, list, revoke */
#include <stdio.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"

#define NAME_BYTES 64

/* What a token is called that nobody named: its scopes, as far as they fit. */
static void name_make(const struct cli *cli, char ret[NAME_BYTES])
{
    size_t len = 0;
    ret[0] = '\0';
    for (size_t i = 0; cli_value_at(cli, "scope", i) != NULL && len < NAME_BYTES; i++) {
        int put = snprintf(ret + len, NAME_BYTES - len, "%s%s", i == 0 ? "" : ",",
                           cli_value_at(cli, "scope", i));
        len += put > 0 ? (size_t)put : 0;
    }
}

static enum cli_exit body_build(struct cli *cli, json_t **ret)
{
    char made[NAME_BYTES];
    name_make(cli, made);
    const char *name = cli_value(cli, "name", made);
    const char *expires = cli_value(cli, "expires", NULL);
    if (cli_value(cli, "scope", NULL) == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "scope", "--scope is missing");
    }
    json_t *scopes = json_array();
    for (size_t i = 0; cli_value_at(cli, "scope", i) != NULL; i++) {
        json_array_append_new(scopes, json_string(cli_value_at(cli, "scope", i)));
    }
    json_t *body = json_pack("{s:s, s:o}", "name", name, "scopes", scopes);
    if (body == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "name", "--name and --scope must be UTF-8");
    }
    if (expires != NULL) {
        json_object_set_new(body, "expires_at", json_string(expires));
    }
    *ret = body;
    return CLI_OK;
}

static enum cli_exit token_create(struct cli *cli)
{
    json_t *body = NULL;
    json_t *token = NULL;
    enum cli_exit code = body_build(cli, &body);
    if (code == CLI_OK) {
        code = remote_call(cli, "POST", "/v1/tokens", body, &token);
    }
    json_decref(body);
    if (code == CLI_OK && !cli->json) {
        cli_note(cli, "the token is shown this once; the service keeps only its hash");
    }
    return remote_object_print(cli, code, token);
}

static const struct cli_option create_options[] = {
    {"scope", 's', "SCOPE", "read, admin, proxy, facilitate, attest, passport, audit; repeatable"},
    {"name", 'n', "NAME", "what people call the token; its scopes if not given"},
    {"expires", 'e', "TIME", "RFC 3339, 2027-01-01T00:00:00Z; never if not given"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_token_create = {
    .group = "token",
    .name = "create",
    .arguments = "",
    .summary = "make a bearer token (admin)",
    .examples = "  lucid token create --scope read\n"
                "  lucid token create --scope read --scope audit --name auditor "
                "--expires 2027-01-01T00:00:00Z\n",
    .options = create_options,
    .run = token_create,
};

static enum cli_exit token_list(struct cli *cli)
{
    static const char *const columns[] = {"id",         "name",       "scopes", "created_at",
                                          "expires_at", "revoked_at", NULL};
    return remote_list_print(cli, "/v1/tokens", columns, NULL);
}

static const struct cli_option list_options[] = {
    {"limit", 'n', "N", "at most N tokens (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_token_list = {
    .group = "token",
    .name = "list",
    .arguments = "",
    .summary = "list tokens, never their text (admin)",
    .examples = "  lucid token list --data /var/lib/lucid\n",
    .options = list_options,
    .run = token_list,
};

static enum cli_exit token_revoke(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *token = NULL;
    if (!remote_id_ok(cli, "ID", cli->arguments[0])) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "/v1/tokens/%s/revoke", cli->arguments[0]);
    enum cli_exit code = remote_call(cli, "POST", path, NULL, &token);
    return remote_object_print(cli, code, token);
}

const struct cli_command command_token_revoke = {
    .group = "token",
    .name = "revoke",
    .arguments = "ID",
    .summary = "make a token worthless (admin)",
    .text = "ID is what `lucid token list` shows.\n",
    .examples = "  lucid token revoke 3f9a2c0d11e84b75\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = token_revoke,
};

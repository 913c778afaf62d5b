/* lucid access subscribe, issue, list, show, revoke */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/sha256.h"
#include "lucidd/datadir.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/pay.h"
#include "tools/lucid/remote.h"
#include "x402/grant.h"

#define HOURS_DEFAULT 24
#define GRANT_DIGITS  ((size_t)2 * X402_GRANT_ID_BYTES)

/* A grant as its file has it: "ID.SECRET", mode 0600, for X-Access-Grant. In locked memory. */
struct grant {
    char value[X402_GRANT_VALUE_BYTES + 2];
    char path[PAY_PATH_BYTES_MAX];
    char sha256[2 * LUCID_SHA256_BYTES + 1];
    char asset[GAS_NAME_BYTES_MAX + 1];
};

/* --- the file --------------------------------------------------------------------------------- */

/* Hash and id of the secret in value, for the asset. */
static void grant_name(struct grant *grant, char id[GRANT_DIGITS + 1])
{
    uint8_t digest[LUCID_SHA256_BYTES];
    uint8_t bytes[X402_GRANT_ID_BYTES];
    lucid_sha256(lucid_span(grant->value + GRANT_DIGITS + 1, X402_GRANT_SECRET_HEX), digest);
    lucid_hex_encode(digest, sizeof(digest), grant->sha256);
    grant->sha256[2 * sizeof(digest)] = '\0';
    x402_grant_id(lucid_span_str(grant->asset), digest, bytes);
    lucid_hex_encode(bytes, sizeof(bytes), id);
    id[GRANT_DIGITS] = '\0';
}

static enum cli_exit grant_make(struct cli *cli, struct grant *grant)
{
    char id[GRANT_DIGITS + 1];
    uint8_t random[X402_GRANT_SECRET_HEX / 2];
    struct lucid_why why = {.code = NULL};
    lucid_random(random, sizeof(random));
    lucid_hex_encode(random, sizeof(random), grant->value + GRANT_DIGITS + 1);
    lucid_wipe(random, sizeof(random));
    grant->value[GRANT_DIGITS] = '.';
    grant_name(grant, id);
    memcpy(grant->value, id, GRANT_DIGITS);
    grant->value[X402_GRANT_VALUE_BYTES] = '\n';
    enum lucid_error error = datadir_file_write(
        grant->path, 0600, lucid_span(grant->value, X402_GRANT_VALUE_BYTES + 1), &why);
    grant->value[X402_GRANT_VALUE_BYTES] = '\0';
    return error == LUCID_OK ? CLI_OK : cli_fail_why(cli, error, &why, grant->path);
}

static enum cli_exit grant_load(struct cli *cli, struct grant *grant)
{
    char id[GRANT_DIGITS + 1];
    struct lucid_why why = {.code = NULL};
    size_t len = 0;
    enum lucid_error error =
        datadir_file_read(grant->path, true, grant->value, sizeof(grant->value) - 1, &len, &why);
    if (error != LUCID_OK) {
        return cli_fail_why(cli, error, &why, grant->path);
    }
    bool ended = len == X402_GRANT_VALUE_BYTES ||
                 (len == X402_GRANT_VALUE_BYTES + 1 && grant->value[len - 1] == '\n');
    grant->value[X402_GRANT_VALUE_BYTES] = '\0';
    grant_name(grant, id);
    bool form =
        ended && lucid_is_hex(lucid_span(grant->value + GRANT_DIGITS + 1, X402_GRANT_SECRET_HEX),
                              X402_GRANT_SECRET_HEX);
    if (!form || memcmp(grant->value, id, GRANT_DIGITS) != 0) {
        return cli_fail(cli, CLI_USAGE, NULL, "grant-file",
                        "%s holds no access grant of asset %s: name another file", grant->path,
                        grant->asset);
    }
    return CLI_OK;
}

/* The grant of --asset: that of --grant-file if the file is there, else a new one. */
static enum cli_exit grant_open(struct cli *cli, struct grant *grant)
{
    const char *asset = cli_value(cli, "asset", NULL);
    const char *path = cli_value(cli, "grant-file", NULL);
    if (asset == NULL || !remote_id_ok(cli, "ASSET", asset)) {
        return asset != NULL ? CLI_USAGE
                             : cli_fail(cli, CLI_USAGE, NULL, "asset", "--asset is missing");
    }
    (void)snprintf(grant->asset, sizeof(grant->asset), "%s", asset);
    int len = path != NULL ? snprintf(grant->path, sizeof(grant->path), "%s", path)
                           : snprintf(grant->path, sizeof(grant->path), "lucid-%s.grant", asset);
    if (len <= 0 || (size_t)len >= sizeof(grant->path)) {
        return cli_fail(cli, CLI_USAGE, NULL, "grant-file", "the file's name is too long");
    }
    return access(grant->path, F_OK) == 0 ? grant_load(cli, grant) : grant_make(cli, grant);
}

/* {"asset","duration_hours","secret_sha256"}; NULL after a message. */
static json_t *request_of(struct cli *cli, const struct grant *grant)
{
    uint64_t hours;
    if (!cli_value_u64(cli, "hours", HOURS_DEFAULT, 1, X402_GRANT_HOURS_MAX, &hours)) {
        return NULL;
    }
    json_t *body = json_object();
    json_object_set_new(body, "asset", json_string(grant->asset));
    json_object_set_new(body, "duration_hours", json_integer((json_int_t)hours));
    json_object_set_new(body, "secret_sha256", json_string(grant->sha256));
    return body;
}

static void grant_note(const struct cli *cli, const struct grant *grant)
{
    cli_note(cli,
             "the access grant is in %s: send it as the header X-Access-Grant, as in\n"
             "  curl -H \"X-Access-Grant: $(cat %s)\" URL",
             grant->path, grant->path);
}

/* --- subscribe -------------------------------------------------------------------------------- */

static enum cli_exit subscribe_with(struct cli *cli, struct grant *grant)
{
    char url[REMOTE_PATH_BYTES_MAX];
    const char *base = cli->argument_count > 0 ? cli->arguments[0] : cli->url;
    size_t base_len = strlen(base);
    while (base_len > 0 && base[base_len - 1] == '/') {
        base_len--;
    }
    int len = snprintf(url, sizeof(url), "%.*s/v1/access/subscribe", (int)base_len, base);
    if (len <= 0 || (size_t)len >= sizeof(url)) {
        return cli_fail(cli, CLI_USAGE, NULL, "url", "the address is too long");
    }
    enum cli_exit code = grant_open(cli, grant);
    json_t *body = code == CLI_OK ? request_of(cli, grant) : NULL;
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (code == CLI_OK) {
        code = text != NULL ? pay_post(cli, url, lucid_span_str(text)) : CLI_USAGE;
    }
    if (code == CLI_OK && !cli_flag(cli, "dry-run")) {
        grant_note(cli, grant);
    }
    free(text);
    json_decref(body);
    return code;
}

static enum cli_exit with_grant(struct cli *cli,
                                enum cli_exit (*run)(struct cli *cli, struct grant *grant))
{
    struct grant *grant = lucid_secret_new(sizeof(*grant));
    if (grant == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    enum cli_exit code = run(cli, grant);
    lucid_secret_free(grant, sizeof(*grant));
    return code;
}

static enum cli_exit access_subscribe(struct cli *cli)
{
    return with_grant(cli, subscribe_with);
}

static const struct cli_option subscribe_options[] = {
    {"asset", 'a', "ASSET", "what is bought"},
    {"hours", 0, "N", "for so many hours, 1 to 8784 (24)"},
    {"grant-file", 'g', "FILE", "where the grant is kept, 0600 (lucid-ASSET.grant)"},
    PAY_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_access_subscribe = {
    .group = "access",
    .name = "subscribe",
    .arguments = "[URL]",
    .summary = "buy hours of an asset and keep the access grant",
    .text =
        "Makes a secret, of which the service learns the hash only, and keeps it in the grant's "
        "file before\n"
        "anything is paid. With a file that is there the grant is prolonged. Pays as lucid pay "
        "does, and\n"
        "goes on with lucid pay --resume.\n",
    .examples =
        "  lucid access subscribe https://host --asset proofs --hours 24 -k payer.key -m 1\n"
        "  curl -H \"X-Access-Grant: $(cat lucid-proofs.grant)\" "
        "https://host/v1/receipts/run_1/proof\n",
    .options = subscribe_options,
    .arguments_max = 1,
    .run = access_subscribe,
};

/* --- issue, revoke ---------------------------------------------------------------------------- */

static enum cli_exit issue_with(struct cli *cli, struct grant *grant)
{
    json_t *answer = NULL;
    const char *note = cli_value(cli, "note", NULL);
    enum cli_exit code = grant_open(cli, grant);
    json_t *body = code == CLI_OK ? request_of(cli, grant) : NULL;
    if (body == NULL) {
        return code == CLI_OK ? CLI_USAGE : code;
    }
    if (note != NULL && json_object_set_new(body, "note", json_string(note)) != 0) {
        code = cli_fail(cli, CLI_USAGE, NULL, "note", "--note must be UTF-8");
    } else {
        code = remote_call(cli, "POST", "/v1/access", body, &answer);
    }
    json_decref(body);
    code = remote_object_print(cli, code, answer);
    if (code == CLI_OK) {
        grant_note(cli, grant);
    }
    return code;
}

static enum cli_exit access_issue(struct cli *cli)
{
    return with_grant(cli, issue_with);
}

static const struct cli_option issue_options[] = {
    {"asset", 'a', "ASSET", "what is given"},
    {"hours", 0, "N", "for so many hours, 1 to 8784 (24)"},
    {"grant-file", 'g', "FILE", "where the grant is kept, 0600 (lucid-ASSET.grant)"},
    {"note", 0, "TEXT", "for whom, in the log"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_access_issue = {
    .group = "access",
    .name = "issue",
    .arguments = "",
    .summary = "give hours of an asset without payment (admin)",
    .text = "Each call adds hours to the grant of the file.\n",
    .examples = "  lucid access issue --asset proofs --hours 48 --grant-file friend.grant --note "
                "friend\n",
    .options = issue_options,
    .run = access_issue,
};

static enum cli_exit access_revoke(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *answer = NULL;
    const char *reason = cli_value(cli, "reason", NULL);
    if (reason == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "reason", "--reason is missing");
    }
    if (!remote_id_ok(cli, "ID", cli->arguments[0])) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "/v1/access/%s/revoke", cli->arguments[0]);
    json_t *text = json_string(reason);
    if (text == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "reason", "--reason must be UTF-8");
    }
    json_t *body = json_object();
    json_object_set_new(body, "reason", text);
    enum cli_exit code = remote_call(cli, "POST", path, body, &answer);
    json_decref(body);
    return remote_object_print(cli, code, answer);
}

static const struct cli_option revoke_options[] = {
    {"reason", 'r', "TEXT", "why, in the log"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_access_revoke = {
    .group = "access",
    .name = "revoke",
    .arguments = "ID",
    .summary = "end an access grant for good (admin)",
    .text = "No money goes back by this: refund its payments.\n",
    .examples = "  lucid access revoke 0123456789abcdef0123456789abcdef --reason abuse\n",
    .options = revoke_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = access_revoke,
};

/* --- list, show ------------------------------------------------------------------------------- */

static enum cli_exit access_list(struct cli *cli)
{
    static const char *const columns[] = {
        "id", "asset", "status", "expires_at", "duration_hours", "purchases", "note", NULL};
    char path[REMOTE_PATH_BYTES_MAX] = "/v1/access";
    const char *asset = cli_value(cli, "asset", NULL);
    if (asset != NULL) {
        if (!remote_id_ok(cli, "ASSET", asset)) {
            return CLI_USAGE;
        }
        (void)snprintf(path, sizeof(path), "/v1/access?asset=%s", asset);
    }
    return remote_list_print(cli, path, columns, NULL);
}

static const struct cli_option list_options[] = {
    {"asset", 'a', "ASSET", "of that asset only"},
    {"limit", 'n', "N", "at most N grants (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_access_list = {
    .group = "access",
    .name = "list",
    .arguments = "",
    .summary = "list access grants",
    .examples = "  lucid access list --asset proofs\n",
    .options = list_options,
    .run = access_list,
};

static enum cli_exit access_show(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *answer = NULL;
    if (!remote_id_ok(cli, "ID", cli->arguments[0])) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "/v1/access/%s", cli->arguments[0]);
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &answer);
    return remote_object_print(cli, code, answer);
}

const struct cli_command command_access_show = {
    .group = "access",
    .name = "show",
    .arguments = "ID",
    .summary = "show one access grant",
    .examples = "  lucid access show 0123456789abcdef0123456789abcdef\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = access_show,
};

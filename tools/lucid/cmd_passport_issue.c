/* lucid passport issue, renew: a request, signed by the key that the evidence binds */
#include <stdio.h>
#include <stdlib.h>

#include "base/jcs/jcs.h"
#include "lucidd/datadir.h"
#include "plugins/passport/issue.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/passport.h"
#include "tools/lucid/secret.h"

/* --- what the request names ------------------------------------------------------------------- */

/* An id of 64 hex digits, or a file of `lucid verifier appraise --json` that holds one. */
static enum cli_exit digest_take(struct cli *cli, const char *option, const char *given,
                                 const char *member, uint8_t ret[LUCID_SHA256_BYTES])
{
    json_t *answer = NULL;
    if (lucid_hex_decode(lucid_span_str(given), ret, LUCID_SHA256_BYTES)) {
        return CLI_OK;
    }
    enum cli_exit code = verifier_json_read(cli, given, &answer);
    const char *id = json_string_value(json_object_get(answer, member));
    if (code == CLI_OK &&
        (id == NULL || !lucid_hex_decode(lucid_span_str(id), ret, LUCID_SHA256_BYTES))) {
        code =
            cli_fail(cli, CLI_USAGE, NULL, option, "%s is no id, and holds no %s", given, member);
    }
    json_decref(answer);
    return code;
}

/* All values of an option, appended. */
static enum cli_exit digests_take(struct cli *cli, const char *option, const char *member,
                                  uint8_t (*ret)[LUCID_SHA256_BYTES], size_t max, size_t *ret_count)
{
    enum cli_exit code = CLI_OK;
    for (size_t i = 0; code == CLI_OK && cli_value_at(cli, option, i) != NULL; i++) {
        if (*ret_count == max) {
            return cli_fail(cli, CLI_USAGE, NULL, option, "at most %zu may be named", max);
        }
        code = digest_take(cli, option, cli_value_at(cli, option, i), member, ret[*ret_count]);
        *ret_count += code == CLI_OK;
    }
    return code;
}

/* --- provenance ------------------------------------------------------------------------------- */

/* One envelope, canonical, into the request. */
static enum lucid_error envelope_add(struct lucid_span text, struct lucid_arena *arena,
                                     struct issue_request *request, struct lucid_why *why)
{
    static const struct jcs_limits limits = {32, 65536};
    const struct jcs_value *root;
    struct lucid_buf out = {0};
    if (request->provenance_count == SLSA_ENVELOPES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "provenance", "more than %d envelopes",
                            SLSA_ENVELOPES_MAX);
    }
    enum lucid_error error = jcs_parse(text, &limits, arena, &root, why);
    if (error != LUCID_OK) {
        return error;
    }
    jcs_write(root, &out);
    struct lucid_span kept = lucid_arena_copy(arena, lucid_buf_span(&out));
    bool good = lucid_buf_ok(&out) && kept.data != NULL;
    lucid_buf_fini(&out);
    if (good) {
        request->provenance[request->provenance_count++] = kept;
    }
    return good ? LUCID_OK : LUCID_RETRY_MEMORY;
}

/* A file is one envelope, or one on each line (.intoto.jsonl). */
static enum lucid_error envelopes_add(struct lucid_span text, struct lucid_arena *arena,
                                      struct issue_request *request, struct lucid_why *why)
{
    size_t before = request->provenance_count;
    struct lucid_why whole = {.code = NULL};
    enum lucid_error error = envelope_add(text, arena, request, &whole);
    const uint8_t *end = text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;
    if (error == LUCID_OK || error == LUCID_RETRY_MEMORY || end == NULL) {
        *why = whole;
        return error;
    }
    request->provenance_count = before;
    error = LUCID_OK;
    while (error == LUCID_OK && text.len > 0) {
        end = memchr(text.data, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        struct lucid_span line = verifier_trim(lucid_span(text.data, len));
        if (line.len > 0) {
            error = envelope_add(line, arena, request, why);
        }
        len += end != NULL;
        text = lucid_span(text.data + len, text.len - len);
    }
    return error;
}

static enum cli_exit provenance_take(struct cli *cli, struct lucid_arena *arena,
                                     struct issue_request *request)
{
    enum cli_exit code = CLI_OK;
    for (size_t i = 0; code == CLI_OK && cli_value_at(cli, "provenance", i) != NULL; i++) {
        const char *name = cli_value_at(cli, "provenance", i);
        struct lucid_why why = {.code = NULL};
        struct lucid_buf text = {0};
        code = verifier_file_read(cli, name, &text);
        if (code == CLI_OK) {
            enum lucid_error error = envelopes_add(lucid_buf_span(&text), arena, request, &why);
            code = error == LUCID_OK ? CLI_OK : cli_fail_why(cli, error, &why, name);
        }
        lucid_buf_fini(&text);
    }
    return code;
}

/* --- the request ------------------------------------------------------------------------------ */

static bool sign(struct lucid_span message, uint8_t ret[64], void *context)
{
    const struct ledger_ed25519_key *key = context;
    ledger_ed25519_sign(key, message, ret);
    return true;
}

/* Writes the signed request. */
static enum cli_exit request_sign(struct cli *cli, const struct issue_request *request,
                                  struct lucid_buf *out)
{
    uint8_t *secret = NULL;
    enum cli_exit code = secret_load(cli, &secret);
    if (code == CLI_OK && secret == NULL) {
        code = cli_fail(cli, CLI_USAGE, "NO_KEY", "key-file",
                        "neither " SECRET_ENVIRONMENT " nor --key-file is given: the key that the "
                        "evidence binds signs the request");
    }
    if (code != CLI_OK) {
        return code;
    }
    struct ledger_ed25519_key *key = datadir_secret_new(sizeof(*key));
    bool good = key != NULL;
    if (good) {
        ledger_ed25519_key_init(secret, key);
        good = issue_request_write(request, sign, key, out) && lucid_buf_ok(out);
    }
    datadir_secret_free(key, sizeof(*key));
    datadir_secret_free(secret, SECRET_BYTES);
    return good ? CLI_OK : cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
}

static enum cli_exit request_fill(struct cli *cli, const char *application,
                                  struct lucid_arena *arena, struct issue_request *ret)
{
    const char *version = cli_value(cli, "app-version", NULL);
    ret->application = lucid_span_str(application);
    ret->time_s = passport_now_s();
    ret->alg = JOSE_EDDSA;
    if (version != NULL) {
        ret->version = lucid_span_str(version);
    }
    if (cli_value(cli, "appraisal", NULL) == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "appraisal",
                        "--appraisal is missing: what shall it rest on?");
    }
    enum cli_exit code = digests_take(cli, "appraisal", "appraisalId", ret->appraisals,
                                      PASSPORT_APPRAISALS_MAX, &ret->appraisal_count);
    if (code == CLI_OK) {
        code = digests_take(cli, "claims", "claimsId", ret->appraisals, PASSPORT_APPRAISALS_MAX,
                            &ret->appraisal_count);
    }
    if (code == CLI_OK) {
        code = digests_take(cli, "interaction", "interactionId", ret->interactions,
                            ISSUE_INTERACTIONS_MAX, &ret->interaction_count);
    }
    return code == CLI_OK ? provenance_take(cli, arena, ret) : code;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* The document itself, as it is served, into --output. */
static enum cli_exit document_keep(struct cli *cli, const char *id)
{
    char path[REMOTE_PATH_BYTES_MAX];
    struct lucid_buf text = {0};
    struct lucid_why why = {.code = NULL};
    const char *name = cli_value(cli, "output", NULL);
    if (name == NULL) {
        return CLI_OK;
    }
    (void)snprintf(path, sizeof(path), "/v1/passports/%s", id);
    enum cli_exit code = remote_get_as(cli, path, "Accept: " PASSPORT_MEDIA_TYPE, 3, &text);
    if (code == CLI_OK) {
        enum lucid_error error = datadir_file_write(name, 0644, lucid_buf_span(&text), &why);
        code = error == LUCID_OK ? CLI_OK : cli_fail_why(cli, error, &why, name);
    }
    lucid_buf_fini(&text);
    return code;
}

static enum cli_exit answer_print(struct cli *cli, const json_t *answer)
{
    const char *id = json_string_value(json_object_get(answer, "passportId"));
    if (id == NULL || !passport_is_id(id)) {
        return cli_fail(cli, CLI_REFUSED, NULL, "passportId", "the answer has no passportId");
    }
    enum cli_exit code = document_keep(cli, id);
    if (code != CLI_OK) {
        return code;
    }
    if (cli->json) {
        cli_print_json(answer);
        return CLI_OK;
    }
    passport_answer_print(cli, answer);
    cli_note(cli,
             "to verify it without this service: lucid passport show %s --bundle > p.json; "
             "lucid passport verify -k jwks.json -f vkey p.json",
             id);
    return CLI_OK;
}

static enum cli_exit request_send(struct cli *cli, const char *path, const char *application)
{
    struct lucid_arena arena;
    struct lucid_buf body = {0};
    json_t *answer = NULL;
    struct issue_request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    lucid_arena_init(&arena, VERIFIER_ARENA_BYTES_MAX);
    enum cli_exit code = request_fill(cli, application, &arena, request);
    if (code == CLI_OK) {
        code = request_sign(cli, request, &body);
    }
    if (code == CLI_OK) {
        code = remote_send(cli, "POST", path, lucid_buf_span(&body), &answer);
    }
    if (code == CLI_OK) {
        code = answer_print(cli, answer);
    }
    json_decref(answer);
    lucid_buf_fini(&body);
    lucid_arena_fini(&arena);
    free(request);
    return code;
}

#define REQUEST_OPTIONS                                                                            \
    {"appraisal", 'A', "ID", "affirming appraisal of evidence, or appraise's answer in a file"},   \
        {"claims", 'C', "ID", "appraisal of auditors' claims; again for more"},                    \
        {"key-file", 'k', "FILE", "secret key that the evidence binds, else " SECRET_ENVIRONMENT}, \
        {"app-version", 0, "TEXT", "version, where the application's settings say none"},          \
        {"provenance", 'P', "FILE", "DSSE envelope of how it was built, or one a line"},           \
        {"interaction", 'I', "ID", "record of an interaction; again for more"},                    \
    {                                                                                              \
        "output", 'o', "FILE", "write the signed document there"                                   \
    }

static enum cli_exit passport_issue(struct cli *cli)
{
    const char *application = cli_value(cli, "application", NULL);
    if (application == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "application",
                        "--application is missing: for which?");
    }
    return request_send(cli, "/v1/passports", application);
}

static const struct cli_option issue_options[] = {
    {"application", 'a', "NAME", "as the service's passport.applications call it"},
    REQUEST_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_passport_issue = {
    .group = "passport",
    .name = "issue",
    .arguments = "",
    .summary = "issue a passport for an application from its appraisals",
    .text =
        "The request is signed here by the key that the evidence binds (Ed25519, any form that "
        "`lucid\n"
        "receipt sign` reads), so nobody else gets a passport from these appraisals. The first\n"
        "--appraisal is what the passport says of the hardware. The same request again is the\n"
        "same passport.\n",
    .examples = "  lucid verifier appraise --session evidence.json --json > appraisal.json\n"
                "  lucid passport issue -a my-app --appraisal appraisal.json -k worker.key\n",
    .options = issue_options,
    .run = passport_issue,
};

/* --- renew ------------------------------------------------------------------------------------ */

/* The application of a passport, as its document says; malloc'd. */
static enum cli_exit application_find(struct cli *cli, const char *id, char **ret)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *answer = NULL;
    (void)snprintf(path, sizeof(path), "/v1/passports/%s", id);
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &answer);
    const char *name =
        json_string_value(json_object_get(json_object_get(answer, "passport"), "application"));
    if (code == CLI_OK) {
        *ret = name != NULL ? strdup(name) : NULL;
        code = *ret != NULL
                   ? CLI_OK
                   : cli_fail(cli, CLI_REFUSED, NULL, "application", "%s names no application", id);
    }
    json_decref(answer);
    return code;
}

static enum cli_exit passport_renew(struct cli *cli)
{
    char id[PASSPORT_ID_BYTES_MAX + 1];
    char path[REMOTE_PATH_BYTES_MAX];
    char *application = NULL;
    enum cli_exit code = passport_id_find(cli, cli->arguments[0], id);
    if (code == CLI_OK) {
        code = application_find(cli, id, &application);
    }
    if (code == CLI_OK) {
        (void)snprintf(path, sizeof(path), "/v1/passports/%s/renew", id);
        code = request_send(cli, path, application);
    }
    free(application);
    return code;
}

static const struct cli_option renew_options[] = {
    REQUEST_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_passport_renew = {
    .group = "passport",
    .name = "renew",
    .arguments = "ID|APPLICATION",
    .summary = "issue the successor of a passport, from half of its life on",
    .text = "Needs appraisals of today, as an issue does. The old one stays valid beside it for\n"
            "passport.overlap_seconds. One that has expired or is revoked cannot be renewed.\n",
    .examples = "  lucid passport renew my-app --appraisal appraisal.json -k worker.key\n",
    .options = renew_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = passport_renew,
};

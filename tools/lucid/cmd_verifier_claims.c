/* lucid verifier claims: sign, submit, list, show */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "plugins/verifier/rules.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/secret.h"
#include "tools/lucid/verifier.h"

#define CLAIMS_PATH "/v1/attestation/claims"

/* The session of --session; *ret NULL: there is none. The caller decrefs it. */
static enum cli_exit session_load(struct cli *cli, json_t **ret)
{
    const char *name = cli_value(cli, "session", NULL);
    return name != NULL ? verifier_json_read(cli, name, ret) : CLI_OK;
}

/* --- sign ------------------------------------------------------------------------------------- */

static enum lucid_error claims_good(struct lucid_span text, struct lucid_arena *arena,
                                    struct lucid_why *why)
{
    struct claims_document document;
    return claims_parse(text, arena, &document, why);
}

static void member_default(json_t *object, const char *name, const char *text)
{
    if (json_object_get(object, name) == NULL) {
        json_object_set_new(object, name, json_string(text));
    }
}

/* What is the same in every document, and the time: a claim without one was made with it. */
static bool document_fill(json_t *document, const json_t *session)
{
    struct lucid_clock clock = lucid_clock_system();
    struct lucid_buf now = {0};
    size_t i;
    json_t *claim;
    lucid_buf_time(&now, lucid_wall_ms(&clock));
    lucid_buf_char(&now, '\0');
    if (!lucid_buf_ok(&now)) {
        return false;
    }
    member_default(document, "type", CLAIMS_TYPE_NAME);
    member_default(document, "schemaVersion", "1.0");
    member_default(document, "issuedAt", (const char *)now.data);
    lucid_buf_fini(&now);
    json_t *issued = json_object_get(document, "issuedAt");
    json_array_foreach(json_object_get(document, "claims"), i, claim)
    {
        if (json_is_object(claim) && json_object_get(claim, "timestamp") == NULL) {
            json_object_set(claim, "timestamp", issued);
        }
    }
    if (session != NULL) {
        json_object_set(document, "nonce", json_object_get(session, "nonce"));
    }
    return true;
}

static enum cli_exit claims_sign(struct cli *cli, const void *context)
{
    const char *name = cli->arguments[1];
    json_t *document = NULL;
    json_t *session = NULL;
    char *text = NULL;
    (void)context;
    enum cli_exit code = verifier_json_read(cli, name, &document);
    if (code == CLI_OK) {
        code = session_load(cli, &session);
    }
    if (code == CLI_OK) {
        text = document_fill(document, session) ? json_dumps(document, JSON_COMPACT) : NULL;
        code = text != NULL ? verifier_sign_print(cli, lucid_span_str(text), name, claims_good)
                            : cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    free(text);
    json_decref(session);
    json_decref(document);
    return code;
}

/* --- submit, list, show ----------------------------------------------------------------------- */

static enum cli_exit documents_load(struct cli *cli, json_t *list)
{
    enum cli_exit code = CLI_OK;
    for (unsigned i = 1; code == CLI_OK && i < cli->argument_count; i++) {
        json_t *document = NULL;
        code = verifier_json_read(cli, cli->arguments[i], &document);
        if (code == CLI_OK) {
            json_array_append_new(list, document);
        }
    }
    return code;
}

static enum cli_exit claims_submit(struct cli *cli, const void *context)
{
    json_t *session = NULL;
    json_t *answer = NULL;
    json_t *documents = json_array();
    (void)context;
    enum cli_exit code = documents_load(cli, documents);
    if (code == CLI_OK) {
        code = session_load(cli, &session);
    }
    json_t *body =
        json_pack("{s:O, s:s*, s:s*, s:O*, s:O*}", "documents", documents, "policyId",
                  cli_value(cli, "policy", NULL), "appraisalId", cli_value(cli, "appraisal", NULL),
                  "sessionId", json_object_get(session, "sessionId"), "audience",
                  json_object_get(session, "audience"));
    if (code == CLI_OK && body == NULL) {
        code = cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory, or an option is not UTF-8");
    }
    if (code == CLI_OK) {
        code = verifier_test_load(cli, body);
    }
    if (code == CLI_OK) {
        code = remote_call(cli, "POST", CLAIMS_PATH, body, &answer);
    }
    json_decref(body);
    json_decref(session);
    json_decref(documents);
    if (code == CLI_OK) {
        code = verifier_appraised(cli, answer);
    }
    json_decref(answer);
    return code;
}

static enum cli_exit claims_list(struct cli *cli, const void *context)
{
    static const char *const columns[] = {"claimsId", "status",    "decision", "mock",
                                          "test",     "logged_at", NULL};
    (void)context;
    return remote_list_print(cli, CLAIMS_PATH "?order=desc", columns, NULL);
}

static enum cli_exit claims_show(struct cli *cli, const void *context)
{
    (void)context;
    return verifier_show(cli, CLAIMS_PATH, cli->arguments[1]);
}

static enum cli_exit verifier_claims(struct cli *cli)
{
    static const struct verifier_verb verbs[] = {{"sign", 1, 1, claims_sign},
                                                 {"submit", 1, RULES_DOCUMENTS_MAX, claims_submit},
                                                 {"list", 0, 0, claims_list},
                                                 {"show", 1, 1, claims_show}};
    return verifier_verb_run(cli, verbs, sizeof(verbs) / sizeof(verbs[0]), NULL);
}

static const struct cli_option claims_options[] = {
    {"key-file", 'k', "FILE", "of sign: the auditor's secret key, else " SECRET_ENVIRONMENT},
    {"session", 's', "FILE", "what `lucid verifier challenge` printed: sign its nonce, answer it"},
    {"policy", 'p', "ID", "of submit: policy to appraise by (the service's default)"},
    {"appraisal", 'A', "ID", "of submit: the appraised environment the auditors run in"},
    {"ear", 'o', "FILE", "of submit: write the result's token there"},
    {"test-time", 0, "SECONDS", "of submit: appraise as of that Unix time; test stores only"},
    {"limit", 'n', "N", "of list: at most N of them (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_verifier_claims = {
    .group = "verifier",
    .name = "claims",
    .arguments = "VERB [FILE...]",
    .summary = "auditors' claims: sign a document offline, have some appraised, read",
    .text =
        "sign FILE adds type, schemaVersion, issuedAt and the claims' timestamps where they are\n"
        "missing, and prints the document signed, in its canonical form. submit FILE... has 1 to "
        "16\n"
        "documents appraised together by the rules of a policy. list; show ID. `lucid verifier\n"
        "bundle`, `replay` and `explain` take the same ids.\n"
        "Exit code of submit: 0 affirming or warning, 1 contraindicated or refused, 4 nothing\n"
        "asserted.\n",
    .examples = "  lucid verifier claims sign -k pii.key pii.json > pii.signed.json\n"
                "  lucid verifier claims submit -p sha256:5f0d… pii.signed.json tone.signed.json\n",
    .options = claims_options,
    .arguments_min = 1,
    .arguments_max = 1 + RULES_DOCUMENTS_MAX,
    .run = verifier_claims,
};

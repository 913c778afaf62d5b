/* lucid verifier policy, reference: sign, put, list, show */
#include <stdio.h>

#include "plugins/verifier/policy.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/secret.h"
#include "tools/lucid/verifier.h"

struct sort {
    const char *path;
    verifier_check_fn *check;
};

static enum lucid_error policy_good(struct lucid_span text, struct lucid_arena *arena,
                                    struct lucid_why *why)
{
    struct policy *policy = lucid_arena_zalloc(arena, sizeof(*policy));
    return policy != NULL ? policy_parse(text, arena, policy, why) : LUCID_RETRY_MEMORY;
}

static enum lucid_error reference_good(struct lucid_span text, struct lucid_arena *arena,
                                       struct lucid_why *why)
{
    struct reference_set *set = lucid_arena_zalloc(arena, sizeof(*set));
    return set != NULL ? reference_parse(text, arena, set, why) : LUCID_RETRY_MEMORY;
}

static enum cli_exit sign(struct cli *cli, const void *context)
{
    const struct sort *sort = context;
    struct lucid_buf text = {0};
    enum cli_exit code = verifier_file_read(cli, cli->arguments[1], &text);
    if (code == CLI_OK) {
        code = verifier_sign_print(cli, lucid_buf_span(&text), cli->arguments[1], sort->check);
    }
    lucid_buf_fini(&text);
    return code;
}

static enum cli_exit put(struct cli *cli, const void *context)
{
    const struct sort *sort = context;
    json_t *document = NULL;
    json_t *answer = NULL;
    enum cli_exit code = verifier_json_read(cli, cli->arguments[1], &document);
    if (code == CLI_OK) {
        code = remote_call(cli, "PUT", sort->path, document, &answer);
    }
    json_decref(document);
    if (code == CLI_OK && verifier_answer_text(cli, answer, "id") == NULL) {
        code = CLI_REFUSED;
    }
    return remote_object_print(cli, code, answer);
}

static enum cli_exit list(struct cli *cli, const void *context)
{
    const struct sort *sort = context;
    static const char *const columns[] = {"id", "name", "logged_at", "bytes", NULL};
    char path[REMOTE_PATH_BYTES_MAX];
    (void)snprintf(path, sizeof(path), "%s?order=desc", sort->path);
    return remote_list_print(cli, path, columns, NULL);
}

static enum cli_exit show(struct cli *cli, const void *context)
{
    const struct sort *sort = context;
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *answer = NULL;
    if (!remote_id_ok(cli, "ID", cli->arguments[1])) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "%s/%s", sort->path, cli->arguments[1]);
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &answer);
    const json_t *document = json_object_get(answer, "document");
    if (code == CLI_OK && !json_is_object(document)) {
        code = cli_fail(cli, CLI_REFUSED, NULL, NULL,
                        "the answer has no document: is %s a verifier?", cli->url);
    } else if (code == CLI_OK) {
        /* Where and when it was logged is beside it: people ask for the document. */
        cli_print_json(cli->json ? answer : document);
    }
    json_decref(answer);
    return code;
}

static enum cli_exit document_run(struct cli *cli, const struct sort *sort)
{
    static const struct verifier_verb verbs[] = {
        {"sign", 1, 1, sign}, {"put", 1, 1, put}, {"list", 0, 0, list}, {"show", 1, 1, show}};
    return verifier_verb_run(cli, verbs, sizeof(verbs) / sizeof(verbs[0]), sort);
}

static const struct cli_option document_options[] = {
    {"key-file", 'k', "FILE", "of sign: secret key, else " SECRET_ENVIRONMENT},
    {"limit", 'n', "N", "of list: at most N of them (100)"},
    {NULL, 0, NULL, NULL},
};

static enum cli_exit verifier_policy(struct cli *cli)
{
    static const struct sort policies = {"/v1/attestation/policies", policy_good};
    return document_run(cli, &policies);
}

const struct cli_command command_verifier_policy = {
    .group = "verifier",
    .name = "policy",
    .arguments = "VERB [FILE|ID]",
    .summary = "appraisal policies: sign one offline, log it (admin), read",
    .text =
        "sign checks the document and prints it signed, in its canonical form; its id is the "
        "SHA-256\n"
        "of those bytes. put needs a signature by one of the service's verifier.document_keys.\n",
    .examples = "  lucid verifier policy sign -k policy.key strict.json > strict.signed.json\n"
                "  lucid verifier policy put strict.signed.json\n"
                "  lucid verifier policy show sha256:5f0d…\n",
    .options = document_options,
    .arguments_min = 1,
    .arguments_max = 2,
    .run = verifier_policy,
};

static enum cli_exit verifier_reference(struct cli *cli)
{
    static const struct sort references = {"/v1/attestation/references", reference_good};
    return document_run(cli, &references);
}

const struct cli_command command_verifier_reference = {
    .group = "verifier",
    .name = "reference",
    .arguments = "VERB [FILE|ID]",
    .summary = "reference-value sets: sign one offline, log it (admin), read",
    .text = "VERB is sign FILE, put FILE, list or show ID, as of `lucid verifier policy`. A set "
            "counts for appraisals whose policy names it.\n",
    .examples = "  lucid verifier reference sign -k policy.key guest.json > guest.signed.json\n"
                "  lucid verifier reference put guest.signed.json\n",
    .options = document_options,
    .arguments_min = 1,
    .arguments_max = 2,
    .run = verifier_reference,
};

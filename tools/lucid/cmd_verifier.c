/* lucid verifier list, show, bundle, import, collateral */
#include <stdio.h>

#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/verifier.h"

/* --- list, show ------------------------------------------------------------------------------- */

static enum cli_exit verifier_list(struct cli *cli)
{
    static const char *const columns[] = {"appraisalId", "status",    "types", "mock",
                                          "test",        "logged_at", NULL};
    return remote_list_print(cli, "/v1/attestation/appraisals?order=desc", columns, NULL);
}

static const struct cli_option list_options[] = {
    {"limit", 'n', "N", "at most N of them (100)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_verifier_list = {
    .group = "verifier",
    .name = "list",
    .arguments = "",
    .summary = "list appraisals, newest first",
    .examples = "  lucid verifier list --limit 10\n",
    .options = list_options,
    .run = verifier_list,
};

static enum cli_exit show(struct cli *cli)
{
    return verifier_show(cli, "/v1/attestation/appraisals", cli->arguments[0]);
}

const struct cli_command command_verifier_show = {
    .group = "verifier",
    .name = "show",
    .arguments = "ID",
    .summary = "show one appraisal with all its steps",
    .text = "With --json also its record, the attestation result and the inclusion proof.\n",
    .examples = "  lucid verifier show $(lucid verifier list -j -n 1 | jq -r "
                "'.items[0].appraisalId')\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = show,
};

/* --- bundle ----------------------------------------------------------------------------------- */

/* What is kept is believed to be a bundle for years: nothing else is handed on. */
static enum cli_exit bundle_check(struct cli *cli, struct lucid_span text)
{
    json_t *bundle = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    bool ok = json_is_object(json_object_get(bundle, "record"));
    json_decref(bundle);
    return ok ? CLI_OK
              : cli_fail(cli, CLI_REFUSED, NULL, NULL, "the answer is no bundle: is %s a verifier?",
                         cli->url);
}

static enum cli_exit verifier_bundle(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    struct lucid_buf text = {0};
    if (!remote_id_ok(cli, "ID", cli->arguments[0])) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "/v1/attestation/appraisals/%s?bundle=1", cli->arguments[0]);
    enum cli_exit code = remote_get_text(cli, path, 3, &text);
    if (code == CLI_OK) {
        code = bundle_check(cli, lucid_buf_span(&text));
    }
    if (code == CLI_OK) {
        cli_print_bytes(lucid_buf_span(&text));
        putchar('\n');
    }
    lucid_buf_fini(&text);
    return code;
}

const struct cli_command command_verifier_bundle = {
    .group = "verifier",
    .name = "bundle",
    .arguments = "ID",
    .summary = "get everything that an appraisal was made from (audit)",
    .text =
        "Prints one JSON document: the record, evidence, certificates, policy, reference sets,\n"
        "the result, keys and the inclusion proof. `lucid verifier replay` appraises it again,\n"
        "without any service.\n",
    .examples = "  lucid verifier bundle ID > appraisal.bundle.json\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = verifier_bundle,
};

/* --- import, collateral ----------------------------------------------------------------------- */

enum cli_exit verifier_import_bytes(struct cli *cli, struct lucid_span bytes, const char *type,
                                    const char *product, const char *name)
{
    json_t *answer = NULL;
    json_t *body = json_pack("{s:s, s:o, s:s*}", "type", type, "item", verifier_base64(bytes),
                             "product", product);
    if (body == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory, or an option is not UTF-8");
    }
    enum cli_exit code = verifier_test_load(cli, body);
    if (code == CLI_OK) {
        code = remote_call(cli, "POST", "/v1/attestation/collateral", body, &answer);
    }
    json_decref(body);
    const char *key = code == CLI_OK ? verifier_answer_text(cli, answer, "key") : NULL;
    if (code == CLI_OK && key == NULL) {
        code = CLI_REFUSED;
    } else if (code == CLI_OK && cli->json) {
        cli_print_json(answer);
    } else if (code == CLI_OK) {
        cli_print_text(stdout, name);
        putchar('\t');
        cli_print_text(stdout, key);
        putchar('\n');
    }
    json_decref(answer);
    return code;
}

static enum cli_exit verifier_import(struct cli *cli)
{
    enum cli_exit worst = CLI_OK;
    for (unsigned i = 0; i < cli->argument_count; i++) {
        struct lucid_buf bytes = {0};
        enum cli_exit code = verifier_file_read(cli, cli->arguments[i], &bytes);
        if (code == CLI_OK) {
            code = verifier_import_bytes(cli, lucid_buf_span(&bytes), cli_value(cli, "type", "snp"),
                                         cli_value(cli, "product", NULL), cli->arguments[i]);
        }
        lucid_buf_fini(&bytes);
        worst = code > worst ? code : worst;
    }
    return worst;
}

static const struct cli_option import_options[] = {
    {"type", 'T', "TYPE", "kind of evidence that it is for: snp, mock (snp)"},
    {"product", 'p', "NAME", "Milan, Genoa or Turin, where the file does not say"},
    {"test-time", 0, "SECONDS", "judge it at that Unix time; test stores only"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_verifier_import = {
    .group = "verifier",
    .name = "import",
    .arguments = "FILE...",
    .summary = "keep certificates and revocation lists for appraisals (admin)",
    .text = "VCEK, VLEK or CRL of AMD, DER or PEM, one in each file. The service keeps what ends "
            "in a\n"
            "pinned root and is good now, and logs when it came. An appraisal uses the newest. A\n"
            "revocation list older than the one in use is refused: revocations are not undone.\n"
            "Where mock is allowed, --type mock takes a revocation list of a mock's root.\n",
    .examples = "  lucid verifier import vcek.der\n"
                "  lucid verifier import --product Milan milan.crl\n",
    .options = import_options,
    .arguments_min = 1,
    .arguments_max = 1000,
    .run = verifier_import,
};

static enum cli_exit verifier_collateral(struct cli *cli)
{
    static const char *const columns[] = {"key", "imported_at", "current", "digest", NULL};
    return remote_list_print(cli, "/v1/attestation/collateral?order=desc", columns, NULL);
}

const struct cli_command command_verifier_collateral = {
    .group = "verifier",
    .name = "collateral",
    .arguments = "",
    .summary = "list what was imported, newest first",
    .examples = "  lucid verifier collateral\n",
    .options = list_options,
    .run = verifier_collateral,
};

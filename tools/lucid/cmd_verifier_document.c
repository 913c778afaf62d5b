/* lucid verifier policy, reference: sign, put, list, show */
#include <stdio.h>
#include <stdlib.h>

#include "lucidd/datadir.h"
#include "plugins/verifier/policy.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/secret.h"
#include "tools/lucid/verifier.h"

enum sort { SORT_POLICY, SORT_REFERENCE };

static const char *path_of(enum sort sort)
{
    return sort == SORT_POLICY ? "/v1/attestation/policies" : "/v1/attestation/references";
}

/* --- sign ------------------------------------------------------------------------------------- */

/* Whether a service would take it: a misspelt rule is found before it is signed. */
static enum lucid_error document_good(enum sort sort, struct lucid_span text,
                                      struct lucid_arena *arena, struct lucid_why *why)
{
    if (sort == SORT_POLICY) {
        struct policy *policy = lucid_arena_zalloc(arena, sizeof(*policy));
        return policy != NULL ? policy_parse(text, arena, policy, why) : LUCID_RETRY_MEMORY;
    }
    struct reference_set *set = lucid_arena_zalloc(arena, sizeof(*set));
    return set != NULL ? reference_parse(text, arena, set, why) : LUCID_RETRY_MEMORY;
}

static enum lucid_error document_make(enum sort sort, struct lucid_span text,
                                      const uint8_t secret[SECRET_BYTES], struct lucid_arena *arena,
                                      struct lucid_span *ret, struct lucid_why *why)
{
    struct room {
        struct ledger_ed25519_key key;
    } *room = datadir_secret_new(sizeof(*room));
    struct lucid_span input;
    uint8_t signature[DOCUMENT_SIGNATURE_BYTES];
    if (room == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    ledger_ed25519_key_init(secret, &room->key);
    enum lucid_error error = document_signing_input(text, room->key.public_key, arena, &input, why);
    if (error == LUCID_OK) {
        ledger_ed25519_sign(&room->key, input, signature);
        error = document_signed(text, room->key.public_key, signature, arena, ret, why);
    }
    datadir_secret_free(room, sizeof(*room));
    return error == LUCID_OK ? document_good(sort, *ret, arena, why) : error;
}

static enum cli_exit sign_with(struct cli *cli, enum sort sort, const uint8_t *secret)
{
    struct lucid_buf text = {0};
    struct lucid_arena arena;
    struct lucid_span document;
    struct lucid_why why = {.code = NULL};
    const char *name = cli->arguments[1];
    enum cli_exit code = verifier_file_read(cli, name, &text);
    if (code != CLI_OK) {
        return code;
    }
    lucid_arena_init(&arena, VERIFIER_ARENA_BYTES_MAX);
    enum lucid_error error =
        document_make(sort, lucid_buf_span(&text), secret, &arena, &document, &why);
    if (error == LUCID_OK) {
        uint8_t id[LUCID_SHA256_BYTES];
        char hex[2 * LUCID_SHA256_BYTES + 1] = "";
        lucid_sha256(document, id);
        lucid_hex_encode(id, sizeof(id), hex);
        (void)fwrite(document.data, 1, document.len, stdout);
        putchar('\n');
        cli_note(cli, "its id is sha256:%s", hex);
    } else {
        code = cli_fail_why(cli, error, &why, name);
    }
    lucid_arena_fini(&arena);
    lucid_buf_fini(&text);
    return code;
}

static enum cli_exit sign(struct cli *cli, enum sort sort)
{
    uint8_t *secret = NULL;
    enum cli_exit code = secret_load(cli, &secret);
    if (code == CLI_OK && secret == NULL) {
        code = cli_fail(cli, CLI_USAGE, "NO_KEY", "key-file",
                        "neither " SECRET_ENVIRONMENT " nor --key-file is given");
    }
    if (code == CLI_OK) {
        code = sign_with(cli, sort, secret);
    }
    datadir_secret_free(secret, SECRET_BYTES);
    return code;
}

/* --- put, list, show -------------------------------------------------------------------------- */

static enum cli_exit put(struct cli *cli, enum sort sort)
{
    json_t *document = NULL;
    json_t *answer = NULL;
    enum cli_exit code = verifier_json_read(cli, cli->arguments[1], &document);
    if (code == CLI_OK) {
        code = remote_call(cli, "PUT", path_of(sort), document, &answer);
    }
    json_decref(document);
    return remote_object_print(cli, code, answer);
}

static enum cli_exit list(struct cli *cli, enum sort sort)
{
    static const char *const columns[] = {"id", "name", "logged_at", "bytes", NULL};
    return remote_list_print(cli, path_of(sort), columns, NULL);
}

static enum cli_exit show(struct cli *cli, enum sort sort)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *answer = NULL;
    if (!remote_id_ok(cli, "ID", cli->arguments[1])) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "%s/%s", path_of(sort), cli->arguments[1]);
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &answer);
    if (code == CLI_OK) {
        /* Where and when it was logged is beside it: people ask for the document. */
        cli_print_json(cli->json ? answer : json_object_get(answer, "document"));
    }
    json_decref(answer);
    return code;
}

static enum cli_exit document_run(struct cli *cli, enum sort sort)
{
    static const struct {
        const char *name;
        unsigned arguments;
        enum cli_exit (*run)(struct cli *cli, enum sort sort);
    } verbs[] = {{"sign", 2, sign}, {"put", 2, put}, {"list", 1, list}, {"show", 2, show}};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, cli->arguments[0]) != 0) {
            continue;
        }
        if (cli->argument_count != verbs[i].arguments) {
            return cli_fail(cli, CLI_USAGE, NULL, NULL, "%s needs %s", verbs[i].name,
                            verbs[i].arguments == 1 ? "no more words" : "one more word");
        }
        return verbs[i].run(cli, sort);
    }
    return cli_fail(cli, CLI_USAGE, NULL, NULL, "sign, put, list or show, not %s",
                    cli->arguments[0]);
}

static const struct cli_option document_options[] = {
    {"key-file", 'k', "FILE", "of sign: secret key, else " SECRET_ENVIRONMENT},
    {"limit", 'n', "N", "of list: at most N of them (100)"},
    {NULL, 0, NULL, NULL},
};

static enum cli_exit verifier_policy(struct cli *cli)
{
    return document_run(cli, SORT_POLICY);
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
    return document_run(cli, SORT_REFERENCE);
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

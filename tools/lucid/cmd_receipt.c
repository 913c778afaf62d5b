/* lucid receipt sign, get, proof, verify */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/jcs/jcs.h"
#include "lucidd/datadir.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/input.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/sign.h"

#define COVER_TRIES     10
#define ARENA_BYTES_MAX ((size_t)64 << 20)

/* --- sign ------------------------------------------------------------------------------------- */

static enum cli_exit sign_all(struct cli *cli, struct input *input, struct signing *signing)
{
    struct lucid_clock clock = lucid_clock_system();
    struct lucid_buf envelope = {0};
    enum cli_exit code = CLI_OK;
    while (code == CLI_OK) {
        struct input_record record;
        struct lucid_why why = {0};
        enum lucid_error error = input_next(input, &record, &why);
        if (error == LUCID_NOTE_END) {
            break;
        }
        if (error != LUCID_OK) {
            code = cli_fail(cli, CLI_REFUSED, why.code, why.param, "%s", why.text);
            break;
        }
        lucid_buf_clear(&envelope);
        signing->now_s = lucid_wall_ms(&clock) / 1000;
        error = sign_record(signing, record.text, &envelope, &why);
        if (error != LUCID_OK) {
            code = cli_fail(cli, CLI_REFUSED, why.code, why.param, "%s:%llu: %s", record.name,
                            (unsigned long long)record.line,
                            why.text[0] != '\0' ? why.text : lucid_error_name(error));
            break;
        }
        (void)fwrite(envelope.data, 1, envelope.len, stdout);
        fputc('\n', stdout);
    }
    lucid_buf_fini(&envelope);
    return code;
}

static enum cli_exit receipt_sign(struct cli *cli)
{
    static char dash[] = "-";
    char *const standard_input[] = {dash};
    char *const *names = cli->argument_count > 0 ? cli->arguments : standard_input;
    uint8_t *secret = NULL;
    enum cli_exit code = secret_load(cli, &secret);
    if (code == CLI_OK && secret == NULL) {
        code = cli_fail(cli, CLI_USAGE, "NO_KEY", SECRET_ENVIRONMENT,
                        "neither " SECRET_ENVIRONMENT " nor --key-file is given");
    }
    struct input *input = NULL;
    struct lucid_why why = {0};
    if (code == CLI_OK) {
        size_t count = cli->argument_count > 0 ? cli->argument_count : 1;
        if (input_open(names, count, &input, &why) != LUCID_OK) {
            code = cli_fail(cli, CLI_USAGE, NULL, NULL, "%s", why.text);
        }
    }
    if (code == CLI_OK) {
        struct signing signing = {.secret = secret, .check = true};
        code = sign_all(cli, input, &signing);
    }
    input_close(input);
    datadir_secret_free(secret, SECRET_BYTES);
    return code;
}

static const struct cli_option sign_options[] = {
    {"key-file", 'k', "FILE", "secret key, else " SECRET_ENVIRONMENT},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_receipt_sign = {
    .group = "receipt",
    .name = "sign",
    .arguments = "[FILE|DIR|-]...",
    .summary = "sign receipt bodies, offline",
    .text =
        "Reads bodies (JSON or NDJSON) and prints one signed envelope a line. run_id (run_ and\n"
        "32 hex digits) and timestamp (now) are filled in when absent. A body that the service\n"
        "would refuse is refused here, with the member's name. Envelopes pass through.\n",
    .examples = "  lucid receipt sign body.json > envelope.json\n"
                "  lucid receipt sign --key-file orchestrator.key < bodies.ndjson\n",
    .options = sign_options,
    .arguments_max = 100000,
    .run = receipt_sign,
};

/* --- get -------------------------------------------------------------------------------------- */

/* The answer as the service sent it, on one line. */
static void text_print(const struct lucid_buf *text)
{
    size_t len = text->len;
    while (len > 0 && text->data[len - 1] == '\n') {
        len--;
    }
    (void)fwrite(text->data, 1, len, stdout);
    fputc('\n', stdout);
}

static enum cli_exit receipt_print(struct cli *cli, const struct lucid_buf *text)
{
    json_t *receipt = json_loadb((const char *)text->data, text->len,
                                 JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    json_t *outer = json_loadb((const char *)text->data, text->len, JSON_REJECT_DUPLICATES, NULL);
    if (receipt == NULL) {
        json_decref(outer);
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "the answer is not JSON");
    }
    /* A body may hold integers too long for the JSON library; then its members are shown as reals,
     * and the outer ones are not told apart from them. */
    const json_t *from = outer != NULL ? outer : receipt;
    json_t *plain = json_copy((json_t *)(uintptr_t)from);
    const json_t *body = json_object_get(from, "body");
    (void)json_object_del(plain, "body");
    cli_print_object(plain);
    if (body != NULL) {
        fputs("\nbody\n", stdout);
        /* Escaped, so that no body can steer a terminal. */
        (void)json_dumpf(body, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        fputc('\n', stdout);
    }
    json_decref(plain);
    json_decref(outer);
    json_decref(receipt);
    return CLI_OK;
}

static enum cli_exit receipt_get(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    struct lucid_buf text = {0};
    if (!remote_id_ok(cli, "ID", cli->arguments[0])) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "/v1/receipts/%s", cli->arguments[0]);
    enum cli_exit code = remote_get_text(cli, path, 0, &text);
    if (code == CLI_OK && cli->json) {
        text_print(&text);
    } else if (code == CLI_OK) {
        code = receipt_print(cli, &text);
    }
    lucid_buf_fini(&text);
    return code;
}

const struct cli_command command_receipt_get = {
    .group = "receipt",
    .name = "get",
    .arguments = "ID",
    .summary = "show a receipt and where it was logged",
    .text = "ID is a receipt hash or a run_id. Needs a token with scope read, unless the service\n"
            "has public_reads.\n",
    .examples = "  lucid receipt get run_0f3a… --data /var/lib/lucid\n"
                "  lucid receipt get run_0f3a… --json | jq .body\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = receipt_get,
};

/* --- verify ----------------------------------------------------------------------------------- */

static enum cli_exit receipt_verify(struct cli *cli)
{
    char path[REMOTE_PATH_BYTES_MAX];
    json_t *verdict = NULL;
    if (!remote_id_ok(cli, "ID", cli->arguments[0])) {
        return CLI_USAGE;
    }
    (void)snprintf(path, sizeof(path), "/v1/receipts/%s/verify", cli->arguments[0]);
    enum cli_exit code = remote_call(cli, "GET", path, NULL, &verdict);
    if (code == CLI_OK) {
        if (cli->json) {
            cli_print_json(verdict);
        } else {
            cli_print_object(verdict);
        }
        code = json_is_true(json_object_get(verdict, "valid")) ? CLI_OK : CLI_REFUSED;
    }
    json_decref(verdict);
    return code;
}

const struct cli_command command_receipt_verify = {
    .group = "receipt",
    .name = "verify",
    .arguments = "ID",
    .summary = "let the service verify a stored receipt",
    .text = "Hash, signature and inclusion, recomputed from stored bytes by the service. To trust\n"
            "nobody but the log's key, use `lucid receipt proof -o` and `lucid verify`.\n",
    .examples = "  lucid receipt verify run_0f3a…\n",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = receipt_verify,
};

/* --- proof ------------------------------------------------------------------------------------ */

static void proof_print(const json_t *proof)
{
    json_t *plain = json_copy((json_t *)(uintptr_t)proof);
    const json_t *path = json_object_get(proof, "path");
    const char *checkpoint = json_string_value(json_object_get(proof, "checkpoint"));
    size_t i;
    const json_t *hash;
    (void)json_object_del(plain, "path");
    (void)json_object_del(plain, "checkpoint");
    cli_print_object(plain);
    printf("path        %zu hashes\n", json_array_size(path));
    json_array_foreach(path, i, hash)
    {
        fputs("  ", stdout);
        cli_print_text(stdout, json_is_string(hash) ? json_string_value(hash) : "?");
        fputc('\n', stdout);
    }
    if (checkpoint == NULL) {
        puts("checkpoint  none for this size");
    } else {
        puts("checkpoint");
        for (const char *line = checkpoint; *line != '\0';) {
            size_t len = strcspn(line, "\n");
            char text[1024];
            (void)snprintf(text, sizeof(text), "  %.*s", (int)(len < 1000 ? len : 1000), line);
            cli_print_text(stdout, text);
            fputc('\n', stdout);
            line += len + (line[len] == '\n');
        }
    }
    json_decref(plain);
}

/* Appends {"receipt":…,"proof":…} with the values as they came, numbers included. */
static enum lucid_error bundle_build(struct lucid_span receipt, struct lucid_span proof,
                                     struct lucid_buf *out)
{
    static const char *const names[] = {"body", "receipt_hash", "receipt_signature",
                                        "signer_pubkey"};
    const struct jcs_limits limits = {.depth_max = 64, .values_max = 262144};
    struct lucid_arena arena;
    const struct jcs_value *root = NULL;
    enum lucid_error error = LUCID_OK;
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    lucid_buf_char(out, '{');
    if (receipt.data != NULL) {
        error = jcs_parse(receipt, &limits, &arena, &root, NULL);
        lucid_json_member(out, "receipt");
        lucid_buf_char(out, '{');
        for (size_t i = 0; error == LUCID_OK && i < sizeof(names) / sizeof(names[0]); i++) {
            const struct jcs_value *value = jcs_member(root, names[i]);
            if (value != NULL) {
                lucid_json_member(out, names[i]);
                jcs_write(value, out);
            }
        }
        lucid_buf_char(out, '}');
    }
    if (error == LUCID_OK) {
        error = jcs_parse(proof, &limits, &arena, &root, NULL);
    }
    if (error == LUCID_OK) {
        lucid_json_member(out, "proof");
        jcs_write(root, out);
        lucid_buf_str(out, "}\n");
    }
    lucid_arena_fini(&arena);
    return error == LUCID_OK && !lucid_buf_ok(out) ? LUCID_RETRY_MEMORY : error;
}

static enum cli_exit output_write(struct cli *cli, const char *file, struct lucid_span data)
{
    struct lucid_why why = {0};
    if (strcmp(file, "-") == 0) {
        (void)fwrite(data.data, 1, data.len, stdout);
        return CLI_OK;
    }
    enum lucid_error error = datadir_file_write(file, 0644, data, &why);
    return error == LUCID_OK ? CLI_OK : cli_fail_why(cli, error, &why, "output");
}

static enum cli_exit bundle_write(struct cli *cli, const char *file, struct lucid_span receipt,
                                  struct lucid_span proof)
{
    struct lucid_buf bundle = {0};
    enum cli_exit code = CLI_OK;
    if (bundle_build(receipt, proof, &bundle) != LUCID_OK) {
        code = cli_fail(cli, CLI_REFUSED, NULL, NULL, "the answer is not JSON");
    } else {
        code = output_write(cli, file, lucid_buf_span(&bundle));
    }
    lucid_buf_fini(&bundle);
    return code;
}

static enum cli_exit proof_path(struct cli *cli, const char *id, char *out, size_t max)
{
    uint64_t size = 0;
    if (!remote_id_ok(cli, "ID", id) ||
        !cli_value_u64(cli, "tree-size", 0, 0, (uint64_t)1 << 48, &size)) {
        return CLI_USAGE;
    }
    int len = size == 0 ? snprintf(out, max, "/v1/receipts/%s/proof", id)
                        : snprintf(out, max, "/v1/receipts/%s/proof?tree_size=%llu", id,
                                   (unsigned long long)size);
    lucid_assert(len > 0 && (size_t)len < max);
    return CLI_OK;
}

static enum cli_exit proof_show(struct cli *cli, const struct lucid_buf *text)
{
    if (cli->json) {
        text_print(text);
        return CLI_OK;
    }
    json_t *proof = json_loadb((const char *)text->data, text->len, JSON_REJECT_DUPLICATES, NULL);
    if (proof == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "the answer is not JSON");
    }
    proof_print(proof);
    json_decref(proof);
    return CLI_OK;
}

/* The forms that --format names; the verifier tells them apart by their content. */
static const struct proof_form {
    const char *name;
    const char *accept; /* NULL: JSON */
} proof_forms[] = {
    {"json", NULL},
    {"tlog", "Accept: text/plain"},
    {"cose", "Accept: application/cose"},
};

static const struct proof_form *proof_form_of(struct cli *cli)
{
    const char *name = cli_value(cli, "format", "json");
    for (size_t i = 0; i < sizeof(proof_forms) / sizeof(proof_forms[0]); i++) {
        if (strcmp(name, proof_forms[i].name) == 0) {
            return &proof_forms[i];
        }
    }
    (void)cli_fail(cli, CLI_USAGE, NULL, "format", "--format is json, tlog or cose");
    return NULL;
}

/* A tlog-proof or COSE receipt without a file: as POST /v1/verify takes it, or text for people. */
static enum cli_exit form_show(struct cli *cli, const struct proof_form *form,
                               struct lucid_span proof)
{
    bool text = strcmp(form->name, "tlog") == 0;
    if (cli->json) {
        char *encoded = malloc(lucid_base64_len(proof.len) + 1);
        json_t *value = NULL;
        if (text) {
            value = json_stringn((const char *)proof.data, proof.len);
        } else if (encoded != NULL) {
            lucid_base64_encode(proof.data, proof.len, encoded);
            value = json_pack("{s:s#}", "cose", encoded, (int)lucid_base64_len(proof.len));
        }
        free(encoded);
        if (value == NULL) {
            return cli_fail(cli, CLI_REFUSED, NULL, NULL, "the answer is not a proof");
        }
        json_t *all = json_pack("{s:o}", "proof", value);
        cli_print_json(all);
        json_decref(all);
        return CLI_OK;
    }
    if (!text) {
        return cli_fail(cli, CLI_USAGE, NULL, "output",
                        "a COSE receipt is binary: give -o FILE (- = standard output) or --json");
    }
    while (proof.len > 0) {
        const uint8_t *end = memchr(proof.data, '\n', proof.len);
        size_t len = end == NULL ? proof.len : (size_t)(end - proof.data);
        char line[1024];
        (void)snprintf(line, sizeof(line), "%.*s", (int)(len < 1000 ? len : 1000),
                       (const char *)proof.data);
        cli_print_text(stdout, line);
        fputc('\n', stdout);
        len += end != NULL;
        proof = lucid_span(proof.data + len, proof.len - len);
    }
    return CLI_OK;
}

/* JSON, alone or with the receipt. */
static enum cli_exit json_give(struct cli *cli, const char *file, const struct lucid_buf *proof)
{
    char path[REMOTE_PATH_BYTES_MAX];
    struct lucid_buf receipt = {0};
    enum cli_exit code = CLI_OK;
    if (file == NULL) {
        return proof_show(cli, proof);
    }
    if (!cli_flag(cli, "no-receipt")) {
        (void)snprintf(path, sizeof(path), "/v1/receipts/%s", cli->arguments[0]);
        code = remote_get_text(cli, path, 0, &receipt);
    }
    if (code == CLI_OK) {
        code = bundle_write(cli, file, lucid_buf_span(&receipt), lucid_buf_span(proof));
    }
    lucid_buf_fini(&receipt);
    return code;
}

static enum cli_exit receipt_proof(struct cli *cli)
{
    const char *file = cli_value(cli, "output", NULL);
    char path[REMOTE_PATH_BYTES_MAX];
    struct lucid_buf proof = {0};
    const struct proof_form *form = proof_form_of(cli);
    enum cli_exit code = CLI_USAGE;
    if (form != NULL) {
        code = proof_path(cli, cli->arguments[0], path, sizeof(path));
    }
    if (code == CLI_OK) {
        code = remote_get_as(cli, path, form->accept, COVER_TRIES, &proof);
    }
    if (code == CLI_OK && form->accept == NULL) {
        code = json_give(cli, file, &proof);
    } else if (code == CLI_OK) {
        code = file != NULL ? output_write(cli, file, lucid_buf_span(&proof))
                            : form_show(cli, form, lucid_buf_span(&proof));
    }
    if (code == CLI_OK && file != NULL && strcmp(file, "-") != 0) {
        cli_note(cli, "wrote %s: check it with `lucid verify %s%s --vkey-file …`", file, file,
                 form->accept != NULL || cli_flag(cli, "no-receipt") ? " --receipt …" : "");
    }
    lucid_buf_fini(&proof);
    return code;
}

static const struct cli_option proof_options[] = {
    {"output", 'o', "FILE", "write receipt and proof for `lucid verify` (- = standard output)"},
    {"format", 'F', "FORM", "json, tlog (C2SP tlog-proof) or cose (RFC 9942); default json"},
    {"no-receipt", 0, NULL, "JSON with -o: the proof only (needs no token)"},
    {"tree-size", 0, "N", "in the tree of N leaves instead of the newest published head"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_receipt_proof = {
    .group = "receipt",
    .name = "proof",
    .arguments = "ID",
    .summary = "fetch the inclusion proof of a receipt",
    .text =
        "Waits up to 10 s for a head that covers the receipt. With -o the file holds\n"
        "{\"receipt\": envelope, \"proof\": {…}}, which `lucid verify` judges offline; reading\n"
        "the receipt needs a token with scope read, unless the service has public_reads.\n"
        "A tlog-proof (.tlog-proof) and a COSE receipt are files of their own, without the "
        "receipt;\n"
        "a size without a head has neither.\n",
    .examples = "  lucid receipt proof run_0f3a… -o proof.json --data /var/lib/lucid\n"
                "  lucid receipt proof run_0f3a… --format tlog -o run_0f3a….tlog-proof\n"
                "  lucid receipt proof run_0f3a… --json\n",
    .options = proof_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = receipt_proof,
};

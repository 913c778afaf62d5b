/* lucid verify: offline */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "ledger/note.h"
#include "ledger/proof.h"
#include "lucidd/datadir.h"
#include "tools/lucid/commands.h"

#define FILE_BYTES_MAX  ((size_t)2 << 20)
#define ARENA_BYTES_MAX ((size_t)64 << 20)

struct evidence {
    char *file;  /* the bundle, or the receipt */
    char *other; /* the proof's own file, or NULL */
    struct lucid_buf receipt;
    struct lucid_buf proof;
    char vkey[LEDGER_VKEY_BYTES_MAX + 2];
};

static enum cli_exit file_load(struct cli *cli, const char *name, char **ret, size_t *ret_len)
{
    char *text = malloc(FILE_BYTES_MAX + 1);
    struct lucid_why why = {0};
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (text != NULL) {
        error = datadir_file_read(strcmp(name, "-") == 0 ? "/dev/stdin" : name, false, text,
                                  FILE_BYTES_MAX, ret_len, &why);
    }
    if (error != LUCID_OK) {
        free(text);
        return cli_fail(cli, CLI_USAGE, NULL, NULL, "%s",
                        why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    *ret = text;
    return CLI_OK;
}

enum form {
    FORM_BUNDLE, /* has a proof, perhaps a receipt */
    FORM_OTHER,  /* another JSON document: a receipt, or a proof alone */
    FORM_BROKEN, /* no JSON as RFC 8785 demands it */
};

/* Takes a file apart. What is no bundle is taken as a receipt, so that the verifier's own first
 * step says what is wrong with it. */
static enum form bundle_split(struct evidence *evidence, struct lucid_span text)
{
    enum form form = FORM_BROKEN;
    const struct jcs_limits limits = {.depth_max = LEDGER_BODY_DEPTH_MAX + 2, .values_max = 262144};
    struct lucid_arena arena;
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    const struct jcs_value *root = NULL;
    if (jcs_parse(text, &limits, &arena, &root, NULL) == LUCID_OK) {
        const struct jcs_value *receipt = jcs_member(root, "receipt");
        const struct jcs_value *proof = jcs_member(root, "proof");
        form = proof != NULL ? FORM_BUNDLE : FORM_OTHER;
        if (receipt != NULL && proof != NULL) {
            jcs_write(receipt, &evidence->receipt);
        }
        if (proof != NULL) {
            jcs_write(proof, &evidence->proof);
        }
    }
    if (form != FORM_BUNDLE) {
        lucid_buf_span_put(&evidence->receipt, text);
    }
    lucid_arena_fini(&arena);
    return form;
}

static enum cli_exit evidence_load(struct cli *cli, struct evidence *evidence)
{
    size_t len = 0;
    enum cli_exit code = file_load(cli, cli->arguments[0], &evidence->file, &len);
    if (code != CLI_OK) {
        return code;
    }
    enum form form = bundle_split(evidence, lucid_span(evidence->file, len));
    const char *proof = cli_value(cli, "proof", NULL);
    if (proof == NULL && form == FORM_OTHER) {
        return cli_fail(cli, CLI_USAGE, NULL, "proof",
                        "%s holds no proof: give a file with receipt and proof, or --proof FILE",
                        cli->arguments[0]);
    }
    if (proof == NULL && form == FORM_BUNDLE && evidence->receipt.len == 0) {
        return cli_fail(cli, CLI_USAGE, NULL, "receipt", "%s holds a proof, but no receipt",
                        cli->arguments[0]);
    }
    if (proof == NULL) {
        return CLI_OK;
    }
    code = file_load(cli, proof, &evidence->other, &len);
    if (code == CLI_OK) {
        /* The other file may be a bundle too (receipt proof -o --no-receipt): take its proof. */
        struct evidence second = {.file = NULL};
        form = bundle_split(&second, lucid_span(evidence->other, len));
        lucid_buf_clear(&evidence->proof);
        lucid_buf_span_put(&evidence->proof, form == FORM_BUNDLE
                                                 ? lucid_buf_span(&second.proof)
                                                 : lucid_span(evidence->other, len));
        lucid_buf_fini(&second.receipt);
        lucid_buf_fini(&second.proof);
    }
    return code;
}

static enum cli_exit vkey_load(struct cli *cli, struct evidence *evidence)
{
    const char *text = cli_value(cli, "vkey", NULL);
    const char *file = cli_value(cli, "vkey-file", NULL);
    struct lucid_why why = {0};
    enum lucid_error error = LUCID_OK;
    size_t len = 0;
    if (text != NULL && strlen(text) < sizeof(evidence->vkey)) {
        memcpy(evidence->vkey, text, strlen(text) + 1);
    } else if (text != NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "vkey", "--vkey is too long");
    } else if (file != NULL) {
        error =
            datadir_file_read(file, false, evidence->vkey, sizeof(evidence->vkey) - 1, &len, &why);
    } else if (cli->data != NULL) {
        struct datadir *dir = malloc(sizeof(*dir));
        error = dir != NULL ? datadir_init(cli->data, dir, &why) : LUCID_RETRY_MEMORY;
        if (error == LUCID_OK) {
            error = datadir_file_read(dir->vkey, false, evidence->vkey, sizeof(evidence->vkey) - 1,
                                      &len, &why);
        }
        free(dir);
    } else {
        cli_note(cli, "no verifier key was given (--vkey, --vkey-file, --data): the checkpoint "
                      "cannot be judged");
        return CLI_OK;
    }
    evidence->vkey[strcspn(evidence->vkey, "\r\n")] = '\0';
    struct ledger_vkey vkey;
    if (error == LUCID_OK) {
        error = ledger_vkey_parse(lucid_span_str(evidence->vkey), &vkey, &why);
    }
    if (error != LUCID_OK && error != LUCID_REFUSE_UNKNOWN_KEY) { /* that one the verdict tells */
        return cli_fail(cli, CLI_USAGE, why.code, "vkey", "the verifier key: %s",
                        why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    return CLI_OK;
}

static void report_print(const struct ledger_report *report)
{
    for (size_t i = 0; i < report->step_count; i++) {
        const struct ledger_step *step = &report->steps[i];
        printf("%-8s %-18s ",
               step->outcome == LEDGER_PASSED ? "ok" : ledger_outcome_name(step->outcome),
               step->name);
        cli_print_text(stdout, step->text);
        fputc('\n', stdout);
    }
    printf("%s\n", ledger_verdict_name(report->verdict));
}

static void report_print_json(const struct ledger_report *report)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < report->step_count; i++) {
        const struct ledger_step *step = &report->steps[i];
        json_t *text = json_string(step->text);
        json_t *object = json_pack("{s:s, s:s, s:o}", "step", step->name, "outcome",
                                   ledger_outcome_name(step->outcome), "text",
                                   text != NULL ? text : json_null());
        json_array_append_new(steps, object);
    }
    json_t *all = json_pack("{s:s, s:b, s:o}", "verdict", ledger_verdict_name(report->verdict),
                            "valid", report->verdict == LEDGER_VALID, "steps", steps);
    cli_print_json(all);
    json_decref(all);
}

static enum cli_exit judge(struct cli *cli, const struct evidence *evidence)
{
    struct ledger_report *report = calloc(1, sizeof(*report));
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (report != NULL && lucid_buf_ok(&evidence->receipt) && lucid_buf_ok(&evidence->proof)) {
        error = ledger_proof_verify(
            lucid_buf_span(&evidence->receipt), LEDGER_FORM_JSON, lucid_buf_span(&evidence->proof),
            &(struct ledger_trust){.vkey = lucid_span_str(evidence->vkey)}, report);
    }
    enum cli_exit code = CLI_UNDECIDED;
    if (report == NULL || error != LUCID_OK) {
        code = cli_fail(cli, CLI_UNDECIDED, NULL, NULL, "out of memory");
    } else {
        if (cli->json) {
            report_print_json(report);
        } else {
            report_print(report);
        }
        code = report->verdict == LEDGER_VALID     ? CLI_OK
               : report->verdict == LEDGER_INVALID ? CLI_REFUSED
                                                   : CLI_UNDECIDED;
    }
    free(report);
    return code;
}

static enum cli_exit verify(struct cli *cli)
{
    struct evidence *evidence = calloc(1, sizeof(*evidence));
    if (evidence == NULL) {
        return cli_fail(cli, CLI_UNDECIDED, NULL, NULL, "out of memory");
    }
    enum cli_exit code = evidence_load(cli, evidence);
    if (code == CLI_OK) {
        code = vkey_load(cli, evidence);
    }
    if (code == CLI_OK) {
        code = judge(cli, evidence);
    }
    lucid_buf_fini(&evidence->receipt);
    lucid_buf_fini(&evidence->proof);
    free(evidence->file);
    free(evidence->other);
    free(evidence);
    return code;
}

static const struct cli_option verify_options[] = {
    {"vkey", 'V', "VKEY", "the log's verifier key, C2SP text"},
    {"vkey-file", 'f', "FILE", "a file with it (else --data's vkey)"},
    {"proof", 'p', "FILE", "the proof, when FILE is the receipt alone"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_verify = {
    .name = "verify",
    .arguments = "FILE",
    .summary = "verify receipt and proof offline, trusting only the log's key",
    .text = "FILE is what `lucid receipt proof -o` writes, or a receipt with --proof. Prints each\n"
            "step and the verdict: valid (exit 0), invalid (1), or undecided (4): nothing is\n"
            "wrong, but the checkpoint's key is not the one given, or no key is given.\n",
    .examples = "  lucid verify proof.json --vkey-file vkey\n"
                "  lucid verify receipt.json --proof proof.json --vkey "
                "example.org/log+0a1b2c3d+AT…\n",
    .options = verify_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = verify,
};

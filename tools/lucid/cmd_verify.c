/* lucid verify: offline */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "ledger/note.h"
#include "ledger/proof.h"
#include "lucidd/datadir.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/verify_policy.h"
#include "tools/lucid/vkey.h"

#define FILE_BYTES_MAX  ((size_t)2 << 20)
#define ARENA_BYTES_MAX ((size_t)64 << 20)

struct keys {
    char vkey[VKEY_TEXT_BYTES];
    char service[2 * LEDGER_ED25519_PUBLIC_BYTES + 1]; /* hex, or "" */
};

/* A receipt and its proof, out of one file or two. */
struct evidence {
    bool has_receipt;
    bool has_proof;
    enum ledger_form form;
    struct lucid_buf receipt;
    struct lucid_buf proof;
};

/* What a file is given as. */
enum role {
    ROLE_ANY,
    ROLE_RECEIPT,
    ROLE_PROOF,
};

/* Reads a file, or standard input for "-"; either may be a pipe that fills slowly. */
static enum cli_exit file_load(struct cli *cli, const char *name, char **ret, size_t *ret_len)
{
    bool standard = strcmp(name, "-") == 0;
    char *text = malloc(FILE_BYTES_MAX + 1);
    FILE *file = standard ? stdin : fopen(name, "rbe");
    size_t len = 0;
    const char *fault = NULL;
    if (text == NULL) {
        fault = "out of memory";
    } else if (file == NULL) {
        fault = strerror(errno);
    } else {
        len = fread(text, 1, FILE_BYTES_MAX + 1, file);
        fault = ferror(file) != 0 ? strerror(errno) : len > FILE_BYTES_MAX ? "too large" : NULL;
    }
    if (file != NULL && !standard) {
        (void)fclose(file);
    }
    if (fault != NULL) {
        free(text);
        return cli_fail(cli, CLI_USAGE, NULL, NULL, "%s: %s", name, fault);
    }
    *ret = text;
    *ret_len = len;
    return CLI_OK;
}

static void receipt_set(struct evidence *evidence, const struct jcs_value *value,
                        struct lucid_span text)
{
    lucid_buf_clear(&evidence->receipt);
    if (value != NULL) {
        jcs_write(value, &evidence->receipt);
    } else {
        lucid_buf_span_put(&evidence->receipt, text);
    }
    evidence->has_receipt = true;
}

static void proof_set(struct evidence *evidence, enum ledger_form form, struct lucid_span data)
{
    lucid_buf_clear(&evidence->proof);
    lucid_buf_span_put(&evidence->proof, data);
    evidence->form = form;
    evidence->has_proof = true;
}

/* The member `proof`: an object, a string that holds a tlog-proof, or {"cose": base64}. What is
 * none of them is taken as it is, so that the verifier's own first step says what is wrong with it.
 */
static void proof_member_set(struct evidence *evidence, const struct jcs_value *value)
{
    const struct jcs_value *cose = jcs_member(value, "cose");
    if (jcs_type(value) == JCS_STRING) {
        proof_set(evidence, LEDGER_FORM_TLOG, jcs_string(value));
    } else if (cose != NULL && jcs_type(cose) == JCS_STRING) {
        struct lucid_span text = jcs_string(cose);
        uint8_t *data = malloc(text.len + 1);
        size_t len = 0;
        if (data == NULL || !lucid_base64_decode(text, data, text.len, &len)) {
            len = 0;
        }
        proof_set(evidence, LEDGER_FORM_COSE, lucid_span(data, len));
        free(data);
    } else {
        struct lucid_buf text = {0};
        jcs_write(value, &text);
        proof_set(evidence, LEDGER_FORM_JSON, lucid_buf_span(&text));
        lucid_buf_fini(&text);
    }
}

/* A JSON document: receipt and proof as members, or one of them alone. False: ROLE_ANY, and it is
 * one of them alone. */
static bool json_take(struct evidence *evidence, enum role role, const struct jcs_value *root,
                      struct lucid_span text)
{
    const struct jcs_value *receipt = jcs_member(root, "receipt");
    const struct jcs_value *proof = jcs_member(root, "proof");
    if (role != ROLE_PROOF && (receipt != NULL || role == ROLE_RECEIPT)) {
        receipt_set(evidence, receipt, text);
    }
    if (role != ROLE_RECEIPT && proof != NULL) {
        proof_member_set(evidence, proof);
    } else if (role == ROLE_PROOF) {
        proof_set(evidence, LEDGER_FORM_JSON, text);
    }
    return role != ROLE_ANY || proof != NULL;
}

/* Takes a file for what it holds. What cannot be read is a receipt, unless it was given as a proof:
 * the verifier says what is wrong with it. False: one document, and the role does not say which. */
static bool document_take(struct evidence *evidence, enum role role, struct lucid_span text)
{
    const struct jcs_limits limits = {.depth_max = LEDGER_BODY_DEPTH_MAX + 2, .values_max = 262144};
    enum ledger_form form = ledger_form_detect(text);
    struct lucid_arena arena;
    const struct jcs_value *root = NULL;
    bool told = true;
    if (form != LEDGER_FORM_JSON && role != ROLE_RECEIPT) {
        proof_set(evidence, form, text);
        return true;
    }
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    if (jcs_parse(text, &limits, &arena, &root, NULL) == LUCID_OK) {
        told = json_take(evidence, role, root, text);
    } else if (role == ROLE_PROOF) {
        proof_set(evidence, LEDGER_FORM_JSON, text);
    } else {
        receipt_set(evidence, NULL, text);
        evidence->has_proof = evidence->has_proof || role == ROLE_ANY; /* an empty one */
    }
    lucid_arena_fini(&arena);
    return told;
}

static enum cli_exit file_take(struct cli *cli, const char *name, enum role role,
                               struct evidence *evidence, bool *ret_told)
{
    char *text = NULL;
    size_t len = 0;
    enum cli_exit code = file_load(cli, name, &text, &len);
    if (code == CLI_OK) {
        *ret_told = document_take(evidence, role, lucid_span(text, len));
    }
    free(text);
    return code;
}

static enum cli_exit evidence_load(struct cli *cli, struct evidence *evidence)
{
    const char *file = cli->arguments[0];
    const char *receipt = cli_value(cli, "receipt", NULL);
    const char *proof = cli_value(cli, "proof", NULL);
    bool told = true;
    if (receipt != NULL && proof != NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "receipt",
                        "FILE is the receipt (--proof) or the proof (--receipt), not neither");
    }
    enum role role = receipt != NULL ? ROLE_PROOF : proof != NULL ? ROLE_RECEIPT : ROLE_ANY;
    enum cli_exit code = file_take(cli, file, role, evidence, &told);
    if (code == CLI_OK && receipt != NULL) {
        code = file_take(cli, receipt, ROLE_RECEIPT, evidence, &told);
    } else if (code == CLI_OK && proof != NULL) {
        code = file_take(cli, proof, ROLE_PROOF, evidence, &told);
    }
    if (code == CLI_OK && (!told || !evidence->has_proof)) {
        return cli_fail(
            cli, CLI_USAGE, NULL, "proof",
            "%s holds no proof beside its receipt: give --proof FILE, or --receipt FILE "
            "if it is the proof",
            file);
    }
    if (code == CLI_OK && !evidence->has_receipt) {
        return cli_fail(cli, CLI_USAGE, NULL, "receipt",
                        "%s holds a proof, but no receipt: give --receipt FILE", file);
    }
    return code;
}

/* The public half of service.key, which only COSE needs: --service-key, else from --data. */
static enum cli_exit service_load(struct cli *cli, struct keys *keys)
{
    const char *text = cli_value(cli, "service-key", NULL);
    if (text != NULL) {
        if (!lucid_is_hex(lucid_span_str(text), sizeof(keys->service) - 1)) {
            return cli_fail(cli, CLI_USAGE, NULL, "service-key",
                            "--service-key is 64 lower-case hex digits, see `lucid log info`");
        }
        memcpy(keys->service, text, sizeof(keys->service));
        return CLI_OK;
    }
    struct datadir *dir = malloc(sizeof(*dir));
    struct ledger_ed25519_key *key = datadir_secret_new(sizeof(*key));
    struct lucid_why why = {0};
    if (cli->data != NULL && dir != NULL && key != NULL &&
        datadir_init(cli->data, dir, &why) == LUCID_OK &&
        datadir_service_key_read(dir, key, &why) == LUCID_OK) {
        lucid_hex_encode(key->public_key, sizeof(key->public_key), keys->service);
        keys->service[sizeof(keys->service) - 1] = '\0';
    } else {
        cli_note(cli, "no service key was given (--service-key, --data): the COSE signature cannot "
                      "be judged");
    }
    datadir_secret_free(key, sizeof(*key));
    free(dir);
    return CLI_OK;
}

static enum cli_exit keys_load(struct cli *cli, enum ledger_form form, struct keys *keys,
                               struct ledger_trust *trust)
{
    enum cli_exit code = vkey_option_load(cli, keys->vkey);
    if (code == CLI_OK && form == LEDGER_FORM_COSE) {
        code = service_load(cli, keys);
    }
    trust->vkey = lucid_span_str(keys->vkey);
    trust->service_key = lucid_span_str(keys->service);
    return code;
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

static enum cli_exit report_give(struct cli *cli, const struct ledger_report *report)
{
    if (cli->json) {
        struct lucid_buf out = {0};
        ledger_report_write_json(&out, report);
        lucid_buf_char(&out, '\n');
        (void)fwrite(out.data, 1, out.len, stdout);
        lucid_buf_fini(&out);
    } else {
        report_print(report);
    }
    return report->verdict == LEDGER_VALID     ? CLI_OK
           : report->verdict == LEDGER_INVALID ? CLI_REFUSED
                                               : CLI_UNDECIDED;
}

static enum cli_exit inclusion(struct cli *cli, const struct evidence *evidence, struct keys *keys)
{
    struct ledger_trust trust;
    struct ledger_report report;
    enum cli_exit code = keys_load(cli, evidence->form, keys, &trust);
    if (code != CLI_OK) {
        return code;
    }
    if (!lucid_buf_ok(&evidence->receipt) || !lucid_buf_ok(&evidence->proof) ||
        ledger_proof_verify(lucid_buf_span(&evidence->receipt), evidence->form,
                            lucid_buf_span(&evidence->proof), &trust, &report) != LUCID_OK) {
        return cli_fail(cli, CLI_UNDECIDED, NULL, NULL, "out of memory");
    }
    const char *policy = cli_value(cli, "policy", NULL);
    if (policy != NULL) {
        code = verify_policy_judge(cli, policy, keys->vkey, evidence->form,
                                   lucid_buf_span(&evidence->proof), &report);
    }
    return code == CLI_OK ? report_give(cli, &report) : code;
}

/* --- consistency ------------------------------------------------------------------------------ */

enum { ANSWER, FROM, TO, FILES };

static enum cli_exit joined_judge(struct cli *cli, const struct lucid_span texts[FILES],
                                  struct keys *keys)
{
    struct ledger_trust trust;
    struct ledger_report report;
    enum ledger_form form = ledger_form_detect(texts[ANSWER]);
    if (form == LEDGER_FORM_TLOG) {
        return cli_fail(cli, CLI_USAGE, NULL, "consistency", "a tlog-proof is one of inclusion");
    }
    if (texts[TO].data == NULL && form == LEDGER_FORM_JSON) {
        return cli_fail(cli, CLI_USAGE, NULL, "to",
                        "--to is missing: only a COSE receipt may carry the newer checkpoint");
    }
    enum cli_exit code = keys_load(cli, form, keys, &trust);
    if (code == CLI_OK && ledger_consistency_verify(texts[ANSWER], form, texts[FROM], texts[TO],
                                                    &trust, &report) != LUCID_OK) {
        return cli_fail(cli, CLI_UNDECIDED, NULL, NULL, "out of memory");
    }
    return code == CLI_OK ? report_give(cli, &report) : code;
}

static enum cli_exit consistency(struct cli *cli, struct keys *keys)
{
    const char *const names[FILES] = {cli_value(cli, "consistency", NULL),
                                      cli_value(cli, "from", NULL), cli_value(cli, "to", NULL)};
    char *files[FILES] = {NULL};
    struct lucid_span texts[FILES] = {{NULL, 0}};
    enum cli_exit code = CLI_OK;
    if (names[FROM] == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "from", "--from CHECKPOINT is missing");
    }
    if (cli_value(cli, "policy", NULL) != NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "policy", "--policy judges proofs of inclusion");
    }
    for (size_t i = 0; i < FILES && code == CLI_OK; i++) {
        size_t len = 0;
        if (names[i] != NULL) {
            code = file_load(cli, names[i], &files[i], &len);
            texts[i] = lucid_span(files[i], len);
        }
    }
    if (code == CLI_OK) {
        code = joined_judge(cli, texts, keys);
    }
    for (size_t i = 0; i < FILES; i++) {
        free(files[i]);
    }
    return code;
}

static enum cli_exit verify(struct cli *cli)
{
    struct evidence evidence = {.form = LEDGER_FORM_JSON};
    struct keys keys = {.vkey = ""};
    bool joins = cli_value(cli, "consistency", NULL) != NULL;
    if (joins == (cli->argument_count > 0)) {
        return cli_fail(cli, CLI_USAGE, NULL, NULL,
                        "give FILE, or --consistency FILE --from CHECKPOINT --to CHECKPOINT");
    }
    if (joins) {
        return consistency(cli, &keys);
    }
    enum cli_exit code = evidence_load(cli, &evidence);
    if (code == CLI_OK) {
        code = inclusion(cli, &evidence, &keys);
    }
    lucid_buf_fini(&evidence.receipt);
    lucid_buf_fini(&evidence.proof);
    return code;
}

static const struct cli_option verify_options[] = {
    {"vkey", 'V', "VKEY", "the log's verifier key, C2SP text"},
    {"vkey-file", 'f', "FILE", "a file with it (else --data's vkey)"},
    {"service-key", 'S', "HEX", "public half of the service key, for COSE (else --data's)"},
    {"policy", 'P', "FILE", "C2SP tlog-policy: its quorum must have cosigned the checkpoint"},
    {"proof", 'p', "FILE", "the proof, when FILE is the receipt alone"},
    {"receipt", 'r', "FILE", "the receipt, when FILE is the proof alone"},
    {"consistency", 'c', "FILE", "instead of FILE: an answer of GET /v1/consistency, JSON or COSE"},
    {"from", 0, "FILE", "the older checkpoint that it joins"},
    {"to", 0, "FILE", "the newer one (else the one that a COSE receipt carries)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_verify = {
    .name = "verify",
    .arguments = "[FILE]",
    .summary = "verify receipt and proof offline, trusting only the log's keys",
    .text =
        "FILE is what `lucid receipt proof -o` writes: JSON with receipt and proof, a C2SP\n"
        "tlog-proof or an RFC 9942 COSE receipt (told apart by their content; these two need\n"
        "--receipt); or a receipt with --proof. Prints each step and the verdict: valid (exit\n"
        "0), invalid (1), or undecided (4): nothing is wrong, but a key is missing or another\n"
        "than the one given. With --consistency: whether one head's tree begins with another's.\n",
    .examples =
        "  lucid verify proof.json --vkey-file vkey\n"
        "  lucid verify run.tlog-proof --receipt receipt.json --vkey-file vkey\n"
        "  lucid verify run.tlog-proof --receipt receipt.json --vkey-file vkey --policy policy\n"
        "  lucid verify run.cose --receipt receipt.json --vkey-file vkey --service-key 5f…\n"
        "  lucid verify receipt.json --proof proof.json --vkey "
        "example.org/log+0a1b2c3d+AT…\n"
        "  lucid verify --consistency c.json --from old --to new --vkey-file vkey\n",
    .options = verify_options,
    .arguments_min = 0,
    .arguments_max = 1,
    .run = verify,
};

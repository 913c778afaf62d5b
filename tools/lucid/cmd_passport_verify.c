/* lucid passport verify: of a file without any service, or by id */
#include <stdlib.h>

#include "plugins/passport/evidence.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/passport.h"
#include "tools/lucid/passport_log.h"

/* A verification on this machine. */
struct job {
    struct verifier_keys keys;
    char vkey[VKEY_TEXT_BYTES];
    struct lucid_buf text;   /* the file */
    struct lucid_buf status; /* --status */
    struct lucid_arena arena;
    struct package package;
    struct passport passport;
    struct verify_input input;
    struct verify verify;
};

/* --- what has to be shown --------------------------------------------------------------------- */

static enum cli_exit require_read(struct cli *cli, enum verify_level *ret)
{
    const char *given = cli_value(cli, "require", NULL);
    for (int i = VERIFY_LEVEL_SIGNATURE; given != NULL && i <= VERIFY_LEVEL_TRANSPARENT; i++) {
        if (strcmp(given, verify_level_name((enum verify_level)i)) == 0) {
            *ret = (enum verify_level)i;
            return CLI_OK;
        }
    }
    *ret = VERIFY_LEVEL_NONE;
    return given == NULL ? CLI_OK
                         : cli_fail(cli, CLI_USAGE, NULL, "require",
                                    "--require is signature, evidence or transparent");
}

/* Whether nothing is open but that nobody was asked for the status. */
static bool only_status_open(const struct verify *verify)
{
    for (int i = 0; i < VERIFY_CHECKS; i++) {
        enum verify_outcome outcome = verify->checks[i].outcome;
        if (outcome == VERIFY_FAIL || outcome == VERIFY_UNKNOWN) {
            return false;
        }
    }
    return verify->checks[VERIFY_STATUS].outcome == VERIFY_SKIPPED;
}

/* The exit code. Without --require the verdict's. A level that is asked for has to be reached, and
 * the lowest is content without a status list. */
static enum cli_exit required_exit(struct cli *cli, const struct verify *verify,
                                   enum verify_level required)
{
    bool reached = verify->level >= required;
    switch (verify->verdict) {
    case VERIFY_INVALID:
        return CLI_REFUSED;
    case VERIFY_VALID:
        if (!reached) {
            cli_note(cli, "it is valid, but only to the level %s: %s was asked for",
                     verify_level_name(verify->level), verify_level_name(required));
        }
        return reached ? CLI_OK : CLI_UNDECIDED;
    case VERIFY_VERDICT_UNKNOWN:
        break;
    }
    if (required != VERIFY_LEVEL_SIGNATURE || !reached || !only_status_open(verify)) {
        return CLI_UNDECIDED;
    }
    cli_note(cli, "the signature is good, as was asked; whether it was revoked is not known: no "
                  "status list was given");
    return CLI_OK;
}

/* --- inputs ----------------------------------------------------------------------------------- */

static enum cli_exit options_read(struct cli *cli, struct job *job)
{
    uint64_t level = 0;
    const char *status = cli_value(cli, "status", NULL);
    const char *origin = cli_value(cli, "origin", NULL);
    enum cli_exit code = verifier_keys_load(cli, &job->keys);
    if (code == CLI_OK) {
        code = vkey_option_load(cli, job->vkey);
    }
    if (code == CLI_OK) {
        code = passport_time_read(cli, "at", &job->input.now_s);
    }
    if (code == CLI_OK && !cli_value_u64(cli, "min-slsa", 0, 0, 4, &level)) {
        code = CLI_USAGE;
    }
    if (code == CLI_OK && status != NULL) {
        code = verifier_file_read(cli, status, &job->status);
    }
    if (code == CLI_OK && origin != NULL) {
        job->input.origin = lucid_span_str(origin);
        code = passport_endpoint_is_good(job->input.origin)
                   ? CLI_OK
                   : cli_fail(cli, CLI_USAGE, NULL, "origin",
                              "--origin is like https://app.example, without a path");
    }
    job->input.slsa_level_min = (unsigned)level;
    job->input.mock_allowed = cli_flag(cli, "allow-mock");
    return code;
}

/* Evidence and log, which need the passport to be readable. */
static enum lucid_error around_judge(struct job *job)
{
    enum passport_fault fault;
    struct lucid_why why = {.code = NULL};
    struct verify_input *input = &job->input;
    const struct replay_trust trust = {
        .keys = input->keys,
        .key_count = input->key_count,
        .verify = verifier_signature_ok,
    };
    enum lucid_error error =
        passport_read(job->package.passport, &job->arena, &job->passport, &fault, &why);
    if (error != LUCID_OK) {
        return error == LUCID_RETRY_MEMORY ? error : LUCID_OK;
    }
    error = evidence_replay(&job->passport, job->package.appraisals, job->package.appraisal_count,
                            &trust, &job->arena, &input->evidence);
    if (error == LUCID_OK) {
        error =
            passport_log_judge(&job->package, &job->passport, job->vkey, &job->arena, &input->log);
    }
    return error;
}

/* A text that is no JSON at all is the verification's matter: it says so in its checks. */
static enum lucid_error package_take(struct job *job, struct lucid_why *why)
{
    struct lucid_span text = lucid_buf_span(&job->text);
    enum lucid_error error = package_read(text, &job->arena, &job->package, why);
    if (error != LUCID_OK && error != LUCID_RETRY_MEMORY && why->code != NULL &&
        strcmp(why->code, "INVALID_JSON") == 0) {
        job->package = (struct package){.passport = text};
        return LUCID_OK;
    }
    return error;
}

static enum lucid_error job_run(struct job *job, struct lucid_why *why)
{
    struct verify_input *input = &job->input;
    enum lucid_error error = package_take(job, why);
    input->text = job->package.passport;
    input->keys = (const uint8_t(*)[PASSPORT_KEY_BYTES])job->keys.keys;
    input->issuers = job->keys.issuers;
    input->key_count = job->keys.count;
    input->status_list =
        job->status.len > 0 ? verifier_trim(lucid_buf_span(&job->status)) : job->package.status;
    input->ed25519 = verifier_signature_ok;
    if (error == LUCID_OK) {
        error = around_judge(job);
    }
    return error == LUCID_OK ? verify_run(input, &job->arena, &job->verify) : error;
}

/* --- the answer ------------------------------------------------------------------------------- */

static enum cli_exit report_print(struct cli *cli, const struct verify *verify)
{
    struct lucid_buf out = {0};
    enum verify_level required = VERIFY_LEVEL_NONE;
    enum cli_exit code = require_read(cli, &required);
    if (code != CLI_OK) {
        return code;
    }
    lucid_buf_char(&out, '{');
    verify_write(verify, &out);
    lucid_buf_char(&out, '}');
    json_t *report = lucid_buf_ok(&out)
                         ? json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, NULL)
                         : NULL;
    lucid_buf_fini(&out);
    if (report == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    passport_checks_print(cli, report);
    json_decref(report);
    return required_exit(cli, verify, required);
}

static enum cli_exit verify_offline(struct cli *cli, struct job *job)
{
    struct lucid_why why = {.code = NULL};
    enum verify_level required;
    enum cli_exit code = require_read(cli, &required);
    if (code == CLI_OK) {
        code = options_read(cli, job);
    }
    if (code == CLI_OK) {
        code = verifier_file_read(cli, cli->arguments[0], &job->text);
    }
    if (code != CLI_OK) {
        return code;
    }
    enum lucid_error error = job_run(job, &why);
    if (error != LUCID_OK) {
        return cli_fail_why(cli, error, &why, cli->arguments[0]);
    }
    if (job->keys.count == 0) {
        cli_note(cli, "no key is believed: name the issuer's with --key (its "
                      "/.well-known/jwks.json, kept when you came to trust it)");
    }
    return report_print(cli, &job->verify);
}

static enum cli_exit verify_remote(struct cli *cli)
{
    static const char *const here[] = {"key",     "status",     "vkey",     "vkey-file",
                                       "require", "allow-mock", "min-slsa", "at"};
    json_t *report = NULL;
    for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
        if (cli_value(cli, here[i], NULL) != NULL || cli_flag(cli, here[i])) {
            return cli_fail(cli, CLI_USAGE, NULL, here[i],
                            "--%s is for a FILE: see `lucid passport show --bundle`", here[i]);
        }
    }
    json_t *body = json_pack("{s:s, s:s*}", "passportId", cli->arguments[0], "origin",
                             cli_value(cli, "origin", NULL));
    if (body == NULL) {
        return cli_fail(cli, CLI_USAGE, NULL, "origin", "--origin must be UTF-8");
    }
    enum cli_exit code = remote_call(cli, "POST", "/v1/passports/verify", body, &report);
    json_decref(body);
    if (code == CLI_OK) {
        passport_checks_print(cli, report);
        code = passport_verdict_exit(report);
    }
    json_decref(report);
    return code;
}

static enum cli_exit passport_verify(struct cli *cli)
{
    if (passport_is_id(cli->arguments[0])) {
        return verify_remote(cli);
    }
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    lucid_arena_init(&job->arena, PASSPORT_ARENA_BYTES_MAX);
    enum cli_exit code = verify_offline(cli, job);
    lucid_arena_fini(&job->arena);
    lucid_buf_fini(&job->text);
    lucid_buf_fini(&job->status);
    free(job);
    return code;
}

static const struct cli_option verify_options[] = {
    {"key", 'k', "KEY", "key of an issuer who is believed: hex, base64, or a file with a JWK set"},
    {"status", 's', "FILE", "status list (`lucid passport status -o`); else the package's"},
    {"vkey", 'V', "VKEY", "the log's verifier key, C2SP text: check that it was logged"},
    {"vkey-file", 'f', "FILE", "a file with it (else --data's vkey)"},
    {"origin", 'O', "URL", "of the page that shows it: must be among its endpoints"},
    {"require", 'R', "LEVEL", "exit 4 below it: signature, evidence or transparent"},
    {"allow-mock", 'm', NULL, "a mock one, which proves nothing, may be valid"},
    {"min-slsa", 'l', "N", "least level of the supply chain, 0 to 4"},
    {"at", 'T', "TIME", "as of that time: Unix seconds, or 2026-01-31T12:00:00Z (now)"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_passport_verify = {
    .group = "passport",
    .name = "verify",
    .arguments = "FILE|ID",
    .summary = "verify a passport: a file offline, check by check",
    .text =
        "FILE (- for standard input) is a passport, or a package of `lucid passport show "
        "--bundle`,\n"
        "which brings evidence, status list and proof; no service is asked. The key in a passport\n"
        "is believed only if it is among --key. An ID is verified by the service.\n"
        "Exit code: 0 valid; 1 invalid: a check failed; 4 it cannot be told: the key is not among\n"
        "--key, there is no status list that is still good, or the level of --require is not\n"
        "reached. With `--require signature` no status list is needed.\n",
    .examples = "  lucid passport verify -k jwks.json -f vkey my-app.passport.json\n"
                "  curl -s https://app.example/.lucid/passport | \\\n"
                "      lucid passport verify -k jwks.json -s status.jwt -O https://app.example -\n",
    .options = verify_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = passport_verify,
};

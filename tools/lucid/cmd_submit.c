/* lucid receipt submit */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "lucidd/datadir.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/sign.h"
#include "tools/lucid/submit.h"

/* SHA-256 over service and input names (absolute, so that it does not matter from where). */
static void inputs_hash(const struct cli *cli, char *const *names, size_t count,
                        uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_buf all = {0};
    lucid_buf_put(&all, cli->url, strlen(cli->url) + 1);
    for (size_t i = 0; i < count; i++) {
        char *full = strcmp(names[i], "-") != 0 ? realpath(names[i], NULL) : NULL;
        const char *name = full != NULL ? full : names[i];
        lucid_buf_put(&all, name, strlen(name) + 1);
        free(full);
    }
    lucid_sha256(lucid_buf_span(&all), ret);
    lucid_buf_fini(&all);
}

/* The journal's name: --journal, or by the inputs in XDG_STATE_HOME or the current directory. */
static bool journal_name(struct cli *cli, const uint8_t inputs[LUCID_SHA256_BYTES], char *out,
                         size_t max)
{
    const char *given = cli_value(cli, "journal", NULL);
    const char *state = getenv("XDG_STATE_HOME");
    char digits[17] = "";
    lucid_hex_encode(inputs, 8, digits);
    int len;
    if (given != NULL) {
        len = snprintf(out, max, "%s", given);
    } else if (state != NULL && state[0] == '/') {
        len = snprintf(out, max, "%s/.lucid-submit-%s.journal", state, digits);
    } else {
        len = snprintf(out, max, ".lucid-submit-%s.journal", digits);
    }
    if (len <= 0 || (size_t)len >= max) {
        (void)cli_fail(cli, CLI_USAGE, NULL, "journal", "the journal's name is too long");
        return false;
    }
    return true;
}

static enum cli_exit input_fail(struct submit *submit, enum lucid_error error,
                                const struct lucid_why *why, const struct input_record *record)
{
    submit_bar_clear(submit);
    enum cli_exit code = error == LUCID_REFUSE_UNKNOWN_KEY ? CLI_USAGE : CLI_REFUSED;
    const char *text = why->text[0] != '\0' ? why->text : lucid_error_name(error);
    if (record == NULL) {
        (void)cli_fail(submit->cli, code, why->code, why->param, "%s", text);
    } else {
        (void)cli_fail(submit->cli, code, why->code, why->param, "%s:%llu: %s", record->name,
                       (unsigned long long)record->line, text);
    }
    return code;
}

/* Sends what an earlier run has signed and got no accepting answer for. */
struct resuming {
    struct submit *submit;
    enum cli_exit code;
};

static enum lucid_error resume_one(void *context, uint64_t record, struct lucid_span envelope)
{
    struct resuming *resuming = context;
    if (!submit_add(resuming->submit, envelope, record, NULL, 0)) {
        resuming->code = submit_flush(resuming->submit);
        if (resuming->code != CLI_OK) {
            return LUCID_NOTE_END;
        }
        if (!submit_add(resuming->submit, envelope, record, NULL, 0)) {
            lucid_assert_failed(__FILE__, __LINE__, "an empty batch takes one envelope");
        }
    }
    return LUCID_OK;
}

static enum cli_exit resume(struct submit *submit)
{
    struct resuming resuming = {.submit = submit};
    struct lucid_why why = {0};
    struct journal *journal = submit->journal;
    if (journal->signed_count == 0) {
        return CLI_OK;
    }
    cli_note(submit->cli, "resuming from %s: %llu signed, %llu of them answered", journal->path,
             (unsigned long long)journal->signed_count,
             (unsigned long long)journal->answered_count);
    enum lucid_error error = journal_pending(journal, resume_one, &resuming, &why);
    if (resuming.code != CLI_OK) {
        return resuming.code;
    }
    if (error != LUCID_OK) {
        return cli_fail_why(submit->cli, error, &why, "journal");
    }
    return submit_flush(submit);
}

/* Passes over the records that the journal holds already; they must be the same as then. */
static enum cli_exit skip_signed(struct submit *submit, struct input *input)
{
    uint8_t digest[LUCID_SHA256_BYTES] = {0};
    struct lucid_why why = {0};
    struct input_record record;
    for (uint64_t i = 0; i < submit->journal->signed_count; i++) {
        enum lucid_error error = input_next(input, &record, &why);
        if (error != LUCID_OK && error != LUCID_NOTE_END) {
            return input_fail(submit, error, &why, NULL);
        }
        if (error == LUCID_NOTE_END) {
            digest[0] ^= 1; /* fewer records than then: cannot be the same */
            break;
        }
        journal_digest_add(digest, record.text);
    }
    if (memcmp(digest, submit->journal->digest, sizeof(digest)) != 0) {
        return cli_fail(submit->cli, CLI_USAGE, NULL, "journal",
                        "the inputs are not those of the interrupted run in %s: finish that with "
                        "the same inputs, or with --resume; or remove the journal",
                        submit->journal->path);
    }
    return CLI_OK;
}

/* Journals the batch, then sends it. */
static enum cli_exit batch_close(struct submit *submit, uint64_t count,
                                 const uint8_t digest[LUCID_SHA256_BYTES])
{
    struct lucid_why why = {0};
    if (submit->count == 0) {
        return CLI_OK;
    }
    enum lucid_error error =
        lucid_buf_ok(&submit->text)
            ? journal_signed(submit->journal, lucid_buf_span(&submit->text), count, digest, &why)
            : LUCID_RETRY_MEMORY;
    if (error != LUCID_OK) {
        return cli_fail_why(submit->cli, error, &why, "journal");
    }
    return submit_flush(submit);
}

static enum cli_exit send_all(struct submit *submit, struct input *input, struct signing *signing)
{
    uint8_t digest[LUCID_SHA256_BYTES];
    memcpy(digest, submit->journal->digest, sizeof(digest));
    uint64_t count = submit->journal->signed_count;
    struct lucid_clock clock = lucid_clock_system();
    struct lucid_buf envelope = {0};
    enum cli_exit code = CLI_OK;
    while (code == CLI_OK) {
        struct input_record record = {.name = NULL};
        struct lucid_why why = {0};
        enum lucid_error error = input_next(input, &record, &why);
        bool cut = error == LUCID_OK;
        if (error == LUCID_OK) {
            lucid_buf_clear(&envelope);
            signing->now_s = lucid_wall_ms(&clock) / 1000;
            error = sign_record(signing, record.text, &envelope, &why);
        }
        bool fits = error == LUCID_OK && submit_add(submit, lucid_buf_span(&envelope), count + 1,
                                                    record.name, record.line);
        if (!fits) {
            /* Full, at the end, or at a record that cannot be sent: what is before it goes. */
            code = batch_close(submit, count, digest);
        }
        if (code == CLI_OK && error == LUCID_NOTE_END) {
            break;
        }
        if (code == CLI_OK && error != LUCID_OK) {
            code = input_fail(submit, error, &why, cut ? &record : NULL);
        } else if (code == CLI_OK) {
            bool added = fits || submit_add(submit, lucid_buf_span(&envelope), count + 1,
                                            record.name, record.line);
            lucid_assert(added);
            count++;
            journal_digest_add(digest, record.text);
        }
    }
    lucid_buf_fini(&envelope);
    return code;
}

static enum cli_exit submit_run(struct submit *submit, char *const *names, size_t count,
                                struct signing *signing)
{
    struct lucid_why why = {0};
    struct input *input = NULL;
    bool inputs = !cli_flag(submit->cli, "resume");
    if (inputs) {
        enum lucid_error error = input_open(names, count, &input, &why);
        if (error != LUCID_OK) {
            return cli_fail(submit->cli, CLI_USAGE, NULL, NULL, "%s", why.text);
        }
    }
    enum cli_exit code = resume(submit);
    submit->input = input;
    if (code == CLI_OK && inputs) {
        code = skip_signed(submit, input);
    }
    if (code == CLI_OK && inputs) {
        code = send_all(submit, input, signing);
    }
    submit->input = NULL;
    input_close(input);
    return code;
}

static enum cli_exit journal_begin(struct cli *cli, char *const *names, size_t count,
                                   struct journal *journal)
{
    uint8_t inputs[LUCID_SHA256_BYTES];
    char path[JOURNAL_PATH_BYTES_MAX];
    inputs_hash(cli, names, count, inputs);
    if (!journal_name(cli, inputs, path, sizeof(path))) {
        return CLI_USAGE;
    }
    if (cli_flag(cli, "resume") && access(path, F_OK) != 0) {
        return cli_fail(cli, CLI_USAGE, NULL, "resume", "there is no journal %s", path);
    }
    struct lucid_why why = {0};
    enum lucid_error error = journal_open(path, inputs, journal, &why);
    if (error != LUCID_OK) {
        return cli_fail(cli, CLI_USAGE, why.code, why.param, "journal: %s",
                        why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    return CLI_OK;
}

static enum cli_exit submit_end(struct submit *submit, enum cli_exit code)
{
    bool refused = submit->totals.refused > 0;
    bool complete = code == CLI_OK && !refused;
    submit_summary(submit);
    if (!complete && submit->journal->signed_count > 0) {
        cli_note(submit->cli, "not all were accepted; the same command again sends the rest (%s)",
                 submit->journal->path);
    }
    /* Nothing in it: nothing to resume, whatever went wrong. */
    journal_close(submit->journal, complete || submit->journal->signed_count == 0);
    return code == CLI_OK && refused ? CLI_REFUSED : code;
}

static enum cli_exit receipt_submit(struct cli *cli)
{
    static char dash[] = "-";
    char *const standard_input[] = {dash};
    char *const *names = cli->argument_count > 0 ? cli->arguments : standard_input;
    size_t count = cli->argument_count > 0 ? cli->argument_count : 1;
    uint8_t *secret = NULL;
    struct journal journal;
    struct submit *submit = calloc(1, sizeof(*submit));
    if (submit == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    submit->cli = cli;
    submit->journal = &journal;
    enum cli_exit code = CLI_USAGE;
    if (cli_value_u64(cli, "batch", 500, 1, SUBMIT_BATCH_MAX, &submit->batch_max) &&
        cli_value_u64(cli, "retries", 8, 0, 1000, &submit->retries)) {
        code = secret_load(cli, &secret);
    }
    if (code == CLI_OK) {
        code = remote_open(cli);
    }
    if (code == CLI_OK) {
        code = journal_begin(cli, names, count, &journal);
    }
    if (code == CLI_OK) {
        struct lucid_clock clock = lucid_clock_system();
        struct signing signing = {.secret = secret};
        submit->started_ms = lucid_boot_ms(&clock);
        submit->bar = isatty(STDERR_FILENO) == 1;
        code = submit_end(submit, submit_run(submit, names, count, &signing));
    }
    datadir_secret_free(secret, SECRET_BYTES);
    submit_fini(submit);
    free(submit);
    return code;
}

static const struct cli_option submit_options[] = {
    {"key-file", 'k', "FILE", "secret key, else " SECRET_ENVIRONMENT},
    {"batch", 'b', "N", "receipts a request, 1 to 1000 (500)"},
    {"retries", 'r', "N", "tries without any answer before giving up (8)"},
    {"journal", 0, "FILE", "where what was signed is kept until it is accepted"},
    {"resume", 0, NULL, "finish the journal's receipts, read no inputs"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_receipt_submit = {
    .group = "receipt",
    .name = "submit",
    .arguments = "[FILE|DIR|-]...",
    .summary = "sign and submit receipts in batches, resumable",
    .text =
        "Inputs are bodies (signed with the secret key; run_id and timestamp are filled in when\n"
        "absent) or envelopes that are signed already; files of JSON or NDJSON, directories\n"
        "(their *.json and *.ndjson), or standard input. What was signed is journaled and\n"
        "fsynced before it is sent: the same command run again after an interruption sends the\n"
        "same envelopes, which the service then knows (replayed), so nothing is logged twice.\n"
        "The journal goes when all were accepted. 503 and lost connections are tried again.\n",
    .examples = "  lucid receipt submit examples/receipts.ndjson\n"
                "  generator | lucid receipt submit --batch 1000\n"
                "  lucid receipt submit --json spool/ > answers.ndjson\n",
    .options = submit_options,
    .arguments_max = 100000,
    .run = receipt_submit,
};

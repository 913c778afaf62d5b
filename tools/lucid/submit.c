#include "tools/lucid/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "lucidd/datadir.h"
#include "tools/lucid/remote.h"

#define BATCH_MS_MAX     120000
#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define WAIT_MS_FIRST    250
#define WAIT_MS_MAX      10000
#define BAR_EVERY_MS     100
#define BAR_WIDTH        30
#define REFUSALS_SHOWN   50

void submit_fini(struct submit *submit)
{
    lucid_buf_fini(&submit->text);
    lucid_buf_fini(&submit->outgoing);
}

bool submit_add(struct submit *submit, struct lucid_span envelope, uint64_t record,
                const char *name, uint64_t line)
{
    if (submit->count > 0 && (submit->count >= submit->batch_max ||
                              submit->text.len + envelope.len > SUBMIT_BATCH_BYTES_MAX)) {
        return false;
    }
    lucid_assert(submit->count < SUBMIT_BATCH_MAX);
    submit->lines[submit->count++] = (struct submit_line){.offset = submit->text.len,
                                                          .len = envelope.len + 1,
                                                          .record = record,
                                                          .line = line,
                                                          .name = name};
    lucid_buf_span_put(&submit->text, envelope);
    lucid_buf_char(&submit->text, '\n');
    return true;
}

/* --- the bar ---------------------------------------------------------------------------------- */

static uint64_t boot_ms(void)
{
    struct lucid_clock clock = lucid_clock_system();
    return lucid_boot_ms(&clock);
}

void submit_bar_clear(struct submit *submit)
{
    if (submit->bar && submit->bar_ms != 0) {
        fputs("\r\033[K", stderr);
    }
}

static uint64_t answered_total(const struct submit *submit)
{
    return submit->totals.accepted + submit->totals.replayed + submit->totals.refused;
}

static void bar_draw(struct submit *submit)
{
    uint64_t now = boot_ms();
    if (!submit->bar || now < submit->bar_ms + BAR_EVERY_MS) {
        return;
    }
    submit->bar_ms = now;
    uint64_t bytes = 0;
    uint64_t total = 0;
    if (submit->input != NULL) {
        input_progress(submit->input, &bytes, &total);
    }
    fputs("\r\033[K", stderr);
    if (total > 0) {
        int full = (int)(bytes * BAR_WIDTH / total);
        full = full < BAR_WIDTH ? full : BAR_WIDTH;
        fprintf(stderr, "[%.*s%*s] %3d%%  ", full, "##############################",
                BAR_WIDTH - full, "", (int)(bytes * 100 / total > 100 ? 100 : bytes * 100 / total));
    }
    double seconds = (double)(now - submit->started_ms) / 1000.0;
    double rate = seconds > 0.0 ? (double)answered_total(submit) / seconds : 0.0;
    fprintf(stderr, "%llu accepted, %llu replayed, %llu refused  %.0f/s",
            (unsigned long long)submit->totals.accepted,
            (unsigned long long)submit->totals.replayed, (unsigned long long)submit->totals.refused,
            rate);
    (void)fflush(stderr);
}

void submit_summary(struct submit *submit)
{
    submit_bar_clear(submit);
    double seconds = (double)(boot_ms() - submit->started_ms) / 1000.0;
    FILE *out = submit->cli->json ? stderr : stdout;
    fprintf(out, "%llu submitted: %llu accepted, %llu replayed, %llu refused; %.1f s, %.0f/s\n",
            (unsigned long long)answered_total(submit), (unsigned long long)submit->totals.accepted,
            (unsigned long long)submit->totals.replayed, (unsigned long long)submit->totals.refused,
            seconds, seconds > 0.0 ? (double)answered_total(submit) / seconds : 0.0);
}

/* --- answers ---------------------------------------------------------------------------------- */

static const char *text_of(const json_t *answer, const char *name)
{
    const char *text = json_string_value(json_object_get(answer, name));
    return text != NULL ? text : "";
}

static void refusal_print(struct submit *submit, const struct submit_line *line,
                          const json_t *answer)
{
    if (submit->totals.refused > REFUSALS_SHOWN) {
        return;
    }
    submit_bar_clear(submit);
    if (submit->totals.refused == REFUSALS_SHOWN) {
        fputs("more refusals are not shown; --json shows all\n", stderr);
        return;
    }
    if (line->name != NULL) {
        cli_print_text(stderr, line->name);
        fprintf(stderr, ":%llu: ", (unsigned long long)line->line);
    } else {
        fprintf(stderr, "record %llu: ", (unsigned long long)line->record);
    }
    cli_print_text(stderr, text_of(answer, "code"));
    fputs(": ", stderr);
    cli_print_text(stderr, text_of(answer, "detail"));
    if (text_of(answer, "param")[0] != '\0') {
        fputs(" (", stderr);
        cli_print_text(stderr, text_of(answer, "param"));
        fputc(')', stderr);
    }
    fputc('\n', stderr);
}

static void answer_count(struct submit *submit, struct submit_line *line, int status,
                         json_t *answer)
{
    if (status == 201) {
        line->state = SUBMIT_ACCEPTED;
        submit->totals.accepted++;
    } else if (status == 200) {
        line->state = SUBMIT_REPLAYED;
        submit->totals.replayed++;
    } else {
        line->state = SUBMIT_REFUSED;
        submit->totals.refused++;
    }
    if (submit->cli->json) {
        json_object_set_new(answer, "record", json_integer((json_int_t)line->record));
        if (line->name != NULL) {
            json_object_set_new(answer, "input", json_string(line->name));
            json_object_set_new(answer, "input_line", json_integer((json_int_t)line->line));
        }
        cli_print_json(answer);
    } else if (line->state == SUBMIT_REFUSED) {
        refusal_print(submit, line, answer);
    }
}

static enum lucid_error answer_line(void *context, struct lucid_span text)
{
    struct submit *submit = context;
    if (text.len == 0) {
        return LUCID_OK;
    }
    json_t *answer = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(answer) || submit->answered == submit->asked_count) {
        json_decref(answer);
        return LUCID_REFUSE_INVALID;
    }
    struct submit_line *line = &submit->lines[submit->asked[submit->answered++]];
    const json_t *status = json_object_get(answer, "http_status");
    if (!json_is_integer(status)) {
        status = json_object_get(answer, "status");
    }
    int value = json_is_integer(status) ? (int)json_integer_value(status) : 0;
    if (value == 0) {
        json_decref(answer);
        return LUCID_REFUSE_INVALID;
    }
    if (value != 503 && value != 429) {
        answer_count(submit, line, value, answer);
    }
    json_decref(answer);
    bar_draw(submit);
    return LUCID_OK;
}

/* --- requests --------------------------------------------------------------------------------- */

/* The lines without answer, as one body. */
static void outgoing_build(struct submit *submit)
{
    lucid_buf_clear(&submit->outgoing);
    submit->asked_count = 0;
    submit->answered = 0;
    for (size_t i = 0; i < submit->count; i++) {
        const struct submit_line *line = &submit->lines[i];
        if (line->state == SUBMIT_PENDING) {
            submit->asked[submit->asked_count++] = i;
            lucid_buf_put(&submit->outgoing, submit->text.data + line->offset, line->len);
        }
    }
}

/* One request for what is open. *ret_again: it is worth another try (the error is not printed). */
static enum cli_exit attempt(struct submit *submit, bool *ret_again, uint32_t *ret_wait_s,
                             struct lucid_why *why)
{
    struct cli *cli = submit->cli;
    char url[REMOTE_PATH_BYTES_MAX + 4200];
    char *header = datadir_secret_new(CLI_TOKEN_BYTES_MAX + 32);
    struct client_question question;
    *ret_again = false;
    if (header == NULL || !lucid_buf_ok(&submit->outgoing)) {
        datadir_secret_free(header, CLI_TOKEN_BYTES_MAX + 32);
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    if (!remote_question_init(cli, "POST", "/v1/receipts/batch", url, sizeof(url), header,
                              &question)) {
        datadir_secret_free(header, CLI_TOKEN_BYTES_MAX + 32);
        return CLI_USAGE;
    }
    question.headers[0] = "Content-Type: application/x-ndjson";
    question.body = lucid_buf_span(&submit->outgoing);
    question.total_ms_max = BATCH_MS_MAX;
    question.answer_bytes_max = ANSWER_BYTES_MAX;
    question.line = answer_line;
    question.context = submit;
    struct client_answer answer = {0};
    enum lucid_error error = client_request(cli->client, &question, &answer, why);
    datadir_secret_free(header, CLI_TOKEN_BYTES_MAX + 32);
    enum cli_exit code = CLI_OK;
    if (error == LUCID_RETRY_IO) {
        *ret_again = true;
        code = CLI_UNREACHABLE;
    } else if (error == LUCID_REFUSE_INVALID && answer.status != 0) {
        code = cli_fail(cli, CLI_REFUSED, NULL, NULL, "%s does not answer as the ledger does", url);
    } else if (error != LUCID_OK) {
        code = remote_fail_error(cli, error, why);
    } else if (answer.status == 503 || answer.status == 429) {
        (void)lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "the service is overloaded (HTTP %d)",
                           answer.status);
        *ret_again = true;
        *ret_wait_s = answer.retry_after_s;
        code = CLI_UNREACHABLE;
    } else if (answer.status != 200) {
        submit_bar_clear(submit);
        code = remote_fail(cli, &answer);
    }
    client_answer_fini(&answer);
    return code;
}

static void wait_ms(uint64_t ms)
{
    struct timespec wait = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&wait, NULL);
}

/* Tries until nothing is open, or the retries in a row without any answer are used up. */
static enum cli_exit batch_send(struct submit *submit)
{
    uint64_t tries = 0;
    uint64_t wait = WAIT_MS_FIRST;
    for (;;) {
        outgoing_build(submit);
        if (submit->asked_count == 0) {
            return CLI_OK;
        }
        uint64_t before = answered_total(submit);
        struct lucid_why why = {.text = "it did not answer all receipts"};
        bool again = false;
        uint32_t wait_s = 0;
        enum cli_exit code = attempt(submit, &again, &wait_s, &why);
        if (code != CLI_OK && !again) {
            return code;
        }
        if (answered_total(submit) > before) {
            tries = 0;
            wait = WAIT_MS_FIRST;
        } else if (tries++ >= submit->retries) {
            submit_bar_clear(submit);
            return remote_fail_error(submit->cli, LUCID_RETRY_IO, &why);
        }
        if (answered_total(submit) - before < submit->asked_count) {
            uint64_t asked_ms = (uint64_t)wait_s * 1000;
            wait_ms(asked_ms > wait ? (asked_ms < 60000 ? asked_ms : 60000) : wait);
            wait = 2 * wait < WAIT_MS_MAX ? 2 * wait : WAIT_MS_MAX;
        }
    }
}

/* --- batches ---------------------------------------------------------------------------------- */

/* Writes what was answered into the journal. Lines of the batch ascend: first those that an earlier
 * run was refused, then new ones without a gap; of the new ones only a gapless beginning counts. */
static enum cli_exit batch_record(struct submit *submit)
{
    uint64_t *records = malloc((2 * submit->count + 1) * sizeof(*records));
    if (records == NULL) {
        return cli_fail(submit->cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    uint64_t *refused = records + submit->count;
    size_t settled_count = 0;
    size_t refused_count = 0;
    uint64_t upto = submit->journal->answered_count;
    const uint64_t before = upto;
    for (size_t i = 0; i < submit->count; i++) {
        const struct submit_line *line = &submit->lines[i];
        bool taken = line->state == SUBMIT_ACCEPTED || line->state == SUBMIT_REPLAYED;
        if (line->record <= before) {
            if (taken) {
                records[settled_count++] = line->record;
            }
        } else if (line->record == upto + 1 && line->state != SUBMIT_PENDING) {
            upto = line->record;
            if (line->state == SUBMIT_REFUSED) {
                refused[refused_count++] = line->record;
            }
        }
    }
    struct lucid_why why = {0};
    enum lucid_error error = LUCID_OK;
    if (settled_count > 0) {
        error = journal_settled(submit->journal, records, settled_count, &why);
    }
    if (error == LUCID_OK && upto > before) {
        error = journal_answered(submit->journal, upto, refused, refused_count, &why);
    }
    free(records);
    return error == LUCID_OK ? CLI_OK : cli_fail_why(submit->cli, error, &why, "journal");
}

enum cli_exit submit_flush(struct submit *submit)
{
    if (submit->count == 0) {
        return CLI_OK;
    }
    enum cli_exit code = batch_send(submit);
    enum cli_exit recorded = batch_record(submit);
    submit->count = 0;
    lucid_buf_clear(&submit->text);
    bar_draw(submit);
    return code != CLI_OK ? code : recorded;
}

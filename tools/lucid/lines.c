#include "tools/lucid/lines.h"

#include <signal.h>
#include <time.h>

#include "ledger/event_json.h"
#include "lucidd/datadir.h"
#include "tools/lucid/remote.h"

static volatile sig_atomic_t stop_flag;

static void on_signal(int number)
{
    (void)number;
    stop_flag = 1;
}

void lines_stop_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool lines_stopped(void)
{
    return stop_flag != 0;
}

bool lines_sleep(uint32_t ms)
{
    enum { STEP_MS = 100 };
    for (uint32_t slept = 0; slept < ms && !lines_stopped(); slept += STEP_MS) {
        struct timespec step = {.tv_nsec = (long)STEP_MS * 1000000};
        (void)nanosleep(&step, NULL);
    }
    return !lines_stopped();
}

enum lucid_error lines_get(struct cli *cli, const struct lines_question *wanted,
                           struct client_answer *answer, struct lucid_why *why)
{
    char url[REMOTE_PATH_BYTES_MAX + 4200];
    char *header = datadir_secret_new(CLI_TOKEN_BYTES_MAX + 32);
    struct client_question question;
    if (header == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (!remote_question_init(cli, "GET", wanted->path, url, sizeof(url), header, &question)) {
        datadir_secret_free(header, CLI_TOKEN_BYTES_MAX + 32);
        return LUCID_REFUSE_INVALID;
    }
    /* The first header is Accept, the second may be the token. */
    size_t count = question.headers[1] != NULL ? 2 : 1;
    question.headers[0] = "Accept: */*";
    question.headers[count] = wanted->header;
    question.idle_s_max = wanted->idle_s_max;
    question.stop = &stop_flag;
    question.answer_bytes_max = SIZE_MAX;
    question.line_bytes_max = LEDGER_EVENT_JSON_BYTES_MAX + 64;
    question.line = wanted->line;
    question.context = wanted->context;
    enum lucid_error error = client_request(cli->client, &question, answer, why);
    datadir_secret_free(header, CLI_TOKEN_BYTES_MAX + 32);
    return error;
}

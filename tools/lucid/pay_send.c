/* Requests of `lucid pay`, and waiting while the outcome of a payment is not known. */
#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "tools/lucid/pay.h"

enum { TOTAL_MS = 120000 }; /* a server may wait for the chain before it answers */
enum { PAUSE_S_MIN = 1, PAUSE_S_MAX = 30, PAUSE_S_DEFAULT = 2 };

static const char *const capture_names[PAY_CAPTURES] = {
    [PAY_REQUIRED] = "PAYMENT-REQUIRED",
    [PAY_RESPONSE] = "PAYMENT-RESPONSE",
    [PAY_X_RESPONSE] = "X-PAYMENT-RESPONSE",
    [PAY_ID] = "X-Payment-Id",
};

/* payment: a whole header line, or NULL. */
static enum lucid_error send_once(struct pay *pay, const char *payment, struct lucid_why *why)
{
    struct client_question question = {.method = pay->method, .url = pay->url};
    size_t count = 0;
    size_t i;
    json_t *line;
    json_array_foreach(pay->headers, i, line)
    {
        lucid_assert(count < PAY_HEADERS_MAX + 1);
        question.headers[count++] = json_string_value(line);
    }
    question.headers[count] = payment;
    if (pay->has_body) {
        question.body = pay->body.len > 0 ? lucid_buf_span(&pay->body) : lucid_span("", 0);
    }
    question.total_ms_max = TOTAL_MS;
    question.captures = pay->captures;
    question.capture_count = PAY_CAPTURES;
    for (size_t k = 0; k < PAY_CAPTURES; k++) {
        pay->captures[k].name = capture_names[k];
    }
    pay->answer.retry_after_s = 0;
    return client_request(pay->cli->client, &question, &pay->answer, why);
}

static enum cli_exit not_sent(struct pay *pay, enum lucid_error error, const struct lucid_why *why)
{
    bool away = error == LUCID_RETRY_IO || error == LUCID_REFUSE_FORBIDDEN;
    return cli_fail(pay->cli, away ? CLI_UNREACHABLE : CLI_REFUSED, NULL, NULL, "%s: %s", pay->url,
                    why->text[0] != '\0' ? why->text : lucid_error_name(error));
}

enum cli_exit pay_ask(struct pay *pay)
{
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = send_once(pay, NULL, &why);
    return error == LUCID_OK ? CLI_OK : not_sent(pay, error, &why);
}

static enum cli_exit payment_line(struct pay *pay, struct lucid_buf *line)
{
    static const char *const names[] = {
        [PAY_V2] = "PAYMENT-SIGNATURE", [PAY_V1] = "X-PAYMENT", [PAY_PROOF] = "X-Payment-Proof"};
    enum cli_exit code = CLI_OK;
    if (pay->terms.via == PAY_PROOF) {
        code = pay_proof_write(pay, &pay->header);
    }
    lucid_buf_printf(line, "%s: ", names[pay->terms.via]);
    lucid_buf_span_put(line, lucid_buf_span(&pay->header));
    lucid_buf_char(line, '\0');
    if (code == CLI_OK && !lucid_buf_ok(line)) {
        code = cli_fail(pay->cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    return code;
}

/* Whether the server may still be about to serve it: the same header is good for another try. */
static bool is_open(enum lucid_error error, int status)
{
    if (error != LUCID_OK) {
        return error == LUCID_RETRY_IO || error == LUCID_RETRY_MEMORY;
    }
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

static enum cli_exit undecided(struct pay *pay, enum lucid_error error, const struct lucid_why *why)
{
    char text[PAY_REFUSAL_BYTES_MAX];
    if (error != LUCID_OK) {
        (void)snprintf(text, sizeof(text), "%s",
                       why->text[0] != '\0' ? why->text : lucid_error_name(error));
    } else {
        (void)snprintf(text, sizeof(text), "HTTP %d", pay->answer.status);
    }
    return cli_fail(pay->cli, CLI_UNDECIDED, "PAYMENT_PENDING", NULL,
                    "what became of the payment is not known yet (%s); go on with: lucid pay "
                    "--resume %s",
                    text, pay->journal);
}

enum cli_exit pay_present(struct pay *pay)
{
    struct lucid_buf line = {.bytes_max = 0};
    uint64_t end = lucid_boot_ms(&pay->clock) + pay->wait_ms;
    enum cli_exit code = payment_line(pay, &line);
    while (code == CLI_OK) {
        struct lucid_why why = {.code = NULL};
        enum lucid_error error = send_once(pay, (const char *)line.data, &why);
        if (error == LUCID_OK && !is_open(error, pay->answer.status)) {
            break;
        }
        if (error != LUCID_OK && !is_open(error, 0)) {
            code = not_sent(pay, error, &why);
            break;
        }
        uint32_t pause_s =
            pay->answer.retry_after_s != 0 ? pay->answer.retry_after_s : PAUSE_S_DEFAULT;
        pause_s = pause_s < PAUSE_S_MIN   ? PAUSE_S_MIN
                  : pause_s > PAUSE_S_MAX ? PAUSE_S_MAX
                                          : pause_s;
        if (lucid_boot_ms(&pay->clock) + pause_s * UINT64_C(1000) > end) {
            code = undecided(pay, error, &why);
            break;
        }
        struct timespec pause = {.tv_sec = pause_s};
        (void)nanosleep(&pause, NULL);
    }
    lucid_buf_fini(&line);
    return code;
}

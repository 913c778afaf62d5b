/* One question to one witness (C2SP tlog-witness v1.0): building it, and judging what came back. */
#include <stdio.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "lucidd/cosigner_internal.h"

enum {
    ANSWER_BYTES_MAX = 16384, /* of lines: some 40 of the longest */
    URL_BYTES_MAX = LEDGER_POLICY_URL_BYTES_MAX + 2 * LUCID_SHA256_BYTES + 32,
};

/* PREFIX + "/" + tail; a prefix may end in a slash. */
static void url_make(const struct ask *ask, const char *tail, char ret_url[URL_BYTES_MAX])
{
    size_t len = strlen(ask->witness->url);
    while (len > 0 && ask->witness->url[len - 1] == '/') {
        len--;
    }
    int written = snprintf(ret_url, URL_BYTES_MAX, "%.*s/%s", (int)len, ask->witness->url, tail);
    lucid_assert(written > 0 && written < URL_BYTES_MAX);
}

static void fail(struct ask_answer *answer, enum api_witness_cause cause, const char *text)
{
    answer->result = ASK_FAILED;
    answer->cause = cause;
    answer->text = text;
}

/* --- add-checkpoint --------------------------------------------------------------------------- */

/* Finds the witness's own line. Lines by other keys are another witness's business; one that is
 * none makes the answer no answer. */
static void lines_judge(const struct ask *ask, struct lucid_span lines, struct lucid_span text,
                        struct ask_answer *answer)
{
    struct lucid_span line;
    while (ledger_note_line_next(&lines, &line)) {
        uint64_t time_s;
        struct lucid_why why = {.code = NULL};
        enum lucid_error error =
            ledger_cosignature_verify(line, text, &ask->witness->vkey, &time_s, &why);
        if (error == LUCID_REFUSE_UNKNOWN_KEY) {
            continue;
        }
        if (error == LUCID_RETRY_MEMORY) {
            fail(answer, API_WITNESS_NOT_KEPT, "no memory to check its answer");
            return;
        }
        if (error != LUCID_OK) {
            bool malformed = why.code != NULL && strcmp(why.code, "COSIGNATURE_MALFORMED") == 0;
            fail(answer, malformed ? API_WITNESS_MALFORMED : API_WITNESS_SIGNATURE,
                 malformed ? "its answer is not signature lines"
                           : "its cosignature does not verify");
            return;
        }
        lucid_buf_span_put(&answer->line, line);
        lucid_buf_char(&answer->line, '\n');
        answer->result = ASK_COSIGNED;
        if (!lucid_buf_ok(&answer->line)) {
            fail(answer, API_WITNESS_NOT_KEPT, "no memory to keep its answer");
        }
        return;
    }
    if (lines.len > 0) {
        fail(answer, API_WITNESS_MALFORMED, "its answer is not signature lines");
    } else {
        fail(answer, API_WITNESS_SIGNATURE, "its answer holds no cosignature of its key");
    }
}

static void conflict_judge(const struct client_answer *got, struct ask_answer *answer)
{
    size_t type_len = strlen(LEDGER_TLOG_SIZE_TYPE);
    bool typed = strncmp(got->content_type, LEDGER_TLOG_SIZE_TYPE, type_len) == 0 &&
                 (got->content_type[type_len] == '\0' || got->content_type[type_len] == ';' ||
                  got->content_type[type_len] == ' ');
    if (typed && ledger_tlog_size_parse(lucid_buf_span(&got->body), &answer->size)) {
        answer->result = ASK_SIZE;
    } else {
        fail(answer, API_WITNESS_CONFLICT, "it answered 409 without a size");
    }
}

static void status_judge(struct ask_answer *answer)
{
    static const struct {
        int from;
        int to;
        enum api_witness_cause cause;
        const char *text;
    } table[] = {
        {300, 399, API_WITNESS_REDIRECT, "it redirects, which is not followed"},
        {400, 400, API_WITNESS_REFUSED, "it takes our request for malformed (400)"},
        {403, 403, API_WITNESS_FORBIDDEN, "it does not trust our key or signature (403)"},
        {404, 404, API_WITNESS_UNKNOWN_LOG, "it does not know our log (404)"},
        {422, 422, API_WITNESS_INCONSISTENT,
         "it takes our head for inconsistent with what it has cosigned (422)"},
        {429, 429, API_WITNESS_BUSY, "it is busy (429)"},
        {503, 503, API_WITNESS_BUSY, "it is busy (503)"},
        {500, 599, API_WITNESS_SERVER, "it failed (5xx)"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (answer->status >= table[i].from && answer->status <= table[i].to) {
            fail(answer, table[i].cause, table[i].text);
            return;
        }
    }
    fail(answer, API_WITNESS_STATUS, "it answered with a status that means nothing here");
}

static void transfer_judge(enum lucid_error error, struct ask_answer *answer)
{
    if (error == LUCID_REFUSE_TOO_LARGE) {
        fail(answer, API_WITNESS_TOO_LARGE, "its answer is larger than it may be");
    } else if (error == LUCID_REFUSE_FORBIDDEN) {
        fail(answer, API_WITNESS_UNREACHABLE, "its certificate does not verify");
    } else {
        fail(answer, API_WITNESS_UNREACHABLE, "it does not answer in time");
    }
}

void ask_cosignature(const struct ask *ask, struct lucid_span body, struct lucid_span text,
                     struct ask_answer *answer)
{
    char url[URL_BYTES_MAX];
    struct client_answer got = {.status = 0};
    url_make(ask, "add-checkpoint", url);
    const struct client_question question = {
        .method = "POST",
        .url = url,
        .headers = {"Content-Type: text/plain; charset=utf-8"},
        .body = body,
        .connect_ms_max = ask->timeout_ms,
        .total_ms_max = ask->timeout_ms,
        .answer_bytes_max = ANSWER_BYTES_MAX,
        .stop = ask->stop,
    };
    lucid_buf_clear(&answer->line);
    enum lucid_error error = client_request(ask->client, &question, &got, NULL);
    answer->status = error == LUCID_OK ? got.status : 0;
    answer->retry_after_s = got.retry_after_s;
    if (error != LUCID_OK) {
        transfer_judge(error, answer);
    } else if (got.status == 200) {
        lines_judge(ask, lucid_buf_span(&got.body), text, answer);
    } else if (got.status == 409) {
        conflict_judge(&got, answer);
    } else {
        status_judge(answer);
    }
    client_answer_fini(&got);
}

/* --- the read side ---------------------------------------------------------------------------- */

bool ask_checkpoint(const struct ask *ask, struct lucid_buf *note, uint64_t *ret_size)
{
    char url[URL_BYTES_MAX];
    char tail[2 * LUCID_SHA256_BYTES + sizeof("/checkpoint")];
    uint8_t origin[LUCID_SHA256_BYTES];
    struct client_answer got = {.status = 0};
    lucid_sha256(ledger_vkey_name(ask->log), origin);
    lucid_hex_encode(origin, sizeof(origin), tail);
    memcpy(tail + 2 * LUCID_SHA256_BYTES, "/checkpoint", sizeof("/checkpoint"));
    url_make(ask, tail, url);
    const struct client_question question = {
        .method = "GET",
        .url = url,
        .connect_ms_max = ask->timeout_ms,
        .total_ms_max = ask->timeout_ms,
        .answer_bytes_max = LEDGER_NOTE_BYTES_MAX,
        .stop = ask->stop,
    };
    struct ledger_checkpoint checkpoint;
    bool ok =
        client_request(ask->client, &question, &got, NULL) == LUCID_OK && got.status == 200 &&
        ledger_checkpoint_open(lucid_buf_span(&got.body), ask->log, &checkpoint, NULL) == LUCID_OK;
    if (ok) {
        lucid_buf_clear(note);
        lucid_buf_span_put(note, lucid_buf_span(&got.body));
        ok = lucid_buf_ok(note);
    }
    if (ok) {
        *ret_size = checkpoint.size;
    }
    client_answer_fini(&got);
    return ok;
}

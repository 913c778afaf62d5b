#include "fake_outgoing.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/assert.h"

/* --- questions -------------------------------------------------------------------------------- */

static void question_free(struct fake_question *question)
{
    struct fake_outgoing *fake = question->fake;
    struct fake_question **at = &fake->open;
    while (*at != question) {
        lucid_assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = question->next;
    question->call->impl = NULL;
    lucid_timer_clear(&fake->loop->loop, &question->timer);
    lucid_buf_fini(&question->answer);
    free(question);
}

static void question_over(struct lucid_timer *timer)
{
    struct fake_question *question = lucid_owner(timer, struct fake_question, timer);
    struct lucid_outgoing_call *call = question->call;
    call->error = question->answered ? question->error : LUCID_RETRY_IO;
    call->unsent = call->error != LUCID_OK && question->unsent;
    call->status = call->error == LUCID_OK ? question->status : 0;
    call->retry_after_s = call->error == LUCID_OK ? question->retry_after_s : 0;
    if (call->error == LUCID_OK) {
        lucid_buf_span_put(&call->answer, lucid_buf_span(&question->answer));
    }
    question_free(question);
    call->done(call);
}

/* Reads the question as JSON-RPC, if it is that. */
static void question_read(struct fake_question *question)
{
    struct lucid_span body = question->call->body;
    json_t *json = body.data != NULL
                       ? json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL)
                       : NULL;
    const char *method = json_string_value(json_object_get(json, "method"));
    const json_t *params = json_object_get(json, "params");
    if (method != NULL && json_is_array(params)) {
        lucid_assert(strlen(method) <= FAKE_RPC_METHOD_MAX);
        memcpy(question->method, method, strlen(method));
        size_t len = json_dumpb(params, question->params, FAKE_RPC_PARAMS_MAX,
                                JSON_COMPACT | JSON_SORT_KEYS);
        lucid_assert(len <= FAKE_RPC_PARAMS_MAX);
        question->id = (uint64_t)json_integer_value(json_object_get(json, "id"));
    }
    json_decref(json);
}

static void outgoing_start(void *context, struct lucid_outgoing_call *call)
{
    struct fake_outgoing *fake = context;
    lucid_assert(call->done != NULL && call->impl == NULL && call->answer.len == 0);
    lucid_assert(call->total_ms_max > 0 && call->answer_bytes_max > 0);
    struct fake_question *question = calloc(1, sizeof(*question));
    lucid_assert(question != NULL);
    question->fake = fake;
    question->call = call;
    question->number = fake->started++;
    question->timer.fire = question_over;
    struct fake_question **at = &fake->open;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = question;
    call->impl = question;
    question_read(question);
    lucid_assert(lucid_timer_set(&fake->loop->loop, &question->timer, call->total_ms_max) ==
                 LUCID_OK);
    if (fake->ask != NULL) {
        fake->ask(question);
    }
}

static void outgoing_cancel(void *context, struct lucid_outgoing_call *call)
{
    struct fake_outgoing *fake = context;
    if (call->impl != NULL) {
        fake->cancelled++;
        question_free(call->impl);
    }
}

struct fake_question *fake_question_open(struct fake_outgoing *fake, const char *url)
{
    struct fake_question *at = fake->open;
    while (at != NULL && (at->answered || (url != NULL && strcmp(at->call->url, url) != 0))) {
        at = at->next;
    }
    return at;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void answer_begin(struct fake_question *question, enum lucid_error error, uint32_t after_ms)
{
    lucid_assert(!question->answered);
    bool in_time = after_ms < question->call->total_ms_max;
    question->answered = true;
    question->error = in_time ? error : LUCID_RETRY_IO;
    if (in_time) {
        lucid_assert(lucid_timer_set(&question->fake->loop->loop, &question->timer, after_ms) ==
                     LUCID_OK);
    }
}

static void answer_bytes(struct fake_question *question, int status, uint32_t after_ms)
{
    bool fits = question->answer.len <= question->call->answer_bytes_max;
    question->status = status;
    answer_begin(question, fits ? LUCID_OK : LUCID_REFUSE_TOO_LARGE, after_ms);
}

void fake_answer(struct fake_question *question, int status, const char *text, uint32_t after_ms)
{
    lucid_buf_str(&question->answer, text);
    answer_bytes(question, status, after_ms);
}

void fake_answer_error(struct fake_question *question, enum lucid_error error, uint32_t after_ms)
{
    lucid_assert(error != LUCID_OK);
    answer_begin(question, error, after_ms);
}

void fake_answer_unsent(struct fake_question *question, uint32_t after_ms)
{
    question->unsent = true;
    fake_answer_error(question, LUCID_RETRY_IO, after_ms);
}

void fake_answer_result(struct fake_question *question, const char *result, uint32_t after_ms)
{
    lucid_buf_printf(&question->answer, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"result\":",
                     (unsigned long long)question->id);
    lucid_buf_str(&question->answer, result);
    lucid_buf_char(&question->answer, '}');
    answer_bytes(question, 200, after_ms);
}

void fake_answer_refusal(struct fake_question *question, int code, const char *message,
                         const char *data, uint32_t after_ms)
{
    struct lucid_buf *out = &question->answer;
    lucid_buf_printf(out, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"error\":{\"code\":%d,",
                     (unsigned long long)question->id, code);
    lucid_buf_str(out, "\"message\":");
    lucid_json_string(out, lucid_span_str(message));
    if (data != NULL) {
        lucid_buf_str(out, ",\"data\":");
        lucid_buf_str(out, data);
    }
    lucid_buf_str(out, "}}");
    answer_bytes(question, 200, after_ms);
}

/* --- life ------------------------------------------------------------------------------------- */

void fake_outgoing_init(struct fake_outgoing *fake, struct fake_loop *loop)
{
    *fake = (struct fake_outgoing){.loop = loop};
    fake->outgoing = (struct lucid_outgoing){
        .start = outgoing_start, .cancel = outgoing_cancel, .context = fake};
}

void fake_outgoing_fini(struct fake_outgoing *fake)
{
    lucid_assert(fake->open == NULL);
}

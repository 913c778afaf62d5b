/* What a plugin may do with a request, and what becomes of what it does wrong: a 500 and a line in
 * the log. All of it runs on a worker. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/assert.h"
#include "base/log.h"
#include "http/api/plugins_internal.h"

static struct lucid_plugin_bytes bytes_of(struct lucid_span span)
{
    return (struct lucid_plugin_bytes){.data = span.data, .len = span.len};
}

static void fault(struct lucid_plugin_call *call, const char *text)
{
    if (call->fault == NULL) {
        call->fault = text;
    }
}

/* --- the request ------------------------------------------------------------------------------ */

static struct lucid_plugin_bytes call_method(const struct lucid_plugin_call *call)
{
    return bytes_of(lucid_span_str(call->row->method));
}

static struct lucid_plugin_bytes call_param(const struct lucid_plugin_call *call, const char *name)
{
    for (size_t i = 0; i < call->param_count; i++) {
        if (lucid_span_is(call->params[i].name, name)) {
            return bytes_of(call->params[i].value);
        }
    }
    return (struct lucid_plugin_bytes){0};
}

static struct lucid_plugin_bytes call_query(const struct lucid_plugin_call *call, const char *name)
{
    /* Reading a const call takes of its memory all the same. */
    struct lucid_arena *arena = &((struct lucid_plugin_call *)(uintptr_t)call)->arena;
    return bytes_of(http_target_query(call->target, name, arena));
}

static struct lucid_plugin_bytes call_header(const struct lucid_plugin_call *call, const char *name)
{
    if (strcmp(name, "x-request-id") == 0) { /* the client's, or ours */
        return bytes_of(call->id);
    }
    for (size_t i = 0; i < call->header_count; i++) {
        if (call->headers[i].name.len == strlen(name) &&
            strncasecmp((const char *)call->headers[i].name.data, name, strlen(name)) == 0) {
            return bytes_of(call->headers[i].value);
        }
    }
    return (struct lucid_plugin_bytes){0};
}

static struct lucid_plugin_bytes call_body(const struct lucid_plugin_call *call)
{
    return bytes_of(call->body);
}

static uint32_t call_scopes(const struct lucid_plugin_call *call)
{
    return call->scopes;
}

static const char *call_token(const struct lucid_plugin_call *call)
{
    return call->token.id;
}

static uint64_t call_now_ms(const struct lucid_plugin_call *call)
{
    return call->now_ms;
}

static const struct lucid_plugin_host *call_host(const struct lucid_plugin_call *call)
{
    return &call->plugin->host;
}

/* --- memory ----------------------------------------------------------------------------------- */

bool plugin_call_charge(struct lucid_plugin_call *call)
{
    _Atomic uint64_t *held = &call->api->metrics.plugin_bytes;
    uint64_t now = sizeof(*call) + call->arena.total + call->bytes.cap;
    for (size_t i = 0; i < call->out_count; i++) {
        now += sizeof(*call->outs[i]) + call->outs[i]->buf.cap;
    }
    if (now <= call->charged) {
        return true;
    }
    uint64_t more = now - call->charged;
    if (atomic_fetch_add(held, more) + more > PLUGIN_CALLS_BYTES_MAX) {
        atomic_fetch_sub(held, more);
        return false;
    }
    call->charged = now;
    return true;
}

static void *call_alloc(struct lucid_plugin_call *call, size_t len)
{
    void *memory = lucid_arena_zalloc(&call->arena, len == 0 ? 1 : len);
    return memory != NULL && plugin_call_charge(call) ? memory : NULL;
}

static struct lucid_plugin_out *out_new(struct lucid_plugin_call *call)
{
    struct lucid_plugin_out *out =
        call->out_count < PLUGIN_OUTS_MAX ? calloc(1, sizeof(*out)) : NULL;
    if (out != NULL) {
        lucid_buf_init(&out->buf, PLUGIN_CALL_BYTES_MAX);
        out->left = &call->outs_left;
        call->outs[call->out_count++] = out;
    }
    return out;
}

static struct lucid_plugin_view *call_view(struct lucid_plugin_call *call)
{
    if (!call->has_view) {
        if (ledger_view_begin(call->worker_view) != LUCID_OK) {
            return NULL;
        }
        call->has_view = true;
        call->view = (struct lucid_plugin_view){
            .view = call->worker_view, .plugin = call->plugin, .arena = &call->arena};
    }
    return &call->view;
}

/* --- the answer ------------------------------------------------------------------------------- */

/* Each function answers once. */
static bool says(struct lucid_plugin_call *call, enum plugin_said what)
{
    if (call->said != PLUGIN_SAID_NOTHING) {
        fault(call, "answers twice");
        return false;
    }
    call->said = what;
    return true;
}

static bool is_token(const char *text, size_t max)
{
    size_t len = strnlen(text, max + 1);
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              memchr(marks, c, sizeof(marks) - 1) != NULL)) {
            return false;
        }
    }
    return len > 0 && len <= max;
}

/* What may stand in a header's value: no CR, no LF, nothing that ends it. */
static bool is_value(const char *text, size_t max)
{
    size_t len = strnlen(text, max + 1);
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return len <= max;
}

/* Those that the service writes itself, by how they begin. */
static bool is_ours(const char *name)
{
    static const char *const begins[] = {"access-control-",
                                         "connection",
                                         "content-encoding",
                                         "content-length",
                                         "content-type",
                                         "date",
                                         "etag",
                                         "keep-alive",
                                         "payment-",
                                         "ratelimit",
                                         "trailer",
                                         "transfer-",
                                         "upgrade",
                                         "x-access-",
                                         "x-payment",
                                         "x-request-id"};
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        if (strncasecmp(name, begins[i], strlen(begins[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void call_add_header(struct lucid_plugin_call *call, const char *name, const char *value)
{
    if (name == NULL || value == NULL || !is_token(name, PLUGIN_HEADER_NAME_MAX) ||
        !is_value(value, PLUGIN_HEADER_VALUE_MAX)) {
        fault(call, "adds a header that is none");
        return;
    }
    if (is_ours(name) || call->answer_header_count == PLUGIN_HEADERS_MAX) {
        fault(call, "adds a header that is not its own, or too many");
        return;
    }
    struct plugin_field field = {
        .name = lucid_arena_copy(&call->arena, lucid_span_str(name)),
        .value = lucid_arena_copy(&call->arena, lucid_span_str(value)),
    };
    if (field.name.data == NULL || field.value.data == NULL) {
        fault(call, "is out of memory for a header");
        return;
    }
    call->has_control = call->has_control || strcasecmp(name, "cache-control") == 0;
    call->answer_headers[call->answer_header_count++] = field;
}

static void respond(struct lucid_plugin_call *call, enum plugin_said what, int status,
                    const char *type, struct lucid_plugin_bytes body)
{
    bool bodiless = status == 204 || status == 205 || status == 304;
    if (!says(call, what)) {
        return;
    }
    if (status < 200 || status > 599 || (bodiless && body.len > 0)) {
        fault(call, "answers with a status that is none");
        return;
    }
    if (type != NULL && (type[0] == '\0' || !is_value(type, PLUGIN_TYPE_MAX))) {
        fault(call, "answers with a media type that is none");
        return;
    }
    if (body.len > PLUGIN_CALL_BYTES_MAX || (body.data == NULL && body.len > 0)) {
        fault(call, "answers with too many bytes");
        return;
    }
    const char *named = type == NULL ? API_JSON : type;
    call->status = status;
    memcpy(call->type, named, strlen(named) + 1);
    if (body.len > 0) {
        lucid_buf_put(&call->bytes, body.data, body.len);
    }
}

static void call_respond(struct lucid_plugin_call *call, int status, const char *type,
                         struct lucid_plugin_bytes body)
{
    respond(call, PLUGIN_SAID_ANSWER, status, type, body);
}

static void call_respond_tagged(struct lucid_plugin_call *call, const char *type,
                                struct lucid_plugin_bytes body, uint32_t max_age_s)
{
    call->max_age_s = max_age_s;
    respond(call, PLUGIN_SAID_TAGGED, 200, type, body);
}

/* 0: the code is neither the plugin's nor ours. */
static int code_status(const struct lucid_plugin_call *call, const char *code)
{
    const struct lucid_plugin_code *own = call->plugin->module->codes;
    for (; own != NULL && own->code != NULL; own++) {
        if (strcmp(own->code, code) == 0) {
            return own->status;
        }
    }
    return api_code_status(code);
}

const char *plugin_refusal_fault(const struct lucid_plugin_call *call,
                                 const struct lucid_plugin_why *why, struct api_code *ret)
{
    int usual = why == NULL || why->code == NULL ? 0 : code_status(call, why->code);
    if (usual == 0) {
        return "refuses with a code that it has not declared";
    }
    int status = why->status == 0 ? usual : why->status;
    if (status < 400 || status > 599) {
        return "refuses with a status that is none of a refusal";
    }
    *ret = (struct api_code){.code = why->code, .status = status};
    return NULL;
}

static void refuse(struct lucid_plugin_call *call, const struct lucid_plugin_why *why)
{
    if (!says(call, PLUGIN_SAID_PROBLEM)) {
        return;
    }
    const char *wrong = plugin_refusal_fault(call, why, &call->code);
    if (wrong != NULL) {
        fault(call, wrong);
        return;
    }
    call->why = *why;
    plugin_why_mend(&call->why);
    atomic_fetch_add_explicit(&call->plugin->refusals, 1, memory_order_relaxed);
}

static void call_problem(struct lucid_plugin_call *call, const struct lucid_plugin_why *why)
{
    refuse(call, why);
}

static bool kind_is_own(const struct lucid_plugin_call *call, const char *kind)
{
    const struct lucid_plugin_kind *own = call->plugin->module->kinds;
    for (; own != NULL && own->name != NULL; own++) {
        if (strcmp(own->name, kind) == 0) {
            return true;
        }
    }
    return false;
}

static void call_submit(struct lucid_plugin_call *call, const struct lucid_plugin_command *command)
{
    if (call->begun || call->row->answered == NULL) {
        fault(call, "submits a command where none can be answered");
        return;
    }
    if (command == NULL || command->kind == NULL || !kind_is_own(call, command->kind) ||
        command->blob_count > LUCID_PLUGIN_BLOBS_MAX ||
        (command->blob_count > 0 && command->blobs == NULL)) {
        fault(call, "submits a command that is none of its own");
        return;
    }
    if (says(call, PLUGIN_SAID_COMMAND)) {
        call->asked = *command;
    }
}

void plugin_call_functions(struct lucid_plugin_host *host)
{
    host->out_new = out_new;
    host->call_method = call_method;
    host->call_param = call_param;
    host->call_query = call_query;
    host->call_header = call_header;
    host->call_body = call_body;
    host->call_scopes = call_scopes;
    host->call_token = call_token;
    host->call_now_ms = call_now_ms;
    host->call_alloc = call_alloc;
    host->call_host = call_host;
    host->call_view = call_view;
    host->call_add_header = call_add_header;
    host->call_respond = call_respond;
    host->call_respond_tagged = call_respond_tagged;
    host->call_problem = call_problem;
    host->call_submit = call_submit;
}

/* --- running ---------------------------------------------------------------------------------- */

/* The service's own answer, whatever the plugin has said. */
static void say_instead(struct lucid_plugin_call *call, int status, const char *code,
                        const char *text)
{
    call->said = PLUGIN_SAID_PROBLEM;
    call->code = (struct api_code){.code = code, .status = status};
    call->why = (struct lucid_plugin_why){.status = status};
    (void)snprintf(call->why.text, sizeof(call->why.text), "%s", text);
    call->answer_header_count = 0;
    call->has_control = false;
}

static const char *text_or(const struct lucid_plugin_why *why, const char *fallback)
{
    return why->text[0] != '\0' ? why->text : fallback;
}

/* What a result other than OK is to the outside. */
static void result_say(struct lucid_plugin_call *call, enum lucid_plugin_result result,
                       struct lucid_plugin_why *why)
{
    if (call->said != PLUGIN_SAID_NOTHING) {
        fault(call, "answers and fails");
        return;
    }
    plugin_why_mend(why);
    switch (result) {
    case LUCID_PLUGIN_REFUSED:
        refuse(call, why);
        return;
    case LUCID_PLUGIN_ABSENT:
        say_instead(call, 404, "NOT_FOUND", text_or(why, "there is no such thing"));
        return;
    case LUCID_PLUGIN_ERASED:
        say_instead(call, 410, "ERASED",
                    text_or(why, "it was erased; entry and proofs stay valid"));
        return;
    case LUCID_PLUGIN_BUSY:
        say_instead(call, 503, "OVERLOADED", text_or(why, "the service is busy; try again"));
        return;
    case LUCID_PLUGIN_CORRUPT:
        atomic_fetch_add_explicit(&call->api->metrics.verification_failures, 1,
                                  memory_order_relaxed);
        say_instead(call, 500, "CORRUPT",
                    text_or(why, "what was read back is not what was stored"));
        return;
    case LUCID_PLUGIN_OK:
        break;
    }
    fault(call, "returns a result that is none");
}

static bool is_whole(const struct lucid_plugin_call *call)
{
    bool whole = lucid_buf_ok(&call->bytes);
    for (size_t i = 0; i < call->out_count; i++) {
        whole = whole && lucid_buf_ok(&call->outs[i]->buf);
    }
    return whole;
}

/* Blobs are hashed here, and not on the loop. */
static void command_prepare(struct lucid_plugin_call *call)
{
    struct lucid_why why = {0};
    if (atomic_load(&call->plugin->suspended)) {
        say_instead(call, 503, "PLUGIN_SUSPENDED",
                    "this part of the service held up the rest and is suspended");
        return;
    }
    enum lucid_error error =
        plugin_command_prepare(call->plugin, &call->asked, &call->arena, &call->command, &why);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        struct api_code code;
        const char *text;
        api_code_of(error, &why, &code, &text);
        say_instead(call, code.status, code.code, text);
    } else if (error != LUCID_OK) {
        say_instead(call, 503, "OVERLOADED", "the service is busy; try again");
    }
}

void plugin_fault_log(const struct lucid_plugin_call *call, const char *function, const char *text)
{
    const struct api_options *options = &call->api->options;
    lucid_log(LUCID_LOG_ERROR, "plugin.fault", "%s: %s of %s %s %s", call->plugin->module->name,
              function, call->row->method, call->row->pattern, text);
    for (size_t i = 0; i < options->plugin_count; i++) {
        if (options->plugins[i] == call->plugin) {
            atomic_fetch_add_explicit(&call->api->metrics.plugin_faults[i], 1,
                                      memory_order_relaxed);
        }
    }
}

void plugin_call_run(struct lucid_plugin_call *call, struct ledger_view *view)
{
    struct lucid_plugin_why why = {0};
    void *self = call->plugin->self;
    enum lucid_plugin_result result;
    call->worker_view = view;
    call->said = PLUGIN_SAID_NOTHING;
    if (call->begun) {
        result = call->row->answered(self, call, &call->asked, &why);
    } else {
        atomic_fetch_add_explicit(&call->plugin->calls, 1, memory_order_relaxed);
        result = call->row->handle(self, call, &why);
    }
    if (result != LUCID_PLUGIN_OK) {
        result_say(call, result, &why);
    } else if (call->said == PLUGIN_SAID_NOTHING) {
        fault(call, "ends without an answer");
    }
    if (call->said == PLUGIN_SAID_TAGGED && call->has_control && call->max_age_s != 0) {
        fault(call, "says twice how long its answer may be kept");
    }
    if (call->fault == NULL && call->said == PLUGIN_SAID_COMMAND) {
        command_prepare(call);
    }
    if (call->has_view) {
        ledger_view_end(view);
        call->has_view = false;
    }
    call->worker_view = NULL;
    if (call->fault != NULL) {
        plugin_fault_log(call, call->begun ? "answered" : "handle", call->fault);
        say_instead(call, 500, "PLUGIN_FAULT",
                    call->begun ? "this part of the service failed after it had written"
                                : "this part of the service failed; nothing was written");
    } else if (!is_whole(call) || !plugin_call_charge(call)) {
        say_instead(call, 503, "OVERLOADED", "the service is busy; try again");
    }
    call->fault = NULL;
    call->begun = true;
}

/* Requests to plugins: copied off their loop, to a worker (handle), where there is a command to the
 * writer, to a worker again (answered), and back. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/assert.h"
#include "http/api/plugins_internal.h"

/* --- copying ---------------------------------------------------------------------------------- */

/* What a plugin has no business with: what admits, and what pays. */
static bool is_secret(struct lucid_span name)
{
    static const char *const names[] = {"authorization",       "cookie",    "payment-signature",
                                        "proxy-authorization", "x-payment", "x-payment-proof",
                                        "x-access-grant"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (name.len == strlen(names[i]) &&
            strncasecmp((const char *)name.data, names[i], name.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool field_copy(struct lucid_plugin_call *call, struct lucid_span name,
                       struct lucid_span value, struct plugin_field *ret)
{
    ret->name = lucid_arena_copy(&call->arena, name);
    ret->value = lucid_arena_copy(&call->arena, value);
    return ret->name.data != NULL && ret->value.data != NULL;
}

static bool headers_copy(struct lucid_plugin_call *call, const struct http_request *request)
{
    struct plugin_field given;
    size_t count = 0;
    while (http_header_at(request, count, &given.name, &given.value)) {
        count++;
    }
    call->headers = lucid_arena_zalloc(&call->arena, (count + 1) * sizeof(*call->headers));
    bool ok = call->headers != NULL;
    for (size_t i = 0; ok && http_header_at(request, i, &given.name, &given.value); i++) {
        if (!is_secret(given.name)) {
            ok = field_copy(call, given.name, given.value, &call->headers[call->header_count++]);
        }
    }
    return ok;
}

/* The names stand in the pattern, which lasts. */
static bool params_copy(struct lucid_plugin_call *call, const struct http_request *request)
{
    const char *at = call->row->pattern;
    bool ok = true;
    while (ok && (at = strchr(at, '{')) != NULL) {
        char name[64];
        const char *end = strchr(at, '}');
        lucid_assert(end != NULL && call->param_count < PLUGIN_PARAMS_MAX);
        size_t len = (size_t)(end - at) - 1 - (end[-1] == '*');
        lucid_assert(len < sizeof(name));
        memcpy(name, at + 1, len);
        name[len] = '\0';
        ok = field_copy(call, lucid_span_str(name), http_param(request, name),
                        &call->params[call->param_count++]);
        at = end;
    }
    return ok;
}

static uint32_t scopes_of(const struct api *api, const struct ledger_token *token)
{
    static const uint32_t all = LUCID_PLUGIN_SCOPE_READ | LUCID_PLUGIN_SCOPE_ADMIN |
                                LUCID_PLUGIN_SCOPE_ATTEST | LUCID_PLUGIN_SCOPE_PASSPORT |
                                LUCID_PLUGIN_SCOPE_AUDIT;
    uint32_t scopes = (token->scopes & TOKEN_ADMIN) != 0 ? all : token->scopes & all;
    return scopes | (api->options.public_reads ? (uint32_t)LUCID_PLUGIN_SCOPE_READ : 0);
}
_Static_assert((int)LUCID_PLUGIN_SCOPE_READ == (int)TOKEN_READ &&
                   (int)LUCID_PLUGIN_SCOPE_ADMIN == (int)TOKEN_ADMIN &&
                   (int)LUCID_PLUGIN_SCOPE_ATTEST == (int)TOKEN_ATTEST &&
                   (int)LUCID_PLUGIN_SCOPE_PASSPORT == (int)TOKEN_PASSPORT &&
                   (int)LUCID_PLUGIN_SCOPE_AUDIT == (int)TOKEN_AUDIT,
               "scopes are the same bits on both sides");

static bool request_copy(struct lucid_plugin_call *call, const struct http_request *request)
{
    call->target = lucid_arena_copy(&call->arena, http_target(request));
    call->id = lucid_arena_copy(&call->arena, http_request_id(request));
    call->body = lucid_arena_copy(&call->arena, http_body(request));
    return call->target.data != NULL && call->id.data != NULL && call->body.data != NULL &&
           headers_copy(call, request) && params_copy(call, request) && plugin_call_charge(call);
}

/* --- life ------------------------------------------------------------------------------------- */

static void call_work(struct api_work *work, struct ledger_view *view);

struct lucid_plugin_call *plugin_call_open(struct http_request *request,
                                           const struct http_route *route)
{
    const struct api_route *about = route->context;
    struct ledger_token token;
    if (!api_token_find(request, about->api, &token)) {
        return NULL;
    }
    struct lucid_plugin_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return NULL;
    }
    call->work.run = call_work;
    call->outs_left = PLUGIN_CALL_BYTES_MAX;
    call->api = about->api;
    call->loop = http_loop_user(http_request_loop(request));
    call->plugin = about->plugin;
    call->row = about->row;
    call->route = route;
    call->token = token;
    call->scopes = scopes_of(call->api, &token);
    call->now_ms = lucid_wall_ms(&call->api->options.clock);
    call->is_private = http_is_private(request) || !about->open;
    lucid_arena_init(&call->arena,
                     PLUGIN_CALL_BYTES_MAX + PLUGIN_HEAD_BYTES_MAX + http_body(request).len);
    if (!request_copy(call, request)) {
        plugin_call_close(call);
        plugin_call_busy(request);
        return NULL;
    }
    return call;
}

void plugin_call_close(struct lucid_plugin_call *call)
{
    atomic_fetch_sub(&call->api->metrics.plugin_bytes, call->charged);
    for (size_t i = 0; i < call->out_count; i++) {
        lucid_buf_fini(&call->outs[i]->buf);
        free(call->outs[i]);
    }
    lucid_buf_fini(&call->bytes);
    lucid_arena_fini(&call->arena);
    free(call);
}

static void call_list(struct lucid_plugin_call *call)
{
    struct api_loop *loop = call->loop;
    call->previous = NULL;
    call->next = loop->plugin_calls;
    if (call->next != NULL) {
        call->next->previous = call;
    }
    loop->plugin_calls = call;
    loop->plugin_count++;
}

static void call_unlist(struct lucid_plugin_call *call)
{
    struct api_loop *loop = call->loop;
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        loop->plugin_calls = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    loop->plugin_count--;
}

void api_plugins_loop_close(struct api_loop *loop)
{
    while (loop->plugin_calls != NULL) {
        struct lucid_plugin_call *call = loop->plugin_calls;
        loop->plugin_calls = call->next;
        plugin_call_close(call);
    }
    loop->plugin_count = 0;
}

static void client_gone(struct http_request *request, void *user)
{
    struct lucid_plugin_call *call = user;
    (void)request;
    call->request = NULL;
    atomic_store(&call->gone, true);
}

/* From here on the call is over when it comes back, and not with its request. */
static void call_begin(struct lucid_plugin_call *call, struct http_request *request)
{
    call->request = request;
    http_set_user(request, call, client_gone);
    call_list(call);
}

/* The call is over; its request, or NULL when the client is gone. */
static struct http_request *call_end(struct lucid_plugin_call *call)
{
    struct http_request *request = call->request;
    if (request != NULL) {
        http_set_user(request, NULL, NULL);
    }
    call_unlist(call);
    return request;
}

/* --- answers ---------------------------------------------------------------------------------- */

void plugin_call_busy(struct http_request *request)
{
    api_problem(request, 503, "OVERLOADED", NULL, "too many requests of this kind are under way");
}

static void headers_add(const struct lucid_plugin_call *call, struct http_request *request)
{
    for (size_t i = 0; i < call->answer_header_count; i++) {
        http_add_header(request, (const char *)call->answer_headers[i].name.data,
                        (const char *)call->answer_headers[i].value.data);
    }
}

/* What needs a token or a payment is for no shared cache. */
static const char *control_of(const struct lucid_plugin_call *call, char *text, size_t max)
{
    const char *who = call->is_private ? "private" : "public";
    if (call->max_age_s == 0) {
        return "no-cache";
    }
    (void)snprintf(text, max,
                   call->max_age_s == UINT32_MAX ? "%s, max-age=31536000, immutable"
                                                 : "%s, max-age=%lu",
                   who, (unsigned long)call->max_age_s);
    return text;
}

void plugin_call_answer(struct lucid_plugin_call *call, struct http_request *request)
{
    char control[64];
    headers_add(call, request);
    switch (call->said) {
    case PLUGIN_SAID_ANSWER:
        if (!call->has_control) {
            http_add_header(request, "Cache-Control", "no-cache");
        }
        http_respond(request, call->status, call->bytes.len == 0 ? NULL : call->type, &call->bytes);
        return;
    case PLUGIN_SAID_TAGGED:
        api_answer_tagged_as(request, call->type, &call->bytes,
                             call->has_control ? NULL : control_of(call, control, sizeof(control)));
        return;
    case PLUGIN_SAID_PROBLEM:
        api_problem(request, call->code.status, call->code.code, call->why.param, call->why.text);
        return;
    case PLUGIN_SAID_COMMAND:
    case PLUGIN_SAID_NOTHING:
        break;
    }
    lucid_assert(false);
}

void plugin_call_refused(struct lucid_plugin_call *call, struct http_request *request)
{
    const struct plugin_command *command = call->command;
    const struct lucid_plugin_why *why = &command->why;
    struct api_code code;
    if (why->code == NULL || lucid_category(command->command.error) != LUCID_CATEGORY_REFUSE) {
        api_refuse(request, command->command.error, &command->command.why);
        return;
    }
    const char *wrong = plugin_refusal_fault(call, why, &code);
    if (wrong != NULL) {
        plugin_fault_log(call, "decide", wrong);
        api_problem(request, 500, "PLUGIN_FAULT", NULL,
                    "this part of the service failed; nothing was written");
        return;
    }
    api_problem(request, code.status, code.code, why->param, why->text);
}

/* --- the way ---------------------------------------------------------------------------------- */

static void call_back(struct http_post *post);

/* On a worker. Nothing is begun for who is not there any more. */
static void call_work(struct api_work *work, struct ledger_view *view)
{
    struct lucid_plugin_call *call = (struct lucid_plugin_call *)work; /* its first member */
    if (call->begun || !atomic_load(&call->gone)) {
        plugin_call_run(call, view);
    }
    call->post = (struct http_post){.run = call_back};
    http_loop_post(call->loop->http, &call->post);
}

bool plugin_call_give(struct lucid_plugin_call *call)
{
    const struct api_options *options = &call->api->options;
    return options->work(options->work_context, &call->work, call->begun) == LUCID_OK;
}

void plugin_call_committed(struct lucid_plugin_call *call, struct http_request *request)
{
    call_begin(call, request);
    if (!plugin_call_give(call)) { /* only when all is about to end */
        plugin_call_busy(call_end(call));
        plugin_call_close(call);
    }
}

/* From the writer, on the loop. */
static void command_done(struct api_job *job)
{
    struct lucid_plugin_call *call = lucid_owner(job, struct lucid_plugin_call, job);
    bool refused = call->command->command.error != LUCID_OK;
    if (call->request != NULL && !refused && plugin_call_give(call)) {
        return;
    }
    struct http_request *request = call_end(call);
    if (request != NULL && refused) {
        plugin_call_refused(call, request);
    } else if (request != NULL) {
        plugin_call_busy(request);
    }
    plugin_call_close(call);
}

/* It is handed over although the client may be gone: who sends and leaves has sent. */
static bool command_submit(struct lucid_plugin_call *call, enum lucid_error *ret_error)
{
    const struct api_options *options = &call->api->options;
    api_job_init(&call->job, call->loop->http, &call->command->command, command_done);
    *ret_error = options->submit(options->context, &call->job, 1);
    return *ret_error == LUCID_OK;
}

/* From a worker, on the loop. */
static void call_back(struct http_post *post)
{
    struct lucid_plugin_call *call = lucid_owner(post, struct lucid_plugin_call, post);
    enum lucid_error error = LUCID_OK;
    if (call->paid != NULL) {
        plugin_paid_back(call);
        return;
    }
    if (call->said == PLUGIN_SAID_COMMAND && command_submit(call, &error)) {
        return;
    }
    struct http_request *request = call_end(call);
    if (request != NULL && error == LUCID_FATAL_STORE) {
        api_problem(request, 503, "OVERLOADED", NULL, "the service is stopping");
    } else if (request != NULL && error != LUCID_OK) {
        api_refuse(request, error, NULL);
    } else if (request != NULL) {
        plugin_call_answer(call, request);
    }
    plugin_call_close(call);
}

void api_plugin_handle(struct http_request *request, const struct http_route *route)
{
    struct lucid_plugin_call *call = plugin_call_open(request, route);
    if (call == NULL) {
        return;
    }
    if (call->loop->plugin_count >= PLUGIN_CALLS_MAX) {
        plugin_call_busy(request);
        plugin_call_close(call);
        return;
    }
    call_begin(call, request);
    if (!plugin_call_give(call)) {
        plugin_call_busy(call_end(call));
        plugin_call_close(call);
    }
}

#include "api_plugin_notes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum lucid_plugin_result result;
typedef struct lucid_plugin_call call_t;
typedef struct lucid_plugin_why why_t;

static struct lucid_plugin_bytes text_of(const char *text)
{
    return (struct lucid_plugin_bytes){.data = (const uint8_t *)text, .len = strlen(text)};
}

static bool bytes_are(struct lucid_plugin_bytes bytes, const char *text)
{
    return bytes.data != NULL && bytes.len == strlen(text) &&
           memcmp(bytes.data, text, bytes.len) == 0;
}

static const struct lucid_plugin_host *host_of(call_t *call);

/* The host of a call is asked of the instance, as a plugin keeps it from open. */
static const struct lucid_plugin_host *the_host;

static const struct lucid_plugin_host *host_of(call_t *call)
{
    (void)call;
    return the_host;
}

static result refuse(why_t *why, int status, const char *code, const char *param, const char *text)
{
    why->status = status;
    why->code = code;
    (void)snprintf(why->param, sizeof(why->param), "%s", param);
    (void)snprintf(why->text, sizeof(why->text), "%s", text);
    return LUCID_PLUGIN_REFUSED;
}

/* --- what it was asked, told back ------------------------------------------------------------- */

static void member(const struct lucid_plugin_host *host, struct lucid_plugin_out *out,
                   const char *name, struct lucid_plugin_bytes value)
{
    char text[128];
    int len = value.data == NULL ? snprintf(text, sizeof(text), "\"%s\":null,", name)
                                 : snprintf(text, sizeof(text), "\"%s\":\"%.*s\",", name,
                                            (int)value.len, (const char *)value.data);
    host->out_put(out, text, (size_t)len);
}

static result echo_handle(void *self, call_t *call, why_t *why)
{
    (void)self;
    (void)why;
    const struct lucid_plugin_host *host = host_of(call);
    struct lucid_plugin_out *out = host->out_new(call);
    char tail[128];
    if (out == NULL || host->call_host(call) != host) {
        return LUCID_PLUGIN_BUSY;
    }
    host->out_put(out, "{", 1);
    member(host, out, "method", host->call_method(call));
    member(host, out, "id", host->call_param(call, "id"));
    member(host, out, "none", host->call_param(call, "none"));
    member(host, out, "q", host->call_query(call, "q"));
    member(host, out, "note", host->call_header(call, "x-note"));
    member(host, out, "authorization", host->call_header(call, "authorization"));
    member(host, out, "request", host->call_header(call, "x-request-id"));
    member(host, out, "body", host->call_body(call));
    member(host, out, "token", text_of(host->call_token(call)));
    int len = snprintf(
        tail, sizeof(tail), "\"scopes\":%u,\"now\":%llu,\"view\":%s}", host->call_scopes(call),
        (unsigned long long)host->call_now_ms(call),
        host->call_view(call) != NULL && host->call_view(call) == host->call_view(call) ? "true"
                                                                                        : "false");
    host->out_put(out, tail, (size_t)len);
    host->call_add_header(call, "X-Note", "kept");
    host->call_respond(call, 200, NULL, host->out_bytes(out));
    return LUCID_PLUGIN_OK;
}

static result tagged_handle(void *self, call_t *call, why_t *why)
{
    (void)self;
    (void)why;
    struct lucid_plugin_bytes age = host_of(call)->call_query(call, "age");
    uint32_t max_age_s = bytes_are(age, "ever") ? UINT32_MAX : bytes_are(age, "60") ? 60 : 0;
    host_of(call)->call_respond_tagged(call, "text/plain", text_of("the same for all"), max_age_s);
    return LUCID_PLUGIN_OK;
}

static void answer(call_t *call, int status, const char *type)
{
    host_of(call)->call_respond(call, status, type, text_of("{}"));
}

/* --- what goes wrong on purpose --------------------------------------------------------------- */

/* Says far more in texts than a request may hold, and that all is well. */
static result texts_handle(call_t *call)
{
    static const char some[1 << 16];
    struct lucid_plugin_out *out;
    for (unsigned o = 0; o < 32 && (out = host_of(call)->out_new(call)) != NULL; o++) {
        for (unsigned i = 0; i < 16; i++) {
            host_of(call)->out_put(out, some, sizeof(some));
        }
    }
    answer(call, 200, NULL);
    return LUCID_PLUGIN_OK;
}

static result fails_handle(void *self, call_t *call, why_t *why)
{
    (void)self;
    struct lucid_plugin_bytes how = host_of(call)->call_param(call, "how");
    if (bytes_are(how, "code")) {
        return refuse(why, 0, "NOTE_REFUSED", "note.text", "the note is no good");
    }
    if (bytes_are(how, "texts")) {
        return texts_handle(call);
    }
    if (bytes_are(how, "cut")) { /* in the middle of a character */
        (void)refuse(why, 0, "NOTE_REFUSED", "a\xe2\x82", "no good: \xc3");
        return LUCID_PLUGIN_REFUSED;
    }
    if (bytes_are(how, "status")) {
        return refuse(why, 451, "NOTE_REFUSED", "", "not here");
    }
    if (bytes_are(how, "ours")) {
        return refuse(why, 0, "INVALID_PARAMETER", "q", "not so");
    }
    if (bytes_are(how, "problem")) {
        (void)refuse(why, 0, "NOTE_REFUSED", "a.b", "said, not returned");
        host_of(call)->call_problem(call, why);
        return LUCID_PLUGIN_OK;
    }
    static const struct {
        const char *how;
        result what;
    } results[] = {{"absent", LUCID_PLUGIN_ABSENT},
                   {"erased", LUCID_PLUGIN_ERASED},
                   {"busy", LUCID_PLUGIN_BUSY},
                   {"corrupt", LUCID_PLUGIN_CORRUPT}};
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (bytes_are(how, results[i].how)) {
            return results[i].what;
        }
    }
    return LUCID_PLUGIN_OK;
}

/* Everything that a handler may do wrong; each is a 500. */
static result wrong_handle(void *self, call_t *call, why_t *why)
{
    (void)self;
    const struct lucid_plugin_host *host = host_of(call);
    struct lucid_plugin_bytes how = host->call_param(call, "how");
    if (bytes_are(how, "silent")) {
        return LUCID_PLUGIN_OK;
    }
    if (bytes_are(how, "result")) {
        return (result)77;
    }
    if (bytes_are(how, "undeclared")) {
        return refuse(why, 422, "NEVER_HEARD_OF", "", "x");
    }
    if (bytes_are(how, "no-code")) {
        return refuse(why, 422, NULL, "", "x");
    }
    if (bytes_are(how, "status-of-success")) {
        return refuse(why, 200, "NOTE_REFUSED", "", "x");
    }
    if (bytes_are(how, "command")) {
        const struct lucid_plugin_command command = {.kind = "nobodys"};
        host->call_submit(call, &command);
        return LUCID_PLUGIN_OK;
    }
    static const struct {
        const char *how;
        const char *name;
        const char *value;
    } headers[] = {{"header-split", "X-Note", "a\r\nSet-Cookie: b"},
                   {"header-name", "X Note", "a"},
                   {"header-length", "Content-Length", "7"},
                   {"header-payment", "X-Payment-Id", "00"},
                   {"header-null", "X-Note", NULL}};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (bytes_are(how, headers[i].how)) {
            host->call_add_header(call, headers[i].name, headers[i].value);
        }
    }
    if (bytes_are(how, "control")) {
        host->call_add_header(call, "Cache-Control", "public");
        host->call_respond_tagged(call, NULL, text_of("{}"), 60);
        return LUCID_PLUGIN_OK;
    }
    if (bytes_are(how, "header-many")) {
        for (unsigned i = 0; i < 100; i++) {
            host->call_add_header(call, "X-Note", "again");
        }
    }
    answer(call,
           bytes_are(how, "status") ? 99
           : bytes_are(how, "body") ? 204
                                    : 200,
           bytes_are(how, "type") ? "text/plain\r\nX: y" : NULL);
    if (bytes_are(how, "twice")) {
        answer(call, 200, NULL);
    }
    return bytes_are(how, "both") ? LUCID_PLUGIN_ABSENT : LUCID_PLUGIN_OK;
}

/* Takes memory until there is no more. */
static result hungry_handle(void *self, call_t *call, why_t *why)
{
    (void)self;
    (void)why;
    size_t taken = 0;
    char text[64];
    while (host_of(call)->call_alloc(call, 1 << 20) != NULL) {
        taken++;
    }
    int len = snprintf(text, sizeof(text), "{\"mebibytes\":%zu}", taken);
    host_of(call)->call_respond(
        call, 200, NULL,
        (struct lucid_plugin_bytes){.data = (const uint8_t *)text, .len = (size_t)len});
    return LUCID_PLUGIN_OK;
}

static result slow_handle(void *context, call_t *call, why_t *why)
{
    struct notes_self *self = context;
    (void)why;
    atomic_fetch_add(&self->slow_calls, 1);
    sem_post(&self->begun);
    while (sem_wait(&self->go_on) != 0) {
    }
    answer(call, 200, NULL);
    return LUCID_PLUGIN_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

struct note {
    char id[16];
    bool refuse;
    bool wrong; /* answered says nothing */
    bool known;
    struct lucid_plugin_event event;
};

static result write_handle(void *self, call_t *call, why_t *why)
{
    (void)self;
    const struct lucid_plugin_host *host = host_of(call);
    struct lucid_plugin_bytes body = host->call_body(call);
    struct note *note = host->call_alloc(call, sizeof(*note));
    struct lucid_plugin_bytes *blob = host->call_alloc(call, sizeof(*blob));
    if (note == NULL || blob == NULL) {
        return LUCID_PLUGIN_BUSY;
    }
    if (body.len == 0 || body.len >= sizeof(note->id)) {
        return refuse(why, 0, "NOTE_REFUSED", "body", "a note has 1 to 15 bytes");
    }
    memcpy(note->id, body.data, body.len);
    if (memcmp(note->id, "free", 4) == 0) {
        host->call_respond(call, 200, NULL, text_of("{\"free\":true}"));
        return LUCID_PLUGIN_OK;
    }
    note->refuse = memcmp(note->id, "no", 2) == 0;
    note->wrong = memcmp(note->id, "mute", 4) == 0;
    *blob = body;
    struct lucid_plugin_command command = {
        .kind = "notes", .data = note, .blobs = blob, .blob_count = 1};
    host->call_add_header(call, "X-Note", note->id);
    host->call_submit(call, &command);
    return LUCID_PLUGIN_OK;
}

static result write_answered(void *context, call_t *call, struct lucid_plugin_command *command,
                             why_t *why)
{
    struct notes_self *self = context;
    const struct note *note = command->data;
    const struct lucid_plugin_host *host = host_of(call);
    struct lucid_plugin_bytes row;
    char text[128];
    (void)why;
    atomic_fetch_add(&self->answered, 1);
    if (note->wrong) {
        return LUCID_PLUGIN_OK;
    }
    struct lucid_plugin_view *view = host->call_view(call);
    if (view == NULL) {
        return LUCID_PLUGIN_BUSY;
    }
    result found = host->view_get(view, "notes", 0, text_of(note->id), &row);
    int len = snprintf(text, sizeof(text), "{\"id\":\"%s\",\"known\":%s,\"stored\":%s}", note->id,
                       note->known ? "true" : "false", found == LUCID_PLUGIN_OK ? "true" : "false");
    host->call_respond(
        call, note->known ? 200 : 201, NULL,
        (struct lucid_plugin_bytes){.data = (const uint8_t *)text, .len = (size_t)len});
    return LUCID_PLUGIN_OK;
}

static result notes_decide(void *self, const struct lucid_plugin_host *host,
                           struct lucid_plugin_txn *txn, void *command, why_t *why)
{
    struct note *note = command;
    struct lucid_plugin_bytes row;
    (void)self;
    if (strcmp(note->id, "odd code") == 0) {
        return refuse(why, 422, "NEVER_HEARD_OF", "", "x");
    }
    if (strcmp(note->id, "odd status") == 0) {
        return refuse(why, 200, "NOTE_REFUSED", "", "x");
    }
    if (note->refuse) {
        return refuse(why, 418, "NOTE_REFUSED", "body", "the writer has refused it");
    }
    if (host->txn_get(txn, 0, text_of(note->id), &row) == LUCID_PLUGIN_OK) {
        note->known = true;
        return LUCID_PLUGIN_OK;
    }
    const struct lucid_plugin_draft draft = {.type = "note.written", .payload = text_of(note->id)};
    return host->txn_draft(txn, &draft, &note->event);
}

static result notes_apply(const struct lucid_plugin_host *host, struct lucid_plugin_txn *txn,
                          const struct lucid_plugin_event *event)
{
    return host->txn_put(txn, 0, event->payload, text_of("1"));
}

/* --- the plugin ------------------------------------------------------------------------------- */

static const struct lucid_plugin_event_type types[] = {{.name = "note.written", .version = 1},
                                                       {.name = NULL}};
static const char *const tables[] = {"notes", NULL};
static const struct lucid_plugin_kind kinds[] = {{.name = "notes",
                                                  .fold_version = 1,
                                                  .types = types,
                                                  .tables = tables,
                                                  .decide = notes_decide,
                                                  .apply = notes_apply},
                                                 {.name = NULL}};

static const struct lucid_plugin_route routes[] = {
    {.method = "GET", .pattern = "/v1/notes/{id}", .handle = echo_handle},
    {.method = "POST",
     .pattern = "/v1/notes/{id}",
     .flags = LUCID_PLUGIN_ROUTE_READS,
     .body_bytes_max = 64,
     .handle = echo_handle},
    {.method = "GET", .pattern = "/v1/notes/tagged", .handle = tagged_handle},
    {.method = "GET",
     .pattern = "/v1/notes-read/{id}",
     .scopes = LUCID_PLUGIN_SCOPE_READ | LUCID_PLUGIN_SCOPE_AUDIT,
     .handle = echo_handle},
    {.method = "GET",
     .pattern = "/v1/notes-tagged",
     .scopes = LUCID_PLUGIN_SCOPE_READ,
     .handle = tagged_handle},
    {.method = "PUT",
     .pattern = "/v1/notes-attest/{id*}",
     .scopes = LUCID_PLUGIN_SCOPE_ATTEST,
     .body_bytes_max = 64,
     .handle = echo_handle},
    {.method = "GET", .pattern = "/v1/notes-fail/{how}", .handle = fails_handle},
    {.method = "GET",
     .pattern = "/v1/notes-wrong/{how}",
     .handle = wrong_handle,
     .answered = write_answered},
    {.method = "GET", .pattern = "/v1/notes-hungry", .handle = hungry_handle},
    {.method = "POST", .pattern = "/v1/notes-slow", .handle = slow_handle},
    {.method = "POST",
     .pattern = "/v1/notes",
     .body_bytes_max = 64,
     .handle = write_handle,
     .answered = write_answered},
    {.method = "POST",
     .pattern = "/v1/notes-sold",
     .scopes = LUCID_PLUGIN_SCOPE_ATTEST,
     .price_class = "appraise",
     .body_bytes_max = 64,
     .handle = write_handle,
     .answered = write_answered},
    {.method = NULL},
};

static const struct lucid_plugin_code codes[] = {{"NOTE_REFUSED", 409}, {NULL, 0}};

static result notes_open(const struct lucid_plugin_host *host, void **ret_self, why_t *why)
{
    struct notes_self *self = calloc(1, sizeof(*self));
    (void)why;
    if (self == NULL) {
        return LUCID_PLUGIN_BUSY;
    }
    sem_init(&self->begun, 0, 0);
    sem_init(&self->go_on, 0, 0);
    the_host = host;
    *ret_self = self;
    return LUCID_PLUGIN_OK;
}

static void notes_close(void *context)
{
    struct notes_self *self = context;
    sem_destroy(&self->begun);
    sem_destroy(&self->go_on);
    free(self);
}

const struct lucid_plugin notes_plugin = {
    .abi = LUCID_PLUGIN_ABI,
    .name = "notes",
    .version = "1",
    .summary = "keeps notes",
    .kinds = kinds,
    .routes = routes,
    .codes = codes,
    .open = notes_open,
    .close = notes_close,
};

/* Routes of plugins: who is let in, what a handler is given, what becomes of its answers and of its
 * mistakes, commands, and clients that go away. With a store on disk and real workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "api_harness.h"
#include "api_plugin_notes.h"
#include "base/assert.h"
#include "http/api/plugins_internal.h"
#include "ledger/token.h"
#include "lucidd/workers.h"
#include "tests/unit/store/store_lmdb_dir.h"

enum { WORKERS = 2 };

struct world {
    struct harness h; /* first member */
    struct plugin plugin;
    struct plugin *plugins[1];
    struct workers *workers;
    struct test_dir dir;
    char auditor[128];
    char attester[128];
};

static struct world world;

static enum lucid_error give(void *context, struct api_work *work, bool begun)
{
    return workers_give(((struct world *)context)->workers, work, begun);
}

static void work_stop(void *context)
{
    struct world *self = context;
    assert_true(workers_stop(self->workers, 60000));
    workers_close(self->workers); /* its views end before the ledger */
    self->workers = NULL;
}

static void plugin_make(struct plugin *plugin, const struct lucid_plugin *module)
{
    *plugin = (struct plugin){.module = module};
    plugin_host_init(plugin, &plugin->host);
}

static void world_open(bool public_reads, uint64_t requests)
{
    struct harness_setup setup = {.public_reads = public_reads,
                                  .plugins = world.plugins,
                                  .plugin_count = 1,
                                  .work = give,
                                  .work_stop = work_stop,
                                  .work_context = &world,
                                  .rate_limit_requests = requests};
    memset(&world, 0, sizeof(world));
    test_dir_new(&world.dir);
    setup.store = test_dir_create(&world.dir, 1 << 26);
    plugin_make(&world.plugin, &notes_plugin);
    world.plugins[0] = &world.plugin;
    harness_open_with(&world.h, &setup);
    assert_int_equal(workers_open(world.h.ledger, WORKERS, &world.workers), LUCID_OK);
    workers_start(world.workers);
    harness_token(&world.h, TOKEN_AUDIT, world.auditor);
    harness_token(&world.h, TOKEN_ATTEST, world.attester);
}

static void world_close(void)
{
    struct notes_self *self = world.plugin.self;
    for (unsigned i = 0; self != NULL && i < 64; i++) {
        sem_post(&self->go_on); /* a test that failed leaves no handler waiting for ever */
    }
    harness_close(&world.h);
    plugin_close(&world.plugin);
    plugin_kinds_free(&world.plugin);
    test_dir_drop(&world.dir);
}

static int open_world(void **state)
{
    world_open(false, 0);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close();
    return 0;
}

static struct notes_self *notes(void)
{
    return world.plugin.self;
}

/* --- asking ----------------------------------------------------------------------------------- */

static json_t *ask(const char *method, const char *target, const char *token, const char *headers,
                   const char *body, int status)
{
    char all[512];
    (void)snprintf(all, sizeof(all), "%s%s", token == NULL ? "" : harness_bearer(token), headers);
    return harness_json(&world.h, method, target, all, body, status);
}

static void refused(const char *method, const char *target, const char *token, int status,
                    const char *code, const char *param)
{
    json_t *json = ask(method, target, token, "", NULL, status);
    assert_string_equal(json_string_value(json_object_get(json, "code")), code);
    if (param != NULL) {
        assert_string_equal(json_string_value(json_object_get(json, "param")), param);
    }
    json_decref(json);
}

static const char *text_in(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_handler_is_given_all(void **state)
{
    (void)state;
    json_t *json = ask("POST", "/v1/notes/a%2Fb?x=1&q=u+v%21&q=2", world.auditor,
                       "X-NOTE: n\r\nX-Request-Id: mine\r\n", "body", 200);
    assert_string_equal(text_in(json, "method"), "POST");
    assert_string_equal(text_in(json, "id"), "a/b");
    assert_true(json_is_null(json_object_get(json, "none")));
    assert_string_equal(text_in(json, "q"), "u v!");
    assert_string_equal(text_in(json, "note"), "n");
    assert_string_equal(text_in(json, "body"), "body");
    assert_string_equal(text_in(json, "request"), "mine");
    assert_true(json_is_null(json_object_get(json, "authorization")));
    assert_int_equal(strlen(text_in(json, "token")), TOKEN_ID_BYTES);
    assert_int_equal(json_integer_value(json_object_get(json, "scopes")), TOKEN_AUDIT);
    assert_int_equal(json_integer_value(json_object_get(json, "now")), HARNESS_NOW_MS);
    assert_true(json_is_true(json_object_get(json, "view")));
    json_decref(json);
    json = ask("GET", "/v1/notes/x", NULL, "", NULL, 200);
    assert_true(json_is_null(json_object_get(json, "q")));
    assert_string_equal(text_in(json, "token"), "");
    assert_int_equal(json_integer_value(json_object_get(json, "scopes")), 0);
    json_decref(json);
    json = ask("PUT", "/v1/notes-attest/a/b/c", world.h.admin, "", "", 200);
    assert_string_equal(text_in(json, "id"), "a/b/c");
    assert_int_equal(json_integer_value(json_object_get(json, "scopes")), 0x73);
    json_decref(json);
}

static void scopes_let_in(void **state)
{
    (void)state;
    refused("GET", "/v1/notes-read/x", NULL, 401, "UNAUTHORIZED", NULL);
    refused("GET", "/v1/notes-read/x", "lucid_00", 401, "UNAUTHORIZED", NULL);
    refused("GET", "/v1/notes-read/x", world.attester, 403, "FORBIDDEN", NULL);
    refused("PUT", "/v1/notes-attest/x", world.auditor, 403, "FORBIDDEN", NULL);
    json_decref(ask("GET", "/v1/notes-read/x", world.h.reader, "", NULL, 200));
    json_decref(ask("GET", "/v1/notes-read/x", world.auditor, "", NULL, 200));
    json_decref(ask("GET", "/v1/notes-read/x", world.h.admin, "", NULL, 200));
    json_decref(ask("PUT", "/v1/notes-attest/x", world.attester, "", "", 200));
    /* On an open route a token only says who asks. */
    json_decref(ask("GET", "/v1/notes/x", "lucid_00", "", NULL, 200));
}

static void the_service_keeps_the_rest(void **state)
{
    struct answer answer;
    (void)state;
    refused("DELETE", "/v1/notes/x", NULL, 405, "METHOD_NOT_ALLOWED", NULL);
    refused("GET", "/v1/notes-none", NULL, 404, "NOT_FOUND", NULL);
    char body[65 + 1];
    memset(body, 'x', 65);
    body[65] = '\0';
    json_decref(ask("POST", "/v1/notes/x", NULL, "", body, 413));
    json_decref(ask("POST", "/v1/notes/x", NULL, "Content-Encoding: gzip\r\n", "x", 415));
    harness_ask(&world.h, "HEAD", "/v1/notes/x", "", lucid_span(NULL, 0), &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.len, 0);
    assert_true(answer_has(&answer, "x-note", "kept"));
    assert_true(answer_has(&answer, "cache-control", "no-cache"));
    assert_true(answer_has(&answer, "access-control-allow-origin", "*"));
    answer_free(&answer);
    harness_ask(&world.h, "OPTIONS", "/v1/notes/x", "", lucid_span(NULL, 0), &answer);
    assert_int_equal(answer.status, 204);
    assert_true(answer_has(&answer, "access-control-allow-methods", "GET, HEAD, POST"));
    answer_free(&answer);
    harness_ask(&world.h, "GET", "/v1/notes-read/x", harness_bearer(world.auditor),
                lucid_span(NULL, 0), &answer);
    assert_false(answer_has(&answer, "access-control-allow-origin", "*"));
    answer_free(&answer);
    refused("OPTIONS", "/v1/notes-read/x", NULL, 405, "METHOD_NOT_ALLOWED", NULL);
}

static void tags(void **state)
{
    char tag[80];
    char given[128];
    struct answer answer;
    (void)state;
    static const struct {
        const char *target;
        const char *token;
        const char *control;
    } rows[] = {
        {"/v1/notes/tagged", NULL, "no-cache"},
        {"/v1/notes/tagged?age=60", NULL, "public, max-age=60"},
        {"/v1/notes/tagged?age=ever", NULL, "public, max-age=31536000, immutable"},
        {"/v1/notes-tagged?age=ever", world.h.reader, "private, max-age=31536000, immutable"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *bearer = rows[i].token == NULL ? "" : harness_bearer(rows[i].token);
        harness_ask(&world.h, "GET", rows[i].target, bearer, lucid_span(NULL, 0), &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal((const char *)answer.body.data, "the same for all");
        assert_true(answer_has(&answer, "cache-control", rows[i].control));
        assert_true(answer_header(&answer, "etag", tag, sizeof(tag)));
        answer_free(&answer);
    }
    (void)snprintf(given, sizeof(given), "If-None-Match: %s\r\n", tag);
    harness_ask(&world.h, "GET", "/v1/notes/tagged", given, lucid_span(NULL, 0), &answer);
    assert_int_equal(answer.status, 304);
    assert_int_equal(answer.body.len, 0);
    answer_free(&answer);
}

static void refusals_are_answered(void **state)
{
    (void)state;
    static const struct {
        const char *how;
        int status;
        const char *code;
        const char *param;
    } rows[] = {
        {"code", 409, "NOTE_REFUSED", "note.text"}, {"status", 451, "NOTE_REFUSED", NULL},
        {"ours", 400, "INVALID_PARAMETER", "q"},    {"problem", 409, "NOTE_REFUSED", "a.b"},
        {"absent", 404, "NOT_FOUND", NULL},         {"erased", 410, "ERASED", NULL},
        {"busy", 503, "OVERLOADED", NULL},          {"corrupt", 500, "CORRUPT", NULL},
        {"cut", 409, "NOTE_REFUSED", "a??"},        {"texts", 503, "OVERLOADED", NULL},
    };
    uint64_t before = world.plugin.refusals;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char target[64];
        (void)snprintf(target, sizeof(target), "/v1/notes-fail/%s", rows[i].how);
        refused("GET", target, NULL, rows[i].status, rows[i].code, rows[i].param);
    }
    assert_int_equal(world.plugin.refusals - before, 5);
}

/* Whatever a handler does wrong is a 500 of one request. */
static void mistakes_are_ours(void **state)
{
    (void)state;
    static const char *const hows[] = {
        "silent",      "result",         "undeclared",  "no-code", "status-of-success",
        "command",     "header-split",   "header-name", "type",    "header-length",
        "header-null", "header-payment", "header-many", "status",  "body",
        "twice",       "both",           "control",
    };
    enum { COUNT = sizeof(hows) / sizeof(hows[0]) };
    uint64_t before = world.h.api->metrics.plugin_faults[0];
    for (size_t i = 0; i < COUNT; i++) {
        char target[64];
        (void)snprintf(target, sizeof(target), "/v1/notes-wrong/%s", hows[i]);
        refused("GET", target, NULL, 500, "PLUGIN_FAULT", NULL);
    }
    assert_int_equal(world.h.api->metrics.plugin_faults[0] - before, COUNT);
    struct answer answer;
    harness_ask(&world.h, "GET", "/metrics", "", lucid_span(NULL, 0), &answer);
    assert_non_null(strstr((const char *)answer.body.data,
                           "\nlucid_plugin_faults_total{plugin=\"notes\"} 18\n"));
    answer_free(&answer);
    json_decref(ask("GET", "/v1/notes-wrong/nothing", NULL, "", NULL, 200));
}

static void memory_is_bounded_and_given_back(void **state)
{
    (void)state;
    json_t *json = ask("GET", "/v1/notes-hungry", NULL, "", NULL, 200);
    json_int_t taken = json_integer_value(json_object_get(json, "mebibytes"));
    assert_in_range(taken, 12, 16);
    json_decref(json);
    for (unsigned i = 0; i < 40; i++) {
        json_decref(ask("GET", "/v1/notes-hungry", NULL, "", NULL, 200));
    }
    assert_int_equal(atomic_load(&world.h.api->metrics.plugin_bytes), 0);
}

static void commands_are_logged(void **state)
{
    (void)state;
    unsigned before = atomic_load(&notes()->answered);
    json_t *json = ask("POST", "/v1/notes", NULL, "", "first", 201);
    assert_true(json_is_false(json_object_get(json, "known")));
    assert_true(json_is_true(json_object_get(json, "stored")));
    json_decref(json);
    json = ask("POST", "/v1/notes", NULL, "", "first", 200);
    assert_true(json_is_true(json_object_get(json, "known")));
    json_decref(json);
    struct answer answer;
    harness_ask(&world.h, "POST", "/v1/notes", "", lucid_span_str("second"), &answer);
    assert_int_equal(answer.status, 201);
    assert_true(answer_has(&answer, "x-note", "second"));
    answer_free(&answer);
    assert_int_equal(atomic_load(&notes()->answered) - before, 3);
    json = ask("POST", "/v1/notes", NULL, "", "mute", 500);
    json_decref(json);
    json_decref(ask("POST", "/v1/notes", NULL, "", "mute", 500));
}

/* A blob goes for good, by its hash; the same bytes sent again are stored again. */
static void blobs_are_erased(void **state)
{
    (void)state;
    char target[100] = "/v1/blobs/";
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(lucid_span_str("to erase"), hash);
    lucid_hex_encode(hash, sizeof(hash), target + 10);
    json_decref(ask("DELETE", target, world.h.admin, "", "", 404));
    json_decref(ask("POST", "/v1/notes", NULL, "", "to erase", 201));
    json_decref(ask("DELETE", target, NULL, "", "", 401));
    json_decref(ask("DELETE", target, world.auditor, "", "", 403));
    json_decref(ask("DELETE", target, world.h.admin, "", "{\"reason\":7}", 400));
    json_decref(ask("DELETE", "/v1/blobs/none", world.h.admin, "", "", 404));
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned again = 0; again < 2; again++) {
            json_t *json = ask("DELETE", target, world.h.admin, "", "{\"reason\":\"asked\"}", 200);
            assert_string_equal(text_in(json, "sha256"), target + 10);
            assert_true(json_is_true(json_object_get(json, "erased")));
            assert_int_equal(json_is_true(json_object_get(json, "replayed")), again == 1);
            json_decref(json);
        }
        json_t *json = ask("POST", "/v1/notes", NULL, "", "to erase", 200);
        assert_true(json_is_true(json_object_get(json, "stored")));
        json_decref(json);
    }
}

static void the_writers_refusals_are_answered(void **state)
{
    (void)state;
    json_t *json = ask("POST", "/v1/notes", NULL, "", "no way", 418);
    assert_string_equal(text_in(json, "code"), "NOTE_REFUSED");
    assert_string_equal(text_in(json, "param"), "body");
    assert_string_equal(text_in(json, "detail"), "the writer has refused it");
    json_decref(json);
    json_decref(ask("POST", "/v1/notes", NULL, "", "", 409));
    static const char *const odd[] = {"odd code", "odd status"};
    uint64_t faults = world.h.api->metrics.plugin_faults[0];
    for (size_t i = 0; i < 2; i++) { /* as of handle */
        json = ask("POST", "/v1/notes", NULL, "", odd[i], 500);
        assert_string_equal(text_in(json, "code"), "PLUGIN_FAULT");
        json_decref(json);
    }
    assert_int_equal(world.h.api->metrics.plugin_faults[0] - faults, 2);
    world.h.refuse_all = LUCID_RETRY_BUSY;
    json_decref(ask("POST", "/v1/notes", NULL, "", "third", 503));
    world.h.refuse_all = LUCID_RETRY_FULL;
    json_decref(ask("POST", "/v1/notes", NULL, "", "third", 507));
    world.h.refuse_all = LUCID_FATAL_STORE;
    json_decref(ask("POST", "/v1/notes", NULL, "", "third", 503));
    world.h.refuse_all = LUCID_OK;
    atomic_store(&world.plugin.suspended, true);
    json_decref(ask("POST", "/v1/notes", NULL, "", "third", 503));
    atomic_store(&world.plugin.suspended, false);
    json_decref(ask("POST", "/v1/notes", NULL, "", "third", 201));
}

static const char slow_request[] = "POST /v1/notes-slow HTTP/1.1\r\nHost: x\r\n"
                                   "Content-Length: 0\r\n\r\n";

struct count {
    size_t calls;
    size_t gone;
};

static void calls_count(struct harness *h, void *context)
{
    const struct api_loop *loop = http_loop_user(h->loop);
    struct count *count = context;
    *count = (struct count){0};
    for (struct lucid_plugin_call *call = loop->plugin_calls; call != NULL; call = call->next) {
        count->calls++;
        count->gone += call->request == NULL;
    }
}

/* Waits until so many calls are under way, of which so many have no client any more. */
static void expect_under_way(size_t calls, size_t gone)
{
    struct count count = {0};
    for (unsigned i = 0; i < 5000 && (count.calls != calls || count.gone != gone); i++) {
        harness_call(&world.h, calls_count, &count);
        usleep(1000);
    }
    assert_int_equal(count.calls, calls);
    assert_int_equal(count.gone, gone);
}

/* With a reset: who only stops sending may still read. */
static void client_reset(int fd)
{
    const struct linger now = {.l_onoff = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(fd);
}

/* A client that goes away takes nothing with it: what runs, runs on; what waits is not begun. */
static void clients_go_away(void **state)
{
    (void)state;
    enum { CLIENTS = 8 };
    unsigned before = atomic_load(&notes()->slow_calls);
    int fds[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        fds[i] = harness_connect(&world.h);
        harness_send(fds[i], slow_request, strlen(slow_request));
        if (i < WORKERS) {
            while (sem_wait(&notes()->begun) != 0) {
            }
        }
    }
    expect_under_way(CLIENTS, 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        client_reset(fds[i]);
    }
    expect_under_way(CLIENTS, CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++) {
        sem_post(&notes()->go_on);
    }
    json_decref(ask("POST", "/v1/notes-slow", NULL, "", "", 200));
    /* The one that asks now, and those that had begun. */
    assert_int_equal(atomic_load(&notes()->slow_calls) - before, WORKERS + 1);
    while (sem_trywait(&notes()->begun) == 0) {
    }
    while (sem_trywait(&notes()->go_on) == 0) {
    }
}

/* A stop that waits for nobody: the client is cut, the handler that runs may end, nothing is left.
 */
static void a_stop_cuts_what_runs(void **state)
{
    (void)state;
    world_close();
    world_open(false, 0);
    int fds[4];
    for (size_t i = 0; i < 4; i++) {
        fds[i] = harness_connect(&world.h);
        harness_send(fds[i], slow_request, strlen(slow_request));
    }
    for (size_t i = 0; i < WORKERS; i++) {
        while (sem_wait(&notes()->begun) != 0) {
        }
    }
    expect_under_way(4, 0);
    for (size_t i = 0; i < 4; i++) {
        sem_post(&notes()->go_on);
    }
    world.h.grace_ms = 0;
    world_close();
    for (size_t i = 0; i < 4; i++) {
        close(fds[i]);
    }
    world_open(false, 0);
}

static void public_reads_open(void **state)
{
    (void)state;
    world_close();
    world_open(true, 4);
    json_t *json = ask("GET", "/v1/notes-read/x", NULL, "", NULL, 200);
    assert_int_equal(json_integer_value(json_object_get(json, "scopes")), TOKEN_READ);
    json_decref(json);
    refused("PUT", "/v1/notes-attest/x", NULL, 401, "UNAUTHORIZED", NULL);
    struct answer answer;
    harness_ask(&world.h, "GET", "/v1/notes-read/x", "", lucid_span(NULL, 0), &answer);
    assert_true(answer_has(&answer, "access-control-allow-origin", "*"));
    assert_true(answer_has(&answer, "ratelimit", "\"requests\";r=1"));
    answer_free(&answer);
    json_decref(ask("GET", "/v1/notes/x", NULL, "", NULL, 200));
    refused("GET", "/v1/notes/x", NULL, 429, "QUOTA_EXCEEDED", NULL);
    world_close();
    world_open(false, 0);
}

/* --- starts that are refused ------------------------------------------------------------------ */

static enum lucid_error start(const struct lucid_plugin *module, const struct lucid_plugin *second,
                              struct lucid_why *why)
{
    struct plugin made[2];
    struct plugin *plugins[2] = {&made[0], &made[1]};
    struct api_options options = world.h.api->options;
    struct api *api = NULL;
    plugin_make(&made[0], module);
    options.plugins = plugins;
    options.plugin_count = 1;
    if (second != NULL) {
        plugin_make(&made[1], second);
        options.plugin_count = 2;
    }
    enum lucid_error error = api_open(&options, &api, why);
    if (error == LUCID_OK) {
        api_close(api);
    }
    return error;
}

static enum lucid_plugin_result never(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_why *why)
{
    (void)self;
    (void)call;
    (void)why;
    return LUCID_PLUGIN_ABSENT;
}

static void routes_meet_nobodys(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *pattern;
        const char *whose; /* NULL: it is fine */
    } rows[] = {
        {"GET", "/v1/receipts/{x}", "the service"},
        {"GET", "/v1/receipts/all", "the service"}, /* it would take an id from us */
        {"GET", "/tile/x/y", "the service"},
        {"GET", "/{all*}", "the service"},
        {"GET", "/v1/{any*}", "the service"},
        {"GET", "/v1/epochs/current/{x}", "the service"},
        {"GET", "/v1/epochs/{x}/mine", NULL},
        {"PUT", "/v1/receipts/{x}", NULL},
        {"GET", "/v1/notes/mine", "notes"},
        {"GET", "/v1/notes/{x}", "notes"},
        {"GET", "/v1/notes/{x}/{y}", NULL},
        {"DELETE", "/v1/notes/{x}", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct lucid_plugin_route routes[] = {
            {.method = rows[i].method, .pattern = rows[i].pattern, .handle = never},
            {.method = NULL}};
        const struct lucid_plugin other = {.abi = LUCID_PLUGIN_ABI,
                                           .name = "other",
                                           .version = "1",
                                           .summary = "some",
                                           .routes = routes};
        struct lucid_why why = {0};
        enum lucid_error error = start(&notes_plugin, &other, &why);
        if (rows[i].whose == NULL) {
            assert_int_equal(error, LUCID_OK);
            continue;
        }
        assert_int_equal(error, LUCID_REFUSE_CONFLICT);
        assert_string_equal(why.code, "PLUGIN_CONFLICT");
        assert_non_null(strstr(why.text, "plugin other"));
        assert_non_null(strstr(why.text, rows[i].pattern));
        assert_non_null(strstr(why.text, rows[i].whose));
    }
}

/* One code, one status, whoever says it. */
static void codes_have_one_status(void **state)
{
    (void)state;
    static const struct {
        struct lucid_plugin_code code;
        const char *whose; /* NULL: it is fine */
    } rows[] = {
        {{"OTHER_REFUSED", 422}, NULL},
        {{"NOTE_REFUSED", 409}, NULL},
        {{"NOTE_REFUSED", 422}, "with notes it has another"},
        {{"NOT_FOUND", 404}, NULL},
        {{"NOT_FOUND", 500}, "with the service it has another"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct lucid_plugin_code codes[] = {rows[i].code, {.code = NULL}};
        const struct lucid_plugin other = {.abi = LUCID_PLUGIN_ABI,
                                           .name = "other",
                                           .version = "1",
                                           .summary = "some",
                                           .codes = codes};
        struct lucid_why why = {0};
        enum lucid_error error = start(&notes_plugin, &other, &why);
        assert_int_equal(error, rows[i].whose == NULL ? LUCID_OK : LUCID_REFUSE_CONFLICT);
        if (rows[i].whose != NULL) {
            assert_string_equal(why.code, "PLUGIN_CONFLICT");
            assert_non_null(strstr(why.text, "the plugin other"));
            assert_non_null(strstr(why.text, rows[i].whose));
        }
    }
}

static void documents_say_what_is_served(void **state)
{
    (void)state;
    static const struct lucid_plugin_route routes[] = {
        {.method = "GET", .pattern = "/v1/x/{rest*}", .handle = never},
        {.method = "PUT", .pattern = "/v1/x", .handle = never},
        {.method = NULL}};
    static const struct {
        const char *document;
        const char *text; /* NULL: it is fine */
    } rows[] = {
        {"{\"paths\":{\"/v1/x/{rest}\":{\"parameters\":[],\"get\":{}},\"/v1/x\":{\"put\":{}}}}",
         NULL},
        {"{\"paths\":{\"/v1/x/{rest}\":{\"get\":{}}}}", "leaves out"},
        {"{\"paths\":{\"/v1/x\":{\"put\":{},\"get\":{}}}}", "no route of it: /v1/x"},
        {"{\"paths\":{\"/v1/receipts\":{\"post\":{}}}}", "no route of it: /v1/receipts"},
        {"{\"paths\":{\"/v1/receipts\":{\"parameters\":[]}}}", "no route of it: /v1/receipts"},
        {"{\"paths\":{\"/v1/x\":[]}}", "no route of it: /v1/x"},
        {"{\"openapi\":\"3.0.3\"}", "may not have openapi"},
        {"{", "is no JSON"},
        {"[]", "is no JSON"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct lucid_plugin other = {.abi = LUCID_PLUGIN_ABI,
                                           .name = "other",
                                           .version = "1",
                                           .summary = "some",
                                           .routes = routes,
                                           .openapi = rows[i].document};
        struct lucid_why why = {0};
        enum lucid_error error = start(&other, NULL, &why);
        if (rows[i].text == NULL) {
            assert_int_equal(error, LUCID_OK);
            continue;
        }
        assert_int_equal(error, LUCID_REFUSE_INVALID);
        assert_non_null(strstr(why.text, "the plugin other"));
        assert_non_null(strstr(why.text, rows[i].text));
    }
}

/* One that brings no document has its routes in ours all the same. */
static void routes_are_described(void **state)
{
    (void)state;
    json_t *document = ask("GET", "/openapi.json", NULL, "", NULL, 200);
    const json_t *paths = json_object_get(document, "paths");
    const json_t *notes = json_object_get(paths, "/v1/notes/{id}");
    assert_int_equal(json_object_size(notes), 2);
    assert_non_null(json_object_get(notes, "get"));
    assert_non_null(json_object_get(notes, "post"));
    const json_t *put = json_object_get(json_object_get(paths, "/v1/notes-attest/{id}"), "put");
    assert_string_equal(text_in(json_array_get(json_object_get(put, "parameters"), 0), "name"),
                        "id");
    json_t *security = json_loads("[{\"bearer\":[\"admin\"]},{\"bearer\":[\"attest\"]}]", 0, NULL);
    assert_true(json_equal(json_object_get(put, "security"), security));
    json_decref(security);
    assert_non_null(json_object_get(paths, "/v1/receipts"));
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_is_given_all),
        cmocka_unit_test(scopes_let_in),
        cmocka_unit_test(the_service_keeps_the_rest),
        cmocka_unit_test(tags),
        cmocka_unit_test(refusals_are_answered),
        cmocka_unit_test(mistakes_are_ours),
        cmocka_unit_test(memory_is_bounded_and_given_back),
        cmocka_unit_test(commands_are_logged),
        cmocka_unit_test(blobs_are_erased),
        cmocka_unit_test(the_writers_refusals_are_answered),
        cmocka_unit_test(clients_go_away),
        cmocka_unit_test(a_stop_cuts_what_runs),
        cmocka_unit_test(public_reads_open),
        cmocka_unit_test(routes_meet_nobodys),
        cmocka_unit_test(codes_have_one_status),
        cmocka_unit_test(documents_say_what_is_served),
        cmocka_unit_test(routes_are_described),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}

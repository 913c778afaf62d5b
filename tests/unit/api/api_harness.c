#include "api_harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/assert.h"
#include "gas/revenue.h"
#include "http/server_internal.h"
#include "ledger/blob.h"
#include "ledger/erasure.h"
#include "ledger/log.h"
#include "ledger/receipt.h"
#include "ledger/signer.h"
#include "ledger/store/memory.h"
#include "ledger/token.h"
#include "ledger/witness.h"
#include "migrations/migrations.h"
#include "plugins/host/record.h"

/* --- the writer ------------------------------------------------------------------------------- */

static void run_batch(struct harness *h, struct api_job *first)
{
    lucid_assert(ledger_batch_begin(h->ledger, h->now_ms) == LUCID_OK);
    for (struct api_job *job = first; job != NULL; job = job->next) {
        lucid_assert(ledger_batch_run(h->ledger, job->command) == LUCID_OK);
    }
    lucid_assert(ledger_batch_commit(h->ledger) == LUCID_OK);
    h->batches++;
    if (h->api != NULL) {
        api_published(h->api);
    }
}

static void job_done(struct http_post *post)
{
    struct api_job *job = (struct api_job *)post; /* first member */
    job->done(job);
}

static void writer_run(struct http_post *post)
{
    struct harness *h = (struct harness *)post; /* first member */
    struct api_job *first = h->queue_first;
    h->writer_posted = false;
    h->queue_first = NULL;
    h->queue_last = NULL;
    h->queue_length = 0;
    run_batch(h, first);
    while (first != NULL) {
        struct api_job *next = first->next;
        first->post = (struct http_post){.run = job_done};
        http_loop_post(first->loop, &first->post);
        first = next;
    }
}

static enum lucid_error submit(void *context, struct api_job *first, size_t count)
{
    struct harness *h = context;
    if (h->refuse_all != LUCID_OK) {
        h->busy_answers += h->refuse_all == LUCID_RETRY_BUSY;
        return h->refuse_all;
    }
    if (h->queue_length + count > HARNESS_QUEUE_MAX) {
        h->busy_answers++;
        return LUCID_RETRY_BUSY;
    }
    struct api_job *last = first;
    size_t counted = 1;
    for (; last->next != NULL; last = last->next) {
        counted++;
    }
    lucid_assert(counted == count);
    if (h->queue_last == NULL) {
        h->queue_first = first;
    } else {
        h->queue_last->next = first;
    }
    h->queue_last = last;
    h->queue_length += count;
    if (!h->writer_posted) {
        h->writer_posted = true;
        h->writer.run = writer_run;
        http_loop_defer(h->loop, &h->writer);
    }
    return LUCID_OK;
}

static void health(void *context, struct api_health *ret)
{
    *ret = ((struct harness *)context)->health;
}

/* --- opening ---------------------------------------------------------------------------------- */

static void run_one(struct harness *h, struct ledger_command *command)
{
    struct api_job job = {.command = command};
    run_batch(h, &job);
    lucid_assert(command->error == LUCID_OK);
}

static void log_init(struct harness *h)
{
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {7};
    lucid_assert(ledger_skey_init(lucid_span_str(HARNESS_ORIGIN), seed, &h->log_key, NULL) ==
                 LUCID_OK);
    struct ledger_identity identity = {.origin = HARNESS_ORIGIN, .test = true};
    size_t len = ledger_vkey_format(&h->log_key.vkey, identity.vkey);
    identity.vkey[len] = '\0';
    memcpy(identity.log_key, h->log_key.key.public_key, 32);
    memcpy(identity.service_key, h->service_key.public_key, 32);
    struct ledger_log_init_command init = {0};
    lucid_assert(ledger_log_init_prepare(&init, &identity, NULL) == LUCID_OK);
    run_one(h, &init.command);
    ledger_log_init_fini(&init);
}

static void signer_do(struct harness *h, enum signer_verb verb, const uint8_t key[32])
{
    struct ledger_signer_command command = {0};
    struct ledger_signer signer = {.type = SIGNER_ORCHESTRATOR, .name = "signer"};
    memcpy(signer.key, key, sizeof(signer.key));
    lucid_assert(ledger_signer_prepare(&command, verb, &signer, NULL) == LUCID_OK);
    run_one(h, &command.command);
    ledger_signer_command_fini(&command);
}

static void token_do(struct harness *h, uint32_t scopes, char *ret_text)
{
    struct ledger_token_command command = {0};
    struct ledger_token token = {.name = "test", .scopes = scopes};
    ledger_token_generate(ret_text);
    lucid_assert(ledger_token_prepare(&command, TOKEN_CREATE, &token, ret_text, NULL) == LUCID_OK);
    run_one(h, &command.command);
    ledger_token_command_fini(&command);
}

static void key_make(uint8_t first, struct ledger_ed25519_key *ret)
{
    uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {first, 1};
    ledger_ed25519_key_init(seed, ret);
}

/* Their kinds come after all others. */
static void plugins_use(struct harness *h, const struct harness_setup *setup)
{
    h->use_count = HARNESS_KINDS;
    for (size_t i = 0; i < setup->plugin_count; i++) {
        lucid_assert(plugin_kinds_use(setup->plugins[i], h->uses,
                                      sizeof(h->uses) / sizeof(h->uses[0]), &h->use_count,
                                      NULL) == LUCID_OK);
        lucid_assert(plugin_tables_create(setup->plugins[i], h->store) == LUCID_OK);
    }
}

static void plugins_open(struct harness *h, const struct harness_setup *setup)
{
    const struct ledger_identity *identity;
    lucid_assert(ledger_identity(h->ledger, &identity));
    for (size_t i = 0; i < setup->plugin_count; i++) {
        lucid_assert(plugin_open(setup->plugins[i], identity, "0.0-test", &h->service_key, NULL) ==
                     LUCID_OK);
    }
}

static void ledger_make(struct harness *h, const struct harness_setup *setup)
{
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {7};
    key_make(8, &h->service_key);
    h->epoch = (struct ledger_epoch_config){.receipts_max = 100, .seconds_max = 3600};
    h->head = (struct ledger_head_config){.key = &h->log_key, .interval_ms_max = 1000};
    h->books.mode = GAS_POSTPAID;
    h->settlement.key = &h->service_key;
    const struct ledger_use uses[HARNESS_KINDS] = {
        {&ledger_log_kind, NULL},
        {&ledger_signer_kind, NULL},
        {&ledger_token_kind, NULL},
        {&ledger_receipt_kind, NULL},
        {&ledger_epoch_kind, &h->epoch},
        {&ledger_head_kind, &h->head},
        {&ledger_erasure_kind, NULL},
        {&ledger_blob_kind, NULL},
        {&ledger_witness_kind, &h->witness},
        {&gas_books_kind, &h->books},
        {&gas_pricing_kind, NULL},
        {&gas_revenue_kind, &h->revenue},
        {&x402_payment_kind, &h->payment},
        {&x402_facilitation_kind, NULL},
        {&gas_settlement_kind, &h->settlement},
        {&x402_outflow_kind, NULL},
        {&x402_payee_kind, NULL},
        {&x402_treasury_run_kind, &h->treasury},
        {&x402_grant_kind, NULL},
        {&plugin_record_kind, NULL},
    };
    h->payment.revenue = &h->revenue;
    memcpy(h->uses, uses, sizeof(uses));
    lucid_assert(ledger_skey_init(lucid_span_str(HARNESS_ORIGIN), seed, &h->log_key, NULL) ==
                 LUCID_OK);
    uint32_t applied;
    h->store = setup->store;
    lucid_assert(h->store != NULL || store_memory_open(&h->store) == LUCID_OK);
    lucid_assert(migrations_run(h->store, &applied, NULL) == LUCID_OK);
    plugins_use(h, setup);
    const struct ledger_options options = {
        .uses = h->uses, .use_count = h->use_count, .leaves_max = 1 << 20};
    enum lucid_error error = ledger_open(h->store, &options, &h->ledger, NULL);
    lucid_assert(error == LUCID_OK || error == LUCID_NOTE_ABSENT);
    log_init(h);
    key_make(1, &h->known);
    key_make(2, &h->revoked);
    key_make(3, &h->stranger);
    signer_do(h, SIGNER_REGISTER, h->known.public_key);
    signer_do(h, SIGNER_REGISTER, h->revoked.public_key);
    signer_do(h, SIGNER_REVOKE, h->revoked.public_key);
    token_do(h, TOKEN_ADMIN, h->admin);
    token_do(h, TOKEN_READ, h->reader);
    plugins_open(h, setup);
}

static void *loop_thread(void *context)
{
    struct harness *h = context;
    http_loop_run(h->loop);
    return NULL;
}

void harness_open(struct harness *h, bool public_reads)
{
    const struct harness_setup setup = {.public_reads = public_reads};
    harness_open_with(h, &setup);
}

void harness_open_with(struct harness *h, const struct harness_setup *setup)
{
    *h = (struct harness){.now_ms = HARNESS_NOW_MS, .setup = *setup, .grace_ms = 1000};
    h->health = (struct api_health){.queue_max = HARNESS_QUEUE_MAX, .disk_free_bytes = 1 << 30};
    ledger_make(h, setup);
    struct api_options options = {
        .ledger = h->ledger,
        .clock = lucid_clock_manual(&h->now_ms),
        .service_key = &h->service_key,
        .version = "0.0-test",
        .public_reads = setup->public_reads,
        .epoch_receipts_max = 100,
        .epoch_seconds_max = 3600,
        .head_interval_ms = 1000,
        .receipt_future_seconds_max = 300,
        .streams_max = HARNESS_STREAMS_MAX,
        .stream_heartbeat_ms = 250,
        .plugins = setup->plugins,
        .plugin_count = setup->plugin_count,
        .work = setup->work,
        .work_context = setup->work_context,
        .rate_limit_requests = setup->rate_limit_requests,
        .rate_limit_window_seconds = 60,
        .rate_limit_clients_max = 64,
        .submit = submit,
        .health = health,
        .context = h,
    };
    lucid_assert(api_open(&options, &h->api, NULL) == LUCID_OK);
    struct http_server_options server = {.host = "127.0.0.1", .clock = lucid_clock_system()};
    http_limits_default(&server.limits);
    server.limits.output_bytes_max = 64 * 1024; /* small, so that streams meet it */
    api_http_options(h->api, &server);
    lucid_assert(http_server_open(&server, &h->server, NULL) == LUCID_OK);
    api_set_server(h->api, h->server);
    /* Inherited by what is accepted: else the kernel takes 4 MiB for a client that does not read.
     */
    int kernel = 16 * 1024;
    lucid_assert(setsockopt(h->server->plain.fd, SOL_SOCKET, SO_SNDBUF, &kernel, sizeof(kernel)) ==
                 0);
    lucid_assert(http_loop_open(h->server, &h->loop) == LUCID_OK);
    lucid_assert(api_loop_open(h->api, h->loop) == LUCID_OK);
    lucid_assert(pthread_create(&h->thread, NULL, loop_thread, h) == 0);
}

void harness_close(struct harness *h)
{
    http_server_stop(h->server, h->grace_ms);
    lucid_assert(pthread_join(h->thread, NULL) == 0);
    if (h->setup.work_stop != NULL) {
        h->setup.work_stop(h->setup.work_context);
    }
    api_loop_close(h->api, h->loop);
    http_loop_close(h->loop);
    http_server_close(h->server);
    api_close(h->api);
    ledger_close(h->ledger);
    store_close(h->store);
    ledger_skey_wipe(&h->log_key);
}

/* --- on the loop's thread --------------------------------------------------------------------- */

struct call {
    struct http_post post; /* first member */
    struct harness *h;
    void (*fn)(struct harness *h, void *context);
    void *context;
    sem_t done;
};

static void call_run(struct http_post *post)
{
    struct call *call = (struct call *)post;
    call->fn(call->h, call->context);
    sem_post(&call->done);
}

void harness_call(struct harness *h, void (*fn)(struct harness *h, void *context), void *context)
{
    struct call call = {.post.run = call_run, .h = h, .fn = fn, .context = context};
    lucid_assert(sem_init(&call.done, 0, 0) == 0);
    http_loop_post(h->loop, &call.post);
    while (sem_wait(&call.done) != 0) {
    }
    sem_destroy(&call.done);
}

struct token_asked {
    uint32_t scopes;
    char *text;
};

static void token_now(struct harness *h, void *context)
{
    const struct token_asked *asked = context;
    token_do(h, asked->scopes, asked->text);
}

void harness_token(struct harness *h, uint32_t scopes, char ret_text[128])
{
    struct token_asked asked = {.scopes = scopes, .text = ret_text};
    harness_call(h, token_now, &asked);
}

static void head_now(struct harness *h, void *context)
{
    (void)context;
    h->now_ms += 2000;
    struct ledger_head_tick tick = {0};
    ledger_head_tick_init(&tick);
    struct api_job job = {.command = &tick.command};
    run_batch(h, &job);
}

void harness_head(struct harness *h)
{
    harness_call(h, head_now, NULL);
}

/* --- envelopes -------------------------------------------------------------------------------- */

void harness_line(const struct ledger_ed25519_key *key, const char *run_id, struct lucid_buf *out)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    char body[512];
    int len = snprintf(body, sizeof(body),
                       "{\"input_hash\":\"%s\",\"latency_ms\":12,\"output_hash\":\"%s\","
                       "\"receipt_type\":\"tool\",\"run_id\":\"%s\",\"schema_version\":\"1.0\","
                       "\"success\":true,\"timestamp\":1732190000,\"tool_passport_id\":\"t\"}",
                       zeros, zeros, run_id);
    lucid_assert(len > 0 && (size_t)len < sizeof(body));
    uint8_t hash[LUCID_SHA256_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    lucid_sha256(lucid_span_str(body), hash);
    ledger_ed25519_sign(key, lucid_span(hash, sizeof(hash)), signature);
    lucid_buf_char(out, '{');
    lucid_json_member(out, "body");
    lucid_buf_str(out, body);
    lucid_json_member_hex(out, "receipt_hash", hash, sizeof(hash));
    lucid_json_member_hex(out, "receipt_signature", signature, sizeof(signature));
    lucid_json_member_hex(out, "signer_pubkey", key->public_key, sizeof(key->public_key));
    lucid_buf_str(out, "}\n");
}

void harness_envelope(const struct ledger_ed25519_key *key, const char *run_id,
                      struct lucid_buf *out)
{
    lucid_buf_clear(out);
    harness_line(key, run_id, out);
    lucid_assert(lucid_buf_ok(out));
    out->len--;
}

/* --- the client ------------------------------------------------------------------------------- */

int harness_connect(const struct harness *h)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    lucid_assert(fd >= 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(http_server_port(h->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 20};
    lucid_assert(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    lucid_assert(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
    lucid_assert(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

void harness_send(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; /* the server may close on what it refuses; the answer tells */
        }
        at += sent;
        len -= (size_t)sent;
    }
}

/* Reads more into buf; false at the end. */
static bool read_more(int fd, struct lucid_buf *buf)
{
    char piece[16384];
    ssize_t got = recv(fd, piece, sizeof(piece), 0);
    if (got > 0) {
        lucid_buf_put(buf, piece, (size_t)got);
    }
    return got > 0;
}

/* The offset behind the next CR LF from at on, read as needed; 0 at the end of the stream. */
static size_t line_end(int fd, struct lucid_buf *raw, size_t at)
{
    for (;;) {
        const uint8_t *end =
            raw->len > at ? memmem(raw->data + at, raw->len - at, "\r\n", 2) : NULL;
        if (end != NULL) {
            return (size_t)(end - raw->data) + 2;
        }
        if (!read_more(fd, raw)) {
            return 0;
        }
    }
}

static bool take(int fd, struct lucid_buf *raw, size_t *at, size_t len, struct lucid_buf *out)
{
    while (raw->len - *at < len) {
        if (!read_more(fd, raw)) {
            return false;
        }
    }
    lucid_buf_put(out, raw->data + *at, len);
    *at += len;
    return true;
}

static bool read_chunks(int fd, struct lucid_buf *raw, size_t at, struct lucid_buf *out)
{
    struct lucid_buf crlf = {0};
    bool whole = false;
    for (;;) {
        size_t next = line_end(fd, raw, at);
        if (next == 0) {
            break;
        }
        size_t len = strtoul((const char *)raw->data + at, NULL, 16);
        at = next;
        if (!take(fd, raw, &at, len, out) || !take(fd, raw, &at, 2, &crlf)) {
            break;
        }
        if (len == 0) {
            whole = true;
            break;
        }
    }
    lucid_buf_fini(&crlf);
    return whole;
}

void harness_receive(int fd, struct answer *ret)
{
    *ret = (struct answer){0};
    struct lucid_buf raw = {0};
    size_t at = 0;
    for (size_t next = line_end(fd, &raw, 0); next != 0; next = line_end(fd, &raw, at)) {
        bool empty = next == at + 2;
        at = next;
        if (empty) {
            break;
        }
    }
    lucid_buf_put(&ret->head, raw.data, at);
    lucid_buf_char(&ret->head, '\0');
    if (at > 12) {
        ret->status = atoi((const char *)raw.data + 9);
    }
    char value[64];
    if (answer_header(ret, "transfer-encoding", value, sizeof(value))) {
        ret->whole = read_chunks(fd, &raw, at, &ret->body);
    } else if (answer_header(ret, "content-length", value, sizeof(value))) {
        ret->whole = take(fd, &raw, &at, strtoul(value, NULL, 10), &ret->body);
    } else {
        ret->whole = ret->status != 0;
    }
    lucid_buf_char(&ret->body, '\0');
    ret->body.len--;
    lucid_buf_fini(&raw);
}

bool answer_header(const struct answer *answer, const char *name, char *out, size_t out_max)
{
    size_t len = strlen(name);
    for (const char *at = (const char *)answer->head.data; at != NULL && *at != '\0';) {
        const char *end = strstr(at, "\r\n");
        if (end != NULL && strncasecmp(at, name, len) == 0 && at[len] == ':') {
            const char *value = at + len + 1;
            value += *value == ' ';
            snprintf(out, out_max, "%.*s", (int)(end - value), value);
            return true;
        }
        at = end == NULL ? NULL : end + 2;
    }
    return false;
}

bool answer_has(const struct answer *answer, const char *name, const char *value)
{
    char found[512];
    return answer_header(answer, name, found, sizeof(found)) &&
           strncmp(found, value, strlen(value)) == 0;
}

void answer_free(struct answer *answer)
{
    lucid_buf_fini(&answer->head);
    lucid_buf_fini(&answer->body);
}

void harness_ask(const struct harness *h, const char *method, const char *target,
                 const char *headers, struct lucid_span body, struct answer *ret)
{
    struct lucid_buf out = {0};
    lucid_buf_printf(&out, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method,
                     target, headers);
    if (body.data != NULL) {
        lucid_buf_printf(&out, "Content-Length: %zu\r\n", body.len);
    }
    lucid_buf_str(&out, "\r\n");
    int fd = harness_connect(h);
    harness_send(fd, out.data, out.len);
    harness_send(fd, body.data, body.len);
    lucid_buf_fini(&out);
    harness_receive(fd, ret);
    close(fd);
}

json_t *harness_json(const struct harness *h, const char *method, const char *target,
                     const char *headers, const char *body, int status)
{
    struct answer answer;
    harness_ask(h, method, target, headers,
                body == NULL ? lucid_span(NULL, 0) : lucid_span_str(body), &answer);
    if (answer.status != status) {
        fprintf(stderr, "%s %s: status %d, not %d: %s\n", method, target, answer.status, status,
                (const char *)answer.body.data);
    }
    lucid_assert(answer.status == status && answer.whole);
    json_t *json = json_loadb((const char *)answer.body.data, answer.body.len, 0, NULL);
    answer_free(&answer);
    return json;
}

const char *harness_bearer(const char *token)
{
    static char line[256];
    snprintf(line, sizeof(line), "Authorization: Bearer %s\r\n", token);
    return line;
}

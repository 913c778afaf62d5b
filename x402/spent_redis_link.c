/* The connection to Redis: hiredis on our loop, commands and their time limits, beginning anew. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "x402/spent_redis_internal.h"

#define BACKOFF_MS_MAX 1000
#define UNFIT_MS       1000
#define ARGUMENTS_MAX  (2 * REDIS_CHUNK_KEYS + 16)

static void link_connect(struct spent_redis *redis);

/* --- hiredis's hooks on base/loop.h ------------------------------------------------------------
 */

/* Without memory for the watch the command's time runs out, and the connection is begun anew. */
static void watch_update(struct spent_redis *redis)
{
    (void)lucid_watch_set(redis->loop, &redis->watch, redis->reading, redis->writing);
}

static void hook_add_read(void *data)
{
    struct spent_redis *redis = data;
    redis->reading = true;
    watch_update(redis);
}

static void hook_del_read(void *data)
{
    struct spent_redis *redis = data;
    redis->reading = false;
    watch_update(redis);
}

static void hook_add_write(void *data)
{
    struct spent_redis *redis = data;
    redis->writing = true;
    watch_update(redis);
}

static void hook_del_write(void *data)
{
    struct spent_redis *redis = data;
    redis->writing = false;
    watch_update(redis);
}

static void trouble_say(struct spent_redis *redis, const char *reason)
{
    if (strncmp(redis->trouble, reason, sizeof(redis->trouble) - 1) != 0) {
        (void)snprintf(redis->trouble, sizeof(redis->trouble), "%s", reason);
        lucid_log(LUCID_LOG_ERROR, "x402.spent.away",
                  "no paid request is taken while Redis cannot be used: %s", redis->trouble);
    }
}

/* Whatever state hangs on the connection is forgotten, and the next one is begun in a while. */
static void link_down(struct spent_redis *redis)
{
    redis->context = NULL;
    redis->phase = REDIS_DOWN;
    lucid_timer_clear(redis->loop, &redis->due_timer);
    /* Half of it at random: members that lost Redis at once need not come back at once. */
    uint8_t jitter;
    lucid_random(&jitter, sizeof(jitter));
    uint64_t after_ms = redis->backoff_ms - redis->backoff_ms * jitter / 512;
    redis->backoff_ms =
        redis->backoff_ms * 2 > BACKOFF_MS_MAX ? BACKOFF_MS_MAX : redis->backoff_ms * 2;
    (void)lucid_timer_set(redis->loop, &redis->link_timer, after_ms);
}

/* The context goes: hiredis has called back whoever waited. */
static void hook_cleanup(void *data)
{
    struct spent_redis *redis = data;
    lucid_watch_clear(redis->loop, &redis->watch);
    if (redis->context != NULL) {
        trouble_say(redis, redis->context->err != 0 ? redis->context->errstr : "it has ended");
        link_down(redis);
    }
}

static void watch_ready(struct lucid_watch *watch, bool readable, bool writable)
{
    struct spent_redis *redis = lucid_owner(watch, struct spent_redis, watch);
    if (readable && redis->context != NULL) {
        redisAsyncHandleRead(redis->context);
    }
    if (writable && redis->context != NULL) {
        redisAsyncHandleWrite(redis->context);
    }
}

void redis_link_drop(struct spent_redis *redis, const char *reason)
{
    redisAsyncContext *context = redis->context;
    if (context == NULL) {
        return;
    }
    trouble_say(redis, reason);
    link_down(redis);
    redisAsyncFree(context);
}

void redis_reply_refuse(struct spent_redis *redis, const redisReply *reply)
{
    bool gone = strcmp(redis_reply_word(reply), "gone") == 0;
    if (gone && redis->phase >= REDIS_WAITING) {
        redis->phase = REDIS_WAITING;
        redis_look(redis);
        return;
    }
    char text[128] = "an answer that it cannot have meant";
    if (reply->type == REDIS_REPLY_ERROR) {
        (void)snprintf(text, sizeof(text), "%.100s", reply->str);
    } else if (strcmp(redis_reply_word(reply), "replaced") == 0) {
        (void)snprintf(text, sizeof(text), "another process writes as member %s", redis->self);
        redis->backoff_ms = UNFIT_MS;
    } else if (gone) {
        (void)snprintf(text, sizeof(text), "it was emptied while it was told");
    }
    redis_link_drop(redis, text);
}

/* --- commands --------------------------------------------------------------------------------- */

static struct spent_redis *redis_of_due(struct lucid_timer *timer)
{
    return lucid_owner(timer, struct spent_redis, due_timer);
}

static void due_set(struct spent_redis *redis)
{
    if (redis->first_op == NULL) {
        lucid_timer_clear(redis->loop, &redis->due_timer);
        return;
    }
    uint64_t now_ms = lucid_boot_ms(&redis->loop->clock);
    uint64_t due_ms = redis->first_op->due_ms;
    (void)lucid_timer_set(redis->loop, &redis->due_timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

static void due_fire(struct lucid_timer *timer)
{
    struct spent_redis *redis = redis_of_due(timer);
    if (redis->first_op != NULL && redis->first_op->due_ms > lucid_boot_ms(&redis->loop->clock)) {
        due_set(redis);
        return;
    }
    redis_link_drop(redis, "no answer in time");
}

static void op_append(struct redis_op *op)
{
    struct spent_redis *redis = op->redis;
    op->next = NULL;
    op->due_ms = lucid_boot_ms(&redis->loop->clock) + redis->timeout_ms;
    *(redis->last_op != NULL ? &redis->last_op->next : &redis->first_op) = op;
    redis->last_op = op;
    if (redis->first_op == op) {
        due_set(redis);
    }
}

/* Answers come in the order of the commands: it is the first but after an EVAL. */
static void op_unlink(struct redis_op *op)
{
    struct spent_redis *redis = op->redis;
    struct redis_op *before = NULL;
    struct redis_op *at = redis->first_op;
    while (at != op) {
        lucid_assert(at != NULL);
        before = at;
        at = at->next;
    }
    *(before != NULL ? &before->next : &redis->first_op) = op->next;
    if (redis->last_op == op) {
        redis->last_op = before;
    }
}

static void op_free(struct redis_op *op)
{
    if (op != NULL) {
        lucid_wipe(op->arguments.data, op->arguments.len); /* of AUTH */
        lucid_buf_fini(&op->arguments);
        free(op);
    }
}

static bool op_submit(struct redis_op *op);

static void op_answered(redisAsyncContext *context, void *answer, void *data)
{
    struct redis_op *op = data;
    struct spent_redis *redis = op->redis;
    const redisReply *reply = answer;
    op_unlink(op);
    bool live = redis->context == context;
    bool unknown = reply != NULL && reply->type == REDIS_REPLY_ERROR &&
                   strncmp(reply->str, "NOSCRIPT", 8) == 0;
    if (live && unknown && op->script != REDIS_NO_SCRIPT && !op->as_eval) {
        op->as_eval = true;
        if (op_submit(op)) {
            op_append(op);
            due_set(redis);
            return;
        }
        reply = NULL;
    }
    /* What a connection says that was given up does not count: it is asked again on the next. */
    op->done(op, live ? reply : NULL);
    op_free(op);
    if (redis->context != NULL) {
        due_set(redis);
    }
}

struct redis_op *redis_op_new(struct spent_redis *redis, enum redis_script script, size_t key_count,
                              redis_op_fn *done)
{
    struct redis_op *op = calloc(1, sizeof(*op));
    if (op == NULL) {
        return NULL;
    }
    op->redis = redis;
    op->script = script;
    op->done = done;
    if (script == REDIS_NO_SCRIPT) {
        return op;
    }
    char number[24];
    (void)snprintf(number, sizeof(number), "%zu", key_count + 4);
    redis_op_put_text(op, number);
    static const char *const names[] = {"generation", "loaded", "links", "claims:"};
    for (size_t i = 0; i < 4; i++) {
        char key[REDIS_VALUE_BYTES];
        (void)snprintf(key, sizeof(key), "%s{spent}:%s%s", redis->prefix, names[i],
                       i == 3 ? redis->self : "");
        redis_op_put_text(op, key);
    }
    return op;
}

void redis_op_put(struct redis_op *op, struct lucid_span argument)
{
    uint8_t len[4];
    lucid_put_be32(len, (uint32_t)argument.len);
    lucid_buf_put(&op->arguments, len, sizeof(len));
    lucid_buf_span_put(&op->arguments, argument);
    op->argument_count++;
}

void redis_op_put_text(struct redis_op *op, const char *text)
{
    redis_op_put(op, lucid_span_str(text));
}

void redis_op_put_key(struct redis_op *op, const struct x402_spent_key *key)
{
    char name[REDIS_VALUE_BYTES];
    (void)snprintf(name, sizeof(name), "%s{spent}:k:%s", op->redis->prefix, key->text);
    redis_op_put_text(op, name);
}

void redis_op_put_self(struct redis_op *op)
{
    redis_op_put_text(op, op->redis->self);
    redis_op_put_text(op, op->redis->link_id);
}

/* Hands it to hiredis. */
static bool op_submit(struct redis_op *op)
{
    struct spent_redis *redis = op->redis;
    const char *arguments[ARGUMENTS_MAX];
    size_t lens[ARGUMENTS_MAX];
    size_t count = 0;
    if (op->script != REDIS_NO_SCRIPT) {
        const char *text = op->as_eval ? redis_script_text[op->script] : redis->sha[op->script];
        arguments[count] = op->as_eval ? "EVAL" : "EVALSHA";
        lens[count] = strlen(arguments[count]);
        count++;
        arguments[count] = text;
        lens[count++] = strlen(text);
    }
    lucid_assert(op->argument_count + count <= ARGUMENTS_MAX);
    if (redis->context == NULL || !lucid_buf_ok(&op->arguments)) {
        return false;
    }
    const uint8_t *at = op->arguments.data;
    for (size_t i = 0; i < op->argument_count; i++) {
        lens[count] = lucid_get_be32(at);
        arguments[count] = (const char *)at + 4;
        at += 4 + lens[count++];
    }
    return redisAsyncCommandArgv(redis->context, op_answered, op, (int)count, arguments, lens) ==
           REDIS_OK;
}

bool redis_op_send(struct redis_op *op)
{
    if (op == NULL || !op_submit(op)) {
        op_free(op);
        return false;
    }
    op_append(op);
    return true;
}

/* --- answers ---------------------------------------------------------------------------------- */

struct lucid_span redis_reply_text(const redisReply *reply, size_t at)
{
    bool there = reply->type == REDIS_REPLY_ARRAY && at < reply->elements &&
                 reply->element[at]->type == REDIS_REPLY_STRING;
    return there ? lucid_span(reply->element[at]->str, reply->element[at]->len) : lucid_span("", 0);
}

const char *redis_reply_word(const redisReply *reply)
{
    /* hiredis ends strings with a NUL. */
    return (const char *)redis_reply_text(reply, 0).data;
}

/* --- beginning -------------------------------------------------------------------------------- */

static bool is_status(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STATUS;
}

static void greeted(struct redis_op *op, const redisReply *reply)
{
    if (reply != NULL && !is_status(reply)) {
        op->redis->backoff_ms = UNFIT_MS;
        redis_reply_refuse(op->redis, reply);
    }
}

static void script_loaded(struct redis_op *op, const redisReply *reply)
{
    struct spent_redis *redis = op->redis;
    if (reply == NULL) {
        return;
    }
    if (reply->type != REDIS_REPLY_STRING || reply->len != sizeof(redis->sha[0]) - 1) {
        redis_reply_refuse(redis, reply);
        return;
    }
    /* They are loaded in order: the first without a hash. */
    size_t at = 0;
    while (at < REDIS_SCRIPTS - 1 && redis->sha[at][0] != '\0') {
        at++;
    }
    memcpy(redis->sha[at], reply->str, reply->len);
    if (at == REDIS_SCRIPTS - 1) {
        redis->connects++;
        redis_look(redis);
    }
}

static bool scripts_load(struct spent_redis *redis)
{
    memset(redis->sha, 0, sizeof(redis->sha));
    for (size_t i = 0; i < REDIS_SCRIPTS; i++) {
        struct redis_op *op = redis_op_new(redis, REDIS_NO_SCRIPT, 0, script_loaded);
        if (op != NULL) {
            redis_op_put_text(op, "SCRIPT");
            redis_op_put_text(op, "LOAD");
            redis_op_put_text(op, redis_script_text[i]);
        }
        if (!redis_op_send(op)) {
            return false;
        }
    }
    return true;
}

static void info_answered(struct redis_op *op, const redisReply *reply)
{
    struct spent_redis *redis = op->redis;
    if (reply == NULL) {
        return;
    }
    if (reply->type != REDIS_REPLY_STRING) {
        redis_reply_refuse(redis, reply);
        return;
    }
    struct lucid_why why = {.code = NULL};
    if (redis_info_judge(lucid_span(reply->str, reply->len), redis->run_id, &why) != LUCID_OK) {
        redis->backoff_ms = UNFIT_MS;
        redis_link_drop(redis, why.text);
        return;
    }
    if (redis->phase == REDIS_CONNECTING) {
        if (!scripts_load(redis)) {
            redis_link_drop(redis, "out of memory");
        }
    } else {
        redis_look(redis);
    }
}

static bool command_send(struct spent_redis *redis, const char *const *words, redis_op_fn *done)
{
    struct redis_op *op = redis_op_new(redis, REDIS_NO_SCRIPT, 0, done);
    for (; op != NULL && *words != NULL; words++) {
        redis_op_put_text(op, *words);
    }
    return redis_op_send(op);
}

static bool info_send(struct spent_redis *redis)
{
    return command_send(redis, (const char *const[]){"INFO", NULL}, info_answered);
}

static bool greet(struct spent_redis *redis)
{
    const struct redis_place *place = &redis->place;
    const char *with_user[] = {"AUTH", place->user, place->password, NULL};
    const char *without[] = {"AUTH", place->password, NULL};
    char database[16];
    (void)snprintf(database, sizeof(database), "%u", place->database);
    const char *select[] = {"SELECT", database, NULL};
    return (place->password[0] == '\0' ||
            command_send(redis, place->user[0] != '\0' ? with_user : without, greeted)) &&
           command_send(redis, select, greeted) && info_send(redis);
}

static void connected(const redisAsyncContext *context, int status)
{
    struct spent_redis *redis = context->data;
    if (status == REDIS_OK && redis->context == context && !greet(redis)) {
        redis_link_drop(redis, "out of memory");
    }
}

static void link_fire(struct lucid_timer *timer)
{
    struct spent_redis *redis = lucid_owner(timer, struct spent_redis, link_timer);
    if (redis->phase == REDIS_DOWN) {
        link_connect(redis);
    } else if (redis->phase == REDIS_CONNECTING) {
        redis_link_drop(redis, "it does not answer");
    } else if (redis->phase >= REDIS_WAITING && !info_send(redis)) {
        redis_link_drop(redis, "out of memory");
    }
}

static void link_connect(struct spent_redis *redis)
{
    const struct redis_place *place = &redis->place;
    redisAsyncContext *context = place->path[0] != '\0'
                                     ? redisAsyncConnectUnix(place->path)
                                     : redisAsyncConnect(place->host, place->port);
    if (context == NULL || context->err != 0) {
        trouble_say(redis, context == NULL ? "out of memory" : context->errstr);
        if (context != NULL) {
            redisAsyncFree(context);
        }
        link_down(redis);
        return;
    }
    redis->context = context;
    redis->phase = REDIS_CONNECTING;
    redis->link++;
    (void)snprintf(redis->link_id, sizeof(redis->link_id), "%s.%llu", redis->boot,
                   (unsigned long long)redis->link);
    redis->reading = false;
    redis->writing = false;
    redis->watch.fd = context->c.fd;
    context->data = redis;
    context->ev.data = redis;
    context->ev.addRead = hook_add_read;
    context->ev.delRead = hook_del_read;
    context->ev.addWrite = hook_add_write;
    context->ev.delWrite = hook_del_write;
    context->ev.cleanup = hook_cleanup;
    (void)redisAsyncSetConnectCallback(context, connected);
    (void)lucid_timer_set(redis->loop, &redis->link_timer, redis->timeout_ms);
}

void redis_link_open(struct spent_redis *redis)
{
    redis->watch.ready = watch_ready;
    redis->link_timer.fire = link_fire;
    redis->due_timer.fire = due_fire;
    redis->backoff_ms = REDIS_BACKOFF_MS_MIN;
    (void)lucid_timer_set(redis->loop, &redis->link_timer, 0);
}

void redis_link_close(struct spent_redis *redis)
{
    redisAsyncContext *context = redis->context;
    redis->context = NULL;
    redis->phase = REDIS_DOWN;
    if (context != NULL) {
        redisAsyncFree(context);
    }
    lucid_assert(redis->first_op == NULL);
    lucid_timer_clear(redis->loop, &redis->link_timer);
    lucid_timer_clear(redis->loop, &redis->due_timer);
}

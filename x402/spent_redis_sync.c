/* What Redis is told after each beginning: which generation is it, the claims that a process before
 * left, those that we hold, all that our log has spent. Only then may anybody claim. */
#include <stdio.h>

#include "base/log.h"
#include "x402/spent_redis_internal.h"

#define POLL_READY_MS   1000
#define POLL_WAITING_MS 50
#define LOADS_MAX       4 /* commands under way while loading */

static void sync_go(struct spent_redis *redis);

/* --- looking ---------------------------------------------------------------------------------- */

static void phase_tell(struct spent_redis *redis, bool all_loaded, struct lucid_span missing)
{
    enum redis_phase phase = all_loaded ? REDIS_READY : REDIS_WAITING;
    if (phase == REDIS_READY && redis->phase != REDIS_READY) {
        redis->trouble[0] = '\0';
        lucid_log(LUCID_LOG_INFO, "x402.spent.ready", "claims are made in Redis, generation %.8s",
                  redis->generation);
    } else if (phase == REDIS_WAITING && redis->phase != REDIS_WAITING) {
        lucid_log(LUCID_LOG_WARN, "x402.spent.waiting",
                  "no paid request is taken until member %.*s has loaded its log into Redis",
                  (int)missing.len, missing.data);
    }
    redis->phase = phase;
    (void)lucid_timer_set(redis->loop, &redis->link_timer,
                          all_loaded ? POLL_READY_MS : POLL_WAITING_MS);
}

static void generation_adopt(struct spent_redis *redis, struct lucid_span generation)
{
    bool had = redis->generation[0] != '\0';
    bool same = had && memcmp(redis->generation, generation.data, REDIS_RANDOM_HEX) == 0;
    if (had && !same) {
        redis->losses++;
        lucid_log(LUCID_LOG_ERROR, "x402.spent.lost",
                  "what Redis held is gone: every member loads its log again");
    }
    memcpy(redis->generation, generation.data, generation.len);
    redis->generation[generation.len] = '\0';
}

static void sync_begin(struct spent_redis *redis, enum redis_step step)
{
    redis->phase = REDIS_SYNCING;
    redis->step = step;
    redis->sync++;
    redis->cursor[0] = '\0';
    redis->log_end = false;
    redis->after.text[0] = '\0';
    sync_go(redis);
}

static void looked(struct redis_op *op, const redisReply *reply)
{
    struct spent_redis *redis = op->redis;
    if (reply == NULL) {
        return;
    }
    struct lucid_span generation = redis_reply_text(reply, 1);
    struct lucid_span missing = redis_reply_text(reply, 2);
    if (strcmp(redis_reply_word(reply), "ok") != 0 || generation.len != REDIS_GENERATION_BYTES) {
        redis_reply_refuse(redis, reply);
        return;
    }
    if (!lucid_span_is(generation, redis->generation)) {
        generation_adopt(redis, generation);
    }
    bool marked = lucid_span_is(redis_reply_text(reply, 3), redis->generation);
    bool loaded = !redis->reload && strcmp(redis->loaded, redis->generation) == 0;
    if (!loaded) {
        sync_begin(redis, redis->stale_done ? REDIS_STEP_HOLDS : REDIS_STEP_STALE);
    } else if (redis->phase == REDIS_LOOKING || !marked) {
        sync_begin(redis, REDIS_STEP_HOLDS);
    } else {
        phase_tell(redis, missing.len == 0, missing);
    }
}

void redis_look(struct spent_redis *redis)
{
    bool first = redis->phase == REDIS_CONNECTING;
    if (first) {
        redis->phase = REDIS_LOOKING;
        redis->sync_ops = 0;
    }
    struct redis_op *op = redis_op_new(redis, REDIS_SCRIPT_LOOK, 0, looked);
    if (op != NULL) {
        uint8_t bytes[REDIS_RANDOM_HEX / 2];
        char random[REDIS_RANDOM_HEX];
        lucid_random(bytes, sizeof(bytes));
        lucid_hex_encode(bytes, sizeof(bytes), random);
        redis_op_put_self(op);
        redis_op_put_text(op, first ? "1" : "0");
        redis_op_put(op, lucid_span(random, sizeof(random)));
        redis_op_put_text(op, redis->run_id);
        for (size_t i = 0; i < redis->member_count; i++) {
            redis_op_put_text(op, redis->members[i]);
        }
    }
    if (!redis_op_send(op)) {
        redis_link_drop(redis, "out of memory");
    }
}

/* --- steps ------------------------------------------------------------------------------------ */

static bool sync_send(struct spent_redis *redis, struct redis_op *op)
{
    if (!redis_op_send(op)) {
        redis_link_drop(redis, "out of memory");
        return false;
    }
    redis->sync_ops++;
    return true;
}

/* Whether it was answered as it should be: else the connection has been or is being given up. */
static bool sync_answered(struct redis_op *op, const redisReply *reply, const char *word)
{
    struct spent_redis *redis = op->redis;
    if (reply == NULL) {
        return false;
    }
    redis->sync_ops--;
    if (word != NULL && strcmp(redis_reply_word(reply), word) != 0) {
        redis_reply_refuse(redis, reply);
        return false;
    }
    return true;
}

static void sync_step_done(struct redis_op *op, const redisReply *reply)
{
    if (sync_answered(op, reply, "ok")) {
        sync_go(op->redis);
    }
}

static void log_unreadable(struct spent_redis *redis)
{
    redis_link_drop(redis, "our own log cannot be read");
}

/* --- step: claims that the process before left -------------------------------------------------
 */

/* The key of a member of the set of our claims; false: it is none. */
static bool stale_key(const struct spent_redis *redis, const redisReply *reply,
                      struct x402_spent_key *ret)
{
    char start[REDIS_PREFIX_BYTES_MAX + 16];
    int len = snprintf(start, sizeof(start), "%s{spent}:k:", redis->prefix);
    size_t skip = (size_t)len;
    if (reply->type != REDIS_REPLY_STRING || reply->len <= skip ||
        reply->len - skip > X402_SPENT_KEY_BYTES_MAX || memcmp(reply->str, start, skip) != 0) {
        return false;
    }
    *ret = (struct x402_spent_key){.text = ""};
    memcpy(ret->text, reply->str + skip, reply->len - skip);
    return true;
}

static void reclaimed(struct redis_op *op, const redisReply *reply)
{
    struct spent_redis *redis = op->redis;
    struct spent_hold *hold = op->holds[0];
    hold->busy = false;
    if (!sync_answered(op, reply, NULL)) {
        return;
    }
    const char *word = redis_reply_word(reply);
    if (strcmp(word, "held") == 0 || strcmp(word, "spent") == 0) {
        lucid_log(LUCID_LOG_ERROR, "x402.spent.conflict",
                  "%s is held here, but in Redis it is %s elsewhere", hold->key.text, word);
    } else if (strcmp(word, "claimed") != 0) {
        redis_reply_refuse(redis, reply);
        return;
    }
    (void)redis_hold_tell(redis, hold, NULL); /* if it was ended meanwhile */
    sync_go(redis);
}

/* An intent without an end is ours until the keeper has seen to it. */
static bool hold_adopt(struct spent_redis *redis, const struct x402_spent_key *key,
                       const uint8_t digest[32])
{
    struct spent_hold *hold = spent_table_find(&redis->table, key);
    if (hold != NULL) {
        return true; /* told in the step before */
    }
    hold = spent_table_add(&redis->table, key, redis->tokens + 1, digest);
    if (hold == NULL) {
        redis_link_drop(redis, "more open payments than can be held");
        return false;
    }
    redis->tokens++;
    hold->state = SPENT_HOLD_CLAIMED;
    hold->adopted = true;
    hold->announced = true;
    hold->sync = redis->sync;
    if (!redis_hold_reclaim(redis, hold, reclaimed)) {
        redis_link_drop(redis, "out of memory");
        return false;
    }
    redis->sync_ops++;
    return true;
}

/* What becomes of one: with an open intent it is taken over here and now, because the keeper may
 * end that before the log is loaded. *ret_free: nothing has come of it. */
static bool stale_judge(struct spent_redis *redis, const struct x402_spent_key *key, bool *ret_free)
{
    uint8_t payment_id[X402_PAYMENT_ID_BYTES];
    uint8_t digest[32];
    bool pending = false;
    *ret_free = false;
    if (spent_table_find(&redis->table, key) != NULL) {
        return true; /* ours by now */
    }
    enum lucid_error error = redis->log.find(redis->log.context, lucid_span_str(key->text),
                                             payment_id, digest, &pending);
    if (error == LUCID_NOTE_ABSENT) {
        *ret_free = true;
        return true;
    }
    if (error != LUCID_OK) {
        log_unreadable(redis);
        return false;
    }
    return !pending || hold_adopt(redis, key, digest);
}

static bool stale_drop(struct spent_redis *redis, const struct x402_spent_key *keys, size_t count)
{
    struct redis_op *op = redis_op_new(redis, REDIS_SCRIPT_DROP, count, sync_step_done);
    if (op != NULL) {
        char holder[REDIS_VALUE_BYTES];
        for (size_t i = 0; i < count; i++) {
            redis_op_put_key(op, &keys[i]);
        }
        redis_op_put_self(op);
        (void)snprintf(holder, sizeof(holder), "%s/", redis->self);
        redis_op_put_text(op, holder);
        (void)snprintf(holder, sizeof(holder), "%s/%s/", redis->self, redis->boot);
        redis_op_put_text(op, holder);
    }
    return sync_send(redis, op);
}

/* Of one page of the set those that are free. */
static bool stale_page(struct spent_redis *redis, const redisReply *page)
{
    struct x402_spent_key keys[REDIS_CHUNK_KEYS];
    size_t count = 0;
    for (size_t i = 0; i < page->elements; i++) {
        bool is_free = false;
        if (!stale_key(redis, page->element[i], &keys[count])) {
            continue;
        }
        if (!stale_judge(redis, &keys[count], &is_free)) {
            return false;
        }
        count += is_free;
        if (count == REDIS_CHUNK_KEYS) {
            if (!stale_drop(redis, keys, count)) {
                return false;
            }
            count = 0;
        }
    }
    return count == 0 || stale_drop(redis, keys, count);
}

static void stale_scanned(struct redis_op *op, const redisReply *reply)
{
    struct spent_redis *redis = op->redis;
    if (!sync_answered(op, reply, NULL)) {
        return;
    }
    struct lucid_span cursor = redis_reply_text(reply, 0);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || cursor.len == 0 ||
        cursor.len >= sizeof(redis->cursor) || reply->element[1]->type != REDIS_REPLY_ARRAY) {
        redis_reply_refuse(redis, reply);
        return;
    }
    memcpy(redis->cursor, cursor.data, cursor.len);
    redis->cursor[cursor.len] = '\0';
    if (stale_page(redis, reply->element[1])) {
        sync_go(redis);
    }
}

static bool step_stale(struct spent_redis *redis)
{
    if (strcmp(redis->cursor, "0") == 0) {
        redis->stale_done = true;
        redis->step = REDIS_STEP_HOLDS;
        return true;
    }
    struct redis_op *op = redis_op_new(redis, REDIS_NO_SCRIPT, 0, stale_scanned);
    if (op != NULL) {
        char key[REDIS_VALUE_BYTES];
        (void)snprintf(key, sizeof(key), "%s{spent}:claims:%s", redis->prefix, redis->self);
        redis_op_put_text(op, "SSCAN");
        redis_op_put_text(op, key);
        redis_op_put_text(op, redis->cursor[0] != '\0' ? redis->cursor : "0");
        redis_op_put_text(op, "COUNT");
        redis_op_put_text(op, "100");
    }
    return sync_send(redis, op);
}

/* --- step: what we hold ------------------------------------------------------------------------
 */

static bool step_holds(struct spent_redis *redis)
{
    for (size_t i = 0; i < REDIS_CHUNK_KEYS; i++) {
        struct spent_hold *hold = redis->table.oldest;
        if (hold == NULL || hold->sync == redis->sync) {
            bool load = redis->reload || strcmp(redis->loaded, redis->generation) != 0;
            redis->step = load ? REDIS_STEP_LOAD : REDIS_STEP_MARK;
            return true;
        }
        hold->sync = redis->sync;
        spent_table_touch(&redis->table, hold);
        if (hold->state != SPENT_HOLD_CLAIMED) {
            (void)redis_hold_tell(redis, hold, NULL);
        } else if (!hold->busy) {
            if (!redis_hold_reclaim(redis, hold, reclaimed)) {
                redis_link_drop(redis, "out of memory");
                return false;
            }
            redis->sync_ops++;
        }
    }
    return true;
}

/* --- step: the log ----------------------------------------------------------------------------
 */

struct load_chunk {
    struct x402_spent_key keys[REDIS_CHUNK_KEYS];
    uint8_t payment_ids[REDIS_CHUNK_KEYS][X402_PAYMENT_ID_BYTES];
    uint8_t digests[REDIS_CHUNK_KEYS][32];
    size_t count;
};

static bool chunk_send(struct spent_redis *redis, const struct load_chunk *chunk)
{
    struct redis_op *op = redis_op_new(redis, REDIS_SCRIPT_LOAD, chunk->count, sync_step_done);
    for (size_t i = 0; op != NULL && i < chunk->count; i++) {
        redis_op_put_key(op, &chunk->keys[i]);
    }
    if (op != NULL) {
        redis_op_put_self(op);
    }
    for (size_t i = 0; op != NULL && i < chunk->count; i++) {
        char value[REDIS_SPENT_VALUE_BYTES];
        redis_spent_value(chunk->payment_ids[i], chunk->digests[i], value);
        redis_op_put(op, lucid_span(value, sizeof(value)));
    }
    return sync_send(redis, op);
}

static bool step_load(struct spent_redis *redis)
{
    struct load_chunk chunk;
    chunk.count = 0;
    for (size_t i = 0; i < REDIS_CHUNK_KEYS && !redis->log_end; i++) {
        bool pending;
        struct x402_spent_key *key = &chunk.keys[chunk.count];
        enum lucid_error error =
            redis->log.next(redis->log.context, lucid_span_str(redis->after.text), key,
                            chunk.payment_ids[chunk.count], chunk.digests[chunk.count], &pending);
        if (error == LUCID_NOTE_ABSENT) {
            redis->log_end = true;
            break;
        }
        if (error != LUCID_OK) {
            log_unreadable(redis);
            return false;
        }
        redis->after = *key;
        if (!pending) {
            chunk.count++;
        } else if (!hold_adopt(redis, key, chunk.digests[chunk.count])) {
            return false;
        }
    }
    if (redis->log_end && chunk.count == 0) {
        redis->step = REDIS_STEP_MARK;
        return true;
    }
    return chunk.count == 0 || chunk_send(redis, &chunk);
}

/* --- step: the mark ----------------------------------------------------------------------------
 */

static void marked(struct redis_op *op, const redisReply *reply)
{
    struct spent_redis *redis = op->redis;
    if (reply != NULL && strcmp(redis_reply_word(reply), "gone") == 0) {
        redis->sync_ops--;
        redis_look(redis); /* emptied while we loaded */
        return;
    }
    if (!sync_answered(op, reply, "ok")) {
        return;
    }
    memcpy(redis->loaded, redis->generation, sizeof(redis->loaded));
    redis->reload = false;
    redis->backoff_ms = REDIS_BACKOFF_MS_MIN;
    redis_look(redis);
}

static bool step_mark(struct spent_redis *redis)
{
    struct redis_op *op = redis_op_new(redis, REDIS_SCRIPT_MARK, 0, marked);
    if (op != NULL) {
        redis_op_put_self(op);
        redis_op_put_text(op, redis->generation);
    }
    return sync_send(redis, op);
}

/* Goes on as far as it may without an answer: a step begins when the one before is answered, and
 * the loop has its turn in between. */
static void sync_go(struct spent_redis *redis)
{
    static bool (*const steps[])(struct spent_redis * redis) = {
        [REDIS_STEP_STALE] = step_stale,
        [REDIS_STEP_HOLDS] = step_holds,
        [REDIS_STEP_LOAD] = step_load,
        [REDIS_STEP_MARK] = step_mark,
    };
    bool on = true;
    while (on && redis->phase == REDIS_SYNCING) {
        size_t ops_max = redis->step == REDIS_STEP_LOAD && !redis->log_end ? LOADS_MAX : 1;
        if (redis->sync_ops >= ops_max) {
            return;
        }
        on = steps[redis->step](redis);
    }
}

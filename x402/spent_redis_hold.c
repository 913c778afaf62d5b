/* Claims as Redis is asked for them, and their ends as it is told of them. */
#include <stdio.h>

#include "base/assert.h"
#include "x402/spent_redis_internal.h"

/* --- values ----------------------------------------------------------------------------------- */

void redis_spent_value(const uint8_t payment_id[X402_PAYMENT_ID_BYTES], const uint8_t digest[32],
                       char ret[REDIS_SPENT_VALUE_BYTES])
{
    ret[0] = 's';
    lucid_hex_encode(payment_id, X402_PAYMENT_ID_BYTES, ret + 1);
    lucid_hex_encode(digest, 32, ret + 1 + 2 * X402_PAYMENT_ID_BYTES);
}

static bool spent_value_read(struct lucid_span value, uint8_t ret_id[X402_PAYMENT_ID_BYTES],
                             uint8_t ret_digest[32])
{
    return value.len == REDIS_SPENT_VALUE_BYTES && value.data[0] == 's' &&
           lucid_hex_decode(lucid_span(value.data + 1, (size_t)2 * X402_PAYMENT_ID_BYTES), ret_id,
                            X402_PAYMENT_ID_BYTES) &&
           lucid_hex_decode(lucid_span(value.data + 1 + 2 * X402_PAYMENT_ID_BYTES, 64), ret_digest,
                            32);
}

static bool claim_value_read(struct lucid_span value, uint8_t ret_digest[32])
{
    return value.len > 65 && value.data[0] == 'c' &&
           lucid_hex_decode(lucid_span(value.data + 1, 64), ret_digest, 32);
}

/* Whose token it is, as Redis keeps it. */
static void redis_holder_put(struct redis_op *op, uint64_t token)
{
    char holder[REDIS_VALUE_BYTES];
    (void)snprintf(holder, sizeof(holder), "%s/%s/%llu", op->redis->self, op->redis->boot,
                   (unsigned long long)token);
    redis_op_put_text(op, holder);
}

static void digest_put(struct redis_op *op, const uint8_t digest[32])
{
    char hex[64];
    lucid_hex_encode(digest, 32, hex);
    redis_op_put(op, lucid_span(hex, sizeof(hex)));
}

/* --- ends ------------------------------------------------------------------------------------- */

static void told(struct redis_op *op, const redisReply *reply)
{
    struct spent_redis *redis = op->redis;
    struct spent_hold *hold = op->holds[0];
    hold->busy = false;
    if (op->claim != NULL) {
        redis_answer(redis, op->claim);
    }
    if (reply == NULL) {
        return; /* told again over the next connection */
    }
    if (strcmp(redis_reply_word(reply), "ok") != 0) {
        redis_reply_refuse(redis, reply);
    } else if (hold->state == SPENT_HOLD_PROMOTE && op->script == REDIS_SCRIPT_RELEASE) {
        (void)redis_hold_tell(redis, hold, NULL);
    } else {
        spent_table_remove(&redis->table, hold);
    }
}

bool redis_hold_tell(struct spent_redis *redis, struct spent_hold *hold, struct x402_claim *claim)
{
    bool promote = hold->state == SPENT_HOLD_PROMOTE;
    if (hold->busy || !redis_may_tell(redis) || (!promote && hold->state != SPENT_HOLD_RELEASE)) {
        return false;
    }
    struct redis_op *op =
        redis_op_new(redis, promote ? REDIS_SCRIPT_PROMOTE : REDIS_SCRIPT_RELEASE, 1, told);
    if (op != NULL) {
        op->claim = claim;
        op->holds[op->hold_count++] = hold;
        redis_op_put_key(op, &hold->key);
        redis_op_put_self(op);
        redis_holder_put(op, hold->token);
        if (promote) {
            char value[REDIS_SPENT_VALUE_BYTES];
            redis_spent_value(hold->payment_id, hold->digest, value);
            redis_op_put(op, lucid_span(value, sizeof(value)));
        }
    }
    if (!redis_op_send(op)) {
        redis_link_drop(redis, "out of memory");
        return false;
    }
    hold->busy = true;
    return true;
}

static struct spent_hold *promote_hold(struct spent_redis *redis, const struct x402_claim *claim,
                                       const struct x402_spent_key *key)
{
    struct spent_hold *hold = spent_table_find(&redis->table, key);
    if (hold != NULL && claim->token != 0 && hold->token != claim->token) {
        return NULL;
    }
    if (hold == NULL) {
        uint64_t token = claim->token != 0 ? claim->token : ++redis->tokens;
        hold = spent_table_add(&redis->table, key, token, claim->digest);
    }
    if (hold == NULL) {
        redis->reload = true; /* the log says it with all the others */
        return NULL;
    }
    hold->state = SPENT_HOLD_PROMOTE;
    hold->announced = true;
    memcpy(hold->digest, claim->digest, sizeof(hold->digest));
    memcpy(hold->payment_id, claim->payment_id, sizeof(hold->payment_id));
    return hold;
}

/* A claim may be given up only if the log knows nothing of its key: what is spent is promoted, and
 * an intent without an end stays ours. */
static struct spent_hold *release_hold(struct spent_redis *redis, const struct x402_claim *claim,
                                       const struct x402_spent_key *key)
{
    struct spent_hold *hold = spent_table_find(&redis->table, key);
    bool mine = hold != NULL && (claim->token != 0 ? hold->token == claim->token : hold->adopted);
    if (!mine || hold->state == SPENT_HOLD_PROMOTE) {
        return NULL;
    }
    uint8_t payment_id[X402_PAYMENT_ID_BYTES];
    uint8_t digest[32];
    bool pending = false;
    enum lucid_error error = redis->log.find(redis->log.context, lucid_span_str(key->text),
                                             payment_id, digest, &pending);
    if (error == LUCID_NOTE_ABSENT) {
        hold->state = SPENT_HOLD_RELEASE;
        return hold;
    }
    if (error != LUCID_OK || pending) {
        hold->adopted = true;
        return NULL;
    }
    hold->state = SPENT_HOLD_PROMOTE;
    memcpy(hold->digest, digest, sizeof(digest));
    memcpy(hold->payment_id, payment_id, sizeof(payment_id));
    return hold;
}

void redis_end(struct spent_redis *redis, struct x402_claim *claim)
{
    struct spent_hold *holds[X402_SPENT_KEYS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < claim->key_count; i++) {
        struct spent_hold *hold = claim->verb == X402_SPENT_PROMOTE
                                      ? promote_hold(redis, claim, &claim->keys[i])
                                      : release_hold(redis, claim, &claim->keys[i]);
        if (hold != NULL && (count == 0 || holds[0] != hold)) {
            holds[count++] = hold;
        }
    }
    bool waits = false;
    for (size_t i = 0; i < count; i++) {
        /* The last answer is the one to wait for. */
        waits = redis_hold_tell(redis, holds[i], i + 1 == count ? claim : NULL);
    }
    if (!waits) {
        redis_answer(redis, claim);
    }
}

/* --- claims ----------------------------------------------------------------------------------- */

bool redis_hold_reclaim(struct spent_redis *redis, struct spent_hold *hold, redis_op_fn *done)
{
    struct redis_op *op = redis_op_new(redis, REDIS_SCRIPT_RECLAIM, 1, done);
    if (op != NULL) {
        char member[REDIS_MEMBER_BYTES_MAX + 2];
        (void)snprintf(member, sizeof(member), "%s/", redis->self);
        op->holds[op->hold_count++] = hold;
        redis_op_put_key(op, &hold->key);
        redis_op_put_self(op);
        redis_holder_put(op, hold->token);
        digest_put(op, hold->digest);
        redis_op_put_text(op, member);
    }
    hold->busy = redis_op_send(op);
    return hold->busy;
}

/* What of a claim is new: given up for good, or to be told so. */
static void fresh_end(struct spent_redis *redis, struct redis_op *op, bool certain)
{
    for (size_t i = 0; i < op->hold_count; i++) {
        struct spent_hold *hold = op->holds[i];
        hold->busy = false;
        if (hold->state == SPENT_HOLD_PROMOTE) {
            (void)redis_hold_tell(redis, hold, NULL); /* on behalf of the log */
        } else if (certain) {
            spent_table_remove(&redis->table, hold);
        } else {
            hold->state = SPENT_HOLD_RELEASE;
        }
    }
    op->hold_count = 0;
}

static void fresh_keep(struct spent_redis *redis, struct redis_op *op)
{
    for (size_t i = 0; i < op->hold_count; i++) {
        struct spent_hold *hold = op->holds[i];
        hold->busy = false;
        if (hold->state == SPENT_HOLD_ASKED) {
            hold->state = SPENT_HOLD_CLAIMED;
        } else {
            (void)redis_hold_tell(redis, hold, NULL); /* nobody waits any more */
        }
    }
}

/* Of HELD and SPENT. False: Redis has a value that we did not write. */
static bool other_read(struct spent_redis *redis, const redisReply *reply, struct x402_claim *claim)
{
    struct lucid_span value = redis_reply_text(reply, 1);
    uint8_t digest[32];
    if (claim->outcome == X402_CLAIM_HELD) {
        if (!claim_value_read(value, digest)) {
            return false;
        }
    } else {
        if (!spent_value_read(value, claim->payment_id, digest)) {
            return false;
        }
        struct x402_claim ours = *claim;
        for (size_t i = 0; i < claim->key_count && !claim->here; i++) {
            claim->here = spent_log_ask(&redis->log, &claim->keys[i], &ours) == X402_CLAIM_SPENT;
        }
    }
    claim->same_request = memcmp(digest, claim->digest, sizeof(digest)) == 0;
    return true;
}

static void claim_answered(struct redis_op *op, const redisReply *reply)
{
    static const struct {
        const char *word;
        enum x402_claim_outcome outcome;
    } words[] = {
        {"claimed", X402_CLAIMED},    {"held", X402_CLAIM_HELD},       {"spent", X402_CLAIM_SPENT},
        {"gone", X402_CLAIM_UNREADY}, {"loading", X402_CLAIM_UNREADY},
    };
    struct spent_redis *redis = op->redis;
    struct x402_claim nobody = {.key_count = 0};
    struct x402_claim *claim = op->claim != NULL ? op->claim : &nobody;
    const char *word = reply != NULL ? redis_reply_word(reply) : "";
    size_t at = 0;
    while (at < sizeof(words) / sizeof(words[0]) && strcmp(word, words[at].word) != 0) {
        at++;
    }
    bool known = at < sizeof(words) / sizeof(words[0]);
    claim->outcome = known ? words[at].outcome : X402_CLAIM_UNREADY;
    bool taken = known && claim->outcome != X402_CLAIM_UNREADY && claim->outcome != X402_CLAIMED;
    if (taken && !other_read(redis, reply, claim)) {
        claim->outcome = X402_CLAIM_UNREADY;
        known = false;
    }
    if (claim->outcome == X402_CLAIMED) {
        fresh_keep(redis, op);
    } else {
        fresh_end(redis, op, known);
    }
    if (op->claim != NULL) {
        redis_answer(redis, op->claim);
    }
    if (reply != NULL && !known) {
        redis_reply_refuse(redis, reply);
    } else if (known && claim->outcome == X402_CLAIM_UNREADY && redis->phase == REDIS_READY) {
        redis->phase = REDIS_WAITING;
        redis_look(redis);
    }
}

/* "eip155:CHAIN/TX/7" may be spent as part of "eip155:CHAIN/TX/all". */
static bool whole_key(const struct x402_spent_key *key, struct x402_spent_key *ret)
{
    const char *first = strchr(key->text, '/');
    const char *second = first != NULL ? strchr(first + 1, '/') : NULL;
    if (second == NULL || strchr(second + 1, '/') != NULL) {
        return false;
    }
    int len =
        snprintf(ret->text, sizeof(ret->text), "%.*s/all", (int)(second - key->text), key->text);
    return len > 0 && (size_t)len < sizeof(ret->text);
}

static bool claim_send(struct spent_redis *redis, struct x402_claim *claim,
                       struct spent_hold *const *fresh, size_t fresh_count)
{
    struct x402_spent_key whole[X402_SPENT_KEYS_MAX];
    size_t whole_count = 0;
    for (size_t i = 0; i < claim->key_count; i++) {
        whole_count += whole_key(&claim->keys[i], &whole[whole_count]);
    }
    struct redis_op *op =
        redis_op_new(redis, REDIS_SCRIPT_CLAIM, claim->key_count + whole_count, claim_answered);
    if (op != NULL) {
        char number[24];
        op->claim = claim;
        memcpy(op->holds, fresh, fresh_count * sizeof(*fresh));
        op->hold_count = fresh_count;
        for (size_t i = 0; i < claim->key_count; i++) {
            redis_op_put_key(op, &claim->keys[i]);
        }
        for (size_t i = 0; i < whole_count; i++) {
            redis_op_put_key(op, &whole[i]);
        }
        redis_op_put_self(op);
        redis_op_put_text(op, redis->generation);
        redis_holder_put(op, claim->token);
        digest_put(op, claim->digest);
        (void)snprintf(number, sizeof(number), "%zu", claim->key_count);
        redis_op_put_text(op, number);
        for (size_t i = 0; i < redis->member_count; i++) {
            redis_op_put_text(op, redis->members[i]);
        }
    }
    return redis_op_send(op);
}

/* Of one key, as far as it can be said without Redis. */
static enum x402_claim_outcome key_judge(struct spent_redis *redis,
                                         const struct x402_spent_key *key, struct x402_claim *claim)
{
    const struct spent_hold *hold = spent_table_find(&redis->table, key);
    if (hold == NULL) {
        return spent_log_ask(&redis->log, key, claim);
    }
    if (hold->token == claim->token && hold->state == SPENT_HOLD_CLAIMED) {
        return X402_CLAIMED;
    }
    if (hold->adopted || hold->state == SPENT_HOLD_PROMOTE) {
        enum x402_claim_outcome outcome = spent_log_ask(&redis->log, key, claim);
        if (outcome != X402_CLAIMED) {
            return outcome;
        }
    }
    claim->same_request = memcmp(hold->digest, claim->digest, sizeof(hold->digest)) == 0;
    return X402_CLAIM_HELD;
}

/* Holds for what the claim does not have yet. False: there is no room. */
static bool fresh_add(struct spent_redis *redis, const struct x402_claim *claim,
                      struct spent_hold **ret, size_t *ret_count)
{
    *ret_count = 0;
    for (size_t i = 0; i < claim->key_count; i++) {
        if (spent_table_find(&redis->table, &claim->keys[i]) != NULL) {
            continue; /* its own, or named twice */
        }
        struct spent_hold *hold =
            spent_table_add(&redis->table, &claim->keys[i], claim->token, claim->digest);
        if (hold == NULL) {
            return false;
        }
        hold->state = SPENT_HOLD_ASKED;
        hold->busy = true;
        ret[(*ret_count)++] = hold;
    }
    return true;
}

void redis_claim(struct spent_redis *redis, struct x402_claim *claim)
{
    if (claim->token == 0) {
        claim->token = ++redis->tokens;
    }
    claim->same_request = false;
    claim->here = false;
    claim->outcome = X402_CLAIMED;
    for (size_t i = 0; i < claim->key_count && claim->outcome == X402_CLAIMED; i++) {
        claim->outcome = key_judge(redis, &claim->keys[i], claim);
    }
    struct spent_hold *fresh[X402_SPENT_KEYS_MAX];
    size_t count = 0;
    if (claim->outcome == X402_CLAIMED && redis->phase == REDIS_READY &&
        fresh_add(redis, claim, fresh, &count) && claim_send(redis, claim, fresh, count)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        spent_table_remove(&redis->table, fresh[i]);
    }
    if (claim->outcome == X402_CLAIMED) {
        claim->outcome = X402_CLAIM_UNREADY;
    }
    redis_answer(redis, claim);
}

bool redis_claim_forget(struct spent_redis *redis, const struct x402_claim *claim)
{
    struct redis_op *op = redis->first_op;
    while (op != NULL && op->claim != claim) {
        op = op->next;
    }
    if (op == NULL) {
        return false;
    }
    op->claim = NULL;
    for (size_t i = 0; op->script == REDIS_SCRIPT_CLAIM && i < op->hold_count; i++) {
        op->holds[i]->state = SPENT_HOLD_RELEASE;
    }
    return true;
}

void redis_claim_undo(struct spent_redis *redis, const struct x402_claim *claim)
{
    for (size_t i = 0; i < claim->key_count; i++) {
        struct spent_hold *hold = spent_table_find(&redis->table, &claim->keys[i]);
        if (hold != NULL && hold->token == claim->token && !hold->announced) {
            hold->state = SPENT_HOLD_RELEASE;
            (void)redis_hold_tell(redis, hold, NULL);
        }
    }
}

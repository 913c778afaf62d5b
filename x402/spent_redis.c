/* The spent store in Redis as its users see it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "x402/spent_redis_internal.h"

static struct spent_redis *redis_of(struct x402_spent *spent)
{
    return lucid_owner(spent, struct spent_redis, spent);
}

void redis_answer(struct spent_redis *redis, struct x402_claim *claim)
{
    spent_queue_put(&redis->answered, claim);
    /* Without memory the next answer sets it. */
    (void)lucid_timer_set(redis->loop, &redis->tell_timer, 0);
}

static void claim_announce(struct spent_redis *redis, const struct x402_claim *claim)
{
    for (size_t i = 0; i < claim->key_count; i++) {
        struct spent_hold *hold = spent_table_find(&redis->table, &claim->keys[i]);
        if (hold != NULL && hold->token == claim->token) {
            hold->announced = true;
        }
    }
}

static void redis_tell(struct lucid_timer *timer)
{
    struct spent_redis *redis = lucid_owner(timer, struct spent_redis, tell_timer);
    const struct x402_claim *last = redis->answered.last;
    redis->telling = true;
    for (bool more = last != NULL; more;) {
        struct x402_claim *claim = spent_queue_take(&redis->answered);
        more = claim != last && redis->answered.first != NULL;
        if (claim->verb == X402_SPENT_CLAIM && claim->outcome == X402_CLAIMED) {
            claim_announce(redis, claim);
        }
        claim->done(claim);
    }
    redis->telling = false;
    if (redis->answered.first != NULL) {
        (void)lucid_timer_set(redis->loop, &redis->tell_timer, 0);
    }
}

static void spent_redis_ask(struct x402_spent *spent, struct x402_claim *claim)
{
    struct spent_redis *redis = redis_of(spent);
    lucid_assert(claim->key_count > 0 && claim->key_count <= X402_SPENT_KEYS_MAX);
    lucid_assert(claim->done != NULL);
    if (claim->verb == X402_SPENT_CLAIM) {
        redis_claim(redis, claim);
    } else {
        redis_end(redis, claim);
    }
}

static void spent_redis_cancel(struct x402_spent *spent, struct x402_claim *claim)
{
    struct spent_redis *redis = redis_of(spent);
    if (!spent_queue_drop(&redis->answered, claim)) {
        (void)redis_claim_forget(redis, claim);
    } else if (claim->verb == X402_SPENT_CLAIM && claim->outcome == X402_CLAIMED) {
        redis_claim_undo(redis, claim);
    }
}

static void spent_redis_status(const struct x402_spent *spent, struct x402_spent_status *ret)
{
    const struct spent_redis *redis = lucid_owner_const(spent, struct spent_redis, spent);
    *ret = (struct x402_spent_status){.ready = redis->phase == REDIS_READY,
                                      .claims = redis->table.count,
                                      .losses = redis->losses,
                                      .reconnects = redis->connects > 0 ? redis->connects - 1 : 0};
}

static void spent_redis_close(struct x402_spent *spent)
{
    struct spent_redis *redis = redis_of(spent);
    lucid_assert(!redis->telling);
    for (struct redis_op *op = redis->first_op; op != NULL; op = op->next) {
        op->claim = NULL;
    }
    redis_link_close(redis);
    lucid_timer_clear(redis->loop, &redis->tell_timer);
    spent_table_fini(&redis->table);
    lucid_wipe(&redis->place, sizeof(redis->place));
    free(redis);
}

/* --- opening ---------------------------------------------------------------------------------- */

static bool name_copy(const char *name, char *to, size_t bytes)
{
    size_t len = name != NULL ? strlen(name) : 0;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_' || c == '-';
        if (!good) {
            return false;
        }
    }
    if (len == 0 || len >= bytes) {
        return false;
    }
    memcpy(to, name, len + 1);
    return true;
}

static enum lucid_error members_read(struct spent_redis *redis,
                                     const struct x402_spent_redis_options *options,
                                     struct lucid_why *why)
{
    if (options->member_count == 0 || options->member_count > X402_SPENT_MEMBERS_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "CONFIG_INVALID", "redis_members",
                            "1 to %d members", X402_SPENT_MEMBERS_MAX);
    }
    bool found = false;
    for (size_t i = 0; i < options->member_count; i++) {
        if (!name_copy(options->members[i], redis->members[i], sizeof(redis->members[i]))) {
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "CONFIG_INVALID", "redis_members",
                                "a member's name has 1 to %d of A-Z a-z 0-9 . _ -",
                                REDIS_MEMBER_BYTES_MAX);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(redis->members[i], redis->members[j]) == 0) {
                return lucid_refuse(why, LUCID_REFUSE_INVALID, "CONFIG_INVALID", "redis_members",
                                    "%s is named twice", redis->members[i]);
            }
        }
        found = found || (options->self != NULL && strcmp(redis->members[i], options->self) == 0);
    }
    redis->member_count = options->member_count;
    if (!found || !name_copy(options->self, redis->self, sizeof(redis->self))) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "CONFIG_INVALID", "redis_self",
                            "this front end must be one of redis_members");
    }
    return LUCID_OK;
}

static enum lucid_error options_read(struct spent_redis *redis,
                                     const struct x402_spent_redis_options *options,
                                     struct lucid_why *why)
{
    enum lucid_error error = members_read(redis, options, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (!name_copy(options->prefix, redis->prefix, sizeof(redis->prefix)) ||
        options->timeout_ms == 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "CONFIG_INVALID", "redis_timeout_ms",
                            "the prefix of the keys or the time limit is out of range");
    }
    redis->timeout_ms = options->timeout_ms;
    return redis_place_read(options, &redis->place, why);
}

enum lucid_error x402_spent_redis_open(struct lucid_loop *loop, const struct x402_spent_log *log,
                                       const struct x402_spent_redis_options *options,
                                       struct x402_spent **ret, struct lucid_why *why)
{
    static const struct x402_spent_ops ops = {.ask = spent_redis_ask,
                                              .cancel = spent_redis_cancel,
                                              .status = spent_redis_status,
                                              .close = spent_redis_close};
    struct spent_redis *redis = calloc(1, sizeof(*redis));
    if (redis == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = options_read(redis, options, why);
    if (error == LUCID_OK) {
        error = spent_table_init(&redis->table);
    }
    if (error != LUCID_OK) {
        lucid_wipe(redis, sizeof(*redis));
        free(redis);
        return error;
    }
    uint8_t boot[REDIS_BOOT_HEX / 2];
    lucid_random(boot, sizeof(boot));
    lucid_hex_encode(boot, sizeof(boot), redis->boot);
    redis->spent.ops = &ops;
    redis->loop = loop;
    redis->log = *log;
    redis->tell_timer.fire = redis_tell;
    redis_link_open(redis);
    *ret = &redis->spent;
    return LUCID_OK;
}

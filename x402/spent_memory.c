#include <stdlib.h>

#include "base/assert.h"
#include "x402/spent_table_internal.h"

struct spent_memory {
    struct x402_spent spent;
    struct lucid_loop *loop;
    struct x402_spent_log log;
    struct spent_table table;
    struct spent_queue answered;
    struct lucid_timer timer;
    uint64_t tokens;
    bool telling;
};

static struct spent_memory *memory_of(struct x402_spent *spent)
{
    return lucid_owner(spent, struct spent_memory, spent);
}

static struct spent_memory *memory_of_timer(struct lucid_timer *timer)
{
    return lucid_owner(timer, struct spent_memory, timer);
}

/* The hold of that key, if it is this claim's. */
static struct spent_hold *own_hold(struct spent_memory *memory, const struct x402_claim *claim,
                                   const struct x402_spent_key *key)
{
    struct spent_hold *hold = spent_table_find(&memory->table, key);
    return hold != NULL && hold->token == claim->token ? hold : NULL;
}

static enum x402_claim_outcome key_judge(struct spent_memory *memory,
                                         const struct x402_spent_key *key, struct x402_claim *claim)
{
    const struct spent_hold *hold = spent_table_find(&memory->table, key);
    if (hold == NULL) {
        return spent_log_ask(&memory->log, key, claim);
    }
    if (hold->token == claim->token) {
        return X402_CLAIMED;
    }
    claim->same_request = memcmp(hold->digest, claim->digest, sizeof(hold->digest)) == 0;
    return X402_CLAIM_HELD;
}

/* Undoes what this call of a claim got. */
static void fresh_drop(struct spent_memory *memory, const struct x402_claim *claim)
{
    for (size_t i = 0; i < claim->key_count; i++) {
        struct spent_hold *hold = own_hold(memory, claim, &claim->keys[i]);
        if (hold != NULL && !hold->announced) {
            spent_table_remove(&memory->table, hold);
        }
    }
}

static enum x402_claim_outcome memory_claim(struct spent_memory *memory, struct x402_claim *claim)
{
    if (claim->token == 0) {
        claim->token = ++memory->tokens;
    }
    claim->same_request = false;
    claim->here = false;
    for (size_t i = 0; i < claim->key_count; i++) {
        enum x402_claim_outcome outcome = key_judge(memory, &claim->keys[i], claim);
        if (outcome != X402_CLAIMED) {
            return outcome;
        }
    }
    for (size_t i = 0; i < claim->key_count; i++) {
        if (own_hold(memory, claim, &claim->keys[i]) != NULL) {
            continue;
        }
        struct spent_hold *hold =
            spent_table_add(&memory->table, &claim->keys[i], claim->token, claim->digest);
        if (hold == NULL) {
            fresh_drop(memory, claim);
            return X402_CLAIM_UNREADY;
        }
        hold->state = SPENT_HOLD_CLAIMED;
    }
    return X402_CLAIMED;
}

/* Promoted or released: either way the log knows the rest. */
static void memory_drop(struct spent_memory *memory, const struct x402_claim *claim)
{
    for (size_t i = 0; i < claim->key_count; i++) {
        struct spent_hold *hold = spent_table_find(&memory->table, &claim->keys[i]);
        bool any = claim->token == 0 && claim->verb == X402_SPENT_PROMOTE;
        if (hold != NULL && (any || hold->token == claim->token)) {
            spent_table_remove(&memory->table, hold);
        }
    }
}

static void memory_ask(struct x402_spent *spent, struct x402_claim *claim)
{
    struct spent_memory *memory = memory_of(spent);
    lucid_assert(claim->key_count > 0 && claim->key_count <= X402_SPENT_KEYS_MAX);
    lucid_assert(claim->done != NULL);
    if (claim->verb == X402_SPENT_CLAIM) {
        claim->outcome = memory_claim(memory, claim);
    } else {
        memory_drop(memory, claim);
    }
    spent_queue_put(&memory->answered, claim);
    /* Without memory the next ask sets it. */
    (void)lucid_timer_set(memory->loop, &memory->timer, 0);
}

static void memory_tell(struct lucid_timer *timer)
{
    struct spent_memory *memory = memory_of_timer(timer);
    /* Those that are asked from within done wait for the next turn of the loop. */
    const struct x402_claim *last = memory->answered.last;
    memory->telling = true;
    for (bool more = last != NULL; more;) {
        struct x402_claim *claim = spent_queue_take(&memory->answered);
        more = claim != last && memory->answered.first != NULL;
        for (size_t i = 0; claim->verb == X402_SPENT_CLAIM && i < claim->key_count; i++) {
            struct spent_hold *hold = own_hold(memory, claim, &claim->keys[i]);
            if (hold != NULL) {
                hold->announced = true;
            }
        }
        claim->done(claim);
    }
    memory->telling = false;
    if (memory->answered.first != NULL) {
        (void)lucid_timer_set(memory->loop, &memory->timer, 0);
    }
}

static void memory_cancel(struct x402_spent *spent, struct x402_claim *claim)
{
    struct spent_memory *memory = memory_of(spent);
    if (spent_queue_drop(&memory->answered, claim) && claim->verb == X402_SPENT_CLAIM) {
        fresh_drop(memory, claim);
    }
}

static void memory_status(const struct x402_spent *spent, struct x402_spent_status *ret)
{
    const struct spent_memory *memory = lucid_owner_const(spent, struct spent_memory, spent);
    *ret = (struct x402_spent_status){.ready = true, .claims = memory->table.count};
}

static void memory_close(struct x402_spent *spent)
{
    struct spent_memory *memory = memory_of(spent);
    lucid_assert(!memory->telling);
    lucid_timer_clear(memory->loop, &memory->timer);
    spent_table_fini(&memory->table);
    free(memory);
}

enum lucid_error x402_spent_memory_open(struct lucid_loop *loop, const struct x402_spent_log *log,
                                        struct x402_spent **ret)
{
    static const struct x402_spent_ops ops = {
        .ask = memory_ask, .cancel = memory_cancel, .status = memory_status, .close = memory_close};
    struct spent_memory *memory = calloc(1, sizeof(*memory));
    if (memory == NULL || spent_table_init(&memory->table) != LUCID_OK) {
        free(memory);
        return LUCID_RETRY_MEMORY;
    }
    memory->spent.ops = &ops;
    memory->loop = loop;
    memory->log = *log;
    memory->timer.fire = memory_tell;
    *ret = &memory->spent;
    return LUCID_OK;
}

/* x402/spent.h over a Redis that loses its content, its connections, its time and its life. */
#include "spent_redis_rig.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void test_spent_elsewhere(void **state)
{
    struct pair *pair = *state;
    pair_spend(pair, 0, "eip155:1/0x1/1");
    struct suite_claim claim;
    suite_claim_init(&claim, 1, "eip155:1/0x1/1", NULL);
    assert_int_equal(pair_ask(pair, 1, &claim, X402_SPENT_CLAIM), X402_CLAIM_SPENT);
    assert_false(claim.claim.here);
    assert_true(claim.claim.same_request);
    uint8_t id[X402_PAYMENT_ID_BYTES];
    suite_payment_id("eip155:1/0x1/1", id);
    assert_memory_equal(claim.claim.payment_id, id, sizeof(id));
    suite_claim_init(&claim, 2, "eip155:1/0x1/1", NULL);
    assert_int_equal(pair_ask(pair, 1, &claim, X402_SPENT_CLAIM), X402_CLAIM_SPENT);
    assert_false(claim.claim.same_request);
    /* A transaction recorded as a whole. */
    suite_log_put(&pair->logs[0], "eip155:1/0x2/all", 1, false);
    suite_claim_init(&claim, 1, "eip155:1/0x2/all", NULL);
    (void)pair_ask(pair, 0, &claim, X402_SPENT_PROMOTE);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x2/17"), X402_CLAIM_SPENT);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x3/17"), X402_CLAIMED);
}

static void test_all_members_first(void **state)
{
    struct pair *pair = *state;
    pair_close_one(pair, 0);
    pair_close_one(pair, 1);
    redis_server_do(&rig_server, "FLUSHALL");
    suite_log_put(&pair->logs[0], "eip155:1/0x1/1", 1, false);
    pair_open_one(pair, 1);
    rig_turn_for(300);
    assert_false(rig_is_ready(pair->stores[1]));
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x1/1"), X402_CLAIM_UNREADY);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x2/1"), X402_CLAIM_UNREADY);
    pair_open_one(pair, 0);
    pair_wait(pair);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x1/1"), X402_CLAIM_SPENT);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x2/1"), X402_CLAIMED);
    /* One that is away keeps nobody waiting as long as Redis remembers. */
    pair_close_one(pair, 0);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x1/1"), X402_CLAIM_SPENT);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x2/1"), X402_CLAIMED);
    pair_open_one(pair, 0);
}

/* Whoever claimed goes on as if nothing had been, and nobody else gets in between. */
static void after_trouble(struct pair *pair, struct suite_claim *held)
{
    pair_wait(pair);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0xaa/1"), X402_CLAIM_HELD);
    assert_int_equal(pair_probe(pair, 0, "eip155:1/0xaa/1"), X402_CLAIM_HELD);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0xbb/1"), X402_CLAIM_SPENT);
    suite_log_put(&pair->logs[0], "eip155:1/0xaa/1", 1, false);
    (void)pair_ask(pair, 0, held, X402_SPENT_PROMOTE);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0xaa/1"), X402_CLAIM_SPENT);
}

static void before_trouble(struct pair *pair, struct suite_claim *held)
{
    pair_claim(pair, 0, held, "eip155:1/0xaa/1");
    pair_spend(pair, 0, "eip155:1/0xbb/1");
}

static void losses_are(const struct pair *pair, uint64_t want, uint64_t reconnects_min)
{
    for (int i = 0; i < 2; i++) {
        struct x402_spent_status status;
        x402_spent_status(pair->stores[i], &status);
        assert_int_equal(status.losses, want);
        assert_true(status.reconnects >= reconnects_min);
    }
}

static void test_restart(void **state)
{
    struct pair *pair = *state;
    struct suite_claim held;
    before_trouble(pair, &held);
    redis_server_stop(&rig_server, SIGTERM);
    rig_wait_ready(pair->stores[0], false);
    rig_wait_ready(pair->stores[1], false);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0xcc/1"), X402_CLAIM_UNREADY);
    /* What our own log knows needs no Redis. */
    assert_int_equal(pair_probe(pair, 0, "eip155:1/0xbb/1"), X402_CLAIM_SPENT);
    redis_server_start(&rig_server);
    after_trouble(pair, &held);
    losses_are(pair, 0, 1);
}

static void test_restart_emptied(void **state)
{
    struct pair *pair = *state;
    struct suite_claim held;
    before_trouble(pair, &held);
    redis_server_stop(&rig_server, SIGKILL);
    rig_wait_ready(pair->stores[0], false);
    rig_wait_ready(pair->stores[1], false);
    redis_server_empty(&rig_server);
    redis_server_start(&rig_server);
    after_trouble(pair, &held);
    losses_are(pair, 1, 1);
}

static void test_emptied_while_one_is_away(void **state)
{
    struct pair *pair = *state;
    pair_spend(pair, 0, "eip155:1/0xbb/1");
    pair_close_one(pair, 0);
    redis_server_do(&rig_server, "FLUSHALL");
    rig_wait_ready(pair->stores[1], false);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pair_probe(pair, 1, "eip155:1/0xbb/1"), X402_CLAIM_UNREADY);
    }
    pair_open_one(pair, 0);
    pair_wait(pair);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0xbb/1"), X402_CLAIM_SPENT);
}

static void test_flushall(void **state)
{
    struct pair *pair = *state;
    struct suite_claim held;
    before_trouble(pair, &held);
    redis_server_do(&rig_server, "FLUSHALL");
    /* Without waiting for anybody to notice. */
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0xaa/1"), X402_CLAIM_UNREADY);
    after_trouble(pair, &held);
    losses_are(pair, 1, 0);
}

/* Not all of it: only what says that it is all there. */
static void test_marks_lost(void **state)
{
    struct pair *pair = *state;
    struct suite_claim held;
    before_trouble(pair, &held);
    redis_server_do(&rig_server, "HDEL test{spent}:loaded b");
    assert_int_equal(pair_probe(pair, 0, "eip155:1/0xcc/1"), X402_CLAIM_UNREADY);
    pair_wait(pair);
    assert_int_equal(pair_probe(pair, 0, "eip155:1/0xcc/1"), X402_CLAIMED);
    redis_server_do(&rig_server, "DEL test{spent}:generation");
    assert_int_equal(pair_probe(pair, 0, "eip155:1/0xcc/1"), X402_CLAIM_UNREADY);
    after_trouble(pair, &held);
    losses_are(pair, 1, 0);
}

/* A server that comes back with its content but for the last second, as after a power cut or as a
 * replica that was behind. */
static void test_restart_older(void **state)
{
    struct pair *pair = *state;
    struct suite_claim held;
    before_trouble(pair, &held);
    assert_int_equal(redis_server_do(&rig_server, "DEL test{spent}:k:eip155:1/0xaa/1"), 1);
    assert_int_equal(redis_server_do(&rig_server, "DEL test{spent}:k:eip155:1/0xbb/1"), 1);
    redis_server_stop(&rig_server, SIGTERM);
    rig_wait_ready(pair->stores[0], false);
    rig_wait_ready(pair->stores[1], false);
    redis_server_start(&rig_server);
    after_trouble(pair, &held);
    losses_are(pair, 0, 1);
}

static void test_client_kill(void **state)
{
    struct pair *pair = *state;
    struct suite_claim held;
    before_trouble(pair, &held);
    for (int i = 0; i < 5; i++) {
        redis_server_do(&rig_server, "CLIENT KILL TYPE normal SKIPME yes");
        enum x402_claim_outcome outcome = pair_probe(pair, 1, "eip155:1/0xcc/1");
        assert_true(outcome == X402_CLAIM_UNREADY || outcome == X402_CLAIMED);
        pair_wait(pair);
    }
    after_trouble(pair, &held);
    assert_int_equal(pair_probe(pair, 0, "eip155:1/0xcc/1"), X402_CLAIMED);
    losses_are(pair, 0, 1);
}

static void test_script_flush(void **state)
{
    struct pair *pair = *state;
    struct suite_claim held;
    before_trouble(pair, &held);
    redis_server_do(&rig_server, "SCRIPT FLUSH");
    struct suite_claim claims[64];
    for (int i = 0; i < 64; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "eip155:1/0x%x/1", i);
        suite_claim_init(&claims[i], 1, key, NULL);
        suite_start(pair->stores[i % 2], &claims[i], X402_SPENT_CLAIM);
    }
    for (int i = 0; i < 64; i++) {
        suite_wait(&rig_fixture, &claims[i]);
        assert_int_equal(claims[i].claim.outcome, X402_CLAIMED);
    }
    after_trouble(pair, &held);
    losses_are(pair, 0, 0);
}

/* Claims that were sent and never answered are neither had nor lost for ever. */
static void test_slow(void **state)
{
    struct pair *pair = *state;
    struct suite_claim held;
    before_trouble(pair, &held);
    redis_server_send(&rig_server, "DEBUG SLEEP 3");
    (void)usleep(20000);
    struct suite_claim late;
    suite_claim_init(&late, 1, "eip155:1/0xcc/1", NULL);
    uint64_t begin = rig_now_ms();
    assert_int_equal(pair_ask(pair, 0, &late, X402_SPENT_CLAIM), X402_CLAIM_UNREADY);
    assert_true(rig_now_ms() - begin < 2900);
    after_trouble(pair, &held);
    enum x402_claim_outcome outcome = X402_CLAIM_HELD;
    for (int i = 0; i < 200 && outcome == X402_CLAIM_HELD; i++) {
        outcome = pair_probe(pair, 1, "eip155:1/0xcc/1");
    }
    assert_int_equal(outcome, X402_CLAIMED);
}

/* An end that could not be told is told when Redis is back. */
static void test_killed_in_between(void **state)
{
    struct pair *pair = *state;
    struct suite_claim settled;
    struct suite_claim refused;
    pair_claim(pair, 0, &settled, "eip155:1/0x1/1");
    pair_claim(pair, 0, &refused, "eip155:1/0x2/1");
    redis_server_stop(&rig_server, SIGKILL);
    suite_log_put(&pair->logs[0], "eip155:1/0x1/1", 1, false);
    uint64_t begin = rig_now_ms();
    (void)pair_ask(pair, 0, &settled, X402_SPENT_PROMOTE);
    (void)pair_ask(pair, 0, &refused, X402_SPENT_RELEASE);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x2/1"), X402_CLAIM_UNREADY);
    assert_true(rig_now_ms() - begin < 1500);
    redis_server_start(&rig_server);
    pair_wait(pair);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x1/1"), X402_CLAIM_SPENT);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x2/1"), X402_CLAIMED);
    struct x402_spent_status status;
    x402_spent_status(pair->stores[0], &status);
    assert_int_equal(status.claims, 0);
}

/* A member that died with claims, by what its log says of them. */
static void test_recovery(void **state)
{
    struct pair *pair = *state;
    struct suite_claim claims[4];
    static const char *const keys[] = {"eip155:1/0x1/1", "eip155:1/0x2/1", "eip155:1/0x3/1",
                                       "eip155:1/0x4/1"};
    for (int i = 0; i < 4; i++) {
        pair_claim(pair, 0, &claims[i], keys[i]);
    }
    suite_log_put(&pair->logs[0], keys[1], 1, false); /* settled, not promoted */
    suite_log_put(&pair->logs[0], keys[2], 1, true);  /* intents without an end */
    suite_log_put(&pair->logs[0], keys[3], 1, true);
    pair_close_one(pair, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pair_probe(pair, 1, keys[i]), X402_CLAIM_HELD);
    }
    pair_open_one(pair, 0);
    pair_wait(pair);
    assert_int_equal(pair_probe(pair, 1, keys[0]), X402_CLAIMED);
    assert_int_equal(pair_probe(pair, 1, keys[1]), X402_CLAIM_SPENT);
    assert_int_equal(pair_probe(pair, 1, keys[2]), X402_CLAIM_HELD);
    assert_int_equal(pair_probe(pair, 1, keys[3]), X402_CLAIM_HELD);
    assert_int_equal(pair_probe(pair, 0, keys[2]), X402_CLAIM_SPENT);
    /* What a process before claimed cannot be ended with what it knew. */
    (void)pair_ask(pair, 0, &claims[2], X402_SPENT_RELEASE);
    assert_int_equal(pair_probe(pair, 1, keys[2]), X402_CLAIM_HELD);
    /* The keeper sees to them. */
    struct suite_claim keeper;
    suite_claim_init(&keeper, 1, keys[2], NULL);
    suite_log_put(&pair->logs[0], keys[2], 1, false);
    (void)pair_ask(pair, 0, &keeper, X402_SPENT_PROMOTE);
    assert_int_equal(pair_probe(pair, 1, keys[2]), X402_CLAIM_SPENT);
    suite_claim_init(&keeper, 1, keys[3], NULL);
    (void)pair_ask(pair, 0, &keeper, X402_SPENT_RELEASE); /* too early: the log has it open */
    assert_int_equal(pair_probe(pair, 1, keys[3]), X402_CLAIM_HELD);
    suite_log_drop(&pair->logs[0], keys[3]);
    (void)pair_ask(pair, 0, &keeper, X402_SPENT_RELEASE);
    assert_int_equal(pair_probe(pair, 1, keys[3]), X402_CLAIMED);
}

/* A log in which the intent ends as failed when the loading has just begun. */
struct ending {
    struct pair *pair;
    struct x402_spent_log log;
    struct suite_claim keeper;
};

static enum lucid_error ending_find(void *context, struct lucid_span key,
                                    uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES],
                                    uint8_t ret_digest[32], bool *ret_pending)
{
    const struct ending *ending = context;
    return ending->log.find(ending->log.context, key, ret_payment_id, ret_digest, ret_pending);
}

static enum lucid_error ending_next(void *context, struct lucid_span after,
                                    struct x402_spent_key *ret,
                                    uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES],
                                    uint8_t ret_digest[32], bool *ret_pending)
{
    struct ending *ending = context;
    if (ending->keeper.claim.key_count == 0) {
        suite_log_drop(&ending->pair->logs[0], "eip155:1/0x1/1");
        suite_claim_init(&ending->keeper, 1, "eip155:1/0x1/1", NULL);
        suite_start(ending->pair->stores[0], &ending->keeper, X402_SPENT_RELEASE);
    }
    return ending->log.next(ending->log.context, after, ret, ret_payment_id, ret_digest,
                            ret_pending);
}

static void test_ends_while_loading(void **state)
{
    struct pair *pair = *state;
    struct suite_claim claim;
    pair_claim(pair, 0, &claim, "eip155:1/0x1/1");
    suite_log_put(&pair->logs[0], "eip155:1/0x1/1", 1, true);
    pair_close_one(pair, 0);
    struct ending ending = {.pair = pair, .log = suite_log_view(&pair->logs[0])};
    const struct x402_spent_log log = {
        .find = ending_find, .next = ending_next, .context = &ending};
    pair->stores[0] = rig_open("a", rig_two_members, 2, &log);
    assert_non_null(pair->stores[0]);
    pair_wait(pair);
    suite_wait(&rig_fixture, &ending.keeper);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x1/1"), X402_CLAIMED);
    pair_close_one(pair, 0);
    pair_open_one(pair, 0);
}

/* An intent without an end that Redis has lost, and its member was away. */
static void test_recovery_after_loss(void **state)
{
    struct pair *pair = *state;
    struct suite_claim claim;
    pair_claim(pair, 0, &claim, "eip155:1/0x1/1");
    suite_log_put(&pair->logs[0], "eip155:1/0x1/1", 1, true);
    pair_close_one(pair, 0);
    redis_server_do(&rig_server, "FLUSHALL");
    pair_open_one(pair, 0);
    rig_wait_ready(pair->stores[0], true);
    rig_wait_ready(pair->stores[1], true);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x1/1"), X402_CLAIM_HELD);
}

/* Released too early by a confused caller: the log knows better. */
static void test_release_asks_the_log(void **state)
{
    struct pair *pair = *state;
    struct suite_claim claim;
    pair_claim(pair, 0, &claim, "eip155:1/0x1/1");
    suite_log_put(&pair->logs[0], "eip155:1/0x1/1", 1, false);
    (void)pair_ask(pair, 0, &claim, X402_SPENT_RELEASE);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x1/1"), X402_CLAIM_SPENT);
    pair_claim(pair, 0, &claim, "eip155:1/0x2/1");
    suite_log_put(&pair->logs[0], "eip155:1/0x2/1", 1, true);
    (void)pair_ask(pair, 0, &claim, X402_SPENT_RELEASE);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x2/1"), X402_CLAIM_HELD);
    suite_log_drop(&pair->logs[0], "eip155:1/0x2/1");
    (void)pair_ask(pair, 0, &claim, X402_SPENT_RELEASE);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x2/1"), X402_CLAIMED);
}

/* Two processes by one name: a mistake, after which the older one can free nothing. */
static void test_replaced(void **state)
{
    struct pair *pair = *state;
    struct suite_claim old_claim;
    struct suite_claim new_claim;
    pair_claim(pair, 0, &old_claim, "eip155:1/0x1/1");
    struct x402_spent *old = pair->stores[0];
    pair_open_one(pair, 0);
    rig_wait_ready(pair->stores[0], true);
    pair_claim(pair, 0, &new_claim, "eip155:1/0x1/1");
    (void)suite_ask(&rig_fixture, old, &old_claim, X402_SPENT_RELEASE);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0x1/1"), X402_CLAIM_HELD);
    struct suite_claim more;
    suite_claim_init(&more, 1, "eip155:1/0x2/1", NULL);
    assert_int_equal(suite_ask(&rig_fixture, old, &more, X402_SPENT_CLAIM), X402_CLAIM_UNREADY);
    x402_spent_close(old);
}

static void test_no_room(void **state)
{
    struct pair *pair = *state;
    struct suite_claim held;
    before_trouble(pair, &held);
    redis_server_do(&rig_server, "CONFIG SET maxmemory 1");
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0xcc/1"), X402_CLAIM_UNREADY);
    redis_server_do(&rig_server, "CONFIG SET maxmemory 0");
    after_trouble(pair, &held);
    assert_int_equal(pair_probe(pair, 1, "eip155:1/0xcc/1"), X402_CLAIMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_PAIR(test_spent_elsewhere),
        RIG_PAIR(test_all_members_first),
        RIG_PAIR(test_restart),
        RIG_PAIR(test_restart_emptied),
        RIG_PAIR(test_emptied_while_one_is_away),
        RIG_PAIR(test_flushall),
        RIG_PAIR(test_marks_lost),
        RIG_PAIR(test_restart_older),
        RIG_PAIR(test_client_kill),
        RIG_PAIR(test_script_flush),
        RIG_PAIR(test_slow),
        RIG_PAIR(test_killed_in_between),
        RIG_PAIR(test_recovery),
        RIG_PAIR(test_ends_while_loading),
        RIG_PAIR(test_recovery_after_loss),
        RIG_PAIR(test_release_asks_the_log),
        RIG_PAIR(test_replaced),
        RIG_PAIR(test_no_room),
    };
    return rig_run("x402_spent_redis", tests, sizeof(tests) / sizeof(tests[0]), true);
}

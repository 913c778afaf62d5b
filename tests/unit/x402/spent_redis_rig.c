#include "spent_redis_rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"

struct redis_server rig_server;
struct fake_loop rig_loop;
static uint64_t real_ms;

const char *const rig_one_member[] = {"a"};
const char *const rig_two_members[] = {"a", "b"};

uint64_t rig_now_ms(void)
{
    struct timespec now;
    lucid_assert(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The hands go with real time, because Redis's do. */
void rig_turn(void *context)
{
    (void)context;
    fake_loop_settle(&rig_loop);
    (void)fake_loop_poll(&rig_loop, 1);
    uint64_t now = rig_now_ms();
    fake_loop_advance(&rig_loop, now - real_ms);
    real_ms = now;
}

struct x402_spent_redis_options rig_options(const char *self, const char *const *members,
                                            size_t count)
{
    return (struct x402_spent_redis_options){.url = rig_server.url,
                                             .prefix = "test",
                                             .members = members,
                                             .member_count = count,
                                             .self = self,
                                             .timeout_ms = 2000};
}

struct x402_spent *rig_open(const char *self, const char *const *members, size_t count,
                            const struct x402_spent_log *log)
{
    struct x402_spent_redis_options options = rig_options(self, members, count);
    struct x402_spent *spent = NULL;
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = x402_spent_redis_open(&rig_loop.loop, log, &options, &spent, &why);
    return error == LUCID_OK ? spent : NULL;
}

bool rig_is_ready(const struct x402_spent *spent)
{
    struct x402_spent_status status;
    x402_spent_status(spent, &status);
    return status.ready;
}

void rig_wait_ready(const struct x402_spent *spent, bool ready)
{
    for (uint64_t until = rig_now_ms() + 20000; rig_is_ready(spent) != ready;) {
        assert_true(rig_now_ms() < until);
        rig_turn(NULL);
    }
}

void rig_turn_for(uint64_t ms)
{
    for (uint64_t until = rig_now_ms() + ms; rig_now_ms() < until;) {
        rig_turn(NULL);
    }
}

static struct x402_spent *suite_open(void *context, const struct x402_spent_log *log)
{
    (void)context;
    struct x402_spent *spent = rig_open("a", rig_one_member, 1, log);
    if (spent != NULL) {
        rig_wait_ready(spent, true);
    }
    return spent;
}

static void suite_close(void *context, struct x402_spent *spent)
{
    (void)context;
    x402_spent_close(spent);
    redis_server_do(&rig_server, "FLUSHALL");
}

const struct suite_fixture rig_fixture = {
    .open = suite_open, .close = suite_close, .turn = rig_turn};

/* --- two members ------------------------------------------------------------------------------ */

void pair_open_one(struct pair *pair, int which)
{
    struct x402_spent_log log = suite_log_view(&pair->logs[which]);
    pair->stores[which] = rig_open(rig_two_members[which], rig_two_members, 2, &log);
    assert_non_null(pair->stores[which]);
}

void pair_close_one(struct pair *pair, int which)
{
    x402_spent_close(pair->stores[which]);
    pair->stores[which] = NULL;
}

void pair_wait(struct pair *pair)
{
    rig_wait_ready(pair->stores[0], true);
    rig_wait_ready(pair->stores[1], true);
}

int rig_pair_setup(void **state)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    *state = pair;
    redis_server_do(&rig_server, "FLUSHALL");
    pair_open_one(pair, 0);
    pair_open_one(pair, 1);
    pair_wait(pair);
    return 0;
}

int rig_pair_teardown(void **state)
{
    struct pair *pair = *state;
    for (int i = 0; i < 2; i++) {
        x402_spent_close(pair->stores[i]);
        suite_log_fini(&pair->logs[i]);
    }
    free(pair);
    return 0;
}

enum x402_claim_outcome pair_ask(struct pair *pair, int which, struct suite_claim *claim,
                                 enum x402_spent_verb verb)
{
    return suite_ask(&rig_fixture, pair->stores[which], claim, verb);
}

/* A claim by somebody new, which is given back. */
enum x402_claim_outcome pair_probe(struct pair *pair, int which, const char *key)
{
    struct suite_claim claim;
    suite_claim_init(&claim, 1, key, NULL);
    enum x402_claim_outcome outcome = pair_ask(pair, which, &claim, X402_SPENT_CLAIM);
    if (outcome == X402_CLAIMED) {
        (void)pair_ask(pair, which, &claim, X402_SPENT_RELEASE);
    }
    return outcome;
}

void pair_claim(struct pair *pair, int which, struct suite_claim *claim, const char *key)
{
    suite_claim_init(claim, 1, key, NULL);
    assert_int_equal(pair_ask(pair, which, claim, X402_SPENT_CLAIM), X402_CLAIMED);
}

/* Claimed, in the log, promoted. */
void pair_spend(struct pair *pair, int which, const char *key)
{
    struct suite_claim claim;
    pair_claim(pair, which, &claim, key);
    suite_log_put(&pair->logs[which], key, 1, false);
    (void)pair_ask(pair, which, &claim, X402_SPENT_PROMOTE);
}

int rig_run(const char *name, const struct CMUnitTest *tests, size_t count, bool suite)
{
    if (!redis_server_there()) {
        (void)printf("1..0 # SKIP there is no redis-server\n");
        return 0;
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    lucid_assert(sigaction(SIGPIPE, &ignore, NULL) == 0);
    redis_server_init(&rig_server);
    real_ms = rig_now_ms();
    fake_loop_init(&rig_loop, real_ms);
    int failed = suite ? suite_run(name, &rig_fixture, tests, count)
                       : _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    fake_loop_fini(&rig_loop);
    redis_server_fini(&rig_server);
    return failed;
}

/* x402/spent.h in one process. */
#include "spent_suite.h"

#include <stdio.h>
#include <stdlib.h>

#include "fake_loop.h"

static struct fake_loop loop;

static struct x402_spent *memory_open(void *context, const struct x402_spent_log *log)
{
    (void)context;
    struct x402_spent *spent = NULL;
    return x402_spent_memory_open(&loop.loop, log, &spent) == LUCID_OK ? spent : NULL;
}

static void memory_close(void *context, struct x402_spent *spent)
{
    (void)context;
    x402_spent_close(spent);
}

static void memory_turn(void *context)
{
    (void)context;
    fake_loop_settle(&loop);
}

static const struct suite_fixture fixture = {
    .open = memory_open, .close = memory_close, .turn = memory_turn};

/* More than there is room for is refused, not forgotten. */
static void test_bound(void **state)
{
    (void)state;
    struct suite_log log = {.entries = NULL};
    struct x402_spent_log view = suite_log_view(&log);
    struct x402_spent *spent = memory_open(NULL, &view);
    assert_non_null(spent);
    struct suite_claim claim;
    char key[64];
    for (unsigned i = 0; i < X402_SPENT_HOLDS_MAX; i++) {
        (void)snprintf(key, sizeof(key), "eip155:1/0x%x/1", i);
        suite_claim_init(&claim, 1, key, NULL);
        assert_int_equal(suite_ask(&fixture, spent, &claim, X402_SPENT_CLAIM), X402_CLAIMED);
    }
    uint64_t last = claim.claim.token;
    suite_claim_init(&claim, 1, "eip155:1/0xffff00/1", "eip155:1/0xffff01/1");
    assert_int_equal(suite_ask(&fixture, spent, &claim, X402_SPENT_CLAIM), X402_CLAIM_UNREADY);
    suite_claim_init(&claim, 1, key, NULL);
    claim.claim.token = last;
    suite_ask(&fixture, spent, &claim, X402_SPENT_RELEASE);
    /* Room for one of two is none. */
    suite_claim_init(&claim, 1, "eip155:1/0xffff00/1", "eip155:1/0xffff01/1");
    assert_int_equal(suite_ask(&fixture, spent, &claim, X402_SPENT_CLAIM), X402_CLAIM_UNREADY);
    suite_claim_init(&claim, 1, "eip155:1/0xffff00/1", NULL);
    assert_int_equal(suite_ask(&fixture, spent, &claim, X402_SPENT_CLAIM), X402_CLAIMED);
    x402_spent_close(spent);
    suite_log_fini(&log);
}

/* Whoever is answered without memory for a timer is answered with the next. */
static void test_no_timer(void **state)
{
    (void)state;
    struct suite_log log = {.entries = NULL};
    struct x402_spent_log view = suite_log_view(&log);
    struct x402_spent *spent = memory_open(NULL, &view);
    struct suite_claim claims[2];
    suite_claim_init(&claims[0], 1, "eip155:1/0x1/1", NULL);
    suite_claim_init(&claims[1], 1, "eip155:1/0x2/1", NULL);
    loop.no_memory = true;
    suite_start(spent, &claims[0], X402_SPENT_CLAIM);
    loop.no_memory = false;
    fake_loop_settle(&loop);
    assert_int_equal(claims[0].done, 0);
    suite_start(spent, &claims[1], X402_SPENT_CLAIM);
    fake_loop_settle(&loop);
    assert_int_equal(claims[0].done, 1);
    assert_int_equal(claims[1].done, 1);
    x402_spent_close(spent);
}

int main(void)
{
    fake_loop_init(&loop, 1);
    const struct CMUnitTest more[] = {cmocka_unit_test(test_bound),
                                      cmocka_unit_test(test_no_timer)};
    int failed = suite_run("x402_spent_memory", &fixture, more, sizeof(more) / sizeof(more[0]));
    fake_loop_fini(&loop);
    return failed;
}

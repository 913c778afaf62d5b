/* Two members and one Redis under load. */
#include "spent_redis_rig.h"

#include <stdio.h>
#include <stdlib.h>

/* Several thousand keys, and Redis is emptied again and again while they are loaded. */
static void test_emptied_while_loading(void **state)
{
    struct pair *pair = *state;
    enum { KEYS = 6000 };
    for (int i = 0; i < KEYS; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "eip155:1/0x%06x/1", i);
        suite_log_put(&pair->logs[0], key, 1, false);
    }
    pair_close_one(pair, 0);
    redis_server_do(&rig_server, "FLUSHALL");
    pair_open_one(pair, 0);
    for (int i = 0; i < 4; i++) {
        rig_turn_for(3);
        redis_server_do(&rig_server, "FLUSHALL");
    }
    pair_wait(pair);
    for (int i = 0; i < KEYS; i += 97) {
        char key[64];
        (void)snprintf(key, sizeof(key), "eip155:1/0x%06x/1", i);
        assert_int_equal(pair_probe(pair, 1, key), X402_CLAIM_SPENT);
    }
    /* Keys, generation, loaded, links. */
    assert_int_equal(redis_server_do(&rig_server, "DBSIZE"), KEYS + 3);
}

/* Both want the same keys, thousands of times: one gets each. */
static void test_race(void **state)
{
    struct pair *pair = *state;
    enum { ROUNDS = 100, WIDTH = 32 };
    struct suite_claim(*claims)[2] = calloc(WIDTH, sizeof(*claims));
    unsigned won[2] = {0, 0};
    uint64_t seed = 7;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < WIDTH; i++) {
            char key[64];
            (void)snprintf(key, sizeof(key), "eip155:1/0x%x/%d", round, i);
            for (int j = 0; j < 2; j++) {
                int who = (i + j) % 2;
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                if (seed >> 62 == 0) {
                    rig_turn(NULL); /* else Redis sees them in the order of their sockets */
                }
                suite_claim_init(&claims[i][who], (uint8_t)who, key, NULL);
                suite_start(pair->stores[who], &claims[i][who], X402_SPENT_CLAIM);
            }
        }
        for (int i = 0; i < WIDTH; i++) {
            unsigned got = 0;
            for (int who = 0; who < 2; who++) {
                suite_wait(&rig_fixture, &claims[i][who]);
                bool mine = claims[i][who].claim.outcome == X402_CLAIMED;
                assert_true(mine || claims[i][who].claim.outcome == X402_CLAIM_HELD);
                got += mine;
                won[who] += mine;
            }
            assert_int_equal(got, 1);
        }
    }
    print_message("# %u and %u of %u\n", won[0], won[1], ROUNDS * WIDTH);
    assert_true(won[0] > 0 && won[1] > 0);
    free(claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_PAIR(test_emptied_while_loading),
        RIG_PAIR(test_race),
    };
    return rig_run("x402_spent_redis_much", tests, sizeof(tests) / sizeof(tests[0]), false);
}

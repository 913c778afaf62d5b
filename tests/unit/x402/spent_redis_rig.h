/* Stores over a Redis of the test's own, and two members that share it. */
#ifndef LUCID_TESTS_SPENT_REDIS_RIG_H
#define LUCID_TESTS_SPENT_REDIS_RIG_H

#include "fake_loop.h"
#include "redis_server.h"
#include "spent_suite.h"

extern struct redis_server rig_server;
extern struct fake_loop rig_loop; /* its hands go with real time */
extern const struct suite_fixture rig_fixture;
extern const char *const rig_one_member[1];
extern const char *const rig_two_members[2];

uint64_t rig_now_ms(void);
void rig_turn(void *context);
void rig_turn_for(uint64_t ms);
struct x402_spent_redis_options rig_options(const char *self, const char *const *members,
                                            size_t count);
/* NULL: refused. */
struct x402_spent *rig_open(const char *self, const char *const *members, size_t count,
                            const struct x402_spent_log *log);
bool rig_is_ready(const struct x402_spent *spent);
void rig_wait_ready(const struct x402_spent *spent, bool ready);

struct pair {
    struct suite_log logs[2];
    struct x402_spent *stores[2];
};

/* State: a struct pair, both ready, over an empty Redis. */
int rig_pair_setup(void **state);
int rig_pair_teardown(void **state);
#define RIG_PAIR(f) cmocka_unit_test_setup_teardown(f, rig_pair_setup, rig_pair_teardown)

void pair_open_one(struct pair *pair, int which);
void pair_close_one(struct pair *pair, int which);
void pair_wait(struct pair *pair);
enum x402_claim_outcome pair_ask(struct pair *pair, int which, struct suite_claim *claim,
                                 enum x402_spent_verb verb);
/* A claim by somebody new, which is given back. */
enum x402_claim_outcome pair_probe(struct pair *pair, int which, const char *key);
void pair_claim(struct pair *pair, int which, struct suite_claim *claim, const char *key);
/* Claimed, in the log, promoted. */
void pair_spend(struct pair *pair, int which, const char *key);

/* main: with a server, or skipped without; suite: the conformance suite first. */
int rig_run(const char *name, const struct CMUnitTest *tests, size_t count, bool suite);

#endif

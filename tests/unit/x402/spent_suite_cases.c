/* What every spent store must do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "spent_suite.h"

#define KEY_A "eip155:84532/0x036cbd53842c5426634e7929541ec2318f3dcf7e/0xaa/0x01"
#define KEY_B "eip155:84532/0x036cbd53842c5426634e7929541ec2318f3dcf7e/0xaa/0x02"
#define KEY_T "eip155:84532/0x77/3"

struct world {
    const struct suite_fixture *fixture;
    struct suite_log log;
    struct x402_spent *spent;
};

static struct world world;

static int setup(void **state)
{
    struct x402_spent_log log = suite_log_view(&world.log);
    world.spent = world.fixture->open(world.fixture->context, &log);
    *state = &world;
    return world.spent != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    world.fixture->close(world.fixture->context, world.spent);
    suite_log_fini(&world.log);
    return 0;
}

static enum x402_claim_outcome ask(struct suite_claim *claim, enum x402_spent_verb verb)
{
    return suite_ask(world.fixture, world.spent, claim, verb);
}

/* Asks for a claim by somebody new and gives it back if it was given. */
static enum x402_claim_outcome probe(const char *key, uint8_t request, bool *ret_same)
{
    struct suite_claim claim;
    suite_claim_init(&claim, request, key, NULL);
    enum x402_claim_outcome outcome = ask(&claim, X402_SPENT_CLAIM);
    if (ret_same != NULL) {
        *ret_same = claim.claim.same_request;
    }
    if (outcome == X402_CLAIMED) {
        (void)ask(&claim, X402_SPENT_RELEASE);
    }
    return outcome;
}

static void test_claim(void **state)
{
    (void)state;
    struct suite_claim first;
    suite_claim_init(&first, 1, KEY_A, NULL);
    assert_int_equal(ask(&first, X402_SPENT_CLAIM), X402_CLAIMED);
    bool same;
    assert_int_equal(probe(KEY_A, 1, &same), X402_CLAIM_HELD);
    assert_true(same);
    assert_int_equal(probe(KEY_A, 2, &same), X402_CLAIM_HELD);
    assert_false(same);
    assert_int_equal(probe(KEY_B, 1, NULL), X402_CLAIMED);
    /* Whose it is may ask again. */
    assert_int_equal(ask(&first, X402_SPENT_CLAIM), X402_CLAIMED);
    struct x402_spent_status status;
    x402_spent_status(world.spent, &status);
    assert_true(status.ready);
    assert_int_equal(status.claims, 1);
    (void)ask(&first, X402_SPENT_RELEASE);
    x402_spent_status(world.spent, &status);
    assert_int_equal(status.claims, 0);
}

static void test_all_or_none(void **state)
{
    (void)state;
    struct suite_claim one;
    struct suite_claim both;
    suite_claim_init(&one, 1, KEY_B, NULL);
    assert_int_equal(ask(&one, X402_SPENT_CLAIM), X402_CLAIMED);
    suite_claim_init(&both, 1, KEY_A, KEY_B);
    assert_int_equal(ask(&both, X402_SPENT_CLAIM), X402_CLAIM_HELD);
    assert_int_equal(probe(KEY_A, 2, NULL), X402_CLAIMED);
    suite_claim_init(&both, 1, KEY_B, KEY_A);
    assert_int_equal(ask(&both, X402_SPENT_CLAIM), X402_CLAIM_HELD);
    assert_int_equal(probe(KEY_A, 2, NULL), X402_CLAIMED);
    /* One of them spent. */
    suite_log_put(&world.log, KEY_B, 1, false);
    (void)ask(&one, X402_SPENT_PROMOTE);
    suite_claim_init(&both, 1, KEY_A, KEY_B);
    assert_int_equal(ask(&both, X402_SPENT_CLAIM), X402_CLAIM_SPENT);
    assert_int_equal(probe(KEY_A, 2, NULL), X402_CLAIMED);
}

static void test_more_keys(void **state)
{
    (void)state;
    struct suite_claim claim;
    suite_claim_init(&claim, 1, KEY_A, NULL);
    assert_int_equal(ask(&claim, X402_SPENT_CLAIM), X402_CLAIMED);
    uint64_t token = claim.claim.token;
    suite_claim_init(&claim, 1, KEY_A, KEY_T);
    claim.claim.token = token;
    assert_int_equal(ask(&claim, X402_SPENT_CLAIM), X402_CLAIMED);
    assert_int_equal(probe(KEY_T, 1, NULL), X402_CLAIM_HELD);
    suite_log_put(&world.log, KEY_A, 1, false);
    suite_log_put(&world.log, KEY_T, 1, false);
    (void)ask(&claim, X402_SPENT_PROMOTE);
    assert_int_equal(probe(KEY_A, 1, NULL), X402_CLAIM_SPENT);
    assert_int_equal(probe(KEY_T, 1, NULL), X402_CLAIM_SPENT);
}

static void test_same_key_twice(void **state)
{
    (void)state;
    struct suite_claim claim;
    suite_claim_init(&claim, 1, KEY_A, KEY_A);
    assert_int_equal(ask(&claim, X402_SPENT_CLAIM), X402_CLAIMED);
    assert_int_equal(probe(KEY_A, 1, NULL), X402_CLAIM_HELD);
    (void)ask(&claim, X402_SPENT_RELEASE);
    assert_int_equal(probe(KEY_A, 1, NULL), X402_CLAIMED);
}

static void test_promote(void **state)
{
    (void)state;
    struct suite_claim claim;
    suite_claim_init(&claim, 7, KEY_A, NULL);
    assert_int_equal(ask(&claim, X402_SPENT_CLAIM), X402_CLAIMED);
    /* With the second key, which nobody has claimed. */
    uint64_t token = claim.claim.token;
    suite_claim_init(&claim, 7, KEY_A, KEY_T);
    claim.claim.token = token;
    suite_log_put(&world.log, KEY_A, 7, false);
    suite_log_put(&world.log, KEY_T, 7, false);
    (void)ask(&claim, X402_SPENT_PROMOTE);
    const char *const keys[] = {KEY_A, KEY_T};
    for (size_t i = 0; i < 2; i++) {
        struct suite_claim later;
        suite_claim_init(&later, 7, keys[i], NULL);
        assert_int_equal(ask(&later, X402_SPENT_CLAIM), X402_CLAIM_SPENT);
        assert_true(later.claim.same_request);
        assert_true(later.claim.here);
        uint8_t id[X402_PAYMENT_ID_BYTES];
        suite_payment_id(keys[i], id);
        assert_memory_equal(later.claim.payment_id, id, sizeof(id));
        suite_claim_init(&later, 8, keys[i], NULL);
        assert_int_equal(ask(&later, X402_SPENT_CLAIM), X402_CLAIM_SPENT);
        assert_false(later.claim.same_request);
        (void)ask(&later, X402_SPENT_RELEASE);
        assert_int_equal(probe(keys[i], 7, NULL), X402_CLAIM_SPENT);
    }
    /* For ever: nor can its own claim take it back. */
    (void)ask(&claim, X402_SPENT_RELEASE);
    assert_int_equal(probe(KEY_A, 7, NULL), X402_CLAIM_SPENT);
    assert_int_equal(ask(&claim, X402_SPENT_CLAIM), X402_CLAIM_SPENT);
}

static void test_release(void **state)
{
    (void)state;
    struct suite_claim holder;
    struct suite_claim other;
    suite_claim_init(&holder, 1, KEY_A, KEY_B);
    assert_int_equal(ask(&holder, X402_SPENT_CLAIM), X402_CLAIMED);
    suite_claim_init(&other, 1, KEY_A, KEY_B);
    assert_int_equal(ask(&other, X402_SPENT_CLAIM), X402_CLAIM_HELD);
    /* A late one, and one that never claimed. */
    (void)ask(&other, X402_SPENT_RELEASE);
    assert_int_equal(probe(KEY_A, 1, NULL), X402_CLAIM_HELD);
    other.claim.token = 0;
    (void)ask(&other, X402_SPENT_RELEASE);
    assert_int_equal(probe(KEY_B, 1, NULL), X402_CLAIM_HELD);
    (void)ask(&holder, X402_SPENT_RELEASE);
    assert_int_equal(probe(KEY_A, 1, NULL), X402_CLAIMED);
    assert_int_equal(probe(KEY_B, 1, NULL), X402_CLAIMED);
    /* Long released, and somebody else's by now. */
    assert_int_equal(ask(&other, X402_SPENT_CLAIM), X402_CLAIMED);
    (void)ask(&holder, X402_SPENT_RELEASE);
    assert_int_equal(probe(KEY_A, 1, NULL), X402_CLAIM_HELD);
}

static void test_promote_without_claim(void **state)
{
    (void)state;
    struct suite_claim keeper;
    suite_claim_init(&keeper, 1, KEY_A, NULL);
    suite_log_put(&world.log, KEY_A, 1, false);
    (void)ask(&keeper, X402_SPENT_PROMOTE);
    assert_int_equal(probe(KEY_A, 1, NULL), X402_CLAIM_SPENT);
    /* Recorded by hand while a claim is under way. */
    struct suite_claim holder;
    suite_claim_init(&holder, 1, KEY_B, NULL);
    assert_int_equal(ask(&holder, X402_SPENT_CLAIM), X402_CLAIMED);
    suite_log_put(&world.log, KEY_B, 2, false);
    suite_claim_init(&keeper, 2, KEY_B, NULL);
    (void)ask(&keeper, X402_SPENT_PROMOTE);
    assert_int_equal(probe(KEY_B, 1, NULL), X402_CLAIM_SPENT);
    (void)ask(&holder, X402_SPENT_RELEASE);
    assert_int_equal(probe(KEY_B, 1, NULL), X402_CLAIM_SPENT);
}

static void test_log_has_the_last_word(void **state)
{
    (void)state;
    suite_log_put(&world.log, KEY_A, 1, false);
    suite_log_put(&world.log, KEY_B, 1, true);
    struct suite_claim claim;
    suite_claim_init(&claim, 1, KEY_A, NULL);
    assert_int_equal(ask(&claim, X402_SPENT_CLAIM), X402_CLAIM_SPENT);
    assert_true(claim.claim.here && claim.claim.same_request);
    suite_claim_init(&claim, 2, KEY_B, NULL);
    assert_int_equal(ask(&claim, X402_SPENT_CLAIM), X402_CLAIM_SPENT);
    assert_true(claim.claim.here && !claim.claim.same_request);
    suite_log_drop(&world.log, KEY_B); /* the intent has failed */
    assert_int_equal(probe(KEY_B, 2, NULL), X402_CLAIMED);
    world.log.broken = true;
    assert_int_equal(probe(KEY_B, 2, NULL), X402_CLAIM_UNREADY);
    world.log.broken = false;
    assert_int_equal(probe(KEY_B, 2, NULL), X402_CLAIMED);
}

static void test_longest_key(void **state)
{
    (void)state;
    char key[X402_SPENT_KEY_BYTES_MAX + 1] = "";
    memset(key, 'k', X402_SPENT_KEY_BYTES_MAX);
    struct suite_claim claim;
    suite_claim_init(&claim, 1, key, NULL);
    assert_int_equal(ask(&claim, X402_SPENT_CLAIM), X402_CLAIMED);
    assert_int_equal(probe(key, 1, NULL), X402_CLAIM_HELD);
    suite_log_put(&world.log, key, 1, false);
    (void)ask(&claim, X402_SPENT_PROMOTE);
    assert_int_equal(probe(key, 1, NULL), X402_CLAIM_SPENT);
}

static void test_cancel(void **state)
{
    (void)state;
    struct suite_claim claim;
    suite_claim_init(&claim, 1, KEY_A, KEY_B);
    x402_spent_cancel(world.spent, &claim.claim);
    suite_start(world.spent, &claim, X402_SPENT_CLAIM);
    x402_spent_cancel(world.spent, &claim.claim);
    x402_spent_cancel(world.spent, &claim.claim);
    /* The struct is the caller's again. */
    suite_claim_init(&claim, 2, KEY_A, KEY_B);
    enum x402_claim_outcome outcome = X402_CLAIM_HELD;
    for (unsigned i = 0; i < 200 && outcome == X402_CLAIM_HELD; i++) {
        outcome = ask(&claim, X402_SPENT_CLAIM); /* it may take a moment to be given back */
    }
    assert_int_equal(outcome, X402_CLAIMED);
    /* What was had before stays. */
    struct suite_claim more;
    suite_claim_init(&more, 2, KEY_A, KEY_T);
    more.claim.token = claim.claim.token;
    suite_start(world.spent, &more, X402_SPENT_CLAIM);
    x402_spent_cancel(world.spent, &more.claim);
    assert_int_equal(probe(KEY_A, 2, NULL), X402_CLAIM_HELD);
    outcome = X402_CLAIM_HELD;
    for (unsigned i = 0; i < 200 && outcome == X402_CLAIM_HELD; i++) {
        outcome = probe(KEY_T, 2, NULL);
    }
    assert_int_equal(outcome, X402_CLAIMED);
    /* A release goes on. */
    suite_start(world.spent, &claim, X402_SPENT_RELEASE);
    x402_spent_cancel(world.spent, &claim.claim);
    assert_int_equal(claim.done, 0);
    outcome = X402_CLAIM_HELD;
    for (unsigned i = 0; i < 200 && outcome == X402_CLAIM_HELD; i++) {
        outcome = probe(KEY_A, 2, NULL);
    }
    assert_int_equal(outcome, X402_CLAIMED);
    assert_int_equal(claim.done, 0);
}

/* Closed with questions under way: nothing is called, nothing leaks. */
static void test_close_under_way(void **state)
{
    (void)state;
    struct suite_claim claims[8];
    for (unsigned i = 0; i < 8; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "eip155:1/0x%u/%u", i, i);
        suite_claim_init(&claims[i], 1, key, NULL);
        suite_start(world.spent, &claims[i], X402_SPENT_CLAIM);
    }
    world.fixture->close(world.fixture->context, world.spent);
    struct x402_spent_log log = suite_log_view(&world.log);
    world.spent = world.fixture->open(world.fixture->context, &log);
    assert_non_null(world.spent);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(claims[i].done, 0);
    }
}

/* --- chain: asked from within done ------------------------------------------------------------ */

struct chain {
    struct x402_claim claim;
    unsigned left;
    unsigned claimed;
};

static void chain_done(struct x402_claim *claim)
{
    struct chain *chain = claim->owner;
    if (claim->verb == X402_SPENT_CLAIM) {
        chain->claimed += claim->outcome == X402_CLAIMED;
        claim->verb = X402_SPENT_RELEASE;
    } else {
        chain->left--;
        claim->verb = X402_SPENT_CLAIM;
    }
    if (chain->left > 0) {
        x402_spent_ask(world.spent, claim);
    }
}

static void test_ask_from_done(void **state)
{
    (void)state;
    struct chain chain = {.left = 100};
    chain.claim = (struct x402_claim){.key_count = 1, .done = chain_done, .owner = &chain};
    (void)snprintf(chain.claim.keys[0].text, sizeof(chain.claim.keys[0].text), "%s", KEY_A);
    x402_spent_ask(world.spent, &chain.claim);
    for (unsigned i = 0; i < 100000 && chain.left > 0; i++) {
        world.fixture->turn(world.fixture->context);
    }
    assert_int_equal(chain.left, 0);
    assert_int_equal(chain.claimed, 100);
}

/* --- model: random commands against a map ----------------------------------------------------- */

enum { MODEL_KEYS = 10, MODEL_CLAIMS = 8, MODEL_STEPS = 4000 };

struct model_key {
    char text[64];
    int holder; /* -1: nobody */
    uint8_t request;
    bool spent;
    uint8_t spent_request;
};

struct model {
    struct model_key keys[MODEL_KEYS];
    struct suite_claim claims[MODEL_CLAIMS];
    int picks[MODEL_CLAIMS][2];
    uint64_t seed;
};

static uint32_t model_random(struct model *model, uint32_t below)
{
    model->seed = model->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((model->seed >> 33) % below);
}

static void model_key_reset(struct model *model, int at)
{
    struct model_key *key = &model->keys[at];
    *key = (struct model_key){.holder = -1};
    bool transfer = model_random(model, 2) == 0;
    (void)snprintf(key->text, sizeof(key->text), "eip155:1/0x%08x%08x/%s%d",
                   model_random(model, UINT32_MAX), model_random(model, UINT32_MAX),
                   transfer ? "" : "0xaa/0x", at);
}

static enum x402_claim_outcome model_claim(struct model *model, int who, bool *ret_same)
{
    uint8_t request = model->claims[who].claim.digest[0];
    for (size_t i = 0; i < model->claims[who].claim.key_count; i++) {
        const struct model_key *key = &model->keys[model->picks[who][i]];
        if (key->holder == who) {
            continue;
        }
        if (key->holder >= 0) {
            *ret_same = key->request == request;
            return X402_CLAIM_HELD;
        }
        if (key->spent) {
            *ret_same = key->spent_request == request;
            return X402_CLAIM_SPENT;
        }
    }
    for (size_t i = 0; i < model->claims[who].claim.key_count; i++) {
        struct model_key *key = &model->keys[model->picks[who][i]];
        key->request = key->holder == who ? key->request : request;
        key->holder = who;
    }
    return X402_CLAIMED;
}

/* Which claims hold something; those may not be begun anew. */
static bool model_holds(const struct model *model, int who)
{
    bool holds = false;
    for (int i = 0; i < MODEL_KEYS; i++) {
        holds = holds || model->keys[i].holder == who;
    }
    return holds;
}

static void model_begin(struct model *model, int who)
{
    int first = (int)model_random(model, MODEL_KEYS);
    int second = (int)model_random(model, MODEL_KEYS);
    bool two = first != second && model_random(model, 2) == 0;
    suite_claim_init(&model->claims[who], (uint8_t)model_random(model, 3), model->keys[first].text,
                     two ? model->keys[second].text : NULL);
    model->picks[who][0] = first;
    model->picks[who][1] = second;
}

static void model_end(struct model *model, int who, bool promote)
{
    struct suite_claim *claim = &model->claims[who];
    for (size_t i = 0; i < claim->claim.key_count; i++) {
        struct model_key *key = &model->keys[model->picks[who][i]];
        bool mine = key->holder == who;
        if (promote && (mine || key->holder < 0) && !key->spent) {
            key->spent = true;
            key->spent_request = claim->claim.digest[0];
            suite_log_put(&world.log, key->text, claim->claim.digest[0], false);
        }
        if (mine) {
            key->holder = -1;
        }
    }
    (void)ask(claim, promote ? X402_SPENT_PROMOTE : X402_SPENT_RELEASE);
}

static void model_step(struct model *model)
{
    int who = (int)model_random(model, MODEL_CLAIMS);
    uint32_t what = model_random(model, 10);
    if (model->claims[who].claim.key_count == 0 || (what < 4 && !model_holds(model, who))) {
        model_begin(model, who);
    }
    if (what < 6) {
        bool same = false;
        enum x402_claim_outcome want = model_claim(model, who, &same);
        assert_int_equal(ask(&model->claims[who], X402_SPENT_CLAIM), want);
        if (want == X402_CLAIM_HELD || want == X402_CLAIM_SPENT) {
            assert_int_equal(model->claims[who].claim.same_request, same);
        }
        return;
    }
    if (model->claims[who].claim.token == 0) {
        return; /* that would stand for the log */
    }
    model_end(model, who, what == 9);
    int spent = (int)model_random(model, MODEL_KEYS);
    bool named = false;
    for (int i = 0; i < MODEL_CLAIMS; i++) {
        named = named || model->picks[i][0] == spent || model->picks[i][1] == spent;
    }
    if (model->keys[spent].spent && !named) {
        model_key_reset(model, spent); /* another takes its place */
    }
}

static void test_model(void **state)
{
    (void)state;
    const char *given = getenv("LUCID_SEED");
    struct model *model = calloc(1, sizeof(*model));
    assert_non_null(model);
    model->seed = given != NULL ? strtoull(given, NULL, 10) : 402;
    print_message("# seed %llu\n", (unsigned long long)model->seed);
    for (int i = 0; i < MODEL_KEYS; i++) {
        model_key_reset(model, i);
    }
    for (int i = 0; i < MODEL_STEPS; i++) {
        model_step(model);
    }
    free(model);
}

/* --- running ---------------------------------------------------------------------------------- */

int suite_run(const char *name, const struct suite_fixture *fixture, const struct CMUnitTest *more,
              size_t more_count)
{
#define CASE(f)                                                                                    \
    {                                                                                              \
        .name = #f, .test_func = f, .setup_func = setup, .teardown_func = teardown                 \
    }
    const struct CMUnitTest cases[] = {
        CASE(test_claim),
        CASE(test_all_or_none),
        CASE(test_more_keys),
        CASE(test_same_key_twice),
        CASE(test_promote),
        CASE(test_release),
        CASE(test_promote_without_claim),
        CASE(test_log_has_the_last_word),
        CASE(test_longest_key),
        CASE(test_cancel),
        CASE(test_close_under_way),
        CASE(test_ask_from_done),
        CASE(test_model),
    };
    struct CMUnitTest all[64];
    size_t count = 0;
    world.fixture = fixture;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        all[count++] = cases[i];
    }
    for (size_t i = 0; i < more_count; i++) {
        lucid_assert(count < sizeof(all) / sizeof(all[0]));
        all[count++] = more[i];
    }
    return _cmocka_run_group_tests(name, all, count, NULL, NULL);
}

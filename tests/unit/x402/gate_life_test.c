/* x402/gate.h over time: crowds, bounds, what the keeper does, restarts and stops. */
#include "tests/unit/x402/gate_scene.h"

/* --- many at once ----------------------------------------------------------------------------- */

static uint64_t slowly(struct house *house, int what)
{
    (void)house;
    return what < 0 ? 3 : 40;
}

static void crowd(bool transfer, bool same, unsigned want_admitted)
{
    enum { CROWD = 64 };
    static struct buyer many[CROWD];
    unsigned admitted = 0;
    struct scene *scene = scene_open(false);
    struct house *house = &scene->house;
    house->delay_ms = slowly;
    house_open(house, NULL);
    for (unsigned i = 0; i < CROWD; i++) {
        unsigned body = same ? 1 : i;
        if (transfer) {
            buyer_transfer(house, &many[i], 7, 1, 1, 1, body);
        } else {
            buyer_authorization(house, &many[i], 1, 1, body);
        }
        buyer_ware(&many[i], body, false);
        buyer_enter(house, &many[i]);
    }
    fake_loop_advance(&scene->loop, 8000);
    for (unsigned i = 0; i < CROWD; i++) {
        assert_int_equal(many[i].done, 1);
        admitted += many[i].job.outcome == X402_ADMITTED;
    }
    assert_int_equal(admitted, want_admitted);
    assert_int_equal(house->asked[X402_CHARGE_SETTLE], transfer ? 0 : 1);
    assert_int_equal(world_count(&house->world, 0, false), 1);
    assert_int_equal(world_count(&house->world, X402_SETTLED, false), 1);
    assert_int_equal(claims_of(scene), 0);
    scene_close(scene);
}

static void test_crowds(void **state)
{
    (void)state;
    crowd(false, true, 64);
    crowd(false, false, 1);
    crowd(true, true, 64);
    crowd(true, false, 1);
}

/* A job of its own for each: more than the gate takes are told so. */
static void test_bounded(void **state)
{
    (void)state;
    enum { MANY = 1100 };
    struct buyer *many = test_calloc(MANY, sizeof(*many));
    struct scene *scene = scene_open(false);
    unsigned outcomes[X402_BROKEN + 1] = {0};
    script[X402_CHARGE_VERIFY] = BAD;
    scene->house.delay_ms = slowly;
    house_open(&scene->house, NULL);
    for (unsigned i = 0; i < MANY; i++) {
        buyer_authorization(&scene->house, &many[i], 1, 1, 1);
        buyer_enter(&scene->house, &many[i]);
    }
    for (unsigned i = 0; i < 2000; i++) {
        fake_loop_advance(&scene->loop, 10);
    }
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(many[i].done, 1);
        outcomes[many[i].job.outcome]++;
    }
    assert_int_equal(outcomes[X402_UNAVAILABLE], MANY - 1024);
    assert_int_equal(outcomes[X402_ADMITTED] + outcomes[X402_SPENT], 0);
    assert_int_equal(claims_of(scene), 0);
    scene_close(scene);
    test_free(many);
}

/* --- the keeper ------------------------------------------------------------------------------- */

static struct scene *scene_settled(uint8_t id[X402_PAYMENT_ID_BYTES], bool transfer)
{
    struct scene *scene = scene_open(false);
    house_open(&scene->house, NULL);
    if (transfer) {
        buyer_transfer(&scene->house, &scene->buyer, 7, 1, 1, 1, 1);
        transfer_id(scene, id);
    } else {
        buyer_authorization(&scene->house, &scene->buyer, 1, 1, 1);
        world_id(&scene->house.world, 1, id);
    }
    assert_int_equal(show(scene, &scene->buyer), X402_ADMITTED);
    return scene;
}

static void test_final(void **state)
{
    (void)state;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    struct scene *scene = scene_settled(id, false);
    struct x402_gate_counters counters;
    fake_loop_advance(&scene->loop, 5000);
    assert_int_equal(world_count(&scene->house.world, 0, true), 1);
    x402_gate_counters_read(scene->house.gate, &counters);
    assert_int_equal(counters.open, 1);
    assert_int_equal(counters.intents, 1);
    assert_int_equal(counters.settled, 1);
    assert_int_equal(counters.admitted, 1);
    script_final = true;
    fake_loop_advance(&scene->loop, 40000);
    assert_int_equal(world_count(&scene->house.world, 0, true), 0);
    x402_gate_counters_read(scene->house.gate, &counters);
    assert_int_equal(counters.open, 0);
    unsigned watched = scene->house.asked[X402_CHARGE_WATCH];
    fake_loop_advance(&scene->loop, 100000);
    assert_int_equal(scene->house.asked[X402_CHARGE_WATCH], watched);
    assert_int_equal(show(scene, &scene->buyer), X402_ADMITTED);
    scene_close(scene);
}

/* Many that become final in one round are one event. */
static void test_final_together(void **state)
{
    (void)state;
    enum { MANY = 40 };
    struct scene *scene = scene_open(false);
    house_open(&scene->house, NULL);
    struct core_world *core = WORLD_CORE(&scene->house.world);
    for (unsigned i = 0; i < MANY; i++) {
        /* As restored from a log: intents that the keeper settles. */
        struct x402_payment_command command = {.reason = NULL};
        const struct x402_request_kept request = world_request(1, i);
        world_intend(&scene->house.world, &command, 100 + i, "proof", &request);
        assert_int_equal(world_run(&scene->house.world, &command), LUCID_OK);
        command = (struct x402_payment_command){.reason = NULL};
        world_settle(&scene->house.world, &command, 100 + i, 100 + i);
        assert_int_equal(world_run(&scene->house.world, &command), LUCID_OK);
    }
    script_final = true;
    uint64_t before = core_events(core);
    fake_loop_advance(&scene->loop, 20000);
    assert_int_equal(world_count(&scene->house.world, 0, true), 0);
    assert_true(core_events(core) - before <= 4);
    scene_close(scene);
}

static void test_reversed(void **state)
{
    (void)state;
    for (unsigned transfer = 0; transfer < 2; transfer++) {
        uint8_t id[X402_PAYMENT_ID_BYTES];
        bool served = false;
        struct scene *scene = scene_settled(id, transfer == 1);
        struct house *house = &scene->house;
        const uint64_t amount = transfer == 1 ? WORLD_PRICE + 5 : WORLD_PRICE;
        lucid_log_set_level(LUCID_LOG_ERROR);
        assert_int_equal(-owed(&house->world.revenue, WORLD_CLEARING), amount);
        script[X402_CHARGE_WATCH] = LOST;
        fake_loop_advance(&scene->loop, 10000);
        assert_int_equal(status_of(scene, id, &served), X402_REVERSED);
        assert_int_equal(owed(&house->world.revenue, WORLD_CLEARING), 0);
        assert_int_equal(show(scene, &scene->buyer), X402_OUTSTANDING);
        assert_string_equal(scene->buyer.job.reason, "payment_reversed");
        struct x402_gate_counters counters;
        x402_gate_counters_read(house->gate, &counters);
        assert_int_equal(counters.reversed, 1);
        /* Mined again: settled again, and good for what it served, for nothing else. */
        script[X402_CHARGE_WATCH] = GOOD;
        script[X402_CHARGE_ASK] = GOOD;
        fake_loop_advance(&scene->loop, 60000);
        assert_int_equal(status_of(scene, id, &served), X402_SETTLED);
        assert_true(served);
        assert_int_equal(-owed(&house->world.revenue, WORLD_CLEARING), amount);
        assert_int_equal(show(scene, &scene->buyer), X402_ADMITTED);
        assert_true(scene->buyer.job.replayed);
        /* Taken once more, and never seen again. */
        script[X402_CHARGE_WATCH] = LOST;
        script[X402_CHARGE_ASK] = PENDING;
        fake_loop_advance(&scene->loop, 200000);
        assert_int_equal(status_of(scene, id, &served), X402_REVERSED);
        assert_int_equal(world_count(&house->world, 0, true), 1);
        fake_loop_advance(&scene->loop, 700000);
        assert_int_equal(world_count(&house->world, 0, true), 0);
        assert_int_equal(status_of(scene, id, &served), X402_REVERSED);
        assert_int_equal(show(scene, &scene->buyer), X402_SPENT);
        assert_true(world_balances(&house->world));
        scene_close(scene);
    }
}

static void test_backoff(void **state)
{
    (void)state;
    struct scene *scene = scene_open(false);
    script[X402_CHARGE_SETTLE] = PENDING;
    house_open(&scene->house, NULL);
    buyer_authorization(&scene->house, &scene->buyer, 1, 1, 1);
    assert_int_equal(show(scene, &scene->buyer), X402_OUTSTANDING);
    fake_loop_advance(&scene->loop, 1000000);
    unsigned asked = scene->house.asked[X402_CHARGE_ASK];
    assert_in_range(asked, 20, 60); /* every 32 s, not every second */
    /* Somebody waits for it: sooner. */
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(show(scene, &scene->buyer), X402_OUTSTANDING);
    }
    assert_true(scene->house.asked[X402_CHARGE_ASK] - asked >= 20);
    scene_close(scene);
}

/* A wait ends with the outcome, not with the time-out. */
static void test_wait_for_the_keeper(void **state)
{
    (void)state;
    struct scene *scene = scene_open(false);
    script[X402_CHARGE_SETTLE] = PENDING;
    house_open(&scene->house, NULL);
    buyer_authorization(&scene->house, &scene->buyer, 1, 1, 1);
    assert_int_equal(show(scene, &scene->buyer), X402_OUTSTANDING);
    script[X402_CHARGE_ASK] = GOOD;
    uint64_t before_ms = scene->loop.now_ms;
    assert_int_equal(show(scene, &scene->buyer), X402_ADMITTED);
    assert_in_range(scene->loop.now_ms - before_ms, 1, 3000);
    assert_int_equal(scene->house.asked[X402_CHARGE_SETTLE], 1);
    scene_close(scene);
}

/* --- restarts --------------------------------------------------------------------------------- */

/* Killed at each moment of a purchase, with what was queued committed or not: the same proof is
 * admitted in the end, by one payment. */
static void test_kill_anywhere(void **state)
{
    (void)state;
    for (unsigned at = 0; at < 120; at++) {
        uint8_t id[X402_PAYMENT_ID_BYTES];
        bool transfer = at % 2 == 1;
        bool served = false;
        struct scene *scene = scene_open(false);
        struct house *house = &scene->house;
        house->delay_ms = slowly;
        script[X402_CHARGE_ASK] = GOOD;
        house_open(house, NULL);
        if (transfer) {
            buyer_transfer(house, &scene->buyer, 7, 1, 1, 1, 1);
            transfer_id(scene, id);
        } else {
            buyer_authorization(house, &scene->buyer, 1, 1, 1);
            world_id(&house->world, 1, id);
        }
        buyer_ware(&scene->buyer, 5, false);
        buyer_enter(house, &scene->buyer);
        fake_loop_advance(&scene->loop, at);
        house_kill(house, at % 4 >= 2);
        scene->buyer.inside = false;
        house_open(house, NULL);
        assert_int_equal(show(scene, &scene->buyer), X402_ADMITTED);
        assert_int_equal(status_of(scene, id, &served), X402_SETTLED);
        assert_true(served);
        assert_int_equal(world_count(&house->world, 0, false), 1);
        assert_int_equal(claims_of(scene), 0);
        scene_close(scene);
    }
}

static void test_stop(void **state)
{
    (void)state;
    for (unsigned at = 0; at < 140; at += 7) {
        struct scene *scene = scene_open(false);
        struct house *house = &scene->house;
        house->delay_ms = slowly;
        house_open(house, NULL);
        static struct buyer other;
        buyer_authorization(house, &scene->buyer, 1, 1, 1);
        buyer_transfer(house, &other, 7, 1, 1, 2, 2);
        buyer_enter(house, &scene->buyer);
        buyer_enter(house, &other);
        fake_loop_advance(&scene->loop, at);
        x402_gate_stop(house->gate);
        fake_loop_advance(&scene->loop, 500);
        assert_true(x402_gate_is_idle(house->gate));
        assert_int_equal(scene->buyer.done + other.done, 2);
        struct buyer late = {.over = NULL};
        buyer_authorization(house, &late, 2, 1, 1);
        buyer_enter(house, &late);
        assert_int_equal(late.job.outcome, X402_UNAVAILABLE);
        /* Whatever was parked goes on after the next start. */
        house_kill(house, false);
        script[X402_CHARGE_ASK] = GOOD;
        house_open(house, NULL);
        assert_int_equal(show(scene, &scene->buyer), X402_ADMITTED);
        assert_int_equal(show(scene, &other), X402_ADMITTED);
        assert_int_equal(world_count(&house->world, 0, false), 2);
        scene_close(scene);
    }
}

/* The hook of the crash tests is called at each of its four moments. */
static void test_hook(void **state)
{
    (void)state;
    uint8_t id[X402_PAYMENT_ID_BYTES];
    struct scene *scene = scene_settled(id, false);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(seen_at[i], 1);
    }
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowds),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_final),
        cmocka_unit_test(test_final_together),
        cmocka_unit_test(test_reversed),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_wait_for_the_keeper),
        cmocka_unit_test(test_kill_anywhere),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_hook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

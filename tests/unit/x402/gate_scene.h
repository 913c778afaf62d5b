/* One front end and one buyer, and a facilitator that says what the test has written down. */
#ifndef LUCID_TESTS_GATE_SCENE_H
#define LUCID_TESTS_GATE_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/x402/gate_world.h"

#define NONE      0 /* no such payment in the log */
#define GOOD      X402_CHARGE_GOOD
#define BAD       X402_CHARGE_BAD
#define PENDING   X402_CHARGE_PENDING
#define STRAY     X402_CHARGE_STRAY
#define LOST      X402_CHARGE_LOST
#define AWAY      X402_CHARGE_AWAY
#define BIT(verb) (1U << (verb))

/* What the facilitator says, by verb. */
static enum x402_charge_outcome script[X402_CHARGE_WATCH + 1];
static bool script_final;
static const char *const states[] = {"claimed", "intent", "settled", "recorded"};
static unsigned seen_at[4];

static inline void script_answer(struct house *house, struct x402_charge *charge)
{
    (void)house;
    charge->outcome = script[charge->verb];
    if (charge->outcome == BAD) {
        charge->reason = "invalid_exact_evm_insufficient_balance";
    }
    if (charge->verb == X402_CHARGE_VERIFY) {
        charge->from_block = 990;
        charge->intended_sender = world_address(0x33, 0);
    }
    if (charge->outcome != GOOD && charge->outcome != STRAY) {
        return;
    }
    if (charge->verb == X402_CHARGE_OBSERVE) {
        charge->transfer = world_transfer(7, 1, 1, WORLD_PRICE + 5);
        charge->bound = true;
    } else if (charge->verb != X402_CHARGE_WATCH) {
        charge->transfer = settlement_of(1, charge->outcome == GOOD);
        charge->bound = true;
    }
    charge->transfer.final = script_final;
}

static inline void count_at(void *context, const char *state)
{
    (void)context;
    for (size_t i = 0; i < 4; i++) {
        seen_at[i] += strcmp(state, states[i]) == 0;
    }
}

static inline void script_set(enum x402_charge_outcome observe, enum x402_charge_outcome verify,
                              enum x402_charge_outcome settle, enum x402_charge_outcome ask,
                              enum x402_charge_outcome watch)
{
    script[X402_CHARGE_OBSERVE] = observe;
    script[X402_CHARGE_VERIFY] = verify;
    script[X402_CHARGE_SETTLE] = settle;
    script[X402_CHARGE_ASK] = ask;
    script[X402_CHARGE_WATCH] = watch;
    script_final = false;
}

struct scene {
    struct fake_loop loop;
    struct house house;
    struct buyer buyer;
};

static inline struct scene *scene_open(bool exclusive)
{
    struct scene *scene = test_malloc(sizeof(*scene));
    fake_loop_init(&scene->loop, CORE_NOW_MS);
    house_init(&scene->house, &scene->loop);
    scene->house.answer = script_answer;
    scene->house.options.pay_to_exclusive = exclusive;
    scene->house.options.at = count_at;
    memset(seen_at, 0, sizeof(seen_at));
    memset(&scene->buyer, 0, sizeof(scene->buyer));
    script_set(GOOD, GOOD, GOOD, PENDING, GOOD);
    return scene;
}

static inline void scene_close(struct scene *scene)
{
    house_fini(&scene->house);
    fake_loop_fini(&scene->loop);
    test_free(scene);
}

/* Lets the loop run until the buyer has an answer. */
static inline void scene_buy(struct scene *scene, struct buyer *buyer)
{
    buyer_enter(&scene->house, buyer);
    for (unsigned i = 0; i < 200 && buyer->inside; i++) {
        fake_loop_advance(&scene->loop, 100);
    }
    assert_false(buyer->inside);
    assert_int_equal(buyer->done, 1);
}

static inline int status_of(struct scene *scene, const uint8_t id[X402_PAYMENT_ID_BYTES],
                            bool *ret_served)
{
    struct x402_payment payment = {.served = false};
    if (world_read(&scene->house.world, id, &payment) != LUCID_OK) {
        return NONE;
    }
    *ret_served = payment.served;
    return (int)payment.status;
}

static inline uint64_t claims_of(struct scene *scene)
{
    struct x402_spent_status status;
    x402_spent_status(scene->house.spent, &status);
    return status.claims;
}

static inline void transfer_id(struct scene *scene, uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    struct x402_spent_key key;
    const struct evm_hash transaction = world_hash(0xaa, 7);
    x402_key_transfer(&scene->house.world.network, &transaction, 1, &key);
    x402_payment_id(lucid_span_str(key.text), ret);
}

static inline enum x402_gate_outcome show(struct scene *scene, struct buyer *buyer)
{
    scene_buy(scene, buyer);
    return buyer->job.outcome;
}

#endif

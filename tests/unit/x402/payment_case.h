/* One world for the tests of a file, and the steps that they are made of. */
#ifndef LUCID_TESTS_X402_PAYMENT_CASE_H
#define LUCID_TESTS_X402_PAYMENT_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/x402/payment_world.h"

static struct payment_world world;

static inline int setup(void **state)
{
    (void)state;
    payment_world_start(&world);
    return 0;
}

/* After each test the log makes the same rows once more, and the books balance. */
static inline int teardown(void **state)
{
    (void)state;
    assert_true(world_balances(&world));
    assert_true(revenue_replays_same(&world.revenue));
    payment_world_stop(&world);
    return 0;
}

static inline int64_t balance(const char *account)
{
    return owed(&world.revenue, account);
}

static inline void intended(uint64_t number)
{
    struct x402_payment_command command;
    const struct x402_request_kept request = world_request(1, 1);
    world_intend(&world, &command, number, "proof", &request);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_false(command.ret_known);
    assert_int_equal(command.payment.status, X402_PENDING);
}

/* Settled with a leaf. */
static inline void bought(uint64_t number, uint64_t transaction)
{
    struct x402_payment_command command;
    enum lucid_error paid;
    intended(number);
    world_settle(&world, &command, number, transaction);
    assert_int_equal(world_buy(&world, &command, true, &paid), LUCID_OK);
    assert_int_equal(paid, LUCID_OK);
    assert_true(command.payment.served);
}

/* Refused so, and nothing was changed. */
static inline void refused(struct x402_payment_command *command, enum lucid_error error,
                           const char *code)
{
    uint8_t before[LUCID_SHA256_BYTES];
    uint8_t after[LUCID_SHA256_BYTES];
    enum lucid_error paid;
    world_digest(&world, before);
    assert_int_equal(world_buy(&world, command, true, &paid), error);
    assert_string_equal(command->command.why.code, code);
    assert_int_equal(paid, error); /* it falls with the payment */
    world_digest(&world, after);
    assert_memory_equal(before, after, sizeof(before));
}

static inline void known(struct x402_payment_command *command)
{
    uint64_t events = core_events(WORLD_CORE(&world));
    assert_int_equal(world_run(&world, command), LUCID_OK);
    assert_true(command->ret_known);
    assert_int_equal(core_events(WORLD_CORE(&world)), events);
}

static inline struct x402_payment payment_at(const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    struct x402_payment payment;
    assert_int_equal(world_read(&world, id, &payment), LUCID_OK);
    return payment;
}

static inline void reversed(const uint8_t id[X402_PAYMENT_ID_BYTES])
{
    struct x402_payment_command command;
    world_end(&command, X402_REVERSE, id);
    assert_int_equal(world_run(&world, &command), LUCID_OK);
    assert_int_equal(command.payment.status, X402_REVERSED);
}

#endif

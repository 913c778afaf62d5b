/* What the tests of the direct facilitator share: one network over the chain model, one gas key,
 * and charges that are waited for. Header only. */
#ifndef LUCID_TESTS_DIRECT_WORLD_H
#define LUCID_TESTS_DIRECT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chain_model.h"
#include "x402/facilitator.h"

#define WORLD_PAYEE    "0x3F9ecEd401A3FdB2214ffBfDf002569e85E56d82"
#define WORLD_PAYER    "0xf9f957F9D96ff7dBA56F4f91a9C3B20b8c6bA187"
#define WORLD_STRANGER "0x234f00D692B0cbd24446fEEc3a1E9b6810747C4f"
#define WORLD_PRICE    10000

struct world {
    struct chain_model model;
    struct x402_networks networks;
    struct x402_network *network;
    struct evm_key key;
    struct x402_facilitator *facilitator;
    struct evm_address payer, payee, stranger;
    uint64_t nonce;
};

static inline struct evm_address world_address(const char *text)
{
    struct evm_address address;
    assert_true(evm_address_parse(lucid_span_str(text), &address));
    return address;
}

/* The model and the configuration; world_open opens the facilitator. */
static inline void world_init(struct world *world)
{
    memset(world, 0, sizeof(*world));
    model_init(&world->model);
    assert_int_equal(evm_sign_open(), LUCID_OK);
    world->networks.count = 1;
    world->network = &world->networks.items[0];
    assert_true(x402_network_known(lucid_span_str("base-sepolia"), world->network));
    (void)snprintf(world->network->rpc[0], sizeof(world->network->rpc[0]), "http://node0");
    world->network->rpc_count = 1;
    world->network->rpc_quorum = 1;
    world->network->rpc_timeout_ms = 2000;
    world->network->serve_depth = (struct x402_depth){.by = X402_BY_DEPTH, .blocks = 1};
    world->network->final_depth = (struct x402_depth){.by = X402_BY_DEPTH, .blocks = 3};
    world->network->gas_limit = 150000;
    world->network->max_fee_wei = UINT64_C(100000000000);
    world->network->stuck_seconds = 30;
    assert_int_equal(
        evm_key_parse(lucid_span_str("0x1111111111111111111111111111111111111111111111111111111111"
                                     "111111"),
                      &world->key),
        LUCID_OK);
    world->payer = world_address(WORLD_PAYER);
    world->payee = world_address(WORLD_PAYEE);
    world->stranger = world_address(WORLD_STRANGER);
    world->model.token = world->network->token;
    world->model.separator = world->network->separator;
    world->model.gas = world->key.address;
}

static inline void world_open(struct world *world, bool gas_key)
{
    struct x402_direct_options options = {.loop = &world->model.loop.loop,
                                          .outgoing = &world->model.out.outgoing,
                                          .networks = &world->networks,
                                          .gas_keys = {gas_key ? &world->key : NULL},
                                          .settle_ms_max = 10000};
    assert_int_equal(x402_direct_open(&options, &world->facilitator), LUCID_OK);
}

static inline void world_close(struct world *world)
{
    x402_facilitator_close(world->facilitator);
    world->facilitator = NULL;
}

static inline void world_fini(struct world *world)
{
    world_close(world);
    model_fini(&world->model);
}

static inline void world_nodes(struct world *world, size_t count, unsigned quorum)
{
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(world->network->rpc[i], sizeof(world->network->rpc[i]), "http://node%zu", i);
    }
    world->network->rpc_count = count;
    world->network->rpc_quorum = quorum;
}

static inline void world_done(struct x402_charge *charge)
{
    *(bool *)charge->owner = true;
}

/* Asks without waiting; *done says when it is over. */
static inline void world_begin(struct world *world, struct x402_charge *charge, bool *done)
{
    *done = false;
    charge->network = world->network;
    charge->done = world_done;
    charge->owner = done;
    charge->impl = NULL;
    x402_charge_ask(world->facilitator, charge);
    assert_false(*done);
}

static inline void world_wait(struct world *world, const bool *done, uint64_t ms_max)
{
    uint64_t until = world->model.loop.now_ms + ms_max;
    while (!*done && world->model.loop.now_ms < until) {
        assert_true(fake_loop_next(&world->model.loop));
    }
}

static inline void world_ask(struct world *world, struct x402_charge *charge,
                             enum x402_charge_outcome expected)
{
    bool done;
    world_begin(world, charge, &done);
    world_wait(world, &done, 120000);
    assert_true(done);
    if (charge->outcome != expected) {
        fail_msg("outcome %d (%s: %s) instead of %d", (int)charge->outcome,
                 charge->reason != NULL ? charge->reason : "", charge->text, (int)expected);
    }
    assert_true((charge->outcome == X402_CHARGE_GOOD) == (charge->reason == NULL));
    assert_true(charge->text[0] != '\0');
}

static inline void world_ask_reason(struct world *world, struct x402_charge *charge,
                                    enum x402_charge_outcome expected, const char *reason)
{
    world_ask(world, charge, expected);
    assert_string_equal(charge->reason, reason);
}

/* OBSERVE of a transaction, at the price, as shown by its payer just now. */
static inline struct x402_charge world_observe(const struct world *world,
                                               const struct evm_hash *transaction)
{
    uint64_t now_ms = world->model.loop.now_ms;
    return (struct x402_charge){.verb = X402_CHARGE_OBSERVE,
                                .transaction = *transaction,
                                .pay_to = world->payee,
                                .amount_min = WORLD_PRICE,
                                .signed_by_payer = true,
                                .payer = world->payer,
                                .issued_ms = now_ms - 10000,
                                .expires_ms = now_ms + 300000,
                                .age_seconds_max = 300};
}

/* VERIFY of a new authorization. */
static inline struct x402_charge world_authorize(struct world *world)
{
    struct x402_charge charge = {
        .verb = X402_CHARGE_VERIFY, .pay_to = world->payee, .amount_min = WORLD_PRICE};
    uint64_t now = world->model.loop.now_ms / 1000;
    charge.authorization = (struct evm_authorization){.from = world->payer,
                                                      .to = world->payee,
                                                      .value = evm_u256_of(WORLD_PRICE),
                                                      .valid_before = evm_u256_of(now + 300)};
    lucid_put_be64(charge.authorization.nonce.bytes, ++world->nonce);
    memset(charge.signature.bytes, 0x22, 64);
    charge.signature.bytes[64] = 27;
    return charge;
}

static inline struct x402_charge settle_of(const struct x402_charge *verified)
{
    struct x402_charge charge = *verified;
    charge.verb = X402_CHARGE_SETTLE;
    return charge;
}

/* As the keeper asks: with what the intent says. */
static inline struct x402_charge ask_of(const struct x402_charge *verified)
{
    struct x402_charge charge = *verified;
    charge.verb = X402_CHARGE_ASK;
    charge.has_transaction = false;
    charge.transfer = (struct x402_transfer){0};
    return charge;
}

static inline struct x402_charge verified(struct world *world)
{
    struct x402_charge charge = world_authorize(world);
    world_ask(world, &charge, X402_CHARGE_GOOD);
    return charge;
}

/* A stranger submits the authorization. */
static inline struct model_tx *stranger_uses(struct world *world, const struct x402_charge *charge)
{
    struct model_tx *tx = model_add(&world->model, &world->stranger);
    model_used(tx, &world->model.token, &charge->authorization.from, &charge->authorization.nonce);
    model_transfer(tx, &world->model.token, &charge->authorization.from, &charge->authorization.to,
                   WORLD_PRICE);
    return tx;
}

static inline bool world_is(const struct evm_hash *a, const struct evm_hash *b)
{
    return memcmp(a->bytes, b->bytes, EVM_HASH_BYTES) == 0;
}

#endif

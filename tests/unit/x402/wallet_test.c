/* The gas key: nonces, fees, replacements, restarts and reorganisations (x402/wallet.h). */
#include "direct_world.h"

enum { MANY = 70 };

static struct x402_charge settle_new(struct world *world)
{
    struct x402_charge charge = world_authorize(world);
    charge.verb = X402_CHARGE_SETTLE;
    charge.from_block = world->model.height;
    return charge;
}

static uint64_t replaced(const struct world *world)
{
    struct x402_facilitator_status status;
    world->facilitator->ops->status(world->facilitator, world->network, &status);
    return status.replaced;
}

/* More at once than are allowed; each gets one nonce, none is left out. */
static void test_many(void **state)
{
    static struct x402_charge charges[MANY];
    static bool done[MANY];
    (void)state;
    struct world world;
    size_t good = 0;
    size_t away = 0;
    world_init(&world);
    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    world.model.automine = false;
    for (size_t i = 0; i < MANY; i++) {
        charges[i] = settle_new(&world);
        world_begin(&world, &charges[i], &done[i]);
    }
    fake_loop_advance(&world.model.loop, 2000);
    model_mine(&world.model, 1);
    for (size_t i = 0; i < MANY; i++) {
        world_wait(&world, &done[i], 8000);
        assert_true(done[i]);
        good += charges[i].outcome == X402_CHARGE_GOOD;
        away += charges[i].outcome == X402_CHARGE_AWAY;
    }
    assert_int_equal(good, 64);
    assert_int_equal(away, MANY - 64);
    assert_int_equal(model_raw_count(&world.model), 64);
    assert_int_equal(world.model.gas_count, 64);
    world.model.automine = true;
    charges[0] = settle_new(&world);
    world_ask(&world, &charges[0], X402_CHARGE_GOOD);
    assert_int_equal(model_newest(&world.model)->nonce, 64);
    world_fini(&world);
}

/* Fees rise above what was offered: after stuck_seconds it is sent again for more, until the cap.
 */
static void test_stuck(void **state)
{
    (void)state;
    struct world world;
    bool done;
    world_init(&world);
    world.network->stuck_seconds = 2;
    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    struct x402_charge charge = settle_new(&world);
    world.model.automine = false;
    world_begin(&world, &charge, &done);
    fake_loop_advance(&world.model.loop, 500);
    uint64_t first_fee = model_newest(&world.model)->max_fee;
    uint64_t first_tip = model_newest(&world.model)->tip;
    world.model.fee_floor = first_fee + 1;
    model_mine(&world.model, 1);
    fake_loop_advance(&world.model.loop, 4000);
    const struct model_tx *second = model_newest(&world.model);
    assert_int_equal(model_raw_count(&world.model), 2);
    assert_int_equal(second->nonce, 0);
    assert_true(second->max_fee >= first_fee + first_fee / 8);
    assert_true(second->tip >= first_tip + first_tip / 8);
    assert_int_equal(replaced(&world), 1);
    model_mine(&world.model, 1);
    world_wait(&world, &done, 5000);
    assert_true(done);
    assert_int_equal(charge.outcome, X402_CHARGE_GOOD);
    assert_true(world_is(&charge.transfer.transaction, &second->hash));
    world_fini(&world);
}

/* The first version is mined although a second was sent. */
static void test_first_version_mined(void **state)
{
    (void)state;
    struct world world;
    bool done;
    world_init(&world);
    world.network->stuck_seconds = 2;
    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    struct x402_charge charge = settle_new(&world);
    world.model.automine = false;
    world_begin(&world, &charge, &done);
    fake_loop_advance(&world.model.loop, 500);
    struct model_tx *first = model_newest(&world.model);
    fake_loop_advance(&world.model.loop, 3000);
    struct model_tx *second = model_newest(&world.model);
    assert_true(first != second && first->dropped);
    second->dropped = true;
    first->dropped = false;
    model_mine(&world.model, 1);
    world_wait(&world, &done, 5000);
    assert_true(done);
    assert_int_equal(charge.outcome, X402_CHARGE_GOOD);
    assert_true(world_is(&charge.transfer.transaction, &first->hash));
    world_fini(&world);
}

static void test_cap(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world.network->stuck_seconds = 1;
    world.network->max_fee_wei = UINT64_C(3000000000);
    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    struct x402_charge charge = settle_new(&world);
    world.model.automine = false;
    world.model.fee_floor = UINT64_C(3000000001);
    world_ask(&world, &charge, X402_CHARGE_PENDING);
    fake_loop_advance(&world.model.loop, 60000);
    size_t count = model_raw_count(&world.model);
    assert_true(count >= 2 && count <= 4);
    for (size_t i = 0; i < world.model.tx_count; i++) {
        assert_true(world.model.txs[i].max_fee <= UINT64_C(3000000000));
        assert_int_equal(world.model.txs[i].nonce, 0);
    }
    fake_loop_advance(&world.model.loop, 60000);
    assert_int_equal(model_raw_count(&world.model), count);
    world_fini(&world);
}

/* Dropped by the nodes' pools: sent once more. */
static void test_dropped(void **state)
{
    (void)state;
    struct world world;
    bool done;
    world_init(&world);
    world.network->stuck_seconds = 2;
    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    struct x402_charge charge = settle_new(&world);
    world.model.automine = false;
    world_begin(&world, &charge, &done);
    fake_loop_advance(&world.model.loop, 500);
    model_newest(&world.model)->dropped = true;
    world.model.automine = true;
    world_wait(&world, &done, 9000);
    assert_true(done);
    assert_int_equal(charge.outcome, X402_CHARGE_GOOD);
    world_fini(&world);
}

/* Somebody else uses the key: nonces are counted anew, the authorization gets another one. */
static void test_nonce_race(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge charge = settle_new(&world);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world.model.gas_count += 3;
    charge = settle_new(&world);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    assert_int_equal(model_newest(&world.model)->nonce, 4);
    assert_int_equal(model_raw_count(&world.model), 2);

    /* While ours waits: theirs is mined in its place. */
    bool done;
    world.model.automine = false;
    charge = settle_new(&world);
    world_begin(&world, &charge, &done);
    fake_loop_advance(&world.model.loop, 1000);
    assert_int_equal(model_newest(&world.model)->nonce, 5);
    model_newest(&world.model)->dropped = true;
    world.model.gas_count++;
    world.model.automine = true;
    world_wait(&world, &done, 60000);
    assert_int_equal(charge.outcome, X402_CHARGE_PENDING);
    fake_loop_advance(&world.model.loop, 60000);
    assert_int_equal(model_newest(&world.model)->nonce, 6);
    charge.verb = X402_CHARGE_ASK;
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    world_fini(&world);
}

/* A transaction of an earlier run is in the pools: its authorization is not sent a second time
 * meanwhile, and what hangs is replaced. */
static void test_restart(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world.network->stuck_seconds = 5;
    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    world.model.automine = false;
    struct x402_charge charge = settle_new(&world);
    world_ask(&world, &charge, X402_CHARGE_PENDING);
    struct model_tx *first = model_newest(&world.model);
    size_t count = model_raw_count(&world.model);
    world_close(&world);

    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    struct x402_charge ask = charge;
    ask.verb = X402_CHARGE_ASK;
    ask.intended_sender = world.key.address;
    world_ask(&world, &ask, X402_CHARGE_PENDING);
    fake_loop_advance(&world.model.loop, 1000);
    assert_int_equal(model_raw_count(&world.model), count);
    model_mine(&world.model, 1); /* it comes through by itself */
    assert_true(first->mined);
    world_ask(&world, &ask, X402_CHARGE_GOOD);
    fake_loop_advance(&world.model.loop, 10000);
    assert_int_equal(model_raw_count(&world.model), count);
    world_close(&world);

    world_open(&world, true); /* once more, but it hangs for good */
    fake_loop_advance(&world.model.loop, 1000);
    charge = settle_new(&world);
    world_ask(&world, &charge, X402_CHARGE_PENDING);
    struct model_tx *hanging = model_newest(&world.model);
    world_close(&world);
    world.model.fee_floor = hanging->max_fee + 1;
    world.model.base_fee *= 2;
    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    ask = charge;
    ask.verb = X402_CHARGE_ASK;
    ask.intended_sender = world.key.address;
    world_ask(&world, &ask, X402_CHARGE_PENDING);
    fake_loop_advance(&world.model.loop, 15000);
    assert_true(hanging->dropped); /* an empty one has taken its place */
    assert_int_equal(model_newest(&world.model)->data_len, 0);
    model_mine(&world.model, 1);
    fake_loop_advance(&world.model.loop, 5000);
    world_ask(&world, &ask, X402_CHARGE_PENDING); /* now it is sent */
    fake_loop_advance(&world.model.loop, 1000);
    assert_int_equal(model_newest(&world.model)->data_len, 292);
    model_mine(&world.model, 1);
    fake_loop_advance(&world.model.loop, 5000);
    world_ask(&world, &ask, X402_CHARGE_GOOD);
    assert_int_equal(ask.transfer.log_index, 1);
    world_fini(&world);
}

/* A reorganisation throws a mined settlement away: it is sent again and mined again. */
static void test_reorganised(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_open(&world, true);
    struct x402_charge charge = settle_new(&world);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    struct x402_charge watch = {.verb = X402_CHARGE_WATCH, .transfer = charge.transfer};
    model_reorg(&world.model, 2, true);
    world_ask(&world, &watch, X402_CHARGE_LOST);
    fake_loop_advance(&world.model.loop, 20000);
    assert_int_equal(world.model.gas_count, 1);
    watch.transfer = charge.transfer;
    world_ask(&world, &watch, X402_CHARGE_GOOD);
    assert_int_not_equal(watch.transfer.block, 0);
    struct x402_charge next = settle_new(&world); /* no gap is left */
    world_ask(&world, &next, X402_CHARGE_GOOD);
    assert_int_equal(model_newest(&world.model)->nonce, 1);
    world_fini(&world);
}

/* An order is given up after later ones were sent: its nonce is filled. */
static const char *refuse_first(struct chain_model *model, struct fake_question *question)
{
    (void)model;
    static unsigned asked;
    if (strcmp(question->method, "eth_sendRawTransaction") != 0) {
        return NULL;
    }
    return asked++ == 0 ? "!exceeds block gas limit" : NULL;
}

static void test_gap(void **state)
{
    (void)state;
    struct world world;
    bool done[2];
    world_init(&world);
    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    world.model.automine = false;
    struct x402_charge first = settle_new(&world);
    struct x402_charge second = settle_new(&world);
    world.model.nodes[0].lie = refuse_first;
    world_begin(&world, &first, &done[0]);
    world_begin(&world, &second, &done[1]);
    fake_loop_advance(&world.model.loop, 500);
    assert_int_equal(model_raw_count(&world.model), 1);
    assert_int_equal(model_newest(&world.model)->nonce, 1);
    world.model.nodes[0].lie = NULL;
    fake_loop_advance(&world.model.loop, 2000); /* the first is tried again */
    assert_int_equal(model_raw_count(&world.model), 2);
    assert_int_equal(model_newest(&world.model)->nonce, 0);
    model_mine(&world.model, 1);
    world_wait(&world, &done[0], 5000);
    world_wait(&world, &done[1], 5000);
    assert_int_equal(first.outcome, X402_CHARGE_GOOD);
    assert_int_equal(second.outcome, X402_CHARGE_GOOD);
    world_fini(&world);
}

/* Waiting for a nonce that nobody fills: an empty transaction does. */
static const char *refuse_nonce_0(struct chain_model *model, struct fake_question *question)
{
    /* 0x02 f8.. 83 014a34 80 …: nonce 0 with call data. */
    (void)model;
    bool first = strcmp(question->method, "eth_sendRawTransaction") == 0 &&
                 strstr(question->params, "83014a3480") != NULL &&
                 strstr(question->params, "e3ee160e") != NULL;
    return first ? "!exceeds block gas limit" : NULL;
}

static void test_filled_gap(void **state)
{
    (void)state;
    struct world world;
    bool done[2];
    world_init(&world);
    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    world.model.automine = false;
    struct x402_charge first = settle_new(&world);
    struct x402_charge second = settle_new(&world);
    world.model.nodes[0].lie = refuse_nonce_0;
    world_begin(&world, &first, &done[0]);
    world_begin(&world, &second, &done[1]);
    world_wait(&world, &done[0], 9000);
    assert_int_equal(first.outcome, X402_CHARGE_AWAY);
    assert_false(done[1]);
    fake_loop_advance(&world.model.loop, 1000);
    assert_int_equal(model_raw_count(&world.model), 2);
    const struct model_tx *filler = model_newest(&world.model);
    assert_int_equal(filler->nonce, 0);
    assert_int_equal(filler->data_len, 0);
    assert_memory_equal(filler->to.bytes, world.key.address.bytes, EVM_ADDRESS_BYTES);
    model_mine(&world.model, 1);
    world_wait(&world, &done[1], 5000);
    assert_int_equal(second.outcome, X402_CHARGE_GOOD);
    world_fini(&world);
}

/* A pool that asks for more than the network's advice. */
static const char *underpriced(struct chain_model *model, struct fake_question *question)
{
    static char text[4096];
    (void)model;
    if (strcmp(question->method, "eth_sendRawTransaction") != 0) {
        return NULL;
    }
    static unsigned asked;
    (void)text;
    return asked++ < 3 ? "!transaction underpriced" : NULL;
}

static void test_underpriced(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world.model.nodes[0].lie = underpriced;
    world_open(&world, true);
    struct x402_charge charge = settle_new(&world);
    world_ask(&world, &charge, X402_CHARGE_GOOD);
    const struct model_tx *tx = model_newest(&world.model);
    uint64_t advice = 2 * world.model.base_fee + world.model.tip;
    assert_int_equal(tx->nonce, 0);
    assert_true(tx->max_fee > advice + advice / 3 && tx->max_fee < 2 * advice);
    assert_int_equal(replaced(&world), 0);
    world_fini(&world);
}

/* The same authorization twice at once: one transaction. */
static void test_twice(void **state)
{
    (void)state;
    struct world world;
    bool done;
    bool other_done;
    world_init(&world);
    world_open(&world, true);
    fake_loop_advance(&world.model.loop, 1000);
    world.model.automine = false;
    struct x402_charge charge = settle_new(&world);
    struct x402_charge other = charge;
    world_begin(&world, &charge, &done);
    world_begin(&world, &other, &other_done);
    fake_loop_advance(&world.model.loop, 1000);
    assert_true(other_done);
    assert_int_equal(other.outcome, X402_CHARGE_AWAY);
    assert_int_equal(model_raw_count(&world.model), 1);
    other.verb = X402_CHARGE_ASK;
    world_ask(&world, &other, X402_CHARGE_PENDING);
    model_mine(&world.model, 1);
    world_wait(&world, &done, 9000);
    assert_int_equal(charge.outcome, X402_CHARGE_GOOD);
    assert_int_equal(model_raw_count(&world.model), 1);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_first_version_mined),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_nonce_race),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_reorganised),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_filled_gap),
        cmocka_unit_test(test_underpriced),
        cmocka_unit_test(test_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

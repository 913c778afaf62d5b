/* Authorizations while everything goes wrong at random: reorganisations, fees, pools that forget,
 * nodes that do not answer, restarts. Whatever was said must be true in the end: what was called
 * settled was on the chain, what was called failed or not begun never gets there, and everything
 * ends. */
#include "base/log.h"
#include "direct_world.h"

enum { SEEDS = 150, STEPS = 250, AUTHORIZATIONS = 12, FINAL_DEPTH = 6 };

enum phase {
    PHASE_NONE,
    PHASE_SETTLING,
    PHASE_OPEN,
    PHASE_ASKING,
    PHASE_SETTLED,
    PHASE_STRAY,
    PHASE_FAILED
};

struct payment {
    enum phase phase;
    struct x402_charge charge;
    bool done;
};

struct chaos {
    struct world world;
    uint64_t random;
    struct payment payments[AUTHORIZATIONS];
    size_t settled, stray, failed, away;
};

static uint64_t draw(struct chaos *chaos, uint64_t below)
{
    chaos->random ^= chaos->random << 13;
    chaos->random ^= chaos->random >> 7;
    chaos->random ^= chaos->random << 17;
    return chaos->random % below;
}

static bool is_used(const struct chaos *chaos, const struct payment *payment)
{
    return model_is_used(&chaos->world.model, &payment->charge.authorization.from,
                         &payment->charge.authorization.nonce);
}

static void judge(struct chaos *chaos, struct payment *payment)
{
    const struct x402_charge *charge = &payment->charge;
    bool settling = payment->phase == PHASE_SETTLING;
    payment->phase = PHASE_OPEN;
    switch (charge->outcome) {
    case X402_CHARGE_GOOD:
        assert_true(world_is(&charge->transfer.nonce, &charge->authorization.nonce));
        assert_int_equal(charge->transfer.amount, WORLD_PRICE);
        payment->phase = PHASE_SETTLED;
        chaos->settled++;
        break;
    case X402_CHARGE_BAD:
        payment->phase = PHASE_FAILED;
        chaos->failed++;
        break;
    case X402_CHARGE_AWAY:
        if (settling) { /* nothing was begun, and nothing may be begun later */
            payment->phase = PHASE_FAILED;
            chaos->away++;
        }
        break;
    case X402_CHARGE_PENDING:
        break;
    case X402_CHARGE_STRAY:
        assert_memory_equal(charge->transfer.sender.bytes, chaos->world.stranger.bytes,
                            EVM_ADDRESS_BYTES);
        payment->phase = PHASE_STRAY;
        chaos->stray++;
        break;
    case X402_CHARGE_LOST:
        fail_msg("that is no answer to this question");
    }
}

static void look(struct chaos *chaos)
{
    for (size_t i = 0; i < AUTHORIZATIONS; i++) {
        struct payment *payment = &chaos->payments[i];
        bool asked = payment->phase == PHASE_SETTLING || payment->phase == PHASE_ASKING;
        if (asked && payment->done) {
            judge(chaos, payment);
        }
    }
}

static void begin(struct chaos *chaos, struct payment *payment)
{
    struct world *world = &chaos->world;
    if (payment->phase == PHASE_NONE) {
        payment->charge = world_authorize(world);
        payment->charge.authorization.valid_before =
            evm_u256_of(world->model.loop.now_ms / 1000 + 10 + draw(chaos, 200));
        payment->charge.verb = X402_CHARGE_SETTLE;
        payment->charge.from_block = world->model.height;
        payment->charge.intended_sender = world->key.address;
        payment->phase = PHASE_SETTLING;
        world_begin(world, &payment->charge, &payment->done);
    } else if (payment->phase == PHASE_OPEN) {
        payment->charge.verb = X402_CHARGE_ASK;
        payment->phase = PHASE_ASKING;
        world_begin(world, &payment->charge, &payment->done);
    }
}

/* As if the process had died: the log still has the intents. */
static void restart(struct chaos *chaos)
{
    world_close(&chaos->world);
    for (size_t i = 0; i < AUTHORIZATIONS; i++) {
        struct payment *payment = &chaos->payments[i];
        if (payment->phase == PHASE_SETTLING || payment->phase == PHASE_ASKING) {
            payment->phase = PHASE_OPEN;
        }
    }
    world_open(&chaos->world, true);
}

/* The pool forgets one. */
static void forget(struct chaos *chaos)
{
    struct chain_model *model = &chaos->world.model;
    if (model->tx_count > 0) {
        struct model_tx *tx = &model->txs[draw(chaos, model->tx_count)];
        tx->dropped = tx->dropped || !tx->mined;
    }
}

/* Somebody has seen an authorization on its way, and submits it. Their transactions do not vanish:
 * what nobody looks for any more would else come back unseen. */
static void submit(struct chaos *chaos)
{
    struct world *world = &chaos->world;
    const struct payment *payment = &chaos->payments[draw(chaos, AUTHORIZATIONS)];
    const struct evm_authorization *authorization = &payment->charge.authorization;
    if (payment->phase == PHASE_NONE || !payment->charge.has_transaction) {
        return;
    }
    struct model_tx *tx = model_add(&world->model, &world->stranger);
    assert_true(evm_u256_u64(&authorization->valid_before, &tx->before));
    model_used(tx, &world->model.token, &authorization->from, &authorization->nonce);
    model_transfer(tx, &world->model.token, &authorization->from, &authorization->to, WORLD_PRICE);
}

static void step(struct chaos *chaos)
{
    struct chain_model *model = &chaos->world.model;
    switch (draw(chaos, 20)) {
    case 0:
        model->automine = draw(chaos, 2) == 0;
        break;
    case 1:
        model_reorg(model, 1 + draw(chaos, 2), draw(chaos, 2) == 0);
        break;
    case 2:
        model->nodes[0].away = draw(chaos, 3) == 0;
        break;
    case 3:
        model->fee_floor = draw(chaos, 3) == 0 ? UINT64_C(1000000000) * draw(chaos, 6) : 0;
        break;
    case 4:
        model->swallows = draw(chaos, 3) == 0;
        break;
    case 5:
        forget(chaos);
        break;
    case 6:
        if (draw(chaos, 6) == 0) {
            restart(chaos);
        }
        break;
    case 7:
        model->base_fee = UINT64_C(500000000) * (1 + draw(chaos, 6));
        break;
    case 8:
        model->send_error =
            draw(chaos, 4) == 0 ? "insufficient funds for gas * price + value" : NULL;
        break;
    case 9:
        submit(chaos);
        break;
    case 10:
    case 11:
        model_mine(model, 1);
        break;
    default:
        begin(chaos, &chaos->payments[draw(chaos, AUTHORIZATIONS)]);
        break;
    }
    fake_loop_advance(&chaos->world.model.loop, draw(chaos, 1500));
    look(chaos);
}

/* All is well again: everything ends. */
static void settle_down(struct chaos *chaos)
{
    struct chain_model *model = &chaos->world.model;
    model->automine = true;
    model->nodes[0].away = model->swallows = false;
    model->fee_floor = 0;
    model->base_fee = 1000000000;
    model->send_error = NULL;
    size_t open = 1;
    for (size_t round = 0; open > 0; round++) {
        if (round >= 400) {
            fail_msg("seed leaves %zu payments open", open);
        }
        model_mine(model, 1);
        fake_loop_advance(&model->loop, 2000);
        look(chaos);
        open = 0;
        for (size_t i = 0; i < AUTHORIZATIONS; i++) {
            begin(chaos, &chaos->payments[i]);
            enum phase phase = chaos->payments[i].phase;
            open += phase < PHASE_SETTLED;
        }
    }
    model_mine(model, FINAL_DEPTH);
    fake_loop_advance(&model->loop, 30000);
}

static void run(struct chaos *chaos, uint64_t seed)
{
    memset(chaos, 0, sizeof(*chaos));
    world_init(&chaos->world);
    chaos->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    chaos->world.network->stuck_seconds = 4;
    chaos->world.network->max_fee_wei = UINT64_C(20000000000);
    chaos->world.network->final_depth.blocks = FINAL_DEPTH;
    world_open(&chaos->world, true);
    for (size_t i = 0; i < STEPS; i++) {
        step(chaos);
    }
    settle_down(chaos);
    for (size_t i = 0; i < AUTHORIZATIONS; i++) {
        const struct payment *payment = &chaos->payments[i];
        if (payment->phase == PHASE_FAILED && is_used(chaos, payment)) {
            fail_msg("seed %llu: payment %zu was called failed (%s), and moved",
                     (unsigned long long)seed, i, payment->charge.text);
        }
    }
    world_fini(&chaos->world);
}

static void test_chaos(void **state)
{
    static struct chaos chaos;
    size_t settled = 0;
    size_t stray = 0;
    size_t failed = 0;
    size_t away = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(&chaos, seed);
        settled += chaos.settled;
        stray += chaos.stray;
        failed += chaos.failed;
        away += chaos.away;
    }
    print_message("# %zu settled, %zu by a stranger, %zu failed, %zu not begun\n", settled, stray,
                  failed, away);
    assert_true(settled > SEEDS && stray > 0 && failed > 0 && away > 0);
}

int main(void)
{
    lucid_log_set_level(LUCID_LOG_ERROR);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chaos)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

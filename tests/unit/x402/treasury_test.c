/* The treasury over a chain that lies, hangs and reorganises, killed at any moment: each payee is
 * paid exactly once, and the log says what the chain says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chain_model.h"
#include "tests/unit/x402/payment_world.h"
#include "x402/treasury.h"
#include "x402/treasury_run.h"

enum { PAYEES = 3, FINAL = 3, SEEDS = 60, STEPS = 400 };

struct scene {
    struct payment_world world;
    struct chain_model model;
    struct x402_networks networks;
    struct x402_network *network;
    struct evm_key key;
    struct x402_treasury *treasury;
    struct x402_treasury_run_config config;
    /* The writer. */
    struct lucid_timer turn;
    struct ledger_command *command;
    x402_written_fn *written;
    void *owner;
    uint64_t payments;
    uint64_t owed[PAYEES];
    uint64_t random;
};

static struct scene scene;
static const char *const payees[PAYEES] = {"gpu", "lab", "pool"};

static uint64_t draw(uint64_t below)
{
    scene.random ^= scene.random << 13;
    scene.random ^= scene.random >> 7;
    scene.random ^= scene.random << 17;
    return scene.random % below;
}

/* --- the writer ------------------------------------------------------------------------------- */

static enum lucid_error run_command(struct ledger_command *command)
{
    WORLD_CORE(&scene.world)->now_ms = lucid_wall_ms(&scene.model.loop.loop.clock);
    return core_run(WORLD_CORE(&scene.world), command);
}

static void turn_fire(struct lucid_timer *timer)
{
    struct ledger_command *command = scene.command;
    (void)timer;
    scene.command = NULL;
    (void)run_command(command);
    scene.written(scene.owner, command);
}

static enum lucid_error scene_submit(void *context, struct ledger_command *command,
                                     x402_written_fn *written, void *owner)
{
    (void)context;
    assert_null(scene.command);
    scene.command = command;
    scene.written = written;
    scene.owner = owner;
    assert_int_equal(lucid_timer_set(&scene.model.loop.loop, &scene.turn, 1), LUCID_OK);
    return LUCID_OK;
}

/* --- life ------------------------------------------------------------------------------------- */

static void scene_open(void)
{
    const struct x402_treasury_options options = {
        .loop = &scene.model.loop.loop,
        .outgoing = &scene.model.out.outgoing,
        .ledger = WORLD_CORE(&scene.world)->ledger,
        .networks = &scene.networks,
        .keys = {&scene.key},
        .submit = scene_submit,
    };
    assert_int_equal(x402_treasury_open(&options, &scene.treasury), LUCID_OK);
}

/* As a killed process: what is with the writer is committed, or not; nobody is told. */
static void scene_kill(bool commit)
{
    struct ledger_command *command = scene.command;
    lucid_timer_clear(&scene.model.loop.loop, &scene.turn);
    scene.command = NULL;
    if (command != NULL && commit) {
        (void)run_command(command);
    }
    x402_treasury_close(scene.treasury);
    scene.treasury = NULL;
}

static struct evm_address payee_address(size_t i)
{
    return world_address(0x70, i + 1);
}

static void kinds_use(struct payment_world *world)
{
    core_world_use(WORLD_CORE(world), &x402_outflow_kind, NULL);
    core_world_use(WORLD_CORE(world), &x402_payee_kind, NULL);
    core_world_use(WORLD_CORE(world), &x402_treasury_run_kind, &scene.config);
}

static void address_set(size_t i)
{
    struct x402_payee_command command;
    char text[EVM_ADDRESS_TEXT_BYTES + 1];
    struct evm_address address = payee_address(i);
    struct ledger_view *view = WORLD_CORE(&scene.world)->view;
    evm_address_text(&address, text);
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(
        x402_payee_set_prepare(&command, view, &scene.networks, lucid_span_str(payees[i]),
                               lucid_span_str(scene.network->caip2), lucid_span_str(text), NULL),
        LUCID_OK);
    ledger_view_end(view);
    assert_int_equal(run_command(&command.command), LUCID_OK);
}

static void network_make(void)
{
    scene.networks.count = 1;
    scene.network = &scene.networks.items[0];
    assert_true(x402_network_known(lucid_span_str("base-sepolia"), scene.network));
    (void)snprintf(scene.network->rpc[0], sizeof(scene.network->rpc[0]), "http://node0");
    (void)snprintf(scene.network->treasury_key_file, sizeof(scene.network->treasury_key_file), "k");
    scene.network->rpc_count = 1;
    scene.network->rpc_quorum = 1;
    scene.network->rpc_timeout_ms = 2000;
    scene.network->final_depth = (struct x402_depth){.by = X402_BY_DEPTH, .blocks = FINAL};
    scene.network->gas_limit = 150000;
    scene.network->max_fee_wei = UINT64_C(100000000000);
    scene.network->stuck_seconds = 5;
    scene.network->treasury_day_max = UINT64_C(1000000000);
    scene.network->has_treasury = true;
    scene.network->treasury = scene.key.address;
    scene.model.token = scene.network->token;
    scene.model.gas = scene.key.address;
}

static int scene_make(void **state)
{
    (void)state;
    memset(&scene, 0, sizeof(scene));
    scene.random = 88172645463325252;
    scene.turn.fire = turn_fire;
    model_init(&scene.model);
    assert_int_equal(evm_sign_open(), LUCID_OK);
    assert_int_equal(evm_key_parse(lucid_span_str("0x22222222222222222222222222222222222222222222"
                                                  "22222222222222222222"),
                                   &scene.key),
                     LUCID_OK);
    network_make();
    payment_world_init(&scene.world);
    kinds_use(&scene.world);
    core_world_start(WORLD_CORE(&scene.world));
    (void)price_set(&scene.world.revenue, "one", "gpu", "lab", NULL);
    (void)price_set(&scene.world.revenue, "two", "pool", "lab", NULL);
    for (size_t i = 0; i < PAYEES; i++) {
        address_set(i);
    }
    scene_open();
    return 0;
}

static int scene_drop(void **state)
{
    struct payment_world other;
    (void)state;
    scene_kill(false);
    payment_world_init(&other);
    kinds_use(&other);
    other.settlement.key = NULL;
    assert_true(core_replays_same(WORLD_CORE(&scene.world), WORLD_CORE(&other), 64));
    payment_world_stop(&other);
    assert_true(world_balances(&scene.world));
    payment_world_stop(&scene.world);
    model_fini(&scene.model);
    return 0;
}

/* --- statements and runs ---------------------------------------------------------------------- */

/* Of 700 for gpu, 1600 for lab, 4900 for pool, times so many; the statement's number. */
static uint64_t statement(uint64_t times)
{
    struct ledger_epoch_command command;
    uint64_t count;
    struct ledger_view *view = WORLD_CORE(&scene.world)->view;
    (void)pay(&scene.world.revenue, "one", 1000 * times);
    (void)pay(&scene.world.revenue, "two", 7000 * times);
    scene.owed[0] += 700 * times;
    scene.owed[1] += 1600 * times;
    scene.owed[2] += 4900 * times;
    core_leaves_log(WORLD_CORE(&scene.world), scene.world.leaves++, 1);
    ledger_epoch_command_init(&command, EPOCH_FINALIZE);
    assert_int_equal(run_command(&command.command), LUCID_OK);
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(gas_settlement_count(view, GAS_USDC, &count), LUCID_OK);
    ledger_view_end(view);
    return count - 1;
}

/* The run's number; 0: nothing is open. */
static uint64_t propose(uint64_t settlement)
{
    static struct x402_run_command command;
    struct ledger_view *view = WORLD_CORE(&scene.world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    enum lucid_error error =
        x402_run_propose_prepare(&command, view, &scene.networks, GAS_USDC, settlement,
                                 lucid_span_str(scene.network->caip2), "0123456789abcdef", NULL);
    ledger_view_end(view);
    if (error != LUCID_OK) {
        assert_int_equal(error, LUCID_REFUSE_CONFLICT);
        return 0;
    }
    assert_int_equal(run_command(&command.command), LUCID_OK);
    return command.run.number;
}

static struct x402_run run_of(uint64_t number)
{
    struct x402_run run;
    struct ledger_view *view = WORLD_CORE(&scene.world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(x402_run_read(view, number, &run), LUCID_OK);
    ledger_view_end(view);
    return run;
}

static void approve(uint64_t number)
{
    static struct x402_run_command command;
    x402_run_approve_prepare(&command, number, run_of(number).total, "0123456789abcdef");
    assert_int_equal(run_command(&command.command), LUCID_OK);
}

static bool is_closed(uint64_t settlement)
{
    struct gas_settlement found;
    struct ledger_view *view = WORLD_CORE(&scene.world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(gas_settlement_read(view, GAS_USDC, settlement, &found), LUCID_OK);
    ledger_view_end(view);
    return found.closed_sequence != 0;
}

/* --- the chain -------------------------------------------------------------------------------- */

/* What the payee has got, and by how many transfers. */
static uint64_t received(size_t payee, size_t *ret_count)
{
    struct evm_address address = payee_address(payee);
    struct evm_hash to = evm_address_topic(&address);
    uint64_t sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < scene.model.tx_count; i++) {
        const struct model_tx *tx = &scene.model.txs[i];
        for (size_t n = 0; tx->mined && tx->good && n < tx->log_count; n++) {
            if (memcmp(&tx->logs[n].topics[2], &to, sizeof(to)) == 0) {
                sum += lucid_get_be64(tx->logs[n].data + 24);
                count++;
            }
        }
    }
    if (ret_count != NULL) {
        *ret_count = count;
    }
    return sum;
}

static void check_paid(void)
{
    for (size_t i = 0; i < PAYEES; i++) {
        assert_int_equal(received(i, NULL), scene.owed[i]);
    }
}

/* Blocks come, one each second, until the run is over. */
static void finish(uint64_t number, unsigned seconds)
{
    struct x402_run run = run_of(number);
    for (unsigned i = 0; i < seconds && strcmp(x402_run_status(&run), "done") != 0; i++) {
        fake_loop_advance(&scene.model.loop, 1000);
        model_mine(&scene.model, 1);
        run = run_of(number);
    }
    assert_string_equal(x402_run_status(&run), "done");
}

static struct x402_treasury_status status(void)
{
    struct x402_treasury_status ret;
    assert_true(x402_treasury_status(scene.treasury, scene.network, &ret));
    return ret;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_plain(void **state)
{
    (void)state;
    size_t count;
    uint64_t settlement = statement(1);
    uint64_t run = propose(settlement);
    assert_int_equal(run, 1);
    fake_loop_advance(&scene.model.loop, 20000);
    assert_int_equal(model_raw_count(&scene.model), 0); /* nobody has approved it */
    approve(run);
    finish(run, 60);
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], PAYEES);
    check_paid();
    assert_int_equal(received(1, &count), 1600);
    assert_int_equal(count, 1);
    assert_int_equal(model_raw_count(&scene.model), PAYEES);
    assert_true(is_closed(settlement));
    assert_int_equal(propose(settlement), 0);
    assert_int_equal(status().recorded, PAYEES);
    assert_int_equal(status().budget_left, 1000000000 - 7200);
}

/* Mined, and not recorded before it is final. */
static void test_final(void **state)
{
    (void)state;
    uint64_t run = propose(statement(1));
    approve(run);
    scene.model.automine = false;
    fake_loop_advance(&scene.model.loop, 10000);
    assert_int_equal(run_of(run).counts[X402_RUN_ORDERED], PAYEES);
    model_mine(&scene.model, FINAL - 1);
    fake_loop_advance(&scene.model.loop, 10000);
    check_paid();
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], 0);
    model_mine(&scene.model, 1);
    fake_loop_advance(&scene.model.loop, 10000);
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], PAYEES);
}

static void test_stuck(void **state)
{
    (void)state;
    uint64_t run = propose(statement(1));
    approve(run);
    scene.model.automine = false;
    fake_loop_advance(&scene.model.loop, 4000);
    uint64_t fee = scene.model.txs[0].max_fee;
    scene.model.fee_floor = fee + 1;
    model_mine(&scene.model, 1);
    fake_loop_advance(&scene.model.loop, 20000);
    assert_true(status().replaced >= 1);
    for (size_t i = 0; i < scene.model.tx_count; i++) {
        assert_true(scene.model.txs[i].nonce < PAYEES);
        assert_true(scene.model.txs[i].max_fee <= scene.network->max_fee_wei);
    }
    scene.model.fee_floor = 0;
    finish(run, 60);
    check_paid();
}

/* Restarted with its transactions in the pool, dropped from it, and mined meanwhile. */
static void test_restart(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        uint64_t run = propose(statement(1));
        approve(run);
        scene.model.automine = false;
        fake_loop_advance(&scene.model.loop, 4000);
        size_t sent = model_raw_count(&scene.model);
        scene_kill(false);
        for (size_t i = 0; how == 1 && i < scene.model.tx_count; i++) {
            scene.model.txs[i].dropped = !scene.model.txs[i].mined;
        }
        if (how == 2) {
            model_mine(&scene.model, 10);
        }
        scene.model.base_fee += 7; /* other fees than before: another hash */
        scene_open();
        fake_loop_advance(&scene.model.loop, 4000);
        assert_true(how != 2 || model_raw_count(&scene.model) == sent);
        scene.model.automine = true;
        finish(run, 60);
        check_paid();
        assert_int_equal(scene.model.gas_count, PAYEES * (how + 1));
    }
}

/* Somebody else has the key: the next nonce goes to a transaction that pays nobody. */
static void foreign_use(void)
{
    uint64_t nonce = scene.model.gas_count;
    for (size_t i = 0; i < scene.model.tx_count; i++) {
        struct model_tx *tx = &scene.model.txs[i];
        tx->dropped = tx->dropped || (tx->raw && !tx->mined && tx->nonce == nonce);
    }
    struct model_tx *theirs = model_add(&scene.model, &scene.key.address);
    theirs->raw = true;
    theirs->nonce = nonce;
    theirs->max_fee = UINT64_MAX / 4;
    model_mine_tx(&scene.model, theirs);
}

/* Somebody else uses the nonce: failed once that is final; another run pays. */
static void test_foreign_nonce(void **state)
{
    (void)state;
    uint64_t settlement = statement(1);
    uint64_t run = propose(settlement);
    approve(run);
    scene.model.automine = false;
    fake_loop_advance(&scene.model.loop, 4000);
    foreign_use();
    fake_loop_advance(&scene.model.loop, 4000);
    assert_int_equal(run_of(run).counts[X402_RUN_FAILED], 0); /* not final yet */
    scene.model.automine = true;
    finish(run, 60);
    assert_int_equal(run_of(run).counts[X402_RUN_FAILED], 1);
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], PAYEES - 1);
    assert_int_equal(status().failed, 1);
    assert_false(is_closed(settlement));
    run = propose(settlement);
    assert_int_equal(run_of(run).lines, 1);
    approve(run);
    finish(run, 60);
    check_paid();
    assert_true(is_closed(settlement));
}

/* A node that knows the count, and neither receipts nor logs, for a while: nothing is dropped. */
static bool lying;
static const char *forget(struct chain_model *model, struct fake_question *question)
{
    (void)model;
    if (!lying) {
        return NULL;
    }
    return strcmp(question->method, "eth_getTransactionReceipt") == 0 ? "null"
           : strcmp(question->method, "eth_getLogs") == 0             ? "[]"
                                                                      : NULL;
}

static void test_forgetful_node(void **state)
{
    (void)state;
    uint64_t run = propose(statement(1));
    approve(run);
    lying = true;
    scene.model.nodes[0].lie = forget;
    fake_loop_advance(&scene.model.loop, 15000); /* mined, no further blocks: nothing is final */
    lying = false;
    finish(run, 60);
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], PAYEES);
    check_paid();
}

static void test_reverts(void **state)
{
    (void)state;
    uint64_t settlement = statement(1);
    uint64_t run = propose(settlement);
    approve(run);
    scene.model.reverts = true;
    finish(run, 60);
    assert_int_equal(run_of(run).counts[X402_RUN_FAILED], PAYEES);
    assert_int_equal(received(0, NULL), 0);
    fake_loop_advance(&scene.model.loop, 60000);
    assert_int_equal(model_raw_count(&scene.model), PAYEES); /* not tried again by itself */
    scene.model.reverts = false;
    run = propose(settlement);
    approve(run);
    finish(run, 60);
    check_paid();
}

static void test_waits(void **state)
{
    (void)state;
    uint64_t run = propose(statement(1));
    approve(run);
    scene.model.payer_balance = evm_u256_of(699);
    fake_loop_advance(&scene.model.loop, 5000);
    assert_true(status().stuck && status().waiting[0] != '\0');
    assert_int_equal(run_of(run).counts[X402_RUN_WAITING], PAYEES);
    scene.model.payer_balance = evm_u256_of(1000000);
    scene.model.gas_balance = evm_u256_of(1000);
    fake_loop_advance(&scene.model.loop, 5000);
    assert_true(status().waiting[0] != '\0');
    assert_int_equal(run_of(run).counts[X402_RUN_WAITING], PAYEES);
    scene.model.gas_balance = evm_u256_of(UINT64_C(1000000000000000000));
    scene.network->treasury_day_max = 2400; /* two lines */
    fake_loop_advance(&scene.model.loop, 20000);
    model_mine(&scene.model, FINAL);
    fake_loop_advance(&scene.model.loop, 20000);
    assert_int_equal(run_of(run).counts[X402_RUN_PAID], 2);
    assert_true(strstr(status().waiting, "treasury_day_max") != NULL);
    assert_int_equal(status().budget_left, 100);
    scene_kill(false); /* the log knows what went out today */
    scene_open();
    fake_loop_advance(&scene.model.loop, 5000);
    assert_int_equal(status().budget_left, 100);
    scene.network->treasury_day_max = 5000;
    fake_loop_advance(&scene.model.loop, UINT64_C(86400000)); /* the next day */
    finish(run, 60);
    check_paid();
    assert_string_equal(status().waiting, "");
}

/* --- chaos ------------------------------------------------------------------------------------ */

static void mischief(void)
{
    switch (draw(24)) {
    case 0:
    case 1:
        scene_kill(draw(2) == 0);
        scene_open();
        break;
    case 2:
        scene.model.nodes[0].hangs = !scene.model.nodes[0].hangs;
        break;
    case 3:
        scene.model.swallows = !scene.model.swallows;
        break;
    case 4:
        scene.model.fee_floor = draw(2) == 0 ? 0 : draw(UINT64_C(4000000000));
        break;
    case 5:
        model_reorg(&scene.model, 1 + draw(FINAL - 1), draw(2) == 0);
        break;
    case 6:
        if (scene.model.tx_count > 0) {
            struct model_tx *tx = &scene.model.txs[draw(scene.model.tx_count)];
            tx->dropped = tx->dropped || (!tx->mined && tx->raw);
        }
        break;
    case 7:
        if (draw(4) == 0) {
            foreign_use();
        }
        break;
    case 8:
    case 9:
    case 10:
        model_mine(&scene.model, 1);
        break;
    default:
        fake_loop_advance(&scene.model.loop, draw(700));
        break;
    }
}

static void heal(void)
{
    scene.model.nodes[0].hangs = scene.model.swallows = false;
    scene.model.fee_floor = 0;
    scene.model.automine = true;
    model_mine(&scene.model, FINAL);
}

static void chaos_one(uint64_t seed)
{
    scene.random = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    uint64_t settlement = statement(1 + draw(3));
    uint64_t run = propose(settlement);
    approve(run);
    scene.model.automine = draw(2) == 0;
    for (unsigned i = 0; i < STEPS; i++) {
        mischief();
        for (size_t n = 0; n < PAYEES; n++) {
            assert_true(received(n, NULL) <= scene.owed[n]);
        }
    }
    heal();
    finish(run, 300);
    for (unsigned tries = 0; !is_closed(settlement); tries++) {
        assert_true(tries < 3);
        run = propose(settlement);
        approve(run);
        finish(run, 300);
    }
    check_paid();
}

static void test_chaos(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        (void)scene_make(state);
        chaos_one(seed);
        (void)scene_drop(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_final, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_stuck, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_restart, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_foreign_nonce, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_forgetful_node, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_reverts, scene_make, scene_drop),
        cmocka_unit_test_setup_teardown(test_waits, scene_make, scene_drop),
        cmocka_unit_test(test_chaos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

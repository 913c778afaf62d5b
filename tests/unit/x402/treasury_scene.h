/* The treasury over the chain model, with a ledger in memory and a writer: what its tests share.
 * Header only. */
#ifndef LUCID_TESTS_TREASURY_SCENE_H
#define LUCID_TESTS_TREASURY_SCENE_H

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

enum { PAYEES = 3, FINAL = 3 };

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
    void (*between)(void); /* once, after payout.started is in the log and before it is told */
    uint64_t payments;
    uint64_t owed[PAYEES];
    uint64_t random;
};

static struct scene scene;
static const char *const payees[PAYEES] = {"gpu", "lab", "pool"};

static inline uint64_t draw(uint64_t below)
{
    scene.random ^= scene.random << 13;
    scene.random ^= scene.random >> 7;
    scene.random ^= scene.random << 17;
    return scene.random % below;
}

/* --- the writer ------------------------------------------------------------------------------- */

static inline enum lucid_error run_command(struct ledger_command *command)
{
    WORLD_CORE(&scene.world)->now_ms = lucid_wall_ms(&scene.model.loop.loop.clock);
    return core_run(WORLD_CORE(&scene.world), command);
}

static inline void turn_fire(struct lucid_timer *timer)
{
    struct ledger_command *command = scene.command;
    (void)timer;
    scene.command = NULL;
    (void)run_command(command);
    if (scene.between != NULL && command->kind == &gas_settlement_kind &&
        command->verb == GAS_PAYOUT_START) {
        void (*between)(void) = scene.between;
        scene.between = NULL;
        between();
    }
    scene.written(scene.owner, command);
}

static inline enum lucid_error scene_submit(void *context, struct ledger_command *command,
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

static inline void scene_open(void)
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
static inline void scene_kill(bool commit)
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

static inline struct evm_address payee_address(size_t i)
{
    return world_address(0x70, i + 1);
}

static inline void kinds_use(struct payment_world *world)
{
    core_world_use(WORLD_CORE(world), &x402_outflow_kind, NULL);
    core_world_use(WORLD_CORE(world), &x402_payee_kind, NULL);
    core_world_use(WORLD_CORE(world), &x402_treasury_run_kind, &scene.config);
}

static inline void address_set(size_t i)
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

static inline void network_make(void)
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

static inline int scene_make(void **state)
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

static inline int scene_drop(void **state)
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
static inline uint64_t statement(uint64_t times)
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
static inline uint64_t propose(uint64_t settlement)
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

static inline struct x402_run run_of(uint64_t number)
{
    struct x402_run run;
    struct ledger_view *view = WORLD_CORE(&scene.world)->view;
    assert_int_equal(ledger_view_begin(view), LUCID_OK);
    assert_int_equal(x402_run_read(view, number, &run), LUCID_OK);
    ledger_view_end(view);
    return run;
}

static inline void approve(uint64_t number)
{
    static struct x402_run_command command;
    x402_run_approve_prepare(&command, number, run_of(number).total, "0123456789abcdef");
    assert_int_equal(run_command(&command.command), LUCID_OK);
}

static inline bool is_closed(uint64_t settlement)
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
static inline uint64_t received(size_t payee, size_t *ret_count)
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

static inline void check_paid(void)
{
    for (size_t i = 0; i < PAYEES; i++) {
        assert_int_equal(received(i, NULL), scene.owed[i]);
    }
}

/* Blocks come, one each second, until the run is over. */
static inline void finish(uint64_t number, unsigned seconds)
{
    struct x402_run run = run_of(number);
    for (unsigned i = 0; i < seconds && strcmp(x402_run_status(&run), "done") != 0; i++) {
        fake_loop_advance(&scene.model.loop, 1000);
        model_mine(&scene.model, 1);
        run = run_of(number);
    }
    assert_string_equal(x402_run_status(&run), "done");
}

static inline struct x402_treasury_status status(void)
{
    struct x402_treasury_status ret;
    assert_true(x402_treasury_status(scene.treasury, scene.network, &ret));
    return ret;
}

#endif

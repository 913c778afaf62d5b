/* A ledger in memory with the books, the settlement kind and a till: a kind whose commands log
 * payments with postings as a test says. For the tests of settlement and payouts. */
#ifndef LUCID_TESTS_SETTLEMENT_WORLD_H
#define LUCID_TESTS_SETTLEMENT_WORLD_H

#include <stdio.h>

#include "base/sha256.h"
#include "gas/payout.h"
#include "tests/unit/gas/till.h"
#include "tests/unit/ledger/core_world.h"

/* --- the world -------------------------------------------------------------------------------- */

struct settlement_world {
    struct core_world core;
    struct gas_books_config books;
    struct gas_settlement_config settlement;
    struct ledger_ed25519_key key;
    uint64_t leaves;
};

static inline void settlement_world_init(struct settlement_world *world)
{
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {1, 2, 3};
    memset(world, 0, sizeof(*world));
    core_world_init(&world->core);
    ledger_ed25519_key_init(seed, &world->key);
    world->settlement.key = &world->key;
    core_world_use(&world->core, &gas_books_kind, &world->books);
    core_world_use(&world->core, &gas_settlement_kind, &world->settlement);
    core_world_use(&world->core, &till_kind, NULL);
}

static inline void settlement_world_start(struct settlement_world *world)
{
    settlement_world_init(world);
    core_world_start(&world->core);
}

/* A payment through "external": legs of 0 have no posting. compute and model are account ids. */
static inline enum lucid_error pay(struct settlement_world *world, const char *unit,
                                   const char *compute, uint64_t compute_amount, const char *model,
                                   uint64_t model_amount, uint64_t protocol_amount)
{
    struct till_command till;
    char clearing[64];
    char protocol[64];
    (void)snprintf(clearing, sizeof(clearing), "clearing:external:%s", unit);
    (void)snprintf(protocol, sizeof(protocol), "revenue:protocol:%s", unit);
    till_init(&till, till_payment);
    till_post(&till, clearing, compute, compute_amount, "split.compute");
    till_post(&till, clearing, model, model_amount, "split.model");
    till_post(&till, clearing, protocol, protocol_amount, "split.protocol");
    return core_run(&world->core, &till.command);
}

/* Logs a leaf and closes the epoch over it. */
static inline void epoch_end(struct settlement_world *world)
{
    struct ledger_epoch_command command;
    world->core.now_ms += 5000;
    core_leaves_log(&world->core, world->leaves++, 1);
    ledger_epoch_command_init(&command, EPOCH_FINALIZE);
    lucid_assert(core_run(&world->core, &command.command) == LUCID_OK);
    lucid_assert(command.ret_closed);
}

static inline uint64_t statements(struct settlement_world *world, enum gas_unit unit)
{
    uint64_t count = 99;
    lucid_assert(ledger_view_begin(world->core.view) == LUCID_OK);
    lucid_assert(gas_settlement_count(world->core.view, unit, &count) == LUCID_OK);
    ledger_view_end(world->core.view);
    return count;
}

/* The statement's row, and a copy of its document, which the caller frees. */
static inline struct gas_settlement settlement_of(struct settlement_world *world,
                                                  enum gas_unit unit, uint64_t number,
                                                  struct lucid_buf *ret_document)
{
    struct gas_settlement settlement;
    struct lucid_span document;
    lucid_assert(ledger_view_begin(world->core.view) == LUCID_OK);
    lucid_assert(gas_settlement_read(world->core.view, unit, number, &settlement) == LUCID_OK);
    lucid_assert(gas_settlement_document(world->core.view, &settlement, &document) == LUCID_OK);
    if (ret_document != NULL) {
        lucid_buf_init(ret_document, 0);
        lucid_buf_span_put(ret_document, document);
    }
    ledger_view_end(world->core.view);
    return settlement;
}

static inline struct gas_settlement_line line_of(struct settlement_world *world, enum gas_unit unit,
                                                 uint64_t number, const char *payee)
{
    struct gas_settlement_line line;
    lucid_assert(ledger_view_begin(world->core.view) == LUCID_OK);
    lucid_assert(gas_settlement_line_read(world->core.view, unit, number, lucid_span_str(payee),
                                          &line) == LUCID_OK);
    ledger_view_end(world->core.view);
    return line;
}

static inline struct gas_account account_of(struct settlement_world *world, const char *id)
{
    struct gas_account account = {.number = 0};
    lucid_assert(ledger_view_begin(world->core.view) == LUCID_OK);
    enum lucid_error error = gas_account_read(world->core.view, lucid_span_str(id), &account);
    lucid_assert(error == LUCID_OK || error == LUCID_NOTE_ABSENT);
    ledger_view_end(world->core.view);
    return account;
}

/* The log replayed into an empty store gives the same rows in every table, without the key. */
static inline void settlement_replay(struct settlement_world *world)
{
    static struct settlement_world other;
    settlement_world_init(&other);
    other.settlement.key = NULL;
    lucid_assert(core_replays_same(&world->core, &other.core, 256));
    core_world_stop(&other.core);
}

#endif

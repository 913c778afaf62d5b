/* A ledger in memory with the books, prices and revenue: for the tests of the last two. */
#ifndef LUCID_TESTS_GAS_REVENUE_WORLD_H
#define LUCID_TESTS_GAS_REVENUE_WORLD_H

#include <stdio.h>

#include "base/sha256.h"
#include "gas/revenue.h"
#include "tests/unit/ledger/core_world.h"

#define PAY_TO  "0x52908400098527886E0F7030069857D2E4169EE7"
#define NETWORK "eip155:8453"

struct revenue_world {
    struct core_world core; /* first member */
    struct gas_books_config books;
    struct gas_revenue_config revenue;
};

static inline void revenue_world_init(struct revenue_world *world)
{
    core_world_init(&world->core);
    world->books = (struct gas_books_config){.mode = GAS_POSTPAID};
    world->revenue = (struct gas_revenue_config){.cache = NULL};
    lucid_assert(gas_split_cache_open(&world->revenue.cache) == LUCID_OK);
    core_world_use(&world->core, &gas_books_kind, &world->books);
    core_world_use(&world->core, &gas_pricing_kind, NULL);
    core_world_use(&world->core, &gas_revenue_kind, &world->revenue);
}

static inline void revenue_world_stop(struct revenue_world *world)
{
    core_world_stop(&world->core);
    gas_split_cache_close(world->revenue.cache);
}

/* NULL: none. */
static inline struct lucid_span text_span(const char *text)
{
    return text == NULL ? lucid_span(NULL, 0) : lucid_span_str(text);
}

/* A price with those payees (NULL: none) and weights (NULL: the default). */
static inline void price_prepare(struct gas_price_command *command, const char *asset,
                                 const char *compute, const char *model,
                                 const struct gas_weights *weights)
{
    const struct gas_price_request request = {
        .asset = lucid_span_str(asset),
        .price_per_call = 1000,
        .network = lucid_span_str(NETWORK),
        .pay_to = lucid_span_str(PAY_TO),
        .compute_payee = text_span(compute),
        .model_payee = text_span(model),
        .weights = weights,
    };
    lucid_assert(gas_price_set_prepare(command, &request, NULL) == LUCID_OK);
}

/* Sets it; the version that stands then. */
static inline uint64_t price_set(struct revenue_world *world, const char *asset,
                                 const char *compute, const char *model,
                                 const struct gas_weights *weights)
{
    struct gas_price_command command;
    price_prepare(&command, asset, compute, model, weights);
    lucid_assert(core_run(&world->core, &command.command) == LUCID_OK);
    return command.price.version;
}

static inline enum lucid_error price_delete(struct revenue_world *world, const char *asset)
{
    struct gas_price_command command;
    lucid_assert(gas_price_delete_prepare(&command, lucid_span_str(asset), NULL) == LUCID_OK);
    return core_run(&world->core, &command.command);
}

static inline void payment_prepare(struct gas_payment_command *command, const char *asset,
                                   uint64_t amount, const char *external_id,
                                   const char *facilitator)
{
    const struct gas_payment_request request = {
        .asset = lucid_span_str(asset),
        .unit = GAS_USDC,
        .amount = amount,
        .external_id = lucid_span_str(external_id),
        .facilitator = text_span(facilitator),
    };
    lucid_assert(gas_payment_prepare(command, &request, NULL) == LUCID_OK);
}

/* Records a payment under an external id of its own; what came of it is in *command. */
static inline enum lucid_error pay_through(struct revenue_world *world, const char *asset,
                                           uint64_t amount, const char *facilitator,
                                           struct gas_payment_command *command)
{
    static unsigned number;
    char external_id[32];
    snprintf(external_id, sizeof(external_id), "pay-%u", number++);
    payment_prepare(command, asset, amount, external_id, facilitator);
    return core_run(&world->core, &command->command);
}

static inline struct gas_payment pay(struct revenue_world *world, const char *asset,
                                     uint64_t amount)
{
    struct gas_payment_command command;
    lucid_assert(pay_through(world, asset, amount, NULL, &command) == LUCID_OK);
    lucid_assert(!command.ret_known);
    return command.payment;
}

/* Credits less debits of an account; one that was never opened has 0. */
static inline int64_t owed(struct revenue_world *world, const char *id)
{
    struct gas_account account = {.debits = 0};
    lucid_assert(ledger_view_begin(world->core.view) == LUCID_OK);
    enum lucid_error error = gas_account_read(world->core.view, lucid_span_str(id), &account);
    ledger_view_end(world->core.view);
    lucid_assert(error == LUCID_OK || error == LUCID_NOTE_ABSENT);
    return (int64_t)(account.credits - account.debits);
}

static inline struct gas_asset_revenue revenue_of(struct revenue_world *world, const char *asset)
{
    struct gas_asset_revenue revenue = {.gross = 0};
    lucid_assert(ledger_view_begin(world->core.view) == LUCID_OK);
    enum lucid_error error =
        gas_asset_revenue_read(world->core.view, lucid_span_str(asset), GAS_USDC, &revenue);
    ledger_view_end(world->core.view);
    lucid_assert(error == LUCID_OK || error == LUCID_NOTE_ABSENT);
    return revenue;
}

/* T of the price in force. */
static inline uint64_t total_of(struct revenue_world *world, const char *asset)
{
    struct gas_price price;
    uint64_t total = 0;
    lucid_assert(ledger_view_begin(world->core.view) == LUCID_OK);
    lucid_assert(gas_price_current(world->core.view, lucid_span_str(asset), &price) == LUCID_OK);
    lucid_assert(gas_revenue_total(world->core.view, &price, &total) == LUCID_OK);
    ledger_view_end(world->core.view);
    return total;
}

/* --- replay ----------------------------------------------------------------------------------- */

/* Whether the log makes the same rows in an empty store, without any configuration, and once more
 * when they are folded again. */
static inline bool revenue_replays_same(struct revenue_world *world)
{
    static struct core_world other;
    uint8_t here[LUCID_SHA256_BYTES];
    uint8_t there[LUCID_SHA256_BYTES];
    other = world->core;
    other.view = NULL;
    for (size_t i = 0; i < other.use_count; i++) {
        if (strncmp(other.uses[i].kind->name, "epoch", 5) != 0 &&
            strncmp(other.uses[i].kind->name, "head", 4) != 0) {
            other.uses[i].config = NULL;
        }
    }
    bool same = core_replays_same(&world->core, &other, UINT64_MAX);
    core_store_digest(&world->core, world->core.store, here);
    core_world_shut(&other);
    /* Without rows of `folds` everything is folded again. */
    struct store_batch *batch = NULL;
    uint32_t table;
    lucid_assert(store_table_find(other.store, LEDGER_FOLDS_TABLE, &table) == LUCID_OK);
    lucid_assert(store_batch_begin(other.store, &batch) == LUCID_OK);
    lucid_assert(store_table_clear(batch, table) == LUCID_OK);
    lucid_assert(store_batch_commit(batch) == LUCID_OK);
    lucid_assert(core_world_open(&other) == LUCID_OK);
    core_store_digest(&other, other.store, there);
    same = same && memcmp(here, there, sizeof(here)) == 0;
    core_world_shut(&other);
    store_close(other.store);
    return same;
}

#endif

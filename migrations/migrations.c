/* Table `meta`: key "migration" = the newest number applied, u32 big-endian. */
#include "migrations/migrations.h"

#include "base/assert.h"

static const char table_meta[] = "meta";
static const char key_migration[] = "migration";

static enum lucid_error tables_create(struct store_batch *batch, const char *const *names)
{
    for (; *names != NULL; names++) {
        uint32_t table;
        enum lucid_error error = store_table_create(batch, *names, &table);
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

static enum lucid_error m0001_ledger_core(struct store_batch *batch)
{
    static const char *const names[] = {table_meta,   "folds",   "heads",  "epochs",
                                        "epoch_ends", "signers", "tokens", NULL};
    return tables_create(batch, names);
}

static enum lucid_error m0002_cosignatures(struct store_batch *batch)
{
    static const char *const names[] = {"cosignatures", NULL};
    return tables_create(batch, names);
}

static enum lucid_error m0003_erasures(struct store_batch *batch)
{
    static const char *const names[] = {"erasures", NULL};
    return tables_create(batch, names);
}

static enum lucid_error m0004_gas(struct store_batch *batch)
{
    static const char *const names[] = {"account_ids",      "accounts",     "balances",
                                        "account_history",  "postings",     "tariffs",
                                        "deposits",         "prices",       "price_versions",
                                        "payments",         "payment_keys", "splits",
                                        "asset_revenue",    "earnings",     "settlements",
                                        "settlement_lines", "payee_lines",  "payouts",
                                        "payout_keys",      "payout_lines", NULL};
    return tables_create(batch, names);
}

static enum lucid_error m0005_x402(struct store_batch *batch)
{
    static const char *const names[] = {"x402_payments", "x402_keys",    "x402_order",
                                        "x402_open",     "x402_settled", NULL};
    return tables_create(batch, names);
}

static enum lucid_error m0006_market(struct store_batch *batch)
{
    static const char *const names[] = {"x402_identifiers",
                                        "x402_outflows",
                                        "x402_outflow_keys",
                                        "x402_refunds",
                                        "treasury_runs",
                                        "treasury_lines",
                                        "payee_addresses",
                                        "facilitations",
                                        "facilitation_days",
                                        "grants",
                                        "grant_order",
                                        "revenue_by",
                                        NULL};
    return tables_create(batch, names);
}

static enum lucid_error m0007_plugins(struct store_batch *batch)
{
    static const char *const names[] = {"blobs", "plugin_keys", NULL};
    return tables_create(batch, names);
}

const struct migration migrations[] = {
    {1, "ledger core: heads, epochs, signers, tokens", m0001_ledger_core},
    {2, "witnesses: cosignatures of heads", m0002_cosignatures},
    {3, "erasures of bodies", m0003_erasures},
    {4, "gas: books, prices, revenue, settlements", m0004_gas},
    {5, "x402: payments of the gate", m0005_x402},
    {6, "x402: the market", m0006_market},
    {7, "plugins: blobs and keys; their own tables come with them", m0007_plugins},
    {0, NULL, NULL},
};

enum lucid_error migrations_version(struct store *store, uint32_t *ret)
{
    uint32_t table;
    if (store_table_find(store, table_meta, &table) != LUCID_OK) {
        *ret = 0;
        return LUCID_OK;
    }
    struct store_view *view;
    enum lucid_error error = store_view_open(store, &view);
    if (error != LUCID_OK) {
        return error;
    }
    error = store_view_begin(view);
    if (error == LUCID_OK) {
        struct lucid_span value;
        error = store_get(view, table, lucid_span_str(key_migration), &value);
        if (error == LUCID_OK && value.len != 4) {
            error = LUCID_FATAL_CORRUPT;
        }
        if (error == LUCID_OK) {
            *ret = lucid_get_be32(value.data);
        }
        store_view_end(view);
    }
    store_view_close(view);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

static enum lucid_error apply_one(struct store *store, const struct migration *migration)
{
    struct store_batch *batch;
    enum lucid_error error = store_batch_begin(store, &batch);
    if (error != LUCID_OK) {
        return error;
    }
    uint32_t meta;
    uint8_t number[4];
    lucid_put_be32(number, migration->number);
    error = migration->run(batch);
    if (error == LUCID_OK) {
        error = store_table_create(batch, table_meta, &meta);
    }
    if (error == LUCID_OK) {
        error = store_put(batch, meta, lucid_span_str(key_migration),
                          lucid_span(number, sizeof(number)));
    }
    if (error != LUCID_OK) {
        store_batch_abort(batch);
        return error;
    }
    return store_batch_commit(batch);
}

enum lucid_error migrations_run(struct store *store, uint32_t *ret_applied, struct lucid_why *why)
{
    return migrations_run_list(store, migrations, ret_applied, why);
}

enum lucid_error migrations_run_list(struct store *store, const struct migration *list,
                                     uint32_t *ret_applied, struct lucid_why *why)
{
    uint32_t version = 0;
    enum lucid_error error = migrations_version(store, &version);
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, "STORE", NULL, "the store's version cannot be read: %s",
                            lucid_error_name(error));
    }
    uint32_t applied = 0;
    uint32_t newest = 0;
    for (const struct migration *at = list; at->run != NULL; at++) {
        lucid_assert(at->number == newest + 1);
        newest = at->number;
        if (at->number <= version) {
            continue;
        }
        error = apply_one(store, at);
        if (error != LUCID_OK) {
            return lucid_refuse(why, error, "MIGRATION_FAILED", NULL, "migration %u (%s): %s",
                                (unsigned)at->number, at->name, lucid_error_name(error));
        }
        applied++;
    }
    if (version > newest) {
        return lucid_refuse(why, LUCID_FATAL_NEWER, "STORE_NEWER", NULL,
                            "the store has version %u, this program knows up to %u",
                            (unsigned)version, (unsigned)newest);
    }
    *ret_applied = applied;
    return LUCID_OK;
}

uint32_t migrations_newest(void)
{
    uint32_t newest = 0;
    for (const struct migration *at = migrations; at->run != NULL; at++) {
        newest = at->number;
    }
    return newest;
}

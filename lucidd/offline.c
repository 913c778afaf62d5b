#include "lucidd/offline.h"

#include "ledger/store/lmdb.h"

enum lucid_error offline_store_open(const char *path, enum offline_access access,
                                    struct store **ret, struct lucid_why *why)
{
    const struct store_lmdb_options options = {
        .bytes_max = STORE_LMDB_BYTES_MAX_DEFAULT,
        .readers_max = STORE_LMDB_READERS_MAX_DEFAULT,
        .create = access == OFFLINE_CREATE,
        .writable = access != OFFLINE_READ,
    };
    return store_lmdb_open(path, &options, ret, why);
}

enum lucid_error offline_ledger_open(struct store *store, const struct ledger_skey *log_key,
                                     const struct plugins *plugins, struct kinds *kinds,
                                     struct ledger **ret, struct lucid_why *why)
{
    kinds_init(kinds, log_key);
    enum lucid_error error = kinds_add_plugins(kinds, plugins, why);
    if (error == LUCID_OK) {
        error = plugins_tables_create(plugins, store, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    const struct ledger_options options = {.uses = kinds->uses, .use_count = kinds->count};
    return ledger_open(store, &options, ret, why);
}

enum lucid_error offline_open(struct offline *offline, const char *data, enum offline_access access,
                              struct lucid_why *why)
{
    *offline = (struct offline){.store = NULL};
    enum lucid_error error = access == OFFLINE_READ
                                 ? datadir_open_readonly(data, &offline->dir, why)
                                 : datadir_open(data, &offline->dir, why);
    if (error == LUCID_OK) {
        error = offline_store_open(offline->dir.store, access, &offline->store, why);
    }
    if (error == LUCID_OK) {
        error =
            offline_ledger_open(offline->store, NULL, NULL, &offline->kinds, &offline->ledger, why);
    }
    return error;
}

void offline_close(struct offline *offline)
{
    ledger_close(offline->ledger);
    store_close(offline->store);
    offline->ledger = NULL;
    offline->store = NULL;
}

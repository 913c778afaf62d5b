/* A log's store and ledger without the service: for the commands that read or make a data directory
 * themselves. One place knows the bounds that a store is opened with there. */
#ifndef LUCID_LUCIDD_OFFLINE_H
#define LUCID_LUCIDD_OFFLINE_H

#include "lucidd/datadir.h"
#include "lucidd/kinds.h"

enum offline_access {
    OFFLINE_READ,   /* a service may run on it */
    OFFLINE_WRITE,  /* none can */
    OFFLINE_CREATE, /* made when it is not there */
};

/* Opens the store in that directory. Errors: those of store_lmdb_open. */
enum lucid_error offline_store_open(const char *path, enum offline_access access,
                                    struct store **ret, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Opens the ledger of every kind over a store, those of plugins (NULL: none) among them, whose
 * tables are made: with plugins the store must be writable. kinds stays where it is while the
 * ledger is open; as log_key for kinds_init. Errors: those of ledger_open, kinds_add_plugins and
 * plugins_tables_create. */
enum lucid_error offline_ledger_open(struct store *store, const struct ledger_skey *log_key,
                                     const struct plugins *plugins, struct kinds *kinds,
                                     struct ledger **ret, struct lucid_why *why) LUCID_WARN_UNUSED;

/* A data directory's store and ledger. Must not move while it is open. */
struct offline {
    struct datadir dir;
    struct kinds kinds;
    struct store *store;
    struct ledger *ledger;
};

/* Opens DIR; for writing only a log's own directory, not a mirror. Errors: those of datadir_open,
 * store_lmdb_open and ledger_open. Close it also after an error. */
enum lucid_error offline_open(struct offline *offline, const char *data, enum offline_access access,
                              struct lucid_why *why) LUCID_WARN_UNUSED;
void offline_close(struct offline *offline);

#endif

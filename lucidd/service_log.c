/* The log's part of the service: data directory → store → migrations → tables of plugins → keys →
 * ledger → what was published → plugins. */
#include <stdlib.h>

#include "base/log.h"
#include "ledger/store/lmdb.h"
#include "lucidd/plugins_run.h"
#include "lucidd/service.h"
#include "lucidd/version.h"
#include "migrations/migrations.h"

const char *service_published_path(const struct service *service)
{
    const char *configured = service->config.published_head_file;
    return configured[0] != '\0' ? configured : service->dir.published_head;
}

static enum lucid_error open_store(struct service *service, struct lucid_why *why)
{
    struct store_lmdb_options options = {
        .bytes_max = service->config.store_bytes_max,
        .readers_max = STORE_LMDB_READERS_MAX_DEFAULT,
        .writable = true,
    };
    enum lucid_error error = store_lmdb_open(service->dir.store, &options, &service->store, why);
    uint32_t applied = 0;
    if (error == LUCID_OK) {
        error = migrations_version(service->store, &service->store_was);
    }
    if (error == LUCID_OK && service->store_was < PUBLISHED_SINCE_MIGRATION) {
        error = published_seed(service->store, service_published_path(service), why);
    }
    if (error == LUCID_OK) {
        error = migrations_run(service->store, &applied, why);
    }
    if (error == LUCID_OK && applied > 0) {
        lucid_log(LUCID_LOG_INFO, "store.migrated", "applied %u migrations", (unsigned)applied);
    }
    return error;
}

/* service.key must be the one that the log was born with: nothing else of ours may sign for it. */
static enum lucid_error read_service_key(struct service *service,
                                         const struct ledger_identity *identity,
                                         struct lucid_why *why)
{
    struct ledger_ed25519_key *key = datadir_secret_new(sizeof(*key));
    service->service_key = key;
    service->kinds.settlement.key = key;
    if (key == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory for keys");
    }
    enum lucid_error error = datadir_service_key_read(&service->dir, key, why);
    if (error == LUCID_OK &&
        memcmp(key->public_key, identity->service_key, sizeof(identity->service_key)) != 0) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, "WRONG_KEY", "data",
                             "service.key is not the key of this log (origin %.100s)",
                             identity->origin);
    }
    return error;
}

/* The keys in the directory must be the ones that the log was born with. */
static enum lucid_error check_identity(struct service *service, struct lucid_why *why)
{
    const struct ledger_identity *identity;
    if (!ledger_identity(service->ledger, &identity)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NO_LOG", "data",
                            "the store in %.100s holds no log: make one with `lucid log init`",
                            service->dir.root);
    }
    const struct ledger_vkey *vkey = &service->log_key->vkey;
    if (memcmp(identity->log_key, vkey->public_key, sizeof(identity->log_key)) != 0 ||
        !lucid_span_is(ledger_vkey_name(vkey), identity->origin)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "WRONG_KEY", "data",
                            "log.key is not the key of this log (origin %.100s)", identity->origin);
    }
    return read_service_key(service, identity, why);
}

static enum lucid_error open_ledger(struct service *service, struct lucid_why *why)
{
    service->log_key = datadir_secret_new(sizeof(*service->log_key));
    if (service->log_key == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory for keys");
    }
    enum lucid_error error = datadir_log_key_read(&service->dir, service->log_key, why);
    if (error != LUCID_OK) {
        return error;
    }
    kinds_init(&service->kinds, service->log_key);
    error = kinds_add_plugins(&service->kinds, &service->plugins, why);
    if (error == LUCID_OK) {
        error = plugins_tables_create(&service->plugins, service->store, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    service->kinds.epoch.receipts_max = service->config.epoch_receipts_max;
    service->kinds.epoch.seconds_max = service->config.epoch_seconds_max;
    service->kinds.head.interval_ms_max = service->config.head_interval_ms;
    service->kinds.books.mode = config_gas_mode(&service->config);
    service->kinds.treasury.two_admins = service->config.treasury_two_admins;
    error = cosigner_policy_read(service->config.witness_policy, &service->log_key->vkey,
                                 &service->policy, why);
    if (error != LUCID_OK) {
        return error;
    }
    service->kinds.witness.policy = service->policy;
    error = gas_split_cache_open(&service->kinds.revenue.cache);
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, "NO_MEMORY", NULL, "no memory for tables of splits");
    }
    struct ledger_options options = {
        .uses = service->kinds.uses,
        .use_count = service->kinds.count,
        .leaves_max = service->config.leaves_max,
    };
    error = ledger_open(service->store, &options, &service->ledger, why);
    return error == LUCID_OK ? check_identity(service, why) : error;
}

/* Refuses a store that is behind what was published. Stores of older programs get the file now. */
static enum lucid_error check_published(struct service *service, struct lucid_why *why)
{
    const char *path = service_published_path(service);
    enum lucid_error error = published_check(service->ledger, path, why);
    if (error == LUCID_NOTE_ABSENT && service->store_was >= PUBLISHED_SINCE_MIGRATION) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PUBLISHED_UNKNOWN", "published_head_file",
                            "%.100s is missing: is this store the newest? `lucid log accept-head` "
                            "says so",
                            path);
    }
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        error = published_write(service->ledger, path, why);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

enum lucid_error service_log_open(struct service *service, struct lucid_why *why)
{
    enum lucid_error error = datadir_open(service->config.data, &service->dir, why);
    if (error == LUCID_OK) {
        error = open_store(service, why);
    }
    if (error == LUCID_OK) {
        error = open_ledger(service, why);
    }
    if (error == LUCID_OK) {
        error = check_published(service, why);
    }
    return error == LUCID_OK
               ? plugins_open(&service->plugins, &service->dir, service->ledger, LUCID_VERSION, why)
               : error;
}

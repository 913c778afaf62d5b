/* The service: all of its parts, as main opens, runs and closes them. */
#ifndef LUCID_LUCIDD_SERVICE_H
#define LUCID_LUCIDD_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/api/api.h"
#include "lucidd/cashier.h"
#include "lucidd/config.h"
#include "lucidd/cosigner.h"
#include "lucidd/datadir.h"
#include "lucidd/kinds.h"
#include "lucidd/notify.h"
#include "lucidd/published.h"
#include "lucidd/scrub.h"
#include "lucidd/shop.h"
#include "lucidd/upkeep.h"
#include "lucidd/workers.h"
#include "lucidd/writer.h"

#define SERVICE_LOOPS_MAX 64

struct service {
    struct config config;
    struct plugins plugins;
    struct datadir dir;
    struct ledger_skey *log_key;            /* locked memory */
    struct ledger_ed25519_key *service_key; /* locked memory */
    struct store *store;
    uint32_t store_was; /* the store's migration before this start */
    struct kinds kinds;
    struct ledger *ledger;
    struct writer *writer;
    struct upkeep *upkeep;
    struct scrub *scrub; /* NULL: off */
    struct published_keeper keeper;
    struct ledger_policy *policy; /* NULL: no witnesses */
    struct cosigner *cosigner;    /* NULL likewise */
    struct shop shop;
    struct api_sales sales;
    struct cashier *cashier; /* NULL: nothing is sold */
    struct workers *workers; /* NULL: no plugins */
    struct api *api;
    struct http_tls *tls; /* NULL: no TLS listener */
    struct http_network trusted[CONFIG_TRUSTED_MAX];
    struct http_server *server;
    struct http_loop *loops[SERVICE_LOOPS_MAX];
    size_t loop_count;
    pthread_t loop_threads[SERVICE_LOOPS_MAX];
    pthread_t writer_thread;
    pthread_t upkeep_thread;
    pthread_t main_thread;
    uint64_t started_ms; /* Unix time */
    struct notify notify;
    atomic_bool store_failed;
};

/* Where the newest published head is kept. */
const char *service_published_path(const struct service *service);

/* Opens what the log is: data directory, store (migrated), kinds with those of plugins, keys,
 * ledger; checks that it is whose it says and not behind what was published; opens the plugins.
 * What was opened before an error is closed by main. */
enum lucid_error service_log_open(struct service *service, struct lucid_why *why) LUCID_WARN_UNUSED;

#endif

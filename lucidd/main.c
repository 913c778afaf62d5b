/* lucidd: the service. Reads top to bottom as the table of contents: configuration → the log
 * (service_log.c) → writer → routes → server → threads → signals → the way back. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/prom.h"
#include "ledger/receipt.h"
#include "lucidd/certificate.h"
#include "lucidd/plugins_run.h"
#include "lucidd/process.h"
#include "lucidd/service.h"
#include "lucidd/start.h"
#include "lucidd/version.h"
#include "migrations/migrations.h"

enum { WRITER_IDLE_ROUND_MS = 1000, SCRUB_FIRST_MS = 1000, WORKERS_GRACE_MS_MIN = 1000 };

/* --- opening ---------------------------------------------------------------------------------- */

static enum lucid_error open_cosigner(struct service *service, struct lucid_why *why)
{
    const struct cosigner_options options = {
        .ledger = service->ledger,
        .policy = service->policy,
        .log = &service->log_key->vkey,
        .clock = lucid_clock_system(),
        .interval_ms = (uint32_t)service->config.witness_interval_ms,
        .timeout_ms = (uint32_t)service->config.witness_timeout_ms,
        .submit = writer_submit,
        .context = service->writer,
    };
    enum lucid_error error = cosigner_open(&options, &service->cosigner);
    return error == LUCID_OK
               ? LUCID_OK
               : lucid_refuse(why, error, "NO_MEMORY", NULL, "no memory for the witnesses");
}

/* On the writer's thread: wakes main, which stops the service and exits non-zero. */
static void on_store_failed(void *context)
{
    struct service *service = context;
    atomic_store(&service->store_failed, true);
    lucid_assert(pthread_kill(service->main_thread, SIGTERM) == 0);
}

/* On the writer's thread. It runs only once everything is open. */
static void on_published(void *context)
{
    struct service *service = context;
    api_published(service->api);
}

static enum lucid_error open_writer(struct service *service, struct lucid_why *why)
{
    struct writer_options options = {
        .ledger = service->ledger,
        .clock = lucid_clock_system(),
        .path = service->dir.store,
        .queue_max = (uint32_t)service->config.queue_max,
        .batch_max = (uint32_t)service->config.batch_max,
        .commit_window_us = (uint32_t)service->config.commit_window_us,
        .disk_reserve_bytes = service->config.disk_reserve_bytes,
        .published = on_published,
        .failed = on_store_failed,
        .context = service,
    };
    enum lucid_error error = writer_open(&options, &service->writer);
    return error == LUCID_OK
               ? LUCID_OK
               : lucid_refuse(why, error, "NO_MEMORY", NULL, "no memory for the writer");
}

/* Tells the service manager that all is well, twice as often as it asks for: but not when the
 * writer has been silent for so long. Then the manager's watchdog ends us, which is the way out of
 * a commit that hangs. That the upkeep thread runs at all is shown by its asking. */
static uint64_t watchdog_feed(void *context, uint64_t now_ms)
{
    (void)now_ms;
    const struct service *service = context;
    uint64_t half_ms = service->notify.watchdog_ms / 2;
    if (writer_silent_ms(service->writer) < half_ms + WRITER_IDLE_ROUND_MS) {
        notify_send(&service->notify, "WATCHDOG=1");
    } else {
        lucid_log(LUCID_LOG_ERROR, "writer.silent", "no round for %llu ms: the watchdog is not fed",
                  (unsigned long long)writer_silent_ms(service->writer));
    }
    return half_ms;
}

/* On the upkeep thread. */
static void on_damage(void *context, bool damaged)
{
    const struct service *service = context;
    writer_set_damaged(service->writer, damaged);
}

static enum lucid_error open_scrub(struct service *service)
{
    const struct scrub_options options = {
        .store = service->store,
        .uses = service->kinds.uses,
        .use_count = service->kinds.count,
        .vkey = &service->log_key->vkey,
        .migration = migrations_newest(),
        .events_per_second = service->config.scrub_receipts_per_second,
        .damaged = on_damage,
        .context = service,
    };
    if (options.events_per_second == 0) {
        return LUCID_OK;
    }
    enum lucid_error error = scrub_open(&options, &service->scrub);
    if (error == LUCID_OK) {
        const struct upkeep_task task = {.name = "scrub",
                                         .run = scrub_run,
                                         .context = service->scrub,
                                         .first_ms = SCRUB_FIRST_MS};
        upkeep_add(service->upkeep, &task);
    }
    return error;
}

/* What runs beside the requests; each task is added here. */
static enum lucid_error open_upkeep(struct service *service, struct lucid_why *why)
{
    struct lucid_clock clock = lucid_clock_system();
    enum lucid_error error = upkeep_open(&clock, &service->upkeep);
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, "NO_MEMORY", NULL, "no memory for the upkeep");
    }
    service->keeper = (struct published_keeper){.ledger = service->ledger,
                                                .path = service_published_path(service)};
    const struct upkeep_task keeper = {.name = "published head",
                                       .run = published_keep,
                                       .context = &service->keeper,
                                       .at_stop = true};
    upkeep_add(service->upkeep, &keeper);
    if (service->notify.watchdog_ms >= 2) {
        const struct upkeep_task watchdog = {
            .name = "watchdog", .run = watchdog_feed, .context = service};
        upkeep_add(service->upkeep, &watchdog);
    }
    error = open_scrub(service);
    return error == LUCID_OK
               ? LUCID_OK
               : lucid_refuse(why, error, "NO_MEMORY", NULL, "no memory for the scrub");
}

/* What the parts of the service say about themselves in /metrics, beside what the routes know. */
static void service_metrics(void *context, struct lucid_buf *out)
{
    const struct service *service = context;
    lucid_prom_gauge_seconds(out, "lucid_writer_silent_seconds",
                             writer_silent_ms(service->writer) * 1000,
                             "Time since the writer began a round; idle it begins one a second.");
    process_metrics_write(service->started_ms, out);
    if (service->scrub != NULL) {
        scrub_metrics(service->scrub, out);
    }
    cosigner_metrics_write(service->cosigner, out);
    plugins_metrics_write(&service->plugins, out);
    workers_metrics_write(service->workers, out);
    cashier_metrics_write(service->cashier, out);
}

/* The shop, where something is sold: else nothing of it is opened. */
static enum lucid_error open_cashier(struct service *service, struct lucid_why *why)
{
    shop_warn(&service->config, &service->plugins);
    if (!config_sells(&service->config)) {
        return LUCID_OK;
    }
    enum lucid_error error =
        shop_open(&service->config, &service->dir, service->started_ms, &service->shop, why);
    if (error != LUCID_OK) {
        return error;
    }
    const struct cashier_options options = {
        .config = &service->config,
        .shop = &service->shop,
        .ledger = service->ledger,
        .clock = writer_clock(service->writer),
        .submit = writer_submit,
        .context = service->writer,
    };
    shop_sales(&service->shop, &service->config, &service->sales);
    service->sales.enter = cashier_enter;
    service->sales.errand = cashier_errand;
    service->sales.warnings = cashier_warnings;
    service->sales.fee_payer = cashier_fee_payer;
    error = cashier_open(&options, &service->cashier, why);
    service->sales.context = service->cashier;
    return error;
}

static enum lucid_error open_api(struct service *service, struct lucid_why *why)
{
    const struct config *config = &service->config;
    struct api_options options = {
        .ledger = service->ledger,
        .clock = writer_clock(service->writer),
        .service_key = service->service_key,
        .version = LUCID_VERSION,
        .public_reads = config->public_reads,
        .epoch_receipts_max = config->epoch_receipts_max,
        .epoch_seconds_max = config->epoch_seconds_max,
        .head_interval_ms = config->head_interval_ms,
        .receipt_future_seconds_max = config->receipt_future_seconds_max,
        .gas_mode = config_gas_mode(config),
        .gas_counters = &service->kinds.gas_counters,
        .rate_limit_requests = config->rate_limit_requests,
        .rate_limit_lines = config->rate_limit_lines,
        .rate_limit_window_seconds = config->rate_limit_window_seconds,
        .rate_limit_clients_max = config->rate_limit_clients_max,
        .streams_max = config->streams_max,
        .stream_heartbeat_ms = config->stream_heartbeat_ms,
        .submit = writer_submit,
        .health = writer_health,
        .context = service->writer,
        .metrics = service_metrics,
        .metrics_context = service,
        .witnesses = cosigner_witnesses(service->cosigner),
        .sales = service->cashier == NULL ? NULL : &service->sales,
        .plugins = service->plugins.all,
        .plugin_count = service->plugins.count,
        .work = workers_give,
    };
    enum lucid_error error = LUCID_OK;
    if (service->plugins.count > 0) {
        error = workers_open(service->ledger, (uint32_t)config->plugin_workers, &service->workers);
        options.work_context = service->workers;
    }
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, "NO_MEMORY", NULL, "the workers cannot be opened: %s",
                            lucid_error_name(error));
    }
    error = api_open(&options, &service->api, why);
    return error != LUCID_RETRY_MEMORY
               ? error
               : lucid_refuse(why, error, "NO_MEMORY", NULL, "no memory for routes");
}

static enum lucid_error open_tls(struct service *service, struct lucid_why *why)
{
    enum lucid_error error = http_tls_open(&service->tls);
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, "NO_MEMORY", NULL, "no memory for TLS");
    }
    return certificate_load(&service->config, service->tls, why);
}

/* host and tls_host: CONFIG_TEXT_BYTES_MAX each, for as long as options are looked at. */
static enum lucid_error listeners_set(struct service *service, char *host, char *tls_host,
                                      struct http_server_options *options, struct lucid_why *why)
{
    const struct config *config = &service->config;
    size_t max = CONFIG_TEXT_BYTES_MAX;
    enum lucid_error error = config_listen(config, false, host, max, &options->port, why);
    if (error == LUCID_OK) {
        error = config_listen(config, true, tls_host, max, &options->tls_port, why);
    }
    if (error == LUCID_OK && tls_host[0] != 0) {
        error = open_tls(service, why);
    }
    options->host = host[0] == 0 ? NULL : host;
    options->tls_host = tls_host[0] == 0 ? NULL : tls_host;
    options->tls = service->tls;
    return error;
}

static enum lucid_error open_server(struct service *service, struct lucid_why *why)
{
    char host[CONFIG_TEXT_BYTES_MAX];
    char tls_host[CONFIG_TEXT_BYTES_MAX];
    struct http_server_options options = {.clock = lucid_clock_system()};
    enum lucid_error error = listeners_set(service, host, tls_host, &options, why);
    if (error != LUCID_OK) {
        return error;
    }
    config_limits(&service->config, &options.limits);
    api_http_options(service->api, &options);
    options.access_log = service->config.access_log;
    options.trusted = service->trusted;
    options.trusted_count = config_trusted(&service->config, service->trusted);
    error = http_server_open(&options, &service->server, why);
    if (error != LUCID_OK) {
        return error;
    }
    api_set_server(service->api, service->server);
    shop_url_set(&service->shop, &service->config, http_server_port(service->server),
                 http_server_tls_port(service->server));
    size_t wanted = config_loops(&service->config, SERVICE_LOOPS_MAX);
    while (error == LUCID_OK && service->loop_count < wanted) {
        struct http_loop *loop;
        error = http_loop_open(service->server, &loop);
        if (error == LUCID_OK) {
            service->loops[service->loop_count++] = loop;
            error = api_loop_open(service->api, loop);
        }
    }
    return error == LUCID_OK
               ? LUCID_OK
               : lucid_refuse(why, error, "NO_MEMORY", NULL, "the loops cannot be opened: %s",
                              lucid_error_name(error));
}

static enum lucid_error service_open(struct service *service, struct lucid_why *why)
{
    enum lucid_error error = service_log_open(service, why);
    if (error == LUCID_OK) {
        error = cosigner_start_check(service->ledger, service->policy, &service->log_key->vkey,
                                     (uint32_t)service->config.witness_timeout_ms, why);
    }
    if (error == LUCID_OK) {
        error = open_writer(service, why);
    }
    if (error == LUCID_OK) {
        error = open_cosigner(service, why);
    }
    if (error == LUCID_OK) {
        error = open_upkeep(service, why);
    }
    if (error == LUCID_OK) {
        error = open_cashier(service, why);
    }
    if (error == LUCID_OK) {
        error = open_api(service, why);
    }
    return error == LUCID_OK ? open_server(service, why) : error;
}

static void service_close(struct service *service)
{
    for (size_t i = 0; i < service->loop_count; i++) {
        api_loop_close(service->api, service->loops[i]);
        http_loop_close(service->loops[i]);
    }
    http_server_close(service->server);
    http_tls_close(service->tls);
    api_close(service->api);
    workers_close(service->workers);
    upkeep_close(service->upkeep);
    scrub_close(service->scrub);
    cosigner_close(service->cosigner);
    cashier_close(service->cashier);
    shop_close(&service->shop);
    writer_close(service->writer);
    plugins_close(&service->plugins);
    ledger_close(service->ledger);
    gas_split_cache_close(service->kinds.revenue.cache);
    store_close(service->store);
    datadir_secret_free(service->service_key, sizeof(*service->service_key));
    free(service->policy);
    datadir_secret_free(service->log_key, sizeof(*service->log_key));
}

/* --- running ---------------------------------------------------------------------------------- */

static void *loop_main(void *loop)
{
    http_loop_run(loop);
    return NULL;
}

static void *writer_main(void *writer)
{
    writer_run(writer);
    return NULL;
}

static void *upkeep_main(void *upkeep)
{
    upkeep_run(upkeep);
    return NULL;
}

static void threads_start(struct service *service)
{
    lucid_assert(pthread_create(&service->writer_thread, NULL, writer_main, service->writer) == 0);
    lucid_assert(pthread_create(&service->upkeep_thread, NULL, upkeep_main, service->upkeep) == 0);
    cosigner_start(service->cosigner);
    cashier_start(service->cashier);
    workers_start(service->workers);
    for (size_t i = 0; i < service->loop_count; i++) {
        lucid_assert(
            pthread_create(&service->loop_threads[i], NULL, loop_main, service->loops[i]) == 0);
    }
}

static int wait_for_signal(const sigset_t *signals)
{
    int number = 0;
    while (sigwait(signals, &number) != 0) {
    }
    return number;
}

/* A second signal while the first one's stop is under way cuts what is left. */
static void *second_signal_main(void *context)
{
    struct service *service = context;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    wait_for_signal(&signals);
    http_server_stop(service->server, 0);
    return NULL;
}

/* Whether the signal was one to go on after: SIGHUP reads the certificate again, SIGUSR1 logs one
 * level more, SIGUSR2 as the configuration says. */
static bool signal_obeyed(struct service *service, int number)
{
    if (number == SIGHUP) {
        notify_reloading(&service->notify);
        certificate_reload(&service->config, service->tls);
        notify_send(&service->notify, "READY=1\nSTATUS=serving");
        return true;
    }
    if (number == SIGUSR1 || number == SIGUSR2) {
        enum lucid_log_level level =
            number == SIGUSR1 ? lucid_log_level() + 1 : config_log_level(&service->config);
        lucid_log_set_level(level > LUCID_LOG_DEBUG ? LUCID_LOG_DEBUG : level);
        lucid_log(LUCID_LOG_WARN, "service.log_level", "%s",
                  lucid_log_level_name(lucid_log_level()));
        return true;
    }
    return false;
}

/* False: a handler of a plugin runs still, and may use anything: nothing can be closed. */
static bool service_run(struct service *service, const sigset_t *signals)
{
    pthread_t second;
    threads_start(service);
    start_say_listening(&service->config, service->server);
    lucid_log(LUCID_LOG_INFO, "service.ready", "version %s, %zu I/O threads, data in %s",
              LUCID_VERSION, service->loop_count, service->dir.root);
    notify_send(&service->notify, "READY=1\nSTATUS=serving");
    while (signal_obeyed(service, wait_for_signal(signals))) {
    }
    notify_send(&service->notify, "STOPPING=1\nSTATUS=answering what is under way");
    lucid_log(LUCID_LOG_INFO, "service.stopping", "answering what is under way");
    writer_set_stopping(service->writer);
    bool second_started = pthread_create(&second, NULL, second_signal_main, service) == 0;
    http_server_stop(service->server, atomic_load(&service->store_failed)
                                          ? 0
                                          : (uint32_t)service->config.stop_grace_ms);
    for (size_t i = 0; i < service->loop_count; i++) {
        lucid_assert(pthread_join(service->loop_threads[i], NULL) == 0);
    }
    /* Only now: loops and cosigner waited for their answers, which the writer gave. */
    cosigner_stop(service->cosigner);
    cashier_stop(service->cashier, service->config.stop_grace_ms);
    uint64_t grace_ms = service->config.stop_grace_ms;
    bool whole = workers_stop(service->workers,
                              grace_ms > WORKERS_GRACE_MS_MIN ? grace_ms : WORKERS_GRACE_MS_MIN);
    writer_stop(service->writer);
    lucid_assert(pthread_join(service->writer_thread, NULL) == 0);
    /* After the writer: its last head is among what tasks with at_stop look at. */
    upkeep_stop(service->upkeep);
    lucid_assert(pthread_join(service->upkeep_thread, NULL) == 0);
    if (second_started) {
        lucid_assert(pthread_cancel(second) == 0);
        lucid_assert(pthread_join(second, NULL) == 0);
    }
    return whole;
}

int main(int argc, char **argv)
{
    sigset_t signals;
    start_signals(&signals);
    static struct service service;
    struct lucid_why why = {.code = NULL};
    enum config_action action = CONFIG_RUN;
    enum lucid_error error =
        config_read(argc, argv, environ, &service.plugins, &service.config, &action, &why);
    if (error != LUCID_OK || action != CONFIG_RUN) {
        int end = error != LUCID_OK ? start_say(why.text, LUCID_REFUSE_INVALID)
                                    : start_print(&service.config, &service.plugins, action);
        plugins_unload(&service.plugins);
        return end;
    }
    lucid_log_set_level(config_log_level(&service.config));
    service.main_thread = pthread_self();
    struct lucid_clock clock = lucid_clock_system();
    service.started_ms = lucid_wall_ms(&clock);
    error = notify_open(&service.notify, &why);
    if (error != LUCID_OK) {
        lucid_log(LUCID_LOG_WARN, "service.notify", "the service manager is not told: %s",
                  why.text);
    }
    notify_send(&service.notify, "STATUS=opening the log");
    lucid_assert(evm_sign_open() == LUCID_OK); /* without memory for it there is no service */
    error = service_open(&service, &why);
    int status = EXIT_SUCCESS;
    if (error != LUCID_OK) {
        status = start_say(why.text, error);
    } else {
        if (!service_run(&service, &signals)) {
            lucid_log(LUCID_LOG_ERROR, "service.abandoned",
                      "a handler of a plugin does not end: it is left behind, all that was "
                      "committed is kept");
            _exit(EXIT_FAILURE);
        }
        lucid_log(LUCID_LOG_INFO, "service.stopped", "goodbye");
        status = atomic_load(&service.store_failed) ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    service_close(&service);
    plugins_unload(&service.plugins);
    notify_close(&service.notify);
    return status;
}

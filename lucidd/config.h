/* Configuration of the service: defaults < file < environment < flags. One table (config.c) gives
 * every key its type, bounds, default and help; flags, environment names and --print-config follow
 * from it. */
#ifndef LUCID_LUCIDD_CONFIG_H
#define LUCID_LUCIDD_CONFIG_H

#include "base/buf.h"
#include "base/log.h"
#include "gas/books.h"
#include "http/http.h"
#include "lucidd/plugins.h"

#define CONFIG_TEXT_BYTES_MAX 1024
#define CONFIG_TRUSTED_MAX    32
#define CONFIG_MEMBERS_MAX    16

struct config {
    char data[CONFIG_TEXT_BYTES_MAX];
    char listen[CONFIG_TEXT_BYTES_MAX]; /* HOST:PORT or [V6]:PORT; "": none */
    char tls_listen[CONFIG_TEXT_BYTES_MAX];
    char tls_certificate[CONFIG_TEXT_BYTES_MAX];
    char tls_key[CONFIG_TEXT_BYTES_MAX];
    char log_level[CONFIG_TEXT_BYTES_MAX];
    char published_head_file[CONFIG_TEXT_BYTES_MAX]; /* "": DIR/published.head */

    uint64_t epoch_receipts_max;
    uint64_t epoch_seconds_max;
    uint64_t head_interval_ms;
    uint64_t receipt_future_seconds_max;
    char gas_mode[CONFIG_TEXT_BYTES_MAX];
    bool public_reads;
    char public_url[CONFIG_TEXT_BYTES_MAX]; /* "": of listen */
    char price_class_proof[CONFIG_TEXT_BYTES_MAX];
    char price_class_receipt[CONFIG_TEXT_BYTES_MAX];
    char price_class_batch[CONFIG_TEXT_BYTES_MAX];
    char price_class_match[CONFIG_TEXT_BYTES_MAX];
    char price_class_appraise[CONFIG_TEXT_BYTES_MAX];
    char price_class_passport[CONFIG_TEXT_BYTES_MAX];
    char x402_networks_file[CONFIG_TEXT_BYTES_MAX];
    char x402_facilitators_file[CONFIG_TEXT_BYTES_MAX];
    char x402_clients_file[CONFIG_TEXT_BYTES_MAX];
    char proxy_headers[CONFIG_TEXT_BYTES_MAX];
    char proxy_request_id_header[CONFIG_TEXT_BYTES_MAX];
    uint64_t payment_seconds_max;
    uint64_t proof_age_seconds_max;
    bool x402_accept_unbound_proofs;
    bool treasury_two_admins;
    bool pay_to_exclusive;
    uint64_t settle_ms_max;
    uint64_t reconcile_ms;
    uint64_t reorg_watch_seconds;
    char spent_store[CONFIG_TEXT_BYTES_MAX];
    char redis_url[CONFIG_TEXT_BYTES_MAX];
    char redis_password_file[CONFIG_TEXT_BYTES_MAX];
    char redis_members[CONFIG_TEXT_BYTES_MAX];
    char redis_self[CONFIG_TEXT_BYTES_MAX];
    uint64_t redis_timeout_ms;
    char witness_policy[CONFIG_TEXT_BYTES_MAX];
    uint64_t witness_interval_ms;
    uint64_t witness_timeout_ms;

    uint64_t io_threads;
    uint64_t plugin_workers;
    uint64_t batch_max;
    uint64_t commit_window_us;
    uint64_t queue_max;
    uint64_t store_bytes_max;
    uint64_t disk_reserve_bytes;
    uint64_t leaves_max;

    bool access_log;
    char trusted_proxies[CONFIG_TEXT_BYTES_MAX];
    uint64_t rate_limit_requests;
    uint64_t rate_limit_lines;
    uint64_t rate_limit_window_seconds;
    uint64_t rate_limit_clients_max;

    uint64_t connections_max;
    uint64_t header_bytes_max;
    uint64_t header_ms_max;
    uint64_t body_ms_max;
    uint64_t idle_ms_max;
    uint64_t write_ms_max;
    uint64_t output_bytes_max;
    uint64_t inflight_bytes_max;
    uint64_t streams_max;
    uint64_t stream_heartbeat_ms;
    uint64_t scrub_receipts_per_second;
    char plugins[CONFIG_TEXT_BYTES_MAX];
    char plugins_dir[CONFIG_TEXT_BYTES_MAX]; /* "": LUCID_PLUGINS_DIR */
    uint64_t stop_grace_ms;
};

/* What the command line asked for besides configuration. */
enum config_action {
    CONFIG_RUN,
    CONFIG_HELP,
    CONFIG_VERSION,
    CONFIG_CHECK, /* --check: say whether the configuration is good, open nothing */
    CONFIG_PRINT, /* --print-config */
};

/* --- config_read.c: where the values come from ------------------------------------------------ */

/* Reads file (--config), environment and flags: first which plugins there are, which are loaded
 * (plugins: an empty struct; unload it also after an error), then everything, their keys NAME.KEY
 * among the others. Unknown keys in file or flags, values out of bounds and repeated flags are
 * refused with the key's name in why->param; unknown LUCID_* variables are only warned of, because
 * other programs share the prefix. Errors: LUCID_REFUSE_INVALID, LUCID_RETRY_IO (the file), those
 * of plugins_load. */
enum lucid_error config_read(int argc, char *const *argv, char *const *environment,
                             struct plugins *plugins, struct config *ret,
                             enum config_action *ret_action,
                             struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- config.c --------------------------------------------------------------------------------- */

/* "key = value" lines of everything, as a file that gives the same configuration. */
void config_print(const struct config *config, const struct plugins *plugins,
                  struct lucid_buf *out);

/* The help text: usage and every key with its default. */
void config_help(const struct plugins *plugins, struct lucid_buf *out);

/* Splits listen (or, tls: tls_listen) into host and port (0–65535). The host is "" when there is to
 * be no such listener. */
enum lucid_error config_listen(const struct config *config, bool tls, char *ret_host,
                               size_t host_size, uint16_t *ret_port,
                               struct lucid_why *why) LUCID_WARN_UNUSED;

/* trusted_proxies as http/http.h wants it; it was checked by config_read. */
size_t config_trusted(const struct config *config, struct http_network ret[CONFIG_TRUSTED_MAX]);

/* The listeners' limits as http/http.h wants them. */
void config_limits(const struct config *config, struct http_limits *ret);

/* How many loops serve connections, at most max. */
size_t config_loops(const struct config *config, size_t max);

/* gas_mode as gas/books.h wants it; it was checked by config_read. */
enum gas_mode config_gas_mode(const struct config *config);

/* --- config_sales.c: what is sold ------------------------------------------------------------- */

/* Whether anything is sold: then there is a cashier (lucidd/cashier.h). */
bool config_sells(const struct config *config);

/* The front ends of redis_members. */
struct config_members {
    char text[CONFIG_TEXT_BYTES_MAX];
    const char *names[CONFIG_MEMBERS_MAX]; /* into text */
    size_t count;
};
/* False: not names with commas between them, or too many. */
bool config_members(const struct config *config, struct config_members *ret) LUCID_WARN_UNUSED;

/* Judges the keys of what is sold, together; config_read does. LUCID_REFUSE_INVALID. */
enum lucid_error config_sales_check(const struct config *config,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

/* log_level as base/log.h wants it. */
enum lucid_log_level config_log_level(const struct config *config);

#endif

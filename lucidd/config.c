#include "lucidd/config_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "http/limit.h"
#include "lucidd/version.h"

/* SALES_HEADER_BYTES: a payment header of 16 KiB and what else a request has. */
enum { SALES_HEADER_BYTES = 24 * 1024 };

#define TEXT(member, initial, help)                                                                \
    {                                                                                              \
#member, KEY_TEXT, offsetof(struct config, member), initial, 0, 0, help                    \
    }
#define UINT(member, initial, min, max, help)                                                      \
    {                                                                                              \
#member, KEY_UINT, offsetof(struct config, member), initial, min, max, help                \
    }
#define BOOL(member, initial, help)                                                                \
    {                                                                                              \
#member, KEY_BOOL, offsetof(struct config, member), initial, 0, 0, help                    \
    }

/* Keys of one thing have a dot; a member's name has none. */
#define CLASS(class, help)                                                                         \
    {                                                                                              \
        "price_class." #class, KEY_TEXT, offsetof(struct config, price_class_##class), "", 0, 0,   \
            help                                                                                   \
    }

#define GIB ((uint64_t)1 << 30)

static const struct config_key keys[] = {
    TEXT(data, "", "data directory, made by `lucid log init`"),
    TEXT(listen, "127.0.0.1:8402", "HOST:PORT to listen on; port 0: a free one"),
    TEXT(tls_listen, "", "HOST:PORT for TLS, beside listen or (listen empty) instead of it"),
    TEXT(tls_certificate, "", "PEM file: the certificate and its chain; read again on SIGHUP"),
    TEXT(tls_key, "", "PEM file: its private key, mode 0600"),
    TEXT(log_level, "info", "error, warn, info or debug"),
    TEXT(
        published_head_file, "",
        "where the newest published head is kept, best on another disk; empty: DIR/published.head"),
    UINT(epoch_receipts_max, "100", 1, 100000, "leaves that close an epoch"),
    UINT(epoch_seconds_max, "3600", 1, 31536000, "age that closes an epoch, from its first leaf"),
    UINT(head_interval_ms, "1000", 10, 3600000, "a grown tree is signed at least this often"),
    UINT(receipt_future_seconds_max, "300", 0, 86400, "how far ahead a receipt's timestamp may be"),
    TEXT(gas_mode, "postpaid", "postpaid, or prepaid: who cannot pay for a receipt is refused"),
    BOOL(public_reads, "false", "open what needs a token with scope read"),
    TEXT(public_url, "", "how clients reach this service, https://HOST; empty: http://listen"),
    CLASS(proof, "the asset that GET /v1/receipts/{id}/proof is sold as; empty: it is free"),
    CLASS(receipt, "the asset that POST /v1/receipts is sold as; empty: it is free"),
    CLASS(batch, "the asset that POST /v1/receipts/batch is sold as; empty: it is free"),
    CLASS(match, "the asset that a plugin's matching is sold as; empty: it is free"),
    CLASS(appraise, "the asset that a plugin's appraisal is sold as; empty: it is free"),
    CLASS(passport, "the asset that a plugin's passports are sold as; empty: they are free"),
    TEXT(x402_networks_file, "", "JSON file: the networks that payments may come over"),
    TEXT(x402_facilitators_file, "", "JSON file: who else settles payments, and whose turn it is"),
    TEXT(proxy_headers, "",
         "original or forwarded: which headers of a proxy's sub-request count; empty: none"),
    TEXT(proxy_request_id_header, "X-Request-Id",
         "the header with the proxy's request id; empty: each sub-request is one of its own"),
    UINT(payment_seconds_max, "300", 30, 86400, "how long after a 402 a payment may be made"),
    UINT(proof_age_seconds_max, "300", 30, 31536000,
         "how long after its block a payment may be shown"),
    TEXT(x402_clients_file, "", "JSON file: other x402 servers whose payments are settled here"),
    BOOL(x402_accept_unbound_proofs, "false",
         "take a bare transaction hash as payment: whoever shows it first"),
    BOOL(pay_to_exclusive, "false", "nothing else takes payments to the prices' addresses"),
    UINT(settle_ms_max, "30000", 1000, 600000, "how long a request waits for its payment"),
    UINT(reconcile_ms, "2000", 100, 3600000, "how often a payment without an end is asked about"),
    UINT(reorg_watch_seconds, "3600", 0, 31536000,
         "how long a payment that a reorganisation took is looked for"),
    BOOL(treasury_two_admins, "false",
         "a payout run is approved by another admin than proposed it"),
    TEXT(spent_store, "memory", "memory, or redis: what several front ends share"),
    TEXT(redis_url, "", "redis://HOST:PORT/DB or unix:PATH"),
    TEXT(redis_password_file, "", "file with its password, mode 0600"),
    TEXT(redis_members, "", "names of all front ends that share it, with commas between them"),
    TEXT(redis_self, "", "which of them this one is"),
    UINT(redis_timeout_ms, "500", 10, 60000, "how long Redis may take to answer"),
    TEXT(witness_policy, "", "file with witnesses and quorum (C2SP tlog-policy); none: not asked"),
    UINT(witness_interval_ms, "10000", 100, 86400000, "a witness is asked this often at most"),
    UINT(witness_timeout_ms, "5000", 100, 60000, "how long a witness may take to answer"),
    UINT(io_threads, "0", 0, 64, "threads that serve connections; 0: one per processor"),
    UINT(plugin_workers, "0", 0, 16,
         "threads that run plugins' handlers; 0: one per processor, at least 2"),
    UINT(batch_max, "1000", 1, 10000, "receipts in one transaction"),
    UINT(commit_window_us, "500", 0, 10000, "how long a group may gather under load"),
    UINT(queue_max, "8192", 1, 1000000, "receipts waiting for the writer; more: 503"),
    UINT(store_bytes_max, "1099511627776", 1 << 20, (uint64_t)1 << 46,
         "address space of the store; sparse on disk"),
    UINT(disk_reserve_bytes, "67108864", 0, (uint64_t)1 << 46,
         "free space below which receipts are refused with 507"),
    UINT(leaves_max, "4294967296", 1 << 16, (uint64_t)1 << 35,
         "address space of the tree and maps in memory, in leaves"),
    BOOL(access_log, "false", "a JSON line per request on standard error"),
    TEXT(trusted_proxies, "", "addresses and networks whose X-Forwarded-For is believed"),
    UINT(rate_limit_requests, "0", 0, HTTP_LIMIT_QUOTA_MAX,
         "requests of one client per window: 429 over it; 0: no limit"),
    UINT(rate_limit_lines, "0", 0, HTTP_LIMIT_QUOTA_MAX,
         "lines of batches of one client per window; 0: no limit"),
    UINT(rate_limit_window_seconds, "60", 1, HTTP_LIMIT_WINDOW_S_MAX, "window of both limits"),
    UINT(rate_limit_clients_max, "65536", 8, 1 << 24, "clients whose use is remembered"),
    UINT(connections_max, "1024", 1, 1000000, "open connections; more wait"),
    UINT(header_bytes_max, "16384", 1024, 65535,
         "request line and headers: 431 over it; where something is sold at least 24576"),
    UINT(header_ms_max, "10000", 10, 3600000, "total time for the headers: 408"),
    UINT(body_ms_max, "60000", 10, 3600000, "total time for a body: 408"),
    UINT(idle_ms_max, "60000", 10, 3600000, "idle connections are closed"),
    UINT(write_ms_max, "30000", 10, 3600000, "a reader without progress is closed"),
    UINT(output_bytes_max, "1048576", 65536, GIB, "unsent answer bytes of one connection"),
    UINT(inflight_bytes_max, "67108864", 1 << 20, 64 * GIB,
         "request bodies held over all connections: 503"),
    UINT(streams_max, "256", 0, 1000000, "open answers of /v1/stream; more: 503"),
    UINT(stream_heartbeat_ms, "15000", 250, 3600000, "a silent stream says something this often"),
    UINT(scrub_receipts_per_second, "200", 0, 1000000,
         "how much of the store is checked in the background; 0: nothing"),
    TEXT(plugins, "", "plugins to load, with commas between them; their keys are named PLUGIN.KEY"),
    TEXT(plugins_dir, "", "folder with their modules, PLUGIN.so; empty: " LUCID_PLUGINS_DIR),
    UINT(stop_grace_ms, "10000", 0, 600000, "how long a graceful stop waits for requests"),
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

enum lucid_error config_refuse_value(struct lucid_why *why, const char *name, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", name, "%s %s", name, text);
}

static enum lucid_error set_uint(const struct config_key *key, const char *text, uint64_t *out,
                                 struct lucid_why *why)
{
    size_t len = strlen(text);
    bool digits = len > 0 && len <= 19;
    for (size_t i = 0; digits && i < len; i++) {
        digits = isdigit((unsigned char)text[i]) != 0;
    }
    uint64_t value = digits ? strtoull(text, NULL, 10) : 0;
    if (!digits || value < key->min || value > key->max) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", key->name,
                            "%s must be a whole number from %llu to %llu", key->name,
                            (unsigned long long)key->min, (unsigned long long)key->max);
    }
    *out = value;
    return LUCID_OK;
}

enum lucid_error config_key_set(struct config *config, const struct config_key *key,
                                const char *text, struct lucid_why *why)
{
    uint8_t *at = (uint8_t *)config + key->offset;
    switch (key->type) {
    case KEY_TEXT:
        if (strlen(text) >= CONFIG_TEXT_BYTES_MAX) {
            return config_refuse_value(why, key->name, "is too long");
        }
        memcpy(at, text, strlen(text) + 1);
        return LUCID_OK;
    case KEY_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
            return config_refuse_value(why, key->name, "must be true or false");
        }
        *(bool *)(void *)at = strcmp(text, "true") == 0;
        return LUCID_OK;
    case KEY_UINT:
        return set_uint(key, text, (uint64_t *)(void *)at, why);
    }
    lucid_assert(false);
}

/* Whether a key has that name; an environment variable has '_' for a dot. */
static bool key_is(const struct config_key *key, const char *name)
{
    size_t i = 0;
    while (key->name[i] != 0 &&
           (key->name[i] == name[i] || (key->name[i] == '.' && name[i] == '_'))) {
        i++;
    }
    return key->name[i] == 0 && name[i] == 0;
}

const struct config_key *config_key_at(size_t at)
{
    return at < KEYS ? &keys[at] : NULL;
}

const struct config_key *config_key_find(const char *name, size_t len)
{
    char plain[CONFIG_NAME_BYTES_MAX];
    if (len == 0 || len >= sizeof(plain)) {
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        plain[i] = name[i] == '-' ? '_' : name[i];
    }
    plain[len] = 0;
    for (size_t i = 0; i < KEYS; i++) {
        if (key_is(&keys[i], plain)) {
            return &keys[i];
        }
    }
    return NULL;
}

static bool gas_mode_parse(const char *text, enum gas_mode *ret)
{
    bool prepaid = strcmp(text, "prepaid") == 0;
    *ret = prepaid ? GAS_PREPAID : GAS_POSTPAID;
    return prepaid || strcmp(text, "postpaid") == 0;
}

enum lucid_error config_check_whole(const struct config *config, struct lucid_why *why)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    bool level = false;
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        level = level || strcmp(config->log_level, levels[i]) == 0;
    }
    if (!level) {
        return config_refuse_value(why, "log_level", "must be error, warn, info or debug");
    }
    enum gas_mode mode;
    if (!gas_mode_parse(config->gas_mode, &mode)) {
        return config_refuse_value(why, "gas_mode", "must be postpaid or prepaid");
    }
    char host[CONFIG_TEXT_BYTES_MAX];
    uint16_t port;
    enum lucid_error error = config_listen(config, false, host, sizeof(host), &port, why);
    if (error == LUCID_OK) {
        error = config_listen(config, true, host, sizeof(host), &port, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (config->listen[0] == 0 && config->tls_listen[0] == 0) {
        return config_refuse_value(why, "listen", "and tls_listen are both empty");
    }
    struct http_network trusted[CONFIG_TRUSTED_MAX];
    size_t count;
    if (http_networks_parse(config->trusted_proxies, trusted, CONFIG_TRUSTED_MAX, &count) !=
        LUCID_OK) {
        return config_refuse_value(
            why, "trusted_proxies",
            "must be numeric addresses or networks (10.0.0.0/8), at most 32");
    }
    if (config->tls_listen[0] != 0 && config->tls_certificate[0] == 0) {
        return config_refuse_value(why, "tls_certificate", "is missing: tls_listen needs it");
    }
    if (config->tls_listen[0] != 0 && config->tls_key[0] == 0) {
        return config_refuse_value(why, "tls_key", "is missing: tls_listen needs it");
    }
    return config_sales_check(config, why);
}

/* --- output ----------------------------------------------------------------------------------- */

static void plugins_print(const struct plugins *plugins, struct lucid_buf *out)
{
    for (size_t p = 0; p < plugins->count; p++) {
        const struct plugin *plugin = plugins->all[p];
        const struct lucid_plugin_setting *setting = plugin->module->settings;
        for (; setting != NULL && setting->key != NULL; setting++) {
            lucid_buf_printf(out, "%s.%s = %s\n", plugin->module->name, setting->key,
                             plugin_setting(plugin, setting->key));
        }
    }
}

void config_print(const struct config *config, const struct plugins *plugins, struct lucid_buf *out)
{
    for (size_t i = 0; i < KEYS; i++) {
        const uint8_t *at = (const uint8_t *)config + keys[i].offset;
        lucid_buf_printf(out, "%s = ", keys[i].name);
        switch (keys[i].type) {
        case KEY_TEXT:
            lucid_buf_str(out, (const char *)at);
            break;
        case KEY_BOOL:
            lucid_buf_str(out, *(const bool *)(const void *)at ? "true" : "false");
            break;
        case KEY_UINT:
            lucid_buf_u64(out, *(const uint64_t *)(const void *)at);
            break;
        }
        lucid_buf_char(out, '\n');
    }
    plugins_print(plugins, out);
}

/* A key's line: the flag, what it is, and in brackets what it is without being set. */
static void help_line(const char *plugin, const char *key, const char *help, const char *initial,
                      struct lucid_buf *out)
{
    char flag[CONFIG_NAME_BYTES_MAX + 3];
    (void)snprintf(flag, sizeof(flag), "--%s%s%s", plugin, plugin[0] == 0 ? "" : "-", key);
    for (char *c = flag; *c != 0; c++) {
        *c = *c == '_' ? '-' : *c;
    }
    lucid_buf_printf(out, "  %-30s %s", flag, help);
    if (initial[0] != 0) {
        lucid_buf_printf(out, " [%s]", initial);
    }
    lucid_buf_char(out, '\n');
}

void config_help(const struct plugins *plugins, struct lucid_buf *out)
{
    lucid_buf_str(
        out,
        "usage: lucidd --data DIR [--config FILE] [--KEY VALUE]...\n"
        "       lucidd --check | --print-config | --version | --help\n\n"
        "The Lucid ledger service. Prints `listening on http://HOST:PORT` when it is "
        "ready;\nSIGTERM or SIGINT stops it gracefully, a second one at once; SIGHUP "
        "reads the\nTLS certificate again, SIGUSR1 logs one level more, SIGUSR2 as configured.\n\n"
        "Every key below is also a line `key = value` of the file and an environment\n"
        "variable LUCID_KEY; flags win over the environment, that over the file.\n\n");
    for (size_t i = 0; i < KEYS; i++) {
        help_line("", keys[i].name, keys[i].help, keys[i].initial, out);
    }
    for (size_t p = 0; p < plugins->count; p++) {
        const struct lucid_plugin *module = plugins->all[p]->module;
        const struct lucid_plugin_setting *setting = module->settings;
        lucid_buf_printf(out, "\nThe plugin %s %s: %s\n\n", module->name, module->version,
                         module->summary);
        for (; setting != NULL && setting->key != NULL; setting++) {
            help_line(module->name, setting->key, setting->help, setting->initial, out);
        }
    }
}

enum lucid_error config_listen(const struct config *config, bool tls, char *ret_host,
                               size_t host_size, uint16_t *ret_port, struct lucid_why *why)
{
    const char *text = tls ? config->tls_listen : config->listen;
    if (text[0] == 0) {
        ret_host[0] = 0;
        *ret_port = 0;
        return LUCID_OK;
    }
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t host_len = colon == NULL ? 0 : (size_t)(colon - text);
    if (host_len >= 2 && host[0] == '[' && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    }
    static const struct config_key port_key = {.name = "listen", .max = 65535};
    uint64_t port = 0;
    if (colon == NULL || host_len == 0 || host_len >= host_size ||
        set_uint(&port_key, colon + 1, &port, NULL) != LUCID_OK) {
        return config_refuse_value(why, tls ? "tls_listen" : "listen",
                                   "must be HOST:PORT with a port from 0 to 65535");
    }
    memcpy(ret_host, host, host_len);
    ret_host[host_len] = 0;
    *ret_port = (uint16_t)port;
    return LUCID_OK;
}

size_t config_trusted(const struct config *config, struct http_network ret[CONFIG_TRUSTED_MAX])
{
    size_t count = 0;
    enum lucid_error error =
        http_networks_parse(config->trusted_proxies, ret, CONFIG_TRUSTED_MAX, &count);
    lucid_assert(error == LUCID_OK);
    return count;
}

void config_limits(const struct config *config, struct http_limits *ret)
{
    http_limits_default(ret);
    ret->connections_max = (uint32_t)config->connections_max;
    ret->header_bytes_max = (uint32_t)config->header_bytes_max;
    if (config_sells(config) && ret->header_bytes_max < SALES_HEADER_BYTES) {
        ret->header_bytes_max = SALES_HEADER_BYTES;
    }
    ret->header_ms_max = (uint32_t)config->header_ms_max;
    ret->body_ms_max = (uint32_t)config->body_ms_max;
    ret->idle_ms_max = (uint32_t)config->idle_ms_max;
    ret->write_ms_max = (uint32_t)config->write_ms_max;
    ret->output_bytes_max = (uint32_t)config->output_bytes_max;
    ret->inflight_bytes_max = config->inflight_bytes_max;
}

size_t config_loops(const struct config *config, size_t max)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = config->io_threads != 0 ? (size_t)config->io_threads
                   : processors < 1        ? 1
                                           : (size_t)processors;
    return count < max ? count : max;
}

enum gas_mode config_gas_mode(const struct config *config)
{
    enum gas_mode mode;
    bool known = gas_mode_parse(config->gas_mode, &mode);
    lucid_assert(known);
    return mode;
}

enum lucid_log_level config_log_level(const struct config *config)
{
    switch (config->log_level[0]) {
    case 'e':
        return LUCID_LOG_ERROR;
    case 'w':
        return LUCID_LOG_WARN;
    case 'd':
        return LUCID_LOG_DEBUG;
    default:
        return LUCID_LOG_INFO;
    }
}

#include "lucidd/shop.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "lucidd/facilitators.h"
#include "lucidd/x402_keys.h"

#define SHOP_KEY_BYTES_MAX ((size_t)256)
#define REDIS_PREFIX       "lucid"

static enum lucid_error networks_parse(void *context, struct lucid_span text, struct lucid_why *why)
{
    return x402_networks_parse(text, context, why);
}

static enum lucid_error networks_read(const struct config *config, struct x402_networks *ret,
                                      struct lucid_why *why)
{
    return datadir_document_read(config->x402_networks_file, "x402_networks_file",
                                 X402_NETWORKS_FILE_BYTES_MAX, networks_parse, ret, why);
}

struct clients_reading {
    const struct x402_networks *networks;
    struct x402_clients *clients;
};

static enum lucid_error clients_parse(void *context, struct lucid_span text, struct lucid_why *why)
{
    const struct clients_reading *reading = context;
    return x402_clients_parse(text, reading->networks, reading->clients, why);
}

/* NULL without a file. */
static enum lucid_error clients_read(const struct config *config,
                                     const struct x402_networks *networks,
                                     struct x402_clients **ret, struct lucid_why *why)
{
    *ret = NULL;
    if (config->x402_clients_file[0] == '\0') {
        return LUCID_OK;
    }
    struct clients_reading reading = {.networks = networks,
                                      .clients = calloc(1, sizeof(*reading.clients))};
    if (reading.clients == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error =
        datadir_document_read(config->x402_clients_file, "x402_clients_file",
                              X402_CLIENTS_FILE_BYTES_MAX, clients_parse, &reading, why);
    if (error != LUCID_OK) {
        free(reading.clients);
        return error;
    }
    *ret = reading.clients;
    return LUCID_OK;
}

enum lucid_error shop_check(const struct config *config, struct lucid_why *why)
{
    if (!config_sells(config)) {
        return LUCID_OK;
    }
    struct x402_networks *networks = calloc(1, sizeof(*networks));
    if (networks == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    struct x402_clients *clients = NULL;
    struct x402_roster_file *facilitators = calloc(1, sizeof(*facilitators));
    enum lucid_error error =
        facilitators == NULL ? LUCID_RETRY_MEMORY : networks_read(config, networks, why);
    if (error == LUCID_OK) {
        error = facilitators_read(config, networks, facilitators, why);
    }
    if (error == LUCID_OK) {
        error = clients_read(config, networks, &clients, why);
    }
    free(clients);
    free(facilitators);
    free(networks);
    return error;
}

/* The key lies in the file alone: hex digits and a line end. */
static enum lucid_error key_read(const char *path, struct evm_key *ret, struct lucid_why *why)
{
    char *text = datadir_secret_new(SHOP_KEY_BYTES_MAX + 1);
    size_t len = 0;
    if (text == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = datadir_file_read(path, true, text, SHOP_KEY_BYTES_MAX, &len, why);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' ')) {
        len--;
    }
    if (error == LUCID_OK && evm_key_parse(lucid_span(text, len), ret) != LUCID_OK) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", "x402_networks_file",
                             "%.400s holds no key: 64 hex digits", path);
    }
    datadir_secret_free(text, SHOP_KEY_BYTES_MAX + 1);
    return error;
}

static enum lucid_error gas_keys_read(struct shop *shop, struct lucid_why *why)
{
    shop->gas_keys = datadir_secret_new(X402_NETWORKS_MAX * sizeof(*shop->gas_keys));
    if (shop->gas_keys == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < shop->networks.count; i++) {
        const char *path = shop->networks.items[i].gas_key_file;
        if (path[0] != '\0') {
            error = key_read(path, &shop->gas_keys[i], why);
            shop->gas_key_of[i] = &shop->gas_keys[i];
            shop->networks.items[i].has_gas = error == LUCID_OK;
            shop->networks.items[i].gas = shop->gas_keys[i].address;
        }
    }
    return error;
}

/* The treasury's key is no gas key of that network, and the one of treasury_address. */
static enum lucid_error treasury_key_take(struct shop *shop, size_t i, struct lucid_why *why)
{
    struct x402_network *network = &shop->networks.items[i];
    struct evm_key *key = &shop->treasury_keys[i];
    enum lucid_error error = key_read(network->treasury_key_file, key, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (network->has_gas &&
        memcmp(key->address.bytes, network->gas.bytes, EVM_ADDRESS_BYTES) == 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", "x402_networks_file",
                            "%.200s: the treasury's key is the gas key: each needs nonces of its "
                            "own",
                            network->caip2);
    }
    if (network->has_treasury &&
        memcmp(key->address.bytes, network->treasury.bytes, EVM_ADDRESS_BYTES) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", "x402_networks_file",
                            "%.200s: treasury_key_file holds not the key of treasury_address",
                            network->caip2);
    }
    network->has_treasury = true;
    network->treasury = key->address;
    shop->treasury_key_of[i] = key;
    return LUCID_OK;
}

static enum lucid_error treasury_keys_read(struct shop *shop, struct lucid_why *why)
{
    shop->treasury_keys = datadir_secret_new(X402_NETWORKS_MAX * sizeof(*shop->treasury_keys));
    enum lucid_error error = shop->treasury_keys == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
    for (size_t i = 0; error == LUCID_OK && i < shop->networks.count; i++) {
        if (shop->networks.items[i].treasury_key_file[0] != '\0') {
            error = treasury_key_take(shop, i, why);
        }
    }
    return error;
}

/* What Redis is may only be learnt by asking: one that would lose proofs must not be started on,
 * one that is away may come back. */
static enum lucid_error redis_open(const struct config *config, struct shop *shop,
                                   struct lucid_why *why)
{
    shop->redis = strcmp(config->spent_store, "redis") == 0;
    if (!shop->redis) {
        return LUCID_OK;
    }
    bool known = config_members(config, &shop->members);
    lucid_assert(known);
    shop->redis_options = (struct x402_spent_redis_options){
        .url = config->redis_url,
        .password_file =
            config->redis_password_file[0] == '\0' ? NULL : config->redis_password_file,
        .prefix = REDIS_PREFIX,
        .members = shop->members.names,
        .member_count = shop->members.count,
        .self = config->redis_self,
        .timeout_ms = (uint32_t)config->redis_timeout_ms,
    };
    struct lucid_why inner = {0};
    enum lucid_error error = x402_spent_redis_check(&shop->redis_options, &inner);
    if (lucid_category(error) == LUCID_CATEGORY_RETRY && error != LUCID_RETRY_MEMORY) {
        lucid_log(LUCID_LOG_WARN, "shop.redis", "Redis cannot be asked, payments wait for it: %s",
                  inner.text);
        return LUCID_OK;
    }
    if (error != LUCID_OK && why != NULL) {
        *why = inner;
    }
    return error;
}

enum lucid_error shop_open(const struct config *config, const struct datadir *dir, uint64_t now_ms,
                           struct shop *ret, struct lucid_why *why)
{
    memset(ret, 0, sizeof(*ret));
    enum lucid_error error = networks_read(config, &ret->networks, why);
    if (error == LUCID_OK) {
        error = clients_read(config, &ret->networks, &ret->clients, why);
    }
    if (error == LUCID_OK) {
        error = x402_keys_file_open(dir, now_ms, &ret->keys, why);
    }
    if (error == LUCID_OK) {
        error = gas_keys_read(ret, why);
    }
    if (error == LUCID_OK) {
        error = treasury_keys_read(ret, why);
    }
    if (error == LUCID_OK) {
        error = facilitators_read(config, &ret->networks, &ret->facilitators, why);
    }
    if (error == LUCID_OK) {
        ret->member_keys = datadir_secret_new(X402_MEMBERS_MAX * sizeof(*ret->member_keys));
        error = ret->member_keys == NULL
                    ? LUCID_RETRY_MEMORY
                    : facilitators_keys_read(&ret->facilitators, ret->member_keys, why);
    }
    return error == LUCID_OK ? redis_open(config, ret, why) : error;
}

void shop_close(struct shop *shop)
{
    x402_keys_close(shop->keys);
    datadir_secret_free(shop->gas_keys, X402_NETWORKS_MAX * sizeof(*shop->gas_keys));
    datadir_secret_free(shop->treasury_keys, X402_NETWORKS_MAX * sizeof(*shop->treasury_keys));
    shop->treasury_keys = NULL;
    datadir_secret_free(shop->member_keys, X402_MEMBERS_MAX * sizeof(*shop->member_keys));
    free(shop->clients);
    shop->clients = NULL;
    shop->keys = NULL;
    shop->gas_keys = NULL;
    shop->member_keys = NULL;
}

void shop_url_set(struct shop *shop, const struct config *config, uint16_t port, uint16_t tls_port)
{
    char host[CONFIG_TEXT_BYTES_MAX];
    uint16_t configured;
    bool tls = port == 0;
    if (config->public_url[0] != '\0') {
        (void)snprintf(shop->public_url, sizeof(shop->public_url), "%s", config->public_url);
        return;
    }
    enum lucid_error error = config_listen(config, tls, host, sizeof(host), &configured, NULL);
    lucid_assert(error == LUCID_OK);
    bool v6 = strchr(host, ':') != NULL;
    (void)snprintf(shop->public_url, sizeof(shop->public_url), "%s://%s%s%s:%u",
                   tls ? "https" : "http", v6 ? "[" : "", host, v6 ? "]" : "",
                   (unsigned)(tls ? tls_port : port));
}

static bool reached_by_others(const char *host)
{
    return strcmp(host, "0.0.0.0") != 0 && strcmp(host, "::") != 0 && strcmp(host, "::1") != 0 &&
           strncmp(host, "127.", 4) != 0 && strcmp(host, "localhost") != 0;
}

/* Whether a plugin that is loaded sells routes of that class. */
static bool class_is_used(const struct plugins *plugins, const char *name)
{
    for (size_t i = 0; i < plugins->count; i++) {
        const struct lucid_plugin_route *route = plugins->all[i]->module->routes;
        for (; route != NULL && route->method != NULL; route++) {
            if (route->price_class != NULL && strcmp(route->price_class, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

void shop_warn(const struct config *config, const struct plugins *plugins)
{
    static const char text[] =
        "price_class.%s is of no route that is served here: nothing is sold by it";
    char host[CONFIG_TEXT_BYTES_MAX];
    uint16_t port;
    const struct {
        const char *name;
        const char *asset;
    } idle[] = {{"match", config->price_class_match},
                {"appraise", config->price_class_appraise},
                {"passport", config->price_class_passport}};
    for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
        if (idle[i].asset[0] != '\0' && !class_is_used(plugins, idle[i].name)) {
            lucid_log(LUCID_LOG_WARN, "config.sales", text, idle[i].name);
        }
    }
    if (config_sells(config) && config->public_url[0] == '\0' &&
        config_listen(config, config->listen[0] == '\0', host, sizeof(host), &port, NULL) ==
            LUCID_OK &&
        !reached_by_others(host)) {
        lucid_log(LUCID_LOG_WARN, "config.sales",
                  "without public_url buyers are told that what is sold is at %s", host);
    }
}

void shop_gas_addresses(const struct shop *shop, struct evm_address ret[X402_NETWORKS_MAX])
{
    memset(ret, 0, X402_NETWORKS_MAX * sizeof(*ret));
    for (size_t i = 0; i < X402_NETWORKS_MAX; i++) {
        if (shop->gas_key_of[i] != NULL) {
            ret[i] = shop->gas_key_of[i]->address;
        }
    }
}

static const char *asset_or_null(const char *asset)
{
    return asset[0] == '\0' ? NULL : asset;
}

/* It was checked by config_read. */
static enum proxy_family proxy_family_of(const struct config *config)
{
    enum proxy_family family;
    bool known = proxy_family_parse(lucid_span_str(config->proxy_headers), &family);
    lucid_assert(known);
    return family;
}

void shop_sales(const struct shop *shop, const struct config *config, struct api_sales *ret)
{
    *ret = (struct api_sales){
        .assets =
            {
                [API_SELLS_PROOF] = asset_or_null(config->price_class_proof),
                [API_SELLS_RECEIPT] = asset_or_null(config->price_class_receipt),
                [API_SELLS_BATCH] = asset_or_null(config->price_class_batch),
                [API_SELLS_MATCH] = asset_or_null(config->price_class_match),
                [API_SELLS_APPRAISE] = asset_or_null(config->price_class_appraise),
                [API_SELLS_PASSPORT] = asset_or_null(config->price_class_passport),
            },
        .networks = &shop->networks,
        .facilitators = &shop->facilitators,
        .keys = shop->keys,
        .clients = shop->clients,
        .public_url = shop->public_url,
        .payment_seconds_max = (uint32_t)config->payment_seconds_max,
        .proxy_family = proxy_family_of(config),
        .proxy_request_id_header = config->proxy_request_id_header,
    };
    shop_gas_addresses(shop, ret->gas);
}

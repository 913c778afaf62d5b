/* The operator's file of networks. */
#include "x402/file_place.h"
#include "x402/network_internal.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "gas/amount.h"

enum {
    ARENA_BYTES = 4 << 20,
    TIMEOUT_MS_MIN = 100,
    TIMEOUT_MS_MAX = 60000,
    TIMEOUT_MS = 5000,
    DEPTH_MAX = 10000,
    FINAL_DEPTH = 12,
    GAS_LIMIT_MIN = 21000, /* of a plain transaction */
    GAS_LIMIT_MAX = 10000000,
    GAS_LIMIT = 150000, /* a settlement takes 66,727 on the test token; USDC is behind a proxy */
    STUCK_SECONDS_MIN = 5,
    STUCK_SECONDS_MAX = 3600,
    STUCK_SECONDS = 30,
};
#define MAX_FEE_GWEI     "100"
#define MAX_FEE_WEI_MAX  ((uint64_t)100000 * 1000000000) /* 100,000 gwei */
#define DECIMALS_OF_USDC 6

static const struct jcs_limits limits = {.depth_max = 6, .values_max = 4096};

/* --- members --- */

static bool is_string(const struct jcs_value *value)
{
    return value != NULL && jcs_type(value) == JCS_STRING;
}

/* A string of 1 … size − 1 bytes without control characters. */
static enum lucid_error string_read(const struct file_place *place, const struct jcs_value *value,
                                    const char *member, char *ret, size_t size)
{
    if (!is_string(value)) {
        return file_place_refuse(place, member, "must be a string");
    }
    struct lucid_span text = jcs_string(value);
    if (text.len == 0 || text.len >= size) {
        return file_place_refuse(place, member, "must have 1 to %zu bytes", size - 1);
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return file_place_refuse(place, member, "has a control character");
        }
    }
    memcpy(ret, text.data, text.len);
    ret[text.len] = '\0';
    return LUCID_OK;
}

static enum lucid_error rpc_read(const struct file_place *place, const struct jcs_value *entry,
                                 struct x402_network *network)
{
    const struct jcs_value *list = jcs_member(entry, "rpc");
    bool insecure = false;
    uint64_t quorum = 0;
    uint64_t timeout = 0;
    enum lucid_error error = file_place_bool(place, entry, "rpc_insecure", false, &insecure);
    if (error != LUCID_OK) {
        return error;
    }
    if (list == NULL || jcs_type(list) != JCS_ARRAY || jcs_count(list) == 0 ||
        jcs_count(list) > EVM_RPC_ENDPOINTS_MAX) {
        return file_place_refuse(place, "rpc", "must be a list of 1 to %d URLs",
                                 EVM_RPC_ENDPOINTS_MAX);
    }
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        char member[16];
        char *url = network->rpc[network->rpc_count];
        snprintf(member, sizeof(member), "rpc[%zu]", network->rpc_count);
        error = string_read(place, at, member, url, sizeof(network->rpc[0]));
        if (error != LUCID_OK) {
            return error;
        }
        const char *fault = x402_url_fault(lucid_span_str(url), insecure);
        if (fault != NULL) {
            return file_place_refuse(place, member, "%s", fault);
        }
        for (size_t i = 0; i < network->rpc_count; i++) {
            if (strcmp(network->rpc[i], url) == 0) {
                /* The same node twice is no quorum. */
                return file_place_refuse(place, member, "is there twice");
            }
        }
        network->rpc_count++;
    }
    error = file_place_number(place, entry, "rpc_quorum", 1, 1, network->rpc_count, &quorum);
    if (error == LUCID_OK) {
        error = file_place_number(place, entry, "rpc_timeout_ms", TIMEOUT_MS, TIMEOUT_MS_MIN,
                                  TIMEOUT_MS_MAX, &timeout);
    }
    if (error == LUCID_OK) {
        network->rpc_quorum = (unsigned)quorum;
        network->rpc_timeout_ms = (uint32_t)timeout;
    }
    return error;
}

/* --- tokens --- */

/* Absent, or what the table says: a wrong domain would make every payment unusable. */
static enum lucid_error domain_agrees(const struct file_place *place, const struct jcs_value *entry,
                                      const char *member, const char *known)
{
    const struct jcs_value *value = jcs_member(entry, member);
    if (value != NULL && (!is_string(value) || !lucid_span_is(jcs_string(value), known))) {
        return file_place_refuse(place, member, "must be \"%s\" for this token, or left out",
                                 known);
    }
    return LUCID_OK;
}

static enum lucid_error known_token_read(const struct file_place *place,
                                         const struct jcs_value *entry,
                                         const struct x402_token_row *row,
                                         struct x402_network *network)
{
    if (row->decimals != DECIMALS_OF_USDC) {
        return file_place_refuse(place, "token", "%s has %u decimals: prices are in units of 6",
                                 row->symbol, row->decimals);
    }
    enum lucid_error error = domain_agrees(place, entry, "token_name", row->name);
    if (error == LUCID_OK) {
        error = domain_agrees(place, entry, "token_version", row->version);
    }
    if (error == LUCID_OK) {
        x402_network_row_set(network, row);
    }
    return error;
}

static enum lucid_error token_read(const struct file_place *place, const struct jcs_value *entry,
                                   uint64_t chain_id, struct x402_network *network)
{
    const struct jcs_value *value = jcs_member(entry, "token");
    struct evm_address token;
    if (value != NULL && (!is_string(value) || !evm_address_parse(jcs_string(value), &token))) {
        return file_place_refuse(place, "token", "must be \"0x\" and 40 hex digits");
    }
    const struct x402_token_row *row = x402_token_row_find(chain_id, value != NULL ? &token : NULL);
    if (row != NULL) {
        return known_token_read(place, entry, row, network);
    }
    if (value == NULL) {
        return file_place_refuse(
            place, "token",
            "no USDC is known on this network: token, token_name and token_version are "
            "needed");
    }
    x402_network_chain_set(network, chain_id);
    network->token = token;
    network->eip3009 = true;
    enum lucid_error error = string_read(place, jcs_member(entry, "token_name"), "token_name",
                                         network->token_name, sizeof(network->token_name));
    if (error == LUCID_OK) {
        error = string_read(place, jcs_member(entry, "token_version"), "token_version",
                            network->token_version, sizeof(network->token_version));
    }
    if (error == LUCID_OK) {
        x402_network_separate(network);
    }
    return error;
}

/* --- depths and gas --- */

static enum lucid_error depth_read(const struct file_place *place, const struct jcs_value *entry,
                                   const char *member, struct x402_depth fallback,
                                   struct x402_depth *ret)
{
    const struct jcs_value *value = jcs_member(entry, member);
    uint64_t blocks;
    if (value == NULL) {
        *ret = fallback;
    } else if (is_string(value) && lucid_span_is(jcs_string(value), "safe")) {
        *ret = (struct x402_depth){.by = X402_BY_SAFE};
    } else if (is_string(value) && lucid_span_is(jcs_string(value), "finalized")) {
        *ret = (struct x402_depth){.by = X402_BY_FINALIZED};
    } else if (jcs_uint(value, &blocks) && blocks >= 1 && blocks <= DEPTH_MAX) {
        *ret = (struct x402_depth){.by = X402_BY_DEPTH, .blocks = (uint32_t)blocks};
    } else {
        return file_place_refuse(place, member,
                                 "must be a whole number from 1 to %d, \"safe\" or \"finalized\"",
                                 DEPTH_MAX);
    }
    return LUCID_OK;
}

/* What is final is served: a depth cannot be compared with a tag, but a stronger tag with a weaker
 * one, and a depth with a depth. */
static enum lucid_error depths_read(const struct file_place *place, const struct jcs_value *entry,
                                    struct x402_network *network)
{
    struct x402_depth serve;
    struct x402_depth final;
    enum lucid_error error = depth_read(
        place, entry, "serve_depth", (struct x402_depth){.by = X402_BY_DEPTH, .blocks = 1}, &serve);
    if (error != LUCID_OK) {
        return error;
    }
    struct x402_depth fallback = serve;
    if (serve.by == X402_BY_DEPTH && serve.blocks < FINAL_DEPTH) {
        fallback.blocks = FINAL_DEPTH;
    }
    error = depth_read(place, entry, "final_depth", fallback, &final);
    if (error != LUCID_OK) {
        return error;
    }
    if (final.by < serve.by || (final.by == X402_BY_DEPTH && final.blocks < serve.blocks)) {
        return file_place_refuse(place, "final_depth", "must not be less than serve_depth");
    }
    network->serve_depth = serve;
    network->final_depth = final;
    return LUCID_OK;
}

static enum lucid_error fee_read(const struct file_place *place, const struct jcs_value *entry,
                                 uint64_t *ret)
{
    const struct jcs_value *value = jcs_member(entry, "max_fee_gwei");
    struct lucid_span text = lucid_span_str(MAX_FEE_GWEI);
    uint64_t wei;
    if (value != NULL) {
        text = is_string(value) ? jcs_string(value) : lucid_span(NULL, 0);
    }
    /* A gwei has nine decimals, as LUCID. */
    if (gas_amount_parse_decimal(text, GAS_LUCID, &wei, NULL) != LUCID_OK || wei == 0 ||
        wei > MAX_FEE_WEI_MAX) {
        return file_place_refuse(
            place, "max_fee_gwei",
            "must be a decimal string above 0, at most 100000, of at most 9 decimals");
    }
    *ret = wei;
    return LUCID_OK;
}

static enum lucid_error gas_read(const struct file_place *place, const struct jcs_value *entry,
                                 struct x402_network *network)
{
    const struct jcs_value *key = jcs_member(entry, "gas_key_file");
    uint64_t stuck = STUCK_SECONDS;
    enum lucid_error error = LUCID_OK;
    if (key != NULL) {
        error = string_read(place, key, "gas_key_file", network->gas_key_file,
                            sizeof(network->gas_key_file));
    }
    if (error == LUCID_OK && key != NULL && !network->eip3009) {
        return file_place_refuse(place, "gas_key_file",
                                 "the token has no EIP-3009: authorizations cannot be settled");
    }
    if (error == LUCID_OK) {
        error = file_place_number(place, entry, "gas_limit", GAS_LIMIT, GAS_LIMIT_MIN,
                                  GAS_LIMIT_MAX, &network->gas_limit);
    }
    if (error == LUCID_OK) {
        error = fee_read(place, entry, &network->max_fee_wei);
    }
    if (error == LUCID_OK) {
        error = file_place_number(place, entry, "stuck_seconds", STUCK_SECONDS, STUCK_SECONDS_MIN,
                                  STUCK_SECONDS_MAX, &stuck);
        network->stuck_seconds = (uint32_t)stuck;
    }
    return error;
}

/* --- the treasury --- */

static enum lucid_error treasury_read(const struct file_place *place, const struct jcs_value *entry,
                                      struct x402_network *network)
{
    const struct jcs_value *key = jcs_member(entry, "treasury_key_file");
    const struct jcs_value *address = jcs_member(entry, "treasury_address");
    const struct jcs_value *most = jcs_member(entry, "treasury_day_max");
    enum lucid_error error = LUCID_OK;
    if (key != NULL) {
        error = string_read(place, key, "treasury_key_file", network->treasury_key_file,
                            sizeof(network->treasury_key_file));
    }
    if (error == LUCID_OK && key != NULL &&
        strcmp(network->treasury_key_file, network->gas_key_file) == 0) {
        /* Two senders with one sequence of nonces would replace each other's transactions. */
        return file_place_refuse(place, "treasury_key_file", "must not be the gas key");
    }
    if (error == LUCID_OK && address != NULL) {
        network->has_treasury =
            is_string(address) && evm_address_parse(jcs_string(address), &network->treasury);
        if (!network->has_treasury) {
            return file_place_refuse(place, "treasury_address", "must be \"0x\" and 40 hex digits");
        }
    }
    if (error == LUCID_OK && most != NULL &&
        (!is_string(most) || !gas_amount_parse(jcs_string(most), &network->treasury_day_max))) {
        return file_place_refuse(place, "treasury_day_max",
                                 "must be a decimal string of base units");
    }
    return error;
}

/* --- a network --- */

static enum lucid_error evm_read(const struct file_place *place, const struct jcs_value *entry,
                                 uint64_t chain_id, struct x402_network *network)
{
    static const char *const names[] = {
        "network",          "rpc",           "rpc_quorum",        "rpc_timeout_ms",
        "rpc_insecure",     "token",         "token_name",        "token_version",
        "serve_depth",      "final_depth",   "gas_key_file",      "gas_limit",
        "max_fee_gwei",     "stuck_seconds", "treasury_key_file", "treasury_address",
        "treasury_day_max",
    };
    enum lucid_error error =
        file_place_known(place, entry, "a network", names, sizeof(names) / sizeof(names[0]));
    if (error != LUCID_OK) {
        return error;
    }
    error = token_read(place, entry, chain_id, network);
    if (error == LUCID_OK) {
        error = rpc_read(place, entry, network);
    }
    if (error == LUCID_OK) {
        error = depths_read(place, entry, network);
    }
    if (error == LUCID_OK) {
        error = gas_read(place, entry, network);
    }
    return error == LUCID_OK ? treasury_read(place, entry, network) : error;
}

static enum lucid_error network_read(const struct file_place *place, const struct jcs_value *entry,
                                     struct x402_network *network)
{
    static const char *const solana_names[] = {"network"};
    uint64_t chain_id;
    if (jcs_type(entry) != JCS_OBJECT) {
        return file_place_refuse(place, "", "must be an object");
    }
    const struct jcs_value *name = jcs_member(entry, "network");
    if (is_string(name) && x402_network_solana(jcs_string(name), network)) {
        return file_place_known(place, entry, "a network of Solana", solana_names, 1);
    }
    if (!is_string(name) || !x402_network_chain_read(jcs_string(name), &chain_id)) {
        return file_place_refuse(
            place, "network",
            "must be \"eip155:\" and a chain id, a name that x402 version 1 knows, or "
            "Solana's main or dev network");
    }
    return evm_read(place, entry, chain_id, network);
}

static enum lucid_error list_read(const struct jcs_value *list, struct x402_networks *networks,
                                  struct lucid_why *why)
{
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        const struct file_place place = {.list = "networks", .index = networks->count, .why = why};
        struct x402_network *network = &networks->items[networks->count];
        enum lucid_error error = network_read(&place, at, network);
        if (error != LUCID_OK) {
            return error;
        }
        if (x402_network_find(networks, lucid_span_str(network->caip2)) != NULL) {
            return file_place_refuse(&place, "network", "%s is there twice", network->caip2);
        }
        networks->count++;
    }
    return LUCID_OK;
}

enum lucid_error x402_networks_parse(struct lucid_span json, struct x402_networks *ret,
                                     struct lucid_why *why)
{
    static const char *const names[] = {"networks"};
    const struct file_place place = {.why = why};
    struct lucid_arena arena;
    const struct jcs_value *root;
    if (json.len > X402_NETWORKS_FILE_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, NULL, NULL, "more than %zu bytes",
                            X402_NETWORKS_FILE_BYTES_MAX);
    }
    lucid_arena_init(&arena, ARENA_BYTES);
    struct x402_networks *networks = lucid_arena_zalloc(&arena, sizeof(*networks));
    enum lucid_error error =
        networks == NULL ? LUCID_RETRY_MEMORY : jcs_parse(json, &limits, &arena, &root, why);
    if (error == LUCID_OK) {
        const struct jcs_value *list = jcs_member(root, "networks");
        if (jcs_type(root) != JCS_OBJECT || list == NULL || jcs_type(list) != JCS_ARRAY ||
            jcs_count(list) > X402_NETWORKS_MAX) {
            error = lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "networks",
                                 "must be a list of at most %d networks", X402_NETWORKS_MAX);
        } else {
            error = file_place_known(&place, root, "the file", names, 1);
            error = error == LUCID_OK ? list_read(list, networks, why) : error;
        }
    }
    if (error == LUCID_OK) {
        *ret = *networks;
    }
    lucid_arena_fini(&arena);
    return error;
}

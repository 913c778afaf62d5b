#include "x402/clients.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "gas/amount.h"
#include "x402/file_place.h"

enum {
    DEPTH_MAX = 8,
    VALUES_MAX = 16384,
    ARENA_BYTES = 4 * 1024 * 1024,
    VERIFIES_PER_MINUTE = 60,
    SETTLES_PER_MINUTE = 20,
    PER_MINUTE_MAX = 1000000,
};

static const struct jcs_limits limits = {.depth_max = DEPTH_MAX, .values_max = VALUES_MAX};

static const struct jcs_value *string_member(const struct jcs_value *entry, const char *name)
{
    const struct jcs_value *value = jcs_member(entry, name);
    return value != NULL && jcs_type(value) == JCS_STRING ? value : NULL;
}

/* --- members ---------------------------------------------------------------------------------- */

static enum lucid_error names_read(const struct file_place *place, const struct jcs_value *entry,
                                   struct x402_client *client)
{
    const struct jcs_value *name = string_member(entry, "name");
    const struct jcs_value *token = string_member(entry, "token");
    if (name == NULL || !gas_name_ok(jcs_string(name), X402_CLIENT_NAME_BYTES_MAX)) {
        return file_place_refuse(place, "name", "must be 1 to %d of A-Z a-z 0-9 . _ : -",
                                 X402_CLIENT_NAME_BYTES_MAX);
    }
    if (token == NULL || !lucid_is_hex(jcs_string(token), TOKEN_ID_BYTES)) {
        return file_place_refuse(place, "token", "must be the id of a token: %d hex digits",
                                 TOKEN_ID_BYTES);
    }
    memcpy(client->name, jcs_string(name).data, jcs_string(name).len);
    memcpy(client->token, jcs_string(token).data, TOKEN_ID_BYTES);
    return LUCID_OK;
}

static enum lucid_error network_read(const struct file_place *place, const struct jcs_value *value,
                                     const char *member, const struct x402_networks *networks,
                                     struct x402_client *client)
{
    const struct x402_network *network = NULL;
    if (jcs_type(value) == JCS_STRING) {
        network = x402_network_find(networks, jcs_string(value));
        network = network != NULL ? network : x402_network_find_v1(networks, jcs_string(value));
    }
    if (network == NULL) {
        return file_place_refuse(place, member, "is no network of x402_networks_file");
    }
    if (network->solana || !network->eip3009 || network->gas_key_file[0] == '\0') {
        return file_place_refuse(place, member, "%s has no gas key: nothing can be settled on it",
                                 network->caip2);
    }
    size_t index = (size_t)(network - networks->items);
    if (client->networks[index]) {
        return file_place_refuse(place, member, "is there twice");
    }
    client->networks[index] = true;
    return LUCID_OK;
}

static enum lucid_error networks_read(const struct file_place *place, const struct jcs_value *entry,
                                      const struct x402_networks *networks,
                                      struct x402_client *client)
{
    const struct jcs_value *list = jcs_member(entry, "networks");
    size_t count = 0;
    if (list == NULL || jcs_type(list) != JCS_ARRAY || jcs_count(list) == 0 ||
        jcs_count(list) > X402_NETWORKS_MAX) {
        return file_place_refuse(place, "networks", "must be a list of 1 to %d networks",
                                 X402_NETWORKS_MAX);
    }
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        char member[24];
        (void)snprintf(member, sizeof(member), "networks[%zu]", count++);
        enum lucid_error error = network_read(place, at, member, networks, client);
        if (error != LUCID_OK) {
            return error;
        }
    }
    return LUCID_OK;
}

static enum lucid_error pay_to_read(const struct file_place *place, const struct jcs_value *entry,
                                    struct x402_client *client)
{
    static const struct evm_address nobody;
    const struct jcs_value *list = jcs_member(entry, "pay_to");
    if (list == NULL || jcs_type(list) != JCS_ARRAY || jcs_count(list) == 0 ||
        jcs_count(list) > X402_CLIENT_PAY_TO_MAX) {
        return file_place_refuse(place, "pay_to", "must be a list of 1 to %d addresses",
                                 X402_CLIENT_PAY_TO_MAX);
    }
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        struct evm_address *address = &client->pay_to[client->pay_to_count];
        if (jcs_type(at) != JCS_STRING || !evm_address_parse(jcs_string(at), address) ||
            memcmp(address, &nobody, sizeof(nobody)) == 0) {
            char member[24];
            (void)snprintf(member, sizeof(member), "pay_to[%zu]", client->pay_to_count);
            return file_place_refuse(place, member, "must be \"0x\" and 40 hex digits, not all 0");
        }
        client->pay_to_count++;
    }
    return LUCID_OK;
}

static enum lucid_error budget_read(const struct file_place *place, const struct jcs_value *entry,
                                    struct x402_client *client)
{
    const struct jcs_value *value = string_member(entry, "gas_wei_per_day");
    if (value == NULL || !gas_amount_parse(jcs_string(value), &client->gas_wei_per_day)) {
        return file_place_refuse(place, "gas_wei_per_day",
                                 "must be a decimal string of at most 2^63 - 1 wei");
    }
    return LUCID_OK;
}

static enum lucid_error known_check(const struct file_place *place, const struct jcs_value *entry)
{
    static const char *const names[] = {"name",
                                        "token",
                                        "networks",
                                        "pay_to",
                                        "verifies_per_minute",
                                        "settles_per_minute",
                                        "gas_wei_per_day"};
    return file_place_known(place, entry, "", names, sizeof(names) / sizeof(names[0]));
}

/* --- the file --------------------------------------------------------------------------------- */

static enum lucid_error client_read(const struct file_place *place, const struct jcs_value *entry,
                                    const struct x402_networks *networks,
                                    struct x402_client *client)
{
    if (jcs_type(entry) != JCS_OBJECT) {
        return file_place_refuse(place, "", "must be an object");
    }
    uint64_t verifies_per_minute = 0;
    uint64_t settles_per_minute = 0;
    enum lucid_error error = known_check(place, entry);
    if (error == LUCID_OK) {
        error = names_read(place, entry, client);
    }
    if (error == LUCID_OK) {
        error = networks_read(place, entry, networks, client);
    }
    if (error == LUCID_OK) {
        error = pay_to_read(place, entry, client);
    }
    if (error == LUCID_OK) {
        error = file_place_number(place, entry, "verifies_per_minute", VERIFIES_PER_MINUTE, 1,
                                  PER_MINUTE_MAX, &verifies_per_minute);
    }
    if (error == LUCID_OK) {
        error = file_place_number(place, entry, "settles_per_minute", SETTLES_PER_MINUTE, 1,
                                  PER_MINUTE_MAX, &settles_per_minute);
    }
    client->verifies_per_minute = (uint32_t)verifies_per_minute;
    client->settles_per_minute = (uint32_t)settles_per_minute;
    return error == LUCID_OK ? budget_read(place, entry, client) : error;
}

static enum lucid_error list_read(const struct jcs_value *list,
                                  const struct x402_networks *networks,
                                  struct x402_clients *clients, struct lucid_why *why)
{
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        const struct file_place place = {.list = "clients", .index = clients->count, .why = why};
        struct x402_client *client = &clients->items[clients->count];
        enum lucid_error error = client_read(&place, at, networks, client);
        if (error != LUCID_OK) {
            return error;
        }
        for (size_t i = 0; i < clients->count; i++) {
            if (strcmp(clients->items[i].name, client->name) == 0) {
                return file_place_refuse(&place, "name", "is there twice");
            }
            if (strcmp(clients->items[i].token, client->token) == 0) {
                return file_place_refuse(&place, "token", "is another client's");
            }
        }
        clients->count++;
    }
    return LUCID_OK;
}

static enum lucid_error root_read(const struct jcs_value *root,
                                  const struct x402_networks *networks,
                                  struct x402_clients *clients, struct lucid_why *why)
{
    const struct jcs_value *list = jcs_member(root, "clients");
    if (jcs_type(root) != JCS_OBJECT || list == NULL || jcs_type(list) != JCS_ARRAY ||
        jcs_count(list) > X402_CLIENTS_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "clients",
                            "must be a list of at most %d clients", X402_CLIENTS_MAX);
    }
    if (jcs_count(root) != 1) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL,
                            "the file has no member but \"clients\"");
    }
    return list_read(list, networks, clients, why);
}

enum lucid_error x402_clients_parse(struct lucid_span json, const struct x402_networks *networks,
                                    struct x402_clients *ret, struct lucid_why *why)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    if (json.len > X402_CLIENTS_FILE_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, NULL, NULL, "more than %zu bytes",
                            X402_CLIENTS_FILE_BYTES_MAX);
    }
    lucid_arena_init(&arena, ARENA_BYTES);
    struct x402_clients *clients = lucid_arena_zalloc(&arena, sizeof(*clients));
    enum lucid_error error =
        clients == NULL ? LUCID_RETRY_MEMORY : jcs_parse(json, &limits, &arena, &root, why);
    if (error == LUCID_OK) {
        error = root_read(root, networks, clients, why);
    }
    if (error == LUCID_OK) {
        *ret = *clients;
    }
    lucid_arena_fini(&arena);
    return error;
}

const struct x402_client *x402_client_find(const struct x402_clients *clients, const char *token)
{
    for (size_t i = 0; i < clients->count; i++) {
        if (strcmp(clients->items[i].token, token) == 0) {
            return &clients->items[i];
        }
    }
    return NULL;
}

/* Who may use this service as a facilitator, and for what: the operator's x402_clients_file.
 *
 * The file is JSON: {"clients":[{"name", "token" (id of a bearer token of scope facilitate),
 *   "networks":[CAIP-2 or v1 name …] (of the networks file, with a gas key), "pay_to":[address …],
 *   "verifies_per_minute":60, "settles_per_minute":20, "gas_wei_per_day": decimal string}]}. All
 *   but the two rates are required; unknown members are refused.
 *
 * Thread: made before threads start, const afterwards. */
#ifndef LUCID_X402_CLIENTS_H
#define LUCID_X402_CLIENTS_H

#include "ledger/token.h"
#include "x402/network.h"

#define X402_CLIENTS_MAX            64
#define X402_CLIENT_NAME_BYTES_MAX  64
#define X402_CLIENT_PAY_TO_MAX      64
#define X402_CLIENTS_FILE_BYTES_MAX ((size_t)256 * 1024)

struct x402_client {
    char name[X402_CLIENT_NAME_BYTES_MAX + 1]; /* gas_name_ok; budgets are kept by it */
    char token[TOKEN_ID_BYTES + 1];
    bool networks[X402_NETWORKS_MAX]; /* by index in the networks file */
    size_t pay_to_count;
    struct evm_address pay_to[X402_CLIENT_PAY_TO_MAX];
    uint32_t verifies_per_minute;
    uint32_t settles_per_minute;
    uint64_t gas_wei_per_day;
};

struct x402_clients {
    size_t count;
    struct x402_client items[X402_CLIENTS_MAX];
};

/* LUCID_REFUSE_INVALID, why.param names the member ("clients[0].pay_to[1]");
 * LUCID_REFUSE_TOO_LARGE; LUCID_RETRY_MEMORY. */
enum lucid_error x402_clients_parse(struct lucid_span json, const struct x402_networks *networks,
                                    struct x402_clients *ret,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;
/* By the id of its token; NULL. */
const struct x402_client *x402_client_find(const struct x402_clients *clients, const char *token);

#endif

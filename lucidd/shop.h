/* What is sold and what that takes: networks file, keys of challenges, gas keys. Read once at the
 * start, const afterwards. */
#ifndef LUCID_LUCIDD_SHOP_H
#define LUCID_LUCIDD_SHOP_H

#include "http/api/api.h"
#include "lucidd/config.h"
#include "lucidd/datadir.h"
#include "lucidd/plugins.h"
#include "x402/evm/sign.h"
#include "x402/spent.h"

struct shop {
    struct x402_networks networks;
    struct x402_keys *keys; /* locked memory */
    struct x402_roster_file facilitators;
    struct ledger_ed25519_key *member_keys; /* locked memory, X402_MEMBERS_MAX: of facilitators */
    struct evm_key *gas_keys;               /* locked memory, X402_NETWORKS_MAX */
    struct x402_clients *clients;           /* NULL: no facilitator for others */
    const struct evm_key *gas_key_of[X402_NETWORKS_MAX]; /* NULL: that network has none */
    struct evm_key *treasury_keys;                       /* likewise */
    const struct evm_key *treasury_key_of[X402_NETWORKS_MAX];
    bool redis; /* spent_store */
    struct config_members members;
    struct x402_spent_redis_options redis_options;
    char public_url[CONFIG_TEXT_BYTES_MAX + 32]; /* "" until shop_url_set */
};

/* For --check: the networks file and, without asking it, what is said about Redis. Errors: those of
 * the file, LUCID_REFUSE_INVALID. Without anything that is sold it does nothing. */
enum lucid_error shop_check(const struct config *config, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Reads everything; a Redis that is not fit is refused, one that is away is only told of. config
 * must last as long. Errors: those of the files (gas keys: mode 0600), LUCID_REFUSE_INVALID,
 * LUCID_RETRY_MEMORY. Close it also after an error. */
enum lucid_error shop_open(const struct config *config, const struct datadir *dir, uint64_t now_ms,
                           struct shop *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
void shop_close(struct shop *shop);

/* Says in the log what is configured to be sold and will not be. */
void shop_warn(const struct config *config, const struct plugins *plugins);

/* By network; zeros where there is no gas key. */
void shop_gas_addresses(const struct shop *shop, struct evm_address ret[X402_NETWORKS_MAX]);

/* public_url, or by default the address that is listened on. */
void shop_url_set(struct shop *shop, const struct config *config, uint16_t port, uint16_t tls_port);

/* What the routes are sold as; the gate's part is the caller's. */
void shop_sales(const struct shop *shop, const struct config *config, struct api_sales *ret);

#endif

/* What assets cost and who shares in it: one price per asset, in versions. Events price.set and
 * price.deleted (docs/FORMAT.md). A change is a new version; versions count up per asset from 1,
 * also over a deletion, and stay readable: quotes and payments name the version that they go by.
 *
 * Preparing: any thread. Writing: the writer's thread. Queries: any thread, within a view. */
#ifndef LUCID_GAS_PRICING_H
#define LUCID_GAS_PRICING_H

#include "gas/books.h"
#include "gas/split.h"

extern const struct ledger_kind gas_pricing_kind;

#define GAS_NETWORK_BYTES_MAX  64
#define GAS_PAY_TO_BYTES_MAX   44
#define GAS_RESOURCE_BYTES_MAX 512
#define GAS_GRANT_SECONDS_MAX  (31 * 86400)

/* A version of an asset's price. */
struct gas_price {
    char asset[GAS_NAME_BYTES_MAX + 1];
    uint64_t version;                              /* from 1 */
    enum gas_unit unit;                            /* of price_per_call: GAS_USDC */
    uint64_t price_per_call;                       /* base units, at most GAS_AMOUNT_MAX; 0 only
                                                      if it is sold by token or hour */
    char network[GAS_NETWORK_BYTES_MAX + 1];       /* CAIP-2 */
    char pay_to[GAS_PAY_TO_BYTES_MAX + 1];         /* 0x and 40 hex digits (case kept), or base58 */
    char payees[GAS_LEGS][GAS_NAME_BYTES_MAX + 1]; /* of GAS_COMPUTE and GAS_MODEL; "": not
                                                      registered. That of GAS_PROTOCOL is "" */
    struct gas_weights weights;
    bool custom_split; /* weights were given; else they are gas_weights_default */
    /* What else it is sold by; 0: not. */
    uint64_t price_per_token;         /* base units; comes on top of price_per_call */
    uint64_t price_subscription_hour; /* base units: x402/grant.h */
    uint32_t grant_seconds;           /* behind a proxy: one payment admits for so long; at most
                                         GAS_GRANT_SECONDS_MAX */
    /* How it is listed (/discovery/resources); "": it is not, or is described by its class. */
    char resource[GAS_RESOURCE_BYTES_MAX + 1]; /* absolute http or https URL */
    char description[GAS_NOTE_BYTES_MAX + 1];
    char mime_type[GAS_NAME_BYTES_MAX + 1];
    uint64_t sequence;         /* of its price.set */
    uint64_t time_ms;          /* of that */
    uint64_t deleted_sequence; /* of the price.deleted that ended it; 0: none did */
    uint64_t deleted_ms;
};

/* A price as it is asked for. Borrowed while it is prepared. */
struct gas_price_request {
    struct lucid_span asset;
    uint64_t price_per_call;
    struct lucid_span network;
    struct lucid_span pay_to;
    struct lucid_span compute_payee; /* data NULL: none */
    struct lucid_span model_payee;
    const struct gas_weights *weights; /* NULL: the default split */
    uint64_t price_per_token;
    uint64_t price_subscription_hour;
    uint64_t grant_seconds;
    struct lucid_span resource; /* data NULL: none; likewise the next */
    struct lucid_span description;
    struct lucid_span mime_type;
};

enum gas_price_verb { GAS_PRICE_SET, GAS_PRICE_DELETE };

/* Owns nothing outside itself. */
struct gas_price_command {
    struct ledger_command command;
    struct gas_price price; /* set by prepare; after success: the version set (or known, or ended)
                               as it stands */
    /* Results. */
    bool ret_known; /* GAS_PRICE_SET: the current price is just this, no version was made */
};

/* Checks and makes a command. Refusals: INVALID_PRICE (LUCID_REFUSE_INVALID) with param asset,
 * price_per_call, network, pay_to, compute_payee, model_payee, split_bps, price_per_token,
 * price_subscription_hour, grant_seconds, resource, description or mime_type. The writer adds, for
 * GAS_PRICE_SET when a payee's suspense would be released into an account without room for it,
 * AMOUNT_OVERFLOW (LUCID_REFUSE_TOO_LARGE; param compute_payee or model_payee); for
 * GAS_PRICE_DELETE of an asset that has no price, NOT_FOUND (LUCID_REFUSE_INVALID, param asset). */
enum lucid_error gas_price_set_prepare(struct gas_price_command *command,
                                       const struct gas_price_request *request,
                                       struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error gas_price_delete_prepare(struct gas_price_command *command,
                                          struct lucid_span asset,
                                          struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- queries; all: LUCID_NOTE_ABSENT, LUCID_FATAL_CORRUPT --------------------------------------
 */

/* The price in force. */
enum lucid_error gas_price_current(struct ledger_view *view, struct lucid_span asset,
                                   struct gas_price *ret) LUCID_WARN_UNUSED;
/* That version, in force or not. */
enum lucid_error gas_price_version(struct ledger_view *view, struct lucid_span asset,
                                   uint64_t version, struct gas_price *ret) LUCID_WARN_UNUSED;
/* The price in force of the next asset by name (bytewise) after that one (len 0: of the first). */
enum lucid_error gas_price_next(struct ledger_view *view, struct lucid_span after,
                                struct gas_price *ret) LUCID_WARN_UNUSED;
/* The asset's first version above that one (0: the first), in force or not. */
enum lucid_error gas_price_history_next(struct ledger_view *view, struct lucid_span asset,
                                        uint64_t after_version,
                                        struct gas_price *ret) LUCID_WARN_UNUSED;

/* The same for other kinds' decide, guard, react and conclude: that version, or with version 0 the
 * one in force. */
enum lucid_error gas_price_peek(struct ledger_txn *txn, struct lucid_span asset, uint64_t version,
                                struct gas_price *ret) LUCID_WARN_UNUSED;

#endif

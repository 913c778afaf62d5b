/* The gas key of one network: it broadcasts authorizations as transactions of its own and looks
 * after them until they are mined (docs/decisions/0024-direct-facilitator.md).
 *
 * The key belongs to this process alone. Each transaction has a nonce; nonces are mined one after
 * the other, so one that hangs holds up the rest: it is sent again at a higher fee, and a nonce
 * that was given up is filled by an empty transaction. An authorization is under way in one nonce
 * at a time.
 *
 * Thread: the loop's. */
#ifndef LUCID_X402_WALLET_H
#define LUCID_X402_WALLET_H

#include "x402/facilitator.h"

#define X402_WALLET_ORDERS_MAX   64 /* authorizations under way */
#define X402_WALLET_VERSIONS_MAX 16 /* of one transaction, each at a higher fee */

enum x402_wallet_state {
    X402_WALLET_WAITING, /* nothing has been given to a node: fees are above the cap, or it has just
                            begun */
    X402_WALLET_SENT,    /* `newest` was given to nodes and may be mined */
    X402_WALLET_MINED,   /* `newest` is mined, well or reverted: look at its receipt */
    X402_WALLET_NO_FUNDS, /* it ended: the gas account cannot pay. Nothing is on its way */
    X402_WALLET_REFUSED,  /* it ended: nodes do not take it, text says why. Nothing is on its way */
};

/* Somebody who waits for an authorization. The caller's, zero-initialised; alive until unwatched.
 */
struct x402_wallet_watch {
    void (*news)(struct x402_wallet_watch *watch); /* never from within x402_wallet_send */
    enum x402_wallet_state state;
    struct evm_hash newest;
    char text[96];
    void *impl;
};

/* What the wallet remembers of an authorization: the last few hundred. */
struct x402_wallet_memory {
    enum x402_wallet_state state;
    size_t count; /* of its transactions, newest first */
    struct evm_hash transactions[X402_WALLET_VERSIONS_MAX];
};

struct x402_wallet_options {
    struct lucid_loop *loop;
    struct evm_rpc *rpc;
    const struct x402_network *network; /* borrowed, like the key */
    const struct evm_key *key;
};

struct x402_wallet;

/* LUCID_RETRY_MEMORY. */
enum lucid_error x402_wallet_open(const struct x402_wallet_options *options,
                                  struct x402_wallet **ret) LUCID_WARN_UNUSED;
void x402_wallet_close(struct x402_wallet *wallet); /* NULL is allowed */

/* Broadcasts an authorization, or watches one that is under way. `again`: it may be on its way
 * already by a transaction of an earlier run. watch may be NULL. LUCID_RETRY_BUSY:
 * X402_WALLET_ORDERS_MAX are under way, somebody else watches this one, or `again` and such
 * transactions are still in the nodes' pools. */
enum lucid_error x402_wallet_send(struct x402_wallet *wallet,
                                  const struct evm_authorization *authorization,
                                  const struct evm_signature *signature, bool again,
                                  struct x402_wallet_watch *watch) LUCID_WARN_UNUSED;
/* Ends watching. withdraw: an authorization of which nothing was given to a node, or is just being
 * given, is dropped, and true returned. */
bool x402_wallet_unwatch(struct x402_wallet *wallet, struct x402_wallet_watch *watch,
                         bool withdraw);
/* Looks at once, not when it is time: a reorganisation may have taken what was mined. */
void x402_wallet_wake(struct x402_wallet *wallet);
/* False: it knows nothing of that authorization. */
bool x402_wallet_recall(struct x402_wallet *wallet, const struct evm_address *from,
                        const struct evm_hash *nonce,
                        struct x402_wallet_memory *ret) LUCID_WARN_UNUSED;

/* Whether one more authorization could be sent now; else a text for people. Static storage. */
bool x402_wallet_is_ready(const struct x402_wallet *wallet, const char **ret_text);

const struct evm_address *x402_wallet_address(const struct x402_wallet *wallet);
/* Fills gas_balance_wei_high, sent and replaced. */
void x402_wallet_status(const struct x402_wallet *wallet, struct x402_facilitator_status *ret);

#endif

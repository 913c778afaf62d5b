/* The facilitators that settle for this service, and whose turn it is: `direct`, which asks nodes
 * and has gas keys, and others that are asked over their public API (x402/remote.h). The roster is
 * a facilitator itself: the gate knows only it.
 *
 * OBSERVE and WATCH of an EVM network are always direct's. VERIFY goes through the order of the
 * asset (or the common one) until somebody can say: who is AWAY, does not support the network, or
 * cannot check such a signature is passed over. That one's name goes into the intent, and SETTLE
 * and ASK are its alone: after an intent nobody else is given the payment.
 *
 * The operator's file is JSON: {"facilitators":[{"name":"coinbase" or "payai" (or any name, with
 *   "url"), "auth"?:"none", "cdp" or "payai" (coinbase: cdp; payai: payai with a key, else none;
 *   others: none), "url"?, "key_id"?, "key_secret_file"?, "networks"?:[CAIP-2 …],
 *   "smart_wallets"?:true (of coinbase and payai; others: false), "timeout_ms"?:10000,
 *   "settle_timeout_ms"?:30000, "insecure"?:false (http elsewhere than to loopback)}],
 *   "order"?:["direct","coinbase"] (direct, then the list's), "assets"?:[{"asset":"…",
 *   "order":["payai"]}]}. Unknown members are refused. Without a file the order is ["direct"].
 *
 * Thread: the file is const after it is read; the rest is the loop's, but for what says "any". */
#ifndef LUCID_X402_ROSTER_H
#define LUCID_X402_ROSTER_H

#include "base/loop.h"
#include "base/outgoing.h"
#include "ledger/ed25519.h"
#include "x402/facilitator.h"

#define X402_MEMBERS_MAX           8
#define X402_ROSTER_ASSETS_MAX     64
#define X402_ROSTER_FILE_BYTES_MAX ((size_t)64 * 1024)

enum x402_member_auth {
    X402_AUTH_NONE,
    X402_AUTH_CDP,   /* Coinbase: a JWT for each route */
    X402_AUTH_PAYAI, /* one JWT for all */
};

/* One of the file; `direct` is member 0 of every roster. */
struct x402_member {
    char name[GAS_NAME_BYTES_MAX + 1];
    enum x402_member_auth auth;
    char url[X402_URL_BYTES_MAX + 1]; /* without a slash at its end */
    char key_id[X402_URL_BYTES_MAX + 1];
    char key_secret_file[X402_PATH_BYTES_MAX + 1];
    const struct ledger_ed25519_key *key; /* whoever reads the file's keys sets it; locked memory */
    size_t network_count;                 /* 0: whatever it says it supports */
    char networks[X402_NETWORKS_MAX][X402_CAIP2_BYTES_MAX + 1];
    bool smart_wallets;
    uint32_t timeout_ms;
    uint32_t settle_timeout_ms;
};

struct x402_roster_order {
    char asset[GAS_NAME_BYTES_MAX + 1]; /* "": of all that have none of their own */
    size_t count;
    uint8_t members[X402_MEMBERS_MAX]; /* indexes */
};

struct x402_roster_file {
    size_t member_count; /* direct included */
    struct x402_member members[X402_MEMBERS_MAX];
    size_t order_count; /* the common one is orders[0] */
    struct x402_roster_order orders[1 + X402_ROSTER_ASSETS_MAX];
};

/* The roster without a file. */
void x402_roster_file_init(struct x402_roster_file *ret);
/* LUCID_REFUSE_INVALID, why.param names the member ("facilitators[0].url"); LUCID_REFUSE_TOO_LARGE;
 * LUCID_RETRY_MEMORY. */
enum lucid_error x402_roster_parse(struct lucid_span json, struct x402_roster_file *ret,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;
/* The key in the text of a key_secret_file, by how that member signs. The owner wipes it. */
enum lucid_error x402_member_key_parse(enum x402_member_auth auth, struct lucid_span text,
                                       struct ledger_ed25519_key *ret,
                                       struct lucid_why *why) LUCID_WARN_UNUSED;

/* The asset's order, or the common one. Thread: any. */
const struct x402_roster_order *x402_roster_order_of(const struct x402_roster_file *file,
                                                     struct lucid_span asset);
/* Whether the file lets that member (not direct) have payments on that network. Thread: any. */
bool x402_member_takes(const struct x402_member *member, const struct x402_network *network,
                       bool smart_wallet);
/* Whether direct settles authorizations there: it has a gas key. Thread: any. */
bool x402_direct_settles(const struct x402_network *network);

/* Whether somebody in the asset's order may settle authorizations on that network, as configured:
 * direct with a gas key, or another that names the network or none. smart_wallet: such a one's.
 * Thread: any. */
bool x402_roster_settles(const struct x402_roster_file *file, const struct x402_network *network,
                         struct lucid_span asset, bool smart_wallet);

struct x402_roster_options {
    struct lucid_loop *loop;
    struct lucid_outgoing *outgoing;
    const struct x402_networks *networks; /* borrowed */
    const struct x402_roster_file *file;  /* borrowed */
    struct x402_facilitator *direct;      /* the roster closes it */
    uint32_t settle_ms_max;               /* as x402_direct_options */
};

struct x402_roster;
/* Asks all members for what they support, now and every while. LUCID_RETRY_MEMORY. */
enum lucid_error x402_roster_open(const struct x402_roster_options *options,
                                  struct x402_roster **ret) LUCID_WARN_UNUSED;
/* As the gate's facilitator; closing that closes the roster. */
struct x402_facilitator *x402_roster_base(struct x402_roster *roster);

/* Who pays the fees of a payment on that Solana network, by the first of the asset's order that
 * supports it and answers; if none does, by the first. False: nobody is known just now.
 * Thread: any. */
bool x402_roster_fee_payer(const struct x402_roster *roster, const struct x402_network *network,
                           struct lucid_span asset,
                           uint8_t ret[X402_SOLANA_KEY_BYTES]) LUCID_WARN_UNUSED;

struct x402_member_status {
    bool known;     /* it has said what it supports */
    bool reachable; /* the newest question was answered */
    uint64_t questions, failures, settled, refused, pending;
    uint64_t lies; /* answers that contradict the chain, or the question */
};
/* Thread: any. member < member_count, not 0. */
void x402_roster_member_status(const struct x402_roster *roster, size_t member,
                               struct x402_member_status *ret);

#endif

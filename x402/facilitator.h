/* What a facilitator does for the gate: see that money has moved, move it, and say later what
 * became of it. One table of functions each: `direct` asks nodes itself, others ask a facilitator's
 * public API (x402/remote.h), and the roster chooses among them (x402/roster.h).
 *
 * Thread: the loop's. */
#ifndef LUCID_X402_FACILITATOR_H
#define LUCID_X402_FACILITATOR_H

#include "gas/pricing.h"
#include "x402/network.h"
#include "x402/proof.h"
#include "x402/solana.h"

/* A transfer of our token as the chain shows it. */
struct x402_transfer {
    struct evm_hash transaction;
    uint64_t log_index; /* in the receipt's own `logs` */
    struct evm_address payer;
    uint64_t amount; /* base units; more than 2^63 − 1 is refused */
    uint64_t block;
    struct evm_hash block_hash;
    uint64_t block_time;                            /* Unix seconds */
    uint8_t signature[X402_SOLANA_SIGNATURE_BYTES]; /* solana: of the transaction. Then only that,
                                                       amount and final are set */
    struct evm_address sender;                      /* of the transaction */
    bool has_nonce; /* it was made by an authorization of that nonce */
    struct evm_hash nonce;
    bool final; /* deep enough for final_depth */
};

enum x402_charge_verb {
    X402_CHARGE_OBSERVE, /* a transfer that the client names: receipt, depth, recipient, binding */
    X402_CHARGE_VERIFY,  /* an authorization, before money moves: code, nonce unused, balance,
                            simulation */
    X402_CHARGE_SETTLE,  /* broadcast it and wait for serve_depth */
    X402_CHARGE_ASK,     /* what became of an authorization whose outcome is not known; broadcasts
                            again where that is safe and due */
    X402_CHARGE_WATCH,   /* whether a transfer is still there, and final. In another block than it
                            was: GOOD with what it is now, once that is serve_depth deep */
    X402_CHARGE_TRACE,   /* what became of an authorization that another facilitator was given, by
                            what the chain shows; broadcasts nothing. Answers as ASK. Ours is a
                            transaction that is `told`, or that one of `senders` has sent */
    X402_CHARGE_LOOK,    /* a transfer out, by direct: `transaction` (has_log_index) to pay_to, from
                            one of `senders`, of just amount_min (0: of any amount). GOOD once it is
                            final_depth deep; BAD: the transaction has none that fits */
};

enum x402_charge_outcome {
    X402_CHARGE_GOOD,    /* OBSERVE, SETTLE, ASK: `transfer`; VERIFY: go on; WATCH: still there */
    X402_CHARGE_BAD,     /* for certain no money has moved by this: reason, text */
    X402_CHARGE_PENDING, /* not known yet, or not deep enough: ask again. has_transaction says if
                            something is on its way */
    X402_CHARGE_STRAY,   /* settled, but not by a transaction of ours: `transfer`. VERIFY too */
    X402_CHARGE_LOST,    /* WATCH: a reorganisation took it (seen twice) */
    X402_CHARGE_AWAY,    /* nodes cannot be asked or contradict each other; nothing was begun */
};

/* Clocks of chains may be behind ours: a transfer's block may be so much older than the challenge.
 * Its end is judged strictly. */
#define X402_CHARGE_SKEW_SECONDS 15

/* One thing asked. The caller's, zero-initialised; alive until done. */
struct x402_charge {
    enum x402_charge_verb verb;
    const struct x402_network *network;
    /* In. OBSERVE */
    struct evm_hash transaction;
    struct evm_hash
        bound_nonce; /* Keccak-256 of the challenge: else the transfer must have this nonce */
    struct evm_address pay_to;
    struct evm_address payer;
    bool signed_by_payer; /* `payer` must be the transfer's */
    bool unbound_ok;      /* x402_accept_unbound_proofs */
    bool has_log_index;
    uint64_t log_index;
    uint64_t amount_min;      /* less: BAD, nothing is consumed */
    uint64_t issued_ms;       /* of the challenge: the block must not be older */
    uint64_t expires_ms;      /* the block must not be younger */
    uint64_t age_seconds_max; /* of the block, at now */
    const char *asset; /* VERIFY: what is paid for: whose turn it is may depend on it. NULL: none */
    /* Of VERIFY, SETTLE, ASK: what other facilitators are sent (x402_forward_write), borrowed.
     * data NULL: only `direct` can be asked. */
    struct lucid_span forward;
    /* Who it is that settles, by name. VERIFY: out, of GOOD. SETTLE, ASK, WATCH: in. */
    char facilitator[GAS_NAME_BYTES_MAX + 1];
    struct x402_solana_payment solana; /* VERIFY, SETTLE, ASK on a Solana network: in */
    /* ASK, of what is settled elsewhere: the transaction that its facilitator told of before.
     * TRACE, and VERIFY of what is settled elsewhere: with `senders` */
    bool has_told;
    bool elsewhere; /* VERIFY, of direct: another settles it, so that no gas key is needed. Ours is
                       then, of one that is `intended`, what one of `senders` has sent */
    struct evm_hash told;
    const struct evm_address *senders; /* borrowed */
    size_t sender_count;
    /* VERIFY, SETTLE, ASK, TRACE */
    struct evm_authorization authorization;
    struct evm_address
        intended_sender; /* SETTLE, ASK: the intent's. VERIFY: out, our gas address */
    struct evm_signature signature;
    bool smart_wallet;   /* VERIFY, SETTLE: the signature is not of 65 bytes: BAD of those who
                            cannot check such a one */
    bool intended;       /* VERIFY: the log has an intent of it that failed. What a transaction of
                            ours has moved all the same (a reorganisation gave it another end)
                            is GOOD then, with has_transaction and `transfer` */
    uint64_t reserved;   /* VERIFY: what other payments under way take from the same payer */
    uint64_t from_block; /* SETTLE, ASK: the chain's height when the intent was made. VERIFY: out */
    /* WATCH: in `transfer`; pay_to too, unless it is all zero */

    void (*done)(struct x402_charge *charge); /* once; never from within the asking */
    void *owner;

    /* Out */
    enum x402_charge_outcome outcome;
    const char *reason; /* not of GOOD: as clients know it; static storage */
    char text[160];
    bool bound;  /* OBSERVE: by signature or nonce */
    bool unused; /* TRACE, PENDING: the authorization is unused, and its end is not near: the same
                    payment may be asked for again */
    bool has_transaction;
    bool has_fee;
    struct evm_hash sent; /* SETTLE, ASK: the newest transaction of ours */
    struct x402_transfer transfer;
    /* SETTLE, ASK, of direct, with has_fee: what the transaction that the outcome goes by has cost
     * our gas key. Not known of one that is not ours. */
    uint64_t fee_wei;
    void *impl;
};

struct x402_facilitator_status {
    bool reachable;                /* the newest question was answered */
    uint64_t block;                /* the newest height seen */
    uint64_t gas_balance_wei_high; /* UINT64_MAX when it is more */
    uint64_t sent;
    uint64_t replaced;  /* stuck transactions sent again at a higher fee */
    uint64_t questions; /* to the network's nodes */
    uint64_t failures;  /* of a node: no answer, or none that can be one */
    uint64_t contradictions;
};

struct x402_facilitator;

struct x402_facilitator_ops {
    const char *name; /* "direct": also of its clearing account */
    void (*ask)(struct x402_facilitator *facilitator, struct x402_charge *charge);
    void (*cancel)(struct x402_facilitator *facilitator, struct x402_charge *charge);
    void (*status)(const struct x402_facilitator *facilitator, const struct x402_network *network,
                   struct x402_facilitator_status *ret);
    void (*close)(struct x402_facilitator *facilitator);
};

struct x402_facilitator {
    const struct x402_facilitator_ops *ops;
};

static inline void x402_charge_ask(struct x402_facilitator *facilitator, struct x402_charge *charge)
{
    facilitator->ops->ask(facilitator, charge);
}

/* The reason of an outcome for which the verb gave none; NULL of GOOD. */
const char *x402_charge_reason(const struct x402_charge *charge);

/* The name of the one that asks nodes itself. */
#define X402_DIRECT "direct"

struct x402_direct_options {
    struct lucid_loop *loop;
    struct lucid_outgoing *outgoing;
    const struct x402_networks *networks;              /* borrowed */
    const struct evm_key *gas_keys[X402_NETWORKS_MAX]; /* by network; NULL: none */
    uint32_t settle_ms_max; /* after it a settlement is PENDING; it goes on being looked after */
};

/* The separator of each token's domain is compared with ours before the first VERIFY and now and
 * then: while it differs, VERIFY is AWAY. Decision 0024. LUCID_RETRY_MEMORY. */
enum lucid_error x402_direct_open(const struct x402_direct_options *options,
                                  struct x402_facilitator **ret) LUCID_WARN_UNUSED;
void x402_facilitator_close(struct x402_facilitator *facilitator); /* NULL is allowed */

#endif

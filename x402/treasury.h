/* The treasury: sends what the log has ordered it to send, by a key of its own on each network, as
 * EIP-1559 transactions of the token (docs/decisions/0032-treasury.md).
 *
 * The log is the owner of its nonces (x402/outflow.h): an order with its nonce is committed before
 * anything is broadcast, and only what is final is recorded. So it may be killed at any step: what
 * the log has as ordered is looked for on the chain, and sent again with the same nonce if it is
 * not there. Lines of approved payout runs (x402/treasury_run.h) are started and ordered by itself,
 * within the balance and the day's budget; a refund is ordered when it is asked for.
 *
 * Thread: the loop's. */
#ifndef LUCID_X402_TREASURY_H
#define LUCID_X402_TREASURY_H

#include "x402/desk.h"
#include "x402/evm/sign.h"
#include "x402/outflow.h"

#define X402_TREASURY_WINDOW       8  /* transfers of a network under way at once */
#define X402_TREASURY_VERSIONS_MAX 16 /* of one transaction, each at a higher fee */
#define X402_TREASURY_REFUNDS_MAX  16 /* waiting to be ordered, of a network */

struct x402_treasury_options {
    struct lucid_loop *loop;
    struct lucid_outgoing *outgoing;
    struct ledger *ledger;
    const struct x402_networks *networks;          /* borrowed, like the keys */
    const struct evm_key *keys[X402_NETWORKS_MAX]; /* by network; NULL: none */
    /* As in struct x402_gate_options. */
    enum lucid_error (*submit)(void *context, struct ledger_command *command,
                               x402_written_fn *written, void *owner);
    void *context;
    /* Tests: called at "treasury_started", "treasury_ordered", "treasury_sent", "treasury_mined"
     * and "treasury_recorded". NULL: nobody is. */
    void (*at)(void *context, const char *state);
};

/* LUCID_RETRY_MEMORY, LUCID_RETRY_BUSY. */
enum lucid_error x402_treasury_open(const struct x402_treasury_options *options,
                                    struct x402_treasury **ret) LUCID_WARN_UNUSED;
void x402_treasury_close(struct x402_treasury *treasury); /* NULL is allowed */
/* Begins nothing new. NULL is allowed, also for the next. */
void x402_treasury_stop(struct x402_treasury *treasury);
/* Nothing is with the writer, and no question is under way. */
bool x402_treasury_is_idle(const struct x402_treasury *treasury);

/* A refund that is to be sent. The caller's, zero-initialised; alive until done. */
struct x402_treasury_refund {
    struct x402_outflow outflow; /* payment, external_id, note, network, token, to, amount */
    void (*done)(struct x402_treasury_refund *refund); /* once; never from within the asking */
    void *owner;
    /* Out. LUCID_OK: it is ordered, or was before (ret_known): outflow as it stands. Else what the
     * outflow kind refuses; or LUCID_RETRY_BUSY with TREASURY_UNAVAILABLE: no key there, no
     * balance, no gas, the day's budget, nodes away (text says which), and nothing was begun. */
    enum lucid_error error;
    struct lucid_why why;
    bool ret_known;
    struct x402_treasury_refund *next; /* the treasury's own, like the next */
    struct lucid_timer timer;
};
void x402_treasury_refund(struct x402_treasury *treasury, struct x402_treasury_refund *refund);

struct x402_treasury_status {
    bool reachable;
    uint64_t token_balance; /* UINT64_MAX when it is more, like the next */
    uint64_t gas_balance_wei;
    uint64_t orders_open;
    uint64_t oldest_ms; /* age of the oldest of them; 0: none */
    uint64_t sent;      /* since the start, like the next three */
    uint64_t replaced;
    uint64_t recorded;
    uint64_t failed;
    uint64_t budget_left; /* of this UTC day, base units */
    bool stuck;           /* an order is older than it should be, or a line cannot be
                             ordered */
    char waiting[96];     /* why nothing is ordered though something is due; "": nothing */
};
/* False: no treasury there. */
bool x402_treasury_status(const struct x402_treasury *treasury, const struct x402_network *network,
                          struct x402_treasury_status *ret);

#endif

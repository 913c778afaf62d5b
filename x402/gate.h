/* The gate: one paid request from its header to "admitted", exactly once, whatever fails in between
 * (CONTRACT 4). An explicit state table:
 *
 *   PARSED → MATCHED → BOUND     on the request's own loop: x402/proof.h, x402/offer.h
 *   BOUND → CLAIMED              spent store: authorizations before anything else, transfers after
 *                                OBSERVED (else strangers could lock a victim's transaction)
 *   CLAIMED → VERIFIED → INTENT → SETTLED → RECORDED      an authorization, also one of Solana's
 *   VERIFIED → CLAIMED → INTENT → SETTLED → RECORDED      that of a smart wallet, whose signature
 *                                only a facilitator can check: an unchecked one must not lock a
 *                                payer's nonce
 *   OBSERVED → CLAIMED → RECORDED                         a transfer
 *   a payment that the log has already → SERVED (again, or for the first time), PENDING or SPENT
 *
 * Every state before INTENT may go to REFUSED, which releases the claim; after INTENT only to
 * RECORDED, FAILED (no money has moved for certain) or PENDING, which the keeper goes on with
 * (x402/keeper.h).
 *
 * Thread: the cashier's loop (lucidd/cashier.h), which owns spent store, facilitator and gates; the
 * log is read through a view of its own. */
#ifndef LUCID_X402_GATE_H
#define LUCID_X402_GATE_H

#include "x402/offer.h"
#include "x402/payment.h"

enum x402_gate_outcome {
    X402_ADMITTED,    /* paid, recorded, and `paid` is done (or a read may be answered) */
    X402_NOT_PAID,    /* 402: reason, text; nothing was consumed */
    X402_SPENT,       /* 409 PAYMENT_ALREADY_SPENT: for another request; with the reason
                         payment_identifier_conflict 409 PAYMENT_IDENTIFIER_CONFLICT: the identifier
                         is another payment's, and nothing was consumed */
    X402_OUTSTANDING, /* 503 PAYMENT_PENDING: the outcome is not known yet, or somebody deals with
                         it */
    X402_UNAVAILABLE, /* 503 PAYMENT_UNAVAILABLE: store or facilitator away; nothing was consumed */
    X402_UNSERVED,    /* the payment is recorded, but `paid` was refused: paid->error, paid->why */
    X402_BROKEN,      /* the ledger did not take it: error, why */
};

/* One paid request. The caller's; alive until done. */
struct x402_gate_job {
    /* In */
    const struct x402_network *network;
    struct x402_proof proof; /* its spans must live until done; on Solana with pay_to filled in */
    struct x402_match match; /* X402_FITS */
    struct x402_request_kept request;
    char asset[GAS_NAME_BYTES_MAX + 1];
    struct evm_address pay_to; /* on Solana: zero */
    /* What another facilitator is sent (x402_forward_write), alive until done. data NULL, or more
     * than X402_FORWARD_BYTES_MAX: only `direct` can settle it. */
    struct lucid_span forward;
    bool smart_wallet_ok; /* somebody can check a smart wallet's (x402_roster_settles) */
    uint64_t price;
    uint64_t price_version;
    /* A write to be committed with the payment, with its parts; NULL: a read. */
    struct ledger_command *paid;
    void (*done)(struct x402_gate_job *job); /* once, on the cashier's loop */

    /* Out */
    enum x402_gate_outcome outcome;
    const char *reason; /* "settlement_pending" …; static storage */
    char text[160];
    enum lucid_error error;
    struct lucid_why why;
    bool has_payment;
    struct x402_payment payment; /* as recorded; PENDING: id at least */
    bool replayed;               /* it was paid and served before */

    void *impl;
};

/* The code of the 409 of X402_SPENT. */
const char *x402_gate_spent_code(const struct x402_gate_job *job);

#define X402_WAIT_MS_DEFAULT 5000

typedef void x402_written_fn(void *owner, struct ledger_command *command);

struct x402_gate_options {
    struct lucid_loop *loop;
    struct ledger *ledger;
    const struct x402_networks *networks;
    struct x402_facilitator *facilitator;
    struct x402_spent *spent;
    /* Hands a command (with its parts) to the writer; written is called on this loop when it is
     * done. LUCID_RETRY_BUSY, LUCID_RETRY_FULL, LUCID_FATAL_STORE: not taken. */
    enum lucid_error (*submit)(void *context, struct ledger_command *command,
                               x402_written_fn *written, void *owner);
    void *context;
    uint64_t proof_age_seconds_max; /* a transfer may be shown so long after its block */
    bool accept_unbound_proofs;
    bool pay_to_exclusive;
    uint32_t reconcile_ms;  /* how often the keeper asks after an open payment */
    uint32_t watch_seconds; /* how long a reversed payment is looked for */
    /* How long a job waits for somebody else's outcome of the same payment before it is
     * OUTSTANDING; 0: X402_WAIT_MS_DEFAULT. */
    uint32_t wait_ms_max;
    /* Tests: called at "claimed", "intent", "settled", "recorded"; NULL. */
    void (*at)(void *context, const char *state);
};

struct x402_gate;

/* Begins to reconcile what the log has open. LUCID_RETRY_MEMORY. */
enum lucid_error x402_gate_open(const struct x402_gate_options *options,
                                struct x402_gate **ret) LUCID_WARN_UNUSED;
void x402_gate_enter(struct x402_gate *gate, struct x402_gate_job *job);

/* A payment on Solana may have no end that anybody can tell us: its facilitator is gone, or was
 * given it once too often. Then an admin looks at the chain and says it. */
struct x402_resolution {
    /* In; alive until done. */
    uint8_t id[X402_PAYMENT_ID_BYTES];
    bool settled;
    uint8_t signature[X402_SOLANA_SIGNATURE_BYTES]; /* settled: the transaction's id */
    char reason[X402_REASON_BYTES_MAX + 1];         /* else: a text as in payment.failed */
    /* Once, on the gate's loop, also from within the asking; not after x402_gate_close. */
    void (*done)(struct x402_resolution *resolution);
    void *owner;
    /* Out */
    enum lucid_error error;
    struct lucid_why why;
    bool ret_known; /* it has ended like this already */
};

/* So long after its intent a payment on Solana that has not landed never will. */
#define X402_RESOLVE_AFTER_MS ((uint64_t)10 * 60 * 1000)

/* Ends a pending payment on Solana: settled (unserved; its claim is promoted) if the signature is
 * that of the payment's fee payer over its message, or failed (its claim is released) when its
 * intent is old enough. Refusals: NOT_FOUND, INVALID_PAYMENT (LUCID_REFUSE_INVALID); PAYMENT_STATE
 * (LUCID_REFUSE_CONFLICT): of another chain, which decides itself, ended otherwise, or too early;
 * PAYMENT_PENDING (LUCID_RETRY_BUSY): a job deals with it just now, or it could not be written. */
void x402_gate_resolve(struct x402_gate *gate, struct x402_resolution *resolution);

/* No more jobs are taken. Done is true when none is under way. */
void x402_gate_stop(struct x402_gate *gate);
bool x402_gate_is_idle(const struct x402_gate *gate);
void x402_gate_close(struct x402_gate *gate); /* NULL is allowed */

/* The spent store's view of the log, for x402_spent_*_open: reads through a view of its own. */
struct x402_log_reader;
enum lucid_error x402_log_reader_open(struct ledger *ledger, struct x402_log_reader **ret,
                                      struct x402_spent_log *ret_log) LUCID_WARN_UNUSED;
void x402_log_reader_close(struct x402_log_reader *reader);

struct x402_gate_counters {
    uint64_t admitted, not_paid, spent, outstanding, unavailable, unserved, broken;
    uint64_t intents, settled, failed, stray, reversed; /* events made */
    uint64_t open;                                      /* payments that the keeper looks after */
};
/* Thread: any. */
void x402_gate_counters_read(const struct x402_gate *gate, struct x402_gate_counters *ret);

#endif

/* Settling for others: other x402 servers use this service as their facilitator (CONTRACT 4,
 * "facilitator API"). What they send is matched (x402/facilitation_match.h), and what fits is
 * broadcast by our gas keys. No money of ours moves but gas, which is budgeted by client and day,
 * and no revenue is posted. Events (docs/FORMAT.md):
 *
 *   facilitation.begun   committed before anything is broadcast: who pays whom for which client,
 * and how much gas money is set aside of that client's day facilitation.ended   settled (by which
 * transaction) or failed (for certain no money has moved); what of the gas was spent
 *
 * Id and key of one are those that a payment of that authorization would have (x402/payment.h), so
 * that the same authorization cannot be used here and at our own gate: each kind refuses what the
 * other has, and both share the spent store. A facilitation that failed uses nothing up.
 *
 * Preparing: any thread. Writing: the writer's thread. Queries: any thread, within a view. The
 * driver (struct x402_facilitation): the cashier's. */
#ifndef LUCID_X402_FACILITATION_H
#define LUCID_X402_FACILITATION_H

#include "x402/clients.h"
#include "x402/desk.h"
#include "x402/payment.h"

extern const struct ledger_kind x402_facilitation_kind;

#define X402_DAY_MS ((uint64_t)86400000)

enum x402_facilitated_status {
    X402_FACILITATION_OPEN = 1,
    X402_FACILITATION_SETTLED = 2,
    X402_FACILITATION_FAILED = 3,
};
const char *x402_facilitated_status_name(enum x402_facilitated_status status); /* "open" … */
bool x402_facilitated_status_parse(struct lucid_span name,
                                   enum x402_facilitated_status *ret) LUCID_WARN_UNUSED;

/* One authorization that was taken for a client. */
struct x402_facilitated {
    uint8_t id[X402_PAYMENT_ID_BYTES];
    enum x402_facilitated_status status;
    /* Of the newest facilitation.begun. */
    char client[X402_CLIENT_NAME_BYTES_MAX + 1];
    char network[X402_CAIP2_BYTES_MAX + 1];
    struct evm_address token;
    struct evm_authorization authorization; /* payer, recipient, amount */
    uint64_t amount;                        /* base units: authorization.value */
    struct evm_signature signature;
    struct evm_address sender; /* our gas address */
    uint64_t from_block;
    uint64_t day;         /* UTC days since 1970, of the log's time */
    uint64_t reserve_wei; /* gas_limit × max_fee of the network */
    unsigned version;     /* of the public API: 1 or 2 */
    /* Of facilitation.ended; SETTLED: transaction, log_index, block. */
    struct evm_hash transaction;
    uint64_t log_index;
    uint64_t block;
    bool ours;         /* SETTLED: by a transaction of ours; else somebody was faster with it */
    uint64_t gas_wei;  /* that counts against the day */
    bool gas_measured; /* from the receipt of our transaction; else: what was set aside */
    char reason[X402_REASON_BYTES_MAX + 1]; /* FAILED */
    /* Of the log. */
    uint64_t first_sequence; /* of its first event: its place in lists */
    uint64_t begun_sequence;
    uint64_t begun_ms;
    uint64_t ended_sequence; /* 0: open */
    uint64_t ended_ms;
};

enum x402_facilitation_verb { X402_FACILITATION_BEGIN, X402_FACILITATION_END };

/* In. BEGIN: facilitated: client, network, token, authorization, signature, sender, from_block,
 * reserve_wei, version; day_max_wei. (Id, amount and day follow.) END: facilitated: id, status
 * (SETTLED or FAILED) and what goes with it, gas_wei, gas_measured. Out: facilitated as it stands.
 *
 * The writer refuses, without a trace:
 *   PAYMENT_ALREADY_SPENT  LUCID_REFUSE_CONFLICT: a key is another's: of our own gate, of a payment
 *                          that was recorded, or of a facilitation that is settled
 *   PAYMENT_PENDING        LUCID_RETRY_BUSY: BEGIN of one that is open
 *   FACILITATION_BUDGET    LUCID_REFUSE_CONFLICT: BEGIN beyond day_max_wei of the client's day
 *   FACILITATION_PAY_TO    LUCID_REFUSE_CONFLICT: BEGIN to an address that a price of ours names
 *                          or has named, or to `sender`
 *   INVALID_FACILITATION   LUCID_REFUSE_INVALID: amounts or numbers that the log cannot hold
 *   NOT_FOUND              LUCID_REFUSE_INVALID: END of none
 * An END of one that has ended is no event (ret_known): the first one stands. */
struct x402_facilitation_command {
    struct ledger_command command;
    struct x402_facilitated facilitated;
    uint64_t day_max_wei;
    bool ret_known;
};
void x402_facilitation_prepare(struct x402_facilitation_command *command,
                               enum x402_facilitation_verb verb);

/* --- queries: LUCID_NOTE_ABSENT, LUCID_FATAL_CORRUPT ------------------------------------------ */

enum lucid_error x402_facilitated_read(struct ledger_view *view,
                                       const uint8_t id[X402_PAYMENT_ID_BYTES],
                                       struct x402_facilitated *ret) LUCID_WARN_UNUSED;
/* By a spent key, of the authorization or of its transfer; never one that failed. */
enum lucid_error x402_facilitated_find(struct ledger_view *view, struct lucid_span key,
                                       struct x402_facilitated *ret) LUCID_WARN_UNUSED;
/* The next by first_sequence after that sequence; of all (0) or in that status. */
enum lucid_error x402_facilitated_next(struct ledger_view *view, uint64_t after_sequence,
                                       unsigned status,
                                       struct x402_facilitated *ret) LUCID_WARN_UNUSED;
/* The next occupied key after that one (len 0: the first), and whose it is. */
enum lucid_error x402_facilitated_key_next(struct ledger_view *view, struct lucid_span after,
                                           struct x402_spent_key *ret,
                                           struct x402_facilitated *ret_of) LUCID_WARN_UNUSED;
/* Whether a price of ours has ever named that recipient. */
enum lucid_error x402_facilitation_ours(struct ledger_view *view, const struct evm_address *pay_to,
                                        bool *ret) LUCID_WARN_UNUSED;

/* What a client has used of a day. */
struct x402_facilitation_day {
    uint64_t reserved_wei; /* of those that are open */
    uint64_t spent_wei;
    uint64_t begun;
    uint64_t settled;
    uint64_t failed;
};
/* A day without any: zeros. */
enum lucid_error x402_facilitation_day_read(struct ledger_view *view, const char *client,
                                            uint64_t day,
                                            struct x402_facilitation_day *ret) LUCID_WARN_UNUSED;

/* --- the driver ------------------------------------------------------------------------------- */

enum x402_facilitation_asked { X402_FACILITATION_VERIFY, X402_FACILITATION_SETTLE };

enum x402_facilitation_outcome {
    X402_FACILITATION_GOOD,   /* valid; settled: transaction */
    X402_FACILITATION_BAD,    /* invalid, or failed: reason, text */
    X402_FACILITATION_LATER,  /* SETTLE: "settlement_pending"; has_transaction */
    X402_FACILITATION_BROKEN, /* cannot be told now: nodes, store or log are away; nothing is begun
                                 by this */
};

/* One thing asked. The caller's, zero-initialised; alive until done. */
struct x402_facilitation_job {
    /* In */
    enum x402_facilitation_asked asked;
    const struct x402_client *client; /* alive as long as the driver */
    const struct x402_network *network;
    struct evm_authorization authorization; /* matched, its signature checked */
    struct evm_signature signature;
    unsigned version;
    void (*done)(struct x402_facilitation_job *job); /* once, on the driver's loop */
    void *owner;
    /* Out */
    enum x402_facilitation_outcome outcome;
    const char *reason; /* not of GOOD; as clients know it; static storage */
    char text[160];
    bool has_transaction;
    struct evm_hash transaction;
    struct x402_facilitation_job *next; /* the driver's, as is the next */
    struct x402_facilitation *facilitation;
};

struct x402_facilitation_options {
    const struct x402_desk *desk; /* loop, ledger, networks, direct, spent, submit; borrowed */
    uint32_t reconcile_ms;        /* how often an open one is asked after */
    struct evm_address gas[X402_NETWORKS_MAX]; /* our gas addresses by network; zeros: none */
    /* Tests: called at "facilitation-claimed", "facilitation-begun", "facilitation-settled" and
     * "facilitation-ended"; NULL. */
    void (*at)(void *context, const char *state);
};

/* Begins to reconcile what the log has open. LUCID_RETRY_MEMORY. */
enum lucid_error x402_facilitation_open(const struct x402_facilitation_options *options,
                                        struct x402_facilitation **ret) LUCID_WARN_UNUSED;
void x402_facilitation_enter(struct x402_facilitation *facilitation,
                             struct x402_facilitation_job *job);
/* Nothing new is begun; what settles is left to the next start. */
void x402_facilitation_stop(struct x402_facilitation *facilitation);
bool x402_facilitation_is_idle(const struct x402_facilitation *facilitation);
void x402_facilitation_close(struct x402_facilitation *facilitation); /* NULL is allowed */

struct x402_facilitation_counters {
    uint64_t verified[2]; /* bad, good */
    uint64_t begun, settled, failed, refused;
    uint64_t gas_wei; /* of those that ended since the start */
    uint64_t open;
};
/* Thread: any. */
void x402_facilitation_counters_read(const struct x402_facilitation *facilitation,
                                     struct x402_facilitation_counters *ret);

#endif

/* Where payees are paid: one address per payee and network, set by an admin. The treasury pays to
 * it (x402/treasury_run.h), and a payout that is recorded with a transaction must have gone to it.
 * Events payee.address_set and payee.address_removed (docs/FORMAT.md).
 *
 * Preparing: any thread. Writing: the writer's thread. Queries: any thread, within a view. */
#ifndef LUCID_X402_PAYEE_H
#define LUCID_X402_PAYEE_H

#include "gas/pricing.h"
#include "x402/network.h"

extern const struct ledger_kind x402_payee_kind;

struct x402_payee_address {
    char payee[GAS_NAME_BYTES_MAX + 1];
    char network[X402_CAIP2_BYTES_MAX + 1]; /* of an EVM network: "eip155:…" */
    struct evm_address address;
    uint64_t sequence; /* of its payee.address_set */
    uint64_t time_ms;
};

enum x402_payee_verb { X402_PAYEE_SET, X402_PAYEE_REMOVE };

/* Owns nothing outside itself. */
struct x402_payee_command {
    struct ledger_command command;
    struct x402_payee_address address; /* after success: as it stands, or (REMOVE) stood */
    bool ret_known;                    /* SET: it is just this already, nothing was logged */
    bool ret_replaced;                 /* SET: the payee had another address there */
    const struct ledger_draft *draft;  /* the kind's own */
};

/* Checks and makes a command. Refusals: INVALID_PAYEE (LUCID_REFUSE_INVALID), param payee, network
 * (not an EVM network of the operator's file) or address (no address; a mixed case that is not
 * EIP-55's; x402_payee_address_ours). The writer adds, for REMOVE: NOT_FOUND
 * (LUCID_REFUSE_INVALID). networks NULL: none. */
enum lucid_error x402_payee_set_prepare(struct x402_payee_command *command,
                                        struct ledger_view *view,
                                        const struct x402_networks *networks,
                                        struct lucid_span payee, struct lucid_span network,
                                        struct lucid_span address,
                                        struct lucid_why *why) LUCID_WARN_UNUSED;
enum lucid_error x402_payee_remove_prepare(struct x402_payee_command *command,
                                           struct lucid_span payee, struct lucid_span network,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;

/* Whether money must never be paid out to that address there: it is zero, the token, the treasury,
 * the gas key's, or a pay_to of a price in force. *ret says which ("the zero address" …; static
 * storage), NULL: none of them. LUCID_FATAL_CORRUPT. */
enum lucid_error x402_payee_address_ours(struct ledger_view *view,
                                         const struct x402_network *network,
                                         const struct evm_address *address,
                                         const char **ret) LUCID_WARN_UNUSED;

/* An address as people write it: "0x" and 40 hex digits; of mixed case only as EIP-55 has it. */
bool x402_payee_address_parse(struct lucid_span text, struct evm_address *ret) LUCID_WARN_UNUSED;

/* --- queries; all: LUCID_NOTE_ABSENT, LUCID_FATAL_CORRUPT --------------------------------------
 */

enum lucid_error x402_payee_read(struct ledger_view *view, struct lucid_span payee,
                                 struct lucid_span network,
                                 struct x402_payee_address *ret) LUCID_WARN_UNUSED;
/* The next after (payee, network), both bytewise; payee len 0: the first of all, network len 0: the
 * first of that payee or of a later one. */
enum lucid_error x402_payee_next(struct ledger_view *view, struct lucid_span payee,
                                 struct lucid_span network,
                                 struct x402_payee_address *ret) LUCID_WARN_UNUSED;
/* As read, for other kinds' decide, guard, react and conclude. */
enum lucid_error x402_payee_peek(struct ledger_txn *txn, struct lucid_span payee,
                                 struct lucid_span network,
                                 struct x402_payee_address *ret) LUCID_WARN_UNUSED;

#endif

/* Which Transfer of a receipt is meant, and whether it is what is wanted.
 *
 * Thread: pure functions. */
#ifndef LUCID_X402_DIRECT_PICK_H
#define LUCID_X402_DIRECT_PICK_H

#include "x402/facilitator.h"

/* What a Transfer must be. The token's address always counts; the rest where it is asked for. */
struct direct_wanted {
    struct evm_address token;
    bool has_log_index; /* else the first that fits */
    uint64_t log_index;
    bool has_recipient;
    struct evm_address recipient;
    uint64_t amount_min;
    uint64_t amount_max; /* 0: any */
    bool has_payer;
    struct evm_address payer;
    bool has_nonce; /* AuthorizationUsed(payer, nonce) of the token stands directly before it */
    struct evm_hash nonce;
};

struct direct_refusal {
    const char *reason; /* as clients know it; NULL: nothing is refused */
    const char *text;   /* a sentence */
};

/* The transfer's own members of *ret (log_index, payer, amount, has_nonce, nonce) on true; else
 * *ret_refusal says why of the one that came nearest. Transfers are never added up. */
bool direct_pick(const struct evm_receipt *receipt, const struct direct_wanted *wanted,
                 struct x402_transfer *ret, struct direct_refusal *ret_refusal) LUCID_WARN_UNUSED;

/* What a receipt says of an authorization, wherever in it: "no money has moved" wants more than
 * that no log is where it is expected. */
struct direct_traces {
    bool used;      /* AuthorizationUsed */
    bool cancelled; /* AuthorizationCanceled */
    bool moved;     /* a transfer of amount_min from the payer to the recipient */
};
struct direct_traces direct_trace(const struct evm_receipt *receipt,
                                  const struct direct_wanted *wanted);

#endif

/* The contract ABI as far as an ERC-20 token with EIP-3009 needs it: call data, events, results and
 * the reason of a revert (Solidity's contract ABI specification). Everything is read strictly:
 * exact lengths, zero padding; what comes from nodes is not trusted.
 *
 * Thread: pure functions. */
#ifndef LUCID_X402_EVM_ABI_H
#define LUCID_X402_EVM_ABI_H

#include "x402/evm/eip712.h"
#include "x402/evm/sign.h"

#define EVM_WORD_BYTES     32
#define EVM_CALLDATA_WORDS 9 /* of the longest call here */
#define EVM_CALLDATA_BYTES (4 + EVM_CALLDATA_WORDS * EVM_WORD_BYTES)
#define EVM_REASON_BYTES   128 /* of a revert's reason with its NUL */

/* Selector and arguments of a call. */
struct evm_calldata {
    uint8_t bytes[EVM_CALLDATA_BYTES];
    size_t len;
};

static inline struct lucid_span evm_calldata_span(const struct evm_calldata *calldata)
{
    return lucid_span(calldata->bytes, calldata->len);
}

/* transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32):
 * selector e3ee160e, the form that every EIP-3009 token has. */
void evm_call_transfer_with_authorization(const struct evm_authorization *authorization,
                                          const struct evm_signature *signature,
                                          struct evm_calldata *ret);
/* authorizationState(address,bytes32) → bool: used or cancelled. e94a0102 */
void evm_call_authorization_state(const struct evm_address *authorizer,
                                  const struct evm_hash *nonce, struct evm_calldata *ret);
/* balanceOf(address) → uint256. 70a08231 */
void evm_call_balance_of(const struct evm_address *account, struct evm_calldata *ret);
/* DOMAIN_SEPARATOR() → bytes32. 3644e515 */
void evm_call_domain_separator(struct evm_calldata *ret);
/* transfer(address,uint256) → bool. a9059cbb */
void evm_call_transfer(const struct evm_address *to, const struct evm_u256 *value,
                       struct evm_calldata *ret);

/* topics[0] of the events. */
extern const struct evm_hash evm_topic_transfer; /* Transfer(address,address,uint256) */
extern const struct evm_hash
    evm_topic_authorization_used; /* AuthorizationUsed(address,bytes32), directly before the
                                     Transfer that it makes */
extern const struct evm_hash evm_topic_authorization_canceled; /* …Canceled(address,bytes32) */

/* The word of an indexed address: what eth_getLogs is asked with. */
struct evm_hash evm_address_topic(const struct evm_address *address);

struct evm_transfer_event {
    struct evm_address from;
    struct evm_address to;
    struct evm_u256 value;
};

struct evm_authorization_event {
    struct evm_address authorizer;
    struct evm_hash nonce;
};

/* Whether a log is that event, exactly: 3 topics, addresses with twelve leading zero bytes, data of
 * 32 bytes (Transfer) or none (AuthorizationUsed). Which contract sent it is the caller's to
 * compare. */
bool evm_transfer_decode(const struct evm_hash *topics, size_t topic_count, struct lucid_span data,
                         struct evm_transfer_event *ret) LUCID_WARN_UNUSED;
bool evm_authorization_used_decode(const struct evm_hash *topics, size_t topic_count,
                                   struct lucid_span data,
                                   struct evm_authorization_event *ret) LUCID_WARN_UNUSED;

/* What a call returned: exactly one word; of a bool 0 or 1. */
bool evm_result_u256(struct lucid_span data, struct evm_u256 *ret) LUCID_WARN_UNUSED;
bool evm_result_hash(struct lucid_span data, struct evm_hash *ret) LUCID_WARN_UNUSED;
bool evm_result_bool(struct lucid_span data, bool *ret) LUCID_WARN_UNUSED;

/* The text of Error(string) (08c379a0), or "panic 0x11" of Panic(uint256) (4e487b71): for people.
 * Cut to fit; what is not printable ASCII becomes '?'. False (ret untouched) when data is neither
 * form, as of custom errors. */
bool evm_revert_reason(struct lucid_span data, char ret[EVM_REASON_BYTES]) LUCID_WARN_UNUSED;

#endif

#include "x402/direct_pick.h"

#include "x402/evm/abi.h"

/* How near a log came. */
enum step {
    STEP_EVENT,
    STEP_RECIPIENT,
    STEP_AMOUNT,
    STEP_PAYER,
    STEP_NONCE,
    STEP_FITS,
};

static const struct direct_refusal refusals[] = {
    [STEP_EVENT] = {"invalid_exact_evm_transfer_event_mismatch",
                    "the transaction has no such transfer of this token"},
    [STEP_RECIPIENT] = {"invalid_exact_evm_recipient_mismatch",
                        "the transfer is not to the recipient of the offer"},
    [STEP_AMOUNT] = {"invalid_exact_evm_payload_authorization_value_mismatch",
                     "the transfer is of less than the price, or of more than can be booked"},
    [STEP_PAYER] = {"invalid_exact_evm_signature",
                    "the proof is not signed by the account that paid"},
    [STEP_NONCE] = {"invalid_exact_evm_signature",
                    "nothing binds the transfer to this challenge: neither the payer's signature "
                    "nor an authorization whose nonce is the challenge's hash"},
};

static bool address_equal(const struct evm_address *a, const struct evm_address *b)
{
    return memcmp(a->bytes, b->bytes, EVM_ADDRESS_BYTES) == 0;
}

/* A Transfer of the token that moves something from an account to another. */
static bool is_transfer(const struct evm_log *log, const struct evm_address *token,
                        struct evm_transfer_event *ret)
{
    static const struct evm_address none = {{0}};
    return !log->removed && address_equal(&log->address, token) &&
           evm_transfer_decode(log->topics, log->topic_count, log->data, ret) &&
           !address_equal(&ret->from, &none) && !address_equal(&ret->from, &ret->to);
}

/* The nonce of the authorization that made the transfer, if one did. */
static bool nonce_of(const struct evm_receipt *receipt, size_t at, const struct evm_address *token,
                     const struct evm_address *payer, struct evm_hash *ret)
{
    if (at == 0) {
        return false;
    }
    const struct evm_log *before = &receipt->logs[at - 1];
    struct evm_authorization_event used;
    if (before->removed || !address_equal(&before->address, token) ||
        !evm_authorization_used_decode(before->topics, before->topic_count, before->data, &used) ||
        !address_equal(&used.authorizer, payer)) {
        return false;
    }
    *ret = used.nonce;
    return true;
}

static enum step judge(const struct evm_receipt *receipt, size_t at,
                       const struct direct_wanted *wanted, struct x402_transfer *ret)
{
    struct evm_transfer_event event;
    uint64_t amount;
    if (!is_transfer(&receipt->logs[at], &wanted->token, &event)) {
        return STEP_EVENT;
    }
    if (wanted->has_recipient && !address_equal(&event.to, &wanted->recipient)) {
        return STEP_RECIPIENT;
    }
    if (!evm_u256_u64(&event.value, &amount) || amount > INT64_MAX || amount == 0 ||
        amount < wanted->amount_min || (wanted->amount_max != 0 && amount > wanted->amount_max)) {
        return STEP_AMOUNT;
    }
    if (wanted->has_payer && !address_equal(&event.from, &wanted->payer)) {
        return STEP_PAYER;
    }
    struct evm_hash nonce = {{0}};
    bool has_nonce = nonce_of(receipt, at, &wanted->token, &event.from, &nonce);
    if (wanted->has_nonce &&
        (!has_nonce || memcmp(nonce.bytes, wanted->nonce.bytes, EVM_HASH_BYTES) != 0)) {
        return STEP_NONCE;
    }
    ret->log_index = at;
    ret->payer = event.from;
    ret->amount = amount;
    ret->has_nonce = has_nonce;
    ret->nonce = nonce;
    return STEP_FITS;
}

bool direct_pick(const struct evm_receipt *receipt, const struct direct_wanted *wanted,
                 struct x402_transfer *ret, struct direct_refusal *ret_refusal)
{
    enum step nearest = STEP_EVENT;
    for (size_t i = 0; i < receipt->log_count; i++) {
        if (wanted->has_log_index && i != wanted->log_index) {
            continue;
        }
        enum step step = judge(receipt, i, wanted, ret);
        if (step == STEP_FITS) {
            return true;
        }
        nearest = step > nearest ? step : nearest;
    }
    *ret_refusal = refusals[nearest];
    return false;
}

/* AuthorizationUsed and AuthorizationCanceled have the same form. */
static bool is_of_nonce(const struct evm_log *log, const struct evm_hash *kind,
                        const struct direct_wanted *wanted)
{
    struct evm_hash payer = evm_address_topic(&wanted->payer);
    return log->topic_count == 3 &&
           memcmp(log->topics[0].bytes, kind->bytes, EVM_HASH_BYTES) == 0 &&
           memcmp(log->topics[1].bytes, payer.bytes, EVM_HASH_BYTES) == 0 &&
           memcmp(log->topics[2].bytes, wanted->nonce.bytes, EVM_HASH_BYTES) == 0;
}

struct direct_traces direct_trace(const struct evm_receipt *receipt,
                                  const struct direct_wanted *wanted)
{
    struct direct_traces traces = {.used = false};
    struct evm_u256 amount = evm_u256_of(wanted->amount_min);
    for (size_t i = 0; i < receipt->log_count; i++) {
        const struct evm_log *log = &receipt->logs[i];
        struct evm_transfer_event event;
        if (log->removed || !address_equal(&log->address, &wanted->token)) {
            continue;
        }
        traces.used = traces.used || is_of_nonce(log, &evm_topic_authorization_used, wanted);
        traces.cancelled =
            traces.cancelled || is_of_nonce(log, &evm_topic_authorization_canceled, wanted);
        traces.moved = traces.moved || (is_transfer(log, &wanted->token, &event) &&
                                        address_equal(&event.from, &wanted->payer) &&
                                        address_equal(&event.to, &wanted->recipient) &&
                                        evm_u256_compare(&event.value, &amount) == 0);
    }
    return traces;
}

#include "x402/recall.h"

bool x402_recall_key(const struct x402_network *network, const struct x402_proof *proof,
                     struct x402_spent_key *ret)
{
    if (proof->form != X402_FORM_PROOF) {
        x402_key_authorization(network, &proof->authorization.from, &proof->authorization.nonce,
                               ret);
        return true;
    }
    if (proof->has_log_index) {
        x402_key_transfer(network, &proof->transaction, proof->log_index, ret);
    }
    return proof->has_log_index;
}

/* Whether the proof shows that this recorded payment is the client's: an authorization does by its
 * signature; a transfer by the payer's signature or by the authorization's nonce, now on the
 * chain's word or before by what was recorded of it. */
static bool is_theirs(const struct x402_payment *payment, const struct x402_proof *proof,
                      const struct x402_match *match, bool shown)
{
    if (proof->form != X402_FORM_PROOF || shown) {
        return true;
    }
    if (match->signed_by_payer) {
        return memcmp(&match->payer, &payment->payer, sizeof(payment->payer)) == 0;
    }
    struct evm_hash nonce = x402_challenge_hash(&proof->challenge);
    return payment->has_transfer && payment->transfer.has_nonce &&
           memcmp(&nonce, &payment->transfer.nonce, sizeof(nonce)) == 0;
}

enum x402_recall x402_recall_judge(const struct x402_payment *payment,
                                   const struct x402_proof *proof, const struct x402_match *match,
                                   const struct x402_request_kept *request, bool shown)
{
    bool same = memcmp(request->digest, payment->request.digest, sizeof(request->digest)) == 0;
    bool here = memcmp(request->place, payment->request.place, sizeof(request->place)) == 0;
    if (payment->sequence == 0) {
        return X402_RECALL_USED; /* recorded by hand */
    }
    if (!is_theirs(payment, proof, match, shown)) {
        return X402_RECALL_STRANGER;
    }
    switch (payment->status) {
    case X402_PENDING:
        return same || here ? X402_RECALL_OPEN : X402_RECALL_OPEN_OTHER;
    case X402_REVERSED:
        return (same || (here && !payment->served)) && !payment->final ? X402_RECALL_REVERSED
                                                                       : X402_RECALL_USED;
    case X402_STRAY:
        if (payment->foreign) {
            return X402_RECALL_FOREIGN;
        }
        break; /* no room in the books is no reason to give the client less */
    case X402_SETTLED:
        break;
    case X402_FAILED:
        return X402_RECALL_NOTHING;
    }
    if (payment->served) {
        return same ? X402_RECALL_SERVED : X402_RECALL_USED;
    }
    return here ? X402_RECALL_UNSERVED : X402_RECALL_USED;
}

static bool authorization_equal(const struct evm_authorization *a,
                                const struct evm_authorization *b)
{
    return memcmp(&a->from, &b->from, sizeof(a->from)) == 0 &&
           memcmp(&a->to, &b->to, sizeof(a->to)) == 0 &&
           evm_u256_compare(&a->value, &b->value) == 0 &&
           evm_u256_compare(&a->valid_after, &b->valid_after) == 0 &&
           evm_u256_compare(&a->valid_before, &b->valid_before) == 0 &&
           memcmp(&a->nonce, &b->nonce, sizeof(a->nonce)) == 0;
}

bool x402_recall_is_signed(const struct x402_payment *payment, const struct x402_network *network,
                           const struct x402_proof *proof)
{
    return payment->scheme == X402_SCHEME_EIP3009 && payment->sequence != 0 &&
           proof->form != X402_FORM_PROOF && !proof->smart_wallet &&
           strcmp(payment->network, network->caip2) == 0 &&
           memcmp(&payment->token, &network->token, sizeof(payment->token)) == 0 &&
           authorization_equal(&payment->authorization, &proof->authorization) &&
           memcmp(&payment->signature, &proof->signature, sizeof(payment->signature)) == 0;
}

#include "x402/recall.h"

bool x402_recall_key(const struct x402_network *network, const struct x402_proof *proof,
                     struct x402_spent_key *ret)
{
    if (proof->form != X402_FORM_PROOF && proof->is_solana != network->solana) {
        return false;
    }
    if (proof->form != X402_FORM_PROOF && proof->is_solana) {
        x402_key_solana(network, proof->solana.message, ret);
        return true;
    }
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
 * signature, unless that is a smart wallet's, which only equal bytes show; a transfer by the
 * payer's signature or by the authorization's nonce, now on the chain's word or before by what was
 * recorded of it. */
static bool is_theirs(const struct x402_payment *payment, const struct x402_proof *proof,
                      const struct x402_match *match, bool shown)
{
    if (shown || (proof->form != X402_FORM_PROOF && (proof->is_solana || !proof->smart_wallet))) {
        return true;
    }
    if (proof->form != X402_FORM_PROOF) {
        return false;
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

static bool signature_is_zero(const struct evm_signature *signature)
{
    static const struct evm_signature zero;
    return memcmp(signature, &zero, sizeof(zero)) == 0;
}

bool x402_recall_is_signed(const struct x402_payment *payment, const struct x402_network *network,
                           const struct x402_proof *proof)
{
    if (payment->sequence == 0 || proof->form == X402_FORM_PROOF ||
        strcmp(payment->network, network->caip2) != 0) {
        return false;
    }
    if (proof->is_solana) { /* its signature is over the message */
        return payment->scheme == X402_SCHEME_SOLANA &&
               memcmp(payment->solana.message, proof->solana.message,
                      sizeof(payment->solana.message)) == 0;
    }
    /* No signature was kept of a smart wallet's: all zero is equal to none. */
    return payment->scheme == X402_SCHEME_EIP3009 && !proof->smart_wallet &&
           !signature_is_zero(&payment->signature) &&
           memcmp(&payment->token, &network->token, sizeof(payment->token)) == 0 &&
           authorization_equal(&payment->authorization, &proof->authorization) &&
           memcmp(&payment->signature, &proof->signature, sizeof(payment->signature)) == 0;
}

/* What the payer signed and its signature, as a forward has them, in canonical form, appended to
 * out; false: there is none. */
static bool payload_write(struct lucid_span forward, struct lucid_buf *out)
{
    enum { ARENA_BYTES = 4 << 20 };
    static const struct jcs_limits limits = {.depth_max = 64, .values_max = 32768};
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, ARENA_BYTES);
    const struct jcs_value *payload = NULL;
    if (jcs_parse(forward, &limits, &arena, &root, NULL) == LUCID_OK) {
        payload = jcs_member(jcs_member(root, "paymentPayload"), "payload");
    }
    bool ok = payload != NULL;
    if (ok) {
        jcs_write(payload, out);
    }
    lucid_arena_fini(&arena);
    return ok && lucid_buf_ok(out);
}

bool x402_recall_is_forwarded(struct lucid_span kept, struct lucid_span shown)
{
    struct lucid_buf a;
    struct lucid_buf b;
    lucid_buf_init(&a, X402_FORWARD_BYTES_MAX);
    lucid_buf_init(&b, X402_FORWARD_BYTES_MAX);
    bool same = kept.data != NULL && shown.data != NULL && payload_write(kept, &a) &&
                payload_write(shown, &b) && a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
    lucid_buf_fini(&a);
    lucid_buf_fini(&b);
    return same;
}

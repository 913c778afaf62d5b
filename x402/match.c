#include "x402/offer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "gas/amount.h"

/* A payer's transaction must still be mined: less is refused, as the official facilitator does. */
enum { VALID_SECONDS_MIN = 6 };

/* What does not fit. */
static bool misfit(struct x402_match *match, const char *reason, const char *format, ...)
    LUCID_PRINTF(3, 4);

static bool misfit(struct x402_match *match, const char *reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(match->text, sizeof(match->text), format, args);
    va_end(args);
    match->verdict = X402_MISFIT;
    match->reason = reason;
    return false;
}

static bool address_equal(const struct evm_address *a, const struct evm_address *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* --- the echo of the offer (v2) --- */

static bool string_is(const struct jcs_value *object, const char *name, const char *want)
{
    const struct jcs_value *value = jcs_member(object, name);
    return value != NULL && jcs_type(value) == JCS_STRING && lucid_span_is(jcs_string(value), want);
}

/* Addresses are compared by their bytes: whoever reads ours in mixed case may write it in lower. */
static bool address_is(const struct jcs_value *object, const char *name,
                       const struct evm_address *want)
{
    const struct jcs_value *value = jcs_member(object, name);
    struct evm_address address;
    return value != NULL && jcs_type(value) == JCS_STRING &&
           evm_address_parse(jcs_string(value), &address) && address_equal(&address, want);
}

/* Likewise accounts of Solana, which have one spelling. */
static bool key_is(const struct jcs_value *object, const char *name,
                   const uint8_t want[X402_SOLANA_KEY_BYTES])
{
    const struct jcs_value *value = jcs_member(object, name);
    uint8_t key[X402_SOLANA_KEY_BYTES];
    return value != NULL && jcs_type(value) == JCS_STRING &&
           x402_base58_parse(jcs_string(value), key, sizeof(key)) &&
           memcmp(key, want, sizeof(key)) == 0;
}

static bool number_is(const struct jcs_value *object, const char *name, uint64_t want)
{
    const struct jcs_value *value = jcs_member(object, name);
    uint64_t number;
    return value != NULL && jcs_uint(value, &number) && number == want;
}

static bool amount_is(const struct jcs_value *object, const char *name, uint64_t want)
{
    const struct jcs_value *value = jcs_member(object, name);
    uint64_t amount;
    return value != NULL && jcs_type(value) == JCS_STRING &&
           gas_amount_parse(jcs_string(value), &amount) && amount == want;
}

/* The domain that the client has signed under. */
static bool extra_fits(const struct x402_network *network, const struct jcs_value *accepted,
                       struct x402_match *match)
{
    const struct jcs_value *extra = jcs_member(accepted, "extra");
    if (jcs_member(extra, "name") == NULL || jcs_member(extra, "version") == NULL) {
        return misfit(match, "invalid_exact_evm_missing_eip712_domain",
                      "accepted.extra does not hold name and version of the token's domain");
    }
    if (!string_is(extra, "name", network->token_name)) {
        return misfit(match, "invalid_exact_evm_token_name_mismatch",
                      "accepted.extra.name is not the token's");
    }
    if (!string_is(extra, "version", network->token_version)) {
        return misfit(match, "invalid_exact_evm_token_version_mismatch",
                      "accepted.extra.version is not the token's");
    }
    return true;
}

/* Who completes the transaction is who its fees are taken from. */
static bool solana_extra_fits(const struct x402_proof *proof, struct x402_match *match)
{
    const struct jcs_value *extra = jcs_member(proof->accepted, "extra");
    return key_is(extra, "feePayer", proof->solana.fee_payer) ||
           misfit(match, "invalid_exact_svm_payload_missing_fee_payer",
                  "accepted.extra.feePayer is not the transaction's");
}

/* The official client echoes the resource; some leave the query out. */
static bool resource_fits(struct lucid_span ours, struct lucid_span theirs)
{
    const uint8_t *query = ours.len > 0 ? memchr(ours.data, '?', ours.len) : NULL;
    return lucid_span_equal(ours, theirs) ||
           (query != NULL &&
            lucid_span_equal(lucid_span(ours.data, (size_t)(query - ours.data)), theirs));
}

/* All that we said must have come back; what a client adds binds nobody. */
static bool echo_fits(const struct x402_offer *offer, const struct x402_proof *proof,
                      struct x402_match *match)
{
    static const char reason[] = "invalid_payment_requirements";
    const struct x402_terms *terms = &offer->terms;
    const bool solana = terms->network->solana;
    if (solana ? !solana_extra_fits(proof, match)
               : !extra_fits(terms->network, proof->accepted, match)) {
        return false;
    }
    if (!amount_is(proof->accepted, "amount", terms->amount)) {
        return misfit(match, reason, "accepted.amount is not the price");
    }
    if (solana ? !key_is(proof->accepted, "asset", terms->network->mint)
               : !address_is(proof->accepted, "asset", &terms->network->token)) {
        return misfit(match, reason, "accepted.asset is not the token");
    }
    if (solana ? !key_is(proof->accepted, "payTo", terms->pay_to_solana)
               : !address_is(proof->accepted, "payTo", &terms->pay_to)) {
        return misfit(match, reason, "accepted.payTo is not the recipient");
    }
    if (!number_is(proof->accepted, "maxTimeoutSeconds", offer->timeout_seconds)) {
        return misfit(match, reason, "accepted.maxTimeoutSeconds is not %u",
                      (unsigned)offer->timeout_seconds);
    }
    if (proof->resource_url.data != NULL && !resource_fits(terms->resource, proof->resource_url)) {
        return misfit(match, reason, "resource.url is not that of this request");
    }
    return true;
}

/* --- authorizations --- */

static bool scheme_fits(const struct x402_offer *offer, const struct x402_proof *proof,
                        struct x402_match *match)
{
    const struct x402_network *network = offer->terms.network;
    const char *name = proof->form == X402_FORM_V1 ? network->v1_name : network->caip2;
    if (!lucid_span_is(proof->scheme, "exact")) {
        return misfit(match, network->solana ? "unsupported_scheme" : "invalid_exact_evm_scheme",
                      "the scheme is not \"exact\"");
    }
    if (name[0] == '\0' || !lucid_span_is(proof->network, name)) {
        return misfit(
            match, network->solana ? "network_mismatch" : "invalid_exact_evm_network_mismatch",
            name[0] == '\0' ? "version 1 has no name for the network %s" : "the network is not %s",
            name[0] == '\0' ? network->caip2 : name);
    }
    if (proof->is_solana != network->solana) {
        return misfit(match, "invalid_payload", "the payload is not of a payment on %s",
                      network->caip2);
    }
    if (!offer->authorizations) {
        return misfit(match, "unsupported_scheme",
                      network->solana ? "nobody settles payments on %s just now"
                                      : "authorizations are not settled on %s here: pay by a "
                                        "transfer and show it in X-Payment-Proof",
                      network->caip2);
    }
    return true;
}

/* v2 pays the price; v1 at least (all of it is recorded). */
static bool value_fits(const struct x402_offer *offer, const struct x402_proof *proof,
                       struct x402_match *match)
{
    const char *reason = proof->is_solana
                             ? "invalid_exact_svm_payload_amount_mismatch"
                             : "invalid_exact_evm_payload_authorization_value_mismatch";
    uint64_t price = offer->terms.amount;
    uint64_t value = proof->solana.amount;
    bool fits = proof->is_solana || evm_u256_u64(&proof->authorization.value, &value);
    if (!fits || value > GAS_AMOUNT_MAX) {
        return misfit(match, reason, "the authorized value is more than can be booked");
    }
    if (value < price) {
        return misfit(match, reason, "the authorized value is below the price");
    }
    if (proof->form == X402_FORM_V2 && value > price) {
        return misfit(match, reason, "the authorized value is not the price");
    }
    match->amount = value;
    return true;
}

static bool times_fit(const struct evm_authorization *authorization, uint64_t now_ms,
                      struct x402_match *match)
{
    const struct evm_u256 now = evm_u256_of(now_ms / 1000);
    const struct evm_u256 soon = evm_u256_of(now_ms / 1000 + VALID_SECONDS_MIN);
    if (evm_u256_compare(&authorization->valid_before, &soon) < 0) {
        return misfit(match, "invalid_exact_evm_payload_authorization_valid_before",
                      "the authorization has expired, or will within %d seconds",
                      VALID_SECONDS_MIN);
    }
    if (evm_u256_compare(&authorization->valid_after, &now) > 0) {
        return misfit(match, "invalid_exact_evm_payload_authorization_valid_after",
                      "the authorization is not valid yet");
    }
    return true;
}

/* Who has signed the digest; also how a proof's signature is read. */
static bool signer_find(const struct evm_hash *digest, const struct x402_proof *proof,
                        struct evm_address *ret, struct x402_match *match)
{
    static const char reason[] = "invalid_exact_evm_signature";
    if (proof->smart_wallet) {
        return misfit(match, reason,
                      "only signatures of 65 bytes can be checked: those of smart wallets "
                      "(ERC-1271, ERC-6492) are not taken");
    }
    if (evm_recover(digest, &proof->signature, ret) != LUCID_OK) {
        return misfit(match, reason, "the signature is none of a key (v 27 or 28, low s)");
    }
    return true;
}

static bool signature_fits(const struct x402_offer *offer, const struct x402_proof *proof,
                           struct x402_match *match)
{
    const struct evm_authorization *authorization = &proof->authorization;
    struct evm_hash digest =
        evm_authorization_digest(&offer->terms.network->separator, authorization);
    struct evm_address signer;
    if (!signer_find(&digest, proof, &signer, match)) {
        return false;
    }
    if (!address_equal(&signer, &authorization->from)) {
        return misfit(match, "invalid_exact_evm_signature",
                      "the authorization is not signed by authorization.from");
    }
    return true;
}

/* Recipient, value, times and signature of an authorization. */
static bool evm_fits(const struct x402_offer *offer, const struct x402_proof *proof,
                     uint64_t now_ms, bool is_signed, struct x402_match *match)
{
    if (!address_equal(&proof->authorization.to, &offer->terms.pay_to)) {
        return misfit(match, "invalid_exact_evm_recipient_mismatch",
                      "authorization.to is not the recipient");
    }
    return value_fits(offer, proof, match) && times_fit(&proof->authorization, now_ms, match) &&
           (is_signed || (proof->smart_wallet && offer->smart_wallets) ||
            signature_fits(offer, proof, match));
}

/* The same of a transaction, whose signature was checked when it was read. */
static bool solana_fits(const struct x402_offer *offer, const struct x402_proof *proof, bool known,
                        struct x402_match *match)
{
    const struct x402_solana_payment *solana = &proof->solana;
    if (memcmp(solana->mint, offer->terms.network->mint, sizeof(solana->mint)) != 0) {
        return misfit(match, "invalid_exact_svm_payload_mint_mismatch",
                      "the transaction transfers another token");
    }
    if (!known &&
        memcmp(solana->fee_payer, offer->terms.fee_payer, sizeof(solana->fee_payer)) != 0) {
        return misfit(match, "fee_payer_not_managed_by_facilitator",
                      "the transaction's fee payer is not the one that was told");
    }
    return value_fits(offer, proof, match);
}

static void authorization_match(const struct x402_offer *offer, const struct x402_proof *proof,
                                uint64_t now_ms, bool is_signed, struct x402_match *ret)
{
    struct x402_match match = {.verdict = X402_FITS, .payer = proof->authorization.from};
    lucid_assert(proof->form != X402_FORM_PROOF);
    bool fits = scheme_fits(offer, proof, &match) &&
                (proof->form == X402_FORM_V1 || echo_fits(offer, proof, &match)) &&
                (proof->is_solana ? solana_fits(offer, proof, is_signed, &match)
                                  : evm_fits(offer, proof, now_ms, is_signed, &match));
    lucid_assert(fits == (match.verdict == X402_FITS));
    *ret = match;
}

void x402_authorization_match(const struct x402_offer *offer, const struct x402_proof *proof,
                              uint64_t now_ms, struct x402_match *ret)
{
    authorization_match(offer, proof, now_ms, false, ret);
}

void x402_authorization_match_signed(const struct x402_offer *offer, const struct x402_proof *proof,
                                     uint64_t now_ms, struct x402_match *ret)
{
    authorization_match(offer, proof, now_ms, true, ret);
}

/* --- X-Payment-Proof --- */

static bool challenge_fits(const struct x402_keys *keys, const struct x402_offer *offer,
                           const struct x402_proof *proof, struct x402_match *match)
{
    enum lucid_error error = x402_challenge_check(keys, &proof->challenge, &offer->terms);
    if (error == LUCID_OK) {
        return true;
    }
    return misfit(match, "invalid_challenge",
                  error == LUCID_REFUSE_UNKNOWN_KEY
                      ? "the challenge is none of this server, or older than its keys"
                      : "the challenge is not for this request, price and recipient");
}

static bool binding_fits(const struct x402_offer *offer, const struct x402_proof *proof,
                         struct x402_match *match)
{
    const struct x402_terms *terms = &offer->terms;
    struct evm_hash body_hash;
    if (!proof->has_log_index) {
        (void)misfit(match, "invalid_payload", "a signed proof must name its transfer: logIndex");
        match->verdict = X402_MALFORMED;
        return false;
    }
    memcpy(body_hash.bytes, terms->body_sha256, sizeof(body_hash.bytes));
    const struct evm_payment_proof signed_proof = {
        .transaction = proof->transaction,
        .log_index = proof->log_index,
        .pay_to = terms->pay_to,
        .amount = evm_u256_of(terms->amount),
        .method = terms->method,
        .resource = terms->resource,
        .body_hash = body_hash,
        .challenge = x402_challenge_hash(&proof->challenge),
        .expires = x402_challenge_expires(&proof->challenge),
    };
    struct evm_hash digest =
        evm_payment_proof_digest(&terms->network->proof_separator, &signed_proof);
    if (!signer_find(&digest, proof, &match->payer, match)) {
        return false;
    }
    match->signed_by_payer = true;
    return true;
}

void x402_proof_match(const struct x402_keys *keys, const struct x402_offer *offer,
                      const struct x402_proof *proof, struct x402_match *ret)
{
    struct x402_match match = {.verdict = X402_FITS};
    lucid_assert(proof->form == X402_FORM_PROOF);
    if (offer->terms.network->solana) {
        (void)misfit(&match, "unsupported_scheme",
                     "transfers cannot be shown on Solana: pay as the 402 accepts");
    } else if (!lucid_span_is(proof->network, offer->terms.network->caip2)) {
        (void)misfit(&match, "invalid_exact_evm_network_mismatch", "the network is not %s",
                     offer->terms.network->caip2);
    } else if (challenge_fits(keys, offer, proof, &match) && proof->has_signature) {
        (void)binding_fits(offer, proof, &match);
    }
    *ret = match;
}

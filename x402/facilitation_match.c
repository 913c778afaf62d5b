#include "x402/facilitation_match.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "gas/amount.h"

static const char bad_requirements[] = "invalid_payment_requirements";

static bool misfit(struct x402_facilitation_ask *ask, const char *reason, const char *format, ...)
    LUCID_PRINTF(3, 4);

static bool misfit(struct x402_facilitation_ask *ask, const char *reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(ask->text, sizeof(ask->text), format, args);
    va_end(args);
    ask->verdict = X402_MISFIT;
    ask->reason = reason;
    return false;
}

/* {NULL, 0}: no string. */
static struct lucid_span text_of(const struct jcs_value *object, const char *name)
{
    const struct jcs_value *value = jcs_member(object, name);
    return value != NULL && jcs_type(value) == JCS_STRING ? jcs_string(value) : lucid_span(NULL, 0);
}

static bool is_object(const struct jcs_value *value)
{
    return value != NULL && jcs_type(value) == JCS_OBJECT;
}

/* --- the requirements ------------------------------------------------------------------------- */

static bool network_find(struct x402_facilitation_ask *ask, const struct x402_networks *networks,
                         const struct x402_client *client, const struct jcs_value *requirements)
{
    static const char reason[] = "invalid_network";
    ask->network_text = text_of(requirements, "network");
    const struct x402_network *network = ask->version == 1
                                             ? x402_network_find_v1(networks, ask->network_text)
                                             : x402_network_find(networks, ask->network_text);
    static const char solana[] = "solana";
    if (ask->network_text.len >= sizeof(solana) - 1 &&
        memcmp(ask->network_text.data, solana, sizeof(solana) - 1) == 0) {
        return misfit(ask, reason, "payments on Solana are not settled by this facilitator");
    }
    if (network == NULL || !client->networks[network - networks->items]) {
        return misfit(ask, reason, "the network is none that this facilitator settles on for you");
    }
    ask->network = network;
    return true;
}

/* The domain that whoever pays was told to sign under. */
static bool domain_fits(struct x402_facilitation_ask *ask, const struct jcs_value *requirements)
{
    const struct jcs_value *extra = jcs_member(requirements, "extra");
    struct lucid_span method = text_of(extra, "assetTransferMethod");
    if (method.data != NULL && !lucid_span_is(method, "eip3009")) {
        return misfit(ask, "unsupported_scheme",
                      "only authorizations of EIP-3009 are settled here, not permit2 or others");
    }
    if (text_of(extra, "name").len == 0 || text_of(extra, "version").len == 0) {
        return misfit(ask, "invalid_exact_evm_missing_eip712_domain",
                      "extra does not hold name and version of the token's domain");
    }
    if (!lucid_span_is(text_of(extra, "name"), ask->network->token_name)) {
        return misfit(ask, "invalid_exact_evm_token_name_mismatch",
                      "extra.name is not the token's");
    }
    return lucid_span_is(text_of(extra, "version"), ask->network->token_version) ||
           misfit(ask, "invalid_exact_evm_token_version_mismatch",
                  "extra.version is not the token's");
}

static bool pay_to_fits(struct x402_facilitation_ask *ask, const struct x402_client *client,
                        const struct evm_address *pay_to)
{
    for (size_t i = 0; i < client->pay_to_count; i++) {
        if (memcmp(&client->pay_to[i], pay_to, sizeof(*pay_to)) == 0) {
            return true;
        }
    }
    return misfit(ask, "invalid_exact_evm_recipient_mismatch",
                  "payTo is none of the recipients that this facilitator settles to for you");
}

/* The offer that the requirements are. */
static bool offer_read(struct x402_facilitation_ask *ask, const struct x402_client *client,
                       const struct jcs_value *requirements, struct x402_offer *ret)
{
    const char *price = ask->version == 1 ? "maxAmountRequired" : "amount";
    const struct jcs_value *seconds = jcs_member(requirements, "maxTimeoutSeconds");
    struct x402_terms *terms = &ret->terms;
    struct evm_address asset;
    uint64_t timeout;
    *ret = (struct x402_offer){.authorizations = true};
    terms->network = ask->network;
    if (!evm_address_parse(text_of(requirements, "asset"), &asset) ||
        memcmp(&asset, &ask->network->token, sizeof(asset)) != 0) {
        return misfit(ask, bad_requirements, "asset is not the token that is settled on %s here",
                      ask->network->caip2);
    }
    if (!domain_fits(ask, requirements)) {
        return false;
    }
    if (!gas_amount_parse(text_of(requirements, price), &terms->amount) || terms->amount == 0) {
        return misfit(ask, bad_requirements, "%s is no decimal string from 1 to 2^63 - 1", price);
    }
    if (seconds == NULL || !jcs_uint(seconds, &timeout) || timeout == 0 || timeout > UINT32_MAX) {
        return misfit(ask, bad_requirements, "maxTimeoutSeconds is no whole number above 0");
    }
    ret->timeout_seconds = (uint32_t)timeout;
    if (!evm_address_parse(text_of(requirements, "payTo"), &terms->pay_to)) {
        return misfit(ask, bad_requirements, "payTo is no address");
    }
    return pay_to_fits(ask, client, &terms->pay_to);
}

/* --- the payment ------------------------------------------------------------------------------ */

static enum lucid_error payload_read(struct x402_facilitation_ask *ask,
                                     const struct jcs_value *payload)
{
    struct lucid_why why = {0};
    enum x402_form form = ask->version == 1 ? X402_FORM_V1 : X402_FORM_V2;
    enum lucid_error error = x402_proof_parse_document(form, payload, &ask->proof, &why);
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        (void)misfit(ask, "invalid_payload", "%.150s", why.text);
        return LUCID_OK;
    }
    if (error == LUCID_OK && ask->proof.is_solana) {
        (void)misfit(ask, "invalid_payload",
                     "payments on Solana are not settled by this facilitator");
    } else if (error == LUCID_OK) {
        ask->has_payer = true;
        ask->payer = ask->proof.authorization.from;
    }
    return error;
}

static void payment_match(struct x402_facilitation_ask *ask, const struct x402_client *client,
                          const struct jcs_value *requirements, uint64_t now_ms)
{
    struct x402_offer offer;
    struct x402_match match;
    if (!lucid_span_is(text_of(requirements, "scheme"), "exact")) {
        (void)misfit(ask, "invalid_exact_evm_scheme", "the scheme is not \"exact\"");
        return;
    }
    if (!offer_read(ask, client, requirements, &offer)) {
        return;
    }
    /* What is sold is no business of ours. */
    offer.terms.resource = ask->proof.resource_url;
    x402_authorization_match(&offer, &ask->proof, now_ms, &match);
    if (match.verdict != X402_FITS) {
        (void)misfit(ask, match.reason, "%.150s", match.text);
    }
}

enum lucid_error x402_facilitation_match(const struct jcs_value *body,
                                         const struct x402_networks *networks,
                                         const struct x402_client *client, uint64_t now_ms,
                                         struct x402_facilitation_ask *ret, struct lucid_why *why)
{
    static const char code[] = "PAYMENT_MALFORMED";
    const struct jcs_value *payload = jcs_member(body, "paymentPayload");
    const struct jcs_value *requirements = jcs_member(body, "paymentRequirements");
    const struct jcs_value *number = jcs_member(body, "x402Version");
    struct x402_facilitation_ask ask = {.verdict = X402_FITS};
    uint64_t version;
    uint64_t inner;
    if (number == NULL || !jcs_uint(number, &version)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, code, "x402Version",
                            "x402Version must be a whole number");
    }
    if (!is_object(payload) || !is_object(requirements)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, code,
                            is_object(payload) ? "paymentRequirements" : "paymentPayload",
                            "paymentPayload and paymentRequirements must be objects");
    }
    number = jcs_member(payload, "x402Version");
    enum lucid_error error = LUCID_OK;
    if ((version != 1 && version != 2) || number == NULL || !jcs_uint(number, &inner) ||
        inner != version) {
        ask.network_text = text_of(requirements, "network");
        (void)misfit(&ask, "invalid_x402_version",
                     "x402Version must be 1 or 2, and the same in paymentPayload");
    } else {
        ask.version = (unsigned)version;
        bool known = network_find(&ask, networks, client, requirements);
        if (known) {
            error = payload_read(&ask, payload);
        }
        if (error == LUCID_OK && ask.verdict == X402_FITS) {
            payment_match(&ask, client, requirements, now_ms);
        }
    }
    if (error == LUCID_OK) {
        *ret = ask;
    }
    return error;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void payer_put(struct lucid_buf *out, const struct evm_address *payer)
{
    char text[EVM_ADDRESS_TEXT_BYTES + 1];
    if (payer != NULL) {
        evm_address_eip55(payer, text);
        lucid_json_member_cstr(out, "payer", text);
    }
}

void x402_verify_answer_write(const struct evm_address *payer, const char *reason, const char *text,
                              struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_bool(out, "isValid", reason == NULL);
    if (reason != NULL) {
        lucid_json_member_cstr(out, "invalidReason", reason);
    }
    payer_put(out, payer);
    if (reason != NULL) {
        lucid_json_member_cstr(out, "invalidMessage", text);
    }
    lucid_buf_char(out, '}');
}

void x402_settle_answer_write(const struct evm_address *payer, const char *reason, const char *text,
                              const struct evm_hash *transaction, struct lucid_span network,
                              struct lucid_buf *out)
{
    char hash[EVM_HASH_TEXT_BYTES + 1] = "";
    if (transaction != NULL) {
        evm_hash_text(transaction, hash);
    }
    lucid_buf_char(out, '{');
    lucid_json_member_bool(out, "success", reason == NULL);
    if (reason != NULL) {
        lucid_json_member_cstr(out, "errorReason", reason);
        lucid_json_member_cstr(out, "errorMessage", text);
    }
    lucid_json_member_cstr(out, "transaction", hash);
    lucid_json_member_str(out, "network", network);
    payer_put(out, payer);
    lucid_buf_char(out, '}');
}

static void kind_put(struct lucid_buf *out, unsigned version, const char *network, bool *first)
{
    if (!*first) {
        lucid_buf_char(out, ',');
    }
    *first = false;
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "x402Version", version);
    lucid_json_member_cstr(out, "scheme", "exact");
    lucid_json_member_cstr(out, "network", network);
    lucid_buf_char(out, '}');
}

/* Each once, however many networks it settles on. */
static void signers_put(const struct x402_networks *networks, const struct x402_client *client,
                        const struct evm_address gas[X402_NETWORKS_MAX], struct lucid_buf *out)
{
    bool first = true;
    for (size_t i = 0; i < networks->count; i++) {
        char text[EVM_ADDRESS_TEXT_BYTES + 1];
        bool wanted = client->networks[i];
        for (size_t j = 0; wanted && j < i; j++) {
            wanted = !client->networks[j] || memcmp(&gas[i], &gas[j], sizeof(gas[i])) != 0;
        }
        if (wanted) {
            evm_address_eip55(&gas[i], text);
            lucid_buf_printf(out, "%s\"%s\"", first ? "" : ",", text);
            first = false;
        }
    }
}

void x402_supported_write(const struct x402_networks *networks, const struct x402_client *client,
                          const struct evm_address gas[X402_NETWORKS_MAX], struct lucid_buf *out)
{
    bool first = true;
    lucid_buf_str(out, "{\"kinds\":[");
    for (size_t i = 0; i < networks->count; i++) {
        const struct x402_network *network = &networks->items[i];
        if (client->networks[i]) {
            kind_put(out, 2, network->caip2, &first);
            if (network->v1_name[0] != '\0') {
                kind_put(out, 1, network->v1_name, &first);
            }
        }
    }
    lucid_buf_str(out, "],\"extensions\":[],\"signers\":{\"eip155:*\":[");
    signers_put(networks, client, gas, out);
    lucid_buf_str(out, "]}}");
}

#include "x402/offer.h"

#include "gas/amount.h"
#include "x402/network_internal.h"

static const char scheme[] = "exact";
static const char unit[] = "USDC";
enum { UNIT_DECIMALS = 6 };

/* --- members --- */

static void address_member(struct lucid_buf *out, const char *name,
                           const struct evm_address *address)
{
    char text[EVM_ADDRESS_TEXT_BYTES + 1];
    evm_address_eip55(address, text);
    lucid_json_member_cstr(out, name, text);
}

static void open_member(struct lucid_buf *out, const char *name, char bracket)
{
    lucid_json_member(out, name);
    lucid_buf_char(out, bracket);
}

/* What clients need to sign an authorization: the token's EIP-712 domain. */
static void extra_member(struct lucid_buf *out, const struct x402_network *network)
{
    open_member(out, "extra", '{');
    lucid_json_member_cstr(out, "name", network->token_name);
    lucid_json_member_cstr(out, "version", network->token_version);
    lucid_buf_char(out, '}');
}

/* --- v1: the body --- */

/* Version 1 knows networks by names of its own only: without one there is nothing to accept, and no
 * client of it could pay. */
static void accepts_v1_write(const struct x402_offer *offer, struct lucid_buf *out)
{
    const struct x402_terms *terms = &offer->terms;
    open_member(out, "accepts", '[');
    if (offer->authorizations && terms->network->v1_name[0] != '\0') {
        lucid_buf_char(out, '{');
        lucid_json_member_cstr(out, "scheme", scheme);
        lucid_json_member_cstr(out, "network", terms->network->v1_name);
        gas_amount_member(out, "maxAmountRequired", terms->amount);
        lucid_json_member_str(out, "resource", terms->resource);
        lucid_json_member_str(out, "description", offer->description);
        lucid_json_member_str(out, "mimeType", offer->mime_type);
        address_member(out, "payTo", &terms->pay_to);
        lucid_json_member_u64(out, "maxTimeoutSeconds", offer->timeout_seconds);
        address_member(out, "asset", &terms->network->token);
        extra_member(out, terms->network);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
}

/* --- ours: the member "x402" --- */

static void payment_write(const struct x402_terms *terms, struct lucid_buf *out)
{
    open_member(out, "payment", '{');
    lucid_json_member_cstr(out, "network", terms->network->caip2);
    if (terms->network->v1_name[0] != '\0') {
        lucid_json_member_cstr(out, "chain", terms->network->v1_name);
    } else {
        lucid_json_member_null(out, "chain");
    }
    lucid_json_member_u64(out, "chainId", terms->network->chain_id);
    lucid_json_member_cstr(out, "token", unit);
    address_member(out, "tokenAddress", &terms->network->token);
    lucid_json_member_u64(out, "decimals", UNIT_DECIMALS);
    gas_amount_member(out, "amount", terms->amount);
    address_member(out, "recipient", &terms->pay_to);
    lucid_json_member_cstr(out, "scheme", scheme);
    lucid_buf_char(out, '}');
}

/* What a payer signs to bind a transfer (CONTRACT 4), as wallets take it: without EIP712Domain
 * among the types, which some libraries refuse and the others add. */
static void typed_data_write(const struct x402_network *network, struct lucid_buf *out)
{
    static const struct {
        const char *name;
        const char *type;
    } members[] = {
        {"transaction", "bytes32"}, {"logIndex", "uint256"},  {"payTo", "address"},
        {"amount", "uint256"},      {"method", "string"},     {"resource", "string"},
        {"bodyHash", "bytes32"},    {"challenge", "bytes32"}, {"expires", "uint256"},
    };
    open_member(out, "typedData", '{');
    open_member(out, "domain", '{');
    lucid_json_member_cstr(out, "name", X402_PROOF_DOMAIN_NAME);
    lucid_json_member_cstr(out, "version", X402_PROOF_DOMAIN_VERSION);
    lucid_json_member_u64(out, "chainId", network->chain_id);
    address_member(out, "verifyingContract", &network->token);
    lucid_buf_char(out, '}');
    lucid_json_member_cstr(out, "primaryType", "PaymentProof");
    open_member(out, "types", '{');
    open_member(out, "PaymentProof", '[');
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        lucid_buf_str(out, i > 0 ? ",{" : "{");
        lucid_json_member_cstr(out, "name", members[i].name);
        lucid_json_member_cstr(out, "type", members[i].type);
        lucid_buf_char(out, '}');
    }
    lucid_buf_str(out, "]}}");
}

static void x402_write(const struct x402_offer *offer, struct lucid_buf *out)
{
    const struct x402_terms *terms = &offer->terms;
    uint64_t expires = x402_challenge_expires(&offer->challenge);
    open_member(out, "x402", '{');
    lucid_json_member_cstr(out, "version", "2");
    lucid_json_member_str(out, "asset", terms->asset);
    lucid_json_member_str(out, "description", offer->description);
    lucid_json_member_u64(out, "price_version", terms->price_version);
    lucid_json_member_cstr(out, "challenge", offer->challenge.text);
    lucid_json_member_time(out, "issued_at", offer->challenge.issued_ms);
    lucid_json_member_time(out, "expires", 1000 * expires);
    lucid_json_member_u64(out, "expires_unix", expires);
    lucid_json_member_str(out, "resource", terms->resource);
    lucid_json_member_str(out, "method", terms->method);
    lucid_json_member_hex(out, "body_sha256", terms->body_sha256, sizeof(terms->body_sha256));
    payment_write(terms, out);
    typed_data_write(terms->network, out);
    lucid_buf_char(out, '}');
}

/* --- v2: the header --- */

static void required_write(const struct x402_offer *offer, const char *error, struct lucid_buf *out)
{
    const struct x402_terms *terms = &offer->terms;
    struct lucid_buf json;
    lucid_buf_init(&json, 0);
    lucid_buf_char(&json, '{');
    lucid_json_member_u64(&json, "x402Version", 2);
    lucid_json_member_cstr(&json, "error", error);
    open_member(&json, "resource", '{');
    lucid_json_member_str(&json, "url", terms->resource);
    lucid_json_member_str(&json, "description", offer->description);
    lucid_json_member_str(&json, "mimeType", offer->mime_type);
    lucid_buf_char(&json, '}');
    lucid_json_member(&json, "accepts");
    lucid_buf_str(&json, "[{");
    lucid_json_member_cstr(&json, "scheme", scheme);
    lucid_json_member_cstr(&json, "network", terms->network->caip2);
    gas_amount_member(&json, "amount", terms->amount);
    address_member(&json, "asset", &terms->network->token);
    address_member(&json, "payTo", &terms->pay_to);
    lucid_json_member_u64(&json, "maxTimeoutSeconds", offer->timeout_seconds);
    extra_member(&json, terms->network);
    lucid_buf_str(&json, "}]");
    lucid_json_member(&json, "extensions");
    lucid_buf_str(&json, "{}}");
    if (lucid_buf_ok(&json)) {
        lucid_buf_base64(out, json.data, json.len);
    } else {
        out->failed = true;
    }
    lucid_buf_fini(&json);
}

void x402_document_write(const struct x402_offer *offer, const char *error, const char *detail,
                         struct lucid_span request_id, struct x402_document *ret)
{
    struct lucid_buf *out = &ret->body;
    lucid_buf_clear(out);
    lucid_buf_clear(&ret->header);
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "type", "about:blank");
    lucid_json_member_cstr(out, "title", "Payment Required");
    lucid_json_member_u64(out, "status", 402);
    lucid_json_member_cstr(out, "detail", detail);
    lucid_json_member_cstr(out, "code", "PAYMENT_REQUIRED");
    lucid_json_member_str(out, "request_id", request_id);
    lucid_json_member_u64(out, "x402Version", 1);
    lucid_json_member_cstr(out, "error", error);
    accepts_v1_write(offer, out);
    x402_write(offer, out);
    lucid_buf_char(out, '}');
    if (offer->authorizations) {
        required_write(offer, error, &ret->header);
    }
}

void x402_settlement_write(enum x402_form form, const struct x402_network *network,
                           const struct evm_hash *transaction, const struct evm_address *payer,
                           const char *reason, struct lucid_buf *out)
{
    char hash[EVM_HASH_TEXT_BYTES + 1] = "";
    struct lucid_buf json;
    if (transaction != NULL) {
        evm_hash_text(transaction, hash);
    }
    lucid_buf_init(&json, 0);
    lucid_buf_char(&json, '{');
    lucid_json_member_bool(&json, "success", reason == NULL);
    if (reason != NULL) {
        lucid_json_member_cstr(&json, "errorReason", reason);
    }
    lucid_json_member_cstr(&json, "transaction", hash);
    lucid_json_member_cstr(&json, "network",
                           form == X402_FORM_V1 ? network->v1_name : network->caip2);
    if (payer != NULL) {
        address_member(&json, "payer", payer);
    }
    lucid_buf_char(&json, '}');
    if (lucid_buf_ok(&json)) {
        lucid_buf_base64(out, json.data, json.len);
    } else {
        out->failed = true;
    }
    lucid_buf_fini(&json);
}

#include "x402/offer.h"

#include "base/assert.h"
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

/* Of Solana: base58. */
static void key_member(struct lucid_buf *out, const char *name,
                       const uint8_t key[X402_SOLANA_KEY_BYTES])
{
    lucid_json_member(out, name);
    lucid_buf_char(out, '"');
    x402_base58_write(out, key, X402_SOLANA_KEY_BYTES);
    lucid_buf_char(out, '"');
}

static void token_member(struct lucid_buf *out, const char *name,
                         const struct x402_network *network)
{
    if (network->solana) {
        key_member(out, name, network->mint);
    } else {
        address_member(out, name, &network->token);
    }
}

static void recipient_member(struct lucid_buf *out, const char *name,
                             const struct x402_terms *terms)
{
    if (terms->network->solana) {
        key_member(out, name, terms->pay_to_solana);
    } else {
        address_member(out, name, &terms->pay_to);
    }
}

/* What clients need to sign: the token's EIP-712 domain, or who completes the transaction. */
static void extra_member(struct lucid_buf *out, const struct x402_terms *terms)
{
    open_member(out, "extra", '{');
    if (terms->network->solana) {
        key_member(out, "feePayer", terms->fee_payer);
    } else {
        lucid_json_member_cstr(out, "name", terms->network->token_name);
        lucid_json_member_cstr(out, "version", terms->network->token_version);
    }
    lucid_buf_char(out, '}');
}

/* --- requirements: what a payment must be, in the form of each version --- */

static void requirements_v1_write(const struct x402_offer *offer, struct lucid_buf *out)
{
    const struct x402_terms *terms = &offer->terms;
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "scheme", scheme);
    lucid_json_member_cstr(out, "network", terms->network->v1_name);
    gas_amount_member(out, "maxAmountRequired", terms->amount);
    lucid_json_member_str(out, "resource", terms->resource);
    lucid_json_member_str(out, "description", offer->description);
    lucid_json_member_str(out, "mimeType", offer->mime_type);
    recipient_member(out, "payTo", terms);
    lucid_json_member_u64(out, "maxTimeoutSeconds", offer->timeout_seconds);
    token_member(out, "asset", terms->network);
    extra_member(out, terms);
    lucid_buf_char(out, '}');
}

static void requirements_v2_write(const struct x402_offer *offer, struct lucid_buf *out)
{
    const struct x402_terms *terms = &offer->terms;
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "scheme", scheme);
    lucid_json_member_cstr(out, "network", terms->network->caip2);
    gas_amount_member(out, "amount", terms->amount);
    token_member(out, "asset", terms->network);
    recipient_member(out, "payTo", terms);
    lucid_json_member_u64(out, "maxTimeoutSeconds", offer->timeout_seconds);
    extra_member(out, terms);
    lucid_buf_char(out, '}');
}

void x402_accept_write(const struct x402_offer *offer, struct lucid_buf *out)
{
    requirements_v2_write(offer, out);
}

/* --- v1: the body --- */

/* Version 1 knows networks by names of its own only: without one there is nothing to accept, and no
 * client of it could pay. */
static void accepts_v1_write(const struct x402_offer *offer, struct lucid_buf *out)
{
    open_member(out, "accepts", '[');
    if (offer->authorizations && offer->terms.network->v1_name[0] != '\0') {
        requirements_v1_write(offer, out);
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
    if (!terms->network->solana) {
        lucid_json_member_u64(out, "chainId", terms->network->chain_id);
    }
    lucid_json_member_cstr(out, "token", unit);
    token_member(out, "tokenAddress", terms->network);
    lucid_json_member_u64(out, "decimals", UNIT_DECIMALS);
    gas_amount_member(out, "amount", terms->amount);
    recipient_member(out, "recipient", terms);
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
    if (!terms->network->solana) {
        typed_data_write(terms->network, out);
    }
    lucid_buf_char(out, '}');
}

/* --- v2: the header --- */

/* payment-identifier: clients may name a payment themselves, to find it again. The schema is that
 * of the extension's definition: clients check what they add against it. */
static void extensions_member(struct lucid_buf *out)
{
    open_member(out, "extensions", '{');
    open_member(out, "payment-identifier", '{');
    open_member(out, "info", '{');
    lucid_json_member_bool(out, "required", false);
    lucid_buf_char(out, '}');
    open_member(out, "schema", '{');
    lucid_json_member_cstr(out, "$schema", "https://json-schema.org/draft/2020-12/schema");
    lucid_json_member_cstr(out, "type", "object");
    open_member(out, "properties", '{');
    open_member(out, "required", '{');
    lucid_json_member_cstr(out, "type", "boolean");
    lucid_buf_char(out, '}');
    open_member(out, "id", '{');
    lucid_json_member_cstr(out, "type", "string");
    lucid_json_member_u64(out, "minLength", X402_IDENTIFIER_BYTES_MIN);
    lucid_json_member_u64(out, "maxLength", X402_IDENTIFIER_BYTES_MAX);
    lucid_json_member_cstr(out, "pattern", "^[a-zA-Z0-9_-]+$");
    lucid_buf_str(out, "}}");
    open_member(out, "required", '[');
    lucid_buf_str(out, "\"required\"]}}}");
}

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
    open_member(&json, "accepts", '[');
    requirements_v2_write(offer, &json);
    lucid_buf_char(&json, ']');
    extensions_member(&json);
    lucid_buf_char(&json, '}');
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
                           const char *transaction, const char *payer, const char *reason,
                           struct lucid_buf *out)
{
    struct lucid_buf json;
    lucid_buf_init(&json, 0);
    lucid_buf_char(&json, '{');
    lucid_json_member_bool(&json, "success", reason == NULL);
    if (reason != NULL) {
        lucid_json_member_cstr(&json, "errorReason", reason);
    }
    lucid_json_member_cstr(&json, "transaction", transaction == NULL ? "" : transaction);
    lucid_json_member_cstr(&json, "network",
                           form == X402_FORM_V1 ? network->v1_name : network->caip2);
    if (payer != NULL) {
        lucid_json_member_cstr(&json, "payer", payer);
    }
    lucid_buf_char(&json, '}');
    if (lucid_buf_ok(&json)) {
        lucid_buf_base64(out, json.data, json.len);
    } else {
        out->failed = true;
    }
    lucid_buf_fini(&json);
}

/* --- what others are sent --- */

enum { REQUIREMENTS_ARENA_BYTES = 256 * 1024 };
static const struct jcs_limits requirements_limits = {.depth_max = 4, .values_max = 64};

/* The members of ours in canonical order. */
static void requirements_write(const struct x402_offer *offer, enum x402_form form,
                               struct lucid_buf *out)
{
    struct lucid_arena arena;
    struct lucid_buf json;
    const struct jcs_value *root;
    lucid_arena_init(&arena, REQUIREMENTS_ARENA_BYTES);
    lucid_buf_init(&json, 0);
    if (form == X402_FORM_V1) {
        requirements_v1_write(offer, &json);
    } else {
        requirements_v2_write(offer, &json);
    }
    if (lucid_buf_ok(&json) &&
        jcs_parse(lucid_buf_span(&json), &requirements_limits, &arena, &root, NULL) == LUCID_OK) {
        jcs_write(root, out);
    } else {
        out->failed = true;
    }
    lucid_buf_fini(&json);
    lucid_arena_fini(&arena);
}

void x402_forward_write(const struct x402_offer *offer, const struct x402_proof *proof,
                        struct lucid_buf *out)
{
    lucid_assert(proof->form != X402_FORM_PROOF);
    lucid_buf_char(out, '{');
    lucid_json_member(out, "paymentPayload");
    jcs_write(proof->document, out);
    lucid_json_member(out, "paymentRequirements");
    requirements_write(offer, proof->form, out);
    lucid_json_member_u64(out, "x402Version", proof->form == X402_FORM_V1 ? 1 : 2);
    lucid_buf_char(out, '}');
}

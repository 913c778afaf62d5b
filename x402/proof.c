#include "x402/proof.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"

enum {
    DEPTH_MAX = 16,
    VALUES_MAX = 1024,
    SIGNATURE_DIGITS = 2 * EVM_SIGNATURE_BYTES,
};

static const struct jcs_limits limits = {.depth_max = DEPTH_MAX, .values_max = VALUES_MAX};
static const char code[] = "PAYMENT_MALFORMED";

const char *x402_form_header(enum x402_form form)
{
    switch (form) {
    case X402_FORM_V1:
        return "X-PAYMENT";
    case X402_FORM_V2:
        return "PAYMENT-SIGNATURE";
    case X402_FORM_PROOF:
        return "X-Payment-Proof";
    }
    lucid_assert(false);
}

/* What is being read, and where to say what is wrong with it. */
struct reading {
    struct x402_proof proof;
    const char *param;
    struct lucid_why *why;
};

static enum lucid_error malformed(const struct reading *reading, const char *format, ...)
    LUCID_PRINTF(2, 3);

static enum lucid_error malformed(const struct reading *reading, const char *format, ...)
{
    char text[sizeof(((struct lucid_why *)NULL)->text)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return lucid_refuse(reading->why, LUCID_REFUSE_INVALID, code, reading->param, "%s", text);
}

/* --- members --- */

/* NULL also for null, which the official readers take for absent. */
static const struct jcs_value *optional(const struct jcs_value *object, const char *name)
{
    const struct jcs_value *value = jcs_member(object, name);
    return value == NULL || jcs_type(value) == JCS_NULL ? NULL : value;
}

/* where: with its dot, "" for the document's own members. */
static enum lucid_error string_read(const struct reading *reading, const struct jcs_value *object,
                                    const char *where, const char *name, struct lucid_span *ret)
{
    const struct jcs_value *value = jcs_member(object, name);
    if (value == NULL || jcs_type(value) != JCS_STRING) {
        return malformed(reading, "%s%s must be a string", where, name);
    }
    *ret = jcs_string(value);
    return LUCID_OK;
}

static enum lucid_error object_read(const struct reading *reading, const struct jcs_value *object,
                                    const char *where, const char *name,
                                    const struct jcs_value **ret)
{
    const struct jcs_value *value = jcs_member(object, name);
    if (value == NULL || jcs_type(value) != JCS_OBJECT) {
        return malformed(reading, "%s%s must be an object", where, name);
    }
    *ret = value;
    return LUCID_OK;
}

static enum lucid_error version_read(const struct reading *reading, const struct jcs_value *root,
                                     uint64_t want)
{
    uint64_t version;
    const struct jcs_value *value = jcs_member(root, "x402Version");
    if (value == NULL || !jcs_uint(value, &version) || version != want) {
        return malformed(reading, "x402Version must be %d in this header", (int)want);
    }
    return LUCID_OK;
}

/* CAIP-2: a namespace of 3 to 8 of a-z0-9-, a colon, a reference of 1 to 32 of A-Za-z0-9_-. */
static bool is_caip2(struct lucid_span text)
{
    size_t colon = 0;
    while (colon < text.len && text.data[colon] != ':') {
        uint8_t c = text.data[colon++];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    if (colon < 3 || colon > 8 || text.len < colon + 2 || text.len > colon + 1 + 32) {
        return false;
    }
    for (size_t i = colon + 1; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return true;
}

static enum lucid_error network_read(struct reading *reading, const struct jcs_value *object,
                                     const char *where)
{
    struct lucid_span network;
    enum lucid_error error = string_read(reading, object, where, "network", &network);
    if (error == LUCID_OK && !is_caip2(network)) {
        return malformed(reading, "%snetwork must be a CAIP-2 name such as eip155:8453", where);
    }
    if (error == LUCID_OK) {
        reading->proof.network = network;
    }
    return error;
}

static enum lucid_error signature_read(struct reading *reading, const char *where,
                                       struct lucid_span text)
{
    struct x402_proof *proof = &reading->proof;
    if (text.len < 4 || text.len % 2 != 0 || text.data[0] != '0' || text.data[1] != 'x') {
        return malformed(reading, "%ssignature must be \"0x\" and hex digits", where);
    }
    proof->has_signature = true;
    proof->smart_wallet = text.len != 2 + SIGNATURE_DIGITS;
    for (size_t i = 2; i < text.len; i += 2) {
        uint8_t high;
        uint8_t low;
        if (!evm_hex_digit(text.data[i], &high) || !evm_hex_digit(text.data[i + 1], &low)) {
            return malformed(reading, "%ssignature must be \"0x\" and hex digits", where);
        }
        if (!proof->smart_wallet) {
            proof->signature.bytes[i / 2 - 1] = (uint8_t)(high << 4 | low);
        }
    }
    return LUCID_OK;
}

/* --- EIP-3009 payloads --- */

static enum lucid_error address_read(const struct reading *reading, const struct jcs_value *object,
                                     const char *name, struct evm_address *ret)
{
    static const char where[] = "payload.authorization.";
    struct lucid_span text;
    enum lucid_error error = string_read(reading, object, where, name, &text);
    if (error == LUCID_OK && !evm_address_parse(text, ret)) {
        return malformed(reading, "%s%s must be \"0x\" and 40 hex digits", where, name);
    }
    return error;
}

static enum lucid_error u256_read(const struct reading *reading, const struct jcs_value *object,
                                  const char *name, struct evm_u256 *ret)
{
    static const char where[] = "payload.authorization.";
    struct lucid_span text;
    enum lucid_error error = string_read(reading, object, where, name, &text);
    if (error == LUCID_OK && !evm_u256_parse_decimal(text, ret)) {
        return malformed(reading, "%s%s must be decimal digits of a uint256", where, name);
    }
    return error;
}

static enum lucid_error authorization_read(struct reading *reading, const struct jcs_value *object)
{
    static const char where[] = "payload.authorization.";
    struct evm_authorization *authorization = &reading->proof.authorization;
    struct lucid_span nonce;
    enum lucid_error error = address_read(reading, object, "from", &authorization->from);
    if (error == LUCID_OK) {
        error = address_read(reading, object, "to", &authorization->to);
    }
    if (error == LUCID_OK) {
        error = u256_read(reading, object, "value", &authorization->value);
    }
    if (error == LUCID_OK) {
        error = u256_read(reading, object, "validAfter", &authorization->valid_after);
    }
    if (error == LUCID_OK) {
        error = u256_read(reading, object, "validBefore", &authorization->valid_before);
    }
    if (error == LUCID_OK) {
        error = string_read(reading, object, where, "nonce", &nonce);
    }
    if (error == LUCID_OK && !evm_hash_parse(nonce, &authorization->nonce)) {
        return malformed(reading, "%snonce must be \"0x\" and 64 hex digits", where);
    }
    return error;
}

/* Other ways to move money that clients may choose where an offer allows them; ours never does. */
static const char *other_method(const struct jcs_value *payload)
{
    static const struct {
        const char *member;
        const char *method;
    } known[] = {
        {"permit2Authorization", "permit2"},
        {"delegationManager", "erc7710"},
        {"permissionContext", "erc7710"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (jcs_member(payload, known[i].member) != NULL) {
            return known[i].method;
        }
    }
    return NULL;
}

static enum lucid_error transaction_read(struct reading *reading, const struct jcs_value *payload)
{
    struct lucid_span text;
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = string_read(reading, payload, "payload.", "transaction", &text);
    if (error == LUCID_OK && x402_solana_parse(text, &reading->proof.solana, &why) != LUCID_OK) {
        return malformed(reading, "payload.transaction %s", why.text);
    }
    reading->proof.is_solana = true;
    return error;
}

static enum lucid_error payload_read(struct reading *reading, const struct jcs_value *root)
{
    const struct jcs_value *payload = NULL;
    const struct jcs_value *authorization = NULL;
    struct lucid_span signature;
    enum lucid_error error = object_read(reading, root, "", "payload", &payload);
    if (error != LUCID_OK) {
        return error;
    }
    if (jcs_member(payload, "authorization") == NULL) {
        if (jcs_member(payload, "transaction") != NULL) {
            return transaction_read(reading, payload);
        }
        if (other_method(payload) != NULL) {
            return malformed(reading,
                             "payload is of %s: only EIP-3009 authorizations and transactions of "
                             "Solana are taken",
                             other_method(payload));
        }
    }
    error = object_read(reading, payload, "payload.", "authorization", &authorization);
    if (error == LUCID_OK) {
        error = authorization_read(reading, authorization);
    }
    if (error == LUCID_OK) {
        error = string_read(reading, payload, "payload.", "signature", &signature);
    }
    return error == LUCID_OK ? signature_read(reading, "payload.", signature) : error;
}

/* --- extensions --- */

static bool is_identifier(struct lucid_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return text.len >= X402_IDENTIFIER_BYTES_MIN && text.len <= X402_IDENTIFIER_BYTES_MAX;
}

/* Clients give back the extensions of the 402; whoever has an identifier adds it there. */
static enum lucid_error extensions_read(struct reading *reading, const struct jcs_value *root)
{
    static const char name[] = "payment-identifier";
    const struct jcs_value *extensions = NULL;
    const struct jcs_value *extension = NULL;
    const struct jcs_value *info = NULL;
    struct lucid_span identifier;
    if (optional(root, "extensions") == NULL) {
        return LUCID_OK;
    }
    enum lucid_error error = object_read(reading, root, "", "extensions", &extensions);
    if (error != LUCID_OK || optional(extensions, name) == NULL) {
        return error;
    }
    error = object_read(reading, extensions, "extensions.", name, &extension);
    if (error != LUCID_OK || optional(extension, "info") == NULL) {
        return error;
    }
    error = object_read(reading, extension, "extensions.payment-identifier.", "info", &info);
    if (error != LUCID_OK || optional(info, "id") == NULL) {
        return error;
    }
    error = string_read(reading, info, "extensions.payment-identifier.info.", "id", &identifier);
    if (error == LUCID_OK && !is_identifier(identifier)) {
        return malformed(reading,
                         "extensions.payment-identifier.info.id must have %d to %d of A-Za-z0-9_-",
                         X402_IDENTIFIER_BYTES_MIN, X402_IDENTIFIER_BYTES_MAX);
    }
    if (error == LUCID_OK) {
        reading->proof.identifier = identifier;
    }
    return error;
}

/* --- the three forms --- */

static enum lucid_error v1_read(struct reading *reading, const struct jcs_value *root)
{
    enum lucid_error error = version_read(reading, root, 1);
    if (error == LUCID_OK) {
        error = string_read(reading, root, "", "scheme", &reading->proof.scheme);
    }
    if (error == LUCID_OK) {
        error = string_read(reading, root, "", "network", &reading->proof.network);
    }
    return error == LUCID_OK ? payload_read(reading, root) : error;
}

static enum lucid_error v2_read(struct reading *reading, const struct jcs_value *root)
{
    struct x402_proof *proof = &reading->proof;
    enum lucid_error error = version_read(reading, root, 2);
    if (error == LUCID_OK) {
        error = object_read(reading, root, "", "accepted", &proof->accepted);
    }
    if (error == LUCID_OK) {
        error = string_read(reading, proof->accepted, "accepted.", "scheme", &proof->scheme);
    }
    if (error == LUCID_OK) {
        error = network_read(reading, proof->accepted, "accepted.");
    }
    if (error == LUCID_OK) {
        error = payload_read(reading, root);
    }
    if (error == LUCID_OK && optional(root, "resource") != NULL) {
        const struct jcs_value *resource = NULL;
        error = object_read(reading, root, "", "resource", &resource);
        if (error == LUCID_OK) {
            error = string_read(reading, resource, "resource.", "url", &proof->resource_url);
        }
    }
    return error == LUCID_OK ? extensions_read(reading, root) : error;
}

static enum lucid_error proof_read(struct reading *reading, const struct jcs_value *root)
{
    struct x402_proof *proof = &reading->proof;
    struct lucid_span transaction;
    struct lucid_span challenge;
    struct lucid_span signature;
    enum lucid_error error = network_read(reading, root, "");
    if (error == LUCID_OK) {
        error = string_read(reading, root, "", "transaction", &transaction);
    }
    if (error == LUCID_OK && !evm_hash_parse(transaction, &proof->transaction)) {
        return malformed(reading, "transaction must be \"0x\" and 64 hex digits");
    }
    if (error == LUCID_OK) {
        error = string_read(reading, root, "", "challenge", &challenge);
    }
    if (error == LUCID_OK && x402_challenge_parse(challenge, &proof->challenge) != LUCID_OK) {
        return malformed(reading, "challenge must be that of the 402, unchanged");
    }
    const struct jcs_value *index = optional(root, "logIndex");
    if (error == LUCID_OK && index != NULL) {
        proof->has_log_index = true;
        if (!jcs_uint(index, &proof->log_index)) {
            return malformed(reading, "logIndex must be a whole number");
        }
    }
    if (error == LUCID_OK && optional(root, "signature") != NULL) {
        error = string_read(reading, root, "", "signature", &signature);
        if (error == LUCID_OK) {
            error = signature_read(reading, "", signature);
        }
    }
    return error;
}

/* The header's text as JSON. */
static enum lucid_error decode(const struct reading *reading, struct lucid_span value,
                               struct lucid_arena *arena, const struct jcs_value **ret)
{
    struct lucid_why why = {.code = NULL};
    size_t len = 0;
    if (value.len > X402_HEADER_BYTES_MAX) {
        return lucid_refuse(reading->why, LUCID_REFUSE_TOO_LARGE, code,
                            x402_form_header(reading->proof.form), "has more than %zu bytes",
                            X402_HEADER_BYTES_MAX);
    }
    uint8_t *text = lucid_arena_alloc(arena, value.len + 1);
    if (text == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    if (value.len == 0 || !lucid_base64_decode(value, text, value.len, &len)) {
        return malformed(reading, "must be standard base64 with padding");
    }
    enum lucid_error error = jcs_parse(lucid_span(text, len), &limits, arena, ret, &why);
    if (error == LUCID_RETRY_MEMORY) {
        return error;
    }
    if (error != LUCID_OK) {
        return malformed(reading, "holds no good JSON: %s", why.text);
    }
    if (jcs_type(*ret) != JCS_OBJECT) {
        return malformed(reading, "must hold a JSON object");
    }
    return LUCID_OK;
}

static enum lucid_error document_read(struct reading *reading, const struct jcs_value *root,
                                      struct x402_proof *ret)
{
    enum x402_form form = reading->proof.form;
    reading->proof.document = root;
    enum lucid_error error = form == X402_FORM_V1   ? v1_read(reading, root)
                             : form == X402_FORM_V2 ? v2_read(reading, root)
                                                    : proof_read(reading, root);
    if (error == LUCID_OK) {
        *ret = reading->proof;
    }
    return error;
}

enum lucid_error x402_proof_parse(enum x402_form form, struct lucid_span value,
                                  struct lucid_arena *arena, struct x402_proof *ret,
                                  struct lucid_why *why)
{
    struct reading reading = {.proof = {.form = form}, .param = x402_form_header(form), .why = why};
    const struct jcs_value *root;
    enum lucid_error error = decode(&reading, value, arena, &root);
    return error == LUCID_OK ? document_read(&reading, root, ret) : error;
}

enum lucid_error x402_proof_parse_document(enum x402_form form, const struct jcs_value *document,
                                           struct x402_proof *ret, struct lucid_why *why)
{
    struct reading reading = {.proof = {.form = form}, .param = "paymentPayload", .why = why};
    lucid_assert(form != X402_FORM_PROOF);
    if (jcs_type(document) != JCS_OBJECT) {
        return malformed(&reading, "must be an object");
    }
    return document_read(&reading, document, ret);
}
